//! From batches to tables.

use crate::tables::{Changes, Direction, Table, Tables, TablesError, View, prefix_end};
use bytes::Bytes;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};
use stepwell_store::{Batch, DeletedExecution, ExecutionKey, Listed, RowChange, RunningChange, keys};

/// How far the tables are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Number of the last record of batches applied.
    pub(crate) applied: u64,
    /// Entries in the running index after it.
    pub(crate) open: u64,
}

/// Applies records to the tables, in order; their only writer.
pub(crate) struct Feeder {
    progress: Mutex<Progress>,
    /// Kept from record to record for their memory. Held while a record is applied.
    scratch: Mutex<Scratch>,
}

#[derive(Default)]
struct Scratch {
    changes: Changes,
    row: Vec<u8>,
}

/// Scratch memory beyond this is given back after a large record.
const SCRATCH_BYTES_KEPT: usize = 4 << 20;

impl Feeder {
    pub(crate) fn new(progress: Progress) -> Feeder {
        Feeder { progress: Mutex::new(progress), scratch: Mutex::default() }
    }

    pub(crate) fn progress(&self) -> Progress {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies the batches of record `sequence`.
    pub(crate) fn feed(
        &self,
        tables: &dyn Tables,
        sequence: u64,
        batches: &[Batch],
    ) -> Result<(), TablesError> {
        let mut scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        let Scratch { changes, row } = &mut *scratch;
        changes.clear();
        let mut opened: i64 = 0;
        for batch in batches {
            for chunk in &batch.chunks {
                let key = keys::chunk(chunk.key, chunk.first_event);
                changes.put_shared(Table::Events, &key, chunk.bytes.clone());
            }
            for change in &batch.rows {
                put_row(changes, row, change);
            }
            for change in &batch.running {
                opened += put_running(changes, change);
            }
            for change in &batch.catalogue {
                match &change.value {
                    Some(value) => changes.put_shared(Table::Catalogue, &change.key, value.clone()),
                    None => changes.remove(Table::Catalogue, &change.key),
                }
            }
            if !batch.deleted.is_empty() {
                let view = tables.view();
                for gone in &batch.deleted {
                    remove_execution(changes, view.as_ref(), gone)?;
                }
            }
        }
        tables.apply(changes, sequence)?;
        if changes.bytes_held() > SCRATCH_BYTES_KEPT {
            *scratch = Scratch::default();
        } else {
            // The values of the record must not be kept alive until the next one comes.
            changes.clear();
        }
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.applied = sequence;
        progress.open = progress.open.saturating_add_signed(opened);
        Ok(())
    }
}

fn put_row(changes: &mut Changes, buffer: &mut Vec<u8>, change: &RowChange) {
    let row = &change.after;
    row.encode_into(buffer);
    changes.put(Table::Executions, change.key.as_bytes(), buffer);
    let after = row.listed();
    match change.before {
        None => changes.put(Table::Names, row.arn.as_bytes(), change.key.as_bytes()),
        Some(before) if before == after => return,
        Some(_) => {}
    }
    for owner in row.owners().map(keys::list_owner) {
        if let Some(before) = change.before {
            changes.remove(Table::Lists, &list_key(&owner, before, change.key));
        }
        changes.put(Table::Lists, &list_key(&owner, after, change.key), &[]);
    }
}

fn list_key(owner: &[u8; 16], listed: Listed, key: ExecutionKey) -> [u8; keys::LIST_KEY_LENGTH] {
    keys::list(owner, listed.status, listed.listed_at_ms, key)
}

/// Returns by how much the number of entries changes.
fn put_running(changes: &mut Changes, change: &RunningChange) -> i64 {
    let after = change.change.wake_at_ms();
    if change.before == after {
        return 0;
    }
    if let Some(before) = change.before {
        changes.remove(Table::Running, &keys::running(before, change.key));
    }
    if let Some(after) = after {
        changes.put(Table::Running, &keys::running(after, change.key), &[]);
    }
    i64::from(after.is_some()) - i64::from(change.before.is_some())
}

/// Removes an execution with all its events. Repeated in recovery it removes what is still there.
fn remove_execution(
    changes: &mut Changes,
    view: &dyn View,
    gone: &DeletedExecution,
) -> Result<(), TablesError> {
    let prefix = gone.key.as_bytes();
    let mut chunks = changes.keys_with_prefix(Table::Events, prefix);
    view.scan(Table::Events, prefix, prefix_end(prefix).as_deref(), Direction::Forward, &mut |key, _| {
        chunks.push(key.to_vec());
        ControlFlow::Continue(())
    })?;
    for key in chunks {
        changes.remove(Table::Events, &key);
    }
    changes.remove(Table::Executions, prefix);
    for owner in gone.owners().map(keys::list_owner) {
        changes.remove(Table::Lists, &list_key(&owner, gone.listed, gone.key));
    }
    let arn = gone.arn.as_bytes();
    let named: Option<Bytes> = match changes.get(Table::Names, arn) {
        Some(value) => value.map(Bytes::copy_from_slice),
        None => view.get(Table::Names, arn)?,
    };
    // The name may have been given to a later execution.
    if named.as_deref() == Some(prefix.as_slice()) {
        changes.remove(Table::Names, arn);
    }
    Ok(())
}
