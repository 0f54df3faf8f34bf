//! Goes through the tokens of a text once, and cuts it into numbers.

mod remark;
mod sign;

use crate::number::extension;
use crate::number::letters::is_part_of_number;
use crate::number::region::calling_code_len;
use crate::number::remark_words::{is_duration, is_floor};
use crate::number::text::Token;
use crate::number::typed::{DIGITS_WHOLE, Typed};

/// What stands between two words is a part; the parts that are long enough are the numbers.
#[derive(Default)]
pub(super) struct Scan<'a> {
    pub(super) tokens: Vec<Token<'a>>,
    /// The token that is being read.
    at: usize,
    part: Typed,
    /// Dashes or dots with blanks around them stand between the groups of the part.
    spaced: bool,
    pub(super) parts: Vec<Typed>,
    /// A sign and a count stand in front of its numbers: `#1 212 …`.
    counted: bool,
    /// Letters stood where digits of a number should be, so that it was left out.
    pub(super) unreadable: bool,
}

/// Fewer digits behind a slash are other last digits of the same number.
const SECOND_MIN: usize = 6;
/// Longer digits with a `#` behind them are a number that somebody closed with it.
const CODE_MAX: usize = 6;
/// An extension that is only known by the `#` behind it has no more digits.
const EXTENSION_MAX: usize = 6;

/// Words between two numbers.
pub(super) const OR: &[&str] = &[
    "or", "oder", "und", "and", "ou", "et", "o", "y", "e", "of", "en", "eller", "och", "lub", "i",
];

/// What follows a mark, up to the next thing that ends a number.
#[derive(Default)]
struct Next<'a> {
    digits: usize,
    first: Option<&'a str>,
    groups: usize,
    plus: bool,
    /// A blank in front of it.
    apart: bool,
    bracket: bool,
    end: Option<Token<'a>>,
}

impl<'a> Scan<'a> {
    pub(super) fn of(tokens: Vec<Token<'a>>) -> Scan<'a> {
        Scan { tokens, ..Scan::default() }
    }

    pub(super) fn all(&mut self) {
        while let Some(token) = self.token(self.at) {
            match token {
                Token::Digits(digits) => self.digits(digits),
                Token::Word(_) => self.word(),
                Token::Mark(mark) => self.mark(mark),
            }
            self.at += 1;
        }
        self.close();
    }

    fn token(&self, at: usize) -> Option<Token<'a>> {
        self.tokens.get(at).copied()
    }

    fn is_mark(&self, at: usize, mark: char) -> bool {
        self.token(at) == Some(Token::Mark(mark))
    }

    fn begun(&self) -> bool {
        !self.part.digits.is_empty()
    }

    fn close(&mut self) {
        let mut part = std::mem::take(&mut self.part);
        self.spaced = false;
        part.to = self.at.min(self.tokens.len());
        if !part.digits.is_empty() {
            self.parts.push(part);
        }
    }

    fn digits(&mut self, digits: &str) {
        let next = self.at + 1;
        let letters_follow = matches!(self.token(next), Some(Token::Word(_)))
            && self.pause(next).is_none()
            && self.extension(next).is_none()
            && !self.is_placeholder(next);
        if letters_follow && self.part.digits.len() >= 5 && digits.len() <= 2 {
            // `(24h)`, `2nd`: no more of the number.
            return self.close();
        }
        if self.is_label(digits) {
            return self.close();
        }
        if !self.begun() && self.part.prefix.is_empty() {
            self.part.from = self.at;
            self.part.reference = self.begins_reference();
            self.part.labelled =
                self.tokens[..self.at].iter().any(|it| matches!(it, Token::Word(_)));
        }
        let in_brackets = self.at.checked_sub(1).is_some_and(|at| self.is_mark(at, '('))
            && self.is_mark(next, ')');
        self.part.area |= in_brackets && !self.begun() && digits.len() >= 2;
        if in_brackets && digits == "0" && self.begun() {
            self.part.bracketed_zero = Some(self.part.digits.len());
        }
        let before = self.tokens[..self.at].iter().rev().find(|it| **it != Token::Mark(' '));
        self.part.dashed = before == Some(&Token::Mark('-'));
        self.note_blank(digits);
        self.part.digits.push_str(digits);
        self.part.groups.push(digits.len());
    }

    /// Behind a blank a remark may begin, in brackets or not, or the number behind its label.
    fn note_blank(&mut self, digits: &str) {
        let mut before =
            self.tokens[..self.at].iter().rev().skip_while(|it| **it == Token::Mark('('));
        if self.begun() && before.next() == Some(&Token::Mark(' ')) {
            let at = self.part.digits.len();
            self.part.blanks.push(at);
            self.part.town = self.is_postal_code(digits).then_some(at);
        }
    }

    /// `0xx11`: where the code of a carrier goes (Brazil).
    fn is_placeholder(&self, at: usize) -> bool {
        let letters = |it: Option<Token<'_>>| match it {
            Some(Token::Word(word)) => {
                word.len() <= 2 && word.bytes().all(|b| matches!(b, b'x' | b'X'))
            }
            _ => false,
        };
        letters(self.token(at))
            && self.part.digits.trim_start_matches('0').is_empty()
            && matches!(self.token(at + 1), Some(Token::Digits(_)))
    }

    fn word(&mut self) {
        if self.is_placeholder(self.at) && self.part.digits == "0" {
            return;
        }
        if !self.begun() {
            let prefix = std::mem::take(&mut self.part.prefix);
            self.part = Typed { prefix, ..Typed::default() };
        } else if let Some((pauses, next)) = self.pause(self.at) {
            self.tones(pauses, next);
        } else if let Some(at) = self.extension(self.at) {
            self.extended(at);
        } else if self.is_spoiled() {
            self.leave_out();
        } else {
            self.close();
        }
    }

    /// `0221 76543zl`: letters that look like digits touch those of a number that is not whole without them.
    fn is_spoiled(&self) -> bool {
        let before = self.at.checked_sub(1).and_then(|at| self.token(at));
        let (Some(Token::Digits(group)), Some(Token::Word(word))) = (before, self.token(self.at))
        else {
            return false;
        };
        let known = is_floor(word) || is_duration(word) || extension::is_word(word);
        !known && is_part_of_number(word, group.len(), self.part.digits.len())
    }

    /// Nothing of a number is read whose digits are not known.
    fn leave_out(&mut self) {
        self.part = Typed::default();
        self.spaced = false;
        self.unreadable = true;
        while let Some(Token::Digits(_) | Token::Word(_)) = self.token(self.at + 1) {
            self.at += 1;
        }
    }

    fn mark(&mut self, mark: char) {
        if self.part.code {
            return self.mark_of_code(mark);
        }
        match mark {
            '#' if let Some(end) = self.number_sign() => {
                self.counted |= end > self.at;
                self.at = end;
            }
            '*' | '#' if !self.begun() && self.part.prefix.is_empty() => {
                let from = self.at;
                self.part =
                    Typed { code: true, digits: mark.to_string(), from, ..Typed::default() };
            }
            '+' => {
                if self.begun() {
                    self.close();
                }
                self.part.plus = true;
            }
            _ if !self.begun() => {}
            // `12*34`: no number has a star.
            '*' if self.part.digits.len() <= CODE_MAX && !self.part.plus => {
                self.part.code = true;
                self.part.digits.push('*');
            }
            '#' => self.hash(),
            '~' => match self.extension(self.at) {
                Some(at) if !self.is_number(self.at + 1) => self.extended(at),
                _ => self.between(),
            },
            ',' | ';' => self.comma(mark),
            '/' => self.slash(),
            ' ' if self.is_mark(self.at + 1, ' ') && self.is_second(SECOND_MIN) => self.close(),
            ':' | '=' | '|' | '&' | '<' | '>' | '"' => self.close(),
            '-' | '.' => self.dash(),
            ' ' | ')' | ']' => {}
            '(' if let Some(end) = self.remark_in_brackets() => {
                if self.is_over_behind(end) {
                    self.close();
                }
                self.at = end;
            }
            // Brackets, bullets, and marks without a known meaning.
            _ => self.between(),
        }
    }

    /// `… 765432 - 17` is one number, `0221 7654321 - 0160 1234567` are two; but not where all groups of a number
    /// have it between them.
    fn dash(&mut self) {
        let is_blank = |at: Option<usize>| at.is_some_and(|at| self.is_mark(at, ' '));
        if !(is_blank(self.at.checked_sub(1)) && is_blank(Some(self.at + 1))) {
            return;
        }
        if !self.spaced {
            self.between();
        }
        self.spaced = self.begun();
    }

    /// A mark that parts two whole numbers, and no other digits.
    fn between(&mut self) {
        if self.is_second(DIGITS_WHOLE) {
            self.close();
        }
    }

    /// Does a whole number follow, in more than one group?
    fn is_number(&self, at: usize) -> bool {
        let next = self.next(at);
        next.digits >= DIGITS_WHOLE && next.groups > 1
    }

    /// Within `*31#0660 1234567` and the like: where the code ends, and the number begins.
    fn mark_of_code(&mut self, mark: char) {
        match mark {
            '*' | '#' => {
                self.part.digits.push(mark);
                self.end_code();
            }
            '+' => self.part.digits.push('+'),
            ' ' | '-' => self.end_code(),
            ',' | ';' => {
                if let Some((pauses, next)) = self.pause(self.at) {
                    self.tones(pauses, next);
                } else {
                    self.close();
                }
            }
            ':' | '=' | '|' | '&' | '<' | '>' | '"' => self.close(),
            _ => {}
        }
    }

    /// A code has two or three digits, and then a number follows that has no such marks itself.
    fn end_code(&mut self) {
        let digits = self.part.digits.bytes().filter(u8::is_ascii_digit).count();
        let next = self.next(self.at + 1);
        let marked = matches!(next.end, Some(Token::Mark('*' | '#')));
        let whole = next.digits >= DIGITS_WHOLE || (next.plus && next.digits >= 5);
        if (1..=4).contains(&digits) && whole && !marked {
            let prefix = std::mem::take(&mut self.part.digits);
            self.part = Typed { prefix, from: self.part.from, ..Typed::default() };
        }
    }

    fn hash(&mut self) {
        if let Some(end) = self.next_sign() {
            self.close();
            self.at = end;
            return;
        }
        if let Some(at) = self.extension(self.at) {
            return self.extended(at);
        }
        let last = self.part.groups.last().copied().unwrap_or(0);
        let before = self.part.digits.len() - last;
        if before >= DIGITS_WHOLE && last <= EXTENSION_MAX {
            // As Americans write it: `212 555 0133 - 503#`.
            let extension = self.part.digits.split_off(before);
            self.part.groups.pop();
            self.part.then.extension = Some(extension);
            self.close();
        } else if self.part.digits.len() <= CODE_MAX && !self.part.plus {
            self.part.code = true;
            self.part.digits.push('#');
        }
    }

    fn comma(&mut self, mark: char) {
        if let Some(at) = self.extension(self.at) {
            self.extended(at);
        } else if self.is_thousands() {
            // A spreadsheet's `436,601,234,567` is one number.
        } else if self.is_listed() || self.remark_behind_comma() {
            self.close();
        } else if let Some((pauses, next)) = self.pause(self.at) {
            self.tones(pauses, next);
        } else if !(mark == ';' && self.parameter()) {
            self.close();
        }
    }

    /// Digits in threes with a comma between all of them.
    fn is_thousands(&self) -> bool {
        let mut commas = 0;
        for token in &self.tokens {
            match token {
                Token::Mark(',') => commas += 1,
                Token::Digits(digits) if commas > 0 && digits.len() != 3 => return false,
                Token::Digits(digits) if digits.len() > 3 => return false,
                Token::Digits(_) | Token::Mark('+') => {}
                _ => return false,
            }
        }
        commas >= 2
    }

    /// Does a whole number follow one comma or semicolon, rather than tones?
    fn is_listed(&self) -> bool {
        if matches!(self.token(self.at + 1), Some(Token::Mark(',' | ';'))) {
            return false;
        }
        let next = self.next(self.at + 1);
        if matches!(next.end, Some(Token::Mark('*' | '#'))) {
            return false;
        }
        let before = self.part.digits.len();
        if before < DIGITS_WHOLE && before == next.digits && next.groups == 1 {
            return next.apart && before >= 2;
        }
        let zero = next.first.is_some_and(|it| it.starts_with('0'));
        let written = next.apart || next.bracket || zero || next.groups > 1 || self.is_alike(&next);
        before >= 6
            && ((next.plus && next.digits >= SECOND_MIN)
                || (next.digits >= DIGITS_WHOLE && written)
                || (next.digits >= SECOND_MIN && next.apart && next.groups > 1))
    }

    /// Has what follows as many digits as the number before it, with or without what is dialled before both (1 in
    /// North America)?
    fn is_alike(&self, next: &Next<'_>) -> bool {
        let one = |digits: &str| usize::from(digits.len() == 11 && digits.starts_with('1'));
        let (own, theirs) = (self.part.digits.as_str(), next.first.unwrap_or_default());
        let national = self.national_len();
        let bare = if self.part.plus { national } else { national - one(own) };
        [own.len(), national].contains(&next.digits) || bare == next.digits - one(theirs)
    }

    fn slash(&mut self) {
        let next = self.next(self.at + 1);
        if next.digits == 0 || matches!(next.end, Some(Token::Mark('*' | '#'))) {
            return;
        }
        let len = self.part.digits.len();
        let extensions = (2..=5).contains(&len)
            && next.digits == len
            && next.groups == 1
            && self.part.groups.len() == 1
            && !self.part.plus
            && !self.part.digits.starts_with('0')
            && next.first.is_some_and(|it| it.get(..len / 2) == self.part.digits.get(..len / 2));
        if next.plus || extensions {
            return self.close();
        }
        if self.national_len() < DIGITS_WHOLE {
            return;
        }
        if next.digits >= SECOND_MIN {
            return self.close();
        }
        // `22/23`, `-0 / -17`: other last digits; the number before them reaches them all.
        self.close();
        while let Some(Token::Digits(_) | Token::Mark('/' | '-' | ' ' | '.' | '(' | ')')) =
            self.token(self.at + 1)
        {
            self.at += 1;
        }
    }

    fn national_len(&self) -> usize {
        national_len(self.part.plus, &self.part.digits)
    }

    /// Does another whole number follow one that is whole?
    fn is_second(&self, digits_min: usize) -> bool {
        let next = self.next(self.at + 1);
        let marked = matches!(next.end, Some(Token::Mark('*' | '#')));
        self.national_len() >= DIGITS_WHOLE && next.digits >= digits_min && !marked
    }

    fn next(&self, at: usize) -> Next<'a> {
        let mut next = Next::default();
        for token in self.tokens.iter().skip(at) {
            match token {
                Token::Digits(digits) => {
                    next.first.get_or_insert(digits);
                    next.digits += digits.len();
                    next.groups += 1;
                }
                Token::Mark('+') if next.digits == 0 => next.plus = true,
                Token::Mark(' ') => next.apart |= next.digits == 0,
                Token::Mark('(') => next.bracket |= next.digits == 0,
                Token::Mark(')' | '-' | '.') => {}
                // `030/1234567`: an area in front.
                Token::Mark('/') if next.digits < SECOND_MIN => {}
                other => {
                    next.end = Some(*other);
                    break;
                }
            }
        }
        next
    }

    /// Reads pauses from `at` on. Returns how many there are, and the token behind them, if that is
    /// something to dial.
    ///
    /// Letters (`p`, `w`, as telephones write them) are only pauses where they touch a digit or another
    /// pause: `555-0123 p` says that it is private.
    fn pause(&self, at: usize) -> Option<(usize, usize)> {
        let mut pauses = 0;
        for next in at.. {
            match self.token(next)? {
                Token::Mark(',' | ';') => pauses += 1,
                Token::Mark(' ') if pauses > 0 => {}
                Token::Word(word) if word.chars().all(|c| matches!(c, 'p' | 'w' | 'P' | 'W')) => {
                    let before = next.checked_sub(1).and_then(|it| self.token(it));
                    if !matches!(before, Some(Token::Digits(_) | Token::Mark(',' | ';'))) {
                        return None;
                    }
                    pauses += word.len();
                }
                Token::Digits(_) | Token::Mark('*' | '#') if pauses > 0 => {
                    return Some((pauses, next));
                }
                _ => return None,
            }
        }
        None
    }

    /// The digits of an extension that is announced at `at`.
    fn extension(&self, at: usize) -> Option<usize> {
        extension::digits_at(&self.tokens, at, self.part.digits.len())
    }

    fn extended(&mut self, at: usize) {
        if let Some(Token::Digits(digits)) = self.token(at) {
            self.part.then.extension = Some(digits.to_owned());
        }
        match self.pause(at + 1) {
            Some((pauses, next)) if !self.is_listed_behind(at) => self.tones(pauses, next),
            _ => {
                self.at = at;
                // A parameter may follow, but no second extension: `x302/x2303` is two numbers.
                if self.is_mark(at + 1, ';') {
                    self.at = at + 1;
                    self.parameter();
                }
                self.at += 1;
                self.close();
                self.at -= 1;
                if self.is_mark(self.at + 1, '#') {
                    self.at += 1;
                }
            }
        }
    }

    /// `… x12, 0160 1234567`: another number follows the extension.
    fn is_listed_behind(&self, at: usize) -> bool {
        let single = !matches!(self.token(at + 2), Some(Token::Mark(',' | ';')));
        let next = self.next(at + 2);
        single
            && next.apart
            && next.digits >= DIGITS_WHOLE
            && !matches!(next.end, Some(Token::Mark('*' | '#')))
    }

    /// Reads what is dialled after pauses: `,,1234#,2`.
    fn tones(&mut self, mut pauses: usize, mut at: usize) {
        loop {
            let tones = &mut self.part.then.tones;
            tones.extend(std::iter::repeat_n(',', pauses));
            while let Some(token) = self.tokens.get(at) {
                match token {
                    Token::Digits(digits) => tones.push_str(digits),
                    Token::Mark(mark @ ('*' | '#')) => tones.push(*mark),
                    Token::Mark(' ' | '-' | '.') => {}
                    _ => break,
                }
                at += 1;
            }
            match self.pause(at) {
                Some((more, next)) => (pauses, at) = (more, next),
                None => break,
            }
        }
        self.at = at;
        self.close();
        self.at = at.saturating_sub(1);
    }

    /// A parameter of a `tel:` URI (RFC 3966) behind a semicolon. Only a `phone-context` says something
    /// about what is dialled.
    fn parameter(&mut self) -> bool {
        let Some(Token::Word(name)) = self.token(self.at + 1) else { return false };
        let rest = &self.tokens[self.at + 1..];
        let end = rest.iter().position(|it| *it == Token::Mark(';')).unwrap_or(rest.len());
        let Some(equals) = rest[..end].iter().position(|it| *it == Token::Mark('=')) else {
            return false;
        };
        if name.eq_ignore_ascii_case("phone") && rest.get(equals + 1) == Some(&Token::Mark('+')) {
            self.part.context = rest[equals + 2..end].iter().filter_map(Token::digits).collect();
        }
        self.at += end;
        true
    }
}

/// Digits without a country code, as far as it is written.
pub(super) fn national_len(plus: bool, digits: &str) -> usize {
    let idd = if plus { Some(digits) } else { digits.strip_prefix("00") };
    match idd.and_then(|it| Some((it, calling_code_len(it)?))) {
        Some((digits, code)) => digits.len() - code,
        None => digits.len(),
    }
}
