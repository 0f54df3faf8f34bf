//! Brings a Google account in: what lies between Google's consent and the store.
//!
//! `google` knows no database and `store` no Google; this is where they meet.

mod adopt;
mod book;
mod client;
mod consent;
mod finish;
mod keep;
pub mod redirect;
mod seldom;
mod sources;

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use tracing::warn;

use crate::config::Config;
use ringbook_core::clock::Clock;
use ringbook_core::contact::ResourceName;
use ringbook_core::sync::AccountId;
use ringbook_core::sync::book::{AddressBook, FetchError, ListRequest};
use ringbook_google::{
    AccessTokens, Limits, Minter, OAuth, OAuthError, OAuthOptions, People, PeopleOptions,
    SCOPE_DIRECTORY, SetupError, http_client,
};
use ringbook_store::{Account, ConnectError, DbError, Store};

pub use adopt::{NotATokenFile, TokenFile};
pub use book::AccountClient;
pub use client::{ClientOrigin, NotAClient, OAuthClient};
pub use consent::{Ask, CallbackParams, digest};
pub use finish::Arrival;
pub use ringbook_google::no_refresh_token;
pub use sources::{NewService, NewSource, SERVICE_SCOPES};

use book::Line;
use keep::StoredGrant;

/// Connects accounts, and makes the clients that list them.
pub struct Connector {
    store: Store,
    clock: Arc<dyn Clock>,
    http: reqwest::Client,
    limits: Limits,
    /// The least wait before Google is asked once more.
    retry_base: std::time::Duration,
    api_base_url: String,
    addresses: Addresses,
    /// The OAuth client of the configuration, and where it was found. It wins over an entered one.
    configured: std::sync::RwLock<Option<(OAuthClient, String)>>,
    /// The client in force and what was made of it, as it was when it was needed last.
    oauth: tokio::sync::Mutex<Option<(OAuthClient, Arc<OAuth>)>>,
    /// For accounts for which a service account speaks.
    minter: Arc<Minter>,
    tokens: tokio::sync::Mutex<std::collections::HashMap<AccountId, Arc<AccessTokens>>>,
    line: Line,
    /// Ways back that were not begun here: strangers can bring as many as they like.
    strays: seldom::Seldom,
}

/// Where Google's OAuth is, and where we are for it.
struct Addresses {
    redirect: String,
    /// The path below which a proxy shows us.
    base_path: String,
    auth: String,
    token: String,
    revoke: String,
}

/// How long Google may take over a permission that is given back beside something else.
const REVOKE_TIME: std::time::Duration = std::time::Duration::from_secs(5);

/// What became at Google of a permission that is forgotten here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AtGoogle {
    /// Google has ended it.
    Revoked,
    /// What an administrator has allowed a service account is only taken back in the Admin console.
    ServiceAccount,
    /// Google may still have it: why.
    Kept(String),
}

impl AtGoogle {
    /// In a sentence, with the way out.
    pub fn in_words(&self) -> String {
        match self {
            AtGoogle::Revoked => "Google has ended it, too.".to_owned(),
            AtGoogle::ServiceAccount => {
                "What the service account is allowed is taken back in the Google Admin \
                console, under Domain-wide delegation."
                    .to_owned()
            }
            AtGoogle::Kept(why) => format!(
                "Google could not be told, so it may still list the permission: remove it at \
                 https://myaccount.google.com/connections ({why})"
            ),
        }
    }
}

/// Why something about a connection did not succeed. Each text says the way out.
#[derive(Debug, thiserror::Error)]
pub enum ConnectProblem {
    #[error(
        "there is no OAuth client; create one in the Google Cloud console, and enter it with `ringbook \
         auth client`, at PUT /api/google/client, or as GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET"
    )]
    NotConfigured,
    /// What is configured cannot be changed from here.
    #[error(
        "GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET are set ({0}), and win over what is entered here; \
         change them there, or remove them there first"
    )]
    SetElsewhere(String),
    #[error(
        "not connected to Google; connect the account at /auth/google, or with `ringbook auth`"
    )]
    NotConnected,
    /// A person said no, or the grant is dead: connecting again helps.
    #[error("{0}")]
    Refused(String),
    /// Google rejects the OAuth client or the request: an administrator must fix it.
    #[error("{0}")]
    Misconfigured(String),
    #[error("{0}")]
    Unavailable(String),
    /// A sign-in could not be finished, and can be: the same answer of Google's may be brought again.
    #[error("{0}")]
    Unfinished(String),
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
            OAuthError::Denied(found) | OAuthError::GrantDead(found) => {
                ConnectProblem::Refused(found.to_string())
            }
            OAuthError::ClientRejected(found) => ConnectProblem::Misconfigured(found.to_string()),
            OAuthError::Transient { diagnosis, .. } => {
                ConnectProblem::Unavailable(diagnosis.to_string())
            }
        }
    }
}

/// The OAuth client of the configuration, and where it was found.
fn configured(config: &Config) -> Option<(OAuthClient, String)> {
    let (id, secret) = (config.google_client_id.clone()?, config.google_client_secret.clone()?);
    let lines = config.report();
    let line = lines.iter().find(|line| line.key == "GOOGLE_CLIENT_ID");
    let source = line.map_or_else(String::new, |line| line.source.clone());
    Some((OAuthClient { id, secret }, source))
}

impl Connector {
    /// # Errors
    /// When an address in the configuration is none, or no HTTP client can be made.
    pub fn new(config: &Config, store: Store) -> Result<Connector, SetupError> {
        let limits = Limits::default();
        let http = http_client(&limits)?;
        let clock = store.clock().clone();
        let configured = std::sync::RwLock::new(configured(config));
        let minter = Minter::new(&config.google_token_url, clock.clone(), http.clone(), limits)?;
        let connector = Connector {
            store,
            clock,
            http,
            minter: Arc::new(minter),
            limits,
            retry_base: config.sync_retry_base,
            api_base_url: config.google_api_base_url.clone(),
            addresses: Addresses {
                redirect: config.google_redirect_uri.clone(),
                base_path: config.base_path.clone(),
                auth: config.google_auth_url.clone(),
                token: config.google_token_url.clone(),
                revoke: config.google_revoke_url.clone(),
            },
            configured,
            oauth: tokio::sync::Mutex::default(),
            tokens: tokio::sync::Mutex::default(),
            line: Line::open()?,
            strays: seldom::Seldom::default(),
        };
        // An address that is none is a mistake that should show at the start.
        connector.oauth_of(&OAuthClient { id: String::new(), secret: "".into() })?;
        Ok(connector)
    }

    /// The OAuth client in force, and where it comes from.
    ///
    /// # Errors
    /// When the entered one cannot be read, for instance because its key is lost.
    pub async fn client(&self) -> Result<Option<(OAuthClient, ClientOrigin)>, DbError> {
        if let Some((client, source)) = self.configured() {
            return Ok(Some((client, ClientOrigin::Configuration(source))));
        }
        let Some(entered) = self.store.secret(client::NAME).await? else { return Ok(None) };
        let client = OAuthClient::from_download(entered.expose_secret());
        let client = client.map_err(|problem| DbError::Content(problem.to_string()))?;
        Ok(Some((client, ClientOrigin::Entered)))
    }

    /// Keeps an OAuth client that somebody entered. It is in force at once, in every process.
    ///
    /// # Errors
    /// When the configuration has one, which would win.
    pub async fn enter_client(&self, client: &OAuthClient) -> Result<(), ConnectProblem> {
        self.refuse_if_configured()?;
        Ok(self.store.put_secret(client::NAME, &client.to_secret()).await?)
    }

    /// Forgets the OAuth client that somebody entered. Returns whether there was one.
    ///
    /// # Errors
    /// When the one in force is of the configuration.
    pub async fn forget_client(&self) -> Result<bool, ConnectProblem> {
        self.refuse_if_configured()?;
        Ok(self.store.forget_secret(client::NAME).await?)
    }

    fn refuse_if_configured(&self) -> Result<(), ConnectProblem> {
        match self.configured() {
            Some((_, source)) => Err(ConnectProblem::SetElsewhere(source)),
            None => Ok(()),
        }
    }

    fn configured(&self) -> Option<(OAuthClient, String)> {
        self.configured.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Takes the OAuth client of another configuration. What is asked from now on is asked in its name.
    pub fn reconfigure(&self, config: &Config) {
        let mut kept = self.configured.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        *kept = configured(config);
    }

    /// Where Google sends people back to.
    pub fn redirect_uri(&self) -> &str {
        &self.addresses.redirect
    }

    /// What Google will say of the redirect URI. A stand-in for Google has no such rules.
    pub fn judge_redirect(&self) -> redirect::RedirectCheck {
        let judgement = redirect::judge(&self.addresses.redirect, &self.addresses.base_path);
        if judgement.verdict == redirect::Verdict::Refused && !self.asks_google() {
            let message = format!("{} (by rules of its own)", self.addresses.redirect);
            let verdict = redirect::Verdict::Good;
            return redirect::RedirectCheck { verdict, message, way_out: None };
        }
        judgement
    }

    /// Whether people are sent to Google itself.
    pub fn asks_google(&self) -> bool {
        self.addresses.auth.starts_with("https://accounts.google.com/")
    }

    /// Whether a client id and secret are there.
    pub async fn is_configured(&self) -> bool {
        !matches!(self.client().await, Ok(None))
    }

    fn oauth_of(&self, client: &OAuthClient) -> Result<OAuth, SetupError> {
        OAuth::new(OAuthOptions {
            client_id: client.id.clone(),
            client_secret: client.secret.clone(),
            redirect_uri: self.addresses.redirect.clone(),
            auth_url: self.addresses.auth.clone(),
            token_url: self.addresses.token.clone(),
            revoke_url: self.addresses.revoke.clone(),
            clock: self.clock.clone(),
            http: self.http.clone(),
            limits: self.limits,
        })
    }

    /// What speaks to Google in the name of the client in force. Another process may have entered
    /// another client since we asked last.
    async fn oauth(&self) -> Result<Arc<OAuth>, ConnectProblem> {
        let client = self.client().await.map_err(|problem| match problem {
            DbError::Vault(problem) => ConnectProblem::Misconfigured(format!(
                "the OAuth client that was entered cannot be used: {problem}"
            )),
            other => other.into(),
        })?;
        let (client, _) = client.ok_or(ConnectProblem::NotConfigured)?;
        let mut known = self.oauth.lock().await;
        if let Some((of, oauth)) = &*known
            && of.is(&client)
        {
            return Ok(oauth.clone());
        }
        let oauth = self.oauth_of(&client);
        let oauth =
            Arc::new(oauth.map_err(|error| ConnectProblem::Misconfigured(error.to_string()))?);
        *known = Some((client, oauth.clone()));
        Ok(oauth)
    }

    /// What Google's redirect said instead of a code.
    pub fn refusal(&self, error: &str) -> ConnectProblem {
        OAuthError::from_redirect(error).into()
    }

    /// Asks Google who answers with the permission of an account, once and without waiting for better times.
    ///
    /// # Errors
    /// When nothing is connected, Google cannot be reached, or it refuses.
    pub async fn who_answers(
        &self,
        account: &Account,
    ) -> Result<Option<ResourceName>, ConnectProblem> {
        let people = self.people(account.id).await?;
        if let Some(found) = people.identify().await.map_err(of_fetch)? {
            return Ok(Some(found));
        }
        // Google need not say who answers. That it answers at all, one contact shows.
        let first = ListRequest { since: None, page: None, page_size: 1 };
        people.list(&first).await.map_err(of_fetch)?;
        Ok(None)
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
        if grant.refresh_token.is_none() {
            return Err(ConnectProblem::Refused(no_refresh_token(None).to_string()));
        }
        self.oauth().await?;
        let tokens = self.access(account.id).await?;
        tokens.renew(account.source).await.map_err(of_fetch)
    }

    /// Takes the permission back at Google, and forgets it here. The contacts stay.
    ///
    /// # Errors
    /// When there is no grant, or Google cannot be reached; then nothing is forgotten.
    pub async fn revoke(&self, account: &Account) -> Result<(), ConnectProblem> {
        let grant = self.store.grant(account.id).await?.ok_or(ConnectProblem::NotConnected)?;
        if grant.service.is_some() {
            // What the administrator has allowed is only taken back in the Admin console.
            self.forget(account).await?;
            return Ok(());
        }
        let token = grant.refresh_token.as_ref().unwrap_or(&grant.access_token);
        self.revoke_token(token).await?;
        self.forget(account).await?;
        Ok(())
    }

    /// Forgets the permission here, and then takes it back at Google where that is possible now. `None`: there
    /// was none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn disconnect(&self, account: &Account) -> Result<Option<AtGoogle>, ConnectProblem> {
        // One that cannot be opened is forgotten all the same.
        let grant = self.store.grant(account.id).await;
        let forgotten = self.forget(account).await?;
        let at_google = match grant {
            _ if !forgotten => return Ok(None),
            Ok(Some(grant)) if grant.service.is_some() => AtGoogle::ServiceAccount,
            Ok(Some(grant)) => {
                let token = grant.refresh_token.as_ref().unwrap_or(&grant.access_token);
                let revoking = self.revoke_token(token);
                match tokio::time::timeout(REVOKE_TIME, revoking).await {
                    Ok(Ok(())) => AtGoogle::Revoked,
                    Ok(Err(problem)) => AtGoogle::Kept(problem.to_string()),
                    Err(_) => AtGoogle::Kept("Google did not answer in time".to_owned()),
                }
            }
            Ok(None) => AtGoogle::Kept("it was taken away meanwhile".to_owned()),
            Err(problem) => AtGoogle::Kept(problem.to_string()),
        };
        if let AtGoogle::Kept(why) = &at_google {
            warn!(account = account.id.0, why, "the permission could not be taken back at Google");
        }
        Ok(Some(at_google))
    }

    async fn revoke_token(&self, token: &SecretString) -> Result<(), ConnectProblem> {
        Ok(self.oauth().await?.revoke(token).await?)
    }

    /// Forgets the permission here; Google still has it. Returns whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget(&self, account: &Account) -> Result<bool, ConnectProblem> {
        let forgotten = self.store.disconnect(account.id).await?;
        // Not under the lock of all: a refresh that hangs would keep every account waiting.
        let tokens = self.tokens.lock().await.remove(&account.id);
        if let Some(tokens) = tokens {
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

    /// The tokens that one account was given, for itself and for the sources it lends them to. One object
    /// for all its clients, so that one refresh serves all.
    async fn access(&self, account: AccountId) -> Result<Arc<AccessTokens>, ConnectProblem> {
        let oauth = match self.oauth().await {
            Ok(oauth) => Some(oauth),
            // A service account needs none.
            Err(ConnectProblem::NotConfigured) => None,
            Err(problem) => return Err(problem),
        };
        let mut tokens = self.tokens.lock().await;
        // Those that renew in the name of a client that is not in force any more are of no use.
        let known = tokens.get(&account).filter(|it| it.is_of(oauth.as_ref()));
        if let Some(known) = known {
            return Ok(known.clone());
        }
        let kept = Arc::new(StoredGrant { store: self.store.clone(), account });
        let fresh = Arc::new(AccessTokens::minting(oauth, self.minter.clone(), kept));
        tokens.insert(account, fresh.clone());
        Ok(fresh)
    }
}

fn of_fetch(problem: FetchError) -> ConnectProblem {
    match problem {
        FetchError::NeedsReauth { message } | FetchError::NotPermitted { message } => {
            ConnectProblem::Refused(message)
        }
        FetchError::Again { message, .. } => ConnectProblem::Unavailable(message),
        other => ConnectProblem::Misconfigured(other.to_string()),
    }
}

/// Whether these scopes let us read the directory of a Workspace domain.
pub fn reads_directory(scopes: &[String]) -> bool {
    scopes.iter().any(|it| it == SCOPE_DIRECTORY)
}
