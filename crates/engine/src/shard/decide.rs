//! Decisions: what each input does, one interpreter step at a time.

use std::{
    collections::HashSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use stepwell_interpreter::{
    Command, Environment, Event, LogEvents, Outcome, Rejection, Surroundings, TaskId, Timestamp, step,
};
use stepwell_store::{ExecutionKey, ExecutionRow};

use super::{Shard, Slot};
use crate::{
    activity_queue::Polled,
    input::{ActivityOffer, Input, Load, Logged, Poller, Released, Reply, ReplyTo, StartRequest},
    recent_names::NameCheck,
    resident::Resident,
    task_token::{TokenKey, account_of},
};

impl<R> Shard<R> {
    pub(super) fn decide(&mut self, input: Input<R>, now: Timestamp) {
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
                    self.hand_out(offer, poller, now);
                }
            }
            Input::ActivityWithdrawn { activity, key, task } => self.queues.withdraw(&activity, key, task),
            Input::ActivityPoll { activity, poller, first } => {
                match self.queues.poll(&activity, poller, first) {
                    Polled::Waiting => {}
                    Polled::Match(offer, poller) => self.hand_out(offer, poller, now),
                    Polled::TooMany(poller) => self.reply(poller.reply, Reply::TooManyPollers),
                    Polled::Ended(poller) => self.reply(poller.reply, Reply::NoTask),
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
            Input::Loaded { key, found } => self.loaded(key, found, now),
            Input::Committed { .. } => {}
        }
    }

    /// Gives a task to a worker: a command for the task's execution, which may have ended meanwhile. For an execution of
    /// this shard it is decided at once, in the batch of this turn, which is durable after the one that scheduled the task
    /// or together with it; the offer of another shard's execution left that after its commit.
    fn hand_out(&mut self, offer: ActivityOffer, poller: Poller<R>, now: Timestamp) {
        let command = Command::TaskStarted { task: offer.task, worker: poller.worker.clone() };
        let reply =
            ReplyTo::Worker { activity: offer.activity, poller, task: offer.task, input: offer.input };
        if self.table.contains_key(&offer.key) {
            return self.command(offer.key, command, reply, now);
        }
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
        row.version_arn = about.version_arn.as_deref().map(str::to_owned);
        row.alias_arn = about.alias_arn.as_deref().map(str::to_owned);
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

    pub(super) fn command(&mut self, key: ExecutionKey, command: Command, reply: ReplyTo<R>, now: Timestamp) {
        let mut resident = match self.table.remove(&key) {
            Some(Slot::Resident(resident)) => resident,
            None => {
                let even_closed = matches!(command, Command::Redrive { .. });
                self.turn.loads.push(Load { key, even_closed });
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
                // An execution that was loaded for nothing leaves memory again.
                self.touch(key);
                self.answer(reply, Reply::Rejected(rejection));
            }
            Stepped::Panicked => {
                self.timers.disarm(key, &mut resident.timers);
                self.keep(resident.take_earlier_changes(key));
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
        let arn = match (&command, &resident.execution.about) {
            (Command::Start { about, .. }, _) => Some(about.execution_arn.clone()),
            (_, about) => about.as_ref().map(|about| about.execution_arn.clone()),
        };
        let facts = Facts {
            activities: &self.activities,
            token_key: &self.config.token_key,
            key,
            arn: arn.as_deref(),
        };
        let surroundings = Surroundings {
            now,
            seed: resident.seed,
            budget: self.config.budget,
            wait_scale: self.config.wait_scale,
            environment: &facts,
            inspection: None,
        };
        let new_definition = match &command {
            Command::Redrive { request } => request.definition.as_ref().map(|new| new.program.clone()),
            _ => None,
        };
        let (program, execution) = (&resident.program, &mut resident.execution);
        let result =
            catch_unwind(AssertUnwindSafe(|| step(program, execution, command, &surroundings, &mut outcome)));
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
        if let Some(program) = new_definition {
            resident.program = program;
        }
        self.turn.bytes += resident.record(&outcome.events, number);
        resident.timers.add(outcome.timers);
        if outcome.unfinished {
            self.turn.unfinished.push(key);
        }
        self.hold_effects(key, resident, outcome.effects, false);
        if let Some(log) = resident.execution.about().log {
            self.hold_for_log(resident, log, outcome.events);
        }
        Stepped::Ok
    }
}

impl<R> Shard<R> {
    /// Holds events for the execution's log until they are durable.
    fn hold_for_log(&mut self, resident: &Resident, log: LogEvents, mut events: Vec<Event>) {
        events.retain(|event| log.may_show(&event.kind));
        if !events.is_empty() {
            self.turn.held.push(Released::Logged(Logged {
                about: resident.execution.about().clone(),
                program: resident.program.clone(),
                redrive_count: resident.execution.redrive_count,
                events,
            }));
        }
    }
}

enum Stepped {
    Ok,
    Rejected(Rejection),
    Panicked,
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without text".to_owned())
}

/// What a step asks of its shard.
struct Facts<'a> {
    activities: &'a HashSet<Arc<str>>,
    token_key: &'a TokenKey,
    key: ExecutionKey,
    arn: Option<&'a str>,
}

impl Environment for Facts<'_> {
    fn activity_exists(&self, arn: &str) -> bool {
        self.activities.contains(arn)
    }

    fn task_token(&self, task: TaskId) -> String {
        self.token_key.mint(account_of(self.arn.unwrap_or_default()), self.key, task)
    }
}
