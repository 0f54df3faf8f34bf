//! Google's time, which is not ours: a test that sets Ringbook's clock leaves this one alone.

use std::time::Duration;

use jiff::Timestamp;

#[expect(clippy::disallowed_methods, reason = "Google does not ask our Clock")]
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}

/// Waits for real, since latency and slow bodies are what is being simulated.
#[expect(clippy::disallowed_methods, reason = "Google does not wait for our Clock")]
pub(super) async fn pass(duration: Duration) {
    tokio::time::sleep(duration).await;
}
