//! What runs did to contacts, could not read, or want to delete.

use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::{ApiEncoder, Id, Moment, Run};
use ringbook_core::sync::ChangeKind;
use ringbook_store::{ChangeRow, HeldRow, SetAsideRow};

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
    pub fn of(out: &ApiEncoder, row: ChangeRow) -> Change {
        let field = |it: ringbook_core::contact::FieldChange| ChangedField {
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
    pub fn of(out: &ApiEncoder, row: SetAsideRow) -> SetAside {
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
    /// As they were typed at Google.
    pub phone_numbers: Vec<String>,
}

impl HeldContact {
    pub fn of(out: &ApiEncoder, row: HeldRow) -> HeldContact {
        HeldContact {
            id: out.contact(row.contact),
            display_name: row.display_name,
            resource_name: row.resource_name,
            phone_numbers: row.phones,
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
