//! May this run delete so many contacts on its own?

/// More deletions than both limits put a run on hold, and so do those that take most of the mirror, whatever its
/// size: no limit allows them.
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
        takes_most(live, deletions)
            || deletions > self.contacts && deletions as f64 * 100.0 > self.percent * live as f64
    }
}

/// Whether more than half of so many contacts would go, or the only one.
pub fn takes_most(contacts: u64, deletions: u64) -> bool {
    contacts > 0 && deletions.saturating_mul(2) > contacts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_held_only_above_both_limits() {
        let guard = Guard::default();
        assert!(!guard.holds(20, 10), "ten are always allowed, up to half of all");
        assert!(guard.holds(11, 11));
        assert!(!guard.holds(1000, 30), "three percent are allowed");
        assert!(guard.holds(1000, 31));
        assert!(guard.holds(0, 11), "an empty mirror allows nothing beyond the count");
    }

    #[test]
    fn most_of_a_mirror_of_any_size_never_goes_unasked() {
        let guard = Guard { contacts: 1_000_000, percent: 100.0 };
        for (live, deletions, held) in [
            (1, 0, false),
            (1, 1, true),
            (2, 1, false),
            (2, 2, true),
            (3, 1, false),
            (3, 2, true),
            (8, 4, false),
            (8, 5, true),
            (8, 8, true),
            (100_000, 50_000, false),
            (100_000, 50_001, true),
        ] {
            assert_eq!(guard.holds(live, deletions), held, "{deletions} of {live}");
        }
    }
}
