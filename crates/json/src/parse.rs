//! The strict parser: from a text to a value

use crate::grammar::{self, Maker, Text};
use crate::scan::{Role, Scanned, Scanner};
use crate::write::escaped_size;
use crate::{Array, Number, Object, ParseError, Value};
use std::sync::Arc;

/// Most levels of arrays and objects in a value. Parsing, printing, comparing and dropping recurse once per level.
pub const DEPTH_MAX: u32 = 127;

/// Recently read keys: objects of one array have the same keys, which are then shared instead of made anew.
const KEY_CACHE_SIZE: usize = 64;

/// Reads JSON text (RFC 8259, nothing more). Where a key comes twice, the last value stands at the first place.
///
/// # Errors
/// Where the text is not JSON, nests deeper than [`DEPTH_MAX`], has a number outside `f64` or half a surrogate pair.
pub fn parse(text: &str) -> Result<Value, ParseError> {
    let maker = ValueMaker {
        size: 0,
        values: Vec::with_capacity(16),
        entries: Vec::with_capacity(16),
        keys: std::array::from_fn(|_| None),
    };
    grammar::read(text, maker).map(|(value, _)| value)
}

/// Reads a JSON string into one piece of memory, however long it is: growing bit by bit takes twice the room. What
/// stands behind it is not looked at.
///
/// # Errors
/// As [`parse`].
pub fn parse_text(text: &str) -> Result<String, ParseError> {
    // No text is longer than it is with its escapes.
    let mut scanner = Scanner { decoded: String::with_capacity(text.len()), ..Scanner::new(text) };
    if scanner.peek_token() != Some(b'"') {
        return Err(scanner.unexpected("expected a quote"));
    }
    match scanner.string(Role::Value)? {
        Scanned::Plain(plain) => Ok(plain.to_owned()),
        Scanned::Decoded => Ok(scanner.decoded),
    }
}

struct ValueMaker {
    /// Bytes of compact text of all that was read; the difference over a container is that container's size.
    size: usize,
    /// Elements of all arrays that are being read, innermost last.
    values: Vec<Value>,
    /// Members of all objects that are being read, innermost last.
    entries: Vec<(Arc<str>, Value)>,
    keys: [Option<Arc<str>>; KEY_CACHE_SIZE],
}

/// A container that is being read: what there was before it, and the depth of what is in it.
struct Open {
    size_before: usize,
    values_before: usize,
    entries_before: usize,
    depth: u32,
}

impl ValueMaker {
    fn add_text(&mut self, text: &Text<'_>) {
        self.size += if text.is_escaped { escaped_size(text.text) } else { text.text.len() + 2 };
    }
}

impl Maker for ValueMaker {
    type Made = Value;
    type Key = Arc<str>;
    type Open = Open;

    fn null(&mut self) -> Value {
        self.size += 4;
        Value::Null
    }

    fn bool(&mut self, value: bool) -> Value {
        self.size += 5 - usize::from(value);
        Value::Bool(value)
    }

    fn number(&mut self, number: Number) -> Value {
        self.size += number.text_size();
        Value::Number(number)
    }

    fn string(&mut self, text: Text<'_>) -> Value {
        self.add_text(&text);
        Value::String(text.text.into())
    }

    fn key(&mut self, text: Text<'_>) -> Arc<str> {
        self.add_text(&text);
        let slot = &mut self.keys[key_slot(text.text)];
        match slot {
            Some(known) if **known == *text.text => known.clone(),
            _ => slot.insert(text.text.into()).clone(),
        }
    }

    fn open(&mut self, _: usize) -> Open {
        let size_before = self.size;
        self.size += 1;
        Open { size_before, values_before: self.values.len(), entries_before: self.entries.len(), depth: 0 }
    }

    fn element(&mut self, open: &mut Open, element: Value) {
        open.depth = open.depth.max(element.depth());
        self.values.push(element);
        // The comma, or the bracket that closes.
        self.size += 1;
    }

    fn member(&mut self, open: &mut Open, key: Arc<str>, value: Value) {
        open.depth = open.depth.max(value.depth());
        self.entries.push((key, value));
        self.size += 2;
    }

    fn array(&mut self, open: Open, _: usize) -> Value {
        let items: Vec<Value> = self.values.drain(open.values_before..).collect();
        self.size += usize::from(items.is_empty());
        Value::Array(Array::from_measured(items, open.depth + 1, self.size - open.size_before))
    }

    fn object(&mut self, open: Open, _: usize) -> Value {
        let entries: Vec<_> = self.entries.drain(open.entries_before..).collect();
        self.size += usize::from(entries.is_empty());
        let object = Object::from_measured(entries, open.depth + 1, self.size - open.size_before);
        // Repeated keys make the object smaller than what was read.
        self.size = open.size_before + object.text_size();
        Value::Object(object)
    }
}

/// Where a key is remembered: any spread will do, a miss only costs an allocation.
fn key_slot(key: &str) -> usize {
    let bytes = key.as_bytes();
    let ends = bytes
        .first()
        .zip(bytes.last())
        .map_or(0, |(first, last)| usize::from(*first) * 7 + usize::from(*last));
    (ends + bytes.len() * 31) % KEY_CACHE_SIZE
}
