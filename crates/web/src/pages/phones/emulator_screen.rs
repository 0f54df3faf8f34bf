//! What stands on the drawn phone's display, and what each of its keys does there.

use crate::input::Query;
use crate::pages::language::{Language, said};
use crate::problem::Problem;
use ringbook_core::emulator::{Choices, Key, Page};

use super::emulator::{TYPED_MAX, line_of};
use super::models::{Face, SOFT_KEYS, keys_of, on_display};
use super::navigation::{On, Walk};

/// What the reader sees, and can press.
pub(super) struct Display {
    pub(super) title: String,
    /// Such as `3/17`.
    pub(super) place: String,
    pub(super) body: Body,
    pub(super) prompt: String,
    pub(super) soft: [Option<Button>; SOFT_KEYS],
    pub(super) up: Option<Act>,
    pub(super) down: Option<Act>,
    pub(super) select: Option<Act>,
    pub(super) back: Act,
    pub(super) end: Act,
    pub(super) menu: Act,
    pub(super) pad: Vec<PadKey>,
    /// What a form sends along to find its way.
    pub(super) hidden: Vec<(&'static str, String)>,
}

pub(super) enum Body {
    Lines { rows: Vec<Row>, scroll: Option<Scroll> },
    Words(Vec<String>),
    Fields(Vec<Field>),
    Calling { number: String },
}

pub(super) struct Row {
    pub(super) number: usize,
    pub(super) text: String,
    /// The number that is dialled.
    pub(super) more: String,
    pub(super) act: Option<Act>,
    pub(super) selected: bool,
}

/// The bar beside a list that goes on, in hundredths of its height.
pub(super) struct Scroll {
    pub(super) top: usize,
    pub(super) height: usize,
}

pub(super) struct Field {
    pub(super) name: String,
    pub(super) parameter: String,
    pub(super) value: String,
    pub(super) digits: bool,
}

/// What a key does: it leads on, or it sends the form with a word.
#[derive(Clone)]
pub(super) enum Act {
    Go(String),
    Send(&'static str, String),
}

pub(super) struct Button {
    pub(super) name: String,
    pub(super) act: Option<Act>,
}

pub(super) struct PadKey {
    pub(super) key: char,
    pub(super) letters: &'static str,
    pub(super) act: Option<Act>,
}

const PAD: [(char, &str); 12] = [
    ('1', ""),
    ('2', "ABC"),
    ('3', "DEF"),
    ('4', "GHI"),
    ('5', "JKL"),
    ('6', "MNO"),
    ('7', "PQRS"),
    ('8', "TUV"),
    ('9', "WXYZ"),
    ('*', ""),
    ('0', ""),
    ('#', ""),
];

/// What was typed into the fields of a screen.
#[derive(Default)]
pub(super) struct Typing(Vec<(String, String)>);

impl Typing {
    /// What the form says, with the key that was pressed last.
    pub(super) fn of(query: &Query, page: &Page) -> Result<Typing, Problem> {
        let mut typed = Vec::new();
        let mut into = None;
        let parameters: Vec<(String, bool)> = match (&page.choices, query.text("edit")?) {
            (_, Some(_)) => vec![("number".to_owned(), true)],
            (Choices::Fields(fields), None) => {
                fields.iter().map(|it| (it.target.clone(), is_for_digits(&it.flags))).collect()
            }
            _ => Vec::new(),
        };
        for (at, (parameter, digits)) in parameters.into_iter().enumerate() {
            let value = query.text(&format!("f-{parameter}"))?;
            let Some(value) = value else { continue };
            // The keypad types digits; letters take a keyboard, or the script.
            if digits || into.is_none() && at == 0 {
                into = Some(typed.len());
            }
            typed.push((parameter, value.chars().take(TYPED_MAX).collect::<String>()));
        }
        if let Some(pressed) = query.text("press")?
            && let Some((_, value)) = into.and_then(|at| typed.get_mut(at))
        {
            match pressed {
                "<<" => drop(value.pop()),
                key if PAD.iter().any(|(known, _)| key == known.to_string()) => value.push_str(key),
                _ => {}
            }
        }
        Ok(Typing(typed))
    }

    fn value(&self, parameter: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == parameter).map(|(_, value)| value.as_str())
    }

    /// What stands in the first field.
    pub(super) fn first(&self) -> String {
        self.0.first().map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// Where the form is sent to: with every field, also an empty one.
    pub(super) fn sent(&self, page: &Page) -> Option<String> {
        let Choices::Fields(_) = page.choices else { return None };
        page.sent(|parameter| self.value(parameter).unwrap_or_default().trim())
    }
}

fn is_for_digits(flags: &str) -> bool {
    flags.contains('N') || flags.contains('T')
}

/// Where a link of a screen leads.
type PathOf<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Display {
    pub(super) fn of(
        language: Language,
        walk: &Walk,
        page: &Page,
        typing: &Typing,
        path_of: PathOf<'_>,
    ) -> Display {
        let drawing = Drawing { language, walk, page, typing, path_of };
        match &walk.on {
            On::Calling { line } => {
                let number = line_of(page, *line).map(|it| it.target.clone());
                drawing.calling(number.unwrap_or_default())
            }
            On::CallingTyped { number } => drawing.calling(number.clone()),
            On::Editing { line } => drawing.editing(*line),
            On::Page { line } => drawing.page(*line),
        }
    }
}

struct Drawing<'a> {
    language: Language,
    walk: &'a Walk,
    page: &'a Page,
    typing: &'a Typing,
    path_of: PathOf<'a>,
}

impl Drawing<'_> {
    /// A screen on which nothing can be pressed yet but what always can.
    fn blank(&self, title: &str, body: Body) -> Display {
        let walk = self.walk;
        let mut hidden = vec![("model", walk.model.word().to_owned()), ("at", walk.at.clone())];
        if !walk.trail.is_empty() {
            hidden.push(("trail", walk.trail_text()));
        }
        let pad = PAD.iter().map(|&(key, letters)| PadKey { key, letters, act: None }).collect();
        Display {
            title: title.to_owned(),
            place: String::new(),
            body,
            prompt: String::new(),
            soft: std::array::from_fn(|_| None),
            up: None,
            down: None,
            select: None,
            back: Act::Go(walk.back().href()),
            end: Act::Go(walk.with(On::Page { line: 0 }).href()),
            menu: Act::Go(Walk::begin(walk.model).href()),
            pad,
            hidden,
        }
    }

    fn page(&self, line: usize) -> Display {
        let mut display = match &self.page.choices {
            Choices::Menu(lines) | Choices::Numbers(lines) => self.list(lines.len(), line),
            Choices::Fields(_) => self.form(),
            Choices::Text(text) => {
                let words = text.lines().map(str::to_owned).collect();
                self.blank(&self.page.title, Body::Words(words))
            }
            Choices::Nothing => self.blank(&self.page.title, Body::Words(Vec::new())),
        };
        display.prompt = self.page.prompt.clone();
        let (keys, has_more) = on_display(&keys_of(self.page), self.walk.more_keys);
        display.soft = keys.map(|key| key.map(|key| self.soft_key(&key, line)));
        if has_more {
            let more_keys = !self.walk.more_keys;
            let there = Walk { more_keys, ..self.walk.clone() };
            let name = "more".to_owned();
            display.soft[SOFT_KEYS - 1] = Some(Button { name, act: Some(Act::Go(there.href())) });
        }
        display
    }

    fn list(&self, count: usize, line: usize) -> Display {
        let line = line.min(count.saturating_sub(1));
        let room = Face::of(self.walk.model).rows;
        // The selected line is never the last one shown while there are more.
        let first = (line + 2).saturating_sub(room).min(count.saturating_sub(room));
        let shown = first..(first + room).min(count);
        let rows = shown.clone().filter_map(|at| {
            let choice = line_of(self.page, at)?;
            let more = match self.page.choices {
                Choices::Numbers(_) => choice.target.clone(),
                _ => String::new(),
            };
            let (act, selected) = (self.choose(at), at == line);
            Some(Row { number: at + 1, text: choice.name.clone(), more, act, selected })
        });
        let rows = rows.collect();
        let scroll = (count > room)
            .then(|| Scroll { top: 100 * first / count, height: (100 * room).div_ceil(count) });
        let mut display = self.blank(&self.page.title, Body::Lines { rows, scroll });
        display.place = match count {
            0 => String::new(),
            _ => format!("{}/{count}", line + 1),
        };
        let at = |line: usize| Act::Go(self.walk.with(On::Page { line }).href());
        display.up = line.checked_sub(1).map(at);
        display.down = (line + 1 < count).then(|| at(line + 1));
        display.select = self.choose(line);
        for (at, key) in display.pad.iter_mut().take(9).enumerate() {
            key.act = self.choose(at);
        }
        display
    }

    /// What choosing a line does.
    fn choose(&self, line: usize) -> Option<Act> {
        let choice = line_of(self.page, line)?;
        let there = match self.page.choices {
            Choices::Numbers(_) => self.walk.with(On::Calling { line }),
            _ => self.walk.onward((self.path_of)(&choice.target)?, self.page.expired),
        };
        Some(Act::Go(there.href()))
    }

    fn form(&self) -> Display {
        let Choices::Fields(fields) = &self.page.choices else {
            return self.blank(&self.page.title, Body::Words(Vec::new()));
        };
        let field = |it: &ringbook_core::emulator::Choice| Field {
            name: it.name.clone(),
            parameter: it.target.clone(),
            value: self.typing.value(&it.target).unwrap_or_default().to_owned(),
            digits: is_for_digits(&it.flags),
        };
        let mut display =
            self.blank(&self.page.title, Body::Fields(fields.iter().map(field).collect()));
        type_by_keys(&mut display);
        display
    }

    /// A key below the display. Some do what the phone itself knows how to.
    fn soft_key(&self, key: &Key, line: usize) -> Button {
        let walk = self.walk;
        let act = match key.url.strip_prefix("SoftKey:") {
            None => {
                let there = (self.path_of)(&key.url);
                there.map(|at| Act::Go(walk.onward(at, self.page.expired).href()))
            }
            Some("Exit" | "Cancel" | "Back") => Some(Act::Go(walk.back().href())),
            Some("Select" | "Dial") => self.choose(line),
            Some("EditDial") => Some(Act::Go(walk.with(On::Editing { line }).href())),
            Some("Update") => Some(Act::Go(walk.href())),
            Some("Submit") => Some(Act::Send("send", "1".to_owned())),
            Some("<<") => Some(Act::Send("press", "<<".to_owned())),
            Some(_) => None,
        };
        Button { name: key.name.clone(), act }
    }

    fn editing(&self, line: usize) -> Display {
        let number = line_of(self.page, line).map(|it| it.target.clone()).unwrap_or_default();
        let value = self.typing.value("number").map_or(number, str::to_owned);
        let name = "Number".to_owned();
        let field = Field { name, parameter: "number".to_owned(), value, digits: true };
        let mut display = self.blank("Edit before dialling", Body::Fields(vec![field]));
        display.hidden.push(("edit", line.to_string()));
        let list = self.walk.with(On::Page { line }).href();
        let button = |name: &str, act| Some(Button { name: name.to_owned(), act: Some(act) });
        display.soft = [
            button("Dial", Act::Send("send", "1".to_owned())),
            button("<<", Act::Send("press", "<<".to_owned())),
            button("Cancel", Act::Go(list.clone())),
            None,
        ];
        display.back = Act::Go(list);
        type_by_keys(&mut display);
        display
    }

    fn calling(&self, number: String) -> Display {
        let mut display = self.blank(&self.page.title, Body::Calling { number });
        let line = match self.walk.on {
            On::Calling { line } => line,
            _ => 0,
        };
        let list = Act::Go(self.walk.with(On::Page { line }).href());
        self.language
            .say(said("This phone only shows it: nothing is dialled."))
            .clone_into(&mut display.prompt);
        let name = "EndCall".to_owned();
        display.soft[1] = Some(Button { name, act: Some(list.clone()) });
        display.back = list.clone();
        display.end = list;
        display
    }
}

/// The keypad types into the form.
fn type_by_keys(display: &mut Display) {
    for key in &mut display.pad {
        key.act = Some(Act::Send("press", key.key.to_string()));
    }
    display.select = Some(Act::Send("send", "1".to_owned()));
}
