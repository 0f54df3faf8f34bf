//! A server that answers with exactly the bytes it was given, however wrong they are.
//!
//! One connection a reply, in order. What was asked is kept.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
#![allow(unreachable_pub, reason = "each test that wants this includes it for itself")]

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What to do with one connection.
#[derive(Clone)]
pub enum Reply {
    /// Send these bytes and close.
    Bytes(Vec<u8>),
    /// Send these bytes and stay silent.
    Hang(Vec<u8>),
    /// Send these bytes and then chunks until the other side goes away.
    Endless(Vec<u8>),
    /// Close without reading, which the other side sees as a reset.
    Reset,
    /// Answer after this time.
    Late(Duration, Vec<u8>),
}

impl Reply {
    pub fn json(status: u16, body: &str) -> Reply {
        Reply::with(status, "Content-Type: application/json; charset=UTF-8\r\n", body.as_bytes())
    }

    pub fn html(status: u16, body: &str) -> Reply {
        Reply::with(status, "Content-Type: text/html\r\n", body.as_bytes())
    }

    /// Chunked, as Google does it. `headers`: whole lines.
    pub fn with(status: u16, headers: &str, body: &[u8]) -> Reply {
        let mut bytes = head(status, headers);
        for chunk in body.chunks(1000) {
            bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
            bytes.extend(chunk);
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"0\r\n\r\n");
        Reply::Bytes(bytes)
    }

    /// The same, with the last `n` bytes on the wire left out.
    pub fn cut(self, n: usize) -> Reply {
        match self {
            Reply::Bytes(mut bytes) => {
                bytes.truncate(bytes.len() - n);
                Reply::Bytes(bytes)
            }
            other => other,
        }
    }

    pub fn hanging(self) -> Reply {
        match self {
            Reply::Bytes(bytes) => Reply::Hang(bytes),
            other => other,
        }
    }

    pub fn late(self, by: Duration) -> Reply {
        match self {
            Reply::Bytes(bytes) => Reply::Late(by, bytes),
            other => other,
        }
    }

    pub fn endless() -> Reply {
        Reply::Endless(head(200, "Content-Type: application/json\r\n"))
    }
}

fn head(status: u16, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Said So\r\n{headers}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
        .into_bytes()
}

pub fn gzip(body: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(body).unwrap();
    packer.finish().unwrap()
}

/// What was asked.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Request {
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    /// The decoded parameters, sorted.
    pub fn parameters(&self) -> Vec<(String, String)> {
        let query = self.target.split_once('?').map_or("", |it| it.1);
        pairs(query)
    }

    pub fn form(&self) -> Vec<(String, String)> {
        pairs(&self.body)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|it| it.0.eq_ignore_ascii_case(name)).map(|it| it.1.as_str())
    }
}

pub fn pairs(encoded: &str) -> Vec<(String, String)> {
    let url = reqwest::Url::parse(&format!("http://x/?{encoded}")).unwrap();
    let mut pairs: Vec<_> = url.query_pairs().into_owned().collect();
    pairs.sort();
    pairs
}

pub struct Canned {
    pub url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl Canned {
    pub async fn start(replies: impl IntoIterator<Item = Reply>) -> Canned {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let replies: Vec<Reply> = replies.into_iter().collect();
        let seen = requests.clone();
        let task = tokio::spawn(async move {
            for reply in replies {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, reply, seen.clone()));
            }
        });
        Canned { url, requests, task }
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Canned {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, reply: Reply, seen: Arc<Mutex<Vec<Request>>>) {
    if let Reply::Reset = reply {
        stream.readable().await.unwrap();
        return;
    }
    let Some(request) = read_request(&mut stream).await else { return };
    seen.lock().unwrap().push(request);
    // The other side may go away at any time, which is its good right.
    match reply {
        Reply::Bytes(bytes) => drop(stream.write_all(&bytes).await),
        Reply::Hang(bytes) => {
            drop(stream.write_all(&bytes).await);
            drop(stream.read(&mut [0]).await);
        }
        Reply::Late(by, bytes) => {
            drop(tokio::time::timeout(by, std::future::pending::<()>()).await);
            drop(stream.write_all(&bytes).await);
        }
        Reply::Endless(bytes) => {
            drop(stream.write_all(&bytes).await);
            let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
            while stream.write_all(chunk.as_bytes()).await.is_ok() {}
        }
        Reply::Reset => {}
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = text.trim_end().split("\r\n");
    let mut first = lines.next()?.split(' ');
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(": ").unwrap_or((line, "")))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut request = Request {
        method: first.next()?.to_owned(),
        target: first.next()?.to_owned(),
        headers,
        body: String::new(),
    };
    let length = request.header("content-length").map_or(0, |it| it.parse().unwrap());
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    request.body = String::from_utf8(bytes[end..].to_vec()).unwrap();
    Some(request)
}
