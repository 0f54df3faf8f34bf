//! A process of the simulated installation: the real store, supervisor and engine, on a clock and a
//! network that the history moves.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use ringbook_core::sync::backoff::RetryPolicy;
use ringbook_core::sync::guard::Guard;
use ringbook_core::sync::run::{Policy, Stop};
use ringbook_core::sync::schedule::{Cadence, Plan};
use ringbook_engine::engine::{Engine, EngineDeps, Finished};
use ringbook_engine::supervisor::{Launcher, Observer, Options, Supervisor};
use ringbook_store::{Account, Retention, RunRow, Settings, StartedRun, Store};
use tokio::sync::watch;

use crate::chance::mix;
use crate::check::LEASE;
use crate::life::{Body, Life, Stepped};
use crate::table::{SimBook, SimClock, Table};

/// What a process is started with.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) page_size: u16,
    pub(crate) pause: bool,
    pub(crate) minutes: Option<i64>,
    pub(crate) full_after_days: u32,
    pub(crate) guard: Guard,
    pub(crate) keep_runs: u64,
    pub(crate) tombstone_hours: u64,
    pub(crate) fetch_ahead: bool,
}

impl Setup {
    pub(crate) fn options(&self) -> Options {
        let policy = Policy {
            page_size: self.page_size,
            pause: if self.pause { Duration::from_secs(2) } else { Duration::ZERO },
            retry: RetryPolicy {
                base: Duration::from_secs(1),
                rate_limit: Duration::from_secs(5),
                attempts_max: 4,
                waits_max: Duration::from_secs(60),
            },
            guard: self.guard,
        };
        let plan = self.minutes.and_then(|it| Cadence::every(it).ok());
        Options {
            settings: Settings {
                lease: Duration::from_micros(LEASE.unsigned_abs()),
                full_after: Duration::from_secs(u64::from(self.full_after_days) * 86_400),
                policy,
            },
            request: format!("size={}", self.page_size),
            default_plan: plan.map(|cadence| Plan { cadence, paused: false }),
            zone: "Europe/Berlin".to_owned(),
            retention: self.retention(),
            alert_after: Duration::from_secs(86_400),
        }
    }

    pub(crate) fn retention(&self) -> Retention {
        Retention {
            runs: self.keep_runs,
            age: Duration::from_secs(180 * 86_400),
            tombstones: Duration::from_secs(self.tombstone_hours * 3600),
        }
    }
}

pub(crate) struct Process {
    pub(crate) number: u32,
    /// Which of the prepared connections it uses.
    pub(crate) slot: usize,
    pub(crate) store: Store,
    pub(crate) supervisor: Supervisor,
    pub(crate) body: Arc<Body>,
    pub(crate) wrong_by: Arc<AtomicI64>,
}

impl Process {
    pub(crate) fn start(
        number: u32,
        slot: usize,
        connections: &Store,
        setup: &Setup,
        table: &Table,
    ) -> Process {
        let wrong_by = Arc::new(AtomicI64::new(0));
        let clock = SimClock { table: table.clone(), wrong_by: wrong_by.clone() };
        let store = connections.for_new_process(Arc::new(clock));
        let body = Body::new();
        let launcher = SimLauncher {
            store: store.clone(),
            table: table.clone(),
            number,
            body: body.clone(),
            options: setup.options(),
            fetch_ahead: setup.fetch_ahead,
        };
        let observer = SimObserver { table: table.clone() };
        let supervisor =
            Supervisor::new(store.clone(), Arc::new(launcher), Arc::new(observer), setup.options());
        Process { number, slot, store, supervisor, body, wrong_by }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.body.life() == Life::Running
    }

    /// Begins something that this process does.
    pub(crate) fn spawn(&self, table: &Table, work: BoxFuture<'static, ()>) {
        tokio::spawn(Stepped::new(table, self.number, &self.body, None, work));
    }
}

struct SimLauncher {
    store: Store,
    table: Table,
    number: u32,
    body: Arc<Body>,
    options: Options,
    fetch_ahead: bool,
}

impl Launcher for SimLauncher {
    fn launch(
        &self,
        beginning: StartedRun,
        stop: watch::Receiver<Option<Stop>>,
    ) -> BoxFuture<'static, Finished> {
        let run = beginning.lease.run;
        {
            let mut table = self.table.lock();
            let (kind, resumed) = (beginning.orders.kind, beginning.orders.resume.is_some());
            let (number, fence) = (self.number, run.fence());
            table.say(|| {
                let resumed = if resumed { ", going on" } else { "" };
                format!("p{number} begins run {fence}, {kind}{resumed}")
            });
            let holder = table.watcher.as_ref().and_then(|it| it.holder().0);
            table.owners.extend(holder.map(|name| (name, number)));
            if let Some(watcher) = &mut table.watcher {
                watcher.laws.guard_is(run, self.options.settings.policy.guard);
            }
        }
        let mut bits = mix(run.0 as u64);
        let tools = EngineDeps {
            store: self.store.clone(),
            book: Arc::new(SimBook { table: self.table.clone(), process: self.number, run }),
            settings: self.options.settings,
            request: self.options.request.clone(),
            chance: Box::new(move || {
                bits = mix(bits);
                bits
            }),
            fetch_ahead: self.fetch_ahead,
        };
        let (table, number) = (self.table.clone(), self.number);
        let work = async move {
            let finished = Engine::new(tools, beginning).run(stop).await;
            table.say(|| format!("p{number} is done with run {}: {finished:?}", run.fence()));
            if matches!(finished, Finished::StorageFailed(_)) {
                table.lock().abandoned = Some(run);
            }
            finished
        };
        Box::pin(Stepped::new(&self.table, self.number, &self.body, Some(run), Box::pin(work)))
    }
}

struct SimObserver {
    table: Table,
}

impl Observer for SimObserver {
    fn run_ended(&self, _: &Account, _: &RunRow) {
        self.table.lock().touch();
    }

    fn silent(&self, _: &Account, _: Timestamp) {}
}
