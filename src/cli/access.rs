//! Who may get in: administrators, programs' tokens, phones' tokens, and the record of what was done.

use std::io::{self, IsTerminal, Read};

use clap::Subcommand;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::cli::exit::{CommandError, Exit};
use crate::cli::screen::Screen;
use crate::cli::{Context, Times, caller, sure, url_at};
use ringbook_app::App;
use ringbook_app::access::Passwords;
use ringbook_app::read;
use ringbook_app::services::{AuditAction, PhoneToken, TOKEN_DAYS_MAX};
use ringbook_app::snippet;
use ringbook_app::wire::{
    ApiEncoder, Device, Devices, Entry, NewDevice, NewToken, People, Person, Token, Tokens,
};
use ringbook_core::access::Scope;
use ringbook_store::{AdminError, AdminRow, AuditQuery, AuditRow, MadeTokens, RevokedToken};

#[derive(Debug, Subcommand)]
pub(crate) enum AdminsCommand {
    /// Let somebody administer; asks for a password
    Add {
        /// What they sign in with
        name: String,
    },
    /// Print the hash of a password, for ADMIN_PASSWORD_HASH; asks for it
    Hash,
    /// Give somebody another password; asks for it
    Password {
        name: String,
        /// Revoke the tokens that they made, too
        #[arg(long)]
        revoke_tokens: bool,
    },
    /// Let somebody administer no longer: end their sessions and revoke the tokens that they made
    Remove {
        name: String,
        /// Leave the tokens that they made as they are
        #[arg(long)]
        keep_tokens: bool,
        /// Do not ask, even for the last administrator
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokensCommand {
    /// Make a token for a program; it is shown this once
    Add {
        /// What it is for
        name: String,
        /// How far it reaches; each scope has what the ones before it have
        #[arg(long, value_enum, default_value_t = ScopeArg::Read)]
        scope: ScopeArg,
        /// Days until it expires; never unless given
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(1..=TOKEN_DAYS_MAX))]
        expires_in_days: Option<u64>,
    },
    /// Revoke a token, by its id or its name
    Revoke { token: String },
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum ScopeArg {
    /// Contacts, syncs, metrics
    Read,
    /// Starting and stopping syncs, too
    Sync,
    /// Everything
    Admin,
}

#[derive(Debug, clap::Args)]
pub(crate) struct AuditArgs {
    /// How many acts to show, latest first
    #[arg(long, default_value_t = 50, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Only what this person, token or machine did, as the list names them
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Only from this day or moment on, such as 2026-03-07
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Only up to the end of this day, or before this moment
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Only what did not succeed
    #[arg(long)]
    failed: bool,
    /// Only what is older than this act: the last line says which
    #[arg(long, value_name = "ID")]
    before: Option<i64>,
}

impl From<AdminError> for CommandError {
    fn from(problem: AdminError) -> CommandError {
        match problem {
            AdminError::Db(problem) => problem.into(),
            other => CommandError::usage(other.to_string()),
        }
    }
}

pub(crate) async fn admins(
    desk: Context,
    command: Option<AdminsCommand>,
) -> Result<Exit, CommandError> {
    let app = match &command {
        Some(AdminsCommand::Hash) => return hash(desk.screen).await,
        Some(AdminsCommand::Add { .. }) => desk.open_or_make().await?,
        _ => desk.open().await?,
    };
    let screen = desk.screen;
    match command {
        None | Some(AdminsCommand::Hash) => list_admins(&app, screen).await,
        Some(AdminsCommand::Add { name }) => {
            let password = typed_password()?;
            let added = app.add_admin(&caller(), &name, password).await?;
            let before = match added.tokens_before.as_slice() {
                [] => String::new(),
                tokens => format!(
                    " Tokens that were made before: {}; revoke those that you do not know (`ringbook tokens \
                     revoke ID`).",
                    tokens
                        .iter()
                        .map(|it| format!("`{}` ({})", it.name, it.id))
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
            };
            let name = added.name;
            done(screen, format!("`{name}` is an administrator now, and can sign in.{before}"))
        }
        Some(AdminsCommand::Password { name, revoke_tokens }) => {
            let person = app.admin_named(&name).await?;
            let password = typed_password()?;
            let tokens = if revoke_tokens { MadeTokens::Revoke } else { MadeTokens::Keep };
            let revoked = app.set_password(&caller(), &person, password, tokens).await?;
            let tokens = match revoke_tokens {
                true => revoked_in_words(&revoked),
                false => kept_in_words(&app, &person).await?,
            };
            let name = person.name;
            done(
                screen,
                format!("The password of `{name}` is changed, and they are signed out.{tokens}"),
            )
        }
        Some(AdminsCommand::Remove { name, keep_tokens, yes }) => {
            let person = app.admin_named(&name).await?;
            let question = format!(
                "Remove `{}`, the last administrator? From then on everybody on this machine may administer, \
                 without signing in.",
                person.name
            );
            let is_last = app.store.people().await?.len() == 1;
            if is_last && !sure(&question, yes, screen)? {
                screen.say("Nothing was changed.")?;
                return Ok(Exit::Ok);
            }
            let tokens = if keep_tokens { MadeTokens::Keep } else { MadeTokens::Revoke };
            let revoked = app.remove_admin(&caller(), &person, tokens).await?;
            let tokens = revoked_in_words(&revoked);
            let rest = match app.store.has_people().await? {
                true => "",
                false => {
                    " There is none now: until one is added (`ringbook admins add NAME`), every user of this \
                     machine may administer."
                }
            };
            done(screen, format!("`{}` is no administrator any more.{tokens}{rest}", person.name))
        }
    }
}

/// Which of their tokens are still in use after an administrator got another password.
async fn kept_in_words(app: &App, person: &AdminRow) -> Result<String, CommandError> {
    let mut made = app.access.tokens_in_use().await?;
    made.retain(|it| it.person.as_ref() == Some(&person.id));
    Ok(match made.is_empty() {
        true => String::new(),
        false => format!(
            " Tokens that they made are still in use: {}; `--revoke-tokens` revokes them.",
            names(made.iter().map(|it| it.name.as_str()))
        ),
    })
}

/// Which tokens were revoked along with something else.
fn revoked_in_words(revoked: &[RevokedToken]) -> String {
    match revoked.is_empty() {
        true => String::new(),
        false => format!(
            " The tokens that they made are revoked: {}.",
            names(revoked.iter().map(|it| it.name.as_str()))
        ),
    }
}

/// `admins hash`: what ADMIN_PASSWORD_HASH takes. Nothing is kept.
async fn hash(screen: Screen) -> Result<Exit, CommandError> {
    let hash = Passwords::default().hash("", &typed_password()?).await;
    let hash = hash.map_err(|problem| CommandError::usage(problem.to_string()))?;
    if screen.json {
        screen.json(&json!({ "hash": hash }))?;
    } else {
        screen.say(&hash)?;
        screen.remark("In a Docker Compose file, write each $ twice.")?;
    }
    Ok(Exit::Ok)
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")
}

async fn list_admins(app: &App, screen: Screen) -> Result<Exit, CommandError> {
    let out = ApiEncoder::new(&app.store, &app.config);
    let people = app.store.people().await?;
    if screen.json {
        let people = people.into_iter().map(|it| Person::of(&out, it)).collect();
        screen.json(&People { people })?;
        return Ok(Exit::Ok);
    }
    if people.is_empty() {
        screen.say("There is no administrator yet; `ringbook admins add NAME` makes one.")?;
    }
    let times = Times::of(app);
    for person in people {
        screen.say(format!("{:<24} since {}", person.name, times.say(person.created_at)))?;
    }
    Ok(Exit::Ok)
}

/// Asks for a new password twice where somebody types; reads it once from elsewhere.
fn typed_password() -> Result<SecretString, CommandError> {
    Ok(if io::stdin().is_terminal() {
        let first = SecretString::from(rpassword::prompt_password("Password: ")?);
        let again = SecretString::from(rpassword::prompt_password("Once more: ")?);
        if first.expose_secret() != again.expose_secret() {
            return Err(CommandError::usage(
                "the two passwords are not the same; nothing was changed",
            ));
        }
        first
    } else {
        let mut text = String::new();
        io::stdin().take(4096).read_to_string(&mut text)?;
        SecretString::from(text.trim_end_matches(['\r', '\n']).to_owned())
    })
}

pub(crate) async fn tokens(
    desk: Context,
    command: Option<TokensCommand>,
) -> Result<Exit, CommandError> {
    let app = match &command {
        Some(TokensCommand::Add { .. }) => desk.open_or_make().await?,
        _ => desk.open().await?,
    };
    let screen = desk.screen;
    let out = ApiEncoder::new(&app.store, &app.config);
    match command {
        None => {
            let rows = app.store.tokens().await?;
            if screen.json {
                let tokens = rows.into_iter().map(|it| Token::of(&out, it)).collect();
                screen.json(&Tokens { tokens })?;
                return Ok(Exit::Ok);
            }
            if rows.is_empty() {
                screen.say("There are no tokens; `ringbook tokens add NAME` makes one.")?;
            }
            let times = Times::of(&app);
            for row in rows {
                let is_in_use = app.access.is_in_use(&row);
                let state = match (row.revoked_at, row.expires_at) {
                    (None, _) if row.is_good(app.clock.now()) && !is_in_use => {
                        "refused: who made it is not in AUTH_PROXY_ADMINS".to_owned()
                    }
                    (Some(at), _) => format!("revoked {}", times.say(at)),
                    (None, Some(at)) if at <= app.clock.now() => {
                        format!("expired {}", times.say(at))
                    }
                    (None, Some(at)) => format!("expires {}", times.say(at)),
                    (None, None) => "never expires".to_owned(),
                };
                let used = row.used_at.map_or("never used".to_owned(), |at| {
                    format!("used {} from {}", times.say(at), row.used_from.unwrap_or_default())
                });
                let (name, scope) = (row.name, row.scope.as_str());
                screen.say(format!("{}  {name:<20} {scope:<6} {state}, {used}", row.id))?;
            }
            Ok(Exit::Ok)
        }
        Some(TokensCommand::Add { name, scope, expires_in_days }) => {
            let scope = match scope {
                ScopeArg::Read => Scope::Read,
                ScopeArg::Sync => Scope::Sync,
                ScopeArg::Admin => Scope::Admin,
            };
            let made = app.create_token(&caller(), &name, scope, expires_in_days).await?;
            let token = made.secret.expose().to_owned();
            if screen.json {
                screen.json(&NewToken { token, about: Token::of(&out, made.token) })?;
                return Ok(Exit::Ok);
            }
            screen.say(&token)?;
            screen.remark(
                "This is the token; it is not shown again. Programs send it as \
                 `Authorization: Bearer …`.",
            )?;
            Ok(Exit::Ok)
        }
        Some(TokensCommand::Revoke { token }) => {
            let token = app.token_named(&token).await?;
            app.revoke_token(&caller(), &token.id).await?;
            done(screen, format!("The token `{}` is revoked.", token.name))
        }
    }
}

pub(crate) async fn audit(desk: Context, args: AuditArgs) -> Result<Exit, CommandError> {
    let app = desk.open().await?;
    let screen = desk.screen;
    let zone = &app.config.timezone;
    let moment = |name: &str, text: &Option<String>, is_end| match text {
        None => Ok(None),
        Some(text) => read::moment(text, zone, is_end).map(Some).ok_or_else(|| {
            let allowed = "a time such as 2026-03-07T12:00:00Z, or a date such as 2026-03-07";
            CommandError::usage(format!("--{name} `{text}`: allowed is {allowed}"))
        }),
    };
    let query = AuditQuery {
        actor: args.actor,
        since: moment("since", &args.since, false)?,
        until: moment("until", &args.until, true)?,
        succeeded: args.failed.then_some(false),
        before: args.before,
        limit: args.limit + 1,
    };
    let rows = app.store.acts(&query).await?;
    let (rows, older) = read::part(rows, args.limit, |it| it.id);
    if screen.json {
        let out = ApiEncoder::new(&app.store, &app.config);
        let acts: Vec<Entry> = rows.into_iter().map(|it| Entry::of(&out, it)).collect();
        screen.json(&json!({ "acts": acts, "next_before": older }))?;
        return Ok(Exit::Ok);
    }
    if rows.is_empty() {
        screen.say("Nothing was administered, as far as was asked.")?;
    }
    let times = Times::of(&app);
    for row in rows {
        screen.say(line(&times, row))?;
    }
    if let Some(older) = older {
        screen.remark(format!("There are older ones: --before {older}"))?;
    }
    Ok(Exit::Ok)
}

fn line(times: &Times<'_>, row: AuditRow) -> String {
    let at = times.exact(row.at);
    let from = row.address.map(|it| format!(" from {it}")).unwrap_or_default();
    let what = AuditAction::stored(&row.act).map_or(row.act.as_str(), |it| it.words());
    let about = match (row.subject_name, row.subject) {
        (Some(name), _) => format!(" ({name})"),
        (None, Some(subject)) => format!(" ({subject})"),
        (None, None) => String::new(),
    };
    let failed = if row.succeeded { "" } else { ", refused" };
    format!("{at}  {}{from}: {what}{about}{failed}", row.actor)
}

/// `phones add`
pub(crate) async fn add_phone(
    desk: &Context,
    name: &str,
    url: Option<&str>,
) -> Result<Exit, CommandError> {
    // Before anything is made: the token is shown once.
    let url =
        url.map(snippet::given).transpose().map_err(|it| CommandError::usage(it.to_string()))?;
    let url = url.as_deref();
    let app = desk.open_or_make().await?;
    let made = app.add_phone(&caller(), name).await?;
    show_phone(&app, desk.screen, made, url)
}

/// `phones renew`
pub(crate) async fn renew_phone(
    desk: &Context,
    phone: &str,
    url: Option<&str>,
) -> Result<Exit, CommandError> {
    let url =
        url.map(snippet::given).transpose().map_err(|it| CommandError::usage(it.to_string()))?;
    let url = url.as_deref();
    let app = desk.open().await?;
    let phone = app.phone_named(phone).await?;
    let made = app.renew_phone_token(&caller(), &phone.id).await?;
    show_phone(&app, desk.screen, made, url)
}

fn show_phone(
    app: &App,
    screen: Screen,
    made: PhoneToken,
    url: Option<&str>,
) -> Result<Exit, CommandError> {
    let out = ApiEncoder::new(&app.store, &app.config);
    let config = &app.config;
    let guess = url_at(config.phones_address(), config.phones_secure());
    let base = url.or(config.public_url.as_deref()).unwrap_or(&guess).trim_end_matches('/');
    let new = NewDevice::of(&out, base, &made.secret, made.phone);
    if screen.json {
        screen.json(&new)?;
        return Ok(Exit::Ok);
    }
    screen.say(&new.directory_url)?;
    screen.remark(
        "This is the phone's directory URL; its token is not shown again. `ringbook phones snippet \
         --url` with everything before `/directory` prints it ready to paste.",
    )?;
    if config.public_url.is_none() && url.is_none() {
        screen
            .remark("Its beginning is a guess; PUBLIC_URL or --url says where phones find us.")?;
    }
    Ok(Exit::Ok)
}

/// `phones list`
pub(crate) async fn list_phones(desk: &Context) -> Result<Exit, CommandError> {
    let app = desk.open().await?;
    let screen = desk.screen;
    let rows = app.store.devices().await?;
    if screen.json {
        let out = ApiEncoder::new(&app.store, &app.config);
        let devices = rows.into_iter().map(|it| Device::of(&out, it)).collect();
        screen.json(&Devices { devices, askers: Vec::new() })?;
        return Ok(Exit::Ok);
    }
    if rows.is_empty() {
        screen.say("No phone has a token of its own; `ringbook phones add NAME` gives it one.")?;
    }
    let times = Times::of(&app);
    for row in rows {
        let state = if row.revoked_at.is_some() { "revoked" } else { "in use" };
        let seen = row.seen_at.map_or("never seen".to_owned(), |at| {
            let (from, model) = (row.seen_from.unwrap_or_default(), row.model.unwrap_or_default());
            format!("seen {} from {from}, {model}", times.say(at))
        });
        screen.say(format!("{}  {:<24} {state:<8} {seen}", row.id, row.name))?;
    }
    Ok(Exit::Ok)
}

/// `phones rename`
pub(crate) async fn rename_phone(
    desk: &Context,
    phone: &str,
    name: &str,
) -> Result<Exit, CommandError> {
    let app = desk.open().await?;
    let phone = app.phone_named(phone).await?;
    app.rename_phone(&caller(), &phone.id, name).await?;
    let name = app.phone(&phone.id).await?.name;
    done(desk.screen, format!("`{}` is called `{name}` now.", phone.name))
}

/// `phones revoke`
pub(crate) async fn revoke_phone(desk: &Context, phone: &str) -> Result<Exit, CommandError> {
    let app = desk.open().await?;
    let phone = app.phone_named(phone).await?;
    app.revoke_phone(&caller(), &phone.id).await?;
    done(desk.screen, format!("The token of `{}` is revoked.", phone.name))
}

fn done(screen: Screen, text: String) -> Result<Exit, CommandError> {
    if screen.json {
        screen.json(&json!({ "success": true, "message": text }))?;
    } else {
        screen.say(text)?;
    }
    Ok(Exit::Ok)
}
