//! Query parameters, as strictly as Google takes them.

use super::answers::{Reply, bad_request, invalid_value, unknown_parameter};

/// Parameters that every method of a Google API takes.
const SYSTEM: &[&str] = &[
    "$.xgafv",
    "access_token",
    "alt",
    "callback",
    "fields",
    "key",
    "oauth_token",
    "prettyPrint",
    "quotaUser",
    "uploadType",
    "upload_protocol",
];

/// The parameters of one request, known to be allowed.
#[derive(Debug)]
pub(super) struct Query {
    pairs: Vec<(String, String)>,
    /// The members of the answer to keep, when a client wants only some.
    pub(super) fields: Option<Vec<String>>,
}

/// Whether an answer is to be indented. Google does unless it is told not to, also when
/// everything else about the request is wrong.
pub(super) fn pretty(pairs: &[(String, String)]) -> bool {
    !pairs
        .iter()
        .any(|(name, value)| name == "prettyPrint" && matches!(value.as_str(), "false" | "0"))
}

impl Query {
    /// Takes the parameters of a method, of which only `repeated` ones may come twice.
    pub(super) fn parse(
        pairs: Vec<(String, String)>,
        own: &[&str],
        repeated: &[&str],
    ) -> Result<Query, Reply> {
        for (index, (name, _)) in pairs.iter().enumerate() {
            let name = name.as_str();
            if !own.contains(&name) && !repeated.contains(&name) && !SYSTEM.contains(&name) {
                return Err(unknown_parameter(name));
            }
            let again = pairs[..index].iter().any(|(other, _)| other == name);
            if again && !repeated.contains(&name) {
                return Err(bad_request(&format!(
                    "Invalid value at '{name}': the parameter is not repeated."
                )));
            }
        }
        let mut query = Query { pairs, fields: None };
        match query.text("alt") {
            None | Some("json") => {}
            Some(other) => return Err(invalid_value("alt", "enum", other)),
        }
        if let Some(xgafv) = query.text("$.xgafv")
            && !matches!(xgafv, "1" | "2")
        {
            return Err(invalid_value("$.xgafv", "enum", xgafv));
        }
        if query.text("quotaUser").is_some_and(|user| user.chars().count() > 40) {
            return Err(bad_request("quotaUser is limited to 40 characters."));
        }
        query.flag("prettyPrint")?;
        query.fields = match query.text("fields") {
            None | Some("" | "*") => None,
            Some(text) => Some(field_selection(text)?),
        };
        Ok(query)
    }

    /// A parameter's value; an empty one counts as absent, as in all of proto3.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.all(name).next().filter(|value| !value.is_empty())
    }

    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.pairs.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, Reply> {
        match self.text(name) {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(other) => Err(invalid_value(name, "TYPE_BOOL", other)),
        }
    }

    /// The page size, with the API's default for 0 or none, and its limit of 1000.
    pub(super) fn page_size(&self, default: usize) -> Result<usize, Reply> {
        let Some(text) = self.text("pageSize") else { return Ok(default) };
        let size: i32 = text.parse().map_err(|_| invalid_value("page_size", "TYPE_INT32", text))?;
        match size {
            0 => Ok(default),
            1..=1000 => Ok(size.unsigned_abs() as usize),
            ..0 => Err(bad_request("Page size must be greater than or equal to 0.")),
            _ => Err(bad_request("Page size must be less than or equal to 1000.")),
        }
    }
}

fn field_selection(text: &str) -> Result<Vec<String>, Reply> {
    text.split(',')
        .map(|field| {
            let field = field.trim();
            if !field.is_empty() && field.chars().all(|letter| letter.is_ascii_alphanumeric()) {
                Ok(field.to_owned())
            } else {
                // The simulator selects whole members only; better an error than a half answer.
                Err(bad_request(&format!("Invalid field selection {field}")))
            }
        })
        .collect()
}
