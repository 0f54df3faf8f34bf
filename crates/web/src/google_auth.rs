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

use crate::Web;
use crate::auth::people::note_about;
use crate::auth::{AuthContext, actor};
use crate::base_path::BasePath;
use crate::input::{Body, Query, Requester, form, text_of};
use crate::origin;
use crate::pages::{PageContext, connecting};
use crate::problem::Problem;
use ringbook_app::connect::redirect;
use ringbook_app::connect::redirect::Verdict;
use ringbook_app::connect::{Ask, CallbackParams, ConnectProblem, NotAClient, OAuthClient, digest};
use ringbook_app::wire::{
    AuthStatus, AuthUrl, Done, GoogleClient, NewGoogleClient, Pasted, ProblemBody,
    TestedConnection, redirect_problem, unrenewable,
};
use ringbook_core::clock::between;
use ringbook_core::contact::clean;
use ringbook_store::{Account, CONSENT_TIME, CallbackOrigin, Target};

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
    let return_to = match query.text("redirect_uri")?.filter(|it| !it.is_empty()) {
        Some(wanted) => Some(return_to(web, wanted)?),
        None => None,
    };
    Ok(Ask { target, directory, return_to })
}

/// Where the browser goes on when the account is connected: a path of this server, or a page of an origin that is
/// configured. Anything else would let a stranger's link lead people away from here.
fn return_to(web: &Web, wanted: &str) -> Result<String, Problem> {
    let config = &web.app.config;
    let own = [Some(&config.google_redirect_uri), config.public_url.as_ref()];
    let mut known = config.auth_return_origins.clone();
    known.extend(own.into_iter().flatten().filter_map(|it| redirect::origin(it)));
    if redirect::may_return_to(wanted, &known) {
        return Ok(wanted.to_owned());
    }
    let allowed = "a path of this server, or a page of an origin in AUTH_RETURN_ORIGINS";
    Err(Problem::value("redirect_uri", wanted, allowed))
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
        ("redirect_uri" = Option<String>, Query, max_length = 2000, description = "Where the browser goes when the account is connected: a path of this server, or a page of an origin in AUTH_RETURN_ORIGINS. Unless given: a page of ours"),
    ),
    responses(
        (status = 200, body = AuthUrl, headers(("set-cookie" = String))),
        (status = 404, body = ProblemBody, description = "There is no such account"),
        (status = 409, body = ProblemBody, description = "Another account has this name"),
        (status = 414, body = ProblemBody, description = "The address is longer than 8 KiB"),
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
        ("redirect_uri" = Option<String>, Query, max_length = 2000, description = "As for `/auth/url`"),
    ),
    responses(
        (status = 302, description = "To Google",
            headers(("location" = String), ("set-cookie" = String))),
        (status = 200, description = "How to come back", content((String = "text/html"))),
        (status = 404, body = ProblemBody, description = "There is no such account"),
        (status = 409, body = ProblemBody, description = "Another account has this name, or Google would refuse the redirect address"),
        (status = 414, body = ProblemBody, description = "The address is longer than 8 KiB"),
        (status = 502, body = ProblemBody, description = "The OAuth client cannot be used"),
    ),
)]
pub(crate) async fn google(
    State(web): State<Web>,
    visit: PageContext,
    requester: Requester,
    parts: Parts,
    query: Query,
) -> Result<Response, Problem> {
    let judgement = web.app.connector.judge_redirect();
    if judgement.verdict == Verdict::Refused {
        let way_out = judgement.way_out.unwrap_or_default();
        if !requester.wants_html {
            let detail = format!("{}; {way_out}", judgement.message);
            return Err(Problem::new(StatusCode::CONFLICT, detail));
        }
        let title = connecting::NOT_BACK;
        let words = vec![format!("{}.", judgement.message), format!("{way_out}.")];
        return Ok(connecting::told(visit, StatusCode::CONFLICT, title, words));
    }
    let found_at = origin::host(&web, &parts).unwrap_or_default();
    let redirect_uri = web.app.connector.redirect_uri();
    if requester.wants_html
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
        Err(problem) if requester.wants_html => {
            let title = connecting::NOT_CONNECTED;
            return Ok(connecting::told(visit, problem.status, title, vec![problem.detail]));
        }
        Err(problem) => return Err(problem),
    };
    if requester.wants_html && !redirect::comes_back(redirect_uri, &found_at) {
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
        ("again" = Option<String>, Query, description = "Instead of a code: another try with the one that was brought before, where Google had trouble then"),
    ),
    responses(
        (status = 200, description = "Connected; the first sync starts by itself", content((Done = "application/json"), (String = "text/html"))),
        (status = 302, description = "Connected, and on to the `redirect_uri` that was asked for", headers(("location" = String))),
        (status = 400, description = "Not begun here, or refused", content((ProblemBody = "application/json"), (String = "text/html"))),
        (status = 409, description = "Another Google account", content((ProblemBody = "application/json"), (String = "text/html"))),
        (status = 502, description = "Google refuses the client", content((ProblemBody = "application/json"), (String = "text/html"))),
    ),
)]
pub(crate) async fn callback(
    State(web): State<Web>,
    visit: PageContext,
    guest: AuthContext,
    requester: Requester,
    headers: HeaderMap,
    query: Query,
) -> Response {
    let brought = async {
        let state = query.text("state")?.unwrap_or_default().to_owned();
        let code = query.text("code")?.filter(|code| !code.is_empty());
        let is_again = query.text("again")?.is_some();
        let back = match (query.text("error")?, code) {
            (Some(error), _) => CallbackParams { state, answer: Err(error.to_owned()) },
            (None, Some(code)) => CallbackParams { state, answer: Ok(code.into()) },
            (None, None) if is_again => CallbackParams::again(state),
            (None, None) => return Err(Problem::new(StatusCode::BAD_REQUEST, CUT_OFF)),
        };
        let browser = cookie(&headers).map(digest);
        let bringer = CallbackOrigin::Browser(browser.as_deref());
        come_back(&web, &back, bringer).await
    };
    let brought = brought.await;
    // It is a GET, so the entrance takes it for a look; and whoever comes need not be signed in here.
    let name = brought.as_ref().ok().map(|it| it.account.name.as_str());
    note_about(&web, &guest, &actor(&guest), "connect at Google", name.is_some(), name).await;
    let mut response = told(&web, brought, visit, requester.wants_html).await;
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
    visit: PageContext,
    requester: Requester,
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
    let brought = match CallbackParams::parse(&pasted) {
        Some(back) => come_back(&web, &back, CallbackOrigin::Trusted).await,
        None => Err(Problem::new(StatusCode::BAD_REQUEST, wanted)),
    };
    // A program is not sent anywhere.
    let brought = brought.map(|it| match requester.wants_html {
        true => it,
        false => Connected { return_to: None, ..it },
    });
    Ok(told(&web, brought, visit, requester.wants_html).await)
}

const CUT_OFF: &str = "there is no answer from Google in this address: either it was cut off, or nobody was sent here \
    by Google; begin at /auth/google";

async fn told(
    web: &Web,
    brought: Result<Connected, Problem>,
    visit: PageContext,
    wants_html: bool,
) -> Response {
    match brought {
        Ok(Connected { return_to: Some(to), .. }) if HeaderValue::try_from(&to).is_ok() => {
            (StatusCode::FOUND, [(header::LOCATION, to)]).into_response()
        }
        Ok(it) if wants_html => connecting::connected(web, visit, &it.account, it.again).await,
        Ok(it) => {
            let (name, again) = (&it.account.name, it.again);
            let fetched = if again { "" } else { ", and its contacts are being fetched" };
            let mut message = format!("The Google account is connected as {name}{fetched}.");
            if let Some(warning) = warning(web, &it.account).await {
                message.push_str(&format!(" But {warning}"));
            }
            Json(Done::because(message)).into_response()
        }
        Err(problem) if !wants_html => problem.into_response(),
        Err(problem) => {
            // A state of ours, which needs no escapes in an address.
            let again = problem.text("again");
            let again = again.map(|state| format!("/auth/callback?state={state}&again=1"));
            let title = connecting::NOT_CONNECTED;
            connecting::told_with(visit, problem.status, title, vec![problem.detail], again)
        }
    }
}

/// What is to be known of a permission that was just given: it cannot be renewed.
pub(crate) async fn warning(web: &Web, account: &Account) -> Option<String> {
    // It is connected also when this cannot be told.
    let grant = web.app.store.grant_facts(account.id).await.ok().flatten()?;
    unrenewable(&web.out, grant.lacks_refresh_token().then_some(grant.expires_at))
}

/// What came of a way back.
struct Connected {
    account: Account,
    /// It was connected before, and only looked at again.
    again: bool,
    return_to: Option<String>,
}

/// Returns the account that was connected.
async fn come_back(
    web: &Web,
    back: &CallbackParams,
    bringer: CallbackOrigin<'_>,
) -> Result<Connected, Problem> {
    let brought = web.app.connector.arrive(back, bringer).await;
    let arrival = brought.map_err(|problem| match problem {
        // What is refused here was refused to this person at Google's page, not to a program.
        ConnectProblem::Refused(detail) => Problem::new(StatusCode::BAD_REQUEST, detail),
        ConnectProblem::Unfinished(_) => Problem::from(problem).with("again", &back.state),
        other => other.into(),
    })?;
    let account = arrival.account;
    if !arrival.again {
        info!(account = account.0, "account {} was connected", account.0);
        web.app.welcome(account).await;
    }
    let found = web.app.store.account(account).await?;
    let found = found
        .ok_or_else(|| Problem::new(StatusCode::CONFLICT, "the account was removed meanwhile"));
    Ok(Connected { account: found?, again: arrival.again, return_to: arrival.return_to })
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
pub fn page(title: &str, message: &str) -> String {
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
    let account = connected_if(web, query).await?;
    account.ok_or_else(|| ConnectProblem::NotConnected.into())
}

/// The account that is named, if it has a permission.
async fn connected_if(web: &Web, query: &Query) -> Result<Option<Account>, Problem> {
    Ok(meant(web, query).await?.filter(|it| it.grant.is_some()))
}

const NOTHING_CONNECTED: &str = "No Google account is connected; nothing was revoked";

/// Ask Google who answers
///
/// The connection to Google from here to its end: the network, the permission, and the People API.
#[utoipa::path(
    get, path = "/api/test-connection", tag = "auth", operation_id = "test_connection",
    params(("account" = Option<String>, Query, min_length = 1, max_length = 100, description = "Its id or its name; the first one unless named")),
    responses(
        (status = 200, body = TestedConnection),
        (status = 401, body = ProblemBody, description = "Not connected, or not any more"),
        (status = 404, body = ProblemBody),
        (status = 502, body = ProblemBody, description = "Google refuses, for a reason that a person must fix"),
    ),
)]
pub(crate) async fn test_connection(
    State(web): State<Web>,
    query: Query,
) -> Result<Json<TestedConnection>, Problem> {
    let account = connected(&web, &query).await?;
    let begun = web.now();
    let google_id = web.app.connector.who_answers(&account).await?;
    let elapsed = between(begun, web.now());
    Ok(Json(TestedConnection::of(&web.out, &account, google_id.as_ref(), elapsed)))
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
        (status = 200, body = Done, description = "`success` is false where nothing was connected"),
        (status = 404, body = ProblemBody),
        (status = 502, body = ProblemBody, description = "Google refuses the client"),
    ),
)]
pub(crate) async fn revoke(State(web): State<Web>, query: Query) -> Result<Json<Done>, Problem> {
    let Some(account) = connected_if(&web, &query).await? else {
        return Ok(Json(Done::nothing(NOTHING_CONNECTED)));
    };
    web.app.connector.revoke(&account).await?;
    info!(account = account.id.0, "the permission of account {} was given back", account.id.0);
    Ok(Json(Done::because("The permission was given back to Google; the contacts stay here")))
}

/// Forget the permission here, and tell Google to end it
///
/// The contacts stay. It is forgotten also when Google cannot be told; the message says which.
#[utoipa::path(
    post, path = "/auth/disconnect", tag = "auth", operation_id = "auth_disconnect",
    params(("account" = Option<String>, Query, min_length = 1, max_length = 100, description = "Its id or its name; the first one unless named")),
    responses(
        (status = 200, body = Done, description = "`success` is false where nothing was connected"),
        (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody, description = "It uses the permission of another account"),
    ),
)]
pub(crate) async fn disconnect(
    State(web): State<Web>,
    query: Query,
) -> Result<Json<Done>, Problem> {
    let Some(account) = connected_if(&web, &query).await? else {
        return Ok(Json(Done::nothing(NOTHING_CONNECTED)));
    };
    let (_, at_google) = web.app.disconnect(&account, false, true).await?;
    let at_google = at_google.map_or_else(String::new, |it| format!(" {}", it.in_words()));
    let message = format!("Ringbook forgot the permission; the contacts stay here.{at_google}");
    Ok(Json(Done::because(message)))
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
