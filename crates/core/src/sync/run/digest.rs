//! Whether two listings named the same people.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::sync::book::{Entries, Entry};

/// Gathers whom a listing names, page by page.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    hashes: HashSet<u64>,
    sum: u64,
}

/// A complete listing, to be compared with the next one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Digest {
    names: usize,
    sum: u64,
    nameless: u64,
    total: Option<u64>,
}

impl Names {
    pub(super) fn add(&mut self, entries: &Entries) {
        for entry in entries.get() {
            let name = match entry {
                Entry::Person(it) => Some(&it.resource_name),
                Entry::Deleted(it) => Some(&it.resource_name),
                Entry::Unreadable(it) => it.resource_name.as_ref(),
            };
            let Some(name) = name else { continue };
            let mut hasher = DefaultHasher::new();
            name.as_str().hash(&mut hasher);
            let hash = hasher.finish();
            if self.hashes.insert(hash) {
                self.sum = self.sum.wrapping_add(hash);
            }
        }
    }

    /// Distinct names, those of tombstones too.
    pub(super) fn count(&self) -> u64 {
        self.hashes.len() as u64
    }

    pub(super) fn digest(&self, nameless: u64, total: Option<u64>) -> Digest {
        Digest { names: self.hashes.len(), sum: self.sum, nameless, total }
    }
}
