//! By which names this server may be asked.
//!
//! A page whose name an attacker points at this server (DNS rebinding) is of one origin with it, so a browser
//! lets that page send what it likes and read every answer. Only the name in `Host` gives it away: page
//! scripts cannot set it. So an unknown name is refused, whoever asks and whatever they show.

use std::net::{IpAddr, Ipv6Addr};

use super::host_of;

/// Whom a request is for, by its `Host`, without the port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    Address(IpAddr),
    /// In lower case, without the dot that may stand at the end.
    Name(String),
}

/// A longer name is none (RFC 1035, 2.3.4).
const NAME_LEN_MAX: usize = 253;

impl Host {
    /// Reads what stands in `Host`, with or without a port; `None` where it is neither an address nor a name.
    pub fn parse(raw: &str) -> Option<Host> {
        let raw = raw.trim();
        if let Some(rest) = raw.strip_prefix('[') {
            let (address, rest) = rest.split_once(']')?;
            // A zone says through which interface; it is of the client's machine.
            let address = address.split('%').next()?;
            let good = rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port);
            return address.parse::<Ipv6Addr>().ok().filter(|_| good).map(|ip| Host::of(ip.into()));
        }
        if let Ok(address) = raw.parse::<IpAddr>() {
            return Some(Host::of(address));
        }
        let name = match raw.rsplit_once(':') {
            Some((name, port)) => Some(name).filter(|_| is_port(port))?,
            None => raw,
        };
        if let Ok(address) = name.parse::<IpAddr>() {
            // One of version 6 stands in brackets before a port.
            return address.is_ipv4().then(|| Host::of(address));
        }
        host_name(name).map(Host::Name)
    }

    fn of(address: IpAddr) -> Host {
        Host::Address(address.to_canonical())
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Host::Address(address) => address.fmt(f),
            Host::Name(name) => f.write_str(name),
        }
    }
}

fn is_port(text: &str) -> bool {
    text.len() <= 5 && text.bytes().all(|b| b.is_ascii_digit())
}

/// A name as it is compared: in lower case, without a dot at its end.
fn host_name(raw: &str) -> Option<String> {
    let name = raw.strip_suffix('.').unwrap_or(raw);
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let good = !name.is_empty()
        && name.len() <= NAME_LEN_MAX
        && name.bytes().all(legal)
        && name.split('.').all(|part| !part.is_empty());
    good.then(|| name.to_ascii_lowercase())
}

/// A name, or all names below one (`*.office.example`), as a setting says it; a port behind it means nothing.
/// `*` alone is none: it would let every page in.
pub fn parse_allowed(raw: &str) -> Option<String> {
    match raw.strip_prefix("*.") {
        Some(rest) => host_name(rest).map(|name| format!("*.{name}")),
        None => Host::parse(raw).map(|host| host.to_string()),
    }
}

/// Ends of names that are on no public suffix list.
const PRIVATE: [&str; 15] = [
    "corp",
    "domain",
    "example",
    "home",
    "host",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "onion",
    "private",
    "test",
];

/// Whether this end of names is one network's own.
pub fn is_private_end(end: &str) -> bool {
    PRIVATE.contains(&end)
}

/// The names of this server.
#[derive(Clone, Debug, Default)]
pub struct HostNames {
    /// The machine's, and that of `PUBLIC_URL`: no stranger can have pointed them here.
    own: Vec<String>,
    /// By which it may be asked as well.
    allowed: Vec<String>,
}

impl HostNames {
    /// `machine` are names of the machine; `public_url` and `others` are URLs that lead here; `allowed` are names
    /// as [`parse_allowed`] reads them.
    pub fn new(
        machine: &[String],
        public_url: Option<&str>,
        others: &[&str],
        allowed: &[String],
    ) -> HostNames {
        let name = |url: &str| host_of(url).and_then(host_name);
        let machine = machine.iter().filter_map(|it| host_name(it));
        let own = machine.chain(public_url.and_then(name)).collect();
        let others = others.iter().filter_map(|url| name(url));
        HostNames { own, allowed: allowed.iter().cloned().chain(others).collect() }
    }

    /// Whether a request for this host is for us. An address always is: no name was looked up to come here.
    pub fn serves(&self, host: &Host) -> bool {
        match host {
            Host::Address(_) => true,
            Host::Name(name) => self.is_own(name) || self.is_allowed(name),
        }
    }

    /// Whether somebody at this machine would ask for this host: `localhost`, a loopback address, the machine by
    /// its own name, or `PUBLIC_URL`.
    pub fn is_this_machine(&self, host: &Host) -> bool {
        match host {
            Host::Address(address) => address.is_loopback(),
            Host::Name(name) => self.is_own(name),
        }
    }

    fn is_own(&self, name: &str) -> bool {
        // Names below `localhost` are looked up nowhere (RFC 6761, 6.3).
        name == "localhost" || name.ends_with(".localhost") || self.own.iter().any(|it| it == name)
    }

    fn is_allowed(&self, name: &str) -> bool {
        self.allowed.iter().any(|it| match it.strip_prefix('*') {
            Some(ending) => name.ends_with(ending),
            None => it == name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> HostNames {
        let machine = ["PBX".to_owned(), "pbx.local".to_owned()];
        let allowed = ["phones.example", "*.office.example"].map(str::to_owned);
        let others = ["https://back.example/auth/callback"];
        HostNames::new(&machine, Some("http://Public.example:8000/x"), &others, &allowed)
    }

    #[test]
    fn a_server_is_asked_by_its_addresses_and_its_own_names_and_by_no_other() {
        // What is asked for; whether it is us; whether it is this machine.
        for (raw, serves, here) in [
            ("localhost", true, true),
            ("LOCALHOST.:8000", true, true),
            ("app.localhost:8000", true, true),
            ("127.0.0.1", true, true),
            ("127.9.9.9:8000", true, true),
            ("[::1]:8000", true, true),
            ("::1", true, true),
            ("[::ffff:127.0.0.1]", true, true),
            ("10.0.0.5:8000", true, false),
            ("203.0.113.7", true, false),
            ("[fe80::1%25eth0]:80", true, false),
            ("pbx:8000", true, true),
            ("pbx.local", true, true),
            ("public.example", true, true),
            ("back.example", true, false),
            ("phones.example:80", true, false),
            ("a.office.example", true, false),
            ("a.b.office.example.", true, false),
            ("office.example", false, false),
            ("evil.example", false, false),
            ("localhost.evil.example", false, false),
            ("notlocalhost", false, false),
            ("127.0.0.1.evil.example", false, false),
            ("pbx.evil.example", false, false),
            ("phones.example.evil", false, false),
            ("evil-office.example", false, false),
            // Names without a dot may be given out by anybody in this network.
            ("router", false, false),
            ("wpad", false, false),
        ] {
            let host = Host::parse(raw).unwrap();
            let found = (names().serves(&host), names().is_this_machine(&host));
            assert_eq!(found, (serves, here), "{raw}");
        }
    }

    #[test]
    fn what_is_no_host_is_none() {
        for raw in [
            "",
            " ",
            ":80",
            "a b",
            "a/b",
            "a?b",
            "user@localhost",
            "localhost:x",
            "localhost:999999",
            "[::1",
            "[::1]x",
            "[127.0.0.1]",
            "a..b",
            ".",
            "é",
            "a,b",
            "<a>",
            "%41",
            "127.0.0.1:80:80",
        ] {
            assert_eq!(Host::parse(raw), None, "{raw}");
        }
        assert_eq!(Host::parse(&"x".repeat(254)), None);
    }

    #[test]
    fn every_name_at_once_cannot_be_allowed() {
        for (raw, read) in [
            ("Phones.example:8000", Some("phones.example")),
            ("*.Office.example", Some("*.office.example")),
            ("*", None),
            ("*.", None),
            ("a.*.b", None),
            ("http://a", None),
            ("", None),
        ] {
            assert_eq!(parse_allowed(raw).as_deref(), read, "{raw}");
        }
    }
}
