//! Wait: its forms.

use stepwell_asl::{Field, WaitUntil, timestamp::Instant};
use stepwell_json::Value;
use stepwell_jsonpath::Path;

use crate::{
    event::{EventKind, FrameIndex},
    failure::later,
    limits::WAIT_SECONDS_MAX,
    program::{State, StateKind, WaitState},
    step::{Halt, Progress, Stepper},
    time::Timestamp,
};

/// Works out the end. One that has passed lets the state exit at once.
pub(crate) fn enter(
    stepper: &mut Stepper<'_>,
    frame: FrameIndex,
    state: &State,
    wait: &WaitState,
) -> Progress {
    let effective = stepper.effective_input(frame, state)?;
    let until = match &wait.until {
        WaitUntil::Seconds(seconds) => in_seconds(stepper, i64::from(*seconds)),
        WaitUntil::SecondsPath(path) => {
            in_checked_seconds(stepper, frame, seconds_at(stepper, frame, path, effective.value())?)?
        }
        WaitUntil::Timestamp(instant) => at_instant(stepper, frame, instant)?,
        WaitUntil::TimestampPath(path) => {
            let value = stepper.read_path(frame, path, effective.value())?;
            let Some(instant) = value.as_str().and_then(stepwell_asl::timestamp::parse) else {
                return Err(stepper.runtime_fault(
                    frame,
                    format_args!(
                        "The TimestampPath parameter does not reference a valid ISO-8601 extended offset \
                         date-time format string: {} == {}",
                        path.text(),
                        shown(&value)
                    ),
                ));
            };
            at_instant(stepper, frame, &instant)?
        }
        WaitUntil::SecondsExpression(template) => in_checked_seconds(
            stepper,
            frame,
            stepper.evaluate_integer(frame, template, Field::State("Seconds"), 0)?,
        )?,
        WaitUntil::TimestampExpression(template) => {
            let text = stepper.evaluate_text(frame, template, Field::State("Timestamp"))?;
            let Some(instant) = stepwell_asl::timestamp::parse(&text) else {
                return Err(stepper.query_fault(
                    frame,
                    Some("Timestamp"),
                    format_args!(
                        "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format \
                         string: {text}"
                    ),
                ));
            };
            at_instant(stepper, frame, &instant)?
        }
    };
    if until <= stepper.time {
        return ended(stepper, frame);
    }
    stepper.emit(EventKind::WaitStarted { frame, until })?;
    let timers = stepper.execution.frame_timers(frame);
    stepper.out.timers.extend(timers);
    Ok(())
}

/// Leaves the state: the output is the input.
pub(crate) fn ended(stepper: &mut Stepper<'_>, frame: FrameIndex) -> Progress {
    let state = stepper.state_of(frame);
    let StateKind::Wait(wait) = &state.kind else { return Ok(()) };
    let effective = stepper.effective_input(frame, state)?;
    stepper.complete(frame, state, effective, wait.next)
}

fn in_seconds(stepper: &Stepper<'_>, seconds: i64) -> Timestamp {
    scaled(stepper, stepper.time.plus_seconds(seconds))
}

fn in_checked_seconds(stepper: &Stepper<'_>, frame: FrameIndex, seconds: i64) -> Progress<Timestamp> {
    if seconds > WAIT_SECONDS_MAX {
        return Err(stepper.runtime_fault(frame, "Wait state delay is too long."));
    }
    Ok(in_seconds(stepper, seconds))
}

/// AWS truncates timestamps to whole seconds, and refuses delays of more than 2^31 - 1 seconds.
fn at_instant(stepper: &Stepper<'_>, frame: FrameIndex, instant: &Instant) -> Progress<Timestamp> {
    let until = Timestamp(instant.seconds().saturating_mul(1000));
    if until.0.saturating_sub(stepper.time.0) > WAIT_SECONDS_MAX * 1000 {
        return Err(stepper.runtime_fault(frame, "Wait state delay is too long."));
    }
    Ok(scaled(stepper, until))
}

/// `WAIT_TIME_SCALE`: waits are shortened or lengthened by a factor, never in production.
fn scaled(stepper: &Stepper<'_>, until: Timestamp) -> Timestamp {
    let scale = stepper.surroundings.wait_scale;
    if scale == 1.0 {
        return until;
    }
    let seconds = until.0.saturating_sub(stepper.time.0) as f64 / 1000.0;
    later(stepper.time, seconds * scale)
}

fn seconds_at(stepper: &Stepper<'_>, frame: FrameIndex, path: &Path, input: &Value) -> Progress<i64> {
    let missing = || format!("The SecondsPath parameter does not reference an input value: {}", path.text());
    let value = match stepper.read_path(frame, path, input) {
        Ok(value) => value,
        Err(Halt::Heavy) => return Err(Halt::Heavy),
        Err(_) => return Err(stepper.runtime_fault(frame, missing())),
    };
    let shown = format!("{} == {}", path.text(), value.to_text());
    match &value {
        Value::Number(_) => match value.as_i64() {
            Some(seconds) if seconds < 0 => Err(stepper.runtime_fault(
                frame,
                format_args!("The SecondsPath parameter references a negative value: {shown}"),
            )),
            Some(seconds) => Ok(seconds),
            None => Err(stepper.runtime_fault(
                frame,
                format_args!("The SecondsPath parameter cannot be parsed as a long value: {shown}"),
            )),
        },
        _ => Err(stepper.runtime_fault(frame, missing())),
    }
}

/// A string without quotes, anything else as JSON: so AWS shows the value of a path.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_text(), str::to_owned)
}
