//! A Google in memory: who is in the address book, and since when.
//!
//! It keeps every state that each person ever had, so that the mirror can be held against the moment
//! that its sync token stands for.

mod listing;

use std::collections::{BTreeMap, BTreeSet};

use ringbook_core::contact::{Content, Email, Phone, ResourceName};
use ringbook_core::sync::book::{Label, Presence, Tombstone};

pub(crate) use self::listing::Lie;

use self::listing::Listing;

/// Which Google account answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    Ours,
    Another,
}

impl Identity {
    pub(crate) fn id(self) -> ResourceName {
        name(match self {
            Identity::Ours => "people/ours",
            Identity::Another => "people/another",
        })
    }
}

/// How readable a person is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Good,
    /// It cannot be read, but has a name.
    Odd,
    /// Not even its name can be read.
    Nameless,
}

/// What a person was from a version on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct State {
    pub(crate) since: u64,
    pub(crate) at: i64,
    /// `None`: gone.
    pub(crate) name: Option<String>,
    /// Of the content.
    pub(crate) edition: u64,
    pub(crate) health: Health,
}

/// One person through all its names. Never removed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Person {
    pub(crate) states: Vec<State>,
    /// Names it had before.
    former: Vec<String>,
}

impl Person {
    pub(crate) fn now(&self) -> Option<&State> {
        self.states.last().filter(|it| it.name.is_some())
    }

    fn changed(&self) -> u64 {
        self.states.last().map_or(0, |it| it.since)
    }

    /// What it was at a version; `None` before it was there at all.
    pub(crate) fn at(&self, version: u64) -> Option<&State> {
        self.states.iter().rev().find(|it| it.since <= version)
    }
}

pub(crate) struct Google {
    pub(crate) version: u64,
    pub(crate) people: Vec<Person>,
    /// Names that are gone, each with the version since when.
    gone: Vec<(u64, Tombstone)>,
    listings: Vec<Listing>,
    pub(crate) who: Identity,
    /// The grant is dead until somebody connects again.
    pub(crate) revoked: bool,
    /// Sync tokens that descend from listings before this version are refused.
    pub(crate) tokens_dead_before: u64,
    names: u32,
    /// Left out of a listing in a way that nobody who does not know them can find out.
    pub(crate) unheard_of: BTreeSet<usize>,
    /// Left out of two listings in a row that were the same otherwise.
    pub(crate) left_out_twice: BTreeSet<usize>,
    /// Whom the last full listing named that came to its end.
    shown_last: Option<BTreeSet<usize>>,
    nonce: u64,
}

impl Google {
    pub(crate) fn new() -> Google {
        Google {
            version: 0,
            people: Vec::new(),
            gone: Vec::new(),
            listings: Vec::new(),
            who: Identity::Ours,
            revoked: false,
            tokens_dead_before: 0,
            names: 0,
            unheard_of: BTreeSet::new(),
            left_out_twice: BTreeSet::new(),
            shown_last: None,
            nonce: 0,
        }
    }

    /// Who can be changed now, by number.
    pub(crate) fn living(&self) -> Vec<usize> {
        (0..self.people.len()).filter(|at| self.people[*at].now().is_some()).collect()
    }

    /// Who is there and cannot be read, by number.
    pub(crate) fn unreadable(&self) -> Vec<usize> {
        let odd = |at: &usize| self.people[*at].now().is_some_and(|it| it.health != Health::Good);
        (0..self.people.len()).filter(odd).collect()
    }

    /// What a listing calls them.
    pub(crate) fn unreadable_names(&self) -> Vec<Option<String>> {
        let states = self.unreadable().into_iter().filter_map(|at| self.people[at].now());
        states.map(|it| it.name.clone().filter(|_| it.health == Health::Odd)).collect()
    }

    /// Whether this is a name, now or once, of somebody who cannot be read.
    pub(crate) fn may_stay(&self, name: &str) -> bool {
        self.unreadable().into_iter().any(|at| {
            let it = &self.people[at];
            it.former.iter().any(|former| former == name)
                || it.states.iter().any(|state| state.name.as_deref() == Some(name))
        })
    }

    pub(crate) fn fresh_name(&mut self) -> String {
        self.names += 1;
        format!("people/c{}", self.names)
    }

    fn put(&mut self, person: usize, now: i64, change: impl FnOnce(&mut State)) {
        self.version += 1;
        let version = self.version;
        let mut state = self.people[person].states.last().cloned().unwrap_or(State {
            since: 0,
            at: 0,
            name: None,
            edition: 0,
            health: Health::Good,
        });
        change(&mut state);
        (state.since, state.at) = (version, now);
        self.people[person].states.push(state);
    }

    pub(crate) fn create(&mut self, now: i64) -> usize {
        let (name, person) = (self.fresh_name(), self.people.len());
        self.people.push(Person::default());
        self.put(person, now, |it| it.name = Some(name));
        person
    }

    pub(crate) fn edit(&mut self, person: usize, now: i64) {
        self.put(person, now, |it| it.edition += 1);
    }

    /// Touched, but what is kept of it is the same.
    pub(crate) fn touch(&mut self, person: usize, now: i64) {
        self.put(person, now, |_| {});
    }

    pub(crate) fn make(&mut self, person: usize, health: Health, now: i64) {
        self.put(person, now, |it| it.health = health);
    }

    fn bury(&mut self, gone: &str, former: &[String]) {
        let tombstone = Tombstone {
            resource_name: name(gone),
            previous_names: former.iter().map(|it| name(it)).collect(),
        };
        self.gone.push((self.version, tombstone));
    }

    pub(crate) fn delete(&mut self, person: usize, now: i64) {
        if let Some(name) = self.people[person].now().and_then(|it| it.name.clone()) {
            self.put(person, now, |it| it.name = None);
            let former = self.people[person].former.clone();
            self.bury(&name, &former);
        }
    }

    /// Undoes a deletion, under the name it had.
    pub(crate) fn restore(&mut self, person: usize, now: i64) {
        let before = self.people[person].states.iter().rev().find_map(|it| it.name.clone());
        if self.people[person].now().is_none()
            && let Some(name) = before
        {
            self.gone.retain(|(_, gone)| gone.resource_name.as_str() != name);
            self.put(person, now, |it| it.name = Some(name));
        }
    }

    /// `tombstone`: whether the old name is also reported as deleted.
    pub(crate) fn rename(&mut self, person: usize, tombstone: bool, now: i64) {
        let Some(old) = self.people[person].now().and_then(|it| it.name.clone()) else { return };
        let new = self.fresh_name();
        self.put(person, now, |it| it.name = Some(new));
        self.people[person].former.push(old.clone());
        if tombstone {
            self.bury(&old, &[]);
        }
    }

    /// Two persons become one: `from` is gone, and `into` bears its name as a former one.
    pub(crate) fn merge(&mut self, from: usize, into: usize, tombstone: bool, now: i64) {
        let Some(old) = self.people[from].now().and_then(|it| it.name.clone()) else { return };
        self.put(from, now, |it| it.name = None);
        self.put(into, now, |it| it.edition += 1);
        // Whoever was merged into this one before is part of the new one, too.
        let earlier = self.people[from].former.clone();
        self.people[into].former.extend(earlier);
        self.people[into].former.push(old.clone());
        if tombstone {
            self.bury(&old, &[]);
        }
    }

    /// Whether the person that a former name leads to went, or got yet another name, after a version. The listing of
    /// that version cannot tell that the two are one; the next changes do.
    pub(crate) fn heir_went(&self, name: &str, version: u64) -> bool {
        let moved = |it: &Person| {
            let then = it.at(version).and_then(|state| state.name.clone());
            it.states.iter().any(|state| state.since > version && state.name != then)
        };
        let is_heir = |it: &&Person| it.former.iter().any(|former| former == name);
        self.people.iter().filter(is_heir).any(moved)
    }

    /// Whether a name leads to a person whom the listings leave out: it is kept, since the look-up finds the heir.
    pub(crate) fn heir_is_left_out(&self, name: &str) -> bool {
        self.left_out_twice.iter().any(|at| self.people[*at].former.iter().any(|it| it == name))
    }

    pub(crate) fn had_other_names(&self, person: usize) -> bool {
        !self.people[person].former.is_empty()
    }

    /// Whether somebody who is gone became part of another person.
    pub(crate) fn is_merged(&self, person: usize) -> bool {
        let last = self.people[person].states.iter().rev().find_map(|it| it.name.as_ref());
        last.is_some_and(|name| self.people.iter().any(|it| it.former.contains(name)))
    }

    /// What the mirror must hold in the end: names and contents of everybody who can be read.
    pub(crate) fn truth(&self) -> BTreeMap<String, Content> {
        (0..self.people.len())
            .filter_map(|at| {
                let state = self.people[at].now()?;
                let name = state.name.clone()?;
                (state.health == Health::Good).then(|| (name, content(at, state.edition)))
            })
            .collect()
    }

    pub(crate) fn verdict(&self, asked: &ResourceName) -> Presence {
        if self.who == Identity::Another {
            return Presence::Gone;
        }
        for person in &self.people {
            let Some(name) = person.now().and_then(|it| it.name.as_ref()) else { continue };
            if name == asked.as_str() {
                return Presence::Alive;
            }
            if person.former.iter().any(|former| former == asked.as_str()) {
                return resource(name).map_or(Presence::Unknown, Presence::Renamed);
            }
        }
        Presence::Gone
    }

    pub(crate) fn labels(&self) -> Vec<Label> {
        vec![Label {
            resource_name: "contactGroups/friends".to_owned(),
            name: format!("Friends {}", self.version / 8),
            system: false,
        }]
    }
}

fn resource(text: &str) -> Option<ResourceName> {
    ResourceName::parse(text)
}

pub(crate) fn name(text: &str) -> ResourceName {
    ResourceName::parse(text).expect("the simulated names are proper ones")
}

/// What is kept of a person in one of its editions. Who it is and which edition stand in the name.
pub(crate) fn content(person: usize, edition: u64) -> Content {
    let mut content = Content::default();
    content.names.display = format!("n{person} e{edition}");
    for at in 0..(person as u64 + edition) % 3 {
        content.phones.push(Phone { value: format!("+49 30 {person}{at}"), ..Phone::default() });
    }
    if (person as u64 + edition).is_multiple_of(2) {
        content.emails.push(Email { value: format!("n{person}@example.org"), ..Email::default() });
    }
    content.normalise();
    content
}

/// The person and the edition that a display name stands for.
pub(crate) fn read_display(text: &str) -> Option<(usize, u64)> {
    let (person, edition) = text.split_once(' ')?;
    Some((person.strip_prefix('n')?.parse().ok()?, edition.strip_prefix('e')?.parse().ok()?))
}
