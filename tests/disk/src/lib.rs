//! A disk in memory that can lose its power, for tests of what SQLite keeps.
//!
//! [`Disk::mount`] puts one at a folder; each database that is opened below it then lives there, with
//! write-ahead log, locks and all. Other paths stay with the real file system. The disk notes what was
//! written and what was synced, and can be asked what would be left if the power failed: see
//! [`Loss`], and [`Recording`] to ask it for each moment of a story.
//!
//! What it cannot do: make the shared memory of a log (`-shm`) fail, and lose what was synced.

mod contents;
mod image;
mod loss;
mod recording;
mod registry;
mod shm;
mod state;
mod vfs;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard};

pub use contents::{FileNo, Op, SECTOR};
pub use image::Image;
pub use loss::Loss;
pub use recording::{Recording, Replay};
pub use registry::act_as;
pub use state::Counts;

use registry::Device;
use state::State;

/// A disk at a folder. Dropping it unmounts it; connections that are still open keep their files.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
    device: Arc<Device>,
}

impl Disk {
    /// An empty disk. The folder need not exist, and what it holds on the real disk is hidden from
    /// SQLite only.
    ///
    /// # Panics
    /// When the path is not absolute, is not Unicode, or a disk is mounted there already.
    pub fn mount(folder: &Path) -> Disk {
        Disk::mount_with(folder, &Image::default())
    }

    /// A disk that holds what the image holds.
    ///
    /// # Panics
    /// As [`Disk::mount`].
    pub fn mount_with(folder: &Path, image: &Image) -> Disk {
        vfs::install();
        let device = Arc::new(Device::default());
        device.state().restore(image);
        registry::mount(folder, device.clone());
        Disk { folder: folder.to_owned(), device }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.device.state()
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What programs see now, synced or not.
    pub fn image(&self) -> Image {
        self.state().contents.image()
    }

    /// Puts this on the disk instead, all of it durable, and ends its troubles.
    ///
    /// # Panics
    /// When a file is open.
    pub fn restore(&self, image: &Image) {
        let mut state = self.state();
        let open = state.open_files();
        assert!(
            open == 0,
            "a disk is restored while {open} of its files are open; close them first"
        );
        state.restore(image);
        state.recording = None;
        (state.room, state.writes_left, state.syncs_fail) = (None, None, false);
    }

    /// How many handles are open and alive.
    pub fn open_files(&self) -> usize {
        self.state().open_files()
    }

    /// Begins to note everything that is done. What is there now counts as durable.
    pub fn record(&self) {
        let mut state = self.state();
        state.recording = Some(Recording::from(&state.contents));
    }

    /// How many things were noted so far.
    pub fn recorded_so_far(&self) -> usize {
        self.state().recording.as_ref().map_or(0, |it| it.ops.len())
    }

    /// What was noted. Nothing is noted any more.
    ///
    /// # Panics
    /// When there was no [`Disk::record`].
    #[expect(clippy::expect_used, reason = "the test forgot something")]
    pub fn recorded(&self) -> Recording {
        self.state().recording.take().expect("nothing was recorded: call `record` first")
    }

    /// The power fails. What was not synced fares as told, each open handle is dead, and all locks are
    /// free. The disk can be used again at once.
    ///
    /// Close the connections that are dead now before somebody else goes on: SQLite does not know that
    /// it died and tidies up behind itself in memory.
    pub fn lose_power(&self, loss: Loss) {
        let mut state = self.state();
        let left = state.contents.after(&loss);
        state.kill(|_| true);
        state.restore(&left);
    }

    /// A process dies, the machine goes on: its handles are dead and its locks free, and what it wrote
    /// stays, synced or not. See [`act_as`] and the caution at [`Disk::lose_power`].
    pub fn kill(&self, process: u32) {
        self.state().kill(|it| it == process);
    }

    /// Holds so many bytes at most. What does not fit is refused with `SQLITE_FULL`.
    pub fn set_room(&self, bytes: Option<u64>) {
        self.state().room = bytes;
    }

    /// Bytes in all files.
    pub fn size(&self) -> u64 {
        self.state().contents.size()
    }

    /// Refuses everything that would change the disk with an I/O error, or stops to do so.
    pub fn fail_writes(&self, fail: bool) {
        self.state().writes_left = fail.then_some(0);
    }

    /// Takes so many changes more and refuses the others, until [`Disk::fail_writes`] says otherwise.
    pub fn fail_after(&self, changes: u64) {
        self.state().writes_left = Some(changes);
    }

    /// Refuses to sync with an I/O error, or stops to do so.
    pub fn fail_syncs(&self, fail: bool) {
        self.state().syncs_fail = fail;
    }

    /// By default whoever waits for a lock comes back at once, so that even a long busy timeout is over
    /// in no time. With patience it waits for real, which is what threads that compete need.
    pub fn be_patient(&self, patient: bool) {
        self.device.be_patient(patient);
    }

    /// What was done to the disk since it was mounted.
    pub fn counts(&self) -> Counts {
        let mut sum = Counts::default();
        self.state().counts.values().for_each(|it| sum.add(it));
        sum
    }

    /// What one process did; see [`act_as`].
    pub fn counts_of(&self, process: u32) -> Counts {
        self.state().counts.get(&process).copied().unwrap_or_default()
    }

    /// Changes of the disk so far: to prove that somebody wrote nothing.
    pub fn writes(&self) -> u64 {
        let counts = self.counts();
        counts.writes + counts.names
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        registry::unmount(&self.folder);
    }
}
