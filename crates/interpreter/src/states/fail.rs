//! Fail.

use stepwell_asl::FailText;
use stepwell_json::Value;

use crate::{
    context::StateRoots,
    event::{ErrorOutput, FrameIndex},
    limits::{CAUSE_CHARACTERS_MAX, ERROR_CHARACTERS_MAX},
    program::FailState,
    step::{Progress, Stepper},
    text::Text,
};

/// Ends the chain with an error. The raw input is what paths read: Fail has no InputPath.
pub(crate) fn enter(stepper: &mut Stepper<'_>, frame: FrameIndex, fail: &FailState) -> Progress {
    let error = text(stepper, frame, fail.error.as_ref(), "ErrorPath", ERROR_CHARACTERS_MAX)?;
    let cause = text(stepper, frame, fail.cause.as_ref(), "CausePath", CAUSE_CHARACTERS_MAX)?;
    let error = ErrorOutput { error, cause, timeout: false, heartbeat: false };
    crate::failure::propagate(stepper, frame, error)
}

fn text(
    stepper: &Stepper<'_>,
    frame: FrameIndex,
    text: Option<&FailText>,
    field: &str,
    characters_max: usize,
) -> Progress<Option<Text>> {
    let value = match text {
        None => return Ok(None),
        Some(FailText::Literal(text)) => Value::String(text.clone()),
        Some(FailText::Expression(expression)) => {
            let raw = stepper.raw_input(frame);
            let mut roots = StateRoots::new(stepper, frame, raw.value().clone());
            expression.evaluate(field, &mut roots).map_err(|error| stepper.evaluation_fault(frame, &error))?
        }
    };
    match value {
        Value::String(text) => Ok(Some(shorten(Text(text), characters_max))),
        other => Err(stepper.runtime_fault(
            frame,
            format_args!("The {field} parameter does not reference a string: {}", other.to_text()),
        )),
    }
}

/// Cuts a text to AWS's limit.
pub(crate) fn shorten(text: Text, characters_max: usize) -> Text {
    match text.char_indices().nth(characters_max) {
        Some((end, _)) => text[..end].into(),
        None => text,
    }
}
