//! Accounts: which there are, how they stand, and their schedules.

use jiff::Timestamp;

use crate::contact::ResourceName;
use crate::store::Store;
use crate::store::db::{DbError, Row, int};
use crate::sync::schedule::{Standing, TokenFacts};
use crate::sync::{AccountId, Kind, Outcome, RunId, Source};

/// An account and how it stands. Everything here is one indexed read.
#[derive(Clone, Debug)]
pub struct Account {
    pub id: AccountId,
    pub name: String,
    /// The Google account that is mirrored, once it is known.
    pub google_id: Option<ResourceName>,
    pub source: Source,
    /// The account whose permission is used; `None`: its own.
    pub grant_of: Option<AccountId>,
    pub created_at: Timestamp,
    pub counts: Counts,
    pub token: Option<TokenFacts>,
    pub last_success_at: Option<Timestamp>,
    pub failing_since: Option<Timestamp>,
    pub alerted_at: Option<Timestamp>,
    pub held_run: Option<RunId>,
    pub held_kind: Option<Kind>,
    pub standing: Standing,
    pub schedule: ScheduleRow,
    /// Number of the grant, if the account was ever connected and not disconnected since.
    pub grant: Option<i64>,
    pub needs_reauth: Option<NeedsReauth>,
    pub latest_run: Option<LatestRun>,
}

/// How many contacts an account has.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    pub live: u64,
    pub deleted: u64,
    pub phones: u64,
    pub emails: u64,
    pub with_phone: u64,
    pub with_email: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct NeedsReauth {
    pub since: Timestamp,
    pub reason: String,
}

/// The run that was started last.
#[derive(Clone, Debug, PartialEq)]
pub struct LatestRun {
    pub id: RunId,
    /// `None` while it is open.
    pub outcome: Option<Outcome>,
    pub error_message: Option<String>,
}

/// A schedule as it was set for one account; what is `None` comes from the configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScheduleRow {
    pub minutes: Option<i64>,
    pub cron: Option<String>,
    pub zone: Option<String>,
    pub paused: bool,
}

const ACCOUNT: &str = "
    select a.id, a.name, a.google_id, a.created_at,
        a.live, a.deleted, a.phones, a.emails, a.with_phone, a.with_email,
        a.sync_token is not null, a.token_request, a.token_grant, a.token_full_at,
        a.last_slot, a.last_success_at, a.last_ended_at, a.failures, a.failing_since,
        a.interruptions, a.not_before, a.follow_up_at, a.alerted_at, a.held_run, held.kind,
        a.schedule_minutes, a.schedule_cron, a.schedule_zone, a.schedule_paused,
        g.number, g.needs_reauth_at, g.needs_reauth_reason,
        r.id, r.outcome, r.error_message, a.source, a.grant_of
    from account a
    left join oauth_grant g on g.account = coalesce(a.grant_of, a.id)
    left join run held on held.id = a.held_run
    left join run r on r.id = (select max(id) from run where account = a.id)";

impl Store {
    /// All accounts, oldest first.
    pub async fn accounts(&self) -> Result<Vec<Account>, DbError> {
        let sql = format!("{ACCOUNT} order by a.id");
        self.db.rows(&sql, &[]).await?.iter().map(account).collect()
    }

    pub async fn account(&self, id: AccountId) -> Result<Option<Account>, DbError> {
        let sql = format!("{ACCOUNT} where a.id = $1");
        self.db.row(&sql, &[id.0.into()]).await?.as_ref().map(account).transpose()
    }

    pub async fn set_schedule(
        &self,
        account: AccountId,
        schedule: &ScheduleRow,
    ) -> Result<(), DbError> {
        const SET: &str = "
            update account set schedule_minutes = $2, schedule_cron = $3, schedule_zone = $4,
                schedule_paused = $5
            where id = $1";
        let tx = self.db.begin_durable().await?;
        tx.exec(
            SET,
            &[
                account.0.into(),
                schedule.minutes.into(),
                schedule.cron.as_deref().into(),
                schedule.zone.as_deref().into(),
                schedule.paused.into(),
            ],
        )
        .await?;
        tx.commit().await
    }

    /// Notes that the alarm about this account was given. Only the first of several gets `true`.
    pub async fn claim_alert(&self, account: AccountId) -> Result<bool, DbError> {
        const CLAIM: &str =
            "update account set alerted_at = $2 where id = $1 and alerted_at is null";
        let tx = self.db.begin_durable().await?;
        let now = tx.now(&*self.clock).await?;
        let claimed = tx.exec(CLAIM, &[account.0.into(), now.into()]).await?;
        tx.commit().await?;
        Ok(claimed > 0)
    }

    /// Writes, but nothing: to see whether the database lets us.
    pub async fn try_to_write(&self) -> Result<(), DbError> {
        const NOTHING: &str = "update account set name = name where id = -1";
        let tx = self.db.begin_durable().await?;
        tx.exec(NOTHING, &[]).await?;
        tx.commit().await
    }

    /// The labels of an account: resource name and name.
    pub async fn label_names(&self, account: AccountId) -> Result<Vec<(String, String)>, DbError> {
        const LABELS: &str = "select resource_name, name from label where account = $1
            order by resource_name";
        let rows = self.db.rows(LABELS, &[int(account.0)]).await?;
        rows.iter().map(|row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned()))).collect()
    }
}

pub(crate) fn needs_reauth(row: &Row, column: usize) -> Result<Option<NeedsReauth>, DbError> {
    let Some(since) = row.opt_time(column)? else { return Ok(None) };
    let reason = row.opt_text(column + 1)?.unwrap_or("the grant is gone").to_owned();
    Ok(Some(NeedsReauth { since, reason }))
}

fn account(row: &Row) -> Result<Account, DbError> {
    let token = match (row.flag(10)?, row.opt_text(11)?, row.opt_int(12)?, row.opt_time(13)?) {
        (true, Some(request), Some(grant), Some(full_at)) => {
            Some(TokenFacts { request: request.to_owned(), grant, full_at })
        }
        _ => None,
    };
    let latest_run = match row.opt_int(32)? {
        Some(id) => Some(LatestRun {
            id: RunId(id),
            outcome: row.opt_word(33)?,
            error_message: row.opt_text(34)?.map(str::to_owned),
        }),
        None => None,
    };
    let needs_reauth = needs_reauth(row, 30)?;
    let standing = Standing {
        last_slot: row.opt_time(14)?,
        last_ended: row.opt_time(16)?,
        failures: u32::try_from(row.int(17)?).unwrap_or(u32::MAX),
        not_before: row.opt_time(20)?,
        interrupted: latest_run
            .as_ref()
            .is_some_and(|run| run.outcome == Some(Outcome::Interrupted)),
        cancelled: latest_run.as_ref().is_some_and(|run| run.outcome == Some(Outcome::Cancelled)),
        interruptions: u32::try_from(row.int(19)?).unwrap_or(u32::MAX),
        needs_reauth: needs_reauth.is_some() || row.opt_int(29)?.is_none(),
        never_synced: row.opt_time(15)?.is_none(),
        follow_up_at: row.opt_time(21)?,
    };
    Ok(Account {
        id: AccountId(row.int(0)?),
        name: row.text(1)?.to_owned(),
        google_id: row.opt_text(2)?.and_then(ResourceName::parse),
        source: row.word(35)?,
        grant_of: row.opt_int(36)?.map(AccountId),
        created_at: row.time(3)?,
        counts: Counts {
            live: row.count(4)?,
            deleted: row.count(5)?,
            phones: row.count(6)?,
            emails: row.count(7)?,
            with_phone: row.count(8)?,
            with_email: row.count(9)?,
        },
        token,
        last_success_at: row.opt_time(15)?,
        failing_since: row.opt_time(18)?,
        alerted_at: row.opt_time(22)?,
        held_run: row.opt_int(23)?.map(RunId),
        held_kind: row.opt_word(24)?,
        standing,
        schedule: ScheduleRow {
            minutes: row.opt_int(25)?,
            cron: row.opt_text(26)?.map(str::to_owned),
            zone: row.opt_text(27)?.map(str::to_owned),
            paused: row.flag(28)?,
        },
        grant: row.opt_int(29)?,
        needs_reauth,
        latest_run,
    })
}
