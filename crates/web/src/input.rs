//! What comes in: query parameters, ids in paths, bodies, and who asks.
//!
//! axum's own extractors answer in plain text and are lenient where a mistake should be named.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde_json::Value;

use crate::Web;
use crate::auth::{AuthContext, NO_CSRF};
use crate::problem::Problem;
use ringbook_core::contact::clean;
use ringbook_core::contact::excerpt;
use ringbook_core::sync::{AccountId, RunId};
use ringbook_store::ContactId;

/// Bodies are small here; a larger one is refused before it is read.
pub(crate) const BODY_MAX: usize = 64 << 10;
/// Whoever sends a body slower than this holds a connection for nothing.
const BODY_TIME: Duration = Duration::from_secs(10);

/// The parameters behind the question mark.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl FromRequestParts<Web> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Web) -> Result<Query, Problem> {
        Query::parse(parts.uri.query().unwrap_or_default())
    }
}

/// The biggest number that a database can count.
const BIGGEST: u64 = i64::MAX as u64;

impl Query {
    pub(crate) fn parse(raw: &str) -> Result<Query, Problem> {
        let mut pairs = Vec::new();
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match (decode(name), decode(value)) {
                (Some(name), Some(value)) => pairs.push((name, value)),
                (name, _) => {
                    let name = name.unwrap_or_else(|| "query".to_owned());
                    return Err(Problem::value(&excerpt(&name), pair, "percent-encoded UTF-8"));
                }
            }
        }
        Ok(Query(pairs))
    }

    /// Without the fields of a form that were left empty: nothing was asked by them.
    pub(crate) fn filled(self) -> Query {
        Query(self.0.into_iter().filter(|(_, value)| !value.trim().is_empty()).collect())
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, Problem> {
        let mut found = self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value);
        let value = found.next().map(String::as_str);
        match found.next() {
            Some(_) => Err(Problem::unreadable(format!("`{name}` is given more than once"))),
            None => Ok(value),
        }
    }

    /// All values of a field that may be there several times, as the boxes of a form are.
    pub(crate) fn texts(&self, name: &str) -> Vec<&str> {
        let found = self.0.iter().filter(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).collect()
    }

    /// A whole number. One that is too big for any database counts as the biggest.
    pub(crate) fn whole(
        &self,
        name: &str,
        range: RangeInclusive<u64>,
        default: u64,
    ) -> Result<u64, Problem> {
        let Some(text) = self.text(name)? else { return Ok(default) };
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse().unwrap_or(u64::MAX).min(BIGGEST);
        if digits && range.contains(&number) {
            return Ok(number);
        }
        let (low, high) = (range.start(), range.end());
        let allowed = if *high == u64::MAX {
            format!("a whole number from {low}")
        } else {
            format!("a whole number from {low} to {high}")
        };
        Err(Problem::value(name, text, &allowed))
    }

    pub(crate) fn flag(&self, name: &str, default: bool) -> Result<bool, Problem> {
        match self.text(name)? {
            None => Ok(default),
            Some(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Ok(true),
                "false" | "0" | "no" | "off" => Ok(false),
                _ => Err(Problem::value(name, text, "true or false")),
            },
        }
    }

    /// A value of few, each with its word.
    pub(crate) fn one_of<T: Copy>(
        &self,
        name: &str,
        words: &[(&str, T)],
        default: T,
    ) -> Result<T, Problem> {
        let Some(text) = self.text(name)? else { return Ok(default) };
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let allowed: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            Problem::value(name, text, &allowed.join(" or "))
        })
    }

    /// The account that is meant, if one is named.
    pub(crate) fn account(&self, web: &Web) -> Result<Option<AccountId>, Problem> {
        let Some(text) = self.text("account")? else { return Ok(None) };
        uuid("account", text)?;
        let id = web.out.ids().parse_account(text);
        id.map(Some).ok_or_else(|| Problem::missing("account", text))
    }
}

/// Fewer digits have no country in front.
const ABROAD_MIN: usize = 7;

/// The parameters behind the question mark as phones send them: some of their own, some twice, some not
/// well formed. Only what is known and readable counts.
#[derive(Debug)]
pub(crate) struct Lenient(Vec<(String, String)>);

impl Lenient {
    pub(crate) fn of(query: Option<&str>) -> Lenient {
        let pairs = query.unwrap_or_default().split('&').filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            let value = octets(value)?;
            // An old phone writes what was typed in ISO 8859-1, whose bytes are Unicode's first letters.
            let text = String::from_utf8(value)
                .unwrap_or_else(|latin1| latin1.into_bytes().into_iter().map(char::from).collect());
            Some((decode(name)?, text))
        });
        Lenient(pairs.collect())
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A telephone number, in which a bare `+` before a digit is one: at the beginning, or where the number begins
    /// in an address. A query means a blank by it, and many switchboards send it all the same.
    pub(crate) fn number(query: Option<&str>) -> Option<String> {
        const BEFORE: &[&str] = &[":", "<", "%3A", "%3a", "%3C", "%3c"];
        let mut pairs = query.unwrap_or_default().split('&').filter_map(|it| it.split_once('='));
        let (_, raw) = pairs.find(|(name, _)| decode(name).as_deref() == Some("number"))?;
        // In front of an extension there is a blank that was left there.
        let whole = raw.bytes().filter(u8::is_ascii_digit).count() >= ABROAD_MIN;
        let mut pieces = raw.split('+');
        let mut meant = pieces.next()?.to_owned();
        for piece in pieces {
            let begins = meant.is_empty() || BEFORE.iter().any(|it| meant.ends_with(it));
            let is_plus = whole && begins && piece.starts_with(|c: char| c.is_ascii_digit());
            meant.push_str(if is_plus { "%2B" } else { "+" });
            meant.push_str(piece);
        }
        Lenient::of(Some(&format!("number={meant}"))).text("number").map(str::to_owned)
    }

    /// The page that is asked for, from 1.
    pub(crate) fn page(&self) -> usize {
        self.text("page").and_then(|it| it.parse().ok()).unwrap_or(1).max(1)
    }
}

/// Decodes a part of a query; `None` where it is no text.
fn decode(raw: &str) -> Option<String> {
    String::from_utf8(octets(raw)?).ok()
}

fn octets(raw: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                (digit()? * 16 + digit()?) as u8
            }
            other => other,
        });
    }
    Some(bytes)
}

const UUID: &str = "a UUID";

/// Is this the form of an id, whether or not there is such a thing?
pub(crate) fn uuid(name: &str, text: &str) -> Result<(), Problem> {
    let formed = text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    if formed { Ok(()) } else { Err(Problem::value(name, text, UUID)) }
}

async fn id_in_path(parts: &mut Parts, web: &Web) -> Result<String, Problem> {
    let params = RawPathParams::from_request_parts(parts, web)
        .await
        .map_err(|_| Problem::value("id", parts.uri.path(), "a UUID, in percent-encoded UTF-8"))?;
    let id = params.iter().find(|(name, _)| *name == "id").map(|(_, value)| value);
    let id = id.unwrap_or_default().to_owned();
    uuid("id", &id)?;
    Ok(id)
}

/// The run that the path names. It may have been pruned since.
pub(crate) struct RunInPath(pub(crate) RunId);

impl FromRequestParts<Web> for RunInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<RunInPath, Problem> {
        let id = id_in_path(parts, web).await?;
        let run = web.out.ids().parse_run(&id);
        run.map(RunInPath).ok_or_else(|| Problem::missing("run", &id))
    }
}

/// The account that the path names.
pub(crate) struct AccountInPath(pub(crate) AccountId);

impl FromRequestParts<Web> for AccountInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<AccountInPath, Problem> {
        let id = id_in_path(parts, web).await?;
        let account = web.out.ids().parse_account(&id);
        account.map(AccountInPath).ok_or_else(|| Problem::missing("account", &id))
    }
}

/// The contact that the path names.
pub(crate) struct ContactInPath(pub(crate) ContactId);

impl FromRequestParts<Web> for ContactInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<ContactInPath, Problem> {
        let id = id_in_path(parts, web).await?;
        let contact = web.out.ids().parse_contact(&id);
        contact.map(ContactInPath).ok_or_else(|| Problem::missing("contact", &id))
    }
}

/// A JSON body.
pub(crate) struct Body(pub(crate) Value);

impl FromRequest<Web> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Web) -> Result<Body, Problem> {
        if request.extensions().get::<AuthContext>().is_some_and(|it| it.owes_proof) {
            // A form would have proved itself with a field.
            return Err(Problem::new(StatusCode::FORBIDDEN, NO_CSRF));
        }
        let kind = text_of(request.headers(), header::CONTENT_TYPE.as_str()).to_ascii_lowercase();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if essence != "application/json" && !essence.ends_with("+json") {
            let found = if kind.is_empty() { "none" } else { &kind };
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                format!("`Content-Type`: found `{}`; allowed is application/json", excerpt(found)),
            ));
        }
        let bytes = whole_body(request).await?;
        if bytes.is_empty() {
            return Err(Problem::unreadable("the body is missing; send a JSON object"));
        }
        serde_json::from_slice(&bytes)
            .map(Body)
            .map_err(|error| Problem::unreadable(format!("the body is not JSON: {error}")))
    }
}

async fn whole_body(request: Request) -> Result<axum::body::Bytes, Problem> {
    let read = axum::body::to_bytes(request.into_body(), BODY_MAX);
    match tokio::time::timeout(BODY_TIME, read).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => match error.into_inner().is::<http_body_util::LengthLimitError>() {
            true => Err(too_large()),
            false => {
                let detail = "the body broke off, or its chunks cannot be read";
                Err(Problem::new(StatusCode::BAD_REQUEST, detail))
            }
        },
        Err(_) => {
            let detail = "the body took too long to come";
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, detail))
        }
    }
}

/// What a form of ours sends (`application/x-www-form-urlencoded`).
pub(crate) struct Form(pub(crate) Query);

impl FromRequest<Web> for Form {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Web) -> Result<Form, Problem> {
        form(request).await.map(Form)
    }
}

/// The fields of a page's form, once it has proved that it is one of ours.
pub(crate) async fn form(request: Request) -> Result<Query, Problem> {
    let owed = request.extensions().get::<AuthContext>().filter(|it| it.owes_proof).cloned();
    let bytes = whole_body(request).await?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Problem::unreadable("the form is not what a browser sends"))?;
    let form = Query::parse(text)?;
    if let Some(session) = owed.and_then(|it| it.session)
        && form.text("csrf")? != Some(session.csrf.as_str())
    {
        let detail =
            "this form was not one of ours, or is from another session; load the page again";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    Ok(form)
}

pub(crate) fn too_large() -> Problem {
    let detail = format!("the body is larger than {BODY_MAX} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}

/// The address that a connection came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Where a connection came in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// Our end of the connection.
    pub(crate) local: Option<IpAddr>,
    /// Only phones call there.
    pub(crate) for_phones: bool,
}

/// Marks requests that came over TLS, without a proxy in front.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Secure;

/// Who asks, and how they want to be answered.
pub(crate) struct Requester {
    /// For the history: a name that the program gives itself, else its address.
    pub(crate) by: String,
    /// `Prefer: respond-async` (RFC 7240).
    pub(crate) respond_async: bool,
    /// A browser.
    pub(crate) wants_html: bool,
}

impl FromRequestParts<Web> for Requester {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Requester, Problem> {
        let headers = &parts.headers;
        let said = clean(&text_of(headers, "x-requested-by"), 100);
        let proved = parts.extensions.get::<AuthContext>().and_then(|it| it.who.name());
        // A name that was proved counts more than one that was said.
        let by = match (proved, said.is_empty()) {
            (Some(proved), true) => proved.to_owned(),
            (Some(proved), false) => format!("{proved} ({said})"),
            (None, false) => said,
            (None, true) => address(parts, web),
        };
        let preferences = headers.get_all("prefer").iter().filter_map(|it| it.to_str().ok());
        let respond_async = preferences
            .flat_map(|it| it.split([',', ';']))
            .any(|it| it.trim().eq_ignore_ascii_case("respond-async"));
        let wants_html = text_of(headers, header::ACCEPT.as_str()).contains("text/html");
        Ok(Requester { by, respond_async, wants_html })
    }
}

/// The client's address; behind a trusted proxy the one that the proxy names. Where that cannot be read it is
/// unknown: the proxy's own address would let its clients in as if they were in its network.
pub(crate) fn client(parts: &Parts, web: &Web) -> Option<IpAddr> {
    let mut client = peer(parts)?.ip().to_canonical();
    if !is_trusted(client, web) {
        return Some(client);
    }
    if !parts.headers.contains_key("x-forwarded-for") {
        // Nor is it the proxy itself: then each proxy that sets no such header would let everybody in.
        return None;
    }
    // A proxy may add a line of its own rather than lengthen the one that came.
    let lines = parts.headers.get_all("x-forwarded-for").iter();
    let lines: Vec<String> =
        lines.map(|it| String::from_utf8_lossy(it.as_bytes()).into_owned()).collect();
    let forwarded = lines.join(",");
    // From right to left: each proxy appends whom it heard from, and only the trusted are believed.
    for hop in forwarded.rsplit(',') {
        if !is_trusted(client, web) {
            break;
        }
        client = hop_address(hop.trim())?;
    }
    Some(client)
}

/// An address as proxies write it: some add the port.
fn hop_address(hop: &str) -> Option<IpAddr> {
    let with_port = || hop.parse::<SocketAddr>().ok().map(|it| it.ip());
    let in_brackets = || hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    hop.parse().ok().or_else(with_port).or_else(in_brackets).map(|ip: IpAddr| ip.to_canonical())
}

/// The same, for people.
pub(crate) fn address(parts: &Parts, web: &Web) -> String {
    client(parts, web).map_or_else(|| "unknown".to_owned(), |ip| ip.to_string())
}

fn is_trusted(ip: IpAddr, web: &Web) -> bool {
    web.app.config.trusted_proxies.iter().any(|it| it.contains(ip))
}

/// Whether a request came by HTTPS: to us, or to a proxy whose word counts.
pub(crate) fn is_secure(parts: &Parts, web: &Web) -> bool {
    let forwarded = || {
        let proto = text_of(&parts.headers, "x-forwarded-proto");
        let proto = proto.split(',').next().unwrap_or_default().trim();
        proto.eq_ignore_ascii_case("https") && from_trusted_proxy(parts, web)
    };
    parts.extensions.get::<Secure>().is_some() || forwarded()
}

/// The same, for handlers.
pub(crate) struct Secured(pub(crate) bool);

impl FromRequestParts<Web> for Secured {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Secured, Problem> {
        Ok(Secured(is_secure(parts, web)))
    }
}

/// A text that a body has to have.
pub(crate) fn field(body: &Value, name: &str) -> Result<String, Problem> {
    match body.get(name) {
        Some(Value::String(text)) if text.len() <= 4096 => Ok(text.clone()),
        Some(Value::String(_)) => Err(Problem::unreadable(format!("`{name}` is too long"))),
        Some(_) => Err(Problem::unreadable(format!("`{name}` has to be a text"))),
        None => Err(Problem::unreadable(format!("`{name}` is missing"))),
    }
}

/// A text that a body may have.
pub(crate) fn optional(body: &Value, name: &str) -> Result<Option<String>, Problem> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(_) => field(body, name).map(Some),
    }
}

/// Where the connection comes from.
fn peer(parts: &Parts) -> Option<SocketAddr> {
    parts.extensions.get::<Peer>().map(|it| it.0)
}

/// Whether the other end of the connection is a proxy whose word on the request counts.
pub(crate) fn from_trusted_proxy(parts: &Parts, web: &Web) -> bool {
    peer(parts).is_some_and(|it| is_trusted(it.ip().to_canonical(), web))
}

pub(crate) fn text_of(headers: &HeaderMap, name: &str) -> String {
    headers
        .get(name)
        .map(|it| String::from_utf8_lossy(it.as_bytes()).into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_value_is_named_with_what_was_found_and_what_is_allowed() {
        let query = Query::parse("limit=0&offset=99999999999999999999&flag=maybe&a=1&a=2").unwrap();
        let detail = |problem: Problem| problem.detail;
        assert_eq!(
            detail(query.whole("limit", 1..=100, 10).unwrap_err()),
            "`limit`: found `0`; allowed is a whole number from 1 to 100"
        );
        assert_eq!(query.whole("offset", 0..=u64::MAX, 0).unwrap(), i64::MAX as u64);
        assert!(detail(query.flag("flag", true).unwrap_err()).contains("true or false"));
        assert!(detail(query.text("a").unwrap_err()).contains("more than once"));
        assert_eq!(query.whole("none", 1..=5, 3).unwrap(), 3);
    }

    #[test]
    fn what_is_no_text_is_refused_and_nul_is_only_a_character() {
        assert!(Query::parse("a=%ff").is_err());
        assert!(Query::parse("a=%4").is_err());
        assert!(Query::parse("a=%zz").is_err());
        assert_eq!(Query::parse("a=%00").unwrap().text("a").unwrap(), Some("\0"));
        assert_eq!(Query::parse("a=x+y%20z").unwrap().text("a").unwrap(), Some("x y z"));
        assert_eq!(Query::parse("&&a").unwrap().text("a").unwrap(), Some(""));
    }
}
