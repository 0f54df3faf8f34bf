//! What an account may be called, and how it is with it, in one word and one sentence.

use crate::contact::{clean, fold};
use crate::string_enum;
use crate::sync::diagnosis::Diagnosis;

/// A name that people gave an account. It can be told from every id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountName(String);

/// Characters of a name.
pub const NAME_MAX: usize = 100;

/// Words that stand for something else where an account is named.
const RESERVED: &[&str] = &["all", "new"];

/// Why a text is no name for an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    #[error("a name has 1 to {NAME_MAX} characters, and none of them is a control character")]
    Unprintable,
    #[error("a number or a UUID could be taken for the id of another account; add a word to it")]
    LikeAnId,
    #[error("`all` and `new` mean something else where an account is named; add a word to it")]
    Reserved,
}

impl AccountName {
    /// # Errors
    /// When nobody could read it, or it could be taken for something else.
    pub fn parse(raw: &str) -> Result<AccountName, BadName> {
        let name = raw.trim();
        let length = name.chars().count();
        if length == 0 || length > NAME_MAX || clean(name, NAME_MAX) != name {
            return Err(BadName::Unprintable);
        }
        let hex = |c: char| c.is_ascii_hexdigit() || c == '-';
        let uuid = name.len() == 36 && name.chars().all(hex);
        if uuid || name.chars().all(|c| c.is_ascii_digit()) {
            return Err(BadName::LikeAnId);
        }
        if RESERVED.iter().any(|word| name.eq_ignore_ascii_case(word)) {
            return Err(BadName::Reserved);
        }
        Ok(AccountName(name.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether two names are the same to people: case, accents and script do not matter.
pub fn same_name(one: &str, other: &str) -> bool {
    folded(one) == folded(other)
}

fn folded(name: &str) -> String {
    // Letters of some scripts become several.
    let folded = fold(name.trim(), NAME_MAX * 8);
    if folded.is_empty() { name.trim().to_lowercase() } else { folded }
}

string_enum! {
    /// How it is with an account. Of several that are true the one that has to be fixed first.
    AccountState {
        /// All is well.
        Connected = "connected",
        /// Google's permission is gone; only connecting again helps.
        NeedsReauth = "needs_reauth",
        /// A run waits for a person's word.
        Held = "held",
        /// It is synced only when somebody asks.
        Paused = "paused",
        /// Google refuses for a reason that an administrator must fix, or no OAuth client is set.
        Misconfigured = "misconfigured",
        /// There is no permission: it was never given, or given up.
        Disconnected = "disconnected",
    }
}

string_enum! {
    /// How the sync of an account stands. Of several that are true the most urgent.
    SyncHealth {
        Syncing = "syncing",
        /// No OAuth client is set, so Google cannot be asked.
        NotConfigured = "not_configured",
        Disconnected = "disconnected",
        NeedsReauth = "needs_reauth",
        Misconfigured = "misconfigured",
        Held = "held",
        /// The last sync failed.
        Failing = "failing",
        Paused = "paused",
        NeverSynced = "never_synced",
        /// Contacts that Google no longer lists are kept, since their deletion was rejected.
        DeletionsRejected = "deletions_rejected",
        UpToDate = "up_to_date",
    }
}

impl SyncHealth {
    /// In a few words, for people.
    pub fn words(self) -> &'static str {
        match self {
            SyncHealth::Syncing => "Syncing",
            SyncHealth::NotConfigured => "Not set up",
            SyncHealth::Disconnected => "Not connected",
            SyncHealth::NeedsReauth => "Must be connected again",
            SyncHealth::Misconfigured => "Cannot be synced",
            SyncHealth::Held => "On hold",
            SyncHealth::Failing => "Failing",
            SyncHealth::Paused => "Paused",
            SyncHealth::NeverSynced => "Never synced",
            SyncHealth::DeletionsRejected => "Deletions rejected",
            SyncHealth::UpToDate => "Up to date",
        }
    }
}

/// What is known of an account's syncs.
#[derive(Clone, Copy, Debug, Default)]
pub struct SyncFacts {
    pub running: bool,
    pub last_failed: bool,
    pub last_rejected: bool,
    pub ever_succeeded: bool,
}

/// What the state of an account depends on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Condition<'a> {
    /// What it takes to ask Google at all is set: an OAuth client.
    pub configured: bool,
    /// There is a permission, good or dead.
    pub has_grant: bool,
    /// It was connected before, or has contacts.
    pub was_connected: bool,
    /// Why the permission is dead, if it is.
    pub dead_because: Option<&'a str>,
    /// The last run failed since something is set up wrongly: how.
    pub misconfigured_because: Option<&'a str>,
    pub held: bool,
    pub paused: bool,
}

impl Condition<'_> {
    /// What must be fixed first comes first: without an OAuth client nothing can be connected, without a
    /// permission nothing can be asked, what Google refuses cannot be held, and whoever paused an account
    /// still wants to hear of all these.
    pub fn state(&self) -> AccountState {
        if !self.configured {
            AccountState::Misconfigured
        } else if !self.has_grant {
            AccountState::Disconnected
        } else if self.dead_because.is_some() {
            AccountState::NeedsReauth
        } else if self.misconfigured_because.is_some() {
            AccountState::Misconfigured
        } else if self.held {
            AccountState::Held
        } else if self.paused {
            AccountState::Paused
        } else {
            AccountState::Connected
        }
    }

    /// How its sync stands: what happens now first, then what must be fixed, then what somebody wants to know.
    pub fn health(&self, syncs: SyncFacts) -> SyncHealth {
        if syncs.running {
            return SyncHealth::Syncing;
        }
        match self.state() {
            AccountState::Misconfigured if !self.configured => SyncHealth::NotConfigured,
            AccountState::Misconfigured => SyncHealth::Misconfigured,
            AccountState::Disconnected => SyncHealth::Disconnected,
            AccountState::NeedsReauth => SyncHealth::NeedsReauth,
            AccountState::Held => SyncHealth::Held,
            AccountState::Paused | AccountState::Connected if syncs.last_failed => {
                SyncHealth::Failing
            }
            AccountState::Paused => SyncHealth::Paused,
            AccountState::Connected if !syncs.ever_succeeded => SyncHealth::NeverSynced,
            AccountState::Connected if syncs.last_rejected => SyncHealth::DeletionsRejected,
            AccountState::Connected => SyncHealth::UpToDate,
        }
    }

    /// The state in a sentence, with the way out. `connect_at` is where an account is connected.
    pub fn in_words(&self, connect_at: &str) -> String {
        match self.state() {
            AccountState::Connected => "connected".to_owned(),
            AccountState::NeedsReauth => {
                let why = self.dead_because.unwrap_or("the permission is gone");
                // A diagnosis says the way out, which is not for every cause to connect again.
                match Diagnosis::read(why) {
                    Some(_) => format!("must be connected again ({connect_at}): {why}"),
                    None => format!("must be connected again at {connect_at}: {why}"),
                }
            }
            AccountState::Held => "a sync would delete suspiciously much and waits for approval: \
                approve or reject it"
                .to_owned(),
            AccountState::Paused => {
                "paused: it is synced only when somebody asks, until it is resumed".to_owned()
            }
            AccountState::Misconfigured => match self.misconfigured_because {
                Some(why) if self.configured => format!("the last sync failed: {why}"),
                _ => "no OAuth client is set, so Google cannot be asked".to_owned(),
            },
            AccountState::Disconnected if self.was_connected => {
                format!("disconnected; connect it again at {connect_at}")
            }
            AccountState::Disconnected => {
                format!("waits to be connected; connect it at {connect_at}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_be_read_and_is_no_id() {
        for good in
            ["Office", "  Zoë's phone ", "Büro 2", "山田", "♥", "1 Main St", &"x".repeat(100)]
        {
            assert_eq!(AccountName::parse(good).unwrap().as_str(), good.trim());
        }
        for bad in ["", "  ", "a\u{0}b", "a\nb", "\u{1b}[0m", &"x".repeat(101)] {
            assert_eq!(AccountName::parse(bad), Err(BadName::Unprintable), "{bad:?}");
        }
        for bad in ["1", "007", "00000000-1000-8001-9b1c-2d3e4f506172"] {
            assert_eq!(AccountName::parse(bad), Err(BadName::LikeAnId), "{bad}");
        }
        assert_eq!(AccountName::parse(" New"), Err(BadName::Reserved));
    }

    #[test]
    fn names_are_the_same_whatever_their_case_and_accents() {
        assert!(same_name("Büro", "buro ") && same_name("OFFICE", "office"));
        assert!(same_name("♥", "♥") && !same_name("♥", "♦"), "what folds to nothing is itself");
        assert!(!same_name("Office", "Office 2"));
    }

    #[test]
    fn of_several_troubles_the_one_to_mend_first_is_the_state() {
        let all = Condition {
            configured: false,
            has_grant: false,
            was_connected: true,
            dead_because: Some("withdrawn"),
            misconfigured_because: Some("the People API is not enabled"),
            held: true,
            paused: true,
        };
        let mut it = all;
        let mut states = vec![it.state()];
        it.configured = true;
        states.push(it.state());
        it.has_grant = true;
        states.push(it.state());
        it.dead_because = None;
        states.push(it.state());
        it.misconfigured_because = None;
        states.push(it.state());
        it.held = false;
        states.push(it.state());
        it.paused = false;
        states.push(it.state());
        let words: Vec<&str> = states.iter().map(|it| it.as_str()).collect();
        assert_eq!(
            words,
            [
                "misconfigured",
                "disconnected",
                "needs_reauth",
                "misconfigured",
                "held",
                "paused",
                "connected"
            ]
        );
    }

    #[test]
    fn the_health_of_a_sync_is_the_most_urgent_of_what_is_true() {
        let good = Condition { configured: true, has_grant: true, ..Condition::default() };
        let synced = SyncFacts { ever_succeeded: true, ..SyncFacts::default() };
        let failed = SyncFacts { last_failed: true, ..synced };
        let rejected = SyncFacts { last_rejected: true, ..synced };
        let running = SyncFacts { running: true, ..failed };
        let never = SyncFacts::default();
        let paused = Condition { paused: true, ..good };
        let held = Condition { held: true, ..paused };
        let refused = Condition { misconfigured_because: Some("no API"), ..held };
        let dead = Condition { dead_because: Some("withdrawn"), ..refused };
        let gone = Condition { has_grant: false, ..dead };
        for (condition, syncs, health) in [
            (Condition::default(), failed, SyncHealth::NotConfigured),
            (gone, failed, SyncHealth::Disconnected),
            (dead, failed, SyncHealth::NeedsReauth),
            (dead, running, SyncHealth::Syncing),
            (refused, failed, SyncHealth::Misconfigured),
            (held, failed, SyncHealth::Held),
            (paused, failed, SyncHealth::Failing),
            (paused, synced, SyncHealth::Paused),
            (paused, never, SyncHealth::Paused),
            (good, failed, SyncHealth::Failing),
            (good, never, SyncHealth::NeverSynced),
            (good, rejected, SyncHealth::DeletionsRejected),
            (good, synced, SyncHealth::UpToDate),
        ] {
            assert_eq!(condition.health(syncs), health, "{condition:?} {syncs:?}");
        }
    }

    #[test]
    fn a_state_in_words_names_the_way_out() {
        let base = Condition { configured: true, ..Condition::default() };
        assert_eq!(base.in_words("/here"), "waits to be connected; connect it at /here");
        let dead = Condition { has_grant: true, dead_because: Some("withdrawn"), ..base };
        assert_eq!(dead.in_words("/here"), "must be connected again at /here: withdrawn");
    }
}
