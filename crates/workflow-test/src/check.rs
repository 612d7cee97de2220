//! What came of a case against what was expected of it.

use std::sync::Arc;

use stepwell_asl::Resource;
use stepwell_interpreter::{
    Status,
    event::StateIndex,
    program::{StateKind, TaskState},
};
use stepwell_json::{Array, Object, Value, spanned::Span};

use crate::{
    case::{Calls, Case, Expectation, ExpectedCall, ExpectedStatus, Spanned},
    compare::{Difference, compare, shorten},
    machine::Machine,
    path::{Divergence, divergence, path_text},
    run::{Call, Missing, Ran, Stop},
    trail::{Chain, Visit},
};

/// Characters of a cause or a value in a message.
const SHOWN_CHARACTERS: usize = 400;

/// One expectation that was not met, or why the case did not come to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Mismatch {
    /// What was looked at: `status`, `output`, `calls of ChargeCard`, …
    pub field: String,
    /// Where the expectation stands in the test file.
    pub span: Option<Span>,
    /// What is wrong, in one line.
    pub message: String,
    /// What differs within the value.
    pub differences: Vec<Difference>,
    /// More lines.
    pub notes: Vec<String>,
}

impl Mismatch {
    fn new(field: impl Into<String>, span: Span, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            span: Some(span),
            message: message.into(),
            differences: Vec::new(),
            notes: Vec::new(),
        }
    }
}

/// The word of the API for a status.
#[must_use]
pub fn status_text(status: Status) -> &'static str {
    match status {
        Status::New | Status::Running => "RUNNING",
        Status::Succeeded => "SUCCEEDED",
        Status::Failed => "FAILED",
        Status::TimedOut => "TIMED_OUT",
        Status::Aborted => "ABORTED",
    }
}

/// What is not as expected; nothing: the case has passed.
#[must_use]
pub fn check(machine: &Machine, case: &Case, ran: &Ran) -> Vec<Mismatch> {
    if let Some(stop) = &ran.stop {
        return vec![stopped(machine, case, ran, stop)];
    }
    let mut checker = Checker { machine, ran, mismatches: Vec::new() };
    checker.expectation(&case.expectation);
    checker.mismatches
}

fn stopped(machine: &Machine, case: &Case, ran: &Ran, stop: &Stop) -> Mismatch {
    let mut notes = vec![format!("path so far: {}", path_text(machine, &ran.path))];
    match stop {
        Stop::NotMocked { state, parameters, item, attempt, missing } => {
            let name = machine.name(*state);
            let number = ran.calls.iter().filter(|call| call.state == *state).count();
            let mut which = format!("call {number} of {name}");
            if let Some(item) = item {
                which.push_str(&format!(", item {item}"));
            }
            if *attempt > 0 {
                which.push_str(&format!(", attempt {attempt}"));
            }
            let key = Value::from(name).to_text();
            let answer = example_answer(machine, *state);
            let (span, why, hint) = match missing {
                Missing::Mock(Some(mocks)) => {
                    (*mocks, "no mock answers it".to_owned(), format!("add to \"mocks\": {key}: {answer}"))
                }
                Missing::Mock(None) if case.is_of_mock_file => {
                    let hint = format!("add to the test case: {key}: \"NAME\", with a response of that name");
                    (case.span, "no mock answers it".to_owned(), hint)
                }
                Missing::Mock(None) => {
                    let hint = format!("add to the case: \"mocks\": {{{key}: {answer}}}");
                    (case.span, "no mock answers it".to_owned(), hint)
                }
                Missing::Answer(mock, count) => {
                    let why = match count {
                        1 => "the one answer of its mock is used up or is for other calls".to_owned(),
                        _ => format!("the {count} answers of its mock are used up or are for other calls"),
                    };
                    (*mock, why, format!("add to the answers of {key}: {answer}"))
                }
                Missing::Response(name, count) => {
                    let plural = if *count == 1 { "" } else { "s" };
                    let why = format!("the mocked response {name} answers {count} call{plural}");
                    (
                        case.span,
                        why,
                        format!("add to \"{name}\" in the mock file: \"{count}\": {{\"Return\": …}}"),
                    )
                }
            };
            notes.push(format!("parameters: {}", shorten(&parameters.to_text(), SHOWN_CHARACTERS)));
            notes.push(hint);
            Mismatch {
                notes,
                ..Mismatch::new("mocks", span, format!("{name} was called, but {why} ({which})"))
            }
        }
        Stop::Endless { limit, last } => {
            let names: Vec<&str> = last.iter().map(|state| machine.name(*state)).collect();
            notes = vec![format!("the last states: {}", names.join(" → "))];
            let message = format!("the execution did not end within {limit}");
            Mismatch { notes, ..Mismatch::new("execution", case.span, message) }
        }
        Stop::Stuck => {
            let message = "nothing is left to happen, but the execution has not ended: a bug of Stepwell";
            Mismatch { notes, ..Mismatch::new("execution", case.span, message) }
        }
    }
}

/// An answer that a mock of the state could have.
fn example_answer(machine: &Machine, state: StateIndex) -> &'static str {
    match machine.program.get(state).map(|state| &state.kind) {
        Some(StateKind::Task(task)) if answers_with_payload(task) => "{\"payload\": …}",
        _ => "{\"result\": …}",
    }
}

/// Whether the result of a task has the answer of a function as its Payload.
pub(crate) fn answers_with_payload(task: &TaskState) -> bool {
    matches!(task.resource, Resource::LambdaInvoke { wait_for_token: false })
}

struct Checker<'a> {
    machine: &'a Machine,
    ran: &'a Ran,
    mismatches: Vec<Mismatch>,
}

impl Checker<'_> {
    fn expectation(&mut self, expectation: &Expectation) {
        let ended_as_expected = self.status(expectation);
        if ended_as_expected {
            self.output(expectation);
            self.failure(expectation);
        }
        if let Some(path) = &expectation.path
            && let Some(found) = divergence(self.machine, &path.value, &self.ran.path)
        {
            self.path(path.span, &found);
        }
        for calls in &expectation.calls {
            self.calls(calls);
        }
        for variable in &expectation.variables {
            self.variable(variable);
        }
        if let Some(expected) = &expectation.duration_ms
            && expected.value != self.ran.duration_ms
        {
            let message = format!(
                "expected {}, but the execution took {} of virtual time",
                seconds(expected.value),
                seconds(self.ran.duration_ms)
            );
            self.mismatches.push(Mismatch::new("durationSeconds", expected.span, message));
        }
    }

    fn status(&mut self, expectation: &Expectation) -> bool {
        let expected = &expectation.status;
        let actual = self.ran.status;
        let is_equal = match expected.value {
            ExpectedStatus::Succeeded => actual == Status::Succeeded,
            ExpectedStatus::Failed => actual == Status::Failed,
            ExpectedStatus::TimedOut => actual == Status::TimedOut,
        };
        if is_equal {
            return true;
        }
        let mut message = format!("expected {}, but it is {}", expected.value, status_text(actual));
        if let Some(error) = &self.ran.error {
            message.push_str(&format!(", error {error}"));
        }
        let mut mismatch = Mismatch::new("status", expected.span, message);
        if let Some(cause) = &self.ran.cause {
            mismatch.notes.push(format!("cause: {}", shorten(cause, SHOWN_CHARACTERS)));
        }
        if let Some(output) = &self.ran.output {
            mismatch.notes.push(format!("output: {}", shorten(&output.to_text(), SHOWN_CHARACTERS)));
        }
        mismatch.notes.push(format!("path: {}", path_text(self.machine, &self.ran.path)));
        if self.ran.duration_ms > 0 {
            mismatch.notes.push(format!("after {} of virtual time", seconds(self.ran.duration_ms)));
        }
        self.mismatches.push(mismatch);
        false
    }

    fn output(&mut self, expectation: &Expectation) {
        for expected in &expectation.output {
            let field = if expected.value.is_partial { "outputContains" } else { "output" };
            let Some(actual) = &self.ran.output else {
                let message = "the execution has no output";
                self.mismatches.push(Mismatch::new(field, expected.span, message));
                continue;
            };
            let differences = compare(&expected.value.value, actual, expected.value.is_partial);
            self.differences(field, expected.span, differences);
        }
    }

    fn failure(&mut self, expectation: &Expectation) {
        let (error, cause) = (self.ran.error.as_deref(), self.ran.cause.as_deref());
        let shown =
            |text: Option<&str>| text.map_or("there is none".to_owned(), |text| format!("it is {text}"));
        if let Some(expected) = &expectation.error
            && error != Some(&*expected.value)
        {
            let message = format!("expected {}, but {}", expected.value, shown(error));
            let mut mismatch = Mismatch::new("error", expected.span, message);
            let cause = cause.map(|cause| format!("cause: {}", shorten(cause, SHOWN_CHARACTERS)));
            mismatch.notes.extend(cause);
            self.mismatches.push(mismatch);
        }
        if let Some(expected) = &expectation.cause {
            let actual = match &expected.value {
                Value::String(_) => cause.map(Value::from),
                // A Lambda function's cause is the text of an object.
                _ => cause.and_then(|cause| stepwell_json::parse(cause).ok()),
            };
            match actual {
                Some(actual) => {
                    let differences = compare(&expected.value, &actual, false);
                    self.differences("cause", expected.span, differences);
                }
                None => {
                    let cause = cause.map(|cause| shorten(cause, SHOWN_CHARACTERS));
                    let message = format!("expected {}, but {}", expected.value, shown(cause.as_deref()));
                    self.mismatches.push(Mismatch::new("cause", expected.span, message));
                }
            }
        }
        if let Some(expected) = &expectation.cause_contains
            && !cause.is_some_and(|cause| cause.contains(&*expected.value))
        {
            let cause = cause.map(|cause| shorten(cause, SHOWN_CHARACTERS));
            let message = format!("expected {:?} in it, but {}", &*expected.value, shown(cause.as_deref()));
            self.mismatches.push(Mismatch::new("causeContains", expected.span, message));
        }
    }

    fn differences(&mut self, field: impl Into<String>, span: Span, differences: Vec<Difference>) {
        if differences.is_empty() {
            return;
        }
        let message = match differences.len() {
            1 => "1 difference".to_owned(),
            count => format!("{count} differences"),
        };
        self.mismatches.push(Mismatch { differences, ..Mismatch::new(field, span, message) });
    }

    fn path(&mut self, span: Span, found: &Divergence) {
        let mut chain = &self.ran.path;
        let mut place = String::new();
        for (state, index) in &found.within {
            place.push_str(&format!(" in {}[{index}]", self.machine.name(*state)));
            let visit = chain.iter().find(|visit| visit.state == *state);
            let inner = visit.and_then(|visit| visit.children.iter().find(|(known, _)| known == index));
            match inner {
                Some((_, inner)) => chain = inner,
                None => break,
            }
        }
        let expected = match found.expected.split_last() {
            None => "nothing more".to_owned(),
            Some((only, [])) => only.clone(),
            Some((last, others)) => format!("{} or {last}", others.join(", ")),
        };
        let message = match (&found.note, found.actual, found.matched) {
            (Some(note), ..) => note.clone(),
            (None, Some(actual), 0) => {
                format!("expected {expected} first{place}, but {} came", self.machine.name(actual))
            }
            (None, Some(actual), matched) => {
                let before = chain.get(matched - 1).map_or("", |visit| self.machine.name(visit.state));
                format!(
                    "expected {expected} after {before}{place}, but {} came (step {})",
                    self.machine.name(actual),
                    matched + 1
                )
            }
            (None, None, 0) => format!("expected {expected}{place}, but no state was entered there"),
            (None, None, matched) => {
                let last = chain.get(matched - 1).map_or("", |visit| self.machine.name(visit.state));
                format!("expected {expected} after {last}{place}, but the path ends there")
            }
        };
        let mut mismatch = Mismatch::new("path", span, message);
        mismatch.notes.push(format!("path{place}: {}", path_text(self.machine, chain)));
        self.mismatches.push(mismatch);
    }

    fn calls(&mut self, expected: &Spanned<(StateIndex, Calls)>) {
        let (state, calls) = &expected.value;
        let field = format!("calls of {}", self.machine.name(*state));
        let made: Vec<&Call> = self.ran.calls.iter().filter(|call| call.state == *state).collect();
        let count = match calls {
            Calls::Count(count) => *count,
            Calls::List(list) => list.len() as u64,
        };
        if count != made.len() as u64 {
            let message = format!("expected {}, but {} made", times(count), was(made.len() as u64));
            let mut mismatch = Mismatch::new(&field, expected.span, message);
            for (number, call) in made.iter().enumerate().take(5) {
                let parameters = shorten(&call.parameters.to_text(), 160);
                mismatch.notes.push(format!("call {}: {parameters}", number + 1));
            }
            self.mismatches.push(mismatch);
        }
        if let Calls::List(list) = calls {
            for (number, (expected, call)) in list.iter().zip(made).enumerate() {
                self.call(format!("call {} of {}", number + 1, self.machine.name(*state)), expected, call);
            }
        }
    }

    fn call(&mut self, field: String, expected: &Spanned<ExpectedCall>, call: &Call) {
        for matcher in &expected.value.parameters {
            let differences = compare(&matcher.value, &call.parameters, matcher.is_partial);
            self.differences(&field, expected.span, differences);
        }
    }

    fn variable(&mut self, expected: &Spanned<(Arc<str>, Value)>) {
        let (name, value) = &expected.value;
        let field = format!("variables/{name}");
        match self.ran.variables.get(name) {
            Some(actual) => self.differences(field, expected.span, compare(value, actual, false)),
            None => {
                let message = format!("no state of the outermost level assigned ${name}");
                self.mismatches.push(Mismatch::new(field, expected.span, message));
            }
        }
    }
}

fn times(count: u64) -> String {
    match count {
        0 => "none".to_owned(),
        1 => "1 call".to_owned(),
        _ => format!("{count} calls"),
    }
}

fn was(count: u64) -> String {
    match count {
        0 => "none was".to_owned(),
        1 => "1 was".to_owned(),
        _ => format!("{count} were"),
    }
}

/// Milliseconds as seconds: `1.5 s`.
fn seconds(millis: i64) -> String {
    if millis % 1000 == 0 { format!("{} s", millis / 1000) } else { format!("{} s", millis as f64 / 1000.0) }
}

/// A path in the form of test files.
#[must_use]
pub fn path_value(machine: &Machine, chain: &Chain) -> Value {
    let visit = |visit: &Visit| {
        let name = machine.name(visit.state);
        if visit.children.is_empty() {
            return Value::from(name);
        }
        let are_all_there = visit.children.iter().enumerate().all(|(at, (index, _))| at == *index as usize);
        let inner = if are_all_there {
            let chains = visit.children.iter().map(|(_, chain)| path_value(machine, chain));
            Value::Array(Array::new(chains.collect()))
        } else {
            let entries = visit.children.iter();
            let entries =
                entries.map(|(index, chain)| (index.to_string().into(), path_value(machine, chain)));
            Value::Object(Object::from_entries(entries.collect()))
        };
        Value::Object(Object::from_entries(vec![(name.into(), inner)]))
    };
    Value::Array(Array::new(chain.iter().map(visit).collect()))
}
