//! A phone in software: what each model says of itself, and how it understands what comes back. The terminal
//! and the dashboard show the directory with it, so what works there works on a desk.

mod model;
mod page;

pub use model::Model;
pub use page::{Choice, Choices, Key, Page, Received};
