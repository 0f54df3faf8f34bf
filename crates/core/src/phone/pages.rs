//! The screens of the directory. They are handed what to show, and decide how it reads on a phone.

use crate::contact::Keypad;
use crate::phone::model::{Paging, Phone};
use crate::phone::screen::{Directory, Frame, Input, InputKind, Menu, Screen, Text};
use crate::phone::text::{Url, encode};

/// Where a phone is: what it is, how it finds us, and what it may be shown at once.
#[derive(Clone, Debug)]
pub struct ScreenBuilder {
    pub phone: Phone,
    /// Such as `http://10.0.0.5:8000/directory`.
    pub base: String,
    pub title: String,
    /// Lines on one page, at most 32.
    pub per_page: usize,
}

/// A screen, and what goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    pub screen: Screen,
    /// The next page, where the phone turns over by itself.
    pub refresh: Option<Url>,
    /// Whether Back may lead here. Errors and empty results are passed over.
    pub keep: bool,
}

/// A keypad group, and how many are in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    pub key: Keypad,
    pub count: usize,
}

/// A contact in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub name: String,
    pub id: String,
}

/// A number of a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    /// `Mobile`, or what its owner called it.
    pub label: String,
    /// What the phone dials; `None` when it cannot be dialled.
    pub dial: Option<String>,
    /// As it was written.
    pub shown: String,
}

/// A list, and the part of it that is shown.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    pub title: &'a str,
    /// What comes behind the base, such as `/groups/2ABC?`; `page=2` is put behind it.
    pub path: String,
    /// From 1.
    pub page: usize,
    pub total: usize,
}

/// A contact in full.
#[derive(Clone, Debug, Default)]
pub struct ContactText {
    pub name: String,
    pub company: String,
    pub details: Vec<(String, String)>,
}

impl ScreenBuilder {
    fn link(&self, path: &str) -> Option<Url> {
        Url::new(format!("{}{path}", self.base))
    }

    /// How many pages a list of so many has; one even if it is empty.
    pub fn pages(&self, total: usize) -> usize {
        total.div_ceil(self.per_page.max(1)).max(1)
    }

    /// The places of a list that are on a page.
    pub fn on_page(&self, place: &Place<'_>) -> std::ops::Range<usize> {
        let first = (place.page.max(1) - 1).saturating_mul(self.per_page).min(place.total);
        first..(first + self.per_page).min(place.total)
    }

    /// The first screen. `groups` are the ones to show, in order.
    pub fn menu(&self, groups: &[Group], total: usize, starred: usize, labels: usize) -> Body {
        let prompt = match total {
            0 => "Nobody is here yet".to_owned(),
            1 => "1 contact".to_owned(),
            many => format!("{many} contacts"),
        };
        let mut frame = Frame::new(&self.title, &prompt);
        self.list_keys(&mut frame, None, None);
        let mut menu = Menu::new(frame);
        for group in groups {
            let name = group.key.as_str();
            let spaced = format!("{} {}", &name[..1], &name[1..]);
            let text = format!("{} ({})", spaced.trim_end(), group.count);
            menu.item(&text, self.link(&format!("/groups/{name}")));
        }
        if starred > 0 {
            menu.item(&format!("Favourites ({starred})"), self.link("/favourites"));
        }
        if labels > 0 {
            menu.item(&format!("Labels ({labels})"), self.link("/labels"));
        }
        menu.item("Search", self.link("/search"));
        menu.item("Help", self.link("/help"));
        Body::kept(Screen::Menu(menu))
    }

    /// One page of a list of contacts.
    pub fn list(&self, place: &Place<'_>, lines: &[Line]) -> Body {
        if place.total == 0 {
            return self.words("Nobody here", "There is nobody in this list.");
        }
        let item = |line: &Line| (line.name.clone(), format!("/contacts/{}", line.id));
        self.page(place, lines.iter().map(item))
    }

    /// One page of a menu: names and paths.
    fn page(&self, place: &Place<'_>, items: impl Iterator<Item = (String, String)>) -> Body {
        let shown = self.on_page(place);
        let pages = self.pages(place.total);
        let prompt = match (pages, place.total) {
            (1, 1) => "1 entry".to_owned(),
            (1, total) => format!("{total} entries"),
            (_, total) => format!("{}-{} of {total}", shown.start + 1, shown.end),
        };
        let page = |number: usize| self.link(&format!("{}page={number}", place.path));
        let next = (place.page < pages).then(|| page(place.page + 1)).flatten();
        let previous = (place.page > 1).then(|| page(place.page - 1)).flatten();
        let by_refresh = self.phone.paging() == Paging::Refresh;
        let refresh = next.clone().filter(|_| by_refresh);
        let mut frame = Frame::new(place.title, &prompt);
        self.list_keys(&mut frame, next, previous);
        let mut menu = Menu::new(frame);
        for (name, path) in items {
            menu.item(&name, self.link(&path));
        }
        Body { screen: Screen::Menu(menu), refresh, keep: true }
    }

    /// A list of lists, such as the labels: each with its name, its path and its count.
    pub fn lists(&self, place: &Place<'_>, lists: &[(String, String, usize)]) -> Body {
        let item = |(name, path, count): &(String, String, usize)| {
            (format!("{name} ({count})"), path.clone())
        };
        self.page(place, lists.iter().map(item))
    }

    fn list_keys(&self, frame: &mut Frame, next: Option<Url>, previous: Option<Url>) {
        let Some(keys) = self.phone.keys() else { return };
        frame.key("Select", keys.act, own("Select"));
        frame.key("Exit", keys.exit, own("Exit"));
        frame.key("Next", keys.more, next);
        frame.key("Previous", keys.other, previous);
        frame.key("Search", keys.search, self.link("/search"));
    }

    /// A contact and its numbers: those that can be dialled to choose from, all under Details.
    pub fn contact(&self, id: &str, words: &ContactText, numbers: &[Number], page: usize) -> Body {
        let mut dialled: Vec<(&Number, &str)> = Vec::new();
        for number in numbers {
            if let Some(dial) = number.dial.as_deref()
                && !dialled.iter().any(|(_, known)| *known == dial)
            {
                dialled.push((number, dial));
            }
        }
        if dialled.is_empty() {
            return self.details(words, numbers);
        }
        let path = format!("/contacts/{id}?");
        // A number may have gone since the link to this page was made.
        let page = page.min(self.pages(dialled.len()));
        let place = Place { title: &words.name, path, page, total: dialled.len() };
        let shown = self.on_page(&place);
        let prompt = match (shown.len() < dialled.len(), words.company.is_empty()) {
            (true, _) => format!("{}-{} of {}", shown.start + 1, shown.end, dialled.len()),
            (false, false) if words.company != words.name => words.company.clone(),
            _ => "Select a number".to_owned(),
        };
        let mut frame = Frame::new(&words.name, &prompt);
        let details = self.link(&format!("/contacts/{id}/details"));
        let more = (page < self.pages(dialled.len()))
            .then(|| self.link(&format!("{}page={}", place.path, page + 1)))
            .flatten();
        if let Some(keys) = self.phone.keys() {
            frame.key("Dial", keys.act, own("Dial"));
            frame.key("Exit", keys.exit, own("Exit"));
            match more.clone() {
                Some(next) => frame.key("Next", keys.more, Some(next)),
                None => frame.key("EditDial", keys.more, own("EditDial")),
            }
            frame.key("Details", keys.other, details.clone());
        }
        let mut directory = Directory::new(frame);
        for (number, dial) in dialled.get(shown).unwrap_or_default() {
            directory.entry(&number.label, dial);
        }
        // What such a phone calls "Next" then leads to the other numbers, and at last to the details.
        let refresh = more.or(details).filter(|_| self.phone.paging() == Paging::Refresh);
        Body { screen: Screen::Directory(directory), refresh, keep: true }
    }

    /// Everything that is known about a contact, to read.
    pub fn details(&self, words: &ContactText, numbers: &[Number]) -> Body {
        let mut text = String::new();
        let mut line = |label: &str, value: &str| {
            if !value.is_empty() {
                text.push_str(&format!("{label}: {value}\n"));
            }
        };
        line("Company", if words.company == words.name { "" } else { &words.company });
        for number in numbers {
            line(&number.label, &number.shown);
            if number.dial.is_none() {
                line(&number.label, "cannot be dialled");
            }
        }
        for (label, value) in &words.details {
            line(label, value);
        }
        let mut body = self.words(&words.name, text.trim_end());
        body.keep = true;
        body
    }

    /// Where one types what to look for.
    pub fn search(&self, recent: bool) -> Body {
        let mut frame = Frame::new("Search", "Fill in one of the two");
        if let Some(keys) = self.phone.keys() {
            frame.key("Submit", keys.act, own("Submit"));
            frame.key("Exit", keys.exit, own("Cancel"));
            frame.key("<<", keys.more, own("<<"));
            frame.key("Recent", keys.other, self.link("/search/recent").filter(|_| recent));
        }
        let Some(url) = self.link("/search") else {
            return self.words("Search", "The address of this server is too long for a phone.");
        };
        let mut input = Input::new(frame, url);
        input.field("Name or number", "q", InputKind::Plain);
        input.field("By keys (JOSE = 5673)", "keys", InputKind::Numeric);
        Body::kept(Screen::Input(input))
    }

    /// What was looked for lately on this phone.
    pub fn recent(&self, searches: &[(String, String)]) -> Body {
        if searches.is_empty() {
            return self.words("Recent searches", "Nothing was searched on this phone yet.");
        }
        let mut frame = Frame::new("Recent searches", "");
        self.list_keys(&mut frame, None, None);
        let mut menu = Menu::new(frame);
        for (parameter, text) in searches {
            menu.item(text, self.link(&searched(parameter, text, false)));
        }
        Body::kept(Screen::Menu(menu))
    }

    /// Words to read. Back passes them over.
    pub fn words(&self, title: &str, text: &str) -> Body {
        let mut frame = Frame::new(title, "");
        if let Some(keys) = self.phone.keys() {
            frame.key("Exit", keys.exit, own("Exit"));
            frame.key("Menu", keys.act, self.link(""));
        }
        let text = crate::phone::text::Prose::lines(text);
        Body { screen: Screen::Text(Text { frame, text }), refresh: None, keep: false }
    }

    pub fn help(&self) -> Body {
        let mut body = self.words(
            "Help",
            "Names stand under the key of their first letter: Ada under 2 ABC, Zoe under 9 WXYZ. \
             Letters of other alphabets count as they sound: Жанна is under 9 WXYZ.\n\
             \n\
             Search finds parts of names, companies and numbers; accents do not matter. By keys, type \
             each letter with one press: 5673 finds José.\n\
             \n\
             Contacts without a number are not shown. Changes are made in Google Contacts, and are here \
             after the next sync.",
        );
        body.keep = true;
        body
    }
}

/// The label of a number in words. Labels that people made up are kept as they are.
pub fn label_in_words(kind: &str) -> String {
    // The types of Google's `PhoneNumber`, in the words of Google's own pages.
    let words = match kind {
        "" | "other" => "Other",
        "home" => "Home",
        "work" => "Work",
        "mobile" => "Mobile",
        "main" => "Main",
        "homeFax" => "Home fax",
        "workFax" => "Work fax",
        "otherFax" => "Other fax",
        "pager" => "Pager",
        "workMobile" => "Work mobile",
        "workPager" => "Work pager",
        "googleVoice" => "Google Voice",
        own => own,
    };
    words.to_owned()
}

/// The path of a search: `q` for a text, `keys` for keys. `more` when a page follows.
pub fn searched(parameter: &str, text: &str, more: bool) -> String {
    let end = if more { "&" } else { "" };
    // So much leaves room for a long name of a server.
    format!("/search?{parameter}={}{end}", encode(text, 120))
}

/// A function of the phone itself.
fn own(name: &'static str) -> Option<Url> {
    Some(Url::of_phone(name))
}

impl Body {
    fn kept(screen: Screen) -> Body {
        Body { screen, refresh: None, keep: true }
    }
}
