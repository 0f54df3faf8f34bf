//! Phones: those with a token of their own, and those that asked without one.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Web;
use crate::entrance::{Guest, about, actor};
use crate::input::{Body, field, uuid};
use crate::origin::phones_origin;
use crate::problem::Problem;
use ringbook_app::doorkeeper;
use ringbook_app::doorkeeper::{Asker, Shown, SignInError};
use ringbook_app::wire::{Moment, Outward, ProblemBody};
use ringbook_store::DeviceRow;
use ringbook_store::secret::Secret;

/// A phone with a token of its own, without the token.
#[derive(Debug, Serialize, ToSchema)]
pub struct Device {
    #[schema(format = "uuid")]
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) created_at: Moment,
    pub(crate) created_by: String,
    pub(crate) revoked_at: Option<Moment>,
    /// To the minute.
    pub(crate) last_seen_at: Option<Moment>,
    pub(crate) last_seen_from: Option<String>,
    /// What it says it is.
    pub(crate) model: Option<String>,
    /// What it was shown last, since this server started.
    pub(crate) last_screen: Option<Shown>,
}

impl Device {
    pub fn of(out: &Outward, row: DeviceRow) -> Device {
        Device {
            id: row.id,
            name: row.name,
            created_at: out.time(row.created_at),
            created_by: row.created_by,
            revoked_at: row.revoked_at.map(|at| out.time(at)),
            last_seen_at: row.seen_at.map(|at| out.time(at)),
            last_seen_from: row.seen_from,
            model: row.model,
            last_screen: None,
        }
    }
}

/// A phone that asked without a token, from PHONE_NETWORKS.
#[derive(Debug, Serialize, ToSchema)]
pub struct AskerSeen {
    pub address: String,
    pub model: String,
    pub first_seen_at: Moment,
    pub last_seen_at: Moment,
    pub requests: u64,
    /// What it was shown last.
    pub last_screen: Option<Shown>,
}

impl AskerSeen {
    fn of(out: &Outward, it: Asker, last_screen: Option<Shown>) -> AskerSeen {
        AskerSeen {
            last_screen,
            address: it.address,
            model: it.model,
            first_seen_at: out.time(it.first_seen),
            last_seen_at: out.time(it.last_seen),
            requests: it.requests,
        }
    }
}

/// Which phones there are.
#[derive(Debug, Serialize, ToSchema)]
pub struct Devices {
    pub devices: Vec<Device>,
    /// Phones that this server has seen without a token, since it started.
    pub askers: Vec<AskerSeen>,
}

/// A phone's new token, and the addresses to enter in it: they are shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewDevice {
    pub token: String,
    /// For the phone's directory.
    pub directory_url: String,
    /// For a switchboard's caller names.
    pub lookup_url: String,
    #[serde(flatten)]
    pub about: Device,
}

impl NewDevice {
    pub fn of(out: &Outward, base: &str, secret: &Secret, row: DeviceRow) -> NewDevice {
        let token = secret.expose().to_owned();
        NewDevice {
            directory_url: format!("{base}/p/{token}/directory"),
            lookup_url: format!("{base}/p/{token}/lookup?number="),
            token,
            about: Device::of(out, row),
        }
    }
}

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
    let asker = |it: Asker| {
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
    guest: Guest,
    Base(base): Base,
    Body(body): Body,
) -> Result<Response, Problem> {
    let (secret, row) = let_in(&web, &guest, &field(&body, "name")?).await?;
    let body = NewDevice::of(&web.out, &base, &secret, row);
    let name = body.about.name.clone();
    Ok(about(&name, (StatusCode::CREATED, Json(body)).into_response()))
}

/// Gives a phone a token.
pub(crate) async fn let_in(
    web: &Web,
    guest: &Guest,
    name: &str,
) -> Result<(Secret, DeviceRow), Problem> {
    let name = doorkeeper::name(name)?;
    let secret = Secret::for_device().map_err(SignInError::from)?;
    let row = web.app.store.add_device(secret.hash(), &name, &actor(guest)).await?;
    // It may be tried before this process would look again.
    web.app.access.forget();
    Ok((secret, row))
}

/// Call a phone something else
#[utoipa::path(
    patch, path = "/api/devices/{id}", tag = "access", operation_id = "rename_device",
    params(("id" = String, Path, format = "uuid")), request_body = Named,
    responses((status = 204, description = "Renamed"), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn rename(
    State(web): State<Web>,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<StatusCode, Problem> {
    call(&web, &id, &field(&body, "name")?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Calls a phone something else.
pub(crate) async fn call(web: &Web, id: &str, name: &str) -> Result<(), Problem> {
    uuid("id", id)?;
    let name = doorkeeper::name(name)?;
    match web.app.store.rename_device(id, &name).await? {
        true => Ok(()),
        false => Err(Problem::missing("phone", id)),
    }
}

/// Give a phone another token
///
/// The one before opens nothing any more. A phone whose token was revoked is let in again.
#[utoipa::path(
    post, path = "/api/devices/{id}/renew", tag = "access", operation_id = "renew_device",
    params(("id" = String, Path, format = "uuid")),
    responses((status = 200, body = NewDevice), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn renew(
    State(web): State<Web>,
    Path(id): Path<String>,
    Base(base): Base,
) -> Result<Json<NewDevice>, Problem> {
    let (secret, row) = let_in_anew(&web, &id).await?;
    Ok(Json(NewDevice::of(&web.out, &base, &secret, row)))
}

/// Gives a phone another token in place of the one before.
pub(crate) async fn let_in_anew(web: &Web, id: &str) -> Result<(Secret, DeviceRow), Problem> {
    uuid("id", id)?;
    let secret = Secret::for_device().map_err(SignInError::from)?;
    let renewed = web.app.store.renew_device(id, secret.hash()).await?;
    web.app.access.forget();
    let row = known(web, id).await?.filter(|_| renewed);
    row.map(|row| (secret, row)).ok_or_else(|| Problem::missing("phone", id))
}

/// The phone of this id.
pub(crate) async fn known(web: &Web, id: &str) -> Result<Option<DeviceRow>, Problem> {
    Ok(web.app.store.devices().await?.into_iter().find(|it| it.id == id))
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
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    shut_out(&web, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Revokes a phone's token.
pub(crate) async fn shut_out(web: &Web, id: &str) -> Result<(), Problem> {
    uuid("id", id)?;
    let revoked = web.app.store.revoke_device(id).await?;
    web.app.access.forget();
    match revoked {
        true => Ok(()),
        false => Err(Problem::missing("phone with a token in use", id)),
    }
}

/// Where phones find us, as far as this request tells.
pub(crate) struct Base(pub(crate) String);

impl axum::extract::FromRequestParts<Web> for Base {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Base, Problem> {
        Ok(Base(phones_origin(web, parts)))
    }
}
