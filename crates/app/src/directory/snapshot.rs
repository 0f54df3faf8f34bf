//! All contacts at one moment, in the order of the phones, packed so that a hundred thousand of them fit
//! into some twenty megabytes and any screen is a few reads of memory.
//!
//! A snapshot never changes. [`Snapshot::with`] makes the next one from it and from what has changed, by
//! copying; so whoever reads one sees a whole directory, and never waits.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use crate::directory::digits::Digits;
use crate::directory::grams::{BLOCK, Grams};
use ringbook_core::contact::{Initial, Keypad, is_visible};

/// A contact, made ready for a snapshot.
#[derive(Clone, Debug)]
pub struct IndexedContact {
    /// The store's number of the contact.
    pub id: i64,
    pub account: i64,
    pub shown: String,
    /// What its organization is called; may be empty.
    pub company: String,
    /// The first number that a person answers, as typed and cut; may be empty.
    pub first_number: String,
    pub sort_key: Vec<u8>,
    pub keypad: Keypad,
    pub initial: Initial,
    pub starred: bool,
    /// It has something that is meant to be a number.
    pub has_phone: bool,
    /// It has none of the labels that reach the phones: programs find it, phones do not.
    pub off_phones: bool,
    /// Folded texts that it is found by, the displayed name first; several spellings of a text have a
    /// `SPELLING_END` between them.
    pub fields: Vec<String>,
    pub numbers: Vec<Digits>,
    /// Resource names of the labels that show on phones.
    pub labels: Vec<String>,
}

impl IndexedContact {
    fn names_len(&self) -> usize {
        self.shown.len() + self.company.len() + self.first_number.len()
    }

    fn folded_len(&self) -> usize {
        self.fields.iter().map(|it| it.len() + 1).sum()
    }

    fn digits_len(&self) -> usize {
        self.numbers.iter().map(|it| it.len() + 1).sum::<usize>() + 1
    }
}

/// Stands between the fields of a contact, where no folded text has it.
pub(super) const FIELD_END: u8 = 1;
/// Stands between the spellings of one field: `moller` and `moeller`.
pub(crate) const SPELLING_END: u8 = 2;

/// Whether a text ends here: a field, or one spelling of it.
pub(super) fn is_end(byte: u8) -> bool {
    matches!(byte, FIELD_END | SPELLING_END)
}

/// A place in one of the packed texts.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    at: u32,
    len: u16,
}

impl Part {
    fn append(text: &mut Vec<u8>, bytes: &[u8]) -> Part {
        // Nobody's name is longer; a cut one is still found by its beginning.
        let bytes = &bytes[..bytes.len().min(usize::from(u16::MAX))];
        let at = text.len() as u32;
        text.extend_from_slice(bytes);
        Part { at, len: bytes.len() as u16 }
    }

    fn of(self, text: &[u8]) -> &[u8] {
        let at = self.at as usize;
        text.get(at..at + usize::from(self.len)).unwrap_or_default()
    }
}

#[derive(Clone, Copy, Debug)]
struct PackedContact {
    id: i64,
    account: i32,
    name: Part,
    company: Part,
    first_number: Part,
    key: Part,
    folded: Part,
    digits: Part,
    keypad: Keypad,
    initial: Initial,
    starred: bool,
    has_phone: bool,
    /// None of its labels reaches the phones.
    off_phones: bool,
    /// Shown with another one of the same person.
    hidden: bool,
}

impl PackedContact {
    fn is_on_phones(&self) -> bool {
        self.has_phone && !self.off_phones && !self.hidden
    }
}

/// The packed contacts. A contact is known by its place: the first has place 0.
#[derive(Debug, Default)]
pub struct Snapshot {
    entries: Vec<PackedContact>,
    names: Vec<u8>,
    keys: Vec<u8>,
    /// For each contact its fields, each with [`FIELD_END`] behind it.
    pub(super) folded: Vec<u8>,
    /// For each contact its numbers, each with [`FIELD_END`] before it, and one behind the last.
    pub(super) digits: Vec<u8>,
    /// Where each word begins in `folded`, and whose it is; sorted by the text from there to the field's end.
    pub(super) words: Vec<(u32, u32)>,
    /// Numbers read from their ends, sorted, and whose each is.
    pub(super) numbers: Vec<(Digits, u32)>,
    pub(super) folded_grams: Grams,
    pub(super) digits_grams: Grams,
    /// Which contacts have which label; sorted by contact.
    labelled: Vec<(u32, u32)>,
    label_names: Vec<(i64, String)>,
    lists: Lists,
}

/// What the menus of a phone lead to: contacts with a number, in order.
#[derive(Debug, Default)]
struct Lists {
    keypad: [Vec<u32>; 10],
    starred: Vec<u32>,
    /// All contacts, with a number or not, in the order of their identifiers.
    by_id: Vec<u32>,
    labels: BTreeMap<u32, Vec<u32>>,
    /// For whom others of the same person are hidden.
    merged: Vec<(u32, u32)>,
    with_phone: usize,
}

const GONE: u32 = u32::MAX;
/// So many others of the same name are looked at; more of them are told apart by their numbers.
const NAMESAKES_MAX: usize = 100;
/// People who may have a number together and still be taken for one.
const SHARED_MAX: usize = 50;

impl Snapshot {
    /// The directory after these contacts were changed or deleted, and these are there instead.
    ///
    /// `merge` shows contacts of several accounts that are one person once.
    pub fn with(
        &self,
        changed: &HashSet<i64>,
        mut added: Vec<IndexedContact>,
        merge: bool,
    ) -> Snapshot {
        added.sort_by(|a, b| (&a.sort_key, a.id).cmp(&(&b.sort_key, b.id)));
        let new = |size: fn(&IndexedContact) -> usize| added.iter().map(size).sum::<usize>();
        let mut next = Snapshot {
            entries: Vec::with_capacity(self.entries.len() + added.len()),
            names: Vec::with_capacity(self.names.len() + new(IndexedContact::names_len)),
            keys: Vec::with_capacity(self.keys.len() + new(|it| it.sort_key.len())),
            folded: Vec::with_capacity(self.folded.len() + new(IndexedContact::folded_len)),
            digits: Vec::with_capacity(self.digits.len() + new(IndexedContact::digits_len)),
            label_names: self.label_names.clone(),
            ..Snapshot::default()
        };
        let mut places = vec![GONE; self.entries.len()];
        let mut fresh = Fresh::default();
        let mut labels = self.labelled.iter().peekable();
        let mut added = added.into_iter().peekable();
        for (at, entry) in self.entries.iter().enumerate() {
            let stays = !changed.contains(&entry.id);
            let key = (entry.key.of(&self.keys), entry.id);
            while let Some(record) =
                added.next_if(|it| stays && (it.sort_key.as_slice(), it.id) < key)
            {
                next.push(&record, &mut fresh);
            }
            let place = next.entries.len() as u32;
            while let Some((_, label)) = labels.next_if(|(whose, _)| *whose as usize == at) {
                if stays {
                    next.labelled.push((place, *label));
                }
            }
            if stays {
                places[at] = place;
                next.copy(self, entry);
            }
        }
        for record in added {
            next.push(&record, &mut fresh);
        }
        next.take_words(self, &places, fresh.words);
        next.take_numbers(self, &places, fresh.numbers);
        if merge {
            next.merge_accounts();
        }
        next.list();
        let texts = next.entries.iter().map(|it| it.folded.of(&next.folded));
        next.folded_grams = Grams::of(next.entries.len(), texts);
        let digits = next.entries.iter().map(|it| it.digits.of(&next.digits));
        next.digits_grams = Grams::of(next.entries.len(), digits);
        next
    }

    fn push(&mut self, record: &IndexedContact, fresh: &mut Fresh) {
        let place = self.entries.len() as u32;
        let name = Part::append(&mut self.names, record.shown.as_bytes());
        let company = Part::append(&mut self.names, record.company.as_bytes());
        let first_number = Part::append(&mut self.names, record.first_number.as_bytes());
        let key = Part::append(&mut self.keys, &record.sort_key);
        let mut text = Vec::new();
        for field in &record.fields {
            text.extend_from_slice(field.as_bytes());
            text.push(FIELD_END);
        }
        let folded = Part::append(&mut self.folded, &text);
        let mut before = b' ';
        for (at, byte) in (folded.at..).zip(folded.of(&self.folded)) {
            if (before == b' ' || is_end(before)) && !is_end(*byte) {
                fresh.words.push((at, place));
            }
            before = *byte;
        }
        text.clear();
        for number in &record.numbers {
            fresh.numbers.push((*number, place));
            text.push(FIELD_END);
            text.extend(number.text().bytes());
        }
        text.push(FIELD_END);
        let digits = Part::append(&mut self.digits, &text);
        for label in &record.labels {
            let named = (record.account, label.clone());
            let known = self.label_names.iter().position(|it| *it == named);
            let number = known.unwrap_or_else(|| {
                self.label_names.push(named);
                self.label_names.len() - 1
            });
            self.labelled.push((place, number as u32));
        }
        self.entries.push(PackedContact {
            id: record.id,
            account: record.account as i32,
            name,
            company,
            first_number,
            key,
            folded,
            digits,
            keypad: record.keypad,
            initial: record.initial,
            starred: record.starred,
            has_phone: record.has_phone,
            off_phones: record.off_phones,
            hidden: false,
        });
    }

    fn copy(&mut self, old: &Snapshot, entry: &PackedContact) {
        self.entries.push(PackedContact {
            name: Part::append(&mut self.names, entry.name.of(&old.names)),
            company: Part::append(&mut self.names, entry.company.of(&old.names)),
            first_number: Part::append(&mut self.names, entry.first_number.of(&old.names)),
            key: Part::append(&mut self.keys, entry.key.of(&old.keys)),
            folded: Part::append(&mut self.folded, entry.folded.of(&old.folded)),
            digits: Part::append(&mut self.digits, entry.digits.of(&old.digits)),
            hidden: false,
            ..*entry
        });
    }

    fn take_words(&mut self, old: &Snapshot, places: &[u32], mut fresh: Vec<(u32, u32)>) {
        let moved = old.words.iter().filter_map(|(at, whose)| {
            let place = places[*whose as usize];
            (place != GONE).then(|| {
                let begun = at - old.entries[*whose as usize].folded.at;
                (self.entries[place as usize].folded.at + begun, place)
            })
        });
        let moved: Vec<(u32, u32)> = moved.collect();
        let text = |word: &(u32, u32)| (self.word(word.0), word.1);
        fresh.sort_unstable_by(|a, b| text(a).cmp(&text(b)));
        self.words = merged(moved, fresh, |a, b| text(a) <= text(b));
    }

    fn take_numbers(&mut self, old: &Snapshot, places: &[u32], mut fresh: Vec<(Digits, u32)>) {
        let moved = old.numbers.iter().filter_map(|(number, whose)| {
            let place = places[*whose as usize];
            (place != GONE).then_some((*number, place))
        });
        let moved = moved.collect();
        fresh.sort_unstable();
        self.numbers = merged(moved, fresh, |a, b| a <= b);
    }

    /// The text from a word's beginning to the end of its field, in the same spelling.
    pub(super) fn word(&self, at: u32) -> &[u8] {
        let rest = self.folded.get(at as usize..).unwrap_or_default();
        let end = memchr::memchr2(FIELD_END, SPELLING_END, rest).unwrap_or(rest.len());
        &rest[..end]
    }

    /// Hides contacts of later accounts that share a number, and a word of their names, with one of an
    /// earlier account. A number alone is not enough: a switchboard belongs to many.
    fn merge_accounts(&mut self) {
        let mut merged = Vec::new();
        for same in self.numbers.chunk_by(|a, b| a.0.same(b.0)) {
            // The number of so many is a switchboard's, and nobody's own.
            if same.len() > SHARED_MAX {
                continue;
            }
            for (at, (_, whose)) in same.iter().enumerate() {
                // Who is kept off the phones lends nobody a number, and takes nobody's place.
                if self.entries[*whose as usize].off_phones {
                    continue;
                }
                let others = same[..at].iter().map(|(_, other)| *other);
                let mut others = others.filter(|it| !self.entries[*it as usize].off_phones);
                let first = others.find(|other| {
                    let (a, b) = (&self.entries[*other as usize], &self.entries[*whose as usize]);
                    a.account != b.account && self.share_a_word(*other, *whose)
                });
                if let Some(first) = first {
                    let account = |place: u32| self.entries[place as usize].account;
                    let pair = if account(first) < account(*whose) {
                        (first, *whose)
                    } else {
                        (*whose, first)
                    };
                    merged.push(pair);
                }
            }
        }
        merged.sort_unstable();
        merged.dedup();
        // Who is hidden shows with nobody; who is shown may show several.
        let hidden: HashSet<u32> = merged.iter().map(|(_, hidden)| *hidden).collect();
        merged.retain(|(shown, _)| !hidden.contains(shown));
        for (_, place) in &merged {
            self.entries[*place as usize].hidden = true;
        }
        self.lists.merged = merged;
    }

    fn share_a_word(&self, one: u32, other: u32) -> bool {
        let name = |place: u32| self.field(place, 0);
        let words = |text: &'_ [u8]| -> Vec<Vec<u8>> {
            let parts = text.split(|byte| *byte == b' ' || is_end(*byte));
            parts.filter(|it| it.len() > 1).map(<[u8]>::to_vec).collect()
        };
        let others = words(name(other));
        words(name(one)).iter().any(|word| others.contains(word))
    }

    fn list(&mut self) {
        // A label or a star of one who is hidden is the shown one's, too.
        let mut starred = Vec::new();
        let mut labelled: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (place, entry) in (0..).zip(&self.entries) {
            if entry.is_on_phones() {
                self.lists.with_phone += 1;
                self.lists.keypad[entry.keypad.digit()].push(place);
            }
            if entry.has_phone && entry.starred && !entry.off_phones {
                starred.push(self.shown_for(place));
            }
        }
        for (place, label) in &self.labelled {
            let entry = &self.entries[*place as usize];
            if entry.has_phone && !entry.off_phones {
                labelled.entry(*label).or_default().push(self.shown_for(*place));
            }
        }
        for list in labelled.values_mut().chain([&mut starred]) {
            list.sort_unstable();
            list.dedup();
        }
        (self.lists.starred, self.lists.labels) = (starred, labelled);
        self.lists.by_id = (0..self.entries.len() as u32).collect();
        let entries = &self.entries;
        self.lists.by_id.sort_unstable_by_key(|place| entries[*place as usize].id);
    }

    /// The place under which a contact is shown: its own, or that of another contact of the same person.
    pub fn shown_for(&self, place: u32) -> u32 {
        if !self.entries[place as usize].hidden {
            return place;
        }
        let shown = self.lists.merged.iter().find(|(_, hidden)| *hidden == place);
        shown.map_or(place, |(shown, _)| *shown)
    }

    /// How many contacts there are, with and without numbers.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many contacts the phones can reach.
    pub fn with_phone(&self) -> usize {
        self.lists.with_phone
    }

    /// Of the contact at this place.
    pub fn id(&self, place: u32) -> i64 {
        self.entries[place as usize].id
    }

    pub fn name(&self, place: u32) -> &str {
        let bytes = self.entries[place as usize].name.of(&self.names);
        // Only a name of 64 kB was cut, and that perhaps within a letter.
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// What the organization of the contact at this place is called; may be empty.
    pub fn company(&self, place: u32) -> &str {
        let bytes = self.entries[place as usize].company.of(&self.names);
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// The name as it stands in a list on a phone: with the company behind it, or the number, where others
    /// have the same name.
    pub fn name_in_list(&self, place: u32) -> String {
        let name = self.name(place);
        let key = |it: &u32| self.entries[*it as usize].key.of(&self.keys);
        let alike = |it: &u32| key(it) == key(&place);
        let before = (0..place).rev().take_while(alike);
        let after = (place + 1..self.entries.len() as u32).take_while(alike);
        let others = before.chain(after).take(NAMESAKES_MAX);
        let others = others.filter(|it| self.is_on_phones(*it) && self.name(*it) == name);
        let others: Vec<&PackedContact> = others.map(|it| &self.entries[it as usize]).collect();
        if others.is_empty() {
            return name.to_owned();
        }
        let entry = &self.entries[place as usize];
        let text = |part: Part| std::str::from_utf8(part.of(&self.names)).unwrap_or_default();
        let company = text(entry.company);
        let is_own = is_visible(company)
            && company != name
            && others.iter().all(|it| text(it.company) != company);
        match if is_own { company } else { text(entry.first_number) } {
            "" => name.to_owned(),
            apart => format!("{name} ({apart})"),
        }
    }

    pub fn is_starred(&self, place: u32) -> bool {
        self.entries[place as usize].starred
    }

    pub fn is_on_phones(&self, place: u32) -> bool {
        self.entries[place as usize].is_on_phones()
    }

    /// Whether none of its labels reaches the phones.
    pub(super) fn is_off_phones(&self, place: u32) -> bool {
        self.entries[place as usize].off_phones
    }

    /// The letter that a contact stands under.
    pub fn initial(&self, place: u32) -> Initial {
        self.entries[place as usize].initial
    }

    pub fn account(&self, place: u32) -> i64 {
        i64::from(self.entries[place as usize].account)
    }

    /// The labels that contacts have, with or without a number: account and resource name.
    pub fn label_names(&self) -> &[(i64, String)] {
        &self.label_names
    }

    /// Whoever has one of these labels, in order.
    pub fn with_label(&self, wanted: impl Fn(i64, &str) -> bool) -> Vec<u32> {
        let wanted: Vec<bool> =
            self.label_names.iter().map(|(account, name)| wanted(*account, name)).collect();
        let has = |(_, label): &&(u32, u32)| wanted.get(*label as usize).copied().unwrap_or(false);
        let mut places: Vec<u32> = self.labelled.iter().filter(has).map(|(it, _)| *it).collect();
        places.dedup();
        places
    }

    pub fn keypad(&self, key: Keypad) -> &[u32] {
        &self.lists.keypad[key.digit()]
    }

    pub fn starred(&self) -> &[u32] {
        &self.lists.starred
    }

    /// Labels that a contact with a number has: account, resource name, contacts.
    pub fn labels(&self) -> impl Iterator<Item = (i64, &str, &[u32])> {
        self.lists.labels.iter().filter_map(|(number, places)| {
            let (account, name) = self.label_names.get(*number as usize)?;
            Some((*account, name.as_str(), places.as_slice()))
        })
    }

    /// Contacts that show together with the one at this place.
    pub fn merged_with(&self, place: u32) -> impl Iterator<Item = i64> {
        let merged = &self.lists.merged;
        let first = merged.partition_point(|(shown, _)| *shown < place);
        merged[first..]
            .iter()
            .take_while(move |(shown, _)| *shown == place)
            .map(|(_, hidden)| self.entries[*hidden as usize].id)
    }

    /// Where a contact is, if it is there.
    pub fn place_of(&self, id: i64) -> Option<u32> {
        let ids = &self.lists.by_id;
        let found = ids.binary_search_by_key(&id, |place| self.entries[*place as usize].id);
        found.ok().map(|at| ids[at])
    }

    /// A folded field of a contact; the first is its name.
    pub(super) fn field(&self, place: u32, number: usize) -> &[u8] {
        self.text(place).split(|byte| *byte == FIELD_END).nth(number).unwrap_or_default()
    }

    /// All folded fields of a contact.
    pub(super) fn text(&self, place: u32) -> &[u8] {
        self.entries[place as usize].folded.of(&self.folded)
    }

    /// Where the folded fields of a contact begin.
    pub(super) fn text_begins(&self, place: u32) -> u32 {
        self.entries[place as usize].folded.at
    }

    /// The places of a block of contacts, or of all.
    pub(super) fn places_of(&self, block: Option<usize>) -> Range<usize> {
        let end = self.entries.len();
        let of = |block: usize| (block * BLOCK).min(end)..((block + 1) * BLOCK).min(end);
        block.map_or(0..end, of)
    }

    /// The bytes of `folded` that belong to these contacts.
    pub(super) fn folded_of(&self, places: &Range<usize>) -> Range<usize> {
        let at = |place: usize| self.entries.get(place).map(|it| it.folded.at as usize);
        at(places.start).unwrap_or(self.folded.len())..at(places.end).unwrap_or(self.folded.len())
    }

    /// The bytes of `digits` that belong to these contacts.
    pub(super) fn digits_of(&self, places: &Range<usize>) -> Range<usize> {
        let at = |place: usize| self.entries.get(place).map(|it| it.digits.at as usize);
        at(places.start).unwrap_or(self.digits.len())..at(places.end).unwrap_or(self.digits.len())
    }

    /// Whose the byte of `folded` is, of these contacts.
    pub(super) fn owner_of_text(&self, at: usize, places: &Range<usize>) -> u32 {
        let among = &self.entries[places.clone()];
        (places.start + among.partition_point(|it| it.folded.at as usize <= at) - 1) as u32
    }

    /// Whose the byte of `digits` is, of these contacts.
    pub(super) fn owner_of_digits(&self, at: usize, places: &Range<usize>) -> u32 {
        let among = &self.entries[places.clone()];
        (places.start + among.partition_point(|it| it.digits.at as usize <= at) - 1) as u32
    }

    /// Bytes of memory that it takes.
    pub fn size(&self) -> usize {
        self.entries.len() * size_of::<PackedContact>()
            + self.names.len()
            + self.keys.len()
            + self.folded.len()
            + self.digits.len()
            + self.lists.by_id.len() * size_of::<u32>()
            + self.words.len() * size_of::<(u32, u32)>()
            + self.numbers.len() * size_of::<(Digits, u32)>()
            + self.folded_grams.size()
            + self.digits_grams.size()
    }
}

/// What a merge adds to the sorted indexes.
#[derive(Default)]
struct Fresh {
    words: Vec<(u32, u32)>,
    numbers: Vec<(Digits, u32)>,
}

/// Two sorted lists as one. The second is usually short, so its places are looked for.
fn merged<T: Copy>(long: Vec<T>, short: Vec<T>, in_order: impl Fn(&T, &T) -> bool) -> Vec<T> {
    if short.is_empty() {
        return long;
    }
    let mut all = Vec::with_capacity(long.len() + short.len());
    let mut rest = long.as_slice();
    for one in short {
        let before = rest.partition_point(|it| in_order(it, &one));
        all.extend_from_slice(&rest[..before]);
        all.push(one);
        rest = &rest[before..];
    }
    all.extend_from_slice(rest);
    all
}
