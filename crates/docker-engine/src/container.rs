//! What containers are made of, and what the engine says of them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::EngineError;

/// A container to be made. What is empty or `None` is left to the image or the engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainerSpec {
    /// The name, unique in the engine: `[a-zA-Z0-9][a-zA-Z0-9_.-]+`. Given the same name again, `create` fails with
    /// [`EngineError::NameTaken`], which makes the creation safe to repeat after a crash.
    pub name: Option<String>,
    /// The image, such as `alpine:3` or `name@sha256:…`.
    pub image: String,
    /// What comes before the command, in place of the image's own.
    pub entrypoint: Vec<String>,
    /// The command and its arguments, in place of the image's own.
    pub command: Vec<String>,
    /// Variables besides those of the image.
    pub environment: BTreeMap<String, String>,
    /// The working directory within the container.
    pub working_directory: Option<String>,
    /// User, and group after a colon, within the container.
    pub user: Option<String>,
    /// Labels, by which [`crate::Engine::list`] finds the container again.
    pub labels: BTreeMap<String, String>,
    /// The most memory that the container may use, in bytes. Docker takes no less than 6 MiB.
    pub memory_limit_bytes: Option<u64>,
    /// The most processor time, in billionths of a processor: 500,000,000 is half of one.
    pub nano_cpus: Option<u64>,
    /// The network: `bridge`, `host`, `none`, or the name of one.
    pub network: Option<String>,
    /// More names for addresses, as `name:address`; `host.docker.internal:host-gateway` makes this machine reachable.
    pub extra_hosts: Vec<String>,
    /// Directories of this machine, as `/here:/there` or `/here:/there:ro`.
    pub binds: Vec<String>,
}

impl ContainerSpec {
    /// A container of `image` with all else as the image says.
    pub fn of_image(image: impl Into<String>) -> Self {
        Self { image: image.into(), ..Self::default() }
    }

    /// The body of `POST /containers/create`.
    pub(crate) fn to_body(&self) -> Result<Vec<u8>, EngineError> {
        if let Some(name) = self.environment.keys().find(|name| name.is_empty() || name.contains(['=', '\0']))
        {
            let reason = "it is empty or contains = or a zero byte";
            return Err(EngineError::InvalidValue {
                what: "the name of an environment variable",
                value: name.clone(),
                reason,
            });
        }
        let body = CreateBody {
            image: &self.image,
            entrypoint: &self.entrypoint,
            cmd: &self.command,
            env: self.environment.iter().map(|(name, value)| format!("{name}={value}")).collect(),
            working_dir: self.working_directory.as_deref(),
            user: self.user.as_deref(),
            labels: &self.labels,
            host_config: HostConfigBody {
                memory: self.memory_limit_bytes,
                nano_cpus: self.nano_cpus,
                network_mode: self.network.as_deref(),
                extra_hosts: &self.extra_hosts,
                binds: &self.binds,
            },
        };
        serde_json::to_vec(&body).map_err(|error| EngineError::BadAnswer {
            operation: "create the container",
            reason: format!("the request can't be written: {error}"),
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CreateBody<'a> {
    image: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    entrypoint: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    cmd: &'a [String],
    env: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    working_dir: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    labels: &'a BTreeMap<String, String>,
    host_config: HostConfigBody<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfigBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nano_cpus: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network_mode: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    extra_hosts: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    binds: &'a [String],
}

/// Where a container is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContainerStatus {
    /// Made, never started.
    Created,
    /// Running, or about to end.
    Running,
    /// Held by hand.
    Paused,
    /// Between an end and a new start; only by a restart policy, which containers made here don't have.
    Restarting,
    /// Being removed.
    Removing,
    /// Ended; the exit code counts.
    Exited,
    /// Ended, and its removal failed half-way.
    Dead,
    /// A status that isn't known here.
    Unknown,
}

impl ContainerStatus {
    /// The status for its name in the API; Podman's own names are taken too.
    fn of_name(name: &str) -> Self {
        match name {
            "created" | "configured" | "initialized" => Self::Created,
            "running" | "stopping" => Self::Running,
            "paused" => Self::Paused,
            "restarting" => Self::Restarting,
            "removing" => Self::Removing,
            "exited" | "stopped" => Self::Exited,
            "dead" => Self::Dead,
            _ => Self::Unknown,
        }
    }
}

/// The state of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerState {
    /// Where it is in its life.
    pub status: ContainerStatus,
    /// The exit code; 128 + the signal's number after a signal. Counts only when it has ended.
    pub exit_code: i64,
    /// Whether it ended because it used more memory than its limit.
    pub out_of_memory: bool,
    /// The engine's words on a start that failed; empty otherwise.
    pub error: String,
    /// When it started, in milliseconds since 1970.
    pub started_at_milliseconds: Option<i64>,
    /// When it ended, in milliseconds since 1970.
    pub finished_at_milliseconds: Option<i64>,
}

impl ContainerState {
    /// Whether it has a process that can be killed.
    pub(crate) fn is_alive(&self) -> bool {
        !self.has_ended() && self.status != ContainerStatus::Created
    }

    /// Whether it ran and ended.
    pub fn has_ended(&self) -> bool {
        matches!(self.status, ContainerStatus::Exited | ContainerStatus::Dead)
    }
}

/// What `inspect` tells of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerDetails {
    /// The id, 64 hexadecimal digits.
    pub id: String,
    /// The name, without the slash that the API puts before it.
    pub name: String,
    /// The image by the name that was asked for.
    pub image: String,
    /// The labels, those of the image included.
    pub labels: BTreeMap<String, String>,
    /// The state.
    pub state: ContainerState,
}

/// One container of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerSummary {
    /// The id, 64 hexadecimal digits.
    pub id: String,
    /// The name, without the slash that the API puts before it; empty if it has none.
    pub name: String,
    /// The labels, those of the image included.
    pub labels: BTreeMap<String, String>,
    /// Where it is in its life.
    pub status: ContainerStatus,
}

/// The answer of `POST /containers/create`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreatedBody {
    pub(crate) id: String,
}

/// The answer of `GET /containers/{id}/json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DetailsBody {
    id: String,
    name: String,
    state: StateBody,
    config: ConfigBody,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StateBody {
    status: String,
    exit_code: i64,
    #[serde(rename = "OOMKilled", default)]
    oom_killed: bool,
    #[serde(default)]
    error: String,
    #[serde(default)]
    started_at: String,
    #[serde(default)]
    finished_at: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ConfigBody {
    image: String,
    labels: Option<BTreeMap<String, String>>,
}

impl From<DetailsBody> for ContainerDetails {
    fn from(body: DetailsBody) -> Self {
        let state = body.state;
        Self {
            id: body.id,
            name: without_slash(body.name),
            image: body.config.image,
            labels: body.config.labels.unwrap_or_default(),
            state: ContainerState {
                status: ContainerStatus::of_name(&state.status),
                exit_code: state.exit_code,
                out_of_memory: state.oom_killed,
                error: state.error,
                started_at_milliseconds: milliseconds(&state.started_at),
                finished_at_milliseconds: milliseconds(&state.finished_at),
            },
        }
    }
}

/// One element of the answer of `GET /containers/json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SummaryBody {
    id: String,
    names: Option<Vec<String>>,
    labels: Option<BTreeMap<String, String>>,
    state: String,
}

impl From<SummaryBody> for ContainerSummary {
    fn from(body: SummaryBody) -> Self {
        Self {
            id: body.id,
            name: without_slash(body.names.unwrap_or_default().into_iter().next().unwrap_or_default()),
            labels: body.labels.unwrap_or_default(),
            status: ContainerStatus::of_name(&body.state),
        }
    }
}

fn without_slash(name: String) -> String {
    name.strip_prefix('/').map(str::to_owned).unwrap_or(name)
}

/// The time in milliseconds since 1970. The API has year 1 for what has not happened.
fn milliseconds(text: &str) -> Option<i64> {
    let time: Timestamp = text.parse().ok()?;
    (time > Timestamp::UNIX_EPOCH).then(|| time.as_millisecond())
}

/// Checks that an id or name can stand in a path.
pub(crate) fn check_container(id_or_name: &str) -> Result<(), EngineError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    let begins = id_or_name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if begins && id_or_name.bytes().all(fits) {
        return Ok(());
    }
    Err(EngineError::InvalidValue {
        what: "the id or name of a container",
        value: id_or_name.to_owned(),
        reason: "it must be letters, digits, _ . and -, with a letter or digit first",
    })
}
