//! What an evaluation takes

use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use super::{Env, Item};
use crate::Error;

/// Counts what an evaluation takes: steps, and the bytes that its values hold at one time
///
/// The units follow what was measured on AWS: an element of an array costs 24, a character of a string two. What the
/// values really take is less.
pub(crate) struct Meter {
    held: Cell<usize>,
    most: usize,
    steps_left: Cell<u64>,
}

impl Meter {
    /// A meter that refuses more than `most` bytes at one time, and more than `steps` steps in all.
    pub(crate) fn new(most: usize, steps: u64) -> Meter {
        Meter { held: Cell::new(0), most, steps_left: Cell::new(steps) }
    }

    /// Counts steps.
    ///
    /// # Errors
    /// When there were too many: so an evaluation ends in bounded time without looking at a clock.
    #[inline]
    pub(crate) fn step(&self, steps: usize) -> Result<(), Error> {
        match self.steps_left.get().checked_sub(steps as u64) {
            Some(left) => {
                self.steps_left.set(left);
                Ok(())
            }
            None => {
                self.steps_left.set(0);
                Err(Error::limit("Expression evaluation timeout: Check for infinite loop"))
            }
        }
    }

    /// A meter for the same bytes, none of which are held, and the steps that are left: for the result, which is made of
    /// what is held.
    pub(crate) fn anew(&self) -> Meter {
        Meter::new(self.most, self.steps_left())
    }

    /// Counts the steps that a meter made by [`Meter::anew`] has counted.
    pub(crate) fn go_on_from(&self, meter: &Meter) {
        self.steps_left.set(meter.steps_left());
    }

    /// How many steps may still be taken.
    pub(crate) fn steps_left(&self) -> u64 {
        self.steps_left.get()
    }

    /// Takes bytes, which is a step too: whatever is made is counted in both ways.
    ///
    /// # Errors
    /// When a bound is exceeded; then nothing was taken.
    #[inline]
    pub(crate) fn take(&self, bytes: usize) -> Result<(), Error> {
        self.step(1)?;
        let held = self.held.get().saturating_add(bytes);
        if held > self.most {
            return Err(Error::limit(
                "Expression evaluation memory limit exceeded: Check for excessive memory usage",
            ));
        }
        self.held.set(held);
        Ok(())
    }

    /// Whether this many more bytes may be taken.
    pub(crate) fn check(&self, bytes: usize) -> Result<(), Error> {
        self.take(bytes)?;
        self.release(bytes);
        Ok(())
    }

    /// Gives bytes back.
    pub(crate) fn release(&self, bytes: usize) {
        self.held.set(self.held.get().saturating_sub(bytes));
    }
}

/// Drops what functions held, one after another: a chain of closures may be too long to be dropped by recursion
#[derive(Default)]
pub(crate) struct Dropper<'i> {
    waiting: RefCell<Vec<(Env<'i>, Vec<Item<'i>>)>>,
    is_at_work: Cell<bool>,
}

impl<'i> Dropper<'i> {
    /// Drops these, now or, when something is being dropped already, right after it.
    pub(crate) fn let_go(&self, env: Env<'i>, items: Vec<Item<'i>>) {
        self.waiting.borrow_mut().push((env, items));
        if self.is_at_work.replace(true) {
            return;
        }
        loop {
            let next = self.waiting.borrow_mut().pop();
            if next.is_none() {
                break;
            }
        }
        self.is_at_work.set(false);
    }
}

/// A string that was made
pub(crate) struct Text<'i> {
    text: Arc<str>,
    charge: usize,
    meter: &'i Meter,
}

/// Steps that an allocation takes, for its time.
pub(super) const ALLOCATION_STEPS: usize = 4;

/// Bytes that a string takes besides its characters.
const TEXT_BYTES: usize = 32;

impl<'i> Text<'i> {
    /// A string, counted.
    ///
    /// # Errors
    /// When the bound on memory is exceeded.
    pub(crate) fn make(text: &str, meter: &'i Meter) -> Result<Item<'i>, Error> {
        // A byte of UTF-8 stands for at most one UTF-16 unit.
        let charge = TEXT_BYTES + 2 * utf16_length(text);
        meter.step(ALLOCATION_STEPS + text.len() / 32)?;
        meter.take(charge)?;
        Ok(Item::Text(Rc::new(Text { text: text.into(), charge, meter })))
    }

    /// The text, shared.
    pub(crate) fn shared(&self) -> &Arc<str> {
        &self.text
    }
}

/// UTF-16 units of a text.
pub(crate) fn utf16_length(text: &str) -> usize {
    text.bytes().map(|byte| usize::from(byte & 0xC0 != 0x80) + usize::from(byte >= 0xF0)).sum()
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, formatter)
    }
}

impl Drop for Text<'_> {
    fn drop(&mut self) {
        self.meter.release(self.charge);
    }
}
