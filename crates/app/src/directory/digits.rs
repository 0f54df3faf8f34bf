//! Telephone numbers as an index keeps them: by their ends.

/// The last twenty digits of a number (no country has longer ones), the last one first, and whether it
/// begins with the country. Numbers that end alike lie side by side. Of codes `*` and `#` count as digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digits([u8; BYTES]);

/// Twelve bytes pack as well beside a place as eight do.
const BYTES: usize = 12;
/// Digits that fit; the last four bits tell whether the country is among them.
const LEN_MAX: usize = 20;
/// Where the first digit is, in bits.
const TOP: usize = BYTES * 8 - 4;

impl Digits {
    /// Reads the ASCII digits of a text, and the stars and hashes; everything else in it is passed over. `None`
    /// without any.
    pub fn of(text: &str, international: bool) -> Option<Digits> {
        let mut packed: u128 = u128::from(international);
        let mut count = 0;
        for digit in text.bytes().rev().filter_map(packed_digit).take(LEN_MAX) {
            packed |= u128::from(digit) << (TOP - 4 * count);
            count += 1;
        }
        (count > 0).then_some(Digits::from_bits(packed))
    }

    fn from_bits(bits: u128) -> Digits {
        let mut bytes = [0; BYTES];
        bytes.copy_from_slice(&bits.to_be_bytes()[16 - BYTES..]);
        Digits(bytes)
    }

    fn bits(self) -> u128 {
        let mut bytes = [0; 16];
        bytes[16 - BYTES..].copy_from_slice(&self.0);
        u128::from_be_bytes(bytes)
    }

    pub fn is_international(self) -> bool {
        self.0[BYTES - 1] & 15 == 1
    }

    /// The same digits, whether or not it is known that they begin with the country.
    pub fn same(self, other: Digits) -> bool {
        self.bits() >> 4 == other.bits() >> 4
    }

    #[expect(clippy::len_without_is_empty, reason = "there is none without a digit")]
    pub fn len(self) -> usize {
        (0..LEN_MAX).take_while(|at| self.nibble(*at) != 0).count()
    }

    /// How many digits the two have in common at their ends.
    pub fn tail(self, other: Digits) -> usize {
        (0..LEN_MAX)
            .take_while(|at| self.nibble(*at) != 0 && self.nibble(*at) == other.nibble(*at))
            .count()
    }

    /// Whether its first digits are those of a number.
    pub fn begins_with(self, code: u16) -> bool {
        self.text().starts_with(&code.to_string())
    }

    /// The bounds between which all numbers lie that end with the last `count` digits of this one.
    pub fn ending_alike(self, count: usize) -> (Digits, Digits) {
        let beyond = if count >= LEN_MAX { 15 } else { (1_u128 << (TOP + 4 - 4 * count)) - 1 };
        (Digits::from_bits(self.bits() & !beyond), Digits::from_bits(self.bits() | beyond))
    }

    fn nibble(self, at: usize) -> u8 {
        let byte = self.0[at / 2];
        if at.is_multiple_of(2) { byte >> 4 } else { byte & 15 }
    }

    /// The digits in their usual order.
    pub fn text(self) -> String {
        (0..self.len())
            .rev()
            .map(|at| PACKED[usize::from(self.nibble(at)) - 1])
            .map(char::from)
            .collect()
    }
}

/// What four bits stand for; none of them is zero.
const PACKED: &[u8] = b"0123456789*#___";

fn packed_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0' + 1),
        b'*' => Some(11),
        b'#' => Some(12),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Digits {
        Digits::of(text, text.starts_with('+')).unwrap()
    }

    #[test]
    fn what_is_packed_is_what_was_read() {
        for text in ["0", "1820", "+49301234567", "000", "12345678901234567890", "*97", "*31#12"] {
            assert_eq!(digits(text).text(), text.trim_start_matches('+'));
            assert_eq!(digits(text).is_international(), text.starts_with('+'));
        }
        assert_eq!(digits("123456789012345678901").text(), "23456789012345678901");
        assert_eq!(Digits::of("call me", false), None);
        assert!(!digits("*97").same(digits("97")));
        assert!(digits("+4366").begins_with(43) && !digits("+4366").begins_with(66));
        assert_eq!(size_of::<(Digits, u32)>(), 16, "a hundred thousand of them are kept");
    }

    #[test]
    fn numbers_that_end_alike_lie_between_their_bounds() {
        let asked = digits("1234567");
        let (low, high) = asked.ending_alike(7);
        for inside in ["1234567", "+49301234567", "991234567", "00000001234567"] {
            assert!((low..=high).contains(&digits(inside)), "{inside}");
            assert_eq!(asked.tail(digits(inside)), 7);
        }
        for outside in ["234567", "1234568", "+49301234557"] {
            assert!(!(low..=high).contains(&digits(outside)), "{outside}");
        }
        let full = digits("12345678901234567890");
        let (low, high) = full.ending_alike(20);
        assert!((low..=high).contains(&full));
    }
}
