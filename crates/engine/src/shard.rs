//! A shard: the single writer of the executions that hash to it. Sans-IO: inputs in, batches and effects out.
//!
//! A turn takes inputs in order of urgency (commits and loads, completions and timers, requests, new starts:
//! finishing work goes before admitting work), decides, and gives one batch. Nothing that rests on the batch
//! leaves before the batch is durable; an answer that rests on an older batch waits for that one.

mod away;
mod decide;
mod express;
mod loading;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use away::Waiting;
use sha2::{Digest, Sha256};
use stepwell_asl::Resource;
use stepwell_interpreter::{Budget, Command, Effect, Execution, Timestamp, program::StateKind};
use stepwell_store::{Batch, ExecutionKey, ExecutionRow, HashRange, arn_hash};

use crate::{
    activity_queue::ActivityQueues,
    ended::Ended,
    input::{ActivityOffer, Input, Load, Released, Reply, ReplyTo, Turn},
    limits::Limits,
    observer::{Observer, oblige},
    recent_names::RecentNames,
    resident::{Changes, Resident},
    task_token::{TokenKey, account_of},
    timer_queue::TimerQueue,
};

/// What a shard is made with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Number of the shard, for diagnostics.
    pub number: u16,
    /// The hashes of the ARNs that are its own: of executions, and of activities whose queues it has.
    pub owned: HashRange,
    /// Its limits.
    pub limits: Limits,
    /// Seed of the store for random numbers.
    pub store_seed: [u8; 32],
    /// Secret of the store for task tokens.
    pub token_key: TokenKey,
    /// By what Wait states' durations are multiplied; 1 in production.
    pub wait_scale: f64,
    /// How much one step may do.
    pub budget: Budget,
    /// Who is told of changes of status.
    pub observers: Arc<[Observer]>,
}

/// A shard at work.
#[derive(Debug)]
pub struct Shard<R> {
    config: Config,
    table: HashMap<ExecutionKey, Slot<R>>,
    timers: TimerQueue,
    /// Shared with the steps that are taken elsewhere
    activities: Arc<HashSet<Arc<str>>>,
    queues: ActivityQueues<R>,
    names: RecentNames,
    /// Inputs by urgency.
    inbox: [VecDeque<Input<R>>; URGENCIES],
    /// Number of the newest batch.
    sequence: u64,
    /// Batches that wait for their commit.
    in_flight: VecDeque<InFlight<R>>,
    /// Parked executions that stay in memory for a while, by when they came, with their newest batch then.
    lingering: VecDeque<(ExecutionKey, u64)>,
    /// The turn at work.
    turn: TurnAtWork<R>,
}

/// Queues of the inbox, by urgency.
const COMMITS: usize = 0;
const LOADS: usize = 1;
const COMPLETIONS: usize = 2;
const REQUESTS: usize = 3;
const STARTS: usize = 4;
const URGENCIES: usize = 5;

#[derive(Debug)]
struct InFlight<R> {
    sequence: u64,
    /// Answers of later turns that rest on this batch.
    held: Vec<Released<R>>,
    /// Executions that may leave memory when it is durable.
    leaving: Vec<ExecutionKey>,
}

/// What is known of an execution.
#[derive(Debug)]
enum Slot<R> {
    Resident(Box<Resident>),
    /// Asked for; commands wait.
    Loading(Vec<Waiting<R>>),
    /// A step of it is taken elsewhere; commands wait.
    Away(Vec<Waiting<R>>),
    /// A bug was met.
    Quarantined,
    /// An asynchronous Express execution that runs outside.
    Express(Box<ExpressSlot>),
}

#[derive(Debug)]
struct ExpressSlot {
    row: ExecutionRow,
    wake_at_ms: Option<i64>,
}

#[derive(Debug)]
struct TurnAtWork<R> {
    batch: Batch,
    bytes: usize,
    commands: usize,
    held: Vec<Released<R>>,
    /// Ends and what reopens, which leave first.
    ends: Vec<Released<R>>,
    touched: Vec<ExecutionKey>,
    leaving: Vec<ExecutionKey>,
    loads: Vec<Load>,
    /// Executions whose slice ended.
    unfinished: Vec<ExecutionKey>,
    /// Executions that go on elsewhere, with the command.
    heavy: Vec<(ExecutionKey, Box<Resident>, Command)>,
    /// Activity tasks for workers that poll at this shard.
    offers: Vec<ActivityOffer>,
}

impl<R> Default for TurnAtWork<R> {
    fn default() -> Self {
        Self {
            batch: Batch::default(),
            bytes: 0,
            commands: 0,
            held: Vec::new(),
            ends: Vec::new(),
            touched: Vec::new(),
            leaving: Vec::new(),
            loads: Vec::new(),
            unfinished: Vec::new(),
            heavy: Vec::new(),
            offers: Vec::new(),
        }
    }
}

impl<R> Shard<R> {
    /// A shard without executions.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let names = RecentNames::new(config.limits.recent_names_max);
        let queues = ActivityQueues::new(config.limits.activity_pollers_max);
        Self {
            config,
            table: HashMap::new(),
            timers: TimerQueue::default(),
            activities: Arc::default(),
            queues,
            names,
            inbox: Default::default(),
            sequence: 0,
            in_flight: VecDeque::new(),
            lingering: VecDeque::new(),
            turn: TurnAtWork::default(),
        }
    }

    /// Takes an input in.
    ///
    /// # Errors
    /// Gives the input back when the inbox is full and the input is new work: a start, a poll or a request of a
    /// caller. Everything that finishes work is always taken.
    pub fn enqueue(&mut self, input: Input<R>) -> Result<(), Input<R>> {
        let urgency = match &input {
            Input::Committed { .. } => COMMITS,
            Input::Loaded { .. } | Input::HeavyStepTaken(_) => LOADS,
            Input::Command { reply: ReplyTo::Nobody, .. }
            | Input::Command { reply: ReplyTo::Worker { .. }, .. }
            | Input::Due { .. }
            | Input::ExpressEnded { .. }
            | Input::ActivityOffer(_)
            | Input::ActivityWithdrawn { .. }
            | Input::ActivityCreated { .. }
            | Input::ActivityDeleted { .. } => COMPLETIONS,
            // The end of a poll never overtakes the poll.
            Input::Command { reply: ReplyTo::Caller(_), .. }
            | Input::ActivityPoll { .. }
            | Input::ActivityPollEnded { .. } => REQUESTS,
            Input::Start { .. } => STARTS,
        };
        let is_new_work = urgency >= REQUESTS && !matches!(input, Input::ActivityPollEnded { .. });
        if is_new_work && self.inbox[urgency].len() >= self.config.limits.inbox_len_max {
            return Err(input);
        }
        self.inbox[urgency].push_back(input);
        Ok(())
    }

    /// When a timer is due next. None while nothing can be decided: a commit comes first then.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.timers.next().filter(|_| self.can_decide())
    }

    /// Whether an input waits that a turn would take now.
    #[must_use]
    pub fn has_work(&self) -> bool {
        !self.inbox[COMMITS].is_empty()
            || self.can_decide() && self.inbox[LOADS..].iter().any(|queue| !queue.is_empty())
    }

    /// Whether nothing waits for a commit.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Number of the newest batch.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Executions in memory.
    #[must_use]
    pub fn resident_len(&self) -> usize {
        self.table.len()
    }

    /// Parked executions in memory that could leave it.
    #[must_use]
    pub fn lingering_len(&self) -> usize {
        let lingers = |slot: &&Slot<R>| matches!(slot, Slot::Resident(resident) if resident.lingers);
        self.table.values().filter(lingers).count()
    }

    /// The state of an execution in memory, for tests and the simulator.
    #[must_use]
    pub fn execution(&self, key: ExecutionKey) -> Option<&Execution> {
        match self.table.get(&key) {
            Some(Slot::Resident(resident)) => Some(&resident.execution),
            _ => None,
        }
    }

    fn can_decide(&self) -> bool {
        self.in_flight.len() < self.config.limits.batches_in_flight_max
    }

    /// Takes inputs and due timers within the limits and decides them.
    pub fn turn(&mut self, now: Timestamp) -> Turn<R> {
        let mut released = Vec::new();
        while let Some(input) = self.inbox[COMMITS].pop_front() {
            if let Input::Committed { sequence } = input {
                self.committed(sequence, &mut released, now);
            }
        }
        if self.can_decide() {
            // Commands may wait for what is loaded or comes back: deciding them makes a batch like any other.
            self.drain(LOADS, now);
            self.fire_timers(now);
            for urgency in COMPLETIONS..URGENCIES {
                self.drain(urgency, now);
            }
            self.offer_tasks(now);
        }
        self.finish(now, released)
    }

    /// Offers the tasks of this turn to the workers that poll here. A worker that waits is given its task in the very
    /// batch that schedules it: it hears of it when both are durable, one commit earlier than if the offer had waited.
    fn offer_tasks(&mut self, now: Timestamp) {
        for offer in std::mem::take(&mut self.turn.offers) {
            self.decide(Input::ActivityOffer(offer), now);
        }
    }

    /// Decides what waits in one queue, as far as the limits of a turn allow.
    fn drain(&mut self, urgency: usize, now: Timestamp) {
        while !self.is_full() {
            let Some(input) = self.inbox[urgency].pop_front() else { return };
            self.decide(input, now);
        }
    }

    fn is_full(&self) -> bool {
        self.turn.bytes >= self.config.limits.batch_bytes_max
            || self.turn.commands >= self.config.limits.batch_commands_max
    }

    fn committed(&mut self, sequence: u64, released: &mut Vec<Released<R>>, now: Timestamp) {
        while self.in_flight.front().is_some_and(|batch| batch.sequence <= sequence) {
            let Some(batch) = self.in_flight.pop_front() else { return };
            released.extend(batch.held);
            for key in batch.leaving {
                self.leave(key, batch.sequence, now);
            }
        }
    }

    /// Drops an execution from memory, unless something has happened to it after batch `sequence`, which is durable. A
    /// light one that is parked lingers.
    fn leave(&mut self, key: ExecutionKey, sequence: u64, now: Timestamp) {
        let lingering_max = self.config.limits.lingering_max;
        let Some(resident) = self.resident_that_leaves(key, sequence, now) else { return };
        if lingering_max == 0 || !resident.execution.is_open() || !resident.is_light() {
            self.drop_from_memory(key);
        } else if !resident.lingers {
            resident.lingers = true;
            let newest = resident.last_batch;
            self.lingering.push_back((key, newest));
        }
        while self.lingering.len() > lingering_max
            && let Some((key, newest)) = self.lingering.pop_front()
        {
            let Some(Slot::Resident(resident)) = self.table.get_mut(&key) else { continue };
            // Of one that is at work now: it comes here again when it is parked the next time.
            resident.lingers = false;
            let Some(resident) = self.resident_that_leaves(key, sequence, now) else { continue };
            if resident.last_batch == newest {
                self.drop_from_memory(key);
            } else {
                // Others have done nothing for longer.
                resident.lingers = true;
                let newest = resident.last_batch;
                self.lingering.push_back((key, newest));
            }
        }
    }

    fn resident_that_leaves(
        &mut self,
        key: ExecutionKey,
        sequence: u64,
        now: Timestamp,
    ) -> Option<&mut Resident> {
        let Some(Slot::Resident(resident)) = self.table.get_mut(&key) else { return None };
        let leaves = resident.last_batch <= sequence
            && resident.leaves(now, self.config.limits.park_after_millis)
            && !resident.touched;
        leaves.then_some(&mut **resident)
    }

    fn drop_from_memory(&mut self, key: ExecutionKey) {
        if let Some(Slot::Resident(mut resident)) = self.table.remove(&key) {
            self.timers.disarm(key, &mut resident.timers);
        }
    }

    /// Adds changes of one execution to the batch.
    fn keep(&mut self, changes: Changes) {
        self.turn.batch.chunks.extend(changes.chunk);
        self.turn.batch.rows.extend(changes.row);
        self.turn.batch.running.extend(changes.running);
    }

    fn fire_timers(&mut self, now: Timestamp) {
        while let Some(key) = self.timers.due(now) {
            if self.is_full() {
                return;
            }
            self.turn.commands += 1;
            let Some(Slot::Resident(resident)) = self.table.get_mut(&key) else { return };
            match resident.timers.pop_due(now) {
                Some(timer) => self.command(key, Command::TimerFired { timer }, ReplyTo::Nobody, now),
                None => self.timers.arm(key, &mut resident.timers),
            }
            if let Some(Slot::Resident(resident)) = self.table.get_mut(&key) {
                self.timers.arm(key, &mut resident.timers);
            }
        }
    }

    /// Holds what a step of an execution wants done until its batch is durable.
    fn hold_effects(
        &mut self,
        key: ExecutionKey,
        resident: &mut Resident,
        effects: Vec<Effect>,
        resent: bool,
    ) {
        for effect in effects {
            let released = match effect {
                Effect::OfferActivityTask { task, state, input } => {
                    let StateKind::Task(state) = &resident.program.state(state).kind else { continue };
                    let Resource::Activity { arn } = &state.resource else { continue };
                    resident.offered.push((task, arn.clone()));
                    let offer = ActivityOffer { activity: arn.clone(), key, task, input };
                    if self.config.owned.contains(arn_hash(arn)) {
                        self.turn.offers.push(offer);
                        continue;
                    }
                    Released::Forward(Input::ActivityOffer(offer))
                }
                effect => {
                    let (about, program) = (resident.execution.about().clone(), resident.program.clone());
                    Released::Effect { key, about, program, effect, resent }
                }
            };
            self.turn.held.push(released);
        }
        if !resident.offered.is_empty() {
            for (task, activity) in resident.withdrawn() {
                self.turn.held.push(Released::Forward(Input::ActivityWithdrawn { activity, key, task }));
            }
        }
    }

    fn touch(&mut self, key: ExecutionKey) {
        if let Some(Slot::Resident(resident)) = self.table.get_mut(&key)
            && !resident.touched
        {
            resident.touched = true;
            self.turn.touched.push(key);
        }
    }

    fn answer_done(&mut self, key: ExecutionKey, execution: &Execution, reply: ReplyTo<R>) {
        match reply {
            ReplyTo::Nobody => {}
            ReplyTo::Caller(to) => self.reply(to, Reply::Done { time: execution.last_time }),
            ReplyTo::Worker { poller, task, input, .. } => {
                let account = account_of(&execution.about().execution_arn);
                let token = self.config.token_key.mint(account, key, task);
                self.reply(poller.reply, Reply::Task { token, input });
            }
        }
    }

    fn answer(&mut self, reply: ReplyTo<R>, answer: Reply) {
        match reply {
            ReplyTo::Nobody => {}
            ReplyTo::Caller(to) => self.reply(to, answer),
            ReplyTo::Worker { activity, poller, .. } => {
                // The task had ended: the worker is first in line for the next one.
                let poll = Input::ActivityPoll { activity, poller, first: true };
                self.turn.held.push(Released::Forward(poll));
            }
        }
    }

    fn reply(&mut self, to: R, reply: Reply) {
        self.turn.held.push(Released::Reply { to, reply });
    }

    fn seed(&self, key: ExecutionKey) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.config.store_seed);
        hash.update(key.as_bytes());
        hash.finalize().into()
    }

    /// Makes the batch of the turn.
    fn finish(&mut self, now: Timestamp, mut released: Vec<Released<R>>) -> Turn<R> {
        let mut turn = std::mem::take(&mut self.turn);
        let sequence = self.sequence + 1;
        for key in std::mem::take(&mut turn.touched) {
            let Some(Slot::Resident(resident)) = self.table.get_mut(&key) else { continue };
            self.config.settle(key, resident, sequence, &mut turn, now);
            if resident.may_leave() {
                turn.leaving.push(key);
            }
            if resident.execution.is_running() {
                self.timers.arm(key, &mut resident.timers);
            } else {
                self.timers.disarm(key, &mut resident.timers);
            }
        }
        let heavy = std::mem::take(&mut turn.heavy);
        let heavy = heavy.into_iter().map(|(key, mut resident, command)| {
            self.config.settle(key, &mut resident, sequence, &mut turn, now);
            self.heavy_step(key, resident, command)
        });
        let heavy = heavy.collect();
        // Slices go on behind what waits already, so that a Choice loop cannot hold the shard.
        for key in turn.unfinished {
            let (command, reply) = (Command::Continue, ReplyTo::Nobody);
            self.inbox[COMPLETIONS].push_back(Input::Command { key, command, reply });
        }
        let batch = if turn.batch.is_empty() {
            // What rests on nothing new rests on the newest batch, if that is not durable yet.
            match self.in_flight.back_mut() {
                Some(newest) => {
                    newest.held.extend(turn.held);
                    newest.leaving.extend(turn.leaving);
                }
                None => {
                    released.extend(turn.held);
                    for key in turn.leaving {
                        self.leave(key, self.sequence, now);
                    }
                }
            }
            None
        } else {
            turn.batch.shard = self.config.number;
            turn.batch.sequence = sequence;
            self.sequence = sequence;
            self.in_flight.push_back(InFlight { sequence, held: Vec::new(), leaving: turn.leaving });
            turn.ends.append(&mut turn.held);
            Some((turn.batch, turn.ends))
        };
        Turn { batch, released, loads: turn.loads, heavy, more: self.has_work() }
    }

    /// Forgets the name of an execution that retention removed.
    pub fn forget_name(&mut self, arn: &str) {
        self.names.remove(arn);
    }
}

impl Config {
    /// Adds what the turn has changed of one execution to its batch.
    fn settle<R>(
        &self,
        key: ExecutionKey,
        resident: &mut Resident,
        sequence: u64,
        turn: &mut TurnAtWork<R>,
        now: Timestamp,
    ) {
        resident.touched = false;
        let park_until = resident.park_until(now, self.limits.park_after_millis);
        let changes = resident.take_changes(key, park_until);
        if let Some(chunk) = changes.chunk {
            resident.last_batch = sequence;
            turn.batch.chunks.push(chunk);
        }
        if let Some(row) = changes.row {
            let was_closed = row.before.is_some_and(|before| before.status.is_closed());
            if row.after.status.is_closed() {
                let ended = Ended::of(key, &resident.execution, row.after.clone());
                turn.ends.push(Released::Ended(Arc::new(ended)));
            } else if was_closed {
                turn.ends.push(Released::Reopened { row: row.after.clone() });
            }
            oblige(&self.observers, &row, &mut turn.batch.catalogue, &mut turn.held);
            turn.batch.rows.push(row);
        }
        turn.batch.running.extend(changes.running);
    }
}
