//! What is done about a phone's token. Each act has its twin in the API, and calls the same.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use crate::Web;
use crate::auth::devices::Base;
use crate::input::{Form, Query, uuid};
use crate::pages::{PageContext, Place, page, problem_page};
use crate::problem::Problem;
use ringbook_app::auth::NAME_LEN_MAX;
use ringbook_app::services::{Caller, PhoneToken};
use ringbook_app::snippet::leads_home;
use ringbook_app::wire::NewDevice;

/// What one is asked before it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    Renew,
    Revoke,
}

#[derive(Template)]
#[template(path = "phone.html")]
struct One {
    visit: PageContext,
    here: Place,
    it: super::Device,
    question: Option<Question>,
    length: usize,
}

/// A token, this once.
#[derive(Template)]
#[template(path = "phone_token.html")]
struct Told {
    visit: PageContext,
    here: Place,
    name: String,
    directory_url: String,
    lookup_url: String,
    /// Phones would not find us by this address.
    leads_home: bool,
}

/// `GET /phones/devices/{id}`; `ask=renew` and `ask=revoke` ask before it is done.
pub(crate) async fn device(
    State(web): State<Web>,
    visit: PageContext,
    Path(id): Path<String>,
    query: Query,
) -> Result<Response, Problem> {
    uuid("id", &id)?;
    let questions = [("renew", Some(Question::Renew)), ("revoke", Some(Question::Revoke))];
    let question = query.one_of("ask", &questions, None)?;
    let row = match web.app.phone(&id).await {
        Ok(row) => row,
        Err(problem) => return Ok(problem_page(visit, &problem.into(), "/phones".to_owned())),
    };
    let it = super::device(&web, &visit, row);
    Ok(page(&One { visit, here: Place::Phones, it, question, length: NAME_LEN_MAX }))
}

/// `POST /do/phones/add`: `name`.
pub(crate) async fn add(
    State(web): State<Web>,
    visit: PageContext,
    caller: Caller,
    Base(base): Base,
    Form(form): Form,
) -> Response {
    let acted = async {
        let name = form.text("name")?.unwrap_or_default();
        Ok::<_, Problem>(web.app.add_phone(&caller, name).await?)
    };
    match acted.await {
        Ok(made) => show_token(&web, visit, &base, made),
        Err(problem) => problem_page(visit, &problem, "/phones".to_owned()),
    }
}

/// `POST /do/phones/{id}/renew`
pub(crate) async fn renew(
    State(web): State<Web>,
    visit: PageContext,
    caller: Caller,
    Path(id): Path<String>,
    Base(base): Base,
    Form(_): Form,
) -> Response {
    match web.app.renew_phone_token(&caller, &id).await {
        Ok(made) => show_token(&web, visit, &base, made),
        Err(problem) => problem_page(visit, &problem.into(), "/phones".to_owned()),
    }
}

/// `POST /do/phones/{id}/rename`: `name`.
pub(crate) async fn rename(
    State(web): State<Web>,
    visit: PageContext,
    caller: Caller,
    Path(id): Path<String>,
    Form(form): Form,
) -> Response {
    let acted = async {
        let name = form.text("name")?.unwrap_or_default();
        Ok::<_, Problem>(web.app.rename_phone(&caller, &id, name).await?)
    };
    after(acted.await, visit, &id)
}

/// `POST /do/phones/{id}/revoke`
pub(crate) async fn revoke(
    State(web): State<Web>,
    visit: PageContext,
    caller: Caller,
    Path(id): Path<String>,
    Form(_): Form,
) -> Response {
    let acted = web.app.revoke_phone(&caller, &id).await;
    after(acted.map_err(Problem::from), visit, &id)
}

fn after(acted: Result<(), Problem>, visit: PageContext, id: &str) -> Response {
    match acted {
        Ok(()) => Redirect::to(&format!("/phones/devices/{id}")).into_response(),
        Err(problem) => problem_page(visit, &problem, "/phones".to_owned()),
    }
}

fn show_token(web: &Web, visit: PageContext, base: &str, made: PhoneToken) -> Response {
    let new = NewDevice::of(&web.out, base, &made.secret, made.phone);
    let mut response = page(&Told {
        visit,
        here: Place::Phones,
        leads_home: leads_home(base),
        name: new.about.name,
        directory_url: new.directory_url,
        lookup_url: new.lookup_url,
    });
    if response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::CREATED;
    }
    response
}
