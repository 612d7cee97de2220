//! The definition model: what a valid Amazon States Language text means, field by field.
//!
//! States keep document order and nothing is looked up by name while running: `Next` targets are kept as
//! written, and the interpreter turns them into positions. Everything that can be compiled from text (paths,
//! payload templates, intrinsic functions, timestamps) is compiled here, once.

use std::ops::Range;
use std::sync::Arc;

use stepwell_json::Value;
use stepwell_jsonpath::{Path, ReferencePath};

use crate::choice::ChoiceRule;
use crate::expression::Expression;
use crate::jsonata::JsonataTemplate;
pub use crate::resource::{InvocationPattern, Resource};
use crate::template::Template;
use crate::timestamp::Instant;

/// The largest `TimeoutSeconds`, `HeartbeatSeconds`, `Seconds` and `IntervalSeconds`.
pub const SECONDS_MAX: i64 = 99_999_999;

/// A whole state machine.
#[derive(Debug, Clone)]
pub struct Definition {
    /// Name of the first state; it is in `states`.
    pub start_at: Arc<str>,
    /// The top-level states in document order. Never empty.
    pub states: Vec<State>,
    /// Budget of the whole execution in seconds (`TimeoutSeconds`); none when absent.
    pub timeout_seconds: Option<u32>,
    /// `Comment`.
    pub comment: Option<String>,
    /// `Version`; only `1.0` exists.
    pub version: Option<String>,
    /// `QueryLanguage` of the machine.
    pub query_language: QueryLanguage,
}

/// A branch of a Parallel state, or the processor of a Map state: a machine within the machine.
#[derive(Debug, Clone)]
pub struct SubMachine {
    /// Name of the first state; it is in `states`.
    pub start_at: Arc<str>,
    /// The states in document order. Never empty.
    pub states: Vec<State>,
    /// `Comment`.
    pub comment: Option<String>,
}

/// The language in which a state selects and transforms data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QueryLanguage {
    /// Paths, payload templates and intrinsic functions.
    #[default]
    JsonPath,
    /// JSONata expressions.
    Jsonata,
}

/// One state, with the fields that most types share.
#[derive(Debug, Clone)]
pub struct State {
    /// The state's name, unique in the whole machine.
    pub name: Arc<str>,
    /// `Comment`.
    pub comment: Option<String>,
    /// What it does with its data.
    pub flow: DataFlow,
    /// What is particular to the type.
    pub kind: StateKind,
    /// Bytes of the state's object in the definition text.
    pub span: Range<usize>,
}

impl State {
    /// The value of `Type`, as in the names of history events.
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            StateKind::Task(_) => "Task",
            StateKind::Pass(_) => "Pass",
            StateKind::Choice(_) => "Choice",
            StateKind::Wait(_) => "Wait",
            StateKind::Succeed(_) => "Succeed",
            StateKind::Fail(_) => "Fail",
            StateKind::Parallel(_) => "Parallel",
            StateKind::Map(_) => "Map",
        }
    }
}

/// What a state does with its data, in its query language.
#[derive(Debug, Clone)]
pub enum DataFlow {
    /// In a JSONPath state.
    JsonPath(Box<JsonPathFlow>),
    /// In a JSONata state.
    Jsonata(Box<JsonataFlow>),
}

/// The way of data through a JSONPath state, in the order of the fields. A field that the state's type does not
/// have is absent.
#[derive(Debug, Clone, Default)]
pub struct JsonPathFlow {
    /// `InputPath`; absent means `$`.
    pub input_path: Option<PathOrNull>,
    /// `Parameters` over the effective input; absent means the effective input. (A Map's is its `item_selector`.)
    pub parameters: Option<Template>,
    /// `ResultSelector`, over the raw result.
    pub result_selector: Option<Template>,
    /// `ResultPath`.
    pub result_path: ResultPath,
    /// `OutputPath`; absent means `$`.
    pub output_path: Option<PathOrNull>,
    /// `Assign`: variable names at the top. On a Choice it counts only when `Default` is taken.
    pub assign: Option<Template>,
}

/// The way of data through a JSONata state. A field that the state's type does not have is absent.
#[derive(Debug, Clone, Default)]
pub struct JsonataFlow {
    /// `Arguments`; absent means the input.
    pub arguments: Option<JsonataTemplate>,
    /// `Output` and `Assign` of the state itself. On a Choice they count only when `Default` is taken.
    pub exit: JsonataExit,
}

/// What leaves a JSONata state, by the state itself, a Choice rule or a catcher.
#[derive(Debug, Clone, Default)]
pub struct JsonataExit {
    /// `Output`; absent means the result, the error output or the input.
    pub output: Option<JsonataTemplate>,
    /// `Assign`: variable names at the top. It sees the same data as `Output`.
    pub assign: Option<JsonataTemplate>,
}

/// The eight state types.
#[derive(Debug, Clone)]
pub enum StateKind {
    /// Work done by a function, an activity or a service.
    Task(Box<Task>),
    /// Passes its input on, perhaps reshaped.
    Pass(Pass),
    /// Picks the next state.
    Choice(Choice),
    /// Waits for a time.
    Wait(Wait),
    /// Ends the machine, branch or iteration well.
    Succeed(Succeed),
    /// Ends the machine, branch or iteration with an error.
    Fail(Fail),
    /// Runs branches side by side.
    Parallel(Box<Parallel>),
    /// Runs a processor once per item.
    Map(Box<Map>),
}

/// Where a state goes when it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transition {
    /// `Next`: the name of a state in the same scope.
    Next(Arc<str>),
    /// `End: true`.
    End,
}

/// A value of `InputPath` or `OutputPath`.
#[derive(Debug, Clone)]
pub enum PathOrNull {
    /// `null`: the state works on, or gives, an empty object.
    Null,
    /// A path into the data, the context object (`$$`) or a variable (`$name`).
    Path(Path),
}

/// Where a result goes in the raw input.
#[derive(Debug, Clone, Default)]
pub enum ResultPath {
    /// `null`: the result is dropped and the raw input goes on.
    Discard,
    /// `$`, the default: the result replaces the input.
    #[default]
    Whole,
    /// The result is written at this place of the raw input.
    At(ReferencePath),
}

/// A number that is written in the definition or read when the state runs.
#[derive(Debug, Clone)]
pub enum Count {
    /// A literal. Literals above `u32::MAX` are kept as `u32::MAX`.
    Literal(u32),
    /// The `…Path` form: a reference path into the effective input or a variable.
    Path(Path),
    /// A JSONata expression.
    Expression(JsonataTemplate),
}

/// `Task`.
#[derive(Debug, Clone)]
pub struct Task {
    /// What does the work.
    pub resource: Resource,
    /// `Resource` as written, for history events.
    pub resource_text: Arc<str>,
    /// `TimeoutSeconds` or `TimeoutSecondsPath`; none when absent (99,999,999 seconds hold then).
    pub timeout: Option<Count>,
    /// `HeartbeatSeconds` or `HeartbeatSecondsPath`.
    pub heartbeat: Option<Count>,
    /// `Credentials`: an object with `RoleArn`.
    pub credentials: Option<Credentials>,
    /// `Retry`.
    pub retry: Vec<Retrier>,
    /// `Catch`.
    pub catch: Vec<Catcher>,
    /// Where to go when done.
    pub transition: Transition,
}

/// `Credentials` of a Task.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// In a JSONPath state.
    JsonPath(Template),
    /// In a JSONata state.
    Jsonata(JsonataTemplate),
}

/// `Pass`.
#[derive(Debug, Clone)]
pub struct Pass {
    /// `Result` of a JSONPath state: a literal, never evaluated. It takes the place of the effective input.
    pub result: Option<Value>,
    /// Where to go when done.
    pub transition: Transition,
}

/// `Choice`.
#[derive(Debug, Clone)]
pub struct Choice {
    /// `Choices`.
    pub choices: Choices,
    /// `Default`: the state to go to when no rule matches.
    pub default: Option<Arc<str>>,
}

/// `Choices` in order. Never empty.
#[derive(Debug, Clone)]
pub enum Choices {
    /// In a JSONPath state.
    JsonPath(Vec<ChoiceBranch>),
    /// In a JSONata state.
    Jsonata(Vec<JsonataBranch>),
}

/// One entry of `Choices` in a JSONPath state.
#[derive(Debug, Clone)]
pub struct ChoiceBranch {
    /// The test.
    pub rule: ChoiceRule,
    /// The state to go to when the test holds.
    pub next: Arc<str>,
    /// `Assign`, when the test holds.
    pub assign: Option<Template>,
    /// `Comment`.
    pub comment: Option<String>,
}

/// One entry of `Choices` in a JSONata state.
#[derive(Debug, Clone)]
pub struct JsonataBranch {
    /// `Condition`: a boolean, or an expression that gives one.
    pub condition: JsonataTemplate,
    /// The state to go to when the condition holds.
    pub next: Arc<str>,
    /// `Output` and `Assign`, when the condition holds.
    pub exit: JsonataExit,
    /// `Comment`.
    pub comment: Option<String>,
}

/// `Wait`.
#[derive(Debug, Clone)]
pub struct Wait {
    /// Until when.
    pub until: WaitUntil,
    /// Where to go when done.
    pub transition: Transition,
}

/// The ways to say how long to wait.
#[derive(Debug, Clone)]
pub enum WaitUntil {
    /// `Seconds`, 0 to 99,999,999.
    Seconds(u32),
    /// `SecondsPath`.
    SecondsPath(Path),
    /// `Timestamp`.
    Timestamp(Instant),
    /// `TimestampPath`.
    TimestampPath(Path),
    /// `Seconds` as a JSONata expression.
    SecondsExpression(JsonataTemplate),
    /// `Timestamp` as a JSONata expression.
    TimestampExpression(JsonataTemplate),
}

/// `Succeed`.
#[derive(Debug, Clone, Default)]
pub struct Succeed {}

/// `Fail`.
#[derive(Debug, Clone, Default)]
pub struct Fail {
    /// `Error` or `ErrorPath`; none when absent.
    pub error: Option<FailText>,
    /// `Cause` or `CausePath`; none when absent.
    pub cause: Option<FailText>,
}

/// A text of a Fail state.
#[derive(Debug, Clone)]
pub enum FailText {
    /// Written in the definition.
    Literal(Arc<str>),
    /// `ErrorPath` or `CausePath`: a path or one of the string-giving intrinsic functions.
    Expression(Expression),
    /// `Error` or `Cause` as a JSONata expression.
    Jsonata(JsonataTemplate),
}

/// `Parallel`.
#[derive(Debug, Clone)]
pub struct Parallel {
    /// `Branches` in order. Never empty.
    pub branches: Vec<SubMachine>,
    /// `Retry`.
    pub retry: Vec<Retrier>,
    /// `Catch`.
    pub catch: Vec<Catcher>,
    /// Where to go when done.
    pub transition: Transition,
}

/// `Map`.
#[derive(Debug, Clone)]
pub struct Map {
    /// `ItemProcessor`, or its old name `Iterator`.
    pub processor: SubMachine,
    /// `ProcessorConfig` of the processor.
    pub processor_config: ProcessorConfig,
    /// Where the items are; absent means that the effective input is the array.
    pub items: Option<Items>,
    /// `ItemSelector`, or its old name `Parameters`; absent means that the item is the input.
    pub item_selector: Option<ItemSelector>,
    /// `MaxConcurrency` or `MaxConcurrencyPath`; absent or 0 means no limit of its own.
    pub max_concurrency: Option<Count>,
    /// `Label`, for the names of child executions.
    pub label: Option<Arc<str>>,
    /// What only distributed mode uses.
    pub distributed: Distributed,
    /// `Retry`.
    pub retry: Vec<Retrier>,
    /// `Catch`.
    pub catch: Vec<Catcher>,
    /// Where to go when done.
    pub transition: Transition,
}

/// The fields of a Map that have an effect in distributed mode only.
#[derive(Debug, Clone, Default)]
pub struct Distributed {
    /// `ItemReader`.
    pub item_reader: Option<ItemReader>,
    /// `ItemBatcher`.
    pub item_batcher: Option<ItemBatcher>,
    /// `ResultWriter`.
    pub result_writer: Option<ResultWriter>,
    /// `ToleratedFailureCount` or its path.
    pub tolerated_failure_count: Option<Count>,
    /// `ToleratedFailurePercentage` or its path.
    pub tolerated_failure_percentage: Option<Percentage>,
}

/// A percentage that is written in the definition or read when the state runs.
#[derive(Debug, Clone)]
pub enum Percentage {
    /// A literal, 0 to 100.
    Literal(f64),
    /// The `…Path` form.
    Path(Path),
    /// A JSONata expression.
    Expression(JsonataTemplate),
}

/// `ItemReader`.
#[derive(Debug, Clone)]
pub struct ItemReader {
    /// `Resource`.
    pub resource: Arc<str>,
    /// `Parameters` or `Arguments`.
    pub parameters: Option<Payload>,
    /// `ReaderConfig.InputType`.
    pub input_type: Option<InputType>,
    /// Whether `ReaderConfig.ManifestType` says that the file lists the files to read.
    pub is_manifest: bool,
    /// `ReaderConfig.ItemsPointer`: a JSON Pointer into a JSON file.
    pub items_pointer: Option<Arc<str>>,
    /// `ReaderConfig.MaxItems` or its path; 0 means no limit.
    pub max_items: Option<Count>,
}

/// What an `ItemReader` reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputType {
    /// `CSV`.
    Csv(CsvLayout),
    /// `JSON`.
    Json,
    /// `JSONL`.
    JsonLines,
    /// `PARQUET`.
    Parquet,
    /// `MANIFEST`: the inventory of an S3 bucket.
    Manifest,
}

/// How a CSV file is laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvLayout {
    /// `CSVDelimiter` as the ASCII character.
    pub delimiter: u8,
    /// `CSVHeaders`; none: the first row has them.
    pub headers: Option<Vec<Arc<str>>>,
}

/// `ItemBatcher`.
#[derive(Debug, Clone, Default)]
pub struct ItemBatcher {
    /// `MaxItemsPerBatch` or its path.
    pub max_items: Option<Count>,
    /// `MaxInputBytesPerBatch` or its path.
    pub max_input_bytes: Option<Count>,
    /// `BatchInput`.
    pub batch_input: Option<Payload>,
}

/// `ResultWriter`.
#[derive(Debug, Clone, Default)]
pub struct ResultWriter {
    /// `Parameters` or `Arguments`.
    pub parameters: Option<Payload>,
}

/// A payload with expressions inside, in the state's query language.
#[derive(Debug, Clone)]
pub enum Payload {
    /// In a JSONPath state.
    JsonPath(Template),
    /// In a JSONata state.
    Jsonata(JsonataTemplate),
}

/// Where the items of a Map state are.
#[derive(Debug, Clone)]
pub enum Items {
    /// `ItemsPath`: over the effective input, or into the context object or a variable.
    Path(Path),
    /// `Items`: an array with expressions inside, or an expression that gives an array; in distributed mode also an
    /// object.
    Jsonata(JsonataTemplate),
}

/// `ItemSelector` of a Map state. The item is in the context object, as `Map.Item`.
#[derive(Debug, Clone)]
pub enum ItemSelector {
    /// In a JSONPath state, also under the old name `Parameters`; `$` is the Map's effective input.
    JsonPath(Template),
    /// In a JSONata state.
    Jsonata(JsonataTemplate),
}

/// `ProcessorConfig`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessorConfig {
    /// `Mode`.
    pub mode: ProcessorMode,
    /// `ExecutionType`, which only distributed mode uses.
    pub execution_type: Option<MachineType>,
}

/// `ProcessorConfig.Mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProcessorMode {
    /// Iterations run within the execution.
    #[default]
    Inline,
    /// Iterations are child executions.
    Distributed,
}

/// The type of a state machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum MachineType {
    /// Durable, up to a year.
    #[default]
    Standard,
    /// Short, up to five minutes; no activities, callbacks or `.sync`.
    Express,
}

/// One entry of `Retry`.
#[derive(Debug, Clone, PartialEq)]
pub struct Retrier {
    /// `ErrorEquals`. Never empty.
    pub error_equals: Vec<Arc<str>>,
    /// `IntervalSeconds`, at least 1; 1 when absent.
    pub interval_seconds: u32,
    /// `MaxAttempts`; 0 means never retry; 3 when absent.
    pub max_attempts: u32,
    /// `BackoffRate`, at least 1.0; 2.0 when absent.
    pub backoff_rate: f64,
    /// `MaxDelaySeconds`.
    pub max_delay_seconds: Option<u32>,
    /// `JitterStrategy`.
    pub jitter: Jitter,
}

/// `JitterStrategy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Jitter {
    /// `NONE`, the default.
    #[default]
    None,
    /// `FULL`: the delay is uniform between 0 and the computed one.
    Full,
}

/// One entry of `Catch`.
#[derive(Debug, Clone)]
pub struct Catcher {
    /// `ErrorEquals`. Never empty.
    pub error_equals: Vec<Arc<str>>,
    /// The state to go to.
    pub next: Arc<str>,
    /// What becomes of the error output.
    pub exit: CatcherExit,
}

/// What a catcher does with the error output.
#[derive(Debug, Clone)]
pub enum CatcherExit {
    /// In a JSONPath state.
    JsonPath {
        /// `ResultPath`: where the error output goes in the raw input.
        result_path: ResultPath,
        /// `Assign`, over the error output.
        assign: Option<Template>,
    },
    /// In a JSONata state.
    Jsonata(JsonataExit),
}

impl Retrier {
    /// The delay before retry `retry_number` (1 for the first) in seconds, before jitter:
    /// `min(IntervalSeconds * BackoffRate^(retry_number - 1), MaxDelaySeconds)`.
    pub fn delay_seconds(&self, retry_number: u32) -> f64 {
        let exponent = i32::try_from(retry_number.saturating_sub(1)).unwrap_or(i32::MAX);
        let delay = f64::from(self.interval_seconds) * self.backoff_rate.powi(exponent);
        match self.max_delay_seconds {
            Some(limit) => delay.min(f64::from(limit)),
            None => delay,
        }
    }
}

/// Whether `ErrorEquals` names the error.
///
/// `States.ALL` matches every error but `States.Runtime`, which the service never lets a state handle;
/// `States.TaskFailed` matches every error but `States.Timeout` and `States.Runtime`;
/// `States.HeartbeatTimeout` matches only by name here: a missed heartbeat carries the name `States.Timeout`
/// in history, so a caller that knows of a missed heartbeat asks with [`error_matches_heartbeat`].
pub fn error_matches<S: AsRef<str>>(error_equals: &[S], error: &str) -> bool {
    error_equals.iter().any(|name| match name.as_ref() {
        "States.ALL" => error != "States.Runtime",
        "States.TaskFailed" => error != "States.Timeout" && error != "States.Runtime",
        name => name == error,
    })
}

/// Whether `ErrorEquals` names a missed heartbeat: AWS records it as `States.Timeout` and documents that
/// `States.HeartbeatTimeout` catches it, so both names do; `States.TaskFailed` does not.
pub fn error_matches_heartbeat<S: AsRef<str>>(error_equals: &[S]) -> bool {
    error_equals
        .iter()
        .any(|name| matches!(name.as_ref(), "States.ALL" | "States.Timeout" | "States.HeartbeatTimeout"))
}
