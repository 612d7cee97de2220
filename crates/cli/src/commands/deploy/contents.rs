//! What templates have for Step Functions.

use stepwell_json::spanned::{Member, Node};

use super::activity::Activity;
use super::functions::named_condition;
use super::machine::{self, Machine};
use super::resolve::Resolver;
use super::template::Template;
use super::versions::{self, Alias, Version};
use super::{activity, nested};
use crate::nearest::nearest;

const ACTIVITY: &str = "AWS::StepFunctions::Activity";

/// The properties that AWS knows of types of resources.
const PROPERTIES: [(&str, &[&str]); 5] = [
    (
        "AWS::StepFunctions::StateMachine",
        &[
            "Definition",
            "DefinitionS3Location",
            "DefinitionString",
            "DefinitionSubstitutions",
            "EncryptionConfiguration",
            "LoggingConfiguration",
            "RoleArn",
            "StateMachineName",
            "StateMachineType",
            "Tags",
            "TracingConfiguration",
        ],
    ),
    (
        "AWS::Serverless::StateMachine",
        &[
            "AutoPublishAlias",
            "Definition",
            "DefinitionSubstitutions",
            "DefinitionUri",
            "DeploymentPreference",
            "EncryptionConfiguration",
            "Events",
            "Logging",
            "Name",
            "PermissionsBoundary",
            "Policies",
            "PropagateTags",
            "Role",
            "RolePath",
            "Tags",
            "Tracing",
            "Type",
            "UseAliasAsEventTarget",
        ],
    ),
    (ACTIVITY, &["EncryptionConfiguration", "Name", "Tags"]),
    (versions::VERSION, &["Description", "StateMachineArn", "StateMachineRevisionId"]),
    (versions::ALIAS, &["DeploymentPreference", "Description", "Name", "RoutingConfiguration"]),
];

/// Everything that is to be deployed.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) machines: Vec<Machine>,
    pub(super) activities: Vec<Activity>,
    pub(super) versions: Vec<Version>,
    pub(super) aliases: Vec<Alias>,
    /// Templates of stacks within stacks.
    pub(super) nested: Vec<Template>,
    /// A line about each thing that is left out, or that AWS would do otherwise.
    pub(super) left_out: Vec<String>,
}

/// Whether a template has anything to deploy, or perhaps has.
pub(super) fn is_empty(template: &Template) -> bool {
    let mut names = template.section("Resources").iter().map(|member| &*member.key);
    !names.any(|name| is_function(name) || template.type_of(name).is_some_and(is_deployed))
}

/// Whether resources are made by a function, such as `Fn::ForEach::NAME`.
fn is_function(name: &str) -> bool {
    name.starts_with("Fn::")
}

fn is_deployed(resource_type: &str) -> bool {
    machine::is_machine(resource_type)
        || nested::is_stack(resource_type)
        || [ACTIVITY, versions::VERSION, versions::ALIAS].contains(&resource_type)
}

/// A line about each property that has no effect, since nobody knows it.
fn unknown_properties(template: &Template, logical_id: &str, resource_type: &str) -> Vec<String> {
    let Some((_, known)) = PROPERTIES.iter().find(|(name, _)| *name == resource_type) else {
        return Vec::new();
    };
    let properties = template.entry("Resources", logical_id).and_then(|resource| resource.get("Properties"));
    let properties = properties.and_then(Node::members).unwrap_or_default();
    let names = properties.iter().map(|member| &*member.key).filter(|name| !known.contains(name));
    names
        .map(|name| match nearest(name, known.iter().copied()) {
            Some(nearest) => {
                format!("{name} of {logical_id} is not known and has no effect; did you mean {nearest}?")
            }
            None => format!("{name} of {logical_id} is not known and has no effect"),
        })
        .collect()
}

impl Contents {
    /// Adds what a template has, and the stacks within it; what is unknown is noted in the findings of the resolver.
    pub(super) fn read(&mut self, resolver: &mut Resolver<'_>) {
        let template = resolver.template;
        for Member { key: logical_id, value: resource, .. } in template.section("Resources") {
            if is_function(logical_id) {
                let why = "what makes resources is not evaluated; write them themselves";
                self.left_out.push(format!("{logical_id} is left out: {why}"));
            }
            let resource_type = template.type_of(logical_id).unwrap_or_default();
            if !is_deployed(resource_type) {
                continue;
            }
            resolver.user = logical_id.to_string();
            if self.is_wanted(resolver, logical_id, resource) {
                self.read_resource(resolver, logical_id, resource_type, resource);
            }
        }
    }

    /// Whether the condition of a resource holds, if it has one.
    fn is_wanted(&mut self, resolver: &mut Resolver<'_>, logical_id: &str, resource: &Node) -> bool {
        let Some(condition) = resource.get("Condition").and_then(Node::as_str) else { return true };
        let holds = named_condition(resolver, condition, resource);
        if holds == Some(false) {
            let why = format!("its condition {condition} does not hold");
            self.left_out.push(format!("{logical_id} is left out: {why}"));
        }
        holds == Some(true)
    }

    fn read_resource(
        &mut self,
        resolver: &mut Resolver<'_>,
        logical_id: &str,
        resource_type: &str,
        resource: &Node,
    ) {
        self.left_out.extend(unknown_properties(resolver.template, logical_id, resource_type));
        match resource_type {
            ACTIVITY => match activity::read(resolver, logical_id, resource) {
                Some(activity) => self.activities.push(activity),
                None => resolver.not_read(logical_id, resource),
            },
            versions::VERSION => match versions::version(resolver, logical_id, resource) {
                Some(version) => self.versions.push(version),
                None => resolver.not_read(logical_id, resource),
            },
            versions::ALIAS => match versions::alias(resolver, logical_id, resource, &mut self.left_out) {
                Some(alias) => self.aliases.push(alias),
                None => resolver.not_read(logical_id, resource),
            },
            _ if nested::is_stack(resource_type) => {
                let Some(nested) = nested::open(resolver, logical_id, resource, &mut self.left_out) else {
                    return;
                };
                let mut inner = resolver.inside(&nested);
                self.read(&mut inner);
                self.nested.push(nested);
            }
            _ => {
                let template = resolver.template;
                if template.property(logical_id, "Events").is_some() {
                    let why = "nothing starts executions by itself";
                    self.left_out.push(format!("Events of {logical_id} is left out: {why}"));
                }
                let Some(machine) = machine::read(resolver, logical_id, resource_type, resource) else {
                    return resolver.not_read(logical_id, resource);
                };
                let published =
                    versions::auto_publish(resolver, logical_id, &machine.name, &mut self.left_out);
                if let Some((version, alias)) = published {
                    self.versions.push(version);
                    self.aliases.push(alias);
                }
                self.machines.push(machine);
            }
        }
    }
}
