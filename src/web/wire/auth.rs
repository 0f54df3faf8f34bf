//! Google's permission.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::GrantRow;
use crate::sync::AccountId;
use crate::web::wire::{Id, Moment, Outward};

/// Where to send a person's browser.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuthUrl {
    pub auth_url: String,
    pub state: String,
}

/// How Google's permission stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AuthStatus {
    pub authenticated: bool,
    /// Google's permission is stored here.
    pub has_token_file: bool,
    pub credentials_valid: bool,
    /// The access token is over; it is renewed by itself while there is a refresh token.
    pub credentials_expired: bool,
    pub has_refresh_token: bool,
    pub scopes: Vec<String>,
    pub account_id: Option<Id>,
    pub connected_at: Option<Moment>,
    pub expires_at: Option<Moment>,
    /// When Google ends the permission, if it said so: apps in "Testing" lose it after seven days.
    pub refresh_expires_at: Option<Moment>,
    /// Only connecting again helps.
    pub needs_reauth: bool,
    pub needs_reauth_reason: Option<String>,
    /// The mailbox for which a service account speaks, if one does instead of a consent.
    pub service_subject: Option<String>,
    /// A client id and secret are configured.
    pub configured: bool,
}

impl AuthStatus {
    pub fn of(
        out: &Outward,
        grant: Option<(AccountId, &GrantRow)>,
        configured: bool,
        now: Timestamp,
    ) -> AuthStatus {
        let Some((account, grant)) = grant else {
            return AuthStatus {
                authenticated: false,
                has_token_file: false,
                credentials_valid: false,
                credentials_expired: false,
                has_refresh_token: false,
                scopes: Vec::new(),
                account_id: None,
                connected_at: None,
                expires_at: None,
                refresh_expires_at: None,
                needs_reauth: false,
                needs_reauth_reason: None,
                service_subject: None,
                configured,
            };
        };
        let dead = grant.needs_reauth.as_ref();
        let service = grant.service.as_ref();
        // What a service account needs is minted when it is needed.
        let expired = service.is_none() && grant.expires_at <= now;
        let has_refresh_token = grant.refresh_token.is_some();
        AuthStatus {
            authenticated: dead.is_none() && (has_refresh_token || !expired),
            has_token_file: true,
            credentials_valid: dead.is_none() && !expired,
            credentials_expired: expired,
            has_refresh_token,
            scopes: grant.scopes.clone(),
            account_id: Some(out.account(account)),
            connected_at: Some(out.time(grant.connected_at)),
            expires_at: service.is_none().then(|| out.time(grant.expires_at)),
            refresh_expires_at: out.time_of(grant.refresh_expires_at),
            needs_reauth: dead.is_some(),
            needs_reauth_reason: dead.map(|it| it.reason.clone()),
            service_subject: service.map(|it| it.subject.clone()),
            configured,
        }
    }
}

/// Something was done.
#[derive(Debug, Serialize, ToSchema)]
pub struct Done {
    pub success: bool,
    pub message: String,
}

impl Done {
    pub fn because(message: impl Into<String>) -> Done {
        Done { success: true, message: message.into() }
    }
}
