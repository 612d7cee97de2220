//! Decisions: what each input does, one interpreter step at a time.

use std::sync::Arc;

use stepwell_interpreter::{Command, Event, LogEvents, Rejection, Timestamp};
use stepwell_store::{ExecutionKey, ExecutionRow};

use super::{Shard, Slot};
use crate::{
    activity_queue::Polled,
    input::{ActivityOffer, Input, Load, Logged, Poller, Released, Reply, ReplyTo, StartRequest},
    recent_names::NameCheck,
    resident::Resident,
    step::{Circumstances, Stepped, take_step},
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
                Arc::make_mut(&mut self.activities).insert(activity);
            }
            Input::ActivityDeleted { activity } => {
                Arc::make_mut(&mut self.activities).remove(&activity);
            }
            Input::HeavyStepTaken(taken) => self.heavy_step_taken(*taken, now),
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
            self.start_express(key, about.into(), input, resident, reply);
            return;
        }
        let command = Command::Start { about: about.into(), input };
        match self.step(key, &mut resident, command, now) {
            Decided::Done { heavy, unfinished } => {
                self.turn.unfinished.extend(unfinished.then_some(key));
                self.put(key, resident, heavy);
                self.reply(reply, Reply::Started { key, start_time: now });
            }
            Decided::Rejected(rejection) => self.reply(reply, Reply::Rejected(rejection)),
            Decided::Panicked => self.reply(reply, Reply::Internal),
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
                self.wait(&mut waiting, command, reply);
                self.table.insert(key, Slot::Loading(waiting));
                return;
            }
            Some(Slot::Away(mut waiting)) => {
                self.wait(&mut waiting, command, reply);
                self.table.insert(key, Slot::Away(waiting));
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
            Decided::Done { heavy, unfinished } => {
                self.turn.unfinished.extend(unfinished.then_some(key));
                self.answer_done(key, &resident.execution, reply);
                self.put(key, resident, heavy);
            }
            Decided::Rejected(rejection) => {
                // An execution that was loaded for nothing leaves memory again.
                self.put(key, resident, None);
                self.answer(reply, Reply::Rejected(rejection));
            }
            Decided::Panicked => {
                self.quarantine(key, resident);
                self.answer(reply, Reply::Internal);
            }
        }
    }

    /// What earlier commands of the turn have changed stands; the execution takes no more.
    pub(super) fn quarantine(&mut self, key: ExecutionKey, mut resident: Box<Resident>) {
        self.timers.disarm(key, &mut resident.timers);
        self.keep(resident.take_earlier_changes(key));
        self.table.insert(key, Slot::Quarantined);
    }

    /// Decides one command.
    fn step(
        &mut self,
        key: ExecutionKey,
        resident: &mut Resident,
        command: Command,
        now: Timestamp,
    ) -> Decided {
        let number = command.number();
        let new_definition = match &command {
            Command::Redrive { request } => request.definition.as_ref().map(|new| new.program.clone()),
            _ => None,
        };
        let circumstances = Circumstances {
            budget: self.config.budget,
            wait_scale: self.config.wait_scale,
            activities: &self.activities,
            token_key: &self.config.token_key,
        };
        let stepped = take_step(key, resident, command, &circumstances, now);
        if let (Stepped::Ok(_), Some(program)) = (&stepped, new_definition) {
            resident.program = program;
        }
        self.decided(key, resident, number, stepped)
    }

    /// Keeps what a step has decided, and holds what it wants done.
    pub(super) fn decided(
        &mut self,
        key: ExecutionKey,
        resident: &mut Resident,
        number: u8,
        stepped: Stepped,
    ) -> Decided {
        let outcome = match stepped {
            Stepped::Ok(outcome) => outcome,
            Stepped::Rejected(rejection, outcome) => {
                // A timer that came too early is armed again.
                resident.timers.add(outcome.timers);
                return Decided::Rejected(rejection);
            }
            Stepped::Panicked(reason) => {
                self.turn.held.push(Released::Quarantined { key, reason });
                return Decided::Panicked;
            }
        };
        self.turn.bytes += resident.record(&outcome.events, number);
        resident.timers.add(outcome.timers);
        self.hold_effects(key, resident, outcome.effects, false);
        if let Some(log) = resident.execution.about().log {
            self.hold_for_log(resident, log, outcome.events);
        }
        Decided::Done { heavy: outcome.heavy, unfinished: outcome.unfinished }
    }

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

/// What a step led to.
pub(super) enum Decided {
    Done {
        /// With what the execution goes on elsewhere, if it does.
        heavy: Option<Command>,
        /// A slice ended, and the next one is to follow.
        unfinished: bool,
    },
    Rejected(Rejection),
    Panicked,
}
