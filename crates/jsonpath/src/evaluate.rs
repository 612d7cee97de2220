//! Following a path through a document

use crate::PathError;
use crate::segment::{Segment, bracket_notation};
use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;
use stepwell_json::{Object, Value};

/// Most values an indefinite path may select, at its end and at any segment on the way.
pub const RESULTS_MAX: usize = 1_000_000;

/// Most values that one evaluation may visit, filters included: scans in scans and filters that scan multiply.
pub const WORK_MAX: u64 = 4_000_000;

/// Beginning of a foreign value that a message shows, in characters.
const FOUND_SHOWN_MAX: usize = 200;

/// How many values may still be visited
pub(crate) struct Budget(Cell<u64>);

impl Budget {
    pub(crate) fn new(visits: u64) -> Budget {
        Budget(Cell::new(visits))
    }

    pub(crate) fn spend(&self, visits: usize) -> Result<(), PathError> {
        let left = self.0.get().checked_sub(visits as u64);
        self.0.set(left.unwrap_or(0));
        left.map(|_| ()).ok_or(PathError::TooMuchWork)
    }

    pub(crate) fn left(&self) -> u64 {
        self.0.get()
    }
}

/// Follows a definite path: the value, or why there is none.
pub(crate) fn definite(segments: &[Segment], root: &Value) -> Result<Value, PathError> {
    match find(segments, root) {
        Ok(value) => Ok(value.into_owned()),
        Err(stop) => Err(explain(segments, &stop)),
    }
}

/// Follows a definite path without making up a message for a dead end.
pub(crate) fn find<'a>(segments: &[Segment], root: &'a Value) -> Result<Cow<'a, Value>, Stop<'a>> {
    match segments.split_last() {
        Some((Segment::Names(names), before)) => match follow(before, root)? {
            Value::Object(object) => Ok(Cow::Owned(merge(object, names))),
            found => Err(Stop { at: before.len(), found }),
        },
        _ => follow(segments, root).map(Cow::Borrowed),
    }
}

/// Whether a definite path leads somewhere; of several names at its end, all must be there.
pub(crate) fn definite_exists(segments: &[Segment], root: &Value) -> bool {
    match segments.split_last() {
        Some((Segment::Names(names), before)) => {
            follow(before, root).is_ok_and(|parent| names.iter().all(|name| parent.get(name).is_some()))
        }
        _ => follow(segments, root).is_ok(),
    }
}

/// The members of these names as an object; without those that are missing.
fn merge(object: &Object, names: &[Arc<str>]) -> Value {
    let entries = names.iter().filter_map(|name| object.get(name).map(|value| (name.clone(), value.clone())));
    Value::Object(Object::from_entries(entries.collect()))
}

/// Where a path ends too early: the segment that could not be followed, and the value it was applied to
pub(crate) struct Stop<'a> {
    at: usize,
    found: &'a Value,
}

/// Follows segments that are all single names or indexes.
fn follow<'a>(segments: &[Segment], root: &'a Value) -> Result<&'a Value, Stop<'a>> {
    let mut current = root;
    for (at, segment) in segments.iter().enumerate() {
        let next = match (segment, current) {
            (Segment::Name(name), Value::Object(object)) => object.get(name),
            (Segment::Index(index), Value::Array(array)) => element(array, *index),
            _ => None,
        };
        current = next.ok_or(Stop { at, found: current })?;
    }
    Ok(current)
}

/// The library's words for a path that ends too early.
fn explain(segments: &[Segment], stop: &Stop<'_>) -> PathError {
    let before = || bracket_notation(&segments[..stop.at]);
    let segment_text = || {
        let mut text = String::new();
        if let Some(segment) = segments.get(stop.at) {
            segment.write(&mut text);
        }
        text
    };
    match (segments.get(stop.at), stop.found) {
        (Some(Segment::Name(_)), Value::Object(_)) if stop.at + 1 == segments.len() => {
            PathError::NoResults { path: bracket_notation(segments) }
        }
        (Some(Segment::Name(_)), Value::Object(_)) => {
            PathError::MissingProperty { path: bracket_notation(&segments[..=stop.at]) }
        }
        (Some(Segment::Index(_)), Value::Array(_)) => {
            PathError::IndexOutOfRange { path: bracket_notation(segments) }
        }
        (Some(Segment::Index(_)), Value::Null) => PathError::NullArray { path: before() },
        (Some(Segment::Index(_)), found) => {
            PathError::NotAnArray { index: segment_text(), found: beginning(found) }
        }
        _ => PathError::PropertyNotFound { property: segment_text(), path: before() },
    }
}

/// A foreign value in a message.
fn beginning(found: &Value) -> String {
    found.to_text().chars().take(FOUND_SHOWN_MAX).collect()
}

/// The element at an index; a negative one counts from the end.
fn element(array: &[Value], index: i32) -> Option<&Value> {
    let at =
        usize::try_from(index).ok().or_else(|| array.len().checked_sub(index.unsigned_abs() as usize))?;
    array.get(at)
}

/// All values an indefinite path selects, and none deeper than the root. `None` where its definite beginning leads nowhere.
///
/// `document` is what `$` within filters means.
pub(crate) fn indefinite<'a>(
    segments: &[Segment],
    definite_count: usize,
    root: &'a Value,
    document: &'a Value,
    budget: &Budget,
) -> Result<Option<Vec<Value>>, PathError> {
    let selection = Selection { segments, document, budget, all_required: false };
    let Some(nodes) = selection.nodes(definite_count, root)? else { return Ok(None) };
    let Some(Segment::Names(names)) = segments.last() else {
        return Ok(Some(nodes.into_iter().cloned().collect()));
    };
    let merged = nodes.into_iter().filter_map(|node| node.as_object().map(|object| merge(object, names)));
    Ok(Some(merged.collect()))
}

/// Whether an indefinite path exists in the sense of a filter: every member it asks for by name is there. As in the
/// library, an empty selection exists as long as nothing was missing.
pub(crate) fn exists(
    segments: &[Segment],
    definite_count: usize,
    root: &Value,
    document: &Value,
    budget: &Budget,
) -> Result<bool, PathError> {
    let selection = Selection { segments, document, budget, all_required: true };
    Ok(selection.nodes(definite_count, root)?.is_some())
}

/// One evaluation of an indefinite path, segment by segment over all values selected so far
struct Selection<'s, 'a> {
    segments: &'s [Segment],
    document: &'a Value,
    budget: &'s Budget,
    /// A missing member makes the whole selection fail.
    all_required: bool,
}

impl<'a> Selection<'_, 'a> {
    /// The values that all segments select; several names at the end are left to the caller to merge.
    fn nodes(&self, definite_count: usize, root: &'a Value) -> Result<Option<Vec<&'a Value>>, PathError> {
        let Ok(start) = follow(&self.segments[..definite_count], root) else { return Ok(None) };
        let first_is_array_only =
            matches!(self.segments.get(definite_count), Some(Segment::Indexes(_) | Segment::Slice { .. }));
        if first_is_array_only && start.as_array().is_none() {
            return Ok(None);
        }
        let first_is_filter = matches!(self.segments.get(definite_count), Some(Segment::Filter(_)));
        if first_is_filter && start.depth() == 0 {
            return Err(PathError::FilterOnPrimitive { found: beginning(start) });
        }
        let mut nodes = vec![start];
        let mut scanning = false;
        for (at, segment) in self.segments.iter().enumerate().skip(definite_count) {
            if matches!(segment, Segment::Scan) {
                scanning = true;
                continue;
            }
            let is_last = at + 1 == self.segments.len();
            let mut selected = Vec::new();
            for node in nodes {
                if scanning {
                    self.scan(segment, is_last, node, &mut selected)?;
                } else if !self.apply(segment, is_last, node, &mut selected)? {
                    return Ok(None);
                }
                if selected.len() > RESULTS_MAX {
                    return Err(PathError::TooMuchWork);
                }
            }
            scanning = false;
            nodes = selected;
        }
        Ok(Some(nodes))
    }

    /// Applies a segment to a value and everything below it, each value before what is in it.
    fn scan(
        &self,
        segment: &Segment,
        is_last: bool,
        top: &'a Value,
        selected: &mut Vec<&'a Value>,
    ) -> Result<(), PathError> {
        let mut waiting = vec![top];
        while let Some(node) = waiting.pop() {
            self.budget.spend(1)?;
            match node {
                Value::Object(object) => {
                    let applies = match segment {
                        Segment::Name(name) => object.contains_key(name),
                        Segment::Names(names) if is_last => {
                            names.iter().all(|name| object.contains_key(name))
                        }
                        _ => true,
                    };
                    if applies {
                        self.apply(segment, is_last, node, selected)?;
                    }
                    waiting.extend(object.values().rev());
                }
                Value::Array(array) => {
                    let applies = match segment {
                        Segment::Name(_) | Segment::Names(_) => false,
                        // The library asks the array itself before it looks at the elements.
                        Segment::Filter(filter) => filter.accepts(node, self.document, self.budget)?,
                        _ => true,
                    };
                    if applies {
                        self.apply(segment, is_last, node, selected)?;
                    }
                    waiting.extend(array.iter().rev());
                }
                _ => {}
            }
            if selected.len() > RESULTS_MAX {
                return Err(PathError::TooMuchWork);
            }
        }
        Ok(())
    }

    /// Applies a segment to one value. `false` where a member is missing that had to be there.
    fn apply(
        &self,
        segment: &Segment,
        is_last: bool,
        node: &'a Value,
        selected: &mut Vec<&'a Value>,
    ) -> Result<bool, PathError> {
        self.budget.spend(1)?;
        match (segment, node) {
            (Segment::Name(name), Value::Object(object)) => match object.get(name) {
                Some(value) => selected.push(value),
                None => return Ok(!self.all_required),
            },
            (Segment::Names(names), Value::Object(object)) if is_last => {
                let complete = names.iter().all(|name| object.contains_key(name));
                selected.push(node);
                return Ok(complete || !self.all_required);
            }
            (Segment::Names(names), Value::Object(object)) => {
                let before = selected.len();
                selected.extend(names.iter().filter_map(|name| object.get(name)));
                return Ok(selected.len() == before + names.len() || !self.all_required);
            }
            (Segment::Index(index), Value::Array(array)) => selected.extend(element(array, *index)),
            (Segment::Indexes(indexes), Value::Array(array)) => {
                selected.extend(indexes.iter().filter_map(|index| element(array, *index)));
            }
            (Segment::Slice { from, to }, Value::Array(array)) => slice(array, *from, *to, selected),
            (Segment::Wildcard, Value::Object(object)) => selected.extend(object.values()),
            (Segment::Wildcard, Value::Array(array)) => selected.extend(array.iter()),
            (Segment::Filter(filter), Value::Object(_)) => {
                // A filter on an object keeps the object itself or drops it.
                let keeps = filter.accepts(node, self.document, self.budget)?;
                selected.extend(keeps.then_some(node));
            }
            (Segment::Filter(filter), Value::Array(array)) => {
                for item in array {
                    if filter.accepts(item, self.document, self.budget)? {
                        selected.push(item);
                    }
                }
            }
            _ => {}
        }
        Ok(true)
    }
}

/// The elements of a slice, with the library's view of negative bounds: with one bound they count from the end. With
/// two bounds the numbers from one to the other are taken as indexes, each of which counts from the end if negative.
fn slice<'a>(array: &'a [Value], from: Option<i32>, to: Option<i32>, selected: &mut Vec<&'a Value>) {
    let length = i64::try_from(array.len()).unwrap_or(i64::MAX);
    let from_end = |bound: i32| if bound < 0 { length + i64::from(bound) } else { i64::from(bound) };
    let (first, end) = match (from, to) {
        (Some(from), Some(to)) => (i64::from(from).max(-length), i64::from(to).min(length)),
        (Some(from), None) => (from_end(from).max(0), length),
        (None, Some(to)) => (0, from_end(to).min(length)),
        (None, None) => (0, length),
    };
    for at in first..end {
        let at = if at < 0 { length + at } else { at };
        selected.extend(usize::try_from(at).ok().and_then(|at| array.get(at)));
    }
}
