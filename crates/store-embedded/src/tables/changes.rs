//! The changes that one record makes to the tables.

use super::Table;
use bytes::Bytes;
use std::ops::Range;

/// Puts and removes in the order in which they were made. Keys lie in one buffer: no allocation for each.
#[derive(Default)]
pub(crate) struct Changes {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

struct Entry {
    table: Table,
    key: Range<usize>,
    value: Value,
}

enum Value {
    Removed,
    Own(Range<usize>),
    Shared(Bytes),
}

impl Changes {
    /// Forgets all changes, keeping the buffers.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }

    pub(crate) fn put(&mut self, table: Table, key: &[u8], value: &[u8]) {
        let key = self.store(key);
        let value = Value::Own(self.store(value));
        self.entries.push(Entry { table, key, value });
    }

    pub(crate) fn put_shared(&mut self, table: Table, key: &[u8], value: Bytes) {
        let key = self.store(key);
        self.entries.push(Entry { table, key, value: Value::Shared(value) });
    }

    pub(crate) fn remove(&mut self, table: Table, key: &[u8]) {
        let key = self.store(key);
        self.entries.push(Entry { table, key, value: Value::Removed });
    }

    /// What these changes make of a key: none if they do not touch it, some none if they remove it.
    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Option<Option<&[u8]>> {
        let entry = self.entries.iter().rev().find(|entry| entry.table == table && self.key(entry) == key)?;
        Some(self.value(entry))
    }

    /// The keys of a table with this prefix that these changes touch.
    pub(crate) fn keys_with_prefix(&self, table: Table, prefix: &[u8]) -> Vec<Vec<u8>> {
        let entries = self.entries.iter().filter(|entry| entry.table == table);
        entries
            .map(|entry| self.key(entry))
            .filter(|key| key.starts_with(prefix))
            .map(<[u8]>::to_vec)
            .collect()
    }

    /// The last change of each key, in the order of table and key. The tables take each key once.
    pub(crate) fn settle(&mut self) -> impl Iterator<Item = (Table, &[u8], Option<&[u8]>)> {
        let bytes = &self.bytes;
        let key = |entry: &Entry| (entry.table, &bytes[entry.key.clone()]);
        // The sort is stable, so of equal keys the last change stands last; it is kept by walking from the end.
        self.entries.sort_by(|one, other| key(one).cmp(&key(other)));
        self.entries.reverse();
        self.entries.dedup_by(|later, kept| key(later) == key(kept));
        self.entries.reverse();
        self.entries.iter().map(|entry| (entry.table, self.key(entry), self.value(entry)))
    }

    /// Bytes of memory that are kept for the next record.
    pub(crate) fn bytes_held(&self) -> usize {
        self.bytes.capacity() + self.entries.capacity() * size_of::<Entry>()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    fn key(&self, entry: &Entry) -> &[u8] {
        &self.bytes[entry.key.clone()]
    }

    fn value<'a>(&'a self, entry: &'a Entry) -> Option<&'a [u8]> {
        match &entry.value {
            Value::Removed => None,
            Value::Own(range) => Some(&self.bytes[range.clone()]),
            Value::Shared(bytes) => Some(bytes),
        }
    }

    fn store(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_changes_of_a_key_the_last_one_counts() {
        let mut changes = Changes::default();
        changes.put(Table::Lists, b"b", b"1");
        changes.put(Table::Executions, b"b", b"2");
        changes.remove(Table::Lists, b"b");
        changes.put(Table::Lists, b"a", b"3");
        changes.remove(Table::Executions, b"b");
        changes.put_shared(Table::Executions, b"b", Bytes::from_static(b"4"));
        assert_eq!(changes.get(Table::Lists, b"b"), Some(None));
        assert_eq!(changes.get(Table::Executions, b"b"), Some(Some(b"4".as_slice())));
        assert_eq!(changes.get(Table::Names, b"b"), None);
        let settled: Vec<_> = changes
            .settle()
            .map(|(table, key, value)| (table, key.to_vec(), value.map(<[u8]>::to_vec)))
            .collect();
        assert_eq!(
            settled,
            [
                (Table::Executions, b"b".to_vec(), Some(b"4".to_vec())),
                (Table::Lists, b"a".to_vec(), Some(b"3".to_vec())),
                (Table::Lists, b"b".to_vec(), None),
            ]
        );
    }
}
