//! Walks at random through the model, and does the same with real stores at each step. That what the
//! model leaves out makes no difference is an assumption; this is its test.

use ringbook_app::App;
use ringbook_core::clock::Clock;
use ringbook_core::sync::{Outcome, RunId};
use ringbook_runtime::SystemClock;
use ringbook_store::Lease;

use super::case::{Held, Holder, Op, Run};
use super::model::{Deed, Life, OpenRun, Seat, State, WORKERS};
use super::rows::Rows;
use super::table::{Table, perform};
use crate::support::chance::Chance;
use crate::support::world::{Database, World};

/// Three real processes, as far as the gate can tell.
struct Cast {
    world: World,
    rows: Rows,
    apps: [Option<App>; WORKERS],
    /// Under which name each has held the lease.
    names: [Option<String>; WORKERS],
    leases: [[Option<Lease>; 2]; WORKERS],
}

/// Walks so many steps. Panics where the store does other than the model says.
pub(super) async fn walk(database: Database, table: &Table, seed: u64, steps: usize) {
    let world = World::new(database, 0).await;
    let rows = Rows::open(&world.app).await;
    let mut apps = [const { None }; WORKERS];
    for app in &mut apps {
        *app = Some(world.other_process().await);
    }
    let mut cast =
        Cast { world, rows, apps, names: [const { None }; WORKERS], leases: Default::default() };
    let mut chance = Chance::new(seed);
    let mut state = State::first();
    let mut way = Vec::new();
    for _ in 0..steps {
        let mut deeds = state.deeds();
        deeds.retain(|deed| is_real(&state, *deed));
        let deed = deeds[chance.below(deeds.len())];
        way.push(deed);
        cast.does(deed, table).await;
        state = state.after(deed, table);
        if let Deed::Does { worker, case, .. } = deed
            && case.op == Op::Begin
            && state.workers[worker].holds
        {
            cast.names[worker] = Some(cast.rows.name_of_holder().await.0);
        }
        cast.assert_like(&state, seed, &way).await;
    }
}

/// Whether stores of one process can play this.
fn is_real(state: &State, deed: Deed) -> bool {
    match deed {
        Deed::Crash { seen, .. } => seen,
        Deed::Does { worker, case, .. } => {
            // Who is dead is known to be.
            let looks = state.views(worker, case.op, None);
            let blind = case.holder == Holder::Other && looks[0].holder == Holder::Dead;
            !blind && !case.op.is_slow()
        }
        _ => true,
    }
}

impl Cast {
    async fn does(&mut self, deed: Deed, table: &Table) {
        match deed {
            Deed::Does { worker, belief, heard, case } => {
                let mut lease = belief.and_then(|nth| self.leases[worker][nth].clone());
                let decided = self.decided(case.held).await;
                let store = &self.apps[worker].as_ref().unwrap().store;
                let account = self.world.account;
                let answer = perform(store, case.op, &mut lease, account, decided).await;
                assert_eq!(answer, table[&case].answer, "{case:?}");
                let slots = &mut self.leases[worker];
                if !heard {
                    return;
                }
                match belief {
                    Some(nth) if case.op.ends_the_run() || !answer.accepted() => slots[nth] = None,
                    None if table[&case].began => {
                        *slots.iter_mut().find(|it| it.is_none()).unwrap() = lease;
                    }
                    _ => {}
                }
            }
            Deed::TimePasses => self.rows.change("update lease set expires_at = 1").await,
            Deed::Crash { worker, .. } => {
                self.apps[worker] = None;
                self.leases[worker] = Default::default();
            }
            Deed::Restart(worker) => {
                self.apps[worker] = Some(self.world.other_process().await);
                self.names[worker] = None;
            }
            // Who does nothing need not be stopped from it.
            Deed::Pause(_) | Deed::Wake(_) => {}
        }
    }

    /// The run that a decision is about.
    async fn decided(&self, held: Held) -> RunId {
        let on_hold = self.rows.hold().await;
        let before = self
            .rows
            .runs()
            .await
            .into_iter()
            .rev()
            .find(|(id, run)| run.outcome == Some(Outcome::Held) && Some(*id) != on_hold);
        let none = RunId::new(self.world.account, 0);
        match held {
            Held::This | Held::Outdated => on_hold.map_or(none, RunId),
            Held::None | Held::Another => before.map_or(none, |(id, _)| RunId(id)),
        }
    }

    async fn assert_like(&self, state: &State, seed: u64, way: &[Deed]) {
        let lease = self.rows.lease().await;
        let runs = self.rows.runs().await;
        let open: Vec<(&i64, &Run)> = runs.iter().filter(|it| it.1.outcome.is_none()).collect();
        let fence = lease.as_ref().map_or(0, |it| it.fence);
        let found = open
            .first()
            .map(|(id, run)| OpenRun { newest: RunId(**id).fence() == fence, asked: run.asked });
        let story = || format!("seed {seed}: {way:#?}");
        assert!(open.len() <= 1, "{}", story());
        assert_eq!(found, state.open, "{}", story());

        let name = lease.as_ref().and_then(|it| it.holder.as_ref());
        let at = self.names.iter().position(|it| it.is_some() && it.as_ref() == name);
        let holds = state.workers.iter().position(|it| it.holds);
        assert_eq!(at, holds, "{}", story());
        match state.seat {
            Seat::NoRow => assert!(lease.is_none(), "{}", story()),
            Seat::Empty => assert!(lease.is_some() && name.is_none(), "{}", story()),
            Seat::Taken | Seat::Ghost { .. } => assert!(name.is_some(), "{}", story()),
        }
        let expired = lease.as_ref().is_none_or(|it| {
            it.holder.is_none() || it.expires_at <= SystemClock.now().as_microsecond()
        });
        assert_eq!(expired, state.expired, "{}", story());
        let alive = |at: usize| !matches!(state.workers[at].life, Life::Dead { .. });
        assert!((0..WORKERS).all(|at| alive(at) == self.apps[at].is_some()));

        let on_hold = self.rows.hold().await;
        let outdated = match on_hold {
            Some(run) => self.rows.has_pages_after(run).await,
            None => false,
        };
        let held = match on_hold {
            None => Held::None,
            Some(_) if outdated => Held::Outdated,
            Some(_) => Held::This,
        };
        assert_eq!(held, state.held, "{}", story());
    }
}
