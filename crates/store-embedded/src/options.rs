//! How a store is opened.

use crate::error::FatalError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Called when the store has stopped.
pub type FatalListener = Arc<dyn Fn(&FatalError) + Send + Sync>;

/// When a batch is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// After it was synced.
    Commit,
    /// After it was written; a sync follows within this time. Survives the end of the process, not a loss of power.
    Interval(Duration),
}

/// Settings of an [`EmbeddedStore`](crate::EmbeddedStore). The defaults are what a server wants.
#[derive(Clone)]
pub struct Options {
    /// When a batch is acknowledged.
    pub durability: Durability,
    /// Length of the first segment of the journal in bytes; each next one is twice as long.
    pub first_segment_bytes: u64,
    /// Length of the largest segment in bytes.
    pub largest_segment_bytes: u64,
    /// A checkpoint is made after this many bytes of journal.
    pub checkpoint_bytes: u64,
    /// Bytes of the cache of table blocks.
    pub cache_bytes: u64,
    /// Bytes of the tables' write buffers together. While they are being written to disk there can be as many again.
    pub memtable_bytes: u64,
    /// Bytes of disk space that are kept for finishing work; on a small file system a quarter of it if that is less.
    pub disk_reserve_bytes: u64,
    /// Called once, from a thread of the store, when the store has stopped. The server prints the error and exits.
    pub on_fatal: Option<FatalListener>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            durability: Durability::Commit,
            first_segment_bytes: 1 << 20,
            largest_segment_bytes: 64 << 20,
            checkpoint_bytes: 64 << 20,
            cache_bytes: 6 << 20,
            memtable_bytes: 24 << 20,
            disk_reserve_bytes: 64 << 20,
            on_fatal: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("durability", &self.durability)
            .field("first_segment_bytes", &self.first_segment_bytes)
            .field("largest_segment_bytes", &self.largest_segment_bytes)
            .field("checkpoint_bytes", &self.checkpoint_bytes)
            .field("cache_bytes", &self.cache_bytes)
            .field("memtable_bytes", &self.memtable_bytes)
            .field("disk_reserve_bytes", &self.disk_reserve_bytes)
            .finish_non_exhaustive()
    }
}
