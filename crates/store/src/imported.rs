//! The history of the previous app, as the first runs of an account.

use crate::Store;
use crate::db::{DbError, int};
use crate::foreign::{ImportedState, ImportedSync};
use ringbook_core::sync::{AccountId, Kind, Outcome, Phase, RunId, Trigger};

/// Who held the runs that were taken over.
const HOLDER: &str = "the previous app";

impl Store {
    /// Makes the syncs of the previous app the history of an account. They count no contacts: what that app
    /// counted it did not keep. Returns how many were taken over; none when the account has a history.
    ///
    /// # Errors
    /// When the database fails. Nothing is taken over then.
    pub async fn import_history(
        &self,
        account: AccountId,
        syncs: &[ImportedSync],
        asked_by: &str,
    ) -> Result<u64, DbError> {
        const NEWEST: &str = "select max(id) from run where account = $1";
        // Runs are numbered by the fence, which only grows: the next one of ours comes after these.
        const FENCE: &str = "
            insert into lease (account, fence, expires_at) values ($1, $2, 0)
            on conflict (account) do nothing";
        const RUN: &str = "
            insert into run (id, account, kind, started_by, asked_by, holder, started_at, updated_at,
                ended_at, outcome, error_message, phase, before_live, after_live)
            values ($1, $2, $3, $4, $5, $6, $7, $7, $7, $8, $9, $10, 0, 0)";
        let tx = self.db.begin_durable().await?;
        tx.alone().await?;
        let newest = tx.row(NEWEST, &[account.0.into()]).await?;
        let has_runs = newest.map_or(Ok(None), |row| row.opt_int(0))?.is_some();
        let fence = int(syncs.len() as u64);
        if has_runs || tx.exec(FENCE, &[account.0.into(), fence]).await? == 0 {
            return Ok(0);
        }
        for (number, sync) in (1..).zip(syncs) {
            let kind = if sync.incremental { Kind::Incremental } else { Kind::Full };
            let outcome = match sync.state {
                ImportedState::Succeeded => Outcome::Succeeded,
                ImportedState::Failed => Outcome::Failed,
                ImportedState::Unfinished => Outcome::Interrupted,
            };
            tx.exec(
                RUN,
                &[
                    RunId::new(account, number).0.into(),
                    account.0.into(),
                    kind.as_str().into(),
                    Trigger::Api.as_str().into(),
                    asked_by.into(),
                    HOLDER.into(),
                    sync.at.into(),
                    outcome.as_str().into(),
                    sync.error.as_deref().into(),
                    Phase::Ended.as_str().into(),
                ],
            )
            .await?;
        }
        tx.commit().await?;
        self.tick();
        Ok(syncs.len() as u64)
    }
}
