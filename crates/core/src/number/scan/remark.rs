//! Digits beside a number that are no part of it: remarks behind it, and labels in front of it.

use crate::number::extension;
use crate::number::lookalike::ROUND_THE_CLOCK;
use crate::number::remark_words::{is_duration, is_floor};
use crate::number::scan::{OR, Scan};
use crate::number::text::Token;
use crate::number::typed::DIGITS_WHOLE;

/// Digits in brackets; more are a part of the number, or another one.
const BRACKET_MAX: usize = 4;
/// Digits of a number behind which one more digit, or a year, in brackets is no part of it.
const COMPLETE_MIN: usize = 9;
/// Digits of a postal code in front of a town.
const POSTAL_CODE: std::ops::RangeInclusive<usize> = 4..=5;
/// Digits that count numbers (`Handy2`, `2.`, `1)`) or floors (`3. Stock`).
const COUNT_MAX: usize = 2;
/// Digits of a house number, or of a postal code, in front of a comma.
const ADDRESS_MAX: usize = 5;
/// Digits of a number of something else, such as a customer.
const REFERENCE_MAX: usize = 8;
/// Digits of a number that needs no zero in front to be one.
const BARE_MIN: usize = 9;
/// Words that a number of something else follows.
const REFERENCES: &[&str] = &[
    "acc",
    "account",
    "acct",
    "auftragsnr",
    "badge",
    "cap",
    "case",
    "confirmation",
    "cp",
    "cta",
    "cuenta",
    "curp",
    "iata",
    "id",
    "invoice",
    "kdnr",
    "konto",
    "kontonr",
    "kto",
    "kundennr",
    "kundennummer",
    "licence",
    "license",
    "member",
    "mitgliedsnr",
    "nif",
    "npi",
    "order",
    "passcode",
    "pedido",
    "pin",
    "plz",
    "policy",
    "poliza",
    "póliza",
    "rechnungsnr",
    "ref",
    "reference",
    "rfc",
    "serial",
    "sn",
    "ssn",
    "ticket",
    "vat",
    "vertragsnr",
    "vin",
    "zip",
    "zipcode",
];
/// Words that the number of a place follows, and seldom that of a telephone there.
const PLACES: &[&str] = &[
    "apartado",
    "apartment",
    "apt",
    "apto",
    "box",
    "cuarto",
    "depto",
    "flat",
    "gate",
    "habitación",
    "piso",
    "postfach",
    "raum",
    "rm",
    "room",
    "ste",
    "suite",
    "unit",
    "zi",
    "zimmer",
];
/// Words that a postal code follows, which may begin with a zero.
const POSTAL: &[&str] = &["cap", "cp", "plz", "zip", "zipcode"];
/// Words that are references with one for a number behind them (`Kd-Nr.`).
const REFERENCES_WITH_NR: &[&str] = &[
    "auftrags",
    "bestell",
    "client",
    "cliente",
    "customer",
    "kd",
    "kunden",
    "mitglieds",
    "rechnungs",
    "vertrags",
];
/// Words for a number, behind one of what it is a number of.
const NUMBER: &[&str] = &["n", "no", "nr", "nro", "num", "number", "nummer", "numero", "número"];
/// Words behind digits that are dialled after a pause.
const TONES: &[&str] = &[
    "access",
    "code",
    "conf",
    "conference",
    "direct",
    "extension",
    "guest",
    "host",
    "id",
    "konferenz",
    "mailbox",
    "meeting",
    "menu",
    "moderator",
    "option",
    "participant",
    "passcode",
    "pin",
    "raum",
    "room",
    "sales",
    "support",
    "then",
    "voicemail",
];
/// What touches digits that are a time or an ordinal.
const TOUCHING: &[&str] = &["h", "hrs", "st", "nd", "rd", "th"];

/// What stands behind digits that may be a label.
struct Behind {
    digits: usize,
    /// It begins as whole numbers do: with a plus or a zero.
    begins: bool,
}

impl Scan<'_> {
    /// `(24/7)`, `(2. OG)`, `(2024)` behind a whole number. Returns where the bracket closes.
    pub(super) fn remark_in_brackets(&self) -> Option<usize> {
        let before = self.national_len();
        let from = self.at + 1;
        let len = self.tokens[from..].iter().position(|it| *it == Token::Mark(')'))?;
        let inside = &self.tokens[from..from + len];
        let digits: Vec<&str> = inside.iter().filter_map(Token::digits).collect();
        let count: usize = digits.iter().map(|it| it.len()).sum();
        if before < DIGITS_WHOLE || (from..from + len).any(|at| self.extension(at).is_some()) {
            return None;
        }
        let text: String = inside.iter().map(ToString::to_string).collect();
        if ROUND_THE_CLOCK.contains(&text.to_lowercase().replace(' ', "").as_str()) {
            return Some(from + len);
        }
        let mut words = inside.iter().filter_map(|it| match it {
            Token::Word(word) => Some(word.to_lowercase()),
            _ => None,
        });
        // `(21 or 22)`: other last digits.
        let with_words = words.any(|it| !OR.contains(&it.as_str()));
        let alone = matches!(digits.as_slice(), [one] if one.len() == 1 || is_year(one));
        let remark = with_words || (alone && before >= COMPLETE_MIN);
        ((1..=BRACKET_MAX).contains(&count) && remark).then_some(from + len)
    }

    /// Whether more digits follow a remark that closes at `at`, so that they are another number.
    pub(super) fn is_over_behind(&self, at: usize) -> bool {
        let behind = self.tokens[at + 1..].iter().find(|it| **it != Token::Mark(' '));
        matches!(behind, Some(Token::Digits(_)))
    }

    /// `10115 Berlin`: the digits that are read, and a town behind them.
    pub(super) fn is_postal_code(&self, digits: &str) -> bool {
        let is_town = match (self.token(self.at + 1), self.token(self.at + 2)) {
            (Some(Token::Mark(' ')), Some(Token::Word(word))) => {
                is_name(word) && !extension::is_word(word) && !is_tones(word)
            }
            _ => false,
        };
        is_town && POSTAL_CODE.contains(&digits.len())
    }

    /// `, 10115 Berlin`, `, 2. Stock`, `, 24h` and `,24 hours` behind a whole number.
    pub(super) fn remark_behind_comma(&self) -> bool {
        let blank = usize::from(self.is_mark(self.at + 1, ' '));
        let token = |ahead: usize| self.token(self.at + blank + ahead);
        let Some(Token::Digits(digits)) = token(1) else { return false };
        let is_town = |word: &str| {
            blank == 1 && POSTAL_CODE.contains(&digits.len()) && is_name(word) && !is_tones(word)
        };
        let short = digits.len() <= COUNT_MAX;
        let remark = match (token(2), token(3), token(4)) {
            (Some(Token::Mark(' ')), Some(Token::Word(word)), _) => {
                is_town(word) || (short && (is_floor(word) || is_duration(word)))
            }
            (Some(Token::Mark('.')), Some(Token::Mark(' ')), Some(Token::Word(word))) => {
                short && is_floor(word)
            }
            (Some(Token::Mark('-')), Some(Token::Word(word)), _) => short && is_duration(word),
            (Some(Token::Word(word)), _, _) => short && (is_touching(word) || is_duration(word)),
            _ => false,
        };
        remark && self.national_len() >= DIGITS_WHOLE
    }

    /// Whether these digits only count or name the number that follows: `1) 0221 …`, `Handy2 0171 …`,
    /// `Kd-Nr. 4711 0221 …`, `Hauptstr. 5, 0221 …`.
    pub(super) fn is_label(&self, digits: &str) -> bool {
        if (self.part.plus && !self.begun()) || !self.part.prefix.is_empty() {
            return false;
        }
        if self.is_of_something(digits) {
            return true;
        }
        if digits.starts_with('0') {
            return false;
        }
        if self.is_count(digits) {
            return true;
        }
        let token = |ahead: usize| self.token(self.at + ahead);
        match (token(1), token(2)) {
            _ if self.begun() => false,
            (Some(Token::Mark(',')), Some(Token::Mark(' '))) => {
                let begins = self.behind(3).is_some_and(|it| it.begins);
                self.word_before().is_some() && digits.len() <= ADDRESS_MAX && begins
            }
            (Some(Token::Mark(' ')), _) => {
                let (Some((word, touching)), Some(behind)) = (self.word_before(), self.behind(2))
                else {
                    return false;
                };
                if !behind.begins {
                    // `Handy2 2125550133`. A 1 may be the one that North America dials in front.
                    return touching
                        && digits.len() == 1
                        && digits != "1"
                        && behind.digits >= BARE_MIN;
                }
                // `Handy2`, `Kd-Nr. 4711`, and `Büro 2`. Behind an 8 Belarus dials a 0 (`8 029 …`).
                (touching && digits.len() <= COUNT_MAX)
                    || (self.is_numbered(word) && digits.len() <= REFERENCE_MAX)
                    || (digits.len() == 1 && digits != "8")
            }
            _ => false,
        }
    }

    /// `Acct 4471123 212 …`, `Room 12 212 …`, `CP 06700 55 …`: so many digits behind it are a whole number, with a
    /// zero in front or not. A 1 may be the one that North America dials in front.
    fn is_of_something(&self, digits: &str) -> bool {
        let Some((word, _)) = self.word_before().filter(|_| !self.begun()) else { return false };
        let postal =
            POSTAL.contains(&word.to_lowercase().as_str()) && POSTAL_CODE.contains(&digits.len());
        let fits = digits.len() <= REFERENCE_MAX && digits != "1" && !digits.starts_with('0');
        let blank = self.is_mark(self.at + 1, ' ');
        let behind = || self.behind(2).is_some_and(|it| it.digits >= BARE_MIN);
        blank && (postal || (fits && self.is_numbered(word))) && behind()
    }

    /// Whether the digits that are read begin a number of something else, wherever they stand: `Acct 4471123`.
    pub(super) fn begins_reference(&self) -> bool {
        !self.part.plus && self.word_before().is_some_and(|(word, _)| self.is_reference(word))
    }

    /// Whether a number of something else, or of a place, follows this word.
    fn is_numbered(&self, word: &str) -> bool {
        self.is_reference(word) || PLACES.contains(&word.to_lowercase().as_str())
    }

    /// `1) 0221 …` and `2. 0221 …`, at the front or behind a whole number.
    fn is_count(&self, digits: &str) -> bool {
        let before = self.at.checked_sub(1).and_then(|at| self.token(at));
        let first = match before {
            None | Some(Token::Mark('|')) => true,
            Some(Token::Mark(' ')) => !self.begun() || self.national_len() >= DIGITS_WHOLE,
            Some(Token::Mark('(')) => !self.begun() && self.is_behind_word(),
            _ => false,
        };
        if !first || digits.len() > COUNT_MAX {
            return false;
        }
        match (self.token(self.at + 1), self.token(self.at + 2)) {
            // `21)8939845` is an area whose bracket is open at the front.
            (Some(Token::Mark(')')), Some(Token::Mark(' ' | '+' | '('))) => {
                // `(2) 2123 4567` is an area (Chile).
                let single = digits.len() == 1 && before != Some(Token::Mark('('));
                self.behind(2).is_some_and(|it| it.begins || single)
            }
            (Some(Token::Mark('.')), Some(Token::Mark(' '))) => {
                self.behind(3).is_some_and(|it| it.begins)
            }
            _ => false,
        }
    }

    /// `Bob (2) 0221 …`: a word stands before the bracket that the token which is read stands in.
    fn is_behind_word(&self) -> bool {
        let before = &self.tokens[..self.at.saturating_sub(1)];
        let word = before.iter().rev().find(|it| **it != Token::Mark(' '));
        matches!(word, Some(Token::Word(_)))
    }

    /// The whole number so many tokens ahead.
    fn behind(&self, ahead: usize) -> Option<Behind> {
        let next = self.next(self.at + ahead);
        // Tones and codes end with these.
        let marked = matches!(next.end, Some(Token::Mark('#' | '*')));
        // `49 (0)221 …`: a zero alone belongs to the calling code in front of it.
        let zero = next.first.is_some_and(|it| it.starts_with('0') && it.len() > 1);
        (next.digits >= DIGITS_WHOLE && !marked)
            .then_some(Behind { digits: next.digits, begins: next.plus || zero })
    }

    /// The word before the token that is read, and whether nothing is between them.
    fn word_before(&self) -> Option<(&str, bool)> {
        let before = &self.tokens[..self.at];
        let is_between = |it: &&Token<'_>| matches!(it, Token::Mark(' ' | '.' | ':' | '#'));
        let between = before.iter().rev().take_while(is_between).count();
        match before.get(before.len().checked_sub(between + 1)?)? {
            Token::Word(word) if !extension::is_word(word) => Some((word, between == 0)),
            _ => None,
        }
    }

    /// Whether a number of something else follows this word, which stands before the token that is read.
    fn is_reference(&self, word: &str) -> bool {
        let word = word.to_lowercase();
        if !NUMBER.contains(&word.as_str()) {
            return REFERENCES.contains(&word.as_str());
        }
        let words = self.tokens[..self.at].iter().rev().filter_map(|it| match it {
            Token::Word(word) => Some(word.to_lowercase()),
            _ => None,
        });
        let of_something = |it: String| {
            REFERENCES.contains(&it.as_str()) || REFERENCES_WITH_NR.contains(&it.as_str())
        };
        words.skip(1).take(1).any(of_something)
    }
}

fn is_year(digits: &str) -> bool {
    digits.len() == 4 && (digits.starts_with("19") || digits.starts_with("20"))
}

fn is_touching(word: &str) -> bool {
    TOUCHING.contains(&word.to_lowercase().as_str())
}

fn is_tones(word: &str) -> bool {
    TONES.contains(&word.to_lowercase().as_str())
}

/// As the names of towns begin.
fn is_name(word: &str) -> bool {
    word.chars().count() > 2 && word.starts_with(char::is_uppercase)
}
