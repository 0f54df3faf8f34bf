//! Several connections at once.

use std::sync::Barrier;

use rusqlite::ErrorCode;

use super::{add, assert_sound, create, disk, numbers, open, open_wal};

#[test]
fn files_live_on_the_disk_and_nowhere_else() {
    let disk = disk();
    let connection = open_wal(&disk, "full");
    create(&connection);
    add(&connection, 1).unwrap();
    assert_eq!(disk.image().names().collect::<Vec<_>>(), ["a.db", "a.db-wal"]);
    assert!(!disk.folder().exists());
    drop(connection);
    assert_eq!(disk.image().names().collect::<Vec<_>>(), ["a.db"], "the last one tidies up");
    assert_eq!(disk.open_files(), 0);
    assert_eq!(numbers(&open(&disk)), [1]);
}

#[test]
fn other_paths_stay_with_the_real_disk() {
    let _disk = disk();
    let path = std::env::temp_dir().join(format!("ringbook-disk-{}.db", std::process::id()));
    let connection = rusqlite::Connection::open(&path).unwrap();
    create(&connection);
    assert!(path.exists());
    drop(connection);
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_reader_keeps_its_view_while_a_writer_commits() {
    let disk = disk();
    let (writer, reader) = (open_wal(&disk, "normal"), open_wal(&disk, "normal"));
    create(&writer);
    add(&writer, 1).unwrap();
    reader.execute_batch("begin").unwrap();
    assert_eq!(numbers(&reader), [1]);
    add(&writer, 2).unwrap();
    assert_eq!(numbers(&reader), [1], "its transaction began before");
    reader.execute_batch("commit").unwrap();
    assert_eq!(numbers(&reader), [1, 2]);
}

#[test]
fn a_checkpoint_waits_for_readers_and_then_moves_everything() {
    let disk = disk();
    let (writer, reader) = (open_wal(&disk, "normal"), open_wal(&disk, "normal"));
    create(&writer);
    reader.execute_batch("begin").unwrap();
    numbers(&reader);
    add(&writer, 1).unwrap();
    let checkpoint = |mode: &str| -> (i64, i64, i64) {
        let sql = format!("pragma wal_checkpoint({mode})");
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        writer.query_row(&sql, [], row).unwrap()
    };
    let (busy, log, moved) = checkpoint("truncate");
    assert!(busy == 1 && moved < log, "the reader still needs the log: {busy} {log} {moved}");
    reader.execute_batch("commit").unwrap();
    assert_eq!(checkpoint("truncate"), (0, 0, 0));
    assert_eq!(disk.image().file("a.db-wal"), Some(&[][..]));
    assert_eq!(numbers(&reader), [1]);
    assert_sound(&reader);
}

#[test]
fn two_writers_exclude_each_other_and_a_long_timeout_costs_no_time() {
    for mode in ["wal", "delete"] {
        let disk = disk();
        let (one, two) = (open(&disk), open(&disk));
        one.pragma_update(None, "journal_mode", mode).unwrap();
        create(&one);
        one.execute_batch("begin immediate").unwrap();
        let refused = two.execute_batch("begin immediate").unwrap_err();
        assert_eq!(refused.sqlite_error_code(), Some(ErrorCode::DatabaseBusy), "{mode}");
        one.execute_batch("commit").unwrap();
        two.execute_batch("begin immediate; commit").unwrap();
    }
}

#[test]
fn with_a_rollback_journal_readers_and_the_committing_writer_exclude_each_other() {
    let disk = disk();
    let (writer, reader) = (open(&disk), open(&disk));
    create(&writer);
    reader.execute_batch("begin").unwrap();
    numbers(&reader);
    writer.execute_batch("begin immediate").unwrap();
    add(&writer, 1).unwrap();
    let refused = writer.execute_batch("commit").unwrap_err();
    assert_eq!(refused.sqlite_error_code(), Some(ErrorCode::DatabaseBusy));
    // Whoever waits for the readers to leave lets no new ones in.
    let late = open(&disk);
    assert!(late.prepare("select * from t").is_err());
    reader.execute_batch("commit").unwrap();
    writer.execute_batch("commit").unwrap();
    assert_eq!(numbers(&late), [1]);
}

#[test]
fn threads_that_write_at_once_lose_no_row() {
    let disk = disk();
    disk.be_patient(true);
    create(&open_wal(&disk, "normal"));
    let start = Barrier::new(4);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (disk, start) = (&disk, &start);
            scope.spawn(move || {
                let connection = open_wal(disk, "normal");
                start.wait();
                for n in 0..50 {
                    add(&connection, thread * 1000 + n).unwrap();
                    numbers(&connection);
                }
            });
        }
    });
    let connection = open(&disk);
    assert_eq!(numbers(&connection).len(), 200);
    assert_sound(&connection);
}

#[test]
fn disks_do_not_see_each_other() {
    let (one, two) = (disk(), disk());
    create(&open(&one));
    create(&open(&two));
    add(&open(&one), 1).unwrap();
    assert_eq!(numbers(&open(&one)), [1]);
    assert!(numbers(&open(&two)).is_empty());
}
