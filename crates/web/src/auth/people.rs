//! People: the first administrator, signing in and out, sessions.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::Web;
use crate::auth::{AuthContext, actor, cookie, known_browser, known_cookie};
use crate::input::{Body, Query, Secured, field, optional, text_of, uuid};
use crate::problem::Problem;
use ringbook_app::access::PasswordError;
use ringbook_app::auth::{Origin, SignInError, SignedIn};
use ringbook_app::services::{AuditAction, Caller};
use ringbook_app::wire::{Moment, People, Person, ProblemBody, Token};
use ringbook_core::access::{Identity, Permission, client_prefix};
use ringbook_store::secret::{Secret, SecretHash};
use ringbook_store::{Act, AdminError, AdminRow, MadeTokens, RevokedToken, SessionRow};

impl From<SignInError> for Problem {
    fn from(problem: SignInError) -> Problem {
        let detail = problem.to_string();
        match problem {
            SignInError::Wrong | SignInError::WrongCode => {
                Problem::new(StatusCode::UNAUTHORIZED, detail)
            }
            SignInError::Wait(wait) => Problem::too_many(detail, wait),
            SignInError::Name => Problem::unreadable(detail),
            SignInError::Password(PasswordError::Busy) | SignInError::NoChance => {
                Problem::later(detail, std::time::Duration::from_secs(5))
            }
            SignInError::Password(PasswordError::Broken | PasswordError::NotAHash) => {
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
            }
            SignInError::Password(_) => Problem::unreadable(format!("`password`: {detail}")),
            SignInError::People(problem) => problem.into(),
        }
    }
}

impl From<AdminError> for Problem {
    fn from(problem: AdminError) -> Problem {
        let detail = problem.to_string();
        match problem {
            AdminError::NameTaken | AdminError::NotTheFirst | AdminError::TheLast => {
                Problem::new(StatusCode::CONFLICT, detail)
            }
            AdminError::Db(problem) => problem.into(),
        }
    }
}

/// Who is asking, as Ringbook sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Whoami {
    /// `person`, `program`, `device`, `network`, `local` or `stranger`.
    kind: &'static str,
    name: Option<String>,
    address: String,
    /// What may be done: some of `phones`, `read`, `sync` and `admin`.
    rights: Vec<&'static str>,
    /// Changing requests of a browser send this as `X-CSRF-Token`.
    csrf_token: Option<String>,
    /// There is no administrator yet.
    needs_setup: bool,
    /// Only in the answer of `POST /api/setup`: tokens in use that were made before there was an administrator.
    /// Revoke those that you do not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens_before: Option<Vec<Token>>,
}

async fn whoami(web: &Web, guest: &AuthContext) -> Result<Whoami, Problem> {
    let kind = match guest.who {
        Identity::Person { .. } => "person",
        Identity::Program { .. } => "program",
        Identity::Device { .. } => "device",
        Identity::PhoneNetwork => "network",
        Identity::CommandLine { .. } | Identity::Local => "local",
        Identity::Stranger => "stranger",
    };
    let rights = [
        ("phones", Permission::Phones),
        ("read", Permission::Read),
        ("sync", Permission::Sync),
        ("admin", Permission::Admin),
    ];
    Ok(Whoami {
        kind,
        name: guest.who.name().map(str::to_owned),
        address: guest.address.clone(),
        rights: rights.iter().filter(|it| guest.who.may(it.1)).map(|it| it.0).collect(),
        csrf_token: guest.session.as_ref().map(|it| it.csrf.clone()),
        needs_setup: !web.app.access.has_admin().await?,
        tokens_before: None,
    })
}

/// Who is asking, and what they may do
#[utoipa::path(
    get, path = "/api/session", tag = "access", operation_id = "get_session",
    responses((status = 200, body = Whoami)),
)]
pub(crate) async fn session(
    State(web): State<Web>,
    guest: AuthContext,
) -> Result<Json<Whoami>, Problem> {
    Ok(Json(whoami(&web, &guest).await?))
}

/// A name and a password.
// Only the document uses it: serde's words for what does not fit name no field.
#[derive(Serialize, ToSchema)]
pub(crate) struct Credentials {
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$"
    )]
    name: String,
    #[schema(min_length = 10, max_length = 256, format = Password)]
    password: String,
}

/// Sign in
///
/// Answers with a cookie, which browsers send along from then on. Wrong guesses have to wait, longer each
/// time.
#[utoipa::path(
    post, path = "/api/session", tag = "access", operation_id = "sign_in", request_body = Credentials,
    responses(
        (status = 200, body = Whoami, headers(("set-cookie" = String))),
        (status = 401, body = ProblemBody, description = "The name or the password is wrong"),
        (status = 429, body = ProblemBody, description = "Too many wrong guesses"),
        (status = 503, body = ProblemBody, description = "Too many people sign in at once"),
    ),
)]
pub(crate) async fn sign_in(
    State(web): State<Web>,
    guest: AuthContext,
    Secured(secure): Secured,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    let name = field(&body, "name")?;
    let password = SecretString::from(field(&body, "password")?);
    let signed_in = try_sign_in(&web, &guest, &headers, &name, &password).await?;
    session_response(&web, guest, secure, signed_in, None).await
}

/// What a request to sign in shows besides the password.
struct Asked {
    agent: String,
    browser: Option<String>,
}

impl Asked {
    fn of(headers: &HeaderMap) -> Asked {
        let agent = text_of(headers, header::USER_AGENT.as_str());
        Asked { agent, browser: known_browser(headers) }
    }

    fn origin<'a>(&'a self, guest: &'a AuthContext) -> Origin<'a> {
        Origin {
            browser: self.browser.as_deref(),
            is_here: guest.is_here,
            ..Origin::of(&guest.address, &self.agent)
        }
    }
}

/// Signs in, and writes down how that went.
pub(crate) async fn try_sign_in(
    web: &Web,
    guest: &AuthContext,
    headers: &HeaderMap,
    name: &str,
    password: &SecretString,
) -> Result<SignedIn, SignInError> {
    let asked = Asked::of(headers);
    let entered = web.app.access.sign_in(name, password, asked.origin(guest)).await;
    web.app.metrics.sign_in(result_of(&entered));
    // What was typed as a name may be a password by mistake: only names that are somebody's are written down.
    let named = entered.as_ref().map_or("somebody", |it| it.session.name.as_str());
    note(web, guest, named, AuditAction::SignedIn.as_str(), entered.is_ok()).await;
    entered
}

/// How a sign-in ended, for the metrics.
fn result_of<T>(entered: &Result<T, SignInError>) -> &'static str {
    match entered {
        Ok(_) => "ok",
        Err(SignInError::Wrong | SignInError::WrongCode) => "wrong",
        Err(SignInError::Wait(_)) => "throttled",
        Err(_) => "failed",
    }
}

/// Makes the first administrator, and writes down how that went.
pub(crate) async fn create_first_admin(
    web: &Web,
    guest: &AuthContext,
    headers: &HeaderMap,
    code: &str,
    name: &str,
    password: &SecretString,
) -> Result<SignedIn, SignInError> {
    let asked = Asked::of(headers);
    let founded = web.app.access.set_up(code, name, password, asked.origin(guest)).await;
    web.app.metrics.sign_in(result_of(&founded));
    let named = founded.as_ref().map_or("somebody", |it| it.session.name.as_str());
    note(web, guest, named, AuditAction::SetUp.as_str(), founded.is_ok()).await;
    founded
}

/// Writes down what was tried at the door. What fails, strangers can have fail as often as they like; it is
/// told once a minute for each address, so that it does not push out what matters, with how often it happened
/// in between.
pub(crate) async fn note(web: &Web, guest: &AuthContext, actor: &str, act: &str, succeeded: bool) {
    note_about(web, guest, actor, act, succeeded, None).await;
}

/// The same, of something that has a name.
pub(crate) async fn note_about(
    web: &Web,
    guest: &AuthContext,
    actor: &str,
    act: &str,
    succeeded: bool,
    subject: Option<&str>,
) {
    let from = guest.address.parse().map(client_prefix).map(|ip| ip.to_string());
    let mut subject = subject.map(str::to_owned);
    if !succeeded {
        // What a program or a person may not do is told by their name.
        let from = match guest.who.name() {
            Some(name) => format!("by {name}"),
            None => format!("from {}", from.as_ref().unwrap_or(&guest.address)),
        };
        match web.app.access.is_refusal_worth_noting(act, &from) {
            None => return,
            Some(0) => {}
            Some(more) => subject = Some(format!("and {more} more since the last such line")),
        }
    }
    let act = Act {
        actor: actor.to_owned(),
        address: Some(guest.address.clone()),
        act: act.to_owned(),
        subject,
        subject_name: None,
        succeeded,
        refused: !succeeded,
    };
    web.app.access.note(act).await;
}

async fn session_response(
    web: &Web,
    guest: AuthContext,
    secure: bool,
    SignedIn { secret, session, browser }: SignedIn,
    tokens_before: Option<Vec<Token>>,
) -> Result<Response, Problem> {
    let csrf = SecretHash::csrf(secret.expose());
    let guest = AuthContext {
        who: Identity::Person { name: session.name },
        session: Some(super::Session { id: session.id, csrf }),
        ..guest
    };
    let body = Whoami { tokens_before, ..whoami(web, &guest).await? };
    let mut response = Json(body).into_response();
    set_cookies(&mut response, web, secure, &secret, browser.as_ref());
    Ok(response)
}

/// Signs a browser in, and has it remember that it was here.
pub(crate) fn set_cookies(
    response: &mut Response,
    web: &Web,
    secure: bool,
    secret: &Secret,
    browser: Option<&Secret>,
) {
    set_cookie(response, web, secure, Some(secret));
    if let Some(cookie) = browser.and_then(|it| known_cookie(secure, it.expose())) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

pub(crate) fn set_cookie(
    response: &mut Response,
    web: &Web,
    secure: bool,
    secret: Option<&Secret>,
) {
    let lasts = web.app.access.session_max();
    if let Some(cookie) = cookie(secure, secret.map(Secret::expose), lasts) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
}

/// Sign out
#[utoipa::path(
    delete, path = "/api/session", tag = "access", operation_id = "sign_out",
    responses(
        (status = 204, description = "Signed out"),
        (status = 403, body = ProblemBody, description = "`X-CSRF-Token` is missing"),
    ),
)]
pub(crate) async fn sign_out(
    State(web): State<Web>,
    guest: AuthContext,
    Secured(secure): Secured,
) -> Result<Response, Problem> {
    end_own_session(&web, &guest).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_cookie(&mut response, &web, secure, None);
    Ok(response)
}

pub(crate) async fn end_own_session(web: &Web, guest: &AuthContext) -> Result<(), Problem> {
    if let Some(session) = &guest.session {
        web.app.store.end_session(&session.id).await?;
        web.app.access.forget();
        note(web, guest, &actor(guest), AuditAction::SignedOut.as_str(), true).await;
    }
    Ok(())
}

/// What makes the first administrator.
#[derive(Serialize, ToSchema)]
#[schema(as = Founding)]
pub(crate) struct SetupRequest {
    /// As it was printed when the server started.
    #[schema(example = "ABCD-EFGH-JKLM")]
    code: String,
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$"
    )]
    name: String,
    #[schema(min_length = 10, max_length = 256, format = Password)]
    password: String,
}

/// Make the first administrator
///
/// Takes the code that the server prints when it starts without one. Signs them in, too.
#[utoipa::path(
    post, path = "/api/setup", tag = "access", operation_id = "set_up", request_body = SetupRequest,
    responses(
        (status = 200, body = Whoami, headers(("set-cookie" = String))),
        (status = 401, body = ProblemBody, description = "The code is wrong"),
        (status = 409, body = ProblemBody, description = "There is an administrator already"),
        (status = 429, body = ProblemBody, description = "Too many wrong guesses"),
        (status = 503, body = ProblemBody, description = "Too many people sign in at once"),
    ),
)]
pub(crate) async fn set_up(
    State(web): State<Web>,
    guest: AuthContext,
    Secured(secure): Secured,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    let (code, name) = (field(&body, "code")?, field(&body, "name")?);
    let password = SecretString::from(field(&body, "password")?);
    let signed_in = create_first_admin(&web, &guest, &headers, &code, &name, &password).await?;
    let before = web.app.access.tokens_in_use().await?;
    let before = before.into_iter().map(|it| Token::of(&web.out, it)).collect();
    session_response(&web, guest, secure, signed_in, Some(before)).await
}

/// Somebody who is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionSeen {
    #[schema(format = "uuid")]
    id: String,
    name: String,
    created_at: Moment,
    last_used_at: Moment,
    address: Option<String>,
    user_agent: Option<String>,
    /// The one that asks.
    current: bool,
}

/// Who is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Sessions {
    sessions: Vec<SessionSeen>,
}

/// Who is signed in
#[utoipa::path(
    get, path = "/api/sessions", tag = "access",
    responses((status = 200, body = Sessions)),
)]
pub(crate) async fn sessions(
    State(web): State<Web>,
    guest: AuthContext,
) -> Result<Json<Sessions>, Problem> {
    let (idle, begun) = web.app.access.since();
    let rows = web.app.store.sessions(idle, begun).await?;
    let own = guest.session.as_ref().map(|it| it.id.as_str());
    let seen = |it: SessionRow| SessionSeen {
        current: own == Some(it.id.as_str()),
        id: it.id,
        name: it.name,
        created_at: web.out.time(it.created_at),
        last_used_at: web.out.time(it.seen_at),
        address: it.address,
        user_agent: it.agent,
    };
    Ok(Json(Sessions { sessions: rows.into_iter().map(seen).collect() }))
}

/// Sign somebody out
#[utoipa::path(
    delete, path = "/api/sessions/{id}", tag = "access",
    params(("id" = String, Path, format = "uuid")),
    responses((status = 204, description = "Ended"), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn end(
    State(web): State<Web>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    uuid("id", &id)?;
    web.app.revoke_session(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who may administer
#[utoipa::path(
    get, path = "/api/people", tag = "access",
    responses((status = 200, body = People)),
)]
pub(crate) async fn list(State(web): State<Web>) -> Result<Json<People>, Problem> {
    let people = web.app.store.people().await?;
    Ok(Json(People { people: people.into_iter().map(|it| Person::of(&web.out, it)).collect() }))
}

/// Somebody who is to administer.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewPerson {
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$"
    )]
    name: String,
    #[schema(min_length = 10, max_length = 256, format = Password)]
    password: String,
    /// Your own password, where you are signed in with one.
    #[schema(format = Password)]
    current: Option<String>,
}

/// Let somebody else administer, too
///
/// Takes your own password once more: a session that was stolen must not make itself permanent.
#[utoipa::path(
    post, path = "/api/people", tag = "access", request_body = NewPerson,
    responses(
        (status = 201, body = People),
        (status = 401, body = ProblemBody, description = "Not signed in, or `current` is wrong"),
        (status = 403, body = ProblemBody, description = "`current` is missing"),
        (status = 429, body = ProblemBody, description = "Too many wrong guesses"),
        (status = 409, body = ProblemBody, description = "There is somebody of that name, or nobody at all yet"),
        (status = 503, body = ProblemBody),
    ),
)]
pub(crate) async fn add(
    State(web): State<Web>,
    caller: Caller,
    guest: AuthContext,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    let name = field(&body, "name")?;
    let password = SecretString::from(field(&body, "password")?);
    let current = optional(&body, "current")?;
    add_admin(&web, &caller, &guest, &headers, &name, password, current).await?;
    Ok((StatusCode::CREATED, list(State(web)).await?).into_response())
}

/// Adds an administrator, after the caller has entered their own password again.
pub(crate) async fn add_admin(
    web: &Web,
    caller: &Caller,
    guest: &AuthContext,
    headers: &HeaderMap,
    name: &str,
    password: SecretString,
    current: Option<String>,
) -> Result<(), Problem> {
    prove_again(web, guest, headers, current).await?;
    web.app.add_admin(caller, name, password).await?;
    Ok(())
}

/// A new password.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewPassword {
    /// Your own password until now, where you are signed in with one: an open browser is not enough.
    current: Option<String>,
    #[schema(min_length = 10, max_length = 256, format = Password)]
    password: String,
    /// Revoke the tokens that they made, too; false unless given.
    revoke_tokens: Option<bool>,
}

/// Give somebody another password
///
/// Ends their sessions, except the one that asks.
#[utoipa::path(
    put, path = "/api/people/{id}/password", tag = "access", request_body = NewPassword,
    params(("id" = String, Path, format = "uuid")),
    responses(
        (status = 204, description = "Changed"),
        (status = 200, body = TokensRevoked, description = "Changed, and tokens were revoked"),
        (status = 401, body = ProblemBody, description = "Not signed in, or `current` is wrong"),
        (status = 403, body = ProblemBody, description = "`current` is missing"),
        (status = 404, body = ProblemBody),
        (status = 429, body = ProblemBody, description = "Too many wrong guesses"),
        (status = 503, body = ProblemBody),
    ),
)]
pub(crate) async fn password(
    State(web): State<Web>,
    Path(id): Path<String>,
    caller: Caller,
    guest: AuthContext,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    let password = SecretString::from(field(&body, "password")?);
    let person = person(&web, &id).await?;
    let tokens = match body.get("revoke_tokens") {
        None | Some(Value::Null | Value::Bool(false)) => MadeTokens::Keep,
        Some(Value::Bool(true)) => MadeTokens::Revoke,
        Some(other) => {
            return Err(Problem::value("revoke_tokens", &other.to_string(), "true or false"));
        }
    };
    prove_again(&web, &guest, &headers, optional(&body, "current")?).await?;
    let revoked = web.app.set_password(&caller, &person, password, tokens).await?;
    Ok(told_of(revoked))
}

/// Which tokens were revoked along with what was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokensRevoked {
    /// By their names.
    tokens_revoked: Vec<String>,
}

/// Nothing to say, unless tokens were revoked.
fn told_of(revoked: Vec<RevokedToken>) -> Response {
    if revoked.is_empty() {
        return StatusCode::NO_CONTENT.into_response();
    }
    let tokens_revoked = revoked.into_iter().map(|it| it.name).collect();
    Json(TokensRevoked { tokens_revoked }).into_response()
}

/// The person of this id.
pub(crate) async fn person(web: &Web, id: &str) -> Result<AdminRow, Problem> {
    uuid("id", id)?;
    Ok(web.app.admin(id).await?)
}

/// Whether this is who asks, signed in by password.
pub(crate) fn is_own(guest: &AuthContext, name: &str) -> bool {
    guest.session.is_some() && guest.who.name() == Some(name)
}

/// Asks whoever is signed in for their password once more, before something that would outlast the session:
/// what an open browser or a stolen cookie can do ends with it. However fresh the session is: it can be stolen
/// at once.
pub(crate) async fn prove_again(
    web: &Web,
    guest: &AuthContext,
    headers: &HeaderMap,
    current: Option<String>,
) -> Result<(), Problem> {
    let (Some(session), Some(name)) = (&guest.session, guest.who.name()) else { return Ok(()) };
    let Some(current) = current.filter(|it| !it.is_empty()) else {
        let detail = "`current` is missing: enter your own password again; a session alone cannot create \
                      administrators, change passwords or create unrestricted tokens";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    };
    let asked = Asked::of(headers);
    let origin = Origin { session: Some(&session.id), ..asked.origin(guest) };
    let proved = web.app.access.prove(name, &SecretString::from(current), origin).await;
    web.app.metrics.sign_in(result_of(&proved));
    match proved {
        Ok(_) => Ok(()),
        Err(SignInError::Wrong) => {
            let detail = "`current`: this is not your password";
            Err(Problem::new(StatusCode::UNAUTHORIZED, detail))
        }
        Err(problem) => Err(problem.into()),
    }
}

/// Let somebody administer no longer
///
/// Ends their sessions, and revokes the tokens that they made, and those that were made with these.
#[utoipa::path(
    delete, path = "/api/people/{id}", tag = "access",
    params(
        ("id" = String, Path, format = "uuid"),
        ("tokens" = Option<String>, Query, pattern = "^(keep|revoke)$", description = "What becomes of the tokens that they made; `revoke` unless given"),
    ),
    responses(
        (status = 204, description = "Removed"),
        (status = 200, body = TokensRevoked, description = "Removed, and tokens were revoked"),
        (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody, description = "Nobody else would be left"),
    ),
)]
pub(crate) async fn remove(
    State(web): State<Web>,
    Path(id): Path<String>,
    caller: Caller,
    query: Query,
) -> Result<Response, Problem> {
    let words = [("keep", MadeTokens::Keep), ("revoke", MadeTokens::Revoke)];
    let tokens = query.one_of("tokens", &words, MadeTokens::Revoke)?;
    let person = person(&web, &id).await?;
    Ok(told_of(web.app.remove_admin(&caller, &person, tokens).await?))
}
