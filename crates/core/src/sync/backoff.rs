//! How long to wait before trying again.

use std::time::Duration;

use crate::sync::Delay;

/// How patient a run is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Least wait after a server error, a broken connection or an unreadable answer.
    pub base: Duration,
    /// Least wait after "slow down". Google asks for 30 s after a 429.
    pub rate_limit: Duration,
    /// Tries of one request before the run gives up.
    pub attempts_max: u32,
    /// All waits of one run together.
    pub waits_max: Duration,
}

impl Default for RetryPolicy {
    fn default() -> RetryPolicy {
        RetryPolicy {
            base: Duration::from_secs(1),
            rate_limit: Duration::from_secs(30),
            attempts_max: 8,
            waits_max: Duration::from_secs(1800),
        }
    }
}

/// A number from 0 (included) to 1 (excluded), drawn by the caller.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jitter(f64);

impl Jitter {
    pub const NONE: Jitter = Jitter(0.0);

    /// The upper 53 bits of a random number become the fraction.
    pub fn from_bits(bits: u64) -> Jitter {
        Jitter((bits >> 11) as f64 / (1u64 << 53) as f64)
    }

    pub fn of(self, whole: Duration) -> Duration {
        whole.mul_f64(self.0)
    }
}

/// The spread stops growing here.
const SPREAD_MAX: Duration = Duration::from_secs(300);

/// The wait before try number `attempt + 1`: the least wait for the reason, plus a random part of a
/// spread that doubles with each try ("full jitter"), and never less than what the answer asked for.
pub fn wait(
    policy: &RetryPolicy,
    delay: Delay,
    attempt: u32,
    retry_after: Option<Duration>,
    jitter: Jitter,
) -> Duration {
    let least = match delay {
        Delay::RateLimited => policy.rate_limit,
        _ => policy.base,
    };
    let doublings = attempt.saturating_sub(1).min(16);
    let spread = least.saturating_mul(1 << doublings).min(SPREAD_MAX.max(least));
    let wait = least + jitter.of(spread);
    match retry_after {
        // A little spread on top, so that not all replicas return at the same instant.
        Some(asked) if asked > wait => asked + jitter.of(policy.base),
        _ => wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Jitter = Jitter(0.999_999);

    #[test]
    fn waits_grow_and_never_fall_below_what_google_asks() {
        let policy = RetryPolicy::default();
        for attempt in 1..40 {
            for jitter in [Jitter::NONE, MOST] {
                let server = wait(&policy, Delay::ServerError, attempt, None, jitter);
                let quota = wait(&policy, Delay::RateLimited, attempt, None, jitter);
                assert!(server >= Duration::from_secs(1) && server <= Duration::from_secs(301));
                assert!(quota >= Duration::from_secs(30) && quota <= Duration::from_secs(330));
            }
        }
        let first = wait(&policy, Delay::ServerError, 1, None, MOST);
        let third = wait(&policy, Delay::ServerError, 3, None, MOST);
        assert!(third > first * 2, "the spread doubles: {first:?}, {third:?}");
    }

    #[test]
    fn retry_after_is_honoured_when_it_is_longer() {
        let policy = RetryPolicy::default();
        let asked = Some(Duration::from_secs(90));
        assert!(
            wait(&policy, Delay::RateLimited, 1, asked, Jitter::NONE) >= Duration::from_secs(90)
        );
        let short = Some(Duration::from_secs(2));
        assert!(
            wait(&policy, Delay::RateLimited, 1, short, Jitter::NONE) >= Duration::from_secs(30)
        );
    }

    #[test]
    fn jitter_is_a_fraction() {
        assert_eq!(Jitter::from_bits(0), Jitter::NONE);
        assert!(Jitter::from_bits(u64::MAX).0 < 1.0);
    }
}
