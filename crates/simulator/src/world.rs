//! Everything the simulator remembers, behind one lock that is never held across a wait.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::Options;
use super::answers::Spelling;
use super::book::Book;
use super::changes;
use super::domain::{Domain, List};
use super::faults::Plan;
use super::generate;
use super::listing::Rules;
use super::log::Log;
use super::oauth::{Client, OAuth};
use super::random::{Random, fingerprint, mix};
use super::time;
use super::tokens::Sealer;

pub(super) struct World {
    state: Mutex<State>,
    /// True once the simulator is to stop.
    pub(super) stop: watch::Sender<bool>,
}

pub(super) struct State {
    pub(super) sealer: Sealer,
    pub(super) users: Vec<User>,
    /// All users are of it, but those at gmail.com.
    pub(super) domain: Domain,
    /// The user who meets the consent page.
    pub(super) present: usize,
    pub(super) oauth: OAuth,
    pub(super) plan: Plan,
    pub(super) log: Log,
    pub(super) settings: Settings,
    /// Numbers the tokens handed out.
    pub(super) serial: u64,
    pub(super) sync_tokens_from: u64,
    pub(super) page_tokens_from: u64,
    pub(super) groups_era: u64,
    /// Differs from listing to listing, and repeats with the seed.
    pub(super) listings: u64,
    sync_token_ttl: i64,
    clock_ahead: i64,
    usage: HashMap<(usize, Quota), VecDeque<i64>>,
    seed: u64,
    random: Random,
}

pub(super) struct User {
    pub(super) email: String,
    /// The number in the resource name of `people/me`.
    pub(super) id: u128,
    /// The same for tokens, which have less room.
    pub(super) key: u64,
    pub(super) book: Book,
}

/// What can be changed while the simulator runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub latency_ms: u64,
    /// Whether good answers are compressed for those who ask. Errors always are.
    pub gzip: bool,
    /// Random changes to the present user's book; 0 for a book that stands still.
    pub changes_per_minute: f64,
    /// Reads per minute and user, 0 for no limit.
    pub critical_reads_per_minute: usize,
    /// First pages of full syncs per minute and user, 0 for no limit.
    pub full_syncs_per_minute: usize,
    pub expired_spelling: Spelling,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            latency_ms: 0,
            gzip: true,
            changes_per_minute: 0.0,
            critical_reads_per_minute: 0,
            full_syncs_per_minute: 0,
            expired_spelling: Spelling::default(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Quota {
    CriticalReads,
    FullSyncs,
}

const MINUTE: i64 = 60_000;

impl World {
    pub(super) fn new(options: &Options) -> World {
        let client = Client {
            id: options.client_id.clone(),
            secret: options.client_secret.clone(),
            redirect_uris: options.redirect_uris.clone(),
            access_token_ttl: options.access_token_ttl.as_secs().cast_signed(),
            refresh_token_ttl: options.refresh_token_ttl.map(|ttl| ttl.as_secs().cast_signed()),
        };
        let settings = Settings {
            latency_ms: options.latency.as_millis() as u64,
            gzip: options.gzip,
            changes_per_minute: options.changes_per_minute,
            ..Settings::default()
        };
        let mut state = State {
            sealer: Sealer::new(options.seed),
            users: Vec::new(),
            domain: Domain::new(options.seed),
            present: 0,
            oauth: OAuth::new(client, options.seed),
            plan: Plan::default(),
            log: Log::default(),
            settings,
            serial: 0,
            sync_tokens_from: 0,
            page_tokens_from: 0,
            groups_era: 0,
            listings: 0,
            sync_token_ttl: options.sync_token_ttl.as_millis() as i64,
            clock_ahead: 0,
            usage: HashMap::new(),
            seed: options.seed,
            random: Random::new(options.seed ^ 0x6c69_6665),
        };
        state.users.push(User::new(&options.email, options.seed, options.contacts));
        World { state: Mutex::new(state), stop: watch::Sender::new(false) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic of one test's thread says nothing about the state's sense.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves when the simulator is to stop.
    pub(super) async fn stopped(&self) {
        let mut stop = self.stop.subscribe();
        // An error means that the world is gone, which is a stop as well.
        let _ = stop.wait_for(|stopped| *stopped).await;
    }

    /// Lets random changes happen for as long as the simulator runs.
    pub(super) async fn age(&self) {
        const TICK: Duration = Duration::from_millis(100);
        let mut due = 0.0;
        let mut ticks = tokio::time::interval(TICK);
        loop {
            ticks.tick().await;
            let mut state = self.lock();
            due += state.settings.changes_per_minute * TICK.as_secs_f64() / 60.0;
            let now_due = due as usize;
            due -= now_due as f64;
            if now_due > 0 {
                let user = state.present;
                state.happen(user, now_due);
            }
        }
    }
}

impl State {
    /// Milliseconds since 1970 on the simulator's clock, which can be put forward.
    pub(super) fn now(&self) -> i64 {
        time::now().as_millisecond() + self.clock_ahead
    }

    pub(super) fn advance_clock(&mut self, by: Duration) {
        self.clock_ahead += by.as_millis() as i64;
    }

    pub(super) fn happen(&mut self, user: usize, changes: usize) {
        let now = self.now();
        for _ in 0..changes {
            changes::happen(&mut self.users[user].book, &mut self.random, now);
        }
    }

    /// The same in a list of the domain.
    pub(super) fn happen_in(&mut self, list: List, changes: usize) {
        let now = self.now();
        for _ in 0..changes {
            changes::happen(self.domain.book_mut(list), &mut self.random, now);
        }
    }

    /// The user with this address; one who was never heard of gets a book of `contacts`.
    pub(super) fn user(&mut self, email: &str, contacts: usize) -> usize {
        if let Some(index) = self.users.iter().position(|user| user.email == email) {
            return index;
        }
        let seed = mix(self.seed ^ fingerprint(email));
        self.users.push(User::new(email, seed, contacts));
        self.users.len() - 1
    }

    pub(super) fn rules(&self, user: usize) -> Rules {
        Rules {
            user: self.users[user].key,
            now: self.now(),
            sync_token_ttl: self.sync_token_ttl,
            spelling: self.settings.expired_spelling,
            sync_tokens_from: self.sync_tokens_from,
            page_tokens_from: self.page_tokens_from,
        }
    }

    pub(super) fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// Uses a quota up by one; false when nothing was left of it.
    pub(super) fn spend(&mut self, user: usize, quota: Quota) -> bool {
        let limit = match quota {
            Quota::CriticalReads => self.settings.critical_reads_per_minute,
            Quota::FullSyncs => self.settings.full_syncs_per_minute,
        };
        let now = self.now();
        let spent = self.usage.entry((user, quota)).or_default();
        while spent.front().is_some_and(|at| *at <= now - MINUTE) {
            spent.pop_front();
        }
        if limit == 0 {
            return true;
        }
        let left = spent.len() < limit;
        if left {
            spent.push_back(now);
        }
        left
    }
}

impl User {
    fn new(email: &str, seed: u64, contacts: usize) -> User {
        let key = mix(fingerprint(email));
        User {
            email: email.to_owned(),
            id: 100_000_000_000_000_000_000 + u128::from(key % 18_000_000_000_000_000_000),
            key,
            book: generate::book(seed, contacts),
        }
    }
}
