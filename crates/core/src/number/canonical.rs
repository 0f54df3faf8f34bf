//! What Google makes of a number (`canonicalForm`), and when it is believed.

use crate::number::keypad::Spelled;
use crate::number::lengths::{is_plain, is_possible};
use crate::number::region::{calling_code_len, trunk_prefix_of};
use crate::number::resolve::may_lack_area;
use crate::number::typed::Typed;
use crate::number::{E164, Kind, Number, SHORT_MAX};

/// Digits that the text and the canonical form must have in common at their ends.
const COMMON_MIN: usize = 6;
/// So many digits without a trunk prefix may lack their area.
const LOCAL_MAX: usize = 8;
const NORTH_AMERICA: u16 = 1;

impl E164 {
    /// `+` and digits; what follows in a `tel:` URI (`;ext=12`) is left out.
    pub(super) fn of_canonical(text: &str) -> Option<E164> {
        E164::parse(text.split(';').next().unwrap_or_default().trim())
    }

    /// Whether libphonenumber would leave it as it is.
    pub(super) fn is_plain(&self) -> bool {
        self.calling_code()
            .is_some_and(|code| is_plain(code, self.national(), trunk_prefix_of(code)))
    }
}

/// The canonical form, if it is of what was typed, and long enough for its country.
///
/// Google reads every digits as a number of the account's country: it makes `+43205` of the extension 205,
/// and of a number within a town that of another town. Of a field with `several` numbers it reads one.
pub(super) fn believed(
    typed: &Typed,
    word: Option<&Spelled>,
    canonical: &E164,
    several: bool,
) -> Option<E164> {
    let code = canonical.calling_code()?;
    if typed.code || !is_possible(code, canonical.national().len()) {
        return None;
    }
    if let Some(word) = word {
        // Of a word that is too long the end is not dialled.
        let digits = word.digits.trim_start_matches('0');
        let fits = (0..=word.after).any(|cut| {
            let digits = digits.get(..digits.len() - cut.min(digits.len())).unwrap_or_default();
            digits.len() >= COMMON_MIN && canonical.digits().ends_with(digits)
        });
        return fits.then(|| canonical.clone());
    }
    if typed.digits.is_empty() {
        // `CALL-ME-NOW`, which only Google read as keys.
        return Some(canonical.clone());
    }
    let digits = typed.digits.trim_start_matches('0');
    let whole = canonical.digits().ends_with(digits);
    // Within the country digits may stand before and in the number that are not part of it abroad (Argentina's
    // `011 15 …`). Two numbers may end alike, so that says nothing where there can be another one.
    let one = !several && !typed.plus;
    let fits = whole || (one && common_end(digits, canonical.digits()) >= COMMON_MIN);
    if !fits {
        return None;
    }
    let trunk = trunk_prefix_of(code);
    let bare =
        whole && !typed.plus && !typed.digits.starts_with('0') && digits == canonical.national();
    let lacking = bare && code != NORTH_AMERICA && !trunk.is_empty() && digits.len() <= LOCAL_MAX;
    (!lacking || !may_lack_area(canonical)).then(|| canonical.clone())
}

fn common_end(a: &str, b: &str) -> usize {
    a.bytes().rev().zip(b.bytes().rev()).take_while(|(a, b)| a == b).count()
}

/// The number of a field whose text and canonical form are so plain that nothing else can be in it. Nearly all
/// fields are, and a directory has a hundred thousand.
pub(super) fn plainly(value: &str, canonical: Option<&str>) -> Option<Number> {
    let (plus, digits) = plain_digits(value)?;
    let given = canonical.map(str::trim);
    let number = match given {
        Some(text) => E164::parse(text)?,
        None if plus => E164::parse(&format!("+{digits}"))?,
        None => return None,
    };
    let code = calling_code_len(number.digits())?;
    let national = &number.digits()[code..];
    let bare = digits.strip_prefix('0').unwrap_or(&digits);
    let same = if plus {
        digits == number.digits()
    } else {
        let trunk = digits.starts_with('0') && bare == national && bare.len() >= COMMON_MIN;
        let north = number.digits().starts_with('1') && national.len() == 10;
        trunk || (north && (digits == national || digits == number.digits()))
    };
    if !same || !number.is_plain() {
        return None;
    }
    let typed = (!plus && digits.len() <= SHORT_MAX).then_some(digits);
    let text = value.trim().to_owned();
    Some(Number { kind: Kind::International { number, typed }, text, ..Number::default() })
}

/// Digits with single blanks, hyphens, dots and brackets between them, and a `+` in front or not.
fn plain_digits(value: &str) -> Option<(bool, String)> {
    let value = value.trim();
    let (plus, rest) = match value.strip_prefix('+') {
        Some(rest) => (true, rest),
        None => (false, value),
    };
    let mut digits = String::with_capacity(rest.len());
    let mut before = b'-';
    for byte in rest.bytes() {
        match byte {
            b'0'..=b'9' => digits.push(char::from(byte)),
            b' ' if before == b' ' => return None,
            b' ' | b'-' | b'.' | b'(' | b')' => {}
            _ => return None,
        }
        before = byte;
    }
    // `(0)` is read with care.
    let good = (COMMON_MIN + 1..=E164::LEN_MAX).contains(&digits.len()) && !rest.contains("(0)");
    good.then_some((plus, digits))
}
