//! Versions and aliases of a template: which machine they belong to, and where aliases lead.
//!
//! A version's number is known only once it is published, so an alias keeps the logical id of a version until then.

use stepwell_api::constraints::ALIAS_NAME;
use stepwell_json::Value;
use stepwell_json::spanned::Node;

use super::physical;
use super::resolve::{Resolver, scalar_text};

pub(super) const VERSION: &str = "AWS::StepFunctions::StateMachineVersion";
pub(super) const ALIAS: &str = "AWS::StepFunctions::StateMachineAlias";

/// Properties of an alias that say where it leads; one of them must be there.
const WAYS: [&str; 2] = ["RoutingConfiguration", "DeploymentPreference"];

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
    let Some(machine) = resolver.property(logical_id, "StateMachineArn") else {
        return resolver.error(resource, &format!("{logical_id} has no StateMachineArn"));
    };
    let machine_arn = resolver.text(machine);
    let description = resolver.property(logical_id, "Description").map(|node| resolver.text(node));
    let revision = resolver.property(logical_id, "StateMachineRevisionId");
    if let Some(node) = revision
        && !matches!(attribute_of(node), Some((_, "StateMachineRevisionId")))
    {
        let text = "only Fn::GetAtt of a state machine's StateMachineRevisionId can be used here: revisions have other \
                    ids on this server";
        return resolver.error(node, text);
    }
    Some(Version {
        key: (resolver.template.stack.clone(), logical_id.to_owned()),
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
    let name = alias_name(resolver, logical_id, resource);
    let description = match resolver.property(logical_id, "Description") {
        Some(node) => resolver.text(node),
        None => Some(String::new()),
    };
    let machine_arn = machine_of_alias(resolver, logical_id, resource);
    let [routing, preference] = WAYS.map(|name| resolver.property(logical_id, name));
    let routes = match (routing, preference) {
        (Some(node), None) => routes(resolver, node),
        (None, Some(node)) => {
            left_out.extend(gradual(resolver, logical_id, node));
            let version = preferred(resolver, node)?;
            target(resolver, version).map(|target| vec![Route { target, weight: 100 }])
        }
        _ => None,
    };
    Some(Alias {
        stack: resolver.template.stack.clone(),
        logical_id: logical_id.to_owned(),
        machine_arn: machine_arn?,
        name: name?,
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
    let node = resolver.property(logical_id, "AutoPublishAlias")?;
    let name = resolver.text(node)?;
    let name = checked_alias_name(resolver, name, node)?;
    if let Some(node) = resolver.property(logical_id, "DeploymentPreference") {
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

/// The name of an alias, if there can be one of that name.
fn alias_name(resolver: &mut Resolver<'_>, logical_id: &str, resource: &Node) -> Option<String> {
    let (name, _) = physical::name(resolver, logical_id, "Name")?;
    let node = resolver.template.property(logical_id, "Name").unwrap_or(resource);
    checked_alias_name(resolver, name, node)
}

fn checked_alias_name(resolver: &mut Resolver<'_>, name: String, node: &Node) -> Option<String> {
    if ALIAS_NAME.accepts(&name) {
        return Some(name);
    }
    let text = format!(
        "{name:?} can't be the name of an alias: it has up to 80 letters, digits and -_. and is not a number"
    );
    resolver.error(node, &text)
}

/// What `Ref` gives for an alias.
pub(super) fn alias_arn(resolver: &mut Resolver<'_>, logical_id: &str, node: &Node) -> Option<Value> {
    let machine = machine_of_alias(resolver, logical_id, node)?;
    let (name, _) = physical::name(resolver, logical_id, "Name")?;
    Some(Value::String(format!("{machine}:{name}").into()))
}

/// The ARN of the state machine that an alias belongs to: that of the first version it leads to.
fn machine_of_alias(resolver: &mut Resolver<'_>, logical_id: &str, resource: &Node) -> Option<String> {
    let [routing, preference] = WAYS.map(|name| resolver.property(logical_id, name));
    let version = match (routing, preference) {
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
        Target::Version((_, version_id)) => match resolver.property(&version_id, "StateMachineArn") {
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
    let items: Vec<&Node> = match node.items() {
        Some(items) => items.iter().filter_map(|item| resolver.present(item)).collect(),
        None => Vec::new(),
    };
    let route = |item: &Node| {
        let (Some(version), Some(weight)) = (item.get("StateMachineVersionArn"), item.get("Weight")) else {
            return resolver.error(item, "a route needs StateMachineVersionArn and Weight");
        };
        let target = target(resolver, version);
        let text = resolver.resolve(weight).as_ref().and_then(scalar_text)?;
        let Ok(weight) = text.parse::<i32>() else {
            return resolver.error(weight, &format!("{text:?} is no weight: a whole number is needed here"));
        };
        Some(Route { target: target?, weight: weight.into() })
    };
    let routes: Vec<Option<Route>> = items.into_iter().map(route).collect();
    let routes: Vec<Route> = routes.into_iter().collect::<Option<_>>()?;
    let sum: i64 = routes.iter().map(|route| route.weight).sum();
    if !matches!(routes.len(), 1 | 2) {
        return resolver.error(node, "an alias leads to one version or two");
    }
    if sum != 100 || routes.iter().any(|route| route.weight < 0) {
        return resolver
            .error(node, &format!("the weights of the versions must be 100 together, and are {sum}"));
    }
    Some(routes)
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
