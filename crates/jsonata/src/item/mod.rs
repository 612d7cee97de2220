//! Values while an expression is evaluated
//!
//! An [`Item`] is 16 bytes. What comes from the input is borrowed, and never copied; what the expression makes is
//! counted by reference, and its bytes by the evaluation's [`Meter`].

mod convert;
mod function;
mod list;
mod meter;
mod record;
mod tuples;

use std::rc::Rc;
use std::sync::Arc;

use stepwell_json::{Array, Number, Object, Value};

pub(crate) use convert::{evaluated, import};
pub(crate) use function::{
    Arguments, Chain, Env, Frame, Function, Holder, Lambda, NextMatch, Partial, Transform,
};
pub(crate) use list::List;
pub(crate) use meter::{Dropper, Meter, Text, utf16_length};
pub(crate) use record::{Key, Record};
pub(crate) use tuples::{Tuple, Tuples};

/// A value, or the lack of one
///
/// The tag takes eight bytes, so that an item is copied as two words.
#[derive(Clone)]
#[repr(u64)]
pub(crate) enum Item<'i> {
    /// No value
    Undefined,
    Null,
    Bool(bool),
    /// A number; may be infinite or "not a number"
    Number(f64),
    /// A number of the input whose text differs from that of its nearest `f64`: passed on, it stays as it is
    Exact(&'i Number),
    /// A string of the input or of the program
    InputString(&'i Arc<str>),
    /// A string that was made
    Text(Rc<Text<'i>>),
    InputArray(&'i Array),
    /// An array that was made
    List(Rc<List<'i>>),
    InputObject(&'i Object),
    /// An object that was made
    Record(Rc<Record<'i>>),
    /// A function of JSONata
    Builtin(&'static crate::functions::Builtin),
    /// A function that the expression made
    Function(Rc<Function<'i>>),
    /// What a path with bound variables or ancestors gives, on its way to the path around it
    Tuples(Rc<Tuples<'i>>),
}

/// Whole numbers up to here are the same as `f64`.
const EXACT_MAX: u64 = 1 << 53;

impl<'i> From<&'i Value> for Item<'i> {
    fn from(value: &'i Value) -> Item<'i> {
        match value {
            Value::Null => Item::Null,
            Value::Bool(value) => Item::Bool(*value),
            Value::Number(number) => match number.as_i64() {
                Some(whole) if whole.unsigned_abs() <= EXACT_MAX => Item::Number(whole as f64),
                None if number.integral().is_none() && !number.is_integer() => Item::Number(number.as_f64()),
                _ => Item::Exact(number),
            },
            Value::String(text) => Item::InputString(text),
            Value::Array(array) => Item::InputArray(array),
            Value::Object(object) => Item::InputObject(object),
        }
    }
}

impl<'i> Item<'i> {
    pub(crate) fn is_undefined(&self) -> bool {
        matches!(self, Item::Undefined)
    }

    /// The value when it is a number, finite or not.
    pub(crate) fn as_number(&self) -> Option<f64> {
        match self {
            Item::Number(number) => Some(*number),
            Item::Exact(number) => Some(number.as_f64()),
            _ => None,
        }
    }

    /// The text of a string.
    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Item::InputString(text) => Some(text),
            Item::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_array(&self) -> bool {
        matches!(self, Item::InputArray(_) | Item::List(_) | Item::Tuples(_))
    }

    pub(crate) fn is_object(&self) -> bool {
        matches!(self, Item::InputObject(_) | Item::Record(_))
    }

    pub(crate) fn is_function(&self) -> bool {
        matches!(self, Item::Builtin(_) | Item::Function(_))
    }

    /// A function that the expression made.
    pub(crate) fn as_function(&self) -> Option<&Rc<Function<'i>>> {
        match self {
            Item::Function(function) => Some(function),
            _ => None,
        }
    }

    /// Number of elements of an array; 1 for any other value, 0 for undefined.
    pub(crate) fn count(&self) -> usize {
        match self {
            Item::Undefined => 0,
            Item::InputArray(array) => array.len(),
            Item::List(list) => list.len(),
            Item::Tuples(tuples) => tuples.len(),
            _ => 1,
        }
    }

    /// The element of an array; for any other value itself at 0.
    pub(crate) fn element(&self, at: usize) -> Item<'i> {
        match self {
            Item::InputArray(array) => array.get(at).map_or(Item::Undefined, Item::from),
            Item::List(list) => list.get(at).cloned().unwrap_or(Item::Undefined),
            Item::Tuples(tuples) => tuples.get(at).map_or(Item::Undefined, |tuple| tuple.context.clone()),
            other if at == 0 => other.clone(),
            _ => Item::Undefined,
        }
    }

    /// The elements of an array; any other value, once; nothing for undefined.
    pub(crate) fn elements(&self) -> impl ExactSizeIterator<Item = Item<'i>> + '_ {
        (0..self.count()).map(|at| self.element(at))
    }

    /// The member of an object.
    pub(crate) fn member(&self, key: &str) -> Option<Item<'i>> {
        match self {
            Item::InputObject(object) => object.get(key).map(Item::from),
            Item::Record(record) => record.get(key).cloned(),
            _ => None,
        }
    }

    /// Number of members of an object.
    pub(crate) fn member_count(&self) -> usize {
        match self {
            Item::InputObject(object) => object.len(),
            Item::Record(record) => record.entries().len(),
            _ => 0,
        }
    }

    /// The member of an object at a place.
    pub(crate) fn member_at(&self, at: usize) -> Option<(Key<'i>, Item<'i>)> {
        match self {
            Item::InputObject(object) => {
                object.entries().get(at).map(|(key, value)| (Key::Input(key), Item::from(value)))
            }
            Item::Record(record) => record.entries().get(at).cloned(),
            _ => None,
        }
    }

    /// The members of an object, in order.
    pub(crate) fn members(&self) -> impl ExactSizeIterator<Item = (Key<'i>, Item<'i>)> + '_ {
        (0..self.member_count()).map(|at| {
            self.member_at(at).unwrap_or_else(|| unreachable!("there are as many members as counted"))
        })
    }

    /// Levels of arrays and objects that were made here; what comes from the input counts as none.
    pub(crate) fn depth(&self) -> u32 {
        match self {
            Item::List(list) => list.depth(),
            Item::Record(record) => record.depth(),
            _ => 0,
        }
    }

    /// Whether a sequence: an array that stands for its elements.
    pub(crate) fn is_sequence(&self) -> bool {
        matches!(self, Item::List(list) if list.flags().sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_small() {
        assert_eq!(16, std::mem::size_of::<Item<'_>>());
    }
}
