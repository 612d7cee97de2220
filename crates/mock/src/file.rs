//! A mock file that was read, and how answers are looked up in it.

use std::{collections::HashMap, sync::Arc};

use stepwell_asl::{Resource, nearest};
use stepwell_json::Payload;

use crate::{fault::Fault, parse};

/// A mock file without faults.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MockFile {
    /// By state machine name, then by the name of the case.
    pub(crate) machines: HashMap<Arc<str>, HashMap<Arc<str>, Arc<TestCase>>>,
}

/// Which states of a machine are mocked, and what they answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TestCase {
    /// By the name of the Task state, in whatever branch or iteration it is.
    pub(crate) states: HashMap<Arc<str>, Arc<Responses>>,
}

/// One entry of `MockedResponses`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Responses {
    pub(crate) name: Arc<str>,
    /// The last invocation that each answer is for, ascending; the first one begins at 0, and there are no gaps.
    pub(crate) answers: Vec<(u32, Answer)>,
}

/// What one invocation of a mocked state gives.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// `Return`: the task succeeds with this result.
    Return(Payload),
    /// `Throw`: the task fails.
    Throw {
        /// Error name.
        error: Arc<str>,
        /// Cause.
        cause: Arc<str>,
    },
}

/// The result that a task has for a mocked answer. A function that is named by its ARN gives its payload alone, while
/// mocks have Lambda's whole answer.
#[must_use]
pub fn result_of(resource: &Resource, answer: &Payload) -> Payload {
    let value = answer.value();
    match (resource, value.get("StatusCode"), value.get("Payload")) {
        (Resource::LambdaFunction { .. }, Some(_), Some(payload)) => Payload::from_value(payload.clone()),
        _ => answer.clone(),
    }
}

/// What a test case says of an invocation of a mocked state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Response<'a> {
    /// The answer.
    Answer(&'a Answer),
    /// The state was invoked more often than the file has answers for.
    Exhausted {
        /// Name of the response.
        response: &'a str,
        /// How many invocations it answers.
        answers: u64,
    },
}

/// Why a test case is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownCase {
    /// The file has no such machine.
    #[error("the mock file has no state machine named '{machine}'{hint}")]
    Machine {
        /// The name asked for.
        machine: String,
        /// What was perhaps meant.
        hint: String,
    },
    /// The machine has no such case.
    #[error("the mock file has no test case '{case}' for the state machine '{machine}'{hint}")]
    Case {
        /// The machine's name.
        machine: String,
        /// The name asked for.
        case: String,
        /// What was perhaps meant.
        hint: String,
    },
}

impl MockFile {
    /// Reads the text of a mock file.
    ///
    /// # Errors
    /// All [faults](Fault) that were found, in the order of the text; up to [`FAULTS_MAX`](crate::FAULTS_MAX).
    pub fn parse(text: &str) -> Result<Self, Vec<Fault>> {
        parse::parse(text)
    }

    /// A test case of a state machine.
    #[must_use]
    pub fn case(&self, machine: &str, case: &str) -> Option<&Arc<TestCase>> {
        self.machines.get(machine)?.get(case)
    }

    /// All test cases: the machine's name, the case's name and the case, in no order.
    pub fn cases(&self) -> impl Iterator<Item = (&str, &str, &Arc<TestCase>)> {
        self.machines
            .iter()
            .flat_map(|(machine, cases)| cases.iter().map(move |(name, case)| (&**machine, &**name, case)))
    }

    /// A test case of a state machine, or a text for people that says what is missing.
    ///
    /// # Errors
    /// [`UnknownCase`], with the nearest name that the file has.
    pub fn find(&self, machine: &str, case: &str) -> Result<&Arc<TestCase>, UnknownCase> {
        let Some(cases) = self.machines.get(machine) else {
            let hint = hint(machine, &self.machines);
            return Err(UnknownCase::Machine { machine: machine.to_owned(), hint });
        };
        cases.get(case).ok_or_else(|| UnknownCase::Case {
            machine: machine.to_owned(),
            case: case.to_owned(),
            hint: hint(case, cases),
        })
    }
}

impl TestCase {
    /// What invocation number `invocation` (from 0, retries included) of a state gives; none when the case does not
    /// mock the state.
    #[must_use]
    pub fn response(&self, state: &str, invocation: u32) -> Option<Response<'_>> {
        let responses = self.states.get(state)?;
        let at = responses.answers.partition_point(|(last, _)| *last < invocation);
        Some(match responses.answers.get(at) {
            Some((_, answer)) => Response::Answer(answer),
            None => Response::Exhausted {
                response: &responses.name,
                answers: responses.answers.last().map_or(0, |(last, _)| u64::from(*last) + 1),
            },
        })
    }

    /// Whether the case mocks a state.
    #[must_use]
    pub fn mocks(&self, state: &str) -> bool {
        self.states.contains_key(state)
    }

    /// The states that the case mocks, in no order.
    pub fn states(&self) -> impl Iterator<Item = &str> {
        self.states.keys().map(|name| &**name)
    }
}

/// ` (did you mean 'x'?)`, or the names there are where none is near and they are few.
fn hint<T>(wanted: &str, names: &HashMap<Arc<str>, T>) -> String {
    const NAMES_SHOWN_MAX: usize = 5;
    if let Some(near) = nearest(wanted, names.keys().map(|name| &**name)) {
        return format!(" (did you mean '{near}'?)");
    }
    let mut names: Vec<&str> = names.keys().map(|name| &**name).collect();
    if names.is_empty() || names.len() > NAMES_SHOWN_MAX {
        return String::new();
    }
    names.sort_unstable();
    format!(" (it has '{}')", names.join("', '"))
}
