//! Countries and how one dials there: calling code, international prefix, trunk prefix.
//!
//! This is the small part of libphonenumber's metadata that is needed all the time. The whole of it
//! takes megabytes once it is unpacked, and most numbers can be dialled without it. A test compares
//! the two.

use std::fmt;

/// A country or territory that has a numbering plan, by its two letters of ISO 3166-1.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Region(&'static str);

impl Region {
    /// Two letters in any case; `None` for those that libphonenumber does not know.
    pub fn parse(raw: &str) -> Option<Region> {
        let code = raw.to_ascii_uppercase();
        let at = PLANS.binary_search_by(|plan| plan.0.cmp(&code)).ok()?;
        Some(Region(PLANS[at].0))
    }

    /// Two capital letters.
    pub fn code(self) -> &'static str {
        self.0
    }

    /// What follows the `+`: 49 in Germany. Several regions can share one, and with it the way to dial.
    pub fn calling_code(self) -> u16 {
        self.plan().map_or(0, |plan| plan.1)
    }

    /// What is dialled there instead of a `+`. `None` where the caller chooses among several.
    pub fn international_prefix(self) -> Option<&'static str> {
        self.plan().map(|plan| plan.2).filter(|prefix| !prefix.is_empty())
    }

    /// What is dialled there before an area code. Empty in countries without such a thing.
    pub fn trunk_prefix(self) -> &'static str {
        self.plan().map_or("", |plan| plan.3)
    }

    fn plan(self) -> Option<&'static Plan> {
        PLANS.binary_search_by(|plan| plan.0.cmp(self.0)).ok().map(|at| &PLANS[at])
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// How many of these digits are the calling code (ITU-T E.164: one to three; none is the beginning of
/// another). `None` if nobody has it.
pub(super) fn calling_code_len(digits: &str) -> Option<usize> {
    (1..=3).find(|len| {
        let code = digits.get(..*len).and_then(|it| it.parse::<u16>().ok());
        code.is_some_and(|code| GLOBAL.contains(&code) || PLANS.iter().any(|plan| plan.1 == code))
    })
}

/// What is dialled before an area code in the country of a calling code.
pub(super) fn trunk_prefix_of(code: u16) -> &'static str {
    PLANS.iter().find(|plan| plan.1 == code).map_or("", |plan| plan.3)
}

/// Codes of services that belong to no country, such as freephone (800) and satellites (870).
const GLOBAL: &[u16] = &[800, 808, 870, 878, 881, 882, 883, 888, 979];

/// Region, calling code, international prefix (empty where there are several), trunk prefix.
type Plan = (&'static str, u16, &'static str, &'static str);

#[rustfmt::skip]
const PLANS: &[Plan] = &[
    ("AC", 247, "00", ""), ("AD", 376, "00", ""), ("AE", 971, "00", "0"), ("AF", 93, "00", "0"),
    ("AG", 1, "011", "1"), ("AI", 1, "011", "1"), ("AL", 355, "00", "0"), ("AM", 374, "00", "0"),
    ("AO", 244, "00", ""), ("AR", 54, "00", "0"), ("AS", 1, "011", "1"), ("AT", 43, "00", "0"),
    ("AU", 61, "0011", "0"), ("AW", 297, "00", ""), ("AX", 358, "00", "0"), ("AZ", 994, "00", "0"),
    ("BA", 387, "00", "0"), ("BB", 1, "011", "1"), ("BD", 880, "00", "0"), ("BE", 32, "00", "0"),
    ("BF", 226, "00", ""), ("BG", 359, "00", "0"), ("BH", 973, "00", ""), ("BI", 257, "00", ""),
    ("BJ", 229, "00", ""), ("BL", 590, "00", "0"), ("BM", 1, "011", "1"), ("BN", 673, "00", ""),
    ("BO", 591, "", "0"), ("BQ", 599, "00", ""), ("BR", 55, "", "0"), ("BS", 1, "011", "1"),
    ("BT", 975, "00", ""), ("BW", 267, "00", ""), ("BY", 375, "810", "8"), ("BZ", 501, "00", ""),
    ("CA", 1, "011", "1"), ("CC", 61, "0011", "0"), ("CD", 243, "00", "0"), ("CF", 236, "00", ""),
    ("CG", 242, "00", ""), ("CH", 41, "00", "0"), ("CI", 225, "00", ""), ("CK", 682, "00", ""),
    ("CL", 56, "", ""), ("CM", 237, "00", ""), ("CN", 86, "00", "0"), ("CO", 57, "", "0"),
    ("CR", 506, "00", ""), ("CU", 53, "119", "0"), ("CV", 238, "0", ""), ("CW", 599, "00", ""),
    ("CX", 61, "0011", "0"), ("CY", 357, "00", ""), ("CZ", 420, "00", ""), ("DE", 49, "00", "0"),
    ("DJ", 253, "00", ""), ("DK", 45, "00", ""), ("DM", 1, "011", "1"), ("DO", 1, "011", "1"),
    ("DZ", 213, "00", "0"), ("EC", 593, "00", "0"), ("EE", 372, "00", ""), ("EG", 20, "00", "0"),
    ("EH", 212, "00", "0"), ("ER", 291, "00", "0"), ("ES", 34, "00", ""), ("ET", 251, "00", "0"),
    ("FI", 358, "00", "0"), ("FJ", 679, "00", ""), ("FK", 500, "00", ""), ("FM", 691, "00", ""),
    ("FO", 298, "00", ""), ("FR", 33, "00", "0"), ("GA", 241, "00", ""), ("GB", 44, "00", "0"),
    ("GD", 1, "011", "1"), ("GE", 995, "00", "0"), ("GF", 594, "00", "0"), ("GG", 44, "00", "0"),
    ("GH", 233, "00", "0"), ("GI", 350, "00", ""), ("GL", 299, "00", ""), ("GM", 220, "00", ""),
    ("GN", 224, "00", ""), ("GP", 590, "00", "0"), ("GQ", 240, "00", ""), ("GR", 30, "00", ""),
    ("GT", 502, "00", ""), ("GU", 1, "011", "1"), ("GW", 245, "00", ""), ("GY", 592, "001", ""),
    ("HK", 852, "00", ""), ("HN", 504, "00", ""), ("HR", 385, "00", "0"), ("HT", 509, "00", ""),
    ("HU", 36, "00", "06"), ("ID", 62, "", "0"), ("IE", 353, "00", "0"), ("IL", 972, "", "0"),
    ("IM", 44, "00", "0"), ("IN", 91, "00", "0"), ("IO", 246, "00", ""), ("IQ", 964, "00", "0"),
    ("IR", 98, "00", "0"), ("IS", 354, "00", ""), ("IT", 39, "00", ""), ("JE", 44, "00", "0"),
    ("JM", 1, "011", "1"), ("JO", 962, "00", "0"), ("JP", 81, "010", "0"), ("KE", 254, "000", "0"),
    ("KG", 996, "00", "0"), ("KH", 855, "", "0"), ("KI", 686, "00", "0"), ("KM", 269, "00", ""),
    ("KN", 1, "011", "1"), ("KP", 850, "", "0"), ("KR", 82, "", "0"), ("KW", 965, "00", ""),
    ("KY", 1, "011", "1"), ("KZ", 7, "810", "8"), ("LA", 856, "00", "0"), ("LB", 961, "00", "0"),
    ("LC", 1, "011", "1"), ("LI", 423, "00", "0"), ("LK", 94, "00", "0"), ("LR", 231, "00", "0"),
    ("LS", 266, "00", ""), ("LT", 370, "00", "0"), ("LU", 352, "00", ""), ("LV", 371, "00", ""),
    ("LY", 218, "00", "0"), ("MA", 212, "00", "0"), ("MC", 377, "00", "0"), ("MD", 373, "00", "0"),
    ("ME", 382, "00", "0"), ("MF", 590, "00", "0"), ("MG", 261, "00", "0"), ("MH", 692, "011", "1"),
    ("MK", 389, "00", "0"), ("ML", 223, "00", ""), ("MM", 95, "00", "0"), ("MN", 976, "001", "0"),
    ("MO", 853, "00", ""), ("MP", 1, "011", "1"), ("MQ", 596, "00", "0"), ("MR", 222, "00", ""),
    ("MS", 1, "011", "1"), ("MT", 356, "00", ""), ("MU", 230, "020", ""), ("MV", 960, "00", ""),
    ("MW", 265, "00", "0"), ("MX", 52, "00", ""), ("MY", 60, "00", "0"), ("MZ", 258, "00", ""),
    ("NA", 264, "00", "0"), ("NC", 687, "00", ""), ("NE", 227, "00", ""), ("NF", 672, "00", ""),
    ("NG", 234, "009", "0"), ("NI", 505, "00", ""), ("NL", 31, "00", "0"), ("NO", 47, "00", ""),
    ("NP", 977, "00", "0"), ("NR", 674, "00", ""), ("NU", 683, "00", ""), ("NZ", 64, "00", "0"),
    ("OM", 968, "00", ""), ("PA", 507, "00", ""), ("PE", 51, "00", "0"), ("PF", 689, "00", ""),
    ("PG", 675, "00", ""), ("PH", 63, "00", "0"), ("PK", 92, "00", "0"), ("PL", 48, "00", ""),
    ("PM", 508, "00", "0"), ("PR", 1, "011", "1"), ("PS", 970, "00", "0"), ("PT", 351, "00", ""),
    ("PW", 680, "", ""), ("PY", 595, "00", "0"), ("QA", 974, "00", ""), ("RE", 262, "00", "0"),
    ("RO", 40, "00", "0"), ("RS", 381, "00", "0"), ("RU", 7, "810", "8"), ("RW", 250, "00", "0"),
    ("SA", 966, "00", "0"), ("SB", 677, "", ""), ("SC", 248, "00", ""), ("SD", 249, "00", "0"),
    ("SE", 46, "00", "0"), ("SG", 65, "", ""), ("SH", 290, "00", ""), ("SI", 386, "00", "0"),
    ("SJ", 47, "00", ""), ("SK", 421, "00", "0"), ("SL", 232, "00", "0"), ("SM", 378, "00", ""),
    ("SN", 221, "00", ""), ("SO", 252, "00", "0"), ("SR", 597, "00", ""), ("SS", 211, "00", "0"),
    ("ST", 239, "00", ""), ("SV", 503, "00", ""), ("SX", 1, "011", "1"), ("SY", 963, "00", "0"),
    ("SZ", 268, "00", ""), ("TA", 290, "00", ""), ("TC", 1, "011", "1"), ("TD", 235, "00", ""),
    ("TG", 228, "00", ""), ("TH", 66, "", "0"), ("TJ", 992, "810", ""), ("TK", 690, "00", ""),
    ("TL", 670, "00", ""), ("TM", 993, "810", "8"), ("TN", 216, "00", ""), ("TO", 676, "00", ""),
    ("TR", 90, "00", "0"), ("TT", 1, "011", "1"), ("TV", 688, "00", ""), ("TW", 886, "", "0"),
    ("TZ", 255, "", "0"), ("UA", 380, "00", "0"), ("UG", 256, "", "0"), ("US", 1, "011", "1"),
    ("UY", 598, "00", "0"), ("UZ", 998, "00", ""), ("VA", 39, "00", ""), ("VC", 1, "011", "1"),
    ("VE", 58, "00", "0"), ("VG", 1, "011", "1"), ("VI", 1, "011", "1"), ("VN", 84, "00", "0"),
    ("VU", 678, "00", ""), ("WF", 681, "00", ""), ("WS", 685, "0", ""), ("XK", 383, "00", "0"),
    ("YE", 967, "00", "0"), ("YT", 262, "00", "0"), ("ZA", 27, "00", "0"), ("ZM", 260, "00", "0"),
    ("ZW", 263, "00", "0"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rlibphonenumber::{PHONE_NUMBER_UTIL as LIBRARY, PhoneNumberFormat};

    use super::*;

    #[test]
    fn the_regions_are_those_that_the_library_knows_with_their_codes() {
        let ours: BTreeSet<(String, i32)> =
            PLANS.iter().map(|plan| (plan.0.to_owned(), i32::from(plan.1))).collect();
        let theirs: BTreeSet<(String, i32)> = LIBRARY
            .get_supported_regions()
            .map(|it| (it.to_string(), LIBRARY.get_country_code_for_region(it).unwrap()))
            .collect();
        assert_eq!(ours, theirs);
        assert!(PLANS.is_sorted(), "they are searched by halves");
        let global: BTreeSet<i32> = GLOBAL.iter().map(|it| i32::from(*it)).collect();
        let theirs: BTreeSet<i32> = LIBRARY.get_supported_global_network_calling_codes().collect();
        assert_eq!(global, theirs);
    }

    #[test]
    fn international_prefixes_are_those_of_the_library() {
        for plan in PLANS {
            let region = rlibphonenumber::Region::from_code(plan.0).unwrap();
            // Another country's number, whichever country this is.
            let abroad = if plan.1 == 49 { "+442079460958" } else { "+4930123456" };
            let abroad = LIBRARY.parse(abroad, None).unwrap();
            let full = abroad.format_as(PhoneNumberFormat::International).into_owned();
            let dialled = LIBRARY.format_out_of_country_calling_number(&abroad, region);
            // Where there are several, the library leaves the plus.
            let prefix = dialled.split(' ').next().unwrap().replace('~', "");
            let theirs = if dialled == full { "" } else { prefix.as_str() };
            assert_eq!(plan.2, theirs, "{}", plan.0);
        }
    }

    #[test]
    fn with_its_trunk_prefix_a_number_is_read_as_one_of_its_country() {
        for plan in PLANS {
            let region = rlibphonenumber::Region::from_code(plan.0).unwrap();
            let number = LIBRARY.get_example_number(region).unwrap();
            let typed = format!("{}{}", plan.3, number.get_national_significant_number());
            assert_eq!(LIBRARY.parse(typed, Some(region)).unwrap(), number, "{}", plan.0);
        }
    }

    #[test]
    fn a_region_is_known_by_its_letters_in_any_case() {
        assert_eq!(Region::parse("de").map(Region::code), Some("DE"));
        assert_eq!(Region::parse("GB").map(Region::calling_code), Some(44));
        assert_eq!(Region::parse("RU").and_then(Region::international_prefix), Some("810"));
        assert_eq!(Region::parse("BR").and_then(Region::international_prefix), None);
        assert_eq!(Region::parse("HU").map(Region::trunk_prefix), Some("06"));
        for unknown in ["", "D", "DEU", "UK", "ZZ", "001", "ß", "日本"] {
            assert_eq!(Region::parse(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn a_calling_code_ends_where_the_standard_says() {
        for (digits, len) in [
            ("14155550123", Some(1)),
            ("4930", Some(2)),
            ("3531", Some(3)),
            ("80012345678", Some(3)),
            ("9990", None),
            ("0", None),
            ("", None),
        ] {
            assert_eq!(calling_code_len(digits), len, "{digits}");
        }
    }
}
