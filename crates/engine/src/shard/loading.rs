//! Executions that come from the store: asked for by a command, due, or recovered at start.

use stepwell_interpreter::{Command, Rejection, Timestamp, outstanding_effects};
use stepwell_store::ExecutionKey;

use super::{ExpressSlot, Shard, Slot};
use crate::{
    input::{Found, Load, LoadedExecution, Released, Reply},
    resident::Resident,
};

impl<R> Shard<R> {
    pub(super) fn load(&mut self, key: ExecutionKey) {
        self.table.entry(key).or_insert_with(|| {
            self.turn.loads.push(Load { key, even_closed: false });
            Slot::Loading(Vec::new())
        });
    }

    pub(super) fn loaded(&mut self, key: ExecutionKey, found: Found, now: Timestamp) {
        let mut waiting = match self.table.remove(&key) {
            Some(Slot::Loading(waiting)) => waiting,
            // Recovery brings executions that nobody asked for.
            None => Vec::new(),
            Some(slot) => {
                self.table.insert(key, slot);
                return;
            }
        };
        let refusal = match found {
            Found::Execution(loaded) => {
                self.insert_loaded(key, *loaded, now);
                for (command, reply) in waiting {
                    self.command(key, command, reply, now);
                }
                // What it was loaded for may have been refused: then nothing else would let it leave again.
                self.turn.leaving.push(key);
                return;
            }
            Found::Closed => {
                // A redrive that came while it was read for others needs it whole.
                let is_redrive = |(command, _): &_| matches!(command, Command::Redrive { .. });
                let (redrives, others) = waiting.into_iter().partition(is_redrive);
                waiting = others;
                if !Vec::is_empty(&redrives) {
                    self.turn.loads.push(Load { key, even_closed: true });
                    self.table.insert(key, Slot::Loading(redrives));
                }
                Reply::Rejected(Rejection::NotRunning)
            }
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
            let (row, wake_at_ms) = ((*loaded.row).clone(), loaded.wake_at_ms);
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
        self.hold_effects(key, &mut resident, effects, true);
        if resident.execution.has_ready_work() {
            self.turn.unfinished.push(key);
        }
        self.table.insert(key, Slot::Resident(resident));
    }
}
