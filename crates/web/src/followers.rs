//! Who follows the events: so many in all, and so many of each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How many may follow at once.
const ALL_MAX: usize = 256;
/// How many of them may be one person's, token's or machine's.
const EACH_MAX: usize = 32;

/// Who follows, by their name.
#[derive(Debug, Default)]
pub(crate) struct Followers(Mutex<HashMap<String, usize>>);

/// A place among the followers, as long as this lives.
#[derive(Debug)]
pub(crate) struct Follower {
    followers: Arc<Followers>,
    whose: String,
}

impl Followers {
    /// # Errors
    /// Why there is no place for one more.
    pub(crate) fn join(self: &Arc<Followers>, whose: &str) -> Result<Follower, &'static str> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if open.get(whose).is_some_and(|own| *own >= EACH_MAX) {
            return Err(
                "too many clients follow the events with this name or token; end some of them",
            );
        }
        if open.values().sum::<usize>() >= ALL_MAX {
            return Err("too many clients follow the events");
        }
        *open.entry(whose.to_owned()).or_default() += 1;
        Ok(Follower { followers: self.clone(), whose: whose.to_owned() })
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let mut open = self.followers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(&self.whose) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.whose);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_token_cannot_take_all_streams_of_events() {
        let followers = Arc::new(Followers::default());
        let greedy: Vec<_> = (0..ALL_MAX).map_while(|_| followers.join("token `x`").ok()).collect();
        assert_eq!(greedy.len(), EACH_MAX);
        let other = followers.join("ada").unwrap();
        drop(greedy);
        let again = followers.join("token `x`").unwrap();
        assert_eq!(followers.0.lock().unwrap().len(), 2);
        drop((other, again));
        assert!(followers.0.lock().unwrap().is_empty(), "who has left is not remembered");
        let all: Vec<_> =
            (0..).map_while(|number| followers.join(&format!("{}", number / 8)).ok()).collect();
        assert_eq!(all.len(), ALL_MAX);
    }
}
