//! Where accounts get their contacts from, beside a person's own: a Workspace domain's directory, and
//! service accounts that speak for a mailbox.

use jiff::Timestamp;

use crate::accounts::{AccountError, add, check_free};
use crate::db::{DbError, Row, Tx};
use crate::{ConnectError, NewTokens, Service, ServiceFacts, Store, Target};
use ringbook_core::contact::ResourceName;
use ringbook_core::sync::account::AccountName;
use ringbook_core::sync::{AccountId, Source};

/// What an account mirrors, and under whose permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    pub source: Source,
    /// The account that was given the permission; often itself.
    pub giver: AccountId,
}

/// Why an account was not added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    #[error(transparent)]
    Account(#[from] AccountError),
    #[error("there is no such account")]
    UnknownGiver,
    #[error("`{0}` uses the permission of another account itself; add the source to that one")]
    Borrower(String),
    #[error("`{0}` mirrors this source already")]
    SourceTaken(String),
    #[error(transparent)]
    Db(#[from] DbError),
}

/// The name under which the key of an account's service account is kept.
pub fn service_key_name(account: AccountId) -> String {
    format!("service_key/{}", account.0)
}

impl Store {
    /// Adds an account that mirrors a list of the domain with the permission of `giver`.
    ///
    /// # Errors
    /// When the name is none or taken, or the giver cannot lend its permission, or does so already.
    pub async fn add_source(
        &self,
        giver: AccountId,
        source: Source,
        name: &str,
    ) -> Result<AccountId, AddError> {
        const GIVER: &str = "select name, source, grant_of from account where id = $1";
        const SAME: &str = "select name from account where grant_of = $1 and source = $2";
        const BORROW: &str = "update account set source = $2, grant_of = $3 where id = $1";
        let name = AccountName::parse(name).map_err(AccountError::from)?;
        let tx = self.db.begin_durable().await?;
        tx.alone().await?;
        let now = tx.now(&*self.clock).await?;
        let row = tx.row(GIVER, &[giver.0.into()]).await?.ok_or(AddError::UnknownGiver)?;
        let giver_name = row.text(0)?.to_owned();
        if row.opt_int(2)?.is_some() {
            return Err(AddError::Borrower(giver_name));
        }
        if row.word::<Source>(1)? == source {
            return Err(AddError::SourceTaken(giver_name));
        }
        if let Some(row) = tx.row(SAME, &[giver.0.into(), source.as_str().into()]).await? {
            return Err(AddError::SourceTaken(row.text(0)?.to_owned()));
        }
        check_free(&tx, &name, None).await?;
        let id = add(&tx, name.as_str(), None, now).await?;
        tx.exec(BORROW, &[id.0.into(), source.as_str().into(), giver.0.into()]).await?;
        tx.commit().await?;
        self.tick();
        Ok(id)
    }

    /// What an account mirrors, and with whose permission.
    pub async fn origin(&self, account: AccountId) -> Result<Option<Origin>, DbError> {
        const ORIGIN: &str = "select source, coalesce(grant_of, id) from account where id = $1";
        let Some(row) = self.db.row(ORIGIN, &[account.0.into()]).await? else { return Ok(None) };
        Ok(Some(Origin { source: row.word(0)?, giver: AccountId(row.int(1)?) }))
    }

    /// Lets a service account speak for an account, in place of a consent, and keeps its key.
    ///
    /// # Errors
    /// As [`Store::connect`].
    pub async fn connect_service(
        &self,
        account: AccountId,
        google_id: Option<&ResourceName>,
        service: &Service<'_>,
        scopes: &[&str],
    ) -> Result<(), ConnectError> {
        // Its access tokens are minted when they are needed, and never kept.
        let none = NewTokens {
            access_token: String::new().into(),
            expires_at: Timestamp::UNIX_EPOCH,
            refresh_token: None,
            refresh_expires_at: None,
            scopes: scopes.iter().map(|it| (*it).to_owned()).collect(),
        };
        self.connect_with(&Target::Account(account), google_id, &none, Some(service))
            .await
            .map(|_| ())
    }
}

/// Notes that a service account speaks for this account from now on, or that none does. A key that is
/// not used any more goes.
pub(super) async fn mark(
    tx: &Tx,
    account: AccountId,
    service: Option<&ServiceFacts>,
) -> Result<(), DbError> {
    const MARK: &str = "
        update oauth_grant set service_email = $2, service_client_id = $3, service_key_id = $4,
            service_subject = $5
        where account = $1";
    tx.exec(
        MARK,
        &[
            account.0.into(),
            service.map(|it| it.client_email.as_str()).into(),
            service.map(|it| it.client_id.as_str()).into(),
            service.map(|it| it.key_id.as_str()).into(),
            service.map(|it| it.subject.as_str()).into(),
        ],
    )
    .await?;
    if service.is_none() {
        forget_key(tx, account).await?;
    }
    Ok(())
}

pub(super) async fn forget_key(tx: &Tx, account: AccountId) -> Result<(), DbError> {
    const FORGET: &str = "delete from secret where name = $1";
    tx.exec(FORGET, &[service_key_name(account).into()]).await.map(|_| ())
}

/// Reads what [`mark`] has noted, from this column on.
pub(super) fn service(row: &Row, column: usize) -> Result<Option<ServiceFacts>, DbError> {
    let Some(email) = row.opt_text(column)? else { return Ok(None) };
    let text = |at| Ok::<_, DbError>(row.opt_text(at)?.unwrap_or_default().to_owned());
    Ok(Some(ServiceFacts {
        client_email: email.to_owned(),
        client_id: text(column + 1)?,
        key_id: text(column + 2)?,
        subject: text(column + 3)?,
    }))
}
