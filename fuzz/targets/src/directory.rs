//! What is kept and shown: texts, names, contents, ids and schedules.

use jiff::Timestamp;

use crate::{assert_clean, assert_short, parts};
use ringbook_core::contact::{Content, Initial, NameKey, ResourceName, clean, differences};
use ringbook_core::sync::schedule::{Cadence, Due, Plan, Standing, next};
use ringbook_core::sync::{AccountId, RunId};
use ringbook_store::{ContactId, Ids};

/// Any text where a name, a number or a word of somebody else's is expected.
pub(super) fn text(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for len_max in [0, 1, 7, 1000, usize::MAX] {
        let once = clean(&text, len_max);
        assert_clean(&once, len_max);
        assert_eq!(clean(&once, len_max), once, "to clean twice is to clean once");
    }
    let key = NameKey::of(&text);
    let plain = key.as_str();
    assert!(!plain.is_empty() && plain.len() <= NameKey::LEN_MAX + 1, "{plain}");
    assert!(plain.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b' ' | b'~')), "{plain}");
    assert_eq!(NameKey::of(plain).initial(), key.initial());
    assert_eq!(Initial::parse(key.initial().as_str()), Some(key.initial()));
    if let Some(initial) = Initial::parse(&text) {
        assert_eq!(Initial::parse(initial.as_str()), Some(initial));
    }
    // Who is sorted by the cleaned name must be found where the raw one is looked for.
    if !text.contains(|c: char| c.is_control() || c > '\u{fffd}') {
        assert_eq!(NameKey::of(&clean(&text, usize::MAX)), key);
    }
    if let Some(name) = ResourceName::parse(&text) {
        assert_eq!(name.as_str(), text);
        assert_clean(name.as_str(), ResourceName::LEN_MAX);
    }
    assert_clean(ringbook_core::contact::excerpt(&text).trim_end_matches('…').trim_end(), 81);
}

/// The stored form of a contact.
pub(super) fn content(bytes: &[u8]) {
    let Ok(mut content) =
        std::str::from_utf8(bytes).map_err(drop).and_then(|it| Content::decode(it).map_err(drop))
    else {
        return;
    };
    let (json, fingerprint) = content.encode();
    assert!(json.len() <= 8 * bytes.len() + 100);
    assert_eq!(Content::decode(&json).ok().as_ref(), Some(&content));
    assert_eq!(content.encode(), (json, fingerprint));
    content.normalise();
    let once = content.clone();
    content.normalise();
    assert_eq!(once, content, "to normalise twice is to normalise once");
    assert!(differences(Some(&once), Some(&content)).is_empty());
    let (created, deleted) = (differences(None, Some(&content)), differences(Some(&content), None));
    assert_eq!(created.len(), deleted.len());
    let _ = (content.display_name(), content.is_starred());
}

/// Ids, cursors and the ids of events, as strangers send them back.
pub(super) fn ids(bytes: &[u8]) {
    let ids = Ids::new(0x1234_5678_9ABC_DEF0);
    let number = bytes.iter().take(8).fold(0_i64, |sum, byte| (sum << 8) | i64::from(*byte))
        & ((1 << 60) - 1);
    let written =
        [ids.run(RunId(number)), ids.contact(ContactId(number)), ids.account(AccountId(number))];
    assert_eq!(ids.parse_run(&written[0]), Some(RunId(number)));
    assert_eq!(ids.parse_contact(&written[1]), Some(ContactId(number)));
    assert_eq!(ids.parse_account(&written[2]), Some(AccountId(number)));
    assert_eq!(ids.parse_run(&written[1]).is_none(), number >= 0);
    let at = Timestamp::from_microsecond(number >> 8).unwrap_or(Timestamp::MAX);
    let cursor = ringbook_app::read::cursor(at, RunId(number));
    assert_eq!(ringbook_app::read::parse_cursor(&cursor), Some((at, RunId(number))));
    let event = ringbook_web::fuzzing::event_id(at, Timestamp::MAX);
    assert_eq!(ringbook_web::fuzzing::parse_event_id(&event), Some(at));

    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let lower = text.to_ascii_lowercase();
    let again = [
        ids.parse_run(text).map(|it| ids.run(it)),
        ids.parse_contact(text).map(|it| ids.contact(it)),
        ids.parse_account(text).map(|it| ids.account(it)),
    ];
    assert!(again.iter().flatten().all(|it| *it == lower), "an id has one spelling: {text}");
    assert!(again.iter().flatten().count() <= 1, "an id names one thing");
    if let Some((at, run)) = ringbook_app::read::parse_cursor(text) {
        assert!(at == Timestamp::MAX || ringbook_app::read::cursor(at, run) == text);
    }
    let _ = ringbook_web::fuzzing::parse_event_id(text);
}

/// A cron expression, and behind a line break a time zone.
pub(super) fn schedule(bytes: &[u8]) {
    let [expression, zone] = parts(bytes, b'\n').map(String::from_utf8_lossy);
    let zone = if zone.is_empty() { "UTC" } else { &*zone };
    let cadence = match Cadence::cron(&expression, zone) {
        Ok(cadence) => cadence,
        Err(problem) => return assert_short(&problem.to_string(), 1000),
    };
    let plan = Plan { cadence, paused: false };
    let account = AccountId(7);
    for seconds in [
        -8_000_000_000,
        0,
        951_782_400,
        1_761_438_600,
        1_774_747_800,
        4_102_444_800,
        253_000_000_000,
    ] {
        let Ok(now) = Timestamp::from_second(seconds) else { continue };
        let since = now.saturating_sub(jiff::SignedDuration::from_hours(30)).unwrap_or(now);
        let standing =
            Standing { last_slot: Some(since), last_ended: Some(since), ..Standing::default() };
        let Some(Due { at, .. }) = next(&plan, &standing, account, now) else { continue };
        assert!(at > since, "{at} was served already");
        // Asked again at that time, with nothing done meanwhile, it is still due.
        let then = next(&plan, &standing, account, at).map(|due| due.at);
        assert!(then.is_some_and(|then| then <= at), "{then:?} after {at}");
        let served = Standing { last_slot: Some(at), ..standing };
        let after = next(&plan, &served, account, at).map(|due| due.at);
        assert!(after.is_none_or(|after| after > at), "{at} comes twice");
    }
}
