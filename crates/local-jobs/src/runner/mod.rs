//! What a container of a job becomes. A [`Runner`] starts it and finds it again after a restart of the server; a
//! [`Run`] is one that runs. Nothing here knows of jobs, queues or retries.

mod container;
mod process;

use std::fmt::Display;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

use serde::{Deserialize, Serialize};

use crate::config::JobsConfig;
pub(crate) use crate::shim::{Exit, Files};
use container::ContainerRunner;
use process::ProcessRunner;

pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What is to be run, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Launch {
    /// No two launches have the same, on any server.
    pub(crate) name: String,
    /// The program and its first arguments.
    pub(crate) entrypoint: Vec<String>,
    pub(crate) command: Vec<String>,
    /// The working directory; of a container, within it, or empty for the image's own.
    pub(crate) directory: PathBuf,
    /// What it runs in; none for a process of this machine.
    pub(crate) image: Option<Image>,
    pub(crate) environment: std::collections::BTreeMap<String, String>,
    pub(crate) files: Files,
    pub(crate) log_bytes_max: u64,
    /// How long it has after it was asked to end.
    pub(crate) stop_timeout_seconds: u64,
}

/// What a container of an engine is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Image {
    pub(crate) name: String,
    pub(crate) memory_megabytes: Option<u64>,
    /// Thousandths of a processor.
    pub(crate) millicpus: Option<u64>,
    pub(crate) network: Option<String>,
    /// `/here:/there` or `/here:/there:ro`.
    pub(crate) volumes: Vec<String>,
}

/// What became of a launch that an earlier server made.
pub(crate) enum Recovered {
    /// It was not started, and will not be.
    NotStarted,
    /// It runs.
    Running(Box<dyn Run>),
    /// It has ended.
    Ended(Exit),
    /// It ended, and nobody knows how: the machine went down.
    Lost,
}

/// A way to run containers.
pub(crate) trait Runner: Send + Sync {
    /// Does what may take long before a start, such as fetching an image. May be dropped.
    ///
    /// # Errors
    /// Why it can't be started, in ECS's words.
    fn prepare<'a>(&'a self, launch: &'a Launch) -> Boxed<'a, Result<(), String>> {
        let _ = launch;
        Box::pin(std::future::ready(Ok(())))
    }

    /// Starts it. When this gives an error, in ECS's words, it has not been started and won't be.
    fn start(&self, launch: Launch) -> Boxed<'_, Result<Box<dyn Run>, String>>;

    /// Finds out what became of a launch that an earlier server made, and, if it was not started, sees to it that it
    /// won't be.
    fn recover(&self, launch: Launch) -> Boxed<'_, Recovered>;
}

/// A container that runs. Dropping it leaves it running.
pub(crate) trait Run: Send {
    /// Waits for its end; none when nobody knows how it ended. May be dropped and called again.
    fn wait(&mut self) -> Boxed<'_, Option<Exit>>;

    /// Asks it to end; it is killed when its time to do so has passed.
    fn stop(&mut self) -> Boxed<'_, ()>;
}

/// The reason of a container that could not be started, in ECS's words.
fn cannot_start(reason: &dyn Display) -> String {
    format!("CannotStartContainerError: {reason}")
}

/// Processes of this machine, and containers of an engine, as the launch says.
pub(crate) struct Runners {
    processes: ProcessRunner,
    containers: ContainerRunner,
}

impl Runners {
    /// `ends_with_server`: nothing is recorded by which a later server could find what runs.
    pub(crate) fn new(config: &JobsConfig, ends_with_server: bool) -> Runners {
        Runners {
            processes: ProcessRunner { shim: config.shim.clone(), ends_with_server },
            containers: ContainerRunner::new(config.containers.socket.clone()),
        }
    }

    fn of(&self, launch: &Launch) -> &dyn Runner {
        match launch.image {
            Some(_) => &self.containers,
            None => &self.processes,
        }
    }
}

impl Runner for Runners {
    fn prepare<'a>(&'a self, launch: &'a Launch) -> Boxed<'a, Result<(), String>> {
        self.of(launch).prepare(launch)
    }

    fn start(&self, launch: Launch) -> Boxed<'_, Result<Box<dyn Run>, String>> {
        self.of(&launch).start(launch)
    }

    fn recover(&self, launch: Launch) -> Boxed<'_, Recovered> {
        self.of(&launch).recover(launch)
    }
}
