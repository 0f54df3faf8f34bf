//! Reads the text of a `.env` file: the lines on which Docker, systemd and python-dotenv agree.
//!
//! Values are literal, `$` too: nothing is replaced in them. Pure.

/// One assignment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) value: String,
    /// The first line is 1.
    pub(super) line: usize,
    /// It has blanks and no quotes, which a shell would read otherwise.
    pub(super) has_bare_blanks: bool,
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
            found.push(misread(None, "is no assignment; allowed is KEY=value"));
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
                let (mut value, mut rest) = (String::new(), &bare[1..]);
                loop {
                    if let Some(behind) = quoted(rest, quote, &mut value) {
                        let behind = behind.trim();
                        break match behind.is_empty() || behind.starts_with('#') {
                            true => Ok(Entry {
                                key: key.to_owned(),
                                value,
                                line,
                                has_bare_blanks: false,
                            }),
                            false => misread(Some(key), "there is more behind the closing quote"),
                        };
                    }
                    match lines.next() {
                        Some((_, next)) => {
                            value.push('\n');
                            rest = next;
                        }
                        None => break misread(Some(key), "the quote is never closed"),
                    }
                }
            }
            _ => {
                let value = uncommented(value);
                let has_bare_blanks = value.contains(char::is_whitespace);
                Ok(Entry { key: key.to_owned(), value: value.to_owned(), line, has_bare_blanks })
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
fn quoted<'a>(line: &'a str, quote: char, value: &mut String) -> Option<&'a str> {
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        if c == quote {
            return Some(&line[at + 1..]);
        }
        if c != '\\' || quote == '\'' {
            value.push(c);
            continue;
        }
        match chars.next() {
            Some((_, c @ ('"' | '\\' | '$' | '`'))) => value.push(c),
            Some((_, 'n')) => value.push('\n'),
            Some((_, 'r')) => value.push('\r'),
            Some((_, 't')) => value.push('\t'),
            Some((_, c)) => value.extend(['\\', c]),
            None => value.push('\\'),
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
            ("A=${HOME}x", "${HOME}x"),
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
                    let found = (entry.key.as_str(), entry.value.as_str());
                    assert_eq!(found, ("A", wanted), "{text}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_named_by_line_and_key() {
        let text =
            "\u{feff}# first\n; second\n\nA=1\nnonsense\n=x\n1A=x\nB=\"x\" y\nC=a b\nD='never\n\n";
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
