//! The state types, one file each: what entering one decides, and what completions and timers lead to.

pub(crate) mod choice;
pub(crate) mod fail;
pub(crate) mod fork;
pub(crate) mod map;
mod mocked;
pub(crate) mod parallel;
pub(crate) mod pass;
pub(crate) mod succeed;
pub(crate) mod task;
pub(crate) mod wait;
