//! Calls that submit jobs: what becomes of the job when its task is given up before the call is answered.
//!
//! The execution then owes the stop of a job that it knows nothing of. While the process lives, whoever is to stop the
//! job waits for the answer of the call; after a crash the job is looked for.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use stepwell_asl::Resource;
use stepwell_engine::{Input, Reply, ReplyTo};
use stepwell_integrations::aws::JobOutcome;
use stepwell_interpreter::{
    Command, Effect, Program, TaskId,
    program::{StateKind, TaskState},
};
use stepwell_json::Payload;
use stepwell_store::ExecutionKey;
use tokio::sync::oneshot;

use super::{Caller, aws, kubernetes, nested};
use crate::operations::Operations;

/// How long after a shard has refused the end of a submission it is told again.
const NEXT_TRY: Duration = Duration::from_millis(20);

/// The job that is to be stopped; none when the call has started none.
type Submitted = Option<Payload>;

/// The calls under way that submit jobs, with whoever is to stop the job at the other end.
#[derive(Debug, Default)]
pub(crate) struct Submissions(Mutex<HashMap<(ExecutionKey, TaskId), oneshot::Receiver<Submitted>>>);

/// A call under way that submits a job.
pub(super) struct Submission {
    key: ExecutionKey,
    task: TaskId,
    /// Dropped without a word when the server is stopping: a restart looks for the job.
    to_stop: oneshot::Sender<Submitted>,
}

/// A call under way whose job is to be stopped once its answer is there.
pub(super) struct UnderWay(oneshot::Receiver<Submitted>);

/// What a look for the job of a call that was cut off comes to.
#[derive(Debug)]
pub(super) enum Found {
    /// A job, by the answer of the call that submits it.
    Job(Payload),
    /// There is no job.
    Nothing,
    /// Nobody can tell.
    Unknown,
    /// The server is stopping.
    Interrupted,
}

impl Found {
    /// What a call that looked for the job says; its result is null when there is none.
    pub(super) fn of(outcome: JobOutcome) -> Self {
        match outcome {
            JobOutcome::Done(submitted) if submitted.is_null() => Self::Nothing,
            JobOutcome::Done(submitted) => Self::Job(Payload::from_value(submitted)),
            JobOutcome::Failed(error) => {
                tracing::warn!(
                    error = %error.error,
                    cause = %error.cause.unwrap_or_default().escape_debug(),
                    "a job that was being submitted when the server ended was not found"
                );
                Self::Unknown
            }
            JobOutcome::Interrupted => Self::Interrupted,
        }
    }
}

impl Submissions {
    /// Notes a call if it is one that submits a job, before any effect that follows can be carried out.
    pub(super) fn begin(&self, key: ExecutionKey, program: &Program, effect: &Effect) -> Option<Submission> {
        let Effect::InvokeTask { task, state, mock: None, .. } = effect else { return None };
        match program.get(*state).map(|state| &state.kind) {
            Some(StateKind::Task(state)) if state.waits_for_job() => {}
            _ => return None,
        }
        let (to_stop, stopper) = oneshot::channel();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((key, *task), stopper);
        Some(Submission { key, task: *task, to_stop })
    }

    /// The call under way whose job an effect is to stop, if its answer is not known; before any reply that follows.
    pub(super) fn to_stop(&self, key: ExecutionKey, effect: &Effect) -> Option<UnderWay> {
        let Effect::StopJob { task, submitted: None, .. } = effect else { return None };
        self.take(key, *task).map(UnderWay)
    }

    fn take(&self, key: ExecutionKey, task: TaskId) -> Option<oneshot::Receiver<Submitted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(key, task))
    }
}

impl Submission {
    /// Tells the execution what came of the call; if the task was given up, the job is for who stops it.
    pub(super) async fn ended(self, operations: &Operations, command: Command) {
        let job = match &command {
            Command::TaskSubmitted { output, .. } => Some(output.clone()),
            _ => None,
        };
        loop {
            let (reply, answer) = oneshot::channel();
            let (key, command, reply) = (self.key, command.clone(), ReplyTo::Caller(reply));
            operations.router.send(Input::Command { key, command, reply });
            match answer.await {
                // A shard with too much to do refuses requests, but the task must learn of its job.
                Ok(Reply::Throttled) => tokio::time::sleep(NEXT_TRY).await,
                Ok(_) => break,
                Err(_) => return,
            }
        }
        // Effects leave before replies: who is to stop the job has taken the other end from the table by now.
        let _ = self.to_stop.send(job);
        drop(operations.submissions.take(self.key, self.task));
    }
}

/// The job that a task which was given up had submitted with a call that was not answered then.
pub(super) async fn job_to_stop(
    operations: &Arc<Operations>,
    caller: &Caller<'_>,
    state: &TaskState,
    parameters: &Payload,
    under_way: Option<UnderWay>,
) -> Found {
    if let Some(UnderWay(answer)) = under_way {
        return match answer.await {
            Ok(Some(submitted)) => Found::Job(submitted),
            Ok(None) => Found::Nothing,
            Err(_) => Found::Interrupted,
        };
    }
    let caller = &Caller { resent: true, ..*caller };
    match &state.resource {
        Resource::Optimized { .. } => Box::pin(aws::find(operations, caller, state, parameters)).await,
        Resource::Direct { .. } => kubernetes::find_job(operations, caller, parameters.value()).await,
        _ => nested::find(operations, caller, parameters),
    }
}
