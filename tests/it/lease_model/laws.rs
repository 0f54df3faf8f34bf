//! What must hold in every state, and for everything that happens.

use std::cmp::Ordering;

use ringbook_core::sync::Outcome;

use super::case::{Answer, Case, Effect, Holder, Op, Run};
use super::model::{Deed, Life, Seat, State, Worker};
use super::table::Table;

/// The law that is broken by this, if one is.
pub(super) fn broken_by(deed: Deed, table: &Table) -> Option<&'static str> {
    let Deed::Does { case, .. } = deed else { return None };
    let effect = &table[&case];
    of_the_fence(&case, effect)
        .or_else(|| of_the_lease(&case, effect))
        .or_else(|| of_outcomes(&case, effect))
        .or_else(|| of_cancelling(&case, effect))
}

fn of_the_fence(case: &Case, effect: &Effect) -> Option<&'static str> {
    let newest = case.mine.is_some_and(|it| it.newest);
    let accepted = effect.answer.accepted();
    let own = case.holder == Holder::Me && newest;
    let lively = matches!(case.holder, Holder::Me | Holder::Other) && !case.expired;
    if effect.fence < 0 {
        return Some("the fence went down");
    }
    if (effect.began || (effect.holder == Holder::Me && case.holder != Holder::Me))
        && effect.fence == 0
    {
        return Some("a lease was taken without raising the fence");
    }
    if effect.fence > 0 && lively && !case.op.is_slow() {
        return Some("a lease was taken from a holder that lives");
    }
    if case.op.is_for_a_run() && case.op != Op::Look && accepted && !own {
        return Some("something was accepted from a run that does not have the lease");
    }
    if effect.stored && !newest {
        return Some("a page was stored under an old fence");
    }
    let may_leave_traces = case.op.decides();
    (!accepted && !may_leave_traces && !effect.untouched).then_some("a refusal left traces")
}

fn of_the_lease(case: &Case, effect: &Effect) -> Option<&'static str> {
    let own = case.holder == Holder::Me && case.mine.is_some_and(|it| it.newest);
    if case.op.is_for_a_run() {
        let kept = effect.holder == case.holder && effect.fence == 0;
        let same = kept && effect.expiry == Ordering::Equal;
        if !own && !same {
            return Some("a run that lost its lease changed that of another");
        }
        if !case.op.ends_the_run() && (!kept || effect.expiry == Ordering::Less) {
            return Some("a renewal gave the lease away, or made it shorter");
        }
        if case.op.ends_the_run()
            && effect.answer == Answer::Done
            && effect.holder != Holder::Nobody
        {
            return Some("a run ended and kept its lease");
        }
    }
    let kept = effect.holder == case.holder || effect.fence > 0 || (own && case.op.ends_the_run());
    (!kept).then_some("a lease changed hands by itself")
}

fn of_outcomes(case: &Case, effect: &Effect) -> Option<&'static str> {
    if !effect.past_kept {
        return Some("a run that was over long ago got another outcome");
    }
    let rows = [(case.mine.map(|it| it.run), effect.mine), (case.other, effect.other)];
    for (before, after) in rows {
        if before.is_some() != after.is_some() {
            return Some("a run vanished");
        }
        if let (Some(Run { outcome: Some(_), .. }), true) = (before, before != after) {
            return Some("a run that was over got another outcome");
        }
    }
    if let Some(Run { outcome, .. }) = effect.held {
        let decided = match case.op {
            Op::Approve | Op::ApproveSlowly => Outcome::Succeeded,
            Op::Reject | Op::RejectSlowly => Outcome::Rejected,
            _ => Outcome::Held,
        };
        let wanted = if effect.answer == Answer::Done { decided } else { Outcome::Held };
        if outcome != Some(wanted) {
            return Some("a held run got an outcome that nobody decided");
        }
    }
    let ended = |before: Option<Run>, after: Option<Run>| {
        after.filter(|_| before.is_some_and(|it| it.outcome.is_none()))?.outcome
    };
    let mine = ended(case.mine.map(|it| it.run), effect.mine);
    let asked = case.mine.is_some_and(|it| it.run.asked);
    let earned = match case.op {
        Op::Complete => Some(Outcome::Succeeded),
        Op::Hold => Some(Outcome::Held),
        Op::Fail => Some(Outcome::Failed),
        Op::Cancel => Some(Outcome::Cancelled),
        Op::Park if asked => Some(Outcome::Cancelled),
        Op::Park => Some(Outcome::Interrupted),
        _ => None,
    };
    if mine != earned.filter(|_| effect.answer.accepted() && mine.is_some()) {
        return Some("a run ended as it should not, or without being asked");
    }
    if case.op.ends_the_run() && effect.answer.accepted() && mine.is_none() {
        return Some("a run ended and is still open");
    }
    if (effect.began || effect.fence > 0)
        && case.other.is_some()
        && effect.other.is_some_and(|it| it.outcome.is_none())
    {
        return Some("a lease was taken, and the run of its former holder left open");
    }
    None
}

fn of_cancelling(case: &Case, effect: &Effect) -> Option<&'static str> {
    let rows = [(case.mine.map(|it| it.run), effect.mine), (case.other, effect.other)];
    for (before, after) in rows {
        let (Some(before), Some(after)) = (before, after) else { continue };
        if before.asked && !after.asked {
            return Some("the wish to cancel was forgotten");
        }
        if !before.asked && after.asked && case.op != Op::RequestCancel {
            return Some("nobody wanted to cancel");
        }
        let ended = before.outcome.is_none() && after.outcome.is_some();
        let own_end = matches!(case.op, Op::Complete | Op::Hold | Op::Fail);
        if ended && before.asked && after.outcome != Some(Outcome::Cancelled) && !own_end {
            return Some("a run that should be cancelled ended otherwise");
        }
        if ended && !before.asked && after.outcome == Some(Outcome::Cancelled) {
            return Some("a run was cancelled that nobody wanted cancelled");
        }
    }
    let open = case.other.is_some_and(|it| it.outcome.is_none());
    let marked = effect.other.is_some_and(|it| it.asked) && effect.answer == Answer::Done;
    (case.op == Op::RequestCancel && open != marked)
        .then_some("a wish to cancel the open run was not written down")
}

/// The law that is broken in this state, if one is.
pub(super) fn broken_in(state: &State, table: &Table) -> Option<&'static str> {
    let accepted = |at: usize, op: Op, belief| {
        state.views(at, op, belief).iter().any(|case| table[case].answer.accepted())
    };
    let mut writers = 0;
    for (at, worker) in state.workers.iter().enumerate() {
        for belief in worker.beliefs.iter().flatten() {
            writers += usize::from(accepted(at, Op::Write, Some(*belief)));
        }
    }
    if writers > 1 {
        return Some("two runs can write");
    }
    if state.open.is_some_and(|run| !run.newest) {
        return Some("a run is open, and the fence has left it behind");
    }
    let dead = |it: &Worker| it.holds && it.life == Life::Dead { seen: true };
    let free = match state.seat {
        Seat::NoRow | Seat::Empty | Seat::Ghost { seen: true } => true,
        Seat::Taken | Seat::Ghost { .. } => state.expired || state.workers.iter().any(dead),
    };
    let waits = |at: usize| state.workers[at].life == Life::Awake && !accepted(at, Op::Begin, None);
    if free && (0..state.workers.len()).any(waits) {
        return Some("the lease is free, and somebody may not begin");
    }
    None
}

/// Whether somebody may begin a run now.
pub(super) fn may_begin(state: &State, table: &Table) -> bool {
    let begins = |case: &Case| table[case].answer == Answer::Done;
    (0..state.workers.len()).any(|at| {
        state.workers[at].life == Life::Awake && state.views(at, Op::Begin, None).iter().any(begins)
    })
}
