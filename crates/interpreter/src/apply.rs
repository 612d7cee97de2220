//! `apply`: the only code that changes an execution. Total, evaluates no expression, reads no clock; the same
//! function serves live decisions and recovery.

use std::{collections::VecDeque, sync::Arc};

use crate::{
    command::TaskId,
    event::{ErrorOutput, Event, EventKind, FrameIndex, HistoryId, StateIndex},
    execution::{
        Broken, Debt, Entered, Execution, Fork, ForkIndex, Frame, Phase, Status, TaskPhase, TaskStatus,
    },
    kept,
    limits::REDRIVE_TOKENS_MAX,
    payload::Stored,
    program::{Program, StateKind},
    scope::Scope,
    time::Timestamp,
};

/// Changes the execution as the event says. An event that does not fit (its frame is not there) changes nothing
/// but the counters: it can't occur in a history that was written by `step`.
pub fn apply(program: &Program, execution: &mut Execution, event: &Event) {
    execution.next_event = event.ordinal + 1;
    if event.history_id != 0 {
        execution.history_length = event.history_id;
    }
    execution.last_time = execution.last_time.max(event.time);
    let (ordinal, id, time) = (event.ordinal, event.history_id, event.time);
    match &event.kind {
        EventKind::ExecutionStarted { input, about } => {
            let input = input.written_at(ordinal, 0);
            execution.about = Some(about.clone());
            execution.input = Some(input.clone());
            execution.status = Status::Running;
            execution.frames.insert(Frame {
                fork: None,
                index: 0,
                siblings: (None, None),
                state: program.start,
                entered: Entered::default(),
                phase: Phase::Ready,
                input,
                scope: Arc::default(),
                retries: Vec::new(),
                last_event: 0,
                kept: None,
            });
        }
        EventKind::StateEntered { frame, state, input, previous } => {
            let input = input.written_at(ordinal, 0);
            if let Some(frame) = execution.frames.get_mut(*frame) {
                frame.state = *state;
                frame.entered = Entered { id, previous: *previous, time };
                frame.phase = Phase::Entered;
                frame.input = input;
                frame.retries.clear();
                frame.last_event = id;
                frame.kept = None;
            }
        }
        EventKind::StateExited { frame, output, next, assigned, .. } => {
            leave_fork(execution, *frame);
            let output = output.written_at(ordinal, 0);
            let Some(frame) = execution.frames.get_mut(*frame) else { return };
            frame.last_event = id;
            frame.kept = None;
            frame.retries.clear();
            if !assigned.is_empty() {
                execution.variables_bytes += Arc::make_mut(&mut frame.scope).assign(assigned, ordinal);
            }
            match next {
                Some(next) => {
                    frame.state = *next;
                    frame.input = output;
                    frame.phase = Phase::Ready;
                }
                None => frame.phase = Phase::Done(output),
            }
        }
        EventKind::WaitStarted { frame, until } => {
            if let Some(frame) = execution.frames.get_mut(*frame) {
                frame.phase = Phase::Waiting { until: *until, ordinal };
            }
        }
        EventKind::TaskScheduled {
            frame,
            state,
            parameters,
            timeout_seconds,
            heartbeat_seconds,
            credentials_role,
            ..
        } => {
            let mock = execution.is_mocked(*state).then(|| count_invocation(execution, *state));
            if let Some(frame) = execution.frames.get_mut(*frame) {
                frame.last_event = id;
                frame.phase = Phase::Task(Box::new(TaskPhase {
                    attempt: ordinal,
                    status: TaskStatus::Scheduled,
                    parameters: parameters.written_at(ordinal, 0),
                    timeout_seconds: *timeout_seconds,
                    heartbeat_seconds: *heartbeat_seconds,
                    credentials_role: credentials_role.clone(),
                    mock,
                    submitted: None,
                    clock: time,
                    last_heartbeat: None,
                }));
            }
        }
        EventKind::TaskStarted { frame, state, .. } => {
            let is_activity = is_activity(program, *state);
            if let Some((frame, task)) = task_of(execution, *frame) {
                *frame = id;
                task.status = TaskStatus::Started;
                if is_activity {
                    // The heartbeat clock of an activity starts when a worker has taken the task.
                    task.last_heartbeat = task.heartbeat_seconds.map(|_| time);
                }
            }
        }
        EventKind::TaskSubmitted { frame, output, .. } => {
            let output = output.written_at(ordinal, 0);
            if let Some((frame, task)) = task_of(execution, *frame) {
                *frame = id;
                task.status = TaskStatus::Submitted;
                // The heartbeat clock of a callback starts when the call has been answered.
                task.last_heartbeat = task.heartbeat_seconds.map(|_| time);
                task.submitted = Some(output);
            }
        }
        EventKind::TaskSucceeded { frame, output, .. } => {
            let result = output.written_at(ordinal, 0);
            if let Some((frame, attempt)) = end_task(execution, *frame) {
                frame.last_event = id;
                frame.phase = Phase::Ended { result, attempt };
            }
        }
        EventKind::TaskFailed { frame, error, submitted, .. } => {
            if let (Some(submitted), Some((_, task))) = (submitted, task_of(execution, *frame)) {
                task.submitted = Some(submitted.written_at(ordinal, 0));
                give_up_job(program, execution, *frame);
            }
            if let Some((frame, attempt)) = end_task(execution, *frame) {
                frame.last_event = id;
                frame.phase = broken(error, Some(attempt));
            }
        }
        EventKind::TaskTimedOut { frame, error, .. } => {
            give_up_job(program, execution, *frame);
            if let Some((frame, attempt)) = end_task(execution, *frame) {
                frame.last_event = id;
                frame.phase = broken(error, Some(attempt));
            }
        }
        EventKind::RetryScheduled { frame, retrier, until } => {
            leave_fork(execution, *frame);
            if let Some(frame) = execution.frames.get_mut(*frame) {
                let retrier = usize::from(*retrier);
                if frame.retries.len() <= retrier {
                    frame.retries.resize(retrier + 1, 0);
                }
                frame.retries[retrier] += 1;
                frame.phase = Phase::BackingOff { until: *until, ordinal };
                frame.kept = None;
            }
        }
        EventKind::ParallelStarted { frame, state, input, .. } => {
            let input = input.written_at(ordinal, 0);
            let StateKind::Parallel(parallel) = &program.state(*state).kind else { return };
            let length = parallel.branches.len() as u32;
            let Some(fork) = open_fork(execution, *frame, id, None, length, length) else { return };
            for (index, start) in (0..).zip(&parallel.branches) {
                open_child(execution, fork, index, *start, input.clone(), id);
            }
        }
        EventKind::MapStarted { frame, items, input, length, limit, .. } => {
            let items = (items.written_at(ordinal, 0), input.written_at(ordinal, 1));
            open_fork(execution, *frame, id, Some(items), *length, *limit);
        }
        EventKind::IterationStarted { owner, state, index, input, .. } => {
            let StateKind::Map(map) = &program.state(*state).kind else { return };
            let Some(Phase::Forked(fork)) = execution.frames.get(*owner).map(|frame| &frame.phase) else {
                return;
            };
            let fork = *fork;
            if let Some(fork) = execution.forks.get_mut(fork)
                && fork.next >= fork.limit
            {
                fork.freed.pop_front();
            }
            open_child(execution, fork, *index, map.start, input.written_at(ordinal, 0), id);
        }
        EventKind::IterationSucceeded { frame, .. } => {
            let chain = execution.frames.get(*frame).map_or(0, |frame| frame.last_event);
            if let Some(fork) = end_child(execution, *frame, &ChildEnd::Succeeded) {
                fork.freed.push_back(chain);
                let owner = fork.owner;
                if fork.is_complete()
                    && let Some(owner) = execution.frames.get_mut(owner)
                {
                    owner.last_event = id;
                }
            }
        }
        EventKind::BranchSucceeded { frame } => {
            let chain = execution.frames.get(*frame).map_or(0, |frame| frame.last_event);
            if let Some(fork) = end_child(execution, *frame, &ChildEnd::Succeeded) {
                let owner = fork.owner;
                if fork.is_complete()
                    && let Some(owner) = execution.frames.get_mut(owner)
                {
                    owner.last_event = chain;
                }
            }
        }
        EventKind::IterationFailed { frame, error, .. } | EventKind::BranchFailed { frame, error } => {
            let chain = execution.frames.get(*frame).map_or(0, |frame| frame.last_event);
            if let Some(fork) = end_child(execution, *frame, &ChildEnd::Failed(error)) {
                fork.failure.get_or_insert((error.clone(), chain));
            }
        }
        EventKind::IterationAborted { frame, .. } | EventKind::BranchAborted { frame } => {
            end_child(execution, *frame, &ChildEnd::Aborted);
        }
        EventKind::StateAborted { frame, .. } => {
            give_up_job(program, execution, *frame);
            keep_fork(execution, *frame);
            if let Some(frame) = execution.frames.get_mut(*frame) {
                frame.phase = Phase::Stopped { failed: false };
            }
        }
        EventKind::ForkBroken { frame, error } => {
            let chain = execution.frames.get(*frame).map_or(0, |frame| frame.last_event);
            match fork_of(execution, *frame) {
                Some(fork) => fork.failure = Some((error.clone(), chain)),
                // The fork has ended already, or was never opened: there is nothing to stop.
                None => {
                    if let Some(frame) = execution.frames.get_mut(*frame) {
                        frame.phase = broken(error, None);
                    }
                }
            }
        }
        EventKind::ForkStopped { frame } => {
            let failure = fork_of(execution, *frame).and_then(|fork| fork.failure.clone());
            keep_fork(execution, *frame);
            if let Some(frame) = execution.frames.get_mut(*frame)
                && let Some((error, chain)) = failure
            {
                frame.last_event = chain;
                frame.phase = broken(&error, None);
            }
        }
        EventKind::ForkSucceeded { frame, .. } => {
            // A side note: it does not advance the chain, so that the exit has the same previous event.
            keep_fork(execution, *frame);
            if let Some(frame) = execution.frames.get_mut(*frame) {
                frame.phase = Phase::Joined;
            }
        }
        EventKind::ForkFailed { frame, .. } => {
            if let Some(frame) = execution.frames.get_mut(*frame) {
                frame.last_event = id;
                if let Phase::Broken(broken) = &mut frame.phase {
                    broken.is_reported = true;
                }
            }
        }
        EventKind::EvaluationFailed { frame, error, .. } => {
            if let Some(frame) = execution.frames.get_mut(*frame) {
                frame.last_event = id;
                // A fork that can't start its next iteration is stopped first.
                if !matches!(frame.phase, Phase::Forked(_)) {
                    frame.phase = broken(error, frame.ended_attempt());
                }
            }
        }
        EventKind::ExecutionSucceeded { output, .. } => {
            execution.output = Some(output.written_at(ordinal, 0));
            end(program, execution, Status::Succeeded, time);
        }
        EventKind::ExecutionFailed { error, previous } => {
            execution.failure = Some(error.clone());
            end(program, execution, Status::Failed, time);
            if let Some(root) = &mut execution.stopped {
                kept::mark_failed(root, *previous, error);
            }
        }
        EventKind::ExecutionAborted { error } => {
            execution.failure = Some(error.clone());
            end(program, execution, Status::Aborted, time);
        }
        EventKind::ExecutionTimedOut { error } => {
            execution.failure = Some(error.clone());
            end(program, execution, Status::TimedOut, time);
        }
        EventKind::ExecutionRedriven { count, client_token, input, definition, .. } => {
            let Some(mut root) = execution.stopped.take() else { return };
            if let Some(edit) = definition {
                kept::renumber(&mut root, edit);
            }
            if let Some(edit) = input
                && let Some(frame) = kept::frame_at(&mut root, &edit.place)
            {
                frame.input = edit.input.written_at(ordinal, 0);
                // Children of a state with another input have nothing to go on with.
                frame.kept = None;
            }
            execution.status = Status::Running;
            execution.failure = None;
            execution.redrive_count = *count;
            execution.redrive_time = Some(time);
            execution.redrive_edits += u32::from(input.is_some() || definition.is_some());
            if let Some(token) = client_token {
                execution.redrive_tokens.push_back((token.clone(), time));
                if execution.redrive_tokens.len() > REDRIVE_TOKENS_MAX {
                    execution.redrive_tokens.pop_front();
                }
            }
            kept::revive(execution, *root, None);
        }
        EventKind::Settled { attempt } => execution.debts.retain(|debt| debt.task.attempt != *attempt),
    }
}

fn end(program: &Program, execution: &mut Execution, status: Status, time: Timestamp) {
    execution.status = status;
    execution.stop_time = time;
    let frames: Vec<FrameIndex> = execution.frames.iter().map(|(index, _)| index).collect();
    for frame in frames {
        give_up_job(program, execution, frame);
    }
    let can_be_redriven =
        status != Status::Succeeded && !execution.about.as_ref().is_some_and(|about| about.express);
    if can_be_redriven {
        execution.stopped = kept::take_out(execution, 0).map(Box::new);
    }
    execution.frames.clear();
    execution.forks.clear();
    execution.variables_bytes = 0;
}

/// The number of this invocation of a mocked state, from 0.
#[cold]
#[inline(never)]
fn count_invocation(execution: &mut Execution, state: StateIndex) -> u32 {
    let count = execution.mock_invocations.entry(state).or_default();
    let number = *count;
    *count = count.saturating_add(1);
    number
}

fn is_activity(program: &Program, state: u32) -> bool {
    matches!(program.get(state).map(|state| &state.kind), Some(StateKind::Task(task)) if task.is_activity())
}

/// The chain and task of a frame that has a task out.
fn task_of(execution: &mut Execution, frame: FrameIndex) -> Option<(&mut HistoryId, &mut TaskPhase)> {
    let frame = execution.frames.get_mut(frame)?;
    match &mut frame.phase {
        Phase::Task(task) => Some((&mut frame.last_event, task)),
        _ => None,
    }
}

/// A frame whose task has ended, and the attempt.
fn end_task(execution: &mut Execution, frame: FrameIndex) -> Option<(&mut Frame, u32)> {
    let frame = execution.frames.get_mut(frame)?;
    match &frame.phase {
        Phase::Task(task) => {
            let attempt = task.attempt;
            Some((frame, attempt))
        }
        _ => None,
    }
}

fn broken(error: &ErrorOutput, attempt: Option<u32>) -> Phase {
    Phase::Broken(Box::new(Broken { error: error.clone(), attempt, is_reported: false }))
}

fn fork_of(execution: &mut Execution, frame: FrameIndex) -> Option<&mut Fork> {
    match execution.frames.get(frame)?.phase {
        Phase::Forked(fork) => execution.forks.get_mut(fork),
        _ => None,
    }
}

/// Notes that the job of a `.sync` task is no longer waited for and must be stopped; so must one that is just being
/// submitted.
fn give_up_job(program: &Program, execution: &mut Execution, index: FrameIndex) {
    let Some(frame) = execution.frames.get(index) else { return };
    if let Phase::Task(task) = &frame.phase
        && task.status != TaskStatus::Scheduled
        && task.mock.is_none()
        && let Some(StateKind::Task(state)) = program.get(frame.state).map(|state| &state.kind)
        && state.waits_for_job()
    {
        let id = TaskId { frame: index, attempt: task.attempt };
        execution.debts.push(Debt {
            task: id,
            state: frame.state,
            submitted: task.submitted.clone(),
            parameters: task.parameters.clone(),
            credentials_role: task.credentials_role.clone(),
        });
    }
}

/// Takes the fork that the frame was blocked on apart and keeps it. Its children have ended by then.
fn keep_fork(execution: &mut Execution, frame: FrameIndex) {
    if let Some(frame) = execution.frames.get_mut(frame)
        && let Phase::Forked(fork) = frame.phase
    {
        frame.phase = Phase::Entered;
        frame.kept = execution.forks.remove(fork).and_then(kept::keep);
    }
}

/// Drops the fork that the frame was blocked on. Its children are gone by then.
fn leave_fork(execution: &mut Execution, frame: FrameIndex) {
    if let Some(frame) = execution.frames.get_mut(frame)
        && let Phase::Forked(fork) = frame.phase
    {
        frame.phase = Phase::Entered;
        execution.forks.remove(fork);
    }
}

fn open_fork(
    execution: &mut Execution,
    owner: FrameIndex,
    started: HistoryId,
    items: Option<(Stored, Stored)>,
    length: u32,
    limit: u32,
) -> Option<ForkIndex> {
    let frame = execution.frames.get_mut(owner)?;
    frame.last_event = started;
    let fork = execution.forks.insert(Fork {
        owner,
        items,
        started,
        length,
        next: 0,
        running: 0,
        limit,
        freed: VecDeque::new(),
        first_child: None,
        last_child: None,
        outputs: vec![None; length as usize],
        failure: None,
        kept: Vec::new(),
    });
    frame.phase = Phase::Forked(fork);
    Some(fork)
}

fn open_child(
    execution: &mut Execution,
    fork_index: ForkIndex,
    index: u32,
    state: u32,
    input: Stored,
    chain: HistoryId,
) {
    let Some(fork) = execution.forks.get_mut(fork_index) else { return };
    let scope = execution.frames.get(fork.owner).map(|owner| owner.scope.clone()).unwrap_or_default();
    fork.next += 1;
    let child = Frame {
        fork: Some(fork_index),
        index,
        siblings: (None, None),
        state,
        entered: Entered::default(),
        phase: Phase::Ready,
        input,
        scope: Arc::new(Scope::inside(scope)),
        retries: Vec::new(),
        last_event: chain,
        kept: None,
    };
    add_child(execution, fork_index, child);
}

/// Puts a child at the end of the list of those that run.
pub(crate) fn add_child(
    execution: &mut Execution,
    fork_index: ForkIndex,
    child: Frame,
) -> Option<FrameIndex> {
    let fork = execution.forks.get_mut(fork_index)?;
    let child = execution.frames.insert(Frame { siblings: (fork.last_child, None), ..child });
    fork.running += 1;
    match fork.last_child.replace(child) {
        Some(last) => {
            if let Some(last) = execution.frames.get_mut(last) {
                last.siblings.1 = Some(child);
            }
        }
        None => fork.first_child = Some(child),
    }
    Some(child)
}

/// How a child of a fork ended.
enum ChildEnd<'a> {
    Succeeded,
    Failed(&'a ErrorOutput),
    Aborted,
}

/// Takes a child out of its fork: its output if it ended well, else it is kept for a redrive.
fn end_child<'a>(
    execution: &'a mut Execution,
    index: FrameIndex,
    end: &ChildEnd<'_>,
) -> Option<&'a mut Fork> {
    let mut child = execution.frames.remove(index)?;
    execution.variables_bytes -= child.scope.own_bytes();
    let (before, after) = child.siblings;
    if let Some(before) = before.and_then(|before| execution.frames.get_mut(before)) {
        before.siblings.1 = after;
    }
    if let Some(after) = after.and_then(|after| execution.frames.get_mut(after)) {
        after.siblings.0 = before;
    }
    let fork = execution.forks.get_mut(child.fork?)?;
    fork.running -= 1;
    if fork.first_child == Some(index) {
        fork.first_child = after;
    }
    if fork.last_child == Some(index) {
        fork.last_child = before;
    }
    match end {
        ChildEnd::Succeeded => {
            if let Phase::Done(output) = child.phase
                && let Some(slot) = fork.outputs.get_mut(child.index as usize)
            {
                *slot = Some(output);
            }
        }
        ChildEnd::Failed(error) => {
            kept::stop(&mut child);
            kept::fail(&mut child, error);
            fork.kept.push(child);
        }
        ChildEnd::Aborted => {
            kept::stop(&mut child);
            fork.kept.push(child);
        }
    }
    Some(fork)
}
