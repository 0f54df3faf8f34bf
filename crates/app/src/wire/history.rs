//! The runs of the past, and numbers drawn from them.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::{Id, Moment, Run, Standing, SyncState};
use ringbook_core::sync::Outcome;
use ringbook_store::{Counts, RunSums};

/// A part of the history, most recent first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct History {
    pub history: Vec<Run>,
    /// Ask with this for what came before; null at the end.
    pub next_cursor: Option<String>,
    /// Ask with this as `after` for what came later; null where the newest are shown.
    pub newer_cursor: Option<String>,
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

/// Numbers about the directory and its syncs: of all accounts together, and of each.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Statistics {
    #[serde(flatten)]
    pub numbers: Numbers,
    pub accounts: Vec<AccountNumbers>,
}

/// Numbers about one account and its syncs.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AccountNumbers {
    pub id: Id,
    pub name: String,
    #[serde(flatten)]
    pub numbers: Numbers,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Numbers {
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

impl Numbers {
    pub fn of(
        it: &Standing,
        counts: &Counts,
        outcomes: &[(Option<Outcome>, u64)],
        sums: &RunSums,
    ) -> Numbers {
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
        Numbers {
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
