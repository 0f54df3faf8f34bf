//! Faults that last: from some moment on Google answers one question wrongly each time it is asked, until the end of
//! the history.
//!
//! While it lasts, the account must be up to date or name the cause within a bound; and when it is over, it must
//! recover, where there is a schedule without anybody's help.

use std::time::Duration;

use ringbook_core::sync::Delay;
use ringbook_core::sync::book::FetchError;

use crate::chance::Chance;
use crate::history::{History, SECOND};
use crate::table::{Ask, Inner, What};

/// What is wrong, each time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Lasting {
    Refused(Question, FetchError),
    /// The total is so much higher than it should be.
    Total(u64),
    /// No listing has a sync token at its end.
    NoToken,
    /// Each further page says that it is followed by itself.
    NoEnd,
    /// Each further page is empty, and announces another one.
    Empty,
    /// This person is in no full listing; the total counts it or not.
    LeftOut(usize, bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    Identity,
    Labels,
    /// The first page of a full listing.
    First,
    /// Further pages of any listing.
    Further,
    Changes,
    Verify,
    All,
}

impl Question {
    fn is(self, what: &What) -> bool {
        match (self, what) {
            (Question::All, _)
            | (Question::Identity, What::Identify)
            | (Question::Labels, What::Labels)
            | (Question::Verify, What::Verify(_)) => true,
            (Question::First, What::List(it)) => it.page.is_none() && it.since.is_none(),
            (Question::Further, What::List(it)) => it.page.is_some(),
            (Question::Changes, What::List(it)) => it.since.is_some(),
            _ => false,
        }
    }
}

impl Lasting {
    pub(crate) fn draw(chance: &mut Chance) -> Lasting {
        let questions = [
            Question::Identity,
            Question::Labels,
            Question::First,
            Question::Further,
            Question::Changes,
            Question::Verify,
            Question::All,
        ];
        match chance.below(10) {
            0 => Lasting::Total(u64::from(chance.between(1, 3))),
            1 => Lasting::NoToken,
            2 => Lasting::NoEnd,
            3 => Lasting::Empty,
            4 | 5 => Lasting::LeftOut(chance.below(8) as usize, chance.below(2) == 1),
            _ => Lasting::Refused(*chance.pick(&questions), error(chance)),
        }
    }

    /// A question that a run can do without.
    fn is_beside_the_point(&self) -> bool {
        matches!(
            self,
            Lasting::Refused(Question::Labels | Question::Verify, _)
                | Lasting::LeftOut(..)
                | Lasting::Total(_)
        )
    }
}

fn error(chance: &mut Chance) -> FetchError {
    let message = "not now, nor ever".to_owned();
    let again = |delay| FetchError::Again { delay, retry_after: None, message: message.clone() };
    match chance.below(8) {
        0 => again(Delay::ServerError),
        1 => again(Delay::Network),
        2 => again(Delay::Malformed),
        3 => again(Delay::Unauthorized),
        4 => FetchError::Again {
            delay: Delay::RateLimited,
            // Longer than a run lasts, at times.
            retry_after: Some(Duration::from_secs(*chance.pick(&[7, 7200]))),
            message,
        },
        5 => FetchError::CursorRefused { message },
        6 => FetchError::NotPermitted { message },
        _ => FetchError::Misconfigured { message },
    }
}

impl Inner {
    /// The error that this question gets for good.
    pub(crate) fn refused_for_good(&self, ask: &Ask) -> Option<FetchError> {
        match &self.lasting {
            // Who answers is either said, or it is not to be had now.
            Some(Lasting::Refused(question, error)) if question.is(&ask.what) => match ask.what {
                What::Identify if !matches!(error, FetchError::Again { .. }) => None,
                _ => Some(error.clone()),
            },
            _ => None,
        }
    }
}

/// Simulated seconds within which a sync that a person asks for has come to its end.
const BOUND: i64 = 600 * SECOND;
/// And it follows no more empty pages, in all its tries.
const EMPTY_PAGES_MAX: u64 = 2000;

impl History {
    /// Nothing else goes wrong any more, but this does. What people are told must be true all the same.
    pub(crate) async fn endure(&mut self) {
        let Some(lasting) = self.table.lock().lasting.clone() else { return };
        self.table.say(|| format!("only this still goes wrong: {lasting:?}"));
        for _ in 0..3 {
            let Some(newest) = self.table.lock().watcher.as_ref().map(|it| it.newest_run()) else {
                return;
            };
            let (began, pages) = {
                let table = self.table.lock();
                (table.now, table.google.empty_pages())
            };
            loop {
                self.look();
                self.settle().await;
                self.connect_if_needed().await;
                let (idle, ended, now, next, pages_now) = {
                    let table = self.table.lock();
                    let watcher = table.watcher.as_ref();
                    let idle = watcher.is_none_or(|it| !it.anything_open());
                    // A consent may have taken the account away from a run.
                    let words = watcher.and_then(|it| it.last_words());
                    let ended = watcher.is_some_and(|it| it.newest_run() > newest)
                        && words.is_some_and(|it| it.0 != "interrupted" && it.0 != "cancelled");
                    let pages = table.google.empty_pages();
                    (idle, ended, table.now, table.next_timer(), pages)
                };
                if idle && ended {
                    break;
                }
                if now > began + BOUND || pages_now > pages + EMPTY_PAGES_MAX {
                    self.table.violate(format!("with {lasting:?}, a sync came to no end"));
                    return;
                }
                if idle {
                    self.start_run(None);
                    self.settle().await;
                }
                self.answer_all().await;
                let to = next.unwrap_or(now).clamp(now + SECOND, now + 30 * SECOND);
                self.pass_to(now, to).await;
                self.settle().await;
                if self.is_over() {
                    return;
                }
            }
            self.expect_a_reason(&lasting);
            if self.is_over() {
                return;
            }
        }
    }

    /// Up to date, or the cause is named.
    fn expect_a_reason(&self, lasting: &Lasting) {
        let mut table = self.table.lock();
        let Some((outcome, code, told)) = table.watcher.as_ref().and_then(|it| it.last_words())
        else {
            return;
        };
        let held = outcome == "held";
        let done = matches!(outcome.as_str(), "succeeded" | "partial") && code.is_none();
        if !done && !held && !told {
            table.violate(format!("with {lasting:?} a run ended {outcome} without a reason"));
        }
        // Whose contacts these are is known as long as Google said it under the same consent.
        let identity = matches!(lasting, Lasting::Refused(Question::Identity, _));
        let known = table.watcher.as_ref().is_some_and(|it| it.is_identified());
        if (lasting.is_beside_the_point() || identity && known) && !done && !held {
            table.violate(format!("with {lasting:?} a run ended {outcome} ({code:?})"));
        }
        if *lasting == Lasting::NoToken && outcome != "partial" {
            table.violate(format!("without a sync token a run ended {outcome} ({code:?})"));
        }
    }
}
