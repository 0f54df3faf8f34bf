//! Checks who may sign in, and limits guesses and requests.
//!
//! `access` decides and `store` remembers; this is where they meet.

mod origin;

use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use tracing::warn;
use utoipa::ToSchema;

use crate::access::{LoginThrottle, PasswordError, Passwords, RateLimiter};
use crate::config::{Config, FirstAdmin, FirstProof};
use ringbook_core::clock::{Clock, before, between, is_recent};
use ringbook_core::contact::clean;
use ringbook_runtime::tasks;
use ringbook_store::secret::{Secret, SecretHash, SetupCode, TOKEN_PREFIX};
use ringbook_store::{Act, AdminError, AdminRow, DbError, DeviceRow, SessionRow, Store, TokenRow};

pub use origin::Origin;

/// How long an answer of the database about access is good for. So long a token that another process has
/// revoked may still open something.
const GOOD_FOR: Duration = Duration::from_secs(1);
/// While the database does not answer, what it said last is good for so long: phones and switchboards go on,
/// and so does a token that was revoked elsewhere meanwhile.
const REMEMBERED: Duration = Duration::from_secs(3600);
/// The database is waited for this long where there is something to remember.
const HURRY: Duration = Duration::from_millis(300);
/// And this long where there is nothing.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often it is noted that somebody was seen.
const NOTED_EVERY: Duration = Duration::from_secs(60);
/// Devices that are remembered between two questions.
const DEVICES_KNOWN: usize = 10_000;
/// Lines about refusals that are written in a minute; what is refused beyond shares one.
const REFUSALS_TOLD: u32 = 20;
/// Phones without a token that are remembered, by address.
const ASKERS_KNOWN: usize = 1000;
/// Proxies that are not trusted and are remembered.
const PROXIES_KNOWN: usize = 16;
const PROXY_NOTED_EVERY: Duration = Duration::from_secs(3600);
/// Characters of a name of a person, a program or a phone.
pub const NAME_LEN_MAX: usize = 100;

/// The keeper of the doors.
pub struct AuthService {
    store: Store,
    clock: Arc<dyn Clock>,
    passwords: Passwords,
    throttle: LoginThrottle,
    /// By device, or by address.
    pub rates: RateLimiter<String>,
    config: Config,
    setup: Mutex<Option<SetupCode>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    people: Option<(Timestamp, bool)>,
    devices: HashMap<SecretHash, (Timestamp, DeviceRow)>,
    /// Only for when the database does not answer.
    tokens: HashMap<SecretHash, (Timestamp, TokenRow)>,
    sessions: HashMap<SecretHash, (Timestamp, SessionRow)>,
    noted: HashMap<String, Timestamp>,
    /// How often something was not noted since it was noted last.
    hushed: HashMap<String, u32>,
    /// When the minute began in which so many lines about refusals were written.
    refusals: Option<(Timestamp, u32)>,
    askers: HashMap<String, UnregisteredPhone>,
    /// Proxies that are not trusted, and when that was written down last.
    proxies: HashMap<IpAddr, Timestamp>,
    /// By the id of a phone with a token, by the address of another.
    shown: HashMap<String, (Timestamp, Shown)>,
}

/// What a phone was shown last: which kind of screen, never whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    Menu,
    Group,
    Favourites,
    Labels,
    Contact,
    Search,
    Help,
    /// A switchboard's question for a name.
    Lookup,
}

/// A phone that asked without a token, from the phones' networks.
#[derive(Clone, Debug)]
pub struct UnregisteredPhone {
    pub address: String,
    pub model: String,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub requests: u64,
}

/// Why somebody could not be signed in, or could not be made an administrator.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    #[error("the name or the password is wrong")]
    Wrong,
    #[error("that is not the code that was printed when this server started")]
    WrongCode,
    #[error(
        "too many wrong guesses; wait {} s, or use a browser that has signed in here before",
        .0.as_secs().max(1)
    )]
    Wait(Duration),
    #[error("`name`: allowed are 1 to {NAME_LEN_MAX} characters, none of them a control character")]
    Name,
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    People(#[from] AdminError),
    #[error("this machine has no random numbers")]
    NoChance,
}

impl From<DbError> for SignInError {
    fn from(problem: DbError) -> SignInError {
        SignInError::People(problem.into())
    }
}

impl From<getrandom::Error> for SignInError {
    fn from(_: getrandom::Error) -> SignInError {
        SignInError::NoChance
    }
}

/// Somebody who has just signed in.
#[derive(Debug)]
pub struct SignedIn {
    pub secret: Secret,
    pub session: SessionRow,
    /// What their browser is to keep, so that it is known again; `None` if it has it already.
    pub browser: Option<Secret>,
}

impl AuthService {
    pub fn new(store: Store, config: &Config) -> AuthService {
        AuthService {
            clock: store.clock().clone(),
            store,
            passwords: Passwords::default(),
            throttle: LoginThrottle::default(),
            rates: RateLimiter::new(config.phone_rate),
            config: config.clone(),
            setup: Mutex::default(),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether anybody is there who may administer, by password or through a trusted proxy.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_admin(&self) -> Result<bool, DbError> {
        if self.config.auth_proxy_header.is_some() {
            return Ok(true);
        }
        let now = self.clock.now();
        let known = self.state().people;
        if let Some((at, has)) = known
            && is_recent(at, now, GOOD_FOR)
        {
            return Ok(has);
        }
        match self.ask(known.is_some(), self.store.has_people()).await {
            Ok(has) => {
                self.state().people = Some((now, has));
                Ok(has)
            }
            Err(problem) => remembered(known, now).ok_or(problem),
        }
    }

    /// Asks the database, and does not wait long for it where something is remembered.
    async fn ask<T>(
        &self,
        is_known: bool,
        question: impl Future<Output = Result<T, DbError>>,
    ) -> Result<T, DbError> {
        let patience = if is_known { HURRY } else { PATIENCE };
        self.store.hurried(patience, question).await
    }

    /// Forgets what was remembered, for when this process has changed it.
    pub fn forget(&self) {
        let mut state = self.state();
        state.people = None;
        state.devices.clear();
        state.tokens.clear();
        state.sessions.clear();
    }

    /// The code for the first administrator: made when it is first asked for, good as long as this process
    /// runs and there is no administrator. `None` when the machine has no random numbers.
    pub fn setup_code(&self) -> Option<String> {
        let mut setup = self.setup.lock().unwrap_or_else(PoisonError::into_inner);
        if setup.is_none() {
            *setup = SetupCode::new().ok();
        }
        setup.as_ref().map(|code| code.expose().to_owned())
    }

    /// Makes the first administrator, for whoever knows the code.
    ///
    /// # Errors
    /// When the code is wrong, or there is an administrator already.
    pub async fn set_up(
        &self,
        code: &str,
        name: &str,
        password: &SecretString,
        from: Origin<'_>,
    ) -> Result<SignedIn, SignInError> {
        let (buckets, _) = from.buckets("the set-up code", None);
        let guess = self.throttle.guess(&buckets, self.clock.now()).map_err(SignInError::Wait)?;
        let right = {
            let setup = self.setup.lock().unwrap_or_else(PoisonError::into_inner);
            setup.as_ref().is_some_and(|known| known.is(code))
        };
        if !right {
            self.tell_of_failure(&SignInError::WrongCode, from.address);
            return Err(SignInError::WrongCode);
        }
        self.throttle.forgive(guess);
        let name = self::name(name)?;
        let hash = self.passwords.hash(&name, password).await?;
        let person = self.store.add_person(&name, &hash, true).await?;
        let kept = hash;
        *self.setup.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.forget();
        self.begin(&person, &kept, from, false).await
    }

    /// Makes the first administrator whom the settings name, where there is none. Returns the name if it did.
    ///
    /// # Errors
    /// When name, password or hash cannot be taken.
    pub async fn make_first(&self, first: &FirstAdmin) -> Result<Option<String>, SignInError> {
        if self.store.has_people().await? {
            return Ok(None);
        }
        let name = self::name(&first.name)?;
        let hash = match &first.proof {
            FirstProof::Password(password) => self.passwords.hash(&name, password).await?,
            FirstProof::Hash(hash) => Passwords::given(hash.expose_secret())?,
        };
        match self.store.add_person(&name, &hash, true).await {
            Ok(_) => {}
            // Another server was quicker.
            Err(AdminError::NotTheFirst) => return Ok(None),
            Err(problem) => return Err(problem.into()),
        }
        *self.setup.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.forget();
        Ok(Some(name))
    }

    /// Signs somebody in.
    ///
    /// # Errors
    /// When the name or the password is wrong, or there were too many wrong ones before.
    pub async fn sign_in(
        &self,
        name: &str,
        password: &SecretString,
        from: Origin<'_>,
    ) -> Result<SignedIn, SignInError> {
        let known = self.known_browser(name, from).await?;
        let person = match self.prove_from(name, password, from, known.as_deref()).await {
            Ok(person) => person,
            Err(problem) => {
                self.tell_of_failure(&problem, from.address);
                return Err(problem);
            }
        };
        self.begin(&person.id, &person.password, from, known.is_some()).await
    }

    /// Whether somebody knows their password.
    ///
    /// # Errors
    /// When the name or the password is wrong, or there were too many wrong ones before.
    pub async fn prove(
        &self,
        name: &str,
        password: &SecretString,
        from: Origin<'_>,
    ) -> Result<AdminRow, SignInError> {
        let known = self.known_browser(name, from).await?;
        self.prove_from(name, password, from, known.as_deref()).await
    }

    /// One line for each wrong guess, in a form that programs such as fail2ban watch for. The name is left out:
    /// people type their passwords there, too.
    fn tell_of_failure(&self, problem: &SignInError, address: &str) {
        let why = match problem {
            SignInError::Wrong => "wrong name or password",
            SignInError::WrongCode => "wrong set-up code",
            // There is no end of them.
            SignInError::Wait(_) => {
                let what = format!("too many sign-ins from {address}");
                if self.is_worth_noting(&what).is_none() {
                    return;
                }
                "too many wrong guesses"
            }
            _ => return,
        };
        warn!(address, "failed sign-in from {address}: {why}");
    }

    /// The same for a token that opens nothing, at most once a minute for each address.
    pub fn tell_of_bad_token(&self, address: &str) {
        if let Some(more) = self.is_worth_noting(&format!("a bad token from {address}")) {
            warn!(
                address,
                more, "failed sign-in from {address}: a token that is unknown, revoked or expired"
            );
        }
    }

    async fn known_browser(&self, name: &str, from: Origin<'_>) -> Result<Option<String>, DbError> {
        match from.browser {
            Some(shown) => self.store.known_browser(SecretHash::of(shown), name).await,
            None => Ok(None),
        }
    }

    async fn prove_from(
        &self,
        name: &str,
        password: &SecretString,
        from: Origin<'_>,
        known: Option<&str>,
    ) -> Result<AdminRow, SignInError> {
        let (buckets, lane) = from.buckets(name, known);
        let guess = self.throttle.guess(&buckets, self.clock.now()).map_err(SignInError::Wait)?;
        let checked = async {
            let person = self.store.person_named(name).await?;
            let kept = person.as_ref().map(|it| it.password.clone());
            let right = self.passwords.check(kept, password, lane).await?;
            Ok::<_, SignInError>(person.filter(|_| right))
        };
        match checked.await {
            Ok(Some(person)) => {
                self.throttle.forgive(guess);
                Ok(person)
            }
            Ok(None) => Err(SignInError::Wrong),
            Err(problem) => {
                // Nobody learned anything from it.
                self.throttle.take_back(guess);
                Err(problem)
            }
        }
    }

    async fn begin(
        &self,
        person: &str,
        kept: &str,
        from: Origin<'_>,
        is_known: bool,
    ) -> Result<SignedIn, SignInError> {
        let secret = Secret::for_session()?;
        let (idle, begun) = self.since();
        let (address, agent) = (clean(from.address, 100), clean(from.agent, 200));
        // Nobody comes in with a password that was changed while it was being checked.
        let begun_now =
            self.store.begin_session(secret.hash(), person, kept, &address, &agent, idle).await?;
        if begun_now.is_none() {
            return Err(SignInError::Wrong);
        }
        let session = self.store.session(secret.hash(), idle, begun).await?;
        let session = session.ok_or(SignInError::Wrong)?;
        let new = if is_known { None } else { Some(Secret::for_session()?) };
        let shown = new.as_ref().map(Secret::expose).or(from.browser);
        if let Some(shown) = shown {
            self.store.remember_browser(SecretHash::of(shown), person).await?;
        }
        Ok(SignedIn { secret, session, browser: new })
    }

    /// When a session must have been used last, and have begun, to be good now.
    pub fn since(&self) -> (Timestamp, Timestamp) {
        let now = self.clock.now();
        (before(now, self.config.session_idle), before(now, self.config.session_max))
    }

    pub fn session_max(&self) -> Duration {
        self.config.session_max
    }

    /// The session that a browser shows. It lasts longer only if a person asks: a page that is left open asks
    /// by itself, for ever.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn session(
        &self,
        shown: &str,
        by_a_person: bool,
    ) -> Result<Option<SessionRow>, DbError> {
        let (idle, begun) = self.since();
        let (now, hash) = (self.clock.now(), SecretHash::of(shown));
        let known = self.state().sessions.get(&hash).cloned();
        let session = match self.ask(known.is_some(), self.store.session(hash, idle, begun)).await {
            Ok(session) => {
                keep(&mut self.state().sessions, hash, now, session.as_ref());
                session
            }
            Err(problem) => Some(remembered(known, now).ok_or(problem)?),
        };
        if by_a_person
            && let Some(session) = &session
            && let Some(now) = self.is_news(&session.id)
        {
            let (store, id) = (self.store.clone(), session.id.clone());
            tasks::once("noting who was seen", async move { store.touch_session(&id, now).await });
        }
        Ok(session)
    }

    /// The program that shows this token, if it is good.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn program(&self, shown: &str, from: &str) -> Result<Option<TokenRow>, DbError> {
        if !shown.starts_with(TOKEN_PREFIX) {
            return Ok(None);
        }
        let (now, hash) = (self.clock.now(), SecretHash::of(shown));
        let known = self.state().tokens.get(&hash).cloned();
        let token = match self.ask(known.is_some(), self.store.token(hash)).await {
            Ok(token) => {
                keep(&mut self.state().tokens, hash, now, token.as_ref());
                token
            }
            Err(problem) => Some(remembered(known, now).ok_or(problem)?),
        };
        let token = token.filter(|it| self.is_in_use(it));
        if let Some(token) = &token
            && let Some(now) = self.is_news(&token.id)
        {
            let (store, id, from) = (self.store.clone(), token.id.clone(), from.to_owned());
            tasks::once(
                "noting who was seen",
                async move { store.touch_token(&id, &from, now).await },
            );
        }
        Ok(token)
    }

    /// Whether a token grants access now: it is good, and who made it through a proxy may still administer.
    pub fn is_in_use(&self, token: &TokenRow) -> bool {
        let made_by = token.proxy_name.as_deref();
        token.is_good(self.clock.now())
            && made_by.is_none_or(|name| self.config.may_administer_by_proxy(name))
    }

    /// The tokens that grant access now, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tokens_in_use(&self) -> Result<Vec<TokenRow>, DbError> {
        let mut tokens = self.store.tokens().await?;
        tokens.retain(|it| self.is_in_use(it));
        Ok(tokens)
    }

    /// The phone whose token stands in the address, if it is good.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn device(
        &self,
        shown: &str,
        from: &str,
        model: &str,
    ) -> Result<Option<DeviceRow>, DbError> {
        let hash = SecretHash::of(shown);
        let now = self.clock.now();
        let known = self.state().devices.get(&hash).cloned();
        let fresh = known.as_ref().is_some_and(|it| is_recent(it.0, now, GOOD_FOR));
        let device = match known {
            Some((_, device)) if fresh => Some(device),
            known => match self.ask(known.is_some(), self.store.device(hash)).await {
                Ok(device) => {
                    let device = device.filter(|it| it.revoked_at.is_none());
                    keep(&mut self.state().devices, hash, now, device.as_ref());
                    device
                }
                Err(problem) => Some(remembered(known, now).ok_or(problem)?),
            },
        };
        if let Some(device) = &device
            && let Some(now) = self.is_news(&device.id)
        {
            let (store, id) = (self.store.clone(), device.id.clone());
            let (from, model) = (from.to_owned(), clean(model, 100));
            tasks::once("noting who was seen", async move {
                store.touch_device(&id, &from, &model, now).await
            });
        }
        Ok(device)
    }

    /// Whether it is time to note that somebody was seen, and if so, when that is.
    fn is_news(&self, id: &str) -> Option<Timestamp> {
        let now = self.clock.now();
        let mut state = self.state();
        if let Some(noted) = state.noted.get(id)
            && is_recent(*noted, now, NOTED_EVERY)
        {
            return None;
        }
        if state.noted.len() >= DEVICES_KNOWN {
            state.noted.clear();
        }
        state.noted.insert(id.to_owned(), now);
        Some(now)
    }

    /// Whether something that may happen often was not noted within the last minute: then, how often it has
    /// happened since it was noted last.
    pub fn is_worth_noting(&self, what: &str) -> Option<u32> {
        let is_news = self.is_news(what).is_some();
        let mut state = self.state();
        if is_news {
            return Some(state.hushed.remove(what).unwrap_or(0));
        }
        if state.hushed.len() >= DEVICES_KNOWN {
            state.hushed.clear();
        }
        let count = state.hushed.entry(what.to_owned()).or_default();
        *count = count.saturating_add(1);
        None
    }

    /// The same of something that was refused at the entrance: by what was tried, and by whom or where from. Many
    /// addresses share one line when there are more than `REFUSALS_TOLD` in a minute.
    pub fn is_refusal_worth_noting(&self, act: &str, from: &str) -> Option<u32> {
        let now = self.clock.now();
        let what = format!("{act} in vain {from}");
        let is_told = {
            let mut state = self.state();
            let is_known =
                state.noted.get(&what).is_some_and(|at| is_recent(*at, now, NOTED_EVERY));
            let (since, told) = match state.refusals {
                Some((since, told)) if is_recent(since, now, NOTED_EVERY) => (since, told),
                _ => (now, 0),
            };
            let is_new = !is_known && told < REFUSALS_TOLD;
            state.refusals = Some((since, told + u32::from(is_new)));
            is_known || is_new
        };
        self.is_worth_noting(if is_told { &what } else { "refusals from everywhere" })
    }

    /// Notes a phone that asked without a token.
    pub fn note_asker(&self, address: &str, model: &str) {
        let now = self.clock.now();
        let mut state = self.state();
        if let Some(asker) = state.askers.get_mut(address) {
            asker.last_seen = now;
            asker.requests += 1;
            if asker.model != model {
                asker.model = clean(model, 100);
            }
            return;
        }
        if state.askers.len() >= ASKERS_KNOWN {
            let oldest = state.askers.values().min_by_key(|it| it.last_seen);
            if let Some(oldest) = oldest.map(|it| it.address.clone()) {
                state.askers.remove(&oldest);
            }
        }
        let asker = UnregisteredPhone {
            address: address.to_owned(),
            model: clean(model, 100),
            first_seen: now,
            last_seen: now,
            requests: 1,
        };
        state.askers.insert(address.to_owned(), asker);
    }

    /// Notes that a proxy which is not trusted passes requests on: one line in the log, and one for `doctor`.
    /// Anybody can look like a proxy, so only the first few are told.
    pub fn note_strange_proxy(&self, address: IpAddr) {
        let now = self.clock.now();
        let known = {
            let mut state = self.state();
            let known = state.proxies.get(&address).copied();
            let is_noted = known.is_some_and(|at| is_recent(at, now, PROXY_NOTED_EVERY));
            if is_noted || (known.is_none() && state.proxies.len() >= PROXIES_KNOWN) {
                return;
            }
            state.proxies.insert(address, now);
            known
        };
        if known.is_none() {
            tracing::warn!(
                proxy = %address,
                "{address} forwarded requests as a proxy but is not in TRUSTED_PROXIES, so its clients have no rights, phones \
                 included. If it is yours: TRUSTED_PROXIES={address}"
            );
        }
        let store = self.store.clone();
        tasks::once("noting a proxy", async move {
            store.note_strange_proxy(&address.to_string()).await
        });
    }

    /// Phones that asked without a token since this process started, latest first.
    pub fn askers(&self) -> Vec<UnregisteredPhone> {
        let mut askers: Vec<UnregisteredPhone> = self.state().askers.values().cloned().collect();
        askers.sort_by_key(|it| std::cmp::Reverse(it.last_seen));
        askers
    }

    /// Notes what a phone was shown.
    pub fn note_shown(&self, whose: &str, what: Shown) {
        let now = self.clock.now();
        let mut state = self.state();
        if !state.shown.contains_key(whose) && state.shown.len() >= DEVICES_KNOWN {
            state.shown.clear();
        }
        state.shown.insert(whose.to_owned(), (now, what));
    }

    /// What a phone was shown last since this process started, by its id or its address.
    pub fn shown(&self, whose: &str) -> Option<(Timestamp, Shown)> {
        self.state().shown.get(whose).copied()
    }

    /// Hashes a new password for somebody.
    ///
    /// # Errors
    /// When it is too weak.
    pub async fn hash(&self, name: &str, password: &SecretString) -> Result<String, PasswordError> {
        self.passwords.hash(name, password).await
    }

    /// Writes down what was administered. An act is not undone because it could not be written down, but the
    /// log says so.
    pub async fn note(&self, act: Act) {
        if let Err(problem) = self.store.note_act(&act).await {
            tracing::error!(%problem, act = act.act, "an act could not be noted");
        }
    }
}

/// What is good enough while the database does not answer.
fn remembered<T>(known: Option<(Timestamp, T)>, now: Timestamp) -> Option<T> {
    known.filter(|(at, _)| between(*at, now) < REMEMBERED).map(|(_, it)| it)
}

/// Remembers what the database said. What opens nothing is not remembered: there is no end of it.
fn keep<T: Clone>(
    all: &mut HashMap<SecretHash, (Timestamp, T)>,
    hash: SecretHash,
    now: Timestamp,
    said: Option<&T>,
) {
    let Some(said) = said else {
        all.remove(&hash);
        return;
    };
    if all.len() >= DEVICES_KNOWN {
        all.clear();
    }
    all.insert(hash, (now, said.clone()));
}

/// A name that people can read and tell apart.
///
/// # Errors
/// When it is empty, too long or has control characters.
pub fn name(raw: &str) -> Result<String, SignInError> {
    let name = raw.trim();
    let count = name.chars().count();
    if count == 0 || count > NAME_LEN_MAX || name.chars().any(char::is_control) {
        return Err(SignInError::Name);
    }
    Ok(name.to_owned())
}
