//! What goes wrong in a history, and how Google answers.
//!
//! Each history has its own mixture: a fault that is switched off altogether leaves room for the
//! others to meet (swarm testing).

use std::time::Duration;

use ringbook_core::sync::Delay;
use ringbook_core::sync::book::{FetchError, Presence};

use crate::chance::Chance;
use crate::for_good::Lasting;
use crate::google::{Google, Identity, Lie};
use crate::table::{Ask, Inner, Reply, What};

/// The mixture of one history: how often each thing happens, against each other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mixture {
    /// Answers in a thousand that are not what they should be.
    pub(crate) trouble: u32,
    errors: [u32; 10],
    lies: [u32; LIES.len()],
    lie_share: u32,
    pub(crate) people: [u32; 10],
    pub(crate) processes: [u32; 8],
    pub(crate) accounts: [u32; 6],
    pub(crate) user: [u32; 8],
    pub(crate) storage: [u32; 5],
    /// How often each group of these comes up.
    pub(crate) groups: [u32; 6],
    pub(crate) cut: u32,
    /// Silence for hours or days.
    pub(crate) long_waits: bool,
    /// What goes wrong each time, from which step on.
    pub(crate) lasting: Option<(u32, Lasting)>,
}

const LIES: [Lie; 9] = [
    Lie::NoTotal,
    Lie::Repeat,
    Lie::Reorder,
    Lie::NoToken,
    Lie::DropTail,
    Lie::Omit,
    Lie::RepeatToken,
    Lie::Empty,
    Lie::OmitUncounted,
];

impl Mixture {
    /// Whether the storage may fail.
    pub(crate) fn spoils_storage(&self) -> bool {
        self.groups[4] > 0
    }

    /// Without what only one of the databases can suffer: a failing disk, and clocks that differ (on
    /// PostgreSQL they decide nothing). Nor does anybody stop between two transactions, since
    /// PostgreSQL has other places to stop at.
    pub(crate) fn keep_to_what_both_can_suffer(&mut self) {
        self.groups[4] = 0;
        self.processes[6] = 0;
        self.cut = 0;
    }

    pub(crate) fn draw(chance: &mut Chance) -> Mixture {
        fn some<const N: usize>(chance: &mut Chance) -> [u32; N] {
            std::array::from_fn(|_| if chance.below(2) == 1 { chance.between(1, 10) } else { 0 })
        }
        Mixture {
            trouble: *chance.pick(&[0, 20, 60, 150, 300]),
            errors: some(chance),
            lies: some(chance),
            lie_share: *chance.pick(&[0, 250, 500, 800]),
            people: some(chance),
            processes: some(chance),
            accounts: some(chance),
            user: some(chance),
            storage: some(chance),
            groups: [
                *chance.pick(&[2, 8, 20]),
                *chance.pick(&[0, 0, 3, 10]),
                *chance.pick(&[0, 0, 0, 4]),
                *chance.pick(&[2, 6, 12]),
                *chance.pick(&[0, 0, 0, 0, 0, 0, 0, 5]),
                *chance.pick(&[0, 2]),
            ],
            cut: *chance.pick(&[0, 0, 50, 200, 500]),
            long_waits: chance.below(3) == 2,
            lasting: (chance.below(3) == 2).then(|| (chance.between(0, 40), Lasting::draw(chance))),
        }
    }
}

impl Inner {
    /// Google answers, perhaps wrongly.
    pub(crate) fn answer(&mut self, ask: Ask, mixture: Option<&Mixture>) {
        let process = ask.process;
        let what = match &ask.what {
            What::Identify => "who answers",
            What::Labels => "the labels",
            What::List(request) if request.page.is_some() => "a further page",
            What::List(request) if request.since.is_some() => "the changes",
            What::List(_) => "the list",
            What::Verify(_) => "what became of some",
        };
        if self.google.revoked {
            self.say(|| format!("p{process} asks for {what}: the grant is dead"));
            let message = "the grant was revoked".to_owned();
            return fail(ask, FetchError::NeedsReauth { message });
        }
        if let Some(error) = self.refused_for_good(&ask) {
            self.say(|| format!("p{process} asks for {what}, as always: {error:?}"));
            self.note_the_wait(&ask, &error);
            return fail(ask, error);
        }
        let trouble = mixture.filter(|it| self.chance.hit(it.trouble));
        let Some(mixture) = trouble else {
            self.say(|| format!("p{process} asks for {what}, and gets it"));
            return honest(self, ask, None);
        };
        let lies = mixture.lies.iter().sum::<u32>() > 0 && matches!(ask.what, What::List(_));
        if lies && self.chance.hit(mixture.lie_share) {
            let lie = LIES[self.chance.weighted(&mixture.lies)];
            self.say(|| format!("p{process} asks for {what}; wrong answer: {lie:?}"));
            return honest(self, ask, Some(lie));
        }
        let asks_who = matches!(ask.what, What::Identify | What::Verify(_));
        if asks_who && self.chance.hit(mixture.lie_share) {
            return self.answer_vaguely(ask, what);
        }
        let again = |delay, retry_after| FetchError::Again {
            delay,
            retry_after,
            message: "not now".to_owned(),
        };
        let error = match self.chance.weighted(&mixture.errors) {
            0 => again(Delay::ServerError, None),
            1 => again(Delay::Network, None),
            2 => again(Delay::Malformed, None),
            3 => {
                let seconds = u64::from(self.chance.between(0, 40));
                again(Delay::RateLimited, (seconds > 0).then(|| Duration::from_secs(seconds)))
            }
            4 => {
                if self.chance.below(2) == 1 {
                    self.google.version += 1;
                    self.google.tokens_dead_before = self.google.version;
                }
                FetchError::CursorRefused { message: "it is too old".to_owned() }
            }
            5 => {
                self.revoke();
                FetchError::NeedsReauth { message: "the grant was revoked".to_owned() }
            }
            6 => FetchError::Misconfigured { message: "the API is switched off".to_owned() },
            7 => again(Delay::Unauthorized, None),
            8 => FetchError::NotPermitted { message: "the scope is not enough".to_owned() },
            _ => {
                self.say(|| format!("p{process} asks for {what}; no answer will come"));
                let mut ask = ask;
                ask.hangs = true;
                self.asks.push(ask);
                return;
            }
        };
        self.say(|| format!("p{process} asks for {what}: {error:?}"));
        self.note_the_wait(&ask, &error);
        fail(ask, error);
    }

    /// Nobody may list on before the time that Google gave.
    fn note_the_wait(&mut self, ask: &Ask, error: &FetchError) {
        if let (What::List(_), FetchError::Again { retry_after: Some(wait), .. }) =
            (&ask.what, error)
        {
            let until = self.now + (wait.as_secs() * 1_000_000).cast_signed();
            self.asked_to_wait.insert(ask.run, until);
        }
    }

    /// An answer that says less than it should.
    fn answer_vaguely(&mut self, ask: Ask, what: &str) {
        let process = ask.process;
        self.say(|| format!("p{process} asks for {what}, and hears little"));
        let reply = match &ask.what {
            What::Verify(names) => {
                let mut verdicts: Vec<Presence> =
                    names.iter().map(|it| self.google.verdict(it)).collect();
                let said = self.chance.below(names.len() as u32) as usize;
                verdicts.truncate(said);
                if self.chance.below(2) == 1 {
                    verdicts.resize(names.len(), Presence::Unknown);
                }
                Reply::Verdicts(Ok(verdicts))
            }
            // Another account that does not say which it is cannot be told from ours.
            What::Identify if self.google.who == Identity::Ours => Reply::Identity(Ok(None)),
            _ => return honest(self, ask, None),
        };
        ask.answer(reply);
    }

    pub(crate) fn revoke(&mut self) {
        self.google.revoked = true;
        if let Some(watcher) = &mut self.watcher {
            watcher.laws.grounds = true;
        }
    }
}

pub(crate) fn fail(ask: Ask, error: FetchError) {
    let reply = match &ask.what {
        What::Identify => Reply::Identity(Err(error)),
        What::Labels => Reply::Labels(Err(error)),
        What::List(_) => Reply::Page(Box::new(Err(error))),
        What::Verify(_) => Reply::Verdicts(Err(error)),
    };
    ask.answer(reply);
}

fn honest(table: &mut Inner, ask: Ask, lie: Option<Lie>) {
    let now = table.now;
    let lasting = table.lasting.as_ref();
    let google: &mut Google = &mut table.google;
    let reply = match &ask.what {
        What::Identify => Reply::Identity(Ok(Some(google.who.id()))),
        What::Labels => Reply::Labels(Ok(google.labels())),
        What::List(request) => {
            Reply::Page(Box::new(google.list(request, lie, lasting, &mut table.chance, now)))
        }
        What::Verify(names) => {
            let verdicts: Vec<Presence> = names.iter().map(|it| google.verdict(it)).collect();
            Reply::Verdicts(Ok(verdicts))
        }
    };
    ask.answer(reply);
}
