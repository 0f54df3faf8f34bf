//! Finds the country of a number, with the numbering plans of libphonenumber.
//!
//! The plans are asked about bare digits; what stands around them was dealt with before. They take megabytes
//! once they are unpacked, and microseconds for each number, so what is plain without them is decided
//! without them.

use rlibphonenumber::{
    CountryCodeSource, NumberLengthType, PHONE_NUMBER_UTIL as PLANS, PhoneNumber,
    PhoneNumberFormat, PhoneNumberType, ValidationError,
};

use crate::number::canonical::believed;
use crate::number::cut::cut;
use crate::number::keypad::Spelled;
use crate::number::lengths::is_possible;
use crate::number::region::calling_code_len;
use crate::number::typed::Typed;
use crate::number::{E164, Kind, NotDialable, Number, Place, Region, SHORT_MAX};
use crate::number::{prefix_code, renumbering};

/// Up to so many digits without a country are taken for an extension or a service; some islands have
/// numbers like that, and they are dialled the same.
const LOCAL_MAX: usize = 5;
/// No number in any notation has more digits than this.
const DIGITS_MAX: usize = 32;
/// A word may be so much longer than the number that it stands for.
const LETTERS_CUT_MAX: usize = 6;
/// No number within a town has so many digits.
const ABROAD_MIN: usize = 10;

/// One number of a text, of `several` or not, with its country if that can be known.
pub(super) fn resolve(
    mut typed: Typed,
    canonical: Option<&E164>,
    several: bool,
    place: &Place,
) -> Result<Number, NotDialable> {
    let word = typed.spelled.take();
    let believed =
        |typed: &Typed| canonical.and_then(|it| believed(typed, word.as_ref(), it, several));
    let mut canonical = believed(&typed);
    if word.is_none()
        && !typed.code
        && !canonical.as_ref().is_some_and(|it| is_all(it, &typed, place))
    {
        typed = cut(typed, place);
        canonical = believed(&typed);
    }
    if let Some(word) = &word {
        let number = match canonical.clone() {
            Some(number) => Some(Kind::International { number, typed: None }),
            None => spelled(word, &typed, place.region),
        };
        if let Some(kind) = number {
            return Ok(typed.number(kind, word.then.clone()));
        }
    }
    if typed.code {
        return Ok(code(typed, place));
    }
    let then = typed.then.clone();
    if let Some(number) = canonical {
        let short = !typed.plus && typed.digits.len() <= SHORT_MAX;
        let typed_digits = short.then(|| typed.digits.clone());
        return Ok(typed.number(Kind::International { number, typed: typed_digits }, then));
    }
    if typed.digits.is_empty() {
        return Err(NotDialable::NoDigits);
    }
    if typed.digits.len() > DIGITS_MAX {
        return Err(NotDialable::TooLong(typed.digits.len()));
    }
    // `+030…`: somebody put a plus in front of a number that has no country.
    if typed.plus && !typed.digits.starts_with('0') {
        let number = with_plus(&typed)?;
        return Ok(typed.number(Kind::International { number, typed: None }, then));
    }
    Ok(here(typed, place))
}

/// Whether Google read all digits as a number of the region, and one of a possible length, so that the plans need
/// not be asked what else is beside it.
fn is_all(canonical: &E164, typed: &Typed, place: &Place) -> bool {
    let own = place.region.is_some_and(|it| canonical.calling_code() == Some(it.calling_code()));
    typed.town.is_none() && (own || typed.plus) && canonical.is_plain()
}

/// Without a `+`: by the international prefix, as a number of the region, or as it was typed.
fn here(typed: Typed, place: &Place) -> Number {
    let then = typed.then.clone();
    let digits = typed.digits.clone();
    if digits.len() <= LOCAL_MAX {
        return typed.number(Kind::Local(digits), then);
    }
    if let Some(typed) = without_outside(&typed, place) {
        return here(typed, place);
    }
    let zero = typed.bracketed_zero.filter(|at| calling_code_len(&digits) == Some(*at));
    if zero.is_some()
        && let Some(number) = abroad(&digits, zero).filter(is_valid)
    {
        // `49 (0)221 …`: only a calling code has that zero behind it.
        return typed.number(Kind::International { number, typed: None }, then);
    }
    if let Some(number) = with_prefix(&typed, place.region) {
        return typed.number(Kind::International { number, typed: None }, then);
    }
    if let Some((code, rest)) = prefix_code::apart(&typed, place.region) {
        let number =
            here(Typed { prefix: String::new(), digits: rest, groups: Vec::new(), ..typed }, place);
        return Number { prefix: code, ..number };
    }
    let found = place.region.and_then(|region| {
        if let Some(former) = former(&digits, region) {
            return Some(former);
        }
        let digits = renumbering::without_former_trunk(&digits, region);
        national(&digits, typed.area, region)
            .or_else(|| in_area(&digits, region, place.area.as_deref()?))
    });
    if !found.as_ref().is_some_and(is_valid)
        && let Some((code, number)) = behind_code(&digits, place.region)
    {
        let number = typed.number(Kind::International { number, typed: None }, then);
        return Number { prefix: code.to_owned(), ..number };
    }
    let short = (digits.len() <= SHORT_MAX).then(|| digits.clone());
    match found {
        Some(number) => typed.number(Kind::International { number, typed: short }, then),
        None => typed.number(Kind::Local(digits), then),
    }
}

/// `9 212 555 0133`, where 9 is dialled for an outside line, and is not the beginning of the number.
fn without_outside(typed: &Typed, place: &Place) -> Option<Typed> {
    let region = place.region.filter(|_| !place.outside_line().is_empty())?;
    let digits = typed.digits.strip_prefix(place.outside_line())?.to_owned();
    let is_whole = |typed: &Typed, area: bool| {
        is_of(region, &typed.digits, area)
            || with_prefix(typed, Some(region)).is_some_and(|it| is_valid(&it))
    };
    let without = Typed { digits, groups: Vec::new(), area: false, ..typed.clone() };
    (!is_whole(typed, typed.area) && is_whole(&without, false)).then_some(without)
}

/// Whether digits are a number of the region, with its area.
pub(super) fn is_of(region: Region, digits: &str, area: bool) -> bool {
    let digits = renumbering::without_former_trunk(digits, region);
    let number = national(&digits, area, region);
    number.is_some_and(|it| it.calling_code() == Some(region.calling_code()) && is_valid(&it))
}

/// `5215512345678` in Mexico: the calling code without its plus, and a number of before the country changed them.
fn former(digits: &str, region: Region) -> Option<E164> {
    let rest = digits.strip_prefix(&region.calling_code().to_string())?;
    let trunk = renumbering::without_former_trunk(rest, region);
    let number = E164::parse(&format!("+{}{trunk}", region.calling_code()))?;
    match renumbering::today(&number) {
        Some(today) => is_valid(&today).then_some(number),
        None => (trunk != rest && is_valid(&number)).then_some(number),
    }
}

/// `14102079460958`: a code of the region and a number of it, with nothing between them.
fn behind_code(digits: &str, region: Option<Region>) -> Option<(&'static str, E164)> {
    let region = region?;
    prefix_code::of_digits(region).iter().find_map(|code| {
        let number = national(digits.strip_prefix(code)?, false, region).filter(is_valid)?;
        Some((*code, number))
    })
}

/// `*97` as it stands; `*672125550133`, as one dials it in North America, as a code and a number.
fn code(typed: Typed, place: &Place) -> Number {
    let then = typed.then.clone();
    if place.region.is_some_and(|it| it.calling_code() == NORTH_AMERICA)
        && let Some((code, digits)) = prefix_code::of_star(&typed.digits)
    {
        let digits = digits.to_owned();
        let code = code.to_owned();
        let number = here(Typed { digits, code: false, groups: Vec::new(), ..typed }, place);
        return Number { prefix: code, ..number };
    }
    let digits = typed.digits.clone();
    typed.number(Kind::Code(digits), then)
}

impl Typed {
    fn number(self, kind: Kind, then: super::Then) -> Number {
        Number { prefix: self.prefix, kind, then, text: self.text, machine: self.machine }
    }
}

/// With a `+`: a number of the country that it names, whether or not the plan has such a number. Plans
/// change more often than programs.
fn with_plus(typed: &Typed) -> Result<E164, NotDialable> {
    let digits = typed.digits.as_str();
    let number = abroad(digits, typed.bracketed_zero);
    number.ok_or(match digits.len() > E164::LEN_MAX {
        true => NotDialable::TooLong(digits.len()),
        false => NotDialable::TooShort,
    })
}

/// A number that begins with its calling code. A zero that is only dialled within the country is left out,
/// but kept where it is part of the number, as in Italy.
pub(super) fn abroad(digits: &str, bracketed_zero: Option<usize>) -> Option<E164> {
    if let Some(number) = E164::parse(&format!("+{digits}"))
        && number.is_plain()
    {
        return Some(number);
    }
    if let Some(number) = former_trunk_abroad(digits) {
        return Some(number);
    }
    let read = |digits: &str| PLANS.parse(format!("+{digits}"), None).ok();
    let parsed = read(digits);
    if let Some(number) = parsed.as_ref().filter(|it| PLANS.is_valid_number(it)) {
        return e164(number);
    }
    let code = calling_code_len(digits);
    let zero = bracketed_zero.or(code.filter(|at| digits[*at..].starts_with('0')));
    if let Some(at) = zero.filter(|at| digits.get(*at..).is_some_and(|it| it.starts_with('0'))) {
        let without = format!("{}{}", &digits[..at], &digits[at + 1..]);
        if let Some(number) = read(&without).filter(|it| PLANS.is_valid_number(it)) {
            return e164(&number);
        }
        if parsed.is_none() && bracketed_zero.is_some() {
            return E164::parse(&format!("+{without}"));
        }
    }
    let written = parsed.and_then(|it| e164(&it));
    written.or_else(|| E164::parse(&format!("+{digits}")))
}

/// `+52 01 55 …`: what was once dialled in front of an area, behind the calling code.
fn former_trunk_abroad(digits: &str) -> Option<E164> {
    let at = calling_code_len(digits)?;
    let region = Region::parse(renumbering::region_of_trunk(digits[..at].parse().ok()?)?)?;
    let rest = &digits[at..];
    let without = renumbering::without_former_trunk(rest, region);
    let number = E164::parse(&format!("+{}{without}", &digits[..at]))?;
    (without != rest && is_valid(&number)).then_some(number)
}

/// With an international prefix: the one of the region (00, 011, …), or 00, which most people write
/// wherever they are, if a number of some country follows.
pub(super) fn with_prefix(typed: &Typed, region: Option<Region>) -> Option<E164> {
    let digits = typed.digits.as_str();
    let behind = |prefix: &str| {
        let rest = digits.strip_prefix(prefix).filter(|it| !it.starts_with('0'))?;
        abroad(rest, typed.bracketed_zero.and_then(|at| at.checked_sub(prefix.len())))
    };
    let read = region
        .and_then(|it| parse(digits, it))
        .filter(|it| it.country_code_source() == CountryCodeSource::FromNumberWithIdd);
    if let Some(number) = read.as_ref().filter(|it| PLANS.is_valid_number(it)) {
        return e164(number);
    }
    // The library knows nothing of brackets, and takes carriers' codes where there may be none (Brazil).
    let zeros = behind("00");
    if let Some(number) = zeros.filter(is_valid) {
        return Some(number);
    }
    let number = read?;
    let own = region.and_then(Region::international_prefix).and_then(behind);
    own.or_else(|| e164(&number))
}

/// Without a country: a number of the region, if it can be nothing else.
///
/// Where there is a trunk prefix and it is missing, what was typed may be the number within a town, which
/// would make another number with another area in front. Then only numbers that have no area are taken, and
/// those whose area stands in brackets.
pub(super) fn national(digits: &str, area: bool, region: Region) -> Option<E164> {
    let number = parse(digits, region)?;
    let valid = PLANS.is_valid_number(&number);
    let length = PLANS.is_possible_number_with_reason(&number);
    let possible = length.as_ref().is_ok_and(|it| *it == NumberLengthType::IsPossible);
    let trunk = region.trunk_prefix();
    let taken = match number.country_code_source() {
        CountryCodeSource::FromDefaultCountry if region.calling_code() == NORTH_AMERICA => {
            // No area there begins with a 0 or a 1.
            possible && e164(&number).is_some_and(|it| !it.national().starts_with(['0', '1']))
        }
        CountryCodeSource::FromDefaultCountry if trunk.is_empty() => valid,
        CountryCodeSource::FromDefaultCountry => {
            (possible && digits.starts_with(trunk))
                || (valid && (area || has_no_area(&number) || is_dialled_bare(&number, digits)))
        }
        // The calling code without its plus: nothing that is dialled there has so many digits.
        _ => valid || (possible && digits.len() >= ABROAD_MIN),
    };
    if taken {
        return e164(&number);
    }
    // So it is with the code of another country, if the number is too long for this one, or if it has the
    // own code and no trunk prefix, and more digits than any town.
    let own = digits.starts_with(&region.calling_code().to_string());
    let too_long = matches!(length, Err(ValidationError::TooLong));
    let long = digits.len() >= ABROAD_MIN && !digits.starts_with('0');
    let number =
        (long && (too_long || (own && !trunk.is_empty()))).then(|| abroad(digits, None))??;
    let fits = number.calling_code().is_some_and(|it| is_possible(it, number.national().len()));
    // With a trunk prefix behind the code it is more likely something else.
    let whole = number.digits() == digits;
    (whole && ((too_long && fits) || is_valid(&number))).then_some(number)
}

/// A number within the installation's own town.
pub(super) fn in_area(digits: &str, region: Region, area: &str) -> Option<E164> {
    // The numbers for social services are the same all over Europe, and have no area (Commission Decision
    // 2007/116/EC).
    let service = digits.len() == 6 && digits.starts_with("116");
    if digits.starts_with('0') || service {
        return None;
    }
    let number = parse(&format!("{}{area}{digits}", region.trunk_prefix()), region)?;
    let length = PLANS.is_possible_number_with_reason(&number);
    let fits = length.is_ok_and(|it| it == NumberLengthType::IsPossible)
        && number.country_code_source() == CountryCodeSource::FromDefaultCountry;
    if fits { e164(&number) } else { None }
}

/// There the trunk prefix may be left out, and a number with its area is known by its length.
pub(super) const NORTH_AMERICA: u16 = 1;

/// Nobody dials a part of a mobile number, nor of one that is free.
fn has_no_area(number: &PhoneNumber) -> bool {
    matches!(PLANS.get_number_type(number), PhoneNumberType::Mobile | PhoneNumberType::TollFree)
}

/// Whether the beginning of a number may be an area, or an operator's, that another number has, too.
pub(super) fn has_area(number: &E164) -> bool {
    let parsed = PLANS.parse(number.to_string(), None);
    let kind = parsed.map_or(PhoneNumberType::Unknown, |it| PLANS.get_number_type(&it));
    matches!(
        kind,
        PhoneNumberType::FixedLine
            | PhoneNumberType::Mobile
            | PhoneNumberType::FixedLineOrMobile
            | PhoneNumberType::Unknown
    )
}

/// Some services have no trunk prefix, though the country has one (1300 in Australia, 900 in the Emirates).
fn is_dialled_bare(number: &PhoneNumber, digits: &str) -> bool {
    let in_a_house = matches!(
        PLANS.get_number_type(number),
        PhoneNumberType::FixedLine | PhoneNumberType::FixedLineOrMobile | PhoneNumberType::Unknown
    );
    let text = PLANS.format(number, PhoneNumberFormat::National);
    !in_a_house && text.chars().filter(char::is_ascii_digit).eq(digits.chars())
}

/// Whether the digits of a number, written without a trunk prefix, may be those within a town, and more
/// would be needed to reach it from elsewhere.
pub(super) fn may_lack_area(number: &E164) -> bool {
    let len = number.national().len();
    let Some(parsed) = PLANS.parse(number.to_string(), None).ok() else { return true };
    if PLANS.is_valid_number(&parsed) && has_no_area(&parsed) {
        return false;
    }
    (len + 2..=len + 4).any(|longer| {
        let longer = PhoneNumber {
            country_code: parsed.country_code,
            national_number: 10_u64.pow(longer as u32 - 1),
            ..PhoneNumber::default()
        };
        PLANS.is_possible_number_for_type(&longer, PhoneNumberType::FixedLine)
    })
}

/// A number with letters. A company's word stands for a number that callers do not pay in full, or in
/// North America for any; what does not fit is somebody's remark.
fn spelled(word: &Spelled, typed: &Typed, region: Option<Region>) -> Option<Kind> {
    let Spelled { digits, before, after, loose, labelled, .. } = word;
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
    let here = |digits: &str| {
        let region = region?;
        parse(&renumbering::without_former_trunk(digits, region), region)
    };
    let anywhere = |digits: &str| PLANS.parse(format!("+{digits}"), None).ok();
    let number = if typed.plus {
        first(&anywhere, is_advertised)
            .or_else(|| E164::parse(&format!("+{digits}")).filter(|_| !loose))
    } else {
        // The whole world knows 1-800-FLOWERS. Some countries have 1800 for the same; of the others
        // none writes letters behind it.
        first(&here, is_free)
            .or_else(|| first(&anywhere, is_free).filter(|_| digits.starts_with("18")))
            .or_else(|| first(&here, is_advertised).filter(|_| !labelled))
    };
    if let Some(number) = number {
        return Some(Kind::International { number, typed: None });
    }
    let advertised = digits.get(..*before).is_some_and(|it| ADVERTISED.contains(&it));
    let whole = (advertised || (*before >= 4 && !loose && !labelled))
        && (9..=E164::LEN_MAX).contains(&digits.len());
    whole.then(|| Kind::Local(digits.clone()))
}

/// Behind these, letters are a part of the number everywhere.
pub(super) const ADVERTISED: &[&str] = &[
    "0800", "800", "1800", "1888", "1877", "1866", "1855", "1844", "1833", "1300", "0808", "1900",
    "0900",
];

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

pub(super) fn is_valid(number: &E164) -> bool {
    PLANS.parse(number.to_string(), None).is_ok_and(|it| PLANS.is_valid_number(&it))
}

/// Whether there is such a number, or was one before its country changed them.
pub(super) fn exists(number: &E164) -> bool {
    is_valid(number) || renumbering::today(number).is_some()
}

/// A number that the library calls valid may be longer than E.164 allows: Germany has such.
fn e164(number: &PhoneNumber) -> Option<E164> {
    let text = PLANS.format(number, PhoneNumberFormat::E164);
    E164::parse(&text).or_else(|| E164::parse_long(&text).filter(|_| PLANS.is_valid_number(number)))
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

/// Whether the number can be reached from other countries; some services (1300 in Australia, 0800 in Brazil)
/// cannot, and so not with their country's code either.
pub(super) fn is_reached_from_abroad(number: &E164) -> bool {
    let parsed = PLANS.parse(number.to_string(), None);
    parsed.is_ok_and(|it| !PLANS.is_valid_number(&it) || PLANS.can_be_internationally_dialled(&it))
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
