//! Objects: members in the order written, with an index when there are many

use crate::Value;
use crate::write::escaped_size;
use std::sync::Arc;

/// From this many members on, lookups go through a sorted index instead of a scan.
const INDEX_FROM: usize = 17;

/// An immutable JSON object. A clone copies a pointer.
///
/// The index is sorted by key rather than hashed: no random seed is needed to withstand chosen keys.
#[derive(Clone)]
pub struct Object(Arc<Inner>);

struct Inner {
    entries: Vec<(Arc<str>, Value)>,
    /// Positions of the entries in the order of their keys; empty for a small object.
    by_key: Vec<u32>,
    depth: u32,
    size: usize,
}

impl Object {
    /// An object of these members. Where a key comes twice, the last value stands at the first place, as in Java.
    pub fn from_entries(entries: Vec<(Arc<str>, Value)>) -> Object {
        let (entries, by_key) = match find_duplicates(&entries) {
            Keys::Distinct(by_key) => (entries, by_key),
            Keys::Repeated(sorted) => {
                let entries = remove_duplicates(entries, &sorted);
                let by_key = match find_duplicates(&entries) {
                    Keys::Distinct(by_key) | Keys::Repeated(by_key) => by_key,
                };
                (entries, by_key)
            }
        };
        let (mut depth, mut size) = (0, 1 + entries.len().max(1));
        for (key, value) in &entries {
            depth = depth.max(value.depth());
            // Saturating, as for arrays.
            size = value.text_size().saturating_add(escaped_size(key) + 1).saturating_add(size);
        }
        Object(Arc::new(Inner { entries, by_key, depth: depth.saturating_add(1), size }))
    }

    /// As [`Object::from_entries`] for a caller who has already added up depth and size of these very members.
    pub(crate) fn from_measured(entries: Vec<(Arc<str>, Value)>, depth: u32, size: usize) -> Object {
        match find_duplicates(&entries) {
            Keys::Distinct(by_key) => Object(Arc::new(Inner { entries, by_key, depth, size })),
            Keys::Repeated(_) => Object::from_entries(entries),
        }
    }

    /// The value of a member.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.position(key).map(|at| &self.0.entries[at].1)
    }

    /// The place of a member in document order.
    pub fn position(&self, key: &str) -> Option<usize> {
        let entries = &self.0.entries;
        if self.0.by_key.is_empty() {
            return entries.iter().position(|(own, _)| &**own == key);
        }
        let at = self.0.by_key.binary_search_by(|at| (*entries[*at as usize].0).cmp(key)).ok()?;
        Some(self.0.by_key[at] as usize)
    }

    /// Whether there is such a member.
    pub fn contains_key(&self, key: &str) -> bool {
        self.position(key).is_some()
    }

    /// The members in document order.
    pub fn entries(&self) -> &[(Arc<str>, Value)] {
        &self.0.entries
    }

    /// The members in document order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Value)> + DoubleEndedIterator {
        self.0.entries.iter().map(|(key, value)| (key, value))
    }

    /// The keys in document order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Arc<str>> + DoubleEndedIterator {
        self.0.entries.iter().map(|(key, _)| key)
    }

    /// The values in document order.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> + DoubleEndedIterator {
        self.0.entries.iter().map(|(_, value)| value)
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        self.0.entries.len()
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.0.entries.is_empty()
    }

    /// Levels of arrays and objects, this one included.
    pub fn depth(&self) -> u32 {
        self.0.depth
    }

    /// Bytes of the compact text.
    pub fn text_size(&self) -> usize {
        self.0.size
    }

    /// Whether both are the same object in memory.
    pub fn ptr_eq(&self, other: &Object) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// A copy with this member replaced in its place, or added at the end.
    pub fn with(&self, key: Arc<str>, value: Value) -> Object {
        let Some(at) = self.position(&key) else {
            let mut entries = Vec::with_capacity(self.len() + 1);
            entries.extend_from_slice(&self.0.entries);
            let comma = usize::from(!entries.is_empty());
            let size = self.0.size + comma + escaped_size(&key) + 1 + value.text_size();
            let depth = self.0.depth.max(value.depth().saturating_add(1));
            entries.push((key, value));
            return Object::from_measured(entries, depth, size);
        };
        let mut entries = self.0.entries.clone();
        let size = self.0.size - entries[at].1.text_size() + value.text_size();
        entries[at].1 = value;
        let depth = entries.iter().map(|(_, value)| value.depth()).max().unwrap_or(0).saturating_add(1);
        Object(Arc::new(Inner { entries, by_key: self.0.by_key.clone(), depth, size }))
    }
}

enum Keys {
    /// All keys differ; holds the index (empty for a small object).
    Distinct(Vec<u32>),
    /// Some key repeats; holds all positions sorted by key, then by position.
    Repeated(Vec<u32>),
}

fn find_duplicates(entries: &[(Arc<str>, Value)]) -> Keys {
    let small = entries.len() < INDEX_FROM;
    if small
        && entries
            .iter()
            .enumerate()
            .all(|(at, (key, _))| !entries[..at].iter().any(|(other, _)| other == key))
    {
        return Keys::Distinct(Vec::new());
    }
    // More than u32::MAX members cannot come from any text this process could hold as members of 40 bytes each.
    let mut sorted: Vec<u32> = (0..u32::try_from(entries.len()).unwrap_or(u32::MAX)).collect();
    sorted.sort_by(|left, right| entries[*left as usize].0.cmp(&entries[*right as usize].0));
    let repeated = sorted.windows(2).any(|pair| entries[pair[0] as usize].0 == entries[pair[1] as usize].0);
    if repeated {
        Keys::Repeated(sorted)
    } else if small {
        Keys::Distinct(Vec::new())
    } else {
        Keys::Distinct(sorted)
    }
}

fn remove_duplicates(mut entries: Vec<(Arc<str>, Value)>, sorted: &[u32]) -> Vec<(Arc<str>, Value)> {
    let mut keep = vec![true; entries.len()];
    for group in sorted.chunk_by(|left, right| entries_equal(&entries, *left, *right)).collect::<Vec<_>>() {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        if first != last {
            entries[*first as usize].1 = entries[*last as usize].1.clone();
            for at in &group[1..] {
                keep[*at as usize] = false;
            }
        }
    }
    let mut keep = keep.into_iter();
    entries.retain(|_| keep.next().unwrap_or(true));
    entries
}

fn entries_equal(entries: &[(Arc<str>, Value)], left: u32, right: u32) -> bool {
    entries[left as usize].0 == entries[right as usize].0
}

impl Default for Object {
    fn default() -> Object {
        Object::from_entries(Vec::new())
    }
}

/// Members are compared by key, whatever their order.
impl PartialEq for Object {
    fn eq(&self, other: &Object) -> bool {
        if self.ptr_eq(other) {
            return true;
        }
        // Members mostly come in the same order: then no lookup is needed.
        self.len() == other.len()
            && self.iter().zip(other.iter()).all(|((key, value), (other_key, other_value))| {
                if key == other_key { value == other_value } else { other.get(key) == Some(value) }
            })
    }
}

impl<K: Into<Arc<str>>, V: Into<Value>> FromIterator<(K, V)> for Object {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Object {
        Object::from_entries(entries.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

impl std::ops::Index<&str> for Object {
    type Output = Value;

    /// The member's value, or null when there is none.
    fn index(&self, key: &str) -> &Value {
        self.get(key).unwrap_or(&Value::Null)
    }
}
