//! The directory.

use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::{ApiEncoder, Id, Moment};
use ringbook_core::contact::{Content, STARRED};
use ringbook_core::number::field_of;
use ringbook_core::sync::AccountId;
use ringbook_store::{Account, ContactRow, Counts};

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
    /// International where the country is known, else as typed. Of several numbers in one field the first.
    pub value: String,
    /// As typed.
    pub display_value: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub primary: bool,
    /// False where the field holds no number, such as `see notes` or `12:30`. Such an entry is counted
    /// nowhere.
    pub is_number: bool,
    /// Every number that the field holds, with its country where that is known, else its digits. Empty if it
    /// holds none.
    pub numbers: Vec<String>,
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
pub type LabelNames = std::collections::BTreeMap<(AccountId, String), String>;

impl Contact {
    pub fn of(out: &ApiEncoder, row: &ContactRow, labels: &LabelNames) -> Contact {
        const PHONE: u8 = 1;
        const EMAIL: u8 = 2;
        let Content { names, organization, phones, emails, .. } = &row.content;
        let part = |kind, text: &str| Id(out.ids.part(row.id, kind, text));
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Contact {
            id: out.contact(row.id),
            account_id: out.account(row.id.account()),
            resource_name: row.resource_name.clone(),
            display_name: row.display_name.clone(),
            given_name: some(&names.given),
            family_name: some(&names.family),
            organization: organization.as_ref().and_then(|it| some(&it.name)),
            job_title: organization.as_ref().and_then(|it| some(&it.title)),
            phone_numbers: phones
                .iter()
                .map(|it| {
                    let read = out.dial.read(field_of(it)).unwrap_or_default();
                    let first = read.first().and_then(|it| it.e164()).map(ToString::to_string);
                    PhoneNumber {
                        id: part(PHONE, &format!("{} {}", it.kind, it.value)),
                        value: first.unwrap_or_else(|| it.value.clone()),
                        display_value: it.value.clone(),
                        kind: kind_or_other(&it.kind),
                        primary: it.primary,
                        is_number: !read.is_empty(),
                        numbers: read.iter().map(ToString::to_string).collect(),
                    }
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
            labels: own_labels(row, labels),
            starred: row.content.is_starred(),
            updated_at: out.time(row.updated_at),
            created_at: out.time(row.created_at),
        }
    }
}

/// The names of a contact's own labels, without Google's.
pub(crate) fn own_labels(row: &ContactRow, names: &LabelNames) -> Vec<String> {
    let account = row.id.account();
    row.content
        .labels
        .iter()
        .filter(|group| *group != STARRED && *group != "contactGroups/myContacts")
        .filter_map(|group| names.get(&(account, group.clone())).cloned())
        .collect()
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
    #[serde(flatten)]
    pub sums: ContactSums,
    pub accounts: Vec<AccountContactStats>,
}

/// How big the part of one account is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AccountContactStats {
    pub id: Id,
    pub name: String,
    #[serde(flatten)]
    pub sums: ContactSums,
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ContactSums {
    pub total_contacts: u64,
    pub contacts_with_phone: u64,
    pub contacts_with_email: u64,
    pub total_phone_numbers: u64,
    pub total_emails: u64,
}

impl ContactStats {
    pub fn of(out: &ApiEncoder, accounts: &[Account]) -> ContactStats {
        let part = |it: &Account| AccountContactStats {
            id: out.account(it.id),
            name: it.name.clone(),
            sums: ContactSums::of(&it.counts),
        };
        let sum = Counts::sum(accounts.iter().map(|it| &it.counts));
        ContactStats { sums: ContactSums::of(&sum), accounts: accounts.iter().map(part).collect() }
    }
}

impl ContactSums {
    fn of(counts: &Counts) -> ContactSums {
        ContactSums {
            total_contacts: counts.live,
            contacts_with_phone: counts.with_phone,
            contacts_with_email: counts.with_email,
            total_phone_numbers: counts.phones,
            total_emails: counts.emails,
        }
    }
}
