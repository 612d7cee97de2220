//! Parallel: entering it. `fork.rs` has what follows.

use super::mocked;
use crate::{
    event::{EventKind, FrameIndex},
    execution::Phase,
    program::{ParallelState, State},
    step::{Progress, Stepper},
};

/// Every branch gets the effective input after Parameters or Arguments; each is started at once.
pub(crate) fn enter(
    stepper: &mut Stepper<'_>,
    frame: FrameIndex,
    state: &State,
    parallel: &ParallelState,
) -> Progress {
    let effective = stepper.effective_input(frame, state)?;
    let input = stepper.arguments(frame, state, effective)?;
    stepper.check_size(frame, &input)?;
    if let Some(outcome) = stepper.surroundings.inspection.and_then(|test| test.children.as_ref()) {
        return mocked::finish(stepper, frame, state, parallel.next, outcome);
    }
    let state = stepper.state_index_of(frame);
    let previous = stepper.chain(frame);
    stepper.emit(EventKind::ParallelStarted { frame, state, input, previous })?;
    let Some(Phase::Forked(fork)) = stepper.execution.frames.get(frame).map(|at| &at.phase) else {
        return Ok(());
    };
    let mut child = stepper.execution.forks.get(*fork).and_then(|fork| fork.first_child);
    while let Some(at) = child {
        stepper.schedule_frame(at);
        child = stepper.execution.frames.get(at).and_then(|frame| frame.siblings.1);
    }
    Ok(())
}
