//! Fail.

use stepwell_asl::{FailText, Field};
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
    let error = text(stepper, frame, fail.error.as_ref(), ("Error", "ErrorPath"))?;
    let cause = text(stepper, frame, fail.cause.as_ref(), ("Cause", "CausePath"))?;
    let error = ErrorOutput {
        error: error.map(|error| error.shortened(ERROR_CHARACTERS_MAX)),
        cause: cause.map(|cause| cause.shortened(CAUSE_CHARACTERS_MAX)),
        timeout: false,
        heartbeat: false,
    };
    crate::failure::propagate(stepper, frame, error)
}

fn text(
    stepper: &Stepper<'_>,
    frame: FrameIndex,
    text: Option<&FailText>,
    (field, path_field): (&'static str, &str),
) -> Progress<Option<Text>> {
    let value = match text {
        None => return Ok(None),
        Some(FailText::Literal(text)) => return Ok(Some(Text(text.clone()))),
        Some(FailText::Jsonata(template)) => {
            return stepper.evaluate_text(frame, template, Field::State(field)).map(|text| Some(Text(text)));
        }
        Some(FailText::Expression(expression)) => {
            let raw = stepper.raw_input(frame);
            let mut roots = StateRoots::new(stepper, frame, raw.value().clone());
            expression
                .evaluate(path_field, &mut roots)
                .map_err(|error| stepper.evaluation_fault(frame, &error))?
        }
    };
    match value {
        Value::String(text) => Ok(Some(Text(text))),
        other => Err(stepper.runtime_fault(
            frame,
            format_args!("The {path_field} parameter does not reference a string: {}", other.to_text()),
        )),
    }
}
