//! Asynchronous Express executions: their start is durable, their run is outside of the shard.

use std::sync::Arc;

use stepwell_interpreter::About;
use stepwell_json::Payload;
use stepwell_store::{DeletedExecution, ExecutionKey, RunningChange, RunningState};

use super::{ExpressSlot, Shard, Slot};
use crate::{
    input::{Released, Reply},
    resident::Resident,
};

impl<R> Shard<R> {
    /// The start of an asynchronous Express execution is durable; it runs outside of the shard.
    pub(super) fn start_express(
        &mut self,
        key: ExecutionKey,
        about: Arc<About>,
        input: Payload,
        mut resident: Box<Resident>,
        reply: R,
    ) {
        let start_time = about.start_time;
        let started = crate::express::started_event(about.clone(), &input);
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
        let program = resident.program;
        self.turn.held.push(Released::RunExpress { key, about, input, program });
    }

    /// Nothing is kept of an Express execution that has ended: AWS has no call that shows it.
    pub(super) fn express_ended(&mut self, key: ExecutionKey) {
        let Some(Slot::Express(slot)) = self.table.remove(&key) else { return };
        self.turn.batch.running.push(RunningChange {
            key,
            before: slot.wake_at_ms,
            change: RunningState::Settled,
        });
        self.turn.batch.deleted.push(DeletedExecution::of(key, &slot.row));
    }
}
