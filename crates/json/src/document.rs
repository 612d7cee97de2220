//! A text that was checked to be JSON, read where it stands
//!
//! For texts that are large and looked at once, as definitions: no tree is built of them. What is remembered beside the
//! text is where long containers end, so that they can be passed over, and the strings whose escapes were resolved. That
//! is mostly nothing, and at most twice the text; a tree would take up to fifty times as much.

use crate::grammar::{self, Maker, Text};
use crate::scan::Scanner;
use crate::spanned::Span;
use crate::{Array, Number, Object, ParseError, Value};

/// Where the end of a container is not remembered, fewer bytes than these have to be gone through to find it.
const GONE_THROUGH_BYTES_MAX: u32 = 128;

/// JSON text and what there is to know for reading it
#[derive(Debug)]
pub struct Document<'t> {
    text: &'t str,
    /// Containers by where they start: as many as it takes to find the end of any one soon
    containers: Vec<Extent>,
    /// Where strings and keys with escapes start, in order, and where each one begins in `decoded`
    escaped: Vec<Escaped>,
    /// The strings and keys with escapes, one behind the other, their escapes resolved
    decoded: String,
    root: Extent,
}

/// A range of bytes
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    start: u32,
    end: u32,
}

#[derive(Clone, Copy, Debug)]
struct Escaped {
    start: u32,
    decoded_start: u32,
}

/// A value in a document
#[derive(Clone, Copy, Debug)]
pub struct Node<'d> {
    document: &'d Document<'d>,
    extent: Extent,
}

/// What a [`Node`] is
#[derive(Clone, Debug)]
pub enum Kind<'d> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number
    Number(Number),
    /// A string, decoded
    String(&'d str),
    /// An array
    Array(Items<'d>),
    /// An object
    Object(Members<'d>),
}

/// A member of an object
#[derive(Clone, Copy, Debug)]
pub struct Member<'d> {
    /// The key, decoded
    pub key: &'d str,
    /// The bytes of the key, quotes included
    pub key_span: Span,
    /// The value
    pub value: Node<'d>,
}

/// The elements of an array, in order
#[derive(Clone, Debug)]
pub struct Items<'d>(Entries<'d>);

/// The members of an object in document order, repeated keys included
#[derive(Clone, Debug)]
pub struct Members<'d>(Entries<'d>);

#[derive(Clone, Debug)]
struct Entries<'d> {
    document: &'d Document<'d>,
    /// The next entry, or the bracket that closes
    position: usize,
}

impl<'t> Document<'t> {
    /// Checks a text. What is wrong with it is found exactly as by [`crate::parse`].
    ///
    /// # Errors
    /// As [`crate::parse`]; and for a text of more bytes than `u32` counts.
    pub fn parse(text: &'t str) -> Result<Document<'t>, ParseError> {
        if u32::try_from(text.len()).is_err() {
            let message = format!("A document must not have more than {} bytes", u32::MAX);
            return Err(ParseError { message, offset: 0, line: 1, column: 1 });
        }
        let maker = DocumentMaker::default();
        let (_, made) = grammar::read(text, maker)?;
        let DocumentMaker { mut containers, escaped, decoded } = made;
        // They come in the order in which they end.
        containers.sort_unstable_by_key(|container| container.start);
        let mut document = Document { text, containers, escaped, decoded, root: Extent { start: 0, end: 0 } };
        let start = document.token_at(0);
        document.root = document.value_at(start);
        Ok(document)
    }

    /// The value at the root.
    pub fn root(&self) -> Node<'_> {
        Node { document: self, extent: self.root }
    }

    /// The text.
    pub fn text(&self) -> &'t str {
        self.text
    }

    /// The value, or the key as a value, whose first byte this is.
    pub fn at(&self, start: u32) -> Node<'_> {
        Node { document: self, extent: self.value_at(start as usize) }
    }

    /// The member whose key has this first byte: all that need be kept of very many members.
    pub fn member_at(&self, start: u32) -> Member<'_> {
        let key = self.value_at(start as usize);
        let colon = self.token_at(key.end as usize);
        let value = self.value_at(self.token_at(colon + 1));
        Member { key: self.string(key), key_span: key.span(), value: Node { document: self, extent: value } }
    }

    /// Whether the string or key with this first byte is a text; told without looking for its end.
    pub fn is_text_at(&self, start: u32, text: &str) -> bool {
        let raw = self.text.as_bytes().get(start as usize + 1..).unwrap_or_default();
        // What has a backslash or quote in it is written otherwise.
        let is_plain = raw.get(text.len()) == Some(&b'"') && raw.starts_with(text.as_bytes());
        let is_escaped = || self.escaped.binary_search_by_key(&start, |escaped| escaped.start).is_ok();
        match is_plain && !text.contains(['\\', '"']) {
            true => true,
            false => is_escaped() && self.at(start).as_str() == Some(text),
        }
    }

    /// The next byte from `position` on that is not white space.
    fn token_at(&self, position: usize) -> usize {
        let rest = self.text.as_bytes().get(position..).unwrap_or_default();
        position + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count()
    }

    /// The extent of the value that starts at `start`.
    fn value_at(&self, start: usize) -> Extent {
        let bytes = self.text.as_bytes();
        let end = match bytes.get(start) {
            Some(b'"') => string_end(bytes, start),
            Some(b'{' | b'[') => self.container_end(start),
            _ => {
                let rest = bytes.get(start..).unwrap_or_default();
                let is_end = |byte: &u8| matches!(byte, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t');
                rest.iter().position(is_end).map_or(bytes.len(), |length| start + length)
            }
        };
        // The text's length fits.
        Extent { start: start as u32, end: end as u32 }
    }

    /// Behind the container that starts at `start`.
    fn container_end(&self, start: usize) -> usize {
        let bytes = self.text.as_bytes();
        let (mut at, mut depth) = (start, 0_u32);
        while let Some(byte) = bytes.get(at) {
            at = match byte {
                b'"' => string_end(bytes, at),
                b'{' | b'[' => {
                    let known = self.containers.binary_search_by_key(&(at as u32), |known| known.start);
                    match known {
                        Ok(known) => self.containers[known].end as usize,
                        Err(_) => {
                            depth += 1;
                            at + 1
                        }
                    }
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    at + 1
                }
                _ => {
                    at += 1;
                    continue;
                }
            };
            if depth == 0 {
                return at;
            }
        }
        bytes.len()
    }

    /// The string or key that stands there.
    fn string(&self, extent: Extent) -> &str {
        let at = if self.escaped.is_empty() {
            None
        } else {
            self.escaped.binary_search_by_key(&extent.start, |escaped| escaped.start).ok()
        };
        let Some(at) = at else {
            let inside = extent.start as usize + 1..(extent.end as usize).saturating_sub(1);
            return self.text.get(inside).unwrap_or_default();
        };
        let start = self.escaped[at].decoded_start as usize;
        let end = self.escaped.get(at + 1).map_or(self.decoded.len(), |next| next.decoded_start as usize);
        self.decoded.get(start..end).unwrap_or_default()
    }
}

/// Behind the string whose first quote stands at `start`.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    loop {
        at = crate::scan::plain_end(bytes, at);
        match bytes.get(at) {
            Some(b'\\') => at += 2,
            Some(b'"') => return at + 1,
            // Neither comes in a text that was checked.
            Some(_) => at += 1,
            None => return bytes.len(),
        }
    }
}

impl Extent {
    fn span(self) -> Span {
        Span { start: self.start as usize, end: self.end as usize }
    }
}

impl<'d> Node<'d> {
    /// The bytes of the value.
    pub fn span(self) -> Span {
        self.extent.span()
    }

    /// The first byte of the value. No two values of a document share it.
    pub fn start(self) -> u32 {
        self.extent.start
    }

    /// The value as it is written.
    pub fn raw(self) -> &'d str {
        self.document.text.get(self.extent.start as usize..self.extent.end as usize).unwrap_or_default()
    }

    /// The document it stands in.
    pub fn document(self) -> &'d Document<'d> {
        self.document
    }

    /// What the value is.
    pub fn kind(self) -> Kind<'d> {
        match self.first_byte() {
            b'"' => Kind::String(self.document.string(self.extent)),
            b'{' => Kind::Object(Members(self.entries())),
            b'[' => Kind::Array(Items(self.entries())),
            b't' => Kind::Bool(true),
            b'f' => Kind::Bool(false),
            b'n' => Kind::Null,
            // The text was checked, so this is a number.
            _ => Scanner::new(self.raw()).number().map_or(Kind::Null, Kind::Number),
        }
    }

    fn first_byte(self) -> u8 {
        self.document.text.as_bytes().get(self.extent.start as usize).copied().unwrap_or_default()
    }

    fn entries(self) -> Entries<'d> {
        Entries { document: self.document, position: self.document.token_at(self.extent.start as usize + 1) }
    }

    /// Whether this is `null`.
    pub fn is_null(self) -> bool {
        self.first_byte() == b'n'
    }

    /// The members of an object.
    pub fn members(self) -> Option<Members<'d>> {
        (self.first_byte() == b'{').then(|| Members(self.entries()))
    }

    /// The elements of an array.
    pub fn items(self) -> Option<Items<'d>> {
        (self.first_byte() == b'[').then(|| Items(self.entries()))
    }

    /// The text of a string.
    pub fn as_str(self) -> Option<&'d str> {
        (self.first_byte() == b'"').then(|| self.document.string(self.extent))
    }

    /// The value of a member; of the last one where the key repeats. Takes time in the number of members.
    pub fn get(self, key: &str) -> Option<Node<'d>> {
        self.members()?.filter(|member| member.key == key).last().map(|member| member.value)
    }

    /// The plain value; where a key repeats, as the strict parser has it.
    pub fn to_value(self) -> Value {
        match self.kind() {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(value),
            Kind::Number(number) => Value::Number(number),
            Kind::String(text) => Value::String(text.into()),
            Kind::Array(items) => {
                let mut values = Vec::with_capacity(items.clone().count());
                values.extend(items.map(Node::to_value));
                Value::Array(Array::new(values))
            }
            Kind::Object(members) => {
                let mut entries = Vec::with_capacity(members.clone().count());
                entries.extend(members.map(|member| (member.key.into(), member.value.to_value())));
                Value::Object(Object::from_entries(entries))
            }
        }
    }
}

impl Member<'_> {
    /// The first byte of the key.
    pub fn start(&self) -> u32 {
        // Spans of a document fit.
        self.key_span.start as u32
    }
}

impl<'d> Entries<'d> {
    fn is_at_end(&self) -> bool {
        matches!(self.document.text.as_bytes().get(self.position), None | Some(b']' | b'}'))
    }

    /// Goes on behind a value and the comma that follows it.
    fn go_behind(&mut self, value: Node<'_>) {
        let behind = self.document.token_at(value.extent.end as usize);
        self.position = match self.document.text.as_bytes().get(behind) {
            Some(b',') => self.document.token_at(behind + 1),
            _ => behind,
        };
    }
}

impl Items<'_> {
    /// Whether none is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_at_end()
    }
}

impl<'d> Iterator for Items<'d> {
    type Item = Node<'d>;

    fn next(&mut self) -> Option<Node<'d>> {
        if self.0.is_at_end() {
            return None;
        }
        let value = self.0.document.at(self.0.position as u32);
        self.0.go_behind(value);
        Some(value)
    }
}

impl<'d> Iterator for Members<'d> {
    type Item = Member<'d>;

    fn next(&mut self) -> Option<Member<'d>> {
        if self.0.is_at_end() {
            return None;
        }
        let member = self.0.document.member_at(self.0.position as u32);
        self.0.go_behind(member.value);
        Some(member)
    }
}

/// Keeps where long containers are, and the strings with escapes.
#[derive(Default)]
struct DocumentMaker {
    containers: Vec<Extent>,
    escaped: Vec<Escaped>,
    decoded: String,
}

impl DocumentMaker {
    fn text(&mut self, text: &Text<'_>) {
        if text.is_escaped {
            grow(&mut self.escaped);
            // Decoded text is shorter than the text it comes from, whose length fits.
            self.escaped.push(Escaped { start: text.start as u32, decoded_start: self.decoded.len() as u32 });
            self.decoded.push_str(text.text);
        }
    }

    /// Remembers a container if it would take long to go through. Gives how many of its bytes need not be.
    fn close(&mut self, open: Open, end: usize) -> u32 {
        let extent = Extent { start: open.start, end: end as u32 };
        let length = extent.end - extent.start;
        if length - open.passed_over < GONE_THROUGH_BYTES_MAX {
            return open.passed_over;
        }
        grow(&mut self.containers);
        self.containers.push(extent);
        length
    }
}

/// A container that is being read
struct Open {
    start: u32,
    /// Bytes inside that need not be gone through
    passed_over: u32,
}

/// Makes room for one more: a quarter at a time, as twice the room is much for what is the most that is kept.
fn grow<T>(list: &mut Vec<T>) {
    if list.len() == list.capacity() {
        list.reserve_exact(list.len() / 4 + 16);
    }
}

impl Maker for DocumentMaker {
    /// Bytes of it that need not be gone through
    type Made = u32;
    type Key = ();
    type Open = Open;

    fn null(&mut self) -> u32 {
        0
    }

    fn bool(&mut self, _: bool) -> u32 {
        0
    }

    fn number(&mut self, _: Number) -> u32 {
        0
    }

    fn string(&mut self, text: Text<'_>) -> u32 {
        self.text(&text);
        0
    }

    fn key(&mut self, text: Text<'_>) {
        self.text(&text);
    }

    fn open(&mut self, start: usize) -> Open {
        Open { start: start as u32, passed_over: 0 }
    }

    fn element(&mut self, open: &mut Open, passed_over: u32) {
        open.passed_over += passed_over;
    }

    fn member(&mut self, open: &mut Open, (): (), passed_over: u32) {
        open.passed_over += passed_over;
    }

    fn array(&mut self, open: Open, end: usize) -> u32 {
        self.close(open, end)
    }

    fn object(&mut self, open: Open, end: usize) -> u32 {
        self.close(open, end)
    }
}
