//! Grants: the tokens that Google gave for an account, and how they come and go.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use crate::Store;
use crate::accounts::{AccountError, NeedsReauth, add, check_free, free_name, needs_reauth};
use crate::alarms;
use crate::alarms::AlarmEvent;
use crate::db::{Arg, DbError, Row, Tx};
use crate::lease::take_away;
use crate::secrets;
use crate::sources::{forget_key, mark, service, service_key_name};
use crate::vault::VaultError;
use ringbook_core::clock::after;
use ringbook_core::contact::ResourceName;
use ringbook_core::sync::AccountId;
use ringbook_core::sync::account::AccountName;

/// The tokens of one consent.
#[derive(Clone, Debug)]
pub struct GrantRow {
    /// Counts consents.
    pub number: i64,
    /// Counts writes.
    pub generation: i64,
    pub access_token: SecretString,
    pub expires_at: Timestamp,
    pub refresh_token: Option<SecretString>,
    pub refresh_expires_at: Option<Timestamp>,
    pub scopes: Vec<String>,
    pub connected_at: Timestamp,
    pub needs_reauth: Option<NeedsReauth>,
    /// Set when a service account speaks for the account; then there are no tokens here.
    pub service: Option<ServiceFacts>,
}

/// What may be shown of a service account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceFacts {
    pub client_email: String,
    pub client_id: String,
    pub key_id: String,
    /// The mailbox it speaks for.
    pub subject: String,
}

/// A service account, as it is entered.
#[derive(Debug)]
pub struct Service<'a> {
    pub facts: &'a ServiceFacts,
    pub key: &'a SecretString,
}

/// What may be told of a grant.
#[derive(Clone, Debug)]
pub struct GrantFacts {
    pub expires_at: Timestamp,
    pub has_refresh_token: bool,
    /// When Google ends it by itself, as it does after seven days for apps in "Testing".
    pub refresh_expires_at: Option<Timestamp>,
    pub scopes: Vec<String>,
    pub connected_at: Timestamp,
    pub needs_reauth: Option<NeedsReauth>,
    /// Set when a service account speaks for the account.
    pub service: Option<ServiceFacts>,
    /// Why its tokens cannot be opened, if they cannot.
    pub locked: Option<String>,
}

impl GrantFacts {
    /// It works, but ends with its access token: Google gave nothing to renew it with.
    pub fn lacks_refresh_token(&self) -> bool {
        !self.has_refresh_token
            && self.service.is_none()
            && self.needs_reauth.is_none()
            && self.locked.is_none()
    }
}

/// Tokens to store.
#[derive(Clone, Debug)]
pub struct NewTokens {
    pub access_token: SecretString,
    pub expires_at: Timestamp,
    pub refresh_token: Option<SecretString>,
    pub refresh_expires_at: Option<Timestamp>,
    pub scopes: Vec<String>,
}

/// Which account a consent is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Nobody said. The account of that person, else the only one, else a new one.
    Any,
    Account(AccountId),
    New {
        name: Option<String>,
    },
}

/// What somebody should be told of a grant, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Google will end it by itself.
    Ending { account: AccountId, name: String, at: Timestamp },
    /// Only connecting again helps.
    Dead { account: AccountId, name: String, reason: String },
}

/// How long before the end of a grant somebody is told.
const ENDING_SOON: Duration = Duration::from_secs(48 * 3600);

/// Why an account could not be connected. Nothing was changed then.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error(
        "this is another Google account than the one whose contacts `{account}` mirrors; nothing was \
         changed. Choose the same account at Google, or add this one as a new account at \
         /auth/google?account=new"
    )]
    DifferentAccount { account: String },
    #[error(
        "this Google account is mirrored by `{account}` already; nothing was changed. Connect that one \
         again instead, or choose another account at Google"
    )]
    AlreadyMirrored { account: String },
    #[error(
        "there are several accounts, and this Google account is none of them; nothing was changed. Say \
         which one is meant: /auth/google?account=ID, or ?account=new to add it"
    )]
    WhichAccount,
    #[error("the account that was to be connected is not there any more; nothing was changed")]
    Gone,
    #[error("this uses the permission of the account `{0}`; connect that one instead")]
    Borrows(String),
    #[error("`{0}` is no name for an account, or another one has it; nothing was changed")]
    Name(String),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl Store {
    /// Stores the tokens of a fresh consent, for an account that exists or for a new one. See
    /// [`Store::connect_to`].
    pub async fn connect(
        &self,
        account: Option<AccountId>,
        google_id: Option<&ResourceName>,
        tokens: &NewTokens,
    ) -> Result<AccountId, ConnectError> {
        let target = account.map_or(Target::New { name: None }, Target::Account);
        self.connect_to(&target, google_id, tokens).await
    }

    /// Stores the tokens of a fresh consent.
    ///
    /// A consent always begins a new grant, and with it a new series of sync tokens. A run in progress
    /// under the one before is closed as interrupted. Which account it is for is decided in the same
    /// transaction: of two first consents at once one makes the account and the other renews it.
    ///
    /// # Errors
    /// When the account mirrors somebody else, or somebody else's account mirrors this person.
    pub async fn connect_to(
        &self,
        target: &Target,
        google_id: Option<&ResourceName>,
        tokens: &NewTokens,
    ) -> Result<AccountId, ConnectError> {
        self.connect_with(target, google_id, tokens, None).await
    }

    /// The same, also where a service account takes the place of a consent.
    pub(super) async fn connect_with(
        &self,
        target: &Target,
        google_id: Option<&ResourceName>,
        tokens: &NewTokens,
        service: Option<&Service<'_>>,
    ) -> Result<AccountId, ConnectError> {
        const LEARN: &str = "update account set google_id = coalesce(google_id, $2),
                failures = 0, interruptions = 0, not_before = null where id = $1";
        // Both counters start from the time, so that they grow over a disconnection, too.
        const STORE: &str = "
            insert into oauth_grant (account, number, generation, access_token, expires_at,
                refresh_token, refresh_expires_at, scopes, connected_at, identified)
            values ($1, $7, $7, $2, $3, $4, $5, $6, $7, $8)
            on conflict (account) do update set number = oauth_grant.number + 1,
                generation = oauth_grant.generation + 1, access_token = excluded.access_token,
                expires_at = excluded.expires_at, refresh_token = excluded.refresh_token,
                refresh_expires_at = excluded.refresh_expires_at, scopes = excluded.scopes,
                connected_at = excluded.connected_at, identified = excluded.identified,
                needs_reauth_at = null,
                needs_reauth_reason = null, ending_noticed_at = null, dead_noticed_at = null";
        let tx = self.db.begin_durable().await?;
        tx.alone().await?;
        let now = tx.now(&*self.clock).await?;
        let id = match choose(&tx, target, google_id).await? {
            Some(id) => {
                take_away(&tx, id, now).await?;
                id
            }
            None => {
                let name = name_of_new(&tx, target).await?;
                add(&tx, &name, google_id.map(ResourceName::as_str), now).await?
            }
        };
        tx.exec(LEARN, &[id.0.into(), google_id.map(ResourceName::as_str).into()]).await?;
        let (access, mut refresh) = self.sealed(id, tokens)?;
        let mut refresh_expires_at = tokens.refresh_expires_at;
        if refresh.is_none()
            && service.is_none()
            && let Some((kept, end)) = live_refresh_token(&tx, id).await?
        {
            (refresh, refresh_expires_at) = (Some(kept), end);
        }
        tx.exec(
            STORE,
            &[
                id.0.into(),
                access.into(),
                tokens.expires_at.into(),
                refresh.into(),
                refresh_expires_at.into(),
                tokens.scopes.join(" ").into(),
                now.into(),
                google_id.is_some().into(),
            ],
        )
        .await?;
        mark(&tx, id, service.map(|it| it.facts)).await?;
        if let Some(it) = service {
            self.put_secret_with(&tx, &service_key_name(id), it.key).await?;
        }
        tx.commit().await?;
        Ok(id)
    }

    /// The tokens as they are stored. To be called inside the transaction that stores them.
    fn sealed(
        &self,
        account: AccountId,
        tokens: &NewTokens,
    ) -> Result<(String, Option<String>), DbError> {
        let account = account.0.to_string();
        let access = self.vault.seal(&secrets::access_token(&account), &tokens.access_token)?;
        let refresh = tokens.refresh_token.as_ref();
        let refresh =
            refresh.map(|it| self.vault.seal(&secrets::refresh_token(&account), it)).transpose()?;
        Ok((access, refresh))
    }

    /// The grant of an account.
    ///
    /// # Errors
    /// When its key is not there: the tokens are kept, and open again when the key is back.
    pub async fn grant(&self, account: AccountId) -> Result<Option<GrantRow>, DbError> {
        let Some(mut row) = self.db.row(GRANT, &[account.0.into()]).await? else { return Ok(None) };
        let mut opened = self.opened(account, &row);
        if matches!(opened, Err(DbError::Vault(VaultError::KeyMissing { .. }))) {
            // The key may have been changed between reading the row and opening it.
            match self.db.row(GRANT, &[account.0.into()]).await? {
                Some(newer) => row = newer,
                None => return Ok(None),
            }
            opened = self.opened(account, &row);
        }
        let (access_token, refresh_token) = opened?;
        Ok(Some(GrantRow {
            number: row.int(0)?,
            generation: row.int(1)?,
            access_token,
            expires_at: row.time(3)?,
            refresh_token,
            refresh_expires_at: row.opt_time(5)?,
            scopes: row.text(6)?.split(' ').map(str::to_owned).collect(),
            connected_at: row.time(7)?,
            needs_reauth: needs_reauth(&row, 8)?,
            service: service(&row, 10)?,
        }))
    }

    /// What may be told of an account's grant, whether or not it can be opened.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn grant_facts(&self, account: AccountId) -> Result<Option<GrantFacts>, DbError> {
        let Some(row) = self.db.row(GRANT, &[account.0.into()]).await? else { return Ok(None) };
        let locked = match self.opened(account, &row) {
            Ok(_) => None,
            Err(DbError::Vault(problem)) => Some(problem.to_string()),
            Err(problem) => return Err(problem),
        };
        Ok(Some(GrantFacts {
            expires_at: row.time(3)?,
            has_refresh_token: row.opt_text(4)?.is_some(),
            refresh_expires_at: row.opt_time(5)?,
            scopes: row.text(6)?.split(' ').map(str::to_owned).collect(),
            connected_at: row.time(7)?,
            needs_reauth: needs_reauth(&row, 8)?,
            service: service(&row, 10)?,
            locked,
        }))
    }

    fn opened(
        &self,
        account: AccountId,
        row: &Row,
    ) -> Result<(SecretString, Option<SecretString>), DbError> {
        let account = account.0.to_string();
        let access = self.vault.open_sealed(&secrets::access_token(&account), row.text(2)?)?;
        let place = secrets::refresh_token(&account);
        let refresh = row.opt_text(4)?;
        let refresh = refresh.map(|it| self.vault.open_sealed(&place, it)).transpose()?;
        Ok((access, refresh))
    }

    /// Stores refreshed tokens, unless somebody else has stored newer ones: then nothing is written
    /// and the answer is `false`. A grant that was called dead meanwhile lives: where each refresh replaces the
    /// refresh token, the slower of two processes is told that the old one is dead before the faster has stored
    /// the new one.
    pub async fn save_tokens(
        &self,
        account: AccountId,
        expected_generation: i64,
        tokens: &NewTokens,
    ) -> Result<bool, DbError> {
        const SAVE: &str = "
            update oauth_grant set generation = generation + 1, access_token = $3, expires_at = $4,
                refresh_token = coalesce($5, refresh_token),
                refresh_expires_at = coalesce($6, refresh_expires_at),
                needs_reauth_at = null, needs_reauth_reason = null, dead_noticed_at = null
            where account = $1 and generation = $2";
        let tx = self.db.begin_durable().await?;
        // Nobody changes the key between sealing and storing.
        tx.alone().await?;
        let (access, refresh) = self.sealed(account, tokens)?;
        let saved = tx
            .exec(
                SAVE,
                &[
                    account.0.into(),
                    expected_generation.into(),
                    access.into(),
                    tokens.expires_at.into(),
                    refresh.into(),
                    tokens.refresh_expires_at.into(),
                ],
            )
            .await?;
        tx.commit().await?;
        Ok(saved > 0)
    }

    /// The accounts whose permission works and cannot be renewed, and when it ends.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unrenewable(&self) -> Result<Vec<(AccountId, Timestamp)>, DbError> {
        const WITHOUT: &str = "select account, expires_at from oauth_grant
            where refresh_token is null and needs_reauth_at is null and service_email is null";
        let rows = self.db.rows(WITHOUT, &[]).await?;
        rows.iter().map(|row| Ok((AccountId(row.int(0)?), row.time(1)?))).collect()
    }

    /// What somebody should be told now. Of several processes that ask, one is given each notice.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim_notices(&self) -> Result<Vec<Notice>, DbError> {
        const DUE: &str = "
            select a.id, a.name, g.refresh_expires_at, g.needs_reauth_reason,
                g.needs_reauth_at is not null
            from oauth_grant g join account a on a.id = g.account
            where (g.needs_reauth_at is not null and g.dead_noticed_at is null)
                or (g.needs_reauth_at is null and g.ending_noticed_at is null
                    and g.refresh_expires_at <= $1)
            order by a.id";
        const DEAD: &str = "update oauth_grant set dead_noticed_at = $2
            where account = $1 and dead_noticed_at is null and needs_reauth_at is not null";
        const ENDING: &str = "update oauth_grant set ending_noticed_at = $2
            where account = $1 and ending_noticed_at is null and needs_reauth_at is null";
        let soon = after(self.clock.now(), ENDING_SOON);
        let due = self.db.rows(DUE, &[soon.into()]).await?;
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let tx = self.db.begin_durable().await?;
        let now = tx.now(&*self.clock).await?;
        let mut notices = Vec::new();
        for row in &due {
            let (account, name) = (AccountId(row.int(0)?), row.text(1)?.to_owned());
            let (claim, notice) = if row.flag(4)? {
                let reason = row.opt_text(3)?.unwrap_or("the permission is gone").to_owned();
                (DEAD, Notice::Dead { account, name, reason })
            } else {
                (ENDING, Notice::Ending { account, name, at: row.time(2)? })
            };
            if tx.exec(claim, &[account.0.into(), now.into()]).await? > 0 {
                let (event, since, detail) = match &notice {
                    Notice::Dead { reason, .. } => (AlarmEvent::NeedsReauth, now, reason.as_str()),
                    Notice::Ending { at, .. } => (AlarmEvent::PermissionEnding, *at, ""),
                };
                alarms::raise(&tx, account, event, Some(since), detail, now).await?;
                notices.push(notice);
            }
        }
        tx.commit().await?;
        Ok(notices)
    }

    /// Marks a grant as dead, unless it was renewed meanwhile.
    pub async fn condemn_grant(
        &self,
        account: AccountId,
        generation: i64,
        reason: &str,
    ) -> Result<(), DbError> {
        const CONDEMN: &str = "
            update oauth_grant set needs_reauth_at = $3, needs_reauth_reason = $4
            where account = $1 and generation = $2 and needs_reauth_at is null";
        let tx = self.db.begin_durable().await?;
        let now = tx.now(&*self.clock).await?;
        let args = [account.0.into(), generation.into(), Arg::from(now), reason.into()];
        tx.exec(CONDEMN, &args).await?;
        tx.commit().await
    }

    /// Forgets the grant, and closes a run in progress as interrupted. The contacts stay until somebody
    /// erases them.
    pub async fn disconnect(&self, account: AccountId) -> Result<bool, DbError> {
        const FORGET: &str = "delete from oauth_grant where account = $1";
        const TOKEN: &str = "
            update account set sync_token = null, token_request = null, token_grant = null,
                token_full_at = null, token_at = null
            where id = $1";
        let tx = self.db.begin_durable().await?;
        let now = tx.now(&*self.clock).await?;
        take_away(&tx, account, now).await?;
        let forgotten = tx.exec(FORGET, &[account.0.into()]).await?;
        forget_key(&tx, account).await?;
        tx.exec(TOKEN, &[account.0.into()]).await?;
        tx.commit().await?;
        Ok(forgotten > 0)
    }
}

const GRANT: &str = "
    select number, generation, access_token, expires_at, refresh_token, refresh_expires_at,
        scopes, connected_at, needs_reauth_at, needs_reauth_reason,
        service_email, service_client_id, service_key_id, service_subject
    from oauth_grant where account = $1";

/// The refresh token of a person's that works as far as is known, sealed as it is, and when it ends. A consent that
/// brings none keeps that one: Google gives one at the first consent, and may not repeat it.
async fn live_refresh_token(
    tx: &Tx,
    account: AccountId,
) -> Result<Option<(String, Option<Timestamp>)>, DbError> {
    const LIVE: &str = "select refresh_token, refresh_expires_at from oauth_grant
        where account = $1 and refresh_token is not null and needs_reauth_at is null
            and service_email is null";
    let Some(row) = tx.row(LIVE, &[account.0.into()]).await? else { return Ok(None) };
    Ok(Some((row.text(0)?.to_owned(), row.opt_time(1)?)))
}

/// What a new account will be called.
async fn name_of_new(tx: &Tx, target: &Target) -> Result<String, ConnectError> {
    let Target::New { name: Some(name) } = target else { return Ok(free_name(tx).await?) };
    let bad = || ConnectError::Name(name.clone());
    let name = AccountName::parse(name).map_err(|_| bad())?;
    check_free(tx, &name, None).await.map_err(|problem| match problem {
        AccountError::Db(problem) => problem.into(),
        _ => bad(),
    })?;
    Ok(name.as_str().to_owned())
}

/// The account that a consent is for; `None`: a new one. Refuses what would mix two people.
async fn choose(
    tx: &Tx,
    target: &Target,
    google_id: Option<&ResourceName>,
) -> Result<Option<AccountId>, ConnectError> {
    // What mirrors a domain's directory is asked for by a person whose own contacts may be mirrored, too.
    const ACCOUNTS: &str = "
        select a.id, a.name, a.google_id, a.source = 'contacts', giver.name, a.grant_of is not null
        from account a left join account giver on giver.id = a.grant_of
        where coalesce(a.erasing, '') <> 'account' order by a.id";
    let rows = tx.rows(ACCOUNTS, &[]).await?;
    for row in &rows {
        if let (Target::Account(id), Some(giver)) = (target, row.opt_text(4)?)
            && row.int(0)? == id.0
        {
            return Err(ConnectError::Borrows(giver.to_owned()));
        }
    }
    // Those that borrow a permission are never meant.
    let mut lenders = Vec::new();
    for row in rows {
        if !row.flag(5)? {
            lenders.push(row);
        }
    }
    let rows = lenders;
    let mut of_this_person = None;
    for row in &rows {
        if google_id.is_some()
            && row.opt_text(2)? == google_id.map(ResourceName::as_str)
            && row.flag(3)?
        {
            of_this_person = Some((AccountId(row.int(0)?), row.text(1)?.to_owned()));
        }
    }
    let meant = match (target, &of_this_person, rows.as_slice()) {
        (Target::Account(id), ..) => *id,
        (Target::New { .. }, Some((_, account)), _) => {
            return Err(ConnectError::AlreadyMirrored { account: account.clone() });
        }
        (Target::New { .. }, None, _) | (Target::Any, None, []) => return Ok(None),
        (Target::Any, Some((id, _)), _) => *id,
        (Target::Any, None, [only]) => AccountId(only.int(0)?),
        (Target::Any, None, _) => return Err(ConnectError::WhichAccount),
    };
    for row in &rows {
        if row.int(0)? != meant.0 {
            continue;
        }
        let known = row.opt_text(2)?.and_then(ResourceName::parse);
        if let (Some(known), Some(found)) = (&known, google_id)
            && known != found
        {
            return Err(ConnectError::DifferentAccount { account: row.text(1)?.to_owned() });
        }
        if row.flag(3)?
            && let Some((other, account)) = of_this_person
            && other != meant
        {
            return Err(ConnectError::AlreadyMirrored { account });
        }
        return Ok(Some(meant));
    }
    Err(ConnectError::Gone)
}
