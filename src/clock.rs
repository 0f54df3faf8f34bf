//! The only place that reads the time.

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

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the time")]
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that waits")]
    fn sleep_until(&self, until: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            // Long waits are cut up, so that a machine that slept wakes up to the right time; and none
            // takes longer than it would have when it began, should the clock be set back meanwhile.
            let mut left_at_most = between(self.now(), until);
            while !left_at_most.is_zero() {
                let left = until.as_microsecond() - self.now().as_microsecond();
                if left <= 0 {
                    return;
                }
                let nap = Duration::from_micros(left.unsigned_abs()).min(Duration::from_secs(30));
                let nap = nap.min(left_at_most);
                left_at_most -= nap;
                tokio::time::sleep(nap).await;
            }
        })
    }
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
