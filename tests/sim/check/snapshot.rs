//! What stands in the tables at one moment, as far as the laws are about it.

use std::collections::BTreeMap;

use rusqlite::Connection;
use rusqlite::types::FromSql;

use crate::google::Google;

#[derive(Clone, Debug, Default)]
pub(super) struct Snapshot {
    pub(super) fence: i64,
    pub(super) token: Option<u64>,
    /// The listing that the token comes from.
    pub(super) listing: Option<usize>,
    pub(super) runs: BTreeMap<i64, Run>,
    pub(super) contacts: BTreeMap<i64, Row>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Run {
    pub(super) outcome: Option<String>,
    pub(super) listed: i64,
    pub(super) created: i64,
    pub(super) updated: i64,
    pub(super) unchanged: i64,
    pub(super) set_aside: i64,
    pub(super) deleted: i64,
    pub(super) restored: i64,
    pub(super) renamed: i64,
    pub(super) before: i64,
    pub(super) after: Option<i64>,
    pub(super) decided: bool,
    pub(super) resumed: bool,
    pub(super) full: bool,
    pub(super) cancelled: bool,
    pub(super) noted: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) display: String,
    pub(super) deleted: bool,
    pub(super) phones: i64,
    pub(super) emails: i64,
}

impl Snapshot {
    pub(super) fn read(db: &Connection) -> rusqlite::Result<Snapshot> {
        let token: Option<String> = db
            .prepare_cached("select sync_token from account")?
            .query_row([], |row| row.get(0))
            .unwrap_or_default();
        let mut runs = BTreeMap::new();
        let mut statement = db.prepare_cached(
            "select id, outcome, listed, created, updated, unchanged, set_aside, deleted, restored,
                before_live, after_live, decided_at is not null, resumed, kind = 'full',
                cancel_at is not null
           , renamed, note is not null from run",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let run = Run {
                outcome: row.get(1)?,
                listed: row.get(2)?,
                created: row.get(3)?,
                updated: row.get(4)?,
                unchanged: row.get(5)?,
                set_aside: row.get(6)?,
                deleted: row.get(7)?,
                restored: row.get(8)?,
                renamed: row.get(15)?,
                before: row.get(9)?,
                after: row.get(10)?,
                decided: row.get(11)?,
                resumed: row.get(12)?,
                full: row.get(13)?,
                cancelled: row.get(14)?,
                noted: row.get(16)?,
            };
            runs.insert(row.get(0)?, run);
        }
        let mut contacts = BTreeMap::new();
        let mut statement = db.prepare_cached(
            "select id, resource_name, display_name, deleted_at is not null, phones, emails from contact",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let contact = Row {
                name: row.get(1)?,
                display: row.get(2)?,
                deleted: row.get(3)?,
                phones: row.get(4)?,
                emails: row.get(5)?,
            };
            contacts.insert(row.get(0)?, contact);
        }
        Ok(Snapshot {
            fence: one(db, "select fence from lease"),
            token: token.as_deref().and_then(Google::read_token).map(|it| it.0),
            listing: token.as_deref().and_then(Google::listing_behind),
            runs,
            contacts,
        })
    }
}

/// The first value of a select; what stands for nothing if there is no row.
pub(super) fn one<T: FromSql + Default>(db: &Connection, sql: &str) -> T {
    db.prepare_cached(sql).and_then(|mut it| it.query_row([], |row| row.get(0))).unwrap_or_default()
}
