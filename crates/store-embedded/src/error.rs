//! Why a store cannot be opened, or has stopped.

use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a store cannot be opened. Each text names the file and says what to do where there is something to do.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process uses the directory.
    #[error(
        "the data directory {} is in use by another process{}; stop that process or choose another directory",
        directory.display(),
        process.as_ref().map(|process| format!(" (process {process})")).unwrap_or_default()
    )]
    Locked {
        /// The data directory.
        directory: PathBuf,
        /// The process that holds the lock, as its lock file says.
        process: Option<String>,
    },
    /// An operation on a file failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The data was written by a later version of Stepwell.
    #[error(
        "the data in {} has format {found}, and this version of Stepwell reads formats up to {supported}; use a later version",
        directory.display()
    )]
    NewerFormat {
        /// The data directory.
        directory: PathBuf,
        /// The format of the data.
        found: u64,
        /// The newest format that can be read.
        supported: u64,
    },
    /// The directory holds something else.
    #[error("{} is not a data directory of Stepwell: {reason}", directory.display())]
    NotAStore {
        /// The directory.
        directory: PathBuf,
        /// What was found.
        reason: String,
    },
    /// What was read cannot be right.
    #[error("{} is damaged at byte {offset}: {what}; nothing was changed, restore a backup or ask for help before going on", path.display())]
    Damaged {
        /// The damaged file.
        path: PathBuf,
        /// Where in the file.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// The tables behind the journal cannot be opened or read.
    #[error("the tables in {} cannot be used: {reason}; nothing was changed, restore a backup or ask for help before going on", directory.display())]
    Tables {
        /// The directory of the tables.
        directory: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl OpenError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
        let path = path.to_path_buf();
        move |source| OpenError::Io { action, path, source }
    }

    pub(crate) fn damaged(path: &Path, offset: u64, what: impl Into<String>) -> OpenError {
        OpenError::Damaged { path: path.to_path_buf(), offset, what: what.into() }
    }

    pub(crate) fn tables(directory: &Path, reason: impl ToString) -> OpenError {
        OpenError::Tables { directory: directory.to_path_buf(), reason: reason.to_string() }
    }
}

/// Why a running store has stopped. Nothing is acknowledged any more; the process should print this line and exit with a
/// code other than 0. What was acknowledged is safe: a restart finds it.
#[derive(Clone, Debug, Error)]
pub enum FatalError {
    /// An operation on a file failed. It is not tried again: after a failed sync nobody knows what is on the disk.
    #[error("cannot {action} {}: {reason}; the store has stopped, see to the disk and restart", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the operating system said.
        reason: String,
        /// The kind of failure.
        kind: io::ErrorKind,
    },
    /// The tables behind the journal refused a change.
    #[error("the tables refused a change: {reason}; the store has stopped, see to the disk and restart")]
    Tables {
        /// What the table library said.
        reason: String,
    },
    /// A fault of the program itself.
    #[error("{what}; the store has stopped, please report this and restart")]
    Bug {
        /// What happened.
        what: String,
    },
}

impl FatalError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FatalError {
        let path = path.to_path_buf();
        move |source| FatalError::Io { action, path, reason: source.to_string(), kind: source.kind() }
    }

    /// Whether the file system was full.
    pub(crate) fn is_disk_full(&self) -> bool {
        matches!(self, FatalError::Io { kind: io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded, .. })
    }
}
