//! Disk space: starts and creates are refused in time, and nothing is written when there is next to none.

use crate::disk::Disk;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use stepwell_store::DiskFull;

/// While free space is below this many reserves it is looked at before every record.
const WATCHED_RESERVES: u64 = 4;
/// Otherwise after this many bytes of records.
const BYTES_BETWEEN_SAMPLES: u64 = 1 << 20;

pub(crate) struct SpaceWatch {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    reserve_bytes: u64,
    free_bytes: AtomicU64,
    bytes_since_sample: AtomicU64,
}

impl SpaceWatch {
    pub(crate) fn new(disk: Arc<dyn Disk>, directory: PathBuf, reserve_bytes: u64) -> SpaceWatch {
        let total_bytes = disk.space(&directory).map_or(u64::MAX, |space| space.total_bytes);
        let watch = SpaceWatch {
            disk,
            directory,
            reserve_bytes: reserve_bytes.min(total_bytes / 4),
            free_bytes: AtomicU64::new(u64::MAX),
            bytes_since_sample: AtomicU64::new(0),
        };
        watch.sample();
        watch
    }

    /// Asks the file system.
    pub(crate) fn sample(&self) {
        // A file system that does not answer is taken to be as it was; the writes themselves will tell.
        if let Ok(space) = self.disk.space(&self.directory) {
            self.free_bytes.store(space.free_bytes, Ordering::Relaxed);
        }
        self.bytes_since_sample.store(0, Ordering::Relaxed);
    }

    /// Notes that a record of `length` bytes is about to be written, and asks the file system when it is time.
    pub(crate) fn before_write(&self, length: u64) {
        let written = self.bytes_since_sample.fetch_add(length, Ordering::Relaxed) + length;
        if written >= BYTES_BETWEEN_SAMPLES
            || self.free_bytes() < self.reserve_bytes.saturating_mul(WATCHED_RESERVES)
        {
            self.sample();
        }
    }

    pub(crate) fn free_bytes(&self) -> u64 {
        self.free_bytes.load(Ordering::Relaxed)
    }

    /// Whether so little is left that nothing may be written: the tables do not survive a failed write.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.free_bytes() < self.reserve_bytes / 8
    }

    pub(crate) fn admission(&self) -> Result<(), DiskFull> {
        let free_bytes = self.free_bytes();
        if free_bytes < self.reserve_bytes {
            return Err(DiskFull { free_bytes, reserve_bytes: self.reserve_bytes });
        }
        Ok(())
    }
}
