//! What there is to know: how things stand, what was, and how much of everything there is.

use std::time::Duration;

use serde_json::json;

use crate::cli::decide::confirmed;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::progress::{doing, title};
use crate::cli::record;
use crate::cli::screen::Table;
use crate::cli::sync::{changes, summary};
use crate::cli::{AccountArg, Context, Times, local_url};
use ringbook_app::App;
use ringbook_app::read;
use ringbook_app::services::AuditAction;
use ringbook_app::wire;
use ringbook_app::wire::AccountSnapshot;
use ringbook_app::wire::ApiEncoder;
use ringbook_core::clock::between;
use ringbook_core::humanize;
use ringbook_core::sync::account::SyncHealth;
use ringbook_core::sync::{AccountId, Kind, Outcome, RunId, Trigger};
use ringbook_store::{Account, Counts, HistoryQuery, OutcomeWanted, RunRow};

#[derive(Debug, clap::Args)]
pub(crate) struct HistoryArgs {
    /// One sync in full: its id, or `latest`
    #[arg(value_name = "RUN")]
    run: Option<String>,
    /// How many, 1 to 100
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
    /// Only those that ended so: running, succeeded, partial, failed, cancelled, interrupted, held or rejected
    #[arg(long, value_name = "OUTCOME", value_parser = outcome_wanted)]
    outcome: Option<OutcomeWanted>,
    /// Only these: full or incremental
    #[arg(long, value_name = "KIND")]
    kind: Option<Kind>,
    /// Only those started so: api, schedule, cli or startup
    #[arg(long, value_name = "TRIGGER")]
    trigger: Option<Trigger>,
    /// Only those that began then or later, such as 2026-03-07 or 2026-03-07T12:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only those that began before; of a date the whole day is in
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Forget the syncs that are over, all but the latest of each account
    #[arg(long, conflicts_with_all = ["run", "outcome", "kind", "trigger", "since", "until"])]
    clear: bool,
    /// With --clear: the latest ones, too
    #[arg(long, requires = "clear")]
    all: bool,
    /// With --clear: do not ask
    #[arg(long, short, requires = "clear")]
    yes: bool,
    #[command(flatten)]
    whose: AccountArg,
}

fn outcome_wanted(word: &str) -> Result<OutcomeWanted, String> {
    OutcomeWanted::parse(word).ok_or_else(|| {
        let words: Vec<&str> = OutcomeWanted::all().map(OutcomeWanted::as_str).collect();
        format!("allowed is {}", words.join(", "))
    })
}

impl HistoryArgs {
    fn query(&self, app: &App, account: Option<AccountId>) -> Result<HistoryQuery, CommandError> {
        let moment = |text: &Option<String>, is_end| match text {
            None => Ok(None),
            Some(text) => {
                read::moment(text, &app.config.timezone, is_end).map(Some).ok_or_else(|| {
                    CommandError::usage(format!(
                        "`{text}` is no time; write 2026-03-07 or 2026-03-07T12:00:00Z"
                    ))
                })
            }
        };
        Ok(HistoryQuery {
            account,
            outcome: self.outcome,
            kind: self.kind,
            trigger: self.trigger,
            since: moment(&self.since, false)?,
            until: moment(&self.until, true)?,
            limit: self.limit,
            ..HistoryQuery::default()
        })
    }
}

pub(crate) async fn status(desk: Context, whose: AccountArg) -> Result<Exit, CommandError> {
    let app = desk.open().await?;
    let screen = desk.screen;
    let accounts = whose.accounts(&app).await?;
    if screen.json {
        let out = ApiEncoder::new(&app.store, &app.config);
        screen.json(&read::status(&app, &out, accounts.clone()).await?)?;
    } else if accounts.is_empty() {
        return Err(super::not_connected(&app));
    }
    let mut exit = if accounts.is_empty() { Exit::NotConnected } else { Exit::Ok };
    let snapshots = read::sights(&app, accounts).await?;
    for (at, snapshot) in snapshots.iter().enumerate() {
        if at > 0 {
            screen.say("")?;
        }
        if snapshots.len() > 1 {
            screen.say(screen.paint.bold(&snapshot.account.name))?;
        }
        let (facts, of_account) = standing(&app, snapshot, screen).await?;
        screen.facts(&facts)?;
        // One that was added and never connected is no trouble of the others.
        let counts = snapshots.len() == 1 || !snapshot.account.waits_for_its_first_grant();
        if exit == Exit::Ok && counts {
            exit = of_account;
        }
    }
    Ok(exit)
}

type Facts = Vec<(&'static str, String)>;

async fn standing(
    app: &App,
    snapshot: &AccountSnapshot,
    screen: super::Screen,
) -> Result<(Facts, Exit), CommandError> {
    let account = &snapshot.account;
    let times = Times::of(app);
    let run = app.store.latest_run(account.id).await?;
    let open = run.as_ref().filter(|it| it.outcome.is_none());
    let mut facts = Facts::new();
    let url = local_url(&app.config);
    let health = snapshot.health();
    let (paint, words) = (screen.paint, health.words().to_lowercase());
    let (status, exit) = match health {
        SyncHealth::Syncing => (paint.link(&words), Exit::Ok),
        SyncHealth::UpToDate => (paint.good(&words), Exit::Ok),
        SyncHealth::Paused | SyncHealth::NeverSynced => (paint.warn(&words), Exit::Ok),
        SyncHealth::DeletionsRejected => {
            let kept = "contacts that Google no longer lists are kept";
            (format!("{}: {kept}", paint.warn(&words)), Exit::Ok)
        }
        SyncHealth::Held => {
            let why = "a sync would delete suspiciously much and waits for approval";
            (format!("{}: {why}", paint.warn(&words)), Exit::Held)
        }
        SyncHealth::NotConfigured | SyncHealth::Disconnected => {
            (paint.bad(&words), Exit::NotConnected)
        }
        SyncHealth::NeedsReauth => {
            let lost = account.needs_reauth.as_ref();
            let why = lost.map(|it| format!(": {}; since {}", it.reason, times.say(it.since)));
            (format!("{}{}", paint.bad(&words), why.unwrap_or_default()), Exit::NotConnected)
        }
        SyncHealth::Misconfigured | SyncHealth::Failing => {
            let since = account.failing_since.map(|at| format!(" since {}", times.say(at)));
            (format!("{}{}", paint.bad(&words), since.unwrap_or_default()), Exit::Failed)
        }
    };
    let since = open.filter(|_| health == SyncHealth::Syncing);
    let since = since.map(|it| format!(", since {}", times.say(it.started_at)));
    let status = format!("{status}{}", since.unwrap_or_default());
    facts.push(("Status", status));
    if let Some(open) = open {
        facts.push(("Progress", format!("{} sync: {}", title(open.kind), doing(open, times.now))));
        facts.push(("Run by", open.holder.clone()));
    }
    let failed = run.as_ref().filter(|it| it.outcome == Some(Outcome::Failed));
    if let Some(run) = failed {
        // A lost permission is the status already.
        if health != SyncHealth::NeedsReauth {
            facts.push(("Reason", run.error_message.clone().unwrap_or_default()));
        }
    } else if let Some(note) =
        run.as_ref().and_then(|it| it.error_message.as_ref().or(it.note.as_ref()))
    {
        facts.push(("Note", note.clone()));
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
            humanize::many(counts.live, "contact"),
            humanize::many(counts.phones, "number")
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

pub(crate) async fn history(desk: Context, args: HistoryArgs) -> Result<Exit, CommandError> {
    let app = desk.open().await?;
    if let Some(named) = &args.run {
        let run = run_named(&app, named, args.whose.only(&app).await?).await?;
        return one(&app, run, desk.screen).await;
    }
    let account = args.whose.only(&app).await?;
    if args.clear {
        return clear(&app, account, &args, desk.screen).await;
    }
    let query = args.query(&app, account)?;
    if desk.screen.json {
        let out = ApiEncoder::new(&app.store, &app.config);
        desk.screen.json(&read::history(&app, &out, query).await?)?;
        return Ok(Exit::Ok);
    }
    let runs = app.store.history(&query).await?;
    let times = Times::of(&app);
    if desk.screen.terminal && runs.is_empty() {
        let everything = HistoryQuery { account, limit: query.limit, ..HistoryQuery::default() };
        desk.screen.say(match query == everything {
            true => "There was no sync yet. The first: ringbook sync",
            false => "No sync fits.",
        })?;
        return Ok(Exit::Ok);
    }
    let names: Vec<(AccountId, String)> =
        app.store.accounts().await?.into_iter().map(|it| (it.id, it.name)).collect();
    let mut heads =
        vec!["WHEN", "STARTED", "KIND", "BY", "OUTCOME", ">TOOK", ">LISTED", "CHANGES", "RUN"];
    if names.len() > 1 {
        heads.insert(2, "ACCOUNT");
    }
    let mut table = Table::new(&heads);
    for run in &runs {
        let end = run.ended_at.unwrap_or(times.now);
        let outcome = run.outcome.map_or("running", Outcome::as_str);
        let mut said = changes(run);
        if let Some(message) = run.error_message.as_deref() {
            said = shortened(message, 60);
        } else if run.outcome == Some(Outcome::Held) {
            said = format!("{} to delete", humanize::count(run.counts.to_delete));
        }
        let mut cells = vec![
            humanize::relative(run.started_at, times.now),
            times.exact(run.started_at),
            run.kind.to_string(),
            run.trigger.to_string(),
            outcome.to_owned(),
            humanize::duration(between(run.started_at, end)),
            humanize::count(run.counts.listed),
            said,
            app.store.ids().run(run.id),
        ];
        if names.len() > 1 {
            let name = names.iter().find(|(id, _)| *id == run.id.account());
            cells.insert(2, name.map(|(_, name)| name.clone()).unwrap_or_default());
        }
        table.row(cells);
    }
    desk.screen.table(&table)?;
    Ok(Exit::Ok)
}

/// The same as the dashboard's button and `DELETE /api/sync/history`.
async fn clear(
    app: &App,
    account: Option<AccountId>,
    args: &HistoryArgs,
    screen: super::Screen,
) -> Result<Exit, CommandError> {
    if !args.yes {
        if !screen.terminal {
            return Err(CommandError::usage("this forgets syncs for good; say --yes"));
        }
        if !confirmed("Forget the syncs that are over, and what they changed? [y/N] ")? {
            screen.say("Nothing was forgotten.")?;
            return Ok(Exit::Ok);
        }
    }
    let count = app.store.clear_history_of(account, !args.all).await?;
    let subject = account.map_or("all accounts".to_owned(), |it| app.store.ids().account(it));
    record(app, AuditAction::HistoryCleared, &subject, None).await;
    if screen.json {
        screen.json(&wire::Cleared::of(count))?;
    } else {
        screen.say(format!("{} forgotten.", humanize::many(count, "sync")))?;
    }
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
async fn run_named(
    app: &App,
    named: &str,
    account: Option<AccountId>,
) -> Result<RunRow, CommandError> {
    let run = if named == "latest" {
        let query = HistoryQuery { account, limit: 1, ..HistoryQuery::default() };
        app.store.history(&query).await?.into_iter().next()
    } else {
        let id = run_id(app, named)?;
        app.store.run(id).await?
    };
    run.ok_or_else(|| {
        CommandError::failed(format!("there is no sync `{named}`; `ringbook history` lists them"))
    })
}

pub(crate) fn run_id(app: &App, named: &str) -> Result<RunId, CommandError> {
    app.store.ids().parse_run(named).ok_or_else(|| {
        CommandError::usage(format!(
            "`{named}` is not the id of a sync; `ringbook history` lists them"
        ))
    })
}

/// The most that is shown of what one run did.
const DETAILS: u32 = 200;

async fn one(app: &App, run: RunRow, screen: super::Screen) -> Result<Exit, CommandError> {
    let times = Times::of(app);
    let changed = app.store.changes(run.id, 0, DETAILS).await?;
    let aside = app.store.set_aside(run.id, 0, DETAILS).await?;
    if screen.json {
        let out = ApiEncoder::new(&app.store, &app.config);
        let changes: Vec<_> = changed.into_iter().map(|it| wire::Change::of(&out, it)).collect();
        let errors: Vec<_> = aside.into_iter().map(|it| wire::SetAside::of(&out, it)).collect();
        let phases = read::phases(app, &out, &run).await?.phases;
        let run = wire::Run::of(&out, &run, times.now);
        screen
            .json(&json!({ "run": run, "changes": changes, "errors": errors, "phases": phases }))?;
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
        facts.push(("Waited", humanize::duration(Duration::from_millis(run.waited_ms))));
    }
    if let (Some(at), Some(by)) = (run.decided_at, &run.decided_by) {
        facts.push(("Decided", format!("{}, {by}", times.say(at))));
    }
    facts.push(("Run", app.store.ids().run(run.id)));
    screen.say("")?;
    screen.facts(&facts)?;
    phases(app, &run, &times, screen).await?;
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

/// What it did when, and what it waited for.
async fn phases(
    app: &App,
    run: &RunRow,
    times: &Times<'_>,
    screen: super::Screen,
) -> Result<(), CommandError> {
    let rows = app.store.phases(run.id).await?;
    if rows.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(&["PHASE", "FROM", ">TOOK", "WAITED FOR"]);
    for it in wire::spans(run, &rows) {
        let took = between(it.row.began_at, it.ended_at.unwrap_or(times.now));
        let cause = it.row.wait.as_ref().map(|wait| shortened(&wait.message, 60));
        table.row(vec![
            it.row.phase.to_string(),
            humanize::time_of_day(it.row.began_at, &app.config.timezone),
            humanize::duration(took),
            cause.unwrap_or_default(),
        ]);
    }
    screen.say("")?;
    screen.table(&table)?;
    Ok(())
}

pub(crate) async fn statistics(desk: Context, whose: AccountArg) -> Result<Exit, CommandError> {
    let app = desk.open().await?;
    let screen = desk.screen;
    let accounts = whose.accounts(&app).await?;
    if screen.json {
        let out = ApiEncoder::new(&app.store, &app.config);
        screen.json(&read::statistics(&app, &out, accounts).await?)?;
        return Ok(Exit::Ok);
    }
    let totals = Counts::sum(accounts.iter().map(|it| &it.counts));
    let outcomes = app.store.outcomes(whose.only(&app).await?).await?;
    let with = |number: u64| {
        let share = if totals.live == 0 { 0.0 } else { number as f64 * 100.0 / totals.live as f64 };
        format!("{} ({share:.0} %)", humanize::count(number))
    };
    screen.facts(&[
        ("Contacts", humanize::count(totals.live)),
        ("  with a number", with(totals.with_phone)),
        ("  with an address", with(totals.with_email)),
        ("  deleted, restorable", humanize::count(totals.deleted)),
        ("Numbers", humanize::count(totals.phones)),
        ("E-mail addresses", humanize::count(totals.emails)),
        ("Syncs", humanize::count(outcomes.iter().map(|(_, number)| number).sum())),
    ])?;
    let facts: Vec<(String, u64)> = outcomes
        .iter()
        .map(|(outcome, number)| (outcome.map_or("running", Outcome::as_str).to_owned(), *number))
        .collect();
    for (outcome, number) in &facts {
        screen.say(format!(
            "{}  {}",
            screen.paint.dim(&format!("  {outcome:19}")),
            humanize::count(*number)
        ))?;
    }
    Ok(Exit::Ok)
}

pub(crate) fn schedule(app: &App, account: &Account) -> String {
    use ringbook_core::sync::schedule::Cadence;
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
