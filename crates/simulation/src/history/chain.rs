//! The checker's model: chains of states, and the forks between them.

use std::collections::BTreeMap;

use stepwell_interpreter::{
    Program, Timestamp,
    program::{Choices, Handlers, StateKind},
};

/// Where a chain stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It must enter this state next.
    Before(u32),
    /// It is in its state.
    Within,
    /// It has left its last state.
    After,
}

/// How far the task of a state has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    None,
    Scheduled,
    Started,
    Submitted,
    Succeeded,
    Failed,
}

/// One chain of states.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    pub(super) path: String,
    pub(super) last: u32,
    /// The event that entered its state, and the one before that.
    pub(super) entered: (u32, u32),
    pub(super) state: u32,
    pub(super) place: Place,
    pub(super) task: Task,
    /// The fork that its state waits for.
    pub(super) fork: Option<usize>,
    /// The fork that it belongs to.
    pub(super) parent: Option<usize>,
    pub(super) index: u32,
    /// Retries of this visit, by retrier.
    pub(super) retries: BTreeMap<u16, u32>,
    /// Whether the fork of its state failed and neither a retrier nor a catcher has been seen to take it.
    pub(super) is_broken: bool,
    /// Whether its state was stopped.
    pub(super) is_aborted: bool,
    /// A timer that it waits for.
    pub(super) not_before: Option<Timestamp>,
    /// Forks that it has opened so far, for the paths of their children.
    pub(super) forks_opened: u32,
    /// The fork of its state that has joined or was stopped: with what a redrive goes on.
    pub(super) kept: Option<usize>,
}

impl Chain {
    pub(super) fn new(path: String, last: u32, first_state: u32, parent: Option<usize>, index: u32) -> Self {
        Self {
            path,
            last,
            entered: (0, 0),
            state: first_state,
            place: Place::Before(first_state),
            task: Task::None,
            fork: None,
            parent,
            index,
            retries: BTreeMap::new(),
            is_broken: false,
            is_aborted: false,
            not_before: None,
            forks_opened: 0,
            kept: None,
        }
    }
}

/// Which index a new frame gets: the last one that was freed, else the next one. It is part of what is stored:
/// events name frames by index, and no event says that a branch has begun.
#[derive(Debug, Default)]
pub(super) struct FrameIndexes {
    freed: Vec<u32>,
    used: u32,
}

impl FrameIndexes {
    pub(super) fn take(&mut self) -> u32 {
        self.freed.pop().unwrap_or_else(|| {
            self.used += 1;
            self.used - 1
        })
    }

    pub(super) fn free(&mut self, index: u32) {
        self.freed.push(index);
    }
}

/// The join point of a Parallel or Map state.
#[derive(Debug, Clone)]
pub(super) struct Fork {
    pub(super) owner: u32,
    pub(super) is_map: bool,
    pub(super) started: u32,
    pub(super) length: u32,
    pub(super) limit: u32,
    /// Children that were started, ended well, and run.
    pub(super) next: u32,
    pub(super) ended: u32,
    pub(super) running: u32,
    /// Chains that iterations still waiting may continue.
    pub(super) freed: Vec<u32>,
    /// The event that failed it.
    pub(super) failure: Option<u32>,
    /// Whether all its children run again after a redrive.
    pub(super) starts_anew: bool,
    pub(super) is_open: bool,
    pub(super) path: String,
    /// Children that did not end well.
    pub(super) kept: Vec<Chain>,
}

impl Fork {
    pub(super) fn is_complete(&self) -> bool {
        self.failure.is_none() && self.ended == self.length
    }
}

/// The states to which a state may lead, with what happened in it.
pub(super) fn may_lead_to(program: &Program, chain: &Chain, next: Option<u32>) -> bool {
    let Some(state) = program.get(chain.state) else { return false };
    let caught = |handlers: &Handlers| handlers.catch.iter().any(|catcher| Some(catcher.next) == next);
    match &state.kind {
        StateKind::Task(task) => match chain.task {
            Task::Succeeded => task.next == next || caught(&task.handlers),
            Task::Failed | Task::None => caught(&task.handlers),
            _ => false,
        },
        StateKind::Pass(pass) => pass.next == next,
        StateKind::Choice(choice) => {
            let is_of_a_rule = match &choice.choices {
                Choices::JsonPath(branches) => branches.iter().any(|branch| Some(branch.next) == next),
                Choices::Jsonata(branches) => branches.iter().any(|branch| Some(branch.next) == next),
            };
            next.is_some() && (choice.default == next || is_of_a_rule)
        }
        StateKind::Wait(wait) => wait.next == next,
        StateKind::Succeed => next.is_none(),
        StateKind::Fail(_) => false,
        StateKind::Parallel(parallel) if chain.is_broken => caught(&parallel.handlers),
        StateKind::Parallel(parallel) => parallel.next == next,
        StateKind::Map(map) if chain.is_broken => caught(&map.handlers),
        StateKind::Map(map) => map.next == next,
    }
}
