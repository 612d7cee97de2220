//! The states that an execution enters, chain by chain: how branches and iterations lie in time to each other does not
//! matter.

use std::collections::HashMap;

use stepwell_interpreter::{
    Event, EventKind, Execution, Program, apply,
    event::{FrameIndex, HistoryId, StateIndex},
};

/// States that were entered one after the other.
pub type Chain = Vec<Visit>;

/// One visit of a state.
#[derive(Debug, Clone, PartialEq)]
pub struct Visit {
    /// The state.
    pub state: StateIndex,
    /// What its branches or iterations entered, by number, at its last attempt.
    pub children: Vec<(u32, Chain)>,
}

type ChainId = usize;

#[derive(Debug, Default)]
struct Open {
    visits: Vec<OpenVisit>,
}

#[derive(Debug)]
struct OpenVisit {
    state: StateIndex,
    /// The event that started the fork which the children belong to.
    started: HistoryId,
    children: Vec<(u32, ChainId)>,
}

/// Follows the events of an execution.
#[derive(Debug)]
pub(crate) struct Trail {
    /// Folded from the events, to know which chain a frame runs; none for a machine that has only one chain.
    shadow: Option<Box<Execution>>,
    /// The root first.
    chains: Vec<Open>,
    /// Chains by the fork's first event and the number of the branch or iteration.
    known: HashMap<(HistoryId, u32), ChainId>,
}

impl Trail {
    pub(crate) fn new(has_forks: bool) -> Self {
        let shadow = has_forks.then(Box::default);
        Self { shadow, chains: vec![Open::default()], known: HashMap::new() }
    }

    pub(crate) fn event(&mut self, program: &Program, event: &Event) {
        if let Some(shadow) = &mut self.shadow {
            apply(program, shadow, event);
        }
        if let EventKind::StateEntered { frame, state, .. } = event.kind {
            let chain = self.chain(frame);
            if let Some(chain) = self.chains.get_mut(chain) {
                chain.visits.push(OpenVisit { state, started: 0, children: Vec::new() });
            }
        }
    }

    fn chain(&mut self, frame: FrameIndex) -> ChainId {
        let place = self.shadow.as_ref().and_then(|shadow| {
            let at = shadow.frames.get(frame)?;
            let fork = shadow.forks.get(at.fork?)?;
            Some((fork.owner, fork.started, at.index))
        });
        let Some((owner, started, index)) = place else { return 0 };
        if let Some(known) = self.known.get(&(started, index)) {
            return *known;
        }
        let owner = self.chain(owner);
        let chain = self.chains.len();
        self.chains.push(Open::default());
        self.known.insert((started, index), chain);
        if let Some(visit) = self.chains.get_mut(owner).and_then(|owner| owner.visits.last_mut()) {
            if visit.started != started {
                visit.started = started;
                visit.children.clear();
            }
            visit.children.push((index, chain));
        }
        chain
    }

    /// The root chain with all that is in it.
    pub(crate) fn finish(mut self) -> Chain {
        // A chain is made after the one that owns it.
        let mut done: Vec<Chain> = Vec::new();
        while let Some(open) = self.chains.pop() {
            let base = self.chains.len();
            let visits = open.visits.into_iter().map(|visit| {
                let mut children: Vec<(u32, Chain)> = visit
                    .children
                    .iter()
                    .map(|(index, chain)| (*index, take(&mut done, base, *chain)))
                    .collect();
                children.sort_by_key(|(index, _)| *index);
                Visit { state: visit.state, children }
            });
            let chain = visits.collect();
            done.push(chain);
        }
        done.pop().unwrap_or_default()
    }
}

/// Chain number `chain` of those that are done: the newest one has number `base + 1`.
fn take(done: &mut [Chain], base: usize, chain: ChainId) -> Chain {
    let place = (base + done.len()).checked_sub(chain);
    place.and_then(|place| done.get_mut(place)).map(std::mem::take).unwrap_or_default()
}
