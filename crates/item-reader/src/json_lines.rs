//! JSON Lines.

use std::io::{BufRead, Read};

use stepwell_json::Value;

use crate::{ITEM_BYTES_MAX, ReadError};

/// The values of a file with one JSON value a line; lines with nothing but white space are no items. Ends after an error.
#[derive(Debug)]
pub struct JsonLines<R> {
    input: R,
    line: u64,
    buffer: Vec<u8>,
    has_ended: bool,
}

impl<R: BufRead> JsonLines<R> {
    /// Reads `input`.
    pub fn new(input: R) -> Self {
        Self { input, line: 0, buffer: Vec::new(), has_ended: false }
    }

    fn read(&mut self) -> Result<Option<Value>, ReadError> {
        loop {
            self.buffer.clear();
            self.line += 1;
            // One more for the line's end, and one to see that it is too long.
            let bytes_max = ITEM_BYTES_MAX as u64 + 2;
            if self.input.by_ref().take(bytes_max).read_until(b'\n', &mut self.buffer)? == 0 {
                return Ok(None);
            }
            let text = self.buffer.strip_suffix(b"\n").unwrap_or(&self.buffer);
            if text.len() > ITEM_BYTES_MAX {
                return Err(ReadError::ItemTooLarge { number: self.line });
            }
            let text =
                std::str::from_utf8(text).map_err(|_| ReadError::NotText { number: self.line })?.trim();
            if !text.is_empty() {
                let parsed = stepwell_json::parse(text);
                return parsed.map(Some).map_err(|error| ReadError::Line { line: self.line, error });
            }
        }
    }
}

impl<R: BufRead> Iterator for JsonLines<R> {
    type Item = Result<Value, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        let read = self.read();
        self.has_ended = !matches!(read, Ok(Some(_)));
        read.transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(bytes: &[u8]) -> Vec<String> {
        let shown = |item: Result<Value, ReadError>| match item {
            Ok(value) => value.to_text(),
            Err(error) => error.to_string(),
        };
        JsonLines::new(bytes).map(shown).collect()
    }

    #[test]
    fn every_line_is_an_item() {
        assert_eq!(items(b"{\"a\": 1}\r\n\n  [2]  \n\"x\""), ["{\"a\":1}", "[2]", "\"x\""]);
        assert!(items(b"").is_empty());
    }

    #[test]
    fn nothing_follows_a_fault() {
        let broken = items(b"1\n\n{\n2\n");
        assert_eq!((broken.len(), &*broken[0]), (2, "1"));
        assert!(broken[1].starts_with("Line 3 is not valid JSON: "), "{broken:?}");
        assert_eq!(items(b"\xff\n2"), ["Item 1 is not valid UTF-8."]);
        let mut long = vec![b' '; ITEM_BYTES_MAX];
        assert!(items(&long).is_empty());
        long.push(b' ');
        assert_eq!(items(&long), [format!("Item 1 is larger than {ITEM_BYTES_MAX} bytes.")]);
    }
}
