//! Phones: those with a token of their own, and those that asked without one.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Web;
use crate::input::{Body, field, uuid};
use crate::origin::phones_origin;
use crate::problem::Problem;
use ringbook_app::auth::UnregisteredPhone;
use ringbook_app::services::Caller;
use ringbook_app::wire::{AskerSeen, Device, Devices, NewDevice, ProblemBody};
use ringbook_store::DeviceRow;

/// What a phone is called.
#[derive(Serialize, ToSchema)]
pub(crate) struct Named {
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$"
    )]
    name: String,
}

/// Which phones there are, and when they asked last
#[utoipa::path(
    get, path = "/api/devices", tag = "access", operation_id = "list_devices",
    responses((status = 200, body = Devices)),
)]
pub(crate) async fn list(State(web): State<Web>) -> Result<Json<Devices>, Problem> {
    let rows = web.app.store.devices().await?;
    let shown = |whose: &str| web.app.access.shown(whose).map(|(_, what)| what);
    let device = |it: DeviceRow| {
        let last_screen = shown(&it.id);
        Device { last_screen, ..Device::of(&web.out, it) }
    };
    let devices = rows.into_iter().map(device).collect();
    let asker = |it: UnregisteredPhone| {
        let last_screen = shown(&it.address);
        AskerSeen::of(&web.out, it, last_screen)
    };
    let askers = web.app.access.askers().into_iter().map(asker).collect();
    Ok(Json(Devices { devices, askers }))
}

/// Give a phone a token of its own
///
/// The token is shown this once; what is kept of it opens nothing.
#[utoipa::path(
    post, path = "/api/devices", tag = "access", operation_id = "add_device", request_body = Named,
    responses((status = 201, body = NewDevice)),
)]
pub(crate) async fn add(
    State(web): State<Web>,
    caller: Caller,
    Base(base): Base,
    Body(body): Body,
) -> Result<Response, Problem> {
    let made = web.app.add_phone(&caller, &field(&body, "name")?).await?;
    let body = NewDevice::of(&web.out, &base, &made.secret, made.phone);
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

/// Rename a phone
#[utoipa::path(
    patch, path = "/api/devices/{id}", tag = "access", operation_id = "rename_device",
    params(("id" = String, Path, format = "uuid")), request_body = Named,
    responses((status = 204, description = "Renamed"), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn rename(
    State(web): State<Web>,
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<StatusCode, Problem> {
    uuid("id", &id)?;
    web.app.rename_phone(&caller, &id, &field(&body, "name")?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give a phone another token
///
/// The one before stops working. A phone whose token was revoked gets access again.
#[utoipa::path(
    post, path = "/api/devices/{id}/renew", tag = "access", operation_id = "renew_device",
    params(("id" = String, Path, format = "uuid")),
    responses((status = 200, body = NewDevice), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn renew(
    State(web): State<Web>,
    caller: Caller,
    Path(id): Path<String>,
    Base(base): Base,
) -> Result<Json<NewDevice>, Problem> {
    uuid("id", &id)?;
    let made = web.app.renew_phone_token(&caller, &id).await?;
    Ok(Json(NewDevice::of(&web.out, &base, &made.secret, made.phone)))
}

/// Revoke a phone's token
#[utoipa::path(
    delete, path = "/api/devices/{id}", tag = "access", operation_id = "revoke_device",
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
    web.app.revoke_phone(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where phones find us, as far as this request tells.
pub(crate) struct Base(pub(crate) String);

impl axum::extract::FromRequestParts<Web> for Base {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Base, Problem> {
        Ok(Base(phones_origin(web, parts)))
    }
}
