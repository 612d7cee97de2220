//! What was in flight, worked out from state: after a crash every effect is derived again.

use crate::{
    command::TaskId,
    effect::Effect,
    execution::{Debt, Execution, Phase, TaskStatus},
    program::{Program, StateKind},
};

/// The effects that an execution still waits for, with the same task ids and contents as when they were first
/// released.
#[must_use]
pub fn outstanding_effects(program: &Program, execution: &Execution) -> Vec<Effect> {
    let mut effects = Vec::new();
    for (index, frame) in execution.frames.iter() {
        let Phase::Task(task) = &frame.phase else { continue };
        if execution.is_being_stopped(index) {
            continue;
        }
        let Some(StateKind::Task(state)) = program.get(frame.state).map(|state| &state.kind) else {
            continue;
        };
        let id = TaskId { frame: index, attempt: task.attempt };
        match (task.status, &task.submitted) {
            (TaskStatus::Scheduled, _) if state.is_activity() && task.mock.is_none() => {
                effects.push(Effect::OfferActivityTask {
                    task: id,
                    state: frame.state,
                    input: task.parameters.payload.clone(),
                })
            }
            (TaskStatus::Submitted, Some(submitted)) if state.waits_for_job() => {
                effects.push(Effect::AwaitJob {
                    task: id,
                    state: frame.state,
                    submitted: submitted.payload.clone(),
                    parameters: task.parameters.payload.clone(),
                    credentials_role: task.credentials_role.clone(),
                });
            }
            (TaskStatus::Started, _) if !state.is_activity() || task.mock.is_some() => {
                effects.push(Effect::InvokeTask {
                    task: id,
                    state: frame.state,
                    parameters: task.parameters.payload.clone(),
                    credentials_role: task.credentials_role.clone(),
                    mock: task.mock,
                })
            }
            _ => {}
        }
    }
    effects.extend(execution.debts.iter().map(Debt::effect));
    effects
}
