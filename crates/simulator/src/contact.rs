//! A made-up contact as its owner stored it, without anything that Google adds.

use serde::{Deserialize, Serialize};

use super::book::{Record, resource_name};

/// What a person typed into Google Contacts. The first item of each list is the primary one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Contact {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nicknames: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub organizations: Vec<Organization>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub phone_numbers: Vec<PhoneNumber>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub email_addresses: Vec<EmailAddress>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sip_addresses: Vec<EmailAddress>,
    /// Ids of contact groups, such as `myContacts`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Linked with a Google profile, whose data is merged in unless a request asks for contacts only.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub profile: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Name {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub given: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub family: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub middle: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub suffix: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub phonetic_given: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub phonetic_family: String,
    /// Free text, for a name that was never taken apart.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub unstructured: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Organization {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub department: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct PhoneNumber {
    /// As typed.
    pub value: String,
    /// E.164, when Google can make sense of the number.
    #[serde(rename = "canonicalForm", skip_serializing_if = "Option::is_none")]
    pub canonical: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct EmailAddress {
    pub value: String,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// A live contact in one fixed form, to compare a mirror with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Truth {
    pub resource_name: String,
    pub source_id: String,
    pub display_name: Option<String>,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub nicknames: Vec<String>,
    /// In their order: the first is the primary one.
    pub organizations: Vec<Organization>,
    pub phone_numbers: Vec<PhoneNumber>,
    pub email_addresses: Vec<EmailAddress>,
    pub groups: Vec<String>,
}

impl Contact {
    /// A contact with a name and one number, the commonest thing a test wants.
    pub fn named(given: &str, family: &str, number: &str) -> Contact {
        let name = Name { given: given.into(), family: family.into(), ..Name::default() };
        let canonical = number.strip_prefix('+').map(|digits| {
            format!("+{}", digits.chars().filter(char::is_ascii_digit).collect::<String>())
        });
        let phone =
            PhoneNumber { value: number.into(), canonical, label: Some("mobile".to_owned()) };
        Contact {
            name: Some(name),
            phone_numbers: vec![phone],
            groups: vec!["myContacts".to_owned()],
            ..Contact::default()
        }
    }
}

impl Name {
    /// The name in reading order, as Google shows it to a viewer of an ordinary locale.
    pub fn display(&self) -> String {
        self.arranged(false)
    }

    /// `family_first` is how viewers in Japan, China, Korea and Hungary are shown names.
    pub(super) fn arranged(&self, family_first: bool) -> String {
        if !self.is_structured() {
            return self.unstructured.clone();
        }
        let order = if family_first {
            [&self.prefix, &self.family, &self.given, &self.middle, &self.suffix]
        } else {
            [&self.prefix, &self.given, &self.middle, &self.family, &self.suffix]
        };
        joined(&order)
    }

    /// "Doe, Dr. John Jay, III".
    pub(super) fn last_first(&self) -> String {
        if !self.is_structured() {
            return self.unstructured.clone();
        }
        let rest = joined(&[&self.prefix, &self.given, &self.middle]);
        let mut text = self.family.clone();
        for part in [&rest, &self.suffix] {
            if !part.is_empty() {
                if !text.is_empty() {
                    text.push_str(", ");
                }
                text.push_str(part);
            }
        }
        text
    }

    fn is_structured(&self) -> bool {
        !(self.given.is_empty()
            && self.family.is_empty()
            && self.middle.is_empty()
            && self.prefix.is_empty()
            && self.suffix.is_empty())
    }
}

impl Truth {
    pub(super) fn of(record: &Record) -> Truth {
        let Contact {
            name, nicknames, organizations, phone_numbers, email_addresses, groups, ..
        } = record.contact.clone();
        let text = |value: &str| (!value.is_empty()).then(|| value.to_owned());
        Truth {
            resource_name: resource_name(record.name),
            source_id: format!("{:x}", record.source),
            display_name: name.as_ref().and_then(|name| text(&name.display())),
            given_name: name.as_ref().and_then(|name| text(&name.given)),
            family_name: name.as_ref().and_then(|name| text(&name.family)),
            nicknames: sorted(nicknames),
            organizations,
            phone_numbers: sorted(phone_numbers),
            email_addresses: sorted(email_addresses),
            groups: sorted(groups),
        }
    }
}

fn sorted<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort();
    items
}

fn joined(parts: &[&String]) -> String {
    let mut text = String::new();
    for part in parts.iter().filter(|part| !part.is_empty()) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(part);
    }
    text
}
