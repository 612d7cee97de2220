//! Who waits for the end of an execution: nested `.sync` tasks and callers in this process.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use stepwell_store::ExecutionKey;
use tokio::sync::oneshot;

/// The waiters by execution.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    by_key: Mutex<HashMap<ExecutionKey, Vec<oneshot::Sender<()>>>>,
    /// Executions that are waited for; lets the usual end of an execution pass without the lock.
    count: AtomicUsize,
}

impl Waiters {
    /// Registers a waiter. Look at the execution's row after this: what has ended before is told to nobody.
    pub(crate) fn wait(&self, key: ExecutionKey) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        let mut by_key = self.by_key.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = by_key.entry(key).or_default();
        // Those that gave up in the meantime make room.
        waiting.retain(|waiter| !waiter.is_closed());
        waiting.push(sender);
        self.count.store(by_key.len(), Ordering::SeqCst);
        receiver
    }

    /// The execution has ended, and its row says so.
    pub(crate) fn ended(&self, key: ExecutionKey) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut by_key = self.by_key.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = by_key.remove(&key);
        self.count.store(by_key.len(), Ordering::SeqCst);
        drop(by_key);
        for waiter in waiting.into_iter().flatten() {
            let _ = waiter.send(());
        }
    }
}
