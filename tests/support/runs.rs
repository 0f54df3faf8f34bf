//! What a test needs that asks the store for a run by itself, past the supervisor.

use std::time::Duration;

use ringbook_core::sync::backoff::RetryPolicy;
use ringbook_core::sync::guard::Guard;
use ringbook_core::sync::run::Policy;
use ringbook_core::sync::{AccountId, Trigger};
use ringbook_store::{Request, Settings};

/// With a lease of this length, ten contacts a page, and hardly any waits.
pub(crate) const fn settings(lease: Duration) -> Settings {
    Settings {
        lease,
        full_after: Duration::from_secs(5 * 86400),
        policy: Policy {
            page_size: 10,
            pause: Duration::ZERO,
            retry: RetryPolicy {
                base: Duration::from_millis(1),
                rate_limit: Duration::from_millis(1),
                attempts_max: 8,
                waits_max: Duration::from_secs(60),
            },
            guard: Guard { contacts: 10, percent: 3.0 },
        },
    }
}

pub(crate) fn request(account: AccountId) -> Request {
    Request {
        account,
        kind: None,
        trigger: Trigger::Api,
        asked_by: None,
        slot: None,
        request: "the parameters".to_owned(),
    }
}
