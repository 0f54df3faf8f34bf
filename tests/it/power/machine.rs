//! A machine with one disk: the real store and engine on it, and a scripted address book outside.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ringbook_core::sync::backoff::RetryPolicy;
use ringbook_core::sync::guard::Guard;
use ringbook_core::sync::run::{Policy, Stop};
use ringbook_core::sync::{AccountId, Kind, Outcome, RunId};
use ringbook_disk::{Disk, Image, Loss};
use ringbook_engine::engine::{Engine, EngineDeps, Finished};
use ringbook_store::{
    NewTokens, Request, Retention, RunRow, Settings, StartError, StartedRun, Store,
};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::power::rows;
use crate::support::book::Book;
use crate::support::clock::ManualClock;
use crate::support::runs::request;
use crate::support::vault::vault;

pub(super) const ACCOUNT: AccountId = AccountId(1);

/// What is left of a machine that is off.
#[derive(Clone)]
pub(super) struct Remains {
    pub(super) image: Image,
    pub(super) book: Book,
    pub(super) now: jiff::Timestamp,
}

pub(super) struct Machine {
    // In this order: the store is closed before its disk goes.
    store: Option<Store>,
    pub(super) disk: Disk,
    pub(super) book: Book,
    pub(super) clock: Arc<ManualClock>,
    /// Contacts a page.
    pub(super) page_size: u16,
    /// Parts of the recording in which something was stored that must survive once it has been said.
    pub(super) promises: Vec<(usize, usize)>,
    folder: tempfile::TempDir,
    runtime: Runtime,
}

/// A run that goes on only when it is told to.
pub(super) struct Sync {
    engine: Engine<Book>,
    pub(super) run: RunId,
    stop: watch::Sender<Option<Stop>>,
}

impl Machine {
    /// A new machine that is off, with an empty disk.
    pub(super) fn new(book: Book) -> Machine {
        // Later than the file system's own clock, which tells how old a dead process's lock file is.
        let now = "2100-03-01T08:00:00Z".parse().unwrap();
        Machine::of(&Remains { image: Image::default(), book, now })
    }

    pub(super) fn of(remains: &Remains) -> Machine {
        let folder = tempfile::tempdir().unwrap();
        Machine {
            store: None,
            disk: Disk::mount_with(folder.path(), &remains.image),
            book: remains.book.copy(),
            clock: Arc::new(ManualClock::at(&remains.now.to_string())),
            page_size: 10,
            promises: Vec::new(),
            folder,
            runtime: tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap(),
        }
    }

    /// What there is, with no power cut.
    pub(super) fn remains(&self) -> Remains {
        use ringbook_core::clock::Clock;
        Remains { image: self.disk.image(), book: self.book.copy(), now: self.clock.now() }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("ringbook.db")
    }

    pub(super) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    pub(super) fn is_on(&self) -> bool {
        self.store.is_some()
    }

    pub(super) fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    /// A process starts.
    pub(super) fn start(&mut self) {
        let from = self.disk.recorded_so_far();
        self.store = Some(self.other_process());
        self.promises.push((from, self.disk.recorded_so_far()));
    }

    pub(super) fn other_process(&self) -> Store {
        self.block_on(Store::open_sqlite(&self.path(), self.clock.clone(), vault())).unwrap()
    }

    /// It ends in an orderly way.
    pub(super) fn stop(&mut self) {
        self.store = None;
    }

    /// It is killed; the machine goes on.
    pub(super) fn kill(&mut self) {
        self.disk.kill(0);
        self.store = None;
    }

    /// The power fails and comes back, and the process starts again.
    pub(super) fn lose_power(&mut self, loss: Loss) {
        self.disk.lose_power(loss);
        self.store = None;
        self.forget_boot();
        self.start();
    }

    /// A machine that lost its power is not as it was started when a lease was taken.
    pub(super) fn forget_boot(&self) {
        let connection = self.connection();
        if rows::tables(&connection).iter().any(|it| it == "lease") {
            connection.execute_batch("update lease set boot = 'an earlier start'").unwrap();
        }
    }

    pub(super) fn connection(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).unwrap()
    }

    pub(super) fn checkpoint(&self, mode: &str) {
        let sql = format!("pragma wal_checkpoint({mode})");
        let busy: i64 = self.connection().query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!(busy, 0);
    }

    /// A person's word: when it has been answered, it must survive.
    pub(super) fn word<T>(&mut self, word: impl AsyncFnOnce(&Store) -> T) -> T {
        let from = self.disk.recorded_so_far();
        let said = self.block_on(word(self.store()));
        self.promises.push((from, self.disk.recorded_so_far()));
        said
    }

    pub(super) fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(super) fn settings(&self) -> Settings {
        Settings {
            policy: Policy {
                page_size: self.page_size,
                retry: RetryPolicy { attempts_max: 3, ..RetryPolicy::default() },
                guard: Guard::default(),
                ..Policy::default()
            },
            ..Settings::default()
        }
    }

    fn request(&self, kind: Option<Kind>) -> Request {
        Request { kind, ..request(ACCOUNT) }
    }

    pub(super) fn begin(&mut self, kind: Option<Kind>) -> Result<Sync, StartError> {
        // Whoever asks for a run is told its number, which no other run may ever get.
        let (request, settings) = (self.request(kind), self.settings());
        let begun = self.word(async |store| store.begin_run(&request, &settings).await)?;
        Ok(self.engine(self.store().clone(), begun))
    }

    pub(super) fn begin_in(&self, store: &Store, kind: Option<Kind>) -> Result<Sync, StartError> {
        let begun = self.block_on(store.begin_run(&self.request(kind), &self.settings()))?;
        Ok(self.engine(store.clone(), begun))
    }

    fn engine(&self, store: Store, beginning: StartedRun) -> Sync {
        let tools = EngineDeps {
            store,
            book: Arc::new(self.book.clone()),
            settings: self.settings(),
            request: "the parameters".to_owned(),
            chance: Box::new(|| 0),
            // A page that is fetched by a task of its own would come when it likes.
            fetch_ahead: false,
        };
        let run = beginning.lease.run;
        let engine = Engine::new(tools, beginning);
        Sync { engine, run, stop: watch::Sender::new(None) }
    }

    /// Performs at most so many steps. Returns how it ended, if it did.
    pub(super) fn go(&self, sync: &mut Sync, steps: usize) -> Option<Finished> {
        let mut stopped = sync.stop.subscribe();
        self.block_on(async {
            for _ in 0..steps {
                let finished = sync.engine.step(&mut stopped).await;
                if finished.is_some() {
                    return finished;
                }
            }
            None
        })
    }

    pub(super) fn stop_sync(&self, mut sync: Sync, stop: Stop) -> Option<Finished> {
        sync.stop.send_replace(Some(stop));
        self.go(&mut sync, usize::MAX)
    }

    /// Runs a sync to its end.
    pub(super) fn sync(&mut self, kind: Option<Kind>) -> Outcome {
        let mut sync = self.begin(kind).unwrap();
        match self.go(&mut sync, usize::MAX) {
            Some(Finished::Ended(outcome)) => outcome,
            other => panic!("{other:?}"),
        }
    }

    /// Runs a sync to its end, and does something after so many steps of it.
    pub(super) fn sync_meanwhile(&mut self, steps: usize, meanwhile: impl FnOnce(&mut Machine)) {
        let mut sync = self.begin(None).unwrap();
        assert_eq!(self.go(&mut sync, steps), None, "it was to be in progress");
        meanwhile(self);
        self.go(&mut sync, usize::MAX);
    }

    /// A sync whose process dies after so many steps. Another one starts.
    pub(super) fn crash(&mut self, kind: Option<Kind>, steps: usize) {
        let mut sync = self.begin(kind).unwrap();
        assert_eq!(self.go(&mut sync, steps), None, "it was to crash before its end");
        self.disk.kill(0);
        drop(sync);
        self.store = None;
        self.start();
    }

    pub(super) fn latest(&self) -> RunRow {
        self.block_on(self.store().latest_run(ACCOUNT)).unwrap().unwrap()
    }

    pub(super) fn connect(&mut self, token: &str) {
        let tokens = tokens(token);
        self.word(async |store| {
            let account = store.accounts().await.unwrap().first().map(|it| it.id);
            store.connect(account, None, &tokens).await.unwrap()
        });
    }

    pub(super) fn approve(&mut self) {
        if let Some(run) = self.held() {
            self.word(async |store| store.approve(run, "a person").await).unwrap();
        }
    }

    pub(super) fn reject(&mut self) {
        if let Some(run) = self.held() {
            self.word(async |store| store.reject(run, "a person").await).unwrap();
        }
    }

    fn held(&self) -> Option<RunId> {
        self.block_on(self.store().account(ACCOUNT)).unwrap().unwrap().held_run
    }

    pub(super) fn prune(&mut self, retention: &Retention) {
        loop {
            let pruned = self.block_on(self.store().prune(ACCOUNT, retention)).unwrap();
            if pruned.runs + pruned.tombstones == 0 {
                return;
            }
        }
    }
}

pub(super) fn tokens(token: &str) -> NewTokens {
    NewTokens {
        access_token: token.to_owned().into(),
        expires_at: "2100-03-01T09:00:00Z".parse().unwrap(),
        refresh_token: Some(format!("refresh-{token}").into()),
        refresh_expires_at: None,
        scopes: vec!["contacts.readonly".to_owned()],
    }
}
