//! A stand-in for Google: an address book behind a real HTTP server, with OAuth in front.
//!
//! It behaves as Google does where that is known, and is never kinder where it is not.
//! `ringbook demo` lives on it, and tests and benchmarks torment the sync engine with it:
//! faults can be planned for single requests, tokens expire on demand, and contacts change,
//! vanish and are renamed while a listing is being read. The same seed gives the same
//! address book and, for the same order of requests, the same answers. Tokens outlive a
//! restart with the same seed; changes to the address book do not.
//!
//! # The control API
//!
//! Bodies and answers are JSON. `?user=` with an e-mail address picks another user's book, and
//! `?list=directory` or `?list=shared` a list of the domain.
//!
//! | request | what it does |
//! |---|---|
//! | `POST /simulator/contacts` | adds a [`Contact`], answers its `resourceName` |
//! | `GET`, `PATCH`, `DELETE /simulator/contacts/{c123}` | shows, edits (given members replace), deletes one |
//! | `POST /simulator/contacts/{c123}/rename`, `/restore`, `/touch` | new resource name; undo a deletion; "modified" without a change |
//! | `POST /simulator/contacts/merge` `{"keep","drop"}` | the first survives with the data of both |
//! | `POST /simulator/contacts/generate`, `/delete-many` `{"count"}` | makes contacts up; deletes some by chance |
//! | `POST /simulator/contacts/touch-all` | every contact is modified, and none is |
//! | `POST /simulator/groups` `{"name"}`, `PATCH`, `DELETE /simulator/groups/{id}` | contact groups |
//! | `POST /simulator/changes` `{"count"}` | random changes, at once |
//! | `GET /simulator/truth` | all live contacts as [`Truth`] |
//! | `POST /simulator/expire-sync-tokens`, `/expire-page-tokens`, `/expire-access-tokens` | what was handed out so far is worth nothing |
//! | `POST /simulator/revoke-grants` | the app is removed from the Google account |
//! | `GET`, `POST /simulator/user` `{"email","contacts","grants_too"}` | another Google user answers |
//! | `POST /simulator/consent` `{"deny","scopes"}` | what happens at the consent page |
//! | `GET /simulator/service-account` | the key file of a service account |
//! | `POST /simulator/delegation` `{"scopes"}` | what it may do in everybody's name; nothing at first |
//! | `POST /simulator/directory-sharing` `{"on"}` | whether the domain's lists may be read |
//! | `POST /simulator/grant` `{"scopes"}` | tokens without a browser |
//! | `POST /simulator/clock` `{"advance_seconds"}` | puts the clock forward |
//! | `GET`, `PATCH /simulator/settings` | [`Settings`]: latency, gzip, changes per minute, quotas |
//! | `GET`, `POST`, `DELETE /simulator/faults`, `DELETE /simulator/faults/{id}` | the plan of [`Fault`]s |
//! | `GET`, `DELETE /simulator/log` | requests and counters |
//!
//! # Faults
//!
//! A fault names the requests it is `match`ed with, lets `after` of them pass, and strikes
//! `times` times (1 unless said, or `"forever"`). Of several faults that match one request,
//! the first decides what goes over the wire, and the others wait; delays add up, and so do
//! lies in a listing.
//!
//! ```json
//! {
//!   "match": { "endpoint": "list", "page": 2, "sync": "full", "user": "ada@example.com" },
//!   "after": 0,
//!   "times": 3,
//!   "action": { "kind": "answer", "answer": "rate_limit", "retry_after": 5 }
//! }
//! ```
//!
//! [`Action`] lists what can go wrong, [`Canned`] what can be answered.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

mod answers;
mod book;
mod changes;
mod contact;
mod control;
mod control_http;
mod domain;
mod faults;
mod generate;
mod groups;
mod listing;
mod log;
mod mask;
mod oauth;
mod people;
mod query;
mod random;
mod redirect;
mod render;
mod server;
mod service_account;
mod tamper;
mod time;
mod tokens;
mod wire;
mod words;
mod world;

pub use answers::{Canned, Spelling};
pub use book::BookError;
pub use contact::{Contact, EmailAddress, Name, Organization, PhoneNumber, Truth};
pub use control::Control;
pub use domain::DIRECTORY_READONLY;
pub use faults::{
    Action, Defect, Endpoint, Fault, Forever, PlannedFault, RetryAfter, Sync, Times, When,
};
pub use log::{Counters, Entry};
pub use oauth::{CONTACTS_READONLY, Consent, Tokens};
pub use world::Settings;

use world::World;

/// What a simulator starts with.
#[derive(Clone, Debug)]
pub struct Options {
    pub addr: SocketAddr,
    pub seed: u64,
    /// The size of the first user's address book.
    pub contacts: usize,
    /// The first user.
    pub email: String,
    /// How long each answer of the People API takes to come.
    pub latency: Duration,
    /// Whether good answers are compressed for those who ask. Errors always are.
    pub gzip: bool,
    /// Random changes to the address book; 0 for one that stands still.
    pub changes_per_minute: f64,
    /// Counted from the full sync, as Google does.
    pub sync_token_ttl: Duration,
    pub access_token_ttl: Duration,
    /// Seven days for an app in Google's "Testing" mode; none for ever.
    pub refresh_token_ttl: Option<Duration>,
    pub client_id: String,
    pub client_secret: String,
    /// Any well-formed address will do when empty.
    pub redirect_uris: Vec<String>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 1,
            contacts: 100,
            email: "ada.lovelace@example.com".to_owned(),
            latency: Duration::ZERO,
            gzip: true,
            changes_per_minute: 0.0,
            sync_token_ttl: Duration::from_secs(7 * 24 * 3600),
            access_token_ttl: Duration::from_secs(3599),
            refresh_token_ttl: None,
            client_id: "1234567890-simulator.apps.googleusercontent.com".to_owned(),
            client_secret: "GOCSPX-simulator".to_owned(),
            redirect_uris: Vec::new(),
        }
    }
}

/// A running simulator. It stops when dropped.
pub struct Simulator {
    addr: SocketAddr,
    world: Arc<World>,
    server: Option<JoinHandle<()>>,
    client_id: String,
    client_secret: String,
}

impl Simulator {
    pub async fn start(options: Options) -> io::Result<Simulator> {
        let listener = TcpListener::bind(options.addr).await?;
        let addr = listener.local_addr()?;
        let world = Arc::new(World::new(&options));
        let server = tokio::spawn(server::run(listener, Arc::clone(&world)));
        let Options { client_id, client_secret, .. } = options;
        Ok(Simulator { addr, world, server: Some(server), client_id, client_secret })
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub fn control(&self) -> Control {
        Control::new(&self.world)
    }

    /// The settings that point Ringbook at this simulator.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let base = self.base_url();
        vec![
            ("GOOGLE_API_BASE_URL", base.clone()),
            ("GOOGLE_AUTH_URL", format!("{base}/o/oauth2/v2/auth")),
            ("GOOGLE_TOKEN_URL", format!("{base}/token")),
            ("GOOGLE_REVOKE_URL", format!("{base}/revoke")),
            ("GOOGLE_CLIENT_ID", self.client_id.clone()),
            ("GOOGLE_CLIENT_SECRET", self.client_secret.clone()),
        ]
    }

    /// Stops listening, ends what hangs, and waits for it.
    pub async fn shutdown(mut self) {
        self.world.stop.send_replace(true);
        if let Some(server) = self.server.take() {
            // It can only have ended in the way it was told to.
            let _ = server.await;
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.world.stop.send_replace(true);
    }
}

/// Runs a simulator until Ctrl-C, and says how to point Ringbook at it.
pub async fn serve(options: Options) -> anyhow::Result<()> {
    let contacts = options.contacts;
    let simulator = Simulator::start(options).await?;
    println!("Google, simulated with {contacts} contacts, is at {}", simulator.base_url());
    println!();
    for (name, value) in simulator.environment() {
        println!("export {name}={value}");
    }
    println!();
    println!("Levers: {}/simulator    Stop: Ctrl-C", simulator.base_url());
    tokio::signal::ctrl_c().await?;
    simulator.shutdown().await;
    Ok(())
}
