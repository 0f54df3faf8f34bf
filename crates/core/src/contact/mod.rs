//! What a contact is: the names, numbers and labels that Ringbook keeps of one person.
//!
//! Everything here is plain data and pure rules. Nothing talks to Google or to a database.

mod called;
mod keypad;
mod label;
mod letters;
mod name;
mod spelling;
mod text;
mod vcard;

pub use keypad::Keypad;
pub use label::is_machine;
pub use letters::{compose, is_emoji, is_ignorable, is_visible};
pub use name::{Initial, NameKey, NameOrder, Particles};
pub use spelling::{asked_spellings, fold, spellings};
pub use text::{clean, excerpt};
pub use vcard::{Vcard, VcardVersion};

use std::collections::HashSet;
use std::hash::Hash;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Google's name for a person, such as `people/c5170723913980391624`.
///
/// It can change: when a contact is linked to a profile, Google may list it under a new name
/// (`metadata.previousResourceNames`). It identifies a contact only within one account.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResourceName(String);

impl ResourceName {
    /// Longest name that is accepted. Google's are about 30 characters.
    pub const LEN_MAX: usize = 256;

    /// Accepts `people/` followed by a non-empty id without spaces or control characters.
    pub fn parse(raw: &str) -> Option<ResourceName> {
        let id = raw.strip_prefix("people/")?;
        let legal = |c: char| c.is_ascii_graphic() && c != '/' && c != '?' && c != '&';
        (!id.is_empty() && raw.len() <= Self::LEN_MAX && id.chars().all(legal))
            .then(|| ResourceName(raw.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ResourceName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// One person as Google listed it.
#[derive(Clone, Debug, PartialEq)]
pub struct Contact {
    pub resource_name: ResourceName,
    /// Names this person had before. Google tells them only in incremental listings.
    pub previous_names: Vec<ResourceName>,
    /// The etag of the CONTACT source. The etag of the person is no use: it changes with the field mask.
    pub etag: Option<String>,
    /// When Google says the CONTACT source was last edited.
    pub edited_at: Option<Timestamp>,
    pub content: Content,
}

/// The part of a contact that is shown to people, in a normal form: equal contents have equal fingerprints.
///
/// Its JSON form is what the database keeps, so a renamed field needs a migration. Empty fields are
/// left out of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Content {
    #[serde(skip_serializing_if = "Names::is_empty")]
    pub names: Names,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nicknames: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<Organization>,
    /// In Google's order, the primary one first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub phones: Vec<Phone>,
    /// In Google's order, the primary one first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<Email>,
    /// Resource names of the contact groups, such as `contactGroups/starred`, in byte order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
}

/// The parts of a person's name, each empty when Google has none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Names {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub display: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub last_first: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub unstructured: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub given: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub middle: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub family: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub suffix: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub phonetic_full: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub phonetic_given: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub phonetic_middle: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub phonetic_family: String,
}

impl Names {
    pub fn is_empty(&self) -> bool {
        *self == Names::default()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Organization {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub department: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
}

/// A telephone number as typed at Google, and as Google reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Phone {
    /// As typed. It may hold words: `801-520-4769 - noel cell`.
    pub value: String,
    /// E.164 by Google's guess of the country; absent for short and unreadable numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canonical: Option<String>,
    /// `home`, `work`, `mobile`, … or a label that the user made up; empty when there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub primary: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Email {
    pub value: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub primary: bool,
}

/// The label that Google puts on favourites.
pub const STARRED: &str = "contactGroups/starred";

/// 128 bits of SHA-256 over a content's JSON form. Equal fingerprints mean: nothing to write.
pub type Fingerprint = [u8; 16];

impl Content {
    /// Brings the content into its normal form: texts composed, labels in plain words, nothing twice, and
    /// the primary number and address first. Apart from that, numbers and addresses stay in Google's
    /// order.
    pub fn normalise(&mut self) {
        self.compose();
        for kind in self.phones.iter_mut().map(|it| &mut it.kind) {
            *kind = label::plain(kind).unwrap_or_else(|| std::mem::take(kind));
        }
        for kind in self.emails.iter_mut().map(|it| &mut it.kind) {
            *kind = label::plain(kind).unwrap_or_else(|| std::mem::take(kind));
        }
        self.nicknames.sort();
        self.nicknames.dedup();
        keep_first_of_each(&mut self.phones);
        self.phones.sort_by_key(|it| !it.primary);
        keep_first_of_each(&mut self.emails);
        self.emails.sort_by_key(|it| !it.primary);
        self.labels.sort();
        self.labels.dedup();
    }

    /// Composes the letters of all texts (Unicode's form C).
    fn compose(&mut self) {
        let Names {
            display,
            last_first,
            unstructured,
            prefix,
            given,
            middle,
            family,
            suffix,
            phonetic_full,
            phonetic_given,
            phonetic_middle,
            phonetic_family,
        } = &mut self.names;
        let names = [
            display,
            last_first,
            unstructured,
            prefix,
            given,
            middle,
            family,
            suffix,
            phonetic_full,
            phonetic_given,
            phonetic_middle,
            phonetic_family,
        ];
        let work = self.organization.iter_mut();
        let work = work.flat_map(|it| [&mut it.name, &mut it.department, &mut it.title]);
        let phones = self.phones.iter_mut().flat_map(|it| [&mut it.value, &mut it.kind]);
        let emails = self.emails.iter_mut().flat_map(|it| [&mut it.value, &mut it.kind]);
        let all =
            names.into_iter().chain(&mut self.nicknames).chain(work).chain(phones).chain(emails);
        for text in all.filter(|it| !letters::is_composed(it)) {
            *text = compose(text).into_owned();
        }
    }

    pub fn is_starred(&self) -> bool {
        self.labels.iter().any(|label| label == STARRED)
    }

    /// The stored form, and the fingerprint of the content.
    ///
    /// Google guarantees no order of the items in a field (`people` reference: "the items in a field have
    /// no guaranteed order"), so the fingerprint does not depend on it: else every listing could look
    /// like a change of everything. The stored form keeps the order in which the items came.
    pub fn encode(&self) -> (String, Fingerprint) {
        // A struct of strings, booleans and lists cannot fail to become JSON.
        let json = |it: &Content| serde_json::to_string(it).unwrap_or_default();
        let stored = json(self);
        let digest = match self.in_one_order() {
            Some(sorted) => Sha256::digest(json(&sorted).as_bytes()),
            None => Sha256::digest(stored.as_bytes()),
        };
        let mut fingerprint = Fingerprint::default();
        fingerprint.copy_from_slice(&digest[..16]);
        (stored, fingerprint)
    }

    /// The same content with its items in an order that does not depend on how they came; `None` if they
    /// are in it.
    fn in_one_order(&self) -> Option<Content> {
        if self.phones.is_sorted_by_key(phone_order) && self.emails.is_sorted_by_key(email_order) {
            return None;
        }
        let mut sorted = self.clone();
        sorted.phones.sort_by(|a, b| phone_order(a).cmp(&phone_order(b)));
        sorted.emails.sort_by(|a, b| email_order(a).cmp(&email_order(b)));
        Some(sorted)
    }

    /// Reads the stored form back.
    ///
    /// # Errors
    /// When the text was not written by [`Content::encode`] of this or an older version.
    pub fn decode(json: &str) -> Result<Content, serde_json::Error> {
        serde_json::from_str(json)
    }
}

fn phone_order(it: &Phone) -> (bool, &str, &str, Option<&str>) {
    (!it.primary, &it.kind, &it.value, it.canonical.as_deref())
}

fn email_order(it: &Email) -> (bool, &str, &str) {
    (!it.primary, &it.kind, &it.value)
}

fn sorted<'a, T, K: Ord>(items: &'a [T], order: impl Fn(&'a T) -> K) -> Vec<K> {
    let mut keys: Vec<K> = items.iter().map(order).collect();
    keys.sort_unstable();
    keys
}

/// Takes out what stands in a list a second time.
fn keep_first_of_each<T: Eq + Hash>(items: &mut Vec<T>) {
    let mut seen = HashSet::with_capacity(items.len());
    let first: Vec<bool> = items.iter().map(|it| seen.insert(it)).collect();
    let mut first = first.into_iter();
    items.retain(|_| first.next().unwrap_or(true));
}

/// One field of a contact that a run changed. A missing side means: was not there, is not there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldChange {
    pub field: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<serde_json::Value>,
}

/// What differs between two contents, field by field, in the order of [`Content`]'s fields.
/// `None` stands for a contact that is not there.
pub fn differences(before: Option<&Content>, after: Option<&Content>) -> Vec<FieldChange> {
    // Items that came in another order are no change.
    let (mut phones, mut emails) = (false, false);
    if let (Some(before), Some(after)) = (before, after) {
        phones = sorted(&before.phones, phone_order) == sorted(&after.phones, phone_order);
        emails = sorted(&before.emails, email_order) == sorted(&after.emails, email_order);
    }
    let fields = |content: Option<&Content>| match content.map(serde_json::to_value) {
        Some(Ok(serde_json::Value::Object(mut fields))) => {
            fields.retain(|name, _| !(phones && name == "phones" || emails && name == "emails"));
            fields
        }
        _ => serde_json::Map::new(),
    };
    let (before, mut after) = (fields(before), fields(after));
    let mut changes = Vec::new();
    for (field, value) in before {
        let now = after.remove(&field);
        if now.as_ref() != Some(&value) {
            changes.push(FieldChange { field, before: Some(value), after: now });
        }
    }
    changes.extend(after.into_iter().map(|(field, value)| FieldChange {
        field,
        before: None,
        after: Some(value),
    }));
    changes.sort_by(|a, b| a.field.cmp(&b.field));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone(value: &str, primary: bool) -> Phone {
        Phone { value: value.into(), primary, ..Phone::default() }
    }

    #[test]
    fn the_order_of_numbers_at_google_does_not_look_like_a_change() {
        let mut one =
            Content { phones: vec![phone("2", false), phone("1", true)], ..Content::default() };
        let mut other =
            Content { phones: vec![phone("1", true), phone("2", false)], ..Content::default() };
        one.normalise();
        other.normalise();
        assert_eq!(one.encode(), other.encode());
        assert_eq!(one.phones[0].value, "1", "the primary number stays first");
        let of = |values: [&str; 3]| Content {
            phones: values.iter().map(|it| phone(it, *it == "main")).collect(),
            emails: values
                .iter()
                .map(|it| Email { value: (*it).into(), ..Email::default() })
                .collect(),
            ..Content::default()
        };
        let (mut one, mut other) = (of(["z", "main", "a"]), of(["a", "main", "z"]));
        one.normalise();
        other.normalise();
        assert_eq!(one.encode().1, other.encode().1);
        assert!(differences(Some(&one), Some(&other)).is_empty());
        let values: Vec<&str> = one.phones.iter().map(|it| it.value.as_str()).collect();
        assert_eq!(values, ["main", "z", "a"], "the others stay in Google's order");
    }

    #[test]
    fn a_normal_form_has_composed_letters_plain_labels_and_nothing_twice() {
        let kind = |value: &str, kind: &str| Phone {
            value: value.into(),
            kind: kind.into(),
            ..Phone::default()
        };
        let mut content = Content {
            names: Names { given: "Zoe\u{308}".into(), ..Names::default() },
            nicknames: vec!["Zo\u{308}".into()],
            organization: Some(Organization {
                name: "Cafe\u{301}".into(),
                ..Organization::default()
            }),
            phones: vec![kind("2", "_$!<Main>!$_"), kind("1", ""), kind("2", "main")],
            emails: vec![Email { kind: "_$!<Work>!$_".into(), ..Email::default() }],
            ..Content::default()
        };
        content.normalise();
        assert_eq!((content.names.given.as_str(), content.nicknames[0].as_str()), ("Zoë", "Zö"));
        assert_eq!(content.organization.as_ref().map(|it| it.name.as_str()), Some("Café"));
        assert_eq!(content.phones, [kind("2", "main"), kind("1", "")]);
        assert_eq!(content.emails[0].kind, "work");
        let once = content.clone();
        content.normalise();
        assert_eq!(content, once);
    }

    #[test]
    fn what_is_stored_is_what_is_read() {
        let mut content = Content {
            names: Names { display: "Zoë \u{1F600}".into(), ..Names::default() },
            phones: vec![phone("+49 30", true)],
            labels: vec![STARRED.into()],
            ..Content::default()
        };
        content.normalise();
        let (json, _) = content.encode();
        assert_eq!(Content::decode(&json).unwrap(), content);
        assert!(content.is_starred());
    }

    #[test]
    fn differences_name_the_field_and_both_sides() {
        let before = Content { nicknames: vec!["Al".into()], ..Content::default() };
        let after = Content { nicknames: vec!["Bo".into()], ..Content::default() };
        let changes = differences(Some(&before), Some(&after));
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].field, "nicknames");
        assert!(differences(Some(&after), Some(&after)).is_empty());
        assert_eq!(differences(None, Some(&after))[0].before, None);
    }

    #[test]
    fn a_resource_name_is_people_and_an_id() {
        for good in ["people/c1", "people/me", "people/c5170723913980391624"] {
            assert!(ResourceName::parse(good).is_some(), "{good}");
        }
        for bad in ["", "people/", "people/a b", "people/a/b", "contactGroups/x", "people/\u{7}"] {
            assert!(ResourceName::parse(bad).is_none(), "{bad}");
        }
    }
}
