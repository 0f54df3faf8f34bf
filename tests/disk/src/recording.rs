//! What was done to a disk, and what a power cut at each moment of it would have left.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::contents::{Contents, FileNo, Op};
use crate::image::Image;
use crate::loss::Loss;

/// Everything that was done to a disk since its recording began. What was there before is taken to be
/// durable.
#[derive(Clone, Debug)]
pub struct Recording {
    start: Contents,
    pub ops: Vec<Op>,
}

impl Recording {
    pub(crate) fn from(contents: &Contents) -> Recording {
        let mut start = contents.clone();
        start.settle();
        Recording { start, ops: Vec::new() }
    }

    /// What the files of a recording are called, also those that were deleted.
    pub fn names(&self) -> BTreeMap<FileNo, Arc<str>> {
        let before = self.start.named().map(|(name, file)| (file, name.clone()));
        let created = self.ops.iter().filter_map(|op| match op {
            Op::Create { file, name } => Some((*file, name.clone())),
            _ => None,
        });
        before.chain(created).collect()
    }

    /// Begins before the first thing that was done.
    pub fn replay(&self) -> Replay<'_> {
        Replay { contents: self.start.clone(), ops: &self.ops, done: 0 }
    }
}

/// A disk to which everything is done once more, one thing after the other.
#[derive(Clone, Debug)]
pub struct Replay<'a> {
    contents: Contents,
    ops: &'a [Op],
    done: usize,
}

impl<'a> Replay<'a> {
    /// Does the next thing, and tells what it was.
    pub fn step(&mut self) -> Option<&'a Op> {
        let op = self.ops.get(self.done)?;
        self.contents.apply(op);
        self.done += 1;
        Some(op)
    }

    /// How many things have been done.
    pub fn done(&self) -> usize {
        self.done
    }

    /// What would be found if the power failed now.
    pub fn after(&self, loss: &Loss) -> Image {
        self.contents.after(loss)
    }
}
