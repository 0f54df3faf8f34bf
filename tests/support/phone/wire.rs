//! How a phone asks over HTTP, and which answers it takes. Written out by hand, since a library would
//! quietly cope with what a phone does not.

use std::collections::HashMap;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::model::Charset;
use crate::support::PATIENCE;

const REDIRECTS_MAX: usize = 3;

/// A connection, or more, to a server.
pub(super) struct Line {
    server: SocketAddr,
    /// The address that the phone has in its network.
    from: SocketAddr,
    open: Vec<TcpStream>,
    pub(super) version: &'static str,
}

/// What a phone took.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
    pub(super) charset: Charset,
}

impl Line {
    pub(super) fn new(server: SocketAddr, from: SocketAddr) -> Line {
        Line { server, from, open: Vec::new(), version: "HTTP/1.1" }
    }

    pub(super) fn another(&self) -> Line {
        Line { open: Vec::new(), ..*self }
    }

    /// Fetches a page, `times` times at once, and insists that the answers are the same.
    pub(super) async fn get(
        &mut self,
        url: &str,
        headers: &[(&str, &str)],
        times: usize,
    ) -> Result<Page, String> {
        let mut streams: Vec<TcpStream> = Vec::new();
        for _ in 0..times {
            let mut stream = match self.open.pop() {
                Some(stream) => stream,
                None => self.connect().await?,
            };
            let asked = self.ask(&mut stream, url, headers).await;
            asked.map_err(|error| format!("could not ask: {error}"))?;
            streams.push(stream);
        }
        let mut first: Option<Page> = None;
        for mut stream in streams {
            let (page, stays) = tokio::time::timeout(PATIENCE, answer(&mut stream))
                .await
                .map_err(|_| "no answer came".to_owned())??;
            if stays && self.version == "HTTP/1.1" {
                self.open.push(stream);
            }
            if first.as_ref().is_some_and(|first| first.body != page.body) {
                return Err("the same request, sent twice, was answered in two ways".to_owned());
            }
            first = Some(page);
        }
        first.ok_or_else(|| "nobody asked".to_owned())
    }

    /// Follows redirects as far as a phone does.
    pub(super) async fn follow(
        &mut self,
        url: &str,
        headers: &[(&str, &str)],
        times: usize,
    ) -> Result<Page, String> {
        let mut url = url.to_owned();
        for _ in 0..=REDIRECTS_MAX {
            match self.get(&url, headers, times).await {
                Err(reason) => match reason.strip_prefix("moved to ") {
                    Some(next) => url = next.to_owned(),
                    None => return Err(reason),
                },
                taken => return taken,
            }
        }
        Err(format!("more than {REDIRECTS_MAX} redirects"))
    }

    async fn connect(&self) -> Result<TcpStream, String> {
        let connected = async {
            let socket = TcpSocket::new_v4()?;
            socket.bind(self.from)?;
            socket.connect(self.server).await
        };
        connected.await.map_err(|error| format!("could not connect: {error}"))
    }

    async fn ask(
        &self,
        stream: &mut TcpStream,
        url: &str,
        headers: &[(&str, &str)],
    ) -> std::io::Result<()> {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let mut request = format!("GET /{path} {}\r\n", self.version);
        // A header that the test gives goes before the phone's own.
        let given = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host"));
        if self.version == "HTTP/1.1" && !given {
            request.push_str(&format!("Host: {host}\r\n"));
        }
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await
    }
}

/// Reads one answer; says whether the connection stays open.
async fn answer(stream: &mut TcpStream) -> Result<(Page, bool), String> {
    let mut bytes = Vec::new();
    let mut part = [0; 16 << 10];
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
            break end;
        }
        let count = stream.read(&mut part).await.map_err(|error| error.to_string())?;
        if count == 0 {
            return Err("the connection ended within the header".to_owned());
        }
        bytes.extend_from_slice(&part[..count]);
    };
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| "a header that is no text")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    let mut headers = HashMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').ok_or_else(|| format!("header `{line}`"))?;
        if headers.insert(name.to_ascii_lowercase(), value.trim().to_owned()).is_some() {
            return Err(format!("the header `{name}` comes twice"));
        }
    }
    let code = status.split(' ').nth(1).unwrap_or_default();
    if let ("301" | "302" | "303" | "307" | "308", Some(to)) = (code, headers.get("location")) {
        return Err(format!("moved to {to}"));
    }
    if code != "200" {
        return Err(format!("HTTP error: `{status}`"));
    }
    for unknown in ["transfer-encoding", "content-encoding"] {
        if let Some(value) = headers.get(unknown) {
            return Err(format!("`{unknown}: {value}`, which a phone does not know"));
        }
    }
    let length: usize = headers
        .get("content-length")
        .and_then(|it| it.parse().ok())
        .ok_or("there is no Content-Length")?;
    let charset = charset_of(headers.get("content-type").map_or("", String::as_str))?;
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        let count = stream.read(&mut part).await.map_err(|error| error.to_string())?;
        if count == 0 {
            return Err(format!("{} of {length} bytes came", body.len()));
        }
        body.extend_from_slice(&part[..count]);
    }
    if body.len() > length {
        return Err(format!("{} bytes came where {length} were announced", body.len()));
    }
    let stays = headers.get("connection").is_none_or(|it| !it.eq_ignore_ascii_case("close"));
    Ok((Page { headers, body, charset }, stays))
}

fn charset_of(content_type: &str) -> Result<Charset, String> {
    match content_type.to_ascii_lowercase().replace(' ', "").as_str() {
        "text/xml;charset=utf-8" => Ok(Charset::Utf8),
        "text/xml;charset=iso-8859-1" => Ok(Charset::Latin1),
        _ => Err(format!("`Content-Type: {content_type}` is not XML in a charset phones read")),
    }
}
