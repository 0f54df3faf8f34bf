//! What goes over the wire: the shapes of the API, which `--json` on the command line shares.
//!
//! Field names are a contract with programs that others wrote. Fields may be added, never renamed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::between;
use crate::config::Config;
use crate::contact::{Content, STARRED};
use crate::store::{
    Account, ChangeRow, ContactId, ContactRow, Counts, GrantRow, HeldRow, Ids, RunCounts, RunRow,
    RunSums, SetAsideRow, Store,
};
use crate::sync::schedule::{self, Cadence, FullReason};
use crate::sync::{
    AccountId, ChangeKind, Delay, FailureCode, Kind, Outcome, Phase, RunId, Trigger, words,
};

/// How ids and times look from outside.
#[derive(Clone, Debug)]
pub struct Outward {
    ids: Ids,
    zone: TimeZone,
}

impl Outward {
    pub fn new(store: &Store, config: &Config) -> Outward {
        Outward { ids: *store.ids(), zone: config.timezone.clone() }
    }

    pub fn ids(&self) -> &Ids {
        &self.ids
    }

    pub fn time(&self, at: Timestamp) -> Moment {
        Moment(at.display_with_offset(self.zone.to_offset(at)).to_string())
    }

    fn time_of(&self, at: Option<Timestamp>) -> Option<Moment> {
        at.map(|at| self.time(at))
    }

    pub fn run(&self, run: RunId) -> Id {
        Id(self.ids.run(run))
    }

    pub fn account(&self, account: AccountId) -> Id {
        Id(self.ids.account(account))
    }

    pub fn contact(&self, contact: ContactId) -> Id {
        Id(self.ids.contact(contact))
    }
}

/// A time, RFC 3339 with the offset of the configured zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-03-01T12:00:00.25+01:00")]
pub struct Moment(pub String);

/// The id of an account, a run or a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(value_type = String, format = "uuid", example = "00000000-1000-8001-9b1c-2d3e4f506172")]
pub struct Id(pub String);

/// Why a request was not served, in words.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// What went wrong, and the way out.
    pub detail: String,
}

/// A sync is in progress already.
#[derive(Debug, Serialize, ToSchema)]
pub struct Busy {
    pub detail: String,
    /// Host and process that hold the lease.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<Id>,
    /// Set when the run did start, but was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
}

/// A run that did not succeed.
#[derive(Debug, Serialize, ToSchema)]
pub struct RunProblem {
    pub detail: String,
    /// Missing when no run could start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
}

words! {
    /// How the sync of an account stands.
    SyncState {
        Idle = "idle",
        Syncing = "syncing",
        /// The last run failed.
        Error = "error",
        /// No run has succeeded yet.
        NeverSynced = "never_synced",
    }
}

/// How syncing stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Standing {
    pub status: SyncState,
    /// When a run succeeded last.
    pub last_sync_at: Option<Moment>,
    pub has_sync_token: bool,
    pub error_message: Option<String>,
    /// Contacts in the directory.
    pub contact_count: u64,
    pub total_contacts: u64,
    /// Google's permission is there and good.
    pub connected: bool,
    /// Only connecting again helps.
    pub needs_reauth: bool,
    pub needs_reauth_reason: Option<String>,
    /// A run waits for a person's word.
    pub held: bool,
    pub held_run: Option<Id>,
    /// Google asked not to come back before `not_before`.
    pub backing_off: bool,
    pub not_before: Option<Moment>,
    pub failing_since: Option<Moment>,
    pub consecutive_failures: u32,
    pub last_outcome: Option<Outcome>,
    /// The run in progress.
    pub current_run: Option<Id>,
    /// When the next run starts by itself.
    pub next_due_at: Option<Moment>,
}

/// How one account stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AccountStatus {
    pub id: Id,
    pub name: String,
    #[serde(flatten)]
    pub standing: Standing,
}

/// How everything stands: the worst of all accounts, and their sum.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Status {
    #[serde(flatten)]
    pub standing: Standing,
    pub accounts: Vec<AccountStatus>,
}

/// An account with what only a look around can tell.
#[derive(Clone, Debug)]
pub struct Sight {
    pub account: Account,
    /// Its run in progress, if the process that runs it is alive.
    pub running: Option<RunId>,
    pub next_due: Option<Timestamp>,
}

impl Sight {
    pub fn state(&self) -> SyncState {
        let latest = self.account.latest_run.as_ref();
        if self.running.is_some() {
            SyncState::Syncing
        } else if latest.is_some_and(|run| run.outcome == Some(Outcome::Failed)) {
            SyncState::Error
        } else if self.account.last_success_at.is_none() {
            SyncState::NeverSynced
        } else {
            SyncState::Idle
        }
    }

    fn outcome(&self) -> Option<Outcome> {
        let run = self.account.latest_run.as_ref()?;
        // An open run that nobody works on is interrupted, though nobody has written it down yet.
        run.outcome.or((self.running.is_none()).then_some(Outcome::Interrupted))
    }
}

impl Standing {
    pub fn of(out: &Outward, sight: &Sight, now: Timestamp) -> Standing {
        let it = &sight.account;
        let reauth = it.needs_reauth.as_ref();
        let failed = it.latest_run.as_ref().filter(|run| run.outcome == Some(Outcome::Failed));
        let not_before = it.standing.not_before.filter(|at| *at > now);
        Standing {
            status: sight.state(),
            last_sync_at: out.time_of(it.last_success_at),
            has_sync_token: it.token.is_some(),
            error_message: failed
                .and_then(|run| run.error_message.clone())
                .or_else(|| reauth.map(|it| it.reason.clone())),
            contact_count: it.counts.live,
            total_contacts: it.counts.live,
            connected: it.grant.is_some() && reauth.is_none(),
            needs_reauth: reauth.is_some(),
            needs_reauth_reason: reauth.map(|it| it.reason.clone()),
            held: it.held_run.is_some(),
            held_run: it.held_run.map(|run| out.run(run)),
            backing_off: not_before.is_some(),
            not_before: out.time_of(not_before),
            failing_since: out.time_of(it.failing_since),
            consecutive_failures: it.standing.failures,
            last_outcome: sight.outcome(),
            current_run: sight.running.map(|run| out.run(run)),
            next_due_at: out.time_of(sight.next_due),
        }
    }

    fn nothing() -> Standing {
        Standing {
            status: SyncState::NeverSynced,
            last_sync_at: None,
            has_sync_token: false,
            error_message: None,
            contact_count: 0,
            total_contacts: 0,
            connected: false,
            needs_reauth: false,
            needs_reauth_reason: None,
            held: false,
            held_run: None,
            backing_off: false,
            not_before: None,
            failing_since: None,
            consecutive_failures: 0,
            last_outcome: None,
            current_run: None,
            next_due_at: None,
        }
    }
}

impl Status {
    pub fn of(out: &Outward, sights: &[Sight], now: Timestamp) -> Status {
        let accounts: Vec<AccountStatus> = sights
            .iter()
            .map(|sight| AccountStatus {
                id: out.account(sight.account.id),
                name: sight.account.name.clone(),
                standing: Standing::of(out, sight, now),
            })
            .collect();
        let badness = |state: SyncState| match state {
            SyncState::Error => 3,
            SyncState::Syncing => 2,
            SyncState::NeverSynced => 1,
            SyncState::Idle => 0,
        };
        let worst = accounts.iter().max_by_key(|it| badness(it.standing.status));
        let mut standing = worst.map_or_else(Standing::nothing, |it| it.standing.clone());
        let all = || accounts.iter().map(|it| &it.standing);
        let first = |field: fn(&Standing) -> Option<Id>| all().find_map(field);
        let earliest =
            |field: fn(&Sight) -> Option<Timestamp>| sights.iter().filter_map(field).min();
        standing.contact_count = all().map(|it| it.contact_count).sum();
        standing.total_contacts = all().map(|it| it.total_contacts).sum();
        standing.connected = !accounts.is_empty() && all().all(|it| it.connected);
        standing.has_sync_token = !accounts.is_empty() && all().all(|it| it.has_sync_token);
        standing.needs_reauth = all().any(|it| it.needs_reauth);
        standing.needs_reauth_reason = all().find_map(|it| it.needs_reauth_reason.clone());
        standing.held = all().any(|it| it.held);
        standing.held_run = first(|it| it.held_run.clone());
        standing.backing_off = all().any(|it| it.backing_off);
        standing.current_run = first(|it| it.current_run.clone());
        standing.failing_since = out.time_of(earliest(|it| it.account.failing_since));
        standing.next_due_at = out.time_of(earliest(|it| it.next_due));
        let ever = sights.iter().all(|it| it.account.last_success_at.is_some());
        standing.last_sync_at =
            out.time_of(earliest(|it| it.account.last_success_at).filter(|_| ever));
        Status { standing, accounts }
    }
}

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
    pub fn of(out: &Outward, row: &RunRow, now: Timestamp) -> Run {
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

fn waiting(out: &Outward, row: &RunRow, now: Timestamp) -> Option<Waiting> {
    let wait = row.wait.as_ref()?;
    let what = match wait.delay {
        Delay::RateLimited => "Google said slow down",
        Delay::ServerError => "Google has trouble",
        Delay::Network => "Google cannot be reached",
        Delay::Malformed => "Google's answer could not be read",
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

words! {
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
}

impl SyncResult {
    /// For a run that succeeded, is on hold, or goes on.
    pub fn of(out: &Outward, row: &RunRow, now: Timestamp) -> SyncResult {
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
        SyncResult { status, message, statistics, run: Run::of(out, row, now), links }
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
}

impl Skipped {
    pub fn because(detail: String) -> Skipped {
        Skipped {
            status: "skipped",
            message: "Sync already in progress".to_owned(),
            statistics: BTreeMap::new(),
            detail,
        }
    }
}

/// The live picture of the run in progress, or of the one that ended last.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Progress {
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

impl Progress {
    /// `running` is false for an open run whose process is gone.
    pub fn of(out: &Outward, row: Option<&RunRow>, running: bool, now: Timestamp) -> Progress {
        let Some(row) = row else { return Progress::nothing() };
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
        Progress {
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

    fn nothing() -> Progress {
        Progress {
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

/// Whether the next run has to list everything.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NeedsSync {
    pub needs_full_sync: bool,
    /// In words.
    pub reason: Option<String>,
    pub reason_code: Option<FullReason>,
}

impl NeedsSync {
    pub fn of(reason: Option<FullReason>) -> NeedsSync {
        NeedsSync {
            needs_full_sync: reason.is_some(),
            reason: reason.map(|it| it.in_words().to_owned()),
            reason_code: reason,
        }
    }
}

/// A part of the history, most recent first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct History {
    pub history: Vec<Run>,
    /// Ask with this for what came before; null at the end.
    pub next_cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Cleared {
    #[schema(example = "success")]
    pub status: &'static str,
    pub deleted_count: u64,
}

impl Cleared {
    pub fn of(deleted_count: u64) -> Cleared {
        Cleared { status: "success", deleted_count }
    }
}

/// Numbers about the directory and its syncs.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Statistics {
    pub contacts: ContactTotals,
    pub phone_numbers: u64,
    pub emails: u64,
    pub sync: SyncTotals,
    /// How many runs of the history have which status.
    pub sync_history: BTreeMap<String, u64>,
    /// How many runs of the history ended how.
    pub outcomes: BTreeMap<String, u64>,
    /// The sum over all runs of the history.
    pub runs: RunTotals,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ContactTotals {
    pub total: u64,
    pub active: u64,
    pub deleted: u64,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SyncTotals {
    pub last_sync_at: Option<Moment>,
    pub status: SyncState,
    pub has_sync_token: bool,
    pub error_message: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RunTotals {
    pub count: u64,
    pub total_fetched: u64,
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub deleted: u64,
    pub restored: u64,
    pub errors: u64,
    pub pages: u64,
    pub retries: u64,
    pub requests: u64,
    pub duration_seconds: f64,
}

impl Statistics {
    pub fn of(
        status: &Status,
        counts: &Counts,
        outcomes: &[(Option<Outcome>, u64)],
        sums: &RunSums,
    ) -> Statistics {
        let mut sync_history = BTreeMap::new();
        let mut by_outcome = BTreeMap::new();
        for (outcome, count) in outcomes {
            let state = match outcome {
                None => SyncState::Syncing,
                Some(Outcome::Failed) => SyncState::Error,
                Some(_) => SyncState::Idle,
            };
            *sync_history.entry(state.as_str().to_owned()).or_insert(0) += count;
            if let Some(outcome) = outcome {
                by_outcome.insert(outcome.as_str().to_owned(), *count);
            }
        }
        let it = &status.standing;
        Statistics {
            contacts: ContactTotals {
                total: counts.live + counts.deleted,
                active: counts.live,
                deleted: counts.deleted,
            },
            phone_numbers: counts.phones,
            emails: counts.emails,
            sync: SyncTotals {
                last_sync_at: it.last_sync_at.clone(),
                status: it.status,
                has_sync_token: it.has_sync_token,
                error_message: it.error_message.clone(),
            },
            sync_history,
            outcomes: by_outcome,
            runs: RunTotals {
                count: sums.runs,
                total_fetched: sums.counts.listed,
                created: sums.counts.created,
                updated: sums.counts.updated,
                unchanged: sums.counts.unchanged,
                deleted: sums.counts.deleted,
                restored: sums.counts.restored,
                errors: sums.counts.set_aside,
                pages: sums.counts.pages,
                retries: sums.retries,
                requests: sums.requests,
                duration_seconds: sums.took.as_secs_f64(),
            },
        }
    }
}

/// What a run did to contacts, in order.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Changes {
    pub run_id: Id,
    pub changes: Vec<Change>,
    /// Ask with `after` set to this for the rest; null at the end.
    pub next_after: Option<i64>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Change {
    pub seq: i64,
    pub contact_id: Id,
    pub display_name: String,
    pub kind: ChangeKind,
    pub at: Moment,
    pub fields: Vec<ChangedField>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChangedField {
    pub field: String,
    /// Null when it was not there.
    #[schema(value_type = Value)]
    pub before: Option<serde_json::Value>,
    #[schema(value_type = Value)]
    pub after: Option<serde_json::Value>,
}

impl Change {
    pub fn of(out: &Outward, row: ChangeRow) -> Change {
        let field = |it: crate::contact::FieldChange| ChangedField {
            field: it.field,
            before: it.before,
            after: it.after,
        };
        Change {
            seq: row.seq,
            contact_id: out.contact(row.contact),
            display_name: row.display_name,
            kind: row.kind,
            at: out.time(row.at),
            fields: row.fields.into_iter().map(field).collect(),
        }
    }
}

/// What a run could not read.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SetAsides {
    pub run_id: Id,
    pub errors: Vec<SetAside>,
    pub next_after: Option<i64>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SetAside {
    pub seq: i64,
    pub resource_name: Option<String>,
    pub reason: String,
    pub at: Moment,
}

impl SetAside {
    pub fn of(out: &Outward, row: SetAsideRow) -> SetAside {
        SetAside {
            seq: row.seq,
            resource_name: row.resource_name,
            reason: row.reason,
            at: out.time(row.at),
        }
    }
}

/// The contacts that a held run would delete.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Held {
    pub run_id: Id,
    pub contacts: Vec<HeldContact>,
    /// How many there are in all.
    pub total: u64,
    pub next_after: Option<Id>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HeldContact {
    pub id: Id,
    pub display_name: String,
    pub resource_name: String,
}

impl HeldContact {
    pub fn of(out: &Outward, row: HeldRow) -> HeldContact {
        HeldContact {
            id: out.contact(row.contact),
            display_name: row.display_name,
            resource_name: row.resource_name,
        }
    }
}

/// The word on a held run was taken.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Decided {
    #[schema(example = "success")]
    pub status: &'static str,
    pub message: String,
    pub deleted_count: u64,
    pub run: Option<Run>,
}

words! {
    /// How due times come about.
    ScheduleMode { Interval = "interval", Cron = "cron", }
}

words! {
    /// Where a schedule comes from.
    ScheduleSource {
        Config = "config",
        /// Set for this account.
        Own = "own",
    }
}

/// When an account is synced by itself.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Schedule {
    pub account_id: Option<Id>,
    pub mode: ScheduleMode,
    pub interval_minutes: Option<u16>,
    pub cron: Option<String>,
    /// In which the cron expression counts.
    pub time_zone: Option<String>,
    pub paused: bool,
    /// Runs start by themselves.
    pub enabled: bool,
    pub next_due_at: Option<Moment>,
    pub source: ScheduleSource,
}

impl Schedule {
    /// `cadence` is what is in force; without one, runs start only when asked for.
    pub fn of(
        out: &Outward,
        account: Option<&Account>,
        plan: Option<&schedule::Plan>,
        config_minutes: u16,
        next_due: Option<Timestamp>,
    ) -> Schedule {
        let row = account.map(|it| &it.schedule);
        let own = row.is_some_and(|row| row.minutes.is_some() || row.cron.is_some());
        let (mode, interval_minutes, cron, time_zone) = match plan.map(|plan| &plan.cadence) {
            Some(Cadence::Cron { expression, zone, .. }) => {
                let zone = zone.iana_name().unwrap_or("UTC").to_owned();
                (ScheduleMode::Cron, None, Some(expression.clone()), Some(zone))
            }
            Some(Cadence::Every { minutes }) => {
                (ScheduleMode::Interval, Some(*minutes), None, None)
            }
            None => (ScheduleMode::Interval, Some(config_minutes), None, None),
        };
        let paused = plan.map_or(row.is_some_and(|row| row.paused), |plan| plan.paused);
        Schedule {
            account_id: account.map(|it| out.account(it.id)),
            mode,
            interval_minutes,
            cron,
            time_zone,
            paused,
            enabled: plan.is_some_and(|plan| !plan.paused),
            next_due_at: out.time_of(next_due),
            source: if own { ScheduleSource::Own } else { ScheduleSource::Config },
        }
    }
}

/// Where to send a person's browser.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuthUrl {
    pub auth_url: String,
    pub state: String,
}

/// How Google's permission stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AuthStatus {
    pub authenticated: bool,
    /// Google's permission is stored here.
    pub has_token_file: bool,
    pub credentials_valid: bool,
    /// The access token is over; it is renewed by itself while there is a refresh token.
    pub credentials_expired: bool,
    pub has_refresh_token: bool,
    pub scopes: Vec<String>,
    pub account_id: Option<Id>,
    pub connected_at: Option<Moment>,
    pub expires_at: Option<Moment>,
    /// Only connecting again helps.
    pub needs_reauth: bool,
    pub needs_reauth_reason: Option<String>,
    /// A client id and secret are configured.
    pub configured: bool,
}

impl AuthStatus {
    pub fn of(
        out: &Outward,
        grant: Option<(AccountId, &GrantRow)>,
        configured: bool,
        now: Timestamp,
    ) -> AuthStatus {
        let Some((account, grant)) = grant else {
            return AuthStatus {
                authenticated: false,
                has_token_file: false,
                credentials_valid: false,
                credentials_expired: false,
                has_refresh_token: false,
                scopes: Vec::new(),
                account_id: None,
                connected_at: None,
                expires_at: None,
                needs_reauth: false,
                needs_reauth_reason: None,
                configured,
            };
        };
        let dead = grant.needs_reauth.as_ref();
        let expired = grant.expires_at <= now;
        let has_refresh_token = grant.refresh_token.is_some();
        AuthStatus {
            authenticated: dead.is_none() && (has_refresh_token || !expired),
            has_token_file: true,
            credentials_valid: dead.is_none() && !expired,
            credentials_expired: expired,
            has_refresh_token,
            scopes: grant.scopes.clone(),
            account_id: Some(out.account(account)),
            connected_at: Some(out.time(grant.connected_at)),
            expires_at: Some(out.time(grant.expires_at)),
            needs_reauth: dead.is_some(),
            needs_reauth_reason: dead.map(|it| it.reason.clone()),
            configured,
        }
    }
}

/// Something was done.
#[derive(Debug, Serialize, ToSchema)]
pub struct Done {
    pub success: bool,
    pub message: String,
}

impl Done {
    pub fn because(message: impl Into<String>) -> Done {
        Done { success: true, message: message.into() }
    }
}

/// One contact of the directory.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Contact {
    pub id: Id,
    pub account_id: Id,
    pub resource_name: String,
    pub display_name: String,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub organization: Option<String>,
    pub job_title: Option<String>,
    pub phone_numbers: Vec<PhoneNumber>,
    pub email_addresses: Vec<EmailAddress>,
    /// Names of the labels at Google.
    pub labels: Vec<String>,
    pub starred: bool,
    pub updated_at: Moment,
    pub created_at: Moment,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PhoneNumber {
    pub id: Id,
    /// International where Google knows the country, else as typed.
    pub value: String,
    /// As typed.
    pub display_value: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub primary: bool,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EmailAddress {
    pub id: Id,
    pub value: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub primary: bool,
}

/// Names of labels by their resource names.
pub type LabelNames = std::collections::HashMap<(AccountId, String), String>;

impl Contact {
    pub fn of(out: &Outward, row: &ContactRow, labels: &LabelNames) -> Contact {
        const PHONE: u8 = 1;
        const EMAIL: u8 = 2;
        let Content { names, organization, phones, emails, labels: groups, .. } = &row.content;
        let part = |kind, text: &str| Id(out.ids.part(row.id, kind, text));
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let account = row.id.account();
        Contact {
            id: out.contact(row.id),
            account_id: out.account(account),
            resource_name: row.resource_name.clone(),
            display_name: row.display_name.clone(),
            given_name: some(&names.given),
            family_name: some(&names.family),
            organization: organization.as_ref().and_then(|it| some(&it.name)),
            job_title: organization.as_ref().and_then(|it| some(&it.title)),
            phone_numbers: phones
                .iter()
                .map(|it| PhoneNumber {
                    id: part(PHONE, &format!("{} {}", it.kind, it.value)),
                    value: it.canonical.clone().unwrap_or_else(|| it.value.clone()),
                    display_value: it.value.clone(),
                    kind: kind_or_other(&it.kind),
                    primary: it.primary,
                })
                .collect(),
            email_addresses: emails
                .iter()
                .map(|it| EmailAddress {
                    id: part(EMAIL, &format!("{} {}", it.kind, it.value)),
                    value: it.value.clone(),
                    kind: kind_or_other(&it.kind),
                    primary: it.primary,
                })
                .collect(),
            labels: groups
                .iter()
                .filter(|group| *group != STARRED && *group != "contactGroups/myContacts")
                .filter_map(|group| labels.get(&(account, group.clone())).cloned())
                .collect(),
            starred: row.content.is_starred(),
            updated_at: out.time(row.updated_at),
            created_at: out.time(row.created_at),
        }
    }
}

fn kind_or_other(kind: &str) -> String {
    if kind.is_empty() { "other".to_owned() } else { kind.to_owned() }
}

/// A part of the directory.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Contacts {
    pub contacts: Vec<Contact>,
    pub total: u64,
    pub offset: u64,
    pub limit: u32,
    pub has_more: bool,
}

/// How big the directory is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ContactStats {
    pub total_contacts: u64,
    pub contacts_with_phone: u64,
    pub contacts_with_email: u64,
    pub total_phone_numbers: u64,
    pub total_emails: u64,
}

impl ContactStats {
    pub fn of(counts: &Counts) -> ContactStats {
        ContactStats {
            total_contacts: counts.live,
            contacts_with_phone: counts.with_phone,
            contacts_with_email: counts.with_email,
            total_phone_numbers: counts.phones,
            total_emails: counts.emails,
        }
    }
}

words! {
    /// How well the service is.
    HealthState {
        Ok = "ok",
        /// It serves, but somebody should look.
        Degraded = "degraded",
        Unhealthy = "unhealthy",
    }
}

/// How well the service is, and why.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Health {
    pub status: HealthState,
    pub checks: Checks,
    /// Of the account that has been waiting longest.
    pub last_success_at: Option<Moment>,
    pub age_seconds: Option<f64>,
    pub version: &'static str,
    pub uptime_seconds: f64,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Checks {
    pub database: Check,
    pub sync: Check,
    pub google: Check,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Check {
    pub status: HealthState,
    pub message: String,
}

impl Check {
    pub fn new(status: HealthState, message: impl Into<String>) -> Check {
        Check { status, message: message.into() }
    }
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Liveness {
    #[schema(example = "alive")]
    pub status: &'static str,
}
