//! What tests share. Nothing here knows what is being tested.

pub(crate) mod app;
pub(crate) mod book;
pub(crate) mod both;
pub(crate) mod chance;
pub(crate) mod clock;
pub(crate) mod never;
pub(crate) mod node;
pub(crate) mod phone;
pub(crate) mod postgres;
pub(crate) mod program;
pub(crate) mod python;
pub(crate) mod runs;
pub(crate) mod vault;
pub(crate) mod world;

use std::time::Duration;

/// How long a test waits for what must come, so that one that fails also ends. Nothing here takes long:
/// this is for a machine that builds and tests other things at the same time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// How often a promise that is a number of seconds is measured, until it is kept once. A machine that has
/// much else to do breaks it now and then; a program that is too slow breaks it each time.
pub(crate) const TRIES: usize = 5;

/// Whether tests should take their time: more seeds, more rounds.
#[expect(clippy::disallowed_methods, reason = "a setting of the tests, not of the program")]
pub(crate) fn long() -> bool {
    std::env::var_os("RINGBOOK_TEST_LONG").is_some_and(|value| value != "0" && !value.is_empty())
}
