//! How syncing stands, and what the next run will be.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::aggregate::worst_state;
use crate::wire::{ApiEncoder, Id, Moment, connect_url, unrenewable};
use ringbook_core::string_enum;
use ringbook_core::sync::account::{AccountState, SyncFacts, SyncHealth};
use ringbook_core::sync::diagnosis::DiagnosisParts;
use ringbook_core::sync::schedule::FullReason;
use ringbook_core::sync::{Outcome, RunId};
use ringbook_store::{Account, DatabaseTrouble, LatestRun};

string_enum! {
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
    /// Why the last run failed, or could not end as it should.
    pub error_message: Option<String>,
    /// What is to be told of the last run although it did its work.
    pub note: Option<String>,
    /// The same in its parts, where it is about Google.
    pub diagnosis: Option<DiagnosisParts>,
    /// What will go wrong soon, with the way out: a permission that cannot be renewed.
    pub warning: Option<String>,
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
    /// How it is with the account; `status` says how it is with its syncs.
    pub state: AccountState,
    /// The state in words, with the way out.
    pub state_message: String,
    #[serde(flatten)]
    pub standing: Standing,
}

/// How everything stands: the worst of all accounts, and their sum.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Status {
    #[serde(flatten)]
    pub standing: Standing,
    /// Why nothing can be written, from the first failure on until it works again.
    pub database_problem: Option<String>,
    pub accounts: Vec<AccountStatus>,
}

/// An account with what only a look around can tell.
#[derive(Clone, Debug)]
pub struct AccountSnapshot {
    pub account: Account,
    /// Its run in progress, if the process that runs it is alive.
    pub running: Option<RunId>,
    pub next_due: Option<Timestamp>,
    /// What it takes to ask Google at all is set.
    pub configured: bool,
    /// When its permission ends, if it cannot be renewed.
    pub unrenewable: Option<Timestamp>,
}

impl AccountSnapshot {
    /// How its sync stands, for people.
    pub fn health(&self) -> SyncHealth {
        let last = self.account.latest_run.as_ref().and_then(|run| run.outcome);
        self.account.condition(self.configured).health(SyncFacts {
            running: self.running.is_some(),
            last_failed: last == Some(Outcome::Failed),
            last_rejected: last == Some(Outcome::Rejected),
            ever_succeeded: self.account.last_success_at.is_some(),
        })
    }

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
    pub fn of(out: &ApiEncoder, sight: &AccountSnapshot, now: Timestamp) -> Standing {
        let it = &sight.account;
        let reauth = it.needs_reauth.as_ref();
        let ended = |outcome| move |run: &&LatestRun| run.outcome == Some(outcome);
        let latest = it.latest_run.as_ref();
        let failed = latest
            .filter(ended(Outcome::Failed))
            .or(latest.filter(ended(Outcome::Partial)).filter(|run| run.error_code.is_some()));
        let not_before = it.standing.not_before.filter(|at| *at > now);
        let error_message = failed
            .and_then(|run| run.error_message.clone())
            .or_else(|| reauth.map(|it| it.reason.clone()));
        Standing {
            status: sight.state(),
            last_sync_at: out.time_of(it.last_success_at),
            has_sync_token: it.token.is_some(),
            diagnosis: DiagnosisParts::read(error_message.as_deref()),
            error_message,
            warning: unrenewable(out, sight.unrenewable),
            note: it.latest_run.as_ref().and_then(|run| run.note.clone()),
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
            note: None,
            diagnosis: None,
            warning: None,
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
    /// Times and counts of several accounts as programs want them that know of one: `last_sync_at` says how
    /// old the oldest part of the directory is, and is null while a part was never there.
    pub fn of(out: &ApiEncoder, sights: &[AccountSnapshot], now: Timestamp) -> Status {
        let account = |sight: &AccountSnapshot| {
            let condition = sight.account.condition(sight.configured);
            AccountStatus {
                id: out.account(sight.account.id),
                name: sight.account.name.clone(),
                state: condition.state(),
                state_message: condition.in_words(&connect_url(out, &sight.account)),
                standing: Standing::of(out, sight, now),
            }
        };
        let accounts = sights.iter().map(account).collect();
        Status { standing: Standing::together(out, sights, now), database_problem: None, accounts }
    }
}

impl Status {
    /// The same while nothing can be written: no sync can succeed then.
    pub fn in_trouble(mut self, out: &ApiEncoder, trouble: &DatabaseTrouble) -> Status {
        let since = out.time(trouble.since).0;
        let problem =
            format!("nothing has been written to the database since {since}: {}", trouble.what);
        if self.standing.status == SyncState::Idle {
            self.standing.status = SyncState::Error;
        }
        self.standing.error_message.get_or_insert_with(|| problem.clone());
        self.database_problem = Some(problem);
        self
    }
}

impl Standing {
    /// The worst of all accounts, and their sum. One that was added and never connected says nothing about
    /// the directory, unless there is no other.
    fn together(out: &ApiEncoder, sights: &[AccountSnapshot], now: Timestamp) -> Standing {
        let connected = || sights.iter().filter(|it| !it.account.waits_for_its_first_grant());
        let none = connected().next().is_none();
        let sights: Vec<&AccountSnapshot> =
            if none { sights.iter().collect() } else { connected().collect() };
        let parts: Vec<Standing> = sights.iter().map(|it| Standing::of(out, it, now)).collect();
        let Some(status) = worst_state(parts.iter().map(|it| it.status)) else {
            return Standing::nothing();
        };
        let worst = parts.iter().find(|it| it.status == status);
        let mut sum = worst.map_or_else(Standing::nothing, Clone::clone);
        let all = || parts.iter();
        let earliest = |field: fn(&AccountSnapshot) -> Option<Timestamp>| {
            sights.iter().filter_map(|sight| field(sight)).min()
        };
        sum.contact_count = all().map(|it| it.contact_count).sum();
        sum.total_contacts = all().map(|it| it.total_contacts).sum();
        sum.connected = all().all(|it| it.connected);
        sum.has_sync_token = all().all(|it| it.has_sync_token);
        sum.error_message =
            sum.error_message.or_else(|| all().find_map(|it| it.error_message.clone()));
        sum.note = sum.note.or_else(|| all().find_map(|it| it.note.clone()));
        sum.diagnosis = DiagnosisParts::read(sum.error_message.as_deref());
        sum.warning = all().find_map(|it| it.warning.clone());
        sum.needs_reauth = all().any(|it| it.needs_reauth);
        sum.needs_reauth_reason = all().find_map(|it| it.needs_reauth_reason.clone());
        sum.held = all().any(|it| it.held);
        sum.held_run = all().find_map(|it| it.held_run.clone());
        sum.backing_off = all().any(|it| it.backing_off);
        sum.not_before =
            out.time_of(earliest(|it| it.account.standing.not_before).filter(|at| *at > now));
        sum.current_run = all().find_map(|it| it.current_run.clone());
        sum.consecutive_failures = all().map(|it| it.consecutive_failures).max().unwrap_or(0);
        sum.failing_since = out.time_of(earliest(|it| it.account.failing_since));
        sum.next_due_at = out.time_of(earliest(|it| it.next_due));
        let ever = sights.iter().all(|it| it.account.last_success_at.is_some());
        sum.last_sync_at = out.time_of(earliest(|it| it.account.last_success_at).filter(|_| ever));
        sum
    }
}

/// Whether the next run has to list everything.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Needs {
    pub needs_full_sync: bool,
    /// In words, also where it has not.
    pub reason: String,
    pub reason_code: Option<FullReason>,
}

/// Whether the next run of an account has to list everything.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AccountNeeds {
    pub id: Id,
    pub name: String,
    #[serde(flatten)]
    pub needs: Needs,
}

/// Whether the next run of any account has to list everything: the first reason, and each.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NeedsSync {
    #[serde(flatten)]
    pub needs: Needs,
    pub accounts: Vec<AccountNeeds>,
}

const NOT_NEEDED: &str = "No full sync is needed: the next sync fetches whatever has changed";

impl Needs {
    pub fn of(reason: Option<FullReason>) -> Needs {
        Needs {
            needs_full_sync: reason.is_some(),
            reason: reason.map_or(NOT_NEEDED, FullReason::in_words).to_owned(),
            reason_code: reason,
        }
    }
}
