//! Who may do what: every route, asked by every kind of caller.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::{Client, Method, RequestBuilder};
use ringbook_app::auth::{AuthService, Origin, SignInError};
use ringbook_app::config::Config;
use ringbook_core::access::{Permission, Scope};
use ringbook_store::secret::Secret;
use ringbook_store::{Act, AdminError, AuditQuery, MadeTokens, Maker, Store};
use ringbook_web::ROUTES;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::app::{Answer, TestApp};
use crate::support::both::on_both;
use crate::support::clock::ManualClock;
use crate::support::vault::vault;
use crate::support::world::{Database, World};

/// Kinds of callers, each with the highest right that it has.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Caller {
    PhoneNetwork,
    StrangeNetwork,
    Device,
    RevokedDevice,
    Token(Scope),
    RevokedToken,
    ExpiredToken,
    MadeUpToken,
    Session,
    SessionWithoutCsrf,
    EndedSession,
    /// From a peer that is nobody's proxy.
    ForgedForwardedFor,
    ForgedProxyHeader,
    ProxiedPerson,
    ProxiedNobody,
    /// Behind the proxy, with what proxies do not always clean up.
    ForgedFirstLine,
    UnreadableHop,
    DoubledProxyHeader,
    /// The proxy, when it does not say for whom it asks.
    SilentProxy,
    /// In the phones' network, with a header that some proxy adds and no other.
    Forwarded(&'static str),
    /// By a name that an attacker has pointed here, with whatever a page could have.
    OtherName(&'static str),
    OtherNameWithToken,
    OtherNameBehindProxy,
    /// At the phones' own listener.
    PhonesListener,
    PhonesListenerWithToken,
}

/// Headers of proxies, each of which gives one away alone.
const FORWARDED: &[&str] = &[
    "Via",
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Server",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Real-IP",
    "CF-Connecting-IP",
    "True-Client-IP",
    "X-Client-IP",
    "X-Envoy-External-Address",
    "Remote-User",
];

/// Names that are not this server's.
const OTHER_NAMES: &[&str] = &[
    "evil.example",
    "evil.example:80",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "router",
];

fn callers() -> Vec<Caller> {
    let mut callers = CALLERS.to_vec();
    callers.extend(FORWARDED.iter().map(|it| Caller::Forwarded(it)));
    callers.extend(OTHER_NAMES.iter().map(|it| Caller::OtherName(it)));
    callers
}

const CALLERS: &[Caller] = &[
    Caller::PhoneNetwork,
    Caller::StrangeNetwork,
    Caller::Device,
    Caller::RevokedDevice,
    Caller::Token(Scope::Read),
    Caller::Token(Scope::Sync),
    Caller::Token(Scope::Admin),
    Caller::RevokedToken,
    Caller::ExpiredToken,
    Caller::MadeUpToken,
    Caller::Session,
    Caller::SessionWithoutCsrf,
    Caller::EndedSession,
    Caller::ForgedForwardedFor,
    Caller::ForgedProxyHeader,
    Caller::ProxiedPerson,
    Caller::ProxiedNobody,
    Caller::ForgedFirstLine,
    Caller::UnreadableHop,
    Caller::DoubledProxyHeader,
    Caller::SilentProxy,
    Caller::OtherNameWithToken,
    Caller::OtherNameBehindProxy,
    Caller::PhonesListener,
    Caller::PhonesListenerWithToken,
];

/// The proxy's address; the server believes what it says.
const PROXY: &str = "127.0.0.9";
/// In no network of phones.
const STRANGE: &str = "127.0.0.77";
const PHONE: &str = "127.0.0.1";

/// An installation with an administrator and one of everything.
struct House {
    app: TestApp,
    device: String,
    revoked_device: String,
    tokens: Vec<(Scope, String)>,
    revoked: String,
    expired: String,
    cookie: String,
    csrf: String,
    ended: String,
    /// Where phones call at.
    phones: SocketAddr,
    clients: HashMap<IpAddr, Client>,
}

/// A client at an address of this machine.
fn client_at(from: &str) -> (IpAddr, Client) {
    let from = from.parse().unwrap();
    let client = Client::builder().local_address(Some(from));
    (from, client.redirect(reqwest::redirect::Policy::none()).build().unwrap())
}

impl House {
    async fn new() -> House {
        let settings = [
            ("PHONE_NETWORKS", "127.0.0.1"),
            ("TRUSTED_PROXIES", "127.0.0.9"),
            ("AUTH_PROXY_HEADER", "Remote-User"),
            ("AUTH_PROXY_ADMINS", "grace"),
            ("PHONE_RATE_PER_SECOND", "0"),
        ];
        let (app, phones) = TestApp::with_phones(5, &settings).await;
        let store = app.world.app.store.clone();
        let access = app.world.app.access.clone();
        let password = SecretString::from("correct horse battery");
        let hash = access.hash("ada", &password).await.unwrap();
        store.add_person("ada", &hash, true).await.unwrap();

        let device = Secret::for_device().unwrap();
        store.add_device(device.hash(), "desk", "test").await.unwrap();
        let revoked_device = Secret::for_device().unwrap();
        let row = store.add_device(revoked_device.hash(), "old desk", "test").await.unwrap();
        store.revoke_device(&row.id).await.unwrap();

        let mut tokens = Vec::new();
        for scope in Scope::ALL {
            let token = Secret::for_program().unwrap();
            store.add_token(token.hash(), "program", *scope, "test", None).await.unwrap();
            tokens.push((*scope, token.expose().to_owned()));
        }
        let revoked = Secret::for_program().unwrap();
        let row = store.add_token(revoked.hash(), "x", Scope::Admin, "test", None).await.unwrap();
        store.revoke_token(&row.id).await.unwrap();
        let expired = Secret::for_program().unwrap();
        let past = Some(app.world.app.clock.now());
        store.add_token(expired.hash(), "x", Scope::Admin, "test", past).await.unwrap();
        access.forget();

        let sign_in = async || {
            let body = r#"{"name":"Ada","password":"correct horse battery"}"#;
            let json = [("content-type", "application/json")];
            let answer = app.send(Method::POST, "/api/session", &json, Some(body)).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            let cookie = answer.headers["set-cookie"].to_str().unwrap().to_owned();
            let cookie = cookie.split(';').next().unwrap().to_owned();
            (cookie, answer.json["csrf_token"].as_str().unwrap().to_owned())
        };
        let (ended, csrf) = sign_in().await;
        let headers = [("cookie", ended.as_str()), ("x-csrf-token", csrf.as_str())];
        let answer = app.send(Method::DELETE, "/api/session", &headers, None).await;
        assert_eq!(answer.status, 204);
        let (cookie, csrf) = sign_in().await;
        House {
            device: device.expose().to_owned(),
            revoked_device: revoked_device.expose().to_owned(),
            revoked: revoked.expose().to_owned(),
            expired: expired.expose().to_owned(),
            app,
            phones,
            clients: [PHONE, STRANGE, PROXY].map(client_at).into(),
            tokens,
            cookie,
            csrf,
            ended,
        }
    }

    /// A request as this caller makes it; `None` where such a caller cannot make it.
    fn request(&self, caller: Caller, method: &Method, route: &str) -> Option<RequestBuilder> {
        let with_token = route.starts_with("/p/{token}/");
        let token = match caller {
            Caller::Device => &self.device,
            Caller::RevokedDevice => &self.revoked_device,
            // Whoever else comes this way has no token that is good.
            _ => "AAAAAAAAAAAAAAAAAAAAAA",
        };
        if matches!(caller, Caller::Device | Caller::RevokedDevice) && !with_token {
            return None;
        }
        let path = route
            .replace("{token}", token)
            .replace("{id}", "00000000-0000-4000-8000-000000000000")
            .replace("{name}", "ringbook.css")
            .replace("{code}", "en")
            .replace("{*path}", "help")
            .replace("{*rest}", "index.html");
        let from: IpAddr = match caller {
            Caller::StrangeNetwork | Caller::ForgedForwardedFor | Caller::ForgedProxyHeader => {
                STRANGE
            }
            Caller::ProxiedPerson
            | Caller::ProxiedNobody
            | Caller::ForgedFirstLine
            | Caller::UnreadableHop
            | Caller::SilentProxy
            | Caller::OtherNameBehindProxy
            | Caller::DoubledProxyHeader => PROXY,
            _ => PHONE,
        }
        .parse()
        .unwrap();
        let client = &self.clients[&from];
        let at = match caller {
            Caller::PhonesListener | Caller::PhonesListenerWithToken => self.phones,
            _ => self.app.address,
        };
        let request = client.request(method.clone(), format!("http://{at}{path}"));
        let bearer = |token: &str| format!("Bearer {token}");
        Some(match caller {
            Caller::PhoneNetwork | Caller::StrangeNetwork => request,
            Caller::SilentProxy | Caller::PhonesListener => request,
            Caller::PhonesListenerWithToken => {
                request.header("authorization", bearer(&self.tokens.last().unwrap().1))
            }
            Caller::Forwarded(name) => request.header(name, "127.0.0.1"),
            Caller::OtherName(name) => request
                .header("host", name)
                .header("user-agent", "Cisco-CP-8851-3PCC/12.0")
                .header("x-ciscoipphonemodelname", "CP-8851")
                .header("cookie", &self.cookie)
                .header("x-csrf-token", &self.csrf),
            Caller::OtherNameWithToken => request
                .header("host", "evil.example")
                .header("authorization", bearer(&self.tokens.last().unwrap().1)),
            Caller::OtherNameBehindProxy => {
                request.header("x-forwarded-for", PHONE).header("host", "evil.example")
            }
            Caller::Device | Caller::RevokedDevice => request,
            Caller::Token(scope) => {
                let (_, token) = self.tokens.iter().find(|it| it.0 == scope).unwrap();
                request.header("authorization", bearer(token))
            }
            Caller::RevokedToken => request.header("authorization", bearer(&self.revoked)),
            Caller::ExpiredToken => request.header("authorization", bearer(&self.expired)),
            Caller::MadeUpToken => request.header("authorization", "Bearer rbk_made_up"),
            Caller::Session => {
                request.header("cookie", &self.cookie).header("x-csrf-token", &self.csrf)
            }
            Caller::SessionWithoutCsrf => request.header("cookie", &self.cookie),
            Caller::EndedSession => {
                request.header("cookie", &self.ended).header("x-csrf-token", &self.csrf)
            }
            Caller::ForgedForwardedFor => request.header("x-forwarded-for", "127.0.0.1"),
            Caller::ForgedProxyHeader => request.header("remote-user", "grace"),
            Caller::ProxiedPerson => {
                request.header("x-forwarded-for", "203.0.113.9").header("remote-user", "grace")
            }
            Caller::ProxiedNobody => {
                request.header("x-forwarded-for", "203.0.113.9").header("remote-user", "mallory")
            }
            // The proxy added a line of its own behind the one that came.
            Caller::ForgedFirstLine => request
                .header("x-forwarded-for", "127.0.0.1")
                .header("x-forwarded-for", "203.0.113.9"),
            Caller::UnreadableHop => request.header("x-forwarded-for", "127.0.0.1, unknown"),
            Caller::DoubledProxyHeader => request
                .header("x-forwarded-for", "203.0.113.9:5060")
                .header("remote-user", "grace")
                .header("remote-user", "mallory"),
        })
    }
}

/// The highest right of a caller, on a route; `None` where what is shown is refused for itself.
fn right_of(caller: Caller, route: &str, changes: bool) -> Option<Permission> {
    let with_token = route.starts_with("/p/{token}/");
    Some(match caller {
        Caller::OtherName(_) | Caller::OtherNameWithToken | Caller::OtherNameBehindProxy => {
            return None;
        }
        Caller::Device => Permission::Phones,
        // A wrong token in the address is refused, whoever comes with it.
        _ if with_token => return None,
        Caller::RevokedDevice => return None,
        // Whether the process lives is told without looking at who asks.
        Caller::RevokedToken | Caller::ExpiredToken | Caller::MadeUpToken
            if route == "/health/live" =>
        {
            Permission::Open
        }
        Caller::RevokedToken | Caller::ExpiredToken | Caller::MadeUpToken => return None,
        Caller::Token(Scope::Read) => Permission::Read,
        Caller::Token(Scope::Sync) => Permission::Sync,
        Caller::Token(Scope::Admin) | Caller::Session | Caller::ProxiedPerson => Permission::Admin,
        // Behind it is nothing but what phones ask for, and whether it is there.
        Caller::PhonesListener | Caller::PhonesListenerWithToken
            if !is_screen(route) && !matches!(route, "/lookup" | "/health/live") =>
        {
            return None;
        }
        Caller::PhonesListener => Permission::Phones,
        Caller::PhonesListenerWithToken => Permission::Admin,
        Caller::SessionWithoutCsrf if changes => return None,
        Caller::SessionWithoutCsrf => Permission::Admin,
        Caller::PhoneNetwork | Caller::EndedSession => Permission::Phones,
        Caller::StrangeNetwork
        | Caller::ForgedForwardedFor
        | Caller::ForgedProxyHeader
        | Caller::ProxiedNobody
        | Caller::ForgedFirstLine
        | Caller::UnreadableHop
        | Caller::SilentProxy
        | Caller::Forwarded(_)
        | Caller::DoubledProxyHeader => Permission::Open,
    })
}

/// An answer; of a stream, which has no end, only that it began.
async fn heads(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let kind = response.headers().get("content-type").map(|it| it.as_bytes());
    if kind == Some(b"text/event-stream") {
        let (status, headers) = (response.status(), response.headers().clone());
        return Answer { status, headers, text: String::new(), json: Value::Null };
    }
    Answer::of(response).await
}

fn is_screen(route: &str) -> bool {
    route.contains("/directory") && !route.starts_with("/settings/")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_lets_in_whom_it_should_and_nobody_else() {
    let house = House::new().await;
    let callers = callers();
    let (mut asked, mut wrong) = (0, Vec::new());
    for &(method, route, needed) in ROUTES {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        // These end what the others ask with; they are tried apart, below.
        if route == "/api/session" && method == Method::DELETE || route == "/do/sign-out" {
            continue;
        }
        for &caller in &callers {
            let Some(request) = house.request(caller, &method, route) else { continue };
            let changes = method != Method::GET;
            let answer = heads(request).await;
            asked += 1;
            let allowed = right_of(caller, route, changes).is_some_and(|right| right >= needed);
            let status = answer.status.as_u16();
            let refused = if is_screen(route) {
                status == 200 && (answer.text.contains("Not allowed"))
            } else if route.ends_with("/lookup") {
                // A switchboard would show any sentence as the caller's name.
                matches!(status, 401 | 403 | 404 | 421) && answer.text.is_empty()
            } else {
                // Some routes have a 401 of their own: nothing is connected, a wrong password.
                matches!(status, 401 | 403 | 404 | 421)
                    && [
                        "sign in, or",
                        "this token",
                        "X-CSRF-Token",
                        "PHONE_NETWORKS",
                        "proxy that is not",
                        "does not say for whom",
                        "is not a name of this server",
                        "this address is for phones",
                        "not one of ours",
                        "token that is not valid",
                        "AUTH_PROXY_ADMINS does not name you",
                    ]
                    .iter()
                    .any(|it| answer.text.contains(it))
            };
            if allowed == refused {
                wrong.push(format!(
                    "{caller:?} {method} {route}: allowed is {allowed}, but got {status} {}",
                    answer.text.chars().take(160).collect::<String>()
                ));
            }
            if !allowed {
                let told = ["resource_name", "contact_count", "client_secret", "rbk_made"];
                assert!(!told.iter().any(|it| answer.text.contains(it)), "{caller:?} {route}");
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {asked}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(asked > 1000, "{asked}");
}

/// Every file below a folder.
fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    paths.flat_map(|it| if it.is_dir() { files(&it) } else { vec![it] }).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_without_a_row_in_the_table_is_found() {
    let app = TestApp::new(0).await;
    let document = app.get("/api/openapi.json").await.is(200);
    let has = |method: &str, path: &str| {
        ROUTES.iter().any(|it| it.0.eq_ignore_ascii_case(method) && it.1 == path)
    };
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            assert!(has(method, path), "add {method} {path} to crates/web/src/auth/table.rs");
        }
    }
    // What is not in the document stands in the source as `.route("…", get(…).post(…))`.
    for file in files("crates/web/src".as_ref()) {
        let source = std::fs::read_to_string(&file).unwrap_or_default();
        let source = source.split("#[cfg(test)]").next().unwrap();
        for part in source.split(".route(").skip(1) {
            let Some(rest) = part.trim_start().strip_prefix('"') else { continue };
            let (path, call) = rest.split_once('"').unwrap();
            let call = call.split([';', '}']).next().unwrap();
            for method in ["get", "post", "put", "patch", "delete"] {
                let asked =
                    call.contains(&format!(" {method}(")) || call.contains(&format!(".{method}("));
                let message = "add it to crates/web/src/auth/table.rs";
                assert!(!asked || has(method, path), "{method} {path}: {message}");
            }
        }
    }
    // Nor is there a row for what is not there.
    for &(method, path, _) in ROUTES {
        let path = path
            .replace("{id}", "00000000-0000-4000-8000-000000000000")
            .replace("{token}", "AAAAAAAAAAAAAAAAAAAAAA")
            .replace("{name}", "icon.svg")
            .replace("{code}", "en")
            .replace("{*path}", "help")
            .replace("{*rest}", "index.html");
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        if method == Method::GET {
            let answer = heads(app.client.get(app.url(&path))).await;
            let missing =
                answer.json["detail"].as_str().is_some_and(|it| it.contains("there is nothing at"));
            assert!(!missing, "{path}: {answer:?}");
        } else {
            let answer = app.send(Method::OPTIONS, &path, &[], None).await;
            let allow = answer.headers.get("allow").map(|it| it.to_str().unwrap().to_owned());
            assert!(
                allow.unwrap_or_default().contains(method.as_str()),
                "{method} {path}: {answer:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_there_is_an_administrator_only_this_machine_administers() {
    let app = TestApp::with(3, &[("PHONE_NETWORKS", "127.0.0.0/8")]).await;
    assert_eq!(app.get("/api/sync/status").await.status, 200);
    let forwarded = ["x-forwarded-for", "forwarded", "x-real-ip", "via", "x-forwarded-host"];
    for name in forwarded {
        let answer = app.send(Method::GET, "/api/sync/status", &[(name, "127.0.0.1")], None).await;
        assert_eq!(answer.status, 401, "a proxy on this machine speaks for the world: {name}");
    }
    for host in ["evil.example", "router", "fridge:8000"] {
        let rebound = app.send(Method::GET, "/api/sync/status", &[("host", host)], None).await;
        assert_eq!(rebound.status, 421, "a name that leads here is not this machine's: {host}");
    }
    // This network's address is ours, and does not make who asks for it somebody at this machine.
    let network = app.send(Method::GET, "/api/sync/status", &[("host", "10.0.0.5")], None).await;
    assert_eq!(network.status, 401);
    let me = app.get("/api/session").await.is(200);
    assert_eq!((&me["kind"], &me["needs_setup"]), (&json!("local"), &json!(true)));
    // Not even this machine makes the first one without the code: other people may work on it.
    let body = r#"{"name":"mallory","password":"correct horse battery"}"#;
    let json = [("content-type", "application/json")];
    let answer = app.send(Method::POST, "/api/people", &json, Some(body)).await;
    assert_eq!(answer.status, 409, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_refused_when_the_proxys_administrator_who_made_it_is_one_no_more() {
    let proxy = [("TRUSTED_PROXIES", "127.0.0.1"), ("AUTH_PROXY_HEADER", "Remote-User")];
    let app = TestApp::with(0, &[proxy[0], proxy[1], ("AUTH_PROXY_ADMINS", "Grace, bob")]).await;
    let make = async |name: &str, by: (&str, &str)| {
        let json = ("content-type", "application/json");
        let headers = [json, ("x-forwarded-for", "192.0.2.7"), by];
        let body = format!(r#"{{"name":"{name}","scope":"admin"}}"#);
        let made = app.send(Method::POST, "/api/tokens", &headers, Some(&body)).await.is(201);
        made["token"].as_str().unwrap().to_owned()
    };
    let hers = make("hers", ("remote-user", "grace")).await;
    let bearer = format!("Bearer {hers}");
    let with_hers = make("made with hers", ("authorization", &bearer)).await;
    let his = make("his", ("remote-user", "bob")).await;
    let store = &app.world.app.store;
    let machine = Secret::for_program().unwrap();
    store.add_token(machine.hash(), "of the machine", Scope::Admin, "grace", None).await.unwrap();
    for (settings, hers_are_good, his_is_good) in [
        (vec![proxy[0], proxy[1], ("AUTH_PROXY_ADMINS", "Grace, bob")], true, true),
        (vec![proxy[0], proxy[1], ("AUTH_PROXY_ADMINS", "GRACE")], true, false),
        (vec![proxy[0], proxy[1], ("AUTH_PROXY_ADMINS", "bob")], false, true),
        (vec![proxy[0], proxy[1], ("AUTH_PROXY_ADMINS", "gracey")], false, false),
        // Everybody whom the proxy lets through may administer.
        (vec![proxy[0], proxy[1]], true, true),
        // No proxy signs anybody in.
        (vec![proxy[0]], false, false),
        (vec![], false, false),
    ] {
        let access = AuthService::new(store.clone(), &Config::of(&settings).unwrap());
        for (token, is_good) in [
            (hers.as_str(), hers_are_good),
            (&with_hers, hers_are_good),
            (&his, his_is_good),
            (machine.expose(), true),
        ] {
            let found = access.program(token, "192.0.2.7").await.unwrap();
            assert_eq!(found.is_some(), is_good, "{settings:?} {found:?}");
        }
        let in_use = access.tokens_in_use().await.unwrap().len();
        let wanted = 1 + 2 * usize::from(hers_are_good) + usize::from(his_is_good);
        assert_eq!(in_use, wanted, "{settings:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_whose_name_was_pointed_here_does_not_read_the_directory() {
    let settings =
        [("PHONE_NETWORKS", "127.0.0.1"), ("ALLOWED_HOSTS", "phones.example, *.office.example")];
    let (app, phones) = TestApp::with_phones(1, &settings).await;
    for at in [app.address, phones] {
        let ask = async |path: &str, agent: &str, host: &str| {
            let request = app.client.get(format!("http://{at}{path}")).header("host", host);
            let request = request.header("x-ciscoipphonemodelname", "CP-7965G");
            Answer::of(request.header("user-agent", agent).send().await.unwrap()).await
        };
        // A page may say that it is a phone.
        for agent in ["Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "Cisco-CP-8851-3PCC/12.0"] {
            let screen = ask("/directory", agent, "evil.example:8000").await;
            assert_eq!(screen.status, 200, "a phone shows its owner why");
            for word in ["Not allowed", "evil.example", "ALLOWED_HOSTS"] {
                assert!(screen.text.contains(word), "{}", screen.text);
            }
            let lookup = ask("/lookup?number=1", agent, "evil.example").await;
            assert_eq!(lookup.status, 421);
            assert_eq!(lookup.header("content-type"), "text/plain; charset=utf-8");
            assert_eq!(lookup.text, "", "a switchboard would take it for the caller's name");
            let program = app.client.get(format!("http://{at}/lookup?number=1"));
            let program = program.header("host", "evil.example").header("user-agent", agent);
            let told = program.header("accept", "application/json").send().await.unwrap();
            let told = Answer::of(told).await;
            assert_eq!(told.header("content-type"), "application/json");
            assert!(told.status == 421 && told.text.contains("ALLOWED_HOSTS"), "{told:?}");
            for host in ["10.0.0.5:8080", "phones.example", "a.office.example", "localhost"] {
                let screen = ask("/directory", agent, host).await.text;
                assert!(!screen.contains("Not allowed"), "{host}: {screen}");
            }
        }
    }
    let browser = [("host", "evil.example"), ("accept", "text/html")];
    let page = app.send(Method::GET, "/", &browser, None).await;
    assert_eq!(page.status, 421);
    assert!(page.text.contains("<html") && page.text.contains("ALLOWED_HOSTS"), "{}", page.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bare_proxy_on_this_machine_does_not_open_the_directory() {
    let (app, phones) = TestApp::with_phones(1, &[]).await;
    let ask = async |at: SocketAddr, path: &str| {
        Answer::of(app.client.get(format!("http://{at}{path}")).send().await.unwrap()).await
    };
    assert!(
        !ask(app.address, "/directory").await.text.contains("Not allowed"),
        "nobody is kept out yet"
    );
    let hash = app.world.app.access.hash("ada", &SecretString::from(RIGHT)).await.unwrap();
    app.world.app.store.add_person("ada", &hash, true).await.unwrap();
    app.world.app.access.forget();
    let screen = ask(app.address, "/directory").await.text;
    assert!(screen.contains("Not allowed") && screen.contains("PHONES_LISTEN"), "{screen}");
    let lookup = ask(app.address, "/lookup?number=1").await;
    assert!(lookup.status == 403 && lookup.text.is_empty(), "{lookup:?}");
    assert!(
        !ask(phones, "/directory").await.text.contains("Not allowed"),
        "there is no proxy here"
    );
    // Whoever names this machine means it, and is told what it means.
    let chosen = [("PHONE_NETWORKS", "127.0.0.0/8")];
    let config = ringbook_app::config::Config::of(&chosen).unwrap();
    let told = ringbook_app::doctor::phones(&config).unwrap();
    assert!(
        told.message.contains("reverse proxy") && told.way_out.unwrap().contains("PHONES_LISTEN")
    );
    assert!(
        ringbook_app::doctor::phones(&ringbook_app::config::Config::of(&[]).unwrap()).is_none()
    );
    let wide = ringbook_app::config::Config::of(&[("TRUSTED_PROXIES", "0.0.0.0/0")]).unwrap();
    assert!(ringbook_app::doctor::phones(&wide).unwrap().message.contains("TRUSTED_PROXIES"));
}

/// What comes back for bytes that no client would send.
async fn raw(at: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_names_its_host_once() {
    let house = House::new().await;
    for (headers, status) in [
        ("", "400"),
        ("Host: localhost\r\nHost: localhost\r\n", "400"),
        ("Host: localhost\r\nhost: evil.example\r\n", "400"),
        ("Host:\r\n", "400"),
        ("Host: a b\r\n", "400"),
        ("Host: user@localhost\r\n", "400"),
        ("Host: evil.example\r\n", "421"),
    ] {
        for path in
            ["/health/live", "/", "/api/sync/status", "/directory", "/lookup?number=1", "/nothing"]
        {
            let request = format!("GET {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
            for at in [house.app.address, house.phones] {
                let answer = raw(at, &request).await;
                let is_screen = status == "421" && path == "/directory";
                let elsewhere = at == house.phones && answer.contains("this address is for phones");
                let told = match is_screen {
                    true => answer.contains("Not allowed"),
                    false => answer.starts_with(&format!("HTTP/1.1 {status}")),
                };
                assert!(told || elsewhere, "{headers:?} {path}: {answer}");
            }
        }
    }
    // A whole URL in the first line counts, too.
    let answer =
        raw(house.app.address, "GET http://evil.example/health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 421"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_printed_code_makes_the_first_administrator_and_no_second_one() {
    let app = TestApp::new(3).await;
    let json = [("content-type", "application/json")];
    let set_up = async |code: &str, name: &str| {
        let body = json!({"code": code, "name": name, "password": "correct horse battery"});
        app.send(Method::POST, "/api/setup", &json, Some(&body.to_string())).await
    };
    let code = app.world.app.access.setup_code().unwrap();
    assert_eq!(set_up("AAAA-BBBB-CCCC", "ada").await.status, 401);
    let secret = Secret::for_program().unwrap();
    let store = &app.world.app.store;
    store.add_token(secret.hash(), "from before", Scope::Admin, "nobody", None).await.unwrap();
    let answer = set_up(&code.to_lowercase(), "ada").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json["tokens_before"][0]["name"], "from before");
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    assert!(!cookie.contains("Secure"), "this came by plain HTTP");
    assert_eq!(answer.json["kind"], "person");
    assert_ne!(set_up(&code, "eve").await.status, 200);
    assert_eq!(
        app.get("/api/sync/status").await.status,
        401,
        "this machine is one like others now"
    );
    let shown = [("cookie", cookie.split(';').next().unwrap())];
    let status = app.send(Method::GET, "/api/sync/status", &shown, None);
    assert_eq!(status.await.status, 200);
    let acts =
        app.world.app.store.acts(&AuditQuery { limit: 10, ..Default::default() }).await.unwrap();
    let told: Vec<(&str, &str, bool)> =
        acts.iter().map(|it| (it.actor.as_str(), it.act.as_str(), it.succeeded)).collect();
    assert!(
        told.contains(&("ada", "setup", true)) && told.contains(&("somebody", "setup", false)),
        "{told:?}"
    );
}

/// Guesses at passwords, from any address of this machine.
struct Guesser<'a>(&'a TestApp);

impl Guesser<'_> {
    async fn guess(&self, from: &str, cookie: &str, name: &str, password: &str) -> Answer {
        Answer::of(self.request(from, cookie, name, password).send().await.unwrap()).await
    }

    fn request(&self, from: &str, cookie: &str, name: &str, password: &str) -> RequestBuilder {
        // Without certificates, which it would take longer to read than to guess.
        let client = Client::builder().local_address(from.parse::<IpAddr>().unwrap());
        let client = client.tls_certs_only([]).build().unwrap();
        let body = json!({"name": name, "password": password}).to_string();
        let request = client.post(self.0.url("/api/session")).header("cookie", cookie).body(body);
        request.header("content-type", "application/json")
    }
}

const RIGHT: &str = "correct horse battery";

/// The seconds that a guess has to wait; 0 if it was answered.
fn wait(answer: &Answer) -> u64 {
    match answer.status.as_u16() {
        429 => answer.header("retry-after").parse().unwrap(),
        _ => 0,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_passwords_have_to_wait_and_an_unknown_name_is_answered_like_a_known_one() {
    let house = House::new().await;
    let guesser = Guesser(&house.app);
    let known = guesser.guess(STRANGE, "", "ada", "wrong password").await;
    let unknown = guesser.guess(STRANGE, "", "nobody", "wrong password").await;
    assert_eq!((known.status, &known.text), (unknown.status, &unknown.text));
    assert_eq!(known.status, 401);
    let mut guesses = 2;
    while wait(&guesser.guess(STRANGE, "", "ada", "wrong password").await) == 0 {
        guesses += 1;
        assert!(guesses < 40, "nobody made it wait");
    }
    assert!(guesses > 5, "a few mistakes are free: {guesses}");
}

#[tokio::test]
async fn guesses_from_elsewhere_do_not_lock_an_administrator_out() {
    // A clock that stands still: nobody's wait is over by itself.
    let clock = Arc::new(ManualClock::at("2026-03-07T12:00:00Z"));
    let (url, _folder) = World::fresh_url(Database::Sqlite);
    let path = url.strip_prefix("sqlite://").unwrap();
    let store = Store::open_sqlite(path.as_ref(), clock.clone(), vault()).await.unwrap();
    let access = AuthService::new(store.clone(), &Config::of(&[]).unwrap());
    let (right, wrong) = (SecretString::from(RIGHT), SecretString::from("wrong password"));
    for name in ["ada", "eve"] {
        let hash = access.hash(name, &right).await.unwrap();
        store.add_person(name, &hash, false).await.unwrap();
    }
    let office = Origin::of("10.0.0.9", "Firefox");
    let first = access.sign_in("ada", &right, office).await.unwrap();
    let browser = first.browser.unwrap();

    let mut refused = 0;
    for number in 0..12 {
        let from = format!("192.0.2.{number}");
        let guess = access.sign_in("ada", &wrong, Origin::of(&from, "")).await;
        refused += u32::from(matches!(guess, Err(SignInError::Wait(_))));
    }
    assert_eq!(refused, 6, "a few are free, whatever the address");
    let stranger = Origin::of("10.0.0.8", "Firefox");
    let waits =
        async |from| matches!(access.sign_in("ada", &right, from).await, Err(SignInError::Wait(_)));
    assert!(waits(stranger).await, "a browser that was never here waits");
    let made_up = Secret::for_session().unwrap();
    assert!(waits(Origin { browser: Some(made_up.expose()), ..stranger }).await);
    let own = Origin { browser: Some(browser.expose()), ..stranger };
    let again = access.sign_in("ada", &right, own).await.unwrap();
    assert!(again.browser.is_none(), "it keeps what it has");
    assert!(!waits(Origin { is_here: true, ..stranger }).await, "this machine");
    assert!(!waits(Origin { session: Some(&again.session.id), ..stranger }).await);

    // It is worth nothing for another name, and no more than another address in the hands of a thief.
    for _ in 0..6 {
        let theirs = access.sign_in("eve", &wrong, own).await;
        assert!(matches!(theirs, Err(SignInError::Wrong)), "{theirs:?}");
    }
    let other = access.sign_in("eve", &right, own).await;
    assert!(matches!(other, Err(SignInError::Wait(_))), "{other:?}");
    for _ in 0..6 {
        access.sign_in("ada", &wrong, own).await.unwrap_err();
    }
    assert!(waits(own).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_that_signed_in_is_known_again_and_so_is_this_machine() {
    let house = House::new().await;
    let guesser = Guesser(&house.app);
    let first = guesser.guess("127.0.0.88", "", "ada", RIGHT).await;
    let known = |answer: &Answer| {
        let cookies = answer.headers.get_all("set-cookie").iter().map(|it| it.to_str().unwrap());
        cookies
            .filter(|it| it.starts_with("ringbook_browser="))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let [cookie] = &known(&first)[..] else { panic!("{first:?}") };
    for part in ["HttpOnly", "SameSite=Lax", "Max-Age=34560000"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let cookie = cookie.split(';').next().unwrap();
    for _ in 0..7 {
        guesser.guess(STRANGE, "", "ada", "wrong password").await;
    }
    let again = guesser.guess("127.0.0.88", cookie, "ada", RIGHT).await;
    assert_eq!(again.status, 200, "{again:?}");
    assert!(known(&again).is_empty());
    assert_eq!(guesser.guess("127.0.0.1", "", "ada", RIGHT).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guess_that_was_not_checked_is_none() {
    let house = House::new().await;
    let guesser = &Guesser(&house.app);
    // Far more at once than are checked: some are told that there is no time for them.
    let unchecked = async |round: u8| {
        let addresses = (1..60).map(|number| format!("127.0.{round}.{number}"));
        let requests: Vec<_> = addresses
            .map(|from| (guesser.request(&from, "", &from, "wrong password"), from))
            .collect();
        let guesses = requests.into_iter().map(|(request, from)| async move {
            let status = request.send().await.unwrap().status().as_u16();
            (status == 503).then_some(from)
        });
        let answers = futures_util::future::join_all(guesses).await;
        answers.into_iter().flatten().next()
    };
    let mut round = 1;
    let from = loop {
        match unchecked(round).await {
            Some(from) => break from,
            None => round += 1,
        }
    };
    for _ in 0..5 {
        let next = guesser.guess(&from, "", &from, "wrong password").await;
        assert_eq!(next.status, 401, "five mistakes are free, and the one before was none");
    }
    while wait(&guesser.guess(&from, "", &from, "wrong password").await) == 0 {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passwords_that_are_tried_first_are_not_taken() {
    let house = House::new().await;
    let json = [
        ("cookie", house.cookie.as_str()),
        ("x-csrf-token", house.csrf.as_str()),
        ("content-type", "application/json"),
    ];
    for password in
        ["password123", "Passw0rd!!", "1234567890", "qwertyuiop", "aaaaaaaaaaaa", "Grace-1906"]
    {
        let body = json!({"name": "grace", "password": password, "current": RIGHT}).to_string();
        let answer = house.app.send(Method::POST, "/api/people", &json, Some(&body)).await;
        assert!(answer.refused(422).contains("first that are tried"), "{password}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_password_ends_the_other_sessions_and_the_last_administrator_stays() {
    let house = House::new().await;
    let app = &house.app;
    let own = [("cookie", house.cookie.as_str()), ("x-csrf-token", house.csrf.as_str())];
    let people = app.send(Method::GET, "/api/people", &own, None).await.is(200);
    let id = people["people"][0]["id"].as_str().unwrap().to_owned();
    let json = [own[0], own[1], ("content-type", "application/json")];
    let sign_in = r#"{"name":"ada","password":"correct horse battery"}"#;
    let other = app.send(Method::POST, "/api/session", &json[2..], Some(sign_in)).await;
    let other = other.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let path = format!("/api/people/{id}/password");
    let weak = app
        .send(
            Method::PUT,
            &path,
            &json,
            Some(r#"{"current":"correct horse battery","password":"short"}"#),
        )
        .await;
    assert_eq!(weak.status, 422, "{weak:?}");
    let body = r#"{"password":"another horse battery"}"#;
    let unproven = app.send(Method::PUT, &path, &json, Some(body)).await;
    assert_eq!(unproven.status, 403, "an open browser is not enough: {unproven:?}");
    let body = r#"{"current":"correct horse battery","password":"another horse battery"}"#;
    assert_eq!(app.send(Method::PUT, &path, &json, Some(body)).await.status, 204);
    let ask = async |cookie: &str| {
        app.send(Method::GET, "/api/people", &[("cookie", cookie)], None).await.status
    };
    assert_eq!((ask(&other).await.as_u16(), ask(&house.cookie).await.as_u16()), (401, 200));
    let removed = app.send(Method::DELETE, &format!("/api/people/{id}"), &own, None).await;
    assert_eq!(removed.status, 409, "{removed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_alone_does_not_make_what_outlasts_it() {
    let house = House::new().await;
    let app = &house.app;
    let json = [
        ("cookie", house.cookie.as_str()),
        ("x-csrf-token", house.csrf.as_str()),
        ("content-type", "application/json"),
    ];
    let grace = json!({"name": "grace", "password": "another horse battery", "current": RIGHT});
    let body = grace.to_string();
    let made = app.send(Method::POST, "/api/people", &json, Some(&body)).await.is(201);
    let id =
        made["people"].as_array().unwrap().iter().find(|it| it["name"] == "grace").unwrap()["id"]
            .clone();
    let hers = format!("/api/people/{}/password", id.as_str().unwrap());
    for (method, path, body, done) in [
        (
            Method::POST,
            "/api/people",
            json!({"name": "eve", "password": "yet another battery"}),
            201,
        ),
        (Method::POST, "/api/tokens", json!({"name": "x", "scope": "admin"}), 201),
        (Method::PUT, hers.as_str(), json!({"password": "yet another battery"}), 204),
    ] {
        let ask = async |current: Option<&str>| {
            let mut body = body.clone();
            if let Some(current) = current {
                body["current"] = current.into();
            }
            app.send(method.clone(), path, &json, Some(&body.to_string())).await.status.as_u16()
        };
        assert_eq!(ask(None).await, 403, "{path}");
        assert_eq!(ask(Some("")).await, 403, "{path}");
        assert_eq!(ask(Some("wrong password")).await, 401, "{path}");
        assert_eq!(ask(Some(RIGHT)).await, done, "{path}");
    }
    // What reads or syncs, and what is asked with a token, needs no password.
    let sync = app.send(Method::POST, "/api/tokens", &json, Some(r#"{"name":"x","scope":"sync"}"#));
    assert_eq!(sync.await.status, 201);
    let bearer = format!("Bearer {}", house.tokens.last().unwrap().1);
    let token = [("authorization", bearer.as_str()), json[2]];
    let admin = r#"{"name":"x","scope":"admin"}"#;
    assert_eq!(app.send(Method::POST, "/api/tokens", &token, Some(admin)).await.status, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_do_not_outlive_the_administrator_who_made_them() {
    let house = House::new().await;
    let app = &house.app;
    let json = [
        ("cookie", house.cookie.as_str()),
        ("x-csrf-token", house.csrf.as_str()),
        ("content-type", "application/json"),
    ];
    let add =
        json!({"name": "grace", "password": "another horse battery", "current": RIGHT}).to_string();
    let people = app.send(Method::POST, "/api/people", &json, Some(&add)).await.is(201);
    let people = people["people"].as_array().unwrap().clone();
    let id =
        people.iter().find(|it| it["name"] == "grace").unwrap()["id"].as_str().unwrap().to_owned();
    let signed_in = Guesser(app).guess("127.0.0.1", "", "grace", "another horse battery").await;
    let cookie = signed_in.header("set-cookie").split(';').next().unwrap().to_owned();
    let csrf = signed_in.json["csrf_token"].as_str().unwrap().to_owned();
    let hers = [("cookie", cookie.as_str()), ("x-csrf-token", csrf.as_str()), json[2]];
    let admin =
        json!({"name": "hers", "scope": "admin", "current": "another horse battery"}).to_string();
    let token = app.send(Method::POST, "/api/tokens", &hers, Some(&admin)).await.is(201);
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    // Another one, made with the first.
    let with_token = [("authorization", bearer.as_str()), json[2]];
    let second =
        app.send(Method::POST, "/api/tokens", &with_token, Some(r#"{"name":"second"}"#)).await;
    let second = format!("Bearer {}", second.is(201)["token"].as_str().unwrap());
    let opens = async |bearer: &str| {
        app.send(Method::GET, "/api/contacts", &[("authorization", bearer)], None)
            .await
            .status
            .as_u16()
    };
    assert_eq!((opens(&bearer).await, opens(&second).await), (200, 200));
    let removed = app.send(Method::DELETE, &format!("/api/people/{id}"), &json, None).await.is(200);
    let mut names: Vec<&str> = removed["tokens_revoked"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it.as_str().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["hers", "second"]);
    assert_eq!((opens(&bearer).await, opens(&second).await), (401, 401));
    let audit = app.send(Method::GET, "/api/audit", &json, None).await.is(200);
    let acts = audit["acts"].as_array().unwrap();
    let told = acts.iter().filter(|it| it["act"] == "token.revoke" && it["actor"] == "ada").count();
    assert_eq!(told, 2, "{audit}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_with_a_token_stays_behind_it_and_is_seen() {
    let house = House::new().await;
    let app = &house.app;
    app.post_sync(&house).await;
    let base = format!("/p/{}/directory", house.device);
    let model = [("x-ciscoipphonemodelname", "CP-8845")];
    for path in [
        base.clone(),
        format!("{base}/help"),
        format!("{base}/groups/2ABC"),
        format!("{base}/search?q=a"),
    ] {
        let screen = app.send(Method::GET, &path, &model, None).await;
        assert_eq!(screen.status, 200);
        for link in screen.text.split("http://").skip(1) {
            let link = link.split(['<', '"']).next().unwrap();
            assert!(link.contains(&base), "{path} leads to {link}");
            assert!(link.len() < 249, "{link}");
        }
        assert!(!screen.text.contains("~~~"), "{}", screen.text);
    }
    let shared = app.get("/directory").await;
    assert!(!shared.text.contains("/p/"), "{}", shared.text);
    let lookup = app.get(&format!("/p/{}/lookup?number=000", house.device)).await;
    assert_eq!((lookup.status.as_u16(), lookup.text.as_str()), (200, ""));
    // It is noted behind the answer, and soon.
    let seen = async || {
        loop {
            let devices = app.world.app.store.devices().await.unwrap();
            let desk = devices.into_iter().find(|it| it.name == "desk").unwrap();
            if desk.seen_at.is_some() {
                return desk;
            }
            tokio::task::yield_now().await;
        }
    };
    let desk = seen().await;
    assert_eq!(
        (desk.model.as_deref(), desk.seen_from.as_deref()),
        (Some("CP-8845"), Some("127.0.0.1"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_was_revoked_by_another_process_opens_nothing_within_a_second() {
    let house = House::new().await;
    let store = &house.app.world.app.store;
    let path = format!("/p/{}/directory", house.device);
    assert!(!house.app.get(&path).await.text.contains("Not allowed"));
    let id = store.devices().await.unwrap().into_iter().find(|it| it.name == "desk").unwrap().id;
    let begun = house.app.world.app.clock.now();
    store.revoke_device(&id).await.unwrap();
    loop {
        // How long an answer takes on a busy machine does not count, only when it was asked for.
        let asked = house.app.world.app.clock.now();
        if house.app.get(&path).await.text.contains("Not allowed") {
            break;
        }
        assert!(asked.duration_since(begun).as_secs() < 1, "still let in");
    }
    let text = house.app.get(&path).await.text;
    assert!(text.contains("whoever looks after the phones"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_from_one_phone_is_a_screen_that_asks_to_wait() {
    let settings = [("PHONE_NETWORKS", "127.0.0.0/8"), ("PHONE_RATE_PER_SECOND", "1")];
    let app = TestApp::with(3, &settings).await;
    let secret = Secret::for_device().unwrap();
    app.world.app.store.add_device(secret.hash(), "desk", "test").await.unwrap();
    let base = format!("/p/{}", secret.expose());
    let mut answers = Vec::new();
    for _ in 0..12 {
        answers.push(app.get(&format!("{base}/directory")).await);
    }
    let last = answers.last().unwrap();
    assert_eq!(last.status, 200);
    assert!(last.text.contains("asks too often"), "{}", last.text);
    assert!(!answers[0].text.contains("asks too often"));
    let lookup = app.get(&format!("{base}/lookup?number=1")).await;
    assert_eq!(lookup.status, 429);
    assert!(!app.get("/directory").await.text.contains("asks too often"), "this machine may");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_administered_is_written_down_without_secrets() {
    let house = House::new().await;
    let app = &house.app;
    let own = [
        ("cookie", house.cookie.as_str()),
        ("x-csrf-token", house.csrf.as_str()),
        ("content-type", "application/json"),
    ];
    let token = app.send(Method::POST, "/api/tokens", &own, Some(r#"{"name":"metrics"}"#)).await;
    let token = token.is(201);
    let id = token["id"].as_str().unwrap();
    assert_eq!(
        app.send(Method::DELETE, &format!("/api/tokens/{id}"), &own, None).await.status,
        204
    );
    assert_eq!(
        app.send(Method::DELETE, &format!("/api/tokens/{id}"), &own, None).await.status,
        404
    );
    let audit = app.send(Method::GET, "/api/audit", &own, None).await.is(200);
    let acts: Vec<(&str, &str, &Value, bool)> = audit["acts"]
        .as_array()
        .unwrap()
        .iter()
        .take(3)
        .map(|it| {
            let text = |name: &str| it[name].as_str().unwrap();
            (text("actor"), text("act"), &it["subject"], it["succeeded"].as_bool().unwrap())
        })
        .collect();
    let subject = json!(id);
    assert_eq!(acts[0], ("ada", "token.revoke", &subject, false));
    assert_eq!(acts[1], ("ada", "token.revoke", &subject, true));
    assert_eq!(acts[2], ("ada", "token.create", &subject, true));
    let text = audit.to_string();
    for secret in [token["token"].as_str().unwrap(), "correct horse", &house.csrf] {
        assert!(!text.contains(secret));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_refused_leaves_a_trace() {
    let house = House::new().await;
    let app = &house.app;
    let reader = format!("Bearer {}", house.tokens[0].1);
    for _ in 0..5 {
        let made_up = [("authorization", "Bearer rbk_made_up")];
        app.send(Method::GET, "/api/contacts", &made_up, None).await.refused(401);
        app.send(Method::POST, "/api/sync", &[("authorization", &reader)], None).await.refused(403);
        app.send(Method::POST, "/api/sync", &[], None).await.refused(401);
        app.get("/p/AAAAAAAAAAAAAAAAAAAAAA/directory").await;
        app.send(Method::GET, "/health", &[("host", "evil.example")], None).await.refused(421);
        Guesser(app).guess(STRANGE, "", "ada", "wrong password").await;
    }
    let admin = format!("Bearer {}", house.tokens.last().unwrap().1);
    let admin = [("authorization", admin.as_str())];
    let audit = app.send(Method::GET, "/api/audit?succeeded=false", &admin, None).await.is(200);
    let mut told: Vec<(&str, &str)> = audit["acts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["act"].as_str().unwrap(), it["actor"].as_str().unwrap()))
        .collect();
    told.sort();
    // Each once in a minute; on a slow machine it may be the next one.
    told.dedup();
    assert_eq!(
        told,
        [
            ("phone.unknown_token", "nobody"),
            ("session.start", "somebody"),
            ("sync.start", "nobody"),
            ("sync.start", "token `program`"),
            ("token.unknown", "nobody"),
        ]
    );
    assert!(!audit.to_string().contains("made_up") && !audit.to_string().contains("AAAA"));
    let metrics = app.send(Method::GET, "/metrics", &admin, None).await.text;
    for line in [
        r#"ringbook_refusals_total{reason="unknown_token"} 5"#,
        r#"ringbook_refusals_total{reason="unknown_phone_token"} 5"#,
        r#"ringbook_refusals_total{reason="not_allowed"} 5"#,
        r#"ringbook_refusals_total{reason="not_signed_in"} 5"#,
        r#"ringbook_refusals_total{reason="other_host"} 5"#,
        r#"ringbook_sign_ins_total{result="wrong"} 5"#,
    ] {
        assert!(metrics.lines().any(|it| it == line), "{line} is missing from\n{metrics}");
    }
}

impl TestApp {
    async fn post_sync(&self, house: &House) {
        let (_, token) = house.tokens.iter().find(|it| it.0 == Scope::Sync).unwrap();
        let bearer = format!("Bearer {token}");
        let answer =
            self.send(Method::POST, "/api/sync", &[("authorization", &bearer)], None).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json["run"]["asked_by"], "program");
    }
}

on_both! {
    async fn of_two_who_set_up_at_once_one_is_the_first_administrator(database) {
        let world = World::new(database, 0).await;
        let other = world.other_process().await;
        let (one, two) = tokio::join!(
            world.app.store.add_person("ada", "$argon2id$one", true),
            other.store.add_person("eve", "$argon2id$two", true),
        );
        assert_eq!(one.is_ok() as u8 + two.is_ok() as u8, 1, "{one:?} {two:?}");
        let people = world.app.store.people().await.unwrap();
        assert_eq!(people.len(), 1);
    }

    async fn names_of_people_are_told_apart_as_readers_tell_them(database) {
        let world = World::new(database, 0).await;
        let store = &world.app.store;
        let ada = store.add_person("Ada Ångström", "$one", false).await.unwrap();
        let twin = store.add_person("ada angstrom", "$two", false).await;
        assert!(matches!(twin, Err(AdminError::NameTaken)), "{twin:?}");
        assert_eq!(store.person_named("ADA ÅNGSTRÖM").await.unwrap().unwrap().id, ada);
        let last = store.remove_person(&ada, false, MadeTokens::Revoke).await;
        assert!(matches!(last, Err(AdminError::TheLast)), "{last:?}");
        assert!(store.remove_person(&ada, true, MadeTokens::Revoke).await.unwrap().is_some());
        assert!(!store.has_people().await.unwrap());
    }

    async fn a_session_ends_by_itself_by_hand_and_with_its_owner(database) {
        let world = World::new(database, 0).await;
        let store = &world.app.store;
        let ada = store.add_person("ada", "$one", false).await.unwrap();
        let begin = async || {
            let secret = Secret::for_session().unwrap();
            let idle = jiff::Timestamp::UNIX_EPOCH;
            let begun = store.begin_session(secret.hash(), &ada, "$one", "10.0.0.1", "curl", idle);
            let id = begun.await.unwrap().unwrap();
            (secret.hash(), id)
        };
        let ever = jiff::Timestamp::UNIX_EPOCH;
        let (first, id) = begin().await;
        let session = store.session(first, ever, ever).await.unwrap().unwrap();
        assert_eq!((session.id.as_str(), session.name.as_str()), (id.as_str(), "ada"));
        let later = jiff::Timestamp::MAX;
        assert!(store.session(first, later, ever).await.unwrap().is_none(), "too long idle");
        assert!(store.session(first, ever, later).await.unwrap().is_none(), "too old");
        assert!(store.end_session(&id).await.unwrap());
        assert!(!store.end_session(&id).await.unwrap());
        assert!(store.session(first, ever, ever).await.unwrap().is_none());

        let ((kept, own), (ended, _)) = (begin().await, begin().await);
        assert!(store.set_password(&ada, "$two", Some(&own)).await.unwrap());
        assert!(store.session(kept, ever, ever).await.unwrap().is_some());
        assert!(store.session(ended, ever, ever).await.unwrap().is_none());
        store.remove_person(&ada, true, MadeTokens::Keep).await.unwrap();
        assert!(store.sessions(ever, ever).await.unwrap().is_empty());
    }

    async fn what_was_refused_does_not_push_out_what_was_done(database) {
        let world = World::new(database, 0).await;
        let store = &world.app.store;
        for number in 0..30 {
            let refused = number >= 3;
            let act = Act {
                actor: if refused { "nobody" } else { "ada" }.to_owned(),
                address: None,
                act: format!("act {number}"),
                subject: None,
                subject_name: None,
                succeeded: !refused,
                refused,
            };
            store.note_act(&act).await.unwrap();
        }
        let told = async || -> Vec<String> {
            let all = AuditQuery { limit: 100, ..Default::default() };
            store.acts(&all).await.unwrap().into_iter().map(|it| it.act).collect()
        };
        store.prune_acts(3, 5).await.unwrap();
        assert_eq!(
            told().await,
            ["act 29", "act 28", "act 27", "act 26", "act 25", "act 2", "act 1", "act 0"]
        );
        store.prune_acts(2, 0).await.unwrap();
        assert_eq!(told().await, ["act 2", "act 1"]);
    }

    async fn what_a_person_made_ends_with_them_unless_told_otherwise(database) {
        let world = World::new(database, 0).await;
        let store = &world.app.store;
        let ada = store.add_person("ada", "$one", false).await.unwrap();
        store.add_person("eve", "$one", false).await.unwrap();
        let make = async |name: &str, person: Option<&str>| {
            let secret = Secret::for_program().unwrap();
            let by = Maker { name: "ada", person, proxy_name: None };
            store.add_token(secret.hash(), name, Scope::Admin, by, None).await.unwrap();
        };
        make("hers", Some(&ada)).await;
        make("made with hers", Some(&ada)).await;
        make("of the machine", None).await;
        let live = async || {
            let rows = store.tokens().await.unwrap();
            let mut live: Vec<String> =
                rows.into_iter().filter(|it| it.revoked_at.is_none()).map(|it| it.name).collect();
            live.sort();
            live
        };
        assert_eq!(store.revoke_tokens_of(&ada).await.unwrap().len(), 2);
        assert_eq!(live().await, ["of the machine"]);
        make("another", Some(&ada)).await;
        let removed = store.remove_person(&ada, false, MadeTokens::Revoke).await.unwrap().unwrap();
        assert_eq!(removed.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["another"]);
        assert_eq!(live().await, ["of the machine"]);
        let bob = store.add_person("bob", "$one", false).await.unwrap();
        make("his", Some(&bob)).await;
        let kept = store.remove_person(&bob, false, MadeTokens::Keep).await.unwrap().unwrap();
        assert!(kept.is_empty());
        assert_eq!(live().await, ["his", "of the machine"]);
    }

    async fn a_token_made_through_a_proxy_is_known_as_that_persons(database) {
        let world = World::new(database, 0).await;
        let store = &world.app.store;
        let secret = Secret::for_program().unwrap();
        let by = Maker { name: "grace", person: None, proxy_name: Some("grace") };
        let made = store.add_token(secret.hash(), "x", Scope::Read, by, None).await.unwrap();
        let found = store.token(secret.hash()).await.unwrap().unwrap();
        for row in [&made, &found, &store.tokens().await.unwrap()[0]] {
            assert_eq!((row.proxy_name.as_deref(), &row.person), (Some("grace"), &None));
        }
    }

    async fn a_browser_is_known_by_its_secret_for_its_owner_alone(database) {
        let world = World::new(database, 0).await;
        let store = &world.app.store;
        let ada = store.add_person("ada", "$one", false).await.unwrap();
        store.add_person("eve", "$one", false).await.unwrap();
        let browser = Secret::for_session().unwrap();
        assert_eq!(store.known_browser(browser.hash(), "ada").await.unwrap(), None);
        store.remember_browser(browser.hash(), &ada).await.unwrap();
        let known = store.known_browser(browser.hash(), "ADA").await.unwrap();
        assert!(known.is_some());
        store.remember_browser(browser.hash(), &ada).await.unwrap();
        assert_eq!(store.known_browser(browser.hash(), "ada").await.unwrap(), known);
        assert_eq!(store.known_browser(browser.hash(), "eve").await.unwrap(), None);
        // The latest fifty are kept.
        for _ in 0..50 {
            store.remember_browser(Secret::for_session().unwrap().hash(), &ada).await.unwrap();
        }
        assert_eq!(store.known_browser(browser.hash(), "ada").await.unwrap(), None);
        let last = Secret::for_session().unwrap();
        store.remember_browser(last.hash(), &ada).await.unwrap();
        store.remove_person(&ada, false, MadeTokens::Revoke).await.unwrap();
        store.add_person("ada", "$two", false).await.unwrap();
        assert_eq!(store.known_browser(last.hash(), "ada").await.unwrap(), None);
    }

    async fn tokens_and_phones_are_known_by_their_hash_until_they_are_revoked(database) {
        let world = World::new(database, 0).await;
        let store = &world.app.store;
        let (token, phone) = (Secret::for_program().unwrap(), Secret::for_device().unwrap());
        let row = store.add_token(token.hash(), "x", Scope::Sync, "ada", None).await.unwrap();
        let device = store.add_device(phone.hash(), "desk", "ada").await.unwrap();
        let now = world.app.clock.now();
        store.touch_token(&row.id, "10.0.0.1", now).await.unwrap();
        store.touch_device(&device.id, "10.0.0.2", "CP-8845", now).await.unwrap();
        let found = store.token(token.hash()).await.unwrap().unwrap();
        assert_eq!((found.scope, found.used_at, found.used_from.as_deref()), (Scope::Sync, Some(now), Some("10.0.0.1")));
        let found = store.device(phone.hash()).await.unwrap().unwrap();
        assert_eq!((found.seen_at, found.model.as_deref()), (Some(now), Some("CP-8845")));
        assert!(store.token(phone.hash()).await.unwrap().is_none());

        assert!(store.revoke_token(&row.id).await.unwrap() && !store.revoke_token(&row.id).await.unwrap());
        assert!(store.token(token.hash()).await.unwrap().unwrap().revoked_at.is_some());
        assert!(store.revoke_device(&device.id).await.unwrap());
        let renewed = Secret::for_device().unwrap();
        assert!(store.renew_device(&device.id, renewed.hash()).await.unwrap());
        assert!(store.device(phone.hash()).await.unwrap().is_none(), "the one before is gone");
        assert!(store.device(renewed.hash()).await.unwrap().unwrap().revoked_at.is_none());
    }

    async fn acts_are_told_latest_first_and_in_parts(database) {
        let world = World::new(database, 0).await;
        let store = &world.app.store;
        for number in 0..5 {
            let act = Act {
                actor: "ada".to_owned(),
                address: None,
                act: format!("act {number}"),
                subject: (number > 2).then(|| "x".to_owned()),
                subject_name: None,
                succeeded: number % 2 == 0,
                refused: false,
            };
            store.note_act(&act).await.unwrap();
        }
        let told = store.acts(&AuditQuery { limit: 2, ..Default::default() }).await.unwrap();
        let names: Vec<(&str, bool)> = told.iter().map(|it| (it.act.as_str(), it.succeeded)).collect();
        assert_eq!(names, [("act 4", true), ("act 3", false)]);
        let older = AuditQuery { before: Some(told[1].id), limit: 10, ..Default::default() };
        let rest = store.acts(&older).await.unwrap();
        assert_eq!(rest.len(), 3);
        assert_eq!(rest[0].subject, None);
    }
}
