//! `stepwell publish NAME`.

use clap::Args;
use serde_json::json;

use super::{ServerArgument, block_on, names, text};
use crate::failure::Failure;
use crate::output::{self, Format};

/// Arguments of `publish`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stepwell publish order                            prints the version's ARN
  stepwell publish order --description 'with refunds'

A revision that is published already keeps its version.")]
pub(crate) struct PublishArguments {
    /// The state machine: its name or ARN
    machine: String,
    /// What the version is
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Publish only if this is the present revision; INITIAL is that of a machine never updated
    #[arg(long, value_name = "ID")]
    revision_id: Option<String>,
    #[command(flatten)]
    server: ServerArgument,
}

/// Publishes the present revision and prints the version's ARN.
pub(crate) fn run(arguments: &PublishArguments, format: Format) -> Result<(), Failure> {
    let client = arguments.server.client()?;
    let answer = block_on(async {
        let mut request = json!({"stateMachineArn": names::machine(&client, &arguments.machine).await?});
        if let Some(description) = &arguments.description {
            request["description"] = description.as_str().into();
        }
        if let Some(revision_id) = &arguments.revision_id {
            request["revisionId"] = revision_id.as_str().into();
        }
        Ok(client.call("PublishStateMachineVersion", &request).await?)
    })?;
    match format {
        Format::Json => output::json(&answer),
        Format::Text => output::line(text(&answer, "stateMachineVersionArn")),
    }
    Ok(())
}
