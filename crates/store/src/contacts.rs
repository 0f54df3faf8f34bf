//! Reads of the mirror. Deleted contacts never show here.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::commit_page::content;
use crate::db::{Arg, DbError, Row, int};
use crate::ids::ContactId;
use crate::{Counts, Store};
use ringbook_core::contact::{Content, Initial, ResourceName};
use ringbook_core::sync::AccountId;

/// One live contact.
#[derive(Clone, Debug)]
pub struct ContactRow {
    pub id: ContactId,
    pub resource_name: String,
    pub display_name: String,
    pub content: Content,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// When Google says it was last edited.
    pub edited_at: Option<Timestamp>,
}

/// How far the contacts of an account have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    pub account: AccountId,
    /// Grows with each transaction that changes contacts or labels.
    pub version: i64,
    /// The last version at which a row disappeared without a trace. A copy from before it must be made anew.
    pub rows_vanished: i64,
    /// Somebody holds the lease, so more changes may come at any moment.
    pub syncing: bool,
}

/// A contact as it is since a version.
#[derive(Clone, Debug)]
pub struct Changed {
    pub version: i64,
    pub id: ContactId,
    /// `None` when it was deleted.
    pub content: Option<Content>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    #[default]
    Name,
    /// Changed last, first.
    Recent,
}

/// Which contacts to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct ContactQuery {
    pub sort: Sort,
    pub initial: Option<Initial>,
    /// Only of this account.
    pub account: Option<AccountId>,
    pub offset: u64,
    pub limit: u32,
}

pub(super) const CONTACT: &str = "
    select c.id, c.resource_name, c.display_name, d.content, c.created_at, c.updated_at, c.edited_at
    from contact c join contact_content d on d.contact = c.id";

impl Store {
    pub async fn contact(&self, id: ContactId) -> Result<Option<ContactRow>, DbError> {
        let sql = format!("{CONTACT} where c.id = $1 and c.deleted_at is null");
        self.db.row(&sql, &[id.0.into()]).await?.as_ref().map(contact).transpose()
    }

    /// One part of the list, and how many there are in all.
    pub async fn contacts(&self, query: &ContactQuery) -> Result<(Vec<ContactRow>, u64), DbError> {
        const LIVE: &str = "select cast(coalesce(sum(live), 0) as bigint) from account
            where id between $1 and $2";
        // The ids are found in an index alone, so that a far offset does not read what it skips. Ids of
        // one account lie side by side, and the index holds them.
        let mut args = vec![int(query.limit), int(query.offset)];
        let mut wanted = "deleted_at is null".to_owned();
        if let Some(initial) = query.initial {
            args.push(initial.as_str().into());
            wanted.push_str(&format!(" and initial = ${}", args.len()));
        }
        if let Some(account) = query.account {
            args.push(ContactId::new(account, 0).0.into());
            args.push(ContactId::new(AccountId(account.0 + 1), 0).0.into());
            wanted.push_str(&format!(" and id >= ${} and id < ${}", args.len() - 1, args.len()));
        }
        let order = match query.sort {
            Sort::Name => "name_key, id",
            Sort::Recent => "updated_at desc, id desc",
        };
        let sql =
            format!("select id from contact where {wanted} order by {order} limit $1 offset $2");
        let rows = self.db.rows(&sql, &args).await?;
        let total = match query.initial {
            None => {
                let (low, high) = query.account.map_or((0, i64::MAX), |it| (it.0, it.0));
                self.db.row(LIVE, &[low.into(), high.into()]).await?
            }
            Some(_) => {
                // Its parameters are counted from $1, and the first two are of the page.
                let wanted = wanted.replace("$3", "$1").replace("$4", "$2").replace("$5", "$3");
                let sql = format!("select count(*) from contact where {wanted}");
                self.db.row(&sql, &args[2..]).await?
            }
        };
        let total = total.map_or(Ok(0), |row| row.count(0))?;
        let ids = rows.iter().map(|row| row.int(0)).collect::<Result<Vec<_>, _>>()?;
        Ok((self.contacts_by_id(&ids).await?, total))
    }

    /// Live contacts after a given one, in the order of their ids: for exports of any size.
    pub async fn contacts_after(
        &self,
        after: ContactId,
        limit: u32,
    ) -> Result<Vec<ContactRow>, DbError> {
        let sql =
            format!("{CONTACT} where c.id > $1 and c.deleted_at is null order by c.id limit $2");
        self.db.rows(&sql, &[after.0.into(), int(limit)]).await?.iter().map(contact).collect()
    }

    /// As [`Store::contacts_after`], of one account or of all.
    pub async fn contacts_of(
        &self,
        account: Option<AccountId>,
        after: ContactId,
        limit: u32,
    ) -> Result<Vec<ContactRow>, DbError> {
        let sql = format!(
            "{CONTACT} where c.id > $1 and c.id < $2 and c.deleted_at is null order by c.id limit $3"
        );
        let end = account.map_or(i64::MAX, |it| ContactId::new(AccountId(it.0 + 1), 0).0);
        let after = account.map_or(after, |it| after.max(ContactId::new(it, 0)));
        let args = [after.0.into(), end.into(), int(limit)];
        self.db.rows(&sql, &args).await?.iter().map(contact).collect()
    }

    /// How many live contacts of an account have each label.
    pub async fn label_counts(&self, account: AccountId) -> Result<BTreeMap<String, u64>, DbError> {
        const PART: u32 = 2000;
        let mut counts = BTreeMap::new();
        let mut last = ContactId::new(account, 0);
        loop {
            let part = self.contents_after(account, last, PART).await?;
            let Some((end, _)) = part.last() else { return Ok(counts) };
            last = *end;
            for label in part.into_iter().flat_map(|(_, content)| content.labels) {
                *counts.entry(label).or_insert(0) += 1;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Which version of the contacts each account has, in the order of the accounts. One whose contacts
    /// are being erased is not among them: nobody shall see a half of them.
    pub async fn versions(&self) -> Result<Vec<Version>, DbError> {
        const VERSIONS: &str = "
            select a.id, a.version, a.rows_vanished,
                case when exists (select 1 from lease l where l.account = a.id and l.holder is not null)
                    then 1 else 0 end
            from account a where a.erasing is null order by a.id";
        let rows = self.db.rows(VERSIONS, &[]).await?;
        let version = |row: &Row| {
            Ok(Version {
                account: AccountId(row.int(0)?),
                version: row.int(1)?,
                rows_vanished: row.int(2)?,
                syncing: row.flag(3)?,
            })
        };
        rows.iter().map(version).collect()
    }

    /// Up to `limit` live contacts of an account after a given one, in the order of their ids.
    pub async fn contents_after(
        &self,
        account: AccountId,
        after: ContactId,
        limit: u32,
    ) -> Result<Vec<(ContactId, Content)>, DbError> {
        const CONTENTS: &str = "
            select c.id, d.content from contact c join contact_content d on d.contact = c.id
            where c.id > $1 and c.id < $2 and c.deleted_at is null order by c.id limit $3";
        let first = after.max(ContactId::new(account, 0));
        let end = ContactId::new(AccountId(account.0 + 1), 0);
        let rows = self.db.rows(CONTENTS, &[first.0.into(), end.0.into(), int(limit)]).await?;
        rows.iter().map(|row| Ok((ContactId(row.int(0)?), content(row.text(1)?)?))).collect()
    }

    /// Up to `limit` contacts of an account that changed after a version, or in it and have a greater id;
    /// oldest change first. Of one that was deleted there is no content.
    pub async fn changed_after(
        &self,
        account: AccountId,
        (version, id): (i64, ContactId),
        limit: u32,
    ) -> Result<Vec<Changed>, DbError> {
        const CHANGED: &str = "
            select c.version, c.id, case when c.deleted_at is null then d.content end
            from contact c left join contact_content d on d.contact = c.id
            where c.account = $1 and (c.version, c.id) > ($2, $3)
            order by c.version, c.id limit $4";
        let args = [account.0.into(), version.into(), id.0.into(), int(limit)];
        let rows = self.db.rows(CHANGED, &args).await?;
        let changed = |row: &Row| {
            Ok(Changed {
                version: row.int(0)?,
                id: ContactId(row.int(1)?),
                content: row.opt_text(2)?.map(content).transpose()?,
            })
        };
        rows.iter().map(changed).collect()
    }

    /// These contacts, in this order. One that was deleted meanwhile is left out.
    pub async fn contacts_by_id(&self, ids: &[i64]) -> Result<Vec<ContactRow>, DbError> {
        let sql = format!("{CONTACT} where c.deleted_at is null and c.id in ($list)");
        let keys: Vec<Arg<'_>> = ids.iter().map(|id| Arg::Int(*id)).collect();
        let rows = self.db.among(&sql, &[], &keys).await?;
        let mut found = rows
            .iter()
            .map(|row| Ok((row.int(0)?, contact(row)?)))
            .collect::<Result<std::collections::HashMap<_, _>, DbError>>()?;
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    /// Ids and names of all live contacts of an account.
    pub async fn live_names(
        &self,
        account: AccountId,
    ) -> Result<Vec<(ContactId, ResourceName)>, DbError> {
        const NAMES: &str = "select id, resource_name from contact
            where account = $1 and deleted_at is null order by id";
        let rows = self.db.rows(NAMES, &[account.0.into()]).await?;
        let mut names = Vec::with_capacity(rows.len());
        for row in &rows {
            let name = row.text(1)?;
            let parsed = ResourceName::parse(name).ok_or_else(|| DbError::Word(name.to_owned()))?;
            names.push((ContactId(row.int(0)?), parsed));
        }
        Ok(names)
    }

    /// The counters of all accounts together.
    pub async fn totals(&self) -> Result<Counts, DbError> {
        Ok(Counts::sum(self.accounts().await?.iter().map(|it| &it.counts)))
    }
}

pub(super) fn contact(row: &Row) -> Result<ContactRow, DbError> {
    Ok(ContactRow {
        id: ContactId(row.int(0)?),
        resource_name: row.text(1)?.to_owned(),
        display_name: row.text(2)?.to_owned(),
        content: content(row.text(3)?)?,
        created_at: row.time(4)?,
        updated_at: row.time(5)?,
        edited_at: row.opt_time(6)?,
    })
}
