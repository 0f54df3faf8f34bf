//! Field masks, sources and locales: what a request wants to see of a person.

use super::answers::{Reply, bad_request, invalid_value};
use super::query::Query;

const FIELDS: &[&str] = &[
    "addresses",
    "ageRanges",
    "biographies",
    "birthdays",
    "calendarUrls",
    "clientData",
    "coverPhotos",
    "emailAddresses",
    "events",
    "externalIds",
    "genders",
    "imClients",
    "interests",
    "locales",
    "locations",
    "memberships",
    "metadata",
    "miscKeywords",
    "names",
    "nicknames",
    "occupations",
    "organizations",
    "phoneNumbers",
    "photos",
    "relations",
    "sipAddresses",
    "skills",
    "urls",
    "userDefined",
];

/// The fields of a person that a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mask(u32);

impl Mask {
    pub(super) const EMAIL_ADDRESSES: Mask = Mask(1 << 7);
    pub(super) const MEMBERSHIPS: Mask = Mask(1 << 15);
    pub(super) const METADATA: Mask = Mask(1 << 16);
    pub(super) const NAMES: Mask = Mask(1 << 18);
    pub(super) const NICKNAMES: Mask = Mask(1 << 19);
    pub(super) const ORGANIZATIONS: Mask = Mask(1 << 21);
    pub(super) const PHONE_NUMBERS: Mask = Mask(1 << 22);

    pub(super) const SIP_ADDRESSES: Mask = Mask(1 << 25);

    pub(super) fn has(self, fields: Mask) -> bool {
        self.0 & fields.0 != 0
    }

    /// The numbers of the fields, as they go into an etag.
    pub(super) fn ids(self) -> impl Iterator<Item = u8> {
        (0..32).filter(move |bit| self.0 >> bit & 1 == 1).map(|bit| bit + 1)
    }

    /// Reads `personFields`, or its deprecated form `requestMask.includeField`.
    pub(super) fn parse(query: &Query) -> Result<Mask, Reply> {
        let paths = query.text("personFields").into_iter().chain(query.text(INCLUDE_FIELD));
        Mask::of("personFields", paths)
    }

    /// Reads `readMask`, as lists of a domain call it.
    pub(super) fn parse_read_mask(query: &Query) -> Result<Mask, Reply> {
        Mask::of("readMask", query.text("readMask").into_iter())
    }

    fn of<'a>(name: &str, paths: impl Iterator<Item = &'a str>) -> Result<Mask, Reply> {
        let mut mask = 0;
        for path in paths.flat_map(|paths| paths.split(',')) {
            let path = path.trim().trim_start_matches("person.");
            let Some(bit) = FIELDS.iter().position(|field| *field == path) else {
                return Err(bad_request(&format!(
                    "Invalid {name} mask path: \"{path}\". Valid paths are documented at \
                     {DOCUMENTATION}."
                )));
            };
            mask |= 1 << bit;
        }
        if mask == 0 {
            return Err(bad_request(&format!(
                "{name} mask is required. Please specify one or more valid paths. Valid \
                 paths are documented at {DOCUMENTATION}."
            )));
        }
        Ok(Mask(mask))
    }
}

pub(super) const INCLUDE_FIELD: &str = "requestMask.includeField";
const DOCUMENTATION: &str =
    "https://developers.google.com/people/api/rest/v1/people.connections/list";

/// Where the data may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sources {
    pub(super) contact: bool,
    pub(super) profile: bool,
}

impl Sources {
    pub(super) fn parse(query: &Query) -> Result<Sources, Reply> {
        let mut sources = Sources { contact: false, profile: false };
        for source in query.all("sources") {
            match source {
                "READ_SOURCE_TYPE_CONTACT" => sources.contact = true,
                "READ_SOURCE_TYPE_PROFILE" | "READ_SOURCE_TYPE_DOMAIN_CONTACT" => {
                    sources.profile = true;
                }
                "READ_SOURCE_TYPE_UNSPECIFIED" | "READ_SOURCE_TYPE_OTHER_CONTACT" => {}
                other => return Err(invalid_value("sources", "ReadSourceType", other)),
            }
        }
        if !sources.contact && !sources.profile {
            sources = Sources { contact: true, profile: true };
        }
        Ok(sources)
    }
}

/// What the viewer's language changes: the order of names and the words for labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Language {
    pub(super) family_first: bool,
    pub(super) german: bool,
}

impl Language {
    pub(super) fn of(accept_language: Option<&str>) -> Language {
        let tag: String = accept_language
            .unwrap_or_default()
            .chars()
            .take_while(char::is_ascii_alphabetic)
            .collect::<String>()
            .to_ascii_lowercase();
        Language {
            family_first: matches!(tag.as_str(), "ja" | "zh" | "ko" | "hu"),
            german: tag == "de",
        }
    }

    /// The label as shown; a custom one is shown as it is.
    pub(super) fn label(self, label: &str) -> &str {
        let (english, german) = match label {
            "mobile" => ("Mobile", "Mobil"),
            "work" => ("Work", "Geschäftlich"),
            "home" => ("Home", "Privat"),
            "main" => ("Main", "Zentrale"),
            "other" => ("Other", "Sonstige"),
            "homeFax" => ("Home Fax", "Fax (privat)"),
            "workFax" => ("Work Fax", "Fax (geschäftl.)"),
            "workMobile" => ("Work Mobile", "Mobil (geschäftl.)"),
            "pager" => ("Pager", "Pager"),
            "googleVoice" => ("Google Voice", "Google Voice"),
            custom => (custom, custom),
        };
        if self.german { german } else { english }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_named_field_is_where_its_constant_says() {
        for (mask, name) in [
            (Mask::EMAIL_ADDRESSES, "emailAddresses"),
            (Mask::MEMBERSHIPS, "memberships"),
            (Mask::METADATA, "metadata"),
            (Mask::NAMES, "names"),
            (Mask::NICKNAMES, "nicknames"),
            (Mask::ORGANIZATIONS, "organizations"),
            (Mask::PHONE_NUMBERS, "phoneNumbers"),
            (Mask::SIP_ADDRESSES, "sipAddresses"),
        ] {
            assert_eq!(FIELDS[mask.0.trailing_zeros() as usize], name);
        }
    }
}
