//! The items that an ItemReader of a Map state makes of a file: CSV, JSON Lines or JSON.
//!
//! CSV and JSON Lines are read as they come, one item at a time, so that a file need not fit into memory. Where the file
//! comes from is its caller's business.
//!
//! Sources: AWS's developer guide ("How Step Functions parses input CSV files", "ItemReader") and recordings of executions.

mod csv;
mod hash_order;
mod json;
mod json_lines;

pub use csv::{Headers, Rows};
pub use json::dataset;
pub use json_lines::JsonLines;

/// Bytes of an item.
pub const ITEM_BYTES_MAX: usize = 8 << 20;
/// Bytes of the names of all columns, and of what stands between them.
pub const HEADER_BYTES_MAX: usize = 10 << 10;

/// Why a file has no items, or no more; the text is the cause of `States.ItemReaderFailed`.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Two columns have one name.
    #[error("CSV headers cannot contain duplicates.")]
    DuplicateHeaders,
    /// The names of the columns are longer than [`HEADER_BYTES_MAX`].
    #[error("The CSV headers are larger than {HEADER_BYTES_MAX} bytes.")]
    HeadersTooLarge,
    /// A field's closing quotation mark is missing.
    #[error("The quotation mark of a field in record {record} is not closed.")]
    UnclosedQuote {
        /// The record that the field begins in, from 1; the header is one too.
        record: u64,
    },
    /// An item is longer than [`ITEM_BYTES_MAX`].
    #[error("Item {number} is larger than {ITEM_BYTES_MAX} bytes.")]
    ItemTooLarge {
        /// Its number in the file, from 1.
        number: u64,
    },
    /// The file is no text.
    #[error("Item {number} is not valid UTF-8.")]
    NotText {
        /// The number of the item in the file, from 1.
        number: u64,
    },
    /// A line is no JSON.
    #[error("Line {line} is not valid JSON: {error}")]
    Line {
        /// Its number, from 1.
        line: u64,
        /// What is wrong.
        error: stepwell_json::ParseError,
    },
    /// The file is no JSON.
    #[error("{0}")]
    Json(#[from] stepwell_json::ParseError),
    /// The JSON has nothing where ItemsPointer leads.
    #[error("The ItemsPointer '{0}' leads nowhere.")]
    Pointer(String),
    /// A JSON value that is neither an array nor an object (recorded).
    #[error("Attempting to map over non-iterable node.")]
    NotIterable,
    /// The file can't be read.
    #[error("The file can't be read: {0}")]
    Input(#[from] std::io::Error),
}
