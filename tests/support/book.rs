//! An address book that does what it is told: no network, no chance, the same answers each time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use ringbook_core::contact::{Contact, Content, Names, Phone, ResourceName};
use ringbook_core::sync::book::{
    AddressBook, Entry, FetchError, Label, ListRequest, Page, PageToken, Presence, SyncToken,
    Unreadable,
};

/// Google's side. Clones share it; [`Book::copy`] does not.
#[derive(Clone, Default)]
pub(crate) struct Book(Arc<Mutex<Google>>);

/// What happens when the book gets its n-th request.
#[derive(Clone)]
pub(crate) enum Act {
    Fail(FetchError),
    /// Somebody edits the contacts meanwhile.
    Edit(fn(&Book)),
}

#[derive(Clone, Default)]
struct Google {
    persons: BTreeMap<String, Person>,
    /// Tombstones, and when they were put up.
    gone: BTreeMap<String, u64>,
    renamed: BTreeMap<String, String>,
    labels: Vec<String>,
    /// Counts changes; a sync token is one of its values.
    version: u64,
    /// Tokens before this one are refused.
    accepted_from: u64,
    pages_refused: bool,
    requests: u64,
    script: BTreeMap<u64, Act>,
}

#[derive(Clone)]
struct Person {
    version: u64,
    /// How often it was changed.
    revision: u32,
    former: Vec<String>,
    is_readable: bool,
}

/// Where a listing goes on: the token it began from, the version it began at, and the last name.
struct Cursor {
    since: Option<u64>,
    began: u64,
    last: String,
}

impl Book {
    pub(crate) fn of(persons: usize) -> Book {
        let book = Book::default();
        book.add(0..persons);
        book.label("friends");
        book
    }

    fn google(&self) -> MutexGuard<'_, Google> {
        self.0.lock().unwrap()
    }

    pub(crate) fn copy(&self) -> Book {
        Book(Arc::new(Mutex::new(self.google().clone())))
    }

    pub(crate) fn add(&self, numbers: std::ops::Range<usize>) {
        for number in numbers {
            self.edit(&name(number), |_| {});
        }
    }

    /// Changes persons, or brings them back.
    pub(crate) fn change(&self, numbers: std::ops::Range<usize>) {
        for number in numbers {
            self.edit(&name(number), |person| person.revision += 1);
        }
    }

    /// From now on, a person that cannot be read, or can be again.
    pub(crate) fn spoil(&self, number: usize, spoilt: bool) {
        self.edit(&name(number), |person| person.is_readable = !spoilt);
    }

    fn edit(&self, name: &str, edit: impl FnOnce(&mut Person)) {
        let mut google = self.google();
        google.version += 1;
        let version = google.version;
        google.gone.remove(name);
        let person = google.persons.entry(name.to_owned()).or_insert(Person {
            version,
            revision: 0,
            former: Vec::new(),
            is_readable: true,
        });
        person.version = version;
        edit(person);
    }

    pub(crate) fn delete(&self, numbers: std::ops::Range<usize>) {
        let mut google = self.google();
        for number in numbers {
            google.version += 1;
            let version = google.version;
            if google.persons.remove(&name(number)).is_some() {
                google.gone.insert(name(number), version);
            }
        }
    }

    pub(crate) fn rename(&self, from: usize, to: usize) {
        let mut google = self.google();
        google.version += 1;
        let version = google.version;
        let mut person = google.persons.remove(&name(from)).unwrap();
        person.version = version;
        person.former.push(name(from));
        google.renamed.insert(name(from), name(to));
        google.persons.insert(name(to), person);
    }

    pub(crate) fn label(&self, label: &str) {
        self.google().labels.push(label.to_owned());
    }

    pub(crate) fn expire_tokens(&self) {
        let mut google = self.google();
        google.version += 1;
        google.accepted_from = google.version;
    }

    pub(crate) fn refuse_pages(&self) {
        self.google().pages_refused = true;
    }

    /// Does something at the n-th request from now, counted from one.
    pub(crate) fn at(&self, request: u64, act: Act) {
        let mut google = self.google();
        let at = google.requests + request;
        google.script.insert(at, act);
    }

    /// Time passes: what was to be edited is edited, and what failed works again.
    pub(crate) fn calm(&self) {
        let script = std::mem::take(&mut self.google().script);
        for act in script.into_values() {
            if let Act::Edit(edit) = act {
                edit(self);
            }
        }
        self.google().pages_refused = false;
    }

    /// What a mirror must hold: the contacts by name. Those that cannot be read are `None`.
    pub(crate) fn truth(&self) -> BTreeMap<String, Option<Content>> {
        let google = self.google();
        let content = |(name, person): (&String, &Person)| {
            (name.clone(), person.is_readable.then(|| content(name, person)))
        };
        google.persons.iter().map(content).collect()
    }

    pub(crate) fn has_renamed(&self, name: &str) -> bool {
        self.google().renamed.contains_key(name)
    }

    fn requested(&self) -> Result<(), FetchError> {
        let act = {
            let mut google = self.google();
            google.requests += 1;
            let now = google.requests;
            google.script.remove(&now)
        };
        match act {
            Some(Act::Fail(error)) => Err(error),
            Some(Act::Edit(edit)) => {
                edit(self);
                Ok(())
            }
            None => Ok(()),
        }
    }
}

fn name(number: usize) -> String {
    format!("people/c{number:05}")
}

/// Some have no number, some one, some two; some a label.
fn content(name: &str, person: &Person) -> Content {
    let number = person.former.first().map_or(name, |it| it.as_str());
    let number: usize = number.trim_start_matches("people/c").parse().unwrap();
    let phone = |n: usize| Phone {
        value: format!("+49 30 {number:05}{n}{}", person.revision),
        ..Phone::default()
    };
    Content {
        names: Names { display: format!("Person {number}"), ..Names::default() },
        phones: (0..number % 3).map(phone).collect(),
        labels: (number % 2..1).map(|_| "contactGroups/friends".to_owned()).collect(),
        ..Content::default()
    }
}

fn refused() -> FetchError {
    FetchError::CursorRefused { message: "it has expired".to_owned() }
}

impl Google {
    fn cursor(&self, request: &ListRequest) -> Result<Cursor, FetchError> {
        let since = match &request.since {
            Some(token) => {
                let since = token.expose().strip_prefix("sync-").and_then(|it| it.parse().ok());
                Some(since.filter(|it| *it >= self.accepted_from).ok_or_else(refused)?)
            }
            None => None,
        };
        let Some(page) = &request.page else {
            return Ok(Cursor { since, began: self.version, last: String::new() });
        };
        if self.pages_refused {
            return Err(refused());
        }
        let (began, last) = page.as_str().split_once(' ').ok_or_else(refused)?;
        Ok(Cursor { since, began: began.parse().map_err(|_| refused())?, last: last.to_owned() })
    }

    fn page(&self, cursor: &Cursor, size: usize) -> Page {
        let is_new = |version: u64| cursor.since.is_none_or(|since| version > since);
        let mut found: Vec<(&String, Entry)> = Vec::new();
        for (name, person) in &self.persons {
            if is_new(person.version) {
                found.push((name, entry(name, person, cursor.since.is_some())));
            }
        }
        for (name, version) in self.gone.iter().filter(|_| cursor.since.is_some()) {
            if is_new(*version) {
                found.push((name, Entry::Deleted(ResourceName::parse(name).unwrap().into())));
            }
        }
        found.sort_by_key(|(name, _)| *name);
        found.retain(|(name, _)| **name > cursor.last);
        let is_last = found.len() <= size;
        found.truncate(size);
        let last = found.last().map(|(name, _)| (*name).clone()).unwrap_or_default();
        Page {
            entries: found.into_iter().map(|(_, entry)| entry).collect::<Vec<_>>().into(),
            next: (!is_last).then(|| PageToken::new(format!("{} {last}", cursor.began))),
            sync_token: is_last.then(|| SyncToken::new(format!("sync-{}", cursor.began))),
            total: Some(self.persons.len() as u64),
        }
    }
}

fn entry(name: &str, person: &Person, tell_former: bool) -> Entry {
    let resource_name = ResourceName::parse(name).unwrap();
    if !person.is_readable {
        let reason = "one of its fields is no text".to_owned();
        return Entry::Unreadable(Unreadable::new(Some(resource_name), reason, ""));
    }
    let former = person.former.iter().filter(|_| tell_former);
    Entry::Person(Box::new(Contact {
        resource_name,
        previous_names: former.map(|it| ResourceName::parse(it).unwrap()).collect(),
        etag: None,
        edited_at: None,
        content: content(name, person),
    }))
}

impl AddressBook for Book {
    async fn identify(&self) -> Result<Option<ResourceName>, FetchError> {
        self.requested()?;
        Ok(ResourceName::parse("people/me"))
    }

    async fn labels(&self) -> Result<Vec<Label>, FetchError> {
        self.requested()?;
        let label = |name: &String| Label {
            resource_name: format!("contactGroups/{name}"),
            name: name.clone(),
            system: false,
        };
        Ok(self.google().labels.iter().map(label).collect())
    }

    async fn list(&self, request: &ListRequest) -> Result<Page, FetchError> {
        self.requested()?;
        let google = self.google();
        let cursor = google.cursor(request)?;
        Ok(google.page(&cursor, usize::from(request.page_size)))
    }

    async fn verify(&self, names: &[ResourceName]) -> Result<Vec<Presence>, FetchError> {
        self.requested()?;
        let google = self.google();
        let verdict = |name: &ResourceName| match google.renamed.get(name.as_str()) {
            _ if google.persons.contains_key(name.as_str()) => Presence::Alive,
            Some(new) if google.persons.contains_key(new) => {
                Presence::Renamed(ResourceName::parse(new).unwrap())
            }
            _ => Presence::Gone,
        };
        Ok(names.iter().map(verdict).collect())
    }
}
