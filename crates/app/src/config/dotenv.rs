//! Reads the text of a `.env` file: the lines on which Docker Compose and python-dotenv agree.
//!
//! `${NAME}` and `${NAME:-default}` stand for other values, except in single quotes; any other `$` is itself. Pure.

/// One assignment, or a name alone.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    /// `None` for a name alone, which assigns nothing.
    pub(super) value: Option<Value>,
    /// The first line is 1.
    pub(super) line: usize,
    /// It has blanks and no quotes, which a shell would read otherwise.
    pub(super) has_bare_blanks: bool,
}

/// What stands behind the `=`, without its quotes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Value {
    text: String,
    /// Where in it a `$` is itself, whatever follows.
    literal: Vec<usize>,
    /// It was in single quotes, so that each `$` is itself.
    is_literal: bool,
}

/// A value in which names were replaced.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Filled {
    pub(super) text: String,
    /// Names that stand for nothing.
    pub(super) unknown: Vec<String>,
    /// It is longer than any value may be, and stops there.
    pub(super) is_too_long: bool,
}

/// Longer than any value with names in it.
const FILLED_MAX: usize = 16 << 10;

impl Value {
    /// In bytes, before anything is replaced.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// The value with what `look` knows in place of each name; a name that it does not know, and that has no default,
    /// counts as empty.
    pub(super) fn filled(&self, look: impl Fn(&str) -> Option<String>) -> Filled {
        let mut filled = Filled::default();
        let mut at = 0;
        for (start, reference) in self.references() {
            if self.is_literal || self.literal.binary_search(&start).is_ok() {
                continue;
            }
            filled.text.push_str(&self.text[at..start]);
            at = start + reference.len;
            match (look(reference.name), reference.default) {
                (Some(value), _) => filled.text.push_str(&value),
                (None, Some(default)) => filled.text.push_str(default),
                (None, None) => filled.unknown.push(reference.name.to_owned()),
            }
            if filled.text.len() > FILLED_MAX {
                return Filled { is_too_long: true, ..Filled::default() };
            }
        }
        filled.text.push_str(&self.text[at..]);
        filled
    }

    /// The names that are not replaced, for they are in single quotes.
    pub(super) fn left_alone(&self) -> Vec<&str> {
        self.references().filter(|_| self.is_literal).map(|(_, it)| it.name).collect()
    }

    /// What looks like one, with where it begins. None is within another.
    fn references(&self) -> impl Iterator<Item = (usize, Reference<'_>)> {
        // Behind the last bracket nothing is looked for: each sign is read once.
        let end = self.text.rfind('}').unwrap_or(0);
        let mut at = 0;
        self.text[..end].match_indices("${").filter_map(move |(start, _)| {
            if start < at {
                return None;
            }
            let reference = Reference::at(&self.text[start..])?;
            at = start + reference.len;
            Some((start, reference))
        })
    }
}

/// `${NAME}` or `${NAME:-default}`.
struct Reference<'a> {
    name: &'a str,
    default: Option<&'a str>,
    /// With all of its signs, in bytes.
    len: usize,
}

impl<'a> Reference<'a> {
    /// What a text begins with, if that is one.
    fn at(text: &'a str) -> Option<Reference<'a>> {
        let inner = text.strip_prefix("${")?;
        let signs = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        let name = &inner[..inner.find(|c| !signs(c)).unwrap_or(inner.len())];
        let behind = &inner[name.len()..];
        let (default, len) = match behind.strip_prefix(":-") {
            Some(rest) => {
                let end = rest.find('}')?;
                (Some(&rest[..end]), ":-".len() + end)
            }
            None => (None, 0),
        };
        let is_closed = behind[len..].starts_with('}');
        let len = "${".len() + name.len() + len + "}".len();
        (is_closed && is_name(name)).then_some(Reference { name, default, len })
    }
}

/// A line that is no assignment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misread {
    pub(super) line: usize,
    /// The name in front of the first `=`.
    pub(super) key: Option<String>,
    /// Holds nothing of the value, which may be a secret.
    pub(super) problem: &'static str,
}

pub(super) fn read(text: &str) -> Vec<Result<Entry, Misread>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    let mut found = Vec::new();
    while let Some((line, text)) = lines.next() {
        let text = text.trim();
        if text.is_empty() || text.starts_with(['#', ';']) {
            continue;
        }
        let text = match text.split_once(char::is_whitespace) {
            Some(("export", rest)) => rest.trim_start(),
            _ => text,
        };
        let misread = |key: Option<&str>, problem| {
            Err(Misread { line, key: key.map(str::to_owned), problem })
        };
        let Some((key, value)) = text.split_once('=') else {
            let key = uncommented(text);
            found.push(match is_name(key) {
                true => {
                    Ok(Entry { key: key.to_owned(), value: None, line, has_bare_blanks: false })
                }
                false => misread(None, "is no assignment; allowed is KEY=value"),
            });
            continue;
        };
        let key = key.trim_end();
        if !is_name(key) {
            let problem = "has no name in front of `=`; allowed is KEY=value";
            found.push(misread(None, problem));
            continue;
        }
        let bare = value.trim_start();
        found.push(match bare.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                // Each line is read once: a quote that is never closed must not cost a reading for each.
                let mut value = Value { is_literal: quote == '\'', ..Value::default() };
                let mut rest = &bare[1..];
                loop {
                    if let Some(behind) = quoted(rest, quote, &mut value) {
                        let behind = behind.trim();
                        break match behind.is_empty() || behind.starts_with('#') {
                            true => Ok(Entry {
                                key: key.to_owned(),
                                value: Some(value),
                                line,
                                has_bare_blanks: false,
                            }),
                            false => misread(Some(key), "there is more behind the closing quote"),
                        };
                    }
                    match lines.next() {
                        Some((_, next)) => {
                            value.text.push('\n');
                            rest = next;
                        }
                        None => break misread(Some(key), "the quote is never closed"),
                    }
                }
            }
            _ => {
                let text = uncommented(value).to_owned();
                let has_bare_blanks = text.contains(char::is_whitespace);
                let value = Some(Value { text, ..Value::default() });
                Ok(Entry { key: key.to_owned(), value, line, has_bare_blanks })
            }
        });
    }
    found
}

fn is_name(key: &str) -> bool {
    let first = key.bytes().next();
    first.is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

/// Adds one line of a quoted value up to the closing quote, and says what is behind that; `None` when the value
/// goes on in the next line. Within double quotes a backslash makes a quote, a dollar or itself literal, and `\n` a
/// new line.
fn quoted<'a>(line: &'a str, quote: char, value: &mut Value) -> Option<&'a str> {
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        if c == quote {
            return Some(&line[at + 1..]);
        }
        if c != '\\' || quote == '\'' {
            value.text.push(c);
            continue;
        }
        match chars.next() {
            Some((_, '$')) => {
                value.literal.push(value.text.len());
                value.text.push('$');
            }
            Some((_, c @ ('"' | '\\' | '`'))) => value.text.push(c),
            Some((_, 'n')) => value.text.push('\n'),
            Some((_, 'r')) => value.text.push('\r'),
            Some((_, 't')) => value.text.push('\t'),
            Some((_, c)) => value.text.extend(['\\', c]),
            None => value.text.push('\\'),
        }
    }
    None
}

/// A value without quotes, without the comment behind it: that begins with a blank and `#`.
fn uncommented(value: &str) -> &str {
    let bytes = value.as_bytes();
    let comment = (1..bytes.len())
        .find(|at| bytes[*at] == b'#' && bytes[*at - 1].is_ascii_whitespace())
        .unwrap_or(value.len());
    value[..comment].trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_other_tools_read_them() {
        for (text, wanted) in [
            ("A=1", "1"),
            ("\u{feff}A=1", "1"),
            ("A=1\r\n", "1"),
            ("export A=1", "1"),
            ("  export\tA = 1  ", "1"),
            ("A=pa$word", "pa$word"),
            ("A=\"pa$word$$\"", "pa$word$$"),
            ("A='pa$word \\n'", "pa$word \\n"),
            ("A=\"a\\\"b\\\\c\\$d\\ne\\x\"", "a\"b\\c$d\ne\\x"),
            ("A=\"two words\" # why", "two words"),
            ("A=a#b", "a#b"),
            ("A=#b", "#b"),
            ("A=a #b", "a"),
            ("A= # nothing", ""),
            ("A=", ""),
            ("A=\"\"", ""),
            ("A=a\\b", "a\\b"),
            ("A=a\"b\"", "a\"b\""),
            ("A=x=y==", "x=y=="),
            ("A=\"two\nlines\"", "two\nlines"),
            ("A=\"two\r\nlines\"", "two\nlines"),
            ("A=[\"10.0.0.1\", \"::1\"]", "[\"10.0.0.1\", \"::1\"]"),
            ("A=My phones", "My phones"),
        ] {
            match read(text).as_slice() {
                [Ok(entry)] => {
                    let value = entry.value.as_ref().unwrap().filled(|_| None);
                    assert_eq!((entry.key.as_str(), value.text.as_str()), ("A", wanted), "{text}");
                    assert!(value.unknown.is_empty(), "{text}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn names_are_replaced_as_the_previous_app_reads_them() {
        let look = |name: &str| match name {
            "COMPANY" => Some("Acme".to_owned()),
            "NOTHING" => Some(String::new()),
            "MONEY" => Some("${COMPANY}".to_owned()),
            _ => None,
        };
        for (text, wanted, unknown) in [
            ("A=${COMPANY}", "Acme", ""),
            ("A=\"${COMPANY} phones\"", "Acme phones", ""),
            ("A=sqlite:///${COMPANY}/x.db # why", "sqlite:///Acme/x.db", ""),
            ("A=${COMPANY}${COMPANY}", "AcmeAcme", ""),
            ("A=\"one\n${COMPANY}\"", "one\nAcme", ""),
            ("A=${COMPANY:-other}", "Acme", ""),
            ("A=${NAME:-other}x", "otherx", ""),
            ("A=${NAME:-}x", "x", ""),
            ("A=\"${NAME:-two words}\"", "two words", ""),
            // What is set and empty is set.
            ("A=${NOTHING:-other}x", "x", ""),
            ("A=a${NAME}b${OTHER}", "ab", "NAME OTHER"),
            ("A=ü${NAME}ü", "üü", "NAME"),
            // What stands in a value is not read again.
            ("A=${MONEY}", "${COMPANY}", ""),
            ("A='${COMPANY}'", "${COMPANY}", ""),
            ("A=\"\\${COMPANY}\"", "${COMPANY}", ""),
            ("A=\"\\\\${COMPANY}\"", "\\Acme", ""),
            ("A=$COMPANY", "$COMPANY", ""),
            ("A=$${COMPANY}", "$Acme", ""),
            ("A=pa${word", "pa${word", ""),
            ("A=pa${}x", "pa${}x", ""),
            ("A=pa${!}x", "pa${!}x", ""),
            ("A=pa${COMPANY:x}", "pa${COMPANY:x}", ""),
            ("A=${${COMPANY}}", "${Acme}", ""),
        ] {
            let read = read(text);
            let value = read[0].as_ref().unwrap().value.as_ref().unwrap();
            let filled = value.filled(look);
            assert_eq!(
                (filled.text.as_str(), filled.unknown.join(" ").as_str()),
                (wanted, unknown),
                "{text}"
            );
            assert_eq!(value.left_alone() == ["COMPANY"], text.contains('\''), "{text}");
        }
    }

    #[test]
    fn values_that_double_each_other_stop_before_they_fill_the_memory() {
        let read = read("A=${B}${B}${B}${B}");
        let value = read[0].as_ref().unwrap().value.as_ref().unwrap();
        assert!(!value.filled(|_| Some("x".repeat(4 << 10))).is_too_long);
        let long = value.filled(|_| Some("x".repeat(8 << 10)));
        assert!(long.is_too_long && long.text.is_empty());
    }

    #[test]
    fn a_name_alone_assigns_nothing() {
        for (text, name) in [
            ("DEBUG", Some("DEBUG")),
            ("export DEBUG", Some("DEBUG")),
            ("  DEBUG  # why", Some("DEBUG")),
            ("DEBUG\r", Some("DEBUG")),
            ("no name", None),
            ("1A", None),
            ("sk-§", None),
        ] {
            let read = read(text);
            let found = read[0].as_ref().ok();
            assert_eq!(found.map(|it| it.key.as_str()), name, "{text}");
            assert!(found.is_none_or(|it| it.value.is_none()), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named_by_line_and_key() {
        let text =
            "\u{feff}# first\n; second\n\nA=1\nno sense\n=x\n1A=x\nB=\"x\" y\nC=a b\nD='never\n\n";
        let told: Vec<(usize, Option<String>)> =
            read(text).into_iter().filter_map(|it| it.err().map(|it| (it.line, it.key))).collect();
        let key = |key: &str| Some(key.to_owned());
        assert_eq!(told, [(5, None), (6, None), (7, None), (8, key("B")), (10, key("D"))]);
        let read = read(text);
        let blanks: Vec<usize> =
            read.iter().flatten().filter(|it| it.has_bare_blanks).map(|it| it.line).collect();
        assert_eq!(blanks, [9]);
    }
}
