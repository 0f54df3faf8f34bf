//! What the forms about accounts do. Each calls what its twin in the API calls.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};

use crate::Web;
use crate::accounts::confirm;
use crate::input::{Form, Query};
use crate::pages::accounts::one::{Question, Refused, find, show};
use crate::pages::{PageContext, problem_page};
use crate::problem::Problem;
use crate::sources::{add_list, let_speak};
use ringbook_app::services::{AccountChanges, Caller, DisconnectRequest};
use ringbook_store::Account;

/// `POST /do/accounts/add`: `name`, for an account that a service account will speak for.
pub(super) async fn add(
    State(web): State<Web>,
    visit: PageContext,
    caller: Caller,
    Form(form): Form,
) -> Response {
    let acted = async {
        let name = form.text("name")?.unwrap_or_default();
        Ok::<_, Problem>(web.app.add_account(&caller, name).await?)
    };
    match acted.await {
        Ok(added) => {
            let id = web.out.account(added.id).0;
            Redirect::to(&format!("/accounts/{id}?done=added#workspace")).into_response()
        }
        Err(problem) => problem_page(visit, &problem, "/accounts/connect".to_owned()),
    }
}

/// `POST /do/accounts/{id}/rename`: `name`.
pub(super) async fn rename(
    State(web): State<Web>,
    visit: PageContext,
    caller: Caller,
    Path(id): Path<String>,
    Form(form): Form,
) -> Response {
    let acted = async |account: &Account| {
        let name = form.text("name")?.unwrap_or_default().to_owned();
        let changes = AccountChanges { name: Some(name), ..AccountChanges::default() };
        web.app.change_account(&caller, account, changes).await?;
        Ok("done=saved")
    };
    act(&web, visit, &id, ("rename", &["name"], &form), acted).await
}

/// `POST /do/accounts/{id}/labels`: `which=all`, or `which=some` and a `show` for each label.
pub(super) async fn labels(
    State(web): State<Web>,
    visit: PageContext,
    caller: Caller,
    Path(id): Path<String>,
    Form(form): Form,
) -> Response {
    let acted = async |account: &Account| {
        let shown = match form.one_of("which", &[("all", false), ("some", true)], false)? {
            true => Some(form.texts("show").into_iter().map(str::to_owned).collect::<Vec<_>>()),
            false => None,
        };
        if shown.as_ref().is_some_and(Vec::is_empty) {
            let detail = "tick at least one label, or choose all contacts; without a label nobody would be on the phones";
            return Err(Problem::unreadable(detail));
        }
        let changes = AccountChanges { labels_shown: Some(shown), ..AccountChanges::default() };
        web.app.change_account(&caller, account, changes).await?;
        Ok("done=saved#phones")
    };
    act(&web, visit, &id, ("labels", &["which", "show"], &form), acted).await
}

/// `POST /do/accounts/{id}/service`: `key` is the file of a service account, `subject` the mailbox.
pub(super) async fn service(
    State(web): State<Web>,
    visit: PageContext,
    Path(id): Path<String>,
    Form(form): Form,
) -> Response {
    let acted = async |account: &Account| {
        let key = form.text("key")?.unwrap_or_default();
        // What is no JSON is no key either, and is told so.
        let key = serde_json::from_str(key).unwrap_or_default();
        let subject = form.text("subject")?.unwrap_or_default();
        let new = let_speak(&web, account, &key, subject).await?;
        Ok(if new.check.is_ok() { "done=service" } else { "done=waiting" })
    };
    act(&web, visit, &id, ("service", &["subject"], &form), acted).await
}

/// `POST /do/accounts/{id}/source`: mirrors a list of the domain, too.
pub(super) async fn source(
    State(web): State<Web>,
    visit: PageContext,
    Path(id): Path<String>,
    Form(form): Form,
) -> Response {
    let acted = async |account: &Account| {
        let name = form.text("name")?.unwrap_or_default();
        let list = form.text("source")?.unwrap_or_default();
        add_list(&web, account, list, name).await?;
        Ok("done=source")
    };
    act(&web, visit, &id, ("source", &["name", "source"], &form), acted).await
}

/// `POST /do/accounts/{id}/disconnect`: `contacts=keep` or `contacts=erase`; with `revoke` the permission is given
/// back at Google first.
pub(super) async fn disconnect(
    State(web): State<Web>,
    visit: PageContext,
    caller: Caller,
    Path(id): Path<String>,
    Form(form): Form,
) -> Response {
    let acted = async |account: &Account| {
        let erase = form.one_of("contacts", &[("keep", false), ("erase", true)], false)?;
        if form.flag("revoke", false)? {
            web.app.connector.revoke(account).await?;
        }
        // Whether Google is told was asked on the page.
        let request = DisconnectRequest { erase, tell_google: false };
        web.app.disconnect_account(&caller, account, request).await?;
        Ok(if erase { "done=erased" } else { "done=disconnected" })
    };
    act(&web, visit, &id, ("disconnect", &["contacts"], &form), acted).await
}

/// `POST /do/accounts/{id}/remove`: `confirm` is its name.
pub(super) async fn remove(
    State(web): State<Web>,
    visit: PageContext,
    caller: Caller,
    Path(id): Path<String>,
    Form(form): Form,
) -> Response {
    let removed = async {
        let account = find(&web, &id).await?;
        confirm(&account, form.text("confirm")?)?;
        Ok::<_, Problem>(web.app.remove_account(&caller, &account).await?)
    };
    match removed.await {
        Ok(_) => Redirect::to("/accounts").into_response(),
        Err(problem) => refuse(&web, visit, &id, ("remove", &["confirm"], &form), problem).await,
    }
}

/// A form by its name, the fields that are shown again, and what was sent.
type Sent<'a> = (&'static str, &'a [&'static str], &'a Query);

/// Does it, and leads back to the account; or shows the form again, with what is wrong.
async fn act(
    web: &Web,
    visit: PageContext,
    id: &str,
    sent: Sent<'_>,
    doing: impl AsyncFnOnce(&Account) -> Result<&'static str, Problem>,
) -> Response {
    let acted = match find(web, id).await {
        Ok(account) => doing(&account).await,
        Err(problem) => Err(problem),
    };
    match acted {
        Ok(done) => Redirect::to(&format!("/accounts/{id}?{done}")).into_response(),
        Err(problem) => refuse(web, visit, id, sent, problem).await,
    }
}

async fn refuse(
    web: &Web,
    visit: PageContext,
    id: &str,
    (form, fields, query): Sent<'_>,
    problem: Problem,
) -> Response {
    let Ok(account) = find(web, id).await else {
        return problem_page(visit, &problem, "/accounts".to_owned());
    };
    let value = |field: &&'static str| {
        let values = query.texts(field).into_iter();
        values.map(|value| (*field, value.to_owned())).collect::<Vec<_>>()
    };
    let entered = fields.iter().flat_map(value).collect();
    let question = match form {
        "disconnect" => Some(Question::Disconnect),
        "remove" => Some(Question::Remove),
        _ => None,
    };
    let visit = PageContext { path: format!("/accounts/{id}"), ..visit };
    let refused = Refused { form, status: problem.status, why: problem.detail, entered };
    match show(web, visit, &account, question, refused, None).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}
