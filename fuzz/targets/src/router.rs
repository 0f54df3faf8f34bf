//! Requests to the real router, on a directory that was really synced.

use std::cell::RefCell;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderName, HeaderValue, Method, Request, header};
use axum::response::Response;
use serde_json::Value;
use tokio::runtime::Runtime;
use tower::ServiceExt;

use crate::{assert_clean, parts};
use ringbook_app::App;
use ringbook_app::config::Config;
use ringbook_core::clock::after;
use ringbook_core::sync::Trigger;
use ringbook_engine::supervisor::StartRequest;
use ringbook_simulator::{CONTACTS_READONLY, Contact, Options, Simulator};
use ringbook_store::{ContactQuery, NewTokens};

struct World {
    runtime: Runtime,
    router: Router,
    /// What a request may name by a word in braces.
    names: [(&'static str, String); 3],
    /// Removed with the thread.
    _folder: tempfile::TempDir,
}

thread_local! {
    // One for each thread, so that what one test did is not seen by another.
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// A request as it is written: method, address, headers, an empty line and a body, with single line feeds.
pub(super) fn request(bytes: &[u8]) {
    WORLD.with_borrow_mut(|world| world.get_or_insert_with(World::new).ask(bytes));
}

impl World {
    fn new() -> World {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        let (router, names) = runtime.block_on(directory(&folder));
        World { runtime, router, names, _folder: folder }
    }

    fn ask(&self, bytes: &[u8]) {
        let Some(request) = self.read(bytes) else { return };
        let (method, accept) =
            (request.method().clone(), request.headers().get(header::ACCEPT).cloned());
        self.runtime.block_on(async {
            let response = match self.router.clone().oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            let html = accept
                .is_some_and(|it| String::from_utf8_lossy(it.as_bytes()).contains("text/html"));
            check(response, &method, html).await;
        });
    }

    /// `None` where a server would not even understand that something is asked.
    fn read(&self, bytes: &[u8]) -> Option<Request<Body>> {
        let end = bytes.windows(2).position(|it| it == b"\n\n").unwrap_or(bytes.len());
        let (head, body) = (&bytes[..end], bytes.get(end + 2..).unwrap_or_default());
        let head =
            self.names.iter().fold(head.to_vec(), |head, (name, id)| replaced(&head, name, id));
        let mut lines = head.split(|byte| *byte == b'\n');
        let [method, target] = parts(lines.next()?, b' ');
        let method = Method::from_bytes(method).ok()?;
        // The only requests that make the next ones see something else.
        let forgets = (method == Method::DELETE && target.starts_with(b"/api/sync/history"))
            || (matches!(method, Method::DELETE | Method::POST)
                && target.starts_with(b"/api/accounts"));
        let mut request = Request::builder().method(method).uri(target);
        for line in lines {
            let [name, value] = parts(line, b':');
            let name = HeaderName::from_bytes(name.trim_ascii()).ok()?;
            request = request.header(name, HeaderValue::from_bytes(value.trim_ascii()).ok()?);
        }
        request.body(Body::from(body.to_vec())).ok().filter(|_| !forgets)
    }
}

fn replaced(bytes: &[u8], name: &str, id: &str) -> Vec<u8> {
    match bytes.windows(name.len()).position(|it| it == name.as_bytes()) {
        Some(at) => [&bytes[..at], id.as_bytes(), &bytes[at + name.len()..]].concat(),
        None => bytes.to_vec(),
    }
}

/// A directory with a history, no longer connected: nothing here asks anybody else.
async fn directory(folder: &tempfile::TempDir) -> (Router, [(&'static str, String); 3]) {
    let google =
        Simulator::start(Options { contacts: 40, ..Options::default() }).await.expect("a Google");
    let url = format!("sqlite:///{}/ringbook.db", folder.path().display());
    let mut settings = google.environment();
    settings.extend([("DATABASE_URL", url), ("SYNC_BATCH_SIZE", "10".to_owned())]);
    let settings: Vec<(&str, &str)> =
        settings.iter().map(|(key, it)| (*key, it.as_str())).collect();
    let app = App::open(Config::of(&settings).expect("settings")).await.expect("an installation");
    let tokens = google.control().grant(&[CONTACTS_READONLY.to_owned()]);
    let tokens = NewTokens {
        access_token: tokens.access_token.into(),
        expires_at: after(app.clock.now(), std::time::Duration::from_secs(3600)),
        refresh_token: Some(tokens.refresh_token.into()),
        refresh_expires_at: None,
        scopes: vec![CONTACTS_READONLY.to_owned()],
    };
    let account = app.store.connect(None, None, &tokens).await.expect("a grant");
    let mut last = None;
    for name in ["Ada", "Grace"] {
        google.control().add(Contact::named(name, "Hopper", "+1 555 0100"));
        let wish = StartRequest { account, kind: None, trigger: Trigger::Api, asked_by: None };
        let started = app.supervisor.start(&wish).await.expect("a run");
        last = Some(started.run);
        started.finished().await;
    }
    let query = ContactQuery { limit: 1, ..ContactQuery::default() };
    let (contacts, total) = app.store.contacts(&query).await.expect("contacts");
    assert_eq!(total, 42);
    app.store.disconnect(account).await.expect("a database");
    // The numbering plans are unpacked once, and not on the account of the first who asks.
    let _ = app.config.dial.read("+49 30 1234567");
    let ids = *app.store.ids();
    let names = [
        ("{run}", last.map(|run| ids.run(run)).unwrap_or_default()),
        ("{contact}", contacts.first().map(|it| ids.contact(it.id)).unwrap_or_default()),
        ("{account}", ids.account(account)),
    ];
    (ringbook_web::router(app), names)
}

async fn check(response: Response, method: &Method, html: bool) {
    let (head, body) = response.into_parts();
    let kind = head
        .headers
        .get(header::CONTENT_TYPE)
        .map(|it| String::from_utf8_lossy(it.as_bytes()).into_owned());
    let kind = kind.unwrap_or_default();
    assert!(!head.status.is_server_error(), "{} {}", head.status, text(body).await);
    assert!(head.headers.contains_key(header::X_CONTENT_TYPE_OPTIONS), "{head:?}");
    for value in head.headers.values() {
        assert!(value.len() <= 4096, "a header of {} bytes", value.len());
    }
    // That stream has no end.
    if kind.starts_with("text/event-stream") || *method == Method::HEAD {
        return;
    }
    let failed = head.status.is_client_error();
    let body = text(body).await;
    if failed && html && kind.starts_with("text/html") {
        // Our own is loaded by the frame of the pages; no other may be in them.
        let foreign = body.replace("<script src=\"/assets/", "").contains("<script");
        return assert!(body.len() < 4000 && !foreign, "{body}");
    }
    if kind.starts_with("text/xml") {
        assert_eq!(head.status, 200, "a phone shows nothing else");
        assert!(
            body.starts_with("<?xml version=\"1.0\" encoding=") && body.ends_with(">\n"),
            "{body}"
        );
    }
    if kind == "application/json" {
        let json: Value = serde_json::from_str(&body).expect("what is called JSON is JSON");
        if failed {
            let detail = json["detail"].as_str().expect("an error says what is wrong");
            assert_clean(detail, 600);
            assert!(body.len() < 2000, "{body}");
        }
    }
    // A look-up is refused with an empty text: a switchboard would show any other as the caller's name.
    let is_no_name = kind.starts_with("text/plain") && body.is_empty();
    let is_told = kind == "application/json" || is_no_name;
    assert!(!failed || is_told, "{} is {kind}: {body}", head.status);
}

async fn text(body: Body) -> String {
    let bytes = to_bytes(body, 16 << 20).await.expect("an answer has an end");
    // What is not UTF-8 is ISO 8859-1, for old phones, or no text at all.
    let latin1 = |bytes: Vec<u8>| bytes.into_iter().map(char::from).collect();
    String::from_utf8(bytes.to_vec()).unwrap_or_else(|error| latin1(error.into_bytes()))
}
