//! `stepwell delete NAME`.

use clap::Args;
use serde_json::json;

use super::names::Qualifier;
use super::{ServerArgument, block_on, names};
use crate::failure::Failure;
use crate::output::{self, Format};

/// Arguments of `delete`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stepwell delete order
  stepwell delete order:3        a version; order:live an alias

Executions of a state machine that is deleted are stopped; those of a version or alias go on.")]
pub(crate) struct DeleteArguments {
    /// The state machine or activity: its name or ARN; a version or alias as MACHINE:NAME
    name: String,
    #[command(flatten)]
    server: ServerArgument,
}

/// Deletes it.
pub(crate) fn run(arguments: &DeleteArguments, format: Format) -> Result<(), Failure> {
    let client = arguments.server.client()?;
    let (arn, answer) = block_on(async {
        let arn = match arguments.name.contains(':') {
            true => names::machine(&client, &arguments.name).await?,
            false => names::machine_or_activity(&client, &arguments.name).await?,
        };
        // The server takes the deletion of a version or an alias that is not there for done.
        if names::qualifier(&arn).is_some() {
            client.call("DescribeStateMachine", &json!({"stateMachineArn": arn})).await?;
        }
        let (operation, key) = if arn.contains(":activity:") {
            ("DeleteActivity", "activityArn")
        } else {
            match names::qualifier(&arn) {
                None => ("DeleteStateMachine", "stateMachineArn"),
                Some((_, Qualifier::Version(_))) => ("DeleteStateMachineVersion", "stateMachineVersionArn"),
                Some((_, Qualifier::Alias(_))) => ("DeleteStateMachineAlias", "stateMachineAliasArn"),
            }
        };
        let answer = client.call(operation, &json!({key: arn})).await?;
        Ok((arn, answer))
    })?;
    match format {
        Format::Json => output::json(&answer),
        Format::Text => output::line(format_args!("deleted {arn}")),
    }
    Ok(())
}
