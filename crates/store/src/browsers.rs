//! Browsers that somebody has signed in with before.

use std::time::Duration;

use jiff::Timestamp;

use crate::access::random_id;
use crate::db::DbError;
use crate::secret::SecretHash;
use crate::{Store, name_key};

/// Browsers of one person that are kept, the latest used.
const BROWSERS_MAX: u32 = 50;
/// A browser that was not used for so long is a stranger's again. Browsers keep no cookie longer.
pub const BROWSER_KEPT: Duration = Duration::from_secs(400 * 86_400);

impl Store {
    /// The id of a browser that this person has signed in with, by the secret that it shows.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn known_browser(
        &self,
        hash: SecretHash,
        name: &str,
    ) -> Result<Option<String>, DbError> {
        const KNOWN: &str = "
            select b.id from known_browser b join person p on p.id = b.person
            where b.hash = $1 and p.name_key = $2 and b.seen_at >= $3";
        let name = name_key(name);
        let since = before(self.clock.now());
        let args = [hash.0[..].into(), name.as_str().into(), since.into()];
        let row = self.db.row(KNOWN, &args).await?;
        row.map(|row| row.text(0).map(str::to_owned)).transpose()
    }

    /// Notes that this person has signed in with the browser that keeps this secret.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remember_browser(&self, hash: SecretHash, person: &str) -> Result<(), DbError> {
        const REMEMBER: &str = "
            insert into known_browser (hash, id, person, created_at, seen_at)
            values ($1, $2, $3, $4, $4)
            on conflict (hash) do update set seen_at = excluded.seen_at, person = excluded.person";
        const FORGET: &str = "
            delete from known_browser where seen_at < $1 or (person = $2 and seen_at < (
                select min(seen_at) from (
                    select seen_at from known_browser where person = $2
                    order by seen_at desc limit $3) kept))";
        let id = random_id()?;
        let tx = self.db.begin_durable().await?;
        tx.alone().await?;
        let now = tx.now(&*self.clock).await?;
        let args = [hash.0[..].into(), id.as_str().into(), person.into(), now.into()];
        tx.exec(REMEMBER, &args).await?;
        let most = i64::from(BROWSERS_MAX).into();
        tx.exec(FORGET, &[before(now).into(), person.into(), most]).await?;
        tx.commit().await
    }
}

fn before(now: Timestamp) -> Timestamp {
    ringbook_core::clock::before(now, BROWSER_KEPT)
}
