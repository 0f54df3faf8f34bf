//! Who was found.

use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::{Contact, Id};
use ringbook_core::string_enum;

string_enum! {
    /// How a contact fits what was asked.
    MatchType {
        Exact = "exact",
        Prefix = "prefix",
        Substring = "substring",
        Phone = "phone",
    }
}

/// A contact, and how it was found.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SearchResult {
    #[serde(flatten)]
    pub contact: Contact,
    pub match_type: MatchType,
    #[schema(example = "display_name")]
    pub match_field: &'static str,
}

/// The best results.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SearchResults {
    pub results: Vec<SearchResult>,
    pub count: usize,
    pub query: String,
    pub elapsed_ms: f64,
}

/// A part of all results.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ContactSearch {
    pub results: Vec<SearchResult>,
    pub total_count: u64,
    pub limit: u64,
    pub offset: u64,
    pub has_more: bool,
}

/// Whose number it is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Caller {
    pub number: String,
    /// Null when nobody is known.
    pub name: Option<String>,
    /// Of the first in the directory, where several have the number.
    pub contact_id: Option<Id>,
    /// Of all who have the number.
    pub contact_ids: Vec<Id>,
}
