//! Who may get in: administrators, programs' tokens, phones' tokens, and the record of what was done.

use std::io::{self, IsTerminal, Read};

use clap::Subcommand;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::cli::exit::{Exit, Trouble};
use crate::cli::screen::Screen;
use crate::cli::{Desk, Times, url_at, whoami};
use ringbook_app::App;
use ringbook_app::access::Passwords;
use ringbook_app::doorkeeper;
use ringbook_app::doorkeeper::SignInError;
use ringbook_app::read;
use ringbook_app::snippet;
use ringbook_app::wire::Outward;
use ringbook_core::access::Scope;
use ringbook_core::clock::after;
use ringbook_store::secret::Secret;
use ringbook_store::{Act, AuditQuery, AuditRow, MadeTokens, PeopleError, RevokedToken};
use ringbook_web::act_in_words;
use ringbook_web::entrance::{
    Device, Devices, Entry, NewDevice, NewToken, People, Person, Token, Tokens,
};

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
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(1..=3650))]
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

impl From<PeopleError> for Trouble {
    fn from(problem: PeopleError) -> Trouble {
        match problem {
            PeopleError::Db(problem) => problem.into(),
            other => Trouble::usage(other.to_string()),
        }
    }
}

impl From<SignInError> for Trouble {
    fn from(problem: SignInError) -> Trouble {
        match problem {
            SignInError::People(problem) => problem.into(),
            other => Trouble::usage(other.to_string()),
        }
    }
}

pub(crate) async fn admins(desk: Desk, command: Option<AdminsCommand>) -> Result<Exit, Trouble> {
    let app = match &command {
        Some(AdminsCommand::Hash) => return hash(desk.screen).await,
        Some(AdminsCommand::Add { .. }) => desk.open_or_make().await?,
        _ => desk.open().await?,
    };
    let screen = desk.screen;
    match command {
        None | Some(AdminsCommand::Hash) => list_admins(&app, screen).await,
        Some(AdminsCommand::Add { name }) => {
            let name = doorkeeper::name(&name)?;
            let hash = password(&app, &name).await?;
            let is_first = !app.store.has_people().await?;
            app.store.add_person(&name, &hash, false).await?;
            note(&app, "admins add", &name).await;
            let before = if is_first { app.access.tokens_in_use().await? } else { Vec::new() };
            let before = match before.is_empty() {
                true => String::new(),
                false => format!(
                    " Tokens that were made before: {}; revoke those that you do not know (`ringbook tokens \
                     revoke NAME`).",
                    names(before.iter().map(|it| it.name.as_str()))
                ),
            };
            let text =
                format!("`{name}` may administer now, and sign in at the dashboard.{before}");
            done(screen, text)
        }
        Some(AdminsCommand::Password { name, revoke_tokens }) => {
            let person = person(&app, &name).await?;
            let hash = password(&app, &person.name).await?;
            app.store.set_password(&person.id, &hash, None).await?;
            note(&app, "admins password", &person.name).await;
            let tokens = if revoke_tokens {
                let revoked = app.store.revoke_tokens_of(&person.id).await?;
                told_revoked(&app, revoked).await
            } else {
                let mut made = app.access.tokens_in_use().await?;
                made.retain(|it| it.person.as_ref() == Some(&person.id));
                match made.is_empty() {
                    true => String::new(),
                    false => format!(
                        " Still good are the tokens that they made: {}; `--revoke-tokens` revokes them.",
                        names(made.iter().map(|it| it.name.as_str()))
                    ),
                }
            };
            let text =
                format!("`{}` has another password, and is signed out.{tokens}", person.name);
            done(screen, text)
        }
        Some(AdminsCommand::Remove { name, keep_tokens }) => {
            let person = person(&app, &name).await?;
            let tokens = if keep_tokens { MadeTokens::Keep } else { MadeTokens::Revoke };
            let revoked = app.store.remove_person(&person.id, true, tokens).await?;
            note(&app, "admins remove", &person.name).await;
            let tokens = told_revoked(&app, revoked.unwrap_or_default()).await;
            let rest = match app.store.has_people().await? {
                true => "",
                false => {
                    " Nobody else does: until somebody is added (`ringbook admins add NAME`), only this machine may."
                }
            };
            done(screen, format!("`{}` administers no longer.{tokens}{rest}", person.name))
        }
    }
}

/// `admins hash`: what ADMIN_PASSWORD_HASH takes. Nothing is kept.
async fn hash(screen: Screen) -> Result<Exit, Trouble> {
    let hash = Passwords::default().hash("", &typed_password()?).await;
    let hash = hash.map_err(|problem| Trouble::usage(problem.to_string()))?;
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

/// Notes which tokens were revoked along with something else, and says so.
async fn told_revoked(app: &App, revoked: Vec<RevokedToken>) -> String {
    for token in &revoked {
        note_named(app, "tokens revoke", token.id.clone(), Some(token.name.clone())).await;
    }
    match revoked.is_empty() {
        true => String::new(),
        false => format!(
            " The tokens that they made are revoked: {}.",
            names(revoked.iter().map(|it| it.name.as_str()))
        ),
    }
}

async fn list_admins(app: &App, screen: Screen) -> Result<Exit, Trouble> {
    let out = Outward::new(&app.store, &app.config);
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

async fn person(app: &App, name: &str) -> Result<ringbook_store::PersonRow, Trouble> {
    let found = app.store.person_named(name).await?;
    found.ok_or_else(|| {
        Trouble::usage(format!("there is no administrator `{name}`; `ringbook admins` lists them"))
    })
}

/// Asks for a new password twice where somebody types; reads it once from elsewhere.
async fn password(app: &App, name: &str) -> Result<String, Trouble> {
    let hashed = app.access.hash(name, &typed_password()?).await;
    hashed.map_err(|problem| Trouble::usage(problem.to_string()))
}

fn typed_password() -> Result<SecretString, Trouble> {
    Ok(if io::stdin().is_terminal() {
        let first = SecretString::from(rpassword::prompt_password("Password: ")?);
        let again = SecretString::from(rpassword::prompt_password("Once more: ")?);
        if first.expose_secret() != again.expose_secret() {
            return Err(Trouble::usage("the two passwords are not the same; nothing was changed"));
        }
        first
    } else {
        let mut text = String::new();
        io::stdin().take(4096).read_to_string(&mut text)?;
        SecretString::from(text.trim_end_matches(['\r', '\n']).to_owned())
    })
}

pub(crate) async fn tokens(desk: Desk, command: Option<TokensCommand>) -> Result<Exit, Trouble> {
    let app = match &command {
        Some(TokensCommand::Add { .. }) => desk.open_or_make().await?,
        _ => desk.open().await?,
    };
    let screen = desk.screen;
    let out = Outward::new(&app.store, &app.config);
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
            let name = doorkeeper::name(&name)?;
            let scope = match scope {
                ScopeArg::Read => Scope::Read,
                ScopeArg::Sync => Scope::Sync,
                ScopeArg::Admin => Scope::Admin,
            };
            let secret = Secret::for_program().map_err(SignInError::from)?;
            let day = |days: u64| std::time::Duration::from_secs(86_400 * days);
            let expires_at = expires_in_days.map(|days| after(app.clock.now(), day(days)));
            let by = whoami();
            let row =
                app.store.add_token(secret.hash(), &name, scope, by.as_str(), expires_at).await?;
            note(&app, "tokens add", &row.id).await;
            let token = secret.expose().to_owned();
            if screen.json {
                screen.json(&NewToken { token, about: Token::of(&out, row) })?;
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
            let rows = app.store.tokens().await?;
            let good: Vec<_> = rows
                .into_iter()
                .filter(|it| it.revoked_at.is_none() && (it.id == token || it.name == token))
                .collect();
            let [only] = good.as_slice() else {
                return Err(Trouble::usage(match good.len() {
                    0 => {
                        format!("there is no token `{token}` in use; `ringbook tokens` lists them")
                    }
                    _ => format!("several tokens are called `{token}`; say which by its id"),
                }));
            };
            app.store.revoke_token(&only.id).await?;
            note(&app, "tokens revoke", &only.id).await;
            done(screen, format!("The token `{}` is revoked.", only.name))
        }
    }
}

pub(crate) async fn audit(desk: Desk, args: AuditArgs) -> Result<Exit, Trouble> {
    let app = desk.open().await?;
    let screen = desk.screen;
    let zone = &app.config.timezone;
    let moment = |name: &str, text: &Option<String>, is_end| match text {
        None => Ok(None),
        Some(text) => read::moment(text, zone, is_end).map(Some).ok_or_else(|| {
            let allowed = "a time such as 2026-03-07T12:00:00Z, or a date such as 2026-03-07";
            Trouble::usage(format!("--{name} `{text}`: allowed is {allowed}"))
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
        let out = Outward::new(&app.store, &app.config);
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
    let what = act_in_words(&row.act).unwrap_or(&row.act);
    let about = match (row.subject_name, row.subject) {
        (Some(name), _) => format!(" ({name})"),
        (None, Some(subject)) => format!(" ({subject})"),
        (None, None) => String::new(),
    };
    let failed = if row.succeeded { "" } else { ", refused" };
    format!("{at}  {}{from}: {what}{about}{failed}", row.actor)
}

/// `phones add`
pub(crate) async fn add_phone(desk: &Desk, name: &str, url: Option<&str>) -> Result<Exit, Trouble> {
    // Before anything is made: the token is shown once.
    let url = url.map(snippet::given).transpose().map_err(|it| Trouble::usage(it.to_string()))?;
    let url = url.as_deref();
    let app = desk.open_or_make().await?;
    let name = doorkeeper::name(name)?;
    let secret = Secret::for_device().map_err(SignInError::from)?;
    let row = app.store.add_device(secret.hash(), &name, &whoami()).await?;
    note(&app, "phones add", &row.id).await;
    show_phone(&app, desk.screen, &secret, row, url)
}

/// `phones renew`
pub(crate) async fn renew_phone(
    desk: &Desk,
    phone: &str,
    url: Option<&str>,
) -> Result<Exit, Trouble> {
    let url = url.map(snippet::given).transpose().map_err(|it| Trouble::usage(it.to_string()))?;
    let url = url.as_deref();
    let app = desk.open().await?;
    let row = phone_named(&app, phone).await?;
    let secret = Secret::for_device().map_err(SignInError::from)?;
    app.store.renew_device(&row.id, secret.hash()).await?;
    note(&app, "phones renew", &row.id).await;
    // As it is now: it was not revoked, and nobody has asked with it yet.
    let row = phone_named(&app, &row.id).await?;
    show_phone(&app, desk.screen, &secret, row, url)
}

fn show_phone(
    app: &App,
    screen: Screen,
    secret: &Secret,
    row: ringbook_store::DeviceRow,
    url: Option<&str>,
) -> Result<Exit, Trouble> {
    let out = Outward::new(&app.store, &app.config);
    let config = &app.config;
    let guess = url_at(config.phones_address(), config.phones_secure());
    let base = url.or(config.public_url.as_deref()).unwrap_or(&guess).trim_end_matches('/');
    let new = NewDevice::of(&out, base, secret, row);
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
pub(crate) async fn list_phones(desk: &Desk) -> Result<Exit, Trouble> {
    let app = desk.open().await?;
    let screen = desk.screen;
    let rows = app.store.devices().await?;
    if screen.json {
        let out = Outward::new(&app.store, &app.config);
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
pub(crate) async fn rename_phone(desk: &Desk, phone: &str, name: &str) -> Result<Exit, Trouble> {
    let app = desk.open().await?;
    let name = doorkeeper::name(name)?;
    let row = phone_named(&app, phone).await?;
    app.store.rename_device(&row.id, &name).await?;
    note(&app, "phones rename", &row.id).await;
    done(desk.screen, format!("`{}` is called `{name}` now.", row.name))
}

/// `phones revoke`
pub(crate) async fn revoke_phone(desk: &Desk, phone: &str) -> Result<Exit, Trouble> {
    let app = desk.open().await?;
    let row = phone_named(&app, phone).await?;
    app.store.revoke_device(&row.id).await?;
    note(&app, "phones revoke", &row.id).await;
    done(desk.screen, format!("The token of `{}` is revoked.", row.name))
}

/// By its id, or by its name. One that was revoked is meant only if no other is called so.
async fn phone_named(app: &App, named: &str) -> Result<ringbook_store::DeviceRow, Trouble> {
    let rows = app.store.devices().await?;
    let mut found: Vec<_> =
        rows.into_iter().filter(|it| it.id == named || it.name == named).collect();
    if found.iter().any(|it| it.revoked_at.is_none()) {
        found.retain(|it| it.revoked_at.is_none() || it.id == named);
    }
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(_), false) => {
            Err(Trouble::usage(format!("several phones are called `{named}`; say which by its id")))
        }
        (None, _) => Err(Trouble::usage(format!(
            "there is no phone `{named}`; `ringbook phones list` has them"
        ))),
    }
}

fn done(screen: Screen, text: String) -> Result<Exit, Trouble> {
    if screen.json {
        screen.json(&json!({ "success": true, "message": text }))?;
    } else {
        screen.say(text)?;
    }
    Ok(Exit::Ok)
}

/// Writes down what was done at this terminal.
pub(crate) async fn note(app: &App, act: &str, subject: &str) {
    let name = app.store.name_of(subject).await.ok().flatten();
    note_named(app, act, subject.to_owned(), name).await;
}

/// The same, of something whose name is known.
pub(crate) async fn note_named(app: &App, act: &str, subject: String, name: Option<String>) {
    let act = Act {
        actor: whoami(),
        address: None,
        act: act.to_owned(),
        subject: Some(subject),
        subject_name: name,
        succeeded: true,
        refused: false,
    };
    app.access.note(act).await;
}
