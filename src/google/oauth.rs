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

use super::fault::{RECONNECT, clock_note, retry_after};
use super::transport::{Answer, Broken, Limits, SetupError, common_headers, exchange, parse_url};
use crate::clock::{Clock, after};
use crate::contact::clean;
use crate::sync::Delay;

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
    Denied(String),
    /// The grant is over. Only connecting again helps.
    #[error("{0}")]
    GrantDead(String),
    /// The OAuth client is not set up right. Only an administrator can help.
    #[error("{0}")]
    ClientRejected(String),
    /// Try again later; the grant is as good as before.
    #[error("{message}")]
    Transient { delay: Delay, retry_after: Option<Duration>, message: String },
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
            return Err(OAuthError::GrantDead(format!("there is no refresh token; {RECONNECT}")));
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
            error => Err(self.refused(&answer, error)),
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
            return Err(self.refused(&answer, read_error(&answer)));
        }
        let tokens = read_tokens(&answer.body, old, self.clock.now())
            .ok_or_else(|| transient("Google's answer holds no access token".to_owned()))?;
        if !tokens.scopes.iter().any(|it| it == SCOPE || it == SCOPE_WIDER) {
            return Err(OAuthError::Denied(format!(
                "Ringbook may not see the contacts; {RECONNECT} and tick the box for contacts"
            )));
        }
        Ok(tokens)
    }

    fn refused(&self, answer: &Answer, error: Option<ErrorWire>) -> OAuthError {
        let status = answer.status;
        let wait = answer.retry_after.as_deref().and_then(|it| retry_after(it, self.clock.now()));
        let passing = |delay, message| OAuthError::Transient { delay, retry_after: wait, message };
        let words = match &error {
            // "Token used too early" and the like come of a clock that is wrong.
            Some(error) => {
                let note = clock_note(answer.date.as_deref(), self.clock.now());
                format!("{}{note}", error.words())
            }
            None => format!("Google's token service answered {status} without a reason"),
        };
        match (status, error) {
            (429, _) => passing(Delay::RateLimited, words),
            (408 | 500..=599, _) => passing(Delay::ServerError, words),
            // A page of HTML, nothing, a redirect: not the token service that answered.
            (_, None) => passing(Delay::Malformed, words),
            (_, Some(error)) => match OAuthError::of_code(&error.code, &words) {
                OAuthError::Transient { delay, message, .. } => passing(delay, message),
                settled => settled,
            },
        }
    }
}

impl OAuthError {
    /// What the `error=` means that came back to the redirect address instead of a code.
    pub fn from_redirect(code: &str) -> OAuthError {
        let code = clean(code, 100);
        OAuthError::of_code(&code, &format!("Google answered `{code}`"))
    }

    pub(super) fn of_code(code: &str, words: &str) -> OAuthError {
        match code {
            "access_denied" => OAuthError::Denied(format!(
                "the permission was refused; {RECONNECT} and allow Ringbook to see the contacts ({words})"
            )),
            // "There is no way to tell WHY a refresh token is invalid": revoked, unused for six
            // months, seven days old in "Testing", or one of more than a hundred.
            "invalid_grant" => OAuthError::GrantDead(format!(
                "the permission has expired or was withdrawn; {RECONNECT} ({words})"
            )),
            "admin_policy_enforced" | "org_internal" => OAuthError::GrantDead(format!(
                "the administrator of the Google Workspace does not allow Ringbook; ask them to trust its client id, then {RECONNECT} ({words})"
            )),
            "invalid_rapt"
            | "consent_required"
            | "interaction_required"
            | "login_required"
            | "account_selection_required" => OAuthError::GrantDead(format!(
                "Google wants to see the person again; {RECONNECT} ({words})"
            )),
            "invalid_client" | "unauthorized_client" | "deleted_client" | "disabled_client" => {
                OAuthError::ClientRejected(format!(
                    "Google does not accept the OAuth client; enter its id and secret again as the Google Cloud console shows them (`ringbook auth client`, or GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET), and if it is another client than before, connect the account again ({words})"
                ))
            }
            "redirect_uri_mismatch" => OAuthError::ClientRejected(format!(
                "GOOGLE_REDIRECT_URI is not registered for the OAuth client; add exactly this address to it in the Google Cloud console ({words})"
            )),
            "internal_failure" | "server_error" | "temporarily_unavailable" => {
                OAuthError::Transient {
                    delay: Delay::ServerError,
                    retry_after: None,
                    message: words.to_owned(),
                }
            }
            "rate_limit_exceeded" | "slow_down" => OAuthError::Transient {
                delay: Delay::RateLimited,
                retry_after: None,
                message: words.to_owned(),
            },
            _ => OAuthError::ClientRejected(format!(
                "Google does not accept the request; check the OAuth client in the Google Cloud console ({words})"
            )),
        }
    }
}

fn transient(message: String) -> OAuthError {
    OAuthError::Transient { delay: Delay::Malformed, retry_after: None, message }
}

impl From<Broken> for OAuthError {
    fn from(broken: Broken) -> OAuthError {
        match broken {
            Broken::Network(message) => {
                OAuthError::Transient { delay: Delay::Network, retry_after: None, message }
            }
            Broken::Malformed(message) => transient(message),
        }
    }
}

pub(super) struct ErrorWire {
    pub(super) code: String,
    description: String,
}

impl ErrorWire {
    pub(super) fn description(&self) -> &str {
        &self.description
    }

    pub(super) fn words(&self) -> String {
        match self.description.as_str() {
            "" => format!("Google answered `{}`", self.code),
            description => format!("Google answered `{}`: {description}", self.code),
        }
    }
}

pub(super) fn read_error(answer: &Answer) -> Option<ErrorWire> {
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    let text = |name: &str, len_max| body[name].as_str().map(|it| clean(it, len_max));
    Some(ErrorWire {
        code: text("error", 100).filter(|it| !it.is_empty())?,
        description: text("error_description", 300).unwrap_or_default(),
    })
}

/// Reads a successful answer, or `None` if it is not one after all.
pub(super) fn read_tokens(body: &[u8], old: Option<&Tokens>, now: Timestamp) -> Option<Tokens> {
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
        message: format!("this machine has no random numbers: {error}"),
    })?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}
