//! Finding contacts in a snapshot: by words, by parts of words, by numbers and by the keys of a telephone.
//!
//! What is asked is folded like what is looked through, so accents, case and script do not matter.

use std::ops::Range;

use crate::directory::asked::Asked;
use crate::directory::snapshot::{FIELD_END, Snapshot, is_end};
use ringbook_core::contact::{Keypad, asked_spellings};

/// How well a contact fits, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MatchRank {
    /// A whole field, such as the name or the company.
    Exact,
    /// Whole words of the name.
    Words,
    /// The beginning of the name.
    Beginning,
    /// The beginnings of words of the name, in any order.
    WordBeginnings,
    /// The beginnings of words, some of them of the company or a nickname.
    Elsewhere,
    /// Somewhere within.
    Within,
    /// A part of a number.
    Number,
}

/// Where to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    #[default]
    Everything,
    Names,
    Numbers,
}

/// A contact's place, and how well it fits.
pub type Hit = (MatchRank, u32);

/// Texts are asked for by people, who type no more.
const ASKED_MAX: usize = 200;

impl Snapshot {
    /// Every contact that fits, the best first, and in their order among equals.
    pub fn search(&self, asked: &str, numbers: &Asked, scope: Scope) -> Vec<Hit> {
        let mut hits = Vec::new();
        if scope != Scope::Numbers {
            for spelling in asked_spellings(asked, ASKED_MAX) {
                self.by_text(&spelling, &mut hits);
            }
        }
        if scope != Scope::Names {
            self.by_number(numbers, &mut hits);
        }
        best_of_each(hits)
    }

    /// Contacts with a number that are spelled by these keys, as `5673` spells José; or whose number holds
    /// them. A `0` or a `1` may stand for the gap between two words, or be left out; a `1` also for a dot, an
    /// apostrophe or a hyphen, as the keypads of telephones have it.
    pub fn search_by_keys(&self, keys: &str, numbers: &Asked) -> Vec<Hit> {
        let mut hits = Vec::new();
        for (low, high) in self.spelled_by(keys) {
            for (at, whose) in &self.words[low..high] {
                let (in_name, before) = self.before(*at, *whose);
                let begins = in_name && is_end(before);
                hits.push((
                    if begins { MatchRank::Beginning } else { MatchRank::WordBeginnings },
                    *whose,
                ));
            }
        }
        self.by_number(numbers, &mut hits);
        self.on_phones(hits)
    }

    /// Those of them who show on phones, or another contact of theirs.
    pub fn on_phones(&self, mut hits: Vec<Hit>) -> Vec<Hit> {
        for (_, place) in &mut hits {
            *place = self.shown_for(*place);
        }
        hits.retain(|(_, place)| self.is_on_phones(*place));
        best_of_each(hits)
    }

    fn by_text(&self, asked: &str, hits: &mut Vec<Hit>) {
        let words: Vec<&[u8]> =
            asked.split(' ').filter(|it| !it.is_empty()).map(str::as_bytes).collect();
        match words.as_slice() {
            [] => return,
            [word] => self.by_word(word, hits),
            _ => self.by_words(asked.as_bytes(), &words, hits),
        }
        self.within(&words, hits);
    }

    /// Contacts with a word that begins like this. What it is shows in the bytes around it.
    fn by_word(&self, word: &[u8], hits: &mut Vec<Hit>) {
        let (low, high) = self.range(word);
        for (at, whose) in &self.words[low..high] {
            let (in_name, before) = self.before(*at, *whose);
            let after = self.folded.get(*at as usize + word.len()).copied().unwrap_or(FIELD_END);
            let fit = match (is_end(before), is_end(after)) {
                (true, true) => MatchRank::Exact,
                (_, true) if in_name => MatchRank::Words,
                _ if in_name && after == b' ' => MatchRank::Words,
                (true, _) if in_name => MatchRank::Beginning,
                _ if in_name => MatchRank::WordBeginnings,
                _ => MatchRank::Elsewhere,
            };
            hits.push((fit, *whose));
        }
    }

    /// Whether a word is one of the name, in any spelling, and what stands before it.
    fn before(&self, at: u32, whose: u32) -> (bool, u8) {
        let begins = self.text_begins(whose) as usize;
        let text = self.folded.get(begins..at as usize).unwrap_or_default();
        (!text.contains(&FIELD_END), text.last().copied().unwrap_or(FIELD_END))
    }

    /// Contacts with words that begin like these.
    fn by_words(&self, asked: &[u8], words: &[&[u8]], hits: &mut Vec<Hit>) {
        // The rarest word has the fewest contacts to look at.
        let ranges = words.iter().map(|word| self.range(word));
        let Some((low, high)) = ranges.min_by_key(|(low, high)| high - low) else { return };
        let mut candidates: Vec<u32> =
            self.words[low..high].iter().map(|(_, whose)| *whose).collect();
        candidates.sort_unstable();
        candidates.dedup();
        for place in candidates {
            if let Some(fit) = fit_of(self.text(place), asked, words) {
                hits.push((fit, place));
            }
        }
    }

    /// Contacts whose texts hold all words somewhere.
    fn within(&self, words: &[&[u8]], hits: &mut Vec<Hit>) {
        let Some(longest) = words.iter().max_by_key(|word| word.len()) else { return };
        let finder = memchr::memmem::Finder::new(longest);
        let others = || words.iter().filter(|word| *word != longest);
        let mut look = |places: Range<usize>| {
            let Range { start: mut at, end } = self.folded_of(&places);
            while let Some(found) = finder.find(&self.folded[at..end]) {
                let place = self.owner_of_text(at + found, &places);
                let text = self.text(place);
                if others().all(|word| memchr::memmem::find(text, word).is_some()) {
                    hits.push((MatchRank::Within, place));
                }
                // One find is enough for a contact.
                at = self.text_begins(place) as usize + text.len();
            }
        };
        match self.folded_grams.blocks_with(longest) {
            Some(blocks) => blocks.into_iter().for_each(|it| look(self.places_of(Some(it)))),
            None => look(self.places_of(None)),
        }
    }

    /// The words that begin like this.
    fn range(&self, word: &[u8]) -> (usize, usize) {
        let low = self.words.partition_point(|(at, _)| self.word(*at) < word);
        let begun = |(at, _): &(u32, u32)| self.word(*at).starts_with(word);
        let high = low + self.words[low..].partition_point(begun);
        (low, high)
    }

    fn by_number(&self, asked: &Asked, hits: &mut Vec<Hit>) {
        asked.0.iter().for_each(|needle| self.by_digits(needle, hits));
    }

    fn by_digits(&self, needle: &[u8], hits: &mut Vec<Hit>) {
        let finder = memchr::memmem::Finder::new(needle);
        let mut look = |places: Range<usize>| {
            let Range { start: mut at, end } = self.digits_of(&places);
            while let Some(found) = finder.find(&self.digits[at..end]) {
                hits.push((MatchRank::Number, self.owner_of_digits(at + found, &places)));
                at += found + 1;
            }
        };
        match self.digits_grams.blocks_with(needle) {
            Some(blocks) => blocks.into_iter().for_each(|it| look(self.places_of(Some(it)))),
            None => look(self.places_of(None)),
        }
    }

    /// The ranges of words that keys spell, walking down the sorted words key by key.
    fn spelled_by(&self, keys: &str) -> Vec<(usize, usize)> {
        let keys = keys.bytes().filter(|it| it.is_ascii_digit()).take(40);
        let mut depth_of: Vec<(usize, usize, usize)> = vec![(0, self.words.len(), 0)];
        for key in keys {
            let mut next = Vec::new();
            let Some(key) = Keypad::of(key) else { return Vec::new() };
            for (low, high, depth) in depth_of {
                // Between two words there may be a gap, which nobody has to type.
                if depth > 0 {
                    let ended = low
                        + self.words[low..high]
                            .partition_point(|it| self.word(it.0).len() <= depth);
                    if key.digit() == 1 && low < ended {
                        // The dot at the end: Martin Jr.
                        next.push((low, ended, depth));
                    }
                    let (gap_low, gap_high) = self.narrowed(low, high, depth, b' ');
                    if gap_low < gap_high {
                        if matches!(key.digit(), 0 | 1) {
                            next.push((gap_low, gap_high, depth + 1));
                        }
                        if key.digit() == 1 {
                            // The dot before the gap: St. John.
                            next.push((gap_low, gap_high, depth));
                        }
                        for letter in key.characters() {
                            let (low, high) = self.narrowed(gap_low, gap_high, depth + 1, *letter);
                            if low < high {
                                next.push((low, high, depth + 2));
                            }
                        }
                    }
                }
                for letter in key.characters() {
                    let (low, high) = self.narrowed(low, high, depth, *letter);
                    if low < high {
                        next.push((low, high, depth + 1));
                    }
                }
            }
            if next.is_empty() {
                return Vec::new();
            }
            // A key that stands for a gap or for nothing leads to the same words by many ways.
            next.sort_unstable();
            next.dedup();
            depth_of = next;
        }
        let began = depth_of.iter().any(|(_, _, depth)| *depth > 0);
        if began {
            depth_of.into_iter().map(|(low, high, _)| (low, high)).collect()
        } else {
            Vec::new()
        }
    }

    /// Of words that are alike up to `depth`, those that go on with a letter.
    fn narrowed(&self, low: usize, high: usize, depth: usize, letter: u8) -> (usize, usize) {
        let at = |word: &(u32, u32)| self.word(word.0).get(depth).copied();
        let words = &self.words[low..high];
        let first = words.partition_point(|word| at(word) < Some(letter));
        let last = first + words[first..].partition_point(|word| at(word) <= Some(letter));
        (low + first, low + last)
    }
}

/// How well a text of fields fits, if each word is the beginning of one of its words.
fn fit_of(text: &[u8], asked: &[u8], words: &[&[u8]]) -> Option<MatchRank> {
    if text.split(|byte| is_end(*byte)).any(|field| field == asked) {
        return Some(MatchRank::Exact);
    }
    let name = text.split(|byte| *byte == FIELD_END).next().unwrap_or_default();
    let of = |text: &'_ [u8], fits: fn(&[u8], &[u8]) -> bool| {
        let theirs = || text.split(|byte| *byte == b' ' || is_end(*byte));
        words.iter().all(|word| theirs().any(|it| fits(it, word)))
    };
    if of(name, |it, word| it == word) {
        Some(MatchRank::Words)
    } else if name.split(|byte| is_end(*byte)).any(|it| it.starts_with(asked)) {
        Some(MatchRank::Beginning)
    } else if of(name, |it, word| it.starts_with(word)) {
        Some(MatchRank::WordBeginnings)
    } else {
        of(text, |it, word| it.starts_with(word)).then_some(MatchRank::Elsewhere)
    }
}

/// Each contact once, the best first.
fn best_of_each(mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.sort_unstable_by_key(|(fit, place)| u64::from(*place) << 8 | *fit as u64);
    hits.dedup_by_key(|(_, place)| *place);
    // A stable sort of what is in order already, by one of seven values.
    hits.sort_by_key(|(fit, _)| *fit);
    hits
}
