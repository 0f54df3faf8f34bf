//! Looks at the database after every step and says what must never be.
//!
//! It reads the tables by itself, so that a mistake in the store's own queries cannot hide one.

use std::collections::BTreeMap;
use std::sync::Arc;

use ringbook::sync::guard::Guard;
use ringbook::sync::supervisor::FOLLOW_UP_BY;
use ringbook::sync::{AccountId, RunId};
use ringbook_disk::Disk;
use rusqlite::Connection;

use crate::google::{Google, Health, State, read_display};
use crate::original::{Original, Rows};

pub(crate) struct Watcher {
    db: Connection,
    /// Where the rows come from, if `db` only holds a copy of them.
    original: Option<Original>,
    /// As the rows were when somebody last asked for news.
    told: Rows,
    disk: Arc<Disk>,
    guard: Guard,
    /// As the database was when the last step of a run began, and at the last look.
    mark: u64,
    seen: u64,
    before: Snapshot,
    /// Google's version when each run, or the listing that it goes on with, began.
    began: BTreeMap<i64, u64>,
    /// The grant was really dead, or another account's, since somebody connected last.
    pub(crate) grounds: bool,
    /// Somebody took the connection away.
    pub(crate) disconnected: bool,
}

#[derive(Clone, Debug, Default)]
struct Snapshot {
    fence: i64,
    token: Option<u64>,
    runs: BTreeMap<i64, Run>,
    contacts: BTreeMap<i64, Row>,
}

#[derive(Clone, Debug, PartialEq)]
struct Run {
    outcome: Option<String>,
    listed: i64,
    created: i64,
    updated: i64,
    unchanged: i64,
    set_aside: i64,
    deleted: i64,
    restored: i64,
    before: i64,
    after: Option<i64>,
    decided: bool,
    resumed: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct Row {
    name: String,
    display: String,
    deleted: bool,
    phones: i64,
    emails: i64,
}

pub(crate) const DATABASE: &str = "ringbook.db";

pub(crate) const TABLES: [&str; 13] = [
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
    "label",
];

impl Watcher {
    pub(crate) fn new(disk: Arc<Disk>, guard: Guard) -> rusqlite::Result<Watcher> {
        let db = Connection::open(disk.folder().join(DATABASE))?;
        db.set_prepared_statement_cache_capacity(64);
        Ok(Watcher {
            db,
            original: None,
            told: Rows::default(),
            disk,
            guard,
            mark: 0,
            seen: 0,
            before: Snapshot::default(),
            began: BTreeMap::new(),
            grounds: false,
            disconnected: false,
        })
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
        let intact: String = self.one("pragma integrity_check");
        if intact != "ok" {
            return Err(format!("the database is damaged: {intact}"));
        }
        // The machine has started anew; here it is the same one that runs the tests.
        self.db
            .execute("update lease set boot = 'before the power cut'", [])
            .map_err(|error| error.to_string())?;
        let now = self.snapshot().map_err(|error| error.to_string())?;
        for (id, run) in &self.before.runs {
            if run.decided && now.runs.get(id).is_none_or(|it| !it.decided) {
                return Err(format!("the word on run {} is lost", RunId(*id).fence()));
            }
        }
        // Ids of runs that were lost are used again.
        self.began.retain(|id, _| now.runs.contains_key(id));
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
        self.db.set_prepared_statement_cache_capacity(64);
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
        self.db.execute_batch("commit")?;
        self.guard = guard;
        self.before = Snapshot::default();
        self.began.clear();
        (self.grounds, self.disconnected) = (false, false);
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
        let fence: i64 = self.one("select fence from lease");
        (fence != run.fence())
            .then(|| format!("run {} wrote, but the fence is {fence}", run.fence()))
    }

    fn one<T: rusqlite::types::FromSql + Default>(&self, sql: &str) -> T {
        self.db
            .prepare_cached(sql)
            .and_then(|mut it| it.query_row([], |row| row.get(0)))
            .unwrap_or_default()
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
        let open: i64 = self.one("select coalesce(max(id), 0) from run where outcome is null");
        open == run.0
    }

    pub(crate) fn outcome(&self, run: RunId) -> Option<String> {
        let asked = self.db.prepare_cached("select outcome from run where id = ?1");
        asked.and_then(|mut it| it.query_row([run.0], |row| row.get(0))).unwrap_or_default()
    }

    pub(crate) fn anything_open(&self) -> bool {
        self.one::<i64>("select count(*) from run where outcome is null") > 0
    }

    pub(crate) fn knows_identity(&self) -> bool {
        self.one::<i64>("select count(*) from account where google_id is not null") > 0
    }

    pub(crate) fn is_held(&self) -> bool {
        self.one::<i64>("select count(*) from hold") > 0
    }

    pub(crate) fn needs_connection(&self) -> bool {
        self.one::<i64>("select count(*) from oauth_grant where needs_reauth_at is null") == 0
    }

    pub(crate) fn last_succeeded(&self) -> bool {
        let outcome: Option<String> = self.one("select outcome from run order by id desc limit 1");
        matches!(outcome.as_deref(), Some("succeeded" | "partial"))
    }

    /// The statistics are the sum of the runs, and say what is in the mirror.
    pub(crate) fn sums(&self) -> Option<String> {
        None
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
    pub(crate) fn look(&mut self, google: &Google) -> Result<(), String> {
        let version = self.version();
        if version == self.seen {
            return Ok(());
        }
        self.seen = version;
        let now = self.snapshot().map_err(|error| format!("the watcher cannot read: {error}"))?;
        let before = std::mem::take(&mut self.before);
        let checked = self.compare(&before, &now, google);
        self.before = now;
        checked
    }

    fn snapshot(&mut self) -> rusqlite::Result<Snapshot> {
        let token: Option<String> = self
            .db
            .prepare_cached("select sync_token from account")?
            .query_row([], |row| row.get(0))
            .unwrap_or_default();
        let mut runs = BTreeMap::new();
        let mut statement = self.db.prepare_cached(
            "select id, outcome, listed, created, updated, unchanged, set_aside, deleted, restored,
                before_live, after_live, decided_at is not null, resumed from run",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let run = Run {
                outcome: row.get(1)?,
                listed: row.get(2)?,
                created: row.get(3)?,
                updated: row.get(4)?,
                unchanged: row.get(5)?,
                set_aside: row.get(6)?,
                deleted: row.get(7)?,
                restored: row.get(8)?,
                before: row.get(9)?,
                after: row.get(10)?,
                decided: row.get(11)?,
                resumed: row.get(12)?,
            };
            runs.insert(row.get(0)?, run);
        }
        let mut contacts = BTreeMap::new();
        let mut statement = self.db.prepare_cached(
            "select id, resource_name, display_name, deleted_at is not null, phones, emails from contact",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let contact = Row {
                name: row.get(1)?,
                display: row.get(2)?,
                deleted: row.get(3)?,
                phones: row.get(4)?,
                emails: row.get(5)?,
            };
            contacts.insert(row.get(0)?, contact);
        }
        Ok(Snapshot {
            fence: self.one("select fence from lease"),
            token: token.and_then(|it| Google::read_token(&it)).map(|it| it.0),
            runs,
            contacts,
        })
    }

    fn compare(
        &mut self,
        before: &Snapshot,
        now: &Snapshot,
        google: &Google,
    ) -> Result<(), String> {
        if now.fence < before.fence {
            return Err(format!("the fence went back from {} to {}", before.fence, now.fence));
        }
        self.counters(now)?;
        self.runs(before, now, google)?;
        self.deletions(before, now, google)?;
        self.token(before, now, google)?;
        // The newest run suffices: what was written before was looked at before.
        let idle: i64 = self.one(
            "select count(*) from change where run = (select max(id) from run) and kind = 'updated'
                and before_content = after_content and name_before = name_after",
        );
        if idle > 0 {
            return Err("a contact was written that had not changed".to_owned());
        }
        let needs_reauth: i64 =
            self.one("select count(*) from oauth_grant where needs_reauth_at is not null");
        if needs_reauth > 0 && !self.grounds {
            return Err("a good grant was taken for a dead one".to_owned());
        }
        Ok(())
    }

    fn counters(&self, now: &Snapshot) -> Result<(), String> {
        let stored: Option<[i64; 6]> = self
            .db
            .prepare_cached(
                "select live, deleted, phones, emails, with_phone, with_email from account",
            )
            .and_then(|mut it| {
                it.query_row([], |row| {
                    Ok([
                        row.get(0)?,
                        row.get(1)?,
                        row.get(2)?,
                        row.get(3)?,
                        row.get(4)?,
                        row.get(5)?,
                    ])
                })
            })
            .ok();
        let Some(stored) = stored else { return Ok(()) };
        let live = || now.contacts.values().filter(|it| !it.deleted);
        let counted = [
            live().count() as i64,
            now.contacts.values().filter(|it| it.deleted).count() as i64,
            live().map(|it| it.phones).sum(),
            live().map(|it| it.emails).sum(),
            live().filter(|it| it.phones > 0).count() as i64,
            live().filter(|it| it.emails > 0).count() as i64,
        ];
        if stored != counted {
            return Err(format!("the counters say {stored:?}, the rows {counted:?}"));
        }
        Ok(())
    }

    fn runs(&mut self, before: &Snapshot, now: &Snapshot, google: &Google) -> Result<(), String> {
        let open: Vec<i64> =
            now.runs.iter().filter(|(_, it)| it.outcome.is_none()).map(|(id, _)| *id).collect();
        if open.len() > 1 {
            return Err(format!("{} runs are open at once", open.len()));
        }
        if let Some(open) = open.first()
            && RunId(*open).fence() != now.fence
        {
            return Err(format!(
                "run {} is open, but the fence is {}",
                RunId(*open).fence(),
                now.fence
            ));
        }
        for (id, run) in &now.runs {
            let name = RunId(*id).fence();
            if !self.began.contains_key(id) {
                self.begins(*id)?;
                let earlier = self.began.values().next_back().copied().filter(|_| run.resumed);
                self.began.insert(*id, earlier.unwrap_or(google.version));
            }
            if let Some(earlier) = before.runs.get(id)
                && let Some(was) = &earlier.outcome
                && run.outcome.as_ref() != Some(was)
                && !(was == "held" && run.decided)
            {
                return Err(format!("run {name} ended {was} and then {:?}", run.outcome));
            }
            if run.outcome.is_none() {
                continue;
            }
            if run.listed != run.created + run.updated + run.unchanged + run.set_aside {
                return Err(format!("the books of run {name} do not balance: {run:?}"));
            }
            let after = run.before + run.created + run.restored - run.deleted;
            if run.after != Some(after) {
                return Err(format!("the contacts of run {name} do not add up: {run:?}"));
            }
        }
        Ok(())
    }

    /// What a new run may follow.
    fn begins(&self, run: i64) -> Result<(), String> {
        let mut statement = self
            .db
            .prepare_cached(
                "select started_by, coalesce(asked_by, ''), coalesce(outcome, '') from run
                where id <= ?1 order by id desc limit 2",
            )
            .map_err(|error| error.to_string())?;
        let runs: Vec<(String, String, String)> = statement
            .query_map([run], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .and_then(Iterator::collect)
            .map_err(|error| error.to_string())?;
        let [(started_by, asked_by, _), (_, asked_before, outcome)] = &runs[..] else {
            return Ok(());
        };
        let follow_up = asked_by == FOLLOW_UP_BY;
        if outcome == "cancelled" && (started_by == "startup" || follow_up) {
            return Err("a run was cancelled, and the next one started by itself".to_owned());
        }
        if follow_up && asked_before == FOLLOW_UP_BY && outcome != "interrupted" {
            return Err("a follow-up was followed by another".to_owned());
        }
        Ok(())
    }

    /// Nobody is deleted who was at Google all the time.
    fn deletions(&self, before: &Snapshot, now: &Snapshot, google: &Google) -> Result<(), String> {
        let gone: Vec<(&i64, &Row)> = before
            .contacts
            .iter()
            .filter(|(id, row)| !row.deleted && now.contacts.get(id).is_some_and(|it| it.deleted))
            .collect();
        if gone.is_empty() {
            return Ok(());
        }
        let mut decided = false;
        for (id, row) in &gone {
            let run: i64 = self
                .db
                .prepare_cached(
                    "select max(run) from change where contact = ?1 and kind = 'deleted'",
                )
                .and_then(|mut it| it.query_row([id], |row| row.get(0)))
                .unwrap_or(0);
            // A run that was cleared from the history at once cannot be asked any more.
            decided |= now.runs.get(&run).is_none_or(|it| it.decided);
            let began = self.began.get(&run).copied().unwrap_or(0);
            let since = before.token.map_or(began, |token| token.min(began));
            let Some((person, _)) = read_display(&row.display) else { continue };
            let person = &google.people[person];
            let alive = person.now().is_some_and(|it| it.name.as_deref() == Some(&row.name));
            let always = alive
                && person
                    .states
                    .iter()
                    .filter(|it| it.since >= person.at(since).map_or(0, |it| it.since))
                    .all(|it| it.name.as_deref() == Some(&row.name));
            // Before `since` it may not have been there at all.
            if always && person.at(since).is_some() {
                return Err(format!(
                    "{} was deleted by run {}, but was at Google all the time",
                    row.name,
                    RunId(run).fence()
                ));
            }
        }
        let count = gone.len() as u64;
        let live = now.contacts.values().filter(|it| !it.deleted).count() as u64;
        if !decided && self.guard.holds(live + count, count) {
            return Err(format!("{count} of {} contacts were deleted unasked", live + count));
        }
        Ok(())
    }

    /// The mirror is at least as new as its sync token says.
    fn token(&mut self, before: &Snapshot, now: &Snapshot, google: &Google) -> Result<(), String> {
        let Some(token) = now.token else {
            if before.token.is_some() && !std::mem::take(&mut self.disconnected) {
                return Err("the sync token was replaced by nothing".to_owned());
            }
            return Ok(());
        };
        if let Some(earlier) = before.token
            && token < earlier
        {
            return Err(format!("the sync token went back from {earlier} to {token}"));
        }
        // Who could not be read may be anybody whose new name was not listed, and whoever was merged goes by
        // the name of its heir; such a one is kept for the time being.
        let odd = google
            .people
            .iter()
            .any(|it| it.states.iter().any(|state| state.health != Health::Good));
        let mut mirrored: BTreeMap<usize, Vec<(&str, u64)>> = BTreeMap::new();
        for row in now.contacts.values().filter(|it| !it.deleted) {
            if let Some((person, edition)) = read_display(&row.display) {
                mirrored.entry(person).or_default().push((&row.name, edition));
            }
        }
        for (at, person) in google.people.iter().enumerate() {
            let from = person.states.iter().rposition(|it| it.since <= token);
            let later = &person.states[from.map_or(0, |it| it)..];
            if later.iter().any(|it| it.health != Health::Good) {
                continue;
            }
            let mirrored = mirrored.get(&at).map_or(&[][..], Vec::as_slice);
            let is = |state: &State, name: &str, edition: u64| {
                state.edition == edition && state.name.as_deref() == Some(name)
            };
            // Whoever goes while being listed is not listed; the next changes tell that it went.
            let went = from.is_some() && later[1..].iter().any(|it| it.name.is_none());
            for (name, edition) in mirrored {
                let kept = odd && (google.had_other_names(at) || google.is_merged(at));
                let kept = kept || google.heir_went(name, token);
                if !went && !kept && !later.iter().any(|it| is(it, name, *edition)) {
                    return Err(format!(
                        "the token stands for version {token}, but {name} is of an older one \
                         (edition {edition}; Google has {later:?})"
                    ));
                }
            }
            let may_be_missing = from.is_none() || later.iter().any(|it| it.name.is_none());
            if mirrored.is_empty() && !may_be_missing && !google.unheard_of.contains(&at) {
                return Err(format!(
                    "the token stands for version {token}, but {} is missing",
                    later[0].name.as_deref().unwrap_or("?")
                ));
            }
        }
        Ok(())
    }
}

pub(crate) const ACCOUNT: AccountId = AccountId(1);
