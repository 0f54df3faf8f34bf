//! What the machine says of itself: free space, and how much memory this process has.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::{Config, DatabaseUrl};
use ringbook_runtime::tasks;

/// A network drive may hang for ever; whoever asks does not wait for it.
const PATIENCE: Duration = Duration::from_secs(1);

/// The folder of the database, and how many bytes are free there. `None` where the database is not a file, or
/// the disk does not answer.
pub async fn free_space(config: &Config) -> Option<(PathBuf, u64)> {
    let DatabaseUrl::Sqlite { path } = &config.database_url else { return None };
    let path = path.clone();
    let asked = tasks::blocking("looking at the disk", move || {
        let mut folder = std::path::absolute(path.parent().unwrap_or(Path::new("."))).ok()?;
        while !folder.exists() {
            folder = folder.parent()?.to_owned();
        }
        let found = rustix::fs::statvfs(&folder).ok()?;
        Some((folder, found.f_bavail.saturating_mul(found.f_frsize)))
    });
    tokio::time::timeout(PATIENCE, asked).await.ok()?.ok()?
}

/// How many bytes of memory this process has; `None` where the system does not say.
pub fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes << 10)
}

/// The mode of a file that others than its owner may read or write; `None` if none may.
pub fn open_to_others(path: &Path) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    let mode = std::fs::metadata(path).ok()?.mode() & 0o7777;
    (mode & 0o077 != 0).then_some(mode)
}

/// The names of this machine: its own, and the same in the domains that this network's name server completes.
pub fn names() -> Vec<String> {
    let own = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let resolver = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    names_of(own.trim(), &resolver)
}

fn names_of(own: &str, resolver: &str) -> Vec<String> {
    let Some(short) = own.split('.').next().filter(|it| !it.is_empty()) else { return Vec::new() };
    let mut names = vec![own.to_owned(), short.to_owned(), format!("{short}.local")];
    let lines = resolver.lines().map(str::split_whitespace);
    for mut words in lines {
        if matches!(words.next(), Some("search" | "domain")) {
            // The root (`.`) is a domain there, too: it completes nothing.
            let domains = words.map(|it| it.trim_matches('.')).filter(|it| !it.is_empty());
            names.extend(domains.map(|domain| format!("{short}.{domain}")));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_called_by_its_name_in_the_domains_of_its_network() {
        let resolver = "# made by hand\nnameserver 10.0.0.1\nsearch lan fritz.box.\ndomain .\n";
        let names = names_of("pbx.office.example", resolver);
        assert_eq!(names, ["pbx.office.example", "pbx", "pbx.local", "pbx.lan", "pbx.fritz.box"]);
        assert!(names_of("", resolver).is_empty());
    }
}
