//! Takes apart what people type into the field for a number: which of it is the number, and what is
//! dialled after it. Knows nothing of countries.

use crate::number::keypad::{Spelled, spelled};
use crate::number::token::{Token, plain, tokens};
use crate::number::{NotDialable, Then};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Typed {
    /// With a `+` in front.
    pub(super) plus: bool,
    /// ASCII digits; of a code also `*` and `#`.
    pub(super) digits: String,
    /// Begins with `*` or `#`.
    pub(super) code: bool,
    /// Where in the digits the zero of a `(0)` stands that is only dialled within the country.
    pub(super) bracketed_zero: Option<usize>,
    /// The whole of it, should it be a word on the keys.
    pub(super) spelled: Option<Spelled>,
    pub(super) then: Then,
    plus_inside: bool,
    context: String,
}

/// Fewer digits than this beside others are a house number or a count, not the number.
const DIGITS_MIN: usize = 5;
/// On both sides of a slash so many digits are two numbers; fewer are an area code (`030/1234567`).
const DIGITS_WHOLE: usize = 7;

/// What people write in front of an extension, in small letters. `#` and `;ext=` (RFC 3966) are known
/// beside these.
const EXTENSION: &[&str] = &[
    "x",
    "ext",
    "extn",
    "extension",
    "extensión",
    "ramal",
    "anexo",
    "int",
    "interno",
    "poste",
    "dw",
    "durchwahl",
    "klappe",
    "toestel",
    "доб",
];

pub(super) fn scan(value: &str) -> Result<Typed, NotDialable> {
    let text = plain(value);
    if text.trim().is_empty() {
        return Err(NotDialable::Empty);
    }
    let mut scan = Scan { tokens: tokens(&text), ..Scan::default() };
    if scan.is_address() {
        return Err(NotDialable::Address);
    }
    let word = scan.word_on_keys();
    scan.all();
    let mut typed = scan.chosen();
    if typed.plus_inside {
        return Err(NotDialable::PlusInside);
    }
    if typed.digits.len() < DIGITS_WHOLE && !typed.code {
        typed.spelled = word;
    }
    if !typed.plus && !typed.code && !typed.context.is_empty() {
        typed.digits.insert_str(0, &typed.context);
        typed.plus = true;
    }
    let has_digit = typed.digits.bytes().any(|b| b.is_ascii_digit());
    if has_digit { Ok(typed) } else { Err(NotDialable::NoDigits) }
}

/// Goes through the tokens once. What stands between two words is a part; one of the parts is the number.
#[derive(Default)]
struct Scan<'a> {
    tokens: Vec<Token<'a>>,
    /// The token that is being read.
    at: usize,
    part: Typed,
    parts: Vec<Typed>,
}

impl<'a> Scan<'a> {
    fn all(&mut self) {
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

    /// The number, if letters are a part of it, and what follows.
    fn word_on_keys(&self) -> Option<Spelled> {
        let is_end = |at: usize| {
            matches!(self.tokens[at], Token::Mark(',' | ';' | '#')) || self.extension(at).is_some()
        };
        let end = (0..self.tokens.len()).find(|at| is_end(*at)).unwrap_or(self.tokens.len());
        let letters = self.tokens[..end].iter().position(|it| matches!(it, Token::Word(_)))?;
        // A remark may stand behind the word, in brackets or not.
        let is_remark = |it: &Token<'_>| matches!(it, Token::Mark(' ' | '('));
        let remark = self.tokens[letters..end].iter().position(is_remark).map(|at| letters + at);
        let spelled = [Some(end), remark].into_iter().flatten().find_map(|end| {
            let text: String = self.tokens[..end].iter().map(ToString::to_string).collect();
            spelled(&text)
        })?;
        // What follows is read as if it followed digits.
        let digits = std::iter::once(Token::Digits("00000"));
        let tokens = digits.chain(self.tokens[end..].iter().copied()).collect();
        let mut tail = Scan { tokens, ..Scan::default() };
        tail.all();
        Some(Spelled { then: tail.chosen().then, ..spelled })
    }

    fn chosen(self) -> Typed {
        let likely = |part: &Typed| part.code || part.digits.len() >= DIGITS_MIN;
        let at = self.parts.iter().position(likely).unwrap_or(0);
        self.parts.into_iter().nth(at).unwrap_or_default()
    }

    fn token(&self, at: usize) -> Option<Token<'a>> {
        self.tokens.get(at).copied()
    }

    fn begun(&self) -> bool {
        !self.part.digits.is_empty()
    }

    fn close(&mut self) {
        let part = std::mem::take(&mut self.part);
        if !part.digits.is_empty() {
            self.parts.push(part);
        }
    }

    /// `ada@example.org`, `sip:101@10.0.0.5`.
    fn is_address(&self) -> bool {
        self.tokens.windows(3).any(|three| {
            three[1] == Token::Mark('@')
                && !matches!(three, [Token::Mark(_), ..] | [.., Token::Mark(_)])
        })
    }

    fn digits(&mut self, digits: &str) {
        let next = self.at + 1;
        let letters_follow = matches!(self.token(next), Some(Token::Word(_)))
            && self.pause(next).is_none()
            && self.extension(next).is_none();
        if letters_follow && self.part.digits.len() >= DIGITS_MIN && digits.len() <= 2 {
            // `(24h)`, `2nd`: no more of the number.
            return self.close();
        }
        let bracketed = digits == "0"
            && self.at.checked_sub(1).and_then(|at| self.token(at)) == Some(Token::Mark('('))
            && self.token(next) == Some(Token::Mark(')'));
        if bracketed && self.begun() {
            self.part.bracketed_zero = Some(self.part.digits.len());
        }
        self.part.digits.push_str(digits);
    }

    fn word(&mut self) {
        if !self.begun() {
            self.part = Typed::default();
        } else if let Some((pauses, next)) = self.pause(self.at) {
            self.tones(pauses, next);
        } else if let Some(at) = self.extension(self.at) {
            self.extended(at);
        } else {
            self.close();
        }
    }

    fn mark(&mut self, mark: char) {
        match mark {
            '*' | '#' if !self.begun() => {
                self.part = Typed { code: true, digits: mark.to_string(), ..Typed::default() };
            }
            '*' | '#' if self.part.code => self.part.digits.push(mark),
            '+' if self.part.code => self.part.plus_inside = true,
            '+' => {
                self.close();
                self.part.plus = true;
            }
            _ if !self.begun() => {}
            '#' => {
                if let Some(at) = self.extension(self.at) {
                    self.extended(at);
                }
            }
            ',' | ';' => {
                if let Some(at) = self.extension(self.at) {
                    self.extended(at);
                } else if let Some((pauses, next)) = self.pause(self.at) {
                    self.tones(pauses, next);
                } else if !(mark == ';' && self.parameter()) {
                    self.close();
                }
            }
            '/' if self.two_numbers() => self.close(),
            ':' | '=' | '|' | '&' | '<' | '>' => self.close(),
            // What people put between digits, and what nobody can know.
            _ => {}
        }
    }

    /// Do the slash's two sides make a number each?
    fn two_numbers(&self) -> bool {
        let mut after = 0;
        for token in &self.tokens[self.at + 1..] {
            match token {
                Token::Digits(digits) => after += digits.len(),
                Token::Mark('+') => return true,
                Token::Mark(' ' | '(' | ')' | '-' | '.') => {}
                _ => break,
            }
        }
        self.part.digits.len() >= DIGITS_WHOLE && after >= DIGITS_WHOLE
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
        let is_word = |at| match self.token(at) {
            Some(Token::Word(word)) => EXTENSION.contains(&word.to_lowercase().as_str()),
            _ => false,
        };
        let from = match self.token(at)? {
            Token::Word(_) if is_word(at) => at + 1,
            Token::Mark('#') => at + 1,
            // `;ext=12`, and `, ext. 12`, where the comma is no pause.
            Token::Mark(',' | ';') if is_word(at + 1) => at + 2,
            Token::Mark(',') if self.token(at + 1) == Some(Token::Mark(' ')) && is_word(at + 2) => {
                at + 3
            }
            _ => return None,
        };
        let skipped = |it: &usize| {
            matches!(self.token(*it), Some(Token::Mark(' ' | '.' | ':' | '=' | '-' | '#')))
        };
        let at = (from..from + 4).find(|it| !skipped(it))?;
        matches!(self.token(at), Some(Token::Digits(_))).then_some(at)
    }

    fn extended(&mut self, at: usize) {
        if let Some(Token::Digits(digits)) = self.token(at) {
            self.part.then.extension = Some(digits.to_owned());
        }
        match self.pause(at + 1) {
            Some((pauses, next)) => self.tones(pauses, next),
            None => {
                self.at = at;
                // A parameter may follow, but no second extension: `x302/x2303` is two numbers.
                if self.token(at + 1) == Some(Token::Mark(';')) {
                    self.at = at + 1;
                    self.parameter();
                }
                self.close();
            }
        }
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
        self.at = at.saturating_sub(1);
        self.close();
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
            let digits = rest[equals + 2..end].iter().filter_map(|it| match it {
                Token::Digits(digits) => Some(*digits),
                _ => None,
            });
            self.part.context = digits.collect();
        }
        self.at += end;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Number, extension and tones, as `+49301234567 x12 ,34`.
    fn read(value: &str) -> String {
        let typed = match scan(value) {
            Ok(typed) => typed,
            Err(why) => return format!("{why:?}"),
        };
        let mut text = if typed.plus { "+".to_owned() } else { String::new() };
        text.push_str(&typed.digits);
        if let Some(extension) = typed.then.extension {
            text.push_str(&format!(" x{extension}"));
        }
        if !typed.then.tones.is_empty() {
            text.push_str(&format!(" {}", typed.then.tones));
        }
        text
    }

    #[track_caller]
    fn all(cases: &[(&str, &str)]) {
        for (value, wanted) in cases {
            assert_eq!(read(value), *wanted, "{value:?}");
        }
    }

    #[test]
    fn separators_words_and_invisible_characters_are_left_out() {
        all(&[
            ("+49 (30) 12-34.56/7", "+49301234567"),
            ("801-520-4769 - noel cell", "8015204769"),
            ("Fax: 030 1234567", "0301234567"),
            ("mobile 0171/1234567 (new)", "01711234567"),
            ("\u{202A}+49 30\u{A0}1234567\u{202C}", "+49301234567"),
            ("\u{0}+\u{7}49 30", "+4930"),
            ("1 800 555 0199 (24h)", "18005550199"),
            ("Apt 5 or 555-0123", "5550123"),
            ("555-0123p", "5550123"),
            ("tel:+1-201-555-0123", "+12015550123"),
        ]);
    }

    #[test]
    fn digits_of_every_script_are_digits() {
        all(&[
            ("＋４９　３０　１２３４５６７", "+49301234567"),
            ("٠٣٠ ١٢٣٤٥٦٧", "0301234567"),
            ("۰۳۰۱۲۳۴۵۶۷", "0301234567"),
            ("०३० १२३४५६७", "0301234567"),
            ("1️⃣1️⃣2️⃣", "112"),
        ]);
    }

    #[test]
    fn extensions_are_known_by_what_announces_them() {
        for value in [
            "+49 30 1234567 x12",
            "+49 30 1234567x12",
            "+49 30 1234567 ext. 12",
            "+49 30 1234567, ext 12",
            "+49 30 1234567 (ext 12)",
            "+49 30 1234567 Extension: 12",
            "+49 30 1234567 Durchwahl 12",
            "+49 30 1234567 доб. 12",
            "tel:+49-30-1234567;ext=12",
            "tel:+49-30-1234567;ext=12;isub=9",
            "+49 30 1234567 #12",
            "+49 30 1234567#12",
            "+49 30 1234567 x12/x13",
        ] {
            assert_eq!(read(value), "+49301234567 x12", "{value}");
        }
        all(&[("ext 101", "101"), ("x101", "101"), ("101 x", "101")]);
    }

    #[test]
    fn what_follows_a_pause_is_kept_with_its_pauses() {
        all(&[
            ("+1 800 555 0123,,123456#", "+18005550123 ,,123456#"),
            ("+18005550123;12", "+18005550123 ,12"),
            ("+18005550123p12w3", "+18005550123 ,12,3"),
            ("+18005550123 , 12", "+18005550123 ,12"),
            ("+18005550123 x12,,3", "+18005550123 x12 ,,3"),
            ("+18005550123,*9", "+18005550123 ,*9"),
            ("+18005550123,", "+18005550123"),
            ("+18005550123, Boston 7", "+18005550123"),
        ]);
    }

    #[test]
    fn of_two_numbers_the_first_is_taken() {
        all(&[
            ("030 1234567 / 0171 7654321", "0301234567"),
            ("030/1234567", "0301234567"),
            ("030 1234567 or 0171 7654321", "0301234567"),
            ("030 1234567\n0171 7654321", "0301234567"),
            ("030 1234567 +49 171 7654321", "0301234567"),
            ("(530) 583-6985 x302/x2303", "5305836985 x302"),
        ]);
    }

    #[test]
    fn codes_keep_their_stars_and_hashes() {
        all(&[
            ("*97", "*97"),
            ("**610", "**610"),
            ("*31# 0171 1234567", "*31#01711234567"),
            ("*21*1234567#", "*21*1234567#"),
            ("#31#+49 171 1234567", "PlusInside"),
            ("*", "NoDigits"),
        ]);
    }

    #[test]
    fn what_is_no_number_is_told_apart() {
        all(&[
            ("", "Empty"),
            (" \u{7}\u{200B} ", "Empty"),
            ("call me", "NoDigits"),
            ("+", "NoDigits"),
            ("ada99@example.org", "Address"),
            ("sip:101@10.0.0.5", "Address"),
        ]);
    }

    #[test]
    fn the_context_of_a_tel_uri_goes_in_front() {
        all(&[
            ("tel:7946-0958;phone-context=+44-20", "+442079460958"),
            ("tel:101;phone-context=pbx.example", "101"),
            ("tel:+44-20-7946-0958;phone-context=+1", "+442079460958"),
        ]);
    }

    #[test]
    fn words_on_the_keys_are_told_from_remarks() {
        let digits = |value: &str| scan(value).unwrap().spelled.map(|it| it.digits);
        assert_eq!(digits("1-800-FLOWERS").as_deref(), Some("18003569377"));
        assert_eq!(digits("1-800-flowers").as_deref(), Some("18003569377"));
        assert_eq!(digits("0800 REIMANN").as_deref(), Some("08007346266"));
        assert_eq!(digits("1-800-flowers (the shop)").as_deref(), Some("18003569377"));
        let then = |value: &str| scan(value).unwrap().spelled.map(|it| it.then).unwrap();
        assert_eq!(then("1-800-FLOWERS,,42#").tones, ",,42#");
        assert_eq!(then("1-800-FLOWERS ext. 42").extension.as_deref(), Some("42"));
        for remark in ["101 reception", "801-520-4769 - NOEL", "112 (24h)", "5 km", "101 Café"] {
            assert_eq!(digits(remark), None, "{remark}");
        }
    }
}
