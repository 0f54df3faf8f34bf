//! Addresses among numbers: URIs, links of messengers, user names. Some hold a number, most do not.

use crate::number::resolve::ADVERTISED;

/// Schemes whose address is a number, or may be one.
const SCHEMES: &[&str] = &[
    "tel",
    "callto",
    "sip",
    "sips",
    "sms",
    "smsto",
    "mms",
    "mmsto",
    "fax",
    "modem",
    "facetime",
    "facetime-audio",
    "whatsapp",
    "viber",
    "skype",
    "h323",
    "phone",
    "call",
    "im",
    "xmpp",
];
/// Those of them that say that it is one.
const SPELLED: &[&str] = &["tel", "phone", "call", "fax"];
/// Links of messengers that name a person by an international number, without a `+`.
const MESSENGERS: &[&str] = &[
    "wa.me",
    "api.whatsapp.com",
    "web.whatsapp.com",
    "whatsapp.com",
    "www.whatsapp.com",
    "chat.whatsapp.com",
    "signal.me",
    "t.me",
    "telegram.me",
    "viber.com",
    "m.me",
];
/// What links call the number in their query.
const PARAMETERS: &[&str] = &["phone", "number", "tel", "to"];
/// Fewer digits behind letters are a part of the name (`maxi77`), more a number behind its label
/// (`Tel0221765432`).
const NUMBER_MIN: usize = 7;
/// Words and letters that stand in front of a number without a blank, beside those for extensions.
const LABELS: &[&str] = &[
    "t",
    "f",
    "m",
    "p",
    "h",
    "w",
    "o",
    "c",
    "b",
    "g",
    "d",
    "tel",
    "telefon",
    "telephone",
    "phone",
    "ph",
    "fon",
    "fax",
    "mob",
    "mobil",
    "mobile",
    "cell",
    "home",
    "work",
    "office",
    "call",
    "nr",
    "no",
    "num",
    "gsm",
    "handy",
    "privat",
    "app",
];

/// The text with numbers in place of the addresses that hold one; the others are left out. Tells whether
/// there was any such.
pub(super) fn without_addresses(text: &str, is_extension: impl Fn(&str) -> bool) -> (String, bool) {
    let busy = |c: char| c.is_alphabetic() || c == '@';
    if !text.contains(busy) {
        return (text.to_owned(), false);
    }
    let mut kept = String::with_capacity(text.len());
    let mut found = false;
    let is_end = |c: char| matches!(c, ' ' | '<' | '>' | '"' | '|');
    for chunk in text.split_inclusive(is_end) {
        let (chunk, end) = match chunk.chars().next_back().filter(|c| is_end(*c)) {
            Some(end) => (&chunk[..chunk.len() - end.len_utf8()], Some(end)),
            None => (chunk, None),
        };
        // `01 800 FLORES1`: digits behind the letters are those of a word on the keys.
        let before = kept.trim_end();
        let is_free = ADVERTISED.iter().any(|it| before.ends_with(it));
        let is_on_keys = |c: char| c.is_ascii_digit() || c.is_ascii_uppercase();
        let chunk_read = match is_free && chunk.chars().all(is_on_keys) {
            true => Chunk::Plain,
            false => read(chunk, &is_extension),
        };
        match chunk_read {
            Chunk::Plain => kept.push_str(chunk),
            Chunk::Number(number) => kept.push_str(&number),
            Chunk::Address => found = true,
        }
        // Brackets of an address say nothing; `"` and `|` still part two numbers.
        kept.extend(end.map(|c| if matches!(c, '<' | '>' | '"') { ' ' } else { c }));
    }
    (kept, found)
}

enum Chunk {
    Plain,
    Number(String),
    Address,
}

fn read(chunk: &str, is_extension: &impl Fn(&str) -> bool) -> Chunk {
    if !chunk.contains(|c: char| c.is_alphabetic() || c == '@') {
        return Chunk::Plain;
    }
    let lower = chunk.to_lowercase();
    let lower = lower.trim_start_matches(['(', '[', '\'', '=']);
    if let Some((scheme, rest)) = lower.split_once(':')
        && scheme.starts_with(char::is_alphabetic)
        && scheme.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '+' | '.'))
    {
        return match of_scheme(scheme, rest, is_extension) {
            // The word tells what answers there.
            Chunk::Number(number) if scheme == "fax" => Chunk::Number(format!("fax {number}")),
            chunk => chunk,
        };
    }
    if let Some((before, behind)) = lower.split_once('@') {
        // `@tom9` and `tom9@` are names at a messenger.
        let name = if before.is_empty() { behind } else { before };
        let is_half = before.is_empty() || behind.is_empty();
        return match of_user(lower) {
            Chunk::Plain if is_half && name.contains(char::is_alphabetic) => Chunk::Address,
            other => other,
        };
    }
    if let Some(host) = lower.split('/').next().filter(|it| is_host(it)) {
        return of_link(host, &lower[host.len()..]);
    }
    let known = |word: &str| is_extension(word) || LABELS.contains(&word);
    if is_name(lower, known) { Chunk::Address } else { Chunk::Plain }
}

/// `maxi77`, `max_m77`, `u/tom99`, `max#1234`, but not `ext12`, `Tel0221765432` or `x4`: it begins with a letter,
/// not all words in it are `known` to stand in front of numbers, and its digits are too few for a whole one.
fn is_name(text: &str, known: impl Fn(&str) -> bool) -> bool {
    let begins = text.chars().find(|c| c.is_alphanumeric()).is_some_and(char::is_alphabetic);
    let mut words = text.split(|c: char| !c.is_alphabetic()).filter(|it| !it.is_empty());
    begins && (1..NUMBER_MIN).contains(&digits_in_a_row(text)) && words.any(|it| !known(it))
}

/// The most digits that stand together, but for marks between the groups of a number.
fn digits_in_a_row(text: &str) -> usize {
    let is_other =
        |c: char| !(c.is_ascii_digit() || matches!(c, '-' | '.' | '/' | '(' | ')' | '+'));
    let digits = |it: &str| it.bytes().filter(u8::is_ascii_digit).count();
    text.split(is_other).map(digits).max().unwrap_or(0)
}

/// `24seven`, `9a8b7c`: letters that touch a digit, and are not `known` to.
fn is_mixed(text: &str, known: impl Fn(&str) -> bool) -> bool {
    let is_digit = |c: char| c.is_ascii_digit();
    let parts = text.split(|c: char| !c.is_alphanumeric());
    let mut words = parts.filter(|it| it.contains(is_digit)).flat_map(|it| it.split(is_digit));
    words.any(|it| !it.is_empty() && !known(it))
}

fn of_scheme(scheme: &str, rest: &str, is_extension: impl Fn(&str) -> bool) -> Chunk {
    let known = SCHEMES.contains(&scheme);
    if let Some(link) = rest.strip_prefix("//") {
        let host = link.split(['/', '?', '#']).next().unwrap_or_default();
        if matches!(scheme, "http" | "https") {
            return of_link(host, &link[host.len()..]);
        }
        return match parameter(link).or_else(|| Some(decoded(host)).filter(|it| is_number(it))) {
            Some(number) if known || is_long(&number) => Chunk::Number(number),
            _ => Chunk::Address,
        };
    }
    let first = rest.chars().find(|c| c.is_alphanumeric());
    if !known {
        // `Büro:0221…` is a label; `signal:tom9` is somebody's name there.
        let known = |word: &str| is_extension(word) || LABELS.contains(&word);
        let named = match first {
            Some(c) if c.is_alphabetic() => {
                let word = rest.split(|c: char| !c.is_alphabetic()).find(|it| !it.is_empty());
                let whole = word.is_some_and(known) && is_long(rest);
                rest.contains(|c: char| c.is_ascii_digit()) && !whole
            }
            _ => !known(scheme) && digits_in_a_row(rest) < NUMBER_MIN && is_mixed(rest, known),
        };
        return if named { Chunk::Address } else { Chunk::Plain };
    }
    if rest.is_empty() {
        return Chunk::Number(String::new());
    }
    if rest.contains('@') {
        return of_user(rest);
    }
    if let Some(number) = parameter(rest) {
        return Chunk::Number(number);
    }
    let number = decoded(rest.split('?').next().unwrap_or_default());
    // Words on the keys stand behind the schemes that say that it is a number.
    let spelled = SPELLED.contains(&scheme);
    let pause = |word: &str| is_extension(word) || word.chars().all(|c| matches!(c, 'p' | 'w'));
    let number_first = first.is_some_and(|c| c.is_ascii_digit())
        || number.starts_with(|c: char| "+*#(".contains(c));
    let value = number.split(';').next().unwrap_or_default();
    match number_first && (spelled || !is_mixed(value, pause)) {
        true => Chunk::Number(number),
        false => Chunk::Address,
    }
}

/// `sip:+43660…@host;user=phone`, `0660…@host`, `ada99@example.org`.
fn of_user(address: &str) -> Chunk {
    let (user, host) = address.split_once('@').unwrap_or((address, ""));
    let is_meant = !user.is_empty() && host.starts_with(|c: char| c.is_alphanumeric() || c == '[');
    if !is_meant {
        return Chunk::Plain;
    }
    let user = decoded(user.rsplit(':').next().unwrap_or_default());
    // A user's parameters stand in front of the `@`, and may be those of a `tel:` URI.
    let number = user.split(';').next().unwrap_or_default();
    if is_number(number) { Chunk::Number(user) } else { Chunk::Address }
}

fn of_link(host: &str, rest: &str) -> Chunk {
    if !MESSENGERS.contains(&host) {
        return Chunk::Address;
    }
    let last = || {
        decoded(rest.split('?').next().unwrap_or_default().rsplit('/').next().unwrap_or_default())
    };
    let number = parameter(rest).unwrap_or_else(last);
    if is_number(&number) && is_long(&number) {
        return Chunk::Number(format!("+{}", number.trim_start_matches('+')));
    }
    Chunk::Address
}

/// `www.example.org`, `wa.me`: dots, and letters at the end.
fn is_host(text: &str) -> bool {
    let Some((name, end)) = text.rsplit_once('.') else { return false };
    let legal = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.');
    name.starts_with(char::is_alphanumeric)
        && name.contains(char::is_alphabetic)
        && name.chars().all(legal)
        && end.len() >= 2
        && end.chars().all(char::is_alphabetic)
}

fn is_number(text: &str) -> bool {
    let legal =
        |c: char| c.is_ascii_digit() || matches!(c, '-' | '.' | '(' | ')' | ' ' | '*' | '#');
    let rest = text.trim().trim_start_matches('+');
    rest.contains(|c: char| c.is_ascii_digit()) && rest.chars().all(legal)
}

fn is_long(text: &str) -> bool {
    text.bytes().filter(u8::is_ascii_digit).count() >= NUMBER_MIN
}

/// The number in the query of a link.
fn parameter(link: &str) -> Option<String> {
    let (_, query) = link.split_once('?')?;
    let mut pairs = query.split('&').filter_map(|it| it.split_once('='));
    let (_, value) = pairs.find(|(name, _)| PARAMETERS.contains(name))?;
    let number = decoded(value);
    is_number(&number).then(|| format!("+{}", number.trim_start_matches(['+', ' '])))
}

/// Percent signs of a URI as what they stand for, where that is ASCII.
fn decoded(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        plain.push_str(&rest[..at]);
        let code = rest.get(at + 1..at + 3).and_then(|it| u8::from_str_radix(it, 16).ok());
        match code.filter(u8::is_ascii) {
            Some(code) => {
                plain.push(char::from(code));
                rest = &rest[at + 3..];
            }
            None => {
                plain.push('%');
                rest = &rest[at + 1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}
