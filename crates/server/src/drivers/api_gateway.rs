//! `apigateway:invoke`.

use stepwell_integrations::OnUncertain;
use stepwell_interpreter::ErrorOutput;
use stepwell_json::Value;

use super::{
    Caller, Completion,
    aws::{aws_caller, completed, token_seed},
};
use crate::operations::Operations;

/// Makes the request of a task.
pub(super) async fn invoke(operations: &Operations, caller: &Caller<'_>, parameters: &Value) -> Completion {
    if caller.resent && operations.api_gateway.on_uncertain() == OnUncertain::Fail {
        return Completion::Failed(ErrorOutput::new(
            "States.TaskFailed",
            "The server ended while the API was being called, so it is not known whether the request was carried out; \
             integrations.apigateway.on_uncertain is set to fail such calls.",
        ));
    }
    let seed = token_seed(caller.key, caller.about, caller.task);
    completed(operations.api_gateway.call(&operations.aws, &aws_caller(caller, &seed), parameters).await)
}
