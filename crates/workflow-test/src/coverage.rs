//! Which parts of a definition the cases of its tests have used.

use std::collections::HashSet;

use stepwell_interpreter::{
    Decision, Event, EventKind,
    event::StateIndex,
    program::{Choices, StateKind},
};
use stepwell_json::spanned::Span;

use crate::machine::Machine;

/// What can be covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A state: it was entered.
    State,
    /// `Next` or `End` of a state: the state was left by it.
    Transition,
    /// A rule of a Choice state: it held.
    Rule,
    /// `Default` of a Choice state: it was taken.
    Default,
    /// A retrier: it took an error and tried again.
    Retrier,
    /// A catcher: it took an error.
    Catcher,
}

/// One part of a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub kind: Kind,
    /// The state that it belongs to.
    pub state: StateIndex,
    /// Its position in the state, from 0.
    pub number: usize,
    /// Where it leads; none: to the end, or it leads nowhere.
    pub next: Option<StateIndex>,
    /// `ErrorEquals` of a retrier or catcher.
    pub errors: Vec<String>,
    /// Where it stands in the definition.
    pub span: Span,
    /// How often it was used.
    pub hits: u64,
}

/// How many parts there are, and how many were used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Used.
    pub covered: usize,
    /// All.
    pub total: usize,
}

impl Count {
    /// The share in percent; 100 where there is nothing to cover.
    #[must_use]
    pub fn percent(self) -> f64 {
        if self.total == 0 { 100.0 } else { self.covered as f64 * 100.0 / self.total as f64 }
    }
}

/// The coverage of one definition.
#[derive(Debug, Clone)]
pub struct Coverage {
    items: Vec<Item>,
    /// For each state, the position of its first item.
    first: Vec<usize>,
}

impl Coverage {
    /// Nothing is covered yet.
    #[must_use]
    pub fn new(machine: &Machine) -> Self {
        let mut coverage = Self { items: Vec::new(), first: Vec::new() };
        for index in 0..machine.program.states.len() {
            coverage.first.push(coverage.items.len());
            coverage.add_state(machine, index as StateIndex);
        }
        coverage
    }

    fn add_state(&mut self, machine: &Machine, index: StateIndex) {
        let (Some(state), Some(places)) = (machine.program.get(index), machine.places.get(index as usize))
        else {
            return;
        };
        let mut add = |kind, number, next, errors: &[std::sync::Arc<str>], span: Option<&Span>| {
            let errors = errors.iter().map(|error| error.to_string()).collect();
            let span = span.copied().unwrap_or(places.name);
            self.items.push(Item { kind, state: index, number, next, errors, span, hits: 0 });
        };
        add(Kind::State, 0, None, &[], None);
        let next = match &state.kind {
            StateKind::Task(task) => Some(task.next),
            StateKind::Pass(pass) => Some(pass.next),
            StateKind::Wait(wait) => Some(wait.next),
            StateKind::Parallel(parallel) => Some(parallel.next),
            StateKind::Map(map) => Some(map.next),
            StateKind::Succeed | StateKind::Fail(_) => None,
            StateKind::Choice(choice) => {
                let targets: Vec<StateIndex> = match &choice.choices {
                    Choices::JsonPath(rules) => rules.iter().map(|rule| rule.next).collect(),
                    Choices::Jsonata(rules) => rules.iter().map(|rule| rule.next).collect(),
                };
                for (number, next) in targets.into_iter().enumerate() {
                    add(Kind::Rule, number, Some(next), &[], places.rules.get(number));
                }
                if choice.default.is_some() {
                    add(Kind::Default, 0, choice.default, &[], places.default.as_ref());
                }
                None
            }
        };
        if let Some(next) = next {
            add(Kind::Transition, 0, next, &[], places.transition.as_ref());
        }
        if let Some(handlers) = state.handlers() {
            for (number, retrier) in handlers.retry.iter().enumerate() {
                // One that never tries again is there to hide an error from those behind it.
                if retrier.max_attempts > 0 {
                    add(Kind::Retrier, number, None, &retrier.error_equals, places.retriers.get(number));
                }
            }
            for (number, catcher) in handlers.catch.iter().enumerate() {
                let span = places.catchers.get(number);
                add(Kind::Catcher, number, Some(catcher.next), &catcher.error_equals, span);
            }
        }
    }

    fn hit(&mut self, state: StateIndex, kind: Kind, number: usize) {
        let first = self.first.get(state as usize).copied().unwrap_or(usize::MAX);
        let items = self.items.get_mut(first..).unwrap_or_default();
        let own = items.iter_mut().take_while(|item| item.state == state);
        if let Some(item) = own.into_iter().find(|item| item.kind == kind && item.number == number) {
            item.hits += 1;
        }
    }

    /// Counts what another run of the same definition has covered.
    pub fn merge(&mut self, other: &Coverage) {
        for (item, other) in self.items.iter_mut().zip(&other.items) {
            item.hits += other.hits;
        }
    }

    /// All parts, state by state.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The parts of some kinds.
    #[must_use]
    pub fn count(&self, kinds: &[Kind]) -> Count {
        let items = || self.items.iter().filter(|item| kinds.contains(&item.kind));
        Count { covered: items().filter(|item| item.hits > 0).count(), total: items().count() }
    }

    /// All parts.
    #[must_use]
    pub fn total(&self) -> Count {
        let covered = self.items.iter().filter(|item| item.hits > 0).count();
        Count { covered, total: self.items.len() }
    }

    /// The parts that were not used, but for those of states that were never entered: these stand for all their parts.
    pub fn uncovered(&self) -> impl Iterator<Item = &Item> {
        let is_entered = |item: &Item| {
            let first = self.first.get(item.state as usize).and_then(|first| self.items.get(*first));
            first.is_some_and(|state| state.hits > 0)
        };
        self.items.iter().filter(move |item| item.hits == 0 && (item.kind == Kind::State || is_entered(item)))
    }
}

/// Follows one execution for [`Coverage`].
#[derive(Debug)]
pub(crate) struct Observer<'a> {
    coverage: &'a mut Coverage,
    /// The retriers of the states that frames are in are told by frame: the state of each.
    states: Vec<StateIndex>,
    /// Ordinals of exits by rules and catchers, which are no transitions of their state.
    by_decision: HashSet<u32>,
}

impl<'a> Observer<'a> {
    pub(crate) fn new(coverage: &'a mut Coverage) -> Self {
        Self { coverage, states: Vec::new(), by_decision: HashSet::new() }
    }

    pub(crate) fn decided(&mut self, state: StateIndex, ordinal: u32, decision: Decision) {
        self.by_decision.insert(ordinal);
        match decision {
            Decision::Rule(number) => self.coverage.hit(state, Kind::Rule, number),
            Decision::Default => self.coverage.hit(state, Kind::Default, 0),
            Decision::Catcher(number) => self.coverage.hit(state, Kind::Catcher, number),
        }
    }

    pub(crate) fn event(&mut self, event: &Event) {
        match event.kind {
            EventKind::StateEntered { frame, state, .. } => {
                let frame = frame as usize;
                if self.states.len() <= frame {
                    self.states.resize(frame + 1, 0);
                }
                self.states[frame] = state;
                self.coverage.hit(state, Kind::State, 0);
            }
            EventKind::StateExited { state, .. } if !self.by_decision.remove(&event.ordinal) => {
                self.coverage.hit(state, Kind::Transition, 0);
            }
            EventKind::RetryScheduled { frame, retrier, .. } => {
                let state = self.states.get(frame as usize).copied().unwrap_or_default();
                self.coverage.hit(state, Kind::Retrier, retrier.into());
            }
            _ => {}
        }
    }
}
