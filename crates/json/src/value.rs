//! The value: shared, immutable, with depth and text size known at once

use crate::{Number, Object, write};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// An immutable JSON value. A clone copies a pointer and takes no time that depends on the size.
#[derive(Clone, Default, PartialEq)]
pub enum Value {
    /// `null`
    #[default]
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number; compared by its numeric value
    Number(Number),
    /// A string
    String(Arc<str>),
    /// An array
    Array(Array),
    /// An object; the order of members is kept but not compared
    Object(Object),
}

impl Value {
    /// The value of `true` or `false`.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number.
    pub fn as_number(&self) -> Option<&Number> {
        match self {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    /// A whole number that `i64` holds; `None` for `1.0` (see [`Number::integral`]).
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number().and_then(Number::as_i64)
    }

    /// The nearest `f64` of a number.
    pub fn as_f64(&self) -> Option<f64> {
        self.as_number().map(Number::as_f64)
    }

    /// The array.
    pub fn as_array(&self) -> Option<&Array> {
        match self {
            Value::Array(array) => Some(array),
            _ => None,
        }
    }

    /// The object.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Value::Object(object) => Some(object),
            _ => None,
        }
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The member of an object; `None` for a missing one and for any other value.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_object()?.get(key)
    }

    /// The element of an array; `None` past its end and for any other value.
    pub fn index(&self, at: usize) -> Option<&Value> {
        self.as_array()?.get(at)
    }

    /// Levels of arrays and objects: 0 for a plain value, 1 for `[]` and `{"a":1}`. Takes constant time.
    pub fn depth(&self) -> u32 {
        match self {
            Value::Array(array) => array.depth(),
            Value::Object(object) => object.depth(),
            _ => 0,
        }
    }

    /// Bytes of the compact JSON text. Takes constant time for arrays and objects.
    pub fn text_size(&self) -> usize {
        match self {
            Value::Null => 4,
            Value::Bool(value) => 5 - usize::from(*value),
            Value::Number(number) => number.text_size(),
            Value::String(text) => write::escaped_size(text),
            Value::Array(array) => array.text_size(),
            Value::Object(object) => object.text_size(),
        }
    }

    /// What kind of value this is: `null`, `boolean`, `number`, `string`, `array` or `object`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        }
    }

    /// The compact JSON text.
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(self.text_size());
        write::write_text(self, &mut text);
        text
    }

    /// The beginning of the compact JSON text, in at most this many bytes. Takes time in their number, although a value
    /// that holds a part many times can have a text that no memory holds.
    pub fn to_text_up_to(&self, bytes_max: usize) -> String {
        let mut beginning = write::Beginning { text: String::new(), bytes_max };
        write::write_text(self, &mut beginning);
        beginning.text
    }

    /// The JSON text over several lines, two spaces for each level.
    pub fn to_pretty_text(&self) -> String {
        let mut text = String::with_capacity(self.text_size() * 2);
        write::write_pretty(self, &mut text);
        text
    }

    /// The empty object.
    pub fn empty_object() -> Value {
        Value::Object(Object::default())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_text())
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_text())
    }
}

impl fmt::Debug for Array {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&Value::Array(self.clone()).to_text())
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&Value::Object(self.clone()).to_text())
    }
}

/// An immutable JSON array. A clone copies a pointer; it reads as a slice.
#[derive(Clone)]
pub struct Array(Arc<Elements>);

struct Elements {
    items: Vec<Value>,
    depth: u32,
    size: usize,
}

impl Array {
    /// An array of these elements. Depth and size are added up here, once.
    pub fn new(items: Vec<Value>) -> Array {
        let depth = items.iter().map(Value::depth).max().unwrap_or(0).saturating_add(1);
        let brackets = 1 + items.len().max(1);
        // Saturating: an array of itself, again and again, soon has a text longer than any number.
        let size = items.iter().map(Value::text_size).fold(brackets, usize::saturating_add);
        Array::from_measured(items, depth, size)
    }

    /// As [`Array::new`] for a caller who has already added up depth and size.
    pub(crate) fn from_measured(items: Vec<Value>, depth: u32, size: usize) -> Array {
        Array(Arc::new(Elements { items, depth, size }))
    }

    /// The elements.
    pub fn items(&self) -> &[Value] {
        &self.0.items
    }

    /// Levels of arrays and objects, this one included.
    pub fn depth(&self) -> u32 {
        self.0.depth
    }

    /// Bytes of the compact text.
    pub fn text_size(&self) -> usize {
        self.0.size
    }

    /// Whether both are the same array in memory.
    pub fn ptr_eq(&self, other: &Array) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// A copy with the element at `at` replaced; `None` past the end.
    pub fn with(&self, at: usize, value: Value) -> Option<Array> {
        let size = self.0.size - self.0.items.get(at)?.text_size() + value.text_size();
        let mut items = self.0.items.clone();
        *items.get_mut(at)? = value;
        let depth = items.iter().map(Value::depth).max().unwrap_or(0).saturating_add(1);
        Some(Array::from_measured(items, depth, size))
    }
}

impl Default for Array {
    fn default() -> Array {
        Array::new(Vec::new())
    }
}

impl Deref for Array {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.0.items
    }
}

impl PartialEq for Array {
    fn eq(&self, other: &Array) -> bool {
        self.ptr_eq(other) || self.0.items == other.0.items
    }
}

impl<V: Into<Value>> FromIterator<V> for Array {
    fn from_iter<I: IntoIterator<Item = V>>(items: I) -> Array {
        Array::new(items.into_iter().map(Into::into).collect())
    }
}

impl<'a> IntoIterator for &'a Array {
    type Item = &'a Value;
    type IntoIter = std::slice::Iter<'a, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.items.iter()
    }
}

/// A float that JSON cannot hold becomes `null`; use [`Number::from_f64`] where that must not pass unseen.
impl From<f64> for Value {
    fn from(value: f64) -> Value {
        Number::from_f64(value).map_or(Value::Null, Value::Number)
    }
}

macro_rules! value_from {
    ($($source:ty => |$name:ident| $made:expr;)*) => {$(
        impl From<$source> for Value {
            fn from($name: $source) -> Value {
                $made
            }
        }
    )*};
}

value_from! {
    bool => |value| Value::Bool(value);
    i32 => |value| Value::Number(i64::from(value).into());
    u32 => |value| Value::Number(i64::from(value).into());
    i64 => |value| Value::Number(value.into());
    u64 => |value| Value::Number(value.into());
    usize => |value| Value::Number((value as u64).into());
    Number => |value| Value::Number(value);
    &str => |value| Value::String(value.into());
    String => |value| Value::String(value.into());
    Arc<str> => |value| Value::String(value);
    &Arc<str> => |value| Value::String(value.clone());
    Vec<Value> => |value| Value::Array(Array::new(value));
    Array => |value| Value::Array(value);
    Object => |value| Value::Object(value);
}
