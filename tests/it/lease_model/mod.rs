//! The lease, explored to its end: everything that three processes, time, crashes and people can do to
//! it, in every order.
//!
//! `table` asks the real store what it makes of each deed, `model` says who can do what, `explore` goes
//! everywhere, and `laws` says what must hold there. Written by hand rather than with a model checker
//! from a library: it is short, and the one that would fit brings a web server and its own random
//! numbers along.

mod case;
mod explore;
mod laws;
mod model;
mod rows;
mod table;
mod walk;

use std::cmp::Ordering;

use ringbook_core::clock::{Clock, between};
use ringbook_core::sync::Outcome;
use ringbook_runtime::SystemClock;
use tokio::sync::OnceCell;

use self::case::{Answer, Case, Effect, Holder, Op, Run};
use self::explore::explore;
use self::table::Table;
use crate::support::long;
use crate::support::world::Database;

/// What SQLite's store does. It is asked once for all tests.
async fn on_sqlite() -> &'static Table {
    static TABLE: OnceCell<Table> = OnceCell::const_new();
    TABLE.get_or_init(|| async { table::ask(Database::Sqlite, &case::cases()).await }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_processes_time_and_people_do_breaks_a_law_of_the_lease() {
    let began = SystemClock.now();
    let table = on_sqlite().await;
    let asked = SystemClock.now();
    let explored = explore(table).unwrap_or_else(|violation| panic!("{violation}"));
    println!(
        "{} cases asked of the store in {:?}; {} states, {} transitions, depth {}, in {:?}",
        table.len(),
        between(began, asked),
        explored.states.len(),
        explored.transitions,
        explored.depth,
        between(asked, SystemClock.now()),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gate_does_the_same_on_postgres() {
    let mut cases = case::cases();
    cases.retain(case::is_quick);
    for (case, effect) in table::ask(Database::Postgres, &cases).await {
        assert_eq!(effect, on_sqlite().await[&case], "{case:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_stores_walk_the_ways_of_the_model() {
    let walks = if long() { 400 } else { 8 };
    for seed in 1..=walks {
        walk::walk(Database::Sqlite, on_sqlite().await, seed, 60).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_stores_on_postgres_walk_the_ways_of_the_model() {
    let walks = if long() { 100 } else { 4 };
    for seed in 1..=walks {
        walk::walk(Database::Postgres, on_sqlite().await, seed, 60).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_during_which_a_lease_runs_out_closes_the_run_that_had_it() {
    let slow = on_sqlite().await.iter().filter(|(case, effect)| {
        case.op.is_slow() && effect.answer == Answer::Done && case.other.is_some()
    });
    let closed: Vec<bool> =
        slow.map(|(_, it)| it.other.is_some_and(|run| run.outcome.is_some())).collect();
    assert!(!closed.is_empty() && closed.iter().all(|closed| *closed));
}

/// The law that is broken when the store does this instead.
async fn broken_when(change: impl Fn(&Case, &mut Effect)) -> &'static str {
    let mut table = on_sqlite().await.clone();
    for (case, effect) in &mut table {
        let before = *effect;
        change(case, effect);
        effect.untouched &= *effect == before;
    }
    explore(&table).err().map_or("none", |violation| violation.law)
}

fn refused(effect: &mut Effect, case: &Case, answer: Answer) {
    *effect = Effect {
        answer,
        fence: 0,
        holder: case.holder,
        expired: case.expired,
        expiry: Ordering::Equal,
        mine: case.mine.map(|it| it.run),
        other: case.other,
        began: false,
        stored: false,
        untouched: true,
        ..*effect
    };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_breaks_a_law_is_found_out() {
    let late = |case: &Case| {
        case.op.is_for_a_run()
            && case.holder == Holder::Other
            && case.mine.is_some_and(|it| !it.newest)
    };
    let rescue = |case: &Case| matches!(case.op, Op::Begin | Op::CloseOrphans);

    let law = broken_when(|case, effect| {
        if late(case) && case.op == Op::Write {
            (effect.answer, effect.stored) = (Answer::Done, true);
        }
    });
    assert_eq!(law.await, "two runs can write");

    let law = broken_when(|case, effect| {
        if late(case) && case.op.ends_the_run() {
            (effect.holder, effect.expiry) = (Holder::Nobody, Ordering::Less);
        }
    });
    assert_eq!(law.await, "a refusal left traces", "a late release");

    let law = broken_when(|case, effect| {
        if late(case) && case.op == Op::Renew {
            (effect.holder, effect.expiry) = (Holder::Me, Ordering::Greater);
            effect.answer = Answer::Done;
        }
    });
    assert_eq!(law.await, "a lease was taken without raising the fence");

    let law = broken_when(|case, effect| {
        if case.op == Op::RenewBriefly && effect.answer.accepted() {
            effect.expiry = Ordering::Less;
        }
    });
    assert_eq!(law.await, "a renewal gave the lease away, or made it shorter");

    let law = broken_when(|case, effect| {
        if case.op == Op::CloseOrphans && case.holder == Holder::Other && !case.expired {
            (effect.answer, effect.fence, effect.holder) = (Answer::Done, 1, Holder::Nobody);
        }
    });
    assert_eq!(law.await, "a lease was taken from a holder that lives");

    let law = broken_when(|case, effect| {
        if case.op == Op::Begin && effect.began {
            effect.fence = 0;
        }
    });
    assert_eq!(law.await, "a lease was taken without raising the fence");

    let law = broken_when(|case, effect| {
        if rescue(case) && effect.answer == Answer::Done {
            effect.past_kept = false;
        }
    });
    assert_eq!(law.await, "a run that was over long ago got another outcome");

    let law = broken_when(|case, effect| {
        if rescue(case) && case.other == Some(Run::open(true)) && effect.answer == Answer::Done {
            effect.other = Some(Run { outcome: Some(Outcome::Interrupted), asked: true });
        }
    });
    assert_eq!(law.await, "a run that should be cancelled ended otherwise");

    let law = broken_when(|case, effect| {
        if rescue(case) && matches!(case.holder, Holder::Other | Holder::Dead) {
            refused(
                effect,
                case,
                if case.op == Op::Begin { Answer::Busy } else { Answer::Nothing },
            );
        }
    });
    assert_eq!(law.await, "the lease is free, and somebody may not begin");
}
