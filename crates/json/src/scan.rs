//! Reading the tokens of JSON text; shared by the strict parser and the one for definitions

use crate::error::location;
use crate::{Number, ParseError};

/// Longest part of an unknown word that an error shows, as in Jackson.
const WORD_SHOWN_MAX: usize = 256;

/// What Jackson lists when no value starts here.
const VALID_VALUES: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

/// What a string is for; it changes the wording of errors.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Name,
    Value,
}

/// Which bracket surrounds the current place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Container {
    Array,
    Object,
}

impl Container {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Container::Array => "Array",
            Container::Object => "Object",
        }
    }
}

/// A cursor over JSON text. Errors carry the offset behind the last byte looked at, as Jackson's do.
pub(crate) struct Scanner<'a> {
    pub(crate) text: &'a str,
    pub(crate) bytes: &'a [u8],
    pub(crate) position: usize,
    /// A string with escapes is decoded in here; reused.
    pub(crate) decoded: String,
}

/// A string just read.
pub(crate) enum Scanned<'a> {
    /// Without escapes: a piece of the text itself
    Plain(&'a str),
    /// With escapes: the result is in [`Scanner::decoded`]
    Decoded,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Scanner { text, bytes: text.as_bytes(), position: 0, decoded: String::new() }
    }

    pub(crate) fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError::new(message, self.text, self.position)
    }

    /// The next byte that is not white space; stays in front of it.
    pub(crate) fn peek_token(&mut self) -> Option<u8> {
        while let Some(byte) = self.bytes.get(self.position) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(*byte);
            }
            self.position += 1;
        }
        None
    }

    fn peek_char(&self) -> Option<char> {
        self.text.get(self.position..).and_then(|rest| rest.chars().next())
    }

    /// `Unexpected character ('x' (code 120)): <expected>`, having read that character.
    pub(crate) fn unexpected(&mut self, expected: &str) -> ParseError {
        let Some(character) = self.peek_char() else {
            return self.error("Unexpected end-of-input");
        };
        self.position += character.len_utf8();
        self.error(format!("Unexpected character ({}): {expected}", describe(character)))
    }

    fn unexpected_in_number(&mut self, expected: &str) -> ParseError {
        let Some(character) = self.peek_char() else {
            return self.error("Unexpected end-of-input in a Number value");
        };
        self.position += character.len_utf8();
        self.error(format!("Unexpected character ({}) in numeric value: {expected}", describe(character)))
    }

    /// The text ended where a container's members go on.
    pub(crate) fn end_between_entries(&self, container: Container) -> ParseError {
        self.error(format!("Unexpected end-of-input within/between {} entries", container.name()))
    }

    /// The text ended before the bracket at `start` was closed.
    pub(crate) fn end_in(&self, container: Container, start: usize) -> ParseError {
        let (line, column) = crate::error::line_and_column(self.text, start);
        let marker = location(self.text, line, column);
        let name = container.name();
        self.error(format!(
            "Unexpected end-of-input: expected close marker for {name} (start marker at {marker})"
        ))
    }

    /// A bracket of the wrong kind closes the container that `start` opened; reads the bracket.
    pub(crate) fn wrong_close(&mut self, container: Container, start: usize) -> ParseError {
        let found = self.peek_char().unwrap_or(' ');
        self.position += found.len_utf8();
        let (line, column) = crate::error::line_and_column(self.text, start);
        let marker = location(self.text, line, column);
        let expected = if container == Container::Array { ']' } else { '}' };
        let name = container.name();
        self.error(format!(
            "Unexpected close marker '{found}': expected '{expected}' (for {name} starting at {marker})"
        ))
    }

    /// Reads a string; the opening quote is the next byte.
    pub(crate) fn string(&mut self, role: Role) -> Result<Scanned<'a>, ParseError> {
        self.position += 1;
        let start = self.position;
        let end = plain_end(self.bytes, start);
        if self.bytes.get(end) == Some(&b'"') {
            self.position = end + 1;
            return Ok(Scanned::Plain(&self.text[start..end]));
        }
        self.decoded.clear();
        let mut from = start;
        let mut at = end;
        loop {
            match self.bytes.get(at) {
                Some(b'"') => {
                    self.decoded.push_str(&self.text[from..at]);
                    self.position = at + 1;
                    return Ok(Scanned::Decoded);
                }
                Some(b'\\') => {
                    self.decoded.push_str(&self.text[from..at]);
                    self.position = at + 1;
                    self.escape(role)?;
                    from = self.position;
                    at = from;
                }
                Some(control) => {
                    self.position = at + 1;
                    let described = describe(char::from(*control));
                    let place = if role == Role::Name { "name" } else { "string value" };
                    return Err(self.error(format!(
                        "Illegal unquoted character ({described}): has to be escaped using backslash to be included in {place}"
                    )));
                }
                None => {
                    self.position = self.bytes.len();
                    return Err(self.error(match role {
                        Role::Name => "Unexpected end-of-input in field name",
                        Role::Value => {
                            "Unexpected end-of-input: was expecting closing quote for a string value"
                        }
                    }));
                }
            }
            at = plain_end(self.bytes, at);
        }
    }

    /// Decodes one escape; the backslash has been read.
    fn escape(&mut self, role: Role) -> Result<(), ParseError> {
        let Some(character) = self.peek_char() else {
            return Err(self.error(match role {
                Role::Name => "Unexpected end-of-input in field name",
                Role::Value => "Unexpected end-of-input in character escape sequence",
            }));
        };
        self.position += character.len_utf8();
        let decoded = match character {
            '"' | '\\' | '/' => character,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => self.unicode_escape()?,
            other => return Err(self.error(format!("Unrecognized character escape {}", describe(other)))),
        };
        self.decoded.push(decoded);
        Ok(())
    }

    /// Decodes `XXXX` or, for a pair of surrogates, `XXXX\uXXXX`. Half a pair is no text, and is refused.
    fn unicode_escape(&mut self) -> Result<char, ParseError> {
        let first = self.hex4()?;
        let unpaired =
            |this: &Self, unit: u32| this.error(format!("Unpaired surrogate escape \\u{unit:04X}"));
        if !(0xD800..0xE000).contains(&first) {
            return char::from_u32(first).ok_or_else(|| unpaired(self, first));
        }
        if first >= 0xDC00 || !self.bytes[self.position..].starts_with(b"\\u") {
            return Err(unpaired(self, first));
        }
        self.position += 2;
        let second = self.hex4()?;
        if !(0xDC00..0xE000).contains(&second) {
            return Err(unpaired(self, first));
        }
        char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
            .ok_or_else(|| unpaired(self, first))
    }

    fn hex4(&mut self) -> Result<u32, ParseError> {
        let mut unit = 0;
        for _ in 0..4 {
            let Some(byte) = self.bytes.get(self.position) else {
                return Err(self.error("Unexpected end-of-input in character escape sequence"));
            };
            let Some(digit) = char::from(*byte).to_digit(16) else {
                return Err(self.unexpected("expected a hex-digit for character escape sequence"));
            };
            unit = unit * 16 + digit;
            self.position += 1;
        }
        Ok(unit)
    }

    /// Reads a number; its first character (a digit or a minus sign) is the next byte.
    pub(crate) fn number(&mut self) -> Result<Number, ParseError> {
        let start = self.position;
        let negative = self.bytes.get(start) == Some(&b'-');
        self.position += usize::from(negative);
        let digits_start = self.position;
        let mut small: i64 = 0;
        while let Some(digit @ b'0'..=b'9') = self.bytes.get(self.position) {
            small = small.wrapping_mul(10).wrapping_add(i64::from(digit - b'0'));
            self.position += 1;
        }
        let digits = self.position - digits_start;
        if digits == 0 {
            return Err(self
                .unexpected_in_number("expected digit (0-9) to follow minus sign, for valid numeric value"));
        }
        if digits > 1 && self.bytes[digits_start] == b'0' {
            self.position = digits_start + 2;
            return Err(self.error("Invalid numeric value: Leading zeroes not allowed"));
        }
        let next = self.bytes.get(self.position);
        if !matches!(next, Some(b'.' | b'e' | b'E')) {
            // Eighteen digits always fit; minus zero becomes plain zero, as AWS shows it.
            if digits <= 18 {
                return Ok(Number::from(if negative { -small } else { small }));
            }
            let text = &self.text[start..self.position];
            return Number::from_integer_text(text).ok_or_else(|| self.error("Invalid numeric value"));
        }
        if next == Some(&b'.') {
            self.position += 1;
            if !self.skip_digits() {
                return Err(self.unexpected_in_number("Decimal point not followed by a digit"));
            }
        }
        if matches!(self.bytes.get(self.position), Some(b'e' | b'E')) {
            self.position += 1;
            if matches!(self.bytes.get(self.position), Some(b'+' | b'-')) {
                self.position += 1;
            }
            if !self.skip_digits() {
                return Err(self.unexpected_in_number("Exponent indicator not followed by a digit"));
            }
        }
        let text = &self.text[start..self.position];
        text.parse()
            .ok()
            .and_then(Number::from_f64)
            .ok_or_else(|| self.error(format!("Numeric value ({}) out of range of double", shorten(text))))
    }

    fn skip_digits(&mut self) -> bool {
        let start = self.position;
        while self.bytes.get(self.position).is_some_and(u8::is_ascii_digit) {
            self.position += 1;
        }
        self.position > start
    }

    /// Reads `null`, `true` or `false` where the next byte is the first of it; with what follows as an error otherwise.
    pub(crate) fn word(&mut self, word: &str) -> Result<(), ParseError> {
        let end = self.position + word.len();
        let complete = self.bytes[self.position..].starts_with(word.as_bytes());
        if complete && !self.text[end..].chars().next().is_some_and(is_identifier_part) {
            self.position = end;
            return Ok(());
        }
        Err(self.unknown_word())
    }

    /// No value starts at the next character: says so, having read the word or the character.
    pub(crate) fn not_a_value(&mut self) -> ParseError {
        match self.peek_char() {
            Some(']' | '}') => self.unexpected("expected a value"),
            Some('N') if self.text[self.position..].starts_with("NaN") => self.non_standard("NaN"),
            Some('I') if self.text[self.position..].starts_with("Infinity") => self.non_standard("Infinity"),
            Some(character) if is_identifier_start(character) => self.unknown_word(),
            _ => self.unexpected(&format!("expected a valid value {VALID_VALUES}")),
        }
    }

    fn non_standard(&mut self, word: &str) -> ParseError {
        self.position += word.len();
        self.error(format!(
            "Non-standard token '{word}': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow"
        ))
    }

    fn unknown_word(&mut self) -> ParseError {
        let start = self.position;
        let mut count = 0;
        let mut cut = "";
        while let Some(character) = self.peek_char().filter(|character| is_identifier_part(*character)) {
            self.position += character.len_utf8();
            count += 1;
            if count >= WORD_SHOWN_MAX {
                cut = "...";
                break;
            }
        }
        let word = &self.text[start..self.position];
        self.error(format!("Unrecognized token '{word}{cut}': was expecting {VALID_VALUES}"))
    }

    /// The value at the root has ended at the current place: nothing but white space may follow.
    pub(crate) fn root_end(&mut self, value_is_number: bool) -> Result<(), ParseError> {
        let behind_value = self.position;
        let Some(byte) = self.peek_token() else { return Ok(()) };
        if value_is_number && self.position == behind_value {
            return Err(self.unexpected("Expected space separating root-level values"));
        }
        let kind = match byte {
            b'{' => "START_OBJECT",
            b'[' => "START_ARRAY",
            b'"' => "VALUE_STRING",
            b'-' | b'0'..=b'9' => "VALUE_NUMBER",
            b'}' | b']' => {
                return Err(self.unexpected("expected no more than one value"));
            }
            first => {
                let words = [
                    (b't', "true", "VALUE_TRUE"),
                    (b'f', "false", "VALUE_FALSE"),
                    (b'n', "null", "VALUE_NULL"),
                ];
                let Some((_, word, kind)) = words.into_iter().find(|(start, _, _)| *start == first) else {
                    return Err(self.not_a_value());
                };
                let start = self.position;
                self.word(word)?;
                self.position = start;
                kind
            }
        };
        self.position += 1;
        Err(self
            .error(format!("Trailing token (of type {kind}) found after value: only one value is allowed")))
    }
}

/// The first byte from `at` on that a JSON string cannot hold as it is (a quote, a backslash, a control character), or
/// the end. Looks at eight bytes at a time.
pub(crate) fn plain_end(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let zero_bytes = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        let found = control
            | zero_bytes(word ^ (ONES * u64::from(b'"')))
            | zero_bytes(word ^ (ONES * u64::from(b'\\')));
        if found != 0 {
            // Borrows can mark bytes above a real hit, never below it: the lowest mark is exact.
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while let Some(byte) = bytes.get(at) {
        if *byte < 0x20 || *byte == b'"' || *byte == b'\\' {
            break;
        }
        at += 1;
    }
    at.min(bytes.len())
}

/// A character as Jackson describes it: `'x' (code 120)`.
fn describe(character: char) -> String {
    let code = u32::from(character);
    if character.is_control() {
        format!("(CTRL-CHAR, code {code})")
    } else if code > 255 {
        format!("'{character}' (code {code} / 0x{code:x})")
    } else {
        format!("'{character}' (code {code})")
    }
}

/// As Java's `isJavaIdentifierStart`, near enough.
fn is_identifier_start(character: char) -> bool {
    character.is_alphabetic() || matches!(character, '_' | '$')
}

/// As Java's `isJavaIdentifierPart`, near enough.
fn is_identifier_part(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$')
}

fn shorten(text: &str) -> String {
    if text.len() <= WORD_SHOWN_MAX { text.to_owned() } else { format!("{}...", &text[..WORD_SHOWN_MAX]) }
}
