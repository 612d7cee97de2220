//! What leaves a shard of an execution that has ended.

use std::sync::Arc;

use stepwell_interpreter::{Status, Stored, execution::Execution};
use stepwell_store::{ExecutionKey, ExecutionRow};

/// An execution that has ended.
#[derive(Debug)]
pub struct Ended {
    /// Its key.
    pub key: ExecutionKey,
    /// How.
    pub status: Status,
    /// Its row.
    pub row: Arc<ExecutionRow>,
    /// What it began with and how it ended.
    pub ends: Ends,
}

/// What an execution began with and how it ended, as its events have it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ends {
    /// JSON text, as the caller gave it.
    pub input: Option<Arc<str>>,
    /// JSON text, of an execution that succeeded.
    pub output: Option<Arc<str>>,
    /// The error of one that did not.
    pub error: Option<Arc<str>>,
    /// The error's cause.
    pub cause: Option<Arc<str>>,
}

impl Ends {
    /// Bytes of all texts.
    #[must_use]
    pub fn size(&self) -> usize {
        [&self.input, &self.output, &self.error, &self.cause]
            .into_iter()
            .flatten()
            .map(|text| text.len())
            .sum()
    }

    /// The texts that an execution in memory holds. They are there: its events have been written.
    fn of(execution: &Execution) -> Ends {
        let text = |stored: &Option<Stored>| stored.as_ref().map(|stored| stored.payload.text().clone());
        let failure = execution.failure.as_ref();
        Ends {
            input: text(&execution.input),
            output: text(&execution.output),
            error: failure.and_then(|failure| failure.error.as_ref()).map(|error| error.0.clone()),
            cause: failure.and_then(|failure| failure.cause.as_ref()).map(|cause| cause.0.clone()),
        }
    }
}

impl Ended {
    pub(crate) fn of(key: ExecutionKey, execution: &Execution, row: Arc<ExecutionRow>) -> Self {
        Self { key, status: execution.status, row, ends: Ends::of(execution) }
    }
}
