//! Values on their way along a path that binds variables

use std::ops::Deref;

use super::{Item, Meter};
use crate::Error;
use crate::program::Symbol;

/// Bytes that a tuple counts as, and a variable in it.
const TUPLE_BYTES: usize = 64;
const BINDING_BYTES: usize = 32;

/// A value with the variables and ancestors that were bound on the way to it
#[derive(Clone)]
pub(crate) struct Tuple<'i> {
    pub(crate) context: Item<'i>,
    pub(crate) bindings: Vec<(Symbol, Item<'i>)>,
}

impl<'i> Tuple<'i> {
    /// A value with which nothing is bound.
    pub(crate) fn of(context: Item<'i>) -> Tuple<'i> {
        Tuple { context, bindings: Vec::new() }
    }

    /// Binds a variable, in place of an older binding of the same name.
    pub(crate) fn bind(&mut self, symbol: Symbol, value: Item<'i>) {
        match self.bindings.iter_mut().find(|(own, _)| *own == symbol) {
            Some((_, old)) => *old = value,
            None => self.bindings.push((symbol, value)),
        }
    }
}

/// A stream of tuples, counted
pub(crate) struct Tuples<'i> {
    tuples: Vec<Tuple<'i>>,
    bytes: usize,
    meter: &'i Meter,
}

impl<'i> Tuples<'i> {
    pub(crate) fn new(meter: &'i Meter) -> Tuples<'i> {
        Tuples { tuples: Vec::new(), bytes: 0, meter }
    }

    /// Adds a tuple.
    ///
    /// # Errors
    /// When the bound on memory is exceeded.
    pub(crate) fn push(&mut self, tuple: Tuple<'i>) -> Result<(), Error> {
        let bytes = TUPLE_BYTES + tuple.bindings.len() * BINDING_BYTES;
        self.meter.take(bytes)?;
        self.bytes += bytes;
        self.tuples.push(tuple);
        Ok(())
    }

    /// The tuples, to be bound more variables or put in another order.
    pub(crate) fn tuples_mut(&mut self) -> &mut [Tuple<'i>] {
        &mut self.tuples
    }
}

impl<'i> Deref for Tuples<'i> {
    type Target = [Tuple<'i>];

    fn deref(&self) -> &[Tuple<'i>] {
        &self.tuples
    }
}

impl Drop for Tuples<'_> {
    fn drop(&mut self) {
        self.meter.release(self.bytes);
    }
}
