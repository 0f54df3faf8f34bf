//! The HTTP server: finds out what is asked, lets faults strike, and answers.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Form, FromRequest, Query as UriQuery, Request, State as Shared};
use axum::http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, HOST, USER_AGENT};
use axum::http::{HeaderMap, HeaderName, Method, Uri};
use axum::response::Response;
use axum::serve::IncomingStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use super::answers::{Reply, credentials_missing, html_error, oauth_error, unauthenticated};
use super::faults::{Action, Endpoint, Occasion, RetryAfter, Strike, Sync};
use super::listing::ListRequest;
use super::log::{Entry, without_secrets};
use super::mask::Language;
use super::oauth::{Caller, Identity, find};
use super::query::pretty;
use super::time;
use super::wire::{Wishes, respond, takes_gzip};
use super::world::{State, World};
use super::{control_http, people, service_account};

pub(super) async fn run(listener: TcpListener, world: Arc<World>) {
    let router = Router::new().fallback(handle).with_state(Arc::clone(&world));
    let service = router.into_make_service_with_connect_info::<Line>();
    let stopped = {
        let world = Arc::clone(&world);
        async move { world.stopped().await }
    };
    let serving = axum::serve(Door(listener), service).with_graceful_shutdown(stopped);
    let given_up = async {
        world.stopped().await;
        // Clients who keep a connection open must not keep the simulator alive.
        time::pass(Duration::from_millis(500)).await;
    };
    tokio::select! {
        _ = serving => {}
        () = given_up => {}
        () = world.age() => {}
    }
}

async fn handle(
    Shared(world): Shared<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
) -> Response {
    let asked = match Asked::read(request).await {
        Ok(asked) => asked,
        Err(refused) => {
            let wishes = Wishes { gzip: false, pretty: true };
            return respond(refused, &wishes, None, &world);
        }
    };
    if is_control(&asked.path) {
        return control_http::answer(&world, &asked);
    }
    let Some(endpoint) = endpoint(&asked.method, &asked.path) else {
        let page = Reply::html(404, &html_error(404, "Not Found"));
        let wishes = Wishes { gzip: takes_gzip(&asked.headers), pretty: true };
        return respond(page, &wishes, None, &world);
    };
    google(&world, &line, endpoint, asked).await
}

async fn google(world: &Arc<World>, line: &Line, endpoint: Endpoint, asked: Asked) -> Response {
    let (number, strike, latency) = begin(world, endpoint, &asked);
    let _under_way = UnderWay { world, endpoint };
    let api = !matches!(endpoint, Endpoint::Auth | Endpoint::Token | Endpoint::Revoke);
    let wait = strike.delay + if api { latency } else { Duration::ZERO };
    if !wait.is_zero() {
        tokio::select! {
            () = time::pass(wait) => {}
            () = world.stopped() => {}
        }
    }
    if let Some(Action::Hang | Action::Reset) = strike.action {
        if strike.action == Some(Action::Hang) {
            world.stopped().await;
        }
        line.cut();
        return Response::default();
    }
    let takes_gzip = takes_gzip(&asked.headers);
    let pretty = pretty(&asked.query);
    let mut state = world.lock();
    let reply = reply(&mut state, endpoint, asked, &strike);
    state.log.answered(number, reply.status, reply.why.clone());
    let gzip = takes_gzip && (state.settings.gzip || reply.status >= 400);
    drop(state);
    respond(reply, &Wishes { gzip, pretty }, strike.action.as_ref(), world)
}

/// Notes a request down, and asks what is to go wrong with it.
fn begin(world: &World, endpoint: Endpoint, asked: &Asked) -> (u64, Strike, Duration) {
    let mut state = world.lock();
    let caller = asked.caller(&state);
    let user = caller.ok().map(|caller| state.users[caller.user].email.clone());
    let (page, sync) = if matches!(endpoint, Endpoint::List | Endpoint::Directory) {
        let (page, incremental) = ListRequest::glance(&asked.query, &state.sealer);
        let full = find(&asked.query, "requestSyncToken").is_some();
        let sync = match (incremental, full) {
            (true, _) => Some(Sync::Incremental),
            (false, true) => Some(Sync::Full),
            (false, false) => None,
        };
        (Some(page), sync)
    } else {
        (None, None)
    };
    let occasion = Occasion {
        endpoint,
        page,
        sync,
        user: user.as_deref(),
        grant_type: find(&asked.form, "grant_type"),
    };
    let strike = state.plan.strike(&occasion);
    let mut parameters = without_secrets(&asked.query);
    parameters.extend(without_secrets(&asked.form));
    let text = |name: HeaderName| {
        asked.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let faults = strike.action.iter().chain(&strike.listing).map(Action::kind).collect();
    let at = super::render::time(state.now());
    let number = state.log.begin(Entry {
        number: 0,
        at,
        endpoint,
        method: asked.method.to_string(),
        path: asked.path.clone(),
        parameters,
        user,
        page,
        sync,
        user_agent: text(USER_AGENT),
        accept_language: text(ACCEPT_LANGUAGE),
        status: None,
        faults,
        why: None,
    });
    (number, strike, Duration::from_millis(state.settings.latency_ms))
}

fn reply(state: &mut State, endpoint: Endpoint, asked: Asked, strike: &Strike) -> Reply {
    match &strike.action {
        Some(Action::Answer { answer, retry_after }) => {
            let reply = answer.reply();
            return match retry_after {
                None => reply,
                Some(RetryAfter::Seconds(seconds)) => {
                    reply.with_header("retry-after", seconds.to_string())
                }
                Some(RetryAfter::Date { date_in_seconds }) => {
                    reply.with_header("retry-after", http_date(*date_in_seconds))
                }
            };
        }
        Some(Action::GzipWithoutHeader { answer: Some(answer) }) => return answer.reply(),
        _ => {}
    }
    let now = state.now();
    match endpoint {
        Endpoint::Auth => {
            let user = match find(&asked.query, "login_hint") {
                Some(email) if email.contains('@') => state.user(email, NEW_BOOK),
                _ => state.present,
            };
            state.oauth.authorize(&asked.query, user, now)
        }
        Endpoint::Token => {
            if let Some(token) = find(&asked.form, "refresh_token")
                && let Some((email, scopes)) = state.oauth.recall(token)
            {
                let user = state.user(&email, NEW_BOOK);
                state.oauth.revive(token, user, scopes, now);
            }
            if find(&asked.form, "grant_type") == Some(service_account::GRANT_TYPE) {
                return token_for_statement(state, &asked, now);
            }
            let basic = asked.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
            let State { oauth, users, .. } = state;
            oauth.token(&asked.form, basic, now, |user| Identity {
                email: users[user].email.clone(),
                subject: users[user].id.to_string(),
            })
        }
        Endpoint::Revoke => {
            let token = find(&asked.form, "token").or_else(|| find(&asked.query, "token"));
            state.oauth.revoke(token)
        }
        _ => match asked.caller(state) {
            Err(refused) => refused,
            Ok(caller) => {
                let language = asked.headers.get(ACCEPT_LANGUAGE);
                let call = people::Call {
                    caller,
                    endpoint,
                    path: &asked.path,
                    language: Language::of(language.and_then(|value| value.to_str().ok())),
                    pairs: asked.query,
                    tampering: &strike.listing,
                };
                people::answer(state, call)
            }
        },
    }
}

/// Exchanges a service account's statement for a token of the mailbox that it speaks for.
fn token_for_statement(state: &mut State, asked: &Asked, now: i64) -> Reply {
    let host = asked.headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let audiences =
        ["https://oauth2.googleapis.com/token".to_owned(), format!("http://{host}{}", asked.path)];
    let statement = find(&asked.form, "assertion").unwrap_or_default();
    let delegated = &state.domain.delegated;
    let wanted = match service_account::check(statement, &audiences, delegated, now) {
        Ok(wanted) => wanted,
        Err(refused) => return refused,
    };
    let user = state.users.iter().position(|user| user.email == wanted.subject);
    match user {
        Some(user) => state.oauth.mint(user, wanted.scopes, now),
        None => oauth_error(400, "invalid_grant", "Invalid email or User ID"),
    }
}

/// The size of the book of a user who turns up by a `login_hint`.
const NEW_BOOK: usize = 100;

fn endpoint(method: &Method, path: &str) -> Option<Endpoint> {
    let endpoint = match path {
        "/v1/people/me/connections" => Endpoint::List,
        "/v1/people:listDirectoryPeople" => Endpoint::Directory,
        "/v1/people:batchGet" => Endpoint::BatchGet,
        "/v1/people/me" => Endpoint::Me,
        "/v1/contactGroups" => Endpoint::Groups,
        "/v1/contactGroups:batchGet" => Endpoint::GroupsBatchGet,
        "/o/oauth2/v2/auth" => Endpoint::Auth,
        "/token" => Endpoint::Token,
        "/revoke" => Endpoint::Revoke,
        _ => {
            let id = path.strip_prefix("/v1/people/")?;
            (!id.contains('/')).then_some(Endpoint::Person)?
        }
    };
    let wanted = match endpoint {
        Endpoint::Token | Endpoint::Revoke => Method::POST,
        _ => Method::GET,
    };
    (*method == wanted).then_some(endpoint)
}

/// A request, taken apart.
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) form: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Asked {
    async fn read(request: Request) -> Result<Asked, Reply> {
        let (parts, body) = request.into_parts();
        let query = pairs_of(&parts.uri)?;
        let headers = parts.headers.clone();
        let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
        let is_form = headers
            .get(axum::http::header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        let request = Request::from_parts(parts, body);
        let bad = |what: &str| Reply::html(400, &html_error(400, what));
        // Those who pull levers often leave the content type to their tool's default.
        let (form, body) = if is_form && method == Method::POST && !is_control(&path) {
            let Form(form) = Form::<Vec<(String, String)>>::from_request(request, &())
                .await
                .map_err(|_| bad("Bad Request"))?;
            (form, String::new())
        } else {
            let text = String::from_request(request, &()).await.map_err(|_| bad("Bad Request"))?;
            (Vec::new(), text)
        };
        Ok(Asked { method, path, query, form, headers, body })
    }

    fn caller(&self, state: &State) -> Result<Caller, Reply> {
        let header = self.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = match header {
            Some(header) => header.strip_prefix("Bearer ").or(header.strip_prefix("bearer ")),
            None => find(&self.query, "access_token").or(find(&self.query, "oauth_token")),
        };
        match token {
            None if header.is_none() => Err(credentials_missing()),
            token => token
                .and_then(|token| state.oauth.caller(token, state.now()))
                .ok_or_else(unauthenticated),
        }
    }
}

fn is_control(path: &str) -> bool {
    path.starts_with("/simulator")
}

fn pairs_of(uri: &Uri) -> Result<Vec<(String, String)>, Reply> {
    match UriQuery::<Vec<(String, String)>>::try_from_uri(uri) {
        Ok(UriQuery(pairs)) => Ok(pairs),
        Err(_) => Err(Reply::html(400, &html_error(400, "Bad Request"))),
    }
}

fn http_date(in_seconds: i64) -> String {
    let at = time::now().as_second() + in_seconds;
    let at = jiff::Timestamp::from_second(at).unwrap_or_default();
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Counts a request as under way for as long as it is, also when its client gives up.
struct UnderWay<'a> {
    world: &'a World,
    endpoint: Endpoint,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.world.lock().log.over(self.endpoint);
    }
}

/// Lets connections in, each of them with a handle by which it can be cut.
struct Door(TcpListener);

impl axum::serve::Listener for Door {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        loop {
            match self.0.accept().await {
                Ok((stream, address)) => {
                    // Small answers should not wait for more of them.
                    let _ = stream.set_nodelay(true);
                    return (Wire { stream, line: Line::default() }, address);
                }
                // Out of file handles, most likely; some may come free.
                Err(_) => time::pass(Duration::from_millis(50)).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// The handle of a connection.
#[derive(Clone, Default)]
struct Line(Arc<AtomicBool>);

impl Line {
    /// The next byte written resets the connection instead.
    fn cut(&self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Connected<IncomingStream<'_, Door>> for Line {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Line {
        stream.io().line.clone()
    }
}

struct Wire {
    stream: TcpStream,
    line: Line,
}

impl Wire {
    fn check(&self) -> io::Result<()> {
        if self.line.0.load(Ordering::Acquire) {
            // Makes closing the socket a reset, not a polite end.
            let _ = self.stream.set_zero_linger();
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
