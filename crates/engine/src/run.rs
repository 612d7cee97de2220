//! One execution by itself: the same steps as in a shard, by another policy. Nothing is stored, so effects leave at once.
//!
//! The runner is sans-IO like a shard: whoever drives it (the task of a StartSyncExecution request, one that an
//! asynchronous start made, or a test of a workflow) carries out effects, feeds completions and wakes it at its next
//! deadline.

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

use stepwell_interpreter::{
    About, Budget, Command, Effect, Environment, Event, Execution, Inspection, Outcome, Program, Rejection,
    Surroundings, Timer, TimerId, Timestamp, step,
};
use stepwell_json::Payload;

/// One execution at work.
#[derive(Debug)]
pub struct Run<E> {
    program: Arc<Program>,
    pub(crate) execution: Execution,
    timers: BinaryHeap<Reverse<(Timestamp, TimerId)>>,
    seed: [u8; 32],
    wait_scale: f64,
    environment: E,
    pub(crate) budget: Budget,
    drops_events: bool,
    /// Of the test of a single state.
    pub(crate) inspection: Option<Box<Inspection>>,
}

/// What a step of a run led to.
#[derive(Debug, Default)]
pub struct RunStep {
    /// To be carried out now.
    pub effects: Vec<Effect>,
    /// The events, unless they are dropped.
    pub events: Vec<Event>,
    /// Whether to feed `Command::Continue` soon.
    pub unfinished: bool,
    /// With what to go on where nobody waits for the thread: see [`Run::feed_alone`].
    pub heavy: Option<Command>,
}

impl<E: Environment> Run<E> {
    /// A run that has not started. `seed` is for its random numbers; the durations of Wait states are multiplied by
    /// `wait_scale`; steps ask `environment` for facts.
    #[must_use]
    pub fn with_environment(program: Arc<Program>, seed: [u8; 32], wait_scale: f64, environment: E) -> Self {
        let (execution, timers) = (Execution::default(), BinaryHeap::new());
        let (budget, drops_events, inspection) = (Budget::default(), false, None);
        Self { program, execution, timers, seed, wait_scale, environment, budget, drops_events, inspection }
    }

    /// Nobody looks at its events.
    #[must_use]
    pub fn without_events(mut self) -> Self {
        self.drops_events = true;
        self
    }

    /// Its steps are taken on a thread that serves others too: a heavy one is given up, see [`RunStep::heavy`].
    #[must_use]
    pub fn on_shared_thread(mut self) -> Self {
        self.budget = Budget::SHARED;
        self
    }

    /// Begins the run.
    pub fn start(&mut self, about: impl Into<Arc<About>>, input: Payload, now: Timestamp) -> RunStep {
        let command = Command::Start { about: about.into(), input };
        self.feed(command, now).unwrap_or_default()
    }

    /// Carries out a command.
    ///
    /// # Errors
    /// A [`Rejection`] when it does not fit any more.
    pub fn feed(&mut self, command: Command, now: Timestamp) -> Result<RunStep, Rejection> {
        self.feed_within(self.budget, command, now)
    }

    /// Carries out a command on a thread that nobody waits for: no state is too heavy.
    ///
    /// # Errors
    /// As [`Self::feed`].
    pub fn feed_alone(&mut self, command: Command, now: Timestamp) -> Result<RunStep, Rejection> {
        self.feed_within(self.budget.alone(), command, now)
    }

    fn feed_within(
        &mut self,
        budget: Budget,
        command: Command,
        now: Timestamp,
    ) -> Result<RunStep, Rejection> {
        let mut outcome = Outcome { drops_events: self.drops_events, ..Outcome::default() };
        let surroundings = Surroundings {
            now,
            seed: self.seed,
            budget,
            wait_scale: self.wait_scale,
            environment: &self.environment,
            inspection: self.inspection.as_deref(),
        };
        let result = step(&self.program, &mut self.execution, command, &surroundings, &mut outcome);
        self.arm(&outcome.timers);
        result.map(|()| RunStep {
            effects: outcome.effects,
            events: outcome.events,
            unfinished: outcome.unfinished,
            heavy: outcome.heavy,
        })
    }

    pub(crate) fn arm(&mut self, timers: &[Timer]) {
        self.timers.extend(timers.iter().map(|timer| Reverse((timer.at, timer.id))));
    }

    /// Fires one timer that is due, if any.
    pub fn fire_due(&mut self, now: Timestamp) -> Option<RunStep> {
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

    /// Where steps get their facts.
    #[must_use]
    pub fn environment(&self) -> &E {
        &self.environment
    }
}
