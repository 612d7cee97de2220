//! The pure core of Stepwell: `compile` a definition, `step` on a command, `apply` an event.
//!
//! No clock, no randomness, no input or output, no threads, no locks. State changes only through
//! [`apply`], which is the same function live and in recovery; recovery folds events and never decides again.

mod apply;
mod command;
mod compile;
mod context;
mod data_flow;
mod effect;
mod entropy;
pub mod event;
pub mod execution;
mod failure;
mod inspection;
mod kept;
pub mod limits;
mod outstanding;
pub mod payload;
pub mod program;
mod redrive;
pub mod scope;
pub mod slab;
mod states;
mod step;
mod text;
mod time;

pub use apply::apply;
pub use command::{Command, NewDefinition, RedriveRequest, Rejection, TaskId, TimerId, TimerKind};
pub use compile::{UnknownState, compile};
pub use effect::{Effect, Timer};
pub use entropy::Entropy;
pub use event::{About, ErrorOutput, Event, EventKind, LogEvents, MockCase};
pub use execution::{Execution, Status};
pub use inspection::{Inspection, Seen};
pub use outstanding::outstanding_effects;
pub use payload::Stored;
pub use program::Program;
pub use redrive::{NotRedrivable, Standing};
pub use step::{Budget, Decision, Environment, Outcome, Surroundings, step};
pub use text::Text;
pub use time::Timestamp;
