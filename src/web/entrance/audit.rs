//! The record of what was administered.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::AuditRow;
use crate::web::input::Query;
use crate::web::problem::Problem;
use crate::web::wire::{Moment, Outward};
use crate::web::{Web, read};

/// One administrative act.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Entry {
    pub(crate) id: i64,
    pub(crate) at: Moment,
    /// Who: a person, a token, or this machine.
    pub(crate) actor: String,
    pub(crate) address: Option<String>,
    pub(crate) act: String,
    /// The id or the account that it was about.
    pub(crate) subject: Option<String>,
    pub(crate) succeeded: bool,
}

impl Entry {
    pub(crate) fn of(out: &Outward, row: AuditRow) -> Entry {
        Entry {
            id: row.id,
            at: out.time(row.at),
            actor: row.actor,
            address: row.address,
            act: row.act,
            subject: row.subject,
            succeeded: row.succeeded,
        }
    }
}

/// What was administered, latest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Audit {
    pub(crate) acts: Vec<Entry>,
    /// Ask with `before` set to this for older ones; null at the end.
    pub(crate) next_before: Option<i64>,
}

/// What was administered: who, what, when and from where
#[utoipa::path(
    get, path = "/api/audit", tag = "access",
    params(
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 1000, description = "100 unless given"),
        ("before" = Option<u64>, Query, minimum = 1, description = "`next_before` of the part before"),
    ),
    responses((status = 200, body = Audit)),
)]
pub(crate) async fn audit(State(web): State<Web>, query: Query) -> Result<Json<Audit>, Problem> {
    let limit = u32::try_from(query.whole("limit", 1..=1000, 100)?).unwrap_or(1000);
    let before = query.whole("before", 1..=u64::MAX, u64::MAX)?;
    let before = i64::try_from(before).ok();
    let rows = web.app.store.acts(before, limit + 1).await?;
    let (rows, next_before) = read::part(rows, limit, |it| it.id);
    let acts = rows.into_iter().map(|it| Entry::of(&web.out, it)).collect();
    Ok(Json(Audit { acts, next_before }))
}
