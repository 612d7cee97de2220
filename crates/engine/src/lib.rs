//! Sans-IO shards: many executions, their timers, activity queues and batches, and the runner of one execution by itself.
//!
//! Like the interpreter, nothing here knows clocks, files, sockets, threads or random sources.

mod activity_queue;
mod ended;
mod express;
mod heavy_step;
mod input;
mod limits;
mod observer;
mod recent_names;
mod recovery;
mod resident;
mod run;
mod shard;
mod state_test;
mod step;
mod task_token;
mod timer_queue;

pub use ended::{Ended, Ends};
pub use express::{ExpressRun, ExpressStep, NoFacts};
pub use heavy_step::{HeavyStep, TakenHeavyStep};
pub use input::{
    ActivityOffer, Found, Input, Load, LoadedExecution, Logged, Poller, Released, Reply, ReplyTo,
    StartRequest, Turn,
};
pub use limits::Limits;
pub use observer::{Observer, StatusChange};
pub use recovery::{FoldError, fold};
pub use run::{Run, RunStep};
pub use shard::{Config, Shard};
pub use state_test::{StateTest, TestEnd, TestStatus, TestSubject};
pub use task_token::{InvalidToken, TokenKey, account_of};
