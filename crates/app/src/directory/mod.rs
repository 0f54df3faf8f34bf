//! The directory that phones see: the mirror's contacts in order, in memory, always whole.
//!
//! [`Snapshot`] and its searches are pure. [`Directory`] keeps the newest one: it asks the store what has
//! changed since, each time that somebody asks.

mod asked;
mod cache;
mod callers;
mod digits;
mod grams;
mod names;
mod particles;
mod search;
mod snapshot;
#[cfg(test)]
mod tests;

pub use asked::Asked;
pub use cache::{Directory, Labels, Rules, View};
pub use callers::Caller;
pub use digits::Digits;
pub use names::{DisplayName, NameFormatter};
pub use search::{Hit, MatchRank, Scope};
pub use snapshot::{IndexedContact, Snapshot};
