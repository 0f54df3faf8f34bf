//! What people do in a history: they ask for syncs, cancel, decide, connect and disconnect.

use std::time::Duration;

use futures_util::future::BoxFuture;
use ringbook_core::sync::{Kind, Trigger};
use ringbook_engine::supervisor::{StartRequest, Supervisor};
use ringbook_store::{NewTokens, ScheduleRow, StartError, Store};

use crate::check::ACCOUNT;
use crate::google::Identity;
use crate::history::{Cancel, History, SECOND};
use crate::process::Process;
use crate::table::Table;

/// So long after its death, a process of another machine is in nobody's way.
const DEAD_MAX: i64 = 12 * SECOND;

fn tokens(store: &Store) -> NewTokens {
    NewTokens {
        access_token: "access".to_owned().into(),
        expires_at: ringbook_core::clock::after(store.clock().now(), Duration::from_secs(3600)),
        refresh_token: Some("refresh".to_owned().into()),
        refresh_expires_at: None,
        scopes: vec!["contacts".to_owned()],
    }
}

/// Asks for a sync, as a person would.
async fn start(
    table: Table,
    supervisor: Supervisor,
    number: u32,
    kind: Option<Kind>,
    asked_at: u32,
) {
    let wish = StartRequest { account: ACCOUNT, kind, trigger: Trigger::Api, asked_by: None };
    table.lock().starting.push(number);
    let started = supervisor.start(&wish).await;
    let mut table = table.lock();
    table.starting.retain(|it| *it != number);
    match started {
        Ok(it) => table.say(|| format!("p{number} started run {}", it.run.fence())),
        Err(StartError::Busy(_)) => {
            let (holder, expires_at) =
                table.watcher.as_ref().map(|it| it.holder()).unwrap_or_default();
            let owner =
                table.owners.iter().find(|it| Some(&it.0) == holder.as_ref()).map(|it| it.1);
            let dead = table.dead.iter().find(|dead| Some(dead.process) == owner).copied();
            table.say(|| format!("p{number} did not start a run: {owner:?} holds the lease"));
            let idle = table.watcher.as_ref().is_some_and(|it| !it.anything_open());
            if idle && !table.storage_fails {
                table.violate("a run was refused because of another, and none is open".to_owned());
            }
            // Whoever could be seen to be dead before we asked must not be in the way.
            if let Some(dead) = dead
                && dead.step < asked_at
                && (dead.seen
                    || table.clocks_agree
                        && (expires_at <= table.now || dead.at + DEAD_MAX < table.now))
            {
                table.violate(format!("p{} is dead and still in the way", dead.process));
            }
        }
        Err(refusal) => table.say(|| format!("p{number} did not start a run: {refusal}")),
    }
}

/// Somebody takes runs out of the history, who may be killed meanwhile.
struct Clearing(Table);

impl Clearing {
    fn begin(table: &Table) -> Clearing {
        if let Some(watcher) = &mut table.lock().watcher {
            watcher.laws.clears(true);
        }
        Clearing(table.clone())
    }
}

impl Drop for Clearing {
    fn drop(&mut self) {
        if let Some(watcher) = &mut self.0.lock().watcher {
            watcher.laws.clears(false);
        }
    }
}

/// What could not be synced may still be found after a power cut.
fn clearing_failed(table: &Table) {
    if let Some(watcher) = &mut table.lock().watcher {
        watcher.laws.clearing_failed = true;
    }
}

/// What a user does in one click. `None` when it cannot be clicked.
impl History {
    pub(crate) fn start_run(&self, kind: Option<Kind>) {
        let Some(process) = self.any_running() else { return };
        self.start_run_on(process, kind);
    }

    pub(crate) fn start_run_on(&self, process: &Process, kind: Option<Kind>) {
        let (table, supervisor) = (self.table.clone(), process.supervisor.clone());
        {
            // Of two who wait for the same run, chance decides who is told of its end first.
            let table = table.lock();
            if table.starting.contains(&process.number) {
                return;
            }
        }
        let work = start(table, supervisor, process.number, kind, self.steps);
        process.spawn(&self.table, Box::pin(work));
    }

    pub(crate) fn user(&self) {
        let choice = self.table.lock().chance.weighted(&self.mixture.user);
        let Some(process) = self.any_running() else { return };
        let (store, supervisor) = (process.store.clone(), process.supervisor.clone());
        let (table, number) = (self.table.clone(), process.number);
        let work: BoxFuture<'static, ()> = match choice {
            0 => {
                let kinds = [None, Some(Kind::Full), Some(Kind::Incremental)];
                let kind = *self.table.lock().chance.pick(&kinds);
                return self.start_run_on(process, kind);
            }
            1 => Box::pin(cancel(table, supervisor, number)),
            2 => self.decide(process, true),
            3 => self.decide(process, false),
            4 => {
                let keep = self.table.lock().chance.below(2) == 1;
                Box::pin(async move {
                    let _clearing = Clearing::begin(&table);
                    match store.clear_history(keep).await {
                        Ok(cleared) => table.say(|| format!("p{number} cleared {cleared} runs")),
                        Err(_) => clearing_failed(&table),
                    }
                })
            }
            5 => {
                let retention = self.setup.retention();
                Box::pin(async move {
                    let _clearing = Clearing::begin(&table);
                    match store.prune(ACCOUNT, &retention).await {
                        Ok(pruned) => table.say(|| format!("p{number} pruned: {pruned:?}")),
                        Err(_) => clearing_failed(&table),
                    }
                })
            }
            6 => {
                let mut table = self.table.lock();
                let paused = table.chance.below(2) == 1;
                let minutes = *table.chance.pick(&[None, Some(5), Some(60)]);
                table.say(|| format!("p{number}: every {minutes:?} minutes, paused: {paused}"));
                let row = ScheduleRow { minutes, paused, ..ScheduleRow::default() };
                Box::pin(async move {
                    let _ = store.set_schedule(ACCOUNT, &row).await;
                })
            }
            _ => Box::pin(async move {
                let _ = store.close_orphans(ACCOUNT).await;
            }),
        };
        process.spawn(&self.table, work);
    }

    pub(crate) fn decide(&self, process: &Process, approve: bool) -> BoxFuture<'static, ()> {
        let (table, number) = (self.table.clone(), process.number);
        let (store, supervisor) = (process.store.clone(), process.supervisor.clone());
        Box::pin(async move {
            let Ok(Some(account)) = store.account(ACCOUNT).await else { return };
            let Some(run) = account.held_run else { return };
            let said = if approve {
                supervisor.approve(run, "user").await.map(|count| format!("{count} deleted"))
            } else {
                supervisor.reject(run, "user").await.map(|()| "nothing deleted".to_owned())
            };
            table.say(|| {
                let word = if approve { "approved" } else { "rejected" };
                format!("p{number}: run {} was {word}: {said:?}", run.fence())
            });
        })
    }

    /// Grants come and go.
    pub(crate) fn account(&self) {
        let (choice, known) = {
            let mut table = self.table.lock();
            let known = table.watcher.as_ref().is_some_and(|it| it.knows_identity());
            (table.chance.weighted(&self.mixture.accounts), known)
        };
        let Some(process) = self.any_running() else { return };
        let (table, store, number) = (self.table.clone(), process.store.clone(), process.number);
        let work: BoxFuture<'static, ()> = match choice {
            0 => return self.connect(process, Identity::Ours, true),
            1 => return self.connect(process, Identity::Ours, false),
            // Before it is known whose contacts these are, nobody is the wrong one.
            2 | 3 if !known => return,
            2 => return self.connect(process, Identity::Another, true),
            3 => return self.connect(process, Identity::Another, false),
            4 => {
                let mut table = self.table.lock();
                table.say(|| "google: the grant is revoked".to_owned());
                return table.revoke();
            }
            _ => Box::pin(async move {
                let done = store.disconnect(ACCOUNT).await;
                // Without a grant there may still be a token, from a run that was approved since.
                if done.is_ok()
                    && let Some(watcher) = &mut table.lock().watcher
                {
                    watcher.laws.disconnected = true;
                }
                table.say(|| format!("p{number} disconnected: {done:?}"));
            }),
        };
        process.spawn(&self.table, work);
    }

    /// A consent. `told`: Google said whose it is.
    pub(crate) fn connect(&self, process: &Process, who: Identity, told: bool) {
        let (table, store, number) = (self.table.clone(), process.store.clone(), process.number);
        let work = Box::pin(async move {
            let id = told.then(|| who.id());
            let connected = store.connect(Some(ACCOUNT), id.as_ref(), &tokens(&store)).await;
            let mut table = table.lock();
            table.say(|| format!("p{number} connected {who:?} (told: {told}): {connected:?}"));
            if connected.is_ok() {
                table.google.revoked = false;
                table.google.who = who;
                if let Some(watcher) = &mut table.watcher {
                    watcher.laws.grounds = who == Identity::Another;
                }
            }
        });
        process.spawn(&self.table, work);
    }

    pub(crate) async fn connect_first(&mut self) {
        let Some(process) = self.processes.first() else { return };
        let told = self.table.lock().chance.below(2) == 0;
        let id = told.then(|| Identity::Ours.id());
        let connected = process.store.connect(None, id.as_ref(), &tokens(&process.store)).await;
        if connected.ok() != Some(ACCOUNT) {
            self.table.violate("an account could not be connected".to_owned());
        }
        self.settle().await;
    }

    /// Somebody looks at a page of the dashboard.
    pub(crate) fn read(&self) {
        let Some(process) = self.any_running() else { return };
        let (table, store) = (self.table.clone(), process.store.clone());
        process.spawn(
            &self.table,
            Box::pin(async move {
                let read = async {
                    let latest = store.latest_run(ACCOUNT).await?;
                    let account = store.account(ACCOUNT).await?;
                    let sums = store.run_sums().await?;
                    Ok::<_, ringbook_store::DbError>((latest, account, sums))
                };
                if let Err(problem) = read.await {
                    table.violate(format!("a read failed: {problem}"));
                }
            }),
        );
    }
}

async fn cancel(table: Table, supervisor: Supervisor, number: u32) {
    let Ok(run) = supervisor.cancel(ACCOUNT, "user").await else { return };
    let mut table = table.lock();
    table.say(|| format!("p{number} cancelled {:?}", run.map(|it| it.fence())));
    let Some(run) = run else { return };
    // Whoever is dead or frozen cannot stop within a second.
    let holder = table.watcher.as_ref().and_then(|it| it.holder().0);
    let owner = table.owners.iter().find(|it| Some(&it.0) == holder.as_ref()).map(|it| it.1);
    if let Some(owner) = owner
        && table.running.contains(&owner)
        && table.clocks_agree
        && !table.storage_fails
        && table.abandoned != Some(run)
    {
        let pages = table.watcher.as_ref().map_or(0, |it| it.pages(run));
        table.cancel = Some(Cancel { run, at: table.now, pages, owner });
    }
}
