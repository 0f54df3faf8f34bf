//! What the process asks of its machine: the time, background tasks, files, the environment, and
//! HTTP clients with the certificates that they trust.

mod environment;
pub mod files;
pub mod outbound;
mod system_clock;
pub mod tasks;

pub use environment::environment;
pub use system_clock::SystemClock;
