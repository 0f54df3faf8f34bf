//! All of it below a path, behind proxies that take the path off and behind proxies that do not.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use secrecy::SecretString;

use crate::support::app::{Answer, TestApp};

const BASE: &str = "/ringbook";
const HTML: (&str, &str) = ("accept", "text/html");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A proxy that shows the server below [`BASE`].
#[derive(Clone, Copy, Debug)]
struct Proxy {
    settings: &'static [(&'static str, &'static str)],
    /// Takes the path off before it passes a request on.
    strips: bool,
    /// What it adds to each request.
    headers: &'static [(&'static str, &'static str)],
}

const TRUSTED: (&str, &str) = ("TRUSTED_PROXIES", "127.0.0.1");
const FOR: (&str, &str) = ("x-forwarded-for", "10.1.1.1");
const PROXIES: [Proxy; 5] = [
    Proxy { settings: &[("BASE_PATH", BASE)], strips: false, headers: &[] },
    Proxy { settings: &[("BASE_PATH", "ringbook/"), TRUSTED], strips: true, headers: &[FOR] },
    Proxy {
        settings: &[("PUBLIC_URL", "http://127.0.0.1/ringbook"), TRUSTED],
        strips: false,
        headers: &[FOR, ("x-forwarded-host", "127.0.0.1")],
    },
    Proxy {
        settings: &[TRUSTED],
        strips: true,
        headers: &[
            FOR,
            ("x-forwarded-prefix", "/ringbook"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "127.0.0.1"),
        ],
    },
    Proxy {
        settings: &[TRUSTED],
        strips: false,
        headers: &[FOR, ("x-forwarded-prefix", "/ringbook/")],
    },
];

/// A browser behind the proxy.
struct Browser<'a> {
    app: &'a TestApp,
    proxy: Proxy,
    cookies: BTreeMap<String, String>,
}

impl Browser<'_> {
    async fn send(&mut self, method: Method, path: &str, body: Option<&str>) -> Answer {
        let inner = match path.strip_prefix(BASE) {
            Some("") => "/",
            Some(inner) if inner.starts_with(['/', '?']) => inner,
            _ => panic!("{:?}: `{path}` leads out of {BASE}", self.proxy),
        };
        let path = if self.proxy.strips { inner } else { path };
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let mut headers = vec![HTML, ("cookie", cookies.as_str())];
        headers.extend(body.map(|_| FORM));
        headers.extend(self.proxy.headers);
        let answer = self.app.send(method, path, &headers, body).await;
        for cookie in answer.headers.get_all("set-cookie") {
            let mut parts = cookie.to_str().unwrap().split("; ");
            let (name, value) = parts.next().unwrap().split_once('=').unwrap();
            let scope = parts.find_map(|it| it.strip_prefix("Path=")).unwrap();
            let is_ours = scope == BASE || scope.starts_with("/ringbook/");
            assert!(is_ours || name == "ringbook_oauth", "{cookie:?}");
            assert!(!name.starts_with("__Host-"), "a browser takes it for all of the host only");
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    /// Follows redirects within the path.
    async fn open(&mut self, path: &str) -> Answer {
        let mut answer = self.get(path).await;
        for _ in 0..5 {
            if !answer.status.is_redirection() {
                break;
            }
            let to = answer.header("location").to_owned();
            if !to.starts_with('/') {
                break;
            }
            answer = self.get(&to).await;
        }
        answer
    }
}

/// The addresses in a page: what it is led to by, and what its forms are sent to.
fn addresses(page: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut links, mut forms) = (BTreeSet::new(), BTreeSet::new());
    for (name, into_forms) in [
        ("href", false),
        ("src", false),
        ("data-events", false),
        ("action", true),
        ("formaction", true),
    ] {
        for (_, rest) in
            page.match_indices(&format!(" {name}=\"")).map(|(at, it)| (at, &page[at + it.len()..]))
        {
            let address =
                rest.split('"').next().unwrap().replace("&amp;", "&").replace("&#38;", "&");
            let address = address.split('#').next().unwrap().to_owned();
            if address.is_empty() || address.starts_with('?') || address.contains("://") {
                continue;
            }
            if into_forms {
                forms.insert(address)
            } else {
                links.insert(address)
            };
        }
    }
    (links, forms)
}

/// One page of each kind is enough: ids and queries have no end.
fn kind_of(path: &str) -> String {
    let path = path.split('?').next().unwrap();
    path.split('/')
        .map(|step| if step.len() == 36 { "{id}" } else { step })
        .collect::<Vec<_>>()
        .join("/")
}

async fn signed_in<'a>(app: &'a TestApp, proxy: Proxy) -> Browser<'a> {
    let access = &app.world.app.access;
    let password = SecretString::from("correct horse battery");
    let hash = access.hash("ada", &password).await.unwrap();
    app.world.app.store.add_person("ada", &hash, true).await.unwrap();
    access.forget();
    let mut browser = Browser { app, proxy, cookies: BTreeMap::new() };
    let door = browser.open("/ringbook/").await;
    assert!(door.text.contains("action=\"/ringbook/do/sign-in\""), "{}", door.text);
    let form = "name=ada&password=correct+horse+battery&back=%2Fhistory";
    let entered = browser.send(Method::POST, "/ringbook/do/sign-in", Some(form)).await;
    assert_eq!(entered.status, 303, "{}", entered.text);
    assert_eq!(entered.header("location"), "/ringbook/history");
    browser
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_link_of_any_page_leads_out_of_the_path() {
    for proxy in PROXIES {
        let app = TestApp::with(12, proxy.settings).await;
        app.post("/api/sync").await;
        app.world.app.supervisor.nudge();
        let mut browser = signed_in(&app, proxy).await;
        let mut known: BTreeMap<String, usize> = BTreeMap::new();
        let mut waiting = vec!["/ringbook/".to_owned(), "/ringbook".to_owned()];
        let (mut pages, mut sent_to) = (0, BTreeSet::new());
        while let Some(path) = waiting.pop() {
            let count = known.entry(kind_of(&path)).or_default();
            *count += 1;
            if *count > 2 || path.contains("/api/sync/events") || path.contains("/auth/google") {
                continue;
            }
            let answer = browser.open(&path).await;
            assert!(
                answer.status.is_success(),
                "{proxy:?} {path}: {} {}",
                answer.status,
                answer.text
            );
            if !answer.header("content-type").starts_with("text/html") || path.contains("/docs") {
                continue;
            }
            pages += 1;
            let (links, forms) = addresses(&answer.text);
            for address in links.iter().chain(&forms) {
                assert!(address.starts_with("/ringbook/"), "{proxy:?} {path}: {address}");
            }
            sent_to.extend(forms.iter().map(|it| kind_of(it)));
            waiting.extend(links);
        }
        assert!(pages > 20, "{proxy:?}: {pages} pages, {known:?}");
        assert!(sent_to.len() > 8, "{proxy:?}: {sent_to:?}");
        assert!(known.contains_key("/ringbook/api/sync/events"), "{known:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_forms_the_api_and_phones_are_told_stays_below_the_path() {
    for proxy in PROXIES {
        let app = TestApp::with(3, proxy.settings).await;
        let mut browser = signed_in(&app, proxy).await;
        let session = browser.get("/ringbook/api/session").await.is(200);
        let csrf = session["csrf_token"].as_str().unwrap().to_owned();

        // A form leads back below the path, and so does the choice of a language.
        let body = format!("csrf={csrf}&back=%2Fphones");
        let left = browser.send(Method::POST, "/ringbook/do/sync", Some(&body)).await;
        assert_eq!((left.status.as_u16(), left.header("location")), (303, "/ringbook/phones"));
        let chosen = browser.get("/ringbook/language/de?back=%2Fcontacts").await;
        assert_eq!(chosen.header("location"), "/ringbook/contacts");

        // What programs follow.
        let accounts = browser.get("/ringbook/api/accounts").await.is(200);
        let account = &accounts["accounts"][0];
        for (name, to) in account["links"].as_object().unwrap() {
            assert!(to.as_str().unwrap().starts_with("/ringbook/api/"), "{name}: {to}");
        }
        assert!(account["connect_url"].as_str().unwrap().starts_with("/ringbook/auth/google"));
        let document = browser.get("/ringbook/api/openapi.json").await.is(200);
        assert_eq!(document["servers"][0]["url"], "/ringbook");
        let explorer = browser.get("/ringbook/docs/swagger-initializer.js").await;
        assert!(explorer.text.contains("../api/openapi.json"), "{}", explorer.text);

        // The phones' addresses.
        let screen = browser.get("/ringbook/directory").await;
        let urls: Vec<&str> = screen.text.split("<URL>").skip(1).collect();
        assert!(!urls.is_empty(), "{}", screen.text);
        for url in urls.iter().filter(|it| it.starts_with("http")) {
            let (_, path) = url.split_once("://").unwrap();
            assert!(path[path.find('/').unwrap()..].starts_with("/ringbook/directory"), "{url}");
        }
        // The way to Google and back.
        let out = browser.get("/ringbook/auth/google?account=new").await;
        assert!(out.status.is_redirection() || out.status.is_success(), "{}", out.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prefix_that_no_trusted_proxy_says_and_one_that_is_none_are_ignored() {
    let open = TestApp::new(0).await;
    let trusting = TestApp::with(0, &[TRUSTED]).await;
    for (app, prefix) in [
        (&open, "/ringbook"),
        (&trusting, "//evil.example"),
        (&trusting, "/\"><script>"),
        (&trusting, "/a/../b"),
        (&trusting, "https://evil.example"),
        (&trusting, "/api"),
        (&trusting, ""),
    ] {
        let headers = [HTML, ("x-forwarded-prefix", prefix), FOR];
        let page = app.send(Method::GET, "/sign-in", &headers, None).await;
        assert!(!page.text.contains("evil") && !page.text.contains("<script>"), "{}", page.text);
        let links = if page.status == 303 {
            assert_eq!(page.header("location"), "/setup", "{prefix}");
            continue;
        } else {
            addresses(&page.text).0
        };
        assert!(links.iter().all(|it| !it.starts_with("/ringbook")), "{prefix}: {links:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slash_at_the_end_leads_to_the_same() {
    let app = TestApp::new(2).await;
    for path in [
        "/contacts",
        "/history",
        "/phones",
        "/settings/schedule",
        "/api/contacts",
        "/api/sync/status",
        "/health",
        "/health/live",
        "/directory",
        "/directory/groups/2ABC",
        "/directory/help",
        "/lookup?number=1",
        "/api/search?q=ab",
        "/metrics",
    ] {
        let (bare, query) = path.split_once('?').map_or((path, ""), |(it, query)| (it, query));
        for slashes in ["/", "//"] {
            let with = format!("{bare}{slashes}?{query}");
            let (one, other) = (app.get(path).await, app.get(&with).await);
            assert_eq!(one.status, other.status, "{with}: {}", other.text);
            assert_eq!(one.header("content-type"), other.header("content-type"), "{with}");
        }
    }
    let json = [("content-type", "application/json")];
    let set = app.send(Method::PUT, "/api/sync/schedule/", &json, Some("{\"mode\":null}")).await;
    assert_eq!(set.status, 200, "{}", set.text);
    assert_eq!(app.get("/docs/").await.status, 200);
    assert_eq!(app.get("/nothing/").await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forms_are_taken_behind_any_proxy_that_says_how_it_was_asked() {
    let json = [("content-type", "application/json")];
    let body = Some("{\"mode\":null}");
    for (settings, headers, status) in [
        // Another port, and `Host` as nginx passes it with `$host`.
        (
            vec![TRUSTED],
            vec![("host", "127.0.0.1"), ("x-forwarded-host", "127.0.0.1:8443"), FOR],
            401,
        ),
        (vec![TRUSTED], vec![("host", "127.0.0.1"), ("x-forwarded-port", "8443"), FOR], 401),
        (vec![], vec![("host", "127.0.0.1"), ("x-forwarded-host", "127.0.0.1:8443"), FOR], 403),
        (vec![TRUSTED], vec![("host", "127.0.0.1"), FOR], 403),
        (vec![("PUBLIC_URL", "http://127.0.0.1:8443/x")], vec![("host", "127.0.0.1")], 200),
        (vec![("PUBLIC_URL", "https://127.0.0.1:8443")], vec![("host", "127.0.0.1")], 403),
        (vec![], vec![("host", "127.0.0.1:8443")], 200),
    ] {
        let app = TestApp::with(0, &settings).await;
        let all = [&json[..], &headers, &[("origin", "http://127.0.0.1:8443")]].concat();
        let answer = app.send(Method::PUT, "/api/sync/schedule", &all, body).await;
        // Without an account there is nothing to set: what matters is that it was not refused before.
        assert_eq!(answer.status.as_u16(), status, "{settings:?} {headers:?}: {}", answer.text);
        if status == 403 {
            let told = answer.refused(403);
            assert!(
                told.contains("X-Forwarded-Host") && told.contains("http://127.0.0.1:8443"),
                "{told}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_progress_is_held_up_by_no_proxy() {
    let app = TestApp::new(0).await;
    let answer = app.client.get(app.url("/api/sync/events")).send().await.unwrap();
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("x-accel-buffering"), "no");
    assert_eq!(header("cache-control"), "no-cache, no-transform");
    assert!(header("content-type").starts_with("text/event-stream"));
}

#[test]
fn no_route_of_ours_can_be_a_base_path() {
    for (_, route, _) in ringbook_web::ROUTES {
        let first = route.split('/').nth(1).unwrap();
        if first.is_empty() || first.starts_with('{') {
            continue;
        }
        let path = format!("/{first}");
        let taken = ringbook_app::config::Config::of(&[("BASE_PATH", &path)]);
        assert!(
            taken.is_err(),
            "{path} is a path of ours; add it to OWN_STEPS in crates/app/src/config/value.rs"
        );
    }
}
