//! Three processes, one account: what each may do, and what it then believes.
//!
//! The model knows nothing of the gate's rules. It says who does what, and looks up in the table what
//! the store makes of it. Of fences it keeps only which is the newest, and of runs only those that can
//! still be touched. So no number of runs is too many for it.

use super::case::{Answer, Case, Effect, Held, Holder, Mine, Op, Run};
use super::table::Table;

pub(super) const WORKERS: usize = 3;

/// What one process has in memory of a run of its own. It may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Belief {
    /// In truth: whether its fence is the lease's.
    pub(super) newest: bool,
    /// In truth: whether its row is still open.
    pub(super) open: bool,
    /// In truth: whether it is closed and had been asked to stop.
    pub(super) asked: bool,
    /// It has learned that it should stop.
    pub(super) stop: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Life {
    Awake,
    /// Frozen, or cut off. It may wake up at any time, and believe what it believed.
    Paused,
    /// `seen`: others on its machine can tell.
    Dead {
        seen: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Worker {
    /// The lease is in its name.
    pub(super) holds: bool,
    pub(super) life: Life,
    /// A run that it lost, and one that it began since: a process does not know the former at once.
    pub(super) beliefs: [Option<Belief>; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Seat {
    /// The account was never synced.
    NoRow,
    Empty,
    /// By the worker that `holds`.
    Taken,
    /// In the name of a process that died, and was started anew under another name.
    Ghost {
        seen: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct OpenRun {
    pub(super) newest: bool,
    pub(super) asked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct State {
    pub(super) seat: Seat,
    pub(super) expired: bool,
    pub(super) open: Option<OpenRun>,
    /// Never `Another`.
    pub(super) held: Held,
    pub(super) workers: [Worker; WORKERS],
}

/// What can happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Does {
        worker: usize,
        belief: Option<usize>,
        /// Whether the answer reaches the one who asked.
        heard: bool,
        case: Case,
    },
    TimePasses,
    Pause(usize),
    Wake(usize),
    Crash {
        worker: usize,
        seen: bool,
    },
    Restart(usize),
}

impl Deed {
    /// Whether only a person does this.
    pub(super) fn is_a_word(self) -> bool {
        matches!(self, Deed::Does { case, .. } if case.op.is_a_word())
    }
}

impl State {
    /// An account that was just connected, and three processes that have just started.
    pub(super) fn first() -> State {
        let worker = Worker { holds: false, life: Life::Awake, beliefs: [None; 2] };
        State {
            seat: Seat::NoRow,
            expired: true,
            open: None,
            held: Held::None,
            workers: [worker; WORKERS],
        }
    }

    /// Everything that can happen now.
    pub(super) fn deeds(&self) -> Vec<Deed> {
        let mut deeds = Vec::new();
        for (at, worker) in self.workers.iter().enumerate() {
            match worker.life {
                Life::Awake => {
                    self.deeds_of(at, &mut deeds);
                    deeds.push(Deed::Pause(at));
                }
                Life::Paused => deeds.push(Deed::Wake(at)),
                Life::Dead { .. } => deeds.push(Deed::Restart(at)),
            }
            if !matches!(worker.life, Life::Dead { .. }) {
                deeds.extend([true, false].map(|seen| Deed::Crash { worker: at, seen }));
            }
        }
        if matches!(self.seat, Seat::Taken | Seat::Ghost { .. }) && !self.expired {
            deeds.push(Deed::TimePasses);
        }
        deeds
    }

    fn deeds_of(&self, at: usize, deeds: &mut Vec<Deed>) {
        const WORK: &[Op] = &[
            Op::Renew,
            Op::RenewBriefly,
            Op::Write,
            Op::Look,
            Op::Complete,
            Op::Hold,
            Op::Fail,
            Op::Park,
        ];
        let worker = &self.workers[at];
        let mut does = |belief, case| {
            for heard in [true, false] {
                deeds.push(Deed::Does { worker: at, belief, heard, case });
            }
        };
        for (nth, belief) in worker.beliefs.iter().enumerate() {
            let Some(belief) = belief else { continue };
            // Whoever knows that he should stop does nothing else any more.
            let ops = if belief.stop { &[Op::Cancel] } else { WORK };
            for op in ops {
                for case in self.views(at, *op, Some(*belief)) {
                    does(Some(nth), case);
                }
            }
        }
        let mut ops = vec![Op::CloseOrphans, Op::RequestCancel];
        if worker.beliefs.contains(&None) {
            ops.push(Op::Begin);
        }
        for op in ops {
            for case in self.views(at, op, None) {
                does(None, case);
            }
        }
        for op in [Op::Approve, Op::Reject, Op::ApproveSlowly, Op::RejectSlowly] {
            for case in self.views(at, op, None) {
                let another = Case { held: Held::Another, ..case };
                does(None, case);
                if case.held != Held::None {
                    does(None, another);
                }
            }
        }
    }

    /// What a worker sees when it does something. Of a holder that is dead it may know so, or not. A slow
    /// decision makes no difference between a lease in the worker's own name and that of another.
    pub(super) fn views(&self, at: usize, op: Op, belief: Option<Belief>) -> Vec<Case> {
        let known = |seen: bool| {
            if seen { vec![Holder::Dead, Holder::Other] } else { vec![Holder::Other] }
        };
        let holders = match self.seat {
            Seat::NoRow => vec![Holder::NoRow],
            Seat::Empty => vec![Holder::Nobody],
            Seat::Ghost { seen } => known(seen),
            Seat::Taken if self.workers[at].holds && !op.is_slow() => vec![Holder::Me],
            Seat::Taken => {
                let dead = |it: &Worker| it.holds && it.life == Life::Dead { seen: true };
                known(self.workers.iter().any(dead))
            }
        };
        let open = self.open.map(|it| Run::open(it.asked));
        let mine = belief.map(|it| {
            let run = open.filter(|_| it.open).unwrap_or(Run::closed(it.asked));
            Mine { newest: it.newest, run }
        });
        let other = open.filter(|_| belief.is_none_or(|it| !it.open));
        // Only a decision minds how old the hold is.
        let held = match self.held {
            Held::Outdated if !op.decides() => Held::This,
            held => held,
        };
        let case = |holder| Case { op, holder, expired: self.expired, mine, other, held };
        holders.into_iter().map(case).collect()
    }

    /// What the state is afterwards.
    pub(super) fn after(&self, deed: Deed, table: &Table) -> State {
        let mut next = *self;
        match deed {
            Deed::Does { worker, belief, heard, case } => {
                next.change(worker, belief, &case, &table[&case]);
                if heard {
                    next.learn(worker, belief, &case, &table[&case]);
                }
            }
            Deed::TimePasses => next.expired = true,
            Deed::Pause(at) => next.workers[at].life = Life::Paused,
            Deed::Wake(at) => next.workers[at].life = Life::Awake,
            Deed::Crash { worker, seen } => {
                next.workers[worker].life = Life::Dead { seen };
                next.workers[worker].beliefs = [None; 2];
            }
            Deed::Restart(at) => {
                let worker = &mut next.workers[at];
                if std::mem::take(&mut worker.holds) {
                    next.seat = Seat::Ghost { seen: worker.life == Life::Dead { seen: true } };
                }
                worker.life = Life::Awake;
            }
        }
        next
    }

    /// What the database is afterwards.
    fn change(&mut self, at: usize, belief: Option<usize>, case: &Case, effect: &Effect) {
        if effect.fence != 0 {
            self.beliefs().for_each(|it| it.newest = false);
            if let Some(open) = &mut self.open {
                open.newest = false;
            }
        }
        if effect.holder != case.holder {
            self.workers.iter_mut().for_each(|it| it.holds = false);
            self.seat = match effect.holder {
                Holder::Me => {
                    self.workers[at].holds = true;
                    Seat::Taken
                }
                Holder::Nobody => Seat::Empty,
                other => panic!("a lease became that of {other:?}: {case:?}"),
            };
        }
        // A seat that is empty has no time to run out.
        self.expired = effect.expired || matches!(self.seat, Seat::Empty | Seat::NoRow);
        let mine = belief.and_then(|nth| self.workers[at].beliefs[nth]).is_some_and(|it| it.open);
        let row = if mine { effect.mine } else { effect.other };
        if let (Some(open), Some(row)) = (self.open, row) {
            if row.outcome.is_some() {
                for belief in self.beliefs().filter(|it| it.open) {
                    (belief.open, belief.asked) = (false, row.asked);
                }
            }
            let open = OpenRun { asked: row.asked, ..open };
            self.open = Some(open).filter(|_| row.outcome.is_none());
        }
        if effect.began {
            self.open = Some(OpenRun { newest: effect.fence > 0, asked: false });
        }
        self.held = match effect.hold {
            Held::None => Held::None,
            Held::Another => Held::This,
            _ if effect.stored => Held::Outdated,
            _ => self.held,
        };
    }

    /// What the worker believes afterwards.
    fn learn(&mut self, at: usize, belief: Option<usize>, case: &Case, effect: &Effect) {
        let beliefs = &mut self.workers[at].beliefs;
        match belief {
            Some(nth) if case.op.ends_the_run() || !effect.answer.accepted() => {
                beliefs[nth] = None;
            }
            Some(nth) => {
                if let Some(belief) = &mut beliefs[nth]
                    && effect.answer == Answer::Stop
                {
                    belief.stop = true;
                }
            }
            None if effect.began => {
                if let Some(free) = beliefs.iter_mut().find(|it| it.is_none()) {
                    *free = Some(Belief {
                        newest: effect.fence > 0,
                        open: true,
                        asked: false,
                        stop: false,
                    });
                }
            }
            None => {}
        }
    }

    fn beliefs(&mut self) -> impl Iterator<Item = &mut Belief> {
        self.workers.iter_mut().flat_map(|it| it.beliefs.iter_mut().flatten())
    }

    /// One of all the states that differ only in what nobody can tell apart: which worker is which,
    /// and how many old runs a worker believes in.
    pub(super) fn plain(mut self) -> State {
        for belief in self.beliefs() {
            belief.stop &= belief.newest;
        }
        for worker in &mut self.workers {
            if worker.beliefs[0] == worker.beliefs[1] {
                worker.beliefs[1] = None;
            }
            worker.beliefs.sort();
        }
        self.workers.sort();
        self
    }
}
