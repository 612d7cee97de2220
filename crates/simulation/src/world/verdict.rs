//! Checks when the world is at rest, and when it is over.

use std::collections::BTreeMap;

use stepwell_engine::Shard;
use stepwell_interpreter::{Event, EventKind, Status};
use stepwell_store::{ExecutionKey, HashRange, Store};

use super::{Plant, Shown, World};
use crate::{
    conduct::SeededOutside,
    history,
    oracle::{self, Start, Verdict},
    run::{self, Options, START},
    seed::{context, same_course},
};

/// Milliseconds without anything in the process: by then recovery and commits are through.
const REST_MS: i64 = 100;

impl World<'_> {
    /// Nothing is due. If nothing is under way either, all that is in flight must have left the shards.
    pub(super) fn check_rest(&mut self) -> Result<(), String> {
        let is_at_rest =
            self.node.is_up && !self.node.has_pending() && self.schedule.is_quiet_inside(REST_MS);
        if !is_at_rest {
            return Ok(());
        }
        self.ledger.check_outstanding()?;
        self.check_memory()
    }

    /// In memory is only what is active or will be so soon, and a few that linger: all else is parked, and has left.
    fn check_memory(&self) -> Result<(), String> {
        let store = &self.node.store;
        let soon = self.schedule.shard_time().0 + self.plan.limits.park_after_millis;
        let wrong = |error: stepwell_store::StoreError| error.to_string();
        let active = store.running(HashRange::ALL, None, usize::MAX).map_err(wrong)?.len();
        let due = store.due(HashRange::ALL, soon, None, usize::MAX).map_err(wrong)?.len();
        let in_memory: usize = self.node.shards.iter().map(Shard::resident_len).sum();
        let lingering: Vec<usize> = self.node.shards.iter().map(Shard::lingering_len).collect();
        let lingering_max = self.plan.limits.lingering_max;
        if lingering.iter().any(|count| *count > lingering_max) {
            return Err(format!("{lingering:?} executions linger, of {lingering_max} that may"));
        }
        if in_memory > active + due + lingering.iter().sum::<usize>() {
            return Err(format!(
                "{in_memory} executions are in memory, {active} are active, {due} due soon, {lingering:?} linger"
            ));
        }
        Ok(())
    }

    /// All executions have ended as they should, and nothing is left.
    pub(super) fn last_checks(&mut self) -> Result<Shown, String> {
        if self.node.store.count_open() != 0 {
            return Err(format!("{} executions are open at the end", self.node.store.count_open()));
        }
        for shard in &self.node.shards {
            is_empty(shard)?;
        }
        if !self.express.is_empty() {
            return Err("an Express execution still runs".to_owned());
        }
        if self.crowd.waits() {
            return Err("somebody still waits for an answer".to_owned());
        }
        let mut names = BTreeMap::new();
        let mut shown = Shown { virtual_ms: self.schedule.elapsed(), ..Shown::default() };
        let all: Vec<_> = self
            .ledger
            .all()
            .map(|(key, _, execution, events)| {
                (key, execution.status, execution.output.clone(), execution.failure.clone(), events.to_vec())
            })
            .collect();
        for (key, status, output, failure, events) in all {
            let name = self.ledger.name(key).unwrap_or_default().to_owned();
            if let Some(other) = names.insert(name.clone(), key) {
                return Err(format!("{name} was started as {other} and as {key}"));
            }
            let programs = self.programs();
            let report =
                history::check(&programs, &events).map_err(|error| format!("history of {name}: {error}"))?;
            if !report.is_complete {
                return Err(format!("{name} has not ended"));
            }
            self.check_attempts(key, &events)?;
            shown.events += events.len() as u64;
            shown.executions += 1;
            let ran = run::Ran {
                status,
                output: output.map(|output| output.value().clone()),
                failure,
                events,
                report,
                programs,
                counts: run::Counts { retries: 1, ..run::Counts::default() },
            };
            if self.crowd.has_lost_task(key) {
                continue;
            }
            let foretold = self.check_end(&name, &ran).map_err(|error| {
                let lines = crate::case::history_lines(&ran.programs, &ran.events);
                format!("{error}\n{}", lines.join("\n"))
            })?;
            shown.foretold += u64::from(foretold);
        }
        for index in 0..self.plan.starts.len() {
            let key = self.crowd.started(index).ok_or("a start was never answered")?;
            // Nothing is kept of an Express execution that has ended.
            if self.plan.machines[self.plan.starts[index].machine].is_express {
                continue;
            }
            if self.ledger.durable(key).is_none() {
                return Err("an execution that was acknowledged is gone".to_owned());
            }
        }
        shown.counts = self.counts.clone();
        Ok(shown)
    }

    /// An answer that was accepted is in the history.
    fn check_attempts(&self, key: ExecutionKey, events: &[Event]) -> Result<(), String> {
        let mut attempts = BTreeMap::new();
        let mut outcomes = BTreeMap::new();
        for event in events {
            match &event.kind {
                EventKind::TaskScheduled { frame, .. } => drop(attempts.insert(*frame, event.ordinal)),
                EventKind::TaskSucceeded { frame, .. } => {
                    outcomes.extend(attempts.get(frame).map(|attempt| (*attempt, true)));
                }
                EventKind::TaskFailed { frame, .. } => {
                    outcomes.extend(attempts.get(frame).map(|attempt| (*attempt, false)));
                }
                _ => {}
            }
        }
        let accepted = self.crowd.accepted().iter().filter(|(of, ..)| *of == key);
        for (_, task, succeeded) in accepted {
            if outcomes.get(&task.attempt) != Some(succeeded) {
                return Err(format!("an accepted answer to attempt {} is not in the history", task.attempt));
            }
        }
        Ok(())
    }

    /// The programs of all machines: a machine's number is its revision.
    pub(super) fn programs(&self) -> history::Programs {
        (0..).zip(self.plan.machines.iter().map(|machine| machine.program.clone())).collect()
    }

    /// Whether the oracle foretold the end; and it agrees.
    fn check_end(&mut self, name: &str, ran: &run::Ran) -> Result<bool, String> {
        let start = self.plan.starts.iter().find(|start| start.name == name);
        let start = start.ok_or_else(|| format!("nobody started {name}"))?;
        if ran.status == Status::Aborted && start.stop_ms.is_some() || self.plan.has_clock_faults() {
            return Ok(false);
        }
        let machine = &self.plan.machines[start.machine];
        let input = start.input.value();
        let question = Start { input: input.clone(), at_ms: START.0, context: context(name, input) };
        // After a redrive all goes as if nobody had ever failed, unless Retry or Catch took some error before.
        let is_redriven = ran.report.redrives > 0;
        if is_redriven && ran.report.was_rescued {
            return Ok(false);
        }
        let outside = SeededOutside { is_healed: is_redriven, ..self.plan.outside.clone() };
        let foretold = oracle::foretell(&machine.definition, &question, &outside, false);
        crate::seed::agree(ran, &foretold, false).map_err(|error| format!("oracle, {name}: {error}"))?;
        if foretold.is_ambiguous || matches!(foretold.verdict, Verdict::TimedOut) {
            return Ok(false);
        }
        if is_redriven {
            self.count("redriven executions foretold");
            return Ok(true);
        }
        // Chain by chain it went as in an undisturbed run that never left memory.
        let undisturbed = run::run(
            &machine.program,
            run::about(name),
            start.input.clone(),
            &self.plan.outside,
            Vec::new(),
            &Options { checks_steps: false, ..Options::default() },
        )?;
        let is_timely = ran
            .events
            .iter()
            .chain(&undisturbed.events)
            .any(|event| matches!(event.kind, EventKind::TaskTimedOut { .. }));
        if !is_timely {
            same_course(&undisturbed, ran).map_err(|error| format!("disturbances show, {name}: {error}"))?;
            self.count("courses compared");
        }
        Ok(true)
    }
}

fn is_empty<R>(shard: &Shard<R>) -> Result<(), String> {
    if shard.resident_len() > 0 || shard.next_deadline().is_some() || !shard.is_settled() {
        return Err(format!(
            "a shard is not empty at the end: {} executions, next deadline {:?}",
            shard.resident_len(),
            shard.next_deadline()
        ));
    }
    Ok(())
}

/// All mistakes that can be planted.
pub const PLANTS: [Plant; 7] = [
    Plant::ReleaseBeforeCommit,
    Plant::AcknowledgeBeforeCommit,
    Plant::ForgetEffectsAfterRestart,
    Plant::InvokeTwice,
    Plant::ForgetParked,
    Plant::ForgetRedrives,
    Plant::ForgetHeavySteps,
];
