//! Forgets what is old: runs, and tombstones that nobody will want back. In small steps.

use std::time::Duration;

use crate::db::{Arg, DbError, int};
use crate::lease::LEASE_MAX;
use crate::{Store, commit_page};
use ringbook_core::clock::{after, between};
use ringbook_core::sync::AccountId;

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retention {
    /// Runs of each account, however old or young.
    pub runs: u64,
    /// Runs older than this go.
    pub age: Duration,
    /// Deleted contacts older than this go for good.
    pub tombstones: Duration,
}

impl Default for Retention {
    fn default() -> Retention {
        let days = |count: u64| Duration::from_secs(count * 86400);
        Retention { runs: 10_000, age: days(180), tombstones: days(90) }
    }
}

impl Retention {
    /// What is kept while the clock is that much ahead of what is believed.
    pub fn later_by(&self, lag: Duration) -> Retention {
        let later = |age: Duration| age.saturating_add(lag);
        Retention { age: later(self.age), tombstones: later(self.tombstones), ..*self }
    }
}

/// The time by which things grow old follows the clock by no more than this at each look. So a clock that
/// jumps ahead and is put right within hours makes nothing old; and after a summer off it takes a few days until
/// old things go.
const STRIDE: Duration = Duration::from_secs(6 * 3600);

/// What one step of pruning removed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pruned {
    pub runs: u64,
    pub tombstones: u64,
}

/// Rows that one step may take.
const STEP: u64 = 200;

impl Store {
    /// How far the time by which things grow old is behind the clock. Each call lets it follow a stride.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn retention_lag(&self) -> Result<Duration, DbError> {
        const KNOWN: &str = "select aged_to from install";
        const FOLLOW: &str = "update install set aged_to = $1";
        let tx = self.db.begin().await?;
        let now = self.clock.now();
        let known = match tx.row(KNOWN, &[]).await? {
            Some(row) => row.opt_time(0)?,
            None => None,
        };
        let aged_to = known.map_or(now, |known| after(known, STRIDE).min(now));
        tx.exec(FOLLOW, &[aged_to.into()]).await?;
        tx.commit().await?;
        Ok(between(aged_to, now))
    }

    /// One small step. Call it again while it removes something. The newest run of an account, runs
    /// in progress and runs on hold always stay.
    pub async fn prune(
        &self,
        account: AccountId,
        retention: &Retention,
    ) -> Result<Pruned, DbError> {
        const OLD: &str = "
            select id from run
            where account = $1 and outcome is not null
                and (started_at < $2 or id <= coalesce(
                    (select id from run where account = $1 order by id desc limit 1 offset $3), -1))
                and id <> (select max(id) from run where account = $1)
            order by id limit $4";
        const GONE: &str = "
            select id from contact
            where deleted_at < $2 and account = $1
                and not exists (select 1 from held h where h.contact = contact.id)
            order by deleted_at limit $3";
        const IDLE: &str = "update lease set expires_at = expires_at
            where account = $1 and (holder is null or expires_at <= $2 or expires_at > $3)";
        const CONTENT: &str = "delete from contact_content where contact = $1";
        const CONTACT: &str = "delete from contact where id = $1 and deleted_at is not null";
        let now = self.clock.now();
        let before = |age: Duration| now.saturating_sub(age).unwrap_or(now);
        let rows = self
            .db
            .rows(
                OLD,
                &[account.0.into(), before(retention.age).into(), int(retention.runs), int(STEP)],
            )
            .await?;
        let runs = rows.iter().map(|row| row.int(0)).collect::<Result<Vec<_>, _>>()?;
        let mut pruned = Pruned { runs: self.forget_runs(&runs, false).await?, tombstones: 0 };

        let args = [account.0.into(), Arg::from(before(retention.tombstones)), int(STEP)];
        let gone = self.db.rows(GONE, &args).await?;
        if gone.is_empty() {
            return Ok(pruned);
        }
        let tx = self.db.begin().await?;
        // A run in progress counts the same contacts; it goes first.
        let still = tx.now(&*self.clock).await?;
        let horizon = after(still, LEASE_MAX);
        if tx.exec(IDLE, &[account.0.into(), still.into(), horizon.into()]).await? == 0 {
            return Ok(pruned);
        }
        for row in &gone {
            let id = row.int(0)?;
            // It may have been restored since it was looked up.
            if tx.exec(CONTACT, &[id.into()]).await? > 0 {
                tx.exec(CONTENT, &[id.into()]).await?;
                pruned.tombstones += 1;
            }
        }
        let forgotten = i64::try_from(pruned.tombstones).unwrap_or(0);
        commit_page::CounterDelta { deleted: -forgotten, ..commit_page::CounterDelta::default() }
            .apply(&tx, account)
            .await?;
        tx.commit().await?;
        Ok(pruned)
    }
}
