//! What each refusal of Google's consent page and token endpoint means, and who can do what about it.
//!
//! The codes are those of RFC 6749 and of developers.google.com/identity/protocols/oauth2, and some that people
//! report. Only `invalid_grant`, and the answers that Google wants to see the person again, end a permission; an
//! administrator's rule that forbids it may be lifted, and then it works on.

use serde_json::Value;

use super::entities;
use super::fault::RECONNECT;
use super::oauth::OAuthError;
use super::refusals::{TRUST_CLIENT, account_gone};
use super::transport::Answer;
use ringbook_core::contact::clean;
use ringbook_core::sync::Delay;
use ringbook_core::sync::diagnosis::{Cause, Diagnosis};

/// A refusal of an OAuth endpoint, taken apart.
#[derive(Clone, Debug)]
pub struct ErrorWire {
    pub(super) code: String,
    /// Google's finer word, such as `invalid_rapt`.
    subtype: String,
    description: String,
}

/// At which point of the way to Google it was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// At the consent page, by the address that the browser came back to.
    Consent,
    /// When the code was exchanged.
    Code,
    /// When a token was renewed or given back.
    Grant,
}

pub fn read_error(answer: &Answer) -> Option<ErrorWire> {
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    let text = |name: &str, len_max| {
        body[name].as_str().map(|it| clean(&entities::decode(it), len_max)).unwrap_or_default()
    };
    let code = text("error", 100);
    (!code.is_empty()).then(|| ErrorWire {
        code,
        subtype: text("error_subtype", 100),
        description: text("error_description", 300),
    })
}

impl ErrorWire {
    /// Of a redirect, which brings a code and no more.
    pub(super) fn of_code(code: &str) -> ErrorWire {
        let (code, empty) = (clean(code, 100), String::new());
        ErrorWire { code, subtype: empty.clone(), description: empty }
    }

    /// Whether Google's words on it say this, in whichever case.
    pub(super) fn mentions(&self, word: &str) -> bool {
        self.description.to_ascii_lowercase().contains(word)
    }

    pub(super) fn words(&self) -> String {
        let code = match self.subtype.as_str() {
            "" => format!("`{}`", self.code),
            subtype => format!("`{}` (`{subtype}`)", self.code),
        };
        match self.description.as_str() {
            "" => format!("Google answered {code}"),
            description => format!("Google answered {code}: {description}"),
        }
    }

    /// The refusal in Google's finest word: a subtype says more than its code.
    fn finest(&self) -> &str {
        let says = |word: &str| self.subtype == word || self.mentions(word);
        if says("invalid_rapt") || says("rapt_required") {
            return "invalid_rapt";
        }
        &self.code
    }

    /// What it means. `clock`: what is to be said of ours.
    pub fn judge(&self, stage: Stage, clock: Option<&str>) -> OAuthError {
        let judged = self.meaning(stage);
        let details = match clock {
            // "Token used too early" and the like come of a clock that is wrong.
            Some(note) => {
                format!("{}; {note}: set it, and keep it set with an NTP service", self.words())
            }
            None => self.words(),
        };
        judged.saying(&details)
    }

    fn meaning(&self, stage: Stage) -> OAuthError {
        use Cause as C;
        let denied = |cause, what: &str, remedy: &str| {
            OAuthError::Denied(Diagnosis::fix(cause, what, remedy))
        };
        let dead = |cause, what: &str, remedy: &str| {
            OAuthError::GrantDead(Diagnosis::fix(cause, what, remedy))
        };
        let refused = |cause, what: &str, remedy: &str| {
            OAuthError::ClientRejected(Diagnosis::fix(cause, what, remedy))
        };
        let passing = |delay, cause, what: &str, remedy: &str| {
            let diagnosis = match stage {
                // Nothing tries again by itself there.
                Stage::Consent => {
                    Diagnosis::fix(cause, what, "begin again at /auth/google in some minutes")
                }
                Stage::Code | Stage::Grant => Diagnosis::wait(cause, what, remedy),
            };
            OAuthError::Transient { delay, retry_after: None, diagnosis }
        };
        match self.finest() {
            "access_denied" => denied(
                C::ConsentRefused,
                "the permission was refused",
                &format!(
                    "{RECONNECT} and allow Ringbook to see the contacts; if Google's page said that the app is being \
                     tested, add the account's address first in the Google Cloud console under Google Auth Platform > \
                     Audience > Test users"
                ),
            ),
            "admin_policy_enforced" => refused(
                C::BlockedByAdministrator,
                "the administrator of the Google Workspace does not allow Ringbook",
                &format!(
                    "have the administrator trust the OAuth client's id {TRUST_CLIENT}; or connect another account, or \
                     let a service account speak for this one (docs/workspace.md)"
                ),
            ),
            "policy_enforced" => refused(
                C::AdvancedProtection,
                "Google's Advanced Protection of this account lets no app like Ringbook read its contacts",
                "connect another account that has the contacts and no Advanced Protection; for an account of a Google \
                 Workspace a service account can speak (docs/workspace.md), or its administrator can allow the OAuth \
                 client; or end Advanced Protection at https://myaccount.google.com/advanced-protection",
            ),
            "org_internal" => refused(
                C::OutsideOrganization,
                "the OAuth client is for accounts of its own organization only, and this account is of none or of \
                 another",
                "choose the user type External in the Google Cloud console under Google Auth Platform > Audience, or \
                 connect an account of that organization",
            ),
            "disallowed_useragent" => denied(
                C::EmbeddedBrowser,
                "Google does not allow signing in inside another app's window",
                "open the address of the sign-in in a browser such as Firefox, Chrome or Safari",
            ),
            "invalid_client" if self.mentions("not found") => refused(
                C::ClientRefused,
                "Google knows no OAuth client with this id",
                "enter its id and secret again as the Google Cloud console shows them under Google Auth Platform > \
                 Clients (`ringbook auth client`, or GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET); if it is another \
                 client than before, connect the accounts again",
            ),
            "invalid_client" => refused(
                C::ClientRefused,
                "Google does not accept the OAuth client, mostly since its secret is wrong or was replaced",
                "enter its id and secret again as the Google Cloud console shows them under Google Auth Platform > \
                 Clients (`ringbook auth client`, or GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET); if it is another \
                 client than before, connect the accounts again",
            ),
            "deleted_client" | "disabled_client" => refused(
                C::ClientDeleted,
                "the OAuth client was deleted or disabled at Google, which also happens to clients that nobody uses",
                "restore it in the Google Cloud console under Google Auth Platform > Clients within 30 days, and it \
                 works on; else enter another one (`ringbook auth client`) and connect the accounts again",
            ),
            "unauthorized_client" => refused(
                C::ClientMismatch,
                "the OAuth client is not the one that the permission was given to, or is of a type that may not ask \
                 for it",
                "enter the earlier OAuth client again (`ringbook auth client`), or one of type \"Web application\" and \
                 connect the accounts again",
            ),
            "invalid_scope" | "restricted_client" => refused(
                C::ScopeRefused,
                "Google does not let this OAuth client ask for these permissions",
                "add the scopes contacts.readonly (and directory.readonly for a Workspace's directory) in the Google \
                 Cloud console under Google Auth Platform > Data Access, enable the People API, and begin again at \
                 /auth/google; accounts at gmail.com have no directory",
            ),
            "redirect_uri_mismatch" | "origin_mismatch" => refused(
                C::RedirectNotRegistered,
                "GOOGLE_REDIRECT_URI is not registered for the OAuth client",
                "add exactly this address in the Google Cloud console under Google Auth Platform > Clients > \
                 Authorized redirect URIs; `ringbook auth client` prints it",
            ),
            "invalid_rapt" => dead(
                C::SessionEnded,
                "the administrator of the Google Workspace lets sign-ins end after some hours (session control), and \
                 this one has ended",
                &format!(
                    "have the administrator trust the OAuth client's id {TRUST_CLIENT} and exempt trusted apps under \
                     Security > Access and data control > Google Cloud session control, or use a service account (docs/workspace.md); until then {RECONNECT}, each time"
                ),
            ),
            "consent_required"
            | "interaction_required"
            | "login_required"
            | "account_selection_required" => {
                dead(C::PersonNeeded, "Google wants to see the person again", RECONNECT)
            }
            "invalid_grant" => self.invalid_grant(stage),
            "internal_failure" | "server_error" | "temporarily_unavailable" => passing(
                Delay::ServerError,
                C::GoogleFailing,
                "Google's sign-in service has trouble",
                "look at https://www.google.com/appsstatus/dashboard/ whether others have it, too",
            ),
            "rate_limit_exceeded" | "slow_down" | "quota_exceeded" | "resource_exhausted" => {
                passing(
                    Delay::RateLimited,
                    C::RateLimited,
                    "Google's sign-in service asks to slow down",
                    "look which other programs use the same OAuth client",
                )
            }
            "invalid_request" if self.mentions("device_id") || self.mentions("private ip") => {
                refused(
                    C::RedirectNotRegistered,
                    "Google takes no address of a private network as GOOGLE_REDIRECT_URI",
                    "set it to http://localhost:8000/auth/callback or to a public name with https:// \
                 (docs/connecting-google.md)",
                )
            }
            _ => refused(
                C::RequestRefused,
                "Google does not accept the request",
                "compare the OAuth client in the Google Cloud console with docs/connecting-google.md; if it is right, \
                 update Ringbook",
            ),
        }
    }

    /// The one refusal that ends a permission, unless it is about something else.
    fn invalid_grant(&self, stage: Stage) -> OAuthError {
        let says = |words: &[&str]| words.iter().any(|word| self.mentions(word));
        if stage != Stage::Grant {
            let what = if says(&["malformed"]) {
                "the code of this sign-in is incomplete, as an address that was not copied to its end"
            } else {
                "the code of this sign-in was used already, or is too old"
            };
            let remedy = "begin again at /auth/google";
            return OAuthError::Denied(Diagnosis::fix(Cause::CodeSpent, what, remedy));
        }
        // It may be restored, and then the permission works on: nothing is given up.
        if says(&["account has been deleted", "account deleted", "user deleted"]) {
            return OAuthError::ClientRejected(account_gone("deleted"));
        }
        if says(&["disabled", "suspended", "not active", "account_state"]) {
            return OAuthError::ClientRejected(account_gone("disabled or suspended"));
        }
        let remedy = format!(
            "{RECONNECT}. If it ends again after seven days, publish the app in the Google Cloud console under Google \
             Auth Platform > Audience"
        );
        // "There is no way to tell WHY a refresh token is invalid."
        OAuthError::GrantDead(Diagnosis::fix(
            Cause::GrantEnded,
            "the permission has expired or was withdrawn: by the person, after seven days of an app in Testing, after \
             six months without use, or by a hundred newer ones",
            remedy,
        ))
    }
}
