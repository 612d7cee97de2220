//! Reading paths

use crate::filter;
use crate::segment::Segment;
use crate::{Root, SyntaxError};
use std::sync::Arc;

/// Most segments of a path. Documents nest less deep, so a longer path can match nothing.
pub const SEGMENTS_MAX: usize = 256;

/// Most levels of parentheses, negations and filters within filters.
pub const NESTING_MAX: u32 = 32;

/// Longest name of a variable in Step Functions, in characters.
const VARIABLE_NAME_MAX: usize = 80;

/// A path as read
pub(crate) struct Parsed {
    pub(crate) root: Root,
    pub(crate) segments: Vec<Segment>,
    pub(crate) names_are_plain: bool,
}

/// Reads a whole path.
pub(crate) fn parse(text: &str) -> Result<Parsed, SyntaxError> {
    let mut cursor = Cursor { text: text.trim_end(), position: 0, nesting: 0, names_are_plain: true };
    if !cursor.take(b'$') {
        return Err(cursor.error("Path must start with '$'"));
    }
    let root = if cursor.take(b'$') { Root::Context } else { cursor.variable()? };
    let segments = cursor.segments(false)?;
    if cursor.position < cursor.text.len() {
        return Err(
            cursor.error(format!("Illegal character at position {} expected '.' or '['", cursor.position))
        );
    }
    Ok(Parsed { root, segments, names_are_plain: cursor.names_are_plain })
}

/// A place in the text of a path. All characters with a meaning are ASCII, so it goes by bytes.
pub(crate) struct Cursor<'a> {
    pub(crate) text: &'a str,
    pub(crate) position: usize,
    pub(crate) nesting: u32,
    names_are_plain: bool,
}

impl<'a> Cursor<'a> {
    pub(crate) fn error(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError::new(message, self.position)
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    pub(crate) fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }

    pub(crate) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.position += usize::from(found);
        found
    }

    pub(crate) fn take_str(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        self.position += if found { text.len() } else { 0 };
        found
    }

    pub(crate) fn skip_spaces(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.position += 1;
        }
    }

    /// Goes one level deeper into parentheses or a filter; [`Cursor::leave`] goes back.
    pub(crate) fn enter(&mut self) -> Result<(), SyntaxError> {
        self.nesting += 1;
        if self.nesting > NESTING_MAX {
            return Err(self.error(format!("Filters must not nest deeper than {NESTING_MAX} levels")));
        }
        Ok(())
    }

    pub(crate) fn leave(&mut self) {
        self.nesting -= 1;
    }

    /// What stands behind `$`: the name of a variable, or nothing.
    fn variable(&mut self) -> Result<Root, SyntaxError> {
        let rest = self.rest();
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let name = &rest[..end];
        if name.is_empty() {
            return Ok(Root::Input);
        }
        let starts_well = name.starts_with(|first: char| first.is_alphabetic() || first == '_');
        let goes_on_well = name.chars().all(|part| part.is_alphanumeric() || part == '_');
        if !starts_well || !goes_on_well || name.chars().count() > VARIABLE_NAME_MAX {
            return Err(self.error(format!(
                "Illegal character at position {} expected '.' or '[' or the name of a variable",
                self.position
            )));
        }
        self.position += end;
        Ok(Root::Variable(name.into()))
    }

    /// Reads segments up to the end, or, within a filter, up to what cannot belong to the path.
    pub(crate) fn segments(&mut self, in_filter: bool) -> Result<Vec<Segment>, SyntaxError> {
        let mut segments = Vec::new();
        loop {
            match self.peek() {
                Some(b'[') => segments.push(self.bracket()?),
                Some(b'.') => {
                    self.position += 1;
                    if self.take(b'.') {
                        segments.push(Segment::Scan);
                    }
                    match self.peek() {
                        None => return Err(self.error("Path must not end with a '.' or '..'")),
                        Some(b'.') => {
                            let position = self.position;
                            return Err(
                                self.error(format!("Character '.' on position {position} is not valid."))
                            );
                        }
                        Some(b'[') => segments.push(self.bracket()?),
                        Some(b'*') => {
                            self.position += 1;
                            segments.push(Segment::Wildcard);
                        }
                        Some(_) => segments.push(self.dotted_name(in_filter)?),
                    }
                }
                _ => return Ok(segments),
            }
            if segments.len() > SEGMENTS_MAX {
                return Err(self.error(format!("A path must not have more than {SEGMENTS_MAX} segments")));
            }
        }
    }

    /// Reads a name behind a dot. A backslash takes the next character as it is, `\uXXXX` is the character of that code.
    fn dotted_name(&mut self, in_filter: bool) -> Result<Segment, SyntaxError> {
        let start = self.position;
        let mut name = String::new();
        // A path function's parentheses are part of the name: Step Functions does not evaluate functions.
        let mut open_parentheses = 0u32;
        while let Some(character) = self.rest().chars().next() {
            match character {
                '.' | '[' => break,
                '\\' => {
                    self.position += 1;
                    name.push(self.escaped(true)?);
                    continue;
                }
                ' ' | '\t' | '\n' | '\r' if in_filter => break,
                ' ' => {
                    return Err(self.error(format!(
                        "Use bracket notion ['my prop'] if your property contains blank characters. position: {start}"
                    )));
                }
                '<' | '>' | '=' | '~' | '!' if in_filter => break,
                '&' | '|' if in_filter && self.rest()[1..].starts_with(character) => break,
                '(' => open_parentheses += 1,
                ')' if in_filter && open_parentheses == 0 => break,
                ')' => open_parentheses = open_parentheses.saturating_sub(1),
                _ => {}
            }
            self.names_are_plain &= !matches!(character, '@' | ',' | ':' | '?' | '*' | '(' | ')');
            name.push(character);
            self.position += character.len_utf8();
        }
        if self.position == start {
            return Err(self.error(format!("Could not parse token starting at position {start}")));
        }
        Ok(Segment::Name(name.into()))
    }

    /// Reads what a backslash stands in front of. In dotted names every character but `u` with four digits stands for
    /// itself; quoted text knows the usual short forms too.
    fn escaped(&mut self, in_dotted_name: bool) -> Result<char, SyntaxError> {
        let Some(character) = self.rest().chars().next() else {
            return Err(self.error("Path must not end with a backslash"));
        };
        self.position += character.len_utf8();
        if character == 'u'
            && let Some(first) = self.hex4()
        {
            let before = self.position;
            if !(0xD800..0xE000).contains(&first) {
                return char::from_u32(first).ok_or_else(|| self.error("Not a character"));
            }
            if first < 0xDC00
                && self.take_str("\\u")
                && let Some(second @ 0xDC00..0xE000) = self.hex4()
                && let Some(pair) = char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
            {
                return Ok(pair);
            }
            self.position = before;
            return Err(self.error("Unpaired surrogate escape"));
        }
        Ok(match character {
            'b' if !in_dotted_name => '\u{8}',
            'f' if !in_dotted_name => '\u{c}',
            'n' if !in_dotted_name => '\n',
            'r' if !in_dotted_name => '\r',
            't' if !in_dotted_name => '\t',
            other => other,
        })
    }

    fn hex4(&mut self) -> Option<u32> {
        let digits =
            self.rest().get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        self.position += 4;
        u32::from_str_radix(digits, 16).ok()
    }

    /// Reads text in single or double quotes; the opening quote is the next byte.
    pub(crate) fn quoted(&mut self) -> Result<Arc<str>, SyntaxError> {
        let start = self.position;
        let quote = self.peek().map_or('\'', char::from);
        self.position += 1;
        let mut text = String::new();
        while let Some(character) = self.rest().chars().next() {
            self.position += character.len_utf8();
            if character == quote {
                return Ok(text.into());
            }
            text.push(if character == '\\' { self.escaped(false)? } else { character });
        }
        Err(SyntaxError::new(format!("Property has not been closed - missing closing {quote}"), start))
    }

    /// Reads a segment in brackets; the opening one is the next byte.
    fn bracket(&mut self) -> Result<Segment, SyntaxError> {
        let start = self.position;
        self.position += 1;
        self.skip_spaces();
        let segment = match self.peek() {
            Some(b'\'' | b'"') => self.quoted_names()?,
            Some(b'0'..=b'9' | b'-' | b':') => self.array_places()?,
            Some(b'(') => self.place_from_end()?,
            Some(b'*') => {
                self.position += 1;
                Segment::Wildcard
            }
            Some(b'?') => {
                self.position += 1;
                self.skip_spaces();
                if !self.take(b'(') {
                    return Err(self.error("A filter must start with '[?(' and end with ')]'"));
                }
                self.enter()?;
                let filter = filter::parse(self)?;
                self.leave();
                if !self.take(b')') {
                    return Err(self.error("Expected end of filter expression"));
                }
                Segment::Filter(Box::new(filter))
            }
            _ => {
                return Err(SyntaxError::new(
                    format!("Could not parse token starting at position {start}. Expected ?, ', 0-9, * "),
                    start,
                ));
            }
        };
        self.skip_spaces();
        if !self.take(b']') {
            return Err(self.error("Property has not been closed - missing closing ]"));
        }
        Ok(segment)
    }

    /// Reads a name in quotes. AWS takes it as it stands: a backslash belongs to the name (recorded), and only one in
    /// front of a quote keeps that quote from closing the name.
    fn quoted_name(&mut self) -> Result<Arc<str>, SyntaxError> {
        let start = self.position;
        let quote = self.peek().map_or('\'', char::from);
        self.position += 1;
        let mut name = String::new();
        while let Some(character) = self.rest().chars().next() {
            self.position += character.len_utf8();
            if character == quote {
                return Ok(name.into());
            }
            if character == '\\' && self.rest().starts_with(quote) {
                self.position += quote.len_utf8();
                name.push(quote);
            } else {
                name.push(character);
            }
        }
        Err(SyntaxError::new(format!("Property has not been closed - missing closing {quote}"), start))
    }

    fn quoted_names(&mut self) -> Result<Segment, SyntaxError> {
        let first = self.quoted_name()?;
        let mut names = vec![first.clone()];
        loop {
            self.skip_spaces();
            if !self.take(b',') {
                break;
            }
            self.skip_spaces();
            if !matches!(self.peek(), Some(b'\'' | b'"')) {
                return Err(self.error(format!("Found empty property at index {}", self.position)));
            }
            names.push(self.quoted_name()?);
        }
        Ok(if names.len() == 1 { Segment::Name(first) } else { Segment::Names(names) })
    }

    /// Reads `(@.length-1)`, the old way to count from the end of an array, which definitions still use.
    fn place_from_end(&mut self) -> Result<Segment, SyntaxError> {
        let start = self.position;
        let rest = self.rest();
        let end = rest.find(')').map_or(rest.len(), |at| at + 1);
        let place = rest[..end]
            .strip_prefix("(@.length")
            .and_then(|behind| behind.trim_start().strip_prefix('-'))
            .and_then(|behind| behind.strip_suffix(')'))
            .and_then(|count| count.trim().parse::<u16>().ok())
            .filter(|count| *count > 0);
        self.position += end;
        place.map(|count| Segment::Index(-i32::from(count))).ok_or_else(|| {
            SyntaxError::new(
                format!("Could not parse token starting at position {start}. Expected (@.length-1)"),
                start,
            )
        })
    }

    /// Reads `0`, `-1`, `0,2`, `1:3`, `:3` or `1:`, up to the closing bracket.
    fn array_places(&mut self) -> Result<Segment, SyntaxError> {
        let start = self.position;
        let end = self.rest().find(']').map_or(self.text.len(), |length| start + length);
        let expression = self.text[start..end].trim_end();
        let invalid = |kind: &str| SyntaxError::new(format!("Failed to parse {kind}: {expression}"), start);
        // Java's parser takes digits and a minus sign only, and 32 bits.
        let number = |text: &str| {
            let digits = text.strip_prefix('-').unwrap_or(text);
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            if plain { text.parse::<i32>().ok() } else { None }
        };
        self.position = end;
        if expression.contains(':') {
            let mut bounds = expression.split(':').map(|bound| match bound {
                "" => Some(None),
                bound => number(bound).map(Some),
            });
            let from = bounds.next().flatten().ok_or_else(|| invalid("SliceOperation"))?;
            let to = bounds.next().flatten().ok_or_else(|| invalid("SliceOperation"))?;
            // A third number, elsewhere the step, is read and ignored by the library.
            let steps_are_valid = bounds.all(|step| step.is_some());
            if (from.is_none() && to.is_none()) || !steps_are_valid {
                return Err(invalid("SliceOperation"));
            }
            return Ok(Segment::Slice { from, to });
        }
        let indexes: Option<Vec<i32>> = expression.split(',').map(|index| number(index.trim())).collect();
        match indexes.as_deref() {
            None => Err(invalid("ArrayIndexOperation")),
            Some([index]) => Ok(Segment::Index(*index)),
            Some(indexes) => Ok(Segment::Indexes(indexes.to_vec())),
        }
    }
}
