//! How many calls of one kind are made at once, and the end of all of them when the server stops.

use std::{
    future::Future,
    sync::atomic::{AtomicUsize, Ordering},
};

use tokio::sync::{Semaphore, SemaphorePermit, watch};

use crate::lambda::{Counted, QUEUE_MAX};

/// Lets so many calls through at once; others wait for their turn.
pub(crate) struct Gate {
    turns: Semaphore,
    waiting: AtomicUsize,
    closed: watch::Sender<bool>,
}

impl Gate {
    /// A gate for so many calls at once, at least one.
    pub(crate) fn new(concurrency: usize) -> Self {
        Self {
            turns: Semaphore::new(concurrency.max(1)),
            waiting: AtomicUsize::new(0),
            closed: watch::Sender::new(false),
        }
    }

    /// What [`Gate::unless_closed`] is at ends at once, and so does what comes later.
    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Does something unless the gate is closed before it has come to its end.
    pub(crate) async fn unless_closed<T>(&self, act: impl Future<Output = T>) -> Option<T> {
        let mut closed = self.closed.subscribe();
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => None,
            result = act => Some(result),
        }
    }

    /// Waits for the caller's turn, which ends when the permit is dropped.
    ///
    /// # Errors
    /// Too many wait already.
    pub(crate) async fn turn(&self) -> Result<SemaphorePermit<'_>, String> {
        if self.waiting.load(Ordering::Relaxed) >= QUEUE_MAX {
            return Err(format!("more than {QUEUE_MAX} calls wait for their turn"));
        }
        let _waiting = Counted::new(&self.waiting);
        self.turns.acquire().await.map_err(|_| "the server is stopping".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_closed_gate_ends_what_is_under_way_and_what_comes_later() {
        let gate = Gate::new(1);
        let (close, never) = (async { gate.close() }, gate.unless_closed(std::future::pending::<()>()));
        assert_eq!(tokio::join!(never, close).0, None);
        assert_eq!(gate.unless_closed(async {}).await, None);
    }

    #[tokio::test]
    async fn turns_are_given_one_after_the_other() {
        let gate = Gate::new(1);
        let first = gate.turn().await;
        assert!(first.is_ok());
        let second = gate.turn();
        tokio::pin!(second);
        assert!(
            std::future::poll_fn(|context| {
                std::task::Poll::Ready(Future::poll(second.as_mut(), context).is_pending())
            })
            .await
        );
        drop(first);
        assert!(second.await.is_ok());
    }
}
