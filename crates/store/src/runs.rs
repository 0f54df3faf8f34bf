//! Reads of runs: one in full, the newest, what a run changed and what it set aside.

use std::time::Duration;

use jiff::Timestamp;

use crate::commit_page::content;
use crate::db::{DbError, Row, int};
use crate::ids::ContactId;
use crate::{Store, Wait};
use ringbook_core::contact::{Content, FieldChange, differences};
use ringbook_core::sync::schedule::FullReason;
use ringbook_core::sync::{
    AccountId, ChangeKind, FailureCode, Kind, Outcome, Phase, RunId, Trigger,
};

/// One run, as the history keeps it and as the progress shows it.
#[derive(Clone, Debug)]
pub struct RunRow {
    pub id: RunId,
    pub kind: Kind,
    pub kind_asked: Option<Kind>,
    pub full_reason: Option<FullReason>,
    pub trigger: Trigger,
    pub asked_by: Option<String>,
    /// Host and process that ran it.
    pub holder: String,
    /// It went on with the listing of an interrupted run.
    pub resumed: bool,
    pub started_at: Timestamp,
    pub updated_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// `None` while the run is open.
    pub outcome: Option<Outcome>,
    pub error_code: Option<FailureCode>,
    pub error_message: Option<String>,
    /// What is to be told of it although it did its work.
    pub note: Option<String>,
    /// Contacts that Google's listing left out and its look-up found; they are listed with those set aside.
    pub unlisted: u64,
    pub phase: Phase,
    pub wait: Option<Wait>,
    pub counts: RunCounts,
    /// How many contacts Google says there are.
    pub total: Option<u64>,
    /// What earlier runs had listed of the listing that this one goes on with.
    pub listed_before: u64,
    pub retries: u64,
    pub requests: u64,
    pub waited_ms: u64,
    pub before_live: u64,
    pub after_live: Option<u64>,
    pub cancel_at: Option<Timestamp>,
    pub cancel_by: Option<String>,
    pub decided_at: Option<Timestamp>,
    pub decided_by: Option<String>,
}

impl RunRow {
    /// How many contacts of the listing are in, with those of the runs that it goes on with.
    pub fn so_far(&self) -> u64 {
        self.listed_before + self.counts.listed
    }
}

/// The books of a run: listed = created + updated + unchanged + set aside, and
/// before + created + restored − deleted = after. What was restored is also counted as updated.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RunCounts {
    pub pages: u64,
    pub listed: u64,
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub set_aside: u64,
    pub deleted: u64,
    pub restored: u64,
    pub renamed: u64,
    pub tombstones: u64,
    /// What a held run would delete.
    pub to_delete: u64,
}

/// The sum of the runs in the history that are over.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RunSums {
    pub runs: u64,
    pub counts: RunCounts,
    pub retries: u64,
    pub requests: u64,
    pub took: Duration,
}

/// What a run did to one contact.
#[derive(Clone, Debug)]
pub struct ChangeRow {
    pub seq: i64,
    pub contact: ContactId,
    pub kind: ChangeKind,
    pub at: Timestamp,
    pub display_name: String,
    pub fields: Vec<FieldChange>,
}

/// A contact that a run could not read, or that Google's listing left out.
#[derive(Clone, Debug)]
pub struct SetAsideRow {
    pub seq: i64,
    pub resource_name: Option<String>,
    pub reason: String,
    pub at: Timestamp,
}

/// A contact, and what it was before and after.
type Sides = (Option<Content>, Option<Content>);

pub(crate) const RUN: &str = "
    select id, kind, kind_asked, full_reason, started_by, asked_by, holder, resumed,
        started_at, updated_at, ended_at, outcome, error_code, error_message, phase,
        wait_until, wait_reason, wait_message, pages, total, listed, created, updated, unchanged,
        set_aside, deleted, restored, renamed, tombstones, to_delete, retries, requests, waited_ms,
        before_live, after_live, cancel_at, cancel_by, decided_at, decided_by,
        listed_before, note, unlisted
    from run";

impl Store {
    pub async fn run(&self, id: RunId) -> Result<Option<RunRow>, DbError> {
        let sql = format!("{RUN} where id = $1");
        self.db.row(&sql, &[id.0.into()]).await?.as_ref().map(run).transpose()
    }

    /// The run in progress of an account, or the one that ended last.
    pub async fn latest_run(&self, account: AccountId) -> Result<Option<RunRow>, DbError> {
        let sql = format!("{RUN} where account = $1 order by id desc limit 1");
        self.db.row(&sql, &[account.0.into()]).await?.as_ref().map(run).transpose()
    }

    /// Of each account the run in progress, or the one that ended last.
    pub async fn latest_runs(&self) -> Result<Vec<RunRow>, DbError> {
        let sql = format!(
            "{RUN} where id in (select (select max(r.id) from run r where r.account = a.id)
                from account a where coalesce(a.erasing, '') <> 'account') order by id"
        );
        self.db.rows(&sql, &[]).await?.iter().map(run).collect()
    }

    /// All runs that nobody has closed.
    pub async fn open_runs(&self) -> Result<Vec<RunRow>, DbError> {
        // Each account's newest run only: an open one always is.
        let sql = format!(
            "{RUN} where outcome is null and id in (select max(id) from run group by account)
            order by started_at desc"
        );
        self.db.rows(&sql, &[]).await?.iter().map(run).collect()
    }

    /// Runs that ended after a moment, oldest first.
    pub async fn ended_since(&self, since: Timestamp) -> Result<Vec<RunRow>, DbError> {
        let sql = format!(
            "{RUN} where started_at >= $1 and ended_at > $2 order by ended_at, id limit 100"
        );
        // A run may be long; nobody waits for more than a day.
        let begun = since.as_microsecond() - 86_400_000_000;
        self.db.rows(&sql, &[begun.into(), since.into()]).await?.iter().map(run).collect()
    }

    /// How many runs ended in each way; open ones have no outcome.
    pub async fn outcomes(
        &self,
        account: Option<AccountId>,
    ) -> Result<Vec<(Option<Outcome>, u64)>, DbError> {
        const OUTCOMES: &str = "select outcome, count(*) from run
            where account between $1 and $2 group by outcome";
        let (low, high) = account.map_or((0, i64::MAX), |it| (it.0, it.0));
        let rows = self.db.rows(OUTCOMES, &[low.into(), high.into()]).await?;
        rows.iter().map(|row| Ok((row.opt_word(0)?, row.count(1)?))).collect()
    }

    /// The sum over all runs that are over.
    pub async fn run_sums(&self) -> Result<RunSums, DbError> {
        self.run_sums_of(None).await
    }

    /// The sum over all runs that are over, of one account or of all.
    pub async fn run_sums_of(&self, account: Option<AccountId>) -> Result<RunSums, DbError> {
        // PostgreSQL sums integers to a type that is no integer.
        const COLUMNS: [&str; 14] = [
            "pages",
            "listed",
            "created",
            "updated",
            "unchanged",
            "set_aside",
            "deleted",
            "restored",
            "renamed",
            "tombstones",
            "to_delete",
            "retries",
            "requests",
            // A clock may have been set back in between.
            "case when ended_at > started_at then ended_at - started_at else 0 end",
        ];
        let sums: Vec<String> = COLUMNS
            .iter()
            .map(|column| format!("cast(coalesce(sum({column}), 0) as bigint)"))
            .collect();
        let sql = format!(
            "select count(*), {} from run where outcome is not null and account between $1 and $2",
            sums.join(", ")
        );
        let (low, high) = account.map_or((0, i64::MAX), |it| (it.0, it.0));
        let Some(row) = self.db.row(&sql, &[low.into(), high.into()]).await? else {
            return Ok(RunSums::default());
        };
        Ok(RunSums {
            runs: row.count(0)?,
            counts: RunCounts {
                pages: row.count(1)?,
                listed: row.count(2)?,
                created: row.count(3)?,
                updated: row.count(4)?,
                unchanged: row.count(5)?,
                set_aside: row.count(6)?,
                deleted: row.count(7)?,
                restored: row.count(8)?,
                renamed: row.count(9)?,
                tombstones: row.count(10)?,
                to_delete: row.count(11)?,
            },
            retries: row.count(12)?,
            requests: row.count(13)?,
            took: Duration::from_micros(row.count(14)?),
        })
    }

    /// What a run changed, in order, after a given place.
    pub async fn changes(
        &self,
        run: RunId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<ChangeRow>, DbError> {
        const CHANGES: &str = "
            select seq, contact, kind, at, name_before, name_after, before_content, after_content
            from change where run = $1 and seq > $2 order by seq limit $3";
        let rows = self.db.rows(CHANGES, &[run.0.into(), after.into(), int(limit)]).await?;
        rows.iter().map(change).collect()
    }

    /// What a run set aside, in order, after a given place.
    pub async fn set_aside(
        &self,
        run: RunId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<SetAsideRow>, DbError> {
        const ASIDE: &str = "select seq, resource_name, reason, at from set_aside
            where run = $1 and seq > $2 order by seq limit $3";
        let rows = self.db.rows(ASIDE, &[run.0.into(), after.into(), int(limit)]).await?;
        rows.iter()
            .map(|row| {
                Ok(SetAsideRow {
                    seq: row.int(0)?,
                    resource_name: row.opt_text(1)?.map(str::to_owned),
                    reason: row.text(2)?.to_owned(),
                    at: row.time(3)?,
                })
            })
            .collect()
    }
}

pub(crate) fn run(row: &Row) -> Result<RunRow, DbError> {
    let wait = match (row.opt_time(15)?, row.opt_word(16)?) {
        (Some(until), Some(delay)) => {
            let message = row.opt_text(17)?.unwrap_or_default().to_owned();
            Some(Wait { until, delay, message })
        }
        _ => None,
    };
    let text = |column| Ok::<_, DbError>(row.opt_text(column)?.map(str::to_owned));
    let opt_count = |column| -> Result<Option<u64>, DbError> {
        Ok(row.opt_int(column)?.and_then(|count| u64::try_from(count).ok()))
    };
    Ok(RunRow {
        id: RunId(row.int(0)?),
        kind: row.word(1)?,
        kind_asked: row.opt_word(2)?,
        full_reason: row.opt_word(3)?,
        trigger: row.word(4)?,
        asked_by: text(5)?,
        holder: row.text(6)?.to_owned(),
        resumed: row.flag(7)?,
        started_at: row.time(8)?,
        updated_at: row.time(9)?,
        ended_at: row.opt_time(10)?,
        outcome: row.opt_word(11)?,
        error_code: row.opt_word(12)?,
        error_message: text(13)?,
        phase: row.word(14)?,
        wait,
        counts: RunCounts {
            pages: row.count(18)?,
            listed: row.count(20)?,
            created: row.count(21)?,
            updated: row.count(22)?,
            unchanged: row.count(23)?,
            set_aside: row.count(24)?,
            deleted: row.count(25)?,
            restored: row.count(26)?,
            renamed: row.count(27)?,
            tombstones: row.count(28)?,
            to_delete: row.count(29)?,
        },
        total: opt_count(19)?,
        retries: row.count(30)?,
        requests: row.count(31)?,
        waited_ms: row.count(32)?,
        before_live: row.count(33)?,
        after_live: opt_count(34)?,
        cancel_at: row.opt_time(35)?,
        cancel_by: text(36)?,
        decided_at: row.opt_time(37)?,
        decided_by: text(38)?,
        listed_before: row.count(39)?,
        note: text(40)?,
        unlisted: row.count(41)?,
    })
}

pub(super) fn change(row: &Row) -> Result<ChangeRow, DbError> {
    let side = |column| row.opt_text(column)?.map(content).transpose();
    let (before, after): Sides = (side(6)?, side(7)?);
    let mut fields = differences(before.as_ref(), after.as_ref());
    let (old, new) = (row.opt_text(4)?, row.opt_text(5)?);
    if let (Some(old), Some(new)) = (old, new)
        && old != new
    {
        fields.push(FieldChange {
            field: "resource_name".to_owned(),
            before: Some(old.into()),
            after: Some(new.into()),
        });
    }
    let shown = after.as_ref().or(before.as_ref());
    Ok(ChangeRow {
        seq: row.int(0)?,
        contact: ContactId(row.int(1)?),
        kind: row.word(2)?,
        at: row.time(3)?,
        display_name: shown.map(|it| it.display_name().into_owned()).unwrap_or_default(),
        fields,
    })
}
