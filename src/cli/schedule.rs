//! When accounts are synced by themselves: shown, and changed.

use crate::cli::access::note;
use crate::cli::exit::{Exit, Trouble};
use crate::cli::screen::Table;
use crate::cli::status::schedule as cadence;
use crate::cli::{Desk, Times, Whose, not_connected};
use ringbook_app::read;
use ringbook_app::wire::Outward;
use ringbook_core::sync::AccountId;
use ringbook_core::sync::schedule::Cadence;
use ringbook_store::{Account, ScheduleRow};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Every so many minutes, 5 to 1440
    #[arg(long, value_name = "MINUTES", conflicts_with_all = ["cron", "as_configured"])]
    every: Option<i64>,
    /// Whenever this comes true: minute hour day month weekday; or @daily, @hourly, @every 15m
    #[arg(long, value_name = "EXPRESSION", conflicts_with = "as_configured")]
    cron: Option<String>,
    /// The time zone of --cron; the configured one when not said
    #[arg(long, value_name = "ZONE", requires = "cron")]
    zone: Option<String>,
    /// As the settings say
    #[arg(long)]
    as_configured: bool,
    /// Nothing starts by itself from now on
    #[arg(long, conflicts_with = "resume")]
    pause: bool,
    /// Syncs start by themselves again
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    whose: Whose,
}

impl Args {
    fn changes(&self) -> bool {
        let cadence = self.every.is_some() || self.cron.is_some() || self.as_configured;
        cadence || self.pause || self.resume
    }

    /// What is to be in force; what is not said stays as it is.
    fn applied_to(&self, row: &ScheduleRow, zone: &str) -> Result<ScheduleRow, Trouble> {
        let bad = |problem: ringbook_core::sync::schedule::ScheduleError| {
            Trouble::usage(problem.to_string())
        };
        let paused = self.pause || (row.paused && !self.resume);
        let fresh = ScheduleRow { paused, ..ScheduleRow::default() };
        if let Some(minutes) = self.every {
            Cadence::every(minutes).map_err(bad)?;
            return Ok(ScheduleRow { minutes: Some(minutes), ..fresh });
        }
        if let Some(cron) = &self.cron {
            Cadence::cron(cron, self.zone.as_deref().unwrap_or(zone)).map_err(bad)?;
            return Ok(ScheduleRow { cron: Some(cron.clone()), zone: self.zone.clone(), ..fresh });
        }
        Ok(if self.as_configured { fresh } else { ScheduleRow { paused, ..row.clone() } })
    }
}

pub(crate) async fn schedule(desk: Desk, args: Args) -> Result<Exit, Trouble> {
    let app = desk.open().await?;
    let screen = desk.screen;
    let mut accounts: Vec<Account> = args.whose.accounts(&app).await?;
    if accounts.is_empty() {
        return Err(not_connected(&app));
    }
    if args.changes() {
        let zone = app.supervisor.options().zone.clone();
        for account in &mut accounts {
            let row = args.applied_to(&account.schedule, &zone)?;
            let only: [AccountId; 1] = [account.id];
            app.store.set_schedules(&only, &row).await?;
            account.schedule = row;
            note(&app, "schedule", &app.store.ids().account(account.id)).await;
        }
    }
    if screen.json {
        let out = Outward::new(&app.store, &app.config);
        screen.json(&read::schedules(&app, &out, &accounts))?;
        return Ok(Exit::Ok);
    }
    let times = Times::of(&app);
    let mut table = Table::new(&["ACCOUNT", "SYNCED", "NEXT"]);
    for account in &accounts {
        let due = app.supervisor.next_due(account, times.now);
        let next = due.map_or_else(|| "-".to_owned(), |due| times.say(due.at));
        table.row(vec![account.name.clone(), cadence(&app, account), next]);
    }
    screen.table(&table)?;
    Ok(Exit::Ok)
}
