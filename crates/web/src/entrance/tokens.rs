//! Programs' tokens.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Web;
use crate::entrance::people::prove_again;
use crate::entrance::{Guest, about, actor};
use crate::input::{Body, field, optional, uuid};
use crate::problem::Problem;
use ringbook_app::doorkeeper;
use ringbook_app::doorkeeper::SignInError;
use ringbook_app::wire::{Moment, Outward, ProblemBody};
use ringbook_core::access::Scope;
use ringbook_store::secret::Secret;
use ringbook_store::{Maker, TokenRow};

/// A program's token, without the token.
#[derive(Debug, Serialize, ToSchema)]
pub struct Token {
    #[schema(format = "uuid")]
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) scope: Scope,
    pub(crate) created_at: Moment,
    pub(crate) created_by: String,
    /// Null: never.
    pub(crate) expires_at: Option<Moment>,
    pub(crate) revoked_at: Option<Moment>,
    /// To the minute.
    pub(crate) last_used_at: Option<Moment>,
    pub(crate) last_used_from: Option<String>,
}

impl Token {
    pub fn of(out: &Outward, row: TokenRow) -> Token {
        Token {
            id: row.id,
            name: row.name,
            scope: row.scope,
            created_at: out.time(row.created_at),
            created_by: row.created_by,
            expires_at: row.expires_at.map(|at| out.time(at)),
            revoked_at: row.revoked_at.map(|at| out.time(at)),
            last_used_at: row.used_at.map(|at| out.time(at)),
            last_used_from: row.used_from,
        }
    }
}

/// Programs' tokens.
#[derive(Debug, Serialize, ToSchema)]
pub struct Tokens {
    pub tokens: Vec<Token>,
}

/// A new token, with the token: it is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewToken {
    #[schema(example = "rbk_…")]
    pub token: String,
    #[serde(flatten)]
    pub about: Token,
}

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
    guest: Guest,
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
            let days = written.map(|days| days as u64).filter(|days| *days <= 3650);
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
    let (secret, row) = make(&web, &guest, &name, scope, days).await?;
    let token = secret.expose().to_owned();
    let body = NewToken { token, about: Token::of(&web.out, row) };
    Ok(about(&name, (StatusCode::CREATED, Json(body)).into_response()))
}

/// The same, for the dashboard. Who makes a token that may do everything has been asked for their password.
pub(crate) async fn make(
    web: &Web,
    guest: &Guest,
    name: &str,
    scope: Scope,
    days: Option<u64>,
) -> Result<(Secret, TokenRow), Problem> {
    let name = doorkeeper::name(name)?;
    let lasts = |days: u64| std::time::Duration::from_secs(86_400 * days);
    let expires_at = days.map(|days| ringbook_core::clock::after(web.now(), lasts(days)));
    let secret = Secret::for_program().map_err(SignInError::from)?;
    let store = &web.app.store;
    let by = actor(guest);
    let (person, proxy_name) = (guest.person.as_deref(), guest.proxy_name.as_deref());
    let by = Maker { name: &by, person, proxy_name };
    let row = store.add_token(secret.hash(), &name, scope, by, expires_at).await?;
    Ok((secret, row))
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
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    revoke_it(&web, &id).await.map(|()| StatusCode::NO_CONTENT)
}

/// The same, for the dashboard.
pub(crate) async fn revoke_it(web: &Web, id: &str) -> Result<(), Problem> {
    uuid("id", id)?;
    let revoked = web.app.store.revoke_token(id).await?;
    web.app.access.forget();
    match revoked {
        true => Ok(()),
        false => Err(Problem::missing("token in use", id)),
    }
}
