//! Google's permission.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::connect::redirect::{RedirectCheck, Verdict};
use crate::connect::{ClientOrigin, OAuthClient, no_refresh_token, reads_directory};
use crate::wire::{ApiEncoder, Id, Moment};
use ringbook_core::contact::ResourceName;
use ringbook_core::sync::AccountId;
use ringbook_store::{Account, GrantFacts};

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
    /// Google can be asked: the access token is good, or is renewed when it is needed.
    pub credentials_valid: bool,
    /// The permission is over and cannot be renewed. An access token alone that is over is renewed by itself
    /// when it is needed.
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
    /// A client id and secret are there, set or entered.
    pub configured: bool,
    /// When Google ends the permission by itself: seven days after the consent for apps whose publishing
    /// status is "Testing". Connect again before, or publish the app.
    pub permission_ends_at: Option<Moment>,
    /// Why the stored tokens cannot be used, for instance because the key that opens them is lost.
    pub locked: Option<String>,
    /// The directory of the Workspace domain may be read, too.
    pub directory: bool,
    /// What Google will say against the redirect address, and what to do, before anybody leaves for its
    /// page. Null where that is not known, as in the list of accounts.
    pub redirect_problem: Option<String>,
    /// The permission cannot be renewed, and ends soon: with the way out.
    pub warning: Option<String>,
}

/// The OAuth client that people are asked in the name of. Its secret is never told.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct GoogleClient {
    pub client_id: Option<String>,
    /// `environment`, `.env`, a file or a flag; `entered` if it was entered here; null if there is none.
    pub source: Option<String>,
    /// Exactly this must be among the client's redirect URIs in the Google Cloud console.
    pub redirect_uri: String,
    /// What Google will say against that address, and what to do.
    pub redirect_problem: Option<String>,
    pub warning: Option<String>,
}

/// An OAuth client to enter.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewGoogleClient {
    #[schema(max_length = 500, min_length = 1, pattern = "^[!-~]+$")]
    pub client_id: String,
    #[schema(max_length = 500, min_length = 1, pattern = "^[!-~]+$")]
    pub client_secret: String,
}

/// The address that a browser was sent to by Google.
#[derive(Debug, Serialize, ToSchema)]
pub struct Pasted {
    #[schema(max_length = 8192)]
    pub url: String,
}

impl GoogleClient {
    pub fn of(
        client: Option<&(OAuthClient, ClientOrigin)>,
        redirect_uri: &str,
        judgement: &RedirectCheck,
    ) -> GoogleClient {
        let source = client.map(|(_, origin)| match origin {
            ClientOrigin::Configuration(source) => source.clone(),
            ClientOrigin::Entered => "entered".to_owned(),
        });
        GoogleClient {
            client_id: client.map(|(client, _)| client.id.clone()),
            source,
            redirect_uri: redirect_uri.to_owned(),
            redirect_problem: redirect_problem(judgement),
            warning: client.and_then(|(client, _)| client.warning()).map(str::to_owned),
        }
    }
}

impl AuthStatus {
    pub fn of(
        out: &ApiEncoder,
        grant: Option<(AccountId, &GrantFacts)>,
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
                permission_ends_at: None,
                locked: None,
                directory: false,
                redirect_problem: None,
                warning: None,
            };
        };
        let dead = grant.needs_reauth.as_ref();
        let service = grant.service.as_ref();
        // What a service account needs is minted when it is needed.
        let is_over = service.is_none() && grant.expires_at <= now;
        let has_refresh_token = grant.has_refresh_token;
        let ended = grant.refresh_expires_at.is_some_and(|at| at <= now);
        let expired = is_over && (!has_refresh_token || ended || !configured);
        let usable = dead.is_none() && grant.locked.is_none();
        AuthStatus {
            authenticated: usable && !expired,
            has_token_file: true,
            credentials_valid: usable && !expired,
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
            permission_ends_at: grant.refresh_expires_at.map(|at| out.time(at)),
            locked: grant.locked.clone(),
            directory: reads_directory(&grant.scopes),
            redirect_problem: None,
            warning: unrenewable(out, grant.lacks_refresh_token().then_some(grant.expires_at)),
        }
    }
}

/// What is wrong with the redirect address, in a sentence.
pub fn redirect_problem(judgement: &RedirectCheck) -> Option<String> {
    let way_out = judgement.way_out.iter().map(|it| format!("; {it}"));
    (judgement.verdict != Verdict::Good)
        .then(|| format!("{}{}", judgement.message, way_out.collect::<String>()))
}

/// What is to be said of a permission that cannot be renewed. `end`: when it ends, if it is such a one.
pub fn unrenewable(out: &ApiEncoder, end: Option<Timestamp>) -> Option<String> {
    end.map(|end| no_refresh_token(Some(&out.time(end).0)).to_string())
}

/// Google answered.
#[derive(Debug, Serialize, ToSchema)]
pub struct TestedConnection {
    /// Always `success`: everything else is an error.
    pub status: &'static str,
    pub message: String,
    pub account_id: Id,
    pub account: String,
    /// Who answered, where Google says so.
    pub google_id: Option<String>,
    pub elapsed_ms: u64,
}

impl TestedConnection {
    pub fn of(
        out: &ApiEncoder,
        account: &Account,
        google_id: Option<&ResourceName>,
        elapsed: Duration,
    ) -> TestedConnection {
        let who = google_id.map_or_else(String::new, |id| format!(" as {id}"));
        TestedConnection {
            status: "success",
            message: format!("Google answers for `{}`{who}", account.name),
            account_id: out.account(account.id),
            account: account.name.clone(),
            google_id: google_id.map(ToString::to_string),
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// Something was done, or there was nothing to do.
#[derive(Debug, Serialize, ToSchema)]
pub struct Done {
    pub success: bool,
    pub message: String,
}

impl Done {
    pub fn because(message: impl Into<String>) -> Done {
        Done { success: true, message: message.into() }
    }

    /// There was nothing to do.
    pub fn nothing(message: impl Into<String>) -> Done {
        Done { success: false, message: message.into() }
    }
}
