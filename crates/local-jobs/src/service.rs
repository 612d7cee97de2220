//! The two services over one engine.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;

use crate::api::{Answer, Call};
use crate::batch::Batch;
use crate::config::{CLUSTER_CONCURRENCY_DEFAULT, JobsConfig};
use crate::ecs::Ecs;
use crate::engine::job::{Face, JobId};
use crate::engine::{Engine, JobLogs, Lanes, Records};
use crate::names;
use crate::runner::Runners;

/// How long attempts have to notice that the server ends.
const SHUTDOWN_WITHIN: Duration = Duration::from_secs(1);

/// Why jobs can't be run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The folder of records can't be used.
    #[error("the jobs' folder {} can't be used: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Batch jobs and ECS tasks on this machine.
pub struct LocalJobs {
    config: JobsConfig,
    engine: Arc<Engine>,
    retention: JoinHandle<()>,
}

impl std::fmt::Debug for LocalJobs {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("LocalJobs").field("config", &self.config).finish_non_exhaustive()
    }
}

impl LocalJobs {
    /// Takes up the jobs of the server before, and is ready for new ones. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The folder for records can't be made or read.
    pub async fn start(config: JobsConfig) -> Result<LocalJobs, StartError> {
        let folder = |source| StartError::Folder {
            path: config.directory.clone().unwrap_or_else(std::env::temp_dir),
            source,
        };
        let records = Records::open(config.directory.as_deref()).map_err(folder)?;
        let runner = Arc::new(Runners::new(&config, !records.is_durable()));
        let engine = Engine::new(records, runner, config.environment.clone(), lanes(&config));
        engine.recover().await.map_err(folder)?;
        let retention = tokio::spawn(engine.clone().retain());
        Ok(LocalJobs { config, engine, retention })
    }

    /// Carries a call out. None when it is not about anything that runs here.
    pub async fn call(&self, call: Call<'_>) -> Option<Answer> {
        let (engine, config) = (&self.engine, &self.config);
        let result = match call.service {
            "batch" => Batch { engine, config, call }.carry_out().await,
            "ecs" => Ecs { engine, config, call }.carry_out().await,
            _ => None,
        };
        result.map(Answer::of)
    }

    /// Whether a job definition or task definition is one of this machine.
    pub fn has_definition(&self, service: &str, definition: &str) -> bool {
        let (sections, kind) = match service {
            "batch" => (&self.config.batch.job_definitions, "job-definition"),
            "ecs" => (&self.config.ecs.task_definitions, "task-definition"),
            _ => return false,
        };
        names::section(sections, definition, kind).is_some()
    }

    /// Resolves when the job or task has ended. None when it does not run here.
    pub fn ended(&self, service: &str, id: &str) -> Option<impl Future<Output = ()> + Send + use<>> {
        let (face, kind) = match service {
            "batch" => (Face::Batch, "job"),
            "ecs" => (Face::Ecs, "task"),
            _ => return None,
        };
        let id = parse_id(names::bare(id, kind));
        let is_here = self.engine.view(&id, |job| job.spec.face == face)?;
        is_here.then(|| self.engine.ended(&id))
    }

    /// The jobs that an execution submitted, with their logs.
    pub fn logs_of_execution(&self, arn: &str) -> Vec<JobLogs> {
        self.engine.logs(|job| job.spec.execution_arn == arn)
    }

    /// A job or task with its logs, by its id or ARN; of an array job, all of its children.
    pub fn logs_of_job(&self, id: &str) -> Vec<JobLogs> {
        let wanted = parse_id(names::bare(id, "job"));
        self.engine
            .logs(|job| job.spec.id == wanted.id && (wanted.index.is_none() || job.index == wanted.index))
    }

    /// Starts nothing any more. Jobs go on without the server when they are recorded, and end with it when they are not.
    pub async fn shutdown(&self) {
        self.retention.abort();
        self.engine.shutdown(SHUTDOWN_WITHIN).await;
    }
}

/// An id in what an ARN names; a task's has its cluster before its id.
fn parse_id(bare: &str) -> JobId {
    JobId::parse(bare.rsplit('/').next().unwrap_or(bare))
}

fn lanes(config: &JobsConfig) -> Lanes {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let queues = config
        .batch
        .queues
        .iter()
        .filter_map(|(name, queue)| Some(((Face::Batch, name.clone()), queue.concurrency?)));
    let clusters = config
        .ecs
        .clusters
        .iter()
        .filter_map(|(name, cluster)| Some(((Face::Ecs, name.clone()), cluster.concurrency?)));
    let defaults = HashMap::from([(Face::Batch, processors), (Face::Ecs, CLUSTER_CONCURRENCY_DEFAULT)]);
    Lanes::new(queues.chain(clusters).collect(), defaults)
}

/// An id that is the same for the same call, so that a call that is made again finds the job that it made before.
pub(crate) fn identifier(call: &Call<'_>, face: Face, token: &str, number: usize) -> String {
    let mut hash = Sha256::new();
    let number = number.to_string();
    for part in [face_word(face), call.region, call.account, token, &number] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hexadecimal(&hash.finalize()[..16])
}

fn face_word(face: Face) -> &'static str {
    match face {
        Face::Batch => "batch",
        Face::Ecs => "ecs",
    }
}

/// What tells one request from another.
pub(crate) fn digest(body: &[u8]) -> String {
    hexadecimal(&Sha256::digest(body)[..16])
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
