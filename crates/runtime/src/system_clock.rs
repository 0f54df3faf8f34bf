//! The only place that reads the time.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use jiff::Timestamp;
use ringbook_core::clock::{Clock, between};

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
