//! What the simulated histories of `tests/sim` found, each told once more by itself.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use ringbook_core::clock::{Clock, after};
use ringbook_core::contact::{Contact, Content, Names, ResourceName};
use ringbook_core::sync::book::{Entry, FetchError, PageToken, SyncToken, Unreadable};
use ringbook_core::sync::run::{Batch, Deletions, Place, Remarks, RunEnd, Stop};
use ringbook_core::sync::schedule::FullReason;
use ringbook_core::sync::{
    AccountId, ChangeKind, Delay, FailureCode, Kind, Outcome, Phase, Trigger,
};
use ringbook_engine::engine::{Engine, EngineDeps, Finished};
use ringbook_engine::supervisor::{Launcher, Observer, Options, StartRequest, Supervisor};
use ringbook_runtime::SystemClock;
use ringbook_store::{
    Account, HistoryPlace, HistoryQuery, NewTokens, Request, Retention, RunRow, Settings, Slot,
    StartError, StartedRun, Store, WriteError,
};
use tokio::sync::watch;

use crate::support::book::{Act, Book};
use crate::support::both::on_both;
use crate::support::clock::ManualClock;
use crate::support::vault::vault;
use crate::support::world::{World, assert_books_balance, renewed_tokens};

fn request(account: AccountId, kind: Option<Kind>) -> Request {
    Request {
        account,
        kind,
        trigger: Trigger::Api,
        asked_by: None,
        slot: None,
        request: "request".to_owned(),
    }
}

fn name(number: usize) -> ResourceName {
    ResourceName::parse(&format!("people/c{number}")).unwrap()
}

/// A page of a full listing with these persons; `next` names the page after it.
fn page(numbers: std::ops::Range<usize>, first: bool, next: Option<&str>) -> Batch {
    let person = |number: usize| {
        Entry::Person(Box::new(Contact {
            resource_name: name(number),
            previous_names: Vec::new(),
            etag: None,
            edited_at: None,
            content: Content {
                names: Names { display: format!("Person {number}"), ..Names::default() },
                ..Content::default()
            },
        }))
    };
    Batch {
        entries: numbers.map(person).collect::<Vec<_>>().into(),
        place: Place::Listing { first, next: next.map(PageToken::new), total: None },
    }
}

fn complete(hold: bool, renamed: Vec<(ResourceName, ResourceName)>) -> RunEnd {
    RunEnd::Complete {
        token: SyncToken::new("token"),
        labels: None,
        identity: None,
        deletions: Deletions { hold, keep: Vec::new(), renamed },
        remarks: Remarks::default(),
    }
}

fn failed(code: FailureCode) -> RunEnd {
    RunEnd::Failed { code, message: "trouble".to_owned(), not_before: None }
}

const NORMAL: fn() -> Settings = Settings::default;

fn tools(store: &Store, book: Book) -> EngineDeps<Book> {
    EngineDeps {
        store: store.clone(),
        book: Arc::new(book),
        settings: NORMAL(),
        request: "request".to_owned(),
        chance: Box::new(|| 0),
        fetch_ahead: false,
    }
}

async fn begin(world: &World, kind: Option<Kind>) -> StartedRun {
    world.app.store.begin_run(&request(world.account, kind), &NORMAL()).await.unwrap()
}

async fn store_page(world: &World, it: &StartedRun, batch: &Batch) -> Option<u64> {
    let store = &world.app.store;
    let stored = store.commit_page(&it.lease, batch, &NORMAL(), "request", 1).await;
    stored.unwrap().1.total
}

async fn finish(world: &World, it: &StartedRun, kind: Kind, ending: &RunEnd) -> Outcome {
    let store = &world.app.store;
    store.finish(&it.lease, kind, ending, "request", 0, &NORMAL()).await.unwrap()
}

/// A mirror of thirty contacts.
async fn thirty(world: &World) {
    let first = begin(world, None).await;
    store_page(world, &first, &page(0..30, true, None)).await;
    finish(world, &first, Kind::Full, &complete(false, Vec::new())).await;
}

/// A full run that names only ten of them, and is held.
async fn held(world: &World) -> StartedRun {
    let run = begin(world, Some(Kind::Full)).await;
    store_page(world, &run, &page(0..10, true, None)).await;
    world.app.store.sweep(&run.lease, &NORMAL()).await.unwrap();
    let outcome = finish(world, &run, Kind::Full, &complete(true, Vec::new())).await;
    assert_eq!(outcome, Outcome::Held);
    run
}

on_both! {
    async fn a_new_consent_ends_the_run_that_goes_on_under_the_old_one(database) {
        let world = World::new(database, 0).await;
        let run = begin(&world, None).await;
        // From here on Google may answer for another person.
        world.connect().await;
        let store = &world.app.store;
        let late = store.commit_page(&run.lease, &page(0..3, true, None), &NORMAL(), "request", 1).await;
        assert!(matches!(late, Err(WriteError::LeaseLost)), "{late:?}");
        let row = store.run(run.lease.run).await.unwrap().unwrap();
        assert_eq!(row.outcome, Some(Outcome::Interrupted));
        assert!(row.error_message.unwrap().contains("connected"));
        begin(&world, None).await;
    }

    async fn a_run_condemns_only_the_tokens_with_which_it_began(database) {
        let world = World::new(database, 0).await;
        let store = &world.app.store;
        for renewed in [true, false] {
            let run = begin(&world, None).await;
            let grant = store.grant(world.account).await.unwrap().unwrap();
            if renewed {
                let fresh = renewed_tokens(&grant);
                assert!(store.save_tokens(world.account, grant.generation, &fresh).await.unwrap());
            }
            finish(&world, &run, Kind::Full, &failed(FailureCode::NeedsReauth)).await;
            assert_eq!(world.status().await.needs_reauth.is_none(), renewed);
        }
    }

    async fn a_full_sync_on_request_that_was_interrupted_goes_on_as_a_full_one(database) {
        let world = World::new(database, 0).await;
        thirty(&world).await;
        let store = &world.app.store;
        // Interrupted twice, and gone on with by whatever starts the next run.
        for trigger in [Trigger::Startup, Trigger::Schedule, Trigger::Api] {
            let first = begin(&world, Some(Kind::Full)).await;
            finish(&world, &first, Kind::Full, &RunEnd::Interrupted).await;
            let next = Request { trigger, ..request(world.account, None) };
            for ending in [RunEnd::Interrupted, complete(false, Vec::new())] {
                assert!(world.status().await.standing.full_interrupted);
                let run = store.begin_run(&next, &NORMAL()).await.unwrap();
                assert_eq!(run.orders.kind, Kind::Full, "{trigger:?}");
                assert_eq!(run.full_reason, Some(FullReason::FullInterrupted), "{trigger:?}");
                finish(&world, &run, Kind::Full, &ending).await;
            }
            assert!(!world.status().await.standing.full_interrupted);
            // Changes that were interrupted go on as changes; who asks for changes gets them.
            for asked in [None, Some(Kind::Incremental)] {
                let run = begin(&world, asked).await;
                assert_eq!(run.orders.kind, Kind::Incremental, "{trigger:?}");
                finish(&world, &run, Kind::Incremental, &RunEnd::Interrupted).await;
            }
            let run = begin(&world, None).await;
            finish(&world, &run, Kind::Incremental, &complete(false, Vec::new())).await;
        }
    }

    async fn only_refused_tokens_count_toward_the_day_after_which_a_person_is_asked(database) {
        let world = World::new(database, 0).await;
        let store = &world.app.store;
        let asked = request(world.account, Some(Kind::Full));
        let mut ended = Vec::new();
        for (code, first) in [
            (FailureCode::Unavailable, None),
            (FailureCode::Unauthorized, Some(1)),
            (FailureCode::NotPermitted, Some(1)),
            (FailureCode::Unauthorized, Some(1)),
            (FailureCode::Unavailable, None),
            (FailureCode::NotPermitted, None),
            (FailureCode::Unauthorized, Some(6)),
        ] {
            let run = begin(&world, Some(Kind::Full)).await;
            finish(&world, &run, Kind::Full, &failed(code)).await;
            ended.push(store.run(run.lease.run).await.unwrap().unwrap().ended_at);
            let next = store.begin_run(&asked, &NORMAL()).await.unwrap();
            let since = first.and_then(|at: usize| ended[at]);
            assert_eq!(next.orders.unauthorized_since, since, "{code:?} after {}", ended.len());
            finish(&world, &next, Kind::Full, &RunEnd::Interrupted).await;
        }
    }

    async fn a_due_time_is_void_when_another_run_came_between(database) {
        let world = World::new(database, 0).await;
        thirty(&world).await;
        let judged = world.status().await.latest_run.map(|it| it.id);
        let between = begin(&world, None).await;
        finish(&world, &between, Kind::Full, &RunEnd::Cancelled).await;
        // The process that judged was frozen meanwhile, and comes too late.
        let slot = Slot { at: world.app.store.clock().now(), after: judged };
        let late = Request { slot: Some(slot), ..request(world.account, None) };
        let refused = world.app.store.begin_run(&late, &NORMAL()).await;
        assert!(matches!(refused, Err(StartError::AlreadyServed)), "{refused:?}");
        let fresh = Slot { after: Some(between.lease.run), ..slot };
        let asked = Request { slot: Some(fresh), ..late };
        world.app.store.begin_run(&asked, &NORMAL()).await.unwrap();
    }

    async fn a_fresh_grant_is_not_blamed_for_the_death_of_the_old_one(database) {
        let world = World::new(database, 0).await;
        let run = begin(&world, None).await;
        world.connect().await;
        let dead = RunEnd::Failed {
            code: FailureCode::NeedsReauth,
            message: "the grant was revoked".to_owned(),
            not_before: None,
        };
        let late = world.app.store.finish(&run.lease, Kind::Full, &dead, "request", 0, &NORMAL()).await;
        assert!(matches!(late, Err(WriteError::LeaseLost)), "{late:?}");
        assert_eq!(world.status().await.needs_reauth, None);
    }

    async fn a_disconnection_ends_the_run_in_progress(database) {
        let world = World::new(database, 0).await;
        let run = begin(&world, None).await;
        assert!(world.app.store.disconnect(world.account).await.unwrap());
        let late = world.app.store
            .finish(&run.lease, Kind::Full, &complete(false, Vec::new()), "request", 0, &NORMAL()).await;
        assert!(matches!(late, Err(WriteError::LeaseLost)), "{late:?}");
        assert!(world.status().await.token.is_none(), "a token that nobody may use");
    }

    async fn contacts_that_became_part_of_others_count_for_the_guard(database) {
        let world = World::new(database, 0).await;
        thirty(&world).await;
        let run = begin(&world, Some(Kind::Full)).await;
        store_page(&world, &run, &page(0..10, true, None)).await;
        world.app.store.sweep(&run.lease, &NORMAL()).await.unwrap();
        // Google says of twenty that they are the first one now.
        let renamed = (10..30).map(|it| (name(it), name(0))).collect();
        let outcome = finish(&world, &run, Kind::Full, &complete(false, renamed)).await;
        assert_eq!(outcome, Outcome::Held);
        assert_eq!(world.status().await.counts.live, 30);
    }

    async fn a_token_that_is_refused_again_and_again_does_not_list_everything_each_second(database) {
        let world = World::new(database, 0).await;
        thirty(&world).await;
        assert!(world.status().await.standing.follow_up_at.is_some(), "changes made meanwhile");
        // The follow-up asks for changes; its token is refused, and it lists everything instead.
        let follow_up = begin(&world, Some(Kind::Incremental)).await;
        store_page(&world, &follow_up, &page(0..30, true, None)).await;
        finish(&world, &follow_up, Kind::Full, &complete(false, Vec::new())).await;
        assert_eq!(world.status().await.standing.follow_up_at, None);
    }

    async fn a_late_rejection_leaves_the_books_of_the_held_run_alone(database) {
        let world = World::new(database, 0).await;
        thirty(&world).await;
        let held = held(&world).await;
        let next = begin(&world, Some(Kind::Incremental)).await;
        let changes = Batch { place: Place::Changes { first: true }, ..page(40..41, true, None) };
        store_page(&world, &next, &changes).await;
        finish(&world, &next, Kind::Incremental, &RunEnd::Cancelled).await;
        world.app.store.reject(held.lease.run, "the test").await.unwrap();
        let row = world.app.store.run(held.lease.run).await.unwrap().unwrap();
        assert_eq!((row.outcome, row.after_live), (Some(Outcome::Rejected), Some(30)));
        assert_books_balance(&row);
    }

    async fn a_listing_that_newer_changes_have_overtaken_is_not_gone_on_with(database) {
        let world = World::new(database, 0).await;
        thirty(&world).await;
        let broken_off = begin(&world, Some(Kind::Full)).await;
        store_page(&world, &broken_off, &page(0..10, true, Some("p2"))).await;
        finish(&world, &broken_off, Kind::Full, &RunEnd::Interrupted).await;
        let changes = begin(&world, Some(Kind::Incremental)).await;
        finish(&world, &changes, Kind::Incremental, &complete(false, Vec::new())).await;
        let next = begin(&world, Some(Kind::Full)).await;
        assert_eq!(next.orders.resume, None, "its token would be older than the one we have");
    }

    async fn a_total_that_only_an_earlier_page_told_still_counts(database) {
        let world = World::new(database, 0).await;
        let first = begin(&world, None).await;
        let mut batch = page(0..3, true, Some("p2"));
        batch.place = Place::Listing { first: true, next: Some(PageToken::new("p2")), total: Some(5) };
        assert_eq!(store_page(&world, &first, &batch).await, Some(5));
        assert_eq!(store_page(&world, &first, &page(3..4, false, Some("p3"))).await, Some(5));
        finish(&world, &first, Kind::Full, &RunEnd::Interrupted).await;
        let next = begin(&world, None).await;
        assert_eq!(next.orders.resume, Some(PageToken::new("p3")));
        assert_eq!(store_page(&world, &next, &page(0..0, false, None)).await, Some(5));
    }

    async fn a_cancel_from_another_process_is_heard_between_two_quick_answers(database) {
        let world = World::new(database, 0).await;
        let first = begin(&world, None).await;
        store_page(&world, &first, &page(0..450, true, None)).await;
        finish(&world, &first, Kind::Full, &complete(false, Vec::new())).await;
        // Nobody is left at Google, so all are asked about, some at a time.
        let beginning = begin(&world, Some(Kind::Full)).await;
        let run = beginning.lease.run;
        let mut engine = Engine::new(tools(&world.app.store, Book::of(0)), beginning);
        let (_stop, mut stopped) = watch::channel(None);
        while world.app.store.run(run).await.unwrap().unwrap().phase != Phase::Verifying {
            assert_eq!(engine.step(&mut stopped).await, None);
        }
        let other = world.other_process().await;
        assert_eq!(other.store.request_cancel(world.account, "the test").await.unwrap(), Some(run));
        assert_eq!(engine.run(stopped).await, Finished::Ended(Outcome::Cancelled));
        assert_eq!(world.status().await.counts.live, 450);
    }

    async fn who_got_another_name_while_a_listing_was_interrupted_is_in_the_books_and_the_log(database) {
        let world = World::new(database, 0).await;
        thirty(&world).await;
        let broken_off = begin(&world, Some(Kind::Full)).await;
        store_page(&world, &broken_off, &page(30..31, true, Some("p2"))).await;
        finish(&world, &broken_off, Kind::Full, &RunEnd::Interrupted).await;
        let next = begin(&world, Some(Kind::Full)).await;
        assert_eq!(next.orders.resume, Some(PageToken::new("p2")));
        store_page(&world, &next, &page(0..29, false, None)).await;
        world.app.store.sweep(&next.lease, &NORMAL()).await.unwrap();
        let renamed = vec![(name(29), name(30))];
        finish(&world, &next, Kind::Full, &complete(false, renamed)).await;
        let row = world.app.store.run(next.lease.run).await.unwrap().unwrap();
        assert_books_balance(&row);
        assert_eq!((row.counts.updated, row.counts.deleted), (1, 1));
        assert_eq!((row.counts.listed, row.so_far()), (30, 30));
        let changes = world.app.store.changes(row.id, 0, 10).await.unwrap();
        let kinds: Vec<ChangeKind> = changes.iter().map(|it| it.kind).collect();
        assert_eq!(kinds, [ChangeKind::Deleted, ChangeKind::Updated]);
        assert_eq!(world.mirror().await.len(), 30);
    }

    async fn who_cannot_be_read_counts_once_however_often_it_is_listed(database) {
        let world = World::new(database, 0).await;
        let run = begin(&world, None).await;
        let unreadable = |name: Option<usize>, sent: &str| {
            let reason = "a field is not what it should be".to_owned();
            Entry::Unreadable(Unreadable::new(name.map(self::name), reason, sent))
        };
        let mut reports = Vec::new();
        // Google lists a page again; on it are one without a name, and one that the mirror does not have.
        for first in [true, false, false] {
            let entries = vec![unreadable(None, "{1}"), unreadable(Some(7), "{2}")].into();
            let place = Place::Listing { first, next: Some(PageToken::new("p")), total: Some(3) };
            let stored = world.app.store
                .commit_page(&run.lease, &Batch { entries, place }, &NORMAL(), "request", 1).await;
            let report = stored.unwrap().1;
            reports.push((report.seen, report.nameless, report.entries));
        }
        assert_eq!(reports, [(1, 2, 2); 3]);
    }

    async fn a_name_that_only_an_earlier_listing_had_does_not_count_as_listed(database) {
        let world = World::new(database, 0).await;
        thirty(&world).await;
        let run = begin(&world, Some(Kind::Full)).await;
        store_page(&world, &run, &page(0..10, true, None)).await;
        let (listed, before, never) = (name(3), name(20), name(99));
        let asked = [&listed, &before, &never];
        let found = world.app.store.listed_among(world.account, &asked).await.unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [listed]);
    }
}

const ACCOUNT: AccountId = AccountId(1);

/// A store of its own, with an account that is connected.
async fn office(clock: Arc<dyn Clock>) -> (Store, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store =
        Store::open_sqlite(&folder.path().join("ringbook.db"), clock, vault()).await.unwrap();
    let tokens = NewTokens {
        access_token: "access".to_owned().into(),
        expires_at: after(store.clock().now(), Duration::from_secs(3600)),
        refresh_token: None,
        refresh_expires_at: None,
        scopes: Vec::new(),
    };
    assert_eq!(store.connect(None, None, &tokens).await.unwrap(), ACCOUNT);
    (store, folder)
}

#[tokio::test]
async fn a_lease_of_a_wrong_clock_does_not_bar_the_account_until_that_day_comes() {
    let clock = Arc::new(ManualClock::at("2100-01-02T00:00:00Z"));
    let (store, folder) = office(clock.clone()).await;
    let run = store.begin_run(&request(ACCOUNT, None), &NORMAL()).await.unwrap();
    // The clock was a day ahead. The holder lives on elsewhere: nobody can see whether it does.
    clock.set("2100-01-01T00:00:00Z".parse().unwrap());
    let path = folder.path().join("ringbook.db");
    let other = Store::open_sqlite(&path, clock.clone(), vault()).await.unwrap();
    assert!(!other.is_leased(ACCOUNT).await.unwrap());
    other.begin_run(&request(ACCOUNT, None), &NORMAL()).await.unwrap();
    let late = store.renew(&run.lease, &NORMAL()).await;
    assert!(matches!(late, Err(WriteError::LeaseLost)), "{late:?}");
}

#[tokio::test]
async fn a_holder_whose_clock_is_set_right_keeps_its_lease_by_renewing_it() {
    let clock = Arc::new(ManualClock::at("2100-01-02T00:00:00Z"));
    let (store, folder) = office(clock.clone()).await;
    let run = store.begin_run(&request(ACCOUNT, None), &NORMAL()).await.unwrap();
    clock.set("2100-01-01T00:00:00Z".parse().unwrap());
    store.renew(&run.lease, &NORMAL()).await.unwrap();
    let path = folder.path().join("ringbook.db");
    let other = Store::open_sqlite(&path, clock.clone(), vault()).await.unwrap();
    assert!(other.is_leased(ACCOUNT).await.unwrap());
    assert!(other.begin_run(&request(ACCOUNT, None), &NORMAL()).await.is_err());
}

#[tokio::test]
async fn statistics_can_be_read_when_a_run_ended_before_it_began() {
    let clock = Arc::new(ManualClock::at("2100-01-02T00:00:00Z"));
    let (store, _folder) = office(clock.clone()).await;
    let run = store.begin_run(&request(ACCOUNT, None), &NORMAL()).await.unwrap();
    clock.set("2100-01-01T00:00:00Z".parse().unwrap());
    let ending = complete(false, Vec::new());
    store.finish(&run.lease, Kind::Full, &ending, "request", 0, &NORMAL()).await.unwrap();
    assert_eq!(store.run_sums().await.unwrap().took, Duration::ZERO);
}

#[tokio::test]
async fn a_follow_up_that_comes_days_late_renews_the_token_that_is_about_to_die() {
    let clock = Arc::new(ManualClock::at("2100-01-01T00:00:00Z"));
    let (store, _folder) = office(clock.clone()).await;
    let run = store.begin_run(&request(ACCOUNT, None), &NORMAL()).await.unwrap();
    let ending = complete(false, Vec::new());
    store.finish(&run.lease, Kind::Full, &ending, "request", 0, &NORMAL()).await.unwrap();
    clock.advance(Duration::from_secs(6 * 86_400));
    let person = request(ACCOUNT, Some(Kind::Incremental));
    let orders = store.preview_orders(ACCOUNT, person.kind, &person.request, &NORMAL()).await;
    assert_eq!(orders.unwrap().kind, Kind::Incremental, "a person gets what was asked for");
    let due = Request { trigger: Trigger::Schedule, ..person };
    let late = store.begin_run(&due, &NORMAL()).await.unwrap();
    assert_eq!(late.orders.kind, Kind::Full);
}

/// A clock that can be set, and notes the longest wait that anybody wanted.
struct Alarm {
    now: AtomicI64,
    longest: AtomicI64,
}

impl Clock for Alarm {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.now.load(Ordering::Relaxed)).unwrap()
    }

    fn sleep_until(&self, until: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let wait = until.as_microsecond() - self.now.load(Ordering::Relaxed);
        self.longest.fetch_max(wait, Ordering::Relaxed);
        self.now.fetch_add(wait.max(0), Ordering::Relaxed);
        Box::pin(async {})
    }
}

#[tokio::test]
async fn no_wait_grows_because_the_clock_was_set_back_before_it_began() {
    let begin = SystemClock.now().as_microsecond();
    let clock = Arc::new(Alarm { now: AtomicI64::new(begin), longest: AtomicI64::new(0) });
    let (store, _folder) = office(clock.clone()).await;
    let beginning = store.begin_run(&request(ACCOUNT, None), &NORMAL()).await.unwrap();
    let book = Book::of(3);
    book.at(
        3,
        Act::Fail(FetchError::Again {
            delay: Delay::ServerError,
            retry_after: None,
            message: "not now".to_owned(),
        }),
    );
    let set = clock.clone();
    let tools = EngineDeps {
        // Asked for right after each decision, and so before each wait.
        chance: Box::new(move || {
            set.now.fetch_sub(3_600_000_000, Ordering::Relaxed);
            0
        }),
        ..tools(&store, book)
    };
    let (_stop, stopped) = watch::channel(None);
    let finished = Engine::new(tools, beginning).run(stopped).await;
    assert_eq!(finished, Finished::Ended(Outcome::Succeeded));
    let longest = Duration::from_micros(clock.longest.load(Ordering::Relaxed).unsigned_abs());
    assert!(longest >= Duration::from_secs(1) && longest < Duration::from_secs(10), "{longest:?}");
}

/// Finds the database broken at the end of each run.
struct Unlucky;

impl Launcher for Unlucky {
    fn launch(
        &self,
        _: StartedRun,
        _: watch::Receiver<Option<Stop>>,
    ) -> BoxFuture<'static, Finished> {
        Box::pin(async { Finished::StorageFailed("the disk is full".to_owned()) })
    }
}

impl Observer for Unlucky {
    fn run_ended(&self, _: &Account, _: &RunRow) {}

    fn silent(&self, _: &Account, _: Timestamp) {}
}

#[tokio::test]
async fn a_run_that_could_not_be_closed_is_in_nobodys_way() {
    let (store, _folder) = office(Arc::new(SystemClock)).await;
    let options = Options {
        settings: NORMAL(),
        request: "request".to_owned(),
        default_plan: None,
        zone: "UTC".to_owned(),
        retention: Retention::default(),
        alert_after: Duration::from_secs(86_400),
    };
    let supervisor = Supervisor::new(store.clone(), Arc::new(Unlucky), Arc::new(Unlucky), options);
    let wish = StartRequest { account: ACCOUNT, kind: None, trigger: Trigger::Api, asked_by: None };
    let first = supervisor.start(&wish).await.unwrap();
    let run = first.run;
    first.finished().await;
    // Its lease has ten seconds to run, and this process lives.
    assert!(!store.is_leased(ACCOUNT).await.unwrap());
    assert_eq!(supervisor.cancel(ACCOUNT, "the test").await.unwrap(), None, "nothing runs");
    supervisor.start(&wish).await.unwrap().finished().await;
    let row = store.run(run).await.unwrap().unwrap();
    assert_eq!(row.outcome, Some(Outcome::Interrupted));
}

#[tokio::test]
async fn merges_do_not_pass_the_guard_because_the_clock_was_set_back_since() {
    let clock = Arc::new(ManualClock::at("2100-01-02T00:00:00Z"));
    let (store, _folder) = office(clock.clone()).await;
    let full = async |numbers, renamed: Vec<(ResourceName, ResourceName)>| {
        let asked = request(ACCOUNT, Some(Kind::Full));
        let run = store.begin_run(&asked, &NORMAL()).await.unwrap();
        let page = page(numbers, true, None);
        store.commit_page(&run.lease, &page, &NORMAL(), "request", 1).await.unwrap();
        store.sweep(&run.lease, &NORMAL()).await.unwrap();
        let ending = complete(false, renamed);
        store.finish(&run.lease, Kind::Full, &ending, "request", 0, &NORMAL()).await.unwrap()
    };
    assert_eq!(full(0..30, Vec::new()).await, Outcome::Succeeded);
    // The contacts came in under a clock that was a day ahead. Google then made thirty persons fifteen.
    clock.set("2100-01-01T00:00:00Z".parse().unwrap());
    let merged = (15..30).map(|number| (name(number), name(number - 15))).collect();
    assert_eq!(full(0..15, merged).await, Outcome::Held);
}

#[tokio::test]
async fn a_clock_that_was_ahead_leaves_no_run_on_top_of_the_history_and_makes_nothing_old() {
    let year = Duration::from_secs(366 * 86_400);
    let begin: Timestamp = "2100-01-01T00:00:00Z".parse().unwrap();
    let clock = Arc::new(ManualClock::at("2100-01-01T00:00:00Z"));
    let (store, _folder) = office(clock.clone()).await;
    let run = async || {
        let asked = request(ACCOUNT, Some(Kind::Full));
        let run = store.begin_run(&asked, &NORMAL()).await.unwrap();
        let page = page(0..3, true, None);
        store.commit_page(&run.lease, &page, &NORMAL(), "request", 1).await.unwrap();
        store.sweep(&run.lease, &NORMAL()).await.unwrap();
        let ending = complete(false, Vec::new());
        store.finish(&run.lease, Kind::Full, &ending, "request", 0, &NORMAL()).await.unwrap();
        clock.advance(Duration::from_secs(60));
        run.lease.run
    };
    assert_eq!(store.retention_lag().await.unwrap(), Duration::ZERO);
    let mut runs = vec![run().await, run().await];
    clock.set(after(begin, year));
    let ahead = run().await;
    let lag = store.retention_lag().await.unwrap();
    assert!(lag > Duration::from_secs(365 * 86_400), "{lag:?}");
    // What is half a year old by such a clock is young.
    let retention = Retention::default().later_by(lag);
    assert_eq!(store.prune(ACCOUNT, &retention).await.unwrap().runs, 0);
    clock.set(after(begin, Duration::from_secs(600)));
    runs.push(run().await);
    assert_eq!(store.retention_lag().await.unwrap(), Duration::ZERO);

    // Newest first, and what nobody knows the time of last; the same whichever way it is paged through.
    let mut expected: Vec<_> = runs.iter().rev().copied().collect();
    expected.push(ahead);
    let query = |from, limit| HistoryQuery { from, limit, ..HistoryQuery::default() };
    let all = store.history(&query(HistoryPlace::Newest, 10)).await.unwrap();
    assert_eq!(all.iter().map(|it| it.id).collect::<Vec<_>>(), expected);
    let mut older = Vec::new();
    let mut from = HistoryPlace::Newest;
    while let Some(row) = store.history(&query(from, 1)).await.unwrap().pop() {
        from = HistoryPlace::Before(row.started_at, row.id);
        older.push(row);
    }
    assert_eq!(older.iter().map(|it| it.id).collect::<Vec<_>>(), expected);
    let last = older.last().unwrap();
    let newer = HistoryPlace::After(last.started_at, last.id);
    let newer = store.history(&query(newer, 10)).await.unwrap();
    assert_eq!(newer.iter().map(|it| it.id).collect::<Vec<_>>(), expected[..3]);
}
