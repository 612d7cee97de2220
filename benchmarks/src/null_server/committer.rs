//! Group commit at its barest: take all that wait, one write, one sync, answer all.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
};

use tokio::sync::oneshot;

use crate::measure::{COMMIT_BYTES, preallocated};

/// Size of the file that is written round and round.
const FILE_BYTES: usize = 64 * 1024 * 1024;
/// Commits that one write may hold.
const GROUP_MAX: usize = 1_024;

/// The handle to the thread that commits.
#[derive(Debug, Clone)]
pub(super) struct Committer {
    waiting: mpsc::Sender<oneshot::Sender<()>>,
    syncs: Arc<AtomicU64>,
}

impl Committer {
    /// Starts the thread, with its file in `directory`.
    pub(super) fn start(directory: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let file = preallocated(&directory.join("null-journal"), FILE_BYTES)?;
        let (waiting, queue) = mpsc::channel();
        let syncs = Arc::new(AtomicU64::new(0));
        let counter = syncs.clone();
        thread::Builder::new().name("committer".to_owned()).spawn(move || {
            if let Err(error) = commit_all(&file, &queue, &counter) {
                eprintln!("null server: {error}");
                std::process::exit(1);
            }
        })?;
        Ok(Self { waiting, syncs })
    }

    /// Comes back once 1.7 KB are on disk. `false` when the committer is gone.
    pub(super) async fn commit(&self) -> bool {
        let (done, answer) = oneshot::channel();
        self.waiting.send(done).is_ok() && answer.await.is_ok()
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
        file.sync_data()?;
        syncs.fetch_add(1, Ordering::Relaxed);
        for done in group.drain(..) {
            // A caller that hung up does not want its answer.
            let _ = done.send(());
        }
    }
    Ok(())
}
