//! The end of a history: nothing goes wrong any more, and within a bound all must be well.

use std::sync::atomic::Ordering;

use ringbook_core::sync::Kind;

use crate::check::Watcher;
use crate::google::{Health, Identity};
use crate::history::{History, SECOND};
use crate::life::Life;

/// Seconds within which a person's sync must have succeeded: the longest wait that a run makes, a lease
/// that has to run out, and some.
const TURNS: u32 = 150;
/// Where nobody asks for a sync, time passes faster; a schedule may make them wait for a day.
const TURN_ALONE: i64 = 1200 * SECOND;

impl History {
    pub(crate) async fn heal(&mut self) {
        self.calm().await;
        self.endure().await;
        if self.is_over() {
            return;
        }
        let alone = {
            let mut table = self.table.lock();
            table.lasting = None;
            table.say(|| "from here on all is well".to_owned());
            table.chance.below(2) == 0
        };
        self.recover(alone && self.needs_nobody()).await;
    }

    /// Nothing goes wrong any more by chance.
    async fn calm(&mut self) {
        self.healing = true;
        self.table.say(|| "from here on nothing goes wrong by chance".to_owned());
        {
            let mut table = self.table.lock();
            table.cut = 0;
            table.cancel = None;
            let now = table.now;
            if table.chance.below(2) == 0 {
                for person in table.google.unreadable() {
                    table.google.make(person, Health::Good, now);
                }
            }
        }
        self.mend_storage();
        self.agree_on_the_time();
        self.release_all();
        for process in &self.processes {
            process.body.set(Life::Running);
        }
        self.settle().await;
        if self.processes.is_empty() {
            self.start_process();
        }
    }

    /// Whether the schedule alone must bring the mirror up to date. Only a person's full sync finds those whom an
    /// earlier listing left out, or connects the right account.
    fn needs_nobody(&self) -> bool {
        let table = self.table.lock();
        let google = &table.google;
        let (paused, own_plan) = table.watcher.as_ref().map(Watcher::schedule).unwrap_or_default();
        let planned = own_plan
            || self.processes.iter().all(|it| it.supervisor.options().default_plan.is_some());
        planned
            && !paused
            && google.unheard_of.is_empty()
            && !google.is_leaving_out()
            && google.unreadable().is_empty()
            && !google.revoked
            && google.who == Identity::Ours
            && table.watcher.as_ref().is_some_and(|it| !it.needs_connection())
    }

    /// `alone`: nobody presses a button.
    async fn recover(&mut self, alone: bool) {
        let began_after = self.table.lock().watcher.as_ref().map_or(0, Watcher::newest_run);
        let mut asked = alone;
        for _ in 0..TURNS {
            self.expect_convergence(began_after);
            if self.is_over() {
                return;
            }
            if asked && self.is_well() && self.lists_the_unreadable(began_after) {
                return;
            }
            self.look();
            self.settle().await;
            self.connect_if_needed().await;
            let held = self.table.lock().watcher.as_ref().map_or(0, Watcher::held_run);
            // What was held while Google had trouble is found out by the next listing.
            if !alone || held > began_after {
                self.decide_if_held().await;
            }
            let idle = self.table.lock().watcher.as_ref().is_none_or(|it| !it.anything_open());
            let done = asked && self.is_well() && self.lists_the_unreadable(began_after);
            let mut turn = SECOND;
            if idle && !done && alone {
                turn = TURN_ALONE;
            } else if idle && !done {
                asked = true;
                let kind = self.last_resort();
                self.start_run(kind);
                self.settle().await;
            }
            self.answer_all().await;
            let now = self.table.lock().now;
            self.pass_to(now, now + turn).await;
            self.settle().await;
        }
        let mut why = self.whats_wrong();
        if why.is_empty() {
            why = "no whole listing has told who cannot be read".to_owned();
        }
        self.table.violate(format!("all is well at Google, but not here: {why}"));
    }

    fn agree_on_the_time(&mut self) {
        for process in &self.processes {
            process.wrong_by.store(0, Ordering::Relaxed);
        }
        self.table.lock().wake_sleepers();
    }

    /// Only a full sync finds people whom an earlier one could not know to be missing, and names all who
    /// cannot be read.
    fn last_resort(&self) -> Option<Kind> {
        let google = &self.table.lock().google;
        let full = !google.unheard_of.is_empty() || !google.unreadable().is_empty();
        full.then_some(Kind::Full)
    }

    /// The first run that succeeds leaves the mirror equal to Google: one that began when nothing went wrong
    /// any more. After a full one it may take its follow-up, and changes cannot tell of who was left out of
    /// an earlier listing.
    fn expect_convergence(&self, began_after: i64) {
        let good = {
            let table = self.table.lock();
            let Some(watcher) = &table.watcher else { return };
            let mut good = watcher.good_runs(began_after);
            if !table.google.unheard_of.is_empty() || !table.google.unreadable().is_empty() {
                let whole = good.iter().position(|it| it.full && !it.resumed);
                good = good.split_off(whole.unwrap_or(good.len()));
            }
            good
        };
        let enough = good.len() > 1 || good.first().is_some_and(|it| !it.full);
        let differs = self.difference();
        if enough && !differs.is_empty() {
            let runs: Vec<i64> = good.iter().map(|it| it.fence).collect();
            self.table.violate(format!("runs {runs:?} succeeded, but {differs}"));
        }
    }

    /// Whether a whole listing has been read since all is well, if somebody cannot be read; it must have
    /// set aside whoever that is, and nobody else.
    fn lists_the_unreadable(&self, began_after: i64) -> bool {
        let mut table = self.table.lock();
        let mut odd: Vec<Option<String>> = table.google.unreadable_names();
        if odd.is_empty() {
            return true;
        }
        let Some(watcher) = &table.watcher else { return true };
        let good = watcher.good_runs(began_after);
        let Some(listing) = good.iter().find(|it| it.full && !it.resumed) else { return false };
        let (mut aside, partial) = (watcher.set_aside(listing.id), listing.partial);
        odd.sort();
        aside.sort();
        if !partial || aside != odd {
            let fence = listing.fence;
            table.violate(format!(
                "{odd:?} cannot be read, but run {fence} set {aside:?} aside (partial: {partial})"
            ));
        }
        true
    }

    /// All requests that come up, until none does.
    pub(crate) async fn answer_all(&mut self) {
        for _ in 0..200 {
            let ask = {
                let mut table = self.table.lock();
                if table.asks.is_empty() { None } else { Some(table.asks.remove(0)) }
            };
            let Some(ask) = ask else { return };
            if ask.is_wanted() {
                self.table.lock().answer(ask, None);
            }
            self.settle().await;
            if self.is_over() {
                return;
            }
        }
    }

    pub(crate) async fn connect_if_needed(&mut self) {
        let bad = {
            let table = self.table.lock();
            table.google.revoked
                || table.google.who != Identity::Ours
                || table.watcher.as_ref().is_some_and(|it| it.needs_connection())
        };
        if bad && let Some(process) = self.any_running() {
            self.connect(process, Identity::Ours, true);
            self.settle().await;
        }
    }

    async fn decide_if_held(&mut self) {
        let held = self.table.lock().watcher.as_ref().is_some_and(|it| it.is_held());
        if held && let Some(process) = self.any_running() {
            process.spawn(&self.table, self.decide(process, true));
            self.settle().await;
        }
    }

    fn is_well(&self) -> bool {
        self.whats_wrong().is_empty()
    }

    fn whats_wrong(&self) -> String {
        let table = self.table.lock();
        let Some(watcher) = &table.watcher else { return String::new() };
        if watcher.anything_open() {
            return "a run is open".to_owned();
        }
        if !watcher.last_succeeded() {
            return "the last run did not succeed".to_owned();
        }
        drop(table);
        self.difference()
    }

    /// How the mirror is not like Google.
    fn difference(&self) -> String {
        let table = self.table.lock();
        let Some(watcher) = &table.watcher else { return String::new() };
        let mirror = match watcher.mirror() {
            Ok(mirror) => mirror,
            Err(error) => return error.to_string(),
        };
        let truth = table.google.truth();
        for (name, content) in &truth {
            match mirror.get(name) {
                None => return format!("{name} is missing"),
                Some(json) if *json != content.encode().0 => {
                    return format!("{name} is {json}, not {}", content.encode().0);
                }
                Some(_) => {}
            }
        }
        // Who cannot be read stays as it was known, and so does who became a part of it.
        let may_stay = |name: &str| table.google.may_stay(name);
        match mirror.keys().find(|it| !truth.contains_key(*it) && !may_stay(it)) {
            Some(name) => format!("{name} is not at Google"),
            None => String::new(),
        }
    }
}
