//! Where the logs of jobs are.

use std::path::PathBuf;

use serde::Serialize;

use super::Engine;
use super::job::{Face, Job, Status};
use super::records::Records;

/// Logs that are told of at once; those of jobs that were submitted later are left out.
const LOGS_MAX: usize = 10_000;

/// A job and its logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobLogs {
    /// The service: `batch` or `ecs`.
    pub service: &'static str,
    /// Its id; of a child of an array job with its index behind a colon.
    pub job_id: String,
    /// The job's name, or the family of the task.
    pub name: String,
    /// Batch's word for where the job is.
    pub status: &'static str,
    /// Whether nothing more comes.
    pub has_ended: bool,
    /// The execution that submitted it.
    pub execution_arn: String,
    /// In the order of attempts.
    pub logs: Vec<JobLog>,
}

/// The log of a container in an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobLog {
    /// The attempt, from 1.
    pub attempt: usize,
    /// The container.
    pub container: String,
    /// The file. A container that was not started has none.
    pub path: PathBuf,
}

impl Engine {
    /// Jobs with their logs, in the order in which they were submitted. The parents of arrays have none.
    pub(crate) fn logs(&self, is_wanted: impl Fn(&Job) -> bool) -> Vec<JobLogs> {
        let mut found = self.view_all(|job| {
            let is_wanted = !job.is_array() && is_wanted(job);
            is_wanted.then(|| ((job.spec.created_at, job.id()), self.logs_of(job)))
        });
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut count = 0;
        let all = found.into_iter().map(|(_, logs)| logs);
        all.take_while(|job| {
            count += job.logs.len();
            count <= LOGS_MAX
        })
        .collect()
    }

    fn logs_of(&self, job: &Job) -> JobLogs {
        let progress = &job.progress;
        let ended = (1..).zip(&progress.attempts);
        let ended = ended.filter(|(_, attempt)| attempt.started_at.is_some());
        let mut launches: Vec<_> = ended.map(|(number, attempt)| (number, attempt.launch)).collect();
        if progress.status == Status::Running {
            launches.push((progress.attempts.len() + 1, progress.launches));
        }
        let log = |(attempt, launch)| {
            job.spec.containers.iter().map(move |container| JobLog {
                attempt,
                container: container.name.clone(),
                path: self.records.root().join(Records::log_stream(&job.id(), launch, &container.name)),
            })
        };
        JobLogs {
            service: match job.spec.face {
                Face::Batch => "batch",
                Face::Ecs => "ecs",
            },
            job_id: job.id().to_string(),
            name: job.spec.name.clone(),
            status: progress.status.as_str(),
            has_ended: progress.status.has_ended(),
            execution_arn: job.spec.execution_arn.clone(),
            logs: launches.into_iter().flat_map(log).collect(),
        }
    }
}
