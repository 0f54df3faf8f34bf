//! `people.connections.list`: pages, tokens, and what Google insists on.
//!
//! The list moves while it is read. A page continues after the last contact delivered, in
//! the order of last change, so a contact edited meanwhile comes up again at the end. The
//! sync token stands for the moment the first page was asked for; what happens while paging
//! is therefore part of the next incremental listing.

use super::answers::{
    Reply, Spelling, bad_request, expired_sync_token, invalid_argument, invalid_value,
};
use super::book::{Book, Record};
use super::mask::{INCLUDE_FIELD, Mask, Sources};
use super::query::Query;
use super::random::{fingerprint, mix};
use super::tokens::{PageToken, Sealer, SyncToken};

pub(super) struct ListRequest {
    pub(super) mask: Mask,
    pub(super) sources: Sources,
    page_size: usize,
    request_sync_token: bool,
    sort: Sort,
    page_token: Option<String>,
    sync_token: Option<String>,
    /// Of all parameters that have to stay the same from the first call on.
    parameters: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    LastModifiedAscending,
    LastModifiedDescending,
    FirstNameAscending,
    LastNameAscending,
}

/// What decides over tokens, apart from the address book.
pub(super) struct Rules {
    pub(super) user: u64,
    pub(super) now: i64,
    pub(super) sync_token_ttl: i64,
    pub(super) spelling: Spelling,
    /// Tokens with a lower serial number have been declared expired.
    pub(super) sync_tokens_from: u64,
    pub(super) page_tokens_from: u64,
}

pub(super) struct Page<'a> {
    pub(super) people: Vec<&'a Record>,
    pub(super) next_page_token: Option<String>,
    pub(super) next_sync_token: Option<String>,
    pub(super) total: usize,
    pub(super) incremental: bool,
}

impl ListRequest {
    pub(super) fn parse(pairs: Vec<(String, String)>) -> Result<(ListRequest, Query), Reply> {
        let own = [
            "pageSize",
            "pageToken",
            "personFields",
            INCLUDE_FIELD,
            "requestSyncToken",
            "sortOrder",
            "syncToken",
        ];
        let query = Query::parse(pairs, &own, &["sources"])?;
        let mask = Mask::parse(&query)?;
        let sources = Sources::parse(&query)?;
        let page_size = query.page_size(100)?;
        let request_sync_token = query.flag("requestSyncToken")?;
        let sort_order = query.text("sortOrder");
        let sort = match sort_order {
            None | Some("LAST_MODIFIED_ASCENDING") => Sort::LastModifiedAscending,
            Some("LAST_MODIFIED_DESCENDING") => Sort::LastModifiedDescending,
            Some("FIRST_NAME_ASCENDING") => Sort::FirstNameAscending,
            Some("LAST_NAME_ASCENDING") => Sort::LastNameAscending,
            Some(other) => return Err(invalid_value("sort_order", "SortOrder", other)),
        };
        let sync_token = query.text("syncToken").map(str::to_owned);
        if sort_order.is_some() && (request_sync_token || sync_token.is_some()) {
            return Err(bad_request("Sort order is only supported when sync is not requested."));
        }
        let text = |name| query.text(name).unwrap_or_default();
        let sources_text: Vec<&str> = query.all("sources").collect();
        let parameters = fingerprint(&format!(
            "{}|{}|{}|{page_size}|{request_sync_token}|{}",
            text("personFields"),
            text(INCLUDE_FIELD),
            sources_text.join(","),
            text("sortOrder"),
        ));
        let page_token = query.text("pageToken").map(str::to_owned);
        let request = ListRequest {
            mask,
            sources,
            page_size,
            request_sync_token,
            sort,
            page_token,
            sync_token,
            parameters,
        };
        Ok((request, query))
    }

    /// A request for a list of a domain, whose parameters have other names.
    pub(super) fn of_domain(query: &Query) -> Result<ListRequest, Reply> {
        let mask = Mask::parse_read_mask(query)?;
        let page_size = query.page_size(100)?;
        let request_sync_token = query.flag("requestSyncToken")?;
        let many = |name| query.all(name).collect::<Vec<_>>().join(",");
        let parameters = fingerprint(&format!(
            "domain|{}|{}|{}|{page_size}|{request_sync_token}",
            query.text("readMask").unwrap_or_default(),
            many("sources"),
            many("mergeSources"),
        ));
        Ok(ListRequest {
            mask,
            sources: Sources { contact: true, profile: false },
            page_size,
            request_sync_token,
            sort: Sort::LastModifiedAscending,
            page_token: query.text("pageToken").map(str::to_owned),
            sync_token: query.text("syncToken").map(str::to_owned),
            parameters,
        })
    }

    /// The page asked for, and whether of changes only, as far as can be told without checks.
    pub(super) fn glance(pairs: &[(String, String)], sealer: &Sealer) -> (u64, bool) {
        let text =
            |wanted: &str| pairs.iter().find(|(name, value)| name == wanted && !value.is_empty());
        let token = text("pageToken").and_then(|(_, token)| sealer.open_page(token));
        (token.map_or(1, |token| token.page), text("syncToken").is_some())
    }

    pub(super) fn page_token(&self) -> Option<&str> {
        self.page_token.as_deref()
    }

    pub(super) fn incremental(&self) -> bool {
        self.sync_token.is_some()
    }

    /// The first page of a full sync, which has a quota of its own.
    pub(super) fn starts_full_sync(&self) -> bool {
        self.request_sync_token && self.page_token.is_none() && self.sync_token.is_none()
    }

    /// Selects a page. `serial` numbers the tokens handed out.
    pub(super) fn page<'a>(
        &self,
        book: &'a Book,
        sealer: &Sealer,
        rules: &Rules,
        serial: &mut u64,
    ) -> Result<Page<'a>, Reply> {
        let sync = self.check_sync_token(sealer, rules)?;
        if sync.as_ref().is_some_and(|token| token.since > book.sequence()) {
            // It comes from an earlier simulator, whose changes are lost.
            return Err(expired_sync_token(rules.spelling));
        }
        let page = self.check_page_token(sealer, rules)?;
        let since = sync.as_ref().map_or(0, |token| token.since);
        let (cursor, chain_start, number, full_sync_at) = match &page {
            Some(token) => (token.cursor, token.chain_start, token.page, token.full_sync_at),
            // Seven days count from the full sync, however often the token is renewed.
            None => {
                let begun = sync.as_ref().map_or(rules.now, |token| token.full_sync_at);
                let cursor =
                    if self.sort == Sort::LastModifiedDescending { u64::MAX } else { since };
                let cursor = if self.is_by_name() { 0 } else { cursor };
                (cursor, book.sequence(), 1, begun)
            }
        };
        let mut people = self.people_from(book, cursor, since);
        let more = people.len() > self.page_size;
        people.truncate(self.page_size);
        let next_cursor = if self.is_by_name() {
            cursor + people.len() as u64
        } else {
            people.last().map_or(cursor, |record| record.changed)
        };
        *serial += 1;
        let next_page_token = more.then(|| {
            sealer.page(&PageToken {
                user: rules.user,
                parameters: self.chain_parameters(),
                cursor: next_cursor,
                chain_start,
                page: number + 1,
                serial: *serial,
                full_sync_at,
            })
        });
        let next_sync_token = (!more && self.request_sync_token).then(|| {
            sealer.sync(&SyncToken {
                user: rules.user,
                parameters: self.parameters,
                since: chain_start,
                serial: *serial,
                full_sync_at,
            })
        });
        let total = match &sync {
            Some(_) => book.after(since).count(),
            None => book.live_count(),
        };
        Ok(Page { people, next_page_token, next_sync_token, total, incremental: sync.is_some() })
    }

    /// The token that a last page would bring, were this the last one.
    pub(super) fn sync_token_now(
        &self,
        book: &Book,
        sealer: &Sealer,
        rules: &Rules,
    ) -> Option<String> {
        let open = |text: &String| sealer.open_page(text);
        let chain_start = self.page_token.as_ref().and_then(open).map(|token| token.chain_start);
        self.request_sync_token.then(|| {
            sealer.sync(&SyncToken {
                user: rules.user,
                parameters: self.parameters,
                since: chain_start.unwrap_or(book.sequence()),
                serial: rules.sync_tokens_from,
                full_sync_at: rules.now,
            })
        })
    }

    /// The last few contacts of the page before this one.
    pub(super) fn people_before<'a>(
        &self,
        book: &'a Book,
        sealer: &Sealer,
        count: usize,
    ) -> Vec<&'a Record> {
        let token = self.page_token.as_deref().and_then(|token| sealer.open_page(token));
        let Some(token) = token else { return Vec::new() };
        book.up_to(token.cursor)
            .rev()
            .filter(|record| self.incremental() || !record.deleted)
            .take(count)
            .collect()
    }

    /// One contact more than a page has, so that the last page is known to be the last.
    fn people_from<'a>(&self, book: &'a Book, cursor: u64, since: u64) -> Vec<&'a Record> {
        let count = self.page_size + 1;
        if self.is_by_name() {
            let mut all: Vec<&Record> = book.live().collect();
            all.sort_by_cached_key(|record| self.name_key(record));
            return all.into_iter().skip(cursor as usize).take(count).collect();
        }
        if self.sort == Sort::LastModifiedDescending {
            let before = cursor.saturating_sub(1);
            return book.up_to(before).rev().filter(|record| !record.deleted).take(count).collect();
        }
        let cursor = cursor.max(since);
        let wanted = |record: &&Record| self.incremental() || !record.deleted;
        book.after(cursor).filter(wanted).take(count).collect()
    }

    fn is_by_name(&self) -> bool {
        matches!(self.sort, Sort::FirstNameAscending | Sort::LastNameAscending)
    }

    fn name_key(&self, record: &Record) -> (String, u64) {
        let name = record.contact.name.as_ref();
        let key = match self.sort {
            Sort::LastNameAscending => name.map(|name| name.last_first()),
            _ => name.map(|name| name.display()),
        };
        (key.unwrap_or_default().to_lowercase(), record.source)
    }

    /// The pages of one chain have the sync token in common, too.
    fn chain_parameters(&self) -> u64 {
        self.parameters ^ mix(fingerprint(self.sync_token.as_deref().unwrap_or_default()))
    }

    fn check_sync_token(&self, sealer: &Sealer, rules: &Rules) -> Result<Option<SyncToken>, Reply> {
        let Some(text) = &self.sync_token else { return Ok(None) };
        let Some(token) = sealer.open_sync(text) else {
            return Err(invalid_argument("the sync token is not one of ours"));
        };
        if token.user != rules.user {
            return Err(invalid_argument("the sync token belongs to another user"));
        }
        if token.parameters != self.parameters {
            return Err(invalid_argument(
                "the parameters are not those of the request that gave the sync token",
            ));
        }
        let expired = rules.now >= token.full_sync_at.saturating_add(rules.sync_token_ttl);
        if expired || token.serial < rules.sync_tokens_from {
            return Err(expired_sync_token(rules.spelling));
        }
        Ok(Some(token))
    }

    fn check_page_token(&self, sealer: &Sealer, rules: &Rules) -> Result<Option<PageToken>, Reply> {
        let Some(text) = &self.page_token else { return Ok(None) };
        let Some(token) = sealer.open_page(text) else {
            return Err(invalid_argument("the page token is not one of ours"));
        };
        if token.user != rules.user {
            return Err(invalid_argument("the page token belongs to another user"));
        }
        if token.parameters != self.chain_parameters() {
            return Err(invalid_argument(
                "the parameters are not those of the request that gave the page token",
            ));
        }
        if token.serial < rules.page_tokens_from {
            return Err(invalid_argument("the page token has expired"));
        }
        Ok(Some(token))
    }
}
