//! Looks at the database after every step, and holds it against the laws.
//!
//! It reads the tables by itself, so that a mistake in the store's own queries cannot hide one.

mod laws;
mod snapshot;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ringbook_core::sync::guard::Guard;
use ringbook_core::sync::{AccountId, Outcome, RunId};
use ringbook_disk::Disk;
use ringbook_store::RunSums;
use rusqlite::Connection;

use self::laws::Laws;
use self::snapshot::{Snapshot, one};
use crate::google::Google;
use crate::reference_model::{Original, Rows};

pub(crate) struct Watcher {
    db: Connection,
    /// Where the rows come from, if `db` only holds a copy of them.
    original: Option<Original>,
    /// As the rows were when somebody last asked for news.
    told: Rows,
    disk: Arc<Disk>,
    pub(crate) laws: Laws,
    /// As the database was when the last step of a run began, and at the last look.
    mark: u64,
    seen: u64,
    before: Snapshot,
}

/// A run that succeeded, perhaps without those that cannot be read.
pub(crate) struct GoodRun {
    pub(crate) id: i64,
    pub(crate) fence: i64,
    pub(crate) full: bool,
    pub(crate) resumed: bool,
    pub(crate) partial: bool,
}

pub(crate) const DATABASE: &str = "ringbook.db";

/// All but those that tell of the installation and of people, whom no history knows. A new database is asked whether that is so.
pub(crate) const TABLES: [&str; 14] = [
    "account",
    "oauth_grant",
    "lease",
    "run",
    "contact",
    "contact_content",
    "seen",
    "doomed",
    "hold",
    "held",
    "change",
    "set_aside",
    "run_phase",
    "label",
];

impl Watcher {
    pub(crate) fn new(disk: Arc<Disk>, guard: Guard) -> rusqlite::Result<Watcher> {
        let db = Connection::open(disk.folder().join(DATABASE))?;
        db.set_prepared_statement_cache_capacity(128);
        Ok(Watcher {
            db,
            original: None,
            told: Rows::default(),
            disk,
            laws: Laws::new(guard),
            mark: 0,
            seen: 0,
            before: Snapshot::default(),
        })
    }

    /// Whether the tables that are looked at are all that there are.
    pub(crate) fn knows_all_tables(&self) -> bool {
        let asked = self.db.prepare(
            "select name from sqlite_master where type = 'table'
                and name not in ('install', 'schema_version', 'secret', 'consent', 'audit',
                    'person', 'session', 'api_token', 'device', 'alarm', 'strange_proxy',
                    'known_browser') and name not like 'sqlite_%'",
        );
        let read = asked.and_then(|mut it| it.query_map([], |row| row.get(0))?.collect());
        let there: BTreeSet<String> = read.unwrap_or_default();
        there == TABLES.map(str::to_owned).into()
    }

    /// Looks at a copy of what is on PostgreSQL.
    pub(crate) fn of(original: Original, disk: Arc<Disk>) -> rusqlite::Result<Watcher> {
        let mut watcher = Watcher::new(disk, Guard::default())?;
        watcher.db = original.prepare_copy()?;
        watcher.original = Some(original);
        Ok(watcher)
    }

    /// Tells a database that has a clock of its own.
    pub(crate) fn time_is(&self, now: i64) {
        if let Some(original) = &self.original {
            original.set_time(now);
        }
    }

    /// The rows that came, changed and went since this was asked last.
    pub(crate) fn news(&mut self) -> Vec<String> {
        self.told.renew(&self.db, self.seen)
    }

    /// Lets go of the database.
    pub(crate) fn close(&mut self) {
        if let Ok(nothing) = Connection::open_in_memory() {
            self.db = nothing;
        }
    }

    /// After a power cut: what was not synced may be gone, but the words of people may not.
    pub(crate) fn reopen(&mut self) -> Result<(), String> {
        self.open_anew().map_err(|error| error.to_string())?;
        let intact: String = one(&self.db, "pragma integrity_check");
        if intact != "ok" {
            return Err(format!("the database is damaged: {intact}"));
        }
        // The machine has started anew; here it is the same one that runs the tests.
        self.db
            .execute("update lease set boot = 'before the power cut'", [])
            .map_err(|error| error.to_string())?;
        let now = Snapshot::read(&self.db).map_err(|error| error.to_string())?;
        self.laws.accept_loss(&self.before, &now)?;
        self.before = now;
        self.seen = self.version();
        Ok(())
    }

    /// Holds the database as another program would that writes for long.
    pub(crate) fn occupy(&self, hold: bool) -> bool {
        let sql = if hold { "begin immediate" } else { "rollback" };
        self.db.execute_batch(sql).is_ok()
    }

    /// Looks at the database that is on the disk now.
    pub(crate) fn open_anew(&mut self) -> rusqlite::Result<()> {
        self.db = Connection::open(self.disk.folder().join(DATABASE))?;
        self.db.set_prepared_statement_cache_capacity(128);
        Ok(())
    }

    /// Empties the database for the next history.
    pub(crate) fn reset(&mut self, guard: Guard) -> rusqlite::Result<()> {
        if let Some(original) = &mut self.original {
            original.reset();
        }
        self.told = Rows::default();
        self.db.execute_batch("begin immediate")?;
        for table in TABLES {
            self.db.prepare_cached(&format!("delete from {table}"))?.execute([])?;
        }
        if self.original.is_none() {
            // Each history begins with the first account.
            self.db.execute("update install set accounts_issued = 0", [])?;
        }
        self.db.execute_batch("commit")?;
        self.laws = Laws::new(guard);
        self.before = Snapshot::default();
        self.seen = 0;
        Ok(())
    }

    /// Grows with each transaction that anybody commits.
    fn version(&mut self) -> u64 {
        match &mut self.original {
            Some(original) => original.copy_to(&self.db),
            None => self.disk.counts().commits,
        }
    }

    /// A step of a run begins.
    pub(crate) fn mark(&mut self) {
        self.mark = self.disk.counts().commits;
    }

    /// A step of a run is over. If it wrote, the lease must still have been the run's.
    pub(crate) fn wrote(&mut self, run: RunId) -> Option<String> {
        // On PostgreSQL, a step is more than one poll.
        if self.disk.counts().commits == self.mark {
            return None;
        }
        let fence: i64 = one(&self.db, "select fence from lease");
        (fence != run.fence())
            .then(|| format!("run {} wrote, but the fence is {fence}", run.fence()))
    }

    /// The name of the lease's holder, and until when it holds.
    pub(crate) fn holder(&self) -> (Option<String>, i64) {
        if let Some(original) = &self.original {
            return original.holder();
        }
        self.db
            .prepare_cached("select holder, expires_at from lease")
            .and_then(|mut it| it.query_row([], |row| Ok((row.get(0)?, row.get(1)?))))
            .unwrap_or_default()
    }

    pub(crate) fn is_open(&self, run: RunId) -> bool {
        let open: i64 = one(&self.db, "select coalesce(max(id), 0) from run where outcome is null");
        open == run.0
    }

    pub(crate) fn outcome(&self, run: RunId) -> Option<String> {
        let asked = self.db.prepare_cached("select outcome from run where id = ?1");
        asked.and_then(|mut it| it.query_row([run.0], |row| row.get(0))).unwrap_or_default()
    }

    /// How many pages of a run are stored.
    pub(crate) fn pages(&self, run: RunId) -> i64 {
        let asked = self.db.prepare_cached("select pages from run where id = ?1");
        asked.and_then(|mut it| it.query_row([run.0], |row| row.get(0))).unwrap_or_default()
    }

    pub(crate) fn anything_open(&self) -> bool {
        one::<i64>(&self.db, "select count(*) from run where outcome is null") > 0
    }

    pub(crate) fn knows_identity(&self) -> bool {
        one::<i64>(&self.db, "select count(*) from account where google_id is not null") > 0
    }

    pub(crate) fn is_held(&self) -> bool {
        one::<i64>(&self.db, "select count(*) from hold") > 0
    }

    pub(crate) fn needs_connection(&self) -> bool {
        one::<i64>(&self.db, "select count(*) from oauth_grant where needs_reauth_at is null") == 0
    }

    pub(crate) fn newest_run(&self) -> i64 {
        one(&self.db, "select max(id) from run")
    }

    /// The runs after this one that did what they were to do, in order.
    pub(crate) fn good_runs(&self, after: i64) -> Vec<GoodRun> {
        let asked = self.db.prepare_cached(
            "select id, kind = 'full', resumed, outcome = 'partial' from run
            where id > ?1 and outcome in ('succeeded', 'partial') and error_code is null order by id",
        );
        let read = asked.and_then(|mut it| {
            let rows = it.query_map([after], |row| {
                let id: i64 = row.get(0)?;
                let (full, resumed, partial) = (row.get(1)?, row.get(2)?, row.get(3)?);
                Ok(GoodRun { id, fence: RunId(id).fence(), full, resumed, partial })
            })?;
            rows.collect()
        });
        read.unwrap_or_default()
    }

    /// The names of those whom a run set aside.
    pub(crate) fn set_aside(&self, run: i64) -> Vec<Option<String>> {
        let asked = self.db.prepare_cached("select resource_name from set_aside where run = ?1");
        let read = asked.and_then(|mut it| it.query_map([run], |row| row.get(0))?.collect());
        read.unwrap_or_default()
    }

    pub(crate) fn last_succeeded(&self) -> bool {
        let done = self.last_words().filter(|(_, code, _)| code.is_none());
        done.is_some_and(|(outcome, ..)| matches!(outcome.as_str(), "succeeded" | "partial"))
    }

    /// How the newest run ended: its outcome, its code, and whether it says anything. `None` while it is open.
    pub(crate) fn last_words(&self) -> Option<(String, Option<String>, bool)> {
        let asked = self.db.prepare_cached(
            "select outcome, error_code, coalesce(error_message, note, '') <> '' from run
            order by id desc limit 1",
        );
        let row = asked.and_then(|mut it| {
            it.query_row([], |row| Ok((row.get::<_, Option<String>>(0)?, row.get(1)?, row.get(2)?)))
        });
        let (outcome, code, told) = row.ok()?;
        Some((outcome?, code, told))
    }

    /// Whether Google said under the present consent whose contacts these are.
    pub(crate) fn is_identified(&self) -> bool {
        one::<i64>(&self.db, "select coalesce(max(identified), 0) from oauth_grant") == 1
    }

    /// Whether the account is paused, and whether it has a schedule of its own.
    pub(crate) fn schedule(&self) -> (bool, bool) {
        let asked = self
            .db
            .prepare_cached("select schedule_paused, schedule_minutes is not null from account");
        asked
            .and_then(|mut it| it.query_row([], |row| Ok((row.get(0)?, row.get(1)?))))
            .unwrap_or_default()
    }

    /// The run that waits for a person, or 0.
    pub(crate) fn held_run(&self) -> i64 {
        one(&self.db, "select coalesce(max(run), 0) from hold")
    }

    /// Whether there is nothing that must never be in a database.
    pub(crate) fn never(&self) -> Result<(), String> {
        laws::never(&self.db)
    }

    /// The runs that are over, added up by hand.
    pub(crate) fn run_sums(&self) -> rusqlite::Result<RunSums> {
        let mut statement = self.db.prepare(
            "select pages, listed, created, updated, unchanged, set_aside, deleted, restored, renamed,
                tombstones, to_delete, retries, requests, started_at, ended_at
            from run where outcome is not null",
        )?;
        let mut rows = statement.query([])?;
        let mut sums = RunSums::default();
        while let Some(row) = rows.next()? {
            let it = &mut sums.counts;
            sums.runs += 1;
            let parts = [
                &mut it.pages,
                &mut it.listed,
                &mut it.created,
                &mut it.updated,
                &mut it.unchanged,
                &mut it.set_aside,
                &mut it.deleted,
                &mut it.restored,
                &mut it.renamed,
                &mut it.tombstones,
                &mut it.to_delete,
                &mut sums.retries,
                &mut sums.requests,
            ];
            for (at, part) in parts.into_iter().enumerate() {
                *part += row.get::<_, i64>(at)?.unsigned_abs();
            }
            let took = row.get::<_, i64>(14)? - row.get::<_, i64>(13)?;
            sums.took += Duration::from_micros(u64::try_from(took).unwrap_or(0));
        }
        Ok(sums)
    }

    /// How many runs ended in each way, in the order of the words.
    pub(crate) fn outcomes(&self) -> rusqlite::Result<Vec<(Option<Outcome>, u64)>> {
        let mut statement = self.db.prepare("select outcome from run")?;
        let words = statement.query_map([], |row| row.get::<_, Option<String>>(0))?;
        let mut counts: BTreeMap<Option<String>, u64> = BTreeMap::new();
        for word in words {
            *counts.entry(word?).or_default() += 1;
        }
        let outcome = |it: (Option<String>, u64)| (it.0.and_then(|word| word.parse().ok()), it.1);
        Ok(counts.into_iter().map(outcome).collect())
    }

    /// Live contacts: by resource name, the stored content.
    pub(crate) fn mirror(&self) -> rusqlite::Result<BTreeMap<String, String>> {
        let mut statement = self.db.prepare_cached(
            "select c.resource_name, d.content from contact c
            left join contact_content d on d.contact = c.id where c.deleted_at is null",
        )?;
        let rows = statement.query_map([], |row| {
            Ok((row.get(0)?, row.get::<_, Option<String>>(1)?.unwrap_or_default()))
        })?;
        rows.collect()
    }

    /// Looks at everything, if anything has changed.
    pub(crate) fn look(&mut self, google: &mut Google, now: i64) -> Result<(), String> {
        let version = self.version();
        if version == self.seen {
            return Ok(());
        }
        self.seen = version;
        let (_, expires_at) = self.holder();
        if self.laws.clocks_agree && expires_at > now + LEASE {
            return Err("a lease is longer than it may be".to_owned());
        }
        let now = Snapshot::read(&self.db)
            .map_err(|error| format!("the watcher cannot read: {error}"))?;
        let before = std::mem::take(&mut self.before);
        let checked = self.laws.compare(&self.db, &before, &now, google);
        self.before = now;
        checked
    }
}

/// Microseconds for which a process may hold an account without a word.
pub(crate) const LEASE: i64 = 10_000_000;

pub(crate) const ACCOUNT: AccountId = AccountId(1);
