//! Who is calling.

use std::collections::HashSet;

use crate::directory::digits::Digits;
use crate::directory::{Rules, Snapshot};
use ringbook_core::contact::fold;
use ringbook_core::number::{Number, plain};

/// Whoever has the number of a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// A person; of several of one organization that, else their names with commas, or semicolons where
    /// names have commas.
    pub name: String,
    /// Of all of them, in the order of the directory.
    pub places: Vec<u32>,
}

/// Names of several people are cut here, between two of them: no display shows more.
const NAMES_MAX: usize = 80;
/// Names that are compared.
const FOLDED_MAX: usize = 120;

/// What stands in place of a number that is withheld, or that no network could tell.
const WITHHELD: &[&str] = &[
    "anonymous",
    "unavailable",
    "restricted",
    "private",
    "unknown",
    "withheld",
    "blocked",
    "hidden",
    "secret",
    "privatenumber",
    "unknownnumber",
    "unknowncaller",
    "nocallerid",
    "outofarea",
    "notavailable",
    "none",
    "null",
    "anonym",
    "unbekannt",
    "unterdrückt",
    "undefined",
    "payphone",
    "p",
    "o",
    "na",
];
/// The same words on the keys, as some switchboards send them; the first one also without its `+`, since it is
/// the one that networks really show.
const WITHHELD_KEYS: &[&str] = &[
    "266696687",
    "86282452253",
    "7378742833",
    "7748483",
    "8656696",
    "94844533",
    "2562533",
    "443336",
];

impl Rules {
    /// Whose number this is, however it is written.
    pub fn who_has(&self, contacts: &Snapshot, number: &str) -> Option<Caller> {
        if is_withheld(number) {
            return None;
        }
        let numbers = self.dial.read(number).unwrap_or_default();
        let places = self.places_with(contacts, &numbers).or_else(|| {
            let without = self.without_outside_prefix(number)?;
            self.places_with(contacts, &self.dial.read(without.as_str()).ok()?)
        })?;
        Some(Caller { name: contacts.name_of_all(&places), places })
    }

    fn places_with(&self, contacts: &Snapshot, numbers: &[Number]) -> Option<Vec<u32>> {
        let home = self.dial.region().map(|it| it.calling_code());
        numbers.iter().flat_map(|it| self.dial.lines(it)).find_map(|line| {
            let digits = Digits::of(&line.digits, line.international)?;
            Some(contacts.who_has(digits, self.digits_min, home)).filter(|it| !it.is_empty())
        })
    }

    /// A switchboard may put the prefix for an outside line in front of a caller's number, so that one can call
    /// back. An extension has none.
    fn without_outside_prefix(&self, number: &str) -> Option<String> {
        let prefix = self.dial.outside_prefix().split(',').next().filter(|it| !it.is_empty())?;
        let digits: String =
            number.chars().filter(|c| c.is_ascii_digit() || matches!(c, '*' | '#' | '+')).collect();
        let rest = digits.strip_prefix(prefix)?;
        (!self.dial.is_extension(rest)).then(|| rest.to_owned())
    }

    /// What a contact's numbers are found by.
    pub(super) fn digits_of(&self, numbers: &[Number]) -> Vec<Digits> {
        let lines = numbers.iter().flat_map(|it| self.dial.lines(it));
        let mut digits: Vec<Digits> =
            lines.filter_map(|it| Digits::of(&it.digits, it.international)).collect();
        let mut seen = HashSet::new();
        digits.retain(|it| seen.insert(*it));
        digits
    }
}

/// Whether a text says that the caller does not want to be known, or is not.
fn is_withheld(number: &str) -> bool {
    let text = plain(number);
    let user = user_of(&text);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if user.strip_prefix('-').is_some_and(|it| digits(it.trim_start())) {
        return true;
    }
    let bare = user.trim_start_matches('+');
    if WITHHELD_KEYS.contains(&bare) && (user.starts_with('+') || bare == WITHHELD_KEYS[0]) {
        return true;
    }
    let word: String =
        user.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect();
    let plain = !user.contains(|c: char| c.is_ascii_digit());
    plain && WITHHELD.contains(&word.as_str())
}

/// `-1` of `"Anonymous" <sip:-1@pbx;user=phone>`: what a caller's address says instead of a number.
fn user_of(text: &str) -> &str {
    let address = text.rsplit_once('<').map_or(text, |(_, it)| it.split('>').next().unwrap_or(it));
    let around = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '(' | ')');
    let address = address.trim_matches(around);
    let user = match address.split_once(':') {
        Some((scheme, user))
            if ["sip", "sips", "tel"].contains(&scheme.to_lowercase().as_str()) =>
        {
            user
        }
        _ => address,
    };
    user.split(['@', ';']).next().unwrap_or_default().trim_matches(around)
}

impl Snapshot {
    /// Who has this number, in the order of the directory.
    ///
    /// Numbers that both begin with their countries must be equal. Where one does not, the longest
    /// common end wins, if it has `digits_min` digits and is the whole of one of the two; numbers with
    /// fewer digits must be equal. A number without a country is one of `home`, where that is known. If
    /// different numbers fit equally well, it is nobody's: no name is better than a wrong one.
    pub fn who_has(&self, number: Digits, digits_min: usize, home: Option<u16>) -> Vec<u32> {
        let all = |found: &mut dyn Iterator<Item = &(Digits, u32)>| {
            let mut places: Vec<u32> = found.map(|(_, whose)| self.shown_for(*whose)).collect();
            places.sort_unstable();
            places.dedup();
            places
        };
        let foreign =
            |it: Digits| it.is_international() && home.is_some_and(|code| !it.begins_with(code));
        let fits = |other: Digits| {
            number.is_international() == other.is_international()
                || !(foreign(number) || foreign(other))
        };
        let same = all(&mut self.ending(number, number.len()).filter(|it| it.0.same(number)));
        if !same.is_empty() {
            return same;
        }
        if number.len() < digits_min {
            return Vec::new();
        }
        let mut best: Vec<&(Digits, u32)> = Vec::new();
        let mut longest = 0;
        for candidate in self.ending(number, digits_min) {
            let other = candidate.0;
            if (number.is_international() && other.is_international()) || !fits(other) {
                continue;
            }
            let tail = number.tail(other);
            if tail < digits_min || tail < number.len().min(other.len()) || tail < longest {
                continue;
            }
            if tail > longest {
                best.clear();
                longest = tail;
            }
            best.push(candidate);
        }
        let ambiguous = best.iter().any(|it| !it.0.same(best[0].0));
        if ambiguous { Vec::new() } else { all(&mut best.into_iter()) }
    }

    /// Numbers of contacts that reach the phones.
    fn ending(&self, number: Digits, count: usize) -> impl Iterator<Item = &(Digits, u32)> {
        let (low, high) = number.ending_alike(count);
        let first = self.numbers.partition_point(|(other, _)| *other < low);
        let alike = self.numbers[first..].iter().take_while(move |(other, _)| *other <= high);
        alike.filter(|(_, whose)| !self.is_off_phones(*whose))
    }

    /// What to call several contacts at once.
    fn name_of_all(&self, places: &[u32]) -> String {
        let Some((first, rest)) = places.split_first() else { return String::new() };
        let mut seen = HashSet::new();
        let mut names =
            places.iter().map(|it| self.name(*it)).filter(|it| seen.insert(fold(it, FOLDED_MAX)));
        let mut name = names.next().unwrap_or_default().to_owned();
        let others: Vec<&str> = names.collect();
        if others.is_empty() {
            return name;
        }
        let company = self.company(*first);
        let folded = fold(company, FOLDED_MAX);
        let shared = |place: &u32| fold(self.company(*place), FOLDED_MAX) == folded;
        if !folded.is_empty() && rest.iter().all(shared) {
            return company.to_owned();
        }
        // `Lovelace, Ada; Hopper, Grace`
        let has_comma = name.contains(", ") || others.iter().any(|it| it.contains(", "));
        let between = if has_comma { "; " } else { ", " };
        for other in others {
            if name.chars().count() + 2 + other.chars().count() > NAMES_MAX {
                break;
            }
            name.push_str(between);
            name.push_str(other);
        }
        name
    }
}
