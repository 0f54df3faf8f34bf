//! Ids as strangers see them.
//!
//! Inside, rows have numbers; outside, ids are UUIDs. One is computed from the other, so there is no
//! second column to keep and no second index to fill.

use std::fmt;

use ringbook_core::sync::{AccountId, RunId};

/// One contact, by its number in our database: the account in the upper bits, a serial in the lower 40.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContactId(pub i64);

impl ContactId {
    pub(crate) const SERIAL_BITS: u32 = 40;

    pub fn new(account: AccountId, serial: i64) -> ContactId {
        ContactId((account.0 << Self::SERIAL_BITS) | serial)
    }

    pub fn account(self) -> AccountId {
        AccountId(self.0 >> Self::SERIAL_BITS)
    }
}

/// What an id names, so that the id of a run cannot be taken for that of a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IdKind {
    Account = 1,
    Run = 2,
    Contact = 3,
}

/// Makes UUIDs of numbers, and numbers of UUIDs.
///
/// The form is version 8 of RFC 9562 (custom): 60 bits of the number, 62 bits that are particular to
/// this installation and to the kind of thing. Such an id is a name, not a secret.
#[derive(Clone, Copy, Debug)]
pub struct Ids {
    salt: u64,
}

const SALT_BITS: u64 = (1 << 62) - 1;

impl Ids {
    pub fn new(salt: i64) -> Ids {
        Ids { salt: salt.unsigned_abs() & SALT_BITS }
    }

    pub fn run(&self, id: RunId) -> String {
        self.encode(IdKind::Run, id.0)
    }

    pub fn contact(&self, id: ContactId) -> String {
        self.encode(IdKind::Contact, id.0)
    }

    pub fn account(&self, id: AccountId) -> String {
        self.encode(IdKind::Account, id.0)
    }

    /// An id for the nth number or address of a contact. It cannot be turned back.
    pub fn part(&self, contact: ContactId, kind: u8, text: &str) -> String {
        use sha2::{Digest, Sha256};
        let digest = Sha256::new()
            .chain_update(self.salt.to_be_bytes())
            .chain_update(contact.0.to_be_bytes())
            .chain_update([kind])
            .chain_update(text.as_bytes())
            .finalize();
        let mut bits = [0; 16];
        bits.copy_from_slice(&digest[..16]);
        let whole = u128::from_be_bytes(bits);
        let marked = whole & !(0xF << 76) & !(0x3 << 62) | (0x8 << 76) | (0x2 << 62);
        Hyphenated(marked).to_string()
    }

    pub fn parse_run(&self, text: &str) -> Option<RunId> {
        self.decode(IdKind::Run, text).map(RunId)
    }

    pub fn parse_contact(&self, text: &str) -> Option<ContactId> {
        self.decode(IdKind::Contact, text).map(ContactId)
    }

    pub fn parse_account(&self, text: &str) -> Option<AccountId> {
        self.decode(IdKind::Account, text).map(AccountId)
    }

    fn tail(&self, thing: IdKind) -> u64 {
        (self.salt ^ ((thing as u64) << 56)) & SALT_BITS
    }

    fn encode(&self, thing: IdKind, number: i64) -> String {
        let number = number.unsigned_abs() & ((1 << 60) - 1);
        let high = ((number >> 12) << 16) | 0x8000 | (number & 0xFFF);
        let low = (0x2 << 62) | self.tail(thing);
        Hyphenated((u128::from(high) << 64) | u128::from(low)).to_string()
    }

    fn decode(&self, thing: IdKind, text: &str) -> Option<i64> {
        let hyphens =
            text.len() == 36 && [8, 13, 18, 23].iter().all(|at| text.as_bytes()[*at] == b'-');
        let digits = text.bytes().filter(u8::is_ascii_hexdigit).count();
        if !hyphens || digits != 32 {
            return None;
        }
        let whole = u128::from_str_radix(&text.replace('-', ""), 16).ok()?;
        let (high, low) = ((whole >> 64) as u64, whole as u64);
        let ours = low == (0x2 << 62) | self.tail(thing) && high & 0xF000 == 0x8000;
        ours.then_some((((high >> 16) << 12) | (high & 0xFFF)) as i64)
    }
}

struct Hyphenated(u128);

impl fmt::Display for Hyphenated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = format!("{:032x}", self.0);
        let (a, b, c) = (&hex[..8], &hex[8..12], &hex[12..16]);
        write!(f, "{a}-{b}-{c}-{}-{}", &hex[16..20], &hex[20..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_uuid_that_leads_back_to_its_row_and_to_no_other() {
        let ids = Ids::new(0x1234_5678_9ABC_DEF0);
        for number in [1, 4095, 4096, (7 << 40) | 123_456_789, (1 << 60) - 1] {
            let text = ids.contact(ContactId(number));
            assert_eq!(text.len(), 36);
            assert_eq!(&text[14..15], "8", "the version of {text}");
            assert!("89ab".contains(&text[19..20]), "the variant of {text}");
            assert_eq!(ids.parse_contact(&text), Some(ContactId(number)));
            assert_eq!(ids.parse_contact(&text.to_uppercase()), Some(ContactId(number)));
            assert_eq!(ids.parse_run(&text), None, "a contact is not a run");
            assert_eq!(Ids::new(99).parse_contact(&text), None, "another installation");
        }
        for bad in ["", "x", "00000000-0000-0000-0000-000000000000", &"é".repeat(18)] {
            assert_eq!(ids.parse_run(bad), None, "{bad}");
        }
    }
}
