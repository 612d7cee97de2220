//! Queues of activities: tasks that wait for workers, workers that wait for tasks. Soft state: after a crash
//! executions offer their tasks again, and workers poll again.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use stepwell_interpreter::TaskId;
use stepwell_store::ExecutionKey;

use crate::input::{ActivityOffer, Poller};

/// The queues of the activities that hash to one shard.
#[derive(Debug)]
pub(crate) struct ActivityQueues<R> {
    queues: HashMap<Arc<str>, Queue<R>>,
    pollers_max: usize,
    /// Pollers whose time ended while a task was on its way to them; that task may have ended, and they come back.
    ended_away: VecDeque<u64>,
}

/// Pollers that are remembered for having ended away from the queue.
const ENDED_AWAY_MAX: usize = 1_024;

#[derive(Debug)]
struct Queue<R> {
    offers: VecDeque<ActivityOffer>,
    /// Offers of tasks that have ended; they are passed over.
    withdrawn: HashSet<(ExecutionKey, TaskId)>,
    pollers: VecDeque<Poller<R>>,
}

impl<R> Default for Queue<R> {
    fn default() -> Self {
        Self { offers: VecDeque::new(), withdrawn: HashSet::new(), pollers: VecDeque::new() }
    }
}

/// What a poll led to.
pub(crate) enum Polled<R> {
    /// A task for the worker.
    Match(ActivityOffer, Poller<R>),
    /// The worker waits.
    Waiting,
    /// Too many workers wait already.
    TooMany(Poller<R>),
    /// The poll has ended meanwhile.
    Ended(Poller<R>),
}

impl<R> ActivityQueues<R> {
    pub(crate) fn new(pollers_max: usize) -> Self {
        Self { queues: HashMap::new(), pollers_max, ended_away: VecDeque::new() }
    }

    /// A task is there; gives it to the worker that has waited longest, if any.
    pub(crate) fn offer(&mut self, offer: ActivityOffer) -> Option<(ActivityOffer, Poller<R>)> {
        let queue = self.queues.entry(offer.activity.clone()).or_default();
        match queue.pollers.pop_front() {
            Some(poller) => Some((offer, poller)),
            None => {
                queue.offers.push_back(offer);
                None
            }
        }
    }

    /// A task has ended before any worker took it. What is withdrawn is swept out when it makes up half of the queue,
    /// so that a queue without workers holds no more than the tasks that wait.
    pub(crate) fn withdraw(&mut self, activity: &str, key: ExecutionKey, task: TaskId) {
        let Some(queue) = self.queues.get_mut(activity) else { return };
        queue.withdrawn.insert((key, task));
        if queue.withdrawn.len() * 2 >= queue.offers.len() {
            queue.offers.retain(|offer| !queue.withdrawn.contains(&(offer.key, offer.task)));
            queue.withdrawn.clear();
        }
        if queue.pollers.is_empty() && queue.offers.is_empty() {
            self.queues.remove(activity);
        }
    }

    /// A worker polls; it gets the oldest task, if any. `first`: it had been given a task that had ended.
    pub(crate) fn poll(&mut self, activity: &Arc<str>, poller: Poller<R>, first: bool) -> Polled<R> {
        if first && self.ended_away.contains(&poller.id) {
            return Polled::Ended(poller);
        }
        let queue = self.queues.entry(activity.clone()).or_default();
        while let Some(offer) = queue.offers.pop_front() {
            if queue.withdrawn.is_empty() || !queue.withdrawn.remove(&(offer.key, offer.task)) {
                return Polled::Match(offer, poller);
            }
        }
        if queue.pollers.len() >= self.pollers_max {
            return Polled::TooMany(poller);
        }
        if first {
            queue.pollers.push_front(poller);
        } else {
            queue.pollers.push_back(poller);
        }
        Polled::Waiting
    }

    /// A poll's time is over; gives the poller back if it still waits.
    pub(crate) fn end_poll(&mut self, activity: &str, id: u64) -> Option<Poller<R>> {
        let position = |queue: &Queue<R>| queue.pollers.iter().position(|poller| poller.id == id);
        let waiting = self.queues.get_mut(activity).and_then(|queue| Some((position(queue)?, queue)));
        let Some((at, queue)) = waiting else {
            if self.ended_away.len() == ENDED_AWAY_MAX {
                self.ended_away.pop_front();
            }
            self.ended_away.push_back(id);
            return None;
        };
        let poller = queue.pollers.remove(at);
        if queue.pollers.is_empty() && queue.offers.is_empty() {
            self.queues.remove(activity);
        }
        poller
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poller(id: u64) -> Poller<()> {
        Poller { id, worker: None, reply: () }
    }

    #[test]
    fn a_poller_that_ended_while_a_task_was_on_its_way_does_not_come_back() {
        let mut queues = ActivityQueues::new(10);
        let activity: Arc<str> = "a".into();
        assert!(matches!(queues.poll(&activity, poller(1), false), Polled::Waiting));
        assert!(queues.end_poll(&activity, 1).is_some());
        assert!(queues.end_poll(&activity, 2).is_none());
        assert!(matches!(queues.poll(&activity, poller(2), true), Polled::Ended(_)));
        assert!(matches!(queues.poll(&activity, poller(3), true), Polled::Waiting));
    }

    #[test]
    fn tasks_that_ended_untaken_are_passed_over_and_swept_out() {
        let mut queues: ActivityQueues<()> = ActivityQueues::new(10);
        let activity: Arc<str> = "a".into();
        let offer = |number: u32| ActivityOffer {
            activity: "a".into(),
            key: ExecutionKey::new(1, "e"),
            task: TaskId { frame: 0, attempt: number },
            input: stepwell_json::Payload::from_value(stepwell_json::Value::Null),
        };
        for number in 0..10 {
            assert!(queues.offer(offer(number)).is_none());
        }
        for number in 0..4 {
            queues.withdraw("a", offer(number).key, offer(number).task);
        }
        assert_eq!(queues.queues["a"].offers.len(), 10);
        match queues.poll(&activity, poller(1), false) {
            Polled::Match(first, _) => assert_eq!(first.task.attempt, 4),
            _ => panic!("a task waits"),
        }
        for number in 5..10 {
            queues.withdraw("a", offer(number).key, offer(number).task);
        }
        assert!(queues.queues.is_empty());
    }
}
