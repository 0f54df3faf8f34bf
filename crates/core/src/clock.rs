//! What a clock is, and sums with times. Pure code is handed `now`.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use jiff::Timestamp;

/// Where shells get the time from. Pure code is handed `now` instead.
pub trait Clock: Send + Sync + 'static {
    /// The present, in whole microseconds, so that what is compared is what was stored.
    fn now(&self) -> Timestamp;

    /// Returns when `until` has come; at once when it is past.
    fn sleep_until(&self, until: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// `at` moved by a duration, kept within what a timestamp can hold.
pub fn after(at: Timestamp, wait: Duration) -> Timestamp {
    at.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

/// `at` moved back by a duration, kept within what a timestamp can hold.
pub fn before(at: Timestamp, span: Duration) -> Timestamp {
    at.saturating_sub(span).unwrap_or(Timestamp::MIN)
}

/// Whether a moment is less than so long ago. One to come is not: then a clock was set back.
pub fn is_recent(at: Timestamp, now: Timestamp, age: Duration) -> bool {
    at <= now && between(at, now) < age
}

/// How long it is from `earlier` to `later`; zero when they are the other way round.
pub fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    let micros = later.as_microsecond() - earlier.as_microsecond();
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}
