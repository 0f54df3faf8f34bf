//! All contacts in the order of the phones, and whoever is looked for.
//!
//! Order, letters and search are those of the directory in memory; only the rows that are shown are read from
//! the database.

use std::collections::{BTreeSet, HashSet};

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::Web;
use crate::input::Query;
use crate::pages::contacts::one::kind_in_words;
use crate::pages::contacts::query_of;
use crate::pages::history::Choice;
use crate::pages::{PageContext, Place, page};
use crate::problem::Problem;
use ringbook_app::directory::{Rules, View};
use ringbook_app::read;
use ringbook_app::wire::Contact;
use ringbook_core::contact::Initial;
use ringbook_core::sync::AccountId;
use ringbook_store::ContactId;

const ROWS: usize = 50;

#[derive(Template)]
#[template(path = "contacts.html")]
struct List {
    visit: PageContext,
    here: Place,
    asked: Asked,
    letters: Vec<Letter>,
    labels: Vec<Choice>,
    accounts: Vec<Choice>,
    rows: Vec<Row>,
    found: String,
    /// There are none at all, whatever is asked for.
    empty: bool,
    previous: Option<String>,
    next: Option<String>,
}

/// What the address asks for.
#[derive(Clone, Default)]
struct Asked {
    q: String,
    label: String,
    letter: String,
    account: String,
    starred: bool,
    whose: Option<AccountId>,
}

/// Contacts whose directory is made within some milliseconds.
const AT_ONCE: u64 = 2000;

/// While the directory is made for the first time.
#[derive(Template)]
#[template(path = "contacts_soon.html")]
struct Soon {
    visit: PageContext,
    here: Place,
    count: String,
}

struct Letter {
    text: &'static str,
    /// `None` when nobody stands under it.
    href: Option<String>,
    here: bool,
}

struct Row {
    href: String,
    name: String,
    company: String,
    number: String,
    kind: String,
    labels: String,
    starred: bool,
    account: String,
}

pub(crate) async fn list(
    State(web): State<Web>,
    visit: PageContext,
    query: Query,
) -> Result<Response, Problem> {
    let asked = Asked::of(&web, &query)?;
    let accounts = web.app.store.accounts().await?;
    let count: u64 = accounts.iter().map(|it| it.counts.live).sum();
    // The directory of so many takes a while to make when it is first asked for, and nobody should look at nothing.
    if count > AT_ONCE && !web.app.directory.is_there() {
        let count = visit.language.count(count, "{} contact", "{} contacts");
        return Ok(page(&Soon { visit, here: Place::Contacts, count }));
    }
    let view = web.app.directory.view().await?;
    let places = asked.places(web.app.directory.rules(), &view);
    let letters = letters(&view, &places, &asked);
    let places: Vec<u32> = match Initial::parse(&asked.letter) {
        None => places,
        Some(wanted) => {
            places.into_iter().filter(|it| view.contacts.initial(*it) == wanted).collect()
        }
    };
    let (first, last) = window(&web, &view, &places, &query)?;
    let id = |at: usize| places.get(at).map(|it| ContactId(view.contacts.id(*it)));
    let link = |name: &str, at: usize| {
        id(at).map(|it| format!("/contacts?{}", asked.query(&[(name, &web.out.contact(it).0)])))
    };
    let ids: Vec<i64> = (first..last).filter_map(id).map(|it| it.0).collect();
    let shown = web.app.store.contacts_by_id(&ids).await?;
    let rows = shown.iter().map(|row| {
        let account = accounts.iter().find(|it| it.id == row.id.account());
        let name = account.map(|it| it.name.clone()).unwrap_or_default();
        row_of(&visit, Contact::of(&web.out, row, &view.labels), name)
    });
    let rows = rows.collect();
    let choice =
        |value: String, text: String, chosen: &str| Choice { chosen: value == chosen, value, text };
    Ok(page(&List {
        here: Place::Contacts,
        letters,
        labels: label_names(&view)
            .into_iter()
            .map(|it| choice(it.clone(), it, &asked.label))
            .collect(),
        accounts: accounts
            .iter()
            .map(|it| choice(web.out.account(it.id).0, it.name.clone(), &asked.account))
            .collect(),
        rows,
        found: visit.language.count(places.len() as u64, "{} contact", "{} contacts"),
        empty: view.contacts.is_empty(),
        previous: if first > 0 { link("before", first) } else { None },
        next: if last < places.len() { link("after", last.saturating_sub(1)) } else { None },
        asked,
        visit,
    }))
}

impl Asked {
    fn of(web: &Web, query: &Query) -> Result<Asked, Problem> {
        let text = |name: &str| -> Result<String, Problem> {
            let text = query.text(name)?.unwrap_or_default().trim();
            Ok(text.chars().take(read::SEARCHED_MAX).collect())
        };
        let account = text("account")?;
        // An empty choice of the form means all.
        let whose = if account.is_empty() { None } else { query.account(web)? };
        let letter = text("letter")?;
        if !letter.is_empty() && Initial::parse(&letter).is_none() {
            return Err(Problem::value("letter", &letter, "a letter from A to Z, or # (%23)"));
        }
        let starred = text("starred")? == "yes";
        Ok(Asked { q: text("q")?, label: text("label")?, letter, account, starred, whose })
    }

    fn query(&self, more: &[(&str, &str)]) -> String {
        let starred = if self.starred { "yes" } else { "" };
        let mut pairs = vec![
            ("q", self.q.as_str()),
            ("letter", &self.letter),
            ("label", &self.label),
            ("account", &self.account),
            ("starred", starred),
        ];
        pairs.extend_from_slice(more);
        query_of(&pairs)
    }

    /// Whoever is asked for, under any letter; the best first if something is searched for.
    fn places(&self, rules: &Rules, view: &View) -> Vec<u32> {
        let contacts = &view.contacts;
        let everybody = || (0..contacts.len() as u32).collect();
        let mut places: Vec<u32> =
            if self.q.is_empty() { everybody() } else { read::find(rules, view, &self.q) };
        if let Some(account) = self.whose {
            places.retain(|it| contacts.account(*it) == account.0);
        }
        if self.starred {
            places.retain(|it| contacts.is_starred(*it));
        }
        if !self.label.is_empty() {
            let is_meant = |account, resource: &str| {
                let named = view.labels.get(&(AccountId(account), resource.to_owned()));
                named.is_some_and(|it| *it == self.label)
            };
            let labelled: HashSet<u32> = contacts.with_label(is_meant).into_iter().collect();
            places.retain(|it| labelled.contains(it));
        }
        places
    }
}

/// Which rows stand on this page: those after a contact, or before one, or the first. A contact that has
/// gone meanwhile leads to the beginning.
fn window(
    web: &Web,
    view: &View,
    places: &[u32],
    query: &Query,
) -> Result<(usize, usize), Problem> {
    let at = |name: &str| -> Result<Option<usize>, Problem> {
        let Some(text) = query.text(name)? else { return Ok(None) };
        let id = web.out.ids().parse_contact(text);
        Ok(id.and_then(|id| places.iter().position(|it| view.contacts.id(*it) == id.0)))
    };
    let first = match (at("after")?, at("before")?) {
        (Some(after), _) => after + 1,
        (None, Some(before)) => before.saturating_sub(ROWS),
        (None, None) => 0,
    };
    Ok((first, (first + ROWS).min(places.len())))
}

fn letters(view: &View, places: &[u32], asked: &Asked) -> Vec<Letter> {
    let there: HashSet<&str> =
        places.iter().map(|it| view.contacts.initial(*it).as_str()).collect();
    let link = |letter: &str| {
        let other = Asked { letter: letter.to_owned(), ..asked.clone() };
        format!("/contacts?{}", other.query(&[]))
    };
    Initial::all()
        .map(|it| Letter {
            text: it.as_str(),
            href: there.contains(it.as_str()).then(|| link(it.as_str())),
            here: asked.letter.eq_ignore_ascii_case(it.as_str()),
        })
        .collect()
}

/// Names of the labels that contacts have, each once.
fn label_names(view: &View) -> BTreeSet<String> {
    let known = view.contacts.label_names().iter();
    known
        .filter_map(|(account, it)| view.labels.get(&(AccountId(*account), it.clone())).cloned())
        .collect()
}

fn row_of(visit: &PageContext, contact: Contact, account: String) -> Row {
    let first = contact.phone_numbers.first();
    let kind = |kind: &str| match kind_in_words(kind) {
        Some(known) => visit.say(known).to_owned(),
        None => kind.to_owned(),
    };
    Row {
        href: format!("/contacts/{}", contact.id.0),
        company: contact.organization.clone().unwrap_or_default(),
        number: first.map(|it| it.display_value.clone()).unwrap_or_default(),
        kind: first.map(|it| kind(&it.kind)).unwrap_or_default(),
        labels: contact.labels.join(", "),
        starred: contact.starred,
        name: contact.display_name,
        account,
    }
}
