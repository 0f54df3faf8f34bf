//! Google's permission: getting it, renewing it, giving it back.
//!
//! The web-server flow of developers.google.com/identity/protocols/oauth2/web-server, with PKCE.
//! What decides is whether a "no" is final: a grant that is declared dead too early costs a
//! person's time, so anything unclear is trouble that passes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::fault::{RECONNECT, clock_note, retry_after, retry_info};
use super::oauth_refusals::{ErrorWire, Stage, read_error};
use super::transport::{
    Answer, Limits, SetupError, TransportError, common_headers, exchange, parse_url,
};
use ringbook_core::clock::{Clock, after};
use ringbook_core::sync::Delay;
use ringbook_core::sync::diagnosis::{Cause, Diagnosis};

/// All that Ringbook asks for. It never writes.
pub const SCOPE: &str = "https://www.googleapis.com/auth/contacts.readonly";

/// What the directory of a Workspace domain takes besides. It never writes either.
pub const SCOPE_DIRECTORY: &str = "https://www.googleapis.com/auth/directory.readonly";

/// Enough too: somebody may have granted it to this client before.
const SCOPE_WIDER: &str = "https://www.googleapis.com/auth/contacts";

/// Google's documented caps are 2048 bytes for access and 512 for refresh tokens, "must accept
/// variable sizes".
const TOKEN_LEN_MAX: usize = 16 << 10;

/// Answers about tokens are short.
const BODY_MAX: usize = 1 << 20;

/// Where an answer gives no lifetime (it should, RFC 6749 5.1). A refused token is renewed anyway.
const LIFETIME_DEFAULT: Duration = Duration::from_secs(3600);

/// What [`OAuth`] needs.
pub struct OAuthOptions {
    pub client_id: String,
    pub client_secret: SecretString,
    /// Sent exactly as it is: Google compares it with the registered one, letter by letter.
    pub redirect_uri: String,
    pub auth_url: String,
    pub token_url: String,
    pub revoke_url: String,
    pub clock: Arc<dyn Clock>,
    /// From [`http_client`](super::http_client).
    pub http: Client,
    pub limits: Limits,
}

/// One OAuth client, for all accounts.
pub struct OAuth {
    client_id: String,
    client_secret: SecretString,
    redirect_uri: String,
    auth_url: Url,
    token_url: Url,
    revoke_url: Url,
    pub(super) clock: Arc<dyn Clock>,
    http: Client,
    limits: Limits,
}

/// A question to a person: may we? Keep `state` and `verifier` until the answer comes back.
pub struct Authorization {
    /// Where to send the person's browser.
    pub url: String,
    /// Comes back unchanged; whoever brings another one is an attacker.
    pub state: String,
    pub verifier: SecretString,
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization").finish_non_exhaustive()
    }
}

/// What Google handed out.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub access: SecretString,
    pub expires_at: Timestamp,
    pub refresh: Option<SecretString>,
    /// Set for grants that end by themselves, such as the seven days of an app in "Testing".
    pub refresh_expires_at: Option<Timestamp>,
    pub scopes: Vec<String>,
}

/// Why there are no tokens. Each variant is one thing that can be done.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum OAuthError {
    /// The person said no, or unticked the box. Asking them again may help.
    #[error("{0}")]
    Denied(Diagnosis),
    /// The grant is over. Only connecting again helps.
    #[error("{0}")]
    GrantDead(Diagnosis),
    /// The OAuth client, the account or a rule of an administrator is in the way. Only people elsewhere can
    /// help, and when they have, the grant works on.
    #[error("{0}")]
    ClientRejected(Diagnosis),
    /// Try again later; the grant is as good as before.
    #[error("{diagnosis}")]
    Transient { delay: Delay, retry_after: Option<Duration>, diagnosis: Diagnosis },
}

impl OAuth {
    /// # Errors
    /// When one of the addresses is none.
    pub fn new(options: OAuthOptions) -> Result<OAuth, SetupError> {
        let auth_url = parse_url("Google's consent page (GOOGLE_AUTH_URL)", &options.auth_url)?;
        let token_url = parse_url("Google's tokens (GOOGLE_TOKEN_URL)", &options.token_url)?;
        let revoke_url = parse_url("revoking tokens (GOOGLE_REVOKE_URL)", &options.revoke_url)?;
        let limits = options.limits;
        Ok(OAuth {
            client_id: options.client_id,
            client_secret: options.client_secret,
            redirect_uri: options.redirect_uri,
            auth_url,
            token_url,
            revoke_url,
            clock: options.clock,
            http: options.http,
            limits: Limits { body_max: limits.body_max.min(BODY_MAX), ..limits },
        })
    }

    /// Starts the flow. `login_hint` is the account that Google should offer first, by its e-mail address
    /// or its number.
    ///
    /// # Errors
    /// When the machine has no random numbers.
    pub fn begin(
        &self,
        scopes: &[&str],
        login_hint: Option<&str>,
    ) -> Result<Authorization, OAuthError> {
        let (state, verifier) = (random()?, random()?);
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
        let mut url = self.auth_url.clone();
        url.query_pairs_mut()
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("response_type", "code")
            .append_pair("scope", &scopes.join(" "))
            .append_pair("access_type", "offline")
            // Without it a refresh token comes "the first time" only, and a reconnect gets none.
            .append_pair("prompt", "consent")
            .append_pair("include_granted_scopes", "true")
            .append_pair("state", &state)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .extend_pairs(login_hint.map(|hint| ("login_hint", hint)));
        Ok(Authorization { url: url.into(), state, verifier: verifier.into() })
    }

    /// Turns the code that the person brought back into tokens.
    ///
    /// # Errors
    /// [`OAuthError::Denied`] also when the permission to see contacts is not among those given.
    pub async fn exchange(
        &self,
        code: &str,
        verifier: &SecretString,
    ) -> Result<Tokens, OAuthError> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("code_verifier", verifier.expose_secret()),
            ("redirect_uri", &self.redirect_uri),
        ];
        self.tokens(&form, None).await
    }

    /// Gets a new access token. What the answer leaves out stays as it was: usually it holds no
    /// refresh token, and then the old one goes on.
    ///
    /// # Errors
    /// [`OAuthError::GrantDead`] only on Google's clear word.
    pub async fn refresh(&self, old: &Tokens) -> Result<Tokens, OAuthError> {
        let Some(refresh) = &old.refresh else {
            return Err(OAuthError::GrantDead(no_refresh_token(None)));
        };
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.expose_secret())];
        self.tokens(&form, Some(old)).await
    }

    /// Gives a token back, refresh or access. One that is void already counts as given back.
    ///
    /// # Errors
    /// When it may still be valid.
    pub async fn revoke(&self, token: &SecretString) -> Result<(), OAuthError> {
        let request = self
            .http
            .post(self.revoke_url.clone())
            .headers(common_headers())
            .form(&[("token", token.expose_secret())]);
        let answer = exchange(request, &self.limits).await?;
        if answer.status == 200 {
            return Ok(());
        }
        match read_error(&answer) {
            Some(error) if error.code == "invalid_token" || error.code == "invalid_grant" => Ok(()),
            error => Err(self.refused(&answer, error, Stage::Grant)),
        }
    }

    async fn tokens(
        &self,
        form: &[(&str, &str)],
        old: Option<&Tokens>,
    ) -> Result<Tokens, OAuthError> {
        let mut form = form.to_vec();
        form.push(("client_id", &self.client_id));
        form.push(("client_secret", self.client_secret.expose_secret()));
        let request = self.http.post(self.token_url.clone()).headers(common_headers()).form(&form);
        let answer = exchange(request, &self.limits).await?;
        if answer.status != 200 {
            let stage = if old.is_some() { Stage::Grant } else { Stage::Code };
            return Err(self.refused(&answer, read_error(&answer), stage));
        }
        let tokens = read_tokens(&answer.body, old, self.clock.now())
            .ok_or_else(|| TransportError::malformed("an answer without an access token"))?;
        if !tokens.scopes.iter().any(|it| it == SCOPE || it == SCOPE_WIDER) {
            return Err(OAuthError::Denied(Diagnosis::fix(
                Cause::ContactsNotAllowed,
                "Ringbook may not see the contacts",
                format!("{RECONNECT} and tick the box for contacts"),
            )));
        }
        Ok(tokens)
    }

    fn refused(&self, answer: &Answer, error: Option<ErrorWire>, stage: Stage) -> OAuthError {
        let now = self.clock.now();
        let clock = clock_note(answer.date.as_deref(), now);
        let header = answer.retry_after.as_deref().and_then(|it| retry_after(it, now));
        let wait = header.max(retry_info(&answer.body));
        let delay = match answer.status {
            429 => Some(Delay::RateLimited),
            408 | 500..=599 => Some(Delay::ServerError),
            // A page of HTML, or nothing: not the token service that answered.
            _ if error.is_none() => Some(Delay::Malformed),
            _ => None,
        };
        let judged = error.as_ref().map(|it| it.judge(stage, clock.as_deref()));
        match (delay, judged) {
            (None, Some(OAuthError::Transient { delay, diagnosis, .. })) => {
                OAuthError::Transient { delay, retry_after: wait, diagnosis }
            }
            (None, Some(settled)) => settled,
            (delay, _) => {
                let words = error.map(|it| it.words());
                let delay = delay.unwrap_or(Delay::Malformed);
                let diagnosis = unexplained(answer, delay, words.as_deref());
                OAuthError::Transient { delay, retry_after: wait, diagnosis }
            }
        }
    }
}

/// Google gave nothing that could be taken for a word on the grant.
pub(super) fn unexplained(answer: &Answer, delay: Delay, words: Option<&str>) -> Diagnosis {
    let status = answer.status;
    let (cause, what, remedy) = match delay {
        Delay::RateLimited => (
            Cause::RateLimited,
            "Google's sign-in service asks to slow down".to_owned(),
            "look which other programs use the same OAuth client",
        ),
        Delay::ServerError => (
            Cause::GoogleFailing,
            format!("Google's sign-in service has trouble ({status})"),
            "look at https://www.google.com/appsstatus/dashboard/ whether others have it, too",
        ),
        _ => (
            Cause::NotGoogle,
            format!("this is not what Google's sign-in service sends ({status})"),
            "look for a proxy, a filter or a sign-in page of the network, and at GOOGLE_TOKEN_URL",
        ),
    };
    let silent = format!("Google's token service answered {status} without a reason");
    Diagnosis::wait(cause, what, remedy).saying(words.unwrap_or(&silent))
}

/// A permission that cannot be renewed. `end`: when it ends, in words.
pub fn no_refresh_token(end: Option<&str>) -> Diagnosis {
    let end = end.map_or_else(|| "within an hour".to_owned(), |end| format!("on {end}"));
    Diagnosis::fix(
        Cause::NoRefreshToken,
        format!(
            "Google gave a permission without a refresh token, so it ends {end} and cannot be renewed"
        ),
        "remove Ringbook's access at https://myaccount.google.com/connections, and connect the account again: \
         `ringbook auth`, or /auth/google in a browser",
    )
}

impl OAuthError {
    /// What the `error=` means that came back to the redirect address instead of a code.
    pub fn from_redirect(code: &str) -> OAuthError {
        ErrorWire::of_code(code).judge(Stage::Consent, None)
    }

    /// Adds the words of whoever refused.
    pub(super) fn saying(self, details: &str) -> OAuthError {
        match self {
            OAuthError::Denied(it) => OAuthError::Denied(it.saying(details)),
            OAuthError::GrantDead(it) => OAuthError::GrantDead(it.saying(details)),
            OAuthError::ClientRejected(it) => OAuthError::ClientRejected(it.saying(details)),
            OAuthError::Transient { delay, retry_after, diagnosis } => {
                OAuthError::Transient { delay, retry_after, diagnosis: diagnosis.saying(details) }
            }
        }
    }
}

impl From<TransportError> for OAuthError {
    fn from(TransportError { delay, diagnosis }: TransportError) -> OAuthError {
        OAuthError::Transient { delay, retry_after: None, diagnosis }
    }
}

/// Reads a successful answer, or `None` if it is not one after all.
pub fn read_tokens(body: &[u8], old: Option<&Tokens>, now: Timestamp) -> Option<Tokens> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let secret = |name: &str| {
        let token = body[name].as_str()?;
        // What cannot stand in a header is not a token.
        let legal = !token.is_empty()
            && token.len() <= TOKEN_LEN_MAX
            && token.bytes().all(|b| b.is_ascii_graphic());
        legal.then(|| SecretString::from(token.to_owned()))
    };
    let seconds = |name: &str| {
        let value = &body[name];
        let seconds = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
        Some(after(now, Duration::from_secs(seconds)))
    };
    let kind = &body["token_type"];
    if !kind.is_null() && !kind.as_str()?.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let scopes = match &body["scope"] {
        // "Optional, if identical to the scope requested" (RFC 6749, 5.1), and on a refresh to
        // the scope granted before (section 6).
        Value::Null => old.map_or_else(|| vec![SCOPE.to_owned()], |old| old.scopes.clone()),
        scopes => scopes.as_str()?.split_ascii_whitespace().map(str::to_owned).collect(),
    };
    Some(Tokens {
        access: secret("access_token")?,
        expires_at: seconds("expires_in").unwrap_or_else(|| after(now, LIFETIME_DEFAULT)),
        refresh: secret("refresh_token").or_else(|| old?.refresh.clone()),
        refresh_expires_at: seconds("refresh_token_expires_in").or_else(|| old?.refresh_expires_at),
        scopes,
    })
}

/// 256 bits that nobody can guess, as text that is safe in a URL.
fn random() -> Result<String, OAuthError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| OAuthError::Transient {
        delay: Delay::ServerError,
        retry_after: None,
        diagnosis: Diagnosis::wait(
            Cause::OwnStore,
            "this machine has no random numbers",
            "start this machine again",
        )
        .saying(&error.to_string()),
    })?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}
