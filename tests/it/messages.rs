//! What Google can answer, one row each, and what Ringbook makes of it: what a run does, what is wrong in one
//! word, and the way out. A row is an answer that Google documents or that people have reported.

use ringbook_core::sync::Source;
use ringbook_core::sync::book::{AddressBook, FetchError};
use ringbook_core::sync::diagnosis::Diagnosis;
use ringbook_google::{People, SCOPE, SCOPE_DIRECTORY};

use crate::google::canned::{Canned, Reply};
use crate::google::{Drawer, first, grant, limits, oauth, people_with, word};

/// An error body of the People API. `reason`: of an ErrorInfo, or nothing.
fn api(status: u16, message: &str, rpc: &str, reason: &str) -> Reply {
    let mut error = serde_json::json!({ "code": status, "message": message, "status": rpc });
    if !reason.is_empty() {
        error["details"] = serde_json::json!([{
            "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason,
            "domain": "googleapis.com", "metadata": { "consumer": "projects/1234567890" },
        }]);
    }
    Reply::json(status, &serde_json::json!({ "error": error }).to_string())
}

/// The older form.
fn old(status: u16, message: &str, reason: &str) -> Reply {
    let errors = [serde_json::json!({ "domain": "global", "reason": reason, "message": message })];
    let error = serde_json::json!({ "code": status, "message": message, "errors": errors });
    Reply::json(status, &serde_json::json!({ "error": error }).to_string())
}

/// An answer, what a run does about it, the cause, words of the way out, and words of a wrong one.
type Row = (Reply, &'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const RECONNECT: &str = "connect the Google account again";
const LIMITED: &str = "again: rate_limited";
const BROKEN: &str = "again: malformed";

/// Each message says what happened, what it means and what to do, and comes apart again.
fn check(what: &str, result: Result<(), FetchError>, row: &(&str, &str, &[&str], &[&str])) {
    let (wanted, cause, says, never) = row;
    let Err(error) = result else { panic!("{what}: a success") };
    let text = match &error {
        FetchError::CursorRefused { message } => message.clone(),
        other => other.to_string(),
    };
    assert_eq!(word(&Err(error)), *wanted, "{what}: {text}");
    let read = Diagnosis::read(&text).unwrap_or_else(|| panic!("{what}: {text}"));
    assert_eq!(read.cause.as_str(), *cause, "{what}: {text}");
    assert!(text.contains("contacts already here are kept and served"), "{what}: {text}");
    assert!(!read.remedy().is_empty() && !text.contains("&#39;") && text.len() < 1500, "{what}");
    for words in *says {
        assert!(text.contains(words), "{what}: lacks `{words}`: {text}");
    }
    for words in *never {
        assert!(!read.remedy().contains(words), "{what}: says `{words}`: {text}");
    }
}

fn directory(server: &Canned) -> People {
    let mut lent = grant(1, "ya29.good", 3000);
    lent.tokens.scopes = vec![SCOPE.to_owned(), SCOPE_DIRECTORY.to_owned()];
    people_with(server, Drawer::holding(lent), limits()).of(Source::Directory)
}

#[tokio::test]
async fn what_the_people_api_answers_has_the_way_out_of_whoever_can_change_it() {
    let html = |status| Reply::html(status, "<!DOCTYPE html><title>Error</title>");
    let rows: Vec<Row> = vec![
        // 400
        (
            api(400, "Precondition check failed.", "FAILED_PRECONDITION", ""),
            "misconfigured",
            "no_contacts_service",
            &["contacts.google.com", "administrator"],
            &["update Ringbook", RECONNECT],
        ),
        (
            old(400, "Precondition check failed.", "failedPrecondition"),
            "misconfigured",
            "no_contacts_service",
            &["Contacts on"],
            &[],
        ),
        (
            api(400, "Request contains an invalid argument.", "INVALID_ARGUMENT", ""),
            "misconfigured",
            "request_refused",
            &["update Ringbook"],
            &[RECONNECT],
        ),
        (
            api(
                400,
                "API key not valid. Please pass a valid API key.",
                "INVALID_ARGUMENT",
                "API_KEY_INVALID",
            ),
            "misconfigured",
            "api_key_refused",
            &["proxy", "GOOGLE_API_BASE_URL"],
            &["update Ringbook"],
        ),
        (
            api(400, "x", "INVALID_ARGUMENT", "ORG_RESTRICTION_HEADER_INVALID"),
            "misconfigured",
            "network_restricted",
            &["X-Goog-Allowed-Resources"],
            &[RECONNECT],
        ),
        (html(400), "misconfigured", "not_google", &["proxy"], &["update Ringbook"]),
        // 401, after a refresh that succeeded
        (
            api(403, "Request had insufficient authentication scopes.", "PERMISSION_DENIED", ""),
            "not permitted",
            "contacts_not_allowed",
            &["tick the box for contacts"],
            &[],
        ),
        (
            old(403, "Insufficient Permission", "insufficientPermissions"),
            "not permitted",
            "contacts_not_allowed",
            &["tick the box"],
            &[],
        ),
        // 403: who forbids it
        (
            api(
                403,
                "People API has not been used in project 1234567890 before",
                "PERMISSION_DENIED",
                "SERVICE_DISABLED",
            ),
            "misconfigured",
            "api_not_enabled",
            &[
                "enable it at https://console.cloud.google.com/",
                "project 1234567890",
                "wait a few minutes",
            ],
            &[RECONNECT],
        ),
        (
            old(403, "Access Not Configured. project #4711", "accessNotConfigured"),
            "misconfigured",
            "api_not_enabled",
            &["project 4711"],
            &[],
        ),
        (
            api(
                403,
                "Consumer 'project_number:1234567890' has been suspended.",
                "PERMISSION_DENIED",
                "CONSUMER_SUSPENDED",
            ),
            "misconfigured",
            "project_suspended",
            &["project 1234567890", "owner"],
            &[],
        ),
        (
            api(403, "x", "PERMISSION_DENIED", "CONSUMER_INVALID"),
            "misconfigured",
            "project_invalid",
            &["project 1234567890", "owner"],
            &[],
        ),
        (
            api(403, "x", "PERMISSION_DENIED", "USER_PROJECT_DENIED"),
            "misconfigured",
            "project_invalid",
            &["owner"],
            &[],
        ),
        (
            api(403, "x", "PERMISSION_DENIED", "BILLING_DISABLED"),
            "misconfigured",
            "project_invalid",
            &["owner"],
            &[],
        ),
        (
            api(403, "x", "PERMISSION_DENIED", "API_KEY_SERVICE_BLOCKED"),
            "misconfigured",
            "api_key_refused",
            &["proxy"],
            &[],
        ),
        (
            api(403, "x", "PERMISSION_DENIED", "API_KEY_IP_ADDRESS_BLOCKED"),
            "misconfigured",
            "api_key_refused",
            &["proxy"],
            &[],
        ),
        (old(403, "x", "ipRefererBlocked"), "misconfigured", "api_key_refused", &["proxy"], &[]),
        (
            old(403, "The domain administrators have disabled Drive apps.", "domainPolicy"),
            "misconfigured",
            "blocked_by_administrator",
            &["Manage app access", "trust"],
            &[RECONNECT],
        ),
        (
            api(403, "x", "PERMISSION_DENIED", "USER_BLOCKED_BY_ADMIN"),
            "misconfigured",
            "blocked_by_administrator",
            &["administrator"],
            &[RECONNECT],
        ),
        (
            api(403, "x", "PERMISSION_DENIED", "SECURITY_POLICY_VIOLATED"),
            "misconfigured",
            "network_restricted",
            &["VPC Service Controls"],
            &[RECONNECT],
        ),
        (
            api(403, "x", "PERMISSION_DENIED", "ACCOUNT_STATE_INVALID"),
            "misconfigured",
            "account_gone",
            &["restore it", "remove the account here"],
            &[RECONNECT],
        ),
        (
            api(403, "The caller does not have permission", "PERMISSION_DENIED", ""),
            "misconfigured",
            "forbidden",
            &["administrator", "owner of the Google Cloud project"],
            &[RECONNECT],
        ),
        (
            api(
                403,
                "People&#39;s &quot;API&quot; project_number:1234567890",
                "PERMISSION_DENIED",
                "",
            ),
            "misconfigured",
            "forbidden",
            &["project 1234567890", "People's \"API\""],
            &[],
        ),
        (
            Reply::json(403, ""),
            "misconfigured",
            "forbidden",
            &["administrator", "without a reason"],
            &[RECONNECT],
        ),
        (Reply::json(403, "{}"), "misconfigured", "forbidden", &["administrator"], &[RECONNECT]),
        (
            html(403),
            "misconfigured",
            "network_restricted",
            &["administrator of the network", "people.googleapis.com"],
            &[RECONNECT],
        ),
        (html(451), "misconfigured", "network_restricted", &["another network"], &[]),
        // Quotas, in each of their forms
        (
            api(
                429,
                "Quota exceeded for quota metric 'Critical read requests'",
                "RESOURCE_EXHAUSTED",
                "RATE_LIMIT_EXCEEDED",
            ),
            LIMITED,
            "rate_limited",
            &["slow down", "SYNC_INTERVAL_MINUTES"],
            &[RECONNECT],
        ),
        (old(403, "Rate Limit Exceeded", "rateLimitExceeded"), LIMITED, "rate_limited", &[], &[]),
        (
            old(403, "User Rate Limit Exceeded", "userRateLimitExceeded"),
            LIMITED,
            "rate_limited",
            &[],
            &[],
        ),
        (old(403, "Quota exceeded", "quotaExceeded"), LIMITED, "rate_limited", &[], &[]),
        (
            old(403, "Daily Limit Exceeded", "dailyLimitExceeded"),
            LIMITED,
            "quota_used_up",
            &["midnight in California"],
            &[],
        ),
        (
            api(
                429,
                "Quota exceeded for limit 'Read requests per day'",
                "RESOURCE_EXHAUSTED",
                "RATE_LIMIT_EXCEEDED",
            ),
            LIMITED,
            "quota_used_up",
            &["owner", "project 1234567890"],
            &[],
        ),
        (Reply::json(429, ""), LIMITED, "rate_limited", &[], &[]),
        (html(429), LIMITED, "rate_limited", &[], &[]),
        (
            Reply::json(
                429,
                r#"{"error":{"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"42s"}]}}"#,
            ),
            "again: rate_limited in 42 s",
            "rate_limited",
            &[],
            &[],
        ),
        (
            Reply::json(
                503,
                r#"{"error":{"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"7.5s"}]}}"#,
            ),
            "again: server_error in 7 s",
            "google_failing",
            &[],
            &[],
        ),
        // Elsewhere
        (
            api(404, "Requested entity was not found.", "NOT_FOUND", ""),
            "misconfigured",
            "address_wrong",
            &["GOOGLE_API_BASE_URL"],
            &[RECONNECT],
        ),
        (html(404), "misconfigured", "address_wrong", &["GOOGLE_API_BASE_URL", "proxy"], &[]),
        (html(405), "misconfigured", "not_google", &["proxy"], &[]),
        (Reply::json(413, "{}"), "misconfigured", "request_refused", &["update Ringbook"], &[]),
        // Trouble that passes
        (
            api(500, "Internal error encountered.", "INTERNAL", ""),
            "again: server_error",
            "google_failing",
            &["tries again by itself"],
            &[RECONNECT],
        ),
        (html(502), "again: server_error", "google_failing", &["or a proxy in between"], &[]),
        (Reply::json(503, ""), "again: server_error", "google_failing", &[], &[]),
        (Reply::json(504, ""), "again: server_error", "google_failing", &[], &[]),
        // Something else answers
        (
            html(200),
            BROKEN,
            "login_page",
            &["something other than Google answered", "sign in"],
            &[RECONNECT],
        ),
        (Reply::html(200, "\r\n <html>"), BROKEN, "login_page", &[], &[]),
        (Reply::json(200, "<html>Log in</html>"), BROKEN, "login_page", &[], &[]),
        (
            Reply::with(302, "Location: http://login.hotel.example/?room=5\r\n", b""),
            BROKEN,
            "login_page",
            &["login.hotel.example", "302"],
            &["room"],
        ),
        (Reply::with(307, "Location: /login\r\n", b""), BROKEN, "login_page", &["307"], &[]),
        (html(511), BROKEN, "login_page", &["511", "sign in"], &[]),
        (Reply::json(200, "[]"), BROKEN, "not_google", &["proxy"], &[]),
        (Reply::json(200, ""), BROKEN, "not_google", &[], &[]),
        (
            html(407),
            "again: network",
            "proxy_sign_in",
            &["proxy", "407", "HTTPS_PROXY"],
            &[RECONNECT],
        ),
    ];
    for (reply, wanted, cause, says, never) in rows {
        let server = Canned::start([reply]).await;
        let drawer = Drawer::holding(grant(1, "ya29.good", 3000));
        let result =
            people_with(&server, drawer.clone(), limits()).list(&first()).await.map(|_| ());
        check(cause, result, &(wanted, cause, says, never));
        assert!(
            drawer.condemned.lock().unwrap().is_empty(),
            "{cause}: only the token endpoint ends a permission"
        );
    }
    // Lists of a domain are shut for reasons of their own.
    let rows: Vec<Row> = vec![
        (
            api(400, "Must be a G Suite domain user.", "FAILED_PRECONDITION", ""),
            "misconfigured",
            "no_workspace",
            &["gmail.com", "remove this source"],
            &["update Ringbook", RECONNECT],
        ),
        (
            old(400, "Must be a G Suite domain user.", "failedPrecondition"),
            "misconfigured",
            "no_workspace",
            &["remove this source"],
            &[],
        ),
        (
            api(403, "The caller does not have permission", "PERMISSION_DENIED", ""),
            "misconfigured",
            "directory_not_shared",
            &["External Directory Sharing", "24 hours"],
            &[RECONNECT],
        ),
        (Reply::json(403, ""), "misconfigured", "directory_not_shared", &["administrator"], &[]),
        (html(403), "misconfigured", "network_restricted", &["administrator of the network"], &[]),
        (
            api(403, "Request had insufficient authentication scopes.", "PERMISSION_DENIED", ""),
            "misconfigured",
            "directory_not_allowed",
            &["/auth/google?scopes=directory"],
            &[],
        ),
        (
            api(403, "x", "PERMISSION_DENIED", "SERVICE_DISABLED"),
            "misconfigured",
            "api_not_enabled",
            &["project 1234567890"],
            &[],
        ),
        (
            old(403, "User Rate Limit Exceeded", "userRateLimitExceeded"),
            LIMITED,
            "rate_limited",
            &[],
            &[],
        ),
    ];
    for (reply, wanted, cause, says, never) in rows {
        let server = Canned::start([reply]).await;
        let result = directory(&server).list(&first()).await.map(|_| ());
        check(cause, result, &(wanted, cause, says, never));
    }
}

const UNAUTHENTICATED: &str =
    r#"{"error":{"code":401,"message":"Request had invalid authentication credentials."}}"#;

#[tokio::test]
async fn a_fresh_token_that_is_refused_says_that_connecting_again_will_not_help() {
    let token = r#"{"access_token":"ya29.new","expires_in":3599,"token_type":"Bearer"}"#;
    let gone =
        r#"{"error":{"code":401,"message":"x","details":[{"reason":"ACCOUNT_STATE_INVALID"}]}}"#;
    for (body, headers, cause, says) in [
        (
            UNAUTHENTICATED,
            "",
            "token_refused",
            vec![
                "mostly passes",
                "connecting again will not help if the account was connected just now",
                "administrator",
                "Cloud project",
            ],
        ),
        (
            UNAUTHENTICATED,
            "Date: Sun, 01 Mar 2026 11:50:00 GMT\r\n",
            "token_refused",
            vec!["clock is 600 s ahead of Google's", "NTP", "will not help"],
        ),
        (gone, "", "account_gone", vec!["restore it", "remove the account here"]),
    ] {
        let refusal = || {
            let headers = format!("Content-Type: application/json\r\n{headers}");
            Reply::with(401, &headers, body.as_bytes())
        };
        let server = Canned::start([refusal(), Reply::json(200, token), refusal()]).await;
        let drawer = Drawer::holding(grant(1, "ya29.good", 3000));
        let error =
            people_with(&server, drawer.clone(), limits()).list(&first()).await.unwrap_err();
        let text = error.to_string();
        assert_eq!(Diagnosis::read(&text).unwrap().cause.as_str(), cause, "{text}");
        for words in says {
            assert!(text.contains(words), "lacks `{words}`: {text}");
        }
        assert!(drawer.condemned.lock().unwrap().is_empty(), "{text}");
    }
}

/// An answer of the token endpoint to a refresh.
fn no(status: u16, code: &str, description: &str) -> Reply {
    let body = serde_json::json!({ "error": code, "error_description": description });
    Reply::json(status, &body.to_string())
}

#[tokio::test]
async fn what_the_token_endpoint_answers_to_a_refresh_has_the_right_way_out() {
    let rapt = Reply::json(
        400,
        r#"{"error":"invalid_grant","error_description":"reauth related error (invalid_rapt)","error_subtype":"invalid_rapt"}"#,
    );
    let bare_rapt = Reply::json(400, r#"{"error":"invalid_rapt"}"#);
    // The grant is over only where the second word says so.
    let rows: Vec<Row> = vec![
        (
            no(400, "invalid_grant", "Token has been expired or revoked."),
            "needs reauth",
            "grant_ended",
            &[RECONNECT, "seven days", "Audience"],
            &[],
        ),
        (no(400, "invalid_grant", "Bad Request"), "needs reauth", "grant_ended", &[RECONNECT], &[]),
        (no(400, "invalid_grant", ""), "needs reauth", "grant_ended", &[RECONNECT], &[]),
        (
            rapt,
            "needs reauth",
            "session_ended",
            &["session control", "trust", "service account"],
            &[],
        ),
        (bare_rapt, "needs reauth", "session_ended", &["session control"], &[]),
        (no(400, "login_required", ""), "needs reauth", "person_needed", &[RECONNECT], &[]),
        (
            no(400, "invalid_grant", "Account has been deleted"),
            "misconfigured",
            "account_gone",
            &["deleted", "restore it", "remove the account here"],
            &[RECONNECT, "connect it again"],
        ),
        (
            no(400, "invalid_grant", "Account has been disabled"),
            "misconfigured",
            "account_gone",
            &["disabled", "administrator"],
            &[RECONNECT],
        ),
        (
            no(400, "invalid_grant", "User account is suspended"),
            "misconfigured",
            "account_gone",
            &["suspended"],
            &[RECONNECT],
        ),
        (
            no(400, "admin_policy_enforced", ""),
            "misconfigured",
            "blocked_by_administrator",
            &["trust", "service account", "another account"],
            &[RECONNECT],
        ),
        (
            no(400, "policy_enforced", "Advanced Protection"),
            "misconfigured",
            "advanced_protection",
            &["Advanced Protection", "another account", "service account"],
            &["OAuth client id", RECONNECT],
        ),
        (
            no(403, "org_internal", ""),
            "misconfigured",
            "outside_organization",
            &["External", "Audience"],
            &[RECONNECT],
        ),
        (
            no(401, "invalid_client", "Unauthorized"),
            "misconfigured",
            "client_refused",
            &["secret", "`ringbook auth client`"],
            &[RECONNECT],
        ),
        (
            no(401, "invalid_client", "The OAuth client was not found."),
            "misconfigured",
            "client_refused",
            &["no OAuth client with this id"],
            &[],
        ),
        (
            no(401, "deleted_client", "The OAuth client was deleted."),
            "misconfigured",
            "client_deleted",
            &["restore it", "30 days"],
            &[],
        ),
        (
            no(401, "disabled_client", "The OAuth client was disabled."),
            "misconfigured",
            "client_deleted",
            &["restore it"],
            &[],
        ),
        (
            no(401, "unauthorized_client", "Unauthorized"),
            "misconfigured",
            "client_mismatch",
            &["earlier OAuth client"],
            &[],
        ),
        (
            no(400, "invalid_scope", "Bad Request"),
            "misconfigured",
            "scope_refused",
            &["Data Access"],
            &[],
        ),
        (
            no(400, "restricted_client", "Unregistered scope(s)"),
            "misconfigured",
            "scope_refused",
            &["Data Access"],
            &[],
        ),
        (
            no(400, "invalid_request", "Missing required parameter"),
            "misconfigured",
            "request_refused",
            &["update Ringbook"],
            &[],
        ),
        (
            no(400, "unsupported_grant_type", "Invalid grant_type"),
            "misconfigured",
            "request_refused",
            &["update Ringbook"],
            &[],
        ),
        (
            no(400, "something_new", "Don&#39;t &lt;ask&gt;"),
            "misconfigured",
            "request_refused",
            &["`something_new`: Don't <ask>"],
            &[],
        ),
        (
            no(500, "internal_failure", "Backend Error"),
            "again: server_error",
            "google_failing",
            &["tries again"],
            &[RECONNECT],
        ),
        (no(400, "internal_failure", ""), "again: server_error", "google_failing", &[], &[]),
        (no(503, "temporarily_unavailable", ""), "again: server_error", "google_failing", &[], &[]),
        (no(400, "slow_down", ""), LIMITED, "rate_limited", &[], &[]),
        (
            Reply::with(429, "Retry-After: 9\r\n", b""),
            "again: rate_limited in 9 s",
            "rate_limited",
            &[],
            &[],
        ),
        (
            Reply::json(503, r#"{"error":{"details":[{"retryDelay":"3s"}]}}"#),
            "again: server_error in 3 s",
            "google_failing",
            &[],
            &[],
        ),
        (
            Reply::html(400, "<html>"),
            BROKEN,
            "not_google",
            &["proxy", "GOOGLE_TOKEN_URL"],
            &[RECONNECT],
        ),
        (Reply::html(403, "<html>"), BROKEN, "not_google", &[], &[RECONNECT]),
        (Reply::html(404, ""), BROKEN, "not_google", &["GOOGLE_TOKEN_URL"], &[]),
        (Reply::html(200, "<html>"), BROKEN, "login_page", &["sign in"], &[RECONNECT]),
        (
            Reply::with(302, "Location: https://captive.example/x\r\n", b""),
            BROKEN,
            "login_page",
            &["captive.example"],
            &[],
        ),
        (Reply::html(511, "<html>"), BROKEN, "login_page", &[], &[]),
        (Reply::html(407, ""), "again: network", "proxy_sign_in", &["HTTPS_PROXY"], &[RECONNECT]),
        (Reply::json(200, "{}"), BROKEN, "not_google", &[], &[RECONNECT]),
    ];
    for (reply, wanted, cause, says, never) in rows {
        let server = Canned::start([reply]).await;
        let drawer = Drawer::holding(grant(3, "ya29.old", 0));
        let result = people_with(&server, drawer.clone(), limits()).list(&first()).await;
        let text = result.as_ref().err().map(ToString::to_string).unwrap_or_default();
        check(cause, result.map(|_| ()), &(wanted, cause, says, never));
        // What is stored as the reason is the same text.
        let condemned = drawer.condemned.lock().unwrap().clone();
        let stored: Vec<String> = match wanted {
            "needs reauth" => vec![format!("3: {text}")],
            _ => Vec::new(),
        };
        assert_eq!(condemned, stored, "{cause}");
    }
}

#[tokio::test]
async fn what_google_says_at_the_consent_page_and_to_a_code_has_the_right_way_out() {
    use ringbook_google::OAuthError;
    for (code, cause, says) in [
        (
            "access_denied",
            "consent_refused",
            vec!["allow Ringbook to see the contacts", "Test users"],
        ),
        ("admin_policy_enforced", "blocked_by_administrator", vec!["trust"]),
        ("policy_enforced", "advanced_protection", vec!["Advanced Protection"]),
        ("org_internal", "outside_organization", vec!["External"]),
        ("disallowed_useragent", "embedded_browser", vec!["Firefox, Chrome or Safari"]),
        ("invalid_client", "client_refused", vec!["`ringbook auth client`"]),
        ("deleted_client", "client_deleted", vec!["restore it"]),
        ("unauthorized_client", "client_mismatch", vec!["Web application"]),
        ("invalid_scope", "scope_refused", vec!["Data Access"]),
        (
            "redirect_uri_mismatch",
            "redirect_not_registered",
            vec!["add exactly this address", "Authorized redirect URIs"],
        ),
        ("invalid_request", "request_refused", vec!["docs/connecting-google.md"]),
        ("server_error", "google_failing", vec!["begin again at /auth/google in some minutes"]),
        ("temporarily_unavailable", "google_failing", vec![]),
        ("interaction_required", "person_needed", vec![RECONNECT]),
        ("x\u{7}y", "request_refused", vec!["`xy`"]),
    ] {
        let text = OAuthError::from_redirect(code).to_string();
        let read = Diagnosis::read(&text).unwrap_or_else(|| panic!("{code}: {text}"));
        assert_eq!(read.cause.as_str(), cause, "{code}: {text}");
        for words in says {
            assert!(text.contains(words), "{code}: lacks `{words}`: {text}");
        }
    }
    for (description, says) in [
        ("Malformed auth code.", "not copied to its end"),
        ("Bad Request", "used already, or is too old"),
        ("Code was already redeemed.", "used already"),
        ("Invalid code verifier.", "begin again at /auth/google"),
    ] {
        let server = Canned::start([no(400, "invalid_grant", description)]).await;
        let client = oauth(&server, limits());
        let error = client.exchange("4/0A", &"v".to_owned().into()).await.unwrap_err();
        let text = error.to_string();
        assert_eq!(Diagnosis::read(&text).unwrap().cause.as_str(), "code_spent", "{text}");
        assert!(text.contains(says) && text.contains("begin again at /auth/google"), "{text}");
        assert!(!text.contains(RECONNECT), "{text}");
    }
}

#[test]
fn each_cause_is_explained() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/messages.md"));
    let page = page.unwrap();
    for cause in ringbook_core::sync::diagnosis::Cause::ALL {
        assert!(page.contains(&format!("`{cause}`")), "docs/messages.md lacks `{cause}`");
    }
}
