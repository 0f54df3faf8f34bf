//! Log lines that strangers can cause: one in a minute, with how many there were.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use ringbook_core::clock::is_recent;

/// The least time between two lines.
const PAUSE: Duration = Duration::from_secs(60);

/// Says when it is time for a line.
#[derive(Debug, Default)]
pub(super) struct Seldom(Mutex<Option<(Timestamp, u64)>>);

impl Seldom {
    /// `None`: a line was written less than a minute ago, and this event is only counted. Else how many events
    /// were only counted since.
    pub(super) fn due(&self, now: Timestamp) -> Option<u64> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *last {
            Some((at, count)) if is_recent(*at, now, PAUSE) => {
                *count = count.saturating_add(1);
                None
            }
            other => Some(other.replace((now, 0)).map_or(0, |(_, count)| count)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringbook_core::clock::after;

    #[test]
    fn strangers_cause_one_line_a_minute_that_says_how_many_there_were() {
        let seldom = Seldom::default();
        let now: Timestamp = "2026-03-07T12:00:00Z".parse().unwrap();
        let lines: Vec<_> = (0..1000).filter_map(|_| seldom.due(now)).collect();
        assert_eq!(lines, [0]);
        assert_eq!(seldom.due(after(now, Duration::from_secs(59))), None);
        assert_eq!(seldom.due(after(now, Duration::from_secs(60))), Some(1000));
        assert_eq!(seldom.due(after(now, Duration::from_secs(120))), Some(0));
        // A clock that was set back silences nothing.
        assert_eq!(seldom.due(now), Some(0));
    }
}
