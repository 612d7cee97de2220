//! A shard: the single writer of the executions that hash to it. Sans-IO: inputs in, batches and effects out.
//!
//! A turn takes inputs in order of urgency (commits and loads, completions and timers, requests, new starts:
//! finishing work goes before admitting work), decides, and gives one batch. Nothing that rests on the batch
//! leaves before the batch is durable; an answer that rests on an older batch waits for that one.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use sha2::{Digest, Sha256};
use stepwell_asl::Resource;
use stepwell_interpreter::{
    Budget, Command, Effect, Environment, Outcome, Rejection, Status, Surroundings, TaskId, Timestamp,
    event::About, outstanding_effects, program::StateKind, step,
};
use stepwell_store::{Batch, DeletedExecution, ExecutionKey, ExecutionRow, WAKE_NEVER};

use crate::{
    activity_queue::{ActivityQueues, Polled},
    input::{
        ActivityOffer, Found, Input, LoadedExecution, Poller, Released, Reply, ReplyTo, StartRequest, Turn,
    },
    limits::Limits,
    recent_names::{NameCheck, RecentNames},
    resident::Resident,
    task_token::{TokenKey, account_of},
    timer_queue::TimerQueue,
};

/// What a shard is made with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Number of the shard, for diagnostics.
    pub number: u16,
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
}

/// A shard at work.
#[derive(Debug)]
pub struct Shard<R> {
    config: Config,
    table: HashMap<ExecutionKey, Slot<R>>,
    timers: TimerQueue,
    activities: HashSet<Arc<str>>,
    queues: ActivityQueues<R>,
    names: RecentNames,
    /// Inputs by urgency.
    inbox: [VecDeque<Input<R>>; URGENCIES],
    /// Number of the newest batch.
    sequence: u64,
    /// Batches that wait for their commit.
    in_flight: VecDeque<InFlight<R>>,
    /// The turn at work.
    turn: TurnAtWork<R>,
}

const URGENCIES: usize = 4;

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
    Loading(Vec<(Command, ReplyTo<R>)>),
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
    touched: Vec<ExecutionKey>,
    leaving: Vec<ExecutionKey>,
    loads: Vec<ExecutionKey>,
    /// Executions whose slice ended.
    unfinished: Vec<ExecutionKey>,
}

impl<R> Default for TurnAtWork<R> {
    fn default() -> Self {
        Self {
            batch: Batch::default(),
            bytes: 0,
            commands: 0,
            held: Vec::new(),
            touched: Vec::new(),
            leaving: Vec::new(),
            loads: Vec::new(),
            unfinished: Vec::new(),
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
            activities: HashSet::new(),
            queues,
            names,
            inbox: Default::default(),
            sequence: 0,
            in_flight: VecDeque::new(),
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
            Input::Committed { .. } | Input::Loaded { .. } => 0,
            Input::Command { reply: ReplyTo::Nobody, .. }
            | Input::Command { reply: ReplyTo::Worker { .. }, .. }
            | Input::Due { .. }
            | Input::ExpressEnded { .. }
            | Input::ActivityOffer(_)
            | Input::ActivityPollEnded { .. }
            | Input::ActivityCreated { .. }
            | Input::ActivityDeleted { .. } => 1,
            Input::Command { reply: ReplyTo::Caller(_), .. } | Input::ActivityPoll { .. } => 2,
            Input::Start { .. } => 3,
        };
        if urgency >= 2 && self.inbox[urgency].len() >= self.config.limits.inbox_len_max {
            return Err(input);
        }
        self.inbox[urgency].push_back(input);
        Ok(())
    }

    /// When a timer is due next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.timers.next()
    }

    /// Whether an input waits that a turn would take now.
    #[must_use]
    pub fn has_work(&self) -> bool {
        !self.inbox[0].is_empty()
            || self.can_decide() && self.inbox[1..].iter().any(|queue| !queue.is_empty())
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

    /// The state of an execution in memory, for tests and the simulator.
    #[must_use]
    pub fn execution(&self, key: ExecutionKey) -> Option<&stepwell_interpreter::Execution> {
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
        while let Some(input) = self.inbox[0].pop_front() {
            match input {
                Input::Committed { sequence } => self.committed(sequence, &mut released),
                Input::Loaded { key, found } => self.loaded(key, found, now),
                _ => {}
            }
        }
        if self.can_decide() {
            self.fire_timers(now);
            for urgency in 1..URGENCIES {
                while !self.is_full() {
                    let Some(input) = self.inbox[urgency].pop_front() else { break };
                    self.decide(input, now);
                }
            }
        }
        self.finish(now, released)
    }

    fn is_full(&self) -> bool {
        self.turn.bytes >= self.config.limits.batch_bytes_max
            || self.turn.commands >= self.config.limits.batch_commands_max
    }

    fn committed(&mut self, sequence: u64, released: &mut Vec<Released<R>>) {
        while self.in_flight.front().is_some_and(|batch| batch.sequence <= sequence) {
            let Some(batch) = self.in_flight.pop_front() else { return };
            released.extend(batch.held);
            for key in batch.leaving {
                // It stays when something has happened to it since.
                let leaves = match self.table.get(&key) {
                    Some(Slot::Resident(resident)) => {
                        resident.last_batch <= batch.sequence && resident.may_leave() && !resident.touched
                    }
                    _ => false,
                };
                if leaves && let Some(Slot::Resident(mut resident)) = self.table.remove(&key) {
                    self.timers.disarm(key, &mut resident.timers);
                }
            }
        }
    }

    fn loaded(&mut self, key: ExecutionKey, found: Found, now: Timestamp) {
        let waiting = match self.table.remove(&key) {
            Some(Slot::Loading(waiting)) => waiting,
            // Recovery brings executions that nobody asked for.
            None => Vec::new(),
            Some(slot) => {
                self.table.insert(key, slot);
                return;
            }
        };
        let refusal = match found {
            Found::Open(loaded) => {
                self.insert_loaded(key, *loaded, now);
                for (command, reply) in waiting {
                    self.command(key, command, reply, now);
                }
                return;
            }
            Found::Closed => Reply::Rejected(Rejection::NotRunning),
            Found::Unknown => Reply::Unknown,
            Found::Unreadable(reason) => {
                self.table.insert(key, Slot::Quarantined);
                self.turn.held.push(Released::Quarantined { key, reason });
                Reply::Internal
            }
        };
        for (_, reply) in waiting {
            self.answer(reply, refusal.clone());
        }
    }

    fn insert_loaded(&mut self, key: ExecutionKey, loaded: LoadedExecution, now: Timestamp) {
        let about = loaded.execution.about().clone();
        if about.express {
            let (row, wake_at_ms) = ((*loaded.row).clone(), Some(loaded.wake_at_ms));
            self.table.insert(key, Slot::Express(Box::new(ExpressSlot { row, wake_at_ms })));
            if let Some(input) = &loaded.execution.input {
                let (input, program) = (input.payload.clone(), loaded.program);
                self.turn.held.push(Released::RunExpress { key, about, input, program });
            }
            return;
        }
        let seed = self.seed(key);
        let mut resident = Box::new(Resident::loaded(loaded, seed));
        let timers = resident.execution.timers(&resident.program, now);
        resident.timers.add(timers);
        self.timers.arm(key, &mut resident.timers);
        // What was in flight before a crash is done again; a parked execution owes nothing.
        let effects = outstanding_effects(&resident.program, &resident.execution);
        self.hold_effects(key, &about, &resident.program, effects);
        if resident.execution.has_ready_work() {
            self.turn.unfinished.push(key);
        }
        self.table.insert(key, Slot::Resident(resident));
    }

    fn fire_timers(&mut self, now: Timestamp) {
        while let Some(key) = self.timers.due(now) {
            if self.is_full() {
                return;
            }
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

    fn decide(&mut self, input: Input<R>, now: Timestamp) {
        self.turn.commands += 1;
        match input {
            Input::Start { request, reply } => self.start(*request, reply, now),
            Input::Command { key, command, reply } => self.command(key, command, reply, now),
            Input::Due { keys } => {
                for key in keys {
                    self.load(key);
                }
            }
            Input::ExpressEnded { key } => self.express_ended(key),
            Input::ActivityOffer(offer) => {
                if let Some((offer, poller)) = self.queues.offer(offer) {
                    self.hand_out(offer, poller);
                }
            }
            Input::ActivityPoll { activity, poller, first } => {
                match self.queues.poll(&activity, poller, first) {
                    Polled::Waiting => {}
                    Polled::Match(offer, poller) => self.hand_out(offer, poller),
                    Polled::TooMany(poller) => self.reply(poller.reply, Reply::TooManyPollers),
                }
            }
            Input::ActivityPollEnded { activity, id } => {
                if let Some(poller) = self.queues.end_poll(&activity, id) {
                    self.reply(poller.reply, Reply::NoTask);
                }
            }
            Input::ActivityCreated { activity } => {
                self.activities.insert(activity);
            }
            Input::ActivityDeleted { activity } => {
                self.activities.remove(&activity);
            }
            Input::Committed { .. } | Input::Loaded { .. } => {}
        }
    }

    /// Gives a task to a worker: a command for the task's execution, which may have ended meanwhile.
    fn hand_out(&mut self, offer: ActivityOffer, poller: Poller<R>) {
        let command = Command::TaskStarted { task: offer.task, worker: poller.worker.clone() };
        let reply =
            ReplyTo::Worker { activity: offer.activity, poller, task: offer.task, input: offer.input };
        self.turn.held.push(Released::Forward(Input::Command { key: offer.key, command, reply }));
    }

    fn start(&mut self, request: StartRequest, reply: R, now: Timestamp) {
        let StartRequest { mut about, input, program, name_free_at } = request;
        if let Some(free_at) = name_free_at {
            match self.names.check(&about.execution_arn, free_at) {
                NameCheck::Free => {}
                NameCheck::Taken(key) => return self.reply(reply, Reply::NameTaken { key }),
                NameCheck::LookUpAgain => return self.reply(reply, Reply::LookUpAgain),
            }
        }
        about.start_time = now;
        let key = ExecutionKey::new(u64::try_from(now.0).unwrap_or(0), &about.execution_arn);
        if name_free_at.is_some() {
            self.names.insert(&about.execution_arn, key, self.sequence + 1);
        }
        let mut row = ExecutionRow::started(
            &about.execution_arn,
            &about.state_machine_arn,
            &about.name,
            now.0,
            about.revision,
        );
        row.express = about.express;
        row.trace_header = about.trace_header.as_deref().map(str::to_owned);
        let mut resident = Box::new(Resident::started(program, row, self.seed(key)));
        if about.express {
            self.start_express(key, *about, input, resident, reply);
            return;
        }
        let command = Command::Start { about, input };
        match self.step(key, &mut resident, command, now) {
            Stepped::Ok => {
                self.table.insert(key, Slot::Resident(resident));
                self.touch(key);
                self.reply(reply, Reply::Started { key, start_time: now });
            }
            Stepped::Rejected(rejection) => self.reply(reply, Reply::Rejected(rejection)),
            Stepped::Panicked => self.reply(reply, Reply::Internal),
        }
    }

    /// The start of an asynchronous Express execution is durable; it runs outside of the shard.
    fn start_express(
        &mut self,
        key: ExecutionKey,
        about: About,
        input: stepwell_json::Payload,
        mut resident: Box<Resident>,
        reply: R,
    ) {
        let start_time = about.start_time;
        let started = crate::express::started_event(&about, &input);
        stepwell_interpreter::apply(&resident.program, &mut resident.execution, &started);
        self.turn.bytes += resident.record(&[started], 0);
        let changes = resident.take_changes(key, None);
        self.turn.batch.chunks.extend(changes.chunk);
        self.turn.batch.running.extend(changes.running);
        if let Some(row) = changes.row {
            let slot = ExpressSlot { row: (*row.after).clone(), wake_at_ms: Some(0) };
            self.table.insert(key, Slot::Express(Box::new(slot)));
            self.turn.batch.rows.push(row);
        }
        self.reply(reply, Reply::Started { key, start_time });
        let (about, program) = (Arc::new(about), resident.program);
        self.turn.held.push(Released::RunExpress { key, about, input, program });
    }

    /// Nothing is kept of an Express execution that has ended: AWS has no call that shows it.
    fn express_ended(&mut self, key: ExecutionKey) {
        let Some(Slot::Express(slot)) = self.table.remove(&key) else { return };
        self.turn.batch.running.push(stepwell_store::RunningChange {
            key,
            before: slot.wake_at_ms,
            change: stepwell_store::RunningState::Settled,
        });
        self.turn.batch.deleted.push(DeletedExecution::of(key, &slot.row));
    }

    fn load(&mut self, key: ExecutionKey) {
        self.table.entry(key).or_insert_with(|| {
            self.turn.loads.push(key);
            Slot::Loading(Vec::new())
        });
    }

    fn command(&mut self, key: ExecutionKey, command: Command, reply: ReplyTo<R>, now: Timestamp) {
        let mut resident = match self.table.remove(&key) {
            Some(Slot::Resident(resident)) => resident,
            None => {
                self.turn.loads.push(key);
                self.table.insert(key, Slot::Loading(vec![(command, reply)]));
                return;
            }
            Some(Slot::Loading(mut waiting)) => {
                if waiting.len() >= self.config.limits.load_waiters_max
                    && let ReplyTo::Caller(to) = reply
                {
                    self.reply(to, Reply::Throttled);
                } else {
                    waiting.push((command, reply));
                }
                self.table.insert(key, Slot::Loading(waiting));
                return;
            }
            Some(slot @ Slot::Quarantined) => {
                self.table.insert(key, slot);
                return self.answer(reply, Reply::Internal);
            }
            Some(slot @ Slot::Express(_)) => {
                self.table.insert(key, slot);
                return self.answer(reply, Reply::Rejected(Rejection::Unfitting));
            }
        };
        match self.step(key, &mut resident, command, now) {
            Stepped::Ok => {
                let time = resident.execution.last_time;
                self.table.insert(key, Slot::Resident(resident));
                self.touch(key);
                self.answer_done(key, reply, time);
            }
            Stepped::Rejected(rejection) => {
                self.table.insert(key, Slot::Resident(resident));
                self.answer(reply, Reply::Rejected(rejection));
            }
            Stepped::Panicked => {
                self.timers.disarm(key, &mut resident.timers);
                self.table.insert(key, Slot::Quarantined);
                self.answer(reply, Reply::Internal);
            }
        }
    }

    /// Decides one command. A panic is a bug of ours: it costs this execution, not the shard.
    fn step(
        &mut self,
        key: ExecutionKey,
        resident: &mut Box<Resident>,
        command: Command,
        now: Timestamp,
    ) -> Stepped {
        let number = command.number();
        let mut outcome = Outcome::default();
        let result = {
            let environment = Surroundings {
                now,
                seed: resident.seed,
                budget: self.config.budget,
                wait_scale: self.config.wait_scale,
                environment: &Facts { shard: self, key, resident_account: account(&resident.execution, &command) },
            };
            let (program, execution) = (resident.program.clone(), &mut resident.execution);
            catch_unwind(AssertUnwindSafe(|| step(&program, execution, command, &environment, &mut outcome)))
        };
        match result {
            Ok(Ok(())) => {}
            Ok(Err(rejection)) => {
                // A timer that came too early is armed again.
                resident.timers.add(outcome.timers);
                return Stepped::Rejected(rejection);
            }
            Err(panic) => {
                let reason = panic_text(panic.as_ref());
                self.turn.held.push(Released::Quarantined { key, reason });
                return Stepped::Panicked;
            }
        }
        self.turn.bytes += resident.record(&outcome.events, number);
        resident.timers.add(outcome.timers);
        if outcome.unfinished {
            self.turn.unfinished.push(key);
        }
        if !outcome.effects.is_empty() {
            let (about, program) = (resident.execution.about().clone(), resident.program.clone());
            self.hold_effects(key, &about, &program, outcome.effects);
        }
        Stepped::Ok
    }

    fn hold_effects(
        &mut self,
        key: ExecutionKey,
        about: &Arc<About>,
        program: &Arc<stepwell_interpreter::Program>,
        effects: Vec<Effect>,
    ) {
        for effect in effects {
            let released = match effect {
                Effect::OfferActivityTask { task, state, input } => {
                    let StateKind::Task(state) = &program.state(state).kind else { continue };
                    let Resource::Activity { arn } = &state.resource else { continue };
                    let offer = ActivityOffer { activity: arn.clone(), key, task, input };
                    Released::Forward(Input::ActivityOffer(offer))
                }
                effect => {
                    Released::Effect { key, about: about.clone(), program: program.clone(), effect }
                }
            };
            self.turn.held.push(released);
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

    fn answer_done(&mut self, key: ExecutionKey, reply: ReplyTo<R>, time: Timestamp) {
        match reply {
            ReplyTo::Nobody => {}
            ReplyTo::Caller(to) => self.reply(to, Reply::Done { time }),
            ReplyTo::Worker { poller, task, input, .. } => {
                let Some(Slot::Resident(resident)) = self.table.get(&key) else { return };
                let account = account_of(&resident.execution.about().execution_arn);
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
            resident.touched = false;
            let park_until = park_until(resident, now, self.config.limits.park_after_millis);
            let changes = resident.take_changes(key, park_until);
            if let Some(chunk) = changes.chunk {
                resident.last_batch = sequence;
                turn.batch.chunks.push(chunk);
            }
            if let Some(row) = changes.row {
                if row.after.status.is_closed() {
                    let status = resident.execution.status;
                    turn.held.push(Released::Ended { key, status });
                }
                turn.batch.rows.push(row);
            }
            turn.batch.running.extend(changes.running);
            if resident.may_leave() {
                turn.leaving.push(key);
            }
            if resident.execution.is_running() {
                self.timers.arm(key, &mut resident.timers);
            } else {
                self.timers.disarm(key, &mut resident.timers);
            }
        }
        // Slices go on behind what waits already, so that a Choice loop cannot hold the shard.
        for key in turn.unfinished {
            let (command, reply) = (Command::Continue, ReplyTo::Nobody);
            self.inbox[1].push_back(Input::Command { key, command, reply });
        }
        let batch = if turn.batch.is_empty() {
            // What rests on nothing new rests on the newest batch, if that is not durable yet.
            match self.in_flight.back_mut() {
                Some(newest) => {
                    newest.held.extend(turn.held);
                    newest.leaving.extend(turn.leaving);
                }
                None => released.extend(turn.held),
            }
            None
        } else {
            turn.batch.shard = self.config.number;
            turn.batch.sequence = sequence;
            self.sequence = sequence;
            self.in_flight.push_back(InFlight { sequence, held: Vec::new(), leaving: turn.leaving });
            Some((turn.batch, turn.held))
        };
        Turn { batch, released, loads: turn.loads, more: self.has_work() }
    }

    /// Forgets the name of an execution that retention removed.
    pub fn forget_name(&mut self, arn: &str) {
        self.names.remove(arn);
    }
}

enum Stepped {
    Ok,
    Rejected(Rejection),
    Panicked,
}

/// Until when an execution can be parked: its next deadline, if that is far enough and nothing but timers and
/// callbacks is waited for.
fn park_until(resident: &Resident, now: Timestamp, park_after_millis: i64) -> Option<i64> {
    if !resident.execution.can_park(&resident.program) {
        return None;
    }
    let frames = resident.execution.frames.iter();
    let deadline = frames
        .flat_map(|(index, _)| resident.execution.frame_timers(index))
        .map(|timer| timer.at)
        .chain([resident.execution.deadline(&resident.program)])
        .min()
        .unwrap_or(Timestamp::NEVER);
    (deadline > now + park_after_millis).then_some(deadline.0.min(WAKE_NEVER))
}

fn account(execution: &stepwell_interpreter::Execution, command: &Command) -> String {
    let arn = match (command, &execution.about) {
        (Command::Start { about, .. }, _) => &about.execution_arn,
        (_, Some(about)) => &about.execution_arn,
        _ => return String::new(),
    };
    account_of(arn).to_owned()
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without text".to_owned())
}

/// What a step asks of its shard.
struct Facts<'a, R> {
    shard: &'a Shard<R>,
    key: ExecutionKey,
    resident_account: String,
}

impl<R> Environment for Facts<'_, R> {
    fn activity_exists(&self, arn: &str) -> bool {
        self.shard.activities.contains(arn)
    }

    fn task_token(&self, task: TaskId) -> String {
        self.shard.config.token_key.mint(&self.resident_account, self.key, task)
    }
}

/// Whether an execution with this status has ended.
#[must_use]
pub fn has_ended(status: Status) -> bool {
    !matches!(status, Status::New | Status::Running)
}
