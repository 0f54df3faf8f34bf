//! Who is it: by number, and by a part of the name.
//!
//! Both read through all contacts. A person at a terminal does not notice; what phones ask goes
//! another way.

use any_ascii::any_ascii;

use crate::app::App;
use crate::cli::exit::{Exit, Trouble};
use crate::cli::screen::Table;
use crate::cli::{Desk, words};
use crate::clock::between;
use crate::contact::Phone;
use crate::store::{ContactId, ContactRow, DbError};
use crate::web::read;
use crate::web::wire::{self, Outward};

#[derive(Debug, clap::Args)]
pub(crate) struct LookupArgs {
    /// As it is shown on a display, or as one writes it
    #[arg(value_name = "NUMBER", allow_hyphen_values = true)]
    number: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SearchArgs {
    /// A part of a name, a company or a number; accents and case do not matter
    #[arg(value_name = "TEXT")]
    text: String,
    /// The most that is shown
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
}

/// This many contacts are in memory at a time.
pub(crate) const PART: u32 = 500;

pub(crate) async fn lookup(desk: Desk, args: LookupArgs) -> Result<Exit, Trouble> {
    let app = desk.open().await?;
    let wanted = Dialled::read(&args.number).ok_or_else(|| {
        Trouble::usage(format!("`{}` is not a number: it has no digit", args.number))
    })?;
    let mut best: Option<(usize, ContactRow)> = None;
    every(&app, |row| {
        let likeness = row.content.phones.iter().map(|it| wanted.likeness(it)).max().unwrap_or(0);
        if likeness > best.as_ref().map_or(0, |(known, _)| *known) {
            best = Some((likeness, row));
        }
        true
    })
    .await?;
    let Some((_, found)) = best else {
        return Err(Trouble::failed(format!("nobody has the number {}", args.number)));
    };
    if desk.screen.json {
        let out = Outward::new(&app.store, &app.config);
        desk.screen.json(&wire::Contact::of(&out, &found, &labels(&app).await?))?;
    } else {
        desk.screen.say(&found.display_name)?;
    }
    Ok(Exit::Ok)
}

/// A number, reduced to what makes it that number.
#[derive(Debug, PartialEq)]
struct Dialled {
    /// Without a prefix that says "now comes the country" or "now comes the area".
    digits: String,
    international: bool,
}

/// Fewer digits than this, and two numbers must be the same to be alike.
const DIGITS_MIN: usize = 7;
/// So many equal digits at the end are a match whatever is before them: prefixes differ by country.
const TAIL: usize = 10;

impl Dialled {
    fn read(text: &str) -> Option<Dialled> {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let international = text.trim_start().starts_with('+') || digits.starts_with("00");
        if digits.is_empty() {
            return None;
        }
        let bare = digits.trim_start_matches('0');
        let digits = if bare.len() < DIGITS_MIN { digits.clone() } else { bare.to_owned() };
        Some(Dialled { digits, international })
    }

    /// How many digits the two have in common at their ends, if that is enough to take one for the other.
    fn likeness(&self, phone: &Phone) -> usize {
        let canonical = phone.canonical.as_deref();
        // Two numbers with their countries need no guesses.
        let typed =
            Some(phone.value.as_str()).filter(|_| !self.international || canonical.is_none());
        let texts = [canonical, typed].into_iter().flatten();
        texts.map(|text| self.likeness_to(text)).max().unwrap_or(0)
    }

    fn likeness_to(&self, text: &str) -> usize {
        let Some(other) = Dialled::read(text) else { return 0 };
        let (ours, theirs) = (self.digits.as_bytes(), other.digits.as_bytes());
        let tail = ours.iter().rev().zip(theirs.iter().rev()).take_while(|(a, b)| a == b).count();
        if ours == theirs {
            // The same number beats every longer tail of another.
            return 100 + tail;
        }
        let whole = tail == ours.len() || tail == theirs.len();
        let both_full = self.international && other.international;
        if !both_full && ((whole && tail >= DIGITS_MIN) || tail >= TAIL) { tail } else { 0 }
    }
}

pub(crate) async fn search(desk: Desk, args: SearchArgs) -> Result<Exit, Trouble> {
    let app = desk.open().await?;
    let began = app.clock.now();
    let wanted = Wanted::read(&args.text)
        .ok_or_else(|| Trouble::usage("say at least one letter or digit to search for"))?;
    let mut found: Vec<ContactRow> = Vec::new();
    let mut more = false;
    every(&app, |row| {
        if wanted.is_in(&row) {
            more = found.len() >= args.limit;
            if !more {
                found.push(row);
            }
        }
        !more
    })
    .await?;
    found.sort_by_key(|row| folded(&row.display_name));
    if desk.screen.json {
        let out = Outward::new(&app.store, &app.config);
        let labels = labels(&app).await?;
        let results: Vec<wire::Contact> =
            found.iter().map(|row| wire::Contact::of(&out, row, &labels)).collect();
        let took = between(began, app.clock.now());
        desk.screen.json(&serde_json::json!({
            "results": results,
            "count": results.len(),
            "query": args.text,
            "elapsed_ms": took.as_secs_f64() * 1000.0,
        }))?;
    } else if found.is_empty() {
        return Err(Trouble::failed(format!("nobody is found by `{}`", args.text)));
    } else {
        let mut table = Table::new(&["NAME", "ORGANIZATION", "NUMBERS"]);
        for row in &found {
            let numbers: Vec<&str> =
                row.content.phones.iter().map(|it| it.value.as_str()).collect();
            let organization = row.content.organization.as_ref().map_or("", |it| &it.name);
            table.row(vec![row.display_name.clone(), organization.to_owned(), numbers.join(", ")]);
        }
        desk.screen.table(&table)?;
        if more && desk.screen.terminal {
            let limit = words::many(args.limit as u64, "contact");
            desk.screen.say(format!("… and more: these are the first {limit}; see --limit"))?;
        }
    }
    Ok(if found.is_empty() { Exit::Failed } else { Exit::Ok })
}

/// What is searched for: each word, wherever it stands.
struct Wanted {
    words: Vec<String>,
    /// When it may be a part of a number.
    digits: Option<String>,
}

impl Wanted {
    fn read(text: &str) -> Option<Wanted> {
        let words: Vec<String> = folded(text).split_whitespace().map(str::to_owned).collect();
        let numeric = text.chars().all(|c| c.is_ascii_digit() || " +-/().".contains(c));
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let digits = Some(digits).filter(|it| numeric && it.len() >= 3);
        (!words.is_empty()).then_some(Wanted { words, digits })
    }

    fn is_in(&self, row: &ContactRow) -> bool {
        let mut text = folded(&row.display_name);
        for nickname in &row.content.nicknames {
            text.push(' ');
            text.push_str(&folded(nickname));
        }
        if let Some(organization) = &row.content.organization {
            text.push(' ');
            text.push_str(&folded(&organization.name));
        }
        if self.words.iter().all(|word| text.contains(word.as_str())) {
            return true;
        }
        let Some(wanted) = &self.digits else { return false };
        row.content.phones.iter().any(|phone| {
            let texts = [phone.canonical.as_deref(), Some(phone.value.as_str())];
            texts.into_iter().flatten().any(|text| {
                let digits: String = text.chars().filter(char::is_ascii_digit).collect();
                digits.contains(wanted.as_str())
            })
        })
    }
}

fn folded(text: &str) -> String {
    any_ascii(text).to_lowercase()
}

/// Hands over every contact, a part at a time, until `each` has seen enough.
pub(crate) async fn every(
    app: &App,
    mut each: impl FnMut(ContactRow) -> bool,
) -> Result<(), DbError> {
    let mut last = ContactId(0);
    loop {
        let part = app.store.contacts_after(last, PART).await?;
        let Some(end) = part.last() else { return Ok(()) };
        last = end.id;
        for row in part {
            if !each(row) {
                return Ok(());
            }
        }
    }
}

/// What the labels of all accounts are called.
pub(crate) async fn labels(app: &App) -> Result<wire::LabelNames, DbError> {
    let accounts = app.store.accounts().await?;
    read::label_names(app, accounts.iter().map(|it| it.id)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alike(dialled: &str, typed: &str, canonical: Option<&str>) -> bool {
        let canonical = canonical.map(str::to_owned);
        let phone = Phone { value: typed.to_owned(), canonical, ..Phone::default() };
        Dialled::read(dialled).unwrap().likeness(&phone) > 0
    }

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        for dialled in
            ["+49 30 1234567", "0049301234567", "030/1234567", "030 123 45 67", "1234567"]
        {
            assert!(alike(dialled, "030 1234567", Some("+49301234567")), "{dialled}");
        }
        assert!(alike("8 912 345-67-89", "+7 912 345 67 89", None), "a trunk prefix of its own");
        assert!(alike("1820", "1820", None), "an extension");
    }

    #[test]
    fn another_number_is_not_taken_for_it() {
        for dialled in
            ["+49 40 1234567", "040 1234567", "0301234568", "234567", "7", "+43301234567"]
        {
            assert!(!alike(dialled, "030 1234567", Some("+49301234567")), "{dialled}");
        }
        assert!(!alike("+1 212 555 0123", "+1 312 555 0123", None));
        assert!(!alike("820", "1820", None));
    }

    #[test]
    fn the_same_number_beats_a_longer_one_that_ends_like_it() {
        let likeness = |typed: &str| {
            let phone = Phone { value: typed.to_owned(), ..Phone::default() };
            Dialled::read("1234567").unwrap().likeness(&phone)
        };
        assert!(likeness("1234567") > likeness("+49 30 1234567"));
    }
}
