//! Passwords of people, hashed with argon2id (RFC 9106).

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Argon2, Params};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use ringbook_runtime::tasks;

use super::guessable::is_guessable;

/// Characters that a password has to have at least (NIST SP 800-63B, 5.1.1.2 asks for 8).
pub const PASSWORD_LEN_MIN: usize = 10;
/// Nobody types more, and hashing a book would only keep the machine busy.
pub const PASSWORD_LEN_MAX: usize = 256;

/// Each hash takes 19 MiB and tens of milliseconds on purpose; more at once would be an attack.
const AT_ONCE: usize = 2;
/// A hash that was made elsewhere may take so much.
const COST_KIB_MAX: u32 = 256 << 10;
const COST_PASSES_MAX: u32 = 20;
/// Those that wait for their turn. Whoever comes when it is full is refused.
const WAITING_MAX: usize = 16;

/// Who has a password checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    Strangers,
    /// Who has proved something already. A flood of strangers does not stand in their way.
    Known,
}

/// Hashes and checks passwords, a few at a time.
#[derive(Debug)]
pub struct Passwords {
    strangers: Queue,
    known: Queue,
    /// Of a password that nobody has, to be checked where there is no such person: a stranger must not
    /// learn from the time it takes who exists.
    nobodys: tokio::sync::OnceCell<String>,
}

#[derive(Debug)]
struct Queue {
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl Queue {
    fn new(at_once: usize) -> Queue {
        Queue {
            turns: Arc::new(Semaphore::new(at_once)),
            places: Arc::new(Semaphore::new(WAITING_MAX)),
        }
    }
}

/// Why a password could not be taken or checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    #[error("a password needs at least {PASSWORD_LEN_MIN} characters")]
    TooShort,
    #[error("a password has at most {PASSWORD_LEN_MAX} characters")]
    TooLong,
    #[error("a password cannot be the name of its owner")]
    IsTheName,
    #[error(
        "this password is among the first that are tried; take several words that do not belong together"
    )]
    Guessable,
    #[error("too many people sign in at once; try again in a few seconds")]
    Busy,
    #[error("the password could not be hashed")]
    Broken,
    #[error(
        "this is no Argon2id hash that can be checked (at most {} MiB and {COST_PASSES_MAX} passes); `ringbook \
         admins hash` makes one",
        COST_KIB_MAX >> 10
    )]
    NotAHash,
}

impl Default for Passwords {
    fn default() -> Passwords {
        Passwords {
            strangers: Queue::new(AT_ONCE),
            known: Queue::new(1),
            nobodys: tokio::sync::OnceCell::new(),
        }
    }
}

impl Passwords {
    /// What to keep of a new password, as a PHC string.
    ///
    /// # Errors
    /// When it is too short, too long, the person's own name or one of the first that are tried.
    pub async fn hash(&self, name: &str, password: &SecretString) -> Result<String, PasswordError> {
        let text = password.expose_secret();
        match text.chars().count() {
            ..PASSWORD_LEN_MIN => return Err(PasswordError::TooShort),
            PASSWORD_LEN_MIN..=PASSWORD_LEN_MAX => {}
            _ => return Err(PasswordError::TooLong),
        }
        if text.eq_ignore_ascii_case(name) {
            return Err(PasswordError::IsTheName);
        }
        if is_guessable(text, name) {
            return Err(PasswordError::Guessable);
        }
        self.hash_any(password, Lane::Known).await
    }

    async fn hash_any(&self, password: &SecretString, lane: Lane) -> Result<String, PasswordError> {
        let password = password.clone();
        self.work(lane, move || {
            let hash = Argon2::default().hash_password(password.expose_secret().as_bytes());
            hash.map(|it| it.to_string()).map_err(|_| PasswordError::Broken)
        })
        .await?
    }

    /// A hash that was made elsewhere, if it can be checked here.
    ///
    /// # Errors
    /// When it is none, or takes more memory or time than any sign-in should.
    pub fn given(hash: &str) -> Result<String, PasswordError> {
        let parsed = PasswordHash::new(hash).map_err(|_| PasswordError::NotAHash)?;
        let params = Params::try_from(&parsed).map_err(|_| PasswordError::NotAHash)?;
        let is_costly = params.m_cost() > COST_KIB_MAX || params.t_cost() > COST_PASSES_MAX;
        if is_costly || !hash.starts_with("$argon2id$") || parsed.hash.is_none() {
            return Err(PasswordError::NotAHash);
        }
        Ok(hash.to_owned())
    }

    /// Is this the password that was hashed? Takes as long where nobody has one, and for one that is too long to
    /// be anybody's.
    ///
    /// # Errors
    /// When too many are being checked already.
    pub async fn check(
        &self,
        kept: Option<String>,
        password: &SecretString,
        lane: Lane,
    ) -> Result<bool, PasswordError> {
        let exists = kept.is_some();
        // Made for known names, too: else the first unknown one would take twice as long.
        let nobodys = self.nobodys().await?;
        let kept = kept.unwrap_or(nobodys);
        let password = password.clone();
        let right = self
            .work(lane, move || {
                let Ok(parsed) = PasswordHash::new(&kept) else { return false };
                let shown = password.expose_secret().as_bytes();
                Argon2::default().verify_password(shown, &parsed).is_ok()
            })
            .await?;
        Ok(right && exists)
    }

    async fn nobodys(&self) -> Result<String, PasswordError> {
        let made = self.nobodys.get_or_try_init(|| async {
            let password = SecretString::from("nobody has this password");
            self.hash_any(&password, Lane::Known).await
        });
        made.await.cloned()
    }

    async fn work<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let queue = match lane {
            Lane::Strangers => &self.strangers,
            Lane::Known => &self.known,
        };
        let _place = queue.places.clone().try_acquire_owned().map_err(|_| PasswordError::Busy)?;
        let turn = queue.turns.clone().acquire_owned().await.map_err(|_| PasswordError::Broken)?;
        let done = tasks::blocking("hashing a password", move || {
            let _turn = turn;
            work()
        });
        done.await.map_err(|_| PasswordError::Broken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_opens_and_nothing_else_does() {
        let passwords = Passwords::default();
        let secret = |text: &str| SecretString::from(text.to_owned());
        let kept = passwords.hash("Ada", &secret("correct horse")).await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$") && !kept.contains("correct"));
        assert!(
            passwords
                .check(Some(kept.clone()), &secret("correct horse"), Lane::Strangers)
                .await
                .unwrap()
        );
        for wrong in ["correct hors", "Correct horse", "", "nobody has this password"] {
            assert!(
                !passwords
                    .check(Some(kept.clone()), &secret(wrong), Lane::Strangers)
                    .await
                    .unwrap(),
                "{wrong}"
            );
        }
        assert!(
            !passwords
                .check(None, &secret("nobody has this password"), Lane::Strangers)
                .await
                .unwrap()
        );
    }

    #[tokio::test]
    async fn a_password_that_is_far_too_long_takes_its_turn_like_others() {
        let passwords = Passwords::default();
        let long = SecretString::from("x".repeat(60_000));
        // No turn is free, and no place to wait for one: an answer would have come without any work.
        let _places = passwords.strangers.places.clone().acquire_many_owned(16).await.unwrap();
        let busy = passwords.check(None, &long, Lane::Strangers).await;
        assert_eq!(busy, Err(PasswordError::Busy));
        assert!(!passwords.check(None, &long, Lane::Known).await.unwrap(), "theirs is another");
    }

    #[tokio::test]
    async fn weak_passwords_are_refused() {
        let passwords = Passwords::default();
        let hash = async |name: &str, text: String| {
            passwords.hash(name, &SecretString::from(text)).await.unwrap_err()
        };
        assert_eq!(hash("Ada", "123456789".to_owned()).await, PasswordError::TooShort);
        assert_eq!(hash("Ada", "x".repeat(257)).await, PasswordError::TooLong);
        assert_eq!(
            hash("administrator", "Administrator".to_owned()).await,
            PasswordError::IsTheName
        );
        assert_eq!(hash("Ada", "Password1234".to_owned()).await, PasswordError::Guessable);
    }
}
