//! The installation itself: what it runs on, what is wrong with it, and its settings.

use std::time::Duration;

use axum::Json;
use axum::extract::State;

use crate::Web;
use crate::input::Query;
use crate::problem::Problem;
use ringbook_app::config::ConfigLine;
use ringbook_app::doctor;
use ringbook_app::doctor::{Findings, machine};
use ringbook_app::wire::{AccountLease, DatabaseState, LeaseShown, System};
use ringbook_core::clock::between;

/// The checks ask the database and nobody else. One that takes longer is as good as dead.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is wrong, and how to fix it
///
/// The same as `ringbook doctor`. Google is asked only on request, since that may take some seconds.
#[utoipa::path(
    get, path = "/api/doctor", tag = "operations",
    params(("network" = Option<bool>, Query, description = "Also whether Google can be reached, and agrees about the time")),
    responses((status = 200, body = Findings)),
)]
pub(crate) async fn doctor(
    State(web): State<Web>,
    query: Query,
) -> Result<Json<Findings>, Problem> {
    Ok(Json(examine(&web, query.flag("network", false)?).await?))
}

/// Looks at everything; at Google only if it is to be asked.
pub(crate) async fn examine(web: &Web, network: bool) -> Result<Findings, Problem> {
    let disk = doctor::disk(&web.app.config).await;
    let looked = tokio::time::timeout(PATIENCE, doctor::look(&web.app)).await;
    let looked = looked.map_err(|_| Problem::later("the database does not answer", PATIENCE))?;
    let mut checks: Vec<_> = disk.into_iter().collect();
    checks.extend(looked?);
    if network {
        checks.push(doctor::reach(&web.app).await);
    }
    Ok(Findings::of(checks))
}

/// What this installation is made of, and how it does
#[utoipa::path(
    get, path = "/api/system", tag = "operations",
    responses((status = 200, body = System)),
)]
pub(crate) async fn system(State(web): State<Web>) -> Result<Json<System>, Problem> {
    Ok(Json(describe(&web).await?))
}

pub(crate) async fn describe(web: &Web) -> Result<System, Problem> {
    let (store, now) = (&web.app.store, web.now());
    let facts = store.facts().await?;
    let free = machine::free_space(&web.app.config).await;
    let mut accounts = Vec::new();
    for account in store.accounts().await? {
        let leased = store.is_leased(account.id).await?;
        let holder = store.lease_holder(account.id).await?.filter(|_| leased);
        let last = account.last_success_at;
        accounts.push(AccountLease {
            id: web.out.account(account.id),
            name: account.name,
            last_success_at: last.map(|at| web.out.time(at)),
            age_seconds: last.map(|at| between(at, now).as_secs_f64()),
            lease: holder.map(|it| LeaseShown {
                holder: it.host,
                since: web.out.time(it.since),
                is_this_process: it.is_this_process,
                run_id: it.run.map(|run| web.out.run(run)),
            }),
        });
    }
    Ok(System {
        version: env!("CARGO_PKG_VERSION"),
        started_at: web.out.time(web.started_at),
        uptime_seconds: between(web.started_at, now).as_secs_f64(),
        memory_bytes: machine::memory(),
        database: DatabaseState {
            kind: store.dialect(),
            version: facts.version,
            migrations: facts.schema,
            path: store.path().map(|it| it.display().to_string()),
            size_bytes: facts.size,
            log_bytes: facts.log,
            free_bytes: free.map(|(_, bytes)| bytes),
        },
        accounts,
    })
}

/// The settings in force, and where each comes from
///
/// Secrets are masked.
#[utoipa::path(
    get, path = "/api/config", tag = "operations",
    responses((status = 200, body = Vec<ConfigLine>)),
)]
pub(crate) async fn config(State(web): State<Web>) -> Json<Vec<ConfigLine>> {
    Json(web.app.config.report())
}
