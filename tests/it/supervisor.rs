//! Starting runs by the clock: never twice, never for ever, and not behind anybody's back.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use ringbook_core::clock::{Clock, between};
use ringbook_core::sync::book::SyncToken;
use ringbook_core::sync::run::{Deletions, Remarks, RunEnd, Stop};
use ringbook_core::sync::schedule::{Cadence, Plan};
use ringbook_core::sync::{AccountId, FailureCode, Kind, Outcome, RunId, Trigger};
use ringbook_engine::engine::Finished;
use ringbook_engine::supervisor::{Launcher, Observer, Options, StartRequest, Supervisor};
use ringbook_store::{
    Account, NewTokens, Retention, RunRow, ScheduleRow, Settings, StartedRun, Store,
};
use tokio::sync::watch;

use crate::support::PATIENCE;
use crate::support::clock::ManualClock;
use crate::support::vault::vault;

/// Ends each run at once, in the way the test wants, or not at all.
struct Scripted {
    store: Store,
    settings: Settings,
    fails: Arc<Mutex<bool>>,
    hangs: Arc<Mutex<bool>>,
}

impl Launcher for Scripted {
    fn launch(
        &self,
        beginning: StartedRun,
        _: watch::Receiver<Option<Stop>>,
    ) -> BoxFuture<'static, Finished> {
        let (store, settings) = (self.store.clone(), self.settings);
        let fails = *self.fails.lock().unwrap();
        if *self.hangs.lock().unwrap() {
            return Box::pin(std::future::pending());
        }
        Box::pin(async move {
            let ending = if fails {
                RunEnd::Failed {
                    code: FailureCode::Unavailable,
                    message: "Google is away".to_owned(),
                    not_before: None,
                }
            } else {
                RunEnd::Complete {
                    token: SyncToken::new("token"),
                    labels: None,
                    identity: None,
                    deletions: Deletions { hold: false, keep: Vec::new(), renamed: Vec::new() },
                    remarks: Remarks::default(),
                }
            };
            let kind = beginning.orders.kind;
            let outcome =
                store.finish(&beginning.lease, kind, &ending, "request", 0, &settings).await;
            Finished::Ended(outcome.unwrap())
        })
    }
}

#[derive(Default)]
struct Watcher {
    alarms: AtomicUsize,
}

impl Observer for Watcher {
    fn run_ended(&self, _: &Account, _: &RunRow) {}

    fn silent(&self, _: &Account, _: Timestamp) {
        self.alarms.fetch_add(1, Ordering::SeqCst);
    }
}

struct Office {
    clock: Arc<ManualClock>,
    supervisors: Vec<Supervisor>,
    watcher: Arc<Watcher>,
    fails: Arc<Mutex<bool>>,
    hangs: Arc<Mutex<bool>>,
    _folder: tempfile::TempDir,
}

const ACCOUNT: AccountId = AccountId(1);

impl Office {
    /// Two processes on one database with a schedule of an hour.
    async fn new() -> Office {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at("2026-03-01T00:00:00Z"));
        let watcher = Arc::new(Watcher::default());
        let (fails, hangs) = (Arc::default(), Arc::default());
        let mut supervisors = Vec::new();
        for _ in 0..2 {
            let path = folder.path().join("ringbook.db");
            let store = Store::open_sqlite(&path, clock.clone(), vault()).await.unwrap();
            let options = Options {
                settings: Settings::default(),
                request: "request".to_owned(),
                default_plan: Some(Plan { cadence: Cadence::every(60).unwrap(), paused: false }),
                zone: "UTC".to_owned(),
                retention: Retention::default(),
                alert_after: Duration::from_secs(24 * 3600),
            };
            let launcher = Arc::new(Scripted {
                store: store.clone(),
                settings: options.settings,
                fails: Arc::clone(&fails),
                hangs: Arc::clone(&hangs),
            });
            supervisors.push(Supervisor::new(store, launcher, watcher.clone(), options));
        }
        let office = Office { clock, supervisors, watcher, fails, hangs, _folder: folder };
        let tokens = NewTokens {
            access_token: "access".to_owned().into(),
            expires_at: office.clock.now(),
            refresh_token: None,
            refresh_expires_at: None,
            scopes: Vec::new(),
        };
        office.store().connect(None, None, &tokens).await.unwrap();
        office
    }

    fn store(&self) -> &Store {
        self.supervisors[0].store()
    }

    /// Both processes look at the same moment; whatever they start comes to its end.
    async fn look(&self) {
        let (one, two) = tokio::join!(self.supervisors[0].look(), self.supervisors[1].look());
        one.unwrap();
        two.unwrap();
        for supervisor in &self.supervisors {
            while !supervisor.is_idle() {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Looks every minute for so long. Returns the runs that were started.
    async fn watch(&self, minutes: u32) -> Vec<RunRow> {
        let known: BTreeSet<RunId> = self.runs().await.iter().map(|run| run.id).collect();
        for _ in 0..minutes {
            self.look().await;
            self.clock.advance(Duration::from_secs(60));
        }
        let mut runs = self.runs().await;
        runs.retain(|run| !known.contains(&run.id));
        runs.sort_by_key(|run| run.id);
        runs
    }

    async fn runs(&self) -> Vec<RunRow> {
        let query = ringbook_store::HistoryQuery { limit: 1000, ..Default::default() };
        self.store().history(&query).await.unwrap()
    }

    async fn account(&self) -> Account {
        self.store().account(ACCOUNT).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn two_processes_start_one_run_for_each_due_time() {
    let office = Office::new().await;
    let runs = office.watch(6 * 60).await;
    // The first sync, its follow-up, and one an hour.
    let kinds: Vec<Kind> = runs.iter().map(|run| run.kind).collect();
    assert_eq!(kinds[..2], [Kind::Full, Kind::Incremental]);
    assert_eq!(runs.len(), 2 + 6, "{runs:#?}");
    assert!(runs.iter().all(|run| run.outcome == Some(Outcome::Succeeded)));
}

#[tokio::test]
async fn after_a_weekend_asleep_one_run_makes_good_for_all() {
    let office = Office::new().await;
    office.watch(5).await;
    office.clock.advance(Duration::from_secs(60 * 3600));
    let runs = office.watch(10).await;
    assert_eq!(runs.len(), 1, "{runs:#?}");
}

#[tokio::test]
async fn the_full_sync_is_renewed_by_itself_before_googles_seven_days() {
    let office = Office::new().await;
    let mut last = office.clock.now();
    let mut renewals = 0;
    for run in office.watch(20 * 24 * 60).await.iter().filter(|run| run.kind == Kind::Full).skip(1)
    {
        let age = between(last, run.started_at);
        assert!(age < Duration::from_secs(6 * 86400), "{age:?}");
        assert!(age >= Duration::from_secs(5 * 86400), "{age:?}");
        last = run.started_at;
        renewals += 1;
    }
    assert!((3..=4).contains(&renewals), "{renewals}");
}

#[tokio::test]
async fn failures_are_retried_ever_more_slowly_and_silence_alarms_once() {
    let office = Office::new().await;
    office.watch(5).await;
    *office.fails.lock().unwrap() = true;
    let runs = office.watch(30 * 60).await;
    assert!(runs.len() < 40, "{} runs in thirty hours", runs.len());
    assert_eq!(office.watcher.alarms.load(Ordering::SeqCst), 1, "one alarm for one silence");
    assert!(office.account().await.failing_since.is_some());
    *office.fails.lock().unwrap() = false;
    office.watch(130).await;
    assert!(office.account().await.failing_since.is_none());
    *office.fails.lock().unwrap() = true;
    office.watch(30 * 60).await;
    assert_eq!(office.watcher.alarms.load(Ordering::SeqCst), 2, "a new silence is a new alarm");
}

#[tokio::test]
async fn after_a_weekend_off_silence_is_judged_after_the_first_attempt() {
    let weekend = Duration::from_secs(60 * 3600);
    let alarms = |office: &Office| office.watcher.alarms.load(Ordering::SeqCst);
    let office = Office::new().await;
    office.watch(5).await;
    office.clock.advance(weekend);
    office.look().await;
    office.watch(60).await;
    assert_eq!(alarms(&office), 0, "the first attempt succeeded");
    *office.fails.lock().unwrap() = true;
    office.clock.advance(weekend);
    office.look().await;
    assert_eq!(alarms(&office), 0, "the first attempt has just begun");
    office.watch(2).await;
    assert_eq!(alarms(&office), 1, "the first attempt failed");
    // The same where the process was started after the weekend.
    let started = Supervisor::new(
        office.store().clone(),
        Arc::new(Scripted {
            store: office.store().clone(),
            settings: Settings::default(),
            fails: Arc::clone(&office.fails),
            hangs: Arc::clone(&office.hangs),
        }),
        office.watcher.clone(),
        office.supervisors[0].options().clone(),
    );
    *office.fails.lock().unwrap() = false;
    office.watch(130).await;
    office.clock.advance(weekend);
    started.look().await.unwrap();
    assert_eq!(alarms(&office), 1, "nothing was tried yet");
}

#[tokio::test]
async fn a_paused_account_is_left_alone_and_a_schedule_of_its_own_is_kept() {
    let office = Office::new().await;
    office.watch(5).await;
    let paused = ScheduleRow { paused: true, ..ScheduleRow::default() };
    office.store().set_schedule(ACCOUNT, &paused).await.unwrap();
    assert!(office.watch(180).await.is_empty());
    let own = ScheduleRow {
        cron: Some("0 */2 * * *".to_owned()),
        zone: Some("Europe/Berlin".to_owned()),
        ..ScheduleRow::default()
    };
    office.store().set_schedule(ACCOUNT, &own).await.unwrap();
    let runs = office.watch(12 * 60).await;
    assert!((6..=7).contains(&runs.len()), "{}", runs.len());
}

#[tokio::test]
async fn a_clock_set_back_by_a_year_does_not_stop_the_schedule() {
    let office = Office::new().await;
    office.clock.set("2027-03-01T00:00:00Z".parse().unwrap());
    office.watch(61).await;
    office.clock.set("2026-03-01T00:00:00Z".parse().unwrap());
    assert!(!office.watch(70).await.is_empty());
}

#[tokio::test]
async fn a_wish_waits_ten_seconds_for_a_follow_up_by_the_clock_that_all_go_by() {
    let office = Office::new().await;
    let supervisor = &office.supervisors[0];
    let wish = StartRequest { account: ACCOUNT, kind: None, trigger: Trigger::Api, asked_by: None };
    supervisor.start(&wish).await.unwrap().finished().await;
    office.clock.advance(Duration::from_secs(2));
    *office.hangs.lock().unwrap() = true;
    supervisor.look().await.unwrap();
    assert!(!supervisor.is_idle(), "the follow-up of the full sync");
    let asked_at = office.clock.now();
    // By then the follow-up, which does nothing any more, has lost its lease.
    supervisor.start(&wish).await.unwrap();
    assert_eq!(between(asked_at, office.clock.now()), Duration::from_secs(10));
}

#[tokio::test]
async fn after_shutting_down_nothing_starts() {
    let office = Office::new().await;
    assert!(office.supervisors[0].shut_down(PATIENCE).await);
    let wish = StartRequest { account: ACCOUNT, kind: None, trigger: Trigger::Api, asked_by: None };
    let refused = office.supervisors[0].start(&wish).await.unwrap_err();
    assert_eq!(refused.to_string(), "this server is shutting down");
}
