//! One execution at the level of the interpreter: steps, virtual time, and the checks that hold after each step.
//!
//! There is no shard, no store and no delay here but those of the outside, so runs are fast and exact. The events
//! of each step are encoded, decoded and folded into a second state, which must equal the live one; at random
//! points the live state is thrown away for it.

mod agenda;
mod checks;

use std::sync::Arc;

use agenda::{Agenda, Happening};
use checks::Shadow;
pub(crate) use checks::same_state;
use stepwell_interpreter::{
    About, Budget, Command, Effect, Environment, ErrorOutput, Event, Execution, Outcome, Program, Rejection,
    Status, Surroundings, TaskId, Timestamp, step,
};
use stepwell_json::{Payload, Value};

use crate::{
    conduct::{Outside, Stage, stage},
    history::{Checker, Programs, Report},
    random::Random,
};

/// When runs start: a whole second.
pub const START: Timestamp = Timestamp(1_700_000_000_000);
/// Steps after which a run is given up.
const STEPS_MAX: u32 = 400_000;
/// Milliseconds that stopping a job takes.
const STOP_JOB_MS: i64 = 100;

/// How a run is driven.
#[derive(Debug, Clone)]
pub struct Options {
    /// Decides where the state is reloaded.
    pub seed: u64,
    /// How much one step may do.
    pub budget: Budget,
    /// How often, in a hundred steps, the live state is replaced by the folded one.
    pub reload_percent: u64,
    /// Whether the state is compared and the effects are checked after every step.
    pub checks_steps: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 0, budget: Budget::default(), reload_percent: 0, checks_steps: true }
    }
}

/// How often rare things happened.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counts {
    /// Steps.
    pub steps: u64,
    /// The state was reloaded.
    pub reloads: u64,
    /// A slice ended before its work.
    pub slices: u64,
    /// A step was given up as heavy, and gone on with elsewhere.
    pub heavy_steps: u64,
    /// An answer came for a task that had ended.
    pub late_answers: u64,
    /// A task timed out.
    pub timeouts: u64,
    /// A retrier took an error.
    pub retries: u64,
    /// A job had to be stopped.
    pub stopped_jobs: u64,
    /// A JSONata expression failed.
    pub failed_evaluations: u64,
    /// The execution was redriven.
    pub redrives: u64,
}

/// What a run led to.
#[derive(Debug, Clone)]
pub struct Ran {
    /// How the execution stands at the end.
    pub status: Status,
    /// Its output.
    pub output: Option<Value>,
    /// Its error.
    pub failure: Option<ErrorOutput>,
    /// All events.
    pub events: Vec<Event>,
    /// The programs that the events name states of.
    pub programs: Programs,
    /// What the checker of histories learnt.
    pub report: Report,
    /// How often rare things happened.
    pub counts: Counts,
}

impl Ran {
    /// The time of the terminal event.
    #[must_use]
    pub fn ended_at(&self) -> Timestamp {
        let terminal = self.events.iter().rev().find(|event| event.kind.is_terminal());
        terminal.map_or(Timestamp(0), |event| event.time)
    }
}

/// What is known of the execution that runs.
#[must_use]
pub fn about(name: &str) -> About {
    let prefix = "arn:aws:states:us-east-1:000000000000";
    About {
        execution_arn: format!("{prefix}:execution:machine:{name}").into(),
        name: name.into(),
        state_machine_arn: format!("{prefix}:stateMachine:machine").into(),
        state_machine_name: "machine".into(),
        role_arn: "arn:aws:iam::000000000000:role/role".into(),
        region: "us-east-1".into(),
        start_time: START,
        express: false,
        synchronous: false,
        revision: 1,
        trace_header: None,
        version_arn: None,
        alias_arn: None,
        log: None,
        mock: None,
    }
}

/// Facts that steps ask for.
struct Facts;

impl Environment for Facts {
    fn activity_exists(&self, arn: &str) -> bool {
        !arn.ends_with(":missing")
    }

    fn task_token(&self, task: TaskId) -> String {
        format!("token-{}-{}", task.frame, task.attempt)
    }
}

/// Runs an execution to its end. `calls`: further commands, with their time in milliseconds after the start.
///
/// # Errors
/// What a checker found, in words.
pub fn run(
    program: &Arc<Program>,
    about: About,
    input: Payload,
    outside: &dyn Outside,
    calls: Vec<(i64, Command)>,
    options: &Options,
) -> Result<Ran, String> {
    let mut programs = Programs::from([(about.revision, program.clone())]);
    for (_, command) in &calls {
        if let Command::Redrive { request } = command
            && let Some(new) = &request.definition
        {
            programs.insert(new.revision, new.program.clone());
        }
    }
    let mut runner = Runner {
        program: program.clone(),
        outside,
        options,
        execution: Execution::default(),
        now: about.start_time,
        agenda: Agenda::default(),
        shadow: Shadow::new(&programs),
        checker: Checker::new(&programs),
        random: Random::named(options.seed, "run"),
        counts: Counts::default(),
        events: Vec::new(),
    };
    let start = about.start_time;
    runner.agenda.add(start, Happening::Command(Command::Start { about: about.into(), input }));
    for (after_ms, command) in calls {
        runner.agenda.add(start + after_ms, Happening::Command(command));
    }
    runner.drain()?;
    let Runner { execution, checker, counts, events, .. } = runner;
    if execution.is_open() || !execution.frames.is_empty() || !execution.forks.is_empty() {
        return Err(format!("nothing is left to happen, yet the execution is {:?}", execution.status));
    }
    let report = checker.finish();
    Ok(Ran {
        status: execution.status,
        output: execution.output.map(|output| output.value().clone()),
        failure: execution.failure,
        events,
        report,
        programs,
        counts,
    })
}

struct Runner<'a> {
    program: Arc<Program>,
    outside: &'a dyn Outside,
    options: &'a Options,
    execution: Execution,
    now: Timestamp,
    agenda: Agenda,
    shadow: Shadow<'a>,
    checker: Checker<'a>,
    random: Random,
    counts: Counts,
    events: Vec<Event>,
}

impl Runner<'_> {
    fn drain(&mut self) -> Result<(), String> {
        while let Some((at, happening)) = self.agenda.pop() {
            self.now = self.now.max(at);
            self.counts.steps += 1;
            if self.counts.steps > u64::from(STEPS_MAX) {
                return Err("the run does not end".to_owned());
            }
            match happening {
                Happening::Command(command) => self.feed(command)?,
                Happening::Timer(timer) => self.feed(Command::TimerFired { timer })?,
            }
            let wants_reload =
                self.options.reload_percent > 0 && self.random.percent(self.options.reload_percent);
            if wants_reload && self.has_turn() {
                self.reload()?;
            }
        }
        Ok(())
    }

    /// Feeds a command. Where a step is given up as heavy, nothing happens to the execution until it has gone on.
    fn feed(&mut self, command: Command) -> Result<(), String> {
        let mut heavy = self.feed_within(self.options.budget, command)?;
        while let Some(command) = heavy {
            self.counts.heavy_steps += 1;
            if self.options.reload_percent > 0 && self.random.percent(self.options.reload_percent) {
                self.go_on_from_state(&command)?;
            }
            heavy = self.feed_within(self.options.budget.alone(), command)?;
        }
        Ok(())
    }

    /// A crash while a step is taken elsewhere: the state is folded anew, and says what the step is to do.
    fn go_on_from_state(&mut self, command: &Command) -> Result<(), String> {
        self.counts.reloads += 1;
        let mut folded = self.shadow.fold_again()?;
        checks::same_state(&self.execution, &folded)?;
        checks::keep_heartbeats(&self.execution, &mut folded);
        let is_found = match command {
            Command::TimerFired { timer } => {
                folded.frame_timers(timer.frame).any(|armed| armed.id == *timer && armed.at <= self.now)
            }
            _ => folded.has_ready_work(),
        };
        self.execution = folded;
        if is_found { Ok(()) } else { Err(format!("state does not say that {command:?} comes next")) }
    }

    fn feed_within(&mut self, budget: Budget, command: Command) -> Result<Option<Command>, String> {
        let told = command.clone();
        let was_out = completes(&command).map(|task| self.execution.task(task).is_some());
        let mut outcome = Outcome::default();
        let surroundings = Surroundings {
            now: self.now,
            seed: [7; 32],
            budget,
            wait_scale: 1.0,
            environment: &Facts,
            inspection: None,
        };
        let number = command.number();
        let program = self.program.clone();
        let result = step(&program, &mut self.execution, command, &surroundings, &mut outcome);
        self.agenda.add_timers(&outcome.timers);
        match result {
            Err(rejection) => {
                if !outcome.events.is_empty() || !outcome.effects.is_empty() {
                    return Err(format!("a refused command left something: {told:?}"));
                }
                if was_out == Some(true) && rejection != Rejection::Unfitting {
                    return Err(format!("a task was out, yet {told:?} was refused: {rejection}"));
                }
                self.counts.late_answers += u64::from(was_out == Some(false));
            }
            Ok(()) => {
                if was_out == Some(false) {
                    return Err(format!("no such task was out, yet it was taken: {told:?}"));
                }
                self.taken(&told);
            }
        }
        for event in &outcome.events {
            self.checker.event(event)?;
            self.count(event);
        }
        if let Command::Redrive { request } = &told
            && let Some(new) = request.definition.as_ref().filter(|_| !outcome.events.is_empty())
        {
            self.program = new.program.clone();
        }
        if self.options.checks_steps || self.options.reload_percent > 0 {
            self.shadow.take(&outcome.events, number)?;
        }
        self.shadow.released(&outcome.effects);
        if self.options.checks_steps && self.has_turn() {
            self.shadow.compare(&self.execution)?;
            checks::effects(&self.program, &self.execution, &outcome.effects, &self.shadow)?;
            // The timer that a heavy step goes on with has fired, and state still has it.
            if outcome.heavy.is_none() {
                checks::timers(&self.program, &self.execution, &self.agenda)?;
            }
        }
        self.events.append(&mut outcome.events);
        for effect in outcome.effects {
            self.carry_out(effect);
        }
        if outcome.unfinished {
            self.counts.slices += 1;
            self.agenda.add(self.now, Happening::Command(Command::Continue));
        }
        Ok(outcome.heavy)
    }

    /// Whether a check that looks at the whole state is made now: always in short histories, and so seldom in long
    /// ones that a run takes time in proportion to its length.
    fn has_turn(&mut self) -> bool {
        let length = self.events.len() as u64;
        length < 500 || self.random.below(length / 100) == 0
    }

    fn count(&mut self, event: &Event) {
        use stepwell_interpreter::EventKind;
        match &event.kind {
            EventKind::TaskTimedOut { .. } => self.counts.timeouts += 1,
            EventKind::RetryScheduled { .. } => self.counts.retries += 1,
            EventKind::Settled { .. } => self.counts.stopped_jobs += 1,
            EventKind::EvaluationFailed { .. } => self.counts.failed_evaluations += 1,
            EventKind::ExecutionRedriven { .. } => self.counts.redrives += 1,
            _ => {}
        }
    }

    /// What the outside does after a command was taken.
    fn taken(&mut self, command: &Command) {
        let is_job = |task: TaskId| {
            let frame = self.execution.frames.get(task.frame);
            matches!(
                frame.and_then(|frame| self.program.get(frame.state)).map(|state| &state.kind),
                Some(stepwell_interpreter::program::StateKind::Task(state)) if state.waits_for_job()
            )
        };
        match command {
            Command::TaskStarted { task, .. } => self.work(*task),
            Command::TaskSubmitted { task, .. } if !is_job(*task) => self.work(*task),
            _ => {}
        }
    }

    /// A worker, or whoever has the token, works on the task and ends it.
    fn work(&mut self, task: TaskId) {
        let Some((state, parameters)) = self.task(task) else { return };
        let conduct = self.conduct(&state, &parameters, task);
        for beat in &conduct.heartbeats_ms {
            self.agenda.add(self.now + *beat, Happening::Command(Command::TaskHeartbeat { task }));
        }
        self.end(task, &conduct);
    }

    fn end(&mut self, task: TaskId, conduct: &crate::conduct::Conduct) {
        let Some((after_ms, result)) = &conduct.end else { return };
        let command = match result {
            Ok(output) => Command::TaskSucceeded { task, output: Payload::from_value(output.clone()) },
            Err(error) => Command::TaskFailed { task, error: error.clone() },
        };
        self.agenda.add(self.now + *after_ms, Happening::Command(command.clone()));
        if conduct.twice {
            self.agenda.add(self.now + *after_ms + 1, Happening::Command(command));
        }
    }

    fn conduct(&self, state: &str, parameters: &Value, task: TaskId) -> crate::conduct::Conduct {
        self.outside.conduct(state, parameters, Some(task), self.execution.redrive_count)
    }

    fn task(&self, id: TaskId) -> Option<(String, Value)> {
        let frame = self.execution.frames.get(id.frame)?;
        let task = self.execution.task(id)?;
        let state = self.program.get(frame.state)?.name.to_string();
        Some((state, task.parameters.value().clone()))
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::InvokeTask { task, state, parameters, .. } => {
                let name = self.program.state(state).name.to_string();
                let conduct = self.conduct(&name, parameters.value(), task);
                if stage(&self.program, state) == Some(Stage::Direct) {
                    self.end(task, &conduct);
                } else if let Some(after_ms) = conduct.start_ms {
                    let output = Payload::from_value(conduct.submitted);
                    let command = Command::TaskSubmitted { task, output };
                    self.agenda.add(self.now + after_ms, Happening::Command(command));
                }
            }
            Effect::OfferActivityTask { task, state, input } => {
                let name = self.program.state(state).name.to_string();
                if let Some(after_ms) = self.conduct(&name, input.value(), task).start_ms {
                    let command = Command::TaskStarted { task, worker: Some("worker".into()) };
                    self.agenda.add(self.now + after_ms, Happening::Command(command));
                }
            }
            Effect::AwaitJob { task, .. } => self.work(task),
            Effect::StopJob { task, .. } => {
                let command = Command::Settle { attempt: task.attempt };
                self.agenda.add(self.now + STOP_JOB_MS, Happening::Command(command));
            }
        }
    }

    /// Goes on with the state folded from stored events, as after a restart or a load.
    fn reload(&mut self) -> Result<(), String> {
        self.counts.reloads += 1;
        let mut folded = self.shadow.fold_again()?;
        checks::same_state(&self.execution, &folded)?;
        self.agenda.forget_timers_and_slices();
        checks::keep_heartbeats(&self.execution, &mut folded);
        self.execution = folded;
        let mut timers = Vec::new();
        if self.execution.is_running() {
            let frames: Vec<_> = self.execution.frames.iter().map(|(index, _)| index).collect();
            timers.extend(frames.into_iter().flat_map(|index| self.execution.frame_timers(index)));
            timers.push(self.execution.execution_timer(&self.program));
        }
        // The slice first: timers that are due but no longer count would be loaded again and again before it.
        if self.execution.has_ready_work() {
            self.agenda.add(self.now, Happening::Command(Command::Continue));
        }
        self.agenda.add_timers(&timers);
        Ok(())
    }
}

/// The task that a command completes or takes on, whose refusal must be the task's own end.
fn completes(command: &Command) -> Option<TaskId> {
    match command {
        Command::TaskSucceeded { task, .. }
        | Command::TaskFailed { task, .. }
        | Command::TaskHeartbeat { task } => Some(*task),
        _ => None,
    }
}
