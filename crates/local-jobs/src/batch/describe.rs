//! DescribeJobs.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Batch;
use super::submit::CONTAINER;
use crate::api::{Fault, read, without_nulls};
use crate::engine::Records;
use crate::engine::job::{Attempt, Job, JobId, Status};

/// AWS's limit of jobs in one call.
const JOBS_MAX: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DescribeJobs {
    jobs: Vec<String>,
}

impl Batch<'_> {
    pub(super) fn describe(self) -> Option<Result<Value, Fault>> {
        let request: DescribeJobs = read(self.call.body).ok()?;
        let known: Vec<JobId> = request.jobs.iter().filter_map(|text| self.known(text)).collect();
        if known.is_empty() {
            return None;
        }
        if request.jobs.len() > JOBS_MAX {
            return Some(Err(Fault::client(format!("at most {JOBS_MAX} jobs can be described at once"))));
        }
        let jobs = known.iter().filter_map(|id| self.engine.view(id, |job| self.description(job)));
        Some(Ok(json!({"jobs": jobs.collect::<Vec<_>>()})))
    }

    /// The job as `JobDetail`.
    fn description(self, job: &Job) -> Value {
        let (spec, progress) = (&job.spec, &job.progress);
        let id = job.id();
        let attempts: Vec<Value> =
            progress.attempts.iter().map(|attempt| shown_attempt(&id, attempt)).collect();
        let has_run = matches!(progress.status, Status::Running | Status::Succeeded | Status::Failed);
        let started_at = match progress.attempts.last() {
            Some(last) if progress.status.has_ended() => last.started_at,
            _ => progress.started_at.filter(|_| has_run),
        };
        let mut members: Map<String, Value> = spec.shown.clone();
        if let Some(Value::Object(container)) = members.get_mut("container") {
            complete_container(container, &id, job);
        }
        let rest = json!({
            "jobArn": self.place().arn("batch", &format!("job/{id}")),
            "jobId": id.to_string(),
            "jobName": spec.name,
            "status": progress.status.as_str(),
            "statusReason": progress.reason,
            "attempts": attempts,
            "createdAt": spec.created_at,
            "startedAt": started_at,
            "stoppedAt": progress.stopped_at,
            "arrayProperties": array_properties(job),
            "isCancelled": progress.termination.as_ref().is_some_and(|termination| termination.by_cancel),
            "isTerminated": progress.termination.as_ref().is_some_and(|termination| !termination.by_cancel),
        });
        if let Value::Object(rest) = without_nulls(rest) {
            members.extend(rest);
        }
        Value::Object(members)
    }
}

fn shown_attempt(id: &JobId, attempt: &Attempt) -> Value {
    let end = attempt.containers.first();
    without_nulls(json!({
        "container": without_nulls(json!({
            "exitCode": end.and_then(|end| end.exit_code),
            "reason": end.and_then(|end| end.reason.clone()),
            "logStreamName": attempt.started_at.map(|_| Records::log_stream(id, attempt.launch, CONTAINER)),
            "networkInterfaces": [],
        })),
        "startedAt": attempt.started_at,
        "stoppedAt": attempt.stopped_at,
        "statusReason": attempt.reason,
    }))
}

fn complete_container(container: &mut Map<String, Value>, id: &JobId, job: &Job) {
    let progress = &job.progress;
    let last = progress.attempts.last();
    let end = last.and_then(|last| last.containers.first());
    let launch = match last {
        Some(last) if progress.status.has_ended() => last.started_at.map(|_| last.launch),
        _ => Some(progress.launches).filter(|_| progress.status == Status::Running),
    };
    let rest = json!({
        "exitCode": end.and_then(|end| end.exit_code),
        "reason": end.and_then(|end| end.reason.clone()),
        "logStreamName": launch.map(|launch| Records::log_stream(id, launch, CONTAINER)),
    });
    if let Value::Object(rest) = without_nulls(rest) {
        container.extend(rest);
    }
}

fn array_properties(job: &Job) -> Value {
    match (job.spec.array_size, job.index) {
        (Some(_), Some(index)) => json!({"index": index}),
        (Some(size), None) => {
            let summary: Map<String, Value> = Status::ALL
                .iter()
                .map(|status| (status.as_str().to_owned(), json!(job.summary[*status as usize])))
                .collect();
            json!({"size": size, "statusSummary": summary})
        }
        (None, _) => Value::Null,
    }
}
