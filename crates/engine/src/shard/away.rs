//! Executions that are away for a step whose expressions are too heavy for the shard.

use stepwell_interpreter::{Command, Timestamp};
use stepwell_store::ExecutionKey;

use super::{Shard, Slot, decide::Decided};
use crate::{
    heavy_step::{HeavyStep, TakenHeavyStep},
    input::{Reply, ReplyTo},
    resident::Resident,
};

/// A command that waits for its execution, and who gets the answer.
pub(super) type Waiting<R> = (Command, ReplyTo<R>);

impl<R> Shard<R> {
    /// Gives an execution its place after a step. One that goes on elsewhere leaves at the end of the turn, when what it
    /// has changed is in the batch; commands wait from now on.
    pub(super) fn put(&mut self, key: ExecutionKey, mut resident: Box<Resident>, heavy: Option<Command>) {
        match heavy {
            None => {
                self.table.insert(key, Slot::Resident(resident));
                self.touch(key);
            }
            Some(command) => {
                self.timers.disarm(key, &mut resident.timers);
                self.table.insert(key, Slot::Away(Vec::new()));
                self.turn.heavy.push((key, resident, command));
            }
        }
    }

    /// The step with all that it needs.
    pub(super) fn heavy_step(
        &self,
        key: ExecutionKey,
        resident: Box<Resident>,
        command: Command,
    ) -> HeavyStep {
        HeavyStep {
            key,
            resident,
            command,
            budget: self.config.budget.alone(),
            wait_scale: self.config.wait_scale,
            activities: self.activities.clone(),
            token_key: self.config.token_key.clone(),
        }
    }

    /// The execution is back. What the step decided goes into the batch of this turn; then the commands that waited have
    /// their turn, in order, and timers.
    pub(super) fn heavy_step_taken(&mut self, taken: TakenHeavyStep, now: Timestamp) {
        let TakenHeavyStep { key, mut resident, number, stepped } = taken;
        let waiting = match self.table.remove(&key) {
            Some(Slot::Away(waiting)) => waiting,
            // Nobody is away: what came is not of this shard, and what the shard has stands.
            other => {
                self.table.extend(other.map(|slot| (key, slot)));
                return;
            }
        };
        let decided = self.decided(key, &mut resident, number, stepped);
        match decided {
            Decided::Panicked => self.quarantine(key, resident),
            _ => self.put(key, resident, None),
        }
        for (command, reply) in waiting {
            self.command(key, command, reply, now);
        }
        while let Some(Slot::Resident(resident)) = self.table.get_mut(&key)
            && let Some(timer) = resident.timers.pop_due(now)
        {
            self.command(key, Command::TimerFired { timer }, ReplyTo::Nobody, now);
        }
        if matches!(decided, Decided::Done { unfinished: true, .. }) {
            self.go_on_away(key);
        }
    }

    /// Where a slice ended that was heavy the next one most likely is too.
    fn go_on_away(&mut self, key: ExecutionKey) {
        match self.table.remove(&key) {
            Some(Slot::Resident(resident)) if resident.execution.is_running() => {
                self.put(key, resident, Some(Command::Continue));
            }
            Some(Slot::Away(mut waiting)) => {
                waiting.push((Command::Continue, ReplyTo::Nobody));
                self.table.insert(key, Slot::Away(waiting));
            }
            other => self.table.extend(other.map(|slot| (key, slot))),
        }
    }

    /// Lets a command wait, unless too many do.
    pub(super) fn wait(&mut self, waiting: &mut Vec<Waiting<R>>, command: Command, reply: ReplyTo<R>) {
        if waiting.len() >= self.config.limits.load_waiters_max
            && let ReplyTo::Caller(to) = reply
        {
            return self.reply(to, Reply::Throttled);
        }
        waiting.push((command, reply));
    }
}
