//! RedriveExecution: which executions can be redriven, and with what input and definition they go on.

use std::{mem::discriminant, sync::Arc};

use crate::{
    command::{NewDefinition, RedriveRequest, Rejection},
    event::{DefinitionEdit, EventKind, InputEdit, MovedState, StateIndex},
    execution::{Frame, Phase, Status},
    limits::{
        EXECUTION_DURATION_SECONDS_MAX, PAYLOAD_BYTES_MAX, REDRIVE_EDITS_MAX, REDRIVE_HISTORY_EVENTS_MAX,
        REDRIVE_PERIOD_SECONDS, REDRIVE_TOKEN_SECONDS,
    },
    payload::Stored,
    program::{Program, State, StateKind},
    step::{Refusal, Stepper},
    time::Timestamp,
};

/// Why an execution can't be redriven, in the words of AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotRedrivable {
    /// It runs.
    #[error("Execution is RUNNING and cannot be redriven")]
    Running,
    /// It ended well.
    #[error("Execution is SUCCEEDED and cannot be redriven")]
    Succeeded,
    /// Its state machine is being deleted, or is gone.
    #[error("State machine is in DELETING status")]
    MachineDeleting,
    /// Its history is nearly full.
    #[error("Execution history event limit exceeded")]
    HistoryLimit,
    /// It began more than a year ago.
    #[error("Execution has exceeded the max execution time")]
    ExecutionTime,
    /// It ended more than 14 days ago, or is about to be removed.
    #[error("Execution redrivable period exceeded")]
    Period,
}

/// What decides whether an execution can be redriven.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    /// How it stands.
    pub status: Status,
    /// When it started.
    pub start_time: Timestamp,
    /// When it ended.
    pub stop_time: Timestamp,
    /// Its visible events.
    pub history_length: u32,
}

impl Standing {
    /// Whether it can be redriven at a time. Express executions are no matter of this.
    ///
    /// # Errors
    /// [`NotRedrivable`] says why not.
    pub fn check(&self, now: Timestamp) -> Result<(), NotRedrivable> {
        match self.status {
            Status::New | Status::Running => Err(NotRedrivable::Running),
            Status::Succeeded => Err(NotRedrivable::Succeeded),
            _ if self.history_length >= REDRIVE_HISTORY_EVENTS_MAX => Err(NotRedrivable::HistoryLimit),
            _ if now >= self.start_time.plus_seconds(EXECUTION_DURATION_SECONDS_MAX) => {
                Err(NotRedrivable::ExecutionTime)
            }
            _ if now > self.stop_time.plus_seconds(REDRIVE_PERIOD_SECONDS) => Err(NotRedrivable::Period),
            _ => Ok(()),
        }
    }
}

/// Takes the end back. What is to go on is found in state by the next step, which runs with the new definition if
/// there is one.
pub(crate) fn redrive(stepper: &mut Stepper<'_>, request: RedriveRequest) -> Result<(), Refusal> {
    let execution = &*stepper.execution;
    let Some(about) = &execution.about else { return Err(Rejection::Unfitting.into()) };
    let now = stepper.time;
    if let Some(token) = &request.client_token {
        let known = execution.redrive_tokens.iter().rev().find(|(known, _)| known == token);
        if let Some((_, time)) = known.filter(|(_, time)| now <= time.plus_seconds(REDRIVE_TOKEN_SECONDS)) {
            return Err(Rejection::Repeated { time: *time }.into());
        }
    }
    let standing = Standing {
        status: execution.status,
        start_time: about.start_time,
        stop_time: execution.stop_time,
        history_length: execution.history_length,
    };
    standing.check(now).map_err(Rejection::NotRedrivable)?;
    let Some(root) = &execution.stopped else { return Err(Rejection::Unfitting.into()) };
    let unfit = |text: String| Rejection::EditDoesNotFit(text.into());
    let is_edited = request.input.is_some() || request.definition.is_some();
    if is_edited && execution.redrive_edits >= REDRIVE_EDITS_MAX {
        let text = format!(
            "{REDRIVE_EDITS_MAX} redrives of this execution have brought another input or definition, and no more can. \
             Start a new execution."
        );
        return Err(unfit(text).into());
    }
    let changes = match &request.definition {
        // What is owed is known by the numbers of states in the present definition.
        Some(_) if !execution.debts.is_empty() => {
            let text = "Jobs of tasks that were given up are still being stopped, for which the present definition is \
                        needed. Redrive the execution in a moment.";
            return Err(unfit(text.to_owned()).into());
        }
        Some(new) => {
            let mut changes = Changes::default();
            fit(stepper.program, &new.program, root, None, &mut changes).map_err(unfit)?;
            changes
        }
        None => Changes::default(),
    };
    let input = match request.input {
        Some(input) => {
            if input.size() > PAYLOAD_BYTES_MAX {
                let text = format!("The input of a state can have {PAYLOAD_BYTES_MAX} bytes at most.");
                return Err(unfit(text).into());
            }
            let (place, state) = edited_state(stepper.program, root).map_err(unfit)?;
            let state =
                changes.moved.iter().find(|moved| moved.from == state).map_or(state, |moved| moved.to);
            Some(Box::new(InputEdit { place, state, input: Stored::new(input) }))
        }
        None => None,
    };
    let new = request.definition;
    let definition = new.as_ref().map(|NewDefinition { revision, .. }| {
        let Changes { moved, retyped } = changes;
        let retyped = (!retyped.is_empty()).then_some(retyped);
        Box::new(DefinitionEdit { revision: *revision, moved, retyped })
    });
    let (count, previous) = (execution.redrive_count + 1, execution.history_length);
    let client_token = request.client_token;
    stepper.emit(EventKind::ExecutionRedriven { count, client_token, input, definition, previous })?;
    let program = new.as_ref().map_or(stepper.program, |new| new.program.as_ref());
    let timer = stepper.execution.execution_timer(program);
    stepper.out.timers.push(timer);
    stepper.out.unfinished = true;
    Ok(())
}

/// The state that gets another input: the one whose error ended the execution; where there was none, the only one that
/// runs again.
fn edited_state(program: &Program, root: &Frame) -> Result<(Vec<u32>, StateIndex), String> {
    let mut place = Vec::new();
    let mut frame = root;
    if root.phase == (Phase::Stopped { failed: true }) {
        let failed = |child: &&Frame| child.phase == Phase::Stopped { failed: true };
        while let Some(child) = frame.kept.as_ref().and_then(|fork| fork.kept.iter().find(failed)) {
            place.push(child.index);
            frame = child;
        }
        return Ok((place, frame.state));
    }
    while let Some(fork) = &frame.kept {
        match fork.kept.as_slice() {
            [] => break,
            [child] if fork.next == fork.length => {
                place.push(child.index);
                frame = child;
            }
            children => {
                let mut names: Vec<_> =
                    children.iter().map(|child| &*program.state(child.state).name).collect();
                names.sort_unstable();
                names.dedup();
                let names = names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
                return Err(format!(
                    "An input can be given to one state only, but no state failed and several go on: {names}. \
                     Redrive the execution without an input."
                ));
            }
        }
    }
    Ok((place, frame.state))
}

/// What a new definition changes of the states in which chains stand.
#[derive(Default)]
struct Changes {
    /// Those whose number changes.
    moved: Vec<MovedState>,
    /// Those whose type changes, by their new numbers.
    retyped: Vec<StateIndex>,
}

/// Checks that a new definition has the states in which chains stand, and notes what it changes of them.
fn fit(
    old: &Program,
    new: &Arc<Program>,
    frame: &Frame,
    within: Option<(StateIndex, u32)>,
    changes: &mut Changes,
) -> Result<(), String> {
    let State { name, kind: old_kind, .. } = old.state(frame.state);
    let found = (0..).zip(&new.states).find(|(_, state)| state.name == *name && state.within == within);
    let Some((index, state)) = found else {
        let place = match within {
            None => "at the top level".to_owned(),
            Some((outer, branch)) => match &new.state(outer).kind {
                StateKind::Map(_) => format!("in the ItemProcessor of '{}'", new.state(outer).name),
                _ => format!("in branch {branch} of '{}'", new.state(outer).name),
            },
        };
        return Err(format!(
            "The new definition has no state '{name}' {place}, where the execution goes on. Keep a state of that name \
             there, or start a new execution."
        ));
    };
    let change = MovedState { from: frame.state, to: index };
    if change.from != change.to && !changes.moved.contains(&change) {
        changes.moved.push(change);
    }
    if discriminant(old_kind) != discriminant(&state.kind) && !changes.retyped.contains(&index) {
        changes.retyped.push(index);
    }
    let Some(fork) = &frame.kept else { return Ok(()) };
    let length = fork.length as usize;
    let is_same_fork = match &state.kind {
        StateKind::Parallel(parallel) => fork.items.is_none() && parallel.branches.len() == length,
        StateKind::Map(_) => fork.items.is_some(),
        _ => false,
    };
    if !is_same_fork {
        let what = match fork.items {
            None => format!("a Parallel state with {length} branches"),
            Some(_) => "a Map state".to_owned(),
        };
        return Err(format!(
            "The execution goes on within the state '{name}', so it must stay {what} in the new definition."
        ));
    }
    let is_map = fork.items.is_some();
    for child in &fork.kept {
        let branch = if is_map { 0 } else { child.index };
        fit(old, new, child, Some((index, branch)), changes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3600;

    #[test]
    fn what_can_be_redriven_is_decided_by_status_events_and_times() {
        let fresh = Standing {
            status: Status::Failed,
            start_time: Timestamp(0),
            stop_time: Timestamp(1_000),
            history_length: 10,
        };
        let at = |seconds: i64| Timestamp(seconds * 1_000);
        let table = [
            (fresh, at(2), Ok(())),
            (Standing { status: Status::Aborted, ..fresh }, at(2), Ok(())),
            (Standing { status: Status::TimedOut, ..fresh }, at(2), Ok(())),
            (Standing { status: Status::Running, ..fresh }, at(2), Err(NotRedrivable::Running)),
            (Standing { status: Status::Succeeded, ..fresh }, at(2), Err(NotRedrivable::Succeeded)),
            (Standing { history_length: 24_998, ..fresh }, at(2), Ok(())),
            (Standing { history_length: 24_999, ..fresh }, at(2), Err(NotRedrivable::HistoryLimit)),
            (fresh, at(1 + 14 * DAY), Ok(())),
            (fresh, Timestamp(1_001 + 14 * DAY * 1_000), Err(NotRedrivable::Period)),
            (Standing { stop_time: at(364 * DAY), ..fresh }, at(365 * DAY - 1), Ok(())),
            (
                Standing { stop_time: at(364 * DAY), ..fresh },
                at(365 * DAY),
                Err(NotRedrivable::ExecutionTime),
            ),
        ];
        for (standing, now, expected) in table {
            assert_eq!(standing.check(now), expected, "{standing:?} at {now:?}");
        }
    }
}
