//! One Google account's address book: contacts in the order of their last change.
//!
//! Nothing here knows of HTTP, masks or tokens, and time is handed in. A change gives a
//! contact a new place at the end of the order, which is all that Google's default order,
//! incremental listings and tombstones need.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use super::contact::Contact;
use super::random::Random;

pub(super) struct Book {
    records: Vec<Record>,
    /// Place in the order of last change, to index in `records`.
    order: BTreeMap<u64, u32>,
    /// Every name that a contact has, or ever had.
    names: HashMap<u64, u32>,
    groups: Vec<Group>,
    live: usize,
    sequence: u64,
    ids: Random,
}

pub(super) struct Record {
    /// Google's id inside the source CONTACT; it outlives a change of name.
    pub(super) source: u64,
    /// The number in the resource name; equal to `source` until a rename.
    pub(super) name: u64,
    pub(super) former: Vec<u64>,
    pub(super) changed: u64,
    /// Milliseconds since 1970.
    pub(super) changed_at: i64,
    pub(super) deleted: bool,
    /// Kept after a deletion, so that the contact can come back.
    pub(super) contact: Contact,
}

#[derive(Clone)]
pub(super) struct Group {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) system: bool,
    /// Made through the old Contacts API: contacts point to it, the list leaves it out.
    pub(super) legacy: bool,
    pub(super) deleted: bool,
    pub(super) changed: u64,
    pub(super) changed_at: i64,
}

/// Why the address book cannot do what it was asked to.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BookError {
    #[error("there is no contact `{0}`")]
    Unknown(String),
    #[error("`{0}` is not deleted")]
    NotDeleted(String),
    #[error("a contact cannot be merged with itself")]
    Same,
    #[error("there is no contact group `{0}`")]
    UnknownGroup(String),
}

impl Book {
    pub(super) fn new(seed: u64, expected: usize) -> Book {
        Book {
            records: Vec::with_capacity(expected),
            order: BTreeMap::new(),
            names: HashMap::with_capacity(expected),
            groups: Vec::new(),
            live: 0,
            sequence: 0,
            ids: Random::new(seed),
        }
    }

    pub(super) fn live_count(&self) -> usize {
        self.live
    }

    /// The place of the latest change.
    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Everything that changed after the given place, tombstones included, oldest first.
    pub(super) fn after(&self, place: u64) -> impl DoubleEndedIterator<Item = &Record> {
        self.order
            .range((Bound::Excluded(place), Bound::Unbounded))
            .map(|(_, index)| &self.records[*index as usize])
    }

    pub(super) fn up_to(&self, place: u64) -> impl DoubleEndedIterator<Item = &Record> {
        self.order.range(..=place).map(|(_, index)| &self.records[*index as usize])
    }

    pub(super) fn live(&self) -> impl DoubleEndedIterator<Item = &Record> {
        self.after(0).filter(|record| !record.deleted)
    }

    /// The live contact at a position of the storage order, which changes only by deletions.
    pub(super) fn pick_live(&self, random: &mut Random) -> Option<u64> {
        if self.live == 0 {
            return None;
        }
        loop {
            let record = &self.records[random.below(self.records.len())];
            if !record.deleted {
                return Some(record.name);
            }
        }
    }

    /// Finds a contact by its present or any former name.
    pub(super) fn find(&self, name: u64) -> Option<&Record> {
        self.names.get(&name).map(|index| &self.records[*index as usize])
    }

    pub(super) fn add(&mut self, mut contact: Contact, now: i64) -> u64 {
        // A list of one takes the room of four otherwise, a hundred thousand times over.
        contact.phone_numbers.shrink_to_fit();
        contact.email_addresses.shrink_to_fit();
        contact.organizations.shrink_to_fit();
        contact.nicknames.shrink_to_fit();
        contact.groups.shrink_to_fit();
        let source = self.fresh_id();
        let index = self.records.len() as u32;
        self.sequence += 1;
        self.records.push(Record {
            source,
            name: source,
            former: Vec::new(),
            changed: self.sequence,
            changed_at: now,
            deleted: false,
            contact,
        });
        self.order.insert(self.sequence, index);
        self.names.insert(source, index);
        self.live += 1;
        source
    }

    pub(super) fn edit(
        &mut self,
        name: u64,
        now: i64,
        change: impl FnOnce(&mut Contact),
    ) -> Result<(), BookError> {
        let record = self.move_to_end(name, now)?;
        change(&mut record.contact);
        Ok(())
    }

    /// Marks a contact as modified without changing it, as Google does now and then.
    pub(super) fn touch(&mut self, name: u64, now: i64) -> Result<(), BookError> {
        self.move_to_end(name, now).map(|_| ())
    }

    pub(super) fn touch_all(&mut self, now: i64) {
        let names: Vec<u64> = self.live().map(|record| record.name).collect();
        for name in names {
            // Every one of them was alive a line ago.
            let _ = self.touch(name, now);
        }
    }

    pub(super) fn delete(&mut self, name: u64, now: i64) -> Result<(), BookError> {
        self.move_to_end(name, now)?.deleted = true;
        self.live -= 1;
        Ok(())
    }

    pub(super) fn restore(&mut self, name: u64, now: i64) -> Result<(), BookError> {
        let index = self.index(name)?;
        if !self.records[index as usize].deleted {
            return Err(BookError::NotDeleted(resource_name(name)));
        }
        self.records[index as usize].deleted = false;
        self.live += 1;
        self.place_at_end(index, now);
        Ok(())
    }

    /// Gives a contact another resource name, as linking it with a profile does.
    pub(super) fn rename(&mut self, name: u64, now: i64) -> Result<u64, BookError> {
        self.index_of_live(name)?;
        let fresh = self.fresh_id();
        let record = self.move_to_end(name, now)?;
        let former = std::mem::replace(&mut record.name, fresh);
        record.former.push(former);
        let index = self.index(former)?;
        self.names.insert(fresh, index);
        Ok(fresh)
    }

    /// Merges two duplicates: the first survives with the data of both, the second is deleted.
    pub(super) fn merge(&mut self, keep: u64, drop: u64, now: i64) -> Result<(), BookError> {
        if self.index_of_live(keep)? == self.index_of_live(drop)? {
            return Err(BookError::Same);
        }
        let other = self.move_to_end(drop, now)?.contact.clone();
        self.delete(drop, now)?;
        self.edit(keep, now, |contact| {
            contact.name = contact.name.take().or(other.name);
            append_new(&mut contact.nicknames, other.nicknames);
            append_new(&mut contact.organizations, other.organizations);
            append_new(&mut contact.phone_numbers, other.phone_numbers);
            append_new(&mut contact.email_addresses, other.email_addresses);
            append_new(&mut contact.groups, other.groups);
        })
    }

    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }

    pub(super) fn add_group(&mut self, mut group: Group) {
        self.sequence += 1;
        group.changed = self.sequence;
        self.groups.push(group);
    }

    pub(super) fn edit_group(
        &mut self,
        id: &str,
        now: i64,
        change: impl FnOnce(&mut Group),
    ) -> Result<(), BookError> {
        let Some(group) = self.groups.iter_mut().find(|group| group.id == id && !group.deleted)
        else {
            return Err(BookError::UnknownGroup(id.to_owned()));
        };
        self.sequence += 1;
        group.changed = self.sequence;
        group.changed_at = now;
        change(group);
        Ok(())
    }

    /// Google takes a deleted group off its members, each of which is modified by that.
    pub(super) fn delete_group(&mut self, id: &str, now: i64) -> Result<(), BookError> {
        self.edit_group(id, now, |group| group.deleted = true)?;
        let members: Vec<u64> = self
            .live()
            .filter(|record| record.contact.groups.iter().any(|group| group == id))
            .map(|record| record.name)
            .collect();
        for name in members {
            self.edit(name, now, |contact| contact.groups.retain(|group| group != id))?;
        }
        Ok(())
    }

    fn fresh_id(&mut self) -> u64 {
        loop {
            // Real ids fit a signed 64-bit number, and few are short.
            let id = (self.ids.next() >> 1) | 0x1000;
            if !self.names.contains_key(&id) {
                return id;
            }
        }
    }

    fn index(&self, name: u64) -> Result<u32, BookError> {
        self.names.get(&name).copied().ok_or_else(|| BookError::Unknown(resource_name(name)))
    }

    fn index_of_live(&self, name: u64) -> Result<u32, BookError> {
        let index = self.index(name)?;
        if self.records[index as usize].deleted {
            return Err(BookError::Unknown(resource_name(name)));
        }
        Ok(index)
    }

    fn move_to_end(&mut self, name: u64, now: i64) -> Result<&mut Record, BookError> {
        let index = self.index_of_live(name)?;
        Ok(self.place_at_end(index, now))
    }

    fn place_at_end(&mut self, index: u32, now: i64) -> &mut Record {
        let record = &mut self.records[index as usize];
        self.order.remove(&record.changed);
        self.sequence += 1;
        self.order.insert(self.sequence, index);
        record.changed = self.sequence;
        record.changed_at = now;
        record
    }
}

fn append_new<T: PartialEq>(items: &mut Vec<T>, more: Vec<T>) {
    for item in more {
        if !items.contains(&item) {
            items.push(item);
        }
    }
}

pub(super) fn resource_name(name: u64) -> String {
    format!("people/c{name}")
}

pub(super) fn parse_resource_name(text: &str) -> Option<u64> {
    text.strip_prefix("people/c")?.parse().ok()
}
