//! Brings contacts that an older version stored into the normal form of this one.
//!
//! Without it they would keep their old form until Google changes them, or all look changed in the next full
//! sync. It runs once for each form, inside the transaction of the migrations.

use crate::db::{Arg, Db, DbError, Tx, int};
use ringbook_core::contact::{Content, NameKey};
use ringbook_core::number::number_count;

/// Contacts that are read at a time.
const PART: u32 = 2000;

/// Counts the normal forms that there were ([`Content::normalise`]), and the ways in which the columns beside
/// it are derived from it. Raise it when one of them changes.
const FORM: i64 = 2;

const FOUND: &str = "select content_form from install where one = 1";

/// Whether the contacts of a database that has all migrations are in this form.
pub(super) async fn is_done(db: &Db) -> Result<bool, DbError> {
    Ok(db.row(FOUND, &[]).await?.map_or(Ok(FORM), |row| row.int(0))? >= FORM)
}

/// Rewrites the contacts of a database that is in an older form.
pub(super) async fn contacts(tx: &Tx) -> Result<(), DbError> {
    const DONE: &str = "update install set content_form = $1 where one = 1";
    let found = tx.row(FOUND, &[]).await?.map_or(Ok(FORM), |row| row.int(0))?;
    if found < FORM {
        rewrite(tx).await?;
        tx.exec(DONE, &[FORM.into()]).await?;
    }
    Ok(())
}

/// Rewrites what is not in the normal form, what is derived from it, and the sums of each account. A content
/// that cannot be read stays as it is.
async fn rewrite(tx: &Tx) -> Result<(), DbError> {
    const STORED: &str = "
        select c.id, c.display_name, c.phones, d.content
        from contact c join contact_content d on d.contact = c.id
        where c.id > $1 order by c.id limit $2";
    const ROW: &str = "
        update contact set fingerprint = $2, display_name = $3, name_key = $4, initial = $5, phones = $6
        where id = $1";
    const CONTENT: &str = "update contact_content set content = $2 where contact = $1";
    const SUMS: &str = "
        update account set
            phones = cast(coalesce((select sum(c.phones) from contact c
                where c.account = account.id and c.deleted_at is null), 0) as bigint),
            with_phone = (select count(*) from contact c
                where c.account = account.id and c.deleted_at is null and c.phones > 0)";
    let mut after = i64::MIN;
    loop {
        let stored = tx.rows(STORED, &[after.into(), int(PART)]).await?;
        let Some(last) = stored.last() else { break };
        after = last.int(0)?;
        for row in &stored {
            let (id, old) = (Arg::Int(row.int(0)?), row.text(3)?);
            let Ok(mut content) = Content::decode(old) else { continue };
            content.normalise();
            let (json, fingerprint) = content.encode();
            let (name, phones) = (content.display_name(), number_count(&content));
            if json == old && name == row.text(1)? && phones == row.count(2)? {
                continue;
            }
            let key = NameKey::of(&name);
            let derived = [
                id.clone(),
                Arg::Bytes(fingerprint.to_vec().into()),
                name.into_owned().into(),
                key.as_str().to_owned().into(),
                key.initial().as_str().into(),
                int(phones),
            ];
            tx.exec(ROW, &derived).await?;
            tx.exec(CONTENT, &[id, json.into()]).await?;
        }
    }
    tx.exec(SUMS, &[]).await.map(|_| ())
}
