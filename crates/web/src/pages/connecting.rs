//! The pages on the way to Google and back.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use crate::Web;
use crate::google_auth::warning as unrenewable;
use crate::pages::accounts::path_of;
use crate::pages::language::said;
use crate::pages::{PageContext, Place, page};
use ringbook_store::Account;

pub(crate) const CONNECTED: &str = said("Connected");
pub(crate) const NOT_CONNECTED: &str = said("Not connected");
pub(crate) const NOT_BACK: &str = said("Google would not let you back");

/// One thing that is said.
#[derive(Template)]
#[template(path = "told.html")]
struct Told {
    visit: PageContext,
    here: Place,
    good: bool,
    title: &'static str,
    /// In English: they name what Google, or an administrator, has to do.
    words: Vec<String>,
    /// What is to be known besides.
    warning: Option<String>,
    /// Where it goes on; the first is meant for most.
    ways: Vec<(String, &'static str)>,
}

/// For a browser on another machine, where Google sends it to its own.
#[derive(Template)]
#[template(path = "before_leaving.html")]
struct BeforeLeaving {
    visit: PageContext,
    here: Place,
    redirect_uri: String,
    auth_url: String,
    port: u16,
}

/// How it ended, or why it cannot begin.
pub(crate) fn told(
    visit: PageContext,
    status: StatusCode,
    title: &'static str,
    words: Vec<String>,
) -> Response {
    told_with(visit, status, title, words, None)
}

/// The same. `again`: where the same can be tried once more.
pub(crate) fn told_with(
    visit: PageContext,
    status: StatusCode,
    title: &'static str,
    words: Vec<String>,
    again: Option<String>,
) -> Response {
    let (here, good, title) = (Place::Nowhere, status.is_success(), visit.say(title));
    let mut ways = vec![("/".to_owned(), visit.say("Overview"))];
    if visit.may_administer() {
        ways.insert(0, ("/accounts/connect".to_owned(), visit.say("Back to the steps")));
    }
    if let Some(again) = again {
        ways.insert(0, (again, visit.say("Try again")));
    }
    let visit = without_code(visit);
    let mut response = page(&Told { visit, here, good, title, words, warning: None, ways });
    *response.status_mut() = status;
    response
}

/// The account is connected: where its first sync can be watched, and what is to be known of the permission.
/// `again`: it was before, and the address was only opened once more.
pub(crate) async fn connected(
    web: &Web,
    visit: PageContext,
    account: &Account,
    again: bool,
) -> Response {
    let language = visit.language;
    let message = match again {
        true => language.fill("The Google account is connected as {}.", &[&account.name]),
        false => language.fill(
            "The Google account is connected as {}, and its contacts are being fetched.",
            &[&account.name],
        ),
    };
    // It is connected also when this cannot be told.
    let grant = web.app.store.grant_facts(account.id).await.ok().flatten();
    let warning = grant.and_then(|it| it.refresh_expires_at).map(|end| {
        language.fill(
            "Google ends this permission {}, on {}, as it does seven days after each consent to an app in “Testing”. Publish the app at Google, under “Audience”, and connect once more.",
            &[&language.relative(end, visit.now), &visit.in_full(&end)],
        )
    });
    let warning = match warning {
        None => unrenewable(web, account).await,
        some => some,
    };
    let mut ways = vec![("/".to_owned(), visit.say("Watch the first sync"))];
    if visit.may_administer() {
        ways.push((path_of(web, account), visit.say("To the account")));
    }
    let (here, title) = (Place::Nowhere, visit.say(CONNECTED));
    let visit = without_code(visit);
    page(&Told { visit, here, good: true, title, words: vec![message], warning, ways })
}

/// How to come back from Google to a machine that is not the browser's.
pub(crate) fn before_leaving(
    visit: PageContext,
    redirect_uri: &str,
    auth_url: String,
    port: u16,
) -> Response {
    let (here, redirect_uri) = (Place::Nowhere, redirect_uri.to_owned());
    let visit = without_code(visit);
    page(&BeforeLeaving { visit, here, redirect_uri, auth_url, port })
}

/// The address holds a code that is good for one time: no link leads back to it.
fn without_code(visit: PageContext) -> PageContext {
    PageContext { path: "/".to_owned(), ..visit }
}
