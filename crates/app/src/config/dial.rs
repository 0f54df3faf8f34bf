//! The settings of the dial rules, and which of them contradict each other.

use super::Reader;
use ringbook_core::number::{
    DialRules, DialSettings, National, OutsideNumbers, OwnNumbers, Pauses, Plus, Region,
    RulesConflict,
};

pub(super) fn rules(read: &mut Reader) -> DialRules {
    let known = read.errors.len();
    let region = read.value("DIAL_REGION", Region::parse);
    let settings = DialSettings {
        region,
        plus: read.value("DIAL_PLUS", plus).unwrap_or(Plus::Keep),
        international_prefix: read.value("DIAL_INTERNATIONAL_PREFIX", digits),
        national: read.value("DIAL_NATIONAL", national).unwrap_or(National::International),
        outside_prefix: read.value("DIAL_OUTSIDE_PREFIX", prefix).unwrap_or_default(),
        extension_digits: read.whole("DIAL_EXTENSION_DIGITS"),
        pauses: read.value("DIAL_PAUSES", pauses).unwrap_or(Pauses::Keep),
        area: read.value("DIAL_AREA", |raw| area(raw, region)),
        own_numbers: read.value("DIAL_OWN_NUMBERS", OwnNumbers::parse).unwrap_or_default(),
        outside_numbers: read
            .value("DIAL_OUTSIDE_NUMBERS", OutsideNumbers::parse)
            .unwrap_or_default(),
    };
    if settings.international_prefix.is_none()
        && let Some(prefix) = region.and_then(Region::international_prefix)
    {
        read.computed.insert("DIAL_INTERNATIONAL_PREFIX", prefix.to_owned());
    }
    match DialRules::new(settings) {
        Ok(rules) => rules,
        Err(conflict) => {
            // What could not be read is told already, and may well be why the rest does not fit.
            if read.errors.len() == known {
                refuse(read, conflict);
            }
            DialRules::default()
        }
    }
}

/// Names one setting, the way out, and the others that are part of it.
fn refuse(read: &mut Reader, conflict: RulesConflict) {
    let (key, wanted) = match conflict {
        RulesConflict::OutsideBeforePlus => (
            "DIAL_OUTSIDE_PREFIX",
            "nothing while DIAL_PLUS is keep, because a `+` can only stand in front; \
             set DIAL_PLUS to prefix or drop"
                .to_owned(),
        ),
        RulesConflict::NoInternationalPrefix(None) => (
            "DIAL_PLUS",
            "keep or drop, or set DIAL_INTERNATIONAL_PREFIX, or DIAL_REGION to know it by"
                .to_owned(),
        ),
        RulesConflict::NoInternationalPrefix(Some(region)) => (
            "DIAL_PLUS",
            format!("keep or drop, or set DIAL_INTERNATIONAL_PREFIX: {region} has more than one"),
        ),
        RulesConflict::AreaWithoutRegion => (
            "DIAL_AREA",
            "nothing, or set DIAL_REGION to the country that the area is in".to_owned(),
        ),
        RulesConflict::NoRegion => (
            "DIAL_NATIONAL",
            "international, or set DIAL_REGION to the country that the phones are in".to_owned(),
        ),
    };
    if let Some((setting, text)) = read.raw(key) {
        read.refuse(setting, &text, &wanted);
    }
}

fn plus(raw: &str) -> Option<Plus> {
    match raw {
        "keep" => Some(Plus::Keep),
        "prefix" => Some(Plus::Prefix),
        "drop" => Some(Plus::Drop),
        _ => None,
    }
}

fn national(raw: &str) -> Option<National> {
    match raw {
        "international" => Some(National::International),
        "national" => Some(National::Trunk),
        "bare" => Some(National::Bare),
        _ => None,
    }
}

fn pauses(raw: &str) -> Option<Pauses> {
    match raw {
        "keep" => Some(Pauses::Keep),
        "cut" => Some(Pauses::Cut),
        _ => None,
    }
}

/// The longest prefix that is taken, in characters. Carriers have prefixes of seven digits.
pub(super) const PREFIX_MAX: usize = 10;

fn digits(raw: &str) -> Option<String> {
    let legal = raw.len() <= PREFIX_MAX && raw.bytes().all(|b| b.is_ascii_digit());
    legal.then(|| raw.to_owned())
}

/// Digits of an area code, with the trunk prefix of its country or without.
fn area(raw: &str, region: Option<Region>) -> Option<String> {
    let digits = digits(raw)?;
    let trunk = region.map_or("", Region::trunk_prefix);
    let bare = digits.strip_prefix(trunk).unwrap_or(&digits);
    (!bare.is_empty()).then(|| bare.to_owned())
}

/// Digits, and where a PBX wants them `*`, `#` and a pause behind.
fn prefix(raw: &str) -> Option<String> {
    let legal = |c: char| c.is_ascii_digit() || matches!(c, '*' | '#' | ',');
    let good = raw.len() <= PREFIX_MAX && raw.chars().all(legal) && !raw.starts_with(',');
    good.then(|| raw.to_owned())
}
