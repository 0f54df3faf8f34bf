//! Which of the digits of a text are the number, where more stand beside it than a number has.
//!
//! Most digits that are no part of a number are known by the words and marks around them. The others are only
//! known by the plan of the region: all digits together are no number, and those between two blanks are one.

use crate::number::resolve::{
    NORTH_AMERICA, abroad, exists, in_area, is_of, is_valid, national, with_prefix,
};
use crate::number::typed::{DIGITS_WHOLE, Typed};
use crate::number::{E164, Place, Region, prefix_code, region::calling_code_len, renumbering};

/// So many digits at most tell where a range of numbers ends.
const RANGE_MAX: usize = 4;
/// More digits behind a number are no remark.
const REMARK_MAX: usize = 7;
/// More digits in front of a number are no label: a postal code of the United States has nine.
const LABEL_MAX: usize = 9;
/// Digits that a number of North America ends with.
const LAST_GROUP: usize = 4;
/// Digits of a number within its country behind which four or five may be a postal code; fewer where the last
/// of them stand together.
const IN_FRONT_OF_TOWN_MIN: usize = 9;
const TOGETHER_IN_FRONT_OF_TOWN_MIN: usize = 6;

/// Without the digits that are no part of the number.
pub(super) fn cut(typed: Typed, place: &Place) -> Typed {
    let shorter = match typed.plus && !typed.digits.starts_with('0') {
        true => cut_abroad(&typed, place),
        false => cut_here(&typed, place),
    };
    shorter.map_or(typed, |it| cut(it, place))
}

/// Plans change more often than programs, so what has a plus and a possible length is a number.
fn cut_abroad(typed: &Typed, place: &Place) -> Option<Typed> {
    let plain = |it: &Typed| it.e164().is_some_and(|it| it.is_plain());
    let is_number = |it: &Typed| it.abroad().is_some_and(|it| exists(&it));
    let is_whole = |it: &Typed| plain(it) || is_number(it);
    without_range(typed, |it| plain(it) || it.e164().is_some_and(|it| is_valid(&it)), place)
        .or_else(|| without_town(typed, Typed::abroad))
        .or_else(|| without_remark(typed, is_whole, is_number))
}

/// A number of the region with a remark behind it often begins as another country's number does, which is only
/// believed if its code stands alone.
fn cut_here(typed: &Typed, place: &Place) -> Option<Typed> {
    let is_number = |it: &Typed| is_dialled(it, place);
    without_range(typed, is_number, place)
        .or_else(|| without_town(typed, |it| it.read_here(place.region)))
        .or_else(|| without_remark(typed, |it| is_number(it) || it.begins_abroad(place), is_number))
        .or_else(|| without_label(typed, is_number))
}

/// `212 555 0133-35`, where a number with the last digits would be too long: they are other endings of it, or in
/// China an extension.
fn without_range(
    typed: &Typed,
    is_number: impl Fn(&Typed) -> bool,
    place: &Place,
) -> Option<Typed> {
    let [.., before, last] = typed.groups.as_slice() else { return None };
    if !typed.dashed || last > before || *last > RANGE_MAX || is_number(typed) {
        return None;
    }
    let at = typed.digits.len().checked_sub(*last)?;
    let mut shorter = typed.part(0, at).filter(is_number)?;
    if place.region.is_some_and(|it| it.code() == "CN") && typed.then.extension.is_none() {
        shorter.then.extension = typed.digits.get(at..).map(str::to_owned);
    }
    Some(shorter)
}

/// `0221 7654321 50667 Köln`, where the plan has numbers of any length.
fn without_town(typed: &Typed, read: impl Fn(&Typed) -> Option<E164>) -> Option<Typed> {
    let shorter = typed.part(0, typed.town?)?;
    let number = read(&shorter).filter(is_valid)?;
    let together = shorter.groups.last().is_some_and(|it| *it >= TOGETHER_IN_FRONT_OF_TOWN_MIN);
    let long = number.national().len() >= IN_FRONT_OF_TOWN_MIN || together;
    long.then_some(shorter)
}

/// `212-555-0100 9-5`: digits behind a blank, with which there is no such number. The longest number counts.
fn without_remark(
    typed: &Typed,
    is_whole: impl Fn(&Typed) -> bool,
    is_number: impl Fn(&Typed) -> bool,
) -> Option<Typed> {
    if typed.blanks.is_empty() || is_whole(typed) {
        return None;
    }
    typed.ends().filter_map(|at| typed.part(0, at)).find(is_number)
}

/// `Room 12 212-555-0100`: digits behind a word, with which there is no such number in any country.
fn without_label(typed: &Typed, is_number: impl Fn(&Typed) -> bool) -> Option<Typed> {
    let is_whole = || is_number(typed) || typed.abroad().is_some_and(|it| exists(&it));
    if !typed.labelled || typed.blanks.is_empty() || is_whole() {
        return None;
    }
    let begins = typed.blanks.iter().filter(|at| **at <= LABEL_MAX);
    let ends = || std::iter::once(typed.digits.len()).chain(typed.ends());
    let mut parts = begins.flat_map(|from| ends().filter_map(|to| typed.part(*from, to)));
    parts.find(is_number)
}

/// Whether a call from here would reach a number: one of the region or of its own town, or one behind an
/// international prefix.
fn is_dialled(typed: &Typed, place: &Place) -> bool {
    let own = typed.digits.strip_prefix(place.outside_line());
    let outside = own.filter(|_| !place.outside_line().is_empty());
    let without =
        outside.and_then(|it| typed.part(typed.digits.len() - it.len(), typed.digits.len()));
    is_dialled_inside(typed, place) || without.is_some_and(|it| is_dialled_inside(&it, place))
}

fn is_dialled_inside(typed: &Typed, place: &Place) -> bool {
    let number = || with_prefix(typed, place.region).or_else(|| typed.behind_bare_code());
    if place.region.is_some_and(|it| is_of_region(typed, it, place)) {
        return true;
    }
    number().is_some_and(|it| exists(&it))
}

fn is_of_region(typed: &Typed, region: Region, place: &Place) -> bool {
    let in_area = |area: &str| in_area(&typed.digits, region, area).is_some_and(|it| is_valid(&it));
    let behind_code =
        || prefix_code::apart(typed, Some(region)).is_some_and(|(_, it)| is_of(region, &it, false));
    is_of(region, &typed.digits, typed.area)
        || place.area.as_deref().is_some_and(in_area)
        || behind_code()
        || typed.of_former_plan(region)
}

impl Typed {
    /// The digits between two places, if they may be a whole number.
    fn part(&self, from: usize, to: usize) -> Option<Typed> {
        let digits = self.digits.get(from..to).filter(|it| it.len() >= DIGITS_WHOLE)?.to_owned();
        let mut at = 0;
        let mut groups = self.groups.clone();
        groups.retain(|len| {
            at += len;
            at > from && at <= to
        });
        let inside = |it: &usize| (from + 1..to).contains(it);
        Some(Typed {
            digits,
            groups,
            blanks: self.blanks.iter().copied().filter(inside).map(|it| it - from).collect(),
            bracketed_zero: self.bracketed_zero.filter(inside).map(|it| it - from),
            area: self.area && from == 0,
            dashed: self.dashed && to == self.digits.len(),
            town: None,
            ..self.clone()
        })
    }

    /// Where a remark may begin, the last first.
    fn ends(&self) -> impl Iterator<Item = usize> {
        let len = self.digits.len();
        self.blanks.iter().rev().copied().filter(move |at| len - at <= REMARK_MAX)
    }

    fn e164(&self) -> Option<E164> {
        E164::parse(&format!("+{}", self.digits))
    }

    fn abroad(&self) -> Option<E164> {
        abroad(&self.digits, self.bracketed_zero)
    }

    /// `234 800 1236 7678`: a calling code without its plus in North America, where numbers end with a group of
    /// four, and what follows is no short remark. Elsewhere the groups tell nothing.
    fn begins_abroad(&self, place: &Place) -> bool {
        let code = calling_code_len(&self.digits).filter(|it| self.blanks.first() == Some(it));
        let north = place.region.is_some_and(|it| it.calling_code() == NORTH_AMERICA);
        let short = |at: &usize| self.digits.len() - at < LAST_GROUP;
        let in_four = |at| {
            let groups = self.part(0, at).map(|it| it.groups).unwrap_or_default();
            groups.last().is_some_and(|it| *it >= LAST_GROUP)
        };
        let written = self.ends().filter(short).any(in_four);
        north && code.is_some() && !written && self.abroad().is_some_and(|it| exists(&it))
    }

    /// `49 (0)221 …`
    fn behind_bare_code(&self) -> Option<E164> {
        let zero = self.bracketed_zero.filter(|at| calling_code_len(&self.digits) == Some(*at));
        abroad(&self.digits, Some(zero?))
    }

    fn of_former_plan(&self, region: Region) -> bool {
        let code = region.calling_code().to_string();
        let own = self.digits.strip_prefix(&code);
        own.and_then(|_| self.e164()).is_some_and(|it| renumbering::today(&it).is_some())
    }

    /// With an international prefix, or as a number of the region.
    fn read_here(&self, region: Option<Region>) -> Option<E164> {
        let digits = region.map(|it| renumbering::without_former_trunk(&self.digits, it));
        let own = || national(&digits?, self.area, region?);
        with_prefix(self, region).or_else(own)
    }
}
