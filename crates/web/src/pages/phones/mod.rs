//! The phones: which have asked, which have a token, how they are set up, and one on the page to try.

mod actions;
mod emulator;
mod emulator_screen;
mod models;
mod navigation;
mod setup;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};

use crate::Web;
use crate::auth::AuthContext;
use crate::auth::devices::Base;
use crate::pages::language::said;
use crate::pages::overview::Severity;
use crate::pages::{Moment, PageContext, Place, page};
use crate::problem::Problem;
use ringbook_app::auth::{NAME_LEN_MAX, Shown, UnregisteredPhone};
use ringbook_app::snippet::leads_home;
use ringbook_core::access::Permission;
use ringbook_store::DeviceRow;

/// Phones without a token that are listed, latest first.
const ASKERS: usize = 200;

/// The phones' pages.
pub(crate) fn routes() -> Router<Web> {
    Router::new()
        .route("/phones", get(phones))
        .route("/phones/setup", get(setup::setup))
        .route("/phones/try", get(emulator::drawn))
        .route("/phones/devices/{id}", get(actions::device))
        .route("/do/phones/add", post(actions::add))
        .route("/do/phones/{id}/rename", post(actions::rename))
        .route("/do/phones/{id}/renew", post(actions::renew))
        .route("/do/phones/{id}/revoke", post(actions::revoke))
}

#[derive(Template)]
#[template(path = "phones.html")]
struct Phones {
    visit: PageContext,
    here: Place,
    /// They may see who asks, and give tokens.
    is_admin: bool,
    devices: Vec<Device>,
    askers: Vec<Seen>,
    /// So many more have asked.
    more: Option<String>,
    /// What to enter in a phone, as far as that is known.
    url: Option<String>,
    length: usize,
}

/// A phone with a token of its own.
pub(super) struct Device {
    id: String,
    name: String,
    revoked: bool,
    tone: Severity,
    state: &'static str,
    created: Moment,
    created_by: String,
    seen: Option<Moment>,
    from: String,
    model: String,
    what: &'static str,
}

/// A phone that asked without one.
struct Seen {
    address: String,
    model: String,
    first: Moment,
    last: Moment,
    requests: String,
    what: &'static str,
}

/// `GET /phones`
async fn phones(
    State(web): State<Web>,
    visit: PageContext,
    guest: AuthContext,
    Base(base): Base,
) -> Result<Response, Problem> {
    let is_admin = guest.who.may(Permission::Admin);
    let (mut devices, mut askers, mut more) = (Vec::new(), Vec::new(), None);
    if is_admin {
        let rows = web.app.store.devices().await?;
        devices = rows.into_iter().map(|it| device(&web, &visit, it)).collect();
        // Those in use first; within them, by name.
        devices.sort_by_key(|it| it.revoked);
        let all = web.app.access.askers();
        let hidden = all.len().saturating_sub(ASKERS) as u64;
        let count = || visit.language.count(hidden, "and {} more phone", "and {} more phones");
        more = (hidden > 0).then(count);
        askers = all.into_iter().take(ASKERS).map(|it| seen(&web, &visit, it)).collect();
    }
    let url = (!leads_home(&base)).then(|| format!("{base}/directory"));
    let (here, length) = (Place::Phones, NAME_LEN_MAX);
    Ok(page(&Phones { visit, here, is_admin, devices, askers, more, url, length }))
}

fn device(web: &Web, visit: &PageContext, row: DeviceRow) -> Device {
    let revoked = row.revoked_at.is_some();
    let (tone, state) = match (revoked, row.seen_at.is_some()) {
        (true, _) => (Severity::Bad, said("Revoked")),
        (false, true) => (Severity::Good, said("In use")),
        (false, false) => (Severity::Warn, said("Never seen")),
    };
    Device {
        revoked,
        tone,
        state: visit.language.say_known(state),
        created: visit.ago(&row.created_at),
        created_by: row.created_by,
        seen: row.seen_at.map(|at| visit.ago(&at)),
        from: row.seen_from.unwrap_or_default(),
        model: short(row.model.unwrap_or_default()),
        what: what(web, visit, &row.id),
        id: row.id,
        name: row.name,
    }
}

fn seen(web: &Web, visit: &PageContext, it: UnregisteredPhone) -> Seen {
    Seen {
        what: what(web, visit, &it.address),
        address: it.address,
        model: short(it.model),
        first: visit.ago(&it.first_seen),
        last: visit.ago(&it.last_seen),
        requests: visit.language.number(it.requests),
    }
}

/// Behind the bracket are addresses and serial numbers.
fn short(model: String) -> String {
    model.split('(').next().unwrap_or_default().trim().to_owned()
}

/// What a phone was shown last: which kind of screen, never whose.
fn what(web: &Web, visit: &PageContext, whose: &str) -> &'static str {
    let Some((_, shown)) = web.app.access.shown(whose) else { return "–" };
    visit.language.say_known(match shown {
        Shown::Menu => said("Menu"),
        Shown::Group => said("Keypad group"),
        Shown::Favourites => said("Favourites"),
        Shown::Labels => said("Labels"),
        Shown::Contact => said("A contact"),
        Shown::Search => said("Search"),
        Shown::Help => said("Help"),
        Shown::Lookup => said("Caller name"),
    })
}
