//! Who gets in, and what they did: people, programs, the audit log.

mod audit;
mod people;
mod tokens;

use axum::Router;
use axum::routing::{get, post};

use crate::Web;

pub(crate) use tokens::AFTER_SETUP;

/// The pages' routes.
pub(crate) fn routes() -> Router<Web> {
    Router::new()
        .route("/access", get(people::people))
        .route("/access/people/{id}", get(people::person))
        .route("/access/tokens", get(tokens::tokens))
        .route("/access/audit", get(audit::audit))
        .route("/do/access/people/add", post(people::add))
        .route("/do/access/people/{id}/password", post(people::password))
        .route("/do/access/people/{id}/remove", post(people::remove))
        .route("/do/access/sessions/{id}/end", post(people::end))
        .route("/do/access/tokens/add", post(tokens::add))
        .route("/do/access/tokens/{id}/revoke", post(tokens::revoke))
}
