//! Which kind of phone asks, and what it likes.

/// The families that differ in what they show and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// 79xx: soft keys from the left in the order Select, Next, Exit.
    Classic,
    /// 69xx, 78xx, 88xx, 89xx and 99xx with enterprise firmware: Exit is the leftmost key.
    Enterprise,
    /// 68xx, 78xx and 88xx with multiplatform firmware.
    Mpp,
    /// 98xx and 8875.
    Series9800,
    /// SPA300 and SPA500.
    Spa,
    /// A browser, or something that does not say what it is.
    Other,
}

/// How a list that goes on is turned over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    /// By keys of ours, Next and Previous.
    Keys,
    /// By a `Refresh` header without a time; the phone adds a key of its own. Only where there are no
    /// keys of ours.
    Refresh,
}

/// Keys of a list or of a contact, by what they do. The number is the place of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keys {
    /// Select in a list, Dial on a contact, Submit in a form.
    pub act: u8,
    pub exit: u8,
    /// Next page of a list; edit before dialling on a contact; backspace in a form.
    pub more: u8,
    /// Previous page, details of a contact, recent searches.
    pub other: u8,
    /// Search in a list.
    pub search: u8,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phone {
    pub family: Family,
    /// Such as `CP-7965G`; empty when it does not say.
    pub model: String,
}

impl Phone {
    /// By the header `x-CiscoIPPhoneModelName`, which phones with enterprise firmware send, and by
    /// `User-Agent`: `Cisco-CP-8851-3PCC/11.3.1 (…)`, `Cisco/SPA504G-7.4.9c (…)`.
    pub fn of(model: Option<&str>, agent: Option<&str>) -> Phone {
        let (model, agent) = (model.unwrap_or_default(), agent.unwrap_or_default());
        let named: &str = if model.is_empty() { agent } else { model };
        // Behind the bracket are addresses and serial numbers.
        let named = named.split('(').next().unwrap_or_default();
        let upper = named.to_ascii_uppercase();
        // What stands behind the product, such as a serial number, has digits of its own.
        let number = number_in(upper.split([' ', '(']).next().unwrap_or_default());
        let family = if upper.contains("SPA") {
            Family::Spa
        } else if number.starts_with("98") || number == "8875" {
            Family::Series9800
        } else if agent.to_ascii_uppercase().contains("3PCC") || number.starts_with("68") {
            Family::Mpp
        } else if number.starts_with("79") {
            Family::Classic
        } else if ["69", "78", "88", "89", "99"].iter().any(|it| number.starts_with(it)) {
            Family::Enterprise
        } else {
            Family::Other
        };
        let model =
            named.split(['/', ' ', '(']).find(|it| it.contains(number) && !number.is_empty());
        Phone { family, model: model.unwrap_or_default().chars().take(32).collect() }
    }

    pub fn paging(&self) -> Paging {
        match self.family {
            Family::Spa => Paging::Refresh,
            _ => Paging::Keys,
        }
    }

    /// Where its keys are; `None` where it shall keep its own.
    pub fn keys(&self) -> Option<Keys> {
        match self.family {
            Family::Spa => None,
            Family::Classic => Some(Keys { act: 1, more: 2, exit: 3, other: 4, search: 5 }),
            _ => Some(Keys { exit: 1, act: 2, more: 3, other: 4, search: 5 }),
        }
    }
}

/// The first four digits in a row that a model's name has: `7965` of `CP-7965G`, else three as in `SPA504G`.
fn number_in(name: &str) -> &str {
    let mut runs = name.split(|c: char| !c.is_ascii_digit());
    runs.clone().find(|it| it.len() == 4).or_else(|| runs.find(|it| it.len() == 3)).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_is_known_by_what_it_says() {
        for (model, agent, family, name) in [
            (
                Some("CP-7965G"),
                Some("Allegro-Software-WebClient/4.34"),
                Family::Classic,
                "CP-7965G",
            ),
            (
                Some("CP-7940G"),
                Some("Allegro-Software-WebClient/3.12"),
                Family::Classic,
                "CP-7940G",
            ),
            (Some("CP-8845"), None, Family::Enterprise, "CP-8845"),
            (Some("CP-6921"), None, Family::Enterprise, "CP-6921"),
            (
                None,
                Some("Cisco-CP-8851-3PCC/11.3.1 (ac7a561b2c3d)"),
                Family::Mpp,
                "Cisco-CP-8851-3PCC",
            ),
            (None, Some("Cisco-CP-9861/3.1.1 (00a)"), Family::Series9800, "Cisco-CP-9861"),
            (None, Some("Cisco-CP-8875/2.3"), Family::Series9800, "Cisco-CP-8875"),
            (None, Some("Cisco/SPA504G-7.4.9c (0011)(CBT1)"), Family::Spa, "SPA504G-7.4.9c"),
            (None, Some("curl/7.88.1"), Family::Other, ""),
            (None, None, Family::Other, ""),
            (Some("\u{0}é"), Some("("), Family::Other, ""),
        ] {
            let phone = Phone::of(model, agent);
            assert_eq!((phone.family, phone.model.as_str()), (family, name), "{model:?} {agent:?}");
        }
    }
}
