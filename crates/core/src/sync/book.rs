//! What the engine asks of an address book, and what it can be told.
//!
//! [`AddressBook`] is the seam to the network: `google::People` in production, a simulated book in tests.

use std::fmt;
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::contact::{Contact, ResourceName};
use crate::sync::Delay;

/// Google's cursor for "what changed since". Opaque; shown nowhere.
#[derive(Clone, Debug)]
pub struct SyncToken(SecretString);

impl SyncToken {
    pub fn new(raw: impl Into<String>) -> SyncToken {
        SyncToken(SecretString::from(raw.into()))
    }

    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PartialEq for SyncToken {
    fn eq(&self, other: &SyncToken) -> bool {
        self.expose() == other.expose()
    }
}

/// Google's cursor to the next page of one listing. Opaque.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PageToken(String);

impl PageToken {
    pub fn new(raw: impl Into<String>) -> PageToken {
        PageToken(raw.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One page of one listing. All pages of a listing must agree in everything but `page`.
#[derive(Clone, Debug, PartialEq)]
pub struct ListRequest {
    /// What changed since this token; everything when there is none.
    pub since: Option<SyncToken>,
    /// The page to get; the first when there is none.
    pub page: Option<PageToken>,
    /// Contacts a page, 1 to 1000.
    pub page_size: u16,
}

/// One answer to a [`ListRequest`].
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub entries: Entries,
    pub next: Option<PageToken>,
    /// Only on the last page.
    pub sync_token: Option<SyncToken>,
    /// How many contacts Google says there are. Its meaning in an incremental listing is not documented.
    pub total: Option<u64>,
}

/// The items of a page, read when they are wanted, and once.
///
/// What comes next stands in a few bytes of a page; its contacts are megabytes. Reading them later
/// lets the next page be asked for sooner.
#[derive(Clone)]
pub struct Entries(Arc<LazyLock<Vec<Entry>, Reading>>);

type Reading = Box<dyn FnOnce() -> Vec<Entry> + Send>;

impl Entries {
    pub fn unread(read: impl FnOnce() -> Vec<Entry> + Send + 'static) -> Entries {
        Entries(Arc::new(LazyLock::new(Box::new(read))))
    }

    /// Reads them, if nobody has. Takes milliseconds the first time.
    pub fn get(&self) -> &[Entry] {
        &self.0
    }
}

impl From<Vec<Entry>> for Entries {
    fn from(entries: Vec<Entry>) -> Entries {
        Entries::unread(move || entries)
    }
}

impl Default for Entries {
    fn default() -> Entries {
        Vec::new().into()
    }
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entries(…)")
    }
}

/// One item of a page.
#[derive(Clone, Debug)]
pub enum Entry {
    Person(Box<Contact>),
    Deleted(Tombstone),
    /// A person that could not be read. The others of the page are not harmed.
    Unreadable(Unreadable),
}

/// A contact that Google no longer has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tombstone {
    pub resource_name: ResourceName,
    /// Names it had before. It may be known here by one of them only.
    pub previous_names: Vec<ResourceName>,
}

impl From<ResourceName> for Tombstone {
    fn from(resource_name: ResourceName) -> Tombstone {
        Tombstone { resource_name, previous_names: Vec::new() }
    }
}

/// A person that was set aside, and why. The reason names fields, never their contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    pub resource_name: Option<ResourceName>,
    pub reason: String,
    /// The same for the same person: from its name, or where it has none, from all that Google sent of it.
    pub digest: u64,
}

impl Unreadable {
    /// `sent`: what Google sent.
    pub fn new(resource_name: Option<ResourceName>, reason: String, sent: &str) -> Unreadable {
        let mut hasher = DefaultHasher::new();
        resource_name.as_ref().map_or(sent, ResourceName::as_str).hash(&mut hasher);
        Unreadable { resource_name, reason, digest: hasher.finish() }
    }
}

/// What Google says of a contact that a full listing did not name.
#[derive(Clone, Debug, PartialEq)]
pub enum Presence {
    Gone,
    /// It is still there under the same name: the listing was not complete.
    Alive,
    /// It is there under another name now.
    Renamed(ResourceName),
    /// Google would not say.
    Unknown,
}

impl Presence {
    pub fn new_name(&self) -> Option<&ResourceName> {
        match self {
            Presence::Renamed(name) => Some(name),
            Presence::Gone | Presence::Alive | Presence::Unknown => None,
        }
    }
}

/// A contact group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// `contactGroups/…`
    pub resource_name: String,
    pub name: String,
    /// One of Google's own (`starred`, `myContacts`, …).
    pub system: bool,
}

/// Why a request to the address book did not succeed. Each variant is one thing that the caller can do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FetchError {
    /// Try the same again later.
    #[error("{message}")]
    Again {
        delay: Delay,
        /// What the answer asked for (`Retry-After`), if anything.
        retry_after: Option<Duration>,
        message: String,
    },
    /// Start over without the sync token (or without the page token, if that was refused).
    #[error("Google no longer accepts the cursor: {message}")]
    CursorRefused { message: String },
    /// Only connecting the account again helps. Nothing but the verdict of Google's token service is a
    /// reason: what the API says may be a hiccup, and the grant would be lost to it.
    #[error("{message}")]
    NeedsReauth { message: String },
    /// The API says that the permission does not go so far. Connecting again helps; the grant stands, and it is
    /// still tried again by schedule.
    #[error("{message}")]
    NotPermitted { message: String },
    /// A person must help. It is still tried again by schedule, in case it heals by itself.
    #[error("{message}")]
    Misconfigured { message: String },
}

/// An address book that can be listed. Implementations bound every answer in size and time.
pub trait AddressBook: Send + Sync + 'static {
    /// The account that answers (`people/…` of `people/me`), or `None` where it will not say.
    fn identify(&self) -> impl Future<Output = Result<Option<ResourceName>, FetchError>> + Send;

    /// All contact groups.
    fn labels(&self) -> impl Future<Output = Result<Vec<Label>, FetchError>> + Send;

    /// One page of contacts.
    fn list(&self, request: &ListRequest) -> impl Future<Output = Result<Page, FetchError>> + Send;

    /// What became of these contacts, in their order. At most [`VERIFY_MAX`] at a time.
    fn verify(
        &self,
        names: &[ResourceName],
    ) -> impl Future<Output = Result<Vec<Presence>, FetchError>> + Send;
}

/// Google's limit for `people:batchGet`.
pub const VERIFY_MAX: usize = 200;
