//! What a number or an address is called, in one form for all the ways in which it is written.

use icu_normalizer::ComposingNormalizerBorrowed;

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
/// people call them in some languages, alone or in a compound; `Halifax` is a town.
pub fn is_machine(label: &str) -> bool {
    /// Anywhere: in compounds (`Privatfax`), and in scripts that put nothing between words.
    const WITHIN: &[&str] = &[
        "fax",
        "faks",
        "facsimile",
        "факс",
        "φαξ",
        "φάξ",
        "télécop",
        "telecóp",
        "telecop",
        "传真",
        "傳真",
        "ファックス",
        "ファクス",
        "ファクシミリ",
        "팩스",
        "فاكس",
        "فکس",
        "פקס",
        "pager",
        "beeper",
        "пейджер",
        "ポケベル",
    ];
    /// Names of places and companies.
    const NAMES: &[&str] = &["halifax", "fairfax", "colfax", "carfax", "equifax"];
    // Full-width and half-width letters are those of other labels.
    let label = ComposingNormalizerBorrowed::new_nfkc().normalize(label).to_lowercase();
    let words = label.split(|c: char| !c.is_alphanumeric());
    words
        .filter(|word| !NAMES.iter().any(|name| word.starts_with(name)))
        .any(|word| WITHIN.iter().any(|it| word.contains(it)))
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
            "Privatfax",
            "Bürofax",
            "WorkFax",
            "Privatfaxnummer",
            "自宅FAX",
            "FAX番号",
            "ＦＡＸ",
            "会社ＦＡＸ",
            "ﾌｧｯｸｽ",
            "ファクシミリ",
            "Télécopie",
            "Te\u{301}le\u{301}copieur",
            "telecopiadora",
            "Hjemmefaks",
            "Телефакс",
            "Τηλεφαξ",
            "Facsimile",
            "Arbeitspager",
        ] {
            assert!(is_machine(machine), "{machine}");
        }
        for other in [
            "",
            "home",
            "mobile",
            "Halifax",
            "ＨＡＬＩＦＡＸ",
            "Halifaxstraße",
            "Fairfax office",
            "Colfax",
            "main",
            "Carfax Street",
            "page",
            "Telecom",
            "other",
        ] {
            assert!(!is_machine(other), "{other}");
        }
    }
}
