//! What leaves the shards: answers go to their callers, effects to the drivers, whose results come back as commands.

mod api_gateway;
mod aws;
pub(crate) mod http_task;
mod job_waits;
mod kubernetes;
mod lambda;
pub(crate) mod mocked;
mod nested;
mod submissions;

use submissions::{Found, UnderWay};
pub(crate) use {job_waits::JobWaits, submissions::Submissions};

use std::sync::Arc;

use stepwell_asl::Resource;
use stepwell_aws_model::DirectTarget;
use stepwell_engine::Released;
use stepwell_integrations::OnUncertain;
use stepwell_interpreter::{
    About, Command, Effect, ErrorOutput, Program, TaskId,
    program::{StateKind, TaskState},
};
use stepwell_json::Payload;
use stepwell_store::ExecutionKey;
use tokio::{runtime::Handle, sync::watch};

use crate::{
    express,
    operations::Operations,
    runtime::{Answer, Outside},
};

/// Counts the calls under way, so that a server that ends can wait for their results.
#[derive(Debug)]
pub(crate) struct Calls(watch::Sender<usize>);

impl Default for Calls {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Calls {
    /// Counts a call until the guard is dropped.
    fn begin(&self) -> Call<'_> {
        self.0.send_modify(|count| *count += 1);
        Call(self)
    }

    /// Resolves when no call is under way.
    pub(crate) async fn ended(&self) {
        let mut calls = self.0.subscribe();
        let _ = calls.wait_for(|count| *count == 0).await;
    }
}

struct Call<'a>(&'a Calls);

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

/// The way out of the shards.
pub(crate) struct Drivers {
    pub(crate) operations: Arc<Operations>,
    pub(crate) handle: Handle,
    /// Why the store has stopped, once it has.
    pub(crate) fatal: watch::Sender<Option<Arc<str>>>,
}

impl Outside for Drivers {
    fn release(&self, released: Vec<Released<Answer>>) {
        for item in released {
            match item {
                Released::Reply { to, reply } => {
                    // The caller may have gone.
                    let _ = to.send(reply);
                }
                Released::Forward(input) => self.operations.router.send(input),
                Released::StatusChanged { observer, change } => {
                    self.operations.webhooks.changed(observer, change);
                }
                Released::Logged(logged) => self.operations.logs.offer(logged),
                Released::Ended(ended) => {
                    let key = ended.key;
                    self.operations.metrics.ended(ended.status);
                    self.operations.recent_ends.keep(ended);
                    self.operations.waiters.ended(key);
                }
                Released::Reopened { row } => self.operations.recent_ends.forget(&row.arn),
                Released::Effect { key, about, program, effect, resent } => {
                    let operations = self.operations.clone();
                    let submission = operations.submissions.begin(key, &program, &effect);
                    let under_way = operations.submissions.to_stop(key, &effect);
                    self.handle.spawn(async move {
                        let is_wait = matches!(effect, Effect::AwaitJob { .. });
                        let _call = if is_wait { operations.waits.begin() } else { operations.calls.begin() };
                        let place = Some(Place { key, under_way });
                        let command = perform(&operations, place, &about, &program, effect, resent).await;
                        match (command, submission) {
                            (Some(command), Some(submission)) => submission.ended(&operations, command).await,
                            (Some(command), None) => operations.router.tell(key, command),
                            (None, _) => {}
                        }
                    });
                }
                Released::RunExpress { key, about, input, program } => {
                    let operations = self.operations.clone();
                    self.handle.spawn(express::run_durable(operations, key, about, input, program));
                }
                Released::Quarantined { key, reason } => {
                    self.operations.metrics.quarantined();
                    tracing::error!(execution = %key, reason, "an execution met a bug and was set aside");
                }
            }
        }
    }

    fn failed(&self, reason: &str) {
        self.fatal.send_if_modified(|fatal| {
            let is_first = fatal.is_none();
            if is_first {
                *fatal = Some(reason.into());
            }
            is_first
        });
    }
}

/// What came of a call.
pub(crate) enum Completion {
    /// The task's result, or the answer of the call that submits it.
    Answered(Payload),
    /// The task's failure.
    Failed(ErrorOutput),
    /// Nothing is known and nothing is to be recorded: the server is stopping.
    Nothing,
}

/// The place of an execution in the store, and the call under way whose job an effect of it is to stop.
pub(crate) struct Place {
    key: ExecutionKey,
    under_way: Option<UnderWay>,
}

/// Carries out an effect. Gives the command that tells the execution what came of it; none when the server is
/// stopping, after which a restart does it again. `place`: of an execution with one in the store. `resent`: it may have
/// been carried out before a crash.
pub(crate) async fn perform(
    operations: &Arc<Operations>,
    place: Option<Place>,
    about: &Arc<About>,
    program: &Arc<Program>,
    effect: Effect,
    resent: bool,
) -> Option<Command> {
    let key = place.as_ref().map(|place| place.key);
    let state_of = |state| match program.get(state).map(|state| &state.kind) {
        Some(StateKind::Task(task)) => Some(task),
        _ => None,
    };
    match effect {
        Effect::InvokeTask { task, state, mock: Some(invocation), .. } => {
            let completion = mocked::answer(&operations.mocks, about, program, state, invocation);
            complete(task, completion)
        }
        Effect::InvokeTask { task, state, parameters, credentials_role, mock: None } => {
            let state = state_of(state)?;
            let caller = Caller { key, about, task, resent, role: credentials_role.as_deref() };
            let completion = invoke(operations, &caller, state, parameters).await;
            match completion {
                Completion::Answered(output) if state.waits_for_token() || state.waits_for_job() => {
                    Some(Command::TaskSubmitted { task, output })
                }
                other => complete(task, other),
            }
        }
        Effect::AwaitJob { task, state, submitted, parameters, credentials_role } => {
            let state = state_of(state)?;
            let caller = Caller { key, about, task, resent, role: credentials_role.as_deref() };
            let ended = async {
                match &state.resource {
                    Resource::Optimized { .. } => {
                        Box::pin(aws::wait(operations, &caller, state, &submitted, &parameters)).await
                    }
                    Resource::Direct { .. } => {
                        Box::pin(kubernetes::wait_for_job(operations, &caller, &submitted, &parameters)).await
                    }
                    _ => nested::wait(operations, state, &submitted).await,
                }
            };
            complete(task, operations.job_waits.until_given_up(key, task, ended).await)
        }
        Effect::StopJob { task, state, submitted, parameters, credentials_role } => {
            if let Some(key) = key {
                operations.job_waits.give_up(key, task);
            }
            let caller = Caller { key, about, task, resent, role: credentials_role.as_deref() };
            let state = state_of(state)?;
            let submitted = match submitted {
                Some(submitted) => Found::Job(submitted),
                None => {
                    let under_way = place.and_then(|place| place.under_way);
                    submissions::job_to_stop(operations, &caller, state, &parameters, under_way).await
                }
            };
            let is_stopped = match submitted {
                Found::Job(submitted) => stop(operations, &caller, state, &submitted, &parameters).await,
                Found::Nothing => true,
                Found::Unknown => {
                    tracing::warn!(
                        execution = %about.execution_arn,
                        resource = %state.resource_text,
                        "the server ended while a job was being submitted whose task was given up: it may run"
                    );
                    true
                }
                Found::Interrupted => false,
            };
            is_stopped.then_some(Command::Settle { attempt: task.attempt })
        }
        // Shards forward these themselves.
        Effect::OfferActivityTask { .. } => None,
    }
}

/// Stops the job of a task that was given up. Gives whether that is done with.
async fn stop(
    operations: &Arc<Operations>,
    caller: &Caller<'_>,
    state: &TaskState,
    submitted: &Payload,
    parameters: &Payload,
) -> bool {
    match &state.resource {
        Resource::Optimized { .. } => {
            Box::pin(aws::stop(operations, caller, state, submitted, parameters)).await
        }
        Resource::Direct { .. } => kubernetes::delete_job(operations, caller, submitted, parameters).await,
        _ => nested::stop(operations, submitted).await,
    }
}

pub(crate) fn complete(task: TaskId, completion: Completion) -> Option<Command> {
    match completion {
        Completion::Answered(output) => Some(Command::TaskSucceeded { task, output }),
        Completion::Failed(error) => Some(Command::TaskFailed { task, error }),
        Completion::Nothing => None,
    }
}

/// The task that makes a call.
struct Caller<'a> {
    /// Its execution, if that has a place in the store.
    key: Option<ExecutionKey>,
    about: &'a Arc<About>,
    task: TaskId,
    /// The call may have been made before a crash.
    resent: bool,
    /// `Credentials.RoleArn`.
    role: Option<&'a str>,
}

async fn invoke(
    operations: &Arc<Operations>,
    caller: &Caller<'_>,
    state: &TaskState,
    parameters: Payload,
) -> Completion {
    let lambda = &operations.lambda;
    let is_lambda = matches!(state.resource, Resource::LambdaFunction { .. } | Resource::LambdaInvoke { .. });
    if is_lambda && caller.resent && lambda.on_uncertain() == OnUncertain::Fail {
        return Completion::Failed(ErrorOutput::new(
            "States.TaskFailed",
            "The server ended while the function was being called, so it is not known whether the function ran; \
             integrations.lambda.on_uncertain is set to fail such calls.",
        ));
    }
    match &state.resource {
        Resource::LambdaFunction { arn } => lambda::call_function(lambda, caller, arn, parameters).await,
        Resource::LambdaInvoke { .. } => lambda::invoke(lambda, caller, parameters).await,
        // These calls take much room while they are under way; in boxes of their own the others don't take as much.
        Resource::StartExecution { .. } => {
            Box::pin(nested::start(operations, caller, state.waits_for_job(), &parameters)).await
        }
        Resource::AwsSdk { .. } => Box::pin(aws::call_sdk(operations, caller, state, &parameters)).await,
        Resource::Optimized { .. } => Box::pin(aws::start(operations, caller, state, &parameters)).await,
        Resource::Direct { integration, .. } => {
            let parameters = parameters.value();
            match integration.target {
                DirectTarget::HttpTask => http_task::invoke(operations, caller, parameters).await,
                DirectTarget::ApiGateway => {
                    Box::pin(api_gateway::invoke(operations, caller, parameters)).await
                }
                DirectTarget::KubernetesCall => {
                    Box::pin(kubernetes::call(operations, caller, parameters)).await
                }
                DirectTarget::KubernetesJob => {
                    Box::pin(kubernetes::start_job(operations, caller, parameters)).await
                }
            }
        }
        Resource::Activity { .. } | Resource::Unsupported { .. } => Completion::Failed(ErrorOutput::new(
            "States.Runtime",
            format!("The resource {} can't be called by this version of Stepwell.", state.resource_text),
        )),
    }
}
