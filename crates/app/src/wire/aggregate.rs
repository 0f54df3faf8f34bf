//! How several accounts are told as one: sums, the worst status, and who decides an answer. Pure.

use jiff::Timestamp;

use crate::wire::{RunStatistics, SyncState};
use ringbook_core::clock::between;
use ringbook_core::sync::{Kind, Outcome};
use ringbook_store::{RunCounts, RunRow, RunSums};

/// The state that says most about several accounts: trouble before work before rest.
pub(crate) fn worst_state(states: impl IntoIterator<Item = SyncState>) -> Option<SyncState> {
    let badness = |state: &SyncState| match state {
        SyncState::Error => 3,
        SyncState::Syncing => 2,
        SyncState::NeverSynced => 1,
        SyncState::Idle => 0,
    };
    states.into_iter().max_by_key(badness)
}

/// What became of a request to sync one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptResult {
    Done,
    /// On hold, or going on behind the scenes.
    Accepted,
    /// Another run was in progress.
    Busy,
    /// With this status of HTTP, had it been asked for alone.
    Failed(u16),
}

impl AttemptResult {
    /// The status of HTTP for a request that asked for this account alone.
    pub fn code(self) -> u16 {
        match self {
            AttemptResult::Done => 200,
            AttemptResult::Accepted => 202,
            AttemptResult::Busy => 409,
            AttemptResult::Failed(code) => code,
        }
    }
}

/// Which of several fates decides the answer. A failure does, before any success; of several the one that
/// needs a person most, since one that passes by itself can wait. Who was busy is being synced anyway, and
/// decides only when all were.
pub fn deciding(fates: &[AttemptResult]) -> Option<usize> {
    let weight = |fate: &AttemptResult| match fate {
        AttemptResult::Failed(401) => 9,
        AttemptResult::Failed(404) => 8,
        AttemptResult::Failed(502) => 7,
        AttemptResult::Failed(409) => 5,
        AttemptResult::Failed(_) => 6,
        AttemptResult::Accepted => 3,
        AttemptResult::Done => 2,
        AttemptResult::Busy => 1,
    };
    // Of equals the first.
    (0..fates.len()).rev().max_by_key(|at| weight(&fates[*at]))
}

/// What several runs did. They went on side by side, so the time is from the first begin to the last end.
pub(crate) fn added(rows: &[&RunRow], now: Timestamp) -> Option<RunStatistics> {
    let mut parts = rows.iter().map(|row| RunStatistics::of(row, now));
    let mut sum = parts.next()?;
    for part in parts {
        sum.total_fetched += part.total_fetched;
        sum.created += part.created;
        sum.updated += part.updated;
        sum.unchanged += part.unchanged;
        sum.deleted += part.deleted;
        sum.restored += part.restored;
        sum.errors += part.errors;
        sum.pages += part.pages;
        sum.retries += part.retries;
        sum.requests += part.requests;
        if part.sync_type == Kind::Full {
            sum.sync_type = Kind::Full;
        }
    }
    let began = rows.iter().map(|row| row.started_at).min()?;
    let ended = rows.iter().map(|row| row.ended_at.unwrap_or(now)).max()?;
    sum.duration_seconds = between(began, ended).as_secs_f64();
    Some(sum)
}

/// The sums of two histories.
pub(crate) fn both(one: &RunSums, other: &RunSums) -> RunSums {
    let (a, b) = (one.counts, other.counts);
    RunSums {
        runs: one.runs + other.runs,
        counts: RunCounts {
            pages: a.pages + b.pages,
            listed: a.listed + b.listed,
            created: a.created + b.created,
            updated: a.updated + b.updated,
            unchanged: a.unchanged + b.unchanged,
            set_aside: a.set_aside + b.set_aside,
            deleted: a.deleted + b.deleted,
            restored: a.restored + b.restored,
            renamed: a.renamed + b.renamed,
            tombstones: a.tombstones + b.tombstones,
            to_delete: a.to_delete + b.to_delete,
        },
        retries: one.retries + other.retries,
        requests: one.requests + other.requests,
        took: one.took + other.took,
    }
}

/// The outcomes of two histories.
pub(crate) fn all_outcomes(
    parts: impl IntoIterator<Item = Vec<(Option<Outcome>, u64)>>,
) -> Vec<(Option<Outcome>, u64)> {
    let mut sum = std::collections::BTreeMap::new();
    for (outcome, count) in parts.into_iter().flatten() {
        *sum.entry(outcome).or_insert(0) += count;
    }
    sum.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_of_one_account_is_told_before_the_rest_of_the_others() {
        use SyncState::{Error, Idle, NeverSynced, Syncing};
        assert_eq!(worst_state([Idle, Syncing, Error, NeverSynced]), Some(Error));
        assert_eq!(worst_state([Idle, NeverSynced, Syncing]), Some(Syncing));
        assert_eq!(worst_state([Idle, NeverSynced]), Some(NeverSynced));
        assert_eq!(worst_state([Idle, Idle]), Some(Idle));
        assert_eq!(worst_state([]), None);
    }

    #[test]
    fn a_failure_decides_before_any_success_and_the_busy_only_among_themselves() {
        use AttemptResult::{Accepted, Busy, Done, Failed};
        let code = |fates: &[AttemptResult]| deciding(fates).map(|at| fates[at].code());
        assert_eq!(code(&[Done, Done]), Some(200));
        assert_eq!(code(&[Done, Busy]), Some(200));
        assert_eq!(code(&[Done, Accepted, Busy]), Some(202));
        assert_eq!(code(&[Busy, Busy]), Some(409));
        assert_eq!(code(&[Done, Failed(503)]), Some(503));
        assert_eq!(code(&[Failed(503), Failed(502), Failed(401), Done]), Some(401));
        assert_eq!(code(&[Failed(409), Failed(503)]), Some(503), "a cancel was wished for");
        assert_eq!(deciding(&[Done, Failed(401), Failed(401)]), Some(1), "the first of equals");
        assert_eq!(code(&[]), None);
    }
}
