//! What an error leads to: Retry, then Catch, then the end of the fork or the execution.

use stepwell_asl::{CatcherExit, Field, Jitter, error_matches, error_matches_heartbeat};
use stepwell_json::Value;

use crate::{
    context::object,
    event::{ErrorOutput, EventKind, FrameIndex},
    execution::{Broken, Phase},
    payload::Stored,
    program::StateKind,
    step::{Decision, Fault, Progress, Stepper},
    text::Text,
    time::Timestamp,
};

/// Deals with a fault of the state that the frame is in.
pub(crate) fn handle(stepper: &mut Stepper<'_>, frame: FrameIndex, fault: Fault) -> Progress {
    match fault {
        Fault::Terminal(error) => {
            stepper.fail_execution(frame, error);
            Ok(())
        }
        Fault::Catchable(error) => {
            // A fork whose own processing failed (its result is too large, its iteration's input can't be made)
            // is stopped first; the error comes back here when its children are gone.
            if let Some(Phase::Forked(fork)) = stepper.execution.frames.get(frame).map(|at| &at.phase) {
                let fork = *fork;
                stepper.emit(EventKind::ForkBroken { frame, error })?;
                stepper.schedule_fork(fork);
                return Ok(());
            }
            handle_catchable(stepper, frame, error)
        }
        Fault::Evaluation { error, location } => {
            evaluation_failed(stepper, frame, &error, location)?;
            handle(stepper, frame, Fault::Catchable(error))
        }
    }
}

/// Notes that a JSONata expression failed. AWS points past a state that did nothing else since it was entered, but not
/// past a Wait state (recorded).
pub(crate) fn evaluation_failed(
    stepper: &mut Stepper<'_>,
    frame: FrameIndex,
    error: &ErrorOutput,
    location: Option<Text>,
) -> Progress {
    let (entered, chain) = (stepper.entered(frame), stepper.chain(frame));
    let is_wait = matches!(stepper.state_of(frame).kind, StateKind::Wait(_));
    let previous = if chain == entered.id && !is_wait { entered.previous } else { chain };
    let state = stepper.state_index_of(frame);
    stepper.emit(EventKind::EvaluationFailed { frame, state, error: error.clone(), location, previous })?;
    Ok(())
}

fn handle_catchable(stepper: &mut Stepper<'_>, frame: FrameIndex, error: ErrorOutput) -> Progress {
    stepper.note(|seen| seen.error = Some(error.clone()));
    // A step that goes on where a catcher was too heavy for the one before finds the error reported.
    if !known(stepper, frame).is_some_and(|broken| broken.is_reported) {
        if retry(stepper, frame, &error)? {
            return Ok(());
        }
        report(stepper, frame, &error)?;
    }
    if catch(stepper, frame, &error)? {
        return Ok(());
    }
    propagate(stepper, frame, error)
}

fn known<'a>(stepper: &'a Stepper<'_>, frame: FrameIndex) -> Option<&'a Broken> {
    match stepper.execution.frames.get(frame).map(|at| &at.phase) {
        Some(Phase::Broken(broken)) => Some(broken),
        _ => None,
    }
}

/// No retrier takes the error: of Parallel and Map states history says so.
fn report(stepper: &mut Stepper<'_>, frame: FrameIndex, error: &ErrorOutput) -> Progress {
    if !matches!(stepper.state_of(frame).kind, StateKind::Parallel(_) | StateKind::Map(_)) {
        return Ok(());
    }
    if known(stepper, frame).is_none() {
        // The report does not have the error, and a step that goes on from here must find it.
        stepper.emit(EventKind::ForkBroken { frame, error: error.clone() })?;
    }
    let state = stepper.state_index_of(frame);
    let previous = stepper.chain(frame);
    stepper.emit(EventKind::ForkFailed { frame, state, previous })?;
    Ok(())
}

fn matches(error_equals: &[std::sync::Arc<str>], error: &ErrorOutput) -> bool {
    if error.heartbeat {
        return error_matches_heartbeat(error_equals);
    }
    // An error without a name is matched by the wildcards alone.
    error_matches(error_equals, error.error.as_deref().unwrap_or(""))
}

/// The first retrier that names the error owns it; when it is exhausted the error goes to Catch.
fn retry(stepper: &mut Stepper<'_>, frame: FrameIndex, error: &ErrorOutput) -> Progress<bool> {
    let Some(handlers) = stepper.state_of(frame).handlers() else { return Ok(false) };
    let Some(index) = handlers.retry.iter().position(|retrier| matches(&retrier.error_equals, error)) else {
        return Ok(false);
    };
    let retrier = &handlers.retry[index];
    stepper.note(|seen| seen.retry_index = Some(index));
    let made = match stepper.surroundings.inspection {
        Some(inspection) => inspection.retries_made,
        None => {
            stepper.execution.frames.get(frame).and_then(|at| at.retries.get(index).copied()).unwrap_or(0)
        }
    };
    if made >= retrier.max_attempts {
        return Ok(false);
    }
    let mut seconds = retrier.delay_seconds(made.saturating_add(1));
    if retrier.jitter == Jitter::Full {
        seconds *= stepper.entropy().next_fraction();
    }
    stepper.note(|seen| seen.retry_backoff_seconds = Some(seconds));
    let until = later(stepper.time, seconds);
    let retrier = u16::try_from(index).unwrap_or(u16::MAX);
    stepper.emit(EventKind::RetryScheduled { frame, retrier, until })?;
    let timers = stepper.execution.frame_timers(frame);
    stepper.out.timers.extend(timers);
    Ok(true)
}

/// A time this many seconds later; a delay beyond all bounds is as good as never.
pub(crate) fn later(time: Timestamp, seconds: f64) -> Timestamp {
    let millis = (seconds * 1000.0).ceil();
    if millis >= i64::MAX as f64 { Timestamp::NEVER } else { time + millis.max(0.0) as i64 }
}

/// The first catcher that names the error takes it. In a JSONPath state its output goes into the raw input, and
/// OutputPath is not applied; in a JSONata state its Output and Assign stand for those of the state.
fn catch(stepper: &mut Stepper<'_>, frame: FrameIndex, error: &ErrorOutput) -> Progress<bool> {
    let Some(handlers) = stepper.state_of(frame).handlers() else { return Ok(false) };
    let Some(index) = handlers.catch.iter().position(|catcher| matches(&catcher.error_equals, error)) else {
        return Ok(false);
    };
    stepper.decided(frame, Decision::Catcher(index));
    let catcher = &handlers.catch[index];
    stepper.note(|seen| seen.catch_index = Some(index));
    let output = Stored::from_value(error_value(error));
    match &catcher.exit {
        CatcherExit::JsonPath { result_path, assign } => {
            let assigned = stepper.assign(frame, assign.as_ref(), &output)?;
            let output = stepper.merge_result(frame, result_path, output)?;
            stepper.check_size(frame, &output)?;
            stepper.exit(frame, output, Some(catcher.next), assigned)?;
        }
        CatcherExit::Jsonata(exit) => {
            let extra = Some(("errorOutput", output.value().clone()));
            let field = |name| Field::Catcher(index, name);
            stepper.leave_by(frame, exit, field, extra, output, Some(catcher.next))?;
        }
    }
    Ok(true)
}

/// `{"Error": …, "Cause": …}`: null where SendTaskFailure gave nothing, an empty cause after a timeout (recorded).
fn error_value(error: &ErrorOutput) -> Value {
    let text = |text: &Option<Text>| text.as_deref().map_or(Value::Null, Value::from);
    let cause = if error.timeout { Value::from("") } else { text(&error.cause) };
    object(vec![("Error", text(&error.error)), ("Cause", cause)])
}

/// The error leaves the chain: it fails the iteration, the branch or the execution.
pub(crate) fn propagate(stepper: &mut Stepper<'_>, frame: FrameIndex, error: ErrorOutput) -> Progress {
    let Some(at) = stepper.execution.frames.get(frame) else { return Ok(()) };
    let (index, previous, state) = (at.index, at.last_event, at.state);
    let Some(fork_index) = at.fork else {
        stepper.finish(EventKind::ExecutionFailed { error, previous });
        return Ok(());
    };
    if matches!(stepper.program.state(state).kind, StateKind::Task(_)) {
        stepper.emit(EventKind::StateAborted { frame, state, previous })?;
    }
    let owner = stepper.execution.forks.get(fork_index).map(|fork| (fork.owner, fork.items.is_some()));
    match owner {
        Some((owner, true)) => {
            let state = stepper.state_index_of(owner);
            stepper.emit(EventKind::IterationFailed { frame, state, index, error, previous })?;
        }
        _ => {
            stepper.emit(EventKind::BranchFailed { frame, error })?;
        }
    }
    stepper.schedule_fork(fork_index);
    Ok(())
}
