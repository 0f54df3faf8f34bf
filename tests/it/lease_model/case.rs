//! Everything that can be asked of the gate, and what can come of it.

use std::cmp::Ordering;

use ringbook_core::sync::Outcome;

use crate::support::long;

/// Who holds the lease, as the one sees it who does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Holder {
    /// The account was never synced.
    NoRow,
    Nobody,
    Me,
    /// Somebody of whom it cannot be known whether he lives.
    Other,
    /// Somebody who is known to live no more.
    Dead,
}

/// What can be done at the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Op {
    // For a run.
    Renew,
    /// With a lease that is shorter than what is left.
    RenewBriefly,
    Write,
    Note,
    Sweep,
    Look,
    Complete,
    /// Complete, but put the deletions on hold.
    Hold,
    Fail,
    Cancel,
    Park,
    // Before there is a run.
    Begin,
    CloseOrphans,
    // What people say.
    RequestCancel,
    Approve,
    Reject,
    /// A decision in whose middle the lease runs out.
    ApproveSlowly,
    RejectSlowly,
}

impl Op {
    pub(super) const ALL: [Op; 18] = [
        Op::Renew,
        Op::RenewBriefly,
        Op::Write,
        Op::Note,
        Op::Sweep,
        Op::Look,
        Op::Complete,
        Op::Hold,
        Op::Fail,
        Op::Cancel,
        Op::Park,
        Op::Begin,
        Op::CloseOrphans,
        Op::RequestCancel,
        Op::Approve,
        Op::Reject,
        Op::ApproveSlowly,
        Op::RejectSlowly,
    ];

    pub(super) fn is_for_a_run(self) -> bool {
        self <= Op::Park
    }

    pub(super) fn ends_the_run(self) -> bool {
        matches!(self, Op::Complete | Op::Hold | Op::Fail | Op::Cancel | Op::Park)
    }

    pub(super) fn is_a_word(self) -> bool {
        self >= Op::RequestCancel
    }

    pub(super) fn decides(self) -> bool {
        self >= Op::Approve
    }

    pub(super) fn is_slow(self) -> bool {
        self >= Op::ApproveSlowly
    }
}

/// The row of a run, as far as its end is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Run {
    pub(super) outcome: Option<Outcome>,
    /// Somebody wants it cancelled.
    pub(super) asked: bool,
}

impl Run {
    pub(super) fn open(asked: bool) -> Run {
        Run { outcome: None, asked }
    }

    pub(super) fn closed(asked: bool) -> Run {
        let outcome = if asked { Outcome::Cancelled } else { Outcome::Interrupted };
        Run { outcome: Some(outcome), asked }
    }
}

/// The run on hold, and the one that a decision is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Held {
    None,
    /// The decision is about the one on hold.
    This,
    /// The same, and a later run has stored a page.
    Outdated,
    /// The decision is about one that was on hold before.
    Another,
}

/// Everything that may make a difference to what happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Case {
    pub(super) op: Op,
    pub(super) holder: Holder,
    pub(super) expired: bool,
    pub(super) mine: Option<Mine>,
    /// Another run that is open.
    pub(super) other: Option<Run>,
    pub(super) held: Held,
}

/// The run for which it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Mine {
    /// Its fence is the lease's; otherwise lower.
    pub(super) newest: bool,
    pub(super) run: Run,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    /// Done, and the run has been asked to stop.
    Stop,
    /// There was nothing to do.
    Nothing,
    Busy,
    LeaseLost,
    NotHeld,
    Outdated,
}

impl Answer {
    pub(super) fn accepted(self) -> bool {
        matches!(self, Answer::Done | Answer::Stop)
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Effect {
    pub(super) answer: Answer,
    /// By how much the fence rose.
    pub(super) fence: i64,
    pub(super) holder: Holder,
    pub(super) expired: bool,
    /// The end of the lease, compared with before.
    pub(super) expiry: Ordering,
    pub(super) mine: Option<Run>,
    pub(super) other: Option<Run>,
    /// The run on hold, if there was one.
    pub(super) held: Option<Run>,
    /// Runs that ended long ago are as they were.
    pub(super) past_kept: bool,
    /// A run began, and its fence is the lease's.
    pub(super) began: bool,
    /// A page of mine was stored.
    pub(super) stored: bool,
    /// What is on hold now. `Another`: my run.
    pub(super) hold: Held,
    /// Not one row changed.
    pub(super) untouched: bool,
}

/// Every case. Those that no run of the program can come to are there, too.
pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for op in Op::ALL {
        for holder in [Holder::NoRow, Holder::Nobody, Holder::Me, Holder::Other, Holder::Dead] {
            for expired in [false, true] {
                for (mine, other) in runs(op) {
                    for held in [Held::None, Held::This, Held::Outdated, Held::Another] {
                        let case = Case { op, holder, expired, mine, other, held };
                        if is_possible(&case) {
                            cases.push(case);
                        }
                    }
                }
            }
        }
    }
    cases
}

/// Whether PostgreSQL is asked this in every test, too. It takes its time for a new connection after
/// each refusal, and the time of its server cannot be made to pass.
pub(super) fn is_quick(case: &Case) -> bool {
    let early = case.op.is_for_a_run() && !case.op.ends_the_run() && case.held != Held::None;
    let odd = case.mine.is_some_and(|it| it.newest) && case.other.is_some();
    !case.op.is_slow() && (long() || !(early || odd))
}

fn runs(op: Op) -> Vec<(Option<Mine>, Option<Run>)> {
    let others = [None, Some(Run::open(false)), Some(Run::open(true))];
    if !op.is_for_a_run() {
        return others.map(|other| (None, other)).to_vec();
    }
    let mut runs = Vec::new();
    for newest in [true, false] {
        for asked in [false, true] {
            runs.push((Some(Mine { newest, run: Run::open(asked) }), None));
            let closed = Some(Mine { newest, run: Run::closed(asked) });
            runs.extend(others.map(|other| (closed, other)));
        }
    }
    runs
}

fn is_possible(case: &Case) -> bool {
    if case.holder == Holder::NoRow
        && (!case.expired || case.mine.is_some() || case.other.is_some())
    {
        return false;
    }
    // The time of a slow decision is another process's.
    if case.op.is_slow() && case.holder == Holder::Me {
        return false;
    }
    case.op.decides() || matches!(case.held, Held::None | Held::This)
}
