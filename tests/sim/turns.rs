//! One at a time, on a database that answers later.
//!
//! SQLite answers at once: whoever is woken goes on until it waits for the world, and then the next one
//! does. On PostgreSQL everybody would wait for the database and be overtaken meanwhile. Turns restore
//! the order: as long as one task waits for the database, those woken after it line up.

use std::collections::VecDeque;
use std::task::Waker;

use ringbook_store::Store;

/// A task, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn(pub(crate) u64);

pub(crate) struct Turns {
    connections: Vec<Store>,
    state: State,
    line: VecDeque<(Turn, Waker)>,
    asked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Free,
    /// Woken, since it is its turn, and not yet there.
    Called(Turn),
    Taken(Turn),
}

impl Turns {
    pub(crate) fn new(connections: Vec<Store>) -> Turns {
        Turns { connections, state: State::Free, line: VecDeque::new(), asked: true }
    }

    fn is_busy(&self) -> bool {
        self.connections.iter().any(Store::is_busy)
    }

    /// Whether it is this one's turn. If not, it is woken when it is.
    pub(crate) fn take(&mut self, turn: Turn, waker: &Waker) -> bool {
        match self.state {
            State::Taken(other) | State::Called(other) if other != turn => {
                match self.line.iter_mut().find(|it| it.0 == turn) {
                    Some(it) => it.1.clone_from(waker),
                    None => self.line.push_back((turn, waker.clone())),
                }
                false
            }
            _ => {
                self.state = State::Taken(turn);
                true
            }
        }
    }

    /// A step is over. The turn is, too, unless the database has been asked something.
    pub(crate) fn leave(&mut self, turn: Turn, more_to_come: bool) {
        let busy = self.is_busy();
        self.asked |= busy;
        if self.state == State::Taken(turn) && !more_to_come && !busy {
            self.call_next();
        }
    }

    /// Whether the database was asked anything since this was called last.
    pub(crate) fn was_asked(&mut self) -> bool {
        std::mem::replace(&mut self.asked, false)
    }

    fn call_next(&mut self) {
        self.state = match self.line.pop_front() {
            Some((turn, waker)) => {
                waker.wake();
                State::Called(turn)
            }
            None => State::Free,
        };
    }

    /// Whether somebody still waits for the database, or for its turn.
    pub(crate) fn is_any_taken(&mut self) -> bool {
        if self.is_busy() {
            return true;
        }
        if matches!(self.state, State::Taken(_)) {
            // It came to its end without a further step.
            self.call_next();
            return true;
        }
        self.state != State::Free
    }
}
