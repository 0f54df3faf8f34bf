//! Judges every request by the host that it is for, on every listener, before anything else is looked at.
//!
//! See [`ringbook_core::access::HostNames`] for the reason.

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::warn;

use crate::Web;
use crate::auth::InProcess;
use crate::input::text_of;
use crate::middleware::is_for_phones;
use crate::phones;
use crate::problem::Problem;
use ringbook_app::App;
use ringbook_app::doctor::machine;
use ringbook_core::access::{Host, HostNames};

/// Marks an answer to what is not HTTP as it should be: not even a phone is shown a screen for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Malformed;

/// The names of this server, as far as the machine and the configuration say.
pub(crate) fn names(app: &App) -> HostNames {
    let config = &app.config;
    HostNames::new(
        &machine::names(),
        config.public_url.as_deref(),
        &[&config.google_redirect_uri],
        &config.allowed_hosts,
    )
}

/// Refuses what is for another host, and what does not say for which one.
pub(crate) async fn judge(State(web): State<Web>, request: Request, next: Next) -> Response {
    if request.extensions().get::<InProcess>().is_some() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    match asked_for(&parts) {
        Ok(hosts) => match hosts.into_iter().find(|it| !web.hosts.serves(it)) {
            None => next.run(Request::from_parts(parts, body)).await,
            Some(host) => refuse(&web, &parts, &host),
        },
        Err(detail) => {
            web.app.metrics.refused("malformed");
            let mut response = Problem::new(StatusCode::BAD_REQUEST, detail).into_response();
            response.extensions_mut().insert(Malformed);
            response
        }
    }
}

/// The host that a request is for, by its own word: for what was let in by [`judge`].
pub(crate) fn host(headers: &HeaderMap) -> Option<Host> {
    Host::parse(&text_of(headers, header::HOST.as_str()))
}

/// Every host that a request says it is for: its own, and that of its target where that is a whole URL. What a
/// trusted proxy says it was asked for is the proxy's business: it chose whether to pass that on.
fn asked_for(parts: &Parts) -> Result<Vec<Host>, &'static str> {
    let mut values = parts.headers.get_all(header::HOST).iter();
    let own = match (values.next(), values.next()) {
        (Some(_), Some(_)) => return Err("the header `Host` is there more than once"),
        (Some(only), None) => Some(String::from_utf8_lossy(only.as_bytes()).into_owned()),
        // HTTP/1.0 knows no `Host`, and no browser speaks it.
        (None, _) if parts.version == Version::HTTP_10 => None,
        (None, _) => return Err("the header `Host` is missing"),
    };
    let target = parts.uri.authority().map(|it| it.as_str().to_owned());
    let said: Vec<String> = own.into_iter().chain(target).collect();
    let hosts: Option<Vec<Host>> = said.iter().map(|it| Host::parse(it)).collect();
    hosts.ok_or("the header `Host` holds neither a name nor an address")
}

fn refuse(web: &Web, parts: &Parts, host: &Host) -> Response {
    web.app.metrics.refused("other_host");
    if let Some(more) = web.app.access.is_worth_noting("log: another host") {
        warn!(
            %host, more,
            "a request for the host `{host}` was refused (and {more} more since the last such line); if that \
             is a name of this server, add it to ALLOWED_HOSTS"
        );
    }
    let path = parts.uri.path();
    if is_for_phones(path) && !phones::is_lookup(path) {
        let text = format!(
            "This phone asks for \"{host}\", which is not a name of this server that Ringbook knows. Please tell \
             whoever looks after the phones: add it to ALLOWED_HOSTS, or enter the server's address in the phone."
        );
        return phones::refusal(&parts.headers, "Not allowed", &text);
    }
    let detail = format!(
        "`{host}` is not a name of this server that it knows: it answers to its addresses, localhost, its own \
         name, and the names in PUBLIC_URL and ALLOWED_HOSTS; if `{host}` is one of its names, add it to \
         ALLOWED_HOSTS"
    );
    Problem::new(StatusCode::MISDIRECTED_REQUEST, detail).into_response()
}
