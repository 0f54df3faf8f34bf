//! The record of what was administered: who, what, when, from where.

use std::time::Duration;

use jiff::Timestamp;

use crate::Store;
use crate::db::{Arg, DbError, Row, Tx};
use ringbook_core::clock::before;

/// One administrative act.
#[derive(Clone, Debug)]
pub struct AuditRow {
    pub id: i64,
    pub at: Timestamp,
    pub actor: String,
    pub address: Option<String>,
    pub act: String,
    pub subject: Option<String>,
    /// What the subject was called then, where it is an id.
    pub subject_name: Option<String>,
    pub succeeded: bool,
}

/// An act to be noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    pub actor: String,
    pub address: Option<String>,
    /// What was done, such as `POST /api/accounts` or `tokens add`.
    pub act: String,
    /// What it was about: an id, or a name.
    pub subject: Option<String>,
    /// What that is called, where `subject` is an id.
    pub subject_name: Option<String>,
    pub succeeded: bool,
    /// It was refused at the entrance, so that strangers can cause it as often as they like.
    pub refused: bool,
}

/// Which acts are wanted. What is `None` leaves none out.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    pub actor: Option<String>,
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    pub succeeded: Option<bool>,
    /// Older than this act.
    pub before: Option<i64>,
    pub limit: u32,
}

/// Acts that are kept at most.
const AUDIT_MAX: u32 = 100_000;
/// Lines about what was refused at the entrance that are kept besides: they push out no others.
const REFUSED_MAX: u32 = 10_000;
/// A year.
const AUDIT_AGE: Duration = Duration::from_secs(365 * 86_400);

impl Store {
    /// Notes an administrative act. The oldest go when there are too many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_act(&self, act: &Act) -> Result<(), DbError> {
        const NEXT: &str = "select coalesce(max(id), 0) + 1 from audit";
        const NOTE: &str = "
            insert into audit (id, at, actor, address, act, subject, subject_name, succeeded, refused)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let tx = self.db.begin_durable().await?;
        tx.alone().await?;
        let now = tx.now(&*self.clock).await?;
        let id = tx.row(NEXT, &[]).await?.map_or(Ok(1), |row| row.int(0))?;
        tx.exec(
            NOTE,
            &[
                id.into(),
                now.into(),
                act.actor.as_str().into(),
                act.address.as_deref().into(),
                act.act.as_str().into(),
                act.subject.as_deref().into(),
                act.subject_name.as_deref().into(),
                act.succeeded.into(),
                act.refused.into(),
            ],
        )
        .await?;
        if id % 100 == 0 {
            prune(&tx, AUDIT_MAX, REFUSED_MAX, now).await?;
        }
        tx.commit().await
    }

    /// Lets the oldest acts go until there are no more than these, of what was done and of what was refused.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn prune_acts(&self, done_max: u32, refused_max: u32) -> Result<(), DbError> {
        let tx = self.db.begin().await?;
        let now = tx.now(&*self.clock).await?;
        prune(&tx, done_max, refused_max, now).await?;
        tx.commit().await
    }

    /// What was administered, latest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn acts(&self, query: &AuditQuery) -> Result<Vec<AuditRow>, DbError> {
        let since = query.since.map_or(i64::MIN, |it| it.as_microsecond());
        let until = query.until.map_or(i64::MAX, |it| it.as_microsecond());
        let before = query.before.unwrap_or(i64::MAX);
        let mut args: Vec<Arg<'_>> =
            [before, since, until, query.limit.into()].map(Arg::Int).into();
        let mut wanted = String::new();
        if let Some(actor) = &query.actor {
            args.push(actor.as_str().into());
            wanted += &format!(" and actor = ${}", args.len());
        }
        if let Some(succeeded) = query.succeeded {
            args.push(succeeded.into());
            wanted += &format!(" and succeeded = ${}", args.len());
        }
        let sql = format!(
            "select id, at, actor, address, act, subject, subject_name, succeeded from audit
            where id < $1 and at >= $2 and at < $3{wanted} order by id desc limit $4"
        );
        self.db.rows(&sql, &args).await?.iter().map(row).collect()
    }

    /// What something is called that an act names by its id: a phone, a token, a person, or whose session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn name_of(&self, id: &str) -> Result<Option<String>, DbError> {
        const NAME: &str = "
            select name from device where id = $1
            union all select name from api_token where id = $1
            union all select name from person where id = $1
            union all select p.name from session s join person p on p.id = s.person where s.id = $1";
        let account = match self.ids().parse_account(id) {
            Some(account) => Some(account),
            None => self.ids().parse_run(id).map(|run| run.account()),
        };
        if let Some(account) = account {
            return Ok(self.account(account).await?.map(|it| it.name));
        }
        let found = self.db.row(NAME, &[id.into()]).await?;
        found.map(|row| row.text(0).map(str::to_owned)).transpose()
    }
}

async fn prune(tx: &Tx, done_max: u32, refused_max: u32, now: Timestamp) -> Result<(), DbError> {
    const OLD: &str = "delete from audit where at < $1";
    const MANY: &str = "
        delete from audit where refused = $1 and id <= (
            select id from audit where refused = $1 order by id desc limit 1 offset $2)";
    let old = before(now, AUDIT_AGE);
    tx.exec(OLD, &[old.into()]).await?;
    for (refused, most) in [(false, done_max), (true, refused_max)] {
        tx.exec(MANY, &[refused.into(), i64::from(most).into()]).await?;
    }
    Ok(())
}

fn row(row: &Row) -> Result<AuditRow, DbError> {
    Ok(AuditRow {
        id: row.int(0)?,
        at: row.time(1)?,
        actor: row.text(2)?.to_owned(),
        address: row.opt_text(3)?.map(str::to_owned),
        act: row.text(4)?.to_owned(),
        subject: row.opt_text(5)?.map(str::to_owned),
        subject_name: row.opt_text(6)?.map(str::to_owned),
        succeeded: row.flag(7)?,
    })
}
