//! `phone`: the directory in a terminal, as a phone on a desk shows it. It gets what a phone gets and
//! nothing else, so what works here works there.

mod draw;
mod line;

use std::io::{self, IsTerminal, Write};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::cli::Context;
use crate::cli::exit::{CommandError, Exit};
use ringbook_core::emulator::{Choices, Model, Page};

use line::Line;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which phone to be
    #[arg(long, value_parser = model(), default_value = "8845", value_name = "MODEL")]
    model: Model,
    /// A server to ask, such as http://10.0.0.5:8000; without it, the directory is read here
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

/// Reads a model by its name.
fn model() -> impl TypedValueParser<Value = Model> {
    let names = Model::ALL.map(|it| PossibleValue::new(it.word()).help(it.about()));
    PossibleValuesParser::new(names).try_map(|name| Model::named(&name).ok_or("not a model"))
}

pub(crate) async fn phone(desk: Context, args: Args) -> Result<Exit, CommandError> {
    let headers = args.model.headers();
    let (line, root) = match &args.url {
        Some(url) => (Line::to_server(headers)?, root_of(url)?),
        None => {
            let router = ringbook_web::router(desk.open().await?);
            (Line::in_process(router, headers), "http://localhost/directory".to_owned())
        }
    };
    let (stack, page) = (Vec::new(), None);
    let mut handset = Handset { desk, line, root: root.clone(), stack, page, fresh: false };
    handset.open(&root).await?;
    handset.draw()?;
    let prompts = handset.desk.screen.terminal && io::stdin().is_terminal();
    loop {
        if prompts {
            write!(io::stdout(), "> ")?;
            io::stdout().flush()?;
        }
        let mut typed = String::new();
        // The end of what is typed ends the walk, too.
        if io::stdin().read_line(&mut typed)? == 0 || !handset.dispatch(typed.trim()).await? {
            return Ok(Exit::Ok);
        }
    }
}

/// The directory's address, of a server's or its own.
fn root_of(url: &str) -> Result<String, CommandError> {
    let url = url.trim_end_matches('/');
    if !url.starts_with("http://") && !url.starts_with("https://") {
        let detail = format!("`--url`: found `{url}`; allowed is one such as http://10.0.0.5:8000");
        return Err(CommandError::usage(detail));
    }
    let root = url.strip_suffix("/directory").unwrap_or(url);
    Ok(format!("{root}/directory"))
}

/// A phone in somebody's hand.
struct Handset {
    desk: Context,
    line: Line,
    root: String,
    /// Where Back leads.
    stack: Vec<String>,
    page: Option<Page>,
    /// There is something to see that was not drawn yet.
    fresh: bool,
}

impl Handset {
    /// Opens an address. What a phone cannot show leaves the screen as it is.
    async fn open(&mut self, url: &str) -> Result<(), CommandError> {
        match self.line.get(url).await.and_then(|answer| answer.page()) {
            Ok(page) => {
                // A page that has expired when it comes is passed over by Back.
                if !page.expired && self.stack.last().map(String::as_str) != Some(url) {
                    self.stack.push(url.to_owned());
                }
                self.page = Some(page);
                self.fresh = true;
            }
            Err(reason) if self.page.is_none() => {
                return Err(CommandError::failed(format!("{url}: {reason}")));
            }
            Err(reason) => self.say(&format!("The phone shows an error: {reason}"))?,
        }
        Ok(())
    }

    /// Does what was typed; `false` ends the walk.
    async fn dispatch(&mut self, typed: &str) -> Result<bool, CommandError> {
        let Some(page) = self.page.clone() else { return Ok(false) };
        match typed {
            "q" | "quit" => return Ok(false),
            "" => self.fresh = true,
            "?" => self.explain()?,
            "b" | "back" => self.back().await?,
            _ => {
                if let Some(text) = typed.strip_prefix('/') {
                    self.search(text.trim()).await?;
                } else if let Ok(number) = typed.parse::<usize>() {
                    self.select(&page, number).await?;
                } else if let Some((number, text)) = typed.split_once('=')
                    && let Some(url) = page.filled(number.trim(), text.trim())
                {
                    self.open(&url).await?;
                } else if let Some(key) = page.key(typed) {
                    self.press(&page, &key.url).await?;
                } else {
                    self.say(&format!("There is no key `{typed}` here; ? says what there is."))?;
                }
            }
        }
        self.draw()?;
        Ok(true)
    }

    async fn select(&mut self, page: &Page, number: usize) -> Result<(), CommandError> {
        let at = number.wrapping_sub(1);
        match &page.choices {
            Choices::Menu(items) if at < items.len() => {
                let url = items[at].target.clone();
                self.open(&url).await
            }
            Choices::Numbers(entries) if at < entries.len() => {
                self.say(&format!("Dialling {}", entries[at].target))
            }
            _ => self.say(&format!("There is no line {number} here.")),
        }
    }

    async fn press(&mut self, page: &Page, url: &str) -> Result<(), CommandError> {
        match url.strip_prefix("SoftKey:") {
            None => self.open(url).await,
            Some("Exit" | "Cancel") => self.back().await,
            Some("Select" | "Dial") => self.select(page, 1).await,
            Some("Submit") => self.say("Type 1=text to fill in the first field and send it."),
            Some(own) => self.say(&format!("The phone does this by itself: {own}.")),
        }
    }

    async fn back(&mut self) -> Result<(), CommandError> {
        let kept = self.page.as_ref().is_some_and(|page| !page.expired);
        if kept && self.stack.len() > 1 {
            self.stack.pop();
        }
        match self.stack.last().cloned() {
            Some(url) => self.open(&url).await,
            None => Ok(()),
        }
    }

    /// As a person would: by the key or the line that is called so, and the form behind it.
    async fn search(&mut self, text: &str) -> Result<(), CommandError> {
        if self.page.as_ref().and_then(Page::way_to_search).is_none() {
            let root = self.root.clone();
            self.open(&root).await?;
        }
        let Some(way) = self.page.as_ref().and_then(Page::way_to_search) else {
            return self.say("There is no search on this phone.");
        };
        self.open(&way).await?;
        match self.page.as_ref().and_then(|page| page.filled("1", text)) {
            Some(url) => self.open(&url).await,
            None => self.say("There is nothing to fill in."),
        }
    }

    fn explain(&self) -> Result<(), CommandError> {
        self.say(
            "a number selects a line; a key is pressed by its name or the beginning of it\n\
             /text searches; 1=text fills in a field; b goes back, q ends",
        )
    }

    fn say(&self, text: &str) -> Result<(), CommandError> {
        Ok(self.desk.screen.say(text)?)
    }

    fn draw(&mut self) -> Result<(), CommandError> {
        let fresh = std::mem::take(&mut self.fresh);
        let Some(page) = self.page.as_ref().filter(|_| fresh) else { return Ok(()) };
        if self.desk.screen.json {
            self.desk.screen.json(page)?;
        } else {
            self.desk.screen.say(draw::drawn(page, self.desk.screen.paint))?;
        }
        Ok(())
    }
}
