//! DescribeTasks, and how a task is shown.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Ecs;
use crate::api::{Fault, read, without_nulls};
use crate::clock::seconds;
use crate::engine::HOST_TERMINATED;
use crate::engine::job::{ContainerEnd, Job, JobId, Status};
use crate::service::digest;

/// ECS's limit of tasks in one call.
const TASKS_MAX: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DescribeTasks {
    cluster: Option<String>,
    tasks: Vec<String>,
    /// Tags are always shown.
    #[serde(rename = "include")]
    _include: Option<Vec<String>>,
}

impl Ecs<'_> {
    pub(super) fn describe(self) -> Option<Result<Value, Fault>> {
        let request: DescribeTasks = read(self.call.body).ok()?;
        let cluster = request.cluster.as_deref();
        let known: Vec<Option<JobId>> = request.tasks.iter().map(|text| self.known(text, cluster)).collect();
        if known.iter().all(Option::is_none) {
            return None;
        }
        if known.len() > TASKS_MAX {
            return Some(Err(Fault::invalid_parameter(format!(
                "at most {TASKS_MAX} tasks can be described at once"
            ))));
        }
        let (mut tasks, mut failures) = (Vec::new(), Vec::new());
        for (text, id) in request.tasks.iter().zip(known) {
            match id.and_then(|id| self.engine.view(&id, |job| self.description(job))) {
                Some(task) => tasks.push(task),
                None => failures.push(json!({"arn": text, "reason": "MISSING"})),
            }
        }
        Some(Ok(json!({"tasks": tasks, "failures": failures})))
    }

    /// The task as ECS shows it.
    pub(super) fn description(self, job: &Job) -> Value {
        let (spec, progress) = (&job.spec, &job.progress);
        let attempt = progress.attempts.last();
        let has_ended = progress.status.has_ended();
        let started_at = match attempt {
            Some(attempt) => attempt.started_at,
            None => progress.started_at.filter(|_| progress.status == Status::Running),
        };
        let started_at = started_at.map(seconds);
        let stopped_at = progress.stopped_at.map(seconds);
        let stop_code = has_ended.then(|| match (&progress.termination, attempt) {
            (Some(_), _) => "UserInitiated",
            (None, Some(attempt)) if attempt.reason == HOST_TERMINATED => "TerminationNotice",
            (None, Some(attempt)) if attempt.containers.iter().any(is_unstarted) => "TaskFailedToStart",
            _ => "EssentialContainerExited",
        });
        let stopping_at = progress.termination.as_ref().map(|termination| seconds(termination.at));
        let is_wanted = !has_ended && progress.termination.is_none();
        let containers: Vec<Value> =
            (0..spec.containers.len()).map(|position| self.container(job, position)).collect();
        let mut members: Map<String, Value> = spec.shown.clone();
        let rest = json!({
            "connectivity": started_at.map(|_| "CONNECTED"),
            "connectivityAt": started_at,
            "containers": containers,
            "createdAt": seconds(spec.created_at),
            "desiredStatus": if is_wanted { "RUNNING" } else { "STOPPED" },
            "executionStoppedAt": stopped_at.filter(|_| started_at.is_some()),
            "lastStatus": last_status(progress.status),
            "pullStartedAt": started_at,
            "pullStoppedAt": started_at,
            "startedAt": started_at,
            "stopCode": stop_code,
            "stoppedAt": stopped_at,
            "stoppedReason": progress.reason,
            "stoppingAt": stopping_at.or(stopped_at),
            "taskArn": self.task_arn(job),
            "version": version(progress.status),
        });
        if let Value::Object(rest) = without_nulls(rest) {
            members.extend(rest);
        }
        Value::Object(members)
    }

    pub(super) fn task_arn(self, job: &Job) -> String {
        self.place().arn("ecs", &format!("task/{}/{}", job.spec.lane, job.spec.id))
    }

    fn container(self, job: &Job, position: usize) -> Value {
        let container = &job.spec.containers[position];
        let attempt = job.progress.attempts.last();
        let end = attempt.and_then(|attempt| attempt.containers.get(position));
        let launch = attempt.map_or(job.progress.launches, |attempt| attempt.launch);
        let runtime_id = digest(format!("{} {} {}", job.spec.id, launch, container.name).as_bytes());
        let arn = format!("container/{}/{}/{runtime_id}", job.spec.lane, job.spec.id);
        let own = job.spec.shown.get("overrides").and_then(|overrides| {
            let all = overrides.get("containerOverrides")?.as_array()?;
            all.iter()
                .find(|given| given.get("name").and_then(Value::as_str) == Some(&container.name))
                .cloned()
        });
        let from_override =
            |member: &str| own.as_ref().and_then(|own| own.get(member)).map(|value| json!(value.to_string()));
        without_nulls(json!({
            "containerArn": self.place().arn("ecs", &arn),
            "cpu": from_override("cpu").unwrap_or_else(|| json!("0")),
            "exitCode": end.and_then(|end| end.exit_code),
            "gpuIds": [],
            "image": container.image.as_ref().map(|image| image.name.as_str()),
            "lastStatus": last_status(job.progress.status),
            "managedAgents": [],
            "memory": from_override("memory"),
            "name": container.name,
            "networkBindings": [],
            "networkInterfaces": [],
            "reason": end.and_then(|end| end.reason.clone()),
            "runtimeId": (launch > 0).then_some(runtime_id),
            "taskArn": self.task_arn(job),
        }))
    }
}

fn is_unstarted(end: &ContainerEnd) -> bool {
    end.exit_code.is_none() && end.reason.is_some()
}

fn last_status(status: Status) -> &'static str {
    match status {
        Status::Submitted | Status::Pending | Status::Runnable => "PROVISIONING",
        Status::Starting => "PENDING",
        Status::Running => "RUNNING",
        Status::Succeeded | Status::Failed => "STOPPED",
    }
}

/// Counts the changes of state, as ECS does.
fn version(status: Status) -> u32 {
    match status {
        Status::Submitted | Status::Pending | Status::Runnable => 1,
        Status::Starting => 2,
        Status::Running => 3,
        Status::Succeeded | Status::Failed => 5,
    }
}
