//! Answers in fewer bytes, for those who ask for it, and only where their length gives nothing away.
//!
//! Who compresses a secret together with something that a stranger chose lets the stranger guess the secret by
//! the length of the answer (BREACH). A page for a signed-in person holds the secret of its forms and
//! what was searched for; an answer of the API holds contacts and what was searched for. So nothing is
//! compressed that was asked for with something a browser adds by itself, be it a cookie or the name that a
//! proxy vouches for. Programs show a token, which no other site can make a browser send; and the files of the
//! pages, which are most of the bytes, are the same for everybody.
//!
//! Phones get every answer as it is: old ones cannot read any other, and their screens are small.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::Response;
use tower::{Layer, ServiceExt};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};

use crate::Web;
use crate::base_path::BasePath;
use crate::middleware::is_for_phones;

/// Shorter answers fit into one packet anyway (bytes).
const LEN_MIN: u64 = 1000;

/// Compresses an answer with gzip, which every browser and every program can read.
pub(crate) async fn compress(State(web): State<Web>, request: Request, next: Next) -> Response {
    if !may_compress(&web, &request) {
        return next.run(request).await;
    }
    if !wants_gzip(request.headers()) {
        let mut response = next.run(request).await;
        let parts = (response.status(), response.version());
        if is_worth_it(parts.0, parts.1, response.headers(), response.extensions()) {
            let vary = HeaderValue::from_static("accept-encoding");
            response.headers_mut().append(header::VARY, vary);
        }
        return response;
    }
    let layer = CompressionLayer::new().compress_when(is_worth_it.and(SizeAbove::new(LEN_MIN)));
    let Ok(response) = layer.layer(next).oneshot(request).await;
    let mut response = response.map(Body::new);
    weaken(response.headers_mut());
    response
}

/// Whether the length of the answer may tell what is in it.
fn may_compress(web: &Web, request: &Request) -> bool {
    let path = request.uri().path();
    // Below a path a proxy stands in front, which may compress; here addresses are still to be put in.
    let is_below = request.extensions().get::<BasePath>().is_some_and(|it| !it.0.is_empty());
    if is_below || is_for_phones(path) {
        return false;
    }
    let for_everybody =
        path.starts_with("/assets/") || path.starts_with("/docs") || path == "/api/openapi.json";
    let vouched_for = web.app.config.auth_proxy_header.as_ref();
    let headers = request.headers();
    for_everybody
        || !(headers.contains_key(header::COOKIE)
            || vouched_for.is_some_and(|name| headers.contains_key(name)))
}

/// Whether gzip is asked for by name. `*` alone is what programs send that do not think of it.
fn wants_gzip(headers: &HeaderMap) -> bool {
    let asked = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|it| it.to_str().ok());
    asked.flat_map(|it| it.split(',')).any(|part| {
        let mut pieces = part.split(';').map(str::trim);
        let named = pieces.next().is_some_and(|it| it.eq_ignore_ascii_case("gzip"));
        let quality = pieces.find_map(|it| {
            it.strip_prefix("q=").or(it.strip_prefix("Q=")).map(|it| it.trim().parse::<f32>())
        });
        named && quality.is_none_or(|it| it.is_ok_and(|it| it > 0.0))
    })
}

/// Whether an answer gets shorter: texts of some length that end. A stream of events would be held back.
fn is_worth_it(status: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    let kind =
        headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let is_text = kind.starts_with("text/") && kind != "text/event-stream"
        || kind.ends_with("json")
        || kind.ends_with("javascript")
        || kind == "image/svg+xml"
        || kind.starts_with("application/openmetrics-text");
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse::<u64>().ok());
    is_text
        && status != StatusCode::PARTIAL_CONTENT
        && !headers.contains_key(header::CONTENT_ENCODING)
        && length.is_none_or(|it| it >= LEN_MIN)
}

/// A tag that stood for the bytes before (`"x"`) now only stands for what they mean (`W/"x"`): the compressed
/// bytes are others (RFC 9110, 8.8.3.3).
fn weaken(headers: &mut HeaderMap) {
    if !headers.contains_key(header::CONTENT_ENCODING) {
        return;
    }
    let tag =
        headers.get(header::ETAG).and_then(|it| it.to_str().ok()).filter(|it| it.starts_with('"'));
    if let Some(weak) = tag.and_then(|it| HeaderValue::try_from(format!("W/{it}")).ok()) {
        headers.insert(header::ETAG, weak);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn gzip_is_sent_to_those_who_name_it() {
        for (asked, wanted) in [
            ("gzip", true),
            ("br, gzip;q=0.5", true),
            ("GZIP; q=1", true),
            ("gzip;q=0", false),
            ("gzip;q=0.000", false),
            ("gzip;q=x", false),
            ("identity;q=0", false),
            ("*", false),
            ("br", false),
            ("xgzip", false),
            ("", false),
        ] {
            assert_eq!(
                wants_gzip(&headers(&[(header::ACCEPT_ENCODING, asked)])),
                wanted,
                "{asked}"
            );
        }
        assert!(!wants_gzip(&HeaderMap::new()));
    }

    #[test]
    fn long_texts_are_compressed_and_streams_and_pictures_are_not() {
        let worth = |kind: &'static str, length: &'static str| {
            let headers =
                headers(&[(header::CONTENT_TYPE, kind), (header::CONTENT_LENGTH, length)]);
            is_worth_it(StatusCode::OK, Version::HTTP_11, &headers, &Extensions::new())
        };
        for text in [
            "text/html; charset=utf-8",
            "text/css",
            "application/json",
            "image/svg+xml",
            "text/vcard",
        ] {
            assert!(worth(text, "5000"), "{text}");
            assert!(!worth(text, "500"), "{text}");
        }
        for other in ["text/event-stream", "image/png", "font/woff2", "application/zip", ""] {
            assert!(!worth(other, "5000"), "{other}");
        }
    }

    #[test]
    fn a_compressed_answer_has_a_weak_tag() {
        for (tag, encoding, wanted) in
            [("\"x\"", "gzip", "W/\"x\""), ("W/\"x\"", "gzip", "W/\"x\""), ("\"x\"", "", "\"x\"")]
        {
            let mut found = headers(&[(header::ETAG, tag)]);
            if !encoding.is_empty() {
                found.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
            }
            weaken(&mut found);
            assert_eq!(found[header::ETAG], wanted);
        }
    }
}
