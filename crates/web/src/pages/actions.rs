//! What the pages' forms do. Each has its twin in the API; here a person is led back to where they were.

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};

use crate::Web;
use crate::auth::about;
use crate::input::{Form, Query, Requester};
use crate::pages::{PageContext, problem_page};
use crate::problem::Problem;
use ringbook_app::services::Caller;
use ringbook_core::sync::{Kind, Trigger};
use ringbook_engine::supervisor::StartRequest;
use ringbook_store::Account;

/// A year: whoever chose a language wants it next time.
const LANGUAGE_KEPT: &str = "; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly";

/// `GET /language/{code}`: read on in another language.
pub(crate) async fn language(Path(code): Path<String>, query: Query) -> Result<Response, Problem> {
    use crate::pages::language::Language;
    let Some(language) = Language::parse(&code) else {
        return Err(Problem::missing("language", &code));
    };
    let mut response = back_to(query.text("back")?);
    let cookie = format!("language={}{LANGUAGE_KEPT}", language.code());
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// `POST /do/sync`: one account, `kind=full` for everything.
pub(crate) async fn sync(
    State(web): State<Web>,
    visit: PageContext,
    requester: Requester,
    Form(form): Form,
) -> Response {
    let acted = async {
        let account = account(&web, &form).await?;
        let kind = form.one_of("kind", &[("full", Some(Kind::Full))], None)?;
        let asked_by = Some(requester.by);
        let wish = StartRequest { account: account.id, kind, trigger: Trigger::Api, asked_by };
        let started = web.app.supervisor.start(&wish).await;
        started.map(|_| ()).map_err(|refusal| Problem::refusal(&web.out, refusal))
    };
    after(acted.await, visit, &form)
}

/// `POST /do/cancel`
pub(crate) async fn cancel(
    State(web): State<Web>,
    visit: PageContext,
    requester: Requester,
    Form(form): Form,
) -> Response {
    let acted = async {
        let account = account(&web, &form).await?;
        // It may have ended in the meantime, and that is as good.
        web.app.supervisor.cancel(account.id, &requester.by).await?;
        Ok(())
    };
    after(acted.await, visit, &form)
}

/// `POST /do/pause`: `paused=true` or `paused=false`.
pub(crate) async fn pause(
    State(web): State<Web>,
    visit: PageContext,
    caller: Caller,
    Form(form): Form,
) -> Response {
    let acted = async {
        let account = account(&web, &form).await?;
        match form.flag("paused", true)? {
            true => web.app.pause_account(&caller, &account).await?,
            false => web.app.resume_account(&caller, &account).await?,
        };
        Ok(())
    };
    after(acted.await, visit, &form)
}

/// `POST /do/decide`: the word on a run that is on hold, `word=approve` or `word=reject`.
pub(crate) async fn decide(
    State(web): State<Web>,
    visit: PageContext,
    requester: Requester,
    Form(form): Form,
) -> Response {
    let acted = async {
        let named = form.text("run")?.unwrap_or_default();
        let run = web.out.ids().parse_run(named);
        let run = run.ok_or_else(|| Problem::missing("run", named))?;
        let supervisor = &web.app.supervisor;
        let approve = form.one_of("word", &[("approve", true), ("reject", false)], false)?;
        let decided = match approve {
            true => supervisor.approve(run, &requester.by).await.map(|_| ()),
            false => supervisor.reject(run, &requester.by).await,
        };
        decided.map_err(|problem| Problem::decision(&web.out, problem))
    };
    after(acted.await, visit, &form)
}

async fn account(web: &Web, form: &Query) -> Result<Account, Problem> {
    let named = form.account(web)?;
    let account = web.account(named).await?;
    account.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "there is no account yet"))
}

pub(crate) fn after(acted: Result<(), Problem>, visit: PageContext, form: &Query) -> Response {
    let text = |name| form.text(name).ok().flatten();
    let back = text("back");
    let response = match acted {
        Ok(()) => back_to(back),
        Err(problem) => problem_page(visit, &problem, place(back).to_owned()),
    };
    match text("account").or(text("run")) {
        Some(named) => about(named, response),
        None => response,
    }
}

/// Leads on with a GET (RFC 9110, 15.4.4).
pub(crate) fn back_to(asked: Option<&str>) -> Response {
    Redirect::to(place(asked)).into_response()
}

/// A place of ours. Whatever could lead elsewhere leads to the overview.
pub(crate) fn place(asked: Option<&str>) -> &str {
    let ours = |path: &&str| {
        path.starts_with('/')
            && !path.starts_with("//")
            && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
    };
    asked.filter(ours).unwrap_or("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_to_another_site() {
        for elsewhere in
            ["//evil.example", "https://evil.example", "/\\evil.example", "", "x", "/a\r\nb"]
        {
            assert_eq!(place(Some(elsewhere)), "/", "{elsewhere}");
        }
        assert_eq!(place(Some("/history?before=1")), "/history?before=1");
        assert_eq!(place(None), "/");
    }
}
