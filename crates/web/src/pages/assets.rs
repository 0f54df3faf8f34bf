//! What the pages load besides themselves: style sheets, scripts, a picture. All are in the binary.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// Name, media type and content of each.
const FILES: &[(&str, &str, &[u8])] = &[
    ("ringbook.css", STYLE, include_bytes!("files/ringbook.css")),
    ("ringbook.js", SCRIPT, include_bytes!("files/ringbook.js")),
    ("phones.css", STYLE, include_bytes!("files/phones.css")),
    ("phones.js", SCRIPT, include_bytes!("files/phones.js")),
    ("settings.css", STYLE, include_bytes!("files/settings.css")),
    ("settings.js", SCRIPT, include_bytes!("files/settings.js")),
    ("contacts.css", STYLE, include_bytes!("files/contacts.css")),
    ("contacts.js", SCRIPT, include_bytes!("files/contacts.js")),
    ("accounts.css", STYLE, include_bytes!("files/accounts.css")),
    ("accounts.js", SCRIPT, include_bytes!("files/accounts.js")),
    ("icon.svg", "image/svg+xml", include_bytes!("files/icon.svg")),
];
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Part of the assets' addresses, so that a browser may keep them for ever and still gets new ones.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let all = FILES.iter().fold(Sha256::new(), |sum, (.., bytes)| sum.chain_update(bytes));
    all.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
});

pub(crate) fn version() -> &'static str {
    &VERSION
}

/// `GET /assets/{name}`
pub(crate) async fn asset(Path(name): Path<String>) -> Response {
    let Some((_, kind, bytes)) = FILES.iter().find(|(known, ..)| *known == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let for_ever = HeaderValue::from_static("public, max-age=31536000, immutable");
    headers.insert(header::CACHE_CONTROL, for_ever);
    (headers, *bytes).into_response()
}
