//! Stepwell's benchmark. `benchmarks/README.md` says what is measured and how.
//!
//! The library holds what other tools of the repository use too: a small client, and servers as processes.

pub mod client;
pub mod endpoint;
pub mod load;
pub mod machines;
pub mod measure;
pub mod null_server;
pub mod open_loop;
pub mod process;
pub mod report;
pub mod wire;
pub mod workloads;
