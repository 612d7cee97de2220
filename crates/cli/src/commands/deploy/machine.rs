//! The state machines of a template, ready to be created.

use serde_json::{Map, Value as Json, json};
use stepwell_api::arn::check_role;
use stepwell_api::types::tag::{Tag, check_tags};
use stepwell_json::Value;
use stepwell_json::spanned::{Node, NodeKind};

use super::definition::{self, Definition};
use super::physical;
use super::resolve::Resolver;
use crate::commands::client::create::ROLE_DEFAULT;
use crate::commands::validate::TypeName;

/// Types of resources that are deployed, with the names of their properties.
const STATE_MACHINES: [PropertyNames; 2] = [
    PropertyNames {
        resource_type: "AWS::StepFunctions::StateMachine",
        name: "StateMachineName",
        machine_type: "StateMachineType",
        role: "RoleArn",
        logging: "LoggingConfiguration",
        tracing: "TracingConfiguration",
        definitions: &["DefinitionString", "Definition", "DefinitionS3Location"],
    },
    PropertyNames {
        resource_type: "AWS::Serverless::StateMachine",
        name: "Name",
        machine_type: "Type",
        role: "Role",
        logging: "Logging",
        tracing: "Tracing",
        definitions: &["Definition", "DefinitionUri"],
    },
];
/// What the property is called of all that can be encrypted.
pub(super) const ENCRYPTION: &str = "EncryptionConfiguration";

struct PropertyNames {
    resource_type: &'static str,
    name: &'static str,
    machine_type: &'static str,
    role: &'static str,
    logging: &'static str,
    tracing: &'static str,
    /// Those that have the definition; one of them must be there.
    definitions: &'static [&'static str],
}

/// A state machine as a template wants it.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) logical_id: String,
    pub(super) stack: String,
    pub(super) name: String,
    pub(super) machine_type: TypeName,
    pub(super) role_arn: String,
    pub(super) definition: Definition,
    /// As the API has it; none when the template says nothing.
    pub(super) logging: Option<Json>,
    pub(super) tracing: Option<Json>,
    pub(super) encryption: Option<Json>,
    /// Keys and values, by key.
    pub(super) tags: Vec<(String, String)>,
}

/// The state machine that a resource is; none when it is none, or when something of it is not known, which is noted.
pub(super) fn read(
    resolver: &mut Resolver<'_>,
    logical_id: &str,
    resource_type: &str,
    resource: &Node,
) -> Option<Machine> {
    let names = STATE_MACHINES.iter().find(|names| names.resource_type == resource_type)?;
    machine(resolver, logical_id, names, resource)
}

/// Whether resources of a type are state machines.
pub(super) fn is_machine(resource_type: &str) -> bool {
    STATE_MACHINES.iter().any(|names| names.resource_type == resource_type)
}

fn machine(
    resolver: &mut Resolver<'_>,
    logical_id: &str,
    names: &PropertyNames,
    resource: &Node,
) -> Option<Machine> {
    // Everything is looked at before anything is given up, so that all that is unknown is told.
    let name = physical::own_name(resolver, logical_id, names.name, resource);
    let machine_type = match resolver.property(logical_id, names.machine_type) {
        None => Some(TypeName::Standard),
        Some(node) => match resolver.text(node).as_deref() {
            Some("STANDARD") => Some(TypeName::Standard),
            Some("EXPRESS") => Some(TypeName::Express),
            Some(other) => resolver.error(node, &format!("{other:?} is neither STANDARD nor EXPRESS")),
            None => None,
        },
    };
    let role_arn = match resolver.property(logical_id, names.role) {
        Some(node) => match resolver.text(node) {
            Some(role) if check_role(&role).is_err() => {
                resolver.error(node, &format!("{role:?} is not the ARN of a role"))
            }
            role => role,
        },
        None if names.resource_type == "AWS::Serverless::StateMachine" => {
            // SAM makes a role of this name.
            let destination = resolver.destination;
            let account = &destination.account;
            Some(format!("arn:{}:iam::{account}:role/{logical_id}Role", destination.partition()))
        }
        None => Some(ROLE_DEFAULT.to_owned()),
    };
    let logging = setting(resolver, logical_id, names.logging);
    let tracing = setting(resolver, logical_id, names.tracing);
    let encryption = setting(resolver, logical_id, ENCRYPTION);
    let tags = tags(resolver, logical_id);
    let definition = definition::read(resolver, logical_id, names.definitions, resource);
    Some(Machine {
        logical_id: logical_id.to_owned(),
        stack: resolver.template.stack.clone(),
        name: name?,
        machine_type: machine_type?,
        role_arn: role_arn?,
        definition: definition?,
        logging,
        tracing,
        encryption,
        tags: tags?,
    })
}

/// A property as the API has it; none when the template says nothing.
pub(super) fn setting(resolver: &mut Resolver<'_>, logical_id: &str, name: &str) -> Option<Json> {
    let node = resolver.property(logical_id, name)?;
    resolver.resolve(node).map(api_form)
}

/// The tags of a resource, by key: a list of `Key` and `Value`, or SAM's object.
pub(super) fn tags(resolver: &mut Resolver<'_>, logical_id: &str) -> Option<Vec<(String, String)>> {
    let Some(node) = resolver.property(logical_id, "Tags") else { return Some(Vec::new()) };
    let mut tags = Vec::new();
    match &node.kind {
        NodeKind::Object(members) => {
            for member in members {
                let Some(value) = resolver.present(&member.value) else { continue };
                tags.push((member.key.to_string(), resolver.text(value)?));
            }
        }
        NodeKind::Array(items) => {
            for item in items {
                let Some(item) = resolver.present(item) else { continue };
                let (Some(key), Some(value)) = (item.get("Key"), item.get("Value")) else {
                    return resolver.error(item, "a tag needs Key and Value");
                };
                let (key, value) = (resolver.text(key), resolver.text(value));
                tags.push((key?, value?));
            }
        }
        _ => return resolver.error(node, "tags are a list of Key and Value"),
    }
    tags.sort();
    let as_sent = tags.iter().map(|(key, value)| Tag { key: Some(key.clone()), value: Some(value.clone()) });
    if let Err(error) = check_tags(&as_sent.collect::<Vec<_>>()) {
        return resolver.error(node, &error.message);
    }
    Some(tags)
}

/// A property of CloudFormation as the API writes it: names start with a small letter, booleans and numbers are no texts.
fn api_form(value: Value) -> Json {
    match value {
        Value::Object(object) => {
            let member = |(key, value): (&std::sync::Arc<str>, &Value)| {
                let mut letters = key.chars();
                let first = letters.next().map(|first| first.to_ascii_lowercase());
                (first.into_iter().chain(letters).collect::<String>(), api_form(value.clone()))
            };
            Json::Object(object.iter().map(member).collect::<Map<String, Json>>())
        }
        Value::Array(items) => Json::Array(items.items().iter().cloned().map(api_form).collect()),
        Value::String(text) if matches!(&*text, "true" | "false") => Json::Bool(&*text == "true"),
        other => serde_json::from_str(&other.to_text()).unwrap_or(Json::Null),
    }
}

impl Machine {
    /// The request that creates it.
    pub(super) fn create_request(&self) -> Json {
        let mut request = json!({
            "name": self.name,
            "definition": self.definition.text,
            "type": self.machine_type.as_str(),
            "roleArn": self.role_arn,
        });
        let settings = [
            ("loggingConfiguration", &self.logging),
            ("tracingConfiguration", &self.tracing),
            ("encryptionConfiguration", &self.encryption),
        ];
        for (name, value) in settings {
            if let Some(value) = value {
                request[name] = value.clone();
            }
        }
        if !self.tags.is_empty() {
            request["tags"] = tag_list(&self.tags);
        }
        request
    }
}

/// Tags as the API has them.
pub(super) fn tag_list(tags: &[(String, String)]) -> Json {
    tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
}

/// Two machines of one name would overwrite each other.
pub(super) fn same_name(machines: &[Machine]) -> Option<String> {
    machines.iter().enumerate().find_map(|(position, machine)| {
        let other = machines[..position].iter().find(|other| other.name == machine.name)?;
        Some(format!(
            "{} of {} and {} of {} would both be the state machine {}; give one a name, in the template or with \
             --map: \"{}.Name\" = \"…\"",
            other.logical_id, other.stack, machine.logical_id, machine.stack, machine.name, machine.logical_id
        ))
    })
}
