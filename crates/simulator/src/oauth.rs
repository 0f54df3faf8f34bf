//! Google's OAuth 2.0: consent, codes, tokens and their death.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::answers::{Reply, html_error, oauth_error};
use super::random::Random;
use super::redirect;
use super::tokens::Sealer;

pub(super) const CONTACTS: &str = "https://www.googleapis.com/auth/contacts";
/// Enough to read contacts.
pub const CONTACTS_READONLY: &str = "https://www.googleapis.com/auth/contacts.readonly";
pub(super) const EMAIL: &str = "https://www.googleapis.com/auth/userinfo.email";
pub(super) const PROFILE: &str = "https://www.googleapis.com/auth/userinfo.profile";

const REFRESH_PREFIX: &str = "1//0e";
const CODE_TTL: i64 = 600_000;
/// More than this many for one user and client, and the oldest dies without a word.
const REFRESH_TOKENS_MAX: usize = 100;

pub(super) struct Client {
    pub(super) id: String,
    pub(super) secret: String,
    /// Empty when any well-formed address will do.
    pub(super) redirect_uris: Vec<String>,
    /// Seconds.
    pub(super) access_token_ttl: i64,
    pub(super) refresh_token_ttl: Option<i64>,
}

pub(super) struct OAuth {
    pub(super) client: Client,
    pub(super) consent: Consent,
    codes: HashMap<String, Code>,
    grants: Vec<Grant>,
    access_tokens: HashMap<String, AccessToken>,
    random: Random,
    sealer: Sealer,
}

/// What the person in front of the consent page does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Consent {
    pub deny: bool,
    /// Only these are ticked, whatever was asked for. All are when absent.
    pub scopes: Option<Vec<String>>,
}

/// A pair of tokens, as if consent had been given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    pub access_token: String,
    pub refresh_token: String,
}

struct Code {
    user: usize,
    scopes: Vec<String>,
    redirect_uri: String,
    challenge: Option<(String, bool)>,
    offline: bool,
    expires_at: i64,
}

struct Grant {
    user: usize,
    scopes: Vec<String>,
    refresh_token: Option<String>,
    expires_at: Option<i64>,
    revoked: bool,
}

struct AccessToken {
    grant: usize,
    expires_at: i64,
}

/// Whose token a request carried, and what it allows.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) user: usize,
    pub(super) scopes: Vec<String>,
}

/// What the token endpoint tells about a user.
pub(super) struct Identity {
    pub(super) email: String,
    pub(super) subject: String,
}

impl OAuth {
    pub(super) fn new(client: Client, seed: u64) -> OAuth {
        OAuth {
            client,
            consent: Consent::default(),
            codes: HashMap::new(),
            grants: Vec::new(),
            access_tokens: HashMap::new(),
            random: Random::new(seed ^ 0x4f41),
            sealer: Sealer::new(seed),
        }
    }

    /// Sends the browser straight back, with a code or with what went wrong.
    pub(super) fn authorize(&mut self, pairs: &[(String, String)], user: usize, now: i64) -> Reply {
        let text = |name: &str| find(pairs, name).unwrap_or_default();
        if text("client_id") != self.client.id {
            let page = html_error(401, "invalid_client: The OAuth client was not found.");
            return Reply::html(401, &page).because("the client id is not ours");
        }
        let redirect_uri = text("redirect_uri");
        let registered = &self.client.redirect_uris;
        let checked = if registered.is_empty() || registered.iter().any(|uri| uri == redirect_uri) {
            redirect::check(redirect_uri)
        } else {
            Err("redirect_uri_mismatch".to_owned())
        };
        if let Err(message) = checked {
            let title = format!("invalid_request: {message}");
            return Reply::html(400, &html_error(400, &title)).because(title);
        }
        let state = find(pairs, "state");
        let back = |answer: &[(&str, &str)]| {
            let mut location = redirect_uri.to_owned();
            let mut separator = if location.contains('?') { '&' } else { '?' };
            let state = state.map(|state| ("state", state));
            for (name, value) in state.iter().chain(answer) {
                location
                    .push_str(&format!("{separator}{name}={}", redirect::percent_encoded(value)));
                separator = '&';
            }
            Reply::html(302, "").with_header("location", location)
        };
        if text("response_type") != "code" {
            let page = html_error(400, "Required parameter is missing: response_type");
            return Reply::html(400, &page);
        }
        let asked: Vec<String> = text("scope").split_whitespace().map(full_scope).collect();
        if asked.is_empty() {
            return Reply::html(400, &html_error(400, "Missing required parameter: scope"));
        }
        let prompt = text("prompt");
        let known = self.grants.iter().any(|grant| grant.user == user && !grant.revoked);
        if prompt.split_whitespace().any(|word| word == "none") && !known {
            return back(&[("error", "interaction_required")]);
        }
        if self.consent.deny {
            return back(&[("error", "access_denied")]);
        }
        let scopes: Vec<String> = match &self.consent.scopes {
            Some(ticked) => {
                let ticked: Vec<String> = ticked.iter().map(|scope| full_scope(scope)).collect();
                asked.into_iter().filter(|scope| ticked.contains(scope)).collect()
            }
            None => asked,
        };
        let challenge = find(pairs, "code_challenge").map(|challenge| {
            // Plain is the default, and easily overlooked.
            (challenge.to_owned(), text("code_challenge_method") == "S256")
        });
        let asked_again = prompt.split_whitespace().any(|word| word == "consent");
        let code = format!("4/0A{}", self.letters(66));
        let granted = scopes.join(" ");
        self.codes.insert(
            code.clone(),
            Code {
                user,
                scopes,
                redirect_uri: redirect_uri.to_owned(),
                challenge,
                // Without a new consent, only the first exchange gives a refresh token.
                offline: text("access_type") == "offline" && (asked_again || !known),
                expires_at: now + CODE_TTL,
            },
        );
        let prompt = if asked_again { "consent" } else { "none" };
        let answer = [("code", &*code), ("scope", &granted), ("authuser", "0"), ("prompt", prompt)];
        back(&answer)
    }

    pub(super) fn token(
        &mut self,
        pairs: &[(String, String)],
        basic: Option<&str>,
        now: i64,
        identity: impl Fn(usize) -> Identity,
    ) -> Reply {
        if let Err(refused) = self.check_client(pairs, basic) {
            return refused;
        }
        let text = |name: &str| find(pairs, name).unwrap_or_default();
        match text("grant_type") {
            "authorization_code" => self.exchange(pairs, now, identity),
            "refresh_token" => {
                let token = text("refresh_token");
                if token.is_empty() {
                    return missing("refresh_token");
                }
                let found = self
                    .grants
                    .iter()
                    .position(|grant| grant.refresh_token.as_deref() == Some(token));
                match found {
                    Some(index)
                        if !self.grants[index].revoked
                            && self.grants[index].expires_at.is_none_or(|at| now < at) =>
                    {
                        self.issue(index, now, None, &identity)
                    }
                    Some(_) => {
                        oauth_error(400, "invalid_grant", "Token has been expired or revoked.")
                    }
                    None => oauth_error(400, "invalid_grant", "Bad Request"),
                }
            }
            "" => missing("grant_type"),
            other => {
                oauth_error(400, "unsupported_grant_type", &format!("Invalid grant_type: {other}"))
            }
        }
    }

    fn exchange(
        &mut self,
        pairs: &[(String, String)],
        now: i64,
        identity: impl Fn(usize) -> Identity,
    ) -> Reply {
        let text = |name: &str| find(pairs, name).unwrap_or_default();
        if text("code").is_empty() {
            return missing("code");
        }
        let Some(code) = self.codes.get(text("code")) else {
            return oauth_error(400, "invalid_grant", "Malformed auth code.");
        };
        if now >= code.expires_at {
            return oauth_error(400, "invalid_grant", "Bad Request").because("the code expired");
        }
        if text("redirect_uri") != code.redirect_uri {
            return oauth_error(400, "redirect_uri_mismatch", "Bad Request");
        }
        if let Some((challenge, hashed)) = &code.challenge {
            let verifier = text("code_verifier");
            if verifier.is_empty() {
                return oauth_error(400, "invalid_grant", "Missing code verifier.");
            }
            let proof = if *hashed {
                URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
            } else {
                verifier.to_owned()
            };
            if proof != *challenge {
                return oauth_error(400, "invalid_grant", "Invalid code verifier.");
            }
        }
        // A code is good for one exchange. One that was refused may be tried again.
        let Some(code) = self.codes.remove(text("code")) else {
            return oauth_error(400, "invalid_grant", "Malformed auth code.");
        };
        let email = identity(code.user).email;
        let refresh_token = code.offline.then(|| self.refresh_token(&email, &code.scopes));
        let index = self.add_grant(code.user, code.scopes, refresh_token.clone(), now);
        self.issue(index, now, refresh_token, &identity)
    }

    /// Tokens without the detour over a browser.
    pub(super) fn grant(
        &mut self,
        user: usize,
        email: &str,
        scopes: &[String],
        now: i64,
    ) -> Tokens {
        let scopes: Vec<String> = scopes.iter().map(|scope| full_scope(scope)).collect();
        let refresh_token = self.refresh_token(email, &scopes);
        let index = self.add_grant(user, scopes, Some(refresh_token.clone()), now);
        Tokens { access_token: self.access_token(index, now), refresh_token }
    }

    /// A token without any consent, and without a refresh token. The answer does not name the scopes.
    pub(super) fn mint(&mut self, user: usize, scopes: Vec<String>, now: i64) -> Reply {
        let index = self.add_grant(user, scopes, None, now);
        let body = json!({
            "access_token": self.access_token(index, now),
            "expires_in": self.client.access_token_ttl,
            "token_type": "Bearer",
        });
        Reply::json(200, body.to_string())
    }

    /// A refresh token says whose it is, so that the grants of a simulator that was stopped
    /// are good at the next one with the same seed, as grants at Google would be.
    fn refresh_token(&mut self, email: &str, scopes: &[String]) -> String {
        let text = format!("{email}\n{}\n{:x}", scopes.join(" "), self.random.next());
        format!("{REFRESH_PREFIX}{}", self.sealer.text(&text))
    }

    /// Whose grant a refresh token of an earlier simulator stands for.
    pub(super) fn recall(&self, token: &str) -> Option<(String, Vec<String>)> {
        if self.grants.iter().any(|grant| grant.refresh_token.as_deref() == Some(token)) {
            return None;
        }
        let text = self.sealer.open_text(token.strip_prefix(REFRESH_PREFIX)?)?;
        let (email, rest) = text.split_once('\n')?;
        let (scopes, _) = rest.split_once('\n')?;
        Some((email.to_owned(), scopes.split_whitespace().map(str::to_owned).collect()))
    }

    pub(super) fn revive(&mut self, token: &str, user: usize, scopes: Vec<String>, now: i64) {
        self.add_grant(user, scopes, Some(token.to_owned()), now);
    }

    pub(super) fn revoke(&mut self, token: Option<&str>) -> Reply {
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            return missing("token");
        };
        let of_access = self.access_tokens.get(token).map(|access| access.grant);
        let index = of_access.or_else(|| {
            self.grants.iter().position(|grant| grant.refresh_token.as_deref() == Some(token))
        });
        match index {
            Some(index) if !self.grants[index].revoked => {
                // Whichever token is named, the person's whole grant to the project goes.
                let user = self.grants[index].user;
                for grant in self.grants.iter_mut().filter(|grant| grant.user == user) {
                    grant.revoked = true;
                }
                Reply::json(200, "{}".to_owned())
            }
            _ => oauth_error(400, "invalid_token", "Token expired or revoked"),
        }
    }

    pub(super) fn caller(&self, token: &str, now: i64) -> Option<Caller> {
        let access = self.access_tokens.get(token)?;
        let grant = &self.grants[access.grant];
        let good = now < access.expires_at && !grant.revoked;
        good.then(|| Caller { user: grant.user, scopes: grant.scopes.clone() })
    }

    pub(super) fn expire_access_tokens(&mut self) {
        self.access_tokens.values_mut().for_each(|access| access.expires_at = i64::MIN);
    }

    pub(super) fn revoke_all(&mut self) {
        self.grants.iter_mut().for_each(|grant| grant.revoked = true);
    }

    /// From now on, every grant answers as another user.
    pub(super) fn reassign_all(&mut self, user: usize) {
        self.grants.iter_mut().for_each(|grant| grant.user = user);
    }

    fn add_grant(
        &mut self,
        user: usize,
        scopes: Vec<String>,
        refresh_token: Option<String>,
        now: i64,
    ) -> usize {
        let expires_at = self.client.refresh_token_ttl.map(|seconds| now + seconds * 1000);
        self.grants.push(Grant { user, scopes, refresh_token, expires_at, revoked: false });
        let live: Vec<usize> = (0..self.grants.len())
            .filter(|index| {
                let grant = &self.grants[*index];
                grant.user == user && !grant.revoked && grant.refresh_token.is_some()
            })
            .collect();
        if live.len() > REFRESH_TOKENS_MAX {
            self.grants[live[0]].revoked = true;
        }
        self.grants.len() - 1
    }

    fn access_token(&mut self, grant: usize, now: i64) -> String {
        let token = format!("ya29.a0{}", self.letters(190));
        let expires_at = now + self.client.access_token_ttl * 1000;
        // An expired token answers as an unknown one does, so it can be forgotten.
        self.access_tokens.retain(|_, access| now < access.expires_at);
        self.access_tokens.insert(token.clone(), AccessToken { grant, expires_at });
        token
    }

    fn issue(
        &mut self,
        grant: usize,
        now: i64,
        refresh_token: Option<String>,
        identity: &impl Fn(usize) -> Identity,
    ) -> Reply {
        let access_token = self.access_token(grant, now);
        let Grant { user, scopes, .. } = &self.grants[grant];
        let mut body = json!({
            "access_token": access_token,
            "expires_in": self.client.access_token_ttl,
            "scope": scopes.join(" "),
            "token_type": "Bearer",
        });
        if let Some(token) = refresh_token {
            body["refresh_token"] = token.into();
            if let Some(seconds) = self.client.refresh_token_ttl {
                body["refresh_token_expires_in"] = seconds.into();
            }
        }
        if scopes.iter().any(|scope| scope == "openid") {
            body["id_token"] = self.id_token(identity(*user), now).into();
        }
        Reply::json(200, body.to_string())
    }

    fn id_token(&self, identity: Identity, now: i64) -> String {
        let header = json!({ "alg": "RS256", "kid": "simulator", "typ": "JWT" });
        let claims = json!({
            "iss": "https://accounts.google.com",
            "azp": self.client.id,
            "aud": self.client.id,
            "sub": identity.subject,
            "email": identity.email,
            "email_verified": true,
            "iat": now / 1000,
            "exp": now / 1000 + 3600,
        });
        // Nobody has to check a signature that came straight from the token endpoint.
        [header.to_string(), claims.to_string(), "simulated".to_owned()]
            .map(|part| URL_SAFE_NO_PAD.encode(part))
            .join(".")
    }

    fn check_client(&self, pairs: &[(String, String)], basic: Option<&str>) -> Result<(), Reply> {
        let basic = basic
            .and_then(|header| header.strip_prefix("Basic "))
            .and_then(|encoded| STANDARD.decode(encoded).ok())
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let (id, secret) = match basic.as_deref().and_then(|text| text.split_once(':')) {
            Some((id, secret)) => (Some(id), Some(secret)),
            None => (find(pairs, "client_id"), find(pairs, "client_secret")),
        };
        match (id, secret) {
            (None, _) => Err(oauth_error(
                400,
                "invalid_request",
                "Could not determine client ID from request.",
            )),
            (Some(id), _) if id != self.client.id => {
                Err(oauth_error(401, "invalid_client", "The OAuth client was not found."))
            }
            (_, None) => Err(oauth_error(400, "invalid_request", "client_secret is missing.")),
            (_, Some(secret)) if secret != self.client.secret => {
                Err(oauth_error(401, "invalid_client", "Unauthorized"))
            }
            _ => Ok(()),
        }
    }

    fn letters(&mut self, count: usize) -> String {
        const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
        (0..count).map(|_| char::from(LETTERS[self.random.below(LETTERS.len())])).collect()
    }
}

pub(super) fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}

fn missing(name: &str) -> Reply {
    oauth_error(400, "invalid_request", &format!("Missing required parameter: {name}"))
}

/// Google answers with the long forms of the short scopes of OpenID.
fn full_scope(scope: &str) -> String {
    match scope {
        "email" => EMAIL.to_owned(),
        "profile" => PROFILE.to_owned(),
        other => other.to_owned(),
    }
}
