//! JSONPath and reference paths as Step Functions reads them
//!
//! The dialect is that of the Jayway library, which Step Functions uses, without its path functions: `$.list.length()`
//! asks for a member named `length()`. A [`Path`] is compiled once; evaluating a plain path such as `$.a.b` allocates
//! nothing. A [`ReferencePath`] names exactly one place, and can be written to.

mod error;
mod evaluate;
mod filter;
mod parse;
mod path;
mod pattern;
mod reference;
mod segment;

pub use error::{PathError, SyntaxError};
pub use evaluate::{RESULTS_MAX, WORK_MAX};
pub use parse::{NESTING_MAX, SEGMENTS_MAX};
pub use path::{Path, Root};
pub use reference::ReferencePath;
pub use stepwell_json::path_edit::{SetError, Step};
