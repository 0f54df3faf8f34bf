//! The People API as an address book.
//!
//! The parameters of a listing are frozen: "when the `page_token` or `sync_token` is specified,
//! all other request parameters must match the first call" (people.connections.list). So they
//! are constants here, and [`request_fingerprint`] tells when a stored token no longer fits.

use std::sync::Arc;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Client, Url};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use super::fault::ApiError;
use super::token::{AccessToken, AccessTokens};
use super::transport::{
    Answer, Limits, SetupError, TransportError, common_headers, exchange, parse_url,
};
use super::wire;
use ringbook_core::clock::Clock;
use ringbook_core::contact::ResourceName;
use ringbook_core::sync::Source;
use ringbook_core::sync::book::{
    AddressBook, FetchError, Label, ListRequest, Page, Presence, VERIFY_MAX,
};

const CONNECTIONS: &str = "/v1/people/me/connections";
const DIRECTORY: &str = "/v1/people:listDirectoryPeople";
const ME: &str = "/v1/people/me";
const BATCH_GET: &str = "/v1/people:batchGet";
const GROUPS: &str = "/v1/contactGroups";

/// Never `sortOrder`: it may only be used "when sync is not requested".
///
/// `metadata` must be among the fields, or else a deleted contact looks like an emptied one.
const LIST_PARAMETERS: [(&str, &str); 4] = [
    (
        "personFields",
        "metadata,names,nicknames,organizations,phoneNumbers,sipAddresses,emailAddresses,memberships",
    ),
    ("sources", CONTACTS_ONLY),
    // On every page of every listing, since it is one of the parameters that must match.
    ("requestSyncToken", "true"),
    ("prettyPrint", "false"),
];

/// Never `mergeSources`: it mixes private contacts of the account's person into what the whole office sees.
///
/// A sync token is asked for, though it is never used: it comes with the last page only, and so shows that
/// a listing is complete. There is no total to show it.
const DIRECTORY_PARAMETERS: [(&str, &str); 3] = [
    ("readMask", "metadata,names,nicknames,organizations,phoneNumbers,emailAddresses"),
    ("requestSyncToken", "true"),
    ("prettyPrint", "false"),
];

/// Without it, Google mixes the public profiles of linked accounts into the contacts.
const CONTACTS_ONLY: &str = "READ_SOURCE_TYPE_CONTACT";

/// Google lists at most 1000 groups a page. Nobody has as many pages; a loop would.
const GROUP_PAGES_MAX: usize = 50;

/// A short hash of everything that a sync token depends on. A stored token is void when it differs.
pub fn request_fingerprint(page_size: u16) -> String {
    let mut text = format!("GET {CONNECTIONS}\npageSize={}", bounded(page_size));
    for (name, value) in LIST_PARAMETERS {
        text.push_str(&format!("\n{name}={value}"));
    }
    // Google formats names by it, so names read in another language are other names.
    text.push_str("\naccept-language=en");
    Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn bounded(page_size: u16) -> u16 {
    page_size.clamp(1, 1000)
}

/// What [`People`] needs.
pub struct PeopleOptions {
    /// `https://people.googleapis.com`, or a stand-in's address, with or without a path.
    pub base_url: String,
    /// From [`http_client`](super::http_client).
    pub http: Client,
    pub tokens: Arc<AccessTokens>,
    pub clock: Arc<dyn Clock>,
    pub limits: Limits,
}

/// One account's address book at Google, or a list of its domain.
pub struct People {
    source: Source,
    base: Url,
    http: Client,
    tokens: Arc<AccessTokens>,
    clock: Arc<dyn Clock>,
    limits: Limits,
}

impl People {
    /// # Errors
    /// When `base_url` is no address.
    pub fn new(options: PeopleOptions) -> Result<People, SetupError> {
        let PeopleOptions { base_url, http, tokens, clock, limits } = options;
        Ok(People {
            source: Source::Contacts,
            base: parse_url("the People API (GOOGLE_API_BASE_URL)", &base_url)?,
            http,
            tokens,
            clock,
            limits,
        })
    }

    /// The same client for another source.
    pub fn of(self, source: Source) -> People {
        People { source, ..self }
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url.set_query(None);
        url.set_fragment(None);
        url
    }

    /// Asks, and if the access token is refused, asks once more with a new one. What is no success is a
    /// refusal.
    async fn ask(&self, url: &Url) -> Result<Result<Answer, ApiError>, FetchError> {
        let mut token = self.tokens.access(self.source).await?;
        let mut answer = self.ask_with(url, &token).await?;
        if answer.status == 401 {
            token = self.tokens.replace(self.source, &token).await?;
            answer = self.ask_with(url, &token).await?;
        }
        match answer.status {
            200 if answer.json => Ok(Ok(answer)),
            // A captive portal or a proxy says 200 to everything.
            200 => Err(malformed("it is not JSON by its Content-Type".to_owned())),
            _ => {
                let refusal = ApiError::read(&answer, self.clock.now());
                Ok(Err(refusal.about(self.source, token.by_key())))
            }
        }
    }

    async fn ask_with(&self, url: &Url, token: &AccessToken) -> Result<Answer, TransportError> {
        let bearer = format!("Bearer {}", token.secret().expose_secret());
        let mut bearer = HeaderValue::from_str(&bearer)
            .map_err(|_| TransportError::malformed("an access token with forbidden characters"))?;
        bearer.set_sensitive(true);
        let request =
            self.http.get(url.clone()).headers(common_headers()).header(AUTHORIZATION, bearer);
        exchange(request, &self.limits).await
    }

    /// As [`ask`](Self::ask), with everything but success turned into what to do about it.
    async fn ask_well(&self, url: &Url, with_cursor: bool) -> Result<Answer, FetchError> {
        self.ask(url).await?.map_err(|refusal| refusal.judge(with_cursor))
    }

    /// One page of a list of the domain.
    async fn list_domain(&self, kind: &str, request: &ListRequest) -> Result<Page, FetchError> {
        let mut url = self.url(DIRECTORY);
        url.query_pairs_mut()
            .append_pair("sources", kind)
            .extend_pairs(DIRECTORY_PARAMETERS)
            .append_pair("pageSize", &bounded(request.page_size).to_string())
            .extend_pairs(request.page.iter().map(|token| ("pageToken", token.as_str())));
        let answer = self.ask_well(&url, request.page.is_some()).await?;
        wire::domain_page(answer.body).map_err(malformed)
    }

    async fn verify_some(&self, names: &[ResourceName]) -> Result<Vec<Presence>, FetchError> {
        let mut url = self.url(BATCH_GET);
        url.query_pairs_mut()
            .append_pair("personFields", "metadata")
            // As in the listing: a profile that outlives its contact is no contact.
            .append_pair("sources", CONTACTS_ONLY)
            .append_pair("prettyPrint", "false")
            .extend_pairs(names.iter().map(|name| ("resourceNames", name.as_str())));
        match self.ask(&url).await? {
            Ok(answer) => wire::verdicts(&answer.body, names).map_err(malformed),
            Err(refusal) => Err(refusal.judge(false)),
        }
    }
}

impl AddressBook for People {
    async fn identify(&self) -> Result<Option<ResourceName>, FetchError> {
        let mut url = self.url(ME);
        url.query_pairs_mut()
            .append_pair("personFields", "metadata")
            .append_pair("prettyPrint", "false");
        match self.ask(&url).await? {
            Ok(answer) => wire::identity(&answer.body).map_err(malformed),
            Err(refusal) if refusal.is_reticence() => Ok(None),
            // Whatever is wrong with this question alone is no reason not to list anybody; if the API as a
            // whole is shut, the listing will say so.
            Err(refusal) => match refusal.judge(false) {
                again @ FetchError::Again { .. } => Err(again),
                FetchError::NeedsReauth { .. }
                | FetchError::NotPermitted { .. }
                | FetchError::Misconfigured { .. }
                | FetchError::CursorRefused { .. } => Ok(None),
            },
        }
    }

    async fn labels(&self) -> Result<Vec<Label>, FetchError> {
        if !self.source.is_a_book() {
            return Ok(Vec::new());
        }
        let mut labels = Vec::new();
        let mut page: Option<String> = None;
        for _ in 0..GROUP_PAGES_MAX {
            let mut url = self.url(GROUPS);
            url.query_pairs_mut()
                .append_pair("groupFields", "metadata,groupType,name")
                .append_pair("pageSize", "1000")
                .append_pair("prettyPrint", "false")
                .extend_pairs(page.iter().map(|token| ("pageToken", token)));
            let answer = self.ask_well(&url, page.is_some()).await?;
            let (more, next) = wire::labels(&answer.body, page.is_none()).map_err(malformed)?;
            labels.extend(more);
            match next {
                None => return Ok(labels),
                next if next == page => break,
                next => page = next,
            }
        }
        Err(malformed("the list of labels does not end".to_owned()))
    }

    async fn list(&self, request: &ListRequest) -> Result<Page, FetchError> {
        match self.source {
            Source::Contacts => {}
            Source::Directory => {
                return self.list_domain("DIRECTORY_SOURCE_TYPE_DOMAIN_PROFILE", request).await;
            }
            Source::Shared => {
                return self.list_domain("DIRECTORY_SOURCE_TYPE_DOMAIN_CONTACT", request).await;
            }
        }
        let mut url = self.url(CONNECTIONS);
        url.query_pairs_mut()
            .extend_pairs(LIST_PARAMETERS)
            .append_pair("pageSize", &bounded(request.page_size).to_string())
            .extend_pairs(request.since.iter().map(|token| ("syncToken", token.expose())))
            .extend_pairs(request.page.iter().map(|token| ("pageToken", token.as_str())));
        let with_cursor = request.since.is_some() || request.page.is_some();
        let answer = self.ask_well(&url, with_cursor).await?;
        wire::page(answer.body).map_err(malformed)
    }

    async fn verify(&self, names: &[ResourceName]) -> Result<Vec<Presence>, FetchError> {
        if !self.source.is_a_book() {
            // What `people:batchGet` says of them is documented nowhere.
            return Ok(vec![Presence::Unknown; names.len()]);
        }
        let mut verdicts = Vec::with_capacity(names.len());
        for some in names.chunks(VERIFY_MAX) {
            verdicts.extend(self.verify_some(some).await?);
        }
        Ok(verdicts)
    }
}

fn malformed(reason: String) -> FetchError {
    FetchError::from(TransportError::malformed(&reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_stable_and_depends_on_the_page_size() {
        // A new value here voids every stored sync token: each account is listed in full once.
        assert_eq!(request_fingerprint(1000), "825eaec07582a861");
        assert_eq!(request_fingerprint(1000), request_fingerprint(2000), "1000 is what is sent");
        assert_ne!(request_fingerprint(1000), request_fingerprint(500));
        assert_eq!(request_fingerprint(0), request_fingerprint(1));
    }
}
