//! Names and transitions: duplicate names, targets that are missing, states that can't be reached, machines
//! without an end. Every scope (the machine, a branch, a processor) stands for itself, but names are unique in
//! the whole machine.

use std::collections::{HashMap, HashSet};

use stepwell_json::spanned::Span;

use super::{Place, Reader};
use crate::diagnostic::Code;

/// All scopes, in the order in which they begin.
#[derive(Default)]
pub(super) struct Graph<'a> {
    pub(super) scopes: Vec<Scope<'a>>,
}

/// The states of one machine, branch or processor.
#[derive(Default)]
pub(super) struct Scope<'a> {
    pub(super) start_at: Option<Target<'a>>,
    pub(super) states: Vec<Vertex<'a>>,
    /// Whether some transition could not be read, so that what follows from transitions is unknown.
    pub(super) is_incomplete: bool,
}

/// A state.
pub(super) struct Vertex<'a> {
    pub(super) name: &'a str,
    pub(super) place: Place,
    pub(super) span: Span,
    pub(super) targets: Vec<Target<'a>>,
    /// Whether the state ends the scope.
    pub(super) is_end: bool,
}

/// A mention of a state.
pub(super) struct Target<'a> {
    pub(super) name: &'a str,
    pub(super) place: Place,
    pub(super) span: Span,
}

impl<'a> Reader<'a> {
    pub(super) fn check_graph(&mut self) {
        let scopes = std::mem::take(&mut self.graph.scopes);
        self.check_names(&scopes);
        for scope in &scopes {
            self.check_scope(scope);
        }
    }

    fn check_names(&mut self, scopes: &[Scope<'a>]) {
        let mut states: Vec<&Vertex<'a>> = scopes.iter().flat_map(|scope| &scope.states).collect();
        states.sort_by_key(|state| state.span.start);
        let mut seen = HashSet::new();
        for state in states {
            if !seen.insert(state.name) {
                let message = format!("Duplicate State name: {}", state.name);
                self.error(Code::DuplicateStateName, message, Some(state.place), state.span);
            }
        }
    }

    fn check_scope(&mut self, scope: &Scope<'a>) {
        if scope.states.is_empty() {
            // A finding of the schema says so; every target would be missing.
            return;
        }
        let positions: HashMap<&str, usize> =
            scope.states.iter().enumerate().map(|(position, state)| (state.name, position)).collect();
        let targets = scope.start_at.iter().chain(scope.states.iter().flat_map(|state| &state.targets));
        for target in targets {
            if !positions.contains_key(target.name) {
                let suggestion = self.suggest(target.name, scope.states.iter().map(|state| state.name));
                self.error_with(
                    Code::MissingTransitionTarget,
                    format!("Missing 'Next' target: {}", target.name),
                    Some(target.place),
                    target.span,
                    suggestion,
                );
            }
        }
        if scope.is_incomplete {
            return;
        }
        if !scope.states.iter().any(|state| state.is_end) {
            let span = scope.start_at.as_ref().map_or(Span::default(), |start| start.span);
            self.error(Code::MissingEndState, "Workflow has no terminal state", None, span);
            return;
        }
        let start = scope.start_at.as_ref().and_then(|start| positions.get(start.name));
        if let Some(start) = start {
            self.check_reachable(scope, &positions, *start);
        }
    }

    fn check_reachable(&mut self, scope: &Scope<'a>, positions: &HashMap<&str, usize>, start: usize) {
        let mut is_reached = vec![false; scope.states.len()];
        let mut open = vec![start];
        while let Some(position) = open.pop() {
            if std::mem::replace(&mut is_reached[position], true) {
                continue;
            }
            let targets = scope.states[position].targets.iter();
            open.extend(targets.filter_map(|target| positions.get(target.name)).copied());
        }
        for (state, is_reached) in scope.states.iter().zip(is_reached) {
            if !is_reached {
                let message = format!("State \"{}\" is not reachable.", state.name);
                self.error(Code::MissingTransitionTarget, message, Some(state.place), state.span);
            }
        }
    }
}
