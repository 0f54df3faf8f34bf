//! What the pages load besides themselves: one style sheet, one script, one picture. All are in the binary.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

const STYLE: &[u8] = include_bytes!("files/ringbook.css");
const SCRIPT: &[u8] = include_bytes!("files/ringbook.js");
const ICON: &[u8] = include_bytes!("files/icon.svg");

/// Part of the assets' addresses, so that a browser may keep them for ever and still gets new ones.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let digest =
        Sha256::new().chain_update(STYLE).chain_update(SCRIPT).chain_update(ICON).finalize();
    digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
});

pub(crate) fn version() -> &'static str {
    &VERSION
}

/// `GET /assets/{name}`
pub(crate) async fn asset(Path(name): Path<String>) -> Response {
    let (kind, bytes) = match name.as_str() {
        "ringbook.css" => ("text/css; charset=utf-8", STYLE),
        "ringbook.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "icon.svg" => ("image/svg+xml", ICON),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let for_ever = HeaderValue::from_static("public, max-age=31536000, immutable");
    headers.insert(header::CACHE_CONTROL, for_ever);
    (headers, bytes).into_response()
}
