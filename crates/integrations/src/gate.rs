//! The turns of one kind of calls, and the end of all of them when the server stops.

use std::future::Future;

use tokio::sync::watch;

use crate::turns::{Turn, Turns};

/// Lets so many calls to each target through at once; others wait for their turn.
pub(crate) struct Gate {
    turns: Turns,
    closed: watch::Sender<bool>,
}

impl Gate {
    /// A gate for so many calls at once to each target, at least one.
    pub(crate) fn new(concurrency: usize) -> Self {
        Self { turns: Turns::new(concurrency.max(1)), closed: watch::Sender::new(false) }
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

    /// Waits for the turn of a call to `target`, which ends when it is dropped.
    ///
    /// # Errors
    /// Too many wait already.
    pub(crate) async fn turn(&self, target: &str) -> Result<Turn, String> {
        self.turns.take(target).await.map_err(|reason| reason.to_string())
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
}
