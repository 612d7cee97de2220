//! Why a path cannot be read, and why it leads nowhere

use std::fmt;

/// Why a text is not a path
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// What is wrong, for people.
    pub message: String,
    /// Byte offset in the path's text.
    pub offset: usize,
}

impl SyntaxError {
    pub(crate) fn new(message: impl Into<String>, offset: usize) -> Self {
        SyntaxError { message: message.into(), offset }
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (position {})", self.message, self.offset)
    }
}

impl std::error::Error for SyntaxError {}

/// Why a path has no value in a document
///
/// The text is what Step Functions shows behind `Invalid path '<path>' : `. Places are given in bracket notation, the
/// root as `$` whatever the path starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathError {
    /// The last member does not exist: `No results for path: $['a']['b']`.
    NoResults {
        /// The whole path
        path: String,
    },
    /// The array has no such element; same text as [`PathError::NoResults`].
    IndexOutOfRange {
        /// The whole path
        path: String,
    },
    /// A member on the way does not exist: `Missing property in path $['no']`.
    MissingProperty {
        /// The path up to that member
        path: String,
    },
    /// A member is asked of something that is not an object: `Property ['length()'] not found in path $['list']`.
    PropertyNotFound {
        /// The member in bracket notation
        property: String,
        /// The path up to what should be an object
        path: String,
    },
    /// An element is asked of something that is not an array.
    NotAnArray {
        /// The index in bracket notation
        index: String,
        /// Compact text of what was found instead, its beginning
        found: String,
    },
    /// An element is asked of `null`: `The path $['a'] is null`.
    NullArray {
        /// The path up to the null
        path: String,
    },
    /// A filter is applied to something that is neither array nor object.
    FilterOnPrimitive {
        /// Compact text of what was found instead, its beginning
        found: String,
    },
    /// The array of matches would nest deeper than a value may.
    TooDeep,
    /// More than [`crate::RESULTS_MAX`] values or [`crate::WORK_MAX`] steps: no honest path needs as many.
    TooMuchWork,
}

impl fmt::Display for PathError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PathError::NoResults { path } | PathError::IndexOutOfRange { path } => {
                write!(formatter, "No results for path: {path}")
            }
            PathError::MissingProperty { path } => write!(formatter, "Missing property in path {path}"),
            PathError::PropertyNotFound { property, path } => {
                write!(formatter, "Property {property} not found in path {path}")
            }
            PathError::NotAnArray { index, found } => {
                write!(
                    formatter,
                    "Filter: {index} can only be applied to arrays. Current context is: {found}"
                )
            }
            PathError::NullArray { path } => write!(formatter, "The path {path} is null"),
            PathError::FilterOnPrimitive { found } => {
                write!(formatter, "Filter: [?] can not be applied to primitives. Current context is: {found}")
            }
            PathError::TooDeep => formatter.write_str("The path selects a value that nests too deep"),
            PathError::TooMuchWork => formatter.write_str("The path selects too many values"),
        }
    }
}

impl std::error::Error for PathError {}
