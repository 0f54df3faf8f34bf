//! Who has guessed wrong has to wait, longer each time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::{after, between};

/// So many mistakes are a person's; then waits begin.
const FREE: u32 = 5;
const WAIT_FIRST: Duration = Duration::from_secs(2);
/// For an address.
const WAIT_MAX: Duration = Duration::from_secs(15 * 60);
/// For a name: who guesses at it from many addresses is slowed down, and its owner is not locked out.
const WAIT_MAX_NAME: Duration = Duration::from_secs(30);
/// After so long without another mistake all is forgotten.
const FORGET: Duration = Duration::from_secs(60 * 60);
/// Addresses and names that are remembered. When there are more, the one with the fewest mistakes goes.
const REMEMBERED: usize = 10_000;

/// Counts wrong guesses, by whatever they came from or were about.
#[derive(Debug, Default)]
pub struct Throttle(Mutex<HashMap<String, Mistakes>>);

#[derive(Clone, Copy, Debug)]
struct Mistakes {
    count: u32,
    last: Timestamp,
    until: Timestamp,
}

impl Throttle {
    /// How long somebody has to wait before the next guess; `None`: go on.
    pub fn wait(&self, keys: &[&str], now: Timestamp) -> Option<Duration> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until = keys.iter().filter_map(|key| known.get(*key)).map(|it| it.until).max()?;
        (until > now).then(|| between(now, until))
    }

    /// Notes a wrong guess. It counts before the answer is known, so that guesses at once count, too;
    /// whoever was right calls [`Throttle::forgive`].
    pub fn note(&self, keys: &[&str], now: Timestamp) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys {
            if !known.contains_key(*key) && known.len() >= REMEMBERED {
                known.retain(|_, it| between(it.last, now) < FORGET);
                let least = known.iter().min_by_key(|(_, it)| (it.count, it.last));
                if known.len() >= REMEMBERED
                    && let Some(key) = least.map(|(key, _)| key.clone())
                {
                    known.remove(&key);
                }
            }
            let fresh = Mistakes { count: 0, last: now, until: now };
            let it = known.entry((*key).to_owned()).or_insert(fresh);
            if between(it.last, now) >= FORGET {
                *it = fresh;
            }
            it.count = it.count.saturating_add(1);
            it.last = now;
            if it.count > FREE {
                let doubled = 2_u32.saturating_pow((it.count - FREE - 1).min(16));
                let most = if key.parse::<IpAddr>().is_ok() { WAIT_MAX } else { WAIT_MAX_NAME };
                it.until = after(now, WAIT_FIRST.saturating_mul(doubled).min(most));
            }
        }
    }

    /// They were right after all. The name is forgiven; of the address only this guess is, or somebody could
    /// sign in as themselves between two guesses at others.
    pub fn forgive(&self, keys: &[&str]) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys {
            let Some(it) = known.get_mut(*key) else { continue };
            it.count -= 1;
            it.until = it.last;
            if it.count == 0 || key.parse::<IpAddr>().is_err() {
                known.remove(*key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_mistakes_are_free_and_each_further_one_costs_twice_as_much() {
        let throttle = Throttle::default();
        let mut now: Timestamp = "2026-03-07T12:00:00Z".parse().unwrap();
        for _ in 0..FREE {
            throttle.note(&["10.0.0.1", "ada"], now);
            assert_eq!(throttle.wait(&["10.0.0.1"], now), None);
        }
        let mut waits = Vec::new();
        for _ in 0..12 {
            throttle.note(&["10.0.0.1", "ada"], now);
            let wait = throttle.wait(&["10.0.0.1"], now).unwrap();
            let named = throttle.wait(&["ada", "10.0.0.9"], now).unwrap();
            assert_eq!(named, wait.min(WAIT_MAX_NAME));
            waits.push(wait.as_secs());
            now = after(now, wait);
            assert_eq!(throttle.wait(&["ada"], now), None);
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
        assert_eq!(throttle.wait(&["10.0.0.2", "grace"], now), None, "others are not harmed");
        throttle.note(&["10.0.0.1"], after(now, FORGET));
        assert_eq!(throttle.wait(&["10.0.0.1"], after(now, FORGET)), None, "an hour is enough");
    }

    #[test]
    fn who_was_right_starts_anew_and_made_up_names_cannot_fill_the_memory() {
        let throttle = Throttle::default();
        let now = Timestamp::UNIX_EPOCH;
        for _ in 0..20 {
            throttle.note(&["ada"], now);
        }
        for number in 0..REMEMBERED + 10 {
            throttle.note(&[&number.to_string()], now);
        }
        assert!(throttle.wait(&["ada"], now).is_some(), "the worst is remembered longest");
        assert_eq!(throttle.0.lock().unwrap().len(), REMEMBERED);
        throttle.forgive(&["ada"]);
        assert_eq!(throttle.wait(&["ada"], now), None);
        let throttle = Throttle::default();
        for _ in 0..=FREE {
            throttle.note(&["10.0.0.1"], now);
        }
        throttle.note(&["10.0.0.1"], now);
        throttle.forgive(&["10.0.0.1"]);
        throttle.note(&["10.0.0.1"], now);
        assert!(
            throttle.wait(&["10.0.0.1"], now).is_some(),
            "one's own sign-in excuses no guesses"
        );
    }
}
