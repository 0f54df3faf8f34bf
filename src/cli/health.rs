//! `health`: asks the running server how it is, for health checks where there is no other HTTP client.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::Context;
use crate::cli::exit::{CommandError, Exit};
use ringbook_app::config::Config;
use ringbook_runtime::outbound::{ClientOptions, Trust, http_client};

/// The server itself gives up on its database after 3 s.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only whether the process answers, whatever its database and Google do
    #[arg(long, conflicts_with = "ready")]
    live: bool,
    /// Whether it can serve requests
    #[arg(long)]
    ready: bool,
}

pub(crate) async fn health(desk: Context, args: Args) -> Result<Exit, CommandError> {
    let config = desk.config()?;
    let path = match (args.live, args.ready) {
        (true, _) => "/health/live",
        (_, true) => "/health/ready",
        _ => "/health",
    };
    let url = format!("{}{path}", server(&config));
    // It is this machine's own server that is asked: no proxy is in between, and its certificate is for another
    // name.
    let options = ClientOptions {
        total_timeout: Some(PATIENCE),
        proxy: false,
        trust: Trust::Anything,
        ..ClientOptions::default()
    };
    let client = http_client(&options).map_err(|error| CommandError::failed(error.to_string()))?;
    let silent = |error: reqwest::Error| {
        let why = if error.is_timeout() {
            format!("no answer within {} s", PATIENCE.as_secs())
        } else if error.is_connect() {
            "nothing listens there".to_owned()
        } else {
            error.without_url().to_string()
        };
        CommandError::failed(format!(
            "{url}: {why}. `ringbook health` asks the server at HOST and PORT; give it the same settings as \
             `ringbook serve`"
        ))
    };
    let answer = client.get(&url).send().await.map_err(silent)?;
    let is_well = answer.status().is_success();
    let status = answer.status();
    let body: Value = answer.json().await.unwrap_or_else(|_| json!({}));
    if desk.screen.json {
        desk.screen.json(&body)?;
    } else {
        for line in told(&body, status.as_u16()) {
            desk.screen.say(line)?;
        }
    }
    Ok(if is_well { Exit::Ok } else { Exit::Failed })
}

/// The status, and each check that is not as it should be.
fn told(body: &Value, code: u16) -> Vec<String> {
    let Some(status) = body["status"].as_str() else {
        return vec![match body["detail"].as_str() {
            Some(detail) => format!("{code}: {detail}"),
            None => format!("the answer is {code}, and not Ringbook's"),
        }];
    };
    let mut lines = vec![status.to_owned()];
    let checks = body["checks"].as_object();
    for (name, check) in checks.into_iter().flatten() {
        if let (Some(state), Some(message)) = (check["status"].as_str(), check["message"].as_str())
            && !matches!(state, "ok" | "healthy")
        {
            lines.push(format!("{name}: {state}: {message}"));
        }
    }
    lines
}

/// Where the server listens, as it is reached from this machine.
fn server(config: &Config) -> String {
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let host = match config.host {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(_) => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
    };
    format!("{scheme}://{}", std::net::SocketAddr::new(host, config.port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_asked_where_it_listens() {
        for (host, url) in [
            ("127.0.0.1", "http://127.0.0.1:8000"),
            ("0.0.0.0", "http://127.0.0.1:8000"),
            ("::", "http://[::1]:8000"),
            ("10.0.0.5", "http://10.0.0.5:8000"),
        ] {
            assert_eq!(server(&Config::of(&[("HOST", host)]).unwrap()), url);
        }
        let tls = [("TLS_CERT_FILE", "a"), ("TLS_KEY_FILE", "b"), ("PORT", "8443")];
        assert_eq!(server(&Config::of(&tls).unwrap()), "https://127.0.0.1:8443");
    }
}
