//! What the environment says that is no setting of ours: who reads the log, and what time it is here.

use std::os::fd::AsFd;

use jiff::tz::TimeZone;

use super::{Flags, layers};

/// What was found around this process.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// That of `TZ`, if that is set and names one.
    pub zone: Option<TimeZone>,
    /// Device and inode of the stream that systemd's journal reads, as `JOURNAL_STREAM` has them.
    journal: Option<(u64, u64)>,
}

impl Surroundings {
    #[expect(clippy::disallowed_methods, reason = "no settings, and read here for everybody")]
    pub fn look() -> Surroundings {
        let named = std::env::var("TZ").is_ok_and(|it| !it.is_empty());
        let zone = named.then(|| TimeZone::try_system().ok()).flatten();
        let stream = std::env::var("JOURNAL_STREAM").unwrap_or_default();
        let journal = stream
            .split_once(':')
            .and_then(|(device, inode)| Some((device.parse().ok()?, inode.parse().ok()?)));
        Surroundings { zone, journal }
    }

    /// Whether the journal reads what is written there.
    pub fn is_journal(&self, stream: &impl AsFd) -> bool {
        let Some(journal) = self.journal else { return false };
        rustix::fs::fstat(stream).is_ok_and(|it| (it.st_dev, it.st_ino) == journal)
    }
}

/// Whether the log is wanted in JSON, also where the rest of the configuration cannot be used.
pub fn wants_json_log(flags: &Flags) -> bool {
    let chosen = layers::resolve(layers::Layers::read(flags));
    chosen.values.get("LOG_FORMAT").is_some_and(|it| it.value.eq_ignore_ascii_case("json"))
}
