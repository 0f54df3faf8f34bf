//! What operators see from outside: log lines and metrics.
//!
//! Neither carries a name, a number or a secret. Logs of libraries that would print what goes over the
//! wire are held back here, whatever the filter says. Metrics live in a [`Metrics`] that is handed
//! around; nothing is global, so that tests do not see each other's counts.

mod log;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

pub use log::{LogStyle, TelemetryError, change_level, json_line, start};

use ringbook_core::string_enum;
use ringbook_core::sync::{AccountId, Delay, Kind, Outcome};
use ringbook_runtime::tasks;

string_enum! {
    /// Who may sync an account, as seen from this process.
    LeaseState {
        /// Held by this process.
        Ours = "ours",
        /// Held by another one.
        Theirs = "theirs",
        Free = "free",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByAccount {
    account: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByAccountState {
    account: i64,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByRun {
    account: i64,
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByKind {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByResult {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReason {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByRequest {
    route: String,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByRoute {
    route: String,
    method: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByTask {
    task: &'static str,
}

/// Everything that is counted. Cheap to call from anywhere; share it in an `Arc`.
pub struct Metrics {
    registry: Registry,
    runs: Family<ByRun, Counter>,
    run_seconds: Family<ByKind, Histogram>,
    contacts: Family<ByAccountState, Gauge>,
    pages: Family<ByAccount, Counter>,
    google: Family<ByResult, Counter>,
    retries: Family<ByReason, Counter>,
    silence: Family<ByAccount, Gauge<f64, std::sync::atomic::AtomicU64>>,
    lease: Family<ByAccountState, Gauge>,
    http: Family<ByRequest, Counter>,
    http_seconds: Family<ByRoute, Histogram>,
    tasks: Family<ByTask, Counter>,
    alarms_waiting: Gauge,
    refusals: Family<ByReason, Counter>,
    sign_ins: Family<ByResult, Counter>,
    last_success: Mutex<BTreeMap<AccountId, Timestamp>>,
    /// Accounts that were told about last.
    known: Mutex<BTreeSet<AccountId>>,
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::new()
    }
}

impl Metrics {
    pub fn new() -> Metrics {
        let mut registry = Registry::with_prefix("ringbook");
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "What is running", build);

        let run_seconds = Family::new_with_constructor(run_histogram as fn() -> Histogram);
        let http_seconds = Family::new_with_constructor(http_histogram as fn() -> Histogram);
        let metrics = Metrics {
            runs: family(&mut registry, "runs", "Sync runs that ended"),
            contacts: family(&mut registry, "contacts", "Contacts in the directory"),
            pages: family(&mut registry, "pages", "Pages of contacts that were stored"),
            google: family(&mut registry, "google_requests", "Requests to Google"),
            retries: family(&mut registry, "retries", "Waits before trying again"),
            silence: family(
                &mut registry,
                "since_last_success_seconds",
                "Age of the last sync that succeeded",
            ),
            lease: family(&mut registry, "lease", "1 for who may sync the account now"),
            http: family(&mut registry, "http_requests", "HTTP requests that were answered"),
            tasks: family(
                &mut registry,
                "task_failures",
                "Background tasks that panicked or ended before their time",
            ),
            alarms_waiting: Gauge::default(),
            refusals: family(
                &mut registry,
                "refusals",
                "Requests that were refused, by the reason",
            ),
            sign_ins: family(&mut registry, "sign_ins", "Passwords that were tried"),
            run_seconds: run_seconds.clone(),
            http_seconds: http_seconds.clone(),
            last_success: Mutex::default(),
            known: Mutex::default(),
            registry: Registry::default(),
        };
        registry.register(
            "alarms_waiting",
            "Alarms that the webhook has not taken yet",
            metrics.alarms_waiting.clone(),
        );
        registry.register_with_unit(
            "run_duration",
            "How long runs took",
            Unit::Seconds,
            run_seconds,
        );
        registry.register_with_unit(
            "http_request_duration",
            "How long answers took",
            Unit::Seconds,
            http_seconds,
        );
        Metrics { registry, ..metrics }
    }

    pub fn run_ended(&self, account: AccountId, kind: Kind, outcome: Outcome, took: Duration) {
        let (kind, outcome) = (kind.as_str(), outcome.as_str());
        self.runs.get_or_create(&ByRun { account: account.0, kind, outcome }).inc();
        self.run_seconds.get_or_create(&ByKind { kind }).observe(took.as_secs_f64());
    }

    /// How many contacts of an account are in a state, such as `active` or `deleted`.
    pub fn contacts(&self, account: AccountId, state: &'static str, count: u64) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.contacts.get_or_create(&ByAccountState { account: account.0, state }).set(count);
    }

    pub fn page_stored(&self, account: AccountId) {
        self.pages.get_or_create(&ByAccount { account: account.0 }).inc();
    }

    /// One answer of Google, or the lack of one: `ok`, `rate_limited`, `server_error`, …
    pub fn google_request(&self, result: &'static str) {
        self.google.get_or_create(&ByResult { result }).inc();
    }

    pub fn retry(&self, reason: Delay) {
        self.retries.get_or_create(&ByReason { reason: reason.as_str() }).inc();
    }

    /// From here on, [`Metrics::encode`] tells the age of this success.
    pub fn succeeded(&self, account: AccountId, at: Timestamp) {
        self.successes().insert(account, at);
    }

    pub fn lease(&self, account: AccountId, now: LeaseState) {
        for state in LeaseState::ALL {
            let labels = ByAccountState { account: account.0, state: state.as_str() };
            self.lease.get_or_create(&labels).set(i64::from(*state == now));
        }
    }

    /// How many alarms wait to be delivered.
    pub fn alarms_waiting(&self, count: u64) {
        self.alarms_waiting.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// `route` is the pattern, such as `/api/contacts/{id}`, never the path of a request.
    pub fn http_request(&self, route: &str, method: &str, status: u16, took: Duration) {
        let (route, method) = (route.to_owned(), known_method(method));
        self.http.get_or_create(&ByRequest { route: route.clone(), method, status }).inc();
        self.http_seconds.get_or_create(&ByRoute { route, method }).observe(took.as_secs_f64());
    }

    /// A request that was refused: `not_signed_in`, `not_allowed`, `unknown_token`, `other_host`, …
    pub fn refused(&self, reason: &'static str) {
        self.refusals.get_or_create(&ByReason { reason }).inc();
    }

    /// A password that was tried: `ok`, `wrong`, `throttled` or `failed`, which means that it was not checked.
    pub fn sign_in(&self, result: &'static str) {
        self.sign_ins.get_or_create(&ByResult { result }).inc();
    }

    /// Stops telling about the state of an account that is no longer connected. Its counts stay.
    pub fn forget(&self, account: AccountId) {
        self.successes().remove(&account);
        self.silence.remove(&ByAccount { account: account.0 });
        for state in LeaseState::ALL {
            self.lease.remove(&ByAccountState { account: account.0, state: state.as_str() });
        }
        for state in ["active", "deleted"] {
            self.contacts.remove(&ByAccountState { account: account.0, state });
        }
    }

    /// Stops telling about the state of all accounts but these: another process may have removed some.
    pub fn keep_only(&self, accounts: impl IntoIterator<Item = AccountId>) {
        let kept: BTreeSet<AccountId> = accounts.into_iter().collect();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for gone in known.difference(&kept) {
            self.forget(*gone);
        }
        *known = kept;
    }

    /// All of it as OpenMetrics text, as of `now`.
    pub fn encode(&self, now: Timestamp) -> String {
        for (account, at) in self.successes().iter() {
            let micros = now.as_microsecond() - at.as_microsecond();
            let age = Duration::from_micros(u64::try_from(micros).unwrap_or(0));
            self.silence.get_or_create(&ByAccount { account: account.0 }).set(age.as_secs_f64());
        }
        for (task, failures) in tasks::failures() {
            let counter = self.tasks.get_or_create(&ByTask { task });
            counter.inc_by(failures.saturating_sub(counter.get()));
        }
        let mut out = String::new();
        // Writing to a string cannot fail, and half a page of metrics would be worse than none.
        if text::encode(&mut out, &self.registry).is_err() {
            out.clear();
        }
        out
    }

    fn successes(&self) -> std::sync::MutexGuard<'_, BTreeMap<AccountId, Timestamp>> {
        self.last_success.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn family<L, M>(registry: &mut Registry, name: &str, help: &str) -> Family<L, M>
where
    L: Clone + Debug + Eq + Hash + EncodeLabelSet + Send + Sync + 'static,
    M: Default + Debug + Send + Sync + 'static,
    Family<L, M>: prometheus_client::registry::Metric,
{
    let family = Family::<L, M>::default();
    registry.register(name, help, family.clone());
    family
}

fn run_histogram() -> Histogram {
    Histogram::new([0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0])
}

fn http_histogram() -> Histogram {
    Histogram::new([0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0])
}

/// A method may be any word that a stranger sends, and each new one would be a series for ever.
fn known_method(method: &str) -> &'static str {
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_in_the_text() {
        let metrics = Metrics::new();
        let account = AccountId(7);
        let second = Timestamp::from_second(1_700_000_000).unwrap();
        metrics.run_ended(account, Kind::Full, Outcome::Succeeded, Duration::from_secs(2));
        metrics.contacts(account, "active", 42);
        metrics.page_stored(account);
        metrics.google_request("ok");
        metrics.retry(Delay::RateLimited);
        metrics.succeeded(account, second);
        metrics.lease(account, LeaseState::Ours);
        metrics.lease(account, LeaseState::Free);
        metrics.http_request("/api/contacts/{id}", "GET", 200, Duration::from_millis(2));
        metrics.http_request("/", "BREW", 405, Duration::from_millis(2));
        let text = metrics.encode(second + Duration::from_secs(90));
        let build = concat!("ringbook_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1");
        for line in [
            build,
            r#"ringbook_runs_total{account="7",kind="full",outcome="succeeded"} 1"#,
            r#"ringbook_run_duration_seconds_sum{kind="full"} 2.0"#,
            r#"ringbook_contacts{account="7",state="active"} 42"#,
            r#"ringbook_pages_total{account="7"} 1"#,
            r#"ringbook_google_requests_total{result="ok"} 1"#,
            r#"ringbook_retries_total{reason="rate_limited"} 1"#,
            r#"ringbook_since_last_success_seconds{account="7"} 90.0"#,
            r#"ringbook_lease{account="7",state="ours"} 0"#,
            r#"ringbook_lease{account="7",state="free"} 1"#,
            r#"ringbook_http_requests_total{route="/api/contacts/{id}",method="GET",status="200"} 1"#,
            r#"ringbook_http_requests_total{route="/",method="other",status="405"} 1"#,
            "# EOF",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is missing from\n{text}");
        }
        metrics.forget(account);
        let text = metrics.encode(second);
        assert!(!text.contains(r#"ringbook_lease{account="7""#), "{text}");
        assert!(text.contains(r#"ringbook_runs_total{account="7""#), "{text}");
    }
}
