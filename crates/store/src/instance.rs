//! Who this process is, and whether another one still lives.
//!
//! A lease that has run out can be taken by anybody. But after a crash on the same machine nobody
//! should wait for that: each process holds a lock on a small file of its own for as long as it lives,
//! and the kernel lets go of it when the process is gone, however it went.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use ringbook_core::sync::RunId;

/// This process, as others see it in a lease.
#[derive(Debug)]
pub struct Instance {
    /// Unique for each process start.
    pub name: String,
    /// Host name and process number, for people.
    pub host: String,
    /// Changes with each start of the machine; empty where it cannot be known.
    pub boot: String,
    folder: PathBuf,
    /// Held, not read: the lock lives as long as the file is open.
    lock: Option<File>,
    /// Leases that were taken and not given back.
    leases: AtomicI64,
    /// Runs of this process that nobody works on any more, though they are not closed.
    given_up: Mutex<Vec<RunId>>,
}

/// Another process, as a lease names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PeerInstance {
    pub(crate) name: String,
    pub(crate) boot: String,
}

impl Instance {
    /// `folder` is where processes that share a database find each other's lock files. A folder that
    /// cannot be written to costs speed of recovery, not correctness.
    pub(crate) fn start(folder: &Path) -> Instance {
        let mut bits = [0; 12];
        // Without random numbers the process number still tells processes of one machine apart.
        let _ = getrandom::fill(&mut bits);
        let random: String = bits.iter().map(|byte| format!("{byte:02x}")).collect();
        let pid = std::process::id();
        let name = format!("{pid}-{random}");
        let read = |path: &str| {
            std::fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default()
        };
        let boot = read("/proc/sys/kernel/random/boot_id");
        let host = format!("{} (process {pid})", read("/proc/sys/kernel/hostname"));
        sweep(folder);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(file(folder, &name))
            .ok()
            .filter(|file| file.try_lock().is_ok());
        Instance {
            name,
            host,
            boot,
            folder: folder.to_owned(),
            lock,
            leases: AtomicI64::new(0),
            given_up: Mutex::default(),
        }
    }

    /// Another process on the same machine, in the same folder.
    pub(crate) fn successor(&self) -> Instance {
        Instance::start(&self.folder)
    }

    /// Notes that a lease was taken, or given back.
    pub(crate) fn holds(&self, taken: bool, now: jiff::Timestamp) {
        // The file's age then tells how long ago its process was last at work.
        if let Some(lock) = &self.lock {
            let _ = lock.set_modified(now.into());
        }
        self.leases.fetch_add(if taken { 1 } else { -1 }, Ordering::Relaxed);
    }

    pub(crate) fn gives_up(&self, run: RunId) {
        self.given_up.lock().unwrap_or_else(PoisonError::into_inner).push(run);
    }

    pub(crate) fn gave_up(&self, run: RunId) -> bool {
        self.given_up.lock().unwrap_or_else(PoisonError::into_inner).contains(&run)
    }

    /// Is this holder of a lease certainly gone? `one_machine`: the database cannot be reached from
    /// another one.
    pub(crate) fn knows_dead(&self, other: &PeerInstance, one_machine: bool) -> bool {
        if self.boot.is_empty() || other.boot.is_empty() || other.name == self.name {
            return false;
        }
        if other.boot != self.boot {
            // A file's processes are all on the machine that has the file; it has started anew since.
            return one_machine;
        }
        // A file that is not there says nothing: the process may live in another container.
        match File::open(file(&self.folder, &other.name)) {
            Ok(file) => match file.try_lock() {
                Ok(()) => true,
                Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
            },
            Err(_) => false,
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // With a lease still held, the file is what proves to others that its holder is gone.
        if self.lock.is_some() && self.leases.load(Ordering::Relaxed) <= 0 {
            let _ = std::fs::remove_file(file(&self.folder, &self.name));
        }
    }
}

fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("ringbook-{name}.alive"))
}

/// Removes the files of processes that are long gone. A file younger than a day is left: its process
/// may have died holding a lease, and the file is the proof of it.
fn sweep(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let old = entry
            .metadata()
            .and_then(|it| it.modified())
            .is_ok_and(|at| at.elapsed().is_ok_and(|age| age.as_secs() > 86_400));
        if old && name.starts_with("ringbook-") && name.ends_with(".alive") {
            let dead = File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok());
            if dead {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn other(instance: &Instance) -> PeerInstance {
        PeerInstance { name: instance.name.clone(), boot: instance.boot.clone() }
    }

    #[test]
    fn a_living_process_is_never_taken_for_dead() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (Instance::start(folder.path()), Instance::start(folder.path()));
        assert!(!one.knows_dead(&other(&two), true));
        assert!(!one.knows_dead(&other(&one), true), "least of all itself");
    }

    #[test]
    fn a_process_that_died_without_goodbye_is_known_to_be_dead() {
        let folder = tempfile::tempdir().unwrap();
        let (one, mut two) = (Instance::start(folder.path()), Instance::start(folder.path()));
        let dead = other(&two);
        // What the kernel does when a process is killed: the lock goes, the file stays.
        two.lock = None;
        assert!(one.knows_dead(&dead, true));
    }

    #[test]
    fn a_process_that_cannot_be_seen_is_not_declared_dead() {
        let folder = tempfile::tempdir().unwrap();
        let one = Instance::start(folder.path());
        let unseen = PeerInstance { name: "4711-abc".into(), boot: one.boot.clone() };
        assert!(!one.knows_dead(&unseen, true));
        let elsewhere = PeerInstance { name: "4711-abc".into(), boot: "another boot".into() };
        assert!(!one.knows_dead(&elsewhere, false), "it may be another machine");
        assert!(one.knows_dead(&elsewhere, true), "the machine was started anew");
    }
}
