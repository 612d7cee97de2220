//! `eks:call` and `eks:runJob`.

use stepwell_integrations::{OnUncertain, kubernetes::KubernetesWork};
use stepwell_interpreter::ErrorOutput;
use stepwell_json::{Payload, Value};

use super::{
    Caller, Completion,
    aws::{aws_caller, completed, token_seed},
    submissions::Found,
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

/// Finds the job of a task whose submission was cut off.
pub(super) async fn find_job(operations: &Operations, caller: &Caller<'_>, parameters: &Value) -> Found {
    Found::of(with_work(operations, caller, parameters, async |work| work.find_job().await).await)
}

/// Waits for the end of the job of a task.
pub(super) async fn wait_for_job(
    operations: &Operations,
    caller: &Caller<'_>,
    submitted: &Payload,
    parameters: &Payload,
) -> Completion {
    let ended = with_work(operations, caller, parameters.value(), async |work| {
        work.wait_for_job(submitted.value()).await
    });
    completed(ended.await)
}

/// Deletes the job of a task that was given up. Gives whether that is done with.
pub(super) async fn delete_job(
    operations: &Operations,
    caller: &Caller<'_>,
    submitted: &Payload,
    parameters: &Payload,
) -> bool {
    with_work(operations, caller, parameters.value(), async |work| work.delete_job(submitted.value()).await)
        .await
}
