//! A step that a shard does not take itself: the expressions of a state need more time than others should wait.
//!
//! The execution goes along, so nothing happens to it meanwhile, and the step is decided by the same pure function
//! wherever that runs. When a crash takes the step away nothing is lost: what it would have done is found in state.

use std::{collections::HashSet, fmt, sync::Arc};

use stepwell_interpreter::{Budget, Command, Execution, Timestamp};
use stepwell_store::ExecutionKey;

use crate::{
    resident::Resident,
    step::{Circumstances, Stepped, take_step},
    task_token::TokenKey,
};

/// A step to be taken elsewhere.
pub struct HeavyStep {
    pub(crate) key: ExecutionKey,
    pub(crate) resident: Box<Resident>,
    pub(crate) command: Command,
    pub(crate) budget: Budget,
    pub(crate) wait_scale: f64,
    pub(crate) activities: Arc<HashSet<Arc<str>>>,
    pub(crate) token_key: TokenKey,
}

/// A step that was taken elsewhere, for the shard that it came from.
pub struct TakenHeavyStep {
    pub(crate) key: ExecutionKey,
    pub(crate) resident: Box<Resident>,
    /// Number of the command
    pub(crate) number: u8,
    pub(crate) stepped: Stepped,
}

impl HeavyStep {
    /// The execution.
    #[must_use]
    pub fn key(&self) -> ExecutionKey {
        self.key
    }

    /// Its state, for tests and the simulator.
    #[must_use]
    pub fn execution(&self) -> &Execution {
        &self.resident.execution
    }

    /// Takes the step, which may need some seconds.
    #[must_use]
    pub fn take(self, now: Timestamp) -> TakenHeavyStep {
        let Self { key, mut resident, command, budget, wait_scale, activities, token_key } = self;
        let number = command.number();
        let circumstances =
            Circumstances { budget, wait_scale, activities: &activities, token_key: &token_key };
        let stepped = take_step(key, &mut resident, command, &circumstances, now);
        TakenHeavyStep { key, resident, number, stepped }
    }
}

impl TakenHeavyStep {
    /// The execution.
    #[must_use]
    pub fn key(&self) -> ExecutionKey {
        self.key
    }
}

impl fmt::Debug for HeavyStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "HeavyStep({})", self.key)
    }
}

impl fmt::Debug for TakenHeavyStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TakenHeavyStep({})", self.key)
    }
}
