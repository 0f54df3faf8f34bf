//! The way to a connected account, step by step. Which steps are done is seen from what is there.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use crate::Web;
use crate::auth::about;
use crate::google_auth::{enter_client, forget_client, google_client};
use crate::input::{Form, Query};
use crate::pages::{Moment, PageContext, Place, page, problem_page};
use crate::problem::Problem;
use ringbook_app::connect::OAuthClient;
use ringbook_core::clock::after;
use ringbook_core::sync::account::NAME_MAX;

/// How long Google keeps a permission of an app in "Testing".
const TESTING: Duration = Duration::from_secs(7 * 86_400);

#[derive(Template)]
#[template(path = "connect.html")]
struct Connect {
    visit: PageContext,
    here: Place,
    /// The OAuth client in force, and where it comes from.
    client: Option<(String, Origin)>,
    /// What is odd about it, in English.
    warning: Option<String>,
    redirect_uri: String,
    redirect_problem: Option<String>,
    /// Google would let nobody back.
    is_refused: bool,
    /// When a permission that is given today ends, if the app is left in "Testing".
    testing_ends: Moment,
    name_max: usize,
    name: String,
    directory: bool,
    /// Why the name cannot be.
    wrong_name: Option<String>,
    /// It is known for which account Google is asked.
    leaves: bool,
    client_id: String,
    wrong_client: Option<String>,
    /// They are asked whether the client is to be forgotten; and whose accounts depend on it.
    asks_to_forget: bool,
    dependent: String,
    /// The downloaded file does not name our redirect URI.
    lacks_redirect: bool,
}

#[derive(PartialEq, Eq)]
enum Origin {
    Entered,
    /// A setting, by the name of its source.
    Set(String),
}

/// What goes with the page.
#[derive(Default)]
struct Sent {
    name: String,
    directory: bool,
    wrong_name: Option<String>,
    leaves: bool,
    client_id: String,
    wrong_client: Option<Problem>,
    lacks_redirect: bool,
    asks_to_forget: bool,
}

/// `GET /accounts/connect`; with `name`, `directory` and `go` it shows the way to Google.
pub(super) async fn connect(
    State(web): State<Web>,
    visit: PageContext,
    query: Query,
) -> Result<Response, Problem> {
    let name = query.text("name")?.unwrap_or_default().trim().to_owned();
    let directory = query.text("directory")?.is_some();
    let lacks_redirect = query.text("lacks")?.is_some();
    let asks_to_forget = query.one_of("ask", &[("forget", true)], false)?;
    let mut sent = Sent { name, directory, lacks_redirect, asks_to_forget, ..Sent::default() };
    if query.text("go")?.is_some() {
        let checked = match sent.name.as_str() {
            "" => Ok(()),
            name => web.app.connector.refuse_name(name).await,
        };
        match checked {
            Ok(()) => sent.leaves = true,
            Err(problem) => sent.wrong_name = Some(problem.to_string()),
        }
    }
    show(&web, visit, sent).await
}

async fn show(web: &Web, visit: PageContext, sent: Sent) -> Result<Response, Problem> {
    let known = google_client(web).await?;
    let client = known.client_id.zip(known.source).map(|(id, source)| match source.as_str() {
        "entered" => (id, Origin::Entered),
        _ => (id, Origin::Set(source)),
    });
    let judgement = web.app.connector.judge_redirect();
    let status = match (&sent.wrong_client, &sent.wrong_name) {
        (Some(problem), _) => problem.status,
        (None, Some(_)) => StatusCode::UNPROCESSABLE_ENTITY,
        (None, None) => StatusCode::OK,
    };
    let mut response = page(&Connect {
        client,
        warning: known.warning,
        redirect_uri: known.redirect_uri,
        redirect_problem: known.redirect_problem,
        is_refused: judgement.verdict == ringbook_app::connect::redirect::Verdict::Refused,
        testing_ends: visit.exact(&after(visit.now, TESTING)),
        name_max: NAME_MAX,
        name: sent.name,
        directory: sent.directory,
        wrong_name: sent.wrong_name,
        leaves: sent.leaves,
        client_id: sent.client_id,
        wrong_client: sent.wrong_client.map(|it| it.detail),
        lacks_redirect: sent.lacks_redirect,
        dependent: if sent.asks_to_forget { dependent(web).await? } else { String::new() },
        asks_to_forget: sent.asks_to_forget,
        here: Place::Accounts,
        visit,
    });
    if response.status() == StatusCode::OK {
        *response.status_mut() = status;
    }
    Ok(response)
}

/// The accounts that a person's consent connects, by name.
async fn dependent(web: &Web) -> Result<String, Problem> {
    let mut names = Vec::new();
    for account in web.app.store.accounts().await? {
        let giver = account.grant_of.unwrap_or(account.id);
        let grant = web.app.store.grant_facts(giver).await?;
        if grant.is_some_and(|it| it.service.is_none()) {
            names.push(account.name);
        }
    }
    Ok(names.join(", "))
}

/// `POST /do/accounts/client`: `file` is what the Google Cloud console downloads; or `client_id` and
/// `client_secret`.
pub(super) async fn enter(
    State(web): State<Web>,
    visit: PageContext,
    Form(form): Form,
) -> Response {
    let text = |name: &str| form.text(name).ok().flatten().unwrap_or_default();
    let file = text("file").trim();
    let client = match file {
        "" => OAuthClient::new(text("client_id"), text("client_secret")),
        file => OAuthClient::from_download(file),
    };
    let id = client.as_ref().map_or_else(|_| text("client_id").to_owned(), |it| it.id.clone());
    match enter_client(&web, client).await {
        Ok(()) => {
            let lacks = OAuthClient::lacks_redirect(file, web.app.connector.redirect_uri());
            let to = if lacks {
                "/accounts/connect?lacks=1#client"
            } else {
                "/accounts/connect#account"
            };
            about(&id, Redirect::to(to).into_response())
        }
        Err(problem) => {
            // The secret is not shown again.
            let client_id = text("client_id").to_owned();
            let visit = PageContext { path: "/accounts/connect".to_owned(), ..visit };
            let sent = Sent { client_id, wrong_client: Some(problem), ..Sent::default() };
            show(&web, visit, sent).await.unwrap_or_else(IntoResponse::into_response)
        }
    }
}

/// `POST /do/accounts/forget-client`
pub(super) async fn forget(State(web): State<Web>, visit: PageContext, Form(_): Form) -> Response {
    match forget_client(&web).await {
        Ok(()) => Redirect::to("/accounts/connect").into_response(),
        Err(problem) => problem_page(visit, &problem, "/accounts/connect".to_owned()),
    }
}
