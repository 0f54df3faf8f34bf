//! What is sealed in the database: small secrets by name, and the change of the key.
//!
//! Values are sealed inside the transaction that stores them, and a new key is made inside the one that
//! seals everything anew. So a process that goes on with the old key for a moment leaves nothing behind
//! that the new one does not open.

use std::collections::BTreeMap;

use secrecy::SecretString;
use tracing::{info, warn};

use crate::Store;
use crate::db::{Db, DbError, Tx};
use crate::vault::{KeyId, Vault, VaultError, is_sealed, key_of};

/// A column of sealed values: how to read it, where a value of it lives, and how to write one.
struct Column {
    /// What tells the row, and the value.
    read: &'static str,
    place: fn(&str) -> String,
    write: &'static str,
}

/// Everything that is sealed. A column that is not listed here would be lost with the next key.
const COLUMNS: &[Column] = &[
    Column {
        read: "select cast(account as text), access_token from oauth_grant",
        place: access_token,
        write: "update oauth_grant set access_token = $2 where cast(account as text) = $1",
    },
    Column {
        read: "select cast(account as text), refresh_token from oauth_grant
            where refresh_token is not null",
        place: refresh_token,
        write: "update oauth_grant set refresh_token = $2 where cast(account as text) = $1",
    },
    Column {
        read: "select name, sealed from secret",
        place: named,
        write: "update secret set sealed = $2 where name = $1",
    },
    Column {
        read: "select state, sealed from consent where sealed is not null",
        place: consent,
        write: "update consent set sealed = $2 where state = $1",
    },
];

pub(crate) fn access_token(account: &str) -> String {
    format!("oauth_grant/{account}/access_token")
}

pub(crate) fn refresh_token(account: &str) -> String {
    format!("oauth_grant/{account}/refresh_token")
}

fn named(name: &str) -> String {
    format!("secret/{name}")
}

pub(crate) fn consent(state: &str) -> String {
    format!("consent/{state}")
}

/// The keys, and how much is sealed with each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUse {
    pub key: KeyId,
    /// The one that seals what is stored from now on.
    pub seals: bool,
    pub values: u64,
}

/// How the keys stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStatus {
    pub home: String,
    pub keys: Vec<KeyUse>,
    /// Values whose keys are not there, by the name of the key.
    pub lost: BTreeMap<String, u64>,
}

/// What a change of the key did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// The key that seals now.
    pub key: KeyId,
    pub resealed: u64,
    /// Left as they are, since their keys are not there.
    pub lost: u64,
    /// Keys that nothing needs any more, and that were taken out of the key file.
    pub retired: usize,
}

impl Store {
    /// Keeps a secret under a name, in place of what was there.
    ///
    /// # Errors
    /// When it cannot be sealed or stored.
    pub async fn put_secret(&self, name: &str, secret: &SecretString) -> Result<(), DbError> {
        let tx = self.db.begin_durable().await?;
        tx.alone().await?;
        self.put_secret_with(&tx, name, secret).await?;
        tx.commit().await
    }

    /// The same, together with what else `tx` writes. It must be alone.
    pub(super) async fn put_secret_with(
        &self,
        tx: &Tx,
        name: &str,
        secret: &SecretString,
    ) -> Result<(), DbError> {
        const PUT: &str = "insert into secret (name, sealed, updated_at) values ($1, $2, $3)
            on conflict (name) do update set sealed = excluded.sealed,
                updated_at = excluded.updated_at";
        let now = tx.now(&*self.clock).await?;
        let sealed = self.vault.seal(&named(name), secret)?;
        tx.exec(PUT, &[name.into(), sealed.into(), now.into()]).await?;
        Ok(())
    }

    /// A secret by its name.
    ///
    /// # Errors
    /// When its key is not there: the value is kept, and opens again when the key is back.
    pub async fn secret(&self, name: &str) -> Result<Option<SecretString>, DbError> {
        const SECRET: &str = "select sealed from secret where name = $1";
        let place = named(name);
        let Some(row) = self.db.row(SECRET, &[name.into()]).await? else { return Ok(None) };
        match self.vault.open_sealed(&place, row.text(0)?) {
            // The key may have been changed between reading the row and opening it.
            Err(VaultError::KeyMissing { .. }) => {}
            opened => return Ok(Some(opened?)),
        }
        let Some(row) = self.db.row(SECRET, &[name.into()]).await? else { return Ok(None) };
        Ok(Some(self.vault.open_sealed(&place, row.text(0)?)?))
    }

    /// Returns whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_secret(&self, name: &str) -> Result<bool, DbError> {
        const FORGET: &str = "delete from secret where name = $1";
        let tx = self.db.begin_durable().await?;
        let forgotten = tx.exec(FORGET, &[name.into()]).await?;
        tx.commit().await?;
        Ok(forgotten > 0)
    }

    /// How the keys stand.
    ///
    /// # Errors
    /// When the database or the key file cannot be read.
    pub async fn key_status(&self) -> Result<KeyStatus, DbError> {
        let mut used = BTreeMap::<String, u64>::new();
        for column in COLUMNS {
            for row in self.db.rows(column.read, &[]).await? {
                let key = key_of(row.text(1)?).unwrap_or("none").to_owned();
                *used.entry(key).or_default() += 1;
            }
        }
        let keys = self.vault.keys()?;
        let keys = keys.into_iter().enumerate().map(|(at, key)| {
            let values = used.remove(key.as_str()).unwrap_or(0);
            KeyUse { key, seals: at == 0, values }
        });
        let keys = keys.collect();
        Ok(KeyStatus { home: self.vault.home(), keys, lost: used })
    }

    /// Makes a new key, seals everything with it, and takes the old keys away.
    ///
    /// A crash leaves both keys in the file, and whatever is sealed opens with one of them; saying it
    /// again finishes the work. What cannot be opened is left as it is.
    ///
    /// # Errors
    /// When the keys are not ours to change, or something cannot be written.
    pub async fn rotate_key(&self) -> Result<Rotated, DbError> {
        let tx = self.db.begin_durable().await?;
        // Of two who change the key at once, one waits; and nobody stores a secret meanwhile.
        tx.alone().await?;
        self.vault.add_key()?;
        let (resealed, lost) = reseal(&tx, &self.vault).await?;
        tx.commit().await?;

        // Only what is on the disk for good counts as sealed with the new key.
        let tx = self.db.begin_durable().await?;
        tx.alone().await?;
        let mut needed = Vec::new();
        for column in COLUMNS {
            for row in tx.rows(column.read, &[]).await? {
                needed.extend(key_of(row.text(1)?).map(str::to_owned));
            }
        }
        let retired = self.vault.retire(|key| needed.iter().any(|it| it == key.as_str()))?;
        tx.commit().await?;
        let key = self.vault.keys()?.into_iter().next();
        let key = key.ok_or_else(|| VaultError::File {
            path: self.vault.home(),
            why: "is not there".to_owned(),
        })?;
        info!(key = %key, resealed, lost, "secrets are sealed with the key {key} now");
        Ok(Rotated { key, resealed, lost, retired })
    }
}

/// Seals everything with the first key. Returns how many values were, and how many could not be opened.
async fn reseal(tx: &Tx, vault: &Vault) -> Result<(u64, u64), DbError> {
    let first = vault.keys()?.into_iter().next();
    let (mut resealed, mut lost) = (0, 0);
    for column in COLUMNS {
        for row in tx.rows(column.read, &[]).await? {
            let (id, value) = (row.text(0)?, row.text(1)?);
            let place = (column.place)(id);
            if key_of(value).is_some() && key_of(value) == first.as_ref().map(KeyId::as_str) {
                continue;
            }
            let secret = if is_sealed(value) {
                match vault.open_sealed(&place, value) {
                    Ok(secret) => secret,
                    Err(problem) => {
                        warn!(place, %problem, "a sealed value is left as it is");
                        lost += 1;
                        continue;
                    }
                }
            } else {
                SecretString::from(value)
            };
            let sealed = vault.seal(&place, &secret)?;
            tx.exec(column.write, &[id.into(), sealed.into()]).await?;
            resealed += 1;
        }
    }
    Ok((resealed, lost))
}

/// Seals what an earlier version wrote in the open, and wipes it from the disk. Makes the first key.
pub(crate) async fn prepare(db: &Db, vault: &Vault) -> Result<(), DbError> {
    const UNWIPED: &str = "select unwiped from install";
    const WIPED: &str = "update install set unwiped = 0";
    let (mut sealed, mut open) = (0, 0);
    for column in COLUMNS {
        for row in db.rows(column.read, &[]).await? {
            if is_sealed(row.text(1)?) { sealed += 1 } else { open += 1 }
        }
    }
    if sealed == 0
        && let Some(path) = vault.prepare()?
    {
        let path = path.display();
        info!(
            %path,
            "a new key was made: {path}. It opens the tokens in the database; keep a copy of it apart from \
             the copies of the database"
        );
    }
    if open > 0 {
        let tx = db.begin_durable().await?;
        tx.alone().await?;
        reseal(&tx, vault).await?;
        tx.commit().await?;
        info!(
            count = open,
            "{open} secrets that an earlier version stored in the open were sealed"
        );
    }
    let unwiped = match db.row(UNWIPED, &[]).await? {
        Some(row) => row.flag(0)?,
        None => false,
    };
    if unwiped {
        match db.wipe("oauth_grant").await {
            Ok(()) => {
                let tx = db.begin_durable().await?;
                tx.exec(WIPED, &[]).await?;
                tx.commit().await?;
            }
            // It is tried again at the next start.
            Err(problem) => warn!(
                %problem,
                "tokens that an earlier version stored in the open may still be found in free space of \
                 the database; this is tried again at the next start"
            ),
        }
    }
    Ok(())
}
