//! Google's answers, read.
//!
//! A page is checked strictly, since what it leaves out means "there is no more". What is inside
//! a list is read with patience: one odd item must not spoil the others.

use std::ops::Range;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::json::{Obj, Strict, Text, document, object, text};
use super::person::{self, MetadataWire};
use ringbook_core::contact::ResourceName;
use ringbook_core::sync::book::{Entries, Label, Page, PageToken, Presence, SyncToken};

const NAME_LEN_MAX: usize = 1000;
const ID_LEN_MAX: usize = 256;

/// Google lists at most 1000 persons a page. Far more are no page, and would take far more memory than
/// the text they came in.
const PERSONS_MAX: usize = 10_000;

/// A page of `people.connections.list`, or why this is none.
///
/// Only its frame is read here; the persons are, when they are stored.
pub fn page(body: Vec<u8>) -> Result<Page, String> {
    read_page(body, |wire| {
        (std::mem::take(&mut wire.connections), std::mem::take(&mut wire.people))
    })
}

/// A page of `people.listDirectoryPeople`, or why this is none.
pub fn domain_page(body: Vec<u8>) -> Result<Page, String> {
    read_page(body, |wire| {
        (std::mem::take(&mut wire.people), std::mem::take(&mut wire.connections))
    })
}

const AN_ERROR: &str = "the answer is an error with the status of a success";

type Listed<'a> = Strict<Vec<&'a RawValue>>;

fn read_page(
    body: Vec<u8>,
    listed: impl for<'a> FnOnce(&mut PageWire<'a>) -> (Listed<'a>, Listed<'a>),
) -> Result<Page, String> {
    let body = String::from_utf8(body).map_err(|_| "the answer is not UTF-8 text")?;
    let mut wire: PageWire = object(&body)?;
    if wire.error.is_some() {
        return Err(AN_ERROR.to_owned());
    }
    let token = |it: Strict<Text>| it.0.map(|it| it.0.into_owned()).filter(|it| !it.is_empty());
    let (Strict(persons), Strict(others)) = listed(&mut wire);
    if others.is_some() {
        // Taken for this listing it would be one with nobody in it.
        return Err("the answer is of another listing".to_owned());
    }
    if persons.is_none()
        && wire.next_page_token.0.is_none()
        && wire.next_sync_token.0.is_none()
        && wire.total_items.0.is_none()
        && !is_empty_object(body.as_bytes())
    {
        return Err("the answer has none of the fields of a listing".to_owned());
    }
    if persons.as_ref().is_some_and(|it| it.len() > PERSONS_MAX) {
        return Err(format!("the answer lists more than {PERSONS_MAX} persons"));
    }
    // Where each person stands in the text, since a text and its borrowers cannot move together.
    let start = body.as_ptr() as usize;
    let places: Vec<Range<usize>> = persons
        .unwrap_or_default()
        .into_iter()
        .map(|it| {
            let from = it.get().as_ptr() as usize - start;
            from..from + it.get().len()
        })
        .collect();
    let next = token(wire.next_page_token).map(PageToken::new);
    let sync_token = token(wire.next_sync_token).map(SyncToken::new);
    let total = wire.total_items.0;
    let entries = Entries::unread(move || {
        places.iter().map(|place| person::read(body.get(place.clone()).unwrap_or(""))).collect()
    });
    Ok(Page { entries, next, sync_token, total })
}

/// One page of `contactGroups.list`, and the token of the next. The first page of an account is never without
/// groups, since Google makes some for each.
pub fn labels(body: &[u8], first: bool) -> Result<(Vec<Label>, Option<String>), String> {
    let wire: GroupsWire = document(body)?;
    if wire.error.is_some() {
        return Err(AN_ERROR.to_owned());
    }
    if first && wire.contact_groups.0.is_none() {
        return Err("the answer has no `contactGroups`".to_owned());
    }
    let label = |raw: &RawValue| {
        // A label that cannot be read is no reason to show none.
        let Obj(group) = serde_json::from_str::<Obj<GroupWire>>(raw.get()).ok()?;
        let resource_name = text(&group.resource_name, ID_LEN_MAX);
        let deleted = group.metadata.is_some_and(|it| it.0.deleted == Some(true));
        (!deleted && resource_name.starts_with("contactGroups/")).then(|| Label {
            resource_name,
            name: text(&group.name, NAME_LEN_MAX),
            system: group.group_type.is_some_and(|it| it.0 == "SYSTEM_CONTACT_GROUP"),
        })
    };
    let next = wire.next_page_token.0.map(|it| it.0.into_owned()).filter(|it| !it.is_empty());
    Ok((wire.contact_groups.0.unwrap_or_default().into_iter().filter_map(label).collect(), next))
}

/// The resource name of `people/me`, or `None` if it does not say more than `me`.
pub fn identity(body: &[u8]) -> Result<Option<ResourceName>, String> {
    let wire: person::WhoWire = document(body)?;
    let name = wire.resource_name.ok_or("the answer has no `resourceName`")?;
    let name = ResourceName::parse(&name.0).ok_or("`resourceName` is not of the form people/…")?;
    // An alias is the same for every account, so it identifies none.
    Ok((name.as_str() != "people/me").then_some(name))
}

/// What `people:batchGet` says of each of these names, in their order.
pub fn verdicts(body: &[u8], names: &[ResourceName]) -> Result<Vec<Presence>, String> {
    let wire: BatchWire = document(body)?;
    if wire.error.is_some() {
        return Err(AN_ERROR.to_owned());
    }
    if wire.responses.0.is_none() && !names.is_empty() {
        return Err("the answer has no `responses`".to_owned());
    }
    let mut verdicts = vec![Presence::Unknown; names.len()];
    for raw in wire.responses.0.unwrap_or_default() {
        let Ok(Obj(item)) = serde_json::from_str::<Obj<AnswerWire>>(raw.get()) else { continue };
        let Some(Text(asked)) = &item.requested_resource_name else { continue };
        let verdict = item.verdict(asked);
        for (slot, _) in verdicts.iter_mut().zip(names).filter(|(_, it)| it.as_str() == asked) {
            *slot = verdict.clone();
        }
    }
    Ok(verdicts)
}

fn is_empty_object(body: &[u8]) -> bool {
    let inner = body.trim_ascii().strip_prefix(b"{").and_then(|it| it.strip_suffix(b"}"));
    inner.is_some_and(|it| it.trim_ascii().is_empty())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageWire<'a> {
    #[serde(borrow, default)]
    connections: Listed<'a>,
    /// What a list of the domain calls them.
    #[serde(borrow, default)]
    people: Listed<'a>,
    #[serde(borrow, default)]
    next_page_token: Strict<Text<'a>>,
    #[serde(borrow, default)]
    next_sync_token: Strict<Text<'a>>,
    #[serde(default)]
    total_items: Strict<u64>,
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupsWire<'a> {
    error: Option<IgnoredAny>,
    #[serde(borrow, default)]
    contact_groups: Strict<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    next_page_token: Strict<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupWire<'a> {
    #[serde(borrow)]
    resource_name: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    group_type: Option<Text<'a>>,
    #[serde(borrow)]
    metadata: Option<Obj<MetadataWire<'a>>>,
}

#[derive(Deserialize)]
struct BatchWire<'a> {
    error: Option<IgnoredAny>,
    #[serde(borrow, default)]
    responses: Strict<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnswerWire<'a> {
    #[serde(borrow)]
    requested_resource_name: Option<Text<'a>>,
    #[serde(borrow)]
    person: Option<Obj<BriefWire<'a>>>,
    status: Option<Obj<StatusWire>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BriefWire<'a> {
    #[serde(borrow)]
    resource_name: Option<Text<'a>>,
    #[serde(borrow)]
    metadata: Option<Obj<MetadataWire<'a>>>,
}

#[derive(Deserialize)]
struct StatusWire {
    code: Option<i64>,
}

impl AnswerWire<'_> {
    /// `status.code` is a google.rpc.Code: 5 is NOT_FOUND, 0 or none at all is OK.
    fn verdict(&self, asked: &str) -> Presence {
        match self.status.as_ref().and_then(|it| it.0.code).unwrap_or(0) {
            0 => {}
            5 => return Presence::Gone,
            _ => return Presence::Unknown,
        }
        let Some(Obj(person)) = &self.person else { return Presence::Unknown };
        if let Some(Obj(metadata)) = &person.metadata {
            if metadata.deleted == Some(true) {
                return Presence::Gone;
            }
            // Only the public profile of a linked account is left. Contacts were asked for, so the contact is gone.
            let sources = metadata.sources.as_deref().unwrap_or_default();
            if !sources.is_empty() && !sources.iter().any(|it| it.0.is_contact()) {
                return Presence::Gone;
            }
        }
        match &person.resource_name {
            Some(Text(found)) if found == asked => Presence::Alive,
            Some(Text(found)) => {
                ResourceName::parse(found).map_or(Presence::Unknown, Presence::Renamed)
            }
            None => Presence::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PAGE: &str = r#"{"connections":[{"resourceName":"people/c1","names":[{"displayName":"Ada"}]},{"resourceName":"people/c2","metadata":{"deleted":true}}],"nextPageToken":"p","totalItems":2}"#;

    #[test]
    fn an_empty_token_is_no_token() {
        let page = page(br#"{"nextPageToken":"","nextSyncToken":"t"}"#.to_vec());
        assert!(page.is_ok_and(|it| it.next.is_none() && it.sync_token.is_some()));
    }

    #[test]
    fn a_page_of_one_listing_is_none_of_another() {
        let [contacts, domain] = ["connections", "people"]
            .map(|it| format!(r#"{{"{it}":[{{"resourceName":"people/1"}}],"nextSyncToken":"t"}}"#));
        assert!(page(contacts.clone().into_bytes()).is_ok());
        assert!(domain_page(domain.clone().into_bytes()).is_ok());
        assert!(page(domain.into_bytes()).is_err() && domain_page(contacts.into_bytes()).is_err());
        let empty = br#"{"nextSyncToken":"t"}"#.to_vec();
        assert!(domain_page(empty).is_ok_and(|it| it.total.is_none() && it.sync_token.is_some()));
    }

    #[test]
    fn more_persons_than_any_page_holds_are_no_page() {
        let body =
            |persons: usize| format!(r#"{{"connections":[{{}}{}]}}"#, ",{}".repeat(persons - 1));
        assert!(page(body(PERSONS_MAX).into_bytes()).is_ok());
        assert!(page(body(PERSONS_MAX + 1).into_bytes()).is_err());
    }

    #[test]
    fn reasons_hold_no_contents() {
        let body = br#"{"connections":"Ada Lovelace"}"#;
        let reason = page(body.to_vec()).err();
        assert_eq!(
            reason.as_deref(),
            Some("the answer has a field of the wrong type (line 1, column 29)")
        );
    }

    proptest! {
        /// A cut page must never pass for a shorter one.
        #[test]
        fn no_part_of_a_page_is_a_page(end in 0..PAGE.len()) {
            prop_assert!(page(PAGE.as_bytes()[..end].to_vec()).is_err());
        }

        #[test]
        fn damage_is_survived(at in 0..PAGE.len(), byte: u8, more in ".{0,40}") {
            let mut body = PAGE.as_bytes().to_vec();
            body[at] = byte;
            let read = |body: Vec<u8>| page(body).map(|page| page.entries.get().len());
            let _ = (read(body.clone()), read(more.clone().into_bytes()), labels(&body, true), identity(&body), verdicts(&body, &[]));
            let _ = person::read(&more);
        }
    }
}
