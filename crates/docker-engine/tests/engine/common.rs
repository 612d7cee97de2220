//! What the tests of the client share.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use stepwell_docker_engine::fake::{FakeEngine, FakeImage};
use stepwell_docker_engine::{ContainerSpec, Engine, EngineError, Limits, LogEntry, LogSource, Logs};

/// Limits of an engine that is expected to answer, so that a mistake shows soon.
pub(crate) fn limits() -> Limits {
    Limits { request: Duration::from_secs(20), reconnect: Duration::from_secs(20), ..Limits::default() }
}

/// Limits of an engine that is expected not to answer.
pub(crate) fn impatient() -> Limits {
    let short = Duration::from_millis(200);
    Limits { request: short, pull: short, pull_silence: short, reconnect: Duration::ZERO, ..limits() }
}

/// A fake engine with the image `shell`, and the client of it.
pub(crate) async fn fake_engine() -> (FakeEngine, Engine) {
    let fake = FakeEngine::start().unwrap();
    fake.add_image("shell", FakeImage::with_command(&["sh"]));
    let engine = Engine::connect_within(&fake.search(), limits()).await.unwrap();
    (fake, engine)
}

/// Another client of the engine.
pub(crate) async fn client(fake: &FakeEngine, limits: Limits) -> Engine {
    Engine::connect_within(&fake.search(), limits).await.unwrap()
}

/// A container that runs a script of the shell.
pub(crate) fn script(script: &str) -> ContainerSpec {
    ContainerSpec {
        command: ["sh", "-c", script].map(str::to_owned).to_vec(),
        ..ContainerSpec::of_image("shell")
    }
}

/// Makes a container and starts it.
pub(crate) async fn run(engine: &Engine, text: &str) -> String {
    let id = engine.create(&script(text)).await.unwrap();
    engine.start(&id).await.unwrap();
    id
}

/// All that is left of a log.
pub(crate) async fn read_all(logs: &mut Logs) -> Result<Vec<LogEntry>, EngineError> {
    let mut entries = Vec::new();
    let reading = async {
        while let Some(entry) = logs.next().await? {
            entries.push(entry);
        }
        Ok(())
    };
    let outcome: Result<(), EngineError> =
        tokio::time::timeout(Duration::from_secs(30), reading).await.unwrap();
    outcome.map(|()| entries)
}

/// What was written to one output.
pub(crate) fn text_of(entries: &[LogEntry], source: LogSource) -> String {
    let bytes: Vec<u8> = entries
        .iter()
        .filter(|entry| entry.source == source)
        .flat_map(|entry| entry.bytes.to_vec())
        .collect();
    String::from_utf8(bytes).unwrap()
}

/// A gate in a script: `cat GATE` waits there until the gate is opened.
pub(crate) struct Gate {
    directory: tempfile::TempDir,
}

impl Gate {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let made = Command::new("mkfifo").arg(directory.path().join("gate")).status().unwrap();
        assert!(made.success());
        Self { directory }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("gate")
    }

    /// Lets the script that waits, or comes to wait, go on.
    pub(crate) async fn open(&self) {
        let path = self.path();
        tokio::task::spawn_blocking(move || std::fs::write(path, "").unwrap()).await.unwrap();
    }
}

/// A path as text.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
