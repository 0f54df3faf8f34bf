//! Service accounts, and the lists of a Google Workspace domain.

use axum::Json;
use axum::extract::{FromRequestParts, RawPathParams, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::store::Account;
use crate::web::Web;
use crate::web::input::{Body, uuid};
use crate::web::problem::Problem;
use crate::web::wire::{AddedSource, DomainList, ProblemBody, ServiceAccount};

/// The account that the path names.
pub(crate) struct AccountInPath(Account);

impl FromRequestParts<Web> for AccountInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<AccountInPath, Problem> {
        let params = RawPathParams::from_request_parts(parts, web).await.map_err(|_| {
            Problem::value("id", parts.uri.path(), "a UUID, in percent-encoded UTF-8")
        })?;
        let id = params.iter().find(|(name, _)| *name == "id").map(|(_, value)| value);
        let id = id.unwrap_or_default();
        uuid("id", id)?;
        let account = match web.out.ids().parse_account(id) {
            Some(known) => web.app.store.account(known).await?,
            None => None,
        };
        account.map(AccountInPath).ok_or_else(|| Problem::missing("account", id))
    }
}

/// The service account that speaks for an account
#[utoipa::path(
    get, path = "/api/accounts/{id}/service-account", tag = "accounts", operation_id = "get_service_account",
    params(("id" = String, Path, format = "uuid")),
    responses(
        (status = 200, body = ServiceAccount),
        (status = 404, body = ProblemBody, description = "There is no such account, or no service account speaks for it"),
    ),
)]
pub(crate) async fn service_account(
    State(web): State<Web>,
    AccountInPath(account): AccountInPath,
) -> Result<Json<ServiceAccount>, Problem> {
    let grant = web.app.store.grant(account.id).await?;
    let facts = grant.and_then(|it| it.service).ok_or_else(|| {
        let detail = "no service account speaks for this account";
        Problem::new(StatusCode::NOT_FOUND, detail)
    })?;
    Ok(Json(ServiceAccount::of(&web.out, account.id, &facts)))
}

/// Let a service account speak for an account
///
/// What Google says of the key is in the answer. One that it does not accept yet is kept, since what an
/// administrator allows takes up to a day to arrive; but never in the place of a permission that works.
#[utoipa::path(
    put, path = "/api/accounts/{id}/service-account", tag = "accounts", operation_id = "put_service_account",
    params(("id" = String, Path, format = "uuid")),
    request_body = NewServiceAccount,
    responses(
        (status = 200, body = ServiceAccount),
        (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody, description = "It speaks for another person than the one whose contacts are mirrored here, or for one whose contacts another account mirrors"),
        (status = 502, body = ProblemBody, description = "Google does not accept it, and the account is connected"),
    ),
)]
pub(crate) async fn put_service_account(
    State(web): State<Web>,
    AccountInPath(account): AccountInPath,
    Body(body): Body,
) -> Result<Json<ServiceAccount>, Problem> {
    let subject = text(&body, "subject")?;
    // What is wrong with a key is said without it: it may be the secret itself, in the wrong place.
    let key = body.get("key").filter(|it| it.is_object()).ok_or_else(|| {
        let detail = "`key`: allowed is the JSON object that Google gives out as the key's file";
        Problem::unreadable(detail)
    })?;
    let new = web.app.connector.use_service_account(&account, key, subject).await?;
    web.app.supervisor.nudge();
    Ok(Json(ServiceAccount::entered(&web.out, account.id, &new)))
}

/// Mirror a list of the domain, too
///
/// It becomes an account of its own, which uses this one's permission. Whether Google lets the list be read
/// is in the answer; the account is added all the same, since what an administrator allows takes up to a
/// day to arrive.
#[utoipa::path(
    post, path = "/api/accounts/{id}/sources", tag = "accounts", operation_id = "add_source",
    params(("id" = String, Path, format = "uuid", description = "The account that lends its permission")),
    request_body = NewSourceBody,
    responses(
        (status = 201, body = AddedSource),
        (status = 401, body = ProblemBody, description = "The account was removed meanwhile"),
        (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody, description = "The name is taken, or the list is mirrored already"),
    ),
)]
pub(crate) async fn add(
    State(web): State<Web>,
    AccountInPath(account): AccountInPath,
    Body(body): Body,
) -> Result<Response, Problem> {
    let name = text(&body, "name")?;
    let word = text(&body, "source")?;
    let list: DomainList =
        word.parse().map_err(|_| Problem::value("source", word, "directory or shared"))?;
    let new = web.app.connector.add_source(&account, list.into(), name).await?;
    web.app.supervisor.nudge();
    let added = AddedSource::of(&web.out, account.id, list, &new);
    let place = HeaderValue::from_str(&format!("/api/accounts/{}", added.id.0));
    let mut response = (StatusCode::CREATED, Json(added)).into_response();
    if let Ok(place) = place {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

/// A service account to be.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewServiceAccount {
    /// The key's file, as Google gives it out.
    #[schema(value_type = Object)]
    key: Value,
    /// The address of the mailbox whose contacts are wanted.
    #[schema(min_length = 3, max_length = 254, example = "phones@example.com")]
    subject: String,
}

/// A list to be mirrored.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewSourceBody {
    #[schema(inline)]
    source: DomainList,
    #[schema(min_length = 1, max_length = 100, example = "The office")]
    name: String,
}

fn text<'a>(body: &'a Value, name: &str) -> Result<&'a str, Problem> {
    match body.get(name) {
        Some(Value::String(text)) => Ok(text),
        Some(Value::Null) | None => Err(Problem::value(name, "nothing", "a text")),
        // Not what was found: it may be a secret in the wrong place.
        Some(_) => Err(Problem::unreadable(format!("`{name}`: allowed is a text"))),
    }
}
