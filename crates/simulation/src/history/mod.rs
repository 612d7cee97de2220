//! Whether a sequence of events is a history that AWS could have written (design sections 7 and 16, checker 5).
//!
//! The checker knows nothing of the interpreter's state. It keeps a model of its own, of chains and forks, and
//! works from the events alone: kinds, ids, previous ids, and the program for what may follow what.

mod chain;
mod check;
mod names;

use std::collections::BTreeMap;

pub use check::Checker;
pub use names::{state_name, type_name};
use stepwell_interpreter::{Event, Program};

/// The programs of an execution, by revision: that of its start, and those that redrives bring.
pub type Programs = BTreeMap<u64, std::sync::Arc<Program>>;

/// What a good history tells besides.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// For each chain (the root, a branch, an iteration) its visible events: type, state and payloads.
    pub chains: BTreeMap<String, Vec<String>>,
    /// Whether some Parallel or Map was stopped by an error: how far its other children got is a matter of time.
    pub has_failed_fork: bool,
    /// Whether the history has its last event.
    pub is_complete: bool,
    /// How often the execution was redriven.
    pub redrives: u32,
    /// Whether, before the last redrive, Retry or Catch took an error.
    pub was_rescued: bool,
}

/// Checks a whole history.
///
/// # Errors
/// The first rule that is broken, with the event that breaks it.
pub fn check(programs: &Programs, events: &[Event]) -> Result<Report, String> {
    let mut checker = Checker::new(programs);
    for event in events {
        checker.event(event)?;
    }
    Ok(checker.finish())
}
