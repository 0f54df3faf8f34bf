//! The plan of faults: what goes wrong, at which request, how often.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::answers::Canned;

/// The endpoints that faults and counters tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    List,
    /// The lists of a domain.
    Directory,
    BatchGet,
    Me,
    Person,
    Groups,
    GroupsBatchGet,
    Auth,
    Token,
    Revoke,
}

/// One thing that goes wrong. `after` matching requests pass unharmed, the next `times` do not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    #[serde(rename = "match", default)]
    pub when: When,
    #[serde(default)]
    pub after: u32,
    #[serde(default)]
    pub times: Times,
    pub action: Action,
}

/// Which requests a fault is meant for. What is not said matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct When {
    pub endpoint: Option<Endpoint>,
    /// Of a listing: 1 is the first page.
    pub page: Option<u64>,
    pub sync: Option<Sync>,
    /// The user's e-mail address.
    pub user: Option<String>,
    /// Of the token endpoint: `authorization_code`, `refresh_token` or the long name of a signed statement.
    pub grant_type: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sync {
    Full,
    Incremental,
}

/// A number, or `"forever"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Times {
    Count(u32),
    Word(Forever),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forever {
    Forever,
}

impl Default for Times {
    fn default() -> Times {
        Times::Count(1)
    }
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Something else is answered.
    Answer {
        answer: Canned,
        #[serde(default)]
        retry_after: Option<RetryAfter>,
    },
    /// Nothing is ever answered.
    Hang,
    /// The connection is reset before any answer.
    Reset,
    /// The answer comes late. Everything else goes its way.
    Delay {
        ms: u64,
    },
    /// Half the body, then the connection closes without the final chunk.
    TruncatedBody,
    /// A complete HTTP body which is only half of a gzip stream.
    TruncatedGzip,
    /// The body is gzip, the header that says so is missing. With `answer`, of that answer.
    GzipWithoutHeader {
        #[serde(default)]
        answer: Option<Canned>,
    },
    WrongContentType,
    /// A few bytes now and then.
    Drip {
        bytes: usize,
        pause_ms: u64,
    },
    /// A body that never ends.
    Endless,

    // From here on, what a listing says is not so.
    /// `nextPageToken` is that of the same page again.
    RepeatPageToken,
    /// The last page comes without `nextSyncToken`.
    NoSyncToken,
    /// `nextPageToken` is lost: the rest of the list is never announced.
    DropPageToken,
    /// As `drop_page_token`, but with a sync token as if this were the end.
    EndEarly,
    /// Promises this many contacts more than there are.
    TotalItems {
        extra: i64,
    },
    /// Nobody there, and a sync token.
    EmptyListing,
    /// Every second contact is left out, and with `true_total: false` also from the total.
    HalfListing {
        #[serde(default)]
        true_total: bool,
    },
    /// This contact is left out, and unless `counted`, the total does not count it either.
    LeaveOut {
        resource_name: String,
        #[serde(default)]
        counted: bool,
    },
    /// Nobody on the page, and the token of yet another one; from the second page on.
    NoEnd,
    /// The last few contacts of the page before come once more.
    Duplicates {
        count: usize,
    },
    Reordered,
    /// Contacts that are not what they should be.
    BadPerson {
        defect: Defect,
        #[serde(default)]
        index: usize,
        #[serde(default = "one")]
        count: usize,
    },
    /// All contacts are marked as modified, and none is.
    TouchAll,
}

/// What is wrong with a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Defect {
    NamesIsAString,
    PhoneValueIsANumber,
    ResourceNameMissing,
    ResourceNameIsANumber,
    MetadataIsAnArray,
    PersonIsNull,
}

/// The `Retry-After` header: seconds, or a date so many seconds from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RetryAfter {
    Seconds(u64),
    Date { date_in_seconds: i64 },
}

fn one() -> usize {
    1
}

impl Fault {
    /// An action that happens once, at the next request to any endpoint.
    pub fn new(action: Action) -> Fault {
        Fault { when: When::default(), after: 0, times: Times::default(), action }
    }

    pub fn answer(answer: Canned) -> Fault {
        Fault::new(Action::Answer { answer, retry_after: None })
    }

    pub fn on(mut self, endpoint: Endpoint) -> Fault {
        self.when.endpoint = Some(endpoint);
        self
    }

    pub fn page(mut self, page: u64) -> Fault {
        self.when.page = Some(page);
        self
    }

    pub fn sync(mut self, sync: Sync) -> Fault {
        self.when.sync = Some(sync);
        self
    }

    pub fn user(mut self, email: &str) -> Fault {
        self.when.user = Some(email.to_owned());
        self
    }

    pub fn after(mut self, requests: u32) -> Fault {
        self.after = requests;
        self
    }

    pub fn times(mut self, times: u32) -> Fault {
        self.times = Times::Count(times);
        self
    }

    pub fn forever(mut self) -> Fault {
        self.times = Times::Word(Forever::Forever);
        self
    }
}

impl Action {
    fn is_about_a_listing(&self) -> bool {
        use Action::*;
        matches!(
            self,
            RepeatPageToken
                | NoSyncToken
                | DropPageToken
                | EndEarly
                | TotalItems { .. }
                | EmptyListing
                | HalfListing { .. }
                | LeaveOut { .. }
                | NoEnd
                | Duplicates { .. }
                | Reordered
                | BadPerson { .. }
                | TouchAll
        )
    }

    pub(super) fn kind(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        let text = |name: &str| value.get(name).and_then(|value| value.as_str());
        [text("kind"), text("answer"), text("defect")]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(":")
    }
}

/// A fault with its number and how often it has struck.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedFault {
    pub id: u64,
    #[serde(flatten)]
    pub fault: Fault,
    pub matched: u32,
    pub struck: u32,
}

#[derive(Default)]
pub(super) struct Plan {
    faults: Vec<PlannedFault>,
    last_id: u64,
}

/// A request as faults see it.
pub(super) struct Occasion<'a> {
    pub(super) endpoint: Endpoint,
    pub(super) page: Option<u64>,
    pub(super) sync: Option<Sync>,
    pub(super) user: Option<&'a str>,
    pub(super) grant_type: Option<&'a str>,
}

/// What goes wrong with one request: at most one thing on the way, any number in the listing.
#[derive(Default)]
pub(super) struct Strike {
    pub(super) action: Option<Action>,
    pub(super) listing: Vec<Action>,
    pub(super) delay: Duration,
}

impl Plan {
    pub(super) fn add(&mut self, fault: Fault) -> u64 {
        self.last_id += 1;
        self.faults.push(PlannedFault { id: self.last_id, fault, matched: 0, struck: 0 });
        self.last_id
    }

    pub(super) fn faults(&self) -> &[PlannedFault] {
        &self.faults
    }

    pub(super) fn remove(&mut self, id: u64) -> bool {
        let before = self.faults.len();
        self.faults.retain(|planned| planned.id != id);
        self.faults.len() < before
    }

    pub(super) fn clear(&mut self) {
        self.faults.clear();
    }

    pub(super) fn strike(&mut self, occasion: &Occasion) -> Strike {
        let mut strike = Strike::default();
        for planned in &mut self.faults {
            if !planned.fault.when.matches(occasion) {
                continue;
            }
            let used_up = match planned.fault.times {
                Times::Count(times) => planned.struck >= times,
                Times::Word(Forever::Forever) => false,
            };
            // A fault that has to wait for another one does not miss its turn.
            let on_the_way = !planned.fault.action.is_about_a_listing()
                && !matches!(planned.fault.action, Action::Delay { .. });
            if used_up || (on_the_way && strike.action.is_some()) {
                continue;
            }
            planned.matched += 1;
            if planned.matched <= planned.fault.after {
                continue;
            }
            planned.struck += 1;
            match &planned.fault.action {
                Action::Delay { ms } => strike.delay += Duration::from_millis(*ms),
                action if on_the_way => strike.action = Some(action.clone()),
                action => strike.listing.push(action.clone()),
            }
        }
        strike
    }
}

impl When {
    fn matches(&self, occasion: &Occasion) -> bool {
        self.endpoint.is_none_or(|endpoint| endpoint == occasion.endpoint)
            && self.page.is_none_or(|page| occasion.page == Some(page))
            && self.sync.is_none_or(|sync| occasion.sync == Some(sync))
            && self.user.as_deref().is_none_or(|user| occasion.user == Some(user))
            && self.grant_type.as_deref().is_none_or(|kind| occasion.grant_type == Some(kind))
    }
}
