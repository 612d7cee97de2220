//! Segments that are made ahead, so that a commit waits neither for zeros nor for the directory.

use super::segment::{self, Opening, RECORDS_AT, SegmentHeader};
use crate::disk::{Disk, DiskFile, write_all_at};
use crate::error::FatalError;
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Zeros are written in pieces of this length with a sync after each, so that a commit's own sync never waits for long.
const ZEROS_LENGTH: usize = 1 << 20;

/// An empty segment, durable with its name.
pub(crate) struct Segment {
    pub(crate) id: u64,
    pub(crate) length: u64,
    pub(crate) path: PathBuf,
    pub(crate) file: Box<dyn DiskFile>,
}

/// Makes and keeps the next segment.
pub(crate) struct Preparer {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    ready: Option<Segment>,
    is_preparing: bool,
    /// Old segments that may be used again.
    spares: VecDeque<(PathBuf, u64)>,
}

impl Preparer {
    pub(crate) fn new(disk: Arc<dyn Disk>, directory: PathBuf) -> Preparer {
        Preparer { disk, directory, state: Mutex::default(), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the next segment is still to be made.
    pub(crate) fn is_wanted(&self) -> bool {
        let state = self.lock();
        state.ready.is_none() && !state.is_preparing
    }

    /// Makes segment `id` ready unless it is.
    pub(crate) fn prepare(&self, id: u64, length: u64) -> Result<(), FatalError> {
        let spare = {
            let mut state = self.lock();
            if state.is_preparing || state.ready.as_ref().is_some_and(|ready| ready.id >= id) {
                return Ok(());
            }
            state.is_preparing = true;
            let place = state.spares.iter().position(|(_, spare_length)| *spare_length >= length);
            place.and_then(|place| state.spares.remove(place))
        };
        let made = match spare {
            Some((path, spare_length)) => reuse(self.disk.as_ref(), &self.directory, &path, id, spare_length),
            None => make(self.disk.as_ref(), &self.directory, id, length, None, &[]),
        };
        let mut state = self.lock();
        state.is_preparing = false;
        self.changed.notify_all();
        state.ready = Some(made?);
        Ok(())
    }

    /// Takes segment `id`, waiting while it is being made and making it if nobody does.
    pub(crate) fn take(&self, id: u64, minimum: u64, length: u64) -> Result<Segment, FatalError> {
        let mut state = self.lock();
        while state.is_preparing {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        match state.ready.take() {
            Some(ready) if ready.id == id && ready.length >= minimum => Ok(ready),
            // One that is too small is replaced: it is blank, and its name is needed.
            _ => {
                drop(state);
                make(self.disk.as_ref(), &self.directory, id, length, None, &[])
            }
        }
    }

    /// Gives back files whose records are no longer needed, oldest first. A few are kept to be used again.
    pub(crate) fn retire(&self, paths: Vec<(PathBuf, u64)>, useful_length: u64) -> Result<(), FatalError> {
        let mut is_changed = false;
        for (path, length) in paths {
            let mut state = self.lock();
            if length == useful_length && state.spares.is_empty() && !state.is_preparing {
                // Out of the way of the log, under a name that the next start removes.
                let spare = self.directory.join("spare.tmp");
                drop(state);
                self.disk.rename(&path, &spare).map_err(FatalError::io("rename", &path))?;
                state = self.lock();
                state.spares.push_back((spare, length));
            } else {
                drop(state);
                self.disk.remove(&path).map_err(FatalError::io("remove", &path))?;
            }
            is_changed = true;
        }
        if is_changed {
            self.disk
                .sync_dir(&self.directory)
                .map_err(FatalError::io("sync the directory", &self.directory))?;
        }
        Ok(())
    }
}

/// Makes a segment with its first records, syncs it, and only then gives it its name: a segment under its name is durable
/// and whole.
pub(crate) fn make(
    disk: &dyn Disk,
    directory: &Path,
    id: u64,
    length: u64,
    opening: Option<Opening>,
    records: &[u8],
) -> Result<Segment, FatalError> {
    let path = segment::path(directory, id);
    let temporary = directory.join(format!("{id:016x}.tmp"));
    match disk.remove(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(FatalError::io("remove", &temporary)(error));
        }
        _ => {}
    }
    let filled = fill(disk, &temporary, id, length, opening, records);
    let file = match filled {
        Ok(file) => file,
        Err(error) => {
            // The space is worth more than the remains. A name that stays is removed by the next start.
            let _ = disk.remove(&temporary);
            return Err(error);
        }
    };
    put_in_place(disk, directory, &temporary, &path)?;
    Ok(Segment { id, length, path, file })
}

/// Writes a whole segment and syncs it.
fn fill(
    disk: &dyn Disk,
    temporary: &Path,
    id: u64,
    length: u64,
    opening: Option<Opening>,
    records: &[u8],
) -> Result<Box<dyn DiskFile>, FatalError> {
    let file = disk.create(temporary).map_err(FatalError::io("create", temporary))?;
    file.allocate(length).map_err(FatalError::io("reserve space for", temporary))?;
    let mut start = SegmentHeader { id, length, opening }.encode().to_vec();
    start.extend_from_slice(records);
    write_all_at(file.as_ref(), 0, &start).map_err(FatalError::io("write", temporary))?;
    let zeros = vec![0; ZEROS_LENGTH];
    let mut position = start.len() as u64;
    while position < length {
        let count = (length - position).min(ZEROS_LENGTH as u64) as usize;
        write_all_at(file.as_ref(), position, &zeros[..count]).map_err(FatalError::io("write", temporary))?;
        position += count as u64;
        if position < length {
            file.sync_data().map_err(FatalError::io("sync", temporary))?;
        }
    }
    file.sync_data().map_err(FatalError::io("sync", temporary))?;
    Ok(file)
}

/// Makes a segment of an old one. Its old records name another segment, so nobody takes them for records of this one.
fn reuse(disk: &dyn Disk, directory: &Path, old: &Path, id: u64, length: u64) -> Result<Segment, FatalError> {
    let path = segment::path(directory, id);
    let file = disk.open(old).map_err(FatalError::io("open", old))?;
    let mut start = SegmentHeader { id, length, opening: None }.encode().to_vec();
    start.resize(RECORDS_AT as usize + super::record::ALIGNMENT as usize, 0);
    write_all_at(file.as_ref(), 0, &start).map_err(FatalError::io("write", old))?;
    file.sync_data().map_err(FatalError::io("sync", old))?;
    put_in_place(disk, directory, old, &path)?;
    Ok(Segment { id, length, path, file })
}

fn put_in_place(disk: &dyn Disk, directory: &Path, from: &Path, to: &Path) -> Result<(), FatalError> {
    disk.rename(from, to).map_err(FatalError::io("rename", from))?;
    disk.sync_dir(directory).map_err(FatalError::io("sync the directory", directory))
}
