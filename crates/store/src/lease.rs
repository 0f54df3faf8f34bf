//! The gate: who may sync an account, and for how long.
//!
//! A lease is a row. Taking it raises the fence; whoever writes shows the fence of its run, in the same
//! transaction, and a lower one finds no row. Time only decides when somebody else may take the lease,
//! so a wrong clock can cost a run its lease but never let two runs write.

use jiff::Timestamp;

use crate::db::{Arg, DbError, Row, Tx, int};
use crate::instance::PeerInstance;
use crate::phases::enter;
use crate::{Settings, Store};
use ringbook_core::clock::{after, between};
use ringbook_core::contact::ResourceName;
use ringbook_core::sync::book::{PageToken, SyncToken};
use ringbook_core::sync::run::RunInput;
use ringbook_core::sync::schedule;
use ringbook_core::sync::schedule::{FullReason, FullSyncInputs, TokenFacts};
use ringbook_core::sync::{AccountId, Delay, Kind, Outcome, Phase, RunId, Source, Trigger};

/// What is asked of the gate.
#[derive(Clone, Debug)]
pub struct Request {
    pub account: AccountId,
    /// `None`: whichever is right.
    pub kind: Option<Kind>,
    pub trigger: Trigger,
    /// A person or program, for the history.
    pub asked_by: Option<String>,
    /// The due time that this run serves. It is served once.
    pub slot: Option<Slot>,
    /// Fingerprint of the request parameters that a sync token depends on.
    pub request: String,
}

/// A due time, and on what the judgement rests that it has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slot {
    pub at: Timestamp,
    /// The account's newest run when it was judged. Another one since then, perhaps one that somebody
    /// cancelled, makes the judgement void.
    pub after: Option<RunId>,
}

/// The right to write the data of one account, as long as nobody else has taken it.
#[derive(Clone, Debug)]
pub struct Lease {
    pub run: RunId,
    pub(crate) holder: String,
    /// Of the grant when the run began (`oauth_grant.generation`).
    pub(crate) generation: i64,
}

impl Lease {
    pub fn account(&self) -> AccountId {
        self.run.account()
    }
}

/// A run that may begin.
#[derive(Clone, Debug)]
pub struct StartedRun {
    pub lease: Lease,
    pub orders: RunInput,
    pub full_reason: Option<FullReason>,
}

/// Who holds a lease.
#[derive(Clone, Debug, PartialEq)]
pub struct Holder {
    /// Host and process.
    pub host: String,
    pub since: Timestamp,
    pub run: Option<RunId>,
    /// This very process.
    pub is_this_process: bool,
}

/// Why a run may not begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The text has no time: only the faces know the zone to tell it in.
    #[error("a sync is already in progress, held by {}", .0.host)]
    Busy(Holder),
    /// Another process has served this due time.
    #[error("this due time was already served")]
    AlreadyServed,
    #[error(
        "not connected to Google; connect the account at /auth/google, or with `ringbook auth`"
    )]
    NotConnected,
    /// This process is shutting down.
    #[error("this server is shutting down")]
    Closing,
    #[error("Google cannot be asked for this account: {reason}")]
    NeedsReauth { reason: String },
    /// It is over in seconds.
    #[error("the contacts of this account are being erased; try again in a moment")]
    Erasing,
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Why a transaction of a run was not committed.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Somebody else owns the account now. Nothing was written, and nothing more may be.
    #[error("the lease was lost to another process")]
    LeaseLost,
    #[error(transparent)]
    Db(#[from] DbError),
}

/// What a run learns when it renews its lease or notes what it does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Renewed {
    pub cancel: bool,
}

/// No lease runs for longer. One that claims to was taken under a clock that was wrong, by a holder of
/// whom nothing more can be known; it must not bar the account until that day comes.
pub(crate) const LEASE_MAX: std::time::Duration = std::time::Duration::from_secs(120);

/// A listing older than this is not gone on with: too much may have changed behind it.
const RESUME_MAX: std::time::Duration = std::time::Duration::from_secs(3600);

const LEASE: &str =
    "select holder, host, boot, taken_at, expires_at, run from lease where account = $1";

impl Store {
    /// Takes the lease and opens a run, closing what a crashed predecessor left open.
    ///
    /// # Errors
    /// When somebody else holds the lease, the due time was served, the account cannot be synced, or
    /// the database fails. Nothing is changed then.
    pub async fn begin_run(
        &self,
        request: &Request,
        settings: &Settings,
    ) -> Result<StartedRun, StartError> {
        const ROW: &str = "insert into lease (account, fence, expires_at) values ($1, 0, 0)
            on conflict (account) do nothing";
        const TAKE: &str = "
            update lease
            set fence = fence + 1, holder = $2, host = $3, boot = $4, taken_at = $5, expires_at = $6
            where account = $1
                and (holder is null or expires_at <= $5 or expires_at > $8 or run = $7)
            returning fence";
        const NEWEST: &str = "select max(id) from run where account = $1";
        const HOLD_RUN: &str = "update lease set run = $2 where account = $1";
        const OPEN: &str = "
            insert into run (id, account, kind, kind_asked, full_reason, started_by, asked_by, holder,
                resumed, started_at, updated_at, phase, before_live, listed_before)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $12, $13)";
        const FRESH: &str =
            "update account set last_slot = coalesce($2, last_slot), follow_up_at = null
            where id = $1";

        let account = request.account;
        let dead = self.dead_holder(account).await?;
        // Whoever asked is told the number of the run. Were it lost in a power cut, another run would
        // get it, and a word about the one would be taken for a word about the other.
        let tx = self.db.begin_durable().await?;
        let now = tx.now(&*self.clock).await?;
        tx.exec(ROW, &[account.0.into()]).await?;
        let taken = tx
            .row(
                TAKE,
                &[
                    account.0.into(),
                    self.instance.name.as_str().into(),
                    self.instance.host.as_str().into(),
                    self.instance.boot.as_str().into(),
                    now.into(),
                    after(now, settings.lease).into(),
                    dead.map_or(-1, |run| run.0).into(),
                    after(now, LEASE_MAX).into(),
                ],
            )
            .await?;
        let Some(taken) = taken else {
            let row = tx.row(LEASE, &[account.0.into()]).await?;
            drop(tx);
            return match row.map(|row| self.holder(&row)).transpose()?.flatten() {
                Some(holder) => Err(StartError::Busy(holder)),
                // It was given back between the two statements.
                None => Box::pin(self.begin_run(request, settings)).await,
            };
        };
        let fence = taken.int(0)?;
        let run = RunId::new(account, fence);
        let facts = facts(&tx, account).await?.ok_or(StartError::NotConnected)?;
        facts.check_connected()?;
        if let Some(slot) = request.slot {
            let newest = tx.row(NEWEST, &[account.0.into()]).await?;
            let newest = newest.map_or(Ok(None), |row| row.opt_int(0))?.map(RunId);
            if newest != slot.after || !schedule::fires(facts.last_slot, slot.at, now) {
                return Err(StartError::AlreadyServed);
            }
        }
        close_open_runs(&tx, account, VANISHED, now).await?;

        let grant = facts.grant.unwrap_or(0);
        let (kind, reason) = facts.kind(request, settings, now);
        let resume = facts
            .listing
            .filter(|it| it.request == request.request && it.grant == grant)
            .filter(|it| kind == Kind::Full && between(it.at, now) <= RESUME_MAX)
            .map(|it| (it.page, it.seen));
        let listed_before = resume.as_ref().map_or(0, |(_, seen)| *seen);
        let resume = resume.map(|(page, _)| page);
        tx.exec(
            OPEN,
            &[
                run.0.into(),
                account.0.into(),
                kind.as_str().into(),
                request.kind.map(Kind::as_str).into(),
                reason.map(FullReason::as_str).into(),
                request.trigger.as_str().into(),
                request.asked_by.as_deref().into(),
                self.instance.host.as_str().into(),
                resume.is_some().into(),
                now.into(),
                Phase::Starting.as_str().into(),
                int(facts.live),
                int(listed_before),
            ],
        )
        .await?;
        enter(&tx, run, Phase::Starting, None, now).await?;
        tx.exec(HOLD_RUN, &[account.0.into(), run.0.into()]).await?;
        tx.exec(FRESH, &[account.0.into(), request.slot.map(|it| it.at).into()]).await?;
        tx.commit().await?;
        self.tick();
        self.instance.holds(true, self.clock.now());
        Ok(StartedRun {
            lease: Lease { run, holder: self.instance.name.clone(), generation: facts.generation },
            orders: RunInput {
                run,
                source: facts.source,
                kind,
                token: facts.token.map(|(token, _)| token).filter(|_| kind == Kind::Incremental),
                resume,
                identity_stands: facts.identity_stands,
                identity: facts.identity,
                unauthorized_since: facts.unauthorized_since,
                policy: settings.policy,
            },
            full_reason: reason,
        })
    }

    /// What a run would set out with, without a lease: for a preview.
    ///
    /// # Errors
    /// As [`Store::begin_run`], but never because somebody else is syncing.
    pub async fn preview_orders(
        &self,
        account: AccountId,
        kind: Option<Kind>,
        request: &str,
        settings: &Settings,
    ) -> Result<RunInput, StartError> {
        let tx = self.db.begin().await?;
        let now = tx.now(&*self.clock).await?;
        let facts = facts(&tx, account).await?.ok_or(StartError::NotConnected)?;
        drop(tx);
        facts.check_connected()?;
        let asked = Request {
            account,
            kind,
            trigger: Trigger::Cli,
            asked_by: None,
            slot: None,
            request: request.to_owned(),
        };
        let (kind, _) = facts.kind(&asked, settings, now);
        Ok(RunInput {
            run: RunId::new(account, 0),
            source: facts.source,
            kind,
            token: facts.token.map(|(token, _)| token).filter(|_| kind == Kind::Incremental),
            resume: None,
            identity_stands: facts.identity_stands,
            identity: facts.identity,
            unauthorized_since: facts.unauthorized_since,
            policy: settings.policy,
        })
    }

    /// Nobody works on this run of ours any more, and it could not be closed. Its lease need not run out.
    pub fn give_up(&self, run: RunId) {
        self.instance.gives_up(run);
    }

    /// Keeps the lease for another while, and asks whether the run should stop.
    ///
    /// # Errors
    /// [`WriteError::LeaseLost`] when somebody else has taken the account.
    pub async fn renew(&self, lease: &Lease, settings: &Settings) -> Result<Renewed, WriteError> {
        let tx = self.db.begin().await?;
        self.fence(&tx, lease, settings).await?;
        let row = tx.row(CANCEL, &[lease.run.0.into()]).await?;
        let cancel = row.map_or(Ok(None), |row| row.opt_int(0))?.is_some();
        tx.commit().await?;
        Ok(Renewed { cancel })
    }

    /// Has somebody asked this run to stop? Reads only, so it can be asked several times a second.
    pub async fn cancel_requested(&self, run: RunId) -> Result<bool, DbError> {
        let row = self.db.row(CANCEL, &[run.0.into()]).await?;
        Ok(row.map_or(Ok(None), |row| row.opt_int(0))?.is_some())
    }

    /// Notes what the run is doing, for whoever looks, and asks whether it should stop.
    ///
    /// # Errors
    /// [`WriteError::LeaseLost`] when somebody else has taken the account.
    pub async fn note(
        &self,
        lease: &Lease,
        note: &Note,
        settings: &Settings,
    ) -> Result<Renewed, WriteError> {
        const NOTE: &str = "
            update run set phase = $2, wait_until = $3, wait_reason = $4, wait_message = $5,
                retries = retries + $6, requests = requests + $7, waited_ms = waited_ms + $8,
                updated_at = $9, kind = $10
            where id = $1 and outcome is null
            returning cancel_at";
        let tx = self.db.begin().await?;
        let now = self.fence(&tx, lease, settings).await?;
        let wait = note.wait.as_ref();
        enter(&tx, lease.run, note.phase, wait, now).await?;
        let row = tx
            .row(
                NOTE,
                &[
                    lease.run.0.into(),
                    note.phase.as_str().into(),
                    wait.map(|it| it.until).into(),
                    wait.map(|it| it.delay.as_str()).into(),
                    wait.map(|it| it.message.as_str()).into(),
                    wait.is_some_and(|it| it.delay != Delay::Pause).into(),
                    int(note.requests),
                    int(wait.map_or(0, |it| between(now, it.until).as_millis())),
                    now.into(),
                    note.kind.as_str().into(),
                ],
            )
            .await?;
        let cancel = row.map_or(Ok(None), |row| row.opt_int(0))?.is_some();
        tx.commit().await?;
        self.tick();
        Ok(Renewed { cancel })
    }

    /// Asks the run in progress to stop. Returns it, or `None` when nothing runs.
    pub async fn request_cancel(
        &self,
        account: AccountId,
        by: &str,
    ) -> Result<Option<RunId>, DbError> {
        const CANCEL_OPEN: &str = "
            update run set cancel_at = coalesce(cancel_at, $2), cancel_by = coalesce(cancel_by, $3),
                updated_at = $2
            where account = $1 and outcome is null
            returning id";
        let tx = self.db.begin_durable().await?;
        let now = tx.now(&*self.clock).await?;
        let row = tx.row(CANCEL_OPEN, &[account.0.into(), now.into(), by.into()]).await?;
        tx.commit().await?;
        self.tick();
        row.map(|row| row.int(0).map(RunId)).transpose()
    }

    /// Closes runs of this account that nobody works on any more. Returns whether there was one.
    pub async fn close_orphans(&self, account: AccountId) -> Result<bool, DbError> {
        const OPEN: &str = "select count(*) from run where account = $1 and outcome is null";
        const FREE: &str = "
            update lease set holder = null, fence = fence + 1, expires_at = $2
            where account = $1
                and (holder is null or expires_at <= $2 or expires_at > $4 or run = $3)";
        let open = self.db.row(OPEN, &[account.0.into()]).await?;
        if open.map_or(Ok(0), |row| row.int(0))? == 0 {
            return Ok(false);
        }
        let dead = self.dead_holder(account).await?;
        let tx = self.db.begin().await?;
        let now = tx.now(&*self.clock).await?;
        let horizon = after(now, LEASE_MAX);
        let dead = dead.map_or(-1, |run| run.0);
        let args = [account.0.into(), now.into(), dead.into(), Arg::from(horizon)];
        if tx.exec(FREE, &args).await? == 0 {
            return Ok(false);
        }
        let closed = close_open_runs(&tx, account, VANISHED, now).await?;
        tx.commit().await?;
        self.tick();
        Ok(closed > 0)
    }

    /// Who holds the lease of this account now, if anybody.
    pub async fn lease_holder(&self, account: AccountId) -> Result<Option<Holder>, DbError> {
        let Some(row) = self.db.row(LEASE, &[account.0.into()]).await? else { return Ok(None) };
        self.holder(&row)
    }

    /// Is somebody working on this account? Reads only, and waits for nobody.
    pub async fn is_leased(&self, account: AccountId) -> Result<bool, DbError> {
        let Some(row) = self.db.row(LEASE, &[account.0.into()]).await? else { return Ok(false) };
        let (now, until) = (self.clock.now(), row.time(4)?);
        let held = row.opt_text(0)?.is_some() && until > now && until <= after(now, LEASE_MAX);
        Ok(held && self.dead_holder(account).await?.is_none())
    }

    /// Checks the fence, renews the lease, and says what time it is. First in every transaction that
    /// writes for a run.
    pub(crate) async fn fence(
        &self,
        tx: &Tx,
        lease: &Lease,
        settings: &Settings,
    ) -> Result<Timestamp, WriteError> {
        // A lease that ran out but was not taken is still ours: taking it is what raises the fence.
        // A renewal never shortens it, unless it was taken under a clock that was wrong.
        const RENEW: &str = "
            update lease set expires_at =
                case when expires_at > $4 and expires_at <= $5 then expires_at else $4 end
            where account = $1 and fence = $2 and holder = $3";
        let now = tx.now(&*self.clock).await?;
        let renewed = tx
            .exec(
                RENEW,
                &[
                    lease.account().0.into(),
                    lease.run.fence().into(),
                    lease.holder.as_str().into(),
                    after(now, settings.lease).into(),
                    after(now, LEASE_MAX).into(),
                ],
            )
            .await?;
        if renewed == 0 { Err(WriteError::LeaseLost) } else { Ok(now) }
    }

    /// The run that holds the lease, if certainly nobody works on it any more.
    async fn dead_holder(&self, account: AccountId) -> Result<Option<RunId>, DbError> {
        let Some(row) = self.db.row(LEASE, &[account.0.into()]).await? else { return Ok(None) };
        let Some(name) = row.opt_text(0)? else { return Ok(None) };
        let other = PeerInstance {
            name: name.to_owned(),
            boot: row.opt_text(2)?.unwrap_or_default().to_owned(),
        };
        let one_machine = self.db.path().is_some();
        let Some(run) = row.opt_int(5)?.map(RunId) else { return Ok(None) };
        let dead = self.instance.gave_up(run) || self.instance.knows_dead(&other, one_machine);
        Ok(dead.then_some(run))
    }

    fn holder(&self, row: &Row) -> Result<Option<Holder>, DbError> {
        let Some(name) = row.opt_text(0)? else { return Ok(None) };
        Ok(Some(Holder {
            host: row.opt_text(1)?.unwrap_or_default().to_owned(),
            since: row.time(3)?,
            run: row.opt_int(5)?.map(RunId),
            is_this_process: name == self.instance.name,
        }))
    }
}

/// What a run is doing.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    pub phase: Phase,
    pub kind: Kind,
    pub wait: Option<Wait>,
    /// Requests to Google since the last note.
    pub requests: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Wait {
    pub until: Timestamp,
    pub delay: Delay,
    pub message: String,
}

pub(crate) const CANCEL: &str = "select cancel_at from run where id = $1";

/// Takes the account away from whoever is syncing it, and with it those that use its permission. The permission under which that one asks Google
/// is no longer the account's: it may speak for another person.
pub(crate) async fn take_away(tx: &Tx, account: AccountId, now: Timestamp) -> Result<(), DbError> {
    const TAKE: &str = "
        update lease set fence = fence + 1, holder = null, expires_at = $2 where account = $1";
    const CONCERNED: &str = "select id from account where id = $1 or grant_of = $1 order by id";
    for row in tx.rows(CONCERNED, &[account.0.into()]).await? {
        let concerned = AccountId(row.int(0)?);
        tx.exec(TAKE, &[concerned.0.into(), now.into()]).await?;
        close_open_runs(tx, concerned, RECONNECTED, now).await?;
    }
    Ok(())
}

pub(crate) const VANISHED: &str = "the process running this sync died; the next run resumes it";
const RECONNECTED: &str =
    "the account was connected or disconnected meanwhile; the next run starts anew";

/// Closes the runs that a crash left open. The rescuer never touches a finished one.
pub(crate) async fn close_open_runs(
    tx: &Tx,
    account: AccountId,
    why: &str,
    now: Timestamp,
) -> Result<u64, DbError> {
    const CLOSE: &str = "
        update run set outcome = case when cancel_at is null then $2 else 'cancelled' end, phase = $3,
            ended_at = $4, updated_at = $4, wait_until = null, wait_reason = null, wait_message = null,
            error_message = $5, after_live = (select live from account where id = $1)
        where account = $1 and outcome is null";
    const COUNT: &str = "update account set interruptions = interruptions + $2,
        last_ended_at = $3 where id = $1";
    let closed = tx
        .exec(
            CLOSE,
            &[
                account.0.into(),
                Outcome::Interrupted.as_str().into(),
                Phase::Ended.as_str().into(),
                now.into(),
                why.into(),
            ],
        )
        .await?;
    if closed > 0 {
        tx.exec(COUNT, &[account.0.into(), int(closed), now.into()]).await?;
    }
    Ok(closed)
}

/// What begin_run has to know about an account.
struct Facts {
    source: Source,
    live: u64,
    identity: Option<ResourceName>,
    grant: Option<i64>,
    needs_reauth: Option<String>,
    last_slot: Option<Timestamp>,
    never_synced: bool,
    full_run_held: bool,
    token: Option<(SyncToken, TokenFacts)>,
    listing: Option<Listing>,
    erasing: bool,
    identity_stands: bool,
    unauthorized_since: Option<Timestamp>,
    generation: i64,
    /// Google's last listing had no sync token at its end.
    tokenless: bool,
    failures: u64,
    /// The last run was a full one on request, and a stop or a crash ended it. One that a crash left open counts.
    full_interrupted: bool,
}

impl Facts {
    fn check_connected(&self) -> Result<(), StartError> {
        if self.erasing {
            return Err(StartError::Erasing);
        }
        match (&self.grant, &self.needs_reauth) {
            (None, _) => Err(StartError::NotConnected),
            (_, Some(reason)) => Err(StartError::NeedsReauth { reason: reason.clone() }),
            _ => Ok(()),
        }
    }

    /// Which kind a run is, and why it must be a full one if it must.
    fn kind(
        &self,
        asked: &Request,
        settings: &Settings,
        now: Timestamp,
    ) -> (Kind, Option<FullReason>) {
        let circumstances = FullSyncInputs {
            source: self.source,
            request: &asked.request,
            grant: self.grant.unwrap_or(0),
            never_synced: self.never_synced,
            full_run_held: self.full_run_held,
            full_interrupted: self.full_interrupted,
            full_after: settings.full_after,
        };
        // Where the last listing had no token, what it left open can only be learned from another one.
        let token = self.token.as_ref().map(|(_, facts)| facts).filter(|_| !self.tokenless);
        let mut reason = schedule::full_reason(token, &circumstances, asked.account, now);
        if asked.kind.is_none() && schedule::is_time_to_list_anew(self.failures) {
            reason = reason.or(Some(FullReason::ChangesFail));
        }
        // A person who asks for the changes gets them as long as there is a token to ask with. A follow-up
        // that comes days late renews the token, or it might die before anybody else does.
        let usable = match reason {
            None | Some(FullReason::HoldPending | FullReason::FullInterrupted) => true,
            Some(FullReason::TokenAging) => asked.trigger != Trigger::Schedule,
            Some(
                FullReason::NeverSynced
                | FullReason::NoToken
                | FullReason::ParametersChanged
                | FullReason::Reconnected
                | FullReason::ChangesFail
                | FullReason::NotIncremental,
            ) => false,
        };
        match asked.kind {
            Some(Kind::Full) => (Kind::Full, reason),
            Some(Kind::Incremental) if usable => (Kind::Incremental, None),
            _ if reason.is_some() => (Kind::Full, reason),
            _ => (Kind::Incremental, None),
        }
    }
}

struct Listing {
    request: String,
    grant: i64,
    page: PageToken,
    at: Timestamp,
    seen: u64,
}

async fn facts(tx: &Tx, account: AccountId) -> Result<Option<Facts>, DbError> {
    const FACTS: &str = "
        select a.live, coalesce(giver.google_id, a.google_id), g.number, g.needs_reauth_reason, a.last_slot, a.last_success_at,
            held.kind, a.sync_token, a.token_request, a.token_grant, a.token_full_at,
            a.listing_request, a.listing_grant, a.listing_page, a.listing_at, g.needs_reauth_at,
            a.listing_seen, a.erasing, a.source, g.identified, a.tokenless_at, a.failures,
            a.unauthorized_since, g.generation,
            (select last.id from run last where last.id = (select max(id) from run where account = a.id)
                and (last.outcome is null or last.outcome = 'interrupted')
                and (last.kind_asked = 'full' or last.full_reason = 'full_sync_interrupted'))
        from account a
        left join account giver on giver.id = a.grant_of
        left join oauth_grant g on g.account = coalesce(a.grant_of, a.id)
        left join run held on held.id = a.held_run
        where a.id = $1";
    let Some(row) = tx.row(FACTS, &[Arg::Int(account.0)]).await? else { return Ok(None) };
    let token = match (row.opt_text(7)?, row.opt_text(8)?, row.opt_int(9)?, row.opt_time(10)?) {
        (Some(token), Some(request), Some(grant), Some(full_at)) => Some((
            SyncToken::new(token),
            TokenFacts { request: request.to_owned(), grant, full_at },
        )),
        _ => None,
    };
    let listing = match (row.opt_text(11)?, row.opt_int(12)?, row.opt_text(13)?, row.opt_time(14)?)
    {
        (Some(request), Some(grant), Some(page), Some(at)) => {
            let (request, page) = (request.to_owned(), PageToken::new(page));
            Some(Listing { request, grant, page, at, seen: row.count(16)? })
        }
        _ => None,
    };
    let needs_reauth = match row.opt_time(15)? {
        Some(_) => Some(row.opt_text(3)?.unwrap_or("the grant is gone").to_owned()),
        None => None,
    };
    Ok(Some(Facts {
        source: row.word(18)?,
        live: row.count(0)?,
        // Whoever lends the permission is who must answer.
        identity: row.opt_text(1)?.and_then(ResourceName::parse),
        grant: row.opt_int(2)?,
        needs_reauth,
        last_slot: row.opt_time(4)?,
        never_synced: row.opt_time(5)?.is_none(),
        full_run_held: row.opt_word::<Kind>(6)? == Some(Kind::Full),
        token,
        listing,
        erasing: row.opt_text(17)?.is_some(),
        identity_stands: row.opt_text(1)?.is_none() || row.opt_int(19)? == Some(1),
        unauthorized_since: row.opt_time(22)?,
        generation: row.opt_int(23)?.unwrap_or(0),
        tokenless: row.opt_time(20)?.is_some(),
        failures: row.count(21)?,
        full_interrupted: row.opt_int(24)?.is_some(),
    }))
}
