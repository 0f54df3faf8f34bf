//! Numbers and pieces of numbers that are looked for.

use crate::directory::snapshot::FIELD_END;
use ringbook_core::number::DialRules;

/// What is looked for among the numbers of contacts, in the bytes in which a snapshot keeps them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked(pub(super) Vec<Vec<u8>>);

impl Asked {
    /// Reads what somebody typed, or pasted, to find a number.
    pub fn read(text: &str, dial: &DialRules) -> Asked {
        let needle = |it: ringbook_core::number::Line| {
            // With its country it is the beginning of a number, never the end of another country's.
            let begins = it.international.then_some(FIELD_END);
            begins.into_iter().chain(it.digits.bytes()).collect()
        };
        Asked(dial.pieces(text).into_iter().map(needle).collect())
    }
}
