//! Stores one page of a run, in one short transaction.

use std::collections::HashSet;

use jiff::Timestamp;

use crate::db::{Arg, DbError, Row, Tx, blocking, int};
use crate::diff;
use crate::diff::{KnownContact, PageDiff};
use crate::ids::ContactId;
use crate::lease::{Lease, WriteError};
use crate::phases::enter;
use crate::{Settings, Store};
use ringbook_core::contact::{Content, NameKey, ResourceName};
use ringbook_core::number::number_count;
use ringbook_core::sync::run::{Batch, Place, Report};
use ringbook_core::sync::{AccountId, ChangeKind, Phase, RunId};

/// What a page would do, or did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    pub listed: u64,
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub set_aside: u64,
    /// Contacts that had a tombstone and were listed again; part of `updated`.
    pub restored: u64,
    pub renamed: u64,
    pub tombstones: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Tally) {
        self.listed += other.listed;
        self.created += other.created;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.set_aside += other.set_aside;
        self.restored += other.restored;
        self.renamed += other.renamed;
        self.tombstones += other.tombstones;
    }
}

/// How an account's counters move. Kept in the same transaction as the rows they count.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CounterDelta {
    pub(crate) live: i64,
    pub(crate) deleted: i64,
    pub(crate) phones: i64,
    pub(crate) emails: i64,
    pub(crate) with_phone: i64,
    pub(crate) with_email: i64,
}

impl CounterDelta {
    /// A live contact with so many numbers and addresses appears (`sign` 1) or goes (-1).
    pub(crate) fn contact(&mut self, sign: i64, phones: u64, emails: u64) {
        self.live += sign;
        self.phones += sign * phones as i64;
        self.emails += sign * emails as i64;
        self.with_phone += sign * i64::from(phones > 0);
        self.with_email += sign * i64::from(emails > 0);
    }

    pub(crate) async fn apply(&self, tx: &Tx, account: AccountId) -> Result<(), DbError> {
        const MOVE: &str = "
            update account set live = live + $2, deleted = deleted + $3, phones = phones + $4,
                emails = emails + $5, with_phone = with_phone + $6, with_email = with_email + $7
            where id = $1";
        let args = [
            account.0,
            self.live,
            self.deleted,
            self.phones,
            self.emails,
            self.with_phone,
            self.with_email,
        ];
        tx.exec(MOVE, &args.map(Arg::Int)).await.map(|_| ())
    }
}

const KNOWN: &str = "select id, resource_name, fingerprint, deleted_at, phones, emails
    from contact where account = $1 and resource_name in ($list)";

impl Store {
    /// Stores a page: contacts, change log, what was seen, the counters, the page cursor and the lease.
    ///
    /// `request` is the fingerprint of the request parameters, `requests` how many were made since the
    /// last page.
    ///
    /// # Errors
    /// [`WriteError::LeaseLost`] when somebody else has taken the account; nothing was written then.
    pub async fn commit_page(
        &self,
        lease: &Lease,
        batch: &Batch,
        settings: &Settings,
        request: &str,
        requests: u64,
    ) -> Result<(Tally, Report), WriteError> {
        let account = lease.account();
        // All that needs no database is done before the transaction, so that it stays short.
        let read = blocking(|| batch.entries.get());
        let entries = diff::distinct(read);
        let names: Vec<Arg<'_>> =
            diff::names(&entries).into_iter().map(|name| name.as_str().into()).collect();
        let tombstones_count = matches!(batch.place, Place::Changes { .. });

        let tx = self.db.begin().await?;
        let now = self.fence(&tx, lease, settings).await?;
        begin_place(&tx, lease, &batch.place, request, now).await?;
        let known = tx
            .among(KNOWN, &[account.0.into()], &names)
            .await?
            .iter()
            .map(known)
            .collect::<Result<Vec<_>, _>>()?;
        let sorted = diff::sort(&entries, known, tombstones_count);
        let mut tally = tally(&sorted);
        tally.listed = tally.created + tally.updated + tally.unchanged + tally.set_aside;

        let ids = issue(&tx, account, sorted.create.len()).await?;
        let changes = sorted.create.len() + sorted.update.len();
        let asides = sorted.set_aside.len();
        let next = take_numbers(&tx, lease.run, changes + asides).await?;
        write_contacts(&tx, lease, &sorted, &ids, next, now).await?;
        write_set_aside(&tx, lease, &sorted, next + changes as i64, now).await?;
        let gathered = gather(&tx, account, &batch.place, &sorted, &ids).await?;
        let mut report = advance(&tx, lease, &batch.place, &tally, gathered, requests, now).await?;
        report.entries = read.len() as u64;
        tx.commit().await?;
        self.tick();
        Ok((tally, report))
    }

    /// Which of these names the full listing in progress has named.
    pub async fn listed_among(
        &self,
        account: AccountId,
        names: &[&ResourceName],
    ) -> Result<HashSet<ResourceName>, DbError> {
        const LISTED: &str = "
            select c.resource_name from contact c
            join seen s on s.account = c.account and s.contact = c.id
            where c.account = $1 and c.resource_name in ($list)";
        let names: Vec<Arg<'_>> = names.iter().map(|it| it.as_str().into()).collect();
        let rows = self.db.among(LISTED, &[account.0.into()], &names).await?;
        Ok(rows.iter().filter_map(|row| row.text(0).ok().and_then(ResourceName::parse)).collect())
    }

    /// What this page would do, without doing it; the contacts that it names (in a listing) or dooms
    /// (among changes); and the persons that it names and the mirror has no row for.
    pub async fn preview_page(
        &self,
        account: AccountId,
        batch: &Batch,
    ) -> Result<(Tally, Vec<ContactId>, Rowless), DbError> {
        let entries = diff::distinct(batch.entries.get());
        let names: Vec<Arg<'_>> =
            diff::names(&entries).into_iter().map(|name| name.as_str().into()).collect();
        let known = self
            .db
            .among(KNOWN, &[account.0.into()], &names)
            .await?
            .iter()
            .map(known)
            .collect::<Result<Vec<_>, _>>()?;
        let sorted = diff::sort(&entries, known, matches!(batch.place, Place::Changes { .. }));
        let mut tally = tally(&sorted);
        tally.listed = tally.created + tally.updated + tally.unchanged + tally.set_aside;
        let named = sorted
            .unchanged
            .iter()
            .copied()
            .chain(sorted.update.iter().map(|(known, _)| known.id))
            .chain(sorted.set_aside.iter().filter_map(|(_, id)| *id));
        let marked = match batch.place {
            Place::Listing { .. } => named.collect(),
            Place::Changes { .. } => sorted.doomed.clone(),
        };
        Ok((tally, marked, Rowless::among(&sorted)))
    }
}

/// Persons of a page that were set aside and that the mirror has no row for, each by a number that stands for it
/// among those who were seen. No contact has such a number: they are below zero.
#[derive(Clone, Debug, Default)]
pub struct Rowless {
    /// Their names could be read.
    pub named: Vec<i64>,
    /// Not even that.
    pub nameless: Vec<i64>,
}

impl Rowless {
    fn among(sorted: &PageDiff<'_>) -> Rowless {
        let mut rowless = Rowless::default();
        for (unreadable, _) in sorted.set_aside.iter().filter(|(_, id)| id.is_none()) {
            let number = -1 - (unreadable.digest >> 1).cast_signed();
            match unreadable.resource_name {
                Some(_) => rowless.named.push(number),
                None => rowless.nameless.push(number),
            }
        }
        rowless
    }
}

fn known(row: &Row) -> Result<KnownContact, DbError> {
    let name = row.text(1)?;
    Ok(KnownContact {
        id: ContactId(row.int(0)?),
        name: ResourceName::parse(name).ok_or_else(|| DbError::Word(name.to_owned()))?,
        fingerprint: row
            .bytes(2)?
            .try_into()
            .map_err(|_| DbError::Shape { column: 2, expected: "a fingerprint" })?,
        deleted: row.opt_int(3)?.is_some(),
        phones: row.count(4)?,
        emails: row.count(5)?,
    })
}

fn tally(sorted: &PageDiff<'_>) -> Tally {
    Tally {
        listed: 0,
        created: sorted.create.len() as u64,
        updated: sorted.update.len() as u64,
        unchanged: sorted.unchanged.len() as u64,
        set_aside: sorted.set_aside.len() as u64,
        restored: sorted.update.iter().filter(|(known, _)| known.deleted).count() as u64,
        renamed: sorted
            .update
            .iter()
            .filter(|(known, encoded)| known.name != encoded.contact.resource_name)
            .count() as u64,
        tombstones: sorted.tombstones,
    }
}

/// The first page of a listing forgets what an earlier one gathered.
async fn begin_place(
    tx: &Tx,
    lease: &Lease,
    place: &Place,
    request: &str,
    now: Timestamp,
) -> Result<(), DbError> {
    const FORGET_DOOMED: &str = "delete from doomed where account = $1";
    const FORGET_SEEN: &str = "delete from seen where account = $1";
    const LISTING: &str = "
        update account set listing_request = $2, listing_page = null, listing_started_at = $3,
            listing_at = $3, listing_seen = 0, listing_nameless = 0, listing_total = null,
            listing_issued = contacts_issued,
            listing_grant = (select g.number from oauth_grant g join account a
                on g.account = coalesce(a.grant_of, a.id) where a.id = $1)
        where id = $1";
    // Whoever cannot be read is set aside once for a run, not once for each time that it lists.
    const AFRESH: &str =
        "update run set listed_before = 0, listed = listed - set_aside, set_aside = 0
        where id = $1";
    const READ_AGAIN: &str = "delete from set_aside where run = $1";
    let account = Arg::Int(lease.account().0);
    match place {
        Place::Listing { first: true, .. } => {
            tx.exec(AFRESH, &[lease.run.0.into()]).await?;
            tx.exec(READ_AGAIN, &[lease.run.0.into()]).await?;
            tx.exec(FORGET_DOOMED, std::slice::from_ref(&account)).await?;
            tx.exec(FORGET_SEEN, std::slice::from_ref(&account)).await?;
            tx.exec(LISTING, &[account, request.into(), now.into()]).await?;
        }
        Place::Changes { first: true } => {
            tx.exec(FORGET_DOOMED, &[account]).await?;
        }
        _ => {}
    }
    Ok(())
}

/// The number of this transaction among those that change the account's contacts or labels. The row of
/// the account stays locked until the commit, so the numbers become visible in their order.
pub(crate) async fn next_version(tx: &Tx, account: AccountId) -> Result<i64, DbError> {
    const NEXT: &str = "update account set version = version + 1 where id = $1 returning version";
    let row = tx.row(NEXT, &[account.0.into()]).await?;
    row.ok_or(DbError::Shape { column: 0, expected: "an account" })?.int(0)
}

/// Numbers for new contacts. Only the holder of the lease creates any, so they have no gaps to share.
async fn issue(tx: &Tx, account: AccountId, count: usize) -> Result<Vec<ContactId>, DbError> {
    const ISSUE: &str = "update account set contacts_issued = contacts_issued + $2 where id = $1
        returning contacts_issued";
    if count == 0 {
        return Ok(Vec::new());
    }
    let row = tx.row(ISSUE, &[account.0.into(), int(count)]).await?;
    let last = row.ok_or(DbError::Shape { column: 0, expected: "an account" })?.int(0)?;
    Ok((last - count as i64 + 1..=last).map(|serial| ContactId::new(account, serial)).collect())
}

/// Numbers for the change log of a run. Returns the first.
pub(crate) async fn take_numbers(tx: &Tx, run: RunId, count: usize) -> Result<i64, DbError> {
    const TAKE: &str = "update run set changes = changes + $2 where id = $1 returning changes";
    let row = tx.row(TAKE, &[run.0.into(), int(count)]).await?;
    let last = row.ok_or(DbError::Shape { column: 0, expected: "a run" })?.int(0)?;
    Ok(last - count as i64)
}

async fn write_contacts(
    tx: &Tx,
    lease: &Lease,
    sorted: &PageDiff<'_>,
    ids: &[ContactId],
    mut seq: i64,
    now: Timestamp,
) -> Result<(), DbError> {
    const ROW: &str = "
        insert into contact (id, account, resource_name, fingerprint, display_name, name_key, initial,
            phones, emails, edited_at, created_at, updated_at, version)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12)
        on conflict (id) do update set resource_name = excluded.resource_name,
            fingerprint = excluded.fingerprint, display_name = excluded.display_name,
            name_key = excluded.name_key, initial = excluded.initial, phones = excluded.phones,
            emails = excluded.emails, edited_at = excluded.edited_at,
            updated_at = excluded.updated_at, version = excluded.version, deleted_at = null";
    const CONTENT: &str = "insert into contact_content (contact, content) values ($1, $2)
        on conflict (contact) do update set content = excluded.content";
    const BEFORE: &str = "select contact, content from contact_content where contact in ($list)";

    let account = lease.account();
    let count = sorted.create.len() + sorted.update.len();
    if count == 0 {
        return Ok(());
    }
    let version = next_version(tx, account).await?;
    let changed: Vec<Arg<'_>> = sorted.update.iter().map(|(known, _)| known.id.0.into()).collect();
    let mut before = std::collections::HashMap::with_capacity(changed.len());
    for row in tx.among(BEFORE, &[], &changed).await? {
        before.insert(ContactId(row.int(0)?), row.text(1)?.to_owned());
    }

    let (mut rows, mut contents) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let mut changes = Vec::with_capacity(count);
    let mut moves = CounterDelta::default();
    let created = ids.iter().zip(&sorted.create).map(|(id, encoded)| (*id, None, encoded));
    let updated = sorted.update.iter().map(|(known, encoded)| (known.id, Some(known), encoded));
    for (id, known, encoded) in created.chain(updated) {
        let content = &encoded.contact.content;
        let name = content.display_name();
        let key = NameKey::of(&name);
        let (phones, emails) = (number_count(content), content.emails.len() as u64);
        if let Some(known) = known {
            match known.deleted {
                true => moves.deleted -= 1,
                false => moves.contact(-1, known.phones, known.emails),
            }
        }
        moves.contact(1, phones, emails);
        let kind = match known {
            None => ChangeKind::Created,
            Some(known) if known.deleted => ChangeKind::Restored,
            Some(_) => ChangeKind::Updated,
        };
        rows.push(vec![
            id.0.into(),
            account.0.into(),
            encoded.contact.resource_name.as_str().into(),
            Arg::Bytes(encoded.fingerprint.to_vec().into()),
            name.into_owned().into(),
            key.as_str().to_owned().into(),
            key.initial().as_str().into(),
            int(phones),
            int(emails),
            encoded.contact.edited_at.into(),
            now.into(),
            version.into(),
        ]);
        contents.push(vec![id.0.into(), encoded.json.as_str().into()]);
        changes.push(Change {
            contact: id,
            kind,
            name_before: known.map(|it| it.name.as_str()),
            name_after: Some(encoded.contact.resource_name.as_str()),
            // A deleted contact keeps its last content, but to people it was not there.
            before: before.remove(&id).filter(|_| kind == ChangeKind::Updated),
            after: Some(encoded.json.as_str()),
        });
    }
    // A contact that takes a name over from another must find it free.
    free_names(tx, account, sorted).await?;
    tx.each(ROW, &rows).await?;
    tx.each(CONTENT, &contents).await?;
    log_changes(tx, lease, changes, &mut seq, now).await?;
    moves.apply(tx, account).await
}

/// A name must be free before another contact takes it, and names may be handed round in a circle.
/// So renamed contacts leave theirs first, and deleted ones that sit on a wanted name make way.
async fn free_names(tx: &Tx, account: AccountId, sorted: &PageDiff<'_>) -> Result<(), DbError> {
    const FREE: &str = "update contact set resource_name = resource_name || '~' || cast(id as text)
        where account = $1 and resource_name = $2";
    for (known, encoded) in &sorted.update {
        let name = &encoded.contact.resource_name;
        if known.name != *name {
            tx.exec(FREE, &[account.0.into(), known.name.as_str().into()]).await?;
        }
    }
    for (known, encoded) in &sorted.update {
        let name = &encoded.contact.resource_name;
        if known.name != *name {
            tx.exec(FREE, &[account.0.into(), name.as_str().into()]).await?;
        }
    }
    Ok(())
}

/// One line of the change log.
pub(crate) struct Change<'a> {
    pub(crate) contact: ContactId,
    pub(crate) kind: ChangeKind,
    pub(crate) name_before: Option<&'a str>,
    pub(crate) name_after: Option<&'a str>,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<&'a str>,
}

pub(crate) async fn log_changes(
    tx: &Tx,
    lease: &Lease,
    changes: Vec<Change<'_>>,
    seq: &mut i64,
    now: Timestamp,
) -> Result<(), DbError> {
    const LOG: &str = "insert into change (run, seq, contact, kind, at, name_before, name_after,
            before_content, after_content)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let mut rows = Vec::with_capacity(changes.len());
    for change in changes {
        *seq += 1;
        rows.push(vec![
            lease.run.0.into(),
            (*seq).into(),
            change.contact.0.into(),
            change.kind.as_str().into(),
            now.into(),
            change.name_before.into(),
            change.name_after.into(),
            change.before.into(),
            change.after.into(),
        ]);
    }
    tx.each(LOG, &rows).await.map(|_| ())
}

async fn write_set_aside(
    tx: &Tx,
    lease: &Lease,
    sorted: &PageDiff<'_>,
    mut seq: i64,
    now: Timestamp,
) -> Result<(), DbError> {
    const ASIDE: &str = "insert into set_aside (run, seq, resource_name, reason, at)
        values ($1, $2, $3, $4, $5)";
    let mut rows = Vec::new();
    for (unreadable, _) in &sorted.set_aside {
        seq += 1;
        rows.push(vec![
            lease.run.0.into(),
            seq.into(),
            unreadable.resource_name.as_ref().map(ResourceName::as_str).into(),
            unreadable.reason.as_str().into(),
            now.into(),
        ]);
    }
    tx.each(ASIDE, &rows).await.map(|_| ())
}

/// How many contacts this page named for the first time in its listing.
struct Gathered {
    seen: u64,
    nameless: u64,
}

/// Notes who was seen, or who has a tombstone.
async fn gather(
    tx: &Tx,
    account: AccountId,
    place: &Place,
    sorted: &PageDiff<'_>,
    created: &[ContactId],
) -> Result<Gathered, DbError> {
    const SEEN: &str = "insert into seen (account, contact) values ($1, $2) on conflict do nothing";
    const DOOMED: &str =
        "insert into doomed (account, contact) values ($1, $2) on conflict do nothing";
    const SPARED: &str = "delete from doomed where account = $1 and contact = $2";
    let kept = sorted.set_aside.iter().filter_map(|(_, id)| *id);
    let named = created
        .iter()
        .copied()
        .chain(sorted.update.iter().map(|(known, _)| known.id))
        .chain(sorted.unchanged.iter().copied())
        .chain(kept);
    let row = |id: ContactId| vec![Arg::Int(account.0), Arg::Int(id.0)];
    match place {
        Place::Listing { .. } => {
            // Google may list somebody twice. Who has no row counts once, too, or it would stand for a contact
            // that was left out.
            let rowless = Rowless::among(sorted);
            let number = |it: &i64| vec![Arg::Int(account.0), Arg::Int(*it)];
            let rows: Vec<_> = named.map(row).collect();
            let mut seen = tx.each(SEEN, &rows).await?;
            let rows: Vec<_> = rowless.named.iter().map(number).collect();
            let named = tx.each(SEEN, &rows).await?;
            seen += named;
            let rows: Vec<_> = rowless.nameless.iter().map(number).collect();
            // Either may be in the mirror under another name.
            let nameless = named + tx.each(SEEN, &rows).await?;
            Ok(Gathered { seen, nameless })
        }
        Place::Changes { first } => {
            // Deleted on an earlier page and listed on this one: it is back.
            if !first {
                for id in named {
                    tx.exec(SPARED, &row(id)).await?;
                }
            }
            let rows: Vec<_> = sorted.doomed.iter().copied().map(row).collect();
            tx.each(DOOMED, &rows).await?;
            Ok(Gathered { seen: 0, nameless: 0 })
        }
    }
}

/// Moves the counters and the cursor on, and reads back what the run needs to know.
async fn advance(
    tx: &Tx,
    lease: &Lease,
    place: &Place,
    tally: &Tally,
    gathered: Gathered,
    requests: u64,
    now: Timestamp,
) -> Result<Report, DbError> {
    const RUN: &str = "
        update run set pages = pages + 1, total = coalesce($2, total), listed = listed + $3,
            created = created + $4, updated = updated + $5, unchanged = unchanged + $6,
            set_aside = set_aside + $7, restored = restored + $8, renamed = renamed + $9,
            tombstones = tombstones + $10, phase = $11, updated_at = $12,
            requests = requests + $13, wait_until = null, wait_reason = null, wait_message = null
        where id = $1 returning cancel_at";
    const CURSOR: &str = "
        update account set listing_page = $2, listing_at = $3, listing_seen = listing_seen + $4,
            listing_nameless = listing_nameless + $5, listing_total = coalesce($6, listing_total)
        where id = $1";
    const REPORT: &str = "select live, listing_seen, listing_nameless, listing_total,
            (select count(*) from doomed where account = $1)
        from account where id = $1";
    let account = Arg::Int(lease.account().0);
    enter(tx, lease.run, Phase::Fetching, None, now).await?;
    let total = match place {
        Place::Listing { total, .. } => total.map(int).unwrap_or(Arg::Null),
        Place::Changes { .. } => Arg::Null,
    };
    let row = tx
        .row(
            RUN,
            &[
                lease.run.0.into(),
                total.clone(),
                int(tally.listed),
                int(tally.created),
                int(tally.updated),
                int(tally.unchanged),
                int(tally.set_aside),
                int(tally.restored),
                int(tally.renamed),
                int(tally.tombstones),
                Phase::Fetching.as_str().into(),
                now.into(),
                int(requests),
            ],
        )
        .await?;
    let cancel = row.map_or(Ok(None), |row| row.opt_int(0))?.is_some();
    if let Place::Listing { next, .. } = place {
        tx.exec(
            CURSOR,
            &[
                account.clone(),
                next.as_ref().map(|it| it.as_str()).into(),
                now.into(),
                int(gathered.seen),
                int(gathered.nameless),
                total,
            ],
        )
        .await?;
    }
    let row = tx.row(REPORT, &[account]).await?;
    let row = row.ok_or(DbError::Shape { column: 0, expected: "an account" })?;
    Ok(Report {
        cancel,
        listed: tally.listed,
        entries: 0,
        live: row.count(0)?,
        seen: row.count(1)?,
        nameless: row.count(2)?,
        total: row.opt_int(3)?.and_then(|total| u64::try_from(total).ok()),
        doomed: row.count(4)?,
    })
}

/// Reads a stored content.
pub(crate) fn content(json: &str) -> Result<Content, DbError> {
    Content::decode(json).map_err(|error| DbError::Content(error.to_string()))
}
