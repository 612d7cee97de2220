//! `stepwell create FILE`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{ServerArgument, block_on, text};
use crate::commands::validate::{TypeName, load_runnable};
use crate::definition::is_standard_input;
use crate::failure::Failure;
use crate::output::{self, Format};

/// The role of machines that are given none. Nothing assumes it.
pub(crate) const ROLE_DEFAULT: &str = "arn:aws:iam::000000000000:role/stepwell";

/// Arguments of `create`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stepwell create order.asl.json
  stepwell create order.asl.yaml --name order-dev --type EXPRESS
  stepwell create order.asl.json --publish      and version 1")]
pub(crate) struct CreateArguments {
    /// The definition: JSON, or YAML where the name ends in .yaml or .yml; - for standard input, JSON or YAML
    file: PathBuf,
    /// The name of the state machine [default: the name of the file]
    #[arg(long)]
    name: Option<String>,
    /// The type of the state machine
    #[arg(long = "type", value_enum, ignore_case = true, default_value_t, value_name = "TYPE")]
    machine_type: TypeName,
    /// The role that the state machine has in AWS; nothing assumes it here
    #[arg(long, value_name = "ARN", default_value = ROLE_DEFAULT)]
    role_arn: String,
    /// Publish a version as well
    #[arg(long)]
    publish: bool,
    /// What the version is
    #[arg(long, value_name = "TEXT", requires = "publish")]
    version_description: Option<String>,
    #[command(flatten)]
    server: ServerArgument,
}

/// Creates the machine and prints its ARN.
pub(crate) fn run(arguments: &CreateArguments, format: Format) -> Result<(), Failure> {
    if arguments.name.is_none() && is_standard_input(&arguments.file) {
        return Err(Failure::usage("a definition from standard input has no name: give one with --name"));
    }
    let file = load_runnable(&arguments.file, arguments.machine_type)?;
    let client = arguments.server.client()?;
    let mut request = json!({
        "name": arguments.name.clone().unwrap_or_else(|| file.machine_name()),
        "definition": file.json,
        "type": arguments.machine_type.as_str(),
        "roleArn": arguments.role_arn,
    });
    super::publish_too(&mut request, arguments.publish, arguments.version_description.as_deref());
    let answer = block_on(async { Ok(client.call("CreateStateMachine", &request).await?) })?;
    match format {
        Format::Json => output::json(&answer),
        Format::Text => {
            output::line(text(&answer, "stateMachineArn"));
            super::print_version(&answer);
        }
    }
    Ok(())
}
