//! What came, as a phone understands it.

use quick_xml::Reader;
use quick_xml::events::Event;
use serde::Serialize;

/// An answer, as far as a phone looks at it. Headers that did not come are empty.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    pub content_type: &'a str,
    pub refresh: &'a str,
    pub expires: &'a str,
    pub body: &'a [u8],
}

/// A screen.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Page {
    pub title: String,
    pub prompt: String,
    pub choices: Choices,
    pub keys: Vec<Key>,
    /// Where a form is sent to.
    #[serde(skip)]
    pub url: String,
    /// Back passes it over.
    #[serde(skip)]
    pub expired: bool,
    /// The page defines no keys, so the phone shows its own.
    #[serde(skip)]
    pub has_own_keys: bool,
}

#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Choices {
    #[default]
    Nothing,
    Menu(Vec<Choice>),
    Numbers(Vec<Choice>),
    Fields(Vec<Choice>),
    Text(String),
}

/// A line: its words, and the link, the number or the parameter behind them.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Choice {
    pub name: String,
    pub target: String,
    /// Of a field: which characters the keypad types (`InputFlags`).
    #[serde(skip)]
    pub flags: String,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Key {
    pub position: u8,
    pub name: String,
    #[serde(skip)]
    pub url: String,
}

impl Page {
    /// Reads a screen, or says why a phone shows none.
    ///
    /// # Errors
    /// When it is no XML, or none that a phone knows.
    pub fn read(received: &Received<'_>) -> Result<Page, String> {
        let kind = received.content_type.to_ascii_lowercase();
        if !kind.starts_with("text/xml") {
            return Err(format!("`{kind}` is no XML"));
        }
        let text = match kind.contains("iso-8859-1") {
            true => received.body.iter().map(|byte| char::from(*byte)).collect(),
            false => String::from_utf8(received.body.to_vec()).map_err(|it| it.to_string())?,
        };
        let mut page = Page::parse(&text)?;
        // Whatever names a time in the past; nobody's page expires later.
        page.expired = !received.expires.is_empty();
        page.has_own_keys = page.keys.is_empty();
        if let Some((_, next)) = received.refresh.split_once("; url=")
            && page.has_own_keys
        {
            // The key that the phone adds.
            page.keys.push(Key { position: 1, name: "Next".to_owned(), url: next.to_owned() });
        }
        Ok(page)
    }

    fn parse(text: &str) -> Result<Page, String> {
        let mut reader = Reader::from_str(text);
        let mut page = Page::default();
        let mut open: Vec<String> = Vec::new();
        let mut word = String::new();
        let (mut line, mut key) = (Choice::default(), Key::default());
        let mut lines: Vec<Choice> = Vec::new();
        loop {
            match reader.read_event().map_err(|error| format!("not XML: {error}"))? {
                Event::Start(start) => {
                    open.push(start.name().as_ref().to_owned());
                    word.clear();
                }
                Event::Text(text) => word.push_str(&text),
                Event::GeneralRef(entity) => word.push_str(match &*entity {
                    "amp" => "&",
                    "lt" => "<",
                    "gt" => ">",
                    "quot" => "\"",
                    "apos" => "'",
                    other => return Err(format!("the entity `{other}`")),
                }),
                Event::End(_) => {
                    let tag = open.pop().unwrap_or_default();
                    let within = open.last().map_or("", String::as_str);
                    let text = std::mem::take(&mut word);
                    match (within, tag.as_str()) {
                        ("SoftKeyItem", "Name") => key.name = text,
                        ("SoftKeyItem", "Position") => key.position = text.parse().unwrap_or(0),
                        ("SoftKeyItem", "URL") => key.url = text,
                        (_, "SoftKeyItem") => page.keys.push(std::mem::take(&mut key)),
                        (_, "Title") => page.title = text,
                        (_, "Prompt") => page.prompt = text,
                        (_, "Text") => page.choices = Choices::Text(text),
                        (_, "Name" | "DisplayName") => line.name = text,
                        ("MenuItem", "URL") | (_, "Telephone" | "QueryStringParam") => {
                            line.target = text;
                        }
                        (_, "InputFlags") => line.flags = text,
                        ("CiscoIPPhoneInput", "URL") => page.url = text,
                        (_, "MenuItem" | "DirectoryEntry" | "InputItem") => {
                            lines.push(std::mem::take(&mut line));
                        }
                        _ => {}
                    }
                    if open.is_empty() {
                        match tag.as_str() {
                            "CiscoIPPhoneMenu" => page.choices = Choices::Menu(lines),
                            "CiscoIPPhoneDirectory" => page.choices = Choices::Numbers(lines),
                            "CiscoIPPhoneInput" => page.choices = Choices::Fields(lines),
                            "CiscoIPPhoneText" => {}
                            other => return Err(format!("`<{other}>` is no screen")),
                        }
                        page.keys.sort_by_key(|key| key.position);
                        return Ok(page);
                    }
                }
                Event::Eof => return Err("the screen ends too early".to_owned()),
                _ => {}
            }
        }
    }

    /// The key of this name, of this beginning, or at this place (`#2`).
    pub fn key(&self, typed: &str) -> Option<&Key> {
        let typed = typed.to_lowercase();
        let place = typed.strip_prefix('#').and_then(|it| it.parse::<u8>().ok());
        let whole = |key: &&Key| key.name.to_lowercase() == typed || Some(key.position) == place;
        let begun = |key: &&Key| key.name.to_lowercase().starts_with(&typed);
        self.keys.iter().find(whole).or_else(|| self.keys.iter().find(begun))
    }

    /// The link of a form with one of its fields filled in.
    pub fn filled(&self, number: &str, text: &str) -> Option<String> {
        let Choices::Fields(fields) = &self.choices else { return None };
        let field = fields.get(number.parse::<usize>().ok()?.checked_sub(1)?)?;
        let joint = if self.url.contains('?') { '&' } else { '?' };
        Some(format!("{}{joint}{}={}", self.url, field.target, encoded(text)))
    }

    /// The link of a form with all of its fields, whose values are told by their parameters.
    pub fn sent<'a>(&self, value: impl Fn(&str) -> &'a str) -> Option<String> {
        let Choices::Fields(fields) = &self.choices else { return None };
        let mut url = self.url.clone();
        for field in fields {
            let joint = if url.contains('?') { '&' } else { '?' };
            url.push_str(&format!("{joint}{}={}", field.target, encoded(value(&field.target))));
        }
        Some(url)
    }

    /// The key or the line that leads to the form.
    pub fn way_to_search(&self) -> Option<String> {
        if let Some(key) = self.keys.iter().find(|key| key.name == "Search") {
            return Some(key.url.clone());
        }
        let Choices::Menu(items) = &self.choices else { return None };
        items.iter().find(|item| item.name == "Search").map(|item| item.target.clone())
    }
}

/// A value as phones put it into a query.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
