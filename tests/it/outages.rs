//! Promise 16: phones do not notice. Directory, caller ID and health while the database is away, hangs, is full
//! or locked.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use reqwest::Method;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;

use ringbook_app::alarms::Alarms;
use ringbook_core::clock::{Clock, after};
use ringbook_runtime::SystemClock;
use ringbook_runtime::tasks::Keeper;
use ringbook_web::{Listener, Timeouts};

use super::support::PATIENCE;
use super::support::app::{Answer, TestApp};
use super::support::clock::ManualClock;
use super::support::postgres;
use super::support::program::{Program, free_port};
use super::support::world::{Database, World};

/// How the way to a PostgreSQL server is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Open,
    /// Nothing passes, and nothing is refused, as with a server that is frozen or a firewall.
    Hanging,
    /// Connections break off, as with a server that was killed.
    Closed,
}

/// A proxy in front of the server of this test binary.
struct Proxy {
    way: watch::Sender<Way>,
    port: u16,
    database: String,
}

impl Proxy {
    async fn open() -> Proxy {
        let url = postgres::fresh_database();
        let database = url.trim_start_matches("postgres:///").split('?').next().unwrap().to_owned();
        let socket = postgres::folder().join(".s.PGSQL.5432");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (way, seen) = watch::channel(Way::Open);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Proxy::pass(stream, socket.clone(), seen.clone()));
            }
        });
        Proxy { way, port, database }
    }

    fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{}", self.port, self.database)
    }

    fn is(&self, way: Way) {
        self.way.send_replace(way);
    }

    async fn pass(mut near: TcpStream, socket: std::path::PathBuf, mut way: watch::Receiver<Way>) {
        let Ok(mut far) = UnixStream::connect(socket).await else { return };
        loop {
            let now = *way.borrow_and_update();
            match now {
                Way::Closed => return,
                Way::Hanging => {}
                Way::Open => {
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => return,
                        changed = way.changed() => if changed.is_err() { return },
                    }
                    continue;
                }
            }
            if way.changed().await.is_err() {
                return;
            }
        }
    }
}

async fn serve(world: World) -> TestApp {
    // As a server does.
    let store = world.app.store.clone();
    tokio::spawn(async move { store.look_after().await });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    TestApp::at(world, vec![Listener::plain(listener)], Timeouts::default(), folder)
}

/// A database that hangs holds a question for 40 s: who is answered before has not waited for it.
async fn soon(asked: impl Future<Output = Answer>) -> Answer {
    tokio::time::timeout(Duration::from_secs(15), asked).await.expect("it waited for the database")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn phones_and_switchboards_do_not_notice_that_postgresql_hangs_or_is_gone() {
    let proxy = Proxy::open().await;
    let world = World::with(Database::Postgres, 12, &[("DATABASE_URL", &proxy.url())]).await;
    world.converge(None).await;
    let app = serve(world).await;
    let made = app
        .send(
            Method::POST,
            "/api/devices",
            &[("content-type", "application/json")],
            Some(r#"{"name":"Desk"}"#),
        )
        .await
        .is(201);
    let token = made["token"].as_str().or(made["secret"].as_str()).map(str::to_owned);
    let contacts = app.get("/api/contacts?limit=100").await.is(200);
    let with_phone = contacts["contacts"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["phone_numbers"][0]["value"].is_string())
        .unwrap()
        .clone();
    let number = with_phone["phone_numbers"][0]["value"].as_str().unwrap();
    let number: String = number.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let contact = format!("/directory/contacts/{}", with_phone["id"].as_str().unwrap());
    let mut paths = vec![
        "/directory".to_owned(),
        "/directory/groups/2ABC".to_owned(),
        "/directory/search?q=a".to_owned(),
        contact.clone(),
        format!("{contact}/details"),
        format!("/lookup?number={number}"),
        "/lookup?number=999999999999".to_owned(),
    ];
    if let Some(token) = token {
        paths.push(format!("/p/{token}/directory"));
        paths.push(format!("/p/{token}/lookup?number={number}"));
    }
    let mut before = Vec::new();
    for path in &paths {
        let answer = app.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        before.push(answer.text);
    }
    assert!(!before[5].is_empty() && before[6].is_empty(), "{before:?}");
    for way in [Way::Hanging, Way::Closed] {
        proxy.is(way);
        for (path, before) in paths.iter().zip(&before) {
            let answer = soon(app.get(path)).await;
            assert_eq!(answer.status, 200, "{way:?} {path}");
            assert_eq!(&answer.text, before, "{way:?} {path}");
        }
        assert_eq!(soon(app.get("/health/live")).await.is(200)["status"], "alive");
        let health = soon(app.get("/health")).await.is(503);
        assert_eq!(health["status"], "unhealthy", "{health}");
        // With a token that nobody knows: who asks cannot be found out either.
        let asked = app.send(Method::GET, "/health", &[("authorization", "Bearer rbk_x")], None);
        assert_eq!(soon(asked).await.status, 503, "{way:?}");
        proxy.is(Way::Open);
        until_health(&app, "healthy").await;
    }
}

/// The path of the first link on a screen that leads below `folder`.
fn first_link<'a>(screen: &'a str, folder: &str) -> &'a str {
    let at = screen.find(folder).unwrap_or_else(|| panic!("no link to {folder}: {screen}"));
    screen[at..].split(['<', '?', '&']).next().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_no_phone_has_asked_yet_answers_from_memory_too() {
    let proxy = Proxy::open().await;
    let url = proxy.url();
    // Whether this machine's own programs are phones depends on the administrators, which were not asked for yet.
    let settings = [("DATABASE_URL", url.as_str()), ("PHONE_NETWORKS", "127.0.0.0/8")];
    let world = World::with(Database::Postgres, 12, &settings).await;
    world.converge(None).await;
    let keeper = Keeper::new(world.app.clock.clone());
    world.app.keep(&keeper);
    let end_at = after(SystemClock.now(), PATIENCE);
    while world.app.directory.last().is_none() {
        assert!(SystemClock.now() < end_at, "the directory was never read");
        world.status().await;
    }
    let app = serve(world).await;
    proxy.is(Way::Hanging);
    let menu = soon(app.get("/directory")).await;
    let group = soon(app.get(first_link(&menu.text, "/directory/groups/"))).await;
    let card = soon(app.get(first_link(&group.text, "/directory/contacts/"))).await;
    assert!(card.text.contains("<Telephone>"), "{}", card.text);
    keeper.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_stops_at_once_while_its_database_hangs_at_the_start() {
    let proxy = Proxy::open().await;
    proxy.is(Way::Hanging);
    let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
    let settings =
        [("DATABASE_URL", proxy.url()), ("PORT", port.clone())].map(|(k, v)| (k.to_owned(), v));
    let server = Program::start(folder.path(), &settings, &["serve"]);
    // It listens before it opens the database, and hears signals before it listens.
    let end_at = after(SystemClock.now(), PATIENCE);
    while TcpStream::connect(format!("127.0.0.1:{port}")).await.is_err() {
        assert!(SystemClock.now() < end_at, "it never listened");
    }
    server.signal("-TERM");
    let ended = server.ended().await;
    assert_eq!(ended.code, Some(143), "{ended:?}");
    assert!(ended.err.contains("stopped while the database was being opened"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switchboard_that_asks_first_while_postgresql_hangs_gets_no_name_and_no_screen() {
    for way in [Way::Hanging, Way::Closed] {
        let proxy = Proxy::open().await;
        let world = World::with(Database::Postgres, 3, &[("DATABASE_URL", &proxy.url())]).await;
        let app = serve(world).await;
        proxy.is(way);
        for path in ["/lookup?number=4930123456", "/p/nobodys/lookup?number=4930123456"] {
            let answer = soon(app.get(path)).await;
            assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, ""), "{way:?} {path}");
            assert!(answer.header("content-type").starts_with("text/plain"), "{way:?} {path}");
        }
        let screen = soon(app.get("/directory")).await;
        assert_eq!(screen.status, 200);
        assert!(screen.text.contains("cannot be read at the moment"), "{}", screen.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_for_long_is_told_at_the_webhook_and_so_is_its_end() {
    let (put, mut letters) = tokio::sync::mpsc::unbounded_channel();
    let take = axum::routing::post(async move |axum::Json(letter): axum::Json<Value>| {
        put.send(letter["event"].as_str().unwrap().to_owned()).unwrap();
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hook = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(
        async move { axum::serve(listener, axum::Router::new().route("/hook", take)).await },
    );

    let proxy = Proxy::open().await;
    let world = World::with(Database::Postgres, 3, &[("DATABASE_URL", &proxy.url())]).await;
    proxy.is(Way::Closed);
    world.app.store.try_to_write().await.unwrap_err();
    let clock = Arc::new(ManualClock::at(&SystemClock.now().to_string()));
    let store = world.app.store.for_new_process(clock.clone());
    let alarms = Alarms::new(store, Some(hook.into()), TimeZone::UTC).unwrap();
    alarms.look().await;
    assert!(letters.try_recv().is_err(), "a moment is no alarm");
    clock.advance(Duration::from_secs(3600));
    alarms.look().await;
    alarms.look().await;
    assert_eq!(letters.try_recv().as_deref(), Ok("database_trouble"));
    assert!(letters.try_recv().is_err(), "once");
    proxy.is(Way::Open);
    world.app.store.try_to_write().await.unwrap();
    alarms.look().await;
    alarms.look().await;
    assert_eq!(letters.try_recv().as_deref(), Ok("recovered"));
    assert!(letters.try_recv().is_err(), "once");
}

async fn until_health(app: &TestApp, wanted: &str) -> Value {
    let look = async {
        loop {
            let health = app.get("/health").await.json;
            if health["status"] == wanted {
                return health;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), look).await.expect("it did not recover")
}

/// A server of its own on a SQLite file, connected to nothing.
struct Server {
    program: Program,
    url: String,
}

impl Server {
    async fn start(folder: &Path, extra: &[(&str, &str)]) -> Server {
        let port = free_port();
        let mut settings = vec![
            ("PORT".to_owned(), port.clone()),
            ("DATABASE_URL".to_owned(), format!("sqlite:///{}/r.db", folder.display())),
            ("SYNC_SCHEDULER_ENABLED".to_owned(), "false".to_owned()),
        ];
        settings.extend(extra.iter().map(|(key, it)| ((*key).to_owned(), (*it).to_owned())));
        let mut program = Program::start(folder, &settings, &["serve"]);
        program.says("Ringbook is at").await;
        Server { program, url: format!("http://127.0.0.1:{port}") }
    }

    async fn get(&self, path: &str) -> Answer {
        Answer::of(reqwest::get(format!("{}{path}", self.url)).await.unwrap()).await
    }

    /// Writes something.
    async fn write(&self, name: &str) -> Answer {
        let client = reqwest::Client::new();
        let request = client
            .post(format!("{}/api/accounts", self.url))
            .header("content-type", "application/json")
            .body(format!(r#"{{"name":"{name}"}}"#));
        Answer::of(request.send().await.unwrap()).await
    }

    async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let look = async {
            loop {
                let found = self.get(path).await.json;
                if wanted(&found) {
                    return found;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), look).await.expect("it never came")
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_takes_nothing_more_is_told_from_the_first_write_on_and_until_it_does_again() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]).await;
    assert_eq!(server.get("/health").await.is(200)["checks"]["database"]["status"], "healthy");
    let pid = Pid::from_raw(i32::try_from(server.program.child.id()).unwrap());
    let limit = |current: Option<u64>| {
        let limit = Rlimit { current, maximum: None };
        prlimit(pid, Resource::Fsize, limit).unwrap()
    };
    limit(Some(0));
    let refused = server.write("Office").await;
    assert!(refused.status.is_server_error(), "{}", refused.text);
    let health = server.get("/health").await.is(200);
    assert_eq!(health["status"], "degraded", "{health}");
    let message = health["checks"]["database"]["message"].as_str().unwrap();
    assert!(message.contains("nothing has been written to the database since"), "{message}");
    assert!(message.contains("disk"), "{message}");
    let status = server.get("/api/sync/status").await.is(200);
    assert!(status["database_problem"].as_str().unwrap().contains("disk"), "{status}");
    limit(None);
    server.until("/health", |it| it["status"] == "healthy").await;
    assert_eq!(server.get("/api/sync/status").await.is(200)["database_problem"], Value::Null);
    server.write("Office").await.is(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_reads_does_not_wait_for_another_programs_lock() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]).await;
    server.program.signal("-TERM");
    server.program.ended().await;
    let path = folder.path().join("r.db");
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("begin immediate").unwrap();
    let settings = vec![("DATABASE_URL".to_owned(), format!("sqlite:///{}", path.display()))];
    for command in ["statistics", "accounts", "config", "history"] {
        let ended = Program::start(folder.path(), &settings, &[command, "--json"]).ended().await;
        assert!(!ended.err.contains("locked") && !ended.out.contains("locked"), "{ended:?}");
    }
    other.execute_batch("rollback").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_the_file_alone_is_whole_when_the_server_is_quiet() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]).await;
    server.write("Office").await.is(201);
    let wal = folder.path().join("r.db-wal");
    let settled = async {
        while std::fs::metadata(&wal).is_ok_and(|it| it.len() > 0) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), settled).await.expect("the log stays");
    let copy = folder.path().join("copy.db");
    std::fs::copy(folder.path().join("r.db"), &copy).unwrap();
    let copied = rusqlite::Connection::open(&copy).unwrap();
    let names: String = copied.query_row("select name from account", [], |row| row.get(0)).unwrap();
    assert_eq!(names, "Office");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_programs_database_is_refused_and_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("theirs.db");
    let theirs = rusqlite::Connection::open(&path).unwrap();
    theirs.execute_batch("create table customers (id); create table schema_version (v)").unwrap();
    drop(theirs);
    let before = std::fs::read(&path).unwrap();
    let sqlite = format!("sqlite:///{}", path.display());
    let postgres = postgres::fresh_database();
    let (client, connection) =
        tokio_postgres::connect(&postgres, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("create table customers (id bigint)").await.unwrap();
    for (url, commands) in [(sqlite, ["serve", "accounts"].as_slice()), (postgres, &["serve"])] {
        for command in commands {
            let settings =
                vec![("DATABASE_URL".to_owned(), url.clone()), ("PORT".to_owned(), free_port())];
            let ended = Program::start(folder.path(), &settings, &[command]).ended().await;
            ended.assert(2, &["another program's database", "`customers`", "Nothing was changed"]);
        }
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let tables = "select count(*) from pg_tables where schemaname = current_schema()";
    assert_eq!(client.query_one(tables, &[]).await.unwrap().get::<_, i64>(0), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_database_is_called_so_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.db");
    std::fs::write(&path, vec![b'x'; 8192]).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let settings = vec![
        ("DATABASE_URL".to_owned(), format!("sqlite:///{}", path.display())),
        ("PORT".to_owned(), free_port()),
    ];
    for command in ["serve", "status", "doctor"] {
        let ended = Program::start(folder.path(), &settings, &[command]).ended().await;
        let told = [ended.out.as_str(), &ended.err].concat();
        assert!(told.contains("no SQLite database, or it is damaged"), "{ended:?}");
        assert!(told.contains("backup") && ended.code != Some(0), "{ended:?}");
        // It may be any file of this machine.
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o644, "{command}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_server_that_cannot_be_reached_has_an_exit_code_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let settings = vec![(
        "DATABASE_URL".to_owned(),
        format!("postgres://ringbook:s3cret@127.0.0.1:{}/ringbook", free_port()),
    )];
    let ended = Program::start(folder.path(), &settings, &["accounts"]).ended().await;
    ended.assert(6, &["PostgreSQL cannot be reached"]);
    assert!(!ended.err.contains("s3cret"), "{ended:?}");
    // A server waits for it, and says so; and ends when it is told to.
    let mut settings = settings.clone();
    settings.push(("PORT".to_owned(), free_port()));
    let mut server = Program::start(folder.path(), &settings, &["serve"]);
    server.says("trying again").await;
    server.signal("-TERM");
    server.ended().await.assert(143, &[]);
}
