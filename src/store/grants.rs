//! Grants: the tokens that Google gave for an account, and how they come and go.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use crate::contact::ResourceName;
use crate::store::Store;
use crate::store::accounts::{NeedsReauth, add, free_name, needs_reauth};
use crate::store::db::{Arg, DbError};
use crate::store::gate::take_away;
use crate::store::sources::{forget_key, mark, service};
use crate::sync::AccountId;

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

/// Tokens to store.
#[derive(Clone, Debug)]
pub struct NewTokens {
    pub access_token: SecretString,
    pub expires_at: Timestamp,
    pub refresh_token: Option<SecretString>,
    pub refresh_expires_at: Option<Timestamp>,
    pub scopes: Vec<String>,
}

/// Why an account could not be connected.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error(
        "this is another Google account than the one whose contacts are mirrored here; nothing was \
         changed. Choose the same account at Google, or use another database for this one"
    )]
    DifferentAccount,
    #[error("this account was removed meanwhile; nothing was changed")]
    Gone,
    #[error("this uses the permission of the account `{0}`; connect that one instead")]
    Borrows(String),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl Store {
    /// Stores the tokens of a fresh consent, for an account that exists or for a new one.
    ///
    /// A consent always begins a new grant, and with it a new series of sync tokens. A run in progress
    /// under the one before is closed as interrupted.
    ///
    /// # Errors
    /// [`ConnectError::DifferentAccount`] when the account mirrors somebody else; nothing is changed then.
    pub async fn connect(
        &self,
        account: Option<AccountId>,
        google_id: Option<&ResourceName>,
        tokens: &NewTokens,
    ) -> Result<AccountId, ConnectError> {
        self.connect_with(account, google_id, tokens, None).await
    }

    /// The same, also where a service account takes the place of a consent.
    pub(super) async fn connect_with(
        &self,
        account: Option<AccountId>,
        google_id: Option<&ResourceName>,
        tokens: &NewTokens,
        service: Option<&ServiceFacts>,
    ) -> Result<AccountId, ConnectError> {
        const EXPECTED: &str = "select a.google_id, giver.name from account a
            left join account giver on giver.id = a.grant_of
            where a.id = $1 and coalesce(a.erasing, '') <> 'account'";
        const LEARN: &str = "update account set google_id = coalesce(google_id, $2),
                failures = 0, interruptions = 0, not_before = null where id = $1";
        // Both counters start from the time, so that they grow over a disconnection, too.
        const STORE: &str = "
            insert into oauth_grant (account, number, generation, access_token, expires_at,
                refresh_token, refresh_expires_at, scopes, connected_at)
            values ($1, $7, $7, $2, $3, $4, $5, $6, $7)
            on conflict (account) do update set number = oauth_grant.number + 1,
                generation = oauth_grant.generation + 1, access_token = excluded.access_token,
                expires_at = excluded.expires_at, refresh_token = excluded.refresh_token,
                refresh_expires_at = excluded.refresh_expires_at, scopes = excluded.scopes,
                connected_at = excluded.connected_at, needs_reauth_at = null,
                needs_reauth_reason = null";
        let tx = self.db.begin_durable().await?;
        tx.alone().await?;
        let now = tx.now(&*self.clock).await?;
        let id = match account {
            Some(id) => {
                let row = tx.row(EXPECTED, &[id.0.into()]).await?;
                let row = row.ok_or(ConnectError::Gone)?;
                if let Some(giver) = row.opt_text(1)? {
                    return Err(ConnectError::Borrows(giver.to_owned()));
                }
                let expected = row.opt_text(0)?.and_then(ResourceName::parse);
                if let (Some(expected), Some(found)) = (&expected, google_id)
                    && expected != found
                {
                    return Err(ConnectError::DifferentAccount);
                }
                take_away(&tx, id, now).await?;
                id
            }
            None => {
                let name = free_name(&tx).await?;
                add(&tx, &name, google_id.map(ResourceName::as_str), now).await?
            }
        };
        tx.exec(LEARN, &[id.0.into(), google_id.map(ResourceName::as_str).into()]).await?;
        tx.exec(
            STORE,
            &[
                id.0.into(),
                tokens.access_token.expose_secret().into(),
                tokens.expires_at.into(),
                tokens.refresh_token.as_ref().map(|it| it.expose_secret()).into(),
                tokens.refresh_expires_at.into(),
                tokens.scopes.join(" ").into(),
                now.into(),
            ],
        )
        .await?;
        mark(&tx, id, service).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// The grant of an account.
    pub async fn grant(&self, account: AccountId) -> Result<Option<GrantRow>, DbError> {
        const GRANT: &str = "
            select number, generation, access_token, expires_at, refresh_token, refresh_expires_at,
                scopes, connected_at, needs_reauth_at, needs_reauth_reason,
                service_email, service_client_id, service_key_id, service_subject
            from oauth_grant where account = $1";
        let Some(row) = self.db.row(GRANT, &[account.0.into()]).await? else { return Ok(None) };
        Ok(Some(GrantRow {
            number: row.int(0)?,
            generation: row.int(1)?,
            access_token: row.text(2)?.to_owned().into(),
            expires_at: row.time(3)?,
            refresh_token: row.opt_text(4)?.map(|it| it.to_owned().into()),
            refresh_expires_at: row.opt_time(5)?,
            scopes: row.text(6)?.split(' ').map(str::to_owned).collect(),
            connected_at: row.time(7)?,
            needs_reauth: needs_reauth(&row, 8)?,
            service: service(&row, 10)?,
        }))
    }

    /// Stores refreshed tokens, unless somebody else has stored newer ones: then nothing is written
    /// and the answer is `false`.
    pub async fn save_tokens(
        &self,
        account: AccountId,
        expected_generation: i64,
        tokens: &NewTokens,
    ) -> Result<bool, DbError> {
        const SAVE: &str = "
            update oauth_grant set generation = generation + 1, access_token = $3, expires_at = $4,
                refresh_token = coalesce($5, refresh_token),
                refresh_expires_at = coalesce($6, refresh_expires_at)
            where account = $1 and generation = $2";
        let tx = self.db.begin_durable().await?;
        let saved = tx
            .exec(
                SAVE,
                &[
                    account.0.into(),
                    expected_generation.into(),
                    tokens.access_token.expose_secret().into(),
                    tokens.expires_at.into(),
                    tokens.refresh_token.as_ref().map(|it| it.expose_secret()).into(),
                    tokens.refresh_expires_at.into(),
                ],
            )
            .await?;
        tx.commit().await?;
        Ok(saved > 0)
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
