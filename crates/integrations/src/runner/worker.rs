//! One worker process: started in its own process group, given one event at a time, killed with its whole group.

use std::collections::BTreeMap;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::Instant;

use super::Event;
use super::bootstrap::Bootstraps;
use super::log_lines::LogLines;
use super::runtime_api::{Report, RuntimeApi};
use crate::config::{ProcessConfig, Runtime};

/// How long a process may take until it asks for its first event, on top of the function's time limit (AWS gives
/// the init phase 10 seconds, and then the function's own limit for another try).
const INIT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an answer may still be on its way after the process has ended.
const EXIT_GRACE: Duration = Duration::from_millis(100);
/// How long a process has to end after SIGTERM.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// A configured function, as its workers need it.
pub(super) struct ProcessFunction {
    pub(super) name: String,
    pub(super) config: ProcessConfig,
    environment: BTreeMap<String, String>,
}

impl ProcessFunction {
    pub(super) fn new(
        section: &str,
        config: ProcessConfig,
        handler_environment: &BTreeMap<String, String>,
        region: &str,
    ) -> Self {
        let name = section.split(':').next().unwrap_or_default().to_owned();
        let mut environment = handler_environment.clone();
        let mut set = |key: &str, value: &str| environment.insert(key.into(), value.into());
        set("AWS_LAMBDA_FUNCTION_NAME", &name);
        set("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
        set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &config.memory_megabytes.to_string());
        set("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand");
        set("AWS_LAMBDA_LOG_GROUP_NAME", &format!("/aws/lambda/{name}"));
        set("TZ", ":UTC");
        if !region.is_empty() {
            set("AWS_REGION", region);
            set("AWS_DEFAULT_REGION", region);
        }
        // Handlers use SDKs against local services, which refuse to start without credentials of some kind.
        let has_credentials =
            ["AWS_ACCESS_KEY_ID", "AWS_PROFILE"].iter().any(|name| std::env::var_os(name).is_some());
        if !has_credentials {
            set("AWS_ACCESS_KEY_ID", "test");
            set("AWS_SECRET_ACCESS_KEY", "test");
            set("AWS_SESSION_TOKEN", "test");
        }
        environment.extend(config.env.clone());
        environment.insert("_HANDLER".into(), config.handler.clone());
        Self { name, config, environment }
    }
}

/// How one event ended in a worker.
pub(super) enum End {
    /// The handler's result.
    Response { payload: String, tail: Option<Vec<u8>> },
    /// The handler's error document.
    Error { document: String },
    /// The result is longer than Lambda takes.
    TooLarge,
    /// The process could not start its handler.
    InitError { document: String },
    /// The time limit passed; the process is no more.
    TimedOut,
    /// The process ended without an answer.
    Exited(ExitStatus),
    /// A process that had served before ended before it took the event: another one can take it.
    NotDelivered,
}

impl End {
    /// Whether the worker can take a further event.
    pub(super) fn leaves_worker(&self) -> bool {
        matches!(self, Self::Response { .. } | Self::Error { .. } | Self::TooLarge)
    }
}

/// A running process. Dropping it kills its group.
pub(super) struct Worker {
    child: Child,
    group: Option<Pid>,
    api: RuntimeApi,
    logs: LogLines,
    has_served: bool,
    memory_megabytes: u32,
    /// Never written. It closes when this server ends, however it ends, and the bootstraps take that as their end.
    _lifeline: Option<ChildStdin>,
}

impl Worker {
    /// Starts the process.
    ///
    /// # Errors
    /// A sentence that says what could not be started and why.
    pub(super) async fn start(function: &ProcessFunction, bootstraps: &Bootstraps) -> Result<Self, String> {
        let config = &function.config;
        let dir = if config.dir.as_os_str().is_empty() { Path::new(".") } else { &config.dir };
        let dir = dir
            .canonicalize()
            .map_err(|error| format!("the folder {} can't be used: {error}", dir.display()))?;
        if !dir.is_dir() {
            return Err(format!("{} is not a folder", dir.display()));
        }
        let bootstrap = bootstraps
            .file(config.runtime)
            .map_err(|error| format!("the bootstrap can't be written to the temporary folder: {error}"))?;
        let api =
            RuntimeApi::listen().await.map_err(|error| format!("no loopback port to listen on: {error}"))?;

        let mut words = config.command.iter();
        let program = match (words.next(), config.runtime) {
            (Some(program), _) => program.as_str(),
            (None, Runtime::Python) => "python3",
            (None, Runtime::Node) => "node",
            (None, Runtime::Executable) => return Err("no command is configured".into()),
        };
        let mut command = std::process::Command::new(locate(program, &dir));
        command
            .args(words)
            .args(bootstrap)
            .current_dir(&dir)
            .envs(&function.environment)
            .env("AWS_LAMBDA_RUNTIME_API", api.address())
            .env("AWS_LAMBDA_LOG_STREAM_NAME", log_stream_name())
            .env("LAMBDA_TASK_ROOT", &dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut child = Command::from(command)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{program:?} can't be started in {}: {error}", dir.display()))?;
        let mut logs = LogLines::new();
        let stdout = child.stdout.take().map(ChildStdout::into_owned_fd).transpose();
        let stderr = child.stderr.take().map(ChildStderr::into_owned_fd).transpose();
        for (name, stream) in [("stdout", stdout), ("stderr", stderr)] {
            let followed =
                stream.and_then(|stream| stream.map_or(Ok(()), |stream| logs.follow(name, stream)));
            followed.map_err(|error| format!("its {name} can't be read: {error}"))?;
        }
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let lifeline = child.stdin.take();
        tracing::debug!(target: "stepwell::lambda", function = %function.name, process = child.id(), "started a worker");
        Ok(Self {
            child,
            group,
            api,
            logs,
            has_served: false,
            memory_megabytes: config.memory_megabytes,
            _lifeline: lifeline,
        })
    }

    /// Whether the process still runs.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Gives the process an event and waits for its end, at most `timeout` from when the process takes it.
    pub(super) async fn run(&mut self, event: &Event, timeout: Duration) -> End {
        self.logs.begin(event);
        let is_warm = std::mem::replace(&mut self.has_served, true);
        self.api.offer(event, timeout);
        let mut started = Instant::now();
        let mut deadline = started + if is_warm { timeout } else { INIT_TIMEOUT + timeout };
        let mut exited: Option<ExitStatus> = None;
        let end = loop {
            tokio::select! {
                biased;
                report = self.api.report() => match report {
                    Some(Report::Fetched { request_id }) if request_id == event.request_id => {
                        started = Instant::now();
                        deadline = started + timeout;
                    }
                    Some(Report::Response { request_id, payload }) if request_id == event.request_id => {
                        break End::Response { payload, tail: None };
                    }
                    Some(Report::Error { request_id, document }) if request_id == event.request_id => {
                        break End::Error { document };
                    }
                    Some(Report::TooLarge { request_id }) if request_id == event.request_id => break End::TooLarge,
                    Some(Report::InitError { document }) => break End::InitError { document },
                    // Left over from an earlier event.
                    Some(_) => {}
                    // The API's task ended: can't happen while this value lives, and is no answer.
                    None => break End::TimedOut,
                },
                status = self.child.wait(), if exited.is_none() => {
                    if is_warm && self.api.withdraw() {
                        break End::NotDelivered;
                    }
                    exited = Some(status.unwrap_or_else(|_| ExitStatus::from_raw(0)));
                    deadline = deadline.min(Instant::now() + EXIT_GRACE);
                }
                () = tokio::time::sleep_until(deadline) => break match exited {
                    Some(status) => End::Exited(status),
                    None => End::TimedOut,
                },
            }
        };
        if matches!(end, End::TimedOut) {
            self.kill().await;
        }
        let tail = self.logs.finish(started.elapsed(), self.memory_megabytes);
        match end {
            End::Response { payload, .. } => End::Response { payload, tail },
            end => end,
        }
    }

    /// Asks the group to end, then kills what is left of it.
    pub(super) async fn stop(mut self) {
        self.signal(Signal::TERM);
        let _ = tokio::time::timeout(STOP_GRACE, self.child.wait()).await;
        self.kill().await;
    }

    async fn kill(&mut self) {
        self.signal(Signal::KILL);
        // A killed process ends unless it hangs in the kernel; then the runtime reaps it later.
        let _ = tokio::time::timeout(STOP_GRACE, self.child.wait()).await;
    }

    /// A group keeps its number as long as a member lives, also after its leader was reaped; an empty group's number
    /// could only meet a new group if all numbers had been used up in the moment between.
    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// A program named with a path is looked for in the function's folder, which is where it will run; then in the
/// server's working directory. A bare name is left to `PATH`.
fn locate(program: &str, dir: &Path) -> PathBuf {
    let path = Path::new(program);
    if path.is_absolute() || !program.contains('/') {
        return path.to_owned();
    }
    let in_dir = dir.join(path);
    if in_dir.exists() { in_dir } else { path.canonicalize().unwrap_or(in_dir) }
}

/// A log stream's name in Lambda's form.
fn log_stream_name() -> String {
    let day = jiff::Timestamp::now().strftime("%Y/%m/%d");
    format!("{day}/[$LATEST]{}", uuid::Uuid::new_v4().simple())
}

/// The words for a process's end that Lambda uses.
pub(super) fn describe_exit(status: ExitStatus) -> String {
    let signal = status.signal().map(|signal| match signal {
        2 => "interrupt".to_owned(),
        4 => "illegal instruction".to_owned(),
        6 => "aborted".to_owned(),
        8 => "floating point exception".to_owned(),
        9 => "killed".to_owned(),
        11 => "segmentation fault".to_owned(),
        15 => "terminated".to_owned(),
        other => other.to_string(),
    });
    match (status.code(), signal) {
        (Some(0), _) => "Runtime exited without providing a reason".into(),
        (Some(code), _) => format!("Runtime exited with error: exit status {code}"),
        (None, Some(signal)) => format!("Runtime exited with error: signal: {signal}"),
        (None, None) => "Runtime exited with error".into(),
    }
}
