//! What is wrong, in the parts that every message about it has: what happened, what it means for the contacts,
//! the one thing to do, and Google's own words. Pure.
//!
//! A diagnosis becomes one text, which stands the same in status, history, dashboard, log and webhook. The text
//! is what is stored, and [`Diagnosis::read`] takes it apart again, so that old rows and other processes need
//! nothing else.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::contact::clean;
use crate::string_enum;
use crate::sync::Delay;
use crate::sync::book::FetchError;

string_enum! {
    /// Why Google cannot be asked, or does not answer as it should; for programs and for search engines.
    Cause {
        // Permission.
        NotConnected = "not_connected",
        ConsentRefused = "consent_refused",
        ContactsNotAllowed = "contacts_not_allowed",
        DirectoryNotAllowed = "directory_not_allowed",
        GrantEnded = "grant_ended",
        SessionEnded = "session_ended",
        PersonNeeded = "person_needed",
        NoRefreshToken = "no_refresh_token",
        CodeSpent = "code_spent",
        TokenRefused = "token_refused",
        AccountGone = "account_gone",
        // Who forbids it.
        BlockedByAdministrator = "blocked_by_administrator",
        AdvancedProtection = "advanced_protection",
        OutsideOrganization = "outside_organization",
        EmbeddedBrowser = "embedded_browser",
        NetworkRestricted = "network_restricted",
        Forbidden = "forbidden",
        // The OAuth client and the Cloud project.
        NoClient = "no_client",
        ClientRefused = "client_refused",
        ClientDeleted = "client_deleted",
        ClientMismatch = "client_mismatch",
        ScopeRefused = "scope_refused",
        RedirectNotRegistered = "redirect_not_registered",
        RequestRefused = "request_refused",
        ApiNotEnabled = "api_not_enabled",
        ProjectSuspended = "project_suspended",
        ProjectInvalid = "project_invalid",
        ApiKeyRefused = "api_key_refused",
        // Service accounts.
        DelegationMissing = "delegation_missing",
        MailboxUnknown = "mailbox_unknown",
        KeyRefused = "key_refused",
        ServiceAccountDisabled = "service_account_disabled",
        // What the Google account has.
        NoContactsService = "no_contacts_service",
        NoWorkspace = "no_workspace",
        DirectoryNotShared = "directory_not_shared",
        // What passes.
        RateLimited = "rate_limited",
        QuotaUsedUp = "quota_used_up",
        GoogleFailing = "google_failing",
        SyncTokenRefused = "sync_token_refused",
        // Between here and Google.
        NotGoogle = "not_google",
        LoginPage = "login_page",
        ProxySignIn = "proxy_sign_in",
        ProxyRefused = "proxy_refused",
        ProxyUnreachable = "proxy_unreachable",
        TlsUntrusted = "tls_untrusted",
        TlsFailed = "tls_failed",
        ClockWrong = "clock_wrong",
        NameUnresolved = "name_unresolved",
        Unreachable = "unreachable",
        CutOff = "cut_off",
        TimedOut = "timed_out",
        AddressWrong = "address_wrong",
        // Here.
        OwnStore = "own_store",
    }
}

/// The one thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// A person must do it; nothing changes before.
    Do(String),
    /// It passes by itself. What to look at when it does not.
    Wait(String),
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    pub cause: Cause,
    /// What happened, in our words: a clause that begins in lower case and has no full stop.
    pub what: String,
    pub remedy: Remedy,
    /// The words of whoever refused, as they came.
    pub details: Option<String>,
}

/// What it means for the contacts. While it lasts nothing is deleted, and phones are served from here.
const KEPT: &str = "contacts already here are kept and served, but not updated until this is fixed";
/// The same, in messages that are stored since before it was said so.
const KEPT_BEFORE: &str = "the contacts here are kept and served, and not updated until then";
const DO: &str = ". To fix it: ";
const WAIT: &str = ". Ringbook tries again by itself; if it lasts: ";
const DETAILS: &str = ". Details: ";

/// Characters of a message. Longer ones come of long words of Google's.
const LEN_MAX: usize = 1400;
/// Google's own words are cut here.
const DETAILS_LEN_MAX: usize = 500;

impl Diagnosis {
    /// A person must act.
    pub fn fix(cause: Cause, what: impl Into<String>, remedy: impl Into<String>) -> Diagnosis {
        Diagnosis { cause, what: what.into(), remedy: Remedy::Do(remedy.into()), details: None }
    }

    /// It passes by itself.
    pub fn wait(cause: Cause, what: impl Into<String>, remedy: impl Into<String>) -> Diagnosis {
        Diagnosis { cause, what: what.into(), remedy: Remedy::Wait(remedy.into()), details: None }
    }

    /// Adds the words of whoever refused.
    #[must_use]
    pub fn saying(self, details: &str) -> Diagnosis {
        let details = clean(details, DETAILS_LEN_MAX);
        Diagnosis { details: (!details.is_empty()).then_some(details), ..self }
    }

    /// The one thing to do, without what goes before it.
    pub fn remedy(&self) -> &str {
        match &self.remedy {
            Remedy::Do(remedy) | Remedy::Wait(remedy) => remedy,
        }
    }

    /// What it means for the contacts.
    pub fn meaning(&self) -> &'static str {
        KEPT
    }

    /// Takes a text apart that a diagnosis was made into, also behind other words ("gave up after 8 tries: …").
    /// `None`: the text says something else.
    pub fn read(text: &str) -> Option<Diagnosis> {
        let (rest, cause) = text.strip_suffix(']')?.rsplit_once(" [")?;
        let cause = cause.parse().ok()?;
        let (rest, details) = match rest.split_once(DETAILS) {
            Some((rest, details)) => (rest, Some(details.to_owned())),
            None => (rest, None),
        };
        let own = |text: &str| text.trim_end_matches('.').to_owned();
        let (what, remedy) = match (rest.split_once(DO), rest.split_once(WAIT)) {
            (Some((what, remedy)), _) => (what, Remedy::Do(own(remedy))),
            (None, Some((what, remedy))) => (what, Remedy::Wait(own(remedy))),
            (None, None) => return None,
        };
        let meant = [KEPT, KEPT_BEFORE].into_iter().find_map(|it| what.strip_suffix(it));
        let what = meant.and_then(|it| it.strip_suffix("; ")).unwrap_or(what);
        Some(Diagnosis { cause, what: what.to_owned(), remedy, details })
    }

    /// As an error of a run that passes by itself.
    pub fn again(&self, delay: Delay, retry_after: Option<Duration>) -> FetchError {
        FetchError::Again { delay, retry_after, message: self.to_string() }
    }

    /// As an error of a run that only connecting again ends.
    pub fn needs_reauth(&self) -> FetchError {
        FetchError::NeedsReauth { message: self.to_string() }
    }

    /// As an error of a run: the permission does not go so far.
    pub fn not_permitted(&self) -> FetchError {
        FetchError::NotPermitted { message: self.to_string() }
    }

    /// As an error of a run that only an administrator ends.
    pub fn misconfigured(&self) -> FetchError {
        FetchError::Misconfigured { message: self.to_string() }
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mark, remedy) = match &self.remedy {
            Remedy::Do(remedy) => (DO, remedy),
            Remedy::Wait(remedy) => (WAIT, remedy),
        };
        let own = format!("{}; {KEPT}{mark}{remedy}", self.what);
        let tail = format!(" [{}]", self.cause);
        let mut text = clean(&own, LEN_MAX);
        if let Some(details) = &self.details {
            let used = text.chars().count() + DETAILS.len() + tail.len();
            let room = LEN_MAX.saturating_sub(used);
            text.push_str(DETAILS);
            text.push_str(&clean(details, room.min(DETAILS_LEN_MAX)));
        } else {
            text.push('.');
        }
        write!(f, "{text}{tail}")
    }
}

/// A diagnosis in its parts, for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DiagnosisParts {
    /// A stable word for what is wrong; docs/messages.md explains each.
    pub cause: Cause,
    /// What happened.
    pub what: String,
    /// What it means for the contacts.
    pub meaning: String,
    /// The one thing to do.
    pub remedy: String,
    /// It passes by itself, and the remedy is for when it does not.
    pub passes: bool,
    /// The words of whoever refused, mostly Google's.
    pub details: Option<String>,
}

impl DiagnosisParts {
    /// Of the text that is shown; `None` where that is no diagnosis.
    pub fn read(text: Option<&str>) -> Option<DiagnosisParts> {
        let found = Diagnosis::read(text?)?;
        Some(DiagnosisParts {
            cause: found.cause,
            meaning: found.meaning().to_owned(),
            remedy: found.remedy().to_owned(),
            passes: matches!(found.remedy, Remedy::Wait(_)),
            what: found.what,
            details: found.details,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_message_says_what_happened_what_it_means_and_what_to_do() {
        let message = Diagnosis::fix(Cause::ApiNotEnabled, "the People API is off", "enable it")
            .saying("Google answered 403: \u{7}off\n")
            .to_string();
        assert_eq!(
            message,
            "the People API is off; contacts already here are kept and served, but not updated until this is fixed. \
             To fix it: enable it. Details: Google answered 403: off [api_not_enabled]"
        );
        let passing = Diagnosis::wait(Cause::TimedOut, "Google is silent", "look at the network");
        assert_eq!(
            passing.to_string(),
            "Google is silent; contacts already here are kept and served, but not updated until this is fixed. \
             Ringbook tries again by itself; if it lasts: look at the network. [timed_out]"
        );
    }

    #[test]
    fn a_text_that_is_no_diagnosis_is_left_alone() {
        for text in ["", "]", " []", "gave up [timed_out]", "a. To fix it: b. [nonsense]", "ünï]"]
        {
            assert_eq!(Diagnosis::read(text), None, "{text}");
        }
        for kept in [KEPT, KEPT_BEFORE] {
            let wrapped = format!(
                "gave up after 8 tries: it is slow; {kept}. Ringbook tries again by itself; if it lasts: wait. \
                 [timed_out]"
            );
            let read =
                Diagnosis::read(&wrapped).map(|it| (it.what.clone(), it.remedy().to_owned()));
            assert_eq!(read, Some(("gave up after 8 tries: it is slow".into(), "wait".into())));
        }
    }

    proptest! {
        /// Whatever Google says, the parts come back as they went in, and the text keeps its bounds.
        #[test]
        fn a_diagnosis_is_read_back(details in proptest::option::of(".{0,700}"), passes: bool, at in 0..Cause::ALL.len()) {
            let (cause, what, remedy) = (Cause::ALL[at], "what of it", "do that");
            let one = match passes {
                true => Diagnosis::wait(cause, what, remedy),
                false => Diagnosis::fix(cause, what, remedy),
            };
            let one = details.iter().fold(one, |one: Diagnosis, it| one.saying(it));
            let text = one.to_string();
            prop_assert!(text.chars().count() <= LEN_MAX);
            prop_assert_eq!(Diagnosis::read(&text), Some(one));
        }
    }
}
