//! Seals small secrets, so that whoever has the database and not the key has none of them.
//!
//! Sealed is XChaCha20-Poly1305 with a random nonce. The place where a value lives is part of what is
//! authenticated: moved to another row, or put under another name, it opens nothing.

mod file;
mod key;

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use key::KEYS_MAX;
pub use key::{Key, KeyId, KeyRing, NotKeys};

const VERSION: &str = "v1";
const NONCE_BYTES: usize = 24;

/// Where the keys come from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// Told by whoever starts the program, for instance in an environment variable. We cannot change them.
    Given { by: String, keys: KeyRing },
    /// A file of ours, made when it is needed first.
    File(PathBuf),
}

/// Seals and opens. One for all of a process.
pub struct Vault {
    source: KeySource,
    /// `None` while there is no key file.
    ring: RwLock<Option<(KeyRing, Option<file::Stamp>)>>,
    nonce: fn() -> Result<[u8; NONCE_BYTES], VaultError>,
}

/// Why something cannot be sealed or opened. None of these texts holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    #[error(
        "it is sealed with the key {key}, which {home} does not hold. Put that key back; if it is lost, \
         connect the Google account again (and enter the OAuth client again, if it was entered in \
         Ringbook). Nothing else is lost: the mirrored contacts are not sealed"
    )]
    KeyMissing { key: String, home: String },
    #[error(
        "`{place}` does not open: the value was changed, or comes from another place. Connect the \
         Google account again, or enter the value again"
    )]
    Damaged { place: String },
    #[error(
        "the key file {path} can be read by others than its owner, and whoever has read it opens what \
         is sealed. If nobody has: chmod 600 {path}. Else: chmod 600 {path} && ringbook key rotate"
    )]
    OpenToOthers { path: String },
    #[error("the key file {path}: {why}")]
    File { path: String, why: String },
    #[error(
        "the keys come from {by}, which Ringbook cannot change. Put a new key in front of the old one \
         there (`openssl rand -base64 32` makes one, a comma goes between them), start every server \
         again, and say `ringbook key rotate` once more; then the old one can go"
    )]
    NotOurs { by: String },
    #[error("this machine has no random numbers: {0}")]
    Random(String),
}

impl Vault {
    /// Reads the keys. A key file that is not there is no error yet: see [`Vault::prepare`].
    ///
    /// # Errors
    /// When the key file cannot be read, or others can read it.
    pub fn open(source: KeySource) -> Result<Vault, VaultError> {
        let vault = Vault { source, ring: RwLock::new(None), nonce: random };
        match &vault.source {
            KeySource::Given { keys, .. } => vault.put(Some((keys.clone(), None))),
            KeySource::File(_) => vault.reload()?,
        }
        Ok(vault)
    }

    /// For stories that must be the same each time they are told: what seals with such a vault says
    /// when it seals the same twice.
    pub fn with_nonces(
        keys: KeyRing,
        nonce: fn() -> Result<[u8; NONCE_BYTES], VaultError>,
    ) -> Vault {
        let source = KeySource::Given { by: "a test".to_owned(), keys: keys.clone() };
        Vault { source, ring: RwLock::new(Some((keys, None))), nonce }
    }

    /// Makes the key file, if it is not there, and says which one it made. Only for a database in which nothing is sealed yet: else
    /// a file that is merely not mounted would be taken for one that never was.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn prepare(&self) -> Result<Option<&Path>, VaultError> {
        if let KeySource::File(path) = &self.source
            && file::stamp(path).is_none()
        {
            file::create(path)?;
            self.reload()?;
            return Ok(Some(path));
        }
        Ok(None)
    }

    /// Seals a secret for one place, such as `oauth_grant/3/refresh_token`.
    ///
    /// Call it inside the transaction that stores the value: a rotation of the key by another process is
    /// then either before it, and the new key is found in the file, or after it, and finds the value.
    ///
    /// # Errors
    /// When there is no key and none can be made.
    pub fn seal(&self, place: &str, secret: &SecretString) -> Result<String, VaultError> {
        self.follow()?;
        if self.ring().is_none() {
            // Whoever stores something new after the key was lost begins anew.
            self.prepare()?;
        }
        let ring = self.ring().ok_or_else(|| self.no_file())?;
        self.refuse_if_gone()?;
        let key = ring.first();
        let nonce = (self.nonce)()?;
        let payload = Payload { msg: secret.expose_secret().as_bytes(), aad: &bound(place) };
        let sealed = XChaCha20Poly1305::new(key.bytes().into())
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| VaultError::Damaged { place: place.to_owned() })?;
        let text = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        Ok(format!("{VERSION}.{}.{}.{}", key.id(), text(&nonce), text(&sealed)))
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// When its key is not there, or the value is not what was sealed here.
    pub fn open_sealed(&self, place: &str, sealed: &str) -> Result<SecretString, VaultError> {
        let damaged = || VaultError::Damaged { place: place.to_owned() };
        let parts = parts(sealed).ok_or_else(damaged)?;
        let key = self.key(parts.key)?.ok_or_else(|| VaultError::KeyMissing {
            key: parts.key.to_owned(),
            home: self.home(),
        })?;
        let payload = Payload { msg: &parts.sealed, aad: &bound(place) };
        let plain: SecretSlice<u8> = XChaCha20Poly1305::new(key.bytes().into())
            .decrypt(&XNonce::from(parts.nonce), payload)
            .map_err(|_| damaged())?
            .into();
        let text = std::str::from_utf8(plain.expose_secret()).map_err(|_| damaged())?;
        Ok(SecretString::from(text))
    }

    /// Where the keys are, for people.
    pub fn home(&self) -> String {
        match &self.source {
            KeySource::Given { by, .. } => by.clone(),
            KeySource::File(path) => format!("the key file {}", path.display()),
        }
    }

    /// The keys that are there now, the sealing one first.
    ///
    /// # Errors
    /// When the key file cannot be read.
    pub fn keys(&self) -> Result<Vec<KeyId>, VaultError> {
        self.follow()?;
        let ring = self.ring();
        Ok(ring.iter().flat_map(KeyRing::keys).map(|key| key.id().clone()).collect())
    }

    /// Puts a new key in front of the others, if they are ours to change. From now on it seals, here and
    /// in every process that reads the same file.
    ///
    /// # Errors
    /// When the keys are given from outside and there is no second one, or the file cannot be written.
    pub fn add_key(&self) -> Result<(), VaultError> {
        self.follow()?;
        match (&self.source, self.ring()) {
            (KeySource::Given { .. }, Some(ring)) if ring.keys().len() > 1 => Ok(()),
            (KeySource::Given { by, .. }, _) => Err(VaultError::NotOurs { by: by.clone() }),
            (KeySource::File(_), None) => self.prepare().map(drop),
            (KeySource::File(path), Some(ring)) => {
                self.refuse_if_gone()?;
                if ring.keys().len() >= KEYS_MAX {
                    return Err(VaultError::File {
                        path: path.display().to_string(),
                        why: format!(
                            "holds {KEYS_MAX} keys, and more are not read; take those out of it that nothing \
                             is sealed with, as `ringbook key status` says"
                        ),
                    });
                }
                file::replace(path, &ring.behind(file::fresh()?))?;
                self.reload()
            }
        }
    }

    /// Takes those keys away that nothing is sealed with any more. Returns how many.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn retire(&self, needed: impl Fn(&KeyId) -> bool) -> Result<usize, VaultError> {
        self.follow()?;
        let (KeySource::File(path), Some(ring)) = (&self.source, self.ring()) else { return Ok(0) };
        self.refuse_if_gone()?;
        let kept = ring.without(needed);
        let retired = ring.keys().len() - kept.keys().len();
        if retired > 0 {
            file::replace(path, &kept)?;
            self.reload()?;
        }
        Ok(retired)
    }

    fn ring(&self) -> Option<KeyRing> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        ring.as_ref().map(|(ring, _)| ring.clone())
    }

    fn put(&self, ring: Option<(KeyRing, Option<file::Stamp>)>) {
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = ring;
    }

    /// The key of this name. Another process may have made it since we read the file.
    fn key(&self, id: &str) -> Result<Option<Key>, VaultError> {
        let find = || self.ring().and_then(|ring| ring.find(id).cloned());
        if let Some(key) = find() {
            return Ok(Some(key));
        }
        self.reload()?;
        Ok(find())
    }

    /// A file that has vanished leaves the keys in memory: they go on opening what they have sealed.
    fn reload(&self) -> Result<(), VaultError> {
        if let KeySource::File(path) = &self.source {
            match file::read(path)? {
                Some((ring, stamp)) => self.put(Some((ring, Some(stamp)))),
                None => self.put(self.ring().map(|ring| (ring, None))),
            }
        }
        Ok(())
    }

    /// Nothing is sealed with keys that are in memory alone: no restart would find them. Nor is a file that
    /// may only be unmounted replaced by another.
    fn refuse_if_gone(&self) -> Result<(), VaultError> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        let is_gone = matches!((&self.source, &*ring), (KeySource::File(_), Some((_, None))));
        if is_gone { Err(self.no_file()) } else { Ok(()) }
    }

    /// Reads the key file again, if it is not the one that we know.
    fn follow(&self) -> Result<(), VaultError> {
        let KeySource::File(path) = &self.source else { return Ok(()) };
        let known = {
            let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
            ring.as_ref().and_then(|(_, stamp)| *stamp)
        };
        if known.is_none() || known != file::stamp(path) { self.reload() } else { Ok(()) }
    }

    fn no_file(&self) -> VaultError {
        let path = match &self.source {
            KeySource::File(path) => path.as_path(),
            KeySource::Given { .. } => Path::new(""),
        };
        VaultError::File {
            path: path.display().to_string(),
            why: "is not there; put it back".to_owned(),
        }
    }
}

/// Whether this is the form of a sealed value, whatever it was sealed with.
pub fn is_sealed(text: &str) -> bool {
    parts(text).is_some()
}

/// The name of the key that a value was sealed with.
pub fn key_of(sealed: &str) -> Option<&str> {
    parts(sealed).map(|parts| parts.key)
}

struct Parts<'a> {
    key: &'a str,
    nonce: [u8; NONCE_BYTES],
    sealed: Vec<u8>,
}

fn parts(text: &str) -> Option<Parts<'_>> {
    let mut words = text.split('.');
    let (version, key) = (words.next()?, words.next()?);
    let mut bytes = || BASE64_URL_SAFE_NO_PAD.decode(words.next()?).ok();
    let (nonce, sealed) = (bytes()?, bytes()?);
    // The tag alone is 16 bytes.
    let formed = version == VERSION && key.len() == 8 && sealed.len() >= 16;
    let nonce = nonce.try_into().ok()?;
    (formed && words.next().is_none()).then_some(Parts { key, nonce, sealed })
}

fn bound(place: &str) -> Vec<u8> {
    format!("ringbook/{VERSION}/{place}").into_bytes()
}

fn random<const N: usize>() -> Result<[u8; N], VaultError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| VaultError::Random(error.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
