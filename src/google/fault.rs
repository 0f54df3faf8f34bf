//! What it means when Google says no: from a status and a body to the one thing that can be done.
//!
//! The rules rest on statuses, on the reasons in `error.details[]` and `error.errors[]`, and on a
//! few fixed phrases where Google is known to leave the reasons out. `error.status` decides
//! nothing: Google has been seen to spell the same refusal in two ways.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::token::DIRECTORY_NOT_GRANTED;
use super::transport::Answer;
use crate::clock::between;
use crate::contact::clean;
use crate::sync::Delay;
use crate::sync::book::FetchError;

/// Longest wait that is taken from an answer; a longer one is a mistake or a lie.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// Google's own words are cut here.
const MESSAGE_LEN_MAX: usize = 500;

/// The way out when only a person can help.
pub(super) const RECONNECT: &str =
    "connect the Google account again: `ringbook auth`, or /auth/google in a browser";

/// What a 401 of the API means after a refresh that succeeded.
const REFUSED_FRESH_TOKEN: &str = "Google refuses an access token that it has just issued; the contacts stay and are served, and \
     Ringbook keeps trying. This mostly passes within the hour";

const NOT_ENABLED: &str = "the People API is not enabled";

/// The way out when a domain does not let its directory be read.
const NOT_SHARED: &str = "Google does not let the domain's directory be read; an administrator of the Google \
    Workspace must allow it in the Admin console under Directory > Directory settings > Sharing settings > \
    External Directory Sharing: choose \"Organization data and authenticated user basic profile fields\". It \
    takes up to 24 hours to work. Accounts at gmail.com have no directory. Nothing was deleted here";

/// A refusal, taken apart.
pub(super) struct Refusal {
    status: u16,
    reasons: Vec<String>,
    message: String,
    /// The page on which an administrator can switch the API on.
    activation: Option<String>,
    /// A `QuotaFailure` is among the details.
    quota: bool,
    retry_after: Option<Duration>,
    /// What is to be said of our clock.
    clock: String,
}

impl Refusal {
    /// Reads whatever there is. A body of HTML, or none at all, leaves the status to speak.
    pub(super) fn read(answer: &Answer, now: Timestamp) -> Refusal {
        let mut refusal = Refusal {
            status: answer.status,
            reasons: Vec::new(),
            message: String::new(),
            activation: None,
            quota: false,
            retry_after: answer.retry_after.as_deref().and_then(|it| retry_after(it, now)),
            clock: clock_note(answer.date.as_deref(), now),
        };
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        // Some of Google's front ends wrap the envelope into a list of one.
        let envelope = body.get(0).unwrap_or(&body);
        let error = &envelope["error"];
        if let Some(message) = error["message"].as_str() {
            refusal.message = clean(message, MESSAGE_LEN_MAX);
        }
        let items = |list: &'static str| error[list].as_array().into_iter().flatten();
        for item in items("details").chain(items("errors")) {
            refusal.reasons.extend(item["reason"].as_str().map(|it| clean(it, 100)));
            let kind = item["@type"].as_str().unwrap_or_default();
            refusal.quota |= kind.ends_with("google.rpc.QuotaFailure");
            for link in item["links"].as_array().into_iter().flatten() {
                let url = link["url"].as_str().unwrap_or_default();
                if url.starts_with("https://console.") && url.len() <= MESSAGE_LEN_MAX {
                    refusal.activation.get_or_insert_with(|| clean(url, MESSAGE_LEN_MAX));
                }
            }
        }
        refusal
    }

    /// What the caller can do. `with_cursor`: the request carried a sync or a page token.
    pub(super) fn judge(self, with_cursor: bool) -> FetchError {
        let message = self.words();
        match self.status {
            410 => FetchError::CursorRefused { message },
            // Also without a token sent: the caller counts its restarts, and Google knows best.
            400 if self.names("EXPIRED_SYNC_TOKEN") || self.message.starts_with("Sync token") => {
                FetchError::CursorRefused { message }
            }
            // A corrupt or foreign token gives a bare INVALID_ARGUMENT, exactly as a bad field
            // mask does. Asking again without tokens tells the two apart.
            400 if with_cursor => FetchError::CursorRefused { message },
            400 => FetchError::Misconfigured {
                message: format!(
                    "Google does not understand the request; update Ringbook: {message}"
                ),
            },
            // The refresh token may be as good as ever: the token service has just honoured it.
            401 => {
                let message = format!("{REFUSED_FRESH_TOKEN}: {message}{}", self.clock);
                self.again(Delay::Unauthorized, message)
            }
            403 => self.judge_forbidden(message),
            404 => FetchError::Misconfigured {
                message: format!(
                    "there is no People API at this address; check GOOGLE_API_BASE_URL: {message}"
                ),
            },
            429 => self.again(Delay::RateLimited, message),
            408 | 409 | 425 | 499 | 500..=599 => self.again(Delay::ServerError, message),
            402..=499 => FetchError::Misconfigured { message },
            // Success without content, or a redirect to a login page: not the API that answered.
            _ => self.again(Delay::Malformed, message),
        }
    }

    /// The same for a list of the domain, which is shut for reasons of its own.
    pub(super) fn judge_domain(self, with_cursor: bool) -> FetchError {
        let scope = self.lacks_scope();
        match (self.status, self.judge(with_cursor)) {
            (403, FetchError::NotPermitted { message }) if scope => {
                FetchError::Misconfigured { message: format!("{DIRECTORY_NOT_GRANTED}: {message}") }
            }
            (403, FetchError::Misconfigured { message }) if !message.contains(NOT_ENABLED) => {
                FetchError::Misconfigured { message: format!("{NOT_SHARED} ({message})") }
            }
            (_, other) => other,
        }
    }

    fn judge_forbidden(self, message: String) -> FetchError {
        if self.is_quota() {
            return self.again(Delay::RateLimited, message);
        }
        if self.names("SERVICE_DISABLED") || self.names("accessNotConfigured") {
            let place = self
                .activation
                .as_deref()
                .unwrap_or("https://console.cloud.google.com/apis/library/people.googleapis.com");
            return FetchError::Misconfigured {
                message: format!(
                    "{NOT_ENABLED} in the Google Cloud project of the OAuth client; enable it at {place}, wait a few minutes and sync again: {message}"
                ),
            };
        }
        if self.lacks_scope() {
            // Not the token service's verdict, so the grant stands.
            return FetchError::NotPermitted {
                message: format!(
                    "the permission to see contacts was not given; {RECONNECT} and tick the box for contacts: {message}"
                ),
            };
        }
        FetchError::Misconfigured { message }
    }

    /// The details may be missing, so the phrase counts as much as the reason.
    fn lacks_scope(&self) -> bool {
        self.names("ACCESS_TOKEN_SCOPE_INSUFFICIENT")
            || self.names("insufficientPermissions")
            || self.message.to_ascii_lowercase().contains("insufficient authentication scopes")
    }

    /// The person or the right to see it is not there: enough for a question that may go unanswered.
    pub(super) fn is_reticence(&self) -> bool {
        self.status == 404 || (self.status == 403 && !self.is_quota())
    }

    /// Google puts some quotas into 403 instead of 429.
    fn is_quota(&self) -> bool {
        let limited = |reason: &String| {
            let reason = reason.to_ascii_lowercase().replace('_', "");
            reason.contains("ratelimit")
                || reason.contains("quota")
                || reason == "dailylimitexceeded"
        };
        self.quota || self.reasons.iter().any(limited)
    }

    fn names(&self, reason: &str) -> bool {
        self.reasons.iter().any(|it| it.eq_ignore_ascii_case(reason))
    }

    fn again(self, delay: Delay, message: String) -> FetchError {
        FetchError::Again { delay, retry_after: self.retry_after, message }
    }

    fn words(&self) -> String {
        let status = self.status;
        match (self.message.as_str(), self.reasons.first()) {
            ("", None) => format!("Google answered {status} without a reason"),
            ("", Some(reason)) => format!("Google answered {status} ({reason})"),
            (message, None) => format!("Google answered {status}: {message}"),
            (message, Some(reason)) => format!("Google answered {status} ({reason}): {message}"),
        }
    }
}

/// Reads a `Retry-After` header: seconds or an HTTP date (RFC 9110, 10.2.3), an hour at most.
pub(super) fn retry_after(header: &str, now: Timestamp) -> Option<Duration> {
    let header = header.trim();
    let wait = if !header.is_empty() && header.bytes().all(|b| b.is_ascii_digit()) {
        // So many digits that they do not fit are a long time too.
        Duration::from_secs(header.parse().unwrap_or(u64::MAX))
    } else {
        let parser = jiff::fmt::rfc2822::DateTimeParser::new();
        between(now, parser.parse_timestamp(header).ok()?)
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

/// A clock that is further off than this makes tokens seem over, or not yet valid.
const CLOCK_OFF: Duration = Duration::from_secs(120);

/// What is to be said of our clock, by the `Date` header of an answer; empty where it is right.
pub(super) fn clock_note(date: Option<&str>, now: Timestamp) -> String {
    let parser = jiff::fmt::rfc2822::DateTimeParser::new();
    let Some(date) = date.and_then(|it| parser.parse_timestamp(it).ok()) else {
        return String::new();
    };
    let (ahead, behind) = (between(date, now), between(now, date));
    let (off, word) = if ahead > behind { (ahead, "ahead of") } else { (behind, "behind") };
    if off <= CLOCK_OFF {
        return String::new();
    }
    let off = off.as_secs();
    format!(
        "; this machine's clock is {off} s {word} Google's: set it, and keep it set with an NTP service"
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use FetchError::*;

    #[test]
    fn a_clock_that_is_off_by_more_than_two_minutes_is_named_with_how_much_and_which_way() {
        let now: Timestamp = "1994-11-06T08:49:37Z".parse().unwrap();
        let note = |date| clock_note(Some(date), now);
        for right in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:47:37 GMT", "", "x"] {
            assert_eq!(note(right), "", "{right}");
        }
        assert!(note("Sun, 06 Nov 1994 08:39:37 GMT").contains("is 600 s ahead of Google's"));
        assert!(note("Sun, 06 Nov 1994 09:49:37 GMT").contains("is 3600 s behind Google's"));
        assert_eq!(clock_note(None, now), "");
    }

    fn judge(status: u16, body: &str, with_cursor: bool) -> FetchError {
        let answer = Answer {
            status,
            json: true,
            retry_after: None,
            date: None,
            body: body.as_bytes().to_vec(),
        };
        Refusal::read(&answer, Timestamp::UNIX_EPOCH).judge(with_cursor)
    }

    fn body(message: &str, reason: &str) -> String {
        serde_json::json!({"error": {"message": message, "status": "X",
            "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}]}})
        .to_string()
    }

    fn old_body(reason: &str) -> String {
        serde_json::json!({"error": {"errors": [{"reason": reason}], "message": "m"}}).to_string()
    }

    fn is_again(error: &FetchError, wanted: Delay) -> bool {
        matches!(error, Again { delay, .. } if *delay == wanted)
    }

    #[test]
    fn an_expired_token_is_known_by_reason_or_phrase_in_every_spelling() {
        for spelling in ["FAILED_PRECONDITION", "INVALID_ARGUMENT", ""] {
            for details in [r#"[{"reason":"EXPIRED_SYNC_TOKEN"}]"#, "[]"] {
                let message = if details == "[]" { "Sync token is expired." } else { "" };
                let text = format!(
                    r#"{{"error":{{"code":400,"message":"{message}","status":"{spelling}","details":{details}}}}}"#
                );
                assert!(matches!(judge(400, &text, true), CursorRefused { .. }), "{text}");
            }
        }
        assert!(matches!(judge(410, "", true), CursorRefused { .. }));
    }

    #[test]
    fn a_bare_400_blames_the_token_if_one_was_sent_and_else_the_request() {
        let bare = r#"{"error":{"code":400,"message":"Request contains an invalid argument."}}"#;
        assert!(matches!(judge(400, bare, true), CursorRefused { .. }));
        assert!(matches!(judge(400, bare, false), Misconfigured { .. }));
    }

    #[test]
    fn the_kinds_of_403_are_told_apart() {
        let disabled = judge(403, &body("People API has not been used", "SERVICE_DISABLED"), true);
        assert!(matches!(disabled, Misconfigured { .. }));
        assert!(matches!(judge(403, &old_body("accessNotConfigured"), true), Misconfigured { .. }));
        let unticked = body("no", "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
        assert!(matches!(judge(403, &unticked, true), NotPermitted { .. }));
        let phrase = r#"{"error":{"message":"Request had insufficient authentication scopes."}}"#;
        assert!(matches!(judge(403, phrase, true), NotPermitted { .. }));
        assert!(matches!(judge(403, &old_body("forbidden"), true), Misconfigured { .. }));
        assert!(matches!(judge(403, "<html>", true), Misconfigured { .. }));
        for quota in ["rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"] {
            assert!(is_again(&judge(403, &old_body(quota), true), Delay::RateLimited), "{quota}");
        }
    }

    #[test]
    fn the_activation_link_survives_a_long_message() {
        let link = "https://console.developers.google.com/apis/api/people.googleapis.com/overview?project=12";
        let text = serde_json::json!({"error": {"message": "x".repeat(9000), "details": [
            {"links": [{"url": "javascript:1"}, {"url": link}]}, {"reason": "SERVICE_DISABLED"}]}});
        let shown = judge(403, &text.to_string(), false).to_string();
        assert!(shown.contains(link) && shown.len() < 1200, "{shown}");
    }

    #[test]
    fn trouble_that_passes_is_tried_again() {
        for status in [408, 500, 502, 503, 504, 501] {
            assert!(is_again(&judge(status, "<html>oops", true), Delay::ServerError), "{status}");
        }
        assert!(is_again(&judge(429, "", false), Delay::RateLimited));
        assert!(is_again(&judge(401, "", false), Delay::Unauthorized), "the grant stands");
        for status in [204, 206, 302] {
            assert!(is_again(&judge(status, "", false), Delay::Malformed), "{status}");
        }
    }

    #[test]
    fn odd_bodies_do_no_harm() {
        for odd in
            ["", "null", "[]", "[1]", "{\"error\":5}", "{\"error\":{\"details\":7}}", "\u{0}"]
        {
            assert!(is_again(&judge(503, odd, true), Delay::ServerError), "{odd}");
        }
        let listed = r#"[{"error":{"details":[{"reason":"EXPIRED_SYNC_TOKEN"}]}}]"#;
        assert!(matches!(judge(400, listed, false), CursorRefused { .. }));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_an_hour_at_most() {
        let now: Timestamp = "2015-10-21T07:27:00Z".parse().unwrap();
        let seconds = |header| retry_after(header, now).map(|it| it.as_secs());
        assert_eq!(seconds("24"), Some(24));
        assert_eq!(seconds("0"), Some(0));
        assert_eq!(seconds("Wed, 21 Oct 2015 07:28:00 GMT"), Some(60));
        assert_eq!(seconds("Wed, 21 Oct 2015 07:00:00 GMT"), Some(0));
        assert_eq!(seconds("99999999999999999999999"), Some(3600));
        for nonsense in ["", "soon", "-1", "1.5"] {
            assert_eq!(seconds(nonsense), None, "{nonsense}");
        }
    }
}
