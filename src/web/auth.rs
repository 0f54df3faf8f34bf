//! Sign-in at Google.
//!
//! The state of a consent is bound to the browser that asked for it, by a cookie, and good for one
//! time. So nobody can slip another person's account under Ringbook with a forged link.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use tracing::{info, warn};

use crate::clock::after;
use crate::connect::ConnectProblem;
use crate::store::{Account, GrantRow};
use crate::web::Web;
use crate::web::input::{Caller, Query};
use crate::web::problem::Problem;
use crate::web::wire::{AuthStatus, AuthUrl, Done, ProblemBody};

const COOKIE: &str = "ringbook_oauth";
/// How long a person may take at Google's page.
const CONSENT_TIME: Duration = Duration::from_secs(600);
/// The oldest consent is forgotten when there are more than this many.
const PENDING_MAX: usize = 1000;

/// Consents that were asked for and not given yet.
#[derive(Default)]
pub(crate) struct Pending(Mutex<HashMap<String, Asked>>);

struct Asked {
    verifier: SecretString,
    /// Digest of the cookie of the browser that asked.
    browser: [u8; 32],
    until: Timestamp,
}

impl Pending {
    fn asked(&self) -> std::sync::MutexGuard<'_, HashMap<String, Asked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, state: String, asked: Asked, now: Timestamp) {
        let mut all = self.asked();
        all.retain(|_, it| it.until > now);
        if all.len() >= PENDING_MAX {
            let oldest = all.iter().min_by_key(|(_, it)| it.until).map(|(state, _)| state.clone());
            oldest.and_then(|state| all.remove(&state));
        }
        all.insert(state, asked);
    }

    /// Gives out what was remembered, once, to the browser that asked.
    fn redeem(
        &self,
        state: &str,
        cookie: Option<&str>,
        now: Timestamp,
    ) -> Result<SecretString, &'static str> {
        let mut all = self.asked();
        let known = all.get(state).filter(|it| it.until > now);
        let asked = known.ok_or(
            "this sign-in is unknown, over or was used already; begin again at /auth/google",
        )?;
        let cookie = cookie.ok_or(
            "this sign-in was begun in another browser or by a program; open /auth/google in this \
             browser instead",
        )?;
        if digest(cookie) != asked.browser {
            return Err("this sign-in was begun in another browser; open /auth/google in this one");
        }
        // Only now: whoever guesses must not spoil it for the one who asked.
        match all.remove(state) {
            Some(asked) => Ok(asked.verifier),
            None => Err("this sign-in was used already; begin again at /auth/google"),
        }
    }
}

/// Of digests, not of secrets, so that the time it takes to compare tells nothing.
fn digest(cookie: &str) -> [u8; 32] {
    Sha256::digest(cookie).into()
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|it| it.to_str().ok());
    pairs
        .flat_map(|it| it.split(';'))
        .filter_map(|it| it.trim().split_once('='))
        .find(|(name, value)| *name == COOKIE && is_ours(value))
        .map(|(_, value)| value)
}

/// 32 bytes in base64url.
fn is_ours(value: &str) -> bool {
    value.len() == 43 && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Begins a consent: the address, the state, and the cookie that binds it.
fn begin(web: &Web, headers: &HeaderMap) -> Result<(AuthUrl, HeaderValue), Problem> {
    let authorization = web.app.connector.begin()?;
    // A browser that has a cookie keeps it, so that two open tabs do not spoil each other's sign-in.
    let browser = match cookie(headers) {
        Some(known) => known.to_owned(),
        None => {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes)
                .map_err(|_| Problem::later("there are no random numbers", CONSENT_TIME))?;
            BASE64_URL_SAFE_NO_PAD.encode(bytes)
        }
    };
    let secure = web.app.config.google_redirect_uri.starts_with("https://");
    let set = format!(
        "{COOKIE}={browser}; Path=/auth; Max-Age={}; HttpOnly; SameSite=Lax{}",
        CONSENT_TIME.as_secs(),
        if secure { "; Secure" } else { "" }
    );
    let set = HeaderValue::try_from(set)
        .map_err(|_| Problem::later("the cookie could not be made", CONSENT_TIME))?;
    let now = web.now();
    let asked = Asked {
        verifier: authorization.verifier,
        browser: digest(&browser),
        until: after(now, CONSENT_TIME),
    };
    web.pending.remember(authorization.state.clone(), asked, now);
    Ok((AuthUrl { auth_url: authorization.url, state: authorization.state }, set))
}

/// The address of Google's consent page
///
/// The answer sets a cookie, and only the browser that has it can come back: open the address where
/// this was asked, or simply open `/auth/google` in a browser.
#[utoipa::path(
    get, path = "/auth/url", tag = "auth", operation_id = "auth_url",
    responses((status = 200, body = AuthUrl, headers(("set-cookie" = String)))),
)]
pub(crate) async fn url(State(web): State<Web>, headers: HeaderMap) -> Result<Response, Problem> {
    let (body, set) = begin(&web, &headers)?;
    Ok(([(header::SET_COOKIE, set)], Json(body)).into_response())
}

/// Go to Google's consent page
#[utoipa::path(
    get, path = "/auth/google", tag = "auth", operation_id = "auth_google",
    responses((status = 302, description = "To Google",
        headers(("location" = String), ("set-cookie" = String)))),
)]
pub(crate) async fn google(
    State(web): State<Web>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (body, set) = begin(&web, &headers)?;
    let to = HeaderValue::try_from(body.auth_url)
        .map_err(|_| Problem::new(StatusCode::BAD_GATEWAY, "GOOGLE_AUTH_URL is no address"))?;
    let headers = [(header::LOCATION, to), (header::SET_COOKIE, set)];
    Ok((StatusCode::FOUND, headers).into_response())
}

/// The way back from Google
///
/// Answers browsers with a page, programs with JSON.
#[utoipa::path(
    get, path = "/auth/callback", tag = "auth", operation_id = "auth_callback",
    params(
        ("state" = Option<String>, Query),
        ("code" = Option<String>, Query),
        ("error" = Option<String>, Query, description = "What Google says instead of a code"),
    ),
    responses(
        (status = 200, description = "Connected", content((Done = "application/json"), (String = "text/html"))),
        (status = 400, description = "Not begun here, or refused", content((ProblemBody = "application/json"), (String = "text/html"))),
        (status = 409, description = "Another Google account", content((ProblemBody = "application/json"), (String = "text/html"))),
        (status = 502, description = "Google refuses the client", content((ProblemBody = "application/json"), (String = "text/html"))),
    ),
)]
pub(crate) async fn callback(
    State(web): State<Web>,
    caller: Caller,
    headers: HeaderMap,
    query: Query,
) -> Response {
    let (status, title, message) = match come_back(&web, &headers, &query).await {
        Ok(()) => {
            let message = "The Google account is connected. You can close this page.";
            if !caller.wants_html {
                return Json(Done::because(message)).into_response();
            }
            (StatusCode::OK, "Connected", message.to_owned())
        }
        Err(problem) if !caller.wants_html => return problem.into_response(),
        Err(problem) => (problem.status, "Not connected", problem.detail),
    };
    (status, security(), Html(page(title, &message))).into_response()
}

async fn come_back(web: &Web, headers: &HeaderMap, query: &Query) -> Result<(), Problem> {
    let bad = |detail: &str| Problem::new(StatusCode::BAD_REQUEST, detail);
    let state = query.text("state")?.unwrap_or_default();
    let redeemed = web.pending.redeem(state, cookie(headers), web.now());
    let verifier = redeemed.map_err(|why| {
        warn!("a sign-in came back that was not begun in this browser, or twice");
        bad(why)
    })?;
    if let Some(error) = query.text("error")? {
        return Err(bad(&web.app.connector.refusal(error).to_string()));
    }
    let code = query.text("code")?.filter(|code| !code.is_empty());
    let code = code.ok_or_else(|| bad("Google sent no code; begin again at /auth/google"))?;
    let account = web.app.connector.complete(code, &verifier).await.map_err(|problem| {
        // What is refused here was refused to this person at Google's page, not to a program.
        match problem {
            ConnectProblem::Refused(detail) => bad(&detail),
            other => other.into(),
        }
    })?;
    info!(account = account.0, "account {} was connected", account.0);
    web.app.supervisor.nudge();
    Ok(())
}

fn security() -> [(HeaderName, HeaderValue); 2] {
    [
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'"),
        ),
        // The address holds the code.
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ]
}

fn page(title: &str, message: &str) -> String {
    let (title, message) = (escape(title), escape(message));
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title} · Ringbook</title>\
         <style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:4rem auto;\
         padding:0 1rem}}</style><h1>{title}</h1><p>{message}</p>\
         <p><a href=\"/\">Ringbook</a></p></html>"
    )
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// How Google's permission stands
#[utoipa::path(
    get, path = "/auth/status", tag = "auth", operation_id = "auth_status",
    params(("account" = Option<String>, Query, format = "uuid", description = "The first one unless named")),
    responses((status = 200, body = AuthStatus), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn status(
    State(web): State<Web>,
    query: Query,
) -> Result<Json<AuthStatus>, Problem> {
    let configured = web.app.connector.is_configured();
    let account = web.account(query.account(&web)?).await?;
    let grant = match account {
        Some(account) => grant(&web, &account).await?.map(|grant| (account.id, grant)),
        None => None,
    };
    let grant = grant.as_ref().map(|(account, grant)| (*account, grant));
    Ok(Json(AuthStatus::of(&web.out, grant, configured, web.now())))
}

async fn grant(web: &Web, account: &Account) -> Result<Option<GrantRow>, Problem> {
    Ok(web.app.store.grant(account.id).await?)
}

async fn connected(web: &Web, query: &Query) -> Result<Account, Problem> {
    let account = web.account(query.account(web)?).await?;
    let account = account.filter(|it| it.grant.is_some());
    account.ok_or_else(|| ConnectProblem::NotConnected.into())
}

/// Renew the access token now
#[utoipa::path(
    post, path = "/auth/refresh", tag = "auth", operation_id = "auth_refresh",
    params(("account" = Option<String>, Query, format = "uuid", description = "The first one unless named")),
    responses(
        (status = 200, body = Done),
        (status = 401, body = ProblemBody, description = "Not connected, or not any more"),
        (status = 404, body = ProblemBody),
        (status = 502, body = ProblemBody, description = "Google refuses the client"),
    ),
)]
pub(crate) async fn refresh(State(web): State<Web>, query: Query) -> Result<Json<Done>, Problem> {
    let account = connected(&web, &query).await?;
    web.app.connector.refresh(&account).await?;
    Ok(Json(Done::because("The access token was renewed")))
}

/// Give the permission back to Google, and forget it here
///
/// The contacts stay.
#[utoipa::path(
    post, path = "/auth/revoke", tag = "auth", operation_id = "auth_revoke",
    params(("account" = Option<String>, Query, format = "uuid", description = "The first one unless named")),
    responses(
        (status = 200, body = Done),
        (status = 401, body = ProblemBody, description = "Not connected"),
        (status = 404, body = ProblemBody),
        (status = 502, body = ProblemBody, description = "Google refuses the client"),
    ),
)]
pub(crate) async fn revoke(State(web): State<Web>, query: Query) -> Result<Json<Done>, Problem> {
    let account = connected(&web, &query).await?;
    web.app.connector.revoke(&account).await?;
    info!(account = account.id.0, "the permission of account {} was given back", account.id.0);
    Ok(Json(Done::because("The permission was given back to Google; the contacts stay here")))
}

/// Forget the permission here
///
/// Google still has it; the contacts stay.
#[utoipa::path(
    post, path = "/auth/disconnect", tag = "auth", operation_id = "auth_disconnect",
    params(("account" = Option<String>, Query, format = "uuid", description = "The first one unless named")),
    responses(
        (status = 200, body = Done),
        (status = 401, body = ProblemBody, description = "Not connected"),
        (status = 404, body = ProblemBody),
    ),
)]
pub(crate) async fn disconnect(
    State(web): State<Web>,
    query: Query,
) -> Result<Json<Done>, Problem> {
    let account = connected(&web, &query).await?;
    if !web.app.connector.disconnect(&account).await? {
        return Err(ConnectProblem::NotConnected.into());
    }
    info!(account = account.id.0, "account {} was disconnected", account.id.0);
    Ok(Json(Done::because("Ringbook forgot the permission; the contacts stay here")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn asked(browser: &str, until: i64) -> Asked {
        Asked { verifier: "v".into(), browser: digest(browser), until: at(until) }
    }

    #[test]
    fn a_consent_is_redeemed_once_in_time_and_by_the_browser_that_asked() {
        let pending = Pending::default();
        pending.remember("state".to_owned(), asked("mine", 100), at(0));
        assert!(pending.redeem("other", Some("mine"), at(1)).is_err());
        assert!(pending.redeem("state", None, at(1)).is_err());
        assert!(pending.redeem("state", Some("another's"), at(1)).is_err());
        assert!(pending.redeem("state", Some("mine"), at(1)).is_ok(), "guesses did not spoil it");
        assert!(pending.redeem("state", Some("mine"), at(1)).is_err(), "twice");
        pending.remember("late".to_owned(), asked("mine", 100), at(0));
        assert!(pending.redeem("late", Some("mine"), at(100)).is_err(), "too late");
    }

    #[test]
    fn a_flood_of_sign_ins_takes_no_more_than_its_share_of_memory() {
        let pending = Pending::default();
        for count in 0..3 * PENDING_MAX {
            pending.remember(count.to_string(), asked("b", 1000 + count as i64), at(0));
        }
        assert_eq!(pending.asked().len(), PENDING_MAX);
        assert!(pending.redeem("0", Some("b"), at(1)).is_err(), "the oldest went first");
        assert!(pending.redeem("2999", Some("b"), at(1)).is_ok());
    }

    #[test]
    fn a_message_cannot_bring_markup_into_the_page() {
        let page = page("t", "<script>\"&'");
        assert!(page.contains("&lt;script&gt;&quot;&amp;&#39;") && !page.contains("<script>"));
    }
}
