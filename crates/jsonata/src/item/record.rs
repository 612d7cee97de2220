//! Objects that were made

use std::cell::OnceCell;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use super::list::check_depth;
use super::meter::ALLOCATION_STEPS;
use super::{Item, Meter, Text};
use crate::Error;

/// Bytes that a member of an object counts as, and an object itself.
const MEMBER_BYTES: usize = 48;
const RECORD_BYTES: usize = 64;

/// From this many members on, lookups go through an index.
const INDEX_FROM: usize = 12;

/// The name of a member
#[derive(Clone)]
pub(crate) enum Key<'i> {
    /// Of the input or of the program
    Input(&'i Arc<str>),
    /// Made
    Made(Rc<Text<'i>>),
}

impl<'i> Key<'i> {
    /// The name as a value.
    pub(crate) fn into_item(self) -> Item<'i> {
        match self {
            Key::Input(text) => Item::InputString(text),
            Key::Made(text) => Item::Text(text),
        }
    }

    /// The name, shared.
    pub(crate) fn shared(&self) -> Arc<str> {
        match self {
            Key::Input(text) => (*text).clone(),
            Key::Made(text) => text.shared().clone(),
        }
    }
}

impl<'i> TryFrom<&Item<'i>> for Key<'i> {
    type Error = ();

    fn try_from(item: &Item<'i>) -> Result<Key<'i>, ()> {
        match item {
            Item::InputString(text) => Ok(Key::Input(text)),
            Item::Text(text) => Ok(Key::Made(text.clone())),
            _ => Err(()),
        }
    }
}

impl Deref for Key<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Key::Input(text) => text,
            Key::Made(text) => text,
        }
    }
}

/// An object that was made
pub(crate) struct Record<'i> {
    entries: Vec<(Key<'i>, Item<'i>)>,
    /// Places of the members in the order of their names, made when a large object is first searched
    index: OnceCell<Vec<u32>>,
    depth: u32,
    meter: &'i Meter,
}

impl<'i> Record<'i> {
    /// An object without members.
    pub(crate) fn new(meter: &'i Meter) -> Result<Record<'i>, Error> {
        meter.step(ALLOCATION_STEPS)?;
        meter.take(RECORD_BYTES)?;
        Ok(Record { entries: Vec::new(), index: OnceCell::new(), depth: 1, meter })
    }

    /// An object that is to have about this many members.
    pub(crate) fn with_capacity(count: usize, meter: &'i Meter) -> Result<Record<'i>, Error> {
        let mut record = Record::new(meter)?;
        record.entries.reserve_exact(count);
        Ok(record)
    }

    /// Adds a member that is known not to be there.
    ///
    /// # Errors
    /// When the bound on memory is exceeded, or the value would nest too deep.
    pub(crate) fn push(&mut self, key: Key<'i>, value: Item<'i>) -> Result<(), Error> {
        self.meter.take(MEMBER_BYTES)?;
        self.see(&value)?;
        if self.index.get().is_some() {
            self.index = OnceCell::new();
        }
        self.entries.push((key, value));
        Ok(())
    }

    /// Gives the member at a place another value.
    pub(crate) fn replace(&mut self, at: usize, value: Item<'i>) -> Result<(), Error> {
        self.see(&value)?;
        if let Some((_, old)) = self.entries.get_mut(at) {
            *old = value;
        }
        Ok(())
    }

    /// Takes a member away.
    pub(crate) fn remove(&mut self, key: &str) {
        if let Some(at) = self.position(key) {
            self.entries.remove(at);
            self.index = OnceCell::new();
            self.meter.release(MEMBER_BYTES);
        }
    }

    fn see(&mut self, value: &Item<'i>) -> Result<(), Error> {
        let depth = value.depth() + 1;
        if depth > self.depth {
            check_depth(depth)?;
            self.depth = depth;
        }
        Ok(())
    }

    /// The members, in order.
    pub(crate) fn entries(&self) -> &[(Key<'i>, Item<'i>)] {
        &self.entries
    }

    /// The value at a place, to be changed into one that nests no deeper.
    pub(crate) fn value_mut(&mut self, at: usize) -> Option<&mut Item<'i>> {
        self.entries.get_mut(at).map(|(_, value)| value)
    }

    /// Where a member stands.
    pub(crate) fn position(&self, key: &str) -> Option<usize> {
        if self.entries.len() < INDEX_FROM {
            return self.entries.iter().position(|(own, _)| &**own == key);
        }
        let index = self.index.get_or_init(|| {
            let mut index: Vec<u32> = (0..u32::try_from(self.entries.len()).unwrap_or(u32::MAX)).collect();
            index.sort_unstable_by(|left, right| {
                self.entries[*left as usize].0.cmp(&*self.entries[*right as usize].0)
            });
            index
        });
        let found = index.binary_search_by(|at| (*self.entries[*at as usize].0).cmp(key)).ok()?;
        index.get(found).map(|at| *at as usize)
    }

    /// The value of a member.
    pub(crate) fn get(&self, key: &str) -> Option<&Item<'i>> {
        self.position(key).and_then(|at| self.entries.get(at)).map(|(_, value)| value)
    }

    pub(crate) fn depth(&self) -> u32 {
        self.depth
    }

    pub(crate) fn into_item(self) -> Item<'i> {
        Item::Record(Rc::new(self))
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        self.meter.release(RECORD_BYTES + self.entries.len() * MEMBER_BYTES);
    }
}
