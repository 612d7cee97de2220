//! The trait that every store implements.

use crate::{
    Batch, CommitError, DiskFull, EventChunk, ExecutionKey, ExecutionRow, HashRange, ListCursor, Status,
    StoreError,
};
use bytes::Bytes;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;

/// What is called when a batch is durable and readable, or has failed.
pub type CommitDone = Box<dyn FnOnce(Result<(), CommitError>) + Send>;

/// One execution of a list, with the place from which the next page goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedExecution {
    /// The place of this entry.
    pub cursor: ListCursor,
    /// Its row.
    pub row: Arc<ExecutionRow>,
}

/// A parked execution whose time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DueExecution {
    /// The wake-up time in milliseconds since 1970.
    pub wake_at_ms: i64,
    /// The execution.
    pub key: ExecutionKey,
}

/// One step of the walk that finds executions to remove.
#[derive(Clone, Debug, Default)]
pub struct ExpiredPage {
    /// Closed executions that ended before the given time.
    pub expired: Vec<(ExecutionKey, Arc<ExecutionRow>)>,
    /// Where the walk goes on; none when it has seen all executions that can have ended before that time.
    pub next: Option<ExecutionKey>,
}

/// Figures for operators and for the pace of background work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreStatus {
    /// The number of the last record that is durable and readable.
    pub applied: u64,
    /// The number of the last checkpoint: a restart replays what came after it.
    pub checkpoint: u64,
    /// How often data was synced on the commit path since the store was opened.
    pub syncs: u64,
    /// How many records were written since then; batches that were ready together share one.
    pub records: u64,
    /// How many batches were committed since then.
    pub batches: u64,
    /// Bytes of records written since then.
    pub journal_bytes: u64,
    /// Executions in the running index.
    pub open: u64,
    /// Bytes free on the file system, when the store has one.
    pub free_bytes: Option<u64>,
    /// Whether starts and creates are refused for want of space.
    pub below_reserve: bool,
    /// Why the store has stopped, if it has.
    pub stopped: Option<Arc<str>>,
}

/// Where executions, their events and the catalogue are kept.
///
/// Reads never see what is not durable, and always see what was acknowledged. All methods may be called from any thread.
pub trait Store: Send + Sync {
    /// Queues a batch. `done` is called once, in order per shard, when the batch is durable (as the store's durability
    /// says) and readable, or when the store has stopped; from then on every later batch fails too. The memory store calls
    /// it before this method returns, others from a thread of their own: `done` must be quick and must not block.
    fn commit(&self, batch: Batch, done: CommitDone);

    /// The same, and this thread may do the work itself before the method returns: for threads that have nothing else to
    /// do until the batch is durable, which are spared the way to another thread and back.
    fn commit_here(&self, batch: Batch, done: CommitDone) {
        self.commit(batch, done);
    }

    /// Commits a batch and waits for it. Not to be called from within a [`CommitDone`].
    fn commit_and_wait(&self, batch: Batch) -> Result<(), CommitError> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.commit(
            batch,
            Box::new(move |result| {
                // The receiver can only be gone if its thread panicked.
                let _ = sender.send(result);
            }),
        );
        receiver.recv().unwrap_or_else(|_| Err(CommitError { reason: "the store was dropped".into() }))
    }

    /// The execution that has this ARN.
    fn find(&self, arn: &str) -> Result<Option<ExecutionKey>, StoreError>;

    /// The row of an execution.
    fn row(&self, key: ExecutionKey) -> Result<Option<Arc<ExecutionRow>>, StoreError>;

    /// The execution that has this ARN, with its row.
    fn find_row(&self, arn: &str) -> Result<Option<(ExecutionKey, Arc<ExecutionRow>)>, StoreError> {
        let Some(key) = self.find(arn)? else { return Ok(None) };
        Ok(self.row(key)?.map(|row| (key, row)))
    }

    /// The bytes of the chunk that begins with event `first_event`.
    fn chunk(&self, key: ExecutionKey, first_event: u32) -> Result<Option<Bytes>, StoreError> {
        let chunks = self.chunks(key, first_event, 1)?;
        Ok(chunks.into_iter().find(|chunk| chunk.first_event == first_event).map(|chunk| chunk.bytes))
    }

    /// The chunks of an execution in order, from the one that contains event `from_event`. Stops after the chunk with which
    /// `limit_bytes` is reached, so at least one chunk is returned if there is one.
    fn chunks(
        &self,
        key: ExecutionKey,
        from_event: u32,
        limit_bytes: usize,
    ) -> Result<Vec<EventChunk>, StoreError>;

    /// The chunks of an execution in reverse order, from the one that contains event `from_event` (`u32::MAX`: the last).
    /// `limit_bytes` as in [`Store::chunks`].
    fn chunks_reverse(
        &self,
        key: ExecutionKey,
        from_event: u32,
        limit_bytes: usize,
    ) -> Result<Vec<EventChunk>, StoreError>;

    /// Executions of a state machine, or those started with a version or an alias of it, from new to old (running ones by
    /// start, others by stop), of one status or of all, after the place `before`, `limit` at most.
    fn list_executions(
        &self,
        owner_arn: &str,
        status: Option<Status>,
        before: Option<ListCursor>,
        limit: usize,
    ) -> Result<Vec<ListedExecution>, StoreError>;

    /// Active executions whose ARN hash lies in `range`, in key order after `after`, `limit` at most.
    fn running(
        &self,
        range: HashRange,
        after: Option<ExecutionKey>,
        limit: usize,
    ) -> Result<Vec<ExecutionKey>, StoreError>;

    /// Parked executions whose ARN hash lies in `range` and whose wake-up time is at most `until_ms`, in the order of that
    /// time after `after`, `limit` at most.
    fn due(
        &self,
        range: HashRange,
        until_ms: i64,
        after: Option<DueExecution>,
        limit: usize,
    ) -> Result<Vec<DueExecution>, StoreError>;

    /// How many executions the running index holds, active and parked.
    fn count_open(&self) -> u64;

    /// The catalogue value under `key`.
    fn catalogue_get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError>;

    /// Catalogue entries whose key begins with `prefix`, in key order after the key `after`, `limit` at most.
    fn catalogue_scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Bytes)>, StoreError>;

    /// Looks at up to `limit` executions in the order of their start, from `start`, for closed ones that ended before
    /// `closed_before_ms`.
    fn expired(
        &self,
        closed_before_ms: i64,
        start: Option<ExecutionKey>,
        limit: usize,
    ) -> Result<ExpiredPage, StoreError>;

    /// Figures of the moment.
    fn status(&self) -> StoreStatus;

    /// Whether new work may be admitted. Below the reserve of disk space, starts and creates are refused.
    fn admission(&self) -> Result<(), DiskFull>;

    /// Makes a consistent copy of the whole store in `directory`, which must not exist or be empty, while it is served.
    fn backup(&self, directory: &Path) -> Result<(), StoreError>;

    /// Brings the tables to disk so that a restart has little to replay.
    fn checkpoint(&self) -> Result<(), StoreError>;

    /// Commits what is queued, makes a checkpoint and stops. Later commits fail.
    fn close(&self) -> Result<(), StoreError>;
}
