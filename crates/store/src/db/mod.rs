//! The only place that knows there are two databases.
//!
//! Both get the same SQL text: `$1` placeholders, integers, texts and bytes. [`Tx::each`] runs an
//! insert for many rows and [`Tx::among`] a select over a list of keys, in the way each database likes.

mod condition;
mod facts;
mod reach;
mod text;
mod values;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio_postgres::types::{ToSql, Type};

pub use self::condition::DatabaseTrouble;
pub use self::facts::DatabaseFacts;
pub(crate) use self::values::{Arg, Row, int};

use self::condition::Condition;
use self::reach::{Pool, Reach};
use self::text::{chunk, lists, numbered, tuples};
use self::values::Value;
use ringbook_core::clock::{Clock, after};

/// Why the database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    #[error("{}", sqlite_text(.0))]
    Sqlite(#[from] rusqlite::Error),
    #[error("PostgreSQL: {}", postgres_text(.0))]
    Postgres(#[from] tokio_postgres::Error),
    #[error("no connection to PostgreSQL: {0}")]
    Pool(String),
    #[error("the database did not answer in time")]
    Timeout,
    /// It cannot be what was meant. The text holds no part of a password.
    #[error("DATABASE_URL: {0}")]
    Url(String),
    /// A row is not what the query promised. Only a mistake of ours or a tampered database does this.
    #[error("column {column} of a row is not {expected}")]
    Shape { column: usize, expected: &'static str },
    #[error("the database holds `{0}`, which this version does not know")]
    Word(String),
    #[error("a stored contact cannot be read: {0}")]
    Content(String),
    #[error("a stored secret: {0}")]
    Vault(#[from] crate::vault::VaultError),
}

impl From<ringbook_core::sync::UnknownWord> for DbError {
    fn from(word: ringbook_core::sync::UnknownWord) -> DbError {
        DbError::Word(word.0)
    }
}

fn sqlite_text(error: &rusqlite::Error) -> String {
    match condition::sqlite(error) {
        Some(words) => format!("{words} (SQLite: {error})"),
        None => format!("SQLite: {error}"),
    }
}

/// tokio-postgres says only "db error" by itself.
fn postgres_text(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("{} ({})", db.message(), db.code().code()),
        None => match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}

/// No statement may take longer; a run would rather fail than hang for ever.
const TIMEOUT: Duration = Duration::from_secs(40);
/// How long SQLite waits for another process to finish writing.
const SQLITE_BUSY: Duration = Duration::from_secs(15);
/// A reader is kept from reading only for moments, unless another program has locked the whole file. It then
/// tries again at its leisure, and whoever is in a hurry gives up.
const SQLITE_READ_BUSY: Duration = Duration::from_millis(100);
/// Idle SQLite connections that are kept for readers.
const READERS_KEPT: usize = 4;
const STATEMENTS_CACHED: usize = 128;

/// A database that can be asked.
#[derive(Clone)]
pub(crate) enum Db {
    Sqlite(Arc<Sqlite>),
    Postgres(Arc<Postgres>),
}

/// Connections to a server.
pub(crate) struct Postgres {
    pool: Pool,
    condition: Arc<Condition>,
}

/// A connection in use. One on which a question was left without an answer is closed and not used again: the
/// next question would wait behind it.
struct Lent(Option<deadpool_postgres::Object>);

impl Lent {
    fn client(&self) -> Result<&deadpool_postgres::Object, DbError> {
        self.0.as_ref().ok_or_else(|| DbError::Pool("the connection was given back".to_owned()))
    }

    fn give_back(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(client) = self.0.take() {
            drop(deadpool_postgres::Object::take(client));
        }
    }
}

/// One writer, and as many readers as there are threads that read at once.
pub(crate) struct Sqlite {
    path: PathBuf,
    writer: Arc<AsyncMutex<rusqlite::Connection>>,
    readers: Mutex<Vec<rusqlite::Connection>>,
    condition: Arc<Condition>,
}

/// A writing transaction. Dropped without [`Tx::commit`], it leaves nothing behind.
pub(crate) struct Tx {
    kind: TxKind,
    condition: Arc<Condition>,
}

/// The one writing connection. The inner lock is never waited for; it lets a transaction be shared
/// between threads.
type Writer = Mutex<OwnedMutexGuard<rusqlite::Connection>>;

enum TxKind {
    Sqlite { writer: Writer, open: bool },
    Postgres { client: Option<Box<deadpool_postgres::Object>> },
}

impl Db {
    /// Opens or creates a database file.
    pub(crate) async fn sqlite(path: &Path, clock: Arc<dyn Clock>) -> Result<Db, DbError> {
        // Switching a new file to WAL needs it alone for a moment, and SQLite does not wait for that
        // by itself. Several processes may start at once.
        let mut tries = 0;
        let writer = loop {
            match connect(path, 6_000, SQLITE_BUSY) {
                Ok(connection) => break connection,
                Err(error) if is_busy(&error) && tries < 300 => {
                    tries += 1;
                    let nap = Duration::from_millis(20);
                    clock.sleep_until(after(clock.now(), nap)).await;
                }
                Err(error) => return Err(error.into()),
            }
        };
        Ok(Db::Sqlite(Arc::new(Sqlite {
            path: path.to_owned(),
            writer: Arc::new(AsyncMutex::new(writer)),
            readers: Mutex::default(),
            condition: Arc::new(Condition::new(clock)),
        })))
    }

    /// Prepares a pool of connections; the first is made when it is needed.
    pub(crate) fn postgres(url: &str, clock: Arc<dyn Clock>) -> Result<Db, DbError> {
        let reach = Reach::parse(url)?;
        let (mut config, mode) = (reach.config.clone(), reach.mode);
        config.application_name("ringbook");
        config.connect_timeout(Duration::from_secs(10));
        config.tcp_user_timeout(TIMEOUT);
        config.keepalives_idle(Duration::from_secs(30));
        let options = deadpool_postgres::ManagerConfig::default();
        let manager = deadpool_postgres::Manager::from_connect(config, reach, options);
        let set_up = deadpool_postgres::Hook::async_fn(|client, _| {
            Box::pin(async move {
                // Nothing may wait for ever: a stalled statement ends. So does the transaction of a
                // process that was frozen in the middle of it, and before its lease does: as long as
                // it is open nobody else can take that lease, however long it has run out.
                client
                    .batch_execute(
                        "set statement_timeout = '30s'; set lock_timeout = '15s'; \
                         set idle_in_transaction_session_timeout = '5s'; \
                         set client_min_messages = warning",
                    )
                    .await
                    .map_err(deadpool_postgres::HookError::Backend)
            })
        });
        let pool = deadpool_postgres::Pool::builder(manager)
            .max_size(16)
            .wait_timeout(Some(TIMEOUT))
            .create_timeout(Some(TIMEOUT))
            .runtime(deadpool_postgres::Runtime::Tokio1)
            .post_create(set_up)
            .build()
            .map_err(|error| DbError::Pool(error.to_string()))?;
        let condition = Arc::new(Condition::new(clock));
        Ok(Db::Postgres(Arc::new(Postgres { pool: Pool::new(pool, mode), condition })))
    }

    pub(crate) fn dialect(&self) -> &'static str {
        match self {
            Db::Sqlite(_) => "sqlite",
            Db::Postgres(_) => "postgres",
        }
    }

    /// The database file, if it is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Db::Sqlite(sqlite) => Some(&sqlite.path),
            Db::Postgres(_) => None,
        }
    }

    /// Whether somebody uses a connection now, or waits for one. SQLite answers before it could be asked.
    pub(crate) fn is_busy(&self) -> bool {
        match self {
            Db::Sqlite(_) => false,
            Db::Postgres(postgres) => {
                let it = postgres.pool.status();
                it.size + it.waiting > it.available
            }
        }
    }

    /// All rows of a select. Never waits for a writer.
    pub(crate) async fn rows(&self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>, DbError> {
        match self {
            // A read takes microseconds, less than it costs to hand it to another thread.
            Db::Sqlite(sqlite) => {
                let clock = sqlite.condition.clock().clone();
                let mut waited = Duration::ZERO;
                loop {
                    let read = sqlite.read(|connection| sqlite_rows(connection, sql, args));
                    match read {
                        Err(DbError::Sqlite(error)) if is_busy(&error) && waited < SQLITE_BUSY => {
                            waited += 2 * SQLITE_READ_BUSY;
                            clock.sleep_until(after(clock.now(), SQLITE_READ_BUSY)).await;
                        }
                        read => return read,
                    }
                }
            }
            Db::Postgres(postgres) => {
                let lent = Lent(Some(postgres.pool.get().await?));
                let rows = within(postgres_rows(lent.client()?, sql, args)).await;
                if !matches!(rows, Err(DbError::Timeout)) {
                    lent.give_back();
                }
                rows
            }
        }
    }

    pub(crate) async fn row(&self, sql: &str, args: &[Arg<'_>]) -> Result<Option<Row>, DbError> {
        Ok(self.rows(sql, args).await?.into_iter().next())
    }

    /// The rows whose key is in a list. See [`Tx::among`].
    pub(crate) async fn among(
        &self,
        sql: &str,
        fixed: &[Arg<'_>],
        keys: &[Arg<'_>],
    ) -> Result<Vec<Row>, DbError> {
        let mut rows = Vec::with_capacity(keys.len());
        for (sql, args) in lists(sql, fixed, keys) {
            rows.extend(self.rows(&sql, &args).await?);
        }
        Ok(rows)
    }

    /// Begins a writing transaction. On SQLite it is the only one; others wait for it.
    pub(crate) async fn begin(&self) -> Result<Tx, DbError> {
        self.begin_as(false).await
    }

    /// Like [`Db::begin`], for what must survive a power cut the moment it is committed: words of
    /// people, grants, and numbers that were given out. Data of a sync need not: a lost commit is only
    /// fetched again.
    pub(crate) async fn begin_durable(&self) -> Result<Tx, DbError> {
        self.begin_as(true).await
    }

    async fn begin_as(&self, durable: bool) -> Result<Tx, DbError> {
        let condition = self.condition().clone();
        condition.note(self.open(durable, condition.clone()).await)
    }

    async fn open(&self, durable: bool, condition: Arc<Condition>) -> Result<Tx, DbError> {
        match self {
            Db::Sqlite(sqlite) => {
                let writer = tokio::time::timeout(TIMEOUT, sqlite.writer.clone().lock_owned())
                    .await
                    .map_err(|_| DbError::Timeout)?;
                let level = if durable { "full" } else { "normal" };
                blocking(|| {
                    writer.pragma_update(None, "synchronous", level)?;
                    // Deferred transactions that turn to writing fail at once when somebody else
                    // writes, whatever the busy timeout says.
                    writer.execute_batch("begin immediate")
                })?;
                let kind = TxKind::Sqlite { writer: Mutex::new(writer), open: true };
                Ok(Tx { kind, condition })
            }
            Db::Postgres(postgres) => {
                let client = postgres.pool.get().await?;
                let kind = TxKind::Postgres { client: Some(Box::new(client)) };
                let tx = Tx { kind, condition };
                within(async { Ok(tx.client()?.batch_execute("begin").await?) }).await?;
                Ok(tx)
            }
        }
    }

    /// Writes everything anew, so that nothing is left of what was overwritten. On PostgreSQL only a
    /// table; its write-ahead log and its archives are the administrator's.
    pub(crate) async fn wipe(&self, table: &str) -> Result<(), DbError> {
        match self {
            Db::Sqlite(sqlite) => {
                let writer = sqlite.writer.lock().await;
                blocking(|| {
                    writer.pragma_update(None, "synchronous", "full")?;
                    writer.execute_batch("vacuum")?;
                    // The old pages are in the log, too.
                    let busy: i64 =
                        writer
                            .query_row("pragma wal_checkpoint(truncate)", [], |row| row.get(0))?;
                    if busy == 0 { Ok(()) } else { Err(DbError::Timeout) }
                })
            }
            Db::Postgres(postgres) => {
                let client = postgres.pool.get().await?;
                within(async { Ok(client.batch_execute(&format!("vacuum full {table}")).await?) })
                    .await
            }
        }
    }

    /// What this process knows of how the database does.
    pub(crate) fn condition(&self) -> &Arc<Condition> {
        match self {
            Db::Sqlite(sqlite) => &sqlite.condition,
            Db::Postgres(postgres) => &postgres.condition,
        }
    }

    /// Brings what is in SQLite's log into the file, once nobody has written for a while: a copy of the file
    /// alone is whole then. Does nothing while others read or write; then it is tried again.
    pub(crate) async fn settle(&self, quiet: Duration) {
        let Db::Sqlite(sqlite) = self else { return };
        // Other processes write, too.
        if !sqlite.log_is_quiet(quiet) {
            return;
        }
        if let Ok(writer) = sqlite.writer.try_lock() {
            // Not waited for: it would hold up whoever wants to write.
            let _ = blocking(|| -> rusqlite::Result<()> {
                writer.busy_timeout(Duration::ZERO)?;
                let settled = writer.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()));
                writer.busy_timeout(SQLITE_BUSY)?;
                settled
            });
        }
    }

    /// Gives memory back after much work.
    pub(crate) async fn relax(&self) {
        if let Db::Sqlite(sqlite) = self {
            let writer = sqlite.writer.lock().await;
            let _ = blocking(|| writer.execute_batch("pragma shrink_memory"));
        }
    }
}

impl Tx {
    fn client(&self) -> Result<&deadpool_postgres::Object, DbError> {
        match &self.kind {
            TxKind::Postgres { client: Some(client) } => Ok(client),
            _ => Err(DbError::Pool("the transaction is over".to_owned())),
        }
    }

    pub(crate) async fn rows(&self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>, DbError> {
        match &self.kind {
            TxKind::Sqlite { writer, .. } => blocking(|| sqlite_rows(&hold(writer), sql, args)),
            TxKind::Postgres { .. } => within(postgres_rows(self.client()?, sql, args)).await,
        }
    }

    pub(crate) async fn row(&self, sql: &str, args: &[Arg<'_>]) -> Result<Option<Row>, DbError> {
        Ok(self.rows(sql, args).await?.into_iter().next())
    }

    /// How many rows the statement touched.
    pub(crate) async fn exec(&self, sql: &str, args: &[Arg<'_>]) -> Result<u64, DbError> {
        self.condition.note(self.executed(sql, args).await)
    }

    async fn executed(&self, sql: &str, args: &[Arg<'_>]) -> Result<u64, DbError> {
        match &self.kind {
            TxKind::Sqlite { writer, .. } => blocking(|| {
                let writer = hold(writer);
                let mut statement = writer.prepare_cached(&numbered(sql))?;
                let touched = statement.execute(rusqlite::params_from_iter(args))?;
                Ok(touched as u64)
            }),
            TxKind::Postgres { .. } => {
                let client = self.client()?;
                within(async {
                    let statement = client.prepare_cached(sql).await?;
                    Ok(client.execute_raw(&statement, args).await?)
                })
                .await
            }
        }
    }

    /// Runs an insert for many rows. `sql` holds one tuple after `values`; SQLite gets it row by row
    /// through one prepared statement, PostgreSQL many tuples at a time.
    pub(crate) async fn each(&self, sql: &str, rows: &[Vec<Arg<'_>>]) -> Result<u64, DbError> {
        match &self.kind {
            TxKind::Sqlite { writer, .. } => self.condition.note(blocking(|| {
                let writer = hold(writer);
                let mut statement = writer.prepare_cached(&numbered(sql))?;
                let mut touched = 0;
                for row in rows {
                    touched += statement.execute(rusqlite::params_from_iter(row))? as u64;
                }
                Ok(touched)
            })),
            TxKind::Postgres { .. } => {
                let mut touched = 0;
                let mut rest = rows;
                while let Some(first) = rest.first() {
                    let size = chunk(rest.len(), 256);
                    let (now, later) = rest.split_at(size);
                    let text = tuples(sql, first.len(), size);
                    let args: Vec<Arg<'_>> = now.iter().flatten().cloned().collect();
                    touched += self.exec(&text, &args).await?;
                    rest = later;
                }
                Ok(touched)
            }
        }
    }

    /// Runs a select whose text has `in ($list)` for keys of any number. `fixed` are `$1`, `$2`, ….
    pub(crate) async fn among(
        &self,
        sql: &str,
        fixed: &[Arg<'_>],
        keys: &[Arg<'_>],
    ) -> Result<Vec<Row>, DbError> {
        let mut rows = Vec::with_capacity(keys.len());
        for (sql, args) in lists(sql, fixed, keys) {
            rows.extend(self.rows(&sql, &args).await?);
        }
        Ok(rows)
    }

    /// Runs statements without arguments, such as a migration.
    pub(crate) async fn script(&self, sql: &str) -> Result<(), DbError> {
        match &self.kind {
            TxKind::Sqlite { writer, .. } => Ok(blocking(|| hold(writer).execute_batch(sql))?),
            TxKind::Postgres { .. } => {
                let client = self.client()?;
                within(async { Ok(client.batch_execute(sql).await?) }).await
            }
        }
    }

    /// The time by which leases are judged.
    ///
    /// Holders on PostgreSQL may sit on several machines whose clocks differ, so the database's own
    /// clock decides there. A SQLite file has one machine, and so one clock.
    pub(crate) async fn now(&self, clock: &dyn Clock) -> Result<Timestamp, DbError> {
        const NOW: &str = "select cast(extract(epoch from clock_timestamp()) * 1000000 as bigint)";
        match &self.kind {
            TxKind::Sqlite { .. } => Ok(clock.now()),
            TxKind::Postgres { .. } => self
                .row(NOW, &[])
                .await?
                .ok_or(DbError::Shape { column: 0, expected: "a time" })?
                .time(0),
        }
    }

    /// Keeps other processes out of the statements that follow, until the transaction ends.
    pub(crate) async fn alone(&self) -> Result<(), DbError> {
        // Any number that no other program picks; SQLite's writers are alone anyway.
        const LOCK: &str = "select cast(pg_advisory_xact_lock(7238901743120) as text)";
        if matches!(self.kind, TxKind::Postgres { .. }) {
            self.rows(LOCK, &[]).await?;
        }
        Ok(())
    }

    pub(crate) async fn commit(mut self) -> Result<(), DbError> {
        let condition = self.condition.clone();
        condition.note(self.committed().await)?;
        condition.written();
        Ok(())
    }

    async fn committed(&mut self) -> Result<(), DbError> {
        match &mut self.kind {
            TxKind::Sqlite { writer, open } => {
                blocking(|| hold(writer).execute_batch("commit"))?;
                *open = false;
                Ok(())
            }
            TxKind::Postgres { client } => {
                let Some(taken) = client.take() else {
                    return Err(DbError::Pool("the transaction is over".to_owned()));
                };
                let result = within(async { Ok(taken.batch_execute("commit").await?) }).await;
                if result.is_err() {
                    // Whether it was committed is unknown; the connection must not be used again.
                    drop(deadpool_postgres::Object::take(*taken));
                }
                result
            }
        }
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        match &mut self.kind {
            TxKind::Sqlite { writer, open } => {
                if *open {
                    let _ = blocking(|| hold(writer).execute_batch("rollback"));
                }
            }
            // Closing the connection rolls back, without waiting for an answer here.
            TxKind::Postgres { client } => {
                if let Some(client) = client.take() {
                    drop(deadpool_postgres::Object::take(*client));
                }
            }
        }
    }
}

impl Sqlite {
    /// Whether there is a log, and nothing was added to it for so long.
    fn log_is_quiet(&self, quiet: Duration) -> bool {
        let mut log = self.path.as_os_str().to_owned();
        log.push("-wal");
        std::fs::metadata(log).is_ok_and(|it| {
            // A clock that was set back says nothing of it.
            let age = it.modified().ok().and_then(|at| at.elapsed().ok());
            it.len() > 0 && age.is_none_or(|age| age >= quiet)
        })
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&rusqlite::Connection) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        let kept = hold(&self.readers).pop();
        let connection = match kept {
            Some(connection) => connection,
            None => {
                let connection = connect(&self.path, 2_000, SQLITE_READ_BUSY)?;
                connection.pragma_update(None, "query_only", true)?;
                connection
            }
        };
        let answer = work(&connection);
        let mut readers = hold(&self.readers);
        if readers.len() < READERS_KEPT {
            readers.push(connection);
        }
        answer
    }
}

fn connect(
    path: &Path,
    cache_kib: i64,
    patience: Duration,
) -> rusqlite::Result<rusqlite::Connection> {
    let connection = rusqlite::Connection::open(path)?;
    connection.busy_timeout(patience)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    connection.pragma_update(None, "journal_size_limit", 16 * 1024 * 1024)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    // Without it some SQLite versions prepare a statement anew each time its arguments change.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    Ok(connection)
}

fn hold<T>(lock: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
    )
}

fn sqlite_rows(
    connection: &rusqlite::Connection,
    sql: &str,
    args: &[Arg<'_>],
) -> Result<Vec<Row>, DbError> {
    let mut statement = connection.prepare_cached(&numbered(sql))?;
    let columns = statement.column_count();
    let mut found = statement.query(rusqlite::params_from_iter(args))?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let mut values = Vec::with_capacity(columns);
        for column in 0..columns {
            values.push(match row.get_ref(column)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(value) => Value::Int(value),
                ValueRef::Text(value) => Value::Text(String::from_utf8_lossy(value).into_owned()),
                ValueRef::Blob(value) => Value::Bytes(value.to_vec()),
                ValueRef::Real(_) => return Err(DbError::Shape { column, expected: "exact" }),
            });
        }
        rows.push(Row(values));
    }
    Ok(rows)
}

async fn postgres_rows(
    client: &deadpool_postgres::Object,
    sql: &str,
    args: &[Arg<'_>],
) -> Result<Vec<Row>, DbError> {
    let statement = client.prepare_cached(sql).await?;
    let args: Vec<&(dyn ToSql + Sync)> = args.iter().map(|arg| arg as _).collect();
    let found = client.query(&statement, &args).await?;
    let mut rows = Vec::with_capacity(found.len());
    for row in found {
        let mut values = Vec::with_capacity(row.len());
        for (column, described) in row.columns().iter().enumerate() {
            values.push(match *described.type_() {
                Type::INT8 => row.try_get::<_, Option<i64>>(column)?.map(Value::Int),
                Type::INT4 => {
                    row.try_get::<_, Option<i32>>(column)?.map(|it| Value::Int(it.into()))
                }
                Type::BOOL => {
                    row.try_get::<_, Option<bool>>(column)?.map(|it| Value::Int(it.into()))
                }
                Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(column)?.map(Value::Bytes),
                _ => row.try_get::<_, Option<String>>(column)?.map(Value::Text),
            });
        }
        rows.push(Row(values.into_iter().map(|it| it.unwrap_or(Value::Null)).collect()));
    }
    Ok(rows)
}

async fn within<T>(work: impl Future<Output = Result<T, DbError>>) -> Result<T, DbError> {
    tokio::time::timeout(TIMEOUT, work).await.unwrap_or(Err(DbError::Timeout))
}

/// Tells the runtime that this thread will be busy for a while, where it has others to go on with.
pub fn blocking<T>(work: impl FnOnce() -> T) -> T {
    let many = tokio::runtime::Handle::try_current()
        .is_ok_and(|handle| handle.runtime_flavor() == tokio::runtime::RuntimeFlavor::MultiThread);
    if many { tokio::task::block_in_place(work) } else { work() }
}
