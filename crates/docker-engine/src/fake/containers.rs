//! The containers of the fake engine: what is known of them, and the processes that they are.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use super::image::{self, FakeImage};
use super::{Shared, State};

/// Docker cuts longer lines.
const ENTRY_BYTES_MAX: usize = 16 * 1024;
/// Where commands are looked for if neither image nor container say.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What Docker has for what has not happened.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// Standard output and error in frames of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Stdout = 1,
    Stderr = 2,
}

pub(super) struct Entry {
    pub(super) source: Source,
    pub(super) at: Timestamp,
    pub(super) bytes: Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Created,
    Running,
    Exited,
}

/// A container.
pub(super) struct Container {
    pub(super) id: String,
    pub(super) name: String,
    /// The body of the request that made it.
    pub(super) request: Value,
    image: String,
    created: Timestamp,
    status: Status,
    /// The process that runs the command.
    leader: Option<Pid>,
    pub(super) exit_code: i32,
    out_of_memory: bool,
    error: String,
    started: Option<Timestamp>,
    finished: Option<Timestamp>,
    entrypoint: Vec<String>,
    command: Vec<String>,
    environment: Vec<String>,
    working_directory: String,
    labels: BTreeMap<String, String>,
    pub(super) log: Vec<Entry>,
    /// How often it has ended.
    pub(super) ends: usize,
}

/// All containers of an engine, by id.
#[derive(Default)]
pub(super) struct Containers {
    by_id: BTreeMap<String, Container>,
    made: u64,
}

/// An answer that is none of success.
pub(super) struct Refusal(pub(super) u16, pub(super) String);

impl Containers {
    pub(super) fn ids(&self) -> Vec<String> {
        self.by_id.keys().cloned().collect()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Container> {
        self.by_id.values()
    }

    /// The container with an id, a name, or an id that begins so if there is only one.
    pub(super) fn find(&self, reference: &str) -> Option<&Container> {
        let by_name = || self.by_id.values().find(|container| container.name == reference);
        let by_beginning = || {
            let mut found = self.by_id.values().filter(|container| container.id.starts_with(reference));
            found.next().filter(|_| found.next().is_none())
        };
        self.by_id.get(reference).or_else(by_name).or_else(by_beginning)
    }

    fn find_mut(&mut self, reference: &str) -> Option<&mut Container> {
        let id = self.find(reference)?.id.clone();
        self.by_id.get_mut(&id)
    }

    /// As `find`, with Docker's refusal.
    pub(super) fn get(&self, reference: &str) -> Result<&Container, Refusal> {
        self.find(reference).ok_or_else(|| Refusal(404, format!("No such container: {reference}")))
    }

    /// Makes a container.
    pub(super) fn create(
        &mut self,
        name: Option<&str>,
        image: &FakeImage,
        request: Value,
    ) -> Result<String, Refusal> {
        self.made += 1;
        // Ids that don't begin alike.
        let id = format!("{:016x}{:048x}", self.made.wrapping_mul(0x9e37_79b9_7f4a_7c15), self.made);
        let name = name.map_or_else(|| format!("fake_{}", self.made), str::to_owned);
        if let Some(other) = self.by_id.values().find(|container| container.name == name) {
            return Err(Refusal(
                409,
                format!(
                    "Conflict. The container name \"/{name}\" is already in use by container \"{}\". You have to remove (or rename) that container to be able to reuse that name.",
                    other.id
                ),
            ));
        }
        let memory = request["HostConfig"]["Memory"].as_i64().unwrap_or(0);
        if memory != 0 && memory < 6 * 1024 * 1024 {
            return Err(Refusal(400, "Minimum memory limit allowed is 6MB".into()));
        }
        let entrypoint = strings(&request["Entrypoint"])?;
        let command = strings(&request["Cmd"])?;
        // A container's own entrypoint takes the place of the image's command too.
        let (entrypoint, command) = match (entrypoint.is_empty(), command.is_empty()) {
            (true, true) => (image.entrypoint.clone(), image.command.clone()),
            (true, false) => (image.entrypoint.clone(), command),
            (false, _) => (entrypoint, command),
        };
        if entrypoint.is_empty() && command.is_empty() {
            return Err(Refusal(400, "no command specified".into()));
        }
        let directory = request["WorkingDir"].as_str().unwrap_or_default().to_owned();
        let labels = match &request["Labels"] {
            Value::Null => BTreeMap::new(),
            labels => serde_json::from_value(labels.clone())
                .map_err(|error| Refusal(400, format!("invalid JSON: Labels: {error}")))?,
        };
        let mut environment = image.environment.clone();
        for variable in strings(&request["Env"])? {
            let name = variable.split('=').next().unwrap_or_default().to_owned();
            environment.retain(|other| other.split('=').next() != Some(name.as_str()));
            environment.push(variable);
        }
        let container = Container {
            name,
            image: request["Image"].as_str().unwrap_or_default().to_owned(),
            request,
            created: Timestamp::now(),
            status: Status::Created,
            leader: None,
            exit_code: 0,
            out_of_memory: false,
            error: String::new(),
            started: None,
            finished: None,
            entrypoint,
            command,
            environment,
            working_directory: if directory.is_empty() { image.working_directory.clone() } else { directory },
            labels,
            log: Vec::new(),
            ends: 0,
            id: id.clone(),
        };
        self.by_id.insert(id.clone(), container);
        Ok(id)
    }

    /// Sends a signal to the command of a container that runs.
    pub(super) fn signal(&mut self, reference: &str, signal: Signal) -> Result<(), Refusal> {
        let container = self.get(reference)?;
        match container.leader {
            Some(leader) => {
                // It may have ended by itself just now.
                let _ = kill_process(leader, signal);
                Ok(())
            }
            None => Err(Refusal(
                409,
                format!("cannot kill container: {reference}: container {} is not running", container.id),
            )),
        }
    }

    pub(super) fn run_out_of_memory(&mut self, reference: &str) {
        if let Some(container) = self.find_mut(reference)
            && container.leader.is_some()
        {
            container.out_of_memory = true;
            let _ = self.signal(reference, Signal::KILL);
        }
    }

    /// Removes a container and kills its command if it runs.
    pub(super) fn remove(&mut self, reference: &str) {
        if let Some(id) = self.find(reference).map(|container| container.id.clone())
            && let Some(container) = self.by_id.remove(&id)
            && let Some(leader) = container.leader
        {
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }

    pub(super) fn kill_all(&mut self) {
        for leader in self.by_id.values().filter_map(|container| container.leader) {
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

impl Container {
    pub(super) fn is_running(&self) -> bool {
        self.status == Status::Running
    }

    pub(super) fn has_ended(&self) -> bool {
        self.status == Status::Exited
    }

    fn argv(&self) -> Vec<String> {
        self.entrypoint.iter().chain(&self.command).cloned().collect()
    }

    fn status_name(&self) -> &'static str {
        match self.status {
            Status::Created => "created",
            Status::Running => "running",
            Status::Exited => "exited",
        }
    }

    /// Whether it has each label, given as `name` or `name=value`.
    pub(super) fn has_labels(&self, labels: &[String]) -> bool {
        labels.iter().all(|label| match label.split_once('=') {
            Some((name, value)) => self.labels.get(name).is_some_and(|given| given == value),
            None => self.labels.contains_key(label),
        })
    }

    /// The answer of `GET /containers/{id}/json`.
    pub(super) fn details(&self) -> Value {
        let argv = self.argv();
        let mut host_config = self.request["HostConfig"].clone();
        if host_config.is_null() {
            host_config = json!({});
        }
        json!({
            "Id": self.id,
            "Created": format!("{:.9}", self.created),
            "Path": argv.first(),
            "Args": argv.get(1..).unwrap_or_default(),
            "State": {
                "Status": self.status_name(),
                "Running": self.is_running(),
                "Paused": false,
                "Restarting": false,
                "OOMKilled": self.out_of_memory,
                "Dead": false,
                "Pid": self.leader.map_or(0, |leader| leader.as_raw_nonzero().get()),
                "ExitCode": self.exit_code,
                "Error": self.error,
                "StartedAt": time(self.started),
                "FinishedAt": time(self.finished),
            },
            "Image": image::id(&image::normalized(&self.image)),
            "Name": format!("/{}", self.name),
            "RestartCount": 0,
            "Driver": "fake",
            "Platform": "linux",
            "HostConfig": host_config,
            "Mounts": [],
            "Config": {
                "Hostname": &self.id[..12],
                "User": self.request["User"].as_str().unwrap_or_default(),
                "Tty": false,
                "Env": self.environment,
                "Cmd": self.command,
                "Image": self.image,
                "WorkingDir": self.working_directory,
                "Entrypoint": self.entrypoint,
                "Labels": self.labels,
            },
            "NetworkSettings": { "Networks": {} },
        })
    }

    /// An element of the answer of `GET /containers/json`.
    pub(super) fn summary(&self) -> Value {
        json!({
            "Id": self.id,
            "Names": [format!("/{}", self.name)],
            "Image": self.image,
            "ImageID": image::id(&image::normalized(&self.image)),
            "Command": self.argv().join(" "),
            "Created": self.created.as_second(),
            "Ports": [],
            "Labels": self.labels,
            "State": self.status_name(),
            "Status": match self.status {
                Status::Created => "Created".to_owned(),
                Status::Running => "Up 1 second".to_owned(),
                Status::Exited => format!("Exited ({}) 1 second ago", self.exit_code),
            },
            "HostConfig": { "NetworkMode": "default" },
            "NetworkSettings": { "Networks": {} },
            "Mounts": [],
        })
    }

    fn command(&self) -> Command {
        let argv = self.argv();
        let mut command = Command::new(argv.first().map(String::as_str).unwrap_or_default());
        command.args(argv.iter().skip(1)).env_clear();
        let host = format!("HOSTNAME={}", &self.id[..12]);
        for variable in [PATH, &host].into_iter().chain(self.environment.iter().map(String::as_str)) {
            if let Some((name, value)) = variable.split_once('=') {
                command.env(name, value);
            }
        }
        let directory = if self.working_directory.is_empty() { "/" } else { &self.working_directory };
        command.current_dir(directory).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// Starts a container; one that runs is reported with status 304.
pub(super) fn start(shared: &Arc<Shared>, reference: &str) -> Result<(), Refusal> {
    shared.change(|state| {
        state.containers.get(reference)?;
        let Some(container) = state.containers.find_mut(reference) else { return Ok(()) };
        if container.is_running() {
            return Err(Refusal(304, String::new()));
        }
        container.error = String::new();
        container.out_of_memory = false;
        let mut child = match container.command().spawn() {
            Ok(child) => child,
            Err(error) => {
                let (exit_code, message) = spawn_failure(container, &error);
                container.exit_code = exit_code;
                container.error.clone_from(&message);
                return Err(Refusal(400, message));
            }
        };
        container.leader = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        container.status = Status::Running;
        container.exit_code = 0;
        container.started = Some(Timestamp::now());
        container.finished = None;
        let outputs = (child.stdout.take(), child.stderr.take());
        tokio::spawn(attend(shared.clone(), container.id.clone(), child, outputs));
        Ok(())
    })
}

/// Docker's words, and its exit code, for a command that can't be run.
fn spawn_failure(container: &Container, error: &io::Error) -> (i32, String) {
    let program = container.argv().into_iter().next().unwrap_or_default();
    let before = "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process";
    let directory = &container.working_directory;
    if !directory.is_empty() && !Path::new(directory).is_dir() {
        let reason = "containers of this engine have the files of this machine";
        return (
            127,
            format!("{before}: chdir to cwd (\"{directory}\") failed: no such directory ({reason}): unknown"),
        );
    }
    match error.kind() {
        io::ErrorKind::NotFound => {
            (127, format!("{before}: exec: \"{program}\": executable file not found in $PATH: unknown"))
        }
        io::ErrorKind::PermissionDenied => {
            (126, format!("{before}: exec: \"{program}\": permission denied: unknown"))
        }
        _ => (128, format!("{before}: exec: \"{program}\": {error}: unknown")),
    }
}

type Outputs = (Option<tokio::process::ChildStdout>, Option<tokio::process::ChildStderr>);

/// Keeps the output of a command and notes its end.
async fn attend(shared: Arc<Shared>, id: String, mut child: Child, (stdout, stderr): Outputs) {
    let leader = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let keep = |source, output: Option<Box<dyn AsyncRead + Send + Unpin>>| {
        let (shared, id) = (shared.clone(), id.clone());
        tokio::spawn(async move {
            if let Some(output) = output {
                keep_output(&shared, &id, source, output).await;
            }
        })
    };
    let stdout = keep(Source::Stdout, stdout.map(|output| Box::new(output) as _));
    let stderr = keep(Source::Stderr, stderr.map(|output| Box::new(output) as _));
    let status = child.wait().await;
    if let Some(leader) = leader {
        // With its first process a container ends as a whole.
        let _ = kill_process_group(leader, Signal::KILL);
    }
    let _ = stdout.await;
    let _ = stderr.await;
    shared.change(|state: &mut State| {
        if let Some(container) = state.containers.find_mut(&id) {
            container.status = Status::Exited;
            container.leader = None;
            container.exit_code = status.map_or(-1, exit_code);
            container.finished = Some(Timestamp::now());
            container.ends += 1;
        }
    });
}

fn exit_code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

/// Cuts an output into entries as Docker does: lines, and parts of long ones, which share the time of the first.
async fn keep_output(shared: &Shared, id: &str, source: Source, mut output: impl AsyncRead + Unpin) {
    let mut pending: Vec<u8> = Vec::with_capacity(2 * ENTRY_BYTES_MAX);
    let mut time_of_line = None;
    loop {
        let ended = !matches!(output.read_buf(&mut pending).await, Ok(1..));
        let mut entries = Vec::new();
        let mut taken = 0;
        while taken < pending.len() {
            let window = &pending[taken..pending.len().min(taken + ENTRY_BYTES_MAX)];
            let line = window.iter().position(|&byte| byte == b'\n').map(|at| at + 1);
            let length = match line {
                Some(length) => length,
                None if ended || window.len() == ENTRY_BYTES_MAX => window.len(),
                None => break,
            };
            let at = time_of_line.unwrap_or_else(Timestamp::now);
            time_of_line = if line.is_some() { None } else { Some(at) };
            entries.push(Entry { source, at, bytes: Bytes::copy_from_slice(&window[..length]) });
            taken += length;
        }
        pending.drain(..taken);
        if !entries.is_empty() {
            shared.change(|state| {
                if let Some(container) = state.containers.find_mut(id) {
                    container.log.append(&mut entries);
                }
            });
        }
        if ended {
            return;
        }
    }
}

fn time(at: Option<Timestamp>) -> String {
    at.map_or_else(|| NEVER.to_owned(), |at| format!("{at:.9}"))
}

/// A list of texts, or one text alone.
fn strings(value: &Value) -> Result<Vec<String>, Refusal> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::String(text) => Ok(vec![text.clone()]),
        value => serde_json::from_value(value.clone())
            .map_err(|error| Refusal(400, format!("invalid JSON: {error}"))),
    }
}
