//! `people.listDirectoryPeople`: the people of a Workspace domain, and the contacts it shares.

use super::answers::{Reply, error, invalid_value, rate_limited, scope_insufficient};
use super::book::Book;
use super::generate;
use super::listing::ListRequest;
use super::oauth::Caller;
use super::query::Query;
use super::random::mix;
use super::service_account::is_consumer;
use super::world::{Quota, State};

/// Enough to read the lists of a domain.
pub const DIRECTORY_READONLY: &str = "https://www.googleapis.com/auth/directory.readonly";

/// The lists of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    Profiles,
    Shared,
}

impl List {
    pub(super) fn parse(query: &Query) -> Result<List, Reply> {
        let mut found = Vec::new();
        for source in query.all("sources") {
            found.push(match source {
                "DIRECTORY_SOURCE_TYPE_DOMAIN_PROFILE" => List::Profiles,
                "DIRECTORY_SOURCE_TYPE_DOMAIN_CONTACT" => List::Shared,
                other => return Err(invalid_value("sources", "DirectorySourceType", other)),
            });
        }
        for source in query.all("mergeSources") {
            if source != "DIRECTORY_MERGE_SOURCE_TYPE_CONTACT" {
                return Err(invalid_value("merge_sources", "DirectoryMergeSourceType", source));
            }
        }
        match found[..] {
            [list] => Ok(list),
            [] => Err(super::answers::bad_request("Must specify at least one source type.")),
            _ => Err(super::answers::invalid_argument("the simulator shows one list at a time")),
        }
    }

    /// The source of its people, as their metadata name it.
    pub(super) fn source(self) -> &'static str {
        match self {
            List::Profiles => "DOMAIN_PROFILE",
            List::Shared => "DOMAIN_CONTACT",
        }
    }
}

pub(super) struct Domain {
    pub(super) profiles: Book,
    pub(super) shared: Book,
    /// Whether the administrator lets the directory be read from outside.
    pub(super) sharing: bool,
    /// What the administrator lets the service account do, in the name of everybody.
    pub(super) delegated: Vec<String>,
    key: u64,
}

impl Domain {
    pub(super) fn new(seed: u64) -> Domain {
        let key = mix(seed ^ 0x646f_6d61_696e);
        Domain {
            profiles: generate::book(mix(key ^ 1), 0),
            shared: generate::book(mix(key ^ 2), 0),
            sharing: true,
            delegated: Vec::new(),
            key,
        }
    }

    pub(super) fn book(&self, list: List) -> &Book {
        match list {
            List::Profiles => &self.profiles,
            List::Shared => &self.shared,
        }
    }

    pub(super) fn book_mut(&mut self, list: List) -> &mut Book {
        match list {
            List::Profiles => &mut self.profiles,
            List::Shared => &mut self.shared,
        }
    }

    /// What tokens of a listing are bound to.
    pub(super) fn key(&self, list: List) -> u64 {
        mix(self.key ^ list as u64)
    }
}

/// Lets a caller in who may read the directory.
pub(super) fn admit(state: &mut State, caller: &Caller) -> Result<(), Reply> {
    if !caller.scopes.iter().any(|scope| scope == DIRECTORY_READONLY) {
        return Err(scope_insufficient("ListDirectoryPeople"));
    }
    if !state.spend(caller.user, Quota::CriticalReads) {
        return Err(rate_limited().because("the quota of reads per minute and user"));
    }
    let denied = |why: &str| {
        let message = "The caller does not have permission";
        error(403, message, "PERMISSION_DENIED", None).because(why)
    };
    if is_consumer(&state.users[caller.user].email) {
        return Err(denied("the account is of no domain"));
    }
    if !state.domain.sharing {
        return Err(denied("the directory is not shared with the outside"));
    }
    Ok(())
}

pub(super) fn parse(pairs: Vec<(String, String)>) -> Result<(List, ListRequest, Query), Reply> {
    let own = ["pageSize", "pageToken", "readMask", "requestSyncToken", "syncToken"];
    let query = Query::parse(pairs, &own, &["mergeSources", "sources"])?;
    let list = List::parse(&query)?;
    let request = ListRequest::of_domain(&query)?;
    Ok((list, request, query))
}
