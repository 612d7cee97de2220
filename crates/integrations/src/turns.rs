//! Turns: how many calls of an integration run at once, to each target and in all.
//!
//! A target is what can be slow by itself: a host by way of a connection, a function, a queue at its service. Each has
//! its own slots and its own place in the queue, so a slow one takes none of another's. Targets come from the data of
//! executions: one is known only while a call of it runs or waits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::CONCURRENCY_MAX;

/// Calls that may wait for their turn, over all targets of an integration.
pub(crate) const QUEUE_MAX: usize = 100_000;
/// Calls that may wait for one target: half of all, so that no target fills the queue.
const QUEUE_OF_TARGET_MAX: usize = QUEUE_MAX / 2;

/// The turns of one integration.
#[derive(Debug)]
pub(crate) struct Turns {
    limits: Limits,
    /// The slots of all targets together: more than any target has.
    in_all: Arc<Semaphore>,
    targets: Arc<Targets>,
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Calls at once to one target, and in all.
    of_target: usize,
    in_all: usize,
    /// Calls that may wait for one target, and in all.
    queue_of_target: usize,
    queue: usize,
}

#[derive(Debug, Default)]
struct Targets(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    by_name: HashMap<Arc<str>, Target>,
    /// Calls that run or wait, of all targets.
    calls: usize,
}

#[derive(Debug)]
struct Target {
    slots: Arc<Semaphore>,
    /// Calls that run or wait.
    calls: usize,
}

/// A call has its turn for as long as this lives.
#[derive(Debug)]
pub(crate) struct Turn {
    _slots: (OwnedSemaphorePermit, OwnedSemaphorePermit),
    _place: Place,
}

/// Why a call gets no turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoTurn {
    /// This many calls wait already, for the target or in all.
    QueueIsFull(usize),
    /// The server is stopping.
    Stopped,
}

impl std::fmt::Display for NoTurn {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::QueueIsFull(count) => write!(formatter, "{count} calls wait for their turn already"),
            Self::Stopped => formatter.write_str("the server is stopping"),
        }
    }
}

impl Turns {
    /// Turns with `concurrency` calls at once to each target, and 1,024 more than that in all.
    pub(crate) fn new(concurrency: usize) -> Self {
        Self::with_limits(Limits {
            of_target: concurrency,
            in_all: concurrency + CONCURRENCY_MAX,
            queue_of_target: QUEUE_OF_TARGET_MAX,
            queue: QUEUE_MAX,
        })
    }

    fn with_limits(limits: Limits) -> Self {
        Self { limits, in_all: Arc::new(Semaphore::new(limits.in_all)), targets: Arc::default() }
    }

    /// Waits, first come first served, for the turn of a call to `target`.
    ///
    /// # Errors
    /// When too many wait already, and when turns have ended.
    pub(crate) async fn take(&self, target: &str) -> Result<Turn, NoTurn> {
        let (place, slots) = self.enter(target)?;
        let of_target = slots.acquire_owned().await.map_err(|_| NoTurn::Stopped)?;
        let in_all = self.in_all.clone().acquire_owned().await.map_err(|_| NoTurn::Stopped)?;
        Ok(Turn { _slots: (of_target, in_all), _place: place })
    }

    /// The slots of all targets together, for calls whose target has slots of its own.
    pub(crate) fn in_all(&self) -> &Arc<Semaphore> {
        &self.in_all
    }

    /// Nobody gets a turn any more.
    pub(crate) fn close(&self) {
        self.in_all.close();
        for target in self.targets.lock().by_name.values() {
            target.slots.close();
        }
    }

    /// Whether a call to `target` would be let in, for callers that are answered before they take their turn.
    ///
    /// # Errors
    /// As [`Turns::take`].
    pub(crate) fn look(&self, target: &str) -> Result<(), NoTurn> {
        self.limits.admit(&self.targets.lock(), target)
    }

    fn enter(&self, name: &str) -> Result<(Place, Arc<Semaphore>), NoTurn> {
        let limits = self.limits;
        let mut known = self.targets.lock();
        limits.admit(&known, name)?;
        let name = known.by_name.get_key_value(name).map_or_else(|| name.into(), |(name, _)| name.clone());
        let slots = || Arc::new(Semaphore::new(limits.of_target));
        let target = known.by_name.entry(name.clone()).or_insert_with(|| Target { slots: slots(), calls: 0 });
        target.calls += 1;
        let slots = target.slots.clone();
        known.calls += 1;
        drop(known);
        Ok((Place { name, targets: self.targets.clone() }, slots))
    }
}

impl Limits {
    fn admit(self, known: &Known, name: &str) -> Result<(), NoTurn> {
        if known.calls >= self.in_all + self.queue {
            return Err(NoTurn::QueueIsFull(self.queue));
        }
        match known.by_name.get(name) {
            Some(target) if target.calls >= self.of_target + self.queue_of_target => {
                Err(NoTurn::QueueIsFull(self.queue_of_target))
            }
            _ => Ok(()),
        }
    }
}

impl Targets {
    fn lock(&self) -> MutexGuard<'_, Known> {
        // No code that can panic runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a call among those that run or wait.
#[derive(Debug)]
struct Place {
    name: Arc<str>,
    targets: Arc<Targets>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut known = self.targets.lock();
        known.calls = known.calls.saturating_sub(1);
        if let Some(target) = known.by_name.get_mut(&self.name) {
            target.calls = target.calls.saturating_sub(1);
            if target.calls == 0 {
                known.by_name.remove(&self.name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// Looks at a future once. What waits for nothing but slots is ready then or not before a slot is given back.
    fn look<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    fn turns(of_target: usize, in_all: usize, queue_of_target: usize, queue: usize) -> Turns {
        Turns::with_limits(Limits { of_target, in_all, queue_of_target, queue })
    }

    fn taken(turns: &Turns, target: &str) -> Turn {
        look(pin!(turns.take(target))).expect("a free slot").expect("a turn")
    }

    #[test]
    fn a_target_whose_slots_are_taken_leaves_those_of_others() {
        let turns = turns(2, 5, 10, 20);
        let slow = [taken(&turns, "slow"), taken(&turns, "slow")];
        let mut third = pin!(turns.take("slow"));
        assert!(look(third.as_mut()).is_none());
        let fast = [taken(&turns, "fast"), taken(&turns, "fast")];
        assert!(look(third.as_mut()).is_none());
        drop(fast);
        assert!(look(third.as_mut()).is_none(), "another's slot is of no use");
        drop(slow);
        assert!(look(third.as_mut()).expect("a free slot").is_ok());
    }

    #[test]
    fn no_more_run_in_all_than_may() {
        let turns = turns(2, 3, 10, 20);
        let first = taken(&turns, "a");
        let _rest = (taken(&turns, "a"), taken(&turns, "b"));
        let mut fourth = pin!(turns.take("c"));
        assert!(look(fourth.as_mut()).is_none());
        drop(first);
        assert!(look(fourth.as_mut()).expect("a free slot").is_ok());
    }

    #[test]
    fn a_full_queue_refuses_and_those_that_give_up_make_room() {
        let turns = turns(1, 2, 2, 3);
        let _running = (taken(&turns, "a"), taken(&turns, "b"));
        let mut waiting = Box::pin(turns.take("a"));
        let mut more = Box::pin(turns.take("a"));
        assert!(look(waiting.as_mut()).is_none() && look(more.as_mut()).is_none());
        let refused = |target: &str| look(pin!(turns.take(target))).map(|turn| turn.err());
        assert_eq!(refused("a"), Some(Some(NoTurn::QueueIsFull(2))), "for the target");
        let mut other = Box::pin(turns.take("b"));
        assert!(look(other.as_mut()).is_none());
        assert_eq!(refused("c"), Some(Some(NoTurn::QueueIsFull(3))), "in all");
        drop(waiting);
        assert!(look(pin!(turns.take("a"))).is_none(), "there is a place to wait");
    }

    #[test]
    fn targets_are_forgotten_with_their_last_call() {
        let turns = Turns::new(1);
        let turn = taken(&turns, "a");
        drop(taken(&turns, "b"));
        assert_eq!(turns.targets.lock().by_name.len(), 1);
        drop(turn);
        assert!(turns.targets.lock().by_name.is_empty() && turns.targets.lock().calls == 0);
    }

    #[test]
    fn those_who_wait_hear_of_the_end() {
        let turns = turns(1, 2, 2, 3);
        let _running = taken(&turns, "a");
        let mut waiting = pin!(turns.take("a"));
        assert!(look(waiting.as_mut()).is_none());
        turns.close();
        assert_eq!(look(waiting.as_mut()).map(|turn| turn.err()), Some(Some(NoTurn::Stopped)));
        assert_eq!(look(pin!(turns.take("b"))).map(|turn| turn.err()), Some(Some(NoTurn::Stopped)));
    }
}
