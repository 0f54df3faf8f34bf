//! What must not be shown: kept under a name, for instance `service_key/3`.

use secrecy::{ExposeSecret, SecretString};

use crate::store::Store;
use crate::store::db::{Arg, DbError};

impl Store {
    /// Keeps a secret under this name, in place of the one before.
    pub async fn put_secret(&self, name: &str, secret: &SecretString) -> Result<(), DbError> {
        const PUT: &str = "
            insert into secret (name, sealed, updated_at) values ($1, $2, $3)
            on conflict (name) do update set sealed = excluded.sealed,
                updated_at = excluded.updated_at";
        let tx = self.db.begin_durable().await?;
        let now = tx.now(&*self.clock).await?;
        tx.exec(PUT, &[name.into(), secret.expose_secret().into(), Arg::from(now)]).await?;
        tx.commit().await
    }

    pub async fn secret(&self, name: &str) -> Result<Option<SecretString>, DbError> {
        const GET: &str = "select sealed from secret where name = $1";
        let row = self.db.row(GET, &[name.into()]).await?;
        row.map(|row| Ok(row.text(0)?.to_owned().into())).transpose()
    }

    /// Returns whether there was one.
    pub async fn forget_secret(&self, name: &str) -> Result<bool, DbError> {
        const FORGET: &str = "delete from secret where name = $1";
        let tx = self.db.begin_durable().await?;
        let forgotten = tx.exec(FORGET, &[name.into()]).await?;
        tx.commit().await?;
        Ok(forgotten > 0)
    }
}
