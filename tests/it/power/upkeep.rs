//! Starts, ends, take-overs and tidying up, during which the power may fail.

use std::time::Duration;

use ringbook_core::sync::{Kind, Outcome};
use ringbook_engine::engine::Finished;
use ringbook_store::Retention;

use crate::power::machine::{ACCOUNT, Machine};
use crate::power::syncs::{connect, connected, synced};
use crate::power::trial::{Scenario, story};
use crate::support::book::Book;

/// An account with a history: runs of all sorts, and tombstones.
fn aged() -> Machine {
    let mut machine = synced(20);
    machine.book.delete(3..6);
    machine.book.change(7..9);
    machine.sync(None);
    machine.book.spoil(10, true);
    machine.sync(Some(Kind::Full));
    machine.book.spoil(10, false);
    machine.sync(None);
    machine.wait(200 * 86_400);
    machine.sync(None);
    machine
}

/// The same, with a run on hold.
fn aged_and_held() -> Machine {
    let mut machine = synced(40);
    machine.book.delete(0..3);
    machine.sync(None);
    machine.wait(100 * 86_400);
    machine.book.delete(5..25);
    assert_eq!(machine.sync(None), Outcome::Held);
    machine
}

fn prune(machine: &mut Machine) {
    machine.prune(&Retention::default());
}

fn prune_runs(machine: &mut Machine) {
    let retention =
        Retention { runs: 2, tombstones: Duration::from_secs(1 << 40), ..Retention::default() };
    machine.prune(&retention);
}

fn clear_all_but_one(machine: &mut Machine) {
    machine.word(async |store| store.clear_history(true).await).unwrap();
}

fn clear_all(machine: &mut Machine) {
    machine.word(async |store| store.clear_history(false).await).unwrap();
}

/// A first sync that died after a few pages; its process is gone.
fn orphaned() -> Machine {
    let mut machine = connected(35);
    machine.crash(None, 5);
    machine
}

pub(super) const UPKEEP: &[Scenario] = &[
    story("a new database", || Machine::new(Book::of(5)), |_| {}).after(connect),
    story(
        "a new database that two processes open at once",
        || Machine::new(Book::of(5)),
        |machine| {
            drop(machine.other_process());
        },
    )
    .after(connect),
    story(
        "a database that is opened twice",
        || Machine::new(Book::of(5)),
        |machine| {
            machine.stop();
            machine.start();
        },
    )
    .after(connect),
    story(
        "a start after an outage",
        || {
            let mut machine = connected(25);
            let mut sync = machine.begin(None).unwrap();
            machine.go(&mut sync, 5);
            machine.kill();
            assert!(machine.disk.image().file("ringbook.db-wal").is_some(), "nobody tidied up");
            machine
        },
        |machine| {
            machine.sync(None);
            machine.stop();
        },
    ),
    story(
        "an orderly end",
        || connected(15),
        |machine| {
            machine.sync(None);
            machine.stop();
        },
    ),
    story(
        "an orderly end and a new beginning",
        || connected(15),
        |machine| {
            machine.sync(None);
            machine.stop();
            machine.start();
            machine.book.change(3..5);
            machine.sync(None);
        },
    ),
    story(
        "a process that looks on during a run",
        || connected(25),
        |machine| {
            let mut sync = machine.begin(None).unwrap();
            machine.go(&mut sync, 3);
            let other = machine.other_process();
            machine.go(&mut sync, 2);
            machine.block_on(other.try_to_write()).unwrap();
            drop(other);
            machine.go(&mut sync, usize::MAX);
        },
    ),
    story("old runs and tombstones that go", aged, prune).after(prune),
    story("runs that are too many", aged, prune_runs).after(prune_runs),
    story("old tombstones beside a hold", aged_and_held, prune).after(prune),
    story("a history that is cleared but for the latest", aged, clear_all_but_one)
        .after(clear_all_but_one),
    story("a history that is cleared", aged, clear_all).after(clear_all),
    story("a history that is cleared beside a hold", aged_and_held, clear_all).after(clear_all),
    story(
        "tombstones that go while a listing is interrupted",
        || {
            let mut machine = synced(30);
            machine.book.delete(3..6);
            machine.sync(None);
            machine.wait(100 * 86_400);
            machine.crash(Some(Kind::Full), 5);
            machine.block_on(machine.store().close_orphans(ACCOUNT)).unwrap();
            machine
        },
        prune,
    )
    .after(prune),
    story("a dead run that is closed", orphaned, |machine| {
        assert!(machine.block_on(machine.store().close_orphans(ACCOUNT)).unwrap());
    }),
    story("a dead run that is closed and gone on with", orphaned, |machine| {
        assert!(machine.block_on(machine.store().close_orphans(ACCOUNT)).unwrap());
        machine.sync(None);
    }),
    story(
        "a lease that runs out and is taken by another process",
        || connected(35),
        |machine| {
            let mut sleeper = machine.begin(None).unwrap();
            assert_eq!(machine.go(&mut sleeper, 5), None);
            let other = machine.other_process();
            assert!(machine.begin_in(&other, None).is_err(), "the lease is held");
            machine.wait(11);
            let mut sync = machine.begin_in(&other, None).unwrap();
            machine.go(&mut sync, 2);
            assert_eq!(machine.go(&mut sleeper, usize::MAX), Some(Finished::LeaseLost));
            machine.go(&mut sync, usize::MAX);
        },
    ),
    story(
        "a slow disk that stops to take writes for a while",
        || connected(35),
        |machine| {
            let mut sync = machine.begin(None).unwrap();
            machine.go(&mut sync, 5);
            machine.disk.fail_after(7);
            machine.go(&mut sync, 1);
            machine.disk.fail_writes(false);
            machine.go(&mut sync, usize::MAX);
        },
    ),
    story(
        "memory that is given back, and a log that is cut",
        || connected(15),
        |machine| {
            machine.sync(None);
            machine.block_on(machine.store().relax());
            machine.checkpoint("truncate");
            machine.sync(None);
            machine.checkpoint("passive");
        },
    ),
];
