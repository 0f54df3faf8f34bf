//! What goes over the wire: the shapes of the API, which `--json` on the command line shares.
//!
//! Field names are a contract with programs that others wrote. Fields may be added, never renamed.

mod access;
mod accounts;
pub mod aggregate;
mod auth;
mod changes;
mod contact;
mod contact_history;
mod dialling;
mod health;
mod history;
mod phases;
mod problem;
mod run;
mod schedule;
mod search;
mod sources;
mod status;
pub mod sync_response;
mod system;

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;

use crate::config::Config;
use ringbook_core::number::DialRules;
use ringbook_core::sync::{AccountId, RunId};
use ringbook_store::{ContactId, Ids, Store};

pub use access::{
    AskerSeen, Audit, Device, Devices, Entry, NewDevice, NewToken, People, Person, Token, Tokens,
};
pub use accounts::{Account, AccountCounts, AccountDone, Accounts, Label, Labels, connect_url};
pub use auth::{
    AuthStatus, AuthUrl, Done, GoogleClient, NewGoogleClient, Pasted, TestedConnection,
    redirect_problem, unrenewable,
};
pub use changes::{Change, ChangedField, Changes, Decided, Held, HeldContact, SetAside, SetAsides};
pub(crate) use contact::own_labels;
pub use contact::{
    AccountContactStats, Contact, ContactStats, ContactSums, Contacts, EmailAddress, LabelNames,
    PhoneNumber,
};
pub use contact_history::{ContactChange, ContactChanges, Deleted, DeletedContact};
pub use dialling::{Dialling, NumberDialled};
pub use health::{Check, Checks, Health, HealthState, Liveness};
pub use history::{
    AccountNumbers, Cleared, ContactTotals, History, Numbers, RunTotals, Statistics, SyncTotals,
};
pub use phases::{PhaseSpan, Phases, Span, spans};
pub use problem::{Busy, ProblemBody, RunProblem};
pub use run::{
    AccountAnswer, AccountProgress, AccountRun, Cancelled, CancelledRun, Progress,
    ProgressSnapshot, Run, RunStatistics, Skipped, SyncAnswer, SyncResult, Waiting, Watched,
};
pub use schedule::{AccountSchedule, Schedule, ScheduleMode, ScheduleSource, Schedules};
pub use search::{Caller, ContactSearch, MatchType, SearchResult, SearchResults};
pub use sources::{AddedSource, DomainList, ServiceAccount, SourceCheck};
pub use status::{
    AccountNeeds, AccountSnapshot, AccountStatus, Needs, NeedsSync, Standing, Status, SyncState,
};
pub use system::{AccountLease, DatabaseState, LeaseShown, System};

/// How ids and times look from outside.
#[derive(Clone, Debug)]
pub struct ApiEncoder {
    ids: Ids,
    zone: TimeZone,
    dial: Arc<DialRules>,
}

impl ApiEncoder {
    pub fn new(store: &Store, config: &Config) -> ApiEncoder {
        ApiEncoder {
            ids: *store.ids(),
            zone: config.timezone.clone(),
            dial: Arc::new(config.dial.clone()),
        }
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
