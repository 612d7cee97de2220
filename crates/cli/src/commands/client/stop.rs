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
    let (answer, ended) = block_on(async {
        let arn = names::execution(&client, &arguments.execution).await?;
        let mut request = json!({"executionArn": arn});
        for (key, value) in [("error", &arguments.error), ("cause", &arguments.cause)] {
            if let Some(value) = value {
                request[key] = value.as_str().into();
            }
        }
        let answer = client.call("StopExecution", &request).await?;
        if format == Format::Json {
            return Ok((answer, None));
        }
        // The answer is the same for an execution that had ended by itself.
        let request = json!({"executionArn": arn, "includedData": "METADATA_ONLY"});
        let status = client.call("DescribeExecution", &request).await?["status"].take();
        Ok((answer, status.as_str().filter(|status| *status != "ABORTED").map(str::to_owned)))
    })?;
    let time = super::time(&answer, "stopDate");
    match (format, ended) {
        (Format::Json, _) => output::json(&answer),
        (Format::Text, None) => output::line(format_args!("stopped at {time}")),
        (Format::Text, Some(status)) => {
            output::line(format_args!("not stopped: it had ended at {time}, {status}"));
        }
    }
    Ok(())
}
