//! What was asked of the simulator, for tests to look at.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::faults::{Endpoint, Sync};

/// One request. Secrets are left out of its parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub number: u64,
    pub at: jiff::Timestamp,
    pub endpoint: Endpoint,
    pub method: String,
    pub path: String,
    pub parameters: Vec<(String, String)>,
    pub user: Option<String>,
    pub page: Option<u64>,
    pub sync: Option<Sync>,
    pub user_agent: Option<String>,
    pub accept_language: Option<String>,
    /// None while the answer is still to come, and for ever when none came.
    pub status: Option<u16>,
    pub faults: Vec<String>,
    /// Why the request was refused, in more words than Google's.
    pub why: Option<String>,
}

/// How often each endpoint was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    pub requests: u64,
    pub succeeded: u64,
    pub refused: u64,
    pub in_flight: u64,
    /// The most requests that were ever under way at once.
    pub in_flight_max: u64,
}

#[derive(Default)]
pub(super) struct Log {
    entries: VecDeque<Entry>,
    counters: BTreeMap<Endpoint, Counters>,
    last_number: u64,
}

const ENTRIES_MAX: usize = 20_000;
const SECRETS: &[&str] = &[
    "access_token",
    "assertion",
    "client_secret",
    "code",
    "code_verifier",
    "key",
    "oauth_token",
    "refresh_token",
    "token",
];

pub(super) fn without_secrets(pairs: &[(String, String)]) -> Vec<(String, String)> {
    pairs.iter().filter(|(name, _)| !SECRETS.contains(&name.as_str())).cloned().collect()
}

impl Log {
    pub(super) fn begin(&mut self, mut entry: Entry) -> u64 {
        self.last_number += 1;
        entry.number = self.last_number;
        let counters = self.counters.entry(entry.endpoint).or_default();
        counters.requests += 1;
        counters.in_flight += 1;
        counters.in_flight_max = counters.in_flight_max.max(counters.in_flight);
        if self.entries.len() == ENTRIES_MAX {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
        self.last_number
    }

    pub(super) fn answered(&mut self, number: u64, status: u16, why: Option<String>) {
        let Some(entry) = self.entries.iter_mut().rfind(|entry| entry.number == number) else {
            return;
        };
        entry.status = Some(status);
        entry.why = why;
        let counters = self.counters.entry(entry.endpoint).or_default();
        if status < 400 {
            counters.succeeded += 1;
        } else {
            counters.refused += 1;
        }
    }

    /// The answer is decided, or the client has gone.
    pub(super) fn over(&mut self, endpoint: Endpoint) {
        let counters = self.counters.entry(endpoint).or_default();
        counters.in_flight = counters.in_flight.saturating_sub(1);
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.entries.iter().cloned().collect()
    }

    pub(super) fn counters(&self) -> BTreeMap<Endpoint, Counters> {
        self.counters.clone()
    }

    /// Forgets everything except what is still under way.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        for counters in self.counters.values_mut() {
            let in_flight = counters.in_flight;
            *counters = Counters { in_flight, in_flight_max: in_flight, ..Counters::default() };
        }
    }
}
