//! Deadlines of the executions in memory. Timers are not stored: they are worked out from frames.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap},
};

use stepwell_interpreter::{Timer, TimerId, Timestamp};
use stepwell_store::ExecutionKey;

/// The timers of one execution. Cancelling is lazy.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Timestamp, TimerId)>>,
    /// What the shard's queue holds for this execution.
    armed: Option<Timestamp>,
}

impl Timers {
    pub(crate) fn add(&mut self, timers: impl IntoIterator<Item = Timer>) {
        self.heap.extend(timers.into_iter().map(|timer| Reverse((timer.at, timer.id))));
    }

    /// The next timer that is due.
    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<TimerId> {
        match self.heap.peek() {
            Some(Reverse((at, _))) if *at <= now => self.heap.pop().map(|Reverse((_, id))| id),
            _ => None,
        }
    }

    /// When the next timer is due, which may turn out to be cancelled.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }
}

/// The next deadline of each execution.
#[derive(Debug, Default)]
pub(crate) struct TimerQueue {
    deadlines: BTreeSet<(Timestamp, ExecutionKey)>,
}

impl TimerQueue {
    /// Brings the queue up to date with an execution's timers.
    pub(crate) fn arm(&mut self, key: ExecutionKey, timers: &mut Timers) {
        let next = timers.next();
        if next == timers.armed {
            return;
        }
        self.disarm(key, timers);
        if let Some(at) = next {
            self.deadlines.insert((at, key));
            timers.armed = Some(at);
        }
    }

    /// Takes an execution out: it has ended or leaves memory.
    pub(crate) fn disarm(&mut self, key: ExecutionKey, timers: &mut Timers) {
        if let Some(at) = timers.armed.take() {
            self.deadlines.remove(&(at, key));
        }
    }

    /// An execution of which a timer is due.
    pub(crate) fn due(&self, now: Timestamp) -> Option<ExecutionKey> {
        self.deadlines.first().filter(|(at, _)| *at <= now).map(|(_, key)| *key)
    }

    /// When the next timer is due.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(at, _)| *at)
    }
}
