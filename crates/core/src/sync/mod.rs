//! Sync orchestration: what the whole program exists for.
//!
//! [`run`] decides what a run does next. [`schedule`], [`backoff`], [`account`] and [`guard`] answer one
//! question each. What acts and starts is in the engine's crate.

pub mod account;
pub mod backoff;
pub mod book;
pub mod crontab;
pub mod diagnosis;
pub mod guard;
pub mod messages;
pub mod run;
pub mod schedule;

use serde::{Deserialize, Serialize};

/// One connected Google account, by its number in our database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(pub i64);

/// One run, by its number in our database: the account in the upper bits, the fencing token of its
/// lease in the lower 40. So a run *is* its fence, and ids of one account only ever grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(pub i64);

impl RunId {
    pub const FENCE_BITS: u32 = 40;

    pub fn new(account: AccountId, fence: i64) -> RunId {
        RunId((account.0 << Self::FENCE_BITS) | fence)
    }

    pub fn account(self) -> AccountId {
        AccountId(self.0 >> Self::FENCE_BITS)
    }

    pub fn fence(self) -> i64 {
        self.0 & ((1 << Self::FENCE_BITS) - 1)
    }
}

/// Declares an enum that is stored and shown by one fixed lower-case word a variant.
#[macro_export]
macro_rules! string_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord,
            serde::Serialize, serde::Deserialize,
        )]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant,)+ }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant),+];
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }
        }

        // By hand: utoipa's derive does not see a name that comes out of a macro.
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::Type::String)
                    .enum_values(Some([$($word),+]))
                    .build()
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> { stringify!($name).into() }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.as_str()) }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::sync::UnknownWord;
            fn from_str(word: &str) -> Result<$name, $crate::sync::UnknownWord> {
                match word { $($word => Ok($name::$variant),)+ _ => Err($crate::sync::UnknownWord(word.to_owned())) }
            }
        }
    };
}

/// A word that is none of an enum's.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a known word here")]
pub struct UnknownWord(pub String);

string_enum! {
    /// What an account mirrors.
    Source {
        /// What the account's person stored in Google Contacts.
        Contacts = "contacts",
        /// The people of the Google Workspace domain.
        Directory = "directory",
        /// The contacts that the administrators of the domain share with all of it.
        Shared = "shared",
    }
}

impl Source {
    /// Does Google say what changed, and what was deleted? Of a domain's lists it is not documented that it
    /// does, so they are always listed in full.
    pub fn tells_changes(self) -> bool {
        self == Source::Contacts
    }

    /// Can Google be asked about single persons of it, and has it labels?
    pub fn is_a_book(self) -> bool {
        self == Source::Contacts
    }
}

string_enum! {
    /// What a run does: list everything, or only what changed.
    Kind { Full = "full", Incremental = "incremental", }
}

string_enum! {
    /// Who asked for a run.
    Trigger { Api = "api", Schedule = "schedule", Cli = "cli", Startup = "startup", }
}

string_enum! {
    /// How a run ended.
    Outcome {
        Succeeded = "succeeded",
        /// All there was to do is done, but some contacts could not be read and were set aside.
        Partial = "partial",
        Failed = "failed",
        Cancelled = "cancelled",
        /// The process stopped, crashed or lost its lease; the next run goes on.
        Interrupted = "interrupted",
        /// It would have deleted suspiciously much and waits for a person's word.
        Held = "held",
        /// A person said no to the deletions of a held run.
        Rejected = "rejected",
    }
}

string_enum! {
    /// What a run did to one contact.
    ChangeKind { Created = "created", Updated = "updated", Deleted = "deleted", Restored = "restored", }
}

string_enum! {
    /// What a run is doing now.
    Phase {
        Starting = "starting",
        Fetching = "fetching",
        Storing = "storing",
        Waiting = "waiting",
        /// Asking Google about contacts that a full listing did not name.
        Verifying = "verifying",
        Finishing = "finishing",
        Ended = "ended",
    }
}

string_enum! {
    /// Why a run waits.
    Delay {
        /// Google answered 429, or 403 with a quota reason.
        RateLimited = "rate_limited",
        /// Google answered 5xx.
        ServerError = "server_error",
        /// The connection failed, broke off or stayed silent.
        Network = "network",
        /// The answer was not what Google sends: truncated, empty, HTML, of the wrong shape.
        Malformed = "malformed",
        /// The API refused an access token that Google's token service had just issued (401).
        Unauthorized = "unauthorized",
        /// The configured pause between two pages.
        Pause = "pause",
    }
}

string_enum! {
    /// Why a run failed, for programs. The message says it for people.
    FailureCode {
        /// The token service says that the grant is dead; only connecting again helps.
        NeedsReauth = "needs_reauth",
        /// The API says that the permission does not go so far, or has said for a day that it is none. Connecting
        /// again helps; it is also tried again by itself, since only the token service can end a grant.
        NotPermitted = "not_permitted",
        /// Google refuses for a reason that a person must fix. Tried again all the same.
        Misconfigured = "misconfigured",
        /// The grant now answers for another Google account.
        DifferentAccount = "different_account",
        /// Google kept failing for longer than we wait.
        Unavailable = "unavailable",
        /// Google asked to slow down for longer than we wait.
        RateLimited = "rate_limited",
        /// Answers stayed unreadable.
        Malformed = "malformed",
        /// Google refused fresh access tokens for longer than we wait.
        Unauthorized = "unauthorized",
        /// The listing contradicts itself, so nothing was deleted on its word.
        IncompleteListing = "incomplete_listing",
        /// The listing ended without a sync token; what it named is stored (the outcome is `partial`).
        NoSyncToken = "no_sync_token",
        /// Our own database failed.
        Storage = "storage",
    }
}
