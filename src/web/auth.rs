//! Sign-in at Google, and the OAuth client in whose name people are asked.
//!
//! The state of a consent is bound to the browser that asked for it, by a cookie, and good for one
//! time. So nobody can slip another person's account under Ringbook with a forged link.

use axum::Json;
use axum::extract::{FromRequest, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use tracing::info;

use crate::connect::redirect::{self, Verdict};
use crate::connect::{Ask, ConnectProblem, NotAClient, OAuthClient, WayBack, digest};
use crate::contact::clean;
use crate::store::{Account, Bringer, CONSENT_TIME, Target};
use crate::web::Web;
use crate::web::below::BasePath;
use crate::web::entrance::people::note_about;
use crate::web::entrance::{Guest, actor};
use crate::web::input::{Body, Caller, Query, form, text_of};
use crate::web::origin;
use crate::web::pages::{Visit, connecting};
use crate::web::problem::Problem;
use crate::web::wire::{
    AuthStatus, AuthUrl, Done, GoogleClient, NewGoogleClient, Pasted, ProblemBody, redirect_problem,
};

const COOKIE: &str = "ringbook_oauth";
/// Longer names do not fit on a screen.
const NAME_MAX: usize = 100;

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

/// What is asked for: which account, and what besides its contacts.
async fn ask(web: &Web, query: &Query) -> Result<Ask, Problem> {
    let name = match query.text("name")? {
        Some(name) if name.chars().count() > NAME_MAX => {
            return Err(Problem::value("name", name, "a text of at most 100 characters"));
        }
        name => name.map(|name| clean(name, NAME_MAX)).filter(|name| !name.is_empty()),
    };
    let target = match query.text("account")? {
        None if name.is_none() => Target::Any,
        None | Some("new") => Target::New { name },
        Some(named) => {
            let id = web.whom(query).await?.named;
            Target::Account(id.ok_or_else(|| Problem::missing("account", named))?)
        }
    };
    let words = [("contacts", false), ("directory", true), ("contacts,directory", true)];
    let directory = query.one_of("scopes", &words, false)?;
    Ok(Ask { target, directory })
}

/// The account that is named, by its id or its name; else the first one.
async fn meant(web: &Web, query: &Query) -> Result<Option<Account>, Problem> {
    Ok(web.whom(query).await?.accounts.into_iter().next())
}

/// Begins a consent: the address, the state, and the cookie that binds it.
async fn begin(
    web: &Web,
    headers: &HeaderMap,
    query: &Query,
) -> Result<(AuthUrl, HeaderValue), Problem> {
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
    let ask = ask(web, query).await?;
    let authorization = web.app.connector.begin(&ask, Some(&digest(&browser))).await?;
    let secure = web.app.config.google_redirect_uri.starts_with("https://");
    // As the browser will see it, whatever path we are below.
    let back = redirect::path_of(web.app.connector.redirect_uri());
    let path = back.rsplit_once('/').map_or("/", |it| it.0);
    let path = if path.is_empty() { "/" } else { path };
    let set = format!(
        "{COOKIE}={browser}; Path={path}; Max-Age={}; HttpOnly; SameSite=Lax{}",
        CONSENT_TIME.as_secs(),
        if secure { "; Secure" } else { "" }
    );
    let set = HeaderValue::try_from(set)
        .map_err(|_| Problem::later("the cookie could not be made", CONSENT_TIME))?;
    Ok((AuthUrl { auth_url: authorization.url, state: authorization.state }, set))
}

/// The address of Google's consent page
///
/// The answer sets a cookie, and only the browser that has it can come back: open the address where
/// this was asked, or simply open `/auth/google` in a browser. What Google sends the browser to can also
/// be handed to `POST /auth/callback/paste`.
#[utoipa::path(
    get, path = "/auth/url", tag = "auth", operation_id = "auth_url",
    params(
        ("account" = Option<String>, Query, min_length = 1, description = "The id or the name of the account to connect again, or `new`. Unless given: the account of that person, else the only one, else a new one"),
        ("name" = Option<String>, Query, max_length = 100, description = "What a new account is called"),
        ("scopes" = Option<String>, Query, pattern = "^(contacts|directory|contacts,directory)$", description = "`contacts`, which are always asked for, or `contacts,directory` for the directory of a Workspace domain, too"),
    ),
    responses(
        (status = 200, body = AuthUrl, headers(("set-cookie" = String))),
        (status = 404, body = ProblemBody, description = "There is no such account"),
        (status = 409, body = ProblemBody, description = "Another account has this name"),
        (status = 502, body = ProblemBody, description = "The OAuth client cannot be used"),
    ),
)]
pub(crate) async fn url(
    State(web): State<Web>,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Problem> {
    let (body, set) = begin(&web, &headers, &query).await?;
    Ok(([(header::SET_COOKIE, set)], Json(body)).into_response())
}

/// Go to Google's consent page
///
/// A browser that could not come back by itself is shown a page first that says how to: when Google would
/// refuse the redirect address, and when that address leads to the browser's own machine and we are on
/// another one.
#[utoipa::path(
    get, path = "/auth/google", tag = "auth", operation_id = "auth_google",
    params(
        ("account" = Option<String>, Query, min_length = 1, description = "As for `/auth/url`"),
        ("name" = Option<String>, Query, max_length = 100, description = "What a new account is called"),
        ("scopes" = Option<String>, Query, pattern = "^(contacts|directory|contacts,directory)$", description = "As for `/auth/url`"),
    ),
    responses(
        (status = 302, description = "To Google",
            headers(("location" = String), ("set-cookie" = String))),
        (status = 200, description = "How to come back", content((String = "text/html"))),
        (status = 404, body = ProblemBody, description = "There is no such account"),
        (status = 409, body = ProblemBody, description = "Another account has this name, or Google would refuse the redirect address"),
        (status = 502, body = ProblemBody, description = "The OAuth client cannot be used"),
    ),
)]
pub(crate) async fn google(
    State(web): State<Web>,
    visit: Visit,
    caller: Caller,
    parts: Parts,
    query: Query,
) -> Result<Response, Problem> {
    let judgement = web.app.connector.judge_redirect();
    if judgement.verdict == Verdict::Refused {
        let way_out = judgement.way_out.unwrap_or_default();
        if !caller.wants_html {
            let detail = format!("{}; {way_out}", judgement.message);
            return Err(Problem::new(StatusCode::CONFLICT, detail));
        }
        let title = connecting::NOT_BACK;
        let words = vec![format!("{}.", judgement.message), format!("{way_out}.")];
        return Ok(connecting::told(visit, StatusCode::CONFLICT, title, words));
    }
    let found_at = origin::host(&web, &parts).unwrap_or_default();
    let redirect_uri = web.app.connector.redirect_uri();
    if caller.wants_html
        && let Some(origin) = redirect::begins_at(redirect_uri, &found_at)
    {
        let to = HeaderValue::try_from(format!("{origin}{}{}", BasePath::of(&parts), visit.path));
        let to = to.map_err(|_| {
            Problem::new(StatusCode::BAD_GATEWAY, "GOOGLE_REDIRECT_URI is no address")
        })?;
        return Ok((StatusCode::FOUND, [(header::LOCATION, to)]).into_response());
    }
    let (body, set) = match begin(&web, &parts.headers, &query).await {
        Ok(begun) => begun,
        Err(problem) if caller.wants_html => {
            let title = connecting::NOT_CONNECTED;
            return Ok(connecting::told(visit, problem.status, title, vec![problem.detail]));
        }
        Err(problem) => return Err(problem),
    };
    if caller.wants_html && !redirect::comes_back(redirect_uri, &found_at) {
        let port = redirect::loopback_port(redirect_uri).unwrap_or(8000);
        let mut response = connecting::before_leaving(visit, redirect_uri, body.auth_url, port);
        response.headers_mut().insert(header::SET_COOKIE, set);
        return Ok(response);
    }
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
        (status = 200, description = "Connected; the first sync starts by itself", content((Done = "application/json"), (String = "text/html"))),
        (status = 400, description = "Not begun here, or refused", content((ProblemBody = "application/json"), (String = "text/html"))),
        (status = 409, description = "Another Google account", content((ProblemBody = "application/json"), (String = "text/html"))),
        (status = 502, description = "Google refuses the client", content((ProblemBody = "application/json"), (String = "text/html"))),
    ),
)]
pub(crate) async fn callback(
    State(web): State<Web>,
    visit: Visit,
    guest: Guest,
    caller: Caller,
    headers: HeaderMap,
    query: Query,
) -> Response {
    let brought = async {
        let state = query.text("state")?.unwrap_or_default().to_owned();
        let code = query.text("code")?.filter(|code| !code.is_empty());
        let answer = match (query.text("error")?, code) {
            (Some(error), _) => Err(error.to_owned()),
            (None, Some(code)) => Ok(code.into()),
            (None, None) => return Err(Problem::new(StatusCode::BAD_REQUEST, CUT_OFF)),
        };
        let browser = cookie(&headers).map(digest);
        let bringer = Bringer::Browser(browser.as_deref());
        come_back(&web, &WayBack { state, answer }, bringer).await
    };
    let brought = brought.await;
    // It is a GET, so the entrance takes it for a look; and whoever comes need not be signed in here.
    let name = brought.as_ref().ok().map(|it| it.name.as_str());
    note_about(&web, &guest, &actor(&guest), "connect at Google", name.is_some(), name).await;
    let mut response = told(&web, brought, visit, caller.wants_html).await;
    // The address holds the code, and no log of a proxy should have it once more.
    let quiet = HeaderValue::from_static("no-referrer");
    response.headers_mut().insert(header::REFERRER_POLICY, quiet);
    response
}

/// The way back from Google, by hand
///
/// For a browser that ended at an address that it could not open: `url` is that address.
#[utoipa::path(
    post, path = "/auth/callback/paste", tag = "auth", operation_id = "auth_callback_paste",
    request_body(content((Pasted = "application/json"), (Pasted = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, description = "Connected; the first sync starts by itself", content((Done = "application/json"), (String = "text/html"))),
        (status = 400, description = "Not begun here, or refused", content((ProblemBody = "application/json"), (String = "text/html"))),
        (status = 409, description = "Another Google account", content((ProblemBody = "application/json"), (String = "text/html"))),
        (status = 502, description = "Google refuses the client", content((ProblemBody = "application/json"), (String = "text/html"))),
    ),
)]
pub(crate) async fn paste(
    State(web): State<Web>,
    visit: Visit,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let kind = text_of(request.headers(), header::CONTENT_TYPE.as_str()).to_ascii_lowercase();
    let pasted = if kind.starts_with("application/x-www-form-urlencoded") {
        form(request).await?.text("url")?.map(str::to_owned)
    } else {
        let Body(body) = Body::from_request(request, &web).await?;
        body["url"].as_str().map(str::to_owned)
    };
    // Not repeated: it holds the code.
    let wanted = "`url` must be the whole address that your browser ended at, with `code=` and `state=` in it";
    let pasted = pasted.ok_or_else(|| Problem::unreadable(wanted))?;
    let brought = match WayBack::parse(&pasted) {
        Some(back) => come_back(&web, &back, Bringer::Trusted).await,
        None => Err(Problem::new(StatusCode::BAD_REQUEST, wanted)),
    };
    Ok(told(&web, brought, visit, caller.wants_html).await)
}

const CUT_OFF: &str = "there is no answer from Google in this address: either it was cut off, or nobody was sent here \
    by Google; begin at /auth/google";

async fn told(
    web: &Web,
    brought: Result<Account, Problem>,
    visit: Visit,
    wants_html: bool,
) -> Response {
    match brought {
        Ok(account) if wants_html => connecting::connected(web, visit, &account).await,
        Ok(account) => {
            let name = account.name;
            let message = format!(
                "The Google account is connected as {name}, and its contacts are being fetched."
            );
            Json(Done::because(message)).into_response()
        }
        Err(problem) if !wants_html => problem.into_response(),
        Err(problem) => {
            let title = connecting::NOT_CONNECTED;
            connecting::told(visit, problem.status, title, vec![problem.detail])
        }
    }
}

/// Returns the account that was connected.
async fn come_back(web: &Web, back: &WayBack, bringer: Bringer<'_>) -> Result<Account, Problem> {
    let brought = web.app.connector.come_back(back, bringer).await;
    let account = brought.map_err(|problem| match problem {
        // What is refused here was refused to this person at Google's page, not to a program.
        ConnectProblem::Refused(detail) => Problem::new(StatusCode::BAD_REQUEST, detail),
        other => other.into(),
    })?;
    info!(account = account.0, "account {} was connected", account.0);
    web.app.welcome(account).await;
    let found = web.app.store.account(account).await?;
    found.ok_or_else(|| Problem::new(StatusCode::CONFLICT, "the account was removed meanwhile"))
}

/// The OAuth client in whose name people are asked
#[utoipa::path(
    get, path = "/api/google/client", tag = "auth", operation_id = "google_client",
    responses((status = 200, body = GoogleClient)),
)]
pub(crate) async fn client(State(web): State<Web>) -> Result<Json<GoogleClient>, Problem> {
    Ok(Json(google_client(&web).await?))
}

pub(crate) async fn google_client(web: &Web) -> Result<GoogleClient, Problem> {
    let connector = &web.app.connector;
    let client = connector.client().await?;
    let judgement = connector.judge_redirect();
    Ok(GoogleClient::of(client.as_ref(), connector.redirect_uri(), &judgement))
}

/// Enter the OAuth client
///
/// It is kept sealed, never told again, and in force at once.
#[utoipa::path(
    put, path = "/api/google/client", tag = "auth", operation_id = "put_google_client",
    request_body = NewGoogleClient,
    responses(
        (status = 200, body = GoogleClient),
        (status = 409, body = ProblemBody, description = "The configuration has one, which wins"),
    ),
)]
pub(crate) async fn put_client(
    State(web): State<Web>,
    Body(body): Body,
) -> Result<Json<GoogleClient>, Problem> {
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    enter_client(&web, OAuthClient::new(text("client_id"), text("client_secret"))).await?;
    Ok(Json(google_client(&web).await?))
}

/// The same, for the dashboard.
pub(crate) async fn enter_client(
    web: &Web,
    client: Result<OAuthClient, NotAClient>,
) -> Result<(), Problem> {
    let client = client.map_err(|problem| Problem::unreadable(problem.to_string()))?;
    web.app.connector.enter_client(&client).await?;
    info!("an OAuth client was entered");
    Ok(())
}

/// Forget the OAuth client that was entered
///
/// Permissions that were given to it stay, and cannot be renewed without it.
#[utoipa::path(
    delete, path = "/api/google/client", tag = "auth", operation_id = "delete_google_client",
    responses(
        (status = 200, body = Done),
        (status = 404, body = ProblemBody, description = "None was entered"),
        (status = 409, body = ProblemBody, description = "It is of the configuration"),
    ),
)]
pub(crate) async fn delete_client(State(web): State<Web>) -> Result<Json<Done>, Problem> {
    forget_client(&web).await?;
    Ok(Json(Done::because("Ringbook forgot the OAuth client")))
}

/// The same, for the dashboard.
pub(crate) async fn forget_client(web: &Web) -> Result<(), Problem> {
    if !web.app.connector.forget_client().await? {
        return Err(Problem::new(StatusCode::NOT_FOUND, "no OAuth client was entered"));
    }
    info!("the OAuth client that was entered is forgotten");
    Ok(())
}

/// A page that says one thing and needs no other file, for whoever has no server behind it.
pub(crate) fn page(title: &str, message: &str) -> String {
    let (title, message) = (escape(title), escape(message));
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title} · Ringbook</title>\
         <style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:38rem;margin:4rem auto;\
         padding:0 1rem}}</style><h1>{title}</h1><p>{message}</p></html>"
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
    params(("account" = Option<String>, Query, min_length = 1, max_length = 100, description = "Its id or its name; the first one unless named")),
    responses((status = 200, body = AuthStatus), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn status(
    State(web): State<Web>,
    query: Query,
) -> Result<Json<AuthStatus>, Problem> {
    let configured = web.app.connector.is_configured().await;
    let account = meant(&web, &query).await?;
    let grant = match account {
        Some(account) => web.app.store.grant_facts(account.id).await?.map(|it| (account.id, it)),
        None => None,
    };
    let grant = grant.as_ref().map(|(account, grant)| (*account, grant));
    let redirect_problem = redirect_problem(&web.app.connector.judge_redirect());
    let status = AuthStatus::of(&web.out, grant, configured, web.now());
    Ok(Json(AuthStatus { redirect_problem, ..status }))
}

async fn connected(web: &Web, query: &Query) -> Result<Account, Problem> {
    let account = meant(web, query).await?;
    let account = account.filter(|it| it.grant.is_some());
    account.ok_or_else(|| ConnectProblem::NotConnected.into())
}

/// Renew the access token now
#[utoipa::path(
    post, path = "/auth/refresh", tag = "auth", operation_id = "auth_refresh",
    params(("account" = Option<String>, Query, min_length = 1, max_length = 100, description = "Its id or its name; the first one unless named")),
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
    params(("account" = Option<String>, Query, min_length = 1, max_length = 100, description = "Its id or its name; the first one unless named")),
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
    params(("account" = Option<String>, Query, min_length = 1, max_length = 100, description = "Its id or its name; the first one unless named")),
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
    web.app.disconnect(&account, false).await?;
    Ok(Json(Done::because("Ringbook forgot the permission; the contacts stay here")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_cannot_bring_markup_into_the_page() {
        let page = page("t", "<script>\"&'");
        assert!(page.contains("&lt;script&gt;&quot;&amp;&#39;") && !page.contains("<script>"));
    }
}
