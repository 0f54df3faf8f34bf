//! One run: in full, what it did, and the word on one that is on hold.

use axum::Json;
use axum::extract::State;

use crate::Web;
use crate::input::{Query, Requester, RunInPath, uuid};
use crate::problem::Problem;
use ringbook_app::read;
use ringbook_app::wire::{
    Busy, Change, Changes, Decided, Held, Phases, ProblemBody, Run, SetAside, SetAsides,
};
use ringbook_store::{HeldQuery, RunRow};

/// One run in full
#[utoipa::path(
    get, path = "/api/sync/runs/{id}", tag = "runs",
    params(("id" = String, Path, format = "uuid")),
    responses((status = 200, body = Run), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn run(State(web): State<Web>, run: RunInPath) -> Result<Json<Run>, Problem> {
    Ok(Json(Run::of(&web.out, &row(&web, &run).await?, web.now())))
}

async fn row(web: &Web, RunInPath(run): &RunInPath) -> Result<RunRow, Problem> {
    let row = web.app.store.run(*run).await?;
    row.ok_or_else(|| Problem::missing("run", &web.out.ids().run(*run)))
}

/// Which part of a list, by sequence number.
struct Part {
    after: i64,
    limit: u32,
}

impl Part {
    fn of(query: &Query) -> Result<Part, Problem> {
        let after = query.whole("after", 0..=u64::MAX, 0)?;
        Ok(Part { after: i64::try_from(after).unwrap_or(i64::MAX), limit: limit(query)? })
    }
}

fn limit(query: &Query) -> Result<u32, Problem> {
    let limit = query.whole("limit", 1..=1000, 100)?;
    Ok(u32::try_from(limit).unwrap_or(1000))
}

/// What a run changed, contact by contact and field by field
#[utoipa::path(
    get, path = "/api/sync/runs/{id}/changes", tag = "runs",
    params(
        ("id" = String, Path, format = "uuid"),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 1000, description = "100 unless given"),
        ("after" = Option<u64>, Query, minimum = 0, description = "`next_after` of the part before"),
    ),
    responses((status = 200, body = Changes), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn changes(
    State(web): State<Web>,
    run: RunInPath,
    query: Query,
) -> Result<Json<Changes>, Problem> {
    let part = Part::of(&query)?;
    let run = row(&web, &run).await?.id;
    let rows = web.app.store.changes(run, part.after, part.limit + 1).await?;
    let (rows, next_after) = read::part(rows, part.limit, |it| it.seq);
    let changes = rows.into_iter().map(|it| Change::of(&web.out, it)).collect();
    Ok(Json(Changes { run_id: web.out.run(run), changes, next_after }))
}

/// What a run could not read, and why
#[utoipa::path(
    get, path = "/api/sync/runs/{id}/errors", tag = "runs",
    params(
        ("id" = String, Path, format = "uuid"),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 1000, description = "100 unless given"),
        ("after" = Option<u64>, Query, minimum = 0, description = "`next_after` of the part before"),
    ),
    responses((status = 200, body = SetAsides), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn errors(
    State(web): State<Web>,
    run: RunInPath,
    query: Query,
) -> Result<Json<SetAsides>, Problem> {
    let part = Part::of(&query)?;
    let run = row(&web, &run).await?.id;
    let rows = web.app.store.set_aside(run, part.after, part.limit + 1).await?;
    let (rows, next_after) = read::part(rows, part.limit, |it| it.seq);
    let errors = rows.into_iter().map(|it| SetAside::of(&web.out, it)).collect();
    Ok(Json(SetAsides { run_id: web.out.run(run), errors, next_after }))
}

/// The contacts that a held run would delete
#[utoipa::path(
    get, path = "/api/sync/runs/{id}/held", tag = "runs",
    params(
        ("id" = String, Path, format = "uuid"),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 1000, description = "100 unless given"),
        ("after" = Option<String>, Query, format = "uuid", description = "`next_after` of the part before"),
        ("search" = Option<String>, Query, min_length = 1, max_length = 200,
            description = "A part of a name, or of a number"),
    ),
    responses((status = 200, body = Held), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn held(
    State(web): State<Web>,
    run: RunInPath,
    query: Query,
) -> Result<Json<Held>, Problem> {
    let limit = limit(&query)?;
    let after = match query.text("after")? {
        None => 0,
        Some(text) => {
            uuid("after", text)?;
            let contact = web.out.ids().parse_contact(text);
            contact.ok_or_else(|| Problem::missing("contact", text))?.0
        }
    };
    let search = query.text("search")?;
    if let Some(text) = search.filter(|it| it.is_empty() || it.chars().count() > SEARCH_MAX) {
        let allowed = format!("a text of 1 to {SEARCH_MAX} characters");
        return Err(Problem::value("search", text, &allowed));
    }
    let run = row(&web, &run).await?;
    let wanted = HeldQuery { search, after, limit };
    Ok(Json(read::held(&web.app, &web.out, &run, &wanted).await?))
}

/// In characters. Nobody types more to find somebody.
pub(crate) const SEARCH_MAX: usize = 200;

/// What a run did when: the phases it went through, and each time it waited
#[utoipa::path(
    get, path = "/api/sync/runs/{id}/phases", tag = "runs",
    params(("id" = String, Path, format = "uuid")),
    responses((status = 200, body = Phases), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn phases(
    State(web): State<Web>,
    run: RunInPath,
) -> Result<Json<Phases>, Problem> {
    let run = row(&web, &run).await?;
    Ok(Json(read::phases(&web.app, &web.out, &run).await?))
}

/// Do what a held run wanted to do
#[utoipa::path(
    post, path = "/api/sync/runs/{id}/approve", tag = "runs",
    params(
        ("id" = String, Path, format = "uuid"),
        ("x-requested-by" = Option<String>, Header, description = "Who decides, for the history"),
    ),
    responses(
        (status = 200, body = Decided),
        (status = 404, body = ProblemBody),
        (status = 409, body = Busy, description = "It is not on hold, or another run came in between"),
    ),
)]
pub(crate) async fn approve(
    State(web): State<Web>,
    requester: Requester,
    run: RunInPath,
) -> Result<Json<Decided>, Problem> {
    let run = row(&web, &run).await?.id;
    let decided = web.app.supervisor.approve(run, &requester.by).await;
    let deleted_count = decided.map_err(|problem| Problem::decision(&web.out, problem))?;
    let message = format!("Approved: {deleted_count} contacts deleted");
    let run = read::run(&web.app, &web.out, run).await?;
    Ok(Json(Decided { status: "success", message, deleted_count, run }))
}

/// Keep what a held run wanted to delete
#[utoipa::path(
    post, path = "/api/sync/runs/{id}/reject", tag = "runs",
    params(
        ("id" = String, Path, format = "uuid"),
        ("x-requested-by" = Option<String>, Header, description = "Who decides, for the history"),
    ),
    responses(
        (status = 200, body = Decided),
        (status = 404, body = ProblemBody),
        (status = 409, body = Busy, description = "It is not on hold, or a sync is in progress"),
    ),
)]
pub(crate) async fn reject(
    State(web): State<Web>,
    requester: Requester,
    run: RunInPath,
) -> Result<Json<Decided>, Problem> {
    let run = row(&web, &run).await?.id;
    let decided = web.app.supervisor.reject(run, &requester.by).await;
    decided.map_err(|problem| Problem::decision(&web.out, problem))?;
    let message = "Rejected: nothing was deleted".to_owned();
    let run = read::run(&web.app, &web.out, run).await?;
    Ok(Json(Decided { status: "success", message, deleted_count: 0, run }))
}
