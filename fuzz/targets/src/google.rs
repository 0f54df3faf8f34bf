//! Bytes in Google's name: whatever they are, what is made of them is small, clean and no lie.
#![allow(clippy::expect_used, reason = "a test may fail loudly")]

use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::ExposeSecret;

use crate::{assert_clean, assert_short, parts};
use ringbook_core::contact::{Contact, Content, NameKey, ResourceName, differences};
use ringbook_core::sync::book::{Entry, FetchError, Presence, Unreadable};
use ringbook_core::sync::diagnosis::Diagnosis;
use ringbook_google::fault::{ApiError, retry_after};
use ringbook_google::oauth::{self, OAuthError, Tokens};
use ringbook_google::oauth_refusals::{Stage, read_error};
use ringbook_google::transport::{Answer, unpack};
use ringbook_google::{person, wire};

/// A page of `people.connections.list`.
pub(crate) fn page(bytes: &[u8]) {
    // Both listings are read by the same rules; only what they call their people differs.
    let contacts = wire::page(bytes.to_vec());
    let _ = wire::domain_page(bytes.to_vec());
    let Ok(page) = contacts else { return };
    let entries = page.entries.get();
    entries.iter().for_each(check);
    let kept: usize = entries.iter().map(size).sum();
    assert!(kept <= 2 * bytes.len() + 200 * entries.len(), "{kept} bytes were kept");
    for token in
        [page.next.as_ref().map(|it| it.as_str()), page.sync_token.as_ref().map(|it| it.expose())]
    {
        assert!(token.is_none_or(|it| !it.is_empty()), "an empty token stands for none");
    }
    // However it is cut, the beginning of a page is not a page: what is missing from one would be deleted.
    let whole = bytes.trim_ascii_end();
    for at in (0..whole.len()).step_by(whole.len() / 32 + 1).chain([whole.len() - 1]) {
        assert!(wire::page(whole[..at].to_vec()).is_err(), "the first {at} bytes pass for a page");
    }
}

/// One person of a page.
pub(crate) fn one_person(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let entry = person::read(text);
        check(&entry);
        assert!(size(&entry) <= 2 * bytes.len() + 200);
    }
}

fn check(entry: &Entry) {
    match entry {
        Entry::Person(contact) => check_contact(contact),
        Entry::Deleted(it) => {
            check_name(&it.resource_name);
            it.previous_names.iter().for_each(check_name);
        }
        Entry::Unreadable(Unreadable { resource_name, reason, .. }) => {
            resource_name.iter().for_each(check_name);
            assert_short(reason, 200);
        }
    }
}

fn check_name(name: &ResourceName) {
    assert_eq!(ResourceName::parse(name.as_str()).as_ref(), Some(name));
}

fn check_contact(contact: &Contact) {
    check_name(&contact.resource_name);
    contact.previous_names.iter().for_each(check_name);
    assert!(!contact.previous_names.contains(&contact.resource_name));
    check_content(&contact.content);
}

/// What is read is clean and in its normal form, and comes back from the database as it was.
pub(crate) fn check_content(content: &Content) {
    let Content { names, nicknames, organization, phones, emails, labels } = content;
    let names = [
        &names.display,
        &names.last_first,
        &names.unstructured,
        &names.prefix,
        &names.given,
        &names.middle,
        &names.family,
        &names.suffix,
        &names.phonetic_full,
        &names.phonetic_given,
        &names.phonetic_middle,
        &names.phonetic_family,
    ];
    let work = organization.iter().flat_map(|it| [&it.name, &it.department, &it.title]);
    let phones =
        phones.iter().flat_map(|it| [Some(&it.value), it.canonical.as_ref(), Some(&it.kind)]);
    let emails = emails.iter().flat_map(|it| [&it.value, &it.kind]);
    let others = nicknames.iter().chain(work).chain(phones.flatten()).chain(emails).chain(labels);
    for text in names.into_iter().chain(others) {
        assert_clean(text, 1000);
    }
    let (json, fingerprint) = content.encode();
    let mut back = Content::decode(&json).expect("what was stored is read");
    assert_eq!(&back, content);
    back.normalise();
    assert_eq!(back.encode(), (json, fingerprint), "the normal form is stable");
    assert!(differences(Some(&back), Some(content)).is_empty());
    assert!(!content.display_name().is_empty());
    assert!(NameKey::of(&content.display_name()).as_str().is_ascii());
}

fn size(entry: &Entry) -> usize {
    match entry {
        Entry::Person(it) => {
            let names = it.previous_names.iter().map(|it| it.as_str().len()).sum::<usize>();
            it.content.encode().0.len() + names + it.etag.as_ref().map_or(0, String::len)
        }
        Entry::Deleted(it) => {
            let former = it.previous_names.iter().map(|it| it.as_str().len()).sum::<usize>();
            it.resource_name.as_str().len() + former
        }
        Entry::Unreadable(it) => it.reason.len(),
    }
}

/// `people:batchGet`, asked about three persons.
pub(crate) fn batch(bytes: &[u8]) {
    let names: Vec<ResourceName> = ["people/c1", "people/c2", "people/c1"]
        .iter()
        .filter_map(|name| ResourceName::parse(name))
        .collect();
    let Ok(verdicts) = wire::verdicts(bytes, &names) else { return };
    assert_eq!(verdicts.len(), names.len());
    assert_eq!(verdicts[0], verdicts[2], "the same question has the same answer");
    for (verdict, name) in verdicts.iter().zip(&names) {
        // Deleting takes Google's word about this very name.
        let named = String::from_utf8_lossy(bytes);
        let spelled = named.contains(name.as_str()) || named.contains('\\');
        assert!(spelled || *verdict == Presence::Unknown);
        if let Presence::Renamed(other) = verdict {
            check_name(other);
            assert_ne!(other, name);
        }
    }
}

/// `contactGroups.list`, and the one person that `people/me` is.
pub(crate) fn labels(bytes: &[u8]) {
    if let Ok((labels, next)) = wire::labels(bytes, false) {
        assert_ne!(next.as_deref(), Some(""));
        for label in labels {
            assert!(label.resource_name.starts_with("contactGroups/"));
            assert_clean(&label.resource_name, 256);
            assert_clean(&label.name, 1000);
        }
    }
    if let Ok(Some(name)) = wire::identity(bytes) {
        check_name(&name);
        assert_ne!(name.as_str(), "people/me");
    }
}

/// A refusal: a line with the status, one with `Retry-After`, and the body.
pub(crate) fn refusal(bytes: &[u8]) {
    let answer = answer(bytes);
    let read = || ApiError::read(&answer, Timestamp::UNIX_EPOCH);
    let _ = read().is_reticence();
    for with_cursor in [false, true] {
        let error = read().judge(with_cursor);
        assert_short(&error.to_string(), 2000);
        if let FetchError::Again { retry_after, .. } = error {
            assert!(retry_after.is_none_or(|wait| wait <= Duration::from_secs(3600)));
        }
    }
}

fn answer(bytes: &[u8]) -> Answer {
    let [status, wait, body] = parts(bytes, b'\n');
    let status = std::str::from_utf8(status).ok().and_then(|it| it.trim().parse().ok());
    let wait = String::from_utf8_lossy(wait).into_owned();
    let status = status.filter(|it| (100..=599).contains(it)).unwrap_or(400);
    let date = Some(wait.clone());
    let is_page = body.starts_with(b"<");
    Answer { status, json: true, retry_after: Some(wait), date, is_page, body: body.to_vec() }
}

/// The header `Retry-After`.
pub(crate) fn wait(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for now in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
        assert!(retry_after(&text, now).is_none_or(|wait| wait <= Duration::from_secs(3600)));
    }
}

/// An answer of the token service: as a success, as a refusal, and as words behind `error=`.
pub(crate) fn tokens(bytes: &[u8]) {
    let now = Timestamp::UNIX_EPOCH;
    let first = oauth::read_tokens(bytes, None, now);
    let next = oauth::read_tokens(bytes, first.as_ref(), now);
    assert_eq!(first.is_some(), next.is_some());
    for tokens in first.iter().chain(&next) {
        check_tokens(tokens, now, bytes.len());
    }
    let answer = answer(bytes);
    for body in [bytes.to_vec(), answer.body.clone()] {
        let answer = Answer { body, ..answer_of(&answer) };
        if let Some(error) = read_error(&answer) {
            for stage in [Stage::Consent, Stage::Code, Stage::Grant] {
                let told = error.judge(stage, None).to_string();
                assert_short(&told, 2000);
                assert!(Diagnosis::read(&told).is_some(), "{told}");
            }
        }
    }
    assert_short(&OAuthError::from_redirect(&String::from_utf8_lossy(bytes)).to_string(), 2000);
}

fn answer_of(other: &Answer) -> Answer {
    let retry_after = other.retry_after.clone();
    let date = other.date.clone();
    let (status, json, is_page) = (other.status, other.json, other.is_page);
    Answer { status, json, retry_after, date, is_page, body: Vec::new() }
}

fn check_tokens(tokens: &Tokens, now: Timestamp, len: usize) {
    let Tokens { access, expires_at, refresh, refresh_expires_at, scopes } = tokens;
    for token in refresh.iter().chain([access]) {
        let token = token.expose_secret();
        assert!(!token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic()));
        // Short ones are found anywhere.
        assert!(
            token.len() < 12
                || !format!("{tokens:?}").contains(token)
                || scopes.concat().contains(token)
        );
    }
    assert!(*expires_at >= now && refresh_expires_at.is_none_or(|at| at >= now));
    assert!(scopes.iter().map(String::len).sum::<usize>() <= len.max(100));
}

/// A body that may be packed, and one that was packed well.
pub(crate) fn packed(bytes: &[u8]) {
    const ROOM: usize = 100_000;
    if let Ok(plain) = unpack(bytes.to_vec(), ROOM) {
        assert!(plain.len() <= ROOM.max(bytes.len()));
    }
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let well = packer.write_all(bytes).and_then(|()| packer.finish()).unwrap_or_default();
    match unpack(well.clone(), ROOM) {
        Ok(plain) => assert_eq!(plain, bytes),
        Err(_) => assert!(bytes.len() > ROOM),
    }
    let half = well[..well.len() / 2].to_vec();
    assert!(unpack(half, ROOM).is_err(), "half an answer is none");
}
