//! What a run says of itself: what happened, what it means for the contacts, and what to do.
//!
//! Each is made here and nowhere else, so that status, history, dashboard, log and alarms say the same.

use std::time::Duration;

use crate::humanize::duration;

pub const DIFFERENT_ACCOUNT: &str = "the grant now answers for another Google account than the one mirrored here; \
     nothing was changed. Connect the right account again";

pub const REPEATED_PAGE: &str = "Google repeated a page token, so its listing has no end; what was listed is stored, nothing was \
     deleted, and Ringbook lists everything again by itself";

pub const ENDLESS_LISTING: &str = "Google's listing goes on and on without naming another contact; what was listed is stored, \
     nothing was deleted, and Ringbook lists everything again by itself";

pub const NO_SYNC_TOKEN: &str = "Google ended its listing without a sync token, so nobody can tell whether it was complete; \
     what was listed is stored, nothing was deleted. Ringbook lists everything again by itself, at most every six hours; \
     there is nothing to do unless this goes on for days";

/// A request that kept failing.
pub fn gave_up(tries: u32, cause: &str) -> String {
    format!("gave up after {tries} tries: {cause}")
}

/// Google's API has refused fresh access tokens for so long that a person is asked.
pub fn unauthorized_for(since: Duration, cause: &str) -> String {
    format!(
        "for {} Google's API has refused every access token, though Google's token service keeps issuing them; \
         the contacts stay and are served, and Ringbook keeps trying. Connect the account again once; if that \
         does not help, an administrator blocks the app, the OAuth client belongs to another project, or this \
         machine's clock is wrong: {cause}",
        duration(since)
    )
}

pub fn cursor_refused(cause: &str) -> String {
    format!("Google refuses the request itself, also without a token: {cause}")
}

/// Fewer contacts than Google counts, and the next listing is another one.
pub fn fewer_than_counted(total: u64, named: u64) -> String {
    format!(
        "Google counts {total} contacts but listed only {named}; nothing was deleted, and Ringbook lists \
         everything again by itself"
    )
}

/// The same in two listings in a row: then it is Google's count that is wrong.
pub fn total_differs(total: u64, named: u64) -> String {
    format!(
        "Google's own total differs: it counts {total} contacts and lists {named}, in two listings in a row; the list \
         was used"
    )
}

/// Contacts that a listing left out, and the next listing is another one.
pub fn left_out(count: usize) -> String {
    format!(
        "Google still has {count} contacts that its full listing did not name; nothing was deleted, and Ringbook \
         lists everything again by itself"
    )
}

/// The same in two listings in a row. Which ones are among the errors of the run: this text is logged.
pub fn not_in_listing(count: usize) -> String {
    format!(
        "{count} contacts are missing in two of Google's listings in a row, though Google's look-up finds them; \
         they are kept as they were"
    )
}

/// Why one of them is in the list of a run.
pub const NOT_IN_LISTING: &str =
    "not in Google's listing, but Google's look-up finds it; it is kept as it was";

/// Contacts about which Google would not answer.
pub fn unverified(count: u64, cause: &str) -> String {
    format!(
        "Google no longer lists {count} contacts and its look-up does not work, so they wait for a person: approve \
         or reject their deletion, or let a later sync find out ({cause})"
    )
}

/// Contacts that Google's answer about others left out.
pub fn unanswered(count: u64) -> String {
    unverified(count, "Google gave no answer about them")
}

pub fn labels_unknown(cause: &str) -> String {
    format!("the labels could not be read, so the known ones stay: {cause}")
}

pub fn identity_unknown(cause: &str) -> String {
    format!(
        "Google did not say whose contacts these are; it is the same permission as before: {cause}"
    )
}
