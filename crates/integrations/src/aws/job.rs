//! Optimized integrations: the call, the wait for the job that it started, and the job's cancellation.

use std::time::Duration;

use bytes::Bytes;
use stepwell_aws_model::{Dialect, From, Judge, Optimized, ShapeKind, service};
use stepwell_json::{Array, Object, Value};

use super::{
    client::{Answer, Aws, Call, CallError, CallOutcome, Era, LocalService, random},
    dialect::{at, list},
    face::optimized_error,
    retry,
};
use crate::lambda::TaskError;

/// Looks at a job at AWS: the first pause, and the longest.
pub(crate) const POLL_AWS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// The same at another server, which is near.
pub(crate) const POLL_NEAR: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// Looks in a row that bring nothing before the task fails.
pub(crate) const FAILED_LOOKS_MAX: u32 = 10;

/// The task that makes a call.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// The region of the execution.
    pub region: &'a str,
    /// The account of the execution.
    pub account: &'a str,
    /// The execution.
    pub execution_arn: &'a str,
    /// Its state machine.
    pub state_machine_arn: &'a str,
    /// What idempotency tokens are made from.
    pub token_seed: &'a str,
    /// The role of the task.
    pub role: Option<&'a str>,
}

/// What came of it.
#[derive(Debug)]
pub enum JobOutcome {
    /// The result of the task, or the answer of the call that submits it.
    Done(Value),
    /// The task fails.
    Failed(TaskError),
    /// The server is stopping: nothing should be recorded.
    Interrupted,
}

/// An integration at work for a task.
pub struct Work<'a> {
    /// The client.
    pub aws: &'a Aws,
    /// What of the services is in this process.
    pub local: Option<&'a dyn LocalService>,
    /// What is called.
    pub integration: &'static Optimized,
    /// The task.
    pub caller: Caller<'a>,
    /// The task's parameters.
    pub parameters: &'a Value,
}

impl std::fmt::Debug for Work<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Work").field("integration", &self.integration).finish_non_exhaustive()
    }
}

impl Work<'_> {
    /// Makes the call. `waits`: the task waits for a job or a token afterwards.
    pub async fn start(&self, waits: bool) -> JobOutcome {
        let parameters = match self.request() {
            Ok(parameters) => parameters,
            Err(problem) => return self.failed(&CallError::Parameters(vec![problem])),
        };
        let parameters = match self.with_id(parameters).await {
            Ok(parameters) => parameters,
            Err(outcome) => return outcome,
        };
        let (parameters, body) = match self.with_body(parameters).await {
            Ok(given) => given,
            Err(outcome) => return outcome,
        };
        let answer = match self.call_with(self.integration.operation, &parameters, body).await {
            CallOutcome::Answered(answer) => answer,
            CallOutcome::Failed(error) => return self.failed(&error),
            CallOutcome::Interrupted => return JobOutcome::Interrupted,
        };
        match self.stored(&answer).await {
            Ok(place) => self.shown(&answer, place, waits),
            Err(outcome) => outcome,
        }
    }

    /// Makes the call again whose answer is not known. None where that would not meet the job of the first call but start
    /// another one.
    pub async fn start_again(&self) -> Option<JobOutcome> {
        let service = service(self.integration.api)?;
        let input = service.operation(self.integration.operation)?.input?;
        let has_token = match &service.shape(input).kind {
            ShapeKind::Structure { members, .. } => members.iter().any(|member| member.is_idempotency_token),
            _ => false,
        };
        let runs_here =
            || self.local.is_some_and(|local| local.runs_here(self.integration.service, self.parameters));
        if has_token || runs_here() { Some(self.start(true).await) } else { None }
    }

    /// Waits for the end of the job that `submitted` speaks of.
    pub async fn wait(&self, submitted: &Value) -> JobOutcome {
        let Some(job) = &self.integration.job else {
            return JobOutcome::Failed(TaskError::new("States.Runtime", "The integration has no jobs."));
        };
        let ask = self.ask(job.ask, submitted);
        let is_aws = service(self.integration.api).is_some_and(|service| self.aws.is_at_aws(&service));
        let (mut pause, longest) = if is_aws { POLL_AWS } else { POLL_NEAR };
        let mut failed_looks = 0;
        loop {
            let trouble = match self.call(job.describe, &ask).await {
                CallOutcome::Interrupted => return JobOutcome::Interrupted,
                CallOutcome::Answered(answer) => match self.judge(&answer) {
                    Verdict::Ended(outcome) => return outcome,
                    Verdict::Running => {
                        failed_looks = 0;
                        None
                    }
                    Verdict::Unknown(trouble) => Some(JobOutcome::Failed(trouble)),
                },
                CallOutcome::Failed(CallError::Service(error))
                    if job.gone_is_good && is_gone(&error.code) =>
                {
                    return JobOutcome::Done(Value::empty_object());
                }
                CallOutcome::Failed(CallError::Service(error))
                    if (400..500).contains(&error.status)
                        && !retry::is_worth_another(error.status, Some(&error.code)) =>
                {
                    return self.failed(&CallError::Service(error));
                }
                CallOutcome::Failed(error) => Some(self.failed(&error)),
            };
            if let Some(trouble) = trouble {
                failed_looks += 1;
                if failed_looks >= FAILED_LOOKS_MAX {
                    return trouble;
                }
            }
            if let Some(ended) = self.local.and_then(|local| local.job_ended(self.integration.service, &ask))
            {
                // A job of this process tells its end itself.
                if self.aws.until_stop(ended).await.is_none() {
                    return JobOutcome::Interrupted;
                }
                continue;
            }
            // Tasks that were started together don't look together.
            if self.aws.sleep(pause.mul_f64(0.75 + random() / 4.0)).await.is_none() {
                return JobOutcome::Interrupted;
            }
            pause = pause.mul_f64(1.5).min(longest);
        }
    }

    /// Cancels the job, as well as that goes. Gives false when the server is stopping, so that it was not tried.
    pub async fn cancel(&self, submitted: &Value) -> bool {
        let Some((operation, members)) = self.integration.job.as_ref().and_then(|job| job.cancel) else {
            return true;
        };
        match self.call(operation, &self.ask(members, submitted)).await {
            CallOutcome::Answered(_) => true,
            CallOutcome::Interrupted => false,
            CallOutcome::Failed(error) => {
                let JobOutcome::Failed(error) = self.failed(&error) else { return true };
                tracing::warn!(
                    execution = %self.caller.execution_arn,
                    operation,
                    error = %error.error,
                    cause = %error.cause.unwrap_or_default().escape_debug(),
                    "the job of a task that was given up could not be cancelled"
                );
                true
            }
        }
    }

    pub(super) async fn call(&self, operation: &str, parameters: &Value) -> CallOutcome {
        self.call_with(operation, parameters, None).await
    }

    async fn call_with(&self, operation: &str, parameters: &Value, body: Option<Bytes>) -> CallOutcome {
        let limit = self.answer_max_bytes();
        self.call_of(self.integration.api, operation, parameters, body, limit).await
    }

    /// Calls an operation of any service for the task.
    pub(super) async fn call_of(
        &self,
        word: &str,
        operation: &str,
        parameters: &Value,
        body: Option<Bytes>,
        answer_max_bytes: usize,
    ) -> CallOutcome {
        let Some(service) = service(word) else {
            let reason = format!("the model of {word} is missing");
            return CallOutcome::Failed(CallError::NoAnswer { reason, attempts: 1 });
        };
        let call = Call {
            service: &service,
            operation,
            parameters,
            body,
            answer_max_bytes,
            era: Era::First,
            region: self.caller.region,
            account: self.caller.account,
            token_seed: self.caller.token_seed,
            role: self.caller.role,
        };
        self.aws.call(&call, self.local).await
    }

    pub(super) fn failed(&self, error: &CallError) -> JobOutcome {
        self.failed_of(self.integration.api, error)
    }

    /// The task's failure for an error of a service.
    pub(super) fn failed_of(&self, word: &str, error: &CallError) -> JobOutcome {
        JobOutcome::Failed(match service(word) {
            Some(service) => optimized_error(&service, self.integration.service, error, self.parameters),
            None => TaskError::new("States.Runtime", format!("{error:?}")),
        })
    }

    /// The members of a call about a job.
    fn ask(&self, members: &[(&str, From)], submitted: &Value) -> Value {
        let entries = members.iter().filter_map(|(member, source)| {
            let value = match source {
                From::Answer(path) => at(submitted, path)?.clone(),
                From::Parameter(path) => at(self.parameters, path)?.clone(),
                From::AnswerList(path) => list(at(submitted, path)?.clone()),
                From::ParameterList(path) => list(at(self.parameters, path)?.clone()),
                From::Text(text) => Value::from(*text),
            };
            Some(((*member).into(), value))
        });
        Value::Object(Object::from_entries(entries.collect()))
    }

    fn judge(&self, answer: &Answer) -> Verdict {
        let Some(job) = &self.integration.job else { return Verdict::Running };
        let described = Value::Object(answer.result.clone());
        let result = || match job.result.split_once('=') {
            Some((name, path)) => {
                let inner = at(&described, path).cloned().unwrap_or(Value::Null);
                Value::Object(Object::from_entries(vec![(name.into(), inner)]))
            }
            None => {
                let found = at(&described, job.result).cloned().unwrap_or(Value::Null);
                match (self.integration.dialect, &found) {
                    (Dialect::CreateCluster, Value::Object(members)) => {
                        let id = at(&found, "Cluster.Id").cloned().unwrap_or(Value::Null);
                        Value::Object(members.with("ClusterId".into(), id))
                    }
                    _ => found,
                }
            }
        };
        let Some(status) = at(&described, job.status).and_then(Value::as_str) else {
            return Verdict::Unknown(TaskError::new(
                "States.TaskFailed",
                format!("{} says nothing of the job: {}", job.describe, described.to_text()),
            ));
        };
        let ended_badly =
            || Verdict::Ended(JobOutcome::Failed(TaskError::new("States.TaskFailed", result().to_text())));
        if job.bad.contains(&status) {
            return ended_badly();
        }
        if !job.good.contains(&status) {
            return Verdict::Running;
        }
        if job.judge == Judge::Containers && has_failed_container(&result()) {
            return ended_badly();
        }
        Verdict::Ended(JobOutcome::Done(result()))
    }
}

/// What a description of a job says.
enum Verdict {
    Running,
    Ended(JobOutcome),
    /// Nothing about the job.
    Unknown(TaskError),
}

fn is_gone(code: &str) -> bool {
    code.contains("NotFound")
}

/// Whether a task that has stopped did not do what it should. A container without an exit code was not started, or
/// nobody knows how it ended.
fn has_failed_container(task: &Value) -> bool {
    let stop_code = task.get("StopCode").and_then(Value::as_str).unwrap_or_default();
    let containers = task.get("Containers").and_then(Value::as_array).map(Array::items).unwrap_or_default();
    let mut exit_codes = containers.iter().map(|container| container.get("ExitCode").and_then(Value::as_i64));
    match stop_code {
        "TaskFailedToStart" | "TerminationNotice" | "SpotInterruption" => true,
        "UserInitiated" => exit_codes.any(|code| code != Some(0)),
        _ => exit_codes.any(|code| code.is_some_and(|code| code != 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_of_ecs_has_failed_when_its_containers_have_or_nobody_knows() {
        for (task, expected) in [
            (
                r#"{"StopCode": "EssentialContainerExited", "Containers": [{"ExitCode": 0}, {"ExitCode": 0}]}"#,
                false,
            ),
            (
                r#"{"StopCode": "EssentialContainerExited", "Containers": [{"ExitCode": 0}, {"ExitCode": 3}]}"#,
                true,
            ),
            (r#"{"Containers": [{"Name": "of an emulator that has no exit codes"}]}"#, false),
            (r#"{"StopCode": "TaskFailedToStart", "Containers": [{}]}"#, true),
            (r#"{"StopCode": "TerminationNotice", "Containers": [{}]}"#, true),
            (r#"{"StopCode": "UserInitiated", "Containers": [{}]}"#, true),
            (r#"{"StopCode": "UserInitiated", "Containers": [{"ExitCode": 0}]}"#, false),
        ] {
            assert_eq!(has_failed_container(&stepwell_json::parse(task).unwrap()), expected, "{task}");
        }
    }
}
