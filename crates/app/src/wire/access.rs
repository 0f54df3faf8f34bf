//! Administrators, programs' tokens, phones and the audit log.

use ringbook_core::access::Scope;
use ringbook_store::secret::Secret;
use ringbook_store::{AdminRow, AuditRow, DeviceRow, TokenRow};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::{Shown, UnregisteredPhone};
use crate::services::AuditAction;
use crate::wire::{ApiEncoder, Id, Moment};

/// A program's token, without the token.
#[derive(Debug, Serialize, ToSchema)]
pub struct Token {
    #[schema(format = "uuid")]
    pub id: String,
    pub name: String,
    pub scope: Scope,
    pub created_at: Moment,
    pub created_by: String,
    /// Null: never.
    pub expires_at: Option<Moment>,
    pub revoked_at: Option<Moment>,
    /// To the minute.
    pub last_used_at: Option<Moment>,
    pub last_used_from: Option<String>,
}

impl Token {
    pub fn of(out: &ApiEncoder, row: TokenRow) -> Token {
        Token {
            id: row.id,
            name: row.name,
            scope: row.scope,
            created_at: out.time(row.created_at),
            created_by: row.created_by,
            expires_at: row.expires_at.map(|at| out.time(at)),
            revoked_at: row.revoked_at.map(|at| out.time(at)),
            last_used_at: row.used_at.map(|at| out.time(at)),
            last_used_from: row.used_from,
        }
    }
}

/// Programs' tokens.
#[derive(Debug, Serialize, ToSchema)]
pub struct Tokens {
    pub tokens: Vec<Token>,
}

/// A new token, with the token: it is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewToken {
    #[schema(example = "rbk_…")]
    pub token: String,
    #[serde(flatten)]
    pub about: Token,
}

/// A phone with a token of its own, without the token.
#[derive(Debug, Serialize, ToSchema)]
pub struct Device {
    #[schema(format = "uuid")]
    pub id: String,
    pub name: String,
    pub created_at: Moment,
    pub created_by: String,
    pub revoked_at: Option<Moment>,
    /// To the minute.
    pub last_seen_at: Option<Moment>,
    pub last_seen_from: Option<String>,
    /// What it says it is.
    pub model: Option<String>,
    /// What it was shown last, since this server started.
    pub last_screen: Option<Shown>,
}

impl Device {
    pub fn of(out: &ApiEncoder, row: DeviceRow) -> Device {
        Device {
            id: row.id,
            name: row.name,
            created_at: out.time(row.created_at),
            created_by: row.created_by,
            revoked_at: row.revoked_at.map(|at| out.time(at)),
            last_seen_at: row.seen_at.map(|at| out.time(at)),
            last_seen_from: row.seen_from,
            model: row.model,
            last_screen: None,
        }
    }
}

/// A phone that asked without a token, from PHONE_NETWORKS.
#[derive(Debug, Serialize, ToSchema)]
pub struct AskerSeen {
    pub address: String,
    pub model: String,
    pub first_seen_at: Moment,
    pub last_seen_at: Moment,
    pub requests: u64,
    /// What it was shown last.
    pub last_screen: Option<Shown>,
}

impl AskerSeen {
    pub fn of(out: &ApiEncoder, it: UnregisteredPhone, last_screen: Option<Shown>) -> AskerSeen {
        AskerSeen {
            last_screen,
            address: it.address,
            model: it.model,
            first_seen_at: out.time(it.first_seen),
            last_seen_at: out.time(it.last_seen),
            requests: it.requests,
        }
    }
}

/// Which phones there are.
#[derive(Debug, Serialize, ToSchema)]
pub struct Devices {
    pub devices: Vec<Device>,
    /// Phones that this server has seen without a token, since it started.
    pub askers: Vec<AskerSeen>,
}

/// A phone's new token, and the addresses to enter in it: they are shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewDevice {
    pub token: String,
    /// For the phone's directory.
    pub directory_url: String,
    /// For a switchboard's caller names.
    pub lookup_url: String,
    #[serde(flatten)]
    pub about: Device,
}

impl NewDevice {
    pub fn of(out: &ApiEncoder, base: &str, secret: &Secret, row: DeviceRow) -> NewDevice {
        let token = secret.expose().to_owned();
        NewDevice {
            directory_url: format!("{base}/p/{token}/directory"),
            lookup_url: format!("{base}/p/{token}/lookup?number="),
            token,
            about: Device::of(out, row),
        }
    }
}

/// Somebody who may administer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Person {
    id: Id,
    name: String,
    created_at: Moment,
    password_changed_at: Moment,
}

impl Person {
    pub fn of(out: &ApiEncoder, row: AdminRow) -> Person {
        Person {
            id: Id(row.id),
            name: row.name,
            created_at: out.time(row.created_at),
            password_changed_at: out.time(row.changed_at),
        }
    }
}

/// Those who may administer.
#[derive(Debug, Serialize, ToSchema)]
pub struct People {
    pub people: Vec<Person>,
}

/// One administrative act.
#[derive(Debug, Serialize, ToSchema)]
pub struct Entry {
    pub id: i64,
    pub at: Moment,
    /// Who: a person, a token, or this machine.
    pub actor: String,
    pub address: Option<String>,
    /// What was done, by the route or the command that did it.
    pub act: String,
    /// The same in words; null for an act that has none.
    pub act_in_words: Option<&'static str>,
    /// What it was about: an id, or a name.
    pub subject: Option<String>,
    /// What that was called then, where `subject` is an id.
    pub subject_name: Option<String>,
    pub succeeded: bool,
}

impl Entry {
    pub fn of(out: &ApiEncoder, row: AuditRow) -> Entry {
        Entry {
            id: row.id,
            at: out.time(row.at),
            actor: row.actor,
            address: row.address,
            act_in_words: AuditAction::stored(&row.act).map(AuditAction::words),
            act: row.act,
            subject: row.subject,
            subject_name: row.subject_name,
            succeeded: row.succeeded,
        }
    }
}

/// What was administered, latest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Audit {
    pub acts: Vec<Entry>,
    /// Ask with `before` set to this for older ones; null at the end.
    pub next_before: Option<i64>,
}
