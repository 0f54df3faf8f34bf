//! The snapshot and its searches against the plainest ones that say the same.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;

use crate::directory::asked::Asked;
use crate::directory::digits::Digits;
use crate::directory::search::{Hit, MatchRank, Scope};
use crate::directory::snapshot::{IndexedContact, Snapshot};
use ringbook_core::contact::{Initial, Keypad, fold};
use ringbook_core::number::{DialRules, Region};

/// Few words, so that they meet often.
fn text() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "ada",
        "ad",
        "a",
        "bo",
        "bob",
        "jose",
        "josephine",
        "kose",
        "lovelace",
        "3m",
        "4711",
        "z",
    ]);
    prop::collection::vec(word, 0..4).prop_map(|words| words.join(" "))
}

/// Few endings, and few countries before them.
fn digits() -> impl Strategy<Value = (String, bool)> {
    let country = prop::sample::select(vec!["", "49", "44", "4930", "1"]);
    let rest = prop::sample::select(vec![
        "101",
        "1234567",
        "2345678",
        "12345678",
        "112345678",
        "301234567",
        "99999999999999",
    ]);
    (country, rest, any::<bool>()).prop_map(|(country, rest, international)| {
        (format!("{country}{rest}"), international && !country.is_empty())
    })
}

fn record() -> impl Strategy<Value = IndexedContact> {
    let fields = prop::collection::vec(text(), 1..4);
    let numbers = prop::collection::vec(digits(), 0..3);
    let labels = prop::collection::vec(prop::sample::select(vec!["x", "y", "z"]), 0..3);
    (1..12_i64, 0..3_i64, fields, numbers, labels, any::<(bool, bool, bool)>()).prop_map(
        |(id, account, fields, numbers, mut labels, (starred, has_phone, off_phones))| {
            labels.sort_unstable();
            labels.dedup();
            let id = account * 100 + id;
            IndexedContact {
                id,
                account,
                shown: fields[0].to_uppercase(),
                company: String::new(),
                first_number: String::new(),
                sort_key: fields[0].clone().into_bytes(),
                keypad: Keypad::of_folded(&fields[0]),
                initial: Initial::of_folded(&fields[0]),
                starred,
                has_phone,
                off_phones,
                fields,
                numbers: numbers
                    .iter()
                    .filter_map(|(text, international)| Digits::of(text, *international))
                    .collect(),
                labels: labels.into_iter().map(str::to_owned).collect(),
            }
        },
    )
}

fn records() -> impl Strategy<Value = Vec<IndexedContact>> {
    prop::collection::vec(record(), 0..20).prop_map(unique)
}

/// The last of each id, in the order of the directory.
fn unique(records: Vec<IndexedContact>) -> Vec<IndexedContact> {
    let last: BTreeMap<i64, IndexedContact> = records.into_iter().map(|it| (it.id, it)).collect();
    let mut records: Vec<IndexedContact> = last.into_values().collect();
    records.sort_by(|a, b| (&a.sort_key, a.id).cmp(&(&b.sort_key, b.id)));
    records
}

fn snapshot(records: &[IndexedContact], merge: bool) -> Snapshot {
    Snapshot::default().with(&HashSet::new(), records.to_vec(), merge)
}

/// Everything that can be seen of a snapshot, in words.
fn described(it: &Snapshot) -> String {
    let mut lines = Vec::new();
    for place in 0..it.len() as u32 {
        let merged: Vec<i64> = it.merged_with(place).collect();
        let text = String::from_utf8_lossy(it.text(place)).into_owned();
        let (id, name) = (it.id(place), it.name(place));
        let (starred, shown) = (it.is_starred(place), it.is_on_phones(place));
        lines.push(format!("{id} {name} {text:?} {starred} {shown} {merged:?}"));
    }
    let words: Vec<_> = it.words.iter().map(|(at, whose)| (it.word(*at), *whose)).collect();
    let mut labels: Vec<_> = it.labels().collect();
    labels.sort();
    let keys: Vec<_> = Keypad::ALL.iter().map(|key| it.keypad(*key)).collect();
    let lists = (it.starred(), it.with_phone(), keys, labels);
    format!("{lines:#?} {words:?} {:?} {:?} {lists:?}", it.numbers, it.digits)
}

/// What is looked for among the numbers, where nothing is known of any country.
fn number(asked: &str) -> Asked {
    Asked::read(asked, &DialRules::default())
}

/// Every contact that fits, found by looking at each.
fn naive(
    records: &[IndexedContact],
    fit: impl Fn(&IndexedContact) -> Option<MatchRank>,
) -> Vec<Hit> {
    let hits = (0..).zip(records).filter_map(|(place, it)| Some((fit(it)?, place)));
    let mut hits: Vec<Hit> = hits.collect();
    hits.sort();
    hits
}

fn fit_of_text(record: &IndexedContact, asked: &str) -> Option<MatchRank> {
    let words: Vec<&str> = asked.split_whitespace().collect();
    let name = &record.fields[0];
    let all = |fits: &dyn Fn(&str) -> bool| !words.is_empty() && words.iter().all(|it| fits(it));
    let in_name = |fits: fn(&str, &str) -> bool| {
        all(&|word| name.split(' ').any(|it| !it.is_empty() && fits(it, word)))
    };
    let in_any = |fits: fn(&str, &str) -> bool| {
        all(&|word| record.fields.iter().any(|it| it.split(' ').any(|it| fits(it, word))))
    };
    let kinds = [
        (MatchRank::Exact, !words.is_empty() && record.fields.iter().any(|it| it == asked)),
        (MatchRank::Words, in_name(|it, word| it == word)),
        (MatchRank::Beginning, !words.is_empty() && name.starts_with(asked)),
        (MatchRank::WordBeginnings, in_name(|it, word| it.starts_with(word))),
        (MatchRank::Elsewhere, in_any(|it, word| it.starts_with(word))),
        (MatchRank::Within, in_any(|it, word| it.contains(word))),
    ];
    kinds.into_iter().find(|(_, fits)| *fits).map(|(fit, _)| fit)
}

/// The digits of a number abroad without what is dialled in front of an area within its country.
fn without_trunk(digits: &str) -> Option<String> {
    let letters = || (b'A'..=b'Z').map(char::from);
    let regions: Vec<Region> = letters()
        .flat_map(|a| letters().map(move |b| format!("{a}{b}")))
        .filter_map(|it| Region::parse(&it))
        .collect();
    (1..=3.min(digits.len())).find_map(|len| {
        let (code, rest) = digits.split_at(len);
        let region = regions.iter().find(|it| it.calling_code().to_string() == code)?;
        let trunk = region.trunk_prefix();
        let rest = rest.strip_prefix(trunk).filter(|it| !trunk.is_empty() && !it.is_empty())?;
        Some(format!("{code}{rest}"))
    })
}

fn fit_of_number(record: &IndexedContact, asked: &str) -> Option<MatchRank> {
    let numbers = || record.numbers.iter().map(|it| it.text());
    let abroad = || asked.strip_prefix("00").filter(|it| it.len() >= 2);
    let fits = match asked.strip_prefix('+').or_else(abroad) {
        Some(digits) => {
            let bare = without_trunk(digits);
            numbers().any(|it| {
                it.starts_with(digits) || bare.as_ref().is_some_and(|bare| it.starts_with(&**bare))
            })
        }
        None => {
            let bare = asked.strip_prefix('0').filter(|it| it.len() >= 3).unwrap_or(asked);
            asked.len() >= 3 && numbers().any(|it| it.contains(bare))
        }
    };
    fits.then_some(MatchRank::Number)
}

/// Whether keys spell the beginning of a text, gaps left out or typed as `0` or `1`; a `1` may also stand for a
/// dot before a gap, or at the end.
fn spells(keys: &[u8], text: &[u8], begun: bool) -> bool {
    let Some((key, keys)) = keys.split_first() else { return begun };
    let dot = || begun && *key == b'1' && spells(keys, text, true);
    let Some((letter, text)) = text.split_first() else { return dot() };
    if *letter == b' ' {
        if dot() {
            return true;
        }
        let typed = begun && matches!(key, b'0' | b'1') && spells(keys, text, true);
        let letters =
            |text: &[u8]| text.first().is_some_and(|it| Keypad::of(*it) == Keypad::of(*key));
        return typed || begun && letters(text) && spells(keys, &text[1..], true);
    }
    Keypad::of(*letter) == Keypad::of(*key) && spells(keys, text, true)
}

fn fit_of_keys(record: &IndexedContact, keys: &str) -> Option<MatchRank> {
    let mut best = fit_of_number(record, keys);
    for (number, field) in record.fields.iter().enumerate() {
        let begins = |at: usize| at == 0 || field.as_bytes()[at - 1] == b' ';
        for at in (0..field.len()).filter(|at| begins(*at)) {
            if spells(keys.as_bytes(), &field.as_bytes()[at..], false) {
                // Where the name is empty, the next field stands first in its place, after an end mark.
                let first = number == 0 && at == 0;
                let fit = if first { MatchRank::Beginning } else { MatchRank::WordBeginnings };
                best = Some(best.map_or(fit, |known| known.min(fit)));
            }
        }
    }
    best.filter(|_| record.has_phone && !record.off_phones)
}

/// Whose number it is, by the words of [`Snapshot::who_has`].
fn naive_who_has(records: &[IndexedContact], asked: Digits, digits_min: usize) -> Option<u32> {
    let all = || {
        let places = (0_u32..).zip(records).filter(|(_, it)| !it.off_phones);
        places.flat_map(|(place, it)| it.numbers.iter().map(move |number| (*number, place)))
    };
    if let Some((_, place)) = all().find(|(number, _)| number.same(asked)) {
        return Some(place);
    }
    let alike: Vec<(usize, Digits, u32)> = all()
        .filter(|(number, _)| !(number.is_international() && asked.is_international()))
        .map(|(number, place)| (number.tail(asked), number, place))
        .filter(|(tail, number, _)| *tail >= digits_min && *tail == number.len().min(asked.len()))
        .collect();
    let longest = alike.iter().map(|it| it.0).max()?;
    let best: Vec<_> = alike.iter().filter(|it| it.0 == longest).collect();
    best.iter().all(|it| it.1.same(best[0].1)).then_some(best[0].2)
}

/// A change of a contact: what it is now, or that it is gone.
fn changes() -> impl Strategy<Value = Vec<Vec<(bool, IndexedContact)>>> {
    prop::collection::vec(prop::collection::vec((prop::bool::weighted(0.7), record()), 0..8), 0..6)
}

proptest! {
    #[test]
    fn however_changes_are_split_the_snapshot_is_the_same(parts in changes(), merge: bool) {
        let mut now: BTreeMap<i64, IndexedContact> = BTreeMap::new();
        let mut followed = Snapshot::default();
        for part in parts {
            let part: BTreeMap<i64, (bool, IndexedContact)> =
                part.into_iter().map(|it| (it.1.id, it)).collect();
            let changed: HashSet<i64> = part.keys().copied().collect();
            let mut added = Vec::new();
            for (id, (there, record)) in part {
                now.remove(&id);
                if there {
                    added.push(record.clone());
                    now.insert(id, record);
                }
            }
            followed = followed.with(&changed, added, merge);
        }
        let records = unique(now.into_values().collect());
        prop_assert_eq!(described(&followed), described(&snapshot(&records, merge)));
    }

    #[test]
    fn a_search_by_text_finds_what_looking_at_everybody_finds(
        records in records(), asked in text(),
    ) {
        let snapshot = snapshot(&records, false);
        let asked = fold(&asked, 200);
        let expected = naive(&records, |it| fit_of_text(it, &asked));
        prop_assert_eq!(snapshot.search(&asked, &Asked::default(), Scope::Names), expected);
    }

    #[test]
    fn a_search_by_a_piece_of_a_word_finds_what_looking_at_everybody_finds(
        records in records(), asked in "[adbojselc34 ]{1,4}",
    ) {
        let snapshot = snapshot(&records, false);
        let asked = fold(&asked, 200);
        let expected = naive(&records, |it| fit_of_text(it, &asked));
        prop_assert_eq!(snapshot.search(&asked, &Asked::default(), Scope::Names), expected);
    }

    #[test]
    fn a_search_by_number_finds_what_looking_at_everybody_finds(
        records in records(), asked in "(\\+|00|0)?[0-9]{1,2}(1234|30|99|0)?[0-9]{0,2}",
    ) {
        let snapshot = snapshot(&records, false);
        let expected = naive(&records, |it| fit_of_number(it, &asked));
        prop_assert_eq!(snapshot.search(&asked, &number(&asked), Scope::Numbers), expected);
    }

    #[test]
    fn keys_spell_whom_letter_by_letter_they_spell(
        records in records(), keys in "[023569741]{1,6}|5673[0-9]{0,4}|2320?[25][0-9]{0,3}",
    ) {
        let snapshot = snapshot(&records, false);
        let expected = naive(&records, |it| fit_of_keys(it, &keys));
        prop_assert_eq!(snapshot.search_by_keys(&keys, &number(&keys)), expected, "{}", keys);
    }

    #[test]
    fn whoever_is_named_for_a_number_has_one_that_ends_as_promised(
        records in records(), (text, international) in digits(), digits_min in 4..12_usize,
    ) {
        let asked = Digits::of(&text, international).unwrap();
        let found = snapshot(&records, false).who_has(asked, digits_min, None).first().copied();
        if let Some(place) = found {
            let promised = |it: &Digits| {
                let whole = it.tail(asked) == it.len().min(asked.len());
                let abroad = it.is_international() && asked.is_international();
                it.same(asked) || whole && !abroad && it.tail(asked) >= digits_min
            };
            prop_assert!(records[place as usize].numbers.iter().any(promised));
        }
        prop_assert_eq!(found, naive_who_has(&records, asked, digits_min));
    }
}

/// What phones see of a snapshot: contacts by their ids.
fn on_phones(it: &Snapshot, asked: &str, caller: Digits) -> String {
    let ids = |places: &[u32]| places.iter().map(|at| it.id(*at)).collect::<Vec<_>>();
    let hits = |hits: Vec<Hit>| hits.iter().map(|(fit, at)| (*fit, it.id(*at))).collect::<Vec<_>>();
    let mut labels: Vec<_> =
        it.labels().map(|(account, name, places)| (account, name, ids(places))).collect();
    labels.sort();
    let keys: Vec<_> = Keypad::ALL.iter().map(|key| ids(it.keypad(*key))).collect();
    let merged: Vec<_> = (0..it.len() as u32)
        .filter(|at| it.is_on_phones(*at))
        .map(|at| (it.id(at), it.merged_with(at).collect::<Vec<_>>()))
        .collect();
    let found = hits(it.on_phones(it.search(asked, &number(asked), Scope::Everything)));
    let by_keys = hits(it.search_by_keys("5673", &number("5673")));
    let whose = it.who_has(caller, 6, None).iter().map(|at| it.id(*at)).collect::<Vec<_>>();
    let lists = (ids(it.starred()), it.with_phone(), keys, labels);
    format!("{lists:?} {merged:?} {found:?} {by_keys:?} {whose:?}")
}

proptest! {
    /// Nothing on a phone tells whether there is somebody who is kept off it.
    #[test]
    fn who_is_kept_off_the_phones_is_as_good_as_not_there(
        records in records(), asked in text(), (number, abroad) in digits(), merge in any::<bool>(),
    ) {
        let Some(number) = Digits::of(&number, abroad) else { return Ok(()) };
        let without: Vec<IndexedContact> = records.iter().filter(|it| !it.off_phones).cloned().collect();
        prop_assert_eq!(
            on_phones(&snapshot(&records, merge), &asked, number),
            on_phones(&snapshot(&without, merge), &asked, number)
        );
    }
}

#[test]
fn keys_that_may_be_gaps_do_not_lead_to_a_name_by_endless_ways() {
    let mut record = IndexedContact {
        id: 1,
        account: 1,
        shown: "Zero".to_owned(),
        company: String::new(),
        first_number: String::new(),
        sort_key: b"zero".to_vec(),
        keypad: Keypad::of_folded("zero"),
        initial: Initial::of_folded("zero"),
        starred: false,
        has_phone: true,
        off_phones: false,
        fields: vec!["0 ".repeat(60).trim_end().to_owned()],
        numbers: Vec::new(),
        labels: Vec::new(),
    };
    let snapshot = snapshot(&[record.clone()], false);
    assert_eq!(snapshot.search_by_keys(&"0".repeat(40), &Asked::default()).len(), 1);
    // What is longer than a snapshot keeps is cut, and found by its beginning.
    record.fields = vec!["word".repeat(20_000)];
    let snapshot = Snapshot::default().with(&HashSet::new(), vec![record], false);
    assert_eq!(snapshot.search("word", &Asked::default(), Scope::Names).len(), 1);
    assert!(snapshot.search("+(0)(0)(0)", &number("+(0)(0)(0)"), Scope::Everything).is_empty());
}

#[test]
fn people_of_one_name_are_told_apart_by_company_or_number() {
    let of = |id: i64, name: &str, company: &str, number: &str| IndexedContact {
        id,
        account: 1,
        shown: name.to_owned(),
        company: company.to_owned(),
        first_number: number.to_owned(),
        sort_key: name.to_lowercase().into_bytes(),
        keypad: Keypad::of_folded("a"),
        initial: Initial::of_folded("a"),
        starred: false,
        has_phone: !number.is_empty(),
        off_phones: false,
        fields: vec![name.to_lowercase()],
        numbers: Vec::new(),
        labels: Vec::new(),
    };
    let snapshot = snapshot(
        &unique(vec![
            of(1, "Ada", "Engines", "1"),
            of(2, "Ada", "Looms", "2"),
            of(3, "Bob", "Looms", "3"),
            of(4, "Bob", "Looms", "4"),
            of(5, "Bob", "", "5"),
            of(6, "Cy", "Looms", "6"),
            of(7, "Cy", "Engines", ""),
            of(8, "cy", "Engines", "8"),
        ]),
        false,
    );
    let lines: Vec<String> =
        (0..8).map(|at| format!("{}: {}", snapshot.id(at), snapshot.name_in_list(at))).collect();
    assert_eq!(
        lines,
        [
            "1: Ada (Engines)",
            "2: Ada (Looms)",
            "3: Bob (3)",
            "4: Bob (4)",
            "5: Bob (5)",
            "6: Cy",
            "7: Cy (Engines)",
            "8: cy",
        ]
    );
}
