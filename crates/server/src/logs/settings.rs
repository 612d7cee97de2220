//! Where the logs of executions go.

use std::{collections::BTreeMap, path::PathBuf};

/// Where the records of a log group go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LogDestination {
    /// A file, one record a line. When it is full it gets the suffix `.1`, in place of the one before, and a new one is
    /// begun.
    File {
        /// The file; its directory is made when it is missing.
        path: PathBuf,
        /// How large it may become.
        bytes_max: u64,
    },
    /// The server's standard output, one record a line.
    #[default]
    Stdout,
    /// CloudWatch Logs, wherever calls of it go.
    CloudWatch,
    /// Nowhere: records are counted and dropped.
    Off,
}

/// How large a log file becomes unless it is said.
pub const LOG_FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Where the logs of executions go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogSettings {
    /// Log groups by name.
    pub groups: BTreeMap<String, LogDestination>,
    /// Where other groups go. Several groups share one file then; the records name their execution.
    pub default: LogDestination,
}
