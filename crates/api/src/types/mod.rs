//! Requests and responses, grouped as the API reference groups its operations.
//!
//! Texts that the engine keeps (inputs, outputs, causes) are `Arc<str>`, made once from the body; definitions are
//! [`LongText`](crate::LongText).

pub mod activity;
pub mod alias;
pub mod execution;
pub mod map_run;
pub mod state_machine;
pub mod tag;
pub mod task;
pub mod test_state;
pub mod timestamp;
pub mod validate;
pub mod version;
