//! What is on a disk: what programs see, and what of it a power cut would leave.
//!
//! As on a journalling file system under Linux. A write is seen at once and is durable when its file
//! has been synced; until then each 512 bytes of it may or may not be there after a cut, independently
//! of every other write. So may the new length of a file, and the names in the folder until that is
//! synced. Bytes outside of a write never change, which is what SQLite relies on (`POWERSAFE_OVERWRITE`).
//!
//! Nothing here locks, fails or talks to SQLite.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::image::Image;
use crate::loss::{Dice, Fate, Loss};

/// A file, however it is called by now.
pub type FileNo = u32;

/// What a drive writes as a whole, or not at all.
pub const SECTOR: usize = 512;

/// One thing that was done to a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    Create {
        file: FileNo,
        name: Arc<str>,
    },
    Write {
        file: FileNo,
        offset: u64,
        data: Vec<u8>,
    },
    Truncate {
        file: FileNo,
        size: u64,
    },
    /// `folder`: the names in the folder, too.
    Sync {
        file: FileNo,
        folder: bool,
    },
    Delete {
        name: Arc<str>,
        folder: bool,
    },
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Contents {
    files: BTreeMap<FileNo, File>,
    names: BTreeMap<Arc<str>, FileNo>,
    /// Changes of names that the folder's next sync makes durable: the name, and which file it meant
    /// before. In order.
    renamings: Vec<(Arc<str>, Option<FileNo>)>,
    issued: FileNo,
    /// The file that was written or truncated last.
    touched: Option<FileNo>,
}

#[derive(Clone, Debug, Default)]
struct File {
    data: Arc<Vec<u8>>,
    /// How to undo what has not been synced, oldest first.
    unsynced: Vec<Undo>,
    /// The bytes that were there before, of all of `unsynced` in one.
    before: Vec<u8>,
    open: u32,
}

#[derive(Clone, Copy, Debug)]
struct Undo {
    /// `None`: the file was cut or grown to this length.
    written: Option<usize>,
    offset: usize,
    size_before: usize,
    /// Where in `before` its bytes begin.
    at: usize,
}

/// What has not been synced, as it will or will not be found after a cut.
enum Change {
    Write { offset: usize, data: Vec<u8> },
    Truncate { size: usize },
}

impl Contents {
    /// Everything in an image is durable.
    pub(crate) fn of(image: &Image) -> Contents {
        let mut contents = Contents::default();
        for (name, data) in image.files() {
            let file = contents.issue();
            contents.files.insert(file, File { data: data.clone(), ..File::default() });
            contents.names.insert(name.clone(), file);
        }
        contents
    }

    fn issue(&mut self) -> FileNo {
        self.issued += 1;
        self.issued
    }

    pub(crate) fn find(&self, name: &str) -> Option<FileNo> {
        self.names.get(name).copied()
    }

    pub(crate) fn named(&self) -> impl Iterator<Item = (&Arc<str>, FileNo)> {
        self.names.iter().map(|(name, file)| (name, *file))
    }

    pub(crate) fn data(&self, file: FileNo) -> &[u8] {
        self.files.get(&file).map_or(&[], |it| &it.data)
    }

    /// Bytes in all files that have a name.
    pub(crate) fn size(&self) -> u64 {
        self.names.values().map(|file| self.data(*file).len() as u64).sum()
    }

    /// What programs see now.
    pub(crate) fn image(&self) -> Image {
        Image::new(
            self.names.iter().filter_map(|(name, file)| {
                Some((name.clone(), self.files.get(file)?.data.clone()))
            }),
        )
    }

    /// Notes that everything there is has reached the disk.
    pub(crate) fn settle(&mut self) {
        for file in self.files.values_mut() {
            file.unsynced.clear();
            file.before.clear();
        }
        self.sync_folder();
    }

    /// An open file can be read and written after its name is gone.
    pub(crate) fn opened(&mut self, file: FileNo) {
        if let Some(file) = self.files.get_mut(&file) {
            file.open += 1;
        }
    }

    pub(crate) fn closed(&mut self, file: FileNo) {
        if let Some(file) = self.files.get_mut(&file) {
            file.open = file.open.saturating_sub(1);
        }
    }

    /// The number that the next file will get.
    pub(crate) fn next(&self) -> FileNo {
        self.issued + 1
    }

    pub(crate) fn apply(&mut self, op: &Op) {
        match op {
            Op::Create { name, .. } => {
                self.create(name.clone());
            }
            Op::Write { file, offset, data } => self.write(*file, *offset as usize, data),
            Op::Truncate { file, size } => self.truncate(*file, *size as usize),
            Op::Sync { file, folder } => self.sync(*file, *folder),
            Op::Delete { name, folder } => self.delete(name, *folder),
        }
    }

    pub(crate) fn create(&mut self, name: Arc<str>) -> FileNo {
        let file = self.issue();
        self.files.insert(file, File::default());
        let before = self.names.insert(name.clone(), file);
        self.renamings.push((name, before));
        file
    }

    pub(crate) fn write(&mut self, number: FileNo, offset: usize, data: &[u8]) {
        let Some(file) = self.files.get_mut(&number) else { return };
        let size = file.data.len();
        let end = offset + data.len();
        let undo =
            Undo { written: Some(data.len()), offset, size_before: size, at: file.before.len() };
        file.unsynced.push(undo);
        file.before.extend_from_slice(&file.data[offset.min(size)..end.min(size)]);
        put(Arc::make_mut(&mut file.data), offset, data);
        self.touched = Some(number);
    }

    pub(crate) fn truncate(&mut self, number: FileNo, size: usize) {
        let Some(file) = self.files.get_mut(&number) else { return };
        let size_before = file.data.len();
        let undo = Undo { written: None, offset: size, size_before, at: file.before.len() };
        file.unsynced.push(undo);
        file.before.extend_from_slice(&file.data[size.min(size_before)..]);
        Arc::make_mut(&mut file.data).resize(size, 0);
        self.touched = Some(number);
    }

    pub(crate) fn sync(&mut self, file: FileNo, folder: bool) {
        if let Some(file) = self.files.get_mut(&file) {
            file.unsynced.clear();
            file.before.clear();
        }
        if folder {
            self.sync_folder();
        }
    }

    pub(crate) fn delete(&mut self, name: &Arc<str>, folder: bool) {
        if let Some(file) = self.names.remove(name) {
            self.renamings.push((name.clone(), Some(file)));
        }
        if folder {
            self.sync_folder();
        }
    }

    fn sync_folder(&mut self) {
        self.renamings.clear();
        let named: std::collections::BTreeSet<FileNo> = self.names.values().copied().collect();
        self.files.retain(|number, file| file.open > 0 || named.contains(number));
    }

    /// What would be found if the power failed now.
    pub(crate) fn after(&self, loss: &Loss) -> Image {
        let mut dice = Dice::of(loss);
        let mut survivors = BTreeMap::new();
        for (name, file) in self.durable_names(loss, &mut dice) {
            let Some(file_now) = self.files.get(&file) else { continue };
            let last = self.touched == Some(file);
            survivors.insert(name, Arc::new(file_now.after(loss, &mut dice, last)));
        }
        Image::new(survivors)
    }

    /// Which file each name means after a cut: what it meant at the last sync, or after any of the
    /// changes since.
    fn durable_names(&self, loss: &Loss, dice: &mut Dice) -> Vec<(Arc<str>, FileNo)> {
        let mut meanings: BTreeMap<&Arc<str>, Vec<Option<FileNo>>> = BTreeMap::new();
        for (name, before) in &self.renamings {
            meanings.entry(name).or_default().push(*before);
        }
        for (name, file) in &self.names {
            meanings.entry(name).or_default().push(Some(*file));
        }
        let mut found = Vec::new();
        for (name, mut meant) in meanings {
            // Deleted in the end: no meaning is the last one.
            if !self.names.contains_key(name) {
                meant.push(None);
            }
            let which = dice.reached(loss, meant.len() - 1);
            if let Some(file) = meant[which] {
                found.push((name.clone(), file));
            }
        }
        found
    }
}

impl File {
    fn after(&self, loss: &Loss, dice: &mut Dice, last: bool) -> Vec<u8> {
        let mut data = self.data.as_ref().clone();
        if self.unsynced.is_empty() {
            return data;
        }
        let mut changes = Vec::with_capacity(self.unsynced.len());
        let mut end = self.before.len();
        for undo in self.unsynced.iter().rev() {
            let before = &self.before[undo.at..end];
            end = undo.at;
            changes.push(match undo.written {
                Some(count) => {
                    let written = data[undo.offset..undo.offset + count].to_vec();
                    data.truncate(undo.size_before);
                    Change::Write { offset: undo.offset, data: written }
                }
                None => {
                    data.resize(undo.size_before, 0);
                    Change::Truncate { size: undo.offset }
                }
            });
            if !before.is_empty() {
                put(&mut data, undo.offset, before);
            }
        }
        changes.reverse();
        let fates = dice.fates(loss, changes.len(), last);
        for (change, fate) in changes.iter().zip(fates) {
            change.redo(&mut data, fate);
        }
        data
    }
}

impl Change {
    fn redo(&self, into: &mut Vec<u8>, fate: Fate) {
        match (self, fate) {
            (_, Fate::Lost) | (Change::Truncate { .. }, Fate::Torn { .. }) => {}
            (Change::Truncate { size }, Fate::Kept) => into.resize(*size, 0),
            (Change::Write { offset, data }, Fate::Kept) => put(into, *offset, data),
            (Change::Write { offset, data }, Fate::Torn { sectors }) => {
                // The length is on the disk; of the bytes, only some.
                let end = offset + data.len();
                if into.len() < end {
                    into.resize(end, 0);
                }
                let mut from = *offset;
                let mut sector = 0;
                while from < end {
                    let to = ((from / SECTOR + 1) * SECTOR).min(end);
                    if sectors >> (sector % 64) & 1 == 1 {
                        into[from..to].copy_from_slice(&data[from - offset..to - offset]);
                    }
                    (from, sector) = (to, sector + 1);
                }
            }
        }
    }
}

fn put(into: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if into.len() < end {
        into.resize(end, 0);
    }
    into[offset..end].copy_from_slice(data);
}
