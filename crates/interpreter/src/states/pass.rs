//! Pass.

use crate::{
    event::FrameIndex,
    payload::Stored,
    program::{PassState, State},
    step::{Progress, Stepper},
};

/// The result is `Result` if present, else the effective input after Parameters.
pub(crate) fn enter(
    stepper: &mut Stepper<'_>,
    frame: FrameIndex,
    state: &State,
    pass: &PassState,
) -> Progress {
    let effective = stepper.effective_input(frame, state)?;
    let result = match &pass.result {
        Some(result) => Stored::from_value(result.clone()),
        None => stepper.arguments(frame, state, effective)?,
    };
    stepper.complete(frame, state, result, pass.next)
}
