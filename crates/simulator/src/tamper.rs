//! Makes listings lie, in all the ways a careful client must not fall for.

use serde_json::{Value, json};

use super::book::{Book, parse_resource_name};
use super::faults::{Action, Defect};
use super::listing::{ListRequest, Page, Rules};
use super::tokens::{PageToken, Sealer};

pub(super) fn with_page<'a>(
    page: &mut Page<'a>,
    actions: &[Action],
    request: &ListRequest,
    book: &'a Book,
    sealer: &Sealer,
    rules: &Rules,
) {
    for action in actions {
        match action {
            Action::RepeatPageToken => {
                // On the first page there is no token to repeat.
                if let Some(token) = request.page_token() {
                    page.next_page_token = Some(token.to_owned());
                    page.next_sync_token = None;
                }
            }
            Action::NoSyncToken => page.next_sync_token = None,
            Action::DropPageToken => page.next_page_token = None,
            Action::EndEarly => end(page, request, book, sealer, rules),
            Action::TotalItems { extra } => {
                page.total = page.total.saturating_add_signed(*extra as isize);
            }
            Action::EmptyListing => {
                page.people.clear();
                page.total = 0;
                end(page, request, book, sealer, rules);
            }
            Action::HalfListing { true_total } => {
                // By id and not by position, so that the same half is missing on every page.
                page.people.retain(|record| half(record.source));
                if !true_total {
                    let all = book.after(0).filter(|record| page.incremental || !record.deleted);
                    page.total = all.filter(|record| half(record.source)).count();
                }
            }
            Action::LeaveOut { resource_name, counted } => {
                let name = parse_resource_name(resource_name);
                let Some(record) = name.and_then(|name| book.find(name)) else { continue };
                page.people.retain(|it| it.source != record.source);
                if !counted && !page.incremental {
                    page.total = page.total.saturating_sub(1);
                }
            }
            Action::NoEnd => {
                let token = request.page_token().and_then(|token| sealer.open_page(token));
                if let Some(token) = token {
                    page.people.clear();
                    page.next_sync_token = None;
                    let (page_number, serial) = (token.page + 1, token.serial + 1);
                    page.next_page_token =
                        Some(sealer.page(&PageToken { page: page_number, serial, ..token }));
                }
            }
            Action::Duplicates { count } => {
                let mut again = request.people_before(book, sealer, *count);
                if again.is_empty() {
                    again = page.people.iter().take(*count).copied().collect();
                }
                again.append(&mut page.people);
                page.people = again;
            }
            Action::Reordered => page.people.reverse(),
            _ => {}
        }
    }
}

/// Makes a page the last one.
fn end(page: &mut Page, request: &ListRequest, book: &Book, sealer: &Sealer, rules: &Rules) {
    page.next_page_token = None;
    if page.next_sync_token.is_none() {
        page.next_sync_token = request.sync_token_now(book, sealer, rules);
    }
}

fn half(source: u64) -> bool {
    (source >> 7) & 1 == 0
}

pub(super) fn defect_of(actions: &[Action], position: usize) -> Option<Defect> {
    actions.iter().find_map(|action| match action {
        Action::BadPerson { defect, index, count } => {
            (*index..index + count).contains(&position).then_some(*defect)
        }
        _ => None,
    })
}

/// The same person with something wrong in the JSON.
pub(super) fn spoilt(person: &str, defect: Defect) -> String {
    let mut person: Value = serde_json::from_str(person).unwrap_or_default();
    match defect {
        Defect::NamesIsAString => person["names"] = "Ada Lovelace".into(),
        Defect::PhoneValueIsANumber => {
            person["phoneNumbers"] = json!([{ "value": 4_930_123_456_u64, "type": ["home"] }]);
        }
        Defect::ResourceNameMissing => {
            if let Some(members) = person.as_object_mut() {
                members.remove("resourceName");
            }
        }
        Defect::ResourceNameIsANumber => person["resourceName"] = 17.into(),
        Defect::MetadataIsAnArray => person["metadata"] = json!([1, "two"]),
        Defect::PersonIsNull => return "null".to_owned(),
    }
    person.to_string()
}
