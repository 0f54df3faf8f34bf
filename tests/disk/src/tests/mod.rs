//! What the disk promises, told by the real SQLite on it.

mod locks;
mod power;
mod troubles;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rusqlite::Connection;

use crate::{Disk, Image};

/// A folder of its own for each disk; nothing is ever there.
fn folder() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("/disk-of-a-test/{}", NEXT.fetch_add(1, Ordering::Relaxed)).into()
}

fn disk() -> Disk {
    Disk::mount(&folder())
}

fn open(disk: &Disk) -> Connection {
    let connection = Connection::open(disk.folder().join("a.db")).unwrap();
    connection.busy_timeout(Duration::from_secs(15)).unwrap();
    connection
}

/// A connection with a write-ahead log.
fn open_wal(disk: &Disk, synchronous: &str) -> Connection {
    let connection = open(disk);
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    connection.pragma_update(None, "synchronous", synchronous).unwrap();
    connection
}

fn create(connection: &Connection) {
    connection.execute_batch("create table t (n integer primary key, text text)").unwrap();
}

/// Adds a row that fills most of a page.
fn add(connection: &Connection, n: i64) -> rusqlite::Result<()> {
    connection.execute("insert into t values (?1, ?2)", (n, "x".repeat(3000))).map(|_| ())
}

fn numbers(connection: &Connection) -> Vec<i64> {
    let mut statement = connection.prepare("select n from t order by n").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn assert_sound(connection: &Connection) {
    let answer: String =
        connection.query_row("pragma integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(answer, "ok");
}

/// The rows in an image; `None` when it holds no table yet.
fn rows_in(image: &Image) -> Option<Vec<i64>> {
    let disk = Disk::mount_with(&folder(), image);
    let connection = open(&disk);
    assert_sound(&connection);
    connection.prepare("select n from t").ok()?;
    Some(numbers(&connection))
}
