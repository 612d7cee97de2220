//! The node: shards, the committer, the loader, and what becomes of them when the process ends.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use stepwell_engine::{
    Config, Found, HeavyStep, Input, Load, LoadedExecution, Released, Reply, ReplyTo, Shard, TokenKey, fold,
};
use stepwell_interpreter::{Command, Effect, Program, Timestamp, event::codec::decode_chunk};
use stepwell_store::{
    Batch, DueExecution, EventChunk, ExecutionKey, HashRange, MemoryStore, Store, StoreError, WAKE_NEVER,
};

use super::{Happening, Plan, Plant, World, schedule::Request};

/// The activity that the generator's definitions name.
pub(super) const ACTIVITY: &str = "arn:aws:states:us-east-1:000000000000:activity:bench";
/// Account of all executions.
pub(super) const ACCOUNT: &str = "000000000000";
/// Milliseconds that a restart takes at most.
const RESTART_MS_MAX: i64 = 500;
/// Keys read from an index at once: few, so that pages come into it.
const PAGE: usize = 2;

/// A batch on its way to the store.
#[derive(Debug)]
struct Pending {
    shard: usize,
    batch: Batch,
    held: Vec<Released<Request>>,
}

/// The process and its store.
pub(super) struct Node {
    pub(super) shards: Vec<Shard<Request>>,
    pub(super) store: MemoryStore,
    pending: VecDeque<Pending>,
    /// Executions of which a step is taken elsewhere.
    away: BTreeSet<ExecutionKey>,
    /// For each shard the newest batch that is durable.
    committed: Vec<u64>,
    /// The last parked execution that was sent to its shard.
    sent_up_to: Option<DueExecution>,
    /// When the store will be read for parked executions, in milliseconds after the beginning.
    read_ahead_at: Option<i64>,
    programs: Vec<Arc<Program>>,
    pub(super) token_key: TokenKey,
    pub(super) is_up: bool,
    /// How often it was started.
    pub(super) boots: u64,
    /// Batches that were handed to the store.
    batches: u64,
}

impl Node {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            shards: Vec::new(),
            store: MemoryStore::new(),
            pending: VecDeque::new(),
            away: BTreeSet::new(),
            committed: Vec::new(),
            sent_up_to: None,
            read_ahead_at: None,
            programs: plan.machines.iter().map(|machine| machine.program.clone()).collect(),
            token_key: TokenKey::new([3; 32]),
            is_up: false,
            boots: 0,
            batches: 0,
        }
    }

    pub(super) fn shards_with_work(&self, now: Timestamp) -> Vec<usize> {
        let has_work = |shard: &Shard<Request>| {
            shard.has_work() || shard.next_deadline().is_some_and(|deadline| deadline <= now)
        };
        (0..self.shards.len()).filter(|at| has_work(&self.shards[*at])).collect()
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.shards.iter().filter_map(Shard::next_deadline).min()
    }

    pub(super) fn shard_of(&self, hash: u16) -> usize {
        usize::from(HashRange::shard_of(hash, self.shards.len() as u16))
    }

    /// The newest durable batch of the shard that owns an ARN: what a look-up of a name has seen.
    pub(super) fn committed(&self, hash: u16) -> u64 {
        self.committed.get(self.shard_of(hash)).copied().unwrap_or(0)
    }

    pub(super) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Reads an execution from the store as the loader of the server does.
    fn read(&self, load: Load, plant: Option<Plant>) -> Result<Found, StoreError> {
        let key = load.key;
        let Some(row) = self.store.row(key)? else { return Ok(Found::Unknown) };
        let before = u128::from_be_bytes(*key.as_bytes()).checked_sub(1);
        let before = before.map(|key| ExecutionKey::from_bytes(key.to_be_bytes()));
        let is_active = self.store.running(HashRange::ALL, before, 1)?.first() == Some(&key);
        if row.status.is_closed() && !is_active && !load.even_closed {
            return Ok(Found::Closed);
        }
        let program = |revision| {
            let program = usize::try_from(revision).ok().and_then(|at: usize| self.programs.get(at));
            program.cloned().ok_or_else(|| "it is not there".to_owned())
        };
        let mut chunks = self.store.chunks(key, 0, usize::MAX)?;
        if plant == Some(Plant::ForgetRedrives) {
            let ends = |chunk: &EventChunk| {
                decode_chunk(&chunk.bytes)
                    .is_ok_and(|events| events.iter().any(|event| event.kind.is_terminal()))
            };
            let end = chunks.iter().position(ends).map_or(chunks.len(), |at| at + 1);
            chunks.truncate(end);
        }
        let (execution, program) = match fold(program, &chunks) {
            Ok(folded) => folded,
            Err(error) => return Ok(Found::Unreadable(error.to_string())),
        };
        let frames = execution.frames.iter();
        let deadline = frames
            .flat_map(|(index, _)| execution.frame_timers(index))
            .map(|timer| timer.at)
            .chain([execution.deadline(&program)])
            .min()
            .unwrap_or(Timestamp::NEVER);
        let wake_at_ms = match execution.is_open() {
            _ if is_active => Some(0),
            true => Some(deadline.0.clamp(1, WAKE_NEVER)),
            false => None,
        };
        Ok(Found::Execution(Box::new(LoadedExecution { execution, program, row, wake_at_ms })))
    }
}

impl World<'_> {
    /// The process starts: shards without executions, then what the running index holds.
    pub(super) fn boot(&mut self) {
        let count = self.plan.shards;
        self.schedule.boot();
        self.node.shards = (0..count)
            .map(|number| {
                Shard::new(Config {
                    number,
                    owned: HashRange::of_shard(number, count),
                    limits: self.plan.limits.clone(),
                    store_seed: [5; 32],
                    token_key: self.node.token_key.clone(),
                    wait_scale: 1.0,
                    budget: self.plan.budget,
                    observers: Default::default(),
                })
            })
            .collect();
        self.node.committed = vec![0; usize::from(count)];
        self.node.sent_up_to = None;
        self.node.is_up = true;
        self.node.boots += 1;
        for shard in 0..usize::from(count) {
            let input = Input::ActivityCreated { activity: ACTIVITY.into() };
            self.schedule.inside(0, Happening::Input { shard, input });
        }
        let mut after = None;
        while let Ok(keys) = self.node.store.running(HashRange::ALL, after, PAGE) {
            let Some(last) = keys.last() else { break };
            after = Some(*last);
            self.send_due(keys);
        }
        self.plan_read_ahead();
        self.crowd.node_is_up(self.plan, &mut self.random, &mut self.schedule);
    }

    fn send_due(&mut self, keys: Vec<ExecutionKey>) {
        for key in keys {
            let shard = self.node.shard_of(key.arn_hash());
            let after_ms = self.random.between(0, 20);
            self.schedule.inside(after_ms, Happening::Input { shard, input: Input::Due { keys: vec![key] } });
        }
    }

    /// How far ahead the loader looks for parked executions, and how often.
    fn read_ahead_ms(&self) -> (i64, i64) {
        (self.plan.limits.park_after_millis * 2 / 3, self.plan.limits.park_after_millis / 6)
    }

    /// The loader looks every few seconds; looks that can find nothing are left out.
    fn plan_read_ahead(&mut self) {
        if self.plan.plant == Some(Plant::ForgetParked) {
            return;
        }
        let next = self.node.store.due(HashRange::ALL, WAKE_NEVER - 1, self.node.sent_up_to, 1);
        let Ok(Some(next)) = next.map(|due| due.first().copied()) else { return };
        let (ahead_ms, every_ms) = self.read_ahead_ms();
        let wait_ms = next.wake_at_ms.saturating_sub(self.schedule.shard_time().0).saturating_sub(ahead_ms);
        let after_ms = wait_ms.max(self.random.between(1, every_ms));
        let at = self.schedule.elapsed().saturating_add(after_ms);
        if self.node.read_ahead_at.is_none_or(|planned| at < planned) {
            self.node.read_ahead_at = Some(at);
            self.schedule.inside(after_ms, Happening::ReadAhead);
        }
    }

    pub(super) fn read_ahead(&mut self) {
        self.node.read_ahead_at = None;
        let until = self.schedule.shard_time().0 + self.read_ahead_ms().0;
        while let Ok(due) = self.node.store.due(HashRange::ALL, until, self.node.sent_up_to, PAGE) {
            let Some(last) = due.last() else { break };
            self.node.sent_up_to = Some(*last);
            self.count("parked executions read ahead");
            self.send_due(due.into_iter().map(|due| due.key).collect());
        }
        self.plan_read_ahead();
    }

    /// Somebody elsewhere takes a step; the shard hears of it a little later.
    pub(super) fn take_heavy_step(&mut self, shard: usize, step: HeavyStep) {
        let taken = step.take(self.schedule.shard_time());
        let after_ms = self.random.between(0, 2);
        let input = Input::HeavyStepTaken(Box::new(taken));
        self.schedule.inside(after_ms, Happening::Input { shard, input });
    }

    fn send_away(&mut self, shard: usize, step: HeavyStep) {
        self.count("heavy steps");
        if self.plan.plant == Some(Plant::ForgetHeavySteps) && self.random.percent(10) {
            return;
        }
        self.node.away.insert(step.key());
        let after_ms = self.random.between(0, self.plan.heavy_ms_max);
        self.schedule.inside(after_ms, Happening::HeavyStep { shard, step: Box::new(step) });
    }

    /// What comes for an execution while a step of it is taken elsewhere.
    fn note_away(&mut self, input: &Input<Request>) {
        match input {
            Input::HeavyStepTaken(taken) => drop(self.node.away.remove(&taken.key())),
            Input::Command { key, command, .. } if self.node.away.contains(key) => match command {
                Command::Stop { .. } => self.count("stops during heavy steps"),
                Command::Redrive { .. } => self.count("redrives during heavy steps"),
                Command::TaskHeartbeat { .. } => self.count("heartbeats during heavy steps"),
                Command::TaskSucceeded { .. } | Command::TaskFailed { .. } => {
                    self.count("answers during heavy steps");
                }
                _ => {}
            },
            _ => {}
        }
    }

    pub(super) fn enqueue(&mut self, shard: usize, input: Input<Request>) -> Result<(), String> {
        self.note_away(&input);
        let Some(at) = self.node.shards.get_mut(shard) else { return Ok(()) };
        if let Err(refused) = at.enqueue(input) {
            self.count("inputs refused");
            let request = match refused {
                Input::Start { reply, .. } | Input::Command { reply: ReplyTo::Caller(reply), .. } => reply,
                Input::ActivityPoll { poller, .. } => poller.reply,
                other => return Err(format!("an input that finishes work was refused: {other:?}")),
            };
            self.answered(request, Reply::Throttled)?;
        }
        Ok(())
    }

    /// One turn of a shard.
    pub(super) fn turn(&mut self, number: usize) -> Result<(), String> {
        let now = self.schedule.shard_time();
        let Some(shard) = self.node.shards.get_mut(number) else { return Ok(()) };
        let turn = shard.turn(now);
        self.release(turn.released)?;
        for load in turn.loads {
            self.count("loads");
            let after_ms = self.random.between(0, 5);
            self.schedule.inside(after_ms, Happening::Load { shard: number, load });
        }
        if let Some((batch, mut held)) = turn.batch {
            self.ledger.wrote(&batch, &self.node.shards[number], &turn.heavy)?;
            self.check_in_flight(number)?;
            for change in &batch.running {
                if change.change.wake_at_ms().is_some_and(|wake_at_ms| wake_at_ms > 0) {
                    *self.counts.entry("parked").or_default() += 1;
                }
            }
            if self.plan.plant == Some(Plant::ReleaseBeforeCommit) {
                self.release(std::mem::take(&mut held))?;
            }
            if self.plan.plant == Some(Plant::AcknowledgeBeforeCommit) {
                let input = Input::Committed { sequence: batch.sequence };
                self.schedule.inside(0, Happening::Input { shard: number, input });
            }
            self.node.pending.push_back(Pending { shard: number, batch, held });
            let after_ms = self.random.between(0, self.plan.commit_ms_max);
            if self.plan.crash_batches.contains(&self.node.batches) {
                let crash_ms = self.random.between(0, after_ms);
                self.schedule.outside(crash_ms, Happening::Crash);
            }
            self.node.batches += 1;
            self.schedule.inside(after_ms, Happening::Commit);
        }
        for step in turn.heavy {
            self.send_away(number, step);
        }
        Ok(())
    }

    fn check_in_flight(&self, number: usize) -> Result<(), String> {
        let in_flight = self.node.pending.iter().filter(|pending| pending.shard == number).count() + 1;
        // The shard hears of a commit a little later than the world.
        let limit = self.plan.limits.batches_in_flight_max;
        if in_flight > limit {
            return Err(format!("{in_flight} batches of shard {number} are in flight, the limit is {limit}"));
        }
        Ok(())
    }

    /// The oldest batch becomes durable, and what it held leaves.
    pub(super) fn commit_next(&mut self) -> Result<(), String> {
        let Some(pending) = self.node.pending.pop_front() else { return Ok(()) };
        let sequence = pending.batch.sequence;
        self.make_durable(pending.batch)?;
        if let Some(committed) = self.node.committed.get_mut(pending.shard) {
            *committed = sequence;
        }
        self.release(pending.held)?;
        let input = Input::Committed { sequence };
        self.enqueue(pending.shard, input)?;
        self.plan_read_ahead();
        Ok(())
    }

    fn make_durable(&mut self, batch: Batch) -> Result<(), String> {
        self.ledger.committed(&batch)?;
        self.node.store.commit_and_wait(batch).map_err(|error| error.to_string())
    }

    pub(super) fn load(&mut self, shard: usize, load: Load) -> Result<(), String> {
        let key = load.key;
        let found = self.node.read(load, self.plan.plant).map_err(|error| error.to_string())?;
        if let Found::Unreadable(reason) = &found {
            return Err(format!("an execution can't be read: {reason}"));
        }
        self.enqueue(shard, Input::Loaded { key, found })
    }

    /// The process ends. Some of what was on its way to the store may have got there, though nobody was told.
    pub(super) fn crash(&mut self) -> Result<(), String> {
        if !self.node.is_up {
            return Ok(());
        }
        self.count("crashes");
        self.node.is_up = false;
        let pending = std::mem::take(&mut self.node.pending);
        let arrives = self.random.below(pending.len() as u64 + 1) as usize;
        *self.counts.entry("batches lost").or_default() += (pending.len() - arrives) as u64;
        *self.counts.entry("batches stored and not told").or_default() += arrives as u64;
        for pending in pending.into_iter().take(arrives) {
            self.make_durable(pending.batch)?;
            // A worker that never hears of the task that it was given: only a timeout helps.
            for item in pending.held {
                if let Released::Reply { reply: Reply::Task { token, .. }, .. } = item
                    && let Ok((key, _)) = self.node.token_key.verify(ACCOUNT, &token)
                {
                    *self.counts.entry("tasks lost with their answer").or_default() += 1;
                    self.crowd.task_was_lost(key);
                }
            }
        }
        self.node.shards.clear();
        self.express.forget();
        self.node.read_ahead_at = None;
        let lost = self.schedule.forget_inside();
        *self.counts.entry("heavy steps lost").or_default() += lost;
        self.node.away.clear();
        self.ledger.restarted()?;
        self.crowd.node_is_down();
        let after_ms = self.random.between(1, RESTART_MS_MAX);
        self.schedule.outside(after_ms, Happening::Boot);
        Ok(())
    }

    /// What leaves a shard.
    fn release(&mut self, released: Vec<Released<Request>>) -> Result<(), String> {
        for item in released {
            match item {
                Released::Reply { to, reply } => {
                    self.ledger.check_told()?;
                    self.answered(to, reply)?;
                }
                Released::Forward(input) => {
                    let shard = input.hash().map_or(0, |hash| self.node.shard_of(hash));
                    let after_ms = self.random.between(0, 2);
                    self.schedule.inside(after_ms, Happening::Input { shard, input });
                }
                Released::Effect { key, program, effect, .. } => self.carry_out(key, &program, effect)?,
                Released::Ended(ended) => self.ledger.check_ended(&ended)?,
                Released::Reopened { row } => self.ledger.check_reopened(&row)?,
                // Nothing is logged here, and there are no observers.
                Released::Logged(_) | Released::StatusChanged { .. } => {}
                Released::Quarantined { key, reason } => {
                    return Err(format!("execution {key} was quarantined: {reason}"));
                }
                Released::RunExpress { key, about, input, program } => {
                    self.run_express(key, &about, input, &program)?;
                }
            }
        }
        Ok(())
    }

    fn carry_out(&mut self, key: ExecutionKey, program: &Program, effect: Effect) -> Result<(), String> {
        if self.plan.plant == Some(Plant::ForgetEffectsAfterRestart) && self.node.boots > 1 {
            return Ok(());
        }
        self.ledger.check_effect(key, &effect)?;
        self.call(key, program, &effect)?;
        if self.plan.plant == Some(Plant::InvokeTwice) {
            self.ledger.check_effect(key, &effect)?;
        }
        Ok(())
    }
}
