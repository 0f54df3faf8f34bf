//! Who is it: by number, and by a part of the name.
//!
//! Both ask the directory in memory, which they have to make first: half a second for a hundred thousand
//! contacts.

use crate::cli::exit::{CommandError, Exit};
use crate::cli::screen::Table;
use crate::cli::{AccountArg, Context};
use ringbook_app::App;
use ringbook_app::directory::Scope;
use ringbook_app::read;
use ringbook_app::wire;
use ringbook_app::wire::{ApiEncoder, SearchResults};
use ringbook_core::clock::between;
use ringbook_core::humanize;
use ringbook_core::sync::AccountId;
use ringbook_store::{ContactId, ContactRow, DbError};

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
    #[command(flatten)]
    whose: AccountArg,
}

/// This many contacts are in memory at a time.
pub(crate) const PART: u32 = 500;

pub(crate) async fn lookup(desk: Context, args: LookupArgs) -> Result<Exit, CommandError> {
    if !args.number.contains(|c: char| c.is_ascii_digit()) {
        let complaint = format!("`{}` is not a number: it has no digit", args.number);
        return Err(CommandError::usage(complaint));
    }
    let app = desk.open().await?;
    let view = app.directory.view().await?;
    let caller = app.directory.rules().who_has(&view.contacts, &args.number);
    let found = match caller.as_ref().and_then(|it| it.places.first()) {
        Some(place) => app.store.contact(ContactId(view.contacts.id(*place))).await?,
        None => None,
    };
    let (Some(caller), Some(found)) = (caller, found) else {
        return Err(CommandError::failed(format!("nobody has the number {}", args.number)));
    };
    if desk.screen.json {
        let out = ApiEncoder::new(&app.store, &app.config);
        desk.screen.json(&wire::Contact::of(&out, &found, &labels(&app).await?))?;
    } else {
        desk.screen.say(&caller.name)?;
    }
    Ok(Exit::Ok)
}

pub(crate) async fn search(desk: Context, args: SearchArgs) -> Result<Exit, CommandError> {
    if args.text.trim().is_empty() {
        return Err(CommandError::usage("say at least one letter or digit to search for"));
    }
    let app = desk.open().await?;
    let began = app.clock.now();
    let out = ApiEncoder::new(&app.store, &app.config);
    let asked = args.text.trim();
    let account = args.whose.only(&app).await?;
    let (results, total) =
        read::search(&app, &out, asked, Scope::Everything, account, (0, args.limit)).await?;
    let none = results.is_empty();
    if desk.screen.json {
        let elapsed_ms = between(began, app.clock.now()).as_secs_f64() * 1000.0;
        let (count, query) = (results.len(), asked.to_owned());
        desk.screen.json(&SearchResults { results, count, query, elapsed_ms })?;
    } else if none {
        return Err(CommandError::failed(format!("nobody is found by `{asked}`")));
    } else {
        let mut table = Table::new(&["NAME", "ORGANIZATION", "NUMBERS"]);
        for contact in results.iter().map(|it| &it.contact) {
            let numbers: Vec<&str> =
                contact.phone_numbers.iter().map(|it| it.display_value.as_str()).collect();
            let organization = contact.organization.clone().unwrap_or_default();
            table.row(vec![contact.display_name.clone(), organization, numbers.join(", ")]);
        }
        desk.screen.table(&table)?;
        if total > results.len() && desk.screen.terminal {
            let all = humanize::many(total as u64, "contact");
            let limit = args.limit;
            desk.screen.say(format!("… these are the first {limit} of {all}; see --limit"))?;
        }
    }
    Ok(if none { Exit::Failed } else { Exit::Ok })
}

/// Hands over every contact, of one account or of all, a part at a time, until `each` has seen enough.
pub(crate) async fn every(
    app: &App,
    account: Option<AccountId>,
    mut each: impl FnMut(ContactRow) -> bool,
) -> Result<(), DbError> {
    let mut last = ContactId(0);
    loop {
        let part = app.store.contacts_of(account, last, PART).await?;
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
