//! What a disk holds at one moment, with nothing left to lose.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// The files of a disk. Cheap to clone; a disk that is restored to it copies a file when it is first
/// written to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image(Arc<BTreeMap<Arc<str>, Arc<Vec<u8>>>>);

impl Image {
    pub(crate) fn new(files: impl IntoIterator<Item = (Arc<str>, Arc<Vec<u8>>)>) -> Image {
        Image(Arc::new(files.into_iter().collect()))
    }

    pub(crate) fn files(&self) -> &BTreeMap<Arc<str>, Arc<Vec<u8>>> {
        &self.0
    }

    /// Names of the files, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|name| &**name)
    }

    pub fn file(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(|data| data.as_slice())
    }

    /// Equal images have equal fingerprints, and others hardly ever do. Within one process.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.0.hash(&mut hasher);
        hasher.finish()
    }
}
