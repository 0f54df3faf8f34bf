//! The rules by which a number becomes what a phone dials, and the reasons for each part of it.

use std::borrow::Cow;

use crate::number::resolve::{dialled_at_home, is_reached_from_abroad};
use crate::number::step::{Step, Tail};
use crate::number::{
    DialSettings, DialString, E164, Field, Kind, National, NotDialable, Number, Pauses, Place,
    Plus, Region, RulesConflict, Then, renumbering,
};

/// How the phones of this installation dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialRules {
    pub(super) settings: DialSettings,
    place: Place,
    /// In force when the `+` is replaced.
    international_prefix: String,
}

/// What a phone dials for a number, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dial {
    /// `None` if it cannot be dialled; the last step says why.
    pub string: Option<DialString>,
    pub steps: Vec<Step>,
}

/// One number of a text, and what a phone dials for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialled {
    /// The part of the text that the number stands in; all of it, if there is only one.
    pub text: String,
    /// `None` if the text holds none.
    pub number: Option<Number>,
    pub dial: Dial,
}

impl Default for DialRules {
    /// A number is dialled with its `+`, everything else as it was typed.
    fn default() -> DialRules {
        let (settings, place) = (DialSettings::default(), Place::default());
        DialRules { settings, place, international_prefix: String::new() }
    }
}

impl DialRules {
    /// # Errors
    /// When the settings contradict each other.
    pub fn new(settings: DialSettings) -> Result<DialRules, RulesConflict> {
        if settings.plus == Plus::Keep && !settings.outside_prefix.is_empty() {
            return Err(RulesConflict::OutsideBeforePlus);
        }
        if settings.national != National::International && settings.region.is_none() {
            return Err(RulesConflict::NoRegion);
        }
        if settings.area.is_some() && settings.region.is_none() {
            return Err(RulesConflict::AreaWithoutRegion);
        }
        let of_region = || settings.region.and_then(Region::international_prefix);
        let prefix = settings.international_prefix.as_deref().or_else(of_region);
        if settings.plus == Plus::Prefix && prefix.is_none() {
            return Err(RulesConflict::NoInternationalPrefix(settings.region));
        }
        let international_prefix = prefix.unwrap_or_default().to_owned();
        let place = Place {
            region: settings.region,
            area: settings.area.clone(),
            outside: settings.outside_prefix.clone(),
        };
        Ok(DialRules { settings, place, international_prefix })
    }

    /// The country that the phones are in.
    pub fn region(&self) -> Option<Region> {
        self.settings.region
    }

    /// What is dialled for an outside line; may be empty.
    pub fn outside_prefix(&self) -> &str {
        &self.settings.outside_prefix
    }

    /// Whether digits of no country are so few that they are dialled as they are.
    pub fn is_extension(&self, digits: &str) -> bool {
        digits.len() <= self.settings.extension_digits && !self.settings.outside_numbers.has(digits)
    }

    /// Reads a text as one that was typed where the phones are.
    ///
    /// # Errors
    /// Says why there is no number in it.
    pub fn read<'a>(&self, field: impl Into<Field<'a>>) -> Result<Vec<Number>, NotDialable> {
        self.place.read(field.into())
    }

    /// What a phone dials for each number of a text; if there is none, one entry says why.
    pub fn dial_all<'a>(&self, field: impl Into<Field<'a>>) -> Vec<Dialled> {
        let field = field.into();
        match self.read(field) {
            Ok(numbers) => {
                let dialled = |number: Number| {
                    let dial = self.dial(&number);
                    Dialled { text: number.text.clone(), number: Some(number), dial }
                };
                numbers.into_iter().map(dialled).collect()
            }
            Err(why) => {
                let dial = Dial::refused(Vec::new(), Step::NotDialable(why));
                vec![Dialled { text: field.value.to_owned(), number: None, dial }]
            }
        }
    }

    pub fn dial(&self, number: &Number) -> Dial {
        let mut steps = Vec::new();
        if !number.prefix.is_empty() {
            steps.push(Step::Prefix(number.prefix.clone()));
        }
        let main = match &*self.kind(number) {
            Kind::International { number: it, .. } => {
                // Behind a code of digits there is no plus.
                let bare = number.prefix.ends_with(|c: char| c.is_ascii_digit());
                self.international(it, bare && self.settings.plus == Plus::Keep, &mut steps)
            }
            Kind::Local(digits) | Kind::Code(digits) => self.local(digits, &mut steps),
        };
        let main = match DialString::parse(&format!("{}{main}", number.prefix)) {
            Ok(main) => main,
            Err(why) => return Dial::refused(steps, Step::Refused(why)),
        };
        let string = self.and_then(main, &number.then, &mut steps);
        Dial { string: Some(string), steps }
    }

    /// Few digits are an extension, even if they may be a number of the country, too.
    pub(super) fn kind<'a>(&self, number: &'a Number) -> Cow<'a, Kind> {
        match &number.kind {
            Kind::International { typed: Some(digits), .. }
                if digits.len() <= self.settings.extension_digits =>
            {
                Cow::Owned(Kind::Local(digits.clone()))
            }
            kind => Cow::Borrowed(kind),
        }
    }

    /// With `bare`, in digits alone, whatever is done with a `+` otherwise.
    fn international(&self, number: &E164, bare: bool, steps: &mut Vec<Step>) -> String {
        steps.push(Step::Read(number.clone()));
        let today = renumbering::today(number);
        steps.extend(today.clone().map(Step::Renumbered));
        let number = today.as_ref().unwrap_or(number);
        if let Some(extension) = self.settings.own_numbers.extension_of(number) {
            steps.push(Step::OwnNumber(extension.clone()));
            return extension;
        }
        let code = number.calling_code();
        let own = self.settings.region.filter(|it| Some(it.calling_code()) == code);
        let national = if bare { National::Trunk } else { self.settings.national };
        let digits = match (own, national) {
            (Some(region), National::Trunk) => {
                let digits = dialled_at_home(number, region);
                steps.push(match digits.strip_suffix(number.national()) {
                    Some(trunk) => {
                        Step::OwnCountry { code: region.calling_code(), trunk: trunk.to_owned() }
                    }
                    None => Step::AtHome(digits.clone()),
                });
                digits
            }
            (Some(region), National::Bare) => {
                let (code, trunk) = (region.calling_code(), String::new());
                steps.push(Step::OwnCountry { code, trunk });
                number.national().to_owned()
            }
            (Some(region), National::International) if !is_reached_from_abroad(number) => {
                let digits = dialled_at_home(number, region);
                steps.push(Step::OnlyAtHome(digits.clone()));
                digits
            }
            _ => {
                let plus = if bare { Plus::Prefix } else { self.settings.plus };
                self.abroad(number, plus, own.is_some(), steps)
            }
        };
        self.outside(digits, steps)
    }

    fn abroad(&self, number: &E164, plus: Plus, own: bool, steps: &mut Vec<Step>) -> String {
        match plus {
            Plus::Keep => {
                steps.push(Step::PlusKept);
                number.to_string()
            }
            Plus::Prefix => {
                let prefix = self.international_prefix.clone();
                // Without a region every country is as foreign as the other.
                let own = own || self.settings.region.is_none();
                let digits = format!("{prefix}{}", number.digits());
                steps.push(Step::PlusReplaced { prefix, own });
                digits
            }
            Plus::Drop => {
                steps.push(Step::PlusDropped);
                number.digits().to_owned()
            }
        }
    }

    fn local(&self, digits: &str, steps: &mut Vec<Step>) -> String {
        if self.settings.outside_numbers.has(digits) {
            steps.push(Step::OutsideService(digits.to_owned()));
            return self.outside(digits.to_owned(), steps);
        } else if digits.contains(['*', '#']) {
            steps.push(Step::Code(digits.to_owned()));
        } else if digits.len() <= self.settings.extension_digits {
            steps.push(Step::Extension(digits.len()));
        } else {
            steps.push(Step::AsTyped(digits.to_owned()));
            return self.outside(digits.to_owned(), steps);
        }
        digits.to_owned()
    }

    fn outside(&self, digits: String, steps: &mut Vec<Step>) -> String {
        let prefix = &self.settings.outside_prefix;
        if prefix.is_empty() {
            return digits;
        }
        steps.push(Step::Outside(prefix.clone()));
        format!("{prefix}{digits}")
    }

    /// Adds what is dialled after the answer, if it is wanted and there is room.
    fn and_then(&self, main: DialString, then: &Then, steps: &mut Vec<Step>) -> DialString {
        if *then == Then::default() {
            return main;
        }
        let tail = match &then.extension {
            Some(extension) => format!(",{extension}{}", then.tones),
            None => then.tones.clone(),
        };
        let named = || Tail::of(then);
        if self.settings.pauses == Pauses::Cut {
            steps.push(Step::TailCut(named()));
            return main;
        }
        match DialString::parse(&format!("{main}{tail}")) {
            Ok(string) => {
                steps.push(Step::TailDialled(named()));
                string
            }
            // The call goes through without it, and a part of a code is worse than none.
            Err(_) => {
                steps.push(Step::TailTooLong(named()));
                main
            }
        }
    }
}

impl Dial {
    fn refused(mut steps: Vec<Step>, why: Step) -> Dial {
        steps.push(why);
        Dial { string: None, steps }
    }

    /// What is in the way, if it cannot be dialled.
    pub fn refusal(&self) -> Option<&Step> {
        if self.string.is_none() { self.steps.last() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn germany() -> DialSettings {
        DialSettings {
            region: Region::parse("DE"),
            plus: Plus::Prefix,
            national: National::Trunk,
            outside_prefix: "0".to_owned(),
            ..DialSettings::default()
        }
    }

    fn of(region: &str, plus: Plus, national: National) -> DialSettings {
        DialSettings { region: Region::parse(region), plus, national, ..DialSettings::default() }
    }

    fn dial(settings: DialSettings, value: &str) -> String {
        let rules = DialRules::new(settings).unwrap();
        let dials = rules.dial_all(value);
        let string =
            |it: Dialled| it.dial.string.map_or_else(|| "-".to_owned(), |it| it.to_string());
        dials.into_iter().map(string).collect::<Vec<_>>().join(" + ")
    }

    #[track_caller]
    fn explained(settings: DialSettings, value: &str, wanted: &Expect) {
        let rules = DialRules::new(settings).unwrap();
        let Dialled { dial, .. } = rules.dial_all(value).remove(0);
        let mut text = dial.string.map(|it| it.to_string()).unwrap_or_else(|| "-".to_owned());
        for step in dial.steps {
            text.push_str(&format!("\n{step}"));
        }
        wanted.assert_eq(&text);
    }

    #[test]
    fn unless_told_otherwise_a_phone_dials_the_number_with_its_plus() {
        for (value, wanted) in [
            ("+44 (0)20 7946 0958", "+442079460958"),
            ("+44 20 7946 0958 x12", "+442079460958,12"),
            ("+44 20 7946 0958 x12,,3#", "+442079460958,12,,3#"),
            ("030 1234567", "0301234567"),
            ("101", "101"),
            ("*97", "*97"),
            ("1-800-FLOWERS", "+18003569377"),
            ("call me", "-"),
        ] {
            assert_eq!(dial(DialSettings::default(), value), wanted, "{value}");
        }
    }

    #[test]
    fn a_pbx_gets_its_prefixes_and_the_phones_beside_it_do_not() {
        for (value, wanted) in [
            ("+44 20 7946 0958", "000442079460958"),
            ("+49 30 1234567", "00301234567"),
            ("030 1234567", "00301234567"),
            ("7654321", "07654321"),
            ("101", "101"),
            ("12345", "12345"),
            ("123456", "0123456"),
            ("112", "112"),
            ("*97", "*97"),
            ("#31#0171 1234567", "#31#001711234567"),
        ] {
            assert_eq!(dial(germany(), value), wanted, "{value}");
        }
    }

    #[test]
    fn numbers_of_the_own_country_are_dialled_as_one_dials_there() {
        for (region, value, trunk, bare) in [
            ("DE", "+49 30 1234567", "0301234567", "301234567"),
            ("US", "+1 801 520 4769", "18015204769", "8015204769"),
            ("CA", "+1 801 520 4769", "18015204769", "8015204769"),
            ("IT", "+39 06 12345678", "0612345678", "0612345678"),
            ("HU", "+36 1 234 5678", "0612345678", "12345678"),
            ("RU", "+7 912 345 67 89", "89123456789", "9123456789"),
            ("KZ", "+7 912 345 67 89", "89123456789", "9123456789"),
            ("DK", "+45 32 12 34 56", "32123456", "32123456"),
            ("AR", "+54 11 2345-6789", "01123456789", "1123456789"),
            ("AR", "+54 9 11 2345-6789", "0111523456789", "91123456789"),
            ("AU", "+61 2 9374 4000", "0293744000", "293744000"),
            ("AU", "+61 1800 123 456", "1800123456", "1800123456"),
            ("CN", "+86 138 1234 5678", "13812345678", "13812345678"),
            ("DE", "+49 12345678901", "012345678901", "12345678901"),
            ("GB", "+49 30 1234567", "0049301234567", "0049301234567"),
            ("RU", "+49 30 1234567", "81049301234567", "81049301234567"),
        ] {
            let by = |national| dial(of(region, Plus::Prefix, national), value);
            assert_eq!(by(National::Trunk), trunk, "{region} {value}");
            assert_eq!(by(National::Bare), bare, "{region} {value}");
        }
    }

    #[test]
    fn former_numbers_are_dialled_as_those_that_they_became() {
        for (region, typed, dialled) in [
            ("MX", "+52 1 55 1234 5678", "5512345678"),
            ("MX", "5215512345678", "5512345678"),
            ("MX", "52 1 55 1234 5678", "5512345678"),
            ("MX", "+52 01 55 5208 1234", "5552081234"),
            ("MX", "+52 044 55 1234 5678", "5512345678"),
            ("MX", "52 01 55 5208 1234", "5552081234"),
            ("MX", "+52 55 1234 5678", "5512345678"),
            ("US", "+52 1 55 1234 5678", "+525512345678"),
            ("US", "+52 01 55 5208 1234", "+525552081234"),
            ("DE", "+229 97123456", "+2290197123456"),
            ("DE", "+57 1 2345678", "+576012345678"),
            ("VN", "84 162 123 4567", "0321234567"),
        ] {
            let region = Region::parse(region);
            let national = National::Trunk;
            let settings = DialSettings { region, national, ..DialSettings::default() };
            let dial =
                DialRules::new(settings).unwrap().dial_all(Field::from(typed)).remove(0).dial;
            let string = dial.string.as_ref().map(DialString::as_str);
            assert_eq!(string, Some(dialled), "{typed} in {region:?}");
        }
    }

    #[test]
    fn behind_a_code_of_digits_there_is_no_plus() {
        for (region, typed, dialled) in [
            ("GB", "141 020 7946 0958", "14102079460958"),
            ("GB", "14102079460958", "14102079460958"),
            ("FR", "3651 01 40 00 11 22", "36510140001122"),
            ("FR", "3651 0043 660 1234567", "365100436601234567"),
            ("ES", "067912345678", "067912345678"),
            ("GB", "*31#020 7946 0958", "*31#+442079460958"),
        ] {
            let region = Region::parse(region);
            let rules = DialRules::new(DialSettings { region, ..DialSettings::default() }).unwrap();
            let dial = rules.dial_all(Field::from(typed)).remove(0).dial;
            let string = dial.string.as_ref().map(DialString::as_str);
            assert_eq!(string, Some(dialled), "{typed} in {region:?}");
        }
    }

    #[test]
    fn the_plus_can_be_dropped_or_replaced_by_any_prefix() {
        let settings = of("US", Plus::Drop, National::International);
        assert_eq!(dial(settings, "+49 30 1234567"), "49301234567");
        let settings = of("US", Plus::Prefix, National::International);
        assert_eq!(dial(settings.clone(), "+49 30 1234567"), "01149301234567");
        assert_eq!(dial(settings.clone(), "(801) 520-4769"), "01118015204769");
        let settings =
            DialSettings { international_prefix: Some("1010288011".to_owned()), ..settings };
        assert_eq!(dial(settings, "+49 30 1234567"), "101028801149301234567");
    }

    #[test]
    fn a_short_number_is_an_extension_even_if_google_made_more_of_it() {
        let rules = DialRules::new(germany()).unwrap();
        let string = |value, canonical| {
            let field = Field { value, canonical: Some(canonical) };
            rules.dial_all(field)[0].dial.string.as_ref().unwrap().to_string()
        };
        assert_eq!(string("12 34", "+491234"), "1234");
        assert_eq!(string("123456", "+49123456"), "0123456", "it may be of any town");
        assert_eq!(string("1-800-FLOWERS", "+18003569377"), "00018003569377");
    }

    #[test]
    fn each_step_is_explained() {
        explained(
            germany(),
            "+44 (0)20 7946 0958 ext 12",
            &expect![[r#"
            000442079460958,12
            read as +44 20 7946 0958, a number of GB
            another country: `+` becomes `00`
            outside line: `0` in front
            extension 12 is dialled after a pause"#]],
        );
        explained(
            germany(),
            "0171 1234567,,99#",
            &expect![[r#"
            001711234567,,99#
            read as +49 171 1234567, a number of DE
            own country: `+49` becomes `0`
            outside line: `0` in front
            `,,99#` is dialled after a pause"#]],
        );
        explained(
            germany(),
            "101",
            &expect![[r#"
            101
            3 digits: an extension, dialled as it is"#]],
        );
        explained(
            germany(),
            "*97",
            &expect![[r#"
            *97
            `*97` is a code, dialled as it is"#]],
        );
        explained(
            germany(),
            "7654321",
            &expect![[r#"
            07654321
            read as 7654321; its country is not known, so it is dialled as typed
            outside line: `0` in front"#]],
        );
        explained(
            DialSettings::default(),
            "+999 123456",
            &expect![[r#"
            +999123456
            read as +999123456, with a country code that nobody has
            the `+` stays in front"#]],
        );
        explained(
            DialSettings::default(),
            "call me",
            &expect![[r#"
            -
            cannot be dialled: it has no digit"#]],
        );
    }

    #[test]
    fn what_follows_the_number_is_cut_when_it_is_not_wanted_or_does_not_fit() {
        let settings = DialSettings { pauses: Pauses::Cut, ..germany() };
        explained(
            settings,
            "+44 20 7946 0958 x12,3",
            &expect![[r#"
            000442079460958
            read as +44 20 7946 0958, a number of GB
            another country: `+` becomes `00`
            outside line: `0` in front
            extension 12 and `,3` is left out"#]],
        );
        explained(
            germany(),
            "+44 20 7946 0958,,123456789012345#",
            &expect![[r#"
            000442079460958
            read as +44 20 7946 0958, a number of GB
            another country: `+` becomes `00`
            outside line: `0` in front
            `,,123456789012345#` is left out: there is no room for it on a phone"#]],
        );
        explained(
            germany(),
            &"7".repeat(32),
            &expect![[r#"
            -
            read as 77777777777777777777777777777777; its country is not known, so it is dialled as typed
            outside line: `0` in front
            cannot be dialled: it is 33 characters long, and a phone takes 32"#]],
        );
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        let outside = DialSettings { outside_prefix: "9".to_owned(), ..DialSettings::default() };
        assert_eq!(DialRules::new(outside), Err(RulesConflict::OutsideBeforePlus));
        let prefix = DialSettings { plus: Plus::Prefix, ..DialSettings::default() };
        assert_eq!(DialRules::new(prefix), Err(RulesConflict::NoInternationalPrefix(None)));
        let brazil = of("BR", Plus::Prefix, National::International);
        let conflict = RulesConflict::NoInternationalPrefix(Region::parse("BR"));
        assert_eq!(DialRules::new(brazil), Err(conflict));
        let bare = DialSettings { national: National::Bare, ..DialSettings::default() };
        assert_eq!(DialRules::new(bare), Err(RulesConflict::NoRegion));
    }
}
