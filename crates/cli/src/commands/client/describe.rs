//! `stepwell describe NAME`.

use clap::Args;
use serde_json::{Value, json};

use super::names::Qualifier;
use super::{ServerArgument, block_on, names};
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{self, Format};

/// Arguments of `describe`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stepwell describe order                  a state machine (or else an activity)
  stepwell describe order:run-1            an execution, or else a version or alias of that name
  stepwell describe order:3                a version
  stepwell describe order:run-1 --definition-after 0   the definition that it started with")]
pub(crate) struct DescribeArguments {
    /// A state machine or activity by name; an execution, version or alias as MACHINE:NAME; or any ARN
    name: String,
    /// Print the definition that an execution had after this many redrives (0: at its start), and nothing else
    #[arg(long, value_name = "REDRIVES")]
    definition_after: Option<u32>,
    #[command(flatten)]
    server: ServerArgument,
}

/// Describes it.
pub(crate) fn run(arguments: &DescribeArguments, format: Format) -> Result<(), Failure> {
    let client = arguments.server.client()?;
    let name = &arguments.name;
    let answer = block_on(async {
        if let Some(redrives) = arguments.definition_after {
            let arn = names::execution(&client, name).await?;
            let request = json!({"executionArn": arn, "redriveCount": redrives});
            return Ok(client.call("DescribeStateMachineForExecution", &request).await?);
        }
        if name.starts_with("arn:") || !name.contains(':') {
            return describe(&client, &names::machine_or_activity(&client, name).await?).await;
        }
        match describe(&client, &names::execution(&client, name).await?).await {
            // No execution has the name: it may be that of a version or an alias.
            Err(Failure::Refused(reason)) if reason.starts_with("ExecutionDoesNotExist") => {
                let qualified = describe(&client, &names::machine(&client, name).await?).await;
                qualified.map_err(|_| Failure::Refused(reason))
            }
            result => result,
        }
    })?;
    match format {
        Format::Json => output::json(&answer),
        Format::Text if arguments.definition_after.is_some() => {
            output::line(super::text(&answer, "definition"));
        }
        Format::Text => print(&answer),
    }
    Ok(())
}

async fn describe(client: &Client, arn: &str) -> Result<Value, Failure> {
    let (operation, key) = if arn.contains(":execution:") {
        ("DescribeExecution", "executionArn")
    } else if arn.contains(":activity:") {
        ("DescribeActivity", "activityArn")
    } else if let Some((_, Qualifier::Alias(_))) = names::qualifier(arn) {
        ("DescribeStateMachineAlias", "stateMachineAliasArn")
    } else {
        ("DescribeStateMachine", "stateMachineArn")
    };
    Ok(client.call(operation, &json!({key: arn})).await?)
}

/// One member a line; the definition last, as it is the longest.
fn print(answer: &Value) {
    let members: Vec<(&String, &Value)> = answer.as_object().into_iter().flatten().collect();
    let shown = members.iter().filter(|(_, value)| !value.is_object() && !value.is_null());
    for (key, value) in shown.filter(|(key, _)| *key != "definition" && *key != "redriveEdits") {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) if key.ends_with("Date") => super::time(answer, key),
            other => other.to_string(),
        };
        output::line(format_args!("{key}: {value}"));
    }
    for edit in answer.get("redriveEdits").and_then(Value::as_array).into_iter().flatten() {
        let mut what = Vec::new();
        if let Some(input) = edit.get("input").and_then(Value::as_str) {
            what.push(format!("state {} with the input {input}", super::text(edit, "stateName")));
        }
        if edit["definitionChanged"] == true {
            what.push("another definition".to_owned());
        }
        let (count, time) = (&edit["redriveCount"], super::time(edit, "redriveDate"));
        output::line(format_args!("redrive {count}: {time}, {}", what.join(", ")));
    }
    if let Some(definition) = answer.get("definition").and_then(Value::as_str) {
        output::line(format_args!("definition:\n{definition}"));
    }
}
