//! The audit log: what was administered, by whom, and whether it succeeded.

use std::future::Future;
use std::time::Duration;

use ringbook_core::string_enum;
use ringbook_runtime::tasks;
use ringbook_store::Act;

use crate::App;
use crate::services::{Caller, ServiceError};

string_enum! {
    /// What can be administered. The log keeps these words, so they never change.
    AuditAction {
        SignedIn = "session.start",
        SignedOut = "session.end",
        SessionRevoked = "session.revoke",
        SetUp = "setup",
        AdminAdded = "admin.add",
        PasswordChanged = "admin.password",
        AdminRemoved = "admin.remove",
        TokenCreated = "token.create",
        TokenRevoked = "token.revoke",
        /// A token was shown that is none, was revoked or has expired.
        UnknownToken = "token.unknown",
        PhoneAdded = "phone.add",
        PhoneRenamed = "phone.rename",
        PhoneTokenRenewed = "phone.renew",
        PhoneRevoked = "phone.revoke",
        UnknownPhoneToken = "phone.unknown_token",
        AccountAdded = "account.add",
        AccountConnected = "account.connect",
        AccountChanged = "account.change",
        AccountRenamed = "account.rename",
        AccountPaused = "account.pause",
        AccountResumed = "account.resume",
        LabelsChosen = "account.labels",
        AccountDisconnected = "account.disconnect",
        AccountRemoved = "account.remove",
        Imported = "account.import",
        PermissionRevoked = "permission.revoke",
        AccessTokenRenewed = "permission.renew",
        ServiceAccountSet = "service_account.set",
        SourceAdded = "source.add",
        OAuthClientSet = "oauth_client.set",
        OAuthClientForgotten = "oauth_client.forget",
        SyncStarted = "sync.start",
        SyncCancelled = "sync.cancel",
        HoldApproved = "hold.approve",
        HoldRejected = "hold.reject",
        ScheduleChanged = "schedule.change",
        HistoryCleared = "history.clear",
        KeyRotated = "key.rotate",
        /// Only in logs of earlier versions, which did not say which.
        PauseChanged = "account.pause_or_resume",
        /// Only in logs of earlier versions, which did not say which.
        HoldDecided = "hold.decide",
    }
}

impl AuditAction {
    /// What was done, for people.
    pub fn words(self) -> &'static str {
        match self {
            AuditAction::SignedIn => "Signed in",
            AuditAction::SignedOut => "Signed out",
            AuditAction::SessionRevoked => "Ended a session",
            AuditAction::SetUp => "Became the first administrator",
            AuditAction::AdminAdded => "Added an administrator",
            AuditAction::PasswordChanged => "Changed a password",
            AuditAction::AdminRemoved => "Removed an administrator",
            AuditAction::TokenCreated => "Created a token for a program",
            AuditAction::TokenRevoked => "Revoked the token of a program",
            AuditAction::UnknownToken => "Showed a token that is not in use",
            AuditAction::PhoneAdded => "Gave a phone a token",
            AuditAction::PhoneRenamed => "Renamed a phone",
            AuditAction::PhoneTokenRenewed => "Gave a phone another token",
            AuditAction::PhoneRevoked => "Revoked the token of a phone",
            AuditAction::UnknownPhoneToken => "Showed a phone's token that is not in use",
            AuditAction::AccountAdded => "Added an account",
            AuditAction::AccountConnected => "Connected an account at Google",
            AuditAction::AccountChanged => "Changed an account",
            AuditAction::AccountRenamed => "Renamed an account",
            AuditAction::AccountPaused => "Paused an account",
            AuditAction::AccountResumed => "Resumed an account",
            AuditAction::LabelsChosen => "Chose the labels on the phones",
            AuditAction::AccountDisconnected => "Disconnected an account",
            AuditAction::AccountRemoved => "Removed an account",
            AuditAction::Imported => "Imported the data of another app",
            AuditAction::PermissionRevoked => "Revoked a permission at Google",
            AuditAction::AccessTokenRenewed => "Renewed an access token",
            AuditAction::ServiceAccountSet => "Entered a service account",
            AuditAction::SourceAdded => "Added a list of the domain",
            AuditAction::OAuthClientSet => "Entered the OAuth client",
            AuditAction::OAuthClientForgotten => "Removed the OAuth client",
            AuditAction::SyncStarted => "Started a sync",
            AuditAction::SyncCancelled => "Cancelled a sync",
            AuditAction::HoldApproved => "Approved a sync on hold",
            AuditAction::HoldRejected => "Rejected a sync on hold",
            AuditAction::ScheduleChanged => "Changed a schedule",
            AuditAction::HistoryCleared => "Cleared the history",
            AuditAction::KeyRotated => "Changed the key of the secrets",
            AuditAction::PauseChanged => "Paused or resumed an account",
            AuditAction::HoldDecided => "Decided on a sync on hold",
        }
    }

    /// The action that a stored word stands for, also one of an earlier version; `None`: it is of a later one.
    pub fn stored(word: &str) -> Option<AuditAction> {
        let earlier = || EARLIER.iter().find(|(_, words)| words.contains(&word));
        word.parse().ok().or_else(|| earlier().map(|(action, _)| *action))
    }
}

/// How earlier versions wrote actions down: by the route or the command that did it.
const EARLIER: &[(AuditAction, &[&str])] = &[
    (AuditAction::SignedIn, &["sign in"]),
    (AuditAction::SignedOut, &["sign out"]),
    (AuditAction::SetUp, &["set up"]),
    (AuditAction::AccountConnected, &["connect at Google", "POST /auth/callback/paste", "auth"]),
    (
        AuditAction::SyncStarted,
        &[
            "POST /api/sync",
            "POST /api/sync/full",
            "POST /api/sync/incremental",
            "POST /api/sync/safe",
            "POST /do/sync",
        ],
    ),
    (AuditAction::SyncCancelled, &["POST /api/sync/cancel", "POST /do/cancel"]),
    (AuditAction::HoldApproved, &["POST /api/sync/runs/{id}/approve", "approve"]),
    (AuditAction::HoldRejected, &["POST /api/sync/runs/{id}/reject", "reject"]),
    (AuditAction::HoldDecided, &["POST /do/decide"]),
    (AuditAction::ScheduleChanged, &["PUT /api/sync/schedule", "POST /do/schedule", "schedule"]),
    (AuditAction::PauseChanged, &["POST /do/pause"]),
    (AuditAction::AccountPaused, &["accounts pause"]),
    (AuditAction::AccountResumed, &["accounts resume"]),
    (
        AuditAction::HistoryCleared,
        &["DELETE /api/sync/history", "POST /do/clear-history", "history --clear"],
    ),
    (AuditAction::AccountAdded, &["POST /api/accounts", "POST /do/accounts/add", "accounts add"]),
    (AuditAction::Imported, &["import-from"]),
    (AuditAction::AccountChanged, &["PATCH /api/accounts/{id}"]),
    (AuditAction::AccountRenamed, &["POST /do/accounts/{id}/rename", "accounts rename"]),
    (AuditAction::LabelsChosen, &["POST /do/accounts/{id}/labels", "accounts labels"]),
    (
        AuditAction::AccountDisconnected,
        &[
            "POST /api/accounts/{id}/disconnect",
            "POST /auth/disconnect",
            "POST /do/accounts/{id}/disconnect",
            "accounts disconnect",
        ],
    ),
    (AuditAction::PermissionRevoked, &["POST /auth/revoke"]),
    (AuditAction::AccessTokenRenewed, &["POST /auth/refresh"]),
    (
        AuditAction::AccountRemoved,
        &["DELETE /api/accounts/{id}", "POST /do/accounts/{id}/remove", "accounts remove"],
    ),
    (
        AuditAction::ServiceAccountSet,
        &[
            "PUT /api/accounts/{id}/service-account",
            "POST /do/accounts/{id}/service",
            "accounts service-account",
        ],
    ),
    (
        AuditAction::SourceAdded,
        &[
            "POST /api/accounts/{id}/sources",
            "POST /do/accounts/{id}/source",
            "accounts add-source",
        ],
    ),
    (
        AuditAction::OAuthClientSet,
        &["PUT /api/google/client", "POST /do/accounts/client", "auth client"],
    ),
    (
        AuditAction::OAuthClientForgotten,
        &["DELETE /api/google/client", "POST /do/accounts/forget-client"],
    ),
    (
        AuditAction::SessionRevoked,
        &["DELETE /api/sessions/{id}", "POST /do/access/sessions/{id}/end"],
    ),
    (AuditAction::AdminAdded, &["POST /api/people", "POST /do/access/people/add", "admins add"]),
    (
        AuditAction::PasswordChanged,
        &[
            "PUT /api/people/{id}/password",
            "POST /do/access/people/{id}/password",
            "admins password",
        ],
    ),
    (
        AuditAction::AdminRemoved,
        &["DELETE /api/people/{id}", "POST /do/access/people/{id}/remove", "admins remove"],
    ),
    (AuditAction::TokenCreated, &["POST /api/tokens", "POST /do/access/tokens/add", "tokens add"]),
    (
        AuditAction::TokenRevoked,
        &["DELETE /api/tokens/{id}", "POST /do/access/tokens/{id}/revoke", "tokens revoke"],
    ),
    (AuditAction::PhoneAdded, &["POST /api/devices", "POST /do/phones/add", "phones add"]),
    (
        AuditAction::PhoneRenamed,
        &["PATCH /api/devices/{id}", "POST /do/phones/{id}/rename", "phones rename"],
    ),
    (
        AuditAction::PhoneTokenRenewed,
        &["POST /api/devices/{id}/renew", "POST /do/phones/{id}/renew", "phones renew"],
    ),
    (
        AuditAction::PhoneRevoked,
        &["DELETE /api/devices/{id}", "POST /do/phones/{id}/revoke", "phones revoke"],
    ),
    (AuditAction::KeyRotated, &["key rotate"]),
    (AuditAction::UnknownToken, &["unknown token"]),
    (AuditAction::UnknownPhoneToken, &["unknown phone token"]),
];

/// What an act is about.
#[derive(Clone, Debug, Default)]
pub struct AuditSubject {
    /// As strangers see it.
    pub id: Option<String>,
    /// What it is called at the time.
    pub name: Option<String>,
}

impl AuditSubject {
    pub(super) fn new(id: &str, name: &str) -> AuditSubject {
        AuditSubject { id: Some(id.to_owned()), name: Some(name.to_owned()) }
    }

    /// Of something that is only to be made.
    pub(super) fn named(name: &str) -> AuditSubject {
        AuditSubject { id: None, name: Some(ringbook_core::contact::clean(name, 100)) }
    }
}

impl App {
    /// Records that a caller did something.
    pub async fn record(
        &self,
        caller: &Caller,
        action: AuditAction,
        subject: AuditSubject,
        succeeded: bool,
    ) {
        caller.set_recorded();
        // A name alone stands where an id would.
        let (subject, subject_name) = match subject {
            AuditSubject { id: Some(id), name } => (Some(id), name),
            AuditSubject { id: None, name } => (name, None),
        };
        let act = Act {
            actor: caller.audit_name(),
            address: caller.address.clone(),
            act: action.as_str().to_owned(),
            subject,
            subject_name,
            succeeded,
            refused: false,
        };
        self.access.note(act).await;
    }

    /// Does an act and records it, also if it fails. It goes on when the caller goes away: a client that hangs up
    /// must not leave an act unrecorded.
    pub(super) async fn audited<T: Send + 'static>(
        &self,
        caller: &Caller,
        action: AuditAction,
        subject: AuditSubject,
        act: impl Future<Output = Result<T, ServiceError>> + Send + 'static,
    ) -> Result<T, ServiceError> {
        self.audited_as(caller, action, subject.clone(), act, move |_| subject).await
    }

    /// The same of something that has its id only afterwards.
    pub(super) async fn audited_as<T: Send + 'static>(
        &self,
        caller: &Caller,
        action: AuditAction,
        before: AuditSubject,
        act: impl Future<Output = Result<T, ServiceError>> + Send + 'static,
        after: impl FnOnce(&T) -> AuditSubject + Send + 'static,
    ) -> Result<T, ServiceError> {
        let (app, caller) = (self.clone(), caller.clone());
        let acting = tasks::once("an administrative act", async move {
            let done = act.await;
            let subject = match &done {
                Ok(made) => after(made),
                Err(_) => before,
            };
            app.record(&caller, action, subject, done.is_ok()).await;
            done
        });
        match acting.await {
            Ok(done) => done,
            Err(broken) => match broken.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(ServiceError::Later {
                    message: "the server is stopping".to_owned(),
                    wait: Duration::from_secs(5),
                }),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_earlier_versions_recorded_is_understood() {
        for (action, words) in EARLIER {
            for word in *words {
                assert_eq!(AuditAction::stored(word), Some(*action), "{word}");
            }
        }
        for action in AuditAction::ALL {
            assert_eq!(AuditAction::stored(action.as_str()), Some(*action));
        }
        assert_eq!(AuditAction::stored("of a later version"), None);
    }
}
