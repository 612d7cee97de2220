//! `stepwell.toml`, the variables and the flags, and what they come to together.

pub(crate) mod endpoints;
mod events;
mod keys;
mod logs;
pub(crate) mod mock;
pub(crate) mod server;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use stepwell_integrations::aws::{AwsIntegration, AwsSection};
use stepwell_integrations::http_task::{ConnectionSection, HttpSection};
use stepwell_integrations::kubernetes::ClusterSection;
use stepwell_integrations::{LambdaIntegration, LambdaSection};
use stepwell_json::spanned::LineIndex;
use stepwell_local_jobs::{BatchSection, ContainersSection, EcsSection};

pub(crate) use events::EventsSection;
pub(crate) use logs::LogsSection;
pub(crate) use server::ServerSection;

use mock::MockSection;

use crate::definition::plain;

/// The name of the configuration file.
const FILE_NAME: &str = "stepwell.toml";

/// What a configuration file says. Without a file, everything has its default.
#[derive(Debug, Clone, Default)]
pub(crate) struct Config {
    /// The file, if there is one.
    pub(crate) path: Option<PathBuf>,
    /// The folder that relative paths of the file start from.
    pub(crate) directory: PathBuf,
    /// `[server]`.
    pub(crate) server: ServerSection,
    /// `[lambda.functions.*]`.
    pub(crate) lambda: LambdaSection,
    /// `[integrations.lambda]`.
    pub(crate) integration: LambdaIntegration,
    /// `[integrations.*]` of other services.
    pub(crate) integrations: BTreeMap<String, AwsIntegration>,
    /// `[aws]`.
    pub(crate) aws: AwsSection,
    /// `[batch]`.
    pub(crate) batch: BatchSection,
    /// `[ecs]`.
    pub(crate) ecs: EcsSection,
    /// `[containers]`.
    pub(crate) containers: ContainersSection,
    /// `[endpoints]`.
    pub(crate) endpoints: BTreeMap<String, String>,
    /// `[logs]`.
    pub(crate) logs: LogsSection,
    /// `[events]`.
    pub(crate) events: EventsSection,
    /// `[http]`.
    pub(crate) http: HttpSection,
    /// `[connections.*]`.
    pub(crate) connections: BTreeMap<String, ConnectionSection>,
    /// `[eks.clusters.*]`.
    pub(crate) clusters: BTreeMap<String, ClusterSection>,
    /// `[mock]`.
    pub(crate) mock: MockSection,
}

/// The sections. Unknown keys were refused before.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Document {
    server: ServerSection,
    lambda: LambdaSection,
    integrations: Integrations,
    aws: AwsSection,
    batch: BatchSection,
    ecs: EcsSection,
    containers: ContainersSection,
    endpoints: BTreeMap<String, String>,
    logs: LogsSection,
    events: EventsSection,
    http: HttpSection,
    connections: BTreeMap<String, ConnectionSection>,
    eks: EksSection,
    mock: MockSection,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct EksSection {
    clusters: BTreeMap<String, ClusterSection>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Integrations {
    lambda: LambdaIntegration,
    #[serde(flatten)]
    others: BTreeMap<String, AwsIntegration>,
}

impl Config {
    /// Reads the given file, else the first `stepwell.toml` that one of the directories has.
    ///
    /// # Errors
    /// One line (with file, line and column where that makes sense) about a file that can't be read or used.
    pub(crate) fn load(file: Option<&Path>, directories: &[PathBuf]) -> Result<Config, String> {
        let found = match file {
            Some(file) => Some(file.to_path_buf()),
            None => directories.iter().map(|directory| directory.join(FILE_NAME)).find(|path| path.is_file()),
        };
        let Some(path) = found else { return Ok(Config::default()) };
        let text = std::fs::read_to_string(&path)
            .map_err(|error| format!("can't read {}: {}", path.display(), plain(&error)))?;
        Config::parse(&path, &text)
    }

    /// As [`Config::load`], of a text that is already there.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Config, String> {
        let lines = LineIndex::new(text);
        let at = |offset: Option<usize>, message: &str| match offset {
            None => format!("{}: {message}", path.display()),
            Some(offset) => {
                let (line, column) = lines.line_and_column(offset);
                format!("{}:{line}:{column}: {message}", path.display())
            }
        };
        keys::check(text).map_err(|problem| at(problem.offset, &problem.message))?;
        let document: Document = toml::from_str(text)
            .map_err(|error| at(error.span().map(|span| span.start), &one_line(error.message())))?;
        for (name, function) in &document.lambda.functions {
            function.check(name).map_err(|error| {
                at(keys::offset_of(text, &error.setting), &format!("{}: {}", error.setting, error.message))
            })?;
        }
        let mut checks = vec![document.http.check()];
        checks.extend(document.connections.iter().map(|(name, section)| section.check(name)));
        checks.extend(document.eks.clusters.iter().map(|(name, section)| section.check(name)));
        if let Some(error) = checks.into_iter().find_map(Result::err) {
            return Err(at(keys::offset_of(text, &error.setting), &error.to_string()));
        }
        if let Err(error) = document.batch.check().and_then(|()| document.ecs.check()) {
            return Err(at(keys::offset_of(text, &error.setting), &error.to_string()));
        }
        if document.integrations.lambda.concurrency == 0 {
            let setting = "integrations.lambda.concurrency";
            return Err(at(keys::offset_of(text, setting), &format!("{setting}: must be at least 1")));
        }
        let checked_sections = document.logs.check().and_then(|()| document.events.check());
        checked_sections.map_err(|problem| {
            let offset = keys::offset_of(text, &problem.setting);
            at(offset, &format!("{}: {}", problem.setting, problem.message))
        })?;
        for (name, section) in &document.integrations.others {
            let path = format!("integrations.{name}");
            check_service(name)
                .map_err(|message| at(keys::offset_of(text, &path), &format!("[{path}]: {message}")))?;
            section.check().map_err(|(key, message)| {
                let setting = format!("{path}.{key}");
                at(keys::offset_of(text, &setting), &format!("{setting}: {message}"))
            })?;
        }
        for (name, url) in &document.endpoints {
            let offset = keys::offset_of(text, &format!("endpoints.{name}"));
            check_service(name).map_err(|message| at(offset, &format!("[endpoints]: {message}")))?;
            if endpoints::host_and_port(url).is_none() {
                let message = format!("{url:?} for {name} is not an address; write http://HOST:PORT");
                return Err(at(offset, &format!("[endpoints]: {message}")));
            }
        }
        // An empty parent is what a bare file name has.
        let directory = path.parent().map(Path::to_path_buf).unwrap_or_default();
        Ok(Config {
            path: Some(path.to_path_buf()),
            directory,
            server: document.server,
            lambda: document.lambda,
            integration: document.integrations.lambda,
            integrations: document.integrations.others,
            aws: document.aws,
            batch: document.batch,
            ecs: document.ecs,
            containers: document.containers,
            endpoints: document.endpoints,
            logs: document.logs,
            events: document.events,
            http: document.http,
            connections: document.connections,
            clusters: document.eks.clusters,
            mock: document.mock,
        })
    }
}

/// Whether there is such a service.
///
/// # Errors
/// The nearest name.
pub(crate) fn check_service(name: &str) -> Result<(), String> {
    if name == "*" || endpoints::is_execute_api(name) || stepwell_aws_model::service_called(name).is_some() {
        return Ok(());
    }
    let names = stepwell_aws_model::services().map(|service| service.word);
    Err(match stepwell_aws_model::nearest(name, names) {
        Some(nearest) => format!("there is no service {name:?}; did you mean {nearest:?}?"),
        None => format!("there is no service {name:?}; `stepwell integrations` lists them"),
    })
}

/// Messages of the TOML library can have several lines, and speak of types and variants of Rust.
fn one_line(message: &str) -> String {
    let line = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
    let Some((found, expected)) = line.split_once(", expected ") else { return line };
    if let Some(value) = found.strip_prefix("unknown variant ") {
        let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        return format!("{:?} is not one of {}", value.trim_matches('`'), known.join(", "));
    }
    let Some(found) = found.strip_prefix("invalid type: ").or_else(|| found.strip_prefix("invalid value: "))
    else {
        return line;
    };
    let found = match found.split_once(' ') {
        Some(("string", text)) => format!("the text {text}"),
        Some(("integer" | "boolean", value)) => value.trim_matches('`').to_owned(),
        Some(("floating", value)) => value.trim_start_matches("point ").trim_matches('`').to_owned(),
        _ => match found {
            "sequence" => "a list".to_owned(),
            "map" => "a table".to_owned(),
            _ => found.to_owned(),
        },
    };
    let expected = match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number that is not negative",
        "f64" => "a number",
        "a boolean" => "true or false",
        "a string" | "path string" => "a text",
        "a sequence" => "a list",
        "a map" => "a table",
        other => other,
    };
    format!("{expected} is needed here, not {found}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPLETE: &str = r#"
[server]
listen = "127.0.0.1:9000"
data_dir = "data"
memory = false
durability = "interval"
allow_unauthenticated = false
retention_days = 30
log_level = "debug"
log_format = "json"

[lambda.functions.ship-order]
runtime = "python"
handler = "app.handler"
dir = "functions/ship"
env = { STAGE = "dev" }
timeout_seconds = 30
concurrency = 4
idle_seconds = 300
memory_megabytes = 256

[lambda.functions."ship:live"]
runtime = "executable"
command = ["./ship", "--fast"]

[lambda.functions.billing]
endpoint = "http://127.0.0.1:3001"
name = "billing-dev"

[lambda.functions.mail]
url = "http://127.0.0.1:9000/mail"

[endpoints]
sqs = "http://127.0.0.1:4566"

[aws]
allow = false

[aws.roles."arn:aws:iam::123456789012:role/r"]
access_key_id = "key"
secret_access_key = "secret"

[integrations.sqs]
timeout_seconds = 5

[integrations.lambda]
on_uncertain = "fail"
concurrency = 8

[logs.default]
to = "off"

[logs.groups."/aws/vendedlogs/states/orders"]
file = "logs/orders.jsonl"
max_megabytes = 8

[[events.webhooks]]
url = "http://127.0.0.1:9000/events"
secret_env = "WEBHOOK_SECRET"
statuses = ["FAILED", "TIMED_OUT"]
timeout_seconds = 5

[connections.billing]
type = "basic"
username = "u"
password_env = "BILLING_PASSWORD"
headers = { x-tenant = "a", x-trace = { env = "TRACE" } }

[batch.queues.slow]
concurrency = 2

[batch.job_definitions.nightly]
entrypoint = ["python3", "report.py"]
command = ["Ref::day"]
dir = "jobs"
env = { STAGE = "dev" }
parameters = { day = "today" }
attempts = 3
timeout_seconds = 3600
stop_timeout_seconds = 10
log_max_megabytes = 4

[containers]
socket = "/run/engine.sock"

[ecs.clusters.main]
concurrency = 4

[ecs.task_definitions.worker]
command = ["./worker"]

[ecs.task_definitions.pair.containers.app]
image = "busybox"
cpus = 0.5
memory_megabytes = 64
network = "host"
volumes = ["/data:/data:ro"]

[ecs.task_definitions.pair.containers.side]
command = ["./side"]
essential = false

[http]
allow = ["localhost:*"]
[eks.clusters.kind]
kubeconfig = "kubeconfig.yaml"
context = "kind-kind"
"#;

    #[test]
    fn every_key_is_read() {
        let config = Config::parse(Path::new("project/stepwell.toml"), COMPLETE).unwrap();
        assert_eq!(config.directory, Path::new("project"));
        assert_eq!(config.server.listen.as_deref(), Some("127.0.0.1:9000"));
        assert_eq!(config.server.retention_days, Some(30));
        assert_eq!(config.lambda.functions.len(), 4);
        assert_eq!(config.integration.concurrency, 8);
        assert_eq!(config.endpoints["sqs"], "http://127.0.0.1:4566");
        assert_eq!(config.batch.job_definitions["nightly"].attempts, Some(3));
        assert_eq!(config.containers.socket.as_deref(), Some("/run/engine.sock"));
        assert_eq!(config.batch.queues["slow"].concurrency, Some(2));
        assert_eq!(config.ecs.task_definitions["pair"].containers["side"].essential, Some(false));
        assert_eq!(config.http.allow, ["localhost:*"]);
        assert!(config.connections.contains_key("billing"));
        assert_eq!(config.clusters["kind"].context.as_deref(), Some("kind-kind"));
        assert!(!config.aws.allow);
        assert_eq!(config.aws.roles["arn:aws:iam::123456789012:role/r"].access_key_id, "key");
        assert_eq!(config.integrations["sqs"].timeout_seconds, 5);
    }

    #[test]
    fn what_can_not_be_used_is_named_with_line_and_column() {
        for (text, message) in [
            ("[lamda]\n", "f.toml:1:2: unknown key \"lamda\"; did you mean \"lambda\"?"),
            (
                "[lambda.functions.f]\nruntme = \"node\"\n",
                "f.toml:2:1: unknown key \"runtme\" in [lambda.functions.f]; did you mean \"runtime\"?",
            ),
            (
                "[lambda.functions.f]\nzzzzzz = 1\n",
                "unknown key \"zzzzzz\" in [lambda.functions.f]; known keys: command, concurrency, dir,",
            ),
            (
                "[server]\nretention-days = 1\n",
                "f.toml:2:1: unknown key \"retention-days\" in [server]; did you mean \"retention_days\"?",
            ),
            ("[lambda]\nfunctions = 3\n", "f.toml:2:13: [lambda.functions] must be a table"),
            ("lambda.functions.f = 3\n", "f.toml:1:22: [lambda.functions.f] must be a table"),
            ("[server\n", "f.toml:1:8: "),
            ("[server]\nmemory = 1\n", "f.toml:2:10: true or false is needed here, not 1"),
            (
                "[server]\ndurability = \"never\"\n",
                "f.toml:2:14: \"never\" is not one of commit, interval, memory",
            ),
            ("[endpoints]\nsqs = 1\n", "f.toml:2:7: a text is needed here, not 1"),
            ("[server]\ndata_dir = [1]\n", "f.toml:2:12: a text is needed here, not a list"),
            (
                "[server]\nretention_days = -1\n",
                "f.toml:2:18: a whole number that is not negative is needed here, not -1",
            ),
            (
                "[server]\nretention_days = 1.5\n",
                "f.toml:2:18: a whole number that is not negative is needed here, not 1.5",
            ),
            (
                "[lambda.functions.f]\nruntime = \"python3.12\"\n",
                "f.toml:2:11: \"python3.12\" is not one of python, node, executable",
            ),
            (
                "[lambda.functions.f]\nruntime = \"node\"\n",
                "f.toml:1:19: lambda.functions.f.handler: is missing",
            ),
            (
                "[lambda.functions.f]\nruntime = \"node\"\nhandler = \"a.b\"\ntimeout_seconds = 0\n",
                "f.toml:4:1: lambda.functions.f.timeout_seconds: must be between",
            ),
            (
                "[integrations.lambda]\nconcurrency = 0\n",
                "f.toml:2:1: integrations.lambda.concurrency: must be at least 1",
            ),
            (
                "[batch.job_definitions.a]\ncomand = [\"x\"]\n",
                "f.toml:2:1: unknown key \"comand\" in [batch.job_definitions.a]; did you mean \"command\"?",
            ),
            (
                "[batch.job_definitions.a]\ncommand = \"x\"\n",
                "f.toml:2:11: a list is needed here, not the text \"x\"",
            ),
            (
                "[batch.job_definitions.a]\nenv = { A = \"b\" }\n",
                "f.toml:1:24: batch.job_definitions.a.command: is missing",
            ),
            (
                "[ecs.task_definitions.t.containers.a]\ncommand = [\"x\"]\nessental = false\n",
                "f.toml:3:1: unknown key \"essental\" in [ecs.task_definitions.t.containers.a]; did you mean \"essential\"?",
            ),
            (
                "[batch.queues.q]\nconcurrency = 0\n",
                "f.toml:2:1: batch.queues.q.concurrency: must be between 1 and",
            ),
            (
                "[logs.defualt]\nto = \"off\"\n",
                "f.toml:1:7: unknown key \"defualt\" in [logs]; did you mean \"default\"?",
            ),
            ("[logs.groups.g]\nto = \"disk\"\n", "f.toml:2:6: \"disk\" is not one of "),
            ("[logs.groups.g]\n", "f.toml:1:14: logs.groups.g: needs file"),
            (
                "[events.webhooks]\nurl = \"http://h\"\n",
                "f.toml:1:1: write [[events.webhooks]]: there can be several",
            ),
            (
                "[[events.webhooks]]\nurk = \"http://h\"\n",
                "f.toml:2:1: unknown key \"urk\" in [events.webhooks]; did you mean \"url\"?",
            ),
            ("[[events.webhooks]]\n", "missing field `url`"),
            (
                "[[events.webhooks]]\nurl = \"h\"\n",
                "f.toml:2:1: events.webhooks.0.url: \"h\" is not an address",
            ),
            (
                "[integrations.sqz]\nconcurrency = 1\n",
                "f.toml:1:15: [integrations.sqz]: there is no service \"sqz\"; did you mean \"sqs\"?",
            ),
            (
                "[integrations.sqs]\nconcurrency = 0\n",
                "f.toml:2:1: integrations.sqs.concurrency: must be between 1 and",
            ),
            (
                "[connections.a]\ntype = \"basic\"\nusrname = \"x\"\n",
                "f.toml:3:1: unknown key \"usrname\" in [connections.a]; did you mean \"username\"?",
            ),
            (
                "[connections.a]\ntype = \"basic\"\nusername = \"x\"\n",
                "f.toml:1:14: connections.a.password: is missing",
            ),
            (
                "[connections.a]\ntype = \"none\"\nkey_name = \"x\"\n",
                "f.toml:3:1: connections.a.key_name: does not go with this type",
            ),
            (
                "[http]\nallow = [\"http://localhost\"]\n",
                "f.toml:2:1: http.allow: \"http://localhost\" is neither HOST nor",
            ),
            ("[endpoints]\nsqz = \"http://a\"\n", "f.toml:2:1: [endpoints]: there is no service \"sqz\""),
            ("[endpoints]\nsqs = \"a b\"\n", "f.toml:2:1: [endpoints]: \"a b\" for sqs is not an address"),
            (
                "[eks.clusters.a]\nendpont = \"https://h\"\n",
                "f.toml:2:1: unknown key \"endpont\" in [eks.clusters.a]; did you mean \"endpoint\"?",
            ),
            ("[eks.clusters.a]\n", "f.toml:1:15: eks.clusters.a: needs kubeconfig or endpoint"),
            (
                "[eks.clusters.a]\nkubeconfig = \"k\"\ntoken = \"t\"\n",
                "f.toml:3:1: eks.clusters.a.token: does not go with kubeconfig",
            ),
            (
                "[eks.clusters.a]\nendpoint = \"https://h\"\n",
                "f.toml:1:15: eks.clusters.a: needs one of token, token_env",
            ),
            (
                "[eks.clusters.a]\nendpoint = \"https://h\"\ntoken = \"t\"\naws_token = true\n",
                "f.toml:4:1: eks.clusters.a.aws_token: does not go with token",
            ),
            (
                "[eks.clusters.a]\nendpoint = \"https://h\"\nclient_certificate = \"c.pem\"\n",
                "f.toml:1:15: eks.clusters.a.client_key: is missing",
            ),
        ] {
            let error = Config::parse(Path::new("f.toml"), text).unwrap_err();
            assert!(error.contains(message), "{text}\n{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn the_first_directory_with_a_file_counts() {
        let directory = tempfile::tempdir().unwrap();
        let [first, second] = ["a", "b"].map(|name| directory.path().join(name));
        std::fs::create_dir_all(&first).unwrap();
        std::fs::create_dir_all(&second).unwrap();
        let load = || Config::load(None, &[first.clone(), second.clone()]).unwrap().path;
        assert_eq!(load(), None);
        std::fs::write(second.join("stepwell.toml"), "").unwrap();
        assert_eq!(load(), Some(second.join("stepwell.toml")));
        std::fs::write(first.join("stepwell.toml"), "").unwrap();
        assert_eq!(load(), Some(first.join("stepwell.toml")));
        let error = Config::load(Some(&first.join("none.toml")), &[]).unwrap_err();
        assert!(error.contains("none.toml: no such file or directory"), "{error}");
    }
}
