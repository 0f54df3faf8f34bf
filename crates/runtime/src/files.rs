//! Why a file cannot be used, in words: whose it is, who this process is, and the command that changes it.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use rustix::process::{getegid, geteuid};

/// Settings, keys and secrets are far smaller.
const TEXT_BYTES_MAX: u64 = 1 << 20;

/// Reads a small text file; `None` when there is none.
///
/// # Errors
/// Why it cannot be read, as a sentence about the file.
pub fn read_text(path: &Path) -> Result<Option<(String, Metadata)>, String> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(why_not(path, "read", &error)),
    };
    let meta = file.metadata().map_err(|error| why_not(path, "read", &error))?;
    if meta.is_dir() {
        return Err(a_folder());
    }
    let mut bytes = Vec::new();
    let read = file.take(TEXT_BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| why_not(path, "read", &error))?;
    if bytes.len() as u64 > TEXT_BYTES_MAX {
        return Err(format!(
            "is larger than {TEXT_BYTES_MAX} bytes, so it is not what is meant here"
        ));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err("is encoded in UTF-16; save it as UTF-8".to_owned());
    }
    match String::from_utf8(bytes) {
        // Editors on Windows write a byte order mark in front; it is no part of the text.
        Ok(text) => Ok(Some((text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned(), meta))),
        Err(_) => Err("is not UTF-8 text; save it as UTF-8".to_owned()),
    }
}

/// What a failed attempt to `act` on a file (`read`, `write`) means.
pub fn why_not(path: &Path, act: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::IsADirectory => a_folder(),
        io::ErrorKind::PermissionDenied => {
            not_permitted(path, act).unwrap_or_else(|| format!("cannot be {}: {error}", done(act)))
        }
        _ => format!("cannot be {}: {error}", done(act)),
    }
}

fn done(act: &str) -> &str {
    match act {
        "write" => "written",
        other => other,
    }
}

fn a_folder() -> String {
    "is a folder, not a file. Docker makes one where a file that is to be mounted does not exist: stop \
     the container, remove the folder, put the file there, and start again"
        .to_owned()
}

/// Whose a file is, and how this process may get at it; `None` when nothing is wrong with that.
fn not_permitted(path: &Path, act: &str) -> Option<String> {
    // Where the file itself cannot be looked at, a folder above it is what is closed.
    let (at, meta) = std::iter::successors(Some(path), |it| it.parent())
        .find_map(|it| Some((shown_folder(it), std::fs::metadata(shown_folder(it)).ok()?)))?;
    let (uid, owner) = (geteuid().as_raw(), meta.uid());
    let me = user_name(uid);
    if owner == uid {
        let right = if meta.is_dir() { "u+rwx" } else { "u+rw" };
        return Some(format!(
            "cannot be {}: {} belongs to this user ({me}) and is closed to it; chmod {right} {}",
            done(act),
            at.display(),
            at.display()
        ));
    }
    Some(format!(
        "cannot be {}: {} belongs to {}, and Ringbook runs as {me}; chown {me} {}",
        done(act),
        at.display(),
        user_name(owner),
        at.display()
    ))
}

fn shown_folder(path: &Path) -> PathBuf {
    if path.as_os_str().is_empty() { PathBuf::from(".") } else { path.to_owned() }
}

/// Why this process could not work with a database file: it or one of its companions, or its folder, belongs to
/// somebody else. So it is after a start as root and then as the service's user. `None` when all is well, or
/// nothing is there yet.
pub fn closed_database(path: &Path) -> Option<String> {
    if path.is_dir() {
        return Some(format!("{} {}", path.display(), a_folder()));
    }
    let companion = |end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    let folder = shown_folder(path.parent().unwrap_or(Path::new("")));
    let files = [folder.clone(), path.to_owned(), companion("-wal"), companion("-shm")];
    let may = |file: &PathBuf| match file.is_dir() {
        true => access(file, Access::WRITE_OK | Access::EXEC_OK),
        false => access(file, Access::READ_OK | Access::WRITE_OK),
    };
    let is_read_only = |file: &&PathBuf| {
        file.exists() && may(file).is_err_and(|problem| problem == rustix::io::Errno::ROFS)
    };
    if let Some(file) = files.iter().find(is_read_only) {
        return Some(format!(
            "{} is on a file system that is mounted read-only; mount it for writing, or move the database with \
             DATABASE_URL",
            file.display()
        ));
    }
    let closed = files.iter().find(|file| {
        file.exists() && may(file).is_err_and(|problem| problem == rustix::io::Errno::ACCESS)
    })?;
    let owner = std::fs::metadata(closed).ok()?.uid();
    let uid = geteuid().as_raw();
    let me = user_name(uid);
    let shown = closed.display();
    // Only what is ours is named: the folder may hold other things.
    let all = if *closed == folder { format!("{shown}") } else { format!("{}*", path.display()) };
    Some(match owner == uid {
        true => format!(
            "{shown} belongs to this user ({me}), which may not write it; chmod u+rwX {all}"
        ),
        false => format!(
            "{shown} belongs to {}, and Ringbook runs as {me}, which may not write it. That is so after a \
             start as another user. As root: chown {me} {all}",
            user_name(owner)
        ),
    })
}

/// Whether a file is where Docker and Kubernetes mount secrets: nobody changes rights there, and only this
/// container sees it.
pub fn is_mounted_secret(path: &Path) -> bool {
    let is_read_only = rustix::fs::statvfs(path)
        .is_ok_and(|it| it.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY));
    is_read_only || path.starts_with("/run/secrets")
}

/// Why a file in the working folder must not be believed: somebody else could have put it there.
pub fn distrust(path: &Path, meta: &Metadata) -> Option<String> {
    let folder = shown_folder(path.parent().unwrap_or(Path::new("")));
    let about = |meta: &Metadata| Owned { uid: meta.uid(), gid: meta.gid(), mode: meta.mode() };
    let us = geteuid().as_raw();
    let private = |gid: u32| gid == getegid().as_raw() && is_alone(us, gid);
    if let Some(why) = about(meta).distrust(us, private) {
        return Some(format!("{why}; {}", way_out(path)));
    }
    let Ok(meta) = std::fs::metadata(&folder) else { return None };
    let why = about(&meta).distrust(us, private)?;
    // In a folder like /tmp, where anybody makes files and nobody replaces another's, the file's owner counts.
    if meta.mode() & 0o1000 != 0 && matches!(why, Distrust::Writable) {
        return None;
    }
    Some(format!("its folder {why}; {}", way_out(&std::path::absolute(&folder).unwrap_or(folder))))
}

fn way_out(path: &Path) -> String {
    let me = user_name(geteuid().as_raw());
    let path = path.display();
    format!(
        "what it says could come from somebody else, so it is not read. If it is yours: chown {me} {path} \
         && chmod go-w {path}; else start Ringbook in another folder"
    )
}

struct Owned {
    uid: u32,
    gid: u32,
    mode: u32,
}

enum Distrust {
    Owner(u32),
    Writable,
}

impl std::fmt::Display for Distrust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Distrust::Owner(uid) => write!(f, "belongs to {}", user_name(*uid)),
            Distrust::Writable => f.write_str("can be written by other users"),
        }
    }
}

impl Owned {
    fn distrust(&self, us: u32, is_private: impl Fn(u32) -> bool) -> Option<Distrust> {
        if self.uid != us && self.uid != 0 {
            return Some(Distrust::Owner(self.uid));
        }
        // Where each user has a group of their own, files are made writable for it.
        let by_group = self.mode & 0o020 != 0 && self.gid != 0 && !is_private(self.gid);
        (by_group || self.mode & 0o002 != 0).then_some(Distrust::Writable)
    }
}

/// Whether nobody but this user is in a group.
fn is_alone(uid: u32, gid: u32) -> bool {
    let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    is_alone_by(&text("/etc/passwd"), &text("/etc/group"), uid, gid)
}

/// The same, by what `/etc/passwd` and `/etc/group` say. Of a group that is not listed there (LDAP, Active Directory)
/// it is not known who is in it: `domain users` is everybody.
fn is_alone_by(users: &str, groups: &str, uid: u32, gid: u32) -> bool {
    let (uid, gid) = (uid.to_string(), gid.to_string());
    let field = |line: &'_ str, at| line.split(':').nth(at).unwrap_or_default().to_owned();
    let mine = |line: &&str| field(line, 2) == uid;
    let me = users.lines().find(mine).map(|line| field(line, 0));
    let listed: Vec<&str> = groups.lines().filter(|line| field(line, 2) == gid).collect();
    let mut members = listed.iter().flat_map(|line| {
        let members = field(line, 3);
        members.split(',').map(|it| it.trim().to_owned()).collect::<Vec<_>>()
    });
    let has_others = users.lines().any(|line| field(line, 3) == gid && !mine(&line))
        || members.any(|it| !it.is_empty() && Some(it) != me);
    !listed.is_empty() && !has_others
}

/// What a user is called here; its number where it has no name.
pub fn user_name(uid: u32) -> String {
    let number = uid.to_string();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = users.lines().find(|line| line.split(':').nth(2) == Some(&number));
    user.and_then(|line| line.split(':').next()).map_or(number, str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_that_nobody_else_can_change_are_believed() {
        let owned = |uid, gid, mode| Owned { uid, gid, mode }.distrust(1000, |gid| gid == 1000);
        for (uid, gid, mode) in [
            (1000, 100, 0o600),
            (1000, 100, 0o644),
            (1000, 1000, 0o664),
            (0, 0, 0o644),
            (0, 0, 0o664),
            (1000, 100, 0o755),
        ] {
            assert!(owned(uid, gid, mode).is_none(), "{uid} {gid} {mode:o}");
        }
        for (uid, gid, mode) in [
            (1001, 1000, 0o600),
            (1000, 100, 0o664),
            (1000, 1000, 0o666),
            (0, 100, 0o664),
            (0, 0, 0o777),
        ] {
            assert!(owned(uid, gid, mode).is_some(), "{uid} {gid} {mode:o}");
        }
    }

    #[test]
    fn a_group_is_private_only_where_it_is_listed_and_nobody_else_is_in_it() {
        let users = "root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n\
                     grace:x:1001:100::/home/grace:/bin/sh\nbob:x:1002:1002::/:/bin/sh\n";
        let groups = "root:x:0:\nada:x:1000:\nusers:x:100:\nstaff:x:50:ada,grace\nown:x:51:ada\n\
                      bob:x:1002:grace\nempty:x:52:\n";
        for (uid, gid, is_private) in [
            (1000, 1000, true),
            (1000, 51, true),
            (1000, 52, true),
            (1000, 100, false),
            (1000, 50, false),
            (1002, 1002, false),
            // Of a directory service: neither the group nor the user stands in a file.
            (1000, 70_513, false),
            (80_001, 70_513, false),
            (80_001, 1000, false),
            (80_001, 52, true),
        ] {
            assert_eq!(is_alone_by(users, groups, uid, gid), is_private, "{uid} {gid}");
        }
        assert!(!is_alone_by("", "", 1000, 1000));
    }

    #[test]
    fn what_is_no_text_is_told_with_the_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let said = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            read_text(&path).map(|it| it.unwrap().0)
        };
        assert_eq!(said("good", "Grüße\r\n".as_bytes()), Ok("Grüße\r\n".to_owned()));
        assert!(said("utf-16", &[0xff, 0xfe, b'A', 0]).unwrap_err().contains("UTF-16"));
        assert!(said("latin-1", &[b'A', 0xfc]).unwrap_err().contains("save it as UTF-8"));
        assert!(said("large", &vec![b'x'; (1 << 20) + 1]).unwrap_err().contains("larger"));
        assert!(read_text(folder.path()).unwrap_err().contains("Docker"));
        assert!(read_text(&folder.path().join("none")).unwrap().is_none());
    }

    #[test]
    fn what_docker_made_a_folder_of_is_told() {
        let folder = tempfile::tempdir().unwrap();
        assert!(closed_database(folder.path()).unwrap().contains("Docker"));
        assert_eq!(closed_database(&folder.path().join("new.db")), None);
        assert!(is_mounted_secret(Path::new("/run/secrets/key")));
        assert!(!is_mounted_secret(folder.path()));
    }
}
