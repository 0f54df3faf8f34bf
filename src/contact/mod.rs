//! What a contact is: the names, numbers and labels that Ringbook keeps of one person.
//!
//! Everything here is plain data and pure rules. Nothing talks to Google or to a database.

mod keypad;
mod name;
mod text;
mod vcard;

pub use keypad::Keypad;
pub use name::{Initial, NameKey, NameOrder, fold};
pub use text::clean;
pub use vcard::{VcardVersion, vcard};

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

/// The part of a contact that is shown to people, in a normal form: equal contents are equal bytes.
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub phones: Vec<Phone>,
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Brings multi-valued fields into one order, since Google guarantees none
    /// (`people` reference: "the items in a field have no guaranteed order").
    ///
    /// Without it every listing could look like a change of everything. The primary item stays first.
    pub fn normalise(&mut self) {
        self.nicknames.sort();
        self.nicknames.dedup();
        self.phones
            .sort_by(|a, b| (!a.primary, &a.kind, &a.value).cmp(&(!b.primary, &b.kind, &b.value)));
        self.phones.dedup();
        self.emails
            .sort_by(|a, b| (!a.primary, &a.kind, &a.value).cmp(&(!b.primary, &b.kind, &b.value)));
        self.emails.dedup();
        self.labels.sort();
        self.labels.dedup();
    }

    /// What to call this contact: its name, or the next best thing that Google's own pages would show.
    pub fn display_name(&self) -> &str {
        let first_email = || self.emails.first().map_or("", |email| &email.value);
        let first_phone = || self.phones.first().map_or("", |phone| &phone.value);
        let organization = self.organization.as_ref();
        [
            self.names.display.as_str(),
            self.names.unstructured.as_str(),
            self.names.given.as_str(),
            self.names.family.as_str(),
            self.nicknames.first().map_or("", String::as_str),
            organization.map_or("", |it| &it.name),
            organization.map_or("", |it| &it.title),
            first_email(),
            first_phone(),
        ]
        .into_iter()
        .find(|text| !text.is_empty())
        .unwrap_or("(no name)")
    }

    pub fn is_starred(&self) -> bool {
        self.labels.iter().any(|label| label == STARRED)
    }

    /// The stored form, and the fingerprint of it.
    pub fn encode(&self) -> (String, Fingerprint) {
        // A struct of strings, booleans and lists cannot fail to become JSON.
        let json = serde_json::to_string(self).unwrap_or_default();
        let digest = Sha256::digest(json.as_bytes());
        let mut fingerprint = Fingerprint::default();
        fingerprint.copy_from_slice(&digest[..16]);
        (json, fingerprint)
    }

    /// Reads the stored form back.
    ///
    /// # Errors
    /// When the text was not written by [`Content::encode`] of this or an older version.
    pub fn decode(json: &str) -> Result<Content, serde_json::Error> {
        serde_json::from_str(json)
    }
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
    let fields = |content: Option<&Content>| match content.map(serde_json::to_value) {
        Some(Ok(serde_json::Value::Object(fields))) => fields,
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
    fn a_contact_without_a_name_is_called_by_the_next_best_thing() {
        let mut content = Content::default();
        assert_eq!(content.display_name(), "(no name)");
        content.phones.push(phone("1820", true));
        assert_eq!(content.display_name(), "1820");
        content.organization =
            Some(Organization { name: "City Taxi".into(), ..Organization::default() });
        assert_eq!(content.display_name(), "City Taxi");
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
