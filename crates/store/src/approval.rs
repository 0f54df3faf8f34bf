//! The word of a person on a run that is on hold.
//!
//! It is one transaction, which takes the account as a run would: no run can begin in between, and none
//! that lost its lease can write after it.

use jiff::Timestamp;

use crate::Store;
use crate::db::{Arg, DbError, Tx, int};
use crate::finish::{delete_doomed, drop_hold, earned_outcome, succeed};
use crate::lease::{Holder, LEASE_MAX, Lease, VANISHED, close_open_runs};
use ringbook_core::clock::after;
use ringbook_core::sync::{Outcome, RunId};

/// Why a held run could not be decided.
#[derive(Debug, thiserror::Error)]
pub enum DecisionError {
    #[error("this run is not on hold")]
    NotHeld,
    /// Approving would act on a listing that is no longer the latest.
    #[error("another sync has run since; sync again to see what would be deleted now")]
    Outdated,
    #[error("a sync is in progress, held by {}; decide when it is over", .0.host)]
    Busy(Holder),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl Store {
    /// Does what a held run wanted to do: deletes, and takes the token.
    ///
    /// # Errors
    /// When the run is not on hold, or its listing is no longer the latest. Nothing is changed then.
    pub async fn approve(&self, run: RunId, by: &str) -> Result<u64, DecisionError> {
        const WHO: &str = "select contact from held where run = $1 order by contact";
        const DOOM: &str = "insert into doomed (account, contact) values ($1, $2)
            on conflict do nothing";
        const FORGET: &str = "delete from doomed where account = $1";
        const TOKEN: &str = "
            update account set sync_token = h.sync_token, token_request = h.token_request,
                token_grant = h.token_grant, token_full_at = h.token_full_at, token_at = $2,
                tokenless_at = null
            from hold h where h.account = account.id and account.id = $1";
        let account = run.account();
        let (tx, lease, now) = self.decide(run, true).await?;
        let held = tx.rows(WHO, &[run.0.into()]).await?;
        let mut rows = Vec::with_capacity(held.len());
        for row in &held {
            rows.push(vec![Arg::Int(account.0), Arg::Int(row.int(0)?)]);
        }
        tx.exec(FORGET, &[account.0.into()]).await?;
        tx.each(DOOM, &rows).await?;
        let deleted = delete_doomed(&tx, &lease, now).await?;
        tx.exec(TOKEN, &[account.0.into(), now.into()]).await?;
        succeed(&tx, run, now, false).await?;
        let outcome = earned_outcome(&tx, run).await?;
        decided(&tx, run, outcome, deleted, by, now).await?;
        tx.commit().await?;
        self.tick();
        Ok(deleted)
    }

    /// Keeps what a held run wanted to delete. The token is not taken, so a later run asks Google anew.
    ///
    /// # Errors
    /// When the run is not on hold. Nothing is changed then.
    pub async fn reject(&self, run: RunId, by: &str) -> Result<(), DecisionError> {
        let (tx, _, now) = self.decide(run, false).await?;
        decided(&tx, run, Outcome::Rejected, 0, by, now).await?;
        tx.commit().await?;
        self.tick();
        Ok(())
    }

    /// Opens the transaction of a decision. It raises the fence, so no run can begin in between.
    async fn decide(
        &self,
        run: RunId,
        must_be_latest: bool,
    ) -> Result<(Tx, Lease, Timestamp), DecisionError> {
        const HELD: &str = "select 1 from hold where account = $1 and run = $2";
        const SINCE: &str = "select count(*) from run where account = $1 and id > $2 and pages > 0";
        const TAKE: &str = "
            update lease set fence = fence + 1, holder = null, expires_at = $2
            where account = $1 and (holder is null or expires_at <= $2 or expires_at > $3)";
        let account = run.account();
        // A holder that is found dead now need not be waited for.
        self.close_orphans(account).await?;
        let tx = self.db.begin_durable().await?;
        let now = tx.now(&*self.clock).await?;
        let horizon = after(now, LEASE_MAX);
        if tx.exec(TAKE, &[account.0.into(), now.into(), horizon.into()]).await? == 0 {
            drop(tx);
            return match self.lease_holder(account).await? {
                Some(holder) => Err(DecisionError::Busy(holder)),
                None => Err(DecisionError::NotHeld),
            };
        }
        // The lease may have run out only since: its run must not be left open without one.
        close_open_runs(&tx, account, VANISHED, now).await?;
        if tx.row(HELD, &[account.0.into(), run.0.into()]).await?.is_none() {
            return Err(DecisionError::NotHeld);
        }
        let since = tx.row(SINCE, &[account.0.into(), run.0.into()]).await?;
        if must_be_latest && since.map_or(Ok(0), |row| row.int(0))? > 0 {
            return Err(DecisionError::Outdated);
        }
        Ok((tx, Lease { run, holder: String::new(), generation: 0 }, now))
    }
}

async fn decided(
    tx: &Tx,
    run: RunId,
    outcome: Outcome,
    deleted: u64,
    by: &str,
    now: Timestamp,
) -> Result<(), DbError> {
    // Other runs may have changed the number of contacts since; this run's books are its own.
    const DECIDED: &str = "
        update run set outcome = $2, decided_at = $3, decided_by = $4, updated_at = $3,
            after_live = after_live - $5
        where id = $1";
    let account = run.account();
    drop_hold(tx, account).await?;
    let args = [run.0.into(), outcome.as_str().into(), now.into(), Arg::from(by), int(deleted)];
    tx.exec(DECIDED, &args).await.map(|_| ())
}
