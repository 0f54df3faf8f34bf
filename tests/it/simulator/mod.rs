//! The simulator keeps Google's promises, and its own.

mod changes;
mod domain;
mod expiry;
mod faults;
mod levers;
mod listing;
mod oauth;
mod python;
mod strictness;
mod wire;

use std::collections::HashSet;
use std::io::Read;
use std::process::Command;
use std::time::Duration;

use ringbook_simulator::{
    Action, CONTACTS_READONLY, Canned, Consent, Contact, Defect, Endpoint, Fault, Options,
    RetryAfter, Simulator, Spelling, Sync,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::PATIENCE;

const MASK: &str = "metadata,names,nicknames,organizations,phoneNumbers,emailAddresses,memberships";
const FULL: &[(&str, &str)] = &[
    ("personFields", MASK),
    ("sources", "READ_SOURCE_TYPE_CONTACT"),
    ("pageSize", "40"),
    ("requestSyncToken", "true"),
    ("prettyPrint", "false"),
];

/// A simulator, and a client who is let in.
struct Google {
    simulator: Simulator,
    client: reqwest::Client,
    token: String,
}

struct Answer {
    status: u16,
    json: Value,
    headers: reqwest::header::HeaderMap,
}

impl Google {
    async fn with(options: Options) -> Google {
        let simulator = Simulator::start(options).await.unwrap();
        let scopes = [CONTACTS_READONLY.to_owned(), "email".to_owned()];
        let token = simulator.control().grant(&scopes).access_token;
        let client = reqwest::Client::builder()
            .user_agent("test (gzip)")
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Google { simulator, client, token }
    }

    async fn of(contacts: usize) -> Google {
        Google::with(Options { contacts, ..Options::default() }).await
    }

    fn url(&self, path: &str, query: &[(&str, &str)]) -> reqwest::Url {
        let url = format!("{}{path}", self.simulator.base_url());
        reqwest::Url::parse_with_params(&url, query).unwrap()
    }

    async fn send(&self, path: &str, query: &[(&str, &str)]) -> reqwest::Result<reqwest::Response> {
        self.client.get(self.url(path, query)).bearer_auth(&self.token).send().await
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Answer {
        Answer::of(self.send(path, query).await.unwrap()).await
    }

    async fn list(&self, query: &[(&str, &str)]) -> Answer {
        self.get("/v1/people/me/connections", query).await
    }

    /// The full listing's first call, with parameters replaced, added, or taken away by "-".
    async fn full_but(&self, changes: &[(&str, &str)]) -> Answer {
        let kept = FULL.iter().filter(|(name, _)| !changes.iter().any(|(other, _)| other == name));
        let query: Vec<_> =
            kept.chain(changes).copied().filter(|(_, value)| *value != "-").collect();
        self.list(&query).await
    }

    /// All pages, from the first or from a sync token on.
    async fn chain(&self, sync_token: Option<&str>) -> Vec<Value> {
        let mut pages: Vec<Value> = Vec::new();
        loop {
            let mut changes: Vec<(&str, &str)> = Vec::new();
            changes.extend(sync_token.map(|token| ("syncToken", token)));
            let page_token = pages.last().map(|page| page["nextPageToken"].as_str().unwrap());
            changes.extend(page_token.map(|token| ("pageToken", token)));
            let answer = self.full_but(&changes).await;
            assert_eq!(answer.status, 200, "{}", answer.json);
            let last = answer.json.get("nextPageToken").is_none();
            pages.push(answer.json);
            if last {
                return pages;
            }
            assert!(pages.len() < 200, "the listing does not end");
        }
    }

    async fn sync_token(&self) -> String {
        sync_token(&self.chain(None).await)
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let request = self.client.post(self.url(path, &[])).form(form);
        Answer::of(request.send().await.unwrap()).await
    }

    async fn lever(&self, method: &str, path: &str, body: Value) -> Answer {
        let method = method.parse().unwrap();
        let request = self.client.request(method, self.url(path, &[])).json(&body);
        Answer::of(request.send().await.unwrap()).await
    }

    fn strike(&self, fault: Fault) {
        self.simulator.control().add_fault(fault);
    }
}

impl Answer {
    async fn of(response: reqwest::Response) -> Answer {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let json = serde_json::from_str(&response.text().await.unwrap()).unwrap_or(Value::Null);
        Answer { status, json, headers }
    }

    fn error_status(&self) -> (u16, &str) {
        (self.status, self.json["error"]["status"].as_str().unwrap_or("no status"))
    }

    fn people(&self) -> &[Value] {
        people(&self.json)
    }
}

fn people(page: &Value) -> &[Value] {
    page.get("connections").map_or(&[], |people| people.as_array().unwrap())
}

fn sync_token(pages: &[Value]) -> String {
    pages.last().unwrap()["nextSyncToken"].as_str().unwrap().to_owned()
}

fn names(pages: &[Value]) -> Vec<String> {
    pages.iter().flat_map(people).map(|person| text(person, "/resourceName")).collect()
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

const REFUSED: (u16, &str) = (400, "INVALID_ARGUMENT");
