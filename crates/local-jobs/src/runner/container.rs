//! Containers of an engine that speaks the Docker Engine API: Docker or Podman.
//!
//! A container has the launch's name, by which the next server finds it. Its id is in the launch's lock file from before
//! its start on, so that one that is gone is told from one that never was. When it has ended and its log and exit are
//! written it is removed.

use std::fs::File;
use std::time::Duration;

use stepwell_docker_engine::{
    ContainerSpec, ContainerStatus, Engine, EngineError, LogPosition, RegistryLogins, SocketSearch,
};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::{Boxed, Exit, Image, Launch, Recovered, Run, Runner, cannot_start};
use crate::shim::KeptLog;

/// The label of containers that are jobs; its value is the launch's name.
const LABEL: &str = "stepwell.job";
/// ECS's reason of a container whose memory was not enough.
const OUT_OF_MEMORY: &str = "OutOfMemoryError: Container killed due to memory usage";
/// What precedes the reason why an image is not there, in ECS's words.
const CANNOT_PULL: &str = "CannotPullContainerError: ";
/// How often it is looked for a container while the engine is away, and the pause between two looks.
const LOOKS_MAX: u32 = 10;
const LOOK_PAUSE: Duration = Duration::from_secs(3);
/// How long the rest of the log may take after the container's end.
const LOG_END_WITHIN: Duration = Duration::from_secs(10);

/// Starts containers.
#[derive(Debug)]
pub(crate) struct ContainerRunner {
    search: SocketSearch,
    /// The engine, once it has answered.
    engine: Mutex<Option<Engine>>,
}

impl ContainerRunner {
    /// On the engine at this address, else on the first of the usual ones.
    pub(crate) fn new(socket: Option<String>) -> ContainerRunner {
        ContainerRunner { search: SocketSearch::from_environment(socket), engine: Mutex::new(None) }
    }

    async fn engine(&self) -> Result<Engine, EngineError> {
        let mut known = self.engine.lock().await;
        if let Some(engine) = &*known {
            return Ok(engine.clone());
        }
        let engine = Engine::connect(&self.search).await?.with_logins(RegistryLogins::from_environment());
        Ok(known.insert(engine).clone())
    }

    async fn launch(&self, launch: Launch) -> Result<Box<dyn Run>, String> {
        let refused = |error: EngineError| cannot_start(&error);
        let Some(image) = &launch.image else { return Err(cannot_start(&"the container has no image")) };
        let engine = self.engine().await.map_err(refused)?;
        let id = engine.create(&spec(&launch, image)).await.map_err(refused)?;
        let started = match std::fs::write(&launch.files.lock, &id) {
            Ok(()) => engine.start(&id).await.map_err(refused),
            Err(error) => Err(cannot_start(&error)),
        };
        if let Err(reason) = started {
            let _ = engine.remove(&id).await;
            return Err(reason);
        }
        Ok(Box::new(ContainerRun::new(engine, id, launch)))
    }

    async fn find(&self, launch: Launch) -> Recovered {
        if let Some(exit) = Exit::read(&launch.files.exit) {
            return Recovered::Ended(exit);
        }
        let was_created = launch.files.lock.exists();
        for look in 0..LOOKS_MAX {
            if look > 0 {
                tokio::time::sleep(LOOK_PAUSE).await;
            }
            let found = match self.engine().await {
                Ok(engine) => engine.inspect(&launch.name).await.map(|details| (engine, details)),
                Err(error) => Err(error),
            };
            match found {
                Ok((engine, details)) if details.state.status == ContainerStatus::Created => {
                    return match engine.remove(&details.id).await {
                        Ok(()) => Recovered::NotStarted,
                        Err(_) => Recovered::Lost,
                    };
                }
                Ok((engine, details)) => {
                    return Recovered::Running(Box::new(ContainerRun::new(engine, details.id, launch)));
                }
                Err(EngineError::NoSuchContainer { .. }) if !was_created => return Recovered::NotStarted,
                Err(EngineError::NoSuchContainer { .. }) => return Recovered::Lost,
                Err(error) => tracing::warn!(
                    target: "stepwell::jobs",
                    container = %launch.name,
                    %error,
                    "a job's container can't be looked for"
                ),
            }
        }
        Recovered::Lost
    }
}

fn spec(launch: &Launch, image: &Image) -> ContainerSpec {
    let directory = Some(&launch.directory).filter(|directory| !directory.as_os_str().is_empty());
    ContainerSpec {
        name: Some(launch.name.clone()),
        entrypoint: launch.entrypoint.clone(),
        command: launch.command.clone(),
        environment: launch.environment.clone(),
        working_directory: directory.map(|directory| directory.display().to_string()),
        labels: [(LABEL.to_owned(), launch.name.clone())].into(),
        memory_limit_bytes: image.memory_megabytes.map(|megabytes| megabytes * 1024 * 1024),
        nano_cpus: image.millicpus.map(|millicpus| millicpus * 1_000_000),
        network: image.network.clone(),
        binds: image.volumes.clone(),
        ..ContainerSpec::of_image(image.name.clone())
    }
}

impl Runner for ContainerRunner {
    fn prepare<'a>(&'a self, launch: &'a Launch) -> Boxed<'a, Result<(), String>> {
        Box::pin(async move {
            let Some(image) = &launch.image else { return Ok(()) };
            let engine = self.engine().await.map_err(|error| cannot_start(&error))?;
            let fetched = engine.ensure_image(&image.name, |_| ()).await;
            fetched.map_err(|error| format!("{CANNOT_PULL}{error}"))
        })
    }

    fn start(&self, launch: Launch) -> Boxed<'_, Result<Box<dyn Run>, String>> {
        Box::pin(self.launch(launch))
    }

    fn recover(&self, launch: Launch) -> Boxed<'_, Recovered> {
        Box::pin(self.find(launch))
    }
}

/// A container that runs or has just ended.
struct ContainerRun {
    engine: Engine,
    id: String,
    launch: Launch,
    log: JoinHandle<()>,
    stopping: Option<JoinHandle<()>>,
}

impl ContainerRun {
    fn new(engine: Engine, id: String, launch: Launch) -> ContainerRun {
        let log = tokio::spawn(keep_log(engine.clone(), id.clone(), launch.clone()));
        ContainerRun { engine, id, launch, log, stopping: None }
    }

    async fn end(&mut self) -> Option<Exit> {
        // Asked again.
        if let Some(exit) = Exit::read(&self.launch.files.exit) {
            return Some(exit);
        }
        let state = match self.engine.wait(&self.id).await {
            Ok(state) => state,
            Err(error) => {
                tracing::warn!(
                    target: "stepwell::jobs",
                    container = %self.launch.name,
                    %error,
                    "a job's container is taken as lost"
                );
                return None;
            }
        };
        if !self.log.is_finished() {
            let _ = tokio::time::timeout(LOG_END_WITHIN, &mut self.log).await;
        }
        let exit = Exit {
            code: i32::try_from(state.exit_code).ok(),
            failure: None,
            reason: state.out_of_memory.then(|| OUT_OF_MEMORY.to_owned()),
            stopped_at: state.finished_at_milliseconds.unwrap_or_else(crate::clock::now_milliseconds),
        };
        match exit.write(&self.launch.files.exit) {
            // Not before its exit is known for good.
            Ok(()) => drop(self.engine.remove(&self.id).await),
            Err(error) => tracing::error!(
                target: "stepwell::jobs",
                container = %self.launch.name,
                %error,
                "the exit of a container can't be written"
            ),
        }
        Some(exit)
    }
}

impl Run for ContainerRun {
    fn wait(&mut self) -> Boxed<'_, Option<Exit>> {
        Box::pin(self.end())
    }

    fn stop(&mut self) -> Boxed<'_, ()> {
        let (engine, id) = (self.engine.clone(), self.id.clone());
        let grace = Duration::from_secs(self.launch.stop_timeout_seconds);
        self.stopping = Some(tokio::spawn(async move {
            // Killed when the engine does not do it in time.
            if engine.stop(&id, grace).await.is_err() {
                let _ = engine.kill(&id).await;
            }
        }));
        Box::pin(std::future::ready(()))
    }
}

impl Drop for ContainerRun {
    fn drop(&mut self) {
        // The next server follows the log from its beginning.
        self.log.abort();
    }
}

/// Writes the container's output into the launch's log, from its beginning.
async fn keep_log(engine: Engine, id: String, launch: Launch) {
    let Ok(file) = File::create(&launch.files.log) else { return };
    let mut kept = KeptLog::new(file, launch.log_bytes_max);
    let mut logs = engine.follow_logs(&id, LogPosition::START);
    loop {
        match logs.next().await {
            Ok(Some(entry)) => kept.take(&entry.bytes),
            Ok(None) => return,
            Err(error) => {
                kept.take(format!("[the log ends here: {error}]\n").as_bytes());
                return;
            }
        }
    }
}
