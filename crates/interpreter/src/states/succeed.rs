//! Succeed.

use crate::{
    event::FrameIndex,
    program::State,
    step::{Progress, Stepper},
};

/// Ends the chain well. The output is the input, as InputPath and OutputPath or Output have it.
pub(crate) fn enter(stepper: &mut Stepper<'_>, frame: FrameIndex, state: &State) -> Progress {
    let effective = stepper.effective_input(frame, state)?;
    stepper.complete(frame, state, effective, None)
}
