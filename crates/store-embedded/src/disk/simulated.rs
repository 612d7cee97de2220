//! A disk in memory that fails as real ones do: it loses any part of what was not synced, tears blocks at sectors, forgets
//! names, fails syncs and then pretends that nothing was the matter, runs full, and breaks off short.

use super::{Disk, DiskFile, Space};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use stepwell_store::testing::Random;

const BLOCK_LENGTH: usize = 4096;
const SECTOR_LENGTH: usize = 512;

/// How often calls fail, each in thousandths.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// A write takes only a part.
    pub short_write: u64,
    /// A call is interrupted and can be repeated.
    pub interrupted: u64,
    /// A write fails after any part of it.
    pub write_error: u64,
    /// A sync fails; what was pending is dropped, and later syncs succeed without it.
    pub sync_error: u64,
    /// The sync of a directory fails.
    pub directory_sync_error: u64,
    /// A read fails.
    pub read_error: u64,
    /// A reservation of space fails.
    pub no_space: u64,
}

/// How often each kind of fault has happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultCounts {
    /// Writes that took only a part.
    pub short_writes: u64,
    /// Calls that were interrupted.
    pub interruptions: u64,
    /// Writes that failed.
    pub write_errors: u64,
    /// Syncs that failed.
    pub sync_errors: u64,
    /// Syncs that succeeded while an earlier failure had lost blocks of the file.
    pub lying_syncs: u64,
    /// Syncs of directories that failed.
    pub directory_sync_errors: u64,
    /// Reads that failed.
    pub read_errors: u64,
    /// Reservations that failed.
    pub no_space_errors: u64,
    /// Losses of power.
    pub power_losses: u64,
    /// Blocks that a loss of power took.
    pub blocks_lost: u64,
    /// Blocks that a loss of power left half written.
    pub blocks_torn: u64,
    /// Changes of names that a loss of power took.
    pub names_lost: u64,
    /// Calls after which the disk went away.
    pub break_offs: u64,
}

impl FaultCounts {
    /// Adds the counts of another disk.
    pub fn add(&mut self, other: &FaultCounts) {
        let FaultCounts {
            short_writes,
            interruptions,
            write_errors,
            sync_errors,
            lying_syncs,
            directory_sync_errors,
            read_errors,
            no_space_errors,
            power_losses,
            blocks_lost,
            blocks_torn,
            names_lost,
            break_offs,
        } = other;
        self.short_writes += short_writes;
        self.interruptions += interruptions;
        self.write_errors += write_errors;
        self.sync_errors += sync_errors;
        self.lying_syncs += lying_syncs;
        self.directory_sync_errors += directory_sync_errors;
        self.read_errors += read_errors;
        self.no_space_errors += no_space_errors;
        self.power_losses += power_losses;
        self.blocks_lost += blocks_lost;
        self.blocks_torn += blocks_torn;
        self.names_lost += names_lost;
        self.break_offs += break_offs;
    }

    /// The kinds of fault that have never happened.
    pub fn missing(&self) -> Vec<&'static str> {
        [
            ("short_writes", self.short_writes),
            ("interruptions", self.interruptions),
            ("write_errors", self.write_errors),
            ("sync_errors", self.sync_errors),
            ("lying_syncs", self.lying_syncs),
            ("directory_sync_errors", self.directory_sync_errors),
            ("read_errors", self.read_errors),
            ("no_space_errors", self.no_space_errors),
            ("power_losses", self.power_losses),
            ("blocks_lost", self.blocks_lost),
            ("blocks_torn", self.blocks_torn),
            ("names_lost", self.names_lost),
            ("break_offs", self.break_offs),
        ]
        .into_iter()
        .filter_map(|(name, count)| (count == 0).then_some(name))
        .collect()
    }
}

/// A disk in memory; clones are the same disk.
#[derive(Clone)]
pub struct SimulatedDisk {
    state: Arc<Mutex<State>>,
}

struct State {
    random: Random,
    faults: Faults,
    counts: FaultCounts,
    files: HashMap<u64, Contents>,
    next_file: u64,
    /// Names as the running system sees them.
    names: BTreeMap<PathBuf, u64>,
    /// Names that a loss of power leaves.
    durable_names: BTreeMap<PathBuf, u64>,
    pending_names: Vec<NameChange>,
    locks: HashSet<PathBuf>,
    total_bytes: u64,
    /// Handles of an earlier process do nothing.
    generation: u64,
    /// Calls that still work before the disk goes away.
    calls_left: Option<u64>,
}

#[derive(Default)]
struct Contents {
    /// What a loss of power leaves, unless blocks are pending.
    durable: Vec<u8>,
    /// What the page cache holds.
    cached: Vec<u8>,
    /// Blocks that the next sync writes.
    dirty: BTreeSet<usize>,
    /// Blocks that a failed sync dropped: the cache has them, the disk never gets them unless they are written again.
    lying: BTreeSet<usize>,
}

#[derive(Clone)]
struct NameChange {
    remove: Option<PathBuf>,
    add: Option<(PathBuf, u64)>,
}

impl SimulatedDisk {
    /// An empty disk of `total_bytes` without faults; `seed` decides all that is random.
    pub fn new(seed: u64, total_bytes: u64) -> SimulatedDisk {
        SimulatedDisk {
            state: Arc::new(Mutex::new(State {
                random: Random::new(seed),
                faults: Faults::default(),
                counts: FaultCounts::default(),
                files: HashMap::new(),
                next_file: 0,
                names: BTreeMap::new(),
                durable_names: BTreeMap::new(),
                pending_names: Vec::new(),
                locks: HashSet::new(),
                total_bytes,
                generation: 0,
                calls_left: None,
            })),
        }
    }

    fn lock_state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets how often calls fail from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.lock_state().faults = faults;
    }

    /// How often each fault has happened.
    pub fn counts(&self) -> FaultCounts {
        self.lock_state().counts
    }

    /// Sets the size of the disk.
    pub fn set_total_bytes(&self, total_bytes: u64) {
        self.lock_state().total_bytes = total_bytes;
    }

    /// Lets the disk go away after `calls` more calls: each later one fails until [`SimulatedDisk::kill`] or
    /// [`SimulatedDisk::lose_power`].
    pub fn break_off_after(&self, calls: u64) {
        self.lock_state().calls_left = Some(calls);
    }

    /// The process ends: the page cache stays, but blocks that a failed sync dropped may leave it.
    pub fn kill(&self) {
        let state = &mut *self.lock_state();
        state.end_process();
        let evicts = state.random.chance(50);
        for contents in state.files.values_mut() {
            let lying: Vec<usize> = contents.lying.iter().copied().collect();
            for block in lying {
                if evicts && state.random.chance(50) {
                    contents.drop_cached(block);
                    contents.lying.remove(&block);
                }
            }
        }
    }

    /// The power goes: any part of what was not synced is lost.
    pub fn lose_power(&self) {
        let state = &mut *self.lock_state();
        state.end_process();
        state.counts.power_losses += 1;
        let keeps_percent = [0, 20, 50, 80, 100][state.random.below(5) as usize];
        for change in std::mem::take(&mut state.pending_names) {
            if state.random.chance(keeps_percent) {
                change.apply(&mut state.durable_names);
            } else {
                state.counts.names_lost += 1;
            }
        }
        state.names = state.durable_names.clone();
        let alive: HashSet<u64> = state.names.values().copied().collect();
        state.files.retain(|file, _| alive.contains(file));
        // In the order of their numbers, or the outcome would depend on the hasher.
        let mut files: Vec<u64> = alive.into_iter().collect();
        files.sort_unstable();
        for file in files {
            let Some(contents) = state.files.get_mut(&file) else { continue };
            contents.lose_power(&mut state.random, &mut state.counts, keeps_percent);
        }
    }

    /// Flips one bit of a file, on the disk and in the cache.
    pub fn flip(&self, path: &Path, offset: u64, bit: u8) {
        let state = &mut *self.lock_state();
        let Some(contents) = state.names.get(path).and_then(|file| state.files.get_mut(file)) else { return };
        for image in [&mut contents.durable, &mut contents.cached] {
            if let Some(byte) = image.get_mut(offset as usize) {
                *byte ^= 1 << (bit % 8);
            }
        }
    }

    /// All files with their contents, for tests that look at the bytes.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let state = self.lock_state();
        let contents =
            |file| state.files.get(file).map(|contents| contents.cached.clone()).unwrap_or_default();
        state.names.iter().map(|(path, file)| (path.clone(), contents(file))).collect()
    }

    /// Makes a file with this content, durably: for tests that put damage in place.
    pub fn put_file(&self, path: &Path, content: &[u8]) {
        let state = &mut *self.lock_state();
        let file = state.new_file();
        let contents =
            Contents { durable: content.to_vec(), cached: content.to_vec(), ..Contents::default() };
        state.files.insert(file, contents);
        state.names.insert(path.to_path_buf(), file);
        state.durable_names.insert(path.to_path_buf(), file);
    }

    /// Removes a file, durably.
    pub fn remove_file(&self, path: &Path) {
        let state = &mut *self.lock_state();
        state.names.remove(path);
        state.durable_names.remove(path);
    }
}

impl State {
    fn end_process(&mut self) {
        self.generation += 1;
        self.locks.clear();
        self.calls_left = None;
    }

    fn new_file(&mut self) -> u64 {
        self.next_file += 1;
        self.next_file
    }

    /// Counts a call; fails it if the disk is gone, or by chance.
    fn enter(&mut self, generation: u64) -> io::Result<()> {
        if generation != self.generation {
            return Err(io::Error::other("the process that opened this is gone"));
        }
        if let Some(left) = &mut self.calls_left {
            if *left == 0 {
                self.counts.break_offs += 1;
                return Err(io::Error::other("the disk is gone"));
            }
            *left -= 1;
        }
        Ok(())
    }

    fn fails(&mut self, thousandths: u64) -> bool {
        thousandths > 0 && self.random.below(1000) < thousandths
    }

    fn interrupt(&mut self) -> io::Result<()> {
        if self.fails(self.faults.interrupted) {
            self.counts.interruptions += 1;
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok(())
    }

    fn used_bytes(&self) -> u64 {
        self.names
            .values()
            .filter_map(|file| self.files.get(file))
            .map(|contents| contents.cached.len() as u64)
            .sum()
    }

    fn rename_or_remove(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.pending_names.push(change);
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, u64>) {
        if let Some(path) = &self.remove {
            names.remove(path);
        }
        if let Some((path, file)) = &self.add {
            names.insert(path.clone(), *file);
        }
    }

    fn is_in(&self, directory: &Path) -> bool {
        let paths = [self.remove.as_ref(), self.add.as_ref().map(|(path, _)| path)];
        paths.into_iter().flatten().any(|path| path.parent() == Some(directory))
    }
}

impl Contents {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if self.cached.len() < end {
            self.cached.resize(end, 0);
        }
        self.cached[offset..end].copy_from_slice(bytes);
        if !bytes.is_empty() {
            for block in offset / BLOCK_LENGTH..=(end - 1) / BLOCK_LENGTH {
                self.dirty.insert(block);
                self.lying.remove(&block);
            }
        }
    }

    fn block_range(&self, block: usize) -> std::ops::Range<usize> {
        let start = (block * BLOCK_LENGTH).min(self.cached.len());
        start..(start + BLOCK_LENGTH).min(self.cached.len())
    }

    /// Brings a block to the disk.
    fn persist(&mut self, block: usize) {
        let range = self.block_range(block);
        if self.durable.len() < range.end {
            self.durable.resize(range.end, 0);
        }
        self.durable[range.clone()].copy_from_slice(&self.cached[range]);
    }

    /// Forgets what the cache holds of a block.
    fn drop_cached(&mut self, block: usize) {
        for at in self.block_range(block) {
            self.cached[at] = self.durable.get(at).copied().unwrap_or(0);
        }
    }

    fn sync(&mut self) {
        for block in std::mem::take(&mut self.dirty) {
            self.persist(block);
        }
        self.durable.resize(self.cached.len(), 0);
    }

    fn lose_power(&mut self, random: &mut Random, counts: &mut FaultCounts, keeps_percent: u64) {
        for block in std::mem::take(&mut self.dirty) {
            if random.chance(keeps_percent) {
                self.persist(block);
            } else if random.chance(50) {
                counts.blocks_torn += 1;
                let range = self.block_range(block);
                for start in range.clone().step_by(SECTOR_LENGTH) {
                    let sector = start..(start + SECTOR_LENGTH).min(range.end);
                    if random.chance(50) {
                        if self.durable.len() < sector.end {
                            self.durable.resize(sector.end, 0);
                        }
                        self.durable[sector.clone()].copy_from_slice(&self.cached[sector]);
                    }
                }
            } else {
                counts.blocks_lost += 1;
            }
        }
        counts.blocks_lost += self.lying.len() as u64;
        self.lying.clear();
        self.cached = self.durable.clone();
    }
}

impl Disk for SimulatedDisk {
    fn create_dir(&self, _path: &Path) -> io::Result<()> {
        let mut state = self.lock_state();
        let generation = state.generation;
        state.enter(generation)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let mut state = self.lock_state();
        let generation = state.generation;
        state.enter(generation)?;
        let mut names = BTreeSet::new();
        for path in state.names.keys() {
            // The first part below the directory: files, and directories that hold files.
            if let Ok(below) = path.strip_prefix(directory)
                && let Some(first) = below.components().next()
            {
                names.insert(first.as_os_str().to_string_lossy().into_owned());
            }
        }
        Ok(names.into_iter().collect())
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.lock_state();
        let generation = state.generation;
        state.enter(generation)?;
        let file = *state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(SimulatedFile { disk: self.clone(), file, generation }))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.lock_state();
        let generation = state.generation;
        state.enter(generation)?;
        if state.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = state.new_file();
        state.files.insert(file, Contents::default());
        state.rename_or_remove(NameChange { remove: None, add: Some((path.to_path_buf(), file)) });
        Ok(Box::new(SimulatedFile { disk: self.clone(), file, generation }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.lock_state();
        let generation = state.generation;
        state.enter(generation)?;
        let file = *state.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        state.rename_or_remove(NameChange {
            remove: Some(from.to_path_buf()),
            add: Some((to.to_path_buf(), file)),
        });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock_state();
        let generation = state.generation;
        state.enter(generation)?;
        if !state.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.rename_or_remove(NameChange { remove: Some(path.to_path_buf()), add: None });
        Ok(())
    }

    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        let state = &mut *self.lock_state();
        state.enter(state.generation)?;
        if state.fails(state.faults.directory_sync_error) {
            state.counts.directory_sync_errors += 1;
            return Err(io::Error::other("simulated failure of a directory sync"));
        }
        let (synced, pending) =
            std::mem::take(&mut state.pending_names).into_iter().partition(|change| change.is_in(directory));
        state.pending_names = pending;
        let synced: Vec<NameChange> = synced;
        for change in synced {
            change.apply(&mut state.durable_names);
        }
        Ok(())
    }

    fn space(&self, _path: &Path) -> io::Result<Space> {
        let state = self.lock_state();
        let free_bytes = state.total_bytes.saturating_sub(state.used_bytes());
        Ok(Space { free_bytes, total_bytes: state.total_bytes })
    }

    fn lock(&self, path: &Path, content: &str) -> io::Result<Box<dyn Send + Sync>> {
        let state = &mut *self.lock_state();
        state.enter(state.generation)?;
        if !state.locks.insert(path.to_path_buf()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if !state.names.contains_key(path) {
            let file = state.new_file();
            state.files.insert(file, Contents::default());
            state.rename_or_remove(NameChange { remove: None, add: Some((path.to_path_buf(), file)) });
        }
        if let Some(contents) = state.names.get(path).and_then(|file| state.files.get_mut(file)) {
            contents.write(0, content.as_bytes());
        }
        Ok(Box::new(LockGuard { disk: self.clone(), path: path.to_path_buf(), generation: state.generation }))
    }
}

struct LockGuard {
    disk: SimulatedDisk,
    path: PathBuf,
    generation: u64,
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        let mut state = self.disk.lock_state();
        if state.generation == self.generation {
            state.locks.remove(&self.path);
        }
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    file: u64,
    generation: u64,
}

impl DiskFile for SimulatedFile {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        let state = &mut *self.disk.lock_state();
        state.enter(self.generation)?;
        state.interrupt()?;
        let offset = offset as usize;
        let fails = state.fails(state.faults.write_error);
        let is_short = fails || (bytes.len() > 1 && state.fails(state.faults.short_write));
        let length = if is_short {
            1 + state.random.below(bytes.len().max(2) as u64 - 1) as usize
        } else {
            bytes.len()
        };
        let length = length.min(bytes.len());
        let used = state.used_bytes();
        let contents = state.files.get_mut(&self.file).ok_or(io::ErrorKind::NotFound)?;
        let growth = (offset + length).saturating_sub(contents.cached.len()) as u64;
        if used + growth > state.total_bytes {
            state.counts.no_space_errors += 1;
            return Err(io::ErrorKind::StorageFull.into());
        }
        contents.write(offset, &bytes[..length]);
        if fails {
            state.counts.write_errors += 1;
            return Err(io::Error::other("simulated failure of a write"));
        }
        if is_short {
            state.counts.short_writes += 1;
        }
        Ok(length)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let state = &mut *self.disk.lock_state();
        state.enter(self.generation)?;
        state.interrupt()?;
        if state.fails(state.faults.read_error) {
            state.counts.read_errors += 1;
            return Err(io::Error::other("simulated failure of a read"));
        }
        let contents = state.files.get(&self.file).ok_or(io::ErrorKind::NotFound)?;
        let rest = contents.cached.get(offset as usize..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        let state = &mut *self.disk.lock_state();
        state.enter(self.generation)?;
        let fails = state.fails(state.faults.sync_error);
        let contents = state.files.get_mut(&self.file).ok_or(io::ErrorKind::NotFound)?;
        if !fails {
            if !contents.lying.is_empty() {
                state.counts.lying_syncs += 1;
            }
            contents.sync();
            return Ok(());
        }
        state.counts.sync_errors += 1;
        for block in std::mem::take(&mut contents.dirty) {
            if state.random.chance(30) {
                contents.persist(block);
            } else {
                contents.lying.insert(block);
            }
        }
        Err(io::Error::other("simulated failure of a sync"))
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        let state = &mut *self.disk.lock_state();
        state.enter(self.generation)?;
        let have = state.files.get(&self.file).map_or(0, |contents| contents.cached.len() as u64);
        let is_full = state.used_bytes() + length.saturating_sub(have) > state.total_bytes;
        if is_full || state.fails(state.faults.no_space) {
            state.counts.no_space_errors += 1;
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        let state = &mut *self.disk.lock_state();
        state.enter(self.generation)?;
        let contents = state.files.get(&self.file).ok_or(io::ErrorKind::NotFound)?;
        Ok(contents.cached.len() as u64)
    }
}
