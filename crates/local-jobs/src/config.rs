//! What `stepwell.toml` says about jobs on this machine, as plain serde types, and the checks on it.
//!
//! Whoever reads the file owns line and column; here a setting that can't be used is named by its dotted path.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::runner::Image;

/// The most that a queue or cluster may run at once.
pub(crate) const CONCURRENCY_MAX: usize = 1024;
/// What a cluster runs at once unless its section says otherwise. Tasks often wait for something else.
pub(crate) const CLUSTER_CONCURRENCY_DEFAULT: usize = 16;
/// How much of what a container prints is kept, for each attempt, in megabytes.
pub(crate) const LOG_DEFAULT_MEGABYTES: u64 = 16;
/// The most that may be set, in megabytes.
const LOG_MAX_MEGABYTES: u64 = 65_536;
/// AWS's highest number of attempts of a job.
pub(crate) const ATTEMPTS_MAX: u32 = 10;
/// How long a container has to end by itself when it is told to, in seconds (ECS: 30).
pub(crate) const STOP_TIMEOUT_DEFAULT_SECONDS: u64 = 30;
/// ECS's longest, in seconds.
const STOP_TIMEOUT_MAX_SECONDS: u64 = 120;
/// What a container may be given of processors.
const CPUS_MIN: f64 = 0.001;
const CPUS_MAX: f64 = 1024.0;
/// The most memory that a container may be given, in megabytes; Docker takes no less than 6.
const MEMORY_MAX_MEGABYTES: u64 = 64 * 1024 * 1024;
/// The longest attempt that may be set, in seconds: a year.
const TIMEOUT_MAX_SECONDS: u64 = 365 * 24 * 3600;

/// `[batch]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BatchSection {
    /// `[batch.job_definitions.NAME]`, where the name may have a revision.
    pub job_definitions: BTreeMap<String, DefinitionSection>,
    /// `[batch.queues.NAME]`. With any, these are the only queues; without, every name is a queue.
    pub queues: BTreeMap<String, QueueSection>,
}

/// `[batch.queues.NAME]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QueueSection {
    /// Jobs at once; by default as many as the machine has processors.
    pub concurrency: Option<usize>,
}

/// `[ecs]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EcsSection {
    /// `[ecs.clusters.NAME]`.
    pub clusters: BTreeMap<String, ClusterSection>,
    /// `[ecs.task_definitions.NAME]`, where the name may have a revision.
    pub task_definitions: BTreeMap<String, DefinitionSection>,
}

/// `[ecs.clusters.NAME]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClusterSection {
    /// Tasks at once.
    pub concurrency: Option<usize>,
}

/// `[batch.job_definitions.NAME]`, `[ecs.task_definitions.NAME]` or `[ecs.task_definitions.NAME.containers.NAME]`: a
/// process of this machine or, with an image, a container. A key that does not go with the place is refused by the check.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DefinitionSection {
    /// Of a job definition: how often a job is tried unless it says so itself; 1 to 10.
    pub attempts: Option<u32>,
    /// The program's arguments, or, without an entrypoint, the program and its arguments. Overrides replace it.
    pub command: Vec<String>,
    /// Of a task definition: its containers. Without any it has one, which is called as the definition is.
    pub containers: BTreeMap<String, DefinitionSection>,
    /// With an image: processors that the container may use, such as 0.5.
    pub cpus: Option<f64>,
    /// The working directory: relative to the configuration file; with an image, within the container.
    pub dir: Option<PathBuf>,
    /// The program and its first arguments, which no override replaces.
    pub entrypoint: Vec<String>,
    /// Variables added to the environment.
    pub env: BTreeMap<String, String>,
    /// Of a container in `containers`: whether the task ends with it; yes unless it says otherwise.
    pub essential: Option<bool>,
    /// What a container is made from; without, a process is run.
    pub image: Option<String>,
    /// What is kept of the log of an attempt.
    pub log_max_megabytes: Option<u64>,
    /// With an image: the most memory that the container may use.
    pub memory_megabytes: Option<u64>,
    /// With an image: the network of the container, such as `host`.
    pub network: Option<String>,
    /// Of a job definition: values of `Ref::name` unless the job gives them.
    pub parameters: BTreeMap<String, String>,
    /// How long the container has to end by itself when it is told to; then it is killed.
    pub stop_timeout_seconds: Option<u64>,
    /// Of a job definition: how long an attempt may take unless the job says so itself.
    pub timeout_seconds: Option<u64>,
    /// With an image: folders of this machine, as `/here:/there` or `/here:/there:ro`.
    pub volumes: Vec<String>,
}

/// `[containers]`: the engine that runs images.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContainersSection {
    /// Its socket, as a path or `unix://` and one; else `DOCKER_HOST`, else where Docker and Podman have theirs.
    pub socket: Option<String>,
}

/// Everything that jobs on this machine are set up with.
#[derive(Debug, Clone, Default)]
pub struct JobsConfig {
    /// `[batch]`.
    pub batch: BatchSection,
    /// `[ecs]`.
    pub ecs: EcsSection,
    /// `[containers]`.
    pub containers: ContainersSection,
    /// The folder of the configuration file, absolute: relative `dir` settings start here.
    pub base_dir: PathBuf,
    /// Where records and logs are kept. Without one, nothing outlives the server, and logs are in a temporary folder.
    pub directory: Option<PathBuf>,
    /// Variables for every process, under the container's own (such as `AWS_ENDPOINT_URL_SFN`).
    pub environment: BTreeMap<String, String>,
    /// The command that runs [`crate::shim::main`]. Processes can't be started without it.
    pub shim: Vec<std::ffi::OsString>,
}

impl JobsConfig {
    /// Whether anything is to run here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.batch.job_definitions.is_empty() && self.ecs.task_definitions.is_empty()
    }
}

/// Why a section can't be used: one plain sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {message}")]
pub struct ConfigError {
    /// The setting, as a dotted path (`batch.job_definitions.nightly.command`).
    pub setting: String,
    /// What is wrong and what would be right.
    pub message: String,
}

fn wrong<T>(setting: String, message: impl Into<String>) -> Result<T, ConfigError> {
    Err(ConfigError { setting, message: message.into() })
}

fn within(setting: String, value: Option<u64>, least: u64, most: u64) -> Result<(), ConfigError> {
    match value {
        Some(value) if !(least..=most).contains(&value) => {
            wrong(setting, format!("must be between {least} and {most}"))
        }
        _ => Ok(()),
    }
}

fn check_name(section: &str, name: &str, what: &str) -> Result<(), ConfigError> {
    let is_usable = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':');
    if name.is_empty() || name.starts_with("arn:") || !name.bytes().all(is_usable) {
        return wrong(
            section.to_owned(),
            format!("a section is named after the {what}: letters, digits, - and _, not an ARN"),
        );
    }
    Ok(())
}

fn check_concurrency(section: &str, concurrency: Option<usize>) -> Result<(), ConfigError> {
    let most = CONCURRENCY_MAX as u64;
    within(format!("{section}.concurrency"), concurrency.map(|count| count as u64), 1, most)
}

impl BatchSection {
    /// Checks the section without touching the file system.
    ///
    /// # Errors
    /// The first setting that is missing or out of range.
    pub fn check(&self) -> Result<(), ConfigError> {
        for (name, queue) in &self.queues {
            let section = format!("batch.queues.{name}");
            check_name(&section, name, "queue")?;
            check_concurrency(&section, queue.concurrency)?;
        }
        for (name, definition) in &self.job_definitions {
            let section = format!("batch.job_definitions.{name}");
            check_name(&section, name, "job definition")?;
            let attempts = definition.attempts.map(u64::from);
            within(format!("{section}.attempts"), attempts, 1, ATTEMPTS_MAX.into())?;
            within(format!("{section}.timeout_seconds"), definition.timeout_seconds, 1, TIMEOUT_MAX_SECONDS)?;
            definition.check_place(&section, Part::JobDefinition)?;
            definition.check(&section)?;
        }
        Ok(())
    }
}

impl EcsSection {
    /// Checks the section without touching the file system.
    ///
    /// # Errors
    /// The first setting that is missing, superfluous or out of range.
    pub fn check(&self) -> Result<(), ConfigError> {
        for (name, cluster) in &self.clusters {
            let section = format!("ecs.clusters.{name}");
            check_name(&section, name, "cluster")?;
            check_concurrency(&section, cluster.concurrency)?;
        }
        for (name, definition) in &self.task_definitions {
            let section = format!("ecs.task_definitions.{name}");
            check_name(&section, name, "task definition")?;
            definition.check_place(&section, Part::TaskDefinition)?;
            if definition.containers.is_empty() {
                definition.check(&section)?;
                continue;
            }
            let containers_alone = DefinitionSection {
                containers: definition.containers.clone(),
                ..DefinitionSection::default()
            };
            if *definition != containers_alone {
                return wrong(
                    section,
                    "either has containers.NAME sections or the settings of its only container, not both",
                );
            }
            for (container_name, container) in &definition.containers {
                let section = format!("{section}.containers.{container_name}");
                check_name(&section, container_name, "container")?;
                container.check_place(&section, Part::Container)?;
                container.check(&section)?;
            }
            if definition.containers.values().all(|container| container.essential == Some(false)) {
                return wrong(section, "at least one container must be essential");
            }
        }
        Ok(())
    }
}

/// What a [`DefinitionSection`] stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    JobDefinition,
    TaskDefinition,
    Container,
}

impl DefinitionSection {
    fn check_place(&self, section: &str, part: Part) -> Result<(), ConfigError> {
        let of_jobs = part == Part::JobDefinition;
        let superfluous = [
            ("attempts", self.attempts.is_some() && !of_jobs),
            ("parameters", !self.parameters.is_empty() && !of_jobs),
            ("timeout_seconds", self.timeout_seconds.is_some() && !of_jobs),
            ("containers", !self.containers.is_empty() && part != Part::TaskDefinition),
            ("essential", self.essential.is_some() && part != Part::Container),
        ];
        match superfluous.iter().find(|(_, is_superfluous)| *is_superfluous) {
            Some((key, _)) => wrong(format!("{section}.{key}"), "is no setting of this section"),
            None => Ok(()),
        }
    }

    fn check(&self, section: &str) -> Result<(), ConfigError> {
        let words = [("entrypoint", &self.entrypoint), ("command", &self.command)];
        if self.image.is_none() {
            let of_images = [
                ("cpus", self.cpus.is_some()),
                ("memory_megabytes", self.memory_megabytes.is_some()),
                ("network", self.network.is_some()),
                ("volumes", !self.volumes.is_empty()),
            ];
            if let Some((key, _)) = of_images.iter().find(|(_, is_set)| *is_set) {
                return wrong(format!("{section}.{key}"), "goes with image only");
            }
        }
        if self.image.as_ref().is_some_and(String::is_empty) {
            return wrong(format!("{section}.image"), "must not be empty");
        }
        if self.cpus.is_some_and(|cpus| !(CPUS_MIN..=CPUS_MAX).contains(&cpus)) {
            return wrong(format!("{section}.cpus"), format!("must be between {CPUS_MIN} and {CPUS_MAX}"));
        }
        within(format!("{section}.memory_megabytes"), self.memory_megabytes, 6, MEMORY_MAX_MEGABYTES)?;
        if self.image.is_none() && self.entrypoint.is_empty() && self.command.is_empty() {
            return wrong(
                format!("{section}.command"),
                "is missing: give the program and its arguments, such as [\"python3\", \"report.py\"]",
            );
        }
        for (key, words) in words {
            if words.first().is_some_and(String::is_empty) {
                return wrong(format!("{section}.{key}"), "must not start with an empty string");
            }
            if words.iter().any(|word| word.contains('\0')) {
                return wrong(format!("{section}.{key}"), "must not contain NUL characters");
            }
        }
        if let Some((name, _)) = self.env.iter().find(|(name, value)| !is_variable(name, value)) {
            return wrong(
                format!("{section}.env"),
                format!("{name:?} can't be set as an environment variable"),
            );
        }
        let megabytes = self.log_max_megabytes;
        within(format!("{section}.log_max_megabytes"), megabytes, 1, LOG_MAX_MEGABYTES)?;
        let seconds = self.stop_timeout_seconds;
        within(format!("{section}.stop_timeout_seconds"), seconds, 0, STOP_TIMEOUT_MAX_SECONDS)
    }

    pub(crate) fn log_bytes_max(&self) -> u64 {
        self.log_max_megabytes.unwrap_or(LOG_DEFAULT_MEGABYTES) * 1024 * 1024
    }

    pub(crate) fn stop_timeout_seconds(&self) -> u64 {
        self.stop_timeout_seconds.unwrap_or(STOP_TIMEOUT_DEFAULT_SECONDS)
    }

    pub(crate) fn working_directory(&self, base: &Path) -> PathBuf {
        match (&self.dir, &self.image) {
            (dir, Some(_)) => dir.clone().unwrap_or_default(),
            (Some(dir), None) => base.join(dir),
            (None, None) => base.to_path_buf(),
        }
    }

    pub(crate) fn image(&self) -> Option<Image> {
        Some(Image {
            name: self.image.clone()?,
            memory_megabytes: self.memory_megabytes,
            // Between 1 and 1,024,000 after the check.
            millicpus: self.cpus.map(|cpus| (cpus * 1000.0).round() as u64),
            network: self.network.clone(),
            volumes: self.volumes.clone(),
        })
    }
}

/// The operating system refuses names that are empty or hold `=` or NUL, and values that hold NUL.
pub(crate) fn is_variable(name: &str, value: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(default)]
    #[derive(Default)]
    struct Document {
        batch: BatchSection,
        ecs: EcsSection,
    }

    fn checked(text: &str) -> Result<Document, String> {
        let document: Document = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        document.batch.check().and_then(|()| document.ecs.check()).map_err(|error| error.to_string())?;
        Ok(document)
    }

    #[test]
    fn complete_sections_are_read() {
        let document = checked(
            r#"
            [batch.queues.slow]
            concurrency = 2
            [batch.job_definitions."nightly:3"]
            entrypoint = ["python3", "report.py"]
            command = ["Ref::day"]
            dir = "jobs"
            env = { STAGE = "dev" }
            parameters = { day = "today" }
            attempts = 3
            timeout_seconds = 60
            log_max_megabytes = 1
            stop_timeout_seconds = 5
            [batch.job_definitions.in-image]
            image = "busybox"
            cpus = 0.5
            memory_megabytes = 64
            network = "host"
            volumes = ["/data:/data:ro"]
            [ecs.clusters.main]
            concurrency = 3
            [ecs.task_definitions.one]
            command = ["./serve"]
            [ecs.task_definitions.two.containers.app]
            command = ["./app"]
            [ecs.task_definitions.two.containers.side]
            command = ["./side"]
            essential = false
            "#,
        )
        .unwrap();
        let nightly = &document.batch.job_definitions["nightly:3"];
        assert_eq!(nightly.entrypoint, ["python3", "report.py"]);
        assert_eq!((nightly.attempts, nightly.timeout_seconds), (Some(3), Some(60)));
        assert_eq!(nightly.log_bytes_max(), 1024 * 1024);
        assert_eq!(nightly.working_directory(Path::new("/p")), Path::new("/p/jobs"));
        let image = document.batch.job_definitions["in-image"].image().unwrap();
        assert_eq!((image.millicpus, image.volumes.len()), (Some(500), 1));
        assert_eq!(nightly.image(), None);
        assert_eq!(document.batch.queues["slow"].concurrency, Some(2));
        assert_eq!(document.ecs.task_definitions["two"].containers["side"].essential, Some(false));
        assert_eq!(document.ecs.task_definitions["one"].command, ["./serve"]);
    }

    #[test]
    fn a_setting_that_can_not_be_used_is_named() {
        let batch = |text: &str| format!("[batch.job_definitions.a]\ncommand = [\"x\"]\n{text}");
        for (text, message) in [
            ("[batch.job_definitions.a]\n".to_owned(), "batch.job_definitions.a.command: is missing"),
            (batch("attempts = 0"), "batch.job_definitions.a.attempts: must be between 1 and 10"),
            (batch("timeout_seconds = 0"), "batch.job_definitions.a.timeout_seconds: must be between"),
            (batch("essential = true"), "batch.job_definitions.a.essential: is no setting of this section"),
            (
                "[ecs.task_definitions.t]\ncommand = [\"x\"]\nattempts = 2".to_owned(),
                "ecs.task_definitions.t.attempts: is no setting",
            ),
            (batch("entrypoint = [\"\"]"), "batch.job_definitions.a.entrypoint: must not start"),
            (batch("cpus = 1.0"), "batch.job_definitions.a.cpus: goes with image only"),
            (
                batch("image = \"i\"\ncpus = 0.0"),
                "batch.job_definitions.a.cpus: must be between 0.001 and 1024",
            ),
            (batch("image = \"i\"\nmemory_megabytes = 5"), "a.memory_megabytes: must be between 6 and"),
            (batch("env = { \"A=B\" = \"c\" }"), "batch.job_definitions.a.env: \"A=B\" can't be set"),
            (batch("log_max_megabytes = 0"), "log_max_megabytes: must be between 1 and"),
            (batch("stop_timeout_seconds = 121"), "stop_timeout_seconds: must be between 0 and 120"),
            (batch("comand = [\"x\"]"), "unknown field `comand`"),
            ("[batch.queues.q]\nconcurrency = 0".to_owned(), "batch.queues.q.concurrency: must be between"),
            ("[batch.queues.\"arn:x\"]".to_owned(), "batch.queues.arn:x: a section is named after the queue"),
            ("[ecs.task_definitions.t]".to_owned(), "ecs.task_definitions.t.command: is missing"),
            (
                "[ecs.task_definitions.t]\ncommand = [\"x\"]\ncontainers.a.command = [\"x\"]".to_owned(),
                "ecs.task_definitions.t: either has",
            ),
            (
                "[ecs.task_definitions.t.containers.a]\ncommand = [\"x\"]\nessential = false".to_owned(),
                "ecs.task_definitions.t: at least one container must be essential",
            ),
        ] {
            let error = checked(&text).unwrap_err();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
