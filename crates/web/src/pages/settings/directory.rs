//! What the directory on the phones does, and by which settings.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::Web;
use crate::pages::language::said;
use crate::pages::settings::{Line, Tab, lines, tabs};
use crate::pages::{PageContext, Place, page};
use crate::problem::Problem;
use ringbook_app::config::EmptyGroups;
use ringbook_core::contact::NameOrder;

#[derive(Template)]
#[template(path = "directory.html")]
struct Page {
    visit: PageContext,
    here: Place,
    tabs: Vec<Tab>,
    facts: Vec<Fact>,
    labels: Vec<Labels>,
    lines: Vec<Line>,
}

/// What the directory does, in a sentence.
struct Fact {
    what: &'static str,
    how: String,
}

/// Which contacts of an account reach the phones.
struct Labels {
    account: String,
    shown: String,
}

/// `GET /settings/directory`
pub(super) async fn directory(
    State(web): State<Web>,
    visit: PageContext,
) -> Result<Response, Problem> {
    let mut labels = Vec::new();
    for account in web.app.store.accounts().await? {
        let shown = match &account.labels_shown {
            None => visit.say("all contacts").to_owned(),
            Some(shown) => {
                let names = web.app.store.label_names(account.id).await?;
                let name = |resource: &String| {
                    let found = names.iter().find(|(known, _)| known == resource);
                    found.map_or_else(|| resource.clone(), |(_, name)| name.clone())
                };
                shown.iter().map(name).collect::<Vec<_>>().join(", ")
            }
        };
        labels.push(Labels { account: account.name, shown });
    }
    let facts = facts(&web, &visit);
    let about = ["DIRECTORY_", "LOOKUP_", "PUBLIC_URL", "PHONE_", "PHONES_", "SEARCH_"];
    let lines = lines(&web, &visit, |key| about.iter().any(|it| key.starts_with(it)));
    let tabs = tabs(&visit, "/settings/directory");
    Ok(page(&Page { visit, here: Place::Settings, tabs, facts, labels, lines }))
}

fn facts(web: &Web, visit: &PageContext) -> Vec<Fact> {
    let (config, language) = (&web.app.config, visit.language);
    let entries = config.directory_max_entries_per_page as u64;
    let order = match config.directory_names {
        NameOrder::FirstLast => visit.say("By the first name: Ada Lovelace."),
        NameOrder::LastFirst => visit.say("By the family name: Lovelace, Ada."),
    };
    let groups = match config.directory_empty_groups {
        EmptyGroups::Hide => visit.say("Keys without contacts are left out."),
        EmptyGroups::Mark => visit.say("Keys without contacts are shown, and marked."),
    };
    let merging = match config.directory_merge_duplicates {
        true => visit.say("Who is in several accounts is shown once, known by a shared number."),
        false => visit.say("Who is in several accounts is shown once for each."),
    };
    let locale = config.directory_locale.to_string();
    let digits = config.lookup_min_digits as u64;
    let fact = |what, how: &str| Fact { what: visit.say(what), how: how.to_owned() };
    vec![
        fact(said("Heading"), &config.directory_title),
        fact(said("Order"), order),
        fact(said("Alphabet"), &language.fill("As in the language “{}”.", &[&locale])),
        fact(said("Keypad groups"), groups),
        fact(said("Several accounts"), merging),
        fact(said("On one page"), &language.count(entries, "{} entry", "{} entries")),
        fact(
            said("Callers"),
            &language.count(
                digits,
                "Two numbers are the same when their last digit agrees.",
                "Two numbers are the same when their last {} digits agree, where one lacks its country.",
            ),
        ),
    ]
}
