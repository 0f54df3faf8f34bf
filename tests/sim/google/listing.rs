//! What a listing says of the address book: page by page, under tokens that grow old.
//!
//! What it says may be wrong in the ways that a [`Lie`] names.

use std::collections::BTreeSet;

use ringbook_core::contact::Contact;
use ringbook_core::sync::book::{
    Entry, FetchError, ListRequest, Page, PageToken, SyncToken, Tombstone, Unreadable,
};

use super::{Google, Health, Identity, content, resource};
use crate::chance::Chance;
use crate::for_good::Lasting;

/// Google's tokens die seven days after the full listing that they descend from.
const TOKEN_LIFE: i64 = 7 * 86_400_000_000;
/// A listing can be gone on with for this long.
const PAGE_TOKEN_LIFE: i64 = 3_600_000_000;

/// One listing in progress.
pub(super) struct Listing {
    who: Identity,
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
    /// Everybody that it named.
    shown: BTreeSet<usize>,
    /// No page of it said what is not so.
    truthful: bool,
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

impl Google {
    /// The version and the time of the full listing that a sync token of ours stands for.
    pub(crate) fn read_token(token: &str) -> Option<(u64, i64)> {
        let mut parts = token.split('.');
        let (kind, version, full_at) = (parts.next()?, parts.next()?, parts.next()?);
        (kind == "s").then_some((version.parse().ok()?, full_at.parse().ok()?))
    }

    /// Whether the newest listing has left out persons whom its total still counts. Whether a run can find that out
    /// depends on what happens up to its last page.
    pub(crate) fn is_leaving_out(&self) -> bool {
        self.listings.last().is_some_and(|it| !it.omitted.is_empty())
    }

    /// How many empty pages with another one behind them were given out.
    pub(crate) fn empty_pages(&self) -> u64 {
        self.nonce
    }

    /// The listing that gave out a sync token.
    pub(crate) fn listing_behind(token: &str) -> Option<usize> {
        token.split('.').nth(3)?.parse().ok()
    }

    /// The version at which a listing began, if it was a full one and left nobody out.
    pub(crate) fn was_told_truthfully(&self, listing: usize) -> Option<u64> {
        let it = self.listings.get(listing)?;
        (it.since.is_none() && it.truthful).then_some(it.began)
    }

    /// Whoever was left out before is known from here on.
    pub(crate) fn hear_of_all_in(&mut self, listing: usize) {
        for person in &self.listings[listing].people {
            self.unheard_of.remove(person);
            self.left_out_twice.remove(person);
        }
    }

    pub(crate) fn list(
        &mut self,
        request: &ListRequest,
        lie: Option<Lie>,
        lasting: Option<&Lasting>,
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
        // Who the entries of a full listing are.
        let mut shown = Vec::with_capacity(size);
        let left_out = match lasting {
            Some(Lasting::LeftOut(person, counted)) if full => Some((*person, *counted)),
            _ => None,
        };
        for at in from..to {
            match at.checked_sub(people) {
                None => {
                    let person = self.listings[listing].people[at];
                    if let Some((who, counted)) = left_out
                        && who == person
                    {
                        self.listings[listing].truthful = false;
                        self.listings[listing].omitted.push(person);
                        if !counted {
                            self.unheard_of.insert(person);
                        }
                        continue;
                    }
                    let entry = self.entry(person, self.listings[listing].since);
                    shown.extend(entry.is_some().then_some(person));
                    entries.extend(entry);
                }
                Some(at) => entries.push(Entry::Deleted(self.listings[listing].gone[at].clone())),
            }
        }
        let mut last = to >= length;
        let mut total = full.then(|| self.count(self.listings[listing].who));
        // One that was listed before it was left out is counted: a total without it would hide that another is
        // missing, which cannot be known.
        if let Some((who, false)) = left_out
            && self.listings[listing].people.contains(&who)
            && !self.listings[listing].shown.contains(&who)
        {
            total = total.map(|it| it.saturating_sub(1));
        }
        if let Some(Lasting::Total(more)) = lasting {
            total = total.map(|it| it + more);
        }
        match lie {
            Some(Lie::Omit | Lie::OmitUncounted) if full && !entries.is_empty() => {
                let left_out = chance.between(1, entries.len() as u32) as usize;
                entries.truncate(entries.len() - left_out);
                let omitted = shown.split_off(entries.len());
                self.listings[listing].truthful = false;
                if lie == Some(Lie::OmitUncounted) {
                    total = total.map(|it| it.saturating_sub(left_out as u64));
                    self.unheard_of.extend(omitted);
                } else {
                    self.listings[listing].omitted.extend(omitted);
                }
            }
            Some(Lie::Empty) if full => {
                entries.clear();
                shown.clear();
                self.listings[listing].truthful = false;
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
        if last && !self.listings[listing].counted {
            // No page said how many there are.
            let omitted = std::mem::take(&mut self.listings[listing].omitted);
            self.unheard_of.extend(omitted);
        }
        let named = self.listings[listing].people.clone();
        let it = &mut self.listings[listing];
        it.shown.extend(named.iter().filter(|at| shown.contains(at)));
        if last && full {
            self.compare_with_the_last(listing);
        }
        self.listings[listing].said.extend(entries.iter().take(2).cloned());
        let it = &self.listings[listing];
        let mut page = Page {
            entries: entries.into(),
            next: (!last).then(|| PageToken::new(format!("p.{listing}.{to}"))),
            sync_token: last
                .then(|| SyncToken::new(format!("s.{}.{}.{listing}", it.began, it.full_at))),
            total,
        };
        match lasting {
            Some(Lasting::NoToken) => page.sync_token = None,
            Some(Lasting::NoEnd) if request.page.is_some() && page.next.is_some() => {
                page.next.clone_from(&request.page);
            }
            Some(Lasting::Empty) if request.page.is_some() => {
                self.nonce += 1;
                let again = format!("p.{listing}.{from}.{}", self.nonce);
                (page.entries, page.sync_token) = (Vec::new().into(), None);
                page.next = Some(PageToken::new(again));
            }
            _ => {}
        }
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

    /// Who was left out of two listings in a row that are the same otherwise stays out: these cannot be told from
    /// right ones. Contacts of the mirror are kept as they were.
    fn compare_with_the_last(&mut self, listing: usize) {
        let it = &self.listings[listing];
        // One that cannot be read may be the one that was left out, under another name: so that is kept as it was.
        let is_odd = |at: &usize| {
            let states = &self.people[*at].states;
            states.iter().any(|state| state.health != Health::Good)
        };
        let is_hidden = it.shown.iter().any(is_odd);
        if !it.truthful && (is_hidden || self.shown_last.as_ref() == Some(&it.shown)) {
            let missing = it.people.iter().filter(|at| !it.shown.contains(at));
            let missing: Vec<usize> = missing.copied().collect();
            self.unheard_of.extend(&missing);
            self.left_out_twice.extend(missing);
        }
        self.shown_last = Some(self.listings[listing].shown.clone());
    }

    fn begin(&mut self, request: &ListRequest, now: i64) -> Result<usize, FetchError> {
        let (since, full_at) = match &request.since {
            None => (None, now),
            Some(token) => {
                let Some((version, full_at)) = Google::read_token(token.expose()) else {
                    return Err(refused("no such sync token"));
                };
                if now - full_at > TOKEN_LIFE {
                    return Err(refused("the sync token is too old"));
                }
                if version < self.tokens_dead_before || self.who == Identity::Another {
                    return Err(refused("the sync token is no longer good"));
                }
                (Some(version), full_at)
            }
        };
        let (people, gone) = match (self.who, since) {
            (Identity::Another, _) => (Vec::new(), Vec::new()),
            (Identity::Ours, None) => (self.living(), Vec::new()),
            (Identity::Ours, Some(since)) => (
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
            shown: BTreeSet::new(),
            truthful: true,
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

    fn count(&self, who: Identity) -> u64 {
        match who {
            Identity::Ours => self.living().len() as u64,
            Identity::Another => 0,
        }
    }

    /// A person as a listing shows it; nothing when it is gone meanwhile.
    fn entry(&self, person: usize, since: Option<u64>) -> Option<Entry> {
        let it = &self.people[person];
        let state = it.now()?;
        let resource_name = resource(state.name.as_ref()?)?;
        let odd = |named: bool| {
            let reason = "a field is not what it should be".to_owned();
            // What it looks like changes with it.
            let sent = format!("{person} {}", it.states.len());
            let name = named.then(|| resource_name.clone());
            Entry::Unreadable(Unreadable::new(name, reason, &sent))
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
}

fn refused(message: &str) -> FetchError {
    FetchError::CursorRefused { message: message.to_owned() }
}
