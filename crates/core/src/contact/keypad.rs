//! The keys of a telephone, and the letters on them (ITU-T E.161).

/// A key of the keypad from `0` to `9`, with the names that are looked up under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Keypad(u8);

/// What the keys are called in links, by their digits.
const NAMES: [&str; 10] =
    ["0", "1", "2ABC", "3DEF", "4GHI", "5JKL", "6MNO", "7PQRS", "8TUV", "9WXYZ"];

impl Keypad {
    /// In the order of a telephone: `1` to `9`, and `0` at the end.
    pub const ALL: [Keypad; 10] = [
        Keypad(1),
        Keypad(2),
        Keypad(3),
        Keypad(4),
        Keypad(5),
        Keypad(6),
        Keypad(7),
        Keypad(8),
        Keypad(9),
        Keypad(0),
    ];

    /// The key of a letter or digit of ASCII.
    pub fn of(letter: u8) -> Option<Keypad> {
        let key = match letter.to_ascii_lowercase() {
            digit @ b'0'..=b'9' => digit - b'0',
            b'a'..=b'c' => 2,
            b'd'..=b'f' => 3,
            b'g'..=b'i' => 4,
            b'j'..=b'l' => 5,
            b'm'..=b'o' => 6,
            b'p'..=b's' => 7,
            b't'..=b'v' => 8,
            b'w'..=b'z' => 9,
            _ => return None,
        };
        Some(Keypad(key))
    }

    /// The key a folded text begins with. What begins with neither letter nor digit is under `0`.
    pub fn of_folded(folded: &str) -> Keypad {
        folded.bytes().find_map(Keypad::of).unwrap_or(Keypad(0))
    }

    /// Accepts a name such as `2ABC` or `2abc`, and the digit alone.
    pub fn parse(raw: &str) -> Option<Keypad> {
        let named = |name: &str| name.eq_ignore_ascii_case(raw) || name.get(..1) == Some(raw);
        NAMES.iter().zip(0..).find(|(name, _)| named(name)).map(|(_, digit)| Keypad(digit))
    }

    pub fn digit(self) -> usize {
        usize::from(self.0)
    }

    pub fn as_str(self) -> &'static str {
        NAMES[self.digit()]
    }

    /// What is on the key in lower case, in the order of their bytes: its digit, then its letters.
    pub fn characters(self) -> &'static [u8] {
        const ON: [&[u8]; 10] =
            [b"0", b"1", b"2abc", b"3def", b"4ghi", b"5jkl", b"6mno", b"7pqrs", b"8tuv", b"9wxyz"];
        ON[self.digit()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_letter_is_on_its_key() {
        for key in Keypad::ALL {
            for on in key.characters() {
                assert_eq!(Keypad::of(*on), Some(key));
                assert_eq!(Keypad::of(on.to_ascii_uppercase()), Some(key));
            }
        }
        assert_eq!(Keypad::of(b'#'), None);
    }

    #[test]
    fn a_key_is_known_by_its_name_and_by_its_digit() {
        for key in Keypad::ALL {
            assert_eq!(Keypad::parse(key.as_str()), Some(key));
            assert_eq!(Keypad::parse(&key.digit().to_string()), Some(key));
        }
        assert_eq!(Keypad::parse("7pqrs").map(Keypad::digit), Some(7));
        for bad in ["", "2AB", "ABC", "22", "é", "\0", "10"] {
            assert_eq!(Keypad::parse(bad), None, "{bad:?}");
        }
    }
}
