//! What goes into a shard and what comes out of it.

use std::sync::Arc;

use stepwell_interpreter::{
    About, Command, Effect, Event, Program, Rejection, TaskId, Text, Timestamp, execution::Execution,
};
use stepwell_json::Payload;
use stepwell_store::{Batch, ExecutionKey, ExecutionRow, arn_hash};

use crate::{
    ended::Ended,
    heavy_step::{HeavyStep, TakenHeavyStep},
    observer::StatusChange,
};

/// Something for a shard to do. `R` is whatever the caller wants its answer delivered with.
#[derive(Debug)]
pub enum Input<R> {
    /// A batch is durable.
    Committed {
        /// Its number.
        sequence: u64,
    },
    /// An execution that was asked for.
    Loaded {
        /// Its key.
        key: ExecutionKey,
        /// What the store has.
        found: Found,
    },
    /// A step that was taken elsewhere.
    HeavyStepTaken(Box<TakenHeavyStep>),
    /// Parked executions whose time is near.
    Due {
        /// Their keys.
        keys: Vec<ExecutionKey>,
    },
    /// A command for an execution.
    Command {
        /// Its key.
        key: ExecutionKey,
        /// What is wanted.
        command: Command,
        /// Who gets the answer.
        reply: ReplyTo<R>,
    },
    /// A new execution.
    Start {
        /// All about it.
        request: Box<StartRequest>,
        /// Who gets the answer.
        reply: R,
    },
    /// An asynchronous Express execution has ended.
    ExpressEnded {
        /// Its key.
        key: ExecutionKey,
    },
    /// An activity task is there to be taken. Goes to the shard of the activity.
    ActivityOffer(ActivityOffer),
    /// An activity task has ended before a worker took it. Goes to the shard of the activity.
    ActivityWithdrawn {
        /// The activity.
        activity: Arc<str>,
        /// The execution.
        key: ExecutionKey,
        /// The task.
        task: TaskId,
    },
    /// A worker polls. Goes to the shard of the activity.
    ActivityPoll {
        /// The activity.
        activity: Arc<str>,
        /// Who polls.
        poller: Poller<R>,
        /// Whether the poller goes to the head of the queue: the task that it was given had ended.
        first: bool,
    },
    /// A poller's time is over, or it hung up.
    ActivityPollEnded {
        /// The activity.
        activity: Arc<str>,
        /// The poller.
        id: u64,
    },
    /// An activity was created.
    ActivityCreated {
        /// Its ARN.
        activity: Arc<str>,
    },
    /// An activity was deleted.
    ActivityDeleted {
        /// Its ARN.
        activity: Arc<str>,
    },
}

impl<R> Input<R> {
    /// The hash that says which shard the input is for; none: for the shard that asked, or for every shard.
    pub fn hash(&self) -> Option<u16> {
        match self {
            Self::Loaded { key, .. } | Self::Command { key, .. } | Self::ExpressEnded { key } => {
                Some(key.arn_hash())
            }
            Self::HeavyStepTaken(taken) => Some(taken.key().arn_hash()),
            Self::Start { request, .. } => Some(arn_hash(&request.about.execution_arn)),
            Self::ActivityOffer(offer) => Some(arn_hash(&offer.activity)),
            Self::ActivityPoll { activity, .. }
            | Self::ActivityPollEnded { activity, .. }
            | Self::ActivityWithdrawn { activity, .. } => Some(arn_hash(activity)),
            Self::Committed { .. }
            | Self::Due { .. }
            | Self::ActivityCreated { .. }
            | Self::ActivityDeleted { .. } => None,
        }
    }
}

/// All that a new execution needs.
#[derive(Debug)]
pub struct StartRequest {
    /// What is known of it; the shard sets the start time.
    pub about: Box<About>,
    /// Its input.
    pub input: Payload,
    /// What it runs.
    pub program: Arc<Program>,
    /// The newest batch of the shard that was committed when the store was asked for the name and did not
    /// have it; `None` for a generated name, which nobody else can have.
    pub name_free_at: Option<u64>,
}

/// What the store has under a key.
#[derive(Debug)]
pub enum Found {
    /// An execution that runs, or has ended and owes something, or has ended and was asked for all the same.
    Execution(Box<LoadedExecution>),
    /// An execution that has ended, and was asked for only if it had not.
    Closed,
    /// Nothing.
    Unknown,
    /// An execution that can't be read; the text says why. It is quarantined.
    Unreadable(String),
}

/// An execution as folded from its events.
#[derive(Debug)]
pub struct LoadedExecution {
    /// Its state.
    pub execution: Execution,
    /// What it runs.
    pub program: Arc<Program>,
    /// Its row.
    pub row: Arc<ExecutionRow>,
    /// Its place in the running index: 0 active, else when it is to be woken; none when it is not there.
    pub wake_at_ms: Option<i64>,
}

/// An execution to be read from the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Its key.
    pub key: ExecutionKey,
    /// Whether it is wanted even if it has ended and owes nothing: for a redrive.
    pub even_closed: bool,
}

/// A worker that polls an activity.
#[derive(Debug)]
pub struct Poller<R> {
    /// Number given by the caller, unique while the poller waits.
    pub id: u64,
    /// `workerName`.
    pub worker: Option<Text>,
    /// Who gets the task.
    pub reply: R,
}

/// An activity task that can be taken.
#[derive(Debug, Clone)]
pub struct ActivityOffer {
    /// The activity.
    pub activity: Arc<str>,
    /// The execution.
    pub key: ExecutionKey,
    /// The task.
    pub task: TaskId,
    /// What the worker gets.
    pub input: Payload,
}

/// Who gets the answer to a command.
#[derive(Debug)]
pub enum ReplyTo<R> {
    /// Nobody: timers, completions of drivers.
    Nobody,
    /// The caller.
    Caller(R),
    /// A worker that is given a task; it goes back to the head of the queue when the task has ended meanwhile.
    Worker {
        /// The activity.
        activity: Arc<str>,
        /// The worker.
        poller: Poller<R>,
        /// The task.
        task: TaskId,
        /// What it gets.
        input: Payload,
    },
}

/// An answer. All answers wait until what they rest on is durable.
#[derive(Debug, Clone)]
pub enum Reply {
    /// The execution was started.
    Started {
        /// Its key.
        key: ExecutionKey,
        /// When.
        start_time: Timestamp,
    },
    /// The name is taken by this execution, which the store has by now: compare input and status there.
    NameTaken {
        /// Its key.
        key: ExecutionKey,
    },
    /// The look-up of the name is too old: make it again.
    LookUpAgain,
    /// The command was carried out at this time.
    Done {
        /// The time of the execution's newest event.
        time: Timestamp,
    },
    /// The command was refused.
    Rejected(Rejection),
    /// There is no such execution.
    Unknown,
    /// A task for a worker.
    Task {
        /// The task's token.
        token: String,
        /// Its input.
        input: Payload,
    },
    /// No task came while the worker polled.
    NoTask,
    /// Too many workers poll this activity.
    TooManyPollers,
    /// The shard has too much to do.
    Throttled,
    /// A fault of ours, reported apart.
    Internal,
}

/// Something that leaves a shard.
#[derive(Debug)]
pub enum Released<R> {
    /// An answer.
    Reply {
        /// Who gets it.
        to: R,
        /// The answer.
        reply: Reply,
    },
    /// Something to be done outside.
    Effect {
        /// The execution.
        key: ExecutionKey,
        /// What is known of it.
        about: Arc<About>,
        /// What it runs.
        program: Arc<Program>,
        /// What is to be done.
        effect: Effect,
        /// Derived again after a crash: it may have been carried out before.
        resent: bool,
    },
    /// An asynchronous Express execution to be run; `Input::ExpressEnded` follows its end.
    RunExpress {
        /// Its key.
        key: ExecutionKey,
        /// What is known of it.
        about: Arc<About>,
        /// Its input.
        input: Payload,
        /// What it runs.
        program: Arc<Program>,
    },
    /// An input for the shard that its hash names.
    Forward(Input<R>),
    /// Events for an execution's log.
    Logged(Logged),
    /// An execution has ended. Leaves before the answers of its batch.
    Ended(Arc<Ended>),
    /// An execution that had ended runs again. Leaves before the answers of its batch: who was told of a redrive must
    /// not be shown the end before it.
    Reopened {
        /// Its row from now on.
        row: Arc<ExecutionRow>,
    },
    /// An observer is owed word of a change; the catalogue has the entry.
    StatusChanged {
        /// Its place in [`crate::Config::observers`].
        observer: usize,
        /// The change.
        change: StatusChange,
    },
    /// A bug was met: the execution takes no more commands until the server is restarted.
    Quarantined {
        /// The execution.
        key: ExecutionKey,
        /// What happened.
        reason: String,
    },
}

/// Events of one execution for its log, in order.
#[derive(Debug)]
pub struct Logged {
    /// What is known of the execution.
    pub about: Arc<About>,
    /// What it runs.
    pub program: Arc<Program>,
    /// How often it had been redriven.
    pub redrive_count: u32,
    /// Visible events; never none.
    pub events: Vec<Event>,
}

/// What a turn made.
#[derive(Debug)]
pub struct Turn<R> {
    /// A batch to commit, and what leaves when it is durable, in order.
    pub batch: Option<(Batch, Vec<Released<R>>)>,
    /// What may leave now: it rests on durable facts alone.
    pub released: Vec<Released<R>>,
    /// Executions to be loaded; `Input::Loaded` answers each.
    pub loads: Vec<Load>,
    /// Steps to be taken elsewhere; `Input::HeavyStepTaken` answers each. They need not wait for the batch.
    pub heavy: Vec<HeavyStep>,
    /// Whether inputs are left for another turn.
    pub more: bool,
}

impl<R> Default for Turn<R> {
    fn default() -> Self {
        Self { batch: None, released: Vec::new(), loads: Vec::new(), heavy: Vec::new(), more: false }
    }
}
