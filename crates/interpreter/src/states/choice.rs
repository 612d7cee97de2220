//! Choice.

use stepwell_asl::Field;
use stepwell_json::Value;

use crate::{
    context::StateRoots,
    data_flow::JsonataRoots,
    event::FrameIndex,
    program::{ChoiceBranch, ChoiceState, Choices, JsonataBranch, State},
    step::{Decision, Progress, Stepper},
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
    match &choice.choices {
        Choices::JsonPath(branches) => {
            if let Some((index, branch)) = first_match(stepper, frame, branches, effective.value())? {
                stepper.decided(frame, Decision::Rule(index));
                let assigned = stepper.assign(frame, branch.assign.as_ref(), &effective)?;
                return stepper.leave(frame, state, effective, assigned, Some(branch.next));
            }
        }
        Choices::Jsonata(branches) => {
            if let Some((index, branch)) = first_true(stepper, frame, branches)? {
                stepper.decided(frame, Decision::Rule(index));
                let field = |name| Field::Choice(index, name);
                return stepper.leave_by(frame, &branch.exit, field, None, effective, Some(branch.next));
            }
        }
    }
    let Some(next) = choice.default else {
        return Err(stepper.runtime_fault(
            frame,
            "Failed to transition out of the state. The state does not point to a next state.",
        ));
    };
    stepper.decided(frame, Decision::Default);
    stepper.complete(frame, state, effective, Some(next))
}

fn first_match<'a>(
    stepper: &Stepper<'_>,
    frame: FrameIndex,
    branches: &'a [ChoiceBranch],
    effective: &Value,
) -> Progress<Option<(usize, &'a ChoiceBranch)>> {
    let mut roots = StateRoots::new(stepper, frame, effective.clone());
    for (index, branch) in branches.iter().enumerate() {
        if branch.rule.matches(&mut roots).map_err(|error| stepper.evaluation_fault(frame, &error))? {
            return Ok(Some((index, branch)));
        }
    }
    Ok(None)
}

fn first_true<'a>(
    stepper: &Stepper<'_>,
    frame: FrameIndex,
    branches: &'a [JsonataBranch],
) -> Progress<Option<(usize, &'a JsonataBranch)>> {
    let mut roots = JsonataRoots::new(stepper, frame, None);
    for (index, branch) in branches.iter().enumerate() {
        let holds = roots
            .evaluate_as(&branch.condition, Field::Choice(index, "Condition"), |value| {
                value.as_bool().ok_or("boolean")
            })
            .map_err(|error| stepper.evaluation_fault(frame, &error))?;
        if holds {
            return Ok(Some((index, branch)));
        }
    }
    Ok(None)
}
