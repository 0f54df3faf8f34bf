//! What happens to every request and every answer.

use std::any::Any;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::error;

use crate::Web;
use crate::input::{BODY_MAX, too_large};
use crate::origin::foreign;
use crate::problem::Problem;
use ringbook_core::clock::between;
use ringbook_core::contact::excerpt;

/// No link of ours is nearly as long.
const URI_MAX: usize = 8 << 10;

/// Counts requests by the pattern of their route.
pub(crate) async fn count(State(web): State<Web>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|it| it.as_str().to_owned());
    let route = route.unwrap_or_else(|| "none".to_owned());
    let method = request.method().clone();
    let began = web.now();
    let response = next.run(request).await;
    let took = between(began, web.now());
    web.app.metrics.http_request(&route, method.as_str(), response.status().as_u16(), took);
    response
}

/// Refuses what is too big.
pub(crate) async fn guard(request: Request, next: Next) -> Response {
    let uri = request.uri();
    if uri.path().len() + uri.query().map_or(0, str::len) > URI_MAX {
        let detail = format!("the address is longer than {URI_MAX} bytes");
        return secured(Problem::new(StatusCode::URI_TOO_LONG, detail).into_response());
    }
    let headers = request.headers();
    let length = headers.get(header::CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > BODY_MAX as u64) {
        return secured(too_large().into_response());
    }
    secured(next.run(request).await)
}

/// Refuses what a page of another site makes a browser send.
pub(crate) async fn refuse_other_sites(
    State(web): State<Web>,
    request: Request,
    next: Next,
) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    match foreign(&web, &parts) {
        Some(detail) => Problem::new(StatusCode::FORBIDDEN, detail).into_response(),
        None => next.run(Request::from_parts(parts, body)).await,
    }
}

fn secured(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// What a browser must not do with an answer. Nothing is loaded from elsewhere, nobody frames us, no script
/// runs that we did not serve, and no address of ours, which may hold a token, is told to others.
///
/// No `Strict-Transport-Security`: it would count for every port of the host, and on the host of a home lab
/// other things are served in the clear. A proxy with a name of its own can add it.
const FOR_BROWSERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_FRAME_OPTIONS, "DENY"),
    // Not `no-referrer`: then a browser does not say either where our own forms come from.
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// The API's explorer styles itself while it runs.
const POLICY_DOCS: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; \
    frame-ancestors 'none'";

/// Tells browsers what they must not do. Phones have no use for it, and little room.
pub(crate) async fn restrict_browsers(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if is_for_phones(path) {
        return next.run(request).await;
    }
    let docs = path.starts_with("/docs");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in FOR_BROWSERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if docs {
        let policy = HeaderValue::from_static(POLICY_DOCS);
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Whether a path is one that phones and PBXs ask for.
pub(crate) fn is_for_phones(path: &str) -> bool {
    let path = match path.strip_prefix("/p/") {
        // What follows the device's token.
        Some(rest) => rest.find('/').map_or("", |at| &rest[at..]),
        None => path,
    };
    path == "/lookup" || path == "/directory" || path.starts_with("/directory/")
}

/// Behind a door for phones there is nothing else, whoever asks.
pub(crate) async fn phones_only(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if is_for_phones(path) || path == "/health/live" {
        return next.run(request).await;
    }
    let detail = "this address is for phones: there is /directory and /lookup, and nothing else";
    secured(Problem::new(StatusCode::NOT_FOUND, detail).into_response())
}

/// For whoever speaks plain HTTP where HTTPS is spoken: the same place, said properly.
pub(crate) async fn speak_https(request: Request) -> Response {
    let host = request.headers().get(header::HOST).and_then(|it| it.to_str().ok());
    let path = request.uri().path_and_query().map_or("/", |it| it.as_str());
    let there = host.map(|host| format!("https://{host}{path}")).filter(|_| path.starts_with('/'));
    let detail = "this port speaks HTTPS";
    let mut response = Problem::new(StatusCode::BAD_REQUEST, detail).into_response();
    if let Some(there) = there.and_then(|it| HeaderValue::try_from(it).ok()) {
        // Permanent, and with the method kept (RFC 9110, 15.4.9).
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        response.headers_mut().insert(header::LOCATION, there);
    }
    secured(response)
}

/// Gives answers of the framework, such as 404 and 405, the form of all other errors.
pub(crate) async fn speak_json(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    if kind.is_some_and(|kind| !kind.starts_with(b"text/plain")) {
        return response;
    }
    let path = excerpt(&path);
    let detail = match status {
        StatusCode::NOT_FOUND => format!("there is nothing at `{path}`; see /docs"),
        StatusCode::METHOD_NOT_ALLOWED => {
            let method = excerpt(method.as_str());
            format!("`{path}` does not take `{method}`; the header `Allow` says what it takes")
        }
        other => other.canonical_reason().unwrap_or("refused").to_lowercase(),
    };
    // axum adds `Allow` only when all layers are done.
    Problem::new(status, detail).into_response()
}

/// A mistake of ours must not take the server down.
pub(crate) fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    // The panic itself was printed where it happened. Its text may hold data, so it goes no further.
    error!("a handler panicked; this is a mistake in Ringbook");
    let detail = "Ringbook made a mistake with this request; its log says where";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use tower::ServiceExt;
    use tower_http::catch_panic::CatchPanicLayer;

    async fn fall() -> &'static str {
        panic!("a secret")
    }

    #[tokio::test]
    async fn a_panic_is_a_500_in_json_that_tells_nothing_and_the_next_request_is_served() {
        let router = Router::new()
            .route("/", get(fall))
            .route("/well", get(async || "well"))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(from_fn(speak_json))
            .layer(from_fn(guard));
        let ask = async |path: &str| {
            let request = Request::get(path).body(Body::empty()).unwrap();
            let answer = router.clone().oneshot(request).await.unwrap();
            let status = answer.status();
            let body = axum::body::to_bytes(answer.into_body(), 1000).await.unwrap();
            (status.as_u16(), String::from_utf8(body.to_vec()).unwrap())
        };
        let (status, body) = ask("/").await;
        assert_eq!(status, 500);
        assert!(body.starts_with("{\"detail\":") && !body.contains("secret"), "{body}");
        assert_eq!(ask("/well").await, (200, "well".to_owned()));
    }
}
