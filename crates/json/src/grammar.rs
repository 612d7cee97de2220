//! The grammar of JSON, once for all who read it strictly: what becomes of the values is up to a [`Maker`]

use crate::scan::{Container, Role, Scanned, Scanner};
use crate::{DEPTH_MAX, Number, ParseError};

/// A string or key, as it was read
pub(crate) struct Text<'t> {
    /// Without quotes, its escapes resolved
    pub(crate) text: &'t str,
    /// Whether it has escapes
    pub(crate) is_escaped: bool,
    /// Where its first quote stands
    pub(crate) start: usize,
}

/// What makes something of values as they are read, the innermost first
pub(crate) trait Maker {
    /// A value
    type Made;
    /// A key
    type Key;
    /// A container that is being read
    type Open;

    fn null(&mut self) -> Self::Made;
    fn bool(&mut self, value: bool) -> Self::Made;
    fn number(&mut self, number: Number) -> Self::Made;
    fn string(&mut self, text: Text<'_>) -> Self::Made;
    fn key(&mut self, text: Text<'_>) -> Self::Key;
    /// A bracket opens at `start`.
    fn open(&mut self, start: usize) -> Self::Open;
    fn element(&mut self, open: &mut Self::Open, element: Self::Made);
    fn member(&mut self, open: &mut Self::Open, key: Self::Key, value: Self::Made);
    /// The bracket closes in front of `end`.
    fn array(&mut self, open: Self::Open, end: usize) -> Self::Made;
    /// The bracket closes in front of `end`.
    fn object(&mut self, open: Self::Open, end: usize) -> Self::Made;
}

/// Reads a whole text.
pub(crate) fn read<M: Maker>(text: &str, maker: M) -> Result<(M::Made, M), ParseError> {
    let mut reader = Reader { scanner: Scanner::new(text), depth: 0, maker };
    let Some(first) = reader.scanner.peek_token() else {
        return Err(ParseError {
            message: "No content to map due to end-of-input".to_owned(),
            offset: text.len(),
            line: 1,
            column: 0,
        });
    };
    let value = reader.value()?;
    reader.scanner.root_end(matches!(first, b'-' | b'0'..=b'9'))?;
    Ok((value, reader.maker))
}

pub(crate) fn too_deep() -> String {
    format!("Document nesting depth ({}) exceeds the maximum allowed ({DEPTH_MAX})", DEPTH_MAX + 1)
}

struct Reader<'a, M> {
    scanner: Scanner<'a>,
    /// Brackets open at the current place.
    depth: u32,
    maker: M,
}

impl<M: Maker> Reader<'_, M> {
    /// Reads the value whose first byte is next.
    fn value(&mut self) -> Result<M::Made, ParseError> {
        match self.scanner.bytes.get(self.scanner.position) {
            Some(b'"') => {
                let start = self.scanner.position;
                let text = match self.scanner.string(Role::Value)? {
                    Scanned::Plain(text) => Text { text, is_escaped: false, start },
                    Scanned::Decoded => Text { text: &self.scanner.decoded, is_escaped: true, start },
                };
                Ok(self.maker.string(text))
            }
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'-' | b'0'..=b'9') => {
                let number = self.scanner.number()?;
                Ok(self.maker.number(number))
            }
            Some(b't') => self.scanner.word("true").map(|()| self.maker.bool(true)),
            Some(b'f') => self.scanner.word("false").map(|()| self.maker.bool(false)),
            Some(b'n') => self.scanner.word("null").map(|()| self.maker.null()),
            _ => Err(self.scanner.not_a_value()),
        }
    }

    fn open(&mut self) -> Result<(usize, M::Open), ParseError> {
        let start = self.scanner.position;
        self.scanner.position += 1;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.scanner.error(too_deep()));
        }
        Ok((start, self.maker.open(start)))
    }

    fn array(&mut self) -> Result<M::Made, ParseError> {
        let (start, mut open) = self.open()?;
        match self.scanner.peek_token() {
            None => return Err(self.scanner.end_in(Container::Array, start)),
            Some(b']') => self.scanner.position += 1,
            Some(b'}') => return Err(self.scanner.wrong_close(Container::Array, start)),
            Some(_) => loop {
                let element = self.value()?;
                self.maker.element(&mut open, element);
                if self.next_entry(Container::Array, b']', start)? {
                    break;
                }
            },
        }
        self.depth -= 1;
        Ok(self.maker.array(open, self.scanner.position))
    }

    fn object(&mut self) -> Result<M::Made, ParseError> {
        let (start, mut open) = self.open()?;
        match self.scanner.peek_token() {
            None => return Err(self.scanner.end_in(Container::Object, start)),
            Some(b'}') => self.scanner.position += 1,
            Some(b']') => return Err(self.scanner.wrong_close(Container::Object, start)),
            Some(_) => loop {
                let key = self.key()?;
                let value = self.value()?;
                self.maker.member(&mut open, key, value);
                if self.next_entry(Container::Object, b'}', start)? {
                    break;
                }
            },
        }
        self.depth -= 1;
        Ok(self.maker.object(open, self.scanner.position))
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
    fn key(&mut self) -> Result<M::Key, ParseError> {
        let start = self.scanner.position;
        if self.scanner.bytes.get(start) != Some(&b'"') {
            return Err(self.scanner.unexpected("was expecting double-quote to start field name"));
        }
        let text = match self.scanner.string(Role::Name)? {
            Scanned::Plain(text) => Text { text, is_escaped: false, start },
            Scanned::Decoded => Text { text: &self.scanner.decoded, is_escaped: true, start },
        };
        let key = self.maker.key(text);
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
