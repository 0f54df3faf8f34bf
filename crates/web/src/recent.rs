//! The last searches of each phone, for as long as the server runs.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Searches that are kept of a phone.
const KEPT: usize = 10;
/// Phones that are remembered. When there are more, the one that searched longest ago is forgotten.
const PHONES: usize = 2000;

/// What was searched for: the parameter and its text.
type Search = (String, String);

#[derive(Default)]
pub(crate) struct Recent(Mutex<State>);

#[derive(Default)]
struct State {
    of: HashMap<String, (u64, Vec<Search>)>,
    count: u64,
}

impl Recent {
    /// Latest first.
    pub(crate) fn of(&self, device: &str) -> Vec<Search> {
        self.state().of.get(device).map(|(_, searches)| searches.clone()).unwrap_or_default()
    }

    pub(crate) fn has(&self, device: &str) -> bool {
        self.state().of.contains_key(device)
    }

    /// Notes a search. Phones ask twice, and pages of one search ask again; it is noted once.
    pub(crate) fn note(&self, device: &str, parameter: &str, text: &str) {
        let mut state = self.state();
        state.count += 1;
        let now = state.count;
        if !state.of.contains_key(device) && state.of.len() >= PHONES {
            let oldest = state.of.iter().min_by_key(|(_, (at, _))| *at);
            if let Some(oldest) = oldest.map(|(device, _)| device.clone()) {
                state.of.remove(&oldest);
            }
        }
        let (at, searches) = state.of.entry(device.to_owned()).or_default();
        *at = now;
        searches.retain(|known| known.0 != parameter || known.1 != text);
        searches.insert(0, (parameter.to_owned(), text.to_owned()));
        searches.truncate(KEPT);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_phone_has_its_own_last_ten_searches_each_once() {
        let recent = Recent::default();
        for number in 0..12 {
            recent.note("a", "q", &number.to_string());
        }
        recent.note("a", "q", "5");
        recent.note("a", "q", "5");
        let texts: Vec<String> = recent.of("a").into_iter().map(|it| it.1).collect();
        assert_eq!(texts, ["5", "11", "10", "9", "8", "7", "6", "4", "3", "2"]);
        assert!(!recent.has("b"));
    }

    #[test]
    fn made_up_phones_cannot_fill_the_memory() {
        let recent = Recent::default();
        for phone in 0..PHONES + 10 {
            recent.note(&phone.to_string(), "q", "x");
        }
        assert_eq!(recent.state().of.len(), PHONES);
        assert!(!recent.has("0") && recent.has(&(PHONES + 9).to_string()));
    }
}
