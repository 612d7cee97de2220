//! The store in one directory: our own journal, the only thing that is synced on the way of a commit, and fjall behind it
//! for what is queried.
//!
//! A commit goes: queue, one record for all that waits, sync, tables, answer. Readers see the tables alone, so they never see
//! what is not durable and always see what was acknowledged. After a crash the journal is replayed from the last checkpoint.

mod backup;
mod chunks;
mod disk;
mod error;
mod feed;
mod journal;
mod open;
mod options;
mod pipeline;
mod read;
mod space;
mod store;
mod tables;
pub mod testing;
mod threads;

pub use disk::{Disk, DiskFile, RealDisk, Space};
pub use error::{FatalError, OpenError};
pub use open::FORMAT;
pub use options::{Durability, FatalListener, Options};
pub use store::EmbeddedStore;
