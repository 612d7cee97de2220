//! `eks:call` and `eks:runJob`.

use stepwell_integrations::{OnUncertain, aws::JobOutcome, kubernetes::KubernetesWork};
use stepwell_interpreter::{ErrorOutput, program::TaskState};
use stepwell_json::{Payload, Value};

use super::{
    Caller, Completion,
    aws::{aws_caller, completed, token_seed, unknown},
};
use crate::operations::Operations;

async fn with_work<T>(
    operations: &Operations,
    caller: &Caller<'_>,
    parameters: &Value,
    act: impl AsyncFnOnce(KubernetesWork<'_>) -> T,
) -> T {
    let seed = token_seed(caller.key, caller.about, caller.task);
    act(operations.kubernetes.work(&operations.aws, aws_caller(caller, &seed), parameters)).await
}

/// Makes the request of a task.
pub(super) async fn call(operations: &Operations, caller: &Caller<'_>, parameters: &Value) -> Completion {
    if caller.resent && operations.kubernetes.on_uncertain() == OnUncertain::Fail {
        return Completion::Failed(ErrorOutput::new(
            "States.TaskFailed",
            "The server ended while the Kubernetes API was being called, so it is not known whether the request was \
             carried out; integrations.eks.on_uncertain is set to fail such calls.",
        ));
    }
    completed(with_work(operations, caller, parameters, async |work| work.call().await).await)
}

/// Starts the job of a task.
pub(super) async fn start_job(
    operations: &Operations,
    caller: &Caller<'_>,
    parameters: &Value,
) -> Completion {
    completed(with_work(operations, caller, parameters, async |work| work.start_job().await).await)
}

/// Waits for the end of the job of a task, or until the task is given up.
pub(super) async fn wait_for_job(
    operations: &Operations,
    caller: &Caller<'_>,
    state: &TaskState,
    submitted: &Payload,
    parameters: &Payload,
) -> Completion {
    let Some(key) = caller.key else { return unknown(state) };
    let mut given_up = operations.job_waits.begin(key, caller.task);
    let waited = with_work(operations, caller, parameters.value(), async |work| {
        tokio::select! {
            biased;
            _ = given_up.wait_for(|given_up| *given_up) => JobOutcome::Interrupted,
            outcome = work.wait_for_job(submitted.value()) => outcome,
        }
    });
    let outcome = waited.await;
    operations.job_waits.end(key, caller.task);
    completed(outcome)
}

/// Deletes the job of a task that was given up. Gives whether that is done with.
pub(super) async fn delete_job(
    operations: &Operations,
    caller: &Caller<'_>,
    submitted: &Payload,
    parameters: &Payload,
) -> bool {
    if let Some(key) = caller.key {
        operations.job_waits.end(key, caller.task);
    }
    with_work(operations, caller, parameters.value(), async |work| work.delete_job(submitted.value()).await)
        .await
}
