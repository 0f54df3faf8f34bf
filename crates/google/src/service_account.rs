//! Service accounts with domain-wide delegation: access tokens for a mailbox without its person's consent.
//!
//! The administrator of a Google Workspace allows a service account to speak for the people of the
//! domain. It proves who it is with a signed statement (RFC 7523), and gets an access token for it.
//! There is nothing to refresh and nothing to keep: when the token is over, another one is minted.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use reqwest::{Client, Url};
use rustls::SignatureScheme;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::SigningKey;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::fault::{retry_after, retry_info};
use super::oauth::{Tokens, read_tokens, unexplained};
use super::oauth_refusals::{ErrorWire, read_error};
use super::refusals::{DELEGATION, TRUST_CLIENT};
use super::transport::{
    Answer, Limits, SetupError, TransportError, common_headers, exchange, parse_url,
};
use ringbook_core::clock::{Clock, after};
use ringbook_core::sync::Delay;
use ringbook_core::sync::book::FetchError;
use ringbook_core::sync::diagnosis::{Cause, Diagnosis};

/// The key of a service account, and the mailbox that it speaks for.
#[derive(Clone)]
pub struct ServiceKey {
    pub client_email: String,
    /// The number under which the administrator has allowed it.
    pub client_id: String,
    pub key_id: String,
    /// The mailbox's address.
    pub subject: String,
    pem: SecretString,
    signer: Arc<dyn SigningKey>,
}

impl fmt::Debug for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceKey").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// What is wrong with a key. The text holds nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadKey(String);

impl BadKey {
    fn new(what: &str) -> BadKey {
        BadKey(format!(
            "{what}; take the JSON file as the Google Cloud console gives it, under IAM & Admin > Service \
             Accounts > Keys > Add key"
        ))
    }
}

/// No mailbox's address is longer (RFC 5321).
const ADDRESS_LEN_MAX: usize = 254;
const FIELD_LEN_MAX: usize = 300;
/// A key of 4096 bits takes 3,300 characters.
const PEM_LEN_MAX: usize = 16 << 10;

impl ServiceKey {
    /// Reads the file that Google hands out.
    ///
    /// # Errors
    /// When it is another kind of file, something is missing, or the key in it is none.
    pub fn parse(file: &Value, subject: &str) -> Result<ServiceKey, BadKey> {
        let kind = file["type"].as_str().unwrap_or_default();
        if file.get("web").is_some() || file.get("installed").is_some() {
            return Err(BadKey::new(
                "this is the file of an OAuth client, not of a service account",
            ));
        }
        if kind != "service_account" {
            return Err(BadKey::new("this is not the key of a service account (`type`)"));
        }
        let text = |name: &str, len_max: usize| {
            let value = file[name].as_str().filter(|it| !it.trim().is_empty());
            let value = value.ok_or_else(|| BadKey::new(&format!("`{name}` is missing")))?;
            if value.len() > len_max {
                return Err(BadKey::new(&format!("`{name}` is too long")));
            }
            Ok(value.to_owned())
        };
        let shown = |name: &str| {
            let value = text(name, FIELD_LEN_MAX)?;
            if value.bytes().all(|b| b.is_ascii_graphic()) {
                return Ok(value);
            }
            Err(BadKey::new(&format!("`{name}` has characters that do not belong there")))
        };
        let client_email = shown("client_email")?;
        if !is_address(&client_email) {
            return Err(BadKey::new("`client_email` is not an address"));
        }
        let client_id = shown("client_id")?;
        let key_id = shown("private_key_id")?;
        let pem = SecretString::from(text("private_key", PEM_LEN_MAX)?);
        let subject = subject.trim();
        if !is_address(subject) {
            return Err(BadKey(
                "`subject` must be the address of the mailbox whose contacts are wanted, such as \
                 phones@example.com"
                    .to_owned(),
            ));
        }
        ServiceKey::assemble(client_email, client_id, key_id, subject.to_owned(), pem)
    }

    fn assemble(
        client_email: String,
        client_id: String,
        key_id: String,
        subject: String,
        pem: SecretString,
    ) -> Result<ServiceKey, BadKey> {
        let no_key = || BadKey::new("`private_key` is not an RSA key in PEM");
        let der =
            PrivateKeyDer::from_pem_slice(pem.expose_secret().as_bytes()).map_err(|_| no_key())?;
        let signer =
            rustls::crypto::aws_lc_rs::sign::any_supported_type(&der).map_err(|_| no_key())?;
        if signer.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]).is_none() {
            return Err(no_key());
        }
        Ok(ServiceKey { client_email, client_id, key_id, subject, pem, signer })
    }

    /// As much as is needed to use it, and no more, as text to keep in a safe place.
    pub fn to_secret(&self) -> SecretString {
        json!({
            "client_email": self.client_email,
            "client_id": self.client_id,
            "private_key_id": self.key_id,
            "private_key": self.pem.expose_secret(),
            "subject": self.subject,
        })
        .to_string()
        .into()
    }

    /// Reads what [`ServiceKey::to_secret`] has written.
    pub fn of_secret(secret: &SecretString) -> Option<ServiceKey> {
        let kept: Value = serde_json::from_str(secret.expose_secret()).ok()?;
        let text = |name: &str| kept[name].as_str().map(str::to_owned);
        let pem = SecretString::from(text("private_key")?);
        let (email, id) = (text("client_email")?, text("client_id")?);
        ServiceKey::assemble(email, id, text("private_key_id")?, text("subject")?, pem).ok()
    }

    /// The statement that is exchanged for an access token: a JWT, signed with RS256.
    fn assertion(&self, scope: &str, audience: &str, now: Timestamp) -> Option<SecretString> {
        let issued = now.as_second() - SLACK.as_secs().cast_signed();
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.key_id });
        let claims = json!({
            "iss": self.client_email,
            "sub": self.subject,
            "scope": scope,
            "aud": audience,
            "iat": issued,
            "exp": issued + LIFETIME.as_secs().cast_signed(),
        });
        let mut text = BASE64_URL_SAFE_NO_PAD.encode(header.to_string());
        text.push('.');
        BASE64_URL_SAFE_NO_PAD.encode_string(claims.to_string(), &mut text);
        let signer = self.signer.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256])?;
        let signature = signer.sign(text.as_bytes()).ok()?;
        text.push('.');
        BASE64_URL_SAFE_NO_PAD.encode_string(signature, &mut text);
        Some(text.into())
    }
}

/// The statement claims to be a little old, so that a clock that is a little fast does no harm.
const SLACK: Duration = Duration::from_secs(10);
/// Google's longest.
const LIFETIME: Duration = Duration::from_secs(3600);

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

fn is_address(text: &str) -> bool {
    let parts = text.split_once('@');
    parts.is_some_and(|(mailbox, domain)| {
        !mailbox.is_empty() && domain.contains('.') && !domain.contains('@')
    }) && text.len() <= ADDRESS_LEN_MAX
        && !text.chars().any(|c| c.is_control() || c.is_whitespace())
}

/// Answers about tokens are short.
const BODY_MAX: usize = 1 << 20;

/// Exchanges signed statements for access tokens.
pub struct Minter {
    audience: String,
    token_url: Url,
    pub(super) clock: Arc<dyn Clock>,
    http: Client,
    limits: Limits,
}

impl Minter {
    /// # Errors
    /// When `token_url` is no address.
    pub fn new(
        token_url: &str,
        clock: Arc<dyn Clock>,
        http: Client,
        limits: Limits,
    ) -> Result<Minter, SetupError> {
        Ok(Minter {
            audience: token_url.to_owned(),
            token_url: parse_url("Google's tokens (GOOGLE_TOKEN_URL)", token_url)?,
            clock,
            http,
            limits: Limits { body_max: limits.body_max.min(BODY_MAX), ..limits },
        })
    }

    /// An access token for this scope, good for about an hour.
    pub(super) async fn mint(&self, key: &ServiceKey, scope: &str) -> Result<Tokens, FetchError> {
        let now = self.clock.now();
        let Some(assertion) = key.assertion(scope, &self.audience, now) else {
            return Err(Diagnosis::fix(
                Cause::KeyRefused,
                "the key of the service account cannot sign",
                "enter it again",
            )
            .misconfigured());
        };
        let form = [("grant_type", GRANT_TYPE), ("assertion", assertion.expose_secret())];
        let request = self.http.post(self.token_url.clone()).headers(common_headers()).form(&form);
        let answer = exchange(request, &self.limits).await?;
        if answer.status != 200 {
            return Err(self.refused(&answer, read_error(&answer), key, scope, now));
        }
        let tokens = read_tokens(&answer.body, None, self.clock.now())
            .ok_or_else(|| TransportError::malformed("an answer without an access token"))?;
        // No token is good for longer than its statement, whatever the answer says.
        let end = after(now, LIFETIME);
        Ok(Tokens { expires_at: tokens.expires_at.min(end), refresh: None, ..tokens })
    }

    /// What Google's refusal means. All of it is for an administrator to fix, and all of it can fix
    /// itself: a permission that was just given takes up to a day to arrive. So nothing is given up.
    fn refused(
        &self,
        answer: &Answer,
        error: Option<ErrorWire>,
        key: &ServiceKey,
        scope: &str,
        now: Timestamp,
    ) -> FetchError {
        let header = answer.retry_after.as_deref().and_then(|it| retry_after(it, now));
        let wait = header.max(retry_info(&answer.body));
        let words = error.as_ref().map(ErrorWire::words);
        let code = error.as_ref().map(|it| it.code.as_str());
        let delay = match (answer.status, code) {
            (429, _) | (_, Some("rate_limit_exceeded" | "slow_down")) => Some(Delay::RateLimited),
            (408 | 500..=599, _)
            | (_, Some("internal_failure" | "server_error" | "temporarily_unavailable")) => {
                Some(Delay::ServerError)
            }
            (_, None) => Some(Delay::Malformed),
            _ => None,
        };
        match (delay, error) {
            (None, Some(error)) => {
                error.of_key(key, scope, now).saying(&error.words()).misconfigured()
            }
            (delay, _) => {
                let delay = delay.unwrap_or(Delay::Malformed);
                unexplained(answer, delay, words.as_deref()).again(delay, wait)
            }
        }
    }
}

impl ErrorWire {
    /// What a refusal means for a service account, and who can do what about it.
    fn of_key(&self, key: &ServiceKey, scope: &str, now: Timestamp) -> Diagnosis {
        let (id, email, subject) = (&key.client_id, &key.client_email, &key.subject);
        match self.code.as_str() {
            "unauthorized_client" | "access_denied" => Diagnosis::fix(
                Cause::DelegationMissing,
                format!("the service account may not act for {subject}"),
                format!(
                    "add the client id {id} with the scope {scope} {DELEGATION}. It takes up to 24 hours to work. \
                     Addresses at gmail.com cannot be delegated; connect those at /auth/google"
                ),
            ),
            "invalid_scope" => Diagnosis::fix(
                Cause::ScopeRefused,
                format!("Google does not know the scope {scope} for the client id {id}"),
                format!("compare the list of scopes of that client id {DELEGATION}"),
            ),
            "invalid_grant" if self.is_about_time() => Diagnosis::fix(
                Cause::ClockWrong,
                format!("Google finds the time of this machine wrong ({now}, UTC)"),
                "set its clock, and keep it set with an NTP service",
            ),
            "invalid_grant" if self.mentions("signature") => Diagnosis::fix(
                Cause::KeyRefused,
                format!(
                    "Google does not know this key of {email} (any more): it was deleted or disabled"
                ),
                "make a new key in the Google Cloud console under IAM & Admin > Service Accounts > Keys, and enter it",
            ),
            "invalid_grant" => Diagnosis::fix(
                Cause::MailboxUnknown,
                format!("Google knows no mailbox {subject} for {email}"),
                "correct the address; or have the administrator of the Google Workspace restore the user, or \
                 the owner of the Cloud project the service account, if one was deleted or suspended",
            ),
            "invalid_client" | "deleted_client" | "disabled_client" => Diagnosis::fix(
                Cause::ServiceAccountDisabled,
                format!("the service account {email} is disabled or deleted"),
                "enable or restore it in the Google Cloud console under IAM & Admin > Service Accounts",
            ),
            "admin_policy_enforced" | "policy_enforced" | "org_internal" => Diagnosis::fix(
                Cause::BlockedByAdministrator,
                "the administrator of the Google Workspace does not allow Ringbook",
                format!(
                    "have the administrator trust the client id {id} {TRUST_CLIENT} (App access control)"
                ),
            ),
            _ => Diagnosis::fix(
                Cause::RequestRefused,
                format!("Google does not accept the service account {email}"),
                "compare it with docs/workspace.md; if it is right, update Ringbook",
            ),
        }
    }

    /// "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
    fn is_about_time(&self) -> bool {
        ["timeframe", "short-lived", "iat and exp"].iter().any(|it| self.mentions(it))
    }
}
