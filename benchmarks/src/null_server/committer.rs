//! Group commit at its barest: take all that wait, one write, one sync, answer all.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Instant,
};

use tokio::sync::oneshot;

use crate::measure::{COMMIT_BYTES, preallocated};

/// Size of the file that is written round and round.
const FILE_BYTES: usize = 64 * 1024 * 1024;
/// Durations kept until somebody asks for them.
const DURATIONS_MAX: usize = 1_000_000;
/// Commits that one write may hold.
const GROUP_MAX: usize = 1_024;

/// The handle to the thread that commits.
#[derive(Debug, Clone)]
pub(super) struct Committer {
    waiting: mpsc::Sender<oneshot::Sender<()>>,
    syncs: Arc<AtomicU64>,
    /// How long each sync took, in microseconds, since somebody asked.
    durations: Arc<Mutex<Vec<u64>>>,
}

impl Committer {
    /// Starts the thread, with its file in `directory`.
    pub(super) fn start(directory: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let file = preallocated(&directory.join("null-journal"), FILE_BYTES)?;
        let (waiting, queue) = mpsc::channel();
        let syncs = Arc::new(AtomicU64::new(0));
        let durations = Arc::new(Mutex::new(Vec::new()));
        let (counter, times) = (syncs.clone(), durations.clone());
        thread::Builder::new().name("committer".to_owned()).spawn(move || {
            if let Err(error) = commit_all(&file, &queue, &counter, &times) {
                eprintln!("null server: {error}");
                std::process::exit(1);
            }
        })?;
        Ok(Self { waiting, syncs, durations })
    }

    /// Comes back once 1.7 KB are on disk. `false` when the committer is gone.
    pub(super) async fn commit(&self) -> bool {
        let (done, answer) = oneshot::channel();
        self.waiting.send(done).is_ok() && answer.await.is_ok()
    }

    /// How long the syncs since the last call of this took, in microseconds.
    pub(super) fn take_durations(&self) -> Vec<u64> {
        self.durations.lock().map(|mut durations| std::mem::take(&mut *durations)).unwrap_or_default()
    }

    /// Syncs so far.
    pub(super) fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }
}

fn commit_all(
    file: &File,
    queue: &mpsc::Receiver<oneshot::Sender<()>>,
    syncs: &AtomicU64,
    durations: &Mutex<Vec<u64>>,
) -> std::io::Result<()> {
    let bytes = vec![0xa5; COMMIT_BYTES * GROUP_MAX];
    let mut position = 0;
    let mut group = Vec::new();
    while let Ok(first) = queue.recv() {
        group.push(first);
        group.extend(queue.try_iter().take(GROUP_MAX - 1));
        let length = group.len() * COMMIT_BYTES;
        if position + length > FILE_BYTES {
            position = 0;
        }
        file.write_all_at(&bytes[..length], position as u64)?;
        position += length;
        let begun = Instant::now();
        file.sync_data()?;
        let took = begun.elapsed();
        syncs.fetch_add(1, Ordering::Relaxed);
        if let Ok(mut durations) = durations.lock()
            && durations.len() < DURATIONS_MAX
        {
            durations.push(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        }
        for done in group.drain(..) {
            // A caller that hung up does not want its answer.
            let _ = done.send(());
        }
    }
    Ok(())
}
