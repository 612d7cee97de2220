//! What a container of a job becomes. A [`Runner`] starts it and finds it again after a restart of the server; a
//! [`Run`] is one that runs. Nothing here knows of jobs, queues or retries.

pub(crate) mod process;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

pub(crate) use crate::shim::{Exit, Files};

pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What is to be run, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Launch {
    /// No two launches have the same, on any server.
    pub(crate) name: String,
    /// The program and its first arguments.
    pub(crate) entrypoint: Vec<String>,
    pub(crate) command: Vec<String>,
    /// The working directory.
    pub(crate) directory: PathBuf,
    pub(crate) environment: std::collections::BTreeMap<String, String>,
    pub(crate) files: Files,
    pub(crate) log_bytes_max: u64,
    /// How long it has after it was asked to end.
    pub(crate) stop_timeout_seconds: u64,
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
    /// Starts it. When this gives an error, it has not been started and won't be.
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
