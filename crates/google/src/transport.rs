//! One HTTP exchange, bounded in size and in time.
//!
//! Nothing here knows what an answer means. It is either all there or it is not.

use std::future::Future;
use std::io::Read;
use std::time::Duration;

use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, LOCATION,
    RETRY_AFTER, USER_AGENT,
};
use reqwest::{Client, Request, RequestBuilder, Response, Url};

use super::connection::{Route, login_page, stranger};
use ringbook_core::sync::Delay;
use ringbook_core::sync::book::FetchError;
use ringbook_core::sync::diagnosis::{Cause, Diagnosis};
use ringbook_runtime::outbound;
use ringbook_runtime::outbound::{ClientError, ClientOptions};

/// How much of Google's time and ours one answer may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of an answer, unpacked. A page of 1000 contacts is 1 to 4 MB.
    pub body_max: usize,
    pub connect_timeout: Duration,
    /// The longest silence: before the first byte, and between any two pieces.
    pub idle_timeout: Duration,
    /// The whole exchange, however lively.
    pub total_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            body_max: 32 << 20,
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            total_timeout: Duration::from_secs(120),
        }
    }
}

/// What is wrong with the settings, or with this machine, before anything was sent.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("`{url}` is not a usable address for {what}; it must be an http or https URL")]
    BadUrl { what: &'static str, url: String },
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("the thread that talks to Google cannot be started: {0}")]
    Thread(std::io::Error),
}

/// The client that all requests to Google go through.
///
/// It follows no redirects. The API has none, so one comes from a captive portal or a proxy, and
/// following it would show the request to a stranger and take the stranger's page for an answer.
///
/// # Errors
/// When the machine cannot do TLS, or a proxy in the environment has no usable address.
pub fn http_client(limits: &Limits) -> Result<Client, SetupError> {
    let options = ClientOptions {
        connect_timeout: limits.connect_timeout,
        // Watched piece by piece instead.
        total_timeout: None,
        ..ClientOptions::default()
    };
    Ok(outbound::http_client(&options)?)
}

/// Reads a setting that is an address.
pub(super) fn parse_url(what: &'static str, raw: &str) -> Result<Url, SetupError> {
    Url::parse(raw)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| SetupError::BadUrl { what, url: raw.to_owned() })
}

/// The headers that every request carries.
///
/// Google packs answers only for a client that has `gzip` in its `User-Agent` too
/// (developers.google.com/calendar/performance), and formats display names by
/// `Accept-Language`, which therefore must never vary.
pub(super) fn common_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    let agent =
        HeaderValue::from_static(concat!("ringbook/", env!("CARGO_PKG_VERSION"), " (gzip)"));
    headers.insert(USER_AGENT, agent);
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static("en"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers
}

/// An answer that has arrived completely.
pub struct Answer {
    pub status: u16,
    /// It says that it is JSON.
    pub json: bool,
    pub retry_after: Option<String>,
    /// What time it is at Google.
    pub date: Option<String>,
    /// The body is a page for people.
    pub is_page: bool,
    /// Unpacked. Empty when an answer other than 200 had a body that could not be read: then
    /// the status alone must do.
    pub body: Vec<u8>,
}

/// No answer of Google's came. The text holds no address, since addresses hold tokens.
#[derive(Debug)]
pub struct TransportError {
    pub(super) delay: Delay,
    pub(super) diagnosis: Diagnosis,
}

impl TransportError {
    /// The connection failed, broke off or stayed silent.
    fn network(diagnosis: Diagnosis) -> TransportError {
        TransportError { delay: Delay::Network, diagnosis }
    }

    /// All bytes came, but they are not an answer, or they were too many.
    pub(super) fn malformed(reason: &str) -> TransportError {
        let diagnosis = Diagnosis::wait(
            Cause::NotGoogle,
            format!("this is not what Google sends: {reason}"),
            "look for a proxy or a filter between here and Google that changes answers",
        );
        TransportError { delay: Delay::Malformed, diagnosis }
    }
}

impl From<TransportError> for FetchError {
    fn from(broken: TransportError) -> FetchError {
        broken.diagnosis.again(broken.delay, None)
    }
}

/// Sends a request and takes in the answer.
pub(super) async fn exchange(
    request: RequestBuilder,
    limits: &Limits,
) -> Result<Answer, TransportError> {
    let (client, request) = request.build_split();
    let request = request.map_err(|error| {
        TransportError::malformed(&format!("the request cannot be made ({})", error.without_url()))
    })?;
    let route = Route::to(request.url());
    let work = bounded(&client, request, limits, &route);
    within(limits.total_timeout, &route, "an answer took", work).await?
}

async fn bounded(
    client: &Client,
    request: Request,
    limits: &Limits,
    route: &Route,
) -> Result<Answer, TransportError> {
    let (idle, url) = (limits.idle_timeout, request.url().clone());
    let broke_off =
        |error: reqwest::Error| TransportError::network(route.failed(&error.without_url()));
    let mut response = within(idle, route, "Google said nothing for", client.execute(request))
        .await?
        .map_err(broke_off)?;
    let status = response.status().as_u16();
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let json = header(CONTENT_TYPE).is_some_and(is_json);
    let retry_after = header(RETRY_AFTER).map(str::to_owned);
    let date = header(DATE).map(str::to_owned);
    let location = header(LOCATION).map(str::to_owned);
    let packed = collect(&mut response, limits, route).await;
    let body = packed.and_then(|packed| unpack(packed, limits.body_max));
    let body = if status == 200 { body? } else { body.unwrap_or_default() };
    let text = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&body);
    let is_page = text.trim_ascii_start().starts_with(b"<");
    if let Some(diagnosis) = stranger(&url, status, location.as_deref()) {
        let delay = if status == 407 { Delay::Network } else { Delay::Malformed };
        return Err(TransportError { delay, diagnosis });
    }
    if status == 200 && is_page {
        let diagnosis = login_page("a web page (200)");
        return Err(TransportError { delay: Delay::Malformed, diagnosis });
    }
    Ok(Answer { status, json, retry_after, date, is_page, body })
}

async fn collect(
    response: &mut Response,
    limits: &Limits,
    route: &Route,
) -> Result<Vec<u8>, TransportError> {
    let pause = "the answer paused for";
    // Enough for most pages; one that outgrows it is moved.
    let mut body = Vec::with_capacity(limits.body_max.min(2 << 20));
    while let Some(chunk) = within(limits.idle_timeout, route, pause, response.chunk())
        .await?
        .map_err(|error| TransportError::network(route.failed(&error.without_url())))?
    {
        if body.len() + chunk.len() > limits.body_max {
            return Err(too_large(limits.body_max));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Unpacks what is packed, whatever the headers say: proxies mislabel, and no JSON starts so.
pub fn unpack(body: Vec<u8>, body_max: usize) -> Result<Vec<u8>, TransportError> {
    if !body.starts_with(&[0x1f, 0x8b]) {
        return Ok(body);
    }
    let mut plain = Vec::with_capacity(body.len().saturating_mul(8).min(body_max));
    let room = u64::try_from(body_max).unwrap_or(u64::MAX).saturating_add(1);
    // The decoder checks length and checksum at the end, so a cut body is an error.
    match flate2::read::MultiGzDecoder::new(body.as_slice()).take(room).read_to_end(&mut plain) {
        Ok(_) if plain.len() > body_max => Err(too_large(body_max)),
        Ok(_) => Ok(plain),
        Err(_) => Err(TransportError::malformed("its gzip data is damaged or cut off")),
    }
}

fn too_large(body_max: usize) -> TransportError {
    TransportError::malformed(&format!("it is larger than {body_max} bytes"))
}

fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

async fn within<T>(
    limit: Duration,
    route: &Route,
    what: &str,
    work: impl Future<Output = T>,
) -> Result<T, TransportError> {
    tokio::time::timeout(limit, work).await.map_err(|_| {
        let what = format!("{what} more than {} s", limit.as_secs_f32());
        TransportError::network(route.timed_out(&what))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;

    #[test]
    fn only_http_addresses_are_taken() {
        assert!(parse_url("x", "https://people.googleapis.com").is_ok());
        assert!(parse_url("x", "http://127.0.0.1:1/google/").is_ok());
        for bad in ["", "people.googleapis.com", "ftp://x", "file:///etc/passwd"] {
            assert!(parse_url("x", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn json_is_told_by_its_type_not_by_its_parameters() {
        assert!(is_json("application/json; charset=UTF-8") && is_json("Application/JSON"));
        assert!(!is_json("text/html") && !is_json("") && !is_json("application/jsonp"));
    }
}
