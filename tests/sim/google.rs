//! A Google in memory: who is in the address book, since when, and what a listing says of it.
//!
//! It keeps every state that each person ever had, so that the mirror can be held against the moment
//! that its sync token stands for. What it says may be wrong in the ways that a [`Lie`] names.

use std::collections::{BTreeMap, BTreeSet};

use ringbook::contact::{Contact, Content, Email, Phone, ResourceName};
use ringbook::sync::book::{
    Entry, FetchError, Label, ListRequest, Page, PageToken, SyncToken, Tombstone, Unreadable,
    Verdict,
};

use crate::chance::Chance;

/// Google's tokens die seven days after the full listing that they descend from.
pub(crate) const TOKEN_LIFE: i64 = 7 * 86_400_000_000;
/// A listing can be gone on with for this long.
const PAGE_TOKEN_LIFE: i64 = 3_600_000_000;

/// Which Google account answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Ours,
    Another,
}

impl Who {
    pub(crate) fn id(self) -> ResourceName {
        name(match self {
            Who::Ours => "people/ours",
            Who::Another => "people/another",
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

/// One listing in progress.
struct Listing {
    who: Who,
    since: Option<u64>,
    began: u64,
    began_at: i64,
    full_at: i64,
    people: Vec<usize>,
    gone: Vec<Tombstone>,
    /// What an earlier page said, to be said again.
    said: Vec<Entry>,
    /// An earlier page said how many there are.
    counted: bool,
    /// Left out, though counted.
    omitted: Vec<usize>,
}

/// One way in which a page is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// The rest of the list is never announced.
    DropTail,
    /// The next page is this page again.
    RepeatToken,
    /// Persons are left out of a full listing; the total still counts them.
    Omit,
    /// And the total does not count them either. Only asking about them finds out.
    OmitUncounted,
    /// Nobody is there, and that is all.
    Empty,
    /// The last page has no sync token.
    NoToken,
    /// What an earlier page said is said again.
    Repeat,
    Reorder,
    /// There is no total.
    NoTotal,
}

pub(crate) struct Google {
    pub(crate) version: u64,
    pub(crate) people: Vec<Person>,
    /// Names that are gone, each with the version since when.
    gone: Vec<(u64, Tombstone)>,
    listings: Vec<Listing>,
    pub(crate) who: Who,
    /// The grant is dead until somebody connects again.
    pub(crate) revoked: bool,
    /// Sync tokens that descend from listings before this version are refused.
    pub(crate) tokens_dead_before: u64,
    /// Sync tokens that were refused for their age.
    pub(crate) died_of_age: u64,
    names: u32,
    /// Left out of a listing in a way that nobody who does not know them can find out.
    pub(crate) unheard_of: BTreeSet<usize>,
}

impl Google {
    pub(crate) fn new() -> Google {
        Google {
            version: 0,
            people: Vec::new(),
            gone: Vec::new(),
            listings: Vec::new(),
            who: Who::Ours,
            revoked: false,
            tokens_dead_before: 0,
            died_of_age: 0,
            names: 0,
            unheard_of: BTreeSet::new(),
        }
    }

    /// Who can be changed now, by number.
    pub(crate) fn living(&self) -> Vec<usize> {
        (0..self.people.len()).filter(|at| self.people[*at].now().is_some()).collect()
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

    /// Whether somebody of whom this one became a part went after a version. Not being listed any more,
    /// that one cannot tell of the other; the next changes do.
    pub(crate) fn heir_went(&self, name: &str, version: u64) -> bool {
        self.people
            .iter()
            .filter(|it| it.former.iter().any(|former| former == name))
            .any(|it| it.states.iter().any(|state| state.since > version && state.name.is_none()))
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

    /// The version and the time of the full listing that a sync token of ours stands for.
    pub(crate) fn read_token(token: &str) -> Option<(u64, i64)> {
        let mut parts = token.split('.');
        let (kind, version, full_at) = (parts.next()?, parts.next()?, parts.next()?);
        (kind == "s").then_some((version.parse().ok()?, full_at.parse().ok()?))
    }

    pub(crate) fn list(
        &mut self,
        request: &ListRequest,
        lie: Option<Lie>,
        chance: &mut Chance,
        now: i64,
    ) -> Result<Page, FetchError> {
        let (listing, from) = match &request.page {
            Some(token) => self.listing_of(token, request, now)?,
            None => (self.begin(request, now)?, 0),
        };
        let size = usize::from(request.page_size);
        let people = self.listings[listing].people.len();
        let length = people + self.listings[listing].gone.len();
        let full = self.listings[listing].since.is_none();
        let to = (from + size).min(length);
        let mut entries = Vec::with_capacity(size);
        for at in from..to {
            match at.checked_sub(people) {
                None => {
                    let person = self.listings[listing].people[at];
                    entries.extend(self.entry(person, self.listings[listing].since));
                }
                Some(at) => entries.push(Entry::Deleted(self.listings[listing].gone[at].clone())),
            }
        }
        let mut last = to >= length;
        let mut total = full.then(|| self.count(self.listings[listing].who));
        match lie {
            Some(Lie::Omit | Lie::OmitUncounted) if full && !entries.is_empty() => {
                let left_out = chance.between(1, entries.len() as u32) as usize;
                entries.truncate(entries.len() - left_out);
                let omitted = self.listings[listing].people[from..to.min(people)].to_vec();
                if lie == Some(Lie::OmitUncounted) {
                    total = total.map(|it| it.saturating_sub(left_out as u64));
                    self.unheard_of.extend(omitted);
                } else {
                    self.listings[listing].omitted.extend(omitted);
                }
            }
            Some(Lie::Empty) if full => {
                entries.clear();
                total = (chance.below(2) == 1).then_some(0);
                last = true;
                // A wrong count at the end also covers up what was left out before.
                if total.is_some() || !self.listings[listing].counted {
                    self.unheard_of.extend(&self.listings[listing].people);
                } else {
                    let rest = self.listings[listing].people[from.min(people)..].to_vec();
                    self.listings[listing].omitted.extend(rest);
                }
            }
            Some(Lie::Repeat) => {
                let said = self.listings[listing].said.clone();
                entries.splice(0..0, said.into_iter().take(2));
            }
            Some(Lie::Reorder) => entries.reverse(),
            Some(Lie::NoTotal) => total = None,
            _ => {}
        }
        // Where somebody was listed and then deleted, or listed under two names, the count no longer shows
        // that another is missing.
        let began = self.listings[listing].began;
        let moved = |at: &usize| {
            let names = self.people[*at].states.iter().filter(|it| it.since > began);
            names
                .into_iter()
                .any(|it| it.name != self.people[*at].at(began).and_then(|it| it.name.clone()))
        };
        if last && self.listings[listing].people.iter().any(moved) {
            let omitted = std::mem::take(&mut self.listings[listing].omitted);
            self.unheard_of.extend(omitted);
        }
        self.listings[listing].counted |= total.is_some();
        self.listings[listing].said.extend(entries.iter().take(2).cloned());
        let it = &self.listings[listing];
        let mut page = Page {
            entries: entries.into(),
            next: (!last).then(|| PageToken::new(format!("p.{listing}.{to}"))),
            sync_token: last.then(|| SyncToken::new(format!("s.{}.{}", it.began, it.full_at))),
            total,
        };
        match lie {
            Some(Lie::DropTail) => (page.next, page.sync_token) = (None, None),
            Some(Lie::RepeatToken) if page.next.is_some() => {
                page.next = Some(PageToken::new(format!("p.{listing}.{from}")));
            }
            Some(Lie::NoToken) => page.sync_token = None,
            _ => {}
        }
        Ok(page)
    }

    fn begin(&mut self, request: &ListRequest, now: i64) -> Result<usize, FetchError> {
        let (since, full_at) = match &request.since {
            None => (None, now),
            Some(token) => {
                let Some((version, full_at)) = Google::read_token(token.expose()) else {
                    return Err(refused("no such sync token"));
                };
                if now - full_at > TOKEN_LIFE {
                    self.died_of_age += 1;
                    return Err(refused("the sync token is too old"));
                }
                if version < self.tokens_dead_before || self.who == Who::Another {
                    return Err(refused("the sync token is no longer good"));
                }
                (Some(version), full_at)
            }
        };
        let (people, gone) = match (self.who, since) {
            (Who::Another, _) => (Vec::new(), Vec::new()),
            (Who::Ours, None) => (self.living(), Vec::new()),
            (Who::Ours, Some(since)) => (
                (0..self.people.len())
                    .filter(|at| self.people[*at].changed() > since)
                    .filter(|at| self.people[*at].now().is_some())
                    .collect(),
                self.gone.iter().filter(|it| it.0 > since).map(|it| it.1.clone()).collect(),
            ),
        };
        self.listings.push(Listing {
            who: self.who,
            since,
            began: self.version,
            began_at: now,
            full_at,
            people,
            gone,
            said: Vec::new(),
            counted: false,
            omitted: Vec::new(),
        });
        Ok(self.listings.len() - 1)
    }

    fn listing_of(
        &self,
        token: &PageToken,
        request: &ListRequest,
        now: i64,
    ) -> Result<(usize, usize), FetchError> {
        let mut parts = token.as_str().split('.').skip(1).map(str::parse::<usize>);
        let (Some(Ok(listing)), Some(Ok(from))) = (parts.next(), parts.next()) else {
            return Err(refused("no such page token"));
        };
        let Some(it) = self.listings.get(listing) else {
            return Err(refused("no such listing"));
        };
        let since = request.since.as_ref().and_then(|it| Google::read_token(it.expose()));
        let dead = it.since.is_some_and(|version| version < self.tokens_dead_before);
        if it.who != self.who || since.map(|it| it.0) != it.since || dead {
            return Err(refused("the page token belongs to another listing"));
        }
        if now - it.began_at > PAGE_TOKEN_LIFE {
            return Err(refused("the page token is too old"));
        }
        Ok((listing, from))
    }

    fn count(&self, who: Who) -> u64 {
        match who {
            Who::Ours => self.living().len() as u64,
            Who::Another => 0,
        }
    }

    /// A person as a listing shows it; nothing when it is gone meanwhile.
    fn entry(&self, person: usize, since: Option<u64>) -> Option<Entry> {
        let it = &self.people[person];
        let state = it.now()?;
        let resource_name = resource(state.name.as_ref()?)?;
        let odd = |named: bool| {
            Entry::Unreadable(Unreadable {
                resource_name: named.then(|| resource_name.clone()),
                reason: "a field is not what it should be".to_owned(),
            })
        };
        Some(match state.health {
            Health::Odd => odd(true),
            Health::Nameless => odd(false),
            Health::Good => Entry::Person(Box::new(Contact {
                // Former names are told in incremental listings only, but all that there ever were.
                previous_names: it
                    .former
                    .iter()
                    .filter(|_| since.is_some())
                    .filter_map(|name| resource(name))
                    .collect(),
                etag: None,
                edited_at: None,
                content: content(person, state.edition),
                resource_name,
            })),
        })
    }

    pub(crate) fn verdict(&self, asked: &ResourceName) -> Verdict {
        if self.who == Who::Another {
            return Verdict::Gone;
        }
        for person in &self.people {
            let Some(name) = person.now().and_then(|it| it.name.as_ref()) else { continue };
            if name == asked.as_str() {
                return Verdict::Alive;
            }
            if person.former.iter().any(|former| former == asked.as_str()) {
                return resource(name).map_or(Verdict::Unknown, Verdict::Renamed);
            }
        }
        Verdict::Gone
    }

    pub(crate) fn labels(&self) -> Vec<Label> {
        vec![Label {
            resource_name: "contactGroups/friends".to_owned(),
            name: format!("Friends {}", self.version / 8),
            system: false,
        }]
    }
}

fn refused(message: &str) -> FetchError {
    FetchError::CursorRefused { message: message.to_owned() }
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
