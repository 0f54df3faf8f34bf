//! One run: what it did, how far it is, and what an answer says of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::{ApiEncoder, Id, Moment, SyncState};
use ringbook_core::clock::between;
use ringbook_core::string_enum;
use ringbook_core::sync::diagnosis::DiagnosisParts;
use ringbook_core::sync::schedule::FullReason;
use ringbook_core::sync::{AccountId, Delay, FailureCode, Kind, Outcome, Phase, Trigger};
use ringbook_store::{RunCounts, RunRow};

/// What a run waits for.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Waiting {
    pub until: Moment,
    pub reason: Delay,
    /// For people: what is the matter, and when it goes on.
    pub message: String,
    /// What Google answered, or what broke.
    pub cause: String,
}

/// One run in full.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Run {
    pub id: Id,
    pub account_id: Id,
    pub status: SyncState,
    /// Null while it runs.
    pub outcome: Option<Outcome>,
    pub kind: Kind,
    pub kind_asked: Option<Kind>,
    /// Why everything was listed, if it had to be.
    pub full_reason: Option<FullReason>,
    pub trigger: Trigger,
    pub asked_by: Option<String>,
    /// Host and process that ran it.
    pub holder: String,
    /// It went on with the listing of an interrupted run.
    pub resumed: bool,
    pub started_at: Moment,
    pub updated_at: Moment,
    pub ended_at: Option<Moment>,
    /// When it ended.
    pub last_sync_at: Option<Moment>,
    pub duration_seconds: f64,
    /// It brought a new sync token.
    pub has_sync_token: bool,
    pub error_code: Option<FailureCode>,
    pub error_message: Option<String>,
    /// What is to be told of a run that did its work although Google contradicted itself.
    pub note: Option<String>,
    /// Contacts that Google's listing left out and its look-up found. They are kept, and are among the run's
    /// `errors`.
    pub unlisted: u64,
    /// The same in its parts, where it is about Google.
    pub diagnosis: Option<DiagnosisParts>,
    pub phase: Phase,
    pub waiting: Option<Waiting>,
    pub pages: u64,
    /// How many contacts Google says there are.
    pub total: Option<u64>,
    /// Contacts that Google listed: created + updated + unchanged + set aside.
    pub total_fetched: u64,
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    /// Contacts that could not be read.
    pub set_aside: u64,
    /// The same as `set_aside`.
    pub errors: u64,
    pub deleted: u64,
    pub restored: u64,
    pub renamed: u64,
    pub tombstones: u64,
    /// What a held run would delete.
    pub to_delete: u64,
    pub retries: u64,
    pub requests: u64,
    pub waited_seconds: f64,
    pub contacts_before: u64,
    pub contacts_after: Option<u64>,
    pub cancel_requested_at: Option<Moment>,
    pub cancel_requested_by: Option<String>,
    pub decided_at: Option<Moment>,
    pub decided_by: Option<String>,
}

impl Run {
    pub fn of(out: &ApiEncoder, row: &RunRow, now: Timestamp) -> Run {
        let RunCounts {
            pages,
            listed,
            created,
            updated,
            unchanged,
            set_aside,
            deleted,
            restored,
            renamed,
            tombstones,
            to_delete,
        } = row.counts;
        Run {
            id: out.run(row.id),
            account_id: out.account(row.id.account()),
            status: match row.outcome {
                None => SyncState::Syncing,
                Some(Outcome::Failed) => SyncState::Error,
                Some(_) => SyncState::Idle,
            },
            outcome: row.outcome,
            kind: row.kind,
            kind_asked: row.kind_asked,
            full_reason: row.full_reason,
            trigger: row.trigger,
            asked_by: row.asked_by.clone(),
            holder: row.holder.clone(),
            resumed: row.resumed,
            started_at: out.time(row.started_at),
            updated_at: out.time(row.updated_at),
            ended_at: out.time_of(row.ended_at),
            last_sync_at: out.time_of(row.ended_at),
            duration_seconds: seconds(row.started_at, row.ended_at.unwrap_or(now)),
            has_sync_token: matches!(row.outcome, Some(Outcome::Succeeded | Outcome::Partial)),
            error_code: row.error_code,
            error_message: row.error_message.clone(),
            note: row.note.clone(),
            unlisted: row.unlisted,
            diagnosis: DiagnosisParts::read(row.error_message.as_deref()),
            phase: row.phase,
            waiting: waiting(out, row, now),
            pages,
            total: row.total,
            total_fetched: listed,
            created,
            updated,
            unchanged,
            set_aside,
            errors: set_aside,
            deleted,
            restored,
            renamed,
            tombstones,
            to_delete,
            retries: row.retries,
            requests: row.requests,
            waited_seconds: row.waited_ms as f64 / 1000.0,
            contacts_before: row.before_live,
            contacts_after: row.after_live,
            cancel_requested_at: out.time_of(row.cancel_at),
            cancel_requested_by: row.cancel_by.clone(),
            decided_at: out.time_of(row.decided_at),
            decided_by: row.decided_by.clone(),
        }
    }
}

fn waiting(out: &ApiEncoder, row: &RunRow, now: Timestamp) -> Option<Waiting> {
    let wait = row.wait.as_ref()?;
    let what = match wait.delay {
        Delay::RateLimited => "Google said slow down",
        Delay::ServerError => "Google has trouble",
        Delay::Network => "Google cannot be reached",
        Delay::Malformed => "Google's answer could not be read",
        Delay::Unauthorized => "Google refused a fresh access token",
        Delay::Pause => "Pausing between two pages",
    };
    let next = if wait.delay == Delay::Pause { "next page" } else { "next try" };
    let left = between(now, wait.until).as_secs_f64().ceil();
    Some(Waiting {
        until: out.time(wait.until),
        reason: wait.delay,
        message: format!("{what}: {next} in {left} s"),
        cause: wait.message.clone(),
    })
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    between(from, to).as_secs_f64()
}

/// What a run did, in the words of the contract.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RunStatistics {
    pub total_fetched: u64,
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub deleted: u64,
    pub restored: u64,
    /// Contacts that could not be read and were set aside.
    pub errors: u64,
    pub pages: u64,
    pub sync_type: Kind,
    pub duration_seconds: f64,
    pub retries: u64,
    pub requests: u64,
}

impl RunStatistics {
    pub fn of(row: &RunRow, now: Timestamp) -> RunStatistics {
        RunStatistics {
            total_fetched: row.counts.listed,
            created: row.counts.created,
            updated: row.counts.updated,
            unchanged: row.counts.unchanged,
            deleted: row.counts.deleted,
            restored: row.counts.restored,
            errors: row.counts.set_aside,
            pages: row.counts.pages,
            sync_type: row.kind,
            duration_seconds: seconds(row.started_at, row.ended_at.unwrap_or(now)),
            retries: row.retries,
            requests: row.requests,
        }
    }
}

string_enum! {
    /// What became of a request to sync.
    SyncAnswer {
        Success = "success",
        /// The run would delete suspiciously much and waits for a person's word.
        Held = "held",
        /// It goes on behind the scenes.
        Accepted = "accepted",
    }
}

/// The answer to a request to sync.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SyncResult {
    pub status: SyncAnswer,
    pub message: String,
    pub statistics: RunStatistics,
    pub run: Run,
    /// Where to go from here.
    pub links: BTreeMap<String, String>,
    /// What became of each account. Of several, the fields above are their sum, and `run` is the one that
    /// decided the answer.
    pub accounts: Vec<AccountRun>,
}

string_enum! {
    /// What became of one account in a request to sync.
    AccountAnswer {
        Success = "success",
        Held = "held",
        Accepted = "accepted",
        /// Another run was in progress.
        Skipped = "skipped",
        Error = "error",
    }
}

/// What became of one account in a request to sync.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AccountRun {
    pub id: Id,
    pub name: String,
    pub status: AccountAnswer,
    /// The status of HTTP that a request for this account alone would have got.
    pub code: u16,
    pub message: String,
    /// Null when no run could start.
    pub statistics: Option<RunStatistics>,
    pub run: Option<Run>,
}

impl SyncResult {
    /// For a run that succeeded, is on hold, or goes on.
    pub fn of(out: &ApiEncoder, row: &RunRow, now: Timestamp) -> SyncResult {
        let kind = match row.kind {
            Kind::Full => "Full",
            Kind::Incremental => "Incremental",
        };
        let (status, message) = match row.outcome {
            None => (SyncAnswer::Accepted, format!("{kind} sync started")),
            Some(Outcome::Held) => (SyncAnswer::Held, held_message(row.counts.to_delete)),
            Some(_) => (SyncAnswer::Success, format!("{kind} sync completed successfully")),
        };
        let run = format!("/api/sync/runs/{}", out.ids.run(row.id));
        let mut links = BTreeMap::from([("run".to_owned(), run.clone())]);
        if status == SyncAnswer::Held {
            for word in ["held", "approve", "reject"] {
                links.insert(word.to_owned(), format!("{run}/{word}"));
            }
        }
        let statistics = RunStatistics::of(row, now);
        let run = Run::of(out, row, now);
        SyncResult { status, message, statistics, run, links, accounts: Vec::new() }
    }
}

fn held_message(count: u64) -> String {
    format!(
        "This sync would delete {count} contacts, which is suspiciously many, so none was deleted; \
         approve it to delete them, or reject it to keep them"
    )
}

/// The answer when a sync is in progress already and the caller does not mind.
#[derive(Debug, Serialize, ToSchema)]
pub struct Skipped {
    #[schema(example = "skipped")]
    pub status: &'static str,
    pub message: String,
    /// Always empty.
    pub statistics: BTreeMap<String, u64>,
    pub detail: String,
    /// What became of each account.
    pub accounts: Vec<AccountRun>,
}

impl Skipped {
    pub fn because(detail: String, accounts: Vec<AccountRun>) -> Skipped {
        Skipped {
            status: "skipped",
            message: "Sync already in progress".to_owned(),
            statistics: BTreeMap::new(),
            detail,
            accounts,
        }
    }
}

/// Runs that are about to stop.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Cancelled {
    /// The first of them.
    #[serde(flatten)]
    pub run: Run,
    pub accounts: Vec<CancelledRun>,
}

/// A run that is about to stop, and whose it is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CancelledRun {
    pub id: Id,
    pub name: String,
    pub run: Run,
}

/// The live picture: of all accounts together, and of each.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Progress {
    #[serde(flatten)]
    pub picture: ProgressSnapshot,
    pub accounts: Vec<AccountProgress>,
}

/// How far one account is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AccountProgress {
    pub id: Id,
    pub name: String,
    pub running: bool,
    pub phase: Option<Phase>,
    pub kind: Option<Kind>,
    pub pages: u64,
    pub contacts: u64,
    pub total: Option<u64>,
    #[schema(minimum = 0.0, maximum = 100.0)]
    pub percent: Option<f64>,
    pub rate_per_second: f64,
    pub eta_seconds: Option<f64>,
    pub cancelling: bool,
    pub waiting: Option<Waiting>,
    pub message: String,
    pub run_id: Option<Id>,
}

/// The newest run of an account, as a watcher sees it.
#[derive(Clone, Debug)]
pub struct Watched {
    pub account: AccountId,
    pub name: String,
    pub row: Option<RunRow>,
    /// Somebody works on it.
    pub running: bool,
}

impl Progress {
    pub fn of(out: &ApiEncoder, watched: &[Watched], now: Timestamp) -> Progress {
        let picture = |it: &Watched| ProgressSnapshot::of(out, it.row.as_ref(), it.running, now);
        let pictures: Vec<ProgressSnapshot> = watched.iter().map(picture).collect();
        let account = |(it, picture): (&Watched, &ProgressSnapshot)| AccountProgress {
            id: out.account(it.account),
            name: it.name.clone(),
            running: picture.running,
            phase: picture.phase,
            kind: picture.kind,
            pages: picture.pages,
            contacts: picture.contacts,
            total: picture.total,
            percent: picture.percent,
            rate_per_second: picture.rate_per_second,
            eta_seconds: picture.eta_seconds,
            cancelling: picture.cancelling,
            waiting: picture.waiting.clone(),
            message: picture.message.clone(),
            run_id: it.row.as_ref().map(|row| out.run(row.id)),
        };
        let accounts = watched.iter().zip(&pictures).map(account).collect();
        let begun = |at: &usize| watched[*at].row.as_ref().map(|row| row.started_at);
        let ended = |at: &usize| {
            watched[*at].row.as_ref().map(|row| row.ended_at.unwrap_or(row.updated_at))
        };
        let running: Vec<usize> = (0..watched.len()).filter(|at| watched[*at].running).collect();
        let newest = match running.as_slice() {
            [] => (0..watched.len()).max_by_key(ended),
            some => some.iter().copied().max_by_key(begun),
        };
        let picture = match newest {
            None => ProgressSnapshot::nothing(),
            Some(newest) if running.len() < 2 => pictures[newest].clone(),
            Some(newest) => {
                let parts: Vec<&ProgressSnapshot> =
                    running.iter().map(|at| &pictures[*at]).collect();
                ProgressSnapshot::together(&parts, &pictures[newest])
            }
        };
        Progress { picture, accounts }
    }
}

/// What a watcher sees: the run in progress, or the one that ended last. Of several in progress the sum,
/// with the one that began last in `run`.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Picture)]
pub struct ProgressSnapshot {
    pub running: bool,
    pub phase: Option<Phase>,
    pub kind: Option<Kind>,
    pub pages: u64,
    /// Contacts listed so far.
    pub contacts: u64,
    /// How many Google says there are; null when it does not say.
    pub total: Option<u64>,
    #[schema(minimum = 0.0, maximum = 100.0)]
    pub percent: Option<f64>,
    pub rate_per_second: f64,
    pub eta_seconds: Option<f64>,
    pub elapsed_seconds: f64,
    pub retries: u64,
    pub requests: u64,
    pub cancelling: bool,
    pub waiting: Option<Waiting>,
    /// What goes on, for people.
    pub message: String,
    pub run: Option<Run>,
}

impl ProgressSnapshot {
    /// `running` is false for an open run whose process is gone.
    pub fn of(
        out: &ApiEncoder,
        row: Option<&RunRow>,
        running: bool,
        now: Timestamp,
    ) -> ProgressSnapshot {
        let Some(row) = row else { return ProgressSnapshot::nothing() };
        let ended = row.outcome.is_some();
        let until = row.ended_at.unwrap_or(now);
        let elapsed = seconds(row.started_at, until);
        let listed = row.counts.listed;
        let rate = if elapsed > 0.0 { listed as f64 / elapsed } else { 0.0 };
        let so_far = row.so_far();
        let percent = row.total.map(|total| {
            let part = if total == 0 { 1.0 } else { so_far as f64 / total as f64 };
            (part.min(1.0) * 1000.0).round() / 10.0
        });
        let left = row.total.map(|total| total.saturating_sub(so_far));
        let eta_seconds = match left {
            Some(left) if running && rate > 0.0 => {
                let wait = row.wait.as_ref().map_or(0.0, |wait| seconds(now, wait.until));
                Some((left as f64 / rate + wait).round())
            }
            _ => None,
        };
        let run = Run::of(out, row, now);
        ProgressSnapshot {
            running,
            phase: Some(row.phase),
            kind: Some(row.kind),
            pages: row.counts.pages,
            contacts: so_far,
            total: row.total,
            percent: percent.filter(|_| running || ended),
            rate_per_second: (rate * 10.0).round() / 10.0,
            eta_seconds,
            elapsed_seconds: elapsed,
            retries: row.retries,
            requests: row.requests,
            cancelling: running && row.cancel_at.is_some(),
            waiting: run.waiting.clone(),
            message: message(row, running, &run),
            run: Some(run),
        }
    }

    /// Several runs in progress, as one.
    fn together(parts: &[&ProgressSnapshot], newest: &ProgressSnapshot) -> ProgressSnapshot {
        let sum =
            |field: fn(&ProgressSnapshot) -> u64| parts.iter().map(|it| field(it)).sum::<u64>();
        let contacts = sum(|it| it.contacts);
        let total: Option<u64> = parts.iter().map(|it| it.total).sum();
        let percent = total.filter(|total| *total > 0).map(|total| {
            let part = (contacts as f64 / total as f64).min(1.0);
            (part * 1000.0).round() / 10.0
        });
        let longest = |field: fn(&ProgressSnapshot) -> Option<f64>| {
            parts.iter().filter_map(|it| field(it)).max_by(f64::total_cmp)
        };
        let (count, of) = (parts.len(), total.map(|it| format!(" of {it}")).unwrap_or_default());
        ProgressSnapshot {
            pages: sum(|it| it.pages),
            contacts,
            total,
            percent,
            rate_per_second: parts.iter().map(|it| it.rate_per_second).sum(),
            eta_seconds: longest(|it| it.eta_seconds),
            elapsed_seconds: longest(|it| Some(it.elapsed_seconds)).unwrap_or(0.0),
            retries: sum(|it| it.retries),
            requests: sum(|it| it.requests),
            cancelling: parts.iter().all(|it| it.cancelling),
            message: format!("{count} accounts are being synced: {contacts}{of} contacts"),
            ..newest.clone()
        }
    }

    fn nothing() -> ProgressSnapshot {
        ProgressSnapshot {
            running: false,
            phase: None,
            kind: None,
            pages: 0,
            contacts: 0,
            total: None,
            percent: None,
            rate_per_second: 0.0,
            eta_seconds: None,
            elapsed_seconds: 0.0,
            retries: 0,
            requests: 0,
            cancelling: false,
            waiting: None,
            message: "Nothing was ever synced".to_owned(),
            run: None,
        }
    }
}

fn message(row: &RunRow, running: bool, run: &Run) -> String {
    let listed = row.counts.listed;
    match row.outcome {
        Some(Outcome::Held) => held_message(row.counts.to_delete),
        Some(outcome) => match &row.error_message {
            Some(error) => format!("The last run {}: {error}", past(outcome)),
            None => format!("The last run {}", past(outcome)),
        },
        None if !running => "The process of the last run is gone; the next run goes on".to_owned(),
        None if row.cancel_at.is_some() => "Cancelling".to_owned(),
        None => match (&run.waiting, row.phase) {
            (Some(waiting), _) => waiting.message.clone(),
            (None, Phase::Verifying) => "Asking Google about contacts it did not list".to_owned(),
            (None, Phase::Finishing) => "Finishing".to_owned(),
            (None, Phase::Starting) => "Starting".to_owned(),
            _ => match row.total {
                Some(total) => format!("{listed} of {total} contacts"),
                None => format!("{listed} contacts"),
            },
        },
    }
}

fn past(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::Partial => "succeeded, but set some contacts aside",
        Outcome::Failed => "failed",
        Outcome::Cancelled => "was cancelled",
        Outcome::Interrupted => "was interrupted",
        Outcome::Held => "is on hold",
        Outcome::Rejected => "was rejected",
    }
}
