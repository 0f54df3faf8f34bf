//! What the databases say of themselves.

use crate::db::{Db, DbError};

/// What a database says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseFacts {
    /// Of the database's own program.
    pub version: String,
    /// How many migrations it has seen.
    pub schema: u64,
    /// In bytes; `None` where it does not say.
    pub size: Option<u64>,
    /// The log of what is not in the file yet, in bytes. Only SQLite has one beside it.
    pub log: Option<u64>,
}

impl Db {
    pub(crate) async fn facts(&self) -> Result<DatabaseFacts, DbError> {
        const SCHEMA: &str = "select count(*) from schema_version";
        const SQLITE: &str = "select sqlite_version()";
        const POSTGRES: &str =
            "select current_setting('server_version'), pg_database_size(current_database())";
        let schema = self.row(SCHEMA, &[]).await?.map_or(Ok(0), |row| row.count(0))?;
        let nothing = || DbError::Shape { column: 0, expected: "a version" };
        match self.path() {
            Some(path) => {
                let row = self.row(SQLITE, &[]).await?.ok_or_else(nothing)?;
                let mut log = path.as_os_str().to_owned();
                log.push("-wal");
                let size = |path: &std::path::Path| std::fs::metadata(path).ok().map(|it| it.len());
                Ok(DatabaseFacts {
                    version: row.text(0)?.to_owned(),
                    schema,
                    size: size(path),
                    log: size(std::path::Path::new(&log)),
                })
            }
            None => {
                let row = self.row(POSTGRES, &[]).await?.ok_or_else(nothing)?;
                let (version, size) = (row.text(0)?.to_owned(), Some(row.count(1)?));
                Ok(DatabaseFacts { version, schema, size, log: None })
            }
        }
    }
}
