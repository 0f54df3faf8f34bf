//! Measures what the README claims, on the release binary against the simulated Google on loopback:
//!
//! ```text
//! cargo bench --bench sync                  everything (about two minutes)
//! cargo bench --bench sync -- 10000         only with so many contacts
//! BENCH_DATABASE=postgres://… cargo bench   on PostgreSQL
//! ```
//!
//! Each figure is the median of several runs. Where there is a limit, the ratio to it is printed; where
//! there is a peer (a client that only downloads the same pages), the ratio to that. Nothing fails
//! here: a slow machine is not an error.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark may stop at a surprise")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the time")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_ringbook");

struct Google {
    child: Child,
    settings: Vec<(String, String)>,
}

struct Server {
    child: Child,
    base: String,
    http: reqwest::Client,
    folder: tempfile::TempDir,
    started_in: Duration,
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
    fn start(contacts: usize, latency_ms: u64) -> Google {
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
        Google { child, settings }
    }

    fn setting(&self, key: &str) -> &str {
        let found = self.settings.iter().find(|(known, _)| known == key);
        found.map(|(_, value)| value.as_str()).unwrap()
    }

    /// What a client needs that only downloads all pages and throws them away.
    async fn bare_download(&self) -> Duration {
        let http = reqwest::Client::builder().gzip(false).build().unwrap();
        let base = self.setting("GOOGLE_API_BASE_URL");
        let granted: Value = http
            .post(format!("{base}/simulator/grant"))
            .json(&serde_json::json!({
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
        let mut page = String::new();
        loop {
            let url = format!(
                "{base}/v1/people/me/connections?personFields=metadata,names,nicknames,organizations,\
                 phoneNumbers,emailAddresses,memberships&sources=READ_SOURCE_TYPE_CONTACT\
                 &pageSize=1000&requestSyncToken=true&prettyPrint=false{page}"
            );
            let body =
                http.get(url).bearer_auth(token).send().await.unwrap().bytes().await.unwrap();
            // Only the tail is looked at: the bare client does no work that it can leave out.
            let tail =
                String::from_utf8_lossy(&body[body.len().saturating_sub(2000)..]).into_owned();
            let Some((_, rest)) = tail.split_once("\"nextPageToken\":\"") else { break };
            let next = rest.split('"').next().unwrap().replace('=', "%3D");
            page = format!("&pageToken={next}");
        }
        begun.elapsed()
    }
}

impl Server {
    async fn start(google: &Google, folder: Option<tempfile::TempDir>) -> Server {
        let folder = folder.unwrap_or_else(|| tempfile::tempdir().unwrap());
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let base = format!("http://127.0.0.1:{port}");
        let database = std::env::var("BENCH_DATABASE")
            .unwrap_or_else(|_| format!("sqlite:///{}/ringbook.db", folder.path().display()));
        let begun = Instant::now();
        let child = Command::new(BINARY)
            .arg("serve")
            .env_clear()
            .envs(google.settings.iter().cloned())
            .env("PORT", port.to_string())
            .env("DATABASE_URL", database)
            .env("GOOGLE_REDIRECT_URI", format!("{base}/auth/callback"))
            .env("LOG_LEVEL", "error")
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let http =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        while http.get(format!("{base}/api/sync/status")).send().await.is_err() {
            std::thread::yield_now();
        }
        Server { child, base, http, folder, started_in: begun.elapsed() }
    }

    /// Connects the simulated account as a browser would.
    async fn connect(&self) {
        let to_google = self.http.get(format!("{}/auth/google", self.base)).send().await.unwrap();
        let header = |response: &reqwest::Response, name: &str| {
            response.headers()[name].to_str().unwrap().to_owned()
        };
        let cookie = header(&to_google, "set-cookie").split(';').next().unwrap().to_owned();
        let consent = self.http.get(header(&to_google, "location")).send().await.unwrap();
        let back = header(&consent, "location");
        let done = self.http.get(back).header("cookie", cookie).send().await.unwrap();
        assert!(done.status().as_u16() < 400, "{}", done.text().await.unwrap());
    }

    async fn sync(&self, path: &str) -> (Duration, Value) {
        loop {
            let begun = Instant::now();
            let answer = self.http.post(format!("{}{path}", self.base)).send().await.unwrap();
            let took = begun.elapsed();
            let status = answer.status();
            let body: Value = answer.json().await.unwrap();
            if status.as_u16() == 409 {
                continue;
            }
            assert!(status.is_success(), "{status} {body}");
            return (took, body);
        }
    }

    fn memory_mib(&self, key: &str) -> f64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find(|line| line.starts_with(key)).unwrap();
        let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib / 1024.0
    }

    /// Empties the mirror by starting with a new database.
    async fn afresh(google: &Google) -> Server {
        let server = Server::start(google, None).await;
        server.connect().await;
        server
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn line(what: &str, figure: String, limit: Option<f64>, found: f64) {
    let judged = match limit {
        Some(limit) => format!("{:5.2} of the limit", found / limit),
        None => String::new(),
    };
    println!("{what:<58} {figure:>12}  {judged}");
}

async fn ten_thousand() {
    let google = Google::start(10_000, 0);
    let mut first = Vec::new();
    for _ in 0..5 {
        first.push(Server::afresh(&google).await.sync("/api/sync/full").await.0);
    }
    let first = ms(median(first));
    line("10,000 contacts, first full sync", format!("{first:.0} ms"), Some(1000.0), first);

    let google = Google::start(10_000, 50);
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        bare.push(google.bare_download().await);
        ours.push(Server::afresh(&google).await.sync("/api/sync/full").await.0);
    }
    let (ours, bare) = (ms(median(ours)), ms(median(bare)));
    let ratio = ours / bare;
    line("10,000 contacts at 50 ms a page", format!("{ours:.0} ms"), None, 0.0);
    line("    a client that only downloads", format!("{bare:.0} ms"), None, 0.0);
    line("    ratio", format!("{ratio:.3}"), Some(1.10), ratio);
}

async fn hundred_thousand() {
    let google = Google::start(100_000, 0);
    let server = Server::afresh(&google).await;
    let idle = server.memory_mib("VmRSS");
    line("idle, before the first sync", format!("{idle:.1} MiB"), Some(25.0), idle);

    // Somebody asks for the status all the time.
    let asking = tokio::spawn({
        let (http, url) = (server.http.clone(), format!("{}/api/sync/status", server.base));
        async move {
            let mut times = Vec::new();
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(2500) {
                let asked = Instant::now();
                http.get(&url).send().await.unwrap().bytes().await.unwrap();
                times.push(asked.elapsed());
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            times.sort();
            times
        }
    });
    let (first, _) = server.sync("/api/sync/full").await;
    let asked = asking.await.unwrap();
    let first = ms(first);
    line("100,000 contacts, first full sync", format!("{first:.0} ms"), Some(8000.0), first);
    let p99 = ms(asked[asked.len() * 99 / 100]);
    let count = asked.len();
    line(&format!("    status meanwhile, p99 of {count}"), format!("{p99:.2} ms"), Some(5.0), p99);
    let peak = server.memory_mib("VmHWM");
    line("    peak memory", format!("{peak:.1} MiB"), Some(64.0), peak);

    let mut unchanged = Vec::new();
    for _ in 0..5 {
        unchanged.push(server.sync("/api/sync/full").await.0);
    }
    let unchanged = ms(median(unchanged));
    line(
        "100,000 contacts, unchanged full sync",
        format!("{unchanged:.0} ms"),
        Some(1500.0),
        unchanged,
    );
    let peak = server.memory_mib("VmHWM");
    line("    peak memory", format!("{peak:.1} MiB"), Some(64.0), peak);

    let mut nothing = Vec::new();
    for _ in 0..50 {
        nothing.push(server.sync("/api/sync/incremental").await.0);
    }
    let nothing = ms(median(nothing));
    line(
        "incremental, nothing changed, with the request",
        format!("{nothing:.2} ms"),
        Some(5.0),
        nothing,
    );

    let mut server = server;
    let (mut starts, mut idle) = (Vec::new(), 0.0);
    for _ in 0..5 {
        let _ = Command::new("kill").args(["-TERM", &server.child.id().to_string()]).status();
        let _ = server.child.wait();
        let folder = std::mem::replace(&mut server.folder, tempfile::tempdir().unwrap());
        server = Server::start(&google, Some(folder)).await;
        starts.push(server.started_in);
        idle = server.memory_mib("VmRSS");
    }
    let start = ms(median(starts));
    line("start to first answer, 100,000 contacts", format!("{start:.0} ms"), Some(100.0), start);
    line("idle, 100,000 contacts", format!("{idle:.1} MiB"), Some(25.0), idle);
}

fn main() {
    let only: Option<usize> = std::env::args().skip(1).find_map(|it| it.parse().ok());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        if only.is_none_or(|only| only == 10_000) {
            ten_thousand().await;
        }
        if only.is_none_or(|only| only == 100_000) {
            hundred_thousand().await;
        }
    });
}
