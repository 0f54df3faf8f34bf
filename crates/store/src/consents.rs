//! Consents that were asked for at Google, until their answers come back.
//!
//! They are in the database, so that a restart between leaving for Google and coming back costs nobody
//! a sign-in, and that any server may take the answer.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use crate::Store;
use crate::db::{DbError, int};
use crate::secrets;
use ringbook_core::clock::after;
use ringbook_core::sync::AccountId;

/// How long a person may take at Google's page.
pub const CONSENT_TIME: Duration = Duration::from_secs(600);
/// The oldest consents are forgotten when there are more than this many.
const CONSENTS_MAX: u64 = 1000;

/// Who comes back with an answer.
#[derive(Clone, Copy, Debug)]
pub enum CallbackOrigin<'a> {
    /// A browser, with the digest of its cookie if it has one.
    Browser(Option<&'a str>),
    /// Somebody who has the right to connect accounts, and says so by other means than a cookie.
    Trusted,
}

/// Why an answer was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ConsentError {
    #[error(
        "this sign-in is unknown, or took longer than ten minutes; begin again at /auth/google"
    )]
    Unknown,
    #[error(
        "this sign-in was begun in another browser or by a program; open /auth/google in this browser \
         instead"
    )]
    OtherBrowser,
    #[error("this sign-in was used already; begin again at /auth/google")]
    Used,
    #[error(transparent)]
    Db(#[from] DbError),
}

/// How a consent stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsentState {
    /// At Google's page, as far as we know.
    Waiting,
    /// The answer came and is being looked at.
    Taken,
    Connected(AccountId),
    Failed(String),
}

impl Store {
    /// Remembers a consent by the digest of its state.
    ///
    /// # Errors
    /// When it cannot be sealed or stored.
    pub async fn remember_consent(
        &self,
        state: &str,
        browser: Option<&str>,
        asked: &SecretString,
    ) -> Result<(), DbError> {
        const OVER: &str = "delete from consent where expires_at <= $1";
        const COUNT: &str = "select count(*) from consent";
        const OLDEST: &str = "delete from consent where state in
            (select state from consent order by expires_at, state limit $1)";
        const ADD: &str = "insert into consent (state, browser, sealed, expires_at)
            values ($1, $2, $3, $4)";
        let tx = self.db.begin_durable().await?;
        tx.alone().await?;
        let now = tx.now(&*self.clock).await?;
        tx.exec(OVER, &[now.into()]).await?;
        let count = match tx.row(COUNT, &[]).await? {
            Some(row) => row.count(0)?,
            None => 0,
        };
        if count >= CONSENTS_MAX {
            tx.exec(OLDEST, &[int(count + 1 - CONSENTS_MAX)]).await?;
        }
        let sealed = self.vault.seal(&secrets::consent(state), asked)?;
        let expires_at: Timestamp = after(now, CONSENT_TIME);
        tx.exec(ADD, &[state.into(), browser.into(), sealed.into(), expires_at.into()]).await?;
        tx.commit().await
    }

    /// Gives out what was remembered, once.
    ///
    /// # Errors
    /// When it was not asked for here, by this browser, in time; and when it was given out before.
    pub async fn take_consent(
        &self,
        state: &str,
        bringer: CallbackOrigin<'_>,
    ) -> Result<SecretString, ConsentError> {
        const FIND: &str = "select browser, sealed, expires_at from consent where state = $1";
        const TAKE: &str = "update consent set sealed = null
            where state = $1 and sealed is not null";
        let tx = self.db.begin_durable().await?;
        let now = tx.now(&*self.clock).await?;
        let row = tx.row(FIND, &[state.into()]).await?.ok_or(ConsentError::Unknown)?;
        if row.time(2)? <= now {
            return Err(ConsentError::Unknown);
        }
        // Before it is used up: whoever guesses must not spoil it for the one who asked.
        if let (Some(asked_by), CallbackOrigin::Browser(brought_by)) = (row.opt_text(0)?, bringer)
            && brought_by != Some(asked_by)
        {
            return Err(ConsentError::OtherBrowser);
        }
        let sealed = row.opt_text(1)?.ok_or(ConsentError::Used)?;
        let asked =
            self.vault.open_sealed(&secrets::consent(state), sealed).map_err(DbError::from)?;
        if tx.exec(TAKE, &[state.into()]).await? == 0 {
            return Err(ConsentError::Used);
        }
        tx.commit().await?;
        Ok(asked)
    }

    /// Takes back what was given out, for another try: what came from Google could not be finished yet. It is
    /// then good for as long as at the beginning. `false`: it ended meanwhile.
    ///
    /// # Errors
    /// When it cannot be sealed or stored.
    pub async fn return_consent(&self, state: &str, asked: &SecretString) -> Result<bool, DbError> {
        const RETURN: &str = "update consent set sealed = $2, expires_at = $3
            where state = $1 and sealed is null and account is null and problem is null";
        let tx = self.db.begin_durable().await?;
        // Nobody changes the key between sealing and storing.
        tx.alone().await?;
        let now = tx.now(&*self.clock).await?;
        let sealed = self.vault.seal(&secrets::consent(state), asked)?;
        let expires_at: Timestamp = after(now, CONSENT_TIME);
        let args = [state.into(), sealed.into(), expires_at.into()];
        let returned = tx.exec(RETURN, &args).await?;
        tx.commit().await?;
        Ok(returned > 0)
    }

    /// Notes how a consent ended, for whoever began it elsewhere.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_consent(
        &self,
        state: &str,
        end: Result<AccountId, &str>,
    ) -> Result<(), DbError> {
        const END: &str = "update consent set account = $2, problem = $3 where state = $1";
        let tx = self.db.begin_durable().await?;
        let account = end.ok().map(|account| account.0);
        tx.exec(END, &[state.into(), account.into(), end.err().into()]).await?;
        tx.commit().await
    }

    /// How a consent stands; `None` when it is unknown or over.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn consent(&self, state: &str) -> Result<Option<ConsentState>, DbError> {
        const STATE: &str = "select sealed is not null, account, problem from consent
            where state = $1 and (expires_at > $2 or account is not null or problem is not null)";
        let now = self.clock.now();
        let row = self.db.row(STATE, &[state.into(), now.into()]).await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(match (row.opt_int(1)?, row.opt_text(2)?) {
            (Some(account), _) => ConsentState::Connected(AccountId(account)),
            (_, Some(problem)) => ConsentState::Failed(problem.to_owned()),
            _ if row.flag(0)? => ConsentState::Waiting,
            _ => ConsentState::Taken,
        }))
    }
}
