//! What texts mean, country by country.

use super::*;

/// As `+49301234567 (GB)`: the number, and what follows.
fn read(value: &str, canonical: Option<&str>, region: &str) -> String {
    let place = Place { region: Region::parse(region), ..Place::default() };
    let one = |it: Number| {
        let extension = it.then.extension.as_ref().map(|it| format!(" x{it}")).unwrap_or_default();
        format!("{}{it}{extension}{}", it.prefix, it.then.tones)
    };
    match place.read(Field { value, canonical }) {
        Ok(numbers) => numbers.into_iter().map(one).collect::<Vec<_>>().join(" & "),
        Err(why) => why.to_string(),
    }
}

#[track_caller]
fn all(region: &str, cases: &[(&str, &str)]) {
    for (value, wanted) in cases {
        assert_eq!(read(value, None, region), *wanted, "{value:?} typed in `{region}`");
    }
}

#[test]
fn a_number_with_a_plus_is_the_same_wherever_it_was_typed() {
    for region in ["", "US", "DE", "AR", "IT"] {
        all(
            region,
            &[
                ("+44 20 7946 0958", "+442079460958"),
                ("+44 (0)20 7946 0018", "+442079460018"),
                ("+49 (0) 30 1234567", "+49301234567"),
                ("+54 11 2345-6789", "+541123456789"),
                ("+54 9 11 2345-6789", "+5491123456789"),
                ("+54 11 15 2345-6789", "+5491123456789"),
                ("+39 06 1234 5678", "+390612345678"),
                ("+39 (0)6 1234 5678", "+390612345678"),
                ("+1-800-FLOWERS", "+18003569377"),
                ("+1 800 MATTRESS", "+18006288737"),
                ("+800 1234 5678", "+80012345678"),
                ("+999 123456", "+999123456"),
                ("+1 555 0100", "+15550100"),
                ("+44 20 7946 0958 ext. 12", "+442079460958 x12"),
                ("+44 20 7946 0958,,12#", "+442079460958,,12#"),
            ],
        );
    }
}

#[test]
fn a_number_without_a_country_is_one_of_the_region_if_it_has_its_area() {
    all(
        "DE",
        &[
            ("030 1234567", "+49301234567"),
            ("(030) 12 34 567", "+49301234567"),
            ("(0)30 1234567", "+49301234567"),
            ("0171 1234567", "+491711234567"),
            ("171 1234567", "+491711234567"),
            ("7654321", "7654321"),
            ("49 30 12345678", "+493012345678"),
            ("0800 REIMANN", "+498007346266"),
            ("1-800-FLOWERS", "+18003569377"),
            ("1-800-356-9377", "18003569377"),
        ],
    );
    all(
        "US",
        &[
            ("(801) 520-4769", "+18015204769"),
            ("1 801 520 4769", "+18015204769"),
            ("801-520-4769 - noel cell", "+18015204769"),
            ("520-4769", "5204769"),
            ("1-800-FLOWERS", "+18003569377"),
            ("800-flowers", "+18003569377"),
        ],
    );
    all("IT", &[("06 1234 5678", "+390612345678"), ("312 345 6789", "+393123456789")]);
    all("RU", &[("8 912 345-67-89", "+79123456789"), ("(912) 345-67-89", "+79123456789")]);
    all("HU", &[("06 1 234 5678", "+3612345678")]);
    all("IN", &[("98765 43210", "+919876543210")]);
    all("AR", &[("011 15 2345-6789", "+5491123456789"), ("11 2345-6789", "1123456789")]);
    all("AU", &[("1800 REVERSE", "+611800738377"), ("13 CATS", "+61132287")]);
    all("BR", &[("(11) 2345-6705", "+551123456705"), ("11 2345-6705", "1123456705")]);
    all("BR", &[("(11) 91234-5678", "+5511912345678")]);
    all("DK", &[("32 12 34 56", "+4532123456")]);
}

#[test]
fn international_prefixes_are_those_of_the_region_and_00_everywhere() {
    all("DE", &[("0049 30 1234567", "+49301234567"), ("0044 (0)20 7946 0018", "+442079460018")]);
    all("US", &[("011 49 30 1234567", "+49301234567"), ("0049 30 1234567", "+49301234567")]);
    all("JP", &[("010 49 30 1234567", "+49301234567")]);
    all("AU", &[("0011 49 30 1234567", "+49301234567")]);
    all("RU", &[("8 10 49 30 1234567", "+49301234567")]);
    all("", &[("0049 30 1234567", "+49301234567"), ("011 4930 1234567", "01149301234567")]);
    all("", &[("00 1 2", "0012"), ("000000000", "000000000")]);
}

#[test]
fn without_a_region_digits_stay_as_they_were_typed() {
    all(
        "",
        &[
            ("101", "101"),
            ("112", "112"),
            ("*97", "*97"),
            ("#31#0171 1234567", "#31#01711234567"),
            ("030 1234567", "0301234567"),
            ("1-800-FLOWERS", "+18003569377"),
            ("1-800-MATTRESS", "+18006288737"),
            ("0800 REIMANN", "08007346266"),
            ("101 reception", "101"),
            ("ext 101", "101"),
            ("٠٣٠ ١٢٣٤٥٦٧", "0301234567"),
        ],
    );
    all("DE", &[("101", "101"), ("112", "112"), ("*97", "*97"), ("110 POLIZEI", "110")]);
}

#[test]
fn what_cannot_be_dialled_says_why() {
    all(
        "US",
        &[
            ("", "it is empty"),
            ("\u{7}\u{0}", "it is empty"),
            ("call me", "it has no digit"),
            ("ada@99.example", "it is an address, not a number"),
            (&"7".repeat(40), "it has 40 digits; no number has more than 15"),
            ("+1234567890123456", "it has 16 digits; no number has more than 15"),
            ("+1", "it is too short for a number with its country"),
            (
                "6.04E+11",
                "a spreadsheet destroyed the number: format its column as text, and enter the number again at Google",
            ),
        ],
    );
}

#[test]
fn what_google_read_is_believed_and_only_the_rest_is_taken_from_the_text() {
    for (value, canonical, wanted) in [
        ("020 7946 0958 x12", "+442079460958", "+442079460958 x12"),
        ("020 7946 0958,,3", "+442079460958", "+442079460958,,3"),
        ("1-800-FLOWERS", "+18003569377", "+18003569377"),
        ("1-800-FLOWERS,,42#", "+18003569377", "+18003569377,,42#"),
        ("CALL-ME-NOW", "+12255636669", "+12255636669"),
        ("*31#020 7946 0958", "+442079460958", "*31#+442079460958"),
        ("030 1234567", "nonsense", "+49301234567"),
        ("030 1234567", "+12345678901234567", "+49301234567"),
    ] {
        assert_eq!(read(value, Some(canonical), "DE"), wanted, "{value}");
    }
}

#[test]
fn characters_that_nobody_sees_are_no_part_of_a_number() {
    for unseen in [
        "\u{AD}",
        "\u{34F}",
        "\u{61C}",
        "\u{115F}",
        "\u{1160}",
        "\u{17B4}",
        "\u{180E}",
        "\u{200B}",
        "\u{2060}",
        "\u{206A}",
        "\u{206F}",
        "\u{3164}",
        "\u{FE0F}",
        "\u{FEFF}",
        "\u{FFA0}",
        "\u{E0001}",
        "\u{E0031}",
        "\u{E0100}",
        "\u{E01EF}",
    ] {
        let value = format!("0660{unseen}123{unseen}4567{unseen}");
        assert_eq!(read(&value, None, "AT"), "+436601234567", "{value:?}");
        let region = Region::parse("AT");
        let rules = DialRules::new(DialSettings { region, ..DialSettings::default() }).unwrap();
        assert_eq!(rules.pieces(&value), rules.pieces("06601234567"), "{value:?}");
        // Nothing can be seen of it, so it is as if nothing was typed.
        assert_eq!(read(unseen, Some("+492217654321"), "DE"), "+492217654321", "{unseen:?}");
        assert_eq!(read(unseen, None, "DE"), "it is empty", "{unseen:?}");
    }
}

#[test]
fn a_number_knows_its_calling_code_and_the_rest() {
    let number = E164::parse("+390612345678").unwrap();
    assert_eq!((number.calling_code(), number.national()), (Some(39), "0612345678"));
    let unknown = E164::parse("+999123456").unwrap();
    assert_eq!((unknown.calling_code(), unknown.national()), (None, "999123456"));
    for bad in ["", "+", "49301234567", "+049", "+49 30", "+1234567890123456", "+123"] {
        assert_eq!(E164::parse(bad), None, "{bad}");
    }
}

#[test]
fn a_country_code_without_its_plus_is_one_where_nothing_local_is_so_long() {
    all("AT", &[("43 660 1234567", "+436601234567"), ("43 1 5550177", "+4315550177")]);
    all("GB", &[("447700900123", "+447700900123"), ("44 20 7946 0958", "+442079460958")]);
    all("DE", &[("4930123456", "+4930123456"), ("30 1234567", "301234567")]);
    all("MX", &[("01 55 1234 5678", "+525512345678"), ("044 55 1234 5678", "+525512345678")]);
    all(
        "LT",
        &[
            ("8 5 212 3456", "+37052123456"),
            ("(8-5) 212 34 56", "+37052123456"),
            ("(8 5) 212 3456", "+37052123456"),
            ("8-37-123456", "+37037123456"),
            ("8 612 34567", "+37061234567"),
            ("0 5 212 3456", "+37052123456"),
            ("+370 8 5 212 3456", "+37052123456"),
            ("+370 5 212 3456", "+37052123456"),
        ],
    );
    all("UA", &[("8 (044) 279-12-34", "+380442791234"), ("8 050 123 4567", "+380501234567")]);
    all(
        "US",
        &[
            ("447700900123", "+447700900123"),
            ("436601234567", "+436601234567"),
            ("+1 800 462277", "+1800462277"),
        ],
    );
}

#[test]
fn a_trunk_zero_behind_the_country_is_dropped_unless_it_is_part_of_the_number() {
    for region in ["", "AT", "US", "IT"] {
        all(
            region,
            &[
                ("+43 0 660 1234567", "+436601234567"),
                ("+43 (0) 660 1234567", "+436601234567"),
                ("+43(0660)1234567", "+436601234567"),
                ("0043 (0) 660 1234567", "+436601234567"),
                ("0043 0660 1234567", "+436601234567"),
                ("+0043 660 1234567", "+436601234567"),
                ("+44 (0) 20 7946 0018", "+442079460018"),
                ("+36 06 1 234 5678", "+3612345678"),
                ("+7 8 912 345 67 89", "+79123456789"),
                ("+39 06 1234 5678", "+390612345678"),
                ("+39 (0)347 123 4567", "+393471234567"),
                ("+39 0 347 123 4567", "+393471234567"),
                ("+225 07 01 23 45 67", "+2250701234567"),
            ],
        );
    }
}

#[test]
fn codes_in_front_of_a_number_are_kept_apart_from_it() {
    all(
        "AT",
        &[
            ("*31#0660 1234567", "*31#+436601234567"),
            ("#31#+43 660 1234567", "#31#+436601234567"),
            ("*21*0660 1234567#", "*21*06601234567#"),
            ("22#", "22#"),
            ("*#06#", "*#06#"),
        ],
    );
    all("US", &[("*67 212 555 0133", "*67+12125550133"), ("*672125550133", "*67+12125550133")]);
    all(
        "GB",
        &[("141 020 7946 0958", "141+442079460958"), ("1470 02079460958", "1470+442079460958")],
    );
    all("JP", &[("184-03-1234-5678", "184+81312345678"), ("1840312345678", "184+81312345678")]);
    all(
        "GB",
        &[
            ("14102079460958", "141+442079460958"),
            ("147002079460958", "1470+442079460958"),
            ("14107911123456", "141+447911123456"),
            // Glasgow, and a number that only begins like a code.
            ("0141 221 1234", "+441412211234"),
            ("141 221 1234", "1412211234"),
        ],
    );
    all("AU", &[("18310293744000", "1831+61293744000"), ("1831 02 9374 4000", "1831+61293744000")]);
    all("HK", &[("133 2123 4567", "133+85221234567"), ("13321234567", "133+85221234567")]);
    all("IE", &[("141 01 234 5678", "141+35312345678"), ("141012345678", "141+35312345678")]);
    all("NZ", &[("0197 09 123 4567", "0197+6491234567"), ("0197032345678", "0197+6432345678")]);
    all(
        "FR",
        &[("3651 01 40 00 11 22", "3651+33140001122"), ("36510140001122", "3651+33140001122")],
    );
    all("ES", &[("067 912 345 678", "067+34912345678"), ("067912345678", "067+34912345678")]);
}

#[test]
fn a_word_is_never_cut_to_its_first_digits() {
    all("AU", &[("1-800-GO-CARS", "+611800462277"), ("1800 go cars", "+611800462277")]);
    all("", &[("1-800-GO-CARS", "1800462277"), ("1800 go cars", "1800462277")]);
    all("US", &[("1-800-GO-CARS", "1800462277"), ("1 800 flowers", "+18003569377")]);
    all("AU", &[("101 reception", "101"), ("02 9374 4000 reception", "+61293744000")]);
}

#[test]
fn a_number_that_the_library_calls_valid_is_not_too_long() {
    all(
        "DE",
        &[
            ("+49 30 12345678901", "+493012345678901"),
            ("+49 30 123456789012", "+4930123456789012"),
            ("030 123456789012", "+4930123456789012"),
            ("+44 20 7946 1958 12345678", "it has 20 digits; no number has more than 15"),
        ],
    );
}

#[test]
fn each_number_of_a_field_has_the_part_of_the_text_that_it_stands_in() {
    for (value, wanted) in [
        ("(0221) 7654321 (office), +43 660 1234567", ["(0221) 7654321", "+43 660 1234567"]),
        ("M: 0660 1234567, T: 01 5550177", ["0660 1234567", "01 5550177"]),
        ("0660 1234567 0664 7654321", ["06601234567", "06647654321"]),
    ] {
        let numbers = Place::default().read(value.into()).unwrap();
        let texts: Vec<&str> = numbers.iter().map(|it| it.text.as_str()).collect();
        assert_eq!(texts, wanted, "{value}");
    }
}

#[test]
fn numbers_within_the_own_town_get_its_area() {
    let area = Some("221".to_owned());
    let place = Place { region: Region::parse("DE"), area, ..Place::default() };
    for (value, wanted) in [
        ("7654321", "+492217654321"),
        ("030 1234567", "+49301234567"),
        ("0171 1234567", "+491711234567"),
        ("171 1234567", "+491711234567"),
        ("101", "101"),
        ("116117", "116117"),
        ("*97", "*97"),
        ("+44 20 7946 0958", "+442079460958"),
    ] {
        let numbers = place.read(value.into()).unwrap();
        assert_eq!(numbers[0].to_string(), wanted, "{value}");
    }
}

#[test]
fn what_google_made_of_digits_without_their_area_is_not_believed() {
    for (region, value, canonical, wanted) in [
        ("AT", "205", "+43205", "205"),
        ("AT", "7654321", "+437654321", "7654321"),
        ("DE", "7654321", "+497654321", "7654321"),
        ("US", "555-0177", "+15550177", "5550177"),
        ("", "205", "+43205", "205"),
        ("AT", "0660 1234567", "+436601234567", "+436601234567"),
        ("AT", "660 1234567", "+436601234567", "+436601234567"),
        ("HU", "1 234 5678", "+3612345678", "+3612345678"),
        ("DK", "32 12 34 56", "+4532123456", "+4532123456"),
        ("DE", "0221 7654321, 0160 1234567", "+492217654321", "+492217654321 & +491601234567"),
        ("US", "0221 7654321, 0160 1234567", "+492217654321", "+492217654321 & 01601234567"),
        ("", "", "+492217654321", "+492217654321"),
        ("AR", "011 15 2345-6789", "+5491123456789", "+5491123456789"),
        // It is of the first number only.
        (
            "AT",
            "+43 660 1234567, +43 664 1234567",
            "+436601234567",
            "+436601234567 & +436641234567",
        ),
        ("US", "212 555 0133, 646 555 0133", "+12125550133", "+12125550133 & +16465550133"),
        ("DE", "0221 7654321, 0160 7654321", "+492217654321", "+492217654321 & +491607654321"),
        (
            "AR",
            "011 15 2345-6789, 0341 15 345-6789",
            "+5491123456789",
            "+5491123456789 & +5493413456789",
        ),
        ("DE", "0221 7654321 / 7654322", "+492217654321", "+492217654321 & +492217654322"),
        // What has its own country is not of another, whatever the account's country is.
        ("AT", "+43 660 1234567", "+4915601234567", "+436601234567"),
        ("AT", "+43 (0) 660 1234567", "+436601234567", "+436601234567"),
    ] {
        assert_eq!(read(value, Some(canonical), region), wanted, "{value} {canonical} in {region}");
    }
}

#[test]
fn every_country_can_read_its_own_numbers() {
    use rlibphonenumber::PHONE_NUMBER_UTIL as LIBRARY;
    for region in LIBRARY.get_supported_regions() {
        let number = LIBRARY.get_example_number(region).unwrap().to_string();
        assert_eq!(read(&number, None, ""), number);
        let ours = Region::parse(&region.to_string()).unwrap();
        let digits = E164::parse(&number).unwrap().national().to_owned();
        let typed = format!("{}{digits}", ours.trunk_prefix());
        let found = read(&typed, None, ours.code());
        // Where an island's numbers are as short as extensions, they stay as they are.
        let wanted = if typed.len() > 5 { &number } else { &typed };
        assert_eq!(found, *wanted, "{typed} typed in {region}");
    }
}

proptest::proptest! {
    #[test]
    fn nothing_that_is_typed_breaks_the_reader(
        value in "([+#*(),;./ \u{7}xpwP0-9٠-٩０-９A-Za-z@:=-]|ext|;phone-context=|\\PC){0,60}",
        canonical in proptest::option::of("[+]?[0-9]{0,20}"),
        region in "[A-Z]{2}",
    ) {
        let region = Region::parse(&region);
        let settings = DialSettings {
            region,
            plus: Plus::Prefix,
            international_prefix: Some("00".to_owned()),
            outside_prefix: "0".to_owned(),
            ..DialSettings::default()
        };
        for settings in [settings, DialSettings::default()] {
            let rules = DialRules::new(settings).unwrap();
            let _ = rules.pieces(&value);
            let dialled = rules.dial_all(Field { value: &value, canonical: canonical.as_deref() });
            assert!(!dialled.is_empty());
            for Dialled { number, dial, .. } in dialled {
                // Words can be made of everything that was found.
                assert!(dial.steps.iter().all(|step| !step.to_string().is_empty()));
                assert!(!dial.steps.is_empty());
                if let Some(string) = &dial.string {
                    assert_eq!(DialString::parse(string.as_str()).as_ref(), Ok(string));
                }
                let Some(number) = number else { continue };
                assert!(!rules.lines(&number).is_empty());
                if let Some(number) = number.e164() {
                    assert_eq!(E164::parse_long(&number.to_string()).as_ref(), Some(number));
                }
            }
        }
    }
}

#[test]
fn the_end_of_a_range_is_no_part_of_the_number_before_it() {
    all(
        "MX",
        &[
            ("55 5208 1234-36", "+525552081234"),
            ("55 5208-1234-36", "+525552081234"),
            ("56 1234 5678-80", "+525612345678"),
            ("01 55 5208 1234-36", "+525552081234"),
        ],
    );
    all("US", &[("212 555 0133-35", "+12125550133"), ("(212) 555-0133-0135", "+12125550133")]);
    all("FR", &[("01 40 00 11 22-24", "+33140001122")]);
    for region in ["MX", "US", "DE"] {
        all(
            region,
            &[
                ("+52 55 5208 1234-36", "+525552081234"),
                ("+1 212 555 0133-35", "+12125550133"),
                ("+49 221 765432-17", "+4922176543217"),
            ],
        );
    }
    all("US", &[("212 555 0133 - 35", "+12125550133")]);
    all("CN", &[("010-62345678-8001", "+861062345678 x8001")]);
    // There it may be an extension behind a PBX's own number.
    all("DE", &[("0221 765432-17", "+4922176543217")]);
    all("AT", &[("01 2345-67", "+431234567"), ("01 58858-0", "+431588580")]);
}

#[test]
fn a_calling_code_with_a_zero_in_brackets_behind_it_needs_no_plus() {
    for region in ["", "DE", "US", "AT"] {
        all(
            region,
            &[
                ("49 (0)171 1234567", "+491711234567"),
                ("49(0)30 1234567", "+49301234567"),
                ("44 (0)20 7946 0018", "+442079460018"),
                ("43 (0) 660 1234567", "+436601234567"),
            ],
        );
    }
}

#[test]
fn a_department_behind_an_extension_is_no_word_on_the_keys() {
    for (region, value) in [
        ("DE", "Tel 4711 EINKAUF"),
        ("DE", "Tel 4711 (EINKAUF)"),
        ("FR", "Tél 4711 ACHATS"),
        ("MX", "Tel 4711 COMPRAS"),
        ("", "Tel 4711 SALES"),
    ] {
        all(region, &[(value, "4711")]);
    }
    all("DE", &[("oder 0800-TELEKOM", "+498008353566")]);
}

#[test]
fn a_word_on_the_keys_of_a_free_number_is_read_in_mexico() {
    all(
        "MX",
        &[
            ("01 800 FLORES1", "+528003567371"),
            ("01-800-CALL-NOW", "+528002255669"),
            ("+52 800 CALL4ME", "+528002255463"),
        ],
    );
}

#[test]
fn what_is_dialled_for_an_outside_line_is_no_part_of_the_number() {
    for (region, outside, value, number) in [
        ("MX", "9", "9 55 5208 1234", "+525552081234"),
        ("US", "9", "9 212 555 0133", "+12125550133"),
        ("US", "9", "9-1-212-555-0133", "+12125550133"),
        ("DE", "0", "0 0221 7654321", "+492217654321"),
        ("US", "9", "9 011 49 221 7654321", "+492217654321"),
        ("GB", "9", "9 0049 221 7654321", "+492217654321"),
        ("DE", "0", "0 0043 1 5885812", "+4315885812"),
        ("DE", "0", "0221 7654321", "+492217654321"),
        ("DE", "0", "0049 221 7654321", "+492217654321"),
        ("DE", "0", "030 1234567", "+49301234567"),
    ] {
        let outside = outside.to_owned();
        let place = Place { region: Region::parse(region), area: None, outside };
        let read = place.read(Field::from(value)).unwrap();
        assert_eq!(read[0].to_string(), number, "{value} in {region}");
    }
}

#[test]
fn a_remark_with_digits_makes_no_number_of_another_country() {
    all(
        "US",
        &[
            ("212-555-0100 24 hours", "+12125550100"),
            ("212-555-0100 24", "+12125550100"),
            ("212-555-0100 9-5", "+12125550100"),
            ("813-555-0100 24", "+18135550100"),
            ("(800) 222-1222 7", "+18002221222"),
            ("1-800-222-1222 24 hour line", "+18002221222"),
            ("+1 212-555-0100 24", "+12125550100"),
            ("011 44 20 7946 0018 24", "+442079460018"),
            ("212-555-0100 10001 New York", "+12125550100"),
            // Another country's number, and one that the plan may not have yet.
            ("447700900123", "+447700900123"),
            ("52 55 5208 1234", "+525552081234"),
            ("234 800 1236 7678", "+23480012367678"),
            ("90 592 212 12 25", "+905922121225"),
            ("+1 800 462277", "+1800462277"),
        ],
    );
    all(
        "MX",
        &[
            ("55 5208 1234 24", "+525552081234"),
            ("55 52 08 12 34 24 horas", "+525552081234"),
            ("55 5208 1234 36-38", "+525552081234"),
            ("55 5208 1234 06700 CDMX", "+525552081234"),
            ("+52 55 5208 1234 24", "+525552081234"),
            ("52 1 55 1234 5678", "+5215512345678"),
        ],
    );
    all("FR", &[("01 40 00 11 22 24", "+33140001122"), ("01 40 00 11 22 9-18", "+33140001122")]);
    all("GB", &[("020 7946 0018 2", "+442079460018"), ("01234 567 890 123", "+441234567890")]);
    all(
        "DE",
        &[
            ("0221 7654321 50667 Köln", "+492217654321"),
            ("030 1234567 10115 Berlin", "+49301234567"),
            ("+49 221 7654321 50667 Köln", "+492217654321"),
            ("0049 221 7654321 01067 Dresden", "+492217654321"),
            // Names of people behind the last digits, and an extension.
            ("0221 7654 3210 Marta", "+4922176543210"),
            ("0171 1234 5678 Marta", "+4917112345678"),
            ("+49 171 1234 5678 Marta", "+4917112345678"),
            ("0221 7654321 12", "+49221765432112"),
        ],
    );
    all("AT", &[("01 5885812 1010 Wien", "+4315885812"), ("0732 123456 0", "+437321234560")]);
    all("ID", &[("0062 812-345-167", "+62812345167")]);
    let google = |value, canonical| read(value, Some(canonical), "US");
    assert_eq!(google("212-555-0100 24", "+212555010024"), "+12125550100");
    assert_eq!(google("212-555-0100 24", "+12125550100"), "+12125550100");
    assert_eq!(read("0221 7654321 50667 Köln", Some("+49221765432150667"), "DE"), "+492217654321");
}

#[test]
fn digits_behind_a_word_are_left_out_where_only_the_rest_is_a_number() {
    all(
        "US",
        &[
            ("NY 10001 212-555-0100", "+12125550100"),
            ("New York, NY 10001-1234 212-555-0100", "+12125550100"),
            ("Bob (2) 212-555-0100", "+12125550100"),
            ("Cell 2 212-555-0100", "+12125550100"),
            ("Store #1234 212-555-0100", "+12125550100"),
            ("Acct 447 1123 212-555-0100", "+12125550100"),
            ("Room 12 212-555-0100 24", "+12125550100"),
            ("Unit 1 212-555-0100", "+12125550100"),
            // Numbers with a calling code or a 1 in front.
            ("Mobile 44 20 7946 0018", "+442079460018"),
            ("Número: 52 (55) 5208 1234", "+525552081234"),
            ("Tel 52 1 55 1234 5678", "5215512345678"),
            ("Tel 1 800 555 0199", "+18005550199"),
        ],
    );
    all(
        "MX",
        &[("Suc. 5 55 5208 1234", "+525552081234"), ("Tel 52 55 5208 1234", "+525552081234")],
    );
    all("CL", &[("Phone (2) 2123 1408", "+56221231408")]);
}

#[test]
fn letters_between_digits_are_digits_if_they_look_like_them() {
    all(
        "US",
        &[
            ("212-555-o1oo", "+12125550100"),
            ("212555O100", "+12125550100"),
            ("2l2-555-0100", "+12125550100"),
            ("1-8OO-555-0199", "+18005550199"),
            ("Tel: 212-555-O1OO x12", "+12125550100 x12"),
            // The O of an office, and words.
            ("O212-555-0100", "+12125550100"),
            ("O: 212-555-0100", "+12125550100"),
            ("1-800-COLLECT", "+18002655328"),
            ("1-800-GO-FEDEX", "+18004633339"),
            ("1-800-OIL-1010", "+18006451010"),
            ("1-800-HELLO12", "+18004355612"),
            ("signal:tom9", "it is an address, not a number"),
        ],
    );
    all(
        "DE",
        &[
            ("O221 7654321", "+492217654321"),
            ("o221/7654321", "+492217654321"),
            ("O8OO 1234567", "+498001234567"),
            ("0221 765432l", "+492217654321"),
            ("O0221 7654321", "+492217654321"),
            ("0221 76543zl", "letters stand in it where digits should be"),
        ],
    );
    let number = Place::default().read("Tel. 212-555-o1oo".into()).unwrap().remove(0);
    assert_eq!(
        (number.to_string().as_str(), number.text.as_str()),
        ("2125550100", "Tel. 212-555-o1oo")
    );
}

#[test]
fn the_end_of_a_number_has_the_area_of_the_one_before_it() {
    all(
        "MX",
        &[
            ("55 5208 1234 / 5208 1235", "+525552081234 & +525552081235"),
            ("55 5208 1234 y 5208 1235", "+525552081234 & +525552081235"),
            (
                "55 5208 1234, 5208 1235 y 5208 1236",
                "+525552081234 & +525552081235 & +525552081236",
            ),
            ("5552081234 / 52081235", "+525552081234 & +525552081235"),
            ("Tel. 55 5208 1234 Fax 5208 1235", "+525552081234 & +525552081235"),
            ("55 5208 1234 / 33 3615 1234", "+525552081234 & +523336151234"),
            ("55 5208 1234-36", "+525552081234"),
            ("55 5208 1234 / -36", "+525552081234"),
            // A free number has no area.
            ("800 123 4567 / 5208 1235", "+528001234567 & 52081235"),
        ],
    );
    all(
        "US",
        &[
            ("212-555-0100 or 555-0101", "+12125550100 & +12125550101"),
            ("212-555-0100, 555-0101", "+12125550100 & +12125550101"),
            ("1-800-222-1222, 555-0101", "+18002221222 & 5550101"),
            ("+44 20 7946 0018, 555-0101", "+442079460018 & 5550101"),
            ("555-0100 / 555-0101", "5550100 & 5550101"),
        ],
    );
    all(
        "DE",
        &[
            ("0221 7654321 / 7654322", "+492217654321 & +492217654322"),
            ("0221 7654321 und 7654322", "+492217654321 & +492217654322"),
            // A mobile, and a number within the town of whoever typed it.
            ("0171 1234567, 7654321", "+491711234567 & 7654321"),
        ],
    );
}

#[test]
fn an_outside_line_with_a_pause_behind_it_is_no_number() {
    for (region, outside, value, wanted) in [
        ("US", "9", "9,1-212-555-0113", "+12125550113"),
        ("US", "9", "9,, 212-555-0113", "+12125550113"),
        ("US", "9", "9p12125550113", "+12125550113"),
        ("US", "9,", "9,1-212-555-0113", "+12125550113"),
        ("US", "9", "Tel. 9,1-212-555-0113 x12", "+12125550113 x12"),
        ("US", "9", "9,1-800-FLOWERS", "+18003569377"),
        ("US", "9", "9,011 44 20 7946 0018", "+442079460018"),
        ("DE", "0", "0,0221 7654321", "+492217654321"),
        // An extension and tones; a number that begins with the same digit.
        ("US", "9", "9,12", "9,12"),
        ("US", "9", "9,1234#", "9,1234#"),
        ("US", "9", "912-555-0113,12", "+19125550113,12"),
        ("US", "", "9,12125550113", "9,12125550113"),
    ] {
        let outside = outside.to_owned();
        let place = Place { region: Region::parse(region), area: None, outside };
        let read = place.read(Field::from(value)).unwrap().remove(0);
        let extension =
            read.then.extension.as_ref().map(|it| format!(" x{it}")).unwrap_or_default();
        assert_eq!(format!("{read}{extension}{}", read.then.tones), wanted, "{value} in {region}");
    }
}
