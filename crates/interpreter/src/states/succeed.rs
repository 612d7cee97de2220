//! Succeed.

use crate::{
    event::FrameIndex,
    program::State,
    step::{Progress, Stepper},
};

/// Ends the chain well, with the input after InputPath and OutputPath.
pub(crate) fn enter(stepper: &mut Stepper<'_>, frame: FrameIndex, state: &State) -> Progress {
    let effective = stepper.effective_input(frame, state)?;
    let output = stepper.filter_output(frame, state, effective)?;
    stepper.check_size(frame, &output)?;
    stepper.exit(frame, output, None, Vec::new())
}
