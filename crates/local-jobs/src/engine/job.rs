//! A job: a Batch job, a child of an array job, or an ECS task.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::runner::Image;

/// The service whose API a job is seen through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Face {
    Batch,
    Ecs,
}

/// What a job is called within its service: the parent's id, and a child's index.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct JobId {
    pub(crate) id: Arc<str>,
    pub(crate) index: Option<u32>,
}

impl JobId {
    pub(crate) fn whole(id: &str) -> JobId {
        JobId { id: id.into(), index: None }
    }

    pub(crate) fn child(&self, index: u32) -> JobId {
        JobId { id: self.id.clone(), index: Some(index) }
    }

    /// `ID` or `ID:INDEX`.
    pub(crate) fn parse(text: &str) -> JobId {
        match text.split_once(':') {
            Some((id, index)) if !index.starts_with('+') => match index.parse() {
                Ok(index) => JobId { id: id.into(), index: Some(index) },
                Err(_) => JobId::whole(text),
            },
            _ => JobId::whole(text),
        }
    }
}

impl std::fmt::Display for JobId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.index {
            Some(index) => write!(formatter, "{}:{index}", self.id),
            None => formatter.write_str(&self.id),
        }
    }
}

/// What was asked for: fixed when the job is submitted, whatever the configuration says later.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Spec {
    pub(crate) id: Arc<str>,
    pub(crate) face: Face,
    pub(crate) region: String,
    pub(crate) account: String,
    /// The queue or cluster.
    pub(crate) lane: String,
    /// The job's name or the task's family.
    pub(crate) name: String,
    /// `name:revision` of the definition.
    pub(crate) definition: String,
    /// In milliseconds since 1970.
    pub(crate) created_at: i64,
    /// The execution that submitted it.
    pub(crate) execution_arn: String,
    /// A digest of the request, so that a token is not used for two different ones.
    pub(crate) digest: String,
    pub(crate) containers: Vec<Container>,
    pub(crate) attempts_max: u32,
    #[serde(default)]
    pub(crate) exit_rules: Vec<ExitRule>,
    pub(crate) timeout_seconds: Option<u64>,
    /// Of an array job: the number of its children.
    pub(crate) array_size: Option<u32>,
    #[serde(default)]
    pub(crate) depends_on: Vec<Dependency>,
    /// The members of the job's description that never change, as the API has them.
    pub(crate) shown: Map<String, Value>,
}

/// A container of a job. A Batch job has one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) entrypoint: Vec<String>,
    pub(crate) command: Vec<String>,
    pub(crate) directory: PathBuf,
    /// What it runs in; none for a process.
    #[serde(default)]
    pub(crate) image: Option<Image>,
    /// The variables that the definition and the request set.
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) essential: bool,
    pub(crate) log_bytes_max: u64,
    pub(crate) stop_timeout_seconds: u64,
}

/// A rule of `evaluateOnExit`: all patterns that it has must match.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ExitRule {
    pub(crate) on_status_reason: Option<String>,
    pub(crate) on_reason: Option<String>,
    pub(crate) on_exit_code: Option<String>,
    pub(crate) retries: bool,
}

/// What must have succeeded before a job begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Dependency {
    /// Another job as a whole.
    Job(String),
    /// For each child of this array, the child of the other with the same index.
    SameIndex(String),
    /// For each child of this array, the one before it.
    Previous,
}

/// Where a job is. Batch's words; ECS's are made from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Status {
    Submitted,
    Pending,
    Runnable,
    Starting,
    Running,
    Succeeded,
    Failed,
}

impl Status {
    pub(crate) const ALL: [Status; 7] = [
        Status::Submitted,
        Status::Pending,
        Status::Runnable,
        Status::Starting,
        Status::Running,
        Status::Succeeded,
        Status::Failed,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Status::Submitted => "SUBMITTED",
            Status::Pending => "PENDING",
            Status::Runnable => "RUNNABLE",
            Status::Starting => "STARTING",
            Status::Running => "RUNNING",
            Status::Succeeded => "SUCCEEDED",
            Status::Failed => "FAILED",
        }
    }

    pub(crate) fn has_ended(self) -> bool {
        matches!(self, Status::Succeeded | Status::Failed)
    }

    /// Whether it has not begun yet, so that CancelJob still ends it.
    pub(crate) fn is_waiting(self) -> bool {
        matches!(self, Status::Submitted | Status::Pending | Status::Runnable)
    }
}

/// How far a job has come.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) status: Status,
    /// When the last attempt began to run, in milliseconds since 1970.
    pub(crate) started_at: Option<i64>,
    pub(crate) stopped_at: Option<i64>,
    pub(crate) reason: Option<String>,
    /// Why somebody wanted it to end.
    #[serde(default)]
    pub(crate) termination: Option<Termination>,
    /// Those that have ended.
    #[serde(default)]
    pub(crate) attempts: Vec<Attempt>,
    /// Launches so far, each with files of its own; those that an earlier server did not get to included.
    #[serde(default)]
    pub(crate) launches: u32,
}

impl Progress {
    pub(crate) fn new() -> Progress {
        Progress {
            status: Status::Submitted,
            started_at: None,
            stopped_at: None,
            reason: None,
            termination: None,
            attempts: Vec::new(),
            launches: 0,
        }
    }
}

/// That somebody wanted a job to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Termination {
    pub(crate) reason: String,
    /// In milliseconds since 1970.
    pub(crate) at: i64,
    /// By CancelJob, which ends only what has not begun.
    pub(crate) by_cancel: bool,
}

/// An attempt that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attempt {
    /// None when no container was started.
    pub(crate) started_at: Option<i64>,
    pub(crate) stopped_at: i64,
    pub(crate) reason: String,
    /// In the order of [`Spec::containers`].
    pub(crate) containers: Vec<ContainerEnd>,
    /// The launch that it was.
    pub(crate) launch: u32,
}

/// How a container of an attempt ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ContainerEnd {
    /// None when it was not started or nobody knows.
    pub(crate) exit_code: Option<i32>,
    /// Why, where the exit code does not say it.
    pub(crate) reason: Option<String>,
}

/// What those who follow a job see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It waits or runs.
    Live,
    /// It is to end.
    Ending,
    /// It has ended, and that is recorded.
    Ended,
}

/// A job in memory.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) spec: Arc<Spec>,
    pub(crate) index: Option<u32>,
    pub(crate) progress: Progress,
    pub(crate) phase: watch::Sender<Phase>,
    /// Jobs that wait for this one.
    pub(crate) dependents: Vec<JobId>,
    /// How many jobs this one still waits for.
    pub(crate) waits_for: u32,
    /// Of an array job: how many children are in each status, in the order of [`Status::ALL`].
    pub(crate) summary: [u32; 7],
}

impl Job {
    pub(crate) fn new(spec: Arc<Spec>, index: Option<u32>, progress: Progress) -> Job {
        let phase = if progress.status.has_ended() { Phase::Ended } else { Phase::Live };
        Job {
            spec,
            index,
            progress,
            phase: watch::Sender::new(phase),
            dependents: Vec::new(),
            waits_for: 0,
            summary: [0; 7],
        }
    }

    pub(crate) fn id(&self) -> JobId {
        JobId { id: self.spec.id.clone(), index: self.index }
    }

    /// Whether it is the parent of an array, which itself runs nothing.
    pub(crate) fn is_array(&self) -> bool {
        self.spec.array_size.is_some() && self.index.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_children_have_an_index() {
        for text in ["a-b", "a-b:0", "a-b:9999"] {
            assert_eq!(JobId::parse(text).to_string(), text);
        }
        assert_eq!(JobId::parse("a:7").index, Some(7));
        assert_eq!(JobId::parse("a:x"), JobId::whole("a:x"));
        assert_eq!(JobId::parse("a:+7"), JobId::whole("a:+7"));
    }
}
