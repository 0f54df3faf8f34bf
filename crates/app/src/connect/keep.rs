//! Where grants are kept: in the store, or nowhere yet.

use std::sync::{Mutex, PoisonError};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use ringbook_core::sync::AccountId;
use ringbook_google::{Grant, GrantStore, KeeperError, ServiceKey, Tokens};
use ringbook_store::{DbError, GrantRow, NewTokens, Store, service_key_name};

/// Keeps an account's grant in the store.
pub(super) struct StoredGrant {
    pub(super) store: Store,
    pub(super) account: AccountId,
}

impl GrantStore for StoredGrant {
    fn load(&self) -> BoxFuture<'_, Result<Option<Grant>, KeeperError>> {
        Box::pin(async move {
            let grant = self.store.grant(self.account).await.map_err(keeper)?;
            Ok(grant
                .filter(|it| it.needs_reauth.is_none())
                .map(|it| Grant { generation: it.generation, tokens: tokens_of(&it) }))
        })
    }

    fn save<'a>(
        &'a self,
        expected: i64,
        grant: &'a Grant,
    ) -> BoxFuture<'a, Result<bool, KeeperError>> {
        Box::pin(async move {
            let tokens = new_tokens(&grant.tokens);
            self.store.save_tokens(self.account, expected, &tokens).await.map_err(keeper)
        })
    }

    fn condemn<'a>(
        &'a self,
        generation: i64,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), KeeperError>> {
        Box::pin(async move {
            self.store.condemn_grant(self.account, generation, reason).await.map_err(keeper)
        })
    }

    fn service_key(&self) -> BoxFuture<'_, Result<Option<ServiceKey>, KeeperError>> {
        Box::pin(async move {
            let grant = self.store.grant(self.account).await.map_err(keeper)?;
            if grant.is_none_or(|it| it.service.is_none()) {
                return Ok(None);
            }
            let name = service_key_name(self.account);
            let secret = self.store.secret(&name).await.map_err(keeper)?;
            let key = secret.as_ref().and_then(ServiceKey::of_secret);
            let gone = "the key of the service account is gone; enter it again";
            key.map(Some).ok_or_else(|| KeeperError::Lasting(gone.to_owned()))
        })
    }
}

/// The key of a service account that is not stored yet.
pub(super) struct TransientKey(pub(super) ServiceKey);

impl GrantStore for TransientKey {
    fn load(&self) -> BoxFuture<'_, Result<Option<Grant>, KeeperError>> {
        Box::pin(async { Ok(Some(Grant { generation: 0, tokens: no_tokens() })) })
    }

    fn save<'a>(&'a self, _: i64, _: &'a Grant) -> BoxFuture<'a, Result<bool, KeeperError>> {
        Box::pin(async { Ok(true) })
    }

    fn condemn<'a>(&'a self, _: i64, _: &'a str) -> BoxFuture<'a, Result<(), KeeperError>> {
        Box::pin(async { Ok(()) })
    }

    fn service_key(&self) -> BoxFuture<'_, Result<Option<ServiceKey>, KeeperError>> {
        Box::pin(async move { Ok(Some(self.0.clone())) })
    }
}

fn no_tokens() -> Tokens {
    Tokens {
        access: String::new().into(),
        expires_at: Timestamp::UNIX_EPOCH,
        refresh: None,
        refresh_expires_at: None,
        scopes: Vec::new(),
    }
}

/// A grant that is not stored yet.
pub(super) struct TransientGrant(Mutex<Grant>);

impl TransientGrant {
    pub(super) fn new(grant: Grant) -> TransientGrant {
        TransientGrant(Mutex::new(grant))
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Grant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tokens as they are now: asking with them may have renewed them.
    pub(super) fn tokens(&self) -> Tokens {
        self.held().tokens.clone()
    }
}

impl GrantStore for TransientGrant {
    fn load(&self) -> BoxFuture<'_, Result<Option<Grant>, KeeperError>> {
        Box::pin(async move { Ok(Some(self.held().clone())) })
    }

    fn save<'a>(&'a self, _: i64, grant: &'a Grant) -> BoxFuture<'a, Result<bool, KeeperError>> {
        Box::pin(async move {
            *self.held() = grant.clone();
            Ok(true)
        })
    }

    fn condemn<'a>(&'a self, _: i64, _: &'a str) -> BoxFuture<'a, Result<(), KeeperError>> {
        Box::pin(async { Ok(()) })
    }
}

/// Tokens as text, to be sealed.
#[derive(Serialize, Deserialize)]
pub(super) struct TokensAtRest {
    access: String,
    expires_at: Timestamp,
    refresh: Option<String>,
    refresh_expires_at: Option<Timestamp>,
    scopes: Vec<String>,
}

impl TokensAtRest {
    pub(super) fn of(tokens: &Tokens) -> TokensAtRest {
        TokensAtRest {
            access: tokens.access.expose_secret().to_owned(),
            expires_at: tokens.expires_at,
            refresh: tokens.refresh.as_ref().map(|it| it.expose_secret().to_owned()),
            refresh_expires_at: tokens.refresh_expires_at,
            scopes: tokens.scopes.clone(),
        }
    }

    pub(super) fn awake(self) -> Tokens {
        Tokens {
            access: self.access.into(),
            expires_at: self.expires_at,
            refresh: self.refresh.map(Into::into),
            refresh_expires_at: self.refresh_expires_at,
            scopes: self.scopes,
        }
    }
}

fn keeper(error: DbError) -> KeeperError {
    match error {
        // The key is not there, or the value was changed: asking again does not help.
        DbError::Vault(problem) => KeeperError::Lasting(problem.to_string()),
        passing => KeeperError::Passing(passing.to_string()),
    }
}

pub(super) fn new_tokens(tokens: &Tokens) -> NewTokens {
    NewTokens {
        access_token: tokens.access.clone(),
        expires_at: tokens.expires_at,
        refresh_token: tokens.refresh.clone(),
        refresh_expires_at: tokens.refresh_expires_at,
        scopes: tokens.scopes.clone(),
    }
}

pub(super) fn tokens_of(grant: &GrantRow) -> Tokens {
    Tokens {
        access: grant.access_token.clone(),
        expires_at: grant.expires_at,
        refresh: grant.refresh_token.clone(),
        refresh_expires_at: grant.refresh_expires_at,
        scopes: grant.scopes.clone(),
    }
}
