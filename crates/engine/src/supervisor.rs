//! The only starter of runs: requests, due times and the follow-up of a full sync all come here, and
//! from here go through the gate.
//!
//! It keeps no plan in memory. Each second it reads how the accounts stand and starts what is due, so
//! that a change made by another process, a restart or a laptop's sleep need no special care.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tracing::{debug, error, info, warn};

use crate::engine::Finished;
use ringbook_core::clock::{after, between};
use ringbook_core::sync::run::Stop;
use ringbook_core::sync::schedule;
use ringbook_core::sync::schedule::{Cadence, Due, Plan};
use ringbook_core::sync::{AccountId, Kind, Outcome, RunId, Trigger};
use ringbook_runtime::tasks;
use ringbook_store::{
    Account, AccountError, DbError, DecisionError, Erasing, Request, Retention, RunRow, Settings,
    Slot, StartError, StartedRun, Store,
};

/// Makes an engine for a run that has begun, and lets it run.
pub trait Launcher: Send + Sync + 'static {
    fn launch(
        &self,
        beginning: StartedRun,
        stop: watch::Receiver<Option<Stop>>,
    ) -> BoxFuture<'static, Finished>;
}

/// Is told what happens, for metrics and alarms.
pub trait Observer: Send + Sync + 'static {
    /// A run that this process started is over.
    fn run_ended(&self, account: &Account, run: &RunRow);

    /// No run of this account has succeeded for too long. Told once for each such time, after the alarm was
    /// put down in the database to be delivered.
    fn silent(&self, account: &Account, since: Timestamp);
}

/// The settings of a supervisor.
#[derive(Clone, Debug)]
pub struct Options {
    pub settings: Settings,
    /// Fingerprint of the request parameters that a sync token depends on.
    pub request: String,
    /// The plan of accounts that have none of their own; `None`: they are synced only when asked.
    pub default_plan: Option<Plan>,
    /// Time zone of cron expressions that name none.
    pub zone: String,
    pub retention: Retention,
    /// Silence longer than this is an alarm.
    pub alert_after: Duration,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct StartRequest {
    pub account: AccountId,
    /// `None`: whichever is right.
    pub kind: Option<Kind>,
    pub trigger: Trigger,
    pub asked_by: Option<String>,
}

/// A run that was started.
#[derive(Clone, Debug)]
pub struct Started {
    pub run: RunId,
    done: watch::Receiver<Option<Finished>>,
}

impl Started {
    /// Waits until the run is over.
    pub async fn finished(mut self) -> Finished {
        match self.done.wait_for(Option::is_some).await {
            Ok(finished) => finished.clone().unwrap_or(Finished::LeaseLost),
            Err(_) => Finished::StorageFailed("the run ended without a word".to_owned()),
        }
    }
}

/// Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Supervisor(Arc<Inner>);

struct Inner {
    store: Store,
    launcher: Arc<dyn Launcher>,
    observer: Arc<dyn Observer>,
    options: Options,
    running: Mutex<HashMap<AccountId, Running>>,
    /// Accounts whose contacts this process is taking away.
    erasing: Mutex<HashSet<AccountId>>,
    nudge: Notify,
    wakefulness: Mutex<Wakefulness>,
    /// Set once; no run starts after it.
    closing: watch::Sender<bool>,
    /// Where it was made: that is where its runs are at home, whoever starts them.
    runtime: Handle,
}

struct Running {
    run: RunId,
    follow_up: bool,
    stop: watch::Sender<Option<Stop>>,
    done: watch::Receiver<Option<Finished>>,
}

/// Since when this process has been looking at the accounts without a break, and when it looked last.
#[derive(Clone, Copy)]
struct Wakefulness {
    since: Timestamp,
    looked_at: Timestamp,
}

/// A longer break between two looks is a machine that was asleep.
const ASLEEP: Duration = Duration::from_secs(300);
/// After a start or a sleep, silence is judged when the first run has ended, or after this long.
const GRACE: Duration = Duration::from_secs(900);
/// How often the accounts are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// The follow-up of a full sync starts this much later, so that a person's next wish can come first.
const FOLLOW_UP: Duration = Duration::from_secs(1);
/// Who asks for it, in the history.
pub const FOLLOW_UP_BY: &str = "follow-up of the full sync";
/// How long a request waits for a follow-up that happens to run. It is one request to Google.
const FOLLOW_UP_MAX: Duration = Duration::from_secs(10);
/// How often old runs and tombstones are looked for.
const PRUNE: Duration = Duration::from_secs(600);

impl Supervisor {
    /// Runs are made on the runtime on which this is called.
    ///
    /// # Panics
    /// Outside a runtime.
    pub fn new(
        store: Store,
        launcher: Arc<dyn Launcher>,
        observer: Arc<dyn Observer>,
        options: Options,
    ) -> Supervisor {
        let now = store.clock().now();
        Supervisor(Arc::new(Inner {
            wakefulness: Mutex::new(Wakefulness { since: now, looked_at: now }),
            store,
            launcher,
            observer,
            options,
            running: Mutex::default(),
            erasing: Mutex::default(),
            nudge: Notify::new(),
            closing: watch::Sender::new(false),
            runtime: Handle::current(),
        }))
    }

    pub fn store(&self) -> &Store {
        &self.0.store
    }

    pub fn options(&self) -> &Options {
        &self.0.options
    }

    /// Starts a run, if the gate lets it.
    ///
    /// # Errors
    /// When another run is in progress anywhere, or the account cannot be synced.
    pub async fn start(&self, wish: &StartRequest) -> Result<Started, StartError> {
        match self.begin(wish, None, false).await {
            // Whoever asks must not be refused because of a run that nobody asked for.
            Err(StartError::Busy(holder)) => match self.follow_up_of(wish.account) {
                Some(follow_up) => {
                    let clock = self.0.store.clock();
                    tokio::select! {
                        biased;
                        _ = follow_up.finished() => {}
                        () = clock.sleep_until(after(clock.now(), FOLLOW_UP_MAX)) => {}
                    }
                    self.begin(wish, None, false).await
                }
                None => Err(StartError::Busy(holder)),
            },
            other => other,
        }
    }

    async fn begin(
        &self,
        wish: &StartRequest,
        slot: Option<Slot>,
        follow_up: bool,
    ) -> Result<Started, StartError> {
        let inner = &self.0;
        if *inner.closing.borrow() {
            return Err(StartError::Closing);
        }
        let request = Request {
            account: wish.account,
            kind: wish.kind,
            trigger: wish.trigger,
            asked_by: wish.asked_by.clone(),
            slot,
            request: inner.options.request.clone(),
        };
        let beginning = inner.store.begin_run(&request, &inner.options.settings).await?;
        let run = beginning.lease.run;
        info!(
            run = run.0,
            account = wish.account.0,
            kind = %beginning.orders.kind,
            trigger = %wish.trigger,
            reason = beginning.full_reason.map(|it| it.as_str()),
            resumed = beginning.orders.resume.is_some(),
            "run {} starts", run.0
        );
        let (stop, stopped) = watch::channel(None);
        let (tell, done) = watch::channel(None);
        let running = Running { run, follow_up, stop, done: done.clone() };
        self.running().insert(wish.account, running);
        // A stop that came between the gate and here must not be lost.
        if *inner.closing.borrow() {
            self.stop_all(Stop::Shutdown);
        }
        let (this, account) = (self.clone(), wish.account);
        let work = inner.launcher.launch(beginning, stopped);
        tasks::once_on(&inner.runtime, "a sync", async move {
            let ended = Ended { supervisor: this.clone(), account, run, tell };
            let finished = work.await;
            ended.with(finished).await;
        });
        Ok(Started { run, done })
    }

    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<AccountId, Running>> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn follow_up_of(&self, account: AccountId) -> Option<Started> {
        let running = self.running();
        let it = running.get(&account).filter(|it| it.follow_up)?;
        Some(Started { run: it.run, done: it.done.clone() })
    }

    /// Asks the run of this account to stop, whichever process it runs in. Returns the run, or `None`
    /// when nothing runs.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn cancel(&self, account: AccountId, by: &str) -> Result<Option<RunId>, DbError> {
        let store = &self.0.store;
        // What a crash left open is not running.
        store.close_orphans(account).await?;
        let run = store.request_cancel(account, by).await?;
        if let Some(it) = self.running().get(&account)
            && Some(it.run) == run
        {
            it.stop.send_replace(Some(Stop::Cancel));
        }
        Ok(run)
    }

    /// Does what a held run wanted to do.
    ///
    /// # Errors
    /// When the run is not on hold, or another has listed since.
    pub async fn approve(&self, run: RunId, by: &str) -> Result<u64, DecisionError> {
        let deleted = self.0.store.approve(run, by).await?;
        info!(run = run.0, deleted, "run {} was approved: {deleted} contacts deleted", run.0);
        self.0.nudge.notify_one();
        Ok(deleted)
    }

    /// Keeps what a held run wanted to delete.
    ///
    /// # Errors
    /// When the run is not on hold.
    pub async fn reject(&self, run: RunId, by: &str) -> Result<(), DecisionError> {
        self.0.store.reject(run, by).await?;
        info!(run = run.0, "run {} was rejected: nothing deleted", run.0);
        self.0.nudge.notify_one();
        Ok(())
    }

    /// Erases an account's contacts, or removes the account with all that belongs to it. Returns how many
    /// contacts went. Once begun it is gone on with, also if nobody waits for its end.
    ///
    /// # Errors
    /// When there is no such account, or the database fails.
    pub async fn erase(&self, account: AccountId, what: Erasing) -> Result<u64, AccountError> {
        self.0.store.begin_erasing(account, what).await?;
        // Its lease is gone already; this spares it a last request to Google.
        if let Some(it) = self.running().get(&account) {
            it.stop.send_replace(Some(Stop::Shutdown));
        }
        let (tell, told) = tokio::sync::oneshot::channel();
        self.go_on_erasing(account, move |done| drop(tell.send(done)));
        match told.await {
            Ok(erased) => Ok(erased?),
            Err(_) => Err(DbError::Timeout.into()),
        }
    }

    /// Beside everything else: an account with many contacts must not keep others from being synced.
    fn go_on_erasing(
        &self,
        account: AccountId,
        told: impl FnOnce(Result<u64, DbError>) + Send + 'static,
    ) {
        self.erasing().insert(account);
        let this = self.clone();
        tasks::once_on(&self.0.runtime, "erasing contacts", async move {
            let done = this.0.store.erasure(account).finish().await;
            this.erasing().remove(&account);
            match &done {
                Ok(contacts) => {
                    info!(account = account.0, contacts, "{contacts} contacts were erased");
                }
                Err(problem) => warn!(account = account.0, %problem, "contacts stay to be erased"),
            }
            told(done);
        });
    }

    fn erasing(&self) -> std::sync::MutexGuard<'_, HashSet<AccountId>> {
        self.0.erasing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the accounts again at once, for instance after one was connected.
    pub fn nudge(&self) {
        self.0.nudge.notify_one();
    }

    /// The plan by which an account is synced; `None` when it is synced only when asked.
    pub fn plan(&self, account: &Account) -> Option<Plan> {
        let row = &account.schedule;
        let own = if let Some(cron) = &row.cron {
            let zone = row.zone.as_deref().unwrap_or(&self.0.options.zone);
            Some(Cadence::cron(cron, zone))
        } else {
            row.minutes.map(Cadence::every)
        };
        match own {
            Some(Ok(cadence)) => Some(Plan { cadence, paused: row.paused }),
            Some(Err(problem)) => {
                warn!(account = account.id.0, %problem, "a stored schedule cannot be read");
                None
            }
            None => {
                let plan = self.0.options.default_plan.clone()?.suited_to(account.source);
                Some(Plan { paused: plan.paused || row.paused, ..plan })
            }
        }
    }

    /// When an account is due next by itself.
    pub fn next_due(&self, account: &Account, now: Timestamp) -> Option<Due> {
        let plan = self.plan(account)?;
        schedule::next(&plan, &account.standing, account.id, now)
    }

    /// Starts what is due until [`Supervisor::shut_down`] is called.
    pub async fn supervise(&self) {
        let inner = &self.0;
        let clock = inner.store.clock().clone();
        let mut closing = inner.closing.subscribe();
        let mut prune_at = clock.now();
        let mut complained = false;
        loop {
            match self.look().await {
                Ok(()) => complained = false,
                Err(problem) if !complained => {
                    // Once, not every second of an outage.
                    complained = true;
                    error!(%problem, "the accounts could not be read; trying on");
                }
                Err(_) => {}
            }
            if clock.now() >= prune_at {
                prune_at = after(clock.now(), PRUNE);
                self.prune().await;
            }
            tokio::select! {
                () = clock.sleep_until(after(clock.now(), LOOK)) => {}
                () = inner.nudge.notified() => {}
                _ = closing.wait_for(|closing| *closing) => return,
            }
        }
    }

    /// One look at all accounts. Public so that tests need no timer.
    ///
    /// # Errors
    /// When the accounts cannot be read.
    pub async fn look(&self) -> Result<(), DbError> {
        let inner = &self.0;
        let awake_since = self.awake_since(inner.store.clock().now());
        for account in inner.store.erasures().await? {
            // Another process's, or nobody's any more; two do no harm.
            if !self.erasing().contains(&account) {
                self.go_on_erasing(account, drop);
            }
        }
        for mut account in inner.store.accounts().await? {
            if account.erasing {
                continue;
            }
            let open = account.latest_run.as_ref().is_some_and(|run| run.outcome.is_none());
            if open {
                if self.running().contains_key(&account.id) {
                    continue;
                }
                // Another process's run, or nobody's any more.
                if !inner.store.close_orphans(account.id).await? {
                    continue;
                }
                info!(account = account.id.0, "a run that a crash left open was closed");
                match inner.store.account(account.id).await? {
                    Some(closed) => account = closed,
                    None => continue,
                }
            }
            let now = inner.store.clock().now();
            self.alarm(&account, now, awake_since).await?;
            self.start_due(&account, now).await;
        }
        Ok(())
    }

    async fn start_due(&self, account: &Account, now: Timestamp) {
        // Also the follow-up, which belongs to no plan.
        if account.schedule.paused {
            return;
        }
        // The follow-up's time is a due time like others: of two processes one serves it.
        let standing = &account.standing;
        let follow_up_at = standing.follow_up_at.map(|at| after(at, FOLLOW_UP)).filter(|at| {
            *at <= now && !standing.needs_reauth && schedule::fires(standing.last_slot, *at, now)
        });
        let follow_up = follow_up_at.is_some();
        let (kind, trigger, slot, asked_by) = if follow_up {
            let by = Some(FOLLOW_UP_BY.to_owned());
            (Some(Kind::Incremental), Trigger::Schedule, follow_up_at, by)
        } else {
            match self.next_due(account, now) {
                Some(due) if due.at <= now => (None, due.trigger, Some(due.at), None),
                _ => return,
            }
        };
        let wish = StartRequest { account: account.id, kind, trigger, asked_by };
        let after = account.latest_run.as_ref().map(|run| run.id);
        let slot = slot.map(|at| Slot { at, after });
        match self.begin(&wish, slot, follow_up).await {
            Ok(_) => {}
            Err(
                StartError::Busy(_)
                | StartError::AlreadyServed
                | StartError::Erasing
                | StartError::Closing,
            ) => {
                debug!(account = account.id.0, "somebody else was faster");
            }
            Err(problem) => warn!(account = account.id.0, %problem, "a due run could not start"),
        }
    }

    /// Notes a look at the accounts, and says since when there was no break between two of them.
    fn awake_since(&self, now: Timestamp) -> Timestamp {
        let mut it = self.0.wakefulness.lock().unwrap_or_else(PoisonError::into_inner);
        if between(it.looked_at, now) > ASLEEP {
            it.since = now;
        }
        // A clock that was set back must not put the judgement off.
        it.since = it.since.min(now);
        it.looked_at = now;
        it.since
    }

    /// Silence is an alarm: raised once for each time that it lasts too long. A machine that was off for a
    /// weekend gets its first chance before it is judged.
    async fn alarm(
        &self,
        account: &Account,
        now: Timestamp,
        awake_since: Timestamp,
    ) -> Result<(), DbError> {
        let inner = &self.0;
        let has_tried = account.standing.last_ended.is_some_and(|at| at >= awake_since);
        if !has_tried && between(awake_since, now) < GRACE {
            return Ok(());
        }
        let since = account.last_success_at.unwrap_or(account.created_at);
        let silent = between(since, now) >= inner.options.alert_after;
        let planned = self.plan(account).is_some_and(|plan| !plan.paused);
        let expected = account.is_expected_to_succeed(planned);
        if silent
            && expected
            && account.alerted_at.is_none()
            && inner.store.claim_alert(account.id).await?
        {
            error!(account = account.id.0, %since, "no sync of account {} has succeeded since {since}", account.id.0);
            inner.observer.silent(account, since);
        }
        Ok(())
    }

    async fn prune(&self) {
        let inner = &self.0;
        let accounts = match inner.store.accounts().await {
            Ok(accounts) => accounts,
            Err(problem) => return warn!(%problem, "old runs could not be looked for"),
        };
        let lag = match inner.store.retention_lag().await {
            Ok(lag) => lag,
            Err(problem) => return warn!(%problem, "old runs could not be looked for"),
        };
        // What is old by a clock that has just jumped may not be old at all.
        let retention = inner.options.retention.later_by(lag);
        for account in accounts {
            loop {
                match inner.store.prune(account.id, &retention).await {
                    Ok(pruned) if pruned.runs + pruned.tombstones == 0 => break,
                    Ok(pruned) => {
                        debug!(runs = pruned.runs, tombstones = pruned.tombstones, "pruned");
                    }
                    Err(problem) => {
                        warn!(%problem, "old runs could not be removed");
                        break;
                    }
                }
                // Others get their turn to write.
                tokio::task::yield_now().await;
            }
        }
    }

    /// Whether no run of this process is in progress.
    pub fn is_idle(&self) -> bool {
        self.running().is_empty()
    }

    fn stop_all(&self, stop: Stop) {
        for running in self.running().values() {
            // A run that was cancelled stays cancelled.
            running.stop.send_if_modified(|asked| {
                let first = asked.is_none();
                *asked = asked.or(Some(stop));
                first
            });
        }
    }

    /// Lets no further run start, parks those in progress and waits for them. Returns whether all
    /// ended in time.
    pub async fn shut_down(&self, within: Duration) -> bool {
        self.0.closing.send_replace(true);
        self.stop_all(Stop::Shutdown);
        let runs: Vec<Started> = self
            .running()
            .values()
            .map(|it| Started { run: it.run, done: it.done.clone() })
            .collect();
        let all = async {
            for run in runs {
                run.finished().await;
            }
        };
        tokio::time::timeout(within, all).await.is_ok()
    }
}

/// Clears up after a run, also after one that panicked.
struct Ended {
    supervisor: Supervisor,
    account: AccountId,
    run: RunId,
    tell: watch::Sender<Option<Finished>>,
}

impl Ended {
    async fn with(self, finished: Finished) {
        let inner = &self.supervisor.0;
        self.forget();
        let run = self.run.0;
        match &finished {
            Finished::Ended(outcome) => info!(run, %outcome, "run {run} ended: {outcome}"),
            Finished::LeaseLost => warn!(run, "run {run} was taken over"),
            Finished::StorageFailed(problem) => {
                error!(run, problem, "run {run} could not be closed");
                inner.store.give_up(self.run);
            }
        }
        let told = (inner.store.account(self.account).await, inner.store.run(self.run).await);
        if let (Ok(Some(account)), Ok(Some(row))) = told {
            if let Some(message) = row.error_message.as_deref()
                && row.outcome == Some(Outcome::Failed)
            {
                warn!(run, "run {run} failed: {message}");
            }
            if let Some(note) = &row.note {
                info!(run, "run {run}: {note}");
            }
            inner.observer.run_ended(&account, &row);
        }
        self.tell.send_replace(Some(finished));
        inner.store.relax().await;
        inner.nudge.notify_one();
    }

    fn forget(&self) {
        let mut running = self.supervisor.running();
        if running.get(&self.account).is_some_and(|it| it.run == self.run) {
            running.remove(&self.account);
        }
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.forget();
        if std::thread::panicking() {
            self.supervisor.0.store.give_up(self.run);
        }
    }
}
