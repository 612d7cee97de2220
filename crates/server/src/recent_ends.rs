//! Executions that have just ended, in memory: who starts a short execution asks a moment later how it went.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use stepwell_engine::{Ended, Ends};
use stepwell_store::{ExecutionKey, ExecutionRow};

/// Executions that are kept at most.
const ENDS_MAX: usize = 1_024;
/// Bytes of the texts of one of them at most: all together take a few MB, and large ones cost more to send than to read.
const TEXT_BYTES_MAX: usize = 4 * 1024;

/// The newest ends, each in the one place that its ARN has here; a later one takes the place over.
///
/// What is found here is what the store says, or said until a moment ago when nobody had been told of anything newer:
///
/// - An end comes here when its batch is durable and readable, so nothing is shown that a crash could take back.
/// - A row changes after the end only by a redrive, and the batch of a redrive takes the end out, or puts a newer one in
///   its place, before its answers leave. Batches of one shard are released in order, and an execution has one shard:
///   no earlier end comes after that.
/// - The store loses an execution only by retention. Whoever asks here therefore leaves alone what ended so long ago
///   that retention may remove it; a later execution of the same ARN, which can only have started after that, is never
///   taken for the one that is here.
#[derive(Debug)]
pub(crate) struct RecentEnds {
    places: Box<[Mutex<Option<Arc<Ended>>>]>,
    hasher: RandomState,
}

impl Default for RecentEnds {
    fn default() -> Self {
        Self { places: (0..ENDS_MAX).map(|_| Mutex::default()).collect(), hasher: RandomState::new() }
    }
}

impl RecentEnds {
    /// Keeps an end, if it is small enough, and in any case none before it of the same execution.
    pub(crate) fn keep(&self, ended: Arc<Ended>) {
        if ended.ends.size() > TEXT_BYTES_MAX {
            return self.forget(&ended.row.arn);
        }
        // Freed when the place is open again.
        let _former = self.place(&ended.row.arn).replace(ended);
    }

    /// Forgets the end of an execution that runs again.
    pub(crate) fn forget(&self, arn: &str) {
        let _former = self.place(arn).take_if(|ended| ended.row.arn == arn);
    }

    /// How an execution ended, if that is here.
    pub(crate) fn find(&self, arn: &str) -> Option<(ExecutionKey, Arc<ExecutionRow>, Ends)> {
        let place = self.place(arn);
        let ended = place.as_ref().filter(|ended| ended.row.arn == arn)?;
        Some((ended.key, ended.row.clone(), ended.ends.clone()))
    }

    fn place(&self, arn: &str) -> MutexGuard<'_, Option<Arc<Ended>>> {
        // The remainder is less than the number of places.
        let number = self.hasher.hash_one(arn) as usize % self.places.len();
        self.places[number].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
