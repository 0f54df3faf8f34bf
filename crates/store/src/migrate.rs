//! Brings a database to the form that this version knows.

use crate::db::{Arg, Db, DbError};
use crate::{foreign, reform};
use ringbook_core::clock::Clock;

/// The migrations, oldest first: their text for SQLite and for PostgreSQL. Only ever add to the end.
const MIGRATIONS: &[(&str, &str)] = &[
    (
        include_str!("migrations/sqlite/0001_mirror.sql"),
        include_str!("migrations/postgres/0001_mirror.sql"),
    ),
    (
        include_str!("migrations/sqlite/0002_versions.sql"),
        include_str!("migrations/postgres/0002_versions.sql"),
    ),
    (
        include_str!("migrations/sqlite/0003_accounts.sql"),
        include_str!("migrations/postgres/0003_accounts.sql"),
    ),
    (
        include_str!("migrations/sqlite/0004_secrets.sql"),
        include_str!("migrations/postgres/0004_secrets.sql"),
    ),
    (
        include_str!("migrations/sqlite/0005_access.sql"),
        include_str!("migrations/postgres/0005_access.sql"),
    ),
    (
        include_str!("migrations/sqlite/0006_sources.sql"),
        include_str!("migrations/postgres/0006_sources.sql"),
    ),
    (
        include_str!("migrations/sqlite/0007_contact_changes.sql"),
        include_str!("migrations/postgres/0007_contact_changes.sql"),
    ),
    (
        include_str!("migrations/sqlite/0008_phases.sql"),
        include_str!("migrations/postgres/0008_phases.sql"),
    ),
    (
        include_str!("migrations/sqlite/0009_audit_names.sql"),
        include_str!("migrations/postgres/0009_audit_names.sql"),
    ),
    (
        include_str!("migrations/sqlite/0010_alarms.sql"),
        include_str!("migrations/postgres/0010_alarms.sql"),
    ),
    (
        include_str!("migrations/sqlite/0011_strange_proxies.sql"),
        include_str!("migrations/postgres/0011_strange_proxies.sql"),
    ),
    (
        include_str!("migrations/sqlite/0012_normal_form.sql"),
        include_str!("migrations/postgres/0012_normal_form.sql"),
    ),
    (
        include_str!("migrations/sqlite/0013_google_for_good.sql"),
        include_str!("migrations/postgres/0013_google_for_good.sql"),
    ),
    (
        include_str!("migrations/sqlite/0014_guards.sql"),
        include_str!("migrations/postgres/0014_guards.sql"),
    ),
    (
        include_str!("migrations/sqlite/0015_ageing.sql"),
        include_str!("migrations/postgres/0015_ageing.sql"),
    ),
    (
        include_str!("migrations/sqlite/0016_unauthorized_since.sql"),
        include_str!("migrations/postgres/0016_unauthorized_since.sql"),
    ),
    (
        include_str!("migrations/sqlite/0017_proxy_tokens.sql"),
        include_str!("migrations/postgres/0017_proxy_tokens.sql"),
    ),
];

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "the database is of version {found}, but this ringbook knows only up to {known}; \
         use a newer ringbook, or restore a backup from before the upgrade"
    )]
    Newer { found: i64, known: usize },
    #[error(
        "`{path}` is the database of the Google contacts app for Cisco phones (its tables are `contacts`, \
         `phone_numbers`, `sync_states`); nothing was written to it. Give Ringbook a file of its own, such \
         as DATABASE_URL=sqlite:///./data/ringbook.db, and run `ringbook import-from {path}`, which takes \
         over its history and its permission at Google"
    )]
    PreviousApp { path: String },
    #[error("cannot use the database: {0}")]
    Closed(String),
    #[error("cannot create the folder `{path}`: {source}")]
    Folder { path: String, source: std::io::Error },
    #[error(
        "{whose} is another program's database: it has the tables {tables}, and none of Ringbook's. Nothing was \
         changed; DATABASE_URL has to name one of Ringbook's own"
    )]
    Foreign { whose: String, tables: String },
    #[error("cannot open the database `{path}`: {source}")]
    Open { path: String, source: DbError },
    #[error("the database cannot be prepared: {0}")]
    Db(#[from] DbError),
}

/// Runs what is missing, in one transaction: a crash half way leaves the old form. Processes that
/// start at once wait for each other.
pub(crate) async fn migrate(db: &Db, clock: &dyn Clock) -> Result<(), OpenError> {
    const VERSIONS: &str = "create table if not exists schema_version (version bigint not null)";
    const VERSIONS_SQLITE: &str =
        "create table if not exists schema_version (version integer not null) strict";
    const FOUND: &str = "select max(version) from schema_version";
    const DONE: &str = "insert into schema_version (version) values ($1)";
    const INSTALL: &str = "insert into install (one, salt, created_at) values (1, $1, $2)
        on conflict (one) do nothing";

    let sqlite = db.dialect() == "sqlite";
    // Without a transaction first: a database that is ready needs no writer, who may be another program.
    if is_ours(db).await? {
        let found = match db.row(FOUND, &[]).await? {
            Some(row) => row.opt_int(0)?.unwrap_or(0),
            None => 0,
        };
        if usize::try_from(found) == Ok(MIGRATIONS.len()) && reform::is_done(db).await? {
            return Ok(());
        }
    }
    let tx = db.begin_durable().await?;
    tx.alone().await?;
    tx.script(if sqlite { VERSIONS_SQLITE } else { VERSIONS }).await?;
    let found = match tx.row(FOUND, &[]).await? {
        Some(row) => row.opt_int(0)?.unwrap_or(0),
        None => 0,
    };
    let done = match usize::try_from(found) {
        Ok(done) if done <= MIGRATIONS.len() => done,
        _ => return Err(OpenError::Newer { found, known: MIGRATIONS.len() }),
    };
    for (at, (for_sqlite, for_postgres)) in MIGRATIONS.iter().enumerate().skip(done) {
        tx.script(if sqlite { for_sqlite } else { for_postgres }).await?;
        tx.exec(DONE, &[Arg::Int(at as i64 + 1)]).await?;
    }
    let mut salt = [0; 8];
    getrandom::fill(&mut salt)
        .map_err(|error| DbError::Pool(format!("no random numbers: {error}")))?;
    let salt = i64::from_be_bytes(salt) & i64::MAX;
    tx.exec(INSTALL, &[salt.into(), clock.now().into()]).await?;
    reform::contacts(&tx).await?;
    tx.commit().await?;
    Ok(())
}

/// Names of tables, and of what else is like one, that a database of ours always has.
const OURS: [&str; 2] = ["schema_version", "install"];

/// Whether this is a database of ours. One without any tables is none yet.
///
/// # Errors
/// When it is another program's.
async fn is_ours(db: &Db) -> Result<bool, OpenError> {
    // What an extension brings along is nobody's.
    const POSTGRES: &str = "
        select cast(c.relname as text) from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = current_schema() and c.relkind in ('r', 'p')
            and not exists (select 1 from pg_depend d where d.objid = c.oid and d.deptype = 'e')
        order by c.relname";
    let sqlite = db.dialect() == "sqlite";
    let rows = db.rows(if sqlite { foreign::TABLES } else { POSTGRES }, &[]).await?;
    let tables: Vec<&str> = rows.iter().map(|row| row.text(0)).collect::<Result<_, _>>()?;
    let whose = match db.path() {
        Some(path) => format!("`{}`", path.display()),
        None => "the PostgreSQL database that DATABASE_URL names".to_owned(),
    };
    judge(&whose, &tables)
}

/// Whether these are the tables of a database of ours.
pub(super) fn judge(whose: &str, tables: &[&str]) -> Result<bool, OpenError> {
    const SHOWN: usize = 5;
    let ours = OURS.iter().all(|it| tables.contains(it));
    if ours || tables.is_empty() {
        return Ok(ours);
    }
    let shown: Vec<String> = tables.iter().take(SHOWN).map(|it| format!("`{it}`")).collect();
    let more = if tables.len() > SHOWN { " and others" } else { "" };
    let tables = format!("{}{more}", shown.join(", "));
    Err(OpenError::Foreign { whose: whose.to_owned(), tables })
}
