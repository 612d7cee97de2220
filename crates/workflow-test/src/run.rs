//! Runs one case: the engine's own runner under a virtual clock that jumps to whatever comes next.

use std::{
    cell::RefCell,
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    sync::Arc,
};

use stepwell_asl::MachineType;
use stepwell_engine::{Run, RunStep};
use stepwell_interpreter::{
    About, Command, Decision, Effect, Environment, EventKind, Status, TaskId, Text, Timestamp,
    event::{FrameIndex, StateIndex},
    program::StateKind,
};
use stepwell_json::{Payload, Value, spanned::Span};

use crate::{
    case::{Case, Heartbeats, Outcome},
    conduct::{Conduct, Reply, TaskCall},
    coverage::{Coverage, Observer},
    machine::Machine,
    trail::{Chain, Trail},
};

/// Events after which a run is given up: far more than the 25,000 of a Standard execution, which end it by themselves.
pub const EVENTS_MAX: u64 = 200_000;
/// Steps (answers, timers, signs of life) after which a run is given up.
pub const STEPS_MAX: u64 = 400_000;

/// Why a case did not come to its end.
#[derive(Debug, Clone, PartialEq)]
pub enum Stop {
    /// A task was called that no mock answers.
    NotMocked {
        /// The Task state.
        state: StateIndex,
        /// What it sent.
        parameters: Value,
        /// The item of the innermost Map state around it.
        item: Option<u32>,
        /// The retries before this call.
        attempt: u32,
        /// What is missing.
        missing: Missing,
    },
    /// The execution does not end: it made as many events or steps as a case may.
    Endless {
        /// In words.
        limit: String,
        /// The states that it entered last.
        last: Vec<StateIndex>,
    },
    /// Nothing is left to happen, and yet the execution has not ended: a bug of ours.
    Stuck,
}

/// What would have answered a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Missing {
    /// The state has no mock. Mocks are written here, if there are any.
    Mock(Option<Span>),
    /// The mock that stands here has no answer left for the call; it has so many.
    Answer(Span, usize),
    /// The response of the mock file, by its name, answers so many calls.
    Response(String, u64),
}

/// A call that a task made.
#[derive(Debug, Clone)]
pub struct Call {
    /// The Task state.
    pub state: StateIndex,
    /// What it sent.
    pub parameters: Value,
    /// Virtual milliseconds after the start.
    pub at_ms: i64,
}

/// What came of a case.
#[derive(Debug)]
pub struct Ran {
    /// How the execution stands.
    pub status: Status,
    /// Its output.
    pub output: Option<Value>,
    /// Its error.
    pub error: Option<Text>,
    /// Its cause.
    pub cause: Option<Text>,
    /// The states that it entered.
    pub path: Chain,
    /// The calls of its tasks, in order.
    pub calls: Vec<Call>,
    /// The variables of the outermost chain at the end.
    pub variables: BTreeMap<Arc<str>, Value>,
    /// Virtual milliseconds from the start to the last event.
    pub duration_ms: i64,
    /// Why it did not come to its end.
    pub stop: Option<Stop>,
}

/// What the interpreter asks and tells.
#[derive(Debug, Default)]
struct World {
    decisions: RefCell<Vec<(StateIndex, u32, Decision)>>,
}

impl Environment for World {
    fn activity_exists(&self, _: &str) -> bool {
        true
    }

    fn task_token(&self, task: TaskId) -> String {
        format!("task-token-{}-{}", task.frame, task.attempt)
    }

    fn decided(&self, state: StateIndex, ordinal: u32, decision: Decision) {
        self.decisions.borrow_mut().push((state, ordinal, decision));
    }
}

/// Something that happens at a time, in the order in which it was planned.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Plan {
    at: Timestamp,
    number: u64,
    what: usize,
}

#[derive(Debug)]
enum Happening {
    Command(Command),
    Heartbeat { task: TaskId, every_ms: i64, until: Timestamp },
}

/// Runs a case. What it uses of the definition is counted in `coverage`.
#[must_use]
pub fn run(machine: &Machine, machine_type: MachineType, case: &Case, coverage: &mut Coverage) -> Ran {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&case.seed.to_le_bytes());
    let start = case.context.start_time;
    let mut runner = Runner {
        machine,
        run: Run::with_environment(machine.program.clone(), seed, 1.0, World::default()),
        conduct: Conduct::new(&case.mocks),
        observer: Observer::new(coverage),
        trail: Trail::new(machine.has_forks()),
        now: start,
        agenda: BinaryHeap::new(),
        happenings: Vec::new(),
        free: Vec::new(),
        planned: 0,
        events: 0,
        recent: Vec::new(),
        calls: Vec::new(),
        variables: BTreeMap::new(),
        started: start,
        stop: None,
    };
    let step = runner.run.start(about(case, machine_type), case.input.clone(), start);
    runner.take(step);
    runner.drain();
    runner.finish()
}

fn about(case: &Case, machine_type: MachineType) -> About {
    let context = &case.context;
    let express = machine_type == MachineType::Express;
    let (region, account, machine) = (&context.region, &context.account, &context.state_machine_name);
    let name = &context.execution_name;
    let prefix = format!("arn:aws:states:{region}:{account}");
    let execution_arn = if express {
        format!("{prefix}:express:{machine}:{name}:00000000-0000-0000-0000-000000000000")
    } else {
        format!("{prefix}:execution:{machine}:{name}")
    };
    About {
        execution_arn: execution_arn.into(),
        name: name.clone().into(),
        state_machine_arn: format!("{prefix}:stateMachine:{machine}").into(),
        state_machine_name: machine.clone().into(),
        role_arn: context.role_arn.clone().into(),
        region: region.clone().into(),
        start_time: context.start_time,
        express,
        synchronous: express,
        revision: 1,
        trace_header: None,
        mock: None,
        version_arn: None,
        alias_arn: None,
        log: None,
    }
}

struct Runner<'a> {
    machine: &'a Machine,
    run: Run<World>,
    conduct: Conduct<'a>,
    observer: Observer<'a>,
    trail: Trail,
    now: Timestamp,
    agenda: BinaryHeap<Reverse<Plan>>,
    happenings: Vec<Option<Happening>>,
    free: Vec<usize>,
    planned: u64,
    events: u64,
    /// The states that were entered last.
    recent: Vec<StateIndex>,
    calls: Vec<Call>,
    variables: BTreeMap<Arc<str>, Value>,
    started: Timestamp,
    stop: Option<Stop>,
}

/// States that tell what loop a run is in.
const RECENT_MAX: usize = 12;

impl Runner<'_> {
    fn drain(&mut self) {
        let mut steps = 0;
        while self.stop.is_none() && self.run.execution().is_running() {
            steps += 1;
            if steps > STEPS_MAX {
                self.endless(format!("{STEPS_MAX} answers, timers and signs of life"));
                return;
            }
            let planned = self.agenda.peek().map(|Reverse(plan)| plan.at);
            // What is due at the same time as an answer was due before it, as in the engine.
            match (self.run.next_deadline(), planned) {
                (None, None) => {
                    self.stop = Some(Stop::Stuck);
                    return;
                }
                (Some(deadline), planned) if planned.is_none_or(|planned| deadline <= planned) => {
                    self.now = self.now.max(deadline);
                    if let Some(step) = self.run.fire_due(self.now) {
                        self.take(step);
                    }
                }
                _ => {
                    let Some(Reverse(plan)) = self.agenda.pop() else { return };
                    self.now = self.now.max(plan.at);
                    let happening = self.happenings.get_mut(plan.what).and_then(Option::take);
                    self.free.push(plan.what);
                    if let Some(happening) = happening {
                        self.happen(happening);
                    }
                }
            }
        }
    }

    fn plan(&mut self, at: Timestamp, happening: Happening) {
        let what = match self.free.pop() {
            Some(place) => {
                self.happenings[place] = Some(happening);
                place
            }
            None => {
                self.happenings.push(Some(happening));
                self.happenings.len() - 1
            }
        };
        self.planned += 1;
        self.agenda.push(Reverse(Plan { at, number: self.planned, what }));
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Command(command) => self.feed(command),
            Happening::Heartbeat { task, every_ms, until } => {
                if self.run.execution().task(task).is_none() {
                    return;
                }
                self.feed(Command::TaskHeartbeat { task });
                let next = self.now + every_ms;
                if next <= until {
                    self.plan(next, Happening::Heartbeat { task, every_ms, until });
                }
            }
        }
    }

    /// A command that no longer fits, such as an answer that comes too late, is refused, and that is that.
    fn feed(&mut self, command: Command) {
        if let Ok(step) = self.run.feed(command, self.now) {
            self.take(step);
        }
    }

    fn take(&mut self, step: RunStep) {
        for (state, ordinal, decision) in self.run.environment().decisions.take() {
            self.observer.decided(state, ordinal, decision);
        }
        self.events += step.events.len() as u64;
        for event in &step.events {
            self.observer.event(event);
            self.trail.event(&self.machine.program, event);
            match &event.kind {
                EventKind::StateEntered { state, .. } => {
                    if self.recent.len() == RECENT_MAX {
                        self.recent.remove(0);
                    }
                    self.recent.push(*state);
                }
                EventKind::StateExited { frame: 0, assigned, .. } => {
                    for variable in assigned {
                        let value = variable.value.value().clone();
                        self.variables.insert(variable.name.0.clone(), value);
                    }
                }
                _ => {}
            }
        }
        if self.events > EVENTS_MAX {
            self.endless(format!("{EVENTS_MAX} events"));
            return;
        }
        for effect in step.effects {
            self.carry_out(effect);
        }
        if step.unfinished {
            self.plan(self.now, Happening::Command(Command::Continue));
        }
    }

    fn endless(&mut self, limit: String) {
        self.stop = Some(Stop::Endless { limit, last: std::mem::take(&mut self.recent) });
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::InvokeTask { task, state, parameters, .. } => self.call(task, state, &parameters),
            Effect::OfferActivityTask { task, state, input } => self.call(task, state, &input),
            // The end of a job is planned with its start.
            Effect::AwaitJob { .. } => {}
            Effect::StopJob { task, .. } => {
                self.plan(self.now, Happening::Command(Command::Settle { attempt: task.attempt }));
            }
        }
    }

    /// A task calls: plans its answer.
    fn call(&mut self, task: TaskId, state: StateIndex, parameters: &Payload) {
        if self.stop.is_some() {
            return;
        }
        let parameters = parameters.value();
        self.calls.push(Call { state, parameters: parameters.clone(), at_ms: self.now.0 - self.started.0 });
        let (item, attempt) = (self.item(task.frame), self.attempt(task.frame));
        let call = TaskCall { state, parameters, item, attempt };
        let (outcome, after_ms, heartbeats) = match self.conduct.reply(self.machine, call) {
            Ok(Reply::Answer(answer)) => (answer.outcome.clone(), answer.after_ms, answer.heartbeats),
            Ok(Reply::Outcome(outcome)) => (outcome, 0, None),
            Err(stop) => {
                self.stop = Some(stop);
                return;
            }
        };
        if let Some(StateKind::Task(kind)) = self.machine.program.get(state).map(|state| &state.kind) {
            if kind.is_activity() {
                let worker = Some("test".into());
                self.plan(self.now, Happening::Command(Command::TaskStarted { task, worker }));
            } else if kind.waits_for_token() || kind.waits_for_job() {
                let output = Payload::from_value(Value::empty_object());
                self.plan(self.now, Happening::Command(Command::TaskSubmitted { task, output }));
            }
        }
        let end = self.now + after_ms;
        if let Some(Heartbeats { every_ms, until_ms }) = heartbeats {
            let until = until_ms.map_or(Timestamp::NEVER, |until| self.now + until);
            let next = self.now + every_ms;
            if next <= until {
                self.plan(next, Happening::Heartbeat { task, every_ms, until });
            }
        }
        let command = match outcome {
            Outcome::Result(output) => Command::TaskSucceeded { task, output },
            Outcome::Failure(error) => Command::TaskFailed { task, error },
            Outcome::Never => return,
        };
        self.plan(end, Happening::Command(command));
    }

    /// The item of the innermost Map state around a frame.
    fn item(&self, frame: FrameIndex) -> Option<u32> {
        let execution = self.run.execution();
        let mut at = execution.frames.get(frame)?;
        loop {
            let fork = execution.forks.get(at.fork?)?;
            if fork.items.is_some() {
                return Some(at.index);
            }
            at = execution.frames.get(fork.owner)?;
        }
    }

    /// The retries that a frame has made in this visit of its state.
    fn attempt(&self, frame: FrameIndex) -> u32 {
        self.run.execution().frames.get(frame).map_or(0, |frame| frame.retries.iter().sum())
    }

    fn finish(self) -> Ran {
        let execution = self.run.execution();
        let failure = execution.failure.clone().unwrap_or_default();
        Ran {
            status: execution.status,
            output: execution.output.as_ref().map(|output| output.value().clone()),
            error: failure.error,
            cause: failure.cause,
            path: self.trail.finish(),
            calls: self.calls,
            variables: self.variables,
            duration_ms: execution.last_time.0 - self.started.0,
            stop: self.stop,
        }
    }
}
