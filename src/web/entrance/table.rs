//! What each route needs. A route without a row is for administrators, and a test wants a row for each.

use axum::http::Method;

use crate::access::Right;
use crate::access::Right::{Admin, Open, Phones, Read, Sync};

/// Method, path as the router writes it, and the right that it takes.
pub const ROUTES: &[(&str, &str, Right)] = &[
    // What answers without telling anything.
    ("GET", "/health", Open),
    ("GET", "/health/live", Open),
    ("GET", "/health/ready", Open),
    ("GET", "/api/openapi.json", Open),
    ("GET", "/docs", Open),
    ("GET", "/docs/", Open),
    ("GET", "/docs/{*rest}", Open),
    ("GET", "/assets/{name}", Open),
    ("GET", "/language/{code}", Open),
    // What asks for a proof of its own: a password, a code, a state that only one browser has.
    ("GET", "/sign-in", Open),
    ("POST", "/do/sign-in", Open),
    ("POST", "/do/sign-out", Open),
    ("GET", "/setup", Open),
    ("POST", "/do/setup", Open),
    ("POST", "/api/setup", Open),
    ("GET", "/api/session", Open),
    ("POST", "/api/session", Open),
    ("DELETE", "/api/session", Open),
    ("GET", "/auth/callback", Open),
    // What phones and switchboards ask.
    ("GET", "/directory", Phones),
    ("GET", "/directory/", Phones),
    ("GET", "/directory/{*path}", Phones),
    ("GET", "/lookup", Phones),
    ("GET", "/p/{token}/directory", Phones),
    ("GET", "/p/{token}/directory/", Phones),
    ("GET", "/p/{token}/directory/{*path}", Phones),
    ("GET", "/p/{token}/lookup", Phones),
    // Everything about contacts and syncs.
    ("GET", "/metrics", Read),
    ("GET", "/api/sync/status", Read),
    ("GET", "/api/sync/needs-sync", Read),
    ("GET", "/api/sync/progress", Read),
    ("GET", "/api/sync/events", Read),
    ("GET", "/api/sync/history", Read),
    ("GET", "/api/sync/statistics", Read),
    ("GET", "/api/sync/runs/{id}", Read),
    ("GET", "/api/sync/runs/{id}/changes", Read),
    ("GET", "/api/sync/runs/{id}/errors", Read),
    ("GET", "/api/sync/runs/{id}/held", Read),
    ("GET", "/api/sync/schedule", Read),
    ("GET", "/api/contacts", Read),
    ("GET", "/api/contacts/stats", Read),
    ("GET", "/api/contacts/{id}", Read),
    ("GET", "/api/contacts/search", Read),
    ("GET", "/api/contacts/search/by-name", Read),
    ("GET", "/api/contacts/search/by-phone", Read),
    ("GET", "/api/search", Read),
    ("GET", "/api/dial", Read),
    ("GET", "/api/accounts", Read),
    ("GET", "/api/accounts/{id}", Read),
    ("GET", "/api/accounts/{id}/labels", Read),
    ("GET", "/auth/status", Read),
    ("GET", "/", Read),
    ("GET", "/history", Read),
    ("GET", "/runs/{id}", Read),
    // Starting and stopping syncs, and the word on those on hold.
    ("POST", "/api/sync", Sync),
    ("POST", "/api/sync/full", Sync),
    ("POST", "/api/sync/incremental", Sync),
    ("POST", "/api/sync/safe", Sync),
    ("POST", "/api/sync/cancel", Sync),
    ("POST", "/api/sync/runs/{id}/approve", Sync),
    ("POST", "/api/sync/runs/{id}/reject", Sync),
    ("POST", "/do/sync", Sync),
    ("POST", "/do/cancel", Sync),
    ("POST", "/do/decide", Sync),
    // The rest is administration.
    ("POST", "/api/accounts", Admin),
    ("PATCH", "/api/accounts/{id}", Admin),
    ("DELETE", "/api/accounts/{id}", Admin),
    ("POST", "/api/accounts/{id}/disconnect", Admin),
    ("GET", "/api/accounts/{id}/service-account", Admin),
    ("PUT", "/api/accounts/{id}/service-account", Admin),
    ("POST", "/api/accounts/{id}/sources", Admin),
    ("PUT", "/api/sync/schedule", Admin),
    ("DELETE", "/api/sync/history", Admin),
    ("GET", "/api/google/client", Admin),
    ("PUT", "/api/google/client", Admin),
    ("DELETE", "/api/google/client", Admin),
    ("POST", "/auth/callback/paste", Admin),
    ("GET", "/auth/url", Admin),
    ("GET", "/auth/google", Admin),
    ("POST", "/auth/refresh", Admin),
    ("POST", "/auth/revoke", Admin),
    ("POST", "/auth/disconnect", Admin),
    ("POST", "/do/pause", Admin),
    ("GET", "/api/sessions", Admin),
    ("DELETE", "/api/sessions/{id}", Admin),
    ("GET", "/api/people", Admin),
    ("POST", "/api/people", Admin),
    ("PUT", "/api/people/{id}/password", Admin),
    ("DELETE", "/api/people/{id}", Admin),
    ("GET", "/api/tokens", Admin),
    ("POST", "/api/tokens", Admin),
    ("DELETE", "/api/tokens/{id}", Admin),
    ("GET", "/api/devices", Admin),
    ("POST", "/api/devices", Admin),
    ("PATCH", "/api/devices/{id}", Admin),
    ("POST", "/api/devices/{id}/renew", Admin),
    ("DELETE", "/api/devices/{id}", Admin),
    ("GET", "/api/audit", Admin),
];

/// What a request needs, by the pattern of its route.
pub(crate) fn right(method: &Method, path: &str) -> Right {
    // HEAD gets what GET gets, without the body; OPTIONS is answered like any method that is not there.
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    let row = ROUTES.iter().find(|(known, pattern, _)| *known == method && *pattern == path);
    row.map_or(Admin, |(.., right)| *right)
}
