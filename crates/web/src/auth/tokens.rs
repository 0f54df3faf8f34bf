//! Programs' tokens.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Web;
use crate::auth::AuthContext;
use crate::auth::people::prove_again;
use crate::input::{Body, field, optional, uuid};
use crate::problem::Problem;
use ringbook_app::services::{Caller, TOKEN_DAYS_MAX};
use ringbook_app::wire::{NewToken, ProblemBody, Token, Tokens};
use ringbook_core::access::Scope;

/// A token to be.
#[derive(Serialize, ToSchema)]
pub(crate) struct Wish {
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$"
    )]
    name: String,
    /// `read` unless given.
    scope: Option<Scope>,
    /// Never expires unless given.
    #[schema(minimum = 1, maximum = 3650)]
    expires_in_days: Option<u64>,
    /// Your own password, where you are signed in with one and the token may do everything.
    #[schema(format = Password)]
    current: Option<String>,
}

/// Programs' tokens, newest first
#[utoipa::path(
    get, path = "/api/tokens", tag = "access", operation_id = "list_tokens",
    responses((status = 200, body = Tokens)),
)]
pub(crate) async fn list(State(web): State<Web>) -> Result<Json<Tokens>, Problem> {
    let rows = web.app.store.tokens().await?;
    Ok(Json(Tokens { tokens: rows.into_iter().map(|it| Token::of(&web.out, it)).collect() }))
}

/// Make a token for a program
///
/// The token is shown this once; what is kept of it opens nothing.
#[utoipa::path(
    post, path = "/api/tokens", tag = "access", operation_id = "add_token", request_body = Wish,
    responses(
        (status = 201, body = NewToken),
        (status = 401, body = ProblemBody, description = "Not signed in, or `current` is wrong"),
        (status = 403, body = ProblemBody, description = "`current` is missing"),
        (status = 429, body = ProblemBody, description = "Too many wrong guesses"),
        (status = 503, body = ProblemBody),
    ),
)]
pub(crate) async fn add(
    State(web): State<Web>,
    caller: Caller,
    guest: AuthContext,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    let name = field(&body, "name")?;
    let scope = match body.get("scope") {
        None | Some(serde_json::Value::Null) => Scope::Read,
        Some(value) => {
            let word = value.as_str().unwrap_or_default();
            let known = Scope::ALL.iter().find(|it| it.as_str() == word);
            *known
                .ok_or_else(|| Problem::value("scope", &value.to_string(), "read, sync or admin"))?
        }
    };
    let days = match body.get("expires_in_days") {
        None | Some(serde_json::Value::Null) => None,
        Some(value) => {
            // 30.0 is a whole number, too (JSON Schema, 6.1.1).
            let written = value.as_f64().filter(|days| days.fract() == 0.0 && *days >= 1.0);
            let days = written.map(|days| days as u64).filter(|days| *days <= TOKEN_DAYS_MAX);
            let allowed = "a whole number from 1 to 3650";
            Some(
                days.ok_or_else(|| Problem::value("expires_in_days", &value.to_string(), allowed))?,
            )
        }
    };
    let current = optional(&body, "current")?;
    if scope == Scope::Admin {
        prove_again(&web, &guest, &headers, current).await?;
    }
    let made = web.app.create_token(&caller, &name, scope, days).await?;
    let token = made.secret.expose().to_owned();
    let body = NewToken { token, about: Token::of(&web.out, made.token) };
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

/// Revoke a program's token
#[utoipa::path(
    delete, path = "/api/tokens/{id}", tag = "access", operation_id = "revoke_token",
    params(("id" = String, Path, format = "uuid")),
    responses(
        (status = 204, description = "Revoked"),
        (status = 404, body = ProblemBody),
    ),
)]
pub(crate) async fn revoke(
    State(web): State<Web>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    uuid("id", &id)?;
    web.app.revoke_token(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
