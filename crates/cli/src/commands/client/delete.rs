//! `stepwell delete NAME`.

use clap::Args;
use serde_json::json;

use super::{ServerArgument, block_on, names};
use crate::failure::Failure;
use crate::output::{self, Format};

/// Arguments of `delete`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  stepwell delete order

Executions of the state machine that run are stopped.")]
pub(crate) struct DeleteArguments {
    /// The state machine or activity: its name or ARN
    name: String,
    #[command(flatten)]
    server: ServerArgument,
}

/// Deletes it.
pub(crate) fn run(arguments: &DeleteArguments, format: Format) -> Result<(), Failure> {
    let client = arguments.server.client()?;
    let (arn, answer) = block_on(async {
        let arn = names::machine_or_activity(&client, &arguments.name).await?;
        let answer = if arn.contains(":activity:") {
            client.call("DeleteActivity", &json!({"activityArn": arn})).await?
        } else {
            client.call("DeleteStateMachine", &json!({"stateMachineArn": arn})).await?
        };
        Ok((arn, answer))
    })?;
    match format {
        Format::Json => output::json(&answer),
        Format::Text => output::line(format_args!("deleted {arn}")),
    }
    Ok(())
}
