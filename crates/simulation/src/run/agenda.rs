//! What is going to happen, by virtual time.

use std::collections::{BTreeMap, BTreeSet};

use stepwell_interpreter::{Command, Timer, TimerId, Timestamp};

/// Something that is going to happen.
#[derive(Debug, Clone)]
pub(super) enum Happening {
    Command(Command),
    Timer(TimerId),
}

/// An agenda. What is due at the same time happens in the order in which it was added.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    entries: BTreeMap<(Timestamp, u64), Happening>,
    armed: BTreeSet<(TimerId, Timestamp)>,
    number: u64,
}

impl Agenda {
    pub(super) fn add(&mut self, at: Timestamp, happening: Happening) {
        self.number += 1;
        self.entries.insert((at, self.number), happening);
    }

    pub(super) fn add_timers(&mut self, timers: &[Timer]) {
        for timer in timers {
            self.armed.insert((timer.id, timer.at));
            self.add(timer.at, Happening::Timer(timer.id));
        }
    }

    pub(super) fn pop(&mut self) -> Option<(Timestamp, Happening)> {
        let ((at, _), happening) = self.entries.pop_first()?;
        if let Happening::Timer(id) = &happening {
            self.armed.remove(&(*id, at));
        }
        Some((at, happening))
    }

    /// Whether a timer will fire no later than its time: an early one is armed again when it fires.
    pub(super) fn is_armed(&self, timer: &Timer) -> bool {
        self.armed.range((timer.id, Timestamp(i64::MIN))..=(timer.id, timer.at)).next().is_some()
    }

    /// Drops what a process that ends takes with it.
    pub(super) fn forget_timers_and_slices(&mut self) {
        self.armed.clear();
        self.entries.retain(|_, happening| {
            !matches!(happening, Happening::Timer(_) | Happening::Command(Command::Continue))
        });
    }
}
