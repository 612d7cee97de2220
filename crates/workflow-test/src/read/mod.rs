//! From the text of a test file to cases: everything that is wrong is found, each with its place.

mod expectation;
mod mocks;

use std::{collections::HashMap, collections::HashSet, sync::Arc};

use stepwell_asl::MachineType;
use stepwell_interpreter::{
    Timestamp,
    event::StateIndex,
    program::{State, StateKind},
};
use stepwell_json::{
    Payload,
    spanned::{self, Member, Node, NodeKind, Span},
};
use stepwell_mock::TestCase;

use crate::{
    case::{Case, Context, Expectation, Mock, Mocks, Suite},
    machine::Machine,
};

/// Problems that are told of one file.
const PROBLEMS_MAX: usize = 100;
/// Seconds that a test may name: more than a century.
const SECONDS_MAX: f64 = 4e9;

/// Members of a test file.
pub(crate) const FILE_KEYS: [&str; 9] =
    ["$schema", "comment", "definition", "type", "context", "seed", "mockConfig", "mocks", "cases"];
/// Members of a case.
pub(crate) const CASE_KEYS: [&str; 10] =
    ["name", "comment", "skip", "input", "inputFile", "context", "seed", "mockCase", "mocks", "expect"];
/// Members of `context`.
pub(crate) const CONTEXT_KEYS: [&str; 6] =
    ["executionName", "startTime", "stateMachineName", "roleArn", "account", "region"];

/// Something wrong in a test file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub span: Span,
    /// What.
    pub message: String,
    /// What was perhaps meant.
    pub suggestion: Option<String>,
}

/// What must be known of a test file before its definition can be read.
#[derive(Debug, Default)]
pub struct Header {
    /// `definition`: a path relative to the test file.
    pub definition: Option<(String, Span)>,
    /// `type`.
    pub machine_type: MachineType,
    /// `mockConfig`: a path relative to the test file.
    pub mock_config: Option<(String, Span)>,
}

/// What a test file refers to. Paths are relative to it.
pub trait Files {
    /// A file with an input.
    ///
    /// # Errors
    /// Why there is none, in one line.
    fn input(&self, path: &str) -> Result<Payload, String>;

    /// A case of the mock file.
    ///
    /// # Errors
    /// Why there is none, in one line.
    fn mock_case(&self, name: &str) -> Result<Arc<TestCase>, String>;
}

/// Reads the text of a test file as JSON, and from it what is needed to find its definition.
///
/// # Errors
/// All problems with that.
pub fn header(text: &str) -> Result<(Node, Header), Vec<Problem>> {
    if text.trim().is_empty() {
        let message = "the file is empty; a test file is an object with \"cases\"".to_owned();
        return Err(vec![Problem { span: Span::default(), message, suggestion: None }]);
    }
    let (root, errors) = spanned::parse(text);
    if !errors.is_empty() {
        return Err(errors
            .into_iter()
            .map(|error| Problem {
                span: Span { start: error.offset, end: error.offset },
                message: error.message,
                suggestion: None,
            })
            .collect());
    }
    let root = root.unwrap_or(Node { span: Span::default(), kind: NodeKind::Null });
    let mut faults = Faults::default();
    let mut header = Header::default();
    if let Some(members) = faults.object(&root, "a test file") {
        for member in members {
            match &*member.key {
                "definition" => {
                    header.definition =
                        faults.text(&member.value).map(|text| (text.to_string(), member.value.span))
                }
                "mockConfig" => {
                    header.mock_config =
                        faults.text(&member.value).map(|text| (text.to_string(), member.value.span))
                }
                "type" => match member.value.as_str() {
                    Some("STANDARD") => header.machine_type = MachineType::Standard,
                    Some("EXPRESS") => header.machine_type = MachineType::Express,
                    _ => faults.note(member.value.span, "\"type\" is \"STANDARD\" or \"EXPRESS\""),
                },
                _ => {}
            }
        }
    }
    if faults.problems.is_empty() { Ok((root, header)) } else { Err(faults.problems) }
}

/// Reads the cases of a test file. `machine_name` is what the context object shows unless the file says otherwise.
///
/// # Errors
/// Everything that is wrong, in the order of the text.
pub fn read(
    root: &Node,
    machine_type: MachineType,
    machine: &Machine,
    machine_name: &str,
    files: &dyn Files,
) -> Result<Suite, Vec<Problem>> {
    let mut reader = Reader { machine, files, faults: Faults::default() };
    let cases = reader.file(root, machine_name);
    let mut problems = reader.faults.problems;
    if problems.is_empty() {
        return Ok(Suite { machine_type, cases });
    }
    problems.sort_by_key(|problem| (problem.span.start, problem.span.end));
    Err(problems)
}

/// What was found wrong so far, and the readers of simple values.
#[derive(Debug, Default)]
struct Faults {
    problems: Vec<Problem>,
}

impl Faults {
    fn note(&mut self, span: Span, message: impl Into<String>) {
        self.suggest(span, message, None);
    }

    fn suggest(&mut self, span: Span, message: impl Into<String>, suggestion: Option<&str>) {
        if self.problems.len() < PROBLEMS_MAX {
            let suggestion = suggestion.map(str::to_owned);
            self.problems.push(Problem { span, message: message.into(), suggestion });
        }
    }

    /// The members of an object, each key once.
    fn object<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Member]> {
        let Some(members) = node.members() else {
            self.note(node.span, format!("{what} is an object, but this is {}", a(node)));
            return None;
        };
        for duplicate in node.duplicates() {
            self.note(duplicate.key_span, format!("{:?} is here twice", &*duplicate.key));
        }
        Some(members)
    }

    /// The members of an object that has no others than these.
    fn known<'n>(&mut self, node: &'n Node, what: &str, keys: &[&str]) -> Option<&'n [Member]> {
        let members = self.object(node, what)?;
        for member in members.iter().filter(|member| !keys.contains(&&*member.key)) {
            let nearest = stepwell_asl::nearest(&member.key, keys.iter().copied());
            let message = match nearest {
                Some(_) => format!("{what} has no {:?}", &*member.key),
                None => format!("{what} has no {:?}; it can have: {}", &*member.key, keys.join(", ")),
            };
            self.suggest(member.key_span, message, nearest);
        }
        Some(members)
    }

    fn text<'n>(&mut self, node: &'n Node) -> Option<&'n Arc<str>> {
        match &node.kind {
            NodeKind::String(text) => Some(text),
            _ => {
                self.note(node.span, format!("a string is expected, but this is {}", a(node)));
                None
            }
        }
    }

    fn boolean(&mut self, node: &Node) -> Option<bool> {
        match node.kind {
            NodeKind::Bool(value) => Some(value),
            _ => {
                self.note(node.span, format!("true or false is expected, but this is {}", a(node)));
                None
            }
        }
    }

    /// A whole number from `least` up.
    fn whole(&mut self, node: &Node, least: i64) -> Option<i64> {
        let value = match &node.kind {
            NodeKind::Number(number) => number.integral().filter(|value| *value >= least),
            _ => None,
        };
        if value.is_none() {
            self.note(
                node.span,
                format!("a whole number from {least} up is expected, but this is {}", a(node)),
            );
        }
        value
    }

    /// Seconds as milliseconds.
    fn seconds(&mut self, node: &Node) -> Option<i64> {
        let seconds = match &node.kind {
            NodeKind::Number(number) => {
                Some(number.as_f64()).filter(|value| (0.0..=SECONDS_MAX).contains(value))
            }
            _ => None,
        };
        if seconds.is_none() {
            self.note(
                node.span,
                format!("seconds from 0 to {SECONDS_MAX} are expected, but this is {}", a(node)),
            );
        }
        seconds.map(|seconds| (seconds * 1000.0).round() as i64)
    }
}

/// `a string`, `the number 3`, …
fn a(node: &Node) -> String {
    match &node.kind {
        NodeKind::Number(_) | NodeKind::Bool(_) => node.to_value().to_text(),
        NodeKind::Null => "null".to_owned(),
        NodeKind::Array(_) | NodeKind::Object(_) => format!("an {}", node.type_name()),
        NodeKind::String(_) => format!("a {}", node.type_name()),
    }
}

/// The first byte of a value that may be long.
fn start(span: Span) -> Span {
    Span { start: span.start, end: span.start + 1 }
}

struct Reader<'a> {
    machine: &'a Machine,
    files: &'a dyn Files,
    faults: Faults,
}

impl Reader<'_> {
    fn file(&mut self, root: &Node, machine_name: &str) -> Vec<Case> {
        let Some(members) = self.faults.known(root, "a test file", &FILE_KEYS) else { return Vec::new() };
        let mut defaults =
            Defaults { context: Context::new(machine_name), seed: 0, mocks: Arc::default(), place: None };
        let mut cases: &[Node] = &[];
        let mut has_cases = false;
        for member in members {
            match &*member.key {
                "context" => defaults.context = self.context(&member.value, &defaults.context),
                "seed" => defaults.seed = self.faults.whole(&member.value, 0).unwrap_or(0).unsigned_abs(),
                "mocks" => {
                    defaults.mocks = Arc::new(self.mocks(&member.value));
                    defaults.place = Some(member.key_span);
                }
                "comment" => {
                    self.faults.text(&member.value);
                }
                "cases" => {
                    has_cases = true;
                    match member.value.items() {
                        Some([]) => {
                            self.faults.note(member.value.span, "\"cases\" is empty, so nothing is tested")
                        }
                        Some(items) => cases = items,
                        None => self.faults.note(
                            member.value.span,
                            format!("\"cases\" is an array, but this is {}", a(&member.value)),
                        ),
                    }
                }
                _ => {}
            }
        }
        if !has_cases {
            self.faults
                .note(Span { start: root.span.start, end: root.span.start + 1 }, "\"cases\" is missing");
        }
        let mut names = HashSet::new();
        let cases: Vec<Case> = cases.iter().filter_map(|node| self.case(node, &defaults)).collect();
        for case in &cases {
            if !names.insert(case.name.clone()) {
                self.faults.note(case.span, format!("there are two cases with the name {:?}", &*case.name));
            }
        }
        cases
    }

    fn case(&mut self, node: &Node, defaults: &Defaults) -> Option<Case> {
        let members = self.faults.known(node, "a case", &CASE_KEYS)?;
        let mut name: Option<(Arc<str>, Span)> = None;
        let mut expect = None;
        let mut case = Case {
            name: "".into(),
            span: start(node.span),
            is_of_mock_file: false,
            skip: None,
            input: Payload::from_value(stepwell_json::Value::empty_object()),
            context: defaults.context.clone(),
            seed: defaults.seed,
            mocks: Mocks { file: defaults.mocks.clone(), place: defaults.place, ..Mocks::default() },
            expectation: Expectation::success(start(node.span)),
        };
        for member in members {
            let value = &member.value;
            match &*member.key {
                "name" => name = self.faults.text(value).map(|text| (text.clone(), value.span)),
                "comment" => {
                    self.faults.text(value);
                }
                "skip" => case.skip = self.faults.text(value).map(|text| text.to_string()),
                "input" => case.input = Payload::from_value(value.to_value()),
                "inputFile" => {
                    if node.get("input").is_some() {
                        self.faults.note(member.key_span, "a case has \"input\" or \"inputFile\", not both");
                    }
                    if let Some(path) = self.faults.text(value) {
                        match self.files.input(path) {
                            Ok(input) => case.input = input,
                            Err(why) => self.faults.note(value.span, why),
                        }
                    }
                }
                "context" => case.context = self.context(value, &defaults.context),
                "seed" => case.seed = self.faults.whole(value, 0).unwrap_or(0).unsigned_abs(),
                "mockCase" => {
                    if let Some(name) = self.faults.text(value) {
                        match self.files.mock_case(name) {
                            Ok(mocks) => {
                                for state in mocks.states() {
                                    self.task(state, value.span);
                                }
                                case.mocks.mock_case = Some(mocks);
                            }
                            Err(why) => self.faults.note(value.span, why),
                        }
                    }
                }
                "mocks" => {
                    case.mocks.case = self.mocks(value);
                    case.mocks.place = Some(member.key_span);
                }
                "expect" => expect = Some(value),
                _ => {}
            }
        }
        if let Some(expect) = expect {
            case.expectation = self.expectation(expect);
        }
        let Some((name, span)) = name else {
            if node.get("name").is_none() {
                self.faults.note(case.span, "a case needs a \"name\"");
            }
            return None;
        };
        if name.trim().is_empty() {
            self.faults.note(span, "the name of a case must say something");
        }
        case.name = name;
        case.span = span;
        Some(case)
    }

    fn context(&mut self, node: &Node, defaults: &Context) -> Context {
        let mut context = defaults.clone();
        for member in self.faults.known(node, "\"context\"", &CONTEXT_KEYS).unwrap_or_default() {
            let Some(text) = self.faults.text(&member.value) else { continue };
            match &*member.key {
                "executionName" => context.execution_name = text.clone(),
                "stateMachineName" => context.state_machine_name = text.clone(),
                "roleArn" => context.role_arn = text.clone(),
                "account" => context.account = text.clone(),
                "region" => context.region = text.clone(),
                "startTime" => match stepwell_asl::timestamp::parse(text) {
                    Some(instant) => context.start_time = Timestamp(instant.seconds().saturating_mul(1000)),
                    None => self
                        .faults
                        .note(member.value.span, "\"startTime\" is a time such as 2025-01-31T09:00:00Z"),
                },
                _ => {}
            }
        }
        context
    }

    /// The state of a name, and a problem if there is none.
    fn state(&mut self, name: &str, span: Span) -> Option<StateIndex> {
        let found = self.machine.find(name);
        if found.is_none() {
            let message = format!("the definition has no state {name:?}");
            self.faults.suggest(span, message, self.machine.nearest(name));
        }
        found
    }

    /// The Task state of a name, and a problem if there is none.
    fn task(&mut self, name: &str, span: Span) -> Option<StateIndex> {
        let index = self.state(name, span)?;
        match self.machine.program.get(index) {
            Some(State { kind: StateKind::Task(_), .. }) => Some(index),
            other => {
                let kind = other.map_or("state", State::type_name);
                self.faults.note(span, format!("{name} is a {kind} state; only Task states make calls"));
                None
            }
        }
    }
}

/// What a test file says for all its cases.
struct Defaults {
    context: Context,
    seed: u64,
    mocks: Arc<HashMap<StateIndex, Arc<Mock>>>,
    place: Option<Span>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_has_the_members_that_are_read() {
        let schema = stepwell_json::parse(crate::SCHEMA).expect("the schema is JSON");
        let definitions = schema.get("definitions").expect("definitions");
        for (name, object, keys) in [
            ("the file", Some(&schema), &FILE_KEYS[..]),
            ("case", definitions.get("case"), &CASE_KEYS),
            ("context", definitions.get("context"), &CONTEXT_KEYS),
            ("answer", definitions.get("answer"), &mocks::ANSWER_KEYS),
            ("expect", definitions.get("expect"), &expectation::EXPECT_KEYS),
            ("call", definitions.get("call"), &expectation::CALL_KEYS),
        ] {
            let properties = object.and_then(|object| object.get("properties"));
            let members = properties.and_then(|properties| properties.as_object()).expect(name);
            let mut members: Vec<&str> = members.keys().map(|key| &**key).collect();
            let mut keys = keys.to_vec();
            members.sort_unstable();
            keys.sort_unstable();
            assert_eq!(members, keys, "{name}");
        }
    }
}
