//! Google's side: the People API behind [`AddressBook`](ringbook_core::sync::book::AddressBook), and the
//! permission to use it.
//!
//! [`People`] asks, [`AccessTokens`] lets it in, [`OAuth`] gets the permission in the first place.
//! Google's JSON and Google's ways of saying no stop in this folder: outside of it there are
//! contacts and [`FetchError`](ringbook_core::sync::book::FetchError)s.

mod connection;
mod diagnose;
mod entities;
pub mod fault;
mod json;
pub mod oauth;
pub mod oauth_refusals;
mod people;
pub mod person;
mod proxy;
mod refusals;
mod service_account;
mod token;
pub mod transport;
pub mod wire;

pub use connection::{stranger, unreachable};
pub use oauth::{
    Authorization, OAuth, OAuthError, OAuthOptions, SCOPE, SCOPE_DIRECTORY, Tokens,
    no_refresh_token,
};
pub use people::{People, PeopleOptions, request_fingerprint};
pub use service_account::{BadKey, Minter, ServiceKey};
pub use token::{AccessTokens, Grant, GrantStore, KeeperError, scope_of};
pub use transport::{Limits, SetupError, http_client};
