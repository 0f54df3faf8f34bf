//! Asking for a sync, and how it goes.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use futures_util::stream::{self, StreamExt};

use crate::Web;
use crate::input::{Query, Requester};
use crate::problem::Problem;
use ringbook_app::read;
use ringbook_app::wire::aggregate::AttemptResult;
use ringbook_app::wire::sync_response::{SyncAttempt, SyncResponse, fate_of};
use ringbook_app::wire::{
    AccountRun, Busy, Cancelled, CancelledRun, NeedsSync, ProblemBody, Progress, Run, RunProblem,
    Skipped, Status, SyncResult,
};
use ringbook_core::sync::{Kind, Outcome, Trigger};
use ringbook_engine::supervisor::StartRequest;
use ringbook_store::{Account, StartError};

/// How syncing stands
#[utoipa::path(
    get, path = "/api/sync/status", tag = "sync",
    params(("account" = Option<String>, Query, min_length = 1, description = "Id or name; all unless named")),
    responses((status = 200, body = Status), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn status(State(web): State<Web>, query: Query) -> Result<Json<Status>, Problem> {
    let whom = web.whom(&query).await?;
    Ok(Json(read::status(&web.app, &web.out, whom.accounts).await?))
}

/// Sync now, whichever way is right
///
/// Waits for the end; a client that goes away does not stop the run. With `Prefer: respond-async` the
/// answer comes at once.
///
/// Several accounts are synced side by side, those that are not connected left out. A failure of one decides
/// the status of the answer, and `accounts` says what became of each.
#[utoipa::path(
    post, path = "/api/sync", tag = "sync",
    params(
        ("account" = Option<String>, Query, min_length = 1, description = "Id or name; all unless named"),
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
    requester: Requester,
    query: Query,
) -> Result<Response, Problem> {
    run_sync(&web, None, requester, query).await.map_err(Denied::problem)
}

/// Sync now, listing everything
#[utoipa::path(
    post, path = "/api/sync/full", tag = "sync",
    params(
        ("account" = Option<String>, Query, min_length = 1, description = "Id or name; all unless named"),
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
    requester: Requester,
    query: Query,
) -> Result<Response, Problem> {
    run_sync(&web, Some(Kind::Full), requester, query).await.map_err(Denied::problem)
}

/// Sync now, asking only for what changed
///
/// Lists everything where there is no sync token to ask with.
#[utoipa::path(
    post, path = "/api/sync/incremental", tag = "sync",
    params(
        ("account" = Option<String>, Query, min_length = 1, description = "Id or name; all unless named"),
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
    requester: Requester,
    query: Query,
) -> Result<Response, Problem> {
    run_sync(&web, Some(Kind::Incremental), requester, query).await.map_err(Denied::problem)
}

/// Sync now, unless a sync is in progress
///
/// As `POST /api/sync`, but says so in its own words when another run is in progress.
#[utoipa::path(
    post, path = "/api/sync/safe", tag = "sync",
    params(
        ("account" = Option<String>, Query, min_length = 1, description = "Id or name; all unless named"),
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
    requester: Requester,
    query: Query,
) -> Result<Response, Problem> {
    match run_sync(&web, None, requester, query).await {
        Err(Denied::Busy(problem, accounts)) => {
            let body = Skipped::because(problem.detail, accounts);
            Ok((StatusCode::CONFLICT, Json(body)).into_response())
        }
        other => other.map_err(Denied::problem),
    }
}

/// Why a request to sync was denied.
enum Denied {
    /// Another run is in progress, in each of these accounts.
    Busy(Problem, Vec<AccountRun>),
    Otherwise(Problem),
}

impl Denied {
    fn problem(self) -> Problem {
        match self {
            Denied::Busy(problem, accounts) => problem.with("accounts", accounts),
            Denied::Otherwise(problem) => problem,
        }
    }
}

impl<E: Into<Problem>> From<E> for Denied {
    fn from(problem: E) -> Denied {
        Denied::Otherwise(problem.into())
    }
}

/// Runs that a request waits for at a time; each takes memory for its pages.
const AT_A_TIME: usize = 8;

async fn run_sync(
    web: &Web,
    kind: Option<Kind>,
    requester: Requester,
    query: Query,
) -> Result<Response, Denied> {
    let whom = web.whom(&query).await?;
    let mut accounts = whom.accounts;
    if whom.named.is_none() {
        // One that was disconnected on purpose does not spoil the sync of the others.
        accounts.retain(|it| it.grant.is_some());
    }
    if accounts.is_empty() {
        return Err(Problem::refusal(&web.out, StartError::NotConnected).into());
    }
    let tries = accounts.into_iter().map(|account| attempt(web, account, kind, &requester));
    let tried: Vec<(SyncAttempt, Option<Problem>)> =
        stream::iter(tries).buffered(AT_A_TIME).collect().await;
    let (attempts, mut problems): (Vec<SyncAttempt>, Vec<Option<Problem>>) =
        tried.into_iter().unzip();
    match SyncResponse::of(&web.out, &attempts, web.now()) {
        None => Err(Problem::refusal(&web.out, StartError::NotConnected).into()),
        Some(SyncResponse::Good { fate, result }) => {
            Ok(good(fate, &result, requester.respond_async))
        }
        Some(SyncResponse::Bad { decides, detail, told }) => {
            let SyncAttempt { fate, row, .. } = &attempts[decides];
            let problem = problems[decides].take();
            let problem = problem.unwrap_or_else(|| Problem::new(StatusCode::CONFLICT, ""));
            let problem = problem.saying(detail);
            if *fate == AttemptResult::Busy {
                return Err(Denied::Busy(problem, told));
            }
            let problem = match row {
                Some(row) => problem.with("run", Run::of(&web.out, row, web.now())),
                None => problem,
            };
            Err(problem.with("accounts", told).into())
        }
    }
}

async fn attempt(
    web: &Web,
    account: Account,
    kind: Option<Kind>,
    requester: &Requester,
) -> (SyncAttempt, Option<Problem>) {
    let wish = StartRequest {
        account: account.id,
        kind,
        trigger: Trigger::Api,
        asked_by: Some(requester.by.clone()),
    };
    let refused = |account, problem: Problem, busy| {
        let fate =
            if busy { AttemptResult::Busy } else { AttemptResult::Failed(problem.status.as_u16()) };
        let detail = Some(problem.detail.clone());
        (SyncAttempt { account, fate, row: None, problem: detail }, Some(problem))
    };
    let started = match web.app.supervisor.start(&wish).await {
        Ok(started) => started,
        Err(refusal) => {
            let busy = matches!(refusal, StartError::Busy(_) | StartError::AlreadyServed);
            return refused(account, Problem::refusal(&web.out, refusal), busy);
        }
    };
    let run = started.run;
    if !requester.respond_async {
        // The run is nobody's but the supervisor's: if this client goes away, it goes on.
        started.finished().await;
    }
    let row = match web.app.store.run(run).await {
        Ok(Some(row)) => row,
        Ok(None) => {
            let problem = Problem::missing("run", &web.out.ids().run(run));
            return refused(account, problem, false);
        }
        Err(problem) => return refused(account, problem.into(), false),
    };
    // What was not waited for is going on, even if it has just ended.
    let at_once = requester.respond_async;
    let (fate, why) = if at_once { (AttemptResult::Accepted, None) } else { fate_of(&row) };
    let problem = why.as_ref().map(|detail| {
        let status = StatusCode::from_u16(fate.code()).unwrap_or(StatusCode::CONFLICT);
        match (status, row.outcome) {
            (StatusCode::SERVICE_UNAVAILABLE, Some(Outcome::Failed)) => {
                Problem::later(detail, Duration::from_secs(60))
            }
            (StatusCode::SERVICE_UNAVAILABLE, _) => Problem::later(detail, Duration::from_secs(2)),
            _ => Problem::new(status, detail),
        }
    });
    (SyncAttempt { account, fate, row: Some(row), problem: why }, problem)
}

fn good(fate: AttemptResult, result: &SyncResult, at_once: bool) -> Response {
    let location = format!("/api/sync/runs/{}", result.run.id.0);
    let status =
        if fate == AttemptResult::Accepted { StatusCode::ACCEPTED } else { StatusCode::OK };
    let mut response = (status, Json(result)).into_response();
    if at_once {
        let applied = HeaderValue::from_static("respond-async");
        response.headers_mut().insert(HeaderName::from_static("preference-applied"), applied);
    }
    if status == StatusCode::ACCEPTED {
        locate(&mut response, &location);
    }
    response
}

fn locate(response: &mut Response, location: &str) {
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
}

/// Whether the next sync has to list everything, and why
#[utoipa::path(
    get, path = "/api/sync/needs-sync", tag = "sync",
    params(("account" = Option<String>, Query, min_length = 1, description = "Id or name; all unless named")),
    responses((status = 200, body = NeedsSync), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn needs_sync(
    State(web): State<Web>,
    query: Query,
) -> Result<Json<NeedsSync>, Problem> {
    let whom = web.whom(&query).await?;
    Ok(Json(read::needs_sync(&web.app, &web.out, &whom.accounts)))
}

/// Stop the runs in progress, whichever process they run in
///
/// They end within a second, keep what they have stored, and do not start again by themselves.
#[utoipa::path(
    post, path = "/api/sync/cancel", tag = "sync",
    params(
        ("account" = Option<String>, Query, min_length = 1, description = "Id or name; all unless named"),
        ("x-requested-by" = Option<String>, Header, description = "Who asks, for the history"),
    ),
    responses(
        (status = 202, body = Cancelled, description = "It is about to stop",
            headers(("location" = String))),
        (status = 404, body = ProblemBody, description = "Nothing runs"),
    ),
)]
pub(crate) async fn cancel(
    State(web): State<Web>,
    requester: Requester,
    query: Query,
) -> Result<Response, Problem> {
    let mut cancelled = Vec::new();
    for account in web.whom(&query).await?.accounts {
        let Some(run) = web.app.supervisor.cancel(account.id, &requester.by).await? else {
            continue;
        };
        let Some(row) = web.app.store.run(run).await? else { continue };
        let run = Run::of(&web.out, &row, web.now());
        cancelled.push(CancelledRun { id: web.out.account(account.id), name: account.name, run });
    }
    let Some(first) = cancelled.first() else {
        return Err(Problem::new(StatusCode::NOT_FOUND, "no sync is in progress"));
    };
    let location = format!("/api/sync/runs/{}", first.run.id.0);
    let body = Cancelled { run: first.run.clone(), accounts: cancelled };
    let mut response = (StatusCode::ACCEPTED, Json(body)).into_response();
    locate(&mut response, &location);
    Ok(response)
}

/// The live picture
///
/// Of the runs in progress, else of the one that ended last. Never waits for a run.
#[utoipa::path(
    get, path = "/api/sync/progress", tag = "sync",
    params(("account" = Option<String>, Query, min_length = 1, description = "Id or name; all unless named")),
    responses((status = 200, body = Progress), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn progress(
    State(web): State<Web>,
    query: Query,
) -> Result<Json<Progress>, Problem> {
    let account = web.whom(&query).await?.named;
    Ok(Json(read::progress(&web.app, &web.out, account).await?))
}
