//! Takes an account's contacts away for good, or the whole account.
//!
//! First the account is marked, in one durable transaction that takes the lease away from whoever syncs
//! it. From then on no run begins, and the directory shows nothing of it. The rows then go a part at a
//! time, so that nobody waits long to write; whoever finds the mark after a crash goes on.

use std::collections::VecDeque;

use crate::Store;
use crate::accounts::AccountError;
use crate::commit_page::CounterDelta;
use crate::db::{Arg, DbError, Tx, int};
use crate::finish::{drop_hold, forget_listing};
use crate::ids::ContactId;
use crate::lease::take_away;
use crate::sources::forget_key;
use ringbook_core::string_enum;
use ringbook_core::sync::{AccountId, RunId};

string_enum! {
    /// What is being taken away.
    Erasing { Contacts = "contacts", Account = "account", }
}

/// Contacts, and lines of the change log, that one transaction takes.
const STEP: i64 = 1000;

impl Store {
    /// Takes the account away from whoever syncs it, and marks it: its contacts are to be erased with all
    /// that the history tells of them; of the runs the numbers stay. Or everything of it goes.
    ///
    /// # Errors
    /// When there is no such account, or the database fails.
    pub async fn begin_erasing(
        &self,
        account: AccountId,
        what: Erasing,
    ) -> Result<(), AccountError> {
        const MARK: &str = "
            update account set erasing = case when erasing = 'account' then erasing else $2 end,
                sync_token = null, token_request = null, token_grant = null, token_full_at = null,
                token_at = null, follow_up_at = null, version = version + 1,
                rows_vanished = version + 1
            where id = $1
            returning id";
        const BORROWERS: &str = "select name from account where grant_of = $1
            and coalesce(erasing, '') <> 'account' order by id";
        const FORGET_GRANT: &str = "delete from oauth_grant where account = $1";
        let tx = self.db.begin_durable().await?;
        let now = tx.now(&*self.clock).await?;
        // The lease first, as everybody does, so that no two wait for each other.
        take_away(&tx, account, now).await?;
        if what == Erasing::Account {
            let rows = tx.rows(BORROWERS, &[account.0.into()]).await?;
            let names: Result<Vec<_>, _> = rows.iter().map(|row| row.text(0)).collect();
            let names = names?.join("`, `");
            if !names.is_empty() {
                return Err(AccountError::Lends(names));
            }
        }
        if tx.row(MARK, &[account.0.into(), what.as_str().into()]).await?.is_none() {
            return Err(AccountError::Gone);
        }
        drop_hold(&tx, account).await?;
        forget_listing(&tx, account).await?;
        if what == Erasing::Account {
            tx.exec(FORGET_GRANT, &[account.0.into()]).await?;
        }
        tx.commit().await?;
        self.tick();
        Ok(())
    }

    /// The accounts that are marked, by whomever.
    pub async fn erasures(&self) -> Result<Vec<AccountId>, DbError> {
        const MARKED: &str = "select id from account where erasing is not null order by id";
        let rows = self.db.rows(MARKED, &[]).await?;
        rows.iter().map(|row| row.int(0).map(AccountId)).collect()
    }

    /// What is to be done for a marked account.
    pub fn erasure(&self, account: AccountId) -> Erasure {
        Erasure { store: self.clone(), account, stage: Stage::Contacts, erased: 0 }
    }
}

/// The rest of an erasure, step by step. One that is dropped in between is gone on with by another.
pub struct Erasure {
    store: Store,
    account: AccountId,
    stage: Stage,
    erased: u64,
}

enum Stage {
    Contacts,
    /// Parts of change logs: the run, and from which number to which.
    Runs(VecDeque<(RunId, i64, i64)>),
    Last,
    Done,
}

impl Erasure {
    /// Takes all steps. Returns how many contacts went.
    ///
    /// # Errors
    /// When the database fails; what was done until then stays done.
    pub async fn finish(mut self) -> Result<u64, DbError> {
        while self.step().await? {
            // Others get their turn to write.
            tokio::task::yield_now().await;
        }
        Ok(self.erased)
    }

    /// One short transaction. Returns whether there is more to do.
    ///
    /// # Errors
    /// When the database fails. The step may then be taken again.
    pub async fn step(&mut self) -> Result<bool, DbError> {
        let tx = match self.stage {
            Stage::Done => return Ok(false),
            // What makes this one durable makes those before it durable, too.
            Stage::Last => self.store.db.begin_durable().await?,
            Stage::Contacts | Stage::Runs(_) => self.store.db.begin().await?,
        };
        let Some(what) = self.marked(&tx).await? else {
            // Somebody else was faster.
            self.stage = Stage::Done;
            return Ok(false);
        };
        let next = match &mut self.stage {
            Stage::Contacts => {
                let gone = delete_contacts(&tx, self.account).await?;
                self.erased += gone;
                if gone == 0 { Some(Stage::Runs(parts(&tx, self.account).await?)) } else { None }
            }
            Stage::Runs(parts) => {
                let mut lines = 0;
                while let Some((run, from, to)) = parts.front().copied()
                    && lines < STEP
                {
                    clear_log(&tx, what, run, from, to).await?;
                    lines += (to - from).max(1);
                    parts.pop_front();
                }
                if parts.is_empty() { Some(Stage::Last) } else { None }
            }
            Stage::Last => {
                end(&tx, what, self.account).await?;
                Some(Stage::Done)
            }
            Stage::Done => None,
        };
        tx.commit().await?;
        self.store.tick();
        if let Some(next) = next {
            self.stage = next;
        }
        Ok(!matches!(self.stage, Stage::Done))
    }

    /// Locks the account until the commit: two who erase it take their steps one after the other.
    async fn marked(&self, tx: &Tx) -> Result<Option<Erasing>, DbError> {
        const LOCK: &str = "
            update account set version = version + 1, rows_vanished = version + 1
            where id = $1 and erasing is not null
            returning erasing";
        match tx.row(LOCK, &[self.account.0.into()]).await? {
            Some(row) => Ok(Some(row.word(0)?)),
            None => Ok(None),
        }
    }
}

async fn delete_contacts(tx: &Tx, account: AccountId) -> Result<u64, DbError> {
    const CONTENT: &str = "delete from contact_content where contact in
        (select id from contact where id >= $1 and id < $2 order by id limit $3)";
    const CONTACT: &str = "delete from contact where id in
        (select id from contact where id >= $1 and id < $2 order by id limit $3)
        returning phones, emails, deleted_at";
    let first = ContactId::new(account, 0).0;
    let end = ContactId::new(AccountId(account.0 + 1), 0).0;
    let args = [first, end, STEP].map(Arg::Int);
    tx.exec(CONTENT, &args).await?;
    let rows = tx.rows(CONTACT, &args).await?;
    let mut moves = CounterDelta::default();
    for row in &rows {
        match row.opt_int(2)? {
            None => moves.contact(-1, row.count(0)?, row.count(1)?),
            Some(_) => moves.deleted -= 1,
        }
    }
    moves.apply(tx, account).await?;
    Ok(rows.len() as u64)
}

/// The change logs of all runs, in parts that fit into a step.
async fn parts(tx: &Tx, account: AccountId) -> Result<VecDeque<(RunId, i64, i64)>, DbError> {
    const RUNS: &str = "select id, changes from run where account = $1 order by id";
    let mut parts = VecDeque::new();
    for row in &tx.rows(RUNS, &[account.0.into()]).await? {
        let (run, lines) = (RunId(row.int(0)?), row.int(1)?);
        let mut from = 0;
        loop {
            let to = (from + STEP).min(lines);
            parts.push_back((run, from, to));
            from = to;
            if from >= lines {
                break;
            }
        }
    }
    Ok(parts)
}

/// Clears a part of a run's change log of what it tells about people, or takes it away; and with its last
/// part the run.
async fn clear_log(tx: &Tx, what: Erasing, run: RunId, from: i64, to: i64) -> Result<(), DbError> {
    const CLEAR: [&str; 2] = [
        "update change set name_before = null, name_after = null, before_content = null,
            after_content = null
        where run = $1 and seq > $2 and seq <= $3",
        "update set_aside set resource_name = null where run = $1 and seq > $2 and seq <= $3",
    ];
    const DELETE: [&str; 2] = [
        "delete from change where run = $1 and seq > $2 and seq <= $3",
        "delete from set_aside where run = $1 and seq > $2 and seq <= $3",
    ];
    const PHASES: &str = "delete from run_phase where run = $1";
    const RUN: &str = "delete from run where id = $1 and changes <= $2";
    let texts = match what {
        Erasing::Contacts => CLEAR,
        Erasing::Account => DELETE,
    };
    for text in texts {
        tx.exec(text, &[run.0, from, to].map(Arg::Int)).await?;
    }
    if what == Erasing::Account {
        tx.exec(PHASES, &[run.0.into()]).await?;
        tx.exec(RUN, &[run.0, to].map(Arg::Int)).await?;
    }
    Ok(())
}

/// Takes away what is left, and the mark.
async fn end(tx: &Tx, what: Erasing, account: AccountId) -> Result<(), DbError> {
    // Nobody's contacts are mirrored any more, so the account may be connected as another person.
    const UNMARK: &str = "
        update account set erasing = null, google_id = case
            when exists (select 1 from oauth_grant g where g.account = account.id)
            then google_id else null end
        where id = $1";
    const LABELS: &str = "delete from label where account = $1";
    const REST: [&str; 5] = [
        "delete from alarm where account = $1",
        "delete from run where account = $1",
        "delete from oauth_grant where account = $1",
        "delete from lease where account = $1",
        "delete from account where id = $1",
    ];
    let of_account = [int(account.0)];
    tx.exec(LABELS, &of_account).await?;
    match what {
        Erasing::Contacts => {
            tx.exec(UNMARK, &of_account).await?;
        }
        Erasing::Account => {
            forget_key(tx, account).await?;
            for text in REST {
                tx.exec(text, &of_account).await?;
            }
        }
    }
    Ok(())
}
