//! Parse errors, with text and position as the Jackson library gives them

use std::fmt::{self, Write as _};

/// How many characters of the source Jackson shows in a location.
const SOURCE_SHOWN_MAX: usize = 500;

/// Why a text is not JSON
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Jackson's wording, without the location that follows it.
    pub message: String,
    /// Byte offset just behind what was read when the error was found.
    pub offset: usize,
    /// Line of `offset`, counted from 1.
    pub line: u32,
    /// Column of `offset` in UTF-16 units, counted from 1 (0 for an empty document), as Jackson counts.
    pub column: u32,
}

impl ParseError {
    /// An error found after reading `source` up to the byte `offset`.
    pub(crate) fn new(message: impl Into<String>, source: &str, offset: usize) -> Self {
        let (line, column) = line_and_column(source, offset);
        ParseError { message: message.into(), offset, line, column }
    }

    /// The location as Jackson prints it: `[Source: (String)"not a definition"; line: 1, column: 4]`.
    pub fn source_location(&self, source: &str) -> String {
        location(source, self.line, self.column)
    }

    /// Message and location as Jackson prints them: `<message>\n at [Source: (String)"…"; line: 1, column: 4]`.
    pub fn with_source(&self, source: &str) -> String {
        format!("{}\n at {}", self.message, self.source_location(source))
    }
}

/// `message` for readers who have `source` before them. Jackson's wording quotes the text in each location: the one
/// that ends the message goes, and those inside it become `line 1, column 4`.
pub fn without_source(message: &str, source: &str) -> String {
    let quoted = format!("[{}", quotation(source));
    let mut told = String::new();
    let mut rest = message;
    while let Some((before, location)) = rest.split_once(&quoted) {
        let Some((place, after)) = location.strip_prefix("; line: ").and_then(|place| place.split_once(']'))
        else {
            break;
        };
        match before.strip_suffix("\n at ") {
            Some(before) if after.is_empty() => told.push_str(before),
            _ => {
                let _ = write!(told, "{before}line {}", place.replace(", column: ", ", column "));
            }
        }
        rest = after;
    }
    told + rest
}

impl fmt::Display for ParseError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (line {}, column {})", self.message, self.line, self.column)
    }
}

impl std::error::Error for ParseError {}

/// Line and column (in UTF-16 units), both from 1, of a byte offset; `\n`, `\r` and `\r\n` end a line.
pub(crate) fn line_and_column(source: &str, offset: usize) -> (u32, u32) {
    let bytes = source.as_bytes();
    let offset = offset.min(bytes.len());
    let mut line = 1u32;
    let mut line_start = 0;
    for (at, byte) in bytes[..offset].iter().enumerate() {
        let ends_line = match byte {
            b'\n' => true,
            b'\r' => bytes.get(at + 1) != Some(&b'\n'),
            _ => false,
        };
        if ends_line {
            line = line.saturating_add(1);
            line_start = at + 1;
        }
    }
    let column = 1 + utf16_length(&bytes[line_start..offset]);
    (line, u32::try_from(column).unwrap_or(u32::MAX))
}

/// UTF-16 units of valid UTF-8 bytes: every character one, those of four bytes two.
pub(crate) fn utf16_length(bytes: &[u8]) -> usize {
    bytes.iter().map(|byte| usize::from(byte & 0xC0 != 0x80) + usize::from(*byte >= 0xF0)).sum()
}

/// A location in Jackson's form; a long source is cut as Jackson cuts it.
pub(crate) fn location(source: &str, line: u32, column: u32) -> String {
    format!("[{}; line: {line}, column: {column}]", quotation(source))
}

/// The text of a location, without its place.
fn quotation(source: &str) -> String {
    let mut text = String::from("Source: (String)\"");
    let mut shown_units = 0;
    let mut shown_bytes = source.len();
    for (at, character) in source.char_indices() {
        if shown_units + character.len_utf16() > SOURCE_SHOWN_MAX {
            shown_bytes = at;
            break;
        }
        shown_units += character.len_utf16();
    }
    text.push_str(&source[..shown_bytes]);
    text.push('"');
    let rest = utf16_length(&source.as_bytes()[shown_bytes..]);
    if rest > 0 {
        let _ = write!(text, "[truncated {rest} chars]");
    }
    text
}
