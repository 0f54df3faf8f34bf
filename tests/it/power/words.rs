//! Words of people and programs, during which the power may fail; answered, they are kept.

use ringbook_core::sync::{AccountId, Kind, Outcome};
use ringbook_store::{AccountError, Erasing, ScheduleRow};

use crate::power::machine::{ACCOUNT, Machine, tokens};
use crate::power::syncs::{connect, connected, synced};
use crate::power::trial::{Scenario, story};
use crate::support::book::Book;

const OTHER: AccountId = AccountId(2);

/// Twenty of forty contacts were deleted at Google.
fn depleted() -> Machine {
    let machine = synced(40);
    machine.book.delete(5..25);
    machine
}

/// A run that would have deleted them waits for a word.
fn held(kind: Kind) -> Machine {
    let mut machine = depleted();
    assert_eq!(machine.sync(Some(kind)), Outcome::Held);
    machine
}

fn cancel(machine: &mut Machine) {
    machine.word(async |store| store.request_cancel(ACCOUNT, "a person").await).unwrap();
}

fn save_tokens(machine: &mut Machine) {
    let fresh = tokens("a fresh token");
    machine.word(async |store| {
        let grant = store.grant(ACCOUNT).await.unwrap().unwrap();
        assert!(store.save_tokens(ACCOUNT, grant.generation, &fresh).await.unwrap());
    });
}

fn condemn(machine: &mut Machine) {
    machine.word(async |store| {
        let grant = store.grant(ACCOUNT).await.unwrap().unwrap();
        store.condemn_grant(ACCOUNT, grant.generation, "it was withdrawn").await.unwrap();
    });
}

fn disconnect(machine: &mut Machine) {
    machine.word(async |store| store.disconnect(ACCOUNT).await).unwrap();
}

fn schedule(machine: &mut Machine) {
    let row = ScheduleRow {
        cron: Some("5 4 * * *".to_owned()),
        zone: Some("Europe/Berlin".to_owned()),
        ..ScheduleRow::default()
    };
    machine.word(async |store| store.set_schedule(ACCOUNT, &row).await).unwrap();
}

fn alert(machine: &mut Machine) {
    machine.word(async |store| store.claim_alert(ACCOUNT).await).unwrap();
}

fn connect_again(machine: &mut Machine) {
    machine.connect("another token");
}

fn erase(machine: &mut Machine) {
    machine.word(async |store| store.begin_erasing(ACCOUNT, Erasing::Contacts).await).unwrap();
    machine.word(async |store| store.erasure(ACCOUNT).finish().await).unwrap();
}

/// Another account, which waits to be connected.
fn add(machine: &mut Machine) {
    let added = machine.word(async |store| store.create_account("Office").await);
    assert!(matches!(added, Ok(_) | Err(AccountError::Taken(_))), "{added:?}");
}

fn with_another() -> Machine {
    let mut machine = synced(15);
    add(&mut machine);
    machine
}

/// Takes the other account away, with whatever it may have by now.
fn remove(machine: &mut Machine) {
    let begun = machine.word(async |store| store.begin_erasing(OTHER, Erasing::Account).await);
    assert!(matches!(begun, Ok(()) | Err(AccountError::Gone)), "{begun:?}");
    machine.word(async |store| store.erasure(OTHER).finish().await).unwrap();
}

fn pause_and_rename(machine: &mut Machine) {
    machine.word(async |store| store.set_paused(ACCOUNT, true).await).unwrap();
    machine.word(async |store| store.rename_account(ACCOUNT, "Home").await).unwrap();
    let labels = ["contactGroups/a".to_owned()];
    machine.word(async |store| store.set_labels_shown(ACCOUNT, Some(&labels)).await).unwrap();
}

pub(super) const WORDS: &[Scenario] = &[
    story("an erasure of all contacts", || synced(40), erase).after(erase),
    story("an erasure of all contacts beside a hold", || held(Kind::Full), erase).after(erase),
    story("an erasure during a sync", || connected(35), |machine| machine.sync_meanwhile(4, erase))
        .after(erase),
    story("an account that is added", || synced(15), add).after(add),
    story("an account that is removed", with_another, remove).after(remove),
    story("an account that is paused, named and filtered", || synced(15), pause_and_rename)
        .after(pause_and_rename),
    story("an approval of what a listing misses", || held(Kind::Full), Machine::approve)
        .after(Machine::approve),
    story("an approval of tombstones", || held(Kind::Incremental), Machine::approve)
        .after(Machine::approve),
    story("a rejection of what a listing misses", || held(Kind::Full), Machine::reject)
        .after(|machine| assert_eq!(machine.sync(Some(Kind::Full)), Outcome::Held)),
    story("a rejection of tombstones", || held(Kind::Incremental), Machine::reject),
    story("an approval right after the run", depleted, |machine| {
        assert_eq!(machine.sync(None), Outcome::Held);
        machine.approve();
    })
    .after(|machine| {
        // Whoever had not decided yet is asked again.
        machine.sync(None);
        machine.approve();
    }),
    story(
        "a word that a run is to be cancelled",
        || connected(35),
        |machine| {
            machine.sync_meanwhile(4, cancel);
            assert_eq!(machine.latest().outcome, Some(Outcome::Cancelled));
        },
    ),
    story(
        "a word that a run is to be cancelled, which dies before it hears",
        || connected(35),
        |machine| {
            let mut sync = machine.begin(None).unwrap();
            machine.go(&mut sync, 4);
            cancel(machine);
            machine.kill();
            drop(sync);
            machine.start();
            machine.block_on(machine.store().close_orphans(ACCOUNT)).unwrap();
            assert_eq!(machine.latest().outcome, Some(Outcome::Cancelled));
        },
    ),
    story("a word that nothing is to be cancelled", || synced(5), cancel),
    story(
        "a first consent",
        || {
            let mut machine = Machine::new(Book::of(12));
            machine.start();
            machine
        },
        connect,
    )
    .after(connect),
    story("a consent on a machine that was just set up", || Machine::new(Book::of(12)), connect)
        .after(connect),
    story("another consent", || synced(15), connect_again).after(connect_again),
    story(
        "another consent and a sync with it",
        || synced(15),
        |machine| {
            connect_again(machine);
            machine.book.delete(3..5);
            machine.sync(None);
        },
    )
    .after(connect_again),
    story("a refreshed token", || synced(8), save_tokens).after(save_tokens),
    story(
        "a refreshed token during a run",
        || connected(25),
        |machine| machine.sync_meanwhile(4, save_tokens),
    )
    .after(save_tokens),
    story(
        "a grant that is found dead, and a new one",
        || synced(8),
        |machine| {
            condemn(machine);
            connect_again(machine);
        },
    )
    .after(connect_again),
    story(
        "a goodbye, and a return",
        || synced(12),
        |machine| {
            disconnect(machine);
            connect_again(machine);
        },
    )
    .after(connect_again),
    story(
        "a goodbye during a run",
        || connected(25),
        |machine| machine.sync_meanwhile(4, disconnect),
    )
    .after(connect_again),
    story("a schedule", || synced(5), schedule).after(schedule),
    story(
        "a schedule during a run",
        || connected(25),
        |machine| machine.sync_meanwhile(5, schedule),
    )
    .after(schedule),
    story("an alarm that is given once", || synced(5), alert),
];
