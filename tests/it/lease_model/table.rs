//! What the gate does, asked of the real store: every deed, before every state of the lease that makes
//! a difference. The rows are put there by hand; what becomes of them is the store's own work.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ringbook_app::App;
use ringbook_core::clock::{Clock, after};
use ringbook_core::sync::book::{Entry, SyncToken};
use ringbook_core::sync::run::{Batch, Deletions, Place, Remarks, RunEnd};
use ringbook_core::sync::{AccountId, FailureCode, Kind, Outcome, Phase, RunId};
use ringbook_runtime::SystemClock;
use ringbook_store::{DecisionError, Lease, Note, Settings, StartError, Store, WriteError};

use super::case::{Answer, Case, Effect, Held, Holder, Op, Run};
use super::rows::{LeaseRow, Rows, Striding};
use crate::support::runs::{request, settings};
use crate::support::vault::vault;
use crate::support::world::{Database, World};

pub(super) type Table = BTreeMap<Case, Effect>;

/// Fences, from old to new.
const PAST: i64 = 2;
const HELD_BEFORE: i64 = 4;
const HELD: i64 = 5;
const AFTER_HELD: i64 = 6;
const LOWER: i64 = 7;
const OTHER: i64 = 8;
const NEWEST: i64 = 9;

pub(super) const LONG: Settings = settings(Duration::from_secs(60));
const BRIEF: Settings = settings(Duration::from_secs(1));

/// Does one thing with the real store. `lease`: of the run that it is done for. `decided`: the run
/// that a decision is about.
pub(super) async fn perform(
    store: &Store,
    op: Op,
    lease: &mut Option<Lease>,
    account: AccountId,
    decided: RunId,
) -> Answer {
    let written = |result: Result<bool, WriteError>| match result {
        Ok(true) => Answer::Stop,
        Ok(false) => Answer::Done,
        Err(WriteError::LeaseLost) => Answer::LeaseLost,
        Err(other) => panic!("{op:?}: {other}"),
    };
    let decision = |result: Result<(), DecisionError>| match result {
        Ok(()) => Answer::Done,
        Err(DecisionError::Busy(_)) => Answer::Busy,
        Err(DecisionError::NotHeld) => Answer::NotHeld,
        Err(DecisionError::Outdated) => Answer::Outdated,
        Err(other) => panic!("{op:?}: {other}"),
    };
    match (op, lease.as_ref()) {
        (Op::Begin, _) => match store.begin_run(&request(account), &LONG).await {
            Ok(beginning) => {
                *lease = Some(beginning.lease);
                Answer::Done
            }
            Err(StartError::Busy(_)) => Answer::Busy,
            Err(other) => panic!("{other}"),
        },
        (Op::CloseOrphans, _) => match store.close_orphans(account).await.unwrap() {
            true => Answer::Done,
            false => Answer::Nothing,
        },
        (Op::RequestCancel, _) => match store.request_cancel(account, "test").await.unwrap() {
            Some(_) => Answer::Done,
            None => Answer::Nothing,
        },
        (Op::Approve | Op::ApproveSlowly, _) => {
            decision(store.approve(decided, "test").await.map(|_| ()))
        }
        (Op::Reject | Op::RejectSlowly, _) => decision(store.reject(decided, "test").await),
        (Op::Renew, Some(lease)) => written(store.renew(lease, &LONG).await.map(|it| it.cancel)),
        (Op::RenewBriefly, Some(lease)) => {
            written(store.renew(lease, &BRIEF).await.map(|it| it.cancel))
        }
        (Op::Look, Some(lease)) => written(Ok(store.cancel_requested(lease.run).await.unwrap())),
        (Op::Note, Some(lease)) => {
            let note = Note { phase: Phase::Fetching, kind: Kind::Full, wait: None, requests: 0 };
            written(store.note(lease, &note, &LONG).await.map(|it| it.cancel))
        }
        (Op::Sweep, Some(lease)) => written(store.sweep(lease, &LONG).await.map(|_| false)),
        (Op::Write, Some(lease)) => {
            let place = Place::Listing { first: true, next: None, total: None };
            let batch = Batch { entries: Vec::<Entry>::new().into(), place };
            let report = store.commit_page(lease, &batch, &LONG, "", 0).await;
            written(report.map(|(_, report)| report.cancel))
        }
        (_, Some(lease)) => {
            let ended = store.finish(lease, Kind::Full, &ending(op), "", 0, &LONG).await;
            written(ended.map(|_| false))
        }
        (_, None) => panic!("{op:?} is done for a run"),
    }
}

fn ending(op: Op) -> RunEnd {
    match op {
        Op::Fail => RunEnd::Failed {
            code: FailureCode::Unavailable,
            message: "trouble".to_owned(),
            not_before: None,
        },
        Op::Cancel => RunEnd::Cancelled,
        Op::Park => RunEnd::Interrupted,
        op => RunEnd::Complete {
            token: SyncToken::new("token"),
            labels: None,
            identity: None,
            deletions: Deletions { hold: op == Op::Hold, keep: Vec::new(), renamed: Vec::new() },
            remarks: Remarks::default(),
        },
    }
}

/// What the store does in these cases.
pub(super) async fn ask(database: Database, cases: &[Case]) -> Table {
    // Several databases, since PostgreSQL takes its time for a new connection after each refusal.
    let shares: Vec<&[Case]> = cases.chunks(cases.len().div_ceil(4)).collect();
    let asked = shares.into_iter().map(async |share| {
        let bench = Bench::new(database).await;
        let mut table = Table::new();
        for case in share {
            table.insert(*case, bench.ask(case).await);
        }
        table
    });
    futures_util::future::join_all(asked).await.into_iter().flatten().collect()
}

/// The real store, and the rows below it.
struct Bench {
    world: World,
    rows: Rows,
    me: (String, String),
    other: (String, String),
    dead: (String, String),
    /// Of mine; its fence is set as needed.
    lease: Lease,
    _other: App,
}

impl Bench {
    async fn new(database: Database) -> Bench {
        let world = World::new(database, 0).await;
        let rows = Rows::open(&world.app).await;
        let account = world.account;
        let other_app = world.other_process().await;
        let mut named = Vec::new();
        let mut lease = None;
        for store in
            [&world.app.store, &other_app.store, &world.other_process().await.store.clone()]
        {
            rows.change("delete from lease; delete from run").await;
            perform(store, Op::Begin, &mut lease, account, RunId(0)).await;
            named.push(rows.name_of_holder().await);
        }
        rows.change("delete from lease; delete from run").await;
        let answer = perform(&world.app.store, Op::Begin, &mut lease, account, RunId(0)).await;
        assert_eq!(answer, Answer::Done);
        let (dead, other, me) = (named.pop().unwrap(), named.pop().unwrap(), named.pop().unwrap());
        let lease = lease.unwrap();
        Bench { world, rows, me, other, dead, lease, _other: other_app }
    }

    fn run(&self, fence: i64) -> RunId {
        RunId::new(self.world.account, fence)
    }

    async fn ask(&self, case: &Case) -> Effect {
        let mine = case.mine.map(|it| if it.newest { NEWEST } else { LOWER });
        let other = if mine == Some(NEWEST) { OTHER } else { NEWEST };
        self.set_up(case, mine, other).await;
        let before = self.rows.everything().await;
        let lease_before = self.rows.lease().await;
        let (runs_before, pages_before) = (self.rows.runs().await.len(), self.rows.pages().await);

        let decided = if case.held == Held::Another { HELD_BEFORE } else { HELD };
        let mut lease = Some(self.lease.clone());
        if let (Some(lease), Some(mine)) = (&mut lease, mine) {
            lease.run = self.run(mine);
        }
        let slow = match (case.op.is_slow(), self.world.app.store.path()) {
            (true, Some(path)) => {
                let clock = Arc::new(Striding::default());
                let store = Store::open_sqlite(path, clock.clone(), vault()).await.unwrap();
                clock.stride();
                Some(store)
            }
            _ => None,
        };
        let store = slow.as_ref().unwrap_or(&self.world.app.store);
        let decided = self.run(decided);
        let answer = perform(store, case.op, &mut lease, self.world.account, decided).await;

        let lease = self.rows.lease().await;
        let runs = self.rows.runs().await;
        let row = |fence: i64| runs.get(&self.run(fence).0).copied();
        let fence = lease.as_ref().map_or(0, |it| it.fence);
        let began = runs.len() > runs_before;
        if began {
            assert_eq!(row(fence), Some(Run::open(false)), "a run is its fence");
        }
        let holder = match lease.as_ref().map(|it| it.holder.as_deref()) {
            None => Holder::NoRow,
            Some(None) => Holder::Nobody,
            Some(Some(name)) if *name == self.me.0 => Holder::Me,
            Some(Some(name)) if *name == self.other.0 => Holder::Other,
            Some(Some(name)) if *name == self.dead.0 => Holder::Dead,
            Some(Some(name)) => panic!("{name}"),
        };
        let expires = |it: &Option<LeaseRow>| it.as_ref().map_or(0, |it| it.expires_at);
        let hold = match self.rows.hold().await {
            None => Held::None,
            Some(run) if run == self.run(HELD).0 => Held::This,
            Some(run) if mine.is_some_and(|mine| run == self.run(mine).0) => Held::Another,
            Some(run) => panic!("{run} is on hold"),
        };
        Effect {
            answer,
            fence: fence - lease_before.as_ref().map_or(0, |it| it.fence),
            holder,
            expired: expires(&lease) <= SystemClock.now().as_microsecond(),
            expiry: expires(&lease).cmp(&expires(&lease_before)),
            mine: mine.and_then(row),
            other: case.other.and_then(|_| row(other)),
            held: (case.held != Held::None).then(|| row(HELD)).flatten(),
            past_kept: [PAST, HELD_BEFORE].iter().all(|fence| row(*fence) == past(*fence)),
            began,
            stored: self.rows.pages().await > pages_before,
            hold,
            untouched: self.rows.everything().await == before,
        }
    }

    async fn set_up(&self, case: &Case, mine: Option<i64>, other: i64) {
        let account = self.world.account.0;
        let now = SystemClock.now();
        let past_time = after(now, Duration::ZERO).as_microsecond() - 3_600_000_000;
        let expires = if case.expired {
            past_time
        } else {
            after(now, Duration::from_secs(30)).as_microsecond()
        };
        let mut sql = "delete from lease; delete from run; delete from hold; delete from held;
            delete from doomed; delete from seen; update account set held_run = null;"
            .to_owned();
        let holder = match case.holder {
            Holder::NoRow => None,
            Holder::Nobody => Some(("null".to_owned(), String::new())),
            Holder::Me => Some((format!("'{}'", self.me.0), self.me.1.clone())),
            Holder::Other => Some((format!("'{}'", self.other.0), self.other.1.clone())),
            Holder::Dead => Some((format!("'{}'", self.dead.0), self.dead.1.clone())),
        };
        if let Some((holder, boot)) = holder {
            let run = self.run(NEWEST).0;
            sql += &format!(
                "insert into lease (account, fence, holder, host, boot, taken_at, expires_at, run)
                values ({account}, {NEWEST}, {holder}, 'host', '{boot}', {past_time}, {expires},
                    {run});"
            );
        }
        let mut runs: Vec<(i64, Run, i64)> = [PAST, HELD_BEFORE]
            .iter()
            .filter_map(|fence| past(*fence).map(|run| (*fence, run, 1)))
            .collect();
        runs.push((HELD, Run { outcome: Some(Outcome::Held), asked: false }, 1));
        if case.held == Held::Outdated {
            runs.push((AFTER_HELD, Run { outcome: Some(Outcome::Failed), asked: false }, 1));
        }
        runs.extend(mine.zip(case.mine).map(|(fence, it)| (fence, it.run, 0)));
        runs.extend(case.other.map(|run| (other, run, 0)));
        for (fence, run, pages) in runs {
            let id = self.run(fence).0;
            let outcome = run.outcome.map_or("null".to_owned(), |it| format!("'{it}'"));
            let asked = if run.asked { past_time.to_string() } else { "null".to_owned() };
            sql += &format!(
                "insert into run (id, account, kind, started_by, holder, started_at, updated_at,
                    phase, before_live, outcome, cancel_at, pages)
                values ({id}, {account}, 'full', 'api', 'host', {past_time}, {past_time},
                    'fetching', 0, {outcome}, {asked}, {pages});"
            );
        }
        if case.held != Held::None {
            let run = self.run(HELD).0;
            sql += &format!(
                "insert into hold (account, run, sync_token, token_request, token_grant,
                    token_full_at, held_at)
                values ({account}, {run}, 'token', 'request', 1, {past_time}, {past_time});
                update account set held_run = {run};"
            );
        }
        self.rows.change(&sql).await;
    }
}

/// Runs that are long over.
fn past(fence: i64) -> Option<Run> {
    let outcome = if fence == PAST { Outcome::Succeeded } else { Outcome::Held };
    Some(Run { outcome: Some(outcome), asked: false })
}
