//! Why a connection to Google failed: from the error of the HTTP client to a diagnosis.
//!
//! What is named is the host that was asked, and the proxy on the way with the variable that sets it; never a
//! whole address, since those hold tokens.

use std::error::Error;
use std::io;

use jiff::Timestamp;
use reqwest::Url;
use rustls::CertificateError;

use super::proxy::{Proxy, proxy_for};
use ringbook_core::contact::clean;
use ringbook_core::sync::diagnosis::{Cause, Diagnosis};

/// What is in the way to this address, where a request to it failed.
pub fn unreachable(url: &str, error: reqwest::Error) -> Diagnosis {
    let error = error.without_url();
    match Url::parse(url) {
        Ok(url) => Route::to(&url).failed(&error),
        Err(_) => Diagnosis::fix(
            Cause::AddressWrong,
            "the configured address of Google is not a URL",
            "check GOOGLE_API_BASE_URL, which is not set for Google itself",
        ),
    }
}

/// What answered in place of Google, told by a status that Google does not answer with: a proxy, or the sign-in
/// page of a network. `location`: where a redirect leads to.
pub fn stranger(url: &Url, status: u16, location: Option<&str>) -> Option<Diagnosis> {
    match status {
        407 => Some(Route::to(url).proxy_sign_in()),
        511 => Some(login_page("this network demands a sign-in (511)")),
        300..=303 | 305 | 307 | 308 => {
            // Of the address only the host: the rest may hold what is nobody's business.
            let to = location.and_then(|it| Url::parse(it).ok());
            let to = to.as_ref().and_then(Url::host_str);
            let to = to.map_or_else(String::new, |host| format!(" to {}", clean(host, 100)));
            Some(login_page(&format!("a redirect{to} ({status})")))
        }
        _ => None,
    }
}

/// A page for people came: something between here and Google wants a person to sign in.
pub(super) fn login_page(what: &str) -> Diagnosis {
    Diagnosis::wait(
        Cause::LoginPage,
        format!("something other than Google answered: {what}"),
        "open a web page in a browser on this network and sign in to it if it asks you to; else let this machine \
         pass the proxy or filter that answers for Google",
    )
}

/// Where a request goes, and over which proxy.
pub(super) struct Route {
    host: String,
    proxy: Option<Proxy>,
}

impl Route {
    pub(super) fn to(url: &Url) -> Route {
        Route::over(url, proxy_for(url))
    }

    fn over(url: &Url, proxy: Option<Proxy>) -> Route {
        Route { host: url.host_str().unwrap_or("Google").to_owned(), proxy }
    }

    /// What to look at first when nothing is known but that the connection failed.
    fn look(&self) -> String {
        match &self.proxy {
            Some(proxy) => format!("look at {proxy}, and at the network of this machine"),
            None => "look at the network and the firewall of this machine".to_owned(),
        }
    }

    /// Nothing came for so long. `what`: "Google said nothing for more than 30 s".
    pub(super) fn timed_out(&self, what: &str) -> Diagnosis {
        let host = &self.host;
        Diagnosis::wait(Cause::TimedOut, format!("{what} ({host})"), self.look())
    }

    /// The proxy wants to be signed in to.
    pub(super) fn proxy_sign_in(&self) -> Diagnosis {
        let Some(proxy) = &self.proxy else {
            return Diagnosis::fix(
                Cause::ProxySignIn,
                format!("a proxy on the way to {} demands a name and a password (407)", self.host),
                "name the proxy with its sign-in in HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT, or let this \
                 machine pass without",
            );
        };
        let variable = proxy.variable;
        Diagnosis::fix(
            Cause::ProxySignIn,
            format!(
                "{proxy} demands a name and a password, or does not accept those it is given (407)"
            ),
            format!(
                "put them into {variable}=http://NAME:PASSWORD@{}, with special characters percent-encoded, and \
                 start Ringbook again",
                proxy.address
            ),
        )
    }

    /// What an error of the HTTP client means. It must be rid of its address.
    pub(super) fn failed(&self, error: &reqwest::Error) -> Diagnosis {
        let facts = Facts::of(error);
        let details = facts.innermost.clone();
        let by_certificate = facts.certificate.as_ref().map(|it| self.certificate(it));
        let found = match (&self.proxy, by_certificate) {
            (_, Some(by_certificate)) => by_certificate,
            _ if facts.tls => self.handshake(),
            (Some(proxy), _) if facts.wants_sign_in => {
                debug_assert!(!proxy.address.contains('@'));
                self.proxy_sign_in()
            }
            (Some(proxy), _) if facts.tunnel_refused => self.tunnel_refused(proxy),
            // SOCKS leaves the name to this machine, unless it is `socks5h`; an address has none to resolve.
            (Some(proxy), _) if error.is_dns() && proxy.is_an_address() => {
                self.direct(&facts, error)
            }
            (Some(proxy), _) if error.is_connect() => self.proxy_unreachable(proxy, &facts, error),
            _ => self.direct(&facts, error),
        };
        found.saying(&details)
    }

    fn direct(&self, facts: &Facts, error: &reqwest::Error) -> Diagnosis {
        let host = &self.host;
        let kind = facts.io.unwrap_or(io::ErrorKind::Other);
        if error.is_dns() {
            return Diagnosis::wait(
                Cause::NameUnresolved,
                format!("Google cannot be reached: the name {host} cannot be resolved"),
                "look at the network of this machine and at its name server (DNS)",
            );
        }
        if error.is_timeout() {
            return self.timed_out("Google did not answer in time");
        }
        match kind {
            io::ErrorKind::ConnectionRefused => Diagnosis::wait(
                Cause::Unreachable,
                format!("Google cannot be reached: {host} refuses the connection"),
                "look at the firewall, and whether GOOGLE_API_BASE_URL and GOOGLE_TOKEN_URL are set to \
                 another server",
            ),
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => Diagnosis::wait(
                Cause::Unreachable,
                format!("Google cannot be reached: there is no route to {host}"),
                "look at the network of this machine, its default gateway and its IPv6",
            ),
            _ if error.is_connect() => Diagnosis::wait(
                Cause::Unreachable,
                format!("Google cannot be reached: no connection to {host} could be made"),
                self.look(),
            ),
            _ => Diagnosis::wait(
                Cause::CutOff,
                format!("the connection to Google broke off ({host})"),
                self.look(),
            ),
        }
    }

    fn proxy_unreachable(&self, proxy: &Proxy, facts: &Facts, error: &reqwest::Error) -> Diagnosis {
        let what = if error.is_dns() {
            "its name cannot be resolved"
        } else if error.is_timeout() {
            "it did not answer in time"
        } else if facts.io == Some(io::ErrorKind::ConnectionRefused) {
            "it refuses the connection"
        } else {
            "no connection could be made"
        };
        Diagnosis::wait(
            Cause::ProxyUnreachable,
            format!("Google cannot be reached, since {proxy} cannot be: {what}"),
            format!(
                "start that proxy, or correct or remove {} and start Ringbook again",
                proxy.variable
            ),
        )
    }

    fn tunnel_refused(&self, proxy: &Proxy) -> Diagnosis {
        let host = &self.host;
        Diagnosis::fix(
            Cause::ProxyRefused,
            format!("{proxy} refuses to connect to {host}"),
            format!(
                "allow {host}, port 443, at that proxy; or remove {}, or put {host} into NO_PROXY, where this \
                 machine may connect directly",
                proxy.variable
            ),
        )
    }

    fn handshake(&self) -> Diagnosis {
        let host = &self.host;
        let over = self.proxy.as_ref().map_or_else(String::new, |it| format!(" over {it}"));
        Diagnosis::wait(
            Cause::TlsFailed,
            format!("no secure connection (TLS) to {host}{over} could be agreed on"),
            "look for a proxy, a firewall or a virus scanner that interferes with TLS, and let this machine's \
             connections to Google pass it unopened",
        )
    }

    fn certificate(&self, error: &CertificateError) -> Diagnosis {
        use CertificateError as Bad;
        let host = &self.host;
        let over = self.proxy.as_ref().map_or_else(String::new, |it| format!(" over {it}"));
        let clock = |what: &str, beyond: Option<(u64, u64)>| {
            let times = beyond.and_then(|(now, limit)| {
                Some(format!(" (it is {} here; the limit is {})", at(now)?, at(limit)?))
            });
            Diagnosis::fix(
                Cause::ClockWrong,
                format!(
                    "the certificate of {host} {what} by this machine's clock{}",
                    times.unwrap_or_default()
                ),
                "set the clock, and keep it set with an NTP service; where the clock is right, renew the \
                 certificate of the proxy in between",
            )
        };
        match error {
            Bad::Expired => clock("has expired", None),
            Bad::ExpiredContext { time, not_after } => {
                clock("has expired", Some((time.as_secs(), not_after.as_secs())))
            }
            Bad::NotValidYet => clock("is not valid yet", None),
            Bad::NotValidYetContext { time, not_before } => {
                clock("is not valid yet", Some((time.as_secs(), not_before.as_secs())))
            }
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => Diagnosis::wait(
                Cause::TlsFailed,
                format!(
                    "something other than {host} answered{over}: its certificate is for another name"
                ),
                "open a web page in a browser on this network and look for a sign-in page; else look at the \
                 name server (DNS), the hosts file and the proxy",
            ),
            // What most validators call a chain that ends at an authority that is not known.
            Bad::UnknownIssuer | Bad::BadSignature | Bad::Other(_) => Diagnosis::fix(
                Cause::TlsUntrusted,
                format!(
                    "the certificate of {host}{over} is signed by an authority that is not trusted here, as \
                     it is where a proxy or a virus scanner opens TLS"
                ),
                format!(
                    "name a file with that authority's CA certificate (PEM) in the environment variable \
                     SSL_CERT_FILE and start Ringbook again, or let connections to {host} pass unopened"
                ),
            ),
            _ => self.handshake(),
        }
    }
}

fn at(seconds: u64) -> Option<String> {
    let at = Timestamp::from_second(i64::try_from(seconds).ok()?).ok()?;
    Some(at.to_string())
}

/// What the chain of causes of an error holds.
#[derive(Default)]
struct Facts {
    innermost: String,
    io: Option<io::ErrorKind>,
    certificate: Option<CertificateError>,
    /// TLS failed in any way.
    tls: bool,
    /// The proxy answered 407 to CONNECT.
    wants_sign_in: bool,
    /// The proxy answered something else than 200 to CONNECT.
    tunnel_refused: bool,
}

impl Facts {
    fn of(error: &reqwest::Error) -> Facts {
        let mut facts = Facts::default();
        facts.visit(error);
        facts
    }

    fn visit(&mut self, error: &(dyn Error + 'static)) {
        self.innermost = error.to_string();
        // The types of the HTTP client's proxy support are private; its words are not.
        match self.innermost.as_str() {
            "tunnel error: proxy authorization required" => self.wants_sign_in = true,
            "tunnel error: unsuccessful" | "tunnel error: unexpected end of file" => {
                self.tunnel_refused = true;
            }
            _ => {}
        }
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            self.tls = true;
            if let rustls::Error::InvalidCertificate(why) = tls {
                self.certificate = Some(why.clone());
            }
        }
        if let Some(io) = error.downcast_ref::<io::Error>() {
            self.io = Some(io.kind());
            // What an I/O error wraps is not its source but itself.
            if let Some(inner) = io.get_ref() {
                return self.visit(inner);
            }
        }
        if let Some(source) = error.source() {
            self.visit(source);
        }
    }
}
