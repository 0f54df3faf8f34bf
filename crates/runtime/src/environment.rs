//! Variables of the environment that are none of our settings.

/// A variable that is none of our settings, such as `HTTPS_PROXY`; `None`: it is not set, or no text.
#[expect(clippy::disallowed_methods, reason = "the settings are read by the configuration")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
