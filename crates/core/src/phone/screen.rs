//! What a phone can show. Each object is within the limits by its type.

use crate::phone::text::{Heading, ItemName, Limited, Prose, Url};

/// One screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Screen {
    Menu(Menu),
    Directory(Directory),
    Text(Text),
    Input(Input),
}

/// What every screen may have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    pub title: Heading,
    pub prompt: Heading,
    keys: Vec<SoftKey>,
}

/// A list to choose from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Menu {
    pub frame: Frame,
    items: Vec<Item>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub name: ItemName,
    pub url: Url,
}

/// Names with numbers to dial.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    pub frame: Frame,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: Heading,
    pub telephone: Heading,
}

/// Words to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    pub frame: Frame,
    pub text: Prose,
}

/// Fields to fill in; what is typed goes to `url` as a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    pub frame: Frame,
    pub url: Url,
    items: Vec<InputItem>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputItem {
    pub name: Heading,
    pub parameter: Limited<32>,
    pub kind: InputKind,
    pub default: Heading,
}

/// Which characters the keypad types (`InputFlags`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKind {
    /// Letters and digits.
    Plain,
    /// `0` to `9`, `*` and `#`.
    Telephone,
    /// Digits.
    Numeric,
}

/// A key below the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoftKey {
    pub name: Heading,
    /// From 1, the leftmost, to 8.
    position: u8,
    pub url: Url,
}

impl Frame {
    pub const KEYS_MAX: usize = 8;

    pub fn new(title: &str, prompt: &str) -> Frame {
        Frame { title: Heading::new(title), prompt: Heading::new(prompt), keys: Vec::new() }
    }

    /// Adds a key, unless its place is taken or there is no such place. A phone that has keys of ours
    /// takes its own away, so a screen that has one needs all.
    pub fn key(&mut self, name: &str, position: u8, url: Option<Url>) {
        let free = self.keys.iter().all(|key| key.position != position);
        if let Some(url) = url
            && free
            && (1..=Self::KEYS_MAX as u8).contains(&position)
        {
            self.keys.push(SoftKey { name: Heading::new(name), position, url });
            self.keys.sort_by_key(|key| key.position);
        }
    }

    pub fn keys(&self) -> &[SoftKey] {
        &self.keys
    }
}

impl SoftKey {
    pub fn position(&self) -> u8 {
        self.position
    }
}

impl Menu {
    pub const ITEMS_MAX: usize = 100;

    pub fn new(frame: Frame) -> Menu {
        Menu { frame, items: Vec::new() }
    }

    /// Adds a line. One whose link is too long for a phone is left out, and so is the 101st.
    pub fn item(&mut self, name: &str, url: Option<Url>) {
        if let Some(url) = url
            && self.items.len() < Self::ITEMS_MAX
        {
            self.items.push(Item { name: ItemName::seen_or(name, "(no name)"), url });
        }
    }

    pub fn items(&self) -> &[Item] {
        &self.items
    }
}

impl Directory {
    pub const ENTRIES_MAX: usize = 32;

    pub fn new(frame: Frame) -> Directory {
        Directory { frame, entries: Vec::new() }
    }

    /// Adds a line, as long as there is room.
    pub fn entry(&mut self, name: &str, telephone: &str) {
        if self.entries.len() < Self::ENTRIES_MAX {
            let (name, telephone) = (Heading::seen_or(name, "Other"), Heading::new(telephone));
            self.entries.push(Entry { name, telephone });
        }
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

impl Input {
    pub const ITEMS_MAX: usize = 5;

    pub fn new(frame: Frame, url: Url) -> Input {
        Input { frame, url, items: Vec::new() }
    }

    pub fn field(&mut self, name: &str, parameter: &str, kind: InputKind) {
        if self.items.len() < Self::ITEMS_MAX {
            let (name, parameter) = (Heading::new(name), Limited::new(parameter));
            self.items.push(InputItem { name, parameter, kind, default: Heading::default() });
        }
    }

    pub fn items(&self) -> &[InputItem] {
        &self.items
    }
}

impl InputKind {
    pub fn flags(self) -> &'static str {
        match self {
            InputKind::Plain => "A",
            InputKind::Telephone => "T",
            InputKind::Numeric => "N",
        }
    }
}

impl Screen {
    pub fn frame(&self) -> &Frame {
        match self {
            Screen::Menu(it) => &it.frame,
            Screen::Directory(it) => &it.frame,
            Screen::Text(it) => &it.frame,
            Screen::Input(it) => &it.frame,
        }
    }
}
