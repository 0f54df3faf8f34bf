//! May this run delete so many contacts on its own?

/// More deletions than both limits put a run on hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guard {
    /// Deletions that never need a word.
    pub contacts: u64,
    /// Share of the live contacts, in percent.
    pub percent: f64,
}

impl Default for Guard {
    fn default() -> Guard {
        Guard { contacts: 10, percent: 3.0 }
    }
}

impl Guard {
    pub fn holds(&self, live: u64, deletions: u64) -> bool {
        deletions > self.contacts && deletions as f64 * 100.0 > self.percent * live as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_held_only_above_both_limits() {
        let guard = Guard::default();
        assert!(!guard.holds(10, 10), "ten are always allowed, even if they are all");
        assert!(guard.holds(11, 11));
        assert!(!guard.holds(1000, 30), "three percent are allowed");
        assert!(guard.holds(1000, 31));
        assert!(guard.holds(0, 11), "an empty mirror allows nothing beyond the count");
    }
}
