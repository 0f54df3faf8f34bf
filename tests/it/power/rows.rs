//! What is in a database, read past the store: to tell states apart, and to see that one is sound.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use ringbook_core::contact::Content;
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::support::book::Book;
use crate::support::never::NEVER;

/// Everything in all tables, as a number. States that differ have different ones.
pub(super) fn fingerprint(connection: &Connection) -> u64 {
    let mut hasher = DefaultHasher::new();
    for table in tables(connection) {
        table.hash(&mut hasher);
        let mut statement = connection.prepare(&format!("select * from \"{table}\"")).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for column in 0..columns {
                match row.get_ref(column).unwrap() {
                    ValueRef::Null => 0.hash(&mut hasher),
                    ValueRef::Integer(value) => value.hash(&mut hasher),
                    ValueRef::Real(value) => value.to_bits().hash(&mut hasher),
                    ValueRef::Text(value) | ValueRef::Blob(value) => value.hash(&mut hasher),
                }
            }
        }
    }
    hasher.finish()
}

pub(super) fn tables(connection: &Connection) -> Vec<String> {
    texts(connection, "select name from sqlite_master where type = 'table' order by name")
}

fn texts(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn count(connection: &Connection, sql: &str) -> i64 {
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// The file is what SQLite can read as a whole.
pub(super) fn assert_readable(connection: &Connection) {
    assert_eq!(texts(connection, "pragma integrity_check"), ["ok"]);
    let mut statement = connection.prepare("pragma foreign_key_check").unwrap();
    assert!(statement.query([]).unwrap().next().unwrap().is_none());
}

/// What must be true of every database at every moment, also right after a cut.
pub(super) fn assert_consistent(connection: &Connection) {
    if !tables(connection).iter().any(|it| it == "account") {
        return;
    }
    for (what, sql) in NEVER {
        assert_eq!(count(connection, sql), 0, "{what}");
    }
}

/// The state of things once nothing is going on, without numbers and times of runs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Settled {
    pub(super) live: BTreeMap<String, String>,
    deleted: BTreeSet<String>,
    held: BTreeSet<String>,
    account: Vec<String>,
    labels: Vec<String>,
}

impl Settled {
    pub(super) fn read(connection: &Connection) -> Settled {
        let pairs = |sql: &str| -> Vec<(String, String)> {
            let mut statement = connection.prepare(sql).unwrap();
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            rows.map(Result::unwrap).collect()
        };
        let live = "select resource_name, content from contact
            join contact_content on contact = id where deleted_at is null";
        let set = |sql: &str| texts(connection, sql).into_iter().collect();
        Settled {
            live: pairs(live).into_iter().collect(),
            deleted: set("select resource_name from contact where deleted_at is not null"),
            held: set("select resource_name from held join contact on contact = id"),
            account: texts(
                connection,
                "select json_array(a.name, a.labels_shown, a.erasing, a.google_id, a.sync_token, a.token_request,
                    a.sync_token is null or a.token_grant = g.number, a.failures, a.interruptions,
                    a.not_before is null, a.follow_up_at is null, a.alerted_at is null,
                    a.schedule_minutes, a.schedule_cron, a.schedule_zone, a.schedule_paused,
                    g.access_token, g.refresh_token, g.needs_reauth_reason)
                from account a left join oauth_grant g on g.account = a.id order by a.id",
            ),
            labels: texts(connection, "select resource_name from label order by account, 1"),
        }
    }

    /// It ended alike. Of a contact that came and went between two syncs only one of them need know;
    /// and one that got another name while a full listing was interrupted may count as deleted under
    /// the old one.
    pub(super) fn assert_like(&self, other: &Settled, known_before: &BTreeSet<String>) {
        let names: BTreeSet<&String> = self.live.keys().chain(other.live.keys()).collect();
        for name in names {
            assert_eq!(self.live.get(name), other.live.get(name), "{name}");
        }
        let known =
            |it: &Settled| it.deleted.intersection(known_before).cloned().collect::<Vec<_>>();
        assert_eq!(known(self), known(other), "deleted");
        assert_eq!(self.held, other.held, "held");
        assert_eq!(self.account, other.account);
        assert_eq!(self.labels, other.labels);
    }

    /// The mirror holds what Google has, and besides only what is held for a person's word.
    pub(super) fn assert_equals(&self, book: &Book) {
        let truth = book.truth();
        for (name, content) in &truth {
            // What cannot be read stays as it was known.
            let Some(content) = content else { continue };
            let mirrored = self.live.get(name).map(|text| Content::decode(text).unwrap());
            assert_eq!(mirrored.as_ref(), Some(content), "{name}");
        }
        for name in self.live.keys() {
            assert!(
                truth.contains_key(name) || self.held.contains(name),
                "{name} is gone at Google"
            );
        }
    }
}

/// Nothing is going on. What an interrupted full listing saw may lie there until the next one.
pub(super) fn assert_at_rest(connection: &Connection) {
    for (what, sql) in [
        ("an open run", "select count(*) from run where outcome is null"),
        ("a lease that is held", "select count(*) from lease where holder is not null"),
        ("notes of what is to be deleted", "select count(*) from doomed"),
    ] {
        assert_eq!(count(connection, sql), 0, "{what}");
    }
}

/// Names by id.
pub(super) fn ids(connection: &Connection) -> BTreeMap<i64, String> {
    if !tables(connection).iter().any(|it| it == "contact") {
        return BTreeMap::new();
    }
    let mut statement = connection
        .prepare("select id, resource_name from contact where deleted_at is null")
        .unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}
