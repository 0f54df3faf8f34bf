//! The tokens of programs.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};

use crate::Web;
use crate::auth::AuthContext;
use crate::auth::devices::Base;
use crate::auth::people::prove_again;
use crate::input::{Form, Query};
use crate::pages::language::said;
use crate::pages::overview::Severity;
use crate::pages::settings::{Tab, tabs};
use crate::pages::{Moment, PageContext, Place, page, problem_page};
use crate::problem::Problem;
use ringbook_app::auth::NAME_LEN_MAX;
use ringbook_app::services::{Caller, TOKEN_DAYS_MAX};
use ringbook_core::access::Scope;
use ringbook_store::TokenRow;

/// Where who has just become the first administrator finds the tokens that were made before.
pub(crate) const AFTER_SETUP: &str = "/access/tokens?after=setup";

#[derive(Template)]
#[template(path = "tokens.html")]
struct Tokens {
    visit: PageContext,
    here: Place,
    tabs: Vec<Tab>,
    pub tokens: Vec<Token>,
    /// The one whose end is asked for.
    asked: Option<Asked>,
    /// A token that was just made: it is shown this once.
    new: Option<New>,
    entered: Entered,
    wrong: Option<String>,
    name_max: usize,
    days_max: u64,
    base: String,
    /// Who reads this is signed in with a password, and is asked for it once more.
    asks_again: bool,
    /// They have just become the first administrator.
    is_first: bool,
}

/// A program's token, without the token.
struct Token {
    id: String,
    name: String,
    scope: &'static str,
    tone: Severity,
    state: &'static str,
    ends: Option<Moment>,
    is_good: bool,
    since: Moment,
    by: String,
    used: Option<Moment>,
    from: String,
}

/// A token whose end is asked for.
struct Asked {
    id: String,
    name: String,
}

struct New {
    name: String,
    token: String,
}

/// What was entered for a new one.
#[derive(Default)]
struct Entered {
    name: String,
    scope: String,
    days: String,
}

impl Token {
    fn of(visit: &PageContext, row: TokenRow) -> Token {
        let (tone, state) = match (row.revoked_at, row.expires_at) {
            (Some(_), _) => (Severity::Bad, said("Revoked")),
            (None, Some(at)) if at <= visit.now => (Severity::Warn, said("Expired")),
            (None, _) => (Severity::Good, said("In use")),
        };
        Token {
            is_good: tone == Severity::Good,
            tone,
            state: visit.say(state),
            ends: row.expires_at.map(|at| visit.ago(&at)),
            scope: visit.say(scope(row.scope)),
            since: visit.ago(&row.created_at),
            used: row.used_at.map(|at| visit.ago(&at)),
            from: row.used_from.unwrap_or_default(),
            id: row.id,
            name: row.name,
            by: row.created_by,
        }
    }
}

/// What a program may do.
fn scope(scope: Scope) -> &'static str {
    match scope {
        Scope::Read => said("Read"),
        Scope::Sync => said("Read and sync"),
        Scope::Admin => said("Everything"),
    }
}

/// `GET /access/tokens`; `revoke` names one whose end is asked for, and [`AFTER_SETUP`] says what the reader has
/// just done.
pub(super) async fn tokens(
    State(web): State<Web>,
    visit: PageContext,
    Base(base): Base,
    query: Query,
) -> Result<Response, Problem> {
    let asked = query.text("revoke")?.map(str::to_owned);
    show(&web, visit, base, asked.as_deref(), Entered::default(), Ok(None)).await
}

async fn show(
    web: &Web,
    visit: PageContext,
    base: String,
    asked: Option<&str>,
    entered: Entered,
    made: Result<Option<New>, Problem>,
) -> Result<Response, Problem> {
    let rows = web.app.store.tokens().await?;
    let tokens: Vec<Token> = rows.into_iter().map(|it| Token::of(&visit, it)).collect();
    let asked = tokens.iter().find(|it| Some(it.id.as_str()) == asked && it.is_good);
    let asked = asked.map(|it| Asked { id: it.id.clone(), name: it.name.clone() });
    let status = match &made {
        Err(problem) => problem.status,
        Ok(Some(_)) => StatusCode::CREATED,
        Ok(None) => StatusCode::OK,
    };
    let (new, wrong) = match made {
        Ok(new) => (new, None),
        Err(problem) => (None, Some(problem.detail)),
    };
    let mut response = page(&Tokens {
        tabs: tabs(&visit, "/access/tokens"),
        tokens,
        asked,
        new,
        entered,
        wrong,
        name_max: NAME_LEN_MAX,
        days_max: TOKEN_DAYS_MAX,
        base,
        asks_again: !visit.csrf.is_empty(),
        is_first: visit.path.ends_with(AFTER_SETUP),
        here: Place::Settings,
        visit,
    });
    if response.status() == StatusCode::OK {
        *response.status_mut() = status;
    }
    Ok(response)
}

/// `POST /do/access/tokens/add`: `name`, `scope`, `days` that it is good for, if it ends, and `current`, the
/// maker's own password, where it may do everything.
pub(super) async fn add(
    State(web): State<Web>,
    visit: PageContext,
    caller: Caller,
    guest: AuthContext,
    headers: HeaderMap,
    Base(base): Base,
    Form(form): Form,
) -> Response {
    let text = |name: &str| form.text(name).ok().flatten().unwrap_or_default().trim().to_owned();
    let entered = Entered { name: text("name"), scope: text("scope"), days: text("days") };
    let made = async {
        let scopes: Vec<(&str, Scope)> = Scope::ALL.iter().map(|it| (it.as_str(), *it)).collect();
        let scope = form.one_of("scope", &scopes, Scope::Read)?;
        let days = match entered.days.as_str() {
            "" => None,
            days => {
                Some(days.parse().ok().filter(|it| (1..=TOKEN_DAYS_MAX).contains(it)).ok_or_else(
                    || {
                        Problem::value(
                            "days",
                            days,
                            &format!("a whole number from 1 to {TOKEN_DAYS_MAX}"),
                        )
                    },
                )?)
            }
        };
        if scope == Scope::Admin {
            let current = form.text("current")?.map(str::to_owned);
            prove_again(&web, &guest, &headers, current).await?;
        }
        Ok::<_, Problem>(web.app.create_token(&caller, &entered.name, scope, days).await?)
    };
    let (made, entered) = match made.await {
        Ok(made) => {
            let token = made.secret.expose().to_owned();
            (Ok(Some(New { name: made.token.name, token })), Entered::default())
        }
        Err(problem) => (Err(problem), entered),
    };
    // It was made after this visit began.
    let visit = PageContext { path: "/access/tokens".to_owned(), now: web.now(), ..visit };
    let shown = show(&web, visit, base, None, entered, made).await;
    shown.unwrap_or_else(IntoResponse::into_response)
}

/// `POST /do/access/tokens/{id}/revoke`
pub(super) async fn revoke(
    State(web): State<Web>,
    visit: PageContext,
    caller: Caller,
    Path(id): Path<String>,
    Form(_): Form,
) -> Response {
    match web.app.revoke_token(&caller, &id).await {
        Ok(()) => Redirect::to("/access/tokens").into_response(),
        Err(problem) => problem_page(visit, &problem.into(), "/access/tokens".to_owned()),
    }
}
