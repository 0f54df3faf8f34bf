//! What there is to know: how things stand, what was, and how much of everything there is.

use std::time::Duration;

use serde_json::json;

use crate::app::App;
use crate::cli::exit::{Exit, Trouble};
use crate::cli::progress::{doing, title};
use crate::cli::screen::Table;
use crate::cli::sync::{changes, summary};
use crate::cli::{Desk, Times, local_url, words};
use crate::clock::between;
use crate::store::{Account, HistoryQuery, RunRow};
use crate::sync::{Outcome, RunId};
use crate::web::read;
use crate::web::wire::{self, Outward};

#[derive(Debug, clap::Args)]
pub(crate) struct HistoryArgs {
    /// One sync in full: its id, or `latest`
    #[arg(value_name = "RUN")]
    run: Option<String>,
    /// How many, 1 to 100
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
}

pub(crate) async fn status(desk: Desk) -> Result<Exit, Trouble> {
    let app = desk.open().await?;
    let screen = desk.screen;
    let accounts = app.store.accounts().await?;
    if screen.json {
        let out = Outward::new(&app.store, &app.config);
        screen.json(&read::status(&app, &out).await?)?;
    } else if accounts.is_empty() {
        return Err(super::not_connected(&app));
    }
    let mut exit = if accounts.is_empty() { Exit::NotConnected } else { Exit::Ok };
    for (at, account) in accounts.iter().enumerate() {
        if at > 0 {
            screen.say("")?;
        }
        if accounts.len() > 1 {
            screen.say(screen.paint.bold(&account.name))?;
        }
        let (facts, of_account) = standing(&app, account, screen).await?;
        screen.facts(&facts)?;
        if exit == Exit::Ok {
            exit = of_account;
        }
    }
    Ok(exit)
}

type Facts = Vec<(&'static str, String)>;

async fn standing(
    app: &App,
    account: &Account,
    screen: super::Screen,
) -> Result<(Facts, Exit), Trouble> {
    let times = Times::of(app);
    let paint = screen.paint;
    let run = app.store.latest_run(account.id).await?;
    let open = run.as_ref().filter(|it| it.outcome.is_none());
    let mut facts = Facts::new();
    let mut exit = Exit::Ok;
    let url = local_url(&app.config);
    let status = if let Some(open) = open {
        format!("{}, since {}", paint.link("syncing"), times.say(open.started_at))
    } else if let Some(reauth) = &account.needs_reauth {
        exit = Exit::NotConnected;
        format!(
            "{}: {}; since {}",
            paint.bad("must be connected again"),
            reauth.reason,
            times.say(reauth.since)
        )
    } else if account.grant.is_none() {
        exit = Exit::NotConnected;
        paint.bad("not connected")
    } else if account.held_run.is_some() {
        exit = Exit::Held;
        paint.warn("on hold: a sync wants to delete much, and waits for your word")
    } else if account.standing.failures > 0 {
        exit = Exit::Failed;
        let since = account.failing_since.map(|at| format!(", failing since {}", times.say(at)));
        format!("{}{}", paint.bad("error"), since.unwrap_or_default())
    } else if account.last_success_at.is_none() {
        paint.warn("never synced")
    } else {
        paint.good("in step")
    };
    facts.push(("Status", status));
    if let Some(open) = open {
        facts.push(("Progress", format!("{} sync: {}", title(open.kind), doing(open, times.now))));
        facts.push(("Run by", open.holder.clone()));
    }
    if let Some(run) = run.as_ref().filter(|it| it.outcome == Some(Outcome::Failed)) {
        facts.push(("Reason", run.error_message.clone().unwrap_or_default()));
    }
    let success = account.last_success_at.map_or_else(|| "never".to_owned(), |at| times.say(at));
    facts.push(("Last success", success));
    let due = app.supervisor.next_due(account, times.now);
    let next = match due {
        Some(due) if due.at <= times.now => "due now, by a running `ringbook serve`".to_owned(),
        Some(due) => times.say(due.at),
        None => match app.supervisor.plan(account) {
            Some(plan) if plan.paused => "paused".to_owned(),
            Some(_) => "not before the account is connected".to_owned(),
            None => "only when asked for (SYNC_SCHEDULER_ENABLED is false)".to_owned(),
        },
    };
    facts.push(("Next sync", next));
    let counts = &account.counts;
    facts.push((
        "Directory",
        format!(
            "{}, {}",
            words::many(counts.live, "contact"),
            words::many(counts.phones, "number")
        ),
    ));
    let way_out = match exit {
        Exit::NotConnected => Some(format!("ringbook serve, then {url}/auth/google")),
        Exit::Held => Some("ringbook approve, or ringbook reject".to_owned()),
        Exit::Failed => Some("ringbook doctor".to_owned()),
        _ => None,
    };
    if let Some(way_out) = way_out {
        facts.push(("Way out", way_out));
    }
    Ok((facts, exit))
}

pub(crate) async fn history(desk: Desk, args: HistoryArgs) -> Result<Exit, Trouble> {
    let app = desk.open().await?;
    if let Some(named) = &args.run {
        let run = run_named(&app, named).await?;
        return one(&app, run, desk.screen).await;
    }
    let query = HistoryQuery { limit: args.limit, ..HistoryQuery::default() };
    if desk.screen.json {
        let out = Outward::new(&app.store, &app.config);
        desk.screen.json(&read::history(&app, &out, query).await?)?;
        return Ok(Exit::Ok);
    }
    let runs = app.store.history(&query).await?;
    let times = Times::of(&app);
    if desk.screen.terminal && runs.is_empty() {
        desk.screen.say("There was no sync yet. The first: ringbook sync")?;
        return Ok(Exit::Ok);
    }
    let mut table = Table::new(&[
        "WHEN", "STARTED", "KIND", "BY", "OUTCOME", ">TOOK", ">LISTED", "CHANGES", "RUN",
    ]);
    for run in &runs {
        let end = run.ended_at.unwrap_or(times.now);
        let outcome = run.outcome.map_or("running", Outcome::as_str);
        let mut said = changes(run);
        if let Some(message) = run.error_message.as_deref() {
            said = shortened(message, 60);
        } else if run.outcome == Some(Outcome::Held) {
            said = format!("{} to delete", words::count(run.counts.to_delete));
        }
        table.row(vec![
            words::relative(run.started_at, times.now),
            times.exact(run.started_at),
            run.kind.to_string(),
            run.trigger.to_string(),
            outcome.to_owned(),
            words::duration(between(run.started_at, end)),
            words::count(run.counts.listed),
            said,
            app.store.ids().run(run.id),
        ]);
    }
    desk.screen.table(&table)?;
    Ok(Exit::Ok)
}

fn shortened(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        return text.to_owned();
    }
    let cut: String = text.chars().take(length - 1).collect();
    format!("{}…", cut.trim_end())
}

/// The run that is meant by an id, or by `latest`.
async fn run_named(app: &App, named: &str) -> Result<RunRow, Trouble> {
    let run = if named == "latest" {
        let query = HistoryQuery { limit: 1, ..HistoryQuery::default() };
        app.store.history(&query).await?.into_iter().next()
    } else {
        let id = run_id(app, named)?;
        app.store.run(id).await?
    };
    run.ok_or_else(|| {
        Trouble::failed(format!("there is no sync `{named}`; `ringbook history` lists them"))
    })
}

pub(crate) fn run_id(app: &App, named: &str) -> Result<RunId, Trouble> {
    app.store.ids().parse_run(named).ok_or_else(|| {
        Trouble::usage(format!("`{named}` is not the id of a sync; `ringbook history` lists them"))
    })
}

/// The most that is shown of what one run did.
const DETAILS: u32 = 200;

async fn one(app: &App, run: RunRow, screen: super::Screen) -> Result<Exit, Trouble> {
    let times = Times::of(app);
    let changed = app.store.changes(run.id, 0, DETAILS).await?;
    let aside = app.store.set_aside(run.id, 0, DETAILS).await?;
    if screen.json {
        let out = Outward::new(&app.store, &app.config);
        let changes: Vec<_> = changed.into_iter().map(|it| wire::Change::of(&out, it)).collect();
        let errors: Vec<_> = aside.into_iter().map(|it| wire::SetAside::of(&out, it)).collect();
        let run = wire::Run::of(&out, &run, times.now);
        screen.json(&json!({ "run": run, "changes": changes, "errors": errors }))?;
        return Ok(Exit::Ok);
    }
    if run.outcome.is_none() {
        screen.say(format!("{} sync: {}", title(run.kind), doing(&run, times.now)))?;
    }
    for line in summary(&run, screen) {
        screen.say(line)?;
    }
    let by = run.asked_by.as_deref().map(|by| format!(", {by}")).unwrap_or_default();
    let mut facts = vec![
        ("Started", times.say(run.started_at)),
        ("By", format!("{}{by}", run.trigger)),
        ("In", run.holder.clone()),
    ];
    if let Some(reason) = run.full_reason {
        facts.push(("Full because", reason.in_words().to_owned()));
    }
    if run.waited_ms > 0 {
        facts.push(("Waited", words::duration(Duration::from_millis(run.waited_ms))));
    }
    if let (Some(at), Some(by)) = (run.decided_at, &run.decided_by) {
        facts.push(("Decided", format!("{}, {by}", times.say(at))));
    }
    facts.push(("Run", app.store.ids().run(run.id)));
    screen.say("")?;
    screen.facts(&facts)?;
    if !changed.is_empty() {
        screen.say("")?;
        let mut table = Table::new(&["CHANGE", "CONTACT", "FIELDS"]);
        for change in &changed {
            let fields: Vec<&str> = change.fields.iter().map(|it| it.field.as_str()).collect();
            let whole = matches!(change.kind.as_str(), "created" | "deleted");
            let fields = if whole { String::new() } else { fields.join(", ") };
            table.row(vec![change.kind.to_string(), change.display_name.clone(), fields]);
        }
        screen.table(&table)?;
        if changed.len() == DETAILS as usize {
            screen.say(format!(
                "… and more: /api/sync/runs/{}/changes",
                app.store.ids().run(run.id)
            ))?;
        }
    }
    if !aside.is_empty() {
        screen.say("")?;
        let mut table = Table::new(&["SET ASIDE", "REASON"]);
        for it in &aside {
            table.row(vec![it.resource_name.clone().unwrap_or_default(), it.reason.clone()]);
        }
        screen.table(&table)?;
    }
    Ok(Exit::Ok)
}

pub(crate) async fn statistics(desk: Desk) -> Result<Exit, Trouble> {
    let app = desk.open().await?;
    let screen = desk.screen;
    if screen.json {
        let out = Outward::new(&app.store, &app.config);
        screen.json(&read::statistics(&app, &out).await?)?;
        return Ok(Exit::Ok);
    }
    let totals = app.store.totals().await?;
    let outcomes = app.store.outcomes(None).await?;
    let with = |number: u64| {
        let share = if totals.live == 0 { 0.0 } else { number as f64 * 100.0 / totals.live as f64 };
        format!("{} ({share:.0} %)", words::count(number))
    };
    screen.facts(&[
        ("Contacts", words::count(totals.live)),
        ("  with a number", with(totals.with_phone)),
        ("  with an address", with(totals.with_email)),
        ("  deleted, restorable", words::count(totals.deleted)),
        ("Numbers", words::count(totals.phones)),
        ("E-mail addresses", words::count(totals.emails)),
        ("Syncs", words::count(outcomes.iter().map(|(_, number)| number).sum())),
    ])?;
    let facts: Vec<(String, u64)> = outcomes
        .iter()
        .map(|(outcome, number)| (outcome.map_or("running", Outcome::as_str).to_owned(), *number))
        .collect();
    for (outcome, number) in &facts {
        screen.say(format!(
            "{}  {}",
            screen.paint.dim(&format!("  {outcome:19}")),
            words::count(*number)
        ))?;
    }
    Ok(Exit::Ok)
}

pub(crate) async fn accounts(desk: Desk) -> Result<Exit, Trouble> {
    let app = desk.open().await?;
    let accounts = app.store.accounts().await?;
    let times = Times::of(&app);
    if desk.screen.json {
        let out = Outward::new(&app.store, &app.config);
        let mut answers = Vec::with_capacity(accounts.len());
        for account in &accounts {
            let grant = app.store.grant_facts(account.id).await?;
            let grant = grant.as_ref().map(|grant| (account.id, grant));
            let configured = app.connector.is_configured().await;
            answers.push(json!({
                "id": out.account(account.id),
                "name": account.name,
                "google_id": account.google_id,
                "created_at": out.time(account.created_at),
                "contacts": account.counts.live,
                "last_sync_at": account.last_success_at.map(|at| out.time(at)),
                "auth": wire::AuthStatus::of(&out, grant, configured, times.now),
                "schedule": read::schedule(&app, &out, Some(account)),
            }));
        }
        desk.screen.json(&json!({ "accounts": answers }))?;
        return Ok(Exit::Ok);
    }
    if accounts.is_empty() {
        return Err(super::not_connected(&app));
    }
    let mut table =
        Table::new(&["NAME", "GOOGLE", ">CONTACTS", "CONNECTED", "LAST SUCCESS", "SCHEDULE", "ID"]);
    for account in &accounts {
        let connected = match (&account.grant, &account.needs_reauth) {
            (None, _) => "no".to_owned(),
            (_, Some(_)) => "must be connected again".to_owned(),
            _ => "yes".to_owned(),
        };
        let last = account.last_success_at.map(|at| words::relative(at, times.now));
        table.row(vec![
            account.name.clone(),
            account.google_id.as_ref().map(ToString::to_string).unwrap_or_default(),
            words::count(account.counts.live),
            connected,
            last.unwrap_or_else(|| "never".to_owned()),
            schedule(&app, account),
            app.store.ids().account(account.id),
        ]);
    }
    desk.screen.table(&table)?;
    Ok(Exit::Ok)
}

pub(crate) fn schedule(app: &App, account: &Account) -> String {
    use crate::sync::schedule::Cadence;
    match app.supervisor.plan(account) {
        None => "only when asked for".to_owned(),
        Some(plan) => {
            let paused = if plan.paused { " (paused)" } else { "" };
            match plan.cadence {
                Cadence::Every { minutes } => format!("every {minutes} min{paused}"),
                Cadence::Cron { expression, zone, .. } => {
                    let zone = zone.iana_name().unwrap_or("UTC");
                    format!("{expression} in {zone}{paused}")
                }
            }
        }
    }
}
