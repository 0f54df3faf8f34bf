//! Where Google sends people back to: what Google refuses, and what does not work from elsewhere.
//! Known before anybody stands before Google's page about it. Pure.

use std::net::IpAddr;

use reqwest::Url;

use crate::config::is_public_name;

/// The path of the way back.
pub const PATH: &str = "/auth/callback";

/// What is to be said of a redirect URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectCheck {
    pub verdict: Verdict,
    pub message: String,
    pub way_out: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Good,
    /// Google takes it, but it leads somewhere else.
    Odd,
    /// Google refuses it.
    Refused,
}

/// Judges by the rules of developers.google.com/identity/protocols/oauth2/web-server.
///
/// `base` is the path below which a proxy shows us; empty without one.
pub fn judge(uri: &str, base: &str) -> RedirectCheck {
    let refused = |why: &str, way_out: String| RedirectCheck {
        verdict: Verdict::Refused,
        message: format!("{uri}: {why}"),
        way_out: Some(way_out),
    };
    let Ok(url) = Url::parse(uri) else {
        return refused("is not a URL", "set GOOGLE_REDIRECT_URI".to_owned());
    };
    let clean = || {
        let mut url = url.clone();
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_fragment(None);
        format!("set GOOGLE_REDIRECT_URI to {url}")
    };
    if !url.username().is_empty() || url.password().is_some() {
        return refused("Google takes no user name in it", clean());
    }
    if url.fragment().is_some() {
        return refused("Google takes no `#` in it", clean());
    }
    if uri.contains("..") || uri.contains('*') || uri.contains('\\') {
        return refused("Google takes no `..`, `*` or `\\` in it", clean());
    }
    let host = host(&url);
    if is_loopback(&host) {
        return of_path(&url, uri, base);
    }
    if host.parse::<IpAddr>().is_ok() {
        return refused("Google refuses addresses that are bare numbers", ways_out(&url));
    }
    if !is_public_name(&host) {
        let why = format!("Google refuses `{host}`, since it is no public name");
        return refused(&why, ways_out(&url));
    }
    if url.scheme() != "https" {
        return refused(
            "Google demands https:// for everything but localhost",
            format!("set up HTTPS for that name, and change http to https; or {}", ways_out(&url)),
        );
    }
    of_path(&url, uri, base)
}

fn of_path(url: &Url, uri: &str, base: &str) -> RedirectCheck {
    // Whether a proxy adds the base path or we are asked directly, both lead here.
    if url.path() == PATH || url.path().strip_prefix(base) == Some(PATH) {
        let message = format!("{uri} (exactly this must be in the Google Cloud console)");
        return RedirectCheck { verdict: Verdict::Good, message, way_out: None };
    }
    RedirectCheck {
        verdict: Verdict::Odd,
        message: format!("{uri} does not lead to {PATH}"),
        way_out: Some(
            "that is right only if a proxy rewrites it; else set GOOGLE_REDIRECT_URI".to_owned(),
        ),
    }
}

fn ways_out(url: &Url) -> String {
    let port = url.port_or_known_default().unwrap_or(8000);
    format!(
        "set GOOGLE_REDIRECT_URI to http://localhost:{port}{PATH} and connect through a tunnel \
         (ssh -L {port}:localhost:{port} this-machine) or paste the address that your browser ends at \
         (`ringbook auth`); or use a public name with https://"
    )
}

fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase()
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|it| it.is_loopback())
}

/// The port, if this leads to whichever machine the browser runs on.
pub fn loopback_port(uri: &str) -> Option<u16> {
    let url = Url::parse(uri).ok()?;
    (url.scheme() == "http" && is_loopback(&host(&url))).then(|| url.port_or_known_default())?
}

/// The beginning of an address, as browsers write it.
pub fn origin(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.origin().ascii_serialization())
}

/// Whether a browser may be led on to there: to a path of the server it asked, or to a page of one of these
/// origins. A browser reads `//host` and `/\\host` as another server.
pub fn may_return_to(wanted: &str, origins: &[String]) -> bool {
    const LEN_MAX: usize = 2000;
    let legal = wanted.len() <= LEN_MAX
        && wanted.bytes().all(|byte| byte.is_ascii_graphic())
        && !wanted.contains('\\');
    if !legal {
        return false;
    }
    if wanted.starts_with('/') {
        return !wanted.starts_with("//");
    }
    let clean = |url: &Url| url.username().is_empty() && url.password().is_none();
    Url::parse(wanted).is_ok_and(|url| clean(&url))
        && origin(wanted).is_some_and(|it| origins.contains(&it))
}

/// The path that the browser is sent to.
pub fn path_of(uri: &str) -> String {
    Url::parse(uri).map_or_else(|_| PATH.to_owned(), |url| url.path().to_owned())
}

/// Whether a browser that found us under this name (a `Host` header) comes back to us at `uri`: not
/// when that leads to its own machine, and it is on another one.
pub fn comes_back(uri: &str, found_at: &str) -> bool {
    if loopback_port(uri).is_none() {
        return true;
    }
    // The same machine by another name is another place for a browser's cookies.
    let here = Url::parse(&format!("http://{found_at}/")).map(|url| host(&url));
    let back = Url::parse(uri).map(|url| host(&url));
    matches!((here, back), (Ok(here), Ok(back)) if here == back)
}

/// Where a browser that found this machine under another of its own names (127.0.0.1 for localhost) has to begin,
/// so that it comes back to where it was: the beginning of our addresses.
pub fn begins_at(uri: &str, found_at: &str) -> Option<String> {
    let port = loopback_port(uri)?;
    let here = Url::parse(&format!("http://{found_at}/")).ok()?;
    let is_ours = is_loopback(&host(&here)) && here.port_or_known_default() == Some(port);
    let url = Url::parse(uri).ok()?;
    (is_ours && !comes_back(uri, found_at)).then(|| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirect_addresses_that_google_refuses_are_known_beforehand() {
        for good in [
            "http://localhost:8000/auth/callback",
            "http://127.0.0.1:8000/auth/callback",
            "http://[::1]:8000/auth/callback",
            "https://ringbook.example.com/auth/callback",
        ] {
            assert_eq!(judge(good, "").verdict, Verdict::Good, "{good}");
        }
        for refused in [
            "http://192.168.1.5:8000/auth/callback",
            "https://192.168.1.5/auth/callback",
            "https://[fd00::1]/auth/callback",
            "http://ringbook.local:8000/auth/callback",
            "https://nas.home.arpa/auth/callback",
            "https://phones/auth/callback",
            "http://ringbook.example.com/auth/callback",
            "https://me@ringbook.example.com/auth/callback",
            "https://ringbook.example.com/auth/callback#here",
            "https://*.example.com/auth/callback",
            "nonsense",
        ] {
            let judgement = judge(refused, "");
            assert_eq!(judgement.verdict, Verdict::Refused, "{refused}");
            assert!(judgement.way_out.is_some());
        }
        assert_eq!(judge("http://localhost:8000/callback", "").verdict, Verdict::Odd);
        let below = "https://a.example.com/ringbook/auth/callback";
        assert_eq!(judge(below, "/ringbook").verdict, Verdict::Good);
        assert_eq!(
            judge("http://localhost:8000/auth/callback", "/ringbook").verdict,
            Verdict::Good
        );
        assert_eq!(judge(below, "").verdict, Verdict::Odd);
        assert_eq!(judge(below, "/book").verdict, Verdict::Odd);
    }

    #[test]
    fn an_address_of_the_lan_gets_the_command_for_the_tunnel_with_its_port() {
        let way_out = judge("http://192.168.1.5:8080/auth/callback", "").way_out.unwrap();
        assert!(way_out.contains("ssh -L 8080:localhost:8080"), "{way_out}");
        assert!(way_out.contains("http://localhost:8080/auth/callback"), "{way_out}");
        assert!(way_out.contains("`ringbook auth`") && way_out.contains("https://"), "{way_out}");
    }

    #[test]
    fn a_browser_on_another_machine_does_not_come_back_through_localhost() {
        let local = "http://localhost:8000/auth/callback";
        assert!(comes_back(local, "localhost:8000") && comes_back(local, "LOCALHOST:9000"));
        assert!(comes_back("http://127.0.0.1:8000/auth/callback", "127.0.0.1:8000"));
        let to = Some("http://localhost:8000".to_owned());
        assert_eq!(begins_at(local, "127.0.0.1:8000"), to);
        for none in ["localhost:8000", "127.0.0.1:9000", "192.168.1.5:8000", ""] {
            assert_eq!(begins_at(local, none), None, "{none}");
        }
        // A browser keeps what is to be known on the way back by the name that it asked.
        for elsewhere in
            ["127.0.0.1:8000", "[::1]:8000", "192.168.1.5:8000", "nas.lan:8000", "nas", "", "a b"]
        {
            assert!(!comes_back(local, elsewhere), "{elsewhere}");
        }
        assert!(comes_back("https://phones.example.com/auth/callback", "192.168.1.5:8000"));
    }
}
