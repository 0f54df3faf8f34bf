//! A clock that a test sets.

use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use ringbook_core::clock::{Clock, after};

pub(crate) struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    pub(crate) fn at(text: &str) -> ManualClock {
        ManualClock(Mutex::new(text.parse().unwrap()))
    }

    pub(crate) fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = after(*now, by);
    }

    pub(crate) fn set(&self, at: Timestamp) {
        *self.0.lock().unwrap() = at;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    /// Whoever sleeps makes the time pass.
    fn sleep_until(&self, until: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            let mut now = self.0.lock().unwrap();
            *now = until.max(*now);
        })
    }
}
