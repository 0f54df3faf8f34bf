//! Which addresses Google sends a browser back to, and how they are written.

use std::net::IpAddr;

use axum::http::Uri;

/// The rules for redirect URIs. The error is what the person in front of the browser reads.
pub(super) fn check(text: &str) -> Result<(), String> {
    let invalid = |why: &str| format!("Invalid parameter value for redirect_uri: {why}: {text}");
    let uri: Uri = text.parse().map_err(|_| invalid("Missing or bad URI"))?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(invalid("Missing scheme or authority"));
    };
    if authority.as_str().contains('@') {
        return Err(invalid("Userinfo is not allowed"));
    }
    if text.contains('#') || text.contains("/..") || text.contains('*') {
        return Err(invalid("Fragments, path traversal and wildcards are not allowed"));
    }
    let host = authority.host().trim_matches(['[', ']']);
    let address = host.parse::<IpAddr>().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return Ok(());
    }
    if address.is_some() {
        return Err(format!("device_id and device_name are required for private IP: {text}"));
    }
    if scheme != "https" {
        return Err(invalid("Only localhost may do without https"));
    }
    let top = host.rsplit('.').next().unwrap_or_default();
    if !host.contains('.') || ["local", "lan", "home", "internal", "test"].contains(&top) {
        return Err(invalid("must end with a public top-level domain (such as .com or .org)"));
    }
    Ok(())
}

pub(super) fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
