//! Printing: for people on a terminal, plainly into a pipe, as JSON for programs.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use ringbook_core::humanize::columns;

/// Where a command's answer goes: standard output. Progress and complaints go to standard error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    pub(crate) json: bool,
    /// Standard output is a terminal.
    pub(crate) terminal: bool,
    pub(crate) paint: Style,
}

impl Screen {
    pub(crate) fn new(json: bool) -> Screen {
        let terminal = io::stdout().is_terminal();
        Screen { json, terminal, paint: Style::on(terminal) }
    }

    /// One line for people. Nothing with `--json`.
    pub(crate) fn say(&self, line: impl AsRef<str>) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        writeln!(io::stdout(), "{}", line.as_ref())
    }

    /// What is not part of the answer: it goes to standard error.
    pub(crate) fn remark(&self, line: impl AsRef<str>) -> io::Result<()> {
        writeln!(io::stderr(), "{}", line.as_ref())
    }

    /// What `--json` prints: indented for eyes, in one line for programs.
    pub(crate) fn json(&self, value: &impl Serialize) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.terminal {
            serde_json::to_writer_pretty(&mut out, value)?;
        } else {
            serde_json::to_writer(&mut out, value)?;
        }
        writeln!(out)
    }

    /// Columns for eyes, tabs for programs.
    pub(crate) fn table(&self, table: &Table) -> io::Result<()> {
        let text = if self.terminal { table.aligned(self.paint) } else { table.tabbed() };
        io::stdout().write_all(text.as_bytes())
    }

    /// Lines of a name and what it is, the names in one column.
    pub(crate) fn facts(&self, facts: &[(&str, String)]) -> io::Result<()> {
        let width = facts.iter().map(|(name, _)| columns(name)).max().unwrap_or(0);
        for (name, fact) in facts {
            self.say(format!("{}  {fact}", self.paint.dim(&format!("{name:width$}"))))?;
        }
        Ok(())
    }
}

/// Colours, where they are wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style(bool);

impl Style {
    /// See <https://no-color.org>.
    #[expect(
        clippy::disallowed_methods,
        reason = "an agreement between terminals and all programs, not a setting of this one"
    )]
    pub(crate) fn on(terminal: bool) -> Style {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty())
            || std::env::var_os("TERM").is_some_and(|it| it == "dumb");
        Style(terminal && !unwanted)
    }

    pub(crate) fn is_on(self) -> bool {
        self.0
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1B}[{code}m{text}\u{1B}[0m") } else { text.to_owned() }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    pub(crate) fn warn(self, text: &str) -> String {
        self.with("33", text)
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.with("31", text)
    }

    pub(crate) fn link(self, text: &str) -> String {
        self.with("36", text)
    }
}

/// Rows under headings. A heading that begins with `>` is of a column of numbers.
#[derive(Debug, Default)]
pub(crate) struct Table {
    heads: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(heads: &[&'static str]) -> Table {
        Table { heads: heads.to_vec(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    fn aligned(&self, paint: Style) -> String {
        let heads: Vec<&str> = self.heads.iter().map(|head| head.trim_start_matches('>')).collect();
        let widths: Vec<usize> = (0..heads.len())
            .map(|at| {
                let cells = self.rows.iter().filter_map(|row| row.get(at));
                cells.map(|cell| columns(cell)).chain([columns(heads[at])]).max().unwrap_or(0)
            })
            .collect();
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let mut text = String::new();
            for (at, cell) in cells.enumerate() {
                let gap = " ".repeat(widths[at].saturating_sub(columns(cell)));
                let right = self.heads[at].starts_with('>');
                // Writing to a string cannot fail.
                let _ = if right {
                    write!(text, "{gap}{cell}  ")
                } else {
                    write!(text, "{cell}{gap}  ")
                };
            }
            text.truncate(text.trim_end().len());
            text
        };
        let mut text = paint.bold(&line(&mut heads.iter().copied()));
        text.push('\n');
        for row in &self.rows {
            text.push_str(&line(&mut row.iter().take(heads.len()).map(String::as_str)));
            text.push('\n');
        }
        text
    }

    fn tabbed(&self) -> String {
        let heads: Vec<&str> = self.heads.iter().map(|head| head.trim_start_matches('>')).collect();
        let mut text = heads.join("\t");
        text.push('\n');
        for row in &self.rows {
            text.push_str(&row.join("\t"));
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_for_eyes_and_tabbed_for_programs() {
        let mut table = Table::new(&["NAME", ">CONTACTS"]);
        table.row(vec!["Ada".into(), "7".into()]);
        table.row(vec!["山田 太郎".into(), "1,234".into()]);
        let aligned = "\
NAME       CONTACTS
Ada               7
山田 太郎     1,234
";
        assert_eq!(table.aligned(Style(false)), aligned);
        assert_eq!(table.tabbed(), "NAME\tCONTACTS\nAda\t7\n山田 太郎\t1,234\n");
    }
}
