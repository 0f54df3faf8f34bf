//! The Google accounts: how each stands, what can be changed about it, and how one is connected.

mod actions;
mod connect;
mod one;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};

use crate::Web;
use crate::pages::language::said;
use crate::pages::overview::{Severity, silent};
use crate::pages::{Moment, PageContext, Place, page};
use crate::problem::Problem;
use ringbook_app::read;
use ringbook_app::wire::AccountSnapshot;
use ringbook_core::sync::Source;
use ringbook_core::sync::account::AccountState;
use ringbook_store::{Account, GrantFacts};

/// The pages' routes.
pub(crate) fn routes() -> Router<Web> {
    Router::new()
        .route("/accounts", get(accounts))
        .route("/accounts/connect", get(connect::connect))
        .route("/accounts/{id}", get(one::one))
        .route("/do/accounts/add", post(actions::add))
        .route("/do/accounts/client", post(connect::enter))
        .route("/do/accounts/forget-client", post(connect::forget))
        .route("/do/accounts/{id}/rename", post(actions::rename))
        .route("/do/accounts/{id}/labels", post(actions::labels))
        .route("/do/accounts/{id}/service", post(actions::service))
        .route("/do/accounts/{id}/source", post(actions::source))
        .route("/do/accounts/{id}/disconnect", post(actions::disconnect))
        .route("/do/accounts/{id}/remove", post(actions::remove))
}

#[derive(Template)]
#[template(path = "accounts.html")]
struct Accounts {
    visit: PageContext,
    here: Place,
    accounts: Vec<Standing>,
}

/// How an account stands.
struct Standing {
    id: String,
    name: String,
    tone: Severity,
    state: &'static str,
    /// The state in a sentence. What Google says is in English.
    sentence: String,
    source: &'static str,
    contacts: String,
    shown: String,
    last: Option<Moment>,
    next: Option<Moment>,
    paused: bool,
    connected: Option<Moment>,
    /// When Google ends the permission by itself.
    ends: Option<Moment>,
    ends_on: Option<Moment>,
    /// The mailbox that a service account speaks for.
    speaks_for: Option<String>,
    /// Whose permission it uses: id and name.
    lender: Option<(String, String)>,
    /// Where a sync waits for somebody's word.
    held: Option<String>,
    /// Where it is connected, if that is what it needs.
    connect: Option<String>,
}

/// `GET /accounts`
async fn accounts(State(web): State<Web>, visit: PageContext) -> Result<Response, Problem> {
    let known = web.app.store.accounts().await?;
    let sights = read::sights(&web.app, known.clone()).await?;
    let mut accounts = Vec::with_capacity(sights.len());
    for sight in &sights {
        let grant = grant_of(&web, &sight.account).await?;
        accounts.push(standing(&web, &visit, sight, grant.as_ref(), &known));
    }
    Ok(page(&Accounts { visit, here: Place::Accounts, accounts }))
}

/// The permission that an account uses: its own, or that of another.
async fn grant_of(web: &Web, account: &Account) -> Result<Option<GrantFacts>, Problem> {
    Ok(web.app.store.grant_facts(account.grant_of.unwrap_or(account.id)).await?)
}

fn standing(
    web: &Web,
    visit: &PageContext,
    sight: &AccountSnapshot,
    grant: Option<&GrantFacts>,
    known: &[Account],
) -> Standing {
    let it = &sight.account;
    let language = visit.language;
    let condition = it.condition(sight.configured);
    let (tone, state, sentence) = match condition.state() {
        AccountState::Connected => {
            (Severity::Good, said("Connected"), said("Google lets its contacts be read."))
        }
        AccountState::NeedsReauth => {
            (Severity::Bad, said("Must be connected again"), said("Google's permission is gone."))
        }
        AccountState::Held => (
            Severity::Warn,
            said("On hold"),
            said("A sync would delete suspiciously many contacts, and waits for your word."),
        ),
        AccountState::Paused => {
            (Severity::Warn, said("Paused"), said("It is synced only when somebody asks."))
        }
        AccountState::Misconfigured if !sight.configured => (
            Severity::Bad,
            said("Not set up"),
            said("No OAuth client is set, so Google cannot be asked."),
        ),
        AccountState::Misconfigured => {
            (Severity::Bad, said("Cannot be synced"), said("The last sync failed:"))
        }
        AccountState::Disconnected => {
            let tone = if condition.was_connected { Severity::Bad } else { Severity::Warn };
            (tone, said("Not connected"), silent(it))
        }
    };
    let why = condition.dead_because.or(condition.misconfigured_because).filter(|_| {
        matches!(condition.state(), AccountState::NeedsReauth | AccountState::Misconfigured)
    });
    let sentence = match why {
        Some(why) => format!("{} {why}", language.say(sentence)),
        None => language.say(sentence).to_owned(),
    };
    let giver = it.grant_of.unwrap_or(it.id);
    let by_key = grant.is_some_and(|it| it.service.is_some());
    let needs_person = !by_key
        && matches!(condition.state(), AccountState::NeedsReauth | AccountState::Disconnected);
    let lender = known.iter().find(|other| it.grant_of == Some(other.id));
    let ends = grant.filter(|_| it.needs_reauth.is_none()).and_then(|it| it.refresh_expires_at);
    Standing {
        id: web.out.account(it.id).0,
        name: it.name.clone(),
        tone,
        state: language.say(state),
        sentence,
        source: language.say(source(it.source)),
        contacts: language.count(it.counts.live, "{} contact", "{} contacts"),
        shown: shown(visit, it),
        last: it.last_success_at.map(|at| visit.ago(&at)),
        next: sight.next_due.map(|at| visit.ago(&at)),
        paused: it.schedule.paused,
        connected: grant.map(|it| visit.ago(&it.connected_at)),
        ends: ends.map(|at| visit.ago(&at)),
        ends_on: ends.map(|at| visit.exact(&at)),
        speaks_for: grant.and_then(|it| Some(it.service.as_ref()?.subject.clone())),
        lender: lender.map(|it| (web.out.account(it.id).0, it.name.clone())),
        held: it.held_run.map(|run| format!("/runs/{}/held", web.out.run(run).0)),
        connect: needs_person.then(|| leave(web, giver)),
    }
}

/// The page of an account.
pub(crate) fn path_of(web: &Web, account: &Account) -> String {
    format!("/accounts/{}", web.out.account(account.id).0)
}

/// Where a browser goes to Google for an account.
fn leave(web: &Web, account: ringbook_core::sync::AccountId) -> String {
    format!("/auth/google?account={}", web.out.account(account).0)
}

/// What is mirrored.
fn source(source: Source) -> &'static str {
    match source {
        Source::Contacts => said("Contacts"),
        Source::Directory => said("Directory of the domain"),
        Source::Shared => said("Shared contacts of the domain"),
    }
}

/// Whose contacts reach the phones.
fn shown(visit: &PageContext, account: &Account) -> String {
    match account.labels_shown.as_deref() {
        None => visit.say("all contacts").to_owned(),
        Some([]) => visit.say("none").to_owned(),
        Some(labels) => {
            let number = labels.len() as u64;
            visit.language.count(number, "those with {} label", "those with {} labels")
        }
    }
}
