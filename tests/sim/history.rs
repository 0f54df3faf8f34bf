//! One history: an installation, a Google, and an hour or a month of trouble, told step by step.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ringbook_core::sync::guard::Guard;
use ringbook_core::sync::{Outcome, RunId};
use ringbook_disk::Disk;
use ringbook_store::{DbError, Store};

use crate::check::Watcher;
use crate::faults::Mixture;
use crate::google::Health;
use crate::life::Life;
use crate::process::{Process, Setup};
use crate::table::{Dead, Table};
use crate::turns::Turns;

pub(crate) const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3600 * SECOND;
/// Monday, 6 January 2031, 08:00 UTC. Not in the past: files that look old are tidied away.
pub(crate) const BEGINNING: i64 = 1_925_452_800 * SECOND;
/// A real connection is given up after so long.
const HANG_MAX: i64 = 60 * SECOND;
/// Stopped within a second, and a little for the steps that time takes here.
const CANCEL_MAX: i64 = 1_300_000;

pub(crate) struct History {
    pub(crate) table: Table,
    pub(crate) disk: Arc<Disk>,
    /// Open connections, one for each process that may run at once.
    pub(crate) connections: Vec<Store>,
    pub(crate) processes: Vec<Process>,
    pub(crate) setup: Setup,
    pub(crate) mixture: Mixture,
    numbers: u32,
    pub(crate) steps: u32,
    pub(crate) healing: bool,
    /// No clock was ever wrong.
    pub(crate) clocks_agree: bool,
}

/// What a person has been promised: this run stops.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cancel {
    pub(crate) run: RunId,
    pub(crate) at: i64,
    /// Pages that were stored by then.
    pub(crate) pages: i64,
    /// The process that the run is in.
    pub(crate) owner: u32,
}

impl History {
    pub(crate) fn new(table: Table, disk: Arc<Disk>) -> History {
        let (setup, mixture, people) = {
            let mut table = table.lock();
            let chance = &mut table.chance;
            let setup = Setup {
                page_size: *chance.pick(&[3, 2, 5, 100]),
                pause: chance.below(8) == 7,
                minutes: *chance.pick(&[Some(60), Some(5), Some(1440), None]),
                full_after_days: 5,
                guard: Guard { contacts: *chance.pick(&[2, 0, 100]), percent: 20.0 },
                keep_runs: *chance.pick(&[10_000, 10_000, 2]),
                tombstone_hours: *chance.pick(&[2160, 2160, 1]),
                fetch_ahead: chance.below(4) != 3,
            };
            let mixture = Mixture::draw(chance);
            (setup, mixture, chance.between(0, 14))
        };
        {
            let mut table = table.lock();
            table.cut = mixture.cut;
            let now = table.now;
            for _ in 0..people {
                table.google.create(now);
            }
        }
        History {
            table,
            disk,
            connections: Vec::new(),
            processes: Vec::new(),
            setup,
            mixture,
            numbers: 0,
            steps: 0,
            healing: false,
            clocks_agree: true,
        }
    }

    /// Tells the history to its end. What is wrong stands in the table.
    pub(crate) async fn tell(&mut self) {
        self.start_process();
        self.connect_first().await;
        let (steps, processes) = {
            let mut table = self.table.lock();
            (table.chance.between(1, 90), table.chance.below(3))
        };
        for _ in 0..processes {
            self.start_process();
        }
        for _ in 0..steps {
            self.step().await;
            if self.is_over() {
                return;
            }
        }
        self.heal().await;
        self.add_up().await;
    }

    /// The statistics are the sum of the runs, and all that belongs to these is in order.
    async fn add_up(&self) {
        let Some(store) = self.connections.first() else { return };
        let told = async {
            let mut outcomes: Vec<_> = store.outcomes(None).await?;
            outcomes.sort_by_key(|it| it.0.map(Outcome::as_str));
            Ok::<_, DbError>((store.run_sums().await?, outcomes))
        };
        let told = told.await;
        let mut table = self.table.lock();
        if let Some(Err(problem)) = table.watcher.as_ref().map(Watcher::never) {
            table.violate(problem);
        }
        let added = table.watcher.as_ref().map(|it| (it.run_sums(), it.outcomes()));
        match (told, added) {
            (Ok((sums, outcomes)), Some((Ok(our_sums), Ok(our_outcomes)))) => {
                if sums != our_sums || outcomes != our_outcomes {
                    table.violate(format!(
                        "the statistics say {sums:?} and {outcomes:?}, the runs {our_sums:?} and \
                         {our_outcomes:?}"
                    ));
                }
            }
            (told, added) => {
                table.violate(format!("the statistics cannot be read: {told:?}, {added:?}"));
            }
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.table.lock().violation().is_some()
    }

    pub(crate) fn start_process(&mut self) {
        let used: Vec<usize> = self.processes.iter().map(|it| it.slot).collect();
        let Some(slot) = (0..self.connections.len()).find(|it| !used.contains(it)) else { return };
        self.numbers += 1;
        let number = self.numbers;
        self.table.say(|| format!("p{number} starts"));
        let connections = &self.connections[slot];
        self.processes.push(Process::start(number, slot, connections, &self.setup, &self.table));
    }

    /// Everything that can happen without a further choice, and then a look at what came of it.
    pub(crate) async fn settle(&mut self) {
        self.table.settle().await;
        let running = self.processes.iter().filter(|it| it.is_running()).map(|it| it.number);
        let mut table = self.table.lock();
        let table = &mut *table;
        table.running.clear();
        table.running.extend(running);
        table.asks.retain(|it| it.is_wanted());
        let changed = table.turns.as_mut().is_none_or(Turns::was_asked);
        if changed
            && let Some(watcher) = &mut table.watcher
            && let Err(violation) = watcher.look(&mut table.google, table.now)
        {
            table.violate(violation);
        }
        if table.tells_rows
            && let Some(watcher) = &mut table.watcher
        {
            for line in watcher.news() {
                table.say(|| line);
            }
        }
        if let Some(cancel) = table.cancel {
            let open = table.watcher.as_ref().is_some_and(|it| it.is_open(cancel.run));
            let pages = table.watcher.as_ref().map_or(0, |it| it.pages(cancel.run)) - cancel.pages;
            if !open {
                let outcome = table.watcher.as_ref().and_then(|it| it.outcome(cancel.run));
                if outcome.as_deref() == Some("interrupted") {
                    table.violate("a cancelled run was closed as interrupted".to_owned());
                }
                if matches!(outcome.as_deref(), Some("succeeded" | "partial")) && pages > 0 {
                    table.violate(format!("a cancelled run stored {pages} pages and succeeded"));
                }
                table.cancel = None;
            } else if pages > 1 {
                table.violate(format!("a cancelled run stored {pages} more pages"));
            } else if table.now > cancel.at + CANCEL_MAX {
                table.violate(format!(
                    "run {} was cancelled {} ms ago and goes on",
                    cancel.run.fence(),
                    (table.now - cancel.at) / 1000
                ));
            }
        }
    }

    async fn step(&mut self) {
        self.steps += 1;
        if let Some((_, lasting)) = self.mixture.lasting.take_if(|it| it.0 <= self.steps) {
            let mut table = self.table.lock();
            table.say(|| format!("google: from here on, {lasting:?}"));
            table.lasting = Some(lasting);
        }
        enum Next {
            Answer,
            Release,
            Time,
            Look,
            User,
            People,
            Process,
            Account,
            Storage,
            Read,
        }
        const ALL: [Next; 10] = [
            Next::Answer,
            Next::Release,
            Next::Time,
            Next::Look,
            Next::User,
            Next::People,
            Next::Process,
            Next::Account,
            Next::Storage,
            Next::Read,
        ];
        let next = {
            let mut table = self.table.lock();
            let asked = table.asks.iter().any(|it| !it.hangs);
            let held = !table.held.is_empty();
            let g = self.mixture.groups;
            let weights = [
                if asked { 60 } else { 0 },
                if held { 40 } else { 0 },
                20,
                8,
                g[3],
                g[0],
                g[1],
                g[2],
                g[4],
                g[5],
            ];
            let at = table.chance.weighted(&weights);
            &ALL[at]
        };
        match next {
            Next::Answer => self.answer(),
            Next::Release => self.release_one(),
            Next::Time => self.pass_time().await,
            Next::Look => self.look(),
            Next::User => self.user(),
            Next::People => self.people(),
            Next::Process => self.process().await,
            Next::Account => self.account(),
            Next::Storage => self.storage().await,
            Next::Read => self.read(),
        }
        self.settle().await;
    }

    fn answer(&self) {
        let mut table = self.table.lock();
        let open: Vec<usize> = (0..table.asks.len()).filter(|at| !table.asks[*at].hangs).collect();
        if open.is_empty() {
            return;
        }
        let at = *table.chance.pick(&open);
        let ask = table.asks.remove(at);
        table.answer(ask, Some(&self.mixture));
    }

    fn release_one(&self) {
        let held = {
            let mut table = self.table.lock();
            let count = table.held.len() as u32;
            if count == 0 {
                return;
            }
            let at = table.chance.below(count) as usize;
            let held = table.held.remove(at);
            let process = held.process;
            table.say(|| format!("p{process} goes on"));
            held
        };
        held.release();
    }

    pub(crate) fn release_all(&self) {
        let held = std::mem::take(&mut self.table.lock().held);
        held.into_iter().for_each(|it| it.release());
    }

    /// Lets time pass: to the next moment that somebody waits for, or longer where nobody does.
    async fn pass_time(&mut self) {
        let (from, to) = {
            let mut table = self.table.lock();
            let now = table.now;
            let next = table.next_timer().map_or(now + SECOND, |it| it.max(now));
            let idle = table.asks.is_empty() && table.next_timer().is_none();
            let choice = table.chance.below(10);
            let to = match choice {
                _ if table.cancel.is_some() => next.min(now + SECOND / 4),
                0..=5 => next.min(now + 5 * SECOND),
                6 | 7 => now + i64::from(table.chance.between(1, 3000)) * 1000,
                8 if idle => now + i64::from(table.chance.between(1, 120)) * 60 * SECOND,
                9 if idle && self.mixture.long_waits => {
                    now + i64::from(table.chance.between(1, 100)) * HOUR
                }
                _ => now + 4 * SECOND,
            };
            (now, to)
        };
        self.pass_to(from, to).await;
    }

    pub(crate) async fn pass_to(&mut self, from: i64, to: i64) {
        // A process that is held up for longer is a frozen one; that is another fault.
        if self.table.lock().cancel.is_some() || to - from > SECOND {
            self.release_all();
            self.settle().await;
        }
        let mut table = self.table.lock();
        if table.cancel.is_some() && to - from > SECOND / 4 && !self.healing {
            return;
        }
        table.say_time(from, to);
        table.advance(to);
        let now = table.now;
        // A real connection does not hang for ever.
        let (given_up, asks) = std::mem::take(&mut table.asks)
            .into_iter()
            .partition(|it| it.hangs && now - it.since > HANG_MAX);
        table.asks = asks;
        drop(table);
        let given_up: Vec<crate::table::Ask> = given_up;
        for ask in given_up {
            let error = ringbook_core::sync::book::FetchError::Again {
                delay: ringbook_core::sync::Delay::Network,
                retry_after: None,
                message: "no answer".to_owned(),
            };
            crate::faults::fail(ask, error);
        }
    }

    /// What the supervisor does each second.
    pub(crate) fn look(&self) {
        let Some(process) = self.any_running() else { return };
        let (supervisor, number) = (process.supervisor.clone(), process.number);
        if self.steps > 0 && !self.healing {
            self.table.say(|| format!("p{number} looks what is due"));
        }
        process.spawn(
            &self.table,
            Box::pin(async move {
                let _ = supervisor.look().await;
            }),
        );
    }

    pub(crate) fn any_running(&self) -> Option<&Process> {
        let running: Vec<&Process> = self.processes.iter().filter(|it| it.is_running()).collect();
        if running.is_empty() {
            return None;
        }
        let at = self.table.lock().chance.below(running.len() as u32);
        Some(running[at as usize])
    }

    fn people(&self) {
        let mut table = self.table.lock();
        let table = &mut *table;
        let (now, google, chance) = (table.now, &mut table.google, &mut table.chance);
        let living = google.living();
        let choice = chance.weighted(&self.mixture.people);
        if living.is_empty() || choice == 0 {
            let person = google.create(now);
            table.say(|| format!("google: n{person} is new"));
            return;
        }
        let person = *chance.pick(&living);
        let what = match choice {
            1 => {
                google.edit(person, now);
                "is edited"
            }
            2 => {
                google.delete(person, now);
                "is deleted"
            }
            3 => {
                google.rename(person, chance.below(2) == 1, now);
                "gets a new name"
            }
            4 => {
                let into = *chance.pick(&living);
                // What becomes part of a person that cannot be read is not told to anybody.
                let good =
                    |at: usize| google.people[at].now().is_some_and(|it| it.health == Health::Good);
                if into == person || !good(into) || !good(person) {
                    return;
                }
                google.merge(person, into, chance.below(2) == 1, now);
                "is merged into another"
            }
            5 => {
                let gone: Vec<usize> = (0..google.people.len())
                    .filter(|at| google.people[*at].now().is_none() && !google.is_merged(*at))
                    .collect();
                if gone.is_empty() {
                    return;
                }
                let person = *chance.pick(&gone);
                google.restore(person, now);
                table.say(|| format!("google: n{person} is restored"));
                return;
            }
            6 => {
                let health = *chance.pick(&[Health::Odd, Health::Nameless]);
                if google.had_other_names(person) {
                    return;
                }
                google.make(person, health, now);
                "cannot be read any more"
            }
            7 => {
                google.make(person, Health::Good, now);
                "can be read"
            }
            8 => {
                for person in &living {
                    if chance.below(2) == 1 {
                        google.delete(*person, now);
                    }
                }
                "and others are deleted"
            }
            _ => {
                google.touch(person, now);
                "is touched"
            }
        };
        table.say(|| format!("google: n{person} {what}"));
    }

    /// Processes come and go, stop and wake up, and their clocks are set.
    async fn process(&mut self) {
        let choice = self.table.lock().chance.weighted(&self.mixture.processes);
        if choice == 0 || self.processes.is_empty() {
            return self.start_process();
        }
        let at = self.table.lock().chance.below(self.processes.len() as u32) as usize;
        let number = self.processes[at].number;
        match choice {
            1 => self.crash(at, true).await,
            2 => self.crash(at, false).await,
            3 => {
                self.table.say(|| format!("p{number} is frozen"));
                self.processes[at].body.set(Life::Frozen);
                let mut table = self.table.lock();
                table.cancel = table.cancel.filter(|it| it.owner != number);
            }
            4 => {
                self.table.say(|| format!("p{number} is awake"));
                self.processes[at].body.set(Life::Running);
            }
            5 => {
                let supervisor = self.processes[at].supervisor.clone();
                self.table.say(|| format!("p{number} shuts down"));
                let process = &self.processes[at];
                process.spawn(
                    &self.table,
                    Box::pin(async move {
                        supervisor.shut_down(Duration::from_secs(3600)).await;
                    }),
                );
                self.settle().await;
                self.release_all();
                self.settle().await;
                self.crash(at, true).await;
            }
            6 => {
                let by = {
                    let mut table = self.table.lock();
                    let by = i64::from(table.chance.between(1, 90_000)) * SECOND;
                    if table.chance.below(2) == 1 { -by } else { by }
                };
                self.table.say(|| format!("p{number}: the clock is set by {} s", by / SECOND));
                self.processes[at].wrong_by.fetch_add(by, Ordering::Relaxed);
                self.clocks_agree = false;
                let mut table = self.table.lock();
                table.clocks_agree = false;
                if let Some(watcher) = &mut table.watcher {
                    watcher.laws.clocks_agree = false;
                }
                table.cancel = None;
                table.wake_sleepers();
            }
            _ => {
                let mut table = self.table.lock();
                let setup = &mut self.setup;
                setup.page_size = *table.chance.pick(&[3, 2, 5, 100]);
                setup.minutes = *table.chance.pick(&[Some(60), Some(5), Some(1440), None]);
                setup.pause = table.chance.below(4) == 3;
                setup.guard.contacts = *table.chance.pick(&[2, 0, 100]);
                table.say(|| format!("the next process has {setup:?}"));
            }
        }
    }

    /// `seen`: the others can see that it is gone; not so when it was on another machine.
    pub(crate) async fn crash(&mut self, at: usize, seen: bool) {
        let process = self.processes.remove(at);
        let number = process.number;
        let died = self.steps;
        {
            let mut table = self.table.lock();
            table.say(|| format!("p{number} is gone{}", if seen { "" } else { ", unseen" }));
            let at = table.now;
            table.dead.push(Dead { process: number, step: died, at, seen });
            table.cancel = table.cancel.filter(|it| it.owner != number);
        }
        process.body.set(Life::Dead);
        let name = self.name_of(number);
        drop(process);
        self.settle().await;
        let mut table = self.table.lock();
        table.held.retain(|it| it.process != number);
        table.asks.retain(|it| it.process != number);
        drop(table);
        if let (false, Some(name)) = (seen, name) {
            let folder = self.connections[0].path().and_then(|it| it.parent());
            let folder = folder.map_or_else(std::env::temp_dir, Path::to_owned);
            let _ = std::fs::remove_file(folder.join(format!("ringbook-{name}.alive")));
        }
    }

    fn name_of(&self, number: u32) -> Option<String> {
        let table = self.table.lock();
        table.owners.iter().find(|it| it.1 == number).map(|it| it.0.clone())
    }
}
