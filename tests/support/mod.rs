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

/// Whether tests should take their time: more seeds, more rounds.
#[expect(clippy::disallowed_methods, reason = "a setting of the tests, not of the program")]
pub(crate) fn long() -> bool {
    std::env::var_os("RINGBOOK_TEST_LONG").is_some_and(|value| value != "0" && !value.is_empty())
}
