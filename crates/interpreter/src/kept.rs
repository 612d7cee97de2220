//! What is kept of chains that did not come to their end: frames by value, outside of the table of those that run, so
//! that the indexes of running frames do not depend on them. A redrive puts them back.

use crate::{
    apply::add_child,
    event::{DefinitionEdit, ErrorOutput, FrameIndex, HistoryId},
    execution::{Execution, Fork, ForkIndex, Frame, Phase},
};

/// The error after which all branches or iterations of a state run again (documented).
const DATA_LIMIT: &str = "States.DataLimitExceeded";

fn is_data_limit(error: &ErrorOutput) -> bool {
    error.error.as_deref() == Some(DATA_LIMIT)
}

/// What is kept of a fork that has ended.
pub(crate) fn keep(fork: Fork) -> Option<Box<Fork>> {
    let starts_anew = fork.failure.as_ref().is_some_and(|(error, _)| is_data_limit(error));
    (!starts_anew).then(|| Box::new(fork))
}

/// A frame stops where it is.
pub(crate) fn stop(frame: &mut Frame) {
    frame.fork = None;
    frame.siblings = (None, None);
    if frame.phase != Phase::Ready {
        frame.phase = Phase::Stopped { failed: false };
    }
}

/// A frame that has stopped did so by this error.
pub(crate) fn fail(frame: &mut Frame, error: &ErrorOutput) {
    frame.phase = Phase::Stopped { failed: true };
    if is_data_limit(error) {
        frame.kept = None;
    }
}

/// Takes a frame out of the execution, with all that runs or is kept under it.
pub(crate) fn take_out(execution: &mut Execution, index: FrameIndex) -> Option<Frame> {
    let mut frame = execution.frames.remove(index)?;
    if let Phase::Forked(fork) = frame.phase
        && let Some(mut fork) = execution.forks.remove(fork)
    {
        let mut next = fork.first_child.take();
        fork.last_child = None;
        while let Some(child) = next {
            next = execution.frames.get(child).and_then(|child| child.siblings.1);
            fork.kept.extend(take_out(execution, child));
        }
        frame.kept = keep(fork);
    }
    stop(&mut frame);
    Some(frame)
}

/// Marks the frame whose chain ends with the event that failed the execution, and those around it.
pub(crate) fn mark_failed(frame: &mut Frame, last_event: HistoryId, error: &ErrorOutput) -> bool {
    let is_own = frame.last_event == last_event && frame.phase != Phase::Ready;
    let is_inside = !is_own
        && frame
            .kept
            .as_mut()
            .is_some_and(|fork| fork.kept.iter_mut().any(|child| mark_failed(child, last_event, error)));
    if is_own {
        fail(frame, error);
    } else if is_inside {
        frame.phase = Phase::Stopped { failed: true };
    }
    is_own || is_inside
}

/// The frame at the end of a way of branch numbers and item indexes.
pub(crate) fn frame_at<'a>(root: &'a mut Frame, place: &[u32]) -> Option<&'a mut Frame> {
    let mut frame = root;
    for index in place {
        frame = frame.kept.as_mut()?.kept.iter_mut().find(|child| child.index == *index)?;
    }
    Some(frame)
}

/// Gives the states of all frames the numbers that they have in a new definition. One that is of another type there is
/// entered like any other state.
pub(crate) fn renumber(frame: &mut Frame, edit: &DefinitionEdit) {
    if let Some(moved) = edit.moved.iter().find(|moved| moved.from == frame.state) {
        frame.state = moved.to;
    }
    if edit.retyped.as_ref().is_some_and(|retyped| retyped.contains(&frame.state)) {
        frame.phase = Phase::Ready;
    }
    for child in frame.kept.iter_mut().flat_map(|fork| &mut fork.kept) {
        renumber(child, edit);
    }
}

/// Puts a frame back among those that run, with its children in order. What had ended well keeps its result.
pub(crate) fn revive(execution: &mut Execution, mut frame: Frame, fork: Option<ForkIndex>) {
    let kept = frame.kept.take();
    execution.variables_bytes += frame.scope.own_bytes();
    frame.fork = fork;
    frame.retries.clear();
    if frame.phase != Phase::Ready {
        frame.phase = Phase::Again;
    }
    let index = match fork {
        Some(fork) => add_child(execution, fork, frame),
        None => Some(execution.frames.insert(frame)),
    };
    let (Some(index), Some(kept)) = (index, kept) else { return };
    let mut fork = *kept;
    let mut children = std::mem::take(&mut fork.kept);
    children.sort_by_key(|child| child.index);
    let fork = execution.forks.insert(Fork {
        owner: index,
        running: 0,
        first_child: None,
        last_child: None,
        failure: None,
        ..fork
    });
    if let Some(frame) = execution.frames.get_mut(index) {
        frame.phase = Phase::Forked(fork);
    }
    for child in children {
        revive(execution, child, Some(fork));
    }
}
