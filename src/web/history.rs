//! The history of runs, and numbers drawn from it.

use axum::Json;
use axum::extract::State;

use crate::store::HistoryQuery;
use crate::web::input::Query;
use crate::web::problem::Problem;
use crate::web::wire::{Cleared, History, ProblemBody, Statistics};
use crate::web::{Web, read};

/// The runs, most recent first
#[utoipa::path(
    get, path = "/api/sync/history", tag = "sync",
    params(
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 100, description = "10 unless given"),
        ("cursor" = Option<String>, Query, pattern = "^[0-7][0-9a-f]{15}[0-7][0-9a-f]{15}$",
            min_length = 32, max_length = 32, description = "`next_cursor` of the part before"),
        ("account" = Option<String>, Query, min_length = 1, description = "Id or name; all unless named"),
    ),
    responses((status = 200, body = History), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn history(
    State(web): State<Web>,
    query: Query,
) -> Result<Json<History>, Problem> {
    let limit = query.whole("limit", 1..=100, 10)?;
    let before = match query.text("cursor")? {
        None => None,
        Some(text) => match read::parse_cursor(text) {
            None => return Err(Problem::value("cursor", text, "a `next_cursor` of this history")),
            before => before,
        },
    };
    let account = web.whom(&query).await?.named;
    let query = HistoryQuery { account, before, limit: u32::try_from(limit).unwrap_or(100) };
    Ok(Json(read::history(&web.app, &web.out, query).await?))
}

/// Forget runs that are over
///
/// Runs in progress and on hold always stay.
#[utoipa::path(
    delete, path = "/api/sync/history", tag = "sync",
    params(
        ("keep_latest" = Option<bool>, Query, description = "The newest of each account stays; true unless given"),
        ("account" = Option<String>, Query, min_length = 1, description = "Id or name; all unless named"),
    ),
    responses((status = 200, body = Cleared), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn clear(State(web): State<Web>, query: Query) -> Result<Json<Cleared>, Problem> {
    let keep_latest = query.flag("keep_latest", true)?;
    let account = web.whom(&query).await?.named;
    Ok(Json(Cleared::of(web.app.store.clear_history_of(account, keep_latest).await?)))
}

/// Numbers about the directory and its syncs
#[utoipa::path(
    get, path = "/api/sync/statistics", tag = "sync",
    params(("account" = Option<String>, Query, min_length = 1, description = "Id or name; all unless named")),
    responses((status = 200, body = Statistics), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn statistics(
    State(web): State<Web>,
    query: Query,
) -> Result<Json<Statistics>, Problem> {
    let whom = web.whom(&query).await?;
    Ok(Json(read::statistics(&web.app, &web.out, whom.accounts).await?))
}
