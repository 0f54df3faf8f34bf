//! A Cisco IP phone for tests: asks over HTTP as a phone does, shows what a phone shows, and refuses what
//! a phone refuses. It shares no code with the server.

mod model;
mod refusals;
mod screen;
mod wire;
mod xml;

use std::net::SocketAddr;

pub(crate) use model::Model;
pub(crate) use screen::{Entry, Item, Screen};
pub(crate) use wire::Page;

use wire::Line;

pub(crate) struct Phone {
    pub(crate) model: Model,
    line: Line,
    /// What a test sends beside the phone's own headers.
    extra: Vec<(String, String)>,
    /// Where Back leads: addresses of pages that had not expired when they came.
    stack: Vec<String>,
    current: Option<Shown>,
}

/// The page that is on the screen.
struct Shown {
    url: String,
    screen: Screen,
    page: Page,
    /// It is the last one on the stack.
    kept: bool,
}

impl Phone {
    pub(crate) fn new(model: Model, server: SocketAddr) -> Phone {
        Phone::at("127.0.0.1", model, server)
    }

    /// One with an address of its own; all of `127.0.0.0/8` are this machine.
    pub(crate) fn at(ip: &str, model: Model, server: SocketAddr) -> Phone {
        let line = Line::new(server, SocketAddr::new(ip.parse().unwrap(), 0));
        Phone { model, line, extra: Vec::new(), stack: Vec::new(), current: None }
    }

    /// Another one of the same kind on the same desk, that shows nothing yet.
    pub(crate) fn another(&self) -> Phone {
        let line = self.line.another();
        Phone {
            model: self.model,
            line,
            extra: self.extra.clone(),
            stack: Vec::new(),
            current: None,
        }
    }

    /// Sends a header with each request from now on.
    pub(crate) fn sends(mut self, name: &str, value: &str) -> Phone {
        self.extra.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn speaks_http_1_0(mut self) -> Phone {
        self.line.version = "HTTP/1.0";
        self
    }

    /// The Directories button: opens the address that it was configured with.
    pub(crate) async fn directories(&mut self, url: &str) -> &Screen {
        let own = self.model.appendix();
        let joint = if url.contains('?') { '&' } else { '?' };
        let url = if own.is_empty() { url.to_owned() } else { format!("{url}{joint}{own}") };
        self.open(&url).await
    }

    pub(crate) async fn open(&mut self, url: &str) -> &Screen {
        match self.try_open(url).await {
            Ok(()) => self.screen(),
            Err(reason) => panic!("{:?} refuses {url}: {reason}", self.model),
        }
    }

    /// Opens an address, or says why a phone would show an error instead.
    pub(crate) async fn try_open(&mut self, url: &str) -> Result<(), String> {
        let (page, screen) = self.fetch(url).await?;
        // "The page is not put on the URL stack": what has expired when it comes is passed over.
        let kept = page.headers.get("expires").is_none_or(|it| !it.contains(" 1970 "));
        if kept && self.stack.last().is_none_or(|last| last != url) {
            self.stack.push(url.to_owned());
        }
        self.current = Some(Shown { url: url.to_owned(), screen, page, kept });
        Ok(())
    }

    async fn fetch(&mut self, url: &str) -> Result<(Page, Screen), String> {
        let mut headers: Vec<(&str, &str)> = self.model.headers().to_vec();
        headers.extend(self.extra.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let page = self.line.follow(url, &headers, self.model.asks()).await?;
        let screen = Screen::read(&page, self.model)?;
        if !self.model.has_soft_keys() && !screen.frame().keys.is_empty() {
            return Err("soft keys take this phone's own away".to_owned());
        }
        Ok((page, screen))
    }

    fn shown(&self) -> &Shown {
        self.current.as_ref().expect("the phone shows something")
    }

    pub(crate) fn screen(&self) -> &Screen {
        &self.shown().screen
    }

    pub(crate) fn url(&self) -> &str {
        &self.shown().url
    }

    pub(crate) fn page(&self) -> &Page {
        &self.shown().page
    }

    pub(crate) fn title(&self) -> &str {
        &self.screen().frame().title
    }

    pub(crate) fn prompt(&self) -> &str {
        &self.screen().frame().prompt
    }

    #[track_caller]
    pub(crate) fn items(&self) -> &[Item] {
        match self.screen() {
            Screen::Menu { items, .. } => items,
            other => panic!("no menu: {other:?}"),
        }
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.items().iter().map(|item| item.name.clone()).collect()
    }

    #[track_caller]
    pub(crate) fn entries(&self) -> &[Entry] {
        match self.screen() {
            Screen::Directory { entries, .. } => entries,
            other => panic!("no numbers: {other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        match self.screen() {
            Screen::Text { text, .. } => text,
            other => panic!("no text: {other:?}"),
        }
    }

    /// Selects the line of a menu, from 1.
    pub(crate) async fn select(&mut self, number: usize) -> &Screen {
        let url = self.items()[number - 1].url.clone();
        self.open(&url).await
    }

    /// Selects the line of a menu that begins like this.
    pub(crate) async fn choose(&mut self, beginning: &str) -> &Screen {
        let found = self.items().iter().position(|item| item.name.starts_with(beginning));
        let at = found.unwrap_or_else(|| panic!("`{beginning}` in {:?}", self.names()));
        self.select(at + 1).await
    }

    fn key(&self, name: &str) -> Option<String> {
        let keys = &self.screen().frame().keys;
        keys.iter().find(|key| key.name == name).map(|key| key.url.clone())
    }

    /// Presses a soft key that leads to another page.
    pub(crate) async fn press(&mut self, name: &str) -> &Screen {
        let keys = &self.screen().frame().keys;
        let url = self.key(name).unwrap_or_else(|| panic!("`{name}` in {keys:?}"));
        match url.as_str() {
            "SoftKey:Exit" | "SoftKey:Cancel" => self.back().await,
            "SoftKey:Submit" => self.submit().await,
            "SoftKey:Select" => self.select(1).await,
            _ => self.open(&url).await,
        }
    }

    /// Where the next page of a list is: behind a key, or behind the phone's own key.
    pub(crate) fn next(&self) -> Option<String> {
        if self.model.has_soft_keys() { self.key("Next") } else { self.refresh() }
    }

    /// The page that `Refresh` names, where a person has to ask for it.
    fn refresh(&self) -> Option<String> {
        let value = self.page().headers.get("refresh")?;
        let (seconds, url) = value.split_once("; url=").expect("a time and an address");
        assert_eq!(seconds, "0", "nobody's page turns over by itself");
        assert!(url.starts_with("http://") && url.chars().count() <= 256, "{url}");
        Some(url.to_owned())
    }

    /// Turns over to the next page, if there is one.
    pub(crate) async fn turn_over(&mut self) -> bool {
        let Some(next) = self.next() else { return false };
        self.open(&next).await;
        true
    }

    /// Types into the field of a form that is called so, as far as its keypad allows.
    pub(crate) fn types(&mut self, field: &str, text: &str) -> &mut Phone {
        let current = self.current.as_mut().expect("the phone shows something");
        let Screen::Input { fields, .. } = &mut current.screen else { panic!("no form") };
        let field = fields
            .iter_mut()
            .find(|it| it.name.starts_with(field))
            .unwrap_or_else(|| panic!("there is no field `{field}`"));
        match field.flags.as_str() {
            "N" => assert!(text.bytes().all(|b| b.is_ascii_digit()), "{text}"),
            "T" => assert!(text.bytes().all(|b| b.is_ascii_digit() || b == b'*' || b == b'#')),
            _ => {}
        }
        text.clone_into(&mut field.value);
        self
    }

    /// Sends the form: every field, also an empty one.
    pub(crate) async fn submit(&mut self) -> &Screen {
        let Screen::Input { url, fields, .. } = self.screen() else { panic!("no form") };
        let mut to = url.clone();
        for field in fields {
            to.push(if to.contains('?') { '&' } else { '?' });
            to.push_str(&format!("{}={}", field.parameter, encoded(&field.value)));
        }
        self.open(&to).await
    }

    /// What is dialled when this number is chosen, from 1.
    pub(crate) fn dials(&self, number: usize) -> &str {
        &self.entries()[number - 1].telephone
    }

    /// The key that leads to the page before, of those that are still on the stack.
    pub(crate) async fn back(&mut self) -> &Screen {
        if self.shown().kept {
            self.stack.pop();
        }
        let url = self.stack.last().expect("there is a page before").clone();
        self.open(&url).await
    }
}

pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
