//! HTTP Tasks.

use stepwell_integrations::{
    OnUncertain,
    http_task::{HttpOutcome, Trace},
};
use stepwell_interpreter::ErrorOutput;
use stepwell_json::{Payload, Value};

use super::{Caller, Completion};
use crate::operations::Operations;

/// Makes the request of a task.
pub(super) async fn invoke(operations: &Operations, caller: &Caller<'_>, parameters: &Value) -> Completion {
    if caller.resent && operations.http.on_uncertain() == OnUncertain::Fail {
        return Completion::Failed(ErrorOutput::new(
            "States.TaskFailed",
            "The server ended while the HTTP endpoint was being called, so it is not known whether the request was \
             carried out; http.on_uncertain is set to fail such calls.",
        ));
    }
    completed(operations.http.call(parameters, &caller.about.region, None, false).await)
}

/// Makes the request of a tested state, and shows it with its answer.
pub(crate) async fn invoke_traced(
    operations: &Operations,
    region: &str,
    parameters: &Value,
    reveals_secrets: bool,
) -> (Completion, Trace) {
    let mut trace = Trace::default();
    let outcome = operations.http.call(parameters, region, Some(&mut trace), reveals_secrets).await;
    (completed(outcome), trace)
}

fn completed(outcome: HttpOutcome) -> Completion {
    match outcome {
        HttpOutcome::Answered(result) => Completion::Answered(Payload::from_value(result)),
        HttpOutcome::Failed(error) => Completion::Failed(ErrorOutput {
            error: Some(error.error.into()),
            cause: error.cause.map(Into::into),
            ..ErrorOutput::default()
        }),
        HttpOutcome::Interrupted => Completion::Nothing,
    }
}
