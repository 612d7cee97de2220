//! What is wrong with a mock file, and where.

use std::fmt;

/// Faults told of one file; behind them the rest of the file is not looked at.
pub const FAULTS_MAX: usize = 100;

/// One fault of a mock file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// JSON pointer to the value at fault; empty for the whole file and for a text that is not JSON.
    pub pointer: String,
    /// What is wrong and, where that can be told, what to do.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}, column {}", self.line, self.column)?;
        if !self.pointer.is_empty() {
            write!(formatter, " ({})", self.pointer)?;
        }
        write!(formatter, ": {}", self.message)
    }
}

impl std::error::Error for Fault {}
