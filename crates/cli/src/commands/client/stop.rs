//! `stepwell stop EXECUTION`.

use clap::Args;
use serde_json::json;

use super::{ServerArgument, block_on, names};
use crate::failure::Failure;
use crate::output::{self, Format};

/// Arguments of `stop`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  stepwell stop order:run-1 --error Cancelled --cause 'the customer cancelled'")]
pub(crate) struct StopArguments {
    /// The execution: MACHINE:EXECUTION or its ARN
    execution: String,
    /// The error that the execution ends with
    #[arg(long)]
    error: Option<String>,
    /// The cause of the error
    #[arg(long)]
    cause: Option<String>,
    #[command(flatten)]
    server: ServerArgument,
}

/// Stops it.
pub(crate) fn run(arguments: &StopArguments, format: Format) -> Result<(), Failure> {
    let client = arguments.server.client()?;
    let answer = block_on(async {
        let mut request = json!({"executionArn": names::execution(&client, &arguments.execution).await?});
        for (key, value) in [("error", &arguments.error), ("cause", &arguments.cause)] {
            if let Some(value) = value {
                request[key] = value.as_str().into();
            }
        }
        Ok(client.call("StopExecution", &request).await?)
    })?;
    match format {
        Format::Json => output::json(&answer),
        Format::Text => output::line(format_args!("stopped at {}", super::time(&answer, "stopDate"))),
    }
    Ok(())
}
