//! Lambda tasks in both forms: a function's ARN as Resource, and `lambda:invoke`.

use stepwell_engine::account_of;
use stepwell_integrations::{
    Invocation, InvokeRequest, Lambda, Outcome, TaskError, function_arn_result, invoke_request, invoke_result,
};
use stepwell_interpreter::ErrorOutput;
use stepwell_json::Payload;

use super::{Caller, Completion};

/// The function's ARN is the Resource: the effective input is the event, the payload the result.
pub(super) async fn call_function(
    lambda: &Lambda,
    caller: &Caller<'_>,
    arn: &str,
    parameters: Payload,
) -> Completion {
    let request = InvokeRequest::direct(arn, parameters.text().clone());
    complete(lambda.invoke(invocation(caller, request)).await, function_arn_result)
}

/// `lambda:invoke`: Lambda's whole answer is the result.
pub(super) async fn invoke(lambda: &Lambda, caller: &Caller<'_>, parameters: Payload) -> Completion {
    let request = match invoke_request(parameters.value()) {
        Ok(request) => request,
        Err(error) => return Completion::Failed(failure(error)),
    };
    complete(lambda.invoke(invocation(caller, request)).await, invoke_result)
}

/// The engine keeps the task's own time: a call has only the driver's limit.
fn invocation(caller: &Caller<'_>, request: InvokeRequest) -> Invocation {
    let about = caller.about;
    Invocation {
        request,
        execution_arn: about.execution_arn.0.clone(),
        region: about.region.0.clone(),
        account: account_of(&about.execution_arn).into(),
        timeout: None,
        role: caller.role.map(Into::into),
    }
}

fn complete(outcome: Outcome, read: fn(Outcome) -> Result<Payload, TaskError>) -> Completion {
    if outcome == Outcome::Interrupted {
        return Completion::Nothing;
    }
    match read(outcome) {
        Ok(output) => Completion::Answered(output),
        Err(error) => Completion::Failed(failure(error)),
    }
}

fn failure(error: TaskError) -> ErrorOutput {
    ErrorOutput {
        error: Some(error.error.into()),
        cause: error.cause.map(Into::into),
        ..ErrorOutput::default()
    }
}
