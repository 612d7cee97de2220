//! The tables in fjall, a log-structured merge tree.

use super::{APPLIED_KEY, Changes, Direction, Table, Tables, TablesError, View, Visit};
use bytes::Bytes;
use fjall::config::FilterPolicy;
use fjall::{
    CompressionType, Database, Iter, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, Snapshot,
};
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Memory of the tables.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FjallOptions {
    /// Bytes of the block cache.
    pub(crate) cache_bytes: u64,
    /// Bytes of the memtables together while none is being flushed.
    pub(crate) memtable_bytes: u64,
}

/// fjall's log: the least that it accepts.
const JOURNALING_BYTES: u64 = 64 << 20;
/// One: with more of them fjall 3.1's first worker passes compactions on in a busy loop while another one compacts.
const WORKER_THREADS: usize = 1;

/// Three keyspaces: event chunks, which are most of the bytes; rows; and everything else, each key behind the number of its
/// table. A keyspace costs some ten syncs when it is made and as many whenever its memtable goes to disk, so fewer are better.
/// But each memtable of the index reaches from its first table to its last, so that a compaction merges it with all that is
/// there. Chunks and rows are written in the order of their keys, or nearly so, and are hardly ever merged: they are kept
/// apart from the index, which stays small.
pub(crate) struct FjallTables {
    database: Database,
    events: Keyspace,
    executions: Keyspace,
    index: Keyspace,
}

const EVENTS_KEYSPACE: &str = "execution_events";
const EXECUTIONS_KEYSPACE: &str = "executions";
const INDEX_KEYSPACE: &str = "index";
/// Rows of older stores that are moved in one batch.
const ROWS_MOVED_AT_ONCE: usize = 1_000;

impl FjallTables {
    /// Opens the tables in `directory`, making them if needed. They are made under another name: fjall can't open what a
    /// process that was killed meanwhile has left.
    pub(crate) fn open(directory: &Path, options: FjallOptions) -> Result<FjallTables, TablesError> {
        if !directory.exists() {
            let failed = |error: std::io::Error| TablesError(format!("they can't be made: {error}"));
            let making = directory.with_extension("new");
            if making.exists() {
                std::fs::remove_dir_all(&making).map_err(failed)?;
            }
            drop(Self::open_in(&making, options)?);
            std::fs::rename(&making, directory).map_err(failed)?;
            if let Some(parent) = directory.parent() {
                std::fs::File::open(parent).and_then(|parent| parent.sync_all()).map_err(failed)?;
            }
        }
        Self::open_in(directory, options)
    }

    fn open_in(directory: &Path, options: FjallOptions) -> Result<FjallTables, TablesError> {
        guarded(|| {
            let database = Database::builder(directory)
                .cache_size(options.cache_bytes)
                .journal_compression(CompressionType::None)
                .manual_journal_persist(true)
                .max_journaling_size(JOURNALING_BYTES)
                .worker_threads(WORKER_THREADS)
                .open()?;
            let common = |quarters: u64| {
                KeyspaceCreateOptions::default()
                    .manual_journal_persist(true)
                    .max_memtable_size((options.memtable_bytes * quarters / 4).max(256 << 10))
            };
            // Keys of chunks and rows come from an index or lie in a range, so they are there: a filter would be memory for
            // nothing.
            let sure = |quarters: u64| common(quarters).filter_policy(FilterPolicy::disabled());
            let events = database.keyspace(EVENTS_KEYSPACE, || sure(2))?;
            let executions = database.keyspace(EXECUTIONS_KEYSPACE, || sure(1))?;
            let index = database.keyspace(INDEX_KEYSPACE, || common(1))?;
            let tables = FjallTables { database, events, executions, index };
            tables.take_rows_out_of_index()?;
            Ok(tables)
        })
    }

    /// Moves rows that stand in the index, where the first stores had them, to the keyspace of rows. If this is cut short, the
    /// rest is moved when the tables are opened again.
    fn take_rows_out_of_index(&self) -> Result<(), fjall::Error> {
        let prefix = [Table::Executions as u8];
        loop {
            let mut batch = self.database.batch();
            for entry in self.index.prefix(prefix).take(ROWS_MOVED_AT_ONCE) {
                let (key, row) = entry.into_inner()?;
                batch.insert(&self.executions, key.get(prefix.len()..).unwrap_or_default(), row);
                batch.remove(&self.index, key);
            }
            if batch.is_empty() {
                return Ok(());
            }
            batch.commit()?;
        }
    }

    /// The keyspace of a table, and the key in it, for which `buffer` may be used.
    fn place<'a>(&self, table: Table, key: &'a [u8], buffer: &'a mut Vec<u8>) -> (&Keyspace, &'a [u8]) {
        match table {
            Table::Events => (&self.events, key),
            Table::Executions => (&self.executions, key),
            _ => {
                buffer.clear();
                buffer.push(table as u8);
                buffer.extend_from_slice(key);
                (&self.index, buffer)
            }
        }
    }
}

/// Runs a call of the library. It asserts some of what it reads from disk; a damaged file must not bring us down.
fn guarded<T>(call: impl FnOnce() -> Result<T, fjall::Error>) -> Result<T, TablesError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(error)) => Err(TablesError(describe(&error))),
        Err(panic) => {
            let what = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("unknown");
            Err(TablesError(format!("what was read makes no sense ({what})")))
        }
    }
}

fn describe(error: &fjall::Error) -> String {
    match error {
        fjall::Error::Poisoned => "an earlier write failed".to_owned(),
        fjall::Error::Io(error) => error.to_string(),
        fjall::Error::Storage(fjall::LsmError::Io(error)) => error.to_string(),
        other => format!("{other:?}"),
    }
}

impl Tables for FjallTables {
    fn apply(&self, changes: &mut Changes, sequence: u64) -> Result<(), TablesError> {
        guarded(|| {
            let mut batch = fjall::OwnedWriteBatch::with_capacity(self.database.clone(), changes.len() + 1);
            let mut buffer = Vec::new();
            for (table, key, value) in changes.settle() {
                let (keyspace, key) = self.place(table, key, &mut buffer);
                match value {
                    Some(value) => batch.insert(keyspace, key, value),
                    None => batch.remove(keyspace, key),
                }
            }
            let (keyspace, key) = self.place(Table::Meta, APPLIED_KEY, &mut buffer);
            batch.insert(keyspace, key, sequence.to_be_bytes());
            batch.commit()
        })
    }

    fn view(&self) -> Box<dyn View + '_> {
        Box::new(FjallView { tables: self, snapshot: self.database.snapshot() })
    }

    fn sync(&self) -> Result<(), TablesError> {
        guarded(|| self.database.persist(PersistMode::SyncData))
    }
}

struct FjallView<'a> {
    tables: &'a FjallTables,
    snapshot: Snapshot,
}

impl View for FjallView<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, TablesError> {
        let mut buffer = Vec::new();
        let (keyspace, key) = self.tables.place(table, key, &mut buffer);
        let found = guarded(|| self.snapshot.get(keyspace, key));
        let found = found.map_err(|error| TablesError(format!("{}: {error}", table.name())))?;
        Ok(found.map(|value| Bytes::copy_from_slice(&value)))
    }

    fn scan(
        &self,
        table: Table,
        start: &[u8],
        end: Option<&[u8]>,
        direction: Direction,
        visit: Visit<'_>,
    ) -> Result<(), TablesError> {
        if end.is_some_and(|end| end <= start) {
            return Ok(());
        }
        let mut start_buffer = Vec::new();
        let mut end_buffer = Vec::new();
        let (keyspace, start) = self.tables.place(table, start, &mut start_buffer);
        let past_table = [table as u8 + 1];
        let (end, prefix_length) = match (table, end) {
            (Table::Events | Table::Executions, end) => (end, 0),
            (_, Some(end)) => (Some(self.tables.place(table, end, &mut end_buffer).1), 1),
            (_, None) => (Some(past_table.as_slice()), 1),
        };
        let range = (Bound::Included(start), end.map_or(Bound::Unbounded, Bound::Excluded));
        guarded(|| {
            let entries: Iter = self.snapshot.range::<&[u8], _>(keyspace, range);
            let entries: &mut dyn Iterator<Item = fjall::Guard> = match direction {
                Direction::Forward => &mut { entries },
                Direction::Reverse => &mut entries.rev(),
            };
            for entry in entries {
                let (key, value) = entry.into_inner()?;
                if visit(key.get(prefix_length..).unwrap_or_default(), &value).is_break() {
                    break;
                }
            }
            Ok(())
        })
        .map_err(|error| TablesError(format!("{}: {error}", table.name())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_stand_in_the_index_are_found_and_moved() {
        let directory = tempfile::tempdir().unwrap();
        let options = FjallOptions { cache_bytes: 1 << 20, memtable_bytes: 1 << 20 };
        let tables = FjallTables::open(&directory.path().join("tables"), options).unwrap();
        let count = u32::try_from(2 * ROWS_MOVED_AT_ONCE + 1).unwrap();
        for number in 0..count {
            let mut key = vec![Table::Executions as u8];
            key.extend_from_slice(&number.to_be_bytes());
            tables.index.insert(key, b"row").unwrap();
        }
        tables.index.insert([Table::Names as u8, 7], b"name").unwrap();
        drop(tables);
        for _ in 0..2 {
            let tables = FjallTables::open(&directory.path().join("tables"), options).unwrap();
            let mut found = 0;
            let view = tables.view();
            let visit: Visit<'_> = &mut |key, row| {
                assert_eq!((key, row), (u32::to_be_bytes(found).as_slice(), b"row".as_slice()));
                found += 1;
                std::ops::ControlFlow::Continue(())
            };
            view.scan(Table::Executions, &[], None, Direction::Forward, visit).unwrap();
            assert_eq!(found, count);
            assert_eq!(view.get(Table::Names, &[7]).unwrap().as_deref(), Some(b"name".as_slice()));
            assert_eq!(tables.index.len().unwrap(), 1);
        }
    }
}
