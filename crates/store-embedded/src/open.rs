//! Opening a data directory: lock, format, journal, tables, replay.

use crate::disk::{Disk, read_file, write_file};
use crate::error::OpenError;
use crate::feed::{Feeder, Progress};
use crate::journal::record::Kind;
use crate::journal::scan::{self, Scan};
use crate::journal::{Journal, OpenJournal, SegmentLengths};
use crate::options::{Durability, Options};
use crate::pipeline::Pipeline;
use crate::space::SpaceWatch;
use crate::tables::{Direction, Table, Tables, TablesError};
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use stepwell_store::Batch;

/// The format that this version writes and the newest that it reads.
pub const FORMAT: u64 = 1;
/// The directory of the journal within the data directory.
pub(crate) const JOURNAL_DIRECTORY: &str = "journal";
/// The directory of the tables within the data directory.
pub(crate) const TABLES_DIRECTORY: &str = "tables";
/// The file that is locked while the store is open.
pub(crate) const LOCK_FILE: &str = "lock";
/// The file that names the format.
pub(crate) const FORMAT_FILE: &str = "stepwell.format";
const FORMAT_PREFIX: &str = "stepwell data, format ";

/// A store that has been opened and does nothing yet.
pub(crate) struct Opened {
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) lock: Box<dyn Send + Sync>,
}

/// Opens the store in `directory`, making it if there is none. `open_tables` opens the tables in the directory it is given.
pub(crate) fn open(
    disk: Arc<dyn Disk>,
    directory: &Path,
    options: Options,
    open_tables: impl FnOnce(&Path) -> Result<Box<dyn Tables>, TablesError>,
) -> Result<Opened, OpenError> {
    disk.create_dir(directory).map_err(OpenError::io("create the directory", directory))?;
    let lock = lock_directory(disk.as_ref(), directory)?;
    check_format(disk.as_ref(), directory)?;
    let journal_directory = directory.join(JOURNAL_DIRECTORY);
    disk.create_dir(&journal_directory).map_err(OpenError::io("create the directory", &journal_directory))?;
    disk.sync_dir(directory).map_err(OpenError::io("sync the directory", directory))?;
    // Names that only the page cache knows must not be trusted: a process that was killed may have left them.
    disk.sync_dir(&journal_directory).map_err(OpenError::io("sync the directory", &journal_directory))?;
    let mut scan = scan::scan(disk.as_ref(), &journal_directory)?;
    let tables_directory = directory.join(TABLES_DIRECTORY);
    let tables_error = |error: TablesError| OpenError::tables(&tables_directory, error);
    let tables = open_tables(&tables_directory).map_err(tables_error)?;
    let applied = tables.applied().map_err(tables_error)?;
    check_tables(&scan, applied, directory)?;
    if applied > scan.last {
        // Only a relaxed store: the journal lost records that the tables have. The tables hold all up to `applied`, for
        // their own log is synced before any part of them is. Older records must never be put over newer ones, so the log
        // starts anew from there.
        let open = count_running(tables.as_ref()).map_err(tables_error)?;
        tables.sync().map_err(tables_error)?;
        scan.restart_after(applied, open);
    }

    let open = OpenJournal {
        disk: Arc::clone(&disk),
        directory: journal_directory.clone(),
        lengths: SegmentLengths {
            first: options.first_segment_bytes,
            largest: options.largest_segment_bytes,
        },
        relaxed: options.durability != Durability::Commit,
    };
    let journal = Journal::open(open, &scan)?;
    let feeder = replay(&scan, tables.as_ref(), &tables_directory)?;
    for path in &scan.leftovers {
        match disk.remove(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(OpenError::io("remove", path)(error));
            }
            _ => {}
        }
    }
    let space = SpaceWatch::new(disk, directory.to_path_buf(), options.disk_reserve_bytes);
    let pipeline = Arc::new(Pipeline::new(options, tables, feeder, journal, space));
    Ok(Opened { pipeline, lock })
}

fn lock_directory(disk: &dyn Disk, directory: &Path) -> Result<Box<dyn Send + Sync>, OpenError> {
    let path = directory.join(LOCK_FILE);
    match disk.lock(&path, &format!("{}\n", std::process::id())) {
        Ok(lock) => Ok(lock),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            let content = read_file(disk, &path, 32).ok().flatten();
            let process = content
                .and_then(|content| String::from_utf8(content).ok())
                .map(|text| text.trim().to_owned())
                .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
            Err(OpenError::Locked { directory: directory.to_path_buf(), process })
        }
        Err(error) => Err(OpenError::io("lock", &path)(error)),
    }
}

/// Checks the format file; writes it first of all into a new directory.
fn check_format(disk: &dyn Disk, directory: &Path) -> Result<(), OpenError> {
    let path = directory.join(FORMAT_FILE);
    let not_a_store =
        |reason: &str| OpenError::NotAStore { directory: directory.to_path_buf(), reason: reason.to_owned() };
    match read_file(disk, &path, 256).map_err(OpenError::io("read", &path))? {
        Some(content) => {
            let text = std::str::from_utf8(&content).ok().and_then(|text| text.strip_prefix(FORMAT_PREFIX));
            let found: u64 = text
                .and_then(|text| text.trim_end().parse().ok())
                .ok_or_else(|| not_a_store(&format!("the file {FORMAT_FILE} does not name a format")))?;
            if found > FORMAT {
                return Err(OpenError::NewerFormat {
                    directory: directory.to_path_buf(),
                    found,
                    supported: FORMAT,
                });
            }
            if found == 0 {
                return Err(not_a_store(&format!("the file {FORMAT_FILE} names format 0, which never was")));
            }
            Ok(())
        }
        None => {
            let names = disk.list(directory).map_err(OpenError::io("list", directory))?;
            if names.iter().any(|name| name == JOURNAL_DIRECTORY || name == TABLES_DIRECTORY) {
                return Err(not_a_store(&format!(
                    "it holds data but no file {FORMAT_FILE}; a backup that was interrupted looks like that"
                )));
            }
            write_format(disk, directory)
        }
    }
}

pub(crate) fn write_format(disk: &dyn Disk, directory: &Path) -> Result<(), OpenError> {
    let content = format!("{FORMAT_PREFIX}{FORMAT}\n");
    write_file(disk, directory, FORMAT_FILE, content.as_bytes())
        .map_err(OpenError::io("write", &directory.join(FORMAT_FILE)))
}

/// Journal and tables must belong together.
fn check_tables(scan: &Scan, applied: u64, directory: &Path) -> Result<(), OpenError> {
    let checkpoint = scan.checkpoint.applied;
    if applied < checkpoint {
        let what =
            format!("they end with record {applied}, although record {checkpoint} was synced into them");
        return Err(OpenError::tables(&directory.join(TABLES_DIRECTORY), what));
    }
    // A record reaches the tables after its sync, unless the store was relaxed.
    if applied > scan.last && !scan.relaxed {
        let what = format!(
            "the journal ends with record {}, although the tables hold record {applied}, so records are missing",
            scan.last
        );
        let (path, length) = match scan.segments.last() {
            Some(segment) => (segment.path.clone(), segment.length),
            None => (directory.join(JOURNAL_DIRECTORY), 0),
        };
        return Err(OpenError::damaged(&path, length, what));
    }
    Ok(())
}

/// Brings the records after the checkpoint into the tables. Those that are in them already are repeated, which changes
/// nothing: after a loss of power one table may be newer than another.
fn replay(scan: &Scan, tables: &dyn Tables, tables_directory: &Path) -> Result<Feeder, OpenError> {
    let tables_error = |error: TablesError| OpenError::tables(tables_directory, error);
    let feeder = Feeder::new(Progress { applied: scan.checkpoint.applied, open: scan.checkpoint.open });
    for record in &scan.records {
        if record.sequence <= scan.checkpoint.applied || record.kind != Kind::Batches {
            continue;
        }
        let body = scan.read_body(record)?;
        let batches: Vec<Batch> = minicbor::decode(&body).map_err(|error| {
            let what = format!("record {} cannot be understood: {error}", record.sequence);
            OpenError::damaged(&scan.segments[record.segment].path, record.offset, what)
        })?;
        feeder.feed(tables, record.sequence, &batches).map_err(tables_error)?;
    }
    Ok(feeder)
}

fn count_running(tables: &dyn Tables) -> Result<u64, TablesError> {
    let mut count = 0;
    tables.view().scan(Table::Running, &[], None, Direction::Forward, &mut |_, _| {
        count += 1;
        ControlFlow::Continue(())
    })?;
    Ok(count)
}
