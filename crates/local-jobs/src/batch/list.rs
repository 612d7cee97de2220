//! ListJobs.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Batch;
use crate::api::{Fault, read, without_nulls};
use crate::engine::job::{Job, JobId, Status};
use crate::names;

/// AWS's page, and its largest.
const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 1_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ListJobs {
    job_queue: Option<String>,
    array_job_id: Option<String>,
    job_status: Option<String>,
    max_results: Option<usize>,
    next_token: Option<String>,
    #[serde(default)]
    filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    name: String,
    #[serde(default)]
    values: Vec<String>,
}

impl Batch<'_> {
    pub(super) fn list(self) -> Option<Result<Value, Fault>> {
        let body: Value = serde_json::from_slice(self.call.body).ok()?;
        let text = |member: &str| body.get(member).and_then(Value::as_str);
        let is_here = match (text("arrayJobId"), text("jobQueue")) {
            (Some(id), _) => self.known(id).is_some(),
            (None, Some(queue)) => self.has_queue(names::bare(queue, "job-queue")),
            (None, None) => false,
        };
        is_here.then(|| self.list_known())
    }

    /// Whether a queue is set up here or has a job.
    fn has_queue(self, name: &str) -> bool {
        let has_job = |job: &Job| (self.may_see(job) && job.spec.lane == name).then_some(());
        self.config.batch.queues.contains_key(name) || !self.engine.view_all(has_job).is_empty()
    }

    fn list_known(self) -> Result<Value, Fault> {
        let request: ListJobs = read(self.call.body)?;
        let status = match request.job_status.as_deref() {
            None => Some(Status::Running),
            Some(text) => Some(
                Status::ALL
                    .into_iter()
                    .find(|status| status.as_str() == text)
                    .ok_or_else(|| Fault::client(format!("{text} is not a status of a job")))?,
            ),
        };
        // With a filter the status plays no part, as at AWS.
        let status = status.filter(|_| request.filters.is_empty());
        let array = request.array_job_id.as_deref().map(JobId::parse);
        let queue = request.job_queue.as_deref().map(|text| names::bare(text, "job-queue"));
        let filters: Vec<Test> = request.filters.iter().map(test).collect::<Result<_, _>>()?;
        let is_wanted = |job: &Job| {
            let is_place = match &array {
                Some(array) => job.index.is_some() && job.spec.id == array.id,
                None => job.index.is_none() && queue == Some(job.spec.lane.as_str()),
            };
            is_place
                && self.may_see(job)
                && status.is_none_or(|status| job.progress.status == status)
                && filters.iter().all(|test| test.fits(job))
        };
        let mut found = self
            .engine
            .view_all(|job| is_wanted(job).then(|| (job.spec.created_at, job.id(), self.summary(job))));
        // The newest first; children in their order.
        found.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
        let from: usize = match &request.next_token {
            None => 0,
            Some(token) => token.parse().map_err(|_| Fault::client("nextToken is not valid"))?,
        };
        let count = request.max_results.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX);
        let next = (found.len() > from.saturating_add(count)).then(|| (from + count).to_string());
        let page: Vec<Value> =
            found.into_iter().skip(from).take(count).map(|(_, _, summary)| summary).collect();
        Ok(without_nulls(json!({"jobSummaryList": page, "nextToken": next})))
    }

    fn summary(self, job: &Job) -> Value {
        let (spec, progress) = (&job.spec, &job.progress);
        let container = progress
            .attempts
            .last()
            .and_then(|attempt| attempt.containers.first())
            .map(|end| without_nulls(json!({"exitCode": end.exit_code, "reason": end.reason})));
        let array = match (spec.array_size, job.index) {
            (Some(_), Some(index)) => json!({"index": index}),
            (Some(size), None) => json!({"size": size}),
            (None, _) => Value::Null,
        };
        let id = job.id();
        without_nulls(json!({
            "jobArn": self.place().arn("batch", &format!("job/{id}")),
            "jobId": id.to_string(),
            "jobName": spec.name,
            "jobDefinition": spec.shown.get("jobDefinition"),
            "createdAt": spec.created_at,
            "status": progress.status.as_str(),
            "statusReason": progress.reason,
            "startedAt": progress.started_at,
            "stoppedAt": progress.stopped_at,
            "container": container,
            "arrayProperties": array,
        }))
    }
}

enum Test {
    Name(Vec<String>),
    Definition(Vec<String>),
    Before(i64),
    After(i64),
}

fn test(filter: &Filter) -> Result<Test, Fault> {
    let time = || {
        let text = filter.values.first().map(String::as_str).unwrap_or_default();
        text.parse().map_err(|_| Fault::client(format!("{text:?} is not a time in milliseconds")))
    };
    match filter.name.as_str() {
        "JOB_NAME" => Ok(Test::Name(filter.values.iter().map(|name| name.to_lowercase()).collect())),
        "JOB_DEFINITION" => {
            let names = filter.values.iter().map(|text| names::bare(text, "job-definition").to_owned());
            Ok(Test::Definition(names.collect()))
        }
        "BEFORE_CREATED_AT" => Ok(Test::Before(time()?)),
        "AFTER_CREATED_AT" => Ok(Test::After(time()?)),
        name => {
            Err(Fault::client(format!("the filter {name} is not supported by jobs that run on this machine")))
        }
    }
}

impl Test {
    fn fits(&self, job: &Job) -> bool {
        match self {
            Test::Name(names) => {
                let own = job.spec.name.to_lowercase();
                names.iter().any(|name| matches(name, &own))
            }
            Test::Definition(names) => {
                let own = &job.spec.definition;
                let family = own.split_once(':').map_or(own.as_str(), |(family, _)| family);
                names.iter().any(|name| matches(name, own) || matches(name, family))
            }
            Test::Before(time) => job.spec.created_at < *time,
            Test::After(time) => job.spec.created_at > *time,
        }
    }
}

/// Values may end in an asterisk.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => text.starts_with(start),
        None => pattern == text,
    }
}
