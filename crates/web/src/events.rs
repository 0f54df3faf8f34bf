//! Progress as server-sent events.
//!
//! Each stream looks by itself: at once when this process writes, and twice a second because others
//! write, too. The id of an event holds how far the stream had seen runs end, so that a client that
//! comes back with it misses no end of a run.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream;
use jiff::Timestamp;
use tokio::sync::watch;
use tracing::warn;

use crate::Web;
use crate::auth::{AuthContext, actor, still_may};
use crate::followers::Follower;
use crate::input::Query;
use crate::problem::Problem;
use ringbook_app::read;
use ringbook_app::wire::{ProblemBody, Progress, Run};
use ringbook_core::access::Permission;
use ringbook_core::clock::{after, is_recent};
use ringbook_core::sync::{AccountId, Outcome, RunId};
use ringbook_store::{DbError, RunRow};

/// At most ten events a second.
const PAUSE: Duration = Duration::from_millis(100);
/// Other processes' writes do not wake us.
const LOOK: Duration = Duration::from_millis(500);
/// Comments keep proxies from closing a quiet stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A proxy must not gather events before it hands them on (nginx does unless told so), nor pack them.
const UNBUFFERED: [(HeaderName, &str); 2] = [
    (HeaderName::from_static("x-accel-buffering"), "no"),
    (header::CACHE_CONTROL, "no-cache, no-transform"),
];
/// How long a revoked token or an ended session may still follow.
const CHECK: Duration = Duration::from_secs(5);
/// How soon a browser should come back.
const RETRY: Duration = Duration::from_secs(2);

/// The live picture as server-sent events
///
/// `progress` carries the same as `GET /api/sync/progress`, whenever it changes; `run` carries a run
/// that ended. Both have ids; a client that comes back with `Last-Event-ID` first gets the runs that
/// ended since.
#[utoipa::path(
    get, path = "/api/sync/events", tag = "sync",
    params(
        ("account" = Option<String>, Query, min_length = 1, description = "Id or name; all unless named"),
        ("last-event-id" = Option<String>, Header, description = "The id of the last event that was seen"),
    ),
    responses(
        (status = 200, content_type = "text/event-stream", body = String),
        (status = 404, body = ProblemBody),
        (status = 503, body = ProblemBody, description = "Too many follow, in all or with this token"),
    ),
)]
pub(crate) async fn events(
    State(web): State<Web>,
    guest: AuthContext,
    parts: Parts,
    headers: HeaderMap,
    query: Query,
) -> Result<impl IntoResponse, Problem> {
    let account = web.whom(&query).await?.named;
    let seat = web.followers.join(&actor(&guest));
    let seat = seat.map_err(|full| Problem::later(full, Duration::from_secs(30)))?;
    let last = headers.get("last-event-id").and_then(|it| it.to_str().ok()).and_then(parse_id);
    let seen = match last {
        Some(seen) => seen,
        None => beginning(&web).await?,
    };
    let feed = Feed {
        pulse: web.app.store.pulse(),
        closing: web.closing.clone(),
        web,
        account,
        seen,
        shown: None,
        waiting: VecDeque::new(),
        looked_at: None,
        complained: false,
        asked_by: parts,
        checked_at: None,
        _seat: seat,
    };
    let events = stream::unfold(feed, Feed::next);
    let stream = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    Ok((UNBUFFERED, stream))
}

/// How far runs have ended already. By the clock of the database, which need not be ours.
async fn beginning(web: &Web) -> Result<Timestamp, DbError> {
    let mut seen = Timestamp::UNIX_EPOCH;
    for account in web.app.store.accounts().await? {
        if let Some(run) = web.app.store.latest_run(account.id).await? {
            seen = seen.max(run.ended_at.unwrap_or(run.started_at));
        }
    }
    Ok(seen)
}

/// One client's stream.
struct Feed {
    web: Web,
    account: Option<AccountId>,
    pulse: watch::Receiver<u64>,
    closing: watch::Receiver<bool>,
    /// All runs that ended until here were told.
    seen: Timestamp,
    shown: Option<Shown>,
    waiting: VecDeque<Event>,
    looked_at: Option<Timestamp>,
    complained: bool,
    /// Who follows, to be asked again now and then.
    asked_by: Parts,
    checked_at: Option<Timestamp>,
    _seat: Follower,
}

/// What a watcher can tell apart, of each account.
type Shown = Vec<(AccountId, Option<(RunId, Timestamp, Option<Outcome>, bool)>, bool)>;

impl Feed {
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Feed)> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some((Ok(event), self));
            }
            if !self.pause().await || !self.may_go_on().await {
                return None;
            }
            self.looked_at = Some(self.web.now());
            match self.look().await {
                Ok(()) => self.complained = false,
                Err(problem) if !self.complained => {
                    self.complained = true;
                    warn!(%problem, "the progress could not be read; trying on");
                }
                Err(_) => {}
            }
        }
    }

    /// Waits until there may be something new. `false`: the server is to end.
    async fn pause(&mut self) -> bool {
        let Some(looked_at) = self.looked_at else { return true };
        let clock = self.web.app.clock.clone();
        let quiet = clock.sleep_until(after(looked_at, PAUSE));
        let news = async {
            quiet.await;
            tokio::select! {
                Ok(()) = self.pulse.changed() => {}
                () = clock.sleep_until(after(looked_at, LOOK)) => {}
            }
        };
        tokio::select! {
            () = news => true,
            Ok(_) = self.closing.wait_for(|closing| *closing) => false,
        }
    }

    /// Whether whoever follows may still see this.
    async fn may_go_on(&mut self) -> bool {
        let now = self.web.now();
        if self.checked_at.is_some_and(|at| is_recent(at, now, CHECK)) {
            return true;
        }
        self.checked_at = Some(now);
        still_may(&self.web, &self.asked_by, Permission::Read).await
    }

    async fn look(&mut self) -> Result<(), DbError> {
        let (app, out) = (&self.web.app, &self.web.out);
        let watched = read::watched(app, self.account).await?;
        // After the look at the latest runs, so that one that it shows as ended is told first.
        let ended = app.store.ended_since(self.seen).await?;
        let now = self.web.now();
        for row in ended {
            if let Some(at) = row.ended_at {
                self.seen = self.seen.max(at);
            }
            if self.account.is_none_or(|account| account == row.id.account()) {
                let event = Event::default().event("run").id(self.id(row.updated_at));
                self.waiting.extend(event.json_data(Run::of(out, &row, now)).ok());
            }
        }
        let mark = |row: &RunRow| (row.id, row.updated_at, row.outcome, row.cancel_at.is_some());
        let shown: Shown =
            watched.iter().map(|it| (it.account, it.row.as_ref().map(mark), it.running)).collect();
        if self.shown.as_ref() == Some(&shown) {
            return Ok(());
        }
        let newest = watched.iter().filter_map(|it| Some(it.row.as_ref()?.updated_at)).max();
        let mut event = Event::default().event("progress").id(self.id(newest.unwrap_or(self.seen)));
        if self.shown.is_none() {
            event = event.retry(RETRY);
        }
        self.waiting.extend(event.json_data(Progress::of(out, &watched, now)).ok());
        self.shown = Some(shown);
        Ok(())
    }

    fn id(&self, updated: Timestamp) -> String {
        id(self.seen, updated)
    }
}

pub fn id(seen: Timestamp, updated: Timestamp) -> String {
    format!("{:016}-{:016}", seen.as_microsecond(), updated.as_microsecond())
}

/// What a client has seen, by the id of its last event. What is no id of ours counts as none.
pub fn parse_id(id: &str) -> Option<Timestamp> {
    let (seen, _) = id.split_once('-')?;
    Timestamp::from_microsecond(seen.parse().ok()?).ok()
}
