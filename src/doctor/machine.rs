//! What the machine says of itself: free space, and how much memory this process has.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::{Config, DatabaseUrl};
use crate::tasks;

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
