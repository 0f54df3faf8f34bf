//! How each model looks: its name, its display and the keys around it.

use ringbook_core::emulator::{Choices, Key, Model, Page};

/// Keys below the display. What has no room stands behind "more".
pub(super) const SOFT_KEYS: usize = 4;

/// The look of a model.
pub(super) struct Face {
    pub(super) name: &'static str,
    /// Lines that its display has room for.
    pub(super) rows: usize,
    /// Line keys beside the display, left and right.
    pub(super) left: usize,
    pub(super) right: usize,
    /// It draws black on grey.
    pub(super) is_grey: bool,
}

impl Face {
    pub(super) fn of(model: Model) -> Face {
        let (name, rows, left, right, is_grey) = match model {
            Model::Cisco7940 => ("Cisco 7940G", 4, 0, 2, true),
            Model::Cisco7965 => ("Cisco 7965G", 7, 0, 6, false),
            Model::Cisco8845 => ("Cisco 8845", 7, 5, 5, false),
            Model::Mpp8851 => ("Cisco 8851 MPP", 7, 5, 5, false),
            Model::Spa504 => ("Cisco SPA504G", 4, 0, 4, true),
        };
        Face { name, rows, left, right, is_grey }
    }
}

/// The names that this phone gives the keys it knows by itself.
pub(super) fn keys_of(page: &Page) -> Vec<Key> {
    if !page.has_own_keys {
        return page.keys.clone();
    }
    let own = |position, name: &str| Key {
        position,
        name: name.to_owned(),
        url: format!("SoftKey:{name}"),
    };
    let mut keys = page.keys.clone();
    // With nothing in the first place a phone adds Next, if there is a next page, or Update.
    if keys.is_empty() && !matches!(page.choices, Choices::Fields(_)) {
        keys.push(own(1, "Update"));
    }
    match page.choices {
        Choices::Menu(_) => keys.extend([own(2, "Select"), own(3, "Exit")]),
        Choices::Numbers(_) => keys.extend([own(2, "Dial"), own(3, "EditDial"), own(4, "Exit")]),
        Choices::Fields(_) => keys.extend([own(1, "Submit"), own(2, "<<"), own(3, "Cancel")]),
        Choices::Text(_) | Choices::Nothing => keys.push(own(3, "Exit")),
    }
    keys
}

/// The keys that are shown, by their places below the display. Where there are more than places, the last
/// place leads to the others, and back.
pub(super) fn on_display(keys: &[Key], more: bool) -> ([Option<Key>; SOFT_KEYS], bool) {
    let has_more = keys.iter().any(|key| usize::from(key.position) > SOFT_KEYS);
    let (first, room) = match (has_more, more) {
        (false, _) => (1, SOFT_KEYS),
        (true, false) => (1, SOFT_KEYS - 1),
        (true, true) => (SOFT_KEYS, SOFT_KEYS - 1),
    };
    let at = |place: usize| {
        let position = first + place;
        let here = keys.iter().find(|key| usize::from(key.position) == position);
        here.filter(|_| place < room).cloned()
    };
    (std::array::from_fn(at), has_more)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(position: u8) -> Key {
        Key { position, name: position.to_string(), url: String::new() }
    }

    fn names(keys: &[Key], more: bool) -> (Vec<String>, bool) {
        let (shown, has_more) = on_display(keys, more);
        let name = |it: Option<Key>| it.map_or("-".to_owned(), |it| it.name);
        (shown.into_iter().map(name).collect(), has_more)
    }

    fn text(words: [&str; 4]) -> Vec<String> {
        words.map(str::to_owned).to_vec()
    }

    #[test]
    fn keys_keep_their_places_and_what_has_no_room_stands_behind_more() {
        let four: Vec<Key> = [1, 2, 4].map(key).to_vec();
        assert_eq!(names(&four, false), (text(["1", "2", "-", "4"]), false));
        let five: Vec<Key> = [1, 2, 4, 5].map(key).to_vec();
        assert_eq!(names(&five, false), (text(["1", "2", "-", "-"]), true));
        assert_eq!(names(&five, true), (text(["4", "5", "-", "-"]), true));
    }
}
