//! A valid access token whenever one is needed, and only one refresh at a time.
//!
//! It comes from a person's consent, by refreshing, or from the key of a service account, by minting.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use super::oauth::{OAuth, OAuthError, SCOPE, SCOPE_DIRECTORY, Tokens};
use super::service_account::{Minter, ServiceKey};
use crate::clock::{Clock, after};
use crate::sync::book::FetchError;
use crate::sync::{Delay, Source};
use crate::tasks;

/// How long before its end a token is renewed; Google's own library takes as long
/// (`REFRESH_THRESHOLD` of google-auth: 3 minutes 45 seconds).
const AHEAD: Duration = Duration::from_secs(225);

/// How often a grant may turn out to have been replaced by somebody else while we refreshed it.
const ATTEMPTS_MAX: usize = 3;

/// One account's permission, as it is kept.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Grows by one with each save, so that of two savers one notices the other.
    pub generation: i64,
    pub tokens: Tokens,
}

/// Where one account's grant is kept. Several processes may keep it in the same place.
pub trait GrantKeeper: Send + Sync + 'static {
    /// The grant, or `None` when there is none or it was condemned.
    fn load(&self) -> BoxFuture<'_, Result<Option<Grant>, KeeperError>>;

    /// Replaces the grant of generation `expected` by this one, which is a generation later.
    /// `false`: it is not there any more; somebody else saved meanwhile.
    fn save<'a>(
        &'a self,
        expected: i64,
        grant: &'a Grant,
    ) -> BoxFuture<'a, Result<bool, KeeperError>>;

    /// Marks the account as needing a person, if its grant is still of this generation.
    fn condemn<'a>(
        &'a self,
        generation: i64,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), KeeperError>>;

    /// The key of the service account that speaks for this account. `None`: a person has consented.
    fn service_key(&self) -> BoxFuture<'_, Result<Option<ServiceKey>, KeeperError>> {
        Box::pin(async { Ok(None) })
    }
}

/// The place where grants are kept did not answer. The texts must hold no secrets.
#[derive(Clone, Debug, thiserror::Error)]
pub enum KeeperError {
    /// It may answer later.
    #[error("{0}")]
    Passing(String),
    /// Only an administrator can help.
    #[error("{0}")]
    Lasting(String),
}

/// An access token that was good when it was handed out.
#[derive(Clone, Debug)]
pub(super) struct AccessToken(SecretString);

impl AccessToken {
    pub(super) fn secret(&self) -> &SecretString {
        &self.0
    }
}

/// One account's access tokens.
pub struct AccessTokens {
    shared: Arc<Shared>,
}

struct Shared {
    /// `None` until an OAuth client is configured. A service account needs none.
    oauth: Option<Arc<OAuth>>,
    minter: Option<Arc<Minter>>,
    clock: Arc<dyn Clock>,
    keeper: Arc<dyn GrantKeeper>,
    state: Mutex<State>,
    /// How many have asked. Whoever asked before a refresh began needs no other when it fails; an answer to an
    /// older question may be out of date.
    asked: AtomicU64,
}

#[derive(Default)]
struct State {
    /// The grant in use. It may be ahead of the keeper's, if that failed to save it.
    grant: Option<Grant>,
    /// What was minted for a service account, one for each scope. Never stored.
    minted: Vec<(&'static str, Grant)>,
    /// How the last refresh failed, for which scope, and how many had asked when it began.
    failure: Option<(&'static str, FetchError, u64)>,
}

impl AccessTokens {
    pub fn new(oauth: Arc<OAuth>, keeper: Arc<dyn GrantKeeper>) -> AccessTokens {
        let clock = oauth.clock.clone();
        AccessTokens::assemble(Some(oauth), None, clock, keeper)
    }

    /// The same, also for accounts for which a service account speaks.
    pub fn minting(
        oauth: Option<Arc<OAuth>>,
        minter: Arc<Minter>,
        keeper: Arc<dyn GrantKeeper>,
    ) -> AccessTokens {
        let clock = minter.clock.clone();
        AccessTokens::assemble(oauth, Some(minter), clock, keeper)
    }

    fn assemble(
        oauth: Option<Arc<OAuth>>,
        minter: Option<Arc<Minter>>,
        clock: Arc<dyn Clock>,
        keeper: Arc<dyn GrantKeeper>,
    ) -> AccessTokens {
        let (state, asked) = (Mutex::default(), AtomicU64::new(0));
        let shared = Shared { oauth, minter, clock, keeper, state, asked };
        AccessTokens { shared: Arc::new(shared) }
    }

    /// Forgets what is in memory, for when the account was connected anew or disconnected.
    pub async fn forget(&self) {
        *self.shared.state.lock().await = State::default();
    }

    /// Whether it renews tokens in the name of this client.
    pub fn is_of(&self, client: Option<&Arc<OAuth>>) -> bool {
        match (&self.shared.oauth, client) {
            (Some(ours), Some(other)) => Arc::ptr_eq(ours, other),
            (None, None) => true,
            _ => false,
        }
    }

    /// Renews the access token now, whatever is left of its time.
    ///
    /// # Errors
    /// When there is no grant, or Google does not renew it; a dead one is marked as such.
    pub async fn renew(&self, source: Source) -> Result<(), FetchError> {
        let kept = self.shared.keeper.load().await.map_err(unkept)?;
        let refused = kept.map(|it| AccessToken(it.tokens.access));
        self.obtain(scope_of(source), refused).await.map(|_| ())
    }

    /// A token for listing this source, that stays valid for some minutes.
    pub(super) async fn access(&self, source: Source) -> Result<AccessToken, FetchError> {
        self.obtain(scope_of(source), None).await
    }

    /// Another token than this one, which Google has refused.
    pub(super) async fn replace(
        &self,
        source: Source,
        refused: &AccessToken,
    ) -> Result<AccessToken, FetchError> {
        self.obtain(scope_of(source), Some(refused.clone())).await
    }

    async fn obtain(
        &self,
        scope: &'static str,
        refused: Option<AccessToken>,
    ) -> Result<AccessToken, FetchError> {
        let shared = self.shared.clone();
        let ticket = shared.asked.fetch_add(1, Ordering::AcqRel) + 1;
        // In a task of its own, so that a cancelled run does not lose a refresh token that
        // Google has just replaced.
        tasks::once("renewing an access token", async move {
            shared.obtain(scope, refused, ticket).await
        })
        .await
        .unwrap_or_else(|_| Err(again("renewing the access token broke off".to_owned())))
    }
}

/// The right that listing a source takes. The least that does: a service account is allowed each by itself.
pub fn scope_of(source: Source) -> &'static str {
    match source {
        Source::Contacts => SCOPE,
        Source::Directory | Source::Shared => SCOPE_DIRECTORY,
    }
}

impl Shared {
    async fn obtain(
        &self,
        scope: &'static str,
        refused: Option<AccessToken>,
        ticket: u64,
    ) -> Result<AccessToken, FetchError> {
        let mut state = self.state.lock().await;
        if let Some(token) = self.at_hand(&state, scope, refused.as_ref()).await {
            return Ok(token);
        }
        if let Some((whose, failure, covers)) = &state.failure
            && *whose == scope
            && ticket <= *covers
        {
            return Err(failure.clone());
        }
        let covers = self.asked.load(Ordering::Acquire);
        let result = self.renew(&mut state, scope, refused.as_ref()).await;
        state.failure = result.as_ref().err().map(|it| (scope, it.clone(), covers));
        result
    }

    /// What is in memory, if it still is what the account has: another process may have connected it anew,
    /// or disconnected it.
    async fn at_hand(
        &self,
        state: &State,
        scope: &'static str,
        refused: Option<&AccessToken>,
    ) -> Option<AccessToken> {
        let minted = state.minted.iter().find(|(known, _)| *known == scope).map(|(_, it)| it);
        let grant = minted.or(state.grant.as_ref()).filter(|it| check_scope(it, scope).is_ok())?;
        let token = self.usable(grant, refused)?;
        match self.keeper.load().await {
            Ok(kept) => kept.is_some_and(|it| it.generation == grant.generation).then_some(token),
            // It works, whatever the keeper has.
            Err(_) => Some(token),
        }
    }

    async fn renew(
        &self,
        state: &mut State,
        scope: &'static str,
        refused: Option<&AccessToken>,
    ) -> Result<AccessToken, FetchError> {
        for _ in 0..ATTEMPTS_MAX {
            let Some(grant) = self.newest(state).await? else {
                *state = State::default();
                return Err(FetchError::NeedsReauth {
                    message:
                        "there is no permission from Google; connect the account: `ringbook auth`, \
                              or /auth/google in a browser"
                            .to_owned(),
                });
            };
            if let Some(key) = self.keeper.service_key().await.map_err(unkept)? {
                return self.mint(state, &key, grant.generation, scope, refused).await;
            }
            state.minted.clear();
            check_scope(&grant, scope)?;
            if let Some(token) = self.usable(&grant, refused) {
                state.grant = Some(grant);
                return Ok(token);
            }
            let Some(oauth) = &self.oauth else {
                return Err(FetchError::Misconfigured {
                    message:
                        "no OAuth client is configured, so the permission cannot be renewed; set \
                              GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET"
                            .to_owned(),
                });
            };
            match oauth.refresh(&grant.tokens).await {
                Ok(tokens) => {
                    let token = AccessToken(tokens.access.clone());
                    if self.keep(state, grant.generation, tokens).await {
                        return Ok(token);
                    }
                }
                // The token service renewed the grant, but says that the scope is not in it. Asked again it
                // may say otherwise, and only a verdict condemns.
                Err(OAuthError::Denied(message)) => {
                    return Err(FetchError::NotPermitted { message });
                }
                Err(OAuthError::GrantDead(message)) => {
                    state.grant = None;
                    // Dead it may be, but somebody may have connected the account meanwhile.
                    if self.newest(state).await?.is_some_and(|it| it.generation != grant.generation)
                    {
                        continue;
                    }
                    self.keeper.condemn(grant.generation, &message).await.map_err(unkept)?;
                    return Err(FetchError::NeedsReauth { message });
                }
                Err(OAuthError::ClientRejected(message)) => {
                    return Err(FetchError::Misconfigured { message });
                }
                Err(OAuthError::Transient { delay, retry_after, message }) => {
                    return Err(FetchError::Again { delay, retry_after, message });
                }
            }
        }
        Err(again("the permission is being replaced all the time".to_owned()))
    }

    /// A token of a service account. It lasts an hour and is kept nowhere but here.
    async fn mint(
        &self,
        state: &mut State,
        key: &ServiceKey,
        generation: i64,
        scope: &'static str,
        refused: Option<&AccessToken>,
    ) -> Result<AccessToken, FetchError> {
        let Some(minter) = &self.minter else {
            let message = "service accounts are not set up here".to_owned();
            return Err(FetchError::Misconfigured { message });
        };
        state.grant = None;
        // What was minted with a key that has been replaced since is not used on.
        state.minted.retain(|(_, it)| it.generation == generation);
        let known = state.minted.iter().find(|(known, _)| *known == scope);
        if let Some(token) = known.and_then(|(_, it)| self.usable(it, refused)) {
            return Ok(token);
        }
        state.minted.retain(|(known, _)| *known != scope);
        let mut tokens = minter.mint(key, scope).await?;
        // The statement asks for this scope and no other, and answers to it need not name it.
        tokens.scopes = vec![scope.to_owned()];
        let token = AccessToken(tokens.access.clone());
        state.minted.push((scope, Grant { generation, tokens }));
        Ok(token)
    }

    /// The keeper's grant, unless ours is one that it failed to save.
    async fn newest(&self, state: &State) -> Result<Option<Grant>, FetchError> {
        let kept = self.keeper.load().await.map_err(unkept)?;
        Ok(match (kept, &state.grant) {
            (Some(kept), Some(ours)) if kept.generation == ours.generation => Some(ours.clone()),
            (kept, _) => kept,
        })
    }

    /// Saves fresh tokens; `false` if somebody else was faster, whose grant is then the one.
    async fn keep(&self, state: &mut State, expected: i64, tokens: Tokens) -> bool {
        let grant = Grant { generation: expected + 1, tokens };
        match self.keeper.save(expected, &grant).await {
            Ok(true) => {
                state.grant = Some(grant);
                true
            }
            Ok(false) => {
                state.grant = None;
                false
            }
            Err(error) => {
                // The tokens are good, so the run goes on; the next refresh saves again.
                tracing::warn!(%error, "a renewed access token could not be stored: {error}");
                state.grant = Some(Grant { generation: expected, ..grant });
                true
            }
        }
    }

    fn usable(&self, grant: &Grant, refused: Option<&AccessToken>) -> Option<AccessToken> {
        let Tokens { access, expires_at, .. } = &grant.tokens;
        let is_refused = refused.is_some_and(|it| it.0.expose_secret() == access.expose_secret());
        let fresh = after(self.clock.now(), AHEAD) < *expires_at;
        (fresh && !is_refused).then(|| AccessToken(access.clone()))
    }
}

/// A person may have granted less than is needed. Google would say the same, with one more request.
fn check_scope(grant: &Grant, scope: &str) -> Result<(), FetchError> {
    // Of the right to see contacts there is a wider form, and it was checked when it was given.
    if scope == SCOPE_DIRECTORY && !grant.tokens.scopes.iter().any(|known| known == scope) {
        return Err(FetchError::Misconfigured { message: DIRECTORY_NOT_GRANTED.to_owned() });
    }
    Ok(())
}

/// The way out when the permission is good, but not for a domain's directory.
pub(super) const DIRECTORY_NOT_GRANTED: &str = "the permission to read the domain's directory \
    (directory.readonly) was not given; connect the Google account that lends its permission again at \
    /auth/google?scopes=directory and tick the box for the directory. Accounts at gmail.com have no \
    directory";

fn again(message: String) -> FetchError {
    FetchError::Again { delay: Delay::ServerError, retry_after: None, message }
}

fn unkept(error: KeeperError) -> FetchError {
    match error {
        KeeperError::Passing(why) => {
            again(format!("our own store of permissions did not answer: {why}"))
        }
        KeeperError::Lasting(why) => FetchError::Misconfigured {
            message: format!("Google's permission cannot be used: {why}"),
        },
    }
}
