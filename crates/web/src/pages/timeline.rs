//! One run on a time line: a bar for each phase, and a list of what it waited for.

use jiff::Timestamp;

use crate::pages::language::{Language, said};
use crate::pages::overview::Severity;
use crate::pages::{Moment, PageContext};
use ringbook_app::wire::{Span, spans};
use ringbook_core::clock::between;
use ringbook_core::sync::{Delay, Phase};
use ringbook_store::{PhaseRow, RunRow};

/// The picture's width, and the height of a bar with the room around it, in its own units.
const WIDTH: f64 = 720.0;
const LINE: f64 = 26.0;
/// What is said stands left of the bars.
const LEFT: f64 = 170.0;
const RIGHT: f64 = 80.0;
/// More bars than this are no picture any more; the table has them all.
const BARS_MAX: usize = 40;

pub(crate) struct Timeline {
    pub(crate) bars: Vec<Bar>,
    pub(crate) height: String,
    pub(crate) phases: Vec<Line>,
    pub(crate) waits: Vec<Waited>,
}

/// A phase in the picture.
pub(crate) struct Bar {
    pub(crate) name: &'static str,
    pub(crate) took: String,
    pub(crate) tone: Severity,
    pub(crate) x: String,
    pub(crate) y: String,
    pub(crate) width: String,
    pub(crate) text_y: String,
}

/// A phase in the table.
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) began: Moment,
    pub(crate) ended: Option<Moment>,
    pub(crate) took: String,
}

/// A wait, and its reason.
pub(crate) struct Waited {
    pub(crate) began: Moment,
    pub(crate) why: &'static str,
    pub(crate) took: String,
    pub(crate) cause: String,
}

impl Timeline {
    /// `None` where nothing was kept of when the run did what.
    pub(crate) fn of(visit: &PageContext, run: &RunRow, rows: &[PhaseRow]) -> Option<Timeline> {
        let language = visit.language;
        let spans = spans(run, rows);
        let begin = spans.first()?.row.began_at;
        let end = run.ended_at.unwrap_or(visit.now);
        let all = between(begin, end).as_secs_f64().max(0.001);
        let took = |it: &Span<'_>| between(it.row.began_at, it.ended_at.unwrap_or(visit.now));
        let bar = |(at, it): (usize, &Span<'_>)| {
            let from = between(begin, it.row.began_at).as_secs_f64() / all;
            let share = took(it).as_secs_f64() / all;
            let room = WIDTH - LEFT - RIGHT;
            let y = at as f64 * LINE;
            Bar {
                name: language.say(name(it.row.phase)),
                took: language.duration(took(it)),
                tone: tone(it.row),
                x: format!("{:.1}", LEFT + from.min(1.0) * room),
                y: format!("{:.1}", y + 4.0),
                width: format!("{:.1}", (share.min(1.0) * room).max(2.0)),
                text_y: format!("{:.1}", y + 17.0),
            }
        };
        let line = |it: &Span<'_>| Line {
            name: language.say(name(it.row.phase)),
            began: visit.exact(&it.row.began_at),
            ended: it.ended_at.as_ref().map(|at: &Timestamp| visit.exact(at)),
            took: language.duration(took(it)),
        };
        let bars: Vec<Bar> = spans.iter().enumerate().take(BARS_MAX).map(bar).collect();
        Some(Timeline {
            height: format!("{:.0}", bars.len() as f64 * LINE),
            bars,
            phases: spans.iter().map(line).collect(),
            waits: spans.iter().filter_map(|it| waited(visit, language, it, took(it))).collect(),
        })
    }
}

fn waited(
    visit: &PageContext,
    language: Language,
    it: &Span<'_>,
    took: std::time::Duration,
) -> Option<Waited> {
    let wait = it.row.wait.as_ref()?;
    Some(Waited {
        began: visit.exact(&it.row.began_at),
        why: language.say(reason(wait.delay)),
        took: language.duration(took),
        cause: wait.message.clone(),
    })
}

fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Starting => said("First questions"),
        Phase::Fetching | Phase::Storing => said("Listing"),
        Phase::Waiting => said("Waiting"),
        Phase::Verifying => said("Looking closer"),
        Phase::Finishing => said("Finishing"),
        Phase::Ended => said("Ended"),
    }
}

fn tone(row: &PhaseRow) -> Severity {
    match row.phase {
        Phase::Waiting => Severity::Warn,
        Phase::Fetching | Phase::Storing => Severity::Good,
        _ => Severity::Busy,
    }
}

pub(crate) fn reason(delay: Delay) -> &'static str {
    match delay {
        Delay::RateLimited => said("Google said slow down"),
        Delay::ServerError => said("Google had trouble"),
        Delay::Network => said("Google could not be reached"),
        Delay::Malformed => said("Google's answer could not be read"),
        Delay::Unauthorized => said("Google refused a fresh access token"),
        Delay::Pause => said("Pause between two pages"),
    }
}
