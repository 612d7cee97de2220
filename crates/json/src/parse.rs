//! The strict parser

use crate::scan::{Container, Role, Scanned, Scanner};
use crate::write::escaped_size;
use crate::{Array, Object, ParseError, Value};
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
    let mut parser = Parser {
        scanner: Scanner::new(text),
        size: 0,
        depth: 0,
        values: Vec::with_capacity(16),
        entries: Vec::with_capacity(16),
        keys: std::array::from_fn(|_| None),
    };
    if parser.scanner.peek_token().is_none() {
        return Err(ParseError {
            message: "No content to map due to end-of-input".to_owned(),
            offset: text.len(),
            line: 1,
            column: 0,
        });
    }
    let value = parser.value()?;
    parser.scanner.root_end(matches!(value, Value::Number(_)))?;
    Ok(value)
}

struct Parser<'a> {
    scanner: Scanner<'a>,
    /// Bytes of compact text of all that was read; the difference over a container is that container's size.
    size: usize,
    /// Brackets open at the current place.
    depth: u32,
    /// Elements of all arrays that are being read, innermost last.
    values: Vec<Value>,
    /// Members of all objects that are being read, innermost last.
    entries: Vec<(Arc<str>, Value)>,
    keys: [Option<Arc<str>>; KEY_CACHE_SIZE],
}

impl Parser<'_> {
    /// Reads the value whose first byte is next.
    fn value(&mut self) -> Result<Value, ParseError> {
        match self.scanner.bytes.get(self.scanner.position) {
            Some(b'"') => {
                let text = match self.scanner.string(Role::Value)? {
                    Scanned::Plain(text) => {
                        self.size += text.len() + 2;
                        text
                    }
                    Scanned::Decoded => {
                        self.size += escaped_size(&self.scanner.decoded);
                        &self.scanner.decoded
                    }
                };
                Ok(Value::String(text.into()))
            }
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'-' | b'0'..=b'9') => {
                let number = self.scanner.number()?;
                self.size += number.text_size();
                Ok(Value::Number(number))
            }
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => Err(self.scanner.not_a_value()),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, ParseError> {
        self.scanner.word(word)?;
        self.size += word.len();
        Ok(value)
    }

    fn open(&mut self) -> Result<usize, ParseError> {
        self.scanner.position += 1;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.scanner.error(too_deep()));
        }
        Ok(self.scanner.position - 1)
    }

    fn array(&mut self) -> Result<Value, ParseError> {
        let start = self.open()?;
        let (size_before, values_before) = (self.size, self.values.len());
        let mut depth = 0;
        self.size += 1;
        match self.scanner.peek_token() {
            None => return Err(self.scanner.end_in(Container::Array, start)),
            Some(b']') => {
                self.scanner.position += 1;
                self.size += 1;
            }
            Some(b'}') => return Err(self.scanner.wrong_close(Container::Array, start)),
            Some(_) => loop {
                let value = self.value()?;
                depth = depth.max(value.depth());
                self.values.push(value);
                self.size += 1;
                if self.next_entry(Container::Array, b']', start)? {
                    break;
                }
            },
        }
        self.depth -= 1;
        let items: Vec<Value> = self.values.drain(values_before..).collect();
        Ok(Value::Array(Array::from_measured(items, depth + 1, self.size - size_before)))
    }

    fn object(&mut self) -> Result<Value, ParseError> {
        let start = self.open()?;
        let (size_before, entries_before) = (self.size, self.entries.len());
        let mut depth = 0;
        self.size += 1;
        match self.scanner.peek_token() {
            None => return Err(self.scanner.end_in(Container::Object, start)),
            Some(b'}') => {
                self.scanner.position += 1;
                self.size += 1;
            }
            Some(b']') => return Err(self.scanner.wrong_close(Container::Object, start)),
            Some(_) => loop {
                let key = self.key()?;
                let value = self.value()?;
                depth = depth.max(value.depth());
                self.entries.push((key, value));
                self.size += 2;
                if self.next_entry(Container::Object, b'}', start)? {
                    break;
                }
            },
        }
        self.depth -= 1;
        let entries: Vec<_> = self.entries.drain(entries_before..).collect();
        let object = Object::from_measured(entries, depth + 1, self.size - size_before);
        // Repeated keys make the object smaller than what was read.
        self.size = size_before + object.text_size();
        Ok(Value::Object(object))
    }

    /// Behind an entry: reads a comma up to the next entry (`false`) or the closing bracket (`true`).
    fn next_entry(&mut self, container: Container, close: u8, start: usize) -> Result<bool, ParseError> {
        match self.scanner.peek_token() {
            Some(b',') => {
                self.scanner.position += 1;
                match self.scanner.peek_token() {
                    Some(_) => Ok(false),
                    None => Err(self.scanner.end_between_entries(container)),
                }
            }
            Some(byte) if byte == close => {
                self.scanner.position += 1;
                Ok(true)
            }
            Some(b']' | b'}') => Err(self.scanner.wrong_close(container, start)),
            Some(_) => {
                let name = container.name();
                Err(self.scanner.unexpected(&format!("was expecting comma to separate {name} entries")))
            }
            None => Err(self.scanner.end_in(container, start)),
        }
    }

    /// Reads a key and the colon; stops in front of the value.
    fn key(&mut self) -> Result<Arc<str>, ParseError> {
        if self.scanner.bytes.get(self.scanner.position) != Some(&b'"') {
            return Err(self.scanner.unexpected("was expecting double-quote to start field name"));
        }
        let text = match self.scanner.string(Role::Name)? {
            Scanned::Plain(text) => {
                self.size += text.len() + 2;
                text
            }
            Scanned::Decoded => {
                self.size += escaped_size(&self.scanner.decoded);
                &self.scanner.decoded
            }
        };
        let slot = &mut self.keys[key_slot(text)];
        let key = match slot {
            Some(known) if **known == *text => known.clone(),
            _ => slot.insert(text.into()).clone(),
        };
        match self.scanner.peek_token() {
            Some(b':') => self.scanner.position += 1,
            Some(_) => {
                return Err(self
                    .scanner
                    .unexpected("was expecting a colon to separate field name and value"));
            }
            None => return Err(self.scanner.end_between_entries(Container::Object)),
        }
        match self.scanner.peek_token() {
            Some(_) => Ok(key),
            None => Err(self.scanner.end_between_entries(Container::Object)),
        }
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

pub(crate) fn too_deep() -> String {
    format!("Document nesting depth ({}) exceeds the maximum allowed ({DEPTH_MAX})", DEPTH_MAX + 1)
}
