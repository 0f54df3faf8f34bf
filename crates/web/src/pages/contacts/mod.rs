//! The contacts, for people: all of them, each of them, and those that Google deleted.

mod deleted;
mod list;
mod one;

use axum::Router;
use axum::routing::get;

use crate::Web;

/// These pages' routes.
pub(crate) fn routes() -> Router<Web> {
    Router::new()
        .route("/contacts", get(list::list))
        .route("/contacts/deleted", get(deleted::deleted))
        .route("/contacts/{id}", get(one::one))
}

/// `first=…&second=…` of those that have a value.
fn query_of(pairs: &[(&str, &str)]) -> String {
    let encoded = |text: &str| {
        let mut out = String::new();
        for byte in text.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                    out.push(char::from(byte));
                }
                other => out.push_str(&format!("%{other:02X}")),
            }
        }
        out
    };
    let some = pairs.iter().filter(|(_, value)| !value.is_empty());
    some.map(|(name, value)| format!("{name}={}", encoded(value))).collect::<Vec<_>>().join("&")
}
