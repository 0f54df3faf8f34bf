//! The server: takes connections, and lets no client hold the others up.
//!
//! axum's own server has no time limit for headers and none for the number of connections, so that
//! sleepy clients could keep every other one waiting.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower::Service;
use tracing::{debug, info, warn};

use crate::app::App;
use crate::clock::after;
use crate::web::input::Peer;
use crate::web::{Web, assemble};

/// Time for a request's header. A connection that is kept open for the next one waits no longer.
const HEADER_TIME: Duration = Duration::from_secs(30);
/// How long open requests may go on when the server is to end.
const DRAIN: Duration = Duration::from_secs(5);
/// Pause after an accept that failed for want of file descriptors.
const BREATH: Duration = Duration::from_millis(100);
const CONNECTIONS_MAX: usize = 4096;
/// Left for the database, for Google and for log files.
const FILES_RESERVED: usize = 96;

/// Answers requests until `shutdown` comes, then finishes those that are open, within a few seconds.
///
/// # Errors
/// Never, for now: a connection that fails ends alone.
pub async fn serve(
    app: App,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let (close, closing) = watch::channel(false);
    let clock = app.clock.clone();
    let router = assemble(Web::new(app, closing.clone()));
    let limit = connections_max();
    let seats = Arc::new(Semaphore::new(limit));
    // Ticks when there are more guests than seats.
    let (crowd, crowded) = watch::channel(0_u64);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        while connections.try_join_next().is_some() {}
        let seat = match seats.clone().try_acquire_owned() {
            Ok(seat) => seat,
            Err(_) => {
                // Whoever only keeps a connection open has to dial again.
                debug!(limit, "every connection is in use; closing the idle ones");
                crowd.send_modify(|count| *count += 1);
                tokio::select! {
                    seat = seats.clone().acquire_owned() => match seat {
                        Ok(seat) => seat,
                        Err(_) => break,
                    },
                    () = &mut shutdown => break,
                }
            }
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = connection(
                    stream,
                    Peer(peer),
                    router.clone(),
                    closing.clone(),
                    crowded.clone(),
                );
                connections.spawn(async move {
                    connection.await;
                    drop(seat);
                });
            }
            Err(problem) if is_the_clients(&problem) => {}
            Err(problem) => {
                warn!(%problem, "a connection could not be taken");
                clock.sleep_until(after(clock.now(), BREATH)).await;
            }
        }
    }
    drop(listener);
    close.send_replace(true);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, all).await.is_err() {
        info!("some requests were still open and were cut off");
    }
    Ok(())
}

async fn connection(
    stream: TcpStream,
    peer: Peer,
    router: Router,
    mut closing: watch::Receiver<bool>,
    mut crowded: watch::Receiver<u64>,
) {
    // Small answers should not wait for more to come. Where this fails, they are merely later.
    let _ = stream.set_nodelay(true);
    crowded.mark_unchanged();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let answer = router.clone().call(request.map(Body::new));
        async move { Ok::<_, Infallible>(answer.await.unwrap_or_else(|never| match never {})) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIME)
            .serve_connection(TokioIo::new(stream), service)
    );
    tokio::select! {
        // A client that broke off is no news.
        _ = connection.as_mut() => return,
        _ = closing.wait_for(|closing| *closing) => {}
        _ = crowded.changed() => {}
    }
    // Ends at once when nothing is asked, else after the answer.
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

fn is_the_clients(problem: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(problem.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
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
