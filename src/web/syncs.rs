//! Asking for a sync, and how it goes.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::store::{Refusal, RunRow};
use crate::sync::supervisor::Wish;
use crate::sync::{FailureCode, Kind, Outcome, Trigger};
use crate::web::input::{Caller, Query};
use crate::web::problem::Problem;
use crate::web::wire::{
    Busy, NeedsSync, ProblemBody, Progress, Run, RunProblem, Skipped, Status, SyncResult,
};
use crate::web::{Web, read};

/// How syncing stands
#[utoipa::path(
    get, path = "/api/sync/status", tag = "sync",
    responses((status = 200, body = Status)),
)]
pub(crate) async fn status(State(web): State<Web>) -> Result<Json<Status>, Problem> {
    Ok(Json(read::status(&web.app, &web.out).await?))
}

/// Sync now, whichever way is right
///
/// Waits for the end; a client that goes away does not stop the run. With `Prefer: respond-async` the
/// answer comes at once.
#[utoipa::path(
    post, path = "/api/sync", tag = "sync",
    params(
        ("account" = Option<String>, Query, format = "uuid", description = "The first one unless named"),
        ("prefer" = Option<String>, Header, example = "respond-async"),
        ("x-requested-by" = Option<String>, Header, description = "Who asks, for the history"),
    ),
    responses(
        (status = 200, body = SyncResult),
        (status = 202, body = SyncResult, description = "It goes on, or is on hold",
            headers(("location" = String), ("preference-applied" = String))),
        (status = 401, body = RunProblem, description = "Not connected to Google, or not any more"),
        (status = 404, body = ProblemBody),
        (status = 409, body = Busy, description = "Another run is in progress, or this one was cancelled"),
        (status = 502, body = RunProblem, description = "Google's answer cannot be used"),
        (status = 503, body = RunProblem, description = "Google or the database does not answer"),
    ),
)]
pub(crate) async fn sync(
    State(web): State<Web>,
    caller: Caller,
    query: Query,
) -> Result<Response, Problem> {
    run_sync(&web, None, caller, query).await.map_err(Denied::problem)
}

/// Sync now, listing everything
#[utoipa::path(
    post, path = "/api/sync/full", tag = "sync",
    params(
        ("account" = Option<String>, Query, format = "uuid", description = "The first one unless named"),
        ("prefer" = Option<String>, Header, example = "respond-async"),
        ("x-requested-by" = Option<String>, Header, description = "Who asks, for the history"),
    ),
    responses(
        (status = 200, body = SyncResult),
        (status = 202, body = SyncResult, description = "It goes on, or is on hold",
            headers(("location" = String), ("preference-applied" = String))),
        (status = 401, body = RunProblem, description = "Not connected to Google, or not any more"),
        (status = 404, body = ProblemBody),
        (status = 409, body = Busy, description = "Another run is in progress, or this one was cancelled"),
        (status = 502, body = RunProblem, description = "Google's answer cannot be used"),
        (status = 503, body = RunProblem, description = "Google or the database does not answer"),
    ),
)]
pub(crate) async fn full(
    State(web): State<Web>,
    caller: Caller,
    query: Query,
) -> Result<Response, Problem> {
    run_sync(&web, Some(Kind::Full), caller, query).await.map_err(Denied::problem)
}

/// Sync now, asking only for what changed
///
/// Lists everything where there is no sync token to ask with.
#[utoipa::path(
    post, path = "/api/sync/incremental", tag = "sync",
    params(
        ("account" = Option<String>, Query, format = "uuid", description = "The first one unless named"),
        ("prefer" = Option<String>, Header, example = "respond-async"),
        ("x-requested-by" = Option<String>, Header, description = "Who asks, for the history"),
    ),
    responses(
        (status = 200, body = SyncResult),
        (status = 202, body = SyncResult, description = "It goes on, or is on hold",
            headers(("location" = String), ("preference-applied" = String))),
        (status = 401, body = RunProblem, description = "Not connected to Google, or not any more"),
        (status = 404, body = ProblemBody),
        (status = 409, body = Busy, description = "Another run is in progress, or this one was cancelled"),
        (status = 502, body = RunProblem, description = "Google's answer cannot be used"),
        (status = 503, body = RunProblem, description = "Google or the database does not answer"),
    ),
)]
pub(crate) async fn incremental(
    State(web): State<Web>,
    caller: Caller,
    query: Query,
) -> Result<Response, Problem> {
    run_sync(&web, Some(Kind::Incremental), caller, query).await.map_err(Denied::problem)
}

/// Sync now, unless a sync is in progress
///
/// As `POST /api/sync`, but says so in its own words when another run is in progress.
#[utoipa::path(
    post, path = "/api/sync/safe", tag = "sync",
    params(
        ("account" = Option<String>, Query, format = "uuid", description = "The first one unless named"),
        ("prefer" = Option<String>, Header, example = "respond-async"),
        ("x-requested-by" = Option<String>, Header, description = "Who asks, for the history"),
    ),
    responses(
        (status = 200, body = SyncResult),
        (status = 202, body = SyncResult, description = "It goes on, or is on hold",
            headers(("location" = String), ("preference-applied" = String))),
        (status = 401, body = RunProblem, description = "Not connected to Google, or not any more"),
        (status = 404, body = ProblemBody),
        (status = 409, body = Skipped, description = "Another run is in progress"),
        (status = 502, body = RunProblem, description = "Google's answer cannot be used"),
        (status = 503, body = RunProblem, description = "Google or the database does not answer"),
    ),
)]
pub(crate) async fn safe(
    State(web): State<Web>,
    caller: Caller,
    query: Query,
) -> Result<Response, Problem> {
    match run_sync(&web, None, caller, query).await {
        Err(Denied::Busy(problem)) => {
            Ok((StatusCode::CONFLICT, Json(Skipped::because(problem.detail))).into_response())
        }
        other => other.map_err(Denied::problem),
    }
}

/// Why a request to sync was denied.
enum Denied {
    /// Another run is in progress.
    Busy(Problem),
    Otherwise(Problem),
}

impl Denied {
    fn problem(self) -> Problem {
        match self {
            Denied::Busy(problem) | Denied::Otherwise(problem) => problem,
        }
    }
}

impl<E: Into<Problem>> From<E> for Denied {
    fn from(problem: E) -> Denied {
        Denied::Otherwise(problem.into())
    }
}

async fn run_sync(
    web: &Web,
    kind: Option<Kind>,
    caller: Caller,
    query: Query,
) -> Result<Response, Denied> {
    let named = query.account(web)?;
    let account = web.account(named).await?;
    let account = account.ok_or_else(|| Problem::refusal(&web.out, Refusal::NotConnected))?;
    let wish = Wish {
        account: account.id,
        kind,
        trigger: Trigger::Api,
        asked_by: Some(caller.by.clone()),
    };
    let started = web.app.supervisor.start(&wish).await.map_err(|refusal| {
        let busy = matches!(refusal, Refusal::Busy(_) | Refusal::AlreadyServed);
        let problem = Problem::refusal(&web.out, refusal);
        if busy { Denied::Busy(problem) } else { Denied::Otherwise(problem) }
    })?;
    let run = started.run;
    if !caller.respond_async {
        // The run is nobody's but the supervisor's: if this client goes away, it goes on.
        started.finished().await;
    }
    let row = web.app.store.run(run).await?;
    let row = row.ok_or_else(|| Problem::missing("run", &web.out.ids().run(run)))?;
    Ok(answer(web, &row, caller.respond_async)?)
}

/// The answer that a run deserves. An error is never a 200.
fn answer(web: &Web, row: &RunRow, at_once: bool) -> Result<Response, Problem> {
    let now = web.now();
    let result = || Json(SyncResult::of(&web.out, row, now));
    if at_once {
        let mut response = (StatusCode::ACCEPTED, result()).into_response();
        let applied = HeaderValue::from_static("respond-async");
        response.headers_mut().insert(HeaderName::from_static("preference-applied"), applied);
        locate(&mut response, web, row);
        return Ok(response);
    }
    let refused = |status, detail: String| {
        Err(Problem::new(status, detail).with("run", Run::of(&web.out, row, now)))
    };
    let later = |detail: String, seconds| {
        Err(Problem::later(detail, Duration::from_secs(seconds))
            .with("run", Run::of(&web.out, row, now)))
    };
    match row.outcome {
        Some(Outcome::Succeeded | Outcome::Partial) => Ok(result().into_response()),
        Some(Outcome::Held) => {
            let mut response = (StatusCode::ACCEPTED, result()).into_response();
            locate(&mut response, web, row);
            Ok(response)
        }
        Some(Outcome::Failed) => {
            let detail = row.error_message.clone().unwrap_or_else(|| "the sync failed".to_owned());
            match row.error_code.unwrap_or(FailureCode::Unavailable) {
                FailureCode::NeedsReauth | FailureCode::DifferentAccount => {
                    refused(StatusCode::UNAUTHORIZED, detail)
                }
                FailureCode::Misconfigured
                | FailureCode::Malformed
                | FailureCode::IncompleteListing => refused(StatusCode::BAD_GATEWAY, detail),
                FailureCode::Unavailable | FailureCode::RateLimited | FailureCode::Storage => {
                    later(detail, 60)
                }
            }
        }
        Some(Outcome::Cancelled) => {
            let by = row.cancel_by.as_deref().unwrap_or("somebody");
            refused(StatusCode::CONFLICT, format!("the sync was cancelled by {by}"))
        }
        Some(Outcome::Rejected) => {
            refused(StatusCode::CONFLICT, "the sync's deletions were rejected".to_owned())
        }
        Some(Outcome::Interrupted) | None => {
            later("the sync was interrupted; the next one goes on".to_owned(), 2)
        }
    }
}

fn locate(response: &mut Response, web: &Web, row: &RunRow) {
    let location = format!("/api/sync/runs/{}", web.out.ids().run(row.id));
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
}

/// Whether the next sync has to list everything, and why
#[utoipa::path(
    get, path = "/api/sync/needs-sync", tag = "sync",
    responses((status = 200, body = NeedsSync)),
)]
pub(crate) async fn needs_sync(State(web): State<Web>) -> Result<Json<NeedsSync>, Problem> {
    Ok(Json(read::needs_sync(&web.app).await?))
}

/// Stop the run in progress, whichever process it runs in
///
/// It ends within a second, keeps what it has stored, and does not start again by itself.
#[utoipa::path(
    post, path = "/api/sync/cancel", tag = "sync",
    params(
        ("account" = Option<String>, Query, format = "uuid", description = "Any unless named"),
        ("x-requested-by" = Option<String>, Header, description = "Who asks, for the history"),
    ),
    responses(
        (status = 202, body = Run, description = "It is about to stop",
            headers(("location" = String))),
        (status = 404, body = ProblemBody, description = "Nothing runs"),
    ),
)]
pub(crate) async fn cancel(
    State(web): State<Web>,
    caller: Caller,
    query: Query,
) -> Result<Response, Problem> {
    let accounts = match query.account(&web)? {
        Some(named) => web.account(Some(named)).await?.into_iter().collect(),
        None => web.app.store.accounts().await?,
    };
    for account in accounts {
        let Some(run) = web.app.supervisor.cancel(account.id, &caller.by).await? else { continue };
        let Some(row) = web.app.store.run(run).await? else { continue };
        let body = Json(Run::of(&web.out, &row, web.now()));
        let mut response = (StatusCode::ACCEPTED, body).into_response();
        locate(&mut response, &web, &row);
        return Ok(response);
    }
    Err(Problem::new(StatusCode::NOT_FOUND, "no sync is in progress"))
}

/// The live picture
///
/// Of the run in progress, else of the one that ended last. Never waits for the run.
#[utoipa::path(
    get, path = "/api/sync/progress", tag = "sync",
    params(("account" = Option<String>, Query, format = "uuid", description = "Any unless named")),
    responses((status = 200, body = Progress), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn progress(
    State(web): State<Web>,
    query: Query,
) -> Result<Json<Progress>, Problem> {
    let account = query.account(&web)?;
    if account.is_some() {
        web.account(account).await?;
    }
    Ok(Json(read::progress(&web.app, &web.out, account).await?))
}
