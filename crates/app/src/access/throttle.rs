//! Who has guessed wrong has to wait, longer each time.
//!
//! What was counted is not forgotten before its time, whatever else comes: when the memory is full, those who
//! come new share one count. So no flood of made-up names or addresses makes a guess free.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use ringbook_core::clock::{after, between};

/// So many mistakes are a person's; then waits begin.
const FREE: u32 = 5;
const WAIT_FIRST: Duration = Duration::from_secs(2);
/// For an address.
const WAIT_MAX: Duration = Duration::from_secs(15 * 60);
/// For a name, and for what others may share: who guesses from many addresses is slowed down, and whose name it
/// is can get in between.
const WAIT_MAX_SHARED: Duration = Duration::from_secs(30);
/// After so long without another mistake all is forgotten.
const FORGET: Duration = Duration::from_secs(60 * 60);
/// Counts that are kept of each kind.
const REMEMBERED: usize = 10_000;

/// What a guess is counted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bucket {
    /// Where it came from.
    Address(String),
    /// Whom it was about.
    Name(String),
    /// Something that no stranger has: a browser that was signed in before, or the machine itself. What
    /// strangers guess does not count here.
    Own(String),
}

/// Counts wrong guesses.
#[derive(Debug, Default)]
pub struct LoginThrottle(Mutex<[Memory; 3]>);

/// A guess that was counted, until it is known what came of it. One that is dropped stays counted.
#[derive(Debug)]
#[must_use]
pub struct Guess(Vec<(Kind, Option<String>)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Address,
    Name,
    Own,
}

/// Counts of one kind.
#[derive(Debug, Default)]
struct Memory {
    known: HashMap<String, Mistakes>,
    /// Of all who came when there was no room.
    others: Mistakes,
}

#[derive(Clone, Copy, Debug)]
struct Mistakes {
    count: u32,
    last: Timestamp,
    until: Timestamp,
}

impl Default for Mistakes {
    fn default() -> Mistakes {
        Mistakes { count: 0, last: Timestamp::MIN, until: Timestamp::MIN }
    }
}

impl Bucket {
    fn parts(&self) -> (Kind, &str) {
        match self {
            Bucket::Address(key) => (Kind::Address, key),
            Bucket::Name(key) => (Kind::Name, key),
            Bucket::Own(key) => (Kind::Own, key),
        }
    }
}

impl LoginThrottle {
    /// Counts a guess. It counts before the answer is known, and in the same step in which it is let through,
    /// so that guesses at once count, too.
    ///
    /// # Errors
    /// How long to wait before the next guess.
    pub fn guess(&self, buckets: &[Bucket], now: Timestamp) -> Result<Guess, Duration> {
        let mut memories = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until = buckets.iter().map(|it| {
            let (kind, key) = it.parts();
            memories[kind as usize].until(key)
        });
        if let Some(until) = until.max()
            && until > now
        {
            return Err(between(now, until));
        }
        let charged = buckets.iter().map(|it| {
            let (kind, key) = it.parts();
            (kind, memories[kind as usize].charge(kind, key, now))
        });
        Ok(Guess(charged.collect()))
    }

    /// It was right. The name is forgiven; of the address only this guess is, or somebody could sign in as
    /// themselves between two guesses at others.
    pub fn forgive(&self, guess: Guess) {
        let mut memories = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (kind, key) in guess.0 {
            let memory = &mut memories[kind as usize];
            match key {
                Some(key) if kind != Kind::Address => drop(memory.known.remove(&key)),
                key => memory.take_back(key),
            }
        }
    }

    /// It was not checked whether it was right, so it counts as none.
    pub fn take_back(&self, guess: Guess) {
        let mut memories = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (kind, key) in guess.0 {
            memories[kind as usize].take_back(key);
        }
    }
}

impl Memory {
    fn is_full(&self) -> bool {
        self.known.len() >= REMEMBERED
    }

    fn until(&self, key: &str) -> Timestamp {
        match self.known.get(key) {
            Some(it) => it.until,
            None if self.is_full() => self.others.until,
            None => Timestamp::MIN,
        }
    }

    /// Returns under which key it was counted; `None` for the common one.
    fn charge(&mut self, kind: Kind, key: &str, now: Timestamp) -> Option<String> {
        if !self.known.contains_key(key) && self.is_full() {
            self.known.retain(|_, it| between(it.last, now) < FORGET);
        }
        let fits = !self.is_full() || self.known.contains_key(key);
        let (it, most) = match fits {
            true => {
                let most = if kind == Kind::Address { WAIT_MAX } else { WAIT_MAX_SHARED };
                (self.known.entry(key.to_owned()).or_default(), most)
            }
            false => (&mut self.others, WAIT_MAX_SHARED),
        };
        if between(it.last, now) >= FORGET {
            *it = Mistakes::default();
        }
        it.count = it.count.saturating_add(1);
        it.last = now;
        if it.count > FREE {
            let doubled = 2_u32.saturating_pow((it.count - FREE - 1).min(16));
            it.until = after(now, WAIT_FIRST.saturating_mul(doubled).min(most));
        }
        fits.then(|| key.to_owned())
    }

    fn take_back(&mut self, key: Option<String>) {
        let it = match &key {
            None => &mut self.others,
            Some(key) => match self.known.get_mut(key) {
                Some(it) => it,
                None => return,
            },
        };
        it.count = it.count.saturating_sub(1);
        it.until = it.last;
        if let Some(key) = key
            && it.count == 0
        {
            self.known.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: impl ToString) -> Bucket {
        Bucket::Address(text.to_string())
    }

    fn name(text: impl ToString) -> Bucket {
        Bucket::Name(text.to_string())
    }

    fn start() -> Timestamp {
        "2026-03-07T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_few_mistakes_are_free_and_each_further_one_costs_twice_as_much() {
        let throttle = LoginThrottle::default();
        let mut now = start();
        for _ in 0..FREE {
            let _ = throttle.guess(&[address("10.0.0.1"), name("ada")], now).unwrap();
        }
        let (mut waits, mut named) = (Vec::new(), Vec::new());
        for _ in 0..12 {
            let _ = throttle.guess(&[address("10.0.0.1"), name("ada")], now).unwrap();
            named.push(
                throttle.guess(&[name("ada"), address("10.0.0.9")], now).unwrap_err().as_secs(),
            );
            let wait = throttle.guess(&[address("10.0.0.1")], now).unwrap_err();
            waits.push(wait.as_secs());
            now = after(now, wait);
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
        assert_eq!(named, [2, 4, 8, 16, 30, 30, 30, 30, 30, 30, 30, 30]);
        let _ = throttle.guess(&[address("10.0.0.2"), name("grace")], now).unwrap();
        now = after(now, FORGET);
        for _ in 0..FREE {
            let _ = throttle.guess(&[address("10.0.0.1")], now).expect("an hour is enough");
        }
    }

    #[test]
    fn no_flood_of_names_or_addresses_makes_a_guess_free() {
        let throttle = LoginThrottle::default();
        let now = start();
        while throttle.guess(&[address("10.0.0.1"), name("ada")], now).is_ok() {}
        let mut through = 0;
        for number in 0..3 * REMEMBERED {
            let buckets =
                [address(format!("2001:db8:{number:x}::")), name(format!("made up {number}"))];
            through += usize::from(throttle.guess(&buckets, now).is_ok());
        }
        assert!(through <= REMEMBERED + FREE as usize + 1, "{through}");
        throttle.guess(&[address("10.0.0.1")], now).unwrap_err();
        throttle.guess(&[name("ada")], now).unwrap_err();
        for memory in throttle.0.lock().unwrap().iter() {
            assert!(memory.known.len() <= REMEMBERED);
        }
        // Who comes new shares one count with all others who do; what is one's own is not touched.
        let wait = throttle.guess(&[address("192.0.2.1")], now).unwrap_err();
        assert!(wait <= WAIT_MAX_SHARED, "{wait:?}");
        let _ = throttle.guess(&[Bucket::Own("browser".to_owned())], now).unwrap();
        // An hour later there is room again.
        let later = after(now, FORGET);
        let _ = throttle.guess(&[address("192.0.2.1"), name("ada")], later).unwrap();
    }

    #[test]
    fn guesses_at_once_are_counted_before_any_is_answered() {
        let throttle = LoginThrottle::default();
        let guess = |_| throttle.guess(&[address("10.0.0.1")], start());
        let open: Vec<_> = (0..100).map(guess).filter_map(Result::ok).collect();
        assert_eq!(open.len(), FREE as usize + 1);
    }

    #[test]
    fn who_was_right_starts_over_and_what_was_not_checked_counts_as_none() {
        let throttle = LoginThrottle::default();
        let now = start();
        for _ in 0..100 {
            let busy = throttle.guess(&[address("10.0.0.1"), name("ada")], now).unwrap();
            throttle.take_back(busy);
        }
        for _ in 0..FREE {
            let _ = throttle.guess(&[address("10.0.0.2"), name("ada")], now).unwrap();
        }
        let right = throttle.guess(&[address("10.0.0.2"), name("ada")], now).unwrap();
        throttle.forgive(right);
        for _ in 0..FREE {
            let _ = throttle.guess(&[name("ada")], now).expect("the name is forgiven");
        }
        let _ = throttle.guess(&[address("10.0.0.2")], now).unwrap();
        throttle
            .guess(&[address("10.0.0.2")], now)
            .expect_err("one's own sign-in excuses no guesses");
    }
}
