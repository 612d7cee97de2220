//! CSV files, by the rules of Step Functions, which are not those of RFC 4180: a backslash escapes inside and outside of
//! quotation marks, and a doubled quotation mark stands for one in both.

use std::io::BufRead;
use std::sync::Arc;

use stepwell_json::{Object, Value};

use crate::hash_order::hash_order;
use crate::{HEADER_BYTES_MAX, ITEM_BYTES_MAX, ReadError};

/// Where the names of the columns are.
#[derive(Debug, Clone, Copy)]
pub enum Headers<'a> {
    /// In the first record of the file.
    FirstRow,
    /// Here.
    Given(&'a [Arc<str>]),
}

/// The rows of a CSV file as objects. All values are texts; a short row has empty ones, and what a row has beyond the
/// columns is left out. Ends after an error.
#[derive(Debug)]
pub struct Rows<R> {
    records: Records<R>,
    /// Names with their positions in a row, in the order in which they are shown.
    columns: Vec<(Arc<str>, usize)>,
    number: u64,
    has_ended: bool,
}

impl<R: BufRead> Rows<R> {
    /// Reads `input`, whose fields are separated by `delimiter`, an ASCII character.
    ///
    /// # Errors
    /// The names of the columns are too large together or not different, or the first record can't be read.
    pub fn new(input: R, delimiter: u8, headers: Headers<'_>) -> Result<Self, ReadError> {
        let mut records = Records::new(input, delimiter)?;
        let names: Vec<Arc<str>> = match headers {
            Headers::Given(names) => names.to_vec(),
            Headers::FirstRow => match records.read(HEADER_BYTES_MAX) {
                Ok(Some(record)) => record.fields().map(Arc::from).collect(),
                Ok(None) => Vec::new(),
                Err(Fault::TooLarge) => return Err(ReadError::HeadersTooLarge),
                Err(fault) => return Err(fault.at(1)),
            },
        };
        let bytes: usize = names.iter().map(|name| name.len() + 1).sum();
        if bytes > HEADER_BYTES_MAX + 1 {
            return Err(ReadError::HeadersTooLarge);
        }
        let mut sorted: Vec<&str> = names.iter().map(|name| &**name).collect();
        sorted.sort_unstable();
        if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(ReadError::DuplicateHeaders);
        }
        let order = hash_order(&names);
        let columns = order.into_iter().map(|position| (names[position].clone(), position)).collect();
        Ok(Self { records, columns, number: 0, has_ended: false })
    }
}

impl<R: BufRead> Iterator for Rows<R> {
    type Item = Result<Value, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        self.number += 1;
        match self.records.read(ITEM_BYTES_MAX) {
            Ok(Some(record)) => {
                let entries = self
                    .columns
                    .iter()
                    .map(|(name, position)| (name.clone(), Value::from(record.field(*position))));
                Some(Ok(Value::Object(Object::from_entries(entries.collect()))))
            }
            Ok(None) => {
                self.has_ended = true;
                None
            }
            Err(fault) => {
                self.has_ended = true;
                Some(Err(fault.at(self.number)))
            }
        }
    }
}

/// What is wrong with a record.
enum Fault {
    TooLarge,
    NotText,
    UnclosedQuote { record: u64 },
    Input(std::io::Error),
}

impl Fault {
    /// As the fault of an item.
    fn at(self, number: u64) -> ReadError {
        match self {
            Fault::TooLarge => ReadError::ItemTooLarge { number },
            Fault::NotText => ReadError::NotText { number },
            Fault::UnclosedQuote { record } => ReadError::UnclosedQuote { record },
            Fault::Input(error) => ReadError::Input(error),
        }
    }
}

/// The fields of a record, one behind the other.
#[derive(Clone, Copy)]
struct Record<'a> {
    text: &'a str,
    /// Where each field ends.
    ends: &'a [usize],
}

impl<'a> Record<'a> {
    /// A field; empty when there are not so many.
    fn field(self, position: usize) -> &'a str {
        let start = position.checked_sub(1).map_or(Some(&0), |before| self.ends.get(before));
        let (Some(start), Some(end)) = (start, self.ends.get(position)) else { return "" };
        self.text.get(*start..*end).unwrap_or_default()
    }

    fn fields(self) -> impl Iterator<Item = &'a str> {
        (0..self.ends.len()).map(move |position| self.field(position))
    }
}

/// Where in a record the reader is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    FieldStart,
    Bare,
    Quoted,
    /// Behind a quotation mark that ends the quoted part, unless another one follows.
    QuoteInQuoted,
    /// Behind a quotation mark that stands for itself; one that follows at once belongs to it.
    QuoteInBare,
    /// Behind a backslash.
    Escape {
        is_quoted: bool,
    },
}

#[derive(Debug)]
struct Records<R> {
    input: R,
    delimiter: u8,
    text: Vec<u8>,
    ends: Vec<usize>,
    number: u64,
}

impl<R: BufRead> Records<R> {
    fn new(mut input: R, delimiter: u8) -> Result<Self, ReadError> {
        const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
        if input.fill_buf()?.starts_with(BYTE_ORDER_MARK) {
            input.consume(BYTE_ORDER_MARK.len());
        }
        Ok(Self { input, delimiter, text: Vec::new(), ends: Vec::new(), number: 0 })
    }

    /// The next record, of at most so many bytes; none at the end of the file.
    fn read(&mut self, bytes_max: usize) -> Result<Option<Record<'_>>, Fault> {
        self.text.clear();
        self.ends.clear();
        self.number += 1;
        let mut place = Place::FieldStart;
        let mut before = 0;
        let mut is_empty = true;
        let mut has_ended = false;
        while !has_ended {
            let buffer = match self.input.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Fault::Input(error)),
            };
            if buffer.is_empty() {
                break;
            }
            is_empty = false;
            let mut used = 0;
            for byte in buffer {
                used += 1;
                let delimiter = self.delimiter;
                match step(place, *byte, delimiter, &mut self.text) {
                    Step::To(next) => place = next,
                    Step::FieldEnd => {
                        self.ends.push(self.text.len());
                        place = Place::FieldStart;
                    }
                    Step::RecordEnd => {
                        // Of a line that ends as in Windows.
                        if place == Place::Bare && before == b'\r' {
                            self.text.pop();
                        }
                        has_ended = true;
                        break;
                    }
                }
                before = *byte;
                if self.text.len() + self.ends.len() > bytes_max {
                    return Err(Fault::TooLarge);
                }
            }
            self.input.consume(used);
        }
        if is_empty {
            return Ok(None);
        }
        if !has_ended && matches!(place, Place::Quoted | Place::Escape { is_quoted: true }) {
            return Err(Fault::UnclosedQuote { record: self.number });
        }
        if !has_ended && place == Place::QuoteInBare {
            self.text.push(b'"');
        }
        self.ends.push(self.text.len());
        let text = std::str::from_utf8(&self.text).map_err(|_| Fault::NotText)?;
        Ok(Some(Record { text, ends: &self.ends }))
    }
}

enum Step {
    To(Place),
    FieldEnd,
    RecordEnd,
}

/// Takes a byte; what belongs to the field goes into `text`.
fn step(place: Place, byte: u8, delimiter: u8, text: &mut Vec<u8>) -> Step {
    let place = match place {
        // A backslash before anything else is left out.
        Place::Escape { is_quoted } => {
            let place = if is_quoted { Place::Quoted } else { Place::Bare };
            if byte == b'\\' || byte == b'"' || byte == delimiter {
                text.push(byte);
                return Step::To(place);
            }
            place
        }
        Place::QuoteInBare => {
            text.push(b'"');
            if byte == b'"' {
                return Step::To(Place::Bare);
            }
            Place::Bare
        }
        Place::QuoteInQuoted if byte == b'"' => {
            text.push(b'"');
            return Step::To(Place::Quoted);
        }
        Place::QuoteInQuoted => Place::Bare,
        place => place,
    };
    match (place, byte) {
        (Place::Quoted, b'"') => Step::To(Place::QuoteInQuoted),
        (Place::Quoted, b'\\') => Step::To(Place::Escape { is_quoted: true }),
        (Place::Quoted, _) => {
            text.push(byte);
            Step::To(Place::Quoted)
        }
        (Place::FieldStart, b'"') => Step::To(Place::Quoted),
        (_, b'"') => Step::To(Place::QuoteInBare),
        (_, b'\\') => Step::To(Place::Escape { is_quoted: false }),
        (_, b'\n') => Step::RecordEnd,
        (_, byte) if byte == delimiter => Step::FieldEnd,
        _ => {
            text.push(byte);
            Step::To(Place::Bare)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The rows' values in the order of the columns `a`, `b`, `c`, `d`.
    fn values(text: &str, delimiter: u8, columns: usize) -> Result<Vec<Vec<String>>, String> {
        let names: Vec<Arc<str>> = ["a", "b", "c", "d"].into_iter().take(columns).map(Arc::from).collect();
        let rows =
            Rows::new(text.as_bytes(), delimiter, Headers::Given(&names)).map_err(|e| e.to_string())?;
        rows.map(|row| {
            let row = row.map_err(|error| error.to_string())?;
            let value = |name: &Arc<str>| row.get(name).and_then(Value::as_str).unwrap_or("?").to_owned();
            Ok(names.iter().map(value).collect())
        })
        .collect()
    }

    #[test]
    fn fields_are_separated_quoted_and_escaped_as_aws_documents_it() {
        let cases: &[(&str, u8, &[&[&str]])] = &[
            ("1,2\n3,4\n", b',', &[&["1", "2"], &["3", "4"]]),
            ("1,2\r\n3,4", b',', &[&["1", "2"], &["3", "4"]]),
            ("1|2\n", b'|', &[&["1", "2"]]),
            ("1\t2,3\n", b'\t', &[&["1", "2,3"]]),
            // Short and long rows; white space stays.
            ("1\n,,,\n   \n1,2,3,4\n", b',', &[&["1", ""], &["", ""], &["   ", ""], &["1", "2"]]),
            ("\n1,2\n", b',', &[&["", ""], &["1", "2"]]),
            ("", b',', &[]),
            // Quoted: delimiters and line ends count for nothing.
            ("\"1,\n2\",\"\"\n", b',', &[&["1,\n2", ""]]),
            ("\"a\"\"b\",a\"\"b\n", b',', &[&["a\"b", "a\"b"]]),
            ("{\"\"K\"\":\"\"V\"\"},\"[1,2]\"\n", b',', &[&["{\"K\":\"V\"}", "[1,2]"]]),
            ("\"a\"b,a\"b\n", b',', &[&["ab", "a\"b"]]),
            ("\"a\"\r\nb\"", b',', &[&["a", ""], &["b\"", ""]]),
            // A backslash escapes itself, the quotation mark and the delimiter, and is left out before anything else.
            ("C:\\\\a\\\\b.exe,6\n", b',', &[&["C:\\a\\b.exe", "6"]]),
            ("a\\,b,\"a\\\"b\"\n", b',', &[&["a,b", "a\"b"]]),
            ("a\\|b|\\n\n", b'|', &[&["a|b", "n"]]),
            ("a\\,b|2\n", b'|', &[&["a,b", "2"]]),
            ("\\\"a\\\",\"\\x\"\n", b',', &[&["\"a\"", "x"]]),
            ("a\\\n", b',', &[&["a", ""]]),
            ("a\r,\\\n", b',', &[&["a\r", ""]]),
            ("a,\"b\r\"\n", b',', &[&["a", "b\r"]]),
            ("a\\", b',', &[&["a", ""]]),
            ("\u{feff}\"é\",ü", b',', &[&["é", "ü"]]),
        ];
        for (text, delimiter, expected) in cases {
            let found = values(text, *delimiter, 2);
            let found = found.as_ref().map(|rows| {
                rows.iter().map(|row| row.iter().map(String::as_str).collect()).collect::<Vec<Vec<&str>>>()
            });
            assert_eq!(found, Ok(expected.iter().map(|row| row.to_vec()).collect()), "{text:?}");
        }
    }

    #[test]
    fn a_header_names_the_columns() {
        let rows = |text: &str| -> Vec<String> {
            match Rows::new(text.as_bytes(), b',', Headers::FirstRow) {
                Ok(rows) => rows
                    .map(|row| row.map_or_else(|error| error.to_string(), |value| value.to_text()))
                    .collect(),
                Err(error) => vec![error.to_string()],
            }
        };
        // As recorded, in the order of a hash table.
        assert_eq!(
            rows("0,True,{}\nValue4,Value5,Value6\n,,,\nNull,None,\n   \n"),
            [
                r#"{"0":"Value4","{}":"Value6","True":"Value5"}"#,
                r#"{"0":"","{}":"","True":""}"#,
                r#"{"0":"Null","{}":"","True":"None"}"#,
                r#"{"0":"   ","{}":"","True":""}"#,
            ]
        );
        assert_eq!(rows("a,\n1,2"), [r#"{"":"2","a":"1"}"#]);
        assert!(rows("a,b\n").is_empty());
        assert!(rows("").is_empty());
        assert_eq!(rows("a,b,a\n1"), ["CSV headers cannot contain duplicates."]);
        assert_eq!(rows("\"a\nb"), ["The quotation mark of a field in record 1 is not closed."]);
        assert_eq!(
            rows("a\n1\n\"2\n"),
            [r#"{"a":"1"}"#, "The quotation mark of a field in record 3 is not closed."]
        );
        let long = "x".repeat(HEADER_BYTES_MAX);
        assert_eq!(rows(&format!("{long}\n1")).len(), 1);
        assert_eq!(rows(&format!("{long}y\n1")), ["The CSV headers are larger than 10240 bytes."]);
        let given: Vec<Arc<str>> = vec![long.as_str().into(), "y".into()];
        let refused = Rows::new(&b"1"[..], b',', Headers::Given(&given));
        assert!(matches!(refused, Err(ReadError::HeadersTooLarge)));
    }

    #[test]
    fn an_item_has_a_largest_size_and_is_text() {
        let names: Vec<Arc<str>> = vec!["a".into()];
        let read = |bytes: &[u8]| {
            let rows = Rows::new(bytes, b',', Headers::Given(&names)).map_err(|error| error.to_string())?;
            rows.map(|row| row.map(|_| ()).map_err(|error| error.to_string())).collect::<Result<Vec<()>, _>>()
        };
        let long = vec![b'x'; ITEM_BYTES_MAX];
        assert_eq!(read(&long), Ok(vec![()]));
        assert_eq!(
            read(&[&long[..], b"y"].concat()),
            Err(format!("Item 1 is larger than {ITEM_BYTES_MAX} bytes."))
        );
        // A row of nothing but delimiters is held in memory too.
        let many = vec![b','; ITEM_BYTES_MAX + 1];
        assert_eq!(
            read(&[b"1\n", &many[..]].concat()),
            Err(format!("Item 2 is larger than {ITEM_BYTES_MAX} bytes."))
        );
        assert_eq!(read(b"1\n\xff\n2\n"), Err("Item 2 is not valid UTF-8.".to_owned()));
    }

    proptest! {
        /// What is written with every field quoted is read again, whatever it holds, and however the input comes in.
        #[test]
        fn quoted_fields_are_read_as_they_were_written(
            rows in prop::collection::vec(prop::collection::vec("[ab,\"\\\\\n\r é]{0,6}", 3), 0..5),
            chunk in 1usize..8,
        ) {
            let field = |text: &String| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\"\""));
            let line = |row: &Vec<String>| row.iter().map(field).collect::<Vec<_>>().join(",") + "\n";
            let text: String = rows.iter().map(line).collect();
            let names: Vec<Arc<str>> = ["a", "b", "c"].map(Arc::from).to_vec();
            let input = std::io::BufReader::with_capacity(chunk, text.as_bytes());
            let read: Vec<Vec<String>> = Rows::new(input, b',', Headers::Given(&names))
                .unwrap()
                .map(|row| {
                    let row = row.unwrap();
                    names.iter().map(|name| row.get(name).unwrap().as_str().unwrap().to_owned()).collect()
                })
                .collect();
            prop_assert_eq!(read, rows);
        }
    }
}
