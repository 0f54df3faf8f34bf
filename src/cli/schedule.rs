//! When accounts are synced by themselves: shown, and changed.

use crate::cli::exit::{CommandError, Exit};
use crate::cli::screen::Table;
use crate::cli::status::schedule as cadence;
use crate::cli::{AccountArg, Context, Times, caller, not_connected};
use ringbook_app::read;
use ringbook_app::services::{ScheduleChange, Timing};
use ringbook_app::wire::ApiEncoder;
use ringbook_store::Account;

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
    whose: AccountArg,
}

impl Args {
    /// What is to be different; `None`: the schedules are only shown.
    fn change(&self) -> Option<ScheduleChange> {
        let timing = match (self.every, &self.cron) {
            (Some(minutes), _) => Some(Timing::Interval { minutes }),
            (None, Some(cron)) => {
                Some(Timing::Cron { expression: cron.clone(), zone: self.zone.clone() })
            }
            (None, None) => self.as_configured.then_some(Timing::Configured),
        };
        let paused = match (self.pause, self.resume) {
            (true, _) => Some(true),
            (false, true) => Some(false),
            (false, false) => None,
        };
        (timing.is_some() || paused.is_some()).then_some(ScheduleChange { timing, paused })
    }
}

pub(crate) async fn schedule(desk: Context, args: Args) -> Result<Exit, CommandError> {
    let app = desk.open().await?;
    let screen = desk.screen;
    let mut accounts: Vec<Account> = args.whose.accounts(&app).await?;
    if accounts.is_empty() {
        return Err(not_connected(&app));
    }
    if let Some(change) = args.change() {
        accounts = app.change_schedules(&caller(), &accounts, change).await?;
    }
    if screen.json {
        let out = ApiEncoder::new(&app.store, &app.config);
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
