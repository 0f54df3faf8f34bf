//! The memory that the connections to one database share: the index of its write-ahead log.

use std::cell::UnsafeCell;
use std::sync::{Mutex, PoisonError};

/// Blocks of memory that never move. SQLite reads and writes them by itself, and keeps order among its
/// connections with locks and barriers.
#[derive(Debug, Default)]
pub(crate) struct Shm {
    blocks: Mutex<Vec<Box<[Cell]>>>,
}

#[derive(Debug)]
#[repr(transparent)]
struct Cell(UnsafeCell<u64>);

// SAFETY: Rust never reads or writes what is inside; it only hands out where it is.
unsafe impl Sync for Cell {}

impl Shm {
    /// Where a block begins, or `None` when there is none and none is to be made. It stays valid as
    /// long as this lives.
    pub(crate) fn block(&self, number: usize, size: usize, make: bool) -> Option<*mut u8> {
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        while make && blocks.len() <= number {
            blocks.push((0..size.div_ceil(8)).map(|_| Cell(UnsafeCell::new(0))).collect());
        }
        blocks.get(number)?.first().map(|cell| cell.0.get().cast())
    }
}
