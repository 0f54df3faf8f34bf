//! Who may do what. Phones, programs and people have three separate rights, and nobody has one by
//! accident.
//!
//! Everything here decides; who somebody is, is found out where requests come in.

mod host;

use std::net::{IpAddr, Ipv6Addr};

use crate::string_enum;

pub use host::{Host, HostNames, is_private_end, parse_allowed};

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Nothing: it tells nothing, or asks for a proof of its own.
    Open,
    /// What phones are shown, and callers' names.
    Phones,
    /// Everything about contacts and syncs, and no secret.
    Read,
    /// Starting and stopping syncs, and the word on those on hold.
    Sync,
    /// Everything.
    Admin,
}

string_enum! {
    /// How far a program's token reaches. Each scope has what the ones before it have.
    Scope {
        Read = "read",
        Sync = "sync",
        Admin = "admin",
    }
}

impl Scope {
    fn right(self) -> Permission {
        match self {
            Scope::Read => Permission::Read,
            Scope::Sync => Permission::Sync,
            Scope::Admin => Permission::Admin,
        }
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// Signed in with a password, or by a proxy that is trusted with that.
    Person {
        name: String,
    },
    /// A token of the API.
    Program {
        name: String,
        scope: Scope,
    },
    /// A phone with a token in its address.
    Device {
        id: String,
        name: String,
    },
    /// A phone, or whatever else is in the phones' networks.
    PhoneNetwork,
    /// A user at a terminal on this machine, who can read the database.
    CommandLine {
        name: String,
    },
    /// Somebody on this machine, while there is no administrator yet.
    Local,
    Stranger,
}

impl Identity {
    /// The highest right they have. Each right includes those before it.
    pub fn right(&self) -> Permission {
        match self {
            Identity::Person { .. } | Identity::CommandLine { .. } | Identity::Local => {
                Permission::Admin
            }
            Identity::Program { scope, .. } => scope.right(),
            Identity::Device { .. } | Identity::PhoneNetwork => Permission::Phones,
            Identity::Stranger => Permission::Open,
        }
    }

    pub fn may(&self, right: Permission) -> bool {
        self.right() >= right
    }

    /// Their name, if they have proved one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Identity::Person { name }
            | Identity::Program { name, .. }
            | Identity::Device { name, .. }
            | Identity::CommandLine { name } => Some(name),
            Identity::PhoneNetwork | Identity::Local | Identity::Stranger => None,
        }
    }
}

/// Whether a request may count as one from this machine itself: the other end of the connection is on it,
/// nobody forwarded it, and it was meant for this machine. Else a proxy here would make the whole world local,
/// and so would a web page whose name an attacker has pointed at 127.0.0.1 (DNS rebinding).
pub fn is_local(peer: IpAddr, was_forwarded: bool, host: Option<&Host>, names: &HostNames) -> bool {
    peer.to_canonical().is_loopback()
        && !was_forwarded
        && host.is_none_or(|host| names.is_this_machine(host))
}

/// The name in a URL.
pub fn host_of(url: &str) -> Option<&str> {
    let rest = url.split_once("://")?.1;
    let authority = rest.split('/').next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => host.split(':').next(),
    }
}

/// One line to the internet has 2^64 addresses of version 6, which are one client's for our purpose.
pub fn client_prefix(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_right_includes_the_ones_before_it_and_no_other() {
        let program = |scope| Identity::Program { name: "x".to_owned(), scope };
        let rights = [
            Permission::Open,
            Permission::Phones,
            Permission::Read,
            Permission::Sync,
            Permission::Admin,
        ];
        let can = |who: Identity| rights.map(|right| who.may(right));
        assert_eq!(can(Identity::Stranger), [true, false, false, false, false]);
        assert_eq!(can(Identity::PhoneNetwork), [true, true, false, false, false]);
        assert_eq!(can(program(Scope::Read)), [true, true, true, false, false]);
        assert_eq!(can(program(Scope::Sync)), [true, true, true, true, false]);
        assert_eq!(can(program(Scope::Admin)), [true; 5]);
        assert_eq!(can(Identity::Person { name: "Ada".to_owned() }), [true; 5]);
    }

    #[test]
    fn a_request_is_local_only_if_nothing_stands_between() {
        let here = IpAddr::from([127, 0, 0, 1]);
        let names =
            HostNames::new(&[], Some("http://pbx.example"), &[], &["also.example".to_owned()]);
        let local = |peer: IpAddr, was_forwarded, host: &str| {
            is_local(peer, was_forwarded, Host::parse(host).as_ref(), &names)
        };
        assert!(local(here, false, "localhost:8000"));
        assert!(local(here, false, "127.0.0.1"));
        assert!(local("::1".parse().unwrap(), false, "[::1]:8000"));
        assert!(is_local(
            "::ffff:127.0.0.1".parse().unwrap(),
            false,
            Host::parse("localhost").as_ref(),
            &names
        ));
        assert!(local(here, false, "pbx.example:80"));
        assert!(!local(here, true, "localhost"), "a proxy sent it");
        for host in ["evil.example", "localhost.evil.example", "router", "10.0.0.5", "also.example"]
        {
            assert!(!local(here, false, host), "{host}");
        }
        assert!(!local(IpAddr::from([10, 0, 0, 1]), false, "localhost"));
    }

    #[test]
    fn the_host_of_a_url_is_found() {
        for (url, host) in [
            ("https://pbx.example:8443/x", "pbx.example"),
            ("http://[fd00::1]:8000", "fd00::1"),
            ("http://a:b@host/", "host"),
        ] {
            assert_eq!(host_of(url), Some(host));
        }
    }
}
