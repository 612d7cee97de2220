//! Choice.

use crate::{
    context::StateRoots,
    event::FrameIndex,
    program::{ChoiceState, State},
    step::{Progress, Stepper},
};

/// The first rule that holds decides, then Default. Neither: `States.Runtime`, as measured on AWS, although
/// `States.NoChoiceMatched` is documented.
pub(crate) fn enter(
    stepper: &mut Stepper<'_>,
    frame: FrameIndex,
    state: &State,
    choice: &ChoiceState,
) -> Progress {
    let effective = stepper.effective_input(frame, state)?;
    let mut taken = None;
    {
        let mut roots = StateRoots::new(stepper, frame, effective.value().clone());
        for branch in &choice.choices {
            let holds =
                branch.rule.matches(&mut roots).map_err(|error| stepper.evaluation_fault(frame, &error))?;
            if holds {
                taken = Some((branch.next, branch.assign.as_ref()));
                break;
            }
        }
    }
    let Some((next, assign)) = taken.or_else(|| choice.default.map(|next| (next, state.assign.as_ref())))
    else {
        return Err(stepper.runtime_fault(
            frame,
            "Failed to transition out of the state. The state does not point to a next state.",
        ));
    };
    let assigned = stepper.assign(frame, assign, effective.value())?;
    let output = stepper.filter_output(frame, state, effective)?;
    stepper.check_size(frame, &output)?;
    stepper.exit(frame, output, Some(next), assigned)
}
