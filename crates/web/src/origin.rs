//! How browsers and phones address this server, which behind a proxy is not how it is asked.

use axum::http::header::{self, HeaderMap, HeaderName};
use axum::http::request::Parts;

use crate::Web;
use crate::base_path::BasePath;
use crate::input::{from_trusted_proxy, is_secure, text_of};
use ringbook_core::access::host_of;
use ringbook_core::contact::excerpt;

/// A longer name of a server leaves too little room in a phone's link.
const HOST_LEN_MAX: usize = 100;

/// The address in front of our paths: as configured, else as we were found now.
pub(crate) fn origin(web: &Web, parts: &Parts) -> String {
    let config = &web.app.config;
    if let Some(url) = &config.public_url {
        return url.clone();
    }
    let scheme = if is_secure(parts, web) { "https" } else { "http" };
    // HTTP/1.0 knows no `Host`.
    let host = host(web, parts).unwrap_or_else(|| config.phones_address().to_string());
    format!("{scheme}://{host}{}", BasePath::of(parts))
}

/// Where phones find us, as far as the request of somebody else tells: phones may have a door of their own.
pub(crate) fn phones_origin(web: &Web, parts: &Parts) -> String {
    let config = &web.app.config;
    let here = origin(web, parts);
    let (None, Some(door)) = (&config.public_url, config.phones_listen) else { return here };
    if !door.ip().is_unspecified() {
        return format!("http://{door}");
    }
    let host = host_of(&here).unwrap_or_default();
    match host.contains(':') {
        true => format!("http://[{host}]:{}", door.port()),
        false => format!("http://{host}:{}", door.port()),
    }
}

/// The host that the asker's address names, with its port unless that is the usual one: what a trusted proxy
/// says, else what we were asked for.
pub(crate) fn host(web: &Web, parts: &Parts) -> Option<String> {
    host_said(&parts.headers, from_trusted_proxy(parts, web), is_secure(parts, web))
}

fn host_said(headers: &HeaderMap, is_trusted: bool, is_secure: bool) -> Option<String> {
    let first = |name: &str| {
        let text = text_of(headers, name);
        text.split(',').next().unwrap_or_default().trim().to_owned()
    };
    let good = |host: &String| {
        let legal = |b: u8| b.is_ascii_alphanumeric() || b".-:[]_".contains(&b);
        !host.is_empty() && host.len() <= HOST_LEN_MAX && host.bytes().all(legal)
    };
    let forwarded = Some(first("x-forwarded-host")).filter(|host| is_trusted && good(host));
    let host = forwarded.or_else(|| Some(text_of(headers, "host")).filter(good))?;
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
    let usual = if is_secure { 443 } else { 80 };
    let port = first("x-forwarded-port").parse::<u16>().ok();
    match port.filter(|port| is_trusted && !has_port && *port > 0 && *port != usual) {
        Some(port) => Some(format!("{host}:{port}")),
        None => Some(host),
    }
}

/// Why a request that changes something counts as made by a page of another site; `None` where it does not.
/// Browsers say where a request comes from; programs do not, and need not.
pub(crate) fn foreign(web: &Web, parts: &Parts) -> Option<String> {
    let host = host(web, parts);
    let own = text_of(&parts.headers, header::HOST.as_str());
    let hosts: Vec<&str> = host.iter().map(String::as_str).chain(Some(own.as_str())).collect();
    is_foreign(&parts.headers, &hosts, web.app.config.public_url.as_deref())
}

fn is_foreign(headers: &HeaderMap, hosts: &[&str], public_url: Option<&str>) -> Option<String> {
    let text =
        |name: HeaderName| headers.get(name).map(|it| String::from_utf8_lossy(it.as_bytes()));
    let origin = text(header::ORIGIN);
    let asked = hosts.first().copied().unwrap_or_default();
    let refused = || Some(another_site(origin.as_deref(), asked));
    if let Some(site) = text(HeaderName::from_static("sec-fetch-site")) {
        return if matches!(&*site, "same-origin" | "none") { None } else { refused() };
    }
    let from = origin.as_deref()?;
    let is_public = public_url.is_some_and(|url| {
        let url = url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        url.eq_ignore_ascii_case(from)
    });
    let is_ours = from
        .split_once("://")
        .is_some_and(|(scheme, from)| hosts.iter().any(|host| is_same_host(scheme, from, host)));
    if is_public || is_ours { None } else { refused() }
}

/// Who asked whom, and how a page behind a proxy is let in.
fn another_site(origin: Option<&str>, asked: &str) -> String {
    let from = origin.map_or_else(|| "another site".to_owned(), |it| format!("`{}`", excerpt(it)));
    let asked = excerpt(asked);
    format!(
        "this request was made by a page of {from}, and this server was asked as `{asked}`; open Ringbook itself. If \
         the page reaches it through a proxy, let the proxy pass the address that the browser shows, with its port \
         (nginx: proxy_set_header X-Forwarded-Host $http_host;), and name the proxy in TRUSTED_PROXIES; or set \
         PUBLIC_URL to that address. The proxy can sign people in, too (AUTH_PROXY_HEADER), or add a token: \
         docs/proxies.md"
    )
}

/// Whether an origin is that of a host. What has no port means the usual one.
fn is_same_host(scheme: &str, from: &str, host: &str) -> bool {
    let split = |text: &str| match text.rsplit_once(':') {
        Some((name, port)) if !name.is_empty() && !port.ends_with(']') => {
            (name.to_ascii_lowercase(), port.parse::<u16>().ok())
        }
        _ => (text.to_ascii_lowercase(), None),
    };
    let usual = if scheme.eq_ignore_ascii_case("https") { 443 } else { 80 };
    let (name, port) = split(from);
    let (own, own_port) = split(host);
    !own.is_empty() && name == own && port.unwrap_or(usual) == own_port.unwrap_or(usual)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn a_trusted_proxy_says_how_the_browser_found_us() {
        for (pairs, is_trusted, is_secure, wanted) in [
            (vec![("host", "a:1")], true, false, Some("a:1")),
            (vec![("host", "a"), ("x-forwarded-host", "b:2")], true, false, Some("b:2")),
            (vec![("host", "a"), ("x-forwarded-host", "b:2")], false, false, Some("a")),
            (vec![("host", "a"), ("x-forwarded-port", "8443")], true, true, Some("a:8443")),
            (vec![("host", "a"), ("x-forwarded-port", "8443")], false, true, Some("a")),
            (vec![("host", "a"), ("x-forwarded-port", "443")], true, true, Some("a")),
            (vec![("host", "a"), ("x-forwarded-port", "80")], true, false, Some("a")),
            (vec![("host", "[::1]"), ("x-forwarded-port", "81")], true, false, Some("[::1]:81")),
            (
                vec![("x-forwarded-host", "b, c"), ("x-forwarded-port", "81, 82")],
                true,
                false,
                Some("b:81"),
            ),
            (vec![("host", "a"), ("x-forwarded-host", "b<")], true, false, Some("a")),
            (vec![("host", "a:1"), ("x-forwarded-port", "9")], true, false, Some("a:1")),
            (vec![], true, false, None),
        ] {
            let said = host_said(&headers(&pairs), is_trusted, is_secure);
            assert_eq!(said.as_deref(), wanted, "{pairs:?}");
        }
    }

    #[test]
    fn only_browsers_on_our_own_pages_and_programs_may_change_things() {
        let url = Some("https://nas.example:8443/rb");
        for (pairs, hosts, is_ours) in [
            (vec![], vec!["a:1"], true),
            (vec![("origin", "http://a:1")], vec!["a:1"], true),
            (vec![("origin", "http://a:2")], vec!["a:1"], false),
            (vec![("origin", "http://A:1")], vec!["a:1"], true),
            (vec![("origin", "https://a")], vec!["a:443"], true),
            (vec![("origin", "https://a")], vec!["a"], true),
            (vec![("origin", "https://a:443")], vec!["a"], true),
            (vec![("origin", "https://a:8443")], vec!["a"], false),
            (vec![("origin", "https://a:8443")], vec!["a:8443", "a"], true),
            (vec![("origin", "http://[::1]:81")], vec!["[::1]:81"], true),
            (vec![("origin", "http://[::1]")], vec!["[::1]"], true),
            (vec![("origin", "https://nas.example:8443")], vec!["10.0.0.1:8000"], true),
            (vec![("origin", "http://nas.example:8443")], vec!["10.0.0.1:8000"], false),
            (vec![("origin", "null")], vec!["a"], false),
            (vec![("origin", "http://a:1")], vec![""], false),
            (vec![("sec-fetch-site", "same-origin")], vec!["a"], true),
            (vec![("sec-fetch-site", "none")], vec!["a"], true),
            (vec![("sec-fetch-site", "same-site"), ("origin", "http://a")], vec!["a"], false),
            (vec![("sec-fetch-site", "cross-site"), ("origin", "http://b")], vec!["a"], false),
        ] {
            let told = is_foreign(&headers(&pairs), &hosts, url);
            assert_eq!(told.is_none(), is_ours, "{pairs:?} {hosts:?} {told:?}");
        }
        let told = is_foreign(&headers(&[("origin", "http://nas:8443")]), &["nas"], None).unwrap();
        for word in
            ["http://nas:8443", "`nas`", "X-Forwarded-Host", "TRUSTED_PROXIES", "PUBLIC_URL"]
        {
            assert!(told.contains(word), "{told}");
        }
    }
}
