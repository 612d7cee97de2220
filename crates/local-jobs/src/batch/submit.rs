//! SubmitJob.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Batch;
use crate::api::{Fault, read, without_nulls};
use crate::clock::now_milliseconds;
use crate::config::{ATTEMPTS_MAX, DefinitionSection, is_variable};
use crate::engine::job::{Container, Dependency, ExitRule, Face, Spec};
use crate::names;
use crate::parameters::substitute;
use crate::service::{digest, identifier};

/// AWS's limits.
const ARRAY_SIZE: std::ops::RangeInclusive<u32> = 2..=10_000;
const DEPENDENCIES_MAX: usize = 20;
const EXIT_RULES_MAX: usize = 5;
const TIMEOUT_MIN_SECONDS: u64 = 60;
const NAME_MAX: usize = 128;
/// What the container of a job is called.
pub(super) const CONTAINER: &str = "default";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SubmitJob {
    job_name: String,
    job_queue: String,
    #[serde(rename = "jobDefinition")]
    _job_definition: String,
    array_properties: Option<ArrayProperties>,
    container_overrides: Option<ContainerOverrides>,
    #[serde(default)]
    depends_on: Vec<DependsOn>,
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    propagate_tags: Option<bool>,
    retry_strategy: Option<RetryStrategy>,
    scheduling_priority_override: Option<i64>,
    share_identifier: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    timeout: Option<Timeout>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ArrayProperties {
    size: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ContainerOverrides {
    command: Option<Vec<String>>,
    #[serde(default)]
    environment: Vec<Variable>,
    instance_type: Option<String>,
    memory: Option<i64>,
    resource_requirements: Option<Value>,
    vcpus: Option<i64>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Variable {
    pub(crate) name: Option<String>,
    pub(crate) value: Option<String>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DependsOn {
    #[serde(skip_serializing_if = "Option::is_none")]
    job_id: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RetryStrategy {
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    #[serde(default)]
    evaluate_on_exit: Vec<EvaluateOnExit>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EvaluateOnExit {
    #[serde(skip_serializing_if = "Option::is_none")]
    on_status_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_exit_code: Option<String>,
    action: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Timeout {
    attempt_duration_seconds: Option<u64>,
}

impl Batch<'_> {
    pub(super) async fn submit(self) -> Option<Result<Value, Fault>> {
        let body: Value = serde_json::from_slice(self.call.body).ok()?;
        let wanted = body.get("jobDefinition")?.as_str()?;
        let (definition, section) =
            names::section(&self.config.batch.job_definitions, wanted, "job-definition")?;
        Some(self.submit_known(&definition, section).await)
    }

    async fn submit_known(self, definition: &str, section: &DefinitionSection) -> Result<Value, Fault> {
        let request: SubmitJob = read(self.call.body)?;
        let spec = self.spec(request, definition, section)?;
        let (id, name) = (spec.id.clone(), spec.name.clone());
        self.engine.submit(spec, self.call.only_finds).await?;
        Ok(json!({
            "jobArn": self.place().arn("batch", &format!("job/{id}")),
            "jobId": &*id,
            "jobName": name,
        }))
    }

    fn spec(self, request: SubmitJob, definition: &str, section: &DefinitionSection) -> Result<Spec, Fault> {
        check_name(&request.job_name)?;
        let queue = self.queue(&request.job_queue)?;
        let array_size = array_size(request.array_properties.as_ref())?;
        let depends_on = dependencies(&request.depends_on, array_size)?;
        let retry = request.retry_strategy.clone();
        let exit_rules = exit_rules(retry.as_ref())?;
        let attempts = retry.as_ref().and_then(|retry| retry.attempts).or(section.attempts).unwrap_or(1);
        if !(1..=ATTEMPTS_MAX).contains(&attempts) {
            return Err(Fault::client(format!("attempts must be between 1 and {ATTEMPTS_MAX}")));
        }
        let asked_timeout = request.timeout.as_ref().and_then(|timeout| timeout.attempt_duration_seconds);
        if asked_timeout.is_some_and(|seconds| seconds < TIMEOUT_MIN_SECONDS) {
            return Err(Fault::client(format!(
                "attemptDurationSeconds must be at least {TIMEOUT_MIN_SECONDS} (timeout_seconds of the job definition \
                 in stepwell.toml may be less)"
            )));
        }
        let timeout_seconds = asked_timeout.or(section.timeout_seconds);
        let mut parameters = section.parameters.clone();
        parameters.extend(request.parameters.clone());
        let container = self.container(&request, section, &parameters)?;
        let place = self.place();
        let definition_arn = place.arn("batch", &format!("job-definition/{definition}"));
        let overrides = request.container_overrides.unwrap_or_default();
        let shown_environment: Vec<Value> =
            container.environment.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        let shown_command = [container.entrypoint.as_slice(), container.command.as_slice()].concat();
        let shown = json!({
            "jobQueue": place.arn("batch", &format!("job-queue/{queue}")),
            "jobDefinition": definition_arn,
            "dependsOn": request.depends_on,
            "parameters": parameters,
            "tags": request.tags,
            "propagateTags": request.propagate_tags,
            "shareIdentifier": request.share_identifier,
            "schedulingPriority": request.scheduling_priority_override,
            "retryStrategy": {
                "attempts": attempts,
                "evaluateOnExit": retry.map(|retry| retry.evaluate_on_exit).unwrap_or_default(),
            },
            "timeout": timeout_seconds.map(|seconds| json!({"attemptDurationSeconds": seconds})),
            "platformCapabilities": ["EC2"],
            "container": without_nulls(json!({
                "command": shown_command,
                "environment": shown_environment,
                "image": section.image,
                "instanceType": overrides.instance_type,
                "memory": overrides.memory,
                "mountPoints": [],
                "networkInterfaces": [],
                "resourceRequirements": overrides.resource_requirements.unwrap_or_else(|| json!([])),
                "secrets": [],
                "ulimits": [],
                "vcpus": overrides.vcpus,
                "volumes": [],
            })),
        });
        Ok(Spec {
            id: uuid_form(&identifier(&self.call, Face::Batch, self.call.token_seed, 0)).into(),
            face: Face::Batch,
            region: self.call.region.to_owned(),
            account: self.call.account.to_owned(),
            lane: queue,
            name: request.job_name,
            definition: definition.to_owned(),
            created_at: now_milliseconds(),
            execution_arn: self.call.execution_arn.to_owned(),
            digest: digest(self.call.body),
            containers: vec![container],
            attempts_max: attempts,
            exit_rules,
            timeout_seconds,
            array_size,
            depends_on,
            shown: members(without_nulls(shown)),
        })
    }

    /// The name of the queue.
    fn queue(self, text: &str) -> Result<String, Fault> {
        let name = names::bare(text, "job-queue");
        let queues = &self.config.batch.queues;
        if name.is_empty() {
            return Err(Fault::client("jobQueue must not be empty"));
        }
        if !queues.is_empty() && !queues.contains_key(name) {
            let known = queues.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            return Err(Fault::client(format!(
                "JobQueue {text} not found: stepwell.toml has the queues {known}, but no [batch.queues.{name}]"
            )));
        }
        Ok(name.to_owned())
    }

    fn container(
        self,
        request: &SubmitJob,
        section: &DefinitionSection,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Container, Fault> {
        let none = ContainerOverrides::default();
        let overrides = request.container_overrides.as_ref().unwrap_or(&none);
        let replaced = |words: &[String]| words.iter().map(|word| substitute(word, parameters)).collect();
        let mut environment = section.env.clone();
        extend_environment(&mut environment, &overrides.environment)?;
        Ok(Container {
            name: CONTAINER.to_owned(),
            entrypoint: replaced(&section.entrypoint),
            command: replaced(overrides.command.as_ref().unwrap_or(&section.command)),
            directory: section.working_directory(&self.config.base_dir),
            image: section.image(),
            environment,
            essential: true,
            log_bytes_max: section.log_bytes_max(),
            stop_timeout_seconds: section.stop_timeout_seconds(),
        })
    }
}

/// Adds the variables of a request.
pub(crate) fn extend_environment(
    environment: &mut BTreeMap<String, String>,
    variables: &[Variable],
) -> Result<(), Fault> {
    for variable in variables {
        let name = variable.name.as_deref().unwrap_or_default();
        let value = variable.value.as_deref().unwrap_or_default();
        if !is_variable(name, value) {
            return Err(Fault::client(format!("{name:?} can't be set as an environment variable")));
        }
        environment.insert(name.to_owned(), value.to_owned());
    }
    Ok(())
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn check_name(name: &str) -> Result<(), Fault> {
    let is_usable = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let begins_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if !begins_well || name.len() > NAME_MAX || !name.bytes().all(is_usable) {
        return Err(Fault::client(format!(
            "jobName must begin with a letter or digit and have at most {NAME_MAX} letters, digits, - and _"
        )));
    }
    Ok(())
}

fn array_size(properties: Option<&ArrayProperties>) -> Result<Option<u32>, Fault> {
    let size = properties.and_then(|properties| properties.size);
    match size {
        Some(size) if !ARRAY_SIZE.contains(&size) => Err(Fault::client(format!(
            "the size of an array job must be between {} and {}",
            ARRAY_SIZE.start(),
            ARRAY_SIZE.end()
        ))),
        size => Ok(size),
    }
}

fn dependencies(given: &[DependsOn], array_size: Option<u32>) -> Result<Vec<Dependency>, Fault> {
    if given.len() > DEPENDENCIES_MAX {
        return Err(Fault::client(format!("a job can depend on at most {DEPENDENCIES_MAX} jobs")));
    }
    let only_array = |kind: &str| {
        array_size.map(|_| ()).ok_or_else(|| {
            Fault::client(format!("a dependency of type {kind} is possible for array jobs only"))
        })
    };
    let dependency = |given: &DependsOn| match (given.kind.as_deref(), &given.job_id) {
        (None, Some(id)) => Ok(Dependency::Job(id.clone())),
        (Some("N_TO_N"), Some(id)) => only_array("N_TO_N").map(|()| Dependency::SameIndex(id.clone())),
        (Some("SEQUENTIAL"), None) => only_array("SEQUENTIAL").map(|()| Dependency::Previous),
        (Some("SEQUENTIAL"), Some(_)) => {
            Err(Fault::client("a dependency of type SEQUENTIAL must not have a jobId"))
        }
        (Some("N_TO_N") | None, None) => Err(Fault::client("a dependency needs a jobId")),
        (Some(kind), _) => Err(Fault::client(format!("the dependency type {kind} is not known"))),
    };
    given.iter().map(dependency).collect()
}

fn exit_rules(retry: Option<&RetryStrategy>) -> Result<Vec<ExitRule>, Fault> {
    let given = retry.map(|retry| retry.evaluate_on_exit.as_slice()).unwrap_or_default();
    if given.len() > EXIT_RULES_MAX {
        return Err(Fault::client(format!("evaluateOnExit can have at most {EXIT_RULES_MAX} entries")));
    }
    let rule = |given: &EvaluateOnExit| {
        let retries = match given.action.to_ascii_uppercase().as_str() {
            "RETRY" => true,
            "EXIT" => false,
            _ => return Err(Fault::client("the action of evaluateOnExit must be RETRY or EXIT")),
        };
        Ok(ExitRule {
            on_status_reason: given.on_status_reason.clone(),
            on_reason: given.on_reason.clone(),
            on_exit_code: given.on_exit_code.clone(),
            retries,
        })
    };
    given.iter().map(rule).collect()
}

/// 32 hexadecimal digits as Batch writes its ids.
fn uuid_form(digits: &str) -> String {
    let part = |range| digits.get(range).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
}
