//! Finding people, for programs.

use axum::Json;
use axum::extract::State;

use crate::Web;
use crate::input::Query;
use crate::problem::Problem;
use ringbook_app::directory::Scope;
use ringbook_app::read;
use ringbook_app::read::SEARCHED_MAX;
use ringbook_app::wire::{ContactSearch, ProblemBody, SearchResults};
use ringbook_core::clock::between;
use ringbook_core::contact::compose;
use ringbook_core::contact::excerpt;

const ASKED_MIN: usize = 2;
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
        let few = excerpt(&few);
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
