//! Databases of other programs: recognised by their tables before anything is written to them, and what
//! can be taken over from the one that many people come from.
//!
//! That is a Python app (FastAPI, SQLAlchemy) that keeps Google contacts for Cisco phones in SQLite. Its
//! files are only ever opened to be read.

use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rusqlite::{Connection, ErrorCode, OpenFlags, Row};

/// What the previous app keeps in every version. `email_addresses` and `alembic_version` came later.
const TABLES_OF_PREVIOUS_APP: [&str; 3] = ["contacts", "phone_numbers", "sync_states"];

/// What the database of the previous app holds, as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImportedApp {
    /// Contacts that are not marked as deleted.
    pub contacts: u64,
    pub phone_numbers: u64,
    /// Its syncs, oldest first.
    pub syncs: Vec<ImportedSync>,
    /// Rows of its history that cannot be read: without a time, or with a state that it does not know.
    pub unreadable: u64,
}

/// One sync of the previous app.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedSync {
    /// When it was last written to: at its end, or at its start if it never ended.
    pub at: Timestamp,
    pub state: ImportedState,
    /// Whether the app chose the changes only, as it does where it has a sync token.
    pub incremental: bool,
    /// Its first line; the others may name contacts.
    pub error: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportedState {
    Succeeded,
    Failed,
    /// It still says that it is syncing.
    Unfinished,
}

/// Why nothing can be taken over from a file.
#[derive(Debug, thiserror::Error)]
pub enum ForeignError {
    #[error("cannot read `{path}`: {problem}")]
    Unreadable { path: String, problem: String },
    #[error("`{0}` is no SQLite database")]
    NoDatabase(String),
    #[error(
        "`{path}` is not a database of the app that Ringbook can take over: it lacks {missing}, and has \
         {found}"
    )]
    Unknown { path: String, missing: String, found: String },
}

/// The tables of a SQLite file, without changing anything about it. None where it is not there, is empty, or cannot be
/// opened: opening it for good says why.
///
/// # Errors
/// When the file is no SQLite database, so that nothing about it may be changed.
pub(super) fn tables_of(path: &Path) -> Result<Vec<String>, rusqlite::Error> {
    match open(path).and_then(|it| tables(&it)) {
        Ok(tables) => Ok(tables),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => Err(error),
        Err(_) => Ok(Vec::new()),
    }
}

/// Whether these are the tables of a database of the previous app.
pub(super) fn is_of_previous_app(tables: &[String]) -> bool {
    missing(tables).is_empty()
}

/// Reads a database of the previous app, and writes nothing to it or beside it.
///
/// # Errors
/// When it cannot be read, or is another program's.
pub fn read_previous_app(path: &Path) -> Result<ImportedApp, ForeignError> {
    let shown = path.display().to_string();
    if let Err(error) = std::fs::File::open(path) {
        return Err(ForeignError::Unreadable { path: shown, problem: error.to_string() });
    }
    let unreadable = |error: &rusqlite::Error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => ForeignError::NoDatabase(shown.clone()),
        _ => ForeignError::Unreadable { path: shown.clone(), problem: error.to_string() },
    };
    let connection = open(path).map_err(|error| unreadable(&error))?;
    let tables = tables(&connection).map_err(|error| unreadable(&error))?;
    let missing = missing(&tables);
    if !missing.is_empty() {
        let found = match tables.as_slice() {
            [] => "no tables".to_owned(),
            tables => format!("the tables {}", quoted(tables)),
        };
        let missing = quoted(&missing);
        return Err(ForeignError::Unknown { path: shown, missing, found });
    }
    read(&connection).map_err(|error| unreadable(&error))
}

/// Every table but SQLite's own.
pub(super) const TABLES: &str = "select name from sqlite_master
    where type = 'table' and name not like 'sqlite\\_%' escape '\\' order by name";

/// Opens a file to read it, and makes nothing beside it where its program was stopped cleanly.
fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if is_at_rest(path)
        && let Some(uri) = immutable(path)
    {
        return Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI);
    }
    let connection = Connection::open_with_flags(path, flags)?;
    // The app may be running still.
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    Ok(connection)
}

/// Whether a database is in WAL mode and has no journal, as when no program has it open. To read such a one, SQLite would
/// make `-wal` and `-shm` beside it, which a connection that only reads cannot remove, nor make in a folder that cannot be
/// written. In any other mode nothing is made, and the locks of a program that writes count.
fn is_at_rest(path: &Path) -> bool {
    // The versions for writing and for reading (https://sqlite.org/fileformat.html, 1.3.3): 2 is WAL.
    let mut header = [0; 20];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut header));
    let mut journal = path.as_os_str().to_owned();
    journal.push("-wal");
    read.is_ok() && header[18..] == [2, 2] && !Path::new(&journal).exists()
}

/// The address by which SQLite reads a file that does not change meanwhile (<https://sqlite.org/uri.html>).
fn immutable(path: &Path) -> Option<String> {
    let path = std::path::absolute(path).ok()?;
    let bytes = path.as_os_str().as_bytes().iter();
    let escaped: String = bytes
        .map(|byte| match byte {
            b'/' | b'-' | b'.' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                char::from(*byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect();
    Some(format!("file://{escaped}?immutable=1"))
}

fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection.prepare(TABLES)?.query_map([], |row| row.get(0))?.collect()
}

fn missing(tables: &[String]) -> Vec<String> {
    let lacks = |name: &&&str| !tables.iter().any(|it| it == **name);
    TABLES_OF_PREVIOUS_APP.iter().filter(lacks).map(ToString::to_string).collect()
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn read(connection: &Connection) -> rusqlite::Result<ImportedApp> {
    const CONTACTS: &str = "select count(*) from contacts where not coalesce(deleted, 0)";
    const PHONES: &str = "select count(*) from phone_numbers";
    // As the app does: by time, in which it writes one row a sync. `id` is random.
    const SYNCS: &str = "
        select last_sync_at, sync_status, sync_token is not null as has_token, error_message
        from sync_states order by last_sync_at, rowid";
    let count = |sql: &str| {
        let counted = connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        counted.map(i64::unsigned_abs)
    };
    let mut before = ImportedApp {
        contacts: count(CONTACTS)?,
        phone_numbers: count(PHONES)?,
        ..ImportedApp::default()
    };
    let mut has_token = false;
    let mut syncs = connection.prepare(SYNCS)?;
    let mut rows = syncs.query([])?;
    while let Some(row) = rows.next()? {
        match sync(row, has_token) {
            Some(sync) => before.syncs.push(sync),
            None => before.unreadable += 1,
        }
        has_token = row.get("has_token")?;
    }
    Ok(before)
}

fn sync(row: &Row<'_>, incremental: bool) -> Option<ImportedSync> {
    let at: String = row.get("last_sync_at").ok()?;
    let state: String = row.get("sync_status").ok()?;
    let error: Option<String> = row.get("error_message").ok()?;
    Some(ImportedSync {
        at: time(&at)?,
        state: match state.to_ascii_lowercase().as_str() {
            "idle" => ImportedState::Succeeded,
            "error" => ImportedState::Failed,
            "syncing" => ImportedState::Unfinished,
            _ => return None,
        },
        incremental,
        error: error.as_deref().and_then(first_line),
    })
}

/// Times have no zone there, and are UTC. An offset, if there is one, counts.
fn time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse().ok().or_else(|| {
        let civil: DateTime = text.replacen(' ', "T", 1).parse().ok()?;
        TimeZone::UTC.to_timestamp(civil).ok()
    })
}

/// Longer than any sentence of that app.
const ERROR_MAX: usize = 300;

fn first_line(text: &str) -> Option<String> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(ringbook_core::contact::clean(line, ERROR_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_the_app_writes_them() {
        let read = |text: &str| time(text).map(|at| at.to_string());
        for (written, wanted) in [
            ("2026-01-04 06:15:46.415818", Some("2026-01-04T06:15:46.415818Z")),
            ("2026-01-04 06:15:46", Some("2026-01-04T06:15:46Z")),
            ("2026-01-04T06:15:46", Some("2026-01-04T06:15:46Z")),
            ("2026-01-04 06:15:46+01:00", Some("2026-01-04T05:15:46Z")),
            ("2026-13-04 06:15:46", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(read(written).as_deref(), wanted, "{written}");
        }
    }

    #[test]
    fn of_an_error_only_the_first_line_is_taken_since_the_others_may_name_contacts() {
        let text =
            "(sqlite3.IntegrityError) NOT NULL constraint failed\n[parameters: ('Ada', '+44')]";
        assert_eq!(
            first_line(text).as_deref(),
            Some("(sqlite3.IntegrityError) NOT NULL constraint failed")
        );
        assert_eq!(first_line(" \n "), None);
    }
}
