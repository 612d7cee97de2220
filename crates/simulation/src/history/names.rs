//! The names of history events, as GetExecutionHistory has them.

use stepwell_interpreter::{Event, EventKind, Program, program::StateKind};

/// The type of a visible event; the name of the variant in brackets for an internal one.
#[must_use]
pub fn type_name(program: &Program, event: &Event) -> String {
    let state_type = |state: &u32| program.get(*state).map_or("?", |state| state.type_name());
    let fixed = match &event.kind {
        EventKind::ExecutionStarted { .. } => "ExecutionStarted",
        EventKind::StateEntered { state, .. } => return format!("{}StateEntered", state_type(state)),
        EventKind::StateExited { state, .. } => return format!("{}StateExited", state_type(state)),
        EventKind::TaskScheduled { state, .. } => return task(program, *state, "Scheduled"),
        EventKind::TaskStarted { state, .. } => return task(program, *state, "Started"),
        EventKind::TaskSubmitted { state, .. } => return task(program, *state, "Submitted"),
        EventKind::TaskSucceeded { state, .. } => return task(program, *state, "Succeeded"),
        EventKind::TaskFailed { state, .. } => return task(program, *state, "Failed"),
        EventKind::TaskTimedOut { state, .. } => return task(program, *state, "TimedOut"),
        EventKind::ParallelStarted { .. } => "ParallelStateStarted",
        EventKind::ForkSucceeded { state, .. } => return format!("{}StateSucceeded", state_type(state)),
        EventKind::ForkFailed { state, .. } => return format!("{}StateFailed", state_type(state)),
        EventKind::MapStarted { .. } => "MapStateStarted",
        EventKind::IterationStarted { .. } => "MapIterationStarted",
        EventKind::IterationSucceeded { .. } => "MapIterationSucceeded",
        EventKind::IterationFailed { .. } => "MapIterationFailed",
        EventKind::IterationAborted { .. } => "MapIterationAborted",
        EventKind::StateAborted { state, .. } => return format!("{}StateAborted", state_type(state)),
        EventKind::EvaluationFailed { .. } => "EvaluationFailed",
        EventKind::ExecutionSucceeded { .. } => "ExecutionSucceeded",
        EventKind::ExecutionFailed { .. } => "ExecutionFailed",
        EventKind::ExecutionAborted { .. } => "ExecutionAborted",
        EventKind::ExecutionTimedOut { .. } => "ExecutionTimedOut",
        EventKind::ExecutionRedriven { .. } => "ExecutionRedriven",
        EventKind::WaitStarted { .. } => "(WaitStarted)",
        EventKind::RetryScheduled { .. } => "(RetryScheduled)",
        EventKind::BranchSucceeded { .. } => "(BranchSucceeded)",
        EventKind::BranchFailed { .. } => "(BranchFailed)",
        EventKind::BranchAborted { .. } => "(BranchAborted)",
        EventKind::ForkStopped { .. } => "(ForkStopped)",
        EventKind::ForkBroken { .. } => "(ForkBroken)",
        EventKind::Settled { .. } => "(Settled)",
    };
    fixed.to_owned()
}

/// The name of the state that an event speaks of, if any.
#[must_use]
pub fn state_name(program: &Program, event: &Event) -> Option<String> {
    let state = match &event.kind {
        EventKind::StateEntered { state, .. }
        | EventKind::StateExited { state, .. }
        | EventKind::TaskScheduled { state, .. }
        | EventKind::TaskStarted { state, .. }
        | EventKind::TaskSubmitted { state, .. }
        | EventKind::TaskSucceeded { state, .. }
        | EventKind::TaskFailed { state, .. }
        | EventKind::TaskTimedOut { state, .. }
        | EventKind::ParallelStarted { state, .. }
        | EventKind::ForkSucceeded { state, .. }
        | EventKind::ForkFailed { state, .. }
        | EventKind::MapStarted { state, .. }
        | EventKind::IterationStarted { state, .. }
        | EventKind::IterationSucceeded { state, .. }
        | EventKind::IterationFailed { state, .. }
        | EventKind::IterationAborted { state, .. }
        | EventKind::StateAborted { state, .. }
        | EventKind::EvaluationFailed { state, .. } => *state,
        _ => return None,
    };
    program.get(state).map(|state| state.name.to_string())
}

/// Functions by ARN and activities have event types of their own.
fn task(program: &Program, state: u32, what: &str) -> String {
    let family = match program.get(state).map(|state| &state.kind) {
        Some(StateKind::Task(task)) if task.is_activity() => "Activity",
        Some(StateKind::Task(task)) if task.is_lambda_function() => "LambdaFunction",
        _ => "Task",
    };
    format!("{family}{what}")
}
