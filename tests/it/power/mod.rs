//! The power fails: at each moment of each of these stories, and whatever of the unsynced is left.
//!
//! Every story is played once on a disk that notes each write. Then, for each moment of it, the disk
//! is made that a power cut would have left, and: SQLite can read it; it holds a state between two
//! transactions, never half of one; nothing is gone that a person was told is kept; and when everybody
//! goes on as after any outage, it ends as it does without a cut.

mod machine;
mod rows;
mod syncs;
mod trial;
mod upkeep;
mod words;

use ringbook_disk::Loss;
use ringbook_store::HistoryQuery;

#[test]
fn a_first_sync_may_lose_power_at_any_moment() {
    trial::play("first syncs", syncs::FIRST);
}

#[test]
fn a_later_sync_may_lose_power_at_any_moment() {
    trial::play("later syncs", syncs::LATER);
}

#[test]
fn a_word_of_a_person_survives_a_power_cut_as_soon_as_it_is_answered() {
    trial::play("words of people", words::WORDS);
}

#[test]
fn upkeep_may_lose_power_at_any_moment() {
    trial::play("upkeep", upkeep::UPKEEP);
}

#[test]
fn a_run_that_was_announced_keeps_its_number_over_a_power_cut() {
    let mut machine = syncs::connected(12);
    let announced = machine.begin(None).unwrap().run;
    machine.lose_power(Loss::All);
    assert!(machine.begin(None).unwrap().run > announced, "a number is given out once");
}

#[test]
fn a_history_that_a_person_cleared_does_not_come_back_after_a_power_cut() {
    let mut machine = syncs::synced(12);
    machine.checkpoint("truncate");
    let history = HistoryQuery { limit: 10, ..HistoryQuery::default() };
    assert_eq!(machine.block_on(machine.store().history(&history)).unwrap().len(), 2);
    assert_eq!(machine.block_on(machine.store().clear_history(false)).unwrap(), 2);
    machine.lose_power(Loss::All);
    assert!(machine.block_on(machine.store().history(&history)).unwrap().is_empty());
}
