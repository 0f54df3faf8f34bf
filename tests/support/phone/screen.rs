//! What a phone shows, read in the order and within the limits that Cisco gives for its objects. Lengths
//! are counted in characters.

use std::collections::VecDeque;

use super::model::Model;
use super::wire::Page;
use super::xml::{self, Node};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Screen {
    Menu { frame: Frame, items: Vec<Item> },
    Directory { frame: Frame, entries: Vec<Entry> },
    Text { frame: Frame, text: String },
    Input { frame: Frame, url: String, fields: Vec<Field> },
}

/// What every screen has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) title: String,
    pub(crate) prompt: String,
    pub(crate) keys: Vec<Key>,
}

/// A line of a menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) url: String,
}

/// A number to dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) telephone: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) parameter: String,
    pub(crate) flags: String,
    pub(crate) value: String,
}

/// A soft key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) position: u8,
    pub(crate) url: String,
}

impl Screen {
    pub(crate) fn frame(&self) -> &Frame {
        match self {
            Screen::Menu { frame, .. }
            | Screen::Directory { frame, .. }
            | Screen::Text { frame, .. }
            | Screen::Input { frame, .. } => frame,
        }
    }

    /// Reads what came, as strictly as the strictest phone.
    pub(super) fn read(page: &Page, model: Model) -> Result<Screen, String> {
        if !model.reads(page.charset) {
            return Err(format!("{:?}, which was not asked for", page.charset));
        }
        let root = xml::read(page)?;
        let mut rest = Rest::of(&root)?;
        let screen = match root.tag.as_str() {
            "CiscoIPPhoneMenu" => {
                let frame = rest.frame(&["Select", "Exit"])?;
                let items = rest.all("MenuItem", 100, |item| {
                    let (name, url) = (item.text("Name", 1..=64)?, item.text("URL", 1..=256)?);
                    address(&url)?;
                    Ok(Item { name, url })
                })?;
                Screen::Menu { frame, items }
            }
            "CiscoIPPhoneDirectory" => {
                let frame = rest.frame(&["Select", "Exit", "Dial", "EditDial", "Cancel"])?;
                let entries = rest.all("DirectoryEntry", 32, |entry| {
                    let name = entry.text("Name", 1..=32)?;
                    let telephone = entry.text("Telephone", 1..=32)?;
                    phone_can_dial(&telephone)?;
                    Ok(Entry { name, telephone })
                })?;
                Screen::Directory { frame, entries }
            }
            "CiscoIPPhoneText" => {
                let frame = rest.frame(&["Exit", "Update"])?;
                Screen::Text { frame, text: rest.prose("Text", 4000)? }
            }
            "CiscoIPPhoneInput" => {
                let frame = rest.frame(&["Submit", "Search", "<<", "Cancel", "Exit"])?;
                let url = rest.text("URL", 1..=256)?;
                address(&url)?;
                let fields = rest.all("InputItem", 5, |item| {
                    let name = item.text("DisplayName", 0..=32)?;
                    let parameter = item.text("QueryStringParam", 1..=32)?;
                    let flags = item.text("InputFlags", 1..=3)?;
                    if !["A", "T", "N", "E", "U", "L"].contains(&flags.trim_matches('P')) {
                        return Err(format!("the InputFlags `{flags}`"));
                    }
                    Ok(Field { name, parameter, flags, value: item.text("DefaultValue", 0..=32)? })
                })?;
                Screen::Input { frame, url, fields }
            }
            other => return Err(format!("`<{other}>`, which is no screen")),
        };
        rest.end()?;
        Ok(screen)
    }
}

/// Whether a phone can dial this: digits, `*` and `#`, a comma for a pause, and `+` only in front.
pub(super) fn phone_can_dial(telephone: &str) -> Result<(), String> {
    let digits = telephone.strip_prefix('+').unwrap_or(telephone);
    let dialled = |c: char| c.is_ascii_digit() || matches!(c, '*' | '#' | ',');
    if digits.chars().any(|c| c.is_ascii_digit()) && digits.chars().all(dialled) {
        Ok(())
    } else {
        Err(format!("`{telephone}`, which no phone can dial"))
    }
}

/// Nothing to see on a screen.
fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || ('\u{200B}'..='\u{200F}').contains(&c))
}

/// A link that a phone follows.
fn address(url: &str) -> Result<(), String> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let rest = rest.ok_or_else(|| format!("`{url}` is not an absolute address"))?;
    let legal = |b: u8| b.is_ascii_graphic() && !b"<>\"\\^`{|}".contains(&b);
    if rest.starts_with('/') || !rest.bytes().all(legal) {
        return Err(format!("`{url}` is not an address"));
    }
    Ok(())
}

/// The elements of a parent that were not read yet.
struct Rest<'a> {
    parent: &'a str,
    nodes: VecDeque<&'a Node>,
}

impl<'a> Rest<'a> {
    fn of(parent: &'a Node) -> Result<Rest<'a>, String> {
        if !parent.text.trim().is_empty() {
            return Err(format!("`<{}>` holds a text", parent.tag));
        }
        Ok(Rest { parent: &parent.tag, nodes: parent.children.iter().collect() })
    }

    fn next(&mut self, tag: &str) -> Result<&'a Node, String> {
        let found = self.nodes.pop_front();
        found.filter(|it| it.tag == tag).ok_or_else(|| {
            let found = found.map_or("its end", |it| it.tag.as_str());
            format!("`<{}>`: {found} where `{tag}` belongs", self.parent)
        })
    }

    fn text(
        &mut self,
        tag: &str,
        chars: std::ops::RangeInclusive<usize>,
    ) -> Result<String, String> {
        let text = self.prose(tag, *chars.end())?;
        if *chars.start() > 0 && is_blank(&text) {
            return Err(format!("`<{tag}>` of `<{}>` is empty", self.parent));
        }
        match text.contains('\n') {
            true => Err(format!("`<{tag}>` has a line break")),
            false => Ok(text),
        }
    }

    fn prose(&mut self, tag: &str, max: usize) -> Result<String, String> {
        let node = self.next(tag)?;
        let count = node.text.chars().count();
        if !node.children.is_empty() || count > max {
            return Err(format!("`<{tag}>` has {count} characters; {max} are allowed"));
        }
        Ok(node.text.clone())
    }

    fn all<T>(
        &mut self,
        tag: &str,
        max: usize,
        read: impl Fn(&mut Rest<'a>) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        let mut all = Vec::new();
        while self.nodes.front().is_some_and(|it| it.tag == tag) {
            let mut rest = Rest::of(self.next(tag)?)?;
            all.push(read(&mut rest)?);
            rest.end()?;
        }
        match all.len() {
            count if count > max => Err(format!("{count} times `<{tag}>`; {max} are allowed")),
            _ => Ok(all),
        }
    }

    fn frame(&mut self, functions: &[&str]) -> Result<Frame, String> {
        let (title, prompt) = (self.text("Title", 0..=32)?, self.text("Prompt", 0..=32)?);
        let keys = self.all("SoftKeyItem", 8, |key| {
            let name = key.text("Name", 1..=32)?;
            let position: u8 = key.text("Position", 1..=1)?.parse().unwrap_or_default();
            let url = key.text("URL", 1..=256)?;
            match url.strip_prefix("SoftKey:") {
                Some(function) if functions.contains(&function) => {}
                Some(function) => return Err(format!("SoftKey:{function} on such a screen")),
                None => address(&url)?,
            }
            Ok(Key { name, position, url })
        })?;
        let mut taken: Vec<u8> = keys.iter().map(|key| key.position).collect();
        taken.sort_unstable();
        taken.dedup();
        if taken.len() < keys.len() || taken.iter().any(|it| !(1..=8).contains(it)) {
            return Err(format!("the places of the soft keys: {keys:?}"));
        }
        Ok(Frame { title, prompt, keys })
    }

    fn end(&mut self) -> Result<(), String> {
        match self.nodes.pop_front() {
            Some(node) => Err(format!("`<{}>` where it does not belong", node.tag)),
            None => Ok(()),
        }
    }
}
