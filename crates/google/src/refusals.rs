//! What each refusal of the People API means, and who can do what about it.
//!
//! Reasons are those of `google.api.ErrorReason` and of the older `errors[].reason`; where Google gives none, a
//! few phrases that it is known to use.

use super::fault::{ApiError, RECONNECT, plain};
use ringbook_core::sync::diagnosis::{Cause, Diagnosis};

pub(super) const DELEGATION: &str = "in the Google Admin console under Security > Access and data control > API \
    controls > Domain-wide delegation";

pub(super) const TRUST_CLIENT: &str = "in the Admin console under Security > Access and data control > API controls > \
    Manage app access";

const PROXY_OR_FILTER: &str =
    "look for a proxy or a filter between here and Google that answers in its place";

impl ApiError {
    /// What is wrong.
    pub(super) fn diagnose(&self) -> Diagnosis {
        let by_reason = || self.reasons.iter().find_map(|it| self.by_reason(&plain(it)));
        let found = match self.status {
            429 => self.limited(),
            _ if self.is_quota() => self.limited(),
            408 | 409 | 425 | 499 | 500..=599 => self.failing(),
            _ if self.lacks_scope() => self.scope(),
            400..=499 => by_reason().unwrap_or_else(|| self.by_status()),
            _ => Diagnosis::wait(
                Cause::NotGoogle,
                format!("this is not what Google sends: {} without a listing", self.status),
                PROXY_OR_FILTER,
            ),
        };
        found.saying(&self.words())
    }

    fn limited(&self) -> Diagnosis {
        let words = self.message.to_ascii_lowercase();
        let of_the_day = words.contains("per day")
            || self.names("dailyLimitExceeded")
            || self.names("dailyLimitExceededUnreg");
        if of_the_day {
            return Diagnosis::wait(
                Cause::QuotaUsedUp,
                format!("the quota of {} for today is used up", self.cloud_project()),
                "it begins again at midnight in California; have its owner raise it in the Cloud console under \
                 APIs & Services > People API > Quotas, or raise SYNC_INTERVAL_MINUTES",
            );
        }
        Diagnosis::wait(
            Cause::RateLimited,
            "Google asks to slow down",
            "raise SYNC_INTERVAL_MINUTES, set SYNC_DELAY_SECONDS, and look which other programs read the same \
             contacts",
        )
    }

    fn failing(&self) -> Diagnosis {
        let who = if self.is_page { "Google, or a proxy in between," } else { "Google" };
        Diagnosis::wait(
            Cause::GoogleFailing,
            format!("{who} has trouble ({})", self.status),
            "look at https://www.google.com/appsstatus/dashboard/ whether others have it, too",
        )
    }

    fn scope(&self) -> Diagnosis {
        match (self.by_key, self.source.is_a_book()) {
            (true, _) => Diagnosis::fix(
                Cause::DelegationMissing,
                "the service account may not read this",
                format!("add the scopes to its client id {DELEGATION}"),
            ),
            (false, true) => Diagnosis::fix(
                Cause::ContactsNotAllowed,
                "the permission to see contacts was not given",
                format!("{RECONNECT} and tick the box for contacts"),
            ),
            (false, false) => directory_not_allowed(),
        }
    }

    /// By one of the reasons, in plain letters.
    fn by_reason(&self, reason: &str) -> Option<Diagnosis> {
        let project = self.cloud_project();
        Some(match reason {
            "servicedisabled" | "accessnotconfigured" | "servicenotvisible" => {
                let place = self.activation.as_deref().unwrap_or(
                    "https://console.cloud.google.com/apis/library/people.googleapis.com",
                );
                Diagnosis::fix(
                    Cause::ApiNotEnabled,
                    format!("the People API is not enabled in {project}"),
                    format!("enable it at {place}, wait a few minutes and sync again"),
                )
            }
            "consumersuspended" | "gcpsuspended" => Diagnosis::fix(
                Cause::ProjectSuspended,
                format!("Google has suspended {project}"),
                "have the project's owner appeal or restore it in the Google Cloud console, or enter an OAuth \
                 client of another project (`ringbook auth client`) and connect the accounts again",
            ),
            "consumerinvalid"
            | "resourceprojectinvalid"
            | "userprojectdenied"
            | "billingdisabled" => Diagnosis::fix(
                Cause::ProjectInvalid,
                format!(
                    "Google does not accept {project}: it was deleted, or must not be used for this"
                ),
                "have the project's owner restore it in the Google Cloud console, or enter an OAuth client \
                     of another project (`ringbook auth client`) and connect the accounts again",
            ),
            "keyinvalid" | "keyexpired" | "iprefererblocked" | "missingorigin" => self.api_key(),
            _ if reason.starts_with("apikey") => self.api_key(),
            "userblockedbyadmin" | "domainpolicy" => Diagnosis::fix(
                Cause::BlockedByAdministrator,
                "the administrator of the Google Workspace does not let Ringbook read this account",
                format!("have the administrator trust the OAuth client's id {TRUST_CLIENT}"),
            ),
            "accountstateinvalid" | "accountdisabled" | "accountdeleted" | "accountunverified" => {
                account_gone("disabled or deleted")
            }
            "securitypolicyviolated"
            | "locationpolicyviolated"
            | "locationtaxpolicyviolated"
            | "locationorgpolicyviolated"
            | "orgrestrictionviolation"
            | "orgrestrictionheaderinvalid"
            | "tlsorgrestrictionviolation"
            | "tlscipherrestrictionviolated" => Diagnosis::fix(
                Cause::NetworkRestricted,
                format!("a rule about networks forbids the use of {project} from here"),
                "have the administrator of the organization allow this network (VPC Service Controls, \
                 organization policies), or the network's proxy leave X-Goog-Allowed-Resources out",
            ),
            _ => return None,
        })
    }

    fn api_key(&self) -> Diagnosis {
        Diagnosis::fix(
            Cause::ApiKeyRefused,
            "Google refuses an API key, and Ringbook sends none",
            "look for a proxy between here and Google that adds one, and at GOOGLE_API_BASE_URL",
        )
    }

    /// Google gave no reason that is known.
    fn by_status(&self) -> Diagnosis {
        let words = self.message.to_ascii_lowercase();
        let of_domain = words.contains("domain user") || words.contains("suite domain");
        match self.status {
            400 if of_domain || (self.precondition && !self.source.is_a_book()) => Diagnosis::fix(
                Cause::NoWorkspace,
                "this Google account belongs to no Google Workspace, so it has no directory and no shared contacts",
                "remove this source here, and add it to an account of the Workspace; accounts at gmail.com have \
                 none",
            ),
            400 if self.precondition => Diagnosis::fix(
                Cause::NoContactsService,
                "this Google account has no Google Contacts",
                "open https://contacts.google.com with that account; if it is of a Google Workspace, have its \
                 administrator turn Contacts on for this person, in the Admin console under Apps > Google \
                 Workspace > Contacts",
            ),
            401 => self.token_refused(),
            403 => self.forbidden(),
            404 => Diagnosis::fix(
                Cause::AddressWrong,
                "there is no People API at this address",
                format!(
                    "check GOOGLE_API_BASE_URL, which is not set for Google itself; else {PROXY_OR_FILTER}"
                ),
            ),
            451 => self.shut_network(),
            400 if !self.is_page => Diagnosis::fix(
                Cause::RequestRefused,
                "Google does not understand the request",
                "update Ringbook; if this is the newest, report this message",
            ),
            status if self.is_page => Diagnosis::fix(
                Cause::NotGoogle,
                format!("a web page came instead of an answer of the People API ({status})"),
                PROXY_OR_FILTER,
            ),
            status => Diagnosis::fix(
                Cause::RequestRefused,
                format!("Google refuses the request ({status})"),
                format!("update Ringbook; else {PROXY_OR_FILTER}"),
            ),
        }
    }

    /// A 401 after a refresh that succeeded.
    fn token_refused(&self) -> Diagnosis {
        let mut what =
            "Google refuses an access token that it has just issued, which mostly passes"
                .to_owned();
        let mut clock = "";
        if let Some(note) = &self.clock {
            what.push_str(&format!("; {note}"));
            clock = "set this machine's clock, and keep it set with an NTP service; then ";
        }
        if self.by_key {
            return Diagnosis::wait(
                Cause::TokenRefused,
                what,
                format!(
                    "{clock}have the administrator look whether the service account is allowed {DELEGATION}"
                ),
            );
        }
        Diagnosis::wait(
            Cause::TokenRefused,
            what,
            format!(
                "{clock}connecting again will not help if the account was connected just now: have the \
                 administrator of the Google Workspace look whether the OAuth client is blocked ({TRUST_CLIENT}), \
                 and the owner of the Cloud project whether the client still belongs to it"
            ),
        )
    }

    fn forbidden(&self) -> Diagnosis {
        if self.is_page {
            return self.shut_network();
        }
        if !self.source.is_a_book() {
            return Diagnosis::fix(
                Cause::DirectoryNotShared,
                "Google does not let the domain's directory be read",
                "an administrator of the Google Workspace must allow it in the Admin console under Directory > \
                 Directory settings > Sharing settings > External Directory Sharing: choose \"Organization data \
                 and authenticated user basic profile fields\". It takes up to 24 hours to work. Accounts at \
                 gmail.com have no directory",
            );
        }
        let project = self.cloud_project();
        Diagnosis::fix(
            Cause::Forbidden,
            "Google denies access to the contacts and does not say why",
            format!(
                "if the account is of a Google Workspace, have its administrator look whether Contacts is turned on \
                 for this person (Apps > Google Workspace > Contacts) and the OAuth client is allowed \
                 ({TRUST_CLIENT}); else have the owner of {project} look at it in the Google Cloud console"
            ),
        )
    }

    fn shut_network(&self) -> Diagnosis {
        Diagnosis::fix(
            Cause::NetworkRestricted,
            format!(
                "a web page forbids access ({}), so it is not the People API that refuses: a filter of the \
                 network, or Google itself, blocks this network",
                self.status
            ),
            "have the administrator of the network allow people.googleapis.com and oauth2.googleapis.com, or \
             connect this machine over another network",
        )
    }

    fn cloud_project(&self) -> String {
        match &self.project {
            Some(number) => format!("the Google Cloud project {number}"),
            None => "the Google Cloud project of the OAuth client".to_owned(),
        }
    }
}

/// The permission is good, but not for a list of the domain.
pub(super) fn directory_not_allowed() -> Diagnosis {
    Diagnosis::fix(
        Cause::DirectoryNotAllowed,
        "the permission to read the domain's directory (directory.readonly) was not given",
        "connect the Google account that lends its permission again at /auth/google?scopes=directory and tick the \
         box for the directory. Accounts at gmail.com have no directory",
    )
}

/// The Google account is not there any more, or cannot be used.
pub(super) fn account_gone(how: &str) -> Diagnosis {
    Diagnosis::fix(
        Cause::AccountGone,
        format!("the Google account itself is {how}, so connecting again is not possible"),
        "restore it at https://accounts.google.com/signin/recovery, or have the administrator of the Google \
         Workspace restore it within 20 days; or remove the account here, under Accounts",
    )
}
