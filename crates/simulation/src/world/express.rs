//! Asynchronous Express executions: their start is durable, they run beside the shards, and a process that starts
//! again runs those again that had not ended.

use std::{collections::BTreeMap, sync::Arc};

use stepwell_engine::{ExpressRun, ExpressStep, Input};
use stepwell_interpreter::{About, Command, Effect, Event, Program, Status};
use stepwell_json::Payload;
use stepwell_store::ExecutionKey;

use super::{Happening, World, crowd::completion};
use crate::{
    conduct::Outside,
    history,
    oracle::{self, Start},
    run::{Counts, Ran, START},
    seed::{agree, context},
};

/// Milliseconds after which an Express execution may have timed out, by a margin.
const SURELY_IN_TIME_MS: i64 = 250_000;

/// The Express executions of a process.
#[derive(Debug, Default)]
pub(super) struct Express {
    runs: BTreeMap<ExecutionKey, (ExpressRun, Vec<Event>)>,
}

impl Express {
    pub(super) fn forget(&mut self) {
        self.runs.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

impl World<'_> {
    pub(super) fn run_express(
        &mut self,
        key: ExecutionKey,
        about: &Arc<About>,
        input: Payload,
        program: &Arc<Program>,
    ) -> Result<(), String> {
        self.count("express runs");
        if self.ledger.durable(key).is_none() {
            return Err("an Express execution ran before its start was durable".to_owned());
        }
        let now = self.schedule.shard_time();
        let mut run = ExpressRun::new(program.clone(), [9; 32], 1.0);
        let step = run.start(about.clone(), input, now);
        if self.express.runs.insert(key, (run, Vec::new())).is_some() {
            return Err("an Express execution was started twice in one process".to_owned());
        }
        self.after_step(key, step)
    }

    pub(super) fn express_command(&mut self, key: ExecutionKey, command: Command) -> Result<(), String> {
        let now = self.schedule.shard_time();
        let Some((run, _)) = self.express.runs.get_mut(&key) else { return Ok(()) };
        match run.feed(command, now) {
            Ok(step) => self.after_step(key, step),
            // Late: its task had timed out.
            Err(_) => Ok(()),
        }
    }

    pub(super) fn express_timer(&mut self, key: ExecutionKey) -> Result<(), String> {
        let now = self.schedule.shard_time();
        let Some((run, _)) = self.express.runs.get_mut(&key) else { return Ok(()) };
        match run.fire_due(now) {
            Some(step) => self.after_step(key, step),
            None => {
                self.plan_timer(key);
                Ok(())
            }
        }
    }

    fn plan_timer(&mut self, key: ExecutionKey) {
        let Some((run, _)) = self.express.runs.get(&key) else { return };
        let Some(deadline) = run.next_deadline() else { return };
        let wait_ms = deadline.0.saturating_sub(self.schedule.shard_time().0).max(1);
        self.schedule.inside(wait_ms, Happening::ExpressTimer { key });
    }

    fn after_step(&mut self, key: ExecutionKey, step: ExpressStep) -> Result<(), String> {
        let Some((run, events)) = self.express.runs.get_mut(&key) else { return Ok(()) };
        events.extend(step.events);
        let (program, is_running) = (run.program().clone(), run.execution().is_running());
        for effect in step.effects {
            let Effect::InvokeTask { task, state, parameters, .. } = effect else {
                return Err(format!("an effect that Express has not: {effect:?}"));
            };
            let name = program.state(state).name.to_string();
            let conduct = self.plan.outside.conduct(&name, parameters.value(), None, 0);
            if let Some((end_ms, result)) = conduct.end {
                let command = completion(task, result);
                self.schedule.inside(end_ms, Happening::ExpressCommand { key, command: Box::new(command) });
            }
        }
        if !is_running {
            return self.express_ended(key);
        }
        if step.unfinished {
            let command = Box::new(Command::Continue);
            self.schedule.inside(0, Happening::ExpressCommand { key, command });
        }
        self.plan_timer(key);
        Ok(())
    }

    fn express_ended(&mut self, key: ExecutionKey) -> Result<(), String> {
        let programs = self.programs();
        let Some((run, events)) = self.express.runs.remove(&key) else { return Ok(()) };
        let shard = self.node.shard_of(key.arn_hash());
        self.schedule.inside(0, Happening::Input { shard, input: Input::ExpressEnded { key } });
        let execution = run.execution();
        let report = history::check(&programs, &events)?;
        let ran = Ran {
            status: execution.status,
            output: execution.output.as_ref().map(|output| output.value().clone()),
            failure: execution.failure.clone(),
            events,
            report,
            programs,
            counts: Counts { retries: 1, ..Counts::default() },
        };
        let name = execution.about().name.to_string();
        let start = self.plan.starts.iter().find(|start| start.name == name);
        let start = start.ok_or("nobody started this Express execution")?;
        let lasted_ms = ran.ended_at().0 - execution.about().start_time.0;
        if ran.status == Status::TimedOut || lasted_ms > SURELY_IN_TIME_MS || self.plan.has_clock_faults() {
            return Ok(());
        }
        let input = start.input.value();
        let question = Start { input: input.clone(), at_ms: START.0, context: context(&name, input) };
        let definition = &self.plan.machines[start.machine].definition;
        let foretold = oracle::foretell(definition, &question, &self.plan.outside, false);
        agree(&ran, &foretold, false).map_err(|error| format!("oracle, Express {name}: {error}"))
    }
}
