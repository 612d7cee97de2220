//! The tables in fjall, a log-structured merge tree.

use super::{APPLIED_KEY, Changes, Direction, Table, Tables, TablesError, View};
use bytes::Bytes;
use fjall::config::{CompressionPolicy, FilterPolicy};
use fjall::{
    CompressionType, Database, Iter, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, Snapshot,
};
use std::ops::{Bound, ControlFlow};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Memory of the tables.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FjallOptions {
    /// Bytes of the block cache.
    pub(crate) cache_bytes: u64,
    /// Bytes of the memtables of all keyspaces together while none is being flushed.
    pub(crate) memtable_bytes: u64,
}

/// fjall's log: the least that it accepts.
const JOURNALING_BYTES: u64 = 64 << 20;
const WORKER_THREADS: usize = 2;

pub(crate) struct FjallTables {
    database: Database,
    keyspaces: Vec<Keyspace>,
}

impl FjallTables {
    /// Opens the tables in `directory`, making them if needed.
    pub(crate) fn open(directory: &Path, options: FjallOptions) -> Result<FjallTables, TablesError> {
        guarded(|| {
            let database = Database::builder(directory)
                .cache_size(options.cache_bytes)
                .journal_compression(CompressionType::None)
                .manual_journal_persist(true)
                .max_journaling_size(JOURNALING_BYTES)
                .worker_threads(WORKER_THREADS)
                .open()?;
            let keyspaces = Table::ALL
                .into_iter()
                .map(|table| {
                    database.keyspace(table.name(), || keyspace_options(table, options.memtable_bytes))
                })
                .collect::<Result<_, fjall::Error>>()?;
            Ok(FjallTables { database, keyspaces })
        })
    }

    fn keyspace(&self, table: Table) -> &Keyspace {
        &self.keyspaces[table as usize]
    }
}

/// Each keyspace gets its part of the memory, by how much is written to it.
fn keyspace_options(table: Table, memtable_bytes: u64) -> KeyspaceCreateOptions {
    let sixteenths = match table {
        Table::Events => 6,
        Table::Executions => 4,
        Table::Names | Table::Lists => 2,
        Table::Running | Table::Meta => 1,
        Table::Catalogue => 1,
    };
    let options = KeyspaceCreateOptions::default()
        .manual_journal_persist(true)
        .max_memtable_size((memtable_bytes * sixteenths / 17).max(256 << 10));
    match table {
        // Read by ranges, never by a key that might be missing.
        Table::Events => options.filter_policy(FilterPolicy::disabled()),
        Table::Lists | Table::Running => options
            .filter_policy(FilterPolicy::disabled())
            .data_block_compression_policy(CompressionPolicy::disabled()),
        Table::Executions | Table::Names | Table::Catalogue | Table::Meta => options,
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
            for (table, key, value) in changes.settle() {
                match value {
                    Some(value) => batch.insert(self.keyspace(table), key, value),
                    None => batch.remove(self.keyspace(table), key),
                }
            }
            batch.insert(self.keyspace(Table::Meta), APPLIED_KEY, sequence.to_be_bytes());
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
        let found = guarded(|| self.snapshot.get(self.tables.keyspace(table), key));
        let found = found.map_err(|error| TablesError(format!("{}: {error}", table.name())))?;
        Ok(found.map(|value| Bytes::copy_from_slice(&value)))
    }

    fn scan(
        &self,
        table: Table,
        start: &[u8],
        end: Option<&[u8]>,
        direction: Direction,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), TablesError> {
        if end.is_some_and(|end| end <= start) {
            return Ok(());
        }
        let range = (Bound::Included(start), end.map_or(Bound::Unbounded, Bound::Excluded));
        guarded(|| {
            let entries: Iter = self.snapshot.range::<&[u8], _>(self.tables.keyspace(table), range);
            let entries: &mut dyn Iterator<Item = fjall::Guard> = match direction {
                Direction::Forward => &mut { entries },
                Direction::Reverse => &mut entries.rev(),
            };
            for entry in entries {
                let (key, value) = entry.into_inner()?;
                if visit(&key, &value).is_break() {
                    break;
                }
            }
            Ok(())
        })
        .map_err(|error| TablesError(format!("{}: {error}", table.name())))
    }
}
