//! What every store of Stepwell provides: identifiers, row types, the batch that a shard commits, the [`Store`] trait, the
//! in-memory store and the conformance suite that all stores run.
//!
//! A store keeps bytes. It never looks into an event chunk or a catalogue value; what it must know to keep its indexes
//! (status, times, names, wake-up times) is spelt out in the batch beside them.

mod batch;
mod codec;
mod cursor;
mod error;
mod ids;
pub mod keys;
mod memory;
mod rows;
mod store;
pub mod testing;

pub use batch::{
    Batch, CatalogueChange, DeletedExecution, EventChunk, Listed, RowChange, RunningChange, RunningState,
    WAKE_NEVER,
};
pub use cursor::ListCursor;
pub use error::{CommitError, DiskFull, StoreError};
pub use ids::{ExecutionKey, HashRange, arn_hash};
pub use memory::MemoryStore;
pub use rows::{ExecutionRow, RedriveEdit, Status};
pub use store::{CommitDone, DueExecution, ExpiredPage, ListedExecution, Store, StoreStatus};
