//! How often a phone may ask.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use ringbook_core::clock::between;

/// Seconds' worth of requests that may come at once.
const BURST: f64 = 5.0;
/// Askers that are remembered. When more than these ask within seconds, all begin anew: that costs nobody
/// anything.
const REMEMBERED: usize = 20_000;

/// A bucket of requests for each asker, which fills up again as time goes by.
#[derive(Debug)]
pub struct RateLimiter<K> {
    per_second: f64,
    of: Mutex<HashMap<K, (f64, Timestamp)>>,
}

impl<K: Eq + Hash> RateLimiter<K> {
    /// `per_second` of 0 means that everybody may ask as often as they like.
    pub fn new(per_second: u32) -> RateLimiter<K> {
        RateLimiter { per_second: f64::from(per_second), of: Mutex::default() }
    }

    /// Takes one request, if there is one left.
    pub fn take(&self, asker: K, now: Timestamp) -> bool {
        if self.per_second == 0.0 {
            return true;
        }
        let full = self.per_second * BURST;
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if of.len() >= REMEMBERED && !of.contains_key(&asker) {
            // A bucket that is full again is like one that was never there.
            of.retain(|_, (left, at)| {
                *left + between(*at, now).as_secs_f64() * self.per_second < full
            });
            if of.len() >= REMEMBERED {
                of.clear();
            }
        }
        let (left, at) = of.entry(asker).or_insert((full, now));
        *left = (*left + between(*at, now).as_secs_f64() * self.per_second).min(full);
        *at = now;
        if *left < 1.0 {
            return false;
        }
        *left -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringbook_core::clock::after;
    use std::time::Duration;

    #[test]
    fn a_burst_is_served_and_a_flood_is_not_and_others_are_not_harmed() {
        let rates = RateLimiter::new(20);
        let now = Timestamp::UNIX_EPOCH;
        let served = (0..1000).filter(|_| rates.take("loud", now)).count();
        assert_eq!(served, 100);
        assert!(rates.take("quiet", now));
        let later = after(now, Duration::from_secs(1));
        assert_eq!((0..1000).filter(|_| rates.take("loud", later)).count(), 20);
    }

    #[test]
    fn nobody_is_counted_when_there_is_no_limit_and_memory_is_bounded() {
        let rates = RateLimiter::new(0);
        assert!((0..10_000).all(|_| rates.take(1, Timestamp::UNIX_EPOCH)));
        let rates = RateLimiter::new(1);
        for asker in 0..REMEMBERED + 5 {
            rates.take(asker, Timestamp::UNIX_EPOCH);
        }
        assert!(rates.of.lock().unwrap().len() <= REMEMBERED);
    }

    #[test]
    fn who_asks_too_often_is_not_forgotten_for_those_who_have_been_quiet() {
        let rates = RateLimiter::new(1);
        let now = Timestamp::UNIX_EPOCH;
        for asker in 1..REMEMBERED {
            rates.take(asker, now);
        }
        let later = after(now, Duration::from_secs(60));
        while rates.take(0, later) {}
        assert!(rates.take(REMEMBERED, later) && rates.take(REMEMBERED + 1, later));
        assert!(!rates.take(0, later), "there was room without it");
    }
}
