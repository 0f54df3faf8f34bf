//! Where somebody is on the drawn phone. All of it stands in the address, so that the phone works without
//! scripts, and a browser's own way back is one, too.

use ringbook_core::emulator::Model;

pub(super) const MENU: &str = "/";
/// Longer ones are none of ours.
const PATH_LEN_MAX: usize = 512;
/// Pages that Back remembers, and characters of their addresses in all.
const TRAIL_MAX: usize = 20;
const TRAIL_LEN_MAX: usize = 3000;

/// What stands on the display.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum On {
    /// A screen of the directory, with a line of it selected, from 0.
    Page { line: usize },
    /// The number in a line of the screen, to be changed before it is dialled.
    Editing { line: usize },
    /// The number in a line of the screen is called.
    Calling { line: usize },
    /// A number that was changed before is called.
    CallingTyped { number: String },
}

/// A phone in somebody's hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Walk {
    pub(super) model: Model,
    /// What follows `/directory`, such as `/groups/2ABC?page=2`; `/` for the menu.
    pub(super) at: String,
    /// Where Back leads, latest last.
    pub(super) trail: Vec<String>,
    pub(super) on: On,
    /// The keys behind "more" are shown.
    pub(super) more_keys: bool,
}

impl Walk {
    pub(super) fn begin(model: Model) -> Walk {
        let on = On::Page { line: 0 };
        Walk { model, at: MENU.to_owned(), trail: Vec::new(), on, more_keys: false }
    }

    /// On to another page. What has expired is not come back to.
    pub(super) fn onward(&self, at: String, expired: bool) -> Walk {
        let mut trail = self.trail.clone();
        if !expired && trail.last() != Some(&self.at) {
            trail.push(self.at.clone());
        }
        while trail.len() > TRAIL_MAX
            || trail.iter().map(String::len).sum::<usize>() > TRAIL_LEN_MAX
        {
            trail.remove(0);
        }
        Walk { at, trail, on: On::Page { line: 0 }, model: self.model, more_keys: false }
    }

    /// Back to the page before; from the first one to the menu.
    pub(super) fn back(&self) -> Walk {
        let mut trail = self.trail.clone();
        let mut at = trail.pop().unwrap_or_else(|| MENU.to_owned());
        // Pages turned over look the same from both sides.
        if at == self.at {
            at = trail.pop().unwrap_or_else(|| MENU.to_owned());
        }
        Walk { at, trail, on: On::Page { line: 0 }, model: self.model, more_keys: false }
    }

    /// The same page, with something else on the display.
    pub(super) fn with(&self, on: On) -> Walk {
        Walk { on, more_keys: false, ..self.clone() }
    }

    /// The same, on another phone. Links are alike on all of them.
    pub(super) fn on_model(&self, model: Model) -> Walk {
        Walk { model, more_keys: false, ..self.clone() }
    }

    /// The address of this display.
    pub(super) fn href(&self) -> String {
        let mut href = format!("/phones/try?model={}", self.model.word());
        let mut add =
            |name: &str, value: &str| href.push_str(&format!("&{name}={}", encoded(value)));
        if self.at != MENU {
            add("at", &self.at);
        }
        if !self.trail.is_empty() {
            add("trail", &self.trail_text());
        }
        match &self.on {
            On::Page { line: 0 } => {}
            On::Page { line } => add("line", &line.to_string()),
            On::Editing { line } => add("edit", &line.to_string()),
            On::Calling { line } => add("call", &line.to_string()),
            On::CallingTyped { number } => add("number", number),
        }
        if self.more_keys {
            add("keys", "more");
        }
        href
    }

    pub(super) fn trail_text(&self) -> String {
        self.trail.join(" ")
    }
}

/// The trail in an address.
pub(super) fn trail_of(text: &str) -> Vec<String> {
    text.split(' ').filter(|it| is_path(it)).take(TRAIL_MAX).map(str::to_owned).collect()
}

/// Whether this may follow `/directory`. Where it leads nowhere, the screen says so.
pub(super) fn is_path(text: &str) -> bool {
    text.starts_with('/')
        && text.len() <= PATH_LEN_MAX
        && text.bytes().all(|it| it.is_ascii_graphic() && it != b'#')
}

/// A value as it stands in a query.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_leads_where_one_was_and_passes_over_what_has_expired() {
        let menu = Walk::begin(Model::Cisco8845);
        let group = menu.onward("/groups/2ABC".to_owned(), false);
        let nobody = group.onward("/search?q=x".to_owned(), false);
        let after = nobody.onward("/help".to_owned(), true);
        assert_eq!(after.back().at, "/groups/2ABC", "the empty result had expired");
        assert_eq!(group.back(), menu);
        assert_eq!(menu.back(), menu, "there is nothing before the menu");
    }

    #[test]
    fn an_address_stays_short_however_far_somebody_walks() {
        let mut walk = Walk::begin(Model::Spa504);
        for page in 0..200 {
            walk = walk.onward(format!("/search?q={}&page={page}", "%C3%A4".repeat(60)), false);
        }
        assert!(walk.href().len() < 8000, "{}", walk.href().len());
        assert!(walk.back().at.contains("page=198"));
    }

    #[test]
    fn only_what_may_follow_the_directory_is_a_path() {
        for good in [MENU, "/help", "/?page=2", "/search?q=a%20b&page=2"] {
            assert!(is_path(good), "{good}");
        }
        for bad in ["", "help", "//x y", "/ä", "/a#b", "/a\r\nb", &"/x".repeat(300)] {
            assert!(!is_path(bad), "{bad}");
        }
    }
}
