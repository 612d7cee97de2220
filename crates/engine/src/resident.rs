//! An execution in memory, with what its shard must know of it besides its state.

use std::sync::Arc;

use stepwell_interpreter::{
    Event, EventKind, Execution, Program, Status, TaskId, Timestamp,
    event::codec::encode_record,
    execution::{Phase, TaskStatus},
};
use stepwell_store::{
    EventChunk, ExecutionKey, ExecutionRow, Listed, RedriveEdit, RowChange, RunningChange, RunningState,
    Status as RowStatus,
};

use crate::{input::LoadedExecution, timer_queue::Timers};

/// Bytes of the payloads and variables of an execution that costs little to keep in memory.
const LIGHT_BYTES_MAX: usize = 8 * 1024;

/// An execution in memory.
#[derive(Debug)]
pub(crate) struct Resident {
    pub(crate) execution: Execution,
    pub(crate) program: Arc<Program>,
    pub(crate) timers: Timers,
    /// The newest batch with something of this execution.
    pub(crate) last_batch: u64,
    /// Seed of its random numbers.
    pub(crate) seed: [u8; 32],
    row: Arc<ExecutionRow>,
    /// Where the lists hold it; none before its first batch.
    listed: Option<Listed>,
    /// What the running index holds: 0 active, a time when parked, none when nothing.
    wake_at_ms: Option<i64>,
    /// Records of the turn at work.
    pending: Vec<u8>,
    pending_first: u32,
    /// Whether it is on the list of executions that the turn at work has changed.
    pub(crate) touched: bool,
    /// Whether it is among those that stay for a while though they could leave memory.
    pub(crate) lingers: bool,
    /// Redrives of the turn at work that brought another input or definition.
    redrive_edits: Vec<RedriveEdit>,
    /// Activity tasks that were offered to workers.
    pub(crate) offered: Vec<(TaskId, Arc<str>)>,
}

/// What one turn changes in the store for one execution.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) chunk: Option<EventChunk>,
    pub(crate) row: Option<RowChange>,
    pub(crate) running: Option<RunningChange>,
}

impl Resident {
    pub(crate) fn started(program: Arc<Program>, row: ExecutionRow, seed: [u8; 32]) -> Self {
        Self {
            execution: Execution::default(),
            program,
            timers: Timers::default(),
            last_batch: 0,
            seed,
            row: Arc::new(row),
            listed: None,
            wake_at_ms: None,
            pending: Vec::new(),
            pending_first: 0,
            touched: false,
            lingers: false,
            redrive_edits: Vec::new(),
            offered: Vec::new(),
        }
    }

    pub(crate) fn loaded(loaded: LoadedExecution, seed: [u8; 32]) -> Self {
        Self {
            execution: loaded.execution,
            program: loaded.program,
            timers: Timers::default(),
            last_batch: 0,
            seed,
            listed: Some(loaded.row.listed()),
            row: loaded.row,
            wake_at_ms: loaded.wake_at_ms,
            pending: Vec::new(),
            pending_first: 0,
            touched: false,
            lingers: false,
            redrive_edits: Vec::new(),
            offered: Vec::new(),
        }
    }

    /// Adds the events of one step to the turn's chunk. Gives the bytes that they take.
    pub(crate) fn record(&mut self, events: &[Event], command: u8) -> usize {
        let Some(first) = events.first() else { return 0 };
        if self.pending.is_empty() {
            self.pending_first = first.ordinal;
        }
        if let EventKind::ExecutionRedriven { count, input, definition, .. } = &first.kind
            && (input.is_some() || definition.is_some())
        {
            let revision = definition.as_ref().map(|edit| edit.revision);
            self.redrive_edits.push(RedriveEdit { event: first.ordinal, redrive_count: *count, revision });
        }
        let before = self.pending.len();
        encode_record(events, command, &mut self.pending);
        self.pending.len() - before
    }

    /// The activity tasks that have ended before any worker took them, since this was asked last.
    pub(crate) fn withdrawn(&mut self) -> Vec<(TaskId, Arc<str>)> {
        let execution = &self.execution;
        let mut withdrawn = Vec::new();
        self.offered.retain(|(id, activity)| {
            let task = execution.task(*id);
            if task.is_none() {
                withdrawn.push((*id, activity.clone()));
            }
            task.is_some_and(|task| task.status == TaskStatus::Scheduled)
        });
        withdrawn
    }

    /// Whether its state is that of its newest events, all of them recorded.
    pub(crate) fn is_parked(&self) -> bool {
        self.wake_at_ms.is_some_and(|at| at > 0)
    }

    /// Whether it need not be in memory once its newest batch is durable.
    pub(crate) fn may_leave(&self) -> bool {
        self.is_parked() || !self.execution.is_open()
    }

    /// Whether it need not be in memory now that its newest batch is durable. One whose deadline has come near while
    /// the commit took its time stays: the store may have been read for what is due by then without showing it yet.
    pub(crate) fn leaves(&self, now: Timestamp, park_after_millis: i64) -> bool {
        !self.execution.is_open() || self.wake_at_ms.is_some_and(|at| at > (now + park_after_millis).0)
    }

    /// Whether it costs little to keep a parked execution in memory: one chain of states with small payloads.
    pub(crate) fn is_light(&self) -> bool {
        let execution = &self.execution;
        let mut frames = execution.frames.iter().map(|(_, frame)| frame);
        let (Some(frame), None) = (frames.next(), frames.next()) else { return false };
        let task = match &frame.phase {
            Phase::Task(task) => [Some(&task.parameters), task.submitted.as_ref()],
            _ => [None, None],
        };
        let payloads = task.into_iter().chain([execution.input.as_ref(), Some(&frame.input)]).flatten();
        let bytes: usize = payloads.map(|stored| stored.payload.size()).sum();
        let variables = usize::try_from(execution.variables_bytes).unwrap_or(0);
        frame.kept.is_none() && bytes + variables <= LIGHT_BYTES_MAX
    }

    /// What earlier commands of the turn at work change, when a later one met a bug. The state is that of the
    /// failed command and counts for nothing.
    pub(crate) fn take_earlier_changes(&mut self, key: ExecutionKey) -> Changes {
        let mut changes = Changes::default();
        if self.pending.is_empty() {
            return changes;
        }
        let bytes = std::mem::take(&mut self.pending).into();
        changes.chunk = Some(EventChunk { key, first_event: self.pending_first, bytes });
        if self.listed.is_none() {
            changes.row = Some(RowChange { key, before: None, after: self.row.clone() });
            changes.running = Some(RunningChange { key, before: None, change: RunningState::Active });
        }
        changes
    }

    /// Until when the execution can be parked: its next deadline, if that is far enough and nothing but timers
    /// and callbacks is waited for.
    pub(crate) fn park_until(&self, now: Timestamp, park_after_millis: i64) -> Option<i64> {
        if !self.execution.can_park(&self.program) {
            return None;
        }
        let frames = self.execution.frames.iter();
        let deadline = frames
            .flat_map(|(index, _)| self.execution.frame_timers(index))
            .map(|timer| timer.at)
            .chain([self.execution.deadline(&self.program)])
            .min()
            .unwrap_or(Timestamp::NEVER);
        (deadline > now + park_after_millis).then_some(deadline.0)
    }

    /// What the turn at work changes in the store. `park_until`: the deadline until which it can be parked.
    pub(crate) fn take_changes(&mut self, key: ExecutionKey, park_until: Option<i64>) -> Changes {
        let mut changes = Changes::default();
        if !self.pending.is_empty() {
            let bytes = std::mem::take(&mut self.pending).into();
            changes.chunk = Some(EventChunk { key, first_event: self.pending_first, bytes });
        }
        let status = row_status(self.execution.status);
        let redrives = self.execution.redrive_count;
        if self.listed.is_none() || self.row.status != status || self.row.redrive_count != redrives {
            let row = Arc::make_mut(&mut self.row);
            row.status = status;
            if status.is_closed() {
                row.stop_ms = Some(self.execution.stop_time.0);
                row.last_chunk = self.pending_first;
            } else {
                row.stop_ms = None;
                row.last_chunk = 0;
            }
            row.event_count = self.execution.next_event;
            row.history_length = self.execution.stopped.as_ref().map(|_| self.execution.history_length);
            row.redrive_count = redrives;
            row.redrive_ms = self.execution.redrive_time.map(|time| time.0);
            if !self.redrive_edits.is_empty() {
                row.redrive_edits.get_or_insert_default().append(&mut self.redrive_edits);
            }
            changes.row = Some(RowChange { key, before: self.listed, after: self.row.clone() });
            self.listed = Some(self.row.listed());
        }
        let state = if !self.execution.is_open() {
            RunningState::Settled
        } else {
            park_until.map_or(RunningState::Active, |wake_at_ms| RunningState::Parked { wake_at_ms })
        };
        if state.wake_at_ms() != self.wake_at_ms {
            changes.running = Some(RunningChange { key, before: self.wake_at_ms, change: state });
            self.wake_at_ms = state.wake_at_ms();
        }
        changes
    }
}

/// The status of an execution as its row has it.
pub(crate) fn row_status(status: Status) -> RowStatus {
    match status {
        Status::New | Status::Running => RowStatus::Running,
        Status::Succeeded => RowStatus::Succeeded,
        Status::Failed => RowStatus::Failed,
        Status::TimedOut => RowStatus::TimedOut,
        Status::Aborted => RowStatus::Aborted,
    }
}
