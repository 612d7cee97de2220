//! Functions as values, and the frames in which variables are bound

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use smallvec::SmallVec;

use super::meter::ALLOCATION_STEPS;
use super::{Dropper, Item, Meter};
use crate::Error;
use crate::pattern::Pattern;
use crate::program::{Code, LambdaCode, Symbol};

/// The innermost frame, or none at the top
pub(crate) type Env<'i> = Option<Rc<Frame<'i>>>;

/// Bytes that a frame, a variable in it, and a function count as.
const FRAME_BYTES: usize = 64;
const BINDING_BYTES: usize = 32;
const FUNCTION_BYTES: usize = 96;

/// Arguments of a call
pub(crate) type Arguments<'i> = SmallVec<[Item<'i>; 3]>;

/// Variables of a block, a call or a tuple
pub(crate) struct Frame<'i> {
    pub(crate) parent: Env<'i>,
    /// The parameters of a call; their values are the arguments
    parameters: &'i [Symbol],
    arguments: RefCell<Arguments<'i>>,
    /// A function closes over it
    pub(crate) is_closed_over: Cell<bool>,
    bindings: RefCell<Vec<(Symbol, Item<'i>)>>,
    meter: &'i Meter,
}

impl<'i> Frame<'i> {
    /// A frame inside another.
    pub(crate) fn new(
        parent: Env<'i>,
        bindings: Vec<(Symbol, Item<'i>)>,
        meter: &'i Meter,
    ) -> Result<Frame<'i>, Error> {
        meter.step(ALLOCATION_STEPS)?;
        meter.take(FRAME_BYTES + bindings.len() * BINDING_BYTES)?;
        Ok(Frame {
            parent,
            parameters: &[],
            arguments: RefCell::default(),
            is_closed_over: Cell::new(false),
            bindings: RefCell::new(bindings),
            meter,
        })
    }

    /// A frame for a call. Parameters without an argument are undefined.
    pub(crate) fn of_call(
        parent: Env<'i>,
        parameters: &'i [Symbol],
        mut arguments: Arguments<'i>,
        meter: &'i Meter,
    ) -> Result<Frame<'i>, Error> {
        meter.step(ALLOCATION_STEPS)?;
        meter.take(FRAME_BYTES + parameters.len() * BINDING_BYTES)?;
        arguments.resize(parameters.len(), Item::Undefined);
        Ok(Frame {
            parent,
            parameters,
            arguments: RefCell::new(arguments),
            is_closed_over: Cell::new(false),
            bindings: RefCell::default(),
            meter,
        })
    }

    /// The value of a variable bound in this very frame; bound to nothing, it is undefined.
    pub(crate) fn own(&self, symbol: Symbol) -> Option<Item<'i>> {
        // Of two parameters of the same name the last counts.
        if let Some(at) = self.parameters.iter().rposition(|own| *own == symbol) {
            return self.arguments.borrow().get(at).cloned();
        }
        let bindings = self.bindings.borrow();
        bindings.iter().find(|(own, _)| *own == symbol).map(|(_, value)| value.clone())
    }

    /// Binds a variable in this frame.
    pub(crate) fn bind(&self, symbol: Symbol, value: Item<'i>) -> Result<(), Error> {
        if let Some(at) = self.parameters.iter().rposition(|own| *own == symbol) {
            let old = self.arguments.borrow_mut().get_mut(at).map(|slot| std::mem::replace(slot, value));
            drop(old);
            return Ok(());
        }
        let mut bindings = self.bindings.borrow_mut();
        // What was bound before may be dropped only once the bindings are free again.
        let old = match bindings.iter_mut().find(|(own, _)| *own == symbol) {
            Some((_, old)) => std::mem::replace(old, value),
            None => {
                self.meter.take(BINDING_BYTES)?;
                bindings.push((symbol, value));
                Item::Undefined
            }
        };
        drop(bindings);
        drop(old);
        Ok(())
    }

    /// Forgets all variables: breaks the circle of a function that is bound in the frame which it closes over.
    pub(crate) fn clear(&self) {
        drop(self.arguments.take());
        let bindings = self.bindings.take();
        self.meter.release(bindings.len() * BINDING_BYTES);
    }
}

impl Drop for Frame<'_> {
    fn drop(&mut self) {
        let variables = self.parameters.len() + self.bindings.get_mut().len();
        self.meter.release(FRAME_BYTES + variables * BINDING_BYTES);
    }
}

/// A function as a value
pub(crate) enum Function<'i> {
    /// `function(…) { … }`
    Lambda(Lambda<'i>),
    /// A function with some arguments given
    Partial(Partial<'i>),
    /// `f ~> g`
    Chain(Chain<'i>),
    /// A regular expression, which is a function that finds its matches
    Regex(&'i Pattern),
    /// The member `next` of a match: finds the match behind it
    NextMatch(NextMatch<'i>),
    /// `|pattern|update, delete|`
    Transform(Transform<'i>),
}

/// What all functions that hold values need when they go
pub(crate) struct Holder<'i> {
    bytes: usize,
    meter: &'i Meter,
    dropper: Rc<Dropper<'i>>,
}

impl<'i> Holder<'i> {
    /// Counts a function with this many values.
    pub(crate) fn new(
        values: usize,
        meter: &'i Meter,
        dropper: &Rc<Dropper<'i>>,
    ) -> Result<Holder<'i>, Error> {
        let bytes = FUNCTION_BYTES + values * BINDING_BYTES;
        meter.step(ALLOCATION_STEPS)?;
        meter.take(bytes)?;
        Ok(Holder { bytes, meter, dropper: dropper.clone() })
    }

    fn release(&self, env: Env<'i>, items: Vec<Item<'i>>) {
        self.meter.release(self.bytes);
        self.dropper.let_go(env, items);
    }
}

/// A lambda with what it closes over
pub(crate) struct Lambda<'i> {
    pub(crate) code: &'i LambdaCode,
    pub(crate) env: Env<'i>,
    /// The context where it was made
    pub(crate) input: Item<'i>,
    pub(crate) holder: Holder<'i>,
}

impl Drop for Lambda<'_> {
    fn drop(&mut self) {
        let input = std::mem::replace(&mut self.input, Item::Undefined);
        self.holder.release(self.env.take(), vec![input]);
    }
}

/// A function with some arguments given
pub(crate) struct Partial<'i> {
    /// The function, and then the arguments; undefined where a placeholder stands
    pub(crate) items: Vec<Item<'i>>,
    /// Which of the arguments are placeholders
    pub(crate) placeholders: Vec<usize>,
    pub(crate) holder: Holder<'i>,
}

impl<'i> Partial<'i> {
    /// The function and the arguments, with these in the places of the placeholders.
    pub(crate) fn fill(&self, given: Arguments<'i>) -> (Item<'i>, Arguments<'i>) {
        let mut items: Arguments<'i> = self.items.iter().cloned().collect();
        for (place, value) in self.placeholders.iter().zip(given) {
            if let Some(slot) = items.get_mut(place + 1) {
                *slot = value;
            }
        }
        let function = items.remove(0);
        (function, items)
    }
}

impl Drop for Partial<'_> {
    fn drop(&mut self) {
        self.holder.release(None, std::mem::take(&mut self.items));
    }
}

/// Two functions, the second applied to the result of the first
pub(crate) struct Chain<'i> {
    pub(crate) first: Item<'i>,
    pub(crate) second: Item<'i>,
    pub(crate) holder: Holder<'i>,
}

impl Drop for Chain<'_> {
    fn drop(&mut self) {
        let first = std::mem::replace(&mut self.first, Item::Undefined);
        let second = std::mem::replace(&mut self.second, Item::Undefined);
        self.holder.release(None, vec![first, second]);
    }
}

/// Where the next match is sought
pub(crate) struct NextMatch<'i> {
    pub(crate) pattern: &'i Pattern,
    pub(crate) text: Arc<str>,
    /// Byte offset
    pub(crate) from: usize,
}

/// A transformation with what it closes over
pub(crate) struct Transform<'i> {
    pub(crate) pattern: &'i Code,
    pub(crate) update: &'i Code,
    pub(crate) delete: Option<&'i Code>,
    pub(crate) env: Env<'i>,
    pub(crate) holder: Holder<'i>,
}

impl Drop for Transform<'_> {
    fn drop(&mut self) {
        self.holder.release(self.env.take(), Vec::new());
    }
}
