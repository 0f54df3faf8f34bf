//! One person of Google's JSON, read into a contact.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::json::{Obj, Text, text};
use super::misfit;
use crate::contact::{Contact, Content, Email, Names, Organization, Phone, ResourceName};
use crate::sync::book::{Entry, Unreadable};

const NAME_LEN_MAX: usize = 1000;
const VALUE_LEN_MAX: usize = 500;
const KIND_LEN_MAX: usize = 100;
const ID_LEN_MAX: usize = 256;

/// A person: a contact, a tombstone, or something to set aside.
pub(super) fn read(json: &str) -> Entry {
    let unreadable = |reason| {
        // Even a person that cannot be read may say who it is.
        let who = serde_json::from_str::<Obj<WhoWire>>(json).ok();
        let resource_name = who.and_then(|it| ResourceName::parse(&it.0.resource_name?.0));
        Entry::Unreadable(Unreadable { resource_name, reason })
    };
    let Ok(Obj(wire)) = serde_json::from_str::<Obj<PersonWire>>(json) else {
        return unreadable(misfit::explain(json));
    };
    let Some(Text(name)) = &wire.resource_name else {
        return unreadable("`resourceName` is missing".to_owned());
    };
    let Some(resource_name) = ResourceName::parse(name) else {
        return unreadable("`resourceName` is not of the form people/…".to_owned());
    };
    match &wire.metadata {
        Some(Obj(metadata)) if metadata.deleted == Some(true) => Entry::Deleted(resource_name),
        _ => Entry::Person(Box::new(wire.into_contact(resource_name))),
    }
}

impl PersonWire<'_> {
    fn into_contact(self, resource_name: ResourceName) -> Contact {
        let mut content = Content {
            names: self.names(),
            nicknames: self.nicknames(),
            organization: self.organization(),
            phones: self.phones(),
            emails: self.emails(),
            labels: self.labels(),
        };
        content.normalise();
        let metadata = self.metadata.as_ref().map(|it| &it.0);
        let source = metadata
            .and_then(|it| it.sources.as_ref())
            .and_then(|them| them.iter().map(|it| &it.0).find(|it| it.is_contact()));
        let previous_names = metadata
            .and_then(|it| it.previous_resource_names.as_deref())
            .unwrap_or_default()
            .iter()
            .filter_map(|it| ResourceName::parse(&it.0))
            .filter(|it| *it != resource_name)
            .collect();
        Contact {
            previous_names,
            etag: source.map(|it| text(&it.etag, ID_LEN_MAX)).filter(|it| !it.is_empty()),
            edited_at: source.and_then(SourceWire::edited_at),
            resource_name,
            content,
        }
    }

    /// The name that the user stored. Others appear only when profiles are merged in, and then
    /// the order says nothing (`people` reference: "no guaranteed order").
    fn names(&self) -> Names {
        let rank = |name: &NameWire| (source_rank(&name.metadata), !is_primary(&name.metadata));
        items(&self.names)
            .map(|it| (rank(it), it.names()))
            .filter(|(_, names)| !names.is_empty())
            .min_by(|(a, one), (b, other)| (a, &one.display).cmp(&(b, &other.display)))
            .map(|(_, names)| names)
            .unwrap_or_default()
    }

    fn nicknames(&self) -> Vec<String> {
        let values = items(&self.nicknames).map(|it| text(&it.value, VALUE_LEN_MAX));
        values.filter(|it| !it.is_empty()).collect()
    }

    /// Where they work now; of several, the one that Google shows first.
    fn organization(&self) -> Option<Organization> {
        items(&self.organizations)
            .map(|it| {
                let organization = Organization {
                    name: text(&it.name, VALUE_LEN_MAX),
                    department: text(&it.department, VALUE_LEN_MAX),
                    title: text(&it.title, VALUE_LEN_MAX),
                };
                (it.current != Some(true), !is_primary(&it.metadata), organization)
            })
            .filter(|(_, _, it)| *it != Organization::default())
            .min()
            .map(|(_, _, it)| it)
    }

    fn phones(&self) -> Vec<Phone> {
        items(&self.phone_numbers)
            .map(|it| Phone {
                value: text(&it.value, VALUE_LEN_MAX),
                canonical: Some(text(&it.canonical_form, KIND_LEN_MAX)).filter(|it| !it.is_empty()),
                kind: text(&it.kind, KIND_LEN_MAX),
                primary: is_primary(&it.metadata),
            })
            .filter(|it| !it.value.is_empty())
            .collect()
    }

    fn emails(&self) -> Vec<Email> {
        items(&self.email_addresses)
            .map(|it| Email {
                value: text(&it.value, VALUE_LEN_MAX),
                kind: text(&it.kind, KIND_LEN_MAX),
                primary: is_primary(&it.metadata),
            })
            .filter(|it| !it.value.is_empty())
            .collect()
    }

    fn labels(&self) -> Vec<String> {
        items(&self.memberships)
            .filter_map(|it| it.contact_group_membership.as_ref())
            .map(|Obj(group)| match text(&group.contact_group_resource_name, ID_LEN_MAX) {
                name if !name.is_empty() => name,
                _ => match text(&group.contact_group_id, ID_LEN_MAX) {
                    id if id.is_empty() => id,
                    id => format!("contactGroups/{id}"),
                },
            })
            .filter(|it| !it.is_empty())
            .collect()
    }
}

fn items<T>(list: &Option<Vec<Obj<T>>>) -> impl Iterator<Item = &T> {
    list.iter().flatten().map(|it| &it.0)
}

fn is_primary(metadata: &Option<Obj<FieldMetadataWire>>) -> bool {
    metadata.as_ref().is_some_and(|it| it.0.primary == Some(true))
}

/// What the user stored comes first, what does not say where it is from next.
fn source_rank(metadata: &Option<Obj<FieldMetadataWire>>) -> u8 {
    match metadata.as_ref().and_then(|it| it.0.source.as_ref()) {
        Some(Obj(source)) if source.is_contact() => 0,
        None => 1,
        Some(_) => 2,
    }
}

impl NameWire<'_> {
    fn names(&self) -> Names {
        let text = |it| text(it, NAME_LEN_MAX);
        Names {
            display: text(&self.display_name),
            last_first: text(&self.display_name_last_first),
            unstructured: text(&self.unstructured_name),
            prefix: text(&self.honorific_prefix),
            given: text(&self.given_name),
            middle: text(&self.middle_name),
            family: text(&self.family_name),
            suffix: text(&self.honorific_suffix),
            phonetic_full: text(&self.phonetic_full_name),
            phonetic_given: text(&self.phonetic_given_name),
            phonetic_middle: text(&self.phonetic_middle_name),
            phonetic_family: text(&self.phonetic_family_name),
        }
    }
}

/// As much of a person as says who it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WhoWire<'a> {
    #[serde(borrow)]
    pub(super) resource_name: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PersonWire<'a> {
    #[serde(borrow)]
    resource_name: Option<Text<'a>>,
    #[serde(borrow)]
    metadata: Option<Obj<MetadataWire<'a>>>,
    #[serde(borrow)]
    names: Option<Vec<Obj<NameWire<'a>>>>,
    #[serde(borrow)]
    nicknames: Option<Vec<Obj<NicknameWire<'a>>>>,
    #[serde(borrow)]
    organizations: Option<Vec<Obj<OrganizationWire<'a>>>>,
    #[serde(borrow)]
    phone_numbers: Option<Vec<Obj<PhoneWire<'a>>>>,
    #[serde(borrow)]
    email_addresses: Option<Vec<Obj<EmailWire<'a>>>>,
    #[serde(borrow)]
    memberships: Option<Vec<Obj<MembershipWire<'a>>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MetadataWire<'a> {
    pub(super) deleted: Option<bool>,
    #[serde(borrow)]
    previous_resource_names: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    pub(super) sources: Option<Vec<Obj<SourceWire<'a>>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SourceWire<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    etag: Option<Text<'a>>,
    /// Raw, since nothing depends on it: one that cannot be read is ignored.
    #[serde(borrow)]
    update_time: Option<&'a RawValue>,
}

impl SourceWire<'_> {
    pub(super) fn is_contact(&self) -> bool {
        self.kind.as_ref().is_some_and(|it| it.0 == "CONTACT")
    }

    fn edited_at(&self) -> Option<Timestamp> {
        let Text(time) = serde_json::from_str(self.update_time?.get()).ok()?;
        let time: Timestamp = time.parse().ok()?;
        // Whole microseconds, as everything that is stored.
        Timestamp::from_microsecond(time.as_microsecond()).ok()
    }
}

#[derive(Deserialize)]
struct FieldMetadataWire<'a> {
    primary: Option<bool>,
    #[serde(borrow)]
    source: Option<Obj<SourceWire<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NameWire<'a> {
    #[serde(borrow)]
    metadata: Option<Obj<FieldMetadataWire<'a>>>,
    #[serde(borrow)]
    display_name: Option<Text<'a>>,
    #[serde(borrow)]
    display_name_last_first: Option<Text<'a>>,
    #[serde(borrow)]
    unstructured_name: Option<Text<'a>>,
    #[serde(borrow)]
    honorific_prefix: Option<Text<'a>>,
    #[serde(borrow)]
    given_name: Option<Text<'a>>,
    #[serde(borrow)]
    middle_name: Option<Text<'a>>,
    #[serde(borrow)]
    family_name: Option<Text<'a>>,
    #[serde(borrow)]
    honorific_suffix: Option<Text<'a>>,
    #[serde(borrow)]
    phonetic_full_name: Option<Text<'a>>,
    #[serde(borrow)]
    phonetic_given_name: Option<Text<'a>>,
    #[serde(borrow)]
    phonetic_middle_name: Option<Text<'a>>,
    #[serde(borrow)]
    phonetic_family_name: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct NicknameWire<'a> {
    #[serde(borrow)]
    value: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct OrganizationWire<'a> {
    #[serde(borrow)]
    metadata: Option<Obj<FieldMetadataWire<'a>>>,
    current: Option<bool>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    department: Option<Text<'a>>,
    #[serde(borrow)]
    title: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PhoneWire<'a> {
    #[serde(borrow)]
    metadata: Option<Obj<FieldMetadataWire<'a>>>,
    #[serde(borrow)]
    value: Option<Text<'a>>,
    #[serde(borrow)]
    canonical_form: Option<Text<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct EmailWire<'a> {
    #[serde(borrow)]
    metadata: Option<Obj<FieldMetadataWire<'a>>>,
    #[serde(borrow)]
    value: Option<Text<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MembershipWire<'a> {
    #[serde(borrow)]
    contact_group_membership: Option<Obj<GroupMembershipWire<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupMembershipWire<'a> {
    #[serde(borrow)]
    contact_group_resource_name: Option<Text<'a>>,
    #[serde(borrow)]
    contact_group_id: Option<Text<'a>>,
}
