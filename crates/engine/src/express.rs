//! Express executions: the same steps by another policy. Nothing is stored, so effects leave at once.
//!
//! The runner is sans-IO like a shard: whoever drives it (the task of a StartSyncExecution request, or one that
//! an asynchronous start made) carries out effects, feeds completions and wakes it at its next deadline.

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

use stepwell_interpreter::{
    About, Budget, Command, Effect, Environment, Event, EventKind, Execution, Inspection, Outcome, Program,
    Rejection, Stored, Surroundings, TaskId, Timer, TimerId, Timestamp, step,
};
use stepwell_json::Payload;

/// One Express execution at work.
#[derive(Debug)]
pub struct ExpressRun {
    program: Arc<Program>,
    pub(crate) execution: Execution,
    timers: BinaryHeap<Reverse<(Timestamp, TimerId)>>,
    seed: [u8; 32],
    wait_scale: f64,
    pub(crate) budget: Budget,
    /// Of the test of a single state.
    pub(crate) inspection: Option<Box<Inspection>>,
}

/// What a step of a run led to.
#[derive(Debug, Default)]
pub struct ExpressStep {
    /// To be carried out now.
    pub effects: Vec<Effect>,
    /// The events, for logs.
    pub events: Vec<Event>,
    /// Whether to feed `Command::Continue` soon.
    pub unfinished: bool,
}

/// Express has no activities and no callbacks: the validator refuses both. A test takes an activity for granted, as it
/// is mocked.
struct NoFacts;

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
        Self {
            program,
            execution: Execution::default(),
            timers: BinaryHeap::new(),
            seed,
            wait_scale,
            budget: Budget::default(),
            inspection: None,
        }
    }

    /// Begins the run.
    pub fn start(&mut self, about: About, input: Payload, now: Timestamp) -> ExpressStep {
        let command = Command::Start { about: Box::new(about), input };
        self.feed(command, now).unwrap_or_default()
    }

    /// Carries out a command.
    ///
    /// # Errors
    /// A [`Rejection`] when it does not fit any more.
    pub fn feed(&mut self, command: Command, now: Timestamp) -> Result<ExpressStep, Rejection> {
        let mut outcome = Outcome::default();
        let surroundings = Surroundings {
            now,
            seed: self.seed,
            budget: self.budget,
            wait_scale: self.wait_scale,
            environment: &NoFacts,
            inspection: self.inspection.as_deref(),
        };
        let result = step(&self.program, &mut self.execution, command, &surroundings, &mut outcome);
        self.arm(&outcome.timers);
        result.map(|()| ExpressStep {
            effects: outcome.effects,
            events: outcome.events,
            unfinished: outcome.unfinished,
        })
    }

    pub(crate) fn arm(&mut self, timers: &[Timer]) {
        self.timers.extend(timers.iter().map(|timer| Reverse((timer.at, timer.id))));
    }

    /// Fires one timer that is due, if any.
    pub fn fire_due(&mut self, now: Timestamp) -> Option<ExpressStep> {
        while let Some(Reverse((at, timer))) = self.timers.peek().copied() {
            if at > now {
                return None;
            }
            self.timers.pop();
            if let Ok(step) = self.feed(Command::TimerFired { timer }, now) {
                return Some(step);
            }
        }
        None
    }

    /// When to call [`Self::fire_due`].
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.timers.peek().map(|Reverse((at, _))| *at)
    }

    /// Its state.
    #[must_use]
    pub fn execution(&self) -> &Execution {
        &self.execution
    }

    /// What it runs.
    #[must_use]
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }
}

/// The one event that is stored of an asynchronous Express execution before it ends.
pub(crate) fn started_event(about: &About, input: &Payload) -> Event {
    Event {
        ordinal: 0,
        history_id: 1,
        time: about.start_time,
        kind: EventKind::ExecutionStarted {
            input: Stored::new(input.clone()),
            about: Box::new(about.clone()),
        },
    }
}
