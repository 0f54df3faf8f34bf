//! A phone's XML parser, which knows elements and texts and refuses all else.

use quick_xml::Reader;
use quick_xml::events::Event;

use super::model::Charset;
use super::wire::Page;

/// An element that holds either elements or a text.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) tag: String,
    pub(super) children: Vec<Node>,
    pub(super) text: String,
}

/// Reads the only element of a document.
pub(super) fn read(page: &Page) -> Result<Node, String> {
    let (text, encoding) = match page.charset {
        Charset::Utf8 => {
            let text = String::from_utf8(page.body.clone());
            (text.map_err(|error| format!("not UTF-8: {error}"))?, "utf-8")
        }
        Charset::Latin1 => (page.body.iter().map(|it| char::from(*it)).collect(), "iso-8859-1"),
    };
    if let Some(c) = text.chars().find(|c| !is_char(*c)) {
        return Err(format!("a character that XML forbids, U+{:04X}", u32::from(c)));
    }
    let declared = format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?>");
    let rest = text
        .strip_prefix(&declared)
        .ok_or_else(|| format!("does not begin with {declared}: {}", start_of(&text)))?;
    if rest.contains("]]>") {
        return Err("`]]>` within a text".to_owned());
    }
    parse(rest)
}

/// XML 1.0, production 2, less the control characters that it allows and no screen can show.
fn is_char(c: char) -> bool {
    !matches!(c, '\u{FFFE}' | '\u{FFFF}') && (c == '\n' || !c.is_control())
}

fn start_of(text: &str) -> String {
    text.chars().take(60).collect()
}

fn parse(text: &str) -> Result<Node, String> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_comments = true;
    let mut open: Vec<Node> = Vec::new();
    let mut root: Option<Node> = None;
    loop {
        let event = reader.read_event().map_err(|error| format!("not XML: {error}"))?;
        match event {
            Event::Start(start) => {
                if !start.attributes_raw().is_empty() {
                    return Err(format!("`<{}>` has attributes or blanks", &*start));
                }
                if root.is_some() {
                    return Err("a second element after the document's".to_owned());
                }
                let tag = start.name().as_ref().to_owned();
                open.push(Node { tag, children: Vec::new(), text: String::new() });
            }
            Event::End(_) => {
                let Some(node) = open.pop() else { return Err("an end without a start".into()) };
                if !node.children.is_empty() && !node.text.trim().is_empty() {
                    return Err(format!("`<{}>` has elements and a text", node.tag));
                }
                match open.last_mut() {
                    Some(parent) => parent.children.push(node),
                    None => root = Some(node),
                }
            }
            Event::Text(text) => add(&mut open, &text)?,
            Event::GeneralRef(entity) => match &*entity {
                "amp" => add(&mut open, "&")?,
                "lt" => add(&mut open, "<")?,
                "gt" => add(&mut open, ">")?,
                "quot" => add(&mut open, "\"")?,
                "apos" => add(&mut open, "'")?,
                other => return Err(format!("the entity `&{other};`")),
            },
            Event::Eof => break,
            other => return Err(format!("`{other:?}`, which no phone knows")),
        }
    }
    if !open.is_empty() {
        return Err("the document ends too early".to_owned());
    }
    root.ok_or_else(|| "there is no element".to_owned())
}

fn add(open: &mut [Node], text: &str) -> Result<(), String> {
    match open.last_mut() {
        Some(node) => node.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err(format!("a text outside of the document: {}", start_of(text))),
    }
    Ok(())
}
