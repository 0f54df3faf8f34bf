//! What is kept of contacts beside the mirror itself: those that Google deleted, and what happened to each.

use jiff::Timestamp;

use crate::contacts::{CONTACT, contact};
use crate::db::{Arg, DbError, Row, int};
use crate::ids::ContactId;
use crate::{ChangeRow, ContactRow, Store, runs};
use ringbook_core::contact::fold;
use ringbook_core::sync::{AccountId, RunId};

/// A contact, live or deleted.
#[derive(Clone, Debug)]
pub struct KeptContact {
    pub contact: ContactRow,
    pub deleted_at: Option<Timestamp>,
}

/// A contact that Google deleted.
#[derive(Clone, Debug)]
pub struct Tombstone {
    pub contact: ContactRow,
    pub deleted_at: Timestamp,
    /// The run that deleted it, as long as the history keeps it.
    pub run: Option<RunId>,
}

/// What a run did to a contact.
#[derive(Clone, Debug)]
pub struct ContactChangeRow {
    pub run: RunId,
    pub change: ChangeRow,
}

/// Which deleted contacts to list, newest first.
#[derive(Clone, Debug, Default)]
pub struct DeletedQuery {
    /// A part of the name; all if empty.
    pub search: String,
    pub account: Option<AccountId>,
    /// Only those that this run deleted.
    pub run: Option<RunId>,
    /// Where the part before ended.
    pub before: Option<(Timestamp, ContactId)>,
    pub limit: u32,
}

/// Characters of a search that count.
const SEARCHED_MAX: usize = 120;

impl Store {
    /// A contact, also if Google deleted it and it is still kept.
    pub async fn kept_contact(&self, id: ContactId) -> Result<Option<KeptContact>, DbError> {
        let sql = CONTACT.replace("c.edited_at", "c.edited_at, c.deleted_at");
        let row = self.db.row(&format!("{sql} where c.id = $1"), &[id.0.into()]).await?;
        let kept =
            |row: &Row| Ok(KeptContact { contact: contact(row)?, deleted_at: row.opt_time(7)? });
        row.as_ref().map(kept).transpose()
    }

    /// What happened to a contact, newest first, before a given place.
    pub async fn contact_changes(
        &self,
        id: ContactId,
        before: Option<(RunId, i64)>,
        limit: u32,
    ) -> Result<Vec<ContactChangeRow>, DbError> {
        const CHANGES: &str = "
            select seq, contact, kind, at, name_before, name_after, before_content, after_content, run
            from change where contact = $1 and (run, seq) < ($2, $3)
            order by run desc, seq desc limit $4";
        let (run, seq) = before.map_or((i64::MAX, i64::MAX), |(run, seq)| (run.0, seq));
        let args = [id.0.into(), run.into(), seq.into(), int(limit)];
        let rows = self.db.rows(CHANGES, &args).await?;
        let read = |row: &Row| {
            Ok(ContactChangeRow { run: RunId(row.int(8)?), change: runs::change(row)? })
        };
        rows.iter().map(read).collect()
    }

    /// Deleted contacts that are still kept, newest first.
    pub async fn deleted_contacts(&self, query: &DeletedQuery) -> Result<Vec<Tombstone>, DbError> {
        const RUN: &str =
            "(select max(h.run) from change h where h.contact = c.id and h.kind = 'deleted')";
        let select = CONTACT.replace("c.edited_at", &format!("c.edited_at, c.deleted_at, {RUN}"));
        let mut wanted = "c.deleted_at is not null".to_owned();
        let mut args: Vec<Arg<'_>> = vec![int(query.limit)];
        if let Some((at, id)) = query.before {
            args.extend([at.into(), id.0.into()]);
            let first = args.len() - 1;
            wanted.push_str(&format!(" and (c.deleted_at, c.id) < (${first}, ${})", first + 1));
        }
        if let Some(account) = query.account {
            args.push(account.0.into());
            wanted.push_str(&format!(" and c.account = ${}", args.len()));
        }
        if let Some(run) = query.run {
            args.push(run.0.into());
            wanted.push_str(&format!(" and {RUN} = ${}", args.len()));
        }
        // What is folded has letters, digits and spaces only, so nothing in it means more to `like`.
        let folded = fold(&query.search, SEARCHED_MAX);
        let pattern = format!("%{folded}%");
        if !folded.is_empty() {
            args.push(pattern.as_str().into());
            wanted.push_str(&format!(" and c.name_key like ${}", args.len()));
        }
        let sql = format!("{select} where {wanted} order by c.deleted_at desc, c.id desc limit $1");
        let rows = self.db.rows(&sql, &args).await?;
        let tombstone = |row: &Row| {
            Ok(Tombstone {
                contact: contact(row)?,
                deleted_at: row.time(7)?,
                run: row.opt_int(8)?.map(RunId),
            })
        };
        rows.iter().map(tombstone).collect()
    }
}
