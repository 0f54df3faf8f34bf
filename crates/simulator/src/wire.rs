//! Puts answers on the wire as Google does, or as a broken network does.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, SERVER, USER_AGENT, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;

use super::answers::Reply;
use super::faults::Action;
use super::render::indented;
use super::time;
use super::world::World;

/// How a client wants its answer.
pub(super) struct Wishes {
    pub(super) gzip: bool,
    pub(super) pretty: bool,
}

/// Google compresses only for those who say so twice.
pub(super) fn takes_gzip(headers: &HeaderMap) -> bool {
    let has = |name: HeaderName| {
        headers
            .get_all(name)
            .iter()
            .any(|value| value.to_str().is_ok_and(|text| text.contains("gzip")))
    };
    has(ACCEPT_ENCODING) && has(USER_AGENT)
}

const CHUNK: usize = 32 * 1024;

/// Writes a reply, harmed as `action` says.
pub(super) fn respond(
    reply: Reply,
    wishes: &Wishes,
    action: Option<&Action>,
    world: &Arc<World>,
) -> Response {
    let is_json = reply.content_type.starts_with("application/json");
    let text = if wishes.pretty && is_json { indented(&reply.body) } else { reply.body };
    let mut response = Response::new(Body::empty());
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    let content_type = match action {
        Some(Action::WrongContentType) => "text/plain; charset=ISO-8859-1",
        _ => reply.content_type,
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
    headers.insert(SERVER, HeaderValue::from_static("ESF"));
    headers.insert(VARY, HeaderValue::from_static("Origin, X-Origin, Referer, Accept-Encoding"));
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    let zipped = wishes.gzip
        || matches!(action, Some(Action::TruncatedGzip | Action::GzipWithoutHeader { .. }));
    if zipped && !matches!(action, Some(Action::GzipWithoutHeader { .. })) {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    let endless = matches!(action, Some(Action::Endless));
    let mut bytes = if zipped && !endless { gzipped(text.as_bytes()) } else { text.into_bytes() };
    if matches!(action, Some(Action::TruncatedGzip)) {
        bytes.truncate(bytes.len() / 2);
    }
    let bytes = Bytes::from(bytes);
    *response.body_mut() = match action {
        Some(Action::TruncatedBody) => cut_short(bytes),
        Some(Action::Drip { bytes: size, pause_ms }) => {
            drip(bytes, (*size).max(1), Duration::from_millis(*pause_ms), Arc::clone(world))
        }
        Some(Action::Endless) => {
            response.headers_mut().remove(CONTENT_ENCODING);
            without_end()
        }
        _ => chunked(bytes),
    };
    response
}

/// Without a length known beforehand, the body goes out in chunks, as all of Google's do.
fn chunked(bytes: Bytes) -> Body {
    let chunks = (0..bytes.len()).step_by(CHUNK).map(move |from| {
        let to = (from + CHUNK).min(bytes.len());
        Ok::<_, std::io::Error>(bytes.slice(from..to))
    });
    Body::from_stream(stream::iter(chunks))
}

fn cut_short(bytes: Bytes) -> Body {
    let half = bytes.slice(..bytes.len() / 2);
    Body::from_stream(stream::unfold(Some(half), |half| async move {
        match half {
            Some(half) if !half.is_empty() => Some((Ok(half), Some(Bytes::new()))),
            _ => {
                // Time for the first half to reach the socket before the connection dies.
                time::pass(Duration::from_millis(20)).await;
                let error = std::io::Error::other("a fault cut the body short");
                Some((Err(error), None))
            }
        }
    }))
}

fn drip(bytes: Bytes, size: usize, pause: Duration, world: Arc<World>) -> Body {
    Body::from_stream(stream::unfold((bytes, true), move |(mut rest, first)| {
        let world = Arc::clone(&world);
        async move {
            if rest.is_empty() {
                return None;
            }
            if !first {
                tokio::select! {
                    () = time::pass(pause) => {}
                    () = world.stopped() => return None,
                }
            }
            let drop = rest.split_to(size.min(rest.len()));
            Some((Ok::<_, std::io::Error>(drop), (rest, false)))
        }
    }))
}

fn without_end() -> Body {
    let person = "{\"resourceName\":\"people/c1\",\"etag\":\"%EgEBGgQBAgUH\"},\n";
    let more = Bytes::from(person.repeat(CHUNK / person.len()));
    let start = Bytes::from_static(b"{\"connections\":[");
    Body::from_stream(stream::unfold(Some(start), move |start| {
        let more = more.clone();
        async move {
            // Lets the client's side run, also where both share one thread.
            tokio::task::yield_now().await;
            Some((Ok::<_, std::io::Error>(start.unwrap_or(more)), None))
        }
    }))
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    // Writing to memory cannot fail, and the caller could not do better than nothing either.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}
