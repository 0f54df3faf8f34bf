//! Performs syncs: [`engine`] takes a run step by step, [`supervisor`] starts runs, [`preview`] shows what one
//! would do.

pub mod engine;
pub mod preview;
pub mod supervisor;
