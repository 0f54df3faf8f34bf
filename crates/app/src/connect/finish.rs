//! What is made of Google's answer to a consent: a connected account, or a reason.
//!
//! A code of Google's is good once and for minutes, and a person stands before the page. So trouble that passes
//! is tried again for some seconds; and where it lasts, what has come so far is kept, sealed, for another try.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use tracing::warn;

use super::consent::{Asked, unreadable};
use super::keep::{TokensAtRest, TransientGrant, new_tokens};
use super::{CallbackParams, ConnectProblem, Connector, digest};
use ringbook_core::clock::{Clock, after, between};
use ringbook_core::contact::ResourceName;
use ringbook_core::sync::AccountId;
use ringbook_core::sync::book::{AddressBook, FetchError};
use ringbook_core::sync::diagnosis::{Cause, Diagnosis, Remedy};
use ringbook_google::{AccessTokens, Grant, OAuth, OAuthError, Tokens};
use ringbook_runtime::tasks;
use ringbook_store::{CallbackOrigin, ConnectError, ConsentError, ConsentState, Target};

/// How often Google is asked while a person waits, and for how long.
const TRIES_MAX: u32 = 4;
const PATIENCE: Duration = Duration::from_secs(10);

/// How long one who brings the same answer once more waits for the first to be finished.
const SECOND_LOOKS: u32 = 60;
const LOOK: Duration = Duration::from_millis(250);

/// How a sign-in ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    pub account: AccountId,
    /// This sign-in has connected it before: the address was opened once more.
    pub again: bool,
    /// Where the browser wanted to go on.
    pub return_to: Option<String>,
}

/// Why a step was not made.
enum Hitch {
    Final(ConnectProblem),
    /// It may be made later.
    Passing(String),
}

impl From<ConnectProblem> for Hitch {
    fn from(problem: ConnectProblem) -> Hitch {
        Hitch::Final(problem)
    }
}

impl Connector {
    /// Turns what came back into a connected account.
    ///
    /// # Errors
    /// When it was not asked for here, Google says no, a scope is missing, or it is another person.
    /// [`ConnectProblem::Unfinished`]: the same may be brought again.
    pub async fn come_back(
        self: &Arc<Self>,
        back: &CallbackParams,
        bringer: CallbackOrigin<'_>,
    ) -> Result<AccountId, ConnectProblem> {
        Ok(self.arrive(back, bringer).await?.account)
    }

    /// The same, with what else is to be known of it.
    ///
    /// # Errors
    /// As [`Connector::come_back`].
    pub async fn arrive(
        self: &Arc<Self>,
        back: &CallbackParams,
        bringer: CallbackOrigin<'_>,
    ) -> Result<Arrival, ConnectProblem> {
        let state = digest(&back.state);
        for _ in 0..SECOND_LOOKS {
            match self.store.take_consent(&state, bringer).await {
                Ok(asked) => {
                    // In a task of its own: Google's code is good once, and what it gives for it must not be lost
                    // because a browser was closed.
                    let (this, back) = (self.clone(), back.clone());
                    let ending = tasks::once("the end of a sign-in at Google", async move {
                        this.conclude(&state, &back, &asked).await
                    });
                    return ending.await.unwrap_or_else(|_| {
                        let words = "connecting broke off; begin again at /auth/google";
                        Err(ConnectProblem::Unavailable(words.to_owned()))
                    });
                }
                Err(ConsentError::Db(problem)) => return Err(problem.into()),
                Err(problem @ ConsentError::Used) => {
                    // Whoever opens the address once more (a reload, a double click) is told how it ended.
                    match self.store.consent(&state).await? {
                        Some(ConsentState::Connected(account)) => {
                            return self.again(account, &problem).await;
                        }
                        Some(ConsentState::Failed(words)) => {
                            return Err(ConnectProblem::Refused(words));
                        }
                        // It is being finished, or was just given back for another try.
                        Some(ConsentState::Taken | ConsentState::Waiting) => {}
                        None => return Err(self.refused(&problem)),
                    }
                    self.clock.sleep_until(after(self.clock.now(), LOOK)).await;
                }
                Err(problem) => return Err(self.refused(&problem)),
            }
        }
        Err(self.refused(&ConsentError::Used))
    }

    fn refused(&self, problem: &ConsentError) -> ConnectProblem {
        // Strangers can bring as many as they like.
        if let Some(more) = self.strays.due(self.clock.now()) {
            warn!(
                more,
                "a sign-in came back that was not begun here, or twice (and {more} more since the last such line)"
            );
        }
        ConnectProblem::Refused(problem.to_string())
    }

    /// The account that this sign-in connected, if it still is.
    async fn again(
        &self,
        account: AccountId,
        used: &ConsentError,
    ) -> Result<Arrival, ConnectProblem> {
        let found = self.store.account(account).await?;
        match found.filter(|it| it.grant.is_some()) {
            Some(_) => Ok(Arrival { account, again: true, return_to: None }),
            None => Err(self.refused(used)),
        }
    }

    async fn conclude(
        &self,
        state: &str,
        back: &CallbackParams,
        asked: &SecretString,
    ) -> Result<Arrival, ConnectProblem> {
        let result = match serde_json::from_str(asked.expose_secret()) {
            Ok(asked) => self.finish(state, back, asked).await,
            Err(error) => Err(unreadable(&error)),
        };
        if matches!(result, Err(ConnectProblem::Unfinished(_))) {
            return result;
        }
        let words = result.as_ref().err().map(ToString::to_string);
        let end = match (&result, &words) {
            (Ok(arrival), _) => Ok(arrival.account),
            (Err(_), words) => Err(words.as_deref().unwrap_or_default()),
        };
        // Whoever waits for it elsewhere would only wait longer.
        if let Err(problem) = self.store.end_consent(state, end).await {
            warn!(%problem, "the end of a sign-in could not be noted");
        }
        result
    }

    async fn finish(
        &self,
        state: &str,
        back: &CallbackParams,
        mut asked: Asked,
    ) -> Result<Arrival, ConnectProblem> {
        match &back.answer {
            Ok(code) if !code.expose_secret().is_empty() => {
                asked.code = Some(code.expose_secret().to_owned());
            }
            Ok(_) => {}
            Err(error) => return Err(self.refusal(error)),
        }
        match self.complete(&mut asked).await {
            Ok(account) => Ok(Arrival { account, again: false, return_to: asked.return_to }),
            Err(Hitch::Final(problem)) => Err(problem),
            Err(Hitch::Passing(message)) => {
                let kept: SecretString =
                    serde_json::to_string(&asked).map_err(|error| unreadable(&error))?.into();
                let words = try_again(&message);
                Err(match self.store.return_consent(state, &kept).await {
                    Ok(true) => ConnectProblem::Unfinished(words),
                    Ok(false) => ConnectProblem::Unavailable(message),
                    Err(problem) => problem.into(),
                })
            }
        }
    }

    /// Turns the code of the way back into a connected account. A consent given again renews the grant.
    async fn complete(&self, asked: &mut Asked) -> Result<AccountId, Hitch> {
        let oauth = self.oauth().await?;
        let tokens = match asked.tokens.take() {
            Some(kept) => kept.awake(),
            None => {
                let Some(code) = asked.code.clone() else {
                    let words = "there is nothing to try again; begin at /auth/google".to_owned();
                    return Err(Hitch::Final(ConnectProblem::Refused(words)));
                };
                let verifier: SecretString = asked.verifier.clone().into();
                let mut patience = self.patience();
                loop {
                    match oauth.exchange(&code, &verifier).await {
                        Ok(tokens) => break tokens,
                        Err(OAuthError::Transient { retry_after, diagnosis, .. }) => {
                            if !patience.allows(&*self.clock, retry_after).await {
                                return Err(Hitch::Passing(diagnosis.to_string()));
                            }
                        }
                        Err(settled) => return Err(Hitch::Final(settled.into())),
                    }
                }
            }
        };
        // The code is spent: what came for it is kept until it is stored.
        asked.code = None;
        asked.tokens = Some(TokensAtRest::of(&tokens));
        let (google_id, tokens) = self.identify(&oauth, tokens).await?;
        let target = match (asked.account, asked.is_new) {
            (Some(id), _) => Target::Account(AccountId(id)),
            (None, true) => Target::New { name: asked.name.clone() },
            (None, false) => Target::Any,
        };
        let stored = new_tokens(&tokens);
        let connected = self.store.connect_to(&target, google_id.as_ref(), &stored).await;
        let account = connected.map_err(|error| match error {
            ConnectError::Db(error) => Hitch::Passing(error.to_string()),
            other => Hitch::Final(ConnectProblem::DifferentAccount(other)),
        })?;
        if let Some(end) = tokens.refresh_expires_at {
            warn!(
                account = account.0,
                %end,
                "Google will end the permission of account {} at {end}, as it does for apps in \"Testing\"",
                account.0
            );
        }
        self.access(account).await?.forget().await;
        Ok(account)
    }

    /// Who answers for fresh tokens, where Google will say, and the tokens as they are then. The first
    /// full run asks once more.
    async fn identify(
        &self,
        oauth: &Arc<OAuth>,
        tokens: Tokens,
    ) -> Result<(Option<ResourceName>, Tokens), Hitch> {
        let loose = Arc::new(TransientGrant::new(Grant { generation: 0, tokens }));
        let access = AccessTokens::new(oauth.clone(), loose.clone());
        let people = self.people_with(Arc::new(access))?;
        let mut patience = self.patience();
        loop {
            match people.identify().await {
                Ok(google_id) => return Ok((google_id, loose.tokens())),
                Err(FetchError::Again { retry_after, message, .. }) => {
                    if patience.allows(&*self.clock, retry_after).await {
                        continue;
                    }
                    if is_refused(&message) {
                        // The permission is there, and Google's API does not take it. No other sign-in would end
                        // otherwise, so this one is kept, and the first run says what can be the cause.
                        return Ok((None, loose.tokens()));
                    }
                    // An account must not be taken for another unchecked.
                    return Err(Hitch::Passing(message));
                }
                Err(_) => return Ok((None, loose.tokens())),
            }
        }
    }

    fn patience(&self) -> Patience {
        Patience { begun: self.clock.now(), wait: self.retry_base, tries: 1 }
    }
}

/// How long Google is asked again while a person waits.
struct Patience {
    begun: Timestamp,
    wait: Duration,
    tries: u32,
}

impl Patience {
    /// Waits before another try; `false` at once when there should be none.
    async fn allows(&mut self, clock: &dyn Clock, retry_after: Option<Duration>) -> bool {
        let pause = self.wait.max(retry_after.unwrap_or_default());
        let now = clock.now();
        if self.tries >= TRIES_MAX || between(self.begun, now) + pause > PATIENCE {
            return false;
        }
        clock.sleep_until(after(now, pause)).await;
        self.wait *= 2;
        self.tries += 1;
        true
    }
}

/// Google's API refuses a token that its token service has just given.
fn is_refused(message: &str) -> bool {
    Diagnosis::read(message).is_some_and(|it| it.cause == Cause::TokenRefused)
}

/// The same with what a person can do who stands before it: nothing tries again by itself here.
fn try_again(message: &str) -> String {
    let Some(found) = Diagnosis::read(message) else {
        return format!("{message}; try again with the same address within ten minutes");
    };
    let remedy = match &found.remedy {
        Remedy::Do(remedy) => {
            format!("{remedy}; then try again with the same address, within ten minutes")
        }
        Remedy::Wait(remedy) => {
            format!("try again with the same address, within ten minutes; if it lasts: {remedy}")
        }
    };
    Diagnosis { remedy: Remedy::Do(remedy), ..found }.to_string()
}
