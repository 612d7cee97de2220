//! `expect`: what should come of a case.

use stepwell_json::{
    Value,
    spanned::{Node, NodeKind, Span},
};

use super::{Reader, a, start};
use crate::{
    case::{Calls, Expectation, ExpectedCall, ExpectedStatus, Matcher, Spanned},
    path::Step,
};
use stepwell_interpreter::event::StateIndex;

/// Members of `expect`.
pub(crate) const EXPECT_KEYS: [&str; 10] = [
    "status",
    "output",
    "outputContains",
    "error",
    "cause",
    "causeContains",
    "path",
    "calls",
    "variables",
    "durationSeconds",
];
/// Members of one of the `calls`.
pub(crate) const CALL_KEYS: [&str; 3] = ["comment", "parameters", "parametersContain"];
/// Steps that an expected path may have.
const PATH_STEPS_MAX: usize = 2_000;

impl Reader<'_> {
    pub(super) fn expectation(&mut self, node: &Node) -> Expectation {
        let mut expectation = Expectation::success(start(node.span));
        let Some(members) = self.faults.known(node, "\"expect\"", &EXPECT_KEYS) else { return expectation };
        let mut status = None;
        for member in members {
            let (value, span) = (&member.value, member.key_span);
            match &*member.key {
                "status" => status = self.status(value).map(|value| Spanned { value, span }),
                key @ ("output" | "outputContains") => {
                    let is_partial = key == "outputContains";
                    let value = Matcher { value: value.to_value(), is_partial };
                    expectation.output.push(Spanned { value, span });
                }
                "error" => {
                    let text = self.faults.text(value).cloned();
                    expectation.error = text.map(|text| Spanned { value: text.into(), span });
                }
                "cause" => match value.kind {
                    NodeKind::String(_) | NodeKind::Object(_) | NodeKind::Array(_) => {
                        expectation.cause = Some(Spanned { value: value.to_value(), span });
                    }
                    _ => {
                        let message = format!(
                            "a cause is a string, or the JSON that it holds, but this is {}",
                            a(value)
                        );
                        self.faults.note(value.span, message);
                    }
                },
                "causeContains" => {
                    let text = self.faults.text(value).cloned();
                    expectation.cause_contains = text.map(|text| Spanned { value: text.into(), span });
                }
                "path" => {
                    let steps = self.path(value, None);
                    expectation.path = Some(Spanned { value: steps, span });
                }
                "calls" => self.calls(value, &mut expectation),
                "variables" => {
                    for variable in self.faults.object(value, "\"variables\"").unwrap_or_default() {
                        let name = variable.key.strip_prefix('$').unwrap_or(&variable.key).into();
                        let value = (name, variable.value.to_value());
                        expectation.variables.push(Spanned { value, span: variable.key_span });
                    }
                }
                "durationSeconds" => {
                    let duration = self.faults.seconds(value);
                    expectation.duration_ms = duration.map(|value| Spanned { value, span });
                }
                _ => {}
            }
        }
        self.settle_status(&mut expectation, status);
        expectation
    }

    fn status(&mut self, node: &Node) -> Option<ExpectedStatus> {
        const WORDS: [&str; 3] = ["SUCCEEDED", "FAILED", "TIMED_OUT"];
        match node.as_str() {
            Some("SUCCEEDED") => Some(ExpectedStatus::Succeeded),
            Some("FAILED") => Some(ExpectedStatus::Failed),
            Some("TIMED_OUT") => Some(ExpectedStatus::TimedOut),
            other => {
                let nearest = other.and_then(|word| stepwell_asl::nearest(word, WORDS.into_iter()));
                let message = format!("a status is one of {}", WORDS.join(", "));
                self.faults.suggest(node.span, message, nearest);
                None
            }
        }
    }

    /// An execution with an error is expected to fail; one with an output, to succeed.
    fn settle_status(&mut self, expectation: &mut Expectation, status: Option<Spanned<ExpectedStatus>>) {
        let failure = [
            expectation.error.as_ref().map(|error| error.span),
            expectation.cause.as_ref().map(|cause| cause.span),
            expectation.cause_contains.as_ref().map(|cause| cause.span),
        ];
        let failure = failure.into_iter().flatten().next();
        let output = expectation.output.first().map(|output| output.span);
        match (&status, failure, output) {
            (Some(Spanned { value: ExpectedStatus::Succeeded, .. }), Some(span), _) => {
                self.faults.note(span, "an execution that SUCCEEDED has no error and no cause");
            }
            (
                Some(Spanned { value: ExpectedStatus::Failed | ExpectedStatus::TimedOut, .. }),
                _,
                Some(span),
            ) => {
                self.faults.note(span, "an execution that has not SUCCEEDED has no output");
            }
            (None, Some(span), Some(_)) => {
                self.faults.note(span, "an execution has an output or an error, not both");
            }
            _ => {}
        }
        expectation.status = match (status, failure) {
            (Some(status), _) => status,
            (None, Some(span)) => Spanned { value: ExpectedStatus::Failed, span },
            (None, None) => {
                Spanned { value: ExpectedStatus::Succeeded, span: output.unwrap_or(expectation.span) }
            }
        };
    }

    /// The steps of a path whose states are those within `owner`.
    fn path(&mut self, node: &Node, owner: Option<StateIndex>) -> Vec<Step> {
        let Some(items) = node.items() else {
            self.faults.note(node.span, format!("a path is an array of states, but this is {}", a(node)));
            return Vec::new();
        };
        if items.len() > PATH_STEPS_MAX {
            self.faults.note(node.span, format!("a path has at most {PATH_STEPS_MAX} steps"));
            return Vec::new();
        }
        items.iter().filter_map(|item| self.step(item, owner)).collect()
    }

    fn step(&mut self, node: &Node, owner: Option<StateIndex>) -> Option<Step> {
        match &node.kind {
            NodeKind::String(text) if &**text == "..." => Some(Step::Any),
            NodeKind::String(text) if &**text == "*" => Some(Step::One),
            NodeKind::String(name) => {
                let state = self.path_state(name, node.span, owner)?;
                Some(Step::State { state, children: Vec::new(), length: None })
            }
            NodeKind::Object(members) => {
                let [member] = members.as_slice() else {
                    let message =
                        "a step with branches or iterations is an object with one member: the state";
                    self.faults.note(node.span, message);
                    return None;
                };
                let state = self.path_state(&member.key, member.key_span, owner)?;
                if !self.machine.is_fork(state) {
                    let message = format!("{} has no branches or iterations", &*member.key);
                    self.faults.note(member.key_span, message);
                    return None;
                }
                self.children(&member.value, state)
            }
            _ => {
                let message =
                    format!("a step is the name of a state, \"*\" or \"...\", but this is {}", a(node));
                self.faults.note(node.span, message);
                None
            }
        }
    }

    fn children(&mut self, node: &Node, state: StateIndex) -> Option<Step> {
        let mut children = Vec::new();
        let mut length = None;
        match &node.kind {
            NodeKind::Array(items) => {
                length = Some(items.len());
                for (index, item) in (0..).zip(items) {
                    children.push((index, self.path(item, Some(state))));
                }
            }
            NodeKind::Object(members) => {
                for member in members {
                    match member.key.parse::<u32>() {
                        Ok(index) => children.push((index, self.path(&member.value, Some(state)))),
                        Err(_) => {
                            let message = "the number of a branch or iteration is expected, from 0";
                            self.faults.note(member.key_span, message);
                        }
                    }
                }
            }
            _ => {
                let message = format!(
                    "an array of paths is expected, or an object of them by number, but this is {}",
                    a(node)
                );
                self.faults.note(node.span, message);
                return None;
            }
        }
        Some(Step::State { state, children, length })
    }

    /// A state of a path, which must be one of those that the path can have.
    fn path_state(&mut self, name: &str, span: Span, owner: Option<StateIndex>) -> Option<StateIndex> {
        let state = self.state(name, span)?;
        let actual = self.machine.owner(state);
        if actual == owner {
            return Some(state);
        }
        let message = match actual {
            Some(actual) => {
                let around = self.machine.name(actual);
                let key = Value::from(around).to_text();
                format!("{name} is inside {around}: its path is written as {{{key}: [[…, {name}, …]]}}")
            }
            None => format!("{name} is not inside {}", owner.map_or("", |owner| self.machine.name(owner))),
        };
        self.faults.note(span, message);
        None
    }

    fn calls(&mut self, node: &Node, expectation: &mut Expectation) {
        for member in self.faults.object(node, "\"calls\"").unwrap_or_default() {
            let Some(state) = self.task(&member.key, member.key_span) else { continue };
            let calls = match &member.value.kind {
                NodeKind::Array(items) => {
                    Calls::List(items.iter().filter_map(|item| self.call(item)).collect())
                }
                NodeKind::Number(_) => match self.faults.whole(&member.value, 0) {
                    Some(count) => Calls::Count(count.unsigned_abs()),
                    None => continue,
                },
                _ => {
                    let message = format!(
                        "a number of calls or an array of them is expected, but this is {}",
                        a(&member.value)
                    );
                    self.faults.note(member.value.span, message);
                    continue;
                }
            };
            expectation.calls.push(Spanned { value: (state, calls), span: member.key_span });
        }
    }

    fn call(&mut self, node: &Node) -> Option<Spanned<ExpectedCall>> {
        let mut call = ExpectedCall::default();
        let mut span = start(node.span);
        for member in self.faults.known(node, "a call", &CALL_KEYS)? {
            let is_partial = match &*member.key {
                "parameters" => false,
                "parametersContain" => true,
                _ => continue,
            };
            span = member.key_span;
            call.parameters.push(Matcher { value: member.value.to_value(), is_partial });
        }
        Some(Spanned { value: call, span })
    }
}
