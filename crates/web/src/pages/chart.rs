//! The last runs as a picture: one bar each, its height the time it took, its colour the outcome.

use crate::Web;
use crate::pages::language::{Language, said};
use crate::pages::overview::Severity;
use crate::pages::{Moment, PageContext};
use ringbook_core::clock::between;
use ringbook_core::sync::Outcome;
use ringbook_store::RunRow;

/// The picture's size, in its own units.
const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 150.0;
/// Room above for the largest value's text.
const TOP: f64 = 18.0;

/// One run, for the picture and for the table behind it.
pub(crate) struct Bar {
    pub(crate) href: String,
    pub(crate) at: Moment,
    pub(crate) outcome: &'static str,
    pub(crate) tone: Severity,
    pub(crate) took: String,
    pub(crate) changes: String,
    pub(crate) contacts: Option<String>,
    seconds: f64,
}

pub(crate) struct Chart {
    pub(crate) bars: Vec<Bar>,
    pub(crate) drawn: Vec<Drawn>,
    pub(crate) longest: String,
}

/// A bar in its place.
pub(crate) struct Drawn {
    pub(crate) x: String,
    pub(crate) y: String,
    pub(crate) width: String,
    pub(crate) height: String,
    pub(crate) tone: Severity,
    pub(crate) title: String,
}

impl Bar {
    pub(crate) fn of(web: &Web, visit: &PageContext, run: &RunRow) -> Bar {
        let language = visit.language;
        let took = between(run.started_at, run.ended_at.unwrap_or(visit.now));
        let counts = &run.counts;
        // A restored contact is among the updated ones.
        let changes = counts.created + counts.updated + counts.deleted;
        let (tone, outcome) = outcome(run.outcome);
        Bar {
            href: format!("/runs/{}", web.out.run(run.id).0),
            at: visit.ago(&run.started_at),
            outcome: language.say(outcome),
            tone,
            took: language.duration(took),
            changes: language.number(changes),
            contacts: run.after_live.map(|it| language.number(it)),
            seconds: took.as_secs_f64(),
        }
    }
}

/// How a run ended, in words.
pub(crate) fn outcome(outcome: Option<Outcome>) -> (Severity, &'static str) {
    match outcome {
        None => (Severity::Busy, said("in progress")),
        Some(Outcome::Succeeded) => (Severity::Good, said("succeeded")),
        Some(Outcome::Partial) => (Severity::Good, said("succeeded, some set aside")),
        Some(Outcome::Failed) => (Severity::Bad, said("failed")),
        Some(Outcome::Cancelled) => (Severity::Warn, said("cancelled")),
        Some(Outcome::Interrupted) => (Severity::Warn, said("interrupted")),
        Some(Outcome::Held) => (Severity::Warn, said("on hold")),
        Some(Outcome::Rejected) => (Severity::Warn, said("rejected")),
    }
}

/// Two runs are not two towers.
const BAR_MAX: f64 = 36.0;

impl Chart {
    /// Oldest first.
    pub(crate) fn of(language: Language, bars: Vec<Bar>) -> Chart {
        let step = WIDTH / bars.len().max(1) as f64;
        let longest = bars.iter().map(|it| it.seconds).fold(0.001, f64::max);
        let drawn = bars.iter().enumerate().map(|(at, bar)| {
            // A run of a millisecond is a run, too, and so are those beside one of an hour.
            let share = (bar.seconds / longest).sqrt();
            let height = (share * (HEIGHT - TOP)).max(3.0);
            let width = (step * 0.7).min(BAR_MAX);
            Drawn {
                x: format!("{:.1}", (at as f64 + 0.5) * step - width / 2.0),
                y: format!("{:.1}", HEIGHT - height),
                width: format!("{width:.1}"),
                height: format!("{height:.1}"),
                tone: bar.tone,
                title: format!("{}: {}, {}", bar.outcome, bar.took, bar.changes),
            }
        });
        let drawn = drawn.collect();
        let longest = language.duration(std::time::Duration::from_secs_f64(longest));
        Chart { bars, drawn, longest }
    }
}
