//! The pages at the door: the first administrator, signing in and out.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use secrecy::SecretString;

use crate::Web;
use crate::auth::AuthContext;
use crate::auth::people::{
    create_first_admin, end_own_session, set_cookie, set_cookies, try_sign_in,
};
use crate::input::{Form, Query, Secured};
use crate::pages::access::AFTER_SETUP;
use crate::pages::actions::place;
use crate::pages::{PageContext, Place, page};
use crate::problem::Problem;
use ringbook_app::access::PASSWORD_LEN_MIN;
use ringbook_app::auth::SignInError;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    visit: PageContext,
    here: Place,
    back: String,
    name: String,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "setup.html")]
struct Setup {
    visit: PageContext,
    here: Place,
    code: String,
    name: String,
    problem: Option<String>,
    length: u64,
}

/// `GET /sign-in`
pub(crate) async fn sign_in_page(
    State(web): State<Web>,
    visit: PageContext,
    query: Query,
) -> Result<Response, Problem> {
    if !web.app.access.has_admin().await? {
        return Ok(Redirect::to("/setup").into_response());
    }
    let back = place(query.text("back")?).to_owned();
    let here = Place::Nowhere;
    Ok(page(&SignIn { visit, here, back, name: String::new(), problem: None }))
}

/// `POST /do/sign-in`
pub(crate) async fn sign_in(
    State(web): State<Web>,
    visit: PageContext,
    guest: AuthContext,
    Secured(secure): Secured,
    headers: HeaderMap,
    Form(form): Form,
) -> Result<Response, Problem> {
    let text = |name| form.text(name).map(|it| it.unwrap_or_default().to_owned());
    let (name, back) = (text("name")?, text("back")?);
    let back = place(Some(&back)).to_owned();
    let password = SecretString::from(text("password")?);
    match try_sign_in(&web, &guest, &headers, &name, &password).await {
        Ok(it) => {
            let mut response = Redirect::to(&back).into_response();
            set_cookies(&mut response, &web, secure, &it.secret, it.browser.as_ref());
            Ok(response)
        }
        Err(problem) => {
            let here = Place::Nowhere;
            let (said, problem) = told(problem)?;
            Ok(with(&problem, page(&SignIn { visit, here, back, name, problem: Some(said) })))
        }
    }
}

/// `GET /setup`
pub(crate) async fn setup_page(
    State(web): State<Web>,
    visit: PageContext,
) -> Result<Response, Problem> {
    if web.app.access.has_admin().await? {
        return Ok(Redirect::to("/").into_response());
    }
    let (code, name) = (String::new(), String::new());
    let (here, length) = (Place::Nowhere, PASSWORD_LEN_MIN as u64);
    Ok(page(&Setup { visit, here, code, name, problem: None, length }))
}

/// `POST /do/setup`
pub(crate) async fn set_up(
    State(web): State<Web>,
    visit: PageContext,
    guest: AuthContext,
    Secured(secure): Secured,
    headers: HeaderMap,
    Form(form): Form,
) -> Result<Response, Problem> {
    let text = |name| form.text(name).map(|it| it.unwrap_or_default().to_owned());
    let (code, name, password) = (text("code")?, text("name")?, text("password")?);
    let repeated = text("again")?;
    if repeated != password {
        let problem = Problem::unreadable("the two passwords are not the same");
        let (here, length) = (Place::Nowhere, PASSWORD_LEN_MIN as u64);
        let said = Some(problem.detail.clone());
        return Ok(with(&problem, page(&Setup { visit, here, code, name, problem: said, length })));
    }
    let password = SecretString::from(password);
    match create_first_admin(&web, &guest, &headers, &code, &name, &password).await {
        Ok(it) => {
            // Whoever was at this machine before may have made some.
            let place =
                if web.app.access.tokens_in_use().await?.is_empty() { "/" } else { AFTER_SETUP };
            let mut response = Redirect::to(place).into_response();
            set_cookies(&mut response, &web, secure, &it.secret, it.browser.as_ref());
            Ok(response)
        }
        Err(problem) => {
            let (here, length) = (Place::Nowhere, PASSWORD_LEN_MIN as u64);
            let (said, problem) = told(problem)?;
            let said = Some(said);
            Ok(with(&problem, page(&Setup { visit, here, code, name, problem: said, length })))
        }
    }
}

/// `POST /do/sign-out`
pub(crate) async fn sign_out(
    State(web): State<Web>,
    guest: AuthContext,
    Secured(secure): Secured,
    Form(_): Form,
) -> Result<Response, Problem> {
    end_own_session(&web, &guest).await?;
    let mut response = Redirect::to("/sign-in").into_response();
    set_cookie(&mut response, &web, secure, None);
    Ok(response)
}

/// The message for the person who typed, and the status that goes with it. A broken database is not theirs to fix.
fn told(problem: SignInError) -> Result<(String, Problem), Problem> {
    let said = problem.to_string();
    let problem = Problem::from(problem);
    if problem.status.is_server_error() && problem.status != StatusCode::SERVICE_UNAVAILABLE {
        return Err(problem);
    }
    Ok((said, problem))
}

/// The page again, with the status of what was wrong.
fn with(problem: &Problem, mut response: Response) -> Response {
    *response.status_mut() = problem.status;
    response
}
