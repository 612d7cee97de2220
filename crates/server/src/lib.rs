//! The server: the runtime that drives shards with threads and clocks, the operations of the Step Functions API, HTTP,
//! the catalogue, drivers.
//!
//! [`Server::start`] takes [`Settings`] and a store; [`Operations`] are the API in process. Layers, from the outside:
//! [`Operations`] validate and resolve, `runtime` takes commands to shards and their batches to the store, `drivers`
//! carry out what leaves the shards once it is durable.

mod admission;
mod body;
mod catalogue;
mod drivers;
mod events;
mod express;
mod heavy;
mod history;
mod logs;
mod metrics;
mod mocks;
mod operations;
mod random;
mod recent_ends;
mod retention;
mod routes;
mod runtime;
mod server;
mod service;
mod settings;
mod waiters;

pub use catalogue::CatalogueError;
pub use events::{Secret, Webhook};
pub use logs::{LOG_FILE_BYTES_MAX, LogDestination, LogSettings};
pub use mocks::MockError;
pub use operations::{HistoryPage, Operations};
pub use server::{Server, StartError};
pub use settings::{Limits, Settings};
