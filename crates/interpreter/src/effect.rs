//! Effects: what is to be done outside once the events are durable.

use stepwell_json::Payload;

use crate::{
    command::{TaskId, TimerId},
    event::StateIndex,
    text::Text,
    time::Timestamp,
};

/// Something to be done outside after commit. Every effect can be derived again from the execution's state.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Call the task's target. Again after a crash, with the same task id.
    InvokeTask {
        /// The task; completions carry it.
        task: TaskId,
        /// The Task state, whose resource says what to call.
        state: StateIndex,
        /// What to send.
        parameters: Payload,
        /// `Credentials.RoleArn`.
        credentials_role: Option<Text>,
        /// Of a mocked task: which invocation of its state within the execution it is, from 0. The answer comes from
        /// the mock file then; no service is called.
        mock: Option<u32>,
    },
    /// Offer an activity task to the workers that poll.
    OfferActivityTask {
        /// The task.
        task: TaskId,
        /// The Task state.
        state: StateIndex,
        /// What the worker gets.
        input: Payload,
    },
    /// Wait for the job of a `.sync` task, which was submitted before.
    AwaitJob {
        /// The task.
        task: TaskId,
        /// The Task state.
        state: StateIndex,
        /// The answer of the call that submitted it.
        submitted: Payload,
        /// What had been sent to submit it.
        parameters: Payload,
        /// `Credentials.RoleArn`.
        credentials_role: Option<Text>,
    },
    /// Stop the job of a `.sync` task that was given up; answer with `Command::Settle`.
    StopJob {
        /// The task.
        task: TaskId,
        /// The Task state.
        state: StateIndex,
        /// The answer of the call that submitted it; none while that call was out, so that there may be no job.
        submitted: Option<Payload>,
        /// What had been sent to submit it.
        parameters: Payload,
        /// `Credentials.RoleArn`.
        credentials_role: Option<Text>,
    },
}

/// A timer to arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timer {
    /// When it is due; it never fires earlier.
    pub at: Timestamp,
    /// What it is.
    pub id: TimerId,
}
