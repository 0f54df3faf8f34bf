//! What a run did when.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::{ApiEncoder, Id, Moment};
use ringbook_core::clock::between;
use ringbook_core::sync::{Delay, Phase};
use ringbook_store::{PhaseRow, RunRow};

/// The phases that a run went through, in order.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Phases {
    pub run_id: Id,
    /// Empty for runs of before they were kept.
    pub phases: Vec<PhaseSpan>,
}

/// A phase of a run.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PhaseSpan {
    pub phase: Phase,
    pub began_at: Moment,
    /// Null while it goes on.
    pub ended_at: Option<Moment>,
    pub duration_seconds: f64,
    /// Why it waited; null for the other phases.
    pub reason: Option<Delay>,
    /// What Google answered, or what broke.
    pub cause: Option<String>,
}

/// A phase with both its ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Span<'a> {
    pub row: &'a PhaseRow,
    /// `None` while it goes on.
    pub ended_at: Option<Timestamp>,
}

/// Each phase ends where the next one begins, and the last one with the run.
pub fn spans<'a>(run: &RunRow, rows: &'a [PhaseRow]) -> Vec<Span<'a>> {
    let nexts = rows.iter().skip(1).map(|it| Some(it.began_at)).chain([run.ended_at]);
    rows.iter().zip(nexts).map(|(row, ended_at)| Span { row, ended_at }).collect()
}

impl Phases {
    pub fn of(out: &ApiEncoder, run: &RunRow, rows: &[PhaseRow], now: Timestamp) -> Phases {
        let phase = |it: Span<'_>| PhaseSpan {
            phase: it.row.phase,
            began_at: out.time(it.row.began_at),
            ended_at: out.time_of(it.ended_at),
            duration_seconds: between(it.row.began_at, it.ended_at.unwrap_or(now)).as_secs_f64(),
            reason: it.row.wait.as_ref().map(|wait| wait.delay),
            cause: it.row.wait.as_ref().map(|wait| wait.message.clone()),
        };
        let phases = spans(run, rows).into_iter().map(phase).collect();
        Phases { run_id: out.run(run.id), phases }
    }
}
