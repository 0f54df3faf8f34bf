//! Where requests come in: HTTPS, the door for phones, and guests who mean harm.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use ringbook_web::{Exposure, Listener, Timeouts, Tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::support::app::{Answer, TestApp};
use crate::support::world::{Database, World};
use crate::support::{PATIENCE, TRIES};

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

async fn house(doors: Vec<Listener>, patience: Timeouts) -> TestApp {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:///{}/ringbook.db", folder.path().display());
    let world = World::with(Database::Sqlite, 12, &[("DATABASE_URL", &database)]).await;
    TestApp::at(world, doors, patience, folder)
}

/// Makes a certificate and writes it where a server looks for it. Returns its PEM form.
fn new_certificate(folder: &Path) -> String {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), signing_key.serialize_pem()).unwrap();
    cert.pem()
}

/// A client that knows one certificate and no other.
fn knowing(pem: &str) -> reqwest::Client {
    let certificate = reqwest::Certificate::from_pem(pem.as_bytes()).unwrap();
    reqwest::Client::builder().tls_certs_only([certificate]).build().unwrap()
}

fn load(folder: &Path) -> Arc<Tls> {
    Arc::new(Tls::load(&folder.join("cert.pem"), &folder.join("key.pem")).unwrap())
}

#[tokio::test]
async fn https_is_spoken_and_a_new_certificate_is_taken_while_half_of_one_is_not() {
    let files = tempfile::tempdir().unwrap();
    let first = new_certificate(files.path());
    let tls = load(files.path());
    let listener = listener().await;
    let port = listener.local_addr().unwrap().port();
    let door = Listener { listener, tls: Some(tls.clone()), rooms: Exposure::All };
    let _app = house(vec![door], Timeouts::default()).await;
    let url = format!("https://localhost:{port}/health/live");

    assert_eq!(knowing(&first).get(&url).send().await.unwrap().status(), 200);
    assert!(!tls.reload(), "nothing has changed");

    // Whoever renews a certificate writes two files, one after the other.
    let key = std::fs::read(files.path().join("key.pem")).unwrap();
    let second = new_certificate(files.path());
    let new_key = std::fs::read(files.path().join("key.pem")).unwrap();
    std::fs::write(files.path().join("key.pem"), key).unwrap();
    assert!(!tls.reload());
    assert_eq!(knowing(&first).get(&url).send().await.unwrap().status(), 200);

    std::fs::write(files.path().join("key.pem"), new_key).unwrap();
    assert!(tls.reload());
    assert_eq!(knowing(&second).get(&url).send().await.unwrap().status(), 200);
    knowing(&first).get(&url).send().await.unwrap_err();
}

#[test]
fn a_certificate_that_cannot_be_used_is_named_with_the_way_out() {
    let files = tempfile::tempdir().unwrap();
    let (cert, key) = (files.path().join("cert.pem"), files.path().join("key.pem"));
    let say = || Tls::load(&cert, &key).err().unwrap().to_string();
    assert!(say().starts_with("TLS_CERT_FILE: `") && say().contains("cannot be read"), "{}", say());
    new_certificate(files.path());
    let good = std::fs::read(&key).unwrap();
    std::fs::write(&key, "").unwrap();
    assert!(say().contains("there is no key in it"), "{}", say());
    new_certificate(files.path());
    std::fs::write(&key, good).unwrap();
    assert!(say().contains("do not fit together"), "{}", say());
    std::fs::write(&key, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIF\n").unwrap();
    assert!(say().contains("locked with a passphrase"), "{}", say());
    std::fs::write(&cert, "nonsense").unwrap();
    std::fs::write(&key, "").unwrap();
    assert!(say().contains("there is no certificate in it"), "{}", say());
}

#[tokio::test]
async fn plain_http_where_https_is_spoken_is_shown_the_way() {
    let files = tempfile::tempdir().unwrap();
    new_certificate(files.path());
    let listener = listener().await;
    let tls = Some(load(files.path()));
    let app =
        house(vec![Listener { listener, tls, rooms: Exposure::All }], Timeouts::default()).await;
    let answer = app.get("/docs/?a=b").await;
    assert_eq!(answer.status, 308);
    assert_eq!(answer.headers["location"], format!("https://{}/docs/?a=b", app.address));
}

#[tokio::test]
async fn links_on_a_screen_that_came_by_https_lead_to_https() {
    let files = tempfile::tempdir().unwrap();
    let certificate = new_certificate(files.path());
    let listener = listener().await;
    let port = listener.local_addr().unwrap().port();
    let tls = Some(load(files.path()));
    let _app =
        house(vec![Listener { listener, tls, rooms: Exposure::All }], Timeouts::default()).await;
    let url = format!("https://localhost:{port}/directory");
    let screen = knowing(&certificate).get(&url).send().await.unwrap().text().await.unwrap();
    assert!(screen.contains(&format!("{url}/")), "{screen}");
    assert!(!screen.contains("http://"), "{screen}");
}

#[tokio::test]
async fn behind_the_door_for_phones_there_is_only_what_phones_ask_for() {
    let door = Listener { listener: listener().await, tls: None, rooms: Exposure::Phones };
    let app = house(vec![door, Listener::plain(listener().await)], Timeouts::default()).await;
    for path in ["/directory", "/directory/help", "/lookup?number=1234567890", "/health/live"] {
        assert_eq!(app.get(path).await.status, 200, "{path}");
    }
    let elsewhere = [
        "/",
        "/api/contacts",
        "/api/sync/status",
        "/auth/status",
        "/health",
        "/metrics",
        "/docs",
        "/docs/",
        "/api/openapi.json",
        "/directory/../api/contacts",
        "/directoryx",
        "/p/",
        "/p/x/api/contacts",
        "//api/contacts",
        "/p//api/contacts",
    ];
    for path in elsewhere {
        let answer = raw(app.address, path).await;
        assert!(
            answer.starts_with("HTTP/1.1 404") || answer.contains("CiscoIPPhone"),
            "{path}: {answer}"
        );
        assert!(!answer.contains("contact_count") && !answer.contains("resource_name"), "{path}");
    }
    let answer = app.post("/api/sync").await;
    assert_eq!(answer.status, 404);
    assert!(answer.detail().contains("/directory and /lookup"), "{answer:?}");
}

/// A request as it stands, which no client has tidied up.
async fn raw(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn browsers_are_told_what_they_must_not_do_and_phones_are_not_bothered() {
    let app = TestApp::new(5).await;
    for path in ["/api/sync/status", "/nothing", "/health"] {
        let headers = app.get(path).await.headers;
        let policy = headers["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(headers["x-frame-options"], "DENY");
        assert_eq!(headers["referrer-policy"], "same-origin");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["cache-control"], "no-store");
        assert!(!headers.contains_key("server"), "{path}");
    }
    let docs = app.get("/docs/").await;
    let policy = docs.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("script-src 'self';"), "{policy}");
    assert!(!app.get("/directory").await.headers.contains_key("content-security-policy"));
}

fn hasty() -> Timeouts {
    Timeouts {
        header: Duration::from_millis(200),
        write: Duration::from_millis(200),
        connections: None,
        connections_each: Some(40),
    }
}

/// One in such a hurry may also hang up on a test that the machine holds up: then it is asked again.
async fn assert_answers(app: &TestApp) {
    let client = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
    for _ in 1..TRIES {
        let answer = client.get(app.url("/health/live")).send().await;
        if answer.is_ok_and(|it| it.status() == 200) {
            return;
        }
    }
    assert_eq!(app.get("/health/live").await.status, 200);
}

/// A client at another address of this machine.
async fn call_from(source: &str, address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{source}:0").parse().unwrap()).unwrap();
    socket.connect(address).await.unwrap()
}

#[tokio::test]
async fn a_header_that_trickles_in_is_not_waited_for_and_harms_nobody() {
    let app = house(vec![Listener::plain(listener().await)], hasty()).await;
    let mut sleepy = Vec::new();
    for _ in 0..30 {
        let mut stream = TcpStream::connect(app.address).await.unwrap();
        stream.write_all(b"GET /api/sync/status HTTP/1.1\r\nhost: a\r\nx-").await.unwrap();
        sleepy.push(stream);
    }
    assert_answers(&app).await;
    for mut stream in sleepy {
        let mut rest = Vec::new();
        // Ends only when the server hangs up.
        let _ = stream.read_to_end(&mut rest).await;
    }
}

#[tokio::test]
async fn a_header_without_an_end_is_cut_off() {
    let app = house(vec![Listener::plain(listener().await)], Timeouts::default()).await;
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: a\r\n").await.unwrap();
    let line = format!("x-padding: {}\r\n", "x".repeat(4000));
    let mut sent = 0;
    while stream.write_all(line.as_bytes()).await.is_ok() {
        sent += line.len();
        assert!(sent < 64 << 20, "nobody stopped us");
    }
    assert_eq!(app.get("/health/live").await.status, 200);
}

#[tokio::test]
async fn a_body_whose_chunks_are_broken_is_a_bad_request_and_not_too_large() {
    let app = house(vec![Listener::plain(listener().await)], Timeouts::default()).await;
    for (body, status) in [("zz\r\n{}\r\n", "400"), ("fffff\r\n", "413")] {
        let mut stream = TcpStream::connect(app.address).await.unwrap();
        let head = "PUT /api/sync/schedule HTTP/1.1\r\nhost: localhost\r\ncontent-type: \
                    application/json\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        if status == "413" {
            let _ = stream.write_all(&vec![b'x'; 0xfffff]).await;
        }
        let mut answer = vec![0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), format!("HTTP/1.1 {status}"));
    }
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_not_offered_for_ever() {
    let app = house(vec![Listener::plain(listener().await)], hasty()).await;
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    let request = "GET /api/openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(100);
    // Never reads a byte. It is written to until the server has had enough and hangs up.
    while stream.write_all(request.as_bytes()).await.is_ok() {}
    assert_answers(&app).await;
}

#[tokio::test]
async fn one_address_cannot_take_all_seats() {
    let patience = Timeouts { connections_each: Some(40), ..Timeouts::default() };
    let app = house(vec![Listener::plain(listener().await)], patience).await;
    let mut seats = Vec::new();
    for _ in 0..40 {
        let mut stream = call_from("127.0.0.1", app.address).await;
        stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        seats.push(stream);
    }
    let mut refused = call_from("127.0.0.1", app.address).await;
    assert!(matches!(refused.read(&mut [0; 1]).await, Ok(0) | Err(_)), "one too many");

    let mut other = call_from("127.0.0.2", app.address).await;
    other
        .write_all(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    other.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Ways to keep a connection busy without asking for anything.
const HOLDS: &[(&str, &str)] = &[
    ("nothing at all", ""),
    ("half a header", "GET /directory HTTP/1.1\r\nHost: localhost\r\nX-"),
    (
        "a body that does not come",
        "POST /api/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 60\r\n\r\n{",
    ),
    ("an idle connection", "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    (
        "answers that are not taken",
        "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_few_addresses_that_ask_nothing_keep_no_phone_waiting() {
    for (what, bytes) in HOLDS {
        let hours = Duration::from_secs(7200);
        let patience = Timeouts {
            header: hours,
            write: hours,
            connections: Some(24),
            connections_each: Some(12),
        };
        let app = house(vec![Listener::plain(listener().await)], patience).await;
        let mut held = Vec::new();
        for number in 0..60 {
            let mut stream = call_from(&format!("127.0.0.{}", 10 + number % 5), app.address).await;
            let times = if what.starts_with("answers") { 50 } else { 1 };
            // Who has been told to leave already is not listened to.
            let _ = stream.write_all(bytes.repeat(times).as_bytes()).await;
            held.push(stream);
        }
        for _ in 0..3 {
            let ask = async {
                let mut phone = call_from("127.0.0.200", app.address).await;
                let request =
                    "GET /directory/help HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
                phone.write_all(request.as_bytes()).await.unwrap();
                let mut answer = Vec::new();
                phone.read_to_end(&mut answer).await.unwrap();
                String::from_utf8_lossy(&answer).into_owned()
            };
            let answer = tokio::time::timeout(Duration::from_secs(120), ask).await.expect(what);
            assert!(answer.contains("CiscoIPPhoneText"), "{what}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_at_one_listener_leaves_the_other_free() {
    let doors = vec![
        Listener::plain(listener().await),
        Listener { listener: listener().await, tls: None, rooms: Exposure::Phones },
    ];
    let phones = doors[1].listener.local_addr().unwrap();
    let patience =
        Timeouts { connections: Some(4), connections_each: Some(4), ..Timeouts::default() };
    let app = house(doors, patience).await;
    // Answers that go on, so that nobody can be told to leave.
    let mut followers = Vec::new();
    for _ in 0..3 {
        followers.push(app.events(None).await);
    }
    let request = "GET /directory/help HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut phone = TcpStream::connect(phones).await.unwrap();
    phone.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    phone.read_to_end(&mut answer).await.unwrap();
    assert!(String::from_utf8_lossy(&answer).contains("CiscoIPPhoneText"));
    for mut follower in followers {
        assert!(follower.next().await.is_some(), "who is being answered stays");
    }
}

/// Ends with the test.
struct Server(std::process::Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_number_of_open_files_is_raised_at_the_start() {
    use std::io::Read;
    let folder = tempfile::tempdir().unwrap();
    let port = crate::support::program::free_port();
    let program = env!("CARGO_BIN_EXE_ringbook");
    let command = format!("ulimit -Sn 200; exec {program} serve --port {port}");
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &command]).current_dir(folder.path()).env_clear();
    let mut server = Server(shell.stdout(std::process::Stdio::piped()).spawn().unwrap());
    let mut first = [0; 8];
    server.0.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    assert_eq!(&first, b"Ringbook");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.0.id())).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let mut numbers = line.split_whitespace().map(|it| it.parse().unwrap_or(u64::MAX));
    let (soft, hard) = (numbers.next().unwrap(), numbers.next().unwrap());
    assert!(soft > 200 && soft == hard.min(4192), "{line}");
}

impl Answer {
    pub(super) fn detail(&self) -> &str {
        self.json["detail"].as_str().unwrap_or_default()
    }
}

#[test]
fn the_unit_for_systemd_is_well_formed_and_hardened() {
    let unit = std::fs::read_to_string("docs/systemd/ringbook.service").unwrap();
    for line in ["NoNewPrivileges=yes", "ProtectSystem=strict", "DynamicUser=yes", "LimitCORE=0"] {
        assert!(unit.lines().any(|it| it == line), "{line}");
    }
    // Where systemd is not installed there is nobody to ask.
    let Ok(verdict) = std::process::Command::new("systemd-analyze")
        .args(["security", "--offline=yes", "--threshold=15", "docs/systemd/ringbook.service"])
        .output()
    else {
        return;
    };
    let text = String::from_utf8_lossy(&verdict.stdout);
    assert!(verdict.status.success(), "{text}");
}

#[test]
fn each_defence_in_the_threat_model_is_shown_by_a_test_that_exists() {
    let mut sources = String::new();
    let mut folders: Vec<std::path::PathBuf> = vec!["src".into(), "crates".into(), "tests".into()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                sources.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    let document = std::fs::read_to_string("docs/security.md").unwrap();
    let rows = document.lines().filter(|line| line.starts_with("| ") && !line.contains("shown by"));
    let mut named = 0;
    for row in rows {
        let last = row.trim_end_matches(" |").rsplit('|').next().unwrap();
        let tests: Vec<&str> = last.split('`').filter(|it| it.contains('_')).collect();
        assert!(!tests.is_empty(), "nothing shows this defence: {row}");
        for test in tests {
            assert!(sources.contains(&format!("fn {test}(")), "there is no test `{test}`");
            named += 1;
        }
    }
    assert!(named > 30, "{named}");
}
