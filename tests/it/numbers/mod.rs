//! The reading of numbers against libphonenumber itself, in Google's Python port.

use std::collections::BTreeMap;
use std::process::Command;

use ringbook_core::number::{Field, Kind, Number, Place, Region};

use crate::support::python;

/// Of the same version as the metadata in `rlibphonenumber` (its readme tells), so that the plans are the same.
const PORT: &str = "phonenumbers==9.0.42\n";
const PROGRAM: &str = include_str!("libphonenumber.py");
/// Seed; numbers of each type in each region; texts of noise.
const CORPUS: [&str; 3] = ["20261130", "8", "24000"];
/// Texts at least, in so many regions.
const TEXTS_MIN: usize = 200_000;
const REGIONS_MIN: usize = 40;
/// Should the plans of the two be of different versions all the same, so many texts of a thousand may differ
/// for that reason.
const PLANS_PER_MILLE: usize = 2;

/// A text, and what libphonenumber makes of it.
struct Case<'a> {
    kind: &'a str,
    region: &'a str,
    text: &'a str,
    number: &'a str,
    extension: &'a str,
    valid: bool,
    /// The number that was spelled in it, where one was.
    spelled: &'a str,
}

/// What we make of it: the first number.
struct Ours {
    number: String,
    local: String,
    extension: String,
    code: bool,
    count: usize,
}

/// A difference that is meant, and why.
struct Rule {
    name: &'static str,
    why: &'static str,
    explains: fn(&Case<'_>, &Ours) -> bool,
}

const RULES: &[Rule] = &[
    Rule {
        name: "spelled",
        why: "libphonenumber takes no code, second number, remark or foreign 00; we find the number that was spelled",
        explains: |case, ours| !case.spelled.is_empty() && ours.number == case.spelled,
    },
    Rule {
        name: "no area",
        why: "a number without a trunk prefix may be one within a town, so it is dialled as typed",
        explains: |case, ours| {
            let plain =
                |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b" -./()".contains(&b));
            let lacking = matches!(case.kind, "bare" | "no plus") || plain(case.text);
            lacking && !ours.local.is_empty() && ours.local == digits(case.text)
        },
    },
    Rule {
        name: "short",
        why: "up to five digits are an extension or a service, and in North America seven are within an area",
        explains: |case, ours| {
            let len = ours.local.bytes().filter(u8::is_ascii_digit).count();
            len > 0 && (len <= 5 || (len == 7 && case.number.starts_with("+1")))
        },
    },
    Rule {
        name: "no such number",
        why: "what the plan does not have is not given a country",
        explains: |case, ours| !case.valid && ours.number.is_empty() && !ours.local.is_empty(),
    },
    Rule {
        name: "any country",
        why: "plans change, so a number with a plus is dialled though the plan does not have it",
        explains: |case, ours| {
            case.number.is_empty() && case.text.contains('+') && !ours.number.is_empty()
        },
    },
    Rule {
        name: "no plus",
        why: "too long for the region, and a number of the country with whose code it begins",
        explains: |case, ours| {
            // A zero behind the code is dropped.
            let bare = |text: &str| digits(text).replace('0', "");
            !case.valid && !ours.number.is_empty() && bare(&ours.number) == bare(case.text)
        },
    },
    Rule {
        name: "zeros",
        why: "a zero behind the country is dropped where only that makes a valid number",
        explains: |case, ours| {
            let (theirs, ours) = (digits(case.number), digits(&ours.number));
            !case.valid && ours.len() < theirs.len() && theirs.replacen('0', "", 1) == ours
        },
    },
    Rule {
        name: "too short",
        why: "no country has numbers of so few digits",
        explains: |case, ours| !case.valid && ours.count == 0 && digits(case.number).len() < 4,
    },
    Rule {
        name: "too long",
        why: "longer than E.164, and no number that the plan has",
        explains: |case, ours| !case.valid && ours.count == 0 && digits(case.number).len() > 15,
    },
    Rule {
        name: "no number",
        why: "dates, spreadsheets' leavings and names of people are no numbers",
        explains: |case, ours| {
            matches!(case.kind, "date" | "spreadsheet" | "name") && ours.count == 0
        },
    },
    Rule {
        name: "marks",
        why: "stars and hashes make codes, commas and semicolons tones or a second number, slashes other endings; \
              libphonenumber drops some of these and glues others",
        explains: |case, ours| {
            let marked = case.text.contains(['*', '#', ',', ';', '/', '~', 'x', ':', '+']);
            case.kind == "random marks"
                && (marked || ours.code || ours.count > 1 || case.text.contains("  "))
        },
    },
];

#[test]
fn numbers_are_read_as_libphonenumber_reads_them_or_for_a_reason() {
    let python = python::environment("numbers", PORT, &[]).join("python");
    let output = Command::new(python).args(["-c", PROGRAM]).args(CORPUS).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let corpus = String::from_utf8(output.stdout).unwrap();
    let mut explained: BTreeMap<&str, (usize, String)> = BTreeMap::new();
    let mut unexplained = Vec::new();
    let mut regions = std::collections::BTreeSet::new();
    let (mut texts, mut plans) = (0, 0);
    for line in corpus.lines() {
        let fields: Vec<&str> = line.split('\u{1f}').collect();
        let [kind, region, text, number, extension, valid, _, spelled] = fields[..] else {
            panic!("{line}")
        };
        let case = Case { kind, region, text, number, extension, valid: valid == "1", spelled };
        texts += 1;
        regions.insert(region);
        let ours = read(&case);
        if ours.number == case.number && ours.extension == case.extension {
            continue;
        }
        match RULES.iter().find(|it| (it.explains)(&case, &ours)) {
            Some(rule) => {
                let example = || format!("{text:?} in {region}");
                explained.entry(rule.name).or_insert_with(|| (0, example())).0 += 1;
            }
            None if plans_differ(&case) => plans += 1,
            None => unexplained.push(format!(
                "{kind}: {text:?} in {region}: libphonenumber `{number}` x`{extension}` ({valid}), we `{}` x`{}` {:?}",
                ours.number, ours.extension, ours.local,
            )),
        }
    }
    for rule in RULES {
        if let Some((count, example)) = explained.get(rule.name) {
            println!("{count:6} {}: {}; such as {example}", rule.name, rule.why);
        }
    }
    println!("{plans:6} the plans of the two libraries differ");
    let shown: Vec<&String> = unexplained.iter().take(40).collect();
    assert!(
        unexplained.is_empty(),
        "{} differences without a reason: {shown:#?}",
        unexplained.len()
    );
    assert!(texts >= TEXTS_MIN && regions.len() >= REGIONS_MIN, "{texts} {regions:?}");
    assert!(
        plans * 1000 <= texts * PLANS_PER_MILLE,
        "{plans}: pin the version of rlibphonenumber's metadata"
    );
    let unused: Vec<&str> =
        RULES.iter().map(|it| it.name).filter(|it| !explained.contains_key(it)).collect();
    assert!(unused.is_empty(), "rules that explain nothing: {unused:?}");
}

fn read(case: &Case<'_>) -> Ours {
    let place = Place { region: Region::parse(case.region), ..Place::default() };
    let numbers = place.read(Field::from(case.text)).unwrap_or_default();
    let first = numbers.first();
    let is_code = |it: &Number| matches!(it.kind, Kind::Code(_)) || !it.prefix.is_empty();
    Ours {
        number: first.and_then(|it| it.e164()).map(ToString::to_string).unwrap_or_default(),
        local: first.filter(|it| it.e164().is_none()).map(ToString::to_string).unwrap_or_default(),
        extension: first.and_then(|it| it.then.extension.clone()).unwrap_or_default(),
        code: numbers.iter().any(is_code),
        count: numbers.len(),
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Whether the library that we use reads the text as another one than the port does.
fn plans_differ(case: &Case<'_>) -> bool {
    use rlibphonenumber::{PHONE_NUMBER_UTIL as PLANS, PhoneNumberFormat, Region};
    let region = Region::from_code(case.region).ok();
    let parsed = PLANS.parse(case.text, region);
    let number = parsed.as_ref().map(|it| PLANS.format(it, PhoneNumberFormat::E164).into_owned());
    let valid = parsed.as_ref().is_ok_and(|it| PLANS.is_valid_number(it));
    number.unwrap_or_default() != case.number || valid != case.valid
}
