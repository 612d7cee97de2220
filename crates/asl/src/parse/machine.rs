//! The machine object, and the machines inside it: branches and processors.

use std::sync::Arc;

use stepwell_json::spanned::{Member, Node, NodeKind};

use super::fields::{BRANCH, Fields, MACHINE, PROCESSOR, Table};
use super::graph::{Scope, Target};
use super::values::SECONDS_MAX;
use super::{NAME_CHARACTERS_MAX, Place, ROOT, Reader};
use crate::definition::{DataFlow, Definition, QueryLanguage, State, StateKind, SubMachine, Succeed};
use crate::diagnostic::Code;

/// What is inside the machine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Inner {
    Branch,
    /// `is_isolated`: the processor of a distributed Map, which sees no outer variables.
    Processor {
        is_isolated: bool,
    },
}

impl<'a> Reader<'a> {
    /// The whole document.
    pub(super) fn machine(&mut self, tree: &'a Node) -> Option<Definition> {
        if !matches!(tree.kind, NodeKind::Object(_)) {
            self.error(
                Code::SchemaValidationFailed,
                "Definition must be a valid JSON object",
                None,
                tree.span,
            );
            return None;
        }
        let mut fields = self.object(tree, ROOT)?;
        self.require(&fields, &["States", "StartAt"]);
        self.check_fields(&mut fields, MACHINE, QueryLanguage::JsonPath);
        let language = self.word(&fields, "QueryLanguage", &["JSONPath", "JSONata"]);
        if language == Some("JSONata") {
            self.machine_language = QueryLanguage::Jsonata;
        }
        let comment = self.comment(&fields);
        let version = self.word(&fields, "Version", &["1.0"]).map(str::to_owned);
        let timeout = self.integer(&fields, "TimeoutSeconds", (1, SECONDS_MAX));
        self.variables.enter(false);
        let (start_at, states) = self.scope(&fields);
        self.variables.leave();
        Some(Definition {
            start_at: start_at?,
            states,
            timeout_seconds: timeout.and_then(|seconds| u32::try_from(seconds).ok()),
            comment,
            version,
            query_language: self.machine_language,
        })
    }

    /// A state that stands alone: whatever it leads to exists, but is not known.
    pub(super) fn lone_state(&mut self, member: &'a Member) -> Option<Definition> {
        let states = self.key(ROOT, "States");
        let place = self.key(states, &member.key);
        self.state_name = &member.key;
        self.variables.enter(false);
        let mut scope = Scope::default();
        let state = self.state(member, place, &mut scope);
        self.variables.leave();
        let mut states = vec![state?];
        for target in scope.states.iter().flat_map(|state| &state.targets) {
            if states.iter().all(|state| &*state.name != target.name) {
                states.push(State {
                    name: target.name.into(),
                    comment: None,
                    flow: DataFlow::JsonPath(Box::default()),
                    kind: StateKind::Succeed(Succeed {}),
                    span: target.span.start..target.span.end,
                });
            }
        }
        Some(Definition {
            start_at: member.key.clone(),
            states,
            timeout_seconds: None,
            comment: None,
            version: None,
            query_language: self.machine_language,
        })
    }

    /// A branch or a processor.
    pub(super) fn sub_machine(&mut self, tree: &'a Node, place: Place, inner: Inner) -> Option<SubMachine> {
        let mut fields = self.object(tree, place)?;
        self.require(&fields, &["States", "StartAt"]);
        let (table, is_isolated): (Table, bool) = match inner {
            Inner::Branch => (BRANCH, false),
            Inner::Processor { is_isolated } => (PROCESSOR, is_isolated),
        };
        self.check_fields(&mut fields, table, QueryLanguage::JsonPath);
        let comment = self.comment(&fields);
        let outer_state = self.state_name;
        self.variables.enter(is_isolated);
        let (start_at, states) = self.scope(&fields);
        self.variables.leave();
        self.state_name = outer_state;
        Some(SubMachine { start_at: start_at?, states, comment })
    }

    /// `StartAt` and `States`.
    fn scope(&mut self, fields: &Fields<'a>) -> (Option<Arc<str>>, Vec<State>) {
        let scope_number = self.graph.scopes.len();
        self.graph.scopes.push(Scope::default());
        let mut scope = Scope::default();
        let start_at = self.text_field(fields, "StartAt");
        if let (Some(name), Some(node)) = (start_at, fields.get("StartAt")) {
            let place = self.key(fields.place, "StartAt");
            scope.start_at = Some(Target { name, place, span: node.span });
        }
        let mut states = Vec::new();
        if let Some((tree, place)) = self.field(fields, "States") {
            states = self.states(tree, place, &mut scope);
        }
        if let Some(slot) = self.graph.scopes.get_mut(scope_number) {
            *slot = scope;
        }
        (start_at.cloned(), states)
    }

    fn states(&mut self, tree: &'a Node, place: Place, scope: &mut Scope<'a>) -> Vec<State> {
        let mut states = Vec::new();
        let Some(fields) = self.object(tree, place) else { return states };
        if fields.members.is_empty() {
            self.invalid("Value cannot be empty", place, tree.span);
        }
        states.reserve_exact(fields.members.len());
        scope.states.reserve_exact(fields.members.len());
        for member in &fields.members {
            let at = self.key(place, &member.key);
            if member.key.is_empty() || member.key.chars().count() > NAME_CHARACTERS_MAX {
                let message = format!("A state name must have 1 to {NAME_CHARACTERS_MAX} characters");
                self.error(Code::InvalidStateName, message, Some(at), member.key_span);
            }
            self.state_name = &member.key;
            states.extend(self.state(member, at, scope));
        }
        states
    }
}
