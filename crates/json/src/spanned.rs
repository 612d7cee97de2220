//! A parser for files that people write: it goes on after errors, and remembers where everything stands
//!
//! The first error is the one the strict parser reports. Whatever could be read is returned as a tree.

use crate::grammar::too_deep;
use crate::scan::{Container, Role, Scanned, Scanner};
use crate::{Array, DEPTH_MAX, Number, Object, Value};
use std::sync::Arc;

/// Why a part of the text is not JSON
pub type SyntaxError = crate::ParseError;

/// After this many errors the rest of the text is not read.
pub const ERRORS_MAX: usize = 50;

/// A range of bytes in the text
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// The first byte
    pub start: usize,
    /// The byte behind the last one
    pub end: usize,
}

/// A value and where it stands
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The bytes of the value
    pub span: Span,
    /// The value
    pub kind: NodeKind,
}

/// What a [`Node`] is
#[derive(Clone, Debug, PartialEq)]
pub enum NodeKind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number
    Number(Number),
    /// A string, decoded
    String(Arc<str>),
    /// The elements that could be read
    Array(Vec<Node>),
    /// The members that could be read, repeated keys included
    Object(Vec<Member>),
}

/// A member of an object
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// The key, decoded
    pub key: Arc<str>,
    /// The bytes of the key, quotes included
    pub key_span: Span,
    /// The value
    pub value: Node,
}

impl Node {
    /// The members of an object.
    pub fn members(&self) -> Option<&[Member]> {
        match &self.kind {
            NodeKind::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The elements of an array.
    pub fn items(&self) -> Option<&[Node]> {
        match &self.kind {
            NodeKind::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::String(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a member; of the last one where the key repeats. Takes time in the number of members.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.members()?.iter().rev().find(|member| &*member.key == key).map(|member| &member.value)
    }

    /// The second and later members whose key came before in the same object, in document order.
    pub fn duplicates(&self) -> Vec<&Member> {
        let mut seen = std::collections::HashSet::new();
        let members = self.members().unwrap_or_default();
        members.iter().filter(|member| !seen.insert(&*member.key)).collect()
    }

    /// What kind of value this is, as [`Value::type_name`].
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            NodeKind::Null => "null",
            NodeKind::Bool(_) => "boolean",
            NodeKind::Number(_) => "number",
            NodeKind::String(_) => "string",
            NodeKind::Array(_) => "array",
            NodeKind::Object(_) => "object",
        }
    }

    /// The plain value; where a key repeats, as the strict parser has it.
    pub fn to_value(&self) -> Value {
        match &self.kind {
            NodeKind::Null => Value::Null,
            NodeKind::Bool(value) => Value::Bool(*value),
            NodeKind::Number(number) => Value::Number(number.clone()),
            NodeKind::String(text) => Value::String(text.clone()),
            NodeKind::Array(items) => Value::Array(Array::new(items.iter().map(Node::to_value).collect())),
            NodeKind::Object(members) => Value::Object(Object::from_entries(
                members.iter().map(|member| (member.key.clone(), member.value.to_value())).collect(),
            )),
        }
    }
}

/// Offsets to lines and columns of one text
#[derive(Clone, Debug)]
pub struct LineIndex<'a> {
    text: &'a str,
    /// Where each line starts
    starts: Vec<usize>,
}

impl<'a> LineIndex<'a> {
    /// Finds the lines of a text: `\n`, `\r` and `\r\n` end one.
    pub fn new(text: &'a str) -> LineIndex<'a> {
        let bytes = text.as_bytes();
        let ends = bytes.iter().enumerate().filter(|(at, byte)| match byte {
            b'\n' => true,
            b'\r' => bytes.get(at + 1) != Some(&b'\n'),
            _ => false,
        });
        LineIndex { text, starts: std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect() }
    }

    /// Line and column, both from 1; the column in characters.
    pub fn line_and_column(&self, offset: usize) -> (u32, u32) {
        let offset = offset.min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts.get(line.wrapping_sub(1)).copied().unwrap_or(0);
        let characters =
            self.text.as_bytes()[start..offset].iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(characters + 1).unwrap_or(u32::MAX))
    }
}

/// Reads a file: what could be read of it, and what was wrong. No errors means that the text is JSON.
pub fn parse(text: &str) -> (Option<Node>, Vec<SyntaxError>) {
    let (node, mut errors) = Recovering::new(text).document();
    if !errors.is_empty()
        && let Err(first) = crate::parse(text)
    {
        errors.retain(|error| error.offset > first.offset);
        errors.insert(0, first);
        errors.truncate(ERRORS_MAX);
    }
    (node, errors)
}

/// Short texts that were read lately: those that a definition repeats, as the names of fields, are kept once.
struct Recent([Option<Arc<str>>; Recent::PLACES]);

impl Recent {
    const PLACES: usize = 64;
    /// Bytes of the longest text that is looked for.
    const BYTES_MAX: usize = 32;

    fn share(&mut self, text: &str) -> Arc<str> {
        if text.len() > Self::BYTES_MAX {
            return text.into();
        }
        // Any spread will do: a place that two texts want belongs to the later one.
        let spread = text.bytes().fold(text.len(), |sum, byte| sum.wrapping_mul(31) ^ usize::from(byte));
        let place = &mut self.0[spread % Self::PLACES];
        match place {
            Some(recent) if **recent == *text => recent.clone(),
            _ => place.insert(text.into()).clone(),
        }
    }
}

struct Recovering<'a> {
    scanner: Scanner<'a>,
    recent: Recent,
    errors: Vec<SyntaxError>,
    depth: u32,
}

impl<'a> Recovering<'a> {
    fn new(text: &'a str) -> Self {
        let recent = Recent([const { None }; Recent::PLACES]);
        Recovering { scanner: Scanner::new(text), recent, errors: Vec::new(), depth: 0 }
    }

    fn document(mut self) -> (Option<Node>, Vec<SyntaxError>) {
        self.scanner.peek_token();
        let node = self.value();
        if node.is_some() && self.errors.len() < ERRORS_MAX {
            let is_number = matches!(node, Some(Node { kind: NodeKind::Number(_), .. }));
            if let Err(error) = self.scanner.root_end(is_number) {
                self.errors.push(error);
            }
        }
        (node, self.errors)
    }

    /// Remembers an error; behind the last one that is told, the rest of the text counts as read.
    fn note(&mut self, error: SyntaxError) {
        self.errors.push(error);
        if self.errors.len() >= ERRORS_MAX {
            self.scanner.position = self.scanner.bytes.len();
        }
    }

    /// Reads the value that starts at the next byte. `None` after an error that left nothing of it.
    fn value(&mut self) -> Option<Node> {
        let start = self.scanner.position;
        let scanned = match self.scanner.bytes.get(start) {
            Some(b'"') => self.string(Role::Value).map(NodeKind::String),
            Some(b'{') => return self.object(),
            Some(b'[') => return self.array(),
            Some(b'-' | b'0'..=b'9') => self.scanner.number().map(NodeKind::Number),
            Some(b't') => self.scanner.word("true").map(|()| NodeKind::Bool(true)),
            Some(b'f') => self.scanner.word("false").map(|()| NodeKind::Bool(false)),
            Some(b'n') => self.scanner.word("null").map(|()| NodeKind::Null),
            Some(_) => Err(self.scanner.not_a_value()),
            None => Err(self.scanner.error("Unexpected end-of-input")),
        };
        match scanned {
            Ok(kind) => Some(Node { span: Span { start, end: self.scanner.position }, kind }),
            Err(error) => {
                self.recover(start, error);
                None
            }
        }
    }

    fn string(&mut self, role: Role) -> Result<Arc<str>, SyntaxError> {
        Ok(match self.scanner.string(role)? {
            Scanned::Plain(text) => self.recent.share(text),
            Scanned::Decoded => self.recent.share(&self.scanner.decoded),
        })
    }

    /// After a bad token that began at `start`: goes to the end of that token.
    fn recover(&mut self, start: usize, error: SyntaxError) {
        self.note(error);
        if self.errors.len() >= ERRORS_MAX {
            return;
        }
        match self.scanner.bytes.get(start) {
            // A string ends at its quote, or with its line where that is missing.
            Some(b'"') => {
                let line_ended =
                    self.scanner.position.checked_sub(1).and_then(|last| self.scanner.bytes.get(last));
                if matches!(line_ended, Some(b'\n' | b'\r')) {
                    return;
                }
                while let Some(byte) = self.scanner.bytes.get(self.scanner.position) {
                    match byte {
                        b'\n' | b'\r' => break,
                        b'"' => {
                            self.scanner.position += 1;
                            break;
                        }
                        b'\\' => self.scanner.position += 2,
                        _ => self.scanner.position += 1,
                    }
                }
                self.scanner.position = self.scanner.position.min(self.scanner.bytes.len());
                self.skip_to_boundary();
            }
            // A bracket or comma in the place of a value belongs to the container around.
            Some(b']' | b'}' | b',') => self.scanner.position = start,
            _ => self.skip_to_separator(),
        }
    }

    /// Goes on to a character's first byte.
    fn skip_to_boundary(&mut self) {
        while !self.scanner.text.is_char_boundary(self.scanner.position) {
            self.scanner.position += 1;
        }
    }

    /// Goes on to the next comma, bracket, quote or line end.
    fn skip_to_separator(&mut self) {
        while let Some(byte) = self.scanner.bytes.get(self.scanner.position) {
            if matches!(byte, b',' | b']' | b'}' | b'"' | b'\n' | b'\r' | b'{' | b'[') {
                break;
            }
            self.scanner.position += 1;
        }
    }

    fn open(&mut self) -> Option<usize> {
        let start = self.scanner.position;
        self.scanner.position += 1;
        if self.depth == DEPTH_MAX {
            let error = self.scanner.error(too_deep());
            self.note(error);
            // What is inside cannot be told apart from what follows without reading it: stop here.
            self.scanner.position = self.scanner.bytes.len();
            return None;
        }
        self.depth += 1;
        Some(start)
    }

    fn close(&mut self, start: usize, kind: NodeKind) -> Option<Node> {
        self.depth -= 1;
        Some(Node { span: Span { start, end: self.scanner.position }, kind })
    }

    fn array(&mut self) -> Option<Node> {
        let start = self.open()?;
        let mut items = Vec::new();
        if !self.closes_at_once(Container::Array, start) {
            loop {
                items.extend(self.value());
                if self.entry_end(Container::Array, start) {
                    break;
                }
            }
        }
        items.shrink_to_fit();
        self.close(start, NodeKind::Array(items))
    }

    fn object(&mut self) -> Option<Node> {
        let start = self.open()?;
        let mut members = Vec::new();
        if !self.closes_at_once(Container::Object, start) {
            loop {
                members.extend(self.member());
                if self.entry_end(Container::Object, start) {
                    break;
                }
            }
        }
        members.shrink_to_fit();
        self.close(start, NodeKind::Object(members))
    }

    /// Behind an opening bracket: whether nothing comes before the closing one, or the end.
    fn closes_at_once(&mut self, container: Container, start: usize) -> bool {
        match self.scanner.peek_token() {
            Some(b']') if container == Container::Array => self.scanner.position += 1,
            Some(b'}') if container == Container::Object => self.scanner.position += 1,
            Some(b']' | b'}') => {
                let error = self.scanner.wrong_close(container, start);
                self.note(error);
            }
            Some(_) => return false,
            None => {
                self.note_end(|scanner| scanner.end_in(container, start));
            }
        }
        true
    }

    /// The end of the text is one error, however many brackets are open; its message takes time in the length of the text.
    fn note_end(&mut self, error: impl FnOnce(&Scanner<'a>) -> SyntaxError) {
        if self.errors.last().is_none_or(|last| last.offset < self.scanner.bytes.len()) {
            let error = error(&self.scanner);
            self.note(error);
        }
    }

    /// Behind an entry: `false` in front of the next one, `true` behind the container.
    fn entry_end(&mut self, container: Container, start: usize) -> bool {
        match self.scanner.peek_token() {
            Some(b',') => {
                self.scanner.position += 1;
                match self.scanner.peek_token() {
                    Some(b']' | b'}') => {
                        let here = self.scanner.position;
                        let error = if container == Container::Array {
                            self.scanner.not_a_value()
                        } else {
                            self.scanner.unexpected("was expecting double-quote to start field name")
                        };
                        self.note(error);
                        if self.errors.len() < ERRORS_MAX {
                            self.scanner.position = here;
                        }
                        self.entry_end(container, start)
                    }
                    Some(_) => false,
                    None => {
                        self.note_end(|scanner| scanner.end_between_entries(container));
                        true
                    }
                }
            }
            Some(b']') if container == Container::Array => {
                self.scanner.position += 1;
                true
            }
            Some(b'}') if container == Container::Object => {
                self.scanner.position += 1;
                true
            }
            Some(b']' | b'}') => {
                let error = self.scanner.wrong_close(container, start);
                self.note(error);
                true
            }
            Some(_) => {
                // A missing comma: go on with the entry that seems to start here.
                let here = self.scanner.position;
                let name = container.name();
                let error =
                    self.scanner.unexpected(&format!("was expecting comma to separate {name} entries"));
                self.note(error);
                if self.errors.len() < ERRORS_MAX {
                    self.scanner.position = here;
                }
                false
            }
            None => {
                self.note_end(|scanner| scanner.end_in(container, start));
                true
            }
        }
    }

    fn member(&mut self) -> Option<Member> {
        let key_start = self.scanner.position;
        if self.scanner.bytes.get(key_start) != Some(&b'"') {
            let error = match self.scanner.bytes.get(key_start) {
                Some(_) => self.scanner.unexpected("was expecting double-quote to start field name"),
                None => self.scanner.end_between_entries(Container::Object),
            };
            self.note(error);
            self.skip_member();
            return None;
        }
        let key = match self.string(Role::Name) {
            Ok(key) => key,
            Err(error) => {
                self.recover(key_start, error);
                self.skip_member();
                return None;
            }
        };
        let key_span = Span { start: key_start, end: self.scanner.position };
        match self.scanner.peek_token() {
            Some(b':') => self.scanner.position += 1,
            Some(b'"' | b'{' | b'[' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
                // The colon is missing; the value is there.
                let here = self.scanner.position;
                let error = self.scanner.unexpected("was expecting a colon to separate field name and value");
                self.note(error);
                if self.errors.len() < ERRORS_MAX {
                    self.scanner.position = here;
                }
            }
            Some(_) => {
                let here = self.scanner.position;
                let error = self.scanner.unexpected("was expecting a colon to separate field name and value");
                self.recover(here, error);
                return None;
            }
            None => {
                self.note_end(|scanner| scanner.end_between_entries(Container::Object));
                return None;
            }
        }
        if self.scanner.peek_token().is_none() {
            self.note_end(|scanner| scanner.end_between_entries(Container::Object));
            return None;
        }
        let value = self.value()?;
        Some(Member { key, key_span, value })
    }

    /// Goes to the end of a member whose key could not be read.
    fn skip_member(&mut self) {
        while let Some(byte) = self.scanner.bytes.get(self.scanner.position) {
            match byte {
                b',' | b'}' | b']' => break,
                b'"' | b'{' | b'[' => {
                    self.skip_to_boundary();
                    // Reads the value only to get behind it.
                    let before = self.errors.len();
                    let _ = self.value();
                    if self.errors.len() > before {
                        break;
                    }
                }
                _ => self.scanner.position += 1,
            }
        }
        self.skip_to_boundary();
    }
}
