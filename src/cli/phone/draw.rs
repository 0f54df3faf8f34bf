//! A small screen in a terminal.

use crate::cli::screen::Style;
use ringbook_core::emulator::{Choice, Choices, Key, Page};
use ringbook_core::humanize::columns;

/// Columns between the edges. With them it fits into any terminal.
const WIDTH: usize = 68;

/// The screen, line by line.
pub(super) fn drawn(page: &Page, paint: Style) -> String {
    let mut lines = vec![edge('╭', '╮'), row(&page.title, |it| paint.bold(it)), edge('├', '┤')];
    let numbered = |choices: &[Choice], shown: &dyn Fn(&Choice) -> String| -> Vec<String> {
        let line = |(at, it): (usize, &Choice)| format!("{:>3}  {}", at + 1, shown(it));
        choices.iter().enumerate().map(line).collect()
    };
    let body = match &page.choices {
        Choices::Nothing => Vec::new(),
        Choices::Menu(items) => numbered(items, &|it| it.name.clone()),
        Choices::Numbers(entries) => numbered(entries, &|it| {
            let gap = 34_usize.saturating_sub(columns(&it.name)).max(1);
            format!("{}{}{}", it.name, " ".repeat(gap), it.target)
        }),
        Choices::Fields(fields) => numbered(fields, &|it| format!("{}: ______", it.name)),
        Choices::Text(text) => text.lines().flat_map(wrapped).collect(),
    };
    lines.extend(body.iter().map(|it| row(it, str::to_owned)));
    if !page.prompt.is_empty() {
        lines.push(row("", str::to_owned));
        lines.push(row(&page.prompt, |it| paint.dim(it)));
    }
    if !page.keys.is_empty() {
        lines.push(edge('├', '┤'));
        let key = |key: &Key| format!("{} {}", key.position, key.name);
        let keys: Vec<String> = page.keys.iter().map(key).collect();
        lines.push(row(&keys.join("   "), |it| paint.link(it)));
    }
    lines.push(edge('╰', '╯'));
    lines.join("\n")
}

fn edge(left: char, right: char) -> String {
    format!("{left}{}{right}", "─".repeat(WIDTH + 2))
}

/// A line between the edges, cut where it is too long.
fn row(text: &str, painted: impl Fn(&str) -> String) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        let mut longer = shown.clone();
        longer.push(c);
        if columns(&longer) > WIDTH {
            break;
        }
        shown = longer;
    }
    let gap = " ".repeat(WIDTH.saturating_sub(columns(&shown)));
    format!("│ {}{gap} │", painted(&shown))
}

/// A line of a text in lines that fit, broken between words.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(last) = lines.last_mut() else { break };
        if last.is_empty() {
            last.push_str(word);
        } else if columns(last) + 1 + columns(word) <= WIDTH {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_screen_is_as_wide_whatever_is_on_it() {
        let name = |name: &str| Choice {
            name: name.to_owned(),
            target: "+4930".to_owned(),
            ..Choice::default()
        };
        let names = ["Ada", "王小明", "👩‍👩‍👧‍👦", &"x".repeat(90), "e\u{301}", ""];
        for choices in [
            Choices::Menu(names.iter().map(|it| name(it)).collect()),
            Choices::Numbers(names.iter().map(|it| name(it)).collect()),
            Choices::Text(format!("{}\n\n{}", "word ".repeat(40), "x".repeat(200))),
        ] {
            let page = Page { title: "王".repeat(60), choices, ..Page::default() };
            for line in drawn(&page, Style::on(false)).lines() {
                assert_eq!(columns(line), WIDTH + 4, "{line}");
            }
        }
    }
}
