//! Events: the facts that were decided, and the only thing that changes an execution.
//!
//! An event is *visible* (one history event, one id) or *internal* (none). A visible event carries all that
//! its history event shows, its `previous` included, so that a page of history is projected without folding.
//! The number of a variant or field is for ever: once written to disk it is never given another meaning.

mod about;
pub mod codec;
mod edit;

use std::sync::Arc;

use minicbor::{Decode, Encode};

use crate::{payload::Stored, text::Text, time::Timestamp};

pub use about::{About, LogEvents, MockCase};
pub use edit::{DefinitionEdit, InputEdit, MovedState};

/// Index of a frame in its execution's table. Indexes are reused; they are deterministic.
pub type FrameIndex = u32;
/// Position of a state in document order, over all nesting levels.
pub type StateIndex = u32;
/// Id of a visible event: 1 for ExecutionStarted, without gaps.
pub type HistoryId = u32;

/// One event with its place in the execution.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Number of the event within the execution, from 0, internal ones included.
    pub ordinal: u32,
    /// Id in the AWS history; 0 for an internal event.
    pub history_id: HistoryId,
    /// When it was decided.
    pub time: Timestamp,
    /// What was decided.
    pub kind: EventKind,
}

/// An error as it travels through Retry and Catch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct ErrorOutput {
    /// Error name; absent when SendTaskFailure gave none.
    #[n(0)]
    pub error: Option<Text>,
    /// Cause; absent when none was given.
    #[n(1)]
    pub cause: Option<Text>,
    /// A timeout: its history events have no cause, but a catcher sees an empty one (recorded).
    #[n(2)]
    #[cbor(default)]
    pub timeout: bool,
    /// A missed heartbeat, which `States.HeartbeatTimeout` matches too.
    #[n(3)]
    #[cbor(default)]
    pub heartbeat: bool,
}

impl ErrorOutput {
    /// An error with a cause.
    pub fn new(error: &str, cause: impl Into<Text>) -> Self {
        Self { error: Some(error.into()), cause: Some(cause.into()), timeout: false, heartbeat: false }
    }

    /// `States.Timeout`.
    pub fn timed_out(heartbeat: bool) -> Self {
        Self { error: Some("States.Timeout".into()), cause: None, timeout: true, heartbeat }
    }
}

/// A variable that a state assigned.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct Assigned {
    /// Name without `$`.
    #[n(0)]
    pub name: Text,
    /// Its value.
    #[n(1)]
    pub value: Stored,
}

/// The kinds of event. Slots of payloads are numbered in the order of the fields; an exit's output is slot 0
/// and its variables are slots 1 and up.
// The fields have the names of the history events' details; each variant says what it stands for.
#[allow(missing_docs)]
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub enum EventKind {
    /// The execution was accepted. Visible.
    #[n(0)]
    ExecutionStarted {
        #[n(0)]
        input: Stored,
        #[cbor(n(1), with = "about::shared")]
        about: Arc<About>,
    },
    /// A frame entered a state. Visible.
    #[n(1)]
    StateEntered {
        #[n(0)]
        frame: FrameIndex,
        #[n(1)]
        state: StateIndex,
        #[n(2)]
        input: Stored,
        #[n(3)]
        previous: HistoryId,
    },
    /// A frame left its state; also after a catcher. Visible.
    #[n(2)]
    StateExited {
        #[n(0)]
        frame: FrameIndex,
        #[n(1)]
        state: StateIndex,
        #[n(2)]
        output: Stored,
        /// The next state, or none at the end of the chain.
        #[n(3)]
        next: Option<StateIndex>,
        #[n(4)]
        #[cbor(default)]
        assigned: Vec<Assigned>,
        #[n(5)]
        previous: HistoryId,
    },
    /// A Wait state worked out its end. Internal.
    #[n(3)]
    WaitStarted {
        #[n(0)]
        frame: FrameIndex,
        #[n(1)]
        until: Timestamp,
    },
    /// A task was handed out: TaskScheduled, LambdaFunctionScheduled or ActivityScheduled. Visible.
    #[n(4)]
    TaskScheduled {
        #[n(0)]
        frame: FrameIndex,
        #[n(1)]
        state: StateIndex,
        #[n(2)]
        parameters: Stored,
        #[n(3)]
        timeout_seconds: Option<u32>,
        #[n(4)]
        heartbeat_seconds: Option<u32>,
        #[n(5)]
        credentials_role: Option<Text>,
        #[n(6)]
        previous: HistoryId,
    },
    /// TaskStarted, LambdaFunctionStarted, or a worker took an activity task. Visible.
    #[n(5)]
    TaskStarted {
        #[n(0)]
        frame: FrameIndex,
        #[n(1)]
        state: StateIndex,
        #[n(2)]
        worker: Option<Text>,
        #[n(3)]
        previous: HistoryId,
    },
    /// The call that starts the work was answered (`.sync`, `.waitForTaskToken`). Visible.
    #[n(6)]
    TaskSubmitted {
        #[n(0)]
        frame: FrameIndex,
        #[n(1)]
        state: StateIndex,
        #[n(2)]
        output: Stored,
        #[n(3)]
        previous: HistoryId,
    },
    /// The task gave its result. Visible.
    #[n(7)]
    TaskSucceeded {
        #[n(0)]
        frame: FrameIndex,
        #[n(1)]
        state: StateIndex,
        #[n(2)]
        output: Stored,
        #[n(3)]
        previous: HistoryId,
    },
    /// The task failed. Visible.
    #[n(8)]
    TaskFailed {
        #[n(0)]
        frame: FrameIndex,
        #[n(1)]
        state: StateIndex,
        #[n(2)]
        error: ErrorOutput,
        #[n(3)]
        previous: HistoryId,
        /// The answer of the call that submitted a job which must be stopped now: the task failed although the job runs.
        #[n(4)]
        submitted: Option<Box<Stored>>,
    },
    /// TimeoutSeconds or HeartbeatSeconds passed. Visible.
    #[n(9)]
    TaskTimedOut {
        #[n(0)]
        frame: FrameIndex,
        #[n(1)]
        state: StateIndex,
        #[n(2)]
        error: ErrorOutput,
        #[n(3)]
        previous: HistoryId,
    },
    /// A retrier took the error. Internal.
    #[n(10)]
    RetryScheduled {
        #[n(0)]
        frame: FrameIndex,
        #[n(1)]
        retrier: u16,
        #[n(2)]
        until: Timestamp,
    },
    /// ParallelStateStarted; makes one frame for each branch. Visible.
    #[n(11)]
    ParallelStarted {
        #[n(0)]
        frame: FrameIndex,
        #[n(1)]
        state: StateIndex,
        /// What every branch gets.
        #[n(2)]
        input: Stored,
        #[n(3)]
        previous: HistoryId,
    },
    /// ParallelStateSucceeded or MapStateSucceeded. Visible.
    #[n(12)]
    ForkSucceeded {
        #[n(0)]
        frame: FrameIndex,
        #[n(1)]
        state: StateIndex,
        #[n(2)]
        previous: HistoryId,
    },
    /// ParallelStateFailed or MapStateFailed: no retrier took the error. Visible.
    #[n(13)]
    ForkFailed {
        #[n(0)]
        frame: FrameIndex,
        #[n(1)]
        state: StateIndex,
        #[n(2)]
        previous: HistoryId,
    },
    /// MapStateStarted. Visible.
    #[n(14)]
    MapStarted {
        #[n(0)]
        frame: FrameIndex,
        #[n(1)]
        state: StateIndex,
        /// The array that is iterated.
        #[n(2)]
        items: Stored,
        /// `$` of an ItemSelector.
        #[n(3)]
        input: Stored,
        #[n(4)]
        length: u32,
        /// Iterations that may run at once.
        #[n(5)]
        limit: u32,
        #[n(6)]
        previous: HistoryId,
    },
    /// MapIterationStarted; makes the iteration's frame. Visible.
    #[n(15)]
    IterationStarted {
        /// The frame of the Map state.
        #[n(0)]
        owner: FrameIndex,
        #[n(1)]
        state: StateIndex,
        #[n(2)]
        index: u32,
        #[n(3)]
        input: Stored,
        #[n(4)]
        previous: HistoryId,
    },
    /// MapIterationSucceeded. Visible.
    #[n(16)]
    IterationSucceeded {
        /// The iteration's frame, which ends here.
        #[n(0)]
        frame: FrameIndex,
        /// The Map state.
        #[n(1)]
        state: StateIndex,
        #[n(2)]
        index: u32,
        #[n(3)]
        previous: HistoryId,
    },
    /// MapIterationFailed: the iteration's error fails the Map. Visible.
    #[n(17)]
    IterationFailed {
        #[n(0)]
        frame: FrameIndex,
        #[n(1)]
        state: StateIndex,
        #[n(2)]
        index: u32,
        #[n(3)]
        error: ErrorOutput,
        #[n(4)]
        previous: HistoryId,
    },
    /// MapIterationAborted: another iteration failed. Visible.
    #[n(18)]
    IterationAborted {
        #[n(0)]
        frame: FrameIndex,
        #[n(1)]
        state: StateIndex,
        #[n(2)]
        index: u32,
        #[n(3)]
        previous: HistoryId,
    },
    /// A Parallel branch ended well. Internal.
    #[n(19)]
    BranchSucceeded {
        #[n(0)]
        frame: FrameIndex,
    },
    /// A Parallel branch's error fails the Parallel state. Internal.
    #[n(20)]
    BranchFailed {
        #[n(0)]
        frame: FrameIndex,
        #[n(1)]
        error: ErrorOutput,
    },
    /// A Parallel branch was stopped because another one failed. Internal.
    #[n(21)]
    BranchAborted {
        #[n(0)]
        frame: FrameIndex,
    },
    /// TaskStateAborted, WaitStateAborted, ParallelStateAborted or MapStateAborted. Visible.
    #[n(22)]
    StateAborted {
        #[n(0)]
        frame: FrameIndex,
        #[n(1)]
        state: StateIndex,
        #[n(2)]
        previous: HistoryId,
    },
    /// A fork that failed has no child left; its owner goes on with the error. Internal.
    #[n(23)]
    ForkStopped {
        #[n(0)]
        frame: FrameIndex,
    },
    /// A Map could not start an iteration: the error fails the Map. Or a Parallel or Map has an error that no other event
    /// shows. Internal.
    #[n(24)]
    ForkBroken {
        #[n(0)]
        frame: FrameIndex,
        #[n(1)]
        error: ErrorOutput,
    },
    /// Terminal. Visible.
    #[n(25)]
    ExecutionSucceeded {
        #[n(0)]
        output: Stored,
        #[n(1)]
        previous: HistoryId,
    },
    /// Terminal. Visible.
    #[n(26)]
    ExecutionFailed {
        #[n(0)]
        error: ErrorOutput,
        #[n(1)]
        previous: HistoryId,
    },
    /// Terminal: StopExecution, or the state machine was deleted. Visible.
    #[n(27)]
    ExecutionAborted {
        #[n(0)]
        error: ErrorOutput,
    },
    /// Terminal: the machine's TimeoutSeconds passed. Visible.
    #[n(28)]
    ExecutionTimedOut {
        #[n(0)]
        error: ErrorOutput,
    },
    /// A job that a stopped task had started is stopped too, or need not be. Internal.
    #[n(29)]
    Settled {
        /// The task's attempt.
        #[n(0)]
        attempt: u32,
    },
    /// A JSONata expression of the state failed; what becomes of the state is told by the events after it. Visible.
    #[n(30)]
    EvaluationFailed {
        #[n(0)]
        frame: FrameIndex,
        #[n(1)]
        state: StateIndex,
        #[n(2)]
        error: ErrorOutput,
        /// Where in the state: `Output/result`.
        #[n(3)]
        location: Option<Text>,
        #[n(4)]
        previous: HistoryId,
    },
    /// RedriveExecution: what had not come to its end goes on. Visible.
    #[n(35)]
    ExecutionRedriven {
        /// How often the execution was redriven, this time included.
        #[n(0)]
        count: u32,
        /// The caller's token, by which a repeated request is known.
        #[n(1)]
        client_token: Option<Text>,
        #[n(2)]
        input: Option<Box<InputEdit>>,
        #[n(3)]
        definition: Option<Box<DefinitionEdit>>,
        /// The terminal event that this one takes back.
        #[n(4)]
        previous: HistoryId,
    },
}

impl EventKind {
    /// Whether the event is one of the AWS history.
    #[must_use]
    pub fn is_visible(&self) -> bool {
        !matches!(
            self,
            Self::WaitStarted { .. }
                | Self::RetryScheduled { .. }
                | Self::BranchSucceeded { .. }
                | Self::BranchFailed { .. }
                | Self::BranchAborted { .. }
                | Self::ForkStopped { .. }
                | Self::ForkBroken { .. }
                | Self::Settled { .. }
        )
    }

    /// Whether the event ends the execution.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        matches!(
            self,
            Self::ExecutionSucceeded { .. }
                | Self::ExecutionFailed { .. }
                | Self::ExecutionAborted { .. }
                | Self::ExecutionTimedOut { .. }
        )
    }

    /// The revision whose states this event and those after it name, where it is another one than before.
    #[must_use]
    pub fn new_revision(&self) -> Option<u64> {
        match self {
            Self::ExecutionStarted { about, .. } => Some(about.revision),
            Self::ExecutionRedriven { definition, .. } => definition.as_ref().map(|edit| edit.revision),
            _ => None,
        }
    }

    /// Calls `visit` with each payload and its slot.
    pub fn payloads_mut(&mut self, mut visit: impl FnMut(u16, &mut Stored)) {
        match self {
            Self::ExecutionStarted { input, .. }
            | Self::StateEntered { input, .. }
            | Self::ParallelStarted { input, .. }
            | Self::IterationStarted { input, .. } => visit(0, input),
            Self::StateExited { output, assigned, .. } => {
                visit(0, output);
                for (slot, variable) in (1..).zip(assigned) {
                    visit(slot, &mut variable.value);
                }
            }
            Self::TaskScheduled { parameters, .. } => visit(0, parameters),
            Self::TaskSubmitted { output, .. }
            | Self::TaskSucceeded { output, .. }
            | Self::ExecutionSucceeded { output, .. } => visit(0, output),
            Self::MapStarted { items, input, .. } => {
                visit(0, items);
                visit(1, input);
            }
            Self::ExecutionRedriven { input, .. } => {
                if let Some(edit) = input {
                    visit(0, &mut edit.input);
                }
            }
            Self::TaskFailed { submitted, .. } => {
                if let Some(submitted) = submitted {
                    visit(0, submitted);
                }
            }
            Self::WaitStarted { .. }
            | Self::TaskStarted { .. }
            | Self::TaskTimedOut { .. }
            | Self::RetryScheduled { .. }
            | Self::ForkSucceeded { .. }
            | Self::ForkFailed { .. }
            | Self::IterationSucceeded { .. }
            | Self::IterationFailed { .. }
            | Self::IterationAborted { .. }
            | Self::BranchSucceeded { .. }
            | Self::BranchFailed { .. }
            | Self::BranchAborted { .. }
            | Self::StateAborted { .. }
            | Self::ForkStopped { .. }
            | Self::ForkBroken { .. }
            | Self::ExecutionFailed { .. }
            | Self::ExecutionAborted { .. }
            | Self::ExecutionTimedOut { .. }
            | Self::Settled { .. }
            | Self::EvaluationFailed { .. } => {}
        }
    }

    /// `previousEventId` of a visible event; 0 where AWS has 0.
    #[must_use]
    pub fn previous(&self) -> HistoryId {
        match self {
            Self::StateEntered { previous, .. }
            | Self::StateExited { previous, .. }
            | Self::TaskScheduled { previous, .. }
            | Self::TaskStarted { previous, .. }
            | Self::TaskSubmitted { previous, .. }
            | Self::TaskSucceeded { previous, .. }
            | Self::TaskFailed { previous, .. }
            | Self::TaskTimedOut { previous, .. }
            | Self::ParallelStarted { previous, .. }
            | Self::ForkSucceeded { previous, .. }
            | Self::ForkFailed { previous, .. }
            | Self::MapStarted { previous, .. }
            | Self::IterationStarted { previous, .. }
            | Self::IterationSucceeded { previous, .. }
            | Self::IterationFailed { previous, .. }
            | Self::IterationAborted { previous, .. }
            | Self::StateAborted { previous, .. }
            | Self::ExecutionSucceeded { previous, .. }
            | Self::ExecutionFailed { previous, .. }
            | Self::EvaluationFailed { previous, .. }
            | Self::ExecutionRedriven { previous, .. } => *previous,
            _ => 0,
        }
    }
}
