//! What a test file says, with names found and defaults filled in.

use std::{collections::HashMap, fmt, sync::Arc};

use stepwell_asl::MachineType;
use stepwell_interpreter::{ErrorOutput, Text, Timestamp, event::StateIndex};
use stepwell_json::{Payload, Value, spanned::Span};
use stepwell_mock::TestCase;

use crate::path::Step;

/// When executions start unless a test says otherwise: 2025-01-01T00:00:00Z.
pub const START_TIME: Timestamp = Timestamp(1_735_689_600_000);

/// Something and where it stands in the test file.
#[derive(Debug, Clone)]
pub struct Spanned<T> {
    /// What it is.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

/// The cases of one test file.
#[derive(Debug)]
pub struct Suite {
    /// Standard or Express.
    pub machine_type: MachineType,
    /// The cases, in their order.
    pub cases: Vec<Case>,
}

/// One execution and what is expected of it.
#[derive(Debug)]
pub struct Case {
    /// Its name, unique in the file.
    pub name: Arc<str>,
    /// Where it stands.
    pub span: Span,
    /// Whether it stands in a mock file rather than in a test file.
    pub is_of_mock_file: bool,
    /// Why it is not run.
    pub skip: Option<String>,
    /// The execution's input.
    pub input: Payload,
    /// What the context object shows.
    pub context: Context,
    /// Seed of the execution's random numbers.
    pub seed: u64,
    /// What tasks answer.
    pub mocks: Mocks,
    /// What is expected.
    pub expectation: Expectation,
}

/// What the context object of an execution shows.
#[derive(Debug, Clone)]
pub struct Context {
    /// Name of the execution.
    pub execution_name: Arc<str>,
    /// Name of the state machine.
    pub state_machine_name: Arc<str>,
    /// ARN of its role.
    pub role_arn: Arc<str>,
    /// Account in the ARNs.
    pub account: Arc<str>,
    /// Region in the ARNs.
    pub region: Arc<str>,
    /// When it starts.
    pub start_time: Timestamp,
}

impl Context {
    /// The context of a machine of this name for which a test sets nothing.
    #[must_use]
    pub fn new(state_machine_name: &str) -> Self {
        Self {
            execution_name: "test".into(),
            state_machine_name: state_machine_name.into(),
            role_arn: "arn:aws:iam::000000000000:role/test".into(),
            account: "000000000000".into(),
            region: "us-east-1".into(),
            start_time: START_TIME,
        }
    }
}

/// What tasks answer: the case's own mocks go before those of its case in a mock file, which go before those of the
/// whole test file.
#[derive(Debug, Default, Clone)]
pub struct Mocks {
    /// Of the case.
    pub case: HashMap<StateIndex, Arc<Mock>>,
    /// Of a case of a `MockConfigFile.json`.
    pub mock_case: Option<Arc<TestCase>>,
    /// Of the test file.
    pub file: Arc<HashMap<StateIndex, Arc<Mock>>>,
    /// Where another mock can be written; for messages.
    pub place: Option<Span>,
}

/// What one Task state answers.
#[derive(Debug)]
pub struct Mock {
    /// The answers, tried in order.
    pub answers: Vec<Answer>,
    /// Where it stands.
    pub span: Span,
}

/// One answer: for which calls, and what.
#[derive(Debug)]
pub struct Answer {
    /// The items of the innermost Map state around the task, first and last, that it is for.
    pub items: Option<(u32, u32)>,
    /// The attempts, first and last, from 0, within one visit of the state, that it is for.
    pub attempts: Option<(u32, u32)>,
    /// What the parameters must have in them.
    pub when: Option<Value>,
    /// How many calls it answers; none: all that it is for.
    pub times: Option<u32>,
    /// What happens.
    pub outcome: Outcome,
    /// Milliseconds until it does.
    pub after_ms: i64,
    /// Signs of life until then.
    pub heartbeats: Option<Heartbeats>,
    /// Where it stands.
    pub span: Span,
}

/// What becomes of a mocked call.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The task succeeds with this result.
    Result(Payload),
    /// The task fails.
    Failure(ErrorOutput),
    /// It is never answered.
    Never,
}

/// Signs of life of a worker.
#[derive(Debug, Clone, Copy)]
pub struct Heartbeats {
    /// Milliseconds between two.
    pub every_ms: i64,
    /// Milliseconds after the start until the last; none: until the answer.
    pub until_ms: Option<i64>,
}

/// How an execution should end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedStatus {
    /// `SUCCEEDED`
    Succeeded,
    /// `FAILED`
    Failed,
    /// `TIMED_OUT`
    TimedOut,
}

impl Case {
    /// A case of a mock file: it passes when the execution succeeds. `span` is its place in the mock file.
    #[must_use]
    pub fn of_mock_file(name: &str, span: Span, mocks: Arc<TestCase>, state_machine_name: &str) -> Self {
        Self {
            name: name.into(),
            span,
            is_of_mock_file: true,
            skip: None,
            input: Payload::from_value(Value::empty_object()),
            context: Context::new(state_machine_name),
            seed: 0,
            mocks: Mocks { mock_case: Some(mocks), ..Mocks::default() },
            expectation: Expectation::success(span),
        }
    }
}

impl Expectation {
    /// What is expected of a case that says nothing: that it succeeds.
    #[must_use]
    pub fn success(span: Span) -> Self {
        Self {
            span,
            status: Spanned { value: ExpectedStatus::Succeeded, span },
            output: Vec::new(),
            error: None,
            cause: None,
            cause_contains: None,
            path: None,
            calls: Vec::new(),
            variables: Vec::new(),
            duration_ms: None,
        }
    }
}

impl fmt::Display for ExpectedStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
        })
    }
}

/// A value to be found, whole or in part.
#[derive(Debug, Clone)]
pub struct Matcher {
    /// The value.
    pub value: Value,
    /// Whether members that are not named here are allowed, at any depth.
    pub is_partial: bool,
}

/// What is expected of an execution. What is not set is not looked at.
#[derive(Debug)]
pub struct Expectation {
    /// Where it stands.
    pub span: Span,
    /// How it ends.
    pub status: Spanned<ExpectedStatus>,
    /// Its output.
    pub output: Vec<Spanned<Matcher>>,
    /// Its error.
    pub error: Option<Spanned<Text>>,
    /// Its cause; an object or array is compared with the JSON that the cause holds.
    pub cause: Option<Spanned<Value>>,
    /// A part of its cause.
    pub cause_contains: Option<Spanned<Text>>,
    /// The states that it enters.
    pub path: Option<Spanned<Vec<Step>>>,
    /// The calls that tasks make, by state.
    pub calls: Vec<Spanned<(StateIndex, Calls)>>,
    /// Variables at the end, by name without `$`.
    pub variables: Vec<Spanned<(Arc<str>, Value)>>,
    /// Virtual milliseconds from start to end.
    pub duration_ms: Option<Spanned<i64>>,
}

/// The calls of one state.
#[derive(Debug)]
pub enum Calls {
    /// So many.
    Count(u64),
    /// These, in order.
    List(Vec<Spanned<ExpectedCall>>),
}

/// What one call sends.
#[derive(Debug, Default)]
pub struct ExpectedCall {
    /// All of it, or parts.
    pub parameters: Vec<Matcher>,
}
