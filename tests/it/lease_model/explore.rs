//! Visits every state that can be reached, nearest first.

use std::collections::HashMap;
use std::fmt;

use super::laws;
use super::model::{Deed, State};
use super::table::Table;

/// What was visited.
#[derive(Debug)]
pub(super) struct Explored {
    pub(super) states: Vec<State>,
    pub(super) transitions: usize,
    /// How many deeds the farthest state is away.
    pub(super) depth: usize,
}

/// A broken law, and the shortest way to it.
pub(super) struct Violation {
    pub(super) law: &'static str,
    way: Vec<Deed>,
    state: State,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}:", self.law)?;
        for deed in &self.way {
            writeln!(f, "  {deed:?}")?;
        }
        write!(f, "  {:?}", self.state)
    }
}

/// How a state was reached first.
struct Visit {
    from: usize,
    by: Option<Deed>,
    depth: usize,
}

/// Explores all that can happen by the rules of this table.
pub(super) fn explore(table: &Table) -> Result<Explored, Box<Violation>> {
    let first = State::first().plain();
    let mut states = vec![first];
    let mut visits = vec![Visit { from: 0, by: None, depth: 0 }];
    let mut known = HashMap::from([(first, 0)]);
    // Whence a state can be reached without a person's word.
    let mut backwards: Vec<Vec<usize>> = vec![Vec::new()];
    let mut transitions = 0;
    let violation = |visits: &[Visit], states: &[State], at: usize, last: Option<Deed>, law| {
        let mut way: Vec<Deed> = last.into_iter().collect();
        let mut step = at;
        while let Some(deed) = visits[step].by {
            way.push(deed);
            step = visits[step].from;
        }
        way.reverse();
        Box::new(Violation { law, way, state: states[at] })
    };
    let mut at = 0;
    while at < states.len() {
        let state = states[at];
        if let Some(law) = laws::broken_in(&state, table) {
            return Err(violation(&visits, &states, at, None, law));
        }
        for deed in state.deeds() {
            if is_nothing(deed, table) {
                continue;
            }
            transitions += 1;
            if let Some(law) = laws::broken_by(deed, table) {
                return Err(violation(&visits, &states, at, Some(deed), law));
            }
            let next = state.after(deed, table).plain();
            let to = *known.entry(next).or_insert(states.len());
            if to == states.len() {
                states.push(next);
                visits.push(Visit { from: at, by: Some(deed), depth: visits[at].depth + 1 });
                backwards.push(Vec::new());
            }
            if !deed.is_a_word() && backwards[to].last() != Some(&at) {
                backwards[to].push(at);
            }
        }
        at += 1;
    }
    if let Some(stuck) = stuck(&states, &backwards, table) {
        let law = "no run can ever begin again, unless a person helps";
        return Err(violation(&visits, &states, stuck, None, law));
    }
    let depth = visits.iter().map(|it| it.depth).max().unwrap_or(0);
    Ok(Explored { states, transitions, depth })
}

/// A refusal that nobody hears.
fn is_nothing(deed: Deed, table: &Table) -> bool {
    matches!(deed, Deed::Does { heard: false, case, .. } if table[&case].untouched)
}

/// A state from which nothing that happens by itself leads to one where a run may begin.
fn stuck(states: &[State], backwards: &[Vec<usize>], table: &Table) -> Option<usize> {
    let mut hopeful: Vec<bool> = states.iter().map(|state| laws::may_begin(state, table)).collect();
    let mut queue: Vec<usize> = (0..states.len()).filter(|at| hopeful[*at]).collect();
    while let Some(at) = queue.pop() {
        for from in &backwards[at] {
            if !std::mem::replace(&mut hopeful[*from], true) {
                queue.push(*from);
            }
        }
    }
    hopeful.iter().position(|it| !it)
}
