//! What can go wrong in a store.

use std::sync::Arc;
use thiserror::Error;

/// A read or a backup that failed.
#[derive(Clone, Debug, Error)]
pub enum StoreError {
    /// What was read cannot be right. The text says where.
    #[error("the store is damaged: {0}")]
    Damaged(Arc<str>),
    /// The operating system or the table library refused. The text names the file where it is known.
    #[error("the store cannot be read: {0}")]
    Io(Arc<str>),
    /// A backup can't be written where it should be, or there is none of such a store.
    #[error("no backup was made: {0}")]
    NotCopied(Arc<str>),
    /// The store was closed or has stopped after a failed write.
    #[error("the store has stopped: {0}")]
    Stopped(Arc<str>),
}

impl StoreError {
    /// A [`StoreError::Damaged`].
    pub fn damaged(what: impl Into<Arc<str>>) -> StoreError {
        StoreError::Damaged(what.into())
    }

    /// A [`StoreError::NotCopied`].
    pub fn not_copied(why: impl std::fmt::Display) -> StoreError {
        StoreError::NotCopied(why.to_string().into())
    }

    /// A [`StoreError::Io`].
    pub fn io(what: impl std::fmt::Display) -> StoreError {
        StoreError::Io(what.to_string().into())
    }
}

/// A batch that was not acknowledged. Whether it is durable is unknown until the store is opened again; no later batch
/// will be acknowledged either.
#[derive(Clone, Debug, Error)]
#[error("the batch was not committed: {reason}")]
pub struct CommitError {
    /// Why, in one line.
    pub reason: Arc<str>,
}

/// The disk is nearly full: starts and creates are refused, everything that finishes work is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the disk is nearly full: {free_bytes} bytes free, {reserve_bytes} bytes are kept in reserve")]
pub struct DiskFull {
    /// Bytes free on the file system.
    pub free_bytes: u64,
    /// Bytes that are kept for finishing work.
    pub reserve_bytes: u64,
}
