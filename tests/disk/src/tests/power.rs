//! What is left when the power fails.

use super::{add, assert_sound, create, disk, folder, numbers, open, open_wal, rows_in};
use crate::{Disk, Loss, Op, Recording, act_as};

/// What some power cut at some moment leaves: everything that this crate can make of a recording.
fn losses(point: usize) -> Vec<Loss> {
    let mut losses = vec![Loss::All, Loss::Nothing];
    losses.extend([0, 1, 0b10_1010, u64::MAX >> 60].map(|sectors| Loss::TornEnd { sectors }));
    losses.extend((0..8).map(|n| Loss::Chance((point * 8 + n) as u64)));
    losses
}

/// Calls `check` with the rows after a cut at each moment of a recording.
fn at_each_moment(recording: &Recording, check: impl Fn(usize, &Loss, Option<Vec<i64>>)) {
    let mut replay = recording.replay();
    loop {
        for loss in losses(replay.done()) {
            check(replay.done(), &loss, rows_in(&replay.after(&loss)));
        }
        if replay.step().is_none() {
            break;
        }
    }
}

/// Adds rows one by one; returns the recording and where in it each insert had returned.
fn story(mode: &str, synchronous: &str, rows: i64) -> (Recording, Vec<usize>) {
    let disk = disk();
    let connection = open(&disk);
    connection.pragma_update(None, "journal_mode", mode).unwrap();
    create(&connection);
    disk.record();
    connection.pragma_update(None, "synchronous", synchronous).unwrap();
    connection.pragma_update(None, "wal_autocheckpoint", 9).unwrap();
    let mut returned = Vec::new();
    for n in 0..rows {
        add(&connection, n).unwrap();
        returned.push(disk.recorded_so_far());
    }
    let recording = disk.recorded();
    (recording, returned)
}

#[test]
fn what_was_committed_with_full_synchronization_survives_every_cut() {
    // A journal that is deleted may come back after a cut, and undo the commit: `extra` syncs the
    // folder, too.
    for (mode, synchronous) in
        [("wal", "full"), ("delete", "extra"), ("truncate", "full"), ("persist", "full")]
    {
        let (recording, returned) = story(mode, synchronous, 8);
        at_each_moment(&recording, |point, loss, rows| {
            let durable = returned.iter().filter(|at| **at <= point).count();
            let rows = rows.unwrap();
            let expected: Vec<i64> = (0..rows.len() as i64).collect();
            assert_eq!(rows, expected, "{mode}, {point}, {loss:?}: a row without the one before");
            let begun = durable + 1;
            assert!(
                (durable..=begun).contains(&rows.len()),
                "{mode}, {point}, {loss:?}: {durable} were durable, {} are there",
                rows.len()
            );
        });
    }
}

#[test]
fn with_normal_synchronization_commits_may_be_lost_but_only_the_last_ones() {
    let (recording, returned) = story("wal", "normal", 20);
    let lost = std::cell::Cell::new(0);
    at_each_moment(&recording, |point, loss, rows| {
        let rows = rows.unwrap();
        let expected: Vec<i64> = (0..rows.len() as i64).collect();
        assert_eq!(rows, expected, "{point}, {loss:?}");
        let committed = returned.iter().filter(|at| **at <= point).count();
        lost.set(lost.get() + usize::from(rows.len() < committed));
    });
    assert!(lost.get() > 100, "a disk that loses nothing tests nothing: {}", lost.get());
}

#[test]
fn a_database_that_is_just_being_made_is_there_or_not() {
    let disk = disk();
    disk.record();
    let connection = open_wal(&disk, "full");
    create(&connection);
    add(&connection, 1).unwrap();
    let returned = disk.recorded_so_far();
    let recording = disk.recorded();
    let mut without_a_table = 0;
    let mut replay = recording.replay();
    loop {
        for loss in losses(replay.done()) {
            match rows_in(&replay.after(&loss)) {
                None => without_a_table += 1,
                Some(rows) => assert!(rows.is_empty() || rows == [1]),
            }
            if replay.done() >= returned {
                assert_eq!(rows_in(&replay.after(&loss)), Some(vec![1]), "{loss:?}");
            }
        }
        if replay.step().is_none() {
            break;
        }
    }
    assert!(without_a_table > 0);
}

#[test]
fn without_synchronization_a_cut_can_destroy_a_database() {
    // The other side: were nothing ever lost here, the tests above would prove nothing.
    let disk = disk();
    let connection = open(&disk);
    connection.pragma_update(None, "synchronous", "off").unwrap();
    create(&connection);
    (0..20).for_each(|n| add(&connection, n).unwrap());
    disk.record();
    connection.execute_batch("delete from t where n % 3 > 0; vacuum").unwrap();
    let recording = disk.recorded();
    let mut replay = recording.replay();
    let mut broken = 0;
    while replay.step().is_some() {
        let image = replay.after(&Loss::Chance(replay.done() as u64));
        let disk = Disk::mount_with(&folder(), &image);
        let sound = open(&disk).query_row("pragma integrity_check", [], |row| row.get(0));
        broken += u32::from(sound != Ok("ok".to_owned()));
    }
    assert!(broken > 0);
}

#[test]
fn a_connection_from_before_the_cut_is_dead() {
    let disk = disk();
    let (writer, reader) = (open_wal(&disk, "full"), open_wal(&disk, "full"));
    create(&writer);
    add(&writer, 1).unwrap();
    numbers(&reader);
    writer.execute_batch("begin immediate").unwrap();
    add(&writer, 2).unwrap();
    disk.lose_power(Loss::All);
    let writes = disk.writes();
    assert_eq!(disk.open_files(), 0);
    // What lies in its memory it may still look at; but it can store nothing.
    for (dead, sql) in [(&writer, "commit"), (&reader, "select * from t")] {
        let error = dead.execute_batch(sql).unwrap_err();
        assert_eq!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::SystemIoFailure));
    }
    drop((writer, reader));
    assert_eq!(disk.writes(), writes, "the dead write nothing, not even when they are closed");
    let connection = open(&disk);
    assert_eq!(numbers(&connection), [1]);
    assert_sound(&connection);
}

#[test]
fn a_killed_process_leaves_what_it_wrote_and_holds_no_lock() {
    let disk = disk();
    act_as(1);
    let one = open_wal(&disk, "normal");
    act_as(2);
    let two = open_wal(&disk, "normal");
    create(&one);
    add(&one, 1).unwrap();
    one.execute_batch("begin immediate").unwrap();
    add(&one, 2).unwrap();
    let before = disk.counts_of(2);
    disk.kill(1);
    assert!(one.execute_batch("commit").is_err());
    drop(one);
    assert_eq!(disk.counts_of(2), before, "the other process did nothing so far");
    assert_eq!(numbers(&two), [1], "what was committed is there, what was not is not");
    add(&two, 4).unwrap();
    assert_eq!(numbers(&two), [1, 4]);
    assert_sound(&two);
    disk.lose_power(Loss::All);
    drop(two);
    act_as(0);
}

#[test]
fn a_recording_can_be_replayed_to_the_same_end() {
    let disk = disk();
    create(&open_wal(&disk, "normal"));
    disk.record();
    {
        let connection = open_wal(&disk, "full");
        (0..5).for_each(|n| add(&connection, n).unwrap());
    }
    let recording = disk.recorded();
    let count = |wanted: fn(&Op) -> bool| recording.ops.iter().filter(|op| wanted(op)).count();
    assert!(count(|op| matches!(op, Op::Create { .. })) > 0);
    assert!(count(|op| matches!(op, Op::Sync { .. })) > 5);
    assert!(count(|op| matches!(op, Op::Delete { .. })) > 0);
    let mut replay = recording.replay();
    while replay.step().is_some() {}
    assert_eq!(replay.after(&Loss::Nothing), disk.image());
    assert_eq!(replay.after(&Loss::Nothing).fingerprint(), disk.image().fingerprint());
}

#[test]
fn a_disk_can_be_put_back_to_an_image() {
    let disk = disk();
    let connection = open_wal(&disk, "normal");
    create(&connection);
    add(&connection, 1).unwrap();
    drop(connection);
    let image = disk.image();
    add(&open(&disk), 2).unwrap();
    assert_eq!(numbers(&open(&disk)), [1, 2]);
    disk.restore(&image);
    assert_eq!(numbers(&open(&disk)), [1]);
    let other = Disk::mount_with(&folder(), &image);
    add(&open(&other), 3).unwrap();
    assert_eq!(disk.image(), image, "what is done to one copy is not done to the other");
}

#[test]
#[should_panic(expected = "while 1 of its files are open")]
fn a_disk_in_use_cannot_be_put_back() {
    let disk = disk();
    let connection = open(&disk);
    create(&connection);
    disk.restore(&disk.image());
}
