//! `deleted`: contacts that Google deleted and that are still kept, to look at and to bring back.

use std::io::Write;

use serde_json::json;

use crate::cli::exit::{CommandError, Exit};
use crate::cli::find::labels;
use crate::cli::screen::Table;
use crate::cli::{AccountArg, Context, Times};
use ringbook_app::App;
use ringbook_app::read;
use ringbook_app::wire::{ApiEncoder, DeletedContact, LabelNames};
use ringbook_core::clock::after;
use ringbook_core::contact::VcardVersion;
use ringbook_core::humanize;
use ringbook_store::{DeletedQuery, Tombstone};

#[derive(Debug, clap::Args)]
pub(crate) struct DeletedArgs {
    /// Only those with this in their name
    #[arg(value_name = "TEXT", default_value = "")]
    text: String,
    /// The most that is listed, latest first
    #[arg(long, default_value_t = 50, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// Write all of them as vCards to standard output, for an import at Google
    #[arg(long, conflicts_with = "limit")]
    vcard: bool,
    #[command(flatten)]
    whose: AccountArg,
}

/// This many are in memory at a time.
const PART: u32 = 200;

pub(crate) async fn deleted(desk: Context, args: DeletedArgs) -> Result<Exit, CommandError> {
    let app = desk.open().await?;
    let account = args.whose.only(&app).await?;
    let search = args.text.trim().to_owned();
    let limit = if args.vcard { PART } else { args.limit };
    let wanted = DeletedQuery { search, account, run: None, before: None, limit };
    let labels = labels(&app).await?;
    if args.vcard {
        return write_vcards(&app, wanted, &labels).await;
    }
    let one_more = DeletedQuery { limit: wanted.limit + 1, ..wanted };
    let rows = app.store.deleted_contacts(&one_more).await?;
    let (rows, more) = read::part(rows, args.limit, |it| it.contact.id);
    let keep = app.config.tombstone_keep;
    if desk.screen.json {
        let out = ApiEncoder::new(&app.store, &app.config);
        let of = |row| DeletedContact::of(&out, row, &labels, keep);
        let contacts: Vec<DeletedContact> = rows.iter().map(of).collect();
        // There is no cursor here: a greater --limit shows more.
        desk.screen.json(&json!({ "contacts": contacts, "more": more.is_some() }))?;
        return Ok(Exit::Ok);
    }
    if rows.is_empty() {
        desk.screen.say("No deleted contact is kept, as far as was asked.")?;
        return Ok(Exit::Ok);
    }
    let times = Times::of(&app);
    let mut table = Table::new(&["NAME", "NUMBERS", "DELETED", "KEPT"]);
    for row in &rows {
        let left = humanize::relative(after(row.deleted_at, keep), app.clock.now());
        let numbers: Vec<&str> =
            row.contact.content.phones.iter().map(|it| it.value.as_str()).collect();
        let name = row.contact.display_name.clone();
        let left = format!("goes {left}");
        table.row(vec![name, numbers.join(", "), times.say(row.deleted_at), left]);
    }
    desk.screen.table(&table)?;
    if more.is_some() {
        desk.screen.remark("There are more; see --limit.")?;
    }
    desk.screen
        .remark("`ringbook deleted --vcard > deleted.vcf` writes a file to import at Google.")?;
    Ok(Exit::Ok)
}

async fn write_vcards(
    app: &App,
    mut wanted: DeletedQuery,
    labels: &LabelNames,
) -> Result<Exit, CommandError> {
    loop {
        let rows = app.store.deleted_contacts(&wanted).await?;
        for Tombstone { contact, .. } in &rows {
            let card = app.vcard(contact, labels, VcardVersion::Three);
            std::io::stdout().write_all(card.as_bytes())?;
        }
        let last = rows.last().map(|it| (it.deleted_at, it.contact.id));
        match last.filter(|_| rows.len() as u64 == u64::from(PART)) {
            None => return Ok(Exit::Ok),
            before => wanted.before = before,
        }
    }
}
