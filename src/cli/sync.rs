//! `sync`: takes the lease in this process, and shows the run until it is over.

use std::time::Duration;

use serde_json::json;

use crate::cli::exit::{CommandError, Exit};
use crate::cli::progress::{Progress, title};
use crate::cli::screen::Screen;
use crate::cli::signals::{Signals, StopSignal};
use crate::cli::{AccountArg, Context, Times, whoami};
use ringbook_app::App;
use ringbook_app::app::chance;
use ringbook_app::connect::{AccountClient, ConnectProblem};
use ringbook_app::wire;
use ringbook_app::wire::ApiEncoder;
use ringbook_app::wire::aggregate::{AttemptResult, deciding};
use ringbook_app::wire::sync_response::{SyncAttempt, SyncResponse, fate_of};
use ringbook_core::clock::{after, between};
use ringbook_core::humanize;
use ringbook_core::sync::diagnosis::Diagnosis;
use ringbook_core::sync::schedule::FullReason;
use ringbook_core::sync::{AccountId, FailureCode, Kind, Outcome, Trigger};
use ringbook_engine::engine::Finished;
use ringbook_engine::preview::{Preview, PreviewError, preview};
use ringbook_engine::supervisor::{FOLLOW_UP_BY, StartRequest, Started};
use ringbook_runtime::tasks;
use ringbook_store::{Account, Holder, RunRow, StartError};

#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// List everything anew
    #[arg(long, conflicts_with = "incremental")]
    full: bool,
    /// Ask only for what changed; when Google no longer knows since when, everything is listed after all
    #[arg(long)]
    incremental: bool,
    /// Say what would happen, and change nothing
    #[arg(long, conflicts_with = "wait")]
    dry_run: bool,
    /// When another sync is in progress, watch it and start afterwards
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    whose: AccountArg,
}

impl Args {
    fn kind(&self) -> Option<Kind> {
        match (self.full, self.incremental) {
            (true, _) => Some(Kind::Full),
            (_, true) => Some(Kind::Incremental),
            _ => None,
        }
    }
}

/// How long a run may take to be parked after SIGTERM.
const PARK: Duration = Duration::from_secs(8);

pub(crate) async fn sync(desk: Context, args: Args) -> Result<Exit, CommandError> {
    let app = desk.open().await?;
    let accounts = meant(&app, &args.whose).await?;
    if args.dry_run {
        return rehearse(&app, &accounts, args.kind(), desk.screen).await;
    }
    if !can_speak(&app, &accounts).await? {
        // It could only fail, and would leave its mark in the history.
        return Err(ConnectProblem::NotConfigured.into());
    }
    all(&app, accounts, &args, desk.screen).await
}

/// Whether Google would hear any of these accounts: by an OAuth client, or by service accounts.
async fn can_speak(app: &App, accounts: &[Account]) -> Result<bool, CommandError> {
    for account in accounts {
        if app.can_speak_for(account).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The first sync of an account that was just connected.
pub(crate) async fn first(
    app: &App,
    account: &Account,
    screen: Screen,
) -> Result<Exit, CommandError> {
    let args = Args { wait: true, ..Args::default() };
    all(app, vec![account.clone()], &args, screen).await
}

async fn all(
    app: &App,
    accounts: Vec<Account>,
    args: &Args,
    screen: Screen,
) -> Result<Exit, CommandError> {
    let several = accounts.len() > 1;
    let mut signals = Signals::listen()?;
    // All begin at once; they are watched one after the other.
    let mut begun = Vec::with_capacity(accounts.len());
    for account in accounts {
        let started = app.supervisor.start(&wish(account.id, args.kind())).await;
        begun.push((account, started));
    }
    let mut attempts = Vec::with_capacity(begun.len());
    let mut ended: Option<StopSignal> = None;
    for (account, started) in begun {
        if several {
            screen.say(screen.paint.bold(&account.name))?;
        }
        let seen = watch(app, &account, started, args, ended, &mut signals, screen).await?;
        match seen {
            Seen::Over { row, asked } => {
                let (fate, problem) = fate_of(&row);
                if several || !screen.json {
                    tell(app, &row, screen)?;
                }
                attempts.push(SyncAttempt { account, fate, row: Some(*row), problem });
                ended = ended.or(asked);
            }
            Seen::Refused(trouble) if several => {
                screen.say(format!("{}\n", trouble.message))?;
                let fate = match trouble.exit {
                    Exit::Busy => AttemptResult::Busy,
                    Exit::NotConnected => AttemptResult::Failed(401),
                    _ => AttemptResult::Failed(503),
                };
                let problem = Some(trouble.message);
                attempts.push(SyncAttempt { account, fate, row: None, problem });
            }
            Seen::Refused(trouble) => return Err(trouble),
            Seen::Left(asked) => return Ok(asked.exit()),
        }
    }
    if screen.json {
        answer(app, &attempts, screen)?;
    }
    let exit = exit_of(&attempts, ended);
    if ended.is_some() {
        return Ok(exit);
    }
    // What changed at Google while the pages were being listed. If a server runs, it may be faster,
    // and that is as good.
    for attempt in &attempts {
        let Some(row) = attempt.row.as_ref().filter(|row| row.kind == Kind::Full) else { continue };
        if attempt.fate != AttemptResult::Done {
            continue;
        }
        let by = Some(FOLLOW_UP_BY.to_owned());
        let wish = StartRequest { asked_by: by, ..wish(row.id.account(), Some(Kind::Incremental)) };
        if let Ok(started) = app.supervisor.start(&wish).await
            && let Some(asked) = follow_up(app, started, &mut signals, screen).await?
        {
            return Ok(asked.exit());
        }
    }
    Ok(exit)
}

/// The accounts that are to be synced: the one that is named, the only one, or all that are connected.
async fn meant(app: &App, whose: &AccountArg) -> Result<Vec<Account>, CommandError> {
    let mut accounts = whose.accounts(app).await?;
    if accounts.len() > 1 {
        // One that was disconnected on purpose does not spoil the sync of the others.
        accounts.retain(|it| it.grant.is_some());
    }
    if accounts.is_empty() { Err(super::not_connected(app)) } else { Ok(accounts) }
}

fn wish(account: AccountId, kind: Option<Kind>) -> StartRequest {
    StartRequest { account, kind, trigger: Trigger::Cli, asked_by: Some(whoami()) }
}

/// How the sync of one account came to an end, from here.
enum Seen {
    Over { row: Box<RunRow>, asked: Option<StopSignal> },
    Refused(CommandError),
    Left(StopSignal),
}

/// Watches a run that was to begin until it is over, and begins it after another's if that is wanted.
/// `ended` is the signal that was given before.
async fn watch(
    app: &App,
    account: &Account,
    mut started: Result<Started, StartError>,
    args: &Args,
    ended: Option<StopSignal>,
    signals: &mut Signals,
    screen: Screen,
) -> Result<Seen, CommandError> {
    let started = loop {
        match started {
            Ok(started) => break started,
            Err(StartError::Busy(holder))
                if ended.is_none() && (args.wait || follows_up(app, &holder).await?) =>
            {
                if let Some(asked) = wait(app, account, &holder, signals, screen).await? {
                    return Ok(Seen::Left(asked));
                }
                started = app.supervisor.start(&wish(account.id, args.kind())).await;
            }
            Err(refusal) => return Ok(Seen::Refused(refused(app, refusal))),
        }
    };
    if ended == Some(StopSignal::Interrupt) {
        // Who stops one of several means all of them.
        app.supervisor.cancel(account.id, &whoami()).await?;
    }
    match attend(app, started, signals, screen).await {
        Ok(WatchResult::Over { row, asked }) => Ok(Seen::Over { row, asked }),
        Ok(WatchResult::Left(asked)) => Ok(Seen::Left(asked)),
        Err(trouble) => Ok(Seen::Refused(trouble)),
    }
}

/// Of several the one that decides, as in the API.
fn exit_of(attempts: &[SyncAttempt], ended: Option<StopSignal>) -> Exit {
    let done = |it: &SyncAttempt| {
        it.row.as_ref().is_some_and(|row| row.outcome == Some(Outcome::Succeeded))
    };
    if let Some(asked) = ended
        && !attempts.iter().all(done)
    {
        return asked.exit();
    }
    let fates: Vec<AttemptResult> = attempts.iter().map(|it| it.fate).collect();
    let Some(it) = deciding(&fates).map(|at| &attempts[at]) else { return Exit::Ok };
    match (&it.row, it.fate) {
        (Some(row), _) => Exit::of(row.outcome.unwrap_or(Outcome::Interrupted), row.error_code),
        (None, AttemptResult::Busy) => Exit::Busy,
        (None, AttemptResult::Failed(401)) => Exit::NotConnected,
        (None, _) => Exit::Failed,
    }
}

/// Shows the follow-up of a full sync. Returns the signal that ended it, if one did.
async fn follow_up(
    app: &App,
    started: Started,
    signals: &mut Signals,
    screen: Screen,
) -> Result<Option<StopSignal>, CommandError> {
    match attend(app, started, signals, screen).await? {
        WatchResult::Over { row, .. } => match row.outcome {
            Some(Outcome::Succeeded) if row.counts.listed == 0 => {
                screen.say("Nothing changed at Google meanwhile.")?;
            }
            Some(Outcome::Succeeded) => {
                screen.say(format!("Changed at Google meanwhile: {}.", changes(&row)))?;
            }
            // The full sync is done all the same; the next run asks again.
            _ => screen.say("What changed meanwhile will come with the next sync.")?,
        },
        WatchResult::Left(asked) => return Ok(Some(asked)),
    }
    Ok(None)
}

/// Nobody asked for this run, it is over in a moment, and nobody is to be refused because of it.
async fn follows_up(app: &App, holder: &Holder) -> Result<bool, CommandError> {
    let Some(run) = holder.run else { return Ok(false) };
    Ok(app.store.run(run).await?.is_some_and(|row| row.asked_by.as_deref() == Some(FOLLOW_UP_BY)))
}

fn refused(app: &App, refusal: StartError) -> CommandError {
    let plain = match &refusal {
        StartError::Busy(holder) => busy(app, holder),
        StartError::NotConnected => return super::not_connected(app),
        // Its own message says the way out.
        StartError::NeedsReauth { reason } if Diagnosis::read(reason).is_some() => {
            return refusal.into();
        }
        StartError::NeedsReauth { reason } => format!(
            "the Google account must be connected again ({reason}); start `ringbook serve` and open {}/auth/google",
            super::local_url(&app.config)
        ),
        _ => return refusal.into(),
    };
    CommandError { message: plain, ..refusal.into() }
}

fn busy(app: &App, holder: &Holder) -> String {
    let since = Times::of(app).say(holder.since);
    format!(
        "a sync is already in progress: {} began it {since}\n\n\
         Watch it and sync afterwards: ringbook sync --wait    Stop it: ringbook cancel",
        holder.host
    )
}

/// Waits for another process's run. Returns the signal that ended the wait, if one did.
async fn wait(
    app: &App,
    account: &Account,
    holder: &Holder,
    signals: &mut Signals,
    screen: Screen,
) -> Result<Option<StopSignal>, CommandError> {
    let mut progress = Progress::new(screen);
    progress.note(&format!("{} is syncing; waiting for it.", holder.host));
    let over = async {
        match holder.run {
            Some(run) => progress.follow(&app.store, run).await.map(|_| ()),
            None => Ok(()),
        }
    };
    tokio::select! {
        over = over => over?,
        asked = signals.next() => return Ok(Some(asked)),
    }
    // The run is over, but a lease without a run may be held for another moment.
    let patience = after(app.clock.now(), Duration::from_millis(100));
    if app.store.lease_holder(account.id).await?.is_some() {
        app.clock.sleep_until(patience).await;
    }
    Ok(None)
}

/// How a run that this process started came to an end, from here.
pub(crate) enum WatchResult {
    /// The signal is the one that was given meanwhile.
    Over { row: Box<RunRow>, asked: Option<StopSignal> },
    /// Somebody could not wait; the run is left as it is, and the next one goes on with it.
    Left(StopSignal),
}

/// Shows a run until it is over. Ctrl-C cancels it, SIGTERM parks it, a second signal leaves at once.
pub(crate) async fn attend(
    app: &App,
    started: Started,
    signals: &mut Signals,
    screen: Screen,
) -> Result<WatchResult, CommandError> {
    let run = started.run;
    let mut progress = Progress::new(screen);
    let mut asked = None;
    let finished = started.finished();
    tokio::pin!(finished);
    let finished = loop {
        tokio::select! {
            finished = &mut finished => break finished,
            // Over in the database means over here, too, in a moment.
            row = progress.follow(&app.store, run) => {
                row?;
                break finished.await;
            }
            signal = signals.next() => {
                if asked.is_some() {
                    progress.clear();
                    return Ok(WatchResult::Left(signal));
                }
                asked = Some(signal);
                match signal {
                    StopSignal::Interrupt => {
                        progress.note("Cancelling; Ctrl-C again leaves at once.");
                        app.supervisor.cancel(run.account(), &whoami()).await?;
                    }
                    StopSignal::Terminate => {
                        let supervisor = app.supervisor.clone();
                        tasks::once("parking", async move { supervisor.shut_down(PARK).await });
                    }
                }
            }
        }
    };
    progress.clear();
    match finished {
        Finished::Ended(_) => {}
        Finished::LeaseLost => {
            let message =
                "another process took the sync over, since this one fell silent for too long";
            return Err(CommandError::failed(message));
        }
        Finished::StorageFailed(problem) => {
            return Err(CommandError::failed(format!(
                "the end of the sync could not be stored: {problem}"
            )));
        }
    }
    match app.store.run(run).await? {
        Some(row) => Ok(WatchResult::Over { row: Box::new(row), asked }),
        None => Err(CommandError::failed(
            "the sync is over, and was removed from the history meanwhile",
        )),
    }
}

/// What became of all, in the shapes of the API.
fn answer(app: &App, attempts: &[SyncAttempt], screen: Screen) -> Result<(), CommandError> {
    let out = ApiEncoder::new(&app.store, &app.config);
    let now = app.clock.now();
    match SyncResponse::of(&out, attempts, now) {
        None => Ok(()),
        Some(SyncResponse::Good { result, .. }) => Ok(screen.json(&result)?),
        Some(SyncResponse::Bad { decides, detail, told }) => {
            let row = attempts[decides].row.as_ref();
            let of_row = row.filter(|_| attempts.len() == 1);
            let detail = of_row.map_or(detail, |row| summary(row, screen).swap_remove(0));
            let run = row.map(|row| wire::Run::of(&out, row, now));
            Ok(screen.json(&wire::RunProblem { detail, run, accounts: told })?)
        }
    }
}

fn tell(app: &App, row: &RunRow, screen: Screen) -> Result<(), CommandError> {
    for line in summary(row, screen) {
        screen.say(line)?;
    }
    if row.outcome == Some(Outcome::Failed)
        && matches!(row.error_code, Some(FailureCode::NeedsReauth | FailureCode::NotPermitted))
    {
        let url = super::local_url(&app.config);
        screen.say(format!("  Connect the account again: ringbook auth, or {url}/auth/google"))?;
    }
    Ok(())
}

/// What a run did, in a few lines.
pub(crate) fn summary(row: &RunRow, screen: Screen) -> Vec<String> {
    let paint = screen.paint;
    let took = between(row.started_at, row.ended_at.unwrap_or(row.updated_at));
    let name = format!("{} sync", title(row.kind));
    let because = row.error_message.as_deref().unwrap_or("no reason is known");
    let mut lines = Vec::new();
    match row.outcome {
        Some(Outcome::Succeeded) => {
            lines.push(format!(
                "{} in {}.",
                paint.good(&format!("{name} done")),
                humanize::duration(took)
            ));
        }
        Some(Outcome::Partial) => {
            let aside = humanize::many(row.counts.set_aside, "contact");
            lines.push(format!(
                "{} in {}, but {aside} could not be read. Which and why: ringbook history latest",
                paint.warn(&format!("{name} done")),
                humanize::duration(took)
            ));
        }
        Some(Outcome::Held) => {
            let doomed = humanize::many(row.counts.to_delete, "contact");
            let of = humanize::count(row.before_live + row.counts.created + row.counts.restored);
            lines.push(format!(
                "{}: it would delete {doomed} of {of}, and asks you first.",
                paint.warn(&format!("{name} on hold"))
            ));
            lines.push(
                "Show them and decide: ringbook approve    Keep them: ringbook reject".to_owned(),
            );
        }
        Some(Outcome::Cancelled) => {
            let by = row.cancel_by.as_deref().unwrap_or("somebody");
            lines.push(format!(
                "{} after {}, by {by}.",
                paint.warn(&format!("{name} cancelled")),
                humanize::duration(took)
            ));
        }
        Some(Outcome::Interrupted) => {
            lines.push(format!(
                "{} after {}; the next one goes on.",
                paint.warn(&format!("{name} interrupted")),
                humanize::duration(took)
            ));
        }
        Some(Outcome::Failed) => {
            lines.push(format!(
                "{} after {}: {because}",
                paint.bad(&format!("{name} failed")),
                humanize::duration(took)
            ));
        }
        Some(Outcome::Rejected) | None => lines.push(format!("{name}: {because}")),
    }
    if row.resumed {
        lines.push("  It went on where an interrupted one had stopped".to_owned());
    }
    if row.kind == Kind::Full && row.kind_asked != Some(Kind::Full) {
        match row.full_reason {
            // Everybody expects as much of the first one.
            Some(FullReason::NeverSynced) => {}
            Some(reason) => lines.push(format!("  A full sync, because: {}", reason.in_words())),
            None => lines
                .push("  A full sync, because: Google no longer took the sync token".to_owned()),
        }
    }
    if row.counts.pages > 0 {
        let pace = row.counts.listed as f64 / took.as_secs_f64().max(0.001);
        let mut heard = format!(
            "  {} listed in {}",
            humanize::many(row.counts.listed, "contact"),
            humanize::many(row.counts.pages, "page")
        );
        if row.counts.listed >= 100 {
            heard.push_str(&format!(", {} a second", humanize::count(pace as u64)));
        }
        if row.retries > 0 {
            let tries = if row.retries == 1 {
                "1 retry".to_owned()
            } else {
                format!("{} retries", row.retries)
            };
            let waited = humanize::duration(Duration::from_millis(row.waited_ms));
            heard.push_str(&format!(", {tries} and {waited} of waiting"));
        }
        lines.push(heard);
        lines.push(format!("  {}", changes(row)));
    }
    if let Some(after) = row.after_live {
        lines.push(format!("  {} in the directory now", humanize::many(after, "contact")));
    }
    lines
}

/// `2 updated, 1 created, 1 deleted`.
pub(crate) fn changes(row: &RunRow) -> String {
    let it = &row.counts;
    let parts = [
        (it.created, "created"),
        (it.updated.saturating_sub(it.restored), "updated"),
        (it.restored, "restored"),
        (it.deleted, "deleted"),
        (it.renamed, "renamed at Google"),
        (it.set_aside, "set aside"),
        (it.unchanged, "unchanged"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{} {what}", humanize::count(*number)))
        .collect();
    if parts.is_empty() && it.to_delete > 0 {
        "nothing else to do".to_owned()
    } else if parts.is_empty() {
        "nothing to do".to_owned()
    } else {
        parts.join(", ")
    }
}

/// `--dry-run`.
async fn rehearse(
    app: &App,
    accounts: &[Account],
    kind: Option<Kind>,
    screen: Screen,
) -> Result<Exit, CommandError> {
    let mut signals = Signals::listen()?;
    let (mut told, mut exit) = (Vec::new(), Exit::Ok);
    for account in accounts {
        if accounts.len() > 1 {
            screen.say(screen.paint.bold(&account.name))?;
        }
        let it = match preview_of(app, account, kind, &mut signals, screen).await? {
            Ok(it) => it,
            Err(asked) => return Ok(asked.exit()),
        };
        imagine(&it, screen)?;
        let mut json = rehearsed(&it);
        if accounts.len() > 1 {
            json["id"] = json!(app.store.ids().account(account.id));
            json["name"] = json!(account.name);
        }
        told.push(json);
        if it.held {
            exit = Exit::Held;
        }
    }
    if screen.json {
        match told.as_slice() {
            [only] => screen.json(only)?,
            several => screen.json(&json!({ "dry_run": true, "accounts": several }))?,
        }
    }
    Ok(exit)
}

/// What a sync of one account would do, or the signal that ended the look.
async fn preview_of(
    app: &App,
    account: &Account,
    kind: Option<Kind>,
    signals: &mut Signals,
    screen: Screen,
) -> Result<Result<Preview, StopSignal>, CommandError> {
    let options = app.supervisor.options();
    let orders = app
        .store
        .preview_orders(account.id, kind, &options.request, &options.settings)
        .await
        .map_err(|refusal| refused(app, refusal))?;
    let full = orders.kind == Kind::Full;
    let progress = Progress::new(screen);
    if full {
        progress.note("Listing everything at Google, and writing nothing ...");
    }
    let book = AccountClient { connector: app.connector.clone(), account: account.id };
    let seen = tokio::select! {
        seen = preview(&app.store, &book, account.id, orders, chance) => seen,
        asked = signals.next() => return Ok(Err(asked)),
    };
    let it = match seen {
        Ok(it) => it,
        Err(PreviewError::Failed(message)) => return Err(CommandError::failed(message)),
        Err(PreviewError::Db(problem)) => return Err(problem.into()),
    };
    Ok(Ok(it))
}

fn rehearsed(it: &Preview) -> serde_json::Value {
    json!({
        "dry_run": true,
        "sync_type": it.kind,
        "pages": it.pages,
        "total_fetched": it.tally.listed,
        "created": it.tally.created,
        "updated": it.tally.updated,
        "restored": it.tally.restored,
        "unchanged": it.tally.unchanged,
        "errors": it.tally.set_aside,
        "deleted": it.to_delete,
        "renamed": it.renamed,
        "held": it.held,
    })
}

fn imagine(it: &Preview, screen: Screen) -> Result<(), CommandError> {
    screen.say(screen.paint.bold(&format!("{} sync, if you start it now:", title(it.kind))))?;
    let listed = humanize::many(it.tally.listed, "contact");
    screen.say(format!("  {listed} listed in {}", humanize::many(it.pages, "page")))?;
    let parts = [
        (it.tally.created, "to create"),
        (it.tally.updated.saturating_sub(it.tally.restored), "to update"),
        (it.tally.restored, "to restore"),
        (it.to_delete, "to delete"),
        (it.renamed, "renamed at Google"),
        (it.tally.set_aside, "to set aside, since they cannot be read"),
        (it.tally.unchanged, "unchanged"),
    ];
    for (number, what) in parts.iter().filter(|(number, _)| *number > 0) {
        screen.say(format!("  {:>9} {what}", humanize::count(*number)))?;
    }
    if it.held {
        let warning = "It would stop before deleting, and wait for your word.";
        screen.say(screen.paint.warn(warning))?;
    }
    screen.say("Nothing was changed.")?;
    Ok(())
}
