//! Takes apart what people type into the field for a number: which numbers are in it, and what is dialled
//! before and after each. Knows nothing of countries.

use crate::contact::is_machine;
use crate::number::address::without_addresses;
use crate::number::ending::{Ending, note_endings};
use crate::number::extension;
use crate::number::keypad::{Spelled, spelled};
use crate::number::lookalike;
use crate::number::lookalike::{without_decimals, without_lookalikes};
use crate::number::scan::{OR, Scan, national_len};
use crate::number::text::{Token, plain, tokens};
use crate::number::{NotDialable, Then};

/// One number of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Typed {
    /// What is dialled in front of it: `*31#`.
    pub(super) prefix: String,
    /// With a `+` in front.
    pub(super) plus: bool,
    /// ASCII digits; of a code also `*`, `#` and `+`.
    pub(super) digits: String,
    /// How many digits stand together, from the first.
    pub(super) groups: Vec<usize>,
    /// Behind how many digits a blank stands.
    pub(super) blanks: Vec<usize>,
    /// Behind how many digits a postal code may stand, with its town behind it.
    pub(super) town: Option<usize>,
    /// A word stands in front of it.
    pub(super) labelled: bool,
    /// The word in front says that it is a number of something else (`Acct 4471123`).
    pub(super) reference: bool,
    /// A dash stands before the last of them.
    pub(super) dashed: bool,
    /// It is a code by its `*` and `#`, and dialled as it stands.
    pub(super) code: bool,
    /// Where in the digits the zero of a `(0)` stands that is only dialled within the country.
    pub(super) bracketed_zero: Option<usize>,
    /// The first digits stand in brackets: they are the area.
    pub(super) area: bool,
    /// The whole of it, should it be a word on the keys.
    pub(super) spelled: Option<Spelled>,
    pub(super) then: Then,
    /// It may be the last digits of the number before it, written again: `0221 7654321 / 7654322`.
    pub(super) ending: Option<Ending>,
    /// A word beside it says that a fax machine or a pager answers there.
    pub(super) machine: bool,
    /// The tokens of it.
    pub(super) from: usize,
    pub(super) to: usize,
    /// In characters of the field, where there are several.
    pub(super) text: String,
    pub(super) context: String,
}

impl Typed {
    /// A number of something else: a word says so, and it is not written as telephone numbers are.
    fn is_reference(&self) -> bool {
        let written = self.groups.len() > 1 && self.digits.len() > REFERENCE_MAX;
        self.reference && !self.plus && !self.code && !written
    }
}

/// So many digits at most are a number of something else, if they stand in groups.
const REFERENCE_MAX: usize = 8;
/// Fewer digits than this beside others are a house number or a count, not the number.
const DIGITS_MIN: usize = 5;
/// The same, for numbers beside a whole one.
const BESIDE_MIN: usize = 6;
/// So many digits are a whole number; fewer may be an area code (`030/1234567`).
pub(super) const DIGITS_WHOLE: usize = 7;
/// More digits than these are two numbers, where a second one can begin in between.
const JOINED_MAX: usize = 17;
/// So many digits in the same groups as those before them are another number.
const AGAIN_MIN: usize = 9;

pub(super) fn scan(value: &str) -> Result<Vec<Typed>, NotDialable> {
    let text = plain(value);
    if text.trim().is_empty() {
        return Err(NotDialable::Empty);
    }
    if let Some(why) = lookalike::of_text(&text) {
        return Err(why);
    }
    let text = without_decimals(&text);
    let (text, addresses) = without_addresses(text, extension::is_word);
    let (text, lookalike) = without_lookalikes(&text);
    let mut scan = Scan::of(tokens(&text));
    let word = word_on_keys(&scan.tokens);
    scan.all();
    let Scan { tokens, parts, unreadable, .. } = scan;
    let mut found = chosen(parts.into_iter().flat_map(parted).collect(), &tokens);
    let whole = found.first().is_some_and(|it| it.digits.len() >= DIGITS_WHOLE);
    if let Some(word) = word
        && (word.repeated || !(whole || (word.loose && found.len() > 1)))
    {
        // A word on the keys and no digit beside it is only read if Google says that it is one.
        found = with_word(found, word);
    }
    found.retain(|it| it.digits.contains(|c: char| c.is_ascii_digit()));
    note_texts(&mut found, &tokens);
    note_endings(&mut found, &tokens);
    note_machines(&mut found, &tokens);
    for it in &mut found {
        if !it.plus && !it.code && !it.context.is_empty() {
            it.digits.insert_str(0, &it.context);
            it.plus = true;
        }
    }
    if found.is_empty() {
        let letters = unreadable.then_some(NotDialable::Letters);
        let address = addresses.then_some(NotDialable::Address);
        return Err(letters.or(lookalike).or(address).unwrap_or(NotDialable::NoDigits));
    }
    Ok(found)
}

/// The word in place of the digits that stand beside it: all, or those that repeat it.
fn with_word(mut found: Vec<Typed>, word: Spelled) -> Vec<Typed> {
    let begun = found.first().is_some_and(|it| it.plus && word.digits.starts_with(&it.digits));
    match word.repeated {
        true if begun && found.len() > 1 => drop(found.remove(1)),
        true => {}
        false => found.truncate(1),
    }
    if found.is_empty() {
        found.push(Typed::default());
    }
    found[0].spelled = Some(word);
    found
}

/// Of several numbers each has the part of the text that it stands in.
fn note_texts(found: &mut [Typed], tokens: &[Token<'_>]) {
    if found.len() < 2 {
        return;
    }
    for it in found.iter_mut().filter(|it| it.text.is_empty()) {
        let before = |at: usize| matches!(tokens[at], Token::Mark('+' | '('));
        while it.from > 0 && before(it.from - 1) {
            it.from -= 1;
        }
        let text: String = tokens[it.from..it.to].iter().map(ToString::to_string).collect();
        let around = |c: char| c.is_whitespace() || ",;/:|&".contains(c);
        let text = text.trim_end_matches(|c: char| around(c) || c == '(').trim_matches(around);
        it.text = text.to_owned();
    }
}

/// Which numbers are of a fax machine: by the words in front of each, or behind each where the first has none in
/// front.
fn note_machines(found: &mut [Typed], tokens: &[Token<'_>]) {
    let words = |from: usize, to: usize| -> String {
        let tokens = tokens.get(from..to).unwrap_or_default();
        tokens.iter().map(ToString::to_string).collect()
    };
    let is_labelled =
        found.first().is_some_and(|it| words(0, it.from).contains(char::is_alphabetic));
    let mut before = 0;
    for at in 0..found.len() {
        let behind = found.get(at + 1).map_or(tokens.len(), |it| it.from);
        let (from, to) = (found[at].from, found[at].to);
        let beside = if is_labelled { words(before, from) } else { words(to, behind) };
        found[at].machine = is_machine(&beside) || is_mark_of_fax(&beside);
        before = to.max(before);
    }
}

/// `F:`, `(f)`: that letter alone, or behind other words with a colon. `Bob F.` is a name, and `T/F` are both.
fn is_mark_of_fax(beside: &str) -> bool {
    let is_between = |c: char| !c.is_alphabetic();
    let mut words = beside.split(is_between).filter(|it| !it.is_empty());
    let last = words.next_back().is_some_and(|it| it.eq_ignore_ascii_case("f"));
    let labelled = beside.trim_end_matches([' ', '+', '(']).ends_with(" F:");
    last && (labelled || words.next().is_none())
}

/// The parts that are numbers: all whole ones, or else the one that is likeliest.
fn chosen(parts: Vec<Typed>, tokens: &[Token<'_>]) -> Vec<Typed> {
    let likely = |it: &Typed, min: usize| it.code || it.plus || it.digits.len() >= min;
    let of_telephone = |it: &Typed| !it.is_reference() && likely(it, DIGITS_WHOLE);
    let alone = !parts.iter().any(of_telephone);
    if parts.iter().any(|it| likely(it, DIGITS_WHOLE)) {
        let taken = |it: &Typed| likely(it, BESIDE_MIN) && (alone || !it.is_reference());
        return parts.into_iter().filter(taken).collect();
    }
    if let Some(at) = parts.iter().position(|it| likely(it, DIGITS_MIN)) {
        let len = parts[at].digits.len();
        let alike = |it: &Typed| it.digits.len() == len && !it.code;
        if parts.iter().all(alike) {
            return parts;
        }
        return parts.into_iter().nth(at).into_iter().collect();
    }
    // Several extensions, with nothing but marks and an "or" between them.
    let len = parts.first().map_or(0, |it| it.digits.len());
    let alike = (2..DIGITS_MIN).contains(&len) && parts.iter().all(|it| it.digits.len() == len);
    let plain = tokens.iter().all(|it| match it {
        Token::Word(word) => OR.contains(&word.to_lowercase().as_str()),
        Token::Digits(_) => true,
        Token::Mark(mark) => matches!(mark, ' ' | ',' | ';' | '/' | '|'),
    });
    if alike && plain { parts } else { parts.into_iter().take(1).collect() }
}

/// Several numbers with a single blank between them, told by their length, and by the zero in front of each or
/// by the same groups again.
fn parted(mut part: Typed) -> Vec<Typed> {
    let Some((groups, at)) = second_of(&part) else { return vec![part] };
    let digits = part.digits.split_off(at);
    let behind = part.blanks.iter().filter(|it| **it > at).map(|it| it - at).collect();
    part.blanks.retain(|it| *it < at);
    let second = Typed {
        text: digits.clone(),
        groups: part.groups.split_off(groups),
        blanks: behind,
        town: part.town.take().and_then(|it| it.checked_sub(at)),
        then: std::mem::take(&mut part.then),
        digits,
        ..Typed::default()
    };
    part.text = format!("{}{}", if part.plus { "+" } else { "" }, part.digits);
    let mut all = parted(part);
    all.extend(parted(second));
    all
}

/// Where another number begins: after so many groups, and after so many digits.
fn second_of(part: &Typed) -> Option<(usize, usize)> {
    if part.code || part.digits.len() <= JOINED_MAX {
        return None;
    }
    let mut at = 0;
    for (before, group) in part.groups.iter().enumerate() {
        let (first, rest) = (at, part.digits.get(at..)?);
        at += group;
        if first < DIGITS_WHOLE || rest.len() < DIGITS_WHOLE {
            continue;
        }
        let again = (1..=before).any(|count| {
            let last = &part.groups[before - count..before];
            last.iter().sum::<usize>() >= AGAIN_MIN && part.groups[before..].starts_with(last)
        });
        // Of a whole number; the 1 of North America is dialled before one.
        let one = usize::from(!part.plus && part.digits.starts_with('1'));
        let whole = national_len(part.plus, &part.digits[..first]) - one >= DIGITS_WHOLE;
        if again || (whole && rest.starts_with('0')) {
            return Some((before, first));
        }
    }
    None
}

/// The number, if letters are a part of it, and what follows.
fn word_on_keys(tokens: &[Token<'_>]) -> Option<Spelled> {
    // `Service 0800-REIMANN`, `Phone# 1-800-FLOWERS`: what stands in front is no part of it.
    let is_begin = |it: &Token<'_>| matches!(it, Token::Digits(_) | Token::Mark('+' | '('));
    let begin = tokens.iter().position(is_begin)?;
    let is_end = |at: usize| {
        let sign = at < begin && tokens[at] == Token::Mark('#');
        let ends = matches!(tokens[at], Token::Mark(',' | ';' | '#'))
            || extension::digits_at(tokens, at, 0).is_some();
        ends && !sign
    };
    let end = (0..tokens.len()).find(|at| is_end(*at)).unwrap_or(tokens.len());
    if end < begin {
        return None;
    }
    let is_word = |it: &Token<'_>| matches!(it, Token::Word(_));
    let letters = begin + tokens[begin..end].iter().position(is_word)?;
    // A remark may stand behind the word, in brackets or not.
    let is_remark = |it: &Token<'_>| matches!(it, Token::Mark(' ' | '('));
    let remark = tokens[letters..end].iter().position(is_remark).map(|at| letters + at);
    let read = |end: usize| {
        let text: String = tokens[begin..end].iter().map(ToString::to_string).collect();
        spelled(&text)
    };
    let repeated = (letters + 1..end).find_map(|at| {
        let word = read(at)?;
        word.is_repeated_by(&tokens[at..end]).then_some(word)
    });
    let whole = read(end);
    let tied = [whole.clone(), remark.and_then(read)].into_iter().flatten().find(|it| !it.loose);
    let repeated = repeated.map(|it| Spelled { repeated: true, loose: false, ..it });
    let mut spelled = repeated.or(tied).or(whole)?;
    spelled.labelled = tokens[..begin].iter().any(is_word);
    // What follows is read as if it followed digits.
    let digits = std::iter::once(Token::Digits("0000000"));
    let tokens = digits.chain(tokens[end..].iter().copied()).collect();
    let mut tail = Scan::of(tokens);
    tail.all();
    let then = tail.parts.into_iter().next().unwrap_or_default().then;
    Some(Spelled { then, ..spelled })
}

#[cfg(test)]
mod tests;
