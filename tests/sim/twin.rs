//! One behaviour on two databases: the same seeds are told on SQLite and on PostgreSQL, and every line of
//! the two traces must be the same. A line is a word of somebody, a row
//! that changed, or, in the end, an answer of the store.

use std::ops::Range;

use ringbook_core::contact::Initial;
use ringbook_core::sync::Outcome;
use ringbook_store::{
    ContactId, ContactQuery, DbError, HeldQuery, HistoryPlace, HistoryQuery, Sort, Store,
};

use crate::chance::Chance;
use crate::check::ACCOUNT;
use crate::runner::{Stage, Told, tell_each};

/// Lines that are shown before the first difference, and after it.
const BEFORE: usize = 60;
const AFTER: usize = 25;

/// The two databases, side by side.
struct Pair {
    sqlite: Stage,
    postgres: Stage,
}

impl Pair {
    fn open() -> Pair {
        Pair { sqlite: Stage::open_first_twin(), postgres: Stage::open_second_twin() }
    }

    /// Tells one history twice. `Err` says how they differ, or what was wrong with both.
    fn tell(&mut self, seed: u64) -> Result<u32, String> {
        let sqlite = self.sqlite.tell(Chance::of_seed(seed), true);
        let postgres = self.postgres.tell(Chance::of_seed(seed), true);
        if let Some(difference) = difference(&sqlite, &postgres) {
            return Err(difference);
        }
        match sqlite.violation {
            Some(violation) => Err(format!("{}\n{violation}", sqlite.trace.join("\n"))),
            None => Ok(sqlite.steps),
        }
    }
}

fn difference(sqlite: &Told, postgres: &Told) -> Option<String> {
    let (one, two) = (&sqlite.trace, &postgres.trace);
    let same = one.iter().zip(two).take_while(|(a, b)| a == b).count();
    if same == one.len() && same == two.len() {
        return (sqlite.taken != postgres.taken)
            .then(|| "the traces are the same, but not the choices behind them".to_owned());
    }
    let rest = |trace: &[String]| trace[same..trace.len().min(same + AFTER)].join("\n");
    Some(format!(
        "{}\n---- SQLite:\n{}\n---- PostgreSQL:\n{}",
        one[same.saturating_sub(BEFORE)..same].join("\n"),
        rest(one),
        rest(two)
    ))
}

/// Tells a range of histories on both databases. Returns whether they always agreed.
pub(crate) fn compare(seeds: Range<u64>, jobs: usize, progress: bool) -> bool {
    let first = seeds.start;
    let report = tell_each(seeds, jobs, Pair::open, Pair::tell, |count, seconds| {
        if progress && count.is_multiple_of(100) {
            println!("{count}, {:.1} a second", count as f64 / seconds);
        }
    });
    println!("from {first}, the same on SQLite and PostgreSQL: {}", report.summary());
    if let Some((seed, difference)) = &report.failed {
        println!(
            "{difference}\n\nseed {seed} is told differently on the two databases. Again: \
             cargo test --test sim -- --databases 1 --from {seed}"
        );
    }
    report.failed.is_none()
}

/// All that a store says of its database, a line for each answer. What people see is made of these.
pub(crate) async fn read_all(store: &Store) -> Result<Vec<String>, DbError> {
    let mut lines = Vec::new();
    let all = HistoryQuery { limit: 1000, ..HistoryQuery::default() };
    let runs = store.history(&all).await?;
    if let Some(middle) = runs.get(runs.len() / 2) {
        let part = HistoryQuery {
            from: HistoryPlace::Before(middle.started_at, middle.id),
            limit: 3,
            ..all
        };
        lines.extend(store.history(&part).await?.iter().map(|it| format!("earlier: {it:?}")));
        lines.push(format!("ended since: {:?}", store.ended_since(middle.started_at).await?));
    }
    for run in &runs {
        lines.push(format!("{run:?}"));
        lines.extend(store.changes(run.id, 0, 100).await?.iter().map(|it| format!("{it:?}")));
        lines.push(format!("phases: {:?}", store.phases(run.id).await?));
        lines.push(format!("aside: {:?}", store.set_aside(run.id, 0, 100).await?));
        lines.push(format!(
            "held: {:?}",
            store.held(run.id, &HeldQuery { limit: 100, ..HeldQuery::default() }).await?
        ));
    }
    // They come in no order.
    let mut outcomes = store.outcomes(None).await?;
    outcomes.sort_by_key(|it| it.0.map(Outcome::as_str));
    lines.push(format!("outcomes: {outcomes:?}"));
    lines.push(format!("sums: {:?}", store.run_sums().await?));
    lines.push(format!("accounts: {:?}", store.accounts().await?));
    lines.push(format!("totals: {:?}", store.totals().await?));
    lines.push(format!("labels: {:?}", store.label_names(ACCOUNT).await?));
    lines.push(format!("holder: {:?}", store.lease_holder(ACCOUNT).await?));
    lines.push(format!("names: {:?}", store.live_names(ACCOUNT).await?));
    for sort in [Sort::Name, Sort::Recent] {
        for initial in [None, Initial::parse("n")] {
            let query = ContactQuery { sort, initial, account: None, offset: 1, limit: 4 };
            lines.push(format!("{query:?}: {:?}", store.contacts(&query).await?));
        }
    }
    lines.push(format!("export: {:?}", store.contacts_after(ContactId(0), 100).await?));
    Ok(lines)
}
