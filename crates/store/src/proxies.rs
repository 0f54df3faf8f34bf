//! Proxies that pass requests on and are not trusted: kept, so that every process can tell of them.

use std::time::Duration;

use jiff::Timestamp;

use crate::{DbError, Store};
use ringbook_core::clock::before;

/// A proxy that has passed nothing on for so long is forgotten.
const KEPT: Duration = Duration::from_secs(7 * 86_400);

impl Store {
    /// Notes that a proxy at this address passed a request on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_strange_proxy(&self, address: &str) -> Result<(), DbError> {
        const NOTE: &str = "
            insert into strange_proxy (address, seen_at) values ($1, $2)
            on conflict (address) do update set seen_at = excluded.seen_at";
        const FORGET: &str = "delete from strange_proxy where seen_at < $1";
        let tx = self.db.begin().await?;
        let now = tx.now(&*self.clock).await?;
        let old = before(now, KEPT);
        tx.exec(FORGET, &[old.into()]).await?;
        tx.exec(NOTE, &[address.into(), now.into()]).await?;
        tx.commit().await
    }

    /// The proxies that passed requests on in the last week, latest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn strange_proxies(&self) -> Result<Vec<(String, Timestamp)>, DbError> {
        const LIST: &str = "
            select address, seen_at from strange_proxy where seen_at >= $1
            order by seen_at desc, address limit 16";
        let old = before(self.clock.now(), KEPT);
        let rows = self.db.rows(LIST, &[old.into()]).await?;
        rows.iter().map(|row| Ok((row.text(0)?.to_owned(), row.time(1)?))).collect()
    }
}
