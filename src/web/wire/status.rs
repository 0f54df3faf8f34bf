//! How syncing stands, and what the next run will be.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::Account;
use crate::sync::schedule::FullReason;
use crate::sync::{Outcome, RunId, words};
use crate::web::wire::{Id, Moment, Outward};

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
