//! What `stepwell.toml` says about task drivers, as plain serde types, and the checks on it.
//!
//! The server parses the file and owns line and column; here a section is only turned into a target, with an error
//! that says in one sentence what is wrong with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

/// AWS Lambda's own default for a function's time limit, in seconds.
pub const FUNCTION_TIMEOUT_DEFAULT_SECONDS: u64 = 3;
/// AWS Lambda's highest time limit of a function, in seconds.
pub const FUNCTION_TIMEOUT_MAX_SECONDS: u64 = 900;
/// How long a warm worker process waits for its next event unless the section says otherwise, in seconds.
pub const IDLE_DEFAULT_SECONDS: u64 = 300;
/// How many Lambda calls run at once, over all functions, unless the configuration says otherwise.
pub const CONCURRENCY_DEFAULT: usize = 64;
/// The most that any concurrency setting may ask for.
pub const CONCURRENCY_MAX: usize = 1024;
/// What a worker is told about its memory unless the section says otherwise, in megabytes. Nothing enforces it.
pub const MEMORY_DEFAULT_MEGABYTES: u32 = 128;

/// A section `[lambda.functions.NAME]`: where one function runs. Exactly one of `runtime`, `endpoint`, `url` must be set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionConfig {
    /// How a handler that Stepwell runs itself is started.
    pub runtime: Option<Runtime>,
    /// `module.function`; handed to an executable as `_HANDLER` only.
    pub handler: Option<String>,
    /// Working directory and code folder, relative to the configuration file.
    pub dir: Option<PathBuf>,
    /// The executable and its arguments; for `python` and `node` the interpreter, if not the usual one.
    #[serde(default)]
    pub command: Vec<String>,
    /// Variables added to the worker's environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Time limit of one invocation; 1 to 900, default 3 as on AWS.
    pub timeout_seconds: Option<u64>,
    /// Most worker processes of this function; default the number of processors.
    pub concurrency: Option<usize>,
    /// How long an unused worker process is kept.
    pub idle_seconds: Option<u64>,
    /// Memory size that the handler's context reports; nothing enforces it.
    pub memory_megabytes: Option<u32>,
    /// Base address of a Lambda Invoke API (SAM, LocalStack, moto, a runtime interface emulator).
    pub endpoint: Option<String>,
    /// The function's name at `endpoint`, when it differs.
    pub name: Option<String>,
    /// A plain HTTP address that gets the payload by POST.
    pub url: Option<String>,
}

/// How a handler process is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Runtime {
    /// A Python handler under the embedded bootstrap.
    Python,
    /// A Node handler, ES module or CommonJS, under the embedded bootstrap.
    Node,
    /// Any program built with a Lambda runtime library.
    Executable,
}

/// What to do with a call whose outcome a crash made unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUncertain {
    /// Send it again (at least once).
    #[default]
    Resend,
    /// Fail the task (at most once).
    Fail,
}

/// The section `[integrations.lambda]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LambdaIntegration {
    /// What to do with a call whose outcome a crash made unknown.
    pub on_uncertain: OnUncertain,
    /// How many Lambda calls run at once, over all functions.
    pub concurrency: usize,
}

impl Default for LambdaIntegration {
    fn default() -> Self {
        Self { on_uncertain: OnUncertain::Resend, concurrency: CONCURRENCY_DEFAULT }
    }
}

/// The section `[lambda]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LambdaSection {
    /// Sections by function name, or `name:alias`.
    pub functions: BTreeMap<String, FunctionConfig>,
}

/// Everything that [`crate::Lambda`] is built from.
#[derive(Debug, Clone, Default)]
pub struct LambdaConfig {
    /// `[lambda.functions.*]`.
    pub functions: BTreeMap<String, FunctionConfig>,
    /// The Lambda endpoint for all other functions, already chosen among flags, sections and variables.
    pub endpoint: Option<String>,
    /// `[integrations.lambda]`.
    pub integration: LambdaIntegration,
    /// The folder of the configuration file: relative `dir` settings start here.
    pub base_dir: PathBuf,
    /// Variables for every handler process, under the function's own (such as `AWS_ENDPOINT_URL_SFN`).
    pub handler_environment: BTreeMap<String, String>,
    /// Region that handlers see and that workers' ARNs carry.
    pub region: String,
}

/// Why a section can't be used: one plain sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {message}")]
pub struct ConfigError {
    /// The setting, as a dotted path (`lambda.functions.ship-order.handler`).
    pub setting: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// Where one function runs, after the checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// A process of ours.
    Process(ProcessConfig),
    /// A Lambda Invoke API and the name to use there.
    Endpoint { endpoint: String, name: Option<String> },
    /// A plain HTTP address.
    Url(String),
}

/// A handler process, after the checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProcessConfig {
    pub(crate) runtime: Runtime,
    pub(crate) handler: String,
    pub(crate) dir: PathBuf,
    pub(crate) command: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) timeout: Duration,
    pub(crate) concurrency: usize,
    pub(crate) idle: Duration,
    pub(crate) memory_megabytes: u32,
}

impl FunctionConfig {
    /// Checks the section without touching the file system.
    ///
    /// # Errors
    /// The first setting that is missing, superfluous or out of range.
    pub fn check(&self, name: &str) -> Result<(), ConfigError> {
        self.target(name, Path::new("")).map(|_| ())
    }

    pub(crate) fn target(&self, name: &str, base_dir: &Path) -> Result<Target, ConfigError> {
        let section = format!("lambda.functions.{name}");
        let wrong = |field: &str, message: String| {
            let setting = if field.is_empty() { section.clone() } else { format!("{section}.{field}") };
            Err(ConfigError { setting, message })
        };
        if name.is_empty() || name.starts_with("arn:") || name.matches(':').count() > 1 {
            return wrong("", "a section is named after the function, or function:alias, not an ARN".into());
        }
        let ways = [self.runtime.is_some(), self.endpoint.is_some(), self.url.is_some()];
        if ways.iter().filter(|set| **set).count() != 1 {
            return wrong("", "exactly one of runtime, endpoint and url must be set".into());
        }
        let Some(runtime) = self.runtime else {
            let process_settings = [
                ("handler", self.handler.is_some()),
                ("dir", self.dir.is_some()),
                ("command", !self.command.is_empty()),
                ("env", !self.env.is_empty()),
                ("timeout_seconds", self.timeout_seconds.is_some()),
                ("concurrency", self.concurrency.is_some()),
                ("idle_seconds", self.idle_seconds.is_some()),
                ("memory_megabytes", self.memory_megabytes.is_some()),
            ];
            if let Some((field, _)) = process_settings.iter().find(|(_, set)| *set) {
                return wrong(field, "only a function with a runtime has this setting".into());
            }
            if let Some(url) = &self.url {
                if self.name.is_some() {
                    return wrong("name", "only a function with an endpoint has this setting".into());
                }
                if let Err(message) = crate::http_client::check_address(url) {
                    return wrong("url", message);
                }
                return Ok(Target::Url(url.clone()));
            }
            let endpoint = self.endpoint.clone().unwrap_or_default();
            if let Err(message) = crate::http_client::check_address(&endpoint) {
                return wrong("endpoint", message);
            }
            return Ok(Target::Endpoint { endpoint, name: self.name.clone() });
        };
        if self.name.is_some() {
            return wrong("name", "only a function with an endpoint has this setting".into());
        }
        let handler = match (runtime, &self.handler) {
            (Runtime::Executable, handler) => handler.clone().unwrap_or_else(|| "bootstrap".into()),
            (_, Some(handler)) => handler.clone(),
            (_, None) => {
                return wrong("handler", "is missing: give module.function, such as \"app.handler\"".into());
            }
        };
        if runtime == Runtime::Executable && self.command.is_empty() {
            return wrong(
                "command",
                "is missing: give the program, such as [\"./target/release/ship\"]".into(),
            );
        }
        if self.command.first().is_some_and(String::is_empty) {
            return wrong("command", "must not start with an empty string".into());
        }
        let timeout_seconds = self.timeout_seconds.unwrap_or(FUNCTION_TIMEOUT_DEFAULT_SECONDS);
        if !(1..=FUNCTION_TIMEOUT_MAX_SECONDS).contains(&timeout_seconds) {
            return wrong("timeout_seconds", format!("must be between 1 and {FUNCTION_TIMEOUT_MAX_SECONDS}"));
        }
        let concurrency = self.concurrency.unwrap_or_else(processors);
        if !(1..=CONCURRENCY_MAX).contains(&concurrency) {
            return wrong("concurrency", format!("must be between 1 and {CONCURRENCY_MAX}"));
        }
        if let Some(variable) = self
            .env
            .iter()
            .find(|(key, value)| !usable_variable(key) || value.contains('\0'))
            .map(|(key, _)| key)
        {
            return wrong("env", format!("{variable:?} can't be set as an environment variable"));
        }
        if self.command.iter().any(|word| word.contains('\0')) {
            return wrong("command", "must not contain NUL characters".into());
        }
        Ok(Target::Process(ProcessConfig {
            runtime,
            handler,
            dir: base_dir.join(self.dir.clone().unwrap_or_default()),
            command: self.command.clone(),
            env: self.env.clone(),
            timeout: Duration::from_secs(timeout_seconds),
            concurrency,
            idle: Duration::from_secs(self.idle_seconds.unwrap_or(IDLE_DEFAULT_SECONDS)),
            memory_megabytes: self.memory_megabytes.unwrap_or(MEMORY_DEFAULT_MEGABYTES),
        }))
    }
}

/// The operating system refuses variable names that are empty or hold `=` or NUL.
fn usable_variable(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<FunctionConfig, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn a_complete_section_becomes_a_process() {
        let section = parse(
            r#"{"runtime":"python","handler":"app.handler","dir":"functions/ship","env":{"STAGE":"dev"},
                "timeout_seconds":30,"concurrency":4,"idle_seconds":60,"memory_megabytes":512}"#,
        );
        let target = section.unwrap().target("ship", Path::new("/project")).unwrap();
        let expected = ProcessConfig {
            runtime: Runtime::Python,
            handler: "app.handler".into(),
            dir: "/project/functions/ship".into(),
            command: Vec::new(),
            env: BTreeMap::from([("STAGE".into(), "dev".into())]),
            timeout: Duration::from_secs(30),
            concurrency: 4,
            idle: Duration::from_secs(60),
            memory_megabytes: 512,
        };
        assert_eq!(target, Target::Process(expected));
    }

    #[test]
    fn a_section_that_can_not_work_names_the_setting() {
        let cases = [
            ("f", "{}", "lambda.functions.f: exactly one of runtime, endpoint and url must be set"),
            ("f", r#"{"runtime":"node","url":"http://a"}"#, "lambda.functions.f: exactly one of"),
            ("arn:aws:lambda:r:a:function:f", r#"{"url":"http://a"}"#, "not an ARN"),
            ("f", r#"{"runtime":"node"}"#, "lambda.functions.f.handler: is missing"),
            ("f", r#"{"runtime":"executable"}"#, "lambda.functions.f.command: is missing"),
            ("f", r#"{"runtime":"executable","command":[""]}"#, "lambda.functions.f.command: must not start"),
            (
                "f",
                r#"{"url":"http://a","handler":"x"}"#,
                "lambda.functions.f.handler: only a function with a runtime",
            ),
            (
                "f",
                r#"{"url":"http://a","name":"x"}"#,
                "lambda.functions.f.name: only a function with an endpoint",
            ),
            (
                "f",
                r#"{"url":"ftp://a"}"#,
                "lambda.functions.f.url: \"ftp://a\" does not start with http:// or https://",
            ),
            (
                "f",
                r#"{"url":"http://me:secret@a"}"#,
                "lambda.functions.f.url: \"a\" must not carry a user name",
            ),
            ("f", r#"{"endpoint":"127.0.0.1:3001"}"#, "lambda.functions.f.endpoint: "),
            ("f", r#"{"endpoint":"not an address"}"#, "lambda.functions.f.endpoint: "),
            (
                "f",
                r#"{"runtime":"node","handler":"a.b","timeout_seconds":0}"#,
                "timeout_seconds: must be between 1 and 900",
            ),
            (
                "f",
                r#"{"runtime":"node","handler":"a.b","concurrency":0}"#,
                "concurrency: must be between 1 and 1024",
            ),
            (
                "f",
                r#"{"runtime":"node","handler":"a.b","env":{"A=B":""}}"#,
                "lambda.functions.f.env: \"A=B\"",
            ),
        ];
        for (name, text, message) in cases {
            let error = parse(text).unwrap().check(name).unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }

    #[test]
    fn unknown_settings_and_values_are_refused() {
        for text in [r#"{"runtme":"node"}"#, r#"{"runtime":"ruby"}"#, r#"{"timeout_seconds":-1}"#] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_integrations_section_has_defaults() {
        let section: LambdaIntegration = serde_json::from_str("{}").unwrap();
        assert_eq!(section, LambdaIntegration { on_uncertain: OnUncertain::Resend, concurrency: 64 });
        let section: LambdaIntegration = serde_json::from_str(r#"{"on_uncertain":"fail"}"#).unwrap();
        assert_eq!(section.on_uncertain, OnUncertain::Fail);
    }
}
