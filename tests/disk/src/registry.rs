//! Which disk is mounted where, and on whose behalf a thread works.

use std::cell::Cell;
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, RwLock};

use crate::state::State;

/// What a disk and the handles on it share.
#[derive(Debug, Default)]
pub(crate) struct Device {
    state: Mutex<State>,
    is_patient: AtomicBool,
}

impl Device {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn be_patient(&self, patient: bool) {
        self.is_patient.store(patient, Ordering::Relaxed);
    }

    /// Notes that this thread is about to wait for a lock of this disk.
    pub(crate) fn is_waited_for(&self) {
        HURRIES.set(!self.is_patient.load(Ordering::Relaxed));
    }
}

static MOUNTED: LazyLock<RwLock<HashMap<String, Arc<Device>>>> = LazyLock::new(RwLock::default);

thread_local! {
    static PROCESS: Cell<u32> = const { Cell::new(0) };
    static HURRIES: Cell<bool> = const { Cell::new(false) };
}

/// What this thread opens from now on belongs to the process of this number, for
/// [`Disk::kill`](crate::Disk::kill) and [`Disk::counts_of`](crate::Disk::counts_of). Threads begin
/// with 0.
pub fn act_as(process: u32) {
    PROCESS.set(process);
}

pub(crate) fn process() -> u32 {
    PROCESS.get()
}

/// Whether the lock that this thread waits for is one of a disk that has no patience.
pub(crate) fn hurries() -> bool {
    HURRIES.replace(false)
}

#[expect(clippy::panic, reason = "a mistake in the test")]
fn key(folder: &Path) -> &str {
    match folder.to_str().filter(|_| folder.is_absolute()) {
        Some(text) => text.trim_end_matches('/'),
        None => panic!("a disk is mounted at an absolute path in Unicode, not {folder:?}"),
    }
}

pub(crate) fn mount(folder: &Path, device: Arc<Device>) {
    let mut mounted = MOUNTED.write().unwrap_or_else(PoisonError::into_inner);
    let taken = mounted.contains_key(key(folder));
    assert!(!taken, "a disk is mounted at {folder:?} already");
    mounted.insert(key(folder).to_owned(), device);
}

pub(crate) fn unmount(folder: &Path) {
    MOUNTED.write().unwrap_or_else(PoisonError::into_inner).remove(key(folder));
}

/// The disk on which a file lies, and what the file is called there.
pub(crate) fn find(path: &str) -> Option<(Arc<Device>, &str)> {
    if !path.starts_with('/') {
        return None;
    }
    let mounted = MOUNTED.read().unwrap_or_else(PoisonError::into_inner);
    if mounted.is_empty() {
        return None;
    }
    let folders = path.rmatch_indices('/').map(|(at, _)| at);
    folders.filter_map(|at| Some((mounted.get(&path[..at])?.clone(), &path[at + 1..]))).next()
}
