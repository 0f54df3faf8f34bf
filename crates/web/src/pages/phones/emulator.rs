//! `/phones/try`: a phone on the page that walks the real directory.
//!
//! It gets the screens that a phone of its model would get, for the reader's own right: no phone network and no
//! token is needed, and none is opened.

use askama::Template;
use axum::body::to_bytes;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Uri, header};
use axum::response::Response;

use crate::Web;
use crate::input::{Query, address, text_of};
use crate::origin::origin;
use crate::pages::history::Choice as Tab;
use crate::pages::{PageContext, Place, page};
use crate::phones::{MODEL, ROOT, screen_for};
use crate::problem::Problem;
use ringbook_core::emulator::{Choice, Choices, Model, Page, Received};

use super::emulator_screen::{Act, Body, Display, Typing};
use super::models::Face;
use super::navigation::{MENU, On, Walk, is_path, trail_of};

/// From the newest on.
const MODELS: [Model; 5] =
    [Model::Cisco8845, Model::Mpp8851, Model::Cisco7965, Model::Cisco7940, Model::Spa504];
/// No screen is nearly as big.
const SCREEN_MAX: usize = 256 << 10;
/// What is typed is cut here.
pub(super) const TYPED_MAX: usize = 60;

#[derive(Template)]
#[template(path = "phones_try.html")]
struct Try {
    visit: PageContext,
    here: Place,
    face: Face,
    display: Display,
    models: Vec<Tab>,
    xml: String,
    url: String,
}

/// `GET /phones/try`
pub(crate) async fn drawn(
    State(web): State<Web>,
    visit: PageContext,
    query: Query,
    parts: Parts,
) -> Result<Response, Problem> {
    let desk = Desk { web: &web, visit: &visit, parts: &parts };
    let mut walk = walk(&query)?;
    let mut screen = desk.open(&walk).await;
    let mut typing = Typing::of(&query, &screen.page)?;
    let typed_number = matches!(walk.on, On::Editing { .. });
    if query.text("send")?.is_some() {
        if typed_number {
            walk = walk.with(On::CallingTyped { number: typing.first() });
        } else if let Some(at) = typing.sent(&screen.page).and_then(|url| desk.path(&url)) {
            walk = walk.onward(at, screen.page.expired);
            screen = desk.open(&walk).await;
            typing = Typing::default();
        }
    }
    let path_of = |url: &str| desk.path(url);
    let display = Display::of(visit.language, &walk, &screen.page, &typing, &path_of);
    let models = MODELS.into_iter().map(|model| Tab {
        value: walk.on_model(model).href(),
        text: Face::of(model).name.to_owned(),
        chosen: model == walk.model,
    });
    let (models, face) = (models.collect(), Face::of(walk.model));
    let here = Place::Phones;
    let url = format!("{}{}", desk.base(), if walk.at == MENU { "" } else { &walk.at });
    Ok(page(&Try { visit, here, face, display, models, xml: screen.xml, url }))
}

/// Where the reader is, by the address of the page.
fn walk(query: &Query) -> Result<Walk, Problem> {
    let words = Model::ALL.map(|it| (it.word(), it));
    let mut walk = Walk::begin(query.one_of("model", &words, Model::Cisco8845)?);
    if let Some(at) = query.text("at")? {
        if !is_path(at) {
            return Err(Problem::value("at", at, "what follows /directory in a link of a screen"));
        }
        at.clone_into(&mut walk.at);
    }
    walk.trail = trail_of(query.text("trail")?.unwrap_or_default());
    walk.more_keys = query.text("keys")? == Some("more");
    let line = |name| query.whole(name, 0..=999, 0).map(|line| line as usize);
    walk.on = if query.text("edit")?.is_some() {
        On::Editing { line: line("edit")? }
    } else if query.text("call")?.is_some() {
        On::Calling { line: line("call")? }
    } else if let Some(number) = query.text("number")? {
        On::CallingTyped { number: number.chars().take(TYPED_MAX).collect() }
    } else {
        On::Page { line: line("line")? }
    };
    Ok(walk)
}

/// What came for a phone.
struct Screen {
    page: Page,
    xml: String,
}

/// Whoever asks for a phone.
struct Desk<'a> {
    web: &'a Web,
    visit: &'a PageContext,
    parts: &'a Parts,
}

impl Desk<'_> {
    /// What stands before every link.
    fn base(&self) -> String {
        format!("{}{ROOT}", origin(self.web, self.parts))
    }

    /// Where a link of a screen leads, if it leads into the directory.
    fn path(&self, url: &str) -> Option<String> {
        let rest = url.strip_prefix(&self.base())?;
        let path = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
        is_path(&path).then_some(path)
    }

    /// The screen where the walk is. What a phone cannot show, it says.
    async fn open(&self, walk: &Walk) -> Screen {
        match self.received(walk).await {
            Ok(screen) => screen,
            Err(reason) => Screen { page: broken(&reason), xml: String::new() },
        }
    }

    async fn received(&self, walk: &Walk) -> Result<Screen, String> {
        let mut asked = self.parts.clone();
        asked.uri = format!("{ROOT}{}", walk.at).parse::<Uri>().map_err(|it| it.to_string())?;
        for name in [header::USER_AGENT, header::ACCEPT_CHARSET, MODEL] {
            asked.headers.remove(name);
        }
        for (name, value) in walk.model.headers() {
            let name = HeaderName::from_static(name);
            asked.headers.insert(name, HeaderValue::from_static(value));
        }
        // The recent searches of this reader, and of no phone: names that phones give themselves are shorter.
        let reader = self.visit.reader.clone().unwrap_or_else(|| address(self.parts, self.web));
        let device = format!("the phone on the page, in the hand of {reader}");
        let response = screen_for(self.web, &asked, device).await;
        let (head, body) = response.into_parts();
        let body = to_bytes(body, SCREEN_MAX).await.map_err(|it| it.to_string())?;
        let text = |name: HeaderName| text_of(&head.headers, name.as_str());
        let page = Page::read(&Received {
            content_type: &text(header::CONTENT_TYPE),
            refresh: &text(header::REFRESH),
            expires: &text(header::EXPIRES),
            body: &body,
        })?;
        let is_latin1 = text(header::CONTENT_TYPE).contains("iso-8859-1");
        let xml = match is_latin1 {
            true => body.iter().map(|byte| char::from(*byte)).collect(),
            false => String::from_utf8_lossy(&body).into_owned(),
        };
        Ok(Screen { page, xml })
    }
}

/// What a phone says when it cannot show what came.
fn broken(reason: &str) -> Page {
    let text = format!("XML error [4]: parse error\n{reason}");
    Page {
        title: "Error".to_owned(),
        choices: Choices::Text(text),
        expired: true,
        has_own_keys: true,
        ..Page::default()
    }
}

/// The line of a page, if it has it.
pub(super) fn line_of(page: &Page, line: usize) -> Option<&Choice> {
    match &page.choices {
        Choices::Menu(lines) | Choices::Numbers(lines) | Choices::Fields(lines) => lines.get(line),
        Choices::Text(_) | Choices::Nothing => None,
    }
}
