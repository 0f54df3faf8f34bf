//! When accounts are synced by themselves: what is planned, and a form to change it.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::Web;
use crate::input::{Form, Query};
use crate::pages::actions::{after, back_to};
use crate::pages::language::said;
use crate::pages::overview::Severity;
use crate::pages::settings::{Tab, tabs};
use crate::pages::{Moment, PageContext, Place, page};
use crate::problem::Problem;
use ringbook_app::services::{Caller, ScheduleChange, ServiceError, Timing};
use ringbook_core::sync::schedule as plans;
use ringbook_core::sync::schedule::{Cadence, MINUTES_MAX, MINUTES_MIN, Plan};
use ringbook_store::Account;

/// So many of the next runs are told.
const NEXT: usize = 5;

#[derive(Template)]
#[template(path = "schedule.html")]
struct Page {
    visit: PageContext,
    here: Place,
    tabs: Vec<Tab>,
    accounts: Vec<Planned>,
    minutes_min: u16,
    minutes_max: u16,
    /// What the configuration says, for those without a schedule of their own.
    configured: String,
}

/// How one account is synced by itself.
struct Planned {
    id: String,
    name: String,
    tone: Severity,
    state: &'static str,
    cadence: String,
    next: Vec<Due>,
    full: String,
    full_at: Option<Moment>,
    fields: Fields,
}

/// One of the next runs.
struct Due {
    at: Moment,
    relative: Moment,
}

/// What stands in the form.
#[derive(Default)]
struct Fields {
    mode: String,
    minutes: String,
    cron: String,
    zone: String,
    paused: bool,
    /// Which field is wrong, and why.
    wrong: Option<(&'static str, String)>,
}

impl Fields {
    fn of(account: &Account, default_zone: &str) -> Fields {
        let row = &account.schedule;
        let mode = match (&row.cron, row.minutes) {
            (Some(_), _) => "cron",
            (None, Some(_)) => "interval",
            (None, None) => "config",
        };
        Fields {
            mode: mode.to_owned(),
            minutes: row.minutes.map(|it| it.to_string()).unwrap_or_default(),
            cron: row.cron.clone().unwrap_or_default(),
            zone: row.zone.clone().unwrap_or_else(|| default_zone.to_owned()),
            paused: row.paused,
            wrong: None,
        }
    }

    fn sent(form: &Query) -> Result<Fields, Problem> {
        let text = |name| Ok::<_, Problem>(form.text(name)?.unwrap_or_default().trim().to_owned());
        Ok(Fields {
            mode: text("mode")?,
            minutes: text("interval_minutes")?,
            cron: text("cron")?,
            zone: text("time_zone")?,
            paused: form.text("paused")?.is_some(),
            wrong: None,
        })
    }

    /// What is to be in force, as far as it was entered.
    fn change(&self) -> Result<ScheduleChange, ServiceError> {
        let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let timing = match self.mode.as_str() {
            "config" => Timing::Configured,
            "interval" => Timing::Interval {
                minutes: self.minutes.parse().map_err(|_| {
                    let found = filled(&self.minutes).unwrap_or_else(|| "nothing".to_owned());
                    let allowed = format!("a whole number from {MINUTES_MIN} to {MINUTES_MAX}");
                    ServiceError::invalid("interval_minutes", &found, allowed)
                })?,
            },
            "cron" => Timing::Cron { expression: self.cron.clone(), zone: filled(&self.zone) },
            mode => return Err(ServiceError::invalid("mode", mode, "config, interval or cron")),
        };
        Ok(ScheduleChange { timing: Some(timing), paused: Some(self.paused) })
    }

    fn is(&self, mode: &str) -> bool {
        self.mode == mode
    }

    /// What is wrong with a field.
    fn wrong(&self, field: &str) -> Option<&str> {
        let (wrong, why) = self.wrong.as_ref()?;
        (*wrong == field).then_some(why.as_str())
    }
}

/// `GET /settings/schedule`
pub(super) async fn schedule(
    State(web): State<Web>,
    visit: PageContext,
) -> Result<Response, Problem> {
    let accounts = web.app.store.accounts().await?;
    Ok(show(&web, visit, &accounts, None))
}

/// `POST /do/schedule`: the schedule of one account.
pub(super) async fn set(
    State(web): State<Web>,
    visit: PageContext,
    caller: Caller,
    Form(form): Form,
) -> Response {
    match try_to_set(&web, &visit, &caller, &form).await {
        Ok(None) => back_to(Some("/settings/schedule")),
        Ok(Some((accounts, fields))) => {
            let at = form.text("account").ok().flatten().unwrap_or_default().to_owned();
            let visit = PageContext { path: "/settings/schedule".to_owned(), ..visit };
            let mut response = show(&web, visit, &accounts, Some((at, fields)));
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            response
        }
        Err(problem) => after(Err(problem), visit, &form),
    }
}

/// The form again, with what is wrong, if something is.
async fn try_to_set(
    web: &Web,
    visit: &PageContext,
    caller: &Caller,
    form: &Query,
) -> Result<Option<(Vec<Account>, Fields)>, Problem> {
    let named = form.account(web)?;
    let Some(account) = web.account(named).await? else {
        return Err(Problem::new(StatusCode::NOT_FOUND, "there is no account yet"));
    };
    let fields = Fields::sent(form)?;
    let changed = match fields.change() {
        Ok(change) => web.app.change_schedules(caller, &[account], change).await.map(|_| ()),
        Err(problem) => Err(problem),
    };
    match changed {
        Ok(()) => Ok(None),
        Err(problem) => {
            let Some(field) = problem.field() else { return Err(problem.into()) };
            let detail = problem.to_string();
            let why = detail.strip_prefix(&format!("`{field}`: ")).unwrap_or(&detail);
            let wrong = Some((field, visit.language.fill("Not saved: {}.", &[why])));
            Ok(Some((web.app.store.accounts().await?, Fields { wrong, ..fields })))
        }
    }
}

fn show(
    web: &Web,
    visit: PageContext,
    accounts: &[Account],
    sent: Option<(String, Fields)>,
) -> Response {
    let mut sent = sent;
    let mut planned = Vec::with_capacity(accounts.len());
    for account in accounts {
        let id = web.out.account(account.id).0;
        let fields = match sent.take() {
            Some((at, fields)) if at == id => fields,
            other => {
                sent = other;
                Fields::of(account, &web.app.supervisor.options().zone)
            }
        };
        planned.push(plan(web, &visit, account, id, fields));
    }
    let tabs = tabs(&visit, "/settings/schedule");
    let configured = match &web.app.supervisor.options().default_plan {
        Some(plan) => cadence(&visit, Some(plan)),
        None => visit.say("only when asked for").to_owned(),
    };
    page(&Page {
        here: Place::Settings,
        tabs,
        accounts: planned,
        minutes_min: MINUTES_MIN,
        minutes_max: MINUTES_MAX,
        configured,
        visit,
    })
}

fn plan(web: &Web, visit: &PageContext, account: &Account, id: String, fields: Fields) -> Planned {
    let language = visit.language;
    let plan = web.app.supervisor.plan(account);
    let (tone, state) = match &plan {
        None => (Severity::Warn, said("Off")),
        Some(plan) if plan.paused => (Severity::Warn, said("Paused")),
        Some(_) => (Severity::Good, said("On")),
    };
    let next = plan
        .as_ref()
        .map(|plan| plans::upcoming(plan, &account.standing, account.id, visit.now, NEXT));
    let due = |at| Due { at: visit.exact(at), relative: visit.ago(at) };
    let full_after = web.app.config.sync_full_after;
    let full_at =
        account.token.as_ref().map(|token| plans::full_due(token.full_at, full_after, account.id));
    Planned {
        id,
        name: account.name.clone(),
        tone,
        state: language.say(state),
        cadence: cadence(visit, plan.as_ref()),
        next: next.unwrap_or_default().iter().map(due).collect(),
        full: match account.source.tells_changes() {
            true => language.fill("after {}", &[&language.duration(full_after)]),
            false => language.say("every time").to_owned(),
        },
        full_at: full_at.filter(|_| account.source.tells_changes()).map(|at| visit.ago(&at)),
        fields,
    }
}

fn cadence(visit: &PageContext, plan: Option<&Plan>) -> String {
    let language = visit.language;
    match plan.map(|plan| &plan.cadence) {
        None => language.say("only when asked for").to_owned(),
        Some(Cadence::Every { minutes }) => {
            language.count(u64::from(*minutes), "every {} minute", "every {} minutes")
        }
        Some(Cadence::Cron { expression, zone, .. }) => {
            let zone = zone.iana_name().unwrap_or("UTC");
            language.fill("{} in the time zone {}", &[expression, zone])
        }
    }
}
