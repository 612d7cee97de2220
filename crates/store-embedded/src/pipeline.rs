//! The path of a commit, without threads: queue, record, sync, tables, answer. [`crate::threads`] drives it in the server,
//! tests drive it by hand.

use crate::error::FatalError;
use crate::feed::Feeder;
use crate::journal::Journal;
use crate::journal::prepare::Preparer;
use crate::journal::record::{self, Kind};
use crate::options::{Durability, Options};
use crate::space::SpaceWatch;
use crate::tables::Tables;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use stepwell_store::{Batch, CommitDone, CommitError};

/// A record is closed when it holds this many bytes of batches.
const RECORD_BYTES_MAX: usize = 8 << 20;

/// What all parts of an open store share.
pub(crate) struct Pipeline {
    pub(crate) options: Options,
    pub(crate) tables: Box<dyn Tables>,
    pub(crate) feeder: Feeder,
    pub(crate) journal: Mutex<Journal>,
    pub(crate) preparer: Arc<Preparer>,
    pub(crate) space: SpaceWatch,
    pub(crate) queue: Mutex<Queue>,
    pub(crate) queue_changed: Condvar,
    pub(crate) figures: Figures,
    stopped: OnceLock<Arc<str>>,
    /// Held while a checkpoint is made.
    checkpointing: Mutex<Vec<u8>>,
}

/// Batches that wait for the next record.
#[derive(Default)]
pub(crate) struct Queue {
    pub(crate) waiting: VecDeque<(Batch, CommitDone)>,
    /// Somebody writes a record.
    pub(crate) is_writing: bool,
    /// Nothing is taken any more.
    pub(crate) is_closed: bool,
}

/// Counters for [`stepwell_store::StoreStatus`].
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) syncs: AtomicU64,
    pub(crate) records: AtomicU64,
    pub(crate) batches: AtomicU64,
    pub(crate) journal_bytes: AtomicU64,
    pub(crate) checkpoint: AtomicU64,
    /// [`Figures::journal_bytes`] at the last checkpoint.
    pub(crate) checkpoint_bytes: AtomicU64,
}

/// A record that is in the journal and not yet in the tables.
pub(crate) struct Written {
    sequence: u64,
    batches: Vec<Batch>,
    done: Vec<CommitDone>,
}

/// What came of an attempt to write a record.
pub(crate) enum Attempt {
    /// The record is as durable as promised and can be fed.
    Written(Written),
    /// Not enough disk space; the same batches may be tried again.
    NoRoom(Vec<(Batch, CommitDone)>),
    /// The store has stopped, and the batches were told.
    Stopped,
}

impl Pipeline {
    pub(crate) fn new(
        options: Options,
        tables: Box<dyn Tables>,
        feeder: Feeder,
        journal: Journal,
        space: SpaceWatch,
    ) -> Pipeline {
        let figures = Figures::default();
        figures.checkpoint.store(journal.checkpoint().applied, Relaxed);
        Pipeline {
            options,
            tables,
            feeder,
            preparer: journal.preparer(),
            journal: Mutex::new(journal),
            space,
            queue: Mutex::default(),
            queue_changed: Condvar::new(),
            figures,
            stopped: OnceLock::new(),
            checkpointing: Mutex::default(),
        }
    }

    pub(crate) fn lock_queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn lock_journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the store has stopped, if it has.
    pub(crate) fn stopped(&self) -> Option<Arc<str>> {
        self.stopped.get().cloned()
    }

    /// Stops the store for good: nothing is acknowledged from now on.
    pub(crate) fn stop(&self, error: &FatalError) {
        let reason: Arc<str> = error.to_string().into();
        if self.stopped.set(Arc::clone(&reason)).is_ok() {
            tracing::error!(reason = %reason, "the store has stopped");
            if let Some(on_fatal) = &self.options.on_fatal {
                on_fatal(error);
            }
        }
        self.fail_waiting();
        self.queue_changed.notify_all();
    }

    /// Ends the store in order: later commits fail, without a fault.
    pub(crate) fn end(&self) {
        let _ = self.stopped.set("the store was closed".into());
        self.fail_waiting();
    }

    /// Ends the store with batches that could not be written any more.
    pub(crate) fn give_up(&self, taken: Vec<(Batch, CommitDone)>) {
        self.end();
        self.refuse(taken.into_iter().map(|(_, done)| done));
    }

    fn fail_waiting(&self) {
        let waiting = std::mem::take(&mut self.lock_queue().waiting);
        self.refuse(waiting.into_iter().map(|(_, done)| done));
    }

    fn refuse(&self, done: impl IntoIterator<Item = CommitDone>) {
        let reason = self.stopped().unwrap_or_else(|| "the store was closed".into());
        for done in done {
            done(Err(CommitError { reason: Arc::clone(&reason) }));
        }
    }

    /// Queues a batch; fails it at once if the store has stopped.
    pub(crate) fn enqueue(&self, batch: Batch, done: CommitDone) {
        if let Some(queue) = self.push(batch, done) {
            let is_writing = queue.is_writing;
            drop(queue);
            // Whoever writes looks at the queue afterwards.
            if !is_writing {
                self.queue_changed.notify_one();
            }
        }
    }

    /// Queues a batch and takes what the next record is to hold, this batch among it, unless somebody writes one: then
    /// the batch waits for the record after that. The caller writes what it gets, and says so by [`Self::has_written`].
    pub(crate) fn enqueue_and_take(&self, batch: Batch, done: CommitDone) -> Vec<(Batch, CommitDone)> {
        match self.push(batch, done) {
            Some(mut queue) if !queue.is_writing => {
                let taken = Self::take(&mut queue);
                queue.is_writing = true;
                taken
            }
            _ => Vec::new(),
        }
    }

    /// The end of what began with batches that were taken. Those that can't be written yet come first again. Gives
    /// whether there is more for the committer to do.
    pub(crate) fn has_written(&self, left: Vec<(Batch, CommitDone)>) -> bool {
        let mut queue = self.lock_queue();
        queue.is_writing = false;
        for batch in left.into_iter().rev() {
            queue.waiting.push_front(batch);
        }
        !queue.waiting.is_empty() || queue.is_closed
    }

    fn push(&self, batch: Batch, done: CommitDone) -> Option<MutexGuard<'_, Queue>> {
        let mut queue = self.lock_queue();
        if queue.is_closed || self.stopped.get().is_some() {
            drop(queue);
            self.refuse([done]);
            return None;
        }
        queue.waiting.push_back((batch, done));
        Some(queue)
    }

    /// Takes what the next record is to hold.
    pub(crate) fn take(queue: &mut Queue) -> Vec<(Batch, CommitDone)> {
        let mut size = 0;
        let mut count = 0;
        for (batch, _) in &queue.waiting {
            size += batch.size_hint();
            if count > 0 && size > RECORD_BYTES_MAX {
                break;
            }
            count += 1;
        }
        queue.waiting.drain(..count).collect()
    }

    /// Writes one record with these batches and syncs it if durability asks for it.
    pub(crate) fn write(&self, taken: Vec<(Batch, CommitDone)>, buffer: &mut Vec<u8>) -> Attempt {
        if self.stopped.get().is_some() {
            self.refuse(taken.into_iter().map(|(_, done)| done));
            return Attempt::Stopped;
        }
        if let Err(error) = encode_batches(&taken, buffer) {
            self.stop(&error);
            self.refuse(taken.into_iter().map(|(_, done)| done));
            return Attempt::Stopped;
        }
        self.space.before_write(buffer.len() as u64);
        if self.space.is_exhausted() {
            return Attempt::NoRoom(taken);
        }
        let mut journal = self.lock_journal();
        let written = journal.make_room(buffer.len()).and_then(|()| {
            let sequence = journal.append(Kind::Batches, buffer)?;
            if self.options.durability == Durability::Commit {
                journal.sync()?;
            }
            Ok(sequence)
        });
        self.note_figures(&journal);
        // Stopping calls out, and must not do so under the lock.
        drop(journal);
        match written {
            Ok(sequence) => {
                self.figures.records.fetch_add(1, Relaxed);
                self.figures.batches.fetch_add(taken.len() as u64, Relaxed);
                let (batches, done) = taken.into_iter().unzip();
                Attempt::Written(Written { sequence, batches, done })
            }
            Err(error) if error.is_disk_full() => {
                self.space.sample();
                Attempt::NoRoom(taken)
            }
            Err(error) => {
                self.stop(&error);
                self.refuse(taken.into_iter().map(|(_, done)| done));
                Attempt::Stopped
            }
        }
    }

    /// Brings a record into the tables and answers.
    pub(crate) fn feed(&self, written: Written) {
        let Written { sequence, batches, done } = written;
        if self.stopped.get().is_none()
            && let Err(error) = self.feeder.feed(self.tables.as_ref(), sequence, &batches)
        {
            self.stop(&FatalError::Tables { reason: error.to_string() });
        }
        if self.stopped.get().is_some() {
            self.refuse(done);
            return;
        }
        drop(batches);
        for done in done {
            done(Ok(()));
        }
    }

    /// Syncs what was written since the last sync: for relaxed durability.
    pub(crate) fn sync(&self) -> Result<(), FatalError> {
        let mut journal = self.lock_journal();
        let result = journal.sync();
        self.note_figures(&journal);
        drop(journal);
        result.inspect_err(|error| self.stop(error))
    }

    /// Whether enough was written since the last checkpoint.
    pub(crate) fn is_checkpoint_due(&self) -> bool {
        let since = self.figures.journal_bytes.load(Relaxed) - self.figures.checkpoint_bytes.load(Relaxed);
        since >= self.options.checkpoint_bytes
    }

    /// Syncs the tables and frees the segments that no restart needs any more.
    pub(crate) fn checkpoint(&self) -> Result<(), FatalError> {
        let mut buffer = self.checkpointing.lock().unwrap_or_else(PoisonError::into_inner);
        let result = self.make_checkpoint(&mut buffer);
        drop(buffer);
        result.inspect_err(|error| self.stop(error))
    }

    fn make_checkpoint(&self, buffer: &mut Vec<u8>) -> Result<(), FatalError> {
        if let Some(reason) = self.stopped() {
            return Err(FatalError::Bug {
                what: format!("a checkpoint was asked of a store that has stopped: {reason}"),
            });
        }
        let progress = self.feeder.progress();
        if progress.applied <= self.figures.checkpoint.load(Relaxed) {
            return Ok(());
        }
        self.tables.sync().map_err(|error| FatalError::Tables { reason: error.to_string() })?;
        let mut journal = self.lock_journal();
        let written = journal.write_checkpoint(progress.applied, progress.open, buffer);
        let obsolete = journal.take_obsolete();
        let (_, useful_length) = journal.next_segment();
        self.note_figures(&journal);
        drop(journal);
        match written {
            Err(error) if error.is_disk_full() => {
                // Nothing was written. The next checkpoint frees the space.
                self.space.sample();
                return Ok(());
            }
            written => written?,
        }
        self.figures.checkpoint.store(progress.applied, Relaxed);
        self.figures.checkpoint_bytes.store(self.figures.journal_bytes.load(Relaxed), Relaxed);
        self.preparer.retire(obsolete, useful_length)
    }

    /// Makes the next segment unless it is there. A full disk is no fault here: it is tried again.
    pub(crate) fn prepare_segment(&self) {
        let (id, length) = self.lock_journal().next_segment();
        match self.preparer.prepare(id, length) {
            Ok(()) => {}
            Err(error) if error.is_disk_full() => self.space.sample(),
            Err(error) => self.stop(&error),
        }
    }

    fn note_figures(&self, journal: &Journal) {
        self.figures.syncs.store(journal.syncs(), Relaxed);
        self.figures.journal_bytes.store(journal.bytes(), Relaxed);
    }
}

/// The body of a record: the batches as one CBOR array.
fn encode_batches(taken: &[(Batch, CommitDone)], buffer: &mut Vec<u8>) -> Result<(), FatalError> {
    record::begin(buffer);
    let mut encoder = minicbor::Encoder::new(&mut *buffer);
    let encoded = encoder
        .array(taken.len() as u64)
        .map(|_| ())
        .and_then(|()| taken.iter().try_for_each(|(batch, _)| encoder.encode(batch).map(|_| ())));
    encoded.map_err(|error| FatalError::Bug { what: format!("a batch cannot be encoded: {error}") })
}
