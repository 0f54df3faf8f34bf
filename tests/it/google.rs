//! The Google client against a server that answers with exactly the bytes it is told to.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

#[path = "../support/canned.rs"]
pub(crate) mod canned;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use canned::{Canned, Reply, gzip, pairs};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use ringbook_core::clock::{Clock, after};
use ringbook_core::contact::{Contact, ResourceName};
use ringbook_core::sync::Delay;
use ringbook_core::sync::book::{
    AddressBook, Entry, FetchError, ListRequest, Page, PageToken, Presence, SyncToken,
};
use ringbook_google::{
    AccessTokens, Grant, GrantStore, KeeperError, Limits, OAuth, OAuthError, OAuthOptions, People,
    PeopleOptions, SCOPE, Tokens, http_client,
};

use crate::support::PATIENCE;

const NOW: &str = "2026-03-01T12:00:00Z";

/// Time stands still; nothing under test waits.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        NOW.parse().unwrap()
    }

    fn sleep_until(&self, _: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }
}

/// A keeper in memory that notes what was done, and does the next of `tricks` instead of saving.
#[derive(Default)]
pub(crate) struct Drawer {
    grant: Mutex<Option<Grant>>,
    pub(crate) condemned: Mutex<Vec<String>>,
    tricks: Mutex<VecDeque<Trick>>,
}

enum Trick {
    /// Somebody else saves this grant first.
    Overtaken(Grant),
    Broken,
}

impl Drawer {
    pub(crate) fn holding(grant: Grant) -> Arc<Drawer> {
        Arc::new(Drawer { grant: Mutex::new(Some(grant)), ..Drawer::default() })
    }

    fn access(&self) -> (i64, String) {
        let grant = self.grant.lock().unwrap().clone().unwrap();
        (grant.generation, show(&grant.tokens.access))
    }
}

impl GrantStore for Drawer {
    fn load(&self) -> BoxFuture<'_, Result<Option<Grant>, KeeperError>> {
        let grant = self.grant.lock().unwrap().clone();
        async move { Ok(grant) }.boxed()
    }

    fn save<'a>(
        &'a self,
        expected: i64,
        grant: &'a Grant,
    ) -> BoxFuture<'a, Result<bool, KeeperError>> {
        let mut kept = self.grant.lock().unwrap();
        let result = match self.tricks.lock().unwrap().pop_front() {
            Some(Trick::Overtaken(by)) => {
                *kept = Some(by);
                Ok(false)
            }
            Some(Trick::Broken) => Err(KeeperError::Passing("disk full".into())),
            None if kept.as_ref().is_some_and(|it| it.generation == expected) => {
                *kept = Some(grant.clone());
                Ok(true)
            }
            None => Ok(false),
        };
        async move { result }.boxed()
    }

    fn condemn<'a>(
        &'a self,
        generation: i64,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), KeeperError>> {
        self.condemned.lock().unwrap().push(format!("{generation}: {reason}"));
        *self.grant.lock().unwrap() = None;
        async { Ok(()) }.boxed()
    }
}

pub(crate) fn show(secret: &secrecy::SecretString) -> String {
    use secrecy::ExposeSecret;
    secret.expose_secret().to_owned()
}

pub(crate) fn grant(generation: i64, access: &str, seconds_left: u64) -> Grant {
    let tokens = Tokens {
        access: access.to_owned().into(),
        expires_at: after(Still.now(), Duration::from_secs(seconds_left)),
        refresh: Some(format!("refresh-{generation}").into()),
        refresh_expires_at: None,
        scopes: vec![SCOPE.to_owned()],
    };
    Grant { generation, tokens }
}

pub(crate) fn limits() -> Limits {
    Limits {
        body_max: 1 << 20,
        connect_timeout: PATIENCE,
        idle_timeout: PATIENCE,
        total_timeout: PATIENCE,
    }
}

pub(crate) fn oauth(server: &Canned, limits: Limits) -> Arc<OAuth> {
    let options = OAuthOptions {
        client_id: "client".into(),
        client_secret: "client-secret".to_owned().into(),
        redirect_uri: "http://localhost:8000/auth/callback".into(),
        auth_url: "https://accounts.example/auth?hl=en".into(),
        token_url: format!("{}/token", server.url),
        revoke_url: format!("{}/revoke", server.url),
        clock: Arc::new(Still),
        http: http_client(&limits).unwrap(),
        limits,
    };
    Arc::new(OAuth::new(options).unwrap())
}

pub(crate) fn people_with(server: &Canned, drawer: Arc<Drawer>, limits: Limits) -> People {
    let tokens = Arc::new(AccessTokens::new(oauth(server, limits), drawer));
    People::new(PeopleOptions {
        base_url: format!("{}/google/", server.url),
        http: http_client(&limits).unwrap(),
        tokens,
        clock: Arc::new(Still),
        limits,
    })
    .unwrap()
}

pub(crate) fn people(server: &Canned) -> People {
    people_with(server, Drawer::holding(grant(1, "ya29.good", 3000)), limits())
}

pub(crate) fn first() -> ListRequest {
    ListRequest { since: None, page: None, page_size: 1000 }
}

pub(crate) fn since() -> ListRequest {
    ListRequest { since: Some(SyncToken::new("s+/=1")), ..first() }
}

fn since_page_two() -> ListRequest {
    ListRequest { page: Some(PageToken::new("p==2")), ..since() }
}

/// One word for what came back.
pub(crate) fn word(result: &Result<Page, FetchError>) -> String {
    match result {
        Ok(page) => {
            let mut words = Vec::new();
            for entry in page.entries.get() {
                words.push(match entry {
                    Entry::Person(it) => {
                        format!("{}={}", it.resource_name, it.content.display_name())
                    }
                    Entry::Deleted(it) => format!("-{}", it.resource_name),
                    Entry::Unreadable(it) => {
                        format!("!{}", it.resource_name.as_ref().map_or("", |it| it.as_str()))
                    }
                });
            }
            words.extend(page.next.iter().map(|it| format!("next:{}", it.as_str())));
            words.extend(page.sync_token.iter().map(|it| format!("token:{}", it.expose())));
            words.extend(page.total.map(|it| format!("total:{it}")));
            words.join(" ")
        }
        Err(FetchError::Again { delay, retry_after, .. }) => match retry_after {
            Some(wait) => format!("again: {delay} in {} s", wait.as_secs()),
            None => format!("again: {delay}"),
        },
        Err(FetchError::CursorRefused { .. }) => "cursor refused".into(),
        Err(FetchError::NeedsReauth { .. }) => "needs reauth".into(),
        Err(FetchError::NotPermitted { .. }) => "not permitted".into(),
        Err(FetchError::Misconfigured { .. }) => "misconfigured".into(),
    }
}

fn only(result: Result<Page, FetchError>) -> Contact {
    match result.unwrap().entries.get()[0].clone() {
        Entry::Person(contact) => *contact,
        other => panic!("not a contact: {other:?}"),
    }
}

const PAGE: &str = r#"{"connections":[{"resourceName":"people/c1","names":[{"displayName":"Ada"}]}],"nextSyncToken":"t"}"#;
const PAGE_WORD: &str = "people/c1=Ada token:t";
const EXPIRED: &str = r#"{"error":{"code":400,"message":"Sync token is expired. Clear local cache and retry call without the sync token.","status":"STATUS","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"EXPIRED_SYNC_TOKEN","domain":"people.googleapis.com"}]}}"#;
const INVALID: &str = r#"{"error":{"code":400,"message":"Request contains an invalid argument.","status":"INVALID_ARGUMENT"}}"#;
const BAD_MASK: &str = r#"{"error":{"code":400,"message":"personFields mask is required. Please specify one or more valid paths.","status":"INVALID_ARGUMENT"}}"#;
const UNAUTHENTICATED: &str = r#"{"error":{"code":401,"message":"Request had invalid authentication credentials.","status":"UNAUTHENTICATED"}}"#;
const BARE_QUOTA: &str = r#"{"error":{"code":403,"message":"Quota exceeded for quota metric 'Critical read requests'","status":"RESOURCE_EXHAUSTED"}}"#;
const QUOTA: &str = r#"{"error":{"code":429,"message":"Quota exceeded for quota metric 'Critical read requests (Contact and Profile Reads)'","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"RATE_LIMIT_EXCEEDED","domain":"googleapis.com"}]}}"#;
const EXHAUSTED: &str = r#"{"error":{"code":429,"message":"Resource has been exhausted (e.g. check quota).","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"subject":"QUOTA_EXCEEDED","description":"FBS quota limit exceeded"}]}]}}"#;
const DISABLED: &str = r#"{"error":{"code":403,"message":"People API has not been used in project 1234567890 before or it is disabled.","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.Help","links":[{"description":"Google developers console API activation","url":"https://console.developers.google.com/apis/api/people.googleapis.com/overview?project=1234567890"}]},{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"SERVICE_DISABLED","domain":"googleapis.com"}]}}"#;
const SCOPE_MISSING: &str = r#"{"error":{"code":403,"message":"Request had insufficient authentication scopes.","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]}}"#;
const SCOPE_MISSING_BARE: &str = r#"{"error":{"code":403,"message":"Request had insufficient authentication scopes.","status":"PERMISSION_DENIED"}}"#;
const OLD_LIMIT: &str = r#"{"error":{"code":403,"message":"User Rate Limit Exceeded","errors":[{"domain":"usageLimits","reason":"userRateLimitExceeded"}]}}"#;
const TOKEN: &str = r#"{"access_token":"ya29.new","expires_in":3599,"scope":"https://www.googleapis.com/auth/contacts.readonly","token_type":"Bearer"}"#;

/// Every answer of the table, to a listing, and what is made of it.
#[tokio::test]
async fn what_google_answers_to_a_listing_is_understood() {
    let json = |body: &str| Reply::json(200, body);
    let typed = |status, headers: &str, body: &[u8]| {
        let headers = format!("Content-Type: application/json; charset=UTF-8\r\n{headers}");
        Reply::with(status, &headers, body)
    };
    let spelled = |status| Reply::json(400, &EXPIRED.replace("STATUS", status));
    let packed = gzip(PAGE.as_bytes());
    let malformed = "again: malformed";
    let cases: Vec<(&str, ListRequest, Reply, &str)> = vec![
        // Pages.
        (
            "first of three",
            first(),
            json(
                r#"{"connections":[{"resourceName":"people/c1"}],"nextPageToken":"p=2","totalPeople":3,"totalItems":3}"#,
            ),
            "people/c1=(no name) next:p=2 total:3",
        ),
        ("empty account", first(), json(r#"{"nextSyncToken":"t"}"#), "token:t"),
        ("nothing changed", since(), json(r#"{"nextSyncToken":"t2"}"#), "token:t2"),
        (
            "tombstone",
            since(),
            json(
                r#"{"connections":[{"resourceName":"people/c2","etag":"%E","metadata":{"deleted":true,"objectType":"PERSON"}}],"nextSyncToken":"t","totalItems":1}"#,
            ),
            "-people/c2 token:t total:1",
        ),
        (
            "merge: survivor and tombstone",
            since(),
            json(
                r#"{"connections":[{"resourceName":"people/c1","names":[{"displayName":"Ada"}]},{"resourceName":"people/c2","metadata":{"deleted":true}}],"nextSyncToken":"t"}"#,
            ),
            "people/c1=Ada -people/c2 token:t",
        ),
        (
            "last page without a token",
            first(),
            json(r#"{"connections":[{"resourceName":"people/c1"}],"totalItems":9}"#),
            "people/c1=(no name) total:9",
        ),
        (
            "twice on one page",
            first(),
            json(
                r#"{"connections":[{"resourceName":"people/c1"},{"resourceName":"people/c1"}],"nextSyncToken":"t"}"#,
            ),
            "people/c1=(no name) people/c1=(no name) token:t",
        ),
        ("only an empty object", since(), json(" { } "), ""),
        (
            "fields in another order, and unknown ones",
            first(),
            json(
                r#"{"nextSyncToken":"t","new":[{}],"connections":[{"names":[{"x":1,"displayName":"Ada"}],"resourceName":"people/c1"}]}"#,
            ),
            PAGE_WORD,
        ),
        ("packed", first(), typed(200, "Content-Encoding: gzip\r\n", &packed), PAGE_WORD),
        ("packed without saying so", first(), typed(200, "", &packed), PAGE_WORD),
        (
            "said to be packed but is not",
            first(),
            typed(200, "Content-Encoding: gzip\r\n", PAGE.as_bytes()),
            PAGE_WORD,
        ),
        // Things that look like success and are none.
        ("HTML", first(), Reply::html(200, "<html>Log in</html>"), malformed),
        ("HTML behind a byte order mark", first(), json("\u{feff}<!DOCTYPE html>"), malformed),
        ("HTML that calls itself JSON", first(), json("<html>Log in</html>"), malformed),
        ("JSON that calls itself HTML", first(), Reply::html(200, PAGE), malformed),
        ("JSON without a type", first(), Reply::with(200, "", PAGE.as_bytes()), malformed),
        ("nothing", first(), json(""), malformed),
        (
            "no content",
            first(),
            Reply::Bytes(b"HTTP/1.1 204 No\r\nConnection: close\r\n\r\n".to_vec()),
            malformed,
        ),
        (
            "redirect",
            first(),
            Reply::with(302, "Location: http://hotel.example/login?room=s+/=1\r\n", b""),
            malformed,
        ),
        ("a list", first(), json("[]"), malformed),
        ("null", first(), json("null"), malformed),
        ("a text", first(), json(r#""ok""#), malformed),
        ("another object", first(), json(r#"{"status":"please log in"}"#), malformed),
        ("an error with status 200", first(), json(INVALID), malformed),
        (
            "connections is null",
            first(),
            json(r#"{"connections":null,"nextSyncToken":"t"}"#),
            malformed,
        ),
        (
            "connections is an object",
            first(),
            json(r#"{"connections":{},"nextSyncToken":"t"}"#),
            malformed,
        ),
        ("nextPageToken is a number", first(), json(r#"{"nextPageToken":5}"#), malformed),
        (
            "nextPageToken is null",
            first(),
            json(r#"{"nextPageToken":null,"nextSyncToken":"t"}"#),
            malformed,
        ),
        ("nextSyncToken is a list", first(), json(r#"{"nextSyncToken":[]}"#), malformed),
        (
            "totalItems is a text",
            first(),
            json(r#"{"nextSyncToken":"t","totalItems":"many"}"#),
            malformed,
        ),
        ("JSON cut off", first(), json(&PAGE[..PAGE.len() - 1]), malformed),
        ("two documents", first(), json(&format!("{PAGE}{PAGE}")), malformed),
        (
            "a page's token twice",
            first(),
            json(r#"{"nextSyncToken":"t","nextSyncToken":"u"}"#),
            malformed,
        ),
        ("not UTF-8", first(), typed(200, "", b"{\"nextSyncToken\":\"\xff\"}"), malformed),
        (
            "packed and cut off",
            first(),
            typed(200, "Content-Encoding: gzip\r\n", &packed[..packed.len() - 6]),
            malformed,
        ),
        (
            "packed and damaged",
            first(),
            typed(200, "", &[&packed[..20], &[0; 9][..], &packed[29..]].concat()),
            malformed,
        ),
        (
            "larger than allowed when unpacked",
            first(),
            typed(200, "", &gzip(format!("{PAGE}{}", " ".repeat(3 << 20)).as_bytes())),
            malformed,
        ),
        ("endless", first(), Reply::endless(), malformed),
        // Connections that break.
        ("chunks cut off", first(), json(PAGE).cut(5), "again: network"),
        ("cut off inside a chunk", first(), json(PAGE).cut(30), "again: network"),
        ("reset", first(), Reply::Reset, "again: network"),
        ("closed without a word", first(), Reply::Bytes(Vec::new()), "again: network"),
        ("not HTTP", first(), Reply::Bytes(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()), "again: network"),
        // Cursors.
        ("expired, one spelling", since(), spelled("FAILED_PRECONDITION"), "cursor refused"),
        ("expired, other spelling", since(), spelled("INVALID_ARGUMENT"), "cursor refused"),
        ("expired on page two", since_page_two(), spelled("FAILED_PRECONDITION"), "cursor refused"),
        ("410", since(), Reply::html(410, "gone"), "cursor refused"),
        ("corrupt token", since(), Reply::json(400, INVALID), "cursor refused"),
        (
            "corrupt page token",
            ListRequest { since: None, ..since_page_two() },
            Reply::json(400, INVALID),
            "cursor refused",
        ),
        ("bad mask, no token", first(), Reply::json(400, BAD_MASK), "misconfigured"),
        // Refusals.
        ("quota on the first page", first(), Reply::json(429, QUOTA), "again: rate_limited"),
        (
            "quota on a later page",
            since_page_two(),
            Reply::json(429, EXHAUSTED),
            "again: rate_limited",
        ),
        (
            "quota with a wait",
            first(),
            typed(429, "Retry-After: 24\r\n", QUOTA.as_bytes()),
            "again: rate_limited in 24 s",
        ),
        (
            "quota with a date",
            first(),
            typed(429, "Retry-After: Sun, 01 Mar 2026 12:00:42 GMT\r\n", EXHAUSTED.as_bytes()),
            "again: rate_limited in 42 s",
        ),
        (
            "quota with a day's wait",
            first(),
            typed(429, "Retry-After: 86400\r\n", b""),
            "again: rate_limited in 3600 s",
        ),
        ("quota as 403", first(), Reply::json(403, OLD_LIMIT), "again: rate_limited"),
        (
            "quota as 403 without details",
            first(),
            Reply::json(403, BARE_QUOTA),
            "again: rate_limited",
        ),
        ("API disabled", first(), Reply::json(403, DISABLED), "misconfigured"),
        ("scope missing", first(), Reply::json(403, SCOPE_MISSING), "not permitted"),
        (
            "scope missing, without details",
            first(),
            Reply::json(403, SCOPE_MISSING_BARE),
            "not permitted",
        ),
        (
            "scope missing, packed",
            first(),
            typed(403, "Content-Encoding: gzip\r\n", &gzip(SCOPE_MISSING.as_bytes())),
            "not permitted",
        ),
        (
            "packed refusal cut off",
            first(),
            typed(503, "Content-Encoding: gzip\r\n", &gzip(EXPIRED.as_bytes())[..40]),
            "again: server_error",
        ),
        ("refusal cut off", first(), Reply::json(503, "{}").cut(5), "again: server_error"),
        ("forbidden otherwise", first(), Reply::html(403, "<h1>No</h1>"), "misconfigured"),
        (
            "not found",
            first(),
            Reply::json(404, r#"{"error":{"message":"Requested entity was not found."}}"#),
            "misconfigured",
        ),
        (
            "unavailable",
            first(),
            Reply::json(
                503,
                r#"{"error":{"code":503,"message":"The service is currently unavailable.","status":"UNAVAILABLE"}}"#,
            ),
            "again: server_error",
        ),
        (
            "unavailable, as HTML, with a wait",
            first(),
            Reply::with(503, "Content-Type: text/html\r\nRetry-After: 5\r\n", b"<html>"),
            "again: server_error in 5 s",
        ),
        (
            "internal error without a word",
            first(),
            Reply::with(500, "", b""),
            "again: server_error",
        ),
        ("timed out at Google", since_page_two(), Reply::json(504, ""), "again: server_error"),
    ];
    for (name, request, reply, wanted) in cases {
        let server = Canned::start([reply]).await;
        let result = people(&server).list(&request).await;
        assert_eq!(word(&result), wanted, "{name}: {result:?}");
        if let Err(error) = result {
            let text = error.to_string();
            assert!(
                text.len() < 1500
                    && !text.contains("/google/")
                    && !text.contains("s+/=1")
                    && !text.contains("s%2B")
                    && !text.contains("ya29"),
                "{name}: {text}"
            );
        }
    }
}

#[tokio::test]
async fn an_answer_that_comes_in_drops_counts_as_silence_only_between_the_drops() {
    let hurried = Limits { idle_timeout: Duration::from_millis(50), ..limits() };
    for reply in [
        Reply::Hang(Vec::new()),
        Reply::json(200, PAGE).cut(30).hanging(),
        Reply::json(200, PAGE).late(Duration::from_secs(60)),
    ] {
        let server = Canned::start([reply]).await;
        let drawer = Drawer::holding(grant(1, "ya29.good", 3000));
        let result = people_with(&server, drawer, hurried).list(&first()).await;
        assert_eq!(word(&result), "again: network");
        assert!(result.unwrap_err().to_string().contains("0.05 s"));
    }
}

#[tokio::test]
async fn even_a_lively_answer_must_end_in_time() {
    let limits =
        Limits { total_timeout: Duration::from_millis(100), body_max: usize::MAX, ..limits() };
    let server = Canned::start([Reply::endless()]).await;
    let drawer = Drawer::holding(grant(1, "ya29.good", 3000));
    let result = people_with(&server, drawer, limits).list(&first()).await;
    assert_eq!(word(&result), "again: network");
}

#[tokio::test]
async fn nobody_listening_is_trouble_that_passes() {
    let server = Canned::start([]).await;
    let people = people(&server);
    drop(server);
    let result = people.list(&first()).await;
    assert_eq!(word(&result), "again: network");
}

#[tokio::test]
async fn all_pages_of_a_listing_are_asked_for_alike() {
    let server =
        Canned::start([Reply::json(200, PAGE), Reply::json(200, PAGE), Reply::json(200, PAGE)])
            .await;
    let people = people(&server);
    people.list(&first()).await.unwrap();
    people.list(&since()).await.unwrap();
    people.list(&since_page_two()).await.unwrap();
    let frozen = "pageSize=1000&personFields=metadata,names,nicknames,organizations,phoneNumbers,sipAddresses,emailAddresses,memberships&prettyPrint=false&requestSyncToken=true&sources=READ_SOURCE_TYPE_CONTACT";
    let cursors = ["", "&syncToken=s%2B/%3D1", "&syncToken=s%2B/%3D1&pageToken=p%3D%3D2"];
    let requests = server.requests();
    for (request, cursor) in requests.iter().zip(cursors) {
        assert_eq!(request.method, "GET");
        assert_eq!(request.path(), "/google/v1/people/me/connections");
        assert_eq!(request.parameters(), pairs(&format!("{frozen}{cursor}")));
        assert_eq!(request.header("authorization"), Some("Bearer ya29.good"));
        assert!(!request.target.contains("ya29") && !request.target.contains('+'));
        let agent = request.header("user-agent").unwrap();
        assert!(agent.starts_with("ringbook/") && agent.ends_with(" (gzip)"), "{agent}");
        assert_eq!(request.header("accept-encoding"), Some("gzip"));
        assert_eq!(request.header("accept-language"), Some("en"));
    }
    assert_eq!(requests.len(), 3);
}

#[tokio::test]
async fn one_unreadable_person_in_a_thousand_does_not_harm_the_others() {
    let mut persons: Vec<String> = (0..1000)
        .map(|i| format!(r#"{{"resourceName":"people/c{i}","names":[{{"displayName":"N{i}"}}]}}"#))
        .collect();
    persons[500] =
        r#"{"resourceName":"people/c500","phoneNumbers":[{"value":{"secret":"0815"}}]}"#.into();
    let body = format!(r#"{{"connections":[{}],"nextSyncToken":"t"}}"#, persons.join(","));
    let server = Canned::start([Reply::json(200, &body)]).await;
    let page = people(&server).list(&first()).await.unwrap();
    let entries = page.entries.get();
    assert_eq!(entries.len(), 1000);
    let unreadable: Vec<_> = entries
        .iter()
        .filter_map(|it| match it {
            Entry::Unreadable(it) => Some(it),
            _ => None,
        })
        .collect();
    assert_eq!(unreadable.len(), 1);
    assert_eq!(unreadable[0].resource_name, ResourceName::parse("people/c500"));
    assert_eq!(unreadable[0].reason, "`phoneNumbers[0].value` should be a text but is an object");
}

#[tokio::test]
async fn a_renamed_person_tells_its_old_names() {
    let body = r##"{"connections":[{"resourceName":"people/c900","metadata":{"previousResourceNames":["people/c111","nonsense","people/c900"],
        "sources":[{"type":"PROFILE","id":"1","etag":"#no","updateTime":"2020-01-01T00:00:00Z"},{"type":"CONTACT","id":"8a6b","etag":"#poIFzCG0qKE=","updateTime":"2026-01-04T22:44:04.913123456Z"}]}}],"nextSyncToken":"t"}"##;
    let server = Canned::start([Reply::json(200, body)]).await;
    let contact = only(people(&server).list(&since()).await);
    assert_eq!(contact.previous_names, [ResourceName::parse("people/c111").unwrap()]);
    assert_eq!(contact.etag.as_deref(), Some("#poIFzCG0qKE="));
    assert_eq!(contact.edited_at, Some("2026-01-04T22:44:04.913123Z".parse().unwrap()));
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_kept() {
    let server = Canned::start([
        Reply::json(401, UNAUTHENTICATED),
        Reply::json(200, TOKEN),
        Reply::json(200, PAGE),
        Reply::json(200, PAGE),
    ])
    .await;
    let drawer = Drawer::holding(grant(7, "ya29.old", 3000));
    let people = people_with(&server, drawer.clone(), limits());
    assert_eq!(word(&people.list(&first()).await), PAGE_WORD);
    assert_eq!(word(&people.list(&first()).await), PAGE_WORD);
    assert_eq!(drawer.access(), (8, "ya29.new".into()));
    let requests = server.requests();
    assert_eq!(requests[1].path(), "/token");
    assert_eq!(
        requests[1].form(),
        pairs(
            "grant_type=refresh_token&refresh_token=refresh-7&client_id=client&client_secret=client-secret"
        )
    );
    assert_eq!(requests[2].header("authorization"), Some("Bearer ya29.new"));
    assert_eq!(requests[3].header("authorization"), Some("Bearer ya29.new"));
    assert!(drawer.grant.lock().unwrap().as_ref().unwrap().tokens.refresh.is_some());
}

#[tokio::test]
async fn a_fresh_token_that_is_refused_too_does_not_condemn_the_grant() {
    let server = Canned::start([
        Reply::json(401, UNAUTHENTICATED),
        Reply::json(200, TOKEN),
        Reply::json(401, UNAUTHENTICATED),
    ])
    .await;
    let drawer = Drawer::holding(grant(7, "ya29.old", 3000));
    let people = people_with(&server, drawer.clone(), limits());
    assert_eq!(word(&people.list(&first()).await), "again: unauthorized");
    assert_eq!(server.requests().len(), 3);
    assert!(drawer.condemned.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_the_token_service_answers_is_understood() {
    let cases = [
        (
            Reply::json(
                400,
                r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#,
            ),
            "needs reauth",
            true,
        ),
        (
            Reply::json(
                400,
                r#"{"error":"invalid_grant","error_description":"reauth related error (invalid_rapt)","error_subtype":"invalid_rapt"}"#,
            ),
            "needs reauth",
            true,
        ),
        (
            Reply::json(400, r#"{"error":"invalid_grant","error_subtype":"rapt_required"}"#),
            "needs reauth",
            true,
        ),
        // A rule that may be lifted: then the permission works on.
        (Reply::json(400, r#"{"error":"admin_policy_enforced"}"#), "misconfigured", false),
        (
            Reply::json(200, r#"{"access_token":"a","expires_in":1,"scope":"openid"}"#),
            "not permitted",
            false,
        ),
        (
            Reply::json(401, r#"{"error":"invalid_client","error_description":"Unauthorized"}"#),
            "misconfigured",
            false,
        ),
        (Reply::json(401, r#"{"error":"deleted_client"}"#), "misconfigured", false),
        (Reply::json(401, r#"{"error":"unauthorized_client"}"#), "misconfigured", false),
        (Reply::json(500, r#"{"error":"invalid_grant"}"#), "again: server_error", false),
        (Reply::json(500, ""), "again: server_error", false),
        (Reply::json(400, r#"{"error":"internal_failure"}"#), "again: server_error", false),
        (Reply::json(400, r#"{"error":"temporarily_unavailable"}"#), "again: server_error", false),
        (Reply::with(429, "Retry-After: 9\r\n", b""), "again: rate_limited in 9 s", false),
        (Reply::html(400, "<html>"), "again: malformed", false),
        (Reply::html(401, ""), "again: malformed", false),
        (Reply::html(403, "<html>"), "again: malformed", false),
        (Reply::json(200, ""), "again: malformed", false),
        (Reply::html(200, "<html>"), "again: malformed", false),
        (Reply::json(200, "{}"), "again: malformed", false),
        (Reply::json(200, r#"{"access_token":"two\nlines"}"#), "again: malformed", false),
        (Reply::json(200, r#"{"access_token":"a","token_type":"mac"}"#), "again: malformed", false),
        (Reply::json(200, TOKEN).cut(5), "again: network", false),
        (Reply::Reset, "again: network", false),
    ];
    for (i, (reply, wanted, condemned)) in cases.into_iter().enumerate() {
        let server = Canned::start([reply]).await;
        let drawer = Drawer::holding(grant(3, "ya29.old", 224));
        let result = people_with(&server, drawer.clone(), limits()).list(&first()).await;
        assert_eq!(word(&result), wanted, "case {i}: {result:?}");
        let condemnations = drawer.condemned.lock().unwrap().clone();
        assert_eq!(condemnations.len(), usize::from(condemned), "case {i}: {condemnations:?}");
        assert!(condemnations.iter().all(|it| it.starts_with("3: ")));
    }
}

#[tokio::test]
async fn without_a_grant_google_is_not_asked() {
    let server = Canned::start([]).await;
    let people = people_with(&server, Arc::default(), limits());
    assert_eq!(word(&people.list(&first()).await), "needs reauth");
}

#[tokio::test]
async fn a_token_is_renewed_shortly_before_it_ends() {
    for (left, renewed) in [(224, true), (225, true), (226, false)] {
        let mut replies = vec![Reply::json(200, PAGE)];
        if renewed {
            replies.insert(0, Reply::json(200, TOKEN));
        }
        let server = Canned::start(replies).await;
        let drawer = Drawer::holding(grant(1, "ya29.old", left));
        let people = people_with(&server, drawer, limits());
        assert_eq!(word(&people.list(&first()).await), PAGE_WORD, "{left} s left");
    }
}

#[tokio::test]
async fn many_who_need_a_token_wait_for_one_refresh() {
    let pages = vec![Reply::json(200, PAGE); 8];
    let server = Canned::start([vec![Reply::json(200, TOKEN)], pages].concat()).await;
    let people = people_with(&server, Drawer::holding(grant(1, "ya29.old", 0)), limits());
    let request = first();
    let all = futures_util::future::join_all((0..8).map(|_| people.list(&request))).await;
    assert!(all.iter().all(|it| word(it) == PAGE_WORD));
    let tokens = server.requests().iter().filter(|it| it.path() == "/token").count();
    assert_eq!(tokens, 1);
    // A failure is shared too.
    let server = Canned::start([Reply::html(500, "").late(Duration::from_millis(20))]).await;
    let people = people_with(&server, Drawer::holding(grant(1, "ya29.old", 0)), limits());
    let all = futures_util::future::join_all((0..8).map(|_| people.list(&request))).await;
    assert!(all.iter().all(|it| word(it) == "again: server_error"), "{all:?}");
}

#[tokio::test]
async fn whoever_saved_first_is_believed() {
    let server = Canned::start([Reply::json(200, TOKEN), Reply::json(200, PAGE)]).await;
    let drawer = Drawer::holding(grant(1, "ya29.old", 0));
    let trick = Trick::Overtaken(grant(5, "ya29.other", 3000));
    drawer.tricks.lock().unwrap().push_back(trick);
    let people = people_with(&server, drawer, limits());
    assert_eq!(word(&people.list(&first()).await), PAGE_WORD);
    assert_eq!(server.requests()[1].header("authorization"), Some("Bearer ya29.other"));
}

#[tokio::test]
async fn a_grant_that_another_process_replaced_or_took_away_is_not_used_on() {
    let server = Canned::start([Reply::json(200, PAGE), Reply::json(200, PAGE)]).await;
    let drawer = Drawer::holding(grant(1, "ya29.old", 3000));
    let people = people_with(&server, drawer.clone(), limits());
    assert_eq!(word(&people.list(&first()).await), PAGE_WORD);
    *drawer.grant.lock().unwrap() = Some(grant(2, "ya29.anew", 3000));
    assert_eq!(word(&people.list(&first()).await), PAGE_WORD);
    let shown = |at: usize| server.requests()[at].header("authorization").map(str::to_owned);
    assert_eq!(
        (shown(0).as_deref(), shown(1).as_deref()),
        (Some("Bearer ya29.old"), Some("Bearer ya29.anew"))
    );
    *drawer.grant.lock().unwrap() = None;
    assert_eq!(word(&people.list(&first()).await), "needs reauth");
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_refresh_that_cannot_be_stored_is_used_and_stored_next_time() {
    let rotated = TOKEN.replace("}", r#","refresh_token":"rotated"}"#);
    let server = Canned::start([
        Reply::json(200, &rotated),
        Reply::json(200, PAGE),
        Reply::json(401, UNAUTHENTICATED),
        Reply::json(200, &TOKEN.replace("new", "newer")),
        Reply::json(200, PAGE),
    ])
    .await;
    let drawer = Drawer::holding(grant(1, "ya29.old", 0));
    drawer.tricks.lock().unwrap().push_back(Trick::Broken);
    let people = people_with(&server, drawer.clone(), limits());
    assert_eq!(word(&people.list(&first()).await), PAGE_WORD);
    assert_eq!(drawer.access(), (1, "ya29.old".into()));
    assert_eq!(word(&people.list(&first()).await), PAGE_WORD);
    assert_eq!(drawer.access(), (2, "ya29.newer".into()));
    let refresh = drawer.grant.lock().unwrap().as_ref().unwrap().tokens.refresh.clone().unwrap();
    assert_eq!(show(&refresh), "rotated");
}

#[tokio::test]
async fn a_cancelled_run_does_not_lose_the_refresh_that_it_began() {
    let server = Canned::start([
        Reply::json(200, TOKEN).late(Duration::from_millis(300)),
        Reply::json(200, PAGE),
    ])
    .await;
    let people = people_with(&server, Drawer::holding(grant(1, "ya29.old", 0)), limits());
    let request = first();
    let cancelled = tokio::time::timeout(Duration::from_millis(10), people.list(&request)).await;
    assert!(cancelled.is_err());
    assert_eq!(word(&people.list(&request).await), PAGE_WORD);
    assert_eq!(server.requests().len(), 2, "the refresh was not repeated");
}

fn names(ids: &[&str]) -> Vec<ResourceName> {
    ids.iter().map(|id| ResourceName::parse(&format!("people/{id}")).unwrap()).collect()
}

#[tokio::test]
async fn answers_that_say_nothing_of_what_was_asked_are_no_answers() {
    for body in ["{}", r#"{"error":{"code":500,"message":"Internal error","status":"INTERNAL"}}"#] {
        let server = Canned::start([Reply::json(200, body), Reply::json(200, body)]).await;
        let people = people(&server);
        let page = people.verify(&names(&["c1"])).await.map(|_| Page::default());
        assert_eq!(word(&page), "again: malformed", "{body}");
        let page = people.labels().await.map(|_| Page::default());
        assert_eq!(word(&page), "again: malformed", "{body}");
    }
}

#[tokio::test]
async fn batch_get_tells_what_became_of_contacts() {
    let body = r#"{"responses":[
        {"requestedResourceName":"people/c6","person":{"resourceName":"people/c6","metadata":{"sources":[{"type":"PROFILE"}]}}},
        {"requestedResourceName":"people/c111","person":{"resourceName":"people/c900","etag":"%Eg"}},
        {"requestedResourceName":"people/c2","httpStatusCode":404,"status":{"code":5,"message":"Requested entity was not found."}},
        {"requestedResourceName":"people/c4","status":{"code":14}}, 17,
        {"requestedResourceName":"people/c1","person":{"resourceName":"people/c1","etag":"%Eg"},"status":{}}]}"#;
    let server = Canned::start([Reply::json(200, body)]).await;
    let asked = names(&["c1", "c2", "c111", "c4", "c5", "c6"]);
    let verdicts = people(&server).verify(&asked).await.unwrap();
    let renamed = Presence::Renamed(names(&["c900"]).remove(0));
    assert_eq!(
        verdicts,
        [
            Presence::Alive,
            Presence::Gone,
            renamed,
            Presence::Unknown,
            Presence::Unknown,
            // Only the profile is left, and contacts were asked for.
            Presence::Gone
        ]
    );
    let request = &server.requests()[0];
    assert_eq!(request.path(), "/google/v1/people:batchGet");
    let repeated: String = asked.iter().map(|it| format!("&resourceNames={it}")).collect();
    assert_eq!(
        request.parameters(),
        pairs(&format!(
            "personFields=metadata&sources=READ_SOURCE_TYPE_CONTACT&prettyPrint=false{repeated}"
        ))
    );
}

#[tokio::test]
async fn a_shut_batch_get_says_nothing_about_anybody_and_trouble_is_trouble() {
    let asked = names(&["c1", "c2"]);
    for (status, body) in [(400, INVALID), (403, DISABLED), (404, ""), (501, "")] {
        let server = Canned::start([Reply::json(status, body)]).await;
        let error = people(&server).verify(&asked).await.unwrap_err();
        let passes = status == 501;
        assert_eq!(matches!(error, FetchError::Again { .. }), passes, "{status}: {error:?}");
    }
    for (status, body) in
        [(403, OLD_LIMIT), (429, QUOTA), (503, ""), (200, "[]"), (200, r#"{"responses":null}"#)]
    {
        let server = Canned::start([Reply::json(status, body)]).await;
        let error = people(&server).verify(&asked).await.unwrap_err();
        assert!(matches!(error, FetchError::Again { .. }), "{status}: {error:?}");
    }
    let server = Canned::start([]).await;
    assert_eq!(people(&server).verify(&[]).await, Ok(vec![]));
}

#[tokio::test]
async fn labels_are_gathered_over_all_pages() {
    let one = r#"{"contactGroups":[{"resourceName":"contactGroups/starred","groupType":"SYSTEM_CONTACT_GROUP","name":"starred","formattedName":"Starred"},{"resourceName":5}],"nextPageToken":"p2","totalItems":3}"#;
    let two = r#"{"contactGroups":[{"resourceName":"contactGroups/1f","groupType":"USER_CONTACT_GROUP","name":" Night desk\u0000 "},{"resourceName":"contactGroups/x","metadata":{"deleted":true}}],"nextSyncToken":"EJzD"}"#;
    let server = Canned::start([Reply::json(200, one), Reply::json(200, two)]).await;
    let labels = people(&server).labels().await.unwrap();
    let shown: Vec<_> =
        labels.iter().map(|it| (it.resource_name.as_str(), it.name.as_str(), it.system)).collect();
    assert_eq!(
        shown,
        [("contactGroups/starred", "starred", true), ("contactGroups/1f", "Night desk", false)]
    );
    let requests = server.requests();
    let base = "groupFields=metadata,groupType,name&pageSize=1000&prettyPrint=false";
    assert_eq!(requests[0].path(), "/google/v1/contactGroups");
    assert_eq!(requests[0].parameters(), pairs(base));
    assert_eq!(requests[1].parameters(), pairs(&format!("{base}&pageToken=p2")));

    let server = Canned::start([Reply::json(200, one), Reply::json(200, one)]).await;
    let error = people(&server).labels().await.unwrap_err();
    assert!(matches!(error, FetchError::Again { delay: Delay::Malformed, .. }), "{error:?}");
    let none = r#"{"contactGroups":[]}"#;
    let server = Canned::start([Reply::json(200, none)]).await;
    assert_eq!(people(&server).labels().await, Ok(vec![]));
}

#[tokio::test]
async fn the_account_says_who_it_is_or_does_not() {
    let named = Ok(names(&["c5"]).pop());
    for (reply, wanted) in [
        (Reply::json(200, r#"{"resourceName":"people/c5","etag":"%E"}"#), Some(named)),
        (Reply::json(200, r#"{"resourceName":"people/me"}"#), Some(Ok(None))),
        (Reply::json(403, SCOPE_MISSING), Some(Ok(None))),
        (Reply::json(404, ""), Some(Ok(None))),
        (Reply::json(200, "{}"), None),
        (Reply::json(403, OLD_LIMIT), None),
        (Reply::html(200, "<html>"), None),
        (Reply::html(503, "<html>"), None),
    ] {
        let server = Canned::start([reply]).await;
        let result = people(&server).identify().await;
        match wanted {
            Some(wanted) => assert_eq!(result, wanted),
            None => assert!(matches!(result, Err(FetchError::Again { .. })), "{result:?}"),
        }
        let request = &server.requests()[0];
        assert_eq!(request.path(), "/google/v1/people/me");
        assert_eq!(request.parameters(), pairs("personFields=metadata&prettyPrint=false"));
    }
}

#[tokio::test]
async fn a_person_is_sent_to_google_with_everything_that_google_wants() {
    let server = Canned::start([]).await;
    let oauth = oauth(&server, limits());
    let one = oauth.begin(&[SCOPE], Some("ada@example.com")).unwrap();
    let two = oauth.begin(&[SCOPE], None).unwrap();
    assert_ne!(one.state, two.state);
    assert_ne!(show(&one.verifier), show(&two.verifier));
    // 256 bits in base64, which is also the length that PKCE asks for (RFC 7636, 4.1).
    assert_eq!((one.state.len(), show(&one.verifier).len()), (43, 43));
    let url = reqwest::Url::parse(&one.url).unwrap();
    assert!(one.url.starts_with("https://accounts.example/auth?hl=en&"));
    let sent: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let get = |name: &str| sent.iter().find(|it| it.0 == name).map(|it| it.1.as_str());
    assert_eq!(get("client_id"), Some("client"));
    assert_eq!(get("redirect_uri"), Some("http://localhost:8000/auth/callback"));
    assert_eq!(get("response_type"), Some("code"));
    assert_eq!(get("scope"), Some(SCOPE));
    assert_eq!(get("access_type"), Some("offline"));
    assert_eq!(get("prompt"), Some("consent"));
    assert_eq!(get("include_granted_scopes"), Some("true"));
    assert_eq!(get("state"), Some(one.state.as_str()));
    assert_eq!(get("code_challenge_method"), Some("S256"));
    assert_eq!(get("login_hint"), Some("ada@example.com"));
    use base64::Engine;
    use sha2::Digest;
    let challenge =
        base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(show(&one.verifier)));
    assert_eq!(get("code_challenge"), Some(challenge.as_str()));
    assert!(!one.url.contains(&show(&one.verifier)) && !one.url.contains("client-secret"));
}

#[tokio::test]
async fn a_code_is_exchanged_for_tokens() {
    let full = r#"{"access_token":"ya29.a0","expires_in":3599,"refresh_token":"1//0e","scope":"openid https://www.googleapis.com/auth/contacts","token_type":"bearer","refresh_token_expires_in":604799}"#;
    let server = Canned::start([Reply::json(200, full)]).await;
    let tokens =
        oauth(&server, limits()).exchange("4/code", &"verifier".to_owned().into()).await.unwrap();
    assert_eq!(show(&tokens.access), "ya29.a0");
    assert_eq!(tokens.refresh.as_ref().map(show).as_deref(), Some("1//0e"));
    assert_eq!(tokens.expires_at, "2026-03-01T12:59:59Z".parse().unwrap());
    assert_eq!(tokens.refresh_expires_at, Some("2026-03-08T11:59:59Z".parse().unwrap()));
    assert_eq!(tokens.scopes, ["openid", "https://www.googleapis.com/auth/contacts"]);
    let request = &server.requests()[0];
    assert_eq!((request.method.as_str(), request.path()), ("POST", "/token"));
    assert_eq!(
        request.form(),
        pairs(
            "grant_type=authorization_code&code=4/code&code_verifier=verifier&redirect_uri=http://localhost:8000/auth/callback&client_id=client&client_secret=client-secret"
        )
    );

    // Without a word on scopes, they are what was asked for.
    let server =
        Canned::start([Reply::json(200, r#"{"access_token":"a","expires_in":"60"}"#)]).await;
    let tokens = oauth(&server, limits()).exchange("c", &"v".to_owned().into()).await.unwrap();
    assert_eq!(tokens.scopes, [SCOPE]);
    assert_eq!(tokens.expires_at, "2026-03-01T12:01:00Z".parse().unwrap());

    // The box was unticked.
    let server =
        Canned::start([Reply::json(200, r#"{"access_token":"a","scope":"openid"}"#)]).await;
    let result = oauth(&server, limits()).exchange("c", &"v".to_owned().into()).await;
    assert!(matches!(result, Err(OAuthError::Denied(_))), "{result:?}");
}

#[tokio::test]
async fn a_token_can_be_given_back_also_when_it_is_void_already() {
    for (reply, given_back) in [
        (Reply::json(200, "{}"), true),
        (
            Reply::json(
                400,
                r#"{"error":"invalid_token","error_description":"Token expired or revoked"}"#,
            ),
            true,
        ),
        (Reply::json(400, r#"{"error":"invalid_request"}"#), false),
        (Reply::html(400, "<html>"), false),
        (Reply::json(503, ""), false),
    ] {
        let server = Canned::start([reply]).await;
        let result = oauth(&server, limits()).revoke(&"1//0e".to_owned().into()).await;
        assert_eq!(result.is_ok(), given_back, "{result:?}");
        assert_eq!(server.requests()[0].path(), "/revoke");
        assert_eq!(server.requests()[0].form(), pairs("token=1//0e"));
    }
}

#[test]
fn what_the_browser_brings_back_instead_of_a_code_is_explained() {
    let kind = |code| match OAuthError::from_redirect(code) {
        OAuthError::Denied(_) => "denied",
        OAuthError::GrantDead(_) => "dead",
        OAuthError::ClientRejected(_) => "client",
        OAuthError::Transient { .. } => "transient",
    };
    assert_eq!(kind("access_denied"), "denied");
    assert_eq!(kind("admin_policy_enforced"), "client");
    assert_eq!(kind("login_required"), "dead");
    assert_eq!(kind("redirect_uri_mismatch"), "client");
    assert_eq!(kind("server_error"), "transient");
    let long = OAuthError::from_redirect(&"x\u{7}".repeat(5000)).to_string();
    assert!(long.len() < 1500 && !long.contains('\u{7}'));
}

#[tokio::test]
async fn secrets_do_not_show() {
    let server = Canned::start([]).await;
    let authorization = oauth(&server, limits()).begin(&[SCOPE], None).unwrap();
    let shown = format!("{:?} {:?} {:?}", grant(1, "ya29.SECRET", 5), authorization, since());
    assert!(
        !shown.contains("SECRET") && !shown.contains("refresh-1") && !shown.contains("s+/=1"),
        "{shown}"
    );
    assert!(
        !shown.contains(&authorization.state) && !shown.contains(&show(&authorization.verifier))
    );
}

#[test]
fn a_disabled_api_comes_with_the_way_out() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let server = Canned::start([Reply::json(403, DISABLED)]).await;
        let error = people(&server).list(&first()).await.unwrap_err().to_string();
        assert!(error.contains("enable it at https://console.developers.google.com/apis/api/people.googleapis.com/overview?project=1234567890,"), "{error}");
    });
}
