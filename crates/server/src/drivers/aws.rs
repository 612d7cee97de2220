//! Tasks that call AWS services, or servers that speak their APIs: by the SDK, and by optimized integrations.

use std::sync::Arc;

use stepwell_api::{Operation, ToJson, identity::Identity};
use stepwell_asl::Resource;
use stepwell_engine::account_of;
use stepwell_integrations::{
    OnUncertain, TaskError,
    aws::{
        ANSWER_MAX_BYTES, Call, CallOutcome, Caller as AwsCaller, Era, JobOutcome, LocalAnswer, LocalCall,
        LocalFuture, LocalService, Work, sdk_error, sdk_result,
    },
};
use stepwell_interpreter::{About, ErrorOutput, TaskId, program::TaskState};
use stepwell_json::{Object, Payload, Value};
use stepwell_local_jobs::NEVER_SUBMITTED;
use stepwell_store::ExecutionKey;

use super::{Caller, Completion, submissions::Found};
use crate::{operations::Operations, service};

/// What a task finds without leaving the process: the Step Functions API of this server, and the jobs that it runs.
struct ThisServer<'a> {
    operations: &'a Arc<Operations>,
    execution_arn: &'a str,
    /// What idempotency tokens are made from.
    token_seed: &'a str,
    /// Jobs are only looked for.
    only_finds: bool,
}

impl LocalService for ThisServer<'_> {
    fn call<'a>(&'a self, call: LocalCall<'a>) -> LocalFuture<'a, Option<LocalAnswer>> {
        Box::pin(async move {
            match call.service {
                "sfn" => Some(self.call_api(&call).await),
                _ => self.call_jobs(&call).await,
            }
        })
    }

    fn runs_here(&self, service: &str, parameters: &Value) -> bool {
        let Some(jobs) = &self.operations.jobs else { return false };
        let is_definition =
            |key: &str| ["JobDefinition", "TaskDefinition"].iter().any(|name| name.eq_ignore_ascii_case(key));
        let given = parameters.as_object().into_iter().flat_map(Object::iter);
        let mut definitions =
            given.filter(|(key, _)| is_definition(key)).filter_map(|(_, name)| name.as_str());
        definitions.any(|name| jobs.has_definition(service, name))
    }

    fn job_ended<'a>(&'a self, service: &'a str, ask: &'a Value) -> Option<LocalFuture<'a, ()>> {
        let jobs = self.operations.jobs.as_ref()?;
        let list = ask.get("Jobs").or_else(|| ask.get("Tasks"))?;
        let ended = jobs.ended(service, list.index(0)?.as_str()?)?;
        Some(Box::pin(ended))
    }
}

impl ThisServer<'_> {
    async fn call_api(&self, call: &LocalCall<'_>) -> LocalAnswer {
        let target = format!("AWSStepFunctions.{}", call.operation);
        let identity = Identity { region: call.region, account: call.account };
        let answer = match Operation::from_target(Some(&target)) {
            Ok(operation) => {
                service::dispatch(self.operations, operation, identity, call.body.clone().into()).await
            }
            Err(error) => Err(error),
        };
        match answer {
            Ok(body) => LocalAnswer { status: 200, body },
            Err(error) => LocalAnswer { status: error.status, body: error.to_json() },
        }
    }

    async fn call_jobs(&self, call: &LocalCall<'_>) -> Option<LocalAnswer> {
        let call = stepwell_local_jobs::Call {
            service: call.service,
            operation: call.operation,
            region: call.region,
            account: call.account,
            execution_arn: self.execution_arn,
            token_seed: self.token_seed,
            only_finds: self.only_finds,
            body: &call.body,
        };
        let answer = self.operations.jobs.as_ref()?.call(call).await?;
        Some(LocalAnswer { status: answer.status, body: answer.body })
    }
}

/// What idempotency tokens of an attempt are made from: the same when the call is made again after a crash.
pub(super) fn token_seed(key: Option<ExecutionKey>, about: &About, task: TaskId) -> String {
    match key {
        Some(key) => format!("{key} {} {}", task.frame, task.attempt),
        // An Express execution has no place in the store, and is not made again.
        None => format!("{} {} {} {}", &*about.execution_arn, about.start_time.0, task.frame, task.attempt),
    }
}

/// Calls an operation of a service, as the SDK does.
pub(super) async fn call_sdk(
    operations: &Arc<Operations>,
    caller: &Caller<'_>,
    state: &TaskState,
    parameters: &Payload,
) -> Completion {
    let found = state
        .resource
        .operation()
        .and_then(|(word, action)| Some((stepwell_aws_model::service(word)?, action)));
    let Some((service, action)) = found else { return unknown(state) };
    if let Some(refused) = refused_after_crash(operations, caller, &service) {
        return refused;
    }
    let seed = token_seed(caller.key, caller.about, caller.task);
    let call = Call {
        service: &service,
        operation: action,
        parameters: parameters.value(),
        body: None,
        answer_max_bytes: ANSWER_MAX_BYTES,
        era: Era::Second,
        region: &caller.about.region,
        account: account_of(&caller.about.execution_arn),
        token_seed: &seed,
        role: caller.role,
    };
    let local = ThisServer {
        operations,
        execution_arn: &caller.about.execution_arn,
        token_seed: &seed,
        only_finds: false,
    };
    match operations.aws.call(&call, Some(&local)).await {
        CallOutcome::Answered(answer) => Completion::Answered(Payload::from_value(sdk_result(&answer))),
        CallOutcome::Failed(error) => failed(sdk_error(&service, &error, parameters.value())),
        CallOutcome::Interrupted => Completion::Nothing,
    }
}

/// A call whose outcome a crash made unknown, of a service whose calls must not be repeated.
fn refused_after_crash(
    operations: &Operations,
    caller: &Caller<'_>,
    service: &stepwell_aws_model::Service,
) -> Option<Completion> {
    let fails = caller.resent && operations.aws.on_uncertain(service) == OnUncertain::Fail;
    fails.then(|| {
        Completion::Failed(ErrorOutput::new(
            "States.TaskFailed",
            format!(
                "The server ended while {word} was being called, so it is not known whether the call was carried out; \
                 integrations.{word}.on_uncertain is set to fail such calls.",
                word = service.word
            ),
        ))
    })
}

fn unknown(state: &TaskState) -> Completion {
    Completion::Failed(ErrorOutput::new(
        "States.Runtime",
        format!("The resource {} can't be called by this version of Stepwell.", state.resource_text),
    ))
}

fn failed(error: TaskError) -> Completion {
    Completion::Failed(ErrorOutput {
        error: Some(error.error.into()),
        cause: error.cause.map(Into::into),
        ..ErrorOutput::default()
    })
}

pub(super) fn completed(outcome: JobOutcome) -> Completion {
    match outcome {
        JobOutcome::Done(result) => Completion::Answered(Payload::from_value(result)),
        JobOutcome::Failed(error) => failed(error),
        JobOutcome::Interrupted => Completion::Nothing,
    }
}

/// The task as integrations see it.
pub(super) fn aws_caller<'a>(caller: &'a Caller<'_>, token_seed: &'a str) -> AwsCaller<'a> {
    AwsCaller {
        region: &caller.about.region,
        account: account_of(&caller.about.execution_arn),
        execution_arn: &caller.about.execution_arn,
        state_machine_arn: &caller.about.state_machine_arn,
        token_seed,
        role: caller.role,
    }
}

/// Does something with the integration of a task. `only_finds`: no job is started on this machine.
async fn with_work<T>(
    operations: &Arc<Operations>,
    caller: &Caller<'_>,
    state: &TaskState,
    parameters: &Value,
    only_finds: bool,
    act: impl AsyncFnOnce(Work<'_>) -> T,
) -> Option<T> {
    let Resource::Optimized { integration, .. } = &state.resource else { return None };
    let seed = token_seed(caller.key, caller.about, caller.task);
    let local =
        ThisServer { operations, execution_arn: &caller.about.execution_arn, token_seed: &seed, only_finds };
    let work = Work {
        aws: &operations.aws,
        local: Some(&local),
        integration,
        caller: aws_caller(caller, &seed),
        parameters,
    };
    Some(act(work).await)
}

/// Makes the call of an optimized integration.
pub(super) async fn start(
    operations: &Arc<Operations>,
    caller: &Caller<'_>,
    state: &TaskState,
    parameters: &Payload,
) -> Completion {
    let service = state.resource.operation().and_then(|(word, _)| stepwell_aws_model::service(word));
    if let Some(refused) = service.and_then(|service| refused_after_crash(operations, caller, &service)) {
        return refused;
    }
    let waits = state.waits_for_job() || state.waits_for_token();
    let outcome =
        with_work(operations, caller, state, parameters.value(), false, async |work| work.start(waits).await)
            .await;
    outcome.map_or_else(|| unknown(state), completed)
}

/// Finds the job of a task whose submission was cut off, by submitting it again where that meets the first job. On this
/// machine a job that there is not is not started either.
pub(super) async fn find(
    operations: &Arc<Operations>,
    caller: &Caller<'_>,
    state: &TaskState,
    parameters: &Payload,
) -> Found {
    let service = state.resource.operation().and_then(|(word, _)| stepwell_aws_model::service(word));
    if service.is_some_and(|service| refused_after_crash(operations, caller, &service).is_some()) {
        return Found::Unknown;
    }
    let again =
        with_work(operations, caller, state, parameters.value(), true, async |work| work.start_again().await)
            .await;
    match again.flatten() {
        Some(JobOutcome::Failed(error)) if error.error.contains(NEVER_SUBMITTED) => Found::Nothing,
        again => again.map_or(Found::Unknown, Found::of),
    }
}

/// Waits for the end of the job of a task.
pub(super) async fn wait(
    operations: &Arc<Operations>,
    caller: &Caller<'_>,
    state: &TaskState,
    submitted: &Payload,
    parameters: &Payload,
) -> Completion {
    let ended = with_work(operations, caller, state, parameters.value(), false, async |work| {
        work.wait(submitted.value()).await
    });
    ended.await.map_or_else(|| unknown(state), completed)
}

/// Cancels the job of a task that was given up. Gives whether that is done with.
pub(super) async fn stop(
    operations: &Arc<Operations>,
    caller: &Caller<'_>,
    state: &TaskState,
    submitted: &Payload,
    parameters: &Payload,
) -> bool {
    let cancelled = with_work(operations, caller, state, parameters.value(), false, async |work| {
        work.cancel(submitted.value()).await
    });
    cancelled.await.unwrap_or(true)
}
