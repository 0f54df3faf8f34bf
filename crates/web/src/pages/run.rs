//! One run: why it started, how it went, what it changed; and the word on one that is on hold.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde_json::Value;

use crate::Web;
use crate::input::{Query, RunInPath};
use crate::pages::chart::outcome;
use crate::pages::history::{kind, why};
use crate::pages::language::{Language, said};
use crate::pages::overview::Severity;
use crate::pages::timeline::Timeline;
use crate::pages::{Moment, PageContext, Place, page};
use crate::problem::Problem;
use ringbook_app::read;
use ringbook_core::contact::FieldChange;
use ringbook_core::sync::{AccountId, ChangeKind, Outcome};
use ringbook_store::{ChangeRow, RunRow};

/// So many changes stand on one page.
const ROWS: u32 = 100;

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage {
    visit: PageContext,
    here: Place,
    id: String,
    account: String,
    kind: &'static str,
    why: String,
    full_reason: Option<&'static str>,
    tone: Severity,
    outcome: &'static str,
    error: Option<String>,
    note: Option<String>,
    started: Moment,
    took: String,
    waited: Option<String>,
    retries: String,
    requests: String,
    holder: String,
    resumed: bool,
    running: bool,
    cancelled_by: Option<String>,
    decided_by: Option<String>,
    listed: Vec<Count>,
    mirror: Vec<Count>,
    /// How many contacts it would delete, while it waits for a word.
    held: Option<String>,
    timeline: Option<Timeline>,
    aside: Vec<Aside>,
    changes: Vec<Change>,
    more: Option<String>,
}

/// One line of the books.
struct Count {
    what: &'static str,
    /// `=`, `+` or `−`; empty for the first.
    sign: &'static str,
    number: String,
}

struct Aside {
    name: String,
    reason: String,
}

struct Change {
    /// To the contact, which may have gone for good.
    href: String,
    name: String,
    tone: Severity,
    kind: &'static str,
    fields: Vec<Field>,
}

pub(super) struct Field {
    pub(super) name: String,
    pub(super) before: String,
    pub(super) after: String,
}

pub(crate) async fn run(
    State(web): State<Web>,
    visit: PageContext,
    RunInPath(id): RunInPath,
    query: Query,
) -> Result<Response, Problem> {
    let store = &web.app.store;
    let shown = web.out.run(id).0;
    let Some(row) = store.run(id).await? else { return Err(Problem::missing("run", &shown)) };
    let after = i64::try_from(query.whole("after", 0..=u64::MAX, 0)?).unwrap_or(i64::MAX);
    let changes = store.changes(id, after, ROWS + 1).await?;
    let labels = LabelNames::read(&web, id.account()).await?;
    let (changes, next) = read::part(changes, ROWS, |it| it.seq);
    let aside = store.set_aside(id, 0, ROWS).await?;
    let phases = store.phases(id).await?;
    let to_delete = row.counts.to_delete;
    let held = (row.outcome == Some(Outcome::Held))
        .then(|| visit.language.count(to_delete, "{} contact", "{} contacts"));
    let account = store.account(id.account()).await?.map(|it| it.name).unwrap_or_default();
    let language = visit.language;
    let (tone, outcome) = outcome(row.outcome);
    let until = row.ended_at.unwrap_or(visit.now);
    let (listed, mirror) = books(language, &row);
    Ok(page(&RunPage {
        here: Place::History,
        account,
        kind: language.say(kind(row.kind)),
        why: why(&visit, &row),
        full_reason: row.full_reason.map(|it| language.say_known(it.in_words())),
        tone,
        outcome: language.say(outcome),
        error: row.error_message.clone(),
        note: row.note.clone(),
        started: visit.ago(&row.started_at),
        took: language.duration(ringbook_core::clock::between(row.started_at, until)),
        waited: (row.waited_ms > 0)
            .then(|| language.duration(std::time::Duration::from_millis(row.waited_ms))),
        retries: language.number(row.retries),
        requests: language.number(row.requests),
        holder: row.holder.clone(),
        resumed: row.resumed,
        running: row.outcome.is_none(),
        cancelled_by: row.cancel_by.clone(),
        decided_by: row.decided_by.clone(),
        listed,
        mirror,
        held,
        timeline: Timeline::of(&visit, &row, &phases),
        aside: aside
            .into_iter()
            .map(|it| Aside { name: it.resource_name.unwrap_or_default(), reason: it.reason })
            .collect(),
        changes: changes.into_iter().map(|it| change(&web, language, &labels, it)).collect(),
        more: next.map(|after| format!("/runs/{shown}?after={after}#changes")),
        id: shown,
        visit,
    }))
}

/// The two equations that every run has to fulfil.
fn books(language: Language, row: &RunRow) -> (Vec<Count>, Vec<Count>) {
    let it = &row.counts;
    let count = |what, sign, number| Count {
        what: language.say(what),
        sign,
        number: language.number(number),
    };
    let listed = vec![
        count(said("Listed by Google"), "", it.listed),
        count(said("created"), "=", it.created),
        count(said("updated"), "+", it.updated),
        count(said("unchanged"), "+", it.unchanged),
        count(said("set aside"), "+", it.set_aside),
    ];
    let mut mirror = vec![
        count(said("In the mirror before"), "", row.before_live),
        count(said("created"), "+", it.created),
        count(said("restored"), "+", it.restored),
        count(said("deleted"), "−", it.deleted),
    ];
    if let Some(after) = row.after_live {
        mirror.push(count(said("after"), "=", after));
    }
    (listed, mirror)
}

fn change(web: &Web, language: Language, labels: &LabelNames, row: ChangeRow) -> Change {
    let (tone, kind) = change_kind(row.kind);
    Change {
        href: format!("/contacts/{}", web.out.contact(row.contact).0),
        name: row.display_name,
        tone,
        kind: language.say(kind),
        fields: fields(row.fields, labels),
    }
}

pub(super) fn change_kind(kind: ChangeKind) -> (Severity, &'static str) {
    match kind {
        ChangeKind::Created => (Severity::Good, said("created")),
        ChangeKind::Updated => (Severity::Busy, said("updated")),
        ChangeKind::Deleted => (Severity::Bad, said("deleted")),
        ChangeKind::Restored => (Severity::Good, said("restored")),
    }
}

/// What changed of a contact, without what says nothing to a person.
pub(super) fn fields(changes: Vec<FieldChange>, labels: &LabelNames) -> Vec<Field> {
    let fields = changes.into_iter().map(|it| field(it, labels));
    fields.filter(|it| !(it.before.is_empty() && it.after.is_empty())).collect()
}

fn field(it: FieldChange, labels: &LabelNames) -> Field {
    let is_labels = it.field == "labels";
    let said = |value: &Value| if is_labels { labels.of(value) } else { plain(value) };
    Field {
        name: it.field.replace('_', " "),
        before: it.before.as_ref().map(said).unwrap_or_default(),
        after: it.after.as_ref().map(said).unwrap_or_default(),
    }
}

/// What an account's labels are called.
pub(super) struct LabelNames(Vec<(String, String)>);

impl LabelNames {
    pub(super) async fn read(web: &Web, account: AccountId) -> Result<LabelNames, Problem> {
        Ok(LabelNames(web.app.store.label_names(account).await?))
    }

    /// Every contact is in this one, so it says nothing.
    const EVERYBODY: &str = "contactGroups/myContacts";

    fn of(&self, list: &Value) -> String {
        let names = list.as_array().into_iter().flatten().filter_map(Value::as_str);
        let known =
            |label: &str| self.0.iter().find(|(id, _)| id == label).map(|(_, name)| name.clone());
        let names = names.filter(|it| *it != LabelNames::EVERYBODY);
        names.map(|it| known(it).unwrap_or_else(|| it.to_owned())).collect::<Vec<_>>().join(" · ")
    }
}

/// A value of a contact as a person reads it: what it holds, without brackets and quotes.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "✓".to_owned(),
        Value::Bool(false) => "–".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(" · "),
        Value::Object(fields) => fields
            .values()
            .filter(|it| !it.is_null() && **it != Value::Bool(false))
            .map(plain)
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
            .join(", "),
    }
}
