//! Numbers of the installation itself, and short numbers outside of it.

use crate::number::{E164, renumbering};

/// Blocks of numbers that lead to the extensions of the PBX (direct inward dialling): `+43 1 2345-0..99`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnNumbers(Vec<Block>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Block {
    /// Digits with the country, without the extension.
    head: String,
    /// The extensions, of as many digits as these two have, or any number of digits in between.
    first: String,
    last: String,
}

/// An extension has no more digits.
const EXTENSION_MAX: usize = 8;

impl OwnNumbers {
    /// Blocks with commas between them: the number with its country, a hyphen or a blank, and the first and the
    /// last extension with `..` or `to` between. `None` if it is not written like that.
    pub fn parse(raw: &str) -> Option<OwnNumbers> {
        let blocks: Option<Vec<Block>> = raw.split(',').map(|it| Block::parse(it.trim())).collect();
        blocks.map(OwnNumbers)
    }

    /// The extension that a number of the installation leads to, also where it is written as it was before its
    /// country changed its numbers.
    pub fn extension_of(&self, number: &E164) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let today = renumbering::today(number);
        let digits = today.as_ref().unwrap_or(number).digits();
        self.0.iter().find_map(|block| {
            let extension = digits.strip_prefix(block.head.as_str())?;
            block.has(extension).then(|| extension.to_owned())
        })
    }

    /// The number that leads to an extension from outside.
    pub fn number_of(&self, extension: &str) -> Option<E164> {
        let block = self.0.iter().find(|it| it.has(extension))?;
        E164::parse(&format!("+{}{extension}", block.head))
    }
}

impl Block {
    fn parse(raw: &str) -> Option<Block> {
        let (rest, last) = raw.split_once("..").or_else(|| raw.split_once(" to "))?;
        let last = last.trim().trim_start_matches('-');
        let rest = rest.trim_end();
        let at = rest.rfind(['-', ' '])?;
        let (head, first) = (&rest[..at], &rest[at + 1..]);
        let head: String = head.chars().filter(|c| !" -()/.".contains(*c)).collect();
        let head = E164::parse(&head)?.digits().to_owned();
        let digits = |it: &str| {
            (1..=EXTENSION_MAX).contains(&it.len()) && it.bytes().all(|b| b.is_ascii_digit())
        };
        let fits = digits(first) && digits(last) && first.len() <= last.len();
        let ordered = first.parse::<u32>().ok()? <= last.parse::<u32>().ok()?;
        (fits && ordered).then(|| Block { head, first: first.to_owned(), last: last.to_owned() })
    }

    fn has(&self, extension: &str) -> bool {
        let between = (self.first.len()..=self.last.len()).contains(&extension.len());
        let value = |it: &str| it.parse::<u32>().ok();
        // A block from 0 to 99 has 0 and 10, and no 05, which begins with the 0.
        let exact = self.first.len() == self.last.len()
            || extension.len() == 1
            || !extension.starts_with('0');
        between
            && exact
            && extension.bytes().all(|b| b.is_ascii_digit())
            && (value(&self.first)..=value(&self.last)).contains(&value(extension))
    }
}

/// Short numbers and codes that are not internal, though they look like extensions: `1733`, `39XX`, `*27XX`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutsideNumbers(Vec<String>);

impl OutsideNumbers {
    /// With commas between them; `X` is any digit. Blanks within a number do not matter. `None` if one is not
    /// written like that.
    pub fn parse(raw: &str) -> Option<OutsideNumbers> {
        let one = |it: &str| {
            let text: String =
                it.chars().filter(|c| *c != ' ').collect::<String>().to_ascii_uppercase();
            let legal = |c: char| c.is_ascii_digit() || matches!(c, '*' | '#' | 'X');
            let fits = (2..=EXTENSION_MAX).contains(&text.len()) && text.chars().all(legal);
            fits.then_some(text)
        };
        raw.split(',').map(one).collect::<Option<Vec<String>>>().map(OutsideNumbers)
    }

    pub fn has(&self, digits: &str) -> bool {
        let same = |pattern: &String| {
            pattern.len() == digits.len()
                && pattern
                    .bytes()
                    .zip(digits.bytes())
                    .all(|(p, d)| p == d || (p == b'X' && d.is_ascii_digit()))
        };
        self.0.iter().any(same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_block_lead_to_its_extensions_and_back() {
        for (blocks, number, extension) in [
            ("+43 1 2345-0..99", "+43123450", Some("0")),
            ("+43 1 2345-0 to -99", "+431234517", Some("17")),
            ("+43 1 2345-0..99", "+4312345100", None),
            ("+43 1 2345-0..99", "+431234505", None),
            ("+43 1 2345-10..59", "+431234560", None),
            ("+1 212 555 0100..0199", "+12125550133", Some("0133")),
            ("+1 212 555-0100..0199, +44 20 7946 0000..0999", "+442079460958", Some("0958")),
            ("+43 1 2345-0..99", "+4312344", None),
        ] {
            let own = OwnNumbers::parse(blocks).unwrap();
            let number = E164::parse(number).unwrap();
            assert_eq!(own.extension_of(&number).as_deref(), extension, "{blocks} {number}");
            if let Some(extension) = extension {
                assert_eq!(own.number_of(extension), Some(number), "{blocks}");
            }
        }
        for bad in [
            "",
            "2345-0..99",
            "+43 1 2345",
            "+43 1 2345-99..0",
            "+43 1 2345-a..b",
            "+43 1 2345-0..99,",
        ] {
            assert_eq!(OwnNumbers::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn short_numbers_outside_are_known_by_their_digits() {
        let outside = OutsideNumbers::parse("39 39, 17XX, *27xx").unwrap();
        for (digits, is) in
            [("3939", true), ("1733", true), ("*2700", true), ("3940", false), ("173", false)]
        {
            assert_eq!(outside.has(digits), is, "{digits}");
        }
        for bad in ["", "1", "12,,34", "12a4", "123456789"] {
            assert_eq!(OutsideNumbers::parse(bad), None, "{bad}");
        }
    }
}
