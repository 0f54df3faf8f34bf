//! Performs what a [`Run`] decides, one step at a time, and tells it what came of it.
//!
//! While it waits, be it for Google or for time to pass, it keeps the lease and listens for a stop. A
//! transaction is never interrupted; a request is, since it has no effect here.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

use ringbook_core::clock::{after, between};
use ringbook_core::contact::ResourceName;
use ringbook_core::sync::backoff::Jitter;
use ringbook_core::sync::book::{AddressBook, FetchError, ListRequest, Page, Presence};
use ringbook_core::sync::run::{Event, Run, RunEnd, Step, Stop};
use ringbook_core::sync::{Delay, Outcome, Phase};
use ringbook_runtime::tasks;
use ringbook_store::{Lease, Note, Settings, StartedRun, Store, Wait, WriteError};

/// How the engine's part in a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Finished {
    Ended(Outcome),
    /// Somebody else owns the account now and has closed the run.
    LeaseLost,
    /// The database failed even for the last word. The lease runs out by itself, and the next run
    /// closes this one.
    StorageFailed(String),
}

/// What stays the same for every run of a process.
pub struct EngineDeps<B> {
    pub store: Store,
    pub book: Arc<B>,
    pub settings: Settings,
    /// Fingerprint of the request parameters that a sync token depends on.
    pub request: String,
    /// Random bits for the spread of waits.
    pub chance: Box<dyn FnMut() -> u64 + Send + Sync>,
    /// Fetch the next page while this one is stored.
    pub fetch_ahead: bool,
}

pub struct Engine<B> {
    tools: EngineDeps<B>,
    lease: Lease,
    run: Run,
    next: Option<Step>,
    ahead: Option<(ListRequest, JoinHandle<Result<Page, FetchError>>)>,
    /// Requests to Google that the history does not know of yet.
    requests: u64,
    /// By the clock, when the next step was chosen.
    decided_at: Timestamp,
}

/// Why a wait ended before its time.
enum Interruption {
    Stopped(Stop),
    LeaseLost,
}

/// How often a waiting run looks whether another process asked it to stop.
const LOOK: Duration = Duration::from_millis(250);

impl<B: AddressBook> Engine<B> {
    pub fn new(tools: EngineDeps<B>, beginning: StartedRun) -> Engine<B> {
        let (run, step) = Run::start(beginning.orders);
        let decided_at = tools.store.clock().now();
        let (lease, next) = (beginning.lease, Some(step));
        Engine { tools, lease, run, next, ahead: None, requests: 0, decided_at }
    }

    /// Runs to the end. `stop` asks it to end early.
    pub async fn run(mut self, mut stop: watch::Receiver<Option<Stop>>) -> Finished {
        loop {
            if let Some(finished) = self.step(&mut stop).await {
                return finished;
            }
        }
    }

    /// Performs one step. Returns how it ended, if it did.
    pub async fn step(&mut self, stop: &mut watch::Receiver<Option<Stop>>) -> Option<Finished> {
        let Some(step) = self.next.take() else { return Some(Finished::LeaseLost) };
        let performed = match step {
            Step::Ask { identity, labels, ahead } => {
                self.fetch_ahead(ahead);
                self.ask(identity, labels, stop).await
            }
            Step::Fetch(request) => self.fetch(request, stop).await,
            Step::Commit { batch, ahead } => {
                self.fetch_ahead(ahead);
                let requests = std::mem::take(&mut self.requests);
                let tools = &self.tools;
                tools
                    .store
                    .commit_page(&self.lease, &batch, &tools.settings, &tools.request, requests)
                    .await
                    .map(|(_, report)| Event::Committed(report))
            }
            Step::Sweep => self.sweep().await,
            Step::Verify(names) => self.verify(names, stop).await,
            Step::Sleep { until, delay, message } => {
                self.sleep(Wait { until, delay, message }, stop).await
            }
            Step::Finish(ending) => return Some(self.finish(ending).await),
        };
        let event = match performed {
            Ok(event) => event,
            Err(WriteError::LeaseLost) => {
                self.drop_ahead();
                let run = self.lease.run.0;
                warn!(run, "run {run} lost its lease; another process has taken over");
                return Some(Finished::LeaseLost);
            }
            Err(WriteError::Db(error)) => Event::StorageFailed { message: error.to_string() },
        };
        let now = self.tools.store.clock().now();
        self.decided_at = now;
        let jitter = Jitter::from_bits((self.tools.chance)());
        self.next = Some(self.run.on(event, now, jitter));
        None
    }

    async fn ask(
        &mut self,
        identity: bool,
        labels: bool,
        stop: &mut watch::Receiver<Option<Stop>>,
    ) -> Result<Event, WriteError> {
        self.requests += u64::from(identity) + u64::from(labels);
        let book = self.tools.book.clone();
        let asked = async {
            tokio::join!(async { if identity { book.identify().await } else { Ok(None) } }, async {
                if labels { Some(book.labels().await) } else { None }
            },)
        };
        Ok(match self.wait_for(asked, stop).await {
            Ok((identity, labels)) => Event::Answered { identity, labels },
            Err(Interruption::Stopped(stop)) => Event::Stopped(stop),
            Err(Interruption::LeaseLost) => return Err(WriteError::LeaseLost),
        })
    }

    async fn fetch(
        &mut self,
        request: ListRequest,
        stop: &mut watch::Receiver<Option<Stop>>,
    ) -> Result<Event, WriteError> {
        let fetched = match self.ahead.take() {
            Some((ahead, mut task)) if ahead == request => {
                let fetched = self.wait_for(&mut task, stop).await;
                if fetched.is_err() {
                    task.abort();
                }
                fetched.map(|joined| {
                    joined.unwrap_or_else(|error| {
                        // A panic in the client is a bug, but no reason to lose the run.
                        Err(FetchError::Again {
                            delay: Delay::Malformed,
                            retry_after: None,
                            message: format!("fetching the page ahead failed: {error}"),
                        })
                    })
                })
            }
            other => {
                self.ahead = other;
                self.drop_ahead();
                self.requests += 1;
                let book = self.tools.book.clone();
                self.wait_for(async { book.list(&request).await }, stop).await
            }
        };
        match fetched {
            Ok(answer) => Ok(Event::Fetched(answer)),
            Err(Interruption::Stopped(stop)) => Ok(Event::Stopped(stop)),
            Err(Interruption::LeaseLost) => Err(WriteError::LeaseLost),
        }
    }

    async fn sweep(&mut self) -> Result<Event, WriteError> {
        if self.note(Phase::Finishing, None).await? {
            return Ok(Event::Stopped(Stop::Cancel));
        }
        let tools = &self.tools;
        let (unseen, live) = tools.store.sweep(&self.lease, &tools.settings).await?;
        Ok(Event::Swept { unseen, live })
    }

    async fn verify(
        &mut self,
        names: Vec<ResourceName>,
        stop: &mut watch::Receiver<Option<Stop>>,
    ) -> Result<Event, WriteError> {
        self.requests += 1;
        // Google may answer faster than a wait would look around, question after question.
        if self.note(Phase::Verifying, None).await? {
            return Ok(Event::Stopped(Stop::Cancel));
        }
        let book = self.tools.book.clone();
        match self.wait_for(async { book.verify(&names).await }, stop).await {
            Ok(Ok(verdicts)) => Ok(Event::Verified(Ok(self.believable(verdicts).await?))),
            Ok(Err(error)) => Ok(Event::Verified(Err(error))),
            Err(Interruption::Stopped(stop)) => Ok(Event::Stopped(stop)),
            Err(Interruption::LeaseLost) => Err(WriteError::LeaseLost),
        }
    }

    /// A contact that goes by a new name must have been listed under it. If it was not, it is still there
    /// and the listing has missed it.
    async fn believable(&self, mut verdicts: Vec<Presence>) -> Result<Vec<Presence>, WriteError> {
        let new: Vec<&ResourceName> = verdicts.iter().filter_map(Presence::new_name).collect();
        if new.is_empty() {
            return Ok(verdicts);
        }
        let listed = self.tools.store.listed_among(self.lease.account(), &new).await?;
        for verdict in &mut verdicts {
            if verdict.new_name().is_some_and(|name| !listed.contains(name)) {
                *verdict = Presence::Alive;
            }
        }
        Ok(verdicts)
    }

    async fn sleep(
        &mut self,
        wait: Wait,
        stop: &mut watch::Receiver<Option<Stop>>,
    ) -> Result<Event, WriteError> {
        let (until, left) = (wait.until, between(self.decided_at, wait.until));
        if wait.delay != Delay::Pause {
            let run = self.lease.run.0;
            info!(run, delay = %wait.delay, %until, "run {run} waits: {}", wait.message);
        }
        if self.note(Phase::Waiting, Some(wait)).await? {
            return Ok(Event::Stopped(Stop::Cancel));
        }
        let clock = self.tools.store.clock().clone();
        // No longer than was decided, should the clock have been set back since.
        let until = until.min(after(clock.now(), left));
        match self.wait_for(clock.sleep_until(until), stop).await {
            Ok(()) if self.note(Phase::Fetching, None).await? => Ok(Event::Stopped(Stop::Cancel)),
            Ok(()) => Ok(Event::Woke),
            Err(Interruption::Stopped(stop)) => Ok(Event::Stopped(stop)),
            Err(Interruption::LeaseLost) => Err(WriteError::LeaseLost),
        }
    }

    /// Notes what is going on. Returns whether somebody has cancelled the run.
    async fn note(&mut self, phase: Phase, wait: Option<Wait>) -> Result<bool, WriteError> {
        let requests = std::mem::take(&mut self.requests);
        let note = Note { phase, kind: self.run.kind(), wait, requests };
        let noted = self.tools.store.note(&self.lease, &note, &self.tools.settings).await?;
        Ok(noted.cancel)
    }

    async fn finish(&mut self, ending: RunEnd) -> Finished {
        self.drop_ahead();
        let tools = &self.tools;
        let requests = std::mem::take(&mut self.requests);
        let mut tries = 0;
        loop {
            tries += 1;
            let finished = tools
                .store
                .finish(
                    &self.lease,
                    self.run.kind(),
                    &ending,
                    &tools.request,
                    requests,
                    &tools.settings,
                )
                .await;
            match finished {
                Ok(outcome) => return Finished::Ended(outcome),
                Err(WriteError::LeaseLost) => return Finished::LeaseLost,
                Err(WriteError::Db(problem)) if tries < 3 => {
                    warn!(%problem, "the end of a run could not be stored; trying again");
                    let clock = tools.store.clock();
                    clock.sleep_until(after(clock.now(), Duration::from_secs(1))).await;
                }
                Err(WriteError::Db(problem)) => {
                    error!(%problem, "the end of a run could not be stored");
                    return Finished::StorageFailed(problem.to_string());
                }
            }
        }
    }

    fn fetch_ahead(&mut self, request: Option<ListRequest>) {
        let Some(request) = request.filter(|_| self.tools.fetch_ahead) else { return };
        if self.ahead.as_ref().is_some_and(|(ahead, _)| *ahead == request) {
            return;
        }
        self.drop_ahead();
        self.requests += 1;
        let (book, wanted) = (self.tools.book.clone(), request.clone());
        let task = tasks::once("fetching ahead", async move { book.list(&wanted).await });
        self.ahead = Some((request, task));
    }

    fn drop_ahead(&mut self) {
        if let Some((_, task)) = self.ahead.take() {
            task.abort();
        }
    }

    /// Waits for something that has no effect here, keeping the lease meanwhile.
    async fn wait_for<T>(
        &self,
        wanted: impl Future<Output = T>,
        stop: &mut watch::Receiver<Option<Stop>>,
    ) -> Result<T, Interruption> {
        let store = &self.tools.store;
        let clock = store.clock();
        let renewal = self.tools.settings.lease / 3;
        let mut renewed_at = clock.now();
        // Nobody may be left who could ask this process; others still can, through the database.
        let mut deaf = false;
        tokio::pin!(wanted);
        loop {
            let asked = *stop.borrow_and_update();
            if let Some(stop) = asked {
                return Err(Interruption::Stopped(stop));
            }
            let look_at = after(clock.now(), LOOK);
            tokio::select! {
                biased;
                got = &mut wanted => return Ok(got),
                changed = stop.changed(), if !deaf => deaf = changed.is_err(),
                () = clock.sleep_until(look_at) => {
                    let now = clock.now();
                    // A clock that was set back must not keep the lease waiting for the old time.
                    if now < renewed_at || now >= after(renewed_at, renewal) {
                        renewed_at = now;
                        match store.renew(&self.lease, &self.tools.settings).await {
                            Ok(renewed) if renewed.cancel => {
                                return Err(Interruption::Stopped(Stop::Cancel));
                            }
                            Ok(_) => {}
                            Err(WriteError::LeaseLost) => return Err(Interruption::LeaseLost),
                            // The next renewal or the next page will tell.
                            Err(WriteError::Db(problem)) => warn!(%problem, "the lease could not be renewed"),
                        }
                    } else if store.cancel_requested(self.lease.run).await.unwrap_or(false) {
                        return Err(Interruption::Stopped(Stop::Cancel));
                    }
                }
            }
        }
    }
}

impl<B> Drop for Engine<B> {
    fn drop(&mut self) {
        if let Some((_, task)) = self.ahead.take() {
            task.abort();
        }
    }
}
