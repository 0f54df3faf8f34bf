//! What went wrong, as a page: for browsers that asked for one.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::Web;
use crate::auth::AuthContext;
use crate::input::text_of;
use crate::middleware::is_for_phones;
use crate::pages::{PageContext, problem_page};
use crate::problem::{ErrorDetail, Problem};

/// Paths that answer programs, whatever these say they accept.
const FOR_PROGRAMS: [&str; 6] = ["/api/", "/auth/", "/assets/", "/lookup", "/metrics", "/health"];

/// Turns the JSON of a problem into a page, where a person asked.
pub(crate) async fn explain(State(web): State<Web>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_page = !is_for_phones(path) && !FOR_PROGRAMS.iter().any(|it| path.starts_with(it));
    if !is_page || !text_of(request.headers(), header::ACCEPT.as_str()).contains("text/html") {
        return next.run(request).await;
    }
    let (mut parts, ()) = axum::http::Request::new(()).into_parts();
    parts.uri = request.uri().clone();
    parts.headers = request.headers().clone();
    let response = next.run(request).await;
    let Some(ErrorDetail(detail)) = response.extensions().get::<ErrorDetail>().cloned() else {
        return response;
    };
    // Who asked may have been the very thing that could not be found out.
    let guest =
        response.extensions().get::<AuthContext>().cloned().unwrap_or_else(AuthContext::stranger);
    parts.extensions.insert(guest);
    let problem = Problem::new(response.status(), detail);
    match PageContext::from_request_parts(&mut parts, &web).await {
        Ok(visit) => {
            let mut page = problem_page(visit, &problem, "/".to_owned());
            for name in [header::RETRY_AFTER, header::WWW_AUTHENTICATE] {
                if let Some(value) = response.headers().get(&name) {
                    page.headers_mut().insert(name, value.clone());
                }
            }
            page
        }
        Err(problem) => problem.into_response(),
    }
}
