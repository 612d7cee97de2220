//! What has to be done so that the server has the machine that the template wants.

use serde_json::{Value as Json, json};

use super::machine::{Machine, tag_list};
use super::resolve::Destination;
use crate::client::{CallError, Client};
use crate::commands::client::text;
use crate::failure::Failure;

/// What is done about a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Create,
    Update,
    Nothing,
}

impl Action {
    /// The word of the JSON output.
    pub(super) fn word(self) -> &'static str {
        match self {
            Action::Create => "create",
            Action::Update => "update",
            Action::Nothing => "unchanged",
        }
    }
}

/// A setting that differs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    /// `definition`, `role`, `logging`, `tracing`, `encryption` or `tags`; of an alias `description` or `routing`.
    pub(super) what: &'static str,
    pub(super) before: Json,
    pub(super) after: Json,
}

/// What is to be done about one machine.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) machine: &'a Machine,
    pub(super) arn: String,
    pub(super) action: Action,
    pub(super) changes: Vec<Change>,
}

/// Compares a machine with what the server has.
///
/// # Errors
/// The server can't be asked; the machine there has another type, which can't be changed.
pub(super) async fn plan<'a>(
    client: &Client,
    destination: &Destination,
    machine: &'a Machine,
) -> Result<Plan<'a>, Failure> {
    let arn = destination.arn("states", &format!("stateMachine:{}", machine.name));
    let current = match client.call("DescribeStateMachine", &json!({"stateMachineArn": arn})).await {
        Ok(current) => current,
        Err(error) if error.is("StateMachineDoesNotExist") => {
            return Ok(Plan { machine, arn, action: Action::Create, changes: Vec::new() });
        }
        Err(error) => return Err(error.into()),
    };
    let wanted_type = machine.machine_type.as_str();
    if text(&current, "type") != wanted_type {
        return Err(Failure::usage(format_args!(
            "{} is to be {wanted_type}, but the server has it as {}, and a type can't be changed; delete it first \
             (`stepwell delete {}`), or give the new one another name",
            machine.name,
            text(&current, "type"),
            machine.name
        )));
    }
    let tags = client.call("ListTagsForResource", &json!({"resourceArn": arn})).await?;
    let changes = changes(machine, &current, &tags["tags"]);
    let action = if changes.is_empty() { Action::Nothing } else { Action::Update };
    Ok(Plan { machine, arn, action, changes })
}

fn changes(machine: &Machine, current: &Json, tags: &Json) -> Vec<Change> {
    let wanted_logging = machine.logging.as_ref().unwrap_or(&Json::Null);
    let pairs = [
        ("definition", current["definition"].clone(), machine.definition.text.as_str().into()),
        ("role", current["roleArn"].clone(), machine.role_arn.as_str().into()),
        ("logging", logging(&current["loggingConfiguration"]), logging(wanted_logging)),
        (
            "tracing",
            tracing(&current["tracingConfiguration"]),
            tracing(machine.tracing.as_ref().unwrap_or(&Json::Null)),
        ),
        (
            "encryption",
            encryption(&current["encryptionConfiguration"]),
            encryption(machine.encryption.as_ref().unwrap_or(&Json::Null)),
        ),
        ("tags", sorted_tags(tags), tag_list(&machine.tags)),
    ];
    let changes = pairs.into_iter().map(|(what, before, after)| Change { what, before, after });
    changes.filter(|change| change.before != change.after).collect()
}

/// With all members, as AWS has them when they are not given.
fn logging(configuration: &Json) -> Json {
    let member = |name: &str, default: Json| match &configuration[name] {
        Json::Null => default,
        value => value.clone(),
    };
    json!({
        "level": member("level", "OFF".into()),
        "includeExecutionData": member("includeExecutionData", false.into()),
        "destinations": member("destinations", json!([])),
    })
}

fn tracing(configuration: &Json) -> Json {
    json!({"enabled": configuration["enabled"].as_bool().unwrap_or(false)})
}

pub(super) fn encryption(configuration: &Json) -> Json {
    match configuration {
        Json::Object(_) => configuration.clone(),
        _ => json!({"type": "AWS_OWNED_KEY"}),
    }
}

pub(super) fn sorted_tags(tags: &Json) -> Json {
    let tags = tags.as_array().into_iter().flatten();
    let mut tags: Vec<(String, String)> =
        tags.map(|tag| (text(tag, "key").to_owned(), text(tag, "value").to_owned())).collect();
    tags.sort();
    tag_list(&tags)
}

impl Plan<'_> {
    /// Whether the machine has another revision afterwards: tags are not part of one.
    pub(super) fn makes_revision(&self) -> bool {
        self.changes.iter().any(|change| change.what != "tags")
    }

    /// Does it.
    ///
    /// # Errors
    /// A call failed.
    pub(super) async fn carry_out(&self, client: &Client) -> Result<(), CallError> {
        match self.action {
            Action::Nothing => return Ok(()),
            Action::Create => {
                client.call("CreateStateMachine", &self.machine.create_request()).await?;
                return Ok(());
            }
            Action::Update => {}
        }
        let mut update = json!({"stateMachineArn": self.arn});
        for change in &self.changes {
            let member = match change.what {
                "definition" => "definition",
                "role" => "roleArn",
                "logging" => "loggingConfiguration",
                "tracing" => "tracingConfiguration",
                "encryption" => "encryptionConfiguration",
                _ => continue,
            };
            update[member] = change.after.clone();
        }
        if update.as_object().is_some_and(|members| members.len() > 1) {
            client.call("UpdateStateMachine", &update).await?;
        }
        if let Some(change) = self.changes.iter().find(|change| change.what == "tags") {
            update_tags(client, &self.arn, change).await?;
        }
        Ok(())
    }
}

/// Gives a state machine or an activity the tags that it is to have, and takes away the others.
pub(super) async fn update_tags(client: &Client, arn: &str, change: &Change) -> Result<(), CallError> {
    let has_key = |tags: &Json, key: &Json| {
        tags.as_array().is_some_and(|tags| tags.iter().any(|tag| tag["key"] == *key))
    };
    let before = change.before.as_array().into_iter().flatten();
    let gone: Vec<&Json> = before.map(|tag| &tag["key"]).filter(|key| !has_key(&change.after, key)).collect();
    if !gone.is_empty() {
        client.call("UntagResource", &json!({"resourceArn": arn, "tagKeys": gone})).await?;
    }
    if change.after.as_array().is_some_and(|tags| !tags.is_empty()) {
        client.call("TagResource", &json!({"resourceArn": arn, "tags": change.after})).await?;
    }
    Ok(())
}
