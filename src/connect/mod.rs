//! Brings a Google account in: what lies between Google's consent and the store.
//!
//! `google` knows no database and `store` no Google; this is where they meet.

mod book;
mod keep;
mod sources;

use std::sync::Arc;

use jiff::Timestamp;
use secrecy::SecretString;

use crate::clock::Clock;
use crate::config::Config;
use crate::contact::ResourceName;
use crate::google::{
    AccessTokens, Authorization, Grant, Limits, Minter, OAuth, OAuthError, OAuthOptions, People,
    PeopleOptions, SetupError, Tokens, http_client,
};
use crate::store::{Account, ConnectError, DbError, Store};
use crate::sync::AccountId;
use crate::sync::book::{AddressBook, FetchError};

pub use book::LazyPeople;
pub use sources::{NewService, NewSource, SERVICE_SCOPES};

use book::Line;
use keep::{Kept, Loose, new_tokens, tokens_of};

/// Connects accounts, and makes the clients that list them.
pub struct Connector {
    store: Store,
    clock: Arc<dyn Clock>,
    http: reqwest::Client,
    limits: Limits,
    api_base_url: String,
    /// `None` until a client id and secret are configured.
    oauth: Option<Arc<OAuth>>,
    /// For accounts for which a service account speaks.
    minter: Arc<Minter>,
    tokens: tokio::sync::Mutex<std::collections::HashMap<AccountId, Arc<AccessTokens>>>,
    line: Line,
}

/// Why something about a connection did not succeed. Each text says the way out.
#[derive(Debug, thiserror::Error)]
pub enum ConnectProblem {
    #[error(
        "GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET are not set; create an OAuth client in the Google \
         Cloud console and set both"
    )]
    NotConfigured,
    #[error("no Google account is connected; connect one at /auth/google")]
    NotConnected,
    /// A person said no, or the grant is dead: connecting again helps.
    #[error("{0}")]
    Refused(String),
    /// Google rejects the OAuth client or the request: an administrator must mend it.
    #[error("{0}")]
    Misconfigured(String),
    #[error("{0}")]
    Unavailable(String),
    #[error(transparent)]
    DifferentAccount(ConnectError),
    /// What was entered is not what it should be.
    #[error("{0}")]
    Unusable(String),
    /// It contradicts what is here already.
    #[error("{0}")]
    Conflict(String),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<OAuthError> for ConnectProblem {
    fn from(error: OAuthError) -> ConnectProblem {
        match error {
            OAuthError::Denied(message) | OAuthError::GrantDead(message) => {
                ConnectProblem::Refused(message)
            }
            OAuthError::ClientRejected(message) => ConnectProblem::Misconfigured(message),
            OAuthError::Transient { message, .. } => ConnectProblem::Unavailable(message),
        }
    }
}

impl Connector {
    /// # Errors
    /// When an address in the configuration is none, or no HTTP client can be made.
    pub fn new(config: &Config, store: Store) -> Result<Connector, SetupError> {
        let limits = Limits::default();
        let http = http_client(&limits)?;
        let clock = store.clock().clone();
        let oauth = match (&config.google_client_id, &config.google_client_secret) {
            (Some(id), Some(secret)) => Some(Arc::new(OAuth::new(OAuthOptions {
                client_id: id.clone(),
                client_secret: secret.clone(),
                redirect_uri: config.google_redirect_uri.clone(),
                auth_url: config.google_auth_url.clone(),
                token_url: config.google_token_url.clone(),
                revoke_url: config.google_revoke_url.clone(),
                clock: clock.clone(),
                http: http.clone(),
                limits,
            })?)),
            _ => None,
        };
        let minter = Minter::new(&config.google_token_url, clock.clone(), http.clone(), limits)?;
        Ok(Connector {
            store,
            clock,
            http,
            minter: Arc::new(minter),
            limits,
            api_base_url: config.google_api_base_url.clone(),
            oauth,
            tokens: tokio::sync::Mutex::default(),
            line: Line::open()?,
        })
    }

    /// Whether a client id and secret are there.
    pub fn is_configured(&self) -> bool {
        self.oauth.is_some()
    }

    fn oauth(&self) -> Result<&Arc<OAuth>, ConnectProblem> {
        self.oauth.as_ref().ok_or(ConnectProblem::NotConfigured)
    }

    /// The address to send a person's browser to, with the secrets to keep for the way back.
    ///
    /// # Errors
    /// When no OAuth client is configured.
    pub fn begin(&self) -> Result<Authorization, ConnectProblem> {
        Ok(self.oauth()?.begin(None)?)
    }

    /// What Google's redirect said instead of a code.
    pub fn refusal(&self, error: &str) -> ConnectProblem {
        OAuthError::from_redirect(error).into()
    }

    /// Turns the code of the way back into a connected account.
    ///
    /// There is one account for now: a consent given again renews its grant, and a consent of another
    /// person is refused before anything is touched.
    ///
    /// # Errors
    /// When Google rejects the code, a scope is missing, or it is another person's account.
    pub async fn complete(
        &self,
        code: &str,
        verifier: &SecretString,
    ) -> Result<AccountId, ConnectProblem> {
        let tokens = self.oauth()?.exchange(code, verifier).await?;
        let existing = self.store.accounts().await?.into_iter().next();
        let google_id = self.identify(&tokens).await?;
        let connected = self
            .store
            .connect(existing.map(|it| it.id), google_id.as_ref(), &new_tokens(&tokens))
            .await;
        let account = match connected {
            Ok(account) => account,
            Err(ConnectError::Db(error)) => return Err(error.into()),
            Err(error) => return Err(ConnectProblem::DifferentAccount(error)),
        };
        self.access(account).await?.forget().await;
        Ok(account)
    }

    /// Who answers for fresh tokens, where Google will say. The first full run asks once more.
    ///
    /// # Errors
    /// When Google cannot be asked now: an account must not be taken for another unchecked.
    async fn identify(&self, tokens: &Tokens) -> Result<Option<ResourceName>, ConnectProblem> {
        let oauth = self.oauth()?.clone();
        let grant = Grant { generation: 0, tokens: tokens.clone() };
        let access = AccessTokens::new(oauth, Arc::new(Loose(grant)));
        match self.people_with(Arc::new(access))?.identify().await {
            Ok(google_id) => Ok(google_id),
            Err(FetchError::Again { message, .. }) => Err(ConnectProblem::Unavailable(message)),
            Err(_) => Ok(None),
        }
    }

    /// Renews the access token now.
    ///
    /// # Errors
    /// When there is no grant or Google refuses it; a dead grant is marked as such.
    pub async fn refresh(&self, account: &Account) -> Result<(), ConnectProblem> {
        let grant = self.store.grant(account.id).await?.ok_or(ConnectProblem::NotConnected)?;
        if grant.service.is_some() {
            return self.mint_anew(account.id).await;
        }
        let oauth = self.oauth()?;
        if grant.refresh_token.is_none() {
            return Err(ConnectProblem::Refused(
                "Google gave no refresh token; connect the account again at /auth/google"
                    .to_owned(),
            ));
        }
        match oauth.refresh(&tokens_of(&grant)).await {
            Ok(tokens) => {
                let new = new_tokens(&tokens);
                // If somebody else was faster, theirs are newer, and that is as good.
                self.store.save_tokens(account.id, grant.generation, &new).await?;
                self.access(account.id).await?.forget().await;
                Ok(())
            }
            Err(OAuthError::GrantDead(reason)) => {
                self.store.condemn_grant(account.id, grant.generation, &reason).await?;
                Err(ConnectProblem::Refused(reason))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Takes the permission back at Google, and forgets it here. The contacts stay.
    ///
    /// # Errors
    /// When there is no grant, or Google cannot be reached; then nothing is forgotten.
    pub async fn revoke(&self, account: &Account) -> Result<(), ConnectProblem> {
        let grant = self.store.grant(account.id).await?.ok_or(ConnectProblem::NotConnected)?;
        if grant.service.is_some() {
            // What the administrator has allowed is only taken back in the Admin console.
            self.disconnect(account).await?;
            return Ok(());
        }
        let oauth = self.oauth()?;
        let token = grant.refresh_token.as_ref().unwrap_or(&grant.access_token);
        oauth.revoke(token).await?;
        self.disconnect(account).await?;
        Ok(())
    }

    /// Forgets the permission here; Google still has it. Returns whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn disconnect(&self, account: &Account) -> Result<bool, ConnectProblem> {
        let forgotten = self.store.disconnect(account.id).await?;
        if let Some(tokens) = self.tokens.lock().await.remove(&account.id) {
            tokens.forget().await;
        }
        Ok(forgotten)
    }

    /// The client that lists what an account mirrors, with the permission of whoever lends it one.
    ///
    /// # Errors
    /// When there is no such account, or no client can be made.
    pub async fn people(&self, account: AccountId) -> Result<People, ConnectProblem> {
        let origin = self.store.origin(account).await?.ok_or(ConnectProblem::NotConnected)?;
        let people = self.people_with(self.access(origin.giver).await?)?;
        Ok(people.of(origin.source))
    }

    fn people_with(&self, tokens: Arc<AccessTokens>) -> Result<People, ConnectProblem> {
        People::new(PeopleOptions {
            base_url: self.api_base_url.clone(),
            http: self.http.clone(),
            tokens,
            clock: self.clock.clone(),
            limits: self.limits,
        })
        .map_err(|error| ConnectProblem::Misconfigured(error.to_string()))
    }

    /// The tokens that one account was given, for itself and for the sources it lends them to. One object for all its clients, so that one refresh serves all.
    async fn access(&self, account: AccountId) -> Result<Arc<AccessTokens>, ConnectProblem> {
        let mut tokens = self.tokens.lock().await;
        let entry = tokens.entry(account).or_insert_with(|| {
            let kept = Arc::new(Kept { store: self.store.clone(), account });
            let (oauth, minter) = (self.oauth.clone(), self.minter.clone());
            Arc::new(AccessTokens::minting(oauth, minter, kept))
        });
        Ok(entry.clone())
    }
}

/// Are a grant's stored credentials still good, by the clock?
pub fn has_expired(expires_at: Timestamp, now: Timestamp) -> bool {
    expires_at <= now
}
