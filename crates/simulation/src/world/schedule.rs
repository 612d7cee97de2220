//! Virtual time and what is going to happen.

use std::collections::BTreeMap;

use stepwell_engine::{HeavyStep, Input, Load};
use stepwell_interpreter::{Command, Timestamp};
use stepwell_store::ExecutionKey;

use super::{Plan, crowd::Deed};
use crate::run::START;

/// Number of a request, which its answer carries.
pub(super) type Request = u64;

/// Something that is going to happen.
#[derive(Debug)]
pub(super) enum Happening {
    /// An input reaches a shard.
    Input { shard: usize, input: Input<Request> },
    /// A step that a shard has sent away is taken.
    HeavyStep { shard: usize, step: Box<HeavyStep> },
    /// The oldest batch that waits becomes durable.
    Commit,
    /// The store is read for an execution.
    Load { shard: usize, load: Load },
    /// The store is read for executions that are due.
    ReadAhead,
    /// The process ends.
    Crash,
    /// It starts.
    Boot,
    /// The clock that shards are given jumps.
    ShiftClock { shift_ms: i64 },
    /// It stands still for a while.
    FreezeClock { for_ms: i64 },
    /// A deadline of an Express execution.
    ExpressTimer { key: ExecutionKey },
    /// Something for an Express execution.
    ExpressCommand { key: ExecutionKey, command: Box<Command> },
    /// Somebody outside does something.
    Crowd(Deed),
}

/// The agenda of the world.
#[derive(Debug)]
pub(super) struct Schedule {
    now_ms: i64,
    /// What the shards' clock shows more than that.
    shift_ms: i64,
    /// What wall time has gone back; a process looks at it when it starts.
    back_ms: i64,
    /// The clock stands still: what it shows, and until when.
    frozen: Option<(Timestamp, i64)>,
    /// By time and number; whether it dies with the process.
    entries: BTreeMap<(i64, u64), (bool, Happening)>,
    number: u64,
}

impl Schedule {
    pub(super) fn new(_: &Plan) -> Self {
        Self { now_ms: START.0, shift_ms: 0, back_ms: 0, frozen: None, entries: BTreeMap::new(), number: 0 }
    }

    /// Milliseconds since the world began.
    pub(super) fn elapsed(&self) -> i64 {
        self.now_ms - START.0
    }

    /// The time that shards are given.
    pub(super) fn shard_time(&self) -> Timestamp {
        match self.frozen {
            Some((shown, until)) if self.now_ms < until => shown,
            _ => Timestamp(self.now_ms.saturating_add(self.shift_ms)),
        }
    }

    /// When the shards' clock will show a time.
    pub(super) fn when_shards_show(&self, at: Timestamp) -> i64 {
        let at_ms = at.0.saturating_sub(self.shift_ms);
        match self.frozen {
            Some((shown, until)) if self.now_ms < until && at > shown => at_ms.max(until),
            _ => at_ms,
        }
    }

    /// Wall time jumps. The clock of a process goes on from where it was, but for the time that a machine slept; a
    /// process that starts takes wall time as it is.
    pub(super) fn shift_clock(&mut self, shift_ms: i64) {
        if shift_ms > 0 {
            self.shift_ms += shift_ms;
        } else {
            self.back_ms += shift_ms;
        }
    }

    /// The clock stands still for a while, then is right again.
    pub(super) fn freeze_clock(&mut self, for_ms: i64) {
        self.frozen = Some((self.shard_time(), self.now_ms.saturating_add(for_ms)));
    }

    /// A process has started.
    pub(super) fn boot(&mut self) {
        self.shift_ms += std::mem::take(&mut self.back_ms);
        self.frozen = None;
    }

    /// Something within the process: it dies with it.
    pub(super) fn inside(&mut self, after_ms: i64, happening: Happening) {
        self.add(after_ms, true, happening);
    }

    /// Something outside of the process.
    pub(super) fn outside(&mut self, after_ms: i64, happening: Happening) {
        self.add(after_ms, false, happening);
    }

    fn add(&mut self, after_ms: i64, is_inside: bool, happening: Happening) {
        self.number += 1;
        let at = self.now_ms.saturating_add(after_ms.max(0));
        self.entries.insert((at, self.number), (is_inside, happening));
    }

    pub(super) fn is_due(&self) -> bool {
        self.entries.first_key_value().is_some_and(|((at, _), _)| *at <= self.now_ms)
    }

    /// Whether nothing happens within the process for a while.
    pub(super) fn is_quiet_inside(&self, for_ms: i64) -> bool {
        let until = self.now_ms.saturating_add(for_ms);
        let mut soon = self.entries.range(..=(until, u64::MAX));
        soon.all(|(_, (is_inside, _))| !*is_inside)
    }

    pub(super) fn pop(&mut self) -> Option<Happening> {
        self.entries.pop_first().map(|(_, (_, happening))| happening)
    }

    /// Goes to the next thing that happens, or to a deadline. False: there is none.
    pub(super) fn jump(&mut self, deadline: Option<i64>) -> bool {
        let next = self.entries.first_key_value().map(|((at, _), _)| *at);
        match (next, deadline) {
            (None, None) => false,
            (next, deadline) => {
                let at = next.unwrap_or(i64::MAX).min(deadline.unwrap_or(i64::MAX));
                self.now_ms = self.now_ms.max(at);
                true
            }
        }
    }

    /// The process ends, and with it all that was under way in it. Gives how many heavy steps were.
    pub(super) fn forget_inside(&mut self) -> u64 {
        let is_heavy = |happening: &Happening| {
            matches!(
                happening,
                Happening::HeavyStep { .. } | Happening::Input { input: Input::HeavyStepTaken(_), .. }
            )
        };
        let heavy = self.entries.values().filter(|(_, happening)| is_heavy(happening)).count();
        self.entries.retain(|_, (is_inside, _)| !*is_inside);
        heavy as u64
    }
}
