//! Is all well? For people, for supervisors of processes, and for Prometheus.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use crate::auth::AuthContext;
use crate::problem::Problem;
use crate::{Web, exposition};
use ringbook_app::read;
use ringbook_app::telemetry::LeaseState;
use ringbook_app::wire::{
    AccountSnapshot, ApiEncoder, Check, Checks, Health, HealthState, Liveness, ProblemBody,
};
use ringbook_core::access::Permission;
use ringbook_core::clock::between;
use ringbook_core::sync::account::AccountState;
use ringbook_core::sync::{FailureCode, Outcome};
use ringbook_store::DbError;

/// A database that takes longer is as good as dead for whoever asks. With what the entrance asks, three seconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// How well the service is
///
/// 503 only when the database fails. What a person should look into is `degraded`.
#[utoipa::path(
    get, path = "/health", tag = "operations",
    responses((status = 200, body = Health), (status = 503, body = Health)),
)]
pub(crate) async fn health(State(web): State<Web>, guest: AuthContext) -> Response {
    let look = async { read::sights(&web.app, web.app.store.accounts().await?).await };
    let sights: Result<Result<Vec<AccountSnapshot>, DbError>, _> =
        tokio::time::timeout(PATIENCE, look).await;
    let sights = match sights {
        Ok(sights) => sights.map_err(|problem| problem.hindrance().unwrap_or(problem.to_string())),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    };
    let mut health = diagnose(&web, sights).await;
    if !guest.who.may(Permission::Read) {
        // Whoever watches needs to know that something is wrong, and not what.
        let Checks { database, sync, google } = &mut health.checks;
        for check in [database, sync, google] {
            check.message = "sign in, or send a token, to read more".to_owned();
        }
        health.config_errors.clear();
    }
    let status = match health.status {
        HealthState::Unhealthy => StatusCode::SERVICE_UNAVAILABLE,
        HealthState::Healthy | HealthState::Degraded => StatusCode::OK,
    };
    (status, Json(health)).into_response()
}

async fn diagnose(web: &Web, sights: Result<Vec<AccountSnapshot>, String>) -> Health {
    let now = web.now();
    let (database, sights) = match sights {
        Ok(sights) => {
            let dialect = web.app.store.dialect();
            let check = match web.app.store.trouble() {
                None => match unstored(&sights) {
                    None => Check::new(HealthState::Healthy, format!("{dialect} answers")),
                    Some(why) => {
                        Check::new(HealthState::Degraded, format!("a sync was not stored: {why}"))
                    }
                },
                Some(trouble) => {
                    let (since, what) = (web.out.time(trouble.since).0, trouble.what);
                    let message =
                        format!("nothing has been written to the database since {since}: {what}");
                    Check::new(HealthState::Degraded, message)
                }
            };
            (check, sights)
        }
        Err(problem) => (Check::new(HealthState::Unhealthy, problem), Vec::new()),
    };
    // Not asked where it would only be waited for.
    let configured =
        database.status == HealthState::Unhealthy || web.app.connector.is_configured().await;
    let google = google(&sights, database.status, configured);
    let sync = sync(web, &sights, database.status, now);
    let status = [&database, &sync, &google].map(|check| check.status);
    let status = status.into_iter().max().unwrap_or(HealthState::Healthy);
    // One that was added and never connected is no silent part of the directory.
    let mut connected = sights.iter().filter(|it| !it.account.waits_for_its_first_grant());
    let ever = connected.all(|it| it.account.last_success_at.is_some());
    let oldest = sights.iter().filter_map(|it| it.account.last_success_at).min();
    let last_success = oldest.filter(|_| ever);
    let config_errors = config_errors(web, &sights, configured).await;
    Health {
        status,
        checks: Checks { database, sync, google },
        last_success_at: last_success.map(|at| web.out.time(at)),
        age_seconds: last_success.map(|at| between(at, now).as_secs_f64()),
        version: env!("CARGO_PKG_VERSION"),
        debug: ["=debug", "=trace"].iter().any(|it| web.app.config.log_level.contains(it)),
        config_valid: config_errors.is_empty(),
        config_errors,
        uptime_seconds: between(web.started_at, now).as_secs_f64(),
    }
}

/// What has to be set before Google can be asked for anything. A service account needs no OAuth client.
async fn config_errors(web: &Web, sights: &[AccountSnapshot], configured: bool) -> Vec<String> {
    if configured {
        return Vec::new();
    }
    for sight in sights {
        let facts = web.app.store.grant_facts(sight.account.id).await;
        if facts.is_ok_and(|it| it.is_some_and(|it| it.service.is_some())) {
            return Vec::new();
        }
    }
    ["GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET"].map(|key| format!("{key} is not set")).to_vec()
}

/// Why the last sync of an account could not be stored, such as a full disk that small writes still fit on.
fn unstored(sights: &[AccountSnapshot]) -> Option<&str> {
    let mut latest = sights.iter().filter_map(|it| it.account.latest_run.as_ref());
    let failed = latest.find(|run| {
        run.outcome == Some(Outcome::Failed) && run.error_code == Some(FailureCode::Storage)
    })?;
    Some(failed.error_message.as_deref().unwrap_or("the database failed"))
}

const UNKNOWN: &str = "unknown while the database does not answer";

fn google(sights: &[AccountSnapshot], database: HealthState, configured: bool) -> Check {
    let dead = || sights.iter().filter_map(|it| it.account.needs_reauth.as_ref());
    let stuck =
        |it: &&AccountSnapshot| it.account.condition(true).state() == AccountState::Misconfigured;
    if database == HealthState::Unhealthy {
        Check::new(HealthState::Degraded, UNKNOWN)
    } else if let Some(first) = dead().next() {
        // Whoever asks here need not know what the accounts are called.
        let which = match (dead().count(), sights.len()) {
            (_, 1) => "the account".to_owned(),
            (dead, all) => format!("{dead} of {all} accounts"),
        };
        let message = format!("connect {which} again at /auth/google: {}", first.reason);
        Check::new(HealthState::Degraded, message)
    } else if let Some(stuck) = sights.iter().find(stuck) {
        let message = stuck.account.condition(true).in_words("/auth/google");
        Check::new(HealthState::Degraded, message)
    } else if sights.iter().any(|it| it.account.grant.is_some()) {
        Check::new(HealthState::Healthy, "connected")
    } else if configured {
        Check::new(HealthState::Healthy, "no account is connected yet; connect one at /auth/google")
    } else {
        Check::new(HealthState::Healthy, "there is no OAuth client yet")
    }
}

fn sync(web: &Web, sights: &[AccountSnapshot], database: HealthState, now: Timestamp) -> Check {
    if database == HealthState::Unhealthy {
        return Check::new(HealthState::Degraded, UNKNOWN);
    }
    let silent = sights.iter().find_map(|sight| {
        let account = &sight.account;
        let since = account.last_success_at.unwrap_or(account.created_at);
        // As for the alarm.
        let planned = web.app.supervisor.plan(account).is_some_and(|plan| !plan.paused);
        let expected = account.is_expected_to_succeed(planned);
        (expected && between(since, now) >= web.app.config.alert_after).then_some(since)
    });
    let failing = sights.iter().find_map(|it| it.account.failing_since);
    let held = sights.iter().any(|it| it.account.held_run.is_some());
    let out: &ApiEncoder = &web.out;
    if let Some(since) = silent {
        let hours = between(since, now).as_secs() / 3600;
        let since = out.time(since).0;
        let message = format!("no sync has succeeded for {hours} hours, since {since}");
        Check::new(HealthState::Degraded, message)
    } else if held {
        let message = "a sync would delete suspiciously much and waits for approval";
        Check::new(HealthState::Healthy, message)
    } else if let Some(since) = failing {
        let message = format!("syncs have been failing since {}", out.time(since).0);
        Check::new(HealthState::Healthy, message)
    } else {
        Check::new(HealthState::Healthy, "as it should be")
    }
}

/// The process answers
#[utoipa::path(
    get, path = "/health/live", tag = "operations",
    responses((status = 200, body = Liveness)),
)]
pub(crate) async fn live() -> Json<Liveness> {
    Json(Liveness { status: "alive" })
}

/// Requests can be served
#[utoipa::path(
    get, path = "/health/ready", tag = "operations",
    responses((status = 200, body = Liveness), (status = 503, body = ProblemBody)),
)]
pub(crate) async fn ready(State(web): State<Web>) -> Result<Json<Liveness>, Problem> {
    if *web.closing.borrow() {
        return Err(Problem::later("this server is shutting down", Duration::from_secs(10)));
    }
    match tokio::time::timeout(PATIENCE, web.app.store.ping()).await {
        Ok(answer) => answer?,
        Err(_) => return Err(Problem::later("the database does not answer", PATIENCE)),
    }
    Ok(Json(Liveness { status: "ready" }))
}

/// Numbers for Prometheus
///
/// As OpenMetrics text for whoever asks for that, else in the format 0.0.4.
#[utoipa::path(
    get, path = "/metrics", tag = "operations",
    responses((status = 200, content((String = "text/plain"), (String = "application/openmetrics-text")))),
)]
pub(crate) async fn metrics(
    State(web): State<Web>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    measure(&web).await?;
    let text = web.app.metrics.encode(web.now());
    let accept = headers.get_all(header::ACCEPT).iter();
    let accept: Vec<&str> = accept.filter_map(|it| it.to_str().ok()).collect();
    let (kind, text) = match exposition::wants_open_metrics(&accept.join(",")) {
        true => (exposition::OPEN_METRICS, text),
        false => (exposition::PLAIN, exposition::plain(&text)),
    };
    Ok(([(header::CONTENT_TYPE, kind), (header::VARY, "accept")], text).into_response())
}

/// What others may have changed is read when somebody looks.
async fn measure(web: &Web) -> Result<(), DbError> {
    let metrics = &web.app.metrics;
    let accounts = web.app.store.accounts().await?;
    metrics.alarms_waiting(web.app.store.alarms_waiting().await?);
    metrics.keep_only(accounts.iter().map(|it| it.id));
    for account in accounts {
        metrics.contacts(account.id, "active", account.counts.live);
        metrics.contacts(account.id, "deleted", account.counts.deleted);
        if let Some(at) = account.last_success_at {
            metrics.succeeded(account.id, at);
        }
        let leased = web.app.store.is_leased(account.id).await?;
        let holder = web.app.store.lease_holder(account.id).await?.filter(|_| leased);
        let state = match holder {
            Some(holder) if holder.is_this_process => LeaseState::Ours,
            Some(_) => LeaseState::Theirs,
            None => LeaseState::Free,
        };
        metrics.lease(account.id, state);
    }
    Ok(())
}
