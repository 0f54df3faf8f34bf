//! One account: how it stands, and everything that can be changed about it.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use crate::Web;
use crate::input::{Query, uuid};
use crate::pages::accounts::{Standing, grant_of, leave, standing};
use crate::pages::language::said;
use crate::pages::{PageContext, Place, page, problem_page};
use crate::problem::Problem;
use ringbook_app::connect::{SERVICE_SCOPES, reads_directory};
use ringbook_app::read;
use ringbook_core::contact::fold;
use ringbook_core::sync::account::NAME_MAX;
use ringbook_store::Account;

/// What one is asked before it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    Disconnect,
    Remove,
}

/// A form that was not accepted: which one, why, and what was entered. Never a key.
#[derive(Default)]
pub(super) struct Refused {
    pub(super) form: &'static str,
    pub(super) status: StatusCode,
    pub(super) why: String,
    pub(super) entered: Vec<(&'static str, String)>,
}

#[derive(Template)]
#[template(path = "account.html")]
struct One {
    visit: PageContext,
    here: Place,
    it: Standing,
    question: Option<Question>,
    refused: Refused,
    name_max: usize,
    /// Labels are applied, whichever are chosen.
    all_shown: bool,
    labels: Vec<Label>,
    /// Labels that were chosen and are not at Google now.
    missing: Vec<String>,
    /// It mirrors a person's contacts, and so can lend its permission.
    is_book: bool,
    /// The directory of the domain may be read with its permission, too.
    has_directory: bool,
    /// It was connected by a person, or by a key.
    is_connected: bool,
    /// Some of its contacts are here.
    has_contacts: bool,
    /// Where it is connected by a person's consent.
    leave: String,
    /// What an administrator of the domain enters, and for which scopes.
    service: Option<(String, String)>,
    scopes: &'static [&'static str],
    /// Accounts that use its permission: id and name.
    borrowers: Vec<(String, String)>,
    /// Said of what was just done.
    done: Option<&'static str>,
    /// It was just added, for a service account.
    added: bool,
}

/// A label of the account, to be chosen.
struct Label {
    resource: String,
    name: String,
    chosen: bool,
}

impl One {
    /// What was entered in a field of a form that was refused, or what is known.
    fn entered<'a>(&'a self, field: &str, known: &'a str) -> &'a str {
        let found = self.refused.entered.iter().find(|(name, _)| *name == field);
        found.map_or(known, |(_, value)| value)
    }

    fn wrong(&self, form: &str) -> Option<&str> {
        (self.refused.form == form).then_some(self.refused.why.as_str())
    }
}

/// `GET /accounts/{id}`; `ask=disconnect` and `ask=remove` ask before it is done.
pub(super) async fn one(
    State(web): State<Web>,
    visit: PageContext,
    Path(id): Path<String>,
    query: Query,
) -> Result<Response, Problem> {
    let account = match find(&web, &id).await {
        Ok(account) => account,
        Err(problem) => return Ok(problem_page(visit, &problem, "/accounts".to_owned())),
    };
    let questions =
        [("disconnect", Some(Question::Disconnect)), ("remove", Some(Question::Remove))];
    let question = query.one_of("ask", &questions, None)?;
    let words = [
        ("saved", Some(said("Saved."))),
        ("added", Some(ADDED)),
        ("source", Some(said("The list was added as an account of its own."))),
        ("disconnected", Some(said("The permission was forgotten."))),
        ("erased", Some(said("The permission was forgotten, and the contacts were erased."))),
        ("service", Some(said("The service account was entered. Google accepts it."))),
        ("waiting", Some(WAITING)),
    ];
    let done = query.one_of("done", &words, None)?;
    show(&web, visit, &account, question, Refused::default(), done).await
}

const ADDED: &str = said("The account was added. It waits to be connected.");
const WAITING: &str = said(
    "The service account was entered. Google does not accept it yet: what an administrator allows takes up to a day to arrive. The next syncs try again.",
);

/// The account that a path names.
pub(super) async fn find(web: &Web, id: &str) -> Result<Account, Problem> {
    uuid("id", id)?;
    let known = web.out.ids().parse_account(id);
    let found = match known {
        Some(known) => web.app.store.account(known).await?,
        None => None,
    };
    found.ok_or_else(|| Problem::missing("account", id))
}

pub(super) async fn show(
    web: &Web,
    visit: PageContext,
    account: &Account,
    question: Option<Question>,
    refused: Refused,
    done: Option<&'static str>,
) -> Result<Response, Problem> {
    let known = web.app.store.accounts().await?;
    let mut sights = read::sights(&web.app, vec![account.clone()]).await?;
    let Some(sight) = sights.pop() else {
        return Err(Problem::missing("account", &account.name));
    };
    let grant = grant_of(web, account).await?;
    let (labels, missing) = labels(web, account, &refused).await?;
    let service = grant.as_ref().and_then(|it| it.service.as_ref());
    let borrowers = known.iter().filter(|it| it.grant_of == Some(account.id));
    let status = refused.status;
    let mut response = page(&One {
        it: standing(web, &visit, &sight, grant.as_ref(), &known),
        question,
        name_max: NAME_MAX,
        all_shown: match refused.form {
            "labels" => refused.entered.iter().any(|it| *it == ("which", "all".to_owned())),
            _ => account.labels_shown.is_none(),
        },
        labels,
        missing,
        is_book: account.source.is_a_book(),
        has_directory: grant.as_ref().is_some_and(|it| reads_directory(&it.scopes)),
        is_connected: account.grant.is_some() && account.grant_of.is_none(),
        has_contacts: account.grant_of.is_none()
            && account.counts.live + account.counts.deleted > 0,
        leave: leave(web, account.grant_of.unwrap_or(account.id)),
        service: service.map(|it| (it.client_email.clone(), it.client_id.clone())),
        scopes: &SERVICE_SCOPES,
        borrowers: borrowers.map(|it| (web.out.account(it.id).0, it.name.clone())).collect(),
        added: done == Some(ADDED),
        done: done.map(|text| visit.say(text)),
        refused,
        here: Place::Accounts,
        visit,
    });
    if response.status() == StatusCode::OK {
        *response.status_mut() = status;
    }
    Ok(response)
}

/// The labels by name, Google's own last; and those that are not there any more. How many contacts each has is not
/// told: that takes reading all of them.
async fn labels(
    web: &Web,
    account: &Account,
    refused: &Refused,
) -> Result<(Vec<Label>, Vec<String>), Problem> {
    let mut known = web.app.store.labels(account.id).await?;
    known.sort_by_key(|(_, name, is_system)| (*is_system, fold(name, usize::MAX)));
    let sent = refused.entered.iter().filter(|(field, _)| *field == "show");
    let chosen: Vec<&str> = match refused.form {
        "labels" => sent.map(|(_, value)| value.as_str()).collect(),
        _ => account.labels_shown.iter().flatten().map(String::as_str).collect(),
    };
    let is_known = |resource: &&&str| known.iter().any(|(it, ..)| it == **resource);
    let missing = chosen.iter().filter(|it| !is_known(it)).map(|it| (*it).to_owned()).collect();
    let label = |(resource, name, _): (String, String, bool)| Label {
        chosen: chosen.contains(&resource.as_str()),
        resource,
        name,
    };
    Ok((known.into_iter().map(label).collect(), missing))
}
