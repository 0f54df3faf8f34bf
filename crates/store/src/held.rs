//! The contacts that a run on hold would delete.

use crate::Store;
use crate::commit_page::content;
use crate::db::{Arg, DbError, Row, int};
use crate::ids::ContactId;
use ringbook_core::contact::fold;
use ringbook_core::sync::RunId;

/// A contact that a held run would delete.
#[derive(Clone, Debug)]
pub struct HeldRow {
    pub contact: ContactId,
    pub display_name: String,
    pub resource_name: String,
    /// As they were typed at Google.
    pub phones: Vec<String>,
}

/// Which of them to read, by their ids.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HeldQuery<'a> {
    /// A part of a name, or of a number; all without it.
    pub search: Option<&'a str>,
    /// The last one that is known already, by its id.
    pub after: i64,
    pub limit: u32,
}

/// Fewer digits than this are in too many numbers to say anything.
const DIGITS_MIN: usize = 3;
/// Characters of a search that count.
const SEARCHED_MAX: usize = 100;
/// So many are looked through at a time.
const PART: u32 = 500;

impl Store {
    /// A part of what a held run would delete, in the order of their ids.
    pub async fn held(&self, run: RunId, query: &HeldQuery<'_>) -> Result<Vec<HeldRow>, DbError> {
        let Some(wanted) = query.search.map(Wanted::of) else {
            return self.held_part(run, query.after, query.limit).await;
        };
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let (mut found, mut after) = (Vec::new(), query.after);
        // Each part is a short read, so that nobody waits for a search through very many.
        while found.len() < limit {
            let part = self.held_part(run, after, PART).await?;
            let Some(last) = part.last() else { break };
            after = last.contact.0;
            found.extend(part.into_iter().filter(|row| wanted.fits(row)));
        }
        found.truncate(limit);
        Ok(found)
    }

    async fn held_part(&self, run: RunId, after: i64, limit: u32) -> Result<Vec<HeldRow>, DbError> {
        const HELD: &str = "
            select h.contact, c.display_name, c.resource_name, d.content from held h
            join contact c on c.id = h.contact
            left join contact_content d on d.contact = h.contact
            where h.run = $1 and h.contact > $2 order by h.contact limit $3";
        let args = [Arg::Int(run.0), Arg::Int(after), int(limit)];
        self.db.rows(HELD, &args).await?.iter().map(held).collect()
    }
}

fn held(row: &Row) -> Result<HeldRow, DbError> {
    let phones = match row.opt_text(3)? {
        Some(text) => content(text)?.phones.into_iter().map(|it| it.value).collect(),
        None => Vec::new(),
    };
    Ok(HeldRow {
        contact: ContactId(row.int(0)?),
        display_name: row.text(1)?.to_owned(),
        resource_name: row.text(2)?.to_owned(),
        phones,
    })
}

/// What somebody looks for: words, each of which is in the name, or digits, which are in a number.
struct Wanted {
    words: Vec<String>,
    digits: String,
}

impl Wanted {
    fn of(asked: &str) -> Wanted {
        let words = fold(asked, SEARCHED_MAX).split(' ').map(str::to_owned).collect();
        let is_number = !asked.chars().any(char::is_alphabetic);
        let digits = if is_number { digits(asked) } else { String::new() };
        Wanted { words, digits }
    }

    fn fits(&self, row: &HeldRow) -> bool {
        let name = fold(&row.display_name, usize::MAX);
        let by_name = self.words.iter().all(|word| name.contains(word.as_str()));
        let has_digits = |phone: &String| digits(phone).contains(&self.digits);
        by_name || (self.digits.len() >= DIGITS_MIN && row.phones.iter().any(has_digits))
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}
