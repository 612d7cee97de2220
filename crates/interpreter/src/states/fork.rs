//! Forks: the children of Parallel and inline Map states start, end, stop and join.
//!
//! Nothing here looks at all siblings: counters say when a fork is complete, and a list of children that still
//! run says what is to be stopped.

use stepwell_json::{Array, Value};

use crate::{
    event::{EventKind, FrameIndex},
    execution::{ForkIndex, Phase},
    payload::Stored,
    program::StateKind,
    step::{Fault, Progress, Stepper},
};

/// Lets a fork go on: stops children after a failure, joins when all are done, starts iterations in free slots.
pub(crate) fn run(stepper: &mut Stepper<'_>, fork_index: ForkIndex) -> Progress {
    let Some(fork) = stepper.execution.forks.get(fork_index) else { return Ok(()) };
    let owner = fork.owner;
    if stepper.execution.is_being_stopped(owner) {
        return Ok(());
    }
    if fork.failure.is_some() {
        stop_children(stepper, fork_index, owner)
    } else if fork.is_complete() {
        join(stepper, owner).or_else(|halt| stepper.handle_halt(owner, halt))
    } else {
        start_iterations(stepper, fork_index, owner).or_else(|halt| stepper.handle_halt(owner, halt))
    }
}

/// A chain has left its last state: the execution, the branch or the iteration succeeds.
pub(crate) fn chain_ended(stepper: &mut Stepper<'_>, frame: FrameIndex) -> Progress {
    let Some(at) = stepper.execution.frames.get(frame) else { return Ok(()) };
    let (index, previous) = (at.index, at.last_event);
    let Some(fork_index) = at.fork else {
        if let Phase::Done(output) = &at.phase {
            let output = output.clone();
            stepper.finish(EventKind::ExecutionSucceeded { output, previous });
        }
        return Ok(());
    };
    match stepper.execution.forks.get(fork_index).map(|fork| (fork.owner, fork.items.is_some())) {
        Some((owner, true)) => {
            let state = stepper.state_index_of(owner);
            stepper.emit(EventKind::IterationSucceeded { frame, state, index, previous })?;
        }
        _ => {
            stepper.emit(EventKind::BranchSucceeded { frame })?;
        }
    }
    let goes_on = stepper
        .execution
        .forks
        .get(fork_index)
        .is_some_and(|fork| fork.is_complete() || fork.has_free_slot());
    if goes_on {
        stepper.schedule_fork(fork_index);
    }
    Ok(())
}

fn start_iterations(stepper: &mut Stepper<'_>, fork_index: ForkIndex, owner: FrameIndex) -> Progress {
    let state = stepper.state_of(owner);
    let StateKind::Map(map) = &state.kind else { return Ok(()) };
    loop {
        let Some(fork) = stepper.execution.forks.get(fork_index) else { return Ok(()) };
        if !fork.has_free_slot() {
            return Ok(());
        }
        if stepper.is_spent() {
            stepper.out.unfinished = true;
            return Ok(());
        }
        let Some((items, input)) = fork.items.clone() else { return Ok(()) };
        let index = fork.next;
        let chain = fork.freed.front().copied().filter(|_| index >= fork.limit).unwrap_or(fork.started);
        let input = iteration(stepper, owner, map, &items, &input, index)?;
        stepper.spend_transition();
        let state = stepper.state_index_of(owner);
        let child = stepper.execution.frames.next_index();
        stepper.emit(EventKind::IterationStarted { owner, state, index, input, previous: chain })?;
        stepper.schedule_frame(child);
    }
}

fn iteration(
    stepper: &Stepper<'_>,
    owner: FrameIndex,
    map: &crate::program::MapState,
    items: &Stored,
    input: &Stored,
    index: u32,
) -> Progress<Stored> {
    super::map::iteration_input(stepper, owner, map, items, input, index)
}

/// All children have ended well.
fn join(stepper: &mut Stepper<'_>, owner: FrameIndex) -> Progress {
    let previous = stepper.chain(owner);
    let index = stepper.state_index_of(owner);
    stepper.emit(EventKind::ForkSucceeded { frame: owner, state: index, previous })?;
    leave(stepper, owner)
}

/// Leaves the state of a frame whose children have all ended well: their outputs in order are the result.
pub(crate) fn leave(stepper: &mut Stepper<'_>, owner: FrameIndex) -> Progress {
    let fork = stepper.execution.frames.get(owner).and_then(|frame| frame.kept.as_ref());
    let outputs = fork.map_or(&[] as &[_], |fork| &fork.outputs).iter();
    let outputs = outputs.map(|output| output.as_ref().map_or(Value::Null, |o| o.value().clone())).collect();
    let result = stepper.check_depth(owner, Value::Array(Array::new(outputs)))?;
    let result = Stored::from_value(result);
    let state = stepper.state_of(owner);
    match &state.kind {
        StateKind::Parallel(parallel) => stepper.complete(owner, state, result, parallel.next),
        StateKind::Map(map) => stepper.complete(owner, state, result, map.next),
        _ => Ok(()),
    }
}

/// Stops the children that still run, innermost first, each in a step of its own; all their events point to the
/// event that failed the fork. When none is left the owner goes on with the error.
fn stop_children(stepper: &mut Stepper<'_>, fork_index: ForkIndex, owner: FrameIndex) -> Progress {
    loop {
        let Some(fork) = stepper.execution.forks.get(fork_index) else { return Ok(()) };
        let Some((_, previous)) = fork.failure else { return Ok(()) };
        let Some(mut child) = fork.first_child else { break };
        if stepper.is_spent() {
            stepper.out.unfinished = true;
            return Ok(());
        }
        stepper.spend_transition();
        while let Some(inner) = first_grandchild(stepper, child) {
            child = inner;
        }
        stop_child(stepper, child, previous)?;
    }
    stepper.emit(EventKind::ForkStopped { frame: owner })?;
    let Some(Phase::Broken(broken)) = stepper.execution.frames.get(owner).map(|at| &at.phase) else {
        return Ok(());
    };
    let error = broken.error.clone();
    stepper.handle_halt(owner, Fault::Catchable(error).into())
}

fn first_grandchild(stepper: &Stepper<'_>, child: FrameIndex) -> Option<FrameIndex> {
    match stepper.execution.frames.get(child)?.phase {
        Phase::Forked(fork) => stepper.execution.forks.get(fork)?.first_child,
        _ => None,
    }
}

fn stop_child(stepper: &mut Stepper<'_>, frame: FrameIndex, previous: u32) -> Progress {
    let Some(child) = stepper.execution.frames.get(frame) else { return Ok(()) };
    let (index, state, fork) = (child.index, child.state, child.fork);
    // A state that was not entered yet, or was left, has nothing to abort. Of the others only these ever wait; one that
    // a redrive is about to run again is as if it had not been entered.
    let waits = matches!(
        stepper.program.state(state).kind,
        StateKind::Task(_) | StateKind::Wait(_) | StateKind::Parallel(_) | StateKind::Map(_)
    );
    if waits && !matches!(child.phase, Phase::Ready | Phase::Done(_)) {
        let known = stepper.execution.debts.len();
        stepper.emit(EventKind::StateAborted { frame, state, previous })?;
        stepper.stop_jobs(known);
    }
    let fork = fork.and_then(|fork| stepper.execution.forks.get(fork));
    match fork.map(|fork| (fork.owner, fork.items.is_some())) {
        Some((owner, true)) => {
            let state = stepper.state_index_of(owner);
            stepper.emit(EventKind::IterationAborted { frame, state, index, previous })?;
        }
        _ => {
            stepper.emit(EventKind::BranchAborted { frame })?;
        }
    }
    Ok(())
}
