//! Says which field of an unreadable person is to blame, without a word of its content.
//!
//! The parser's own messages quote what they stumble over, which would be somebody's name or
//! number. So a person that failed is looked at a second time here, slowly.

use serde_json::Value;

/// What a field may be. `null` is always allowed: in proto3's JSON it means absent.
enum Shape {
    Text,
    Flag,
    List(&'static Shape),
    Object(&'static [(&'static str, Shape)]),
}

use Shape::{Flag, List, Object, Text};

const SOURCE: Shape = Object(&[("type", Text), ("etag", Text)]);
const FIELD_METADATA: Shape = Object(&[("primary", Flag), ("source", SOURCE)]);

/// The fields of a person that are read, as in `person.rs`.
const PERSON: Shape = Object(&[
    ("resourceName", Text),
    (
        "metadata",
        Object(&[
            ("deleted", Flag),
            ("previousResourceNames", List(&Text)),
            ("sources", List(&SOURCE)),
        ]),
    ),
    (
        "names",
        List(&Object(&[
            ("metadata", FIELD_METADATA),
            ("displayName", Text),
            ("displayNameLastFirst", Text),
            ("unstructuredName", Text),
            ("honorificPrefix", Text),
            ("givenName", Text),
            ("middleName", Text),
            ("familyName", Text),
            ("honorificSuffix", Text),
            ("phoneticFullName", Text),
            ("phoneticGivenName", Text),
            ("phoneticMiddleName", Text),
            ("phoneticFamilyName", Text),
        ])),
    ),
    ("nicknames", List(&Object(&[("value", Text)]))),
    (
        "organizations",
        List(&Object(&[
            ("metadata", FIELD_METADATA),
            ("current", Flag),
            ("name", Text),
            ("department", Text),
            ("title", Text),
        ])),
    ),
    (
        "phoneNumbers",
        List(&Object(&[
            ("metadata", FIELD_METADATA),
            ("value", Text),
            ("canonicalForm", Text),
            ("type", Text),
        ])),
    ),
    (
        "emailAddresses",
        List(&Object(&[("metadata", FIELD_METADATA), ("value", Text), ("type", Text)])),
    ),
    (
        "sipAddresses",
        List(&Object(&[("metadata", FIELD_METADATA), ("value", Text), ("type", Text)])),
    ),
    (
        "memberships",
        List(&Object(&[(
            "contactGroupMembership",
            Object(&[("contactGroupResourceName", Text), ("contactGroupId", Text)]),
        )])),
    ),
]);

/// Names the first field of this person that is not what it should be.
pub(super) fn explain(person: &str) -> String {
    match serde_json::from_str(person) {
        Ok(value) => search(&PERSON, &value, "")
            .unwrap_or_else(|| "a field is given twice".to_owned()),
        // The page as a whole was sound JSON, which leaves only this.
        Err(_) => "a text holds an escape that stands for no character, or a number is out of range, or it is nested too deeply".to_owned(),
    }
}

fn search(shape: &Shape, value: &Value, path: &str) -> Option<String> {
    let wanted = match (shape, value) {
        (_, Value::Null) if !path.is_empty() => return None,
        (Text, Value::String(_)) | (Flag, Value::Bool(_)) => return None,
        (List(item), Value::Array(values)) => {
            let mut values = values.iter().enumerate();
            return values.find_map(|(i, it)| search_item(item, it, &format!("{path}[{i}]")));
        }
        (Object(fields), Value::Object(values)) => {
            let dot = if path.is_empty() { "" } else { "." };
            return fields.iter().find_map(|(name, shape)| {
                search(shape, values.get(*name)?, &format!("{path}{dot}{name}"))
            });
        }
        (Text, _) => "a text",
        (Flag, _) => "true or false",
        (List(_), _) => "a list",
        (Object(_), _) => "an object",
    };
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    let path = if path.is_empty() { "person" } else { path };
    Some(format!("`{path}` should be {wanted} but is {found}"))
}

/// Items of a list cannot be absent, so `null` is wrong there.
fn search_item(shape: &Shape, value: &Value, path: &str) -> Option<String> {
    if value.is_null() {
        return Some(format!("`{path}` should not be null"));
    }
    search(shape, value, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::person;
    use ringbook_core::sync::book::Entry;
    use serde_json::json;

    /// Each field of the table in turn, wrong, in an otherwise readable person.
    fn spoil(shape: &Shape, at: String, wrap: &dyn Fn(Value) -> Value, seen: &mut Vec<String>) {
        let wrong = if matches!(shape, Flag) { json!("SECRET") } else { json!(4711) };
        let person = wrap(wrong).to_string();
        match person::read(&person) {
            Entry::Unreadable(it) => {
                let field = if at.is_empty() { "person" } else { &at };
                assert!(it.reason.starts_with(&format!("`{field}` ")), "{at}: {}", it.reason);
                assert!(!it.reason.contains("4711") && !it.reason.contains("SECRET"));
            }
            other => panic!("{at} is not looked at: {person} gave {other:?}"),
        }
        seen.push(at.clone());
        match shape {
            Text | Flag => {}
            List(item) => spoil(item, format!("{at}[0]"), &|it| wrap(json!([it])), seen),
            Object(fields) => {
                let dot = if at.is_empty() { "" } else { "." };
                for (name, shape) in *fields {
                    let with = |it| {
                        let mut object = json!({ *name: it });
                        if at.is_empty() && *name != "resourceName" {
                            object["resourceName"] = json!("people/c1");
                        }
                        wrap(object)
                    };
                    spoil(shape, format!("{at}{dot}{name}"), &with, seen);
                }
            }
        }
    }

    #[test]
    fn every_field_that_is_read_is_named_when_it_is_wrong() {
        let mut seen = Vec::new();
        spoil(&PERSON, String::new(), &|it| it, &mut seen);
        assert!(seen.len() > 60, "{seen:?}");
    }

    #[test]
    fn faults_that_have_no_field_are_explained_too() {
        assert_eq!(
            explain(r#"{"resourceName":"people/c1","resourceName":"people/c1"}"#),
            "a field is given twice"
        );
        assert!(explain(r#"{"names":[{"givenName":"\ud800"}]}"#).contains("escape"));
        assert_eq!(explain("[]"), "`person` should be an object but is a list");
        assert_eq!(explain(r#"{"names":[null]}"#), "`names[0]` should not be null");
    }
}
