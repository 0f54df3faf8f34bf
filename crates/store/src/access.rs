//! Who may get in: people and their sessions, programs' tokens, phones' tokens.

use jiff::Timestamp;

use crate::Store;
use crate::db::{Arg, DbError, Row, Tx};
use crate::secret::SecretHash;
use ringbook_core::access::Scope;

/// Somebody who may administer.
#[derive(Clone, Debug)]
pub struct AdminRow {
    pub id: String,
    pub name: String,
    /// A PHC string.
    pub password: String,
    pub created_at: Timestamp,
    pub changed_at: Timestamp,
}

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct SessionRow {
    pub id: String,
    pub person: String,
    pub name: String,
    pub created_at: Timestamp,
    pub seen_at: Timestamp,
    pub address: Option<String>,
    pub agent: Option<String>,
}

/// A program's token, without the token.
#[derive(Clone, Debug)]
pub struct TokenRow {
    pub id: String,
    pub name: String,
    pub scope: Scope,
    pub created_at: Timestamp,
    pub created_by: String,
    /// The id of the person who made it, or whose token it was made with; it ends with them.
    pub person: Option<String>,
    /// Whom a proxy had signed in who made it, or whose token it was made with; it is good while they may administer.
    pub proxy_name: Option<String>,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    pub used_at: Option<Timestamp>,
    pub used_from: Option<String>,
}

/// A phone with a token of its own, without the token.
#[derive(Clone, Debug)]
pub struct DeviceRow {
    pub id: String,
    pub name: String,
    pub created_at: Timestamp,
    pub created_by: String,
    pub revoked_at: Option<Timestamp>,
    pub seen_at: Option<Timestamp>,
    pub seen_from: Option<String>,
    pub model: Option<String>,
}

impl TokenRow {
    /// Whether it was neither revoked nor has expired.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| now < at)
    }
}

/// Who makes a token.
#[derive(Clone, Copy, Debug)]
pub struct Maker<'a> {
    pub name: &'a str,
    /// The id of the person whom it belongs to, if it is one of ours.
    pub person: Option<&'a str>,
    /// The name by which a proxy signed them in, if one did.
    pub proxy_name: Option<&'a str>,
}

impl<'a> From<&'a str> for Maker<'a> {
    fn from(name: &'a str) -> Maker<'a> {
        Maker { name, person: None, proxy_name: None }
    }
}

/// What becomes of the tokens that a person made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MadeTokens {
    Keep,
    Revoke,
}

/// A token that was revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokedToken {
    pub id: String,
    pub name: String,
}

/// Why something about people could not be done.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    #[error("there is somebody of that name already; choose another name")]
    NameTaken,
    #[error("there is an administrator already; sign in, or add others with `ringbook admins add`")]
    NotTheFirst,
    #[error("the last administrator cannot be removed; add another one first")]
    TheLast,
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Longer names are cut for the comparison; nobody can have one.
const NAME_LEN_MAX: usize = 400;
impl Store {
    /// Whether anybody may administer by password.
    pub async fn has_people(&self) -> Result<bool, DbError> {
        Ok(self.db.row("select 1 from person limit 1", &[]).await?.is_some())
    }

    pub async fn people(&self) -> Result<Vec<AdminRow>, DbError> {
        const PEOPLE: &str =
            "select id, name, password, created_at, changed_at from person order by name_key";
        self.db.rows(PEOPLE, &[]).await?.iter().map(person).collect()
    }

    pub async fn person_named(&self, name: &str) -> Result<Option<AdminRow>, DbError> {
        const PERSON: &str =
            "select id, name, password, created_at, changed_at from person where name_key = $1";
        let row = self.db.row(PERSON, &[name_key(name).into()]).await?;
        row.as_ref().map(person).transpose()
    }

    /// Adds somebody; `first` only if there is nobody yet.
    ///
    /// # Errors
    /// When the name is taken, or they would not be the first.
    pub async fn add_person(
        &self,
        name: &str,
        password: &str,
        first: bool,
    ) -> Result<String, AdminError> {
        const ADD: &str = "
            insert into person (id, name, name_key, password, created_at, changed_at)
            values ($1, $2, $3, $4, $5, $5) on conflict (name_key) do nothing";
        let id = random_id()?;
        let tx = self.db.begin_durable().await?;
        tx.alone().await?;
        if first && tx.row("select 1 from person limit 1", &[]).await?.is_some() {
            return Err(AdminError::NotTheFirst);
        }
        let now = tx.now(&*self.clock).await?;
        let args =
            [id.as_str().into(), name.into(), name_key(name).into(), password.into(), now.into()];
        if tx.exec(ADD, &args).await? == 0 {
            return Err(AdminError::NameTaken);
        }
        tx.commit().await?;
        Ok(id)
    }

    /// Gives somebody another password, and ends their sessions but the one that is named.
    pub async fn set_password(
        &self,
        person: &str,
        password: &str,
        but: Option<&str>,
    ) -> Result<bool, DbError> {
        const SET: &str = "update person set password = $2, changed_at = $3 where id = $1";
        const END: &str = "delete from session where person = $1 and id <> $2";
        let tx = self.db.begin_durable().await?;
        tx.alone().await?;
        let now = tx.now(&*self.clock).await?;
        let set = tx.exec(SET, &[person.into(), password.into(), now.into()]).await?;
        tx.exec(END, &[person.into(), but.unwrap_or_default().into()]).await?;
        tx.commit().await?;
        Ok(set > 0)
    }

    /// Removes somebody, with their sessions, and as wanted with the tokens that they made. Returns those that
    /// were revoked; `None` if there was no such person. `even_the_last` is for whoever sits at the machine.
    ///
    /// # Errors
    /// When nobody else would be left.
    pub async fn remove_person(
        &self,
        person: &str,
        even_the_last: bool,
        tokens: MadeTokens,
    ) -> Result<Option<Vec<RevokedToken>>, AdminError> {
        let tx = self.db.begin_durable().await?;
        tx.alone().await?;
        let others = "select 1 from person where id <> $1 limit 1";
        if !even_the_last && tx.row(others, &[person.into()]).await?.is_none() {
            return Err(AdminError::TheLast);
        }
        let removed = tx.exec("delete from person where id = $1", &[person.into()]).await?;
        tx.exec("delete from session where person = $1", &[person.into()]).await?;
        tx.exec("delete from known_browser where person = $1", &[person.into()]).await?;
        let revoked = match tokens {
            MadeTokens::Revoke => revoke_of(&tx, person, self.clock.now()).await?,
            MadeTokens::Keep => Vec::new(),
        };
        tx.commit().await?;
        Ok((removed > 0).then_some(revoked))
    }

    /// Revokes the tokens that a person made, and those that were made with these.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_tokens_of(&self, person: &str) -> Result<Vec<RevokedToken>, DbError> {
        let tx = self.db.begin_durable().await?;
        tx.alone().await?;
        let revoked = revoke_of(&tx, person, self.clock.now()).await?;
        tx.commit().await?;
        Ok(revoked)
    }

    /// Signs somebody in, unless their password is not this one (a PHC string) any more. Sessions that nobody
    /// has used since `idle_since` go.
    pub async fn begin_session(
        &self,
        hash: SecretHash,
        person: &str,
        password: &str,
        address: &str,
        agent: &str,
        idle_since: Timestamp,
    ) -> Result<Option<String>, DbError> {
        const BEGIN: &str = "
            insert into session (hash, id, person, created_at, seen_at, address, agent)
            values ($1, $2, $3, $4, $4, $5, $6)";
        const IDLE: &str = "delete from session where seen_at < $1";
        const PASSWORD: &str = "select password from person where id = $1";
        let id = random_id()?;
        let tx = self.db.begin_durable().await?;
        tx.alone().await?;
        let kept = tx.row(PASSWORD, &[person.into()]).await?;
        let is_still = kept.map_or(Ok(false), |row| row.text(0).map(|it| it == password))?;
        if !is_still {
            return Ok(None);
        }
        let now = tx.now(&*self.clock).await?;
        tx.exec(IDLE, &[idle_since.into()]).await?;
        tx.exec(
            BEGIN,
            &[
                hash.0[..].into(),
                id.as_str().into(),
                person.into(),
                now.into(),
                address.into(),
                agent.into(),
            ],
        )
        .await?;
        tx.commit().await?;
        Ok(Some(id))
    }

    /// The session that a browser shows, if it was used since `idle_since` and begun since `begun_since`.
    pub async fn session(
        &self,
        hash: SecretHash,
        idle_since: Timestamp,
        begun_since: Timestamp,
    ) -> Result<Option<SessionRow>, DbError> {
        const SESSION: &str = "
            select s.id, s.person, p.name, s.created_at, s.seen_at, s.address, s.agent
            from session s join person p on p.id = s.person
            where s.hash = $1 and s.seen_at >= $2 and s.created_at >= $3";
        let args = [hash.0[..].into(), idle_since.into(), Arg::from(begun_since)];
        self.db.row(SESSION, &args).await?.as_ref().map(session).transpose()
    }

    /// All that are not over.
    pub async fn sessions(
        &self,
        idle_since: Timestamp,
        begun_since: Timestamp,
    ) -> Result<Vec<SessionRow>, DbError> {
        const SESSIONS: &str = "
            select s.id, s.person, p.name, s.created_at, s.seen_at, s.address, s.agent
            from session s join person p on p.id = s.person
            where s.seen_at >= $1 and s.created_at >= $2 order by s.seen_at desc, s.id";
        let rows = self.db.rows(SESSIONS, &[idle_since.into(), begun_since.into()]).await?;
        rows.iter().map(session).collect()
    }

    /// Notes that a session is in use. Not worth waiting for the disk.
    pub async fn touch_session(&self, id: &str, now: Timestamp) -> Result<(), DbError> {
        const TOUCH: &str = "update session set seen_at = $2 where id = $1 and seen_at < $2";
        self.quickly(TOUCH, &[id.into(), now.into()]).await
    }

    pub async fn end_session(&self, id: &str) -> Result<bool, DbError> {
        self.durably("delete from session where id = $1", &[id.into()]).await
    }

    /// Keeps a program's token. Several may have one name, as when one takes the place of another.
    pub async fn add_token(
        &self,
        hash: SecretHash,
        name: &str,
        scope: Scope,
        by: impl Into<Maker<'_>>,
        expires_at: Option<Timestamp>,
    ) -> Result<TokenRow, DbError> {
        const ADD: &str = "
            insert into api_token (id, name, hash, scope, created_at, created_by, expires_at, person,
                proxy_name)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let by = by.into();
        let id = random_id()?;
        let tx = self.db.begin_durable().await?;
        let created_at = tx.now(&*self.clock).await?;
        tx.exec(
            ADD,
            &[
                id.as_str().into(),
                name.into(),
                hash.0[..].into(),
                scope.as_str().into(),
                created_at.into(),
                by.name.into(),
                expires_at.into(),
                by.person.into(),
                by.proxy_name.into(),
            ],
        )
        .await?;
        tx.commit().await?;
        let (name, created_by) = (name.to_owned(), by.name.to_owned());
        let person = by.person.map(str::to_owned);
        let proxy_name = by.proxy_name.map(str::to_owned);
        let (revoked_at, used_at, used_from) = (None, None, None);
        Ok(TokenRow {
            id,
            name,
            scope,
            created_at,
            created_by,
            person,
            proxy_name,
            expires_at,
            revoked_at,
            used_at,
            used_from,
        })
    }

    /// All of them, newest first.
    pub async fn tokens(&self) -> Result<Vec<TokenRow>, DbError> {
        let sql = format!("{TOKENS} order by created_at desc, id");
        self.db.rows(&sql, &[]).await?.iter().map(token).collect()
    }

    /// The token that a program shows, whether or not it is still good.
    pub async fn token(&self, hash: SecretHash) -> Result<Option<TokenRow>, DbError> {
        let sql = format!("{TOKENS} where hash = $1");
        self.db.row(&sql, &[hash.0[..].into()]).await?.as_ref().map(token).transpose()
    }

    /// Notes that a token was used. Not worth waiting for the disk.
    pub async fn touch_token(&self, id: &str, from: &str, now: Timestamp) -> Result<(), DbError> {
        const TOUCH: &str = "update api_token set used_at = $2, used_from = $3 where id = $1";
        self.quickly(TOUCH, &[id.into(), now.into(), from.into()]).await
    }

    pub async fn revoke_token(&self, id: &str) -> Result<bool, DbError> {
        const REVOKE: &str =
            "update api_token set revoked_at = $2 where id = $1 and revoked_at is null";
        let now = self.clock.now();
        self.durably(REVOKE, &[id.into(), now.into()]).await
    }

    /// Keeps a phone's token.
    pub async fn add_device(
        &self,
        hash: SecretHash,
        name: &str,
        by: &str,
    ) -> Result<DeviceRow, DbError> {
        const ADD: &str = "insert into device (id, name, hash, created_at, created_by)
            values ($1, $2, $3, $4, $5)";
        let id = random_id()?;
        let tx = self.db.begin_durable().await?;
        let created_at = tx.now(&*self.clock).await?;
        let args =
            [id.as_str().into(), name.into(), hash.0[..].into(), created_at.into(), by.into()];
        tx.exec(ADD, &args).await?;
        tx.commit().await?;
        Ok(DeviceRow {
            id,
            name: name.to_owned(),
            created_at,
            created_by: by.to_owned(),
            revoked_at: None,
            seen_at: None,
            seen_from: None,
            model: None,
        })
    }

    /// All of them, by name.
    pub async fn devices(&self) -> Result<Vec<DeviceRow>, DbError> {
        let sql = format!("{DEVICES} order by name, id");
        self.db.rows(&sql, &[]).await?.iter().map(device).collect()
    }

    /// The phone that shows this token, whether or not it is still good.
    pub async fn device(&self, hash: SecretHash) -> Result<Option<DeviceRow>, DbError> {
        let sql = format!("{DEVICES} where hash = $1");
        self.db.row(&sql, &[hash.0[..].into()]).await?.as_ref().map(device).transpose()
    }

    /// Notes where a phone asked from, and what it is. Not worth waiting for the disk.
    pub async fn touch_device(
        &self,
        id: &str,
        from: &str,
        model: &str,
        now: Timestamp,
    ) -> Result<(), DbError> {
        const TOUCH: &str =
            "update device set seen_at = $2, seen_from = $3, model = $4 where id = $1";
        self.quickly(TOUCH, &[id.into(), now.into(), from.into(), model.into()]).await
    }

    pub async fn rename_device(&self, id: &str, name: &str) -> Result<bool, DbError> {
        self.durably("update device set name = $2 where id = $1", &[id.into(), name.into()]).await
    }

    /// Gives a phone another token; the one before opens nothing any more.
    pub async fn renew_device(&self, id: &str, hash: SecretHash) -> Result<bool, DbError> {
        const RENEW: &str = "update device set hash = $2, revoked_at = null where id = $1";
        self.durably(RENEW, &[id.into(), hash.0[..].into()]).await
    }

    pub async fn revoke_device(&self, id: &str) -> Result<bool, DbError> {
        const REVOKE: &str =
            "update device set revoked_at = $2 where id = $1 and revoked_at is null";
        let now = self.clock.now();
        self.durably(REVOKE, &[id.into(), now.into()]).await
    }

    async fn durably(&self, sql: &str, args: &[Arg<'_>]) -> Result<bool, DbError> {
        let tx = self.db.begin_durable().await?;
        let changed = tx.exec(sql, args).await?;
        tx.commit().await?;
        Ok(changed > 0)
    }

    async fn quickly(&self, sql: &str, args: &[Arg<'_>]) -> Result<(), DbError> {
        let tx = self.db.begin().await?;
        tx.exec(sql, args).await?;
        tx.commit().await
    }
}

const TOKENS: &str =
    "select id, name, scope, created_at, created_by, expires_at, revoked_at, used_at,
    used_from, person, proxy_name from api_token";
const DEVICES: &str =
    "select id, name, created_at, created_by, revoked_at, seen_at, seen_from, model
    from device";

async fn revoke_of(tx: &Tx, person: &str, now: Timestamp) -> Result<Vec<RevokedToken>, DbError> {
    const LIVE: &str = "
        select id, name from api_token
        where person = $1 and revoked_at is null order by created_at desc, id";
    const REVOKE: &str =
        "update api_token set revoked_at = $2 where person = $1 and revoked_at is null";
    let rows = tx.rows(LIVE, &[person.into()]).await?;
    tx.exec(REVOKE, &[person.into(), now.into()]).await?;
    let token =
        |row: &Row| Ok(RevokedToken { id: row.text(0)?.to_owned(), name: row.text(1)?.to_owned() });
    rows.iter().map(token).collect()
}

/// Two names that a reader takes for one are one.
pub fn name_key(name: &str) -> String {
    ringbook_core::contact::fold(name, NAME_LEN_MAX)
}

/// A random UUID (RFC 9562, version 4).
pub(super) fn random_id() -> Result<String, DbError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| DbError::Pool(format!("no random numbers: {error}")))?;
    bytes[6] = bytes[6] & 0x0F | 0x40;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    Ok(parts.join("-"))
}

fn person(row: &Row) -> Result<AdminRow, DbError> {
    Ok(AdminRow {
        id: row.text(0)?.to_owned(),
        name: row.text(1)?.to_owned(),
        password: row.text(2)?.to_owned(),
        created_at: row.time(3)?,
        changed_at: row.time(4)?,
    })
}

fn session(row: &Row) -> Result<SessionRow, DbError> {
    Ok(SessionRow {
        id: row.text(0)?.to_owned(),
        person: row.text(1)?.to_owned(),
        name: row.text(2)?.to_owned(),
        created_at: row.time(3)?,
        seen_at: row.time(4)?,
        address: row.opt_text(5)?.map(str::to_owned),
        agent: row.opt_text(6)?.map(str::to_owned),
    })
}

fn token(row: &Row) -> Result<TokenRow, DbError> {
    Ok(TokenRow {
        id: row.text(0)?.to_owned(),
        name: row.text(1)?.to_owned(),
        scope: row.word(2)?,
        created_at: row.time(3)?,
        created_by: row.text(4)?.to_owned(),
        expires_at: row.opt_time(5)?,
        revoked_at: row.opt_time(6)?,
        used_at: row.opt_time(7)?,
        used_from: row.opt_text(8)?.map(str::to_owned),
        person: row.opt_text(9)?.map(str::to_owned),
        proxy_name: row.opt_text(10)?.map(str::to_owned),
    })
}

fn device(row: &Row) -> Result<DeviceRow, DbError> {
    Ok(DeviceRow {
        id: row.text(0)?.to_owned(),
        name: row.text(1)?.to_owned(),
        created_at: row.time(2)?,
        created_by: row.text(3)?.to_owned(),
        revoked_at: row.opt_time(4)?,
        seen_at: row.opt_time(5)?,
        seen_from: row.opt_text(6)?.map(str::to_owned),
        model: row.opt_text(7)?.map(str::to_owned),
    })
}
