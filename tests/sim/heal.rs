//! The end of a history: nothing goes wrong any more, and within a bound all must be well.

use std::sync::atomic::Ordering;

use ringbook::sync::Kind;

use crate::google::{Health, Who};
use crate::history::{History, SECOND};
use crate::life::Life;

/// Seconds within which a person's sync must have succeeded: the longest wait that a run makes, a lease
/// that has to run out, and some.
const TURNS: u32 = 150;

impl History {
    pub(crate) async fn heal(&mut self) {
        self.healing = true;
        self.table.say(|| "from here on all is well".to_owned());
        {
            let mut table = self.table.lock();
            table.cut = 0;
            table.cancel = None;
            let now = table.now;
            let odd: Vec<usize> = table
                .google
                .living()
                .into_iter()
                .filter(|at| {
                    table.google.people[*at].now().is_some_and(|it| it.health != Health::Good)
                })
                .collect();
            for person in odd {
                table.google.make(person, Health::Good, now);
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
        let mut asked = false;
        for _ in 0..TURNS {
            if self.is_over() {
                return;
            }
            if self.is_well() && asked {
                return;
            }
            self.look();
            self.settle().await;
            self.connect_if_needed().await;
            self.decide_if_held().await;
            let idle = self.table.lock().watcher.as_ref().is_none_or(|it| !it.anything_open());
            if idle && !(asked && self.is_well()) {
                asked = true;
                let kind = self.last_resort();
                self.start_run(kind);
                self.settle().await;
            }
            self.answer_all().await;
            let now = self.table.lock().now;
            self.pass_to(now, now + SECOND).await;
            self.settle().await;
        }
        let why = self.whats_wrong();
        self.table.violate(format!("all is well at Google, but not here: {why}"));
    }

    fn agree_on_the_time(&mut self) {
        for process in &self.processes {
            process.wrong_by.store(0, Ordering::Relaxed);
        }
        self.table.lock().wake_sleepers();
    }

    /// Only a full sync finds people whom an earlier one could not know to be missing.
    fn last_resort(&self) -> Option<Kind> {
        (!self.table.lock().google.unheard_of.is_empty()).then_some(Kind::Full)
    }

    /// All requests that come up, until none does.
    async fn answer_all(&mut self) {
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

    async fn connect_if_needed(&mut self) {
        let bad = {
            let table = self.table.lock();
            table.google.revoked
                || table.google.who != Who::Ours
                || table.watcher.as_ref().is_some_and(|it| it.needs_connection())
        };
        if bad && let Some(process) = self.any_running() {
            self.connect(process, Who::Ours, true);
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
        match mirror.keys().find(|it| !truth.contains_key(*it)) {
            Some(name) => format!("{name} is not at Google"),
            None => String::new(),
        }
    }
}
