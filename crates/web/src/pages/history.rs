//! The runs that were.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::input::{Form, Query};
use crate::pages::actions::{after, back_to};
use crate::pages::chart::outcome;
use crate::pages::held::encoded;
use crate::pages::language::said;
use crate::pages::overview::Severity;
use crate::pages::{Moment, PageContext, Place, page};
use crate::problem::Problem;
use crate::{Web, history as api};
use ringbook_app::app::WELCOMED_BY;
use ringbook_app::read;
use ringbook_core::sync::{Kind, Trigger};
use ringbook_engine::supervisor::FOLLOW_UP_BY;
use ringbook_store::{HistoryQuery, OutcomeWanted, RunRow};

const ROWS: u32 = 50;

#[derive(Template)]
#[template(path = "history.html")]
struct History {
    visit: PageContext,
    here: Place,
    rows: Vec<Row>,
    filters: Vec<Filter>,
    since: String,
    until: String,
    filtered: bool,
    accounts: Vec<Choice>,
    /// What was just forgotten.
    cleared: Option<String>,
    newer: Option<String>,
    older: Option<String>,
}

/// A list to choose from.
struct Filter {
    name: &'static str,
    label: &'static str,
    choices: Vec<Choice>,
}

struct Row {
    href: String,
    at: Moment,
    account: String,
    kind: &'static str,
    why: String,
    tone: Severity,
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

/// `GET /history`
pub(crate) async fn history(
    State(web): State<Web>,
    visit: PageContext,
    query: Query,
) -> Result<Response, Problem> {
    // What was left empty in the form means all.
    let query = query.filled();
    let account = query.account(&web)?;
    let wanted = HistoryQuery { account, limit: ROWS, ..api::wanted(&web, &query)? };
    let part = read::history_part(&web.app, wanted).await?;
    let known = web.app.store.accounts().await?;
    let name =
        |run: &RunRow| known.iter().find(|it| it.id == run.id.account()).map(|it| it.name.clone());
    let row = |run: &RunRow| row(&web, &visit, run, name(run).unwrap_or_default());
    let rows = part.rows.iter().map(row).collect();
    let accounts = known.iter().map(|it| Choice {
        value: web.out.account(it.id).0,
        text: it.name.clone(),
        chosen: account == Some(it.id),
    });
    let accounts: Vec<Choice> = accounts.collect();
    let mut chosen = String::new();
    for name in ["account", "outcome", "kind", "trigger", "since", "until"] {
        if let Some(value) = query.text(name)? {
            chosen += &format!("&{name}={}", encoded(value));
        }
    }
    let cleared = query.whole("cleared", 0..=u64::MAX, u64::MAX)?;
    let cleared = (cleared < i64::MAX as u64).then(|| {
        visit.language.count(cleared, "{} sync was forgotten.", "{} syncs were forgotten.")
    });
    Ok(page(&History {
        here: Place::History,
        rows,
        filters: filters(&visit, &wanted),
        since: query.text("since")?.unwrap_or_default().to_owned(),
        until: query.text("until")?.unwrap_or_default().to_owned(),
        filtered: !chosen.is_empty(),
        accounts,
        cleared,
        newer: part.newer.map(|cursor| format!("/history?after={cursor}{chosen}")),
        older: part.older.map(|cursor| format!("/history?cursor={cursor}{chosen}")),
        visit,
    }))
}

fn filters(visit: &PageContext, wanted: &HistoryQuery) -> Vec<Filter> {
    let choice = |value: &str, text: &'static str, chosen| Choice {
        value: value.to_owned(),
        text: visit.say(text).to_owned(),
        chosen,
    };
    let outcomes = OutcomeWanted::all().map(|it| {
        let ended = match it {
            OutcomeWanted::Running => None,
            OutcomeWanted::Ended(outcome) => Some(outcome),
        };
        choice(it.as_str(), outcome(ended).1, wanted.outcome == Some(it))
    });
    let kinds = Kind::ALL.iter();
    let kinds = kinds.map(|it| choice(it.as_str(), kind(*it), wanted.kind == Some(*it)));
    let triggers = Trigger::ALL.iter();
    let triggers =
        triggers.map(|it| choice(it.as_str(), trigger(*it), wanted.trigger == Some(*it)));
    let filter = |name, label, choices| Filter { name, label: visit.say(label), choices };
    vec![
        filter("outcome", said("Outcome"), outcomes.collect()),
        filter("kind", said("Kind"), kinds.collect()),
        filter("trigger", said("Why"), triggers.collect()),
    ]
}

/// `POST /do/clear-history`: of one account or of all; `keep_latest` keeps the newest of each.
pub(crate) async fn clear(
    State(web): State<Web>,
    visit: PageContext,
    Form(form): Form,
) -> Response {
    let acted = async {
        let form = form.filled();
        if form.text("sure")?.is_none() {
            let detail = "nothing was forgotten: tick the box that says so, and try again";
            return Err(Problem::unreadable(detail));
        }
        let account = form.account(&web)?;
        let keep_latest = form.text("keep_latest")?.is_some();
        Ok(web.app.store.clear_history_of(account, keep_latest).await?)
    };
    match acted.await {
        Ok(count) => back_to(Some(&format!("/history?cleared={count}"))),
        Err(problem) => {
            let back = Query::parse("back=/history").unwrap_or_default();
            after(Err(problem), visit, &back)
        }
    }
}

fn row(web: &Web, visit: &PageContext, run: &RunRow, account: String) -> Row {
    let language = visit.language;
    let took = ringbook_core::clock::between(run.started_at, run.ended_at.unwrap_or(visit.now));
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

fn trigger(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Api => said("asked for"),
        Trigger::Schedule => said("by the schedule"),
        Trigger::Cli => said("on the command line"),
        Trigger::Startup => said("at the start"),
    }
}

/// What started a run, and who asked.
pub(crate) fn why(visit: &PageContext, run: &RunRow) -> String {
    let language = visit.language;
    let trigger = language.say(trigger(run.trigger));
    match run.asked_by.as_deref() {
        // Nobody asked for these.
        Some(FOLLOW_UP_BY) => language.say("after the full sync").to_owned(),
        Some(WELCOMED_BY) => language.say("the account was connected").to_owned(),
        Some(by) => language.fill("{}, by {}", &[trigger, by]),
        None => trigger.to_owned(),
    }
}
