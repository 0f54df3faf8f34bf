//! A whole installation behind its real server, asked over real HTTP.

use std::collections::VecDeque;
use std::net::SocketAddr;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use ringbook_web::{Exposure, Listener, Timeouts};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::PATIENCE;
use super::world::{Database, World};

pub(crate) struct TestApp {
    pub(crate) world: World,
    pub(crate) address: SocketAddr,
    pub(crate) client: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<std::io::Result<()>>>,
    /// Removed when the test is over.
    _folder: tempfile::TempDir,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// Null when it is not JSON.
    pub(crate) json: Value,
}

impl TestApp {
    /// Connected, never synced, ten contacts a page, hardly any waits.
    pub(crate) async fn new(contacts: usize) -> TestApp {
        TestApp::with(contacts, &[]).await
    }

    pub(crate) async fn with(contacts: usize, extra: &[(&str, &str)]) -> TestApp {
        TestApp::behind(contacts, extra, Vec::new()).await
    }

    /// The same with an address for phones alone.
    pub(crate) async fn with_phones(
        contacts: usize,
        extra: &[(&str, &str)],
    ) -> (TestApp, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let door = Listener { listener, tls: None, rooms: Exposure::Phones };
        (TestApp::behind(contacts, extra, vec![door]).await, address)
    }

    async fn behind(contacts: usize, extra: &[(&str, &str)], further: Vec<Listener>) -> TestApp {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let callback = format!("http://{address}/auth/callback");
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite:///{}/ringbook.db", folder.path().display());
        let mut settings =
            vec![("GOOGLE_REDIRECT_URI", callback.as_str()), ("DATABASE_URL", database.as_str())];
        settings.extend_from_slice(extra);
        let world = World::with(Database::Sqlite, contacts, &settings).await;
        let mut doors = vec![Listener::plain(listener)];
        doors.extend(further);
        TestApp::at(world, doors, Timeouts::default(), folder)
    }

    /// Behind doors of one's own. The first is the one that is asked at.
    pub(crate) fn at(
        world: World,
        doors: Vec<Listener>,
        patience: Timeouts,
        folder: tempfile::TempDir,
    ) -> TestApp {
        let address = doors[0].listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async {
            let _ = stopped.await;
        };
        let server =
            tokio::spawn(ringbook_web::serve(world.app.clone(), doors, patience, shutdown));
        let client =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        TestApp { world, address, client, stop: Some(stop), server: Some(server), _folder: folder }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], None).await
    }

    pub(crate) async fn post(&self, path: &str) -> Answer {
        self.send(Method::POST, path, &[], None).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Answer {
        let mut request = self.client.request(method, self.url(path));
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            request = request.header(name, HeaderValue::from_str(value).unwrap());
        }
        if let Some(body) = body {
            request = request.body(body.to_owned());
        }
        Answer::of(request.send().await.unwrap()).await
    }

    /// A request that goes on while the test does something else.
    pub(crate) fn post_meanwhile(&self, path: &str) -> JoinHandle<Answer> {
        let request = self.client.post(self.url(path));
        tokio::spawn(async move { Answer::of(request.send().await.unwrap()).await })
    }

    /// Follows the events, from `last` on if given.
    pub(crate) async fn events(&self, last: Option<&str>) -> Events {
        let mut request = self.client.get(self.url("/api/sync/events"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        Events { response, text: String::new(), read: VecDeque::new() }
    }

    /// Tells the server to end, and waits until it has.
    pub(crate) async fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(server) = self.server.take() {
            server.await.unwrap().unwrap();
        }
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

impl Answer {
    pub(crate) async fn of(response: reqwest::Response) -> Answer {
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status, headers, text, json }
    }

    /// Asserts the status, and gives the body.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.json
    }

    /// Asserts an error of this status in its proper form, and gives its words.
    #[track_caller]
    pub(crate) fn refused(self, status: u16) -> String {
        let kind = self.headers.get("content-type").map(|it| it.to_str().unwrap().to_owned());
        assert_eq!(kind.as_deref(), Some("application/json"), "{}", self.text);
        let detail = self.json["detail"].as_str().map(str::to_owned);
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        detail.unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|it| it.to_str().unwrap()).unwrap_or_default()
    }
}

/// A stream of server-sent events.
pub(crate) struct Events {
    response: reqwest::Response,
    text: String,
    read: VecDeque<Event>,
}

#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) data: Value,
}

impl Events {
    /// The next event; `None` when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        tokio::time::timeout(PATIENCE, self.read()).await.expect("no event came")
    }

    /// The first event that is as wanted; what comes before it is dropped.
    pub(crate) async fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        loop {
            let event = self.next().await.expect("the stream ended");
            if wanted(&event) {
                return event;
            }
        }
    }

    async fn read(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.read.pop_front() {
                return Some(event);
            }
            let chunk = self.response.chunk().await.ok()??;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let lines = block.lines().filter_map(|line| line.strip_prefix(name));
                    lines.map(str::trim).collect::<String>()
                };
                if !field("data:").is_empty() {
                    self.read.push_back(Event {
                        name: field("event:"),
                        id: field("id:"),
                        data: serde_json::from_str(&field("data:")).unwrap(),
                    });
                }
                self.text = rest.to_owned();
            }
        }
    }
}
