//! The last transaction of a run.
//!
//! What was deleted, the new token, the counters, the outcome and the release of the lease are one
//! transaction, so that no crash can leave a finished sync looking unfinished.

use jiff::Timestamp;

use crate::alarms;
use crate::commit_page::{Change, CounterDelta, log_changes, next_version, take_numbers};
use crate::db::{Arg, DbError, Tx, int};
use crate::ids::ContactId;
use crate::lease::{CANCEL, Lease, WriteError};
use crate::{Settings, Store};
use ringbook_core::contact::ResourceName;
use ringbook_core::sync::book::Label;
use ringbook_core::sync::guard::takes_most;
use ringbook_core::sync::messages::NOT_IN_LISTING;
use ringbook_core::sync::run::{Deletions, Remarks, RunEnd};
use ringbook_core::sync::{
    AccountId, ChangeKind, FailureCode, Kind, Outcome, Phase, RunId, Source,
};

impl Store {
    /// Gathers the live contacts that the full listing did not name. Returns their names and the
    /// number of live contacts.
    ///
    /// # Errors
    /// [`WriteError::LeaseLost`] when somebody else has taken the account.
    pub async fn sweep(
        &self,
        lease: &Lease,
        settings: &Settings,
    ) -> Result<(Vec<ResourceName>, u64), WriteError> {
        // Ids of one account lie side by side, so this reads the table in order.
        const GATHER: &str = "
            insert into doomed (account, contact)
            select cast($1 as bigint), c.id from contact c
            where c.id >= $2 and c.id < $3 and c.deleted_at is null
                and not exists (select 1 from seen s where s.account = $1 and s.contact = c.id)
            on conflict do nothing";
        const NAMES: &str =
            "select c.resource_name from doomed d join contact c on c.id = d.contact
            where d.account = $1 order by d.contact";
        const LIVE: &str = "select live from account where id = $1";
        let account = lease.account();
        let tx = self.db.begin().await?;
        self.fence(&tx, lease, settings).await?;
        let first = ContactId::new(account, 0).0;
        let end = ContactId::new(AccountId(account.0 + 1), 0).0;
        tx.exec(GATHER, &[account.0.into(), first.into(), end.into()]).await?;
        let rows = tx.rows(NAMES, &[account.0.into()]).await?;
        let live = tx.row(LIVE, &[account.0.into()]).await?.map_or(Ok(0), |row| row.count(0))?;
        tx.commit().await?;
        let mut names = Vec::with_capacity(rows.len());
        for row in &rows {
            let name = row.text(0)?;
            names.push(ResourceName::parse(name).ok_or_else(|| DbError::Word(name.to_owned()))?);
        }
        Ok((names, live))
    }

    /// Ends a run.
    ///
    /// # Errors
    /// [`WriteError::LeaseLost`] when somebody else has taken the account; that one has closed the run.
    pub async fn finish(
        &self,
        lease: &Lease,
        kind: Kind,
        ending: &RunEnd,
        request: &str,
        requests: u64,
        settings: &Settings,
    ) -> Result<Outcome, WriteError> {
        let tx = self.db.begin().await?;
        let now = self.fence(&tx, lease, settings).await?;
        let account = lease.account();
        let outcome = match ending {
            RunEnd::Complete { token, labels, identity, deletions, remarks } => {
                learn(&tx, account, labels.as_deref(), identity.as_ref()).await?;
                remark(&tx, lease.run, remarks, now).await?;
                let earned = EarnedToken { token: token.expose(), request, kind };
                complete(&tx, lease, &earned, deletions, settings, now).await?
            }
            RunEnd::Tokenless { message, labels, identity } => {
                learn(&tx, account, labels.as_deref(), identity.as_ref()).await?;
                store_without_token(&tx, lease.run, message, now).await?;
                Outcome::Partial
            }
            RunEnd::Failed { code, message, not_before } => {
                fail(&tx, lease, *code, message, *not_before, now).await?;
                Outcome::Failed
            }
            RunEnd::Cancelled => Outcome::Cancelled,
            // A process that shuts down may not have heard yet that somebody cancelled the run. As an
            // interrupted one it would start again by itself.
            RunEnd::Interrupted if cancel_asked(&tx, lease.run).await? => Outcome::Cancelled,
            RunEnd::Interrupted => Outcome::Interrupted,
        };
        close(&tx, lease.run, kind, outcome, requests, now).await?;
        release(&tx, lease, now).await?;
        tx.commit().await?;
        self.instance.holds(false, self.clock.now());
        self.tick();
        Ok(outcome)
    }
}

/// The token that a run has earned.
struct EarnedToken<'a> {
    token: &'a str,
    request: &'a str,
    kind: Kind,
}

async fn complete(
    tx: &Tx,
    lease: &Lease,
    earned: &EarnedToken<'_>,
    deletions: &Deletions,
    settings: &Settings,
    now: Timestamp,
) -> Result<Outcome, DbError> {
    const DOOMED: &str = "
        select a.live, (select count(*) from doomed d join contact c on c.id = d.contact
            where d.account = $1 and c.deleted_at is null),
            (select before_live from run where id = $2)
        from account a where a.id = $1";
    const TOKEN: &str = "
        update account set sync_token = $2, token_request = $3, token_at = $4, tokenless_at = null,
            token_grant = (select g.number from oauth_grant g join account b
                on g.account = coalesce(b.grant_of, b.id) where b.id = $1),
            token_full_at = case when $5 = 1 then coalesce(listing_started_at, $4)
                else coalesce(token_full_at, $4) end
        where id = $1";
    const HOLD: &str = "
        insert into hold (account, run, sync_token, token_request, token_grant, token_full_at, held_at)
        select id, cast($2 as bigint), cast($3 as text), cast($4 as text),
            coalesce((select g.number from oauth_grant g join account b
                on g.account = coalesce(b.grant_of, b.id) where b.id = $1), 0),
            case when $5 = 1 then coalesce(listing_started_at, cast($6 as bigint))
                else coalesce(token_full_at, cast($6 as bigint)) end, cast($6 as bigint)
        from account where id = $1";
    const HELD: &str = "insert into held (run, contact)
        select cast($2 as bigint), contact from doomed where account = $1";
    const HELD_RUN: &str = "update account set held_run = $2, last_ended_at = $3, failures = 0,
            failing_since = null, interruptions = 0, not_before = null where id = $1";
    const TO_DELETE: &str = "update run set to_delete = $2 where id = $1";
    let account = lease.account();
    spare(tx, account, &deletions.keep).await?;
    for (old, new) in &deletions.renamed {
        follow_rename(tx, lease, old, new, now).await?;
    }
    let full = earned.kind == Kind::Full;
    // A completed run knows better than an earlier one that was held.
    drop_hold(tx, account).await?;
    // Only here is it known which of the renamed contacts became part of another one, and so go.
    let counts = tx.row(DOOMED, &[account.0.into(), lease.run.0.into()]).await?;
    let (live, doomed, before) = match counts {
        Some(row) => (row.count(0)?, row.count(1)?, row.count(2)?),
        None => (0, 0, 0),
    };
    // Whoever came in with this run does not make up for those who would go.
    let much = settings.policy.guard.holds(live, doomed) || takes_most(before, doomed);
    let outcome = if deletions.hold || much {
        tx.exec(
            HOLD,
            &[
                account.0.into(),
                lease.run.0.into(),
                earned.token.into(),
                earned.request.into(),
                full.into(),
                now.into(),
            ],
        )
        .await?;
        let held = tx.exec(HELD, &[account.0.into(), lease.run.0.into()]).await?;
        tx.exec(TO_DELETE, &[lease.run.0.into(), int(held)]).await?;
        tx.exec(HELD_RUN, &[account.0.into(), lease.run.0.into(), now.into()]).await?;
        Outcome::Held
    } else {
        delete_doomed(tx, lease, now).await?;
        tx.exec(
            TOKEN,
            &[
                account.0.into(),
                earned.token.into(),
                earned.request.into(),
                now.into(),
                full.into(),
            ],
        )
        .await?;
        succeed(tx, lease.run, now, full).await?;
        earned_outcome(tx, lease.run).await?
    };
    // Whatever listing was interrupted before is older than this run, and so would be its token.
    forget_listing(tx, account).await?;
    Ok(outcome)
}

/// What Google said beside the contacts.
async fn learn(
    tx: &Tx,
    account: AccountId,
    labels: Option<&[Label]>,
    identity: Option<&ResourceName>,
) -> Result<(), DbError> {
    if let Some(labels) = labels {
        next_version(tx, account).await?;
        replace_labels(tx, account, labels).await?;
    }
    if let Some(identity) = identity {
        learn_identity(tx, account, identity).await?;
    }
    Ok(())
}

/// What is to be told of a run, and whom Google's listing left out.
async fn remark(tx: &Tx, run: RunId, remarks: &Remarks, now: Timestamp) -> Result<(), DbError> {
    const NOTE: &str = "update run set note = $2, unlisted = $3 where id = $1";
    const UNLISTED: &str = "insert into set_aside (run, seq, resource_name, reason, at)
        values ($1, $2, $3, $4, $5)";
    let Some(note) = remarks.note() else { return Ok(()) };
    let unlisted = &remarks.unlisted;
    tx.exec(NOTE, &[run.0.into(), note.into(), int(unlisted.len())]).await?;
    let first = take_numbers(tx, run, unlisted.len()).await? + 1;
    let rows: Vec<_> = (first..)
        .zip(unlisted)
        .map(|(seq, name)| {
            vec![run.0.into(), seq.into(), name.as_str().into(), NOT_IN_LISTING.into(), now.into()]
        })
        .collect();
    tx.each(UNLISTED, &rows).await.map(|_| ())
}

/// A listing without a token at its end: what it named is in, and the rest is left to the next listing. The token
/// that there was stays, and so does a hold.
async fn store_without_token(
    tx: &Tx,
    run: RunId,
    message: &str,
    now: Timestamp,
) -> Result<(), DbError> {
    const RUN: &str = "update run set error_code = $2, error_message = $3 where id = $1";
    const ACCOUNT: &str = "
        update account set last_success_at = $2, last_ended_at = $2, failures = 0,
            failing_since = null, unauthorized_since = null, interruptions = 0, not_before = null,
            alerted_at = null, tokenless_at = coalesce(tokenless_at, $2)
        where id = $1";
    let code = FailureCode::NoSyncToken.as_str();
    tx.exec(RUN, &[run.0.into(), code.into(), message.into()]).await?;
    tx.exec(ACCOUNT, &[run.account().0.into(), now.into()]).await?;
    alarms::recover(tx, run.account(), now).await?;
    forget_listing(tx, run.account()).await
}

/// Contacts that are still there at Google are not deleted.
async fn spare(tx: &Tx, account: AccountId, keep: &[ResourceName]) -> Result<(), DbError> {
    const SPARE: &str = "delete from doomed where account = $1 and contact in
        (select id from contact where account = $1 and resource_name = $2)";
    for name in keep {
        tx.exec(SPARE, &[account.0.into(), name.as_str().into()]).await?;
    }
    Ok(())
}

/// Gives a renamed contact its old id back.
///
/// A full listing does not say what a contact was called before, so its new name came in as a new
/// contact. The old row takes over what the new one holds, and the new row goes.
async fn follow_rename(
    tx: &Tx,
    lease: &Lease,
    old: &ResourceName,
    new: &ResourceName,
    now: Timestamp,
) -> Result<(), DbError> {
    const BOTH: &str = "
        select c.id, c.resource_name, c.phones, c.emails, d.content, a.listing_issued
        from contact c join account a on a.id = c.account
        join contact_content d on d.contact = c.id
        where c.account = $1 and c.resource_name in ($list) and c.deleted_at is null";
    const SPARE: &str = "delete from doomed where account = $1 and contact = $2";
    const PARK: &str = "update contact set resource_name = resource_name || '~' || cast(id as text)
        where account = $1 and resource_name = $2";
    const TAKE_OVER: &str = "
        update contact set resource_name = $3, fingerprint = n.fingerprint,
            display_name = n.display_name, name_key = n.name_key, initial = n.initial,
            phones = n.phones, emails = n.emails, edited_at = n.edited_at, updated_at = $4,
            version = $5
        from contact n where contact.id = $1 and n.id = $2";
    const CONTENT: &str = "update contact_content set content = $2 where contact = $1";
    const REMOVE_SEEN: &str = "delete from seen where account = $1 and contact = $2";
    const REMOVE_CONTENT: &str = "delete from contact_content where contact = $1";
    const REMOVE: &str = "delete from contact where id = $1";
    const VANISHED_ROW: &str = "update account set rows_vanished = version where id = $1";
    const UNLOG: &str = "delete from change where run = $1 and contact = $2 and kind = 'created'";
    // Whom an earlier run brought in, it also listed. From now on it is this run that did.
    const RECOUNT: &str = "
        update run set renamed = renamed + 1, updated = updated + 1, created = created - $2,
            deleted = deleted + $3, listed = listed + $3,
            listed_before = case when listed_before > $3 then listed_before - $3 else 0 end
        where id = $1";

    let account = lease.account();
    let found =
        tx.among(BOTH, &[account.0.into()], &[old.as_str().into(), new.as_str().into()]).await?;
    let row_of = |name: &ResourceName| {
        found.iter().find(|row| row.text(1).is_ok_and(|text| text == name.as_str()))
    };
    let (Some(former), Some(latter)) = (row_of(old), row_of(new)) else { return Ok(()) };
    // Two contacts that were both here before became one at Google: the other keeps its own id, and
    // this one goes.
    if latter.int(0)? <= ContactId::new(account, latter.int(5)?).0 {
        return Ok(());
    }
    let id = ContactId(former.int(0)?);
    let before = former.text(4)?.to_owned();
    tx.exec(SPARE, &[account.0.into(), id.0.into()]).await?;
    tx.exec(PARK, &[account.0.into(), old.as_str().into()]).await?;
    let (newcomer, after) = (ContactId(latter.int(0)?), latter.text(4)?.to_owned());
    tx.exec(PARK, &[account.0.into(), new.as_str().into()]).await?;
    let version = next_version(tx, account).await?;
    let args = [id.0.into(), newcomer.0.into(), new.as_str().into(), now.into(), version.into()];
    tx.exec(TAKE_OVER, &args).await?;
    tx.exec(VANISHED_ROW, &[account.0.into()]).await?;
    tx.exec(CONTENT, &[id.0.into(), after.as_str().into()]).await?;
    let here = tx.exec(UNLOG, &[lease.run.0.into(), newcomer.0.into()]).await?.min(1);
    tx.exec(REMOVE_SEEN, &[account.0.into(), newcomer.0.into()]).await?;
    tx.exec(REMOVE_CONTENT, &[newcomer.0.into()]).await?;
    tx.exec(REMOVE, &[newcomer.0.into()]).await?;
    let mut moves = CounterDelta::default();
    moves.contact(-1, former.count(2)?, former.count(3)?);
    moves.apply(tx, account).await?;
    // A newcomer of this run was never another contact; one of an earlier run was, and goes.
    let goes = here == 0;
    tx.exec(RECOUNT, &[lease.run.0.into(), int(here), goes.into()]).await?;
    let mut seq = take_numbers(tx, lease.run, 1 + usize::from(goes)).await?;
    let mut changes = Vec::with_capacity(2);
    if goes {
        changes.push(Change {
            contact: newcomer,
            kind: ChangeKind::Deleted,
            name_before: Some(new.as_str()),
            name_after: None,
            before: Some(after.clone()),
            after: None,
        });
    }
    changes.push(Change {
        contact: id,
        kind: ChangeKind::Updated,
        name_before: Some(old.as_str()),
        name_after: Some(new.as_str()),
        before: Some(before),
        after: Some(&after),
    });
    log_changes(tx, lease, changes, &mut seq, now).await
}

/// Turns the doomed contacts into tombstones of ours, with a line in the change log each.
pub(super) async fn delete_doomed(tx: &Tx, lease: &Lease, now: Timestamp) -> Result<u64, DbError> {
    const COUNT: &str = "
        select count(*), cast(coalesce(sum(c.phones), 0) as bigint),
            cast(coalesce(sum(c.emails), 0) as bigint),
            cast(coalesce(sum(case when c.phones > 0 then 1 else 0 end), 0) as bigint),
            cast(coalesce(sum(case when c.emails > 0 then 1 else 0 end), 0) as bigint)
        from doomed d join contact c on c.id = d.contact
        where d.account = $1 and c.deleted_at is null";
    const LOG: &str = "
        insert into change (run, seq, contact, kind, at, name_before, before_content)
        select cast($2 as bigint), cast($3 as bigint) + row_number() over (order by d.contact), c.id,
            'deleted', cast($4 as bigint),
            c.resource_name, e.content
        from doomed d join contact c on c.id = d.contact
        join contact_content e on e.contact = c.id
        where d.account = $1 and c.deleted_at is null";
    const DELETE: &str = "
        update contact set deleted_at = $2, updated_at = $2, version = $3
        where deleted_at is null and id in (select contact from doomed where account = $1)";
    const DELETED: &str = "update run set deleted = deleted + $2 where id = $1";
    const FORGET: &str = "delete from doomed where account = $1";
    let account = lease.account();
    let Some(row) = tx.row(COUNT, &[account.0.into()]).await? else { return Ok(0) };
    let count = row.int(0)?;
    if count > 0 {
        let moves = CounterDelta {
            live: -count,
            deleted: count,
            phones: -row.int(1)?,
            emails: -row.int(2)?,
            with_phone: -row.int(3)?,
            with_email: -row.int(4)?,
        };
        let seq = take_numbers(tx, lease.run, row.count(0)? as usize).await?;
        let log = [account.0.into(), lease.run.0.into(), seq.into(), Arg::from(now)];
        tx.exec(LOG, &log).await?;
        let version = next_version(tx, account).await?;
        tx.exec(DELETE, &[account.0.into(), now.into(), version.into()]).await?;
        tx.exec(DELETED, &[lease.run.0.into(), count.into()]).await?;
        moves.apply(tx, account).await?;
    }
    tx.exec(FORGET, &[account.0.into()]).await?;
    row.count(0)
}

async fn replace_labels(tx: &Tx, account: AccountId, labels: &[Label]) -> Result<(), DbError> {
    const CLEAR: &str = "delete from label where account = $1";
    const ADD: &str = "insert into label (account, resource_name, name, system)
        values ($1, $2, $3, $4) on conflict do nothing";
    tx.exec(CLEAR, &[account.0.into()]).await?;
    let rows: Vec<_> = labels
        .iter()
        .map(|label| {
            vec![
                account.0.into(),
                label.resource_name.as_str().into(),
                label.name.as_str().into(),
                label.system.into(),
            ]
        })
        .collect();
    tx.each(ADD, &rows).await.map(|_| ())
}

async fn learn_identity(
    tx: &Tx,
    account: AccountId,
    identity: &ResourceName,
) -> Result<(), DbError> {
    const LEARN: &str = "update account set google_id = $2
        where id = $1 and google_id is null and grant_of is null";
    const CONFIRM: &str = "update oauth_grant set identified = 1
        where account = (select coalesce(grant_of, id) from account where id = $1)";
    tx.exec(LEARN, &[account.0.into(), identity.as_str().into()]).await?;
    tx.exec(CONFIRM, &[account.0.into()]).await.map(|_| ())
}

/// A run has succeeded: what went wrong before is forgiven. After a full one the changes are due that
/// were made while it paged; not after one that was asked for changes and had its token refused, or
/// Google could keep us listing everything for ever.
pub(super) async fn succeed(
    tx: &Tx,
    run: RunId,
    now: Timestamp,
    full: bool,
) -> Result<(), DbError> {
    const SUCCESS: &str = "
        update account set last_success_at = $2, last_ended_at = $2, failures = 0,
            failing_since = null, unauthorized_since = null, interruptions = 0, not_before = null,
            alerted_at = null, follow_up_at = case
                when $3 = 1 and source = $6 and coalesce((select kind_asked from run where id = $4), '') <> $5
                then cast($2 as bigint) else null end
        where id = $1";
    let changes = Kind::Incremental.as_str();
    // Changes are asked for only where Google tells them.
    let book = Source::Contacts.as_str();
    let account = run.account().0;
    let args =
        [account.into(), now.into(), full.into(), run.0.into(), changes.into(), Arg::from(book)];
    tx.exec(SUCCESS, &args).await?;
    alarms::recover(tx, run.account(), now).await
}

async fn cancel_asked(tx: &Tx, run: RunId) -> Result<bool, DbError> {
    let row = tx.row(CANCEL, &[run.0.into()]).await?;
    Ok(row.map_or(Ok(None), |row| row.opt_int(0))?.is_some())
}

pub(super) async fn earned_outcome(tx: &Tx, run: RunId) -> Result<Outcome, DbError> {
    const ASIDE: &str = "select set_aside from run where id = $1";
    let aside = tx.row(ASIDE, &[run.0.into()]).await?.map_or(Ok(0), |row| row.int(0))?;
    Ok(if aside > 0 { Outcome::Partial } else { Outcome::Succeeded })
}

async fn fail(
    tx: &Tx,
    lease: &Lease,
    code: FailureCode,
    message: &str,
    not_before: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), DbError> {
    const RUN: &str = "update run set error_code = $2, error_message = $3 where id = $1";
    const ACCOUNT: &str = "
        update account set failures = failures + 1, failing_since = coalesce(failing_since, $2),
            not_before = $3, last_ended_at = $2,
            unauthorized_since = case $4
                when 'unauthorized' then coalesce(unauthorized_since, $2)
                when 'not_permitted' then unauthorized_since end
        where id = $1";
    // Only the token service's verdict ends a grant. A service account has nobody to ask again; what is
    // refused to it may be allowed tomorrow. And of a permission that another account lends, only that
    // account's runs can say that it is dead: what is refused to one source may well be open to another.
    // Tokens that another process stored since the run began are not meant.
    const GRANT: &str = "
        update oauth_grant set needs_reauth_at = coalesce(needs_reauth_at, $2),
            needs_reauth_reason = coalesce(needs_reauth_reason, $3)
        where account = $1 and service_email is null and generation = $4";
    let account = lease.account();
    tx.exec(RUN, &[lease.run.0.into(), code.as_str().into(), message.into()]).await?;
    let args = [account.0.into(), now.into(), not_before.into(), code.as_str().into()];
    tx.exec(ACCOUNT, &args).await?;
    if code == FailureCode::IncompleteListing {
        // A listing that contradicts itself is not gone on with.
        forget_listing(tx, account).await?;
    }
    if code == FailureCode::NeedsReauth {
        let args = [account.0.into(), now.into(), message.into(), lease.generation.into()];
        tx.exec(GRANT, &args).await?;
    }
    Ok(())
}

pub(super) async fn forget_listing(tx: &Tx, account: AccountId) -> Result<(), DbError> {
    const DOOMED: &str = "delete from doomed where account = $1";
    const SEEN: &str = "delete from seen where account = $1";
    const LISTING: &str = "
        update account set listing_request = null, listing_grant = null, listing_page = null,
            listing_started_at = null, listing_at = null, listing_seen = 0, listing_nameless = 0,
            listing_total = null
        where id = $1";
    tx.exec(DOOMED, &[account.0.into()]).await?;
    tx.exec(SEEN, &[account.0.into()]).await?;
    tx.exec(LISTING, &[account.0.into()]).await.map(|_| ())
}

pub(super) async fn drop_hold(tx: &Tx, account: AccountId) -> Result<(), DbError> {
    const HELD: &str = "delete from held where run in (select run from hold where account = $1)";
    const HOLD: &str = "delete from hold where account = $1";
    const ACCOUNT: &str = "update account set held_run = null where id = $1";
    for sql in [HELD, HOLD, ACCOUNT] {
        tx.exec(sql, &[account.0.into()]).await?;
    }
    Ok(())
}

/// Writes the outcome. A run has one: whoever comes second finds no open row.
async fn close(
    tx: &Tx,
    run: RunId,
    kind: Kind,
    outcome: Outcome,
    requests: u64,
    now: Timestamp,
) -> Result<(), DbError> {
    const CLOSE: &str = "
        update run set outcome = $2, kind = $3, phase = $4, ended_at = $5, updated_at = $5,
            wait_until = null, wait_reason = null, wait_message = null,
            after_live = (select live from account where id = $6), requests = requests + $7
        where id = $1 and outcome is null";
    const ENDED: &str = "update account set last_ended_at = $2 where id = $1";
    let account = run.account();
    tx.exec(
        CLOSE,
        &[
            run.0.into(),
            outcome.as_str().into(),
            kind.as_str().into(),
            Phase::Ended.as_str().into(),
            now.into(),
            account.0.into(),
            int(requests),
        ],
    )
    .await?;
    tx.exec(ENDED, &[account.0.into(), now.into()]).await.map(|_| ())
}

/// Gives the lease back. The fence in the condition keeps a late release from ending a later term.
async fn release(tx: &Tx, lease: &Lease, now: Timestamp) -> Result<(), DbError> {
    const RELEASE: &str = "
        update lease set holder = null, expires_at = $4
        where account = $1 and fence = $2 and holder = $3";
    tx.exec(
        RELEASE,
        &[
            lease.account().0.into(),
            lease.run.fence().into(),
            lease.holder.as_str().into(),
            now.into(),
        ],
    )
    .await
    .map(|_| ())
}
