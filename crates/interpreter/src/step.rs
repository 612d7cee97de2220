//! `step`: decides what a command does. Decisions are facts, emitted one at a time; each is applied at once.

use std::{cell::Cell, collections::VecDeque, fmt};

use stepwell_asl::EvaluationError;

use crate::{
    apply::apply,
    command::{Command, Rejection, TaskId, TimerId, TimerKind},
    effect::{Effect, Timer},
    entropy::Entropy,
    event::{ErrorOutput, Event, EventKind, FrameIndex, StateIndex},
    execution::{Debt, Entered, Execution, ForkIndex, Phase, Status},
    inspection::Inspection,
    limits::{
        CAUSE_CHARACTERS_MAX, EXPRESSION_STEPS_PER_STEP_MAX, HISTORY_EVENTS_MAX, SHARED_EXPRESSION_STEPS,
        SHARED_EXPRESSION_STEPS_MAX, STEP_BYTES_MAX, TRANSITIONS_PER_STEP_MAX,
    },
    program::{Program, State, StateKind},
    states,
    text::Text,
    time::Timestamp,
};

/// What a step asks of its surroundings. Answers are part of its input: the same answers give the same events.
pub trait Environment {
    /// Whether an activity of this ARN exists.
    fn activity_exists(&self, arn: &str) -> bool;
    /// The task token of one attempt of a task.
    fn task_token(&self, task: TaskId) -> String;
    /// Hears of a decision that no event shows, taken by `state` right before the event `ordinal`. Tests that measure
    /// coverage listen; nothing that is decided rests on it.
    fn decided(&self, _state: StateIndex, _ordinal: u32, _decision: Decision) {}
}

/// A decision that can't be told from events: two rules or catchers may lead to the same state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The rule of a Choice state at this position held.
    Rule(usize),
    /// No rule held, and `Default` is taken.
    Default,
    /// The catcher at this position takes the error.
    Catcher(usize),
}

/// What a step is given besides the command.
pub struct Surroundings<'a> {
    /// The time. Events get this time, or that of the newest event if it is later.
    pub now: Timestamp,
    /// Seed of random numbers: made of the store's seed and the execution's key.
    pub seed: [u8; 32],
    /// How much one step may do.
    pub budget: Budget,
    /// By what Wait states' durations are multiplied; 1 in production (`WAIT_TIME_SCALE`).
    pub wait_scale: f64,
    /// Facts that are asked for.
    pub environment: &'a dyn Environment,
    /// In the test of a single state: what is given for it, and what is seen of it.
    pub inspection: Option<&'a Inspection>,
}

/// How much one step may do before it gives the shard back.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// State transitions.
    pub transitions: u32,
    /// Bytes of new payloads.
    pub bytes: usize,
    /// Steps of expressions after which no further state is begun.
    pub expression_steps: u64,
    /// Steps of expressions after which a state is given up as heavy: see [`Outcome::heavy`].
    pub expression_steps_max: u64,
}

impl Budget {
    /// For a thread that serves other executions too.
    pub const SHARED: Self = Self {
        transitions: TRANSITIONS_PER_STEP_MAX,
        bytes: STEP_BYTES_MAX,
        expression_steps: SHARED_EXPRESSION_STEPS,
        expression_steps_max: SHARED_EXPRESSION_STEPS_MAX,
    };

    /// The same for a thread that nobody else waits for: no state is too heavy.
    #[must_use]
    pub const fn alone(self) -> Self {
        Self { expression_steps: EXPRESSION_STEPS_PER_STEP_MAX, expression_steps_max: u64::MAX, ..self }
    }
}

/// For a thread that nobody else waits for.
impl Default for Budget {
    fn default() -> Self {
        Self::SHARED.alone()
    }
}

/// What a step decided.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Facts, to be stored; they are applied already.
    pub events: Vec<Event>,
    /// Set by the caller where nobody looks at events: they are applied, and not kept here.
    pub drops_events: bool,
    /// To be done once the events are durable.
    pub effects: Vec<Effect>,
    /// To be armed. Old timers need not be cancelled.
    pub timers: Vec<Timer>,
    /// The budget ended before the work: send `Command::Continue`.
    pub unfinished: bool,
    /// The expressions of a state need more than the budget has. What was decided before stands; the step goes on with
    /// this command where nobody waits for it, with [`Budget::alone`].
    pub heavy: Option<Command>,
}

/// Why a state cannot go on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fault {
    /// Ends the execution whatever Retry and Catch say (`States.Runtime` of paths and input/output processing).
    Terminal(ErrorOutput),
    /// Goes through Retry and Catch.
    Catchable(ErrorOutput),
    /// A JSONata expression failed: EvaluationFailed, then Retry and Catch.
    Evaluation {
        /// The error.
        error: ErrorOutput,
        /// Where in the state.
        location: Option<Text>,
    },
}

impl Fault {
    /// The error, whoever may handle it.
    fn into_error(self) -> ErrorOutput {
        match self {
            Self::Terminal(error) | Self::Catchable(error) | Self::Evaluation { error, .. } => error,
        }
    }
}

/// Why a step leaves what it is doing.
#[derive(Debug)]
pub(crate) enum Halt {
    /// The state of the frame at work failed.
    Fault(Fault),
    /// The history is full.
    HistoryFull,
    /// Its expressions need more than the step's budget has.
    Heavy,
}

pub(crate) type Progress<T = ()> = Result<T, Halt>;

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Something that can go on without anything from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Frame(FrameIndex),
    Fork(ForkIndex),
}

/// Decides what a command does to an execution, applies it, and adds it to `out`.
///
/// # Errors
/// A [`Rejection`] when the command does not fit; then nothing has changed.
pub fn step(
    program: &Program,
    execution: &mut Execution,
    command: Command,
    surroundings: &Surroundings<'_>,
    out: &mut Outcome,
) -> Result<(), Rejection> {
    let first_event = execution.next_event;
    let mut stepper = Stepper {
        program,
        surroundings,
        out,
        work: VecDeque::new(),
        transitions_left: surroundings.budget.transitions,
        bytes_left: surroundings.budget.bytes,
        time: surroundings.now.max(execution.last_time),
        evaluations: Cell::new(0),
        expression_steps: Cell::new(0),
        execution,
    };
    // A timer is the only command that may get to expressions before it has led to an event. Afterwards state says it all.
    let timer = match command {
        Command::TimerFired { timer } => Some(timer),
        _ => None,
    };
    match stepper.command(command).and_then(|()| stepper.run().map_err(Refusal::Halt)) {
        Ok(()) => Ok(()),
        Err(Refusal::Rejected(rejection)) => Err(rejection),
        Err(Refusal::Halt(Halt::Heavy)) => {
            let timer = timer.filter(|_| stepper.execution.next_event == first_event);
            stepper.out.heavy = Some(timer.map_or(Command::Continue, |timer| Command::TimerFired { timer }));
            Ok(())
        }
        Err(Refusal::Halt(Halt::HistoryFull)) => {
            let error = ErrorOutput::new(
                "States.Runtime",
                format!("The execution reached the maximum number of history events ({HISTORY_EVENTS_MAX})."),
            );
            let previous = stepper.execution.history_length;
            stepper.finish(EventKind::ExecutionFailed { error, previous });
            Ok(())
        }
        Err(Refusal::Halt(Halt::Fault(fault))) => {
            // Faults are handled where the frame is known; one that gets here has no frame left.
            let previous = stepper.execution.history_length;
            stepper.finish(EventKind::ExecutionFailed { error: fault.into_error(), previous });
            Ok(())
        }
    }
}

pub(crate) enum Refusal {
    Rejected(Rejection),
    Halt(Halt),
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<Halt> for Refusal {
    fn from(halt: Halt) -> Self {
        Self::Halt(halt)
    }
}

/// A step at work.
pub(crate) struct Stepper<'a> {
    pub(crate) program: &'a Program,
    pub(crate) execution: &'a mut Execution,
    pub(crate) surroundings: &'a Surroundings<'a>,
    pub(crate) out: &'a mut Outcome,
    /// Time of the events of this step.
    pub(crate) time: Timestamp,
    work: VecDeque<Work>,
    transitions_left: u32,
    bytes_left: usize,
    /// Fields evaluated since the last event.
    evaluations: Cell<u32>,
    /// Steps of expressions so far
    pub(crate) expression_steps: Cell<u64>,
}

impl<'a> Stepper<'a> {
    /// Tells whoever listens what the state of a frame has decided.
    pub(crate) fn decided(&self, frame: FrameIndex, decision: Decision) {
        let state = self.state_index_of(frame);
        self.surroundings.environment.decided(state, self.execution.next_event, decision);
    }

    fn command(&mut self, command: Command) -> Result<(), Refusal> {
        match command {
            Command::Start { about, input } => {
                if self.execution.status != Status::New {
                    return Err(Rejection::Unfitting.into());
                }
                let input = crate::payload::Stored::new(input);
                self.emit(EventKind::ExecutionStarted { input, about })?;
                let timer = self.execution.execution_timer(self.program);
                self.out.timers.push(timer);
                self.work.push_back(Work::Frame(0));
            }
            Command::Settle { attempt } => {
                if !self.execution.debts.iter().any(|debt| debt.task.attempt == attempt) {
                    return Err(Rejection::TaskEnded.into());
                }
                self.emit(EventKind::Settled { attempt })?;
            }
            Command::Redrive { request } => crate::redrive::redrive(self, *request)?,
            _ if !self.execution.is_running() => return Err(Rejection::NotRunning.into()),
            Command::Continue => self.find_work(),
            Command::TaskStarted { task, worker } => {
                self.on_task(task, |stepper| states::task::taken_by_worker(stepper, task, worker))?
            }
            Command::TaskSubmitted { task, output } => {
                self.on_task(task, |stepper| states::task::submitted(stepper, task, output))?;
            }
            Command::TaskSucceeded { task, output } => {
                self.on_task(task, |stepper| Ok(states::task::succeeded(stepper, task, output)?))?;
            }
            Command::TaskFailed { task, error } => {
                self.on_task(task, |stepper| Ok(states::task::failed(stepper, task, error)?))?;
            }
            Command::TaskHeartbeat { task } => self.heartbeat(task)?,
            Command::TimerFired { timer } => self.timer_fired(timer)?,
            Command::Stop { error } => self.finish(EventKind::ExecutionAborted { error }),
        }
        Ok(())
    }

    /// Runs what a completion changes, if its task is still out.
    fn on_task(
        &mut self,
        task: TaskId,
        change: impl FnOnce(&mut Self) -> Result<(), TaskChange>,
    ) -> Result<(), Refusal> {
        if self.execution.task(task).is_none() {
            return Err(Rejection::TaskEnded.into());
        }
        match change(self) {
            Ok(()) => Ok(()),
            Err(TaskChange::Rejected(rejection)) => Err(rejection.into()),
            Err(TaskChange::Halt(halt)) => Ok(self.handle_halt(task.frame, halt)?),
        }
    }

    fn heartbeat(&mut self, id: TaskId) -> Result<(), Refusal> {
        if self.execution.task(id).is_none() {
            return Err(Rejection::TaskEnded.into());
        }
        // The sign of life is volatile, and the timer re-arms itself when it fires too early.
        if let Some(frame) = self.execution.frames.get_mut(id.frame)
            && let Phase::Task(task) = &mut frame.phase
            && let Some(last) = &mut task.last_heartbeat
        {
            *last = (*last).max(self.surroundings.now);
        }
        Ok(())
    }

    fn timer_fired(&mut self, timer: TimerId) -> Result<(), Refusal> {
        let now = self.surroundings.now;
        if timer.kind == TimerKind::Execution {
            let armed = self.execution.execution_timer(self.program);
            if armed.at > now {
                self.out.timers.push(armed);
                return Err(Rejection::Unfitting.into());
            }
            self.finish(EventKind::ExecutionTimedOut { error: ErrorOutput::timed_out(false) });
            return Ok(());
        }
        // A timer whose frame has moved on is stale; one that is early (its heartbeat came) is armed again.
        let Some(armed) = self.execution.frame_timers(timer.frame).find(|armed| armed.id == timer) else {
            return Err(Rejection::Unfitting.into());
        };
        if armed.at > now {
            self.out.timers.push(armed);
            return Err(Rejection::Unfitting.into());
        }
        if self.execution.is_being_stopped(timer.frame) {
            return Err(Rejection::Unfitting.into());
        }
        let result = match timer.kind {
            TimerKind::Wait => states::wait::ended(self, timer.frame),
            TimerKind::Retry => self.retry(timer.frame),
            TimerKind::TaskTimeout => states::task::timed_out(self, timer.frame, false),
            TimerKind::Heartbeat => states::task::timed_out(self, timer.frame, true),
            TimerKind::Execution => Ok(()),
        };
        match result {
            Ok(()) => Ok(()),
            Err(halt) => Ok(self.handle_halt(timer.frame, halt)?),
        }
    }

    /// Tries the state again after a retrier's delay: no second StateEntered.
    fn retry(&mut self, frame: FrameIndex) -> Progress {
        self.spend_transition();
        self.enter(frame)
    }

    /// After a slice: work is found from state alone, so that an execution that was reloaded in between goes on
    /// exactly as one that never left memory.
    fn find_work(&mut self) {
        let forks = self
            .execution
            .forks
            .iter()
            .filter(|(_, fork)| fork.failure.is_some() || fork.is_complete() || fork.has_free_slot());
        let frames = self.execution.frames.iter().filter(|(_, frame)| frame.is_ready());
        self.work = frames
            .map(|(index, _)| Work::Frame(index))
            .chain(forks.map(|(index, _)| Work::Fork(index)))
            .collect();
    }

    /// Runs until everything waits for something outside, or the budget is spent.
    fn run(&mut self) -> Progress {
        while let Some(work) = self.work.pop_front() {
            if !self.execution.is_running() {
                return Ok(());
            }
            if self.is_spent() {
                self.out.unfinished = true;
                return Ok(());
            }
            match work {
                Work::Frame(frame) => self.run_frame(frame)?,
                Work::Fork(fork) => states::fork::run(self, fork)?,
            }
        }
        Ok(())
    }

    /// Runs one chain of states until it waits or ends.
    fn run_frame(&mut self, frame: FrameIndex) -> Progress {
        while self.execution.is_running() {
            let Some(at) = self.execution.frames.get(frame) else { return Ok(()) };
            if !at.is_ready() || self.execution.is_being_stopped(frame) {
                return Ok(());
            }
            if self.is_spent() {
                self.out.unfinished = true;
                return Ok(());
            }
            // A redrive does not enter a state a second time, except Fail (documented).
            let enters = match &at.phase {
                Phase::Ready => true,
                Phase::Again => matches!(self.state_of(frame).kind, StateKind::Fail(_)),
                _ => false,
            };
            let entered = enters.then(|| EventKind::StateEntered {
                frame,
                state: at.state,
                input: at.input.clone(),
                previous: at.last_event,
            });
            self.spend_transition();
            if let Some(entered) = entered {
                self.emit(entered)?;
            }
            if let Err(halt) = self.go_on(frame) {
                self.handle_halt(frame, halt)?;
            }
        }
        Ok(())
    }

    /// Does what comes next in the state of a frame: its work, or what an earlier step found too heavy after it.
    fn go_on(&mut self, frame: FrameIndex) -> Progress {
        match self.execution.frames.get(frame).map(|at| &at.phase) {
            Some(Phase::Ended { result, .. }) => {
                let result = result.clone();
                states::task::leave(self, frame, result)
            }
            Some(Phase::Joined) => states::fork::leave(self, frame),
            Some(Phase::Broken(broken)) => Err(Fault::Catchable(broken.error.clone()).into()),
            _ => self.enter(frame),
        }
    }

    /// Does the work of the state that the frame has entered.
    fn enter(&mut self, frame: FrameIndex) -> Progress {
        let state = self.state_of(frame);
        match &state.kind {
            StateKind::Task(task) => states::task::enter(self, frame, state, task),
            StateKind::Pass(pass) => states::pass::enter(self, frame, state, pass),
            StateKind::Choice(choice) => states::choice::enter(self, frame, state, choice),
            StateKind::Wait(wait) => states::wait::enter(self, frame, state, wait),
            StateKind::Succeed => states::succeed::enter(self, frame, state),
            StateKind::Fail(fail) => states::fail::enter(self, frame, fail),
            StateKind::Parallel(parallel) => states::parallel::enter(self, frame, state, parallel),
            StateKind::Map(map) => states::map::enter(self, frame, state, map),
        }
    }

    /// Deals with what stopped a frame's state: Retry, Catch, or the end of its fork or execution.
    pub(crate) fn handle_halt(&mut self, frame: FrameIndex, halt: Halt) -> Progress {
        match halt {
            Halt::HistoryFull | Halt::Heavy => Err(halt),
            Halt::Fault(fault) => {
                match crate::failure::handle(self, frame, fault) {
                    // An expression of a catcher failed: the new error leaves the state, for the states around it.
                    Err(Halt::Fault(Fault::Evaluation { error, location })) => {
                        crate::failure::evaluation_failed(self, frame, &error, location)?;
                        crate::failure::propagate(self, frame, error)
                    }
                    // A catcher that fails otherwise (its ResultPath can't be applied) ends the execution.
                    Err(Halt::Fault(fault)) => {
                        self.fail_execution(frame, fault.into_error());
                        Ok(())
                    }
                    other => other,
                }
            }
        }
    }

    /// Ends the execution with an error; the previous event is the newest of the frame's chain.
    pub(crate) fn fail_execution(&mut self, frame: FrameIndex, error: ErrorOutput) {
        let previous = self.chain(frame);
        self.finish(EventKind::ExecutionFailed { error, previous });
    }

    /// Emits a terminal event, which is never refused.
    pub(crate) fn finish(&mut self, kind: EventKind) {
        let known = self.execution.debts.len();
        self.record(kind);
        self.work.clear();
        self.stop_jobs(known);
    }

    /// Asks for the jobs of tasks that were just given up to be stopped.
    pub(crate) fn stop_jobs(&mut self, known: usize) {
        let new = self.execution.debts.iter().skip(known);
        self.out.effects.extend(new.map(Debt::effect));
    }

    /// Emits an event: the only way in which a step changes anything. Gives the event's ordinal.
    pub(crate) fn emit(&mut self, kind: EventKind) -> Progress<u32> {
        let express = self.execution.about.as_ref().is_some_and(|about| about.express);
        if !express && kind.is_visible() && self.execution.history_length + 1 >= HISTORY_EVENTS_MAX {
            return Err(Halt::HistoryFull);
        }
        Ok(self.record(kind))
    }

    fn record(&mut self, mut kind: EventKind) -> u32 {
        let ordinal = self.execution.next_event;
        let history_id = if kind.is_visible() { self.execution.history_length + 1 } else { 0 };
        let mut bytes = 0;
        kind.payloads_mut(|_, stored| bytes += stored.new_bytes());
        self.bytes_left = self.bytes_left.saturating_sub(bytes);
        let event = Event { ordinal, history_id, time: self.time, kind };
        apply(self.program, self.execution, &event);
        self.evaluations.set(0);
        if !self.out.drops_events {
            self.out.events.push(event);
        }
        ordinal
    }

    /// Lets a frame that is ready go on in this step.
    pub(crate) fn schedule_frame(&mut self, frame: FrameIndex) {
        self.work.push_back(Work::Frame(frame));
    }

    /// Lets a fork start children, stop or join in this step.
    pub(crate) fn schedule_fork(&mut self, fork: ForkIndex) {
        let work = Work::Fork(fork);
        if !self.work.contains(&work) {
            self.work.push_back(work);
        }
    }

    pub(crate) fn spend_transition(&mut self) {
        self.transitions_left = self.transitions_left.saturating_sub(1);
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.transitions_left == 0
            || self.bytes_left == 0
            || self.expression_steps.get() >= self.surroundings.budget.expression_steps
    }

    /// The state that the frame is in. Frames that a step works on exist.
    pub(crate) fn state_of(&self, frame: FrameIndex) -> &'a State {
        self.program.state(self.state_index_of(frame))
    }

    pub(crate) fn state_index_of(&self, frame: FrameIndex) -> StateIndex {
        self.execution.frames.get(frame).map_or(self.program.start, |frame| frame.state)
    }

    pub(crate) fn entered(&self, frame: FrameIndex) -> Entered {
        self.execution.frames.get(frame).map(|frame| frame.entered).unwrap_or_default()
    }

    pub(crate) fn chain(&self, frame: FrameIndex) -> u32 {
        self.execution.frames.get(frame).map_or(0, |frame| frame.last_event)
    }

    /// Random numbers for the event that comes next, others at each call.
    pub(crate) fn entropy(&self) -> Entropy {
        let evaluation = self.evaluations.get();
        self.evaluations.set(evaluation.wrapping_add(1));
        Entropy::new(self.surroundings.seed, self.execution.next_event, evaluation)
    }

    /// `An error occurred while executing the state '…' (entered at the event id #…). …`; in a test the text alone
    /// (recorded).
    pub(crate) fn cause(&self, frame: FrameIndex, text: impl fmt::Display) -> Text {
        if self.surroundings.inspection.is_some() {
            return text.to_string().into();
        }
        format!(
            "An error occurred while executing the state '{}' (entered at the event id #{}). {text}",
            self.state_of(frame).name,
            self.entered(frame).id
        )
        .into()
    }

    /// An error that no state can handle.
    pub(crate) fn runtime_fault(&self, frame: FrameIndex, text: impl fmt::Display) -> Halt {
        Fault::Terminal(ErrorOutput::new("States.Runtime", self.cause(frame, text))).into()
    }

    /// What an evaluation error means: `States.Runtime` ends the execution, others can be handled.
    pub(crate) fn evaluation_fault(&self, frame: FrameIndex, error: &EvaluationError) -> Halt {
        if self.expression_steps.get() >= self.surroundings.budget.expression_steps_max {
            // It may be for want of steps alone; where there are enough the state is worked out from its beginning.
            return Halt::Heavy;
        }
        let name = error.error_name();
        let output = ErrorOutput::new(name, self.cause(frame, error));
        match error {
            EvaluationError::Query { location, .. } => {
                let error = ErrorOutput {
                    cause: output.cause.map(|cause| cause.shortened(CAUSE_CHARACTERS_MAX)),
                    ..output
                };
                Fault::Evaluation { error, location: location.as_deref().map(Text::from) }
            }
            _ if name == "States.Runtime" => Fault::Terminal(output),
            _ => Fault::Catchable(output),
        }
        .into()
    }

    /// A JSONata state's value that does not fit its field, in words of its own.
    pub(crate) fn query_fault(
        &self,
        frame: FrameIndex,
        location: Option<&str>,
        text: impl fmt::Display,
    ) -> Halt {
        let error = EvaluationError::Query { location: location.map(str::to_owned), cause: text.to_string() };
        self.evaluation_fault(frame, &error)
    }
}

/// Why a completion was not taken, or what it led to.
pub(crate) enum TaskChange {
    Rejected(Rejection),
    Halt(Halt),
}

impl From<Halt> for TaskChange {
    fn from(halt: Halt) -> Self {
        Self::Halt(halt)
    }
}

impl From<Rejection> for TaskChange {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}
