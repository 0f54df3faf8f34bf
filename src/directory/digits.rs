//! Telephone numbers as an index keeps them: by their ends.

/// The last fifteen digits of a number (E.164 allows no more), the last one first, and whether it begins
/// with the country. Numbers that end alike lie side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digits(u64);

/// Digits that fit.
const LEN_MAX: usize = 15;

impl Digits {
    /// Reads the ASCII digits of a text; everything else in it is passed over. `None` without any digit.
    pub fn of(text: &str, international: bool) -> Option<Digits> {
        let mut packed = 0;
        let mut count = 0;
        for digit in text.bytes().rev().filter(u8::is_ascii_digit).take(LEN_MAX) {
            packed |= u64::from(digit - b'0' + 1) << (60 - 4 * count);
            count += 1;
        }
        (count > 0).then_some(Digits(packed | u64::from(international)))
    }

    pub fn is_international(self) -> bool {
        self.0 & 15 == 1
    }

    /// The same digits, whether or not it is known that they begin with the country.
    pub fn same(self, other: Digits) -> bool {
        self.0 >> 4 == other.0 >> 4
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

    /// The bounds between which all numbers lie that end with the last `count` digits of this one.
    pub fn ending_alike(self, count: usize) -> (Digits, Digits) {
        let beyond = if count >= LEN_MAX { 15 } else { (1_u64 << (64 - 4 * count)) - 1 };
        (Digits(self.0 & !beyond), Digits(self.0 | beyond))
    }

    fn nibble(self, at: usize) -> u64 {
        (self.0 >> (60 - 4 * at)) & 15
    }

    /// The digits in their usual order.
    pub fn text(self) -> String {
        (0..self.len()).rev().map(|at| char::from(b'0' + (self.nibble(at) - 1) as u8)).collect()
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
        for text in ["0", "1820", "+49301234567", "000", "123456789012345"] {
            assert_eq!(digits(text).text(), text.trim_start_matches('+'));
            assert_eq!(digits(text).is_international(), text.starts_with('+'));
        }
        assert_eq!(digits("1234567890123456").text(), "234567890123456");
        assert_eq!(Digits::of("call me", false), None);
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
        let full = digits("123456789012345");
        let (low, high) = full.ending_alike(15);
        assert!((low..=high).contains(&full));
    }
}
