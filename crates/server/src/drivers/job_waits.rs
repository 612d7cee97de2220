//! The jobs that are being waited for, so that a wait ends when its task is given up.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use stepwell_interpreter::TaskId;
use stepwell_store::ExecutionKey;
use tokio::sync::oneshot;

use super::Completion;

type Job = (ExecutionKey, TaskId);

/// The jobs that are being waited for. What is dropped here wakes the wait.
#[derive(Debug, Default)]
pub(crate) struct JobWaits(Mutex<HashMap<Job, oneshot::Sender<()>>>);

impl JobWaits {
    /// Waits for the end of the job of a task, or until the task is given up.
    pub(super) async fn until_given_up(
        &self,
        key: Option<ExecutionKey>,
        task: TaskId,
        ended: impl Future<Output = Completion>,
    ) -> Completion {
        // Only an execution with a place in the store has jobs that it waits for.
        let Some(key) = key else { return ended.await };
        let (sender, given_up) = oneshot::channel();
        self.change(|waits| waits.insert((key, task), sender));
        let completion = tokio::select! {
            biased;
            _ = given_up => Completion::Nothing,
            completion = ended => completion,
        };
        self.change(|waits| waits.remove(&(key, task)));
        completion
    }

    /// Ends the wait for the job of a task that was given up.
    pub(super) fn give_up(&self, key: ExecutionKey, task: TaskId) {
        self.change(|waits| waits.remove(&(key, task)));
    }

    fn change<T>(&self, change: impl FnOnce(&mut HashMap<Job, oneshot::Sender<()>>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use stepwell_json::Payload;

    use super::*;

    const TASK: TaskId = TaskId { frame: 1, attempt: 3 };

    #[tokio::test]
    async fn a_wait_ends_with_the_job_or_when_the_task_is_given_up() {
        let waits = JobWaits::default();
        let key = ExecutionKey::new(1_700_000_000_000, "arn");
        let done = || ready(Completion::Answered(Payload::from_trusted_text("{}".into())));
        for key in [Some(key), None] {
            let completion = waits.until_given_up(key, TASK, done()).await;
            assert!(matches!(completion, Completion::Answered(_)));
        }
        let give_up = async { waits.give_up(key, TASK) };
        let (completion, ()) = tokio::join!(waits.until_given_up(Some(key), TASK, pending()), give_up);
        assert!(matches!(completion, Completion::Nothing));
        // A wait that has ended leaves nothing behind, and a task without one may be given up.
        waits.give_up(key, TASK);
        assert!(waits.change(|waits| waits.is_empty()));
    }
}
