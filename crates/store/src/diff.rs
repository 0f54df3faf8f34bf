//! Compares a page from Google with what the mirror holds. Pure; the transaction in `commit_page.rs` acts on it.

use std::collections::{HashMap, HashSet};

use crate::ids::ContactId;
use ringbook_core::contact::{Contact, Fingerprint, ResourceName};
use ringbook_core::sync::book::{Entry, Unreadable};

/// A contact that the mirror holds, live or deleted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KnownContact {
    pub(crate) id: ContactId,
    pub(crate) name: ResourceName,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) deleted: bool,
    pub(crate) phones: u64,
    pub(crate) emails: u64,
}

/// A contact with its stored form.
#[derive(Clone, Debug)]
pub(crate) struct EncodedContact<'a> {
    pub(crate) contact: &'a Contact,
    pub(crate) json: String,
    pub(crate) fingerprint: Fingerprint,
}

/// What is to be done with a page.
#[derive(Debug, Default)]
pub(crate) struct PageDiff<'a> {
    pub(crate) create: Vec<EncodedContact<'a>>,
    /// Changed, restored or renamed contacts, each with what the mirror holds of it.
    pub(crate) update: Vec<(KnownContact, EncodedContact<'a>)>,
    pub(crate) unchanged: Vec<ContactId>,
    pub(crate) set_aside: Vec<(&'a Unreadable, Option<ContactId>)>,
    /// Live contacts that a tombstone names, or that merged into another contact.
    pub(crate) doomed: Vec<ContactId>,
    pub(crate) tombstones: u64,
}

/// The persons of a page, each once: a contact that changed while it was paged comes twice, and the
/// later one is the truer.
pub(crate) fn distinct(entries: &[Entry]) -> Vec<&Entry> {
    let mut last = HashMap::with_capacity(entries.len());
    for (at, entry) in entries.iter().enumerate() {
        if let Some(name) = name(entry) {
            last.insert(name, at);
        }
    }
    entries
        .iter()
        .enumerate()
        .filter(|(at, entry)| name(entry).is_none_or(|name| last.get(name) == Some(at)))
        .map(|(_, entry)| entry)
        .collect()
}

/// Every name by which the mirror may hold one of these persons.
pub(crate) fn names<'a>(entries: &[&'a Entry]) -> Vec<&'a ResourceName> {
    let mut names = Vec::with_capacity(entries.len());
    for entry in entries {
        names.extend(name(entry));
        match entry {
            Entry::Person(contact) => names.extend(&contact.previous_names),
            Entry::Deleted(tombstone) => names.extend(&tombstone.previous_names),
            Entry::Unreadable(_) => {}
        }
    }
    names
}

fn name(entry: &Entry) -> Option<&ResourceName> {
    match entry {
        Entry::Person(contact) => Some(&contact.resource_name),
        Entry::Deleted(tombstone) => Some(&tombstone.resource_name),
        Entry::Unreadable(unreadable) => unreadable.resource_name.as_ref(),
    }
}

/// `tombstones_count`: whether a tombstone means a deletion. In a full listing it does not; there,
/// what is gone is what is not listed.
pub(crate) fn sort<'a>(
    entries: &[&'a Entry],
    known: Vec<KnownContact>,
    tombstones_count: bool,
) -> PageDiff<'a> {
    let mut known: HashMap<ResourceName, KnownContact> =
        known.into_iter().map(|it| (it.name.clone(), it)).collect();
    // A name that this page gives to a person who always had it is nobody's former name.
    let listed: HashSet<&ResourceName> = entries
        .iter()
        .filter(|entry| matches!(entry, Entry::Person(it) if it.previous_names.is_empty()))
        .filter_map(|entry| name(entry))
        .collect();
    let mut sorted = PageDiff::default();
    let mut doomed = HashSet::new();
    let mut taken_over = HashSet::new();
    for entry in entries {
        match entry {
            Entry::Person(contact) => {
                let (json, fingerprint) = contact.content.encode();
                let encoded = EncodedContact { contact, json, fingerprint };
                let own = known.remove(&contact.resource_name);
                let mut former = contact
                    .previous_names
                    .iter()
                    .filter(|name| !listed.contains(name))
                    .filter_map(|name| known.remove(name))
                    .collect::<Vec<_>>();
                taken_over.extend(&contact.previous_names);
                // A contact that goes by a new name keeps its id and its history. Where the mirror
                // has both names, two contacts were merged (or a crash came between a full listing and
                // its end), and the former one is gone.
                let live = former.iter().position(|it| !it.deleted);
                let mine = match (own, live) {
                    (Some(own), Some(live)) if own.deleted => Some(former.remove(live)),
                    (Some(own), _) => Some(own),
                    (None, live) if !former.is_empty() => Some(former.remove(live.unwrap_or(0))),
                    (None, _) => None,
                };
                doomed.extend(former.iter().filter(|it| !it.deleted).map(|it| it.id));
                match mine {
                    None => sorted.create.push(encoded),
                    Some(known)
                        if known.fingerprint == encoded.fingerprint
                            && !known.deleted
                            && known.name == contact.resource_name =>
                    {
                        sorted.unchanged.push(known.id);
                    }
                    Some(known) => sorted.update.push((known, encoded)),
                }
            }
            Entry::Unreadable(unreadable) => {
                let held = unreadable.resource_name.as_ref().and_then(|name| known.get(name));
                sorted.set_aside.push((unreadable, held.map(|it| it.id)));
            }
            Entry::Deleted(tombstone) => {
                sorted.tombstones += 1;
                // One that was renamed and then deleted between two runs is known by an earlier name,
                // and one that others were merged into takes them along.
                let former = tombstone.previous_names.iter().filter(|name| !listed.contains(name));
                let held = std::iter::once(&tombstone.resource_name)
                    .chain(former)
                    .filter_map(|name| known.get(name));
                if tombstones_count {
                    doomed.extend(held.filter(|it| !it.deleted).map(|it| it.id));
                }
            }
        }
    }
    // The tombstone of a former name, on the same page, does not delete who took the name over.
    let kept: HashSet<ContactId> = sorted
        .update
        .iter()
        .filter(|(known, _)| taken_over.contains(&known.name))
        .map(|(known, _)| known.id)
        .collect();
    sorted.doomed = doomed.into_iter().filter(|id| !kept.contains(id)).collect();
    sorted.doomed.sort_unstable();
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringbook_core::contact::Content;
    use ringbook_core::sync::book::Tombstone;

    fn name_of(id: &str) -> ResourceName {
        ResourceName::parse(&format!("people/{id}")).unwrap()
    }

    fn person(id: &str, nickname: &str, former: &[&str]) -> Entry {
        Entry::Person(Box::new(Contact {
            resource_name: name_of(id),
            previous_names: former.iter().map(|it| name_of(it)).collect(),
            etag: None,
            edited_at: None,
            content: Content { nicknames: vec![nickname.to_owned()], ..Content::default() },
        }))
    }

    fn gone(id: &str, former: &[&str]) -> Entry {
        Entry::Deleted(Tombstone {
            resource_name: name_of(id),
            previous_names: former.iter().map(|it| name_of(it)).collect(),
        })
    }

    fn known(number: i64, id: &str, nickname: &str) -> KnownContact {
        let Entry::Person(contact) = person(id, nickname, &[]) else { unreachable!() };
        KnownContact {
            id: ContactId(number),
            name: name_of(id),
            fingerprint: contact.content.encode().1,
            deleted: false,
            phones: 0,
            emails: 0,
        }
    }

    #[test]
    fn a_page_is_told_apart_into_new_changed_and_unchanged() {
        let page = [person("a", "1", &[]), person("b", "2", &[]), person("c", "3", &[])];
        let mirror = vec![known(1, "b", "old"), known(2, "c", "3")];
        let sorted = sort(&distinct(&page), mirror, true);
        assert_eq!(sorted.create.len(), 1);
        assert_eq!(sorted.update[0].0.id, ContactId(1));
        assert_eq!(sorted.unchanged, [ContactId(2)]);
    }

    #[test]
    fn a_contact_listed_twice_is_taken_once_as_it_was_last() {
        let page = [person("a", "1", &[]), person("a", "2", &[])];
        let mirror = vec![known(1, "a", "2")];
        let sorted = sort(&distinct(&page), mirror, true);
        assert_eq!(sorted.unchanged, [ContactId(1)]);
        assert!(sorted.update.is_empty());
    }

    #[test]
    fn a_renamed_contact_keeps_its_row_even_when_its_old_name_has_a_tombstone() {
        let page = [gone("old", &[]), person("new", "1", &["old"])];
        for page in [&[page[0].clone(), page[1].clone()], &[page[1].clone(), page[0].clone()]] {
            let sorted = sort(&distinct(page), vec![known(7, "old", "1")], true);
            assert_eq!(sorted.update[0].0.id, ContactId(7));
            assert!(sorted.doomed.is_empty());
        }
    }

    #[test]
    fn when_two_contacts_merge_the_former_one_is_doomed() {
        let page = [person("new", "1", &["old"])];
        let mirror = vec![known(1, "new", "1"), known(2, "old", "x")];
        let sorted = sort(&distinct(&page), mirror, true);
        assert_eq!(sorted.doomed, [ContactId(2)]);
        assert_eq!(sorted.unchanged, [ContactId(1)]);
    }

    #[test]
    fn a_former_name_that_the_page_lists_as_a_person_stays_that_persons() {
        let page = [person("c", "1", &["b"]), person("b", "2", &[])];
        let mirror = vec![known(1, "c", "1"), known(2, "b", "2")];
        let sorted = sort(&distinct(&page), mirror, true);
        assert_eq!(sorted.unchanged, [ContactId(1), ContactId(2)]);
        assert!(sorted.create.is_empty() && sorted.doomed.is_empty());
    }

    #[test]
    fn a_tombstone_of_nobody_and_a_tombstone_in_a_full_listing_delete_nothing() {
        let page = [gone("a", &[])];
        assert!(sort(&distinct(&page), Vec::new(), true).doomed.is_empty());
        assert!(sort(&distinct(&page), vec![known(1, "a", "")], false).doomed.is_empty());
        assert_eq!(sort(&distinct(&page), vec![known(1, "a", "")], true).doomed, [ContactId(1)]);
    }

    #[test]
    fn a_contact_renamed_and_deleted_between_two_runs_is_found_by_its_former_name() {
        let page = [gone("new", &["old"])];
        assert_eq!(sort(&distinct(&page), vec![known(1, "old", "")], true).doomed, [ContactId(1)]);
        let other = [gone("new", &["old"]), person("old", "1", &[])];
        let sorted = sort(&distinct(&other), vec![known(1, "old", "1")], true);
        assert!(sorted.doomed.is_empty(), "somebody else bears that name now");
    }

    #[test]
    fn a_deleted_contact_that_comes_back_is_written() {
        let gone = KnownContact { deleted: true, ..known(1, "a", "1") };
        let page = [person("a", "1", &[])];
        assert_eq!(sort(&distinct(&page), vec![gone], true).update.len(), 1);
    }
}
