//! Sans-IO shards: many executions, their timers, activity queues and batches, and the Express runner.
//!
//! Like the interpreter, nothing here knows clocks, files, sockets, threads or random sources.

mod activity_queue;
mod express;
mod input;
mod limits;
mod observer;
mod recent_names;
mod recovery;
mod resident;
mod shard;
mod task_token;
mod timer_queue;

pub use express::{ExpressRun, ExpressStep};
pub use input::{
    ActivityOffer, Found, Input, LoadedExecution, Logged, Poller, Released, Reply, ReplyTo, StartRequest,
    Turn,
};
pub use limits::Limits;
pub use observer::{Observer, StatusChange};
pub use recovery::{FoldError, fold};
pub use shard::{Config, Shard};
pub use task_token::{InvalidToken, TokenKey, account_of};
