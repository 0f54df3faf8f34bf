//! Page and sync tokens: opaque to the client, and bound to a user and to a request.
//!
//! A token carries all there is to know, so the simulator remembers none. It is sealed with
//! a key made from the seed: a token outlives a restart with the same seed, and a changed
//! letter makes it worthless.

use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

pub(super) struct Sealer {
    key: [u8; 32],
}

/// Goes on with a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PageToken {
    pub(super) user: u64,
    pub(super) parameters: u64,
    /// The place of the last contact delivered, or how many were, for a listing by name.
    pub(super) cursor: u64,
    /// The latest change when the chain began.
    pub(super) chain_start: u64,
    /// 2 for the second page.
    pub(super) page: u64,
    pub(super) serial: u64,
    pub(super) full_sync_at: i64,
}

/// Asks what changed since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SyncToken {
    pub(super) user: u64,
    pub(super) parameters: u64,
    pub(super) since: u64,
    pub(super) serial: u64,
    pub(super) full_sync_at: i64,
}

const SEAL: usize = 16;
// These lengths give the 151 and 112 letters that were seen at Google.
const PAGE_BYTES: usize = 113;
const SYNC_BYTES: usize = 83;

impl Sealer {
    pub(super) fn new(seed: u64) -> Sealer {
        let mut hash = Sha256::new();
        hash.update(b"the simulator's tokens");
        hash.update(seed.to_be_bytes());
        Sealer { key: hash.finalize().into() }
    }

    pub(super) fn page(&self, token: &PageToken) -> String {
        let PageToken { user, parameters, cursor, chain_start, page, serial, full_sync_at } =
            token.clone();
        let numbers =
            [user, parameters, cursor, chain_start, page, serial, full_sync_at.cast_unsigned()];
        URL_SAFE_NO_PAD.encode(self.seal(b"page", &numbers, PAGE_BYTES))
    }

    pub(super) fn open_page(&self, text: &str) -> Option<PageToken> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let [user, parameters, cursor, chain_start, page, serial, full_sync_at] =
            self.open(b"page", &bytes, PAGE_BYTES)?;
        let full_sync_at = full_sync_at.cast_signed();
        Some(PageToken { user, parameters, cursor, chain_start, page, serial, full_sync_at })
    }

    pub(super) fn sync(&self, token: &SyncToken) -> String {
        let SyncToken { user, parameters, since, serial, full_sync_at } = token.clone();
        let numbers = [user, parameters, since, serial, full_sync_at.cast_unsigned()];
        URL_SAFE.encode(self.seal(b"sync", &numbers, SYNC_BYTES))
    }

    pub(super) fn open_sync(&self, text: &str) -> Option<SyncToken> {
        let bytes = URL_SAFE.decode(text).ok()?;
        let [user, parameters, since, serial, full_sync_at] =
            self.open(b"sync", &bytes, SYNC_BYTES)?;
        let full_sync_at = full_sync_at.cast_signed();
        Some(SyncToken { user, parameters, since, serial, full_sync_at })
    }

    /// The short token of the list of groups. It has no room for a seal, only for a check.
    pub(super) fn groups(&self, user: u64, since: u64, era: u64) -> String {
        let mut bytes = [0; 9];
        bytes[..4].copy_from_slice(&(since as u32).to_be_bytes());
        let check = self.digest(&[b"groups", &numbers_to_bytes(&[user, since, era])]);
        bytes[4..].copy_from_slice(&check[..5]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The place that a token of the groups stands for, and whether it is of this era.
    pub(super) fn open_groups(&self, text: &str, user: u64, era: u64) -> Option<(u64, bool)> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let since = u64::from(u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?));
        (0..=era)
            .find(|era| self.groups(user, since, *era) == text)
            .map(|found| (since, found == era))
    }

    /// A text that only this simulator can have written.
    pub(super) fn text(&self, text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        let seal = self.digest(&[b"text", &bytes]);
        self.mask(&seal[..SEAL], &mut bytes);
        URL_SAFE_NO_PAD.encode([&seal[..SEAL], &bytes].concat())
    }

    pub(super) fn open_text(&self, sealed: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (seal, masked) = bytes.split_at_checked(SEAL)?;
        let mut bytes = masked.to_vec();
        self.mask(seal, &mut bytes);
        if self.digest(&[b"text", &bytes])[..SEAL] != *seal {
            return None;
        }
        String::from_utf8(bytes).ok()
    }

    fn seal(&self, kind: &[u8], numbers: &[u64], length: usize) -> Vec<u8> {
        let mut content = numbers_to_bytes(numbers);
        content.resize(length - SEAL, 0);
        let seal = self.digest(&[kind, &content]);
        self.mask(&seal[..SEAL], &mut content);
        [&seal[..SEAL], &content].concat()
    }

    fn open<const N: usize>(&self, kind: &[u8], bytes: &[u8], length: usize) -> Option<[u64; N]> {
        if bytes.len() != length {
            return None;
        }
        let (seal, masked) = bytes.split_at(SEAL);
        let mut content = masked.to_vec();
        self.mask(seal, &mut content);
        if self.digest(&[kind, &content])[..SEAL] != *seal {
            return None;
        }
        let mut numbers = [0; N];
        for (number, bytes) in numbers.iter_mut().zip(content.chunks_exact(8)) {
            *number = u64::from_be_bytes(bytes.try_into().ok()?);
        }
        Some(numbers)
    }

    fn mask(&self, seal: &[u8], content: &mut [u8]) {
        for (block, bytes) in content.chunks_mut(32).enumerate() {
            let stream = self.digest(&[b"mask", seal, &block.to_be_bytes()]);
            for (byte, noise) in bytes.iter_mut().zip(stream) {
                *byte ^= noise;
            }
        }
    }

    fn digest(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.key);
        for part in parts {
            hash.update(part);
        }
        hash.finalize().into()
    }
}

fn numbers_to_bytes(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_the_lengths_seen_at_google_and_open_only_unharmed() {
        let sealer = Sealer::new(1);
        let page = PageToken {
            user: 1,
            parameters: 2,
            cursor: 3,
            chain_start: 4,
            page: 5,
            serial: 6,
            full_sync_at: -7,
        };
        let sync =
            SyncToken { user: 1, parameters: 2, since: 3, serial: 4, full_sync_at: i64::MAX };
        let (page_text, sync_text) = (sealer.page(&page), sealer.sync(&sync));
        assert_eq!((page_text.len(), sync_text.len()), (151, 112));
        assert!(sync_text.ends_with('='));
        assert_eq!(sealer.open_page(&page_text), Some(page));
        assert_eq!(sealer.open_sync(&sync_text), Some(sync));
        assert_eq!(Sealer::new(2).open_page(&page_text), None);
        assert_eq!(sealer.open_sync(&sync_text.replacen(&sync_text[20..21], "-", 1)), None);
        assert_eq!(sealer.open_page(&page_text[1..]), None);
    }

    #[test]
    fn a_token_of_the_groups_has_twelve_letters_and_an_era() {
        let sealer = Sealer::new(1);
        let text = sealer.groups(7, 42, 1);
        assert_eq!(text.len(), 12);
        assert_eq!(sealer.open_groups(&text, 7, 1), Some((42, true)));
        assert_eq!(sealer.open_groups(&text, 7, 2), Some((42, false)));
        assert_eq!(sealer.open_groups(&text, 8, 1), None);
    }
}
