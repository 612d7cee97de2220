//! Immutable JSON values with exact numbers and cheap sharing
//!
//! - [`Value`] is shared: a clone copies a pointer. Arrays and objects know their depth and the size of their text.
//! - [`parse`] is strict and speaks of errors in the words of the Jackson library, as Step Functions does.
//! - [`Payload`] is a value together with its text; each is made from the other at most once.
//! - [`document`] reads large texts where they stand, without building anything of them.
//! - [`spanned`] reads files of people: it goes on after errors and remembers where everything stands.
//! - [`path_edit`] writes at a reference path and copies only what lies on the way.
//!
//! No value handed around may nest deeper than [`DEPTH_MAX`]: the functions here recurse, and so does dropping.

mod check;
pub mod document;
mod error;
mod grammar;
mod number;
mod object;
mod parse;
pub mod path_edit;
mod payload;
mod scan;
pub mod spanned;
mod value;
mod write;

pub use check::check;
pub use error::{ParseError, without_source};
pub use number::Number;
pub use object::Object;
pub use parse::{DEPTH_MAX, parse, parse_text};
pub use payload::Payload;
pub use value::{Array, Value};
pub use write::{Sink, escaped_size, write_escaped_str, write_pretty, write_text};
