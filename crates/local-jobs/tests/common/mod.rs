//! Jobs of a machine of its own, run by real processes.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;

use stepwell_local_jobs::{BatchSection, Call, ContainersSection, EcsSection, JobsConfig, LocalJobs};

pub const ACCOUNT: &str = "000000000000";
pub const EXECUTION: &str = "arn:aws:states:us-east-1:000000000000:execution:m:e";
/// Nothing in these tests takes nearly as long.
const DEADLINE: Duration = Duration::from_secs(60);

#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct Document {
    batch: BatchSection,
    ecs: EcsSection,
}

/// A folder for jobs and what they need; servers come and go over it.
pub struct Machine {
    pub folder: tempfile::TempDir,
    config: JobsConfig,
    tokens: AtomicU32,
}

impl Machine {
    pub fn new(text: &str) -> Machine {
        let folder = tempfile::tempdir().unwrap();
        let document: Document = toml::from_str(text).unwrap();
        document.batch.check().and_then(|()| document.ecs.check()).unwrap();
        let config = JobsConfig {
            batch: document.batch,
            ecs: document.ecs,
            containers: ContainersSection::default(),
            base_dir: folder.path().to_owned(),
            directory: Some(folder.path().join("jobs")),
            environment: [("FROM_SERVER".to_owned(), "yes".to_owned())].into(),
            shim: vec![env!("CARGO_BIN_EXE_stepwell-job-shim").into()],
        };
        Machine { folder, config, tokens: AtomicU32::new(0) }
    }

    /// Nothing is recorded.
    pub fn in_memory(text: &str) -> Machine {
        let mut machine = Machine::new(text);
        machine.config.directory = None;
        machine
    }

    /// Images are run by the engine at this socket.
    pub fn with_engine(mut self, socket: &Path) -> Machine {
        self.config.containers.socket = Some(socket.display().to_string());
        self
    }

    pub async fn server(&self) -> Server<'_> {
        Server { machine: self, jobs: LocalJobs::start(self.config.clone()).await.unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// A pipe in the jobs' folder. Opening it waits for the other side, which is how jobs and tests wait for each other.
    pub fn pipe(&self, name: &str) -> Pipe {
        let path = self.path(name);
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        Pipe(path)
    }
}

/// A test that fails leaves no processes behind.
impl Drop for Machine {
    fn drop(&mut self) {
        for lock in locks(&self.path("jobs")) {
            let is_held = std::fs::File::open(&lock)
                .is_ok_and(|file| matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock)));
            if let Ok(shim) = std::fs::read_to_string(&lock)
                && is_held
            {
                let _ = std::process::Command::new("kill").args(["-TERM", &shim]).status();
            }
        }
    }
}

fn locks(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .flat_map(|path| match path.extension().is_some_and(|ending| ending == "lock") {
            true => vec![path],
            false => locks(&path),
        })
        .collect()
}

pub struct Pipe(PathBuf);

impl Pipe {
    /// Waits for a job to read from the pipe, and lets it go on.
    pub async fn release(&self) {
        let path = self.0.clone();
        in_time(on_thread(move || std::fs::write(path, "go\n").unwrap())).await.unwrap();
    }

    /// Waits for a job to open the pipe for writing. What it gives resolves, with what was written, when all who had it open
    /// are gone.
    pub async fn open(&self) -> oneshot::Receiver<String> {
        let path = self.0.clone();
        let mut file = in_time(on_thread(move || std::fs::File::open(path).unwrap())).await.unwrap();
        on_thread(move || {
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            text
        })
    }
}

/// Does something on a thread that nobody waits for when the test has failed.
fn on_thread<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> oneshot::Receiver<T> {
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || sender.send(act()));
    receiver
}

pub async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.expect("in time")
}

pub struct Server<'a> {
    machine: &'a Machine,
    pub jobs: LocalJobs,
}

impl Server<'_> {
    /// Ends the server; its jobs go on.
    pub async fn stop(self) {
        self.jobs.shutdown().await;
    }

    pub async fn raw(&self, operation: &str, token: &str, body: &Value) -> Option<(u16, Value)> {
        let is_ecs = operation.contains("Task");
        let body = body.to_string();
        let call = Call {
            service: if is_ecs { "ecs" } else { "batch" },
            operation,
            region: "us-east-1",
            account: ACCOUNT,
            execution_arn: EXECUTION,
            token_seed: token,
            only_finds: false,
            body: body.as_bytes(),
        };
        let answer = self.jobs.call(call).await?;
        Some((answer.status, serde_json::from_slice(&answer.body).unwrap()))
    }

    pub async fn send(&self, operation: &str, body: Value) -> Option<(u16, Value)> {
        let token = self.machine.tokens.fetch_add(1, Ordering::Relaxed).to_string();
        self.raw(operation, &token, &body).await
    }

    pub async fn call(&self, operation: &str, body: Value) -> Value {
        let (status, answer) = self.send(operation, body.clone()).await.expect("runs here");
        assert_eq!(status, 200, "{operation} {body} -> {answer}");
        answer
    }

    /// Code and message of a call that must fail.
    pub async fn error(&self, operation: &str, body: Value) -> (String, String) {
        let (status, answer) = self.send(operation, body.clone()).await.expect("runs here");
        assert!(status >= 400, "{operation} {body} -> {answer}");
        (text(&answer["__type"]), text(&answer["message"]))
    }

    /// Submits a job; its id.
    pub async fn submit(&self, definition: &str, more: Value) -> String {
        let mut body = json!({"jobName": "j", "jobQueue": "q", "jobDefinition": definition});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        text(&self.call("SubmitJob", body).await["jobId"])
    }

    /// Submits a job that runs a script in the machine's folder, also where the definition has another; its id.
    pub async fn submit_script(&self, definition: &str, script: &str, mut more: Value) -> String {
        let script = format!("cd {}; {script}", self.machine.folder.path().display());
        more["containerOverrides"] = json!({"command": ["sh", "-c", script]});
        self.submit(definition, more).await
    }

    pub async fn job(&self, id: &str) -> Value {
        self.call("DescribeJobs", json!({"jobs": [id]})).await["jobs"][0].clone()
    }

    /// Waits until a job has a status.
    pub async fn until(&self, id: &str, status: &str) {
        let look = async {
            while self.job(id).await["status"] != status {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        in_time(look).await;
    }

    /// The job after its end.
    pub async fn end(&self, id: &str) -> Value {
        in_time(self.jobs.ended("batch", id).expect("known")).await;
        self.job(id).await
    }

    /// Submits a job and gives it after its end.
    pub async fn done(&self, definition: &str, more: Value) -> Value {
        let id = self.submit(definition, more).await;
        self.end(&id).await
    }

    /// Starts a task; its ARN.
    pub async fn run_task(&self, definition: &str, overrides: Value) -> String {
        let body = json!({"taskDefinition": definition, "overrides": overrides});
        text(&self.call("RunTask", body).await["tasks"][0]["taskArn"])
    }

    pub async fn task(&self, arn: &str) -> Value {
        self.call("DescribeTasks", json!({"tasks": [arn]})).await["tasks"][0].clone()
    }

    pub async fn task_end(&self, arn: &str) -> Value {
        in_time(self.jobs.ended("ecs", arn).expect("known")).await;
        self.task(arn).await
    }

    /// What the container of a job printed.
    pub fn log(&self, job: &Value) -> String {
        let stream = text(&job["container"]["logStreamName"]);
        std::fs::read_to_string(self.machine.path("jobs").join(stream)).unwrap()
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}

/// A definition's section that runs a shell.
pub fn shell(section: &str, script: &str) -> String {
    let script = toml::Value::String(script.to_owned());
    format!("[{section}]\ncommand = [\"sh\", \"-c\", {script}]\nstop_timeout_seconds = 20\n")
}

pub fn job(name: &str, script: &str) -> String {
    shell(&format!("batch.job_definitions.{name}"), script)
}

/// How many files a folder has.
pub fn count(path: &Path) -> usize {
    std::fs::read_dir(path).map_or(0, Iterator::count)
}
