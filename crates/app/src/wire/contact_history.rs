//! Deleted contacts that are still kept, and what happened to one contact.

use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::{ApiEncoder, Change, Contact, Id, LabelNames, Moment};
use ringbook_core::clock::after;
use ringbook_store::{ContactChangeRow, Tombstone};

/// Contacts that Google deleted, newest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Deleted {
    pub contacts: Vec<DeletedContact>,
    /// Ask with `before` set to this for the rest; null at the end.
    pub next_before: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DeletedContact {
    #[serde(flatten)]
    pub contact: Contact,
    pub deleted_at: Moment,
    /// The run that deleted it; null when the history does not keep it any more.
    pub deleted_by_run: Option<Id>,
    /// It goes for good some time after this.
    pub kept_until: Moment,
}

/// What happened to a contact, newest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ContactChanges {
    pub contact_id: Id,
    pub changes: Vec<ContactChange>,
    /// Ask with `before` set to this for the rest; null at the end.
    pub next_before: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ContactChange {
    pub run_id: Id,
    #[serde(flatten)]
    pub change: Change,
}

impl DeletedContact {
    /// `keep` is how long deleted contacts are kept.
    pub fn of(
        out: &ApiEncoder,
        row: &Tombstone,
        labels: &LabelNames,
        keep: std::time::Duration,
    ) -> DeletedContact {
        DeletedContact {
            contact: Contact::of(out, &row.contact, labels),
            deleted_at: out.time(row.deleted_at),
            deleted_by_run: row.run.map(|it| out.run(it)),
            kept_until: out.time(after(row.deleted_at, keep)),
        }
    }
}

impl ContactChange {
    pub fn of(out: &ApiEncoder, row: ContactChangeRow) -> ContactChange {
        ContactChange { run_id: out.run(row.run), change: Change::of(out, row.change) }
    }
}
