//! The threads of an open store: the committer writes and syncs records unless a caller does it itself, the feeder brings
//! them into the tables while the next one syncs, the housekeeper makes segments ahead and checkpoints.

use crate::error::FatalError;
use crate::options::Durability;
use crate::pipeline::{Attempt, Pipeline, Queue, Written};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::{Duration, Instant};
use stepwell_store::{Batch, CommitDone};

/// Records that may wait for the feeder. The committer waits when there are more.
const FEED_BACKLOG_MAX: usize = 2;
/// How often free space is looked at when nothing is written.
const IDLE_INTERVAL: Duration = Duration::from_secs(1);
/// How long to wait for somebody to make space.
const NO_ROOM_INTERVAL: Duration = Duration::from_millis(50);

pub(crate) struct Threads {
    pipeline: Arc<Pipeline>,
    signals: Arc<Signals>,
    /// For records that callers write. Held only by the one that writes.
    buffer: Mutex<Vec<u8>>,
    handles: Mutex<Vec<JoinHandle<()>>>,
    ids: Vec<ThreadId>,
}

/// What the threads tell each other.
#[derive(Default)]
struct Signals {
    feed: Mutex<Feed>,
    feed_changed: Condvar,
    chores: Mutex<Chores>,
    chores_changed: Condvar,
}

#[derive(Default)]
struct Feed {
    waiting: VecDeque<Written>,
    /// Somebody is feeding a record.
    is_busy: bool,
    is_closed: bool,
}

#[derive(Default)]
struct Chores {
    is_wanted: bool,
    is_closed: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Threads {
    pub(crate) fn start(pipeline: &Arc<Pipeline>) -> std::io::Result<Threads> {
        let signals = Arc::<Signals>::default();
        let mut handles = Vec::new();
        for (name, run) in [
            ("store-commit", run_committer as fn(&Pipeline, &Signals)),
            ("store-feed", run_feeder),
            ("store-chores", run_housekeeper),
        ] {
            let pipeline = Arc::clone(pipeline);
            let signals = Arc::clone(&signals);
            handles.push(thread::Builder::new().name(name.to_owned()).spawn(move || {
                let guard = StopOnPanic { pipeline: &pipeline, signals: &signals };
                run(&pipeline, &signals);
                std::mem::forget(guard);
            })?);
        }
        let ids = handles.iter().map(|handle| handle.thread().id()).collect();
        let pipeline = Arc::clone(pipeline);
        Ok(Threads { pipeline, signals, buffer: Mutex::default(), handles: Mutex::new(handles), ids })
    }

    /// Commits a batch on this thread, and what waits with it. The committer does it while somebody else writes, and where
    /// syncs come later or there is no room: it can wait for both.
    pub(crate) fn commit_here(&self, batch: Batch, done: CommitDone) {
        let (pipeline, signals) = (&*self.pipeline, &*self.signals);
        if matches!(pipeline.options.durability, Durability::Interval(_)) {
            pipeline.enqueue(batch, done);
            return;
        }
        let taken = pipeline.enqueue_and_take(batch, done);
        if taken.is_empty() {
            return;
        }
        let guard = StopOnPanic { pipeline, signals };
        let mut buffer = lock(&self.buffer);
        let left = match pipeline.write(taken, &mut buffer) {
            Attempt::Written(written) => {
                hand_over(pipeline, signals, written);
                want_chores_that_are_due(pipeline, signals);
                Vec::new()
            }
            Attempt::Stopped => Vec::new(),
            Attempt::NoRoom(taken) => taken,
        };
        drop(buffer);
        std::mem::forget(guard);
        if pipeline.has_written(left) {
            pipeline.queue_changed.notify_one();
        }
    }

    /// Lets the committer and the feeder finish what is queued, and ends all threads.
    pub(crate) fn finish(&self) {
        self.pipeline.lock_queue().is_closed = true;
        self.pipeline.queue_changed.notify_all();
        // A callback that drops the store runs on one of these threads, which cannot wait for themselves.
        if self.ids.contains(&thread::current().id()) {
            return;
        }
        for handle in lock(&self.handles).drain(..) {
            // A panic has already stopped the store.
            let _ = handle.join();
        }
    }
}

/// Stops the store when a thread panics: nobody would answer otherwise.
struct StopOnPanic<'a> {
    pipeline: &'a Pipeline,
    signals: &'a Signals,
}

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        let name = thread::current().name().unwrap_or("a thread").to_owned();
        self.pipeline.stop(&FatalError::Bug { what: format!("{name} has panicked") });
        self.signals.close_feed();
        self.signals.close_chores();
    }
}

impl Signals {
    fn close_feed(&self) {
        let mut feed = lock(&self.feed);
        feed.is_closed = true;
        feed.is_busy = false;
        self.feed_changed.notify_all();
    }

    fn close_chores(&self) {
        lock(&self.chores).is_closed = true;
        self.chores_changed.notify_all();
    }

    fn want_chores(&self) {
        lock(&self.chores).is_wanted = true;
        self.chores_changed.notify_all();
    }
}

fn run_committer(pipeline: &Pipeline, signals: &Signals) {
    let mut buffer = Vec::new();
    let interval = match pipeline.options.durability {
        Durability::Commit => None,
        Durability::Interval(interval) => Some(interval),
    };
    let mut sync_at: Option<Instant> = None;
    loop {
        let taken = {
            let mut queue = pipeline.lock_queue();
            let has_work = |queue: &Queue| {
                let is_due = sync_at.is_some_and(|at| Instant::now() >= at);
                !queue.is_writing && (!queue.waiting.is_empty() || queue.is_closed || is_due)
            };
            while !has_work(&queue) {
                queue = match sync_at {
                    None => pipeline.queue_changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
                    Some(at) => {
                        let left = at.saturating_duration_since(Instant::now());
                        pipeline
                            .queue_changed
                            .wait_timeout(queue, left)
                            .unwrap_or_else(PoisonError::into_inner)
                            .0
                    }
                };
            }
            if queue.waiting.is_empty() && queue.is_closed {
                break;
            }
            queue.is_writing = true;
            Pipeline::take(&mut queue)
        };
        if sync_at.is_some_and(|at| Instant::now() >= at) {
            sync_at = None;
            // A failure has stopped the store, which is all there is to do.
            let _ = pipeline.sync();
        }
        if !taken.is_empty()
            && let Some(written) = write_when_there_is_room(pipeline, signals, taken, &mut buffer)
        {
            hand_over(pipeline, signals, written);
            if let Some(interval) = interval {
                sync_at.get_or_insert_with(|| Instant::now() + interval);
            }
        }
        want_chores_that_are_due(pipeline, signals);
        // The loop looks at once what else there is.
        let _ = pipeline.has_written(Vec::new());
    }
    if interval.is_some() && pipeline.stopped().is_none() {
        let _ = pipeline.sync();
    }
    signals.close_feed();
    signals.close_chores();
}

fn want_chores_that_are_due(pipeline: &Pipeline, signals: &Signals) {
    if pipeline.is_checkpoint_due() || pipeline.preparer.is_wanted() {
        signals.want_chores();
    }
}

/// Writes a record, waiting while the disk is full. None if the store has stopped.
fn write_when_there_is_room(
    pipeline: &Pipeline,
    signals: &Signals,
    mut taken: Vec<(Batch, CommitDone)>,
    buffer: &mut Vec<u8>,
) -> Option<Written> {
    let mut has_warned = false;
    loop {
        match pipeline.write(taken, buffer) {
            Attempt::Written(written) => return Some(written),
            Attempt::Stopped => return None,
            Attempt::NoRoom(again) => taken = again,
        }
        if !has_warned {
            has_warned = true;
            tracing::warn!(
                free_bytes = pipeline.space.free_bytes(),
                "the disk is full; commits wait for space"
            );
        }
        // Old segments may be all that stands in the way.
        signals.want_chores();
        let queue = pipeline.lock_queue();
        if queue.is_closed {
            drop(queue);
            pipeline.give_up(taken);
            return None;
        }
        let _ = pipeline.queue_changed.wait_timeout(queue, NO_ROOM_INTERVAL);
    }
}

/// Feeds a record here if nobody waits, for then another thread would only add its wake-up time; else the feeder does it
/// while this thread writes the next record.
fn hand_over(pipeline: &Pipeline, signals: &Signals, written: Written) {
    let nobody_waits = pipeline.lock_queue().waiting.is_empty();
    let mut feed = lock(&signals.feed);
    if nobody_waits && !feed.is_busy && feed.waiting.is_empty() {
        feed.is_busy = true;
        drop(feed);
        pipeline.feed(written);
        lock(&signals.feed).is_busy = false;
        return;
    }
    while feed.waiting.len() >= FEED_BACKLOG_MAX && !feed.is_closed {
        feed = signals.feed_changed.wait(feed).unwrap_or_else(PoisonError::into_inner);
    }
    feed.waiting.push_back(written);
    drop(feed);
    signals.feed_changed.notify_all();
}

fn run_feeder(pipeline: &Pipeline, signals: &Signals) {
    let mut feed = lock(&signals.feed);
    loop {
        // The committer feeds only when nothing waits here, so the two never feed at the same time.
        if let Some(written) = feed.waiting.pop_front() {
            feed.is_busy = true;
            drop(feed);
            signals.feed_changed.notify_all();
            pipeline.feed(written);
            feed = lock(&signals.feed);
            feed.is_busy = false;
        } else if feed.is_closed {
            return;
        } else {
            feed = signals.feed_changed.wait(feed).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn run_housekeeper(pipeline: &Pipeline, signals: &Signals) {
    loop {
        pipeline.prepare_segment();
        if pipeline.is_checkpoint_due() || pipeline.space.is_exhausted() {
            // A failure has stopped the store, which is all there is to do.
            let _ = pipeline.checkpoint();
        }
        pipeline.space.sample();
        let mut chores = lock(&signals.chores);
        if !chores.is_wanted && !chores.is_closed {
            chores = signals
                .chores_changed
                .wait_timeout(chores, IDLE_INTERVAL)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        if chores.is_closed || pipeline.stopped().is_some() {
            return;
        }
        chores.is_wanted = false;
    }
}
