//! The store without a disk.

use crate::keys::list_owner;
use crate::{
    Batch, CommitDone, CommitError, DiskFull, DueExecution, EventChunk, ExecutionKey, ExecutionRow,
    ExpiredPage, HashRange, ListCursor, Listed, ListedExecution, RowChange, RunningChange, Status, Store,
    StoreError, StoreStatus,
};
use bytes::Bytes;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

type ListKey = ([u8; 16], Status, Reverse<(i64, ExecutionKey)>);

/// Everything in memory: for `--memory`, for tests and for the simulator. A batch is applied, and its `done` called,
/// before [`Store::commit`] returns.
#[derive(Default)]
pub struct MemoryStore {
    tables: RwLock<Tables>,
}

#[derive(Default)]
struct Tables {
    executions: BTreeMap<ExecutionKey, Execution>,
    names: HashMap<Box<str>, ExecutionKey>,
    lists: BTreeSet<ListKey>,
    running: BTreeSet<(i64, ExecutionKey)>,
    catalogue: BTreeMap<Vec<u8>, Bytes>,
    status: StoreStatus,
}

#[derive(Default)]
struct Execution {
    row: Option<Arc<ExecutionRow>>,
    chunks: Vec<EventChunk>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tables> {
        self.tables.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn apply(&mut self, batch: Batch) {
        for chunk in batch.chunks {
            let chunks = &mut self.executions.entry(chunk.key).or_default().chunks;
            match chunks.binary_search_by_key(&chunk.first_event, |other| other.first_event) {
                Ok(place) => chunks[place] = chunk,
                Err(place) => chunks.insert(place, chunk),
            }
        }
        for change in batch.rows {
            self.apply_row(change);
        }
        for change in batch.running {
            self.apply_running(change);
        }
        for change in batch.catalogue {
            match change.value {
                Some(value) => self.catalogue.insert(change.key, value),
                None => self.catalogue.remove(&change.key),
            };
        }
        for gone in batch.deleted {
            self.executions.remove(&gone.key);
            for owner in gone.owners() {
                self.lists.remove(&list_key(list_owner(owner), gone.listed, gone.key));
            }
            if self.names.get(gone.arn.as_str()) == Some(&gone.key) {
                self.names.remove(gone.arn.as_str());
            }
        }
        self.status.applied += 1;
        self.status.records += 1;
        self.status.batches += 1;
    }

    fn apply_row(&mut self, change: RowChange) {
        if change.before.is_none() {
            self.names.insert(change.after.arn.as_str().into(), change.key);
        }
        for owner in change.after.owners().map(list_owner) {
            if let Some(before) = change.before {
                self.lists.remove(&list_key(owner, before, change.key));
            }
            self.lists.insert(list_key(owner, change.after.listed(), change.key));
        }
        self.executions.entry(change.key).or_default().row = Some(change.after);
    }

    fn apply_running(&mut self, change: RunningChange) {
        if let Some(before) = change.before
            && self.running.remove(&(before, change.key))
        {
            self.status.open -= 1;
        }
        if let Some(wake_at) = change.change.wake_at_ms()
            && self.running.insert((wake_at, change.key))
        {
            self.status.open += 1;
        }
    }
}

fn list_key(owner: [u8; 16], listed: Listed, key: ExecutionKey) -> ListKey {
    (owner, listed.status, Reverse((listed.listed_at_ms, key)))
}

/// Takes chunks until `limit_bytes` is reached.
fn take_chunks<'a>(chunks: impl Iterator<Item = &'a EventChunk>, limit_bytes: usize) -> Vec<EventChunk> {
    let mut taken = Vec::new();
    let mut size = 0;
    for chunk in chunks {
        size += chunk.bytes.len();
        taken.push(chunk.clone());
        if size >= limit_bytes {
            break;
        }
    }
    taken
}

impl Store for MemoryStore {
    fn commit(&self, batch: Batch, done: CommitDone) {
        let result = {
            let mut tables = self.write();
            match &tables.status.stopped {
                Some(reason) => Err(CommitError { reason: Arc::clone(reason) }),
                None => {
                    tables.apply(batch);
                    Ok(())
                }
            }
        };
        done(result);
    }

    fn find(&self, arn: &str) -> Result<Option<ExecutionKey>, StoreError> {
        Ok(self.read().names.get(arn).copied())
    }

    fn row(&self, key: ExecutionKey) -> Result<Option<Arc<ExecutionRow>>, StoreError> {
        Ok(self.read().executions.get(&key).and_then(|execution| execution.row.clone()))
    }

    fn chunks(
        &self,
        key: ExecutionKey,
        from_event: u32,
        limit_bytes: usize,
    ) -> Result<Vec<EventChunk>, StoreError> {
        let tables = self.read();
        let Some(execution) = tables.executions.get(&key) else { return Ok(Vec::new()) };
        let after = execution.chunks.partition_point(|chunk| chunk.first_event <= from_event);
        Ok(take_chunks(execution.chunks[after.saturating_sub(1)..].iter(), limit_bytes))
    }

    fn chunks_reverse(
        &self,
        key: ExecutionKey,
        from_event: u32,
        limit_bytes: usize,
    ) -> Result<Vec<EventChunk>, StoreError> {
        let tables = self.read();
        let Some(execution) = tables.executions.get(&key) else { return Ok(Vec::new()) };
        let after = execution.chunks.partition_point(|chunk| chunk.first_event <= from_event);
        Ok(take_chunks(execution.chunks[..after].iter().rev(), limit_bytes))
    }

    fn list_executions(
        &self,
        owner_arn: &str,
        status: Option<Status>,
        before: Option<ListCursor>,
        limit: usize,
    ) -> Result<Vec<ListedExecution>, StoreError> {
        let tables = self.read();
        let owner = list_owner(owner_arn);
        let statuses = status.map_or(Status::ALL.to_vec(), |status| vec![status]);
        let mut places: Vec<ListCursor> = Vec::new();
        for status in statuses {
            let start = match before {
                Some(cursor) => Bound::Excluded((owner, status, Reverse((cursor.listed_at_ms, cursor.key)))),
                None => Bound::Included((owner, status, Reverse((i64::MAX, ExecutionKey::MAX)))),
            };
            let end = Bound::Included((owner, status, Reverse((i64::MIN, ExecutionKey::MIN))));
            places.extend(tables.lists.range((start, end)).take(limit).map(
                |(_, _, Reverse((listed_at_ms, key)))| ListCursor { listed_at_ms: *listed_at_ms, key: *key },
            ));
        }
        places.sort_by_key(|place| Reverse((place.listed_at_ms, place.key)));
        places.truncate(limit);
        Ok(places
            .into_iter()
            .filter_map(|cursor| {
                let row = tables.executions.get(&cursor.key)?.row.clone()?;
                Some(ListedExecution { cursor, row })
            })
            .collect())
    }

    fn running(
        &self,
        range: HashRange,
        after: Option<ExecutionKey>,
        limit: usize,
    ) -> Result<Vec<ExecutionKey>, StoreError> {
        let start = after.map_or(Bound::Included((0, ExecutionKey::MIN)), |key| Bound::Excluded((0, key)));
        let end = Bound::Included((0, ExecutionKey::MAX));
        let tables = self.read();
        let keys = tables.running.range((start, end)).map(|(_, key)| *key);
        Ok(keys.filter(|key| range.contains(key.arn_hash())).take(limit).collect())
    }

    fn due(
        &self,
        range: HashRange,
        until_ms: i64,
        after: Option<DueExecution>,
        limit: usize,
    ) -> Result<Vec<DueExecution>, StoreError> {
        let start = after.map_or(Bound::Included((1, ExecutionKey::MIN)), |due| {
            Bound::Excluded((due.wake_at_ms.max(1), due.key))
        });
        let tables = self.read();
        let entries = tables.running.range((start, Bound::Unbounded));
        Ok(entries
            .take_while(|(wake_at_ms, _)| *wake_at_ms <= until_ms)
            .filter(|(_, key)| range.contains(key.arn_hash()))
            .map(|(wake_at_ms, key)| DueExecution { wake_at_ms: *wake_at_ms, key: *key })
            .take(limit)
            .collect())
    }

    fn count_open(&self) -> u64 {
        self.read().status.open
    }

    fn catalogue_get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Ok(self.read().catalogue.get(key).cloned())
    }

    fn catalogue_scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Bytes)>, StoreError> {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let tables = self.read();
        let entries = tables.catalogue.range::<[u8], _>((start, Bound::Unbounded));
        Ok(entries
            .take_while(|(key, _)| key.starts_with(prefix))
            .take(limit)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }

    fn expired(
        &self,
        closed_before_ms: i64,
        start: Option<ExecutionKey>,
        limit: usize,
    ) -> Result<ExpiredPage, StoreError> {
        let tables = self.read();
        let mut page = ExpiredPage::default();
        for (seen, (key, execution)) in
            tables.executions.range(start.unwrap_or(ExecutionKey::MIN)..).enumerate()
        {
            // Nothing that started later can have ended before that time.
            if i64::try_from(key.start_ms()).is_ok_and(|start_ms| start_ms >= closed_before_ms) {
                break;
            }
            if seen == limit {
                page.next = Some(*key);
                break;
            }
            if let Some(row) = &execution.row
                && row.status.is_closed()
                && row.stop_ms.is_some_and(|stop_ms| stop_ms < closed_before_ms)
            {
                page.expired.push((*key, Arc::clone(row)));
            }
        }
        Ok(page)
    }

    fn status(&self) -> StoreStatus {
        self.read().status.clone()
    }

    fn admission(&self) -> Result<(), DiskFull> {
        Ok(())
    }

    fn backup(&self, _directory: &Path) -> Result<(), StoreError> {
        Err(StoreError::not_copied("the store is in memory alone"))
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn close(&self) -> Result<(), StoreError> {
        self.write().status.stopped.get_or_insert_with(|| "the store was closed".into());
        Ok(())
    }
}
