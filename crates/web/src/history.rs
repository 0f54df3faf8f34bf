//! The history of runs, and numbers drawn from it.

use axum::Json;
use axum::extract::State;

use crate::Web;
use crate::input::Query;
use crate::problem::Problem;
use ringbook_app::read;
use ringbook_app::wire::{Cleared, History, ProblemBody, Statistics};
use ringbook_core::sync::{Kind, Trigger};
use ringbook_store::{HistoryPlace, HistoryQuery, OutcomeWanted};

/// The runs, most recent first
#[utoipa::path(
    get, path = "/api/sync/history", tag = "sync",
    params(
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 100, description = "10 unless given"),
        ("cursor" = Option<String>, Query, pattern = "^[0-7][0-9a-f]{15}[0-7][0-9a-f]{15}$",
            min_length = 32, max_length = 32, description = "`next_cursor` of the part before"),
        ("after" = Option<String>, Query, pattern = "^[0-7][0-9a-f]{15}[0-7][0-9a-f]{15}$",
            min_length = 32, max_length = 32, description = "`newer_cursor` of the part after; not beside `cursor`"),
        ("account" = Option<String>, Query, min_length = 1, description = "Id or name; all unless named"),
        ("outcome" = Option<String>, Query,
            pattern = "^(running|succeeded|partial|failed|cancelled|interrupted|held|rejected)$",
            description = "How it ended; `running` for those that have not"),
        ("kind" = Option<Kind>, Query),
        ("trigger" = Option<Trigger>, Query),
        ("since" = Option<String>, Query, format = "date-time",
            description = "Only runs that began then or later; a date is taken, too"),
        ("until" = Option<String>, Query, format = "date-time",
            description = "Only runs that began before; of a date the whole day is in"),
    ),
    responses((status = 200, body = History), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn history(
    State(web): State<Web>,
    query: Query,
) -> Result<Json<History>, Problem> {
    let limit = query.whole("limit", 1..=100, 10)?;
    let account = web.whom(&query).await?.named;
    let limit = u32::try_from(limit).unwrap_or(100);
    let query = HistoryQuery { account, limit, ..wanted(&web, &query)? };
    Ok(Json(read::history(&web.app, &web.out, query).await?))
}

/// Which runs are wanted, and from where on. The dashboard's page reads them in the same way.
pub(crate) fn wanted(web: &Web, query: &Query) -> Result<HistoryQuery, Problem> {
    let outcome = match query.text("outcome")? {
        None => None,
        Some(word) => {
            let words: Vec<&str> = OutcomeWanted::all().map(OutcomeWanted::as_str).collect();
            let found = OutcomeWanted::parse(word);
            Some(found.ok_or_else(|| Problem::value("outcome", word, &words.join(", ")))?)
        }
    };
    let kinds: Vec<_> = Kind::ALL.iter().map(|it| (it.as_str(), Some(*it))).collect();
    let triggers: Vec<_> = Trigger::ALL.iter().map(|it| (it.as_str(), Some(*it))).collect();
    let place = |name| match query.text(name)? {
        None => Ok(None),
        Some(text) => match read::parse_cursor(text) {
            None => Err(Problem::value(name, text, "a cursor that this history gave")),
            place => Ok(place),
        },
    };
    let from = match (place("cursor")?, place("after")?) {
        (None, None) => HistoryPlace::Newest,
        (Some((at, run)), None) => HistoryPlace::Before(at, run),
        (None, Some((at, run))) => HistoryPlace::After(at, run),
        (Some(_), Some(_)) => {
            return Err(Problem::unreadable(
                "`cursor` and `after` lead to different places; send one",
            ));
        }
    };
    let zone = &web.app.config.timezone;
    let moment = |name, is_end| match query.text(name)? {
        None => Ok(None),
        Some(text) => match read::moment(text, zone, is_end) {
            None => Err(Problem::value(name, text, MOMENT)),
            found => Ok(found),
        },
    };
    Ok(HistoryQuery {
        outcome,
        kind: query.one_of("kind", &kinds, None)?,
        trigger: query.one_of("trigger", &triggers, None)?,
        since: moment("since", false)?,
        until: moment("until", true)?,
        from,
        ..HistoryQuery::default()
    })
}

pub(crate) const MOMENT: &str = "a time such as 2026-03-07T12:00:00Z, or a date such as 2026-03-07";

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
