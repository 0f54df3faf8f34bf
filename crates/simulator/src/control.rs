//! The levers behind the scenes, for tests that run in the same process.
//!
//! Everything here can also be done over HTTP, see [`super`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::book::{Book, BookError, Group, parse_resource_name, resource_name};
use super::contact::{Contact, Truth};
use super::domain::List;
use super::faults::{Endpoint, Fault, PlannedFault};
use super::generate;
use super::log::{Counters, Entry};
use super::oauth::{Consent, Tokens};
use super::service_account;
use super::world::{Settings, State, World};

/// Works on the book of the present user, or with [`Control::of`] on another's.
#[derive(Clone)]
pub struct Control {
    world: Arc<World>,
    user: Option<String>,
    /// A list of the domain, instead of anybody's book.
    list: Option<List>,
}

impl Control {
    pub(super) fn new(world: &Arc<World>) -> Control {
        Control { world: Arc::clone(world), user: None, list: None }
    }

    /// The same levers for the book of another user, who is made up if need be.
    pub fn of(&self, email: &str) -> Control {
        Control { world: Arc::clone(&self.world), user: Some(email.to_owned()), list: None }
    }

    /// The same levers for the people of the domain.
    pub fn directory(&self) -> Control {
        Control { list: Some(List::Profiles), ..self.clone() }
    }

    /// The same levers for the contacts that the domain shares.
    pub fn shared(&self) -> Control {
        Control { list: Some(List::Shared), ..self.clone() }
    }

    /// The key file of the service account.
    pub fn service_key(&self) -> serde_json::Value {
        service_account::key_file()
    }

    /// What the domain's administrator lets the service account do, in the name of everybody.
    pub fn delegate(&self, scopes: &[&str]) {
        let scopes = scopes.iter().map(|it| (*it).to_owned()).collect();
        self.world.lock().domain.delegated = scopes;
    }

    /// Whether the administrator lets the domain's directory be read from outside.
    pub fn share_directory(&self, on: bool) {
        self.world.lock().domain.sharing = on;
    }

    // The address book.

    /// Adds a contact and returns its resource name.
    pub fn add(&self, contact: Contact) -> String {
        self.book(|book, now| resource_name(book.add(contact, now)))
    }

    /// Makes up this many contacts.
    pub fn generate(&self, count: usize) -> Vec<String> {
        let mut state = self.world.lock();
        let now = state.now();
        let made: Vec<Contact> = (0..count).map(|_| generate::contact(state.random())).collect();
        let book = self.book_in(&mut state);
        made.into_iter().map(|contact| resource_name(book.add(contact, now))).collect()
    }

    pub fn contact(&self, name: &str) -> Option<Contact> {
        let name = parse_resource_name(name)?;
        self.book(|book, _| {
            book.find(name).filter(|record| !record.deleted).map(|record| record.contact.clone())
        })
    }

    pub fn edit(&self, name: &str, change: impl FnOnce(&mut Contact)) -> Result<(), BookError> {
        let name = number(name)?;
        self.book(|book, now| book.edit(name, now, change))
    }

    /// Marks a contact as modified and changes nothing.
    pub fn touch(&self, name: &str) -> Result<(), BookError> {
        let name = number(name)?;
        self.book(|book, now| book.touch(name, now))
    }

    pub fn touch_all(&self) {
        self.book(Book::touch_all);
    }

    pub fn delete(&self, name: &str) -> Result<(), BookError> {
        let name = number(name)?;
        self.book(|book, now| book.delete(name, now))
    }

    /// Deletes this many contacts, chosen by chance, and returns their names.
    pub fn delete_many(&self, count: usize) -> Vec<String> {
        let mut state = self.world.lock();
        let now = state.now();
        let mut names: Vec<u64> =
            self.book_in(&mut state).live().map(|record| record.name).collect();
        state.random().shuffle(&mut names);
        names.truncate(count);
        let book = self.book_in(&mut state);
        names
            .into_iter()
            .filter(|name| book.delete(*name, now).is_ok())
            .map(resource_name)
            .collect()
    }

    /// Brings a deleted contact back under its name.
    pub fn restore(&self, name: &str) -> Result<(), BookError> {
        let name = number(name)?;
        self.book(|book, now| book.restore(name, now))
    }

    /// Changes a contact's resource name and returns the new one.
    pub fn rename(&self, name: &str) -> Result<String, BookError> {
        let name = number(name)?;
        self.book(|book, now| book.rename(name, now).map(resource_name))
    }

    /// Merges two contacts: `keep` survives with the data of both, `drop` is deleted.
    pub fn merge(&self, keep: &str, drop: &str) -> Result<(), BookError> {
        let (keep, drop) = (number(keep)?, number(drop)?);
        self.book(|book, now| book.merge(keep, drop, now))
    }

    /// Makes random changes at once.
    pub fn change_at_random(&self, count: usize) {
        let mut state = self.world.lock();
        match self.list {
            Some(list) => state.happen_in(list, count),
            None => {
                let user = self.user_in(&mut state);
                state.happen(user, count);
            }
        }
    }

    /// Adds a contact group and returns its id.
    pub fn add_group(&self, name: &str) -> String {
        let mut state = self.world.lock();
        let (user, now) = (self.user_in(&mut state), state.now());
        let id = format!("{:x}", state.random().next() >> 1);
        let group = Group {
            id: id.clone(),
            name: name.to_owned(),
            system: false,
            legacy: false,
            deleted: false,
            changed: 0,
            changed_at: now,
        };
        state.users[user].book.add_group(group);
        id
    }

    pub fn rename_group(&self, id: &str, name: &str) -> Result<(), BookError> {
        self.book(|book, now| book.edit_group(id, now, |group| group.name = name.to_owned()))
    }

    pub fn delete_group(&self, id: &str) -> Result<(), BookError> {
        self.book(|book, now| book.delete_group(id, now))
    }

    /// All live contacts in one fixed form, sorted by resource name.
    pub fn truth(&self) -> Vec<Truth> {
        let mut truth: Vec<Truth> = self.book(|book, _| book.live().map(Truth::of).collect());
        if self.list.is_some() {
            // Labels are what a person puts on contacts of their own.
            truth.iter_mut().for_each(|person| person.groups.clear());
        }
        truth.sort_by(|a, b| a.resource_name.cmp(&b.resource_name));
        truth
    }

    pub fn contact_count(&self) -> usize {
        self.book(|book, _| book.live_count())
    }

    // Tokens and users.

    /// Declares all sync tokens expired that were handed out so far.
    pub fn expire_sync_tokens(&self) {
        let mut state = self.world.lock();
        state.serial += 1;
        state.sync_tokens_from = state.serial;
        state.groups_era += 1;
    }

    pub fn expire_page_tokens(&self) {
        let mut state = self.world.lock();
        state.serial += 1;
        state.page_tokens_from = state.serial;
    }

    pub fn expire_access_tokens(&self) {
        self.world.lock().oauth.expire_access_tokens();
    }

    /// What a person does who removes the app from the Google account.
    pub fn revoke_grants(&self) {
        self.world.lock().oauth.revoke_all();
    }

    /// Puts another Google user in front of the consent page, with a book of `contacts` if
    /// new. With `grants_too`, grants given earlier answer as that user from now on.
    pub fn switch_user(&self, email: &str, contacts: usize, grants_too: bool) {
        let mut state = self.world.lock();
        let user = state.user(email, contacts);
        state.present = user;
        if grants_too {
            state.oauth.reassign_all(user);
        }
    }

    pub fn present_user(&self) -> String {
        let state = self.world.lock();
        state.users[state.present].email.clone()
    }

    pub fn set_consent(&self, consent: Consent) {
        self.world.lock().oauth.consent = consent;
    }

    /// Tokens for this control's user, without a browser.
    pub fn grant(&self, scopes: &[String]) -> Tokens {
        let mut state = self.world.lock();
        let (user, now) = (self.user_in(&mut state), state.now());
        let email = state.users[user].email.clone();
        state.oauth.grant(user, &email, scopes, now)
    }

    /// Puts the simulator's clock forward: tokens age and quotas refill.
    pub fn advance_clock(&self, by: Duration) {
        self.world.lock().advance_clock(by);
    }

    // Trouble, and what came of it.

    pub fn settings(&self) -> Settings {
        self.world.lock().settings.clone()
    }

    pub fn change_settings(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.world.lock().settings);
    }

    /// Adds a fault to the plan and returns its number.
    pub fn add_fault(&self, fault: Fault) -> u64 {
        self.world.lock().plan.add(fault)
    }

    pub fn faults(&self) -> Vec<PlannedFault> {
        self.world.lock().plan.faults().to_vec()
    }

    pub fn remove_fault(&self, id: u64) -> bool {
        self.world.lock().plan.remove(id)
    }

    pub fn clear_faults(&self) {
        self.world.lock().plan.clear();
    }

    /// The latest requests, oldest first.
    pub fn log(&self) -> Vec<Entry> {
        self.world.lock().log.entries()
    }

    pub fn counters(&self) -> BTreeMap<Endpoint, Counters> {
        self.world.lock().log.counters()
    }

    /// The counters of one endpoint.
    pub fn counted(&self, endpoint: Endpoint) -> Counters {
        self.counters().get(&endpoint).copied().unwrap_or_default()
    }

    pub fn clear_log(&self) {
        self.world.lock().log.clear();
    }

    fn user_in(&self, state: &mut State) -> usize {
        match &self.user {
            Some(email) => state.user(email, 0),
            None => state.present,
        }
    }

    fn book<T>(&self, act: impl FnOnce(&mut Book, i64) -> T) -> T {
        let mut state = self.world.lock();
        let now = state.now();
        act(self.book_in(&mut state), now)
    }

    fn book_in<'a>(&self, state: &'a mut State) -> &'a mut Book {
        match self.list {
            Some(list) => state.domain.book_mut(list),
            None => {
                let user = self.user_in(state);
                &mut state.users[user].book
            }
        }
    }
}

fn number(name: &str) -> Result<u64, BookError> {
    parse_resource_name(name).ok_or_else(|| BookError::Unknown(name.to_owned()))
}
