//! How the phone of the terminal asks: over HTTP, or the router of this very process.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use tower::ServiceExt;

use crate::cli::exit::CommandError;
use ringbook_core::emulator::{Page, Received};
use ringbook_runtime::outbound::{ClientOptions, http_client, root_cause};

type Headers = &'static [(&'static str, &'static str)];

/// No screen is nearly as big.
const BODY_MAX: usize = 1 << 20;
/// As long as a person looks at an empty screen.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(15);

pub(super) struct Line {
    headers: Headers,
    end: End,
}

enum End {
    Server(reqwest::Client),
    Here(Router),
}

/// An answer that a phone would look at.
pub(super) struct Answer {
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    /// The screen, or why a phone shows none.
    pub(super) fn page(&self) -> Result<Page, String> {
        let header = |name: &str| {
            let value = self.headers.get(name);
            value.map_or(String::new(), |it| String::from_utf8_lossy(it.as_bytes()).into_owned())
        };
        Page::read(&Received {
            content_type: &header("content-type"),
            refresh: &header("refresh"),
            expires: &header("expires"),
            body: &self.body,
        })
    }
}

impl Line {
    pub(super) fn to_server(headers: Headers) -> Result<Line, CommandError> {
        let options = ClientOptions {
            total_timeout: Some(PATIENCE),
            redirects: 3,
            ..ClientOptions::default()
        };
        let client =
            http_client(&options).map_err(|error| CommandError::failed(error.to_string()))?;
        Ok(Line { headers, end: End::Server(client) })
    }

    pub(super) fn in_process(router: Router, headers: Headers) -> Line {
        Line { headers, end: End::Here(router) }
    }

    pub(super) async fn get(&self, url: &str) -> Result<Answer, String> {
        let (status, headers, body) = match &self.end {
            End::Server(client) => {
                let mut request = client.get(url);
                for (name, value) in self.headers {
                    request = request.header(*name, *value);
                }
                let answer = request.send().await.map_err(reason)?;
                let (status, headers) = (answer.status(), answer.headers().clone());
                (status, headers, answer.bytes().await.map_err(reason)?.to_vec())
            }
            End::Here(router) => {
                // Whatever name the links have: they lead here.
                let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
                let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
                let mut request = Request::get(format!("/{path}")).header("host", host);
                for (name, value) in self.headers {
                    request = request.header(*name, *value);
                }
                let request = request.body(Body::empty()).map_err(|error| error.to_string())?;
                let Ok(answer) = router.clone().oneshot(request).await;
                let (status, headers) = (answer.status(), answer.headers().clone());
                let body = to_bytes(answer.into_body(), BODY_MAX).await;
                (status, headers, body.map_err(|error| error.to_string())?.to_vec())
            }
        };
        if status.as_u16() != 200 {
            return Err(format!("HTTP error, status {}", status.as_u16()));
        }
        Ok(Answer { headers, body })
    }
}

/// What went wrong at the bottom, in one line.
fn reason(error: reqwest::Error) -> String {
    root_cause(&error)
}
