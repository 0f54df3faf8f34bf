//! `/phones/setup`: what to enter in a phone, by its family.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::Web;
use crate::auth::devices::Base;
use crate::input::Query;
use crate::pages::history::Choice;
use crate::pages::language::{Language, said};
use crate::pages::{PageContext, Place, page};
use crate::problem::Problem;
use ringbook_app::snippet::{Family, Snippet, leads_home, make};

use super::navigation::encoded;

#[derive(Template)]
#[template(path = "phones_setup.html")]
struct Setup {
    visit: PageContext,
    here: Place,
    families: Vec<Choice>,
    family: &'static str,
    phones: &'static str,
    /// The piece, or why there is none.
    made: Result<Snippet, String>,
    /// What somebody typed; empty where it was found out.
    url: String,
    mac: String,
    takes_mac: bool,
    is_text: bool,
}

/// `GET /phones/setup?family=mpp`; `url` says where phones find this server, `mac` names a phone's file.
pub(crate) async fn setup(
    State(web): State<Web>,
    visit: PageContext,
    query: Query,
    Base(base): Base,
) -> Result<Response, Problem> {
    let words = Family::ALL.map(|it| (it.word(), it));
    let family = query.one_of("family", &words, Family::Mpp)?;
    let typed = |name| query.text(name).map(|it| it.unwrap_or_default().trim().to_owned());
    let (url, mac) = (typed("url")?, typed("mac")?);
    let config = &web.app.config;
    // The name by which this browser found us will do for phones, unless it means this machine itself.
    let found = Some(base).filter(|it| config.public_url.is_none() && !leads_home(it));
    let asked = Some(url.clone()).filter(|it| !it.is_empty()).or(found);
    let takes_mac = family == Family::Enterprise;
    let named = Some(mac.as_str()).filter(|it| !it.is_empty() && takes_mac);
    let made = make(family, asked.as_deref(), named, config).map_err(|it| it.to_string());
    let more = if url.is_empty() { String::new() } else { format!("&url={}", encoded(&url)) };
    let families = Family::ALL.into_iter().map(|it| Choice {
        value: format!("/phones/setup?family={}{more}", it.word()),
        text: visit.language.say_known(title(it)).to_owned(),
        chosen: it == family,
    });
    let families = families.collect();
    let phones = phones(visit.language, family);
    let (here, is_text, family) = (Place::Phones, family == Family::Cucm, family.word());
    Ok(page(&Setup { visit, here, families, family, phones, made, url, mac, takes_mac, is_text }))
}

fn title(family: Family) -> &'static str {
    match family {
        Family::Enterprise => said("Enterprise"),
        Family::Cucm => "CUCM",
        Family::Mpp => said("Multiplatform"),
        Family::Desk9800 => "9800, 8875",
        Family::Spa => "SPA",
    }
}

fn phones(language: Language, family: Family) -> &'static str {
    language.say_known(match family {
        Family::Enterprise => {
            said("Enterprise firmware with Asterisk: 6900, 7800, 7900, 8800, 8900, 9900")
        }
        Family::Cucm => said("Any phone of a Cisco Unified Communications Manager"),
        Family::Mpp => said("Multiplatform firmware: 6800, 7800, 8800"),
        Family::Desk9800 => said("Desk Phone 9800 and Video Phone 8875"),
        Family::Spa => said("SPA300 and SPA500"),
    })
}
