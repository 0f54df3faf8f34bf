//! Whether Google can be reached, and whether it agrees about the time. The only check that asks the network.

use std::time::Duration;

use jiff::Timestamp;

use crate::App;
use crate::doctor::{Finding, bad, ok, warn};
use ringbook_core::clock::between;
use ringbook_core::humanize;
use ringbook_core::sync::diagnosis::Diagnosis;
use ringbook_runtime::outbound::{ClientOptions, http_client};

/// A clock that is further off than this spoils tokens and schedules.
const CLOCK_WARN: Duration = Duration::from_secs(30);
const CLOCK_BAD: Duration = Duration::from_secs(120);

/// Whether Google can be reached, and whether it agrees about the time.
pub async fn reach(app: &App) -> Finding {
    const CHECK: &str = "Google";
    let url = &app.config.google_api_base_url;
    let options =
        ClientOptions { total_timeout: Some(Duration::from_secs(5)), ..ClientOptions::default() };
    let client = match http_client(&options) {
        Ok(client) => client,
        Err(problem) => {
            let way_out =
                "check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY in the environment";
            return bad(CHECK, problem.to_string(), way_out);
        }
    };
    let asked = client.get(url).send().await;
    let answer = match asked {
        Ok(answer) => answer,
        Err(error) => return told(CHECK, &ringbook_google::unreachable(url, error)),
    };
    let location = answer.headers().get("location").and_then(|it| it.to_str().ok());
    if let Some(found) = ringbook_google::stranger(answer.url(), answer.status().as_u16(), location)
    {
        return told(CHECK, &found);
    }
    let date = answer.headers().get("date").and_then(|it| it.to_str().ok()).and_then(date);
    let Some(date) = date else {
        return ok(CHECK, format!("{url} can be reached; it does not say what time it is"));
    };
    let now = app.clock.now();
    let off = between(now, date).max(between(date, now));
    let way_out = "set the clock, and keep it set with an NTP service";
    let message = format!("this machine's clock is {} off from Google's", humanize::duration(off));
    if off >= CLOCK_BAD {
        bad("clock", message, way_out)
    } else if off >= CLOCK_WARN {
        warn("clock", message, way_out)
    } else {
        ok(CHECK, format!("{url} can be reached, and the clocks agree"))
    }
}

/// What is in the way, in the words that a run would say it in.
fn told(check: &'static str, found: &Diagnosis) -> Finding {
    bad(check, found.to_string(), found.remedy())
}

fn date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_an_http_answer_is_read() {
        let at = date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(at.to_string(), "1994-11-06T08:49:37Z");
    }
}
