//! The server: takes connections, and lets no client hold the others up.
//!
//! axum's own server has no time limit for headers and none for the number of connections, so that
//! sleepy clients could keep every other one waiting.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::http::Request;
use axum::middleware::{from_fn, from_fn_with_state};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;
use tower::Service;
use tracing::{debug, info, warn};

use crate::base_path::below;
use crate::connection_limiter::{ConnectionLimiter, Waiting};
use crate::input::{Arrival, Peer, Secure};
use crate::tls::{Handshake, Tls};
use crate::watched::{Watched, WatchedBody};
use crate::{Web, assemble, hosts, middleware};
use ringbook_app::App;
use ringbook_app::config::Network;
use ringbook_core::clock::{Clock, after};
use ringbook_runtime::tasks;

/// Of a request's header, all together. Browsers with many cookies send a tenth of it.
const HEADER_MAX: usize = 64 << 10;
/// How long open requests may go on when the server is to end.
const DRAIN: Duration = Duration::from_secs(5);
/// Pause after an accept that failed for want of file descriptors.
const BREATH: Duration = Duration::from_millis(100);
/// How often the certificate's files are looked at.
const RELOAD: Duration = Duration::from_secs(10);
const CONNECTIONS_MAX: usize = 4096;
/// Left for the database, for Google and for log files.
const FILES_RESERVED: usize = 96;

/// An address that people or phones call at.
pub struct Listener {
    pub listener: TcpListener,
    /// Plain HTTP where there is none.
    pub tls: Option<Arc<Tls>>,
    pub rooms: Exposure,
}

/// What can be reached through a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    All,
    /// What phones ask for, and nothing else, whoever asks.
    Phones,
}

impl Listener {
    /// Plain HTTP, for everybody and everything.
    pub fn plain(listener: TcpListener) -> Listener {
        Listener { listener, tls: None, rooms: Exposure::All }
    }
}

/// How much patience clients can count on.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// Time for a request's header. A connection that is kept open for the next one waits no longer.
    pub header: Duration,
    /// A client that takes nothing of its answer for so long has gone, or means harm.
    pub write: Duration,
    /// Connections of one listener; its part of all there can be when `None`.
    pub connections: Option<usize>,
    /// Connections of one address at one listener; a quarter of those when `None`.
    pub connections_each: Option<usize>,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            header: Duration::from_secs(30),
            write: Duration::from_secs(60),
            connections: None,
            connections_each: None,
        }
    }
}

/// Answers requests until `shutdown` comes, then finishes those that are open, within a few seconds.
///
/// # Errors
/// Never, for now: a connection that fails ends alone.
pub async fn serve(
    app: App,
    doors: Vec<Listener>,
    patience: Timeouts,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let (close, closing) = watch::channel(false);
    // Each listener has seats of its own, so that a crowd at one leaves those of the others free.
    let share = (connections_max() / doors.len().max(1)).max(32);
    let seats_max = patience.connections.unwrap_or(share);
    let clock = app.clock.clone();
    let trusted_proxies = app.config.trusted_proxies.clone();
    let web = Web::new(app, closing.clone());
    let greeter = Router::new()
        .fallback(middleware::speak_https)
        .layer(from_fn_with_state(web.clone(), hosts::judge));
    let router = assemble(web.clone());
    let server = Arc::new(Server { clock, seats_max, patience, trusted_proxies, closing, greeter });
    let mut keepers = JoinSet::new();
    for door in doors {
        let router = match door.rooms {
            Exposure::All => router.clone(),
            Exposure::Phones => router.clone().layer(from_fn(middleware::phones_only)),
        };
        let router = below(&web, router);
        if let Some(tls) = &door.tls {
            let (tls, server) = (tls.clone(), server.clone());
            keepers.spawn(tasks::watched("looking after the certificate", async move {
                while !server.is_closing() {
                    let looking = server.look_after(&tls);
                    tasks::attempt("looking after the certificate", looking).await;
                }
            }));
        }
        let server = server.clone();
        keepers.spawn(tasks::watched("a listener", async move {
            server.accept_until_shutdown(door, router).await
        }));
    }
    shutdown.await;
    close.send_replace(true);
    let all = async { while keepers.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, all).await.is_err() {
        info!("some requests were still open and were cut off");
    }
    Ok(())
}

/// What all doors share.
struct Server {
    clock: Arc<dyn Clock>,
    /// Of each door.
    seats_max: usize,
    patience: Timeouts,
    trusted_proxies: Vec<Network>,
    closing: watch::Receiver<bool>,
    /// Answers who speaks plain HTTP where HTTPS is spoken.
    greeter: Router,
}

impl Server {
    /// Accepts connections until shutdown, and goes on when accepting fails: nothing else would tell that
    /// the server does not answer any more.
    async fn accept_until_shutdown(self: Arc<Server>, door: Listener, router: Router) {
        while !self.is_closing() {
            let accepting = self.clone().accept(&door, &router);
            if let Some(mut open) = tasks::attempt("accepting connections", accepting).await {
                // From now on others are refused at once.
                drop(door);
                while open.join_next().await.is_some() {}
                return;
            }
            self.clock.sleep_until(after(self.clock.now(), BREATH)).await;
        }
    }

    fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Accepts connections until shutdown. Returns those that are open then.
    async fn accept(self: Arc<Server>, door: &Listener, router: &Router) -> JoinSet<()> {
        let mut closing = self.closing.clone();
        let mut connections = JoinSet::new();
        let for_phones = door.rooms == Exposure::Phones;
        let seats = Arc::new(Semaphore::new(self.seats_max));
        let each_max = self.patience.connections_each.unwrap_or((self.seats_max / 4).max(32));
        let guests = Arc::new(ConnectionLimiter::new(each_max));
        loop {
            while connections.try_join_next().is_some() {}
            let seat = tokio::select! {
                seat = self.seat(&seats, &guests) => match seat {
                    Some(seat) => seat,
                    None => break,
                },
                _ = closing.wait_for(|closing| *closing) => break,
            };
            let accepted = tokio::select! {
                accepted = door.listener.accept() => accepted,
                _ = closing.wait_for(|closing| *closing) => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let Some(guest) = guests.authorize(self.counted(peer.ip())) else {
                        debug!(
                            "an address has as many connections as it may have; closing its newest"
                        );
                        continue;
                    };
                    let (server, tls, router) = (self.clone(), door.tls.clone(), router.clone());
                    let local = stream.local_addr().ok().map(|it| it.ip().to_canonical());
                    let from = (Peer(peer), Arrival { local, for_phones });
                    connections.spawn(tasks::watched("a connection", async move {
                        let waiting = guest.waiting.clone();
                        tokio::select! {
                            () = server.receive(stream, from, tls, router, &waiting) => {}
                            () = waiting.told_to_leave() => {}
                        }
                        drop((seat, guest));
                    }));
                }
                Err(problem) if is_the_clients(&problem) => {}
                Err(problem) => {
                    warn!(%problem, "a connection could not be taken");
                    self.clock.sleep_until(after(self.clock.now(), BREATH)).await;
                }
            }
        }
        connections
    }

    async fn seat(
        &self,
        seats: &Arc<Semaphore>,
        guests: &ConnectionLimiter,
    ) -> Option<OwnedSemaphorePermit> {
        if let Ok(seat) = seats.clone().try_acquire_owned() {
            return Some(seat);
        }
        debug!(limit = self.seats_max, "every connection is in use; closing one that says nothing");
        loop {
            // Whoever only keeps a connection open has to dial again.
            guests.make_room();
            tokio::select! {
                seat = seats.clone().acquire_owned() => return seat.ok(),
                () = self.clock.sleep_until(after(self.clock.now(), BREATH)) => {}
            }
        }
    }

    /// Under which address a connection counts; behind a proxy all the world has one.
    fn counted(&self, address: IpAddr) -> Option<IpAddr> {
        let address = address.to_canonical();
        let is_proxy = self.trusted_proxies.iter().any(|it| it.contains(address));
        (!is_proxy).then_some(address)
    }

    async fn receive(
        &self,
        stream: TcpStream,
        from: (Peer, Arrival),
        tls: Option<Arc<Tls>>,
        router: Router,
        waiting: &Arc<Waiting>,
    ) {
        // Small answers should not wait for more to come. Where this fails, they are merely later.
        let _ = stream.set_nodelay(true);
        let Some(tls) = tls else {
            return self.converse(stream, from, false, router, waiting).await;
        };
        let mut closing = self.closing.clone();
        let greeting = tokio::select! {
            greeting = tls.greet(stream) => greeting,
            _ = closing.wait_for(|closing| *closing) => return,
        };
        match greeting {
            Handshake::Tls(stream) => self.converse(*stream, from, true, router, waiting).await,
            Handshake::Plain(stream) => {
                self.converse(stream, from, false, self.greeter.clone(), waiting).await;
            }
            Handshake::Noise => {}
        }
    }

    async fn converse(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
        from: (Peer, Arrival),
        secure: bool,
        router: Router,
        waiting: &Arc<Waiting>,
    ) {
        let mut closing = self.closing.clone();
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.patience.write));
        let stream = Watched::new(Box::pin(stream), waiting.clone());
        let service = service_fn(|mut request: Request<Incoming>| {
            waiting.asked();
            request.extensions_mut().insert(from.0);
            request.extensions_mut().insert(from.1);
            if secure {
                request.extensions_mut().insert(Secure);
            }
            let request = match request.body().is_end_stream() {
                true => request.map(Body::new),
                false => request.map(|it| Body::new(WatchedBody::new(it, waiting.clone()))),
            };
            let answer = router.clone().call(request);
            async move {
                let answer = answer.await.unwrap_or_else(|never| match never {});
                waiting.answered();
                Ok::<_, Infallible>(answer)
            }
        });
        let mut connection = pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(self.patience.header)
                .max_buf_size(HEADER_MAX)
                .serve_connection(TokioIo::new(stream), service)
        );
        tokio::select! {
            // A client that broke off is no news.
            _ = connection.as_mut() => return,
            _ = closing.wait_for(|closing| *closing) => {}
        }
        // Ends at once when nothing is asked, else after the answer.
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }

    /// Takes a new certificate when there is one.
    async fn look_after(&self, tls: &Arc<Tls>) {
        let mut closing = self.closing.clone();
        loop {
            tokio::select! {
                () = self.clock.sleep_until(after(self.clock.now(), RELOAD)) => {}
                _ = closing.wait_for(|closing| *closing) => return,
            }
            let tls = tls.clone();
            // Files are read, from a disk that may be slow.
            let _ = tasks::blocking("reading the certificate", move || tls.reload()).await;
        }
    }
}

fn is_the_clients(problem: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(problem.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Raises the number of files that this process may have open to what it needs, as far as it may: systems start
/// programs with a low one that suits old programs. Where this fails, there are fewer connections.
pub fn raise_files_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let wanted = (CONNECTIONS_MAX + FILES_RESERVED) as u64;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = maximum.map_or(wanted, |most| most.min(wanted));
    if current.is_some_and(|current| current < raised) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum });
    }
}

/// As many as the system lets this process have files, less what others need.
fn connections_max() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let files = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next())
        .and_then(|soft| soft.parse::<usize>().ok());
    // Elsewhere 256 is the usual limit.
    let files = files.unwrap_or(if limits.is_empty() { 256 } else { usize::MAX });
    files.saturating_sub(FILES_RESERVED).clamp(64, CONNECTIONS_MAX)
}
