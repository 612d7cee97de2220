//! Events of an execution's history as AWS answers them, and their fast way into a page.
//!
//! One variant of [`Kind`] for each event type of the model, except that the types that differ only in the state's type
//! (`PassStateEntered`, `TaskStateEntered`, …) share one.

use std::sync::Arc;

use crate::Timestamp;
use crate::json_writer::{ObjectWriter, ToJson, WriteMember, write_unsigned};

/// An event of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEvent {
    /// Counts from 1 without gaps.
    pub id: u64,
    /// The event before this one in the same chain; 0 at the start.
    pub previous_event_id: u64,
    /// When it happened: milliseconds since 1970-01-01T00:00:00Z.
    pub timestamp_ms: i64,
    /// What happened.
    pub kind: Kind,
}

/// The type of a state, for the events that are named after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of the States Language")]
pub enum StateType {
    Pass,
    Task,
    Choice,
    Wait,
    Succeed,
    Fail,
    Parallel,
    Map,
}

/// An error and its cause. What the failing side did not give stays absent.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Failure {
    /// The error's name.
    pub error: Option<Arc<str>>,
    /// What happened.
    pub cause: Option<Arc<str>>,
}

/// What a Task calls: `resourceType` and `resource`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskResource {
    /// The service: `lambda`, `states`, `aws-sdk:s3`.
    pub resource_type: Arc<str>,
    /// The action with its pattern: `invoke`, `startExecution.sync:2`.
    pub resource: Arc<str>,
}

/// An iteration of a Map state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapIteration {
    /// The Map state's name.
    pub name: Arc<str>,
    /// The item's index, from 0.
    pub index: u64,
}

/// What happened. Inputs, outputs and parameters are JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "names and fields are those of the API reference")]
pub enum Kind {
    ExecutionStarted {
        input: Arc<str>,
        role_arn: Arc<str>,
        state_machine_alias_arn: Option<Arc<str>>,
        state_machine_version_arn: Option<Arc<str>>,
    },
    ExecutionSucceeded {
        output: Arc<str>,
    },
    ExecutionFailed(Failure),
    ExecutionAborted(Failure),
    ExecutionTimedOut(Failure),
    /// The name and input are those of a state that got another input; AWS has only the count.
    ExecutionRedriven {
        redrive_count: u64,
        edited_state: Option<(Arc<str>, Arc<str>)>,
        definition_changed: bool,
    },
    /// `<type>StateEntered`; the input is the state's raw input.
    StateEntered {
        state_type: StateType,
        name: Arc<str>,
        input: Arc<str>,
    },
    /// `<type>StateExited`. A Fail state never exits.
    StateExited {
        state_type: StateType,
        name: Arc<str>,
        output: Arc<str>,
        /// Names and values as JSON text; both members are absent when nothing was assigned.
        assigned_variables: Vec<(Arc<str>, Arc<str>)>,
    },
    LambdaFunctionScheduled {
        resource: Arc<str>,
        input: Arc<str>,
        timeout_seconds: Option<u64>,
        /// The role of the Task's Credentials.
        credentials_role_arn: Option<Arc<str>>,
    },
    LambdaFunctionStarted,
    LambdaFunctionSucceeded {
        output: Arc<str>,
    },
    LambdaFunctionFailed(Failure),
    LambdaFunctionTimedOut(Failure),
    LambdaFunctionScheduleFailed(Failure),
    LambdaFunctionStartFailed(Failure),
    ActivityScheduled {
        resource: Arc<str>,
        input: Arc<str>,
        timeout_seconds: Option<u64>,
        heartbeat_seconds: Option<u64>,
    },
    ActivityStarted {
        worker_name: Option<Arc<str>>,
    },
    ActivitySucceeded {
        output: Arc<str>,
    },
    ActivityFailed(Failure),
    ActivityTimedOut(Failure),
    ActivityScheduleFailed(Failure),
    TaskScheduled {
        task: TaskResource,
        region: Arc<str>,
        parameters: Arc<str>,
        timeout_seconds: Option<u64>,
        heartbeat_seconds: Option<u64>,
        /// The role of the Task's Credentials.
        credentials_role_arn: Option<Arc<str>>,
    },
    TaskStarted {
        task: TaskResource,
    },
    TaskSubmitted {
        task: TaskResource,
        output: Arc<str>,
    },
    TaskSucceeded {
        task: TaskResource,
        output: Arc<str>,
    },
    TaskFailed {
        task: TaskResource,
        failure: Failure,
    },
    TaskTimedOut {
        task: TaskResource,
        failure: Failure,
    },
    TaskStartFailed {
        task: TaskResource,
        failure: Failure,
    },
    TaskSubmitFailed {
        task: TaskResource,
        failure: Failure,
    },
    TaskStateAborted,
    WaitStateAborted,
    ParallelStateStarted,
    ParallelStateSucceeded,
    ParallelStateFailed,
    ParallelStateAborted,
    MapStateStarted {
        /// The number of items.
        length: u64,
    },
    MapStateSucceeded,
    MapStateFailed,
    MapStateAborted,
    MapIterationStarted(MapIteration),
    MapIterationSucceeded(MapIteration),
    MapIterationFailed(MapIteration),
    MapIterationAborted(MapIteration),
    MapRunStarted {
        map_run_arn: Arc<str>,
    },
    MapRunSucceeded,
    MapRunFailed(Failure),
    MapRunAborted,
    MapRunRedriven {
        map_run_arn: Arc<str>,
        redrive_count: u64,
    },
    EvaluationFailed {
        failure: Failure,
        /// Where in the state: `Output/result`.
        location: Option<Arc<str>>,
        /// The state's name.
        state: Arc<str>,
    },
}

impl StateType {
    const fn entered(self) -> &'static str {
        match self {
            StateType::Pass => "PassStateEntered",
            StateType::Task => "TaskStateEntered",
            StateType::Choice => "ChoiceStateEntered",
            StateType::Wait => "WaitStateEntered",
            StateType::Succeed => "SucceedStateEntered",
            StateType::Fail => "FailStateEntered",
            StateType::Parallel => "ParallelStateEntered",
            StateType::Map => "MapStateEntered",
        }
    }

    const fn exited(self) -> &'static str {
        match self {
            StateType::Pass => "PassStateExited",
            StateType::Task => "TaskStateExited",
            StateType::Choice => "ChoiceStateExited",
            StateType::Wait => "WaitStateExited",
            StateType::Succeed => "SucceedStateExited",
            // No Fail state exits; the model has no such type.
            StateType::Fail => "FailStateExited",
            StateType::Parallel => "ParallelStateExited",
            StateType::Map => "MapStateExited",
        }
    }
}

impl Kind {
    /// The event's type, and the member with its details for the types that have details.
    pub const fn names(&self) -> (&'static str, Option<&'static str>) {
        macro_rules! named {
            ($type:literal, $details:literal) => {
                ($type, Some($details))
            };
            ($type:literal) => {
                ($type, None)
            };
        }
        match self {
            Kind::ExecutionStarted { .. } => named!("ExecutionStarted", "executionStartedEventDetails"),
            Kind::ExecutionSucceeded { .. } => named!("ExecutionSucceeded", "executionSucceededEventDetails"),
            Kind::ExecutionFailed(_) => named!("ExecutionFailed", "executionFailedEventDetails"),
            Kind::ExecutionAborted(_) => named!("ExecutionAborted", "executionAbortedEventDetails"),
            Kind::ExecutionTimedOut(_) => named!("ExecutionTimedOut", "executionTimedOutEventDetails"),
            Kind::ExecutionRedriven { .. } => named!("ExecutionRedriven", "executionRedrivenEventDetails"),
            Kind::StateEntered { state_type, .. } => (state_type.entered(), Some("stateEnteredEventDetails")),
            Kind::StateExited { state_type, .. } => (state_type.exited(), Some("stateExitedEventDetails")),
            Kind::LambdaFunctionScheduled { .. } => {
                named!("LambdaFunctionScheduled", "lambdaFunctionScheduledEventDetails")
            }
            Kind::LambdaFunctionStarted => named!("LambdaFunctionStarted"),
            Kind::LambdaFunctionSucceeded { .. } => {
                named!("LambdaFunctionSucceeded", "lambdaFunctionSucceededEventDetails")
            }
            Kind::LambdaFunctionFailed(_) => {
                named!("LambdaFunctionFailed", "lambdaFunctionFailedEventDetails")
            }
            Kind::LambdaFunctionTimedOut(_) => {
                named!("LambdaFunctionTimedOut", "lambdaFunctionTimedOutEventDetails")
            }
            Kind::LambdaFunctionScheduleFailed(_) => {
                named!("LambdaFunctionScheduleFailed", "lambdaFunctionScheduleFailedEventDetails")
            }
            Kind::LambdaFunctionStartFailed(_) => {
                named!("LambdaFunctionStartFailed", "lambdaFunctionStartFailedEventDetails")
            }
            Kind::ActivityScheduled { .. } => named!("ActivityScheduled", "activityScheduledEventDetails"),
            Kind::ActivityStarted { .. } => named!("ActivityStarted", "activityStartedEventDetails"),
            Kind::ActivitySucceeded { .. } => named!("ActivitySucceeded", "activitySucceededEventDetails"),
            Kind::ActivityFailed(_) => named!("ActivityFailed", "activityFailedEventDetails"),
            Kind::ActivityTimedOut(_) => named!("ActivityTimedOut", "activityTimedOutEventDetails"),
            Kind::ActivityScheduleFailed(_) => {
                named!("ActivityScheduleFailed", "activityScheduleFailedEventDetails")
            }
            Kind::TaskScheduled { .. } => named!("TaskScheduled", "taskScheduledEventDetails"),
            Kind::TaskStarted { .. } => named!("TaskStarted", "taskStartedEventDetails"),
            Kind::TaskSubmitted { .. } => named!("TaskSubmitted", "taskSubmittedEventDetails"),
            Kind::TaskSucceeded { .. } => named!("TaskSucceeded", "taskSucceededEventDetails"),
            Kind::TaskFailed { .. } => named!("TaskFailed", "taskFailedEventDetails"),
            Kind::TaskTimedOut { .. } => named!("TaskTimedOut", "taskTimedOutEventDetails"),
            Kind::TaskStartFailed { .. } => named!("TaskStartFailed", "taskStartFailedEventDetails"),
            Kind::TaskSubmitFailed { .. } => named!("TaskSubmitFailed", "taskSubmitFailedEventDetails"),
            Kind::TaskStateAborted => named!("TaskStateAborted"),
            Kind::WaitStateAborted => named!("WaitStateAborted"),
            Kind::ParallelStateStarted => named!("ParallelStateStarted"),
            Kind::ParallelStateSucceeded => named!("ParallelStateSucceeded"),
            Kind::ParallelStateFailed => named!("ParallelStateFailed"),
            Kind::ParallelStateAborted => named!("ParallelStateAborted"),
            Kind::MapStateStarted { .. } => named!("MapStateStarted", "mapStateStartedEventDetails"),
            Kind::MapStateSucceeded => named!("MapStateSucceeded"),
            Kind::MapStateFailed => named!("MapStateFailed"),
            Kind::MapStateAborted => named!("MapStateAborted"),
            Kind::MapIterationStarted(_) => named!("MapIterationStarted", "mapIterationStartedEventDetails"),
            Kind::MapIterationSucceeded(_) => {
                named!("MapIterationSucceeded", "mapIterationSucceededEventDetails")
            }
            Kind::MapIterationFailed(_) => named!("MapIterationFailed", "mapIterationFailedEventDetails"),
            Kind::MapIterationAborted(_) => named!("MapIterationAborted", "mapIterationAbortedEventDetails"),
            Kind::MapRunStarted { .. } => named!("MapRunStarted", "mapRunStartedEventDetails"),
            Kind::MapRunSucceeded => named!("MapRunSucceeded"),
            Kind::MapRunFailed(_) => named!("MapRunFailed", "mapRunFailedEventDetails"),
            Kind::MapRunAborted => named!("MapRunAborted"),
            Kind::MapRunRedriven { .. } => named!("MapRunRedriven", "mapRunRedrivenEventDetails"),
            Kind::EvaluationFailed { .. } => named!("EvaluationFailed", "evaluationFailedEventDetails"),
        }
    }
}

/// Writes the answer of GetExecutionHistory.
///
/// Without `include_execution_data` the texts of inputs, outputs and assigned variables are left out.
pub fn write_history_page<'a>(
    events: impl IntoIterator<Item = &'a HistoryEvent>,
    include_execution_data: bool,
    next_token: Option<&str>,
    out: &mut Vec<u8>,
) {
    let mut page = ObjectWriter::new(out);
    let list = page.key("events");
    list.push(b'[');
    for (index, event) in events.into_iter().enumerate() {
        if index > 0 {
            list.push(b',');
        }
        event.write(include_execution_data, list);
    }
    list.push(b']');
    if let Some(token) = next_token {
        page.text("nextToken", token);
    }
    page.end();
}

impl HistoryEvent {
    /// Appends the event's JSON object. See [`write_history_page`] for `include_execution_data`.
    pub fn write(&self, include_execution_data: bool, out: &mut Vec<u8>) {
        let (event_type, details_key) = self.kind.names();
        let mut event = ObjectWriter::new(out);
        Timestamp::from_milliseconds(self.timestamp_ms).write_member("timestamp", &mut event);
        // No type needs escaping.
        let type_out = event.key("type");
        type_out.push(b'"');
        type_out.extend_from_slice(event_type.as_bytes());
        type_out.push(b'"');
        write_unsigned(self.id, event.key("id"));
        write_unsigned(self.previous_event_id, event.key("previousEventId"));
        if let Some(key) = details_key {
            let data = if include_execution_data { Data::Shown } else { Data::LeftOut };
            self.kind.write_details(event.key(key), data);
        }
        event.end();
    }
}

/// What an event shows of inputs, outputs, parameters and variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    /// All of them.
    Shown,
    /// That they are there, but not what they are: GetExecutionHistory without data.
    LeftOut,
    /// Nothing at all: logs without data.
    Absent,
    /// That they were cut because they are too large: logs.
    Truncated,
}

/// The writer of a details object.
struct Details<'a> {
    object: ObjectWriter<'a>,
    data: Data,
}

impl Details<'_> {
    fn input(&mut self, input: &str) {
        if self.data == Data::Shown {
            self.object.text("input", input);
        }
        self.about_data("inputDetails");
    }

    fn output(&mut self, output: &str) {
        if self.data == Data::Shown {
            self.object.text("output", output);
        }
        self.about_data("outputDetails");
    }

    fn about_data(&mut self, key: &'static str) {
        match self.data {
            // The API never cuts a payload; logs do.
            Data::Shown | Data::LeftOut => self.object.raw(key, r#"{"truncated":false}"#),
            Data::Truncated => self.object.raw(key, r#"{"truncated":true}"#),
            Data::Absent => return,
        };
    }

    fn failure(&mut self, failure: &Failure) {
        self.object
            .optional_text("error", failure.error.as_ref())
            .optional_text("cause", failure.cause.as_ref());
    }

    fn task(&mut self, task: &TaskResource) {
        self.object.text("resourceType", &task.resource_type).text("resource", &task.resource);
    }

    fn number(&mut self, key: &'static str, value: u64) {
        write_unsigned(value, self.object.key(key));
    }

    fn optional_number(&mut self, key: &'static str, value: Option<u64>) {
        if let Some(value) = value {
            self.number(key, value);
        }
    }

    fn credentials(&mut self, role_arn: Option<&Arc<str>>) {
        if let Some(role_arn) = role_arn {
            let mut credentials = ObjectWriter::new(self.object.key("taskCredentials"));
            credentials.text("roleArn", role_arn);
            credentials.end();
        }
    }

    fn assigned_variables(&mut self, variables: &[(Arc<str>, Arc<str>)]) {
        if variables.is_empty() {
            return;
        }
        if self.data == Data::Shown {
            let mut object = ObjectWriter::new(self.object.key("assignedVariables"));
            for (name, value) in variables {
                value.write_json(object.any_key(name));
            }
            object.end();
        }
        self.about_data("assignedVariablesDetails");
    }
}

impl Kind {
    /// Writes the object of the event's details; an empty one for types without details.
    pub(crate) fn write_details(&self, out: &mut Vec<u8>, data: Data) {
        let mut details = Details { object: ObjectWriter::new(out), data };
        self.write_members(&mut details);
        details.object.end();
    }

    fn write_members(&self, details: &mut Details<'_>) {
        match self {
            Kind::ExecutionStarted {
                input,
                role_arn,
                state_machine_alias_arn,
                state_machine_version_arn,
            } => {
                details.input(input);
                details
                    .object
                    .text("roleArn", role_arn)
                    .optional_text("stateMachineAliasArn", state_machine_alias_arn.as_ref())
                    .optional_text("stateMachineVersionArn", state_machine_version_arn.as_ref());
            }
            Kind::ExecutionSucceeded { output }
            | Kind::LambdaFunctionSucceeded { output }
            | Kind::ActivitySucceeded { output } => details.output(output),
            Kind::ExecutionFailed(failure)
            | Kind::ExecutionAborted(failure)
            | Kind::ExecutionTimedOut(failure)
            | Kind::LambdaFunctionFailed(failure)
            | Kind::LambdaFunctionTimedOut(failure)
            | Kind::LambdaFunctionScheduleFailed(failure)
            | Kind::LambdaFunctionStartFailed(failure)
            | Kind::ActivityFailed(failure)
            | Kind::ActivityTimedOut(failure)
            | Kind::ActivityScheduleFailed(failure)
            | Kind::MapRunFailed(failure) => details.failure(failure),
            Kind::ExecutionRedriven { redrive_count, edited_state, definition_changed } => {
                details.number("redriveCount", *redrive_count);
                if let Some((name, input)) = edited_state {
                    details.object.text("name", name);
                    details.input(input);
                }
                if *definition_changed {
                    details.object.raw("definitionChanged", "true");
                }
            }
            Kind::StateEntered { name, input, .. } => {
                details.object.text("name", name);
                details.input(input);
            }
            Kind::StateExited { name, output, assigned_variables, .. } => {
                details.object.text("name", name);
                details.output(output);
                details.assigned_variables(assigned_variables);
            }
            Kind::LambdaFunctionScheduled { resource, input, timeout_seconds, credentials_role_arn } => {
                details.object.text("resource", resource);
                details.input(input);
                details.optional_number("timeoutInSeconds", *timeout_seconds);
                details.credentials(credentials_role_arn.as_ref());
            }
            Kind::ActivityScheduled { resource, input, timeout_seconds, heartbeat_seconds } => {
                details.object.text("resource", resource);
                details.input(input);
                details.optional_number("timeoutInSeconds", *timeout_seconds);
                details.optional_number("heartbeatInSeconds", *heartbeat_seconds);
            }
            Kind::ActivityStarted { worker_name } => {
                details.object.optional_text("workerName", worker_name.as_ref());
            }
            Kind::TaskScheduled {
                task,
                region,
                parameters,
                timeout_seconds,
                heartbeat_seconds,
                credentials_role_arn,
            } => {
                details.task(task);
                details.object.text("region", region);
                // GetExecutionHistory shows parameters always; logs count them to the data.
                if matches!(details.data, Data::Shown | Data::LeftOut) {
                    details.object.text("parameters", parameters);
                }
                details.optional_number("timeoutInSeconds", *timeout_seconds);
                details.optional_number("heartbeatInSeconds", *heartbeat_seconds);
                details.credentials(credentials_role_arn.as_ref());
            }
            Kind::TaskStarted { task } => details.task(task),
            Kind::TaskSubmitted { task, output } | Kind::TaskSucceeded { task, output } => {
                details.task(task);
                details.output(output);
            }
            Kind::TaskFailed { task, failure }
            | Kind::TaskTimedOut { task, failure }
            | Kind::TaskStartFailed { task, failure }
            | Kind::TaskSubmitFailed { task, failure } => {
                details.task(task);
                details.failure(failure);
            }
            Kind::MapStateStarted { length } => details.number("length", *length),
            Kind::MapIterationStarted(iteration)
            | Kind::MapIterationSucceeded(iteration)
            | Kind::MapIterationFailed(iteration)
            | Kind::MapIterationAborted(iteration) => {
                details.object.text("name", &iteration.name);
                details.number("index", iteration.index);
            }
            Kind::MapRunStarted { map_run_arn } => {
                details.object.text("mapRunArn", map_run_arn);
            }
            Kind::MapRunRedriven { map_run_arn, redrive_count } => {
                details.object.text("mapRunArn", map_run_arn);
                details.number("redriveCount", *redrive_count);
            }
            Kind::EvaluationFailed { failure, location, state } => {
                details.failure(failure);
                details.object.optional_text("location", location.as_ref()).text("state", state);
            }
            // Types without details. [`Kind::names`] gives them no key; in logs their details are empty.
            Kind::LambdaFunctionStarted
            | Kind::TaskStateAborted
            | Kind::WaitStateAborted
            | Kind::ParallelStateStarted
            | Kind::ParallelStateSucceeded
            | Kind::ParallelStateFailed
            | Kind::ParallelStateAborted
            | Kind::MapStateSucceeded
            | Kind::MapStateFailed
            | Kind::MapStateAborted
            | Kind::MapRunSucceeded
            | Kind::MapRunAborted => {}
        }
    }
}
