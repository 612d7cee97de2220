//! A store with faults.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use stepwell_store::{
    Batch, CommitDone, CommitError, DiskFull, DueExecution, EventChunk, ExecutionKey, ExecutionRow,
    ExpiredPage, HashRange, ListCursor, ListedExecution, MemoryStore, Status, Store, StoreError, StoreStatus,
};

/// A memory store whose commits fail, whose disk is full, or of which a shard hears nothing, from a moment on.
#[derive(Default)]
pub struct Faulty {
    /// What is durable.
    pub inner: Arc<MemoryStore>,
    pub fails: AtomicBool,
    pub is_full: AtomicBool,
    silence: Mutex<Silence>,
}

/// Batches of which nothing is heard.
#[derive(Default)]
struct Silence {
    /// It begins with the batch that starts this execution.
    from: Option<String>,
    /// What is not told is durable.
    keeps: bool,
    /// The shard, once it has begun.
    shard: Option<u16>,
    untold: Vec<CommitDone>,
}

impl Faulty {
    /// The shard of an execution hears nothing of the batch that starts it and of later ones, which are kept or lost.
    pub fn be_silent_from(&self, execution: &str, keeps: bool) {
        *self.silence.lock().unwrap() =
            Silence { from: Some(execution.to_owned()), keeps, ..Silence::default() };
    }

    pub fn is_silent(&self) -> bool {
        self.silence.lock().unwrap().shard.is_some()
    }

    /// Ends the silence with a failure, and with it the server.
    pub fn break_down(&self) {
        self.fails.store(true, Ordering::SeqCst);
        for done in std::mem::take(&mut self.silence.lock().unwrap().untold) {
            done(Err(gone()));
        }
    }
}

fn gone() -> CommitError {
    CommitError { reason: "the disk is gone".into() }
}

impl Store for Faulty {
    fn commit(&self, batch: Batch, done: CommitDone) {
        if self.fails.load(Ordering::SeqCst) {
            return done(Err(gone()));
        }
        let mut silence = self.silence.lock().unwrap();
        if batch.rows.iter().any(|change| Some(&change.after.arn) == silence.from.as_ref()) {
            silence.shard = Some(batch.shard);
        }
        if silence.shard == Some(batch.shard) {
            silence.untold.push(done);
            if silence.keeps {
                self.inner.commit(batch, Box::new(|_| ()));
            }
        } else {
            drop(silence);
            self.inner.commit(batch, done);
        }
    }
    fn find(&self, arn: &str) -> Result<Option<ExecutionKey>, StoreError> {
        self.inner.find(arn)
    }
    fn row(&self, key: ExecutionKey) -> Result<Option<Arc<ExecutionRow>>, StoreError> {
        self.inner.row(key)
    }
    fn chunks(&self, key: ExecutionKey, from: u32, limit: usize) -> Result<Vec<EventChunk>, StoreError> {
        self.inner.chunks(key, from, limit)
    }
    fn chunks_reverse(
        &self,
        key: ExecutionKey,
        from: u32,
        limit: usize,
    ) -> Result<Vec<EventChunk>, StoreError> {
        self.inner.chunks_reverse(key, from, limit)
    }
    fn list_executions(
        &self,
        machine: &str,
        status: Option<Status>,
        before: Option<ListCursor>,
        limit: usize,
    ) -> Result<Vec<ListedExecution>, StoreError> {
        self.inner.list_executions(machine, status, before, limit)
    }
    fn running(
        &self,
        range: HashRange,
        after: Option<ExecutionKey>,
        limit: usize,
    ) -> Result<Vec<ExecutionKey>, StoreError> {
        self.inner.running(range, after, limit)
    }
    fn due(
        &self,
        range: HashRange,
        until_ms: i64,
        after: Option<DueExecution>,
        limit: usize,
    ) -> Result<Vec<DueExecution>, StoreError> {
        self.inner.due(range, until_ms, after, limit)
    }
    fn count_open(&self) -> u64 {
        self.inner.count_open()
    }
    fn catalogue_get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.inner.catalogue_get(key)
    }
    fn catalogue_scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Bytes)>, StoreError> {
        self.inner.catalogue_scan(prefix, after, limit)
    }
    fn expired(
        &self,
        before_ms: i64,
        start: Option<ExecutionKey>,
        limit: usize,
    ) -> Result<ExpiredPage, StoreError> {
        self.inner.expired(before_ms, start, limit)
    }
    fn status(&self) -> StoreStatus {
        self.inner.status()
    }
    fn admission(&self) -> Result<(), DiskFull> {
        if self.is_full.load(Ordering::SeqCst) {
            Err(DiskFull { free_bytes: 1, reserve_bytes: 2 })
        } else {
            Ok(())
        }
    }
    fn backup(&self, directory: &Path) -> Result<(), StoreError> {
        self.inner.backup(directory)
    }
    fn checkpoint(&self) -> Result<(), StoreError> {
        self.inner.checkpoint()
    }
    fn close(&self) -> Result<(), StoreError> {
        self.inner.close()
    }
}
