//! One person of Google's JSON, read into a contact.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::diagnose;
use super::json::{Obj, Text, text};
use ringbook_core::contact::{
    Contact, Content, Email, Names, Organization, Phone, ResourceName, is_visible,
};
use ringbook_core::sync::book::{Entry, Tombstone, Unreadable};

const NAME_LEN_MAX: usize = 1000;
const VALUE_LEN_MAX: usize = 500;
const KIND_LEN_MAX: usize = 100;
const ID_LEN_MAX: usize = 256;

/// A person: a contact, a tombstone, or something to set aside.
pub fn read(json: &str) -> Entry {
    let unreadable = |reason| {
        // Even a person that cannot be read may say who it is.
        let who = serde_json::from_str::<Obj<WhoWire>>(json).ok();
        let resource_name = who.and_then(|it| ResourceName::parse(&it.0.resource_name?.0));
        Entry::Unreadable(Unreadable::new(resource_name, reason, json))
    };
    let Ok(Obj(wire)) = serde_json::from_str::<Obj<PersonWire>>(json) else {
        return unreadable(diagnose::explain(json));
    };
    let Some(Text(name)) = &wire.resource_name else {
        return unreadable("`resourceName` is missing".to_owned());
    };
    let Some(resource_name) = ResourceName::parse(name) else {
        return unreadable("`resourceName` is not of the form people/…".to_owned());
    };
    match &wire.metadata {
        Some(Obj(metadata)) if metadata.deleted == Some(true) => {
            let previous_names = metadata.previous_names(&resource_name);
            Entry::Deleted(Tombstone { resource_name, previous_names })
        }
        _ => Entry::Person(Box::new(wire.into_contact(resource_name))),
    }
}

/// A field in which people write one number on each line, in one line. What parts columns stays apart by two
/// blanks, since it may stand within a number.
fn lines(raw: &Option<Text<'_>>) -> String {
    let is_end = |c: char| {
        matches!(
            c,
            '\n' | '\r' | '\u{B}' | '\u{C}' | '\u{1C}'
                ..='\u{1F}' | '\u{85}' | '\u{2028}' | '\u{2029}'
        )
    };
    let parted =
        raw.as_ref().filter(|it| it.0.trim().contains(|c| c == '\t' || is_end(c))).map(|it| {
            let lines = it.0.split(is_end).map(str::trim).filter(|it| !it.is_empty());
            Text(lines.collect::<Vec<_>>().join(" | ").replace('\t', "  ").into())
        });
    text(if parted.is_some() { &parted } else { raw }, VALUE_LEN_MAX)
}

impl MetadataWire<'_> {
    fn previous_names(&self, current: &ResourceName) -> Vec<ResourceName> {
        let names = self.previous_resource_names.as_deref().unwrap_or_default().iter();
        names.filter_map(|it| ResourceName::parse(&it.0)).filter(|it| it != current).collect()
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
        Contact {
            previous_names: metadata
                .map(|it| it.previous_names(&resource_name))
                .unwrap_or_default(),
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
        let numbers = items(&self.phone_numbers).map(|it| {
            let canonical = text(&it.canonical_form, KIND_LEN_MAX);
            let value = lines(&it.value);
            Phone {
                // Google may know a number by its canonical form alone.
                value: if is_visible(&value) { value } else { canonical.clone() },
                canonical: Some(canonical).filter(|it| !it.is_empty()),
                kind: text(&it.kind, KIND_LEN_MAX),
                primary: is_primary(&it.metadata),
            }
        });
        // An address whose user is a number can be dialled, and the others are shown.
        let addresses = items(&self.sip_addresses).map(|it| {
            let value = text(&it.value, VALUE_LEN_MAX);
            let has_scheme = value.is_empty() || value.contains(':');
            Phone {
                value: if has_scheme { value } else { format!("sip:{value}") },
                canonical: None,
                kind: text(&it.kind, KIND_LEN_MAX),
                primary: false,
            }
        });
        numbers.chain(addresses).filter(|it| !it.value.is_empty()).collect()
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
    sip_addresses: Option<Vec<Obj<EmailWire<'a>>>>,
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

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn contact(json: &str) -> Contact {
        match read(json) {
            Entry::Person(contact) => *contact,
            other => panic!("not a contact: {other:?}"),
        }
    }

    fn stored(json: &str, wanted: Expect) {
        wanted.assert_eq(&contact(json).content.encode().0);
    }

    #[test]
    fn a_recorded_person_is_read_in_full() {
        let json = r##"{"resourceName":"people/c5170723913980391624","etag":"%EgcB","metadata":{"sources":[
            {"type":"CONTACT","id":"47c21a010c6b30c8","etag":"#Zm4YfTizA7M=","updateTime":"2023-02-24T16:40:20.181599Z"}],"objectType":"PERSON"},
            "names":[{"metadata":{"primary":true,"sourcePrimary":true,"source":{"type":"CONTACT","id":"47c21a010c6b30c8"}},
            "displayName":"Dr. John Jay Doe III","displayNameLastFirst":"Doe, Dr. John Jay, III","unstructuredName":"Dr. John Jay Doe III",
            "honorificPrefix":"Dr.","givenName":"John","middleName":"Jay","familyName":"Doe","honorificSuffix":"III","phoneticGivenName":"Dʒɒn"}],
            "nicknames":[{"value":"Johnny"},{"value":" "}],
            "phoneNumbers":[{"value":"801-520-4769 - noel cell","type":"Night desk","formattedType":"Night desk"},
                {"metadata":{"primary":true},"value":"666 12 34 90","canonicalForm":"+34666123490","type":"mobile","formattedType":"Mobile"}],
            "emailAddresses":[{"metadata":{"primary":true},"value":"doe@example.com","type":"work","displayName":"J"}],
            "memberships":[{"contactGroupMembership":{"contactGroupId":"starred","contactGroupResourceName":"contactGroups/starred"}},
                {"contactGroupMembership":{"contactGroupId":"1f"}},{"domainMembership":{"inViewerDomain":true}}]}"##;
        let contact = contact(json);
        assert_eq!(contact.etag.as_deref(), Some("#Zm4YfTizA7M="));
        assert_eq!(contact.edited_at, "2023-02-24T16:40:20.181599Z".parse().ok());
        expect![[r#"{"names":{"display":"Dr. John Jay Doe III","last_first":"Doe, Dr. John Jay, III","unstructured":"Dr. John Jay Doe III","prefix":"Dr.","given":"John","middle":"Jay","family":"Doe","suffix":"III","phonetic_given":"Dʒɒn"},"nicknames":["Johnny"],"phones":[{"value":"666 12 34 90","canonical":"+34666123490","kind":"mobile","primary":true},{"value":"801-520-4769 - noel cell","kind":"Night desk"}],"emails":[{"value":"doe@example.com","kind":"work","primary":true}],"labels":["contactGroups/1f","contactGroups/starred"]}"#]].assert_eq(&contact.content.encode().0);
    }

    #[test]
    fn what_parts_the_lines_of_a_field_still_parts_them_in_one_line() {
        for (typed, stored) in [
            (r"1\n2", "1 | 2"),
            (r"1\r\n2", "1 | 2"),
            (r"1\u000b2", "1 | 2"),
            (r"1\u000c2", "1 | 2"),
            (r"1\u00852", "1 | 2"),
            (r"1\u001e2", "1 | 2"),
            (r"1\u20282", "1 | 2"),
            (r"1\u20292", "1 | 2"),
            // An area may stand in front of it.
            (r"1\t2", "1  2"),
            (r"1\t2\n3", "1  2 | 3"),
            (r"\n1\u000b\n", "1"),
            (r"\t1\t", "1"),
            (r"\u200b", "+431"),
        ] {
            let json = format!(
                r#"{{"resourceName":"people/c1","phoneNumbers":[{{"value":"{typed}","canonicalForm":"+431"}}]}}"#
            );
            assert_eq!(contact(&json).content.phones[0].value, stored, "{typed}");
        }
    }

    #[test]
    fn a_person_may_have_nothing_but_a_resource_name() {
        stored(r#"{"resourceName":"people/c1"}"#, expect!["{}"]);
        stored(
            r#"{"resourceName":"people/c1","names":null,"phoneNumbers":[],"metadata":null,"memberships":[{}]}"#,
            expect!["{}"],
        );
    }

    #[test]
    fn of_several_names_the_users_own_counts_and_then_the_primary_one() {
        let name = |text: &str, kind: &str, primary: bool| {
            format!(
                r#"{{"displayName":"{text}","metadata":{{"primary":{primary},"source":{{"type":"{kind}"}}}}}}"#
            )
        };
        let profile = name("Profile", "PROFILE", true);
        let own = name("Own", "CONTACT", false);
        let primary = name("Primary", "CONTACT", true);
        let nameless = r#"{"metadata":{"primary":true,"source":{"type":"CONTACT"}}}"#.to_owned();
        for (names, wanted) in [
            (vec![&profile, &own], "Own"),
            (vec![&own, &profile], "Own"),
            (vec![&profile, &own, &primary], "Primary"),
            (vec![&nameless, &profile], "Profile"),
        ] {
            let names: Vec<_> = names.into_iter().cloned().collect();
            let json = format!(r#"{{"resourceName":"people/c1","names":[{}]}}"#, names.join(","));
            assert_eq!(contact(&json).content.names.display, wanted, "{json}");
        }
    }

    #[test]
    fn of_several_organizations_the_current_one_counts_in_any_order() {
        let old = r#"{"metadata":{"primary":true},"name":"Old"}"#;
        let now = r#"{"current":true,"name":"Now","title":"Boss","startDate":{"year":2020}}"#;
        let empty = r#"{"current":true,"metadata":{"primary":true}}"#;
        for list in [[old, now, empty], [empty, now, old]] {
            let json =
                format!(r#"{{"resourceName":"people/c1","organizations":[{}]}}"#, list.join(","));
            let organization = contact(&json).content.organization.map(|it| (it.name, it.title));
            assert_eq!(organization, Some(("Now".into(), "Boss".into())));
        }
    }

    #[test]
    fn numbers_and_addresses_without_a_value_are_left_out() {
        stored(
            r#"{"resourceName":"people/c1","phoneNumbers":[{"type":"home"},{"value":"  "},{"value":null},{"value":" 1820 "}],"emailAddresses":[{"displayName":"x"}]}"#,
            expect![[r#"{"phones":[{"value":"1820"}]}"#]],
        );
    }

    #[test]
    fn texts_of_every_script_survive_and_what_no_screen_shows_does_not() {
        let json = r#"{"resourceName":"people/c1","names":[{"displayName":"\ud83d\ude00 \u0000שלום\nZoë\u0007","givenName":"LONG"}]}"#
            .replace("LONG", &"é".repeat(5000));
        let names = contact(&json).content.names;
        assert_eq!(names.display, "😀 שלום Zoë");
        assert_eq!(names.given.chars().count(), NAME_LEN_MAX);
    }

    #[test]
    fn an_unreadable_time_is_no_reason_to_lose_a_contact() {
        for time in ["5", "\"yesterday\"", "null", "{}", "\"9999999-01-01T00:00:00Z\""] {
            let json = format!(
                r#"{{"resourceName":"people/c1","metadata":{{"sources":[{{"type":"CONTACT","updateTime":{time}}}]}}}}"#
            );
            assert_eq!(contact(&json).edited_at, None, "{time}");
        }
    }

    #[test]
    fn a_person_that_cannot_be_read_still_says_who_it_is() {
        for (json, name, reason) in [
            (
                r#"{"resourceName":"people/c7","names":{}}"#,
                Some("people/c7"),
                "`names` should be a list but is an object",
            ),
            (
                r#"{"resourceName":"people/c7","names":[{"givenName":"\ud800"}]}"#,
                Some("people/c7"),
                "a text holds an escape that stands for no character, or a number is out of range, or it is nested too deeply",
            ),
            (
                r#"{"resourceName":"contactGroups/x"}"#,
                None,
                "`resourceName` is not of the form people/…",
            ),
            (r#"{"names":[]}"#, None, "`resourceName` is missing"),
            (r#"{"resourceName":7}"#, None, "`resourceName` should be a text but is a number"),
            ("[]", None, "`person` should be an object but is a list"),
            ("null", None, "`person` should be an object but is null"),
        ] {
            let Entry::Unreadable(it) = read(json) else { panic!("{json} is readable") };
            assert_eq!(it.resource_name.as_ref().map(|it| it.as_str()), name, "{json}");
            assert_eq!(it.reason, reason, "{json}");
        }
    }

    #[test]
    fn a_tombstone_is_one_only_when_it_says_so() {
        let deleted = r#"{"resourceName":"people/c2","etag":"%EgUB","metadata":{"deleted":true,"objectType":"PERSON"}}"#;
        assert!(
            matches!(read(deleted), Entry::Deleted(it) if it.resource_name.as_str() == "people/c2")
        );
        let emptied = r#"{"resourceName":"people/c2","metadata":{"deleted":false}}"#;
        assert!(matches!(read(emptied), Entry::Person(_)));
    }
}
