//! Which proxy a request goes through, so that a message can name it and the variable that says so.
//!
//! The variables are read by the HTTP client itself; its own rules are asked here.

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::Url;

use ringbook_runtime::environment;

/// A proxy, by its address without name and password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proxy {
    /// The environment variable that names it.
    pub(super) variable: &'static str,
    pub(super) address: String,
}

impl Proxy {
    /// Whether it is named by its IP address.
    pub(super) fn is_an_address(&self) -> bool {
        let host = self.address.rsplit_once(':').map_or(self.address.as_str(), |(host, _)| host);
        host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok()
    }
}

impl std::fmt::Display for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the proxy {} ({})", self.address, self.variable)
    }
}

/// The proxy for this address; `None`: the connection is direct.
pub(super) fn proxy_for(url: &Url) -> Option<Proxy> {
    find(url, environment)
}

fn find(url: &Url, variable: impl Fn(&str) -> Option<String>) -> Option<Proxy> {
    // A CGI program must not believe them: a header `Proxy:` would become HTTP_PROXY.
    if variable("REQUEST_METHOD").is_some() {
        return None;
    }
    let own: &[&'static str] = match url.scheme() {
        "https" => &["HTTPS_PROXY", "https_proxy"],
        "http" => &["HTTP_PROXY", "http_proxy"],
        _ => return None,
    };
    let uri = url.as_str().parse().ok()?;
    let no = ["NO_PROXY", "no_proxy"].into_iter().find_map(&variable).unwrap_or_default();
    // Of each pair the first that is set counts, and a value that is no address counts as none.
    for names in [own, &["ALL_PROXY", "all_proxy"]] {
        let Some((name, value)) = names.iter().find_map(|name| Some((*name, variable(name)?)))
        else {
            continue;
        };
        let matcher = Matcher::builder().all(value).no(no.as_str()).build();
        if let Some(proxy) = matcher.intercept(&uri) {
            let address = proxy.uri().authority()?;
            let host = address.host();
            let address = match address.port_u16() {
                Some(port) => format!("{host}:{port}"),
                None => host.to_owned(),
            };
            return Some(Proxy { variable: name, address });
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;

    #[test]
    fn the_variable_in_force_is_named_and_its_password_is_not() {
        const GOOGLE: &str = "https://people.googleapis.com/v1/people/me";
        let secret = "http://ada:s3cret@proxy.lan:3128/";
        for (set, url, wanted) in [
            (vec![], GOOGLE, None),
            (vec![("HTTPS_PROXY", secret)], GOOGLE, Some("the proxy proxy.lan:3128 (HTTPS_PROXY)")),
            (
                vec![("https_proxy", "proxy.lan:3128")],
                GOOGLE,
                Some("the proxy proxy.lan:3128 (https_proxy)"),
            ),
            (vec![("ALL_PROXY", secret)], GOOGLE, Some("the proxy proxy.lan:3128 (ALL_PROXY)")),
            (
                vec![("HTTPS_PROXY", ""), ("all_proxy", secret)],
                GOOGLE,
                Some("the proxy proxy.lan:3128 (all_proxy)"),
            ),
            (vec![("HTTP_PROXY", secret)], GOOGLE, None),
            (
                vec![("HTTP_PROXY", secret)],
                "http://10.0.0.5/",
                Some("the proxy proxy.lan:3128 (HTTP_PROXY)"),
            ),
            (vec![("HTTPS_PROXY", secret), ("NO_PROXY", "googleapis.com")], GOOGLE, None),
            (vec![("HTTPS_PROXY", secret), ("no_proxy", "10.0.0.0/8")], "https://10.0.0.5/", None),
            (vec![("HTTPS_PROXY", secret), ("REQUEST_METHOD", "GET")], GOOGLE, None),
            (
                vec![("HTTPS_PROXY", "http://[::1]:3128")],
                GOOGLE,
                Some("the proxy [::1]:3128 (HTTPS_PROXY)"),
            ),
        ] {
            let variable = |name: &str| {
                let found = set.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            let found = find(&Url::parse(url).unwrap(), variable).map(|it| it.to_string());
            assert_eq!(found.as_deref(), wanted, "{set:?} {url}");
        }
    }
}
