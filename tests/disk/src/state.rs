//! Who has which file open, who holds which lock, what goes wrong, and what was counted.
//!
//! A handle that is not listed here is dead: the power failed, or its process was killed.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::contents::{Contents, FileNo, Op};
use crate::image::Image;
use crate::recording::Recording;
use crate::shm::Shm;

/// The locks of a database file, each including the ones before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    #[default]
    None,
    Shared,
    Reserved,
    Pending,
    Exclusive,
}

/// Why the disk did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The handle belongs to the time before the power failed, or to a process that was killed.
    Dead,
    /// Somebody else holds the lock.
    Busy,
    Full,
    /// The disk is told to fail.
    Broken,
    Missing,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) contents: Contents,
    handles: BTreeMap<u64, Handle>,
    issued: u64,
    shms: BTreeMap<FileNo, Arc<Shm>>,
    pub(crate) counts: BTreeMap<u32, Counts>,
    pub(crate) room: Option<u64>,
    /// Writes that still succeed.
    pub(crate) writes_left: Option<u64>,
    pub(crate) syncs_fail: bool,
    pub(crate) recording: Option<Recording>,
}

#[derive(Clone, Copy, Debug)]
struct Handle {
    process: u32,
    file: FileNo,
    is_wal: bool,
    /// As SQLite does under Unix: the first sync of a journal syncs its folder.
    syncs_folder: bool,
    level: Level,
    /// One bit for each lock of the shared memory.
    shared: u8,
    exclusive: u8,
    mapped: bool,
}

/// What has been done to a disk so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Writes and truncations.
    pub writes: u64,
    /// Bytes written.
    pub bytes: u64,
    pub syncs: u64,
    /// Files created and deleted.
    pub names: u64,
    /// Pages appended to a write-ahead log.
    pub frames: u64,
    /// Transactions committed to a write-ahead log.
    pub commits: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Counts) {
        self.writes += other.writes;
        self.bytes += other.bytes;
        self.syncs += other.syncs;
        self.names += other.names;
        self.frames += other.frames;
        self.commits += other.commits;
    }
}

/// How a file is opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub(crate) process: u32,
    /// The handle of the database that a journal belongs to.
    pub(crate) database: Option<u64>,
    pub(crate) create: bool,
    pub(crate) must_be_new: bool,
    pub(crate) is_wal: bool,
    pub(crate) is_journal: bool,
}

impl State {
    pub(crate) fn open_files(&self) -> usize {
        self.handles.len()
    }

    pub(crate) fn open(&mut self, name: &str, how: Opening) -> Result<u64, Trouble> {
        let process = match how.database {
            Some(database) => self.handle(database)?.process,
            None => how.process,
        };
        let file = match self.contents.find(name) {
            Some(_) if how.must_be_new => return Err(Trouble::Missing),
            Some(file) => file,
            None if how.create => {
                self.may_write()?;
                let name: Arc<str> = name.into();
                self.log(|contents| Op::Create { file: contents.next(), name: name.clone() });
                self.counts.entry(process).or_default().names += 1;
                self.contents.create(name)
            }
            None => return Err(Trouble::Missing),
        };
        self.contents.opened(file);
        self.issued += 1;
        let handle = Handle {
            process,
            file,
            is_wal: how.is_wal,
            syncs_folder: how.create && how.is_journal,
            level: Level::None,
            shared: 0,
            exclusive: 0,
            mapped: false,
        };
        self.handles.insert(self.issued, handle);
        Ok(self.issued)
    }

    pub(crate) fn close(&mut self, id: u64) {
        self.unmap(id);
        if let Some(handle) = self.handles.remove(&id) {
            self.contents.closed(handle.file);
        }
    }

    /// Every handle of these processes is dead from now on, and its locks are free.
    pub(crate) fn kill(&mut self, which: impl Fn(u32) -> bool) {
        let dying: Vec<u64> = self
            .handles
            .iter()
            .filter(|(_, handle)| which(handle.process))
            .map(|(id, _)| *id)
            .collect();
        for id in dying {
            self.close(id);
        }
    }

    pub(crate) fn restore(&mut self, image: &Image) {
        self.contents = Contents::of(image);
        self.shms.clear();
    }

    fn handle(&self, id: u64) -> Result<Handle, Trouble> {
        self.handles.get(&id).copied().ok_or(Trouble::Dead)
    }

    fn handle_mut(&mut self, id: u64) -> Result<&mut Handle, Trouble> {
        self.handles.get_mut(&id).ok_or(Trouble::Dead)
    }

    fn others(&self, id: u64, file: FileNo) -> impl Iterator<Item = &Handle> {
        let others = self.handles.iter().filter(move |(other, _)| **other != id);
        others.map(|(_, handle)| handle).filter(move |handle| handle.file == file)
    }

    fn log(&mut self, op: impl FnOnce(&Contents) -> Op) {
        if let Some(recording) = &mut self.recording {
            recording.ops.push(op(&self.contents));
        }
    }

    fn may_write(&mut self) -> Result<(), Trouble> {
        match &mut self.writes_left {
            Some(0) => Err(Trouble::Broken),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    pub(crate) fn data(&self, id: u64) -> Result<&[u8], Trouble> {
        Ok(self.contents.data(self.handle(id)?.file))
    }

    pub(crate) fn write(&mut self, id: u64, offset: usize, data: &[u8]) -> Result<(), Trouble> {
        let handle = self.handle(id)?;
        self.may_write()?;
        let fits = self.fitting(handle.file, offset, data.len());
        let taken = &data[..fits];
        if fits > 0 {
            let file = handle.file;
            self.log(|_| Op::Write { file, offset: offset as u64, data: taken.to_vec() });
            self.contents.write(file, offset, taken);
        }
        let counts = self.counts.entry(handle.process).or_default();
        counts.writes += 1;
        counts.bytes += fits as u64;
        if fits < data.len() {
            return Err(Trouble::Full);
        }
        // The header of a frame: 24 bytes, of which the second four are zero but in the last frame of
        // a transaction. The log's own header is longer.
        if handle.is_wal && data.len() == 24 {
            counts.frames += 1;
            counts.commits += u64::from(data[4..8] != [0; 4]);
        }
        Ok(())
    }

    /// How many bytes of a write a disk takes that is nearly full. A real one takes what fits, too.
    fn fitting(&self, file: FileNo, offset: usize, count: usize) -> usize {
        let Some(room) = self.room else { return count };
        let size = self.contents.data(file).len();
        let growth = (offset + count).saturating_sub(size.max(offset));
        let hole = offset.saturating_sub(size);
        let left = usize::try_from(room.saturating_sub(self.contents.size())).unwrap_or(usize::MAX);
        let lacking = growth.saturating_sub(left.saturating_sub(hole));
        count - lacking
    }

    pub(crate) fn truncate(&mut self, id: u64, size: usize) -> Result<(), Trouble> {
        let handle = self.handle(id)?;
        self.may_write()?;
        let file = handle.file;
        self.log(|_| Op::Truncate { file, size: size as u64 });
        self.contents.truncate(file, size);
        self.counts.entry(handle.process).or_default().writes += 1;
        Ok(())
    }

    pub(crate) fn sync(&mut self, id: u64) -> Result<(), Trouble> {
        let handle = self.handle(id)?;
        if self.syncs_fail {
            return Err(Trouble::Broken);
        }
        let (file, folder) = (handle.file, handle.syncs_folder);
        self.handle_mut(id)?.syncs_folder = false;
        self.log(|_| Op::Sync { file, folder });
        self.contents.sync(file, folder);
        self.counts.entry(handle.process).or_default().syncs += 1;
        Ok(())
    }

    pub(crate) fn delete(&mut self, name: &str, folder: bool, process: u32) -> Result<(), Trouble> {
        if self.contents.find(name).is_none() {
            return Err(Trouble::Missing);
        }
        self.may_write()?;
        let name: Arc<str> = name.into();
        self.log(|_| Op::Delete { name: name.clone(), folder });
        self.contents.delete(&name, folder);
        self.counts.entry(process).or_default().names += 1;
        Ok(())
    }

    pub(crate) fn lock(&mut self, id: u64, wanted: Level) -> Result<(), Trouble> {
        let handle = self.handle(id)?;
        if handle.level >= wanted {
            return Ok(());
        }
        let highest = self.others(id, handle.file).map(|it| it.level).max().unwrap_or_default();
        let refused = match wanted {
            Level::None => false,
            // Whoever waits for the readers to leave lets no new ones in.
            Level::Shared => highest >= Level::Pending,
            Level::Reserved | Level::Pending | Level::Exclusive => highest >= Level::Reserved,
        };
        if refused {
            return Err(Trouble::Busy);
        }
        let waits = wanted == Level::Exclusive && highest > Level::None;
        self.handle_mut(id)?.level = if waits { Level::Pending } else { wanted };
        if waits { Err(Trouble::Busy) } else { Ok(()) }
    }

    pub(crate) fn unlock(&mut self, id: u64, kept: Level) -> Result<(), Trouble> {
        let handle = self.handle_mut(id)?;
        handle.level = handle.level.min(kept);
        Ok(())
    }

    pub(crate) fn is_reserved(&self, id: u64) -> Result<bool, Trouble> {
        let handle = self.handle(id)?;
        Ok(handle.level >= Level::Reserved
            || self.others(id, handle.file).any(|it| it.level >= Level::Reserved))
    }

    /// The memory that the connections of a database share, made by the first that asks.
    pub(crate) fn map(&mut self, id: u64) -> Result<Arc<Shm>, Trouble> {
        let handle = self.handle_mut(id)?;
        handle.mapped = true;
        let file = handle.file;
        Ok(self.shms.entry(file).or_default().clone())
    }

    /// The memory goes with the last living connection; the next one begins with a recovery.
    pub(crate) fn unmap(&mut self, id: u64) {
        let Ok(handle) = self.handle_mut(id) else { return };
        (handle.mapped, handle.shared, handle.exclusive) = (false, 0, 0);
        let file = handle.file;
        if !self.others(id, file).any(|it| it.mapped) {
            self.shms.remove(&file);
        }
    }

    pub(crate) fn shm_lock(&mut self, id: u64, mask: u8, exclusive: bool) -> Result<(), Trouble> {
        let handle = self.handle(id)?;
        let taken = self
            .others(id, handle.file)
            .map(|it| if exclusive { it.exclusive | it.shared } else { it.exclusive })
            .fold(0, |all, it| all | it);
        if taken & mask != 0 {
            return Err(Trouble::Busy);
        }
        let handle = self.handle_mut(id)?;
        *(if exclusive { &mut handle.exclusive } else { &mut handle.shared }) |= mask;
        Ok(())
    }

    pub(crate) fn shm_unlock(&mut self, id: u64, mask: u8) -> Result<(), Trouble> {
        let handle = self.handle_mut(id)?;
        handle.exclusive &= !mask;
        handle.shared &= !mask;
        Ok(())
    }
}
