//! Syncs during which the power may fail.

use std::time::Duration;

use ringbook_core::sync::book::FetchError;
use ringbook_core::sync::run::Stop;
use ringbook_core::sync::{Delay, Kind, Outcome};

use crate::power::machine::Machine;
use crate::power::trial::{Scenario, story};
use crate::support::book::{Act, Book};

/// An account that is connected and was never synced.
pub(super) fn connected(persons: usize) -> Machine {
    let mut machine = Machine::new(Book::of(persons));
    machine.start();
    connect(&mut machine);
    machine
}

/// An account whose mirror is complete.
pub(super) fn synced(persons: usize) -> Machine {
    let mut machine = connected(persons);
    assert_eq!(machine.sync(None), Outcome::Succeeded);
    assert_eq!(machine.sync(None), Outcome::Succeeded);
    machine.wait(300);
    machine
}

/// One in which something happened at Google since.
fn outdated(persons: usize, edit: fn(&Book)) -> Machine {
    let machine = synced(persons);
    edit(&machine.book);
    machine
}

pub(super) fn connect(machine: &mut Machine) {
    machine.connect("a token");
}

fn sync(machine: &mut Machine) {
    machine.sync(None);
}

fn full_sync(machine: &mut Machine) {
    machine.sync(Some(Kind::Full));
}

fn again() -> FetchError {
    let message = "Google has a bad day".to_owned();
    FetchError::Again { delay: Delay::ServerError, retry_after: None, message }
}

fn later() -> FetchError {
    FetchError::Again {
        delay: Delay::RateLimited,
        retry_after: Some(Duration::from_secs(120)),
        message: "slow down".to_owned(),
    }
}

pub(super) const FIRST: &[Scenario] = &[
    story("of an empty address book", || connected(0), sync),
    story("of less than a page", || connected(7), sync),
    story("of exactly a page", || connected(10), sync),
    story("of several pages", || connected(35), sync),
    story("of pages of one contact", || small_pages(connected(6)), sync),
    story("of one long page", || long_pages(connected(120)), sync),
    story("with contacts that cannot be read", || spoilt(connected(25)), sync),
    story(
        "in which contacts change while they are paged",
        || {
            let machine = connected(30);
            machine.book.at(4, Act::Edit(|book| book.change(2..5)));
            machine.book.at(5, Act::Edit(|book| book.delete(1..3)));
            machine
        },
        sync,
    ),
    story(
        "that has to try again",
        || {
            let machine = connected(25);
            machine.book.at(1, Act::Fail(again()));
            machine.book.at(5, Act::Fail(again()));
            machine.book.at(6, Act::Fail(later()));
            machine
        },
        sync,
    ),
    story(
        "that fails and must not come back too soon",
        || {
            let machine = connected(25);
            (4..10).for_each(|request| machine.book.at(request, Act::Fail(later())));
            machine
        },
        |machine| {
            sync(machine);
            assert_eq!(machine.latest().outcome, Some(Outcome::Failed));
        },
    ),
    story(
        "that goes on where another one died",
        || {
            let mut machine = connected(35);
            machine.crash(None, 6);
            machine
        },
        |machine| {
            sync(machine);
            assert!(machine.latest().resumed);
        },
    ),
    story(
        "that goes on where another one died in the same breath",
        || connected(35),
        |machine| {
            machine.crash(None, 6);
            sync(machine);
        },
    ),
    story(
        "that was to go on, but Google knows the page no more",
        || {
            let mut machine = connected(35);
            machine.crash(None, 6);
            machine.book.refuse_pages();
            machine.book.delete(3..5);
            machine
        },
        |machine| {
            machine.book.at(4, Act::Edit(Book::calm));
            machine.sync_meanwhile(3, |machine| machine.book.calm());
        },
    ),
    story(
        "that was to go on, but too late",
        || {
            let mut machine = connected(25);
            machine.crash(None, 5);
            machine.book.change(0..4);
            machine.wait(4000);
            machine
        },
        sync,
    ),
    story(
        "that dies twice",
        || connected(30),
        |machine| {
            machine.crash(None, 4);
            machine.crash(None, 3);
            sync(machine);
        },
    ),
    story(
        "and the run that follows it",
        || connected(15),
        |machine| {
            sync(machine);
            machine.book.change(3..6);
            sync(machine);
        },
    ),
    story(
        "that is asked to end because the process does",
        || connected(25),
        |machine| {
            let mut sync = machine.begin(None).unwrap();
            machine.go(&mut sync, 4);
            machine.stop_sync(sync, Stop::Shutdown);
            machine.stop();
        },
    ),
    story(
        "during which the log is moved into the database",
        || connected(30),
        |machine| {
            let mut sync = machine.begin(None).unwrap();
            for mode in ["passive", "full", "restart", "truncate"] {
                assert_eq!(machine.go(&mut sync, 2), None);
                machine.checkpoint(mode);
            }
            machine.go(&mut sync, usize::MAX);
        },
    ),
    story(
        "that is so large that the log is moved by itself",
        || connected(900),
        |machine| {
            sync(machine);
            assert!(machine.disk.counts().frames > 1000);
        },
    ),
    story(
        "on a disk that is full half way",
        || connected(60),
        |machine| {
            machine.disk.set_room(Some(machine.disk.size() + 250_000));
            let mut sync = machine.begin(None).unwrap();
            machine.go(&mut sync, usize::MAX);
            machine.disk.set_room(None);
            // Not even the last word could be stored, so the lease runs out by itself.
            machine.wait(11);
        },
    ),
];

/// A complete mirror of these persons.
fn renumbered(persons: std::ops::Range<usize>) -> Machine {
    let mut machine = Machine::new(Book::default());
    machine.book.add(persons);
    machine.start();
    connect(&mut machine);
    assert_eq!(machine.sync(None), Outcome::Succeeded);
    assert_eq!(machine.sync(None), Outcome::Succeeded);
    machine
}

fn small_pages(mut machine: Machine) -> Machine {
    machine.page_size = 1;
    machine
}

fn long_pages(mut machine: Machine) -> Machine {
    machine.page_size = 1000;
    machine
}

fn spoilt(machine: Machine) -> Machine {
    [2, 11, 12].into_iter().for_each(|number| machine.book.spoil(number, true));
    machine
}

pub(super) const LATER: &[Scenario] = &[
    story("that finds nothing new", || synced(25), sync),
    story("that finds changes", || outdated(25, |book| book.change(3..17)), sync),
    story("that finds new contacts", || outdated(12, |book| book.add(12..40)), sync),
    story("that finds tombstones", || outdated(30, |book| book.delete(4..9)), sync),
    story(
        "that finds other names for contacts",
        || {
            outdated(20, |book| {
                book.rename(3, 103);
                book.rename(12, 112);
            })
        },
        sync,
    ),
    story(
        "that finds names handed on",
        || {
            outdated(20, |book| {
                book.rename(3, 103);
                book.rename(4, 3);
            })
        },
        sync,
    ),
    story(
        "that finds contacts back again",
        || {
            let mut machine = outdated(20, |book| book.delete(5..9));
            machine.sync(None);
            machine.book.change(5..8);
            machine
        },
        sync,
    ),
    story("that finds new labels", || outdated(12, relabelled), sync),
    story("that can read fewer contacts", || spoilt(synced(20)), sync),
    story(
        "that can read more contacts",
        || {
            let mut machine = spoilt(connected(20));
            machine.sync(None);
            machine.sync(None);
            machine.book.spoil(11, false);
            machine
        },
        sync,
    ),
    story("that finds everything at once", || outdated(40, everything), sync),
    story(
        "that finds everything at once on small pages",
        || small_pages(outdated(14, everything)),
        sync,
    ),
    story(
        "in which a contact dies on one page and is back on the next",
        || {
            let machine = small_pages(outdated(8, |book| {
                book.delete(1..3);
                book.change(4..6);
            }));
            machine.book.at(2, Act::Edit(|book| book.rename(6, 2)));
            machine
        },
        sync,
    ),
    story("whose token has expired", || outdated(25, expired), sync),
    story(
        "whose token expires on page two",
        || {
            let machine = outdated(25, |book| {
                book.change(0..25);
                book.delete(7..9);
            });
            let message = "expired".to_owned();
            machine.book.at(2, Act::Fail(FetchError::CursorRefused { message }));
            machine
        },
        sync,
    ),
    story("that lists everything", || synced(25), full_sync),
    story(
        "that lists everything and misses some",
        || outdated(30, |book| book.delete(4..9)),
        full_sync,
    ),
    story("that lists everything, and everything changed", || outdated(40, everything), full_sync),
    story(
        "that lists everything after a week",
        || {
            let machine = outdated(25, |book| book.change(1..4));
            machine.wait(6 * 86_400);
            machine
        },
        sync,
    ),
    story(
        "that goes on with a full listing, after changes were taken in between",
        || {
            let mut machine = synced(35);
            machine.crash(Some(Kind::Full), 6);
            machine.book.add(35..37);
            machine.book.rename(2, 102);
            machine.book.delete(3..5);
            machine
        },
        |machine| {
            machine.sync(Some(Kind::Incremental));
            assert!(machine.latest().kind == Kind::Incremental);
            machine.sync(Some(Kind::Full));
        },
    ),
    story(
        "that goes on with a full listing, in which a contact had got another name",
        || {
            let mut machine = renumbered(5..40);
            machine.book.rename(30, 1);
            machine.crash(Some(Kind::Full), 5);
            machine
        },
        |machine| {
            full_sync(machine);
            let latest = machine.latest();
            assert!(latest.resumed);
            // Whoever came in under the new name goes, and the old row is updated.
            assert_eq!((latest.counts.renamed, latest.counts.deleted), (1, 1));
            assert_eq!(latest.counts.updated, 1);
        },
    ),
    story("that would delete too much", || outdated(40, |book| book.delete(5..25)), sync),
    story(
        "that lists everything and would delete too much",
        || outdated(40, |book| book.delete(5..25)),
        full_sync,
    )
    .after(|machine| {
        machine.sync(Some(Kind::Full));
    }),
    story(
        "after one that would have deleted too much",
        || {
            let mut machine = outdated(40, |book| book.delete(5..25));
            assert_eq!(machine.sync(None), Outcome::Held);
            machine.book.change(5..22);
            machine
        },
        sync,
    ),
    story(
        "for which the permission is gone",
        || {
            let machine = outdated(25, |book| book.change(0..25));
            let message = "the permission is gone".to_owned();
            machine.book.at(3, Act::Fail(FetchError::NeedsReauth { message }));
            machine
        },
        |machine| {
            sync(machine);
            assert_eq!(machine.latest().outcome, Some(Outcome::Failed));
        },
    )
    .after(|machine| machine.connect("another token")),
    story(
        "on a disk that is full half way",
        || outdated(60, |book| book.change(0..60)),
        |machine| {
            machine.disk.set_room(Some(machine.disk.size() + 200_000));
            let mut sync = machine.begin(None).unwrap();
            machine.go(&mut sync, usize::MAX);
            machine.disk.set_room(None);
            // Not even the last word could be stored, so the lease runs out by itself.
            machine.wait(11);
        },
    ),
    story(
        "whose process dies at the end of its pages",
        || {
            outdated(25, |book| {
                book.change(0..8);
                book.delete(20..22);
            })
        },
        |machine| {
            machine.crash(None, 2);
            sync(machine);
        },
    ),
    story(
        "during which the log is moved into the database",
        || outdated(40, everything),
        |machine| {
            let mut sync = machine.begin(None).unwrap();
            for mode in ["truncate", "restart"] {
                assert_eq!(machine.go(&mut sync, 2), None);
                machine.checkpoint(mode);
            }
            machine.go(&mut sync, usize::MAX);
            machine.checkpoint("truncate");
        },
    ),
];

fn relabelled(book: &Book) {
    book.label("family");
    book.change(1..3);
}

fn expired(book: &Book) {
    book.change(3..17);
    book.delete(20..22);
    book.expire_tokens();
}

fn everything(book: &Book) {
    book.change(1..5);
    book.delete(6..9);
    book.rename(10, 110);
    book.add(200..204);
    book.spoil(11, true);
    book.label("family");
}
