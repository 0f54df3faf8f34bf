//! The HTTP face: the REST API with its document, sign-in at Google, health and metrics.
//!
//! Handlers translate: in, one call, out. What is decided is decided further in.

mod accounts;
pub mod auth;
mod base_path;
mod compression;
mod connection_limiter;
mod contact_history;
mod contacts;
mod dialling;
mod events;
mod exposition;
mod followers;
mod forwarded;
mod google_auth;
mod health;
mod history;
mod hosts;
mod input;
mod lookup;
mod middleware;
mod openapi;
mod origin;
mod pages;
mod phones;
mod problem;
mod recent;
mod runs;
mod schedule;
mod screens;
mod search;
mod serve;
mod sources;
mod syncs;
mod system;
mod tls;
mod watched;

use std::ops::Deref;
use std::sync::Arc;

use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use axum::{Extension, Router};
use jiff::Timestamp;
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

use crate::auth::InProcess;
use crate::followers::Followers;
use crate::input::Query;
use crate::problem::Problem;
use crate::recent::Recent;
use crate::screens::Screens;
use ringbook_app::App;
use ringbook_app::wire::ApiEncoder;
use ringbook_core::access::HostNames;
use ringbook_core::sync::AccountId;
use ringbook_store::Account;

pub use auth::ROUTES;
pub use google_auth::page;
pub use serve::{Exposure, Listener, Timeouts, raise_files_limit, serve};
pub use tls::{Tls, TlsError};

/// What reads strangers' words below the handlers, for the fuzz targets.
#[doc(hidden)]
pub mod fuzzing {
    pub use super::events::{id as event_id, parse_id as parse_event_id};
}

/// What every handler gets: one pointer, for a request is handed it a dozen times, and to count each of its
/// parts as often, on all cores at once, took longer than to answer.
#[derive(Clone)]
pub(crate) struct Web(Arc<AppState>);

/// What is behind a [`Web`].
pub(crate) struct AppState {
    app: App,
    out: ApiEncoder,
    /// What was searched for on which phone.
    recent: Recent,
    screens: Screens,
    /// By which names we may be asked.
    hosts: HostNames,
    /// One for each who follows the events.
    followers: Arc<Followers>,
    /// Turns true when the server is to end, and with it what would never end by itself.
    closing: watch::Receiver<bool>,
    started_at: Timestamp,
}

/// The accounts that a request is about.
pub(crate) struct AccountSelection {
    /// Oldest first.
    pub(crate) accounts: Vec<Account>,
    /// The only one, if it was named.
    pub(crate) named: Option<AccountId>,
}

impl Deref for Web {
    type Target = AppState;

    fn deref(&self) -> &AppState {
        &self.0
    }
}

impl Web {
    fn new(app: App, closing: watch::Receiver<bool>) -> Web {
        let out = ApiEncoder::new(&app.store, &app.config);
        let started_at = app.clock.now();
        let followers = Arc::new(Followers::default());
        let hosts = hosts::names(&app);
        Web(Arc::new(AppState {
            hosts,
            app,
            out,
            recent: Recent::default(),
            screens: Screens::default(),
            followers,
            closing,
            started_at,
        }))
    }

    /// The account that is named, or the first one; `None` when there is none yet.
    async fn account(&self, named: Option<AccountId>) -> Result<Option<Account>, Problem> {
        let Some(id) = named else {
            return Ok(self.app.store.accounts().await?.into_iter().next());
        };
        let found = self.app.store.account(id).await?;
        found.map(Some).ok_or_else(|| Problem::missing("account", &self.out.ids().account(id)))
    }

    /// The accounts that a request is about: the one that `account` names, by its id or its name, or all.
    async fn whom(&self, query: &Query) -> Result<AccountSelection, Problem> {
        let Some(text) = query.text("account")? else {
            return Ok(AccountSelection {
                accounts: self.app.store.accounts().await?,
                named: None,
            });
        };
        if text.is_empty() {
            return Err(Problem::value("account", text, "the id or the name of an account"));
        }
        let found = match self.out.ids().parse_account(text) {
            Some(id) => self.app.store.account(id).await?,
            None => self.app.store.account_named(text).await?,
        };
        let account = found.ok_or_else(|| Problem::missing("account", text))?;
        let named = Some(account.id);
        Ok(AccountSelection { accounts: vec![account], named })
    }

    fn now(&self) -> Timestamp {
        self.app.clock.now()
    }
}

/// All routes, for whoever asks within this process: no server is in front, and everything is allowed. Streams of events end only with their connection; [`serve()`] ends them itself.
pub fn router(app: App) -> Router {
    let (sender, closing) = watch::channel(false);
    // Without a server nobody closes; the channel stays open as long as somebody listens.
    drop(sender);
    let web = Web::new(app, closing);
    base_path::below(&web, assemble(web.clone()).layer(Extension(InProcess)))
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
        .routes(routes!(runs::phases))
        .routes(routes!(runs::approve))
        .routes(routes!(runs::reject))
        .routes(routes!(schedule::get, schedule::put))
        .routes(routes!(accounts::list, accounts::add))
        .routes(routes!(accounts::one, accounts::change, accounts::remove))
        .routes(routes!(accounts::disconnect))
        .routes(routes!(accounts::labels))
        .routes(routes!(google_auth::url))
        .routes(routes!(google_auth::google))
        .routes(routes!(google_auth::callback))
        .routes(routes!(google_auth::paste))
        .routes(routes!(google_auth::client, google_auth::put_client, google_auth::delete_client))
        .routes(routes!(google_auth::status))
        .routes(routes!(google_auth::test_connection))
        .routes(routes!(google_auth::refresh))
        .routes(routes!(google_auth::revoke))
        .routes(routes!(google_auth::disconnect))
        .routes(routes!(contacts::list))
        .routes(routes!(contacts::stats))
        .routes(routes!(contacts::one))
        .routes(routes!(contact_history::deleted))
        .routes(routes!(contact_history::deleted_vcards))
        .routes(routes!(contact_history::changes))
        .routes(routes!(contact_history::vcard))
        .routes(routes!(search::search))
        .routes(routes!(search::contacts))
        .routes(routes!(search::by_name))
        .routes(routes!(search::by_phone))
        .routes(routes!(lookup::lookup))
        .routes(routes!(dialling::dial))
        .routes(routes!(sources::service_account, sources::put_service_account))
        .routes(routes!(sources::add))
        .routes(routes!(health::health))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
        .routes(routes!(system::doctor))
        .routes(routes!(system::system))
        .routes(routes!(system::config))
        .routes(routes!(auth::people::session, auth::people::sign_in, auth::people::sign_out))
        .routes(routes!(auth::people::set_up))
        .routes(routes!(auth::people::sessions))
        .routes(routes!(auth::people::end))
        .routes(routes!(auth::people::list, auth::people::add))
        .routes(routes!(auth::people::password))
        .routes(routes!(auth::people::remove))
        .routes(routes!(auth::tokens::list, auth::tokens::add))
        .routes(routes!(auth::tokens::revoke))
        .routes(routes!(auth::devices::list, auth::devices::add))
        .routes(routes!(auth::devices::rename, auth::devices::revoke))
        .routes(routes!(auth::devices::renew))
        .routes(routes!(auth::audit::audit))
        .split_for_parts();
    openapi::complete(&mut document);
    routes
        .merge(pages::routes())
        .route("/directory", get(phones::screen))
        .route("/directory/", get(phones::screen))
        .route("/directory/{*path}", get(phones::screen))
        .route("/p/{token}/directory", get(phones::screen))
        .route("/p/{token}/directory/", get(phones::screen))
        .route("/p/{token}/directory/{*path}", get(phones::screen))
        .route("/p/{token}/lookup", get(lookup::lookup))
        .with_state(web.clone())
        .merge(
            SwaggerUi::new("/docs")
                .url("/api/openapi.json", document)
                // Found from where the explorer is, whatever path that is below.
                .config(utoipa_swagger_ui::Config::new(["../api/openapi.json"])),
        )
        .layer(from_fn_with_state(web.clone(), auth::authorize))
        .layer(CatchPanicLayer::custom(middleware::panicked))
        .layer(from_fn(middleware::speak_json))
        .layer(from_fn_with_state(web.clone(), hosts::judge))
        .layer(from_fn_with_state(web.clone(), pages::error_pages::explain))
        .layer(from_fn_with_state(web.clone(), middleware::refuse_other_sites))
        .layer(from_fn(middleware::guard))
        .layer(from_fn(middleware::restrict_browsers))
        .layer(from_fn(phones::always_a_screen))
        .layer(from_fn(phones::always_a_name))
        .layer(from_fn_with_state(web.clone(), compression::compress))
        .layer(from_fn_with_state(web, middleware::count))
}
