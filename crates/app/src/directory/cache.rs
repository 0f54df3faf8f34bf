//! Keeps the newest snapshot. It is made when somebody asks for the first time, and after that from what
//! has changed; so every process on a database shows the same, whoever writes to it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task::JoinHandle;
use tracing::{debug, warn};

use crate::directory::snapshot::SPELLING_END;
use crate::directory::{Asked, Hit, IndexedContact, NameFormatter, Scope, Snapshot};
use ringbook_core::clock::between;
use ringbook_core::contact::{Content, Phone, STARRED, is_machine, spellings};
use ringbook_core::number::{DialRules, Number, field_of};
use ringbook_core::sync::AccountId;
use ringbook_runtime::tasks;
use ringbook_store::{ContactId, DbError, Store, Version, blocking};

/// Contacts that are read at a time.
const PART: u32 = 2000;
/// Changed contacts that are taken up at once.
const BATCH: usize = 20_000;
/// For so long nobody asks the database again whether something is new. What this process writes itself
/// shows at once.
const ASKED: Duration = Duration::from_millis(10);
/// Nobody waits longer for the newest view; the one before is better than none.
const PATIENCE: Duration = Duration::from_millis(400);
/// A database that says nothing for so long has nothing to say of the first view either.
const FIRST_WORD: Duration = Duration::from_millis(800);
/// Longer than phones wait for a screen.
const FIRST_VIEW: Duration = Duration::from_secs(60);
/// While a run writes, this share of the time goes into following it: one part in so many.
const SHARE: u32 = 10;
/// A copy that nobody asked for in so long is made anew: rows of deleted contacts may be gone since.
const STALE: Duration = Duration::from_secs(12 * 3600);
/// Labels of Google's own that say nothing on a phone.
const HIDDEN_LABELS: &[&str] = &[
    STARRED,
    "contactGroups/myContacts",
    "contactGroups/all",
    "contactGroups/chatBuddies",
    "contactGroups/blocked",
];
/// A contact is found by so many fields at most, so that none of them is cut where it must end.
const FIELDS_MAX: usize = 100;
/// A folded field is cut here; nobody types more to find it.
const FIELD_MAX: usize = 120;
/// A number that tells two people of one name apart is cut here; the line of a phone holds no more.
const FIRST_NUMBER_MAX: usize = 30;
/// What stands between the spellings of a field.
const SPELLINGS: &str = "\u{2}";
const _: () = assert!(SPELLINGS.as_bytes()[0] == SPELLING_END);

/// What the directory is made by.
pub struct Rules {
    pub naming: NameFormatter,
    /// Show a person of several accounts once.
    pub merge: bool,
    /// Digits that make two numbers the same where one lacks its country.
    pub digits_min: usize,
    /// How numbers are read, and what they are known by.
    pub dial: DialRules,
}

impl Rules {
    /// Every contact that fits a text, the best first.
    pub fn search(&self, contacts: &Snapshot, asked: &str, scope: Scope) -> Vec<Hit> {
        contacts.search(asked, &Asked::read(asked, &self.dial), scope)
    }

    /// Contacts with a number that these keys spell, or whose number holds them.
    pub fn search_by_keys(&self, contacts: &Snapshot, keys: &str) -> Vec<Hit> {
        contacts.search_by_keys(keys, &Asked::read(keys, &self.dial))
    }
}

/// Names of labels by account and resource name.
pub type Labels = BTreeMap<(AccountId, String), String>;

/// The labels of an account whose contacts reach the phones; `None`: all contacts do.
type Shown = Option<BTreeSet<String>>;

/// The directory at one moment.
pub struct View {
    pub contacts: Snapshot,
    pub labels: Labels,
    /// By account the labels whose contacts reach the phones, where not all do.
    shown: BTreeMap<AccountId, Shown>,
    /// Counts the views of this process.
    pub number: u64,
    versions: Vec<Version>,
    at: Timestamp,
    /// How long it took to make.
    took: Duration,
}

/// The directory as it is now.
pub struct Directory {
    store: Store,
    rules: Rules,
    view: RwLock<Option<Arc<View>>>,
    /// What phones show of a contact beside its name, for when the database does not answer: as JSON, which
    /// takes a fraction of what the values would.
    cards: RwLock<HashMap<i64, Box<str>>>,
    /// Held by whoever makes the next view.
    maker: Arc<Mutex<()>>,
    /// When the database last said that the view will do, and how much this process had written.
    asked: std::sync::Mutex<Option<(u64, Timestamp)>>,
    /// The last making beside the requests failed: whoever asks next finds out why.
    has_failed: AtomicBool,
    /// Where it was made: that is where views are made, whoever asks for them.
    runtime: Handle,
}

impl Directory {
    /// Views are made on the runtime on which this is called.
    ///
    /// # Panics
    /// Outside a runtime.
    pub fn new(store: Store, rules: Rules) -> Directory {
        Directory {
            store,
            rules,
            view: RwLock::default(),
            cards: RwLock::default(),
            maker: Arc::default(),
            asked: std::sync::Mutex::default(),
            has_failed: AtomicBool::new(false),
            runtime: Handle::current(),
        }
    }

    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The directory, as new as the last run left it. While a run writes, it may be a moment behind.
    ///
    /// # Errors
    /// When it was never read, and the database cannot be. A database that fails later changes nothing:
    /// phones then see what was there last, within half a second.
    pub async fn view(self: &Arc<Self>) -> Result<Arc<View>, DbError> {
        match self.last() {
            None => self.first_view().await,
            Some(view) => Ok(self.newest(view).await),
        }
    }

    /// The same for whoever cannot wait for a first view to be made. It is made all the same.
    ///
    /// # Errors
    /// When there is none within `patience`.
    pub async fn view_within(self: &Arc<Self>, patience: Duration) -> Result<Arc<View>, DbError> {
        let view = tokio::time::timeout(patience, self.view()).await;
        view.unwrap_or_else(|_| self.last().ok_or(DbError::Timeout))
    }

    /// Makes the first view, which takes as long as reading all contacts does. Whether there is anybody to ask
    /// is found out sooner.
    async fn first_view(self: &Arc<Self>) -> Result<Arc<View>, DbError> {
        self.store.hurried(FIRST_WORD, self.store.versions()).await?;
        let making = async {
            let turn = self.maker.clone().lock_owned().await;
            match self.last() {
                Some(view) => Ok(view),
                // Whoever asked may hang up; the view is made all the same.
                None => match self.begin_making(turn).await {
                    Ok(made) => made,
                    Err(_) => Err(DbError::Timeout),
                },
            }
        };
        tokio::time::timeout(FIRST_VIEW, making).await.unwrap_or(Err(DbError::Timeout))
    }

    /// The view as it is now, or the one that there is where that takes too long.
    async fn newest(self: &Arc<Self>, view: Arc<View>) -> Arc<View> {
        let now = self.store.clock().now();
        let pulse = self.store.pulses();
        if self.was_asked(pulse, now) {
            return view;
        }
        let versions = match self.store.hurried(PATIENCE, self.store.versions()).await {
            Ok(versions) => versions,
            Err(problem) => {
                debug!(%problem, "the database does not answer; the directory is shown as it was");
                // It is not asked again at once: others would only wait, too.
                self.note(pulse, now);
                return view;
            }
        };
        if view.is_of(&versions) {
            self.note(pulse, now);
            return view;
        }
        // Whoever asked may hang up; the next view is made all the same.
        if versions.iter().any(|it| it.syncing) {
            // A run goes on changing things, so nobody waits for this page of it.
            let early = view.at <= now && between(view.at, now) < view.took * SHARE;
            if !early {
                self.start_making();
            }
            self.note(pulse, now);
            return view;
        }
        let newest = async {
            let turn = self.maker.clone().lock_owned().await;
            // Whoever had the turn before may have made it.
            if !self.last().is_some_and(|view| view.is_of(&versions)) {
                self.begin_making(turn).await.ok()?.ok()?;
            }
            self.last()
        };
        tokio::time::timeout(PATIENCE, newest).await.ok().flatten().unwrap_or(view)
    }

    /// The directory as the last change left it, however long that takes to make; while a run writes, as
    /// [`Directory::view`] has it. For programs, which would take an old list for the new one.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn current(self: &Arc<Self>) -> Result<Arc<View>, DbError> {
        let versions = self.store.versions().await?;
        match self.last() {
            Some(view) if view.is_of(&versions) => Ok(view),
            Some(_) if versions.iter().any(|it| it.syncing) => self.view().await,
            _ => {
                let turn = self.maker.clone().lock_owned().await;
                self.make_next(turn).await
            }
        }
    }

    /// Whether [`Directory::view`] answers, or fails, without making a first view. If that is to be made, it is
    /// being made from now on.
    pub fn is_there(self: &Arc<Self>) -> bool {
        if self.last().is_some() || self.has_failed.swap(false, Ordering::AcqRel) {
            return true;
        }
        self.start_making();
        false
    }

    /// Makes the next view beside the requests, unless somebody is at it.
    fn start_making(self: &Arc<Self>) {
        if let Ok(turn) = self.maker.clone().try_lock_owned() {
            drop(self.begin_making(turn));
        }
    }

    fn begin_making(
        self: &Arc<Self>,
        turn: OwnedMutexGuard<()>,
    ) -> JoinHandle<Result<Arc<View>, DbError>> {
        let this = self.clone();
        tasks::once_on(&self.runtime, "following the directory", async move {
            let made = this.make_next(turn).await;
            if let Err(problem) = &made {
                this.has_failed.store(true, Ordering::Release);
                warn!(%problem, "the directory could not be brought up to date");
            }
            made
        })
    }

    fn note(&self, pulse: u64, now: Timestamp) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some((pulse, now));
    }

    /// Whether the database was asked just now, and this process has written nothing since.
    fn was_asked(&self, pulse: u64, now: Timestamp) -> bool {
        let asked = *self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back says nothing.
        asked.is_some_and(|(then, at)| then == pulse && at <= now && between(at, now) < ASKED)
    }

    async fn make_next(&self, _turn: OwnedMutexGuard<()>) -> Result<Arc<View>, DbError> {
        let versions = self.store.versions().await?;
        match self.last() {
            // Others came first, and made it.
            Some(view) if view.is_of(&versions) => Ok(view),
            last => self.make(last.as_deref(), versions).await,
        }
    }

    /// The view that was made last, if any, however old it is.
    pub fn last(&self) -> Option<Arc<View>> {
        self.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes the next view from the last one.
    async fn make(
        &self,
        last: Option<&View>,
        versions: Vec<Version>,
    ) -> Result<Arc<View>, DbError> {
        let began = self.store.clock().now();
        let last = last.filter(|it| between(it.at, began) < STALE);
        let known = |account: AccountId| {
            last.and_then(|it| it.versions.iter().find(|known| known.account == account))
        };
        let mut base = None;
        let mut gone = HashSet::new();
        // Contacts of accounts that are no more, or whose rows vanished without a trace.
        if let Some(last) = last {
            let lost = last.versions.iter().filter(|old| {
                let new = versions.iter().find(|it| it.account == old.account);
                new.is_none_or(|new| new.rows_vanished > old.version || new.version < old.version)
            });
            let lost: HashSet<AccountId> = lost.map(|it| it.account).collect();
            if !lost.is_empty() {
                let places = 0..last.contacts.len() as u32;
                let ids = places.map(|place| last.contacts.id(place));
                gone.extend(ids.filter(|id| lost.contains(&ContactId(*id).account())));
            }
            base = Some(lost);
        }
        let mut labels = Labels::new();
        let mut shown = BTreeMap::new();
        let mut next = None;
        for version in &versions {
            let account = version.account;
            let only = self.store.labels_shown(account).await?;
            let only: Shown = only.map(|it| it.into_iter().collect());
            for (resource, name) in self.store.label_names(account).await? {
                labels.insert((account, resource), name);
            }
            let whole = base.as_ref().is_none_or(|lost| lost.contains(&account));
            match known(account).filter(|_| !whole) {
                Some(old) if old.version == version.version => {}
                Some(old) => {
                    let from = (account, old.version);
                    self.follow(from, &only, last, &mut next, &mut gone).await?;
                }
                None => self.read(account, &only, last, &mut next, &mut gone).await?,
            }
            shown.insert(account, only);
        }
        let contacts = match (next, last) {
            (Some(next), _) if gone.is_empty() => next,
            (Some(next), _) => blocking(|| next.with(&gone, Vec::new(), self.rules.merge)),
            (None, Some(last)) => {
                blocking(|| last.contacts.with(&gone, Vec::new(), self.rules.merge))
            }
            (None, None) => Snapshot::default(),
        };
        let at = self.store.clock().now();
        let number = self.last().map_or(0, |it| it.number) + 1;
        let took = between(began, at);
        let view = View { contacts, labels, shown, number, versions, at, took };
        debug!(
            contacts = view.contacts.len(),
            took_ms = view.took.as_millis() as u64,
            bytes = view.contacts.size(),
            "the directory was brought up to date"
        );
        if last.is_none() || !gone.is_empty() {
            self.forget_cards(&view.contacts);
        }
        let view = Arc::new(view);
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = Some(view.clone());
        Ok(view)
    }

    /// Takes up what changed in an account after a version.
    async fn follow(
        &self,
        (account, version): (AccountId, i64),
        shown: &Shown,
        last: Option<&View>,
        next: &mut Option<Snapshot>,
        gone: &mut HashSet<i64>,
    ) -> Result<(), DbError> {
        let mut from = (version, ContactId(i64::MAX));
        let mut records: HashMap<i64, IndexedContact> = HashMap::new();
        loop {
            let changed = self.store.changed_after(account, from, PART).await?;
            let end = changed.last().map(|it| (it.version, it.id));
            for it in changed {
                gone.insert(it.id.0);
                match &it.content {
                    Some(content) => records.insert(it.id.0, self.record(it.id, content, shown)),
                    // Deleted since it was read a moment ago.
                    None => records.remove(&it.id.0),
                };
            }
            if end.is_none() || records.len() >= BATCH {
                let batch = std::mem::take(&mut records).into_values().collect();
                self.add(batch, last, next, gone);
            }
            match end {
                Some(end) => from = end,
                None => return Ok(()),
            }
        }
    }

    /// Reads all contacts of an account.
    async fn read(
        &self,
        account: AccountId,
        shown: &Shown,
        last: Option<&View>,
        next: &mut Option<Snapshot>,
        gone: &mut HashSet<i64>,
    ) -> Result<(), DbError> {
        let mut after = ContactId::new(account, 0);
        // Each merge copies what is there already, so they get bigger as it grows.
        let mut records = Vec::new();
        loop {
            let part = self.store.contents_after(account, after, PART).await?;
            let Some((end, _)) = part.last() else { break };
            after = *end;
            records.extend(part.iter().map(|(id, content)| self.record(*id, content, shown)));
            let there = next.as_ref().map_or(0, Snapshot::len);
            if records.len() >= (there / 2).clamp(PART as usize, BATCH) {
                self.add(std::mem::take(&mut records), last, next, gone);
            }
        }
        self.add(records, last, next, gone);
        Ok(())
    }

    fn add(
        &self,
        records: Vec<IndexedContact>,
        last: Option<&View>,
        next: &mut Option<Snapshot>,
        gone: &mut HashSet<i64>,
    ) {
        let merge = self.rules.merge;
        let made = blocking(|| match (next.as_ref(), last) {
            (Some(next), _) => next.with(gone, records, merge),
            (None, Some(last)) => last.contacts.with(gone, records, merge),
            (None, None) => Snapshot::default().with(gone, records, merge),
        });
        gone.clear();
        *next = Some(made);
    }

    /// What a phone shows of a contact, as it was read last: names, numbers and what else a person is known by,
    /// and no labels. Only of contacts that are on phones.
    pub fn remembered(&self, id: ContactId) -> Option<Content> {
        let cards = self.cards.read().unwrap_or_else(PoisonError::into_inner);
        serde_json::from_str(cards.get(&id.0)?).ok()
    }

    fn remember(&self, id: ContactId, content: &Content, shown: &Shown) {
        let on_phones = !content.phones.is_empty() && reaches_phones(content, shown);
        let bare = Content { labels: Vec::new(), ..content.clone() };
        let card = on_phones.then(|| serde_json::to_string(&bare).ok()).flatten();
        let mut cards = self.cards.write().unwrap_or_else(PoisonError::into_inner);
        match card {
            Some(card) => cards.insert(id.0, card.into_boxed_str()),
            None => cards.remove(&id.0),
        };
    }

    fn forget_cards(&self, contacts: &Snapshot) {
        let mut cards = self.cards.write().unwrap_or_else(PoisonError::into_inner);
        cards.retain(|id, _| contacts.place_of(*id).is_some());
    }

    fn record(&self, id: ContactId, content: &Content, shown: &Shown) -> IndexedContact {
        self.remember(id, content, shown);
        let named = self.rules.naming.name(content);
        let spelled = |text: &str| spellings(text, FIELD_MAX).join(SPELLINGS);
        let folded = |text: &str| Some(spelled(text)).filter(|it| !it.is_empty());
        // The name stands first even where it folds to nothing, such as a heart.
        let name = content.display_name();
        let mut texts = vec![&*name];
        // With last names first it is also found as it is shown: the keys are typed through.
        texts.extend(Some(&*named.shown).filter(|it| *it != name));
        let texts: Vec<String> = texts.into_iter().filter_map(folded).collect();
        let mut fields = vec![texts.join(SPELLINGS)];
        fields.extend(content.nicknames.iter().filter_map(|it| folded(it)));
        fields.extend(content.organization.iter().filter_map(|it| folded(&it.name)));
        let names = &content.names;
        fields.extend(folded(&format!("{} {}", names.phonetic_given, names.phonetic_family)));
        let mut numbers: Vec<Number> = Vec::new();
        // What tells it from others of the same name, where the company does not.
        let mut first: Option<&Phone> = None;
        for phone in &content.phones {
            match self.rules.dial.read(field_of(phone)) {
                Ok(read) => {
                    let machine = is_machine(&phone.kind) || read.iter().all(|it| it.machine);
                    numbers.extend(read);
                    first = first.or(Some(phone).filter(|_| !machine));
                }
                // It is no number, and still what people see.
                Err(_) => fields.extend(folded(&phone.value)),
            }
        }
        fields.truncate(FIELDS_MAX);
        let first_number = first.map_or("", |it| it.value.as_str());
        let labels = content.labels.iter().filter(|it| !HIDDEN_LABELS.contains(&it.as_str()));
        let labels = labels.filter(|it| shown.as_ref().is_none_or(|shown| shown.contains(*it)));
        IndexedContact {
            id: id.0,
            account: id.account().0,
            shown: named.shown,
            first_number: first_number.chars().take(FIRST_NUMBER_MAX).collect(),
            sort_key: named.sort_key,
            keypad: named.keypad,
            initial: named.initial,
            starred: content.is_starred(),
            has_phone: !content.phones.is_empty(),
            off_phones: !reaches_phones(content, shown),
            fields,
            company: content.organization.as_ref().map_or_else(String::new, |it| it.name.clone()),
            numbers: self.rules.digits_of(&numbers),
            labels: labels.cloned().collect(),
        }
    }
}

/// One label that is shown is enough.
fn reaches_phones(content: &Content, shown: &Shown) -> bool {
    let shown = shown.as_ref();
    shown.is_none_or(|shown| content.labels.iter().any(|label| shown.contains(label)))
}

impl View {
    /// Whether a contact may be shown on phones. Those of accounts that are no more are not.
    pub fn shows(&self, account: AccountId, content: &Content) -> bool {
        self.shown.get(&account).is_some_and(|shown| reaches_phones(content, shown))
    }

    fn is_of(&self, versions: &[Version]) -> bool {
        self.versions.len() == versions.len()
            && self
                .versions
                .iter()
                .zip(versions)
                .all(|(a, b)| (a.account, a.version) == (b.account, b.version))
    }
}
