//! Keys: 32 random bytes, as text, and the names by which sealed values call them.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretBox, SecretSlice};
use sha2::{Digest, Sha256};

pub(super) const KEY_BYTES: usize = 32;

/// More keys than this at once are a mistake: each rotation leaves one.
pub(super) const KEYS_MAX: usize = 16;

/// One key. Its bytes show nowhere; `Debug` tells its name.
#[derive(Clone)]
pub struct Key {
    id: KeyId,
    bytes: Arc<SecretBox<[u8; KEY_BYTES]>>,
}

/// What a key is called: eight hex digits of a digest, which say nothing about the key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

/// The keys in force. The first seals, the others only open.
#[derive(Clone)]
pub struct KeyRing(Vec<Key>);

/// Why a text holds no keys. Nothing of the text is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotKeys {
    #[error("there is no key in it")]
    Empty,
    #[error("key {0} in it is not 32 bytes in base64 or hex")]
    Form(usize),
    #[error("there are more than 16 keys in it")]
    Many,
}

impl Key {
    pub fn new(bytes: [u8; 32]) -> Key {
        let mut digest = Sha256::new();
        digest.update(b"ringbook key id\0");
        digest.update(bytes);
        let id = digest.finalize()[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        Key { id: KeyId(id), bytes: Arc::new(SecretBox::new(Box::new(bytes))) }
    }

    /// Base64 of either alphabet, padded or not, or hex.
    fn parse(text: &str) -> Option<Key> {
        let bytes: SecretSlice<u8> = if text.len() == 2 * KEY_BYTES {
            let pairs = text.as_bytes().chunks(2);
            let bytes: Option<Vec<u8>> = pairs
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
                .collect();
            bytes.filter(|_| text.bytes().all(|byte| byte.is_ascii_hexdigit()))?.into()
        } else {
            let text = text.trim_end_matches('=');
            let decoded = BASE64_STANDARD_NO_PAD
                .decode(text)
                .or_else(|_| BASE64_URL_SAFE_NO_PAD.decode(text));
            decoded.ok()?.into()
        };
        Some(Key::new(bytes.expose_secret().try_into().ok()?))
    }

    pub fn id(&self) -> &KeyId {
        &self.id
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        self.bytes.expose_secret()
    }

    /// As it stands in a key file.
    pub(super) fn to_text(&self) -> String {
        base64::prelude::BASE64_STANDARD.encode(self.bytes())
    }
}

impl KeyRing {
    pub fn of(key: Key) -> KeyRing {
        KeyRing(vec![key])
    }

    /// Keys with white space or commas between them; what follows a `#` on a line is a comment.
    pub fn parse(text: &str) -> Result<KeyRing, NotKeys> {
        // Editors on Windows write a byte order mark in front.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
        let words =
            lines.flat_map(|line| line.split([' ', '\t', '\r', ','])).filter(|it| !it.is_empty());
        let mut keys: Vec<Key> = Vec::new();
        for (at, word) in words.enumerate() {
            let key = Key::parse(word).ok_or(NotKeys::Form(at + 1))?;
            // The same key twice is one.
            if keys.iter().all(|known| known.id != key.id) {
                keys.push(key);
            }
            if keys.len() > KEYS_MAX {
                return Err(NotKeys::Many);
            }
        }
        if keys.is_empty() { Err(NotKeys::Empty) } else { Ok(KeyRing(keys)) }
    }

    pub fn first(&self) -> &Key {
        // There is one: neither `of` nor `parse` makes an empty ring.
        &self.0[0]
    }

    pub fn find(&self, id: &str) -> Option<&Key> {
        self.0.iter().find(|key| key.id.0 == id)
    }

    pub fn keys(&self) -> &[Key] {
        &self.0
    }

    /// The same keys behind a new one.
    pub(super) fn behind(&self, first: Key) -> KeyRing {
        let mut keys = vec![first];
        keys.extend(self.0.iter().filter(|key| key.id != keys[0].id).cloned().collect::<Vec<_>>());
        KeyRing(keys)
    }

    /// Only the first key, and those others that are still needed.
    pub(super) fn without(&self, needed: impl Fn(&KeyId) -> bool) -> KeyRing {
        let (first, others) = (self.first().clone(), &self.0[1..]);
        let mut keys = vec![first];
        keys.extend(others.iter().filter(|key| needed(&key.id)).cloned());
        KeyRing(keys)
    }
}

impl KeyId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyRing").field(&self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const BASE64: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    #[test]
    fn a_key_is_read_in_hex_and_in_base64_and_is_the_same_key() {
        let ids: Vec<String> = [HEX, BASE64, BASE64.trim_end_matches('=')]
            .map(|text| KeyRing::parse(text).unwrap().first().id().to_string())
            .into();
        assert!(ids.iter().all(|id| *id == ids[0] && id.len() == 8), "{ids:?}");
    }

    #[test]
    fn the_first_key_seals_and_comments_are_none() {
        let other = "f".repeat(64);
        let ring = KeyRing::parse(&format!("# mine\n{other} # new\n{HEX}, {BASE64}\n")).unwrap();
        assert_eq!(ring.keys().len(), 2, "the same key twice is one");
        assert_eq!(ring.first().bytes(), &[0xff; 32]);
        assert!(ring.find(ring.keys()[1].id().as_str()).is_some());
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_repeated() {
        assert_eq!(KeyRing::parse(" \n# nothing").unwrap_err(), NotKeys::Empty);
        for bad in ["password", &HEX[1..], "AAECAw==", &"g".repeat(64), &"é".repeat(32)] {
            let error = KeyRing::parse(&format!("{HEX} {bad}")).unwrap_err();
            assert_eq!(error, NotKeys::Form(2));
            assert!(!error.to_string().contains(bad));
        }
    }

    #[test]
    fn a_key_shows_its_name_and_not_itself() {
        let ring = KeyRing::parse(HEX).unwrap();
        let shown = format!("{ring:?}");
        assert_eq!(shown, format!("KeyRing([Key({})])", ring.first().id()));
    }
}
