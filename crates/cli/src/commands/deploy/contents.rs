//! What templates have for Step Functions.

use stepwell_json::spanned::{Member, Node};

use super::functions::named_condition;
use super::machine::{self, Machine};
use super::resolve::Resolver;
use super::template::Template;
use super::versions::{self, Alias, Version};
use super::{nested, physical};

const ACTIVITY: &str = "AWS::StepFunctions::Activity";

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

/// An activity as a template wants it.
#[derive(Debug)]
pub(super) struct Activity {
    pub(super) name: String,
}

/// Whether a template has anything to deploy.
pub(super) fn is_empty(template: &Template) -> bool {
    let mut types = template.section("Resources").iter().filter_map(|member| template.type_of(&member.key));
    !types.any(is_deployed)
}

fn is_deployed(resource_type: &str) -> bool {
    machine::is_machine(resource_type)
        || nested::is_stack(resource_type)
        || [ACTIVITY, versions::VERSION, versions::ALIAS].contains(&resource_type)
}

impl Contents {
    /// Adds what a template has, and the stacks within it; what is unknown is noted in the findings of the resolver.
    pub(super) fn read(&mut self, resolver: &mut Resolver<'_>) {
        let template = resolver.template;
        for Member { key: logical_id, value: resource, .. } in template.section("Resources") {
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
        match resource_type {
            ACTIVITY => {
                let name = physical::name(resolver, logical_id, "Name");
                self.activities.extend(name.map(|(name, _)| Activity { name }));
            }
            versions::VERSION => self.versions.extend(versions::version(resolver, logical_id, resource)),
            versions::ALIAS => {
                let alias = versions::alias(resolver, logical_id, resource, &mut self.left_out);
                self.aliases.extend(alias);
            }
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
                if let Some(machine) = machine::read(resolver, logical_id, resource_type, resource) {
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
}
