//! Express executions: runs of their own, of which nothing is stored but the start of an asynchronous one.

use std::sync::Arc;

use stepwell_interpreter::{About, Environment, Event, EventKind, Program, Stored, TaskId};
use stepwell_json::Payload;

use crate::run::{Run, RunStep};

/// One Express execution at work.
pub type ExpressRun = Run<NoFacts>;
/// What a step of an Express execution led to.
pub type ExpressStep = RunStep;

/// Express has no activities and no callbacks: the validator refuses both. A test takes an activity for granted, as it
/// is mocked.
#[derive(Debug)]
pub struct NoFacts;

impl Environment for NoFacts {
    fn activity_exists(&self, _: &str) -> bool {
        true
    }

    fn task_token(&self, _: TaskId) -> String {
        String::new()
    }
}

impl ExpressRun {
    /// A run that has not started. `seed` is for its random numbers.
    #[must_use]
    pub fn new(program: Arc<Program>, seed: [u8; 32], wait_scale: f64) -> Self {
        Self::with_environment(program, seed, wait_scale, NoFacts)
    }
}

/// The one event that is stored of an asynchronous Express execution before it ends.
pub(crate) fn started_event(about: Arc<About>, input: &Payload) -> Event {
    Event {
        ordinal: 0,
        history_id: 1,
        time: about.start_time,
        kind: EventKind::ExecutionStarted { input: Stored::new(input.clone()), about },
    }
}
