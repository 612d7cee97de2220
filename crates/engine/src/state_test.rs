//! The test of a single state (TestState): an Express run that stands before the state, makes one transition and is
//! inspected on the way.

use std::sync::Arc;

use stepwell_interpreter::{
    About, Budget, Command, Effect, ErrorOutput, Event, EventKind, Inspection, Program, Rejection, Seen,
    Status, Stored, Timestamp, apply,
    event::{Assigned, StateIndex},
    execution::Phase,
};
use stepwell_json::{Object, Payload};

use crate::express::{ExpressRun, started_event};

/// A state under test.
#[derive(Debug)]
pub struct StateTest {
    run: ExpressRun,
    state: StateIndex,
    input: Payload,
}

/// What is tested, and with what.
#[derive(Debug)]
pub struct TestSubject<'a> {
    /// The machine. Its TimeoutSeconds holds for the test, if it has one.
    pub program: Arc<Program>,
    /// The state, at any depth.
    pub state: StateIndex,
    /// Of an Express execution, whose time limit holds for tests too.
    pub about: &'a About,
    /// The state's input.
    pub input: Payload,
    /// Variables that are set before.
    pub variables: Option<&'a Object>,
    /// For random numbers.
    pub seed: [u8; 32],
    /// By what the durations of Wait states are multiplied.
    pub wait_scale: f64,
}

/// How a test ended, in the words of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestStatus {
    /// The state was left well.
    Succeeded,
    /// It failed, and a retrier would try again.
    Retriable,
    /// It failed, and a catcher took the error.
    CaughtError,
    /// It failed.
    Failed,
}

/// What came of a test.
#[derive(Debug, Clone)]
pub struct TestEnd {
    /// How it ended.
    pub status: TestStatus,
    /// The state's output, unless it failed.
    pub output: Option<Payload>,
    /// The error, if there was one.
    pub error: Option<ErrorOutput>,
    /// The state that would come next.
    pub next: Option<StateIndex>,
    /// The way of data through the state.
    pub seen: Seen,
}

impl StateTest {
    /// Enters the state. Gives what is to be done outside.
    #[must_use]
    pub fn begin(subject: TestSubject<'_>, inspection: Inspection) -> (Self, Vec<Effect>) {
        let TestSubject { program, state, about, input, variables, seed, wait_scale } = subject;
        let mut run = ExpressRun::new(program.clone(), seed, wait_scale);
        // The run is made to stand where one does that has just left another state, which assigned the variables.
        let started = started_event(Arc::new(about.clone()), &input);
        let assigned = variables.into_iter().flat_map(Object::iter).map(|(name, value)| Assigned {
            name: name.clone().into(),
            value: Stored::from_value(value.clone()),
        });
        let before = Event {
            ordinal: 1,
            history_id: 2,
            time: about.start_time,
            kind: EventKind::StateExited {
                frame: 0,
                state: program.start,
                output: Stored::new(input.clone()),
                next: Some(state),
                assigned: assigned.collect(),
                previous: 1,
            },
        };
        apply(&program, &mut run.execution, &started);
        apply(&program, &mut run.execution, &before);
        run.inspection = Some(Box::new(inspection));
        run.arm(&[run.execution.execution_timer(&program)]);
        // One transition: what follows would be that of the next state.
        run.budget = Budget { transitions: 1, ..Budget::default() };
        let step = run.feed(Command::Continue, about.start_time).unwrap_or_default();
        run.budget.transitions = 0;
        (Self { run, state, input }, step.effects)
    }

    /// Carries out a command.
    ///
    /// # Errors
    /// A [`Rejection`] when it does not fit any more.
    pub fn feed(&mut self, command: Command, now: Timestamp) -> Result<Vec<Effect>, Rejection> {
        self.run.feed(command, now).map(|step| step.effects)
    }

    /// Fires one timer that is due, if any.
    pub fn fire_due(&mut self, now: Timestamp) {
        self.run.fire_due(now);
    }

    /// When to call [`Self::fire_due`].
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.run.next_deadline()
    }

    /// What came of it, once the state has been left or has failed.
    #[must_use]
    pub fn end(&self) -> Option<TestEnd> {
        let program = self.run.program();
        let seen = self.run.inspection.as_ref()?.seen(program.state(self.state), self.input.value());
        let execution = self.run.execution();
        let left = if seen.catch_index.is_some() { TestStatus::CaughtError } else { TestStatus::Succeeded };
        let payload = |stored: &Stored| stored.payload.clone();
        let (status, output, next) = match execution.status {
            Status::Succeeded => (left, execution.output.as_ref().map(payload), None),
            Status::Failed | Status::TimedOut | Status::Aborted => (TestStatus::Failed, None, None),
            Status::New => return None,
            Status::Running => {
                let frame = execution.frames.get(0)?;
                match &frame.phase {
                    Phase::Ready => (left, Some(payload(&frame.input)), Some(frame.state)),
                    Phase::BackingOff { .. } => (TestStatus::Retriable, None, None),
                    _ => return None,
                }
            }
        };
        let error = execution.failure.clone().or_else(|| seen.error.clone());
        Some(TestEnd { status, output, error, next, seen })
    }
}
