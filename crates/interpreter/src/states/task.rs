//! Task: scheduling, and what completions and timeouts lead to.

use stepwell_asl::{Count, Credentials, Field, Resource, SECONDS_MAX};
use stepwell_json::{Payload, Value};

use crate::{
    command::{Rejection, TaskId},
    data_flow::data_limit_exceeded,
    effect::Effect,
    event::{ErrorOutput, EventKind, FrameIndex},
    execution::{Phase, TaskStatus},
    limits::{CAUSE_CHARACTERS_MAX, ERROR_CHARACTERS_MAX, PAYLOAD_BYTES_MAX},
    payload::Stored,
    program::{State, StateKind, TaskState},
    step::{Fault, Progress, Stepper, TaskChange},
    text::Text,
};

/// Evaluates what is sent and schedules the task. Calls are started at once: AWS shows both events.
pub(crate) fn enter(
    stepper: &mut Stepper<'_>,
    frame: FrameIndex,
    state: &State,
    task: &TaskState,
) -> Progress {
    let effective = stepper.effective_input(frame, state)?;
    let (timeout_seconds, heartbeat_seconds) = time_limits(stepper, frame, task, &effective)?;
    let credentials_role = credentials_role(stepper, frame, task, &effective)?;
    let mut parameters = stepper.arguments(frame, state, effective)?;
    if matches!(task.resource, Resource::Optimized { .. })
        && let Some(more) = task.resource.with_own_parameters(parameters.value())
    {
        parameters = Stored::new(Payload::from_value(more));
    }
    if parameters.payload.size() > PAYLOAD_BYTES_MAX {
        return Err(Fault::Catchable(data_limit_exceeded(task.limit_name())).into());
    }
    let index = stepper.state_index_of(frame);
    let is_mocked = stepper.execution.is_mocked(index);
    if let Resource::Activity { arn } = &task.resource
        && !is_mocked
        && !stepper.surroundings.environment.activity_exists(arn)
    {
        return Err(stepper.runtime_fault(frame, format_args!("The activity {arn} does not exist.")));
    }
    let previous = stepper.chain(frame);
    let attempt = stepper.emit(EventKind::TaskScheduled {
        frame,
        state: index,
        parameters: parameters.clone(),
        timeout_seconds,
        heartbeat_seconds,
        credentials_role: credentials_role.clone(),
        previous,
    })?;
    let id = TaskId { frame, attempt };
    if task.is_activity() && !is_mocked {
        let input = parameters.payload;
        stepper.out.effects.push(Effect::OfferActivityTask { task: id, state: index, input });
    } else {
        started(stepper, frame, None)?;
        let mock = if is_mocked { stepper.execution.task(id).and_then(|task| task.mock) } else { None };
        let parameters = parameters.payload;
        let effect = Effect::InvokeTask { task: id, state: index, parameters, credentials_role, mock };
        stepper.out.effects.push(effect);
    }
    arm_timers(stepper, frame);
    Ok(())
}

/// TimeoutSeconds and HeartbeatSeconds. What is worked out here is held to the rules that literals are held to when a
/// machine is created.
fn time_limits(
    stepper: &Stepper<'_>,
    frame: FrameIndex,
    task: &TaskState,
    effective: &Stored,
) -> Progress<(Option<u32>, Option<u32>)> {
    let timeout = seconds(stepper, frame, task.timeout.as_ref(), "TimeoutSeconds", effective)?;
    let heartbeat = seconds(stepper, frame, task.heartbeat.as_ref(), "HeartbeatSeconds", effective)?;
    if let (Some(timeout), Some(heartbeat)) = (timeout, heartbeat)
        && heartbeat >= timeout
    {
        let is_evaluated =
            [&task.timeout, &task.heartbeat].iter().any(|count| matches!(count, Some(Count::Expression(_))));
        let text = format!(
            "HeartbeatSeconds must be smaller than TimeoutSeconds, but HeartbeatSeconds is {heartbeat} and \
             TimeoutSeconds is {timeout}."
        );
        return Err(match is_evaluated {
            true => stepper.query_fault(frame, Some("HeartbeatSeconds"), text),
            false => stepper.runtime_fault(frame, text),
        });
    }
    Ok((timeout, heartbeat))
}

fn seconds(
    stepper: &Stepper<'_>,
    frame: FrameIndex,
    count: Option<&Count>,
    field: &'static str,
    effective: &Stored,
) -> Progress<Option<u32>> {
    stepper.count(frame, count, (field, 1..=SECONDS_MAX), effective.value(), |path, value| {
        let what = match value.as_i64() {
            Some(seconds) if seconds > SECONDS_MAX => {
                format!("references a value greater than {SECONDS_MAX}")
            }
            _ => "does not reference a positive integer value".to_owned(),
        };
        format!("The {field}Path parameter {what}: {path} == {}", value.to_text())
    })
}

fn credentials_role(
    stepper: &Stepper<'_>,
    frame: FrameIndex,
    task: &TaskState,
    effective: &Stored,
) -> Progress<Option<Text>> {
    let Some(credentials) = &task.credentials else { return Ok(None) };
    let value = match credentials {
        Credentials::JsonPath(template) => stepper.fill(frame, template, effective.value())?,
        Credentials::Jsonata(template) => stepper.evaluate(frame, template, Field::State("Credentials"))?,
    };
    if let Some(Value::String(role)) = value.get("RoleArn") {
        return Ok(Some(Text(role.clone())));
    }
    let shown = value.get("RoleArn").map_or_else(|| "missing".to_owned(), Value::to_text);
    let cause = format!("The field 'RoleArn' of Credentials must be a string, but is: {shown}");
    Err(match credentials {
        Credentials::JsonPath(_) => stepper.runtime_fault(frame, cause),
        Credentials::Jsonata(_) => stepper.query_fault(frame, Some("Credentials/RoleArn"), cause),
    })
}

fn started(stepper: &mut Stepper<'_>, frame: FrameIndex, worker: Option<Text>) -> Progress {
    let state = stepper.state_index_of(frame);
    let previous = stepper.chain(frame);
    stepper.emit(EventKind::TaskStarted { frame, state, worker, previous })?;
    Ok(())
}

fn arm_timers(stepper: &mut Stepper<'_>, frame: FrameIndex) {
    let timers = stepper.execution.frame_timers(frame);
    stepper.out.timers.extend(timers);
}

/// A worker takes an activity task.
pub(crate) fn taken_by_worker(
    stepper: &mut Stepper<'_>,
    task: TaskId,
    worker: Option<Text>,
) -> Result<(), TaskChange> {
    let (is_activity, status) = kind_and_status(stepper, task);
    if !is_activity || status != Some(TaskStatus::Scheduled) {
        return Err(Rejection::TaskEnded.into());
    }
    started(stepper, task.frame, worker)?;
    arm_timers(stepper, task.frame);
    Ok(())
}

fn kind_and_status(stepper: &Stepper<'_>, task: TaskId) -> (bool, Option<TaskStatus>) {
    let is_activity =
        matches!(&stepper.state_of(task.frame).kind, StateKind::Task(state) if state.is_activity());
    (is_activity, stepper.execution.task(task).map(|task| task.status))
}

/// The call that submits a `.sync` or `.waitForTaskToken` task was answered; the wait for its end begins.
pub(crate) fn submitted(stepper: &mut Stepper<'_>, task: TaskId, output: Payload) -> Result<(), TaskChange> {
    let state_index = stepper.state_index_of(task.frame);
    let StateKind::Task(state) = &stepper.state_of(task.frame).kind else {
        return Err(Rejection::Unfitting.into());
    };
    let waits = state.waits_for_token() || state.waits_for_job();
    if !waits || kind_and_status(stepper, task).1 != Some(TaskStatus::Started) {
        return Err(Rejection::TaskEnded.into());
    }
    if output.size() > PAYLOAD_BYTES_MAX {
        // The job runs for nobody then: it is stopped, and its stop needs the answer.
        let job = state.waits_for_job().then(|| Box::new(Stored::new(output)));
        return Ok(failed_with_job(stepper, task, data_limit_exceeded(state.limit_name()), job)?);
    }
    let frame = task.frame;
    let previous = stepper.chain(frame);
    let output = Stored::new(output);
    stepper.emit(EventKind::TaskSubmitted { frame, state: state_index, output: output.clone(), previous })?;
    if state.waits_for_job() {
        let submitted = output.payload;
        let Some(Phase::Task(phase)) = stepper.execution.frames.get(frame).map(|at| &at.phase) else {
            return Ok(());
        };
        let parameters = phase.parameters.payload.clone();
        let credentials_role = phase.credentials_role.clone();
        stepper.out.effects.push(Effect::AwaitJob {
            task,
            state: state_index,
            submitted,
            parameters,
            credentials_role,
        });
    }
    arm_timers(stepper, frame);
    Ok(())
}

/// The task's result. One that is larger than AWS takes fails the task instead, which Catch can handle.
pub(crate) fn succeeded(stepper: &mut Stepper<'_>, task: TaskId, output: Payload) -> Progress {
    let frame = task.frame;
    let StateKind::Task(kind) = &stepper.state_of(frame).kind else { return Ok(()) };
    if output.size() > PAYLOAD_BYTES_MAX {
        return failed(stepper, task, data_limit_exceeded(kind.limit_name()));
    }
    let index = stepper.state_index_of(frame);
    let previous = stepper.chain(frame);
    let output = Stored::new(output);
    let ordinal =
        stepper.emit(EventKind::TaskSucceeded { frame, state: index, output: output.clone(), previous })?;
    leave(stepper, frame, output.written_at(ordinal, 0))
}

/// Leaves the state of a task that has ended well.
pub(crate) fn leave(stepper: &mut Stepper<'_>, frame: FrameIndex, result: Stored) -> Progress {
    let state = stepper.state_of(frame);
    let StateKind::Task(task) = &state.kind else { return Ok(()) };
    stepper.complete(frame, state, result, task.next)
}

/// The task failed.
pub(crate) fn failed(stepper: &mut Stepper<'_>, task: TaskId, error: ErrorOutput) -> Progress {
    failed_with_job(stepper, task, error, None)
}

/// The task failed; `job` is the answer of the call that submitted its job, if that runs and must be stopped.
fn failed_with_job(
    stepper: &mut Stepper<'_>,
    task: TaskId,
    error: ErrorOutput,
    job: Option<Box<Stored>>,
) -> Progress {
    let error = ErrorOutput {
        error: error.error.map(|error| error.shortened(ERROR_CHARACTERS_MAX)),
        cause: error.cause.map(|cause| cause.shortened(CAUSE_CHARACTERS_MAX)),
        ..error
    };
    let frame = task.frame;
    let state = stepper.state_index_of(frame);
    let previous = stepper.chain(frame);
    let known = stepper.execution.debts.len();
    stepper.emit(EventKind::TaskFailed { frame, state, error: error.clone(), previous, submitted: job })?;
    stepper.stop_jobs(known);
    Err(Fault::Catchable(error).into())
}

/// TimeoutSeconds or HeartbeatSeconds passed. History has `States.Timeout` for both (recorded).
pub(crate) fn timed_out(stepper: &mut Stepper<'_>, frame: FrameIndex, heartbeat: bool) -> Progress {
    let error = ErrorOutput::timed_out(heartbeat);
    let state = stepper.state_index_of(frame);
    let previous = stepper.chain(frame);
    let known = stepper.execution.debts.len();
    stepper.emit(EventKind::TaskTimedOut { frame, state, error: error.clone(), previous })?;
    stepper.stop_jobs(known);
    Err(Fault::Catchable(error).into())
}
