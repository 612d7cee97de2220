//! From text to [`MockFile`]: every fault is found, each with its place.

use std::{collections::HashMap, sync::Arc};

use stepwell_asl::nearest;
use stepwell_json::{
    Payload,
    spanned::{self, LineIndex, Member, Node, Span},
    without_source,
};

use crate::{
    fault::{FAULTS_MAX, Fault},
    file::{Answer, MockFile, Responses, TestCase},
};

const MACHINES: &str = "StateMachines";
const RESPONSES: &str = "MockedResponses";
const CASES: &str = "TestCases";

pub(crate) fn parse(text: &str) -> Result<MockFile, Vec<Fault>> {
    if text.trim().is_empty() {
        let message = format!("the file is empty; a mock file is an object with '{MACHINES}'");
        return Err(vec![Fault { line: 1, column: 1, pointer: String::new(), message }]);
    }
    let (root, errors) = spanned::parse(text);
    // What is left of a broken text would give faults that are none.
    if !errors.is_empty() {
        let fault = |error: spanned::SyntaxError| Fault {
            line: error.line,
            column: error.column,
            pointer: String::new(),
            message: without_source(&error.message, text),
        };
        return Err(errors.into_iter().map(fault).collect());
    }
    let mut reader = Reader { lines: LineIndex::new(text), faults: Vec::new() };
    let file = root.map(|root| reader.file(&root)).unwrap_or_default();
    if reader.faults.is_empty() {
        return Ok(file);
    }
    reader.faults.sort_by_key(|fault| (fault.line, fault.column));
    Err(reader.faults)
}

struct Reader<'a> {
    lines: LineIndex<'a>,
    faults: Vec<Fault>,
}

/// Entries of `MockedResponses`; none where an entry has faults.
type Known = HashMap<Arc<str>, Option<Arc<Responses>>>;

/// A place in the file, as JSON pointer; made into text only when there is a fault.
#[derive(Clone, Copy)]
struct Place<'a> {
    around: Option<&'a Place<'a>>,
    key: &'a str,
}

impl<'a> Place<'a> {
    const ROOT: Place<'static> = Place { around: None, key: "" };

    fn at(&'a self, key: &'a str) -> Place<'a> {
        Place { around: Some(self), key }
    }

    fn pointer(&self) -> String {
        let Some(around) = self.around else { return String::new() };
        format!("{}/{}", around.pointer(), self.key.replace('~', "~0").replace('/', "~1"))
    }
}

impl Reader<'_> {
    fn fault(&mut self, span: Span, place: Place<'_>, message: impl Into<String>) {
        if self.faults.len() >= FAULTS_MAX {
            return;
        }
        let (line, column) = self.lines.line_and_column(span.start);
        self.faults.push(Fault { line, column, pointer: place.pointer(), message: message.into() });
    }

    /// The members of an object; a fault where the value is none, and one for each key that comes again.
    fn members<'n>(&mut self, node: &'n Node, place: Place<'_>, what: &str) -> &'n [Member] {
        let Some(members) = node.members() else {
            self.fault(node.span, place, format!("{what} must be an object, but is {}", a(node.type_name())));
            return &[];
        };
        for duplicate in node.duplicates() {
            let message = format!("'{}' is here twice", duplicate.key);
            self.fault(duplicate.key_span, place.at(&duplicate.key), message);
        }
        members
    }

    /// A fault for each member that has none of these names.
    fn known_only(&mut self, members: &[Member], place: Place<'_>, known: &[&str]) {
        for member in members.iter().filter(|member| !known.contains(&&*member.key)) {
            let message = match nearest(&member.key, known.iter().copied()) {
                Some(near) => format!("'{}' is not known here; did you mean '{near}'?", member.key),
                None => format!("'{}' is not known here; expected: {}", member.key, known.join(", ")),
            };
            self.fault(member.key_span, place.at(&member.key), message);
        }
    }

    fn file(&mut self, root: &Node) -> MockFile {
        let place = Place::ROOT;
        let members = self.members(root, place, "a mock file");
        if root.members().is_none() {
            return MockFile::default();
        }
        self.known_only(members, place, &[MACHINES, RESPONSES]);
        let mut known = Known::new();
        if let Some(responses) = root.get(RESPONSES) {
            let place = place.at(RESPONSES);
            for member in self.members(responses, place, RESPONSES) {
                let responses = self.responses(&member.key, &member.value, place.at(&member.key));
                known.insert(member.key.clone(), responses.map(Arc::new));
            }
        }
        let mut machines = HashMap::new();
        match root.get(MACHINES) {
            None => self.fault(root.span, place, format!("'{MACHINES}' is missing")),
            Some(node) => {
                let place = place.at(MACHINES);
                for member in self.members(node, place, MACHINES) {
                    let cases = self.machine(&member.value, place.at(&member.key), &known);
                    machines.insert(member.key.clone(), cases);
                }
            }
        }
        MockFile { machines }
    }

    fn machine(&mut self, node: &Node, place: Place<'_>, known: &Known) -> HashMap<Arc<str>, Arc<TestCase>> {
        let members = self.members(node, place, "a state machine");
        if node.members().is_none() {
            return HashMap::new();
        }
        self.known_only(members, place, &[CASES]);
        let Some(cases) = node.get(CASES) else {
            self.fault(node.span, place, format!("'{CASES}' is missing"));
            return HashMap::new();
        };
        let place = place.at(CASES);
        let mut found = HashMap::new();
        for member in self.members(cases, place, CASES) {
            let case = self.case(&member.value, place.at(&member.key), known);
            found.insert(member.key.clone(), Arc::new(case));
        }
        found
    }

    fn case(&mut self, node: &Node, place: Place<'_>, known: &Known) -> TestCase {
        let mut states = HashMap::new();
        for member in self.members(node, place, "a test case") {
            let place = place.at(&member.key);
            let Some(name) = member.value.as_str() else {
                let message = format!(
                    "a state is given the name of one of the {RESPONSES}, a string, but this is {}",
                    a(member.value.type_name())
                );
                self.fault(member.value.span, place, message);
                continue;
            };
            match known.get(name) {
                // Its own faults are told where it stands.
                Some(responses) => {
                    states.extend(responses.clone().map(|responses| (member.key.clone(), responses)));
                }
                None => {
                    let near = nearest(name, known.keys().map(|name| &**name));
                    let hint = near.map(|near| format!("; did you mean '{near}'?")).unwrap_or_default();
                    let message = format!("{RESPONSES} has no '{name}'{hint}");
                    self.fault(member.value.span, place, message);
                }
            }
        }
        TestCase { states }
    }

    fn responses(&mut self, name: &Arc<str>, node: &Node, place: Place<'_>) -> Option<Responses> {
        let faults_before = self.faults.len();
        let members = self.members(node, place, "a mocked response");
        let mut ranges = Vec::with_capacity(members.len());
        for member in members {
            let place = place.at(&member.key);
            let range = range(&member.key);
            if let Err(message) = &range {
                self.fault(member.key_span, place, message.clone());
            }
            let answer = self.answer(&member.value, place);
            if let (Ok(range), Some(answer)) = (range, answer) {
                ranges.push((range, member, answer));
            }
        }
        if self.faults.len() > faults_before {
            return None;
        }
        if ranges.is_empty() {
            self.fault(node.span, place, "a mocked response must answer at least invocation \"0\"");
            return None;
        }
        ranges.sort_by_key(|((first, _), ..)| *first);
        let mut next = 0_u64;
        for ((first, last), member, _) in &ranges {
            let first = u64::from(*first);
            if first != next {
                let message = if first < next {
                    format!(
                        "invocation {first} is answered twice: by \"{}\" and by a range before it",
                        member.key
                    )
                } else {
                    format!(
                        "invocations are numbered from 0 without gaps, but nothing answers {} before \"{}\"",
                        if first - next == 1 {
                            format!("{next}")
                        } else {
                            format!("{next} to {}", first - 1)
                        },
                        member.key
                    )
                };
                self.fault(member.key_span, place.at(&member.key), message);
            }
            next = next.max(u64::from(*last) + 1);
        }
        let answers = ranges.into_iter().map(|((_, last), _, answer)| (last, answer)).collect();
        (self.faults.len() == faults_before).then(|| Responses { name: name.clone(), answers })
    }

    fn answer(&mut self, node: &Node, place: Place<'_>) -> Option<Answer> {
        let members = self.members(node, place, "an answer");
        node.members()?;
        self.known_only(members, place, &["Return", "Throw"]);
        match (node.get("Return"), node.get("Throw")) {
            (Some(value), None) => Some(Answer::Return(Payload::from_value(value.to_value()))),
            (None, Some(throw)) => self.throw(throw, place.at("Throw")),
            (Some(_), Some(_)) => {
                self.fault(node.span, place, "an answer has either 'Return' or 'Throw', not both");
                None
            }
            (None, None) => {
                self.fault(node.span, place, "an answer needs 'Return' or 'Throw'");
                None
            }
        }
    }

    fn throw(&mut self, node: &Node, place: Place<'_>) -> Option<Answer> {
        let members = self.members(node, place, "'Throw'");
        node.members()?;
        self.known_only(members, place, &["Error", "Cause"]);
        let mut text = |name: &'static str| match node.get(name) {
            None => {
                self.fault(node.span, place, format!("'Throw' needs '{name}', a string"));
                None
            }
            Some(value) => {
                let text = value.as_str();
                if text.is_none() {
                    let message = format!("'{name}' must be a string, but is {}", a(value.type_name()));
                    self.fault(value.span, place.at(name), message);
                }
                text.map(Arc::from)
            }
        };
        let (error, cause) = (text("Error"), text("Cause"));
        Some(Answer::Throw { error: error?, cause: cause? })
    }
}

/// The invocations that a key names: `0`, or `1-3` with both ends.
fn range(key: &str) -> Result<(u32, u32), String> {
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<u32>().ok()).flatten()
    };
    let (first, last) = key.split_once('-').unwrap_or((key, key));
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => Ok((first, last)),
        (Some(_), Some(_)) => Err(format!("the range \"{key}\" ends before it begins")),
        _ => Err(format!("\"{key}\" is not an invocation number such as \"0\" or a range such as \"1-3\"")),
    }
}

fn a(type_name: &str) -> String {
    match type_name {
        "null" => "null".to_owned(),
        "array" | "object" => format!("an {type_name}"),
        _ => format!("a {type_name}"),
    }
}
