//! Who may administer, and who is signed in.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use secrecy::SecretString;

use crate::Web;
use crate::auth::AuthContext;
use crate::auth::people as api;
use crate::input::{Form, Query};
use crate::pages::settings::{Tab, tabs};
use crate::pages::{Moment, PageContext, Place, page, problem_page};
use crate::problem::Problem;
use ringbook_app::access::PASSWORD_LEN_MIN;
use ringbook_app::services::Caller;
use ringbook_store::{AdminRow, MadeTokens, SessionRow};

#[derive(Template)]
#[template(path = "people.html")]
struct People {
    visit: PageContext,
    here: Place,
    tabs: Vec<Tab>,
    pub people: Vec<Person>,
    sessions: Vec<Session>,
    /// What was entered, where it was not accepted, and why.
    name: String,
    wrong: Option<String>,
    password_min: usize,
    /// Who reads this is signed in with a password, and is asked for it once more.
    asks_again: bool,
    /// People sign in at a proxy, too.
    has_proxy: bool,
}

struct Person {
    id: String,
    name: String,
    since: Moment,
    changed: Moment,
    /// It is who reads this.
    is_reader: bool,
}

/// Somebody who is signed in.
struct Session {
    id: String,
    name: String,
    since: Moment,
    seen: Moment,
    from: String,
    agent: String,
    /// It is the one that reads this.
    is_own: bool,
}

#[derive(Template)]
#[template(path = "person.html")]
struct One {
    visit: PageContext,
    here: Place,
    it: Person,
    /// Their own password, which takes the one before.
    is_own: bool,
    /// They are asked whether they mean it.
    asks: bool,
    wrong: Option<String>,
    password_min: usize,
    /// Who reads this is signed in with a password, and is asked for it once more.
    asks_again: bool,
    /// The names of the tokens in use that they made.
    tokens: Vec<String>,
}

fn person_of(visit: &PageContext, guest: &AuthContext, row: AdminRow) -> Person {
    Person {
        since: visit.ago(&row.created_at),
        changed: visit.ago(&row.changed_at),
        is_reader: guest.who.name() == Some(row.name.as_str()),
        id: row.id,
        name: row.name,
    }
}

fn session_of(visit: &PageContext, guest: &AuthContext, row: SessionRow) -> Session {
    Session {
        is_own: guest.session.as_ref().is_some_and(|own| own.id == row.id),
        since: visit.ago(&row.created_at),
        seen: visit.ago(&row.seen_at),
        from: row.address.unwrap_or_default(),
        agent: row.agent.unwrap_or_default(),
        id: row.id,
        name: row.name,
    }
}

/// `GET /access`
pub(super) async fn people(
    State(web): State<Web>,
    visit: PageContext,
    guest: AuthContext,
) -> Result<Response, Problem> {
    show(&web, visit, &guest, String::new(), None).await
}

async fn show(
    web: &Web,
    visit: PageContext,
    guest: &AuthContext,
    name: String,
    wrong: Option<Problem>,
) -> Result<Response, Problem> {
    let (idle, begun) = web.app.access.since();
    let sessions = web.app.store.sessions(idle, begun).await?;
    let people = web.app.store.people().await?;
    let status = wrong.as_ref().map_or(StatusCode::OK, |it| it.status);
    let mut response = page(&People {
        tabs: tabs(&visit, "/access"),
        people: people.into_iter().map(|it| person_of(&visit, guest, it)).collect(),
        sessions: sessions.into_iter().map(|it| session_of(&visit, guest, it)).collect(),
        name,
        wrong: wrong.map(|it| it.detail),
        password_min: PASSWORD_LEN_MIN,
        asks_again: guest.session.is_some(),
        has_proxy: web.app.config.auth_proxy_header.is_some(),
        here: Place::Settings,
        visit,
    });
    if response.status() == StatusCode::OK {
        *response.status_mut() = status;
    }
    Ok(response)
}

/// `POST /do/access/people/add`: `name` and `password`.
pub(super) async fn add(
    State(web): State<Web>,
    visit: PageContext,
    caller: Caller,
    guest: AuthContext,
    headers: HeaderMap,
    Form(form): Form,
) -> Response {
    let text = |name: &str| form.text(name).ok().flatten().unwrap_or_default().to_owned();
    let (name, password) = (text("name"), SecretString::from(text("password")));
    let current = Some(text("current"));
    let added = api::add_admin(&web, &caller, &guest, &headers, &name, password, current);
    match added.await {
        Ok(()) => Redirect::to("/access").into_response(),
        Err(problem) => {
            let visit = PageContext { path: "/access".to_owned(), ..visit };
            let shown = show(&web, visit, &guest, name, Some(problem)).await;
            shown.unwrap_or_else(IntoResponse::into_response)
        }
    }
}

/// `GET /access/people/{id}`; `ask=remove` asks before it is done.
pub(super) async fn person(
    State(web): State<Web>,
    visit: PageContext,
    guest: AuthContext,
    Path(id): Path<String>,
    query: Query,
) -> Result<Response, Problem> {
    let asks = query.one_of("ask", &[("remove", true)], false)?;
    match api::person(&web, &id).await {
        Ok(row) => Ok(show_one(&web, visit, &guest, row, asks, None).await),
        Err(problem) => Ok(problem_page(visit, &problem, "/access".to_owned())),
    }
}

async fn show_one(
    web: &Web,
    visit: PageContext,
    guest: &AuthContext,
    row: AdminRow,
    asks: bool,
    wrong: Option<Problem>,
) -> Response {
    let status = wrong.as_ref().map_or(StatusCode::OK, |it| it.status);
    let visit = PageContext { path: format!("/access/people/{}", row.id), ..visit };
    let is_own = api::is_own(guest, &row.name);
    let made = web.app.access.tokens_in_use().await.map_err(Problem::from).map(|mut tokens| {
        tokens.retain(|it| it.person.as_ref() == Some(&row.id));
        tokens.into_iter().map(|it| it.name).collect()
    });
    let tokens: Vec<String> = match made {
        Ok(tokens) => tokens,
        Err(problem) => return problem.into_response(),
    };
    let asks_again = guest.session.is_some();
    let it = person_of(&visit, guest, row);
    let (here, password_min) = (Place::Settings, PASSWORD_LEN_MIN);
    let wrong = wrong.map(|it| it.detail);
    let one = One { is_own, it, asks, wrong, password_min, asks_again, tokens, here, visit };
    let mut response = page(&one);
    if response.status() == StatusCode::OK {
        *response.status_mut() = status;
    }
    response
}

/// `POST /do/access/people/{id}/password`: `password`, and `current` for one's own.
pub(super) async fn password(
    State(web): State<Web>,
    visit: PageContext,
    caller: Caller,
    guest: AuthContext,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(form): Form,
) -> Response {
    let row = match api::person(&web, &id).await {
        Ok(row) => row,
        Err(problem) => return problem_page(visit, &problem, "/access".to_owned()),
    };
    let text = |name: &str| form.text(name).ok().flatten().unwrap_or_default().to_owned();
    let changed = async {
        let words = [("revoke", MadeTokens::Revoke)];
        let tokens = form.one_of("tokens", &words, MadeTokens::Keep)?;
        api::prove_again(&web, &guest, &headers, Some(text("current"))).await?;
        let password = SecretString::from(text("password"));
        Ok::<_, Problem>(web.app.set_password(&caller, &row, password, tokens).await?)
    };
    match changed.await {
        Ok(_) => Redirect::to("/access").into_response(),
        Err(problem) => show_one(&web, visit, &guest, row, false, Some(problem)).await,
    }
}

/// `POST /do/access/people/{id}/remove`
pub(super) async fn remove(
    State(web): State<Web>,
    visit: PageContext,
    caller: Caller,
    guest: AuthContext,
    Path(id): Path<String>,
    Form(form): Form,
) -> Response {
    let removed = async {
        let tokens = form.one_of("tokens", &[("keep", MadeTokens::Keep)], MadeTokens::Revoke)?;
        let row = api::person(&web, &id).await?;
        Ok::<_, Problem>(web.app.remove_admin(&caller, &row, tokens).await?)
    };
    match (removed.await, api::person(&web, &id).await) {
        (Ok(_), _) => Redirect::to("/access").into_response(),
        (Err(problem), Ok(row)) => show_one(&web, visit, &guest, row, false, Some(problem)).await,
        (Err(problem), Err(_)) => problem_page(visit, &problem, "/access".to_owned()),
    }
}

/// `POST /do/access/sessions/{id}/end`
pub(super) async fn end(
    State(web): State<Web>,
    visit: PageContext,
    caller: Caller,
    Path(id): Path<String>,
    Form(_): Form,
) -> Response {
    match web.app.revoke_session(&caller, &id).await {
        Ok(()) => Redirect::to("/access").into_response(),
        Err(problem) => problem_page(visit, &problem.into(), "/access".to_owned()),
    }
}
