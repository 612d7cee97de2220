//! `stepwell update NAME FILE`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{ServerArgument, block_on, names, text};
use crate::commands::validate::{TypeName, load_runnable};
use crate::failure::Failure;
use crate::output::{self, Format};

/// Arguments of `update`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stepwell update order order.asl.json
  stepwell update order order.asl.json --publish
  stepwell update order --role-arn arn:aws:iam::123456789012:role/order

Executions that run keep the definition that they were started with.")]
pub(crate) struct UpdateArguments {
    /// The state machine: its name or ARN
    machine: String,
    /// The new definition; - for standard input
    #[arg(required_unless_present = "role_arn")]
    file: Option<PathBuf>,
    /// The new role
    #[arg(long, value_name = "ARN")]
    role_arn: Option<String>,
    /// Publish a version as well
    #[arg(long)]
    publish: bool,
    /// What the version is
    #[arg(long, value_name = "TEXT", requires = "publish")]
    version_description: Option<String>,
    #[command(flatten)]
    server: ServerArgument,
}

/// Updates the machine and prints its new revision.
pub(crate) fn run(arguments: &UpdateArguments, format: Format) -> Result<(), Failure> {
    let client = arguments.server.client()?;
    let answer = block_on(async {
        let arn = names::machine(&client, &arguments.machine).await?;
        let mut request = json!({"stateMachineArn": arn});
        if let Some(path) = &arguments.file {
            let machine = client.call("DescribeStateMachine", &request).await?;
            let machine_type = match text(&machine, "type") {
                "EXPRESS" => TypeName::Express,
                _ => TypeName::Standard,
            };
            request["definition"] = load_runnable(path, machine_type)?.json.into();
        }
        if let Some(role) = &arguments.role_arn {
            request["roleArn"] = role.as_str().into();
        }
        super::publish_too(&mut request, arguments.publish, arguments.version_description.as_deref());
        Ok(client.call("UpdateStateMachine", &request).await?)
    })?;
    match format {
        Format::Json => output::json(&answer),
        Format::Text => {
            // A machine whose first update changes nothing has no revision to name.
            match text(&answer, "revisionId") {
                "" => output::line("unchanged"),
                revision => output::line(format_args!("updated, revision {revision}")),
            }
            super::print_version(&answer);
        }
    }
    Ok(())
}
