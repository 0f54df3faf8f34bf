//! The runs that were: a part of the history at a time, numbers for a day, and forgetting it.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::Store;
use crate::db::{Arg, DbError};
use crate::runs::{RUN, RunRow, run};
use ringbook_core::clock::after;
use ringbook_core::sync::{AccountId, Kind, Outcome, RunId, Trigger};

/// Which part of the history to read, newest first.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HistoryQuery {
    pub account: Option<AccountId>,
    pub outcome: Option<OutcomeWanted>,
    pub kind: Option<Kind>,
    pub trigger: Option<Trigger>,
    /// Only runs that began at this time or later.
    pub since: Option<Timestamp>,
    /// Only runs that began before this time.
    pub until: Option<Timestamp>,
    pub from: HistoryPlace,
    pub limit: u32,
}

/// How the runs that are looked for stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutcomeWanted {
    Running,
    Ended(Outcome),
}

/// Where a part of the history begins.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum HistoryPlace {
    #[default]
    Newest,
    /// With the newest of the runs that began before this one.
    Before(Timestamp, RunId),
    /// With the oldest of the runs that began after this one; they come newest first all the same.
    After(Timestamp, RunId),
}

impl OutcomeWanted {
    /// The word for a run that is not over.
    pub const RUNNING: &str = "running";

    pub fn parse(word: &str) -> Option<OutcomeWanted> {
        match word {
            Self::RUNNING => Some(OutcomeWanted::Running),
            ended => ended.parse().ok().map(OutcomeWanted::Ended),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            OutcomeWanted::Running => Self::RUNNING,
            OutcomeWanted::Ended(outcome) => outcome.as_str(),
        }
    }

    /// All there are.
    pub fn all() -> impl Iterator<Item = OutcomeWanted> {
        let ended = Outcome::ALL.iter().copied().map(OutcomeWanted::Ended);
        std::iter::once(OutcomeWanted::Running).chain(ended)
    }
}

/// Clocks of several machines may differ by so much.
const AHEAD: Duration = Duration::from_secs(60);

impl Store {
    /// A part of the history, newest first. Runs that began after the present, under a clock that was wrong,
    /// come last: nobody knows when they were, and they must not hide what is new.
    pub async fn history(&self, query: &HistoryQuery) -> Result<Vec<RunRow>, DbError> {
        let horizon = after(self.clock.now(), AHEAD).as_microsecond();
        let (newer, place) = match query.from {
            HistoryPlace::Newest => (false, (horizon, i64::MAX)),
            HistoryPlace::Before(at, run) => (false, (at.as_microsecond(), run.0)),
            HistoryPlace::After(at, run) => (true, (at.as_microsecond(), run.0)),
        };
        let (past, future) = ((i64::MIN, horizon), (horizon, i64::MAX));
        let in_future = place.0 > horizon;
        // In the order in which they are come upon from the place.
        let parts = match (newer, in_future) {
            (false, false) => vec![(past, place), (future, (i64::MAX, i64::MAX))],
            (false, true) => vec![(future, place)],
            (true, true) => vec![(future, place), (past, (i64::MIN, i64::MIN))],
            (true, false) => vec![(past, place)],
        };
        let mut runs: Vec<RunRow> = Vec::new();
        for (bounds, place) in parts {
            let left = query.limit.saturating_sub(u32::try_from(runs.len()).unwrap_or(u32::MAX));
            if left > 0 {
                runs.extend(self.history_part(query, newer, place, bounds, left).await?);
            }
        }
        if newer {
            runs.reverse();
        }
        Ok(runs)
    }

    /// Runs beyond a place that began within bounds, the nearest to the place first.
    async fn history_part(
        &self,
        query: &HistoryQuery,
        after: bool,
        (at, id): (i64, i64),
        (low_at, high_at): (i64, i64),
        limit: u32,
    ) -> Result<Vec<RunRow>, DbError> {
        let (sign, order) = if after { (">", "asc") } else { ("<", "desc") };
        let (low, high) = query.account.map_or((0, i64::MAX), |it| (it.0, it.0));
        let since = query.since.map_or(i64::MIN, |it| it.as_microsecond()).max(low_at);
        let until = query.until.map_or(i64::MAX, |it| it.as_microsecond()).min(high_at);
        let mut args: Vec<Arg<'_>> =
            [at, id, low, high, since, until, limit.into()].map(Arg::Int).into();
        // Only what is asked for stands in the text, so that an index can serve it.
        let mut wanted = String::new();
        let words = [
            ("kind", query.kind.map(Kind::as_str)),
            ("started_by", query.trigger.map(Trigger::as_str)),
            (
                "outcome",
                match query.outcome {
                    Some(OutcomeWanted::Ended(outcome)) => Some(outcome.as_str()),
                    _ => None,
                },
            ),
        ];
        for (column, word) in words {
            if let Some(word) = word {
                args.push(word.into());
                wanted += &format!(" and {column} = ${}", args.len());
            }
        }
        if query.outcome == Some(OutcomeWanted::Running) {
            wanted += " and outcome is null";
        }
        let sql = format!(
            "{RUN} where (started_at, id) {sign} ($1, $2) and account between $3 and $4
                and started_at >= $5 and started_at < $6{wanted}
            order by started_at {order}, id {order} limit $7"
        );
        let rows = self.db.rows(&sql, &args).await?;
        rows.iter().map(run).collect()
    }

    /// How many changes the runs that began since then made, by account. Accounts without any are left out.
    pub async fn changes_since(
        &self,
        since: Timestamp,
    ) -> Result<HashMap<AccountId, u64>, DbError> {
        // A restored contact is among the updated ones. PostgreSQL sums integers to a type that is none.
        const CHANGES: &str = "
            select account, cast(sum(created + updated + deleted) as bigint) from run
            where started_at >= $1 group by account";
        let rows = self.db.rows(CHANGES, &[since.into()]).await?;
        let pair = |row: &crate::db::Row| Ok((AccountId(row.int(0)?), row.count(1)?));
        let all: Result<HashMap<_, _>, DbError> = rows.iter().map(pair).collect();
        Ok(all?.into_iter().filter(|(_, count)| *count > 0).collect())
    }

    /// Deletes ended runs from the history with all that belongs to them: in steps, so that nobody
    /// waits long. Runs in progress and on hold stay. Returns how many went.
    pub async fn clear_history(&self, keep_latest: bool) -> Result<u64, DbError> {
        self.clear_history_of(None, keep_latest).await
    }

    /// As [`Store::clear_history`], of one account or of all.
    pub async fn clear_history_of(
        &self,
        account: Option<AccountId>,
        keep_latest: bool,
    ) -> Result<u64, DbError> {
        const DOOMED: &str = "
            select id from run
            where outcome is not null and account between $2 and $3
                and not exists
                (select 1 from hold h where h.account = run.account and h.run <= run.id)
                and ($1 = 0 or id not in
                    (select max(id) from run where outcome is not null group by account))
            order by id limit 100";
        let (low, high) = account.map_or((0, i64::MAX), |it| (it.0, it.0));
        let mut cleared = 0;
        loop {
            let rows = self.db.rows(DOOMED, &[keep_latest.into(), low.into(), high.into()]).await?;
            let runs = rows.iter().map(|row| row.int(0)).collect::<Result<Vec<_>, _>>()?;
            if runs.is_empty() {
                return Ok(cleared);
            }
            cleared += self.forget_runs(&runs, true).await?;
        }
    }

    /// Deletes these runs, if they are over and not on hold. `durable`: a person wants them gone, and
    /// they must not come back after a power cut.
    pub(crate) async fn forget_runs(&self, runs: &[i64], durable: bool) -> Result<u64, DbError> {
        const PARTS: [&str; 4] = [
            "delete from change where run = $1",
            "delete from set_aside where run = $1",
            "delete from run_phase where run = $1",
            "delete from held where run = $1",
        ];
        const RUN: &str = "delete from run where id = $1 and outcome is not null
            and not exists
                (select 1 from hold h where h.account = run.account and h.run <= run.id)";
        let mut forgotten = 0;
        for (at, run) in runs.iter().enumerate() {
            // What makes the last one durable makes those before it durable, too.
            let is_last = at + 1 == runs.len();
            let tx = match durable && is_last {
                true => self.db.begin_durable().await?,
                false => self.db.begin().await?,
            };
            let gone = tx.exec(RUN, &[Arg::Int(*run)]).await?;
            if gone > 0 {
                for part in PARTS {
                    tx.exec(part, &[Arg::Int(*run)]).await?;
                }
            }
            tx.commit().await?;
            forgotten += gone;
        }
        Ok(forgotten)
    }
}
