//! What a number or an address is called, in one form for all the ways in which it is written.

/// A label as people read it. What Apple's address book exports as `_$!<HomeFAX>!$_` becomes Google's own
/// type where there is one, else the word in it.
pub(super) fn plain(label: &str) -> Option<String> {
    let mut word = inner(label)?;
    while let Some(within) = inner(word) {
        word = within;
    }
    let word = word.trim();
    let own = match word.to_ascii_lowercase().as_str() {
        "home" => "home",
        "work" => "work",
        "mobile" => "mobile",
        "main" => "main",
        "other" => "other",
        "homefax" => "homeFax",
        "workfax" => "workFax",
        "otherfax" => "otherFax",
        "pager" => "pager",
        "applewatch" => "Apple Watch",
        _ => word,
    };
    Some(own.to_owned())
}

fn inner(label: &str) -> Option<&str> {
    label.trim().strip_prefix("_$!<")?.strip_suffix(">!$_")
}

/// Whether a fax machine or a pager answers there, as far as the label says. Google's own types and what
/// people call them in some languages; `Halifax` is a town.
pub fn is_machine(label: &str) -> bool {
    /// Words that begin like this.
    const BEGIN: &[&str] =
        &["fax", "faks", "telefax", "telefaks", "pager", "beeper", "факс", "пейджер", "φαξ"];
    /// Scripts that put nothing between words.
    const WITHIN: &[&str] =
        &["传真", "傳真", "ファックス", "ファクス", "팩스", "فاكس", "فکس", "פקס", "ポケベル"];
    if matches!(label, "homeFax" | "workFax" | "otherFax" | "workPager") {
        return true;
    }
    let label = label.to_lowercase();
    label
        .split(|c: char| !c.is_alphanumeric())
        .any(|word| BEGIN.iter().any(|it| word.starts_with(it)))
        || WITHIN.iter().any(|it| label.contains(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_apples_address_book_become_words() {
        for (label, wanted) in [
            ("_$!<Main>!$_", Some("main")),
            ("_$!<Home>!$_", Some("home")),
            ("_$!<Work>!$_", Some("work")),
            ("_$!<Mobile>!$_", Some("mobile")),
            ("_$!<HomeFAX>!$_", Some("homeFax")),
            ("_$!<WorkFAX>!$_", Some("workFax")),
            ("_$!<OtherFAX>!$_", Some("otherFax")),
            ("_$!<Pager>!$_", Some("pager")),
            ("_$!<Other>!$_", Some("other")),
            ("_$!<School>!$_", Some("School")),
            ("_$!<HomePage>!$_", Some("HomePage")),
            ("_$!<iPhone>!$_", Some("iPhone")),
            ("_$!<AppleWatch>!$_", Some("Apple Watch")),
            ("_$!< Büro >!$_", Some("Büro")),
            ("_$!<>!$_", Some("")),
            ("_$!<_$!<Home>!$_>!$_", Some("home")),
            ("home", None),
            ("_$!<Main", None),
            ("Main>!$_", None),
        ] {
            assert_eq!(plain(label).as_deref(), wanted, "{label}");
        }
    }

    #[test]
    fn a_fax_machine_is_known_by_its_label() {
        for machine in [
            "homeFax",
            "workFax",
            "otherFax",
            "pager",
            "workPager",
            "Fax",
            "FAX 2",
            "Telefax Büro",
            "fax-home",
            "Faxnummer",
            "faks",
            "Факс",
            "公司传真",
            "ファックス",
            "my pager",
            "Home Fax",
        ] {
            assert!(is_machine(machine), "{machine}");
        }
        for other in ["", "home", "mobile", "Halifax", "main", "Carfax Street", "page", "other"] {
            assert!(!is_machine(other), "{other}");
        }
    }
}
