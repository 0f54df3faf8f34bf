//! Whether Google can be reached, and whether it agrees about the time. The only check that asks the network.

use std::time::Duration;

use jiff::Timestamp;

use crate::app::App;
use crate::clock::between;
use crate::doctor::{Finding, bad, ok, warn};
use crate::words;

/// A clock that is further off than this spoils tokens and schedules.
const CLOCK_WARN: Duration = Duration::from_secs(30);
const CLOCK_BAD: Duration = Duration::from_secs(120);

/// Whether Google can be reached, and whether it agrees about the time.
pub async fn reach(app: &App) -> Finding {
    const CHECK: &str = "Google";
    let url = &app.config.google_api_base_url;
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(5))
        .build();
    let asked = match client {
        Ok(client) => client.get(url).send().await,
        Err(error) => Err(error),
    };
    let answer = match asked {
        Ok(answer) => answer,
        Err(error) => {
            let why = if error.is_timeout() {
                "no answer within 5 s".to_owned()
            } else {
                root_cause(&error.without_url())
            };
            return bad(
                CHECK,
                format!("{url} cannot be reached: {why}"),
                "look at the network, the firewall, and the name server",
            );
        }
    };
    let date = answer.headers().get("date").and_then(|it| it.to_str().ok()).and_then(date);
    let Some(date) = date else {
        return ok(CHECK, format!("{url} can be reached; it does not say what time it is"));
    };
    let now = app.clock.now();
    let off = between(now, date).max(between(date, now));
    let way_out = "set the clock, and keep it set with an NTP service";
    let message = format!("this machine's clock is {} off from Google's", words::duration(off));
    if off >= CLOCK_BAD {
        bad("clock", message, way_out)
    } else if off >= CLOCK_WARN {
        warn("clock", message, way_out)
    } else {
        ok(CHECK, format!("{url} can be reached, and the clocks agree"))
    }
}

fn date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

/// The innermost reason: the outer ones only say that something failed.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
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
