//! Writing at a reference path, as `ResultPath` does: only what lies on the way is copied

use crate::{DEPTH_MAX, Object, Value};
use std::fmt;
use std::sync::Arc;

/// One step of a reference path
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The member of an object
    Name(Arc<str>),
    /// The element of an array
    Index(usize),
}

/// Why a value cannot be written where the path leads
///
/// `at` is the number of steps that could be taken before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetError {
    /// A name leads into something that is not an object.
    NotAnObject {
        /// Steps taken before
        at: usize,
    },
    /// An index leads into something that is not an array.
    NotAnArray {
        /// Steps taken before
        at: usize,
    },
    /// The array has no element there; arrays never grow.
    IndexOutOfRange {
        /// Steps taken before
        at: usize,
    },
    /// The result would nest deeper than [`DEPTH_MAX`].
    TooDeep,
}

impl fmt::Display for SetError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetError::NotAnObject { at } => write!(formatter, "step {} needs an object", at + 1),
            SetError::NotAnArray { at } => write!(formatter, "step {} needs an array", at + 1),
            SetError::IndexOutOfRange { at } => {
                write!(formatter, "step {} is past the end of the array", at + 1)
            }
            SetError::TooDeep => write!(formatter, "the result would nest deeper than {DEPTH_MAX} levels"),
        }
    }
}

impl std::error::Error for SetError {}

/// A copy of `root` with `new` at the place `steps` lead to. Missing objects on the way are made, a missing member is
/// added at the end. Siblings are shared with `root`.
///
/// # Errors
/// Where the path leads through something that is neither object nor array, or past the end of an array.
pub fn set(root: &Value, steps: &[Step], new: Value) -> Result<Value, SetError> {
    // Recursion goes one level for each step, so their number is bounded first.
    let step_count = u32::try_from(steps.len()).unwrap_or(u32::MAX);
    if step_count.saturating_add(new.depth()) > DEPTH_MAX {
        return Err(SetError::TooDeep);
    }
    set_from(Some(root), steps, 0, new)
}

fn set_from(current: Option<&Value>, steps: &[Step], at: usize, new: Value) -> Result<Value, SetError> {
    match (steps.get(at), current) {
        (None, _) => Ok(new),
        (Some(Step::Name(name)), None) => {
            let value = set_from(None, steps, at + 1, new)?;
            Ok(Value::Object(Object::from_entries(vec![(name.clone(), value)])))
        }
        (Some(Step::Name(name)), Some(Value::Object(object))) => {
            let value = set_from(object.get(name), steps, at + 1, new)?;
            Ok(Value::Object(object.with(name.clone(), value)))
        }
        (Some(Step::Name(_)), Some(_)) => Err(SetError::NotAnObject { at }),
        (Some(Step::Index(index)), Some(Value::Array(array))) => {
            let element = array.get(*index).ok_or(SetError::IndexOutOfRange { at })?;
            let value = set_from(Some(element), steps, at + 1, new)?;
            array.with(*index, value).map(Value::Array).ok_or(SetError::IndexOutOfRange { at })
        }
        (Some(Step::Index(_)), _) => Err(SetError::NotAnArray { at }),
    }
}
