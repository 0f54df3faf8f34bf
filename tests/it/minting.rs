//! Service accounts and lists of a domain against a server that answers with exactly the bytes it is told to.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use jiff::Timestamp;
use ringbook_core::clock::{Clock, after};
use ringbook_core::sync::book::{AddressBook, FetchError, ListRequest, PageToken, SyncToken};
use ringbook_core::sync::{Delay, Source};
use ringbook_google::{
    AccessTokens, Grant, GrantStore, KeeperError, Limits, Minter, OAuth, OAuthOptions, People,
    PeopleOptions, SCOPE, SCOPE_DIRECTORY, ServiceKey, Tokens, http_client,
};
use ringbook_simulator::{Options, Simulator};
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::google::canned::{Canned, Reply};
use crate::support::PATIENCE;

const NOW: &str = "2026-03-01T12:00:00Z";
const SUBJECT: &str = "phones@example.com";

/// Time stands still unless it is set.
#[derive(Clone)]
struct Set(Arc<Mutex<Timestamp>>);

impl Set {
    fn new() -> Set {
        Set(Arc::new(Mutex::new(NOW.parse().unwrap())))
    }

    fn pass(&self, seconds: u64) {
        let mut now = self.0.lock().unwrap();
        *now = after(*now, Duration::from_secs(seconds));
    }
}

impl Clock for Set {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    fn sleep_until(&self, _: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }
}

/// Keeps a key, or the scopes of a consent, and panics where anybody wants to save or condemn.
struct Shelf {
    generation: Mutex<i64>,
    key: Option<ServiceKey>,
    scopes: Vec<String>,
    until: Timestamp,
}

impl GrantStore for Shelf {
    fn load(&self) -> BoxFuture<'_, Result<Option<Grant>, KeeperError>> {
        let tokens = Tokens {
            access: "ya29.consent".to_owned().into(),
            expires_at: self.until,
            refresh: None,
            refresh_expires_at: None,
            scopes: self.scopes.clone(),
        };
        let generation = *self.generation.lock().unwrap();
        async move { Ok(Some(Grant { generation, tokens })) }.boxed()
    }

    fn save<'a>(&'a self, _: i64, _: &'a Grant) -> BoxFuture<'a, Result<bool, KeeperError>> {
        panic!("a minted token was stored")
    }

    fn condemn<'a>(&'a self, _: i64, reason: &'a str) -> BoxFuture<'a, Result<(), KeeperError>> {
        panic!("a service account was given up: {reason}")
    }

    fn service_key(&self) -> BoxFuture<'_, Result<Option<ServiceKey>, KeeperError>> {
        async { Ok(self.key.clone()) }.boxed()
    }
}

fn limits() -> Limits {
    Limits {
        body_max: 1 << 20,
        connect_timeout: PATIENCE,
        idle_timeout: PATIENCE,
        total_timeout: PATIENCE,
    }
}

async fn key() -> ServiceKey {
    let simulator = Simulator::start(Options::default()).await.unwrap();
    ServiceKey::parse(&simulator.control().service_key(), SUBJECT).unwrap()
}

/// A client of this server, with the shelf it gets its permission from.
struct Desk {
    people: People,
    shelf: Arc<Shelf>,
    clock: Set,
}

fn desk(server: &Canned, source: Source, key: Option<ServiceKey>, scopes: &[&str]) -> Desk {
    let clock = Set::new();
    let shelf = Arc::new(Shelf {
        generation: Mutex::new(1),
        key,
        scopes: scopes.iter().map(|it| (*it).to_owned()).collect(),
        until: after(clock.now(), Duration::from_secs(3000)),
    });
    let http = http_client(&limits()).unwrap();
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let token_url = format!("{}/token", server.url);
    let minter = Minter::new(&token_url, shared.clone(), http.clone(), limits()).unwrap();
    let oauth = OAuth::new(OAuthOptions {
        client_id: "client".into(),
        client_secret: "client-secret".to_owned().into(),
        redirect_uri: "http://localhost:8000/auth/callback".into(),
        auth_url: "https://accounts.example/auth".into(),
        token_url,
        revoke_url: format!("{}/revoke", server.url),
        clock: shared.clone(),
        http: http.clone(),
        limits: limits(),
    });
    let oauth = Some(Arc::new(oauth.unwrap()));
    let tokens = AccessTokens::minting(oauth, Arc::new(minter), shelf.clone());
    let people = People::new(PeopleOptions {
        base_url: server.url.clone(),
        http,
        tokens: Arc::new(tokens),
        clock: shared,
        limits: limits(),
    });
    Desk { people: people.unwrap().of(source), shelf, clock }
}

fn first() -> ListRequest {
    ListRequest { since: None, page: None, page_size: 1000 }
}

fn minted(token: &str) -> Reply {
    let body = format!(r#"{{"access_token":"{token}","expires_in":3599,"token_type":"Bearer"}}"#);
    Reply::json(200, &body)
}

fn nobody() -> Reply {
    Reply::json(200, r#"{"nextSyncToken":"t"}"#)
}

fn parts(assertion: &str) -> (Value, Value) {
    let part = |at: usize| {
        let text = assertion.split('.').nth(at).unwrap();
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    };
    (part(0), part(1))
}

#[tokio::test]
async fn the_statement_says_who_speaks_for_whom_and_until_when() {
    for (source, scope) in [(Source::Contacts, SCOPE), (Source::Shared, SCOPE_DIRECTORY)] {
        let server = Canned::start([minted("ya29.one"), nobody()]).await;
        let desk = desk(&server, source, Some(key().await), &[]);
        desk.people.list(&first()).await.unwrap();
        let asked = server.requests();
        let form = asked[0].form();
        let field = |name: &str| form.iter().find(|it| it.0 == name).unwrap().1.clone();
        assert_eq!(form.len(), 2, "no client id and no client secret");
        assert_eq!(field("grant_type"), "urn:ietf:params:oauth:grant-type:jwt-bearer");
        let (header, claims) = parts(&field("assertion"));
        assert_eq!((&header["alg"], &header["typ"]), (&"RS256".into(), &"JWT".into()));
        assert!(header["kid"].is_string());
        assert_eq!(claims["sub"], SUBJECT);
        assert_eq!(claims["scope"], scope);
        assert_eq!(claims["aud"], format!("{}/token", server.url));
        let now = desk.clock.now().as_second();
        assert_eq!(
            (claims["iat"].as_i64(), claims["exp"].as_i64()),
            (Some(now - 10), Some(now + 3590))
        );
        assert_eq!(asked[1].header("authorization"), Some("Bearer ya29.one"));
    }
}

#[tokio::test]
async fn many_who_need_a_token_wait_for_one_that_is_minted() {
    let mut replies = vec![minted("ya29.one").late(Duration::from_millis(50))];
    replies.extend((0..8).map(|_| nobody()));
    let server = Canned::start(replies).await;
    let desk = desk(&server, Source::Contacts, Some(key().await), &[]);
    for answer in join_all((0..8).map(|_| async { desk.people.list(&first()).await })).await {
        answer.unwrap();
    }
    let minted = server.requests().iter().filter(|it| it.path() == "/token").count();
    assert_eq!(minted, 1);
}

#[tokio::test]
async fn a_token_is_used_until_shortly_before_its_end_and_no_longer_than_its_key() {
    let replies =
        [minted("one"), nobody(), nobody(), minted("two"), nobody(), minted("three"), nobody()];
    let server = Canned::start(replies).await;
    let desk = desk(&server, Source::Contacts, Some(key().await), &[]);
    desk.people.list(&first()).await.unwrap();
    desk.clock.pass(3300);
    desk.people.list(&first()).await.unwrap();
    desk.clock.pass(100);
    desk.people.list(&first()).await.unwrap();
    // Another key was entered, and Google has refused what the one before brought.
    *desk.shelf.generation.lock().unwrap() = 2;
    desk.clock.pass(3500);
    desk.people.list(&first()).await.unwrap();
    let used: Vec<String> = server
        .requests()
        .iter()
        .filter_map(|it| Some(it.header("authorization")?.to_owned()))
        .collect();
    assert_eq!(used, ["Bearer one", "Bearer one", "Bearer two", "Bearer three"]);
}

#[tokio::test]
async fn a_token_is_never_believed_for_longer_than_an_hour() {
    let long = r#"{"access_token":"one","expires_in":999999,"token_type":"Bearer"}"#;
    let server = Canned::start([Reply::json(200, long), nobody(), minted("two"), nobody()]).await;
    let desk = desk(&server, Source::Contacts, Some(key().await), &[]);
    desk.people.list(&first()).await.unwrap();
    desk.clock.pass(3500);
    desk.people.list(&first()).await.unwrap();
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn each_refusal_of_a_key_says_the_way_out_and_gives_nothing_up() {
    let refusal = |status, code: &str, words: &str| {
        Reply::json(status, &format!(r#"{{"error":"{code}","error_description":"{words}"}}"#))
    };
    let unauthorized = "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.";
    let untimely = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.";
    let id = key().await.client_id;
    for (reply, words) in [
        (
            refusal(401, "unauthorized_client", unauthorized),
            vec!["Domain-wide delegation", &id, SCOPE, "24 hours", "gmail.com"],
        ),
        (refusal(400, "invalid_grant", untimely), vec!["clock", "2026-03-01T12:00:00Z", "NTP"]),
        (refusal(400, "invalid_grant", "Invalid JWT Signature."), vec!["new key"]),
        (refusal(400, "invalid_grant", "Invalid email or User ID"), vec![SUBJECT]),
        (
            refusal(401, "invalid_client", "The OAuth client was not found."),
            vec!["disabled or deleted"],
        ),
        (refusal(400, "admin_policy_enforced", ""), vec!["App access control"]),
        (refusal(400, "invalid_scope", "Bad"), vec![SCOPE]),
        (refusal(400, "something_new", "Bad"), vec!["something_new"]),
    ] {
        let server = Canned::start([reply]).await;
        let desk = desk(&server, Source::Contacts, Some(key().await), &[]);
        let Err(FetchError::Misconfigured { message }) = desk.people.list(&first()).await else {
            panic!("{words:?}")
        };
        for word in words {
            assert!(message.contains(word), "{word}: {message}");
        }
        assert!(!message.contains("PRIVATE"), "{message}");
    }
    for (reply, wanted) in [
        (refusal(503, "temporarily_unavailable", ""), Delay::ServerError),
        (refusal(400, "internal_failure", ""), Delay::ServerError),
        (refusal(429, "rate_limit_exceeded", ""), Delay::RateLimited),
        (Reply::html(502, "<html>oops"), Delay::ServerError),
        (Reply::html(200, "<html>log in"), Delay::Malformed),
        (Reply::json(200, "{}"), Delay::Malformed),
        (Reply::json(400, ""), Delay::Malformed),
        (Reply::Reset, Delay::Network),
    ] {
        let server = Canned::start([reply]).await;
        let desk = desk(&server, Source::Contacts, Some(key().await), &[]);
        match desk.people.list(&first()).await {
            Err(FetchError::Again { delay, .. }) => assert_eq!(delay, wanted),
            other => panic!("{wanted:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_list_of_the_domain_is_asked_for_with_these_parameters_and_no_others() {
    let server = Canned::start([nobody()]).await;
    let desk = desk(&server, Source::Directory, None, &[SCOPE, SCOPE_DIRECTORY]);
    let request = ListRequest {
        since: Some(SyncToken::new("never sent")),
        page: Some(PageToken::new("a=b")),
        page_size: 5000,
    };
    desk.people.list(&request).await.unwrap();
    let asked = server.requests().remove(0);
    assert_eq!(asked.path(), "/v1/people:listDirectoryPeople");
    let wanted = [
        ("pageSize", "1000"),
        ("pageToken", "a=b"),
        ("prettyPrint", "false"),
        ("readMask", "metadata,names,nicknames,organizations,phoneNumbers,emailAddresses"),
        ("requestSyncToken", "true"),
        ("sources", "DIRECTORY_SOURCE_TYPE_DOMAIN_PROFILE"),
    ];
    assert_eq!(asked.parameters(), wanted.map(|(name, it)| (name.to_owned(), it.to_owned())));
}

#[tokio::test]
async fn what_shuts_a_directory_is_told_apart() {
    let bare = r#"{"error":{"code":403,"message":"The caller does not have permission","status":"PERMISSION_DENIED"}}"#;
    let scope =
        r#"{"error":{"code":403,"message":"Request had insufficient authentication scopes."}}"#;
    let disabled =
        r#"{"error":{"code":403,"message":"x","details":[{"reason":"SERVICE_DISABLED"}]}}"#;
    for (reply, word) in [
        (Reply::json(403, bare), "External Directory Sharing"),
        (Reply::json(403, ""), "External Directory Sharing"),
        (Reply::json(403, scope), "/auth/google?scopes=directory"),
        (Reply::json(403, disabled), "the People API is not enabled"),
    ] {
        let server = Canned::start([reply]).await;
        let desk = desk(&server, Source::Directory, None, &[SCOPE_DIRECTORY]);
        match desk.people.list(&first()).await {
            Err(FetchError::Misconfigured { message }) => {
                assert!(message.contains(word), "{message}")
            }
            other => panic!("{word}: {other:?}"),
        }
    }
    let quota = r#"{"error":{"errors":[{"reason":"userRateLimitExceeded"}]}}"#;
    let server = Canned::start([Reply::json(403, quota)]).await;
    let desk = desk(&server, Source::Directory, None, &[SCOPE_DIRECTORY]);
    let answer = desk.people.list(&first()).await;
    assert!(matches!(answer, Err(FetchError::Again { delay: Delay::RateLimited, .. })));
}

#[tokio::test]
async fn a_consent_without_the_directory_is_not_even_tried() {
    let server = Canned::start([]).await;
    let desk = desk(&server, Source::Directory, None, &[SCOPE]);
    match desk.people.list(&first()).await {
        Err(FetchError::Misconfigured { message }) => {
            assert!(message.contains("scopes=directory"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_key_shows_nothing_of_itself_and_comes_back_from_its_secret() {
    let key = key().await;
    let shown = format!("{key:?}");
    assert!(!shown.contains("BEGIN") && !shown.contains("MII"), "{shown}");
    let secret = key.to_secret();
    assert!(!format!("{secret:?}").contains("BEGIN"));
    let back = ServiceKey::of_secret(&secret).unwrap();
    assert_eq!((back.client_email, back.client_id), (key.client_email, key.client_id));
    assert_eq!((back.key_id, back.subject), (key.key_id, key.subject));
    for odd in [
        "",
        "{}",
        "null",
        r#"{"client_email":"a","client_id":"b","private_key_id":"c","private_key":"d","subject":"e"}"#,
    ] {
        assert!(ServiceKey::of_secret(&odd.to_owned().into()).is_none(), "{odd}");
    }
    assert!(secret.expose_secret().contains("BEGIN"), "it is all there, for a safe place");
}
