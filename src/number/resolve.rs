//! Finds the country of a number that Google did not read, with the numbering plans of libphonenumber.
//!
//! Only here and for showing numbers are the plans needed, and only by then are they unpacked. They are
//! asked about bare digits; what stands around them was dealt with before.

use rlibphonenumber::{
    CountryCodeSource, NumberLengthType, PHONE_NUMBER_UTIL as PLANS, PhoneNumber,
    PhoneNumberFormat, PhoneNumberType,
};

use crate::number::keypad::Spelled;
use crate::number::typed::Typed;
use crate::number::{E164, NotDialable, Number, Region, SHORT_MAX};

/// Up to so many digits without a country are taken for an extension or a service; some islands have
/// numbers like that, and they are dialled the same.
const LOCAL_MAX: usize = 5;
/// No number in any notation has more digits than this.
const DIGITS_MAX: usize = 32;
/// A word may be so much longer than the number that it stands for.
const LETTERS_CUT_MAX: usize = 6;

pub(super) fn resolve(mut typed: Typed, region: Option<Region>) -> Number {
    if let Some(word) = typed.spelled.take()
        && let Some(number) = spelled(&word, &typed, region)
    {
        return number;
    }
    if typed.code {
        return Number::local(typed);
    }
    if typed.digits.len() > DIGITS_MAX {
        return Number::NotDialable(NotDialable::TooLong(typed.digits.len()));
    }
    // `+030…`: somebody put a plus in front of a number that has no country.
    if typed.plus && !typed.digits.starts_with('0') {
        return with_plus(typed);
    }
    if typed.digits.len() <= LOCAL_MAX {
        return Number::local(typed);
    }
    let found = with_prefix(&typed.digits, region);
    let (number, abroad) = match found {
        Some(number) => (Some(number), true),
        None => (region.and_then(|region| national(&typed.digits, region)), false),
    };
    match number {
        Some(number) => {
            let short = (!abroad && typed.digits.len() <= SHORT_MAX).then_some(typed.digits);
            Number::International { number, short, then: typed.then }
        }
        None => Number::local(typed),
    }
}

/// With a `+`: a number of the country that it names, whether or not the plan has such a number. Plans
/// change more often than programs.
fn with_plus(typed: Typed) -> Number {
    let mut digits = typed.digits;
    let number = PLANS.parse(format!("+{digits}"), None).ok();
    let number = number.and_then(|it| e164(&it)).or_else(|| {
        if let Some(at) = typed.bracketed_zero {
            digits.remove(at);
        }
        E164::parse(&format!("+{digits}"))
    });
    match number {
        Some(number) => Number::International { number, short: None, then: typed.then },
        None if digits.len() > E164::LEN_MAX => {
            Number::NotDialable(NotDialable::TooLong(digits.len()))
        }
        None => Number::NotDialable(NotDialable::TooShort),
    }
}

/// With an international prefix: the one of the region (00, 011, …), or 00, which most people write
/// wherever they are, if a number of some country follows.
fn with_prefix(digits: &str, region: Option<Region>) -> Option<E164> {
    if let Some(region) = region
        && let Some(number) = parse(digits, region)
        && number.country_code_source() == CountryCodeSource::FromNumberWithIdd
    {
        return e164(&number);
    }
    let rest = digits.strip_prefix("00")?;
    let number = PLANS.parse(format!("+{rest}"), None).ok().filter(|it| PLANS.is_valid_number(it));
    number.and_then(|it| e164(&it))
}

/// Without a country: a number of the region, if it can be nothing else.
///
/// Where there is a trunk prefix and it is missing, what was typed may be the number within a town, which
/// would make another number with another area in front. Then only numbers that have no area are taken.
fn national(digits: &str, region: Region) -> Option<E164> {
    let number = parse(digits, region)?;
    let valid = PLANS.is_valid_number(&number);
    let possible = PLANS
        .is_possible_number_with_reason(&number)
        .is_ok_and(|it| it == NumberLengthType::IsPossible);
    let trunk = region.trunk_prefix();
    let taken = match number.country_code_source() {
        CountryCodeSource::FromDefaultCountry if region.calling_code() == NORTH_AMERICA => possible,
        CountryCodeSource::FromDefaultCountry if trunk.is_empty() => valid,
        CountryCodeSource::FromDefaultCountry => {
            (possible && digits.starts_with(trunk)) || (valid && has_no_area(&number))
        }
        // The calling code without its plus, which nobody would type in front of a shorter number.
        _ => valid,
    };
    if taken { e164(&number) } else { None }
}

/// There the trunk prefix may be left out, and a number with its area is known by its length.
const NORTH_AMERICA: u16 = 1;

/// Nobody dials a part of a mobile number, nor of one that is free.
fn has_no_area(number: &PhoneNumber) -> bool {
    matches!(PLANS.get_number_type(number), PhoneNumberType::Mobile | PhoneNumberType::TollFree)
}

/// A number with letters. A company's word stands for a number that callers do not pay in full, or in
/// North America for any; what does not fit is somebody's remark.
fn spelled(word: &Spelled, typed: &Typed, region: Option<Region>) -> Option<Number> {
    let Spelled { digits, before, after, then } = word;
    if digits.len() > DIGITS_MAX {
        return None;
    }
    // Letters that are too many are dialled by nobody.
    let first = |read: &dyn Fn(&str) -> Option<PhoneNumber>, fits: fn(PhoneNumberType) -> bool| {
        (0..=LETTERS_CUT_MAX.min(*after)).find_map(|cut| {
            let number = read(&digits[..digits.len() - cut])?;
            let taken = PLANS.is_valid_number(&number) && fits(PLANS.get_number_type(&number));
            if taken { e164(&number) } else { None }
        })
    };
    let here = |digits: &str| parse(digits, region?);
    let anywhere = |digits: &str| PLANS.parse(format!("+{digits}"), None).ok();
    let number = if typed.plus {
        first(&anywhere, is_advertised).or_else(|| E164::parse(&format!("+{digits}")))
    } else {
        // The whole world knows 1-800-FLOWERS. Some countries have 1800 for the same; of the others
        // none writes letters behind it.
        first(&here, is_free)
            .or_else(|| first(&anywhere, is_free).filter(|_| digits.starts_with("18")))
            .or_else(|| first(&here, is_advertised))
    };
    if let Some(number) = number {
        return Some(Number::International { number, short: None, then: then.clone() });
    }
    let whole = *before >= 4 && (10..=E164::LEN_MAX).contains(&digits.len());
    whole.then(|| Number::Local { digits: digits.clone(), then: then.clone() })
}

fn is_free(kind: PhoneNumberType) -> bool {
    kind == PhoneNumberType::TollFree
}

fn is_advertised(kind: PhoneNumberType) -> bool {
    matches!(
        kind,
        PhoneNumberType::TollFree
            | PhoneNumberType::SharedCost
            | PhoneNumberType::PremiumRate
            | PhoneNumberType::UAN
            | PhoneNumberType::FixedLineOrMobile
    )
}

/// With the source of its country.
fn parse(digits: &str, region: Region) -> Option<PhoneNumber> {
    let region = rlibphonenumber::Region::from_code(region.code()).ok();
    PLANS.parse_and_keep_raw_input(digits, region).ok()
}

fn e164(number: &PhoneNumber) -> Option<E164> {
    E164::parse(&PLANS.format(number, PhoneNumberFormat::E164))
}

/// The number with spaces for eyes (E.123), and the country that it is of, if the plans know one.
pub(super) fn shown(number: &E164) -> (String, Option<Region>) {
    let Ok(parsed) = PLANS.parse(number.to_string(), None) else {
        return (number.to_string(), None);
    };
    let text = PLANS.format(&parsed, PhoneNumberFormat::International).into_owned();
    // What belongs to no country is called 001 there, and is no region here.
    let region = PLANS.get_region_for_number(&parsed);
    (text, region.and_then(|it| Region::parse(&it.to_string())))
}

/// As it is dialled within its country: mostly with the trunk prefix, but not where the plan says
/// otherwise (1800 in Australia, mobiles in Argentina and China).
pub(super) fn dialled_at_home(number: &E164, region: Region) -> String {
    let plain = || format!("{}{}", region.trunk_prefix(), number.national());
    let Ok(parsed) = PLANS.parse(number.to_string(), None) else { return plain() };
    // The plan says nothing about a number that it does not have. Of North American ones it says how they
    // are written, which is without the 1.
    if region.calling_code() == NORTH_AMERICA || !PLANS.is_valid_number(&parsed) {
        return plain();
    }
    let text = PLANS.format(&parsed, PhoneNumberFormat::National);
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if digits.is_empty() { plain() } else { digits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dialled_at_home_is_read_there_as_the_same_number() {
        for region in PLANS.get_supported_regions() {
            let ours = Region::parse(&region.to_string()).unwrap();
            for kind in [
                PhoneNumberType::FixedLine,
                PhoneNumberType::Mobile,
                PhoneNumberType::TollFree,
                PhoneNumberType::SharedCost,
            ] {
                let example = PLANS.get_example_number_for_type_and_region(region, kind);
                let Ok(example) = example else { continue };
                let number = e164(&example).unwrap();
                let digits = dialled_at_home(&number, ours);
                let read = parse(&digits, ours).and_then(|it| e164(&it));
                assert_eq!(read.as_ref(), Some(&number), "{digits} in {region}");
            }
        }
    }
}
