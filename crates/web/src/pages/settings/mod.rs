//! Settings: what is in force, when accounts are synced, what phones dial, and what their directory does.

mod dialling;
mod directory;
mod schedule;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};

use crate::Web;
use crate::input::Query;
use crate::pages::language::{Language, said};
use crate::pages::{PageContext, Place, page};
use crate::problem::Problem;
use ringbook_app::config::ConfigLine;
use ringbook_core::contact::fold;

/// The pages' routes.
pub(crate) fn routes() -> Router<Web> {
    Router::new()
        .route("/settings", get(settings))
        .route("/settings/schedule", get(schedule::schedule))
        .route("/settings/dialling", get(dialling::dialling))
        .route("/settings/directory", get(directory::directory))
        .route("/do/schedule", post(schedule::set))
}

/// Where the menu leads: whoever may not see the configuration begins with the schedule.
pub(crate) fn entry(visit: &PageContext) -> &'static str {
    if visit.may_administer() { "/settings" } else { "/settings/schedule" }
}

/// One of the pages about settings, for the row of links above each.
pub(super) struct Tab {
    pub(super) href: &'static str,
    pub(super) text: &'static str,
    pub(super) here: bool,
}

/// Pages that only administrators see.
const IS_ADMINS: [&str; 4] = ["/settings", "/access", "/access/tokens", "/access/audit"];

pub(super) fn tabs(visit: &PageContext, here: &str) -> Vec<Tab> {
    let all = [
        ("/settings", said("Configuration")),
        ("/settings/schedule", said("Schedule")),
        ("/settings/dialling", said("Dialling")),
        ("/settings/directory", said("Directory")),
        ("/access", said("People")),
        ("/access/tokens", said("Programs")),
        ("/access/audit", said("Audit log")),
    ];
    let is_open = |href: &str| visit.may_administer() || !IS_ADMINS.contains(&href);
    let tab = |(href, text)| Tab { href, text: visit.say(text), here: href == here };
    all.into_iter().filter(|(href, _)| is_open(href)).map(tab).collect()
}

#[derive(Template)]
#[template(path = "settings.html")]
struct Settings {
    visit: PageContext,
    here: Place,
    tabs: Vec<Tab>,
    search: String,
    groups: Vec<Group>,
}

/// Settings that belong together.
struct Group {
    title: &'static str,
    lines: Vec<Line>,
}

/// One setting.
pub(super) struct Line {
    pub(super) key: &'static str,
    pub(super) value: String,
    pub(super) source: String,
    /// Nobody set it.
    pub(super) is_default: bool,
    pub(super) about: &'static str,
}

impl Line {
    fn of(language: Language, line: ConfigLine) -> Line {
        let is_default = line.source == "default";
        let source = match line.source.as_str() {
            "default" => language.say("default").to_owned(),
            "environment" => language.say("environment").to_owned(),
            _ => line.source,
        };
        let value = match line.value.as_str() {
            "" => language.say("not set").to_owned(),
            // A secret; there is nothing more to be told of it.
            "***" => language.say("set").to_owned(),
            _ => line.value,
        };
        let about = language.say_known(line.description);
        Line { key: line.key, value, source, is_default, about }
    }

    fn fits(&self, words: &[String]) -> bool {
        let text = fold(
            &format!("{} {} {} {}", self.key, self.value, self.source, self.about),
            usize::MAX,
        );
        words.iter().all(|word| text.contains(word.as_str()))
    }
}

/// The settings whose names begin like this, for the pages that explain them.
pub(super) fn lines(web: &Web, visit: &PageContext, wanted: impl Fn(&str) -> bool) -> Vec<Line> {
    let report = web.app.config.report().into_iter().filter(|line| wanted(line.key));
    report.map(|line| Line::of(visit.language, line)).collect()
}

/// In which group a setting stands, by the beginning of its name. The first takes the rest.
const GROUPS: &[(&str, &[&str])] = &[
    (said("Server"), &[]),
    (said("Google"), &["GOOGLE_"]),
    (said("The directory on the phones"), &["DIRECTORY_", "LOOKUP_", "PUBLIC_URL", "SEARCH_"]),
    (said("What phones dial"), &["DIAL_"]),
    (said("Syncs"), &["SYNC_", "LEASE_"]),
    (said("Alarm and history"), &["ALERT_", "HISTORY_", "TOMBSTONE_"]),
    (said("Who gets in"), &["PHONE_", "SESSION_", "AUTH_", "TRUSTED_"]),
];

/// `GET /settings`
async fn settings(
    State(web): State<Web>,
    visit: PageContext,
    query: Query,
) -> Result<Response, Problem> {
    let search = query.text("q")?.unwrap_or_default().to_owned();
    let folded = fold(&search, 200);
    let words: Vec<String> = folded.split_whitespace().map(str::to_owned).collect();
    let mut groups: Vec<Group> = GROUPS
        .iter()
        .map(|(title, _)| Group { title: visit.say(title), lines: Vec::new() })
        .collect();
    for line in lines(&web, &visit, |_| true) {
        let at =
            GROUPS.iter().position(|(_, begins)| begins.iter().any(|it| line.key.starts_with(it)));
        if let Some(group) = groups.get_mut(at.unwrap_or(0)).filter(|_| line.fits(&words)) {
            group.lines.push(line);
        }
    }
    groups.retain(|it| !it.lines.is_empty());
    let tabs = tabs(&visit, "/settings");
    Ok(page(&Settings { visit, here: Place::Settings, tabs, search, groups }))
}
