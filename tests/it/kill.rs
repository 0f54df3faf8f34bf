//! Real servers, killed and frozen at random instants of real syncs. Whatever they leave behind, the
//! others go on in time, and nothing is written by one that should be dead.
//!
//! `crash.rs` tries every step of the engine. This tries what no step shows: the kernel, the database
//! files, the process's start, and a second and a third process that do not wait for their cue.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::StatusCode;
use ringbook_app::config::DatabaseUrl;
use ringbook_core::clock::{Clock, after, between};
use ringbook_core::sync::{Outcome, RunId};
use ringbook_runtime::SystemClock;
use ringbook_simulator::{Action, Endpoint, Fault};
use ringbook_store::{HistoryQuery, RunRow};
use secrecy::ExposeSecret;

use crate::support::chance::Chance;
use crate::support::program::{Program, free_port};
use crate::support::world::{Database, World, assert_books_balance};
use crate::support::{PATIENCE, TRIES, long};

/// In how much time a new run can start after a process of the same machine was killed.
const KILLED: Duration = Duration::from_secs(2);
/// What a take-over may take on top of the lease, when the holder is only silent.
const MARGIN: Duration = Duration::from_secs(2);
/// After this PostgreSQL ends a transaction whose client says nothing.
const IDLE_IN_TRANSACTION: Duration = Duration::from_secs(5);

/// About how many requests an incremental sync makes.
const FEW: usize = 5;

/// Several servers on one database, in front of one simulated Google.
struct Fleet {
    world: World,
    servers: Vec<Server>,
    lease: Duration,
    chance: Chance,
    client: reqwest::Client,
    totals: Totals,
}

struct Server {
    program: Program,
    url: String,
}

#[derive(Debug, Default)]
struct Totals {
    kills: usize,
    pauses: usize,
    /// Pauses in the middle of a writing transaction.
    inside: usize,
    cancels: usize,
    slowest_after_kill: Duration,
    slowest_after_pause: Duration,
    /// What the victim's run was at.
    phases: BTreeMap<String, usize>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Blow {
    Kill,
    /// Seen from outside, the process may as well be on a machine that lost its network.
    Pause,
}

/// When servers sync.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Plan {
    /// Also on their own: at the start, and to go on with what was interrupted.
    ByThemselves,
    WhenAsked,
}

impl Fleet {
    async fn new(database: Database, size: usize, lease: u64, plan: Plan, seed: u64) -> Fleet {
        let lease_seconds = lease.to_string();
        let world = World::with(
            database,
            80,
            &[
                ("LEASE_SECONDS", &lease_seconds),
                // Many pages, so that there are many instants.
                ("SYNC_BATCH_SIZE", "5"),
                (
                    "SYNC_SCHEDULER_ENABLED",
                    if plan == Plan::ByThemselves { "true" } else { "false" },
                ),
                ("SYNC_INTERVAL_MINUTES", "5"),
                // Holding a run back is another story.
                ("SYNC_GUARD_CONTACTS", "1000000"),
            ],
        )
        .await;
        let mut fleet = Fleet {
            world,
            servers: Vec::new(),
            lease: Duration::from_secs(lease),
            chance: Chance::new(seed),
            client: reqwest::Client::builder().timeout(PATIENCE).build().unwrap(),
            totals: Totals::default(),
        };
        for _ in 0..size {
            let server = fleet.serve().await;
            fleet.servers.push(server);
        }
        fleet
    }

    fn launch(&self) -> Server {
        let port = free_port();
        let args = ["serve", "--port", &port];
        let program = Program::start(self.world.folder.path(), &self.world.settings, &args);
        Server { program, url: format!("http://127.0.0.1:{port}") }
    }

    async fn serve(&self) -> Server {
        let mut server = self.launch();
        server.program.says("Ringbook is at").await;
        server
    }

    async fn post(&self, server: usize, path: &str) -> StatusCode {
        let url = format!("{}{path}", self.servers[server].url);
        let request = self.client.post(url).header("prefer", "respond-async");
        request.send().await.unwrap().status()
    }

    async fn open_run(&self) -> Option<RunRow> {
        self.world.app.store.open_runs().await.unwrap().into_iter().next()
    }

    async fn run(&self, id: RunId) -> RunRow {
        self.world.app.store.run(id).await.unwrap().unwrap()
    }

    fn is_of(&self, run: &RunRow, server: usize) -> bool {
        run.holder.ends_with(&format!("(process {})", self.servers[server].program.child.id()))
    }

    /// Life goes on at Google.
    fn live(&mut self) {
        let google = &self.world.google;
        google.change_at_random(1 + self.chance.below(15));
        google.delete_many(1);
        if google.contact_count() < 60 {
            google.generate(30);
        }
        if self.chance.one_in(5) {
            google.expire_sync_tokens();
        }
        if self.chance.one_in(5) {
            google.touch_all();
        }
        let latency_ms = self.chance.below(12) as u64;
        google.change_settings(|it| it.latency_ms = latency_ms);
    }

    fn requests(&self) -> u64 {
        self.world.google.counters().values().map(|it| it.requests).sum()
    }

    /// Waits until Google was asked a certain number of times, or about contacts that a listing did not
    /// name, which is the last question of a run; or until the sync is over.
    async fn instant(&mut self, requests_max: usize) {
        let wanted = self.requests() + self.chance.below(requests_max) as u64;
        let asked = self.world.google.counted(Endpoint::BatchGet).requests;
        let last = requests_max > FEW && self.chance.one_in(4);
        let end_at = after(SystemClock.now(), Duration::from_secs(3));
        while SystemClock.now() < end_at && self.open_run().await.is_some() {
            let come = match last {
                true => self.world.google.counted(Endpoint::BatchGet).requests > asked,
                false => self.requests() >= wanted,
            };
            if come {
                break;
            }
            nap(Duration::from_millis(1)).await;
        }
        let jitter = if last { 4_000 } else { 10_000 };
        nap(Duration::from_micros(self.chance.below(jitter) as u64)).await;
    }

    /// Starts a sync there, after whatever is in progress. Returns about how many requests it makes.
    async fn start(&mut self, server: usize) -> usize {
        let (path, requests) =
            if self.chance.one_in(4) { ("/api/sync", FEW) } else { ("/api/sync/full", 20) };
        loop {
            match self.post(server, path).await {
                // It may be over already.
                StatusCode::ACCEPTED | StatusCode::OK => return requests,
                StatusCode::CONFLICT => self.end_of_run().await,
                other => panic!("{other}"),
            }
        }
    }

    /// Asks others than the victim until one of them is at work. Returns how long it took. Nobody who asks
    /// after the limit may be refused; how long an answer takes on a busy machine does not count.
    async fn take_over(&mut self, victim: usize, since: Timestamp, limit: Duration) -> Duration {
        let mut others: Vec<usize> = (0..self.servers.len()).collect();
        others.retain(|it| *it != victim);
        loop {
            let other = others[self.chance.below(others.len())];
            let asked = between(since, SystemClock.now());
            let status = self.post(other, "/api/sync").await;
            let took = between(since, SystemClock.now());
            let at_work = match status {
                StatusCode::ACCEPTED | StatusCode::OK => true,
                // A survivor may have been faster by itself.
                StatusCode::CONFLICT => {
                    self.open_run().await.is_some_and(|run| !self.is_of(&run, victim))
                }
                other => panic!("{other} after {took:?}: {:?}", self.open_run().await),
            };
            if at_work {
                return took;
            }
            if asked >= limit {
                // What a request takes that needs no database, on this machine and now.
                let usual = self.ask(other, "/health/live").await;
                assert!(asked < limit + usual * 10, "refused after {asked:?} of {limit:?}");
            }
            nap(Duration::from_millis(20)).await;
        }
    }

    async fn round(&mut self, blow: Blow) {
        self.live();
        let victim = self.chance.below(self.servers.len());
        if blow == Blow::Kill && self.chance.one_in(8) {
            return self.kill_at_start(victim).await;
        }
        let requests = self.start(victim).await;
        self.instant(requests).await;
        if self.chance.one_in(5) {
            let asked = self.post((victim + 1) % self.servers.len(), "/api/sync/cancel").await;
            self.totals.cancels += usize::from(asked == StatusCode::ACCEPTED);
        }
        match blow {
            Blow::Kill => self.kill(victim).await,
            Blow::Pause => self.pause(victim).await,
        }
        assert!(self.world.app.store.open_runs().await.unwrap().len() <= 1);
        self.assert_history(20).await;
    }

    /// The run of the victim that is open now.
    async fn victims_run(&mut self, victim: usize) -> Option<RunRow> {
        let run = self.open_run().await.filter(|run| self.is_of(run, victim));
        let at = run.as_ref().map_or("idle".to_owned(), |run| run.phase.to_string());
        println!("  {at}: {:?}", run.as_ref().map(|run| (run.id, run.kind, run.counts.pages)));
        *self.totals.phases.entry(at).or_default() += 1;
        run
    }

    async fn kill_at_start(&mut self, victim: usize) {
        self.servers[victim] = self.launch();
        nap(Duration::from_micros(self.chance.below(250_000) as u64)).await;
        self.kill(victim).await;
    }

    async fn kill(&mut self, victim: usize) {
        self.totals.kills += 1;
        self.servers[victim].program.child.kill().unwrap();
        self.servers[victim].program.child.wait().unwrap();
        let killed_at = SystemClock.now();
        let run = self.victims_run(victim).await;
        let took = self.take_over(victim, killed_at, KILLED).await;
        self.totals.slowest_after_kill = self.totals.slowest_after_kill.max(took);
        if let Some(run) = run {
            self.assert_closed(run.id, killed_at).await;
        }
        let server = self.serve().await;
        self.servers[victim] = server;
    }

    async fn pause(&mut self, victim: usize) {
        self.totals.pauses += 1;
        self.servers[victim].program.signal("-STOP");
        self.servers[victim].program.frozen().await;
        let paused_at = SystemClock.now();
        let run = self.victims_run(victim).await;
        let inside = self.is_blocked().await;
        self.totals.inside += usize::from(inside);
        let sqlite = self.world.app.store.path().is_some();
        if inside && sqlite {
            // A file that is locked by a frozen process can only be read. That is SQLite's nature.
            self.assert_readable(victim).await;
            self.servers[victim].program.signal("-CONT");
            return self.end_of_run().await;
        }
        let silence = if inside { self.lease.max(IDLE_IN_TRANSACTION) } else { self.lease };
        let limit = silence + MARGIN;
        let took = self.take_over(victim, paused_at, limit).await;
        self.totals.slowest_after_pause = self.totals.slowest_after_pause.max(took);
        let closed = match &run {
            Some(run) => Some(self.assert_closed(run.id, paused_at).await),
            None => None,
        };
        if self.chance.one_in(2) {
            self.end_of_run().await;
        } else {
            self.instant(10).await;
        }
        self.servers[victim].program.signal("-CONT");
        if let Some(closed) = closed.filter(|run| run.error_message.is_some()) {
            self.servers[victim].program.says("was taken over").await;
            let now = self.run(closed.id).await;
            assert_eq!(format!("{now:?}"), format!("{closed:?}"), "what is closed stays as it was");
        }
    }

    /// Does somebody keep others from writing, for longer than a transaction takes?
    async fn is_blocked(&self) -> bool {
        let end_at = after(SystemClock.now(), Duration::from_millis(700));
        while SystemClock.now() < end_at {
            let free = match &self.world.app.config.database_url {
                DatabaseUrl::Sqlite { path } => {
                    let file = rusqlite::Connection::open(path).unwrap();
                    file.busy_timeout(Duration::ZERO).unwrap();
                    file.execute_batch("begin immediate; rollback").is_ok()
                }
                DatabaseUrl::Postgres { url } => {
                    let client = connect(url.expose_secret()).await;
                    client.batch_execute("select 1 from lease for update nowait").await.is_ok()
                }
            };
            if free {
                return false;
            }
            nap(Duration::from_millis(10)).await;
        }
        true
    }

    async fn assert_readable(&self, victim: usize) {
        let other = (victim + 1) % self.servers.len();
        let (mut took, mut usual) = (Duration::MAX, Duration::ZERO);
        for _ in 0..TRIES {
            usual = usual.max(self.ask(other, "/health/live").await);
            took = took.min(self.ask(other, "/api/sync/status").await);
            if took < Duration::from_secs(1) + usual * 10 {
                return;
            }
        }
        panic!("{took:?} at best, while a request without a database took {usual:?}");
    }

    /// How long a server takes to answer.
    async fn ask(&self, server: usize, path: &str) -> Duration {
        let began = SystemClock.now();
        let url = format!("{}{path}", self.servers[server].url);
        assert_eq!(self.client.get(url).send().await.unwrap().status(), StatusCode::OK);
        between(began, SystemClock.now())
    }

    /// When the lease that was last taken or renewed runs out.
    async fn lease_expires_at(&self) -> Timestamp {
        const EXPIRES: &str = "select expires_at from lease";
        let at: i64 = match &self.world.app.config.database_url {
            DatabaseUrl::Sqlite { path } => {
                let file = rusqlite::Connection::open(path).unwrap();
                file.query_row(EXPIRES, [], |row| row.get(0)).unwrap()
            }
            DatabaseUrl::Postgres { url } => {
                let client = connect(url.expose_secret()).await;
                client.query_one(EXPIRES, &[]).await.unwrap().get(0)
            }
        };
        Timestamp::from_microsecond(at).unwrap()
    }

    /// Asserts that a run was closed for its process, in the way it should be.
    async fn assert_closed(&self, run: RunId, blow_at: Timestamp) -> RunRow {
        let row = self.run(run).await;
        let rescued =
            if row.cancel_at.is_some() { Outcome::Cancelled } else { Outcome::Interrupted };
        // Its last word may have been on its way to PostgreSQL.
        let itself = row.ended_at.is_some_and(|at| at < after(blow_at, Duration::from_millis(200)));
        assert!(row.outcome == Some(rescued) || (row.outcome.is_some() && itself), "{row:?}");
        assert_books_balance(&row);
        row
    }

    async fn assert_history(&self, limit: u32) {
        let query = HistoryQuery { limit, ..Default::default() };
        for row in self.world.app.store.history(&query).await.unwrap() {
            if row.outcome.is_some() {
                assert_books_balance(&row);
                assert!(row.cancel_at.is_none() || row.outcome != Some(Outcome::Interrupted));
            }
        }
    }

    async fn end_of_run(&self) {
        let end_at = after(SystemClock.now(), PATIENCE);
        while let Some(run) = self.open_run().await {
            assert!(SystemClock.now() < end_at, "it never ended: {run:?}");
            nap(Duration::from_millis(10)).await;
        }
    }

    /// Everything is well again: one sync, and the mirror is Google's book.
    async fn heal(mut self) -> Totals {
        self.live();
        let end_at = after(SystemClock.now(), PATIENCE);
        loop {
            let url = format!("{}/api/sync", self.servers[0].url);
            let answer = self.client.post(url).send().await.unwrap();
            let status = answer.status();
            if status == StatusCode::OK {
                break;
            }
            let text = answer.text().await.unwrap();
            assert!(status == StatusCode::CONFLICT && SystemClock.now() < end_at, "{text}");
            nap(Duration::from_millis(50)).await;
        }
        // A run that takes up the listing of a killed one leaves what has changed since to its follow-up.
        let end_at = after(SystemClock.now(), PATIENCE);
        loop {
            self.end_of_run().await;
            if self.world.status().await.standing.follow_up_at.is_none() {
                break;
            }
            assert!(SystemClock.now() < end_at, "the follow-up never came");
            nap(Duration::from_millis(50)).await;
        }
        self.end_of_run().await;
        self.world.assert_equal().await;
        self.assert_history(5_000).await;
        for server in self.servers {
            server.program.signal("-TERM");
            server.program.ended().await.assert(0, &[]);
        }
        let store = &self.world.app.store;
        assert!(store.open_runs().await.unwrap().is_empty());
        assert_eq!(store.lease_holder(self.world.account).await.unwrap(), None);
        self.totals
    }
}

async fn nap(wait: Duration) {
    SystemClock.sleep_until(after(SystemClock.now(), wait)).await;
}

async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) =
        tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}

/// Many blows, every fifth of them a pause.
async fn batter(database: Database, size: usize, lease: u64, blows: usize, seed: u64) {
    let began = SystemClock.now();
    let mut fleet = Fleet::new(database, size, lease, Plan::ByThemselves, seed).await;
    for round in 1..=blows {
        let blow = if round % 5 == 0 { Blow::Pause } else { Blow::Kill };
        println!("{database:?}, seed {seed}, round {round}: {blow:?}");
        fleet.round(blow).await;
    }
    let totals = fleet.heal().await;
    println!("{database:?}: {totals:?} in {:?}", between(began, SystemClock.now()));
}

fn blows() -> usize {
    if long() { 99 } else { 9 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_on_one_file_may_be_killed_and_frozen_at_any_instant() {
    batter(Database::Sqlite, 2, 3, blows(), 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_on_one_postgres_may_be_killed_and_frozen_at_any_instant() {
    batter(Database::Postgres, 3, 3, blows(), 2).await;
}

/// One pause of a process that certainly holds the lease.
async fn fall_silent(database: Database, lease: u64) {
    let mut fleet = Fleet::new(database, 2, lease, Plan::WhenAsked, 3).await;
    let hang = Fault::new(Action::Hang).on(Endpoint::List).page(3).forever();
    fleet.world.google.add_fault(hang);
    fleet.start(0).await;
    fleet.world.until(|run| run.outcome.is_none() && run.counts.pages == 2).await;
    fleet.servers[0].program.signal("-STOP");
    fleet.servers[0].program.frozen().await;
    let paused_at = SystemClock.now();
    fleet.world.google.clear_faults();
    let run = fleet.victims_run(0).await.unwrap();
    // On a slow machine the last renewal is some time ago.
    let expires_at = fleet.lease_expires_at().await;
    let took = fleet.take_over(0, paused_at, fleet.lease + MARGIN).await;
    assert!(SystemClock.now() >= expires_at, "a silence of {took:?} is no death");
    let closed = fleet.assert_closed(run.id, paused_at).await;
    fleet.servers[0].program.signal("-CONT");
    fleet.servers[0].program.says("was taken over").await;
    assert_eq!(format!("{:?}", fleet.run(run.id).await), format!("{closed:?}"));
    fleet.heal().await;
    println!("{database:?}: silent for {took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres_a_server_that_falls_silent_is_replaced_when_its_lease_is_over() {
    fall_silent(Database::Postgres, 10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_falls_silent_is_replaced_when_its_lease_is_over() {
    // PostgreSQL's twin waits for the ten seconds that are everybody's.
    fall_silent(Database::Sqlite, if long() { 10 } else { 3 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres_a_server_frozen_inside_a_transaction_does_not_block_the_others_for_long() {
    let mut fleet = Fleet::new(Database::Postgres, 2, 3, Plan::WhenAsked, 4).await;
    let DatabaseUrl::Postgres { url } = &fleet.world.app.config.database_url else {
        unreachable!()
    };
    let bystander = connect(url.expose_secret()).await;
    bystander.batch_execute("begin; lock table contact in share mode").await.unwrap();
    fleet.start(0).await;
    // It has the lease's row, and waits for the table.
    const WAITING: &str = "select 1 from pg_locks where not granted";
    while bystander.query_opt(WAITING, &[]).await.unwrap().is_none() {
        nap(Duration::from_millis(5)).await;
    }
    fleet.servers[0].program.signal("-STOP");
    fleet.servers[0].program.frozen().await;
    let paused_at = SystemClock.now();
    bystander.batch_execute("rollback").await.unwrap();
    let run = fleet.victims_run(0).await.unwrap();
    assert!(fleet.is_blocked().await, "it was frozen too early or too late");
    fleet.take_over(0, paused_at, IDLE_IN_TRANSACTION + MARGIN).await;
    fleet.assert_closed(run.id, paused_at).await;
    fleet.servers[0].program.signal("-CONT");
    fleet.servers[0].program.says("was taken over").await;
    fleet.heal().await;
}
