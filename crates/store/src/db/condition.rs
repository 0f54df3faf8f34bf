//! What keeps the database from working, in words, from the first failure on until it works again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::ErrorCode;
use tokio_postgres::error::SqlState;

use super::DbError;
use ringbook_core::clock::{Clock, is_recent};

/// Why nothing can be written, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseTrouble {
    pub since: Timestamp,
    /// What is wrong and what to do, as one sentence without its full stop.
    pub what: String,
}

/// After a question that was not answered in time, nobody asks again for so long: others would only wait, too.
const AWAY: Duration = Duration::from_secs(1);

/// What this process knows of how its database does.
pub(crate) struct Condition {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    trouble: Option<DatabaseTrouble>,
    unanswered_at: Option<Timestamp>,
}

impl Condition {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Condition {
        Condition { clock, state: Mutex::default() }
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how a part of a writing transaction ended.
    pub(crate) fn note<T>(&self, result: Result<T, DbError>) -> Result<T, DbError> {
        if let Err(problem) = &result
            && let Some(what) = problem.hindrance()
        {
            let now = self.clock.now();
            let mut state = self.state();
            let since = state.trouble.as_ref().map_or(now, |it| it.since);
            state.trouble = Some(DatabaseTrouble { since, what });
        }
        result
    }

    /// Notes that something was written.
    pub(crate) fn written(&self) {
        self.state().trouble = None;
    }

    pub(crate) fn trouble(&self) -> Option<DatabaseTrouble> {
        self.state().trouble.clone()
    }

    /// Whether a question was left unanswered just now.
    pub(crate) fn is_away(&self) -> bool {
        let now = self.clock.now();
        self.state().unanswered_at.is_some_and(|at| is_recent(at, now, AWAY))
    }

    pub(crate) fn answered(&self, yes: bool) {
        let at = (!yes).then(|| self.clock.now());
        self.state().unanswered_at = at;
    }
}

impl DbError {
    /// What keeps the database from working, and the way out; `None` where the error is another one.
    pub fn hindrance(&self) -> Option<String> {
        match self {
            DbError::Sqlite(error) => sqlite(error).map(str::to_owned),
            DbError::Postgres(error) => match error.as_db_error() {
                Some(refusal) => refused_by_postgres(refusal),
                None => Some(format!(
                    "PostgreSQL cannot be reached ({}): look whether it runs, and at the network",
                    super::postgres_text(error)
                )),
            },
            DbError::Pool(problem) => Some(format!("PostgreSQL cannot be reached: {problem}")),
            DbError::Timeout => Some(
                "the database does not answer: look whether its server or its disk hangs"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

impl DbError {
    /// Whether it may pass by itself: the server is not there yet, or another program has locked the file.
    pub fn is_for_now(&self) -> bool {
        match self {
            DbError::Sqlite(error) => matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
            ),
            DbError::Postgres(error) => match error.code() {
                None => error.as_db_error().is_none(),
                Some(code) => [
                    SqlState::CANNOT_CONNECT_NOW,
                    SqlState::ADMIN_SHUTDOWN,
                    SqlState::CRASH_SHUTDOWN,
                    SqlState::TOO_MANY_CONNECTIONS,
                ]
                .contains(code),
            },
            DbError::Timeout => true,
            _ => false,
        }
    }
}

pub(super) fn sqlite(error: &rusqlite::Error) -> Option<&'static str> {
    Some(match error.sqlite_error_code()? {
        ErrorCode::DiskFull => "the disk of the database is full: free some space on it",
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            "the database is locked by another program: end what has it open for writing, such as a \
             `sqlite3` or a backup"
        }
        ErrorCode::ReadOnly => {
            "the database may not be written to: give this user the right to write the file and its folder, \
             and look whether the disk is mounted read-only"
        }
        ErrorCode::SystemIoFailure => {
            "the disk of the database fails (I/O error), or a limit on file sizes is reached: look at the \
             system's log"
        }
        ErrorCode::CannotOpen => {
            "the database file cannot be opened: look whether its folder is there and belongs to this user"
        }
        ErrorCode::DatabaseCorrupt => {
            "the database is damaged: stop Ringbook and restore a backup, or repair the file with \
             `sqlite3 ringbook.db .recover | sqlite3 new.db`"
        }
        ErrorCode::NotADatabase => {
            "the file is no SQLite database, or it is damaged: DATABASE_URL names another program's file, or \
             a backup has to be restored"
        }
        _ => return None,
    })
}

/// Every refusal but those of one statement's data, which come of a mistake of ours or of two writers at once, and
/// pass: classes 22 (data), 23 (integrity) and 40 (transaction rollback) of PostgreSQL's appendix A.
fn refused_by_postgres(refusal: &tokio_postgres::error::DbError) -> Option<String> {
    let code = refusal.code();
    let of_data = ["22", "23", "40"].iter().any(|class| code.code().starts_with(class));
    match postgres(code) {
        Some(what) => Some(what.to_owned()),
        None if of_data => None,
        None => Some(format!("PostgreSQL refuses: {}", refusal.message())),
    }
}

fn postgres(code: &SqlState) -> Option<&'static str> {
    Some(match *code {
        SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            "PostgreSQL does not let the user of DATABASE_URL in: look at the name and the password in it, and at \
             pg_hba.conf of the server"
        }
        SqlState::INVALID_CATALOG_NAME => {
            "the database that DATABASE_URL names is not there any more: create it, or restore a backup"
        }
        SqlState::INSUFFICIENT_PRIVILEGE => {
            "the user of DATABASE_URL may no longer write the tables: give it the rights back"
        }
        SqlState::OUT_OF_MEMORY => "PostgreSQL has no memory left",
        SqlState::DISK_FULL => "the disk of PostgreSQL is full: free some space on it",
        SqlState::READ_ONLY_SQL_TRANSACTION => {
            "PostgreSQL takes no writes: DATABASE_URL leads to a standby, or the server is set to read-only"
        }
        SqlState::CANNOT_CONNECT_NOW | SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN => {
            "PostgreSQL is starting or stopping"
        }
        SqlState::TOO_MANY_CONNECTIONS => {
            "PostgreSQL has no connection left: raise its max_connections, or close other programs"
        }
        SqlState::LOCK_NOT_AVAILABLE => "a table is locked by another program",
        SqlState::IO_ERROR => "the disk of PostgreSQL fails (I/O error)",
        SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => {
            "the database of PostgreSQL is damaged: restore a backup"
        }
        _ => return None,
    })
}
