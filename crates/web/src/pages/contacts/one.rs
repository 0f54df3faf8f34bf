//! One contact, live or deleted: what the mirror keeps of it, what phones dial, and what happened to it.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::Web;
use crate::contact_history::{history, kept};
use crate::input::{ContactInPath, Query};
use crate::pages::contacts::query_of;
use crate::pages::language::said;
use crate::pages::overview::Severity;
use crate::pages::run::{Field, LabelNames, change_kind, fields};
use crate::pages::{Moment, PageContext, Place, page};
use crate::problem::Problem;
use ringbook_app::read;
use ringbook_app::wire::Contact;
use ringbook_core::clock::after;
use ringbook_core::number::Dialled;
use ringbook_core::number::field_of;
use ringbook_store::ContactChangeRow;

const CHANGES: u32 = 25;

#[derive(Template)]
#[template(path = "contact.html")]
struct ContactPage {
    visit: PageContext,
    here: Place,
    contact: Contact,
    nicknames: String,
    department: String,
    numbers: Vec<Number>,
    account: String,
    came: Moment,
    changed: Moment,
    edited: Option<Moment>,
    gone: Option<Gone>,
    changes: Vec<Change>,
    more: Option<String>,
}

struct Gone {
    at: Moment,
    until: Moment,
}

struct Number {
    typed: String,
    stored: String,
    dialled: String,
    explained: String,
    kind: &'static str,
    own_kind: String,
    primary: bool,
}

struct Change {
    at: Moment,
    run: String,
    tone: Severity,
    kind: &'static str,
    fields: Vec<Field>,
}

pub(crate) async fn one(
    State(web): State<Web>,
    visit: PageContext,
    ContactInPath(id): ContactInPath,
    query: Query,
) -> Result<Response, Problem> {
    let kept = kept(&web, id).await?;
    let (changes, next) = history(&web, id, &query, CHANGES).await?;
    let called = LabelNames::read(&web, id.account()).await?;
    let labels = read::label_names(&web.app, [id.account()]).await?;
    let account = web.app.store.account(id.account()).await?.map(|it| it.name).unwrap_or_default();
    let row = &kept.contact;
    let contact = Contact::of(&web.out, row, &labels);
    let keep = web.app.config.tombstone_keep;
    let organization = row.content.organization.as_ref();
    let more = next.map(|it| format!("/contacts/{}?before={it}#changes", contact.id.0));
    Ok(page(&ContactPage {
        here: Place::Contacts,
        nicknames: row.content.nicknames.join(", "),
        department: organization.map(|it| it.department.clone()).unwrap_or_default(),
        numbers: row.content.phones.iter().flat_map(|it| numbers(&web, &visit, it)).collect(),
        account,
        came: visit.ago(&row.created_at),
        changed: visit.ago(&row.updated_at),
        edited: row.edited_at.map(|it| visit.ago(&it)),
        gone: kept
            .deleted_at
            .map(|at| Gone { at: visit.ago(&at), until: visit.ago(&after(at, keep)) }),
        changes: changes.into_iter().map(|it| change(&web, &visit, &called, it)).collect(),
        more,
        contact,
        visit,
    }))
}

/// The numbers of a field, each in its three forms.
fn numbers(web: &Web, visit: &PageContext, phone: &ringbook_core::contact::Phone) -> Vec<Number> {
    let kind = kind_in_words(&phone.kind);
    let number = |it: Dialled| Number {
        explained: format!("/settings/dialling?{}", query_of(&[("number", &it.text)])),
        typed: it.text,
        stored: it.number.and_then(|it| it.e164().map(ToString::to_string)).unwrap_or_default(),
        dialled: it.dial.string.map(|it| it.to_string()).unwrap_or_default(),
        kind: kind.map(|it| visit.say(it)).unwrap_or_default(),
        own_kind: if kind.is_none() { phone.kind.clone() } else { String::new() },
        primary: phone.primary,
    };
    web.app.config.dial.dial_all(field_of(phone)).into_iter().map(number).collect()
}

/// One of Google's kinds of numbers and addresses; a kind that somebody made up is not among them.
pub(super) fn kind_in_words(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "home" => said("home"),
        "work" => said("work"),
        "mobile" => said("mobile"),
        "workMobile" => said("work mobile"),
        "homeFax" => said("home fax"),
        "workFax" => said("work fax"),
        "pager" => said("pager"),
        "main" => said("main"),
        "" | "other" => said("other"),
        _ => return None,
    })
}

impl PageContext {
    /// A kind of number or address in the reader's words, where it is one of Google's.
    fn kind<'a>(&self, kind: &'a str) -> &'a str {
        kind_in_words(kind).map_or(kind, |known| self.say(known))
    }
}

fn change(web: &Web, visit: &PageContext, labels: &LabelNames, row: ContactChangeRow) -> Change {
    let (tone, kind) = change_kind(row.change.kind);
    Change {
        at: visit.ago(&row.change.at),
        run: format!("/runs/{}#changes", web.out.run(row.run).0),
        tone,
        kind: visit.say(kind),
        fields: fields(row.change.fields, labels),
    }
}
