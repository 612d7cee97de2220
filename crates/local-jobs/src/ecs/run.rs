//! RunTask.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Ecs, cluster_name};
use crate::api::{Fault, NEVER_SUBMITTED, read, without_nulls};
use crate::batch::{Variable, extend_environment};
use crate::clock::now_milliseconds;
use crate::config::DefinitionSection;
use crate::engine::job::{Container, Face, JobId, Spec};
use crate::names;
use crate::service::{digest, identifier};

/// ECS's limit of tasks in one call.
const COUNT_MAX: usize = 10;
const STARTED_BY_MAX: usize = 128;

/// What speaks of where a task runs is taken and has no effect: there is one machine.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RunTask {
    #[serde(rename = "taskDefinition")]
    _task_definition: String,
    #[serde(rename = "capacityProviderStrategy")]
    _capacity_provider_strategy: Option<Value>,
    client_token: Option<String>,
    cluster: Option<String>,
    count: Option<usize>,
    #[serde(rename = "enableECSManagedTags")]
    _enable_ecs_managed_tags: Option<bool>,
    enable_execute_command: Option<bool>,
    group: Option<String>,
    launch_type: Option<String>,
    #[serde(rename = "networkConfiguration")]
    _network_configuration: Option<Value>,
    #[serde(default)]
    overrides: Overrides,
    #[serde(rename = "placementConstraints")]
    _placement_constraints: Option<Value>,
    #[serde(rename = "placementStrategy")]
    _placement_strategy: Option<Value>,
    platform_version: Option<String>,
    #[serde(rename = "propagateTags")]
    _propagate_tags: Option<String>,
    #[serde(rename = "referenceId")]
    _reference_id: Option<String>,
    started_by: Option<String>,
    #[serde(default)]
    tags: Vec<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Overrides {
    #[serde(default)]
    container_overrides: Vec<ContainerOverride>,
    cpu: Option<String>,
    ephemeral_storage: Option<Value>,
    execution_role_arn: Option<String>,
    memory: Option<String>,
    task_role_arn: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ContainerOverride {
    name: Option<String>,
    command: Option<Vec<String>>,
    cpu: Option<i64>,
    #[serde(default)]
    environment: Vec<Variable>,
    memory: Option<i64>,
    memory_reservation: Option<i64>,
    resource_requirements: Option<Value>,
}

impl Ecs<'_> {
    pub(super) async fn run(self) -> Option<Result<Value, Fault>> {
        let body: Value = serde_json::from_slice(self.call.body).ok()?;
        let wanted = body.get("taskDefinition")?.as_str()?;
        let (definition, section) =
            names::section(&self.config.ecs.task_definitions, wanted, "task-definition")?;
        Some(self.run_known(&definition, section).await)
    }

    async fn run_known(self, definition: &str, section: &DefinitionSection) -> Result<Value, Fault> {
        let request: RunTask = read(self.call.body)?;
        let count = request.count.unwrap_or(1);
        if !(1..=COUNT_MAX).contains(&count) {
            return Err(Fault::invalid_parameter(format!("count must be between 1 and {COUNT_MAX}.")));
        }
        let spec = self.spec(&request, definition, section)?;
        let token = request.client_token.as_deref().unwrap_or(self.call.token_seed);
        let token = format!("{} {token}", spec.lane);
        let mut tasks = Vec::new();
        for number in 0..count {
            let id = identifier(&self.call, Face::Ecs, &token, number);
            let submitted = self
                .engine
                .submit(Spec { id: id.as_str().into(), ..spec.clone() }, self.call.only_finds)
                .await;
            match submitted {
                // The call was cut off between two of its tasks.
                Err(fault) if fault.code == NEVER_SUBMITTED && number > 0 => break,
                other => other?,
            }
            tasks.extend(self.engine.view(&JobId::whole(&id), |job| self.description(job)));
        }
        Ok(json!({"failures": [], "tasks": tasks}))
    }

    fn spec(self, request: &RunTask, definition: &str, section: &DefinitionSection) -> Result<Spec, Fault> {
        let family = definition.split_once(':').map_or(definition, |(family, _)| family);
        let cluster = cluster_name(request.cluster.as_deref());
        let started_by = request.started_by.as_deref();
        if started_by.is_some_and(|text| text.chars().count() > STARTED_BY_MAX) {
            return Err(Fault::invalid_parameter(format!(
                "startedBy can have at most {STARTED_BY_MAX} characters."
            )));
        }
        let overrides = &request.overrides;
        let containers = self.containers(family, section, &overrides.container_overrides)?;
        let place = self.place();
        let shown_overrides = without_nulls(json!({
            "containerOverrides": overrides.container_overrides.iter().map(shown_override).collect::<Vec<_>>(),
            "cpu": overrides.cpu,
            "ephemeralStorage": overrides.ephemeral_storage,
            "executionRoleArn": overrides.execution_role_arn,
            "inferenceAcceleratorOverrides": [],
            "memory": overrides.memory,
            "taskRoleArn": overrides.task_role_arn,
        }));
        let shown = without_nulls(json!({
            "attachments": [],
            "attributes": [],
            "availabilityZone": format!("{}a", self.call.region),
            "clusterArn": place.arn("ecs", &format!("cluster/{cluster}")),
            "cpu": overrides.cpu,
            "enableExecuteCommand": request.enable_execute_command.unwrap_or(false),
            "ephemeralStorage": overrides.ephemeral_storage,
            "group": request.group.clone().unwrap_or_else(|| format!("family:{family}")),
            "inferenceAccelerators": [],
            "launchType": request.launch_type.as_deref().unwrap_or("EC2"),
            "memory": overrides.memory,
            "overrides": shown_overrides,
            "platformVersion": request.platform_version,
            "startedBy": started_by,
            "tags": request.tags,
            "taskDefinitionArn": place.arn("ecs", &format!("task-definition/{definition}")),
        }));
        let Value::Object(shown) = shown else { return Err(Fault::server("a task can't be described")) };
        Ok(Spec {
            id: "".into(),
            face: Face::Ecs,
            region: self.call.region.to_owned(),
            account: self.call.account.to_owned(),
            lane: cluster.to_owned(),
            name: family.to_owned(),
            definition: definition.to_owned(),
            created_at: now_milliseconds(),
            execution_arn: self.call.execution_arn.to_owned(),
            digest: digest(self.call.body),
            containers,
            attempts_max: 1,
            exit_rules: Vec::new(),
            timeout_seconds: None,
            array_size: None,
            depends_on: Vec::new(),
            shown,
        })
    }

    fn containers(
        self,
        family: &str,
        section: &DefinitionSection,
        overrides: &[ContainerOverride],
    ) -> Result<Vec<Container>, Fault> {
        let sections: Vec<(&str, &DefinitionSection)> = match section.containers.is_empty() {
            true => vec![(family, section)],
            false => section.containers.iter().map(|(name, section)| (name.as_str(), section)).collect(),
        };
        for given in overrides {
            let name = given.name.as_deref().unwrap_or_default();
            if !sections.iter().any(|(known, _)| *known == name) {
                let known: Vec<&str> = sections.iter().map(|(known, _)| *known).collect();
                return Err(Fault::invalid_parameter(format!(
                    "Override for container named {name} is not a container in the TaskDefinition: it has {}.",
                    known.join(", ")
                )));
            }
        }
        let container = |(name, section): &(&str, &DefinitionSection)| {
            let own = overrides.iter().find(|given| given.name.as_deref() == Some(name));
            let mut environment = section.env.clone();
            if let Some(own) = own {
                extend_environment(&mut environment, &own.environment)
                    .map_err(|fault| Fault::invalid_parameter(fault.message))?;
            }
            Ok(Container {
                name: (*name).to_owned(),
                entrypoint: section.entrypoint.clone(),
                command: own.and_then(|own| own.command.as_ref()).unwrap_or(&section.command).clone(),
                directory: section.working_directory(&self.config.base_dir),
                image: section.image(),
                environment,
                essential: section.essential.unwrap_or(true),
                log_bytes_max: section.log_bytes_max(),
                stop_timeout_seconds: section.stop_timeout_seconds(),
            })
        };
        sections.iter().map(container).collect()
    }
}

fn shown_override(given: &ContainerOverride) -> Value {
    let mut members = Map::new();
    let mut set = |name: &str, value: Value| {
        if !value.is_null() {
            members.insert(name.to_owned(), value);
        }
    };
    set("name", json!(given.name));
    set("command", json!(given.command));
    set("cpu", json!(given.cpu));
    set("memory", json!(given.memory));
    set("memoryReservation", json!(given.memory_reservation));
    set("resourceRequirements", json!(given.resource_requirements));
    if !given.environment.is_empty() {
        set("environment", json!(given.environment));
    }
    Value::Object(members)
}
