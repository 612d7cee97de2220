//! The store as the rest of the program sees it.

use crate::backup;
use crate::chunks;
use crate::disk::{Disk, RealDisk};
use crate::error::OpenError;
use crate::open::{Opened, open};
use crate::options::Options;
use crate::pipeline::{Attempt, Pipeline};
use crate::read;
use crate::tables::{Direction, FjallOptions, FjallTables, Table, Tables, TablesError, View};
use crate::threads::Threads;
use bytes::Bytes;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use stepwell_store::{
    Batch, CommitDone, DiskFull, DueExecution, EventChunk, ExecutionKey, ExecutionRow, ExpiredPage,
    HashRange, ListCursor, ListedExecution, Status, Store, StoreError, StoreStatus,
};

/// Opens tables in a directory.
type OpenTables = Box<dyn Fn(&Path) -> Result<Box<dyn Tables>, TablesError> + Send + Sync>;

/// The store in one data directory: a journal that is synced, and tables behind it that are queried.
///
/// Dropping it without [`Store::close`] ends its threads after what was queued; nothing acknowledged is lost, and the next
/// start has more to replay.
pub struct EmbeddedStore {
    pipeline: Arc<Pipeline>,
    disk: Arc<dyn Disk>,
    open_tables: OpenTables,
    threads: Option<Threads>,
    /// For driving by hand.
    buffer: Mutex<Vec<u8>>,
    /// Last: the directory is locked for as long as anything of the store is left.
    _lock: Box<dyn Send + Sync>,
}

impl EmbeddedStore {
    /// Opens the store in `directory`, making it if there is none, and starts its threads.
    pub fn open(directory: impl AsRef<Path>, options: Options) -> Result<EmbeddedStore, OpenError> {
        let directory = directory.as_ref();
        let fjall = FjallOptions { cache_bytes: options.cache_bytes, memtable_bytes: options.memtable_bytes };
        let open_tables: OpenTables =
            Box::new(move |path| Ok(Box::new(FjallTables::open(path, fjall)?) as Box<dyn Tables>));
        let mut store = EmbeddedStore::open_by_hand(Arc::new(RealDisk), directory, options, open_tables)?;
        let threads =
            Threads::start(&store.pipeline).map_err(OpenError::io("start a thread for", directory))?;
        store.threads = Some(threads);
        Ok(store)
    }

    /// Opens a store that has no threads: [`EmbeddedStore::drive`] does their work.
    pub(crate) fn open_by_hand(
        disk: Arc<dyn Disk>,
        directory: &Path,
        options: Options,
        open_tables: OpenTables,
    ) -> Result<EmbeddedStore, OpenError> {
        let Opened { pipeline, lock } = open(Arc::clone(&disk), directory, options, &open_tables)?;
        Ok(EmbeddedStore {
            pipeline,
            disk,
            open_tables,
            threads: None,
            buffer: Mutex::default(),
            _lock: lock,
        })
    }

    /// Commits what is queued as one record and does the chores that are due. False if there was nothing to commit or no
    /// room. Only for a store without threads.
    pub(crate) fn drive(&self) -> bool {
        let taken = Pipeline::take(&mut self.pipeline.lock_queue());
        let is_idle = taken.is_empty();
        let mut has_committed = false;
        if !is_idle {
            let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
            let attempt = self.pipeline.write(taken, &mut buffer);
            drop(buffer);
            match attempt {
                Attempt::Written(written) => {
                    self.pipeline.feed(written);
                    has_committed = true;
                }
                Attempt::NoRoom(taken) => {
                    let _ = self.pipeline.has_written(taken);
                }
                Attempt::Stopped => {}
            }
        }
        if self.pipeline.stopped().is_none() {
            if self.pipeline.preparer.is_wanted() {
                self.pipeline.prepare_segment();
            }
            if self.pipeline.is_checkpoint_due() {
                // A failure has stopped the store, which is all there is to do.
                let _ = self.pipeline.checkpoint();
            }
        }
        has_committed
    }

    /// Syncs what a relaxed store has written. Only for a store without threads.
    pub(crate) fn sync_by_hand(&self) {
        // A failure has stopped the store, which is all there is to do.
        let _ = self.pipeline.sync();
    }

    fn view(&self) -> Box<dyn View + '_> {
        self.pipeline.tables.view()
    }
}

impl Store for EmbeddedStore {
    fn commit(&self, mut batch: Batch, done: CommitDone) {
        chunks::pack(&mut batch);
        self.pipeline.enqueue(batch, done);
    }

    fn commit_here(&self, mut batch: Batch, done: CommitDone) {
        chunks::pack(&mut batch);
        match &self.threads {
            Some(threads) => threads.commit_here(batch, done),
            None => self.pipeline.enqueue(batch, done),
        }
    }

    fn find(&self, arn: &str) -> Result<Option<ExecutionKey>, StoreError> {
        read::find(self.view().as_ref(), arn)
    }

    fn row(&self, key: ExecutionKey) -> Result<Option<Arc<ExecutionRow>>, StoreError> {
        read::row(self.view().as_ref(), key)
    }

    fn find_row(&self, arn: &str) -> Result<Option<(ExecutionKey, Arc<ExecutionRow>)>, StoreError> {
        let view = self.view();
        let Some(key) = read::find(view.as_ref(), arn)? else { return Ok(None) };
        Ok(read::row(view.as_ref(), key)?.map(|row| (key, row)))
    }

    fn chunk(&self, key: ExecutionKey, first_event: u32) -> Result<Option<Bytes>, StoreError> {
        read::chunk(self.view().as_ref(), key, first_event)
    }

    fn chunks(
        &self,
        key: ExecutionKey,
        from_event: u32,
        limit_bytes: usize,
    ) -> Result<Vec<EventChunk>, StoreError> {
        read::chunks(self.view().as_ref(), key, from_event, limit_bytes, Direction::Forward)
    }

    fn chunks_reverse(
        &self,
        key: ExecutionKey,
        from_event: u32,
        limit_bytes: usize,
    ) -> Result<Vec<EventChunk>, StoreError> {
        read::chunks(self.view().as_ref(), key, from_event, limit_bytes, Direction::Reverse)
    }

    fn list_executions(
        &self,
        owner_arn: &str,
        status: Option<Status>,
        before: Option<ListCursor>,
        limit: usize,
    ) -> Result<Vec<ListedExecution>, StoreError> {
        read::list_executions(self.view().as_ref(), owner_arn, status, before, limit)
    }

    fn running(
        &self,
        range: HashRange,
        after: Option<ExecutionKey>,
        limit: usize,
    ) -> Result<Vec<ExecutionKey>, StoreError> {
        read::running(self.view().as_ref(), range, after, limit)
    }

    fn due(
        &self,
        range: HashRange,
        until_ms: i64,
        after: Option<DueExecution>,
        limit: usize,
    ) -> Result<Vec<DueExecution>, StoreError> {
        read::due(self.view().as_ref(), range, until_ms, after, limit)
    }

    fn count_open(&self) -> u64 {
        self.pipeline.feeder.progress().open
    }

    fn catalogue_get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Ok(self.view().get(Table::Catalogue, key)?)
    }

    fn catalogue_scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Bytes)>, StoreError> {
        read::catalogue_scan(self.view().as_ref(), prefix, after, limit)
    }

    fn expired(
        &self,
        closed_before_ms: i64,
        start: Option<ExecutionKey>,
        limit: usize,
    ) -> Result<ExpiredPage, StoreError> {
        read::expired(self.view().as_ref(), closed_before_ms, start, limit)
    }

    fn status(&self) -> StoreStatus {
        let figures = &self.pipeline.figures;
        let progress = self.pipeline.feeder.progress();
        StoreStatus {
            applied: progress.applied,
            checkpoint: figures.checkpoint.load(Relaxed),
            syncs: figures.syncs.load(Relaxed),
            records: figures.records.load(Relaxed),
            batches: figures.batches.load(Relaxed),
            journal_bytes: figures.journal_bytes.load(Relaxed),
            open: progress.open,
            free_bytes: Some(self.pipeline.space.free_bytes()),
            below_reserve: self.pipeline.space.admission().is_err(),
            stopped: self.pipeline.stopped(),
        }
    }

    fn admission(&self) -> Result<(), DiskFull> {
        self.pipeline.space.admission()
    }

    fn backup(&self, directory: &Path) -> Result<(), StoreError> {
        let view = self.view();
        let applied = crate::tables::applied(view.as_ref())?;
        backup::backup(self.disk.as_ref(), view.as_ref(), applied, directory, &self.open_tables)
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        self.pipeline.checkpoint().map_err(StoreError::io)
    }

    fn close(&self) -> Result<(), StoreError> {
        match &self.threads {
            Some(threads) => threads.finish(),
            None => {
                self.pipeline.lock_queue().is_closed = true;
                while self.drive() {}
            }
        }
        let result = match self.pipeline.stopped() {
            Some(reason) => Err(StoreError::Stopped(reason)),
            None => self.pipeline.checkpoint().map_err(StoreError::io),
        };
        self.pipeline.end();
        result
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        if let Some(threads) = &self.threads {
            threads.finish();
        }
    }
}
