//! Bugs that the simulator must find, planted between the store and the disk.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use stepwell_store_embedded::testing::SimulatedDisk;
use stepwell_store_embedded::{Disk, DiskFile, Space};

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plant {
    /// None.
    Nothing,
    /// A failed sync is tried again, and the second answer is believed.
    RetrySync,
    /// What an opening writes again is not synced before the store acts on it.
    TrustTail,
    /// Records are acknowledged without a sync.
    SkipSync,
}

/// A disk with a bug in front of it.
pub(crate) struct PlantedDisk {
    disk: SimulatedDisk,
    plant: Plant,
    /// Files made since the opening: the first with records is the opening's own segment.
    created: Arc<AtomicU64>,
}

impl PlantedDisk {
    pub(crate) fn over(disk: SimulatedDisk, plant: Plant) -> Arc<dyn Disk> {
        match plant {
            Plant::Nothing => Arc::new(disk),
            _ => Arc::new(PlantedDisk { disk, plant, created: Arc::default() }),
        }
    }

    fn wrap(&self, file: Box<dyn DiskFile>, is_openings: bool) -> Box<dyn DiskFile> {
        Box::new(PlantedFile { file, plant: self.plant, is_openings, syncs: AtomicU64::new(0) })
    }
}

impl Disk for PlantedDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        self.disk.list(directory)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.wrap(self.disk.open(path)?, false))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let is_segment = path.parent().is_some_and(|parent| parent.ends_with("journal"));
        let is_openings = is_segment && self.created.fetch_add(1, Ordering::Relaxed) == 0;
        Ok(self.wrap(self.disk.create(path)?, is_openings))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        self.disk.sync_dir(directory)
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        self.disk.space(path)
    }

    fn lock(&self, path: &Path, content: &str) -> io::Result<Box<dyn Send + Sync>> {
        self.disk.lock(path, content)
    }
}

struct PlantedFile {
    file: Box<dyn DiskFile>,
    plant: Plant,
    is_openings: bool,
    syncs: AtomicU64,
}

impl DiskFile for PlantedFile {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_at(offset, bytes)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(offset, buffer)
    }

    fn sync_data(&self) -> io::Result<()> {
        let syncs = self.syncs.fetch_add(1, Ordering::Relaxed);
        match self.plant {
            Plant::RetrySync => self.file.sync_data().or_else(|_| self.file.sync_data()),
            // The segments of these tests are so small that the opening's own is synced once before it is used.
            Plant::TrustTail if self.is_openings && syncs == 0 => Ok(()),
            Plant::SkipSync if syncs > 0 => Ok(()),
            _ => self.file.sync_data(),
        }
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        self.file.allocate(length)
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }
}
