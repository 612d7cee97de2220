//! Commands: requests to change an execution. A command may be rejected; then nothing is written.

use std::sync::Arc;

use stepwell_json::Payload;

use crate::{
    event::{About, ErrorOutput, FrameIndex},
    program::Program,
    redrive::NotRedrivable,
    text::Text,
    time::Timestamp,
};

/// One attempt of a task: the frame that runs it and the ordinal of the event that scheduled it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId {
    /// The frame.
    pub frame: FrameIndex,
    /// Ordinal of TaskScheduled: new for each attempt.
    pub attempt: u32,
}

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TimerKind {
    /// The end of a Wait state.
    Wait,
    /// The end of a retrier's delay.
    Retry,
    /// TimeoutSeconds of a task.
    TaskTimeout,
    /// HeartbeatSeconds of a task.
    Heartbeat,
    /// TimeoutSeconds of the machine, or the longest an execution may run.
    Execution,
}

/// A timer of an execution. Cancelling is lazy: a timer that no longer fits is ignored when it fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimerId {
    /// The frame; 0 for [`TimerKind::Execution`].
    pub frame: FrameIndex,
    /// Ordinal of the event that armed it.
    pub ordinal: u32,
    /// What it is for.
    pub kind: TimerKind,
}

/// A request to change an execution.
#[derive(Debug, Clone)]
pub enum Command {
    /// Begins a new execution; `input` keeps the caller's text.
    Start {
        /// What is known of it.
        about: Arc<About>,
        /// Its input.
        input: Payload,
    },
    /// Goes on after a slice ended.
    Continue,
    /// A worker takes an activity task.
    TaskStarted {
        /// The task.
        task: TaskId,
        /// `workerName` of GetActivityTask.
        worker: Option<Text>,
    },
    /// The call that starts a `.sync` or `.waitForTaskToken` task was answered.
    TaskSubmitted {
        /// The task.
        task: TaskId,
        /// The answer.
        output: Payload,
    },
    /// A task's result.
    TaskSucceeded {
        /// The task.
        task: TaskId,
        /// The result.
        output: Payload,
    },
    /// A task failed.
    TaskFailed {
        /// The task.
        task: TaskId,
        /// Error and cause, each as given.
        error: ErrorOutput,
    },
    /// A sign of life of a task. Changes no stored state.
    TaskHeartbeat {
        /// The task.
        task: TaskId,
    },
    /// A timer's time has come.
    TimerFired {
        /// The timer.
        timer: TimerId,
    },
    /// StopExecution.
    Stop {
        /// Error and cause, each as given.
        error: ErrorOutput,
    },
    /// A job that a stopped task had started was stopped, or is found to have ended.
    Settle {
        /// The task's attempt.
        attempt: u32,
    },
    /// RedriveExecution.
    Redrive {
        /// What the caller asks for.
        request: Box<RedriveRequest>,
    },
}

/// What a redrive is to do. AWS knows the token alone.
#[derive(Debug, Clone, Default)]
pub struct RedriveRequest {
    /// The caller's token; the same one again is answered like the first time.
    pub client_token: Option<Text>,
    /// Another input for the state that failed.
    pub input: Option<Payload>,
    /// Another definition to go on with.
    pub definition: Option<NewDefinition>,
}

/// A definition that an execution is to go on with.
#[derive(Debug, Clone)]
pub struct NewDefinition {
    /// Number of its revision in the catalogue.
    pub revision: u64,
    /// The definition, compiled.
    pub program: Arc<Program>,
}

impl Command {
    /// The number of the command in stored records.
    #[must_use]
    pub fn number(&self) -> u8 {
        match self {
            Self::Start { .. } => 0,
            Self::Continue => 1,
            Self::TaskStarted { .. } => 2,
            Self::TaskSubmitted { .. } => 3,
            Self::TaskSucceeded { .. } => 4,
            Self::TaskFailed { .. } => 5,
            Self::TaskHeartbeat { .. } => 6,
            Self::TimerFired { .. } => 7,
            Self::Stop { .. } => 8,
            Self::Settle { .. } => 9,
            Self::Redrive { .. } => 14,
        }
    }
}

/// Why a command was refused. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The execution has ended.
    #[error("the execution has ended")]
    NotRunning,
    /// The task has ended: answered before, timed out, or its state was left.
    #[error("the task has ended")]
    TaskEnded,
    /// The command makes no sense here: a second start, a completion by a way that the task does not have.
    #[error("the command does not fit the execution")]
    Unfitting,
    /// The execution can't be redriven.
    #[error("{0}")]
    NotRedrivable(NotRedrivable),
    /// A redrive with this token was carried out before: no error, but nothing to do.
    #[error("the execution was redriven with this token already")]
    Repeated {
        /// When.
        time: Timestamp,
    },
    /// The input or definition that a redrive is to go on with does not fit where the execution stopped.
    #[error("{0}")]
    EditDoesNotFit(Text),
}
