//! Service accounts, and the lists of a Google Workspace domain.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::Web;
use crate::input::{AccountInPath, Body};
use crate::problem::Problem;
use ringbook_app::connect::{NewService, NewSource};
use ringbook_app::wire::{AddedSource, DomainList, ProblemBody, ServiceAccount};
use ringbook_store::Account;

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
    AccountInPath(id): AccountInPath,
) -> Result<Json<ServiceAccount>, Problem> {
    let account = web.app.account(id).await?;
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
    AccountInPath(id): AccountInPath,
    Body(body): Body,
) -> Result<Json<ServiceAccount>, Problem> {
    let account = web.app.account(id).await?;
    let subject = text(&body, "subject")?;
    let new = let_speak(&web, &account, body.get("key").unwrap_or(&Value::Null), subject).await?;
    Ok(Json(ServiceAccount::entered(&web.out, account.id, &new)))
}

/// The same, for the dashboard.
pub(crate) async fn let_speak(
    web: &Web,
    account: &Account,
    key: &Value,
    subject: &str,
) -> Result<NewService, Problem> {
    if !key.is_object() {
        // What is wrong with a key is said without it: it may be the secret itself, in the wrong place.
        let detail = "`key`: allowed is the JSON object that Google gives out as the key's file";
        return Err(Problem::unreadable(detail));
    }
    let new = web.app.connector.use_service_account(account, key, subject).await?;
    // Also where nothing is synced by itself: what Google says is then the account's state.
    web.app.welcome(account.id).await;
    Ok(new)
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
    AccountInPath(id): AccountInPath,
    Body(body): Body,
) -> Result<Response, Problem> {
    let account = web.app.account(id).await?;
    let (name, word) = (text(&body, "name")?, text(&body, "source")?);
    let (list, new) = add_list(&web, &account, word, name).await?;
    let added = AddedSource::of(&web.out, account.id, list, &new);
    let place = HeaderValue::from_str(&format!("/api/accounts/{}", added.id.0));
    let mut response = (StatusCode::CREATED, Json(added)).into_response();
    if let Ok(place) = place {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

/// The same, for the dashboard.
pub(crate) async fn add_list(
    web: &Web,
    lender: &Account,
    word: &str,
    name: &str,
) -> Result<(DomainList, NewSource), Problem> {
    let list: DomainList =
        word.parse().map_err(|_| Problem::value("source", word, "directory or shared"))?;
    let new = web.app.connector.add_source(lender, list.into(), name).await?;
    web.app.supervisor.nudge();
    Ok((list, new))
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
