//! The key file: made once, read by its owner alone, replaced as a whole.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::key::{Key, KeyRing};
use super::{VaultError, random};
use ringbook_runtime::files;

const HEADING: &str = "# Ringbook's keys: what is sealed in the database opens only with them.\n\
    # The first one seals. Keep a copy apart from the copies of the database.\n";

/// By this a file is known to be the same as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: u64,
    changed: (i64, i64),
    size: u64,
}

fn stamp_of(meta: &std::fs::Metadata) -> Stamp {
    Stamp { inode: meta.ino(), changed: (meta.ctime(), meta.ctime_nsec()), size: meta.size() }
}

/// The file as it is now; `None` when there is none.
pub(super) fn stamp(path: &Path) -> Option<Stamp> {
    std::fs::metadata(path).ok().as_ref().map(stamp_of)
}

/// Reads the keys; `None` when there is no file.
pub(super) fn read(path: &Path) -> Result<Option<(KeyRing, Stamp)>, VaultError> {
    let problem = |why: String| VaultError::File { path: path.display().to_string(), why };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(problem(files::why_not(path, "read", &error))),
    };
    let meta = file.metadata().map_err(|error| problem(format!("cannot be read: {error}")))?;
    if meta.is_dir() {
        return Err(problem(files::why_not(path, "read", &io::ErrorKind::IsADirectory.into())));
    }
    if meta.mode() & 0o077 != 0 && !files::is_mounted_secret(path) {
        return Err(VaultError::OpenToOthers { path: path.display().to_string() });
    }
    let mut text = String::new();
    // No key file is nearly as large.
    let read = Read::by_ref(&mut file).take(64 << 10).read_to_string(&mut text);
    read.map_err(|error| problem(format!("cannot be read: {error}")))?;
    let text = SecretString::from(text);
    let ring = KeyRing::parse(text.expose_secret()).map_err(|why| problem(why.to_string()))?;
    Ok(Some((ring, stamp_of(&meta))))
}

/// Makes a key file where there is none. Of several processes that do so at once one is first, and
/// the others find its file.
pub(super) fn create(path: &Path) -> Result<(), VaultError> {
    let problem = |error: io::Error| VaultError::File {
        path: path.display().to_string(),
        why: match error.kind() {
            io::ErrorKind::PermissionDenied => files::why_not(path, "write", &error),
            _ => format!("cannot be made: {error}"),
        },
    };
    let ring = KeyRing::of(fresh()?);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder(path)).map_err(problem)?;
    let draft = write_draft(path, &ring).map_err(problem)?;
    // A link is made or not, never half, and never over another file.
    let linked = std::fs::hard_link(&draft, path);
    let _ = std::fs::remove_file(&draft);
    match linked {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        // A file system without links. There a second process may have to be started again.
        Err(_) => match write_new(path, &ring) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            written => written.map_err(problem)?,
        },
    }
    sync_folder(path);
    Ok(())
}

/// Puts other keys in the place of those of the file, at one stroke.
pub(super) fn replace(path: &Path, ring: &KeyRing) -> Result<(), VaultError> {
    let replaced = write_draft(path, ring).and_then(|draft| {
        std::fs::rename(&draft, path).inspect_err(|_| {
            let _ = std::fs::remove_file(&draft);
        })
    });
    replaced.map_err(|error| VaultError::File {
        path: path.display().to_string(),
        why: format!("cannot be written: {error}"),
    })?;
    sync_folder(path);
    Ok(())
}

pub(super) fn fresh() -> Result<Key, VaultError> {
    Ok(Key::new(random()?))
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A finished file beside the real one, on the disk for good.
fn write_draft(path: &Path, ring: &KeyRing) -> io::Result<PathBuf> {
    let bits: [u8; 8] = random().map_err(|error| io::Error::other(error.to_string()))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = folder(path).join(format!(".{name}.{:016x}", u64::from_le_bytes(bits)));
    write_new(&draft, ring).inspect_err(|_| {
        let _ = std::fs::remove_file(&draft);
    })?;
    Ok(draft)
}

fn write_new(path: &Path, ring: &KeyRing) -> io::Result<()> {
    let mut text = HEADING.to_owned();
    for key in ring.keys() {
        text.push_str(&key.to_text());
        text.push('\n');
    }
    let text = SecretString::from(text);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.expose_secret().as_bytes())?;
    file.sync_all()
}

fn sync_folder(path: &Path) {
    // Where a folder cannot be synced, it need not be.
    if let Ok(folder) = File::open(folder(path)) {
        let _ = folder.sync_all();
    }
}
