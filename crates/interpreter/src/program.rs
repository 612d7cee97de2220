//! A definition compiled for running: one flat table of states for all nesting levels, nothing looked up by name.

use std::sync::Arc;

use stepwell_asl::{
    CatcherExit, Count, Credentials, DataFlow, Distributed, FailText, InvocationPattern, ItemSelector, Items,
    JsonataExit, JsonataTemplate, Resource, Retrier, Template, WaitUntil, choice::ChoiceRule,
};
use stepwell_json::Value;

use crate::{event::StateIndex, text::Text};

/// A compiled definition. Immutable; shared by all executions of a revision.
#[derive(Debug)]
pub struct Program {
    /// All states in document order, each followed by the states within it. Events hold these positions, so
    /// the numbering is part of the format on disk.
    pub states: Vec<State>,
    /// The first state of the machine.
    pub start: StateIndex,
    /// `TimeoutSeconds` of the machine.
    pub timeout_seconds: Option<u32>,
}

impl Program {
    /// The state at a position.
    ///
    /// # Panics
    /// When the position is not one of this program: events belong to the program that made them.
    #[must_use]
    pub fn state(&self, index: StateIndex) -> &State {
        &self.states[index as usize]
    }

    /// The state at a position, if there is one.
    #[must_use]
    pub fn get(&self, index: StateIndex) -> Option<&State> {
        self.states.get(index as usize)
    }
}

/// One state.
#[derive(Debug)]
pub struct State {
    /// Its name.
    pub name: Text,
    /// The Parallel or Map state that it is in, and the number of the branch; none at the top level.
    pub within: Option<(StateIndex, u32)>,
    /// What it does with its data.
    pub flow: DataFlow,
    /// What is particular to the type.
    pub kind: StateKind,
}

impl State {
    /// The value of `Type`.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            StateKind::Task(_) => "Task",
            StateKind::Pass(_) => "Pass",
            StateKind::Choice(_) => "Choice",
            StateKind::Wait(_) => "Wait",
            StateKind::Succeed => "Succeed",
            StateKind::Fail(_) => "Fail",
            StateKind::Parallel(_) => "Parallel",
            StateKind::Map(_) => "Map",
        }
    }

    /// Retry and Catch; none where the type has none.
    #[must_use]
    pub fn handlers(&self) -> Option<&Handlers> {
        match &self.kind {
            StateKind::Task(task) => Some(&task.handlers),
            StateKind::Parallel(parallel) => Some(&parallel.handlers),
            StateKind::Map(map) => Some(&map.handlers),
            _ => None,
        }
    }
}

/// The eight state types.
#[derive(Debug)]
pub enum StateKind {
    /// `Task`.
    Task(Box<TaskState>),
    /// `Pass`.
    Pass(Box<PassState>),
    /// `Choice`.
    Choice(ChoiceState),
    /// `Wait`.
    Wait(WaitState),
    /// `Succeed`.
    Succeed,
    /// `Fail`.
    Fail(FailState),
    /// `Parallel`.
    Parallel(Box<ParallelState>),
    /// `Map`.
    Map(Box<MapState>),
}

/// `Retry` and `Catch`.
#[derive(Debug)]
pub struct Handlers {
    /// `Retry`.
    pub retry: Vec<Retrier>,
    /// `Catch`.
    pub catch: Vec<CatchTarget>,
}

/// One entry of `Catch`.
#[derive(Debug)]
pub struct CatchTarget {
    /// `ErrorEquals`.
    pub error_equals: Vec<Arc<str>>,
    /// `Next`.
    pub next: StateIndex,
    /// What becomes of the error output.
    pub exit: CatcherExit,
}

/// `Task`.
#[derive(Debug)]
pub struct TaskState {
    /// What does the work.
    pub resource: Resource,
    /// `Resource` as written.
    pub resource_text: Arc<str>,
    /// `TimeoutSeconds` or its path.
    pub timeout: Option<Count>,
    /// `HeartbeatSeconds` or its path.
    pub heartbeat: Option<Count>,
    /// `Credentials`.
    pub credentials: Option<Credentials>,
    /// `Next`; none for `End`.
    pub next: Option<StateIndex>,
    /// `Retry` and `Catch`.
    pub handlers: Handlers,
}

impl TaskState {
    /// Whether workers poll for the task.
    #[must_use]
    pub fn is_activity(&self) -> bool {
        matches!(self.resource, Resource::Activity { .. })
    }

    /// Whether the task is a Lambda function named by its ARN, with events of its own.
    #[must_use]
    pub fn is_lambda_function(&self) -> bool {
        matches!(self.resource, Resource::LambdaFunction { .. })
    }

    /// Whether the task ends when its token is answered (`.waitForTaskToken`).
    #[must_use]
    pub fn waits_for_token(&self) -> bool {
        self.resource.pattern() == InvocationPattern::WaitForTaskToken
    }

    /// Whether the task waits for the end of a job (`.sync`).
    #[must_use]
    pub fn waits_for_job(&self) -> bool {
        matches!(self.resource.pattern(), InvocationPattern::Sync | InvocationPattern::Sync2)
    }

    /// Whether the context object shows a task token: callbacks, activities and, as recorded, `.sync`.
    #[must_use]
    pub fn has_token(&self) -> bool {
        self.is_activity() || self.waits_for_token() || self.waits_for_job()
    }

    /// The name in the text of States.DataLimitExceeded: the service of an optimized integration, the ARN of a
    /// function or activity.
    #[must_use]
    pub fn limit_name(&self) -> &str {
        if self.is_activity() || self.is_lambda_function() {
            &self.resource_text
        } else {
            self.resource.resource_type()
        }
    }
}

/// `Pass`.
#[derive(Debug)]
pub struct PassState {
    /// `Result`.
    pub result: Option<Value>,
    /// `Next`; none for `End`.
    pub next: Option<StateIndex>,
}

/// `Choice`.
#[derive(Debug)]
pub struct ChoiceState {
    /// `Choices`.
    pub choices: Choices,
    /// `Default`.
    pub default: Option<StateIndex>,
}

/// `Choices`.
#[derive(Debug)]
pub enum Choices {
    /// In a JSONPath state.
    JsonPath(Vec<ChoiceBranch>),
    /// In a JSONata state.
    Jsonata(Vec<JsonataBranch>),
}

/// One entry of `Choices` in a JSONata state.
#[derive(Debug)]
pub struct JsonataBranch {
    /// `Condition`.
    pub condition: JsonataTemplate,
    /// `Next`.
    pub next: StateIndex,
    /// `Output` and `Assign`.
    pub exit: JsonataExit,
}

/// One entry of `Choices` in a JSONPath state.
#[derive(Debug)]
pub struct ChoiceBranch {
    /// The test.
    pub rule: ChoiceRule,
    /// `Next`.
    pub next: StateIndex,
    /// `Assign`.
    pub assign: Option<Template>,
}

/// `Wait`.
#[derive(Debug)]
pub struct WaitState {
    /// Until when.
    pub until: WaitUntil,
    /// `Next`; none for `End`.
    pub next: Option<StateIndex>,
}

/// `Fail`.
#[derive(Debug)]
pub struct FailState {
    /// `Error` or `ErrorPath`.
    pub error: Option<FailText>,
    /// `Cause` or `CausePath`.
    pub cause: Option<FailText>,
}

/// `Parallel`.
#[derive(Debug)]
pub struct ParallelState {
    /// First state of each branch.
    pub branches: Vec<StateIndex>,
    /// `Next`; none for `End`.
    pub next: Option<StateIndex>,
    /// `Retry` and `Catch`.
    pub handlers: Handlers,
}

/// `Map`.
#[derive(Debug)]
pub struct MapState {
    /// First state of the processor.
    pub start: StateIndex,
    /// `ItemsPath` or `Items`.
    pub items: Option<Items>,
    /// `ItemSelector`.
    pub item_selector: Option<ItemSelector>,
    /// `MaxConcurrency` or its path.
    pub max_concurrency: Option<Count>,
    /// The fields of distributed mode; none in inline mode. Such a Map can be tested, but not run.
    pub distributed: Option<Box<Distributed>>,
    /// `Next`; none for `End`.
    pub next: Option<StateIndex>,
    /// `Retry` and `Catch`.
    pub handlers: Handlers,
}
