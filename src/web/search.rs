//! Finding people: for programs, and for switchboards that want a name for a number.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use tracing::error;

use crate::clock::between;
use crate::contact::compose;
use crate::directory::Scope;
use crate::phone::Limited;
use crate::store::ContactId;
use crate::web::Web;
use crate::web::input::{Lenient, Query, text_of};
use crate::web::problem::{Problem, shown};
use crate::web::read::{self, SEARCHED_MAX};
use crate::web::wire::{Caller, ContactSearch, ProblemBody, SearchResults};

const ASKED_MIN: usize = 2;
/// Characters of a name; a display shows fewer, and some switchboards take no more.
const NAME_MAX: usize = 80;
const LIMIT_MAX: u64 = 500;

/// The people that fit best, with how each fits
#[utoipa::path(
    get, path = "/api/search", tag = "contacts", operation_id = "search",
    params(
        ("q" = String, Query, min_length = 2, max_length = 200, pattern = "\\S",
            description = "Parts of names or companies in any order, or a part of a number. Accents, case and script do not matter."),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 500, description = "The setting SEARCH_RESULTS_LIMIT unless given"),
        ("include_phone_search" = Option<bool>, Query, description = "Whether numbers are looked through, too; true unless given"),
        ("account" = Option<String>, Query, min_length = 1, description = "Id or name; all unless named"),
    ),
    responses((status = 200, body = SearchResults), (status = 404, body = ProblemBody), (status = 400, body = ProblemBody, description = "Fewer than two characters")),
)]
pub(crate) async fn search(
    State(web): State<Web>,
    query: Query,
) -> Result<Json<SearchResults>, Problem> {
    let began = web.now();
    let usual = web.app.config.search_results_limit as u64;
    if let Some(few) = query.text("q")?.map(compose)
        && few.trim().chars().count() < ASKED_MIN
    {
        let few = shown(&few);
        let detail = format!("`q`: found `{few}`; at least {ASKED_MIN} characters are needed");
        return Err(Problem::new(axum::http::StatusCode::BAD_REQUEST, detail));
    }
    let asked = asked(&query, &["q"])?;
    let limit = query.whole("limit", 1..=LIMIT_MAX, usual)? as usize;
    let scope = match query.flag("include_phone_search", true)? {
        true => Scope::Everything,
        false => Scope::Names,
    };
    let account = web.whom(&query).await?.named;
    let (results, _) = read::search(&web.app, &web.out, asked, scope, account, (0, limit)).await?;
    let count = results.len();
    let elapsed_ms = between(began, web.now()).as_secs_f64() * 1000.0;
    Ok(Json(SearchResults { results, count, query: asked.to_owned(), elapsed_ms }))
}

/// Everybody who fits, part by part
#[utoipa::path(
    get, path = "/api/contacts/search", tag = "contacts", operation_id = "search_contacts",
    params(
        ("q" = String, Query, min_length = 1, max_length = 200, pattern = "\\S", description = "As in `/api/search`"),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 500, description = "50 unless given"),
        ("offset" = Option<u64>, Query, minimum = 0, description = "0 unless given"),
        ("account" = Option<String>, Query, min_length = 1, description = "Id or name; all unless named"),
    ),
    responses((status = 200, body = ContactSearch), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn contacts(
    State(web): State<Web>,
    query: Query,
) -> Result<Json<ContactSearch>, Problem> {
    part(&web, &query, &["q"], Scope::Everything).await
}

/// Everybody with such a name, part by part
#[utoipa::path(
    get, path = "/api/contacts/search/by-name", tag = "contacts", operation_id = "search_contacts_by_name",
    params(
        ("q" = String, Query, min_length = 1, max_length = 200, pattern = "\\S", description = "Parts of names or companies, in any order"),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 500, description = "50 unless given"),
        ("offset" = Option<u64>, Query, minimum = 0, description = "0 unless given"),
        ("account" = Option<String>, Query, min_length = 1, description = "Id or name; all unless named"),
    ),
    responses((status = 200, body = ContactSearch), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn by_name(
    State(web): State<Web>,
    query: Query,
) -> Result<Json<ContactSearch>, Problem> {
    part(&web, &query, &["q", "name"], Scope::Names).await
}

/// Everybody with such a number, part by part
#[utoipa::path(
    get, path = "/api/contacts/search/by-phone", tag = "contacts", operation_id = "search_contacts_by_phone",
    params(
        ("q" = String, Query, min_length = 1, max_length = 200, pattern = "\\S", description = "At least three digits in a row of the number; from its beginning, if it starts with a country"),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 500, description = "50 unless given"),
        ("offset" = Option<u64>, Query, minimum = 0, description = "0 unless given"),
        ("account" = Option<String>, Query, min_length = 1, description = "Id or name; all unless named"),
    ),
    responses((status = 200, body = ContactSearch), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn by_phone(
    State(web): State<Web>,
    query: Query,
) -> Result<Json<ContactSearch>, Problem> {
    part(&web, &query, &["q", "phone"], Scope::Numbers).await
}

async fn part(
    web: &Web,
    query: &Query,
    names: &[&str],
    scope: Scope,
) -> Result<Json<ContactSearch>, Problem> {
    let asked = asked(query, names)?;
    let limit = query.whole("limit", 1..=LIMIT_MAX, 50)?;
    let offset = query.whole("offset", 0..=u64::MAX, 0)?;
    let first = usize::try_from(offset).unwrap_or(usize::MAX);
    let account = web.whom(query).await?.named;
    let which = (first, limit as usize);
    let (results, total) = read::search(&web.app, &web.out, asked, scope, account, which).await?;
    let has_more = offset.saturating_add(limit) < total as u64;
    Ok(Json(ContactSearch { results, total_count: total as u64, limit, offset, has_more }))
}

/// What is looked for, under the first of these names that is given.
fn asked<'a>(query: &'a Query, names: &[&str]) -> Result<&'a str, Problem> {
    let mut found = None;
    for name in names {
        found = found.or(query.text(name)?);
    }
    let name = names.first().copied().unwrap_or("q");
    let allowed = format!("a text of 1 to {SEARCHED_MAX} characters");
    let missing = || Problem::unreadable(format!("`{name}` is missing; send {allowed}"));
    let text = found.ok_or_else(missing)?;
    if text.trim().is_empty() || text.chars().count() > SEARCHED_MAX {
        return Err(Problem::value(name, text, &allowed));
    }
    Ok(text.trim())
}

/// Whose number this is
///
/// The name as plain text, without a line break; empty when nobody is known. With
/// `Accept: application/json` the contact's id and name.
#[utoipa::path(
    get, path = "/lookup", tag = "phones", operation_id = "lookup",
    params(("number" = Option<String>, Query,
        description = "As it is shown on a display: `+49 30 1234567`, `0049301234567`, `0301234567`, `101`")),
    responses((status = 200, content((String = "text/plain"), (Caller = "application/json")))),
)]
pub(crate) async fn lookup(State(web): State<Web>, parts: Parts) -> Result<Response, Problem> {
    // A switchboard shows whatever comes as the caller's name, so a bad number is nobody's.
    let query = Lenient::of(parts.uri.query());
    let number = query.text("number").unwrap_or_default();
    let json = text_of(&parts.headers, header::ACCEPT.as_str()).contains("application/json");
    let view = match web.app.directory.view().await {
        Ok(view) => view,
        Err(problem) if !json => {
            error!(%problem, "a caller could not be looked up");
            return Ok(plain(String::new()));
        }
        Err(problem) => return Err(problem.into()),
    };
    let place = web.app.directory.rules().who_has(&view.contacts, number);
    if json {
        let caller = Caller {
            number: number.chars().take(SEARCHED_MAX).collect(),
            name: place.map(|it| view.contacts.name(it).to_owned()),
            contact_id: place.map(|it| web.out.contact(ContactId(view.contacts.id(it)))),
        };
        return Ok(Json(caller).into_response());
    }
    let name = place.map_or("", |it| view.contacts.name(it));
    Ok(plain(Limited::<NAME_MAX>::new(name).as_str().to_owned()))
}

fn plain(name: String) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], name).into_response()
}
