//! What all states have: type, language, paths, transitions.

use stepwell_json::document::{Kind, Member, Node};

use super::fields::{self, Fields, Table};
use super::graph::{Scope, Vertex};
use super::{Reader, range};
use crate::definition::{DataFlow, JsonPathFlow, QueryLanguage, State, StateKind, Transition};
use crate::diagnostic::Code;

/// The types in the order in which AWS lists them.
const TYPES: [&str; 8] = ["Task", "Wait", "Pass", "Succeed", "Fail", "Choice", "Parallel", "Map"];

fn table(type_name: &str) -> Table {
    match type_name {
        "Task" => fields::TASK,
        "Wait" => fields::WAIT,
        "Pass" => fields::PASS,
        "Succeed" => fields::SUCCEED,
        "Fail" => fields::FAIL,
        "Choice" => fields::CHOICE,
        "Parallel" => fields::PARALLEL,
        _ => fields::MAP,
    }
}

/// What the parts of one state need to know, and where they leave its transitions.
pub(super) struct Context {
    pub(super) language: QueryLanguage,
    /// The names that it leads to, as strings of the document.
    pub(super) targets: Vec<u32>,
    pub(super) is_end: bool,
    /// A transition could not be read.
    pub(super) is_incomplete: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn state(&mut self, member: &Member<'a>, scope: &mut Scope<'a>) -> Option<State> {
        let mut context = Context {
            language: self.machine_language,
            targets: std::mem::take(&mut scope.targets),
            is_end: false,
            is_incomplete: false,
        };
        let state = self.state_parts(member, &mut context);
        scope.is_incomplete |= context.is_incomplete;
        scope.targets = context.targets;
        scope.states.push(Vertex {
            // A definition has far fewer bytes and targets than these count.
            name: member.start(),
            targets_end: scope.targets.len() as u32,
            is_end: context.is_end,
        });
        state
    }

    fn state_parts(&mut self, member: &Member<'a>, context: &mut Context) -> Option<State> {
        let Some(mut fields) = self.object(member.value) else {
            context.is_incomplete = true;
            return None;
        };
        self.state_language(&fields, context);
        if !fields.has("Type") {
            self.require(&fields, &["Type"]);
            context.is_incomplete = true;
            return None;
        }
        let Some(type_name) = self.word(&fields, "Type", &TYPES) else {
            context.is_incomplete = true;
            return None;
        };
        self.check_fields(&mut fields, table(type_name), context.language);
        let comment = self.comment(&fields);
        let flow = match context.language {
            QueryLanguage::JsonPath => {
                DataFlow::JsonPath(Box::new(self.json_path_flow(&fields, type_name == "Map")))
            }
            QueryLanguage::Jsonata => {
                let has_result = matches!(type_name, "Task" | "Parallel" | "Map");
                DataFlow::Jsonata(Box::new(self.jsonata_flow(&fields, has_result)))
            }
        };
        let kind = match type_name {
            "Task" => self.task(&fields, context).map(|task| StateKind::Task(Box::new(task))),
            "Wait" => self.wait(&fields, context).map(StateKind::Wait),
            "Pass" => self.pass(&fields, context).map(StateKind::Pass),
            "Succeed" => {
                context.is_end = true;
                Some(StateKind::Succeed(crate::definition::Succeed {}))
            }
            "Fail" => {
                context.is_end = true;
                Some(StateKind::Fail(self.fail(&fields, context)))
            }
            "Choice" => self.choice(&fields, context).map(StateKind::Choice),
            "Parallel" => self.parallel(&fields, context).map(|state| StateKind::Parallel(Box::new(state))),
            _ => self.map(&fields, context).map(|state| StateKind::Map(Box::new(state))),
        };
        Some(State { name: member.key.into(), comment, flow, kind: kind?, span: range(member.value) })
    }

    /// The data flow of a JSONPath state. `Parameters` of a Map is the old name of its ItemSelector.
    fn json_path_flow(&mut self, fields: &Fields<'a>, is_map: bool) -> JsonPathFlow {
        JsonPathFlow {
            input_path: self.path_or_null(fields, "InputPath"),
            output_path: self.path_or_null(fields, "OutputPath"),
            assign: self.assign(fields),
            parameters: if is_map { None } else { self.template_field(fields, "Parameters") },
            result_selector: self.template_field(fields, "ResultSelector"),
            result_path: self.result_path(fields),
        }
    }

    fn state_language(&mut self, fields: &Fields<'a>, context: &mut Context) {
        match self.word(fields, "QueryLanguage", &["JSONPath", "JSONata"]) {
            Some("JSONata") => context.language = QueryLanguage::Jsonata,
            Some(_) if self.machine_language == QueryLanguage::Jsonata => {
                // The finding is about the state, as AWS has it; its fields are read as JSONata's.
                let message =
                    "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine";
                self.invalid(message, fields.node);
            }
            _ => {}
        }
    }

    /// `Next` or `End`.
    pub(super) fn transition(&mut self, fields: &Fields<'a>, context: &mut Context) -> Option<Transition> {
        self.exactly_one(fields, &["Next", "End"]);
        let mut is_end = false;
        if let Some(node) = fields.get("End") {
            match node.kind() {
                Kind::Bool(true) => is_end = true,
                Kind::Bool(false) => self.invalid("Value must be true", node),
                _ => self.invalid("Expected value of type Boolean", node),
            }
        }
        if let Some(node) = fields.get("Next") {
            context.is_end |= is_end;
            return self.next(node, context).map(Transition::Next);
        }
        context.is_end |= is_end;
        context.is_incomplete |= !is_end;
        is_end.then_some(Transition::End)
    }

    /// A field that names a state of the same scope.
    pub(super) fn next(&mut self, node: Node<'a>, context: &mut Context) -> Option<std::sync::Arc<str>> {
        let Some(text) = self.text(node) else {
            context.is_incomplete = true;
            return None;
        };
        context.targets.push(node.start());
        Some(text.into())
    }

    /// Warns of paths in a literal that stays as it is.
    pub(super) fn warn_of_paths(&mut self, node: Node<'a>) {
        match node.kind() {
            Kind::String(text) if text.starts_with("$.") || text.starts_with("$$.") => {
                let message = "Result is not evaluated: the path in it stays as it is. Use Parameters to evaluate paths";
                self.warning(Code::PassResultIsStatic, message, node);
            }
            Kind::Object(members) => members.for_each(|member| self.warn_of_paths(member.value)),
            Kind::Array(items) => items.for_each(|item| self.warn_of_paths(item)),
            _ => {}
        }
    }
}
