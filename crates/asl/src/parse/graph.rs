//! Names and transitions: duplicate names, targets that are missing, states that can't be reached, machines
//! without an end. Every scope (the machine, a branch, a processor) stands for itself, but names are unique in
//! the whole machine.
//!
//! A scope is checked when its end was read, so that only those around a place are in memory. AWS tells what is wrong
//! with names before what is wrong with transitions, and of scopes in the order in which they begin.

use std::collections::HashMap;

use stepwell_json::document::{Document, Node};
use stepwell_json::spanned::Span;

use super::finding::{Finding, Spot};
use super::texts::Texts;
use super::{FINDINGS_MAX, Reader};
use crate::diagnostic::{Code, Severity};

/// What is known of all scopes.
#[derive(Default)]
pub(super) struct Graph {
    scopes: u32,
    /// The first bytes of the names of all states, once there is more than one scope.
    names: Vec<u32>,
    /// What was found in scopes that have been read.
    findings: Vec<ScopeFinding>,
}

struct ScopeFinding {
    /// The number of the scope.
    scope: u32,
    finding: Finding,
    /// For a target that is missing: the first byte of the `States` that it is missing in.
    states: Option<u32>,
}

/// The states of one machine, branch or processor.
#[derive(Default)]
pub(super) struct Scope<'a> {
    number: u32,
    pub(super) start_at: Option<Node<'a>>,
    /// The value of `States`.
    pub(super) tree: Option<Node<'a>>,
    pub(super) states: Vec<Vertex>,
    /// The first bytes of the names that states lead to, those of one state behind those of another.
    pub(super) targets: Vec<u32>,
    /// Whether some transition could not be read, so that what follows from transitions is unknown.
    pub(super) is_incomplete: bool,
}

/// A state.
pub(super) struct Vertex {
    /// The first byte of its name.
    pub(super) name: u32,
    /// How many targets there are of the states up to here.
    pub(super) targets_end: u32,
    /// Whether the state ends the scope.
    pub(super) is_end: bool,
}

impl Graph {
    /// A scope begins.
    pub(super) fn begin<'a>(&mut self) -> Scope<'a> {
        self.scopes += 1;
        Scope { number: self.scopes, ..Scope::default() }
    }

    fn add(&mut self, scope: &Scope<'_>, code: Code, message: String, spot: Spot, states: Option<u32>) {
        let finding = Finding { severity: Severity::Error, code, message, spot, suggestion: None };
        self.findings.push(ScopeFinding { scope: scope.number, finding, states });
        // Of those of one scope the first count, and those of outer scopes come later here.
        if self.findings.len() >= 2 * FINDINGS_MAX {
            self.findings.sort_by_key(|found| found.scope);
            self.findings.truncate(FINDINGS_MAX);
        }
    }
}

impl<'a> Reader<'a> {
    /// All has been read.
    pub(super) fn check_graph(&mut self, document: &'a Document<'a>) {
        self.check_names(document);
        let mut findings = std::mem::take(&mut self.graph.findings);
        findings.sort_by_key(|found| found.scope);
        // A state that was renamed is often missing in many places.
        let mut suggestions = HashMap::new();
        for ScopeFinding { mut finding, states, .. } in findings {
            if let Some(states) = states {
                // The span is that of the name, quotes included.
                let name = document.at(finding.spot.span.start as u32).as_str().unwrap_or_default();
                let suggestion = suggestions.entry((states, name)).or_insert_with(|| {
                    let members = document.at(states).members().into_iter().flatten();
                    self.suggest(name, members.map(|member| member.key))
                });
                finding.suggestion = suggestion.clone();
            }
            self.findings.add(finding);
        }
    }

    fn check_names(&mut self, document: &'a Document<'a>) {
        let mut names = std::mem::take(&mut self.graph.names);
        // Scopes come in the order of their ends.
        names.sort_unstable();
        let text = |number: u32| document.at(names[number as usize]).as_str().unwrap_or_default();
        for repeated in Texts::new(names.len(), text).repeated(text).into_iter().take(FINDINGS_MAX) {
            let name = names[repeated as usize];
            let state = document.member_at(name);
            let message = format!("Duplicate State name: {}", state.key);
            self.error(Code::DuplicateStateName, message, Spot::key_of(&state));
        }
    }

    /// The end of a scope has been read.
    pub(super) fn check_scope(&mut self, scope: &Scope<'a>) {
        let Some(tree) = scope.tree.filter(|_| !self.builds && !scope.states.is_empty()) else {
            // Of a scope without states a finding of the schema says so; every target would be missing.
            return;
        };
        let document = tree.document();
        // In one scope no name stands twice: of equal keys one counts.
        if self.graph.scopes > 1 {
            self.graph.names.extend(scope.states.iter().map(|state| state.name));
        }
        let text = |name: u32| document.at(name).as_str().unwrap_or_default();
        let name_at = |position: u32| text(scope.states[position as usize].name);
        // For the start alone it is not worth it.
        let by_name = (!scope.targets.is_empty()).then(|| Texts::new(scope.states.len(), name_at));
        let find = |name: &str| match &by_name {
            Some(by_name) => by_name.find(name, name_at).map(|position| position as usize),
            None => scope.states.iter().position(|state| text(state.name) == name),
        };
        let start = scope.start_at.map(Node::start);
        for target in start.iter().chain(&scope.targets) {
            let name = text(*target);
            if find(name).is_none() {
                let message = format!("Missing 'Next' target: {name}");
                let spot = Spot::from(document.at(*target));
                self.graph.add(scope, Code::MissingTransitionTarget, message, spot, Some(tree.start()));
            }
        }
        if scope.is_incomplete {
            return;
        }
        if !scope.states.iter().any(|state| state.is_end) {
            let span = scope.start_at.map_or(Span::default(), Node::span);
            let message = "Workflow has no terminal state".to_owned();
            self.graph.add(scope, Code::MissingEndState, message, Spot::nowhere(span), None);
            return;
        }
        if let Some(start) = start.and_then(|start| find(text(start))) {
            let is_reached = reach(scope, start, |target| find(text(target)));
            for (state, _) in scope.states.iter().zip(is_reached).filter(|(_, is_reached)| !is_reached) {
                let state = document.member_at(state.name);
                let message = format!("State \"{}\" is not reachable.", state.key);
                let spot = Spot::key_of(&state);
                self.graph.add(scope, Code::MissingTransitionTarget, message, spot, None);
            }
        }
    }
}

/// Which states can be reached from one of them.
fn reach(scope: &Scope<'_>, start: usize, find: impl Fn(u32) -> Option<usize>) -> Vec<bool> {
    let mut is_reached = vec![false; scope.states.len()];
    is_reached[start] = true;
    let mut open = vec![start as u32];
    while let Some(position) = open.pop() {
        let position = position as usize;
        let targets_start = position.checked_sub(1).map_or(0, |before| scope.states[before].targets_end);
        let targets = targets_start as usize..scope.states[position].targets_end as usize;
        for target in scope.targets[targets].iter().filter_map(|target| find(*target)) {
            if !std::mem::replace(&mut is_reached[target], true) {
                open.push(target as u32);
            }
        }
    }
    is_reached
}
