//! What was administered, in words.

use crate::entrance::{UNKNOWN_PHONE_TOKEN, UNKNOWN_TOKEN};
use crate::pages::language::said;

/// Each act as it is written down, whether it was done in the dashboard, by a program or on the command line;
/// and what it is called.
const WORDS: &[(&str, &[&str])] = &[
    (said("Signed in"), &["sign in"]),
    (said("Signed out"), &["sign out"]),
    (said("Became the first administrator"), &["set up"]),
    (
        said("Connected an account at Google"),
        &["connect at Google", "POST /auth/callback/paste", "auth"],
    ),
    (
        said("Started a sync"),
        &[
            "POST /api/sync",
            "POST /api/sync/full",
            "POST /api/sync/incremental",
            "POST /api/sync/safe",
            "POST /do/sync",
        ],
    ),
    (said("Cancelled a sync"), &["POST /api/sync/cancel", "POST /do/cancel"]),
    (said("Approved a sync on hold"), &["POST /api/sync/runs/{id}/approve", "approve"]),
    (said("Rejected a sync on hold"), &["POST /api/sync/runs/{id}/reject", "reject"]),
    (said("Decided on a sync on hold"), &["POST /do/decide"]),
    (said("Changed a schedule"), &["PUT /api/sync/schedule", "POST /do/schedule", "schedule"]),
    (
        said("Paused or resumed an account"),
        &["POST /do/pause", "accounts pause", "accounts resume"],
    ),
    (
        said("Cleared the history"),
        &["DELETE /api/sync/history", "POST /do/clear-history", "history --clear"],
    ),
    (said("Added an account"), &["POST /api/accounts", "POST /do/accounts/add", "accounts add"]),
    (said("Took over what another app kept"), &["import-from"]),
    (said("Changed an account"), &["PATCH /api/accounts/{id}"]),
    (said("Renamed an account"), &["POST /do/accounts/{id}/rename", "accounts rename"]),
    (said("Chose the labels on the phones"), &["POST /do/accounts/{id}/labels", "accounts labels"]),
    (
        said("Disconnected an account"),
        &[
            "POST /api/accounts/{id}/disconnect",
            "POST /auth/disconnect",
            "POST /do/accounts/{id}/disconnect",
            "accounts disconnect",
        ],
    ),
    (said("Gave a permission back to Google"), &["POST /auth/revoke"]),
    (said("Renewed an access token"), &["POST /auth/refresh"]),
    (
        said("Removed an account"),
        &["DELETE /api/accounts/{id}", "POST /do/accounts/{id}/remove", "accounts remove"],
    ),
    (
        said("Entered a service account"),
        &[
            "PUT /api/accounts/{id}/service-account",
            "POST /do/accounts/{id}/service",
            "accounts service-account",
        ],
    ),
    (
        said("Added a list of the domain"),
        &[
            "POST /api/accounts/{id}/sources",
            "POST /do/accounts/{id}/source",
            "accounts add-source",
        ],
    ),
    (
        said("Entered the OAuth client"),
        &["PUT /api/google/client", "POST /do/accounts/client", "auth client"],
    ),
    (
        said("Forgot the OAuth client"),
        &["DELETE /api/google/client", "POST /do/accounts/forget-client"],
    ),
    (said("Ended a session"), &["DELETE /api/sessions/{id}", "POST /do/access/sessions/{id}/end"]),
    (
        said("Added an administrator"),
        &["POST /api/people", "POST /do/access/people/add", "admins add"],
    ),
    (
        said("Changed a password"),
        &[
            "PUT /api/people/{id}/password",
            "POST /do/access/people/{id}/password",
            "admins password",
        ],
    ),
    (
        said("Removed an administrator"),
        &["DELETE /api/people/{id}", "POST /do/access/people/{id}/remove", "admins remove"],
    ),
    (
        said("Made a token for a program"),
        &["POST /api/tokens", "POST /do/access/tokens/add", "tokens add"],
    ),
    (
        said("Revoked the token of a program"),
        &["DELETE /api/tokens/{id}", "POST /do/access/tokens/{id}/revoke", "tokens revoke"],
    ),
    (said("Gave a phone a token"), &["POST /api/devices", "POST /do/phones/add", "phones add"]),
    (
        said("Renamed a phone"),
        &["PATCH /api/devices/{id}", "POST /do/phones/{id}/rename", "phones rename"],
    ),
    (
        said("Gave a phone another token"),
        &["POST /api/devices/{id}/renew", "POST /do/phones/{id}/renew", "phones renew"],
    ),
    (
        said("Revoked the token of a phone"),
        &["DELETE /api/devices/{id}", "POST /do/phones/{id}/revoke", "phones revoke"],
    ),
    (said("Changed the key of the secrets"), &["key rotate"]),
    (said("Showed a token that is not in use"), &[UNKNOWN_TOKEN]),
    (said("Showed a phone's token that is not in use"), &[UNKNOWN_PHONE_TOKEN]),
];

/// An act in words; the act itself where it has none, as one of an older version may.
pub fn in_words(act: &str) -> Option<&'static str> {
    WORDS.iter().find(|(_, acts)| acts.contains(&act)).map(|(words, _)| *words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entrance::ROUTES;
    use ringbook_core::access::Right;

    #[test]
    fn whatever_is_written_down_has_words() {
        let changing =
            ROUTES.iter().filter(|(method, _, right)| *method != "GET" && *right >= Right::Sync);
        let missing: Vec<String> = changing
            .map(|(method, path, _)| format!("{method} {path}"))
            .filter(|act| in_words(act).is_none())
            .collect();
        assert!(missing.is_empty(), "add to WORDS: {missing:#?}");
        for (at, (_, acts)) in WORDS.iter().enumerate() {
            for act in *acts {
                let twice = WORDS.iter().skip(at + 1).any(|(_, others)| others.contains(act));
                assert!(!twice, "{act}");
            }
        }
    }
}
