//! What was administered, to look through.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::Web;
use crate::auth::audit::{acts, wanted};
use crate::input::{Query, uuid};
use crate::pages::settings::{Tab, tabs};
use crate::pages::{Moment, PageContext, Place, page};
use crate::problem::Problem;
use ringbook_app::services::AuditAction;
use ringbook_store::AuditRow;

/// Acts on a page.
const ROWS: u64 = 50;

#[derive(Template)]
#[template(path = "audit.html")]
struct Audit {
    visit: PageContext,
    here: Place,
    tabs: Vec<Tab>,
    rows: Vec<Row>,
    actor: String,
    since: String,
    until: String,
    /// Only what was refused.
    failed: bool,
    filtered: bool,
    is_first: bool,
    older: Option<i64>,
}

/// One act.
struct Row {
    at: Moment,
    actor: String,
    from: String,
    what: String,
    /// The route or the command, for who wants to know exactly.
    act: String,
    about: String,
    succeeded: bool,
}

/// `GET /access/audit`
pub(super) async fn audit(
    State(web): State<Web>,
    visit: PageContext,
    query: Query,
) -> Result<Response, Problem> {
    let query = query.filled();
    let wanted = wanted(&web, &query, ROWS)?;
    let (rows, older) = acts(&web, &wanted).await?;
    let text = |name| Ok::<_, Problem>(query.text(name)?.unwrap_or_default().to_owned());
    let (actor, since, until) = (text("actor")?, text("since")?, text("until")?);
    let failed = wanted.succeeded == Some(false);
    Ok(page(&Audit {
        tabs: tabs(&visit, "/access/audit"),
        rows: rows.into_iter().map(|it| row(&visit, it)).collect(),
        filtered: failed || [&actor, &since, &until].iter().any(|it| !it.is_empty()),
        is_first: query.text("before")?.is_none(),
        actor,
        since,
        until,
        failed,
        older,
        here: Place::Settings,
        visit,
    }))
}

fn row(visit: &PageContext, row: AuditRow) -> Row {
    // An id that has no name any more says nothing to a person.
    let subject = row.subject.filter(|it| uuid("id", it).is_err());
    Row {
        at: visit.ago(&row.at),
        actor: row.actor,
        from: row.address.unwrap_or_default(),
        what: AuditAction::stored(&row.act)
            .map_or_else(|| row.act.clone(), |it| visit.say(it.words()).to_owned()),
        act: row.act,
        about: row.subject_name.or(subject).unwrap_or_default(),
        succeeded: row.succeeded,
    }
}
