//! AWS Batch and ECS on this machine: the operations that tasks of state machines use, over jobs that run as processes or
//! as containers.
//!
//! [`LocalJobs`] takes a [`Call`] in the JSON of the service's API and gives an [`Answer`] in the same; none when the
//! call is not about anything that runs here, so that it goes wherever the service is otherwise. What a job definition
//! or task definition runs stands in the configuration ([`BatchSection`], [`EcsSection`]). Jobs are recorded before
//! they start, outlive the server, and are taken up again by the next one.
//!
//! - `batch`, `ecs`: the two services' requests and answers
//! - `engine`: queues, attempts, retries, arrays, dependencies, records
//! - `runner`: what a container of a job becomes; [`shim`]: the process that watches over one

mod api;
mod batch;
mod clock;
mod config;
mod ecs;
mod engine;
mod names;
mod parameters;
mod runner;
mod service;
pub mod shim;

pub use api::{Answer, Call, NEVER_SUBMITTED};
pub use config::{
    BatchSection, ClusterSection, ConfigError, ContainersSection, DefinitionSection, EcsSection, JobsConfig,
    QueueSection,
};
pub use engine::{JobLog, JobLogs};
pub use service::{LocalJobs, StartError};
