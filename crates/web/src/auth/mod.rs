//! Authentication and authorization of every request.
//!
//! Everything passes `authorize`; what it found out travels with the request as a `AuthContext`.

pub(crate) mod audit;
pub(crate) mod devices;
pub(crate) mod people;
mod table;
pub(crate) mod tokens;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use crate::Web;
use crate::forwarded::was_forwarded;
use crate::hosts;
use crate::input::{
    Arrival, Peer, Query, address, client, from_trusted_proxy, is_secure, text_of, uuid,
};
use crate::middleware::is_for_phones;
use crate::phones;
use crate::problem::Problem;
use ringbook_app::services::{AuditAction, Caller};
use ringbook_core::access::{Identity, Permission, client_prefix, is_local};
use ringbook_runtime::tasks;
use ringbook_store::secret::{Secret, SecretHash};
use ringbook_store::{Act, BROWSER_KEPT, DbError};

pub use table::ROUTES;
pub(crate) use table::right;

/// Who asks, as far as it was found out.
#[derive(Clone, Debug)]
pub(crate) struct AuthContext {
    pub(crate) who: Identity,
    /// Where from; behind a trusted proxy, where that says.
    pub(crate) address: String,
    /// Of the session that a browser shows.
    pub(crate) session: Option<Session>,
    /// A form of ours that has to prove, in its body, that it is one.
    pub(crate) owes_proof: bool,
    /// The id of the person who asks, or whose token does: what they make ends with them.
    pub(crate) person: Option<String>,
    /// The name by which a proxy has signed in who asks, or who made their token: what they make is good while they
    /// may administer.
    pub(crate) proxy_name: Option<String>,
    /// They are at this machine, as far as can be told.
    pub(crate) is_here: bool,
    /// Why somebody in the phones' networks is a stranger all the same.
    why: Option<&'static str>,
    /// Why somebody whom a proxy has signed in may do no more than others.
    refused: Option<&'static str>,
}

#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    /// What changing requests have to send along.
    pub(crate) csrf: String,
}

impl FromRequestParts<Web> for AuthContext {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Web) -> Result<AuthContext, Problem> {
        parts.extensions.get::<AuthContext>().cloned().ok_or_else(|| {
            // [`authorize`] adds one to every request.
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "nobody looked who is asking")
        })
    }
}

impl AuthContext {
    /// Who asks, for the services.
    fn caller(&self) -> Caller {
        let mut caller = Caller::new(self.who.clone(), Some(self.address.clone()));
        caller.admin = self.person.clone();
        caller.proxy_name = self.proxy_name.clone();
        caller.session = self.session.as_ref().map(|it| it.id.clone());
        caller
    }

    /// Nobody who is known, from nowhere.
    pub(crate) fn stranger() -> AuthContext {
        AuthContext::stranger_from(String::new())
    }

    fn stranger_from(address: String) -> AuthContext {
        AuthContext {
            who: Identity::Stranger,
            address,
            session: None,
            owes_proof: false,
            person: None,
            proxy_name: None,
            is_here: false,
            why: None,
            refused: None,
        }
    }
}

impl FromRequestParts<Web> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Web) -> Result<Caller, Problem> {
        parts.extensions.get::<Caller>().cloned().ok_or_else(|| {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the caller was not identified")
        })
    }
}

/// Marks a request that never left this process: whoever started it asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InProcess;

/// What an act was about, where the address does not say it. Handlers add it to their answers.
#[derive(Clone, Debug)]
pub(crate) struct About(pub(crate) String);

/// Says what was made.
pub(crate) fn about(name: &str, mut response: Response) -> Response {
    response.extensions_mut().insert(About(name.to_owned()));
    response
}

/// What browsers send along, when they are at it, and what we ask of programs with a session.
const CSRF: HeaderName = HeaderName::from_static("x-csrf-token");
/// Where browsers keep who is signed in. The prefix binds it to this host and to HTTPS (RFC 6265bis).
const COOKIE: &str = "ringbook";
const COOKIE_SECURE: &str = "__Host-ringbook";
/// The cookie of a browser in which a person has signed in before. It grants no access.
const KNOWN: &str = "ringbook_browser";
const KNOWN_SECURE: &str = "__Host-ringbook_browser";
/// Answers within three seconds, whoever asks: this is the entrance's part of them.
const HEALTH: &str = "/health";
const HEALTH_PATIENCE: Duration = Duration::from_millis(700);
/// Tells only that the process answers, and needs nobody for it.
const ASKS_NOBODY: &str = "/health/live";
/// Lets in who may come in, and tells the others why not.
pub(crate) async fn authorize(State(web): State<Web>, request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>().map(|it| it.as_str().to_owned());
    // What matches nothing is nothing: the answer says so.
    let Some(route) = matched else { return next.run(request).await };
    let (mut parts, body) = request.into_parts();
    let needed = right(&parts.method, &route);
    if route == ASKS_NOBODY {
        // Whoever watches the process must not take it for dead because the database is.
        let guest = AuthContext::stranger_from(address(&parts, &web));
        parts.extensions.insert(guest);
        return next.run(Request::from_parts(parts, body)).await;
    }
    let asking = authenticate(&web, &parts);
    let found = match route == HEALTH {
        true => {
            tokio::time::timeout(HEALTH_PATIENCE, asking).await.unwrap_or(Err(DbError::Timeout))
        }
        false => asking.await,
    };
    let found = match found {
        Ok(found) => found,
        // It says itself what is wrong, to whoever asks.
        Err(_) if route == HEALTH => {
            Authentication::AuthContext(AuthContext::stranger_from(address(&parts, &web)))
        }
        // A look-up is told as an error, which becomes no name further out.
        Err(problem) if is_screen(&parts) => {
            tracing::error!(%problem, "who is asking could not be found out");
            return phones::refusal(&parts.headers, "Out of order", OUT_OF_ORDER);
        }
        Err(problem) => return Problem::from(problem).into_response(),
    };
    let guest = match found {
        Authentication::AuthContext(guest) => guest,
        Authentication::Bad(why) => {
            web.app.access.tell_of_bad_token(&address(&parts, &web));
            // Guessing at a phone's token is asking, too.
            if is_for_phones(parts.uri.path()) && !may_guess(&web, &parts) {
                return too_often(&parts);
            }
            note_unknown_token(&web, &parts).await;
            return refuse(&parts, StatusCode::UNAUTHORIZED, why);
        }
    };
    if !guest.who.may(needed) {
        note_refusal(&web, &parts, &route, &guest, needed).await;
        return deny(&parts, &guest, needed);
    }
    if needed == Permission::Phones && !within_rate(&web, &guest) {
        return too_often(&parts);
    }
    if needed == Permission::Phones {
        note_screen(&web, &parts, &guest);
    }
    let changes = changes(&parts.method);
    let mut guest = guest;
    if let (true, Some(session)) = (changes, &guest.session) {
        let shown = parts.headers.get(CSRF);
        let proven = shown.is_some_and(|it| it.as_bytes() == session.csrf.as_bytes());
        // A form cannot send a header. Its handler looks into the body before it does anything.
        guest.owes_proof = !proven;
        let is_form = route.starts_with("/do/") || route == "/auth/callback/paste";
        if !proven && !is_form {
            web.app.metrics.refused("no_csrf_token");
            return refuse(&parts, StatusCode::FORBIDDEN, NO_CSRF);
        }
    }
    let caller = guest.caller();
    let note = match changes && needed >= Permission::Sync {
        true => Some(act(&web, &parts, &route, &guest).await),
        false => None,
    };
    parts.extensions.insert(caller.clone());
    parts.extensions.insert(guest.clone());
    let request = Request::from_parts(parts, body);
    let mut response = match note {
        None => next.run(request).await,
        Some(act) => act_and_note(&web, act, caller, request, next).await,
    };
    // A page about what went wrong is made further out, and has the reader's menu.
    response.extensions_mut().insert(guest);
    response
}

async fn act_and_note(
    web: &Web,
    act: Act,
    caller: Caller,
    request: Request,
    next: Next,
) -> Response {
    let app = web.app.clone();
    // In a task of its own: who hangs up in the middle must not leave an act that nobody wrote down.
    let acting = tasks::once("an act of an administrator", async move {
        let response = next.run(request).await;
        // The services record what they do.
        if caller.is_recorded() {
            return response;
        }
        let mut act = outcome(act, &response);
        // A form may name by its id what it is about.
        if act.subject_name.is_none()
            && let Some(subject) = act.subject.as_deref()
            && uuid("id", subject).is_ok()
        {
            act.subject_name = app.store.name_of(subject).await.ok().flatten();
        }
        app.access.note(act).await;
        response
    });
    match acting.await {
        Ok(response) => response,
        Err(broken) => match broken.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => {
                Problem::later("the server is stopping", Duration::from_secs(5)).into_response()
            }
        },
    }
}

/// Writes down that a token was shown that is none, was revoked or has expired.
async fn note_unknown_token(web: &Web, parts: &Parts) {
    let (reason, act) = match device_token(parts.uri.path()) {
        Some(_) => ("unknown_phone_token", AuditAction::UnknownPhoneToken),
        None => ("unknown_token", AuditAction::UnknownToken),
    };
    web.app.metrics.refused(reason);
    let guest = AuthContext::stranger_from(address(parts, web));
    people::note(web, &guest, &actor(&guest), act.as_str(), false).await;
}

/// Counts what somebody may not do, and writes down what would have changed something.
async fn note_refusal(
    web: &Web,
    parts: &Parts,
    route: &str,
    guest: &AuthContext,
    needed: Permission,
) {
    web.app.metrics.refused(match &guest.who {
        Identity::Stranger | Identity::PhoneNetwork if needed > Permission::Phones => {
            "not_signed_in"
        }
        Identity::Stranger | Identity::PhoneNetwork => "not_a_phone",
        _ => "not_allowed",
    });
    if changes(&parts.method) {
        let act = action(&parts.method, route);
        people::note(web, guest, &actor(guest), &act, false).await;
    }
}

/// Why somebody may not do this, for them.
fn deny(parts: &Parts, guest: &AuthContext, needed: Permission) -> Response {
    match &guest.who {
        Identity::Stranger if needed <= Permission::Phones => {
            refuse(parts, StatusCode::FORBIDDEN, guest.why.unwrap_or(NOT_A_PHONE))
        }
        Identity::Stranger | Identity::PhoneNetwork | Identity::Device { .. } => {
            match guest.refused {
                // Signing in here is not what they lack.
                Some(why) => refuse(parts, StatusCode::FORBIDDEN, why),
                None => refuse(parts, StatusCode::UNAUTHORIZED, SIGN_IN),
            }
        }
        Identity::Program { scope, .. } => {
            let why = format!("this token may `{}`, and this takes more", scope.as_str());
            refuse(parts, StatusCode::FORBIDDEN, &why)
        }
        Identity::Person { .. } | Identity::CommandLine { .. } | Identity::Local => {
            refuse(parts, StatusCode::FORBIDDEN, SIGN_IN)
        }
    }
}

/// Which kind of screen a phone sees, for the list of phones.
fn note_screen(web: &Web, parts: &Parts, guest: &AuthContext) {
    let Some(what) = phones::kind_of_screen(parts.uri.path()) else { return };
    match &guest.who {
        Identity::Device { id, .. } => web.app.access.note_shown(id, what),
        Identity::PhoneNetwork => web.app.access.note_shown(&guest.address, what),
        _ => {}
    }
}

/// How an act ended. A handler may say what it was about, where the address does not.
fn outcome(act: Act, response: &Response) -> Act {
    let succeeded = response.status().is_success() || response.status().is_redirection();
    let about =
        response.extensions().get::<About>().map(|it| ringbook_core::contact::clean(&it.0, 100));
    let (subject, subject_name) = match act.subject {
        None => (about, None),
        subject => (subject, act.subject_name.or(about)),
    };
    Act { succeeded, subject, subject_name, ..act }
}

/// Whether whoever asked may still do this: tokens are revoked and sessions end while an answer goes on.
pub(crate) async fn still_may(web: &Web, parts: &Parts, right: Permission) -> bool {
    match authenticate(web, parts).await {
        Ok(Authentication::AuthContext(guest)) => guest.who.may(right),
        Ok(Authentication::Bad(_)) => false,
        // A database that fails takes nobody's right away.
        Err(_) => true,
    }
}

const SIGN_IN: &str =
    "sign in, or send a token (`Authorization: Bearer rbk_…`; `ringbook tokens add` makes one)";
const NOT_A_PHONE: &str = "this address is not in PHONE_NETWORKS; add its network there, or give the \
    phone a token of its own (`ringbook phones add`)";
const STRANGE_PROXY: &str = "this request came through a proxy that is not in TRUSTED_PROXIES, so who \
    asks is not known; add the proxy's address there";
const THIS_MACHINE: &str = "this request came from this machine itself, where a reverse proxy cannot be told from a \
    phone; ask at the address in PHONES_LISTEN, show a phone's token (`ringbook phones add`), or name this \
    machine in PHONE_NETWORKS if no proxy runs on it";
const SILENT_PROXY: &str = "this request came from an address in TRUSTED_PROXIES that does not say for whom it \
    asks; let the proxy set X-Forwarded-For (a program on the proxy's own machine sends a token instead)";
const NOT_NAMED: &str = "you are signed in at the proxy, and AUTH_PROXY_ADMINS does not name you; whoever runs this \
    server can add your name there, or make you an administrator of its own (`ringbook admins add`)";
pub(crate) const NO_CSRF: &str =
    "the header `X-CSRF-Token` is missing or wrong; `GET /api/session` says what it has to be";
const BAD_TOKEN: &str =
    "this token is not known, was revoked or has expired; `ringbook tokens add` makes another";
const BAD_DEVICE: &str = "This phone's address holds a token that is not valid any more. Please tell \
    whoever looks after the phones: `ringbook phones add` makes another.";
const OUT_OF_ORDER: &str =
    "The directory cannot be read at the moment. Please try again in a minute.";

enum Authentication {
    AuthContext(AuthContext),
    /// Something was shown that opens nothing.
    Bad(&'static str),
}

async fn authenticate(web: &Web, parts: &Parts) -> Result<Authentication, DbError> {
    let access = &web.app.access;
    let address = address(parts, web);
    let refused = matches!(named_by_proxy(web, parts), Named::Another).then_some(NOT_NAMED);
    let peer = parts.extensions.get::<Peer>().map(|it| it.0.ip());
    let is_local = peer.is_some_and(|peer| is_at_machine(web, parts, peer));
    // Whole networks lead here as well (127.0.0.0/8): who takes another address each time is not told apart.
    let is_here = is_local && peer.is_some_and(is_usual);
    let guest =
        |who| AuthContext { who, refused, is_here, ..AuthContext::stranger_from(address.clone()) };
    let found = |who| Ok(Authentication::AuthContext(guest(who)));

    if parts.extensions.get::<InProcess>().is_some() {
        return found(Identity::Local);
    }
    if let Some(token) = device_token(parts.uri.path()) {
        let device = access.device(token, &address, &model(&parts.headers)).await?;
        return match device {
            Some(device) => found(Identity::Device { id: device.id, name: device.name }),
            None => Ok(Authentication::Bad(BAD_DEVICE)),
        };
    }
    let shown = text_of(&parts.headers, header::AUTHORIZATION.as_str());
    if let Some((scheme, token)) = shown.split_once(' ')
        && scheme.eq_ignore_ascii_case("bearer")
    {
        return match access.program(token.trim(), &address).await? {
            Some(token) => Ok(Authentication::AuthContext(AuthContext {
                person: token.person,
                proxy_name: token.proxy_name,
                ..guest(Identity::Program { name: token.name, scope: token.scope })
            })),
            None => Ok(Authentication::Bad(BAD_TOKEN)),
        };
    }
    if let Some(shown) = session_cookie(parts, web)
        && let Some(session) = access.session(&shown, !asks_by_itself(&parts.headers)).await?
    {
        let csrf = SecretHash::csrf(&shown);
        return Ok(Authentication::AuthContext(AuthContext {
            session: Some(Session { id: session.id, csrf }),
            person: Some(session.person),
            ..guest(Identity::Person { name: session.name })
        }));
    }
    if let Named::Admin(name) = named_by_proxy(web, parts) {
        let proxy_name = Some(name.clone());
        return Ok(Authentication::AuthContext(AuthContext {
            proxy_name,
            ..guest(Identity::Person { name })
        }));
    }
    let admin = match is_local {
        true => access.has_admin().await.map(Some),
        false => Ok(None),
    };
    if matches!(admin, Ok(Some(false))) {
        return found(Identity::Local);
    }
    if let Some(why) = somebody_elses_voice(web, parts) {
        return Ok(Authentication::AuthContext(AuthContext {
            why: Some(why),
            ..guest(Identity::Stranger)
        }));
    }
    let from: Option<IpAddr> = address.parse().ok();
    let networks = &web.app.config.phone_networks;
    if from.is_some_and(|ip| networks.iter().any(|it| it.contains(ip))) {
        if !web.app.config.phone_networks_chosen && came_from_this_machine(parts, from) {
            // While it is not known whether there is an administrator the request fails, instead of being refused.
            admin?;
            return Ok(Authentication::AuthContext(AuthContext {
                why: Some(THIS_MACHINE),
                ..guest(Identity::Stranger)
            }));
        }
        if is_for_phones(parts.uri.path()) {
            access.note_asker(&address, &model(&parts.headers));
        }
        return found(Identity::PhoneNetwork);
    }
    admin?;
    found(Identity::Stranger)
}

/// What our pages ask for while they are open, without anybody doing anything.
fn asks_by_itself(headers: &HeaderMap) -> bool {
    headers.contains_key("x-part")
        || text_of(headers, header::ACCEPT.as_str()).contains("text/event-stream")
}

/// Whether the request was made on this machine, for this machine.
fn is_at_machine(web: &Web, parts: &Parts, peer: IpAddr) -> bool {
    let forwarded = somebody_elses_voice(web, parts).is_some() || was_forwarded(&parts.headers);
    is_local(peer, forwarded, hosts::host(&parts.headers).as_ref(), &web.hosts)
}

/// Whether a program on this machine asks at the listener for everybody, for all we can see: a reverse proxy that
/// adds no header would make the whole world a phone.
fn came_from_this_machine(parts: &Parts, from: Option<IpAddr>) -> bool {
    let Some(Arrival { local, for_phones: false }) = parts.extensions.get::<Arrival>() else {
        return false;
    };
    from.is_some_and(|from| from.is_loopback() || *local == Some(from))
}

/// The addresses that a program at this machine has when it calls `localhost`.
fn is_usual(peer: IpAddr) -> bool {
    matches!(peer.to_canonical(), IpAddr::V4(Ipv4Addr::LOCALHOST) | IpAddr::V6(Ipv6Addr::LOCALHOST))
}

/// Why the other end of the connection is not who asks, where it does not say who is: a proxy that is not
/// trusted, or one that is and is silent. Its own address says nothing.
fn somebody_elses_voice(web: &Web, parts: &Parts) -> Option<&'static str> {
    let signs_in = web.app.config.auth_proxy_header.as_deref();
    if from_trusted_proxy(parts, web) {
        return (!parts.headers.contains_key("x-forwarded-for")).then_some(SILENT_PROXY);
    }
    let forwarded = was_forwarded(&parts.headers)
        || signs_in.is_some_and(|header| parts.headers.contains_key(header));
    forwarded.then_some(STRANGE_PROXY)
}

/// Whom a trusted proxy has signed in.
enum Named {
    Nobody,
    Admin(String),
    /// Somebody who may not administer.
    Another,
}

/// Who is signed in at the proxy, if it is one that is trusted with that.
fn named_by_proxy(web: &Web, parts: &Parts) -> Named {
    let config = &web.app.config;
    let Some(header) = config.auth_proxy_header.as_deref() else { return Named::Nobody };
    // One that does not say for whom it speaks passes on what anybody sends.
    if !from_trusted_proxy(parts, web) || !parts.headers.contains_key("x-forwarded-for") {
        return Named::Nobody;
    }
    let mut values = parts.headers.get_all(header).iter();
    // Two are one of the proxy's and one of somebody who hopes that the proxy leaves it in.
    let (Some(only), None) = (values.next(), values.next()) else { return Named::Nobody };
    let name = ringbook_core::contact::clean(&String::from_utf8_lossy(only.as_bytes()), 100);
    if name.is_empty() {
        Named::Nobody
    } else if config.may_administer_by_proxy(&name) {
        Named::Admin(name)
    } else {
        Named::Another
    }
}

/// The token in `/p/{token}/…`.
pub(crate) fn device_token(path: &str) -> Option<&str> {
    path.strip_prefix("/p/")?.split('/').next()
}

fn model(headers: &HeaderMap) -> String {
    let model = text_of(headers, phones::MODEL.as_str());
    if model.is_empty() { text_of(headers, header::USER_AGENT.as_str()) } else { model }
}

fn session_cookie(parts: &Parts, web: &Web) -> Option<String> {
    let name = if is_secure(parts, web) { COOKIE_SECURE } else { COOKIE };
    let cookies = text_of(&parts.headers, header::COOKIE.as_str());
    let found = cookies.split(';').find_map(|it| it.trim().strip_prefix(name)?.strip_prefix('='));
    found.filter(|it| !it.is_empty()).map(str::to_owned)
}

/// The cookie that signs a browser in, or out when there is no secret.
pub(crate) fn cookie(secure: bool, secret: Option<&str>, lasts: Duration) -> Option<HeaderValue> {
    let (name, flags) = match secure {
        true => (COOKIE_SECURE, "; Path=/; HttpOnly; SameSite=Lax; Secure"),
        false => (COOKIE, "; Path=/; HttpOnly; SameSite=Lax"),
    };
    let seconds = if secret.is_some() { lasts.as_secs() } else { 0 };
    let value = secret.unwrap_or_default();
    HeaderValue::try_from(format!("{name}={value}{flags}; Max-Age={seconds}")).ok()
}

/// What a browser shows of a sign-in before; `None` where that is nothing of ours.
pub(crate) fn known_browser(headers: &HeaderMap) -> Option<String> {
    let cookies = text_of(headers, header::COOKIE.as_str());
    let pairs = cookies.split(';').filter_map(|it| it.trim().split_once('='));
    let mut found = pairs.filter(|(name, _)| [KNOWN, KNOWN_SECURE].contains(name));
    found.find(|(_, value)| Secret::is_of_session(value)).map(|(_, value)| value.to_owned())
}

/// The cookie by which a browser is known again.
pub(crate) fn known_cookie(secure: bool, secret: &str) -> Option<HeaderValue> {
    let (name, flags) = match secure {
        true => (KNOWN_SECURE, "; Path=/; HttpOnly; SameSite=Lax; Secure"),
        false => (KNOWN, "; Path=/; HttpOnly; SameSite=Lax"),
    };
    let lasts = BROWSER_KEPT.as_secs();
    HeaderValue::try_from(format!("{name}={secret}{flags}; Max-Age={lasts}")).ok()
}

fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// For the record of acts.
pub(crate) fn actor(guest: &AuthContext) -> String {
    guest.caller().audit_name()
}

/// An act that is about to be done. What it is about has its name still.
async fn act(web: &Web, parts: &Parts, route: &str, guest: &AuthContext) -> Act {
    let subject = subject(parts, route);
    let name = match subject.as_deref() {
        Some(id) if uuid("id", id).is_ok() => web.app.store.name_of(id).await.ok().flatten(),
        _ => None,
    };
    Act {
        actor: actor(guest),
        address: Some(guest.address.clone()),
        act: action(&parts.method, route),
        subject,
        subject_name: name,
        succeeded: true,
        refused: false,
    }
}

/// The word of the audit log for what a route does.
fn action(method: &Method, route: &str) -> String {
    let route = format!("{method} {route}");
    AuditAction::stored(&route).map_or(route, |it| it.as_str().to_owned())
}

/// What an act was about: the id in its path, or the account that is named.
fn subject(parts: &Parts, route: &str) -> Option<String> {
    let path = parts.uri.path();
    let at = route.split('/').position(|step| step == "{id}");
    let id = at.and_then(|at| path.split('/').nth(at)).map(str::to_owned);
    let query = Query::parse(parts.uri.query().unwrap_or_default()).ok();
    let account = query.and_then(|it| it.text("account").ok()?.map(str::to_owned));
    id.or(account).map(|it| ringbook_core::contact::clean(&it, 100))
}

/// Whether this phone has asked no more often than it may. This machine asks as often as it likes: it is a
/// switchboard, or whoever measures.
fn within_rate(web: &Web, guest: &AuthContext) -> bool {
    let asker = match &guest.who {
        Identity::Device { id, .. } => id.clone(),
        Identity::PhoneNetwork | Identity::Stranger => match guest.address.parse::<IpAddr>() {
            Ok(ip) if ip.is_loopback() => return true,
            Ok(ip) => client_prefix(ip).to_string(),
            Err(_) => guest.address.clone(),
        },
        Identity::Person { .. }
        | Identity::Program { .. }
        | Identity::CommandLine { .. }
        | Identity::Local => {
            return true;
        }
    };
    web.app.access.rates.take(asker, web.now())
}

fn may_guess(web: &Web, parts: &Parts) -> bool {
    match client(parts, web) {
        Some(ip) if ip.is_loopback() => true,
        Some(ip) => web.app.access.rates.take(client_prefix(ip).to_string(), web.now()),
        None => web.app.access.rates.take("unknown".to_owned(), web.now()),
    }
}

fn too_often(parts: &Parts) -> Response {
    if is_screen(parts) {
        let text = "This phone asks too often. Please wait a few seconds.";
        return phones::refusal(&parts.headers, "Please wait", text);
    }
    let mut response =
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many requests; wait a few seconds")
            .into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

fn is_screen(parts: &Parts) -> bool {
    let path = parts.uri.path();
    is_for_phones(path) && !phones::is_lookup(path)
}

/// Says no, in the language of whoever asks: a screen, a page to sign in at, or JSON.
fn refuse(parts: &Parts, status: StatusCode, why: &str) -> Response {
    if is_screen(parts) {
        let text = match why {
            NOT_A_PHONE => {
                "This phone may not read the directory. Please tell whoever looks after the phones: \
                 its network is not in PHONE_NETWORKS."
            }
            STRANGE_PROXY => {
                "This request came through a proxy that is not trusted. Please tell whoever looks after \
                 the phones: its address belongs into TRUSTED_PROXIES."
            }
            THIS_MACHINE => {
                "This request came from Ringbook's own machine, so it may be from anybody behind a proxy there. \
                 Please tell whoever looks after the phones: PHONES_LISTEN gives phones an address of their own."
            }
            SILENT_PROXY => {
                "This request came through a proxy that does not say which phone asks. Please tell whoever \
                 looks after the phones: the proxy has to set X-Forwarded-For."
            }
            other => other,
        };
        return phones::refusal(&parts.headers, "Not allowed", text);
    }
    let wants_page = text_of(&parts.headers, header::ACCEPT.as_str()).contains("text/html");
    let path = parts.uri.path();
    let is_page = !path.starts_with("/api/") && path != "/lookup" && path != "/metrics";
    if status == StatusCode::UNAUTHORIZED && wants_page && is_page && parts.method == Method::GET {
        let back = parts.uri.path_and_query().map_or("/", |it| it.as_str());
        let back: String = back.bytes().map(percent).collect();
        return Redirect::to(&format!("/sign-in?back={back}")).into_response();
    }
    let mut response = Problem::new(status, why).into_response();
    if status == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Bearer realm=\"Ringbook\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

fn percent(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_is_left_open_does_not_keep_its_session_alive() {
        let asked = |name: &'static str, value: &'static str| {
            asks_by_itself(&HeaderMap::from_iter([(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )]))
        };
        assert!(asked("x-part", "accounts") && asked("accept", "text/event-stream"));
        assert!(!asked("accept", "text/html,*/*"));
    }
}
