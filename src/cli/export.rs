//! `export`: all contacts as JSON, CSV or vCard, a part at a time, so that any number fits.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::cli::exit::{CommandError, Exit};
use crate::cli::find::{PART, every, labels};
use crate::cli::{AccountArg, Context};
use ringbook_app::App;
use ringbook_app::wire;
use ringbook_app::wire::ApiEncoder;
use ringbook_core::contact::{Content, VcardVersion};
use ringbook_core::humanize;
use ringbook_core::sync::AccountId;
use ringbook_store::{ContactId, ContactRow};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to write
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
    /// Where to; standard output when not said
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    whose: AccountArg,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A list of contacts as the API gives them, one in a line
    Json,
    /// One row a contact, for spreadsheets; text that would be a formula there has an apostrophe in front
    Csv,
    /// vCard 3.0, which every phone and every address book reads
    Vcard,
    /// vCard 4.0
    Vcard4,
}

pub(crate) async fn export(desk: Context, args: Args) -> Result<Exit, CommandError> {
    if desk.screen.json && args.format != Format::Json {
        return Err(CommandError::usage("--json is for --format json; leave one of them out"));
    }
    let app = desk.open().await?;
    let account = args.whose.only(&app).await?;
    let output = args.output.as_deref().filter(|path| *path != Path::new("-"));
    let Some(path) = output else {
        let mut out = BufWriter::new(io::stdout().lock());
        write(&app, account, args.format, &mut out).await?;
        out.flush()?;
        return Ok(Exit::Ok);
    };
    let unwritable = |error: io::Error| {
        CommandError::failed(format!("{} could not be written: {error}", path.display()))
    };
    let draft = Draft::beside(path).map_err(unwritable)?;
    let mut out = BufWriter::new(&draft.file);
    let count = write(&app, account, args.format, &mut out).await?;
    out.flush().map_err(unwritable)?;
    drop(out);
    draft.publish(path).map_err(unwritable)?;
    desk.screen.say(format!(
        "{} written to {}",
        humanize::many(count, "contact"),
        path.display()
    ))?;
    Ok(Exit::Ok)
}

/// A file that nobody sees under its name before it is complete.
struct Draft {
    file: File,
    path: PathBuf,
    published: bool,
}

impl Draft {
    fn beside(target: &Path) -> io::Result<Draft> {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits).map_err(|error| io::Error::other(error.to_string()))?;
        let random: String = bits.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{random}.part"));
        let path = target.with_file_name(name);
        // Contact data is for its owner alone. In a folder of many people nobody can foresee the name, and what
        // stands there already, such as a link, is not written to.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Draft { file, path, published: false })
    }

    fn publish(mut self, target: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        std::fs::rename(&self.path, target)?;
        self.published = true;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.published {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

async fn write(
    app: &App,
    account: Option<AccountId>,
    format: Format,
    out: &mut impl Write,
) -> Result<u64, CommandError> {
    let labels = labels(app).await?;
    let outward = ApiEncoder::new(&app.store, &app.config);
    let sheet = match format {
        Format::Csv => Some(Sheet::measured(app, account).await?),
        _ => None,
    };
    match (format, &sheet) {
        (Format::Json, _) => out.write_all(b"[")?,
        (_, Some(sheet)) => sheet.heads(out)?,
        _ => {}
    }
    let mut count = 0;
    let mut last = ContactId(0);
    loop {
        let part = app.store.contacts_of(account, last, PART).await?;
        let Some(end) = part.last() else { break };
        last = end.id;
        for row in &part {
            match (format, &sheet) {
                (Format::Json, _) => {
                    out.write_all(if count == 0 { b"\n" } else { b",\n" })?;
                    serde_json::to_writer(&mut *out, &wire::Contact::of(&outward, row, &labels))
                        .map_err(io::Error::from)?;
                }
                (_, Some(sheet)) => {
                    sheet.row(out, &wire::Contact::of(&outward, row, &labels), row)?
                }
                _ => {
                    let version = match format {
                        Format::Vcard4 => VcardVersion::Four,
                        _ => VcardVersion::Three,
                    };
                    out.write_all(app.vcard(row, &labels, version).as_bytes())?;
                }
            }
            count += 1;
        }
    }
    if format == Format::Json {
        out.write_all(b"\n]\n")?;
    }
    Ok(count)
}

/// The columns of a CSV: as many numbers and addresses as anybody has, within reason. What is beyond
/// shares the last column.
struct Sheet {
    phones: usize,
    emails: usize,
}

impl Sheet {
    const PHONES_MAX: usize = 10;
    const EMAILS_MAX: usize = 5;

    async fn measured(app: &App, account: Option<AccountId>) -> Result<Sheet, CommandError> {
        let mut sheet = Sheet { phones: 1, emails: 1 };
        every(app, account, |row| {
            sheet.phones = sheet.phones.max(row.content.phones.len()).min(Sheet::PHONES_MAX);
            sheet.emails = sheet.emails.max(row.content.emails.len()).min(Sheet::EMAILS_MAX);
            true
        })
        .await?;
        Ok(sheet)
    }

    fn heads(&self, out: &mut impl Write) -> io::Result<()> {
        let mut heads: Vec<String> = [
            "id",
            "display_name",
            "prefix",
            "given_name",
            "middle_name",
            "family_name",
            "suffix",
            "nicknames",
            "organization",
            "department",
            "job_title",
        ]
        .map(str::to_owned)
        .to_vec();
        for (thing, number) in [("phone", self.phones), ("email", self.emails)] {
            for at in 1..=number {
                heads.push(format!("{thing}_{at}"));
                heads.push(format!("{thing}_{at}_type"));
            }
        }
        heads.extend(["labels", "starred"].map(str::to_owned));
        record(out, heads.iter().map(String::as_str))
    }

    fn row(&self, out: &mut impl Write, it: &wire::Contact, row: &ContactRow) -> io::Result<()> {
        let Content { names, nicknames, organization, phones, emails, .. } = &row.content;
        let nicknames = nicknames.join("; ");
        let mut cells: Vec<Cow<'_, str>> = vec![
            it.id.0.as_str().into(),
            row.display_name.as_str().into(),
            names.prefix.as_str().into(),
            names.given.as_str().into(),
            names.middle.as_str().into(),
            names.family.as_str().into(),
            names.suffix.as_str().into(),
            nicknames.into(),
        ];
        match organization {
            Some(it) => cells.extend([&it.name, &it.department, &it.title].map(|it| it.into())),
            None => cells.extend([const { Cow::Borrowed("") }; 3]),
        }
        let phones = phones.iter().map(|it| (it.value.as_str(), it.kind.as_str()));
        let emails = emails.iter().map(|it| (it.value.as_str(), it.kind.as_str()));
        pairs(&mut cells, phones, self.phones);
        pairs(&mut cells, emails, self.emails);
        cells.push(it.labels.join("; ").into());
        cells.push(if it.starred { "true" } else { "false" }.into());
        record(out, cells.iter().map(AsRef::as_ref))
    }
}

/// So many pairs of cells. What has no column of its own shares the last one.
fn pairs<'a>(
    cells: &mut Vec<Cow<'a, str>>,
    pairs: impl Iterator<Item = (&'a str, &'a str)>,
    number: usize,
) {
    let mut pairs = pairs.peekable();
    for at in 1..=number {
        let (mut value, kind) = match pairs.next() {
            Some((value, kind)) => (Cow::Borrowed(value), kind),
            None => (Cow::Borrowed(""), ""),
        };
        if at == number && pairs.peek().is_some() {
            let rest: Vec<&str> = pairs.by_ref().map(|(value, _)| value).collect();
            value = format!("{value}; {}", rest.join("; ")).into();
        }
        cells.push(value);
        cells.push(kind.into());
    }
}

/// One record of RFC 4180.
fn record<'a>(out: &mut impl Write, cells: impl Iterator<Item = &'a str>) -> io::Result<()> {
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            out.write_all(b",")?;
        }
        let cell = &*inert(cell);
        let special =
            cell.contains(['"', ',', '\r', '\n']) || cell.starts_with(' ') || cell.ends_with(' ');
        if special {
            write!(out, "\"{}\"", cell.replace('"', "\"\""))?;
        } else {
            out.write_all(cell.as_bytes())?;
        }
    }
    out.write_all(b"\r\n")
}

/// A cell that no spreadsheet takes for a formula: whoever can have a contact added could else have a command run
/// where the export is opened. One apostrophe in front marks what would be one, and what had apostrophes there
/// already; a reader takes one off again, and has what was there.
///
/// Where a spreadsheet separates cells by semicolons or tabs, what is behind one within a name is a cell of its own,
/// and is marked there. So is what is behind a line break, for quotes within such a cell count for nothing.
///
/// A number that begins with `+` stays as it is: without letters it can call nothing, and programs that dial want
/// no apostrophe. A spreadsheet keeps its `+` if the column is imported as text.
fn inert(cell: &str) -> Cow<'_, str> {
    const SIGNS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
    const ENDS: [char; 4] = [';', '\t', '\r', '\n'];
    let is_formula = |part: &str, others: &[char]| {
        part.trim_start_matches(|c: char| c.is_whitespace() || others.contains(&c))
            .starts_with(SIGNS)
    };
    let text = cell.trim_start_matches('\'');
    let begins = text.starts_with(['\t', '\r', '\n']) || is_formula(text, &[]);
    let mut parts = cell.split_inclusive(ENDS);
    let first = parts.next().unwrap_or_default();
    let is_inner = |part: &&str| {
        is_formula(part, &['\'', '"']) && !is_number(part.trim_end_matches(ENDS).trim())
    };
    if !(begins || parts.clone().any(|it| is_inner(&it))) || cell.split("; ").all(is_number) {
        return cell.into();
    }
    let mut marked = String::with_capacity(cell.len() + 8);
    let mark = |is_one: bool| if is_one { "'" } else { "" };
    marked.extend([mark(begins), first]);
    for part in parts {
        marked.extend([mark(is_inner(&part)), part]);
    }
    marked.into()
}

/// A telephone number as people write it, with nothing else.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    digits.starts_with(|c: char| c.is_ascii_digit() || c == '(')
        && digits.chars().all(|c| c.is_ascii_digit() || " ().-/".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn a_record_quotes_what_needs_it() {
        let mut out = Vec::new();
        record(&mut out, ["plain", "a,b", "say \"hi\"", "two\nlines", ""].into_iter()).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "plain,\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",\r\n"
        );
    }

    fn unmarked(part: &str, is_first: bool) -> &str {
        let Some(rest) = part.strip_prefix('\'') else { return part };
        let others: &[char] = if is_first { &[' ', '\''] } else { &[' ', '\'', '"'] };
        let signs = ['=', '+', '-', '@', '＝'];
        if rest.trim_start_matches(others).starts_with(signs) { rest } else { part }
    }

    #[test]
    fn no_cell_is_a_formula_and_each_can_be_read_back() {
        for (cell, written) in [
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("=HYPERLINK(\"http://evil\")", "'=HYPERLINK(\"http://evil\")"),
            ("@SUM(1)", "'@SUM(1)"),
            ("-2+3", "'-2+3"),
            ("+cmd|x", "'+cmd|x"),
            ("+49 30 1; =1+1", "'+49 30 1;' =1+1"),
            ("Ada;=cmd|' /C calc'!A0;", "Ada;'=cmd|' /C calc'!A0;"),
            ("Ada\t@SUM(1)", "Ada\t'@SUM(1)"),
            ("Ada\n=1", "Ada\n'=1"),
            ("Ada;;  -1+x", "Ada;;'  -1+x"),
            ("Ada;\"=1", "Ada;'\"=1"),
            ("Ada;'=1", "Ada;''=1"),
            ("=1;+x", "'=1;'+x"),
            ("Friends; =1; Work", "Friends;' =1; Work"),
            ("Friends; Work", "Friends; Work"),
            ("ask; +44 20 7946-0018; x", "ask; +44 20 7946-0018; x"),
            ("Ada; e=mc", "Ada; e=mc"),
            ("\t=1", "'\t'=1"),
            ("\r=1", "'\r'=1"),
            ("  =1", "'  =1"),
            ("＝1", "'＝1"),
            ("'=1", "''=1"),
            ("''=1", "'''=1"),
            ("'tis", "'tis"),
            ("a=b", "a=b"),
            ("ada@example.com", "ada@example.com"),
            ("-", "'-"),
            ("+49 30 1234567", "+49 30 1234567"),
            ("+49301234567; +44 (20) 7946-0018", "+49301234567; +44 (20) 7946-0018"),
            ("", ""),
        ] {
            assert_eq!(inert(cell), written, "{cell}");
            // As a reader takes the marks off again.
            let parts = written.split_inclusive([';', '\t', '\r', '\n']);
            let read: String =
                parts.enumerate().map(|(at, part)| unmarked(part, at == 0)).collect();
            let is_blank = written.starts_with("'\t") || written.starts_with("'\r");
            assert_eq!(if is_blank { &read[1..] } else { &read }, cell, "{written}");
        }
    }

    #[test]
    fn a_draft_has_a_name_that_nobody_foresees_and_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("contacts.csv");
        let (one, two) = (Draft::beside(&target).unwrap(), Draft::beside(&target).unwrap());
        assert_ne!(one.path, two.path);
        let name = one.path.file_name().unwrap().to_str().unwrap();
        assert!(!name.contains(&format!(".{}.", std::process::id())) && name.len() > 40, "{name}");
        let mode = one.file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop((one, two));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left over");
    }

    #[test]
    fn a_number_too_many_shares_the_last_column() {
        let mut cells = Vec::new();
        pairs(&mut cells, [("1", "home"), ("2", "work"), ("3", "")].into_iter(), 2);
        assert_eq!(cells, ["1", "home", "2; 3", "work"]);
    }
}
