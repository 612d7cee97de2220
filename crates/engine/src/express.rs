//! Express executions: the same steps by another policy. Nothing is stored, so effects leave at once.
//!
//! The runner is sans-IO like a shard: whoever drives it (the task of a StartSyncExecution request, or one that
//! an asynchronous start made) carries out effects, feeds completions and wakes it at its next deadline.

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

use stepwell_interpreter::{
    About, Command, Effect, Environment, Event, EventKind, Execution, Outcome, Program, Rejection, Stored,
    Surroundings, TaskId, TimerId, Timestamp, step,
};
use stepwell_json::Payload;

/// One Express execution at work.
#[derive(Debug)]
pub struct ExpressRun {
    program: Arc<Program>,
    execution: Execution,
    timers: BinaryHeap<Reverse<(Timestamp, TimerId)>>,
    seed: [u8; 32],
    wait_scale: f64,
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

/// Express has no activities and no callbacks: the validator refuses both.
struct NoFacts;

impl Environment for NoFacts {
    fn activity_exists(&self, _: &str) -> bool {
        false
    }

    fn task_token(&self, _: TaskId) -> String {
        String::new()
    }
}

impl ExpressRun {
    /// A run that has not started. `seed` is for its random numbers.
    #[must_use]
    pub fn new(program: Arc<Program>, seed: [u8; 32], wait_scale: f64) -> Self {
        Self { program, execution: Execution::default(), timers: BinaryHeap::new(), seed, wait_scale }
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
            budget: Default::default(),
            wait_scale: self.wait_scale,
            environment: &NoFacts,
        };
        let result = step(&self.program, &mut self.execution, command, &surroundings, &mut outcome);
        self.timers.extend(outcome.timers.iter().map(|timer| Reverse((timer.at, timer.id))));
        result.map(|()| ExpressStep {
            effects: outcome.effects,
            events: outcome.events,
            unfinished: outcome.unfinished,
        })
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
