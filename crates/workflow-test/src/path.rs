//! Expected paths, and where an execution leaves them.

use stepwell_interpreter::event::StateIndex;

use crate::{
    machine::Machine,
    trail::{Chain, Visit},
};

/// States that a path in a report may have before its middle is left out.
const STATES_SHOWN_MAX: usize = 24;

/// One step of an expected path.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// `...`: any states, or none.
    Any,
    /// `*`: any one state.
    One,
    /// This state.
    State {
        /// The state.
        state: StateIndex,
        /// What its branches or iterations enter, by number; others may enter what they like.
        children: Vec<(u32, Vec<Step>)>,
        /// How many branches or iterations there are.
        length: Option<usize>,
    },
}

/// Where a path leaves what was expected.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Divergence {
    /// The forks around the place: state and number of the branch or iteration.
    pub(crate) within: Vec<(StateIndex, u32)>,
    /// States of the chain that are as expected.
    pub(crate) matched: usize,
    /// What could have come there; empty: nothing.
    pub(crate) expected: Vec<String>,
    /// The state that came; none at the end of the chain.
    pub(crate) actual: Option<StateIndex>,
    /// The branch or iteration has no states, or there are more of them than expected.
    pub(crate) note: Option<String>,
}

/// Where the path leaves the pattern; none if it does not.
///
/// The pattern is a small automaton: after each state the set of places in the pattern is kept that the path can be at,
/// so that `...` costs no search.
pub(crate) fn divergence(machine: &Machine, pattern: &[Step], chain: &[Visit]) -> Option<Divergence> {
    let mut places = closure(pattern, [0].into());
    for (at, visit) in chain.iter().enumerate() {
        let mut next = Vec::new();
        let mut inner = None;
        for place in &places {
            match pattern.get(*place) {
                Some(Step::Any) => push(&mut next, *place),
                Some(Step::One) => push(&mut next, place + 1),
                Some(Step::State { state, children, length }) if *state == visit.state => {
                    match within(machine, visit, children, *length) {
                        None => push(&mut next, place + 1),
                        Some(divergence) => inner = inner.or(Some(divergence)),
                    }
                }
                _ => {}
            }
        }
        if next.is_empty() {
            return Some(inner.unwrap_or_else(|| Divergence {
                within: Vec::new(),
                matched: at,
                expected: expected(machine, pattern, &places),
                actual: Some(visit.state),
                note: None,
            }));
        }
        places = closure(pattern, next);
    }
    if places.contains(&pattern.len()) {
        return None;
    }
    Some(Divergence {
        within: Vec::new(),
        matched: chain.len(),
        expected: expected(machine, pattern, &places),
        actual: None,
        note: None,
    })
}

/// Where the branches or iterations of a visit leave what is expected of them.
fn within(
    machine: &Machine,
    visit: &Visit,
    children: &[(u32, Vec<Step>)],
    length: Option<usize>,
) -> Option<Divergence> {
    for (index, pattern) in children {
        let chain = visit.children.iter().find(|(known, _)| known == index).map(|(_, chain)| chain);
        let found = divergence(machine, pattern, chain.map(Vec::as_slice).unwrap_or_default());
        if let Some(mut found) = found {
            found.within.insert(0, (visit.state, *index));
            return Some(found);
        }
    }
    let length = length.filter(|length| *length != visit.children.len())?;
    let count = |count: usize| match count {
        1 => "1 branch or iteration".to_owned(),
        _ => format!("{count} branches or iterations"),
    };
    Some(Divergence {
        within: Vec::new(),
        matched: 0,
        expected: Vec::new(),
        actual: Some(visit.state),
        note: Some(format!(
            "{} entered states in {}, but {} expected",
            count(visit.children.len()),
            machine.name(visit.state),
            match length {
                1 => "1 was".to_owned(),
                _ => format!("{length} were"),
            }
        )),
    })
}

fn push(places: &mut Vec<usize>, place: usize) {
    if !places.contains(&place) {
        places.push(place);
    }
}

/// The places that can be reached without a state: `...` may stand for none.
fn closure(pattern: &[Step], mut places: Vec<usize>) -> Vec<usize> {
    let mut at = 0;
    while let Some(place) = places.get(at).copied() {
        if pattern.get(place) == Some(&Step::Any) {
            push(&mut places, place + 1);
        }
        at += 1;
    }
    places
}

fn expected(machine: &Machine, pattern: &[Step], places: &[usize]) -> Vec<String> {
    let mut names = Vec::new();
    for place in places {
        let name = match pattern.get(*place) {
            None => "the end".to_owned(),
            Some(Step::Any) => continue,
            Some(Step::One) => "any state".to_owned(),
            Some(Step::State { state, .. }) => machine.name(*state).to_owned(),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// A chain as people read it: `A → B → C`, without what is inside Parallel and Map states.
#[must_use]
pub fn path_text(machine: &Machine, chain: &Chain) -> String {
    let names: Vec<&str> = chain.iter().map(|visit| machine.name(visit.state)).collect();
    if names.len() <= STATES_SHOWN_MAX {
        return names.join(" → ");
    }
    let half = STATES_SHOWN_MAX / 2;
    let (first, last) = (&names[..half], &names[names.len() - half..]);
    format!("{} → … {} more … → {}", first.join(" → "), names.len() - 2 * half, last.join(" → "))
}
