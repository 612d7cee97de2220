//! A copy of a store while it is served: the tables as they were at one moment, and an empty journal that goes on from there.

use crate::disk::Disk;
use crate::error::OpenError;
use crate::journal::prepare;
use crate::journal::segment::{Checkpoint, Opening};
use crate::open::{JOURNAL_DIRECTORY, TABLES_DIRECTORY, write_format};
use crate::tables::{Changes, Direction, Table, Tables, TablesError, View};
use std::ops::ControlFlow;
use std::path::Path;
use stepwell_store::StoreError;

/// Bytes that are copied at once.
const COPY_BYTES: usize = 1 << 20;
/// Length of the only segment of a backup.
const SEGMENT_LENGTH: u64 = 64 << 10;

/// Copies the tables as `view` shows them into a new store in `directory`. The file that names the format comes last:
/// without it the directory is not taken for a store.
pub(crate) fn backup(
    disk: &dyn Disk,
    view: &dyn View,
    applied: u64,
    directory: &Path,
    open_tables: impl FnOnce(&Path) -> Result<Box<dyn Tables>, TablesError>,
) -> Result<(), StoreError> {
    let io = |action: &'static str, path: &Path| {
        let path = path.to_path_buf();
        move |error| StoreError::not_copied(OpenError::io(action, &path)(error))
    };
    disk.create_dir(directory).map_err(io("create the directory", directory))?;
    let names = disk.list(directory).map_err(io("list", directory))?;
    if let Some(name) = names.first() {
        let directory = directory.display();
        return Err(StoreError::not_copied(format_args!(
            "{directory} is not empty (it holds {name}); give a new directory for the backup"
        )));
    }
    let tables = open_tables(&directory.join(TABLES_DIRECTORY))?;
    let open = copy(view, tables.as_ref(), applied)?;
    tables.sync()?;
    drop(tables);
    let journal = directory.join(JOURNAL_DIRECTORY);
    disk.create_dir(&journal).map_err(io("create the directory", &journal))?;
    let opening = Opening {
        epoch: 1,
        relaxed: false,
        cut_after: applied,
        tail_end: applied,
        checkpoint: Checkpoint { applied, open, oldest_segment: 1 },
    };
    prepare::make(disk, &journal, 1, SEGMENT_LENGTH, Some(opening), &[]).map_err(StoreError::not_copied)?;
    disk.sync_dir(directory).map_err(io("sync the directory", directory))?;
    write_format(disk, directory).map_err(StoreError::not_copied)
}

/// Copies all entries; returns how many the running index has.
fn copy(view: &dyn View, to: &dyn Tables, applied: u64) -> Result<u64, StoreError> {
    let mut open = 0;
    let mut changes = Changes::default();
    for table in Table::ALL {
        if table == Table::Meta {
            // Written with each change.
            continue;
        }
        let mut failure = None;
        let mut size = 0;
        view.scan(table, &[], None, Direction::Forward, &mut |key, value| {
            changes.put(table, key, value);
            open += u64::from(table == Table::Running);
            size += key.len() + value.len();
            if size >= COPY_BYTES {
                size = 0;
                failure = to.apply(&mut changes, applied).err();
                changes.clear();
            }
            if failure.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if let Some(error) = failure {
            return Err(error.into());
        }
    }
    to.apply(&mut changes, applied)?;
    Ok(open)
}
