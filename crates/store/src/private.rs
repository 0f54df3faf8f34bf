//! Contact data is private: the folder and the files of a database are their owner's alone.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Makes a folder where there is none.
pub(super) fn folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes a database file where there is none.
pub(super) fn file(path: &Path) {
    // If this fails, opening the database says why.
    let _ = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
}

/// A database file that others may read or write, as one that was copied here or made by hand, becomes its owner's
/// alone, with the files beside it.
pub(super) fn tighten(path: &Path) {
    for end in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        let Ok(found) = std::fs::metadata(&name) else { continue };
        let mode = found.mode() & 0o7777;
        if mode & 0o077 == 0 || !found.is_file() {
            continue;
        }
        match std::fs::set_permissions(&name, Permissions::from_mode(mode & 0o700)) {
            Ok(()) => tracing::warn!(
                "others could read {} (mode {mode:04o}); now only its owner can",
                name.to_string_lossy()
            ),
            // `ringbook doctor` says so, too.
            Err(problem) => tracing::warn!(
                %problem,
                "others can read {} (mode {mode:04o}), and that cannot be changed by this user",
                name.to_string_lossy()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_others_can_read_is_closed_to_them_with_the_files_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ringbook.db");
        let wal = folder.path().join("ringbook.db-wal");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o777;
        for (before, after) in [
            (0o644, 0o600),
            (0o666, 0o600),
            (0o640, 0o600),
            (0o660, 0o600),
            (0o604, 0o600),
            (0o600, 0o600),
            (0o400, 0o400),
        ] {
            for file in [&path, &wal] {
                let _ = std::fs::remove_file(file);
                std::fs::write(file, "x").unwrap();
                std::fs::set_permissions(file, Permissions::from_mode(before)).unwrap();
            }
            tighten(&path);
            assert_eq!((mode(&path), mode(&wal)), (after, after), "{before:o}");
        }
        tighten(&folder.path().join("none"));
    }
}
