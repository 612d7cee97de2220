//! The queue in front of a shard's thread: a send costs a system call only when the thread sleeps and wants to hear.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// A queue with many senders and one receiver, which says what it wants to be woken for.
#[derive(Debug)]
pub(super) struct Inbox<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
}

#[derive(Debug)]
struct State<T> {
    queue: Vec<T>,
    sleeps_for: Option<Wake>,
    /// The receiver is gone: what is sent is dropped.
    is_closed: bool,
}

/// What the receiver wants to be woken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wake {
    /// Everything.
    Any,
    /// Only what is urgent: the rest can wait for it.
    Urgent,
    /// This many messages.
    Several(usize),
}

impl<T> Inbox<T> {
    pub(super) fn new() -> Self {
        let state = State { queue: Vec::new(), sleeps_for: None, is_closed: false };
        Self { state: Mutex::new(state), arrived: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // No code that can panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a message; drops it when the receiver is gone.
    pub(super) fn send(&self, message: T, is_urgent: bool) {
        let mut state = self.lock();
        if state.is_closed {
            drop(state);
            drop(message);
            return;
        }
        state.queue.push(message);
        let wakes = match state.sleeps_for {
            None => false,
            Some(Wake::Any) => true,
            Some(Wake::Urgent) => is_urgent,
            Some(Wake::Several(count)) => state.queue.len() >= count,
        };
        if wakes {
            state.sleeps_for = None;
        }
        drop(state);
        if wakes {
            self.arrived.notify_one();
        }
    }

    /// Sleeps until `count` messages wait, or for `timeout`.
    pub(super) fn gather(&self, count: usize, timeout: Duration) {
        let state = self.lock();
        if state.queue.len() < count {
            drop(self.sleep(state, Wake::Several(count), timeout));
        }
    }

    fn sleep<'a>(
        &self,
        mut state: MutexGuard<'a, State<T>>,
        wake: Wake,
        timeout: Duration,
    ) -> MutexGuard<'a, State<T>> {
        state.sleeps_for = Some(wake);
        let (mut woken, _) = self
            .arrived
            .wait_timeout_while(state, timeout, |state| state.sleeps_for.is_some())
            .unwrap_or_else(PoisonError::into_inner);
        woken.sleeps_for = None;
        woken
    }

    /// Moves all messages into `messages`, which is empty. Sleeps up to `timeout` when there is none, or, wanting
    /// urgent ones alone, until one of those comes.
    pub(super) fn receive(&self, messages: &mut Vec<T>, wake: Wake, timeout: Duration) {
        let mut state = self.lock();
        // Messages that are there may be urgent; whoever wants only those looks at all of them once.
        if state.queue.is_empty() && !timeout.is_zero() {
            state = self.sleep(state, wake, timeout);
        }
        std::mem::swap(&mut state.queue, messages);
    }

    /// Drops what waits and whatever comes.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        let waiting = std::mem::take(&mut state.queue);
        drop(state);
        // Callers whose answers are dropped wake up here.
        drop(waiting);
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread};

    use super::*;

    #[test]
    fn messages_arrive_in_order_from_many_senders() {
        let inbox = Arc::new(Inbox::new());
        let senders: Vec<_> = (0..4)
            .map(|sender| {
                let inbox = inbox.clone();
                thread::spawn(move || (0..1000).for_each(|number| inbox.send((sender, number), false)))
            })
            .collect();
        let (mut next, mut messages) = ([0; 4], Vec::new());
        while next != [1000; 4] {
            inbox.receive(&mut messages, Wake::Any, Duration::from_secs(10));
            for (sender, number) in messages.drain(..) {
                assert_eq!(next[sender], number);
                next[sender] += 1;
            }
        }
        senders.into_iter().for_each(|sender| sender.join().unwrap());
    }

    #[test]
    fn a_receiver_that_wants_urgent_messages_sleeps_through_others() {
        let inbox = Arc::new(Inbox::new());
        let receiver = thread::spawn({
            let inbox = inbox.clone();
            move || {
                let mut messages = Vec::new();
                inbox.receive(&mut messages, Wake::Urgent, Duration::from_secs(30));
                messages
            }
        });
        while inbox.lock().sleeps_for.is_none() {
            thread::yield_now();
        }
        inbox.send(1, false);
        inbox.send(2, false);
        assert!(!receiver.is_finished());
        inbox.send(3, true);
        assert_eq!(receiver.join().unwrap(), [1, 2, 3]);
    }

    #[test]
    fn a_receiver_that_gathers_several_messages_sleeps_until_the_last_of_them() {
        let inbox = Arc::new(Inbox::new());
        inbox.send(1, true);
        let receiver = thread::spawn({
            let inbox = inbox.clone();
            move || inbox.gather(3, Duration::from_secs(30))
        });
        while inbox.lock().sleeps_for.is_none() {
            thread::yield_now();
        }
        inbox.send(2, true);
        assert!(!receiver.is_finished());
        inbox.send(3, false);
        receiver.join().unwrap();
        // What is there already is not waited for.
        inbox.gather(3, Duration::from_secs(30));
    }

    #[test]
    fn what_is_sent_to_a_closed_inbox_is_dropped() {
        let (inbox, message) = (Inbox::new(), Arc::new(()));
        inbox.send(message.clone(), false);
        inbox.close();
        inbox.send(message.clone(), true);
        assert_eq!(Arc::strong_count(&message), 1);
    }
}
