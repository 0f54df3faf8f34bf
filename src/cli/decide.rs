//! The words that only a person can say: stop, go on, keep.

use std::io::{self, BufRead, IsTerminal, Write};
use std::time::Duration;

use jiff::Timestamp;

use crate::cli::exit::{CommandError, Exit};
use crate::cli::record;
use crate::cli::screen::{Screen, Table};
use crate::cli::status::run_id;
use crate::cli::{AccountArg, Context, not_connected, whoami};
use ringbook_app::App;
use ringbook_app::read;
use ringbook_app::services::AuditAction;
use ringbook_app::wire;
use ringbook_app::wire::ApiEncoder;
use ringbook_core::clock::{after, between};
use ringbook_core::humanize;
use ringbook_core::sync::{Outcome, RunId};
use ringbook_store::{HeldQuery, RunRow};

#[derive(Debug, clap::Args)]
pub(crate) struct CancelArgs {
    #[command(flatten)]
    whose: AccountArg,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ApproveArgs {
    /// Which sync; the one on hold when not said
    run: Option<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RejectArgs {
    /// Which sync; the one on hold when not said
    run: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct HeldArgs {
    /// Which sync; the one on hold when not said
    run: Option<String>,
    /// Only those with this in their name, or in a number
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// How many, 1 to 1000
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

/// Whom a sync on hold would delete.
pub(crate) async fn list(desk: Context, args: HeldArgs) -> Result<Exit, CommandError> {
    let app = desk.open().await?;
    let screen = desk.screen;
    let row = held(&app, args.run.as_deref()).await?;
    let search = args.search.as_deref().filter(|it| !it.trim().is_empty());
    let query = HeldQuery { search, after: 0, limit: args.limit };
    let out = ApiEncoder::new(&app.store, &app.config);
    let part = read::held(&app, &out, &row, &query).await?;
    if screen.json {
        screen.json(&part)?;
        return Ok(Exit::Ok);
    }
    let mut table = Table::new(&["CONTACT", "NUMBERS"]);
    for it in &part.contacts {
        table.row(vec![it.display_name.clone(), it.phone_numbers.join(", ")]);
    }
    screen.table(&table)?;
    if part.next_after.is_some() {
        screen.remark("There are more; --limit shows them, and --search finds one.")?;
    }
    let doomed = humanize::many(part.total, "contact");
    screen.remark(format!(
        "It would delete {doomed} in all: `ringbook approve` deletes them, `ringbook reject` keeps them."
    ))?;
    Ok(Exit::Ok)
}

/// A run stops within a second. Only one that hangs, or lost its process, takes longer.
const STOPPED: Duration = Duration::from_secs(5);

pub(crate) async fn cancel(desk: Context, args: CancelArgs) -> Result<Exit, CommandError> {
    let app = desk.open().await?;
    let accounts = args.whose.accounts(&app).await?;
    if accounts.is_empty() {
        return Err(not_connected(&app));
    }
    let several = accounts.len() > 1;
    let asked_at = app.clock.now();
    let mut asked = Vec::new();
    for account in accounts {
        if let Some(run) = app.supervisor.cancel(account.id, &whoami()).await? {
            asked.push((account, run));
        }
    }
    if asked.is_empty() {
        return Err(CommandError::failed("nothing to cancel: no sync is in progress"));
    }
    let out = ApiEncoder::new(&app.store, &app.config);
    let mut cancelled = Vec::new();
    for (account, run) in asked {
        let Some(row) = stopped(&app, run, asked_at).await? else {
            return Err(CommandError::failed("the sync is over and was removed"));
        };
        let took = humanize::duration(between(asked_at, app.clock.now()));
        let said = match row.outcome {
            None => {
                format!(
                    "{} was asked to stop, and has not yet; it looks at every step.",
                    row.holder
                )
            }
            Some(Outcome::Cancelled) => format!(
                "Stopped after {took}. {} had been listed; the next sync makes good for the rest.",
                humanize::many(row.counts.listed, "contact")
            ),
            Some(outcome) => format!("Too late: the sync had just ended ({outcome})."),
        };
        let whose = if several { format!("{}: ", account.name) } else { String::new() };
        desk.screen.say(format!("{whose}{said}"))?;
        let run = wire::Run::of(&out, &row, app.clock.now());
        cancelled.push(wire::CancelledRun { id: out.account(account.id), name: account.name, run });
    }
    if let Some(first) = cancelled.first().filter(|_| desk.screen.json) {
        desk.screen.json(&wire::Cancelled { run: first.run.clone(), accounts: cancelled })?;
    }
    Ok(Exit::Ok)
}

/// The run once it has stopped, or as it is when nobody wants to wait any longer.
async fn stopped(
    app: &App,
    run: RunId,
    asked_at: Timestamp,
) -> Result<Option<RunRow>, CommandError> {
    let end_at = after(asked_at, STOPPED);
    loop {
        let row = app.store.run(run).await?;
        let now = app.clock.now();
        match row {
            Some(row) if row.outcome.is_none() && now < end_at => {
                app.clock.sleep_until(after(now, Duration::from_millis(50))).await;
            }
            row => return Ok(row),
        }
    }
}

/// The run that is meant: the one that is named, or the only one on hold.
async fn held(app: &App, named: Option<&str>) -> Result<RunRow, CommandError> {
    let id = match named {
        Some(named) => run_id(app, named)?,
        None => {
            let accounts = app.store.accounts().await?;
            let runs: Vec<RunId> = accounts.iter().filter_map(|it| it.held_run).collect();
            match runs.as_slice() {
                [] => return Err(CommandError::failed("no sync is on hold")),
                [only] => *only,
                several => {
                    let ids: Vec<String> =
                        several.iter().map(|id| app.store.ids().run(*id)).collect();
                    let ids = ids.join("\n  ");
                    return Err(CommandError::usage(format!(
                        "several are on hold; say which:\n  {ids}"
                    )));
                }
            }
        }
    };
    match app.store.run(id).await? {
        Some(row) if row.outcome == Some(Outcome::Held) => Ok(row),
        Some(_) => Err(CommandError::failed("this sync is not on hold")),
        None => Err(CommandError::failed("there is no such sync; `ringbook history` lists them")),
    }
}

/// How many names are shown before a decision.
const NAMES: u32 = 10;

pub(crate) async fn approve(desk: Context, args: ApproveArgs) -> Result<Exit, CommandError> {
    let app = desk.open().await?;
    let screen = desk.screen;
    let row = held(&app, args.run.as_deref()).await?;
    if !args.yes {
        let people =
            app.store.held(row.id, &HeldQuery { limit: NAMES, ..HeldQuery::default() }).await?;
        let doomed = humanize::many(row.counts.to_delete, "contact");
        screen.say(format!("{} would be deleted:", screen.paint.warn(&doomed)))?;
        for it in &people {
            screen.say(format!("  {}", it.display_name))?;
        }
        let more = row.counts.to_delete.saturating_sub(people.len() as u64);
        if more > 0 {
            screen.say(format!("  … and {} more", humanize::count(more)))?;
        }
        if screen.json || !io::stdin().is_terminal() {
            return Err(CommandError::usage("not a terminal: pass --yes to confirm"));
        }
        if !confirmed("Delete them? [y/N] ")? {
            screen.say("Nothing was decided; the sync stays on hold. To keep them for good: ringbook reject")?;
            return Ok(Exit::Held);
        }
    }
    let deleted = app.supervisor.approve(row.id, &whoami()).await?;
    record(&app, AuditAction::HoldApproved, &app.store.ids().run(row.id), None).await;
    let message = format!("Approved: {} deleted.", humanize::many(deleted, "contact"));
    decided(&app, row.id, message, deleted, screen).await
}

pub(crate) fn confirmed(question: &str) -> io::Result<bool> {
    print!("{question}");
    io::stdout().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

pub(crate) async fn reject(desk: Context, args: RejectArgs) -> Result<Exit, CommandError> {
    let app = desk.open().await?;
    let row = held(&app, args.run.as_deref()).await?;
    app.supervisor.reject(row.id, &whoami()).await?;
    record(&app, AuditAction::HoldRejected, &app.store.ids().run(row.id), None).await;
    let kept = humanize::many(row.counts.to_delete, "contact");
    let message = format!("Rejected: {kept} kept. The next sync asks Google anew.");
    decided(&app, row.id, message, 0, desk.screen).await
}

async fn decided(
    app: &App,
    run: RunId,
    message: String,
    deleted_count: u64,
    screen: Screen,
) -> Result<Exit, CommandError> {
    if screen.json {
        let out = ApiEncoder::new(&app.store, &app.config);
        let run = read::run(app, &out, run).await?;
        screen.json(&wire::Decided { status: "success", message, deleted_count, run })?;
    } else {
        screen.say(message)?;
    }
    Ok(Exit::Ok)
}
