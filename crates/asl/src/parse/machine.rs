//! The machine object, and the machines inside it: branches and processors.

use std::collections::HashSet;
use std::sync::Arc;

use stepwell_json::document::{Member, Node};
use stepwell_json::spanned::Span;

use super::fields::{BRANCH, Fields, MACHINE, PROCESSOR, Table};
use super::finding::Spot;
use super::graph::Scope;
use super::{NAME_CHARACTERS_MAX, Reader, range};
use crate::analysis::LONE_STATE_NAME;
use crate::definition::{
    DataFlow, Definition, QueryLanguage, SECONDS_MAX, State, StateKind, SubMachine, Succeed,
};
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
    pub(super) fn machine(&mut self, tree: Node<'a>) -> Option<Definition> {
        if tree.members().is_none() {
            let message = "Definition must be a valid JSON object";
            self.error(Code::SchemaValidationFailed, message, Spot::nowhere(tree.span()));
            return None;
        }
        let mut fields = self.object(tree)?;
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
    pub(super) fn lone_state(&mut self, tree: Node<'a>) -> Option<Definition> {
        self.state_name = LONE_STATE_NAME;
        self.variables.enter(false);
        let mut scope = Scope::default();
        let start = Span { end: tree.span().start, ..tree.span() };
        let member = Member { key: LONE_STATE_NAME, key_span: start, value: tree };
        let state = self.state(&member, &mut scope);
        self.variables.leave();
        let mut states = vec![state.filter(|_| self.builds)?];
        let mut names = HashSet::from([LONE_STATE_NAME]);
        for target in scope.targets.iter().map(|target| tree.document().at(*target)) {
            let name = target.as_str().unwrap_or_default();
            if names.insert(name) {
                states.push(State {
                    name: name.into(),
                    comment: None,
                    flow: DataFlow::JsonPath(Box::default()),
                    kind: StateKind::Succeed(Succeed {}),
                    span: range(target),
                });
            }
        }
        Some(Definition {
            start_at: LONE_STATE_NAME.into(),
            states,
            timeout_seconds: None,
            comment: None,
            version: None,
            query_language: self.machine_language,
        })
    }

    /// A branch or a processor.
    pub(super) fn sub_machine(&mut self, tree: Node<'a>, inner: Inner) -> Option<SubMachine> {
        let mut fields = self.object(tree)?;
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
        let mut scope = self.graph.begin();
        let start_at = self.text_field(fields, "StartAt");
        scope.start_at = fields.get("StartAt").filter(|_| start_at.is_some());
        scope.tree = fields.get("States");
        let states = scope.tree.map(|tree| self.states(tree, &mut scope)).unwrap_or_default();
        self.check_scope(&scope);
        (start_at.map(Arc::from), states)
    }

    fn states(&mut self, tree: Node<'a>, scope: &mut Scope<'a>) -> Vec<State> {
        let Some(fields) = self.object(tree) else { return Vec::new() };
        let count = fields.members().len();
        if count == 0 {
            self.invalid("Value cannot be empty", tree);
        }
        let mut states = self.parts(count);
        scope.states.reserve_exact(count);
        for member in fields.members() {
            if member.key.is_empty() || member.key.chars().count() > NAME_CHARACTERS_MAX {
                let message = format!("A state name must have 1 to {NAME_CHARACTERS_MAX} characters");
                self.error(Code::InvalidStateName, message, Spot::key_of(&member));
            }
            self.state_name = member.key;
            states.add(self.state(&member, scope));
        }
        states.good()
    }
}
