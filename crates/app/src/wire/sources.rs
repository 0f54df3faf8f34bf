//! Where contacts come from beside a person's own consent.

use serde::Serialize;
use utoipa::ToSchema;

use crate::connect::{NewService, NewSource, SERVICE_SCOPES};
use crate::wire::{ApiEncoder, Id};
use ringbook_core::contact::ResourceName;
use ringbook_core::string_enum;
use ringbook_core::sync::{AccountId, Source};
use ringbook_store::ServiceFacts;

string_enum! {
    /// A list of a Google Workspace domain.
    DomainList { Directory = "directory", Shared = "shared", }
}

impl From<DomainList> for Source {
    fn from(list: DomainList) -> Source {
        match list {
            DomainList::Directory => Source::Directory,
            DomainList::Shared => Source::Shared,
        }
    }
}

/// The service account that speaks for an account. Its key is shown nowhere.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceAccount {
    pub account_id: Id,
    pub client_email: String,
    /// What the administrator enters in the Admin console under Domain-wide delegation.
    pub client_id: String,
    pub key_id: String,
    /// The mailbox that it speaks for.
    pub subject: String,
    /// All that it may be asked for: the first for contacts, the second for a domain's directory.
    pub scopes: Vec<&'static str>,
    /// What Google said of it just now; only when it was entered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<SourceCheck>,
}

/// What came of asking Google.
#[derive(Debug, Serialize, ToSchema)]
pub struct SourceCheck {
    pub ok: bool,
    /// Who answered, where Google says so.
    pub google_id: Option<String>,
    /// Why Google refused, and the way out.
    pub message: Option<String>,
}

/// An account that mirrors a list of the domain.
#[derive(Debug, Serialize, ToSchema)]
pub struct AddedSource {
    pub id: Id,
    pub name: String,
    pub source: DomainList,
    /// The account whose permission it uses.
    pub grant_of: Id,
    /// Whether Google lets the list be read; null when there is no permission to ask with.
    pub check: Option<SourceCheck>,
}

impl ServiceAccount {
    pub fn of(out: &ApiEncoder, account: AccountId, facts: &ServiceFacts) -> ServiceAccount {
        ServiceAccount {
            account_id: out.account(account),
            client_email: facts.client_email.clone(),
            client_id: facts.client_id.clone(),
            key_id: facts.key_id.clone(),
            subject: facts.subject.clone(),
            scopes: SERVICE_SCOPES.to_vec(),
            check: None,
        }
    }

    pub fn entered(out: &ApiEncoder, account: AccountId, new: &NewService) -> ServiceAccount {
        let check = Some(SourceCheck::of(&new.check));
        ServiceAccount { check, ..ServiceAccount::of(out, account, &new.facts) }
    }
}

impl SourceCheck {
    fn of(check: &Result<Option<ResourceName>, String>) -> SourceCheck {
        SourceCheck {
            ok: check.is_ok(),
            google_id: check.as_ref().ok().and_then(|it| Some(it.as_ref()?.as_str().to_owned())),
            message: check.as_ref().err().cloned(),
        }
    }
}

impl AddedSource {
    pub fn of(
        out: &ApiEncoder,
        giver: AccountId,
        list: DomainList,
        new: &NewSource,
    ) -> AddedSource {
        let check = new.check.as_ref().map(|it| SourceCheck {
            ok: it.is_ok(),
            google_id: None,
            message: it.as_ref().err().cloned(),
        });
        AddedSource {
            id: out.account(new.account),
            name: new.name.clone(),
            source: list,
            grant_of: out.account(giver),
            check,
        }
    }
}
