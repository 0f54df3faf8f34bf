//! Permissions that need no consent, and the lists of a domain.

use std::sync::Arc;

use serde_json::Value;
use tracing::info;

use crate::connect::keep::TransientKey;
use crate::connect::{ConnectProblem, Connector};
use ringbook_core::contact::{ResourceName, clean};
use ringbook_core::sync::book::{AddressBook, FetchError, ListRequest};
use ringbook_core::sync::diagnosis::{Cause, Diagnosis};
use ringbook_core::sync::{AccountId, Source};
use ringbook_google::{AccessTokens, SCOPE, SCOPE_DIRECTORY, ServiceKey, scope_of};
use ringbook_store::{
    Account, AccountError, AddError, ConnectError, DbError, Service, ServiceFacts,
};

/// What an administrator of the domain may allow a service account: for a person's contacts, and for the
/// lists of the domain.
pub const SERVICE_SCOPES: [&str; 2] = [SCOPE, SCOPE_DIRECTORY];

/// What came of entering a service account.
#[derive(Clone, Debug)]
pub struct NewService {
    pub facts: ServiceFacts,
    /// Who answered with it, or why Google does not accept it yet.
    pub check: Result<Option<ResourceName>, String>,
}

/// What came of adding a source.
#[derive(Clone, Debug)]
pub struct NewSource {
    pub account: AccountId,
    pub name: String,
    /// Whether it can be read, or why not; `None` when there is no permission to ask with.
    pub check: Option<Result<(), String>>,
}

/// Whether Google lets this account be listed, as far as is known. A consent was given by Google itself; a key is
/// only known to be good once something was listed with it.
fn works(account: &Account, is_key: bool) -> bool {
    let has_listed = account.last_success_at.is_some()
        && account.condition(true).misconfigured_because.is_none();
    account.grant.is_some() && account.needs_reauth.is_none() && (!is_key || has_listed)
}

impl Connector {
    /// Lets a service account speak for an account from now on.
    ///
    /// What Google says of it is found out first. A key that it does not accept may only need a day, since
    /// what an administrator allows takes as long to arrive; so it is kept, unless it would take the place
    /// of a permission that works.
    ///
    /// # Errors
    /// When the key is none, Google cannot be asked, or it speaks for another person than the one whose
    /// contacts are mirrored. Nothing is changed then.
    pub async fn use_service_account(
        &self,
        account: &Account,
        key: &Value,
        subject: &str,
    ) -> Result<NewService, ConnectProblem> {
        if let Some(giver) = account.grant_of {
            let giver = self.store.account(giver).await?.map(|it| it.name).unwrap_or_default();
            return Err(ConnectProblem::DifferentAccount(ConnectError::Borrows(giver)));
        }
        let key = ServiceKey::parse(key, subject)
            .map_err(|problem| ConnectProblem::Unusable(problem.to_string()))?;
        let check = self.try_out(&key, account.source).await?;
        let facts = ServiceFacts {
            client_email: key.client_email.clone(),
            client_id: key.client_id.clone(),
            key_id: key.key_id.clone(),
            subject: key.subject.clone(),
        };
        let grant = self.store.grant_facts(account.id).await?;
        let is_key = grant.is_some_and(|it| it.service.is_some());
        let google_id = match &check {
            Ok(google_id) => google_id.as_ref(),
            Err(reason) if works(account, is_key) => {
                return Err(ConnectProblem::Misconfigured(format!(
                    "nothing was changed, since the account is connected and works, and Google does \
                     not accept this key: {reason}"
                )));
            }
            Err(_) => None,
        };
        if let Some(found) = google_id {
            self.refuse_strangers(account, found).await?;
        }
        let scopes = [scope_of(account.source)];
        let service = Service { facts: &facts, key: &key.to_secret() };
        let connected = self.store.connect_service(account.id, google_id, &service, &scopes).await;
        connected.map_err(|problem| match problem {
            ConnectError::Db(problem) => problem.into(),
            other => ConnectProblem::DifferentAccount(other),
        })?;
        self.access(account.id).await?.forget().await;
        info!(account = account.id.0, accepted = check.is_ok(), "a service account was entered");
        Ok(NewService { facts, check })
    }

    /// Asks Google who answers with this key. Only what may pass is an error.
    async fn try_out(
        &self,
        key: &ServiceKey,
        source: Source,
    ) -> Result<Result<Option<ResourceName>, String>, ConnectProblem> {
        let keeper = Arc::new(TransientKey(key.clone()));
        let access = AccessTokens::minting(None, self.minter.clone(), keeper);
        match self.people_with(Arc::new(access))?.of(source).identify().await {
            Ok(google_id) => Ok(Ok(google_id)),
            Err(FetchError::Again { message, .. }) => Err(ConnectProblem::Unavailable(message)),
            Err(problem) => Ok(Err(problem.to_string())),
        }
    }

    async fn refuse_strangers(
        &self,
        account: &Account,
        found: &ResourceName,
    ) -> Result<(), ConnectProblem> {
        if account.google_id.as_ref().is_some_and(|known| known != found) {
            return Err(ConnectProblem::DifferentAccount(ConnectError::DifferentAccount {
                account: account.name.clone(),
            }));
        }
        match self.twin(account, found).await? {
            None => Ok(()),
            Some(twin) => Err(ConnectProblem::Conflict(format!(
                "this mailbox is mirrored by the account `{twin}` already; nothing was changed"
            ))),
        }
    }

    /// The account that mirrors the same list of the same person already, by its name.
    pub(super) async fn twin(
        &self,
        account: &Account,
        found: &ResourceName,
    ) -> Result<Option<String>, DbError> {
        let accounts = self.store.accounts().await?;
        let twin = accounts.into_iter().find(|it| {
            it.id != account.id
                && it.grant_of.is_none()
                && it.source == account.source
                && it.google_id.as_ref() == Some(found)
        });
        Ok(twin.map(|it| it.name))
    }

    /// Shows that the service account of this account is still accepted.
    pub(super) async fn mint_anew(&self, account: AccountId) -> Result<(), ConnectProblem> {
        self.access(account).await?.forget().await;
        match self.people(account).await?.identify().await {
            Ok(_) => Ok(()),
            Err(FetchError::Again { message, .. }) => Err(ConnectProblem::Unavailable(message)),
            Err(problem) => Err(ConnectProblem::Misconfigured(problem.to_string())),
        }
    }

    /// Adds an account that mirrors a list of the domain with the permission of `giver`.
    ///
    /// # Errors
    /// When the name is none or taken, or the list is mirrored already.
    pub async fn add_source(
        &self,
        giver: &Account,
        source: Source,
        name: &str,
    ) -> Result<NewSource, ConnectProblem> {
        let check = match giver.grant {
            Some(_) => Some(self.peek(giver.id, source).await?),
            None => None,
        };
        if let Some(Err(why)) = &check
            && Diagnosis::read(why).is_some_and(|it| it.cause == Cause::NoWorkspace)
        {
            // What an administrator allows may take a day to arrive. A domain that is not there never comes.
            return Err(ConnectProblem::Conflict(format!("nothing was added: {why}")));
        }
        let added = self.store.add_source(giver.id, source, name).await.map_err(|problem| {
            let words = problem.to_string();
            match problem {
                AddError::Db(problem) => problem.into(),
                AddError::Account(AccountError::Db(problem)) => problem.into(),
                AddError::Account(AccountError::Name(_)) => {
                    ConnectProblem::Unusable(format!("`name`: {words}"))
                }
                AddError::Account(AccountError::Gone) => ConnectProblem::NotConnected,
                AddError::UnknownGiver => ConnectProblem::NotConnected,
                AddError::Account(AccountError::Taken(_) | AccountError::Lends(_))
                | AddError::Borrower(_)
                | AddError::SourceTaken(_) => ConnectProblem::Conflict(words),
            }
        })?;
        info!(account = added.0, giver = giver.id.0, %source, "a source was added");
        Ok(NewSource { account: added, name: clean(name, 100), check })
    }

    /// Whether a list can be read with the permission of `giver`, or why not.
    async fn peek(
        &self,
        giver: AccountId,
        source: Source,
    ) -> Result<Result<(), String>, ConnectProblem> {
        let people = self.people_with(self.access(giver).await?)?.of(source);
        let first = ListRequest { since: None, page: None, page_size: 1 };
        Ok(people.list(&first).await.map(|_| ()).map_err(|problem| problem.to_string()))
    }
}
