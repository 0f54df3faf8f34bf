//! Full disks, broken disks, and what is counted.

use rusqlite::ErrorCode;

use super::{add, assert_sound, create, disk, numbers, open, open_wal};

#[test]
fn a_full_disk_says_so_and_loses_nothing() {
    for mode in ["wal", "delete"] {
        let disk = disk();
        let connection = open(&disk);
        connection.pragma_update(None, "journal_mode", mode).unwrap();
        create(&connection);
        disk.set_room(Some(disk.size() + 60_000));
        let mut stored = Vec::new();
        let refused = loop {
            match add(&connection, stored.len() as i64) {
                Ok(()) => stored.push(stored.len() as i64),
                Err(error) => break error,
            }
        };
        assert_eq!(refused.sqlite_error_code(), Some(ErrorCode::DiskFull), "{mode}");
        assert!(stored.len() > 2, "{mode}");
        assert!(disk.size() <= 200_000);
        assert_eq!(numbers(&connection), stored, "{mode}");
        assert_sound(&connection);
        disk.set_room(None);
        add(&connection, 1000).unwrap();
        drop(connection);
        let connection = open(&disk);
        assert_eq!(numbers(&connection).len(), stored.len() + 1);
        assert_sound(&connection);
    }
}

#[test]
fn a_broken_disk_says_so_and_what_was_stored_is_still_there() {
    let disk = disk();
    let connection = open_wal(&disk, "normal");
    create(&connection);
    add(&connection, 1).unwrap();
    disk.fail_writes(true);
    let refused = add(&connection, 2).unwrap_err();
    assert_eq!(refused.sqlite_error_code(), Some(ErrorCode::SystemIoFailure));
    assert_eq!(numbers(&connection), [1], "reading goes on");
    disk.fail_writes(false);
    add(&connection, 3).unwrap();
    assert_eq!(numbers(&connection), [1, 3]);
    disk.fail_syncs(true);
    connection.pragma_update(None, "synchronous", "full").unwrap();
    assert!(add(&connection, 4).is_err());
}

#[test]
fn a_disk_may_break_in_the_middle_of_any_transaction() {
    let mut failed = 0;
    for changes in 0..40 {
        let disk = disk();
        let connection = open_wal(&disk, "normal");
        create(&connection);
        add(&connection, 1).unwrap();
        disk.fail_after(changes);
        let stored = connection.execute_batch(
            "begin immediate; insert into t select n + 10, text from t;
             insert into t select n + 100, text from t; commit",
        );
        failed += u32::from(stored.is_err());
        drop(connection);
        disk.fail_writes(false);
        let connection = open(&disk);
        assert_sound(&connection);
        let expected: &[i64] = if stored.is_ok() { &[1, 11, 101, 111] } else { &[1] };
        assert_eq!(numbers(&connection), expected, "after {changes}");
    }
    assert!((1..40).contains(&failed), "{failed}");
}

#[test]
fn everything_that_is_done_is_counted() {
    let disk = disk();
    let connection = open_wal(&disk, "full");
    create(&connection);
    let before = disk.counts();
    add(&connection, 1).unwrap();
    add(&connection, 2).unwrap();
    let after = disk.counts();
    assert_eq!(after.commits - before.commits, 2);
    assert_eq!(after.syncs - before.syncs, 2);
    let frames = after.frames - before.frames;
    assert!(frames >= 2);
    assert_eq!(after.writes - before.writes, 2 * frames, "a header and a page each");
    assert_eq!(after.bytes - before.bytes, frames * (24 + 4096));
    let writes = disk.writes();
    numbers(&connection);
    connection.execute_batch("begin immediate; rollback").unwrap();
    assert_eq!(disk.writes(), writes, "who only reads writes nothing");
}
