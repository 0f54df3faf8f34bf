//! Where a guess at a password comes from, and by what it is counted.

use std::net::IpAddr;

use crate::access::{Bucket, Lane};
use ringbook_core::access::client_prefix;
use ringbook_store::name_key;

/// Where a request to sign in comes from.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    pub address: &'a str,
    pub agent: &'a str,
    /// What the browser shows of a sign-in before, if it is of the form of ours.
    pub browser: Option<&'a str>,
    /// The session that asks for the password once more.
    pub session: Option<&'a str>,
    /// It is asked on this machine, for this machine.
    pub is_here: bool,
}

impl<'a> Origin<'a> {
    /// One of whom nothing is known but the address and the program.
    pub fn of(address: &'a str, agent: &'a str) -> Origin<'a> {
        Origin { address, agent, browser: None, session: None, is_here: false }
    }

    /// By what a guess at this is counted: the name of a person, or what else can be guessed. `known` is the id
    /// of a browser that this person has signed in with before.
    ///
    /// Whoever has something that no stranger has is counted by that alone, so that strangers who guess at a
    /// name do not lock its owner out.
    pub(super) fn buckets(&self, about: &str, known: Option<&str>) -> (Vec<Bucket>, Lane) {
        let own = match (self.session, known) {
            (Some(session), _) => Some(format!("session {session}")),
            (None, Some(browser)) => Some(format!("browser {browser}")),
            (None, None) => self.is_here.then(|| "this machine".to_owned()),
        };
        match own {
            Some(own) => (vec![Bucket::Own(own)], Lane::Known),
            None => {
                let address: Result<IpAddr, _> = self.address.parse();
                let from = address
                    .map_or_else(|_| self.address.to_owned(), |ip| client_prefix(ip).to_string());
                // By what the store compares: else each way of writing one name would be guessed at anew.
                let name = Bucket::Name(name_key(about));
                (vec![Bucket::Address(from), name], Lane::Strangers)
            }
        }
    }
}
