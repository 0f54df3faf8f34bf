//! Writes people as Google's JSON.
//!
//! Text is written straight into the page: a listing of 100,000 contacts is measured in
//! hundred megabytes, and building a tree of values for it would take longer than the sync
//! that is being tested against it.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::book::{Group, Record};
use super::contact::Contact;
use super::mask::{Language, Mask, Sources};
use super::random::{Random, mix};

/// Lists cut off a contact's numbers and addresses here.
const LIST_LIMIT: usize = 100;

pub(super) struct Renderer {
    pub(super) mask: Mask,
    pub(super) sources: Sources,
    pub(super) language: Language,
    /// Former names and tombstones are for requests with a sync token only.
    pub(super) incremental: bool,
    /// In lists, long fields are cut off.
    pub(super) in_list: bool,
    /// Differs between requests, so that no two need to agree on the order of items.
    pub(super) salt: u64,
    /// Whether that holds for numbers and addresses, too. Google promises no order of them, and keeps it.
    pub(super) mixed: bool,
}

impl Renderer {
    pub(super) fn person(&self, out: &mut String, record: &Record) {
        if record.deleted {
            return self.tombstone(out, record);
        }
        let _ = write!(out, "{{\"resourceName\":\"people/c{}\",\"etag\":\"", record.name);
        self.person_etag(out, record);
        out.push('"');
        if self.mask.has(Mask::METADATA) {
            self.metadata(out, record);
        }
        if self.sources.contact {
            self.fields(out, record);
        } else if record.contact.profile && self.mask.has(Mask::NAMES) {
            let mut items = Items::open(out, "names", None, 0);
            self.profile_name(&mut items, record);
            items.close();
        }
        out.push('}');
    }

    fn tombstone(&self, out: &mut String, record: &Record) {
        let _ = write!(out, "{{\"resourceName\":\"people/c{}\",\"etag\":\"", record.name);
        self.person_etag(out, record);
        out.push('"');
        // Without this, nothing tells a deleted person from an empty one.
        if self.mask.has(Mask::METADATA) {
            out.push_str(",\"metadata\":{");
            self.former_names(out, record);
            out.push_str("\"deleted\":true,\"objectType\":\"PERSON\"}");
        }
        out.push('}');
    }

    fn metadata(&self, out: &mut String, record: &Record) {
        out.push_str(",\"metadata\":{\"sources\":[");
        let profile = record.contact.profile && self.sources.profile;
        if profile {
            let id = profile_id(record);
            let _ = write!(out, "{{\"type\":\"PROFILE\",\"id\":\"{id}\",\"etag\":\"#");
            source_etag(out, id as u64);
            out.push_str("\",\"profileMetadata\":{\"objectType\":\"PERSON\",\"userTypes\":[\"GOOGLE_USER\"]}}");
        }
        if self.sources.contact {
            if profile {
                out.push(',');
            }
            let _ =
                write!(out, "{{\"type\":\"CONTACT\",\"id\":\"{:x}\",\"etag\":\"#", record.source);
            source_etag(out, etag_number(record));
            let _ = write!(out, "\",\"updateTime\":\"{}\"}}", time(record.changed_at));
        }
        out.push_str("],");
        self.former_names(out, record);
        out.push_str("\"objectType\":\"PERSON\"}");
    }

    fn former_names(&self, out: &mut String, record: &Record) {
        if !self.incremental || record.former.is_empty() {
            return;
        }
        out.push_str("\"previousResourceNames\":[");
        for (index, name) in record.former.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let _ = write!(out, "{comma}\"people/c{name}\"");
        }
        out.push_str("],");
    }

    fn fields(&self, out: &mut String, record: &Record) {
        let contact = &record.contact;
        let source = format!("{:x}", record.source);
        let mut random = Random::new(self.salt ^ record.source);
        if self.mask.has(Mask::NAMES) {
            self.names(out, record, &source, &mut random);
        }
        if self.mask.has(Mask::NICKNAMES) {
            let mut items = Items::open(out, "nicknames", Some(&source), random.next());
            for index in shuffled(contact.nicknames.len(), &mut random) {
                items.begin(index == 0);
                items.text("value", &contact.nicknames[index]);
                items.end();
            }
            items.close();
        }
        if self.mask.has(Mask::ORGANIZATIONS) {
            let mut items = Items::open(out, "organizations", Some(&source), random.next());
            for index in shuffled(contact.organizations.len(), &mut random) {
                let organization = &contact.organizations[index];
                items.begin(index == 0);
                items.text("name", &organization.name);
                items.text("department", &organization.department);
                items.text("title", &organization.title);
                items.end();
            }
            items.close();
        }
        if self.mask.has(Mask::PHONE_NUMBERS) {
            let mut items = Items::open(out, "phoneNumbers", Some(&source), random.next());
            for index in self.arranged(contact.phone_numbers.len(), &mut random) {
                let number = &contact.phone_numbers[index];
                items.begin(index == 0);
                items.text("value", &number.value);
                items.text("canonicalForm", number.canonical.as_deref().unwrap_or_default());
                self.label(&mut items, number.label.as_deref());
                items.end();
            }
            items.close();
        }
        if self.mask.has(Mask::EMAIL_ADDRESSES) {
            let mut items = Items::open(out, "emailAddresses", Some(&source), random.next());
            for index in self.arranged(contact.email_addresses.len(), &mut random) {
                let address = &contact.email_addresses[index];
                items.begin(index == 0);
                items.text("value", &address.value);
                self.label(&mut items, address.label.as_deref());
                items.end();
            }
            items.close();
        }
        if self.mask.has(Mask::SIP_ADDRESSES) && !contact.sip_addresses.is_empty() {
            let mut items = Items::open(out, "sipAddresses", Some(&source), random.next());
            for (index, address) in contact.sip_addresses.iter().enumerate() {
                items.begin(index == 0);
                items.text("value", &address.value);
                self.label(&mut items, address.label.as_deref());
                items.end();
            }
            items.close();
        }
        if self.mask.has(Mask::MEMBERSHIPS) {
            memberships(out, contact, &source, &mut random);
        }
    }

    /// Numbers or addresses, in their order unless it is mixed up.
    fn arranged(&self, count: usize, random: &mut Random) -> Vec<usize> {
        let count = self.limited(count);
        if self.mixed { shuffled(count, random).collect() } else { (0..count).collect() }
    }

    fn names(&self, out: &mut String, record: &Record, source: &str, random: &mut Random) {
        let profile = record.contact.profile && self.sources.profile;
        let mut items = Items::open(out, "names", Some(source), random.next());
        if profile {
            self.profile_name(&mut items, record);
        }
        if let Some(name) = &record.contact.name {
            // The profile's name is the person's primary one; this is its source's.
            items.begin_ranked(!profile, true);
            let display = name.arranged(self.language.family_first);
            items.text("displayName", &display);
            items.text("familyName", &name.family);
            items.text("givenName", &name.given);
            items.text("middleName", &name.middle);
            items.text("honorificPrefix", &name.prefix);
            items.text("honorificSuffix", &name.suffix);
            items.text("phoneticFamilyName", &name.phonetic_family);
            items.text("phoneticGivenName", &name.phonetic_given);
            items.text("displayNameLastFirst", &name.last_first());
            items.text("unstructuredName", &display);
            items.end();
        }
        items.close();
    }

    fn profile_name(&self, items: &mut Items, record: &Record) {
        let number = record.source % 1000;
        let _ = write!(
            items.next(),
            "{{\"metadata\":{{\"primary\":true,\"sourcePrimary\":true,\"source\":{{\
             \"type\":\"PROFILE\",\"id\":\"{}\"}}}},\"displayName\":\"Profile {number}\",\
             \"familyName\":\"{number}\",\"givenName\":\"Profile\",\
             \"displayNameLastFirst\":\"{number}, Profile\",\
             \"unstructuredName\":\"Profile {number}\"}}",
            profile_id(record),
        );
    }

    fn label(&self, items: &mut Items, label: Option<&str>) {
        if let Some(label) = label {
            items.text("type", label);
            items.text("formattedType", self.language.label(label));
        }
    }

    fn limited(&self, items: usize) -> usize {
        if self.in_list { items.min(LIST_LIMIT) } else { items }
    }

    /// Google builds it from the mask, the sources, and the contact's own etag, so it changes
    /// with every one of them.
    fn person_etag(&self, out: &mut String, record: &Record) {
        let mut bytes = Vec::with_capacity(48);
        let ids: Vec<u8> = self.mask.ids().collect();
        bytes.extend([0x12, ids.len() as u8]);
        bytes.extend(ids);
        let profile = u8::from(self.sources.profile);
        bytes.extend([0x1a, 4, 1, 2, 5, 6 + profile]);
        let mut own = String::with_capacity(12);
        source_etag(&mut own, etag_number(record));
        bytes.extend([0x22, 0x0c]);
        bytes.extend(own.as_bytes());
        out.push('%');
        STANDARD.encode_string(bytes, out);
    }
}

pub(super) fn group(out: &mut String, group: &Group, members: usize, fields: &GroupFields) {
    let _ = write!(out, "{{\"resourceName\":\"contactGroups/{}\",\"etag\":\"", group.id);
    source_etag(out, mix(group.changed ^ 0x0067_726f_7570));
    out.push('"');
    if fields.metadata && (!group.system || group.deleted) {
        let _ = write!(out, ",\"metadata\":{{\"updateTime\":\"{}\"", time(group.changed_at));
        if group.deleted {
            out.push_str(",\"deleted\":true");
        }
        out.push('}');
    }
    if !group.deleted {
        if fields.group_type {
            let kind = if group.system { "SYSTEM" } else { "USER" };
            let _ = write!(out, ",\"groupType\":\"{kind}_CONTACT_GROUP\"");
        }
        if fields.name {
            out.push_str(",\"name\":");
            string(out, &group.name);
            out.push_str(",\"formattedName\":");
            let mut formatted = group.name.clone();
            if group.system {
                formatted[..1].make_ascii_uppercase();
            }
            string(out, &formatted);
        }
        if fields.member_count && members > 0 {
            let _ = write!(out, ",\"memberCount\":{members}");
        }
    }
    out.push('}');
}

#[derive(Clone, Copy)]
pub(super) struct GroupFields {
    pub(super) metadata: bool,
    pub(super) group_type: bool,
    pub(super) member_count: bool,
    pub(super) name: bool,
}

/// One multi-value field on its way into the text. Nothing is written for an empty one.
struct Items<'a> {
    out: &'a mut String,
    field: &'static str,
    source: Option<&'a str>,
    /// Which way around the members of an item's metadata are written.
    flipped: bool,
    empty: bool,
}

impl<'a> Items<'a> {
    fn open(
        out: &'a mut String,
        field: &'static str,
        source: Option<&'a str>,
        chance: u64,
    ) -> Items<'a> {
        Items { out, field, source, flipped: chance & 1 == 1, empty: true }
    }

    /// Where the next item is to be written.
    fn next(&mut self) -> &mut String {
        if self.empty {
            let _ = write!(self.out, ",\"{}\":[", self.field);
            self.empty = false;
        } else {
            self.out.push(',');
        }
        self.out
    }

    fn begin(&mut self, primary: bool) {
        self.begin_ranked(primary, primary);
    }

    fn begin_ranked(&mut self, primary: bool, source_primary: bool) {
        let (source, flipped) = (self.source.unwrap_or_default(), self.flipped);
        let out = self.next();
        out.push_str("{\"metadata\":{");
        let mut ranks = String::with_capacity(40);
        if primary {
            ranks.push_str("\"primary\":true");
        }
        if source_primary {
            ranks.push_str(if primary {
                ",\"sourcePrimary\":true"
            } else {
                "\"sourcePrimary\":true"
            });
        }
        if !flipped && !ranks.is_empty() {
            out.push_str(&ranks);
            out.push(',');
        }
        let _ = write!(out, "\"source\":{{\"type\":\"CONTACT\",\"id\":\"{source}\"}}");
        if flipped && !ranks.is_empty() {
            out.push(',');
            out.push_str(&ranks);
        }
        out.push('}');
    }

    /// Empty text is omitted, as everything empty is.
    fn text(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.out.push_str(",\"");
            self.out.push_str(name);
            self.out.push_str("\":");
            string(self.out, value);
        }
    }

    fn end(&mut self) {
        self.out.push('}');
    }

    fn close(self) {
        if !self.empty {
            self.out.push(']');
        }
    }
}

fn memberships(out: &mut String, contact: &Contact, source: &str, random: &mut Random) {
    let mut items = Items::open(out, "memberships", Some(source), 0);
    for index in shuffled(contact.groups.len(), random) {
        let group = &contact.groups[index];
        items.begin_ranked(false, false);
        items.out.push_str(",\"contactGroupMembership\":{\"contactGroupId\":");
        string(items.out, group);
        items.out.push_str(",\"contactGroupResourceName\":");
        string(items.out, &format!("contactGroups/{group}"));
        items.out.push('}');
        items.end();
    }
    items.close();
}

fn shuffled(count: usize, random: &mut Random) -> impl Iterator<Item = usize> + use<> {
    let mut order: Vec<usize> = (0..count).collect();
    if count > 1 {
        random.shuffle(&mut order);
    }
    order.into_iter()
}

fn etag_number(record: &Record) -> u64 {
    mix(record.source ^ record.changed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn source_etag(out: &mut String, number: u64) {
    STANDARD.encode_string(mix(number).to_be_bytes(), out);
}

fn profile_id(record: &Record) -> u128 {
    100_000_000_000_000_000_000 + u128::from(mix(record.source))
}

pub(super) fn time(milliseconds: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(milliseconds).unwrap_or_default()
}

/// A JSON string, with the angle brackets escaped as Google's servers do.
pub(super) fn string(out: &mut String, text: &str) {
    out.push('"');
    let mut plain_from = 0;
    for (index, byte) in text.bytes().enumerate() {
        let escaped = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            b'<' => "\\u003c",
            b'>' => "\\u003e",
            0..=0x1f | 0x7f => "",
            _ => continue,
        };
        out.push_str(&text[plain_from..index]);
        if escaped.is_empty() {
            let _ = write!(out, "\\u{byte:04x}");
        } else {
            out.push_str(escaped);
        }
        plain_from = index + 1;
    }
    out.push_str(&text[plain_from..]);
    out.push('"');
}

/// Indents compact JSON by two, as Google does when `prettyPrint` is not turned off.
pub(super) fn indented(compact: &str) -> String {
    let mut out = Vec::with_capacity(compact.len() * 3 / 2);
    let (mut depth, mut in_string, mut escaped) = (0, false, false);
    let bytes = compact.as_bytes();
    let line = |out: &mut Vec<u8>, depth: usize| {
        out.push(b'\n');
        out.resize(out.len() + depth * 2, b' ');
    };
    for (index, &byte) in bytes.iter().enumerate() {
        if in_string {
            out.push(byte);
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        let before = index.checked_sub(1).map(|index| bytes[index]);
        let empty = matches!(bytes.get(index + 1), Some(b'}' | b']'));
        match byte {
            b'"' => {
                in_string = true;
                out.push(byte);
            }
            b'{' | b'[' => {
                out.push(byte);
                depth += 1;
                if !empty {
                    line(&mut out, depth);
                }
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if !matches!(before, Some(b'{' | b'[')) {
                    line(&mut out, depth);
                }
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                line(&mut out, depth);
            }
            b':' => out.extend(b": "),
            other => out.push(other),
        }
    }
    if !compact.is_empty() {
        out.push(b'\n');
    }
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indented_json_means_the_same_as_compact_json() {
        let compact = r#"{"a":[{},[],{"b":"x\"},{\\"}],"c":1,"d":{"e":null}}"#;
        let pretty = indented(compact);
        let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
        assert_eq!(parse(&pretty), parse(compact));
        assert!(pretty.starts_with("{\n  \"a\": [\n    {},\n    [],\n    {\n      \"b\": \"x"));
    }

    #[test]
    fn any_text_survives_as_a_json_string() {
        let nasty = "\u{0}\u{1f}\u{7f}\"\\<b>\n\r\t & ' 😀 \u{2028}";
        let mut out = String::new();
        string(&mut out, nasty);
        assert_eq!(serde_json::from_str::<String>(&out).ok().as_deref(), Some(nasty));
    }
}
