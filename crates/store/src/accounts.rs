//! Accounts: which there are, what they are called, how they stand, and what was set for them.

use jiff::Timestamp;

use crate::Store;
use crate::alarms;
use crate::alarms::AlarmEvent;
use crate::commit_page::next_version;
use crate::db::{DbError, Row, Tx, int};
use ringbook_core::contact::ResourceName;
use ringbook_core::sync::account::{AccountName, BadName, Condition, same_name};
use ringbook_core::sync::schedule::{Standing, TokenFacts};
use ringbook_core::sync::{AccountId, FailureCode, Kind, Outcome, RunId, Source};

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
    /// Why the account must be connected again: the grant is dead, or the newest run found it not to do. Only
    /// for a dead one, no run begins any more (see `standing.needs_reauth`).
    pub needs_reauth: Option<NeedsReauth>,
    pub latest_run: Option<LatestRun>,
    /// The labels whose contacts reach the phones; `None`: all contacts do.
    pub labels_shown: Option<Vec<String>>,
    /// Its contacts are being erased; no run starts meanwhile.
    pub erasing: bool,
}

impl Account {
    /// What the account's state depends on. `configured`: what it takes to ask Google is set.
    pub fn condition(&self, configured: bool) -> Condition<'_> {
        let latest = self.latest_run.as_ref();
        let misconfigured = latest.filter(|run| run.error_code == Some(FailureCode::Misconfigured));
        Condition {
            configured,
            has_grant: self.grant.is_some(),
            was_connected: !self.waits_for_its_first_grant(),
            dead_because: self.needs_reauth.as_ref().map(|it| it.reason.as_str()),
            misconfigured_because: misconfigured
                .map(|run| run.error_message.as_deref().unwrap_or("Google refuses the request")),
            held: self.held_run.is_some(),
            paused: self.schedule.paused,
        }
    }

    /// Whether its silence is an alarm. An account that nobody wants synced by itself may well be silent,
    /// unless its syncs fail; and so may one that waits to be connected.
    pub fn is_expected_to_succeed(&self, planned: bool) -> bool {
        let wanted = self.standing.failures > 0 || self.needs_reauth.is_some() || planned;
        wanted && !self.waits_for_its_first_grant()
    }

    /// It was added, and nothing more: there is nothing that could be in step or not.
    pub fn waits_for_its_first_grant(&self) -> bool {
        self.grant.is_none() && self.latest_run.is_none() && self.last_success_at.is_none()
    }
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

impl Counts {
    pub fn sum<'a>(parts: impl IntoIterator<Item = &'a Counts>) -> Counts {
        let mut sum = Counts::default();
        for part in parts {
            sum.live += part.live;
            sum.deleted += part.deleted;
            sum.phones += part.phones;
            sum.emails += part.emails;
            sum.with_phone += part.with_phone;
            sum.with_email += part.with_email;
        }
        sum
    }
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
    pub error_code: Option<FailureCode>,
    pub error_message: Option<String>,
    /// What is to be told of it although it did its work.
    pub note: Option<String>,
}

/// Why an account could not be added or changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    #[error(transparent)]
    Name(#[from] BadName),
    #[error("there is an account `{0}` already; choose another name")]
    Taken(String),
    #[error("`{0}` uses the permission of this account; remove `{0}` first")]
    Lends(String),
    #[error("there is no such account any more")]
    Gone,
    #[error(transparent)]
    Db(#[from] DbError),
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
        r.id, r.outcome, r.error_message, r.error_code, a.source, a.labels_shown, a.erasing, a.grant_of,
        g.connected_at, r.started_at, a.tokenless_at, r.note,
        r.outcome = 'interrupted'
            and (r.kind_asked = 'full' or coalesce(r.full_reason, '') = 'full_sync_interrupted')
    from account a
    left join oauth_grant g on g.account = coalesce(a.grant_of, a.id)
    left join run held on held.id = a.held_run
    left join run r on r.id = (select max(id) from run where account = a.id)";

impl Store {
    /// All accounts, oldest first.
    pub async fn accounts(&self) -> Result<Vec<Account>, DbError> {
        let sql = format!("{ACCOUNT} where {STAYS} order by a.id");
        self.db.rows(&sql, &[]).await?.iter().map(account).collect()
    }

    pub async fn account(&self, id: AccountId) -> Result<Option<Account>, DbError> {
        let sql = format!("{ACCOUNT} where a.id = $1 and {STAYS}");
        self.db.row(&sql, &[id.0.into()]).await?.as_ref().map(account).transpose()
    }

    /// The account of a name; case and accents do not matter.
    pub async fn account_named(&self, name: &str) -> Result<Option<Account>, DbError> {
        let accounts = self.accounts().await?;
        Ok(accounts.into_iter().find(|it| same_name(&it.name, name)))
    }

    /// Adds an account that waits to be connected.
    ///
    /// # Errors
    /// When the name is none, or another account has it.
    pub async fn create_account(&self, name: &str) -> Result<AccountId, AccountError> {
        let name = AccountName::parse(name)?;
        let tx = self.db.begin_durable().await?;
        tx.alone().await?;
        let now = tx.now(&*self.clock).await?;
        check_free(&tx, &name, None).await?;
        let id = add(&tx, name.as_str(), None, now).await?;
        tx.commit().await?;
        self.tick();
        Ok(id)
    }

    /// # Errors
    /// When the name is none, or another account has it, or there is no such account.
    pub async fn rename_account(&self, id: AccountId, name: &str) -> Result<(), AccountError> {
        const RENAME: &str = "update account set name = $2
            where id = $1 and coalesce(erasing, '') <> 'account'";
        let name = AccountName::parse(name)?;
        let tx = self.db.begin_durable().await?;
        tx.alone().await?;
        check_free(&tx, &name, Some(id)).await?;
        if tx.exec(RENAME, &[id.0.into(), name.as_str().into()]).await? == 0 {
            return Err(AccountError::Gone);
        }
        tx.commit().await?;
        self.tick();
        Ok(())
    }

    /// Pauses an account, or resumes it. What Ringbook does by itself stops meanwhile, also the follow-up
    /// of a full sync; what somebody asks for is still done.
    pub async fn set_paused(&self, id: AccountId, paused: bool) -> Result<(), DbError> {
        const PAUSE: &str = "update account set schedule_paused = $2 where id = $1";
        let tx = self.db.begin_durable().await?;
        tx.exec(PAUSE, &[id.0.into(), paused.into()]).await?;
        tx.commit().await?;
        self.tick();
        Ok(())
    }

    /// Sets the labels whose contacts reach the phones; `None`: all contacts do. Takes a version of its
    /// own, after which whoever keeps a copy makes it anew.
    pub async fn set_labels_shown(
        &self,
        id: AccountId,
        labels: Option<&[String]>,
    ) -> Result<(), DbError> {
        const SET: &str = "update account set labels_shown = $2, rows_vanished = version
            where id = $1";
        let tx = self.db.begin_durable().await?;
        next_version(&tx, id).await?;
        let json = labels.map(encoded);
        tx.exec(SET, &[id.0.into(), json.into()]).await?;
        tx.commit().await?;
        self.tick();
        Ok(())
    }

    /// The labels whose contacts reach the phones; `None`: all contacts do.
    pub async fn labels_shown(&self, id: AccountId) -> Result<Option<Vec<String>>, DbError> {
        const SHOWN: &str = "select labels_shown from account where id = $1";
        match self.db.row(SHOWN, &[id.0.into()]).await? {
            Some(row) => row.opt_text(0)?.map(decoded).transpose(),
            None => Ok(None),
        }
    }

    /// Gives each account its schedule: all of them or none.
    pub async fn set_schedules(
        &self,
        schedules: &[(AccountId, &ScheduleRow)],
    ) -> Result<(), DbError> {
        const SET: &str = "
            update account set schedule_minutes = $2, schedule_cron = $3, schedule_zone = $4,
                schedule_paused = $5
            where id = $1";
        let tx = self.db.begin_durable().await?;
        for (account, schedule) in schedules {
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
        }
        tx.commit().await
    }

    pub async fn set_schedule(
        &self,
        account: AccountId,
        schedule: &ScheduleRow,
    ) -> Result<(), DbError> {
        self.set_schedules(&[(account, schedule)]).await
    }

    /// Raises the alarm about an account that has been silent for too long: it is put down to be delivered.
    /// Only the first of several gets `true`.
    pub async fn claim_alert(&self, account: AccountId) -> Result<bool, DbError> {
        const CLAIM: &str =
            "update account set alerted_at = $2 where id = $1 and alerted_at is null";
        const SINCE: &str =
            "select coalesce(last_success_at, created_at) from account where id = $1";
        let tx = self.db.begin_durable().await?;
        let now = tx.now(&*self.clock).await?;
        let claimed = tx.exec(CLAIM, &[account.0.into(), now.into()]).await? > 0;
        if claimed {
            let since = match tx.row(SINCE, &[account.0.into()]).await? {
                Some(row) => row.opt_time(0)?,
                None => None,
            };
            alarms::raise(&tx, account, AlarmEvent::Silent, since, "", now).await?;
        }
        tx.commit().await?;
        Ok(claimed)
    }

    /// Writes a bit: to see whether the database, and its disk, let us.
    pub async fn try_to_write(&self) -> Result<(), DbError> {
        const PROBE: &str = "update install set probe = 1 - probe";
        let tx = self.db.begin_durable().await?;
        tx.exec(PROBE, &[]).await?;
        tx.commit().await
    }

    /// The labels of an account: resource name, name, and whether it is one of Google's own.
    pub async fn labels(&self, account: AccountId) -> Result<Vec<(String, String, bool)>, DbError> {
        const LABELS: &str = "select resource_name, name, system from label where account = $1
            order by name, resource_name";
        let rows = self.db.rows(LABELS, &[int(account.0)]).await?;
        rows.iter()
            .map(|row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned(), row.flag(2)?)))
            .collect()
    }

    /// The labels of an account: resource name and name.
    pub async fn label_names(&self, account: AccountId) -> Result<Vec<(String, String)>, DbError> {
        const LABELS: &str = "select resource_name, name from label where account = $1
            order by resource_name";
        let rows = self.db.rows(LABELS, &[int(account.0)]).await?;
        rows.iter().map(|row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned()))).collect()
    }
}

/// What is true of every account but one that is being removed.
const STAYS: &str = "coalesce(a.erasing, '') <> 'account'";

/// Adds an account under the next number. Numbers of removed accounts are not given out again, since
/// public ids are made of them.
pub(crate) async fn add(
    tx: &Tx,
    name: &str,
    google_id: Option<&str>,
    now: Timestamp,
) -> Result<AccountId, DbError> {
    const NEXT: &str = "update install set accounts_issued = accounts_issued + 1
        returning accounts_issued";
    const ADD: &str = "insert into account (id, name, google_id, created_at)
        values ($1, $2, $3, $4)";
    let row = tx.row(NEXT, &[]).await?;
    let id = row.ok_or(DbError::Shape { column: 0, expected: "an installation" })?.int(0)?;
    tx.exec(ADD, &[id.into(), name.into(), google_id.into(), now.into()]).await?;
    Ok(AccountId(id))
}

/// A name for an account that nobody has named: `Google`, `Google 2`, ….
pub(crate) async fn free_name(tx: &Tx) -> Result<String, DbError> {
    let names = names(tx).await?;
    let taken = |name: &str| names.iter().any(|(_, known)| same_name(known, name));
    let numbered = (2..).map(|number| format!("Google {number}"));
    let mut candidates = std::iter::once("Google".to_owned()).chain(numbered);
    Ok(candidates.find(|name| !taken(name)).unwrap_or_default())
}

pub(crate) async fn check_free(
    tx: &Tx,
    name: &AccountName,
    own: Option<AccountId>,
) -> Result<(), AccountError> {
    let names = names(tx).await?;
    let mut others = names.iter().filter(|(id, _)| Some(*id) != own);
    match others.find(|(_, known)| same_name(known, name.as_str())) {
        Some((_, known)) => Err(AccountError::Taken(known.clone())),
        None => Ok(()),
    }
}

async fn names(tx: &Tx) -> Result<Vec<(AccountId, String)>, DbError> {
    let sql = format!("select a.id, a.name from account a where {STAYS}");
    let rows = tx.rows(&sql, &[]).await?;
    rows.iter().map(|row| Ok((AccountId(row.int(0)?), row.text(1)?.to_owned()))).collect()
}

fn encoded(labels: &[String]) -> String {
    serde_json::Value::from(labels.to_vec()).to_string()
}

fn decoded(json: &str) -> Result<Vec<String>, DbError> {
    serde_json::from_str(json).map_err(|_| DbError::Word(json.to_owned()))
}

pub(crate) fn needs_reauth(row: &Row, column: usize) -> Result<Option<NeedsReauth>, DbError> {
    let Some(since) = row.opt_time(column)? else { return Ok(None) };
    let reason = row.opt_text(column + 1)?.unwrap_or("the grant is gone").to_owned();
    Ok(Some(NeedsReauth { since, reason }))
}

/// A grant that nobody has ended, but that did not do in the newest run: connecting again helps, and meanwhile
/// it is tried again. A consent that came after that run answers it.
fn asked_to_reconnect(
    latest: Option<&LatestRun>,
    connected_at: Option<Timestamp>,
    started_at: Option<Timestamp>,
) -> Option<NeedsReauth> {
    let run = latest?;
    let since = started_at.filter(|at| connected_at.is_some_and(|connected| connected <= *at))?;
    let asks =
        matches!(run.error_code, Some(FailureCode::NotPermitted | FailureCode::DifferentAccount));
    let reason = || run.error_message.clone().unwrap_or_default();
    asks.then(|| NeedsReauth { since, reason: reason() })
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
            error_code: row.opt_word(35)?,
            error_message: row.opt_text(34)?.map(str::to_owned),
            note: row.opt_text(43)?.map(str::to_owned),
        }),
        None => None,
    };
    let dead = needs_reauth(row, 30)?;
    let standing = Standing {
        last_slot: row.opt_time(14)?,
        last_ended: row.opt_time(16)?,
        failures: u32::try_from(row.int(17)?).unwrap_or(u32::MAX),
        not_before: row.opt_time(20)?,
        interrupted: latest_run
            .as_ref()
            .is_some_and(|run| run.outcome == Some(Outcome::Interrupted)),
        full_interrupted: row.opt_int(44)?.is_some_and(|it| it != 0),
        cancelled: latest_run.as_ref().is_some_and(|run| run.outcome == Some(Outcome::Cancelled)),
        interruptions: u32::try_from(row.int(19)?).unwrap_or(u32::MAX),
        needs_reauth: dead.is_some() || row.opt_int(29)?.is_none(),
        never_synced: row.opt_time(15)?.is_none(),
        tokenless: row.opt_time(42)?.is_some(),
        follow_up_at: row.opt_time(21)?,
    };
    let needs_reauth = match dead {
        Some(dead) => Some(dead),
        None => asked_to_reconnect(latest_run.as_ref(), row.opt_time(40)?, row.opt_time(41)?),
    };
    Ok(Account {
        id: AccountId(row.int(0)?),
        name: row.text(1)?.to_owned(),
        google_id: row.opt_text(2)?.and_then(ResourceName::parse),
        source: row.word(36)?,
        grant_of: row.opt_int(39)?.map(AccountId),
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
        labels_shown: row.opt_text(37)?.map(decoded).transpose()?,
        erasing: row.opt_text(38)?.is_some(),
    })
}
