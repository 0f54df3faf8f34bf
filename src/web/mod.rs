//! The HTTP face: the REST API with its document, sign-in at Google, health and metrics.
//!
//! Handlers translate: in, one call, out. What is decided is decided further in. [`wire`] holds the
//! shapes of the API and [`read`] fills them; the command line prints the same ones.

mod auth;
mod contacts;
mod dialling;
mod events;
mod health;
mod history;
mod input;
mod layers;
mod openapi;
mod phones;
mod problem;
pub mod read;
mod recent;
mod runs;
mod schedule;
mod screens;
mod search;
mod serve;
mod syncs;
pub mod wire;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use jiff::Timestamp;
use tokio::sync::{Semaphore, watch};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

use crate::app::App;
use crate::store::Account;
use crate::sync::AccountId;
use crate::web::problem::Problem;
use crate::web::recent::Recent;
use crate::web::screens::Screens;
use crate::web::wire::Outward;

pub(crate) use auth::page;
pub use serve::serve;

/// What reads strangers' words below the handlers, for those who try it with odd ones.
#[cfg(any(test, ringbook_fuzz))]
pub(crate) mod hostile {
    pub(crate) use super::events::{id as event_id, parse_id as parse_event_id};
    pub(crate) use super::problem::shown;
    pub(crate) use super::read::cursor;
}

/// What every handler gets.
#[derive(Clone)]
pub(crate) struct Web {
    app: App,
    out: Outward,
    /// What was searched for on which phone.
    recent: Arc<Recent>,
    screens: Arc<Screens>,
    /// One for each who follows the events.
    followers: Arc<Semaphore>,
    /// Turns true when the server is to end, and with it what would never end by itself.
    closing: watch::Receiver<bool>,
    started_at: Timestamp,
}

/// How many may follow the events at once.
const FOLLOWERS: usize = 256;

impl Web {
    fn new(app: App, closing: watch::Receiver<bool>) -> Web {
        let out = Outward::new(&app.store, &app.config);
        let started_at = app.clock.now();
        let followers = Arc::new(Semaphore::new(FOLLOWERS));
        Web {
            app,
            out,
            recent: Arc::default(),
            screens: Arc::default(),
            followers,
            closing,
            started_at,
        }
    }

    /// The account that is named, or the first one; `None` when there is none yet.
    async fn account(&self, named: Option<AccountId>) -> Result<Option<Account>, Problem> {
        let Some(id) = named else {
            return Ok(self.app.store.accounts().await?.into_iter().next());
        };
        let found = self.app.store.account(id).await?;
        found.map(Some).ok_or_else(|| Problem::missing("account", &self.out.ids().account(id)))
    }

    fn now(&self) -> Timestamp {
        self.app.clock.now()
    }
}

/// All routes. Streams of events end only with their connection; [`serve()`] ends them itself.
pub fn router(app: App) -> Router {
    let (sender, closing) = watch::channel(false);
    // Without a server nobody closes; the channel stays open as long as somebody listens.
    drop(sender);
    assemble(Web::new(app, closing))
}

fn assemble(web: Web) -> Router {
    let (routes, mut document) = OpenApiRouter::with_openapi(openapi::beginning())
        .routes(routes!(syncs::status))
        .routes(routes!(syncs::sync))
        .routes(routes!(syncs::full))
        .routes(routes!(syncs::incremental))
        .routes(routes!(syncs::safe))
        .routes(routes!(syncs::needs_sync))
        .routes(routes!(syncs::cancel))
        .routes(routes!(syncs::progress))
        .routes(routes!(events::events))
        .routes(routes!(history::history, history::clear))
        .routes(routes!(history::statistics))
        .routes(routes!(runs::run))
        .routes(routes!(runs::changes))
        .routes(routes!(runs::errors))
        .routes(routes!(runs::held))
        .routes(routes!(runs::approve))
        .routes(routes!(runs::reject))
        .routes(routes!(schedule::get, schedule::put))
        .routes(routes!(auth::url))
        .routes(routes!(auth::google))
        .routes(routes!(auth::callback))
        .routes(routes!(auth::paste))
        .routes(routes!(auth::client, auth::put_client, auth::delete_client))
        .routes(routes!(auth::status))
        .routes(routes!(auth::refresh))
        .routes(routes!(auth::revoke))
        .routes(routes!(auth::disconnect))
        .routes(routes!(contacts::list))
        .routes(routes!(contacts::stats))
        .routes(routes!(contacts::one))
        .routes(routes!(search::search))
        .routes(routes!(search::contacts))
        .routes(routes!(search::by_name))
        .routes(routes!(search::by_phone))
        .routes(routes!(search::lookup))
        .routes(routes!(dialling::dial))
        .routes(routes!(health::health))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
        .split_for_parts();
    openapi::complete(&mut document);
    routes
        .route("/directory", get(phones::screen))
        .route("/directory/", get(phones::screen))
        .route("/directory/{*path}", get(phones::screen))
        .with_state(web.clone())
        .merge(SwaggerUi::new("/docs").url("/api/openapi.json", document))
        .layer(CatchPanicLayer::custom(layers::panicked))
        .layer(from_fn(layers::speak_json))
        .layer(from_fn(layers::guard))
        .layer(from_fn(phones::always_a_screen))
        .layer(from_fn_with_state(web, layers::count))
}
