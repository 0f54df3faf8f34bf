//! Bytes that nobody meant well: one function for each door through which they come in.
//!
//! A [`Target`] is handed bytes and panics when a promise is broken. The promises are more than not to
//! panic: what is read is clean, small beside what it was read from, and comes back the same when it is
//! written and read again; a part never passes for the whole; errors are told in the form of the API and
//! echo little.
//!
//! The same targets are used in two ways. `tests.rs` replays `tests/corpus/<target>/` and then throws
//! a fixed number of inputs made from it, always the same ones. `fuzz/run` lets libFuzzer look for new
//! ones, led by the code that they reach; that is built apart.
//!
//! **When an input breaks something**, the message names the file in which it was put (`fuzz/run`
//! says so, too). Move that file to `tests/corpus/<target>/` under a name that says what is odd about it, and it
//! is replayed for ever. Then write a test beside the code that was wrong, with the shortest form of the
//! input and a name that says what holds now, and fix the code.
#![allow(clippy::expect_used, reason = "a test may fail loudly")]

mod config;
mod directory;
mod google;
#[cfg(test)]
mod mutator;
mod router;
#[cfg(test)]
mod tests;

use secrecy::ExposeSecret;

use ringbook_app::connect::redirect::{Verdict, comes_back, judge, loopback_port};
use ringbook_app::connect::{CallbackParams, OAuthClient};
use ringbook_store::vault::{Key, KeyRing, KeySource, Vault, is_sealed, key_of};

/// What a person pastes as the address that a browser ended at; and an address as a redirect URI.
fn pasted(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(back) = CallbackParams::parse(&text) {
        assert!(!back.state.is_empty());
        assert!(back.answer.is_err() || back.answer.is_ok_and(|it| !it.expose_secret().is_empty()));
    }
    let judgement = judge(&text, "/ringbook");
    assert_eq!(judgement.verdict == Verdict::Good, judgement.way_out.is_none());
    let _ = comes_back("http://localhost:8000/auth/callback", &text);
    let _ = loopback_port(&text);
}

/// A sealed value, keys, and the file of an OAuth client: none of them is repeated where it is refused.
fn sealed(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let keys = KeyRing::of(Key::new([7; 32]));
    let vault = Vault::open(KeySource::Given { by: "a test".to_owned(), keys });
    let opened = vault.expect("given keys are there").open_sealed("place", &text);
    assert!(opened.is_err(), "nobody has sealed this");
    assert_eq!(is_sealed(&text), key_of(&text).is_some());
    if let Ok(ring) = KeyRing::parse(&text) {
        assert!((1..=16).contains(&ring.keys().len()));
    }
    if let Ok(client) = OAuthClient::from_download(&text) {
        assert!(!client.id.is_empty() && !client.secret.expose_secret().is_empty());
    }
}

/// A door, and what is known of the bytes that come through it.
pub struct Target {
    /// Also the name of its folder in `tests/corpus`.
    pub name: &'static str,
    /// Panics when the bytes break a promise.
    pub run: fn(&[u8]),
    /// Words that open further doors; chance alone would take too long to find them.
    pub words: &'static [&'static str],
    /// How many inputs `./test` makes up.
    pub executions: u32,
    /// Bytes that may be allocated, all together, for an input of no length and for each byte of one. It
    /// bounds the work, too: a loop that allocates cannot go unseen.
    pub appetite: (usize, usize),
}

const PERSON_WORDS: &[&str] = &[
    "\"resourceName\"",
    "\"people/c1\"",
    "\"people/\"",
    "\"metadata\"",
    "\"deleted\"",
    "\"sources\"",
    "\"previousResourceNames\"",
    "\"updateTime\"",
    "\"type\":\"CONTACT\"",
    "\"primary\":true",
    "\"names\"",
    "\"displayName\"",
    "\"phoneNumbers\"",
    "\"canonicalForm\"",
    "\"memberships\"",
    "\"organizations\"",
    "\"nicknames\"",
    "\"emailAddresses\"",
    "\"sipAddresses\"",
    "\"contactGroupMembership\"",
    "\"contactGroupId\"",
    "\"connections\"",
    "\"nextPageToken\"",
    "\"nextSyncToken\"",
    "\"totalItems\"",
    "\"error\"",
    "\\u0000",
    "\\ud800",
    "\\n",
    "\u{feff}",
    "\u{202e}",
    "\u{2028}",
    "\u{85}",
    "\u{7f}",
    "null",
    "true",
    "1e999",
    "[]",
    "{}",
];

const ANSWER_WORDS: &[&str] = &[
    "\"responses\"",
    "\"requestedResourceName\"",
    "\"person\"",
    "\"status\"",
    "\"code\"",
    "\"people/c1\"",
    "\"people/me\"",
    "\"contactGroups\"",
    "\"contactGroups/starred\"",
    "\"groupType\"",
    "\"SYSTEM_CONTACT_GROUP\"",
    "\"nextPageToken\"",
    "\"resourceName\"",
    "\"metadata\"",
    "\"deleted\"",
    "\"sources\"",
    "\"error\"",
    "\"details\"",
    "\"errors\"",
    "\"reason\"",
    "\"message\"",
    "\"links\"",
    "\"url\"",
    "\"https://console.",
    "\"@type\"",
    "google.rpc.QuotaFailure",
    "EXPIRED_SYNC_TOKEN",
    "SERVICE_DISABLED",
    "rateLimitExceeded",
    "Sync token",
    "\"access_token\"",
    "\"refresh_token\"",
    "\"expires_in\"",
    "\"scope\"",
    "\"token_type\"",
    "\"Bearer\"",
    "\"error_description\"",
    "\"invalid_grant\"",
    "\"access_denied\"",
    "400\n",
    "403\n",
    "429\n",
    "503\n",
    "3600\n",
    "Wed, 21 Oct 2015 07:28:00 GMT",
    "\\u0000",
    "null",
    "-1",
    "18446744073709551615",
    "1e999",
];

const TEXT_WORDS: &[&str] = &[
    "\0",
    "\u{1}",
    "\t",
    "\r\n",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "\u{200b}",
    "\u{202e}",
    "\u{2028}",
    "\u{2066}",
    "\u{3000}",
    "\u{fdfa}",
    "\u{feff}",
    "\u{fffe}",
    "\u{10ffff}",
    "\u{1f600}",
    "e\u{301}",
    "ß",
    "İ",
    "+49 30",
    "*#06#",
    ";ext=",
    " - ",
    "'",
    "\"",
    "<",
    "&amp;",
    "people/",
    "%00",
];

const SETTING_WORDS: &[&str] = &[
    "HOST=",
    "PORT=",
    "DATABASE_URL=",
    "TIMEZONE=",
    "LOG_LEVEL=",
    "TRUSTED_PROXIES=",
    "DIRECTORY_TITLE=",
    "GOOGLE_CLIENT_SECRET=",
    "GOOGLE_REDIRECT_URI=",
    "ALERT_WEBHOOK_URL=",
    "ALERT_AFTER_HOURS=",
    "SYNC_INTERVAL_MINUTES=",
    "SYNC_DELAY_SECONDS=",
    "sync_batch_size = ",
    "sqlite:///",
    "postgres://u:p@h/d",
    "https://",
    "[::1]",
    "0.0.0.0/0",
    "export ",
    "${PORT}",
    "'",
    "\"",
    "\"\"\"",
    "[[a]]",
    "1979-05-27",
    "0x",
    "\\u0000",
    "# ",
    "= ",
    "\n",
    "\x1e",
    "Europe/Berlin",
    "info,ringbook=debug",
];

const REQUEST_WORDS: &[&str] = &[
    "GET ",
    "PUT ",
    "POST ",
    "PATCH ",
    "HEAD ",
    "OPTIONS ",
    "/api/sync/status",
    "/api/sync/history",
    "/api/sync/runs/{run}",
    "/changes",
    "/errors",
    "/held",
    "/approve",
    "/reject",
    "/api/sync/schedule",
    "/api/sync/events",
    "/api/contacts",
    "/api/contacts/{contact}",
    "/api/dial?number=",
    "/api/search?q=",
    "/api/contacts/search",
    "/by-name",
    "/by-phone",
    "/lookup?number=",
    "/directory",
    "/directory/groups/2ABC",
    "/directory/contacts/{contact}",
    "/details",
    "/directory/search?q=",
    "/directory/search?keys=",
    "/directory/search/recent",
    "/directory/labels/",
    "/auth/callback",
    "/auth/status",
    "/docs",
    "/health",
    "/metrics",
    "?",
    "&",
    "limit=",
    "offset=",
    "cursor=",
    "account={account}",
    "sort=recent",
    "group=%23",
    "page=",
    "name=SEP",
    "number=%2B49",
    "number=1-800-",
    "after=",
    "state=",
    "error=",
    "code=",
    "%00",
    "%ff",
    "%2f",
    "+",
    "..",
    "//",
    "18446744073709551616",
    "\ncontent-type: application/json",
    "\naccept: text/html",
    "\norigin: null",
    "\nlast-event-id: ",
    "\nx-requested-by: ",
    "\nx-forwarded-for: ",
    "\nhost: ",
    "\naccept-charset: iso-8859-1",
    "\nuser-agent: Cisco/SPA504G",
    "\nx-ciscoipphonemodelname: CP-7940G",
    "\nprefer: respond-async",
    "\ncookie: ringbook_oauth=",
    "\ncontent-length: ",
    "\n\n{\"mode\":\"cron\",\"cron\":\"0 7 * * *\"}",
    "{\"mode\":\"interval\",\"interval_minutes\":5}",
    "{\"mode\":null}",
    "\"time_zone\":\"",
    "\"paused\":",
];

const CRON_WORDS: &[&str] = &[
    "*",
    "*/",
    "-",
    ",",
    "L",
    "W",
    "#",
    "?",
    "@daily",
    "MON-FRI",
    "JAN",
    "29 2",
    "31 2",
    "0-59/1",
    " ",
    "\nEurope/Berlin",
    "\nAmerica/St_Johns",
    "\nAntarctica/Troll",
    "\nUTC",
    "4294967296",
    "-9223372036854775808-0",
    "7fffffffffffffff7fffffffffffffff",
    "9999999999999999-1",
];

const fn target(
    name: &'static str,
    run: fn(&[u8]),
    words: &'static [&'static str],
    executions: u32,
    appetite: (usize, usize),
) -> Target {
    Target { name, run, words, executions, appetite }
}

const PASTED_WORDS: &[&str] = &[
    "http://localhost:8000/auth/callback?",
    "state=",
    "code=",
    "error=",
    "&",
    "%2F",
    "%ff",
    "#",
    "[::1]",
];

const SEALED_WORDS: &[&str] =
    &["v1.", ".", "-_", "==", "A", "#", ",", "0123456789abcdef", "{\"web\":"];

pub const TARGETS: &[Target] = &[
    target("page", google::page, PERSON_WORDS, 6000, (256 << 10, 200)),
    target("person", google::one_person, PERSON_WORDS, 8000, (256 << 10, 100)),
    target("batch", google::batch, ANSWER_WORDS, 8000, (256 << 10, 100)),
    target("labels", google::labels, ANSWER_WORDS, 8000, (256 << 10, 100)),
    target("refusal", google::refusal, ANSWER_WORDS, 8000, (256 << 10, 300)),
    target("pasted", pasted, PASTED_WORDS, 8000, (64 << 10, 200)),
    target("sealed", sealed, SEALED_WORDS, 8000, (64 << 10, 200)),
    target("retry_after", google::wait, ANSWER_WORDS, 8000, (256 << 10, 100)),
    target("tokens", google::tokens, ANSWER_WORDS, 8000, (256 << 10, 400)),
    target("packed", google::packed, TEXT_WORDS, 8000, (1024 << 10, 100)),
    target("settings", config::settings, SETTING_WORDS, 3000, (256 << 10, 1000)),
    target("text", directory::text, TEXT_WORDS, 8000, (256 << 10, 150)),
    target("content", directory::content, PERSON_WORDS, 8000, (256 << 10, 100)),
    target("ids", directory::ids, CRON_WORDS, 8000, (256 << 10, 100)),
    target("schedule", directory::schedule, CRON_WORDS, 2000, (256 << 10, 100)),
    target("request", router::request, REQUEST_WORDS, 6000, (4096 << 10, 1000)),
];

/// Shown to people, kept by databases: no control characters, and no longer than it may be.
pub(crate) fn assert_clean(text: &str, len_max: usize) {
    assert!(text.chars().count() <= len_max, "{} characters", text.chars().count());
    assert!(!text.chars().any(char::is_control), "{text:?}");
    assert_eq!(text.trim(), text);
}

/// A sentence for a log or an answer: it repeats at most a bounded part of what it speaks of.
pub(crate) fn assert_short(text: &str, len_max: usize) {
    assert!(text.len() <= len_max, "{} bytes: {text}", text.len());
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

/// Cuts bytes into so many parts; the last one keeps the rest.
pub(crate) fn parts<const N: usize>(bytes: &[u8], separator: u8) -> [&[u8]; N] {
    let mut all = bytes.splitn(N, |byte| *byte == separator);
    std::array::from_fn(|_| all.next().unwrap_or_default())
}
