//! The size of the mirror over the last runs, of all accounts together, as a line.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::pages::{Moment, PageContext};
use ringbook_core::clock::between;
use ringbook_core::sync::AccountId;
use ringbook_store::{Account, RunRow};

/// The picture's size, in its own units.
const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 150.0;
/// Room above for the largest value's text, and below for the smallest's.
const TOP: f64 = 20.0;
const BOTTOM: f64 = 18.0;

pub(crate) struct SizeChart {
    /// The corners of the line, and of what is below it.
    pub(crate) line: String,
    pub(crate) area: String,
    pub(crate) most: String,
    pub(crate) least: Option<String>,
    /// Latest first.
    pub(crate) points: Vec<Point>,
}

/// A line of the table.
pub(crate) struct Point {
    pub(crate) at: Moment,
    pub(crate) contacts: String,
}

/// How many contacts there were in all after each run, oldest first. `runs` are oldest first, too.
fn sizes(runs: &[RunRow], accounts: &[Account]) -> Vec<(Timestamp, u64)> {
    // Before its first run here an account was as large as that run found it.
    let mut known: HashMap<AccountId, u64> =
        accounts.iter().map(|it| (it.id, it.counts.live)).collect();
    for run in runs.iter().rev() {
        known.insert(run.id.account(), run.before_live);
    }
    let mut sizes = Vec::with_capacity(runs.len());
    for run in runs {
        let (Some(after), Some(ended)) = (run.after_live, run.ended_at) else { continue };
        known.insert(run.id.account(), after);
        sizes.push((ended, known.values().sum()));
    }
    sizes.sort();
    sizes
}

impl SizeChart {
    /// `None` where there are too few runs for a line. `runs` are oldest first.
    pub(crate) fn of(
        visit: &PageContext,
        runs: &[RunRow],
        accounts: &[Account],
    ) -> Option<SizeChart> {
        let sizes = sizes(runs, accounts);
        let (&(first, _), &(last, _)) = (sizes.first()?, sizes.last()?);
        if sizes.len() < 2 {
            return None;
        }
        let least = sizes.iter().map(|(_, size)| *size).min().unwrap_or(0);
        let most = sizes.iter().map(|(_, size)| *size).max().unwrap_or(0);
        let long = between(first, last).as_secs_f64().max(0.001);
        let span = (most - least).max(1) as f64;
        let place = |(at, size): &(Timestamp, u64)| {
            let x = between(first, *at).as_secs_f64() / long * WIDTH;
            let share = if most == least { 0.5 } else { (size - least) as f64 / span };
            (x, HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM))
        };
        // A size lasts until the next run, so the line is made of steps.
        let mut corners: Vec<String> = Vec::with_capacity(2 * sizes.len());
        let mut before = None;
        for (x, y) in sizes.iter().map(place) {
            if let Some(before) = before {
                corners.push(format!("{x:.1},{before:.1}"));
            }
            corners.push(format!("{x:.1},{y:.1}"));
            before = Some(y);
        }
        let line = corners.join(" ");
        let area = format!("0,{HEIGHT} {line} {WIDTH},{HEIGHT}");
        let language = visit.language;
        let words = |count| language.count(count, "{} contact", "{} contacts");
        let points = sizes
            .iter()
            .rev()
            .map(|(at, size)| Point { at: visit.ago(at), contacts: language.number(*size) });
        Some(SizeChart {
            line,
            area,
            most: words(most),
            least: (least < most).then(|| words(least)),
            points: points.collect(),
        })
    }
}
