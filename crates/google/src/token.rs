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
use super::refusals::directory_not_allowed;
use super::service_account::{Minter, ServiceKey};
use ringbook_core::clock::{Clock, after};
use ringbook_core::sync::book::FetchError;
use ringbook_core::sync::diagnosis::{Cause, Diagnosis};
use ringbook_core::sync::{Delay, Source};
use ringbook_runtime::tasks;

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
pub trait GrantStore: Send + Sync + 'static {
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
pub(super) struct AccessToken {
    secret: SecretString,
    by_key: bool,
}

impl AccessToken {
    fn of_grant(secret: SecretString) -> AccessToken {
        AccessToken { secret, by_key: false }
    }

    pub(super) fn secret(&self) -> &SecretString {
        &self.secret
    }

    /// It was minted for a service account, and is no person's permission.
    pub(super) fn by_key(&self) -> bool {
        self.by_key
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
    keeper: Arc<dyn GrantStore>,
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
    pub fn new(oauth: Arc<OAuth>, keeper: Arc<dyn GrantStore>) -> AccessTokens {
        let clock = oauth.clock.clone();
        AccessTokens::assemble(Some(oauth), None, clock, keeper)
    }

    /// The same, also for accounts for which a service account speaks.
    pub fn minting(
        oauth: Option<Arc<OAuth>>,
        minter: Arc<Minter>,
        keeper: Arc<dyn GrantStore>,
    ) -> AccessTokens {
        let clock = minter.clock.clone();
        AccessTokens::assemble(oauth, Some(minter), clock, keeper)
    }

    fn assemble(
        oauth: Option<Arc<OAuth>>,
        minter: Option<Arc<Minter>>,
        clock: Arc<dyn Clock>,
        keeper: Arc<dyn GrantStore>,
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
        let refused = kept.map(|it| AccessToken::of_grant(it.tokens.access));
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
        let by_key = minted.is_some();
        let token = AccessToken { by_key, ..self.usable(grant, refused)? };
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
                let nothing = Diagnosis::fix(
                    Cause::NotConnected,
                    "there is no permission from Google",
                    "connect the account: `ringbook auth`, or /auth/google in a browser",
                );
                return Err(nothing.needs_reauth());
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
                let missing = Diagnosis::fix(
                    Cause::NoClient,
                    "there is no OAuth client any more, so the permission cannot be renewed",
                    "enter the one that the account was connected with: `ringbook auth client`, or \
                     GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET",
                );
                return Err(missing.misconfigured());
            };
            match oauth.refresh(&grant.tokens).await {
                Ok(tokens) => {
                    let token = AccessToken::of_grant(tokens.access.clone());
                    if self.keep(state, grant.generation, tokens).await {
                        return Ok(token);
                    }
                }
                // The token service renewed the grant, but says that the scope is not in it. Asked again it
                // may say otherwise, and only a verdict condemns.
                Err(OAuthError::Denied(found)) => return Err(found.not_permitted()),
                Err(OAuthError::GrantDead(found)) => {
                    state.grant = None;
                    // Dead it may be, but somebody may have connected the account meanwhile.
                    if self.newest(state).await?.is_some_and(|it| it.generation != grant.generation)
                    {
                        continue;
                    }
                    let reason = found.to_string();
                    self.keeper.condemn(grant.generation, &reason).await.map_err(unkept)?;
                    return Err(found.needs_reauth());
                }
                Err(OAuthError::ClientRejected(found)) => return Err(found.misconfigured()),
                Err(OAuthError::Transient { delay, retry_after, diagnosis }) => {
                    return Err(diagnosis.again(delay, retry_after));
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
            return Err(again("service accounts are not set up here".to_owned()));
        };
        state.grant = None;
        // What was minted with a key that has been replaced since is not used on.
        state.minted.retain(|(_, it)| it.generation == generation);
        let known = state.minted.iter().find(|(known, _)| *known == scope);
        if let Some(token) = known.and_then(|(_, it)| self.usable(it, refused)) {
            return Ok(AccessToken { by_key: true, ..token });
        }
        state.minted.retain(|(known, _)| *known != scope);
        let mut tokens = minter.mint(key, scope).await?;
        // The statement asks for this scope and no other, and answers to it need not name it.
        tokens.scopes = vec![scope.to_owned()];
        let token = AccessToken { secret: tokens.access.clone(), by_key: true };
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
        let is_refused =
            refused.is_some_and(|it| it.secret.expose_secret() == access.expose_secret());
        let fresh = after(self.clock.now(), AHEAD) < *expires_at;
        (fresh && !is_refused).then(|| AccessToken::of_grant(access.clone()))
    }
}

/// A person may have granted less than is needed. Google would say the same, with one more request.
fn check_scope(grant: &Grant, scope: &str) -> Result<(), FetchError> {
    // Of the right to see contacts there is a wider form, and it was checked when it was given.
    if scope == SCOPE_DIRECTORY && !grant.tokens.scopes.iter().any(|known| known == scope) {
        return Err(directory_not_allowed().misconfigured());
    }
    Ok(())
}

/// Not Google's fault.
fn again(what: String) -> FetchError {
    own_store(what).again(Delay::ServerError, None)
}

fn own_store(what: String) -> Diagnosis {
    let remedy = "look at the database and its disk: `ringbook doctor` tries both";
    Diagnosis::wait(Cause::OwnStore, what, remedy)
}

fn unkept(error: KeeperError) -> FetchError {
    match error {
        KeeperError::Passing(why) => {
            let what = "the place where Ringbook keeps Google's permission does not answer";
            own_store(what.to_owned()).saying(&why).again(Delay::ServerError, None)
        }
        KeeperError::Lasting(why) => Diagnosis::fix(
            Cause::OwnStore,
            "Google's permission is stored here and cannot be opened",
            "put the key back that it was sealed with (`ringbook key status`); if it is lost, connect the account \
             again",
        )
        .saying(&why)
        .misconfigured(),
    }
}
