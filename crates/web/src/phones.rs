//! The directory as phones see it. Whatever goes wrong, the answer is a screen with status 200: a phone
//! shows anything else as "HTTP error", and nobody knows what to do.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap, HeaderName};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::Web;
use crate::auth::{AuthContext, device_token};
use crate::hosts::Malformed;
use crate::input::{Lenient, address, text_of};
use crate::middleware::is_for_phones;
use crate::origin::origin;
use crate::screens::{ANY_TOKEN, Key, Rendered};
use ringbook_app::auth::Shown;
use ringbook_app::config::{EmptyGroups, FaxNumbers};
use ringbook_app::directory::{Hit, Scope, Snapshot, View};
use ringbook_core::access::Identity;
use ringbook_core::contact::{Content, Keypad, Organization, Phone as PhoneNumber, is_machine};
use ringbook_core::number::Dialled;
use ringbook_core::number::field_of;
use ringbook_core::phone::{
    Body, Charset, ContactText, Group, Line, Number, Phone, Place, ScreenBuilder, label_in_words,
    searched,
};
use ringbook_core::sync::AccountId;
use ringbook_store::{ContactId, DbError};

/// How phones with enterprise firmware say what they are.
pub(crate) const MODEL: HeaderName = HeaderName::from_static("x-ciscoipphonemodelname");
/// What stands behind the address in every link.
pub(crate) const ROOT: &str = "/directory";
/// A contact that the database does not tell by then is shown as it was read last.
const PATIENCE: Duration = Duration::from_millis(300);
/// A switchboard rings on meanwhile, and takes no name then.
const LOOKUP_PATIENCE: Duration = Duration::from_millis(900);
/// What is looked for is cut here.
const ASKED_MAX: usize = 60;

/// Any screen of the directory.
pub(crate) async fn screen(State(web): State<Web>, parts: Parts) -> Response {
    let device = device(&web, &parts, &Lenient::of(parts.uri.query()));
    screen_for(&web, &parts, device).await
}

/// The screen that these headers are shown, whoever's recent searches it is about.
pub(crate) async fn screen_for(web: &Web, parts: &Parts, device: String) -> Response {
    let config = &web.app.config;
    let token = device_token(parts.uri.path());
    // Links lead back to where the phone came in. What is kept for all phones holds a stand-in for the token.
    let prefix = token.map(|_| format!("/p/{ANY_TOKEN}")).unwrap_or_default();
    let desk = ScreenBuilder {
        phone: phone(&parts.headers),
        base: format!("{}{prefix}{ROOT}", origin(web, parts)),
        title: config.directory_title.clone(),
        per_page: config.directory_max_entries_per_page,
    };
    let query = Lenient::of(parts.uri.query());
    let path = match token {
        Some(token) => parts.uri.path().get("/p/".len() + token.len()..).unwrap_or_default(),
        None => parts.uri.path(),
    };
    let path = path.strip_prefix(ROOT).unwrap_or_default().trim_end_matches('/');
    let charset = charset(&parts.headers);
    let visit = PhoneRequest { web, desk: &desk, query: &query, device };
    match visit.rendered(path, charset).await {
        Ok(screen) => screen.answer_for(token),
        Err(problem) => {
            tracing::error!(%problem, "a screen could not be made");
            let text = "The directory cannot be read at the moment. Please try again in a minute, or \
                        tell whoever looks after the phones: the log of Ringbook says more.";
            Rendered::of(&desk.words("Out of order", text), charset).answer()
        }
    }
}

/// Whatever goes wrong around the screens, such as a path too long, is a screen as well.
pub(crate) async fn always_a_screen(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if !is_for_phones(path) || is_lookup(path) {
        return next.run(request).await;
    }
    let asked = request.headers();
    let mut headers = HeaderMap::with_capacity(3);
    for name in [MODEL, header::USER_AGENT, header::ACCEPT_CHARSET] {
        if let Some(value) = asked.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    let response = next.run(request).await;
    let is_malformed = response.extensions().get::<Malformed>().is_some();
    if response.status().is_success() || is_malformed {
        return response;
    }
    let desk = ScreenBuilder {
        phone: phone(&headers),
        base: String::new(),
        title: String::new(),
        per_page: 1,
    };
    let words =
        desk.words("Not possible", "This page cannot be shown. Please go back to the menu.");
    let mut screen = Rendered::of(&words, charset(&headers)).answer();
    keep_headers(&mut screen, &response);
    screen
}

/// Takes over what the layers below put on every answer.
fn keep_headers(instead: &mut Response, response: &Response) {
    for (name, value) in response.headers() {
        if *name != header::CONTENT_TYPE && *name != header::CONTENT_LENGTH {
            instead.headers_mut().entry(name).or_insert(value.clone());
        }
    }
}

/// Whatever goes wrong around a look-up, a switchboard gets a name or nothing within a second: it shows
/// whatever comes as the caller's name. Whoever asks for JSON is told why.
pub(crate) async fn always_a_name(request: Request, next: Next) -> Response {
    if !is_lookup(request.uri().path()) || wants_json(request.headers()) {
        return next.run(request).await;
    }
    let Ok(response) = tokio::time::timeout(LOOKUP_PATIENCE, next.run(request)).await else {
        tracing::error!("a caller could not be looked up in time");
        return no_name(StatusCode::OK);
    };
    let status = response.status();
    if status.is_success() {
        return response;
    }
    // Some switchboards do not look at the status.
    let mut nothing = no_name(if status.is_server_error() { StatusCode::OK } else { status });
    keep_headers(&mut nothing, &response);
    nothing
}

/// Whether a switchboard asks for a name.
pub(crate) fn is_lookup(path: &str) -> bool {
    is_for_phones(path) && path.ends_with("/lookup")
}

/// Whether a program asks that reads more than a name.
pub(crate) fn wants_json(headers: &HeaderMap) -> bool {
    text_of(headers, header::ACCEPT.as_str()).contains("application/json")
}

fn no_name(status: StatusCode) -> Response {
    let kind = (header::CONTENT_TYPE, "text/plain; charset=utf-8");
    let kept = (header::CACHE_CONTROL, "no-store");
    let as_said = (header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    (status, [kind, kept, as_said], String::new()).into_response()
}

/// A screen that says why a phone is shown nothing.
pub(crate) fn refusal(headers: &HeaderMap, title: &str, text: &str) -> Response {
    let desk = ScreenBuilder {
        phone: phone(headers),
        base: String::new(),
        title: String::new(),
        per_page: 1,
    };
    Rendered::of(&desk.words(title, text), charset(headers)).answer()
}

/// One request of a phone.
struct PhoneRequest<'a> {
    web: &'a Web,
    desk: &'a ScreenBuilder,
    query: &'a Lenient,
    /// Whose recent searches are whose.
    device: String,
}

impl PhoneRequest<'_> {
    /// What is shown under a path, as bytes. Screens that depend on nothing but the directory are the same
    /// for all phones of a kind, and made once.
    async fn rendered(&self, path: &str, charset: Charset) -> Result<Arc<Rendered>, DbError> {
        let view = self.web.app.directory.view().await?;
        let first = path.split('/').nth(1);
        let shared = matches!(first, None | Some("groups" | "favourites" | "labels"));
        let key = || Key {
            base: self.desk.base.clone(),
            family: self.desk.phone.family,
            charset,
            path: path.to_owned(),
            page: self.query.page(),
        };
        let key = shared.then(key);
        if let Some(known) = key.as_ref().and_then(|key| self.web.screens.get(view.number, key)) {
            return Ok(known);
        }
        let body = self.body(path, &view).await?;
        let screen = Arc::new(Rendered::of(&body, charset));
        // There is no end of pages that are not there.
        if let Some(key) = key
            && body.keep
        {
            self.web.screens.keep(view.number, key, &screen);
        }
        Ok(screen)
    }

    async fn body(&self, path: &str, view: &View) -> Result<Body, DbError> {
        let mut steps = path.trim_start_matches('/').split('/');
        let steps = [steps.next(), steps.next(), steps.next(), steps.next()];
        Ok(match steps {
            [Some(""), None, ..] => self.menu(view),
            [Some("groups"), Some(key), None, _] => match Keypad::parse(key) {
                Some(key) => self.group(key, view),
                None => self.nothing_there(),
            },
            [Some("favourites"), None, ..] => {
                self.list("Favourites", "/favourites?", view.contacts.starred(), view)
            }
            [Some("labels"), None, ..] => self.labels(view),
            [Some("labels"), Some(label), None, _] => self.label(label, view),
            [Some("contacts"), Some(id), None, _] => self.contact(id, false, view).await?,
            [Some("contacts"), Some(id), Some("details"), None] => {
                self.contact(id, true, view).await?
            }
            [Some("search"), None, ..] => self.search(view),
            [Some("search"), Some("recent"), None, _] => {
                self.desk.recent(&self.web.recent.of(&self.device))
            }
            [Some("help"), None, ..] => self.desk.help(),
            _ => self.nothing_there(),
        })
    }

    fn nothing_there(&self) -> Body {
        self.desk.words("Not found", "There is no such page. The menu leads to all that there are.")
    }

    fn menu(&self, view: &View) -> Body {
        let contacts = &view.contacts;
        let hide = self.web.app.config.directory_empty_groups == EmptyGroups::Hide;
        let groups: Vec<Group> = Keypad::ALL
            .into_iter()
            .map(|key| Group { key, count: contacts.keypad(key).len() })
            .filter(|group| group.count > 0 || !hide)
            .collect();
        let starred = contacts.starred().len();
        self.desk.menu(&groups, contacts.with_phone(), starred, labels(view).count())
    }

    fn group(&self, key: Keypad, view: &View) -> Body {
        let name = key.as_str();
        let title = format!("{} {}", &name[..1], &name[1..]);
        let path = format!("/groups/{name}?");
        self.list(title.trim_end(), &path, view.contacts.keypad(key), view)
    }

    fn list(&self, title: &str, path: &str, places: &[u32], view: &View) -> Body {
        let total = places.len();
        // A page that is no longer there is the last one now.
        let page = self.query.page().min(self.desk.pages(total));
        let place = Place { title, path: path.to_owned(), page, total };
        let shown = places.get(self.desk.on_page(&place)).unwrap_or_default();
        self.desk.list(&place, &self.lines(shown.iter().copied(), &view.contacts))
    }

    fn lines(&self, places: impl Iterator<Item = u32>, contacts: &Snapshot) -> Vec<Line> {
        let line = |place| Line {
            name: contacts.name_in_list(place),
            id: self.web.out.ids().contact(ContactId(contacts.id(place))),
        };
        places.map(line).collect()
    }

    fn labels(&self, view: &View) -> Body {
        let mut lists: Vec<(String, String, usize)> = Vec::new();
        for label in labels(view) {
            lists.push((label.name.to_owned(), label.path(), label.places.len()));
        }
        if lists.is_empty() {
            return self.desk.words("Labels", "No contact with a number has a label.");
        }
        let total = lists.len();
        let page = self.query.page().min(self.desk.pages(total));
        let place = Place { title: "Labels", path: "/labels?".to_owned(), page, total };
        let shown = self.desk.on_page(&place);
        self.desk.lists(&place, lists.get(shown).unwrap_or_default())
    }

    fn label(&self, code: &str, view: &View) -> Body {
        let wanted = format!("/labels/{code}");
        match labels(view).find(|label| label.path() == wanted) {
            Some(label) => self.list(label.name, &format!("{wanted}?"), label.places, view),
            None => self.desk.words("Not found", "There is no such label any more."),
        }
    }

    async fn contact(&self, id: &str, details: bool, view: &View) -> Result<Body, DbError> {
        let gone = || {
            self.desk.words(
                "Not found",
                "This contact is no longer there; it was deleted or changed in Google Contacts.",
            )
        };
        let store = &self.web.app.store;
        let Some(key) = self.web.out.ids().parse_contact(id) else { return Ok(gone()) };
        let directory = &self.web.app.directory;
        let content = match store.hurried(PATIENCE, store.contact(key)).await {
            Ok(row) => row.map(|it| it.content).filter(|it| view.shows(key.account(), it)),
            // Whoever calls somebody need not know that the database is away.
            Err(problem) => Some(directory.remembered(key).ok_or(problem)?),
        };
        let Some(content) = content else { return Ok(gone()) };
        let mut merged: Vec<Content> = Vec::new();
        if self.web.app.config.directory_merge_duplicates {
            let place = view.contacts.place_of(key.0);
            let others: Vec<i64> =
                place.into_iter().flat_map(|it| view.contacts.merged_with(it)).collect();
            let found = store.hurried(PATIENCE, store.contacts_by_id(&others)).await;
            merged = match found {
                Ok(rows) => rows.into_iter().map(|it| it.content).collect(),
                Err(_) => {
                    others.iter().filter_map(|it| directory.remembered(ContactId(*it))).collect()
                }
            };
        }
        let contents: Vec<&Content> = std::iter::once(&content).chain(&merged).collect();
        let numbers = self.numbers(&contents);
        let words = self.words(&content);
        Ok(match details {
            true => self.desk.details(&words, &numbers),
            false => self.desk.contact(id, &words, &numbers, self.query.page()),
        })
    }

    fn words(&self, content: &Content) -> ContactText {
        let organization = content.organization.as_ref();
        let part = |pick: fn(&Organization) -> &String| {
            organization.map_or(String::new(), |it| pick(it).clone())
        };
        let mut details = vec![
            ("Department".to_owned(), part(|it| &it.department)),
            ("Title".to_owned(), part(|it| &it.title)),
            ("Also called".to_owned(), content.nicknames.join(", ")),
        ];
        details.extend(content.emails.iter().map(|it| ("E-mail".to_owned(), it.value.clone())));
        ContactText {
            name: self.web.app.directory.rules().naming.name(content).shown,
            company: part(|it| &it.name),
            details,
        }
    }

    /// The numbers of contacts that are shown together, in their order; those where a machine answers come
    /// last, or not at all.
    fn numbers(&self, contents: &[&Content]) -> Vec<Number> {
        let hide = self.web.app.config.directory_fax_numbers == FaxNumbers::Hide;
        let rules = &self.web.app.config.dial;
        // One field may hold several numbers.
        let numbers = |it: &PhoneNumber| -> Vec<(bool, Number)> {
            let number = |dialled: Dialled| {
                let machine = dialled.number.is_some_and(|it| it.machine);
                let number = Number {
                    label: label_in_words(&it.kind),
                    dial: dialled.dial.string.map(|it| it.as_str().to_owned()),
                    shown: dialled.text,
                };
                (machine || is_machine(&it.kind), number)
            };
            rules.dial_all(field_of(it)).into_iter().map(number).collect()
        };
        let all = contents.iter().flat_map(|it| &it.phones).flat_map(numbers);
        let (machines, people): (Vec<_>, Vec<_>) = all.partition(|(machine, _)| *machine);
        let machines = machines.into_iter().filter(|_| !hide);
        people.into_iter().chain(machines).map(|(_, number)| number).collect()
    }

    fn search(&self, view: &View) -> Body {
        let text = |name| self.query.text(name).map(str::trim).filter(|it| !it.is_empty());
        let (parameter, asked) = match (text("q"), text("keys")) {
            (Some(asked), _) => ("q", asked),
            (None, Some(keys)) => ("keys", keys),
            (None, None) => return self.desk.search(self.web.recent.has(&self.device)),
        };
        let asked: String = asked.chars().take(ASKED_MAX).collect();
        let contacts = &view.contacts;
        let rules = self.web.app.directory.rules();
        let hits: Vec<Hit> = match parameter {
            "keys" => rules.search_by_keys(contacts, &asked),
            // Whoever types digits alone may mean a number or the keys of a name.
            _ if asked.bytes().all(|it| it.is_ascii_digit()) => {
                rules.search_by_keys(contacts, &asked)
            }
            _ => contacts.on_phones(rules.search(contacts, &asked, Scope::Everything)),
        };
        if hits.is_empty() {
            let text = format!("Nobody was found by \"{asked}\".");
            return self.desk.words("Search", &text);
        }
        self.web.recent.note(&self.device, parameter, &asked);
        let places: Vec<u32> = hits.into_iter().map(|(_, place)| place).collect();
        self.list(&asked, &searched(parameter, &asked, true), &places, view)
    }
}

/// A label that is on phones.
struct Label<'a> {
    account: i64,
    /// What Google calls it among its own; `name` is what people do.
    resource: &'a str,
    name: &'a str,
    places: &'a [u32],
}

/// Labels that are on phones, in the order of their names.
fn labels(view: &View) -> impl Iterator<Item = Label<'_>> {
    let named = view.contacts.labels().filter_map(|(account, resource, places)| {
        let key = (AccountId(account), resource.to_owned());
        let name = view.labels.get(&key)?.as_str();
        Some(Label { account, resource, name, places })
    });
    let mut named: Vec<Label<'_>> = named.collect();
    named.sort_by_key(|label| label.name.to_lowercase());
    named.into_iter()
}

impl Label<'_> {
    /// Two accounts may have labels of one name, and links shall be short.
    fn path(&self) -> String {
        use sha2::{Digest, Sha256};
        let digest = Sha256::digest(format!("{} {}", self.account, self.resource).as_bytes());
        let code: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        format!("/labels/{code}")
    }
}

fn phone(headers: &HeaderMap) -> Phone {
    Phone::of(known(headers, &MODEL), known(headers, &header::USER_AGENT))
}

fn charset(headers: &HeaderMap) -> Charset {
    Charset::wanted(known(headers, &header::ACCEPT_CHARSET))
}

fn known<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Who asks: by the name that phones put behind the address, else by where they are. It can be made up,
/// and is good enough to tell recent searches apart.
fn device(web: &Web, parts: &Parts, query: &Lenient) -> String {
    if let Some(Identity::Device { id, .. }) =
        parts.extensions.get::<AuthContext>().map(|it| &it.who)
    {
        return id.clone();
    }
    match query.text("name").filter(|it| !it.is_empty()) {
        Some(name) => name.chars().take(32).collect(),
        None => address(parts, web),
    }
}

/// Which kind of screen stands under a path, for whoever looks after the phones; `None` where there is none.
pub(crate) fn kind_of_screen(path: &str) -> Option<Shown> {
    let path = match device_token(path) {
        Some(token) => path.get("/p/".len() + token.len()..).unwrap_or_default(),
        None => path,
    };
    if path == "/lookup" {
        return Some(Shown::Lookup);
    }
    let first = path.strip_prefix(ROOT)?.trim_start_matches('/').split('/').next();
    Some(match first.unwrap_or_default() {
        "" => Shown::Menu,
        "groups" => Shown::Group,
        "favourites" => Shown::Favourites,
        "labels" => Shown::Labels,
        "contacts" => Shown::Contact,
        "search" => Shown::Search,
        "help" => Shown::Help,
        _ => return None,
    })
}
