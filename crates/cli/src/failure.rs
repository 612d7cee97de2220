//! How a command ends when it does not succeed: the exit code, and the line that says why.

use std::fmt;

/// Why a command did not succeed. Each kind has its own exit code, which scripts rely on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The execution ended, but not as SUCCEEDED, or an evaluation or a test failed. Everything there is to say was printed. Exit code 1.
    Unsuccessful,
    /// The arguments, a file or the configuration can't be used. Exit code 2.
    Usage(String),
    /// Findings were printed. Exit code 2.
    InvalidDefinition,
    /// The server can't be reached, or refused the call. Exit code 3.
    Refused(String),
    /// The program, the disk or the system failed. Exit code 4.
    Internal(String),
}

impl Failure {
    /// A failure by what the user gave: exit code 2.
    pub(crate) fn usage(text: impl fmt::Display) -> Failure {
        Failure::Usage(text.to_string())
    }

    /// A failure that is nobody's fault but ours or the system's: exit code 4.
    pub(crate) fn internal(text: impl fmt::Display) -> Failure {
        Failure::Internal(text.to_string())
    }

    /// The exit code of the process.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Failure::Unsuccessful => 1,
            Failure::Usage(_) | Failure::InvalidDefinition => 2,
            Failure::Refused(_) => 3,
            Failure::Internal(_) => 4,
        }
    }

    /// What is still to be told.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Failure::Unsuccessful | Failure::InvalidDefinition => None,
            Failure::Usage(text) | Failure::Refused(text) | Failure::Internal(text) => Some(text),
        }
    }
}
