//! What it means when Google says no: from a status and a body to the one thing that can be done.
//!
//! The rules rest on statuses, on the reasons in `error.details[]` and `error.errors[]`, and on a
//! few fixed phrases where Google is known to leave the reasons out. `error.status` decides
//! nothing: Google has been seen to spell the same refusal in two ways.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::entities;
use super::transport::Answer;
use ringbook_core::clock::between;
use ringbook_core::contact::clean;
use ringbook_core::sync::book::FetchError;
use ringbook_core::sync::diagnosis::{Cause, Diagnosis};
use ringbook_core::sync::{Delay, Source};

/// Longest wait that is taken from an answer; a longer one is a mistake or a lie.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// Google's own words are cut here.
const MESSAGE_LEN_MAX: usize = 500;

/// The way out when only a person can help.
pub(super) const RECONNECT: &str =
    "connect the Google account again: `ringbook auth`, or /auth/google in a browser";

/// A refusal, taken apart.
pub struct ApiError {
    pub(super) status: u16,
    pub(super) reasons: Vec<String>,
    pub(super) message: String,
    /// The page on which an administrator can switch the API on.
    pub(super) activation: Option<String>,
    /// The number of the Cloud project that the OAuth client belongs to.
    pub(super) project: Option<String>,
    /// A `QuotaFailure` is among the details.
    quota: bool,
    /// It calls itself a failed precondition.
    pub(super) precondition: bool,
    retry_after: Option<Duration>,
    /// What is to be said of our clock.
    pub(super) clock: Option<String>,
    /// The body is a page for people.
    pub(super) is_page: bool,
    /// What was asked for.
    pub(super) source: Source,
    /// A service account asked, and no person's permission.
    pub(super) by_key: bool,
}

impl ApiError {
    /// Reads whatever there is. A body of HTML, or none at all, leaves the status to speak.
    pub fn read(answer: &Answer, now: Timestamp) -> ApiError {
        let waits = answer.retry_after.as_deref().and_then(|it| retry_after(it, now));
        let mut refusal = ApiError {
            status: answer.status,
            reasons: Vec::new(),
            message: String::new(),
            activation: None,
            project: None,
            quota: false,
            precondition: false,
            retry_after: waits.max(retry_info(&answer.body)),
            clock: clock_note(answer.date.as_deref(), now),
            is_page: answer.is_page,
            source: Source::Contacts,
            by_key: false,
        };
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let error = envelope(&body);
        if let Some(message) = error["message"].as_str() {
            refusal.message = clean(&entities::decode(message), MESSAGE_LEN_MAX);
        }
        let items = |list: &'static str| error[list].as_array().into_iter().flatten();
        for item in items("details").chain(items("errors")) {
            refusal.reasons.extend(item["reason"].as_str().map(|it| clean(it, 100)));
            let kind = item["@type"].as_str().unwrap_or_default();
            refusal.quota |= kind.ends_with("google.rpc.QuotaFailure");
            let consumer = item["metadata"]["consumer"].as_str().unwrap_or_default();
            refusal.project = refusal.project.take().or_else(|| project_in(consumer));
            for link in item["links"].as_array().into_iter().flatten() {
                let url = link["url"].as_str().unwrap_or_default();
                if url.starts_with("https://console.") && url.len() <= MESSAGE_LEN_MAX {
                    refusal.activation.get_or_insert_with(|| clean(url, MESSAGE_LEN_MAX));
                }
            }
        }
        refusal.project = refusal.project.take().or_else(|| project_in(&refusal.message));
        refusal.precondition = error["status"] == "FAILED_PRECONDITION"
            || refusal.names("failedPrecondition")
            || refusal.message.to_ascii_lowercase().contains("precondition");
        refusal
    }

    /// What was asked for, and who asked.
    pub(super) fn about(self, source: Source, by_key: bool) -> ApiError {
        ApiError { source, by_key, ..self }
    }

    /// What the caller can do. `with_cursor`: the request carried a sync or a page token.
    pub fn judge(self, with_cursor: bool) -> FetchError {
        let expired = self.names("EXPIRED_SYNC_TOKEN") || self.message.starts_with("Sync token");
        // Also without a token sent: the caller counts its restarts, and Google knows best. A corrupt or
        // foreign token gives a bare INVALID_ARGUMENT, exactly as a bad field mask does. Asking again without
        // tokens tells the two apart.
        if self.status == 410 || (self.status == 400 && (expired || with_cursor)) {
            let refused = Diagnosis::wait(
                Cause::SyncTokenRefused,
                "Google does not take up its list where it ended the last time",
                "run a full sync (`ringbook sync --full`); if that ends so, too, report this message",
            );
            return FetchError::CursorRefused {
                message: refused.saying(&self.words()).to_string(),
            };
        }
        let found = self.diagnose();
        match (self.status, found.cause) {
            (403, _) if self.is_quota() => found.again(Delay::RateLimited, self.retry_after),
            // The refresh token may be as good as ever: the token service has just honoured it.
            (401, cause) if cause != Cause::AccountGone => {
                found.again(Delay::Unauthorized, self.retry_after)
            }
            // Not the token service's verdict, so the grant stands.
            (403, Cause::ContactsNotAllowed) => found.not_permitted(),
            (429, _) => found.again(Delay::RateLimited, self.retry_after),
            (408 | 409 | 425 | 499 | 500..=599, _) => {
                found.again(Delay::ServerError, self.retry_after)
            }
            (400..=499, _) => found.misconfigured(),
            // Success without content and the like: not the API that answered.
            _ => found.again(Delay::Malformed, self.retry_after),
        }
    }

    /// The details may be missing, so the phrase counts as much as the reason.
    pub(super) fn lacks_scope(&self) -> bool {
        self.names("ACCESS_TOKEN_SCOPE_INSUFFICIENT")
            || self.names("insufficientPermissions")
            || self.message.to_ascii_lowercase().contains("insufficient authentication scopes")
    }

    /// The person or the right to see it is not there: enough for a question that may go unanswered.
    pub fn is_reticence(&self) -> bool {
        self.status == 404 || (self.status == 403 && !self.is_quota())
    }

    /// Google puts some quotas into 403 instead of 429.
    pub(super) fn is_quota(&self) -> bool {
        let limited = |reason: &String| {
            let reason = plain(reason);
            reason.contains("ratelimit")
                || reason.contains("quota")
                || reason.contains("limitexceeded")
        };
        let message = self.message.to_ascii_lowercase();
        let told = ["quota exceeded", "rate limit exceeded"].iter().any(|it| message.contains(it));
        self.quota || told || self.reasons.iter().any(limited)
    }

    /// Whether this reason is given, in whichever of Google's two spellings.
    pub(super) fn names(&self, reason: &str) -> bool {
        let wanted = plain(reason);
        self.reasons.iter().any(|it| plain(it) == wanted)
    }

    pub(super) fn words(&self) -> String {
        let status = self.status;
        match (self.message.as_str(), self.reasons.first()) {
            ("", None) if self.is_page => format!("the answer was {status} with a web page"),
            ("", None) => format!("Google answered {status} without a reason"),
            ("", Some(reason)) => format!("Google answered {status} ({reason})"),
            (message, None) => format!("Google answered {status}: {message}"),
            (message, Some(reason)) => format!("Google answered {status} ({reason}): {message}"),
        }
    }
}

/// `SERVICE_DISABLED` and `serviceDisabled` are the same.
pub(super) fn plain(reason: &str) -> String {
    reason.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect()
}

/// Some of Google's front ends wrap the envelope into a list of one.
fn envelope(body: &Value) -> &Value {
    &body.get(0).unwrap_or(body)["error"]
}

/// The number of a Cloud project: `projects/123`, `project_number:123` or "in project 123 before".
fn project_in(text: &str) -> Option<String> {
    ["projects/", "project_number:", "project #", "project "].into_iter().find_map(|mark| {
        let (_, rest) = text.split_once(mark)?;
        let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
        (4..=20).contains(&number.len()).then_some(number)
    })
}

/// The wait that the body of a refusal asks for (google.rpc.RetryInfo): `"3.5s"`, an hour at most.
pub(super) fn retry_info(body: &[u8]) -> Option<Duration> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let details = envelope(&body)["details"].as_array()?;
    let asked = details.iter().find_map(|item| item.get("retryDelay"))?;
    let seconds = match asked {
        Value::String(text) => text.trim().strip_suffix('s')?.parse::<f64>().ok()?,
        // As protobuf's own JSON never writes it, but some front ends do.
        _ => asked["seconds"].as_f64().or_else(|| asked["seconds"].as_str()?.parse().ok())?,
    };
    let wait = match Duration::try_from_secs_f64(seconds) {
        Ok(wait) => wait,
        // So many that they do not fit are a long time, too.
        Err(_) if seconds > 0.0 => RETRY_AFTER_MAX,
        Err(_) => return None,
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

/// Reads a `Retry-After` header: seconds or an HTTP date (RFC 9110, 10.2.3), an hour at most.
pub fn retry_after(header: &str, now: Timestamp) -> Option<Duration> {
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

/// What is to be said of our clock, by the `Date` header of an answer; `None` where it is right.
pub(super) fn clock_note(date: Option<&str>, now: Timestamp) -> Option<String> {
    let parser = jiff::fmt::rfc2822::DateTimeParser::new();
    let date = parser.parse_timestamp(date?).ok()?;
    let (ahead, behind) = (between(date, now), between(now, date));
    let (off, word) = if ahead > behind { (ahead, "ahead of") } else { (behind, "behind") };
    (off > CLOCK_OFF)
        .then(|| format!("this machine's clock is {} s {word} Google's", off.as_secs()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use FetchError::*;

    #[test]
    fn a_clock_that_is_off_by_more_than_two_minutes_is_named_with_how_much_and_which_way() {
        let now: Timestamp = "1994-11-06T08:49:37Z".parse().unwrap();
        let note = |date| clock_note(Some(date), now).unwrap_or_default();
        for right in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:47:37 GMT", "", "x"] {
            assert_eq!(note(right), "", "{right}");
        }
        assert!(note("Sun, 06 Nov 1994 08:39:37 GMT").contains("is 600 s ahead of Google's"));
        assert!(note("Sun, 06 Nov 1994 09:49:37 GMT").contains("is 3600 s behind Google's"));
        assert_eq!(clock_note(None, now), None);
    }

    fn judge(status: u16, body: &str, with_cursor: bool) -> FetchError {
        let answer = Answer {
            status,
            json: true,
            retry_after: None,
            date: None,
            is_page: body.starts_with('<'),
            body: body.as_bytes().to_vec(),
        };
        ApiError::read(&answer, Timestamp::UNIX_EPOCH).judge(with_cursor)
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
    fn the_wait_that_a_body_asks_for_is_an_hour_at_most() {
        let wait = |delay: &str| {
            let body = format!(
                r#"{{"error":{{"details":[{{"reason":"X"}},{{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":{delay}}}]}}}}"#
            );
            retry_info(body.as_bytes()).map(|it| it.as_millis())
        };
        for (delay, millis) in [
            (r#""30s""#, Some(30_000)),
            (r#""1.5s""#, Some(1_500)),
            (r#""0s""#, Some(0)),
            (r#""86400s""#, Some(3_600_000)),
            (r#""1e300s""#, Some(3_600_000)),
            (r#"{"seconds":7}"#, Some(7_000)),
            (r#"{"seconds":"7","nanos":5}"#, Some(7_000)),
            (r#""-1s""#, None),
            (r#""NaNs""#, None),
            (r#""soon""#, None),
            (r#""30""#, None),
            ("30", None),
            ("null", None),
            ("{}", None),
        ] {
            assert_eq!(wait(delay), millis, "{delay}");
        }
        assert_eq!(retry_info(b"<html>"), None);
        // Of two waits the longer one counts.
        let body = r#"{"error":{"details":[{"retryDelay":"40s"}]}}"#;
        let answer = |header: &str| Answer {
            status: 503,
            json: true,
            retry_after: Some(header.to_owned()),
            date: None,
            is_page: false,
            body: body.as_bytes().to_vec(),
        };
        for (header, seconds) in [("24", 40), ("60", 60), ("nonsense", 40)] {
            let judged = ApiError::read(&answer(header), Timestamp::UNIX_EPOCH).judge(false);
            let wanted = Some(Duration::from_secs(seconds));
            assert!(
                matches!(judged, Again { retry_after, .. } if retry_after == wanted),
                "{judged:?}"
            );
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
