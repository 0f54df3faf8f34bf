//! Accounts: what they are called, how it is with them, and which of their labels reach the phones.

use std::collections::{BTreeMap, BTreeSet};

use crate::wire::{AccountSnapshot, ApiEncoder, AuthStatus, Id, Moment, Schedule, Standing};
use jiff::Timestamp;
use ringbook_core::sync::account::AccountState;
use ringbook_store::{Counts, GrantFacts};
use serde::Serialize;
use utoipa::ToSchema;

/// An account in full.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Account {
    pub id: Id,
    pub name: String,
    /// Of several that are true the one that has to be fixed first.
    pub state: AccountState,
    /// The state in words, with the way out.
    pub state_message: String,
    /// The Google account that is mirrored, once it is known.
    pub google_id: Option<String>,
    /// What is mirrored.
    #[schema(example = "contacts")]
    pub source: String,
    pub created_at: Moment,
    /// Contacts in the directory.
    pub contacts: u64,
    pub counts: AccountCounts,
    #[serde(flatten)]
    pub standing: Standing,
    /// It is synced only when somebody asks.
    pub paused: bool,
    /// Its contacts are being erased; no sync starts meanwhile.
    pub erasing: bool,
    /// Labels whose contacts reach the phones; null when all contacts do.
    pub labels_shown: Option<Vec<String>>,
    pub schedule: Schedule,
    /// Google's permission.
    pub auth: AuthStatus,
    /// Where a browser connects it.
    pub connect_url: String,
    pub links: BTreeMap<String, String>,
}

/// How much an account holds.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct AccountCounts {
    pub active: u64,
    pub deleted: u64,
    pub with_phone: u64,
    pub with_email: u64,
    pub phone_numbers: u64,
    pub emails: u64,
}

impl AccountCounts {
    fn of(counts: &Counts) -> AccountCounts {
        AccountCounts {
            active: counts.live,
            deleted: counts.deleted,
            with_phone: counts.with_phone,
            with_email: counts.with_email,
            phone_numbers: counts.phones,
            emails: counts.emails,
        }
    }
}

impl Account {
    pub fn of(
        out: &ApiEncoder,
        sight: &AccountSnapshot,
        grant: Option<&GrantFacts>,
        schedule: Schedule,
        now: Timestamp,
    ) -> Account {
        let it = &sight.account;
        let (id, connect_url) = (out.account(it.id), connect_url(out, it));
        let condition = it.condition(sight.configured);
        let own = format!("/api/accounts/{}", id.0);
        let links = [
            ("self", own.clone()),
            ("labels", format!("{own}/labels")),
            ("disconnect", format!("{own}/disconnect")),
            ("status", format!("/api/sync/status?account={}", id.0)),
            ("sync", format!("/api/sync?account={}", id.0)),
            ("history", format!("/api/sync/history?account={}", id.0)),
        ];
        Account {
            id,
            name: it.name.clone(),
            state: condition.state(),
            state_message: condition.in_words(&connect_url),
            google_id: it.google_id.as_ref().map(ToString::to_string),
            source: it.source.to_string(),
            created_at: out.time(it.created_at),
            contacts: it.counts.live,
            counts: AccountCounts::of(&it.counts),
            standing: Standing::of(out, sight, now),
            paused: it.schedule.paused,
            erasing: it.erasing,
            labels_shown: it.labels_shown.clone(),
            schedule,
            auth: AuthStatus::of(out, grant.map(|grant| (it.id, grant)), sight.configured, now),
            connect_url,
            links: links.into_iter().map(|(name, to)| (name.to_owned(), to)).collect(),
        }
    }
}

/// Where a browser connects this account, or the one that lends it its permission.
pub fn connect_url(out: &ApiEncoder, account: &ringbook_store::Account) -> String {
    format!("/auth/google?account={}", out.account(account.grant_of.unwrap_or(account.id)).0)
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Accounts {
    pub accounts: Vec<Account>,
}

/// What was done to an account, and how it is now.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AccountDone {
    #[schema(example = "success")]
    pub status: &'static str,
    pub message: String,
    /// Contacts that were erased.
    pub erased_count: u64,
    /// Null when it was removed.
    pub account: Option<Account>,
}

/// A label of an account.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Label {
    pub resource_name: String,
    pub name: String,
    /// One of Google's own.
    pub system: bool,
    /// Contacts in the directory that have it.
    pub contacts: u64,
    /// Contacts with it reach the phones.
    pub shown: bool,
}

/// The labels of an account.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Labels {
    pub account_id: Id,
    /// All contacts reach the phones, with and without labels.
    pub all_shown: bool,
    pub labels: Vec<Label>,
    /// Labels that are to be shown and that Google does not have now.
    pub missing: Vec<String>,
}

impl Labels {
    /// `known` are resource name, name, and whether it is one of Google's own.
    pub fn of(
        out: &ApiEncoder,
        account: &ringbook_store::Account,
        known: Vec<(String, String, bool)>,
        counts: &BTreeMap<String, u64>,
    ) -> Labels {
        let chosen = account.labels_shown.as_ref();
        let chosen: Option<BTreeSet<&str>> =
            chosen.map(|labels| labels.iter().map(String::as_str).collect());
        let mut missing: Vec<String> =
            chosen.iter().flatten().map(|label| (*label).to_owned()).collect();
        missing.retain(|label| !known.iter().any(|(resource, ..)| resource == label));
        let label = |(resource_name, name, system): (String, String, bool)| Label {
            contacts: counts.get(&resource_name).copied().unwrap_or(0),
            shown: chosen.as_ref().is_none_or(|it| it.contains(resource_name.as_str())),
            resource_name,
            name,
            system,
        };
        Labels {
            account_id: out.account(account.id),
            all_shown: chosen.is_none(),
            labels: known.into_iter().map(label).collect(),
            missing,
        }
    }
}
