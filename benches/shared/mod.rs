//! The simulated Google and the server, as processes of their own.
#![allow(dead_code, reason = "each benchmark uses a part")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_ringbook");

pub(crate) struct Google {
    child: Child,
    settings: Vec<(String, String)>,
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
        Google { child, settings }
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
    pub(crate) async fn start(google: &Google, folder: Option<tempfile::TempDir>) -> Server {
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
    pub(crate) async fn connect(&self) {
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

    pub(crate) async fn sync(&self, path: &str) -> (Duration, Value) {
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

    pub(crate) fn memory_mib(&self, key: &str) -> f64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find(|line| line.starts_with(key)).unwrap();
        let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib / 1024.0
    }

    /// Empties the mirror by starting with a new database.
    pub(crate) async fn afresh(google: &Google) -> Server {
        let server = Server::start(google, None).await;
        server.connect().await;
        server
    }
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
