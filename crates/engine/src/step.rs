//! One step of an execution in memory, whichever thread takes it.

use std::{
    collections::HashSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use stepwell_interpreter::{
    Budget, Command, Environment, Outcome, Rejection, Surroundings, TaskId, Timestamp, step,
};
use stepwell_store::ExecutionKey;

use crate::{
    resident::Resident,
    task_token::{TokenKey, account_of},
};

/// What became of a step.
pub(crate) enum Stepped {
    Ok(Outcome),
    /// Nothing has changed. A timer that came too early is among those of the outcome.
    Rejected(Rejection, Outcome),
    /// A bug was met, with this text.
    Panicked(String),
}

/// What the steps of a shard have in common.
pub(crate) struct Circumstances<'a> {
    pub(crate) budget: Budget,
    pub(crate) wait_scale: f64,
    pub(crate) activities: &'a HashSet<Arc<str>>,
    pub(crate) token_key: &'a TokenKey,
}

/// Takes one step. A panic is a bug of ours: it costs this execution, not the thread.
pub(crate) fn take_step(
    key: ExecutionKey,
    resident: &mut Resident,
    command: Command,
    circumstances: &Circumstances<'_>,
    now: Timestamp,
) -> Stepped {
    let arn = match (&command, &resident.execution.about) {
        (Command::Start { about, .. }, _) => Some(about.execution_arn.clone()),
        (_, about) => about.as_ref().map(|about| about.execution_arn.clone()),
    };
    let Circumstances { budget, wait_scale, activities, token_key } = *circumstances;
    let facts = Facts { activities, token_key, key, arn: arn.as_deref() };
    let surroundings =
        Surroundings { now, seed: resident.seed, budget, wait_scale, environment: &facts, inspection: None };
    let mut outcome = Outcome::default();
    let (program, execution) = (&resident.program, &mut resident.execution);
    let result =
        catch_unwind(AssertUnwindSafe(|| step(program, execution, command, &surroundings, &mut outcome)));
    match result {
        Ok(Ok(())) => Stepped::Ok(outcome),
        Ok(Err(rejection)) => Stepped::Rejected(rejection, outcome),
        Err(panic) => Stepped::Panicked(panic_text(panic.as_ref())),
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without text".to_owned())
}

/// What a step asks of its shard.
struct Facts<'a> {
    activities: &'a HashSet<Arc<str>>,
    token_key: &'a TokenKey,
    key: ExecutionKey,
    arn: Option<&'a str>,
}

impl Environment for Facts<'_> {
    fn activity_exists(&self, arn: &str) -> bool {
        self.activities.contains(arn)
    }

    fn task_token(&self, task: TaskId) -> String {
        self.token_key.mint(account_of(self.arn.unwrap_or_default()), self.key, task)
    }
}
