//! `stepwell redrive EXECUTION`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::start::print_end;
use super::{ServerArgument, block_on, follow, names, time};
use crate::commands::validate::{TypeName, load_runnable};
use crate::failure::Failure;
use crate::input;
use crate::output::{self, Format};

/// Arguments of `redrive`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stepwell redrive order:run-1                                   go on from the state that failed
  stepwell redrive order:run-1 --with-input '{\"order\": 2}'       give that state another input
  stepwell redrive order:run-1 --with-definition order.asl.json  go on with a mended definition

States that ended well are not run again. The states in which the execution stopped must have the same names in a new
definition; the state machine keeps its own. `describe` and `history` show what was edited.

Exit code with --wait: 0 when the execution succeeded, else 1.")]
pub(crate) struct RedriveArguments {
    /// The execution: MACHINE:EXECUTION or its ARN
    execution: String,
    /// Another input for the state that failed: JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON")]
    with_input: Option<String>,
    /// Another definition, for this execution alone
    #[arg(long, value_name = "FILE")]
    with_definition: Option<PathBuf>,
    /// Redriving with the same token again, within 15 minutes, changes nothing
    #[arg(long, value_name = "TOKEN")]
    client_token: Option<String>,
    /// Wait for the end and print the output
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    server: ServerArgument,
}

/// Redrives it.
pub(crate) fn run(arguments: &RedriveArguments, format: Format) -> Result<(), Failure> {
    let mut request = json!({});
    if let Some(argument) = &arguments.with_input {
        request["withInput"] = input::json(argument)?.into();
    }
    if let Some(path) = &arguments.with_definition {
        request["withDefinition"] = load_runnable(path, TypeName::Standard)?.json.into();
    }
    if let Some(token) = &arguments.client_token {
        request["clientToken"] = token.as_str().into();
    }
    let client = arguments.server.client()?;
    block_on(async {
        let arn = names::execution(&client, &arguments.execution).await?;
        request["executionArn"] = arn.as_str().into();
        let answer = client.call("RedriveExecution", &request).await?;
        if arguments.wait {
            return print_end(&follow::wait(&client, &arn).await?, format);
        }
        match format {
            Format::Json => output::json(&answer),
            Format::Text => output::line(format_args!("redriven at {}", time(&answer, "redriveDate"))),
        }
        Ok(())
    })
}
