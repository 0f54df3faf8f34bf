//! What everybody in a history shares: the time, who waits for what, Google, and the dice.
//!
//! All processes of a history live on one thread, and nothing happens by itself: time passes, an answer
//! arrives or a held-up process goes on only when the history chooses so.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use jiff::Timestamp;
use ringbook_core::clock::Clock;
use ringbook_core::contact::ResourceName;
use ringbook_core::sync::RunId;
use ringbook_core::sync::book::{AddressBook, FetchError, Label, ListRequest, Page, Presence};
use tokio::sync::{Notify, oneshot};

use crate::chance::Chance;
use crate::check::Watcher;
use crate::for_good::Lasting;
use crate::google::Google;
use crate::history::Cancel;
use crate::life::Held;
use crate::turns::{Turn, Turns};

pub(crate) type Table = Arc<Shared>;

pub(crate) struct Shared(Mutex<Inner>);

pub(crate) struct Inner {
    /// Microseconds since 1970.
    pub(crate) now: i64,
    pub(crate) chance: Chance,
    pub(crate) google: Google,
    /// What goes wrong each time, from some moment on.
    pub(crate) lasting: Option<Lasting>,
    pub(crate) asks: Vec<Ask>,
    pub(crate) watcher: Option<Watcher>,
    /// Steps of processes that are held up before their next transaction.
    pub(crate) held: Vec<Held>,
    /// How many polls in a thousand are cut short before a transaction.
    pub(crate) cut: u32,
    timers: BTreeMap<(i64, u64), Waker>,
    numbers: u64,
    /// Grows whenever a process did something.
    activity: u64,
    trace: Option<Vec<String>>,
    violation: Option<String>,
    /// Which process goes by which name in a lease.
    pub(crate) owners: Vec<(String, u32)>,
    pub(crate) dead: Vec<Dead>,
    pub(crate) running: Vec<u32>,
    pub(crate) cancel: Option<Cancel>,
    /// Until when Google asked each process to wait before it lists on.
    pub(crate) asked_to_wait: BTreeMap<RunId, i64>,
    /// The run that its process could not close when the storage failed. Nobody works on it; the process
    /// closes it when it looks at the accounts next.
    pub(crate) abandoned: Option<RunId>,
    /// The disk or the database does not do what it is asked.
    pub(crate) storage_fails: bool,
    pub(crate) clocks_agree: bool,
    /// Processes that have been asked to start a run and have not answered.
    pub(crate) starting: Vec<u32>,
    /// Who may talk to a database that answers later.
    pub(crate) turns: Option<Turns>,
    /// The trace tells of every row that changed, for a comparison.
    pub(crate) tells_rows: bool,
    /// Whoever had its turn has gone on.
    stirred: Arc<Notify>,
}

/// A process that is gone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dead {
    pub(crate) process: u32,
    /// When it died: the step of the history, and the time.
    pub(crate) step: u32,
    pub(crate) at: i64,
    /// The others can see it.
    pub(crate) seen: bool,
}

const PASS: &str = " s pass";

/// A request to Google that waits for its answer.
pub(crate) struct Ask {
    pub(crate) process: u32,
    /// For whom it is asked. Another run does not wait for the time that this one was given.
    pub(crate) run: RunId,
    pub(crate) since: i64,
    pub(crate) what: What,
    /// Nobody will answer it; it breaks off by itself some day.
    pub(crate) hangs: bool,
    reply: oneshot::Sender<Reply>,
}

pub(crate) enum What {
    Identify,
    Labels,
    List(ListRequest),
    Verify(Vec<ResourceName>),
}

pub(crate) enum Reply {
    Identity(Result<Option<ResourceName>, FetchError>),
    Labels(Result<Vec<Label>, FetchError>),
    Page(Box<Result<Page, FetchError>>),
    Verdicts(Result<Vec<Presence>, FetchError>),
}

impl Ask {
    pub(crate) fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    pub(crate) fn answer(self, reply: Reply) {
        let _ = self.reply.send(reply);
    }
}

impl Shared {
    pub(crate) fn new(chance: Chance, now: i64) -> Table {
        Arc::new(Shared(Mutex::new(Inner {
            now,
            chance,
            google: Google::new(),
            lasting: None,
            asks: Vec::new(),
            watcher: None,
            held: Vec::new(),
            cut: 0,
            timers: BTreeMap::new(),
            numbers: 0,
            activity: 0,
            trace: None,
            violation: None,
            owners: Vec::new(),
            dead: Vec::new(),
            running: Vec::new(),
            cancel: None,
            asked_to_wait: BTreeMap::new(),
            abandoned: None,
            storage_fails: false,
            clocks_agree: true,
            starting: Vec::new(),
            turns: None,
            tells_rows: false,
            stirred: Arc::default(),
        })))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets everything run that can run without a further choice.
    pub(crate) async fn settle(&self) {
        let mut quiet = 0;
        let mut seen = self.lock().activity;
        while quiet < 3 {
            tokio::task::yield_now().await;
            let (stirred, now) = {
                let mut table = self.lock();
                let waits = table.turns.as_mut().is_some_and(Turns::is_any_taken);
                (waits.then(|| table.stirred.clone()), table.activity)
            };
            if let Some(stirred) = stirred {
                quiet = 0;
                // Not every step is told of; one that is not must not be waited for any longer.
                let _ = tokio::time::timeout(Duration::from_millis(1), stirred.notified()).await;
                continue;
            }
            quiet = if now == seen { quiet + 1 } else { 0 };
            seen = now;
        }
    }

    pub(crate) fn say(&self, line: impl FnOnce() -> String) {
        self.lock().say(line);
    }

    pub(crate) fn violate(&self, what: String) {
        self.lock().violate(what);
    }
}

impl Inner {
    pub(crate) fn say(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            let at = self.now.rem_euclid(1_000_000_000_000) as f64 / 1e6;
            trace.push(format!("{at:12.3}  {}", line()));
        }
    }

    /// Time passes. Only the last of several such lines is kept.
    pub(crate) fn say_time(&mut self, from: i64, to: i64) {
        if let Some(trace) = &mut self.trace {
            if trace.last().is_some_and(|it| it.ends_with(PASS)) {
                trace.pop();
            }
            let at = from.rem_euclid(1_000_000_000_000) as f64 / 1e6;
            trace.push(format!("{at:12.3}  … {:.3}{PASS}", (to - from) as f64 / 1e6));
        }
    }

    pub(crate) fn keep_trace(&mut self) {
        self.trace = Some(Vec::new());
    }

    pub(crate) fn take_trace(&mut self) -> Vec<String> {
        self.trace.take().unwrap_or_default()
    }

    /// Only the first one counts: what follows may be its consequence.
    pub(crate) fn violate(&mut self, what: String) {
        if self.violation.is_none() {
            self.say(|| format!("VIOLATION: {what}"));
            self.violation = Some(what);
        }
    }

    pub(crate) fn violation(&self) -> Option<&String> {
        self.violation.as_ref()
    }

    pub(crate) fn next_timer(&self) -> Option<i64> {
        self.timers.keys().next().map(|it| it.0)
    }

    /// Sets the time and wakes up whoever waited for it.
    pub(crate) fn advance(&mut self, to: i64) {
        self.now = self.now.max(to);
        if let Some(watcher) = &self.watcher {
            watcher.time_is(self.now);
        }
        let later = self.timers.split_off(&(self.now + 1, 0));
        for waker in std::mem::replace(&mut self.timers, later).into_values() {
            waker.wake();
        }
    }

    /// Wakes up everybody who waits for a time, to look again at a clock that was set.
    pub(crate) fn wake_sleepers(&mut self) {
        for waker in std::mem::take(&mut self.timers).into_values() {
            waker.wake();
        }
    }

    /// A step is over.
    pub(crate) fn leave(&mut self, turn: Turn, more_to_come: bool) {
        if let Some(turns) = &mut self.turns {
            turns.leave(turn, more_to_come);
            self.stirred.notify_one();
        }
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    pub(crate) fn touch(&mut self) {
        self.activity += 1;
        self.stirred.notify_one();
    }
}

/// The clock of one process: the common time, and how wrong it is.
pub(crate) struct SimClock {
    pub(crate) table: Table,
    pub(crate) wrong_by: Arc<AtomicI64>,
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let at = self.table.lock().now + self.wrong_by.load(Ordering::Relaxed);
        Timestamp::from_microsecond(at).expect("the simulated years are few")
    }

    fn sleep_until(&self, until: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let left = until.as_microsecond() - self.now().as_microsecond();
        // As with a real clock: one that is set back makes no wait longer than it was.
        let at_latest = self.table.lock().now + left.max(0);
        Box::pin(Sleep { clock: self, until: until.as_microsecond(), at_latest, timer: None })
    }
}

struct Sleep<'a> {
    clock: &'a SimClock,
    until: i64,
    at_latest: i64,
    timer: Option<(i64, u64)>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let clock = self.clock;
        let mut table = clock.table.lock();
        if let Some(timer) = self.timer.take() {
            table.timers.remove(&timer);
        }
        let wrong_by = clock.wrong_by.load(Ordering::Relaxed);
        let at = (self.until - wrong_by).min(self.at_latest);
        if table.now >= at {
            return Poll::Ready(());
        }
        let timer = (at, table.number());
        table.timers.insert(timer, cx.waker().clone());
        self.timer = Some(timer);
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        if let Some(timer) = self.timer {
            self.clock.table.lock().timers.remove(&timer);
        }
    }
}

/// The way of one process to Google.
pub(crate) struct SimBook {
    pub(crate) table: Table,
    pub(crate) process: u32,
    pub(crate) run: RunId,
}

impl SimBook {
    async fn ask(&self, what: What) -> Option<Reply> {
        let (reply, answer) = oneshot::channel();
        {
            let mut table = self.table.lock();
            let since = table.now;
            let until = table.asked_to_wait.get(&self.run).copied().unwrap_or(0);
            if since < until && table.clocks_agree && matches!(what, What::List(_)) {
                let left = (until - since) / 1_000_000;
                table.violate(format!("Google is asked again {left} s before the time it gave"));
            }
            let (process, run) = (self.process, self.run);
            table.asks.push(Ask { process, run, since, what, hangs: false, reply });
            table.touch();
        }
        answer.await.ok()
    }
}

fn broken<T>() -> Result<T, FetchError> {
    Err(FetchError::Misconfigured { message: "the history is over".to_owned() })
}

impl AddressBook for SimBook {
    async fn identify(&self) -> Result<Option<ResourceName>, FetchError> {
        match self.ask(What::Identify).await {
            Some(Reply::Identity(it)) => it,
            _ => broken(),
        }
    }

    async fn labels(&self) -> Result<Vec<Label>, FetchError> {
        match self.ask(What::Labels).await {
            Some(Reply::Labels(it)) => it,
            _ => broken(),
        }
    }

    async fn list(&self, request: &ListRequest) -> Result<Page, FetchError> {
        match self.ask(What::List(request.clone())).await {
            Some(Reply::Page(it)) => *it,
            _ => broken(),
        }
    }

    async fn verify(&self, names: &[ResourceName]) -> Result<Vec<Presence>, FetchError> {
        match self.ask(What::Verify(names.to_vec())).await {
            Some(Reply::Verdicts(it)) => it,
            _ => broken(),
        }
    }
}
