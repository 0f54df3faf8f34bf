//! Adding, naming, pausing, disconnecting and removing accounts, and which of their labels reach phones.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::Web;
use crate::input::{AccountInPath, Body, Query};
use crate::problem::Problem;
use ringbook_app::read;
use ringbook_app::services;
use ringbook_app::services::{Caller, DisconnectRequest, LABELS_MAX};
use ringbook_app::wire::{Account, AccountDone, Accounts, Labels, ProblemBody};
use ringbook_core::sync::AccountId;
use ringbook_core::sync::account::same_name;
use ringbook_store as store;

/// The accounts, oldest first
#[utoipa::path(
    get, path = "/api/accounts", tag = "accounts", operation_id = "list_accounts",
    responses((status = 200, body = Accounts)),
)]
pub(crate) async fn list(State(web): State<Web>) -> Result<Json<Accounts>, Problem> {
    let accounts = web.app.store.accounts().await?;
    Ok(Json(read::accounts(&web.app, &web.out, accounts).await?))
}

/// An account to be.
// Only the document uses it: what does not fit is named by hand.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewAccount {
    /// No other account may have it, in whatever case and with whatever accents.
    #[schema(min_length = 1, max_length = 100, example = "Office")]
    name: String,
}

/// Add an account
///
/// It waits to be connected; `connect_url` says where.
#[utoipa::path(
    post, path = "/api/accounts", tag = "accounts", operation_id = "add_account",
    request_body = NewAccount,
    responses(
        (status = 201, body = Account, headers(("location" = String))),
        (status = 409, body = ProblemBody, description = "Another account has this name"),
    ),
)]
pub(crate) async fn add(
    State(web): State<Web>,
    caller: Caller,
    Body(body): Body,
) -> Result<Response, Problem> {
    let body = object(&body)?;
    let name = body.get("name").and_then(Value::as_str);
    let name = name.ok_or_else(|| Problem::value("name", &found(body, "name"), "a text"))?;
    let added = web.app.add_account(&caller, name).await?;
    let account = in_full(&web, added.id).await?;
    let location = HeaderValue::try_from(format!("/api/accounts/{}", account.id.0));
    let mut response = (StatusCode::CREATED, Json(account)).into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// One account
#[utoipa::path(
    get, path = "/api/accounts/{id}", tag = "accounts", operation_id = "get_account",
    params(("id" = String, Path, format = "uuid")),
    responses((status = 200, body = Account), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn one(
    State(web): State<Web>,
    AccountInPath(id): AccountInPath,
) -> Result<Json<Account>, Problem> {
    Ok(Json(in_full(&web, id).await?))
}

async fn in_full(web: &Web, id: AccountId) -> Result<Account, Problem> {
    let account = read::account(&web.app, &web.out, id).await?;
    account.ok_or_else(|| gone(web, id))
}

fn gone(web: &Web, id: AccountId) -> Problem {
    Problem::missing("account", &web.out.ids().account(id))
}

/// What is to be different about an account. What is left out stays.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountChanges {
    #[schema(min_length = 1, max_length = 100, nullable = false)]
    name: Option<String>,
    /// What Ringbook does by itself stops; what somebody asks for is still done.
    #[schema(nullable = false)]
    paused: Option<bool>,
    /// Resource names of the labels whose contacts reach the phones; null: all contacts do.
    #[schema(max_items = 1000)]
    labels_shown: Option<Vec<LabelName>>,
}

#[derive(Serialize, ToSchema)]
#[schema(value_type = String, min_length = 1, max_length = 200, example = "contactGroups/4f2a")]
pub(crate) struct LabelName(String);

/// Rename or pause an account, or choose which of its labels reach the phones
#[utoipa::path(
    patch, path = "/api/accounts/{id}", tag = "accounts", operation_id = "change_account",
    params(("id" = String, Path, format = "uuid")),
    request_body = AccountChanges,
    responses(
        (status = 200, body = Account),
        (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody, description = "Another account has this name"),
    ),
)]
pub(crate) async fn change(
    State(web): State<Web>,
    caller: Caller,
    AccountInPath(id): AccountInPath,
    Body(body): Body,
) -> Result<Json<Account>, Problem> {
    let changes = changes_in(&body)?;
    let account = web.app.account(id).await?;
    web.app.change_account(&caller, &account, changes).await?;
    Ok(Json(in_full(&web, id).await?))
}

fn changes_in(body: &Value) -> Result<services::AccountChanges, Problem> {
    let body = object(body)?;
    const FIELDS: [&str; 3] = ["name", "paused", "labels_shown"];
    if let Some(unknown) = body.keys().find(|it| !FIELDS.contains(&it.as_str())) {
        return Err(Problem::value("body", unknown, &FIELDS.join(", ")));
    }
    let name = match body.get("name") {
        None => None,
        Some(Value::String(name)) => Some(name.clone()),
        Some(_) => return Err(Problem::value("name", &found(body, "name"), "a text")),
    };
    let paused = match body.get("paused") {
        None => None,
        Some(Value::Bool(paused)) => Some(*paused),
        Some(_) => {
            return Err(Problem::value("paused", &found(body, "paused"), "true or false"));
        }
    };
    let labels_shown = body.get("labels_shown").map(|it| labels_in(it, body)).transpose()?;
    Ok(services::AccountChanges { name, paused, labels_shown })
}

fn labels_in(value: &Value, body: &Map<String, Value>) -> Result<Option<Vec<String>>, Problem> {
    let wrong = || {
        let allowed = format!("a list of at most {LABELS_MAX} resource names, or null");
        Problem::value("labels_shown", &found(body, "labels_shown"), &allowed)
    };
    let list = match value {
        Value::Null => return Ok(None),
        Value::Array(list) if list.len() <= LABELS_MAX => list,
        _ => return Err(wrong()),
    };
    let label = |it: &Value| it.as_str().map(str::to_owned);
    let labels: Option<Vec<String>> = list.iter().map(label).collect();
    labels.map(Some).ok_or_else(wrong)
}

fn object(body: &Value) -> Result<&Map<String, Value>, Problem> {
    body.as_object().ok_or_else(|| Problem::value("body", &body.to_string(), "a JSON object"))
}

fn found(body: &Map<String, Value>, name: &str) -> String {
    body.get(name).map_or("nothing".to_owned(), Value::to_string)
}

/// Disconnect an account from Google
///
/// Its permission is forgotten here, a sync in progress ends as interrupted, and Google is told to end the
/// permission; the message says whether that succeeded. The contacts are kept, or
/// erased for good together with what the history tells of them; Google has them still. Erasing waits for
/// its end, and goes on if the client does not.
#[utoipa::path(
    post, path = "/api/accounts/{id}/disconnect", tag = "accounts", operation_id = "disconnect_account",
    params(
        ("id" = String, Path, format = "uuid"),
        ("contacts" = Option<KeepWord>, Query, description = "`keep` unless given"),
    ),
    responses(
        (status = 200, body = AccountDone),
        (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody, description = "It uses the permission of another account"),
    ),
)]
pub(crate) async fn disconnect(
    State(web): State<Web>,
    caller: Caller,
    AccountInPath(id): AccountInPath,
    query: Query,
) -> Result<Json<AccountDone>, Problem> {
    let words = [("keep", false), ("erase", true)];
    let erase = query.one_of("contacts", &words, false)?;
    let account = web.app.account(id).await?;
    let request = DisconnectRequest { erase, tell_google: true };
    let done = web.app.disconnect_account(&caller, &account, request).await?;
    let (erased_count, at_google) = (done.erased, done.at_google);
    let message = match erase {
        true => "Ringbook forgot the permission and erased the contacts",
        false => "Ringbook forgot the permission; the contacts stay here",
    };
    let message = match at_google {
        Some(at_google) => format!("{message}. {}", at_google.in_words()),
        None => message.to_owned(),
    };
    let account = read::account(&web.app, &web.out, id).await?;
    Ok(Json(AccountDone { status: "success", message, erased_count, account }))
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "only the document speaks of it")]
pub(crate) enum KeepWord {
    Keep,
    Erase,
}

/// Remove an account with all that belongs to it
///
/// Its permission, contacts, history and settings go for good. Google keeps its contacts, and is told to end the
/// permission; where it must not fail, do that with `POST /auth/revoke` before.
#[utoipa::path(
    delete, path = "/api/accounts/{id}", tag = "accounts", operation_id = "remove_account",
    params(
        ("id" = String, Path, format = "uuid"),
        ("confirm" = String, Query, description = "The name of the account, so that no other goes by mistake"),
    ),
    responses(
        (status = 409, body = ProblemBody, description = "Others live on its permission"),(status = 200, body = AccountDone), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn remove(
    State(web): State<Web>,
    caller: Caller,
    AccountInPath(id): AccountInPath,
    query: Query,
) -> Result<Json<AccountDone>, Problem> {
    let account = web.app.account(id).await?;
    confirm(&account, query.text("confirm")?)?;
    let erased_count = web.app.remove_account(&caller, &account).await?;
    let name = account.name;
    let message = format!("The account `{name}` was removed");
    Ok(Json(AccountDone { status: "success", message, erased_count, account: None }))
}

/// Checks that the name of the account was entered, so that no other is removed by mistake.
pub(crate) fn confirm(account: &store::Account, entered: Option<&str>) -> Result<(), Problem> {
    if entered.is_some_and(|name| same_name(name, &account.name)) {
        return Ok(());
    }
    let allowed = format!("the name of the account, `{}`", account.name);
    Err(Problem::value("confirm", entered.unwrap_or("nothing"), &allowed))
}

/// The labels of an account, and which of them reach the phones
#[utoipa::path(
    get, path = "/api/accounts/{id}/labels", tag = "accounts", operation_id = "account_labels",
    params(("id" = String, Path, format = "uuid")),
    responses((status = 200, body = Labels), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn labels(
    State(web): State<Web>,
    AccountInPath(id): AccountInPath,
) -> Result<Json<Labels>, Problem> {
    let account = web.app.account(id).await?;
    Ok(Json(read::labels(&web.app, &web.out, &account).await?))
}
