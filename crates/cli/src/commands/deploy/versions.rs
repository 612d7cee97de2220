//! Versions and aliases of a template: which machine they belong to, and where aliases lead.
//!
//! A version's number is known only once it is published, so an alias keeps the logical id of a version until then.

use stepwell_json::Value;
use stepwell_json::spanned::Node;

use super::physical;
use super::resolve::{Resolver, scalar_text};

pub(super) const VERSION: &str = "AWS::StepFunctions::StateMachineVersion";
pub(super) const ALIAS: &str = "AWS::StepFunctions::StateMachineAlias";

/// Which version is meant: the stack and the logical id of its resource, or of the SAM machine that publishes it.
pub(super) type VersionKey = (String, String);

/// A version as a template wants it.
#[derive(Debug)]
pub(super) struct Version {
    pub(super) key: VersionKey,
    pub(super) machine_arn: String,
    pub(super) description: Option<String>,
    /// Whether each revision of the machine gets a version; else one is published and stays.
    pub(super) follows_revision: bool,
}

/// An alias as a template wants it.
#[derive(Debug)]
pub(super) struct Alias {
    pub(super) stack: String,
    pub(super) logical_id: String,
    pub(super) machine_arn: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) routes: Vec<Route>,
}

/// A part of the executions that are started through an alias.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) target: Target,
    /// Percent.
    pub(super) weight: i64,
}

/// What an alias leads to.
#[derive(Debug)]
pub(super) enum Target {
    /// A version of the template.
    Version(VersionKey),
    /// The ARN of a version that is there already.
    Arn(String),
}

/// Reads a version resource; what is unknown is noted.
pub(super) fn version(resolver: &mut Resolver<'_>, logical_id: &str, resource: &Node) -> Option<Version> {
    let template = resolver.template;
    let property = |name: &str| template.property(logical_id, name);
    let Some(machine) = property("StateMachineArn") else {
        return resolver.error(resource, &format!("{logical_id} has no StateMachineArn"));
    };
    let machine_arn = resolver.text(machine);
    let description = property("Description").map(|node| resolver.text(node));
    let revision = property("StateMachineRevisionId");
    if let Some(node) = revision
        && !matches!(attribute_of(node), Some((_, "StateMachineRevisionId")))
    {
        let text = "only Fn::GetAtt of a state machine's StateMachineRevisionId can be used here: revisions have other \
                    ids on this server";
        return resolver.error(node, text);
    }
    Some(Version {
        key: (template.stack.clone(), logical_id.to_owned()),
        machine_arn: machine_arn?,
        description: match description {
            Some(description) => Some(description?),
            None => None,
        },
        follows_revision: revision.is_some(),
    })
}

/// Reads an alias resource. A line about what it does at AWS and not here goes into `left_out`.
pub(super) fn alias(
    resolver: &mut Resolver<'_>,
    logical_id: &str,
    resource: &Node,
    left_out: &mut Vec<String>,
) -> Option<Alias> {
    let template = resolver.template;
    let property = |name: &str| template.property(logical_id, name);
    let name = physical::name(resolver, logical_id, "Name");
    let description = match property("Description") {
        Some(node) => resolver.text(node),
        None => Some(String::new()),
    };
    let machine_arn = machine_of_alias(resolver, logical_id, resource);
    let routes = match (property("RoutingConfiguration"), property("DeploymentPreference")) {
        (Some(node), None) => routes(resolver, node),
        (None, Some(node)) => {
            left_out.extend(gradual(resolver, logical_id, node));
            let version = preferred(resolver, node)?;
            target(resolver, version).map(|target| vec![Route { target, weight: 100 }])
        }
        _ => None,
    };
    Some(Alias {
        stack: template.stack.clone(),
        logical_id: logical_id.to_owned(),
        machine_arn: machine_arn?,
        name: name?.0,
        description: description?,
        routes: routes?,
    })
}

/// The version and the alias that SAM makes for the property `AutoPublishAlias`.
pub(super) fn auto_publish(
    resolver: &mut Resolver<'_>,
    logical_id: &str,
    machine_name: &str,
    left_out: &mut Vec<String>,
) -> Option<(Version, Alias)> {
    let template = resolver.template;
    let name = resolver.text(template.property(logical_id, "AutoPublishAlias")?)?;
    if let Some(node) = template.property(logical_id, "DeploymentPreference") {
        left_out.extend(gradual(resolver, logical_id, node));
    }
    let machine_arn = resolver.destination.arn("states", &format!("stateMachine:{machine_name}"));
    let key = (template.stack.clone(), logical_id.to_owned());
    let version = Version {
        key: key.clone(),
        machine_arn: machine_arn.clone(),
        description: None,
        follows_revision: true,
    };
    let alias = Alias {
        stack: template.stack.clone(),
        logical_id: logical_id.to_owned(),
        machine_arn,
        name,
        description: String::new(),
        routes: vec![Route { target: Target::Version(key), weight: 100 }],
    };
    Some((version, alias))
}

/// What `Ref` gives for an alias.
pub(super) fn alias_arn(resolver: &mut Resolver<'_>, logical_id: &str, node: &Node) -> Option<Value> {
    let machine = machine_of_alias(resolver, logical_id, node)?;
    let (name, _) = physical::name(resolver, logical_id, "Name")?;
    Some(Value::String(format!("{machine}:{name}").into()))
}

/// The ARN of the state machine that an alias belongs to: that of the first version it leads to.
fn machine_of_alias(resolver: &mut Resolver<'_>, logical_id: &str, resource: &Node) -> Option<String> {
    let template = resolver.template;
    let property = |name: &str| template.property(logical_id, name);
    let version = match (property("RoutingConfiguration"), property("DeploymentPreference")) {
        (Some(node), None) => {
            match node.items().and_then(|items| items.first()?.get("StateMachineVersionArn")) {
                Some(version) => version,
                None => {
                    return resolver
                        .error(node, "a list of StateMachineVersionArn and Weight is needed here");
                }
            }
        }
        (None, Some(node)) => preferred(resolver, node)?,
        _ => {
            let text =
                format!("{logical_id} needs RoutingConfiguration or DeploymentPreference, and not both");
            return resolver.error(resource, &text);
        }
    };
    match target(resolver, version)? {
        Target::Version((_, version_id)) => match template.property(&version_id, "StateMachineArn") {
            Some(machine) => resolver.text(machine),
            None => resolver.error(version, &format!("{version_id} has no StateMachineArn")),
        },
        Target::Arn(arn) => match arn.rsplit_once(':') {
            Some((machine, number)) if number.parse::<u64>().is_ok() => Some(machine.to_owned()),
            _ => resolver.error(version, &format!("{arn:?} is not the ARN of a version")),
        },
    }
}

/// The version that a DeploymentPreference leads to in the end.
fn preferred<'n>(resolver: &mut Resolver<'_>, preference: &'n Node) -> Option<&'n Node> {
    match preference.get("StateMachineVersionArn") {
        Some(version) => Some(version),
        None => resolver.error(preference, "DeploymentPreference has no StateMachineVersionArn"),
    }
}

/// A line about a DeploymentPreference that AWS follows step by step.
fn gradual(resolver: &mut Resolver<'_>, logical_id: &str, preference: &Node) -> Option<String> {
    let kind = resolver.text(preference.get("Type")?)?;
    (kind != "ALL_AT_ONCE").then(|| {
        format!(
            "DeploymentPreference {kind} of {logical_id} is followed at once: all executions get the new version, and \
             no alarm is watched"
        )
    })
}

fn routes(resolver: &mut Resolver<'_>, node: &Node) -> Option<Vec<Route>> {
    let items = node.items().unwrap_or_default();
    let route = |item: &Node| {
        let (Some(version), Some(weight)) = (item.get("StateMachineVersionArn"), item.get("Weight")) else {
            return resolver.error(item, "a route needs StateMachineVersionArn and Weight");
        };
        let target = target(resolver, version);
        let text = resolver.resolve(weight).as_ref().and_then(scalar_text)?;
        let Ok(weight) = text.parse() else {
            return resolver.error(weight, &format!("{text:?} is no weight: a whole number is needed here"));
        };
        Some(Route { target: target?, weight })
    };
    let routes: Vec<Option<Route>> = items.iter().map(route).collect();
    routes.into_iter().collect()
}

/// A version of the template, unless the user says which ARN it has; else the ARN.
fn target(resolver: &mut Resolver<'_>, node: &Node) -> Option<Target> {
    let template = resolver.template;
    let named = match node.members() {
        Some([member]) if &*member.key == "Ref" => member.value.as_str(),
        _ => attribute_of(node).filter(|(_, attribute)| *attribute == "Arn").map(|(name, _)| name),
    };
    if let Some(logical_id) = named.filter(|name| template.type_of(name) == Some(VERSION))
        && resolver.given(logical_id).is_none()
    {
        return Some(Target::Version((template.stack.clone(), logical_id.to_owned())));
    }
    resolver.text(node).map(Target::Arn)
}

/// The logical id and the attribute of an `Fn::GetAtt`.
fn attribute_of(node: &Node) -> Option<(&str, &str)> {
    let argument = node.get("Fn::GetAtt")?;
    match (argument.as_str(), argument.items()) {
        (Some(text), _) => text.split_once('.'),
        (None, Some([name, attribute])) => Some((name.as_str()?, attribute.as_str()?)),
        _ => None,
    }
}
