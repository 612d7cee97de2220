//! Arrays that were made

use std::ops::Deref;
use std::rc::Rc;

use super::meter::ALLOCATION_STEPS;
use super::{Item, Meter};
use crate::Error;

/// Bytes that an element of an array counts as, and an array itself.
pub(crate) const ELEMENT_BYTES: usize = 24;
const LIST_BYTES: usize = 64;

/// Levels of arrays and objects that an expression may build. Dropping and comparing recurse once for each.
pub(crate) const BUILT_DEPTH_MAX: u32 = 200;

/// An array that was made
pub(crate) struct List<'i> {
    items: Vec<Item<'i>>,
    flags: Flags,
    depth: u32,
    meter: &'i Meter,
}

/// What sort of array it is
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Flags {
    /// It stands for its elements: of one element it is that element, of none it is undefined
    pub(crate) sequence: bool,
    /// A sequence that stays an array although it has one element
    pub(crate) keep_singleton: bool,
    /// Made by an array constructor at an end of a path: not flattened
    pub(crate) constructed: bool,
    /// The array around the whole input when that is an array
    pub(crate) outer_wrapper: bool,
}

impl<'i> List<'i> {
    /// An array without elements.
    pub(crate) fn new(meter: &'i Meter) -> Result<List<'i>, Error> {
        meter.step(ALLOCATION_STEPS)?;
        meter.take(LIST_BYTES)?;
        Ok(List { items: Vec::new(), flags: Flags::default(), depth: 1, meter })
    }

    /// A sequence without elements.
    pub(crate) fn sequence(meter: &'i Meter) -> Result<List<'i>, Error> {
        let mut list = List::new(meter)?;
        list.flags.sequence = true;
        Ok(list)
    }

    /// Adds an element.
    ///
    /// # Errors
    /// When the bound on memory is exceeded, or the value would nest too deep.
    pub(crate) fn push(&mut self, item: Item<'i>) -> Result<(), Error> {
        self.meter.take(ELEMENT_BYTES)?;
        let depth = item.depth() + 1;
        if depth > self.depth {
            check_depth(depth)?;
            self.depth = depth;
        }
        self.items.push(item);
        Ok(())
    }

    /// Makes room for elements to come, once they are known to fit.
    ///
    /// # Errors
    /// When the bound on memory would be exceeded.
    pub(crate) fn reserve(&mut self, count: usize) -> Result<(), Error> {
        self.meter.check(count.saturating_mul(ELEMENT_BYTES))?;
        self.items.reserve_exact(count);
        Ok(())
    }

    /// Adds the elements of an array, or the value itself.
    pub(crate) fn extend(&mut self, item: &Item<'i>) -> Result<(), Error> {
        self.meter.check(item.count().saturating_mul(ELEMENT_BYTES))?;
        self.items.reserve(item.count());
        item.elements().try_for_each(|element| self.push(element))
    }

    pub(crate) fn flags(&self) -> Flags {
        self.flags
    }

    pub(crate) fn flags_mut(&mut self) -> &mut Flags {
        &mut self.flags
    }

    pub(crate) fn depth(&self) -> u32 {
        self.depth
    }

    /// The elements, to be put in another order or replaced by values that nest no deeper.
    pub(crate) fn items_mut(&mut self) -> &mut [Item<'i>] {
        &mut self.items
    }

    /// A copy that shares the elements.
    pub(crate) fn copy(&self) -> Result<List<'i>, Error> {
        let mut list = List::new(self.meter)?;
        self.meter.step(self.items.len() / 8)?;
        self.meter.take(self.items.len() * ELEMENT_BYTES)?;
        list.items = self.items.clone();
        list.flags = self.flags;
        list.depth = self.depth;
        Ok(list)
    }

    pub(crate) fn into_item(self) -> Item<'i> {
        Item::List(Rc::new(self))
    }
}

/// Refuses values that nest too deep to be handled safely.
pub(crate) fn check_depth(depth: u32) -> Result<(), Error> {
    if depth > BUILT_DEPTH_MAX {
        return Err(Error::limit("The expression makes a value that nests too deep"));
    }
    Ok(())
}

impl<'i> Deref for List<'i> {
    type Target = [Item<'i>];

    fn deref(&self) -> &[Item<'i>] {
        &self.items
    }
}

impl Drop for List<'_> {
    fn drop(&mut self) {
        self.meter.release(LIST_BYTES + self.items.len() * ELEMENT_BYTES);
    }
}
