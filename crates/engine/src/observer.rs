//! Observers: those outside who are told of each change of an execution's status, at least once.
//!
//! What is owed to an observer is an entry of the catalogue, made in the batch of the change itself, so that it survives
//! whatever happens; who has told the observer removes it. Its value is the time of the change in milliseconds since 1970 (8
//! bytes, big-endian), for the row may have gone on by then. Express executions have no observers, as at AWS.

use bytes::Bytes;
use stepwell_store::{CatalogueChange, ExecutionKey, RowChange, Status};

use crate::input::Released;

/// Who wants to be told, and of what.
#[derive(Debug, Clone)]
pub struct Observer {
    /// Begins the keys of the entries; no key of another observer begins so.
    pub prefix: Vec<u8>,
    /// The statuses to be told of.
    pub statuses: Vec<Status>,
}

/// A change of status that an observer is to be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StatusChange {
    /// The execution.
    pub key: ExecutionKey,
    /// How often it had been redriven.
    pub redrive_count: u32,
    /// Its status from then on.
    pub status: Status,
}

impl StatusChange {
    /// The key of the entry: prefix, execution (16 bytes), redrives (4, big-endian), status (1).
    #[must_use]
    pub fn entry_key(&self, prefix: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(prefix.len() + 21);
        bytes.extend_from_slice(prefix);
        bytes.extend_from_slice(self.key.as_bytes());
        bytes.extend_from_slice(&self.redrive_count.to_be_bytes());
        bytes.push(self.status.number());
        bytes
    }

    /// The change that an entry's key stands for; none for another key.
    #[must_use]
    pub fn of_entry_key(prefix: &[u8], entry_key: &[u8]) -> Option<StatusChange> {
        let (key, rest) = entry_key.strip_prefix(prefix)?.split_at_checked(16)?;
        let (redrive_count, status) = rest.split_first_chunk::<4>()?;
        let [status] = status else { return None };
        Some(StatusChange {
            key: ExecutionKey::from_slice(key)?,
            redrive_count: u32::from_be_bytes(*redrive_count),
            status: Status::from_number(*status)?,
        })
    }
}

/// Adds to a batch what a change of a row makes it owe, and tells of it when the batch is durable.
pub(crate) fn oblige<R>(
    observers: &[Observer],
    change: &RowChange,
    catalogue: &mut Vec<CatalogueChange>,
    held: &mut Vec<Released<R>>,
) {
    let row = &change.after;
    for (number, observer) in observers.iter().enumerate() {
        // An execution that ended in the turn in which it started or was redriven was running for a moment.
        let has_begun = change.before.is_none_or(|before| before.status.is_closed());
        let began = has_begun.then_some(Status::Running);
        let now = (began != Some(row.status)).then_some(row.status);
        for status in began.into_iter().chain(now) {
            if observer.statuses.contains(&status) {
                let status_change =
                    StatusChange { key: change.key, redrive_count: row.redrive_count, status };
                let key = status_change.entry_key(&observer.prefix);
                let since_ms = row.redrive_ms.unwrap_or(row.start_ms);
                let time_ms = row.stop_ms.filter(|_| status.is_closed()).unwrap_or(since_ms);
                let value = Bytes::copy_from_slice(&time_ms.to_be_bytes());
                catalogue.push(CatalogueChange { key, value: Some(value) });
                held.push(Released::StatusChanged { observer: number, change: status_change });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_that_an_execution_had_is_owed() {
        use Status::{Failed, Running, Succeeded};
        use std::sync::Arc;
        use stepwell_store::{ExecutionRow, Listed};
        let observers = [
            Observer { prefix: b"a".to_vec(), statuses: Status::ALL.to_vec() },
            Observer { prefix: b"b".to_vec(), statuses: vec![Failed] },
        ];
        for (before, after, expected) in [
            (None, Running, vec![(0, Running)]),
            (None, Succeeded, vec![(0, Running), (0, Succeeded)]),
            (Some(Running), Failed, vec![(0, Failed), (1, Failed)]),
            (Some(Failed), Running, vec![(0, Running)]),
            (Some(Failed), Failed, vec![(0, Running), (0, Failed), (1, Failed)]),
        ] {
            let mut row = ExecutionRow::started("arn", "machine", "name", 1, 1);
            row.status = after;
            let change = RowChange {
                key: ExecutionKey::new(1, "arn"),
                before: before.map(|status| Listed { status, listed_at_ms: 1 }),
                after: Arc::new(row),
            };
            let (mut catalogue, mut held) = (Vec::new(), Vec::<Released<()>>::new());
            oblige(&observers, &change, &mut catalogue, &mut held);
            let told: Vec<_> = held
                .iter()
                .map(|item| match item {
                    Released::StatusChanged { observer, change } => (*observer, change.status),
                    other => panic!("{other:?}"),
                })
                .collect();
            assert_eq!(told, expected, "{before:?} {after:?}");
            let entries: Vec<_> = catalogue
                .iter()
                .map(|entry| {
                    let of = |observer: &Observer| StatusChange::of_entry_key(&observer.prefix, &entry.key);
                    observers.iter().find_map(of).map(|change| change.status)
                })
                .collect();
            assert_eq!(entries, expected.iter().map(|(_, status)| Some(*status)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn keys_of_entries_give_back_their_change() {
        for (redrive_count, status) in [(0, Status::Running), (7, Status::TimedOut)] {
            let change =
                StatusChange { key: ExecutionKey::new(1_700_000_000_000, "arn"), redrive_count, status };
            let key = change.entry_key(b"prefix");
            assert_eq!(StatusChange::of_entry_key(b"prefix", &key), Some(change));
            assert_eq!(StatusChange::of_entry_key(b"other", &key), None);
            assert_eq!(StatusChange::of_entry_key(b"prefix", &key[..key.len() - 1]), None);
        }
    }
}
