//! A proxy may show all of this below a path, such as `/ringbook/`, and take that path off again or not.
//!
//! Inside, nothing knows of it: a request loses the path on its way in, and every address of ours in an answer
//! gets it on its way out. So no page, form or redirect has to think of it, and none can forget to.

use std::convert::Infallible;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;

use crate::Web;
use crate::forwarded::was_forwarded;
use crate::input::{Peer, from_trusted_proxy, text_of};
use ringbook_app::config::base_path_of;

/// The path below which the asker sees us: with a slash in front and none at its end, or empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct BasePath(pub(crate) String);

impl BasePath {
    pub(crate) fn of(parts: &Parts) -> &str {
        parts.extensions.get::<BasePath>().map_or("", |it| it.0.as_str())
    }
}

impl<S: Sync> FromRequestParts<S> for BasePath {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<BasePath, Infallible> {
        Ok(parts.extensions.get::<BasePath>().cloned().unwrap_or_default())
    }
}

/// Puts `router` below whichever path a request comes by.
pub(crate) fn below(web: &Web, router: Router) -> Router {
    // Around the routing, which goes by what is left of the path.
    let outer = Router::new().fallback_service(router);
    outer.layer(from_fn_with_state(web.clone(), translate))
}

async fn translate(State(web): State<Web>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    note_strange_proxy(&parts, &web);
    let base = base_path(&parts, &web);
    let path = parts.uri.path();
    let inner = within(within(path, &web.app.config.base_path), &base);
    let inner = without_last_slash(if inner.is_empty() { "/" } else { inner });
    // An address without a path, as CONNECT has, stays as it is: no route has it.
    if inner != path
        && let Some(uri) = with_path(&parts.uri, inner)
    {
        parts.uri = uri;
    }
    if base.is_empty() {
        return next.run(Request::from_parts(parts, body)).await;
    }
    take_cookies_in(&mut parts.headers);
    parts.extensions.insert(BasePath(base.clone()));
    let is_document = parts.uri.path() == "/api/openapi.json";
    let response = next.run(Request::from_parts(parts, body)).await;
    outward(response, &base, is_document).await
}

/// A proxy that nobody named is told of.
fn note_strange_proxy(parts: &Parts, web: &Web) {
    if !was_forwarded(&parts.headers) || from_trusted_proxy(parts, web) {
        return;
    }
    if let Some(peer) = parts.extensions.get::<Peer>() {
        web.app.access.note_strange_proxy(peer.0.ip().to_canonical());
    }
}

/// What a trusted proxy says that it has taken off, else what is configured.
fn base_path(parts: &Parts, web: &Web) -> String {
    const PREFIX: &str = "x-forwarded-prefix";
    if parts.headers.contains_key(PREFIX) && from_trusted_proxy(parts, web) {
        // Several proxies, each with a prefix of its own, from the outermost on.
        let said = text_of(&parts.headers, PREFIX);
        let steps = said.split(',').map(|it| base_path_of(it.trim()));
        if let Some(path) = steps.collect::<Option<String>>() {
            return path;
        }
    }
    web.app.config.base_path.clone()
}

/// The path without `base` in front, where it is below that.
fn within<'a>(path: &'a str, base: &str) -> &'a str {
    match path.strip_prefix(base) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
        _ => path,
    }
}

/// A slash at the end leads to the same. Only the API's explorer has files beside itself.
fn without_last_slash(path: &str) -> &str {
    let is_explorer = path == "/docs/" || path.starts_with("/docs/");
    let trimmed = path.trim_end_matches('/');
    if is_explorer || trimmed.is_empty() { path } else { trimmed }
}

fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let mut parts = uri.clone().into_parts();
    let text = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    parts.path_and_query = Some(text.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// Browsers take `__Host-` only for a cookie of the whole host, so below a path it has another name outside.
const HOST_COOKIE: &str = "__Host-";
const PATH_COOKIE: &str = "__Secure-";

fn take_cookies_in(headers: &mut HeaderMap) {
    let taken: Vec<HeaderValue> = headers.get_all(COOKIE).iter().cloned().collect();
    headers.remove(COOKIE);
    for line in taken {
        let Ok(text) = line.to_str() else { continue };
        let inner: Vec<String> = text
            .split(';')
            .map(str::trim)
            .map(|pair| match pair.strip_prefix(PATH_COOKIE) {
                Some(rest) if rest.starts_with("ringbook") => format!("{HOST_COOKIE}{rest}"),
                _ => pair.to_owned(),
            })
            .collect();
        if let Ok(value) = HeaderValue::try_from(inner.join("; ")) {
            headers.append(COOKIE, value);
        }
    }
}

/// A cookie of all our pages, as one of the pages below the path. One that names a path of its own means that.
fn cookie_outward(cookie: &str, base: &str) -> String {
    let mut parts = cookie.split(';');
    let first = parts.next().unwrap_or_default();
    let first = match first.strip_prefix(HOST_COOKIE) {
        Some(rest) => format!("{PATH_COOKIE}{rest}"),
        None => first.to_owned(),
    };
    let others = parts.map(|part| match part.trim() {
        "Path=/" => format!("; Path={base}"),
        other => format!("; {other}"),
    });
    std::iter::once(first).chain(others).collect()
}

async fn outward(response: Response, base: &str, is_document: bool) -> Response {
    let (mut parts, body) = response.into_parts();
    let text = |value: &HeaderValue| value.to_str().map(str::to_owned).ok();
    if let Some(to) = parts.headers.get(LOCATION).and_then(text)
        && is_a_path(&to)
        && let Ok(to) = HeaderValue::try_from(format!("{base}{to}"))
    {
        parts.headers.insert(LOCATION, to);
    }
    let cookies: Vec<String> = parts.headers.get_all(SET_COOKIE).iter().filter_map(text).collect();
    parts.headers.remove(SET_COOKIE);
    for cookie in cookies {
        if let Ok(cookie) = HeaderValue::try_from(cookie_outward(&cookie, base)) {
            parts.headers.append(SET_COOKIE, cookie);
        }
    }
    let kind = parts.headers.get(CONTENT_TYPE).and_then(text).unwrap_or_default();
    let base = base.to_owned();
    let body = match kind.split(';').next().unwrap_or_default() {
        "text/event-stream" => {
            // Each event comes in a piece of its own.
            let events = body.into_data_stream().map(move |piece| {
                piece.map(|bytes| Bytes::from(edited(&bytes, |text| json_outward(text, &base))))
            });
            return Response::from_parts(parts, Body::from_stream(events));
        }
        "text/html" => whole(body).await.map(|it| edited(&it, |text| html_outward(text, &base))),
        "application/json" if is_document => {
            whole(body).await.map(|it| document_outward(&it, &base).unwrap_or(it.to_vec()))
        }
        "application/json" => {
            whole(body).await.map(|it| edited(&it, |text| json_outward(text, &base)))
        }
        _ => return Response::from_parts(parts, body),
    };
    // It was that of the body before; and a question for the header alone has no body to count.
    parts.headers.remove(CONTENT_LENGTH);
    match body {
        Some(bytes) => Response::from_parts(parts, Body::from(bytes)),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Pages and answers of the API are in memory as a whole already.
async fn whole(body: Body) -> Option<Bytes> {
    axum::body::to_bytes(body, usize::MAX).await.ok()
}

fn edited(bytes: &[u8], edit: impl Fn(&str) -> String) -> Vec<u8> {
    match std::str::from_utf8(bytes) {
        Ok(text) => edit(text).into_bytes(),
        Err(_) => bytes.to_vec(),
    }
}

/// A path of ours, and no address of another host.
fn is_a_path(to: &str) -> bool {
    to.starts_with('/') && !to.starts_with("//")
}

/// The attributes of our pages that hold addresses.
const ATTRIBUTES: [&str; 5] = ["href", "src", "action", "formaction", "data-events"];

/// In a page of ours quotes stand around attributes only: those in its words are escaped.
fn html_outward(text: &str, base: &str) -> String {
    let mut out = String::with_capacity(text.len() + 64 * base.len());
    let mut rest = text;
    while let Some(at) = rest.find("=\"/") {
        let (before, after) = rest.split_at(at + 2);
        out.push_str(before);
        let name = before[..at].rsplit(|c: char| !c.is_ascii_alphabetic() && c != '-').next();
        if name.is_some_and(|it| ATTRIBUTES.contains(&it)) && is_a_path(after) {
            out.push_str(base);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The fields of the API that hold addresses: those of `links`, and a few beside them. As JSON is written, a quote
/// within a text has a backslash in front, so these are fields and nothing else.
fn json_outward(text: &str, base: &str) -> String {
    const FIELDS: [&str; 2] = ["\"connect_url\":\"/", "\"page\":\"/"];
    let mut out = text.to_owned();
    for field in FIELDS {
        if out.contains(field) {
            let with_base = format!("{}{base}/", &field[..field.len() - 1]);
            out = out.replace(field, &with_base);
        }
    }
    const LINKS: &str = "\"links\":{";
    let mut linked = String::with_capacity(out.len());
    let mut rest = out.as_str();
    while let Some(at) = rest.find(LINKS) {
        let (before, after) = rest.split_at(at + LINKS.len());
        linked.push_str(before);
        let (links, after) = after.split_at(after.find('}').unwrap_or(0));
        linked.push_str(&links.replace("\":\"/", &format!("\":\"{base}/")));
        rest = after;
    }
    linked.push_str(rest);
    linked
}

/// The API's document says where the API is.
fn document_outward(bytes: &[u8], base: &str) -> Option<Vec<u8>> {
    let mut document: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    let fields = document.as_object_mut()?;
    fields.insert("servers".to_owned(), serde_json::json!([{ "url": base }]));
    serde_json::to_vec(&document).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_below_the_path_loses_it() {
        for (path, rest) in [
            ("/rb/history", "/history"),
            ("/rb", ""),
            ("/rb/", "/"),
            ("/rbx/history", "/rbx/history"),
            ("/history", "/history"),
        ] {
            assert_eq!(within(path, "/rb"), rest, "{path}");
        }
        assert_eq!(within("/history", ""), "/history");
        for (path, rest) in [
            ("/history/", "/history"),
            ("/api/contacts//", "/api/contacts"),
            ("/", "/"),
            ("//", "//"),
            ("/docs/", "/docs/"),
            ("/docs/x/", "/docs/x/"),
        ] {
            assert_eq!(without_last_slash(path), rest, "{path}");
        }
    }

    #[test]
    fn addresses_of_ours_get_the_path_and_nothing_else_does() {
        for (page, wanted) in [
            ("<a href=\"/history\">", "<a href=\"/rb/history\">"),
            ("<a class=\"x\" href=\"/\">", "<a class=\"x\" href=\"/rb/\">"),
            (
                "<form action=\"/do/x\"><img src=\"/a\">",
                "<form action=\"/rb/do/x\"><img src=\"/rb/a\">",
            ),
            ("<a href=\"//evil.example/\">", "<a href=\"//evil.example/\">"),
            ("<a href=\"https://a.example/\">", "<a href=\"https://a.example/\">"),
            (
                "<input name=\"back\" value=\"/history\">",
                "<input name=\"back\" value=\"/history\">",
            ),
            ("<p>href=&#34;/x&#34;</p>", "<p>href=&#34;/x&#34;</p>"),
            ("<b data-href=\"/x\">", "<b data-href=\"/x\">"),
        ] {
            assert_eq!(html_outward(page, "/rb"), wanted);
        }
        let json = r#"{"links":{"self":"/api/x","y":"/z"},"connect_url":"/auth","name":"\"links\":{\":\"/","a":"/b"}"#;
        let wanted = r#"{"links":{"self":"/rb/api/x","y":"/rb/z"},"connect_url":"/rb/auth","name":"\"links\":{\":\"/","a":"/b"}"#;
        assert_eq!(json_outward(json, "/rb"), wanted);
    }

    #[test]
    fn cookies_are_those_of_the_path() {
        for (cookie, wanted) in [
            (
                "__Host-ringbook=x; Path=/; HttpOnly; Secure",
                "__Secure-ringbook=x; Path=/rb; HttpOnly; Secure",
            ),
            ("ringbook=x; Path=/; Max-Age=0", "ringbook=x; Path=/rb; Max-Age=0"),
            ("ringbook_oauth=x; Path=/rb/auth", "ringbook_oauth=x; Path=/rb/auth"),
        ] {
            assert_eq!(cookie_outward(cookie, "/rb"), wanted);
        }
        let mut headers = HeaderMap::new();
        let shown = HeaderValue::from_static("a=b; __Secure-ringbook=x; __Secure-other=y");
        headers.insert(COOKIE, shown);
        take_cookies_in(&mut headers);
        assert_eq!(headers[COOKIE], "a=b; __Host-ringbook=x; __Secure-other=y");
    }
}
