//! Makes up an address book that is as untidy and as international as real ones are.

use super::book::{Book, Group};
use super::contact::{Contact, EmailAddress, Name, Organization, PhoneNumber};
use super::random::Random;
use super::words::{
    DEPARTMENTS, GROUPS, LABELS, LOCALES, Locale, MIDDLES, NICKNAMES, PREFIXES, RARE_LABELS,
    SUFFIXES, TITLES,
};

/// 2021-01-01T00:00:00Z. Made-up contacts were last changed from then on, a while apart, so
/// that a book does not depend on the day it is made.
const FIRST_CHANGE: i64 = 1_609_459_200_000;
const APART: i64 = 1_234_567;

/// From this many contacts on, each kind of oddity is present for certain.
const GALLERY_FROM: usize = 200;

pub(super) fn book(seed: u64, contacts: usize) -> Book {
    let mut book = Book::new(seed, contacts);
    for (id, name, system, legacy) in GROUPS {
        book.add_group(Group {
            id: (*id).to_owned(),
            name: (*name).to_owned(),
            system: *system,
            legacy: *legacy,
            deleted: false,
            changed: 0,
            changed_at: FIRST_CHANGE,
        });
    }
    let mut random = Random::new(seed.wrapping_add(1));
    let gallery = if contacts < GALLERY_FROM { 0 } else { ODDITIES };
    for number in 0..contacts {
        let made = if number < gallery * 4 && number % 4 == 3 {
            odd_contact(number / 4, &mut random)
        } else {
            contact(&mut random)
        };
        // The book of one century would not do for a very large one.
        let at = FIRST_CHANGE + (number as i64 * APART) % 150_000_000_000;
        book.add(made, at);
    }
    book
}

pub(super) fn contact(random: &mut Random) -> Contact {
    if random.one_in(16) {
        let which = random.below(ODDITIES);
        // One with hundreds of numbers weighs as much as fifty others.
        if which != CROWDED || random.one_in(20) {
            return odd_contact(which, random);
        }
    }
    ordinary_contact(random)
}

fn ordinary_contact(random: &mut Random) -> Contact {
    let locale = &LOCALES[random.below(LOCALES.len())];
    let mut name = Name {
        given: random.pick(locale.given).to_owned(),
        family: random.pick(locale.family).to_owned(),
        ..Name::default()
    };
    if random.one_in(6) {
        name.middle = random.pick(MIDDLES).to_owned();
    }
    if random.one_in(15) {
        name.prefix = random.pick(PREFIXES).to_owned();
    }
    if random.one_in(25) {
        name.suffix = random.pick(SUFFIXES).to_owned();
    }
    if locale.country_code == "81" && random.one_in(2) {
        name.phonetic_family = "ヤマダ".to_owned();
        name.phonetic_given = "タロウ".to_owned();
    }
    // A mononym has no family name.
    if random.one_in(30) {
        name.family.clear();
    }
    let mut contact = Contact {
        name: Some(name),
        groups: groups(random),
        profile: random.one_in(20),
        ..Contact::default()
    };
    for _ in 0..[1, 1, 1, 1, 2, 2, 3, 0][random.below(8)] {
        contact.phone_numbers.push(phone_number(locale, random));
    }
    for _ in 0..[1, 1, 0, 0, 2][random.below(5)] {
        contact.email_addresses.push(email_address(locale, random));
    }
    if random.one_in(3) {
        contact.organizations.push(organization(locale, random));
    }
    if random.one_in(8) {
        contact.nicknames.push(random.pick(NICKNAMES).to_owned());
    }
    contact
}

pub(super) fn any_phone_number(random: &mut Random) -> PhoneNumber {
    let locale = &LOCALES[random.below(LOCALES.len())];
    phone_number(locale, random)
}

fn phone_number(locale: &Locale, random: &mut Random) -> PhoneNumber {
    let mut national = String::new();
    for letter in random.pick(locale.numbers).chars() {
        match letter {
            // Never 0, so that a trunk prefix is never hit by chance.
            '#' => national.push(char::from(b'1' + random.below(9) as u8)),
            other => national.push(other),
        }
    }
    let digits: String = national.chars().filter(char::is_ascii_digit).collect();
    let significant = digits.strip_prefix(locale.trunk).unwrap_or(&digits);
    let canonical = format!("+{}{significant}", locale.country_code);
    let spaced = national.strip_prefix(locale.trunk).unwrap_or(&national).trim_start();
    let value = match random.below(6) {
        0 => canonical.clone(),
        1 => format!("+{} {spaced}", locale.country_code),
        2 if locale.trunk == "0" => format!("+{} (0){spaced}", locale.country_code),
        3 => digits.clone(),
        _ => national,
    };
    let label = match random.below(12) {
        0 => None,
        1 => Some(random.pick(RARE_LABELS)),
        _ => Some(random.pick(LABELS)),
    };
    PhoneNumber {
        value,
        // Google cannot make sense of every number, not even of every proper one.
        canonical: (!random.one_in(20)).then_some(canonical),
        label: label.map(str::to_owned),
    }
}

fn email_address(locale: &Locale, random: &mut Random) -> EmailAddress {
    let value =
        format!("{}{}@{}", random.pick(locale.mailboxes), random.below(100_000), locale.domain);
    let label = ["home", "work", "other", "Newsletter"][random.below(4)];
    EmailAddress { value, label: (!random.one_in(4)).then(|| label.to_owned()) }
}

fn organization(locale: &Locale, random: &mut Random) -> Organization {
    let mut organization =
        Organization { name: random.pick(locale.companies).to_owned(), ..Organization::default() };
    if random.one_in(2) {
        organization.title = random.pick(TITLES).to_owned();
    }
    if random.one_in(5) {
        organization.department = random.pick(DEPARTMENTS).to_owned();
    }
    organization
}

fn groups(random: &mut Random) -> Vec<String> {
    let mut groups = vec!["myContacts".to_owned()];
    if random.one_in(20) {
        groups.push("starred".to_owned());
    }
    if random.one_in(5) {
        let users: Vec<&str> = GROUPS.iter().filter(|group| !group.2).map(|(id, ..)| *id).collect();
        groups.push(random.pick(&users).to_owned());
    }
    groups
}

const ODDITIES: usize = 30;
const CROWDED: usize = 15;

/// The contacts on which importers break.
fn odd_contact(which: usize, random: &mut Random) -> Contact {
    let mut contact = ordinary_contact(random);
    let locale = &LOCALES[random.below(LOCALES.len())];
    let number = |value: &str, canonical: Option<&str>, label: Option<&str>| PhoneNumber {
        value: value.to_owned(),
        canonical: canonical.map(str::to_owned),
        label: label.map(str::to_owned),
    };
    let unstructured = |text: String| Some(Name { unstructured: text, ..Name::default() });
    match which {
        // Without a name: a company, a number, an address, nothing at all.
        0 => {
            contact.name = None;
            contact.organizations = vec![organization(locale, random)];
            contact.phone_numbers = vec![number("1820", None, Some("Night desk"))];
            contact.email_addresses.clear();
        }
        1 => {
            contact = Contact { groups: contact.groups, ..Contact::default() };
            contact.phone_numbers = vec![phone_number(locale, random)];
        }
        2 => {
            contact = Contact { groups: contact.groups, ..Contact::default() };
            contact.email_addresses = vec![email_address(locale, random)];
        }
        3 => contact = Contact { groups: contact.groups, ..Contact::default() },
        4 => contact = Contact::default(),
        5 => {
            contact = Contact { groups: contact.groups, ..Contact::default() };
            contact.nicknames = vec![random.pick(NICKNAMES).to_owned()];
        }
        // Numbers as people type them.
        6 => contact.phone_numbers = vec![number("801-520-4769 - noel cell", None, Some("mobile"))],
        7 => contact.phone_numbers = vec![number("1820", None, None)],
        8 => {
            let extension =
                number("+1 415-555-0132;ext=77", Some("+14155550132;ext=77"), Some("work"));
            contact.phone_numbers = vec![extension, number("+49 30 5550-0 ext. 12", None, None)];
        }
        9 => {
            let value = "+44 (0)20 7946 0018";
            contact.phone_numbers = vec![number(value, Some("+442079460018"), Some("work"))];
        }
        10 => {
            contact.phone_numbers = vec![
                number("1-800-FLOWERS", Some("+18003569377"), Some("main")),
                number("0800 REZEPT", None, None),
            ];
        }
        11 => contact.phone_numbers = vec![number("*31#06 12345678", None, Some("mobile"))],
        12 => contact.phone_numbers = vec![number("ask the neighbour", None, Some("home"))],
        13 => contact.phone_numbers = vec![number("٠١٠ ١٢٣٤ ٥٦٧٨", Some("+201012345678"), None)],
        14 => {
            let long = "0123456789".repeat(7);
            contact.phone_numbers =
                vec![number(&long, None, Some("other")), number(" ", None, None)];
        }
        CROWDED => {
            // More than a list shows: Google cuts both off at 100.
            contact.phone_numbers = (0..130).map(|_| phone_number(locale, random)).collect();
            contact.email_addresses = (0..120).map(|_| email_address(locale, random)).collect();
        }
        16 => {
            let twice = phone_number(locale, random);
            contact.phone_numbers = vec![twice.clone(), twice];
        }
        // Names that break XML, screens and sorting.
        17 => contact.name = unstructured("<b>Tom</b> & \"Jerry's\" ]]> --> &amp; <!--".to_owned()),
        18 => contact.name = unstructured("Langer Name ".repeat(60).trim_end().to_owned()),
        19 => {
            let given = "Wolfe\u{1}schlegel\u{b}stein\u{1f}hausen\u{0}\u{7f}\u{85}".to_owned();
            let family = "Berger\ndorff\t\r\u{fffe}".to_owned();
            contact.name = Some(Name { given, family, ..Name::default() });
        }
        20 => contact.name = unstructured("👩‍👩‍👧‍👦 Família 🏳️‍🌈 🇬🇧".to_owned()),
        21 => contact.name = unstructured("\u{202e}drowkcab\u{202c} \u{200f}כהן".to_owned()),
        22 => contact.name = unstructured("Z̶̡͝a̷̛l̴g̸o̵̕ e\u{301}\u{301}\u{301}".to_owned()),
        23 => contact.name = unstructured("   ".to_owned()),
        24 => contact.name = unstructured("\u{2028}Zeile\u{2029} \u{feff}BOM\u{a0}nbsp".to_owned()),
        25 => contact.name = unstructured("AAA Towing 24/7 \\ \u{1f697}".to_owned()),
        26 => contact.name = unstructured("42".to_owned()),
        27 => {
            let given = "𝓕𝓪𝓷𝓬𝔂".to_owned();
            let family = "ﬁnancial Ⅳ ｆｕｌｌ".to_owned();
            contact.name = Some(Name { given, family, ..Name::default() });
        }
        28 => {
            // A family name alone, and one person in several companies.
            let family = random.pick(locale.family).to_owned();
            contact.name = Some(Name { family, ..Name::default() });
            contact.organizations = (0..3).map(|_| organization(locale, random)).collect();
        }
        _ => {
            // Spelled in two ways that look the same: é, and e with an accent.
            let given = "Jose\u{301}".to_owned();
            contact.name = Some(Name { given, family: "Muñoz".to_owned(), ..Name::default() });
        }
    }
    contact
}
