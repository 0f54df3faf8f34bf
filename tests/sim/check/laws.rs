//! What must never be, whatever happened.

use std::collections::BTreeMap;

use ringbook_core::sync::RunId;
use ringbook_core::sync::guard::Guard;
use ringbook_engine::supervisor::FOLLOW_UP_BY;
use rusqlite::Connection;

use super::snapshot::{Row, Snapshot, one};
use crate::google::{Google, Health, State, read_display};
use crate::never::NEVER;

/// What one has to know besides the rows to judge them.
pub(crate) struct Laws {
    guard: Guard,
    /// The guard under which each run goes.
    guards: BTreeMap<i64, Guard>,
    /// So many are at work that take runs out of the history, and one was since the last look.
    clearing: u32,
    cleared: bool,
    /// Whoever cleared the history was told that it failed. After a power cut it may have been done.
    pub(crate) clearing_failed: bool,
    /// Google's version when the last full listing that was told truthfully began.
    listed_at: u64,
    /// Google's version when each run, or the listing that it goes on with, began.
    began: BTreeMap<i64, u64>,
    /// The grant was really dead, or another account's, since somebody connected last.
    pub(crate) grounds: bool,
    /// Somebody took the connection away.
    pub(crate) disconnected: bool,
    /// No clock was ever wrong.
    pub(crate) clocks_agree: bool,
}

/// Google's tokens live for seven days; after so long, nothing that is due may begin with one. It is the
/// age at which they are renewed, and the most by which accounts are spread.
const TOKEN_AGE_MAX: i64 = 11 * 43_200_000_000;

impl Laws {
    pub(super) fn new(guard: Guard) -> Laws {
        Laws {
            guard,
            guards: BTreeMap::new(),
            clearing: 0,
            cleared: false,
            clearing_failed: false,
            listed_at: 0,
            began: BTreeMap::new(),
            grounds: false,
            disconnected: false,
            clocks_agree: true,
        }
    }

    /// A run begins under this guard.
    pub(crate) fn guard_is(&mut self, run: RunId, guard: Guard) {
        self.guards.insert(run.0, guard);
    }

    /// Somebody begins, or ends, to take runs out of the history.
    pub(crate) fn clears(&mut self, begins: bool) {
        self.cleared = true;
        self.clearing = if begins { self.clearing + 1 } else { self.clearing.saturating_sub(1) };
    }

    /// What a power cut may have taken: anything but the words of people.
    pub(super) fn accept_loss(&self, before: &Snapshot, now: &Snapshot) -> Result<(), String> {
        for (id, run) in &before.runs {
            let decided = now.runs.get(id).map_or(self.clearing_failed, |it| it.decided);
            if run.decided && !decided {
                return Err(format!("the word on run {} is lost", RunId(*id).fence()));
            }
            // Its number was told to whoever asked for it.
            let Some(kept) = now.runs.get(id) else {
                if self.clearing_failed && run.outcome.is_some() {
                    continue;
                }
                return Err(format!("run {} is lost", RunId(*id).fence()));
            };
            if run.cancelled && !kept.cancelled {
                return Err(format!("the cancel of run {} is lost", RunId(*id).fence()));
            }
        }
        Ok(())
    }

    /// Whether the rows may have become these.
    pub(super) fn compare(
        &mut self,
        db: &Connection,
        before: &Snapshot,
        now: &Snapshot,
        google: &mut Google,
    ) -> Result<(), String> {
        if now.fence < before.fence {
            return Err(format!("the fence went back from {} to {}", before.fence, now.fence));
        }
        counters(db, now)?;
        expired_tokens(db)?;
        self.runs(db, before, now, google)?;
        self.deletions(db, before, now, google)?;
        self.token(before, now, google)?;
        self.cleared = self.clearing > 0;
        // The newest run suffices: what was written before was looked at before.
        let idle: i64 = one(
            db,
            "select count(*) from change where run = (select max(id) from run) and kind = 'updated'
                and before_content = after_content and name_before = name_after",
        );
        if idle > 0 {
            return Err("a contact was written that had not changed".to_owned());
        }
        let needs_reauth: i64 =
            one(db, "select count(*) from oauth_grant where needs_reauth_at is not null");
        if needs_reauth > 0 && !self.grounds {
            return Err("a good grant was taken for a dead one".to_owned());
        }
        Ok(())
    }

    fn runs(
        &mut self,
        db: &Connection,
        before: &Snapshot,
        now: &Snapshot,
        google: &Google,
    ) -> Result<(), String> {
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
        let mut ended = false;
        for (id, run) in &now.runs {
            let name = RunId(*id).fence();
            if !self.began.contains_key(id) {
                self.begins(db, *id)?;
                let earlier = self.began.values().next_back().copied().filter(|_| run.resumed);
                self.began.insert(*id, earlier.unwrap_or(google.version));
            }
            let outcome_before = before.runs.get(id).and_then(|it| it.outcome.as_ref());
            ended |= run.outcome.as_ref() != outcome_before;
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
            let before = run.before.unsigned_abs();
            let live = (run.before + run.created + run.restored).unsigned_abs();
            let guard = self.guards.get(id).unwrap_or(&self.guard);
            // The row of a new name goes where the old row takes that name over: nobody is lost.
            let lost = (run.deleted - run.renamed).max(0).unsigned_abs();
            let most = before > 0 && lost * 2 > before;
            if !run.decided && (most || is_too_many(guard, live, lost)) {
                return Err(format!("run {name} deleted {} of {live} unasked", run.deleted));
            }
        }
        // This asks much of the database, so only where the books are closed.
        if ended { never(db) } else { Ok(()) }
    }

    /// Nobody is deleted who was at Google all the time.
    fn deletions(
        &self,
        db: &Connection,
        before: &Snapshot,
        now: &Snapshot,
        google: &Google,
    ) -> Result<(), String> {
        let gone: Vec<(&i64, &Row)> = before
            .contacts
            .iter()
            .filter(|(id, row)| !row.deleted && now.contacts.get(id).is_some_and(|it| it.deleted))
            .collect();
        if gone.is_empty() {
            return Ok(());
        }
        let (mut decided, mut guard) = (false, self.guard);
        for (id, row) in &gone {
            let run: i64 = db
                .prepare_cached(
                    "select max(run) from change where contact = ?1 and kind = 'deleted'",
                )
                .and_then(|mut it| it.query_row([id], |row| row.get(0)))
                .unwrap_or(0);
            // A run that was cleared from the history at once cannot be asked any more.
            if !now.runs.contains_key(&run) && !self.cleared {
                return Err(format!("{} was deleted, and no run says so", row.name));
            }
            decided |= now.runs.get(&run).is_none_or(|it| it.decided);
            guard = self.guards.get(&run).copied().unwrap_or(guard);
            let began = self.began.get(&run).copied().unwrap_or(0);
            // A full listing has seen who was there when it began, and the others tell of what came since
            // the last one.
            let full = now.runs.get(&run).is_some_and(|it| it.full);
            let since = before.token.filter(|_| !full).map_or(began, |token| token.min(began));
            // A person may approve what Google would not answer for; the run said so.
            if now.runs.get(&run).is_some_and(|it| it.decided && it.noted) {
                continue;
            }
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
        if !decided && is_too_many(&guard, live + count, count) {
            return Err(format!("{count} of {} contacts were deleted unasked", live + count));
        }
        Ok(())
    }

    /// The mirror is at least as new as its sync token says.
    fn token(
        &mut self,
        before: &Snapshot,
        now: &Snapshot,
        google: &mut Google,
    ) -> Result<(), String> {
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
        if let Some(listing) = now.listing.filter(|_| now.listing != before.listing)
            && let Some(began) = google.was_told_truthfully(listing)
        {
            self.listed_at = began;
            google.hear_of_all_in(listing);
        }
        let odd = google.people.iter().any(|it| {
            let last = it.states.iter().rposition(|it| it.since <= self.listed_at).unwrap_or(0);
            it.states[last..].iter().any(|state| state.health != Health::Good)
        });
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
            // Likewise who was gone when the listing began and is back: the look-up finds it, so it is kept.
            let went =
                from.is_some() && later.len() > 1 && later.iter().any(|it| it.name.is_none());
            let left_out = google.left_out_twice.contains(&at);
            for (name, edition) in mirrored {
                let kept = odd && (google.had_other_names(at) || google.is_merged(at));
                let kept = kept || google.heir_went(name, token) || google.heir_is_left_out(name);
                if !went && !kept && !left_out && !later.iter().any(|it| is(it, name, *edition)) {
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

/// A sync token that Google takes no more costs a listing, and never the run.
fn expired_tokens(db: &Connection) -> Result<(), String> {
    let ended = db
        .prepare_cached(
            "select id from run where outcome = 'failed' and error_message like '%the sync token is%'
            limit 1",
        )
        .and_then(|mut it| it.query_row([], |row| row.get::<_, i64>(0)));
    match ended {
        Ok(run) => Err(format!("run {} ended for its sync token", RunId(run).fence())),
        Err(_) => Ok(()),
    }
}

fn counters(db: &Connection, now: &Snapshot) -> Result<(), String> {
    let stored: Option<[i64; 6]> = db
        .prepare_cached("select live, deleted, phones, emails, with_phone, with_email from account")
        .and_then(|mut it| {
            it.query_row([], |row| {
                Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?])
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

/// Whether so many deletions need a person's word. In our own words, not in those of the guard.
fn is_too_many(guard: &Guard, live: u64, deletions: u64) -> bool {
    let share = live as f64 * guard.percent / 100.0;
    deletions > guard.contacts && deletions as f64 > share
}

/// What must not be in any database.
pub(super) fn never(db: &Connection) -> Result<(), String> {
    for (what, sql) in NEVER {
        let count = db.prepare_cached(sql).and_then(|mut it| it.query_row([], |row| row.get(0)));
        if count != Ok(0) {
            return Err(format!("{what}: {count:?}"));
        }
    }
    Ok(())
}

/// A run, as far as it matters what it may follow.
struct Begun {
    started_by: String,
    asked_by: String,
    outcome: String,
    incremental: bool,
    started_at: i64,
    ended_at: i64,
}

impl Begun {
    /// The run of this number, and the one before it.
    fn read(db: &Connection, run: i64) -> rusqlite::Result<Vec<Begun>> {
        let mut statement = db.prepare_cached(
            "select started_by, coalesce(asked_by, ''), coalesce(outcome, ''), kind = 'incremental',
                started_at, coalesce(ended_at, 0)
            from run where id <= ?1 order by id desc limit 2",
        )?;
        let begun = statement.query_map([run], |row| {
            Ok(Begun {
                started_by: row.get(0)?,
                asked_by: row.get(1)?,
                outcome: row.get(2)?,
                incremental: row.get(3)?,
                started_at: row.get(4)?,
                ended_at: row.get(5)?,
            })
        })?;
        begun.collect()
    }

    fn is_follow_up(&self) -> bool {
        self.asked_by == FOLLOW_UP_BY
    }
}

impl Laws {
    /// What a new run may follow, and with which token.
    fn begins(&self, db: &Connection, run: i64) -> Result<(), String> {
        let runs = Begun::read(db, run).map_err(|error| error.to_string())?;
        let Some(it) = runs.first() else { return Ok(()) };
        let due = it.started_by == "schedule";
        let full_at: i64 = one(db, "select token_full_at from account");
        if due
            && it.incremental
            && self.clocks_agree
            && full_at > 0
            && it.started_at - full_at > TOKEN_AGE_MAX
        {
            let hours = (it.started_at - full_at) / 3_600_000_000;
            return Err(format!("a token {hours} hours old is used on, and not renewed"));
        }
        let Some(before) = runs.get(1) else { return Ok(()) };
        if before.outcome == "cancelled" && (it.started_by == "startup" || it.is_follow_up()) {
            return Err("a run was cancelled, and the next one started by itself".to_owned());
        }
        let slot: i64 = one(db, "select last_slot from account");
        if before.outcome == "cancelled" && due && self.clocks_agree && slot <= before.ended_at {
            return Err("a run was cancelled, and came back for a due time before that".to_owned());
        }
        if it.is_follow_up() && before.is_follow_up() && before.outcome != "interrupted" {
            return Err("a follow-up was followed by another".to_owned());
        }
        Ok(())
    }
}
