//! The state of one execution: frames, forks and what is owed. Only `apply` changes it.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use crate::{
    command::{TaskId, TimerId, TimerKind},
    effect::{Effect, Timer},
    event::{About, ErrorOutput, FrameIndex, HistoryId, StateIndex},
    limits::{EXECUTION_DURATION_SECONDS_MAX, EXPRESS_DURATION_SECONDS_MAX},
    payload::Stored,
    program::{Program, StateKind},
    scope::Scope,
    slab::Slab,
    text::Text,
    time::Timestamp,
};

/// Index of a fork in its execution's table.
pub type ForkIndex = u32;

/// How an execution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Status {
    /// Not started: no event was applied yet.
    #[default]
    New,
    /// Running.
    Running,
    /// Ended with an output.
    Succeeded,
    /// Ended with an error.
    Failed,
    /// Ended by TimeoutSeconds of the machine.
    TimedOut,
    /// Ended by StopExecution or the deletion of its state machine.
    Aborted,
}

/// One execution.
#[derive(Debug, Clone, Default)]
pub struct Execution {
    /// What the context object shows of the start; empty before it.
    pub about: Option<Arc<About>>,
    /// The input, with the caller's own text.
    pub input: Option<Stored>,
    /// How it stands.
    pub status: Status,
    /// Ordinal of the next event.
    pub next_event: u32,
    /// Id of the next visible event, less one: the number of visible events so far.
    pub history_length: u32,
    /// Time of the newest event; event times never go back.
    pub last_time: Timestamp,
    /// The running chains of states. The root is frame 0.
    pub frames: Slab<Frame>,
    /// The join points of running Parallel and Map states.
    pub forks: Slab<Fork>,
    /// Bytes of all variables.
    pub variables_bytes: i64,
    /// How often each mocked state has been invoked.
    pub mock_invocations: BTreeMap<StateIndex, u32>,
    /// Jobs of tasks that were given up and must still be stopped, if there are any.
    pub debts: Vec<Debt>,
    /// The output of an execution that succeeded.
    pub output: Option<Stored>,
    /// The error of one that did not.
    pub failure: Option<ErrorOutput>,
    /// The root of one that did not end well, with all that was running or kept under it: a redrive goes on with it.
    pub stopped: Option<Box<Frame>>,
    /// When it ended last.
    pub stop_time: Timestamp,
    /// How often it was redriven.
    pub redrive_count: u32,
    /// When it was redriven last.
    pub redrive_time: Option<Timestamp>,
    /// How many redrives brought another input or definition.
    pub redrive_edits: u32,
    /// Tokens of the newest redrives, with the time of each.
    pub redrive_tokens: VecDeque<(Text, Timestamp)>,
}

/// A job that must be stopped although its execution no longer waits for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Debt {
    /// The task that had started it.
    pub task: TaskId,
    /// Its state.
    pub state: StateIndex,
    /// The answer of the call that submitted it; none while that call was out.
    pub submitted: Option<Stored>,
    /// What had been sent to submit it.
    pub parameters: Stored,
    /// `Credentials.RoleArn`.
    pub credentials_role: Option<Text>,
}

impl Debt {
    /// What settles it.
    pub(crate) fn effect(&self) -> Effect {
        Effect::StopJob {
            task: self.task,
            state: self.state,
            submitted: self.submitted.as_ref().map(|submitted| submitted.payload.clone()),
            parameters: self.parameters.payload.clone(),
            credentials_role: self.credentials_role.clone(),
        }
    }
}

/// One running chain of states: the root, a Parallel branch, or a Map iteration.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// The fork that it belongs to; none for the root.
    pub fork: Option<ForkIndex>,
    /// Branch number or item index in the fork.
    pub index: u32,
    /// Neighbours in the fork's list of children.
    pub siblings: (Option<FrameIndex>, Option<FrameIndex>),
    /// The state that it is in or about to enter.
    pub state: StateIndex,
    /// Facts of the last entry, for cause texts and the context object.
    pub entered: Entered,
    /// What it is doing.
    pub phase: Phase,
    /// Raw input of the state, which Retry, ResultPath and Catch need.
    pub input: Stored,
    /// Its variables.
    pub scope: Arc<Scope>,
    /// Retries made in this visit of the state, for each retrier.
    pub retries: Vec<u32>,
    /// Id of the newest event of this chain.
    pub last_event: HistoryId,
    /// The fork of its state once that has joined or was stopped. Kept until the state is left or tried again: if it
    /// fails for good, a redrive goes on with the children that had not come to their end.
    pub kept: Option<Box<Fork>>,
}

/// Facts of entering a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Entered {
    /// Id of the StateEntered event.
    pub id: HistoryId,
    /// Its previous event.
    pub previous: HistoryId,
    /// When.
    pub time: Timestamp,
}

/// What a frame is doing.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// About to enter `state`.
    Ready,
    /// About to do the work of `state` again, which it has entered before: the execution was redriven.
    Again,
    /// Entered, and nothing has come of it yet. Stands between steps when its expressions were too heavy for one.
    Entered,
    /// In a Wait state.
    Waiting {
        /// When it ends.
        until: Timestamp,
        /// The event that set it.
        ordinal: u32,
    },
    /// Waiting to try again.
    BackingOff {
        /// When it tries.
        until: Timestamp,
        /// The event that set it.
        ordinal: u32,
    },
    /// A task is out.
    Task(Box<TaskPhase>),
    /// Blocked until its fork ends.
    Forked(ForkIndex),
    /// Its task has ended well; what shapes the output comes next.
    Ended {
        /// The result.
        result: Stored,
        /// The attempt that gave it.
        attempt: u32,
    },
    /// Its children have all ended well; their outputs are in [`Frame::kept`], and what shapes them comes next.
    Joined,
    /// Its work failed, and the error is to be dealt with.
    Broken(Box<Broken>),
    /// Left its last state with this output. Never stands between steps.
    Done(Stored),
    /// The state was entered and did not come to its end. Only in frames that are kept for a redrive.
    Stopped {
        /// Whether by an error of its own, or of its children; else others stopped it.
        failed: bool,
    },
}

/// An error of a state that Retry and Catch have not dealt with yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Broken {
    /// The error.
    pub error: ErrorOutput,
    /// The attempt of the state's task that had ended before.
    pub attempt: Option<u32>,
    /// No retrier takes it, and ParallelStateFailed or MapStateFailed has said so.
    pub is_reported: bool,
}

/// How far a task has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskStatus {
    /// Scheduled; an activity task waits for a worker.
    Scheduled,
    /// The call is out, or a worker has the task.
    Started,
    /// The call was answered; a callback or the end of a job is awaited.
    Submitted,
}

/// A task that is out.
#[derive(Debug, Clone)]
pub struct TaskPhase {
    /// Ordinal of the event that scheduled it.
    pub attempt: u32,
    /// How far it has come.
    pub status: TaskStatus,
    /// What was sent, or is to be sent again after a crash.
    pub parameters: Stored,
    /// TimeoutSeconds as evaluated.
    pub timeout_seconds: Option<u32>,
    /// HeartbeatSeconds as evaluated.
    pub heartbeat_seconds: Option<u32>,
    /// `Credentials.RoleArn`.
    pub credentials_role: Option<Text>,
    /// Of a mocked task: which invocation of its state it is, from 0.
    pub mock: Option<u32>,
    /// The answer of the call that submitted the work.
    pub submitted: Option<Stored>,
    /// When the clock of TimeoutSeconds began.
    pub clock: Timestamp,
    /// When the heartbeat clock began or the last sign of life came. Volatile: not stored in events.
    pub last_heartbeat: Option<Timestamp>,
}

/// The volatile heartbeat does not count.
impl PartialEq for TaskPhase {
    fn eq(&self, other: &Self) -> bool {
        self.attempt == other.attempt
            && self.status == other.status
            && self.parameters == other.parameters
            && self.timeout_seconds == other.timeout_seconds
            && self.heartbeat_seconds == other.heartbeat_seconds
            && self.credentials_role == other.credentials_role
            && self.mock == other.mock
            && self.submitted == other.submitted
            && self.clock == other.clock
            && self.last_heartbeat.is_some() == other.last_heartbeat.is_some()
    }
}

/// The join point of a Parallel or inline Map state.
#[derive(Debug, Clone, PartialEq)]
pub struct Fork {
    /// The frame whose state forked.
    pub owner: FrameIndex,
    /// The array of a Map, and `$` of its ItemSelector; none for a Parallel.
    pub items: Option<(Stored, Stored)>,
    /// Id of ParallelStateStarted or MapStateStarted.
    pub started: HistoryId,
    /// Branches, or items.
    pub length: u32,
    /// The next child to start.
    pub next: u32,
    /// Children that run.
    pub running: u32,
    /// Children that may run at once.
    pub limit: u32,
    /// Chains of iterations that ended, which waiting iterations continue.
    pub freed: VecDeque<HistoryId>,
    /// First child of the list.
    pub first_child: Option<FrameIndex>,
    /// Last child of the list.
    pub last_child: Option<FrameIndex>,
    /// Outputs by branch or item.
    pub outputs: Vec<Option<Stored>>,
    /// The first error and its event; set: the fork is being stopped.
    pub failure: Option<(ErrorOutput, HistoryId)>,
    /// Children that failed or were stopped, for a redrive.
    pub kept: Vec<Frame>,
}

impl Frame {
    /// Whether it can go on without anything from outside.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(
            self.phase,
            Phase::Ready
                | Phase::Again
                | Phase::Entered
                | Phase::Ended { .. }
                | Phase::Joined
                | Phase::Broken(_)
        )
    }

    /// The attempt of its task that has ended, while its state is being left.
    #[must_use]
    pub fn ended_attempt(&self) -> Option<u32> {
        match &self.phase {
            Phase::Ended { attempt, .. } => Some(*attempt),
            Phase::Broken(broken) => broken.attempt,
            _ => None,
        }
    }
}

impl Fork {
    /// Whether every child has ended well.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.failure.is_none() && self.running == 0 && self.next == self.length
    }

    /// Whether another iteration can start now.
    #[must_use]
    pub fn has_free_slot(&self) -> bool {
        self.failure.is_none() && self.next < self.length && self.running < self.limit
    }
}

impl Execution {
    /// The facts of its start.
    ///
    /// # Panics
    /// Before the first event; a step never gets there.
    #[must_use]
    pub fn about(&self) -> &Arc<About> {
        self.about.as_ref().expect("an execution has started before anything else happens to it")
    }

    /// Whether the execution's test case mocks a state.
    #[must_use]
    pub fn is_mocked(&self, state: StateIndex) -> bool {
        let mock = self.about.as_ref().and_then(|about| about.mock.as_ref());
        mock.is_some_and(|mock| mock.states.binary_search(&state).is_ok())
    }

    /// Whether it has started and not ended.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.status == Status::Running
    }

    /// Whether it must stay in the running index: it runs, or has ended and owes something.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_running() || !self.debts.is_empty()
    }

    /// Whether work is left that waits for nothing outside: a slice ended before it was done.
    #[must_use]
    pub fn has_ready_work(&self) -> bool {
        self.is_running()
            && (self.frames.iter().any(|(_, frame)| frame.is_ready())
                || self
                    .forks
                    .iter()
                    .any(|(_, fork)| fork.failure.is_some() || fork.is_complete() || fork.has_free_slot()))
    }

    /// When the whole execution times out: by its machine's TimeoutSeconds, which a redrive counts anew, or by the
    /// longest that its type may run, redrives included.
    #[must_use]
    pub fn deadline(&self, program: &Program) -> Timestamp {
        let Some(about) = &self.about else { return Timestamp::NEVER };
        let longest =
            if about.express { EXPRESS_DURATION_SECONDS_MAX } else { EXECUTION_DURATION_SECONDS_MAX };
        let end = about.start_time.plus_seconds(longest);
        let Some(seconds) = program.timeout_seconds else { return end };
        self.redrive_time.unwrap_or(about.start_time).plus_seconds(seconds.into()).min(end)
    }

    /// The task that a token or completion names, if it is still out.
    #[must_use]
    pub fn task(&self, id: TaskId) -> Option<&TaskPhase> {
        match &self.frames.get(id.frame)?.phase {
            Phase::Task(task) if task.attempt == id.attempt && !self.is_being_stopped(id.frame) => Some(task),
            _ => None,
        }
    }

    /// Whether a fork around the frame has failed: its completions no longer count.
    #[must_use]
    pub fn is_being_stopped(&self, frame: FrameIndex) -> bool {
        let mut at = self.frames.get(frame);
        while let Some(frame) = at {
            let Some(fork) = frame.fork.and_then(|fork| self.forks.get(fork)) else { return false };
            if fork.failure.is_some() {
                return true;
            }
            at = self.frames.get(fork.owner);
        }
        false
    }

    /// All timers of an execution that was loaded. A heartbeat's clock starts anew at `now`.
    pub fn timers(&mut self, program: &Program, now: Timestamp) -> Vec<Timer> {
        let mut timers = Vec::new();
        if !self.is_running() {
            return timers;
        }
        for frame in self.frames.iter_mut() {
            if let Phase::Task(task) = &mut frame.phase
                && let Some(last) = &mut task.last_heartbeat
            {
                *last = (*last).max(now);
            }
        }
        timers.push(self.execution_timer(program));
        for (index, _) in self.frames.iter() {
            timers.extend(self.frame_timers(index));
        }
        timers
    }

    /// The timer of the whole execution.
    #[must_use]
    pub fn execution_timer(&self, program: &Program) -> Timer {
        Timer { at: self.deadline(program), id: TimerId { frame: 0, ordinal: 0, kind: TimerKind::Execution } }
    }

    /// The timers of one frame.
    pub fn frame_timers(&self, index: FrameIndex) -> impl Iterator<Item = Timer> + use<> {
        let timer = |kind, ordinal, at| Some(Timer { at, id: TimerId { frame: index, ordinal, kind } });
        let timers: [Option<Timer>; 2] = match self.frames.get(index).map(|frame| &frame.phase) {
            Some(Phase::Waiting { until, ordinal }) => [timer(TimerKind::Wait, *ordinal, *until), None],
            Some(Phase::BackingOff { until, ordinal }) => [timer(TimerKind::Retry, *ordinal, *until), None],
            Some(Phase::Task(task)) => [
                task.timeout_seconds
                    .map(|seconds| task.clock.plus_seconds(seconds.into()))
                    .and_then(|at| timer(TimerKind::TaskTimeout, task.attempt, at)),
                task.heartbeat_at().and_then(|at| timer(TimerKind::Heartbeat, task.attempt, at)),
            ],
            _ => [None, None],
        };
        timers.into_iter().flatten()
    }

    /// Whether the execution waits only for timers and callbacks: it may leave memory. A task that is out at a
    /// target, a job that is awaited and an activity task that no worker has taken keep it here, for whoever
    /// completes them is told by this process alone.
    #[must_use]
    pub fn can_park(&self, program: &Program) -> bool {
        self.is_running()
            && self.debts.is_empty()
            && !self.has_ready_work()
            && self.frames.iter().all(|(_, frame)| match &frame.phase {
                Phase::Waiting { .. } | Phase::BackingOff { .. } | Phase::Forked(_) => true,
                Phase::Task(task) => match &program.state(frame.state).kind {
                    StateKind::Task(state) => {
                        task.heartbeat_seconds.is_none()
                            && task.mock.is_none()
                            && (state.is_activity() && task.status == TaskStatus::Started
                                || state.waits_for_token() && task.status == TaskStatus::Submitted)
                    }
                    _ => false,
                },
                _ => false,
            })
    }
}

impl TaskPhase {
    /// When the next heartbeat is due, if the clock runs.
    #[must_use]
    pub fn heartbeat_at(&self) -> Option<Timestamp> {
        Some(self.last_heartbeat?.plus_seconds(self.heartbeat_seconds?.into()))
    }
}
