//! What people have to be told, kept until it was delivered: a row that a crash, a restart or a webhook that
//! is down does not lose.

use std::time::Duration;

use jiff::Timestamp;

use crate::Store;
use crate::db::{Arg, DbError, Row, Tx, int};
use ringbook_core::clock::after;
use ringbook_core::string_enum;
use ringbook_core::sync::AccountId;

string_enum! {
    /// What an alarm tells.
    AlarmEvent {
        /// No sync has succeeded for too long.
        Silent = "sync_silent",
        /// Google will end its permission soon.
        PermissionEnding = "permission_ending",
        /// Google has ended its permission.
        NeedsReauth = "needs_reauth",
        /// What an alarm told of is over.
        Recovered = "recovered",
    }
}

/// An alarm that waits to be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmRow {
    pub id: i64,
    pub account: AccountId,
    /// What the account is called.
    pub name: String,
    pub event: AlarmEvent,
    /// Since when it has been so, where that is known.
    pub since: Option<Timestamp>,
    pub detail: String,
    pub raised_at: Timestamp,
    /// How often delivery was tried and failed.
    pub attempts: u64,
}

/// A process that tries to deliver an alarm has this long; then another one may try.
const TRY: Duration = Duration::from_secs(60);
/// Delivered alarms are kept this long.
const KEEP: Duration = Duration::from_secs(30 * 86_400);
/// A due time further away than any wait was noted under a wrong clock.
const TOO_FAR: Duration = Duration::from_secs(2 * 3600);
/// Alarms of one look.
const BATCH: u64 = 20;

impl Store {
    /// The alarms to be delivered now, oldest first, at most one of each account so that they arrive in
    /// order. Each is given to one process at a time: if it falls silent, another one may try a minute later.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim_due_alarms(&self) -> Result<Vec<AlarmRow>, DbError> {
        const DUE: &str = "
            select a.id, a.account, c.name, a.event, a.since, a.detail, a.raised_at, a.attempts, a.due_at
            from alarm a join account c on c.id = a.account
            where (a.due_at <= $1 or a.due_at > $3) and not exists (
                select 1 from alarm b
                where b.account = a.account and b.due_at is not null and b.id < a.id)
            order by a.id limit $2";
        const CLAIM: &str = "update alarm set due_at = $2 where id = $1 and due_at = $3";
        // Without a transaction first: most looks find nothing, and need not wait for a writer.
        let now = self.clock.now();
        let due = self.db.rows(DUE, &[now.into(), int(BATCH), after(now, TOO_FAR).into()]).await?;
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let tx = self.db.begin().await?;
        let until = after(self.clock.now(), TRY);
        let mut claimed = Vec::new();
        for row in &due {
            let args = [row.int(0)?.into(), until.into(), Arg::from(row.time(8)?)];
            if tx.exec(CLAIM, &args).await? > 0 {
                claimed.push(alarm(row)?);
            }
        }
        tx.commit().await?;
        Ok(claimed)
    }

    /// Notes that an alarm has arrived.
    ///
    /// # Errors
    /// When the database fails. Then it is delivered once more: twice is better than never.
    pub async fn alarm_delivered(&self, id: i64) -> Result<(), DbError> {
        const DELIVERED: &str = "update alarm set due_at = null, delivered_at = $2 where id = $1";
        const PRUNE: &str = "delete from alarm
            where due_at is null and raised_at < $1 and (over_at is not null or event in ($2, $3))";
        let tx = self.db.begin_durable().await?;
        let now = self.clock.now();
        tx.exec(DELIVERED, &[id.into(), now.into()]).await?;
        let old = now.saturating_sub(KEEP).unwrap_or(now);
        let (recovered, ending) = (AlarmEvent::Recovered, AlarmEvent::PermissionEnding);
        let args = [old.into(), recovered.as_str().into(), Arg::from(ending.as_str())];
        tx.exec(PRUNE, &args).await?;
        tx.commit().await
    }

    /// Notes that an alarm could not be delivered, and when it is tried again.
    ///
    /// # Errors
    /// When the database fails. Then it is tried again a minute after it was claimed.
    pub async fn alarm_failed(&self, id: i64, again_at: Timestamp) -> Result<(), DbError> {
        const AGAIN: &str = "update alarm set attempts = attempts + 1, due_at = $2
            where id = $1 and due_at is not null";
        let tx = self.db.begin().await?;
        tx.exec(AGAIN, &[id.into(), again_at.into()]).await?;
        tx.commit().await
    }

    /// How many alarms wait to be delivered.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn alarms_waiting(&self) -> Result<u64, DbError> {
        const WAITING: &str = "select count(*) from alarm where due_at is not null";
        self.db.row(WAITING, &[]).await?.map_or(Ok(0), |row| row.count(0))
    }
}

/// Puts an alarm down to be delivered, in the transaction that brings it about.
pub(super) async fn raise(
    tx: &Tx,
    account: AccountId,
    event: AlarmEvent,
    since: Option<Timestamp>,
    detail: &str,
    now: Timestamp,
) -> Result<(), DbError> {
    const RAISE: &str = "
        insert into alarm (account, event, since, detail, raised_at, due_at)
        values ($1, $2, $3, $4, $5, $5)";
    let args =
        [account.0.into(), event.as_str().into(), since.into(), detail.into(), Arg::from(now)];
    tx.exec(RAISE, &args).await.map(|_| ())
}

/// A sync has succeeded: what was told of this account is over, and that is told, too.
pub(super) async fn recover(tx: &Tx, account: AccountId, now: Timestamp) -> Result<(), DbError> {
    const SINCE: &str = "select min(coalesce(since, raised_at)) from alarm
        where account = $1 and over_at is null and event in ($2, $3)";
    const OVER: &str = "update alarm set over_at = $4
        where account = $1 and over_at is null and event in ($2, $3)";
    let (silent, dead) = (AlarmEvent::Silent.as_str(), AlarmEvent::NeedsReauth.as_str());
    let since = match tx.row(SINCE, &[account.0.into(), silent.into(), dead.into()]).await? {
        Some(row) => row.opt_time(0)?,
        None => None,
    };
    let Some(since) = since else { return Ok(()) };
    tx.exec(OVER, &[account.0.into(), silent.into(), dead.into(), Arg::from(now)]).await?;
    raise(tx, account, AlarmEvent::Recovered, Some(since), "", now).await
}

fn alarm(row: &Row) -> Result<AlarmRow, DbError> {
    Ok(AlarmRow {
        id: row.int(0)?,
        account: AccountId(row.int(1)?),
        name: row.text(2)?.to_owned(),
        event: row.word(3)?,
        since: row.opt_time(4)?,
        detail: row.text(5)?.to_owned(),
        raised_at: row.time(6)?,
        attempts: row.count(7)?,
    })
}
