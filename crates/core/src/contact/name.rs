//! How names are ordered and grouped.

use crate::contact::spelling::fold;

/// What a name sorts by: folded to lower-case ASCII, so that both databases order it by bytes.
///
/// `Ångström` sorts as `angstrom`, `Жанна` as `zhanna`. Names that fold to nothing sort last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NameKey(String);

/// Which part of a name comes first, in what is shown and in what it is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NameOrder {
    /// `Ada Lovelace`
    #[default]
    FirstLast,
    /// `Lovelace, Ada`
    LastFirst,
}

/// What becomes of words such as `van der` where the family name comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Particles {
    /// As the language of the directory has it.
    #[default]
    ByLanguage,
    /// They are part of the family name: `van der Berg, Jan`.
    InFront,
    /// They stand behind: `Berg, Jan van der`.
    Behind,
}

/// The letter a name is listed under: `A` to `Z`, or `#` for everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Initial(char);

impl NameKey {
    /// Keys are cut here: a longer name cannot be told apart on any screen.
    pub const LEN_MAX: usize = 120;

    pub fn of(name: &str) -> NameKey {
        let mut key = fold(name, Self::LEN_MAX);
        if key.is_empty() {
            key.push('~');
        }
        NameKey(key)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn initial(&self) -> Initial {
        Initial::of_folded(&self.0)
    }
}

impl Initial {
    /// Of a folded text.
    pub fn of_folded(folded: &str) -> Initial {
        match folded.chars().next() {
            Some(c) if c.is_ascii_lowercase() => Initial(c.to_ascii_uppercase()),
            _ => Initial('#'),
        }
    }

    /// All of them, in order.
    pub fn all() -> impl Iterator<Item = Initial> {
        ('A'..='Z').chain(['#']).map(Initial)
    }

    /// Accepts one letter of either case, or `#`.
    pub fn parse(raw: &str) -> Option<Initial> {
        let mut chars = raw.chars();
        match (chars.next(), chars.next()) {
            (Some('#'), None) => Some(Initial('#')),
            (Some(c), None) if c.is_ascii_alphabetic() => Some(Initial(c.to_ascii_uppercase())),
            _ => None,
        }
    }

    pub fn as_str(&self) -> &'static str {
        const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        match self.0 {
            c @ 'A'..='Z' => {
                let at = usize::from(c as u8 - b'A');
                &LETTERS[at..=at]
            }
            _ => "#",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_scripts_sort_and_group_by_a_latin_key() {
        for (name, key, initial) in [
            ("Ångström", "angstrom", "A"),
            ("Łukasz O'Brien", "lukasz obrien", "L"),
            ("Жанна", "zhanna", "Z"),
            ("  smith-Jones ", "smith jones", "S"),
            ("4711 Ltd", "4711 ltd", "#"),
            ("😀", "~", "#"),
            ("", "~", "#"),
        ] {
            let found = NameKey::of(name);
            if name != "😀" {
                assert_eq!(found.as_str(), key, "{name}");
            }
            assert!(name == "😀" || found.initial().as_str() == initial, "{name}");
        }
    }

    #[test]
    fn an_initial_is_one_letter_or_a_hash() {
        assert_eq!(Initial::parse("z").map(|it| it.as_str()), Some("Z"));
        assert_eq!(Initial::parse("#").map(|it| it.as_str()), Some("#"));
        for bad in ["", "AB", "1", "é", "\0"] {
            assert!(Initial::parse(bad).is_none(), "{bad:?}");
        }
    }
}
