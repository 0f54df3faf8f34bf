//! The first page: is it working, what is it doing, and what must I do?

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::Web;
use crate::pages::accounts::path_of;
use crate::pages::chart::{Bar, Chart};
use crate::pages::contact_count_chart::SizeChart;
use crate::pages::language::said;
use crate::pages::timeline::reason;
use crate::pages::{Moment, PageContext, Place, page};
use crate::problem::Problem;
use ringbook_app::read;
use ringbook_app::wire::{AccountSnapshot, ProgressSnapshot, unrenewable};
use ringbook_core::clock::after;
use ringbook_core::sync::account::SyncHealth;
use ringbook_core::sync::{Delay, Phase};
use ringbook_store::{Account, HistoryQuery, RunRow};

/// So many runs are drawn.
const RUNS: u32 = 40;
/// How long before its end somebody is told of a permission.
const ENDING_SOON: Duration = Duration::from_secs(48 * 3600);

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    visit: PageContext,
    here: Place,
    alerts: Vec<Alert>,
    cards: Vec<Card>,
    chart: Option<Chart>,
    size: Option<SizeChart>,
}

/// Something that a person has to see to.
struct Alert {
    tone: Severity,
    what: String,
    detail: String,
    /// Where the way out is, and what it is called.
    way: Option<(String, &'static str)>,
}

/// One account.
struct Card {
    id: String,
    name: String,
    tone: Severity,
    state: &'static str,
    /// How it stands, in a sentence.
    sentence: String,
    contacts: String,
    last: Option<Moment>,
    next: Option<Moment>,
    paused: bool,
    connected: bool,
    live: Option<Live>,
}

/// A run in progress.
struct Live {
    words: &'static str,
    percent: Option<f64>,
    counts: String,
    rate: String,
    left: Option<String>,
    /// Why, what comes then, and when.
    waiting: Option<(&'static str, &'static str, Moment)>,
    cancelling: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    Good,
    Busy,
    Warn,
    Bad,
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Severity::Good => "good",
            Severity::Busy => "busy",
            Severity::Warn => "warn",
            Severity::Bad => "bad",
        })
    }
}

impl askama::filters::HtmlSafe for Severity {}

pub(crate) async fn overview(
    State(web): State<Web>,
    visit: PageContext,
) -> Result<Response, Problem> {
    let sights = read::sights(&web.app, web.app.store.accounts().await?).await?;
    let changed = web.app.store.changes_since(visit.today()).await?;
    let mut cards = Vec::new();
    for sight in &sights {
        let live = match sight.running {
            Some(_) => {
                let it = read::progress(&web.app, &web.out, Some(sight.account.id)).await?;
                Some(it.picture).filter(|it| it.running).map(|it| live(&visit, &it))
            }
            None => None,
        };
        let changed = changed.get(&sight.account.id).copied().unwrap_or(0);
        cards.push(card(&web, &visit, sight, changed, live));
    }
    let query = HistoryQuery { limit: RUNS, ..HistoryQuery::default() };
    let runs = web.app.store.history(&query).await?;
    let runs: Vec<RunRow> = runs.into_iter().rev().collect();
    let bars = runs.iter().map(|run| Bar::of(&web, &visit, run)).collect();
    let accounts: Vec<Account> = sights.iter().map(|it| it.account.clone()).collect();
    let size = SizeChart::of(&visit, &runs, &accounts);
    let chart = (runs.len() > 1).then(|| Chart::of(visit.language, bars));
    let mut alerts: Vec<Alert> =
        sights.iter().flat_map(|sight| alerts(&web, &visit, sight)).collect();
    for sight in &sights {
        alerts.extend(ending(&web, &visit, &sight.account).await?);
    }
    Ok(page(&Overview { visit, here: Place::Overview, alerts, cards, chart, size }))
}

fn card(
    web: &Web,
    visit: &PageContext,
    sight: &AccountSnapshot,
    changed: u64,
    live: Option<Live>,
) -> Card {
    let it = &sight.account;
    let language = visit.language;
    let health = sight.health();
    Card {
        id: web.out.account(it.id).0,
        name: it.name.clone(),
        tone: tone(health),
        state: language.say(health.words()),
        sentence: sentence(visit, sight, changed),
        contacts: language.count(it.counts.live, "{} contact", "{} contacts"),
        last: it.last_success_at.map(|at| visit.ago(&at)),
        next: sight.next_due.map(|at| visit.ago(&at)),
        paused: it.schedule.paused,
        connected: it.grant.is_some() && it.needs_reauth.is_none(),
        live,
    }
}

/// How urgent it is.
fn tone(health: SyncHealth) -> Severity {
    match health {
        SyncHealth::Syncing => Severity::Busy,
        SyncHealth::UpToDate => Severity::Good,
        SyncHealth::Held
        | SyncHealth::Paused
        | SyncHealth::NeverSynced
        | SyncHealth::DeletionsRejected => Severity::Warn,
        SyncHealth::NotConfigured
        | SyncHealth::Disconnected
        | SyncHealth::NeedsReauth
        | SyncHealth::Misconfigured
        | SyncHealth::Failing => Severity::Bad,
    }
}

/// How an account stands: the state, when it was checked, and what changed.
fn sentence(visit: &PageContext, sight: &AccountSnapshot, changed: u64) -> String {
    let it = &sight.account;
    let language = visit.language;
    if let Some(reauth) = &it.needs_reauth {
        return reauth.reason.clone();
    }
    if it.grant.is_none() {
        return language.say("There is no permission from Google.").to_owned();
    }
    if sight.running.is_some() {
        return language.say("A sync is in progress.").to_owned();
    }
    let Some(at) = it.last_success_at else {
        return language.say("Nothing has been synced yet.").to_owned();
    };
    let ago = language.relative(at, visit.now);
    let checked = language.fill("Checked {}.", &[&ago]);
    let changed = match changed {
        0 => language.say("Nothing has changed today.").to_owned(),
        some => language.count(some, "{} change today.", "{} changes today."),
    };
    format!("{checked} {changed}")
}

fn live(visit: &PageContext, it: &ProgressSnapshot) -> Live {
    let language = visit.language;
    let words = match it.phase {
        Some(Phase::Starting) | None => said("Starting"),
        Some(Phase::Verifying) => said("Asking Google about contacts it did not list"),
        Some(Phase::Finishing) => said("Finishing"),
        Some(_) => said("Listing contacts"),
    };
    let contacts = language.number(it.contacts);
    let counts = match it.total {
        Some(total) => language.fill("{} of {} contacts", &[&contacts, &language.number(total)]),
        None => language.count(it.contacts, "{} contact", "{} contacts"),
    };
    let per_second = language.number(it.rate_per_second.round() as u64);
    let left = it.eta_seconds.map(|seconds| {
        let left = Duration::from_secs(seconds as u64);
        language.fill("about {} left", &[&language.duration(left)])
    });
    Live {
        words: language.say(words),
        percent: it.percent,
        counts,
        rate: language.fill("{} per second", &[&per_second]),
        left,
        waiting: it.waiting.as_ref().and_then(|it| {
            let until = it.until.0.parse().ok()?;
            let then = match it.reason {
                Delay::Pause => said("next page"),
                _ => said("next try"),
            };
            Some((language.say(reason(it.reason)), language.say(then), visit.ago(&until)))
        }),
        cancelling: it.cancelling,
    }
}

/// What is wrong with an account, each with the way out.
fn alerts(web: &Web, visit: &PageContext, sight: &AccountSnapshot) -> Vec<Alert> {
    let it = &sight.account;
    let language = visit.language;
    let mut alerts = Vec::new();
    let name = it.name.as_str();
    let may_fix = visit.may_administer();
    if let Some(reauth) = &it.needs_reauth {
        alerts.push(Alert {
            tone: Severity::Bad,
            what: language.fill("{} has to be connected again", &[name]),
            detail: reauth.reason.clone(),
            way: may_fix.then(|| (giver(web, it), language.say("Connect again"))),
        });
    } else if it.grant.is_none() {
        alerts.push(Alert {
            tone: Severity::Bad,
            what: language.fill("{} is not connected", &[name]),
            detail: language.say(silent(it)).to_owned(),
            way: may_fix.then(|| (giver(web, it), language.say("Connect"))),
        });
    }
    if !sight.configured && it.grant.is_some() {
        let way = || ("/accounts/connect".to_owned(), language.say("Enter it"));
        alerts.push(Alert {
            tone: Severity::Bad,
            what: language.fill("{} cannot be synced", &[name]),
            detail: language.say("No OAuth client is set, so Google cannot be asked.").to_owned(),
            way: may_fix.then(way),
        });
    }
    if let Some(run) = it.held_run {
        alerts.push(Alert {
            tone: Severity::Warn,
            what: language.fill("A sync of {} is on hold", &[name]),
            detail: language
                .say("It would delete suspiciously many contacts, and waits for your word.")
                .to_owned(),
            way: Some((
                format!("/runs/{}/held", web.out.run(run).0),
                language.say("Look and decide"),
            )),
        });
    }
    if let Some(since) = it.failing_since {
        let run = it.latest_run.as_ref();
        let since = language.relative(since, visit.now);
        alerts.push(Alert {
            tone: Severity::Bad,
            what: language.fill("Syncs of {} have been failing since {}", &[name, &since]),
            detail: run.and_then(|it| it.error_message.clone()).unwrap_or_default(),
            way: run.map(|it| {
                (format!("/runs/{}", web.out.run(it.id).0), language.say("What happened"))
            }),
        });
    }
    alerts
}

/// The page where the permission of an account is fixed: its own, or its lender's.
fn giver(web: &Web, account: &Account) -> String {
    format!("/accounts/{}", web.out.account(account.grant_of.unwrap_or(account.id)).0)
}

/// What becomes of an account without a permission.
pub(crate) fn silent(account: &Account) -> &'static str {
    match account.counts.live {
        0 => said("It waits to be connected."),
        _ => said("Its contacts are kept, and not brought up to date."),
    }
}

/// A permission that Google ends by itself, two days before it does.
async fn ending(
    web: &Web,
    visit: &PageContext,
    account: &Account,
) -> Result<Option<Alert>, Problem> {
    if account.grant.is_none() || account.grant_of.is_some() || account.needs_reauth.is_some() {
        return Ok(None);
    }
    let grant = web.app.store.grant_facts(account.id).await?;
    let language = visit.language;
    let way = || (path_of(web, account), language.say("Connect again"));
    if let Some(grant) = grant.as_ref().filter(|it| it.lacks_refresh_token()) {
        return Ok(Some(Alert {
            tone: Severity::Warn,
            what: language.fill("The permission of {} cannot be renewed", &[&account.name]),
            detail: unrenewable(&web.out, Some(grant.expires_at)).unwrap_or_default(),
            way: visit.may_administer().then(way),
        }));
    }
    let Some(end) = grant.and_then(|it| it.refresh_expires_at) else { return Ok(None) };
    // One that is over is told by Google's refusal.
    let soon = end > visit.now && end <= after(visit.now, ENDING_SOON);
    Ok(soon.then(|| Alert {
        tone: Severity::Warn,
        what: language.fill(
            "Google ends the permission of {} {}",
            &[&account.name, &language.relative(end, visit.now)],
        ),
        detail: language
            .say("Its app is in “Testing” there. Publish it, and connect once more.")
            .to_owned(),
        way: visit.may_administer().then(way),
    }))
}
