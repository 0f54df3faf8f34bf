//! The dashboard: pages for people, made on the server.
//!
//! Every page works without scripts: links lead on, forms act and lead back. A small script of ours makes
//! it livelier, by asking for a part of the page again when something has changed.

pub(crate) mod access;
mod accounts;
mod actions;
pub(crate) mod assets;
mod chart;
pub(crate) mod connecting;
mod contact_count_chart;
mod contacts;
pub(crate) mod error_pages;
mod held;
mod history;
pub(crate) mod language;
mod overview;
mod phones;
mod run;
mod settings;
mod sign_in;
mod system;
mod timeline;

use askama::Template;
use axum::Router;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use tracing::error;

use crate::Web;
use crate::auth::AuthContext;
use crate::input::text_of;
use crate::problem::Problem;
use language::Language;
use ringbook_core::access::{Identity, Permission};

/// The pages' routes.
pub(crate) fn routes() -> Router<Web> {
    Router::new()
        .route("/", get(overview::overview))
        .route("/history", get(history::history))
        .route("/runs/{id}", get(run::run))
        .route("/assets/{name}", get(assets::asset))
        .route("/sign-in", get(sign_in::sign_in_page))
        .route("/setup", get(sign_in::setup_page))
        .route("/do/sign-in", post(sign_in::sign_in))
        .route("/do/setup", post(sign_in::set_up))
        .route("/do/sign-out", post(sign_in::sign_out))
        .route("/language/{code}", get(actions::language))
        .route("/do/sync", post(actions::sync))
        .route("/do/cancel", post(actions::cancel))
        .route("/do/pause", post(actions::pause))
        .route("/do/decide", post(actions::decide))
        .merge(phones::routes())
        .route("/runs/{id}/held", get(held::held))
        .route("/do/clear-history", post(history::clear))
        .merge(settings::routes())
        .merge(system::routes())
        .merge(contacts::routes())
        .merge(accounts::routes())
        .merge(access::routes())
}

/// Where a page stands in the menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// On none of the menu's pages.
    Nowhere,
    Overview,
    Contacts,
    Phones,
    History,
    Accounts,
    Settings,
    System,
}

/// What every page needs: who reads it, in which language, and what time it is.
pub(crate) struct PageContext {
    pub(crate) language: Language,
    pub(crate) now: Timestamp,
    zone: jiff::tz::TimeZone,
    /// Where the reader is, so that a form can lead back here.
    pub(crate) path: String,
    /// What every form sends along, to prove that it is ours; empty where nobody is signed in.
    pub(crate) csrf: String,
    /// Who is signed in.
    pub(crate) reader: Option<String>,
    /// There is no administrator yet.
    pub(crate) needs_setup: bool,
    /// They may see more than the door.
    pub(crate) is_inside: bool,
    /// What they may do at most.
    right: Permission,
}

impl FromRequestParts<Web> for PageContext {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<PageContext, Problem> {
        let cookies = text_of(&parts.headers, header::COOKIE.as_str());
        let chosen = cookies.split(';').find_map(|it| it.trim().strip_prefix("language="));
        let wished = text_of(&parts.headers, header::ACCEPT_LANGUAGE.as_str());
        let language =
            chosen.and_then(Language::parse).unwrap_or_else(|| Language::wished(&wished));
        let path = parts.uri.path_and_query().map_or("/", |it| it.as_str());
        // What a form is sent to is no page to come back to; whoever shows it again says which is.
        let path = if path.starts_with("/do/") { "/" } else { path }.to_owned();
        let guest = AuthContext::from_request_parts(parts, web).await?;
        let csrf = guest.session.as_ref().map(|it| it.csrf.clone()).unwrap_or_default();
        let reader = guest.who.name().map(str::to_owned);
        let needs_setup = guest.who == Identity::Local;
        let right = guest.who.right();
        let is_inside = guest.who.may(Permission::Read);
        Ok(PageContext {
            csrf,
            reader,
            needs_setup,
            is_inside,
            right,
            language,
            now: web.now(),
            zone: web.app.config.timezone.clone(),
            path,
        })
    }
}

impl PageContext {
    /// Shorthand for the templates.
    pub(crate) fn say(&self, english: &'static str) -> &'static str {
        self.language.say(english)
    }

    /// Whether they may start and stop syncs, and decide on those on hold.
    pub(crate) fn may_sync(&self) -> bool {
        self.right >= Permission::Sync
    }

    pub(crate) fn may_administer(&self) -> bool {
        self.right >= Permission::Admin
    }

    /// When this day began, where the installation is.
    pub(crate) fn today(&self) -> Timestamp {
        let now = self.now.to_zoned(self.zone.clone());
        now.start_of_day().map_or(self.now, |it| it.timestamp())
    }

    /// A moment to the second, for what is compared with a clock.
    pub(crate) fn exact(&self, at: &Timestamp) -> Moment {
        let exact = self.language.exact(*at, &self.zone);
        Moment {
            machine: String::new(),
            words: exact,
            exact: self.language.relative(*at, self.now),
        }
    }

    /// A moment in a sentence, to the second.
    pub(crate) fn in_full(&self, at: &Timestamp) -> String {
        self.language.exact(*at, &self.zone)
    }

    /// A moment as people say it, with the exact time on hover and for programs.
    pub(crate) fn ago(&self, at: &Timestamp) -> Moment {
        Moment {
            machine: at.to_string(),
            exact: self.language.exact(*at, &self.zone),
            words: self.language.relative(*at, self.now),
        }
    }

    pub(crate) fn menu(&self, here: &Place) -> Vec<MenuItem> {
        let item = |place, href, text| MenuItem { href, text, here: place == *here };
        let admin = self.may_administer();
        let mut menu = vec![
            item(Place::Overview, "/", self.say("Overview")),
            item(Place::Contacts, "/contacts", self.say("Contacts")),
            item(Place::Phones, "/phones", self.say("Phones")),
            item(Place::History, "/history", self.say("History")),
        ];
        menu.extend(admin.then(|| item(Place::Accounts, "/accounts", self.say("Accounts"))));
        menu.push(item(Place::Settings, settings::entry(self), self.say("Settings")));
        menu.extend(admin.then(|| item(Place::System, "/system", self.say("Health"))));
        menu
    }
}

pub(crate) struct MenuItem {
    pub(crate) href: &'static str,
    pub(crate) text: &'static str,
    pub(crate) here: bool,
}

/// `<time>` in a page.
pub(crate) struct Moment {
    machine: String,
    exact: String,
    words: String,
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Nothing in here comes from outside, so nothing has to be escaped.
        let Moment { machine, exact, words } = self;
        if machine.is_empty() {
            // Without a time for programs the script leaves the words alone.
            return write!(f, "<span title=\"{exact}\">{words}</span>");
        }
        write!(f, "<time datetime=\"{machine}\" title=\"{exact}\">{words}</time>")
    }
}

impl askama::filters::HtmlSafe for Moment {}

/// Something that was not possible, as a page.
#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    visit: PageContext,
    here: Place,
    detail: String,
    back: String,
}

/// What went wrong, for a person, with the way back.
fn problem_page(visit: PageContext, problem: &Problem, back: String) -> Response {
    let detail = problem.detail.clone();
    let here = Place::Nowhere;
    let mut response = page(&ProblemPage { visit, here, detail, back });
    *response.status_mut() = problem.status;
    response
}

/// Fills a template in.
fn page(template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => {
            let mut response = Html(text).into_response();
            // The same address answers in several languages.
            let vary = HeaderValue::from_static("accept-language, cookie");
            response.headers_mut().insert(header::VARY, vary);
            response
        }
        Err(problem) => {
            error!(%problem, "a page could not be made");
            let detail = "this page could not be made; the log says why";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail).into_response()
        }
    }
}
