//! What a world is made of, expanded from a seed so that it can be printed, changed and run again.

use std::{fmt, sync::Arc};

use stepwell_asl::Definition;
use stepwell_engine::Limits;
use stepwell_interpreter::{Budget, Program};
use stepwell_json::Payload;

use crate::{conduct::SeededOutside, generate::Shape, random::Random, seed::Workload};

/// A mistake put in on purpose: the checkers must find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    /// What is held for a batch leaves before the batch is durable.
    ReleaseBeforeCommit,
    /// A shard is told of a commit that has not happened.
    AcknowledgeBeforeCommit,
    /// After a restart the calls that were in flight are not made again.
    ForgetEffectsAfterRestart,
    /// A task is called twice.
    InvokeTwice,
    /// Executions whose time comes are not looked for in the store.
    ForgetParked,
    /// An execution is read from the store up to its first end only.
    ForgetRedrives,
    /// Now and then a heavy step is begun and never ends.
    ForgetHeavySteps,
}

/// One state machine.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Its text.
    pub text: String,
    /// Its model, for the oracle.
    pub definition: Definition,
    /// Its program.
    pub program: Arc<Program>,
    /// Whether its executions are asynchronous Express ones.
    pub is_express: bool,
}

/// One execution to be started.
#[derive(Debug, Clone)]
pub struct Start {
    /// Which machine.
    pub machine: usize,
    /// Its name.
    pub name: String,
    /// Its input.
    pub input: Payload,
    /// When, in milliseconds after the beginning; further times are starts of the same name.
    pub at_ms: Vec<i64>,
    /// Whether the name was generated: nobody looks it up.
    pub has_generated_name: bool,
    /// When it is stopped, if it is.
    pub stop_ms: Option<i64>,
    /// When it is redriven: for each token the times at which it is sent.
    pub redrives_ms: Vec<Vec<i64>>,
}

/// A world, ready to be run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The seed; it also decides the schedule.
    pub seed: u64,
    /// State machines.
    pub machines: Vec<Machine>,
    /// Executions.
    pub starts: Vec<Start>,
    /// Who answers calls.
    pub outside: SeededOutside,
    /// Shards of the node.
    pub shards: u16,
    /// Limits of each shard.
    pub limits: Limits,
    /// Budget of a step.
    pub budget: Budget,
    /// Milliseconds that a heavy step takes at most.
    pub heavy_ms_max: i64,
    /// Milliseconds that a commit takes at most.
    pub commit_ms_max: i64,
    /// When the process ends, in milliseconds after the beginning.
    pub crashes_ms: Vec<i64>,
    /// The process ends while these batches are on their way, counted from the first.
    pub crash_batches: Vec<u64>,
    /// When the clock jumps, and by how much.
    pub clock_shifts: Vec<(i64, i64)>,
    /// When the clock stands still, and for how long.
    pub clock_stops: Vec<(i64, i64)>,
    /// A mistake.
    pub plant: Option<Plant>,
}

impl Plan {
    /// The plan of a seed. `has_crashes`: whether the process ends now and then.
    ///
    /// # Errors
    /// When a definition of the generator is refused.
    pub fn of_seed(seed: u64, has_crashes: bool) -> Result<Self, String> {
        let mut random = Random::named(seed, "plan");
        let shape = Shape { states_max: 14, depth_max: 2, ..Shape::default() };
        let shape = Shape { machine_timeout_percent: 2, jitter_percent: 5, ..shape };
        let mut machines = Vec::new();
        let mut inputs = Vec::new();
        let mut outside = None;
        for number in 0..random.between(1, 3) {
            // Express machines are simple here: what is tried is that they start, run again and end.
            let is_express = random.percent(15);
            let shape = Shape { standard: !is_express, ..shape.clone() };
            let work = Workload::new(seed.wrapping_mul(31).wrapping_add(number.unsigned_abs()), &shape)?;
            let (text, definition, program) = (work.text, work.definition, work.program);
            machines.push(Machine { text, definition, program, is_express });
            inputs.push(work.input);
            outside.get_or_insert(SeededOutside { seed, always_starts: true, ..work.outside });
        }
        let outside = outside.ok_or("there is no machine")?;
        let burst_ms = random.percent(30).then(|| random.between(0, 8_000));
        let starts = (0..random.between(1, 6))
            .map(|number| {
                let machine = random.below(machines.len() as u64) as usize;
                let at_ms = burst_ms.unwrap_or_else(|| random.between(0, 8_000));
                // Names of Express executions are free again at once: nobody looks them up.
                let is_express = machines[machine].is_express;
                let repeats = if random.percent(20) && !is_express { random.between(1, 3) } else { 0 };
                let redrives = if random.percent(60) && !is_express { random.between(1, 3) } else { 0 };
                let redrives_ms = (0..redrives)
                    .map(|_| {
                        // Executions last some tens of seconds at most, or very long.
                        let first_ms = at_ms + random.between(0, 60_000);
                        let again = if random.percent(40) { random.between(1, 3) } else { 0 };
                        std::iter::once(first_ms)
                            .chain(
                                (0..again).map(|_| first_ms + random.between(0, 3_000)).collect::<Vec<_>>(),
                            )
                            .collect()
                    })
                    .collect();
                let further: Vec<i64> =
                    (0..repeats).map(|_| (at_ms + random.between(-5, 500)).max(0)).collect();
                Start {
                    machine,
                    name: format!("e{number}"),
                    input: inputs[machine].clone(),
                    has_generated_name: repeats == 0 && (is_express || random.percent(30)),
                    at_ms: std::iter::once(at_ms).chain(further).collect(),
                    redrives_ms,
                    stop_ms: (random.percent(10) && !is_express).then(|| at_ms + random.between(0, 20_000)),
                }
            })
            .collect();
        let crash_count = if has_crashes { random.between(1, 4) } else { 0 };
        let commit_ms_max = *random.pick(&[0, 3, 40, 400, 900]);
        // Where commits are slow, turns must be large, or tasks would time out for want of progress.
        let is_slow = commit_ms_max > 40;
        let limits = Limits {
            inbox_len_max: if is_slow { 65_536 } else { *random.pick(&[1, 3, 65_536]) },
            batches_in_flight_max: *random.pick(&[1, 2, 3]),
            batch_bytes_max: if is_slow { 4 << 20 } else { *random.pick(&[1, 1_000, 4 << 20]) },
            batch_commands_max: if is_slow { 4_096 } else { *random.pick(&[1, 3, 4_096]) },
            recent_names_max: *random.pick(&[1, 65_536]),
            park_after_millis: *random.pick(&[1_500, 30_000]),
            lingering_max: [0, 1, 1_024][(seed % 3) as usize],
            ..Limits::default()
        };
        let budget = Budget {
            transitions: if is_slow { 1_000 } else { *random.pick(&[1, 2, 7, 50, 1_000]) },
            bytes: if is_slow { 1 << 20 } else { *random.pick(&[1, 1_000, 1 << 20]) },
            expression_steps: if is_slow { 1_000_000 } else { *random.pick(&[1, 30, 1_000_000]) },
            expression_steps_max: *random.pick(&[0, 10, 60, u64::MAX]),
        };
        let heavy_ms_max = if is_slow { 5 } else { *random.pick(&[0, 5, 400]) };
        Ok(Self {
            seed,
            machines,
            starts,
            outside,
            shards: *random.pick(&[1, 2, 3]),
            limits,
            budget,
            heavy_ms_max,
            commit_ms_max,
            crashes_ms: (0..crash_count).map(|_| random.between(0, 30_000)).collect(),
            crash_batches: (0..crash_count).map(|_| random.below(60)).collect(),
            clock_shifts: Vec::new(),
            clock_stops: Vec::new(),
            plant: None,
        })
    }

    /// Whether times are not what the oracle thinks they are.
    #[must_use]
    pub fn has_clock_faults(&self) -> bool {
        !self.clock_shifts.is_empty() || !self.clock_stops.is_empty()
    }

    /// Plans that are a little smaller: without one fault, then with less to do.
    #[must_use]
    pub fn smaller(&self) -> Vec<Self> {
        let mut plans = Vec::new();
        let mut add = |change: &dyn Fn(&mut Self)| {
            let mut plan = self.clone();
            change(&mut plan);
            plans.push(plan);
        };
        for at in 0..self.crashes_ms.len() {
            add(&|plan| {
                plan.crashes_ms.remove(at);
            });
        }
        for at in 0..self.crash_batches.len() {
            add(&|plan| {
                plan.crash_batches.remove(at);
            });
        }
        for at in 0..self.clock_shifts.len() {
            add(&|plan| {
                plan.clock_shifts.remove(at);
            });
        }
        for at in 0..self.clock_stops.len() {
            add(&|plan| {
                plan.clock_stops.remove(at);
            });
        }
        if self.starts.len() > 1 {
            for at in 0..self.starts.len() {
                add(&|plan| drop(plan.starts.remove(at)));
            }
        }
        for at in 0..self.starts.len() {
            if self.starts[at].stop_ms.is_some() {
                add(&|plan| plan.starts[at].stop_ms = None);
            }
            if self.starts[at].at_ms.len() > 1 {
                add(&|plan| plan.starts[at].at_ms.truncate(1));
            }
        }
        if self.shards > 1 {
            add(&|plan| plan.shards = 1);
        }
        if self.commit_ms_max > 0 {
            add(&|plan| plan.commit_ms_max = 0);
        }
        if self.budget.transitions < 1_000 {
            add(&|plan| {
                plan.budget = Budget { transitions: 1_000, bytes: 1 << 20, ..plan.budget };
            });
        }
        if self.budget.expression_steps_max < u64::MAX {
            add(&|plan| plan.budget = plan.budget.alone());
        }
        plans
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "shards {}, {:?}, {:?}, heavy steps take up to {} ms, commits up to {} ms, crashes at {:?} ms and batches {:?}, clock shifts {:?}, stops {:?}, {:?}",
            self.shards,
            self.limits,
            self.budget,
            self.heavy_ms_max,
            self.commit_ms_max,
            self.crashes_ms,
            self.crash_batches,
            self.clock_shifts,
            self.clock_stops,
            self.outside
        )?;
        let used = |machine: &usize| self.starts.iter().any(|start| start.machine == *machine);
        for start in &self.starts {
            writeln!(
                f,
                "start {} of machine {} at {:?} ms, stopped at {:?} ms, redriven at {:?} ms, input {}",
                start.name,
                start.machine,
                start.at_ms,
                start.stop_ms,
                start.redrives_ms,
                start.input.text()
            )?;
        }
        for (number, machine) in self.machines.iter().enumerate().filter(|(number, _)| used(number)) {
            writeln!(f, "machine {number}: {}", machine.text)?;
        }
        Ok(())
    }
}
