//! Optimized integrations: the call, the wait for the job that it started, and the job's cancellation.

use std::time::Duration;

use stepwell_aws_model::{Dialect, From, Judge, Optimized, service};
use stepwell_json::{Array, Object, Value};

use super::{
    client::{Answer, Aws, Call, CallError, CallOutcome, Era, LocalService, random},
    face::{optimized_error, optimized_result},
};
use crate::lambda::TaskError;

/// Looks at a job at AWS: the first pause, and the longest.
pub(crate) const POLL_AWS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// The same at another server, which is near.
pub(crate) const POLL_NEAR: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// Pages of a list that are looked through for a name.
const PAGES_MAX: usize = 100;
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
    /// This server's own API.
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
        match self.call(self.integration.operation, &parameters).await {
            CallOutcome::Answered(answer) => self.shown(&answer, waits),
            CallOutcome::Failed(error) => self.failed(&error),
            CallOutcome::Interrupted => JobOutcome::Interrupted,
        }
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
                CallOutcome::Failed(CallError::Service(error)) if (400..500).contains(&error.status) => {
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

    async fn call(&self, operation: &str, parameters: &Value) -> CallOutcome {
        let Some(service) = service(self.integration.api) else {
            return CallOutcome::Failed(CallError::NoAnswer {
                reason: format!("the model of {} is missing", self.integration.api),
                attempts: 1,
            });
        };
        let call = Call {
            service: &service,
            operation,
            parameters,
            era: Era::First,
            region: self.caller.region,
            account: self.caller.account,
            token_seed: self.caller.token_seed,
            role: self.caller.role,
        };
        self.aws.call(&call, self.local).await
    }

    fn failed(&self, error: &CallError) -> JobOutcome {
        match service(self.integration.api) {
            Some(service) => {
                let resource_type = self.integration.service;
                JobOutcome::Failed(optimized_error(&service, resource_type, error, self.parameters))
            }
            None => JobOutcome::Failed(TaskError::new("States.Runtime", format!("{error:?}"))),
        }
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

    /// The parameters in the words of the operation.
    fn request(&self) -> Result<Value, String> {
        let given = self.parameters.as_object().ok_or("The value must be an object")?;
        if let Some(own) = self.integration.own_parameters() {
            for key in given.keys() {
                if !own.iter().any(|(name, _)| name.eq_ignore_ascii_case(key)) {
                    return Err(super::write::unsupported(key));
                }
            }
            for (name, _) in own.iter().filter(|(_, is_required)| *is_required) {
                if find(given, name).is_none() {
                    return Err(super::write::missing(name));
                }
            }
        }
        let entries = match self.integration.dialect {
            Dialect::Plain | Dialect::Echo(_) | Dialect::CreateCluster => return Ok(self.parameters.clone()),
            Dialect::PutEvents => return Ok(self.with_resources(given)),
            Dialect::ClusterId => {
                let rest = given.iter().filter(|(key, _)| !key.eq_ignore_ascii_case("ClusterId"));
                let mut entries: Vec<_> = rest.map(|(key, value)| (key.clone(), value.clone())).collect();
                entries.push((
                    "JobFlowIds".into(),
                    list(find(given, "ClusterId").cloned().unwrap_or(Value::Null)),
                ));
                entries
            }
            Dialect::AddStep => vec![
                ("JobFlowId".into(), find(given, "ClusterId").cloned().unwrap_or(Value::Null)),
                ("Steps".into(), list(find(given, "Step").cloned().unwrap_or(Value::Null))),
            ],
            Dialect::CancelStep => {
                let rest = given.iter().filter(|(key, _)| !key.eq_ignore_ascii_case("StepId"));
                let mut entries: Vec<_> = rest.map(|(key, value)| (key.clone(), value.clone())).collect();
                entries.push(("StepIds".into(), list(find(given, "StepId").cloned().unwrap_or(Value::Null))));
                entries
            }
            // The name becomes an id before the call.
            Dialect::InstanceFleetByName | Dialect::InstanceGroupByName => {
                return Ok(self.parameters.clone());
            }
            Dialect::InvokeModel => {
                let mut entries: Vec<_> =
                    given.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
                if find(given, "ContentType").is_none() {
                    entries.push(("ContentType".into(), Value::from("application/json")));
                }
                entries
            }
        };
        Ok(Value::Object(Object::from_entries(entries)))
    }

    /// For instances of EMR that are called by their name: the parameters with the id that the cluster has for it.
    async fn with_id(&self, parameters: Value) -> Result<Value, JobOutcome> {
        let (what, list_operation) = match self.integration.dialect {
            Dialect::InstanceFleetByName => ("InstanceFleet", "ListInstanceFleets"),
            Dialect::InstanceGroupByName => ("InstanceGroup", "ListInstanceGroups"),
            _ => return Ok(parameters),
        };
        let given = |path: &str| at(&parameters, path).cloned().unwrap_or(Value::Null);
        let (cluster, name) = (given("ClusterId"), given(&format!("{what}Name")));
        let mut marker = None;
        for _ in 0..PAGES_MAX {
            let mut ask = vec![("ClusterId".into(), cluster.clone())];
            ask.extend(marker.map(|marker| ("Marker".into(), marker)));
            let answer = match self.call(list_operation, &Value::Object(Object::from_entries(ask))).await {
                CallOutcome::Answered(answer) => Value::Object(answer.result),
                CallOutcome::Failed(error) => return Err(self.failed(&error)),
                CallOutcome::Interrupted => return Err(JobOutcome::Interrupted),
            };
            let entries = at(&answer, &format!("{what}s")).and_then(Value::as_array);
            let found = entries
                .into_iter()
                .flat_map(|entries| entries.items())
                .find(|entry| entry.get("Name") == Some(&name));
            if let Some(id) = found.and_then(|found| found.get("Id")) {
                let changed = given(what);
                let none = Object::from_entries(Vec::new());
                let changed =
                    changed.as_object().unwrap_or(&none).with(format!("{what}Id").into(), id.clone());
                let (member, value) = match self.integration.dialect {
                    Dialect::InstanceGroupByName => ("InstanceGroups", list(Value::Object(changed))),
                    _ => ("InstanceFleet", Value::Object(changed)),
                };
                let entries = vec![("ClusterId".into(), cluster), (member.into(), value)];
                return Ok(Value::Object(Object::from_entries(entries)));
            }
            marker = answer.get("Marker").cloned();
            if marker.is_none() {
                break;
            }
        }
        let name = name.to_text();
        Err(JobOutcome::Failed(TaskError::new(
            "ElasticMapReduce.InvalidRequestException",
            format!("The cluster has no {what} of the name {name}."),
        )))
    }

    /// Events speak of the execution that sent them, which the history does not show.
    fn with_resources(&self, given: &Object) -> Value {
        let Some(entries) = find(given, "Entries").and_then(Value::as_array) else {
            return self.parameters.clone();
        };
        let own = [self.caller.state_machine_arn, self.caller.execution_arn];
        let entries = entries.items().iter().map(|entry| {
            let Value::Object(entry) = entry else { return entry.clone() };
            let known = find(entry, "Resources").and_then(Value::as_array);
            let mut resources = known.map(|known| known.items().to_vec()).unwrap_or_default();
            resources.extend(own.into_iter().map(Value::from));
            Value::Object(entry.with("Resources".into(), Value::Array(Array::new(resources))))
        });
        let entries = Value::Array(Array::new(entries.collect()));
        Value::Object(given.with("Entries".into(), entries))
    }

    /// The answer as the task shows it.
    fn shown(&self, answer: &Answer, waits: bool) -> JobOutcome {
        let mut answer = answer.clone();
        let given = self.parameters.as_object();
        match self.integration.dialect {
            Dialect::PutEvents => {
                let result = Value::Object(answer.result);
                let failed = result.get("FailedEntryCount").and_then(Value::as_i64).unwrap_or(0);
                return if failed > 0 {
                    JobOutcome::Failed(TaskError::new("EventBridge.FailedEntry", result.to_text()))
                } else {
                    JobOutcome::Done(result)
                };
            }
            Dialect::InvokeModel => {
                let body = answer.result.get("Body").and_then(Value::as_str).unwrap_or_default();
                let body = stepwell_json::parse(body).unwrap_or_else(|_| Value::from(body));
                let content_type = answer.result.get("ContentType").cloned().unwrap_or(Value::Null);
                return JobOutcome::Done(Value::Object(Object::from_entries(vec![
                    ("Body".into(), body),
                    ("ContentType".into(), content_type),
                ])));
            }
            Dialect::Echo(name) => {
                if let Some(value) = given.and_then(|given| find(given, name)) {
                    answer.result = answer.result.with(name.into(), value.clone());
                }
            }
            Dialect::CreateCluster => {
                let members = answer.result.iter().map(|(key, value)| match &**key {
                    "JobFlowId" => ("ClusterId".into(), value.clone()),
                    _ => (key.clone(), value.clone()),
                });
                answer.result = Object::from_entries(members.collect());
            }
            Dialect::AddStep => {
                let id = at(&Value::Object(answer.result), "StepIds.0").cloned().unwrap_or(Value::Null);
                answer.result = Object::from_entries(vec![("StepId".into(), id)]);
            }
            Dialect::CancelStep => {
                let info = at(&Value::Object(answer.result), "CancelStepsInfoList.0")
                    .cloned()
                    .unwrap_or(Value::Null);
                answer.result = Object::from_entries(vec![("CancelStepsInfo".into(), info)]);
            }
            Dialect::Plain
            | Dialect::ClusterId
            | Dialect::InstanceFleetByName
            | Dialect::InstanceGroupByName => {}
        }
        let result = optimized_result(&answer);
        let has_failures = result
            .get("Failures")
            .and_then(Value::as_array)
            .is_some_and(|failures| !failures.items().is_empty());
        if waits && self.integration.service == "ecs" && has_failures {
            return JobOutcome::Failed(TaskError::new("AmazonECS.Unknown", Value::Object(result).to_text()));
        }
        JobOutcome::Done(Value::Object(result))
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

fn list(value: Value) -> Value {
    Value::Array(Array::new(vec![value]))
}

/// A member by its name, exactly or in other letters' case.
fn find<'a>(object: &'a Object, name: &str) -> Option<&'a Value> {
    let found = object
        .get(name)
        .or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))?;
    (!found.is_null()).then_some(found)
}

/// The value at a path of members and positions.
fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').filter(|step| !step.is_empty()).try_fold(value, |value, step| match value {
        Value::Object(object) => find(object, step),
        Value::Array(_) => value.index(step.parse().ok()?),
        _ => None,
    })
}

fn has_failed_container(task: &Value) -> bool {
    let has_not_started = task.get("StopCode").and_then(Value::as_str) == Some("TaskFailedToStart");
    let containers = task.get("Containers").and_then(Value::as_array).map(Array::items).unwrap_or_default();
    let exit_code = |container: &Value| container.get("ExitCode").and_then(Value::as_i64);
    has_not_started || containers.iter().any(|container| exit_code(container).is_some_and(|code| code != 0))
}
