//! Reads, all from the tables: they hold nothing that is not as durable as promised, and everything that was acknowledged.

use crate::chunks;
use crate::tables::{Direction, Table, TablesError, View, prefix_end};
use bytes::Bytes;
use std::collections::BinaryHeap;
use std::ops::ControlFlow;
use std::sync::Arc;
use stepwell_store::{
    DueExecution, EventChunk, ExecutionKey, ExecutionRow, ExpiredPage, HashRange, ListCursor,
    ListedExecution, Status, StoreError, keys,
};

impl From<TablesError> for StoreError {
    fn from(error: TablesError) -> StoreError {
        StoreError::Io(error.0.into())
    }
}

fn strange_key(table: Table) -> StoreError {
    StoreError::damaged(format!("the table {} holds a key that cannot be there", table.name()))
}

/// The first key after `key` in the order of bytes.
fn after(key: &[u8]) -> Vec<u8> {
    let mut next = Vec::with_capacity(key.len() + 1);
    next.extend_from_slice(key);
    next.push(0);
    next
}

/// Scans whole entries whose keys have the form that `parse` understands.
fn scan_keys<T>(
    view: &dyn View,
    table: Table,
    start: &[u8],
    end: Option<&[u8]>,
    parse: impl Fn(&[u8]) -> Option<T>,
    mut visit: impl FnMut(T, &[u8]) -> Result<ControlFlow<()>, StoreError>,
) -> Result<(), StoreError> {
    let mut failure = None;
    view.scan(table, start, end, Direction::Forward, &mut |key, value| {
        let visited = parse(key).ok_or_else(|| strange_key(table)).and_then(|key| visit(key, value));
        visited.unwrap_or_else(|error| {
            failure = Some(error);
            ControlFlow::Break(())
        })
    })?;
    failure.map_or(Ok(()), Err)
}

pub(crate) fn find(view: &dyn View, arn: &str) -> Result<Option<ExecutionKey>, StoreError> {
    match view.get(Table::Names, arn.as_bytes())? {
        None => Ok(None),
        Some(bytes) => match ExecutionKey::from_slice(&bytes) {
            Some(key) => Ok(Some(key)),
            None => Err(StoreError::damaged("the table names holds a value that cannot be there")),
        },
    }
}

pub(crate) fn row(view: &dyn View, key: ExecutionKey) -> Result<Option<Arc<ExecutionRow>>, StoreError> {
    let bytes = view.get(Table::Executions, key.as_bytes())?;
    bytes.map(|bytes| ExecutionRow::from_bytes(&bytes).map(Arc::new)).transpose()
}

/// The chunk that begins with event `first_event`.
pub(crate) fn chunk(
    view: &dyn View,
    key: ExecutionKey,
    first_event: u32,
) -> Result<Option<Bytes>, StoreError> {
    let stored = view.get(Table::Events, &keys::chunk(key, first_event))?;
    stored.map(|stored| chunks::unpack(&stored)).transpose()
}

/// The chunks of an execution from the one that contains `from_event`, in either direction.
pub(crate) fn chunks(
    view: &dyn View,
    key: ExecutionKey,
    from_event: u32,
    limit_bytes: usize,
    direction: Direction,
) -> Result<Vec<EventChunk>, StoreError> {
    let first = keys::chunk(key, 0);
    let end = prefix_end(key.as_bytes());
    let from = after(&keys::chunk(key, from_event));
    let start = match direction {
        Direction::Forward if from_event > 0 => {
            // The chunk that contains the event is the last that does not begin after it.
            let mut start = first;
            view.scan(Table::Events, &first, Some(&from), Direction::Reverse, &mut |key, _| {
                if let Ok(key) = key.try_into() {
                    start = key;
                }
                ControlFlow::Break(())
            })?;
            start
        }
        _ => first,
    };
    let end = match direction {
        Direction::Forward => end.as_deref(),
        Direction::Reverse => Some(from.as_slice()),
    };
    let mut found = Vec::new();
    let mut size = 0;
    let mut failure = None;
    view.scan(Table::Events, &start, end, direction, &mut |bytes, value| {
        let Some((key, first_event)) = keys::parse_chunk(bytes) else {
            failure = Some(strange_key(Table::Events));
            return ControlFlow::Break(());
        };
        let bytes = match chunks::unpack(value) {
            Ok(bytes) => bytes,
            Err(error) => {
                failure = Some(error);
                return ControlFlow::Break(());
            }
        };
        size += bytes.len();
        found.push(EventChunk { key, first_event, bytes });
        if size >= limit_bytes { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    failure.map_or(Ok(found), Err)
}

/// One page of a list, from new to old. Without a status the ranges of all statuses are merged.
pub(crate) fn list_executions(
    view: &dyn View,
    owner_arn: &str,
    status: Option<Status>,
    before: Option<ListCursor>,
    limit: usize,
) -> Result<Vec<ListedExecution>, StoreError> {
    let owner = keys::list_owner(owner_arn);
    let all = Status::ALL;
    let statuses = match &status {
        Some(status) => std::slice::from_ref(status),
        None => &all,
    };
    // The oldest of the newest `limit` places stands on top.
    let mut newest: BinaryHeap<std::cmp::Reverse<(i64, ExecutionKey)>> = BinaryHeap::new();
    for status in statuses {
        let mut prefix = owner.to_vec();
        prefix.push(status.number());
        let start = match before {
            Some(cursor) => after(&keys::list(&owner, *status, cursor.listed_at_ms, cursor.key)),
            None => prefix.clone(),
        };
        let end = prefix_end(&prefix);
        scan_keys(view, Table::Lists, &start, end.as_deref(), keys::parse_list, |place, _| {
            if newest.len() >= limit {
                match newest.peek() {
                    Some(std::cmp::Reverse(oldest)) if (place.listed_at_ms, place.key) > *oldest => {
                        newest.pop()
                    }
                    _ => return Ok(ControlFlow::Break(())),
                };
            }
            newest.push(std::cmp::Reverse((place.listed_at_ms, place.key)));
            Ok(ControlFlow::Continue(()))
        })?;
    }
    let mut listed = Vec::with_capacity(newest.len());
    for std::cmp::Reverse((listed_at_ms, key)) in newest.into_sorted_vec() {
        let row = row(view, key)?
            .ok_or_else(|| StoreError::damaged(format!("execution {key} is listed but has no row")))?;
        listed.push(ListedExecution { cursor: ListCursor { listed_at_ms, key }, row });
    }
    Ok(listed)
}

pub(crate) fn running(
    view: &dyn View,
    range: HashRange,
    after_key: Option<ExecutionKey>,
    limit: usize,
) -> Result<Vec<ExecutionKey>, StoreError> {
    let start =
        after_key.map_or(keys::running(0, ExecutionKey::MIN).to_vec(), |key| after(&keys::running(0, key)));
    let end = keys::running(1, ExecutionKey::MIN);
    let mut found = Vec::new();
    if limit == 0 {
        return Ok(found);
    }
    scan_keys(view, Table::Running, &start, Some(&end), keys::parse_running, |(_, key), _| {
        if range.contains(key.arn_hash()) {
            found.push(key);
        }
        Ok(if found.len() >= limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(found)
}

pub(crate) fn due(
    view: &dyn View,
    range: HashRange,
    until_ms: i64,
    after_due: Option<DueExecution>,
    limit: usize,
) -> Result<Vec<DueExecution>, StoreError> {
    let start = after_due.map_or(keys::running(1, ExecutionKey::MIN).to_vec(), |due| {
        after(&keys::running(due.wake_at_ms.max(1), due.key))
    });
    let mut found = Vec::new();
    if limit == 0 {
        return Ok(found);
    }
    scan_keys(view, Table::Running, &start, None, keys::parse_running, |(wake_at_ms, key), _| {
        if wake_at_ms > until_ms {
            return Ok(ControlFlow::Break(()));
        }
        if range.contains(key.arn_hash()) {
            found.push(DueExecution { wake_at_ms, key });
        }
        Ok(if found.len() >= limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(found)
}

pub(crate) fn catalogue_scan(
    view: &dyn View,
    prefix: &[u8],
    after_key: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<(Vec<u8>, Bytes)>, StoreError> {
    let start = match after_key {
        Some(key) if key >= prefix => after(key),
        _ => prefix.to_vec(),
    };
    let end = prefix_end(prefix);
    let mut found = Vec::new();
    if limit == 0 {
        return Ok(found);
    }
    view.scan(Table::Catalogue, &start, end.as_deref(), Direction::Forward, &mut |key, value| {
        found.push((key.to_vec(), Bytes::copy_from_slice(value)));
        if found.len() >= limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(found)
}

pub(crate) fn expired(
    view: &dyn View,
    closed_before_ms: i64,
    start: Option<ExecutionKey>,
    limit: usize,
) -> Result<ExpiredPage, StoreError> {
    let mut page = ExpiredPage::default();
    let mut seen = 0;
    let start = start.unwrap_or(ExecutionKey::MIN);
    scan_keys(view, Table::Executions, start.as_bytes(), None, ExecutionKey::from_slice, |key, value| {
        // Nothing that started later can have ended before that time.
        if i64::try_from(key.start_ms()).is_ok_and(|start_ms| start_ms >= closed_before_ms) {
            return Ok(ControlFlow::Break(()));
        }
        if seen == limit {
            page.next = Some(key);
            return Ok(ControlFlow::Break(()));
        }
        seen += 1;
        let row = ExecutionRow::from_bytes(value)?;
        if row.status.is_closed() && row.stop_ms.is_some_and(|stop_ms| stop_ms < closed_before_ms) {
            page.expired.push((key, Arc::new(row)));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(page)
}
