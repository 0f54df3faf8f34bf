//! Words beside a number whose digits are no part of it: when somebody answers, for how long, and on which
//! floor.

use crate::number::NotDialable;
use crate::number::remark_words::{is_duration, is_floor, is_period, is_until};
use crate::number::scan::OR;

/// So many digits in one word, or in all, are a whole number, if the last of them stand together.
const WHOLE_WORD_MIN: usize = 7;
const WHOLE_MIN: usize = 10;
const LAST_GROUP_MIN: usize = 4;
/// No count of hours or days has more digits, and no floor.
const COUNT_MAX: usize = 3;
const FLOOR_MAX: usize = 2;
const HALVES: &[&str] = &["am", "pm", "a.m", "p.m"];
/// Around a word that is in brackets, or in a list.
const AROUND: &[char] = &['(', ')', '[', ']', ',', ';', '"', '\''];

/// The digits that the words in front end with.
struct Before {
    all: usize,
    /// In the last word.
    last: usize,
    /// At the end of it, with nothing between them.
    together: usize,
    comma: bool,
}

impl Before {
    fn of(words: &[&str]) -> Option<Before> {
        let is_marks = |it: &&&str| !it.contains(char::is_alphanumeric);
        let marks = words.iter().rev().take_while(is_marks).count();
        let (words, marks) = words.split_at(words.len() - marks);
        let word = words.last()?;
        let last = word.trim_end_matches([',', ';', '.']);
        if !last.ends_with(|c: char| c.is_ascii_digit() || c == ')') {
            return None;
        }
        let is_part = |it: &&&str| !it.contains(char::is_alphabetic);
        let all = words.iter().rev().take_while(is_part).map(|it| digits(it)).sum();
        let together = last.len() - last.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        let is_comma = |it: &&str| it.contains([',', ';']);
        let comma = word.ends_with([',', ';']) || marks.iter().any(is_comma);
        Some(Before { all, last: digits(last), together, comma })
    }

    /// More digits would be too many.
    fn is_whole(&self) -> bool {
        let whole = self.last >= WHOLE_WORD_MIN || self.all >= WHOLE_MIN;
        whole && self.together >= LAST_GROUP_MIN
    }

    /// It may be a whole number, and one digit with a blank in front is not its next group.
    fn may_be_whole(&self) -> bool {
        self.all >= WHOLE_WORD_MIN && self.together >= LAST_GROUP_MIN
    }
}

/// What the words at `at` are, if they are no part of a number, and how many they are; `before` stands in
/// front.
pub(super) fn remark_at(
    words: &[&str],
    at: usize,
    before: &[&str],
) -> Option<(NotDialable, usize)> {
    // `(2. OG)` is read with its bracket.
    let bracket = words.get(at)?.starts_with('(');
    let word = words.get(at)?.trim_matches(AROUND);
    if !word.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let next = words.get(at + 1).copied().unwrap_or_default();
    let before = Before::of(before);
    if is_clock(word) || (!bracket && is_count(word, next, before.as_ref())) {
        return Some((NotDialable::Time, 1));
    }
    if !bracket && is_on_floor(word, next, words.get(at + 2), before.as_ref()) {
        return Some((NotDialable::Address, 1));
    }
    let before = before?;
    if is_hours(word) && may_be_hours(word, &before) {
        return Some((NotDialable::Time, 1 + more_hours(words, at + 1)));
    }
    let third = words.get(at + 2).copied().unwrap_or_default().trim_matches(AROUND);
    let hours = format!("{word}-{}", without_half(third));
    let apart = is_until(next) && is_hours(&hours) && may_be_hours(word, &before);
    apart.then_some((NotDialable::Time, 3))
}

/// `u. 14-17`: so many words at `at` say that somebody answers at other hours, too.
fn more_hours(words: &[&str], at: usize) -> usize {
    let is_and = |it: &str| {
        let word = it.trim_end_matches('.').to_lowercase();
        matches!(word.as_str(), "&" | "+" | "/" | "u") || OR.contains(&word.as_str())
    };
    let (Some(and), Some(hours)) = (words.get(at), words.get(at + 1)) else { return 0 };
    let more = is_and(and) && is_hours(hours.trim_matches(AROUND));
    if more { 2 + more_hours(words, at + 2) } else { 0 }
}

/// `24 hours`, `24-Stunden-Service`, `7days`, `9-18 hs`.
fn is_count(word: &str, next: &str, before: Option<&Before>) -> bool {
    let len = word.len() - word.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let rest = word[len..].trim_start_matches('-');
    let unit = if rest.is_empty() { next } else { rest };
    if hours(word).is_some() && is_duration(next) {
        return true;
    }
    let period = || is_period(unit) && before.is_none_or(Before::is_whole);
    len <= COUNT_MAX && !word.starts_with('0') && (is_duration(unit) || period())
}

/// `5pm`, `5-6pm`, `9am-5:30pm`.
fn is_clock(word: &str) -> bool {
    let halves = word.split('-').filter(|it| without_half(it) != *it).count();
    halves > 0 && word.split('-').all(|it| hour(without_half(it)).is_some())
}

/// Without `am` or `pm`.
fn without_half(text: &str) -> &str {
    let rest = text.trim_end_matches(|c: char| c.is_alphabetic() || c == '.');
    let half = text[rest.len()..].trim_end_matches('.').to_ascii_lowercase();
    if HALVES.contains(&half.as_str()) { rest } else { text }
}

/// `9-5`, `09.00-17.30`.
fn is_hours(text: &str) -> bool {
    hours(text).is_some_and(|(from, to)| from != to && (from != 0 || to == 24))
}

fn hours(text: &str) -> Option<(u8, u8)> {
    let (from, to) = text.split_once('-')?;
    Some((hour(from)?, hour(to)?))
}

/// `9`, `9.30`, `09:30`.
fn hour(text: &str) -> Option<u8> {
    let (hour, minute) = text.split_once(['.', ':']).unwrap_or((text, "00"));
    let of_two = |it: &str, min: usize| {
        (min..=2).contains(&it.len()) && it.bytes().all(|b| b.is_ascii_digit())
    };
    let minute = minute.parse::<u8>().ok().filter(|it| *it < 60 && of_two(minute, 2));
    minute.and_then(|_| hour.parse().ok()).filter(|it| *it <= 24 && of_two(hour, 1))
}

/// Two digits in front of a dash may be more of a number that is written in pairs (`01 40 00 11 22-24`).
fn may_be_hours(word: &str, before: &Before) -> bool {
    let single = !word.starts_with('0') && !word[1..].starts_with(|c: char| c.is_ascii_digit());
    before.is_whole() || (single && before.may_be_whole())
}

/// `3. OG`, `1.Etage`, `3 Stock`, and any word behind an ordinal of one digit: `2. Hof`. `Floor 3` is
/// another way to say it.
fn is_on_floor(word: &str, next: &str, third: Option<&&str>, before: Option<&Before>) -> bool {
    let len = word.len() - word.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (count, rest) = word.split_at(len);
    let dot = rest.starts_with('.');
    let rest = rest.trim_start_matches('.');
    let name = if rest.is_empty() { next } else { rest };
    let counted = third.is_some_and(|it| (1..=FLOOR_MAX).contains(&digits(it)))
        && next.ends_with(char::is_alphabetic);
    let floor = is_floor(name) && !(rest.is_empty() && counted);
    let ordinal = dot && len == 1 && name.starts_with(char::is_alphabetic);
    let behind_number = before.is_some_and(|it| it.is_whole() && !it.comma);
    (count.len() <= FLOOR_MAX && floor && (dot || before.is_none_or(Before::is_whole)))
        || (ordinal && behind_number)
}

fn digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}
