//! The naive model: what a store must answer, computed the slow and obvious way.

use crate::testing::Workload;
use crate::{
    Batch, DueExecution, EventChunk, ExecutionKey, ExecutionRow, HashRange, ListCursor, Status, Store,
};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;

/// All that a store holds, in plain maps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    rows: BTreeMap<ExecutionKey, Arc<ExecutionRow>>,
    chunks: BTreeMap<(ExecutionKey, u32), Bytes>,
    names: BTreeMap<String, ExecutionKey>,
    wake_at: BTreeMap<ExecutionKey, i64>,
    catalogue: BTreeMap<Vec<u8>, Bytes>,
}

impl Model {
    /// Applies a batch.
    pub fn apply(&mut self, batch: &Batch) {
        for chunk in &batch.chunks {
            self.chunks.insert((chunk.key, chunk.first_event), chunk.bytes.clone());
        }
        for change in &batch.rows {
            if change.before.is_none() {
                self.names.insert(change.after.arn.clone(), change.key);
            }
            self.rows.insert(change.key, Arc::clone(&change.after));
        }
        for change in &batch.running {
            match change.change.wake_at_ms() {
                Some(wake_at) => self.wake_at.insert(change.key, wake_at),
                None => self.wake_at.remove(&change.key),
            };
        }
        for change in &batch.catalogue {
            match &change.value {
                Some(value) => self.catalogue.insert(change.key.clone(), value.clone()),
                None => self.catalogue.remove(&change.key),
            };
        }
        for gone in &batch.deleted {
            self.rows.remove(&gone.key);
            self.chunks.retain(|(key, _), _| *key != gone.key);
            self.names.retain(|_, key| *key != gone.key);
        }
    }

    /// Says where `store` differs, looking at everything it holds.
    pub fn difference(&self, store: &dyn Store) -> Option<String> {
        self.compare(store).err()
    }

    fn compare(&self, store: &dyn Store) -> Result<(), String> {
        same("open executions", store.count_open(), self.wake_at.len() as u64)?;
        self.compare_executions(store)?;
        self.compare_lists(store)?;
        self.compare_running(store)?;
        let catalogue: Vec<_> =
            self.catalogue.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        same("catalogue", read(store.catalogue_scan(b"", None, usize::MAX))?, catalogue)?;
        for (key, value) in &self.catalogue {
            same("catalogue value", read(store.catalogue_get(key))?.as_ref(), Some(value))?;
        }
        Ok(())
    }

    fn compare_executions(&self, store: &dyn Store) -> Result<(), String> {
        // Names of the workload that are free by now must be free.
        for name in 0..self.names.len() as u64 + 20 {
            for machine in 0..3 {
                let arn =
                    format!("arn:aws:states:us-east-1:000000000000:execution:machine-{machine}:run-{name}");
                same(&arn, read(store.find(&arn))?, self.names.get(&arn).copied())?;
            }
        }
        for (arn, key) in &self.names {
            same(arn, read(store.find(arn))?, Some(*key))?;
        }
        for (key, row) in &self.rows {
            same("row", read(store.row(*key))?.as_ref(), Some(row))?;
            let chunks: Vec<EventChunk> = self
                .chunks
                .range((*key, 0)..=(*key, u32::MAX))
                .map(|((key, first_event), bytes)| EventChunk {
                    key: *key,
                    first_event: *first_event,
                    bytes: bytes.clone(),
                })
                .collect();
            same("chunks", &read(store.chunks(*key, 0, usize::MAX))?, &chunks)?;
            let reversed: Vec<EventChunk> = chunks.into_iter().rev().collect();
            same("chunks in reverse", &read(store.chunks_reverse(*key, u32::MAX, usize::MAX))?, &reversed)?;
        }
        let page = read(store.expired(i64::MAX, None, usize::MAX))?;
        let closed: Vec<_> = self
            .rows
            .iter()
            .filter(|(_, row)| row.status.is_closed())
            .map(|(key, row)| (*key, Arc::clone(row)))
            .collect();
        same("closed executions", page.expired, closed)
    }

    fn compare_lists(&self, store: &dyn Store) -> Result<(), String> {
        for owner in Workload::owner_arns() {
            for status in std::iter::once(None).chain(Status::ALL.map(Some)) {
                let mut expected: Vec<ListCursor> = self
                    .rows
                    .iter()
                    .filter(|(_, row)| row.owners().any(|arn| arn == owner))
                    .filter(|(_, row)| status.is_none_or(|status| row.status == status))
                    .map(|(key, row)| ListCursor { listed_at_ms: row.listed().listed_at_ms, key: *key })
                    .collect();
                expected.sort_by_key(|cursor| std::cmp::Reverse((cursor.listed_at_ms, cursor.key)));
                let whole = read(store.list_executions(&owner, status, None, usize::MAX))?;
                same("list", whole.iter().map(|entry| entry.cursor).collect::<Vec<_>>(), expected)?;
                let mut paged = Vec::new();
                loop {
                    let before = paged.last().copied();
                    let page = read(store.list_executions(&owner, status, before, 3))?;
                    if page.is_empty() {
                        break;
                    }
                    paged.extend(page.into_iter().map(|entry| entry.cursor));
                }
                same("list in pages", paged, whole.iter().map(|entry| entry.cursor).collect())?;
                for entry in whole {
                    same("listed row", Some(&entry.row), self.rows.get(&entry.cursor.key))?;
                }
            }
        }
        Ok(())
    }

    fn compare_running(&self, store: &dyn Store) -> Result<(), String> {
        let active: Vec<ExecutionKey> =
            self.wake_at.iter().filter(|(_, wake_at)| **wake_at == 0).map(|(key, _)| *key).collect();
        same("active executions", read(store.running(HashRange::ALL, None, usize::MAX))?, active)?;
        let mut parked: Vec<DueExecution> = self
            .wake_at
            .iter()
            .filter(|(_, wake_at)| **wake_at > 0)
            .map(|(key, wake_at)| DueExecution { wake_at_ms: *wake_at, key: *key })
            .collect();
        parked.sort_unstable();
        same("parked executions", read(store.due(HashRange::ALL, i64::MAX, None, usize::MAX))?, parked)
    }
}

fn read<T>(result: Result<T, crate::StoreError>) -> Result<T, String> {
    result.map_err(|error| format!("a read failed: {error}"))
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what}: the store has {found:?}, the model has {expected:?}"))
}
