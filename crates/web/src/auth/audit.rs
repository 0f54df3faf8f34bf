//! The record of what was administered.

use axum::Json;
use axum::extract::State;

use crate::Web;
use crate::history::MOMENT;
use crate::input::Query;
use crate::problem::Problem;
use ringbook_app::read;
use ringbook_app::wire::{Audit, Entry};
use ringbook_core::contact::clean;
use ringbook_store::{AuditQuery, AuditRow};

/// What was administered: who, what, when and from where
#[utoipa::path(
    get, path = "/api/audit", tag = "access",
    params(
        ("actor" = Option<String>, Query, description = "Only what they did, as `actor` names them"),
        ("since" = Option<String>, Query, format = "date-time", description = "From this moment on; a day such as `2026-03-07` is taken, too"),
        ("until" = Option<String>, Query, format = "date-time", description = "Before this moment, or up to the end of a day"),
        ("succeeded" = Option<bool>, Query, description = "Only what was done, or only what was refused"),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 1000, description = "100 unless given"),
        ("before" = Option<u64>, Query, minimum = 1, description = "`next_before` of the part before"),
    ),
    responses((status = 200, body = Audit)),
)]
pub(crate) async fn audit(State(web): State<Web>, query: Query) -> Result<Json<Audit>, Problem> {
    let (rows, next_before) = acts(&web, &wanted(&web, &query, 100)?).await?;
    let acts = rows.into_iter().map(|it| Entry::of(&web.out, it)).collect();
    Ok(Json(Audit { acts, next_before }))
}

/// Nobody who acts has a longer name.
const ACTOR_MAX: usize = 400;

/// Which acts somebody asks for.
pub(crate) fn wanted(web: &Web, query: &Query, limit: u64) -> Result<AuditQuery, Problem> {
    let zone = &web.app.config.timezone;
    let moment = |name, is_end| match query.text(name)? {
        None => Ok(None),
        Some(text) => match read::moment(text, zone, is_end) {
            None => Err(Problem::value(name, text, MOMENT)),
            found => Ok(found),
        },
    };
    let before = query.whole("before", 1..=u64::MAX, u64::MAX)?;
    Ok(AuditQuery {
        // Nobody has a name with control characters in it.
        actor: query.text("actor")?.map(|it| clean(it, ACTOR_MAX)),
        since: moment("since", false)?,
        until: moment("until", true)?,
        succeeded: query.text("succeeded")?.map(|_| query.flag("succeeded", true)).transpose()?,
        before: i64::try_from(before).ok(),
        limit: u32::try_from(query.whole("limit", 1..=1000, limit)?).unwrap_or(1000),
    })
}

/// The acts, and where the next part begins.
pub(crate) async fn acts(
    web: &Web,
    query: &AuditQuery,
) -> Result<(Vec<AuditRow>, Option<i64>), Problem> {
    let one_more = AuditQuery { limit: query.limit + 1, ..query.clone() };
    let rows = web.app.store.acts(&one_more).await?;
    Ok(read::part(rows, query.limit, |it| it.id))
}
