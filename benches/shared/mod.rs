//! The simulated Google and the server, as processes of their own. What is measured is looked at, too: a
//! figure of something else than it says would be worse than none.
#![allow(dead_code, reason = "each benchmark uses a part")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_ringbook");

pub(crate) struct Google {
    child: Child,
    settings: Vec<(String, String)>,
    contacts: usize,
}

pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) base: String,
    pub(crate) http: reqwest::Client,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) started_in: Duration,
}

impl Drop for Google {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Google {
    pub(crate) fn start(contacts: usize, latency_ms: u64) -> Google {
        let mut child = Command::new(BINARY)
            .args(["simulate-google", "--port", "0", "--gzip=false"])
            .args(["--contacts", &contacts.to_string()])
            .args(["--latency-ms", &latency_ms.to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut settings = Vec::new();
        for line in lines.by_ref().map_while(Result::ok) {
            if let Some((key, value)) =
                line.strip_prefix("export ").and_then(|it| it.split_once('='))
            {
                settings.push((key.to_owned(), value.trim_matches(['"', '\'']).to_owned()));
            }
            if settings.len() == 6 {
                break;
            }
        }
        std::thread::spawn(move || lines.for_each(drop));
        Google { child, settings, contacts }
    }

    fn setting(&self, key: &str) -> &str {
        let found = self.settings.iter().find(|(known, _)| known == key);
        found.map(|(_, value)| value.as_str()).unwrap()
    }

    /// What a client needs that only downloads all pages and throws them away.
    pub(crate) async fn bare_download(&self) -> Duration {
        let http = reqwest::Client::builder().gzip(false).build().unwrap();
        let base = self.setting("GOOGLE_API_BASE_URL");
        let granted: Value = http
            .post(format!("{base}/simulator/grant"))
            .json(&json!({
                "scopes": ["https://www.googleapis.com/auth/contacts.readonly"]
            }))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let token = granted["access_token"].as_str().unwrap();
        let begun = Instant::now();
        let (mut page, mut pages) = (String::new(), 0);
        loop {
            let url = format!(
                "{base}/v1/people/me/connections?personFields=metadata,names,nicknames,organizations,\
                 phoneNumbers,emailAddresses,memberships&sources=READ_SOURCE_TYPE_CONTACT\
                 &pageSize=1000&requestSyncToken=true&prettyPrint=false{page}"
            );
            let answer = http.get(url).bearer_auth(token).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            let body = answer.bytes().await.unwrap();
            pages += 1;
            // Only the tail is looked at: the bare client does no work that it can leave out.
            let tail =
                String::from_utf8_lossy(&body[body.len().saturating_sub(2000)..]).into_owned();
            let Some((_, rest)) = tail.split_once("\"nextPageToken\":\"") else { break };
            let next = rest.split('"').next().unwrap().replace('=', "%3D");
            page = format!("&pageToken={next}");
        }
        let took = begun.elapsed();
        assert_eq!(pages, self.contacts.div_ceil(1000), "pages of the bare client");
        took
    }
}

impl Server {
    pub(crate) async fn start(google: &Google, folder: tempfile::TempDir) -> Server {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let base = format!("http://127.0.0.1:{port}");
        let begun = Instant::now();
        let child =
            command(google, &folder, port).arg("serve").stdout(Stdio::null()).spawn().unwrap();
        let http =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let first = loop {
            match http.get(format!("{base}/api/sync/status")).send().await {
                Ok(answer) => break answer,
                Err(_) => std::thread::yield_now(),
            }
        };
        let started_in = begun.elapsed();
        assert_eq!(first.status(), 200, "the first answer");
        Server { child, base, http, folder, started_in }
    }

    /// Starts a sync, waits for its end, and makes sure that it did what is to be measured. A follow-up of
    /// the sync before is waited for, which costs the figure nothing.
    pub(crate) async fn sync(&self, path: &str, wanted: Did) -> Duration {
        loop {
            let begun = Instant::now();
            let answer = self.http.post(format!("{}{path}", self.base)).send().await.unwrap();
            let status = answer.status();
            let body: Value = answer.json().await.unwrap();
            let took = begun.elapsed();
            if status.as_u16() == 409 {
                continue;
            }
            assert!(status.is_success(), "{status} {body}");
            assert_eq!(
                Did::of(&body),
                wanted,
                "{path} did something else than is measured: {body}"
            );
            return took;
        }
    }

    /// The answer to a question that must be well.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let answer = self.http.get(format!("{}{path}", self.base)).send().await.unwrap();
        let status = answer.status();
        let body = answer.text().await.unwrap();
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Forgets how much memory was taken at most until now.
    pub(crate) fn reset_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").unwrap();
    }

    /// Stops the server, and starts another one on the same database.
    pub(crate) async fn again(mut self, google: &Google) -> Server {
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        Server::start(google, folder).await
    }

    pub(crate) fn memory_mib(&self, key: &str) -> f64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find(|line| line.starts_with(key)).unwrap();
        let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib / 1024.0
    }

    /// A server with an empty database, and an account in it that is connected and was never synced.
    pub(crate) async fn afresh(google: &Google) -> Server {
        let folder = tempfile::tempdir().unwrap();
        create_database(&folder).await;
        connect(google, &folder).await;
        let server = Server::start(google, folder).await;
        let status = server.json("/api/sync/status").await;
        assert_eq!(
            (&status["status"], &status["contact_count"], &status["connected"]),
            (&json!("never_synced"), &json!(0), &json!(true)),
            "{status}"
        );
        server
    }
}

/// What a sync did, by its own books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Did {
    pub(crate) full: bool,
    pub(crate) listed: usize,
    pub(crate) created: usize,
    pub(crate) updated: usize,
    pub(crate) unchanged: usize,
}

impl Did {
    pub(crate) const NOTHING: Did =
        Did { full: false, listed: 0, created: 0, updated: 0, unchanged: 0 };

    /// A full sync of so many contacts; what it did with them is still to be said.
    pub(crate) const fn full(listed: usize) -> Did {
        Did { full: true, listed, ..Did::NOTHING }
    }

    fn of(answer: &Value) -> Did {
        let it = &answer["statistics"];
        let count = |name: &str| usize::try_from(it[name].as_u64().unwrap()).unwrap();
        for none in ["deleted", "errors"] {
            assert_eq!(count(none), 0, "{none}: {answer}");
        }
        Did {
            full: it["sync_type"] == "full",
            listed: count("total_fetched"),
            created: count("created"),
            updated: count("updated"),
            unchanged: count("unchanged"),
        }
    }
}

/// Connects the simulated account on the command line: a server would start the first sync by itself.
async fn connect(google: &Google, folder: &tempfile::TempDir) {
    let ringbook = |args: &[&str]| {
        let done = command(google, folder, 8000).arg("--json").args(args).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        serde_json::from_slice::<Value>(&done.stdout).unwrap()
    };
    let begun = ringbook(&["auth", "--begin"]);
    let http =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let consent = http.get(begun["auth_url"].as_str().unwrap()).send().await.unwrap();
    let back = consent.headers()["location"].to_str().unwrap();
    ringbook(&["auth", "--no-sync", "--paste", back]);
}

/// The address of this server's own database on the PostgreSQL that BENCH_DATABASE names.
fn database_of(folder: &tempfile::TempDir) -> Option<String> {
    std::fs::read_to_string(folder.path().join("database")).ok()
}

/// Makes a database for a server, on the PostgreSQL that BENCH_DATABASE names. It is left there.
async fn create_database(folder: &tempfile::TempDir) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let Ok(url) = std::env::var("BENCH_DATABASE") else { return };
    let (client, connection) =
        tokio_postgres::connect(&url, tokio_postgres::NoTls).await.expect("BENCH_DATABASE");
    let connection = tokio::spawn(connection);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("ringbook_bench_{}_{number}", std::process::id());
    client.batch_execute(&format!("create database {name}")).await.unwrap();
    drop(client);
    let _ = connection.await;
    let (place, query) = url.split_once('?').map_or((url.as_str(), None), |it| (it.0, Some(it.1)));
    let server = place.rsplit_once('/').expect("BENCH_DATABASE names a database").0;
    let query = query.map(|it| format!("?{it}")).unwrap_or_default();
    std::fs::write(folder.path().join("database"), format!("{server}/{name}{query}")).unwrap();
}

fn command(google: &Google, folder: &tempfile::TempDir, port: u16) -> Command {
    let database = database_of(folder)
        .unwrap_or_else(|| format!("sqlite:///{}/ringbook.db", folder.path().display()));
    let mut command = Command::new(BINARY);
    command
        .env_clear()
        .envs(google.settings.iter().cloned())
        .env("PORT", port.to_string())
        .env("DATABASE_URL", database)
        .env("GOOGLE_REDIRECT_URI", format!("http://127.0.0.1:{port}/auth/callback"))
        .env("LOG_LEVEL", "error")
        .current_dir(folder.path());
    command
}

pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

pub(crate) fn line(what: &str, figure: String, limit: Option<f64>, found: f64) {
    let judged = match limit {
        Some(limit) => format!("{:5.2} of the limit", found / limit),
        None => String::new(),
    };
    println!("{what:<58} {figure:>12}  {judged}");
}
