//! The runs that were.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::store::{HistoryQuery, RunRow};
use crate::sync::{Kind, Trigger};
use crate::web::input::Query;
use crate::web::pages::chart::outcome;
use crate::web::pages::language::said;
use crate::web::pages::overview::Tone;
use crate::web::pages::{Moment, Place, Visit, page};
use crate::web::problem::Problem;
use crate::web::{Web, read};

const ROWS: u32 = 50;

#[derive(Template)]
#[template(path = "history.html")]
struct History {
    visit: Visit,
    here: Place,
    rows: Vec<Row>,
    accounts: Vec<Choice>,
    next: Option<String>,
}

struct Row {
    href: String,
    at: Moment,
    account: String,
    kind: &'static str,
    why: String,
    tone: Tone,
    outcome: &'static str,
    took: String,
    changes: String,
}

/// An entry of a list to choose from.
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) text: String,
    pub(crate) chosen: bool,
}

pub(crate) async fn history(
    State(web): State<Web>,
    visit: Visit,
    query: Query,
) -> Result<Response, Problem> {
    // An empty choice of the form means all.
    let named = match query.text("account")? {
        None | Some("") => None,
        Some(_) => query.account(&web)?,
    };
    let before = match query.text("before")? {
        None => None,
        Some(text) => Some(
            read::parse_cursor(text)
                .ok_or_else(|| Problem::value("before", text, "what a link to older syncs says"))?,
        ),
    };
    let wanted = HistoryQuery { account: named, before, limit: ROWS + 1 };
    let runs = web.app.store.history(&wanted).await?;
    let (runs, next) = read::part(runs, ROWS, |run| read::cursor(run.started_at, run.id));
    let known = web.app.store.accounts().await?;
    let name =
        |run: &RunRow| known.iter().find(|it| it.id == run.id.account()).map(|it| it.name.clone());
    let rows =
        runs.iter().map(|run| row(&web, &visit, run, name(run).unwrap_or_default())).collect();
    let accounts = known
        .iter()
        .map(|it| Choice {
            value: web.out.account(it.id).0,
            text: it.name.clone(),
            chosen: named == Some(it.id),
        })
        .collect();
    let chosen = named.map(|it| format!("&account={}", web.out.account(it).0)).unwrap_or_default();
    let next = next.map(|cursor| format!("/history?before={cursor}{chosen}"));
    Ok(page(&History { visit, here: Place::History, rows, accounts, next }))
}

fn row(web: &Web, visit: &Visit, run: &RunRow, account: String) -> Row {
    let language = visit.language;
    let took = crate::clock::between(run.started_at, run.ended_at.unwrap_or(visit.now));
    let (tone, outcome) = outcome(run.outcome);
    let counts = &run.counts;
    Row {
        href: format!("/runs/{}", web.out.run(run.id).0),
        at: visit.ago(&run.started_at),
        account,
        kind: language.say(kind(run.kind)),
        why: why(visit, run),
        tone,
        outcome: language.say(outcome),
        took: language.duration(took),
        changes: language.number(counts.created + counts.updated + counts.deleted),
    }
}

pub(crate) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Full => said("Full"),
        Kind::Incremental => said("Incremental"),
    }
}

/// What started a run, and who asked.
pub(crate) fn why(visit: &Visit, run: &RunRow) -> String {
    let by = run.asked_by.as_deref();
    let language = visit.language;
    let trigger = match run.trigger {
        Trigger::Api => said("asked for"),
        Trigger::Schedule => said("by the schedule"),
        Trigger::Cli => said("on the command line"),
        Trigger::Startup => said("at the start"),
    };
    match by {
        Some(by) => language.fill("{}, by {}", &[language.say(trigger), by]),
        None => language.say(trigger).to_owned(),
    }
}
